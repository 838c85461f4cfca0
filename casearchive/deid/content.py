"""The content tree of a document, made anew of what an allow-list lets through (PS3.15 E.3.4, PS3.3 C.17.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    KeyObjectSelectionDocumentStorage,
)

from casearchive.deid import codes, descriptors, leaving, numbers, strokes
from casearchive.deid.leaving import Images
from casearchive.deid.needles import Needle
from casearchive.deid.needles import build as needles_of
from casearchive.deid.profile import Words
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.words import find
from casearchive.model import Coded, ContentItem, Identifier, Pointer

#: What a document is called whose own title no table knows.
REPORT = Coded("18748-4", "LN")
OF_INTEREST = Coded("113000", "DCM")
#: UIDs that are made anew by the same rule wherever they stand: of tracking, study and series.
UIDS = frozenset((Coded("112040", "DCM"), Coded("110180", "DCM"), Coded("112002", "DCM")))
#: How the kinds of things that are dropped are called in certificates, whatever a file calls them.
NAMED = frozenset((
    "CONTAINER", "TEXT", "CODE", "NUM", "SCOORD", "SCOORD3D", "TCOORD", "IMAGE", "COMPOSITE", "UIDREF", "PNAME", "DATE",
    "TIME", "DATETIME", "WAVEFORM", "TABLE",
))  # fmt: skip
BY_REFERENCE = "by reference"
OTHER = "other"
_LEAVES = frozenset(("TEXT", "CODE", "NUM"))
_SEEN = frozenset(("IMAGE", "COMPOSITE"))
_MEASURED = _LEAVES | {"SCOORD", "TCOORD", "UIDREF"} | _SEEN

Relations = Mapping[tuple[str, str], Collection[str]]
"""(kind of the item, relation) → kinds below it."""


def _relations(
    below: Collection[str], sources: Collection[str], *, deep: bool
) -> dict[tuple[str, str], frozenset[str]]:
    """The relationships by value that PS3.3 A.35 allows between what may leave at all."""
    told = frozenset(below)
    found: dict[tuple[str, str], frozenset[str]] = {
        ("CONTAINER", "CONTAINS"): told | {"CONTAINER"},
        ("CONTAINER", "HAS OBS CONTEXT"): frozenset(("UIDREF",)),
        ("SCOORD", "SELECTED FROM"): frozenset(("IMAGE",)),
        ("TCOORD", "SELECTED FROM"): frozenset(("SCOORD", "IMAGE")),
    }
    inner = told & (_LEAVES | {"UIDREF"})
    for kind in sources:
        found[kind, "HAS PROPERTIES"] = inner if not deep else told | {"CONTAINER"}
        found[kind, "INFERRED FROM"] = told if not deep else told | {"CONTAINER"}
    for kind in ("CONTAINER", *_SEEN, *(("NUM",) if "NUM" in told else ())):
        found[kind, "HAS ACQ CONTEXT"] = inner
    for kind in told - {"SCOORD", "TCOORD"} | {
        "CONTAINER"
    }:  # below coordinates stands what they were taken from
        found[kind, "HAS CONCEPT MOD"] = frozenset(("TEXT", "CODE"))
    return found


#: By SOP class; of each IOD what can leave of it (PS3.3 A.35.1, A.35.2, A.35.3, A.35.13, A.35.4).
RELATIONS: Mapping[str, Relations] = {
    BasicTextSRStorage: _relations(_MEASURED - {"NUM", "SCOORD", "TCOORD"}, ("TEXT",), deep=False),
    EnhancedSRStorage: _relations(_MEASURED, tuple(_LEAVES), deep=False),
    ComprehensiveSRStorage: _relations(_MEASURED, tuple(_LEAVES), deep=True),
    Comprehensive3DSRStorage: _relations(_MEASURED, tuple(_LEAVES), deep=True),
    KeyObjectSelectionDocumentStorage: {
        ("CONTAINER", "CONTAINS"): frozenset(("TEXT", "IMAGE", "COMPOSITE")),
        ("CONTAINER", "HAS CONCEPT MOD"): frozenset(("CODE",)),
    },
}
#: Graphic Types of coordinates on an image, with the least and the most of their points (PS3.3 C.18.6.1.2).
SHAPES = {
    "POINT": (1, 1),
    "MULTIPOINT": (1, numbers.MOST_POINTS),
    "POLYLINE": (2, numbers.MOST_POINTS),
    "CIRCLE": (2, 2),
    "ELLIPSE": (4, 4),
}
#: Temporal Range Types with numbers of offsets (PS3.3 C.18.7.1.1).
RANGES = {
    "POINT": (1, 1),
    "MULTIPOINT": (1, 1000),
    "SEGMENT": (2, 2),
    "MULTISEGMENT": (2, 1000),
    "BEGIN": (1, 1),
    "END": (1, 1),
}
_CONTINUITY = ("SEPARATE", "CONTINUOUS")
LONGEST_TIME = 100_000.0  # seconds from the first frame


@dataclass
class Cleaner:
    """One pass over one document; ``kept`` and ``dropped`` count its items by kind."""

    sop_class: str
    images: Images
    pseudonyms: Pseudonyms
    identifiers: Collection[Identifier]
    words: Words
    kept: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    _needles: tuple[Needle, ...] = ()
    _digits: frozenset[str] = frozenset()
    _codes: dict[Coded, codes.Standard | None] = field(default_factory=dict)
    _written_on: frozenset[strokes.Place] = frozenset()  # where lines lie that may be writing

    def __post_init__(self) -> None:
        self._needles = needles_of(self.identifiers)
        self._digits = numbers.digits_of(self.identifiers)

    def root(self, root: ContentItem) -> ContentItem | None:
        """The document as it may leave, still with the UIDs of its source; None where nothing is left of it."""
        drawn = ((self._under(item), "", item) for item in _all(root) if item.kind == "SCOORD")
        self._written_on = strokes.written_over(
            (over, units, line)
            for over, units, item in drawn
            if (line := strokes.line(item.shape, item.points))
        )
        items = self._below(root)
        self.kept["CONTAINER"] += 1
        if not _tells(items):
            return None
        key_objects = self.sop_class == KeyObjectSelectionDocumentStorage
        title = self._code(root.name) or codes.standard(OF_INTEREST if key_objects else REPORT)
        if key_objects and not any(item.pointers for item in items):
            return None  # its evidence may not be empty (PS3.3 C.17.6.2)
        return ContentItem(
            "CONTAINER", name=_coded(title), continuity=_continuity(root, key_objects), items=items
        )

    def _below(self, item: ContentItem) -> tuple[ContentItem, ...]:
        """What is left of the items below one; of what goes, all goes that hangs on it."""
        allowed = RELATIONS[self.sop_class]
        found = []
        for child in item.items:
            kept, dropped = self.kept.copy(), self.dropped.copy()
            there = child.kind in allowed.get((item.kind, child.relation), ())
            cleaned = _CLEANED[child.kind](self, child) if there else None
            if cleaned is None:
                self.kept, self.dropped = kept, dropped
                self._drop(child)
            else:
                self.kept[child.kind] += 1
                found.append(cleaned)
        return tuple(found)

    def _drop(self, item: ContentItem) -> None:
        """Counts an item and all below it."""
        self.dropped[_named(item)] += 1
        for child in item.items:
            self._drop(child)

    # ----------------------------------------------------------------------------------------- kind by kind

    def _code(self, code: Coded | None) -> codes.Standard | None:
        """The code as the tables have it, unless they write a word of it as somebody known is called."""
        if code is None:
            return None
        if code not in self._codes:
            found = codes.standard(code)
            telling = found is None or any(find(found.meaning, self._needles))
            self._codes[code] = None if telling else found
        return self._codes[code]

    def _name(self, item: ContentItem) -> Coded | None:
        """What the item is about, if a table knows it and it is not who somebody is."""
        found = self._code(item.name)
        return None if found is None or found.personal else _coded(found)

    def _container(self, item: ContentItem) -> ContentItem | None:
        known = self._code(item.name)
        if known is not None and known.personal:
            return None
        items = self._below(item)
        if not _tells(items):
            return None
        return ContentItem(
            "CONTAINER", item.relation, _coded(known), continuity=_continuity(item), items=items
        )

    def _text(self, item: ContentItem) -> ContentItem | None:
        name = self._name(item)
        text = descriptors.clean(item.text, self.words, self.identifiers) if name else ""
        return ContentItem("TEXT", item.relation, name, text=text, items=self._below(item)) if text else None

    def _coded_item(self, item: ContentItem) -> ContentItem | None:
        name, value = self._name(item), self._code(item.code)
        if name is None or value is None or value.personal:
            return None
        return ContentItem("CODE", item.relation, name, code=_coded(value), items=self._below(item))

    def _number(self, item: ContentItem) -> ContentItem | None:
        name, unit = self._name(item), codes.standard(item.unit)
        value = numbers.plain(item.number, self._digits)
        if name is None or unit is None or unit.scheme != codes.UNITS or value is None:
            return None
        if value > numbers.MOST_OF_AN_AGE.get(unit.value, numbers.LARGEST):
            return None
        return ContentItem(
            "NUM", item.relation, name, number=value, unit=_coded(unit), items=self._below(item)
        )

    def _uid(self, item: ContentItem) -> ContentItem | None:
        if item.name not in UIDS or not re.fullmatch(r"[0-9.]{1,64}", item.uid):
            return None
        return ContentItem("UIDREF", item.relation, item.name, uid=item.uid)

    def _image(self, item: ContentItem) -> ContentItem | None:
        pointers = leaving.kept(item.pointers[:1], self.images)
        if not pointers:
            return None
        return ContentItem(
            item.kind, item.relation, self._name(item), pointers=pointers, items=self._below(item)
        )

    def _coordinates(self, item: ContentItem) -> ContentItem | None:
        least, most = SHAPES.get(item.shape, (1, 0))
        pairs, odd = divmod(len(item.points), 2)
        items = self._below(item)
        if odd or not least <= pairs <= most or not any(child.kind == "IMAGE" for child in items):
            return None
        image = next(
            self.images[child.pointers[0].sop_instance_uid] for child in items if child.kind == "IMAGE"
        )
        limits = (image.columns, image.rows)
        points = tuple(numbers.placed(value, limits[n % 2]) for n, value in enumerate(item.points))
        inside = all(0 <= value <= limits[n % 2] for n, value in enumerate(points))
        if not inside or any(numbers.tells(value, self._digits) for value in points):
            return None
        over = strokes.places(self._under(item))
        if strokes.line(item.shape, item.points) and not self._written_on.isdisjoint(over):
            return None
        return ContentItem(
            "SCOORD", item.relation, self._name(item), shape=item.shape, points=points, items=items
        )

    def _under(self, item: ContentItem) -> tuple[Pointer, ...]:
        """The image, with its frames, over which coordinates lie, as it leaves."""
        images = (child.pointers[:1] for child in item.items if child.kind == "IMAGE")
        return next((found for some in images if (found := leaving.kept(some, self.images))), ())

    def _times(self, item: ContentItem) -> ContentItem | None:
        least, most = RANGES.get(item.shape, (1, 0))
        items = self._below(item)
        if not least <= len(item.points) <= most or not any(
            child.kind in ("SCOORD", "IMAGE") for child in items
        ):
            return None
        points = tuple(numbers.placed(value, LONGEST_TIME) for value in item.points)
        if any(not 0 <= v <= LONGEST_TIME or numbers.tells(v, self._digits) for v in points):
            return None
        return ContentItem(
            "TCOORD", item.relation, self._name(item), shape=item.shape, points=points, items=items
        )


_CLEANED = {
    "CONTAINER": Cleaner._container,
    "TEXT": Cleaner._text,
    "CODE": Cleaner._coded_item,
    "NUM": Cleaner._number,
    "UIDREF": Cleaner._uid,
    "IMAGE": Cleaner._image,
    "COMPOSITE": Cleaner._image,
    "SCOORD": Cleaner._coordinates,
    "TCOORD": Cleaner._times,
}


def _named(item: ContentItem) -> str:
    return item.kind if item.kind in NAMED else OTHER if item.kind else BY_REFERENCE


def _tells(items: Collection[ContentItem]) -> bool:
    """Whether anything is said in them: what only modifies a name says nothing."""
    return any(
        item.relation not in ("HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT") for item in items
    )


def _coded(code: codes.Standard | None) -> Coded | None:
    return None if code is None else Coded(code.value, code.scheme)


def _continuity(item: ContentItem, plain: bool = False) -> str:
    return item.continuity if item.continuity in _CONTINUITY and not plain else _CONTINUITY[0]


def _all(item: ContentItem) -> Iterator[ContentItem]:
    yield item
    for child in item.items:
        yield from _all(child)


def pointers(item: ContentItem) -> Iterator[Pointer]:
    """Every image that the tree points to."""
    for each in _all(item):
        yield from each.pointers


# ------------------------------------------------------------------------------------------------- writing


def write(item: ContentItem, images: Images, pseudonyms: Pseudonyms) -> Dataset:
    """A cleaned item as it leaves, with all below it."""
    made = Dataset()
    if item.relation:
        made.RelationshipType = item.relation
    made.ValueType = item.kind
    name = codes.standard(item.name)
    if name is not None:
        made.ConceptNameCodeSequence = Sequence([name.item()])
    _WRITTEN[item.kind](made, item)
    if item.uid:
        made.UID = pseudonyms.uid(item.uid)
    if item.pointers:
        made.ReferencedSOPSequence = leaving.references(item.pointers, images, pseudonyms)
    if item.items:
        made.ContentSequence = Sequence([write(child, images, pseudonyms) for child in item.items])
    return made


def _write_container(made: Dataset, item: ContentItem) -> None:
    made.ContinuityOfContent = item.continuity


def _write_text(made: Dataset, item: ContentItem) -> None:
    made.TextValue = item.text


def _write_code(made: Dataset, item: ContentItem) -> None:
    code = codes.standard(item.code)
    assert code is not None
    made.ConceptCodeSequence = Sequence([code.item()])


def _write_number(made: Dataset, item: ContentItem) -> None:
    unit = codes.standard(item.unit)
    assert unit is not None and item.number is not None
    measured = Dataset()
    measured.NumericValue = numbers.written(item.number)
    measured.MeasurementUnitsCodeSequence = Sequence([unit.item()])
    made.MeasuredValueSequence = Sequence([measured])


def _write_coordinates(made: Dataset, item: ContentItem) -> None:
    made.GraphicType, made.GraphicData = item.shape, list(item.points)


def _write_times(made: Dataset, item: ContentItem) -> None:
    made.TemporalRangeType = item.shape
    made.ReferencedTimeOffsets = [numbers.written(value) for value in item.points]


def _write_nothing(made: Dataset, item: ContentItem) -> None:
    """What points or names has said all."""


_WRITTEN = {
    "CONTAINER": _write_container,
    "TEXT": _write_text,
    "CODE": _write_code,
    "NUM": _write_number,
    "SCOORD": _write_coordinates,
    "TCOORD": _write_times,
    **dict.fromkeys(("UIDREF", "IMAGE", "COMPOSITE"), _write_nothing),
}

# ------------------------------------------------------------------------------------------------ checking

_EVERY = frozenset(("RelationshipType", "ValueType", "ConceptNameCodeSequence", "ContentSequence"))
#: What an item of each kind may hold beside that.
_HELD = {
    "CONTAINER": {"ContinuityOfContent"},
    "TEXT": {"TextValue"},
    "CODE": {"ConceptCodeSequence"},
    "NUM": {"MeasuredValueSequence"},
    "UIDREF": {"UID"},
    "IMAGE": {"ReferencedSOPSequence"},
    "COMPOSITE": {"ReferencedSOPSequence"},
    "SCOORD": {"GraphicType", "GraphicData"},
    "TCOORD": {"TemporalRangeType", "ReferencedTimeOffsets"},
}
#: What of the root stands in the document itself.
ROOT = ("ValueType", "ConceptNameCodeSequence", "ContinuityOfContent", "ContentSequence")


def faults(dataset: Dataset, words: Words) -> list[str]:
    """What of a finished document's tree cannot have come through here: empty when all can."""
    relations = RELATIONS.get(str(dataset.get("SOPClassUID")))
    if relations is None or dataset.get("ValueType") != "CONTAINER":
        return ["ValueType"]
    wrong = [fault for item in dataset.get("ConceptNameCodeSequence", ()) for fault in codes.faults(item)]
    if dataset.get("ContinuityOfContent") not in _CONTINUITY:
        wrong.append("ContinuityOfContent")
    return wrong + _faults_below(dataset, relations, words)


