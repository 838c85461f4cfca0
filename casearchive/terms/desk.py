"""One sentence on the desk of whoever reads it: what it names, its structures, sides, chunks and scopes."""

from __future__ import annotations

from dataclasses import dataclass, field

from casearchive.terms.binding import Bound, Group
from casearchive.terms.clauses import Sentence
from casearchive.terms.context import Scope
from casearchive.terms.naming import Named


@dataclass(slots=True)
class Clause:
    """Offsets are 0-based, in the whole text; ``bounds`` are what findings were bound to, by where they begin."""

    part: Sentence
    inside: list[Named]
    groups: list[Group]
    sides: list[tuple[int, int, str]]
    chunks: tuple[tuple[int, int], ...]
    scopes: list[Scope]
    taught: bool
    bounds: dict[int, Bound] = field(default_factory=dict)

    def chunk_of(self, name: Named) -> tuple[int, int]:
        """The chunk that a name stands in, else the whole sentence."""
        return next((c for c in self.chunks if c[0] <= name.start < c[1]), (self.part.start, self.part.end))
