"""Codes of standards and concepts of the lexicon, each from the other: only where they mean the same."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from casearchive.terms.concepts import Code, Concept, Lexicon, lexicon

#: The scheme of concepts that only the lexicon has; private schemes begin with 99 (PS3.3 Table 8.2).
LOCAL = "99USCASE"
_SCHEMES = ("SCT", "DCM", "LN", "MDC", "RADLEX")
_SIDES = {", left": "left", ", right": "right"}


def standard_code(codes: Collection[Code]) -> Code | None:
    """The code that means the concept itself, of the scheme that comes first; None where there is none.

    Several of one scheme are parts of its meaning, or narrower: none of them would say the same. A code for one side
    would be wrong for the other; sides are told beside it.
    """
    for scheme in _SCHEMES:
        of_scheme = [code for code in codes if code.scheme == scheme and not _side(code)]
        if of_scheme:
            return of_scheme[0] if len(of_scheme) == 1 else None
    return None


def meant(scheme: str, value: str, kinds: Collection[str] = ()) -> tuple[Concept, str] | None:
    """The one concept of these ``kinds`` (none: of any) that a code means, and the side that the code says with it.

    None where no concept or several are meant, or where the code is one part of what a concept says.
    """
    terms = lexicon()
    if scheme == LOCAL:
        concept = terms.concept(value)
        return (concept, "") if concept is not None and (not kinds or concept.kind in kinds) else None
    found = [
        (concept, side)
        for name, side in _by_code(terms).get((scheme, value), ())
        if (concept := terms.concept(name)) is not None and (not kinds or concept.kind in kinds)
    ]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=2)
def _by_code(terms: Lexicon) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """By scheme and value: ids of concepts, and the side that is said with them."""
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    for name in terms:
        concept = terms.concept(name)
        for code in concept.codes if concept else ():
            side = _side(code)
            alike = (
                [c for c in concept.codes if c.scheme == code.scheme and _side(c) == side] if concept else []
            )
            if len(alike) == 1:
                key = (code.scheme, code.value)
                found[key] = (*found.get(key, ()), (name, side))
    return found


def _side(code: Code) -> str:
    return next((side for ending, side in _SIDES.items() if code.meaning.endswith(ending)), "")
