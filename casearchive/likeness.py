"""How alike two cases are: their findings pair by pair, weighted by rarity and hierarchy, and what tells them apart.

Pure: features in, a score and words out. A rectus femoris tear is nearer to a vastus tear than to a tear of the
Achilles tendon, and what two cases share counts the more the rarer it is in the collection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from casearchive.terms import Lexicon

#: How much the other case explains of this one, this one of the other, and all the rest (mechanism, symptoms …).
_FORWARD, _BACKWARD, _BESIDES = 0.6, 0.2, 0.2
#: From this likeness on two findings are told as one; below it they are two.
_ALIKE = 0.35
_MOST_TOLD = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """One finding: concept ids, and the side as the record has it."""

    structure: str
    abnormality: str
    side: str = "unknown"


@dataclass(frozen=True)
class Features:
    """What of a case is compared. ``present`` and ``absent`` findings; ``besides`` are (role, concept or word)
    pairs: diagnoses, mechanisms, symptoms, manoeuvres, and how an earlier impression was wrong."""

    case: str
    title: str = ""
    present: tuple[Seen, ...] = ()
    absent: tuple[Seen, ...] = ()
    besides: frozenset[tuple[str, str]] = frozenset()
    age: float | None = None


@dataclass(frozen=True)
class Likeness:
    """``score`` from 0 to 1. ``shared`` and ``differs`` are lines for a person, the weightiest first."""

    case: str
    title: str
    score: float
    shared: tuple[str, ...]
    differs: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Compares cases by one vocabulary and one collection.

    ``counts`` says how many findings of the collection are at a structure or are an abnormality. ``without``
    names an abnormality that the other case must not have; such a case counts the more if it documents that.
    """

    lexicon: Lexicon
    counts: Mapping[str, int]
    same_side: bool = False
    without: str = ""

    def compare(self, this: Features, other: Features) -> Likeness | None:
        """How alike the other case is, or None where it has what it must not have, or shares nothing."""
        barred = self.lexicon.narrower(self.without) if self.without else frozenset()
        if any(seen.abnormality in barred for seen in other.present):
            return None
        pairs = [(mine, *self._best(mine, other.present, barred)) for mine in this.present]
        back = [
            self._best(theirs, this.present, barred)[1] * self._weight(theirs) for theirs in other.present
        ]
        weight = sum(self._weight(mine) for mine in this.present) or 1.0
        forward = sum(likeness * self._weight(mine) for mine, _, likeness in pairs) / weight
        backward = sum(back) / (sum(self._weight(s) for s in other.present) or 1.0)
        score = _FORWARD * forward + _BACKWARD * backward + _BESIDES * self._besides(this, other)
        denied = [s for s in other.absent if barred & {s.abnormality, *self.lexicon.broader(s.abnormality)}]
        near = [s for s in denied if self._near_any(s, this.present)]
        if near:
            score = 0.7 * score + 0.3
        if score < 0.02:
            return None
        shared = [(self._weight(mine) * likeness, self._told(mine, theirs, barred)) for mine, theirs, likeness in pairs
                  if theirs is not None and likeness >= _ALIKE]  # fmt: skip
        shared += [(3.0, f"it documents: no {self._name(s)}") for s in near]
        shared += [(0.1, f"{role}: {self._word(word)}") for role, word in this.besides & other.besides]
        matched = {theirs for _, theirs, likeness in pairs if likeness >= _ALIKE}
        lost = [
            (self._weight(m), f"only here: {self._name(m)}") for m, _, likeness in pairs if likeness < _ALIKE
        ]
        more = [(self._weight(s), f"only there: {self._name(s)}") for s in other.present if s not in matched]
        return Likeness(
            other.case,
            other.title,
            round(score, 4),
            _first(shared),
            _first([*lost, *more]) + _sides(this, other),
        )

    # ------------------------------------------------------------------------------------------- two findings

    def _best(self, seen: Seen, others: Sequence[Seen], barred: frozenset[str]) -> tuple[Seen | None, float]:
        found = [(self._alike(seen, other, barred), n) for n, other in enumerate(others)]
        likeness, n = max(found, key=lambda pair: (pair[0], -pair[1]), default=(0.0, -1))
        return (others[n], likeness) if likeness > 0 else (None, 0.0)

    def _alike(self, one: Seen, other: Seen, barred: frozenset[str]) -> float:
        place = self.concepts(one.structure, other.structure) if one.structure and other.structure else 0.3
        kind = 0.5 if barred & {one.abnormality, other.abnormality} else self.concepts(
            one.abnormality, other.abnormality
        )  # fmt: skip
        likeness = math.sqrt(place * kind) if place and kind else 0.25 * max(place, kind)
        opposite = {one.side, other.side} == {"left", "right"}
        return likeness * (0.3 if self.same_side and opposite else 1.0)

    def _near_any(self, seen: Seen, others: Sequence[Seen]) -> bool:
        return any(
            not seen.structure
            or not other.structure
            or self.concepts(seen.structure, other.structure) >= _ALIKE
            for other in others
        )

    def concepts(self, one: str, other: str) -> float:
        """How near two concepts are, from 0 to 1: by the most telling thing that both are kinds or parts of."""
        if one == other:
            return 1.0
        common = _above(self.lexicon, one) & _above(self.lexicon, other)
        told = max((self.telling(concept) for concept in common), default=0.0)
        return told / max(self.telling(one), self.telling(other), told, 0.01)

    def telling(self, concept_id: str) -> float:
        """How much it says that something is this: rare and deep concepts say more (0 to 1)."""
        count = sum(self.counts.get(below, 0) for below in self.lexicon.narrower(concept_id))
        rare = 1.0 - math.log1p(min(count, self._total)) / math.log1p(self._total)
        deep = min(1.0, (len(_above(self.lexicon, concept_id)) - 1) / 5)
        return 0.5 * rare + 0.5 * deep

    @cached_property
    def _total(self) -> int:
        return max(1, sum(self.counts.values()) // 2)

    def _weight(self, seen: Seen) -> float:
        return 0.2 + self.telling(seen.structure) + self.telling(seen.abnormality)

    @staticmethod
    def _besides(this: Features, other: Features) -> float:
        every = this.besides | other.besides
        common = len(this.besides & other.besides) / len(every) if every else 0.0
        if this.age is None or other.age is None:
            return common
        return 0.85 * common + 0.15 * max(0.0, 1.0 - abs(this.age - other.age) / 30)

    # ------------------------------------------------------------------------------------------- words

    def _told(self, mine: Seen, theirs: Seen, barred: frozenset[str]) -> str:
        if mine.abnormality in barred:  # they have only the place in common
            there = (
                "" if mine.structure == theirs.structure else f" here, {self._word(theirs.structure)} there"
            )
            return f"{self._word(mine.structure)}{there}"
        if (mine.structure, mine.abnormality) == (theirs.structure, theirs.abnormality):
            return self._name(mine)
        return f"{self._name(mine)} here, {self._name(theirs)} there"

    def _name(self, seen: Seen) -> str:
        place = f" of {self._word(seen.structure)}" if seen.structure else ""
        return f"{self._word(seen.abnormality)}{place}"

    def _word(self, concept_id: str) -> str:
        concept = self.lexicon.concept(concept_id)
        return concept.preferred if concept else concept_id.replace("_", " ")


def _first(told: Sequence[tuple[float, str]]) -> tuple[str, ...]:
    ordered = sorted(told, key=lambda pair: (-round(pair[0], 6), pair[1]))
    return tuple(dict.fromkeys(words for _, words in ordered))[:_MOST_TOLD]


def _sides(this: Features, other: Features) -> tuple[str, ...]:
    mine, theirs = ({s.side for s in each.present} & {"left", "right"} for each in (this, other))
    return ("the other side",) if mine and theirs and not mine & theirs else ()


@lru_cache(maxsize=4096)
def _above(lexicon: Lexicon, concept_id: str) -> frozenset[str]:
    """The concept, what it is a kind or a part of, and the regions it lies in."""
    found: set[str] = set()
    waiting = [concept_id]
    while waiting:
        for upper in lexicon.broader(waiting.pop()) - found:
            found.add(upper)
            concept = lexicon.concept(upper)
            waiting.extend(concept.region if concept else ())
    return frozenset(found or {concept_id})
