"""Ingest against a plain copy and against the loop a user would write, interleaved on the same files."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.measure import Cost, Progress, again, median, run, table

SYSTEMS = ("casearchive, 1 worker", "casearchive, 2 workers", "again, unchanged", "loop", "copy")


def compare(files: Path, repeats: int) -> tuple[dict[str, Any], str]:
    """Every system in turn, ``repeats`` times, each on a fresh target in its own process."""
    paths = sorted(p for p in files.rglob("*") if p.is_file())
    size = sum(p.stat().st_size for p in paths)
    for path in paths:  # warm the cache for all of them alike
        path.read_bytes()
    costs: dict[str, list[Cost]] = {name: [] for name in SYSTEMS}
    progress = Progress(repeats * len(SYSTEMS))
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        for turn in range(repeats):
            _once(files, Path(work) / str(turn), len(paths), size, costs, progress)
            shutil.rmtree(Path(work) / str(turn))
    rows = {name: _row(costs[name], len(paths), size, costs["loop"]) for name in SYSTEMS}
    result = {"files": len(paths), "bytes": size, "repeats": repeats, "systems": rows}
    head = f"{len(paths)} files, {size / 1e6:.0f} MB, {repeats} repeats, medians\n\n"
    heads = ("", "seconds", "CPU s", "files/s", "MB/s", "peak MB", "times the loop's speed")
    keys = ("seconds", "cpu_s", "files_per_s", "mb_per_s", "peak_mb", "speed_against_loop")
    return result, head + table(heads, [(name, *(row[k] for k in keys)) for name, row in rows.items()])


def _once(
    files: Path, work: Path, count: int, size: int, costs: dict[str, list[Cost]], progress: Progress
) -> None:
    work.mkdir()
    seen: dict[str, dict[str, Any]] = {}

    def take(name: str, *words: str) -> None:
        costs[name].append(run(again(*words)))
        seen[name] = json.loads(costs[name][-1].said)
        progress.step(name)

    one, two = str(work / "one"), str(work / "two")
    take(SYSTEMS[0], "_take", str(files), one, "--workers", "1")
    take(SYSTEMS[3], "_loop", str(files), str(work / "loop"))
    take(SYSTEMS[1], "_take", str(files), two, "--workers", "2")
    take(SYSTEMS[4], "_copy", str(files), str(work / "copy"))
    take(SYSTEMS[2], "_take", str(files), two, "--workers", "2")
    _same_work(seen, count, size)


def _same_work(seen: dict[str, dict[str, Any]], count: int, size: int) -> None:
    """Every system took every file and saw the same frames; numbers of unlike work are not worth printing."""
    for name in SYSTEMS[:2]:
        if seen[name]["added"] != count or seen[name]["thumbnails"] != count:
            raise RuntimeError(f"{name} took {seen[name]} of {count} files")
    if seen[SYSTEMS[2]]["known"] != count:
        raise RuntimeError(f"the second ingest knew {seen[SYSTEMS[2]]['known']} of {count} files")
    if seen["loop"]["rows"] != count or seen["loop"]["thumbnails"] != count:
        raise RuntimeError(f"the loop took {seen['loop']} of {count} files")
    if seen["loop"]["frames"] != seen[SYSTEMS[0]]["frames"]:
        raise RuntimeError(f"the loop and casearchive do not see the same frames: {seen}")
    if seen["copy"]["bytes"] != size:
        raise RuntimeError(f"the copy has {seen['copy']['bytes']} of {size} bytes")


def _row(costs: list[Cost], count: int, size: int, loop: list[Cost]) -> dict[str, Any]:
    seconds = median([c.seconds for c in costs]) or 0.0
    ratios = [theirs.seconds / ours.seconds for ours, theirs in zip(costs, loop, strict=True)]
    return {
        "seconds": seconds,
        "all_seconds": [round(c.seconds, 3) for c in costs],
        "cpu_s": median([c.cpu_s for c in costs]),
        "files_per_s": count / seconds,
        "mb_per_s": size / 1e6 / seconds,
        "peak_mb": median([c.peak_mb for c in costs]),
        "speed_against_loop": median(ratios),
    }


# ------------------------------------------------------------------------------- each in its own process


def take(files: Path, target: Path, workers: int) -> dict[str, Any]:
    """Ingest into the archive at ``target``, made where it is not there."""
    from casearchive import Archive

    archive = Archive.open(target) if target.exists() else Archive.create(target)
    summary = archive.ingest([files], workers=workers)
    pictures = sum(1 for p in (target / "cache").rglob("*") if p.is_file() and "thumbnail" in str(p))
    frames = sum(h.frames for h in archive.list())
    return {"added": summary.added, "known": summary.known, "frames": frames, "thumbnails": pictures}


def loop(files: Path, target: Path) -> dict[str, Any]:
    """One row and one thumbnail of the first frame a file; nothing is copied, hashed or made durable."""
    import pydicom
    from PIL import Image, ImageSequence
    from pydicom.pixels import pixel_array

    target.mkdir(parents=True)
    base = sqlite3.connect(target / "index.db")
    base.execute("CREATE TABLE images (path TEXT, uid TEXT, description TEXT, frames INTEGER)")
    for number, path in enumerate(sorted(p for p in files.rglob("*") if p.is_file())):
        if path.suffix == ".dcm":
            header = pydicom.dcmread(path, stop_before_pixels=True)
            uid, description = str(header.SOPInstanceUID), str(header.get("StudyDescription", ""))
            frames = int(header.get("NumberOfFrames", 1))
            image = Image.fromarray(pixel_array(path, index=0))
        elif path.suffix == ".mp4":
            import av

            uid = description = ""
            with av.open(str(path)) as film:
                frames = film.streams.video[0].frames
                image = next(film.decode(video=0)).to_image()
        else:
            uid = description = ""
            with Image.open(path) as opened:
                frames = sum(1 for _ in ImageSequence.Iterator(opened))
                opened.seek(0)
                image = opened.convert("RGB")
        image.thumbnail((256, 256))
        image.convert("RGB").save(target / f"thumbnail-{number}.webp")
        with base:
            base.execute("INSERT INTO images VALUES (?, ?, ?, ?)", (str(path), uid, description, frames))
    rows, frames = base.execute("SELECT count(*), sum(frames) FROM images").fetchone()
    base.close()
    return {"rows": rows, "frames": frames, "thumbnails": sum(1 for _ in target.glob("*.webp"))}


def copy(files: Path, target: Path) -> dict[str, Any]:
    """A plain copy of the folder, on the disk when it returns."""
    shutil.copytree(files, target, copy_function=shutil.copyfile)
    sync: Callable[[], None] | None = getattr(os, "sync", None)
    if sync is not None:
        sync()
    return {"bytes": sum(p.stat().st_size for p in target.rglob("*") if p.is_file())}


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
