#!/usr/bin/env python3
"""Measure casearchive on this machine; each measurement is one command and prints one table.

    python scripts/bench.py corpus DIR --files 200 --seed 1     files like a department's, the same for the same seed
    python scripts/bench.py ingest [DIR]                        against Orthanc, a plain loop, copies, interleaved
    python scripts/bench.py reingest                            the same folder again: unchanged, read anew, some more
    python scripts/bench.py search                              queries in archives of many cases
    python scripts/bench.py startup                             CPU of short commands
    python scripts/bench.py pictures                            a thumbnail, a preview, against pydicom and Pillow
    python scripts/bench.py previews [FILE...]                  WebP, AVIF and H.264 for moving previews
    python scripts/bench.py export                              a clip through the airlock; a set as pages
    python scripts/bench.py pages                               web pages of 200 cases in Chromium; a film of 10 minutes
    python scripts/bench.py together                            questions while files are taken in
    python scripts/bench.py verify                              every byte read, against sha256sum and hashlib alone
    python scripts/bench.py scale                               archives of ever more files: what grows, and how fast
    python scripts/bench.py growth                              does a fuller archive take files more slowly?
    python scripts/bench.py reindex                             the index made again from records
    python scripts/bench.py bulk                                a long run as it is seen; stopped, and gone on with
    python scripts/bench.py profile                             where time goes: the pictures in docs/profiles/

``--json FILE`` keeps everything that was measured. Seconds belong to a machine and its day; ratios of what ran
side by side travel. docs/performance.md holds the last results and what they mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmarks import (
    asking,
    bulk,
    corpus,
    intake,
    letting_out,
    others,
    pictures,
    previews,
    profiling,
    rebuilding,
    scaling,
    starting,
    together,
    verifying,
    whole_set,
)
from benchmarks.measure import finish, table


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if options.what.startswith("_"):
        _inside(options)
    else:
        _outside(options)
    return 0


def _outside(options: argparse.Namespace) -> None:
    if options.what == "corpus":
        counts = corpus.make(options.folder, options.files, options.seed, dicom=options.dicom)
        size = sum(p.stat().st_size for p in options.folder.rglob("*") if p.is_file())
        rows = [*counts.items(), ("all", sum(counts.values()))]
        text = f"{table(('kind', 'files'), rows)}\n\n{size / 1e6:.0f} MB"
        result = {"files": options.files, "seed": options.seed, "kinds": counts, "bytes": size}
    elif options.what == "ingest":
        result, text = _ingest(options)
    elif options.what == "search":
        result, text = asking.measure(options.cases, options.findings, options.repeats, options.keep)
    elif options.what == "startup":
        result, text = starting.measure(options.repeats)
    elif options.what == "pictures":
        result, text = pictures.measure(options.repeats, options.frames)
    elif options.what == "export":
        clip, about_clip = letting_out.measure(options.repeats, options.frames)
        whole, about_set = whole_set.measured_set(
            options.cases, options.clips, options.frames_a_clip, options.repeats
        )
        result, text = {"clip": clip, "set": whole}, f"{about_clip}\n\n{about_set}"
    elif options.what == "pages":
        from benchmarks import showing  # needs a browser and what the tests drive it with

        result, text = showing.measure(options.cases, options.frames, options.repeats)
    elif options.what == "together":
        result, text = together.measure(
            options.cases, options.files, options.readers, options.seconds, options.repeats
        )
    elif options.what == "previews":
        result, text = previews.measure(options.files, options.frames)
    elif options.what == "profile":
        result, text = profiling.measure(
            options.files, options.cases, options.clips, options.frames, options.to
        )
    elif options.what == "verify":
        result, text = verifying.measure(options.files, options.seed, options.repeats)
    elif options.what == "scale":
        result, text = scaling.measure(options.sizes, options.repeats, options.keep)
    elif options.what == "reindex":
        result, text = rebuilding.measure(options.cases, options.repeats)
    elif options.what == "bulk":
        result, text = bulk.measure(options.files, options.workers)
    elif options.what == "reingest":
        result, text = intake.reingest(options.files, options.new, options.workers, options.repeats)
    else:
        result, text = intake.growth(options.files, options.workers)
    finish(options.what, result, text, options.json)


def _ingest(options: argparse.Namespace) -> tuple[dict[str, object], str]:
    if options.folder is not None:
        return intake.compare(options.folder, options.repeats)
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        corpus.make(Path(work) / "files", options.files, options.seed, dicom=True)
        return intake.compare(Path(work) / "files", options.repeats)


def _inside(options: argparse.Namespace) -> None:
    """What ``measure.run`` starts, so that its time and memory are its own."""
    if options.what == "_take":
        told = intake.take(options.folder, options.target, options.workers, options.cores)
    elif options.what[1:] in others.RUNS:
        told = others.RUNS[options.what[1:]](options.folder, options.target)
    elif options.what == "_encode":
        told = whole_set.once(options.folder)
    elif options.what == "_pictures":
        told = pictures.everything_of(options.folder)
    elif options.what == "_profile":
        numbers = options.files, options.cases, options.clips, options.frames
        told = profiling.step(options.step, options.folder, *numbers)
    elif options.what == "_scale":
        told = scaling.step(options.step, options.folder, options.size, options.repeats)
    elif options.what == "_records":
        told = rebuilding.read(options.folder)
    elif options.what == "_read":
        told = together.read(options.folder)
    else:
        told = asking.ask(options.folder, options.repeats)
    print(json.dumps(told))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure casearchive on this machine.")
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")

    def verb(name: str, about: str | None = None) -> argparse.ArgumentParser:
        # argparse lists a verb without help only by its name; the inner ones are not for people
        made = verbs.add_parser(name, help=about) if about else verbs.add_parser(name)
        if about:
            made.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
        return made

    def files(made: argparse.ArgumentParser, count: int) -> None:
        made.add_argument("--files", type=int, default=count, help=f"how many files (default {count})")
        made.add_argument("--seed", type=int, default=1)

    made = verb("corpus", "make a folder of realistic ultrasound files")
    made.add_argument("folder", type=Path, metavar="DIR")
    made.add_argument("--dicom", action="store_true", help="DICOM alone")
    files(made, 200)
    made = verb("ingest", "ingest against what people use instead, and against the machine")
    made.add_argument(
        "folder", type=Path, metavar="DIR", nargs="?", help="a corpus; else one of DICOM is made"
    )
    files(made, 200)
    made.add_argument("--repeats", type=int, default=3)
    made = verb("search", "queries in archives of many cases")
    made.add_argument("--cases", type=int, nargs="+", default=[1000, 5000, 10_000])
    made.add_argument("--findings", type=int, default=10, help="findings a case on average (default 10)")
    made.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the archives there and use them again"
    )
    made.add_argument("--repeats", type=int, default=5)
    made = verb("startup", "CPU of short commands")
    made.add_argument("--repeats", type=int, default=15)
    made = verb("pictures", "CPU of a thumbnail and of a preview, by kind of file")
    made.add_argument("--repeats", type=int, default=7)
    made.add_argument("--frames", type=int, default=600, help="frames of the long clip (default 600)")
    made = verb("export", "a clip and a set on their way out against encoding them once")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--frames", type=int, default=60, help="frames of the clip (default 60)")
    made.add_argument("--cases", type=int, default=20, help="cases of the set (default 20)")
    made.add_argument("--clips", type=int, default=3, help="clips a case (default 3)")
    made.add_argument("--frames-a-clip", type=int, default=12, help="frames of each of them (default 12)")
    made = verb("previews", "formats for a moving preview")
    made.add_argument("files", type=Path, metavar="FILE", nargs="*", help="clips; else three of cases/")
    made.add_argument("--frames", type=int, default=60, help="how many frames of each (default 60)")
    made = verb("pages", "web pages of many cases, and a long clip, in Chromium")
    made.add_argument("--cases", type=int, default=200)
    made.add_argument("--frames", type=int, default=12_000, help="frames of the long clip (default 12000)")
    made.add_argument("--repeats", type=int, default=5)
    made = verb("together", "questions while files are taken in")
    files(made, 200)
    made.add_argument("--cases", type=int, default=5000)
    made.add_argument("--readers", type=int, default=1)
    made.add_argument(
        "--seconds", type=float, default=8.0, help="how long, where nothing is taken (default 8)"
    )
    made.add_argument("--repeats", type=int, default=3)
    made = verb("growth", "files a second as an archive grows")
    files(made, 2000)
    made.add_argument("--workers", type=int, default=2)
    made = verb("profile", "where time goes: the pictures in docs/profiles/")
    made.add_argument("--files", type=int, default=60, help="files that are taken in (default 60)")
    made.add_argument("--cases", type=int, default=2000, help="cases that are searched (default 2000)")
    made.add_argument(
        "--clips", type=int, default=2, help="clips of each of two cases that leave (default 2)"
    )
    made.add_argument("--frames", type=int, default=12, help="frames of each clip that leaves (default 12)")
    made.add_argument("--to", type=Path, default=profiling.PICTURES, metavar="FOLDER")
    made = verb("verify", "every byte read, against sha256sum and hashlib alone")
    files(made, 200)
    made.add_argument("--repeats", type=int, default=3)
    made = verb("scale", "archives of ever more files: what grows, and how fast")
    made.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000], metavar="FILES",
        help="files, with a tenth as many cases (default 10000 30000 100000 300000)",
    )  # fmt: skip
    made.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the archives there and use them again"
    )
    made.add_argument("--repeats", type=int, default=5)
    made = verb("bulk", "a long run as it is seen; stopped, and gone on with")
    made.add_argument("--files", type=int, default=5000, help="how many tiny files (default 5000)")
    made.add_argument("--workers", type=int, default=2)
    made = verb("reingest", "the same folder again: unchanged, read anew, with some files more")
    made.add_argument("--files", type=int, default=5000)
    made.add_argument("--new", type=int, default=10, help="how many files come new (default 10)")
    made.add_argument("--workers", type=int, default=2)
    made.add_argument("--repeats", type=int, default=3)
    made = verb("reindex", "the index made again from records")
    made.add_argument("--cases", type=int, default=1000)
    made.add_argument("--repeats", type=int, default=3)
    inner = ("_take", "_ask", "_pictures", "_encode", "_read", "_scale", "_profile", "_records")
    for name in (*inner, *(f"_{name}" for name in others.RUNS)):
        made = verb(name)
        made.add_argument("folder", type=Path)
        if name == "_take" or name not in inner:
            made.add_argument("target", type=Path)
        made.add_argument("--workers", type=int)
        made.add_argument("--cores", type=int, default=0)
        made.add_argument("--repeats", type=int, default=1)
        if name in ("_scale", "_profile"):
            made.add_argument("--step")
            for number in ("--size", "--files", "--cases", "--clips", "--frames"):
                made.add_argument(number, type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
