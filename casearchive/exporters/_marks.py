"""Evidence and measurements as plain numbers that the page's script draws over a frame.

Coordinates stay stored-pixel coordinates (column, row), origin top left: the drawing's view box is the stored
size, so a picture that was made smaller for the page needs no conversion. Frames count from 1.
"""

from __future__ import annotations

import math
from typing import TypedDict

from casearchive.exporters._words import measure, plain, quantity, sentence
from casearchive.model import Case, Evidence, Measurement
from casearchive.record.table import SHAPES

#: How many colours the style sheet has for marks (``mark-1`` …).
COLOURS = 6

Point = tuple[float, float]


class Mark(TypedDict):
    """One thing to draw. ``frames`` is a 1-based inclusive range or None for every frame; ``colour`` a
    class number; ``badge`` the finding's number or a measured value; ``points`` mean what ``kind`` says:
    point [p], line and polyline [p…], polygon [p…], ellipse [centre, radii, (angle in degrees, 0)]."""

    finding: int
    colour: int
    kind: str
    points: list[list[float]]
    frames: list[int] | None
    badge: str
    label: str


def colour_of(number: int) -> int:
    """The colour class of the finding with this 1-based number."""
    return (number - 1) % COLOURS + 1


def marks_on(case: Case, ref: str) -> list[Mark]:
    """Everything of ``case`` that can be drawn on the clip ``ref``, findings before measurements."""
    numbers = {finding.id: number for number, finding in enumerate(case.findings, start=1)}
    found: list[Mark] = []
    for number, finding in enumerate(case.findings, start=1):
        label = sentence(plain(finding.abnormality))
        found += [
            _mark(number, *_shape(seen), frames=seen.frames, badge=str(number), label=label)
            for seen in finding.evidence
            if seen.media == ref and _drawable(seen)
        ]
    for measured in case.measurements:
        if measured.media == ref and len(measured.points) > 1:
            number = numbers.get(measured.finding, 1)
            frames = (measured.frame, measured.frame) if measured.frame else None
            name = sentence(measure(measured.what))
            found.append(
                _mark(number, *_ruler(measured), frames=frames, badge=quantity(measured), label=name)
            )
    return found


def _mark(
    number: int, kind: str, points: list[Point], *, frames: tuple[int, int] | None, badge: str, label: str
) -> Mark:
    return Mark(
        finding=number,
        colour=colour_of(number),
        kind=kind,
        points=[[round(float(x), 2), round(float(y), 2)] for x, y in points],
        frames=list(frames) if frames else None,
        badge=badge,
        label=label,
    )


def _drawable(seen: Evidence) -> bool:
    return seen.shape in SHAPES and len(seen.points) >= SHAPES[seen.shape][0]


def _shape(seen: Evidence) -> tuple[str, list[Point]]:
    points = list(seen.points)
    if seen.shape == "box":
        (x0, y0), (x1, y1) = points[0], points[1]
        return "polygon", [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if seen.shape == "ellipse":
        return "ellipse", _ellipse(points)
    return seen.shape, points


def _ellipse(points: list[Point]) -> list[Point]:
    """Centre, radii and (angle, 0) from four axis ends, major axis first (PS3.3 C.10.5.1.2), or from two
    opposite corners of the box around an upright ellipse."""
    if len(points) >= 4:
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[:4]
        centre = ((ax + bx) / 2, (ay + by) / 2)
        radii = (math.dist((ax, ay), (bx, by)) / 2, math.dist((cx, cy), (dx, dy)) / 2)
        return [centre, radii, (math.degrees(math.atan2(by - ay, bx - ax)), 0.0)]
    (x0, y0), (x1, y1) = points[0], points[1]
    return [((x0 + x1) / 2, (y0 + y1) / 2), (abs(x1 - x0) / 2, abs(y1 - y0) / 2), (0.0, 0.0)]


def _ruler(measured: Measurement) -> tuple[str, list[Point]]:
    """A distance is a line with ends; an angle an open line; more points than three enclose an area."""
    points = list(measured.points)
    if len(points) == 2:
        return "ruler", points
    return ("polyline" if len(points) == 3 and measured.unit == "deg" else "polygon"), points
