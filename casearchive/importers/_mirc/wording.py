"""Markup as plain text: paragraphs of what a section holds, each with the place of a record that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

#: What begins and ends a paragraph.
BLOCKS = frozenset({
    "p", "div", "li", "ul", "ol", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "tr", "caption", "center",
    "blockquote", "pre", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "text", "text-caption", "figure",
    "figcaption", "article", "section", "image-section",
})  # fmt: skip
INLINE = frozenset({
    "a", "b", "i", "u", "em", "strong", "font", "span", "sub", "sup", "small", "big", "tt", "s", "strike", "del", "ins",
    "abbr", "acronym", "cite", "q", "nobr", "td", "th", "show", "label", "mark", "kbd", "var", "dfn",
})  # fmt: skip
#: Never text of a case.
SILENT = frozenset(
    {"script", "style", "iframe", "object", "embed", "applet", "svg", "input", "button", "select"}
)
#: Who the patient is; what is said of it never leaves the document.
IDENTITY = frozenset(
    {"pt-name", "pt-id", "pt-mrn", "pt-dob", "pt-race", "phi", "insert-dataset", "pacs-image"}
)
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Place:
    """A field of the record's story, and the heading under which words stand there."""

    field: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    place: Place
    text: str
    listed: bool = False


def says_who(element: ET.Element) -> bool:
    """Whether an element says who the patient is, or is kept from those who may not know."""
    return element.tag in IDENTITY or element.get("visible") == "phi-restricted"


def one_line(text: str) -> str:
    return " ".join(_UNFIT.sub(" ", text).split())


def words(element: ET.Element) -> str:
    """All text of an element in one line."""
    return one_line(" ".join(paragraphs(element)))


def paragraphs(element: ET.Element) -> list[str]:
    """The text of an element, a paragraph each, without what says who the patient is."""
    page = Page(lambda child, _place: says_who(child))
    page.walk(element, Place(""))
    page.end(Place(""))
    return [block.text for block in page.blocks]


@dataclass
class Page:
    """Walks elements and gathers blocks. ``special`` is asked for each child first and says whether it took it; unknown
    names go to ``odd``."""

    special: Callable[[ET.Element, Place], bool]
    odd: Callable[[str], None] = lambda _name: None
    known: Collection[ET.Element] = ()
    blocks: list[Block] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _said: set[tuple[str, str]] = field(default_factory=set)

    def walk(self, element: ET.Element, place: Place, *, listed: bool = False) -> None:
        self._open.append(element.text or "")
        for child in element:
            if child not in self.known:
                self._child(child, place, listed=listed)
            self._open.append(child.tail or "")

    def end(self, place: Place, *, listed: bool = False) -> None:
        """End the paragraph that is open. The same words in the same field are taken once: many documents repeat what a
        section says in elements for indexing."""
        text = one_line("".join(self._open))
        self._open.clear()
        if text and (place.field, text) not in self._said:
            self._said.add((place.field, text))
            self.blocks.append(Block(place, text, listed))

    def _child(self, child: ET.Element, place: Place, *, listed: bool) -> None:
        tag = child.tag
        if tag.startswith("{") or tag in SILENT:
            return
        if tag not in INLINE and tag not in BLOCKS and tag not in IDENTITY:
            self.end(place, listed=listed)
        if self.special(child, place):
            return
        if tag in INLINE:
            self._inline(child, place, listed=listed)
            return
        if tag not in BLOCKS:
            self.odd(tag)
        self.end(place, listed=listed)
        listed = tag == "li" or listed
        self.walk(child, place, listed=listed)
        self.end(place, listed=listed)

    def _inline(self, child: ET.Element, place: Place, *, listed: bool) -> None:
        if child.tag in ("td", "th") and one_line("".join(self._open)):
            self._open.append(" | ")
        if child.tag == "show" and not "".join(child.itertext()).strip():
            self._open.append(f" [image {child.get('image') or child.get('annotation') or '?'}] ")
        self.walk(child, place, listed=listed)
        address = child.get("href", "") if child.tag == "a" else ""
        if re.match(r"(https?|ftp)://", address) and address not in "".join(child.itertext()):
            self._open.append(f" ({address})")


def prose(blocks: Iterable[Block]) -> str:
    """Blocks as text with empty lines between paragraphs; a heading stands once, before what it is for."""
    parts: list[str] = []
    heading = ""
    for block in blocks:
        text = f"- {block.text}" if block.listed else block.text
        if block.place.heading and block.place.heading != heading:
            text = f"{block.place.heading}:\n{text}"
        heading = block.place.heading
        parts.append(text)
    return "\n\n".join(parts)
