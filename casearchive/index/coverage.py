"""What the collection holds and lacks, counted from the facts that a search reads, so that both say the same."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from casearchive.choices import PRESENT
from casearchive.index.shelf import Block, Shelf
from casearchive.query import facts
from casearchive.query.bits import minus
from casearchive.query.facts import Items, below, plain
from casearchive.query.finding_sets import READ, any_value, of_ids
from casearchive.query.pieces import UNRECORDED
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Concept

#: What cases can be counted by.
BY = ("structure", "abnormality", "side", "difficulty")

_SIDES = ("left", "right", "bilateral")
_OTHER = {"left": "right", "right": "left"}
_NOT_RECORDED = "not recorded"
_PLACES = STRUCTURE_KINDS | {"site"}
#: Concepts so general that a row of theirs would say nothing.
_NO_ROW = frozenset({"abnormality", "normal", "extremity"})


@dataclass(frozen=True, slots=True)
class Row:
    """Cases of one kind. ``level`` is how far below its first row this one stands (0: it is a first row).

    ``cases`` show something abnormal there (or show this abnormality), in any certainty but absent; of these
    ``left``, ``right`` and ``both`` tell the side, ``cine`` have a moving clip, ``one_side`` show nothing of
    the other side, ``no_followup`` have no clip of a later day, and in ``unreviewed`` only the words say so.
    ``normal`` are others: those that show the structure normal, or in which all that is said of it is
    excluded; for an abnormality, those that exclude it. The same case may count in several rows.
    """

    concept: str
    name: str
    level: int = 0
    cases: int = 0
    normal: int = 0
    left: int = 0
    right: int = 0
    both: int = 0
    cine: int = 0
    one_side: int = 0
    no_followup: int = 0
    unreviewed: int = 0


def coverage(connection: sqlite3.Connection, by: Iterable[str] = BY) -> dict[str, tuple[Row, ...]]:
    """The rows of each way of counting; files outside cases are left out.

    Structures come as a tree of regions, structures and parts, abnormalities as a tree of kinds; of what stands
    side by side, the most cases first. A row that would only repeat the one row below it is left out.
    """
    counter = _Counter(connection)
    return {name: tuple(counter.rows(name)) for name in by}


@dataclass(frozen=True, slots=True)
class _Part:
    """One block of documents: the sets that every row is cut from, each made once."""

    block: Block
    # documents
    cases: int
    cine: int
    later: int
    shown: dict[str, int]
    # findings; written: what an author wrote down as one, rather than what was read in words
    abnormal: int
    written: int
    not_abnormal: int
    of_side: dict[str, int]

    def count(self, asked: int, within: int) -> dict[str, int]:
        """What these findings say of these documents, as the fields of a ``Row``."""
        documents = self.block.documents
        among = self.cases & within
        asked_abnormal = asked & self.abnormal
        found = documents(asked_abnormal) & among
        spoken = {side: documents(asked & self.of_side[side]) for side in _SIDES}
        sided = {side: documents(asked_abnormal & self.of_side[side]) & among for side in _SIDES}
        both = sided["bilateral"] | (sided["left"] & sided["right"])
        alone = 0
        for side, other in _OTHER.items():
            alone |= minus(sided[side], spoken[other] | spoken["bilateral"] | self.shown[other])
        sets = {
            "cases": found,
            "normal": minus(documents(asked & self.not_abnormal) & among, found),
            "left": minus(sided["left"], both),
            "right": minus(sided["right"], both),
            "both": both,
            "cine": found & self.cine,
            "one_side": alone,
            "no_followup": minus(found, self.later),
            "unreviewed": minus(found, documents(asked_abnormal & self.written)),
        }
        return {field: of.bit_count() for field, of in sets.items()}


class _Counter:
    """Counts each row block by block: a set of all documents at once is longer the more there are."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        shelf = self._shelf = Shelf(connection)
        self._words = shelf.vocabulary
        rows = connection.execute(
            "SELECT DISTINCT key FROM findings WHERE key > 0 AND comparison = 'contralateral'"
        )
        compared = shelf.parted(shelf.numbered(key for (key,) in rows))
        normality = self._words.ids(("normality",))
        self._parts = [_part(*each, normality) for each in zip(shelf.blocks, compared, strict=True)]

    def rows(self, by: str) -> Iterator[Row]:
        if by == "structure":
            return self._tree("f.structure", _PLACES, lambda c: (*c.part_of, *c.region, *c.is_a))
        if by == "abnormality":
            return self._tree("f.abnormality", ABNORMALITY_KINDS, lambda c: c.is_a)
        if by == "side":
            return self._sides()
        return self._difficulties()

    # ------------------------------------------------------------------------------------------- which rows

    def _tree(
        self, column: str, kinds: frozenset[str], above: Callable[[Concept], Iterable[str]]
    ) -> Iterator[Row]:
        named = [name for name in self._names(column) if name and name not in _NO_ROW]
        children: dict[str, list[str]] = {"": []}
        placed: set[str] = set()
        waiting = list(named)
        while waiting:
            name = waiting.pop()
            if name in placed:
                continue
            placed.add(name)
            concept = self._words.concept(name)
            parents = [p for p in above(concept) if self._has_row(p, kinds)] if concept is not None else []
            children.setdefault(parents[0] if parents else "", []).append(name)
            waiting += parents[:1]
        rows: dict[str, Row] = {}
        for name in placed:
            naming = _naming(column, name)
            row = self._row(name, partial(_any_of, naming))
            self._shelf.forget(*naming)  # no other row asks them, and a large vocabulary has thousands
            if row.cases or row.normal:
                rows[name] = row
        return _below("", 0, children, rows, frozenset(named))

    def _names(self, column: str) -> list[str]:
        start = plain(column, "")
        return [name.removeprefix(start) for name in self._shelf.names(start)]

    def _has_row(self, concept_id: str, kinds: frozenset[str]) -> bool:
        concept = self._words.concept(concept_id)
        return concept is not None and concept.kind in kinds and concept_id not in _NO_ROW

    def _sides(self) -> Iterator[Row]:
        sides = {side: (side,) for side in ("left", "right", "bilateral", "midline")}
        for name, values in {**sides, _NOT_RECORDED: UNRECORDED}.items():
            row = self._row(name, partial(_of_side, values=values))
            if row.cases or row.normal:
                yield row

    def _difficulties(self) -> Iterator[Row]:
        for name in self._names("c.difficulty"):
            row = self._row(name or _NOT_RECORDED, _any_finding, plain("c.difficulty", name))
            if row.cases or row.normal:
                yield row

    # ------------------------------------------------------------------------------------------- one row

    def _row(self, name: str, asked: Callable[[Items], int], within: str | None = None) -> Row:
        """``asked`` are the findings that the row is about; ``within`` is a fact that a case must have."""
        counts: Counter[str] = Counter()
        for part in self._parts:
            if items := asked(part.block):
                among = -1 if within is None else part.block.documents(part.block.items(within))
                counts.update(part.count(items, among))
        concept = self._words.concept(name)
        preferred = concept.preferred if concept is not None else name.replace("_", " ")
        return Row(name, preferred, **counts)


