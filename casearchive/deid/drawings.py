"""What a presentation state draws over pictures, made anew: numbers near the picture and safe words (PS3.15 E.3.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ColorSoftcopyPresentationStateStorage, GrayscaleSoftcopyPresentationStateStorage

from casearchive.deid import descriptors, leaving, numbers, strokes
from casearchive.deid.content import reference_faults
from casearchive.deid.leaving import Images
from casearchive.deid.profile import Words
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.model import (
    DisplayedArea,
    DrawnGraphic,
    DrawnLayer,
    DrawnText,
    Identifier,
    Pointer,
    Presentation,
)

COLOUR = ColorSoftcopyPresentationStateStorage
CLASSES = frozenset((GrayscaleSoftcopyPresentationStateStorage, COLOUR))
#: Graphic Types with the least and the most of their points (PS3.3 C.10.5.1.2).
SHAPES = {
    "POINT": (1, 1),
    "POLYLINE": (2, numbers.MOST_POINTS),
    "INTERPOLATED": (2, numbers.MOST_POINTS),
    "CIRCLE": (2, 2),
    "ELLIPSE": (4, 4),
}
_UNITS = ("PIXEL", "DISPLAY")
_JUSTIFIED = ("LEFT", "CENTER", "RIGHT")
_TURNS = (0, 90, 180, 270)
_FIT = "SCALE TO FIT"
#: Which corner of the image is seen at the top left once it is turned (degrees clockwise) and then flipped: the corners
#: of a displayed area are said as they are seen (PS3.3 C.10.4).
_SEEN_AT = {
    (0, False): ("left", "top"),
    (90, False): ("left", "bottom"),
    (180, False): ("right", "bottom"),
    (270, False): ("right", "top"),
    (0, True): ("right", "top"),
    (90, True): ("left", "top"),
    (180, True): ("left", "bottom"),
    (270, True): ("right", "bottom"),
}
_OTHER = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_FAR = 1  # sizes of the picture beyond its edges: nothing is drawn farther away


@dataclass
class Cleaner:
    """One pass over one presentation state; ``kept`` and ``dropped`` count what is in it by kind."""

    images: Images
    pseudonyms: Pseudonyms
    identifiers: Collection[Identifier]
    words: Words
    colour: bool
    kept: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._digits = numbers.digits_of(self.identifiers)
        self._turn = (0, False)

    def made(self, state: Presentation) -> dict[str, object] | None:
        """The attributes of the new object; None where nothing is left of it."""
        series = leaving.by_series(leaving.kept(state.pointers, self.images), self.images)
        there = [pointer for some in series.values() for pointer in some]
        gone = len({p.sop_instance_uid for p in state.pointers}) - len(there)
        self._count("image", len(there), gone)
        rotation = state.rotation if state.rotation in _TURNS else None
        turned = rotation is not None and (rotation != 0 or state.flipped)
        self._turn = (rotation or 0, turned and state.flipped)
        areas, own = self._areas(state, there)
        drawn = self._drawn(state, there)
        if not there or not (drawn or own or turned):
            return None
        names = self._layers(state, drawn)
        made: dict[str, object] = {
            "ReferencedSeriesSequence": self._series(series),
            "DisplayedAreaSelectionSequence": areas,
            "GraphicAnnotationSequence": Items([self._layer(one, names) for one in drawn]) if drawn else None,
            "GraphicLayerSequence": _layer_items(names.values()) if drawn else None,
            "ImageRotation": rotation if turned else None,
            "ImageHorizontalFlip": ("Y" if state.flipped else "N") if turned else None,
            "PresentationLUTShape": None if self.colour else ("INVERSE" if state.inverse else "IDENTITY"),
            "ICCProfile": srgb() if self.colour else None,
        }
        return made

    def _count(self, kind: str, kept: int, dropped: int) -> None:
        self.kept[kind] += kept
        self.dropped[kind] += max(0, dropped)

    # ----------------------------------------------------------------------------------------- what it is for

    def _series(self, series: Mapping[str, Sequence[Pointer]]) -> Items:
        items = []
        for uid, pointers in series.items():
            item = Dataset()
            item.SeriesInstanceUID = self.pseudonyms.uid(uid)
            item.ReferencedImageSequence = leaving.references(pointers, self.images, self.pseudonyms)
            items.append(item)
        return Items(items)

    def _meant(self, pointers: Collection[Pointer], there: Sequence[Pointer]) -> tuple[Pointer, ...]:
        """The images of those named that this object is for, with frames; all of them where none is named."""
        if not pointers:
            return tuple(there)
        frames = {pointer.sop_instance_uid: pointer.frames for pointer in there}
        found = []
        for pointer in leaving.kept(pointers, self.images):
            if pointer.sop_instance_uid in frames:
                whole = frames[pointer.sop_instance_uid]
                some = tuple(n for n in pointer.frames or whole if n in whole) if whole else pointer.frames
                if some or not (whole and pointer.frames):
                    found.append(Pointer(pointer.sop_instance_uid, some))
        return tuple(found)

    # -------------------------------------------------------------------------------------------- what is shown

    def _areas(self, state: Presentation, there: Sequence[Pointer]) -> tuple[Items, int]:
        """An area for every image (PS3.3 C.10.4), and how many of them are the source's."""
        items, own = [], 0
        left = {pointer.sop_instance_uid: pointer for pointer in there}
        for area in state.areas:
            meant = [p for p in self._meant(area.pointers, there) if p.sop_instance_uid in left]
            item = self._area(area, meant)
            if item is None:
                self._count("area", 0, 1)
                continue
            own += 1
            items.append(item)
            for pointer in meant:
                left.pop(pointer.sop_instance_uid, None)
        for pointer in left.values():
            items.append(self._whole(pointer))
        self._count("area", len(items), 0)
        return Items(items), own

    def _area(self, area: DisplayedArea, meant: Sequence[Pointer]) -> Dataset | None:
        if not meant or len(area.corners) != 4:
            return None
        for pointer in meant:
            image = self.images[pointer.sop_instance_uid]
            limits = (image.columns, image.rows) * 2
            if any(
                not -_FAR * limit <= place <= (1 + _FAR) * limit or numbers.tells(place, self._digits)
                for place, limit in zip(area.corners, limits, strict=True)
            ):
                return None
        item = self._placed(meant, area.corners)
        if (
            area.mode == "TRUE SIZE"
            and len(area.spacing) == 2
            and all(0.001 <= s <= 10 for s in area.spacing)
        ):
            item.PresentationSizeMode = area.mode
            item.PresentationPixelSpacing = [numbers.written(s) for s in area.spacing]
            return item
        if area.mode == "MAGNIFY" and area.magnified and 0.01 <= area.magnified <= 100:
            item.PresentationSizeMode = area.mode
            item.PresentationPixelMagnificationRatio = round(area.magnified, 2)
        else:
            item.PresentationSizeMode = _FIT
        sound = len(area.aspect) == 2 and all(0 < part < 100 for part in area.aspect)
        item.PresentationPixelAspectRatio = list(area.aspect) if sound else [1, 1]
        return item

    def _whole(self, pointer: Pointer) -> Dataset:
        image = self.images[pointer.sop_instance_uid]
        item = self._placed([pointer], (1, 1, image.columns, image.rows))
        item.PresentationSizeMode = _FIT
        item.PresentationPixelAspectRatio = [1, 1]
        return item

    def _placed(self, meant: Sequence[Pointer], corners: Sequence[int]) -> Dataset:
        item = Dataset()
        item.ReferencedImageSequence = leaving.references(meant, self.images, self.pseudonyms)
        left, right = sorted(corners[::2])
        top, bottom = sorted(corners[1::2])
        places = {"left": left, "right": right, "top": top, "bottom": bottom}
        across, down = _SEEN_AT[self._turn]
        item.DisplayedAreaTopLeftHandCorner = [places[across], places[down]]
        item.DisplayedAreaBottomRightHandCorner = [places[_OTHER[across]], places[_OTHER[down]]]
        return item

    # -------------------------------------------------------------------------------------------- what is drawn

    def _drawn(self, state: Presentation, there: Sequence[Pointer]) -> list[DrawnLayer]:
        found = []
        for one in state.drawn:
            meant = self._meant(one.pointers, there)
            size = self._size(meant)
            graphics = [g for each in one.graphics if size and (g := self._graphic(each, size))]
            texts = [t for each in one.texts if size and (t := self._text(each, size))]
            found.append(DrawnLayer(one.layer, meant, tuple(graphics), tuple(texts)))
        # letters may be parted among objects: what lies over the same images is looked at together
        written = strokes.written_over(
            (one.pointers, g.units, line)
            for one in found
            for g in one.graphics
            if (line := strokes.line(g.shape, g.points))
        )
        found = [
            one if written.isdisjoint(strokes.places(one.pointers)) else _without_lines(one) for one in found
        ]
        for one, source in zip(found, state.drawn, strict=True):
            self._count("graphic", len(one.graphics), len(source.graphics) - len(one.graphics))
            self._count("text", len(one.texts), len(source.texts) - len(one.texts))
        return [one for one in found if one.graphics or one.texts]

    def _size(self, meant: Collection[Pointer]) -> tuple[int, int] | None:
        """The largest columns and rows of what it is drawn over."""
        sizes = [self.images[p.sop_instance_uid] for p in meant]
        return (max(s.columns for s in sizes), max(s.rows for s in sizes)) if sizes else None

    def _points(self, points: Sequence[float], units: str, size: tuple[int, int]) -> tuple[float, ...] | None:
        """The same places, rounded; None where one is far from the picture, or is an identifier's number."""
        if units not in _UNITS or len(points) % 2:
            return None
        if units == "DISPLAY":
            told = tuple(round(value, 4) for value in points)
            return told if all(0 <= value <= 1 for value in told) else None
        told = tuple(round(value, 2) for value in points)
        near = all(-_FAR * size[n % 2] <= value <= (1 + _FAR) * size[n % 2] for n, value in enumerate(told))
        return told if near and not any(numbers.tells(value, self._digits) for value in told) else None

    def _graphic(self, graphic: DrawnGraphic, size: tuple[int, int]) -> DrawnGraphic | None:
        least, most = SHAPES.get(graphic.shape, (1, 0))
        points = self._points(graphic.points, graphic.units, size)
        if points is None or not least <= len(points) // 2 <= most:
            return None
        return DrawnGraphic(graphic.shape, graphic.units, points, graphic.filled)

    def _text(self, text: DrawnText, size: tuple[int, int]) -> DrawnText | None:
        words = descriptors.clean(text.text, self.words, self.identifiers)
        box = self._points(text.box, text.box_units, size) if len(text.box) == 4 else None
        anchor = self._points(text.anchor, text.anchor_units, size) if len(text.anchor) == 2 else None
        if not words or (box is None and anchor is None):
            return None
        return DrawnText(
            words,
            text.box_units if box else "",
            box or (),
            text.justified if text.justified in _JUSTIFIED else "LEFT",
            text.anchor_units if anchor else "",
            anchor or (),
            text.anchor_visible,
        )

    @staticmethod
    def _layers(state: Presentation, drawn: Sequence[DrawnLayer]) -> dict[str, str]:
        """New names for the layers that something is left of, in their order."""
        used = {one.layer for one in drawn}
        order = dict.fromkeys((*state.layers, *(one.layer for one in drawn)))
        return {name: f"LAYER{n}" for n, name in enumerate((o for o in order if o in used), start=1)}

    def _layer(self, one: DrawnLayer, names: Mapping[str, str]) -> Dataset:
        item = Dataset()
        item.ReferencedImageSequence = leaving.references(one.pointers, self.images, self.pseudonyms)
        item.GraphicLayer = names[one.layer]
        if one.texts:
            item.TextObjectSequence = Items([_text_item(text) for text in one.texts])
        if one.graphics:
            item.GraphicObjectSequence = Items([_graphic_item(graphic) for graphic in one.graphics])
        return item


