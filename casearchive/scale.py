"""What an ultrasound region means: its kind, its units and its scale, in words and in numbers (PS3.3 C.8.5.5).

Points are (x, y) in stored pixels. Whole numbers name a pixel and stand for its centre, as the standard's own
Reference Pixel does (C.8.5.5.1.16): (0, 0) is the centre of the top left pixel, and a picture reaches from
-0.5 to columns - 0.5. (A structured report's SCOORD counts from the corner of that pixel: half a pixel more.)
Regions are numbered from 1, in the order in which the file lists them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import combinations

from casearchive.model import Calibration, UltrasoundRegion

Point = tuple[float, float]

#: Region Spatial Format (PS3.3 C.8.5.5.1.1).
TWO_DIMENSIONAL, M_MODE, SPECTRAL, WAVEFORM, GRAPHICS = 1, 2, 3, 4, 5
#: Physical Units (PS3.3 C.8.5.5.1.15): those that something is measured in here, then all as UCUM.
CENTIMETRES, SECONDS, HERTZ, CENTIMETRES_A_SECOND = 3, 4, 5, 7
UNITS = {
    1: "%", 2: "dB", 3: "cm", 4: "s", 5: "Hz", 6: "dB/s", 7: "cm/s", 8: "cm2", 9: "cm2/s", 10: "cm3",
    11: "cm3/s", 12: "deg",
}  # fmt: skip

_SPECTRA = {3: "pulsed-wave Doppler", 4: "continuous-wave Doppler"}
#: Region Data Type (PS3.3 C.8.5.5.1.2).
_DATA = {
    1: "tissue", 2: "colour flow", **_SPECTRA, 5: "Doppler mean trace", 6: "Doppler mode trace",
    7: "Doppler maximum trace", 8: "volume trace", 9: "volume change trace", 10: "ECG trace",
    11: "pulse trace", 12: "phonocardiogram", 13: "grey bar", 14: "colour bar", 15: "integrated backscatter",
    16: "area trace", 17: "area change trace", 18: "physiological trace",
}  # fmt: skip
DOPPLER_TRACES = frozenset({5, 6, 7})

#: What no ultrasound picture is smaller or larger than, in mm: a skin probe shows 4, a panorama 600.
SMALLEST_MM, LARGEST_MM = 1.0, 1000.0
#: Scales that differ by more than this part are different scales.
SAME_SCALE = 0.01
#: Two sources of a scale that differ by more than this part disagree.
DISAGREEMENT = 0.05


# ------------------------------------------------------------------------------------------------------ words


def shows(region: UltrasoundRegion) -> str:
    """What a region shows, in a few words: ``2D tissue``, ``pulsed-wave Doppler``, ``M-mode``, ``ECG trace``."""
    data = _DATA.get(region.data_type or 0, "")
    if region.spatial_format == TWO_DIMENSIONAL:
        return f"2D {data}".strip()
    if region.spatial_format == M_MODE:
        return "colour M-mode" if region.data_type == 2 else "M-mode"
    if region.spatial_format == SPECTRAL:
        return _SPECTRA.get(region.data_type or 0, "spectral Doppler")
    if region.spatial_format == WAVEFORM:
        return data or "waveform"
    if region.spatial_format == GRAPHICS:
        return data or "graphics"
    return data or "not said what it shows"


def units(region: UltrasoundRegion) -> tuple[str | None, str | None]:
    """The UCUM units across and down; None where the file names none."""
    return UNITS.get(region.units_x or 0), UNITS.get(region.units_y or 0)


def scale_words(region: UltrasoundRegion) -> str:
    """The scale for people: ``0.262 mm a pixel``, ``0.0096 s a pixel across, -0.5 cm/s down``, ``no scale``."""
    millimetres = mm_per_pixel(region)
    if millimetres is not None:
        across, down = millimetres
        if _alike(across, down):
            return f"{across:.3g} mm a pixel"
        return f"{across:.3g} mm a pixel across, {down:.3g} mm down"
    steps = [
        f"{10 * step:.3g} mm" if unit == "cm" else f"{step:.3g} {unit}"
        for step, unit in zip((region.delta_x, region.delta_y), units(region), strict=True)
        if step and unit
    ]
    names = [
        name
        for name, step, unit in zip(
            ("across", "down"), (region.delta_x, region.delta_y), units(region), strict=True
        )
        if step and unit
    ]
    if not steps:
        return "no scale"
    return ", ".join(
        f"{step} {'a pixel ' if n == 0 else ''}{name}"
        for n, (step, name) in enumerate(zip(steps, names, strict=True))
    )


# ------------------------------------------------------------------------------------------------------ scale


def mm_per_pixel(region: UltrasoundRegion) -> tuple[float, float] | None:
    """Millimetres per pixel across and down, or None where the region has no scale in centimetres.

    Only a two-dimensional region has one; the deltas may differ and may be negative (PS3.3 C.8.5.5.1.17).
    """
    if region.spatial_format != TWO_DIMENSIONAL or (region.units_x, region.units_y) != (
        CENTIMETRES,
        CENTIMETRES,
    ):
        return None
    if not region.delta_x or not region.delta_y:
        return None
    if not math.isfinite(region.delta_x) or not math.isfinite(region.delta_y):
        return None
    return abs(region.delta_x) * 10.0, abs(region.delta_y) * 10.0


def calibrated(regions: Sequence[UltrasoundRegion]) -> bool:
    """Whether lengths can be had anywhere in the picture."""
    return any(mm_per_pixel(region) for region in regions)


def by_hand(calibration: Calibration, rows: int, columns: int) -> UltrasoundRegion:
    """A scale that a person set, as a region: the whole picture, the same in both directions, low priority."""
    (x0, y0), (x1, y1) = calibration.points
    step = calibration.mm / 10.0 / math.hypot(x1 - x0, y1 - y0)
    return UltrasoundRegion(
        0,
        0,
        columns - 1,
        rows - 1,
        spatial_format=TWO_DIMENSIONAL,
        data_type=1,
        flags=1,
        units_x=CENTIMETRES,
        units_y=CENTIMETRES,
        delta_x=step,
        delta_y=step,
        source="manual",
    )


def same_scale(one: UltrasoundRegion, other: UltrasoundRegion) -> bool:
    """Whether it makes no difference in which of two regions a distance is taken."""
    return (
        (one.spatial_format, one.units_x, one.units_y) == (other.spatial_format, other.units_x, other.units_y)
        and _alike(one.delta_x or 0.0, other.delta_x or 0.0)
        and _alike(one.delta_y or 0.0, other.delta_y or 0.0)
    )


def value_y(region: UltrasoundRegion, y: float) -> float | None:
    """The physical value of a row: depth below the transducer face, or velocity above the baseline.

    Reference Pixel is an offset from the region's own corner and may lie outside it (PS3.3 C.8.5.5.1.16).
    A negative delta makes values grow upwards, as a spectral display has it (PS3.3 C.8.5.5.1.17).
    """
    if region.ref_pixel_y0 is None or region.delta_y is None:
        return None
    return (region.ref_value_y or 0.0) + (y - region.min_y0 - region.ref_pixel_y0) * region.delta_y


# ------------------------------------------------------------------------------------------------------ places


def contains(region: UltrasoundRegion, point: Point) -> bool:
    """Whether a point lies in a region, its corners included (PS3.3 C.8.5.5.1.14)."""
    x, y = point
    return region.min_x0 - 0.5 <= x <= region.max_x1 + 0.5 and region.min_y0 - 0.5 <= y <= region.max_y1 + 0.5


def region_at(regions: Sequence[UltrasoundRegion], point: Point) -> int | None:
    """The number of the region that a pixel belongs to, or None.

    Where regions overlap, one of high priority (bit 0 of Region Flags is 0) overwrites one of low priority
    (PS3.3 C.8.5.5.1.3). The standard leaves regions of the same priority open: here a picture goes before the
    traces and graphics that are drawn over it, then the smaller before the larger, then the earlier.
    """
    inside = [(_rank(region), n) for n, region in enumerate(regions, 1) if contains(region, point)]
    return min(inside)[1] if inside else None


def by_rank(regions: Sequence[UltrasoundRegion]) -> tuple[UltrasoundRegion, ...]:
    """The regions in the order in which they own a pixel: the first of them that contains it is ``region_at``'s."""
    return tuple(sorted(regions, key=_rank))


