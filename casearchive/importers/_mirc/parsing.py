"""A MIRCdocument's bytes as elements, trusting none of them.

A document type is refused before anything in it is read. Without one there are no entities but XML's own five, so that
nothing can grow or be fetched, whatever version of expat a Python brings (its own guards came with 2.4.1). Depth and
number of elements are bounded, since what walks a tree pays for both.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.parsers import expat

from casearchive.record.elements import NAMESPACE

ROOT = "MIRCdocument"
MOST_BYTES = 4 << 20
DEEPEST = 100
_MOST_ELEMENTS = 100_000
_SNIFFED = 4096


class Refused(Exception):
    """A document that is not read; its text says why and what to do."""


def is_document(head: bytes) -> bool:
    """Whether a file that begins with ``head`` (4096 bytes will do) is XML with the root ``MIRCdocument``."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = head.decode("utf-16", "replace")
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    text = text[:_SNIFFED]
    at = 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        ends = next((end for start, end in _BEFORE if text.startswith(start, at)), None)
        if ends is None:
            break
        found = text.find(ends, at)
        if found < 0:
            return False
        at = found + len(ends)
    name = text[at + 1 : at + 80].split(">")[0].split("/")[0].split() if text.startswith("<", at) else []
    return bool(name) and name[0].rpartition(":")[2] == ROOT


#: What may stand before the root, and how it ends; a DOCTYPE with declarations inside ends with "]>".
_BEFORE = (("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE", ">"), ("<!", ">"), ("]>", "]>"))


def parsed(content: bytes) -> ET.Element:
    """The root element. Namespaces but our own are taken off names. Raises ``Refused``."""
    if len(content) > MOST_BYTES:
        raise Refused(
            f"it is larger than {MOST_BYTES >> 20} MiB: a document is text, its pictures lie beside it"
        )
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.tree.data
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise Refused(
            f"it is not well-formed XML: line {error.lineno}: {why}; mend it and ingest again"
        ) from error
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise Refused("it is in an encoding that is not known here: save it as UTF-8") from error
    root = builder.tree.close()
    if root.tag != ROOT:
        raise Refused(f"its root is <{root.tag[:40]}>, not <{ROOT}>")
    return root


class _Builder:
    def __init__(self) -> None:
        self.tree = ET.TreeBuilder()
        self.depth = self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST or self.count > _MOST_ELEMENTS:
            raise Refused(
                f"its elements are nested more than {DEEPEST} deep, or more than {_MOST_ELEMENTS}: not a teaching file"
            )
        self.tree.start(_name(name), {_name(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        self.depth -= 1
        self.tree.end(_name(name))

    def doctype(self, *_: object) -> None:
        raise Refused(
            "it has a document type (DOCTYPE), which is never read: take that line out and ingest again"
        )


def _name(name: str) -> str:
    space, _, local = name.rpartition("}")
    return f"{{{space}}}{local}" if space == NAMESPACE else local
