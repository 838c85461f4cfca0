"""Which unit a kind of measurement is given in, as the vocabulary says."""

from __future__ import annotations

from casearchive.terms import lexicon
from casearchive.units import counts, units_of


def usual_unit(what: str) -> str:
    """The unit that a kind of measurement is usually given in (``mm`` for a gap); empty where none is known."""
    concept = lexicon().resolve(what, {"measurement"})
    return concept.unit if concept is not None else ""


def unfit(what: str, unit: str) -> str:
    """Why ``unit`` (UCUM) cannot be one of ``what``; empty where it can, or where it is not known."""
    usual = usual_unit(what)
    counted, wanted = counts(unit), counts(usual)
    if not counted or not wanted or counted == wanted or usual == "{grey level}":
        return ""
    return f"{what.replace('_', ' ')} is {wanted}, not {counted}: write it in {', '.join(units_of(wanted))}"
