"""What a search answers: hits, each with the reason it is there, and what was left out."""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple

from casearchive.frozen import dataclass


@dataclass(frozen=True)
class FindingRow:
    """One finding of a case as the index holds it; ``structure`` and the like are concept ids or words.

    ``origin`` is ``record`` (its author's), ``text``: read in the words of ``source``, which ``quote`` holds, or
    ``report``: read in a structured report, which is not quoted.
    """

    id: str
    structure: str
    abnormality: str
    side: str
    certainty: str
    severity: str
    temporality: str
    modality: str
    site: str
    reviewed: bool
    origin: str = "record"
    source: str = ""
    quote: str = ""


@dataclass(frozen=True)
class MediaRow:
    """A clip that belongs to a hit; ``frames`` is the 1-based inclusive range that shows it, where known."""

    sha256: str
    frames: tuple[int, int] | None
    media_id: str


@dataclass(frozen=True)
class InstanceRow:
    """A file that belongs to no case."""

    sha256: str
    sop_instance_uid: str
    study_description: str
    study_date: str
    kind: str
    frames: int


@dataclass(frozen=True)
class Hit:
    """A case (``case`` is its slug) or a file outside any case (``case`` is None, ``instance`` is set).

    ``why`` says where it matched, the most telling first. ``absent`` marks a case that documents the absence.
    """

    case: str | None
    title: str
    score: float
    why: tuple[str, ...]
    findings: tuple[FindingRow, ...] = ()
    media: tuple[MediaRow, ...] = ()
    instance: InstanceRow | None = None
    side: str = ""
    age: float | None = None
    sex: str = ""
    difficulty: str = ""
    absent: bool = False


@dataclass(frozen=True)
class Results:
    """``total`` counts all hits, ``hits`` holds the best ``limit`` of them. ``hidden`` counts cases that
    were left out: ``absent`` (they document that it is not there) and ``other_side``. ``facets`` count the
    best ``MOST_COUNTED`` hits by structure, abnormality, side, certainty, difficulty and kind. ``loosened``
    says that the words as typed found nothing and something near them is shown. ``blame``: where there is no hit,
    each condition without which there would be some, and how many."""

    query: str
    understood: tuple[str, ...]
    total: int
    hits: tuple[Hit, ...]
    hidden: dict[str, int] = field(default_factory=dict)
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    did_you_mean: str = ""
    loosened: bool = False
    blame: tuple[tuple[str, int], ...] = ()


class Place(NamedTuple):
    """A document that is shown, before anything is told of it; ``level`` as in ``query.pieces``."""

    document: int
    score: float
    level: int
