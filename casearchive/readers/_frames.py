"""One frame of a DICOM file, decoded when it is asked for: native, RLE, JPEG, JPEG Lossless, JPEG 2000.

Decoding goes by what the bytes are, not by what the transfer syntax calls them; colour goes by the markers
and, where label and markers disagree, by the content.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.readers._source import Source
from casearchive.readers._structure import Encoding, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

Samples = pixels.Samples
MAX_PIXELS = 100_000_000
RLE = "1.2.840.10008.1.2.5"
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
HTJ2K = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")
_JPEG = b"\xff\xd8"
_J2K = b"\xff\x4f\xff\x51"
_JP2 = b"\0\0\0\x0cjP  "


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a frame lie (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    planar: bool
    photometric: str

    @property
    def native_bits(self) -> int:
        """The bits of one native frame; YBR_FULL_422 shares its chroma between two pixels."""
        samples = 2 if self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") else self.samples
        return self.rows * self.columns * samples * self.allocated


# ------------------------------------------------------------------------------------------- where frames lie


def native_frames(found: Pixels, layout: Layout) -> int:
    """How many whole frames the native pixel data holds."""
    if found.native is None or layout.native_bits == 0:
        return 0
    return found.native[1] * 8 // layout.native_bits


def frame_fragments(found: Pixels, source: Source, frames: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Which fragments make up each frame (PS3.5 A.4): one or many, told by count, offset table or content."""
    fragments = found.fragments
    if frames <= 1:
        return (fragments,) if fragments else ()
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    starts = [found.item_starts.index(o) for o in found.offsets if o in found.item_starts]
    if len(starts) != frames or starts != sorted(set(starts)):
        starts = [n for n, (offset, _) in enumerate(fragments) if _begins_picture(source.read(offset, 8))]
    if not starts or starts[0] != 0:
        return tuple((fragment,) for fragment in fragments)
    ends = [*starts[1:], len(fragments)]
    return tuple(fragments[a:b] for a, b in zip(starts, ends, strict=True))


def _begins_picture(head: bytes) -> bool:
    return head.startswith((_JPEG, _J2K, _JP2))


# --------------------------------------------------------------------------------------------------- native


