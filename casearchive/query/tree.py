"""A question as a tree of frozen values: what a clinician asked, after the words were understood.

Leaves are clauses that one place of a case (a finding, a clip, its text) must satisfy by itself; ``And``,
``Or`` and ``Not`` join them. Nothing here knows SQL or a database.
"""

from __future__ import annotations

from collections.abc import Callable

from casearchive.choices import PRESENT
from casearchive.frozen import dataclass

#: What a plain search means by "has": never a documented absence, never "not assessed".


@dataclass(frozen=True)
class Definition:
    """What a composite concept is made of (tennis leg: a tear of the medial gastrocnemius), expanded.

    ``names`` are the concepts of the definition themselves; without them it is not looked for in texts."""

    names: tuple[str, ...]
    structures: tuple[str, ...]
    abnormalities: tuple[str, ...]
    sites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A concept asked for.

    ``ids`` is everything that counts as it (presence climbs: its kinds, its parts, the members of a region);
    ``above`` is everything whose absence includes its absence (absence descends), itself among them.
    ``groups`` says how to find it in text: every group must be met, by any one of its concept ids.
    ``broader`` are the concepts that it is directly a kind of.
    ``literal`` holds words that are no concept of the lexicon and are compared as written.
    """

    label: str
    typed: str
    kind: str
    asked: tuple[str, ...]
    ids: tuple[str, ...]
    above: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    definitions: tuple[Definition, ...] = ()
    literal: str = ""
    exact: bool = False
    by_field: bool = False
    near: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; an open end is None, ``*_in`` tells whether the end belongs to it."""

    low: float | None = None
    high: float | None = None
    low_in: bool = True
    high_in: bool = True

    def holds(self, number: float) -> bool:
        low = self.low is None or (number >= self.low if self.low_in else number > self.low)
        return low and (self.high is None or (number <= self.high if self.high_in else number < self.high))


@dataclass(frozen=True)
class GradeTest:
    """A grade on one scale; scales never mix. ``value`` compares the author's spelling (``2b``)."""

    scale: str
    range: Range | None = None
    value: str = ""


@dataclass(frozen=True)
class FindingClause:
    """One finding that has all of this at once.

    ``strict`` asks the findings only (``finding:tear``); otherwise diagnoses, and for what nobody annotated
    the words, may answer too. ``beside`` is a structure that is preferred but not demanded.
    ``implied`` are composite concepts that already say where they are. ``only_sides`` does not take a finding
    whose side nobody recorded, as ``sides`` does. ``loose`` names the properties that were said in plain words,
    not by a field: they may be given up, and a finding of no recorded severity answers too.
    """

    structure: Wanted | None = None
    abnormality: Wanted | None = None
    site: Wanted | None = None
    maneuver: Wanted | None = None
    beside: Wanted | None = None
    sides: tuple[str, ...] = ()
    certainty: tuple[str, ...] = PRESENT
    severity: tuple[str, ...] = ()
    temporality: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    echogenicity: tuple[str, ...] = ()
    confirmed_by: tuple[str, ...] = ()
    grades: tuple[GradeTest, ...] = ()
    doppler: Range | None = None
    filled: tuple[str, ...] = ()
    reviewed: bool | None = None
    only_sides: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
    strict: bool = False
    loose: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """The concepts in the title or the diagnosis: what a case is about, rather than what it also shows."""

    wanted: tuple[Wanted, ...]


@dataclass(frozen=True)
class Mention:
    """A concept of any other kind (a symptom, a manoeuvre, a treatment …), wherever a case says it."""

    wanted: Wanted


