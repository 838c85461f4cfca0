"""Units of measurements: as people write them, as UCUM writes them, and what kind of quantity they count."""

from __future__ import annotations

from casearchive.terms import lexicon

#: UCUM unit: what it counts.
UNITS: dict[str, str] = {
    "um": "a length", "mm": "a length", "cm": "a length", "m": "a length",
    "mm2": "an area", "cm2": "an area",
    "mm3": "a volume", "cm3": "a volume", "mL": "a volume", "L": "a volume",
    "deg": "an angle", "rad": "an angle",
    "%": "a share", "1": "a share",
    "ms": "a time", "s": "a time", "min": "a time",
    "/min": "a rate", "{beats}/min": "a rate",
    "mm/s": "a speed", "cm/s": "a speed", "m/s": "a speed",
    "Hz": "a frequency", "kHz": "a frequency", "MHz": "a frequency",
    "kPa": "a pressure", "mm[Hg]": "a pressure",
    "dB": "a level", "{grey level}": "a grey level",
}  # fmt: skip
#: What people write, for what UCUM writes.
_SPOKEN = {
    "µm": "um", "μm": "um", "mm²": "mm2", "cm²": "cm2", "mm^2": "mm2", "cm^2": "cm2", "sq mm": "mm2", "sq cm": "cm2",
    "mm³": "mm3", "cm³": "cm3", "cc": "cm3", "ml": "mL", "ccm": "cm3", "l": "L",
    "°": "deg", "degrees": "deg", "degree": "deg", "percent": "%", "per cent": "%",
    "millimetres": "mm", "millimeters": "mm", "centimetres": "cm", "centimeters": "cm",
    "sec": "s", "bpm": "{beats}/min", "kpa": "kPa", "hz": "Hz", "khz": "kHz", "mhz": "MHz", "mmHg": "mm[Hg]",
}  # fmt: skip


def ucum(unit: str) -> str | None:
    """The UCUM unit that is meant (``mm²`` is ``mm2``), or None where none is known."""
    unit = unit.strip()
    for written in (unit, unit.lower()):
        if written in UNITS:
            return written
        if written in _SPOKEN:
            return _SPOKEN[written]
    return None


def usual_unit(what: str) -> str:
    """The unit that a kind of measurement is usually given in (``mm`` for a gap); empty where none is known."""
    concept = lexicon().resolve(what, {"measurement"})
    return concept.unit if concept is not None else ""


def unfit(what: str, unit: str) -> str:
    """Why ``unit`` (UCUM) cannot be one of ``what``; empty where it can, or where it is not known."""
    usual = usual_unit(what)
    counts, wanted = UNITS.get(unit, ""), UNITS.get(usual, "")
    if not counts or not wanted or counts == wanted or usual == "{grey level}":
        return ""
    fitting = ", ".join(u for u, counted in UNITS.items() if counted == wanted)
    return f"{what.replace('_', ' ')} is {wanted}, not {counts}: write it in {fitting}"
