"""Evidence and measurements as graphics of DICOM: points on an image, and the frames that they hold on.

A record counts pixels by their middles (0 is the first one); PS3.3 C.10.5 and C.18.6 count from the corner of the
first pixel. So half a pixel is added, and nothing lies outside the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from casearchive.model import Evidence, Measurement
from casearchive.record.table import SHAPES

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """``kind`` is a Graphic Type: POINT, POLYLINE (``closed`` where its ends meet) or ELLIPSE, whose points are the
    ends of its major and then of its minor axis."""

    kind: str
    points: tuple[Point, ...]
    closed: bool = False

    def box(self) -> tuple[Point, Point]:
        """The corners of the upright box around it."""
        across, down = [x for x, _ in self.points], [y for _, y in self.points]
        return (min(across), min(down)), (max(across), max(down))


def of_evidence(seen: Evidence, columns: int, rows: int) -> Shape | None:
    """The shape on an image of this size; None where there is none that can be drawn."""
    points = seen.points
    if seen.shape not in SHAPES or len(points) < SHAPES[seen.shape][0] or not _finite(points):
        return None
    if seen.shape == "point":
        return Shape("POINT", _placed(points[:1], columns, rows))
    if seen.shape == "line":
        return _line(points, columns, rows)
    if seen.shape == "ellipse":
        return _ellipse(points, columns, rows)
    if seen.shape == "box":
        (x0, y0), (x1, y1) = points[:2]
        points = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return _closed(points, columns, rows)


def of_measurement(measured: Measurement, columns: int, rows: int) -> Shape | None:
    """A distance is a line, an angle an open one through its vertex; more points than three enclose an area."""
    points = measured.points
    if len(points) < 2 or not _finite(points):
        return None
    if len(points) == 2 or (len(points) == 3 and measured.unit == "deg"):
        return _line(points, columns, rows)
    return _closed(points, columns, rows)


def frames_of(frames: tuple[int, int] | None, count: int) -> tuple[int, ...] | None:
    """The frames of a range that the image has, from 1, empty where all are meant; None where it has none of them."""
    if frames is None or count < 2:
        return ()
    first, last = max(1, min(frames)), min(count, max(frames))
    if first > last:
        return None
    return () if (first, last) == (1, count) else tuple(range(first, last + 1))


def _line(points: Sequence[Point], columns: int, rows: int) -> Shape:
    return Shape("POLYLINE", _placed(points, columns, rows))


def _closed(points: Sequence[Point], columns: int, rows: int) -> Shape:
    placed = _placed(points, columns, rows)
    if placed[0] != placed[-1] or len(placed) < 4:
        placed = (*placed, placed[0])
    return Shape("POLYLINE", placed, closed=True)


def _ellipse(points: Sequence[Point], columns: int, rows: int) -> Shape:
    if len(points) >= 4:
        one, other = (points[0], points[1]), (points[2], points[3])
    else:
        (x0, y0), (x1, y1) = points[:2]
        across, down = (x0 + x1) / 2, (y0 + y1) / 2
        one, other = ((x0, down), (x1, down)), ((across, y0), (across, y1))
    if math.dist(*one) < math.dist(*other):
        one, other = other, one
    placed = _placed((*one, *other), columns, rows)
    if math.dist(placed[0], placed[1]) == 0 or math.dist(placed[2], placed[3]) == 0:
        return Shape("POLYLINE", placed[:2])
    return Shape("ELLIPSE", placed)


def _finite(points: Sequence[Point]) -> bool:
    return all(math.isfinite(value) for point in points for value in point)


def _placed(points: Sequence[Point], columns: int, rows: int) -> tuple[Point, ...]:
    return tuple(
        (min(max(x + 0.5, 0.0), float(columns)), min(max(y + 0.5, 0.0), float(rows))) for x, y in points
    )
