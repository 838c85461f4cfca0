"""Measurements in a question: which one is named, in what unit, and comparisons said in plain words."""

from __future__ import annotations

import re

from casearchive.frozen import dataclass
from casearchive.query.persons import is_person
from casearchive.query.tree import Range
from casearchive.terms import Lexicon
from casearchive.units import WRITTEN, base_of, in_base

#: Any length will do.
_SIZE = frozenset({"size", "diameter", "extent"})


@dataclass(frozen=True)
class Measure:
    """``names`` are all that a record may call it; none of them: any measurement in ``unit`` (a base unit).

    ``spoken`` is the unit that a bare number is in, where people do not speak in the base unit.
    """

    names: tuple[str, ...]
    label: str
    unit: str
    spoken: str


@dataclass(frozen=True)
class Compared:
    """A comparison in ``text[start:end]``: ``plain`` where it is only a number (31 mm), without over or under.

    ``unit`` is as it was written, and may be missing.
    """

    start: int
    end: int
    low: float | None
    high: float | None
    low_in: bool
    high_in: bool
    unit: str
    plain: bool


def measure_named(lexicon: Lexicon, name: str) -> Measure | None:
    """The measurement of this name (csa, gap, shear_wave, size …), or None."""
    word = name.strip().lower()
    if word in _SIZE:
        return Measure((), "size", "mm", "mm")
    concept = lexicon.resolve(word, ("measurement",))
    if concept is None:
        return None
    names = (concept.id, concept.id.removeprefix("meas_"), concept.preferred, *concept.names,
             *concept.short_names, *concept.abbreviations)  # fmt: skip
    unit = concept.unit or "1"
    every = tuple(dict.fromkeys(n.lower() for n in names))
    return Measure(every, concept.id.removeprefix("meas_").replace("_", " "), base_of(unit) or unit, unit)


def span(measure: Measure, low: float | None, high: float | None, unit: str, *, low_in: bool = True,
         high_in: bool = True) -> Range | None:  # fmt: skip
    """The range in the measurement's base unit, or None where ``unit`` measures something else."""
    written = unit or measure.spoken
    base = base_of(written) or written
    if base != measure.unit:
        return None
    ends = [None if end is None else in_base(end, written)[0] for end in (low, high)]
    return Range(ends[0], ends[1], low_in, high_in)


def limits(measure: Measure, number: Compared) -> Range | None:
    """What a comparison asks of a measurement, or None where its unit measures something else."""
    return span(measure, number.low, number.high, number.unit, low_in=number.low_in, high_in=number.high_in)


_ABOVE = "more than|greater than|larger than|bigger than|longer than|thicker than|wider than|over|above|exceeding|>"
_BELOW = "less than|smaller than|shorter than|thinner than|narrower than|fewer than|under|below|<"
_LEAST = "at least|no less than|minimum|>=|≥"
_MOST = "at most|no more than|up to|maximum|<=|≤"
_INCHES = r"in(?=\s*(?:$|[,;.)]))"  # elsewhere "in" is a small word
_UNIT = rf"{WRITTEN}|{_INCHES}|years?[ -]old|years?|yrs?|y/?o"
_COMPARISON = (
    rf"(?<![\w.])(?:(?P<least>{_LEAST})|(?P<most>{_MOST})|(?P<above>{_ABOVE})|(?P<below>{_BELOW})|between|from)?\s*"
    rf"(?<![\w.,])(?P<number>\d+(?:[.,]\d+)?)(?:\s*(?:-|to|and|\.\.)\s*(?P<second>\d+(?:[.,]\d+)?))?"
    rf"[\s-]{{0,2}}(?P<unit>{_UNIT})?(?![\w/²³])"
)
_YEARS = "years"
_AGE_BEFORE = re.compile(r"\b(?:aged?|ages)(?:\s+(?:of|is|was))?\s*\Z", re.IGNORECASE)
_WORD_BEFORE = re.compile(r"\b([A-Za-z]+)\s*\Z")


def comparisons(text: str) -> tuple[Compared, ...]:
    """Numbers with a unit, and numbers after a word of comparison, left to right; other numbers are words."""
    if not any(character.isdigit() for character in text):
        return ()
    found = []
    for match in re.finditer(_COMPARISON, text, re.IGNORECASE):
        said = any(match[name] for name in ("least", "most", "above", "below"))
        start, unit = match.start(), match["unit"] or ""
        if not unit and (age := _AGE_BEFORE.search(text, 0, start)):
            start, unit = age.start(), _YEARS
        elif not unit and (said or match["second"]) and (who := _WORD_BEFORE.search(text, 0, start)):
            unit = _YEARS if is_person(who[1]) else ""
        if not said and not unit:
            continue
        number = float(match["number"].replace(",", "."))
        low, high = number, number
        if match["second"] and not said:
            high = float(match["second"].replace(",", "."))
        low_end = None if match["most"] or match["below"] else min(low, high)
        high_end = None if match["least"] or match["above"] else max(low, high)
        plain = not said and not match["second"]
        found.append(
            Compared(
                start, match.end(), low_end, high_end, not match["above"], not match["below"], unit, plain,
            )
        )  # fmt: skip
    return tuple(found)


def in_years(unit: str) -> bool:
    return unit.lower().startswith(("year", "yr", "yo", "y/o"))
