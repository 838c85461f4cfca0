"""Measure casearchive beside what people would use instead. Figures are for people, never for tests.

    python scripts/bench.py corpus DIR     a folder of made-up ultrasound files
    python scripts/bench.py ingest         taking that folder in, against a plain loop and a plain copy
    python scripts/bench.py search         asking an archive of many cases
    python scripts/bench.py startup        starting, against a bare Python

Compared things run in turn in the same run; medians and ratios are what travels. Needs casearchive installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from casearchive import Archive, index
from casearchive.index import write
from casearchive.model import Case, Evidence, Finding, Media, Patient, Story
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon

US, US_CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
QUERIES = (
    "tear", "left", "rectus femoris tear", "RF tear left", "hamstring tear right", "supraspinatus tendinopathy",
    "sciatic nerve entrapment", "nerve entrapment cine", "hematoma", "haematoma left", "no:tear", "-finding:tear",
    "achilles", "shoulder", "knee effusion", "median nerve", "carpal tunnel", "complete tear", "partial tear -left",
    "age:20..40 tear", "sex:F tendinopathy", "structure:quadriceps finding:tear side:left", "certainty:absent",
    "difficulty:advanced", "footballer", '"long ball"', "rectus femoris tear OR achilles tear", "cyst", "muscle",
    "tendon", "thigh", "perifromis", "neuroma", "bursitis right",
)  # fmt: skip


# ------------------------------------------------------------------------------------------------- corpus


def corpus(folder: Path, files: int, seed: int) -> int:
    """Half RGB stills, a fifth JPEG cine, the rest grey, palette, RLE, JPEG 2000 and PNG. Returns the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    noise = np.random.default_rng(seed)
    total = 0
    for number in range(files):
        kind = chance.choices(
            ("rgb", "cine", "grey", "palette", "rle", "j2k", "png"), (50, 20, 10, 6, 5, 5, 4)
        )[0]
        path = folder / f"ST{number // 40:03}" / f"IM{number:05}"
        path.parent.mkdir(exist_ok=True)
        if kind == "png":
            path = path.with_suffix(".png")
            Image.fromarray(_speckle(noise, 600, 800)).save(path)
        else:
            _dicom(path, kind, number, chance, noise)
        total += path.stat().st_size
    return total


