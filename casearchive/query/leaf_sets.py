"""A question as ranked documents, from facts where facts tell it; ``leaf_rows`` says the same in rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_

from casearchive.choices import PRESENT
from casearchive.query import bits, facts, fts
from casearchive.query.bits import Ranked, Tier
from casearchive.query.facts import Items, Shelf, plain
from casearchive.query.finding_rows import TEXT
from casearchive.query.finding_sets import any_value, clause_tiers, of_ids
from casearchive.query.leaf_rows import (
    ALONE,
    MODALITY_CODES,
    OF_CLIP,
    PASSED,
    SAID,
    TERM,
    WORDS,
    rows_of,
)
from casearchive.query.pieces import MATCH, accepted
from casearchive.query.text_sets import named, weighed_names, weighed_words
from casearchive.query.tree import (
    And,
    CaseClause,
    Everything,
    FindingClause,
    Has,
    Leaf,
    Like,
    Maybe,
    MediaClause,
    Mention,
    Node,
    Not,
    Or,
    Phrase,
    Said,
    Side,
    Some,
    Words,
)


def ranked(node: Node, shelf: Shelf) -> Ranked:
    """Conjunctions add the scores of their parts and keep the worst level; alternatives keep the best part."""
    if isinstance(node, And):
        return _conjunction(node, shelf)
    if isinstance(node, Not | Maybe):
        return _conjunction(And((node,)), shelf)
    if isinstance(node, Or):
        return bits.best_of([ranked(part, shelf) for part in node.parts])
    if isinstance(node, Some):
        return bits.some([ranked(part, shelf) for part in node.parts], node.least)
    if isinstance(node, Everything):
        return _everything(shelf)
    return _leaf(node, shelf)


def _conjunction(node: And, shelf: Shelf) -> Ranked:
    needed = [ranked(p, shelf) for p in node.parts if not isinstance(p, Not | Maybe)]
    found = bits.every(needed or [_everything(shelf)])
    for part in node.parts:
        if isinstance(part, Maybe) and found.members:
            found = bits.lifted(found, ranked(part.part, shelf))
        elif isinstance(part, Not):
            found = bits.without(found, ranked(part.part, shelf).within[MATCH])
    return found


def _everything(shelf: Shelf) -> Ranked:
    every = shelf.having(facts.EVERY)
    return Ranked((every, every, every))


# ------------------------------------------------------------------------------------------- leaves


def _leaf(leaf: Leaf, shelf: Shelf) -> Ranked:
    if isinstance(leaf, Words | Phrase):
        return weighed_words(leaf, shelf, WORDS)
    if isinstance(leaf, Said):
        return weighed_names(leaf, shelf, SAID)
    if isinstance(leaf, Like):
        return shelf.scored(rows_of(leaf))
    tiers: list[Tier] | None = None
    if isinstance(leaf, FindingClause):
        tiers = clause_tiers(leaf, shelf)
        if tiers is not None and leaf == FindingClause(modality=leaf.modality, sides=leaf.sides, strict=True):
            tiers.append(_tier(PASSED, _files_of_modality(leaf, shelf)))
    elif isinstance(leaf, Mention):
        tiers = _mention(leaf, shelf)
    elif isinstance(leaf, Side):
        tiers = _side(leaf, shelf)
    elif isinstance(leaf, Has):
        tiers = _has(leaf.what, shelf)
    elif isinstance(leaf, MediaClause):
        tiers = _media_clause(leaf, shelf)
    elif isinstance(leaf, CaseClause):
        tiers = _case_clause(leaf, shelf)
    return shelf.asked(leaf) if tiers is None else bits.of_tiers(tiers)


def _tier(score: float, documents: int) -> Tier:
    return Tier(score, MATCH, score, documents)


def _any(shelf: Shelf, column: str, values: Iterable[str]) -> int:
    return shelf.having(*(plain(column, value) for value in values))


def _present(some: Items, column: str, values: Iterable[str], score: float) -> list[Tier]:
    """Documents with a finding that is there and has one of these values."""
    found = any_value(some, column, values) & any_value(some, "f.certainty", PRESENT)
    return [_tier(score, some.documents(found))]


def _side(leaf: Side, shelf: Shelf) -> list[Tier]:
    sides = accepted(leaf.sides)
    tiers = shelf.tiers(lambda some: _present(some, "f.side", sides, 0.5))
    return [*tiers, _tier(0.4, _any(shelf, "m.side", sides) | _any(shelf, "c.side", sides))]


def _files_of_modality(clause: FindingClause, shelf: Shelf) -> int:
    codes = [code for m in clause.modality for code in MODALITY_CODES.get(m, (m.upper(),))]
    found = _any(shelf, "c.modality", codes)
    return found & _any(shelf, "c.side", accepted(clause.sides)) if clause.sides else found


def _mention(leaf: Mention, shelf: Shelf) -> list[Tier] | None:
    wanted = leaf.wanted
    kind, ids = wanted.kind, wanted.ids
    if kind in ("echogenicity", "artifact", "flow", "discordance"):
        return None
    tiers = [Tier(0.3, MATCH, TEXT, named(wanted, shelf))]
    if kind in ("symptom", "mechanism"):
        tiers += shelf.tiers(lambda some: _terms(some, kind, ids))
    if kind in OF_CLIP:
        column = "position" if kind == "position" else OF_CLIP[kind]
        tiers.append(_tier(TERM, _any(shelf, f"m.{column}", ids)))
    if kind == "mode":
        tiers.append(_tier(TERM, _any(shelf, "c.mode", ids)))
    if kind in ALONE:
        names = (*ids, "surgery") if "surgery_finding" in ids else ids
        tiers += shelf.tiers(lambda some: _present(some, f"f.{kind}", names, TERM))
    if kind == "modality":
        codes = [code for i in ids for code in MODALITY_CODES.get(i, ())]
        tiers.append(_tier(PASSED, _any(shelf, "c.modality", codes)))
    if kind == "difficulty":
        tiers.append(_tier(TERM, _any(shelf, "c.difficulty", (i.removeprefix("difficulty_") for i in ids))))
    return tiers


def _terms(some: Items, role: str, ids: Iterable[str]) -> list[Tier]:
    found = of_ids(some, "d.term", ids) & some.items(plain("d.role", role))
    return [_tier(TERM, some.documents(found))]


def _has(what: str, shelf: Shelf) -> list[Tier] | None:
    if what == "conflict":
        return None
    if what == "case":
        found = shelf.having(facts.CASE)
    elif what == "quiz":
        return [Tier(0.3, MATCH, PASSED, shelf.having(facts.in_text(fts.token("hasquiz"))))]
    elif what == "doppler":
        modes = [name for start in ("m.mode=", "c.mode=") for name in shelf.names(start) if "doppler" in name]
        found = shelf.having(*modes, plain("c.has", "flow"))
    else:
        found = shelf.having(plain("m.has", what), plain("c.has", what))
    return [_tier(PASSED, found)]


def _media_clause(clause: MediaClause, shelf: Shelf) -> list[Tier] | None:
    """Only what clips say of themselves by a name."""
    fields = ("plane", "position", "maneuver", "mode")
    if any(test.field not in fields or test.how == "filled" for test in clause.tests):
        return None
    tiers = shelf.tiers(lambda some: _clips(clause, some))
    if all(test.field == "mode" for test in clause.tests):
        sets = [_any(shelf, "c.mode", test.values) for test in clause.tests]
        tiers.append(_tier(PASSED, reduce(and_, sets)))
    return tiers


def _clips(clause: MediaClause, some: Items) -> list[Tier]:
    sets = [any_value(some, f"m.{test.field}", test.values) for test in clause.tests]
    return [_tier(PASSED, some.documents(reduce(and_, sets)))]


def _case_clause(leaf: CaseClause, shelf: Shelf) -> list[Tier] | None:
    test = leaf.test
    if test.field not in ("difficulty", "status") or test.how != "choice":
        return None
    return [_tier(PASSED, _any(shelf, f"c.{test.field}", test.values))]