def _without_lines(one: DrawnLayer) -> DrawnLayer:
    graphics = tuple(g for g in one.graphics if not strokes.line(g.shape, g.points))
    return DrawnLayer(one.layer, one.pointers, graphics, one.texts)


def _layer_items(names: Collection[str]) -> Items:
    items = []
    for order, name in enumerate(names, start=1):
        item = Dataset()
        item.GraphicLayer, item.GraphicLayerOrder = name, order
        items.append(item)
    return Items(items)


def _graphic_item(graphic: DrawnGraphic) -> Dataset:
    item = Dataset()
    item.GraphicAnnotationUnits, item.GraphicDimensions = graphic.units, 2
    item.NumberOfGraphicPoints = len(graphic.points) // 2
    item.GraphicData, item.GraphicType = list(graphic.points), graphic.shape
    closed = graphic.shape in ("CIRCLE", "ELLIPSE") or graphic.points[:2] == graphic.points[-2:]
    if closed and graphic.shape != "POINT":
        item.GraphicFilled = "Y" if graphic.filled else "N"
    return item


def _text_item(text: DrawnText) -> Dataset:
    item = Dataset()
    item.UnformattedTextValue = text.text
    if text.box:
        item.BoundingBoxAnnotationUnits = text.box_units
        item.BoundingBoxTopLeftHandCorner = list(text.box[:2])
        item.BoundingBoxBottomRightHandCorner = list(text.box[2:])
        item.BoundingBoxTextHorizontalJustification = text.justified
    if text.anchor:
        item.AnchorPointAnnotationUnits = text.anchor_units
        item.AnchorPoint = list(text.anchor)
        item.AnchorPointVisibility = "Y" if text.anchor_visible else "N"
    return item


