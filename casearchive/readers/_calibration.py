"""The scale that picture files carry out of sight: DICOM's region values as XML, and ImageJ's scale.

Print resolutions (dots per inch in JPEG and TIFF, pHYs in PNG) are no calibration and are never taken for one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from casearchive.model import UltrasoundRegion
from casearchive.readers import _xml
from casearchive.readers._xml import Element

_CENTIMETRES = 3  # PS3.3 C.8.5.5.1.15
#: A pixel of an ultrasound picture is between a micrometre and a centimetre.
_SMALLEST_CM, _LARGEST_CM = 1e-4, 1.0
_MOST_REGIONS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """``frame_interval`` is the time between frames in seconds, where the description names one."""

    regions: tuple[UltrasoundRegion, ...] = ()
    notes: tuple[str, ...] = ()
    frame_interval: float | None = None
    promised_frames: int = 0


def read(
    description: str, resolution: tuple[float | None, float | None], rows: int, columns: int, *, upright: bool
) -> Found:
    """What an ImageDescription says of the scale of a picture of ``rows`` and ``columns``, as it is stored.

    ``resolution`` are the pixels a unit of the TIFF tags, which ImageJ uses. With ``upright`` false the picture
    is turned for showing, and positions would lie elsewhere: nothing is taken.
    """
    if description.startswith("ImageJ="):
        return _of_imagej(description, resolution, rows, columns)
    tree = _xml.parse(description)
    if tree is None:
        return Found()
    items = [values for values in map(_values, _xml.elements(tree)) if _is_region(values)][:_MOST_REGIONS]
    if items and not upright:
        return Found(notes=("its scale was not taken: the picture is turned and its regions are not",))
    notes: list[str] = []
    regions = [_checked(values, n, rows, columns, notes) for n, values in enumerate(items, start=1)]
    return Found(tuple(region for region in regions if region is not None), tuple(notes))


# --------------------------------------------------------------------------------------------- regions as XML

_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "regionlocationminx0": ("min_x0", int),
    "regionlocationminy0": ("min_y0", int),
    "regionlocationmaxx1": ("max_x1", int),
    "regionlocationmaxy1": ("max_y1", int),
    "regionspatialformat": ("spatial_format", int),
    "regiondatatype": ("data_type", int),
    "regionflags": ("flags", int),
    "physicalunitsxdirection": ("units_x", int),
    "physicalunitsydirection": ("units_y", int),
    "physicaldeltax": ("delta_x", float),
    "physicaldeltay": ("delta_y", float),
    "referencepixelx0": ("ref_pixel_x0", int),
    "referencepixely0": ("ref_pixel_y0", int),
    "referencepixelphysicalvaluex": ("ref_value_x", float),
    "referencepixelphysicalvaluey": ("ref_value_y", float),
}
_CORNERS = ("min_x0", "min_y0", "max_x1", "max_y1")
_NAMING = ("keyword", "name", "key", "id")


def _values(element: Element) -> dict[str, int | float]:
    """The region values directly inside an element, whichever way XML can say ``keyword`` and value.

    As attributes of it; as children named by the keyword; as children with the keyword in an attribute, which is
    how the Native DICOM Model (PS3.19 A.1) and dcmtk write it.
    """
    found: dict[str, int | float] = {}
    for name, text in element.attributes.items():
        _take(found, name, text)
    for child in element.children:
        texts = [child.text, *(below.text for below in child.children if below.name.lower() == "value")]
        text = next((each for each in texts if each.strip()), child.attributes.get("value", ""))
        _take(found, child.name, text)
        for naming in _NAMING:
            _take(found, child.attributes.get(naming, ""), text)
    return found


def _take(found: dict[str, int | float], name: str, text: str) -> None:
    field, kind = _FIELDS.get(re.sub(r"[^a-z0-9]", "", name.lower()), ("", None))
    if kind is None or len(text) > 64:
        return
    try:
        value = kind(text.strip())
    except ValueError:
        return
    if math.isfinite(value) and abs(value) < 2**31:
        found.setdefault(field, value)


def _is_region(values: dict[str, int | float]) -> bool:
    return all(corner in values for corner in _CORNERS)


def _checked(
    values: dict[str, Any], number: int, rows: int, columns: int, notes: list[str]
) -> UltrasoundRegion | None:
    region = UltrasoundRegion(**values, source="exif")
    if region.min_x0 > region.max_x1 or region.min_y0 > region.max_y1:
        notes.append(f"ultrasound region {number} has no usable corners and was left out")
        return None
    inside = region.min_x0 >= 0 and region.min_y0 >= 0 and region.max_x1 <= columns and region.max_y1 <= rows
    if not inside:
        # An export of another size than the screen would give every length wrong by the same factor.
        notes.append(
            f"ultrasound region {number} does not fit the picture, which may have been resized: left out"
        )
        return None
    return region


# ----------------------------------------------------------------------------------------------------- ImageJ

#: Centimetres in the units that ImageJ writes; a pixel or an inch on paper is none of them.
_LENGTHS = {
    "cm": 1.0,
    "mm": 0.1,
    "m": 100.0,
    "um": 1e-4,
    "µm": 1e-4,
    "μm": 1e-4,
    "\\u00b5m": 1e-4,
    "micron": 1e-4,
    "microns": 1e-4,
}


def _of_imagej(text: str, resolution: tuple[float | None, float | None], rows: int, columns: int) -> Found:
    """A scale that a person set in ImageJ: ``unit`` in the description, pixels a unit in the resolution tags."""
    lines = dict(line.split("=", 1) for line in text[:65536].splitlines() if "=" in line)
    notes: list[str] = []
    regions: tuple[UltrasoundRegion, ...] = ()
    unit = lines.get("unit", "").strip().lower()
    per_x, per_y = resolution
    if unit in _LENGTHS and per_x and per_y:
        delta_x, delta_y = _LENGTHS[unit] / per_x, _LENGTHS[unit] / per_y
        if all(math.isfinite(d) and _SMALLEST_CM <= d <= _LARGEST_CM for d in (delta_x, delta_y)):
            regions = (_whole_picture(rows, columns, delta_x, delta_y),)
            notes.append(
                f"its scale, {delta_x * 10:.4g} by {delta_y * 10:.4g} mm a pixel, was set in ImageJ by a person: "
                "compare it with the depth marks before you trust a length"
            )
        else:
            notes.append("the scale that ImageJ gives it is not possible for ultrasound and was not believed")
    interval = _number(lines.get("finterval"))
    seconds = lines.get("tunit", "sec").strip().lower() in ("sec", "s", "second", "seconds")
    return Found(
        regions,
        tuple(notes),
        frame_interval=interval if interval and seconds else None,
        promised_frames=int(_number(lines.get("images")) or 0),
    )


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 < found < 1e9 else None


def _whole_picture(rows: int, columns: int, delta_x: float, delta_y: float) -> UltrasoundRegion:
    return UltrasoundRegion(
        min_x0=0,
        min_y0=0,
        max_x1=columns - 1,
        max_y1=rows - 1,
        spatial_format=1,
        data_type=1,
        units_x=_CENTIMETRES,
        units_y=_CENTIMETRES,
        delta_x=delta_x,
        delta_y=delta_y,
        source="imagej",
    )
