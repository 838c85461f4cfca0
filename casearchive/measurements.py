"""Whether the measurements that an author typed agree with the points that the author drew."""

from __future__ import annotations

import math
from collections.abc import Mapping

from casearchive.frozen import dataclass
from casearchive.measure import Measured, Unmeasurable, disagreement, measure
from casearchive.model import Calibration, Case, Facts, Measurement
from casearchive.scale import DISAGREEMENT, distrust, mm_per_pixel

#: UCUM units that points can give: the kind of measurement, and how many of the unit it is measured in they are.
_UNITS: dict[str, tuple[str, str, float]] = {
    "um": ("length", "mm", 1e-3), "mm": ("length", "mm", 1.0), "cm": ("length", "mm", 10.0),
    "m": ("length", "mm", 1e3),
    "mm2": ("area", "mm2", 1.0), "cm2": ("area", "mm2", 100.0),
    "deg": ("angle", "deg", 1.0), "rad": ("angle", "deg", math.degrees(1.0)),
    "ms": ("time", "s", 1e-3), "s": ("time", "s", 1.0),
    "/min": ("rate", "/min", 1.0), "{beats}/min": ("rate", "/min", 1.0),
    "mm/s": ("velocity", "cm/s", 0.1), "cm/s": ("velocity", "cm/s", 1.0), "m/s": ("velocity", "cm/s", 100.0),
    "Hz": ("velocity", "Hz", 1.0), "kHz": ("velocity", "Hz", 1e3),
}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """One measurement beside its points.

    ``value`` is what the points give, in the author's unit, or None where they give nothing; ``agrees`` is
    False where the two differ by more than 5 % and by more than a pixel, None where nothing was compared.
    ``note`` is the line for a person, empty where all is well.
    """

    value: float | None = None
    agrees: bool | None = None
    note: str = ""


def checked(case: Case, files: Mapping[str, Facts]) -> tuple[Checked, ...]:
    """Every measurement of a case beside its points, in order; ``files`` are facts by media id."""
    calibrations = {media.id: media.calibration for media in case.media}
    found = []
    for typed in case.measurements:
        found.append(check(typed, files.get(typed.media), calibrations.get(typed.media)))
    return tuple(found)


def check(typed: Measurement, facts: Facts | None, calibration: Calibration | None = None) -> Checked:
    """One measurement beside its points, in the file that ``facts`` describe (None: it is not known)."""
    if facts is None or not typed.points:
        return Checked()
    meant, _, _ = _UNITS.get(typed.unit.strip(), ("", "", 0.0))
    kind = "depth" if meant == "length" and typed.what in ("depth", "meas_depth") else meant
    if not kind:  # a volume, a percentage, a grey level: points do not give it
        return Checked()
    if len(typed.points) > 1 and len(set(typed.points)) == 1:
        return Checked(None, None, f"its points give no {typed.unit}: they are all at one place")
    return _compared(typed, measure(kind, typed.points, facts, calibration=calibration))


def odd_scales(case: Case, files: Mapping[str, Facts]) -> tuple[tuple[int, str], ...]:
    """(position of the media, from 0, and a line) for each scale set by hand that its file contradicts."""
    found = []
    for position, media in enumerate(case.media):
        facts = files.get(media.id)
        if media.calibration is None or facts is None:
            continue
        rows, columns = facts.instance.rows or 0, facts.instance.columns or 0
        for region in facts.regions:
            if not mm_per_pixel(region) or distrust(region, rows, columns):
                continue
            note = disagreement(media.calibration, region)
            if note:
                found.append((position, f"{media.id}: {note}"))
                break
    return tuple(found)


def _compared(typed: Measurement, result: Measured | Unmeasurable) -> Checked:
    unit = typed.unit.strip()
    if isinstance(result, Unmeasurable):
        return Checked(None, None, f"its points give no {unit}: {result.reason}")
    meant, measured_in, factor = _UNITS[unit]
    if result.unit != measured_in or not result.scaled:
        why = f": {result.notes[0].removeprefix('in pixels: ')}" if result.notes else f", but {result.unit}"
        return Checked(None, None, f"its points give no {unit}{why}")
    # towards the probe or away from it is what a velocity says; a length has no such side
    value = result.value / factor if meant == "velocity" else abs(result.value) / factor
    apart, pixel = (
        abs(value - (typed.value if meant == "velocity" else abs(typed.value))),
        result.pixel / factor,
    )
    if apart <= DISAGREEMENT * abs(value) or apart <= pixel:
        return Checked(value, True)
    return Checked(value, False, f"{typed.value:g} {unit} typed, {value:.3g} {unit} by its points")
