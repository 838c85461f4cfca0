"""Units of measurements: as UCUM writes them, as people write them, what they count, and the unit to compare in."""

from __future__ import annotations

import re

#: UCUM unit: what it counts, the unit that such values are compared in, and how many of that one of them is.
_UNITS: dict[str, tuple[str, str, float]] = {
    "um": ("a length", "mm", 0.001), "mm": ("a length", "mm", 1.0), "cm": ("a length", "mm", 10.0),
    "m": ("a length", "mm", 1000.0), "[in_i]": ("a length", "mm", 25.4),
    "mm2": ("an area", "mm2", 1.0), "cm2": ("an area", "mm2", 100.0),
    "mm3": ("a volume", "mL", 0.001), "cm3": ("a volume", "mL", 1.0), "mL": ("a volume", "mL", 1.0),
    "L": ("a volume", "mL", 1000.0),
    "deg": ("an angle", "deg", 1.0), "rad": ("an angle", "deg", 57.29577951308232),
    "%": ("a share", "%", 1.0), "1": ("a share", "1", 1.0),
    "ms": ("a time", "s", 0.001), "s": ("a time", "s", 1.0), "min": ("a time", "s", 60.0),
    "/min": ("a rate", "/min", 1.0), "{beats}/min": ("a rate", "/min", 1.0),
    "mm/s": ("a speed", "cm/s", 0.1), "cm/s": ("a speed", "cm/s", 1.0), "m/s": ("a speed", "cm/s", 100.0),
    "Hz": ("a frequency", "Hz", 1.0), "kHz": ("a frequency", "Hz", 1000.0), "MHz": ("a frequency", "Hz", 1e6),
    "kPa": ("a pressure", "kPa", 1.0), "mm[Hg]": ("a pressure", "kPa", 0.133322),
    "dB": ("a level", "dB", 1.0), "{grey level}": ("a grey level", "{grey level}", 1.0),
}  # fmt: skip

#: What people write, for what UCUM writes.
_SPOKEN = {
    "µm": "um", "μm": "um", "mm²": "mm2", "cm²": "cm2", "mm^2": "mm2", "cm^2": "cm2",
    "sqmm": "mm2", "sqcm": "cm2",
    "mm³": "mm3", "cm³": "cm3", "cc": "cm3", "ml": "mL", "ccm": "cm3", "l": "L",
    "°": "deg", "degrees": "deg", "degree": "deg", "percent": "%",
    "millimetre": "mm", "millimeter": "mm", "centimetre": "cm", "centimeter": "cm",
    "millimetres": "mm", "millimeters": "mm", "centimetres": "cm", "centimeters": "cm", "litre": "L", "liter": "L",
    "in": "[in_i]", "inch": "[in_i]", "inches": "[in_i]", "″": "[in_i]",
    "cm/sec": "cm/s", "db": "dB",
    "sec": "s", "bpm": "{beats}/min", "kpa": "kPa", "hz": "Hz", "khz": "kHz", "mhz": "MHz", "mmHg": "mm[Hg]",
}  # fmt: skip

#: Units as they stand behind a number in a text or a question: a pattern without groups.
WRITTEN = (
    r"mm\s?²|mm\s?2\b|cm\s?²|cm\s?2\b|cm\s?³|cm\s?3\b|mm\s?³|mm\s?3\b|sq\.?\s?mm\b|sq\.?\s?cm\b|"
    r"cm/s(?:ec)?\b|mm/s\b|m/s\b|"
    r"inch(?:es)?\b|″|millimet(?:re|er)s?\b|centimet(?:re|er)s?\b|mm\b|cm\b|[uµ]m\b|ml\b|cc\b|lit(?:re|er)s?\b|percent\b|"
    r"per cent\b|%|"
    r"degrees?\b|deg\b|°|kpa\b|ms\b|bpm\b|db\b"
)

#: How UCUM is printed for people; what is not here is printed as it stands.
_PRINTED = {
    "mm2": "mm²",
    "cm2": "cm²",
    "mm3": "mm³",
    "cm3": "cm³",
    "um": "µm",
    "[in_i]": "in",
    "deg": "°",
    "1": "",
}

#: Every UCUM unit that is known, the usual ones first.
KNOWN = tuple(_UNITS)


def ucum(unit: str) -> str | None:
    """The UCUM unit that is meant (``mm²`` is ``mm2``), or None where none is known."""
    unit = unit.strip()
    bare = re.sub(r"[\s.]", "", unit.lower())
    for written in (unit, unit.lower(), bare, bare.removesuffix("s")):
        if written in _UNITS:
            return written
        if written in _SPOKEN:
            return _SPOKEN[written]
    return None


def printed(unit: str) -> str:
    """A UCUM unit as people read it: ``mm²``; nothing for a bare number."""
    return _PRINTED.get(unit, unit)


def counts(unit: str) -> str:
    """What a UCUM unit counts (``a length``); empty where it is not known."""
    return _UNITS[unit][0] if unit in _UNITS else ""


def units_of(quantity: str) -> tuple[str, ...]:
    """The UCUM units that count this (``a length``)."""
    return tuple(unit for unit, (counted, _, _) in _UNITS.items() if counted == quantity)


def in_base(value: float, unit: str) -> tuple[float, str]:
    """A value in the unit that its kind is compared in; one in a unit that is not known stays as it is."""
    known = ucum(unit)
    if known is None:
        return value, unit
    _, base, factor = _UNITS[known]
    return value * factor, base


def base_of(unit: str) -> str:
    """The unit that values in ``unit`` are compared in; empty where the unit is not known."""
    known = ucum(unit)
    return _UNITS[known][1] if known is not None else ""
