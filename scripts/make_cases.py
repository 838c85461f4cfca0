#!/usr/bin/env python3
"""Synthesise the pictures of the fictional sample cases under ``cases/``.

    python scripts/make_cases.py [--out cases] [--only SLUG] [--force] [--check]

Only missing files are written unless ``--force`` is given; ``--check`` writes nothing and says what is missing.
The case files (``case.toml``) are written by hand and never touched. Needs numpy, Pillow and pydicom; without
PyAV the MP4 clips are left out. The same library versions give the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from phantom import film, stories


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def make_one(slug: str, file: str, out: str) -> tuple[str, str, int, float]:
    """Make one file; runs in a worker process."""
    started = time.monotonic()
    story = next(s for s in stories.catalogue() if s.slug == slug)
    shot = next(s for s in story.shots if s.file == file)
    folder = Path(out) / slug
    folder.mkdir(parents=True, exist_ok=True)
    path = stories.make(story, shot, folder)
    return slug, file, path.stat().st_size, time.monotonic() - started


def plan(out: Path, only: str | None, force: bool) -> list[tuple[str, str, float]]:
    """What is to be made: slug, file, and a guess at the work in frames."""
    todo = []
    for story in stories.catalogue():
        if only is not None and story.slug != only:
            continue
        for shot in story.shots:
            if force or not (out / story.slug / shot.file).exists():
                todo.append((story.slug, shot.file, len(shot.phases) + 3.0))
    return todo


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Synthesise the pictures of the fictional sample cases.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "cases")
    parser.add_argument("--only", metavar="SLUG", help="one case only")
    parser.add_argument("--force", action="store_true", help="make files again that are there already")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if files are missing")
    options = parser.parse_args(argv)

    slugs = [s.slug for s in stories.catalogue()]
    if options.only is not None and options.only not in slugs:
        say(f"no such case: {options.only}; there are: {', '.join(slugs)}")
        return 2
    todo = plan(options.out, options.only, options.force)
    if options.check:
        for slug, file, _ in todo:
            say(f"missing: {slug}/{file}")
        say(f"{len(todo)} files missing" if todo else "every file is there")
        return 1 if todo else 0
    if not film.have_video() and any(f.endswith(".mp4") for _, f, _ in todo):
        say("PyAV is not installed: MP4 clips are left out (pip install av)")
        todo = [t for t in todo if not t[1].endswith(".mp4")]

    total = sum(work for _, _, work in todo)
    done, size, started = 0.0, 0, time.monotonic()
    todo.sort(key=lambda t: -t[2])  # long ones first, so that no worker is left with one at the end
    with ProcessPoolExecutor(max_workers=min(os.cpu_count() or 1, 8)) as pool:
        jobs = {pool.submit(make_one, slug, file, str(options.out)): work for slug, file, work in todo}
        for job in as_completed(jobs):
            slug, file, length, seconds = job.result()
            done += jobs[job]
            size += length
            left = (time.monotonic() - started) * (total - done) / done
            say(f"{slug}/{file}  {length / 1e6:.2f} MB in {seconds:.1f} s; about {left:.0f} s left")
    say(f"{len(todo)} files, {size / 1e6:.1f} MB, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
