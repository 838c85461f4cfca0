"""A softcopy presentation state as values (PS3.3 C.10.4 to C.10.7, C.11.11): what is drawn over which images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casearchive.model import DisplayedArea, DrawnGraphic, DrawnLayer, DrawnText, Pointer, Presentation
from casearchive.readers._content import MOST_POINTS, TooMuch, numbers, pointers
from casearchive.readers._headers import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CLASSES = "1.2.840.10008.5.1.4.1.1.11."
#: Objects in one annotation, annotations, areas: no more are read.
_MOST = 500


def state(header: Header) -> Presentation | None:
    """What the object says of the images it is for; None where it is no presentation state, or holds more points than
    any that people draw."""
    if not (header.text("SOPClassUID") or "").startswith(_CLASSES):
        return None
    try:
        return _state(header)
    except TooMuch:
        header.notes.append("its presentation of images could not be read")
        return None


def _state(header: Header) -> Presentation:
    layers = sorted(
        header.items("GraphicLayerSequence"), key=lambda layer: header.number("GraphicLayerOrder", layer) or 0
    )
    return Presentation(
        pointers=tuple(
            pointer
            for series in header.items("ReferencedSeriesSequence")
            for pointer in _images(header, series)
        ),
        areas=tuple(_area(header, item) for item in header.items("DisplayedAreaSelectionSequence")[:_MOST]),
        drawn=tuple(_drawn(header, item) for item in header.items("GraphicAnnotationSequence")[:_MOST]),
        layers=tuple(name for layer in layers if (name := header.text("GraphicLayer", layer))),
        rotation=header.integer("ImageRotation"),
        flipped=header.text("ImageHorizontalFlip") == "Y",
        inverse=header.text("PresentationLUTShape") == "INVERSE",
    )


def _images(header: Header, item: Dataset) -> tuple[Pointer, ...]:
    return pointers(header, "ReferencedImageSequence", item)


def _area(header: Header, item: Dataset) -> DisplayedArea:
    corners = (
        *numbers(header, "DisplayedAreaTopLeftHandCorner", item),
        *numbers(header, "DisplayedAreaBottomRightHandCorner", item),
    )
    return DisplayedArea(
        pointers=_images(header, item),
        corners=tuple(int(place) for place in corners),
        mode=header.text("PresentationSizeMode", item) or "",
        spacing=numbers(header, "PresentationPixelSpacing", item),
        aspect=tuple(int(part) for part in numbers(header, "PresentationPixelAspectRatio", item)),
        magnified=header.number("PresentationPixelMagnificationRatio", item),
    )


def _drawn(header: Header, item: Dataset) -> DrawnLayer:
    graphics = [
        DrawnGraphic(
            shape=header.text("GraphicType", each) or "",
            units=header.text("GraphicAnnotationUnits", each) or "",
            points=numbers(header, "GraphicData", each),
            filled=header.text("GraphicFilled", each) == "Y",
        )
        for each in header.items("GraphicObjectSequence", item)[:_MOST]
    ]
    if sum(len(each.points) for each in graphics) > MOST_POINTS:
        graphics = []
    return DrawnLayer(
        layer=header.text("GraphicLayer", item) or "",
        pointers=_images(header, item),
        graphics=tuple(graphics),
        texts=tuple(_text(header, each) for each in header.items("TextObjectSequence", item)[:_MOST]),
    )


def _text(header: Header, item: Dataset) -> DrawnText:
    return DrawnText(
        text=header.text("UnformattedTextValue", item) or "",
        box_units=header.text("BoundingBoxAnnotationUnits", item) or "",
        box=(
            *numbers(header, "BoundingBoxTopLeftHandCorner", item),
            *numbers(header, "BoundingBoxBottomRightHandCorner", item),
        ),
        justified=header.text("BoundingBoxTextHorizontalJustification", item) or "",
        anchor_units=header.text("AnchorPointAnnotationUnits", item) or "",
        anchor=numbers(header, "AnchorPoint", item),
        anchor_visible=header.text("AnchorPointVisibility", item) == "Y",
    )
