"""Units of measurements: every spelling people use, and the one unit that values of a kind are compared in."""

from __future__ import annotations

#: UCUM units and usual spellings: the base unit, and how many of it one of them is.
_UNITS: dict[str, tuple[str, float]] = {
    "um": ("mm", 0.001), "µm": ("mm", 0.001), "mm": ("mm", 1.0), "cm": ("mm", 10.0), "m": ("mm", 1000.0),
    "mm2": ("mm2", 1.0), "mm²": ("mm2", 1.0), "cm2": ("mm2", 100.0), "cm²": ("mm2", 100.0),
    "sqmm": ("mm2", 1.0), "sqcm": ("mm2", 100.0),
    "mm3": ("mL", 0.001), "mm³": ("mL", 0.001), "ml": ("mL", 1.0), "cm3": ("mL", 1.0), "cm³": ("mL", 1.0),
    "cc": ("mL", 1.0), "l": ("mL", 1000.0),
    "ms": ("s", 0.001), "s": ("s", 1.0),
    "mm/s": ("cm/s", 0.1), "cm/s": ("cm/s", 1.0), "m/s": ("cm/s", 100.0),
    "deg": ("deg", 1.0), "°": ("deg", 1.0), "degree": ("deg", 1.0), "degrees": ("deg", 1.0),
    "%": ("%", 1.0), "percent": ("%", 1.0), "kpa": ("kPa", 1.0), "/min": ("/min", 1.0), "bpm": ("/min", 1.0),
    "1": ("1", 1.0),
}  # fmt: skip


def in_base(value: float, unit: str) -> tuple[float, str]:
    """A value in the base unit of its kind; a unit that is not known stays as it is."""
    base, factor = _UNITS.get(unit.strip().lower(), (unit, 1.0))
    return value * factor, base


def base_of(unit: str) -> str:
    """The unit that values in ``unit`` are compared in; empty where the unit is not known."""
    return _UNITS.get(unit.strip().lower(), ("", 0.0))[0]
