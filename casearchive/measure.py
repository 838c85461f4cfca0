"""Lengths, areas, angles, depths, times and velocities from points, in one suitable region's own scale.

A number in millimetres, seconds or cm/s exists only where all its points lie in one region whose scale is
believed (PS3.3 C.8.5.5); otherwise a length, an area or an angle is in pixels and says why, and points across
two regions are refused: a wrong number is worse than none. Points are (x, y) as ``scale`` counts them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from casearchive.choices import MEASURES
from casearchive.frozen import dataclass
from casearchive.model import Calibration, Facts, UltrasoundRegion
from casearchive.scale import (
    CENTIMETRES,
    CENTIMETRES_A_SECOND,
    DISAGREEMENT,
    DOPPLER_TRACES,
    HERTZ,
    M_MODE,
    SECONDS,
    SPECTRAL,
    TWO_DIMENSIONAL,
    WAVEFORM,
    Point,
    by_hand,
    contains,
    distrust,
    mm_per_pixel,
    region_at,
    same_scale,
    shows,
    sweeps,
    value_y,
)


@dataclass(frozen=True)
class Measured:
    """A value and where it comes from.

    ``unit`` is UCUM (``mm mm2 deg s /min cm/s Hz``), or ``px`` and ``px2`` where there is no scale; then
    ``notes`` begin with the reason. ``region`` is the number of the region used, None for a scale set by hand
    or none at all; ``source`` says where the scale is from: ``header``, ``manual`` … or nothing. ``pixel`` is
    how much the value changes when its points move by a pixel.
    """

    kind: str
    value: float
    unit: str
    points: tuple[Point, ...]
    region: int | None = None
    source: str = ""
    pixel: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def scaled(self) -> bool:
        """Whether the value is a physical one."""
        return bool(self.source)


@dataclass(frozen=True)
class Unmeasurable:
    """No number, and why not, in one line; ``misasked`` where the points or the region named cannot be meant."""

    kind: str
    reason: str
    misasked: bool = False


@dataclass(frozen=True)
class _Ground:
    """What a value is computed with: a region, or none and the reason (``why``)."""

    region: UltrasoundRegion | None
    number: int | None = None
    why: str = ""
    notes: tuple[str, ...] = ()


def measure(
    kind: str,
    points: Sequence[Point],
    facts: Facts,
    *,
    region: int | None = None,
    calibration: Calibration | None = None,
) -> Measured | Unmeasurable:
    """Measure ``kind`` (one of ``choices.MEASURES``) on a picture of the file that ``facts`` describe.

    ``region`` names the one to use (from 1) even where its scale is doubted; ``calibration`` is a scale set by
    hand, which counts only where no region of the file has one that is believed.
    """
    rows, columns = facts.instance.rows or 0, facts.instance.columns or 0
    places = tuple((float(x), float(y)) for x, y in points)
    wrong = _wrong_points(kind, places, rows, columns)
    if wrong:
        return Unmeasurable(kind, wrong, misasked=bool(rows and columns))
    believed = [r for r in facts.regions if mm_per_pixel(r) and not distrust(r, rows, columns)]
    manual = by_hand(calibration, rows, columns) if calibration and not believed else None
    if region is not None:
        ground = _named(kind, places, facts.regions, region, rows, columns)
    else:
        ground = _found(kind, places, facts.regions, manual, rows, columns)
    if isinstance(ground, Unmeasurable):
        return ground
    result = _VALUES[kind](kind, places, ground)
    if isinstance(result, Measured) and not math.isfinite(result.value):
        return Unmeasurable(kind, "the scale that the file gives is no usable number")
    if isinstance(result, Measured) and calibration and ground.region is not None:
        note = disagreement(calibration, ground.region)
        if note:
            result = replace(result, notes=(*result.notes, note))
    return result


def disagreement(calibration: Calibration, region: UltrasoundRegion) -> str:
    """What to say where a scale set by hand and that of a region differ by more than 5 %; else nothing."""
    scale = mm_per_pixel(region)
    if scale is None or region.source == "manual":
        return ""
    (x0, y0), (x1, y1) = calibration.points
    says = math.hypot((x1 - x0) * scale[0], (y1 - y0) * scale[1])
    if abs(says - calibration.mm) <= DISAGREEMENT * says:
        return ""
    return (
        f"the scale set by hand is not used: its {calibration.mm:g} mm are {says:.3g} mm "
        "by the file's own ultrasound region"
    )


# ---------------------------------------------------------------------------------------------- which region


def _wrong_points(kind: str, points: Sequence[Point], rows: int, columns: int) -> str:
    """What is wrong with the points themselves; empty where nothing is."""
    fewest, most, _ = MEASURES[kind]
    article = "an" if kind[0] in "aeiou" else "a"
    if not fewest <= len(points) <= most or (kind == "ellipse" and len(points) == 3):
        wanted = "2 or 4" if kind == "ellipse" else f"{fewest}" if fewest == most else f"{fewest} or more"
        if kind in ("angle", "depth"):
            wanted = f"{fewest} or {most}"
        return f"{article} {kind} takes {wanted} point{'' if wanted == '1' else 's'}, not {len(points)}"
    if not rows or not columns:
        return "the file has no picture to measure in"
    for number, (x, y) in enumerate(points, 1):
        if not (math.isfinite(x) and math.isfinite(y)):
            return f"point {number} is not a place"
        if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5):
            return (
                f"point {number} ({x:g}, {y:g}) lies outside the picture, "
                f"which is {columns} pixel{'' if columns == 1 else 's'} wide and {rows} high"
            )
    return ""


def _named(
    kind: str,
    points: Sequence[Point],
    regions: Sequence[UltrasoundRegion],
    number: int,
    rows: int,
    columns: int,
) -> _Ground | Unmeasurable:
    """The region that a person named: used in spite of doubts, but only for what lies in it."""
    if not 1 <= number <= len(regions):
        has = f"{len(regions)} of them" if regions else "none"
        return Unmeasurable(
            kind, f"there is no ultrasound region {number}: the file has {has}", misasked=True
        )
    chosen = regions[number - 1]
    for n, point in enumerate(points, 1):
        if not contains(chosen, point):
            return Unmeasurable(
                kind, f"point {n} ({point[0]:g}, {point[1]:g}) lies outside {_called(number, chosen)}"
            )
    lack = _lack(kind, chosen)
    if lack:
        return _in_pixels(kind, f"{_called(number, chosen)} {lack}")
    doubt = distrust(chosen, rows, columns)
    return _Ground(chosen, number, notes=(f"{_called(number, chosen)} {doubt}",) if doubt else ())


def _found(
    kind: str,
    points: Sequence[Point],
    regions: Sequence[UltrasoundRegion],
    manual: UltrasoundRegion | None,
    rows: int,
    columns: int,
) -> _Ground | Unmeasurable:
    """The one region that all points share, or the scale set by hand, or pixels."""
    every = list(regions)
    numbers: list[int | None] = list(range(1, len(every) + 1))
    if manual is not None:  # it stands in for the two-dimensional regions: none of them has a scale
        kept = [n for n, r in enumerate(every) if r.spatial_format != TWO_DIMENSIONAL]
        every, numbers = [*(every[n] for n in kept), manual], [*(numbers[n] for n in kept), None]
    owners = [region_at(every, point) for point in points]
    if not every:
        return _in_pixels(kind, "the file has no ultrasound regions and no scale was set by hand")
    astray = [n for n, owner in enumerate(owners, 1) if owner is None]
    if astray:
        where = f"point {astray[0]} lies" if len(astray) < len(points) else "the points lie"
        return _in_pixels(kind, f"{where} outside every ultrasound region")
    own = [owner for owner in owners if owner is not None]
    index = _shared(every, points, own)
    if index is None:
        other, last = next((n, owner) for n, owner in enumerate(own, 1) if owner != own[0])
        return Unmeasurable(
            kind,
            f"point 1 lies in {_called(numbers[own[0] - 1], every[own[0] - 1])}, point {other} in "
            f"{_called(numbers[last - 1], every[last - 1])}: nothing is measured across two regions",
        )
    chosen, number = every[index], numbers[index]
    lack = _lack(kind, chosen)
    if lack:
        return _in_pixels(kind, f"{_called(number, chosen)} {lack}")
    doubt = distrust(chosen, rows, columns)
    if doubt:
        more = "" if number is None else f" (name region {number} to use it all the same)"
        return _in_pixels(kind, f"{_called(number, chosen)} {doubt}{more}")
    return _Ground(chosen, number)


def _shared(
    regions: Sequence[UltrasoundRegion], points: Sequence[Point], owners: Sequence[int]
) -> int | None:
    """The index of the region to measure in: that of all points, or one around them that scales as each does.

    A box of colour flow inside tissue is the usual case: either may be used, their scales being the same
    (PS3.3 C.8.5.5.1.3, figure C.8-6).
    """
    if len(set(owners)) == 1:
        return owners[0] - 1
    for index, region in enumerate(regions):
        around = all(contains(region, point) for point in points)
        if around and all(same_scale(regions[owner - 1], region) for owner in owners):
            return index
    return None


def _lack(kind: str, region: UltrasoundRegion) -> str:
    """Why a region does not serve a kind of measurement; empty where it does."""
    if kind in ("length", "area", "ellipse", "angle"):
        if region.spatial_format != TWO_DIMENSIONAL:
            return f"is no two-dimensional picture: there is no {kind} in it"
        return "" if mm_per_pixel(region) else "has no scale in centimetres"
    if kind == "depth":
        if region.spatial_format not in (TWO_DIMENSIONAL, M_MODE):
            return "shows no depth"
        return "" if region.units_y == CENTIMETRES and region.delta_y else "has no depth scale"
    if kind in ("time", "rate"):
        if region.spatial_format not in (M_MODE, SPECTRAL, WAVEFORM):
            return "shows no time"
        return "" if region.units_x == SECONDS and region.delta_x else "has no time scale"
    spectral = region.spatial_format == SPECTRAL or (
        region.spatial_format == WAVEFORM and region.data_type in DOPPLER_TRACES
    )
    if not spectral:
        return "is no spectrum: there is no velocity in it"
    usable = region.units_y in (CENTIMETRES_A_SECOND, HERTZ) and region.delta_y
    return "" if usable else "has no velocity scale"


def _in_pixels(kind: str, why: str) -> _Ground | Unmeasurable:
    """What has a meaning in pixels may be given in pixels; a time or a velocity has none."""
    if kind in ("length", "area", "ellipse", "angle"):
        return _Ground(None, why=why)
    return Unmeasurable(kind, why)


def _called(number: int | None, region: UltrasoundRegion) -> str:
    if number is None:
        return "the scale set by hand"
    return f"region {number} ({shows(region)})"


# ---------------------------------------------------------------------------------------------------- values


def _steps(ground: _Ground) -> tuple[float, float]:
    """Millimetres a pixel across and down, or 1 where lengths stay in pixels."""
    return (ground.region and mm_per_pixel(ground.region)) or (1.0, 1.0)


def _made(
    kind: str, value: float, unit: str, points: Sequence[Point], ground: _Ground, pixel: float
) -> Measured:
    notes = ((f"in pixels: {ground.why}" if ground.why else ""), *ground.notes)
    return Measured(
        kind,
        value,
        unit,
        tuple(points),
        ground.number,
        ground.region.source if ground.region else "",
        pixel,
        tuple(note for note in notes if note),
    )


def _length(kind: str, points: Sequence[Point], ground: _Ground) -> Measured:
    across, down = _steps(ground)
    value = sum(math.hypot((b[0] - a[0]) * across, (b[1] - a[1]) * down) for a, b in pairwise(points))
    return _made(kind, value, "mm" if ground.region else "px", points, ground, max(across, down))


def _area(kind: str, points: Sequence[Point], ground: _Ground) -> Measured | Unmeasurable:
    outline = points[:-1] if len(points) > 3 and points[0] == points[-1] else points
    if _crosses(outline):
        return Unmeasurable(kind, "the outline crosses itself: give its points in order")
    across, down = _steps(ground)
    closed = [*outline, outline[0]]
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(closed))
    around = sum(math.hypot((b[0] - a[0]) * across, (b[1] - a[1]) * down) for a, b in pairwise(closed))
    unit = "mm2" if ground.region else "px2"
    # every diameter one pixel longer adds half of the outline's length times a pixel
    return _made(kind, abs(twice) / 2 * across * down, unit, points, ground, around / 2 * max(across, down))


def _ellipse(kind: str, points: Sequence[Point], ground: _Ground) -> Measured:
    """Two corners of an upright box, or the four ends of two axes (PS3.3 C.10.5.1.2), major axis first."""
    if len(points) == 2:
        (x0, y0), (x1, y1) = points
        one, other = (x1 - x0, 0.0), (0.0, y1 - y0)
    else:
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
        one, other = (bx - ax, by - ay), (dx - cx, dy - cy)
    across, down = _steps(ground)
    # a stretched ellipse is an ellipse: its area stretches with the plane
    area = math.pi / 4 * abs(one[0] * other[1] - one[1] * other[0]) * across * down
    sides = [math.hypot(x * across, y * down) for x, y in (one, other)]
    unit = "mm2" if ground.region else "px2"
    return _made(kind, area, unit, points, ground, math.pi / 4 * sum(sides) * max(across, down))


def _angle(kind: str, points: Sequence[Point], ground: _Ground) -> Measured | Unmeasurable:
    """0 to 180 degrees, between the directions as drawn, in the body and not on the screen."""
    across, down = _steps(ground)
    a, b, c, d = (points[1], points[0], points[1], points[2]) if len(points) == 3 else points
    one = ((b[0] - a[0]) * across, (b[1] - a[1]) * down)
    other = ((d[0] - c[0]) * across, (d[1] - c[1]) * down)
    shortest = min(math.hypot(*one), math.hypot(*other))
    if not shortest:
        return Unmeasurable(kind, "two of the points are the same: there is no direction between them")
    value = math.degrees(
        abs(math.atan2(one[0] * other[1] - one[1] * other[0], one[0] * other[0] + one[1] * other[1]))
    )
    pixel = math.degrees(math.atan2(max(across, down), shortest))
    if ground.region is None:
        ground = replace(ground, why="", notes=(f"as if pixels were square: {ground.why}", *ground.notes))
    return _made(kind, value, "deg", points, ground, pixel)


def _depth(kind: str, points: Sequence[Point], ground: _Ground) -> Measured | Unmeasurable:
    """Straight down: from the reference pixel, which lies on the transducer face, or between two points."""
    region = ground.region
    assert region is not None and region.delta_y is not None
    millimetre = abs(region.delta_y) * 10.0
    if len(points) == 2:
        value = abs(points[1][1] - points[0][1]) * millimetre
        return _made(kind, value, "mm", points, ground, millimetre)
    below = value_y(region, points[0][1])
    if below is None:
        return Unmeasurable(
            kind,
            f"{_called(ground.number, region)} does not say where the skin is: "
            "give two points, the first of them on it",
        )
    return _made(kind, below * 10.0, "mm", points, ground, millimetre)


def _seconds(points: Sequence[Point], ground: _Ground) -> float | str:
    """Seconds between two points, or why they cannot be told."""
    region = ground.region
    assert region is not None and region.delta_x is not None
    if sweeps(region) and region.ref_pixel_x0 is not None:
        line = region.min_x0 + region.ref_pixel_x0
        if (points[0][0] > line) != (points[1][0] > line):
            return "the points lie on both sides of the sweep line, where time jumps"
    return abs((points[1][0] - points[0][0]) * region.delta_x)


def _time(kind: str, points: Sequence[Point], ground: _Ground) -> Measured | Unmeasurable:
    seconds = _seconds(points, ground)
    if isinstance(seconds, str):
        return Unmeasurable(kind, seconds)
    assert ground.region is not None
    return _made(kind, seconds, "s", points, ground, abs(ground.region.delta_x or 0.0))


def _rate(kind: str, points: Sequence[Point], ground: _Ground) -> Measured | Unmeasurable:
    seconds = _seconds(points, ground)
    if isinstance(seconds, str):
        return Unmeasurable(kind, seconds)
    if not seconds:
        return Unmeasurable(kind, "no time passes between the points")
    assert ground.region is not None
    step = abs(ground.region.delta_x or 0.0)
    return _made(kind, 60.0 / seconds, "/min", points, ground, 60.0 / seconds * step / seconds)


def _velocity(kind: str, points: Sequence[Point], ground: _Ground) -> Measured | Unmeasurable:
    """Signed, from the baseline; hertz where the spectrum is one of frequencies."""
    region = ground.region
    assert region is not None
    value = value_y(region, points[0][1])
    if value is None:
        return Unmeasurable(kind, f"{_called(ground.number, region)} does not say where its baseline is")
    unit = "Hz" if region.units_y == HERTZ else "cm/s"
    return _made(kind, value, unit, points, ground, abs(region.delta_y or 0.0))


def _crosses(outline: Sequence[Point]) -> bool:
    """Whether two sides of a closed outline that do not meet at a corner cross."""
    sides = list(pairwise([*outline, outline[0]]))
    for n, (a, b) in enumerate(sides):
        for m in range(n + 2, len(sides) - (n == 0)):
            c, d = sides[m]
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                return True
    return False


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


_VALUES: dict[str, Callable[[str, Sequence[Point], _Ground], Measured | Unmeasurable]] = {
    "length": _length,
    "area": _area,
    "ellipse": _ellipse,
    "angle": _angle,
    "depth": _depth,
    "time": _time,
    "rate": _rate,
    "velocity": _velocity,
}