def _faults_below(holder: Dataset, relations: Relations, words: Words) -> list[str]:
    wrong = []
    for item in holder.get("ContentSequence", ()):
        kind, relation = str(item.get("ValueType", "")), str(item.get("RelationshipType", ""))
        if kind not in relations.get((str(holder.get("ValueType")), relation), ()):
            wrong.append("RelationshipType")
            continue
        wrong += [e.keyword or str(e.tag) for e in item if e.keyword not in _EVERY | _HELD[kind]]
        for keyword in ("ConceptNameCodeSequence", "ConceptCodeSequence"):
            wrong += [fault for code in item.get(keyword, ()) for fault in codes.faults(code)]
        wrong += _faults_of(item, words)
        wrong += _faults_below(item, relations, words)
    return wrong


def _faults_of(item: Dataset, words: Words) -> list[str]:
    wrong = []
    text = str(item.get("TextValue", ""))
    if text and descriptors.clean(text, words, ()) != text:
        wrong.append("TextValue")
    if "UID" in item and not numbers.NEW_UID.fullmatch(str(item.UID)):
        wrong.append("UID")
    for measured in item.get("MeasuredValueSequence", ()):
        wrong += [
            e.keyword for e in measured if e.keyword not in ("NumericValue", "MeasurementUnitsCodeSequence")
        ]
        wrong += [f for unit in measured.get("MeasurementUnitsCodeSequence", ()) for f in codes.faults(unit)]
        value = numbers.plain(float(measured.NumericValue), ())
        if value is None or numbers.written(value) != str(measured.NumericValue):
            wrong.append("NumericValue")
    wrong += [f for reference in item.get("ReferencedSOPSequence", ()) for f in reference_faults(reference)]
    if "GraphicType" in item and item.GraphicType not in SHAPES:
        wrong.append("GraphicType")
    if "TemporalRangeType" in item and item.TemporalRangeType not in RANGES:
        wrong.append("TemporalRangeType")
    return wrong


def reference_faults(reference: Dataset) -> list[str]:
    """What of a reference to an image is not as this program writes them."""
    wrong = [e.keyword or str(e.tag) for e in reference if e.keyword not in leaving.REFERENCE_KEYWORDS]
    classes = (leaving.class_of(1), leaving.class_of(2))
    if reference.get("ReferencedSOPClassUID") not in classes:
        wrong.append("ReferencedSOPClassUID")
    if not numbers.NEW_UID.fullmatch(str(reference.get("ReferencedSOPInstanceUID", ""))):
        wrong.append("ReferencedSOPInstanceUID")
    return wrong


def counted(dataset: Dataset) -> Counter[str]:
    """How many items of each kind a finished document holds, its root included."""
    found = Counter([str(dataset.ValueType)])
    for item in dataset.get("ContentSequence", ()):
        found += counted(item)
    return found
