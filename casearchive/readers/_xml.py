"""Reads small XML that strangers wrote: no DTD, no entities, nothing fetched, within bounds, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

_LONGEST, _DEEPEST, _MOST = 1 << 20, 40, 20_000


@dataclass(slots=True)
class Element:
    """``name`` without its namespace; ``text`` is what stands directly inside."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)


class _Refused(Exception):
    """The XML asks for more than is given here."""


def parse(text: str) -> Element | None:
    """The root element, or None where the text is not well-formed XML within bounds."""
    start = text.find("<")
    if start < 0 or text[:start].strip("\ufeff \t\r\n\0") or len(text) > _LONGEST:
        return None
    builder = _Builder()
    try:
        builder.read(text[start:].rstrip("\0 \t\r\n"))
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def read(self, text: str) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        # A declaration may name another coding than that of the text we hold.
        parser.Parse(text.encode("utf-8", "replace"), True)

    def _refuse(self, *_: object) -> None:
        raise _Refused

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST or len(self._open) >= _DEEPEST:
            raise _Refused
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def elements(root: Element) -> Iterator[Element]:
    """The root and everything below it, in the order of the text."""
    pending = [root]
    while pending:
        element = pending.pop()
        yield element
        pending.extend(reversed(element.children))


def texts(root: Element) -> Iterator[tuple[str, str]]:
    """(name, text) of every element and attribute that holds text."""
    for element in elements(root):
        if element.text.strip():
            yield element.name, element.text.strip()
        for key, value in element.attributes.items():
            if value.strip():
                yield key, value.strip()
