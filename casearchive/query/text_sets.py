"""What is asked of the text, as sets of documents: concepts from facts, other words from the full-text table."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from casearchive.query import facts, fts
from casearchive.query.bits import Ranked
from casearchive.query.facts import Shelf
from casearchive.query.text_rows import MODALITY_CONCEPTS, concept_match, text_match
from casearchive.query.tree import FindingClause, Phrase, Said, Wanted, Words


def said(clause: FindingClause, shelf: Shelf) -> int:
    """Documents whose text names everything a finding clause asks for."""
    found = [
        mentioned(w, shelf) for w in (clause.structure, clause.abnormality, clause.site, clause.maneuver) if w
    ]
    if clause.modality:
        found.append(_tokens(shelf, (fts.token(MODALITY_CONCEPTS.get(m, m)) for m in clause.modality)))
    if clause.temporality:
        found.append(_tokens(shelf, (fts.token(t) for t in clause.temporality)))
    return _all(found)


def mentioned(wanted: Wanted, shelf: Shelf) -> int:
    """Documents whose text names a concept, or something below it."""
    if wanted.literal:
        return shelf.matching(fts.within(fts.PLAIN, concept_match(wanted)))
    return _concept(wanted, lambda words: _tokens(shelf, words))


def named(wanted: Wanted, shelf: Shelf) -> int:
    """The same, or all the words that were typed: who asks for "calf pain" means "pain in the left calf" too."""
    words = wanted.typed.split()
    found = mentioned(wanted, shelf)
    if wanted.exact or wanted.by_field or len(words) < 2:
        return found
    return found | shelf.matching(fts.within(fts.PLAIN, fts.all_of(map(fts.quoted, words))))


def weighed_words(leaf: Words | Phrase, shelf: Shelf, weight: float) -> Ranked:
    match = text_match(leaf)
    found = shelf.matching(match)
    in_title = shelf.matching(text_match(leaf, fts.PLAIN[:1])) if isinstance(leaf, Words) else 0
    return shelf.weighed(match, weight, found, in_title)


def weighed_names(leaf: Said, shelf: Shelf, weight: float) -> Ranked:
    """Documents whose title or diagnosis names the concepts."""
    match = text_match(leaf)
    if any(w.literal for w in leaf.wanted):
        found = shelf.matching(match)
        return shelf.weighed(match, weight, found, found)
    title = _all([_concept(w, lambda words: shelf.having(*map(facts.in_title, words))) for w in leaf.wanted])
    either = _all([_concept(w, lambda words: _title_or_diagnosis(shelf, words)) for w in leaf.wanted])
    names = (_words(group, exact=wanted.exact) for wanted in leaf.wanted for group in wanted.groups)
    met = sum(_tokens(shelf, words).bit_count() for words in names)
    return shelf.weighed(match, weight, either, title, met)


def _title_or_diagnosis(shelf: Shelf, words: Iterable[str]) -> int:
    words = tuple(words)
    return shelf.having(*map(facts.in_title, words), *map(facts.in_diagnosis, words))


def _tokens(shelf: Shelf, words: Iterable[str]) -> int:
    return shelf.having(*map(facts.in_text, words))


def _concept(wanted: Wanted, having: Callable[[Iterable[str]], int]) -> int:
    """``concept_match``, of sets."""
    found = _all([having(_words(group, exact=wanted.exact)) for group in wanted.groups])
    for definition in (d for d in wanted.definitions if d.names):
        found |= _all([having(_words((name,), exact=False)) for name in definition.names])
    return found


def _words(ids: Iterable[str], *, exact: bool) -> list[str]:
    words = [fts.token(i) for i in ids]
    return words if exact else words + [fts.above_token(i) for i in ids]


def _all(sets: list[int]) -> int:
    if not sets:
        return 0
    found = sets[0]
    for other in sets[1:]:
        found &= other
    return found
