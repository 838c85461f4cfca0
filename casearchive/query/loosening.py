"""A question that finds nothing, asked ever more loosely, each time saying what was given up; and which single
condition is to blame where nothing helps.

Fields are never given up, nor a side, nor what must be absent: what is shown instead is near what was asked for, and
never the opposite of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from casearchive.choices import PRESENT
from casearchive.query import fts
from casearchive.query.atoms import STOP
from casearchive.query.describe import described
from casearchive.query.tree import (
    And,
    Everything,
    FindingClause,
    Maybe,
    MeasureClause,
    Mention,
    Node,
    Not,
    Or,
    PriorClause,
    Query,
    Range,
    Some,
    Wanted,
    Words,
)

#: What narrows a finding and is given up first, the least telling first.
_MODIFIERS = ("severity", "temporality", "maneuver", "site", "modality")


def looser(query: Query) -> Iterator[Query]:
    """Ever looser questions; nothing where the question is made of fields alone."""
    for prefix in (True, False):
        found = relaxed(query, prefix=prefix)
        if found is not None:
            yield found
    root = And(tuple(_plain_findings(query.root.parts if isinstance(query.root, And) else (query.root,))))
    for step in (_without_modifiers, _wishes, _one_finding):
        parts, given_up = step(root.parts)
        if given_up:
            note = f"nothing has all of this: {_listed(given_up)} not demanded"
            yield Query(query.text, And(tuple(parts)), (*query.understood, note), query.unknown)
    wider = _broader(root.parts)
    if wider is not None:
        parts, note = wider
        yield Query(query.text, And(tuple(parts)), (*query.understood, note), query.unknown)
    words = _in_words(root.parts)
    if words is not None:
        note = "nothing has all of this: showing where most of the words are said"
        yield Query(query.text, words, (*query.understood, note), query.unknown)


def relaxed(query: Query, *, prefix: bool) -> Query | None:
    """The question with its free words loosened: as beginnings of longer words, or as many as possible.

    None where there is nothing to loosen.
    """
    root, changed = _loosened(query.root, prefix)
    if not changed:
        return None
    note = (
        "no case has exactly these words: longer words that begin so count too"
        if prefix
        else "nothing has all of these words: showing what has some of them, the most first"
    )
    return Query(query.text, root, (*query.understood, note), query.unknown)


def _loosened(node: Node, prefix: bool) -> tuple[Node, bool]:
    if isinstance(node, Words):
        if prefix:
            return Words(node.words, prefix=True), any(len(w) >= 4 for w in node.words)
        if len(node.words) < 2:
            return node, False
        return _most(node.words), True
    if isinstance(node, And):
        others = [p for p in node.parts if not isinstance(p, Words | Maybe | Not)]
        parts: list[Node] = []
        changed = False
        for part in node.parts:
            if isinstance(part, Words) and not prefix and others:
                parts.append(Maybe(_most(part.words, least=1)))
                changed = True
                continue
            loose, did = _loosened(part, prefix)
            parts.append(loose)
            changed = changed or did
        return And(tuple(parts)), changed
    if isinstance(node, Or):
        pairs = [_loosened(part, prefix) for part in node.parts]
        return Or(tuple(p for p, _ in pairs)), any(did for _, did in pairs)
    return node, False


def _most(words: Sequence[str], least: int = 0) -> Node:
    """At least half of these words; bare numbers lift what has them and are never enough."""
    telling = [w for w in words if not w.isdigit()] or list(words)
    numbers = [w for w in words if w not in telling]
    some = Some(tuple(Words((w,), prefix=True) for w in telling), least or (len(telling) + 1) // 2)
    return And((some, *(Maybe(Words((n,))) for n in numbers))) if numbers else some


# ------------------------------------------------------------------------------------------- giving up


def _plain_findings(parts: Sequence[Node]) -> Iterator[Node]:
    """A finding or the length that has its name ("gap on contraction"): the finding, and the length as a wish."""
    for part in parts:
        finding, length = part.parts if isinstance(part, Or) and len(part.parts) == 2 else (part, None)
        if isinstance(finding, FindingClause) and not finding.strict and isinstance(length, MeasureClause):
            yield finding
            yield Maybe(length)
        else:
            yield part


Given = tuple[list[Node], list[str]]


def _without_modifiers(parts: Sequence[Node]) -> Given:
    """The findings without what narrows them: where in the structure, under which manoeuvre, how severe."""
    kept: list[Node] = []
    given_up: list[str] = []
    for part in parts:
        if isinstance(part, FindingClause) and not part.strict and (part.structure or part.abnormality):
            plain = part
            for name in _MODIFIERS:
                value = getattr(part, name)
                if not value or name not in part.loose:
                    continue
                empty: Any = None if isinstance(value, Wanted) else ()
                plain = replace(plain, **{name: empty})
                given_up.append(value.label if isinstance(value, Wanted) else " or ".join(value))
            kept.append(plain)
            if plain is not part:
                kept.append(Maybe(part))
        else:
            kept.append(part)
    return kept, given_up


def _wishes(parts: Sequence[Node]) -> Given:
    """Only the findings are demanded; words, symptoms, manoeuvres and the like are wished for."""
    plain, given_up = _without_modifiers(parts)
    if not any(isinstance(p, FindingClause) and _is_free(p) for p in plain):
        return list(parts), []
    kept: list[Node] = []
    for part in plain:
        loose = (
            isinstance(part, Words | Mention)
            or (isinstance(part, PriorClause) and part.says is not None and not part.says.by_field)
            or (isinstance(part, Or) and all(isinstance(p, PriorClause) for p in part.parts))
            or (isinstance(part, MeasureClause) and not part.by_field)
        )
        if loose:
            kept.append(Maybe(_most(part.words, least=1) if isinstance(part, Words) else part))
            given_up += [w.split(" = ", 1)[-1] for w in described(part)]
            kept += _not_measured_otherwise(part) if isinstance(part, MeasureClause) else []
        else:
            kept.append(part)
    return kept, given_up


def _not_measured_otherwise(asked: MeasureClause) -> list[Node]:
    """Who was measured and is not in the range is no answer to it: below it, or above."""
    low, high = asked.range.low, asked.range.high
    ranges = [] if low is None else [Range(high=low, high_in=not asked.range.low_in)]
    ranges += [] if high is None else [Range(low=high, low_in=not asked.range.high_in)]
    return [Not(replace(asked, range=outside)) for outside in ranges]


def _one_finding(parts: Sequence[Node]) -> Given:
    """Of several findings, one is enough, the more the better; a bare structure beside a finding is a wish."""
    plain, given_up = _wishes(parts)
    plain = plain if given_up else list(parts)
    findings = [p for p in plain if isinstance(p, FindingClause) and _is_free(p)]
    kinds = [p for p in findings if p.abnormality is not None]
    if len(findings) < 2:
        return list(parts), []
    demanded = kinds or findings
    rest = [p for p in plain if not (isinstance(p, FindingClause) and _is_free(p))]
    wished = [Maybe(p) for p in findings if p not in demanded]
    said = [_name(p) for p in (demanded if len(demanded) > 1 else [p for p in findings if p not in demanded])]
    one: Node = Some(tuple(demanded)) if len(demanded) > 1 else demanded[0]
    # who documents that one of them is not there answers neither
    rest += [_not_denied(p) for p in kinds if len(demanded) > 1]
    told = [*given_up, ("all of " if len(demanded) > 1 else "") + " and ".join(said)]
    return [one, *rest, *wished], told


def _broader(parts: Sequence[Node]) -> tuple[list[Node], str] | None:
    """The next broader kind of what was asked for, or the whole of the part: a nerve sheath tumour where nobody has a
    schwannoma, a rectus femoris tear where nobody has one of its proximal tendon."""
    kept: list[Node] = []
    told: list[str] = []
    for part in parts:
        if isinstance(part, FindingClause) and _is_free(part) and part.abnormality is not None:
            wider = _at_its_place(part)
            for name in ("abnormality", "structure"):
                wanted = getattr(part, name)
                if wanted is not None and wanted.broader:
                    wider = replace(wider, **{name: replace(wanted, **_plain(wanted))}, implied=())
                    told.append(wanted.label)
            kept += [wider, Maybe(part), _not_denied(_just(part))] if wider is not part else [part]
        elif not isinstance(part, Maybe):
            kept.append(part)
    return (kept, f"nobody has {_listed(told)}: showing what is nearest to it") if told else None


def _just(clause: FindingClause) -> FindingClause:
    """Just what was asked, without kinds, parts and other names: who denies that has nothing next to it."""
    abnormality, structure = clause.abnormality, clause.structure
    assert abnormality is not None
    abnormality = replace(abnormality, ids=abnormality.asked, above=abnormality.asked, definitions=())
    structure = replace(structure, by_field=True) if structure is not None else None
    return replace(clause, abnormality=abnormality, structure=structure, implied=())


def _not_denied(clause: FindingClause) -> Not:
    return Not(replace(clause, certainty=("absent",), strict=True, beside=None))


def _at_its_place(clause: FindingClause) -> FindingClause:
    """What a name for a finding at a place is a kind of is still looked for there: a Popeye sign is a tear of the
    biceps tendon, and no other tear is near it."""
    places = [d for d in clause.abnormality.definitions if d.names] if clause.abnormality is not None else []
    if clause.structure is not None or not places:
        return clause
    names = tuple(dict.fromkeys(place.names[0] for place in places))
    label = " or ".join(name.replace("_", " ") for name in names)
    ids = tuple(sorted({i for place in places for i in place.structures}))
    return replace(clause, structure=Wanted(label, label, "structure", names, ids, groups=(names,)))


def _plain(wanted: Wanted) -> dict[str, Any]:
    """The same with what is next broader itself, and none of that one's other kinds and parts."""
    ids = tuple(sorted({*wanted.broader, *wanted.ids}))
    groups = ((*wanted.broader, *wanted.asked),)
    return {"ids": ids, "asked": (*wanted.broader, *wanted.asked), "groups": groups}


