"""One clip's frames as pictures or a film that a browser can show, step through and play without a server.

Up to ``MOST_PICTURES`` frames are a picture each (``001.webp`` …): stepping is exact in every browser, and only what is
shown is decoded. What has more frames, or sound that may be heard, is a film; where none can be made, every so many
frames are there. In a single file every clip is a film where one can be made, as it takes a fifth of the room.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from casearchive import abreast, preview
from casearchive.exporters._figures import key_frame
from casearchive.exporters._html.shelves import Shelf
from casearchive.teaching import TeachingClip

#: Ten seconds of a quick scanner. Measured: docs/performance.md.
MOST_PICTURES = 300
THUMB_EDGE = 400
MOVING_EDGE = 480

# Measured on 960 x 720 speckle: at this quality the error is under two grey levels (rms), 66 kB, 15 ms;
# a higher method takes four times as long for the same size.
QUALITY, METHOD = 88, 1
# A thumbnail of 400 pixels takes 9 kB: two hundred of them are a page that opens at once.
_THUMB_QUALITY, _THUMB_METHOD = 75, 4


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """What was written for one clip, as addresses (``shelves``). ``pictures`` holds them by frame number (from 1);
    frame n of a folder is ``base + f"{n:0{digits}}.webp"``. ``every``: of so many frames one is there. ``film`` is
    empty where there is none; then there are pictures. ``width`` and ``height`` are of the pictures as written."""

    base: str
    digits: int
    frames: int
    width: int
    height: int
    moving: bool
    thumb: str
    pictures: dict[int, str] = field(default_factory=dict)
    every: int = 1
    animation: str = ""
    film: str = ""
    sounds: bool = False

    def frame(self, number: int) -> str:
        return self.pictures[number]


def write_pictures(clip: TeachingClip, shelf: Shelf, base: str, edge: int) -> PictureFiles:
    """Put the frames of a clip on ``shelf`` under names that begin with ``base``, pictures with their longer side at
    most ``edge``; the key frame and its thumbnail always are pictures.

    Clips that are pictures also get an animated WebP for readers whose browser runs no script, but not in a single
    file. Raises ``PictureUnavailable`` where a frame cannot be decoded or a film is not as it should be.
    """
    count = len(clip.frames)
    width, height = _fitted(clip.columns, clip.rows, edge)
    digits, key = max(3, len(str(count))), key_frame(clip)
    film = _film(clip, shelf, base)
    every = math.ceil(count / MOST_PICTURES)
    wanted = [key] if film else sorted({key, *range(1, count + 1, every)})
    moving = _whole if every == 1 else _shortened
    making: dict[str | int, Callable[[], bytes]] = {}
    if count > 1 and not film and not shelf.inside:
        making["moving"] = lambda: clip.once(f"moving-{MOVING_EDGE}.webp", lambda: moving(clip))
    making["thumb"] = lambda: _picture(clip, key, THUMB_EDGE, _THUMB_QUALITY, _THUMB_METHOD)
    making |= {n: partial(_picture, clip, n, edge, QUALITY, METHOD) for n in wanted}
    made = {
        what: shelf.put(f"{base}{what if isinstance(what, str) else f'{what:0{digits}}'}.webp", data)
        for what, data in zip(making, abreast.in_order(lambda make: make(), making.values()), strict=True)
    }
    return PictureFiles(
        base=base,
        digits=digits,
        frames=count,
        width=width,
        height=height,
        moving=count > 1,
        thumb=made["thumb"],
        pictures={number: made[number] for number in wanted},
        every=1 if film else every,
        animation=made.get("moving", ""),
        film=film,
        sounds=bool(film) and clip.sounds,
    )


def _film(clip: TeachingClip, shelf: Shelf, base: str) -> str:
    """The address of the clip's film; empty where pictures serve better, or there is no encoder."""
    long = len(clip.frames) > MOST_PICTURES
    if len(clip.frames) < 2 or clip.film is None or not (long or clip.sounds or shelf.inside):
        return ""
    path = clip.film.path()
    return shelf.put_file(f"{base}film.mp4", path) if path else ""


def _picture(clip: TeachingClip, number: int, edge: int, quality: int, method: int) -> bytes:
    """One frame as WebP, its longer side at most ``edge``."""
    name = f"page-{number}-{edge}-{quality}-{method}.webp"
    return clip.once(name, lambda: coded(clip.frames.frame(number), edge, quality, method))


def _whole(clip: TeachingClip) -> bytes:
    """All frames as an animation in true time."""
    frames = (clip.frames.frame(n) for n in range(1, len(clip.frames) + 1))
    return preview.animated(frames, clip.lasting(), MOVING_EDGE)


def _shortened(clip: TeachingClip) -> bytes:
    """A long clip as an animation in true time, thinned out evenly."""
    numbers, lasting = preview.thinned(clip.lasting(), preview.MOST)
    return preview.animated((clip.frames.frame(n) for n in numbers), lasting, MOVING_EDGE)


def _fitted(columns: int, rows: int, edge: int) -> tuple[int, int]:
    scale = min(1.0, edge / max(columns, rows))
    return max(1, round(columns * scale)), max(1, round(rows * scale))


def coded(picture: NDArray[np.uint8], edge: int, quality: int = QUALITY, method: int = METHOD) -> bytes:
    """A frame as WebP with its longer side at most ``edge``."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    size = _fitted(image.width, image.height, edge)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    out = BytesIO()
    image.convert("RGB").save(out, "WEBP", quality=quality, method=method)
    return out.getvalue()
