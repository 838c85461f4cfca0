"""Whether lines that somebody drew may be writing: they are drawn again and looked at as pictures are."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from casearchive.deid.looking import able, seen_in
from casearchive.deid.pixels import Area, Box
from casearchive.model import Pointer

Points = Sequence[float]
Place = tuple[str, int]
"""An image by the UID of its source, and a frame of it from 1, or 0 for all of them."""

#: Shapes of as many points as one likes: only these can be letters.
FREE = frozenset(("POLYLINE", "INTERPOLATED", "MULTIPOINT"))
#: An ellipse so flat, as a part of its length, is a stroke.
_FLAT = 0.15
#: So many points of all lines together write nothing: an arrow, a caliper with its ends, a box.
FEW = 6
#: Heights in pixels at which they are looked at: the detector knows print, not walls.
_HEIGHTS = (32, 96)
_WIDEST, _MARGIN = 1600, 24
_LONG = 0.25  # of the whole drawing: a stretch that is longer is no part of a letter


def line(shape: str, points: Points) -> tuple[float, ...]:
    """What a shape adds to writing, as columns and rows in turn: a line, or the long axis of an ellipse as flat as
    one; nothing of any other."""
    if shape in FREE and len(points) % 2 == 0:
        return tuple(points)
    if shape == "ELLIPSE" and len(points) == 8:
        long, short = math.dist(points[:2], points[2:4]), math.dist(points[4:6], points[6:8])
        if short <= _FLAT * long:
            return tuple(points[:4])
        if long <= _FLAT * short:
            return tuple(points[4:])
    return ()


def written_over(drawn: Iterable[tuple[Collection[Pointer], str, Points]]) -> frozenset[Place]:
    """Where lines may be writing: all that lie over the same frame, in the same units, are looked at together, whatever
    else their objects lie over."""
    lying: dict[tuple[Place, str], list[Points]] = {}
    for pointers, units, points in drawn:
        for place in places(pointers):
            lying.setdefault((place, units), []).append(points)
    written: set[Place] = set()
    looked: dict[tuple[tuple[float, ...], ...], bool] = {}
    for (place, units), some in lying.items():
        everywhere = lying.get(((place[0], 0), units), []) if place[1] else []
        together = tuple(sorted({tuple(points) for points in (*some, *everywhere)}))
        if together not in looked:
            looked[together] = may_be_writing(together)
        if looked[together]:
            written.add(place)
            if any(points in everywhere for points in together):
                written.add((place[0], 0))
    return frozenset(written)


def places(pointers: Collection[Pointer]) -> Iterator[Place]:
    """Every frame that is pointed to."""
    for pointer in pointers:
        for frame in pointer.frames or (0,):
            yield pointer.sop_instance_uid, frame


def may_be_writing(lines: Collection[Sequence[float]]) -> bool:
    """``lines`` are columns and rows in turn. True also where nobody could look."""
    drawn = [line for line in lines if len(line) >= 4]
    if sum(len(line) // 2 for line in drawn) <= FEW:
        return False
    if not able():
        return True
    groups = [drawn, *(g for g in _groups(drawn) if g != drawn and sum(len(line) // 2 for line in g) > FEW)]
    return any(seen_in(*_picture(group, height)).texts for group in groups for height in _HEIGHTS)


def _groups(lines: Collection[Points]) -> list[list[Points]]:
    """What stands together of about one size: beside a line across the whole picture, letters would be too small to be
    seen."""
    x = [value for one in lines for value in one[::2]]
    y = [value for one in lines for value in one[1::2]]
    long = _LONG * math.hypot(max(x) - min(x), max(y) - min(y))
    groups: list[tuple[list[float], list[Points]]] = []
    for piece in (piece for one in lines for piece in _pieces(one, long)):
        around = [min(piece[::2]), min(piece[1::2]), max(piece[::2]), max(piece[1::2])]
        members: list[Points] = [piece]
        for group in [g for g in groups if _near(g[0], around)]:
            groups.remove(group)
            members = [*group[1], *members]
            around = [*map(min, around[:2], group[0][:2]), *map(max, around[2:], group[0][2:])]
        groups.append((around, members))
    return [members for _, members in groups]


def _pieces(points: Points, long: float) -> Iterator[tuple[float, ...]]:
    """A line without the stretches that are longer than ``long``."""
    piece = list(points[:2])
    for n in range(2, len(points), 2):
        if math.dist(points[n - 2 : n], points[n : n + 2]) > long:
            if len(piece) > 2:
                yield tuple(piece)
            piece = []
        piece += points[n : n + 2]
    if len(piece) > 2:
        yield tuple(piece)


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes are no farther apart than the smaller of them is high or wide."""
    gap = max(max(one[n], other[n]) - min(one[n + 2], other[n + 2]) for n in (0, 1))
    return gap <= min(max(b[3] - b[1], b[2] - b[0]) for b in (one, other))


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
