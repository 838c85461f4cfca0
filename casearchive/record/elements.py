"""A case as elements of XML in a namespace of our own and back, for documents of others that have no words for it.

What such a document says word for word in elements of its own stands there alone (``SPOKEN``). Everything else is an
attribute or, where it is prose or a list, an element with the key of the case file; ``_`` is written ``-``. Clips are
called by the number of their image, from 1; frames count from 1; points are ``x,y`` in pixels of the original picture.

A fact may say (``said``) by which words of the document it is told, as prints of them: it holds as long as these
words stand there unchanged.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from casearchive import model
from casearchive.model import Case
from casearchive.record.layout import Path
from casearchive.record.table import CASE, EVIDENCE, MEDIA, SHAPES, Field, Table

NAMESPACE = "urn:x-casearchive:teaching:1"
#: What the elements of a MIRCdocument say word for word, or what never leaves.
SPOKEN: Mapping[type[Any], frozenset[str]] = {
    model.Case: frozenset({"title", "quiz_title", "difficulty", "hold", "author"}),
    model.Story: frozenset({"history", "discussion", "treatment", "outcome", "points", "pitfalls", "references"}),
    model.Media: frozenset({"file", "sha256", "name"}),
    model.Consent: frozenset({"until", "reference"}),
}  # fmt: skip
#: Elements that are known again by their words.
_PRINTED = frozenset({
    "p", "li", "abstract", "keywords", "category", "organ-system", "confirmation", "anatomy", "pathology", "code",
    "term", "patient", "question", "image-caption", "rights", "modality", "document-type", "quiz-context",
})  # fmt: skip
_SECTIONS = ("section", "image-section")
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_MEDIA_TAG = "view"


def prints(root: ET.Element) -> dict[ET.Element, str]:
    """A short print of the words of every element that may be known again, and of the heading they stand under.

    Blanks do not count, so that a document may be laid out anew.
    """
    found: dict[ET.Element, str] = {}
    line: list[tuple[ET.Element, str]] = [(root, "")]
    while line:
        element, heading = line.pop()
        if element.tag in _SECTIONS:
            heading = element.get("heading", "")
        if element.tag in _PRINTED:
            words = " ".join(" ".join(element.itertext()).split())
            print_ = zlib.crc32(f"{heading}|{element.tag}|{words}".encode("utf-8", "replace"))
            found[element] = f"{print_:08x}".translate(_LETTERS)
        line += [(child, heading) for child in element]
    return found


# -------------------------------------------------------------------------------------------------- writing


def written(case: Case, images: Mapping[str, int], said: Mapping[Path, Iterable[str]]) -> ET.Element:
    """``ca:case`` with the facts of ``case``; ``images`` are numbers of images by media id. What points to a clip that
    has none is left out. ``said`` has prints by the path of a fact, or of the list that it stands in."""
    ET.register_namespace("ca", NAMESPACE)
    root = _row(CASE, case, "case", (), images, said)
    root.set("id", case.slug)
    return root


def _row(
    table: Table, made: Any, tag: str, path: Path, images: Mapping[str, int], said: Mapping[Path, Iterable[str]]
) -> ET.Element:  # fmt: skip
    element = _element(tag)
    if table is MEDIA:
        element.set("image", str(images[made.id]))
    for field in table.fields:
        if field.key in SPOKEN.get(table.made, ()):
            continue
        here = (*path, field.key)
        if field.kind == "shape":
            if made.shape:
                element.set("shape", made.shape)
                element.set("points", _points(made.points))
            continue
        value = getattr(made, field.name)
        if value is None or value == "" or value == ():
            continue
        if field.kind in ("table", "tables") and field.table is not None:
            for row_path, row in _rows(field, value, here):
                if _is_there(field.table, row, images):
                    tag = _MEDIA_TAG if field.table is MEDIA else field.key
                    element.append(_said(_row(field.table, row, tag, row_path, images, said), row_path, said))
        else:
            _put(element, table, field, value, here, images, said)
    if not path:
        _said(element, (), said)
    return element


def _rows(field: Field, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if field.kind == "table":
        yield path, value
    else:
        yield from (((*path, number), row) for number, row in enumerate(value))


def _is_there(table: Table, row: Any, images: Mapping[str, int]) -> bool:
    """Whether the clip that a row is of, or that it must name, has an image."""
    if table is MEDIA:
        return row.id in images
    needed = any(field.required and field.refers == "media" for field in table.fields)
    return not needed or row.media in images


def _put(
    element: ET.Element, table: Table, field: Field, value: Any, path: Path, images: Mapping[str, int],
    said: Mapping[Path, Iterable[str]],
) -> None:  # fmt: skip
    """One value that is no table, as an attribute or as elements."""
    if field.kind in ("texts", "concepts"):
        for number, item in enumerate(value):
            _said(_worded(element, field.key, item), (*path, number), said)
    elif field.kind == "text":
        _said(_worded(element, field.key, value), path, said)
    elif field.kind == "grades":
        for grade in value:
            ET.SubElement(element, _name("grade"), {"scale": grade.scale, "value": grade.value})
    elif field.kind == "frames":
        element.set("first-frame", str(value[0]))
        element.set("last-frame", str(value[1]))
    elif field.refers == "media":
        if value in images:
            element.set("pair" if table is MEDIA else "image", str(images[value]))
    elif isinstance(value, bool):
        if value != table.default(field):
            element.set(_key(field.key), "yes" if value else "no")
    elif field.kind in ("points", "pair"):
        element.set(_key(field.key), _points(value))
    else:
        element.set(_key(field.key), _number(value) if field.kind in ("number", "int") else value)


def _said(element: ET.Element, path: Path, said: Mapping[Path, Iterable[str]]) -> ET.Element:
    """The prints of a fact, else those of the list that it stands in."""
    found = said.get(path) or (said.get(path[:-1]) if path and isinstance(path[-1], int) else None)
    if found:
        element.set("said", " ".join(found))
    return element


def _worded(parent: ET.Element, key: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, _name(key))
    element.text = text
    return element


def _element(key: str) -> ET.Element:
    return ET.Element(_name(key))


def _name(key: str) -> str:
    return f"{{{NAMESPACE}}}{_key(key)}"


def _key(key: str) -> str:
    return key.replace("_", "-")


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0") if math.isfinite(value) else str(value)


# -------------------------------------------------------------------------------------------------- reading


class Facts:
    """What ``ca:case`` tells: ``values`` as those of a case file, with ids for images; ``told`` are prints by the path
    of what they tell, ``()`` for words that no single fact is behind; ``images`` are ids by the number of an image, and
    ``pictures`` those ids by the name of the file that the facts are of."""

    def __init__(self, element: ET.Element) -> None:
        self.told: dict[Path, tuple[str, ...]] = {(): tuple(element.get("said", "").split())}
        self.images: dict[str, str] = {}
        self.pictures: dict[str, str] = {}
        for view in element.iterfind(_name(_MEDIA_TAG)):
            if view.get("image") and view.get("id"):
                self.images[view.get("image", "")] = view.get("id", "")
                self.pictures[view.get("file", "")] = view.get("id", "")
        self.slug = element.get("id", "")
        self.values = self._read(CASE, element, ())

    def _read(self, table: Table, element: ET.Element, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for child in element:
            key = child.tag.rpartition("}")[2].replace("-", "_")
            field = table.field("media" if key == _MEDIA_TAG else key)
            if key == "grade" and table.field("grades"):
                values.setdefault("grades", {})[child.get("scale", "")] = child.get("value", "")
            elif field is not None and field.key not in SPOKEN.get(table.made, ()):
                self._child(values, field, child, (*path, field.key))
        for field in table.fields:
            if field.key not in SPOKEN.get(table.made, ()) and field.key not in values:
                value = self._attribute(table, field, element)
                if value is not None:
                    values[field.key] = value
        if table is EVIDENCE and element.get("shape") in SHAPES:
            points = _read_points(element.get("points", ""))
            values[element.get("shape", "")] = (
                points[0] if element.get("shape") == "point" and points else points
            )
        return values

    def _child(self, values: dict[str, Any], field: Field, child: ET.Element, path: Path) -> None:
        place = path
        if field.kind == "table" and field.table is not None:
            values[field.key] = self._read(field.table, child, path)
        elif field.kind in ("tables", "texts", "concepts"):
            rows = values.setdefault(field.key, [])
            place = (*path, len(rows))
            rows.append(self._read(field.table, child, place) if field.table else (child.text or "").strip())
        else:
            values[field.key] = (child.text or "").strip()
        if child.get("said"):
            self.told[place] = tuple(child.get("said", "").split())

    def _attribute(self, table: Table, field: Field, element: ET.Element) -> Any:
        if field.refers == "media":
            number = element.get("pair" if table is MEDIA else "image")
            return self.images.get(number) if number else None
        if field.kind == "frames":
            first, last = element.get("first-frame"), element.get("last-frame")
            return [_read_number(first), _read_number(last)] if first and last else None
        value = element.get(_key(field.key))
        if value is None or field.kind == "shape":
            return None
        if field.kind == "bool":
            return value == "yes"
        if field.kind in ("number", "int"):
            return _read_number(value)
        return _read_points(value) if field.kind in ("points", "pair") else value


def _read_points(text: str) -> list[list[Any]]:
    return [[_read_number(part) for part in point.split(",")] for point in text.split()]


def _read_number(text: str) -> Any:
    """A number where the text is one; else the text, which a record refuses."""
    if re.fullmatch(r"[+-]?\d{1,17}", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
