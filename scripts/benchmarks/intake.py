"""Ingest against what people use instead and against what the machine can do, interleaved on the same files."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks import corpus, others
from benchmarks.measure import Cost, Progress, again, median, run, table

OURS = ("casearchive, one core", "casearchive", "again, unchanged")
#: How the others are called in the table, by what runs them (``others.RUNS``).
NAMES = {
    "orthanc": "Orthanc, upload and previews", "orthanc_of_six": "Orthanc, previews of six frames of a clip",
    "loop": "a plain loop", "loop_of_six": "a plain loop, six frames of a clip", "dcmtk": "dcmj2pnm for each",
    "gdcm": "gdcmscanner, headers alone", "copy": "cp -r and sync", "copy_and_hash": "cp -r, sync and sha256sum",
    "hashing": "SHA-256 alone",
}  # fmt: skip
UPLOAD = "Orthanc, upload alone"


def compare(files: Path, repeats: int) -> tuple[dict[str, Any], str]:
    """Every system in turn, ``repeats`` times, each on a fresh target in its own process. Raises ``RuntimeError`` where
    one of them did not take every file."""
    paths = others.files_of(files)
    size = sum(p.stat().st_size for p in paths)
    for path in paths:  # warm the cache for all of them alike
        path.read_bytes()
    names = [name for name in NAMES if others.able(name, files)]
    costs: dict[str, list[Cost]] = {}
    told: dict[str, dict[str, Any]] = {}
    progress = Progress(repeats * (len(OURS) + len(names)))
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        for turn in range(repeats):
            here = Path(work) / str(turn)
            here.mkdir()
            for name, words in _turn(files, here, names):
                _settled()
                cost = run(again(*words))
                told[name] = json.loads(cost.said)
                costs.setdefault(name, []).append(_timed(cost, told[name], "upload_s", "previews_s"))
                if name == NAMES["orthanc"]:
                    part = replace(_timed(cost, told[name], "upload_s"), cpu_s=None, peak_mb=None)
                    costs.setdefault(UPLOAD, []).append(part)
                progress.step(name)
                if name not in OURS:
                    shutil.rmtree(here / "other", ignore_errors=True)
            same_work(told, len(paths), size)
            shutil.rmtree(here)
    rows = {name: _row(costs[name], costs, len(paths), size) for name in costs}
    without = {name: seen["without_picture"] for name, seen in told.items() if seen.get("without_picture")}
    result = {
        "files": len(paths), "bytes": size, "repeats": repeats, "systems": rows, "without_picture": without
    }  # fmt: skip
    heads = ("", "seconds", "CPU s", "files/s", "MB/s", "peak MB", "times as fast as it: we", "we, one core")
    keys = ("seconds", "cpu_s", "files_per_s", "mb_per_s", "peak_mb", "ours", "ours_on_one_core")
    left = "".join(f"\n{name}: {count} files without a picture" for name, count in without.items())
    return result, (
        f"{len(paths)} files, {size / 1e6:.0f} MB, {repeats} repeats, medians\n\n"
        + table(heads, [(name, *(row[k] for k in keys)) for name, row in rows.items()])
        + (f"\n{left}" if left else "")
    )


def _turn(files: Path, here: Path, names: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """What runs in one turn, ours between the others."""
    ours = [
        (OURS[0], ("_take", str(files), str(here / "one"), "--cores", "1")),
        (OURS[1], ("_take", str(files), str(here / "all"))),
        (OURS[2], ("_take", str(files), str(here / "all"))),
    ]
    theirs = [(NAMES[name], (f"_{name}", str(files), str(here / "other"))) for name in names]
    return [one for pair in zip_longest(ours, theirs) for one in pair if one is not None]


def _settled() -> None:
    """What another wrote is on the disk before the next begins."""
    sync: Callable[[], None] | None = getattr(os, "sync", None)
    if sync is not None:
        sync()


def _timed(cost: Cost, told: dict[str, Any], *parts: str) -> Cost:
    """A server's start does not count, in the seconds: CPU and memory are those of its client and of all it did."""
    return replace(cost, seconds=sum(told[part] for part in parts)) if parts[0] in told else cost


def same_work(told: dict[str, dict[str, Any]], count: int, size: int) -> None:
    """Every system took every file, saw the same frames and made most pictures; numbers of unlike work are not worth
    printing."""
    wanted = {
        OURS[0]: {"added": count, "thumbnails": count}, OURS[1]: {"added": count, "thumbnails": count},
        OURS[2]: {"known": count}, NAMES["loop"]: {"rows": count}, NAMES["loop_of_six"]: {"rows": count},
        NAMES["orthanc"]: {"instances": count}, NAMES["orthanc_of_six"]: {"instances": count},
        NAMES["gdcm"]: {"headers": count}, NAMES["copy"]: {"bytes": size}, NAMES["copy_and_hash"]: {"bytes": size},
        NAMES["hashing"]: {"bytes": size},
    }  # fmt: skip
    for name, seen in told.items():
        if any(seen[what] != much for what, much in wanted.get(name, {}).items()):
            raise RuntimeError(f"{name} took {seen} of {count} files")
    for name, seen in told.items():
        if seen.get("without_picture", 0) > count / 2:  # codings that it does not know are fewer
            raise RuntimeError(f"{name} made no picture of most files: {seen}")
    if told[NAMES["loop"]]["frames"] != told[OURS[1]]["frames"]:
        raise RuntimeError(f"the loop and casearchive do not see the same frames: {told}")