@lru_cache(maxsize=1)
def srgb() -> bytes:
    """The sRGB profile that Pillow's colour management makes, as an input device's (PS3.3 C.11.15.1.1) and without the
    time when it was made."""
    return resources.files(__package__).joinpath("srgb.icc").read_bytes()


# ------------------------------------------------------------------------------------------------ checking

_INNER = {
    "ReferencedSeriesSequence": {"SeriesInstanceUID", "ReferencedImageSequence"},
    "DisplayedAreaSelectionSequence": {
        "ReferencedImageSequence", "DisplayedAreaTopLeftHandCorner", "DisplayedAreaBottomRightHandCorner",
        "PresentationSizeMode", "PresentationPixelSpacing", "PresentationPixelAspectRatio",
        "PresentationPixelMagnificationRatio",
    },
    "GraphicAnnotationSequence": {
        "ReferencedImageSequence", "GraphicLayer", "TextObjectSequence", "GraphicObjectSequence",
    },
    "GraphicLayerSequence": {"GraphicLayer", "GraphicLayerOrder"},
    "GraphicObjectSequence": {
        "GraphicAnnotationUnits", "GraphicDimensions", "NumberOfGraphicPoints", "GraphicData", "GraphicType",
        "GraphicFilled",
    },
    "TextObjectSequence": {
        "UnformattedTextValue", "BoundingBoxAnnotationUnits", "BoundingBoxTopLeftHandCorner",
        "BoundingBoxBottomRightHandCorner", "BoundingBoxTextHorizontalJustification", "AnchorPointAnnotationUnits",
        "AnchorPoint", "AnchorPointVisibility",
    },
}  # fmt: skip
_WORDS_OF = {
    "GraphicAnnotationUnits": _UNITS,
    "BoundingBoxAnnotationUnits": _UNITS,
    "AnchorPointAnnotationUnits": _UNITS,
    "GraphicType": tuple(SHAPES),
    "GraphicFilled": ("Y", "N"),
    "AnchorPointVisibility": ("Y", "N"),
    "BoundingBoxTextHorizontalJustification": _JUSTIFIED,
    "PresentationSizeMode": (_FIT, "TRUE SIZE", "MAGNIFY"),
}