def sweeps(region: UltrasoundRegion) -> bool:
    """Whether new data overwrites old from left to right, so that time jumps somewhere (Region Flags, bits 3-4)."""
    return (region.flags or 0) >> 3 & 0b11 in (0b10, 0b11)


def _rank(region: UltrasoundRegion) -> tuple[int, bool, int]:
    area = (region.max_x1 - region.min_x0 + 1) * (region.max_y1 - region.min_y0 + 1)
    return (region.flags or 0) & 1, region.spatial_format in (WAVEFORM, GRAPHICS), area


# ------------------------------------------------------------------------------------------------------ doubts


def distrust(region: UltrasoundRegion, rows: int, columns: int) -> str:
    """Why the scale of a region is not used unless a person names it; empty where it is."""
    # One pixel too far is a slip that many scanners make: they write the width where the last column is meant.
    if region.min_x0 < 0 or region.min_y0 < 0 or region.max_x1 > columns or region.max_y1 > rows:
        return "reaches beyond the picture, which was cut or made smaller since: its scale may be wrong"
    pixels = (region.max_x1 - region.min_x0 + 1, region.max_y1 - region.min_y0 + 1)
    sides = [
        (pixels[n] * abs(step) * 10.0, ("wide", "high")[n])
        for n, step in enumerate((region.delta_x, region.delta_y))
        if step and _usable(step) and units(region)[n] == "cm"
    ]
    if not all(SMALLEST_MM <= side <= LARGEST_MM for side, _ in sides):
        told = " and ".join(f"{side:.3g} mm {name}" for side, name in sides)
        return f"would be {told}: its scale is not believed"
    return ""