def _row(costs: list[Cost], all_costs: dict[str, list[Cost]], count: int, size: int) -> dict[str, Any]:
    seconds = median([c.seconds for c in costs]) or 0.0

    def against(ours: str) -> float | None:
        pairs = zip(all_costs[ours], costs, strict=True)
        return median([theirs.seconds / mine.seconds for mine, theirs in pairs])

    return {
        "seconds": seconds,
        "all_seconds": [round(c.seconds, 3) for c in costs],
        "cpu_s": median([c.cpu_s for c in costs]),
        "files_per_s": count / seconds,
        "mb_per_s": size / 1e6 / seconds,
        "peak_mb": median([c.peak_mb for c in costs]),
        "ours": against(OURS[1]),
        "ours_on_one_core": against(OURS[0]),
    }


# ------------------------------------------------------------------------------- each in its own process


def take(files: Path, target: Path, workers: int | None, cores: int = 0) -> dict[str, Any]:
    """Ingest into the archive at ``target``, made where it is not there; on so many cores where Linux runs."""
    from casearchive import Archive

    if cores and sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    archive = Archive.open(target) if target.exists() else Archive.create(target)
    summary = archive.ingest([files], workers=workers)
    pictures = sum(1 for p in (target / "cache").rglob("*") if p.is_file() and "thumbnail" in str(p))
    frames = sum(h.frames for h in archive.list())
    return {"added": summary.added, "known": summary.known, "frames": frames, "thumbnails": pictures}


# ---------------------------------------------------------------------------------------------- growth


def growth(count: int, workers: int) -> tuple[dict[str, Any], str]:
    """Does a fuller archive take files more slowly? Files a second for each tenth of ``count`` tiny files."""
    from casearchive import Archive

    at: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        corpus.make(Path(work) / "files", count, 1, tiny=True)
        archive = Archive.create(Path(work) / "archive")
        print("ingesting", file=sys.stderr)
        started = time.perf_counter()
        archive.ingest(
            [Path(work) / "files"], workers=workers, report=lambda _: at.append(time.perf_counter())
        )
    if len(at) != count:
        raise RuntimeError(f"{len(at)} of {count} files were reported")
    edges = [started, *(at[count * n // 10 - 1] for n in range(1, 11))]
    rates = [
        (count * (n + 1) // 10 - count * n // 10) / max(edges[n + 1] - edges[n], 1e-9) for n in range(10)
    ]
    result = {
        "files": count,
        "files_per_s_by_tenth": rates,
        "last_half_against_first": sum(rates[5:]) / sum(rates[:5]),
    }
    return result, table(
        ("tenth", "files/s"), [(f"{n + 1}", r) for n, r in enumerate(rates)]
    ) + f"\n\nsecond half against first half: {result['last_half_against_first']:.2f}"


# ---------------------------------------------------------------------------------------------- once more

AGAIN = 20_000.0  # files a second, as the aim is


def reingest(count: int, new: int, workers: int, repeats: int) -> tuple[dict[str, Any], str]:
    """What it costs to run an ingest again: nothing changed, everything read, and ``new`` files more. Medians, beside
    walking the folder and asking each file for its size and time. Raises ``RuntimeError`` where a file was missed."""
    from casearchive import Archive

    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        files = Path(work) / "files"
        corpus.make(files, count, 1, tiny=True)
        archive = Archive.create(Path(work) / "archive")
        archive.ingest([files], workers=workers)

        def timed(what: str, run: Callable[[], int], wanted: int) -> None:
            started = time.perf_counter()
            told = run()
            took.setdefault(what, []).append(time.perf_counter() - started)
            if told != wanted:
                raise RuntimeError(f"{what}: {told} files instead of {wanted}")

        for turn in range(repeats):
            here = count + turn * new
            timed("look at sizes and times only", lambda: _walked(files), here)
            timed("again, unchanged", lambda: archive.ingest([files], workers=workers).known, here)
            timed(
                "again, --rehash", lambda: archive.ingest([files], workers=workers, rehash=True).known, here
            )
            corpus.make(files / f"more-{turn}", new, 100 + turn, tiny=True)
            timed(f"again, {new} new", lambda: archive.ingest([files], workers=workers).added, new)
    rows = [(what, f"{median(some):.2f}", f"{count / median(some):,.0f}") for what, some in took.items()]
    rate = count / median(took["again, unchanged"])
    return {"files": count, "seconds": took, "files_per_s": rate}, table(
        ("what", "s", "files/s"), rows
    ) + f"\n\n{count} tiny files: {rate:,.0f} a second unchanged (aim: {AGAIN:,.0f})"


def _walked(folder: Path) -> int:
    return sum(
        1
        for around, _, names in os.walk(folder)
        for name in names
        if (Path(around) / name).lstat().st_size >= 0
    )