def faults(dataset: Dataset, words: Words) -> list[str]:
    """What of a finished presentation state cannot have come through here: empty when all can."""
    wrong = []
    if (dataset.get("SOPClassUID") == COLOUR) != ("ICCProfile" in dataset):
        wrong.append("ICCProfile")
    if dataset.get("ICCProfile", srgb()) != srgb():
        wrong.append("ICCProfile")
    if dataset.get("PresentationLUTShape", "IDENTITY") not in ("IDENTITY", "INVERSE"):
        wrong.append("PresentationLUTShape")
    for keyword in _INNER:
        wrong += [fault for item in dataset.get(keyword, ()) for fault in _faults_of(keyword, item, words)]
    return wrong


def _faults_of(keyword: str, item: Dataset, words: Words) -> list[str]:
    wrong = [e.keyword or str(e.tag) for e in item if e.keyword not in _INNER[keyword]]
    wrong += [name for name, told in _WORDS_OF.items() if name in item and item[name].value not in told]
    if not str(item.get("GraphicLayer", "LAYER1")).removeprefix("LAYER").isdigit():
        wrong.append("GraphicLayer")
    if not numbers.NEW_UID.fullmatch(str(item.get("SeriesInstanceUID", "2.25.0"))):
        wrong.append("SeriesInstanceUID")
    text = str(item.get("UnformattedTextValue", ""))
    if text and descriptors.clean(text, words, ()) != text:
        wrong.append("UnformattedTextValue")
    for reference in item.get("ReferencedImageSequence", ()):
        wrong += reference_faults(reference)
    for inner in ("GraphicObjectSequence", "TextObjectSequence"):
        wrong += [fault for below in item.get(inner, ()) for fault in _faults_of(inner, below, words)]
    return wrong


def counted(dataset: Dataset) -> Counter[str]:
    """What a finished presentation state holds, by kind."""
    layers = list(dataset.get("GraphicAnnotationSequence", ()))
    return Counter(
        image=sum(
            len(series.ReferencedImageSequence) for series in dataset.get("ReferencedSeriesSequence", ())
        ),
        area=len(dataset.get("DisplayedAreaSelectionSequence", ())),
        graphic=sum(len(layer.get("GraphicObjectSequence", ())) for layer in layers),
        text=sum(len(layer.get("TextObjectSequence", ())) for layer in layers),
    )
