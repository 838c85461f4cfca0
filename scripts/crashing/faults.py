"""``fault``: the disk fails at the N-th call that changes a file, once or from there on."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crashing.control import EVERY_KIND, NEEDS_PERMISSION, NEEDS_ROOM, Kind
from crashing.running import Bench, Tally
from crashing.scenarios import SCENARIOS


@dataclass(frozen=True, slots=True)
class Fault:
    """``halved``: the write that fails first writes one half, as on a disk that is filling up."""

    name: str
    error: int
    kinds: frozenset[Kind]
    lasting: bool
    halved: bool = False


#: The first two are tried at every point, the others at some.
FAULTS = {
    f.name: f
    for f in (
        Fault("ENOSPC-on", errno.ENOSPC, NEEDS_ROOM, lasting=True, halved=True),
        Fault("EIO-once", errno.EIO, EVERY_KIND, lasting=False),
        Fault("EIO-on", errno.EIO, EVERY_KIND, lasting=True),
        Fault("ENOSPC-once", errno.ENOSPC, NEEDS_ROOM, lasting=False),
        Fault("EDQUOT-on", errno.EDQUOT, NEEDS_ROOM, lasting=True),
        Fault("EACCES-on", errno.EACCES, NEEDS_PERMISSION, lasting=True),
        Fault("EROFS-on", errno.EROFS, EVERY_KIND, lasting=True),
    )
}
_ALWAYS = ("ENOSPC-on", "EIO-once")


def points(numbers: Iterable[int], seed: str, *, everything: bool) -> Iterator[tuple[int, str]]:
    """At each call two kinds of failure and one of the others, or all of them."""
    others = [name for name in FAULTS if name not in _ALWAYS]
    for number in numbers:
        more = others if everything else [random.Random(f"{seed}:{number}").choice(others)]
        yield from ((number, name) for name in (*_ALWAYS, *more))


def fault(bench: Bench, name: str, wanted: Iterable[tuple[int, str]], tally: Tally) -> None:
    scenario = SCENARIOS[name]
    ends = bench.ends(name)
    tally.calls = ends.calls
    for number, which in wanted:
        how = FAULTS[which]
        place = bench.fresh(scenario)
        control = bench.control.fail(
            number, place, error=how.error, kinds=how.kinds, lasting=how.lasting, halved=how.halved
        )
        ended = bench.run(scenario, control)
        if not control.hits:
            continue  # calls of that kind do not fail so
        broken = bench.warm.call("judging:ended_badly", code=ended.code, out=ended.out, err=ended.err)
        if ended.code == 0:
            broken += bench.warm.call(
                "judging:claimed",
                folder=str(place.folder),
                stick=str(place.stick),
                scenario=name,
                done=ends.done,
            )
        tally.judged(f"--only {number},{which}", broken + bench.judge(name))
