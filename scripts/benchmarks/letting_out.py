"""A clip through the airlock beside decoding and encoding it once, which nobody can do without."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.measure import Progress, table
from casearchive.clip import Clip
from casearchive.deid import codec, looking, ocr
from casearchive.deid.airlock import pass_case
from casearchive.deid.keeping import Kept, safe_area
from casearchive.deid.looking import Looked
from casearchive.deid.pixels import Area, clean
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.model import Author, Case, Media
from casearchive.readers import open_clip

TARGET = 1.5
_ONCE, _AIRLOCK = "decode and encode once", "through the airlock, verified"
_LOOKING = "looking for text in every distinct frame"
_HASH = "a" * 64
_CASE = Case(
    "a-clip", "A clip", status="ready", author=Author("A. Teacher"), media=(Media("M1", sha256=_HASH),)
)


class _Known:
    """A memory that knows that nothing was seen: looking for text is counted apart."""

    def recall(self, sha256: str, area: Area) -> Looked | None:
        return Looked()

    def keep(self, sha256: str, area: Area, looked: Looked) -> None:
        pass


def measure(repeats: int, frames: int) -> tuple[dict[str, Any], str]:
    """Seconds and CPU seconds, medians of interleaved runs. Raises ``RuntimeError`` where the clip does not pass."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        path = corpus.cine(Path(name) / "cine.dcm", frames)
        runs: dict[str, Callable[[], object]] = {
            _ONCE: lambda: _once(path),
            _AIRLOCK: lambda: _through(path, Path(name)),
        }
        if ocr.installed():
            runs[_LOOKING] = lambda: _looked(path)
        took: dict[str, list[float]] = {what: [] for what in runs}
        worked: dict[str, list[float]] = {what: [] for what in runs}
        progress = Progress(repeats * len(runs))
        for _ in range(repeats):
            for what, run in runs.items():
                started, busy = time.perf_counter(), time.process_time()
                run()
                took[what].append(time.perf_counter() - started)
                worked[what].append(time.process_time() - busy)
                progress.step(what)

        with contextlib.closing(open_clip(path, _HASH)) as clip:
            size = f"{clip.facts.instance.columns} x {clip.facts.instance.rows}"
    middle, cpu = ({what: statistics.median(some) for what, some in all_.items()} for all_ in (took, worked))
    rows = [
        (
            what,
            f"{seconds:.2f}",
            f"{cpu[what]:.2f}",
            "" if what == _LOOKING else f"{1000 * seconds / frames:.0f}",
        )
        for what, seconds in middle.items()
    ]
    ratio, busier = (some[_AIRLOCK] / some[_ONCE] for some in (middle, cpu))
    text = table(("what", "s", "CPU s", "ms a frame"), rows) + (
        f"\n\n{frames} frames of {size}; the airlock takes {ratio:.2f} times as long as the least work (aim: {TARGET})"
        f" and {busier:.2f} times its CPU"
    )
    told = {"frames": frames, "size": size, "s": took, "cpu_s": worked, "ratio": ratio, "cpu_ratio": busier}
    return {**told, "aim": TARGET}, text


def area_of(clip: Clip) -> Area:
    kept = safe_area(clip.facts, None, ())
    if not isinstance(kept, Kept):
        raise RuntimeError(f"the clip of the corpus would not pass: {kept.reason}")
    return kept.area


def _once(path: Path) -> None:
    with contextlib.closing(open_clip(path, _HASH)) as clip:
        mask = area_of(clip).mask()
        for number in range(1, clip.facts.instance.frames + 1):
            codec.codestream(clean(clip.frame(number), mask))


def _through(path: Path, folder: Path) -> None:
    with (
        contextlib.closing(open_clip(path, _HASH)) as clip,
        tempfile.TemporaryDirectory(dir=folder) as staging,
    ):
        passed, withheld = pass_case(
            _CASE, {"M1": clip}, (), Pseudonyms(bytes(range(64)), "bench"), Path(staging), memory=_Known()
        )
        if passed is None:
            raise RuntimeError(f"the clip did not pass: {withheld}")


def _looked(path: Path) -> None:
    with contextlib.closing(open_clip(path, _HASH)) as clip:
        for _ in looking.look(clip, area_of(clip)):
            pass
