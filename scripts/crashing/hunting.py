"""``--mutants``: each broken protocol is run until the mode that should catch it has, and the same point of the sound
program is looked at, which must not break the same promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crashing import faults, killing, power
from crashing.mutants import MUTANTS, Mutant
from crashing.running import Bench, Tally, chosen
from crashing.samples import Masters
from crashing.warm import Warm


@dataclass(frozen=True, slots=True)
class Hunt:
    """``caught`` is the first violation that counts; empty where there was none at ``points`` points."""

    mutant: str
    mode: str
    scenario: str
    points: int
    caught: str


def hunt(name: str, shim: Path, folder: Path, seed: str, most: int = 0) -> Hunt:
    """``most``: how many points are tried before the mutant counts as missed; all where it is 0."""
    mutant = MUTANTS[name]
    tried = 0
    with _bench(shim, folder / "sound", "") as sound, _bench(shim, folder / "broken", name) as broken:
        for point, found in _found(broken, mutant, seed):
            tried += 1
            if found and not {f[:2] for f in found} <= {f[:2] for f in _again(sound, mutant, point)}:
                return Hunt(name, mutant.mode, mutant.scenario, tried, f"{point}: {found[0]}")
            if tried == most:
                break
    return Hunt(name, mutant.mode, mutant.scenario, tried, "")


class _bench:  # noqa: N801 used like a function
    def __init__(self, shim: Path, folder: Path, mutant: str) -> None:
        folder.mkdir(parents=True)
        self._warm = Warm(shim, folder / "warm", mutant=mutant)
        self._shim, self._folder = shim, folder

    def __enter__(self) -> Bench:
        return Bench(self._folder, Masters(self._folder / "samples", self._warm), self._warm)

    def __exit__(self, *_: object) -> None:
        self._warm.__exit__()


def _found(bench: Bench, mutant: Mutant, seed: str) -> Iterator[tuple[str, list[str]]]:
    """Point by point, what is broken of what the mutant should break."""
    bench.ends(mutant.scenario)
    if mutant.mode == "power":
        for loss in power.losses(power.recorded(bench, mutant.scenario), 2):
            yield loss.point, _of_disk(bench, mutant, loss)
        return
    for point in _points(bench, mutant, seed):
        yield point, _at_call(bench, mutant, point)


def _again(bench: Bench, mutant: Mutant, point: str) -> list[str]:
    """The same point of the sound program; of power losses the one with the same name, where there is one."""
    bench.ends(mutant.scenario)
    if mutant.mode != "power":
        return _at_call(bench, mutant, point)
    losses = power.losses(power.recorded(bench, mutant.scenario), 2)
    return next((_of_disk(bench, mutant, loss) for loss in losses if loss.point == point), [])


def _points(bench: Bench, mutant: Mutant, seed: str) -> Iterator[str]:
    """In an order that soon comes upon every kind of call."""
    calls = bench.ends(mutant.scenario).calls
    seen = set()
    for every in (16, 4, 1):
        for number in chosen(calls, every=every, sample=0, seed=seed):
            if number not in seen:
                seen.add(number)
                if mutant.mode == "fault":
                    yield from (f"{number},{which}" for which in ("EIO-once", "ENOSPC-on"))
                else:
                    yield str(number)


def _at_call(bench: Bench, mutant: Mutant, point: str) -> list[str]:
    tally = Tally(mutant.scenario, mutant.mode)
    number, _, which = point.partition(",")
    if mutant.mode == "fault":
        faults.fault(bench, mutant.scenario, [(int(number), which)], tally)
    else:
        killing.syscall(bench, mutant.scenario, [int(number)], tally)
    return _of_its_kind(mutant, tally)


def _of_disk(bench: Bench, mutant: Mutant, loss: power.Loss) -> list[str]:
    tally = Tally(mutant.scenario, mutant.mode)
    power.look(bench, mutant.scenario, loss, tally)
    return _of_its_kind(mutant, tally)


def _of_its_kind(mutant: Mutant, tally: Tally) -> list[str]:
    return [v.broken for v in tally.violations if v.broken.startswith(mutant.promises)]
