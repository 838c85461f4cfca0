"""A refusal as a value: why something may not leave, and who can decide otherwise."""

from __future__ import annotations

from dataclasses import dataclass

REVIEW = "a person must look: casearchive review"
AUTHOR = "the author of the case"
NOBODY = "nobody: it cannot leave as it is"


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` and ``decide`` are for people and for certificates: neither may hold an identity."""

    reason: str
    decide: str = REVIEW
