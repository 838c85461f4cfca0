"""The evidence on an image as a Color Softcopy Presentation State (PS3.3 A.33.2), which a PACS draws over it.

Each finding has a layer of its own in the colour that pages and pictures give it; measurements are lines with their
value as text. What holds on some frames says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from PIL import ImageCms
from pydicom.dataset import Dataset
from pydicom.uid import ColorSoftcopyPresentationStateStorage

from casearchive.drawing import COLOURS
from casearchive.exporters._dicom import items, shapes
from casearchive.exporters._dicom.objects import NO_TIME, Bundle, Picture, begun, day_of, named
from casearchive.exporters._plain import one_line
from casearchive.model import Finding
from casearchive.record import sentences

SERIES = 9001
_LETTER, _LINE = 9.0, 18.0  # pixels that one letter, one line of text take where the shorter edge has 480
_MEASURES = "MEASUREMENTS"
_DATE = slice(24, 36)
_CLASS, _PROFILE_ID = slice(12, 16), slice(84, 100)


@dataclass(frozen=True, slots=True)
class _Drawn:
    layer: str
    shape: shapes.Shape
    frames: tuple[int, ...]
    label: str


def presentation(bundle: Bundle, picture: Picture, number: int) -> Dataset | None:
    """The presentation state of one image, ``number`` within its series; None where nothing is drawn on it."""
    drawn = [*_findings(bundle, picture), *_measures(bundle, picture)]
    if not drawn:
        return None
    image = picture.header
    dataset = begun(
        image, bundle.case, ColorSoftcopyPresentationStateStorage, "PR", "presentation states", SERIES
    )
    dataset.Laterality = _side(image)
    dataset.InstanceNumber = number
    dataset.ContentLabel = "FINDINGS"
    dataset.ContentDescription = items.line(_caption(bundle, picture)) or None
    dataset.ContentCreatorName = items.person_name(bundle.case.author.name) or None
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = day_of(image), NO_TIME
    dataset.ReferencedSeriesSequence = [_of_series(image)]
    dataset.DisplayedAreaSelectionSequence = [_whole(picture)]
    dataset.GraphicAnnotationSequence = [_annotation(picture, one) for one in drawn]
    dataset.GraphicLayerSequence = list(_layers(bundle, [one.layer for one in drawn]))
    dataset.ICCProfile = srgb()
    dataset.ColorSpace = "SRGB"
    return named(dataset, "presentation state")


@cache
def srgb() -> bytes:
    """The colours of the images: sRGB as an input profile (PS3.3 C.11.15), dated where nothing is told by it."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_DATE] = b"".join(part.to_bytes(2, "big") for part in (2000, 1, 1, 0, 0, 0))
    profile[_CLASS], profile[_PROFILE_ID] = b"scnr", bytes(16)
    return bytes(profile) + b"\0" * (len(profile) % 2)


def _findings(bundle: Bundle, picture: Picture) -> Iterator[_Drawn]:
    for number, finding in enumerate(bundle.case.findings, start=1):
        for seen in finding.evidence:
            shape = (
                shapes.of_evidence(seen, picture.columns, picture.rows) if seen.media == picture.ref else None
            )
            frames = shapes.frames_of(seen.frames, picture.frames)
            if shape is not None and frames is not None:
                yield _Drawn(_layer(number), shape, frames, f"{number} {_short(finding)}")


def _short(finding: Finding) -> str:
    """What it is, without where: that is seen. ``no tear`` where it was excluded."""
    what = sentences.name(finding.abnormality)
    if finding.certainty == "absent":
        what = f"no {what}"
    elif finding.certainty in ("possible", "probable"):
        what = f"{finding.certainty} {what}"
    elif finding.certainty == "not_assessed":
        what = f"{what}: not assessed"
    return one_line(what)


def _measures(bundle: Bundle, picture: Picture) -> Iterator[_Drawn]:
    for measured in bundle.case.measurements:
        if measured.media == picture.ref:
            shape = shapes.of_measurement(measured, picture.columns, picture.rows)
            frame = (measured.frame, measured.frame) if measured.frame else None
            frames = shapes.frames_of(frame, picture.frames)
            if shape is not None and frames is not None:
                label = one_line(sentences.quantity(measured.value, measured.unit))
                yield _Drawn(_MEASURES, shape, frames, label)


