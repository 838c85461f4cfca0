"""After a comma in a denial: one more item of its list ("no tear, haematoma or oedema"), or a claim of its own
("no effusion, synovitis grade 2").

A list is bare. Whoever tells a size, a grade, another side or that something is torn tells what is there; so does
who names again what was just denied.
"""

from __future__ import annotations

import re

from casearchive.terms.concepts import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon
from casearchive.terms.quantities import GRADED, grades, quantities

#: "Larger than 5 mm" asks for a size, and tells none.
_LIMIT = re.compile(
    r"(?:\b(?:than|over|above|under|below|exceeding|at least|up to|within)|[<>≥≤])\s*\Z", re.IGNORECASE
)
_THERE = re.compile(r"\bpositive\b|\bin (?:place|situ)\b", re.IGNORECASE)
#: "ATFL torn" says what is, "torn meniscus" names what a list may hold.
_BROKEN = re.compile(
    r"\w\s+(?:torn|ruptured|avulsed|detached|retracted|fractured|broken|displaced|dislocated|subluxed|thickened|"
    r"thinned|enlarged|swollen|dilated|distended|inflamed|compressed|flattened|narrowed|occluded|thrombosed)"
    r"(?=\s*(?:[,.;:!?)]|\Z)|\s+(?:left|right|at|in|from|on|by|over|near)\b)",
    re.IGNORECASE,
)
_SIDE = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_JOINED = re.compile(r"\b(?:or|nor)\b", re.IGNORECASE)


def measured(piece: str, terms: Lexicon) -> bool:
    """Whether a size, a grade or "positive" tells that it is there: nobody tells the size of what is not."""
    sizes = (q for q in quantities(piece, 0, len(piece)) if not _LIMIT.search(piece, 0, q.start))
    if next(sizes, None) is not None or GRADED.search(piece) or _THERE.search(piece):
        return True
    return bool(grades(piece, 0, len(piece), (), terms))


def claimed(denied: str, piece: str, *, last: bool, terms: Lexicon) -> bool:
    """Whether ``piece``, behind the comma, is said of something else than the ``denied`` before it.

    ``last``: no other item stands before or behind it, so that it makes no list with the first.
    """
    if _BROKEN.search(piece):
        return True
    found = _findings(piece, terms)
    if not found:
        return False
    sides, before = _sides(piece), _sides(denied)
    other_side = bool(sides - before) and (bool(before) or (last and _places(piece, terms)))
    return other_side or bool(found & _findings(denied, terms))


def joined(rest: str) -> bool:
    """ "Or" stands in what follows: all of it is one list."""
    return bool(_JOINED.search(rest))


def _sides(text: str) -> set[str]:
    return {m[1].lower() for m in _SIDE.finditer(text)}


def _places(text: str, terms: Lexicon) -> bool:
    """Whether it names a place: "dislocation on the left" alone is still one of two that are denied."""
    concepts = (terms.concept(m.concept) for m in terms.recognise(text))
    return any(c is not None and c.kind in STRUCTURE_KINDS for c in concepts)


def _findings(text: str, terms: Lexicon) -> set[str]:
    concepts = (terms.concept(m.concept) for m in terms.recognise(text))
    return {c.id for c in concepts if c is not None and c.kind in ABNORMALITY_KINDS}
