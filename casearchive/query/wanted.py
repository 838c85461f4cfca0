"""From a concept of the lexicon to everything that counts as it, and from several concepts to one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from casearchive.query.tree import Definition, Wanted
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon

#: The top of all abnormalities: too wide to define anything by ("an abnormality of a vessel").
ROOT = "abnormality"

#: A kind with more kinds, or a place with more parts, than this is no help to somebody who asked for one of them.
_NOT_TOO_WIDE, _NOT_TOO_LARGE = 40, 100


def wanted(
    lexicon: Lexicon, concept_id: str, typed: str, *, exact: bool = False, by_field: bool = False
) -> Wanted:
    """What is asked for when somebody names this concept (``exact``: it alone, no kinds or parts)."""
    concept = lexicon.concept(concept_id)
    if concept is None:
        return literal(typed, "", by_field=by_field)
    ids = every = (concept_id,) if exact else tuple(sorted(_meaning(lexicon, concept_id, plain=not by_field)))
    if concept.kind == "muscle" and "muscle" in typed.lower():
        # the calf muscle is not its tendon; that is what comes next
        ids = tuple(i for i in ids if _kind(lexicon, i) == "muscle")
    above = tuple(sorted(lexicon.broader(concept_id) - ({ROOT} if concept_id != ROOT else set())))
    return Wanted(
        label=concept.preferred,
        typed=typed,
        kind=concept.kind,
        asked=(concept_id,),
        ids=ids,
        above=(concept_id,) if exact else above,
        groups=((concept_id,),),
        definitions=() if exact else _definitions(lexicon, concept_id, plain=not by_field),
        exact=exact,
        by_field=by_field,
        broader=(
            *(
                i
                for i in (concept.part_of if is_structure(concept.kind) else concept.is_a)
                if i != ROOT
                and len(lexicon.narrower(i))
                <= (_NOT_TOO_LARGE if is_structure(concept.kind) else _NOT_TOO_WIDE)
            ),
            *(i for i in every if i not in ids),
            *(below for i in lexicon.near(concept_id) for below in sorted(lexicon.narrower(i))),
        ),
    )


def literal(typed: str, kind: str, *, by_field: bool = True, near: tuple[str, ...] = ()) -> Wanted:
    """Words no lexicon knows, compared as the author wrote them; ``near`` are names that may have been meant."""
    spellings = tuple(dict.fromkeys((typed, typed.lower(), typed.lower().replace(" ", "_"))))
    return Wanted(
        label=typed, typed=typed, kind=kind, asked=spellings, ids=spellings, above=spellings, literal=typed,
        by_field=by_field, near=near,
    )  # fmt: skip


def either(first: Wanted, *others: Wanted) -> Wanted:
    """Any of several concepts: their sets joined."""
    every = (first, *others)
    return Wanted(
        label=" or ".join(w.label for w in every),
        typed=" or ".join(w.typed for w in every),
        kind=first.kind,
        asked=tuple(i for w in every for i in w.asked),
        ids=tuple(sorted({i for w in every for i in w.ids})),
        above=tuple(sorted({i for w in every for i in w.above})),
        groups=(tuple(i for w in every for group in w.groups for i in group),),
        definitions=tuple(d for w in every for d in w.definitions),
        exact=all(w.exact for w in every),
        by_field=any(w.by_field for w in every),
    )


def both(first: Wanted, second: Wanted) -> Wanted | None:
    """What belongs to both ("thigh" and "muscle"), or None where nothing does."""
    ids = set(first.ids) & set(second.ids)
    if not ids or first.literal or second.literal:
        return None
    if ids == set(first.ids):
        return first
    if ids == set(second.ids):
        return second
    return Wanted(
        label=f"{first.label} {second.label}",
        typed=f"{first.typed} {second.typed}",
        kind=second.kind,
        asked=(),
        ids=tuple(sorted(ids)),
        above=tuple(sorted({*first.above, *second.above})),
        groups=(*first.groups, *second.groups),
        by_field=first.by_field or second.by_field,
        broader=min((first, second), key=lambda w: len(w.ids)).asked,
    )


def implied(lexicon: Lexicon, structure: Wanted | None, abnormality: Wanted | None) -> tuple[str, ...]:
    """Composite concepts that by their definition are this abnormality at this structure (tennis leg)."""
    if any(w is not None and (w.exact or w.literal) for w in (structure, abnormality)):
        return ()
    places = set(structure.ids) if structure else None
    kinds = set(abnormality.ids) if abnormality else None
    found = []
    for concept_id, place, what in _composites(lexicon):
        if places is not None and place not in places:
            continue
        if kinds is not None and what not in kinds and concept_id not in kinds:
            continue
        found.append(concept_id)
    return tuple(found)


def _definitions(lexicon: Lexicon, concept_id: str, *, plain: bool) -> tuple[Definition, ...]:
    """Of a name for a finding at a place what it is made of, and what its kinds are made of."""
    own = lexicon.concept(concept_id)
    kinds = sorted(lexicon.narrower(concept_id)) if own is not None and own.defined_as else ()
    found = []
    for place, what, site in (
        d for i in kinds if (c := lexicon.concept(i)) is not None for d in c.defined_as
    ):
        if place and what and what != ROOT:
            found.append(
                Definition(
                    tuple(name for name in (place, what, site) if name),
                    tuple(sorted({*lexicon.narrower(place), *_named_after_joints(lexicon, place)})),
                    tuple(sorted(_meaning(lexicon, what, plain=plain))),
                    tuple(sorted(lexicon.narrower(site))) if site else (),
                )
            )
    for what, places in lexicon.same_in(concept_id):
        # of the rows alone: in a text such plain words are understood with their structure
        found.append(Definition((), tuple(sorted(places)), tuple(sorted(lexicon.narrower(what)))))
    return tuple(found)


def _meaning(lexicon: Lexicon, concept_id: str, *, plain: bool) -> set[str]:
    """A concept with its kinds, and what it means too where it is said plainly."""
    also = lexicon.also(concept_id) if plain else ()
    if concept_id == "tendon" and plain:
        also = _named_for_their_tendon(lexicon)
    return {below for i in (concept_id, *also) for below in lexicon.narrower(i)}


@lru_cache(maxsize=4)
def _named_for_their_tendon(lexicon: Lexicon) -> tuple[str, ...]:
    """Muscles that stand for their tendon too: a supraspinatus is torn in its tendon."""
    muscles = (lexicon.concept(i) for i in lexicon.ids(("muscle",)))
    return tuple(m.id for m in muscles if m is not None and any(n.endswith(" tendon") for n in m.names))


@lru_cache(maxsize=4)
def _named_after_joints(lexicon: Lexicon, place: str) -> tuple[str, ...]:
    """Regions that stand for their joint, where any joint is meant: an effusion of the hip is one of the hip joint."""
    if place != "joint":
        return ()
    regions = (lexicon.concept(i) for i in lexicon.ids(("region",)))
    return tuple(
        r.id for r in regions if r is not None and lexicon.resolve(f"{r.preferred} joint", ("joint",))
    )


@lru_cache(maxsize=4)
def _composites(lexicon: Lexicon) -> tuple[tuple[str, str, str], ...]:
    """(concept, structure, abnormality) of everything that is defined as a finding at a place.

    Of some only the place is defined, the abnormality is empty: a hydatid cyst is one of the liver, and a cyst
    of the liver need not be one.
    """
    every = lexicon.definitions(ABNORMALITY_KINDS)
    return tuple((concept_id, place, what) for concept_id, (place, what, _) in every if place)


def composites_at(lexicon: Lexicon, sites: Iterable[str]) -> tuple[str, ...]:
    """Names for a finding at one of these sites: who has a carpal tunnel syndrome has something at the tunnel."""
    here = set(sites)
    every = lexicon.definitions(ABNORMALITY_KINDS)
    return tuple(concept_id for concept_id, (_, _, site) in every if site in here)


def is_structure(kind: str) -> bool:
    return kind in STRUCTURE_KINDS


def is_abnormality(kind: str) -> bool:
    return kind in ABNORMALITY_KINDS


def ambiguous(lexicon: Lexicon, word: str) -> tuple[str, ...]:
    """What a short form may mean that prose does not settle: "TA" two structures, "LT" a side.

    In a question short forms are meant, so structures count first, then abnormalities, then sides.
    """
    if len(word) > 4:
        return ()
    senses = lexicon.senses(word)
    for kinds in (STRUCTURE_KINDS, ABNORMALITY_KINDS, ("laterality",)):
        chosen = tuple(i for i in senses if _kind(lexicon, i) in kinds)
        if chosen:
            return chosen
    return ()


def _kind(lexicon: Lexicon, concept_id: str) -> str:
    concept = lexicon.concept(concept_id)
    return concept.kind if concept else ""