def _speckle(noise: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    small = noise.rayleigh(40, (rows // 4, columns // 4)).clip(0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((columns, rows), Image.Resampling.BILINEAR))


def _dicom(path: Path, kind: str, number: int, chance: random.Random, noise: np.random.Generator) -> None:
    cine = kind == "cine"
    rows, columns = (768, 1024) if cine else (600, 800)
    frames = chance.randint(30, 60) if cine else 1
    first = _speckle(noise, rows, columns)
    data = Dataset()
    data.SOPClassUID = US_CINE if cine else US
    data.SOPInstanceUID = f"2.25.{10**30 + number}"
    data.StudyInstanceUID, data.SeriesInstanceUID = (
        f"2.25.{10**29 + number // 40}",
        f"2.25.{10**28 + number // 8}",
    )
    data.PatientID, data.PatientName = f"P{number // 40:05}", f"Bench^Patient{number // 40}"
    data.Modality, data.Manufacturer = "US", chance.choice(("Fictional Imaging", "Phantom Medical"))
    data.ManufacturerModelName = chance.choice(("PhantomScan 9", "PhantomScan 5"))
    data.StudyDate = f"2025{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    data.SeriesDescription = chance.choice(("RF LAX", "Achilles rest", "Sciatic SAX", "Shoulder"))
    data.Rows, data.Columns, data.NumberOfFrames = rows, columns, frames
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.SamplesPerPixel = 3 if kind in ("rgb", "cine") else 1
    data.PhotometricInterpretation = {"rgb": "RGB", "cine": "YBR_FULL_422", "palette": "PALETTE COLOR"}.get(
        kind, "MONOCHROME2"
    )
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    if kind == "palette":
        for colour in ("Red", "Green", "Blue"):
            setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = (np.arange(256, dtype="<u2") * 257).tobytes()
            setattr(data, f"{colour}PaletteColorLookupTableData", table)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 80, 60
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 80, rows - 60
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.01
    data.SequenceOfUltrasoundRegions = [region]
    syntax = {"cine": JPEGBaseline8Bit, "j2k": JPEG2000Lossless, "rle": RLELossless}.get(
        kind, ExplicitVRLittleEndian
    )
    if cine:
        data.FrameTime, data.FrameIncrementPointer = 40.0, 0x00181063
        data.LossyImageCompression = "01"
        encoded = [
            _encoded(Image.fromarray(np.roll(first, n, 1)).convert("RGB"), "JPEG") for n in range(frames)
        ]
        data.PixelData = encapsulate(encoded)
    elif kind == "j2k":
        data.PixelData = encapsulate([_encoded(Image.fromarray(first), "JPEG2000")])
    else:
        pixels = np.repeat(first[..., None], 3, 2) if kind == "rgb" else first
        data.PixelData = pixels.tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if kind == "rle" else syntax
    data.file_meta = meta
    if kind == "rle":
        data.compress(RLELossless)
    data.save_as(path, enforce_file_format=True)


def _encoded(image: Image.Image, form: str) -> bytes:
    out = BytesIO()
    options: dict[str, Any] = {"quality": 80} if form == "JPEG" else {"irreversible": False, "no_jp2": True}
    image.save(out, form, **options)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------- ingest


def bench_ingest(files: int, seed: int, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        say(f"Making a corpus of {files} files")
        size = corpus(work / "corpus", files, seed)
        ways: dict[str, Callable[[Path], int]] = {
            "casearchive, 1 worker": lambda to: _casearchive(work / "corpus", to, 1),
            "casearchive, 2 workers": lambda to: _casearchive(work / "corpus", to, 2),
            "pydicom loop": lambda to: _loop(work / "corpus", to),
            "copy and sync": lambda to: _copy(work / "corpus", to),
        }
        times: dict[str, list[float]] = {n: [] for n in [*ways, "casearchive, again"]}
        for turn in range(repeats):
            for way, act in ways.items():
                say(f"Turn {turn + 1} of {repeats}: {way}")
                target = work / "out"
                shutil.rmtree(target, ignore_errors=True)
                started = time.perf_counter()
                done = act(target)
                times[way].append(time.perf_counter() - started)
                assert done == files, f"{way} did {done} of {files}"
                if way == "casearchive, 2 workers":
                    started = time.perf_counter()
                    again = Archive.open(target).ingest([work / "corpus"])
                    times["casearchive, again"].append(time.perf_counter() - started)
                    assert again.known == files
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    medians = {way: statistics.median(t) for way, t in times.items()}
    floor = medians["copy and sync"]
    table(
        ("way", "seconds", "files a second", "MB a second", "times copy"),
        [
            (w, f"{s:.2f}", f"{files / s:.0f}", f"{size / s / 1e6:.0f}", f"{s / floor:.1f}")
            for w, s in medians.items()
        ],
    )
    say(f"Corpus {size / 1e6:.0f} MB; largest memory of a worker {peak / 1024:.0f} MB")
    return {"files": files, "bytes": size, "seconds": times, "worker_peak_kb": peak}


def _casearchive(source: Path, target: Path, workers: int) -> int:
    summary = Archive.create(target).ingest([source], workers=workers)
    return summary.added


def _loop(source: Path, target: Path) -> int:
    """What a user would write: read, decode, thumbnail, one row a file."""
    target.mkdir()
    connection = sqlite3.connect(target / "index.db")
    connection.execute("CREATE TABLE files (path TEXT, uid TEXT, description TEXT, rows INT, columns INT)")
    done = 0
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        if path.suffix == ".png":
            picture, row = Image.open(path).convert("RGB"), ("", "", 0, 0)
        else:
            data = pydicom.dcmread(path)
            pixels = data.pixel_array
            pixels = pixels[0] if data.get("NumberOfFrames", 1) > 1 else pixels
            picture = Image.fromarray(pixels.astype(np.uint8))
            row = (data.SOPInstanceUID, data.get("SeriesDescription", ""), data.Rows, data.Columns)
        picture.thumbnail((256, 256))
        picture.save(target / f"{done}.png")
        with connection:
            connection.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?)", (str(path), *row))
        done += 1
    connection.close()
    return done


def _copy(source: Path, target: Path) -> int:
    shutil.copytree(source, target)
    if hasattr(os, "sync"):
        os.sync()
    return sum(1 for p in target.rglob("*") if p.is_file())


# ------------------------------------------------------------------------------------------------- search


def bench_search(cases: int, seed: int, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        archive = Archive.create(Path(name) / "archive")
        say(f"Writing {cases} cases with ten findings each through the archive's own writer")
        started = time.perf_counter()
        _fill(archive.path / "index.db", cases, seed)
        filled = time.perf_counter() - started
        for query in QUERIES:
            archive.search(query)
        times: dict[str, list[float]] = {q: [] for q in QUERIES}
        for _ in range(repeats):
            for query in QUERIES:
                started = time.perf_counter()
                archive.search(query)
                times[query].append(1000 * (time.perf_counter() - started))
        size = (archive.path / "index.db").stat().st_size
    medians = {q: statistics.median(t) for q, t in times.items()}
    ordered = sorted(medians.values())
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    slowest = sorted(medians.items(), key=lambda item: -item[1])[:6]
    table(("query", "median ms"), [(q, f"{m:.1f}") for q, m in slowest])
    say(f"{cases} cases: median of medians {statistics.median(ordered):.1f} ms, 95 % under {p95:.1f} ms")
    say(f"Index {size / 1e6:.0f} MB, written at {cases / filled:.0f} cases a second")
    return {"cases": cases, "median_ms": medians, "p95_ms": p95, "index_bytes": size, "fill_seconds": filled}


def _fill(path: Path, cases: int, seed: int) -> None:
    chance = random.Random(seed)
    words = lexicon()
    structures, abnormalities = list(words.ids(STRUCTURE_KINDS)), list(words.ids(ABNORMALITY_KINDS))
    with index.writing(path) as connection:
        for start in range(0, cases, 500):
            with index.transaction(connection):
                for number in range(start, min(cases, start + 500)):
                    case = _case(number, chance, structures, abnormalities)
                    digest = hashlib.sha256(str(number).encode()).hexdigest()
                    write.put_case(connection, case, record_sha256=digest, completeness=50)


def _case(number: int, chance: random.Random, structures: list[str], abnormalities: list[str]) -> Case:
    def finding(position: int) -> Finding:
        common = position == 1 and number % 4 == 0
        return Finding(
            id=f"F{position}",
            abnormality="partial_tear" if common else chance.choice(abnormalities),
            structure=chance.choice(structures),
            side=chance.choice(("left", "right", "bilateral", "unknown")),
            certainty=chance.choices(("definite", "probable", "possible", "absent"), (60, 15, 5, 20))[0],
            evidence=(Evidence("M1", (1, 10)),),
        )

    findings = tuple(finding(n) for n in range(1, 11))
    first = findings[0]
    return Case(
        slug=f"case-{number}",
        title=f"{first.side} {first.structure} {first.abnormality} in a footballer".replace("_", " "),
        status="ready",
        difficulty=chance.choice(("primary", "intermediate", "advanced")),
        patient=Patient(age=f"{chance.randint(10, 80)} Y", sex=chance.choice("MF")),
        story=Story(
            history="Sudden pain while striking a long ball.", differential=(chance.choice(abnormalities),)
        ),
        media=(Media("M1", sha256=hashlib.sha256(f"m{number}".encode()).hexdigest()),),
        findings=findings,
    )


# ------------------------------------------------------------------------------------------------ startup


def bench_startup(repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "archive"
        Archive.create(archive)
        _fill(archive / "index.db", 20, 1)
        program = [sys.executable, "-m", "casearchive"]
        ways = {
            'python -c "import click, sqlite3"': [sys.executable, "-c", "import click, sqlite3"],
            "casearchive --help": [*program, "--help"],
            "casearchive search": [*program, "--archive", str(archive), "search", "tear"],
        }
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        times: dict[str, list[float]] = {w: [] for w in ways}
        for turn in range(repeats + 1):
            for way, command in ways.items():
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(command, check=True, capture_output=True, env=environment)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                if turn:  # the first turn writes the bytecode
                    times[way].append(_cpu(after) - _cpu(before))
    medians = {w: statistics.median(t) for w, t in times.items()}
    bare = next(iter(medians.values()))
    table(
        ("start", "CPU ms", "times bare"),
        [(w, f"{1000 * m:.0f}", f"{m / bare:.2f}") for w, m in medians.items()],
    )
    return {"cpu_seconds": times}


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


# ------------------------------------------------------------------------------------------------ telling


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n| {' | '.join(heads)} |")
    print(f"| {' | '.join('---' for _ in heads)} |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, help_text in (
        ("corpus", "make files"),
        ("ingest", "take in"),
        ("search", "ask"),
        ("startup", "start"),
    ):
        sub = verbs.add_parser(verb, help=help_text)
        sub.add_argument("--seed", type=int, default=1)
        sub.add_argument("--repeats", type=int, default=15 if verb == "startup" else 3)
        if verb == "corpus":
            sub.add_argument("dir", type=Path)
        if verb in ("corpus", "ingest"):
            sub.add_argument("--files", type=int, default=200)
        if verb == "search":
            sub.add_argument("--cases", type=int, default=5000)
    asked = parser.parse_args(words)
    if asked.verb == "corpus":
        say(f"{corpus(asked.dir, asked.files, asked.seed) / 1e6:.0f} MB in {asked.dir}")
        return 0
    if asked.verb == "ingest":
        figures = bench_ingest(asked.files, asked.seed, asked.repeats)
    elif asked.verb == "search":
        figures = bench_search(asked.cases, asked.seed, asked.repeats)
    else:
        figures = bench_startup(asked.repeats)
    figures["machine"] = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    say(figures["machine"])
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
