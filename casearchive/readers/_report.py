"""What a structured report says of the examination, as sentences (PS3.3 C.17.3): texts, coded findings, measurements.

Who was examined and who examined, when, and why it was asked for are left out: they are no findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from casearchive.readers._headers import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: A report of more items, deeper or longer than this is read as far as that.
_MOST_ITEMS, _DEEPEST, _LONGEST = 4_000, 16, 40_000
#: Sections that tell why somebody came, or of another examination.
_ELSEWHERE = re.compile(
    r"\b(?:history|request\w*|indications?|reason|clinical (?:information|question|data)|previous|prior|"
    r"comparison|recommend\w*|consent)\b",
    re.IGNORECASE,
)
#: Concept names that have a part in a sentence (DCM 121071, SCT 363698007, SCT 272741003 and their older codes).
_PARTS = {"finding": "finding", "finding site": "site", "laterality": "side"}


def words(header: Header) -> str:
    """A line a sentence; nothing where the object is no report. Codes speak by their meaning, as written."""
    if header.text("ValueType") != "CONTAINER":
        return ""
    reader = _Reader(header)
    lines = list(dict.fromkeys(reader.container(header.dataset, 0)))
    return "\n".join(lines)[:_LONGEST]


class _Reader:
    def __init__(self, header: Header) -> None:
        self._header = header
        self._left = _MOST_ITEMS

    def container(self, item: Dataset, depth: int) -> Iterator[str]:
        """The sentences of one item and of all below it: what is coded together is told in one sentence."""
        if depth > _DEEPEST:
            return
        inside = []
        told: dict[str, str] = {}
        numbers: list[str] = []
        for child in self._header.items("ContentSequence", item):
            self._left -= 1
            if self._left < 0:
                return
            if self._header.text("RelationshipType", child) == "HAS OBS CONTEXT":
                continue
            name = self._meaning("ConceptNameCodeSequence", child)
            if _ELSEWHERE.search(name):
                continue
            kind = self._header.text("ValueType", child)
            if kind == "CODE":
                self._coded(child, name, told)
            elif kind == "NUM":
                numbers.append(self._number(child, name, told))
            inside.append((kind, name, child))
        sentence = _sentence(told, [number for number in numbers if number])
        if sentence:
            yield sentence
        for kind, name, child in inside:
            if kind == "TEXT" and (text := self._header.text("TextValue", child)):
                yield f"{name}: {text}" if name else text
            elif (
                kind == "CODE"
                and name.lower() not in _PARTS
                and (value := self._meaning("ConceptCodeSequence", child))
            ):
                yield f"{name}: {value}"
            if kind in ("CONTAINER", "TEXT", "CODE"):
                yield from self.container(child, depth + 1)

    def _coded(self, item: Dataset, name: str, told: dict[str, str]) -> None:
        part = _PARTS.get(name.lower())
        if part is None:
            return
        told.setdefault(part, self._meaning("ConceptCodeSequence", item))
        for below in self._header.items("ContentSequence", item):  # a site with its laterality
            inner = _PARTS.get(self._meaning("ConceptNameCodeSequence", below).lower())
            if inner is not None:
                told.setdefault(inner, self._meaning("ConceptCodeSequence", below))

    def _number(self, item: Dataset, name: str, told: dict[str, str]) -> str:
        for below in self._header.items("ContentSequence", item):
            self._coded(below, self._meaning("ConceptNameCodeSequence", below), told)
        for measured in self._header.items("MeasuredValueSequence", item)[:1]:
            value = self._header.number("NumericValue", measured)
            for unit in self._header.items("MeasurementUnitsCodeSequence", measured)[:1]:
                if value is not None:
                    return f"{name} {value:g} {self._header.text('CodeValue', unit) or ''}".strip()
        return ""

    def _meaning(self, keyword: str, item: Dataset) -> str:
        return next(
            (self._header.text("CodeMeaning", c) or "" for c in self._header.items(keyword, item)), ""
        )


def _sentence(told: dict[str, str], numbers: list[str]) -> str:
    place = " ".join(filter(None, (told.get("side"), told.get("site"))))
    what = ", ".join(filter(None, (told.get("finding"), *numbers)))
    return ": ".join(filter(None, (place, what))) if what else ""
