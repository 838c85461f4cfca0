"""Numbers as what they measure: csa over 60, a gap of 31 mm on contraction, a cyst larger than 2 cm, 24 years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from casearchive.query import fts
from casearchive.query.atoms import MODIFIERS, Atom, apart, closest
from casearchive.query.measures import Compared, Measure, in_years, limits, measure_named
from casearchive.query.tree import (
    And,
    CaseClause,
    FindingClause,
    Maybe,
    MeasureClause,
    Node,
    Not,
    Or,
    Range,
    Test,
)
from casearchive.terms import Lexicon
from casearchive.units import base_of

ABSENT = ("absent",)


def measured(atoms: list[Atom], lexicon: Lexicon) -> tuple[list[Atom], list[Node]]:
    """Numbers as what they measure: csa over 60, a gap of 31 mm on contraction, a cyst larger than 2 cm, 24 years.

    A number goes with the measurement that is named nearest, else with the size of the finding named nearest;
    where nothing is named it is a word. A number without over or under only lifts what comes near it. A measurement
    in a field (gap>20mm) goes with the structure and the side beside it as one in plain words does.
    """
    nodes: list[Node] = []
    used: list[Atom] = []
    rest = [_placed(a, atoms, used) for a in atoms if a.kind != "number"]
    for atom in [a for a in atoms if a.kind == "number"]:
        found = _age(atom) or _size_of(atom, rest, used, lexicon)
        if found is None:
            rest.extend(replace(atom, kind="word", text=word, prop=None) for word in atom.text.split()
                        if fts.searchable(word))  # fmt: skip
        else:
            nodes.append(found)
    rest = [a for a in rest if a not in used]
    return _without_told_sides(rest, nodes), nodes


def _placed(atom: Atom, atoms: Sequence[Atom], used: list[Atom]) -> Atom:
    """A measurement that a field asks for, of the structure and the side that stand nearest to it."""
    clause = atom.node
    if not isinstance(clause, MeasureClause):
        return atom
    structure = closest(atom, [a for a in atoms if a.kind == "structure"])
    node = replace(
        clause,
        structure=clause.structure or (structure.wanted if structure is not None else None),
        sides=_sides_of(atom, atoms, used),
    )
    return replace(atom, node=node)


def _sides_of(atom: Atom, atoms: Sequence[Atom], used: list[Atom]) -> tuple[str, ...]:
    """The side of a measurement: one that stands nearer to it than to any finding, and is of no finding then where
    these have another; else the nearest."""
    sides = [a for a in atoms if a.kind == "side"]
    things = [a for a in atoms if a.kind in ("structure", "abnormality") and apart(a, atom) > 0]
    own = [s for s in sides if all(apart(s, atom) < apart(s, thing) for thing in things)]
    if own and things and len(own) < len(sides):
        used.extend(own)
    side = closest(atom, own or sides)
    return side.values if side is not None else ()


def _without_told_sides(atoms: list[Atom], nodes: Sequence[Node]) -> list[Atom]:
    """A side beside nothing but measurements is theirs, and asks for no finding of that side besides."""
    if any(
        a.kind != "side" and a.kind in ("structure", "abnormality", "property", *MODIFIERS) for a in atoms
    ):
        return atoms
    asked = [*nodes, *(a.node for a in atoms if a.node is not None)]
    told = {side for node in asked for clause in _demanded(node) for side in clause.sides}
    return [a for a in atoms if a.kind != "side" or not set(a.values) <= told]


def _demanded(node: Node) -> list[MeasureClause]:
    """The measurements that a part of the question cannot do without."""
    if isinstance(node, And | Or):
        return [clause for part in node.parts for clause in _demanded(part)]
    return [node] if isinstance(node, MeasureClause) else []


def on_side(node: Node, sides: tuple[str, ...]) -> Node:
    """The same with its measurements of these sides, where they name none themselves."""
    if isinstance(node, And | Or):
        return replace(node, parts=tuple(on_side(part, sides) for part in node.parts))
    if isinstance(node, Not | Maybe):
        return replace(node, part=on_side(node.part, sides))
    return replace(node, sides=sides) if isinstance(node, MeasureClause) and not node.sides else node


def _age(atom: Atom) -> Node | None:
    number = atom.prop
    assert isinstance(number, Compared)
    if not in_years(number.unit):
        return None
    high = number.high + 1 if number.plain and number.high is not None else number.high
    span_ = Range(number.low, high, number.low_in, number.high_in and not number.plain)
    return CaseClause(Test("age", "number", range=span_))


def _size_of(atom: Atom, rest: Sequence[Atom], used: list[Atom], lexicon: Lexicon) -> Node | None:
    number = atom.prop
    assert isinstance(number, Compared)
    named = [(a, m) for a in rest if (m := _measure_of(a, lexicon)) is not None]
    named = [(a, m) for a, m in named if limits(m, number) is not None]
    things = [a for a in rest if a.kind in ("structure", "abnormality") and a.wanted is not None]
    source: Atom | None = None
    if named:
        source, measure = min(named, key=lambda pair: apart(atom, pair[0]))
    elif things and number.unit:
        measure = Measure((), "size", base_of(number.unit) or number.unit, number.unit)
    else:
        return None
    span_ = limits(measure, number)
    if span_ is None:
        return None
    structure = closest(atom, [a for a in things if a.kind == "structure"])
    abnormality = None if named else closest(atom, [a for a in things if a.kind == "abnormality"])
    states = [a for a in rest if a.kind == "maneuver" and not a.by_field and a.wanted is not None]
    of = replace(atom, start=min(atom.start, source.start), end=max(atom.end, source.end)) if source else atom
    during = tuple(sorted({i for a in states if a.wanted for i in a.wanted.ids}))
    clause = MeasureClause(
        measure.names, measure.label, span_, measure.unit, during,
        structure.wanted if structure else None, abnormality.wanted if abnormality else None,
        _sides_of(of, rest, used),
    )  # fmt: skip
    if number.plain:
        near = None if span_.low is None else Range(span_.low * 0.9, span_.low * 1.1)
        return Maybe(replace(clause, range=near or span_))
    used.extend(states)
    if source is None:
        return clause
    if source.kind == "node":
        used.append(source)
        return clause
    return _length_of(source, clause, rest, used)


def _length_of(source: Atom, clause: MeasureClause, rest: Sequence[Atom], used: list[Atom]) -> Node:
    """ "Gap over 10 mm" is told by the length, whatever the finding beside it is called; "no gap over 10 mm" by its
    absence or by a shorter one. What else is said of the finding ("possible") is said of it, not of the length."""
    denial = next(
        (a for a in rest if a.kind == "certainty" and a.start == source.start - 1 and a.end == source.start),
        None,
    )
    if source.kind != "abnormality":
        return clause
    finding = FindingClause(structure=clause.structure, abnormality=source.wanted, sides=clause.sides)
    others = [a for a in rest if a.kind == "abnormality" and a is not source]
    if source.values == ABSENT or (denial is not None and denial.values == ABSENT):
        used.extend([source, *([denial] if denial is not None else [])])
        if others:
            return Not(clause)
        return Or(
            (replace(finding, certainty=ABSENT, strict=True), replace(clause, range=_below(clause.range)))
        )
    if any(
        a.kind in MODIFIERS and a.kind not in ("maneuver", "side") and _said_of(a, rest) is source
        for a in rest
    ):
        return clause
    used.append(source)
    return And((clause, Maybe(finding)))


def _said_of(modifier: Atom, rest: Sequence[Atom]) -> Atom | None:
    """The finding that follows next ("possible gap"), else the last one before."""
    findings = sorted((a for a in rest if a.kind == "abnormality"), key=lambda a: a.start)
    return next((a for a in findings if a.end > modifier.end), findings[-1] if findings else None)


def _below(asked: Range) -> Range:
    """What is less than this range, or more where it has no lower end."""
    if asked.low is not None:
        return Range(high=asked.low, high_in=not asked.low_in)
    return Range(low=asked.high, low_in=not asked.high_in)


def _measure_of(atom: Atom, lexicon: Lexicon) -> Measure | None:
    """A measurement by name, or a finding whose word also names one: a gap is a finding and a length."""
    if isinstance(atom.prop, Measure):
        return atom.prop
    if atom.kind == "abnormality" and atom.wanted is not None and not atom.by_field:
        return measure_named(lexicon, atom.wanted.typed)
    return None


def or_its_length(clause: FindingClause, lexicon: Lexicon) -> Node:
    """ "Gap on contraction": a finding in that state, or a length that was measured in it."""
    what = clause.abnormality
    if clause.maneuver is None or what is None or what.by_field or not _only_where_and_when(clause):
        return clause
    measure = measure_named(lexicon, what.typed)
    if measure is None:
        return clause
    measured = MeasureClause(
        measure.names,
        measure.label,
        Range(),
        measure.unit,
        clause.maneuver.ids,
        clause.structure,
        None,
        clause.sides,
    )
    return Or((clause, measured))


def _only_where_and_when(clause: FindingClause) -> bool:
    """Nothing is asked of the finding that a length cannot tell, such as a certainty or a severity."""
    plain = FindingClause(
        structure=clause.structure,
        abnormality=clause.abnormality,
        beside=clause.beside,
        implied=clause.implied,
    )
    return replace(clause, maneuver=None, sides=(), loose=(), strict=False) == plain
