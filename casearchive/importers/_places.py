"""Where on a picture something was drawn: DICOM's frames and graphics as the frames and shapes of a case file.

DICOM counts from the corner of the first pixel (PS3.3 C.10.5, C.18.6), a case file from its middle: half a pixel is
taken off. Nothing is moved into a picture that it lies outside of.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from casearchive.model import Evidence, Media

Point = tuple[float, float]
#: Thousandths of a pixel are more than the 32 bits of a coordinate hold.
_DIGITS = 3
_NEAR = 0.01
#: A finding that comes and goes more often than this is said of the whole span.
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture of the case, with the frames and the size that it has."""

    media: Media
    frames: int
    columns: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """``points`` as a case file has them; ``closed`` where they enclose an area (the end is not said again)."""

    kind: str
    points: tuple[Point, ...]
    closed: bool = False


def drawn(kind: str, flat: Sequence[float], picture: Pictured, *, filled: bool = False) -> Drawn | None:
    """A graphic of PS3.3 C.18.6.1.2 or C.10.5.1.2; None where it is none, or reaches beyond the picture."""
    points = tuple(zip(flat[::2], flat[1::2], strict=False))
    if not points or len(flat) % 2 or not all(math.isfinite(value) for value in flat):
        return None
    if kind == "CIRCLE" and len(points) == 2:
        (x, y), radius = points[0], math.dist(*points)
        kind = "ELLIPSE"
        points = ((x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius))
    found = [_within(point, picture) for point in points]
    if any(point is None for point in found):
        return None
    placed = tuple(point for point in found if point is not None)
    if kind in ("POINT", "MULTIPOINT"):
        return Drawn(kind, placed)
    if kind == "ELLIPSE":
        return Drawn(kind, placed, closed=True) if len(placed) == 4 else None
    if kind not in ("POLYLINE", "INTERPOLATED") or len(placed) < 2:
        return None
    if len(placed) > 3 and math.dist(placed[0], placed[-1]) < _NEAR:
        return Drawn("POLYLINE", placed[:-1], closed=True)
    return Drawn("POLYLINE", placed, closed=filled and len(placed) > 2)


def _within(point: Point, picture: Pictured) -> Point | None:
    """Half a pixel nearer to the origin; on the very edge the middle of no pixel is, so it stays inside."""
    placed = []
    for value, size in zip(point, (picture.columns, picture.rows), strict=True):
        if value < -_NEAR or (size is not None and value > size + _NEAR):
            return None
        placed.append(round(max(value - 0.5, 0.0), _DIGITS))
    return placed[0], placed[1]


def shapes(one: Drawn) -> list[tuple[str, tuple[Point, ...]]]:
    """As shapes of evidence; several points are as many shapes."""
    if one.kind in ("POINT", "MULTIPOINT"):
        return [("point", (point,)) for point in one.points]
    if one.kind == "ELLIPSE":
        return [("ellipse", _ellipse(one.points))]
    if not one.closed:
        return [("line", one.points)]
    if _is_box(one.points):
        return [("box", _corners(one.points))]
    return [("polygon", one.points)]


def _is_box(points: Sequence[Point]) -> bool:
    if len(points) != 4:
        return False
    steps = [(a, b) for a, b in pairwise((*points, points[0]))]
    level = [abs(a[1] - b[1]) < _NEAR for a, b in steps]
    upright = [abs(a[0] - b[0]) < _NEAR for a, b in steps]
    return (level[0] and level[2] and upright[1] and upright[3]) or (
        upright[0] and upright[2] and level[1] and level[3]
    )


def _ellipse(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Two corners of the box around it where its axes lie along the edges of the picture, else its four ends."""
    (a, b), (c, d) = points[:2], points[2:]
    lying = abs(a[1] - b[1]) < _NEAR and abs(c[0] - d[0]) < _NEAR
    standing = abs(a[0] - b[0]) < _NEAR and abs(c[1] - d[1]) < _NEAR
    return _corners(points) if lying or standing else points


def _corners(points: Sequence[Point]) -> tuple[Point, Point]:
    across, down = [x for x, _ in points], [y for _, y in points]
    return (min(across), min(down)), (max(across), max(down))


def spans(frames: Iterable[int], picture: Pictured) -> list[tuple[int, int] | None] | None:
    """Frames as ranges, from 1; ``[None]`` for all of them. None where the picture has not one of those named."""
    named = sorted(set(frames))
    if not named or picture.frames < 2:
        return [None] if not named or named[0] == 1 else None
    there = [frame for frame in named if 1 <= frame <= picture.frames]
    if not there:
        return None
    runs = [[there[0], there[0]]]
    for frame in there[1:]:
        if frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    if len(runs) > _MOST_RUNS:
        runs = [[there[0], there[-1]]]
    return [None if (a, b) == (1, picture.frames) else (a, b) for a, b in runs]


def evidence(picture: Pictured, frames: Sequence[int], one: Drawn | None, *, best: bool) -> list[Evidence]:
    """Evidence on one picture; empty where it has none of the frames. Only the first is the best."""
    found = [
        Evidence(picture.media.id, span, shape, points)
        for span in spans(frames, picture) or ()
        for shape, points in (shapes(one) if one is not None else [("", ())])
    ]
    if best and found:
        first = found[0]
        found[0] = Evidence(first.media, first.frames, first.shape, first.points, best=True)
    return found
