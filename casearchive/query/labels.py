"""What a question says about earlier labels, other looks and doubt: from cues to clauses, before all else is bound.

"misdiagnosed as ankle sprain" asks for an earlier impression, not for a sprain; "missed on MRI" for how an earlier
look was wrong; "intact supraspinatus" for a documented absence; "cannot be excluded" for a doubtful finding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from casearchive.query.atoms import Atom
from casearchive.query.tree import FindingClause, Maybe, Node, Not, Or, PriorClause, Wanted, Words
from casearchive.query.wanted import ROOT, either, literal, wanted
from casearchive.terms import Lexicon

#: How an earlier look that saw less, or something else, is recorded.
_SAW_LESS = ("missed", "undergraded", "discordant", "technique_limited")
_SAW_MORE = ("overgraded", "discordant")


def told(atoms: Sequence[Atom], lexicon: Lexicon) -> tuple[list[Atom], list[Node]]:
    """The atoms that are left when the cues have had their say, and what the cues ask for."""
    rest = sorted(atoms, key=lambda atom: (atom.start, atom.end))
    nodes: list[Node] = []
    for cue in [a for a in rest if a.kind == "cue"]:
        place = rest.index(cue)
        before, after = rest[:place], rest[place + 1 :]
        rest, found = _HOW[cue.values[0]](before, after, lexicon)
        nodes.extend(found)
    rest, found = _by_modality([a for a in rest if a.kind != "cue"])
    return rest, [*nodes, *found]


Told = tuple[list[Atom], list[Node]]


def _labelled(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """What follows was the label."""
    used, says = _thing(after)
    return [*before, *_without(after, used)], [PriorClause(says=says)] if says is not None else []


def _turned(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """What stands before was the label, what follows is the finding."""
    used, says = _thing(before[::-1])
    if says is None or not any(a.kind in ("abnormality", "word") for a in after):
        return [*before, *after], []
    return [*_without(before, used), *after], [PriorClause(says=says)]


def _sent(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """What follows was only a question; whoever answers it with no comes first."""
    first = next((n for n, a in enumerate(after) if a.kind == "abnormality"), None)
    others = [a for a in (*before, *after[(first or 0) + 1 :]) if a.kind in ("abnormality", "structure")]
    if first is None or not others:
        return [*before, *after], []
    asked = FindingClause(abnormality=after[first].wanted, certainty=("absent",), strict=True)
    return [*before, *_without(after, after[: first + 1])], [Maybe(asked)]


def _missed(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """An earlier look did not see it: the modality that follows, or any."""
    look = next((a for a in after[:2] if a.kind == "modality"), None)
    modality = look.values if look is not None else ()
    missed = next((a.wanted for a in (*before[::-1], *after) if a.kind == "abnormality"), None)
    ways: list[Node] = [PriorClause(discordance=_SAW_LESS, modality=modality)]
    if missed is not None:
        ways.insert(0, PriorClause(missed=missed, modality=modality))
    return [*before, *_without(after, [look] if look else [])], [
        Or(tuple(ways)) if len(ways) > 1 else ways[0]
    ]


def _overcalled(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """An earlier look saw what was not there."""
    look = next((a for a in (*after[:1], *before[::-1], *after) if a.kind == "modality"), None)
    used, says = _thing([a for a in after if a is not look])
    if says is None:
        used, says = _thing([a for a in before[::-1] if a is not look])
    gone = [*used, *([look] if look else [])]
    node = PriorClause(says=says, discordance=_SAW_MORE, modality=look.values if look else ())
    return [*_without(before, gone), *_without(after, gone)], [node]


def _doubtful(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    return _certain(before, after, ("possible",))


def _excluded(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    return _certain(before, after, ("absent",))


def _certain(before: list[Atom], after: list[Atom], certainty: tuple[str, ...]) -> Told:
    """The finding right before (else right after) with this certainty; any finding where nothing is named. Of a
    symptom or a mechanism no certainty is recorded: what is excluded is left out."""
    everything = (*before[::-1], *after)
    found = next((a for a in everything if a.kind == "abnormality" or a.node is not None), None)
    if found is not None and found.kind == "abnormality":
        return [replace(a, values=certainty) if a is found else a for a in (*before, *after)], []
    if found is not None and found.node is not None:
        left_out = [found] if certainty == ("absent",) else []
        return _without([*before, *after], left_out), [Not(found.node)] if left_out else []
    if any(a.kind == "word" for a in (*before, *after)):  # it is these words that are doubtful or not there
        return [*before, *after], []
    places = _run(before[::-1]) or _run(after)
    named = [a.wanted for a in places if a.kind == "structure" and a.wanted is not None]
    clause = FindingClause(either(*named) if named else None, certainty=certainty, strict=True)
    return [*_without(before, places), *_without(after, places)], [clause]


#: Marks what is documented as absent, or the structure is called normal instead.
OR_NORMAL = "or normal"


def _intact(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """The structures beside are whole: no tear is documented there, or they are called normal."""
    return _whole(before, after, wanted(lexicon, "tear", "tear"))


def _spared(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """Nothing is wrong with the structures beside."""
    return _whole(before, after, wanted(lexicon, ROOT, "abnormality"))


def _whole(before: list[Atom], after: list[Atom], without: Wanted) -> Told:
    denial = next((a for a in before[::-1] if a.kind not in ("stop", "structure", "side")), None)
    denial = denial if denial is not None and denial.kind == "denial" else None
    plain = [a for a in before if a is not denial]
    beside = _run(after) or _run(plain[::-1])
    places = [a for a in beside if a.kind == "structure"]
    if not places or any(a.kind == "abnormality" for a in (*plain[-1:], *after[:1])):
        return [*before, *after], []
    gone = [Atom("abnormality", a.end, a.end, wanted=without) for a in places]
    if denial is None:
        gone = [replace(a, values=("absent",), prop=OR_NORMAL) for a in gone]
    return sorted([*plain, *after, *gone], key=lambda a: (a.start, a.end)), []


def _not_so(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """What follows is denied: "not torn", "not enlarged"; beside another finding it is left out, as by "without"."""
    if not after:
        return before, []
    first, rest = after[0], after[1:]
    if first.kind == "cue":
        return [*before, replace(first, kind="denial", end=first.start, values=("absent",)), *after], []
    if first.kind != "abnormality":
        return [*before, *rest], [Not(Words((first.text,)))]
    if first.wanted is not None and first.wanted.kind == "normality":
        return [*before, *rest], [Not(FindingClause(abnormality=first.wanted, strict=True))]
    alone = not any(a.kind == "abnormality" for a in (*before, *rest))
    return [*before, replace(first, values=("absent",), prop=OR_NORMAL if alone else first.prop), *rest], []


def _confirmed(before: list[Atom], after: list[Atom], lexicon: Lexicon) -> Told:
    """What follows confirmed the finding. Few records tell by what, so beside a finding it is only wished for; a
    treatment is still asked for as one."""
    by = next((a for a in after if a.kind != "stop"), None)
    if by is None or by.by_field:
        return [*before, *after], []
    name = by.values[0] if by.kind == "modality" else by.text
    told = FindingClause(confirmed_by=(name,), strict=True)
    said = Or((told, Words(("confirmed", by.text))))
    rest = [*before, *(a for a in after if a is not by or by.kind not in ("modality", "word"))]
    others = any(a.kind in ("abnormality", "structure") or a.node is not None for a in rest)
    return rest, [Maybe(said) if others else said]


_HOW: dict[str, Callable[[list[Atom], list[Atom], Lexicon], Told]] = {
    "labelled": _labelled,
    "turned": _turned,
    "sent": _sent,
    "missed": _missed,
    "overcalled": _overcalled,
    "possible": _doubtful,
    "confirmed": _confirmed,
    "denied": _excluded,
    "intact": _intact,
    "spared": _spared,
    "not_so": _not_so,
}


def _by_modality(atoms: list[Atom]) -> Told:
    """ "MRI normal, ultrasound shows a tear": each look goes with the finding next to it. What ultrasound shows needs
    no more saying; what another look said may stand among the findings or among the earlier impressions."""
    looks = [a for a in atoms if a.kind == "modality" and not a.by_field]
    findings = [a for a in atoms if a.kind == "abnormality" and a.wanted is not None]
    if len(looks) < 2 or len(findings) < 2:
        return atoms, []
    nodes: list[Node] = []
    rest = list(atoms)
    for look in looks:
        near = min(findings, key=lambda a: max(a.start, look.start) - min(a.end, look.end), default=None)
        rest.remove(look)
        if near is None:
            continue
        findings.remove(near)
        if look.values != ("us",):
            rest.remove(near)
            seen = FindingClause(abnormality=near.wanted, modality=look.values, strict=True)
            said = PriorClause(says=None if _is_normal(near) else near.wanted, modality=look.values)
            nodes.append(Or((seen, said)))
    return rest, nodes


def _is_normal(atom: Atom) -> bool:
    return atom.wanted is not None and atom.wanted.kind == "normality"


def _thing(atoms: Sequence[Atom]) -> tuple[list[Atom], Wanted | None]:
    """The first finding among these atoms with the structures on the way to it; else the words as they are."""
    used: list[Atom] = []
    for atom in atoms:
        if atom.kind == "cue":
            break
        if atom.kind == "abnormality":
            return [*used, atom], atom.wanted
        if atom.kind in ("structure", "site", "side", "stop", "severity"):
            used.append(atom)
            continue
        break
    words = []
    for atom in atoms:
        if atom.kind != "word":
            break
        words.append(atom)
    if words:
        text = " ".join(a.text for a in sorted(words, key=lambda a: a.start))
        return words, literal(text, "abnormality", by_field=False)
    places = [a for a in used if a.kind == "structure" and a.wanted is not None]
    named = [a.wanted for a in places if a.wanted is not None]
    return (places, either(*named)) if named else ([], None)


def _run(atoms: Sequence[Atom]) -> list[Atom]:
    """The structures that these atoms begin with, and the sides between them."""
    found = []
    for atom in atoms:
        if atom.kind == "structure":
            found.append(atom)
        elif atom.kind not in ("side", "stop"):
            break
    return found


def _without(atoms: Sequence[Atom], gone: Sequence[Atom]) -> list[Atom]:
    return [a for a in atoms if not any(a is each for each in gone)]
