"""Sets of documents as whole numbers (bit n is document n), and scores beside them, counted a hundred thousand at once.

A score is kept in ten-thousandths, cut into bits: plane p holds, for every document, bit p of its score. Adding
scores is then adding in columns, as on paper, for all documents together; the best are found from the top bit down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

UNITS = 10_000


class Tier(NamedTuple):
    """Documents that answer alike; of the tiers a document is in, the one of the highest ``rank`` speaks for it."""

    rank: float
    level: int
    score: float
    documents: int


class Ranked(NamedTuple):
    """``within[n]`` are the documents that answer at level n or better; ``planes`` are the bits of their scores."""

    within: tuple[int, int, int] = (0, 0, 0)
    planes: tuple[int, ...] = ()

    @property
    def members(self) -> int:
        return self.within[2]

    def score(self, document: int) -> float:
        return sum((plane >> document & 1) << p for p, plane in enumerate(self.planes)) / UNITS


def minus(first: int, second: int) -> int:
    """What is in the first set alone; ``first & ~second`` would be far slower."""
    return first ^ (first & second)


def of_tiers(tiers: Iterable[Tier]) -> Ranked:
    exact = [0, 0, 0]
    seen = 0
    planes: list[int] = []
    for tier in sorted(tiers, key=lambda t: (-t.rank, -t.score)):
        new = minus(tier.documents, seen)
        if not new:
            continue
        seen |= new
        exact[tier.level] |= new
        _put(planes, new, round(tier.score * UNITS))
    return Ranked(_within(exact), tuple(planes))


def _put(planes: list[int], documents: int, units: int) -> None:
    planes.extend([0] * (units.bit_length() - len(planes)))
    for p in range(units.bit_length()):
        if units >> p & 1:
            planes[p] |= documents


def of_scores(scores: Mapping[int, float]) -> Ranked:
    """Documents that match, each with a score of its own."""
    if not scores:
        return Ranked()
    length = max(scores) // 8 + 1
    columns = [bytearray(length) for _ in range(UNITS.bit_length() + 3)]
    members = bytearray(length)
    for document, score in scores.items():
        place, bit = document >> 3, 1 << (document & 7)
        members[place] |= bit
        units = round(score * UNITS)
        for column in columns:
            if units & 1:
                column[place] |= bit
            units >>= 1
    every = int.from_bytes(members, "little")
    return Ranked((every, every, every), tuple(int.from_bytes(c, "little") for c in columns))


def _within(exact: Sequence[int]) -> tuple[int, int, int]:
    return exact[0], exact[0] | exact[1], exact[0] | exact[1] | exact[2]


# ------------------------------------------------------------------------------------------- joining


def every(parts: Sequence[Ranked]) -> Ranked:
    """Documents in all parts: the scores are added, the worst level counts."""
    first, *others = parts
    for part in others:
        within = tuple(a & b for a, b in zip(first.within, part.within, strict=True))
        first = _masked(within, _added(first.planes, part.planes))
    return first


def lifted(asked: Ranked, wished: Ranked) -> Ranked:
    """The same documents; those that also have what was wished for score higher."""
    return _masked(asked.within, _added(asked.planes, wished.planes))


def without(asked: Ranked, denied: int) -> Ranked:
    return _masked(tuple(minus(w, denied) for w in asked.within), asked.planes)


def best_of(parts: Sequence[Ranked]) -> Ranked:
    """Documents in any part; the part with the better level, then the better score, speaks for one."""
    first, *others = parts
    for part in others:
        better = _above(part, first)
        planes = [0] * max(len(first.planes), len(part.planes))
        for p, plane in enumerate(part.planes):
            planes[p] |= plane & better
        for p, plane in enumerate(first.planes):
            planes[p] |= minus(plane, better)
        first = Ranked(_joined(first, part), tuple(planes))
    return first


def some(parts: Sequence[Ranked], least: int = 1) -> Ranked:
    """Documents in at least ``least`` parts: the scores are added, the best level counts."""
    return _any_of(parts) if least <= 1 else _kept(_any_of(parts), _met(parts, least))


def _met(parts: Sequence[Ranked], least: int) -> int:
    """Documents that match in at least so many parts."""
    at_least = [0] * (least + 1)
    for part in parts:
        match = part.within[0]
        for count in range(least, 1, -1):
            at_least[count] |= at_least[count - 1] & match
        at_least[1] |= match
    return at_least[least]


def _kept(asked: Ranked, documents: int) -> Ranked:
    return _masked(tuple(w & documents for w in asked.within), asked.planes)


def _any_of(parts: Sequence[Ranked]) -> Ranked:
    first, *others = parts
    for part in others:
        first = Ranked(_joined(first, part), _added(first.planes, part.planes))
    return first


def _joined(first: Ranked, second: Ranked) -> tuple[int, int, int]:
    a, b = first.within, second.within
    return a[0] | b[0], a[1] | b[1], a[2] | b[2]


def _above(first: Ranked, second: Ranked) -> int:
    """Where the first is better than the second."""
    better = worse = 0
    for a, b in zip(first.within, second.within, strict=True):
        better |= minus(a, b)
        worse |= minus(b, a)
    settled = better | worse
    for p in reversed(range(max(len(first.planes), len(second.planes)))):
        a = first.planes[p] if p < len(first.planes) else 0
        b = second.planes[p] if p < len(second.planes) else 0
        differ = minus(a ^ b, settled)
        better |= differ & a
        settled |= differ
    return better


def _added(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    carry = 0
    planes = []
    for p in range(max(len(first), len(second))):
        a = first[p] if p < len(first) else 0
        b = second[p] if p < len(second) else 0
        either = a ^ b
        planes.append(either ^ carry)
        carry = (a & b) | (either & carry)
    return (*planes, carry) if carry else tuple(planes)


def _masked(within: Sequence[int], planes: Sequence[int]) -> Ranked:
    match, other, last = within
    return Ranked((match, other, last), tuple(plane & last for plane in planes))


# ------------------------------------------------------------------------------------------- the best of them


def best(ranked: Ranked, among: int, count: int) -> tuple[int, int]:
    """The best ``count`` of some documents: those surely in, and those that tie for the places left."""
    sure, tied = 0, among
    if tied.bit_count() <= count:
        return tied, 0
    for plane in reversed(ranked.planes):
        high = tied & plane
        number = (sure | high).bit_count()
        if number > count:
            tied = high
        else:
            sure, tied = sure | high, minus(tied, high)
            if number == count:
                return sure, 0
    return sure, tied


def positions(documents: int, most: int | None = None) -> list[int]:
    """The numbers of the documents in a set, lowest first."""
    digits = bin(documents)[:1:-1]
    found: list[int] = []
    at = digits.find("1")
    while at >= 0 and (most is None or len(found) < most):
        found.append(at)
        at = digits.find("1", at + 1)
    return found


def of_positions(documents: Iterable[int]) -> int:
    chosen = list(documents)
    if not chosen:
        return 0
    digits = bytearray(b"0") * (max(chosen) + 1)
    for document in chosen:
        digits[-1 - document] = 49  # the digit 1
    return int(digits, 2)


def folded(items: int, width: int) -> int:
    """Items lie in rows of ``width`` documents, the first item of each document in the first row: which documents
    have any item of the set."""
    while items.bit_length() > width:
        half = (-(-items.bit_length() // width) + 1) // 2 * width
        items = (items >> half) | (items & _ones(half))
    return items


@lru_cache(maxsize=64)
def _ones(count: int) -> int:
    return (1 << count) - 1
