"""The pages of a large set in a real browser: how soon they show, what they read, and whether a film steps exactly."""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from browser import Browser, Page

from benchmarks.measure import table
from casearchive import film
from casearchive.exporters import html
from casearchive.model import Case, Media, Story
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet

_BITS = 14


class _Numbered:
    """Speckle with the number of the frame in it as bars, one a bit."""

    def __init__(self, count: int, rows: int = 480, columns: int = 640, seed: int = 1) -> None:
        self.count, self.rows, self.columns = count, rows, columns
        self.speckle = np.random.default_rng(seed).rayleigh(22, (rows, columns)).clip(0, 120).astype(np.uint8)

    def __len__(self) -> int:
        return self.count

    def frame(self, number: int) -> NDArray[np.uint8]:
        picture, wide = self.speckle.copy(), self.columns // 16
        for bit in range(_BITS):
            bar = slice((bit + 1) * wide, (bit + 2) * wide)
            picture[self.rows // 3 : self.rows // 2, bar] = 235 if number >> bit & 1 else 5
        return picture


class _Made:
    def __init__(self, path: Path) -> None:
        self._path = path

    def path(self) -> Path:
        return self._path


def measure(cases: int, frames: int, repeats: int) -> tuple[dict[str, Any], str]:
    """Pages of ``cases`` cases, and a clip of so many frames as pictures or as a film, whichever it becomes."""
    with tempfile.TemporaryDirectory(prefix="pages-") as name, Browser() as browser:
        work = Path(name)
        opened = _opened(browser, work, cases, repeats)
        stepped = _stepped(browser, work, frames)
    rows = [
        (what, cases, f"{one['first_picture_ms']:.0f}", f"{one['megabytes']:.2f}")
        for what, one in opened.items()
    ]
    head = ("page", "cases", "first picture after ms", "MB read before a clip is played")
    told = table(head, rows)
    columns = ("frames", "files", "MB", "steps", "wrong frames", "ms a step")
    found = (
        frames, stepped["files"], f"{stepped['megabytes']:.1f}", stepped["steps"], stepped["wrong"],
        f"{stepped['ms_a_step']:.0f}",
    )  # fmt: skip
    return {"opened": opened, "stepped": stepped}, f"{told}\n\n{table(columns, [found])}"


def _opened(browser: Browser, work: Path, cases: int, repeats: int) -> dict[str, dict[str, float]]:
    target = work / "set"
    target.mkdir()
    taught = tuple(TeachingCase(_case(n), tuple(_pictures(n))) for n in range(1, cases + 1))
    html.export(TeachingSet("large", "A large set", "", taught), target, {})
    first_case = next(iter(sorted((target / "cases").iterdir()))).name
    found = {}
    for what, page_name in (("index", "index.html"), ("case", f"cases/{first_case}")):
        page = browser.open(target / page_name, width=1440, height=900)
        times = []
        for _ in range(repeats):
            page.requests.clear()
            page.go(target / page_name)
            times.append(float(page.run(_LARGEST)))
        asked = {Path(unquote(urlparse(one).path)) for one in page.requests if one.startswith("file:")}
        size = sum(path.stat().st_size for path in asked)
        found[what] = {"first_picture_ms": statistics.median(times), "megabytes": size / 1e6}
    return found


#: When the largest thing first seen was painted, in ms from asking for the page: on these pages a picture.
_LARGEST = (
    "new Promise(told => new PerformanceObserver(list => told(list.getEntries().at(-1).startTime))"
    ".observe({type: 'largest-contentful-paint', buffered: true}))"
)


def _case(number: int) -> Case:
    media = tuple(Media(f"M{n}", quiz_caption="Long axis") for n in range(1, 5))
    story = Story(history="Pain on the inner side of the knee since a fall, worse on stairs. " * 4)
    return Case(f"c{number}", "A finding", quiz_title=f"Pain after a fall {number}", story=story, media=media)


def _pictures(number: int) -> Iterator[TeachingClip]:
    for place in range(1, 5):
        frames = _Numbered(3 if place == 1 else 1, seed=number * 10 + place)
        yield _clip(f"M{place}", frames)


def _clip(ref: str, frames: _Numbered) -> TeachingClip:
    return TeachingClip(
        ref=ref, rows=frames.rows, columns=frames.columns, frames=frames, fps=20.0, fps_source="FrameTime",
        key_frame=max(1, len(frames) // 2), regions=(), dicom=Path("none.dcm"),
    )  # fmt: skip


def _stepped(browser: Browser, work: Path, count: int) -> dict[str, Any]:
    """Go to the ends of a clip and then to frames anywhere, and read in the picture which frame is really there."""
    frames = _Numbered(count)
    clip = _clip("M1", frames)
    film.write((frames.frame(n) for n in range(1, count + 1)), clip.lasting(), work / "film.mp4")
    target = work / "long"
    target.mkdir()
    case = TeachingCase(
        replace(_case(1), media=(Media("M1"),)), (replace(clip, film=_Made(work / "film.mp4")),)
    )
    html.export(TeachingSet("long", "A long clip", "", (case,)), target, {})
    written = [path for path in (target / "media").rglob("*") if path.is_file()]
    page = browser.open(target / "cases/case-01.html", width=1000)
    somewhere = np.random.default_rng(7).integers(1, count + 1, 30).tolist()
    times, wrong = [], 0
    for number in [1, 2, 3, count, count - 1, *somewhere]:
        started = time.perf_counter()
        _go(page, number)
        times.append(time.perf_counter() - started)
        wrong += _seen(page) != number
    return {
        "frames": count,
        "files": len(written),
        "megabytes": sum(path.stat().st_size for path in written) / 1e6,
        "steps": len(times),
        "wrong": wrong,
        "ms_a_step": 1000 * statistics.mean(times),
    }


def _go(page: Page, number: int) -> None:
    page.run(
        f"(one => {{ one.value = {number}; one.dispatchEvent(new Event('input')); }})"
        "(document.querySelector('.scrub'))"
    )
    page.until(f"document.querySelector('.player').dataset.frame === '{number}'")


def _seen(page: Page) -> int:
    with Image.open(io.BytesIO(page.screenshot("#figure-1 .stage"))) as image:
        grey = np.asarray(image.convert("L"))
    row, wide = grey[int(grey.shape[0] * 0.42)], grey.shape[1]
    return sum(1 << bit for bit in range(_BITS) if row[int(wide * (bit + 1.5) / 16)] > 128)
