"""JPEG frames (ITU-T T.81): what their markers say, and decoding through Pillow, whole or as far as they go."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Samples, at_least, opened

BASELINE, LOSSLESS, JPEG_LS = 0xC0, 0xC3, 0xF7
_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """What the markers of a JPEG stream say: ``frame`` is the SOF marker (0xC0 baseline, 0xC3 lossless …)."""

    frame: int
    precision: int
    rows: int
    columns: int
    components: int
    space: str  # RGB, YBR, or nothing where no marker tells
    assumed: str  # what libjpeg takes it for
    certain: bool  # an Adobe marker or shared chroma leave no doubt about ``space``


def jpeg_facts(data: bytes) -> JpegFacts:
    """Read the markers up to the frame header (ITU-T T.81 B.2). Raises PictureUnavailable."""
    jfif, adobe = False, None
    for marker, body in segments(data):
        if marker == 0xE0 and body.startswith(b"JFIF\0"):
            jfif = True
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            if len(body) < 6:
                break
            precision, rows, columns, count = struct.unpack_from(">BHHB", body, 0)
            parts = [body[6 + 3 * n : 9 + 3 * n] for n in range(count)]
            ids = bytes(part[0] for part in parts if len(part) == 3)
            subsampled = len({part[1] for part in parts if len(part) == 3}) > 1
            space, assumed = _space(jfif, adobe, ids, subsampled)
            certain = adobe is not None or subsampled
            return JpegFacts(marker, precision, rows, columns, count, space, assumed, certain)
    raise PictureUnavailable("its JPEG data has no frame header")


def _space(jfif: bool, adobe: int | None, ids: bytes, subsampled: bool) -> tuple[str, str]:
    if adobe is not None:
        known = "RGB" if adobe == 0 else "YBR"
        return known, known if not jfif else "YBR"
    if jfif or subsampled:
        return "YBR", "YBR"
    if ids == b"RGB":
        return "RGB", "RGB"
    return "", "YBR"


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, body) of each marker segment before the first scan; JPEG 2000 heads are built alike."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return
        marker = data[position + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 1 if marker == 0xFF else 2
            continue
        length = struct.unpack_from(">H", data, position + 2)[0]
        yield marker, data[position + 4 : position + 2 + length]
        if marker == 0xDA:
            return
        position += 2 + length


def without_markers(data: bytes) -> bytes:
    """The stream without APP0 and APP14: libjpeg refuses to convert colour in lossless mode."""
    parts, position = [data[:2]], 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
        if data[position + 1] not in (0xE0, 0xEE):
            parts.append(data[position:end])
        position = end
    return b"".join([*parts, data[position:]])


def jpeg(data: bytes, facts: JpegFacts, edge: int | None, raw: bool) -> tuple[Samples, int | None]:
    """Decode through Pillow. ``raw`` keeps components as they are stored; ``edge`` allows a smaller size.

    The second value is how many rows, from the top, the data reached; None where it is whole.
    """
    stream, ended = _ended(data)
    image = opened(stream, "JPEG")
    if raw and facts.components == 3 and facts.assumed == "YBR":
        image.draft("YCbCr", at_least(image.size, edge) if edge else image.size)
    elif edge:
        image.draft(None, at_least(image.size, edge))
    samples = np.asarray(image)
    return samples, None if ended else _reached(samples)


def jpeg_lossless(data: bytes) -> tuple[Samples, int | None]:
    """JPEG Lossless (SOF3) of up to 8 bits; components come as stored. Pillow needs libjpeg-turbo 3."""
    from PIL import features

    version = features.version("libjpeg_turbo") or "0"
    if not version.split(".")[0].isdigit() or int(version.split(".")[0]) < 3:
        raise PictureUnavailable(
            "JPEG Lossless needs a Pillow built with libjpeg-turbo 3",
            hint="the wheels of Pillow on PyPI have it: pip install --upgrade pillow",
        )
    stream, ended = _ended(without_markers(data))
    samples = np.asarray(opened(stream, "JPEG"))
    return samples, None if ended else _reached(samples)


def _ended(data: bytes) -> tuple[bytes, bool]:
    """The stream with its end marker, and whether it ended there: some writers leave the marker out, some were cut
    off, and a decoder stops at one that damage put into the middle."""
    place = data.find(_END, _scan_of(data))
    if place < 0:
        return data + _END, False
    return data, len(data.rstrip(b"\0")) - place <= 66


def _scan_of(data: bytes) -> int:
    """Where the entropy-coded data begins: a small picture in a comment has an end marker of its own."""
    position = 2
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in (0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            position += 2
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA:
            break
    return min(position, len(data))


def _reached(samples: Samples) -> int | None:
    """How many rows of a stream without an end marker are pictures to their very end, or None where all are.

    libjpeg fills what the data did not reach with its middle level, 128 in every component, whatever the colour
    space; no scanner ends the last rows of its screen in exactly that.
    """
    ends = samples[:, -2:].reshape(len(samples), -1)
    filled = (ends == 128).all(axis=1)
    if not filled[-1]:
        return None
    return len(samples) - int(np.argmin(filled[::-1])) if not filled.all() else 0
