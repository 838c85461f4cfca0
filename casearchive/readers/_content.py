"""The content tree of a structured document as values, item by item (PS3.3 C.17.3): all of it, or nothing."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from casearchive.model import Coded, ContentItem, Pointer
from casearchive.readers._headers import Header
from casearchive.readers._shared import clean

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: A document of more items, deeper, or with more coordinates an item than this is not read: a part of it would tell
#: another story.
MOST_ITEMS, DEEPEST, MOST_POINTS = 20_000, 32, 8_000


class TooMuch(Exception):
    """The document is larger than any that people read."""


def tree(header: Header, *, words: bool = False) -> ContentItem | None:
    """The root with all below it; None where the object holds no tree, or none that can be read whole.

    With ``words`` it also has the meanings beside its codes, codes that are too long for Code Value, exact numbers
    and the lines of its texts: for what is taken in, never for what leaves.
    """
    if header.text("ValueType") != "CONTAINER":
        return None
    try:
        return _Reader(header, words=words).item(header.dataset, 0)
    except TooMuch:
        header.notes.append("its content is too large or too deep to be read whole")
        return None


class _Reader:
    def __init__(self, header: Header, *, words: bool) -> None:
        self._header, self._words = header, words
        self._left = MOST_ITEMS

    def item(self, item: Dataset, depth: int) -> ContentItem:
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise TooMuch
        header = self._header
        measured = next(iter(header.items("MeasuredValueSequence", item)), None)
        kind = header.text("ValueType", item) or ""
        return ContentItem(
            kind=kind,
            relation=header.text("RelationshipType", item) or "",
            name=self._code("ConceptNameCodeSequence", item),
            text=self._text(item) if kind == "TEXT" else "",
            code=self._code("ConceptCodeSequence", item),
            number=None if measured is None else self._number(measured),
            unit=None if measured is None else self._code("MeasurementUnitsCodeSequence", measured),
            uid=header.text("UID", item) or "",
            shape=header.text("GraphicType", item) or header.text("TemporalRangeType", item) or "",
            points=numbers(header, "ReferencedTimeOffsets" if kind == "TCOORD" else "GraphicData", item),
            pointers=pointers(header, "ReferencedSOPSequence", item),
            continuity=header.text("ContinuityOfContent", item) or "",
            items=tuple(self.item(below, depth + 1) for below in header.items("ContentSequence", item)),
        )

    def _code(self, keyword: str, item: Dataset) -> Coded | None:
        for code in self._header.items(keyword, item)[:1]:
            value, scheme = (
                self._header.text(part, code) for part in ("CodeValue", "CodingSchemeDesignator")
            )
            if self._words:
                value = value or self._header.text("LongCodeValue", code)
            if value and scheme:
                return Coded(value, scheme, self._meaning(code))
        return None

    def _meaning(self, code: Dataset) -> str:
        return (self._header.text("CodeMeaning", code) or "") if self._words else ""

    def _number(self, measured: Dataset) -> float | None:
        """The exact number where one stands beside the decimal one (PS3.3 C.18.1)."""
        exact = self._header.number("FloatingPointValue", measured) if self._words else None
        return self._header.number("NumericValue", measured) if exact is None else exact

    def _text(self, item: Dataset) -> str:
        if not self._words:
            return self._header.text("TextValue", item) or ""
        value = self._header.value("TextValue", item)
        if value is None or isinstance(value, bytes):
            return ""
        lines = (clean(line) for line in re.split(r"\r\n|\r|\n", str(value)))
        return "\n".join(lines).strip()


def pointers(header: Header, keyword: str, item: Dataset) -> tuple[Pointer, ...]:
    """The objects that a sequence of references names (PS3.3 10.3), with their frames."""
    found = []
    for reference in header.items(keyword, item):
        uid = header.text("ReferencedSOPInstanceUID", reference)
        if uid:
            frames = numbers(header, "ReferencedFrameNumber", reference)
            found.append(Pointer(uid, tuple(int(n) for n in frames)))
    return tuple(found)


def numbers(header: Header, keyword: str, item: Dataset) -> tuple[float, ...]:
    """All values as finite numbers; none where one is not, or where there are too many."""
    from pydicom.multival import MultiValue

    value: Any = header.value(keyword, item)
    if value is None or isinstance(value, bytes):
        return ()
    parts = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    if len(parts) > MOST_POINTS:
        raise TooMuch
    try:
        found = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return ()
    return found if all(map(math.isfinite, found)) else ()
