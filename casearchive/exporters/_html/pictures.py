"""One clip's frames as files a browser can show, step through and play without a server.

Every frame is a file of its own (``001.webp`` …): a page opened from disk may draw pictures but not fetch
bytes, a sheet of a hundred frames would be one enormous bitmap, and only what is shown is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from casearchive import preview
from casearchive.teaching import TeachingClip

THUMB_EDGE = 480

# Measured on 960 x 720 speckle: at this quality the error is under two grey levels (rms), 66 kB, 15 ms;
# a higher method takes four times as long for the same size.
_QUALITY, _METHOD = 88, 1


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """What was written for one clip. ``base`` is relative to the target folder and ends with a slash; frame n
    is ``base + f"{n:0{digits}}.webp"``; ``width`` and ``height`` are of the frames as written."""

    base: str
    digits: int
    frames: int
    width: int
    height: int
    moving: bool

    def frame(self, number: int) -> str:
        return f"{self.base}{number:0{self.digits}}.webp"

    @property
    def thumb(self) -> str:
        return f"{self.base}thumb.webp"

    @property
    def animation(self) -> str:
        return f"{self.base}moving.webp"


def write_pictures(clip: TeachingClip, target: Path, base: str, edge: int) -> PictureFiles:
    """Write all frames (longer side at most ``edge``), a thumbnail of the key frame and, for more than one
    frame, an animated WebP for readers whose browser runs no script. Each frame is decoded once, but for the
    key frame. Raises ``PictureUnavailable`` where a frame cannot be decoded."""
    count = len(clip.frames)
    width, height = _fitted(clip.columns, clip.rows, edge)
    files = PictureFiles(base, max(3, len(str(count))), count, width, height, moving=count > 1)
    (target / base).mkdir(parents=True)

    def written() -> Iterator[NDArray[np.uint8]]:
        for number in range(1, count + 1):
            picture = clip.frames.frame(number)
            _save(picture, target / files.frame(number), edge)
            yield picture

    frames = written()
    if files.moving:
        animation = preview.animated(frames, clip.lasting(), THUMB_EDGE)
        (target / files.animation).write_bytes(animation)
    for _ in frames:  # whatever the preview did not ask for is written all the same
        pass
    _save(clip.frames.frame(key_frame(clip)), target / files.thumb, THUMB_EDGE)
    return files


def key_frame(clip: TeachingClip) -> int:
    """The clip's key frame, kept inside the clip."""
    return min(max(clip.key_frame, 1), len(clip.frames))


def _fitted(columns: int, rows: int, edge: int) -> tuple[int, int]:
    scale = min(1.0, edge / max(columns, rows))
    return max(1, round(columns * scale)), max(1, round(rows * scale))


def _save(picture: NDArray[np.uint8], path: Path, edge: int) -> None:
    image = Image.fromarray(np.ascontiguousarray(picture))
    size = _fitted(image.width, image.height, edge)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    image.convert("RGB").save(path, "WEBP", quality=_QUALITY, method=_METHOD)
