"""A whole set on its way out: pages against encoding their clips once, and what a second export costs."""

from __future__ import annotations

import contextlib
import random
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import corpus, measure
from benchmarks.letting_out import area_of
from casearchive import Archive, preview
from casearchive.deid.pixels import clean
from casearchive.exporters._html import pictures
from casearchive.exporters.html import EDGE
from casearchive.readers import open_clip
from casearchive.settings import Layout

TARGET, AGAIN = 2.0, 5.0
_SET = "the-set"
_ONCE, _FIRST, _PAGES, _WORDS, _SAME, _ALL = (
    "encode the clips once", "html, text never looked for", "html, text looked for before",
    "html again, words of one case changed", "html again, nothing changed", "html, pptx and anki together",
)  # fmt: skip
_STRUCTURES = ("rectus_femoris", "achilles_tendon", "biceps_femoris", "supraspinatus", "patellar_tendon")


def make(folder: Path, cases: int, clips: int, frames: int) -> None:
    """Case folders, each with so many JPEG loops of 1024x768: the same for the same numbers."""
    for number in range(1, cases + 1):
        case = folder / f"case-{number:02}"
        case.mkdir(parents=True)
        for clip in range(1, clips + 1):
            corpus.speckled(case / f"clip-{number}-{clip}.dcm", frames, f"{number}/{clip}")
        (case / "case.toml").write_text(_record(number, clips), "utf-8")


def _record(number: int, clips: int) -> str:
    chance = random.Random(number)
    media = "".join(
        f'[[media]]\nid = "M{clip}"\nfile = "clip-{number}-{clip}.dcm"\ncaption = "The {clip}. plane"\n'
        for clip in range(1, clips + 1)
    )
    return (
        f'title = "A case to measure with ({number})"\nstatus = "ready"\nfictional = true\n'
        f'[author]\nname = "A. Teacher"\n{media}[[finding]]\nid = "F1"\n'
        f'structure = "{chance.choice(_STRUCTURES)}"\nabnormality = "partial_tear"\nside = "left"\n'
    )


def once(folder: Path) -> dict[str, int]:
    """Each clip decoded once, emptied outside its scan, and coded as a page has it: a picture of each frame, and an
    animation. The least that anybody can do."""
    size = count = 0
    for path in sorted(folder.rglob("*.dcm")):
        with contextlib.closing(open_clip(path, "a" * 64)) as clip:
            mask = area_of(clip).mask()
            numbers = range(1, clip.facts.instance.frames + 1)
            frames = [clean(clip.frame(number), mask) for number in numbers]
            size += sum(len(pictures.coded(frame, EDGE)) for frame in frames)
            size += len(
                preview.animated(iter(frames), clip.facts.timing.lasting(len(frames)), pictures.MOVING_EDGE)
            )
            count += len(frames)
    return {"bytes": size, "frames": count}


def measured_set(cases: int, clips: int, frames: int, repeats: int) -> tuple[dict[str, Any], str]:
    """Medians of interleaved runs, each a process of its own. Raises ``RuntimeError`` where not every clip passes, or
    a film was made twice."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        make(work / "files", cases, clips, frames)
        archive = Archive.create(work / "archive")
        archive.ingest([work / "files"])
        slugs = [f"case-{number:02}" for number in range(1, cases + 1)]
        archive.set_create(_SET, title="The set", cases=slugs)
        # the detector takes some of the invented speckle for letters; a person would look and say that it is none
        archive.review([_SET], "approve")
        layout, out = Layout(work / "archive"), work / "out"
        runs: dict[str, list[measure.Cost]] = {}

        def run(what: str, *words: str, fresh: bool = False, formats: str = "html") -> None:
            if what == _FIRST:  # the review has looked at all of them
                for looked in layout.cache.rglob("*.looked.json"):
                    looked.unlink()
            if fresh:
                shutil.rmtree(layout.darkroom, ignore_errors=True)
                shutil.rmtree(out, ignore_errors=True)
            command = ["-m", "casearchive", "--archive", str(layout.root), "export", _SET, "--to", str(out)]
            words = words or (sys.executable, *command, "--as", formats, "--require-all")
            runs.setdefault(what, []).append(measure.run(words))
            progress.step(what)

        progress = measure.Progress(1 + 5 * repeats)
        run(_FIRST, fresh=True)
        for turn in range(repeats):
            run(_ONCE, *measure.again("_encode", str(work / "files")))
            run(_PAGES, fresh=True)
            archive.edit(slugs[turn % len(slugs)], {"title": f"Other words ({turn})"})
            run(_WORDS)
            run(_SAME)
            run(_ALL, fresh=True, formats="html,pptx,anki")
            films = len(list(layout.darkroom.rglob("*.mp4")))
            if len(list(layout.darkroom.rglob("*.passed"))) != cases * clips or films not in (
                0,
                cases * clips,
            ):
                raise RuntimeError(f"{films} films were made of {cases * clips} clips")
    return _told(runs, cases, clips, frames)


def _told(
    runs: dict[str, list[measure.Cost]], cases: int, clips: int, frames: int
) -> tuple[dict[str, Any], str]:
    least = statistics.median(cost.seconds for cost in runs[_ONCE])
    rows: dict[str, dict[str, Any]] = {}
    for what, costs in runs.items():
        took = [cost.seconds for cost in costs]
        rows[what] = {
            "s": statistics.median(took),
            "every_s": took,
            "cpu_s": measure.median([cost.cpu_s for cost in costs]),
            "peak_mb": measure.median([cost.peak_mb for cost in costs]),
            "times_once": statistics.median(took) / least,
        }
    keys = ("s", "cpu_s", "peak_mb", "times_once")
    heads = ("what", "s", "CPU s", "peak MB", "times once")
    repeats = len(runs[_ONCE])
    text = (
        f"{cases} cases, {cases * clips} clips of {frames} frames of 1024x768; {repeats} interleaved runs, medians\n\n"
        + measure.table(heads, [(what, *(row[key] for key in keys)) for what, row in rows.items()])
        + f"\n\npages take {rows[_PAGES]['times_once']:.2f} times the least work (aim: {TARGET}), and"
        f" {rows[_WORDS]['s']:.1f} s after a change of words (aim: {AGAIN} s)"
    )
    return {"cases": cases, "clips": cases * clips, "frames": frames, "runs": rows}, text
