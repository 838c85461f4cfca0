"""What a header says of how an ultrasound picture was made: mode, probe, depth, output, side, view and stage.

Where several attributes tell the same thing, the first that does is used and each is kept as a claim of its own,
so that a person can see where a value comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from casearchive.model import Claim, UltrasoundRegion
from casearchive.readers._headers import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Region Data Type (PS3.3 C.8.5.5.1.2) and the mode it means.
_DATA_TYPE_MODES = {2: "color_doppler", 3: "pulsed_doppler", 4: "cw_doppler"}
#: Bits of the fourth value of Image Type of an ultrasound image, hexadecimal (PS3.3 C.8.5.6.1.1).
_IMAGE_TYPE_BITS = {
    0x0001: "b_mode",
    0x0002: "m_mode",
    0x0004: "cw_doppler",
    0x0008: "pulsed_doppler",
    0x0010: "color_doppler",
    0x0020: "color_doppler",
    0x0100: "power_doppler",
}
#: Data Type of an enhanced ultrasound image (PS3.3 C.8.24.5.4.1).
_ENHANCED_MODES = {
    "TISSUE_INTENSITY": "b_mode",
    "FLOW_VELOCITY": "color_doppler",
    "FLOW_POWER": "power_doppler",
    "ELASTICITY": "elastography",
}

#: Laterality codes of CID 244 and 247, in SNOMED CT and the older SRT, and the defined terms of the attributes.
_SIDE_CODES = {
    "7771000": "left", "24028007": "right", "51440002": "bilateral", "66459002": "none",
    "G-A101": "left", "G-A100": "right", "G-A102": "bilateral", "G-A103": "none",
}  # fmt: skip
_SIDE_LETTERS = {"L": "left", "R": "right", "B": "bilateral", "U": "none"}


def technique(header: Header, found: tuple[UltrasoundRegion, ...]) -> dict[str, Any]:
    """Instance columns that more than one attribute can fill; the table's own attribute comes first."""
    return {
        "anatomic_region": _anatomy(header),
        "transducer_frequency": transducer_mhz(header),
        "transducer_type": _probe(header),
        "depth_of_scan_field": _first(_depths(header, found)),
        "thermal_index": _first(_thermal(header)),
        "view_name": header.text("ViewName") or _meaning(header, "ViewCodeSequence"),
        "stage_name": header.text("StageName") or _meaning(header, "StageCodeSequence"),
    }


def claims(header: Header, found: tuple[UltrasoundRegion, ...]) -> tuple[Claim, ...]:
    """What each attribute says of side, mode, depth, frequency and thermal index."""
    said = [*_side_claims(header), *_mode_claims(found, header)]
    said += [Claim("depth_mm", f"{value:g}", source) for source, value in _depths(header, found)]
    said += [Claim("frequency_mhz", f"{value:g}", source) for source, value in _frequencies(header)]
    said += [Claim("thermal_index", f"{value:g}", source) for source, value in _thermal(header)]
    return tuple(dict.fromkeys(said))


def _first(values: Iterable[tuple[str, float]]) -> float | None:
    return next((value for _, value in values), None)


# ------------------------------------------------------------------------------------------------------ mode


def modes_of(found: tuple[UltrasoundRegion, ...], source: str) -> Iterator[Claim]:
    """The mode of each region (PS3.3 C.8.5.5.1.2, C.8.5.5.1.3), as ``source`` says it."""
    for region in found:
        if region.spatial_format == 2:
            yield Claim("mode", "m_mode", source)
        elif region.spatial_format == 1 and region.data_type in (1, 2):
            yield Claim("mode", "b_mode", source)
        if region.data_type in _DATA_TYPE_MODES:
            yield Claim("mode", _DATA_TYPE_MODES[region.data_type], source)


