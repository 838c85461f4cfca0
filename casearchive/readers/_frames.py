"""Where the frames of a DICOM object lie, and how the samples of a native one are read."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.readers._shared import MAX_PIXELS, TOO_MANY_PIXELS
from casearchive.readers._source import Source
from casearchive.readers._structure import Encoding, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

Samples = pixels.Samples
#: With what decoding needs besides, a frame of this many bytes stays below 1 GiB.
MAX_BYTES = 150_000_000
_JPEG, _J2K, _JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "
_JXL, _JXL_BOX = b"\xff\x0a", b"\0\0\0\x0cJXL "
#: The number of RLE segments, and the first of them right behind the 64-byte header (PS3.5 G.5).
_RLE = tuple(bytes((count, 0, 0, 0, 64, 0, 0, 0)) for count in range(1, 16))


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a frame lie (PS3.3 C.7.6.3).

    ``pairs`` is for native data whose pixels share their chroma two by two: ``rows`` where every row begins a
    new pair, ``run`` where pairs go on from row to row, nothing where every pixel has its own.
    """

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    planar: bool
    photometric: str
    pairs: str = ""

    @property
    def native_bits(self) -> int:
        """The bits of one native frame."""
        return native_samples(self.rows, self.columns, self.samples, self.pairs) * self.allocated


