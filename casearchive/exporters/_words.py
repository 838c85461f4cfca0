"""Concept ids, codes and numbers as words that a reader of a teaching page understands."""

from __future__ import annotations

import re

from casearchive.exporters._labels import many, say, spoken
from casearchive.exporters._labels import word as labelled
from casearchive.model import Diagnosis, Finding, Measurement, Patient
from casearchive.record.sentences import name as plain
from casearchive.record.sentences import quantity as spaced
from casearchive.record.sentences import sentence
from casearchive.terms import lexicon

__all__ = [
    "day_words",
    "language",
    "measure",
    "paragraphs",
    "patient_line",
    "place",
    "plain",
    "quantity",
    "region_of",
    "sentence",
    "word",
]

#: By which letters a text that is not in Latin ones tells its language; the first that is found decides.
_LANGUAGES = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("fa", re.compile("[\u067e\u0686\u0698\u06af]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("uk", re.compile("[\u0404\u0406\u0407\u0490\u0454\u0456\u0457\u0491]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]{3}")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_AN_AGE = re.compile(r"0*(\d[\d–-]*)\s*([YMWD])")
_AGE_UNITS = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
_SEXES = {"M": "word.male", "F": "word.female"}


def measure(term: str) -> str:
    """The full name of a scale or a kind of measurement, which case files call by a short one: ``pd``,
    ``gap``."""
    concept = lexicon().resolve(term, ("scale", "measurement"))
    return concept.preferred if concept else plain(term)


def word(term: str) -> str:
    """A word of a closed list that stands alone, in the language of the labels; any other as ``plain`` has it."""
    return labelled(term) or plain(term)


def place(thing: Finding | Diagnosis) -> str:
    """Where: ``right rectus femoris muscle, mid-belly``; empty where no structure is named."""
    where = f"{plain(thing.side)} {plain(thing.structure)}".strip() if thing.structure else ""
    site = plain(thing.site) if isinstance(thing, Finding) else ""
    return ", ".join(part for part in (where, site) if part)


def quantity(measurement: Measurement) -> str:
    """``31 mm``, ``52.5 mm²``: the author's number, the unit as printed."""
    return spaced(measurement.value, measurement.unit).replace(" ", "\u00a0")


def patient_line(patient: Patient) -> str:
    """``Male, 24 years, football midfielder``; empty where nothing is known."""
    age = _AN_AGE.fullmatch(patient.age.strip())
    years = say(f"shared.{_AGE_UNITS[age[2]]}", n=age[1]) if age else patient.age
    sex = say(_SEXES[patient.sex]) if patient.sex in _SEXES else patient.sex.lower()
    return sentence(", ".join(part for part in (sex, years, patient.activity) if part))


def day_words(day: int | None) -> str:
    """Days relative to the index study (day 0) in words; empty where unknown."""
    if day is None:
        return ""
    if day == 0:
        return say("shared.day_same")
    return many("shared.day_before" if day < 0 else "shared.day_later", abs(day))


def paragraphs(text: str) -> list[str]:
    """An author's text cut at its empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def language(text: str) -> str:
    """The language a text is most likely in, told by its letters, for the right glyphs and the right voice: ``ja``,
    ``zh``, ``ar`` …; for Latin letters that of the labels, if these are in Latin ones."""
    latin = "en" if spoken().code in dict(_LANGUAGES) else spoken().code
    return next((name for name, letters in _LANGUAGES if letters.search(text)), latin)


def region_of(structure: str) -> str:
    """The part of the body a structure belongs to (``anterior thigh``); empty where the lexicon has none."""
    concept = lexicon().concept(structure)
    if concept is None:
        return ""
    if concept.kind == "region":
        return concept.preferred
    region = lexicon().concept(concept.region[0]) if concept.region else None
    return region.preferred if region else ""
