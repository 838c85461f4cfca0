"""Saying how a question was understood, in lines a clinician can check at a glance."""

from __future__ import annotations

from casearchive.choices import PRESENT
from casearchive.query.tree import (
    And,
    CaseClause,
    Everything,
    FindingClause,
    GradeTest,
    Has,
    Like,
    Maybe,
    MeasureClause,
    MediaClause,
    Mention,
    Node,
    Not,
    Or,
    Phrase,
    PriorClause,
    Range,
    Said,
    Side,
    Some,
    TermClause,
    Test,
    Wanted,
    Words,
)
from casearchive.terms import lexicon

_ROLE_NAMES = {"diagnosis": "dx", "differential": "ddx"}


def described(node: Node) -> tuple[str, ...]:
    """One line for each condition; alternatives share a line."""
    if isinstance(node, And):
        mentioned = [Maybe(Words((part.wanted.typed,))) for part in node.parts if isinstance(part, Mention)]
        return tuple(line for part in node.parts if part not in mentioned for line in described(part))
    if isinstance(node, Maybe) and isinstance(node.part, MeasureClause | Words):
        return (f"preferably {_leaf(node.part)}",)
    if isinstance(node, Maybe) and isinstance(node.part, Or):
        return ("preferably " + " or ".join(_inline(part) for part in node.part.parts),)
    if isinstance(node, Maybe | Said | Everything):
        return ()
    if isinstance(node, Or | Some):
        return ("either " + " or ".join(_inline(part) for part in node.parts),)
    if isinstance(node, Not):
        return ("not: " + _inline(node.part),)
    if isinstance(node, FindingClause):
        return _finding(node)
    if isinstance(node, MediaClause):
        return tuple(_test(test) for test in node.tests)
    return (_leaf(node),)


def _widest(names: tuple[str, ...]) -> list[str]:
    """Of concepts and their kinds, those that are no kind of another."""
    words = lexicon()
    return [name for name in names if not (words.broader(name) - {name}) & set(names)]


def _inline(node: Node) -> str:
    lines = described(node)
    return ", ".join(lines) if len(lines) <= 1 else "(" + ", ".join(lines) + ")"


def _leaf(node: Node) -> str:
    if isinstance(node, Words):
        return "words = " + ", ".join(node.words)
    if isinstance(node, Phrase):
        return f"phrase = “{node.text}”"
    if isinstance(node, Mention):
        return f"{node.wanted.kind.replace('_', ' ')} = {concept(node.wanted)}"
    if isinstance(node, Has):
        return f"has = {node.what}"
    if isinstance(node, Side):
        return "side = " + " or ".join(node.sides)
    if isinstance(node, CaseClause):
        return _test(node.test)
    if isinstance(node, TermClause):
        what = concept(node.wanted) if node.wanted else "any"
        place = f" at {concept(node.structure)}" if node.structure else ""
        return f"{_ROLE_NAMES.get(node.role, node.role)} = {what}{place}"
    if isinstance(node, Like):
        return f"like {node.case} ({len(node.scores)} cases)"
    if isinstance(node, MeasureClause):
        of = [concept(w) for w in (node.structure, node.abnormality) if w is not None]
        side = f" ({' or '.join(node.sides)})" if node.sides else ""
        place = f"{side} of {', '.join(of)}" if of else side
        state = f" at {' or '.join(_words(s) for s in _widest(node.states))}" if node.states else ""
        if node.range == Range():
            return f"{node.label}{place}{state} measured"
        unit = f" {node.unit}" if node.unit != "1" else ""
        return f"{node.label}{place}{state} {_span(node.range)}{unit}"
    if isinstance(node, PriorClause):
        said = [f"prior = {concept(node.says)}"] if node.says else []
        said += [f"missed before = {concept(node.missed)}"] if node.missed else []
        said += [f"discordance = {' or '.join(node.discordance)}"] if node.discordance else []
        said += [f"prior modality = {' or '.join(node.modality)}"] if node.modality else []
        return ", ".join(said or ["prior = any"])
    raise AssertionError(f"a leaf without a description: {node!r}")


def _finding(clause: FindingClause) -> tuple[str, ...]:
    lines = []
    if clause.structure:
        lines.append(f"structure = {concept(clause.structure)}")
    if clause.abnormality:
        lines.append(f"finding = {concept(clause.abnormality)}")
    if clause.site:
        lines.append(f"site = {concept(clause.site)}")
    if clause.sides:
        lines.append("side = " + " or ".join(clause.sides))
    if clause.certainty != PRESENT:
        lines.append("certainty = " + " or ".join(_words(c) for c in clause.certainty))
    if clause.maneuver:
        lines.append(f"maneuver = {concept(clause.maneuver)}")
    for name in ("severity", "temporality", "modality", "echogenicity", "confirmed_by"):
        values = getattr(clause, name)
        if values:
            lines.append(f"{_words(name)} = {' or '.join(_words(v) for v in values)}")
    lines.extend(_grade(test) for test in clause.grades)
    if clause.doppler:
        lines.append(f"doppler {_span(clause.doppler)}")
    lines.extend(f"{_words(name)} is filled" for name in clause.filled)
    if clause.reviewed is not None:
        lines.append("reviewed" if clause.reviewed else "not reviewed")
    if clause.only_sides:
        lines.append("side = " + " or ".join(clause.only_sides))
    return tuple(lines) or ("any finding",)


def concept(wanted: Wanted) -> str:
    """``hamstrings (+6 parts)``; words that no lexicon knows are quoted."""
    if wanted.literal:
        near = f"; near it: {' or '.join(wanted.near)}" if wanted.near else ""
        return f"“{wanted.literal}” (not in the vocabulary; looked for as written{near})"
    if wanted.exact:
        return f"{wanted.label} (exactly)"
    more = len(set(wanted.ids) - set(wanted.asked))
    if not more or not wanted.asked:
        return wanted.label
    if wanted.kind in ("abnormality", "diagnosis", "maneuver", "mode", "mechanism", "symptom"):
        return f"{wanted.label} (+{more} {'kind' if more == 1 else 'kinds'})"
    return f"{wanted.label} (+{more} {'part' if more == 1 else 'parts'})"


def _grade(test: GradeTest) -> str:
    scale, any_scale = (test.scale, "") if test.scale else ("grade", " on any scale")
    if test.value:
        return f"{scale} = {test.value}{any_scale}"
    return f"{scale} {_span(test.range)}{any_scale}" if test.range else f"{scale} is filled"


def _test(test: Test) -> str:
    name = _words(test.field)
    if test.how == "filled":
        return f"{name} is filled"
    if test.range is not None:
        return f"{name} {_span(test.range)}"
    if test.how == "date":
        low, high = (bound.rstrip("~") for bound in test.bounds)
        if low and low == high:
            return f"{name} = {low}"
        return f"{name} from {low or '…'} to {high or '…'}"
    joiner = " contains " if test.how == "text" else " = "
    return name + joiner + " or ".join(_words(v) if test.how == "concept" else v for v in test.values)


def _span(span: Range) -> str:
    if span.low is not None and span.low == span.high:
        return f"= {span.low:g}"
    if span.low is not None and not span.high_in and span.high == span.low + 1:
        return f"= {span.low:g}"  # an age in whole years
    if span.low is not None and span.high is not None:
        return f"{span.low:g}..{span.high:g}"
    if span.low is not None:
        return f"{'>=' if span.low_in else '>'} {span.low:g}"
    if span.high is not None:
        return f"{'<=' if span.high_in else '<'} {span.high:g}"
    return "is filled"


def _words(name: str) -> str:
    return name.replace("_", " ")