def native_samples(rows: int, columns: int, samples: int, pairs: str) -> int:
    """How many samples one native frame has: two a pixel where chroma is shared (PS3.3 C.7.6.3.1.2)."""
    if pairs == "rows":
        return rows * ((columns + 1) // 2) * 4
    if pairs == "run":
        return (rows * columns + 1) // 2 * 4
    return rows * columns * samples


# ------------------------------------------------------------------------------------------- where frames lie


def native_frames(found: Pixels, layout: Layout) -> int:
    """How many whole frames the native pixel data holds."""
    if found.native is None or layout.native_bits == 0:
        return 0
    return found.native[1] * 8 // layout.native_bits


def frame_fragments(found: Pixels, source: Source, frames: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Which fragments make up each frame (PS3.5 A.4): one or many, told by count, offset table or content.

    An offset table is believed only where a picture begins at each of its places; an Extended Offset Table says
    nothing that the count does not, since its frames have one fragment each. ``frames`` is 0 where it is not
    known how many there are.
    """
    fragments = found.fragments
    if frames == 1 or not fragments:
        return (fragments,) if fragments else ()
    if len(fragments) == frames and len(found.offsets) in (0, frames):
        return tuple((fragment,) for fragment in fragments)
    begins = [n for n, (offset, _) in enumerate(fragments) if begins_picture(source.read(offset, 12))]
    told = [found.item_starts.index(o) for o in found.offsets if o in found.item_starts]
    counted = len(told) == frames or (found.cut and len(told) <= frames)
    in_order = frames > 0 and counted and bool(told) and told == sorted(set(told))
    believed = in_order and (not begins or set(told) <= set(begins))
    starts = told if believed else begins
    if not starts or starts[0] != 0:
        return tuple((fragment,) for fragment in fragments)
    ends = [*starts[1:], len(fragments)]
    return tuple(fragments[a:b] for a, b in zip(starts, ends, strict=True))


def begins_picture(head: bytes) -> bool:
    """Whether a compressed picture begins here, of whatever kind."""
    return head.startswith((_JPEG, _J2K, _JP2, _JXL, _JXL_BOX)) or head[:8] in _RLE


# --------------------------------------------------------------------------------------------------- native


def native(source: Source, found: Pixels, layout: Layout, number: int, encoding: Encoding) -> Samples:
    """Frame ``number`` of native pixel data as one flat run of samples; shorter where the data ends early."""
    if found.native is None:
        raise PictureUnavailable("the pixel data is not native")
    if layout.allocated == 1:
        return _one_bit(source, found, layout, number, encoding)
    if layout.allocated not in (8, 16, 32):
        raise PictureUnavailable(f"samples of {layout.allocated} bits cannot be shown")
    length = found.native[1]
    start = (number - 1) * (layout.native_bits // 8)
    size = max(0, min(layout.native_bits // 8, length - start))
    raw = native_bytes(source, found, start, size, layout.allocated, encoding)
    width = layout.allocated // 8
    order = ">" if encoding.big_endian else "<"
    return np.frombuffer(raw[: len(raw) // width * width], np.dtype(f"{order}u{width}"))


def native_bytes(
    source: Source, found: Pixels, start: int, size: int, allocated: int, encoding: Encoding
) -> bytes:
    """``size`` bytes of native pixel data from ``start`` on, in the order of the samples.

    In words of a big-endian file, samples of up to 8 bits have changed places two by two (PS3.5 8.1.1, A.3), so
    whole words must be read.
    """
    assert found.native is not None
    base = found.native[0]
    if not (encoding.big_endian and found.vr == "OW" and allocated <= 8):
        return source.read(base + start, size)
    words = source.read(base + start // 2 * 2, size + start % 2 + 1 & ~1)
    turned = np.frombuffer(words[: len(words) // 2 * 2], ">u2").astype("<u2").tobytes()
    return turned[start % 2 : start % 2 + size]


def _one_bit(source: Source, found: Pixels, layout: Layout, number: int, encoding: Encoding) -> Samples:
    """One-bit samples, packed from the least significant bit on, frames not aligned (PS3.5 8.1.1)."""
    assert found.native is not None
    count = layout.rows * layout.columns
    first = (number - 1) * count
    size = max(0, min((first % 8 + count + 7) // 8, found.native[1] - first // 8))
    raw = native_bytes(source, found, first // 8, size, 1, encoding)
    bits: Samples = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
    return bits[first % 8 : first % 8 + count]


def shaped(samples: Samples, layout: Layout) -> Samples:
    """A flat run of samples as (rows, columns[, samples]), significant bits only, signed where they are."""
    rows, columns = layout.rows, layout.columns
    if layout.pairs:
        return pixels.upsampled_422(as_bytes(meaningful(samples, layout), layout.stored), rows, columns)
    values = meaningful(samples, layout)
    if layout.samples == 1:
        return values.reshape(rows, columns)
    if layout.planar:
        return np.moveaxis(values.reshape(layout.samples, rows, columns), 0, -1)
    return values.reshape(rows, columns, layout.samples)


def filled_up(samples: Samples, layout: Layout) -> tuple[Samples, int]:
    """A flat run with zeros for what is missing at its end, and how many rows of the picture are whole."""
    wanted = native_samples(layout.rows, layout.columns, layout.samples, layout.pairs)
    if len(samples) >= wanted:
        return samples[:wanted], layout.rows
    # Of colour by plane, the last plane ends first: rows beyond it have no blue.
    short = wanted - len(samples)
    rows = layout.rows * len(samples) // wanted
    if layout.planar and layout.samples > 1:
        plane = layout.rows * layout.columns
        rows = max(0, plane - short) // layout.columns if short < plane else 0
    return np.concatenate([samples, np.zeros(short, samples.dtype)]), rows


def meaningful(samples: Samples, layout: Layout) -> Samples:
    """Stored cells as values: overlay bits above and below are cut off, two's complement is undone."""
    if layout.stored >= layout.allocated and not layout.signed:
        return samples
    wide = np.int32 if layout.allocated <= 16 else np.int64
    shift = max(0, layout.high_bit + 1 - layout.stored)
    mask, half = 2**layout.stored - 1, 2 ** (layout.stored - 1)
    kept = np.int16 if layout.stored < 16 + layout.signed else wide

    def values(part: Samples) -> Samples:
        part = np.right_shift(part.astype(wide), shift) & mask
        return ((part ^ half) - half if layout.signed else part).astype(kept)

    return pixels.by_rows(samples, values)


def as_bytes(samples: Samples, stored: int) -> Picture:
    """Colour samples as 8 bits each."""
    if samples.dtype == np.uint8 and stored == 8:
        return samples
    return pixels.top_bits(samples, stored)


# --------------------------------------------------------------------------------------------- through Pillow


def opened(data: bytes, kind: str) -> Image:
    """A compressed picture, its size looked at and not yet decoded."""
    from PIL import Image as PillowImage

    bomb = too_large(f"a frame {TOO_MANY_PIXELS}")
    try:
        image = PillowImage.open(BytesIO(data), formats=(kind,))
    except PillowImage.DecompressionBombError as error:
        raise bomb from error
    if image.width * image.height > MAX_PIXELS:
        raise bomb
    size = image.width * image.height * len(image.getbands())
    # The decoder of JPEG 2000 has 32 bits for every sample.
    check_bytes(size, MAX_BYTES // 2 if kind == "JPEG2000" else MAX_BYTES)
    return image


def too_large(what: str) -> PictureUnavailable:
    """The hint says that nothing is wrong with the file."""
    return PictureUnavailable(what, hint="the original is kept; export a smaller copy")


def check_bytes(size: int, limit: int = MAX_BYTES) -> None:
    """Raises PictureUnavailable where the samples of one frame need more bytes than ``limit``."""
    if size > limit:
        raise too_large(f"a frame has {size // 1_000_000} MB of samples, more than is decoded here")


def at_least(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """The size whose longer edge is ``edge``."""
    longer = max(size)
    return max(1, -(-size[0] * edge // longer)), max(1, -(-size[1] * edge // longer))


def reduced(picture: Picture, edge: int | None) -> Picture:
    """8-bit samples made smaller by a whole number, averaged, as long as the longer edge keeps ``edge``."""
    factor = max(picture.shape[:2]) // edge if edge else 1
    if factor < 2:
        return picture
    from PIL import Image as PillowImage

    return np.asarray(PillowImage.fromarray(np.ascontiguousarray(picture)).reduce(factor))
