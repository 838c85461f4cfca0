"""What the index notes of every finding, diagnosis, clip and document, by short names, so that sets can be read.

``f.structure<quadriceps`` is a finding at the quadriceps or any part of it, ``f.structure=quadriceps`` one that
names just that. The letter before the dot tells what carries the fact: ``f`` a finding, ``d`` a diagnosis or another
term of a case, ``m`` a clip of a case, ``c`` the document itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

from casearchive.query.bits import Ranked, Tier
from casearchive.query.pieces import Sql
from casearchive.query.tree import Leaf
from casearchive.terms import Lexicon

EVERY, CASE, CINE, ANNOTATED = "c.every", "c.case", "c.cine", "c.annotated"


def plain(column: str, value: object) -> str:
    return f"{column}={value}"


def below(column: str, concept_id: str) -> str:
    return f"{column}<{concept_id}"


def in_text(word: str) -> str:
    """The token of a concept (``fts.token``) in any plain column of the text."""
    return f"c.text={word}"


def in_title(word: str) -> str:
    return f"c.title={word}"


def in_diagnosis(word: str) -> str:
    return f"c.diagnosis={word}"


def names_of(column: str, value: str, vocabulary: Lexicon) -> tuple[str, ...]:
    """Every name under which a value is noted: its own, and one for each concept that includes it."""
    if not value:
        return ()
    return (plain(column, value), *(below(column, c) for c in _holders(vocabulary).get(value, ())))


def cover(column: str, ids: Iterable[str], vocabulary: Lexicon) -> tuple[str, ...]:
    """The fewest names that together mean exactly ``ids``."""
    return tuple(column + name for name in _cover(frozenset(ids), vocabulary))


@lru_cache(maxsize=256)
def _cover(ids: frozenset[str], vocabulary: Lexicon) -> tuple[str, ...]:
    left = set(ids)
    found = []
    sizes = {i: len(vocabulary.narrower(i)) if i in vocabulary else 1 for i in ids}
    for concept_id in sorted(ids, key=lambda i: (-sizes[i], i)):
        if concept_id not in left:
            continue
        if sizes[concept_id] > 1 and vocabulary.narrower(concept_id) <= ids:
            found.append("<" + concept_id)
            left -= vocabulary.narrower(concept_id)
        else:
            found.append("=" + concept_id)
            left.discard(concept_id)
    return tuple(found)


@lru_cache(maxsize=4)
def _holders(vocabulary: Lexicon) -> dict[str, tuple[str, ...]]:
    """For every concept those that include it and more: the inverse of ``narrower``."""
    found: dict[str, list[str]] = {}
    for concept_id in vocabulary.ids():
        inside = vocabulary.narrower(concept_id)
        if len(inside) > 1:
            for name in inside:
                found.setdefault(name, []).append(concept_id)
    return {name: tuple(sorted(above)) for name, above in found.items()}


class Items(Protocol):
    """The findings, terms and clips of some documents: each is a bit, and what is said of one meets in one bit."""

    vocabulary: Lexicon

    def items(self, *names: str) -> int:
        """Those that have any of these facts."""

    def documents(self, items: int) -> int:
        """The documents that have any of these."""

    def names(self, start: str) -> list[str]:
        """Every name of a fact that begins so."""


class Shelf(Protocol):
    """Where sets of documents come from (``index.shelf``); each document is a bit."""

    def having(self, *names: str) -> int:
        """Documents of which anything has any of these facts."""

    def names(self, start: str) -> list[str]:
        """Every name of a fact that begins so."""

    def where(self, ask: Callable[[Items], int]) -> int:
        """Documents that have any of the findings, terms and clips that ``ask`` finds."""

    def tiers(self, ask: Callable[[Items], list[Tier]]) -> list[Tier]:
        """What ``ask`` finds among the findings, terms and clips of all documents."""

    def matching(self, match: str) -> int:
        """Documents that answer a full-text expression."""

    def weighed(self, match: str, weight: float, found: int, in_title: int, met: int = 0) -> Ranked:
        """Documents that answer a full-text expression (``found``), by how well they do; ``met`` is in about how
        many documents its words must be counted for that."""

    def scored(self, rows: Sql) -> Ranked:
        """Documents that rows name, each by its own score."""

    def asked(self, leaf: Leaf) -> Ranked:
        """A leaf asked of the rows themselves, where no facts answer it."""