def _annotation(picture: Picture, drawn: _Drawn) -> Dataset:
    """Graphic and text in pixels of the image (PS3.3 C.10.5)."""
    item = Dataset()
    item.ReferencedImageSequence = [items.referring(picture.header, drawn.frames)]
    item.GraphicLayer = drawn.layer
    item.TextObjectSequence = [_text(picture, drawn)]
    graphic = Dataset()
    graphic.GraphicAnnotationUnits = "PIXEL"
    graphic.GraphicDimensions = 2
    graphic.NumberOfGraphicPoints = len(drawn.shape.points)
    graphic.GraphicData = [value for point in drawn.shape.points for value in point]
    graphic.GraphicType = drawn.shape.kind
    if drawn.shape.closed or drawn.shape.kind == "ELLIPSE":
        graphic.GraphicFilled = "N"
    item.GraphicObjectSequence = [graphic]
    return item


def _text(picture: Picture, drawn: _Drawn) -> Dataset:
    """The label in a box above the shape where there is room, else below, else in it; always inside the image."""
    scale = max(0.5, min(picture.columns, picture.rows) / 480)
    wide = min(float(picture.columns), len(drawn.label) * _LETTER * scale)
    high = min(float(picture.rows), _LINE * scale)
    (left, top), (_, bottom) = drawn.shape.box()
    down = top - high if top >= high else min(bottom, picture.rows - high)
    across = min(left, picture.columns - wide)
    text = Dataset()
    text.BoundingBoxAnnotationUnits = text.AnchorPointAnnotationUnits = "PIXEL"
    text.UnformattedTextValue = items.cut(items.paragraph(drawn.label), 1024)
    text.BoundingBoxTopLeftHandCorner = [across, down]
    text.BoundingBoxBottomRightHandCorner = [across + wide, down + high]
    text.BoundingBoxTextHorizontalJustification = "LEFT"
    text.AnchorPoint = list(drawn.shape.points[0])
    text.AnchorPointVisibility = "N"
    return text


def _side(image: Dataset) -> str | None:
    """The side of the series, as the image tells it; Type 2C, for the body part may be a paired one (PS3.3 C.7.3.1)."""
    told = image.get("Laterality") or image.get("ImageLaterality")
    return str(told) if told in ("L", "R") else None


def _of_series(image: Dataset) -> Dataset:
    """The one image that is shown (PS3.3 C.11.11)."""
    item = Dataset()
    item.SeriesInstanceUID = image.SeriesInstanceUID
    item.ReferencedImageSequence = [items.referring(image)]
    return item


def _whole(picture: Picture) -> Dataset:
    """The whole image, as large as the window is (PS3.3 C.10.4)."""
    item = Dataset()
    item.DisplayedAreaTopLeftHandCorner = [1, 1]
    item.DisplayedAreaBottomRightHandCorner = [picture.columns, picture.rows]
    item.PresentationSizeMode = "SCALE TO FIT"
    item.PresentationPixelAspectRatio = list(picture.header.get("PixelAspectRatio") or (1, 1))
    return item


def _layer(number: int) -> str:
    return f"FINDING {number}"


def _layers(bundle: Bundle, used: list[str]) -> Iterator[Dataset]:
    for order, name in enumerate(dict.fromkeys(used), start=1):
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerOrder = name, order
        if name == _MEASURES:
            layer.GraphicLayerDescription, colour = "Measurements", (255, 255, 255)
        else:
            number = int(name.rpartition(" ")[2]) - 1
            title = sentences.sentence(sentences.title(bundle.case.findings[number]))
            layer.GraphicLayerDescription = items.line(title) or None
            colour = COLOURS[number % len(COLOURS)]
        layer.GraphicLayerRecommendedDisplayCIELabValue = _cielab(colour)
        yield layer


def _cielab(colour: tuple[int, int, int]) -> list[int]:
    """sRGB as DICOM writes CIELab, 16 bits a value (PS3.3 C.10.7.1.1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    rows = (0.4360, 0.3851, 0.1431), (0.2225, 0.7169, 0.0606), (0.0139, 0.0971, 0.7142)  # to D50
    white = 0.9642, 1.0, 0.8249
    x, y, z = (
        _root(sum(part * value for part, value in zip(row, linear, strict=True)) / full)
        for row, full in zip(rows, white, strict=True)
    )
    lab = (116 * y - 16) / 100, (500 * (x - y) + 128) / 255, (200 * (y - z) + 128) / 255
    return [min(65535, max(0, round(value * 65535))) for value in lab]


def _root(value: float) -> float:
    return float(value ** (1 / 3)) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


def _caption(bundle: Bundle, picture: Picture) -> str:
    return next((media.caption for media in bundle.case.media if media.id == picture.ref), "")
