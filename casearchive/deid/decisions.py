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


@dataclass(frozen=True, slots=True)
class Decision:
    """``approve``: what the ultrasound regions or a scanner profile keep was looked at, and no text in it tells who
    it is. ``mask``: keep ``keep`` (nothing: what is kept anyway) without ``remove``. ``refuse``: never leaves.

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


def read(details: Mapping[str, Any], who: str, at: str) -> Decision | None:
    """The decision of a line of the ledger; None where it was taken back, or cannot be read: then nobody decided."""
    kind = details.get("decision")
    if kind not in (APPROVE, MASK, REFUSE):
        return None
    try:
        keep, remove = (
            tuple(shapes.read(str(s)) for s in details.get(name, ())) for name in ("keep", "remove")
        )
    except (CaseArchiveError, TypeError):
        return None
    return Decision(
        str(kind), who, at, str(details.get("because", "")), keep, remove, str(details.get("area", ""))
    )
