"""Whether lines that somebody drew may be writing: they are drawn again and looked at as pictures are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from PIL import Image, ImageDraw

from casearchive.deid.looking import able, seen_in
from casearchive.deid.pixels import Area, Box

#: Shapes of as many points as one likes: only these can be letters.
FREE = frozenset(("POLYLINE", "INTERPOLATED", "MULTIPOINT"))
#: So many points of all lines together write nothing: an arrow, a caliper with its ends, a box.
FEW = 6
#: Heights in pixels at which they are looked at: the detector knows print, not walls.
_HEIGHTS = (32, 96)
_WIDEST, _MARGIN = 1600, 24


def may_be_writing(lines: Collection[Sequence[float]]) -> bool:
    """``lines`` are columns and rows in turn. True also where nobody could look."""
    drawn = [line for line in lines if len(line) >= 4]
    if sum(len(line) // 2 for line in drawn) <= FEW:
        return False
    if not able():
        return True
    return any(seen_in(*_picture(drawn, height)).texts for height in _HEIGHTS)


def _picture(
    lines: Sequence[Sequence[float]], height: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], Area]:
    """White lines on black, all of them ``height`` pixels high, with room around."""
    points = np.array([point for line in lines for point in zip(line[::2], line[1::2], strict=True)])
    low, high = points.min(axis=0), points.max(axis=0)
    wide, tall = np.maximum(high - low, 1e-6)
    scale = min(height / tall, _WIDEST / wide)
    size = (int(wide * scale) + 2 * _MARGIN + 1, int(tall * scale) + 2 * _MARGIN + 1)
    image = Image.new("L", size)
    pen = ImageDraw.Draw(image)
    for line in lines:
        there = (np.array(line).reshape(-1, 2) - low) * scale + _MARGIN
        pen.line([tuple(point) for point in there], fill=255, width=max(2, height // 16), joint="curve")
    return np.asarray(image), Area(size[1], size[0], (Box(0, 0, size[0] - 1, size[1] - 1),), ())
