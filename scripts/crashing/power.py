"""``power``: every distinct disk that a loss of power may leave, at cut points all along a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crashing import disk
from crashing.disk import Disk, State, Step
from crashing.running import Bench, Tally
from crashing.scenarios import SCENARIOS

#: What may be left of what was not synced, beside chance.
_PLAIN: dict[str, Callable[[Step], Iterable[tuple[int, bytes]] | bool]] = {
    "nothing": disk.nothing,
    "everything": disk.everything,
    "names": disk.names_alone,
    "bytes": disk.bytes_alone,
    "zeros": disk.zeros,
}


@dataclass(frozen=True, slots=True)
class Loss:
    """One disk: where the power went and what was left. ``told`` is what had been told until then."""

    point: str
    state: State
    told: dict[str, bytes]
    finished: bool


def recorded(bench: Bench, name: str) -> Disk:
    """A run that nothing disturbs, as the steps it took."""
    scenario = SCENARIOS[name]
    place = bench.fresh(scenario)
    found = Disk(place.folder)
    control = bench.control.watch(place, logging=True)
    ended = bench.run(scenario, control)
    if ended.code != 0:
        raise RuntimeError(f"undisturbed, {name} ends with {ended.code}: {ended.err}")
    found.heard(control.calls())
    return found


def losses(run: Disk, seeds: int) -> Iterator[Loss]:
    """Every distinct one. What was told is part of what makes it distinct: the same disk may be sound before a line of
    the report and a loss after it."""
    seen = set()
    for cut in run.cuts():
        told = run.told(cut)
        finished = cut == len(run.steps)
        ways = {**_PLAIN, **{f"seed-{n}": disk.by_chance(f"{cut}:{n}") for n in range(seeds)}}
        for way, kept in ways.items():
            state = run.state(cut, kept)
            key = (state.digest(), tuple(sorted(told.items())), finished)
            if key not in seen:
                seen.add(key)
                yield Loss(f"{cut},{way}", state, told, finished)


def look(bench: Bench, name: str, loss: Loss, tally: Tally) -> None:
    """Lay out one disk, and judge it."""
    place = bench.place
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir()
    loss.state.lay_out(place.folder)
    for path in place.told:
        if str(path) in loss.told:
            path.write_bytes(loss.told[str(path)])
    tally.judged(f"--only {loss.point}", bench.judge(name, finished=loss.finished, power=True))


def power(bench: Bench, name: str, seeds: int, mine: Callable[[int, str], bool], tally: Tally) -> None:
    """``mine`` says which of the disks, by number and point, are looked at."""
    tally.calls = bench.ends(name).calls
    for number, loss in enumerate(losses(recorded(bench, name), seeds)):
        if mine(number, loss.point):
            look(bench, name, loss, tally)
