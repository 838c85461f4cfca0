"""Words that say what is wrong only together: "complete" and a tear, "pinched" and a nerve, "injury" and a ligament."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from casearchive.query.atoms import Atom, closest
from casearchive.query.tree import Mention, Wanted
from casearchive.query.wanted import either, wanted
from casearchive.terms import ABNORMALITY_KINDS, Lexicon

_INJURY = re.compile(r"\binjur", re.IGNORECASE)


def composed(atoms: list[Atom], lexicon: Lexicon) -> list[Atom]:
    """ "complete subscapularis tear" is a complete tear: a word apart from the finding that it makes a kind of."""
    result = list(atoms)
    for atom in [
        a for a in atoms if a.kind == "abnormality" and a.wanted is not None and len(a.wanted.asked) == 1
    ]:
        assert atom.wanted is not None
        for word in [a for a in result if a.kind == "word"]:
            concept = lexicon.resolve(f"{word.text} {atom.wanted.typed}", ABNORMALITY_KINDS)
            if concept is None or concept.id not in set(atom.wanted.ids) - set(atom.wanted.asked):
                continue
            typed = f"{word.text} {atom.wanted.typed}"
            meant = wanted(lexicon, concept.id, typed, exact=atom.wanted.exact, by_field=atom.by_field)
            result = [
                replace(a, wanted=meant, text=typed) if a is atom else a for a in result if a is not word
            ]
            break
    return result


def injured(atoms: Sequence[Atom], lexicon: Lexicon) -> list[Atom]:
    """Words that say what is wrong only together with their structure: "pinched ulnar nerve" is an entrapment of it,
    and an "LCL injury" a sprain or a tear."""
    places = [a for a in atoms if a.kind == "structure" and a.wanted is not None and len(a.wanted.asked) == 1]
    if not places or any(a.kind == "abnormality" for a in atoms):
        return list(atoms)
    result = []
    for atom in atoms:
        place = closest(atom, places)
        assert place is not None
        assert place.wanted is not None
        meant: Wanted | None = None
        if atom.kind == "word":
            kind = place.wanted.kind
            named = (
                lexicon.resolve(f"{a} {b}", ABNORMALITY_KINDS)
                for a, b in ((atom.text, kind), (kind, atom.text))
            )
            concept = next((c for c in named if c is not None), None)
            meant = wanted(lexicon, concept.id, atom.text) if concept is not None else None
        elif isinstance(atom.node, Mention) and _INJURY.search(atom.text) and not atom.by_field:
            every = [wanted(lexicon, i, atom.text) for i in lexicon.injuries(place.wanted.asked[0])]
            meant = either(*every) if every else None
        if meant is None:
            result.append(atom)
        else:
            typed = replace(meant, typed=atom.text)
            result.append(replace(atom, kind="abnormality", wanted=typed, node=None, values=()))
    return result


def of_its_kind(structure: Wanted, abnormality: Wanted, lexicon: Lexicon) -> Wanted:
    """ "Ulnar nerve dislocation": what is called a dislocation of a nerve is meant too."""
    kind = lexicon.resolve(f"{structure.kind} {abnormality.typed}", ABNORMALITY_KINDS)
    if kind is None or kind.id in abnormality.ids or abnormality.literal:
        return abnormality
    meant = wanted(lexicon, kind.id, abnormality.typed, by_field=abnormality.by_field)
    ids, above = {*abnormality.ids, *meant.ids}, {*abnormality.above, *meant.above}
    groups = abnormality.groups
    if len(groups) == 1:
        groups = ((*groups[0], kind.id),)
    return replace(
        abnormality, label=f"{abnormality.label} or {meant.label}", asked=(*abnormality.asked, kind.id),
        ids=tuple(sorted(ids)), above=tuple(sorted(above)), groups=groups,
    )  # fmt: skip
