"""Concept ids, codes and numbers as words that a reader of a teaching page understands."""

from __future__ import annotations

import re

from casearchive.model import Diagnosis, Finding, Measurement, Patient
from casearchive.terms import lexicon

_AN_ID = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_AN_AGE = re.compile(r"0*(\d[\d–-]*)\s*([YMWD])")
_AGE_UNITS = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
_SEXES = {"M": "male", "F": "female"}

#: The closed vocabularies of ``model`` where the bare word would read badly.
_CODES = {
    "us": "ultrasound",
    "mri": "MRI",
    "xray": "X-ray",
    "ct": "CT",
    "emg": "EMG",
    "ncs": "nerve conduction study",
    "clinical_exam": "clinical examination",
    "missed": "missed",
    "undergraded": "graded too low",
    "overgraded": "graded too high",
    "agreement": "agreed",
    "discordant": "did not agree",
    "technique_limited": "limited by technique",
    "none": "",
    "unknown": "",
}
#: UCUM as printed; what is not here is printed as it stands.
_UNITS = {"mm2": "mm²", "cm2": "cm²", "mm3": "mm³", "cm3": "cm³", "um": "µm", "deg": "°", "1": ""}


def plain(term: str) -> str:
    """The preferred words of a concept id. An author's own words come back as they are; an id the lexicon
    does not know loses its underscores."""
    if term in _CODES:
        return _CODES[term]
    if not _AN_ID.fullmatch(term):
        return term
    concept = lexicon().concept(term)
    return concept.preferred if concept else term.replace("_", " ")


def measure(term: str) -> str:
    """The full name of a scale or a kind of measurement, which case files call by a short one: ``pd``,
    ``gap``."""
    concept = lexicon().resolve(term, ("scale", "measurement"))
    return concept.preferred if concept else plain(term)


def sentence(text: str) -> str:
    """``text`` with a capital first letter, everything else as it is."""
    return text[:1].upper() + text[1:]


def place(thing: Finding | Diagnosis) -> str:
    """Where: ``right rectus femoris muscle, mid-belly``; empty where no structure is named."""
    where = f"{plain(thing.side)} {plain(thing.structure)}".strip() if thing.structure else ""
    site = plain(thing.site) if isinstance(thing, Finding) else ""
    return ", ".join(part for part in (where, site) if part)


def quantity(measurement: Measurement) -> str:
    """``31 mm``, ``52.5 mm²``: the author's number, the unit as printed."""
    number = str(measurement.value).removesuffix(".0")
    unit = _UNITS.get(measurement.unit, measurement.unit)
    gap = "" if unit in {"", "°"} else "\u00a0"
    return f"{number}{gap}{unit}"


def patient_line(patient: Patient) -> str:
    """``Male, 24 years, football midfielder``; empty where nothing is known."""
    age = _AN_AGE.fullmatch(patient.age.strip())
    years = f"{age[1]} {_AGE_UNITS[age[2]]}" if age else patient.age
    sex = _SEXES.get(patient.sex, patient.sex.lower())
    return sentence(", ".join(part for part in (sex, years, patient.activity) if part))


def day_words(day: int | None) -> str:
    """Days relative to the index study (day 0) in words; empty where unknown."""
    if day is None:
        return ""
    if day == 0:
        return "on the day of the study"
    count = f"{abs(day)} day{'' if abs(day) == 1 else 's'}"
    return f"{count} before" if day < 0 else f"{count} later"


def paragraphs(text: str) -> list[str]:
    """An author's text cut at its empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def region_of(structure: str) -> str:
    """The part of the body a structure belongs to (``anterior thigh``); empty where the lexicon has none."""
    concept = lexicon().concept(structure)
    if concept is None:
        return ""
    if concept.kind == "region":
        return concept.preferred
    region = lexicon().concept(concept.region[0]) if concept.region else None
    return region.preferred if region else ""
