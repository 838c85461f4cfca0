"""A bench for one runner: its warm process, its place, and what the scenarios end with when nothing disturbs them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crashing.control import Control
from crashing.samples import Masters, Place
from crashing.scenarios import SCENARIOS, Scenario
from crashing.warm import Ended, Warm


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that was broken at one point, and how to see it again."""

    scenario: str
    mode: str
    point: str
    broken: str

    def __str__(self) -> str:
        return f"{self.scenario} {self.mode} {self.point}: {self.broken}"


@dataclass
class Tally:
    """What one scenario came to in one mode."""

    scenario: str
    mode: str
    calls: int = 0
    points: int = 0
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def judged(self, point: str, broken: list[str]) -> None:
        self.points += 1
        self.violations += [Violation(self.scenario, self.mode, point, line) for line in broken]


@dataclass(frozen=True, slots=True)
class Ends:
    """Essences: where a scenario begins, of an undisturbed run, of two; and how many calls it makes."""

    before: Any
    done: Any
    twice: Any
    calls: int


class Bench:
    def __init__(self, folder: Path, masters: Masters, warm: Warm, *, cold: bool = False) -> None:
        self.masters, self.warm, self.cold = masters, warm, cold
        self.place = Place(folder / "place", masters.stick)
        self.control = Control(folder / "control")
        self._ends: dict[str, Ends] = {}

    def fresh(self, scenario: Scenario) -> Place:
        return self.place.fresh(self.masters.get(scenario.start))

    def run(self, scenario: Scenario, control: Control | None, *, after: float = 0.0) -> Ended:
        place = self.place
        return self.warm.run(
            scenario.words(place), control=control, out=place.said, after=after, cold=self.cold
        )

    def ends(self, name: str) -> Ends:
        """Made once: the undisturbed run, and the same again."""
        if name not in self._ends:
            scenario = SCENARIOS[name]
            place = self.fresh(scenario)
            before = self._settled()
            ended = self.run(scenario, self.control.watch(place))
            if ended.code != 0:
                raise RuntimeError(f"undisturbed, {name} ends with {ended.code}: {ended.err}")
            done = self._settled()
            calls = self.control.count
            self.run(scenario, None)
            self._ends[name] = Ends(before, done, self._settled(), calls)
        return self._ends[name]

    def judge(
        self, name: str, *, finished: bool = False, power: bool = False, double: bool = False
    ) -> list[str]:
        """What is broken in the place as it is; see ``judging.after``."""
        ends = self._ends[name]
        try:
            told = self.warm.call(
                "judging:after", folder=str(self.place.folder), stick=str(self.place.stick), scenario=name,
                before=ends.before, done=ends.done, twice=ends.twice, finished=finished, power=power,
                double=double,
            )  # fmt: skip
        except RuntimeError as error:  # what nobody foresaw is a finding, too
            return [f"I? it cannot be judged: {str(error).strip().splitlines()[-1]}"]
        return [str(line) for line in told]

    def _settled(self) -> Any:
        return self.warm.call("judging:settled", folder=str(self.place.folder), stick=str(self.place.stick))


def chosen(points: int, *, every: int, sample: int, seed: str) -> list[int]:
    """Which of 1 … ``points``: every so many, or so many at random."""
    numbers = list(range(1, points + 1, max(1, every)))
    if sample and sample < len(numbers):
        return sorted(random.Random(seed).sample(numbers, sample))
    return numbers