def _in_words(parts: Sequence[Node]) -> Node | None:
    """Most of the words that were typed, wherever they are said; not of a question with fields, sides or denials.

    A finding that was understood as a whole is not looked for in its words: that nobody has it is the answer.
    """
    words: list[str] = []
    kept: list[Node] = []
    if not any(isinstance(part, Words | Mention) for part in parts):
        return None
    for part in parts:
        if isinstance(part, FindingClause):
            if not _is_free(part) or part.sides or part.certainty != PRESENT:
                return None
            if part.abnormality is not None:
                kept.append(
                    Not(FindingClause(abnormality=part.abnormality, certainty=("absent",), strict=True))
                )
            wanted = (part.structure, part.abnormality, part.site, part.maneuver)
            words += [word for w in wanted if w is not None for word in w.typed.split()]
        elif isinstance(part, Words):
            words += part.words
        elif isinstance(part, Mention):
            words += part.wanted.typed.split()
        elif isinstance(part, Maybe | Everything):
            continue
        else:
            kept.append(part)
    telling = [
        w for w in dict.fromkeys(word.lower() for word in words) if w not in STOP and fts.searchable(w)
    ]
    if len(telling) < 2:
        return None
    least = max(2, -(-2 * len(telling) // 3))
    some = Some(tuple(Words((w,), prefix=len(w) > 4) for w in telling), least)
    return And((some, *kept)) if kept else some


def _is_free(clause: FindingClause) -> bool:
    """Asked in plain words: no field, no documented absence."""
    wanted = (clause.structure, clause.abnormality, clause.site, clause.maneuver)
    return (
        not clause.strict
        and not any(w.by_field for w in wanted if w is not None)
        and not (clause.grades or clause.doppler or clause.filled or clause.only_sides)
        and "absent" not in clause.certainty
    )


def _name(clause: FindingClause) -> str:
    named = [w.label for w in (clause.abnormality, clause.structure) if w is not None]
    return " of ".join(named) or "the finding"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(words))


# ------------------------------------------------------------------------------------------- who is to blame


def without_one(query: Query) -> Iterator[tuple[str, Query]]:
    """The question without one of its conditions, each in turn, and that condition in words."""
    parts = query.root.parts if isinstance(query.root, And) else (query.root,)
    for n, part in enumerate(parts):
        if isinstance(part, Maybe | Everything):
            continue
        others = (*parts[:n], *parts[n + 1 :])
        if isinstance(part, FindingClause):
            for words, plain in _halves(part):
                yield words, Query(query.text, And((*parts[:n], plain, *parts[n + 1 :])))
        if isinstance(part, MeasureClause) and part.sides:
            anywhere = And((*parts[:n], replace(part, sides=()), *parts[n + 1 :]))
            yield f"side = {' or '.join(part.sides)}", Query(query.text, anywhere)
        if any(not isinstance(p, Maybe | Not | Everything) for p in others):
            yield _condition(part), Query(query.text, And(others))


def _condition(part: Node) -> str:
    if isinstance(part, Not):
        return "leaving out " + ", ".join(line.split(" = ", 1)[-1] for line in described(part.part))
    return ", ".join(described(part))


def _halves(clause: FindingClause) -> Iterator[tuple[str, FindingClause]]:
    if clause.sides and (clause.structure or clause.abnormality):
        yield f"side = {' or '.join(clause.sides)}", replace(clause, sides=())
    for name in _MODIFIERS:
        value = getattr(clause, name)
        if value and (clause.structure or clause.abnormality):
            empty: Any = None if isinstance(value, Wanted) else ()
            words = value.label if isinstance(value, Wanted) else " or ".join(value)
            yield f"{name} = {words}", replace(clause, **{name: empty})
    if clause.structure and clause.abnormality:
        yield f"structure = {clause.structure.label}", replace(clause, structure=None, implied=())
        yield f"finding = {clause.abnormality.label}", replace(clause, abnormality=None, implied=())