def _mode_claims(found: tuple[UltrasoundRegion, ...], header: Header) -> Iterator[Claim]:
    yield from modes_of(found, "SequenceOfUltrasoundRegions")
    values = (header.text("ImageType") or "").upper().split("\\")
    if len(values) >= 4 and re.fullmatch(r"[0-9A-F]{4}", values[3]):
        bits = int(values[3], 16)
        yield from (Claim("mode", mode, "ImageType") for bit, mode in _IMAGE_TYPE_BITS.items() if bits & bit)
    if any("ELASTO" in value for value in values):
        yield Claim("mode", "elastography", "ImageType")
    if any("PANORAM" in value or "EXTENDED" in value for value in values):
        yield Claim("mode", "panoramic", "ImageType")
    for item in header.items("ImageDataTypeSequence"):
        mode = _ENHANCED_MODES.get((header.text("DataType", item) or "").upper())
        if mode:
            yield Claim("mode", mode, "DataType")


# --------------------------------------------------------------------------------------- probe, depth, output


def transducer_mhz(header: Header) -> float | None:
    """Transducer Frequency of the file or of its first region that has one; kHz there, MHz here."""
    return _first(_frequencies(header))


def _frequencies(header: Header) -> Iterator[tuple[str, float]]:
    candidates = [header.number("TransducerFrequency")]
    candidates += [
        header.number("TransducerFrequency", item) for item in header.items("SequenceOfUltrasoundRegions")
    ]
    for kilohertz in candidates:
        if kilohertz is not None and 100 <= kilohertz <= 100_000:
            yield "TransducerFrequency", round(kilohertz / 1000.0, 4)


def _probe(header: Header) -> str | None:
    """Transducer Type, else the geometry that an enhanced object codes (CID 12033)."""
    return header.text("TransducerType") or _meaning(header, "TransducerGeometryCodeSequence")


def _depths(header: Header, found: tuple[UltrasoundRegion, ...]) -> Iterator[tuple[str, float]]:
    """Millimetres: Depth of Scan Field, then the height of the largest two-dimensional region with a scale."""
    stated = header.number("DepthOfScanField")
    if stated is not None and 0 < stated <= 1000:
        yield "DepthOfScanField", stated
    heights = [
        (region.max_y1 - region.min_y0 + 1) * abs(region.delta_y) * 10.0
        for region in found
        if region.spatial_format == 1 and region.units_y == 3 and region.delta_y
    ]
    if heights and 1 <= max(heights) <= 1000:
        yield "SequenceOfUltrasoundRegions", round(max(heights), 1)


def _thermal(header: Header) -> Iterator[tuple[str, float]]:
    for keyword in ("SoftTissueThermalIndex", "BoneThermalIndex", "CranialThermalIndex"):
        value = header.number(keyword)
        if value is not None and 0 <= value < 100:
            yield keyword, value


# ------------------------------------------------------------------------------------------ anatomy and side


def _anatomy(header: Header) -> str | None:
    """The meanings of Anatomic Region, Primary Anatomic Structure and their modifiers (PS3.16 CID 4, 1)."""
    found: dict[str, None] = {}
    for _, code in _anatomic_codes(header):
        meaning = header.text("CodeMeaning", code)
        if meaning:
            found[meaning] = None
    return "; ".join(found) or None


_ANATOMY = (
    ("AnatomicRegionSequence", "AnatomicRegionModifierSequence"),
    ("PrimaryAnatomicStructureSequence", "PrimaryAnatomicStructureModifierSequence"),
)


def _anatomic_codes(header: Header) -> Iterator[tuple[str, Dataset]]:
    """(sequence, code) of the anatomy and of what modifies it."""
    for keyword, modifier in _ANATOMY:
        for item in header.items(keyword):
            yield keyword, item
            yield from ((keyword, code) for code in header.items(modifier, item))


def _side_claims(header: Header) -> Iterator[Claim]:
    """Image Laterality, Frame Laterality, Laterality (PS3.3 C.7.3.1, C.7.6.1), and codes of the anatomy."""
    for keyword in ("ImageLaterality", "FrameLaterality", "Laterality", "MeasurementLaterality"):
        side = _SIDE_LETTERS.get((header.text(keyword) or "").strip().upper())
        if side:
            yield Claim("side", side, keyword)
    for keyword, code in _anatomic_codes(header):
        side = _SIDE_CODES.get(header.text("CodeValue", code) or "")
        if side:
            yield Claim("side", side, keyword)


def _meaning(header: Header, keyword: str) -> str | None:
    """The meaning of the first code of a sequence."""
    for item in header.items(keyword):
        meaning = header.text("CodeMeaning", item)
        if meaning:
            return meaning
    return None
