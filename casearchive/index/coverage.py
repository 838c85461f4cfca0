"""What the collection holds and lacks, counted from the facts that a search reads, so that both say the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from casearchive.choices import PRESENT
from casearchive.index.shelf import Shelf
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


class _Counter:
    """The sets of cases that every row is cut from."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        shelf = self._shelf = Shelf(connection)
        self._words = shelf.vocabulary
        self._cases = shelf.having(facts.CASE)
        self._cine = shelf.having(facts.CINE)
        self._later = shelf.having(plain("c.has", "followup"))
        rows = connection.execute(
            "SELECT DISTINCT key FROM findings WHERE key > 0 AND comparison = 'contralateral'"
        )
        compared = shelf.numbered(key for (key,) in rows)
        self._shown = {
            side: compared | shelf.having(plain("m.side", side), plain("m.side", "bilateral"))
            for side in _OTHER
        }
        self._normality = self._words.ids(("normality",))

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
            within = self._shelf.having(plain("c.difficulty", name))
            row = self._row(name or _NOT_RECORDED, _any_finding, within)
            if row.cases or row.normal:
                yield row

    # ------------------------------------------------------------------------------------------- one row

    def _row(self, name: str, asked: Callable[[Items], int], within: int = -1) -> Row:
        """``asked`` are the findings that the row is about, ``within`` the documents (-1: all cases)."""
        among = self._cases & within

        def having(ask: Callable[[Items], int]) -> int:
            return self._shelf.where(lambda some: asked(some) & ask(some)) & among

        found = having(self._abnormal)
        spoken = {side: having(partial(_of_side, values=(side,))) for side in _SIDES}
        sided = {side: having(partial(self._abnormal_of, side)) for side in _SIDES}
        both = sided["bilateral"] | (sided["left"] & sided["right"])
        alone = 0
        for side, other in _OTHER.items():
            alone |= minus(sided[side], spoken[other] | spoken["bilateral"] | self._shown[other])
        concept = self._words.concept(name)
        return Row(
            concept=name,
            name=concept.preferred if concept is not None else name.replace("_", " "),
            cases=found.bit_count(),
            normal=minus(having(self._not_abnormal), found).bit_count(),
            left=minus(sided["left"], both).bit_count(),
            right=minus(sided["right"], both).bit_count(),
            both=both.bit_count(),
            cine=(found & self._cine).bit_count(),
            one_side=alone.bit_count(),
            no_followup=minus(found, self._later).bit_count(),
            unreviewed=minus(found, having(self._written)).bit_count(),
        )

    def _abnormal(self, some: Items) -> int:
        return minus(any_value(some, "f.certainty", PRESENT), of_ids(some, "f.abnormality", self._normality))

    def _abnormal_of(self, side: str, some: Items) -> int:
        return self._abnormal(some) & _of_side(some, (side,))

    def _written(self, some: Items) -> int:
        """What an author wrote down as a finding, rather than what was read in words."""
        return minus(self._abnormal(some), any_value(some, "f.origin", READ))

    def _not_abnormal(self, some: Items) -> int:
        return any_value(some, "f.certainty", ("absent",)) | of_ids(some, "f.abnormality", self._normality)


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
