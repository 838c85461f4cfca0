"""What the first word of a command costs: CPU of short runs beside a bare Python with the same two imports."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import asking
from benchmarks.measure import Cost, Progress, median, run, table


def measure(repeats: int) -> tuple[dict[str, Any], str]:
    """Every command in turn, ``repeats`` times; medians of user plus system CPU (of seconds where it is not told)."""
    from casearchive import Archive

    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        archive = Path(work) / "archive"
        asking.build(archive, 20, 3)
        Archive.open(archive).new("a-draft")
        program = [sys.executable, "-m", "casearchive"]
        commands = {
            "python -c 'import click, sqlite3'": [sys.executable, "-c", "import click, sqlite3"],
            "casearchive --help": [*program, "--help"],
            "casearchive search (20 cases)": [*program, "--archive", str(archive), "search", "tear"],
            "casearchive show (a case)": [*program, "--archive", str(archive), "show", "a-draft"],
        }
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        progress = Progress((repeats + 1) * len(commands))
        for turn in range(repeats + 1):
            for name, words in commands.items():
                cost = run(words)
                progress.step(name)
                if turn:  # the first of each may have to write byte code
                    costs[name].append(cost)
    rows = {name: _row(found) for name, found in costs.items()}
    bare = next(iter(rows.values()))["cpu_ms"]
    for row in rows.values():
        row["against_bare"] = row["cpu_ms"] / bare
    heads = ("", "CPU ms", "ms", "times bare")
    text = table(heads, [(n, r["cpu_ms"], r["ms"], r["against_bare"]) for n, r in rows.items()])
    return {"repeats": repeats, "commands": rows}, text


def _row(costs: list[Cost]) -> dict[str, Any]:
    used = [c.seconds if c.cpu_s is None else c.cpu_s for c in costs]
    return {"cpu_ms": 1000 * (median(used) or 0.0), "ms": 1000 * (median([c.seconds for c in costs]) or 0.0)}
