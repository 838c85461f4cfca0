"""What was read in the words of a case or a file, reviewed by nobody; ``mining`` reads it."""

from __future__ import annotations

from casearchive.frozen import dataclass
from casearchive.model import Finding, Measurement

#: Where something was read that stands in a structured report.
REPORT = "report"


@dataclass(frozen=True)
class Mined:
    """A finding that was read in a text, never reviewed: where (``history``, ``caption M2``) and the words."""

    finding: Finding
    source: str
    quote: str

    @property
    def origin(self) -> str:
        """``report``: read in a structured report, whose words may name people and are quoted nowhere; or ``text``."""
        return "report" if self.source == REPORT else "text"


@dataclass(frozen=True)
class Label:
    """What was thought before, as the text tells it: concept ids, and the words."""

    says: tuple[str, ...]
    source: str
    quote: str


@dataclass(frozen=True)
class Dispute:
    """The text says otherwise than the finding at place ``number`` (from 0) of the record."""

    number: int
    source: str
    quote: str

    def __str__(self) -> str:
        return f"the {self.source} says otherwise: “{self.quote}”; see which of the two is right"


@dataclass(frozen=True)
class Mining:
    """All that was read in one case. ``measurements`` belong to its findings; ``age`` ("33 Y") and ``sex`` are what
    the text says where the record does not."""

    findings: tuple[Mined, ...] = ()
    labels: tuple[Label, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    age: str = ""
    sex: str = ""
