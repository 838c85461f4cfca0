"""JPEG 2000 and HTJ2K frames (ITU-T T.800, T.814): what the main header says, and decoding through Pillow."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Layout, Samples, opened
from casearchive.readers._jpeg import segments

if TYPE_CHECKING:
    from PIL.Image import Image

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"
_SOT, _SOD = 0xFF90, 0xFF93


@dataclass(frozen=True, slots=True)
class J2kFacts:
    """What the main header of a codestream says (ITU-T T.800 A.5, A.6)."""

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool
    transformed: bool
    levels: int


def j2k_facts(data: bytes) -> J2kFacts:
    start = data.find(_START)
    if start < 0 or len(data) < start + 43:
        raise PictureUnavailable("its JPEG 2000 data has no codestream")
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    components = struct.unpack_from(">H", data, start + 40)[0]
    depth = data[start + 42]
    transformed, levels = False, 0
    for marker, body in segments(data[start:]):
        if marker == 0x52 and len(body) >= 6:
            transformed, levels = body[4] == 1, body[5]
            break
        if marker == 0x90:
            break
    return J2kFacts(
        bottom - top, right - left, components, (depth & 0x7F) + 1, depth > 127, transformed, levels
    )


def j2k(data: bytes, facts: J2kFacts, layout: Layout, edge: int | None) -> tuple[Samples, bool]:
    """Decode through Pillow, values as header and codestream mean them; ``edge`` allows fewer levels.

    The second value says whether the codestream was whole. A JP2 wrapper round it is passed over: DICOM does
    not allow one (PS3.5 A.4.4).
    """
    stream, missing = _completed(data[data.find(_START) :])
    image = opened(stream, "JPEG2000")
    _reduce(image, facts, edge)
    values = np.asarray(image)
    if facts.components > 1:
        return values, not missing
    # Pillow widens N bits to 8 or 16 and shifts signed samples into the positive range.
    width = 8 * values.dtype.itemsize
    plain = values.astype(np.int32)
    if facts.signed:
        plain = plain - 2 ** (width - 1)
    plain = plain >> max(0, width - facts.precision)
    if layout.signed and not facts.signed:  # the header knows better: two's complement, packed as unsigned
        plain = np.where(plain >= 2 ** (layout.stored - 1), plain - 2**layout.stored, plain)
    return plain, not missing


def _reduce(image: Image, facts: J2kFacts, edge: int | None) -> None:
    longer = max(facts.rows, facts.columns)
    reduce = 0
    while edge and reduce < min(facts.levels, 5) and longer >> (reduce + 1) >= edge:
        reduce += 1
    image.reduce = reduce  # type: ignore[assignment]


def _completed(stream: bytes) -> tuple[bytes, int]:
    """The codestream with zeros for what was cut off, and how many bytes were missing.

    A tile-part says how long it is (ITU-T T.800 A.4.2). Zeros read as empty packets, so that a decoder shows
    what came before them: the whole picture, less sharp, where quality or resolution came first.
    """
    position = 2
    while position + 4 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, position)
        if marker == 0xFFD9:
            return stream, 0
        if marker != _SOT:
            position += 2 + length
            continue
        if position + 12 > len(stream):
            break
        part = struct.unpack_from(">I", stream, position + 6)[0]
        if part == 0:  # to the end of the codestream
            return (stream, 0) if _END in stream[-64:] else (stream + _END, 0)
        missing = position + part - len(stream)
        if missing > 0:
            return stream + b"\0" * min(missing, len(stream) * 64) + _END, missing
        position += part
    return stream + _END, 0
