#!/usr/bin/env python3
"""Cut casearchive off at every point and see that it keeps its promises.

    python scripts/crash_test.py                            every scenario: killed before every call that changes a file
    python scripts/crash_test.py --mode fault --sample 40   the disk fails at 40 calls of each instead
    python scripts/crash_test.py --mode power --scenario ingest
    python scripts/crash_test.py --scenario ingest --only 117      one point again
    python scripts/crash_test.py --mutants                  broken write orders, each of which must be caught

Real runs, real workers, a real SQLite, under a small shim (``crashing/shim.c``) that needs Linux and a C compiler.
The modes: ``syscall`` kills the whole run right before its N-th call that changes a file of the archive or of what
leaves it; ``settle`` kills the same command, run again, as well; ``fault`` lets the N-th call fail; ``power`` makes
the disks that a loss of power may leave; ``random`` kills at any time. After each, what must hold is looked at
(``crashing/judging.py``). Processes are forked from one that has loaded everything; --cold starts each anew.
"""

from __future__ import annotations

import argparse
import json
import queue
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from crashing import control, faults, hunting, killing, power
from crashing.mutants import MUTANTS
from crashing.running import Bench, Tally, Violation, chosen
from crashing.samples import Masters
from crashing.scenarios import SCENARIOS
from crashing.warm import Warm

_BY_CHANCE = re.compile(
    r"\S*casearchive-crash-\S*?/place|[0-9a-f]{10,}|tmp[a-z0-9_]{8}\b|/[0-9a-f]{2}/|\d+ lines"
)

