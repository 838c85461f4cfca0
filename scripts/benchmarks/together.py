"""Searching while somebody takes files in: how much longer a question waits, and whether one is ever refused."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import asking, corpus, others
from benchmarks.measure import Progress, again, percentile, table

#: What goes on beside the readers. The last keeps both cores busy and touches no archive: what is lost to it is lost to
#: the machine, not to a lock.
BESIDE = ("nothing", "ingest, 1 worker", "ingest, 2 workers", "two busy processes")
_BURN = "import time\nend = time.time() + float(__import__('sys').argv[1])\nwhile time.time() < end: pass"


def measure(cases: int, files: int, readers: int, seconds: float, repeats: int) -> tuple[dict[str, Any], str]:
    """``readers`` processes ask in an archive of ``cases`` cases, beside each of ``BESIDE`` in turn: as long as the
    files take, or so many seconds."""
    ms: dict[str, list[float]] = {what: [] for what in BESIDE}
    refused: dict[str, int] = dict.fromkeys(BESIDE, 0)
    took: dict[str, list[float]] = {what: [] for what in BESIDE}
    progress = Progress(cases + repeats * len(BESIDE))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        asking.build(work / "archive", cases, 10, progress)
        for turn in range(repeats):
            for what in BESIDE:
                source = work / f"{turn}-{BESIDE.index(what)}"
                if what.startswith("ingest"):  # other files each time: the same ones would be known
                    corpus.make(source, files, turn * len(BESIDE) + BESIDE.index(what))
                told, lasted = _beside(work / "archive", what, source, readers, seconds)
                ms[what] += [one for reader in told for one in reader["ms"]]
                refused[what] += sum(reader["refused"] for reader in told)
                took[what].append(lasted)
                progress.step(what)
    rows = {
        what: {
            "questions": len(ms[what]),
            "refused": refused[what],
            "p50_ms": percentile(ms[what], 0.5),
            "p95_ms": percentile(ms[what], 0.95),
            "p99_ms": percentile(ms[what], 0.99),
            "more_at_p99_ms": percentile(ms[what], 0.99) - percentile(ms["nothing"], 0.99),
            "max_ms": max(ms[what]),
            "seconds": sum(took[what]) / repeats,
        }
        for what in BESIDE
    }
    heads = (
        "beside",
        "questions",
        "refused",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "more at p99",
        "max ms",
        "seconds",
    )
    text = f"{cases} cases, {readers} readers, {files} files taken beside them, {repeats} repeats\n\n"
    result = {"cases": cases, "files": files, "readers": readers, "repeats": repeats, "beside": rows}
    return result, text + table(heads, [(what, *row.values()) for what, row in rows.items()])


def _beside(
    archive: Path, what: str, source: Path, readers: int, seconds: float
) -> tuple[list[dict[str, Any]], float]:
    end = archive.with_name("end")
    end.unlink(missing_ok=True)
    asked = [
        subprocess.Popen(again("_read", str(archive)), stdout=subprocess.PIPE, text=True)
        for _ in range(readers)
    ]
    for one in asked:
        assert one.stdout is not None
        one.stdout.readline()  # it has asked everything once
    started = time.perf_counter()
    if what.startswith("ingest"):
        workers = what.split()[1]
        words = again("_take", str(source), str(archive), "--workers", workers)
        taken = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        if taken["added"] != len(others.files_of(source)):
            raise RuntimeError(f"not every file was taken: {taken}")
    elif what == "nothing":
        time.sleep(seconds)
    else:
        burning = [subprocess.Popen([sys.executable, "-c", _BURN, str(seconds)]) for _ in range(2)]
        for one in burning:
            one.wait()
    lasted = time.perf_counter() - started
    end.touch()
    return [json.loads(one.communicate()[0]) for one in asked], lasted


def read(archive: Path) -> dict[str, Any]:
    """Ask the archive one question after the other until somebody says that it is enough."""
    from casearchive import Archive
    from casearchive.errors import ArchiveBusy

    opened = Archive.open(archive)
    for query in asking.QUERIES:
        opened.search(query)
    print("ready", flush=True)
    ms, refused = [], 0
    for query in itertools.cycle(asking.QUERIES):
        if ms and archive.with_name("end").exists():
            break
        started = time.perf_counter()
        try:
            opened.search(query)
        except ArchiveBusy:
            refused += 1
        ms.append((time.perf_counter() - started) * 1000)
        time.sleep(0.005)  # people think
    return {"ms": ms, "refused": refused}