def doubts(regions: Sequence[UltrasoundRegion], rows: int, columns: int) -> tuple[str, ...]:
    """What a person should know before believing the regions of a file, a line for each doubt."""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, region in enumerate(regions, 1):
        for doubt in _doubts(region, rows, columns):
            groups.setdefault((shows(region), _NUMBERS.sub("#", doubt)), []).append((number, doubt))
    # Few are told one by one, in the order of the file; many of a kind would bury what else is to be known.
    told: list[tuple[int, str]] = []
    for (kind, _), alike in groups.items():
        if len(alike) <= _TOLD_ONE_BY_ONE:
            told += [(number, f"ultrasound region {number} ({kind}) {doubt}") for number, doubt in alike]
        else:
            told.append((alike[0][0], _gathered(kind, alike)))
    found = [line for _, line in sorted(told, key=lambda each: each[0])]
    return (*found, *_overlaps(regions))


_NUMBERS = re.compile(r"-?\d[\d.]*(?:e[+-]?\d+)?")
_TOLD_ONE_BY_ONE = 3


def _gathered(kind: str, alike: list[tuple[int, str]]) -> str:
    """One line for many regions with the same doubt; where it holds numbers, those of the first of them."""
    numbers = [number for number, _ in alike]
    whole = numbers[-1] - numbers[0] + 1 == len(numbers)
    name = f"{numbers[0]} to {numbers[-1]}" if whole else f"{numbers[0]} and {len(numbers) - 1} more"
    same = len({doubt for _, doubt in alike}) == 1
    each = "each" if same else f"all alike, region {numbers[0]}"
    return f"ultrasound regions {name} ({kind}): {each} {alike[0][1]}"


def _overlaps(regions: Sequence[UltrasoundRegion]) -> list[str]:
    """A line for each two regions that overlap and disagree; one line where these are many."""
    scaled = [(number, region) for number, region in enumerate(regions, 1) if mm_per_pixel(region)]
    pairs = [
        (a, b)
        for (a, one), (b, other) in combinations(scaled, 2)
        if _overlap(one, other) and not same_scale(one, other)
    ]
    rule = "overlap with different scales: where they do, the one of higher priority counts"
    if len(pairs) > _TOLD_ONE_BY_ONE:
        (a, b), many = pairs[0], len(pairs) - 1
        return [f"ultrasound regions {a} and {b}, and {many} other pairs, {rule}"]
    return [f"ultrasound regions {a} and {b} {rule}" for a, b in pairs]


def _doubts(region: UltrasoundRegion, rows: int, columns: int) -> list[str]:
    found = [distrust(region, rows, columns)]
    if region.min_x0 == region.max_x1 or region.min_y0 == region.max_y1:
        found.append("is a single line of pixels")
    wide = min(region.max_x1, columns - 1) - max(region.min_x0, 0) + 1
    high = min(region.max_y1, rows - 1) - max(region.min_y0, 0) + 1
    if wide * high >= 0.99 * rows * columns:
        found.append("covers the whole picture: it does not tell the scan from the text around it")
    if region.spatial_format == TWO_DIMENSIONAL:
        found.append(_plane_doubt(region))
    elif region.spatial_format in (M_MODE, SPECTRAL) and not all(units(region)):
        found.append("does not say its units: nothing can be measured in it")
    return [doubt for doubt in found if doubt]


def _plane_doubt(region: UltrasoundRegion) -> str:
    """What is odd about the scale of a two-dimensional region."""
    across, down = units(region)
    if across is None or down is None:
        return "does not say its units: lengths in it are in pixels"
    if (across, down) != ("cm", "cm"):
        return f"is in {across} and {down}, not in cm: lengths in it are in pixels"
    if not _usable(region.delta_x) or not _usable(region.delta_y):
        return "has no usable scale: lengths in it are in pixels"
    if not region.delta_x or not region.delta_y:
        return "has a scale of zero: lengths in it are in pixels"
    if not 0.5 <= abs(region.delta_x / region.delta_y) <= 2:
        return f"has very different scales across and down ({scale_words(region)})"
    if region.delta_x < 0 or region.delta_y < 0:
        return "counts centimetres backwards: lengths are right, depths may not be"
    return ""


def _usable(delta: float | None) -> bool:
    """Whether a number is there at all: what was infinite or no number was not taken over."""
    return delta is not None and math.isfinite(delta)


def _overlap(one: UltrasoundRegion, other: UltrasoundRegion) -> bool:
    return (
        one.min_x0 <= other.max_x1
        and other.min_x0 <= one.max_x1
        and one.min_y0 <= other.max_y1
        and other.min_y0 <= one.max_y1
    )


def _alike(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME_SCALE)