@dataclass(frozen=True)
class Words:
    """Words the lexicon does not know: all must occur in the text; ``prefix`` takes longer words too."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True)
class Phrase:
    """Exactly these words in this order, in ``column`` (``verbatim`` holds every word, denied ones too)."""

    text: str
    column: str = "verbatim"


@dataclass(frozen=True)
class Test:
    """A comparison of one field: a range of numbers, a range of texts (dates), or any of some values.

    ``how`` is number, text (contains), same (equal, or starts with where it ends in ``*``), date or filled.
    """

    field: str
    how: str
    range: Range | None = None
    values: tuple[str, ...] = ()
    bounds: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class MediaClause:
    """One clip, picture or file that passes all these tests at once."""

    tests: tuple[Test, ...]


@dataclass(frozen=True)
class CaseClause:
    """A property of the case (or of the file's patient, where no case holds it)."""

    test: Test


@dataclass(frozen=True)
class TermClause:
    """Something a case names in a role: diagnosis, differential, symptom, mechanism, category or tag."""

    role: str
    wanted: Wanted | None
    structure: Wanted | None = None


@dataclass(frozen=True)
class PriorClause:
    """What was thought before: ``says``, ``missed``, how it was wrong, or who looked. All of one prior."""

    says: Wanted | None = None
    missed: Wanted | None = None
    discordance: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    filled: bool = False


@dataclass(frozen=True)
class MeasureClause:
    """A measurement in a base unit (``units``): any of the names ``what`` (none: any in that unit), in any of
    these states, of a finding at ``structure`` that is an ``abnormality``, as far as those are asked. ``sides``
    leaves out what was measured on another side; ``by_field`` tells gap>20mm from plain words."""

    what: tuple[str, ...]
    label: str
    range: Range
    unit: str
    states: tuple[str, ...] = ()
    structure: Wanted | None = None
    abnormality: Wanted | None = None
    sides: tuple[str, ...] = ()
    by_field: bool = False


@dataclass(frozen=True)
class Has:
    """The presence of material; ``what`` is a key of ``fields.HAS`` (cine, doppler, quiz, evidence …)."""

    what: str


@dataclass(frozen=True)
class Like:
    """Cases that are like ``case``: each slug with how alike it is, from 0 to 1."""

    case: str
    scores: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Side:
    """A side with nothing to bind it to: any finding, clip or file of it."""

    sides: tuple[str, ...]


@dataclass(frozen=True)
class Everything:
    """No condition at all."""


@dataclass(frozen=True)
class And:
    """All of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """Any of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """Whatever does not answer the part."""

    part: Node


@dataclass(frozen=True)
class Some:
    """At least ``least`` of the parts; the more, the better."""

    parts: tuple[Node, ...]
    least: int = 1


@dataclass(frozen=True)
class Maybe:
    """Not demanded; it only lifts the score."""

    part: Node


Leaf = (
    FindingClause
    | Said
    | Mention
    | Words
    | Phrase
    | MediaClause
    | CaseClause
    | TermClause
    | PriorClause
    | MeasureClause
    | Has
    | Like
    | Side
)
Node = Leaf | Everything | And | Or | Not | Some | Maybe


@dataclass(frozen=True)
class Query:
    """What was asked and how it was understood.

    ``understood`` are lines for a person. ``unknown`` are the places (start, end; 0-based) of words that are
    in no vocabulary: where the question finds nothing, ``respelt`` looks for what they may have meant,
    unless ``exact`` forbids guessing; ``misspelt`` are words that were understood all the same, with their names.
    ``again`` reads other words as these were read, with the same living sets.
    """

    text: str
    root: Node
    understood: tuple[str, ...] = ()
    unknown: tuple[tuple[int, int], ...] = ()
    exact: bool = False
    misspelt: tuple[tuple[int, int, str], ...] = ()
    again: Callable[[str], Query] | None = None


def leaves(node: Node) -> tuple[Leaf, ...]:
    """The leaves that speak for a hit: everything that is asked and not under ``Not``, left to right."""
    if isinstance(node, And | Or | Some):
        return tuple(leaf for part in node.parts for leaf in leaves(part))
    if isinstance(node, Maybe | Not | Everything | Said):
        return ()
    return (node,)
