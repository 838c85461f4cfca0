"""What a person decided about one file's pixels: it holds for exactly these bytes, for nothing that resembles them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from casearchive.deid import shapes
from casearchive.deid.shapes import Shape
from casearchive.errors import CaseArchiveError

#: The ledger's words for a decision; the subject is the SHA-256 of the original.
REVIEWED = "reviewed"
APPROVE, MASK, REFUSE, REOPEN = "approve", "mask", "refuse", "reopen"
#: A decision of its own: who looks at pictures has not listened.
LISTENED = "listened"


@dataclass(frozen=True, slots=True)
class Heard:
    """A person listened to the sound of these bytes, and lets it out with their pictures."""

    who: str = ""
    at: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """``mask``: keep ``keep`` (nothing: what is kept anyway) without ``remove``; what looks like text in it waits.
    ``approve``: no text in that tells who it is. ``refuse``: it stays in.

    ``who`` and ``at`` (ISO 8601) are the ledger's; ``because`` is the person's own words. ``area`` is the digest of
    what was kept when they looked, where that was not drawn by them: another area was not looked at.
    """

    kind: str
    who: str = ""
    at: str = ""
    because: str = ""
    keep: tuple[Shape, ...] = ()
    remove: tuple[Shape, ...] = ()
    area: str = ""

    def details(self) -> dict[str, Any]:
        """As the ledger keeps it: shapes in words."""
        plain: dict[str, Any] = {"decision": self.kind, "because": self.because}
        for name, some in (("keep", self.keep), ("remove", self.remove)):
            if some:
                plain[name] = [shapes.written(shape) for shape in some]
        if self.area:
            plain["area"] = self.area
        return plain


def heard(details: Mapping[str, Any], who: str, at: str) -> Heard | None:
    """What a line of the ledger lets be heard; None where it was taken back, or cannot be read here."""
    return Heard(who, at, str(details.get("because", ""))) if details.get("leaves") is True else None


def read(details: Mapping[str, Any], who: str, at: str) -> Decision | None:
    """The decision of a line of the ledger; None where it was taken back. One that cannot be read here keeps the file
    in: a newer program may have meant more by it."""
    kind = details.get("decision")
    if kind == REOPEN:
        return None
    unread = Decision(REFUSE, who, at, "a decision about it that cannot be read here")
    if kind not in (APPROVE, MASK, REFUSE):
        return unread
    try:
        keep, remove = (
            tuple(shapes.read(str(s)) for s in details.get(name, ())) for name in ("keep", "remove")
        )
    except (CaseArchiveError, TypeError):
        return unread
    return Decision(
        str(kind), who, at, str(details.get("because", "")), keep, remove, str(details.get("area", ""))
    )
