"""``verify`` of an archive of real files beside what reading every byte costs at least: ``sha256sum`` of the same
originals, and hashlib alone. All of them interleaved, each a process of its own, from a warm cache."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.measure import Cost, Progress, median, run, table

QUICK, FULL, PROGRAM, HASHLIB = "verify", "verify --full", "sha256sum", "hashlib alone"
#: As fast as one thread reads and hashes, in a Python that loads nothing else. Both read what ``sha256sum`` writes: a
#: command line does not hold the names of 20,000 files.
_HASHING = """
import hashlib, sys
with open(sys.argv[1]) as told:
    for line in told:
        digest, path = line.rstrip("\\n").split("  ", 1)
        with open(path, "rb") as file:
            print(f"{path}: {'OK' if hashlib.file_digest(file, 'sha256').hexdigest() == digest else 'FAILED'}")
"""


def measure(files: int, seed: int, repeats: int) -> tuple[dict[str, Any], str]:
    """Medians of ``repeats`` turns. Raises ``RuntimeError`` where one of them did not read every original."""
    from casearchive import Archive

    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        corpus.make(work / "files", files, seed)
        archive = Archive.create(work / "archive")
        archive.ingest([work / "files"])
        originals = sorted((work / "archive" / "objects").glob("??/*"))
        size = sum(path.stat().st_size for path in originals)  # ingest has read them: they are in the cache
        command = [sys.executable, "-m", "casearchive", "--archive", str(archive.path), "verify", "--json"]
        told = work / "originals.sha256"
        told.write_text("".join(f"{path.name}  {path}\n" for path in originals), "utf-8")
        systems = {
            QUICK: command,
            FULL: [*command, "--full", "--again"],
            HASHLIB: [sys.executable, "-c", _HASHING, str(told)],
        }
        if program := shutil.which("sha256sum"):
            systems[PROGRAM] = [program, "--check", str(told)]
        costs: dict[str, list[Cost]] = {what: [] for what in systems}
        progress = Progress(repeats * len(systems))
        for _ in range(repeats):
            for what, words in systems.items():
                costs[what].append(run(words))
                _check(what, costs[what][-1].said, [path.name for path in originals])
                progress.step(what)
    return _told(costs, len(originals), size)


def _check(what: str, said: str, names: list[str]) -> None:
    if what in (QUICK, FULL):
        verdict = json.loads(said)
        whole = verdict["sound"] and verdict["objects"] == len(names)
        whole = whole and verdict["read"] == (len(names) if what == FULL else 0)
    else:
        whole = [Path(line).name for line in said.splitlines()] == [f"{name}: OK" for name in names]
    if not whole:
        raise RuntimeError(f"{what} did not look at the same {len(names)} originals: {said[:500]}")


def _told(costs: dict[str, list[Cost]], files: int, size: int) -> tuple[dict[str, Any], str]:
    seconds = {what: statistics.median(cost.seconds for cost in some) for what, some in costs.items()}
    rows: dict[str, dict[str, Any]] = {
        what: {
            "s": seconds[what],
            "every_s": [cost.seconds for cost in some],
            "cpu_s": median([cost.cpu_s for cost in some]),
            "mb_per_s": None if what == QUICK else size / 1e6 / seconds[what],
            "times_hashlib": seconds[what] / seconds[HASHLIB],
            "times_sha256sum": seconds[what] / seconds[PROGRAM] if PROGRAM in seconds else None,
            "peak_mb": median([cost.peak_mb for cost in some]),
        }
        for what, some in costs.items()
    }
    keys = ("s", "cpu_s", "mb_per_s", "times_hashlib", "times_sha256sum", "peak_mb")
    heads = ("", "s", "CPU s", "MB/s", "times hashlib", "times sha256sum", "peak MB")
    repeats = len(costs[FULL])
    text = f"{files} originals, {size / 1e6:.0f} MB, {repeats} repeats, medians\n\n" + table(
        heads,
        [(what, *("-" if row[key] is None else row[key] for key in keys)) for what, row in rows.items()],
    )
    return {"files": files, "bytes": size, "repeats": repeats, "systems": rows}, text