Job = Callable[[Bench, Tally], None]


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if why := control.why_not():
        print(f"Not done: {why}.")
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="casearchive-crash-", dir=_quick_disk()) as name:
        if options.mutants is not None:
            return _hunted(options, Path(name))
        tallies = _all(options, Path(name))
    violations = [v for tally in tallies for v in tally.violations]
    if options.json:
        print(json.dumps([asdict(tally) for tally in tallies], indent=1))
    else:
        _print(tallies, time.monotonic() - began)
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mode", action="append", choices=sorted(_MODES), help="syscall where none is named")
    parser.add_argument(
        "--scenario", action="append", choices=sorted(SCENARIOS), help="all where none is named"
    )
    parser.add_argument("--every", type=int, default=1, help="only every so many points")
    parser.add_argument("--sample", type=int, default=0, help="so many points at random of each")
    parser.add_argument("--count", type=int, default=100, help="random kills of each scenario")
    parser.add_argument("--seeds", type=int, default=3, help="mixtures at each cut of a loss of power")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", metavar="N[,M]", help="one point again, as it was told")
    parser.add_argument(
        "--all-faults", action="store_true", help="every kind of failure at every point, not three"
    )
    parser.add_argument(
        "--mutants", nargs="*", choices=[*MUTANTS, []], metavar="NAME", help="broken protocols: all, or these"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runners side by side")
    parser.add_argument("--cold", action="store_true", help="start every process anew, as anybody would")
    parser.add_argument("--json", action="store_true")
    return parser


def _quick_disk() -> str | None:
    """Memory where there is some: what is tried here does not wait for a disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


# ------------------------------------------------------------------------------------------------ the runners


def _all(options: argparse.Namespace, folder: Path) -> list[Tally]:
    """Every mode of every scenario, shared out to the runners; one tally for each."""
    shim = control.compiled(folder)
    waiting: queue.Queue[tuple[str, str, Job]] = queue.Queue()
    tallies: dict[tuple[str, str], Tally] = {}
    for mode in options.mode or ["syscall"]:
        for name in options.scenario or SCENARIOS:
            tallies[name, mode] = Tally(name, mode)
            for share in range(options.jobs):
                waiting.put((name, mode, _MODES[mode](name, options, share)))
    lock, trouble = threading.Lock(), list[BaseException]()

    def work(number: int) -> None:
        own = folder / f"runner-{number}"
        own.mkdir()
        with Warm(shim, own / "warm") as warm:
            bench = Bench(own, Masters(own / "samples", warm), warm, cold=options.cold)
            while not trouble:
                try:
                    name, mode, job = waiting.get_nowait()
                except queue.Empty:
                    return
                tally = Tally(name, mode)
                began = time.monotonic()
                try:
                    job(bench, tally)
                except BaseException as error:  # noqa: BLE001 the other runner must hear of it
                    trouble.append(error)
                    return
                with lock:
                    _add(tallies[name, mode], tally)
                    if not options.json:
                        took = time.monotonic() - began
                        said = f"{tally.points} points, {len(tally.violations)} violations, {took:.0f} s"
                        print(f"  {mode} {name}: {said}", file=sys.stderr, flush=True)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if trouble:
        raise trouble[0]
    return list(tallies.values())


def _add(whole: Tally, part: Tally) -> None:
    whole.calls = max(whole.calls, part.calls)
    whole.points += part.points
    whole.violations += part.violations
    whole.notes += part.notes


def _syscall(name: str, options: argparse.Namespace, share: int) -> Job:
    return lambda bench, tally: killing.syscall(bench, name, _points(bench, name, options, share), tally)


def _settle(name: str, options: argparse.Namespace, share: int) -> Job:
    def job(bench: Bench, tally: Tally) -> None:
        if options.only:
            first, second = (int(n) for n in options.only.split(","))
            pairs: Iterable[tuple[int, int]] = [(first, second)] if share == 0 else []
        else:
            pairs = killing.pairs(bench, name, _points(bench, name, options, share), options.seed)
        killing.settle(bench, name, pairs, tally)

    return job


def _random(name: str, options: argparse.Namespace, share: int) -> Job:
    numbers = range(options.count)[share :: options.jobs]
    if options.only:
        numbers = range(int(options.only), int(options.only) + (share == 0))
    return lambda bench, tally: killing.at_random(bench, name, numbers, options.seed, tally)


def _fault(name: str, options: argparse.Namespace, share: int) -> Job:
    def job(bench: Bench, tally: Tally) -> None:
        if options.only:
            number, _, which = options.only.partition(",")
            names = [which] if which else list(faults.FAULTS)
            wanted: Iterable[tuple[int, str]] = [(int(number), n) for n in names] if share == 0 else []
        else:
            numbers = _points(bench, name, options, share)
            wanted = faults.points(numbers, f"{options.seed}:{name}", everything=options.all_faults)
        faults.fault(bench, name, wanted, tally)

    return job


def _power(name: str, options: argparse.Namespace, share: int) -> Job:
    def mine(number: int, point: str) -> bool:
        if options.only:
            return share == 0 and point == str(options.only)
        step = int(options.every)
        return number % (int(options.jobs) * step) == share * step

    return lambda bench, tally: power.power(bench, name, options.seeds, mine, tally)


_MODES: dict[str, Callable[[str, argparse.Namespace, int], Job]] = {
    "syscall": _syscall,
    "settle": _settle,
    "random": _random,
    "fault": _fault,
    "power": _power,
}


def _points(bench: Bench, name: str, options: argparse.Namespace, share: int) -> list[int]:
    if options.only:
        return [int(options.only)] if share == 0 else []
    calls = bench.ends(name).calls
    numbers = chosen(calls, every=options.every, sample=options.sample, seed=f"{options.seed}:{name}")
    return numbers[share :: options.jobs]


def _hunted(options: argparse.Namespace, folder: Path) -> int:
    shim = control.compiled(folder)
    missed = 0
    for name in options.mutants or MUTANTS:
        found = hunting.hunt(name, shim, folder / name, options.seed)
        shutil.rmtree(folder / name)
        missed += not found.caught
        told = (
            f"caught at point {found.points}: {found.caught}"
            if found.caught
            else f"MISSED at {found.points} points"
        )
        print(f"{name:17} {found.mode:8} {found.scenario:13} {told[:170]}", flush=True)
    print(f"{len(options.mutants or MUTANTS) - missed} of {len(options.mutants or MUTANTS)} caught")
    return 1 if missed else 0


# ------------------------------------------------------------------------------------------------ what is told


def _print(tallies: Sequence[Tally], seconds: float) -> None:
    print(f"{'scenario':14} {'mode':8} {'calls':>6} {'points':>7} {'violations':>10}")
    for tally in tallies:
        print(
            f"{tally.scenario:14} {tally.mode:8} {tally.calls:6} {tally.points:7} {len(tally.violations):10}"
        )
    print(f"{'all':14} {'':8} {'':6} {sum(t.points for t in tallies):7} "
          f"{sum(len(t.violations) for t in tallies):10}   in {seconds:.0f} s")  # fmt: skip
    for tally in tallies:
        _print_violations(tally.violations)
        for note in tally.notes[:5]:
            print(f"note: {tally.scenario} {tally.mode}: {note}")


def _print_violations(violations: Sequence[Violation]) -> None:
    """Each kind once, with how often and one point to see it again."""
    kinds = Counter(_kind(v.broken) for v in violations)
    for kind, times in kinds.items():
        first = next(v for v in violations if _kind(v.broken) == kind)
        points = " ".join(v.point.split()[-1] for v in violations if _kind(v.broken) == kind)
        again = f"--mode {first.mode} --scenario {first.scenario} {first.point}"
        print(f"{times}x {first.scenario} {first.mode}: {first.broken}")
        print(f"    again with: {again}   (at {points[:100]})")


def _kind(broken: str) -> str:
    """The same for what differs only in names that were made at random."""
    return _BY_CHANCE.sub("…", broken)[:110]


if __name__ == "__main__":
    sys.exit(main())