def _part(block: Block, compared: int, normality: Iterable[str]) -> _Part:
    def having(*names: str) -> int:
        return block.documents(block.items(*names))

    normal = of_ids(block, "f.abnormality", normality)
    abnormal = minus(any_value(block, "f.certainty", PRESENT), normal)
    return _Part(
        block,
        cases=having(facts.CASE),
        cine=having(facts.CINE),
        later=having(plain("c.has", "followup")),
        shown={
            side: compared | having(plain("m.side", side), plain("m.side", "bilateral")) for side in _OTHER
        },
        abnormal=abnormal,
        written=minus(abnormal, any_value(block, "f.origin", READ)),
        not_abnormal=any_value(block, "f.certainty", ("absent",)) | normal,
        of_side={side: _of_side(block, (side,)) for side in _SIDES},
    )


def _of_side(some: Items, values: Iterable[str]) -> int:
    return any_value(some, "f.side", values)


def _any_finding(some: Items) -> int:
    return some.items(*some.names("f.certainty="))


def _naming(column: str, name: str) -> tuple[str, str]:
    """The facts of all that names a concept or what is below it."""
    return plain(column, name), below(column, name)


def _any_of(names: tuple[str, ...], some: Items) -> int:
    return some.items(*names)


def _below(
    parent: str, level: int, children: dict[str, list[str]], rows: dict[str, Row], named: frozenset[str]
) -> Iterator[Row]:
    """The rows below ``parent``, each before its own; where it has but one and nobody named it, that one instead."""

    def own(name: str) -> list[str]:
        return [child for child in children.get(name, ()) if child in rows]

    def first_told(name: str) -> Row:
        inside = own(name)
        return rows[name] if name in named or len(inside) != 1 else first_told(inside[0])

    shown = [first_told(name) for name in own(parent)]
    for row in sorted(shown, key=lambda r: (-r.cases, -r.normal, r.name.casefold())):
        yield replace(row, level=level)
        yield from _below(row.concept, level + 1, children, rows, named)
