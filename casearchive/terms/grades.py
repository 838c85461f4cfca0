"""Grades and their scales: what a scale is called, the number behind a grade, and other ways of writing it."""

from __future__ import annotations

import re

from casearchive.terms.concepts import Lexicon

_ROMAN = {"i": 1.0, "ii": 2.0, "iii": 3.0, "iv": 4.0, "v": 5.0, "vi": 6.0}
_GRADE = re.compile(
    r"(?:[a-z]?(?P<number>\d+(?:\.\d+)?).*|(?P<roman>iv|vi?|i{1,3})[a-f]?)\Z", re.ASCII | re.IGNORECASE
)


def ordinal(value: str) -> float | None:
    """``2b`` is grade 2 for comparison within its scale, so are ``IIF`` and ``F2``; None for ``large``."""
    match = _GRADE.match(value.strip())
    if match is None:
        return None
    return float(match["number"]) if match["number"] else _ROMAN[match["roman"].lower()]


def called(scale: str, terms: Lexicon) -> str:
    """What a case file calls a scale or a measurement: ``pd`` for ``scale_pd03``, ``gap`` for ``meas_gap``."""
    concept = terms.concept(scale)
    if concept is None:
        return scale
    if concept.short_names:
        return concept.short_names[0]
    return concept.id.removeprefix("scale_").removeprefix("meas_")


def scale_of(name: str, terms: Lexicon) -> str:
    """What a case file calls the scale of this name; PD and Doppler are its grade too. Empty where there is none."""
    words = name.replace("_", " ")
    concept = terms.resolve(words, ("scale",)) or terms.resolve(f"{words} grade", ("scale",))
    return called(concept.id, terms) if concept is not None else ""


def spellings(value: str) -> tuple[str, ...]:
    """Ways of writing a grade, small: ``2b`` and ``iib``."""
    lower = value.strip().lower()
    match = re.fullmatch(r"(?:(\d)|(iv|vi?|i{1,3}))([a-f]?)", lower)
    if match is None:
        return (lower,)
    numbers = {str(int(number)): roman for roman, number in _ROMAN.items()}
    if match[1]:
        return (lower, numbers[match[1]] + match[3]) if match[1] in numbers else (lower,)
    return (lower, f"{_ROMAN[match[2]]:.0f}{match[3]}")