def native(source: Source, found: Pixels, layout: Layout, number: int, encoding: Encoding) -> Samples:
    """Frame ``number`` of native pixel data as samples (rows, columns[, samples])."""
    if found.native is None:
        raise PictureUnavailable("the pixel data is not native")
    if layout.allocated == 1:
        return _one_bit(source, found.native[0], layout, number)
    if layout.allocated not in (8, 16, 32):
        raise PictureUnavailable(f"samples of {layout.allocated} bits cannot be shown")
    size = layout.native_bits // 8
    start = (number - 1) * size
    swapped = encoding.big_endian and found.vr == "OW" and layout.allocated == 8
    if swapped:  # bytes of 16-bit words change places (PS3.5 A.3), so whole words must be read
        words = source.read(found.native[0] + start // 2 * 2, size + start % 2 + 1 & ~1)
        turned = np.frombuffer(words, ">u2").astype("<u2").tobytes()
        raw = turned[start % 2 : start % 2 + size]
    else:
        raw = source.read(found.native[0] + start, size)
    order = ">" if encoding.big_endian else "<"
    samples = np.frombuffer(raw, np.dtype(f"{order}u{layout.allocated // 8}"))
    return shaped(samples, layout)


def _one_bit(source: Source, base: int, layout: Layout, number: int) -> Samples:
    """One-bit samples, packed from the least significant bit on, frames not aligned (PS3.5 8.1.1)."""
    count = layout.rows * layout.columns
    first = (number - 1) * count
    raw = source.read(base + first // 8, (first % 8 + count + 7) // 8)
    bits: Samples = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
    return bits[first % 8 : first % 8 + count].reshape(layout.rows, layout.columns)


def shaped(samples: Samples, layout: Layout) -> Samples:
    """A flat run of samples as (rows, columns[, samples]), significant bits only, signed where they are."""
    rows, columns = layout.rows, layout.columns
    if layout.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        return pixels.upsampled_422(samples.astype(np.uint8), rows, columns)
    values = meaningful(samples, layout)
    if layout.samples == 1:
        return values.reshape(rows, columns)
    if layout.planar:
        return np.moveaxis(values.reshape(layout.samples, rows, columns), 0, -1)
    return values.reshape(rows, columns, layout.samples)


def meaningful(samples: Samples, layout: Layout) -> Samples:
    """Stored cells as values: overlay bits above and below are cut off, two's complement is undone."""
    shift = max(0, layout.high_bit + 1 - layout.stored)
    if layout.stored >= layout.allocated and not layout.signed:
        return samples
    values = (samples.astype(np.int64) >> shift) & (2**layout.stored - 1)
    if layout.signed:
        values = np.where(values >= 2 ** (layout.stored - 1), values - 2**layout.stored, values)
    result: Samples = values
    return result


# ------------------------------------------------------------------------------------------------------ RLE


def run_length(data: bytes, layout: Layout) -> Samples:
    """RLE Lossless (PS3.5 annex G): one PackBits segment a byte plane, the most significant plane first."""
    count = struct.unpack_from("<I", data, 0)[0] if len(data) >= 64 else 0
    planes = layout.samples * layout.allocated // 8
    if count != planes:
        raise PictureUnavailable("its run-length data has the wrong number of segments")
    starts = [*struct.unpack_from(f"<{count}I", data, 4), len(data)]
    size = layout.rows * layout.columns
    unpacked = [np.frombuffer(_unpacked(data[a:b], size), np.uint8) for a, b in pairwise(starts)]
    width = layout.allocated // 8
    channels = []
    for sample in range(layout.samples):
        value: Samples = np.zeros(size, np.uint32)
        for plane in unpacked[sample * width : (sample + 1) * width]:
            value = value << 8 | plane
        channels.append(value)
    flat = np.stack(channels, axis=-1).astype(f"u{width}")
    values = meaningful(flat, layout)
    shape = (layout.rows, layout.columns)
    return values.reshape(shape) if layout.samples == 1 else values.reshape(*shape, layout.samples)


def _unpacked(data: bytes, size: int) -> bytes:
    """PackBits undone, never more than ``size`` bytes."""
    parts: list[bytes] = []
    position, total = 0, 0
    while total < size and position < len(data):
        head = data[position]
        if head < 128:
            part = data[position + 1 : position + 2 + head]
            position += 2 + head
        elif head > 128:
            part = data[position + 1 : position + 2] * (257 - head)
            position += 2
        else:
            part = b""
            position += 1
        parts.append(part)
        total += len(part)
    if total < size:
        raise PictureUnavailable("its run-length data ends early")
    return b"".join(parts)[:size]


# ----------------------------------------------------------------------------------------------------- JPEG


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


def jpeg_facts(data: bytes) -> JpegFacts:
    """Read the markers up to the frame header (ITU-T T.81 B.2). Raises PictureUnavailable."""
    jfif, adobe = False, None
    for marker, body in _segments(data):
        if marker == 0xE0 and body.startswith(b"JFIF\0"):
            jfif = True
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            precision, rows, columns, count = struct.unpack_from(">BHHB", body, 0)
            parts = [body[6 + 3 * n : 9 + 3 * n] for n in range(count)]
            ids = bytes(part[0] for part in parts if len(part) == 3)
            subsampled = len({part[1] for part in parts if len(part) == 3}) > 1
            space, assumed = _jpeg_space(jfif, adobe, ids, subsampled)
            return JpegFacts(marker, precision, rows, columns, count, space, assumed)
    raise PictureUnavailable("its JPEG data has no frame header")


def _jpeg_space(jfif: bool, adobe: int | None, ids: bytes, subsampled: bool) -> tuple[str, str]:
    if adobe is not None:
        known = "RGB" if adobe == 0 else "YBR"
        return known, known if not jfif else "YBR"
    if jfif or subsampled:
        return "YBR", "YBR"
    if ids == b"RGB":
        return "RGB", "RGB"
    return "", "YBR"


def _segments(data: bytes) -> Any:
    """(marker, body) of each marker segment before the first scan."""
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


def jpeg(data: bytes, facts: JpegFacts, edge: int | None, raw: bool) -> Samples:
    """Decode through Pillow. ``raw`` keeps components as they are stored; ``edge`` allows a smaller size."""
    image = _opened(_ended(data), "JPEG")
    if raw and facts.components == 3 and facts.assumed == "YBR":
        image.draft("YCbCr", _at_least(image.size, edge) if edge else image.size)
    elif edge:
        image.draft(None, _at_least(image.size, edge))
    return np.asarray(image)


def jpeg_lossless(data: bytes) -> Samples:
    """JPEG Lossless (SOF3) of up to 8 bits; components come as stored. Pillow needs libjpeg-turbo 3."""
    from PIL import features

    version = features.version("libjpeg_turbo") or "0"
    if not version.split(".")[0].isdigit() or int(version.split(".")[0]) < 3:
        raise PictureUnavailable(
            "JPEG Lossless needs a Pillow built with libjpeg-turbo 3",
            hint="the wheels of Pillow on PyPI have it: pip install --upgrade pillow",
        )
    return np.asarray(_opened(_ended(without_markers(data)), "JPEG"))


def _ended(data: bytes) -> bytes:
    """The stream with its end marker: some writers leave it out."""
    return data if b"\xff\xd9" in data[-16:] else data + b"\xff\xd9"


def _at_least(size: tuple[int, int], edge: int) -> tuple[int, int]:
    longer = max(size)
    return max(1, -(-size[0] * edge // longer)), max(1, -(-size[1] * edge // longer))


def _opened(data: bytes, kind: str) -> Image:
    from PIL import Image as PillowImage

    image = PillowImage.open(BytesIO(data), formats=(kind,))
    if image.width * image.height > MAX_PIXELS:
        raise PictureUnavailable("the frame has more than 100 million pixels")
    return image


# ------------------------------------------------------------------------------------------------ JPEG 2000


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
    high_throughput: bool


def j2k_facts(data: bytes) -> J2kFacts:
    start = data.find(_J2K)
    if start < 0:
        raise PictureUnavailable("its JPEG 2000 data has no codestream")
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    components = struct.unpack_from(">H", data, start + 40)[0]
    depth = data[start + 42]
    transformed, levels, high_throughput = False, 0, False
    for marker, body in _segments(data[start:]):
        if marker == 0x50:
            high_throughput = True
        elif marker == 0x52 and len(body) >= 6:
            transformed, levels = body[4] == 1, body[5]
            break
        elif marker == 0x90:
            break
    return J2kFacts(
        bottom - top,
        right - left,
        components,
        (depth & 0x7F) + 1,
        depth > 127,
        transformed,
        levels,
        high_throughput,
    )


def j2k(data: bytes, facts: J2kFacts, layout: Layout, edge: int | None) -> Samples:
    """Decode through Pillow, values as header and codestream mean them; ``edge`` allows fewer levels.

    A JP2 wrapper round the codestream is passed over: DICOM does not allow one (PS3.5 A.4.4).
    """
    image = _opened(data[data.find(_J2K) :], "JPEG2000")
    longer = max(facts.rows, facts.columns)
    if edge:
        reduce = 0
        while reduce < min(facts.levels, 5) and longer >> (reduce + 1) >= edge:
            reduce += 1
        image.reduce = reduce  # type: ignore[assignment]
    values = np.asarray(image)
    if facts.components > 1:
        return values
    # Pillow widens N bits to 8 or 16 and shifts signed samples into the positive range.
    width = 8 * values.dtype.itemsize
    plain = values.astype(np.int64)
    if facts.signed:
        plain = plain - 2 ** (width - 1)
    plain = plain >> max(0, width - facts.precision)
    if layout.signed and not facts.signed:  # the header knows better: two's complement, packed as unsigned
        plain = np.where(plain >= 2 ** (layout.stored - 1), plain - 2**layout.stored, plain)
    return plain


# ------------------------------------------------------------------------------------------- other codecs


def by_plugin(data: bytes, layout: Layout, syntax: str, name: str, packages: str) -> Samples:
    """JPEG-LS and HTJ2K, through whatever decoder pydicom finds installed; components come as stored.

    GDCM is passed over: it can end the whole process on a damaged frame.
    """
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    decoder = get_decoder(UID(syntax))
    usable = [plugin for plugin in decoder.available_plugins if plugin != "gdcm"]
    if not usable:
        raise PictureUnavailable(
            f"no decoder for {name} is installed",
            hint=f"the original is kept; to see it: pip install {packages}",
        )
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "planar_configuration": 0,
        "photometric_interpretation": layout.photometric,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
        "transfer_syntax_uid": syntax,
    }
    array, _ = decoder.as_array(encapsulate([data]), raw=True, index=0, decoding_plugin=usable[0], **options)
    return np.asarray(array)


def as_bytes(samples: Samples, stored: int) -> Picture:
    """Colour samples as 8 bits each."""
    return samples if samples.dtype == np.uint8 and stored == 8 else pixels.top_bits(samples, stored)
