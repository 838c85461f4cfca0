"""A finding clause as tiers of documents, from facts: what ``finding_rows`` says, for all documents at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from casearchive.choices import PRESENT
from casearchive.query import facts, fts
from casearchive.query.bits import Tier, minus
from casearchive.query.facts import Items, Shelf
from casearchive.query.finding_rows import (
    DIAGNOSIS,
    ELSEWHERE,
    HISTORICAL,
    IN_A_PART,
    LESS_CERTAIN,
    MEDIA,
    MINED,
    NARROWER,
    NO_SEVERITY,
    TEXT,
    UNREVIEWED,
    Places,
    asks_of_parts,
    diagnosis_roles,
    in_places,
    places,
    told_by,
)
from casearchive.query.pieces import MATCH, NO_SIDE, OTHER_SIDE, UNRECORDED, accepted, other_sides
from casearchive.query.text_sets import said
from casearchive.query.tree import FindingClause, GradeTest
from casearchive.terms.grades import spellings

#: Where a finding is from that no author wrote down as one.
READ = ("text", "report")


def clause_tiers(clause: FindingClause, shelf: Shelf) -> list[Tier] | None:
    """None where a property is asked that no fact tells."""
    if clause.echogenicity or clause.confirmed_by or clause.doppler is not None or clause.filled:
        return None
    where = places(clause)
    tiers = shelf.tiers(lambda some: _of_items(clause, where, some))
    if where.text:
        tiers += _text(clause, shelf, of_annotated=where.of_annotated)
    return tiers


def _of_items(clause: FindingClause, where: Places, some: Items) -> list[Tier]:
    tiers = _present(clause, some)
    if where.absence is not None:
        tiers += _absent(clause, some, where.absence)
    if asks_of_parts(clause):
        tiers += _absent_in_a_part(clause, some)
    if where.media:
        tiers += _media(clause, some)
    if where.diagnosis:
        tiers += _diagnoses(clause, some)
    return tiers


def of_ids(some: Items, column: str, ids: Iterable[str]) -> int:
    """Items that name any of these concepts."""
    return some.items(*facts.cover(column, ids, some.vocabulary))


def any_value(some: Items, column: str, values: Iterable[str]) -> int:
    """Items that have just one of these values."""
    return some.items(*(facts.plain(column, value) for value in values))


def _pair(some: Items, letter: str, clause: FindingClause, kind: str) -> int | None:
    """Items at the structure and of the kind asked for, or that say both by themselves; None: any item."""
    asked = None
    if clause.structure is not None:
        asked = of_ids(
            some, f"{letter}.structure", in_places(clause) if letter == "f" else clause.structure.ids
        )
    if clause.abnormality is not None:
        kinds = of_ids(some, f"{letter}.{kind}", clause.abnormality.ids)
        asked = kinds if asked is None else asked & kinds
    if asked is not None and clause.implied:
        asked |= of_ids(some, f"{letter}.{kind}", clause.implied)
    return asked


# ------------------------------------------------------------------------------------------- findings


def _present(clause: FindingClause, some: Items) -> list[Tier]:
    found = any_value(some, "f.certainty", (c for c in clause.certainty if c != "absent"))
    asked = _pair(some, "f", clause, "abnormality")
    if asked is not None:
        asked |= _defined(clause, some, at_place=True)
        found &= asked
    return _finding_tiers(clause, some, found, MATCH, OTHER_SIDE)


def _defined(clause: FindingClause, some: Items, *, at_place: bool) -> int:
    found = 0
    for definition in clause.abnormality.definitions if clause.abnormality else ():
        items = of_ids(some, "f.abnormality", definition.abnormalities)
        items &= of_ids(some, "f.structure", definition.structures)
        if definition.sites:
            items &= _at_site(some, definition.sites)
        if at_place and clause.structure is not None:
            items &= of_ids(some, "f.structure", clause.structure.ids)
        found |= items
    return found


def _at_site(some: Items, ids: Iterable[str]) -> int:
    ids = tuple(ids)
    return of_ids(some, "f.site", ids) | of_ids(some, "f.structure", ids)


def _absent(clause: FindingClause, some: Items, level: int) -> list[Tier]:
    asked = level == MATCH
    found = _denied(clause, some, both_ways=not asked)
    return _finding_tiers(clause, some, found, level, OTHER_SIDE if asked else None)


def _denied(clause: FindingClause, some: Items, *, both_ways: bool) -> int:
    """What is documented as absent: no quadriceps tear is no rectus femoris tear; ``both_ways`` also of a part."""
    found = any_value(some, "f.certainty", ("absent",))
    structure, abnormality = clause.structure, clause.abnormality
    if structure is None and abnormality is not None and abnormality.definitions:
        found &= of_ids(some, "f.abnormality", abnormality.ids) | _defined(clause, some, at_place=False)
    else:
        for column, wanted in (("f.structure", structure), ("f.abnormality", abnormality)):
            if wanted is not None:
                found &= of_ids(some, column, {*wanted.above, *wanted.ids} if both_ways else wanted.above)
    return found


def _absent_in_a_part(clause: FindingClause, some: Items) -> list[Tier]:
    found = _denied(clause, some, both_ways=True)
    there = any_value(some, "f.certainty", PRESENT)
    for column, asked in (("f.structure", clause.structure), ("f.abnormality", clause.abnormality)):
        if asked is not None:
            there &= of_ids(some, column, asked.ids)
    read = any_value(some, "f.origin", READ)
    tiers: list[Tier] = []
    for denied, present in ((found & read, there), (minus(found, read), minus(there, read))):
        elsewhere = some.documents(present)
        parts = _finding_tiers(clause, some, denied, MATCH, OTHER_SIDE, weight=IN_A_PART)
        tiers += [tier._replace(documents=minus(tier.documents, elsewhere)) for tier in parts]
    return tiers


def _finding_tiers(
    clause: FindingClause, some: Items, found: int, level: int, other: int | None, *, weight: float = 1.0
) -> list[Tier]:
    """Findings by what they weigh; those of another side at level ``other``, or left out where it is None."""
    found = _with_properties(clause, some, found)
    parts = {weight: found}
    if not found:
        return []
    for factor, marked in _factors(clause, some, found):
        parts = _split(parts, factor, marked)
    right, unknown = _by_side(some, "f.side", clause.sides, found)
    tiers = []
    for weighed, items in parts.items():
        for factor, of_side, reached in (
            (1.0, items & right, level),
            (NO_SIDE, items & unknown, level),
            (NO_SIDE, minus(items, right | unknown), other),
        ):
            if of_side and reached is not None:
                score = weighed * factor
                tiers.append(Tier(score - 10 * reached, reached, score, some.documents(of_side)))
    return tiers


def _split(parts: dict[float, int], weight: float, marked: int) -> dict[float, int]:
    """The same items; those that are marked weigh ``weight`` times as much."""
    found: dict[float, int] = {}
    for before, items in parts.items():
        for after, those in ((before * weight, items & marked), (before, minus(items, marked))):
            if those:
                found[after] = found.get(after, 0) | those
    return found


def _factors(clause: FindingClause, some: Items, found: int) -> list[tuple[float, int]]:
    factors = [(weight, any_value(some, "f.certainty", (name,))) for name, weight in LESS_CERTAIN.items()]
    mined = any_value(some, "f.origin", READ)
    factors.append((MINED, mined))
    factors.append((UNREVIEWED, minus(any_value(some, "f.reviewed", ("0",)), mined)))
    for column, wanted in (("f.abnormality", clause.abnormality), ("f.structure", clause.structure)):
        if wanted is not None and wanted.asked and len(wanted.ids) != len(wanted.asked):
            factors.append((NARROWER, minus(found, any_value(some, column, wanted.asked))))
    if "historical" not in clause.temporality:
        factors.append((HISTORICAL, any_value(some, "f.temporality", ("historical",))))
    if clause.beside is not None:
        factors.append((ELSEWHERE, minus(found, of_ids(some, "f.structure", clause.beside.ids))))
    if clause.severity and "severity" in clause.loose:
        factors.append((NO_SEVERITY, any_value(some, "f.severity", ("",))))
    return factors


def _by_side(some: Items, column: str, sides: Sequence[str], found: int) -> tuple[int, int]:
    """Items of a right side, and those whose side nobody recorded."""
    if not sides:
        return found, 0
    wanted = accepted(sides)
    right = any_value(some, column, wanted)
    return right, any_value(some, column, (side for side in UNRECORDED if side not in wanted))


def _with_properties(clause: FindingClause, some: Items, found: int) -> int:
    if clause.site is not None:
        found &= _at_site(some, clause.site.ids)
    if clause.maneuver is not None:
        found &= of_ids(some, "f.maneuver", clause.maneuver.ids)
    if clause.severity:
        allowed = (*clause.severity, "") if "severity" in clause.loose else clause.severity
        found &= any_value(some, "f.severity", allowed)
    if clause.temporality:
        found &= any_value(some, "f.temporality", clause.temporality)
    if clause.modality:
        found &= any_value(some, "f.modality", clause.modality)
    if clause.only_sides:
        found &= any_value(some, "f.side", accepted(clause.only_sides))
    if clause.reviewed is not None:
        unseen = any_value(some, "f.reviewed", ("0",))
        found = minus(found, unseen) if clause.reviewed else found & unseen
    for test in clause.grades:
        found &= _graded(test, some)
    return found


def _graded(test: GradeTest, some: Items) -> int:
    start = facts.plain("f.grade", "")
    names = some.names(start)
    return some.items(*(n for n in names if passes(test, *json.loads(n.removeprefix(start)))))


def passes(test: GradeTest, scale: str, value: str, ordinal: float | None) -> bool:
    """Whether a grade (its value in small letters) is what was asked."""
    if test.scale and test.scale != scale:
        return False
    return (test.range is None or (ordinal is not None and test.range.holds(ordinal))) and (
        not test.value or value in spellings(test.value)
    )


# ------------------------------------------------------------------------------------------- other places


def _media(clause: FindingClause, some: Items) -> list[Tier]:
    assert clause.structure is not None
    found = of_ids(some, "m.structure", clause.structure.ids)
    if clause.maneuver is not None:
        found &= any_value(some, "m.maneuver", clause.maneuver.ids)
    if clause.site is not None:
        found &= of_ids(some, "m.structure", clause.site.ids)
    right, unknown = _by_side(some, "m.side", clause.sides, found)
    rest = minus(found, right | unknown)
    sets = (some.documents(found & right), some.documents(found & unknown), some.documents(rest))
    return _sided(MEDIA, MEDIA, *sets)


def _diagnoses(clause: FindingClause, some: Items) -> list[Tier]:
    found = any_value(some, "d.role", diagnosis_roles(clause))
    found &= any_value(some, "d.certainty", (*clause.certainty, ""))
    asked = _pair(some, "d", clause, "term")
    if asked is not None:
        found &= asked
    right, unknown = _by_side(some, "d.side", clause.sides, found)
    rest = minus(found, right | unknown)
    sets = (some.documents(found & right), some.documents(found & unknown), some.documents(rest))
    return _sided(DIAGNOSIS, DIAGNOSIS, *sets)


def _text(clause: FindingClause, shelf: Shelf, *, of_annotated: bool) -> list[Tier]:
    found = said(clause, shelf)
    if not of_annotated:
        found = minus(found, shelf.having(facts.ANNOTATED) | _said_otherwise(clause, shelf))
    if not clause.sides:
        return _sided(TEXT, 0.3, found, 0, 0)
    wanted, others = accepted(clause.sides), other_sides(clause.sides)
    read_other = minus(_read_of_side(shelf, others), _read_of_side(shelf, wanted))
    right = minus(found & _named_side(shelf, wanted), read_other)
    found = minus(found, right)
    other = found & (_named_side(shelf, others) | read_other)
    return _sided(TEXT, 0.3, right, minus(found, other), other)


def _said_otherwise(clause: FindingClause, shelf: Shelf) -> int:
    """Documents whose text was understood to say where the abnormality is, or that it is not there."""
    if clause.abnormality is None:
        return 0
    ids = told_by(clause.abnormality)

    def told(some: Items) -> int:
        mined = any_value(some, "f.origin", READ) & of_ids(some, "f.abnormality", ids)
        absent = any_value(some, "f.certainty", ("absent",))
        placed = minus(mined, any_value(some, "f.structure", ("",)))
        return placed | (mined & absent)

    return shelf.where(told)


def _read_of_side(shelf: Shelf, sides: Sequence[str]) -> int:
    """Documents whose words were understood to show something on one of these sides."""
    return shelf.where(
        lambda some: (
            any_value(some, "f.origin", READ)
            & any_value(some, "f.certainty", PRESENT)
            & any_value(some, "f.side", sides)
        )
    )


def _named_side(shelf: Shelf, sides: Sequence[str]) -> int:
    """Documents whose clips, file or words name one of these sides."""
    named = (facts.plain(column, side) for column in ("m.side", "c.side") for side in sides)
    return shelf.having(*named) | shelf.having(*(facts.in_text(fts.token(side)) for side in sides))


def _sided(score: float, rank: float, right: int, unknown: int, other: int) -> list[Tier]:
    """Documents of the right side, of an unknown one, and of another; the last speak louder than the second."""
    return [
        Tier(rank, MATCH, score, right),
        Tier(-12, MATCH, score * NO_SIDE, unknown),
        Tier(-10, OTHER_SIDE, score * NO_SIDE, other),
    ]
