"""JPEG frames (ITU-T T.81): what their markers say, and decoding through Pillow, whole or as far as they go."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Samples, at_least, opened

BASELINE, LOSSLESS, JPEG_LS = 0xC0, 0xC3, 0xF7
_END = b"\xff\xd9"
#: Coded with Huffman codes in one pass: baseline, extended, lossless.
_SEQUENTIAL = (BASELINE, 0xC1, LOSSLESS)
#: More of 0xFF in a row than any scan has, where they are no padding before a marker.
_ONES = re.compile(rb"\xff{8,}(?![\xd0-\xd9\xff])")
#: Bytes of a scan that stand for no flat grey, to see whether a picture takes more of them.
_MORE = b"\x5a\x93\x36\xc9" * 64


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

    def decode(stream: bytes) -> Samples:
        image = opened(stream, "JPEG")
        if raw and facts.components == 3 and facts.assumed == "YBR":
            image.draft("YCbCr", at_least(image.size, edge) if edge else image.size)
        elif edge:
            image.draft(None, at_least(image.size, edge))
        return np.asarray(image)

    return _decoded(data, decode)


def jpeg_lossless(data: bytes) -> tuple[Samples, int | None]:
    """JPEG Lossless (SOF3) of up to 8 bits; components come as stored. Pillow needs libjpeg-turbo 3."""
    from PIL import features

    version = features.version("libjpeg_turbo") or "0"
    if not version.split(".")[0].isdigit() or int(version.split(".")[0]) < 3:
        raise PictureUnavailable(
            "JPEG Lossless needs a Pillow built with libjpeg-turbo 3",
            hint="the wheels of Pillow on PyPI have it: pip install --upgrade pillow",
        )
    return _decoded(without_markers(data), lambda stream: np.asarray(opened(stream, "JPEG")))


def _decoded(data: bytes, decode: Callable[[bytes], Samples]) -> tuple[Samples, int | None]:
    """The samples, and how many rows the data reached or None; a stream may end early with an end marker as well."""
    at = _scan(data)
    if _holds_ones(data[at:]):
        data = data[:at] + _ONES.sub(lambda run: bytes(len(run[0])), data[at:])
    stream, ended = _ended(data)
    samples = decode(stream)
    reached = _reached(samples)
    if reached is None or not ended:
        return samples, reached
    # Flat grey to the end: where the data did not reach, more of it would be drawn; a whole picture takes no more.
    at = stream.find(_END, _scan(stream))
    longer = decode(stream[:at] + _MORE + stream[at:])
    return samples, None if np.array_equal(samples, longer) else reached


def _ended(data: bytes) -> tuple[bytes, bool]:
    """The stream with its end marker, and whether it had one: some writers leave it out, some were cut off."""
    return (data, True) if _END in data[-64:] or _END in data.rstrip(b"\0")[-2:] else (data + _END, False)


def _scan(data: bytes) -> int:
    """Where the first scan begins."""
    return 2 + sum(4 + len(body) - (marker == 0xDA) * len(body) for marker, body in segments(data))


def damaged(data: bytes, facts: JpegFacts) -> bool:
    """Whether a stream certainly has a hole that somebody filled with zeros or ones; no decoder says so.

    In a scan 0xFF is never followed by itself, and many zeros stand for a flat picture only where the code of
    nothing but zeros bits means that nothing changes (ITU-T T.81 B.1.1.5, F.1.2).
    """
    scan = data[_scan(data) :]
    end = scan.find(_END)
    body = scan[:end] if end >= 0 else scan.rstrip(b"\0\xff")
    if _holds_ones(body):
        return True
    return facts.frame in _SEQUENTIAL and b"\0" * 32 in body and not _zeros_are_flat(data)


def _holds_ones(scan: bytes) -> bool:
    """Whether a hole filled with ones is there; looked for plainly first, which is far faster and nearly always no."""
    return b"\xff" * 8 in scan and _ONES.search(scan) is not None


def _zeros_are_flat(data: bytes) -> bool:
    """Whether all Huffman tables give their first code, which is all zeros, to what changes nothing."""
    lossless = False
    firsts: list[tuple[int, int]] = []
    for marker, body in segments(data):
        lossless = lossless or marker == LOSSLESS
        position = 0
        while marker == 0xC4 and position + 17 < len(body):
            firsts.append((body[position] >> 4, body[position + 17]))
            position += 17 + sum(body[position + 1 : position + 17])
    telling = [first for kind, first in firsts if kind == (0 if lossless else 1)]
    return not any(telling)


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
