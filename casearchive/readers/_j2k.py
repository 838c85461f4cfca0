"""JPEG 2000 and HTJ2K frames (ITU-T T.800, T.814): what the main header says, and decoding through Pillow."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Layout, Samples, opened
from casearchive.readers._jpeg import segments

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"
_SOT = 0xFF90


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
    stream = data[data.find(_START) :]
    missing = _missing(stream)
    levels = _levels_to_drop(facts, edge)
    if missing:
        values = _as_far_as_it_goes(stream, missing, facts, levels)
    else:
        values = _decoded(stream if _END in stream[-64:] else stream + _END, levels)
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


def _decoded(stream: bytes, levels: int) -> Samples:
    image = opened(stream, "JPEG2000")
    image.reduce = levels  # type: ignore[assignment]
    return np.asarray(image)


def _levels_to_drop(facts: J2kFacts, edge: int | None) -> int:
    """How often the size may be halved so that the longer edge keeps ``edge`` and Pillow gets the size right.

    A smaller size is rounded up (ITU-T T.800 B.5); Pillow rounds to the nearest and gives up where that differs.
    """
    longer = max(facts.rows, facts.columns)
    for levels in range(min(facts.levels, 5), 0, -1):
        part = 2**levels
        exact = all(-(-side // part) == (side + part // 2) // part for side in (facts.rows, facts.columns))
        if edge and longer >> levels >= edge and exact:
            return levels
    return 0


def _as_far_as_it_goes(stream: bytes, missing: int, facts: J2kFacts, levels: int) -> Samples:
    """The sharpest picture that what was cut off has no part in, in the size that was asked for.

    Zeros read as empty packets, but in the packet that was cut they would be shown as speckle that nobody
    recorded. What was missing is therefore filled in two ways, and only a level that both leave alike is shown.
    """
    from PIL import Image as PillowImage

    missing = min(missing, 64 * len(stream))
    fill = b"\x2a" * min(64, missing)
    for level in range(levels, facts.levels + 1):
        try:
            found = _decoded(stream + b"\0" * missing + _END, level)
            other = _decoded(stream + fill + b"\0" * (missing - len(fill)) + _END, level)
        except OSError:  # no picture at this level with either filling
            continue
        if np.array_equal(found, other):
            size = (-(-facts.columns >> levels), -(-facts.rows >> levels))
            if level == levels:
                return found
            if found.dtype != np.uint8:
                return np.kron(found, np.ones((2 ** (level - levels),) * 2, found.dtype))[
                    : size[1], : size[0]
                ]
            resized = PillowImage.fromarray(found).resize(size, PillowImage.Resampling.BILINEAR)
            return np.asarray(resized)
    raise PictureUnavailable("its JPEG 2000 data stops before any picture could be made of it")


def _missing(stream: bytes) -> int:
    """How many bytes were cut off: every tile-part says how long it is (ITU-T T.800 A.4.2)."""
    position = 2
    while position + 4 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, position)
        if marker == 0xFFD9:
            return 0
        if marker != _SOT:
            position += 2 + length
            continue
        if position + 12 > len(stream):
            return 1
        part = struct.unpack_from(">I", stream, position + 6)[0]
        if part == 0:  # to the end of the codestream
            return 0
        if position + part > len(stream):
            return int(position + part - len(stream))
        position += part
    return 0
