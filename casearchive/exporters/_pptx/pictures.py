"""What a slide shows of a clip: a picture, a film with the picture it begins with, or an animated picture instead.

A film of more than a minute or 30 MB is cut to half a minute around what is to be seen: a slide is looked at, not
sat through, and a file of slides has to fit into a message. Where no H.264 encoder is installed, clips become
animated GIF pictures, which every program plays.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from casearchive import film
from casearchive.exporters._figures import key_frame
from casearchive.model import Case
from casearchive.preview import thinned
from casearchive.teaching import TeachingClip

if TYPE_CHECKING:
    from PIL.Image import Image

#: A film of more seconds or more bytes is cut, to so many seconds.
LONGEST, LARGEST, CUT = 60.0, 30_000_000, 30.0
INSTALL = f"pip install '{film.EXTRA}'"
_EDGE = 1920
_GIF_EDGE, _GIF_FRAMES = 640, 150


@dataclass(frozen=True, slots=True)
class Moving:
    """A clip on a slide. ``film`` is an MP4 file and ``poster`` a JPEG of its key frame; without an encoder ``film`` is
    None and ``poster`` an animated GIF. ``frames`` are those it holds, from 1; ``seconds`` is how long it lasts."""

    film: bytes | None
    poster: bytes
    frames: tuple[int, int]
    seconds: float


def still(clip: TeachingClip, number: int) -> bytes:
    """Frame ``number`` as PNG, at most 1920 pixels across."""
    out = io.BytesIO()
    _image(clip, number, _EDGE).save(out, "PNG", compress_level=6)
    return out.getvalue()


def moving(clip: TeachingClip, case: Case) -> Moving:
    """The clip as it plays on a slide. Raises ``PictureUnavailable`` where a frame cannot be decoded."""
    lasting = clip.lasting()
    whole = (1, len(clip.frames))
    seconds = sum(lasting)
    if clip.film is None or not film.encoder():
        return _animated(clip, whole if seconds <= LONGEST else window(clip, case, CUT))
    if seconds > LONGEST:
        return _cut(clip, window(clip, case, CUT))
    made = clip.film.path()
    if made is None:
        return _animated(clip, whole)
    size = made.stat().st_size
    if size > LARGEST:
        return _cut(clip, window(clip, case, min(CUT, seconds * LARGEST / size)))
    return Moving(made.read_bytes(), _poster(clip), whole, seconds)


def window(clip: TeachingClip, case: Case, seconds: float) -> tuple[int, int]:
    """The frames (first, last) of about ``seconds`` around what shows the findings, or else the key frame."""
    shown = [e for f in case.findings for e in f.evidence if e.media == clip.ref and e.frames]
    best = next((e for e in shown if e.best), shown[0] if shown else None)
    key = key_frame(clip)
    first, last = best.frames if best and best.frames else (key, key)
    if not first <= key <= last:
        key = (first + last) // 2
    count = len(clip.frames)
    starts = list(accumulate(clip.lasting(), initial=0.0))
    middle = starts[min(max(key, 1), count) - 1]
    begin = min(max(0.0, middle - seconds / 2), max(0.0, starts[-1] - seconds))
    inside = [n for n in range(1, count + 1) if begin - 1e-9 <= starts[n - 1] < begin + seconds - 1e-9]
    return (inside[0], inside[-1]) if inside else (key, key)


def _cut(clip: TeachingClip, frames: tuple[int, int]) -> Moving:
    first, last = frames
    lasting = clip.lasting()[first - 1 : last]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "film.mp4"
        film.write((clip.frames.frame(n) for n in range(first, last + 1)), lasting, target)
        data = target.read_bytes()
    key = min(max(key_frame(clip), first), last)
    return Moving(data, _poster(clip, key), frames, sum(lasting))


def _poster(clip: TeachingClip, number: int = 0) -> bytes:
    out = io.BytesIO()
    image = _image(clip, number or key_frame(clip), _EDGE).convert("RGB")
    image.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def _animated(clip: TeachingClip, frames: tuple[int, int]) -> Moving:
    """An endless GIF in true time, of at most 150 frames; GIF counts in hundredths of a second."""
    lasting = clip.lasting()[frames[0] - 1 : frames[1]]
    numbers, each = thinned(lasting, _GIF_FRAMES)
    first, *others = _drawn(clip, [frames[0] + n - 1 for n in numbers])
    out = io.BytesIO()
    first.save(
        out, "GIF", save_all=True, append_images=others, duration=_hundredths(each), loop=0, disposal=1
    )
    return Moving(None, out.getvalue(), frames, sum(lasting))


def _drawn(clip: TeachingClip, numbers: Sequence[int]) -> Iterator[Image]:
    from PIL import Image as PillowImage

    for number in numbers:
        image = _image(clip, number, _GIF_EDGE)
        if image.mode != "L":
            image = image.convert("P", palette=PillowImage.Palette.ADAPTIVE, colors=255)
        yield image


def _hundredths(lasting: Sequence[float]) -> list[int]:
    """Milliseconds in whole hundredths of a second, at least two, whose sum stays true."""
    ends = [round(100 * end) for end in accumulate(lasting)]
    found, last = [], 0
    for end in ends:
        found.append(10 * max(2, end - last))
        last = max(last + 2, end)
    return found


def _image(clip: TeachingClip, number: int, edge: int) -> Image:
    from PIL import Image as PillowImage

    image = PillowImage.fromarray(np.ascontiguousarray(clip.frames.frame(number)))
    scale = min(1.0, edge / max(image.size))
    if scale < 1:
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, PillowImage.Resampling.LANCZOS)
    return image
