"""A concept of the vocabulary as a person looks it up: its names, what it belongs to, what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

from casearchive.terms import Concept, Lexicon

#: The relations of a concept, and what they are called from above and from below.
_RELATIONS = (
    ("is_a", "a kind of", "kinds"),
    ("part_of", "part of", "parts"),
    ("branch_of", "branch of", "branches"),
    ("region", "in", "in it"),
)


@dataclass(frozen=True)
class Entry:
    """``parents`` and ``children`` are (relation in words, concept ids); ``cases`` counts the cases that have it,
    its kinds or its parts, and is None where there is no archive to ask."""

    concept: Concept
    parents: tuple[tuple[str, tuple[str, ...]], ...] = ()
    children: tuple[tuple[str, tuple[str, ...]], ...] = ()
    composites: tuple[str, ...] = ()
    below: frozenset[str] = frozenset()
    cases: int | None = None


def entries(lexicon: Lexicon, word: str) -> tuple[Entry, ...]:
    """What a word may mean, the likeliest first; nothing where it is no word of the vocabulary."""
    one = lexicon.resolve(word)
    ids = [one.id] if one is not None else []
    ids += [i for i in lexicon.senses(word) if i not in ids]
    return tuple(_entry(lexicon, concept) for i in ids if (concept := lexicon.concept(i)) is not None)


def kinds(lexicon: Lexicon) -> dict[str, int]:
    """How many concepts there are of each kind, the most first."""
    found: dict[str, int] = {}
    for concept_id in lexicon.ids():
        concept = lexicon.concept(concept_id)
        if concept is not None:
            found[concept.kind] = found.get(concept.kind, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def of_kind(lexicon: Lexicon, kind: str) -> tuple[Concept, ...]:
    """The concepts of one kind by name."""
    found = [c for i in lexicon.ids((kind,)) if (c := lexicon.concept(i)) is not None]
    return tuple(sorted(found, key=lambda concept: concept.preferred.casefold()))


def _entry(lexicon: Lexicon, concept: Concept) -> Entry:
    every = [c for i in lexicon.ids() if (c := lexicon.concept(i)) is not None]
    parents, children = [], []
    for relation, above, below in _RELATIONS:
        up = getattr(concept, relation)
        if up:
            parents.append((above, tuple(up)))
        down = tuple(sorted(c.id for c in every if concept.id in getattr(c, relation)))
        if down:
            children.append((below, down))
    composites = tuple(
        sorted(c.id for c in every if any(concept.id in (place, what) for place, what, _ in c.defined_as))
    )
    return Entry(concept, tuple(parents), tuple(children), composites, lexicon.narrower(concept.id))
