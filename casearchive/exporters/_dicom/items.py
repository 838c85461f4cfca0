"""Content items of structured reports (PS3.3 C.17.3): values in, data sets out."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from casearchive.exporters._dicom.codes import Coded, of_term
from casearchive.exporters._plain import one_line, plain

#: What a person's name may not hold, for it parts a name or an element (PS3.5 6.2).
_PARTS = str.maketrans("\\^=", "   ")
_SHORT = 16  # bytes of a Code Value (SH); longer ones have an element of their own
_MOST_FRAMES = 8000  # numbers: an element of explicit VR IS has 65534 bytes, and a number may have six digits

Point = tuple[float, float]


def code(coded: Coded) -> Dataset:
    """One item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    if len(coded.value.encode("utf-8")) <= _SHORT:
        item.CodeValue = coded.value
    else:
        item.LongCodeValue = coded.value
    item.CodingSchemeDesignator = coded.scheme
    item.CodeMeaning = line(coded.meaning)
    return item


def line(text: str, most: int = 64) -> str:
    """Text for LO, SH and the like: one line, without the sign that parts values, cut where it is too long."""
    return cut(one_line(text).replace("\\", "/"), most)


def cut(text: str, most: int) -> str:
    """The beginning of a text in at most so many bytes: the standard counts characters (PS3.5 6.2), readers bytes."""
    return text.encode("utf-8")[:most].decode("utf-8", "ignore").strip()


def paragraph(text: str) -> str:
    """Text for UT and ST: lines end as DICOM's do (PS3.5 6.1.3), and a tabulator, which some refuse, is a blank."""
    return plain(text).replace("\t", " ").replace("\n", "\r\n")


def person_name(text: str) -> str:
    """A name as its author writes it: one component, for nobody can say which word is the family's."""
    return cut(" ".join(one_line(text).translate(_PARTS).split()), 64)


def container(
    name: Coded, children: Iterable[Dataset], *, relation: str = "CONTAINS", template: str = ""
) -> Dataset:
    item = _item("CONTAINER", name, relation)
    return filled(item, children, template)


def filled(item: Dataset, children: Iterable[Dataset], template: str = "") -> Dataset:
    """``item`` as a container of ``children``, separate ones (PS3.3 C.18.8)."""
    item.ContinuityOfContent = "SEPARATE"
    if template:
        used = Dataset()
        used.MappingResource, used.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = [used]
    return with_children(item, children)


def with_children(item: Dataset, children: Iterable[Dataset]) -> Dataset:
    below = list(children)
    if below:
        item.ContentSequence = below
    return item


def text(name: Coded, value: str, relation: str = "CONTAINS") -> list[Dataset]:
    """A text, or nothing where there is none (Text Value is Type 1)."""
    written = paragraph(value)
    if not written:
        return []
    item = _item("TEXT", name, relation)
    item.TextValue = written
    return [item]


def coded(name: Coded, value: Coded, relation: str = "CONTAINS", children: Iterable[Dataset] = ()) -> Dataset:
    item = _item("CODE", name, relation)
    item.ConceptCodeSequence = [code(value)]
    return with_children(item, children)


def said(
    name: Coded,
    term: str,
    kinds: Collection[str],
    relation: str = "CONTAINS",
    children: Iterable[Dataset] = (),
    words: Callable[[str], str] = str,
) -> list[Dataset]:
    """What a record names by a concept: its code, else its ``words`` as a text; nothing where it names nothing."""
    value = of_term(term, kinds) if term else None
    if value is not None:
        return [coded(name, value, relation, children)]
    return [with_children(item, children) for item in text(name, words(term), relation)]


def number(name: Coded, value: float, unit: Coded, children: Iterable[Dataset] = ()) -> Dataset:
    """A finite number; the text of a decimal string has 16 characters, so that an exact one may stand beside it."""
    item = _item("NUM", name, "CONTAINS")
    measured = Dataset()
    measured.NumericValue = DSfloat(value, auto_format=True)
    if not math.isclose(float(str(measured.NumericValue)), value, rel_tol=0, abs_tol=0):
        measured.FloatingPointValue = float(value)
    measured.MeasurementUnitsCodeSequence = [code(unit)]
    item.MeasuredValueSequence = [measured]
    return with_children(item, children)


def uid(name: Coded, value: str, relation: str) -> Dataset:
    item = _item("UIDREF", name, relation)
    item.UID = value
    return item


def person(name: Coded, value: str, relation: str) -> Dataset:
    item = _item("PNAME", name, relation)
    item.PersonName = value
    return item


def image(
    referenced: Dataset,
    relation: str,
    *,
    name: Coded | None = None,
    frames: Sequence[int] = (),
    shown_by: Dataset | None = None,
    children: Iterable[Dataset] = (),
) -> Dataset:
    """An image, some of its ``frames`` (none: all), and the presentation state that it is ``shown_by``."""
    item = _item("IMAGE", name, relation)
    reference = referring(referenced, frames)
    if shown_by is not None:
        reference.ReferencedSOPSequence = [referring(shown_by)]
    item.ReferencedSOPSequence = [reference]
    return with_children(item, children)


def composite(referenced: Dataset, relation: str = "CONTAINS") -> Dataset:
    item = _item("COMPOSITE", None, relation)
    item.ReferencedSOPSequence = [referring(referenced)]
    return item


def referring(referenced: Dataset, frames: Sequence[int] = ()) -> Dataset:
    """Class and instance, and the numbers of frames that are meant, from 1 (PS3.3 10.3, 10.8)."""
    reference = Dataset()
    reference.ReferencedSOPClassUID = referenced.SOPClassUID
    reference.ReferencedSOPInstanceUID = referenced.SOPInstanceUID
    if frames and len(frames) <= _MOST_FRAMES:
        reference.ReferencedFrameNumber = list(frames) if len(frames) > 1 else frames[0]
    return reference


def region(
    name: Coded, kind: str, points: Sequence[Point], referenced: Dataset, frames: Sequence[int], relation: str
) -> Dataset:
    """Points on frames of an image, (column, row) from the top left corner of its first pixel (PS3.3 C.18.6)."""
    item = _item("SCOORD", name, relation)
    item.GraphicData = [value for point in points for value in point]
    item.GraphicType = kind
    return with_children(item, [image(referenced, "SELECTED FROM", frames=frames)])


def _item(kind: str, name: Coded | None, relation: str) -> Dataset:
    item = Dataset()
    if relation:
        item.RelationshipType = relation
    item.ValueType = kind
    if name is not None:
        item.ConceptNameCodeSequence = [code(name)]
    return item
