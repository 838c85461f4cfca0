"""``syscall``: the run is killed right before its N-th call that changes a file; ``settle``: the next one, too;
``random``: at any time."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterable

from crashing.running import Bench, Tally
from crashing.scenarios import SCENARIOS


def syscall(bench: Bench, name: str, numbers: Iterable[int], tally: Tally) -> None:
    scenario = SCENARIOS[name]
    tally.calls = bench.ends(name).calls
    for number in numbers:
        place = bench.fresh(scenario)
        ended = bench.run(scenario, bench.control.kill(number, place))
        if ended.code != -signal.SIGKILL:
            tally.notes.append(f"{number}: the run ended with {ended.code} before it")
            continue
        tally.judged(f"--only {number}", bench.judge(name))


def pairs(bench: Bench, name: str, numbers: Iterable[int], seed: str) -> list[tuple[int, int]]:
    """For each point one of the run after it: near its beginning as often as anywhere."""
    calls = bench.ends(name).calls
    found = []
    for number in numbers:
        rng = random.Random(f"{seed}:{name}:{number}")
        found.append((number, rng.randint(1, 40 if rng.random() < 0.5 else calls)))
    return found


def settle(bench: Bench, name: str, pairs: Iterable[tuple[int, int]], tally: Tally) -> None:
    """A double kill: the first run before its N-th call, the same again before its M-th."""
    scenario = SCENARIOS[name]
    tally.calls = bench.ends(name).calls
    for first, second in pairs:
        place = bench.fresh(scenario)
        bench.run(scenario, bench.control.kill(first, place))
        bench.run(scenario, bench.control.kill(second, place))
        tally.judged(f"--only {first},{second}", bench.judge(name, double=True))


def at_random(bench: Bench, name: str, numbers: Iterable[int], seed: str, tally: Tally) -> None:
    """Random times, a quarter of them with a second kill in the run after."""
    scenario = SCENARIOS[name]
    tally.calls = bench.ends(name).calls
    bench.fresh(scenario)
    whole = bench.run(scenario, None).seconds
    for number in numbers:
        rng = random.Random(f"{seed}:{name}:{number}")
        bench.fresh(scenario)
        kills = 2 if rng.random() < 0.25 else 1
        for _ in range(kills):
            bench.run(scenario, None, after=rng.uniform(0.001, whole))
        tally.judged(f"--seed {seed} --only {number}", bench.judge(name, double=kills > 1))
