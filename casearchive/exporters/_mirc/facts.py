"""What MIRC has no element for, in a namespace of its own: side, certainty, measurements, and where each is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from casearchive.exporters._mirc.pictures import Figure
from casearchive.exporters._plain import plain
from casearchive.model import Case
from casearchive.record import elements
from casearchive.record.elements import NAMESPACE
from casearchive.record.layout import Path

__all__ = ["NAMESPACE", "Saying", "add"]

#: The elements of a document that tell a fact, by its path in the record (items from 0); ``()`` for those that are
#: made of several facts.
Saying = Mapping[Path, Sequence[ET.Element]]


def add(root: ET.Element, case: Case, figures: Sequence[Figure], saying: Saying) -> None:
    """Add ``ca:case`` (``record.elements``): what a reader of ours takes back, and by which words each fact is told."""
    prints = elements.prints(root)
    said = {path: [prints[element] for element in found] for path, found in saying.items()}
    ours = elements.written(case, {figure.ref: figure.number for figure in figures}, said)
    for view in ours.iterfind(f"{{{NAMESPACE}}}view"):
        figure = next(f for f in figures if str(f.number) == view.get("image"))
        shown = {
            "file": figure.name("original-format"),
            "annotated-file": figure.name("annotated frame"),
            "frames": str(figure.frames),
            "frame": str(figure.shown),
            "annotated-frame": str(figure.drawn or ""),
        }
        for key, value in shown.items():
            if value:
                view.set(key, value)
    for element in ours.iter():
        element.text = plain(element.text or "") or None
        for key, value in element.attrib.items():
            element.set(key, plain(value))
    root.append(ours)
