"""What the first word of a command costs: CPU of short runs beside a bare Python with the same two imports."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import asking
from benchmarks.measure import Cost, Progress, median, run, table

CASE = Path(__file__).resolve().parents[2] / "cases" / "rectus-femoris-complete-tear"
_FIRST = "casearchive show (it, words read anew)"


def measure(repeats: int) -> tuple[dict[str, Any], str]:
    """Every command in turn, ``repeats`` times; medians of user plus system CPU (of seconds where it is not told).

    Warm, the byte code of all that is loaded lies ready; cold, all of it, the library of Python too, is compiled.
    """
    from casearchive import Archive

    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        archive, taken = Path(work) / "archive", Path(work) / "taken"
        asking.build(archive, 20, 3)
        Archive.open(archive).new("a-draft")
        Archive.create(taken).ingest([CASE])
        program = [sys.executable, "-m", "casearchive"]
        shown = [*program, "--archive", str(taken), "show", CASE.name]
        commands = {
            "python -c 'import click, sqlite3'": [sys.executable, "-c", "import click, sqlite3"],
            "casearchive --help": [*program, "--help"],
            "casearchive search (20 cases)": [*program, "--archive", str(archive), "search", "tear"],
            "casearchive show (a draft)": [*program, "--archive", str(archive), "show", "a-draft"],
            "casearchive show (a case of five clips)": shown,
            _FIRST: shown,
        }
        warm: dict[str, list[Cost]] = {name: [] for name in commands}
        cold: dict[str, list[Cost]] = {name: [] for name in commands}
        progress = Progress((2 * repeats + 1) * len(commands))
        for turn in range(repeats + 1):
            for name, words in commands.items():
                if name == _FIRST:
                    _forget(taken)
                cost = run(words)
                progress.step(name)
                if turn:  # the first of each may have to write byte code
                    warm[name].append(cost)
        for _ in range(repeats):
            for name, words in commands.items():
                if name == _FIRST:
                    _forget(taken)
                with tempfile.TemporaryDirectory(prefix="bench-") as empty:
                    cold[name].append(run(words, PYTHONPYCACHEPREFIX=empty))
                progress.step(f"{name}, cold")
    rows = {name: {"warm": _row(warm[name]), "cold": _row(cold[name])} for name in commands}
    bare = next(iter(rows.values()))
    against = {
        name: {how: row[how]["cpu_ms"] / bare[how]["cpu_ms"] for how in row} for name, row in rows.items()
    }
    heads = ("", "CPU ms", "ms", "times bare", "CPU ms, cold", "times bare, cold")
    text = table(
        heads,
        [
            (
                n,
                r["warm"]["cpu_ms"],
                r["warm"]["ms"],
                against[n]["warm"],
                r["cold"]["cpu_ms"],
                against[n]["cold"],
            )
            for n, r in rows.items()
        ],
    )
    return {
        "repeats": repeats,
        "commands": {name: {**rows[name], "against_bare": against[name]} for name in rows},
    }, text


def _forget(archive: Path) -> None:
    """What was read in the words of the cases there when they were stored or shown."""
    shutil.rmtree(archive / "cache" / "understood")


def _row(costs: list[Cost]) -> dict[str, Any]:
    used = [c.seconds if c.cpu_s is None else c.cpu_s for c in costs]
    return {"cpu_ms": 1000 * (median(used) or 0.0), "ms": 1000 * (median([c.seconds for c in costs]) or 0.0)}
