"""From atoms to clauses: which structure, finding, side and certainty were meant together.

What is said together must hold in one finding: "left hamstring tear" is a tear of a hamstring on the left,
not a left something, a hamstring and a tear. With several findings in one question each goes with the
structure next to it; one without a structure of its own is looked for anywhere, beside the others first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from casearchive.choices import PRESENT
from casearchive.query.atoms import MODIFIERS, Atom, free_words
from casearchive.query.joined import composed, injured, of_its_kind
from casearchive.query.labels import OR_NORMAL, told
from casearchive.query.persons import wish as persons_wish
from casearchive.query.sizes import measured, on_side, or_its_length
from casearchive.query.tree import (
    And,
    CaseClause,
    Everything,
    FindingClause,
    GradeTest,
    Maybe,
    MediaClause,
    Mention,
    Node,
    Not,
    Or,
    PriorClause,
    Range,
    Said,
    Side,
    Test,
    Wanted,
    Words,
)
from casearchive.query.wanted import ROOT, both, composites_at, either, implied, literal, wanted
from casearchive.terms import Lexicon

_COMPLAINTS = frozenset(("pain", "pains", "painful", "ache", "aches", "aching", "sore", "soreness", "hurts"))
_FINDING_KINDS = frozenset(("structure", "abnormality", "property", *MODIFIERS))


@dataclass
class _Draft:
    """A clause in the making; ``at`` is where its abnormality (or else its structure) stands."""

    structure: Atom | None = None
    abnormality: Atom | None = None
    beside: Atom | None = None
    extra: list[Atom] = field(default_factory=list)

    @property
    def span(self) -> tuple[int, int]:
        atoms = [a for a in (self.structure, self.abnormality) if a is not None]
        return min(a.start for a in atoms), max(a.end for a in atoms)


def bind(atoms: Sequence[Atom], lexicon: Lexicon) -> Node:
    """The tree of one conjunction."""
    plain = [_merged(a) for a in atoms]
    groups = [a for a in plain if a.kind == "group"]
    own, said = told(injured(composed([a for a in plain if a.kind != "group"], lexicon), lexicon), lexicon)
    sides = [a.values for a in own if a.kind == "side"]
    own, sizes = measured(_denied(own, lexicon), lexicon)
    pushed = _to_push(own, groups)
    if pushed:
        own = [a for a in own if a not in pushed]
    words = [a for a in own if a.kind == "word"]
    finding = [a for a in own if a.kind in _FINDING_KINDS]
    parts: list[Node] = []
    clauses, unused = _clauses(finding, lexicon)
    parts.extend(clauses)
    parts.extend((*said, *sizes))
    words.extend(a for a in unused if a.kind == "word")
    for node in [a.node for a in (*own, *unused) if a.kind == "node" and a.node is not None]:
        parts.append(node)
        if isinstance(node, Mention):
            # "footballer" means sport, and a footballer most of all.
            parts.append(Maybe(Words((node.wanted.typed,))))
    tests = tuple(a.test for a in own if a.kind == "test" and a.test is not None)
    if tests:
        parts.append(MediaClause(tests))
    for group in groups:
        parts.append(_beside(_group(group, pushed, lexicon), sides))
    negated = [_beside(a.node, sides) for a in own if a.kind == "negated" and a.node is not None]
    parts.extend(_left_out(negated, clauses))
    # whoever comes has a pain: with a place beside it, it tells apart nothing
    complaints = [a for a in words if clauses and a.text.lower() in _COMPLAINTS]
    persons = [(a, wish) for a in words if (wish := persons_wish(a.text)) is not None]
    alone = all(a in complaints or any(a is who for who, _ in persons) for a in words) and all(
        map(_of_age, parts)
    )
    parts.extend(wish if alone else Maybe(wish) for _, wish in persons)
    wished = [*complaints, *(a for a, _ in persons)]
    for demanded, some in ((True, [a for a in words if a not in wished]), (False, complaints)):
        found = free_words(sorted(some, key=lambda a: a.start))
        if found is not None:
            parts.append(found if demanded else Maybe(found))
    return _and(_joined_priors(parts))


def _beside(node: Node, sides: Sequence[tuple[str, ...]]) -> Node:
    """What stands in brackets or behind a minus, measured on the one side that is named beside it."""
    return on_side(node, sides[0]) if len(sides) == 1 else node


def _of_age(part: Node) -> bool:
    """Whether it says no more than how old the patient is: "women over 60" are women."""
    return isinstance(part, CaseClause) and part.test.field in ("age", "sex")


def _left_out(nodes: Sequence[Node], clauses: Sequence[Node]) -> list[Node]:
    """What a minus leaves out. tear -left leaves out tears on the left, not every case that shows a left side."""
    found: list[Node] = []
    asked = [
        c for c in clauses if isinstance(c, FindingClause) and c.abnormality and "absent" not in c.certainty
    ]
    for node in nodes:
        if isinstance(node, Side) and asked:
            found.extend(
                Not(replace(clause, sides=(), only_sides=node.sides, beside=None, strict=True))
                for clause in asked
            )
        else:
            found.append(Not(node))
    return found


def _and(parts: Sequence[Node]) -> Node:
    flat = tuple(part for part in parts if not isinstance(part, Everything))
    if not flat:
        return Everything()
    return flat[0] if len(flat) == 1 else And(flat)


def _joined_priors(parts: list[Node]) -> list[Node]:
    """prior:strain discordance:missed is one earlier impression, not two."""
    priors = [p for p in parts if isinstance(p, PriorClause)]
    if len(priors) < 2 or len([p for p in priors if p.says]) > 1 or len([p for p in priors if p.missed]) > 1:
        return parts
    joined = PriorClause(
        says=next((p.says for p in priors if p.says), None),
        missed=next((p.missed for p in priors if p.missed), None),
        discordance=next((p.discordance for p in priors if p.discordance), ()),
        modality=next((p.modality for p in priors if p.modality), ()),
        filled=any(p.filled for p in priors),
    )
    return [joined, *(p for p in parts if not isinstance(p, PriorClause))]


# ------------------------------------------------------------------------------------------- groups


def _merged(atom: Atom) -> Atom:
    """(tear OR strain) as one atom that means either, where all alternatives are of one kind."""
    if atom.kind != "group" or any(len(a) != 1 for a in atom.alternatives):
        return atom
    choices = [_merged(a[0]) for a in atom.alternatives]
    first = choices[0]
    if len({c.kind for c in choices}) != 1 or len({c.by_field for c in choices}) != 1:
        return atom
    if first.kind in ("structure", "abnormality", "site", "maneuver"):
        meant = [c.wanted for c in choices if c.wanted is not None]
        same = len({c.values for c in choices}) == 1
        return replace(atom, kind=first.kind, wanted=either(*meant), values=first.values, alternatives=(),
                       by_field=first.by_field) if same and meant else atom  # fmt: skip
    if first.kind in ("side", "certainty", "severity", "temporality", "modality"):
        values = tuple(dict.fromkeys(v for c in choices for v in c.values))
        return replace(atom, kind=first.kind, values=values, alternatives=(), by_field=first.by_field)
    return atom


def _to_push(own: Sequence[Atom], groups: Sequence[Atom]) -> tuple[Atom, ...]:
    """The atoms that complete the findings inside the brackets: left (hamstring tear OR calf strain)."""
    kinds = {a.kind for a in own}
    if {"structure", "abnormality"} <= kinds:
        return ()
    if not any(_needs(alternative) for g in groups for alternative in g.alternatives):
        return ()
    return tuple(a for a in own if a.kind in _FINDING_KINDS)


def _needs(alternative: Sequence[Atom]) -> bool:
    return any(
        a.kind in ("structure", "abnormality") or (a.kind == "group" and any(map(_needs, a.alternatives)))
        for a in alternative
    )


def _group(group: Atom, pushed: tuple[Atom, ...], lexicon: Lexicon) -> Node:
    branches = []
    for alternative in group.alternatives:
        extra: list[Atom] = []
        if _needs(alternative):
            kinds = {a.kind for a in alternative}
            # A pushed atom stands beside the alternative, wherever it stood before the brackets.
            extra = [replace(a, start=-1, end=-1) for a in pushed if a.kind not in kinds]
        branches.append(bind((*extra, *alternative), lexicon))
    return branches[0] if len(branches) == 1 else Or(tuple(branches))


# ------------------------------------------------------------------------------------------- denials

#: Marks words that nobody knows and somebody denied.
_UNKNOWN = "unknown"


def _denied(atoms: Sequence[Atom], lexicon: Lexicon) -> list[Atom]:
    """ "no", "without" and "nor" before a finding ask for its documented absence; else they say nothing."""
    result: list[Atom] = []
    denial: Atom | None = None
    begins = 0
    for atom in atoms:
        if atom.kind == "denial":
            denial, begins = atom, len(result)
            continue
        if denial is not None and atom.kind == "abnormality":
            result.append(replace(denial, kind="certainty", start=atom.start - 1, end=atom.start))
            denial = None
        elif denial is not None and atom.kind == "word":
            # a denial of something unknown stays one: never show who has it
            before = result[-1] if result and result[-1].prop == _UNKNOWN else None
            text = f"{before.text} {atom.text}" if before is not None else atom.text
            if before is not None:
                result.pop()
            unknown = replace(literal(text, "abnormality", by_field=False), typed=text)
            result.append(
                Atom("abnormality", before.start if before else atom.start, atom.end, text, wanted=unknown,
                     values=("absent",), prop=_UNKNOWN)
            )  # fmt: skip
            continue
        elif atom.kind not in ("stop", "structure", "side", "severity"):
            denial = None
        if atom.kind != "stop":
            result.append(atom)
    places = result[begins:]
    if denial is None or not result[:begins] or not places or any(a.kind == "severity" for a in places):
        return result
    # "tear without left": there is no finding behind it, so the place itself is left out
    sides = tuple(dict.fromkeys(value for a in places for value in a.values))
    node = Side(sides) if all(a.kind == "side" for a in places) else bind(places, lexicon)
    return [*result[:begins], Atom("negated", denial.start, places[-1].end, node=node)]


# ------------------------------------------------------------------------------------------- clauses


def _clauses(atoms: Sequence[Atom], lexicon: Lexicon) -> tuple[list[Node], list[Atom]]:
    """The clauses of these atoms, and what turned out to be plain words or other clauses."""
    ordered = _joined_structures(sorted(atoms, key=lambda a: (a.start, a.end)))
    drafts = _pairs([a for a in ordered if a.kind in ("structure", "abnormality")])
    modifiers = [a for a in ordered if a.kind not in ("structure", "abnormality")]
    if not drafts:
        return _without_anchor(modifiers, lexicon)
    for atom in modifiers:
        for draft in _targets(atom, drafts, modifiers):
            draft.extra.append(atom)
    nodes: list[Node] = []
    affirmed = [d for d in drafts if d.abnormality is not None and not _said_absent(d)]
    for draft in drafts:
        clause = _clause(draft, lexicon)
        if draft.abnormality is not None and draft.abnormality.prop == OR_NORMAL:
            nodes.append(_or_normal(clause, lexicon))
            continue
        if affirmed and _said_absent(draft):
            # "tear without haematoma": no case with a haematoma, and those that say so first
            nodes += [Not(replace(clause, certainty=PRESENT)), Maybe(clause)]
            continue
        nodes.append(_or_spared(or_its_length(clause, lexicon), lexicon))
        about = tuple(w for w in (clause.structure, clause.abnormality) if w is not None and w.groups)
        if about and not clause.strict and "absent" not in clause.certainty:
            nodes.append(Maybe(Said(about)))
    return nodes, []


def _or_normal(clause: FindingClause, lexicon: Lexicon) -> Node:
    """ "Intact", "not enlarged": documented as absent, or the structure is called normal."""
    if clause.structure is None:
        return clause
    normal = wanted(lexicon, "normal", "normal")
    return Or((clause, FindingClause(clause.structure, normal, sides=clause.sides, strict=True)))


def _or_spared(node: Node, lexicon: Lexicon) -> Node:
    """A normal nerve is one that is called so, or one of which something is documented as absent and nothing else is
    there."""
    if not isinstance(node, FindingClause) or node.structure is None or node.abnormality is None:
        return node
    asked = FindingClause(node.structure, node.abnormality, beside=node.beside, implied=node.implied)
    if node.abnormality.kind != "normality" or replace(node, sides=(), loose=()) != asked:
        return node
    gone = FindingClause(
        node.structure, wanted(lexicon, ROOT, ROOT), sides=node.sides, certainty=("absent",), strict=True
    )
    return Or((node, gone))


def _said_absent(draft: _Draft) -> bool:
    """Denied in plain words; ``no:haematoma`` asks for the documented absence itself."""
    denied = [a for a in draft.extra if a.kind == "certainty" and not a.by_field and a.values == ("absent",)]
    named = draft.abnormality
    return bool(denied) or (named is not None and not named.by_field and named.values == ("absent",))


def _joined_structures(atoms: list[Atom]) -> list[Atom]:
    """ "thigh muscle" is one place: two neighbouring structures that have something in common."""
    result: list[Atom] = []
    for atom in atoms:
        before = next((a for a in reversed(result) if a.kind in ("structure", "abnormality")), None)
        if (
            atom.kind == "structure"
            and before is not None
            and before.kind == "structure"
            and atom.wanted is not None
            and before.wanted is not None
        ):
            common = both(before.wanted, atom.wanted)
            if common is not None:
                joined = replace(before, end=max(before.end, atom.end), wanted=common, text=common.typed,
                                 by_field=before.by_field or atom.by_field)  # fmt: skip
                result[result.index(before)] = joined
                continue
        result.append(atom)
    return result


def _pairs(atoms: Sequence[Atom]) -> list[_Draft]:
    drafts: list[_Draft] = []
    taken: set[int] = set()
    for n, atom in enumerate(atoms):
        if atom.kind != "abnormality":
            continue
        place = next(
            (m for m in (n - 1, n + 1)
             if 0 <= m < len(atoms) and atoms[m].kind == "structure" and m not in taken),
            None,
        )  # fmt: skip
        if place is not None:
            taken.add(place)
        drafts.append(_Draft(atoms[place] if place is not None else None, atom))
    first = next((d.structure for d in drafts if d.structure is not None), None)
    for draft in drafts:
        if draft.structure is None and first is not None:
            draft.beside = first
    drafts.extend(_Draft(atom) for n, atom in enumerate(atoms) if atom.kind == "structure" and n not in taken)
    return drafts


def _targets(atom: Atom, drafts: list[_Draft], modifiers: Sequence[Atom]) -> list[_Draft]:
    """The clauses a modifier speaks of."""
    withs = [d for d in drafts if d.abnormality is not None] or drafts
    own_certainty = [d for d in withs if d.abnormality is not None and d.abnormality.values]
    if atom.kind == "side":
        alone = len([m for m in modifiers if m.kind == "side"]) == 1
        return drafts if alone or atom.by_field else [_nearest(atom, drafts)]
    if atom.by_field:
        rest = [d for d in withs if d not in own_certainty] if atom.kind == "certainty" else withs
        return rest or withs
    if atom.kind in ("modality", "temporality"):
        return withs
    return [_nearest(atom, withs)]


def _nearest(atom: Atom, drafts: list[_Draft]) -> _Draft:
    """The clause that follows next ("possible tear"), else the last one before ("tear excluded")."""
    after = [d for d in drafts if d.span[1] >= atom.end and (d.span[0] >= atom.start or d.span[1] > atom.end)]
    if after:
        return min(after, key=lambda d: d.span[0])
    return max(drafts, key=lambda d: d.span[1])


def _clause(draft: _Draft, lexicon: Lexicon) -> FindingClause:
    structure = draft.structure.wanted if draft.structure else None
    abnormality = draft.abnormality.wanted if draft.abnormality else None
    if (
        structure
        and abnormality
        and not abnormality.exact
        and len(structure.asked) == len(abnormality.asked) == 1
    ):
        here = lexicon.in_structure(abnormality.asked[0], structure.asked[0])
        if here != abnormality.asked[0] and here in lexicon:
            # an enlargement of a nerve is a nerve enlargement, also where it is documented as absent
            meant = wanted(lexicon, here, abnormality.typed, by_field=abnormality.by_field)
            ids, above = {*abnormality.ids, *meant.ids}, {*abnormality.above, *meant.above}
            abnormality = replace(abnormality, ids=tuple(sorted(ids)), above=tuple(sorted(above)))
        abnormality = of_its_kind(structure, abnormality, lexicon)
    leading = draft.abnormality or draft.structure
    clause = FindingClause(
        structure=structure,
        abnormality=abnormality,
        beside=draft.beside.wanted if draft.beside else None,
        implied=implied(lexicon, structure, abnormality),
        strict=leading is not None and leading.by_field,
    )
    clause = _modified(clause, draft.extra)
    if draft.abnormality is not None and draft.abnormality.values:
        clause = replace(clause, certainty=draft.abnormality.values)
    if "absent" in clause.certainty:
        clause = replace(clause, strict=True)
    return clause


def _modified(clause: FindingClause, atoms: Sequence[Atom]) -> FindingClause:
    kinds = dict.fromkeys(a.kind for a in atoms if a.kind in MODIFIERS)
    by_field = {a.kind for a in atoms if a.by_field}
    clause = replace(clause, loose=tuple(kind for kind in kinds if kind not in by_field))
    for atom in atoms:
        if atom.kind == "side":
            clause = replace(clause, sides=tuple(dict.fromkeys((*clause.sides, *atom.values))))
        elif atom.kind == "certainty":
            clause = replace(clause, certainty=atom.values)
        elif atom.kind == "severity":
            clause = replace(clause, severity=atom.values)
        elif atom.kind == "temporality":
            clause = replace(clause, temporality=atom.values)
        elif atom.kind == "modality":
            clause = replace(clause, modality=tuple(dict.fromkeys((*clause.modality, *atom.values))))
        elif atom.kind == "site":
            clause = replace(clause, site=_narrowed(clause.site, atom.wanted))
        elif atom.kind == "maneuver":
            clause = replace(clause, maneuver=_narrowed(clause.maneuver, atom.wanted))
        elif atom.kind == "property":
            clause = _with_property(clause, atom.prop)
    return clause


def _narrowed(first: Wanted | None, second: Wanted | None) -> Wanted | None:
    """Two sites or manoeuvres said of one finding: what both allow, else either."""
    if first is None or second is None:
        return first or second
    return both(first, second) or either(first, second)


def _with_property(clause: FindingClause, prop: object) -> FindingClause:
    assert isinstance(prop, tuple)
    name, value = prop
    if name == "filled":
        return replace(clause, filled=(*clause.filled, value))
    if name == "grade":
        assert isinstance(value, GradeTest)
        return replace(clause, grades=(*clause.grades, value))
    if name == "doppler":
        assert isinstance(value, Range)
        return replace(clause, doppler=value)
    if name == "reviewed":
        assert value is None or isinstance(value, bool)
        return replace(clause, reviewed=value)
    if name == "confirmed":
        return replace(clause, confirmed_by=tuple(value))
    return replace(clause, echogenicity=tuple(value))


def _without_anchor(atoms: Sequence[Atom], lexicon: Lexicon) -> tuple[list[Node], list[Atom]]:
    """Modifiers with no structure and no abnormality: a finding of that kind, a mention, or plain words."""
    strict = [a for a in atoms if a.by_field]
    plain = [a for a in atoms if not a.by_field]
    nodes: list[Node] = []
    rest: list[Atom] = []
    if strict and any(a.kind != "side" for a in strict):
        sides = [a for a in plain if a.kind == "side"]
        if all(a.kind == "maneuver" for a in strict):
            nodes.extend(MediaClause((Test("maneuver", "concept", values=a.wanted.ids),))
                         for a in strict if a.wanted is not None)  # fmt: skip
            nodes.extend(Side(a.values) for a in sides)
        else:
            nodes.append(_modified(FindingClause(strict=True), [*strict, *sides]))
        plain = [a for a in plain if a.kind != "side"]
    else:
        nodes.extend(Side(a.values) for a in strict)
    sites = [a for a in plain if a.kind == "site"]
    if sites:
        mine = [a for a in plain if a.kind in ("site", "side", "maneuver")]
        clause = _modified(FindingClause(), mine)
        syndromes = composites_at(lexicon, clause.site.ids) if clause.site is not None else ()
        named = [wanted(lexicon, i, a.text) for i in syndromes for a in sites[:1]]
        at_site = replace(clause, site=None, maneuver=None, abnormality=either(*named)) if named else None
        nodes.append(Or((clause, at_site)) if at_site is not None else clause)
        plain = [a for a in plain if a not in mine]
    for atom in plain:
        if atom.kind == "side":
            nodes.append(Side(atom.values))
        elif atom.wanted is not None and atom.kind != "certainty":
            nodes.append(Mention(replace(atom.wanted, kind=atom.kind)))
        else:
            rest.append(replace(atom, kind="word"))
    return nodes, rest
