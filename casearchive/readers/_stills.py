"""Checks that a picture file is whole, by walking its own structure and without decoding it.

Pillow opens half a file gladly and complains, or not, only while decoding. Each walk raises
``UnreadableFile`` (``truncated`` or ``damaged``) and counts frames and durations where the format has them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from casearchive.errors import UnreadableFile
from casearchive.readers import _boxes, _shared
from casearchive.readers._source import Source

MAX_FRAMES = 10_000
_MAX_CHUNKS = 1_000_000
_LONGEST_TEXT = 1 << 20


@dataclass(frozen=True, slots=True)
class Walked:
    """``durations`` in seconds, one a frame, for what moves; empty for a still picture.

    A frame that states no duration has 0; ``tick`` is the smallest duration that the format can express.
    ``texts`` are the text chunks of a PNG, wherever in the file they stand. ``pages`` are the positions of the
    frames among the pictures of a TIFF, which may hold small copies besides; empty where all are frames.
    ``broken`` are the numbers (from 1) of moving frames whose own checksum is wrong.
    """

    frames: int = 1
    durations: tuple[float, ...] = ()
    tick: float = 0.001
    texts: tuple[tuple[str, bytes], ...] = ()
    pages: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()


def walk_png(source: Source) -> Walked:
    """Chunks up to IEND (PNG 3rd edition 5.3); checksums of the chunks that carry the picture are held."""
    position, promised = 8, 1
    durations: list[float] = []
    texts: list[tuple[str, bytes]] = []
    broken: set[int] = set()
    first = True
    while True:
        head = source.read(position, 8)
        if len(head) < 8:
            raise _truncated()
        length, kind = struct.unpack(">I4s", head)
        if first and kind != b"IHDR":
            raise _damaged()
        first = False
        if position + 12 + length > source.size:
            raise _truncated()
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"fdAT", b"acTL", b"fcTL"):
            body = source.read(position + 8, length)
            if zlib.crc32(kind + body) != struct.unpack(">I", source.read(position + 8 + length, 4))[0]:
                if kind != b"fdAT":
                    raise _damaged()
                broken.add(len(durations))  # one frame of many: the others are still worth seeing
            if kind == b"acTL" and length >= 4:
                promised = struct.unpack_from(">I", body)[0]
            elif kind == b"fcTL" and length >= 24 and len(durations) < MAX_FRAMES:
                top, bottom = struct.unpack_from(">HH", body, 20)
                durations.append(top / (bottom or 100))
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and len(texts) < 1000:
            texts.append(_png_text(kind, source.read(position + 8, min(length, _LONGEST_TEXT))))
        position += 12 + length
        if kind == b"IEND":
            frames = max(1, min(promised, len(durations) or 1))
            kept = tuple(durations[:frames]) if frames > 1 else ()
            return Walked(frames, kept, texts=tuple(texts), broken=tuple(sorted(broken)))


def _png_text(kind: bytes, body: bytes) -> tuple[str, bytes]:
    """(keyword, text) of a text chunk (PNG 3rd edition 11.3.3), inflated within bounds."""
    name, _, rest = body.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if packed:
        try:
            rest = zlib.decompressobj().decompress(rest, _LONGEST_TEXT)
        except zlib.error:
            rest = b""
    return name.decode("latin-1"), rest


def walk_jpeg(source: Source) -> Walked:
    """Marker segments to the first scan, then the end marker after it (ITU-T T.81 B.1)."""
    position = 2
    for _ in range(_MAX_CHUNKS):
        head = source.read(position, 4)
        if len(head) < 4:
            raise _truncated()
        if head[0] != 0xFF:
            raise _damaged()
        marker = head[1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xD9:
            raise _damaged()
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            position += 2
            continue
        position += 2 + struct.unpack_from(">H", head, 2)[0]
        if position > source.size:
            raise _truncated()
        if marker == 0xDA:
            break
    while position < source.size:
        block = source.read(position, 1 << 20)
        if b"\xff\xd9" in block:
            return Walked()
        position += max(1, len(block) - 1) if len(block) > 1 else 1
    raise _truncated()


def walk_gif(source: Source) -> Walked:
    """Blocks to the trailer (GIF89a): every image and the delay after it, in hundredths of a second."""
    head = source.read(0, 13)
    if len(head) < 13:
        raise _truncated()
    position = 13 + (3 << (head[10] & 7) + 1 if head[10] & 0x80 else 0)
    frames, delay = 0, 0
    durations: list[float] = []
    whole = 0
    for _ in range(_MAX_CHUNKS):
        block = source.read(position, 11)
        if not block:
            raise _truncated(_of_gif(whole, durations))
        if block[0] == 0x3B:
            if not frames:
                raise _damaged()
            return _of_gif(frames, durations)
        if block[0] == 0x21 and len(block) >= 8:
            if block[1] == 0xF9 and block[2] == 4:
                delay = struct.unpack_from("<H", block, 4)[0]
            position = _after_gif_blocks(source, position + 2, _of_gif(whole, durations))
        elif block[0] == 0x2C and len(block) >= 10:
            frames += 1
            if len(durations) < MAX_FRAMES:
                # A delay of 1 was written by programs that meant "as fast as you can"; no player obeys it.
                durations.append(delay / 100 if delay > 1 else 0.0)
                delay = 0
            table = 3 << (block[9] & 7) + 1 if block[9] & 0x80 else 0
            position = _after_gif_blocks(source, position + 10 + table + 1, _of_gif(whole, durations))
            whole = frames
        elif len(block) < 11:
            raise _truncated(_of_gif(whole, durations))
        else:
            raise _damaged()
    raise _damaged()


def _of_gif(frames: int, durations: list[float]) -> Walked:
    return Walked(max(1, frames), tuple(durations[:frames]) if frames > 1 else (), tick=0.01)


def _after_gif_blocks(source: Source, position: int, so_far: Walked) -> int:
    while True:
        length = source.read(position, 1)
        if not length:
            raise _truncated(so_far)
        position += 1 + length[0]
        if length[0] == 0:
            return position


def walk_webp(source: Source) -> Walked:
    """RIFF chunks; each ANMF is a frame with its duration in milliseconds."""
    end = 8 + struct.unpack("<I", source.read(4, 4))[0]
    if end > source.size:
        raise _truncated()
    position = 12
    durations: list[float] = []
    while position + 8 <= end:
        kind, length = struct.unpack("<4sI", source.read(position, 8))
        if position + 8 + length > end:
            raise _damaged()
        if kind == b"ANMF" and length >= 16 and len(durations) < MAX_FRAMES:
            raw = source.read(position + 20, 3)
            durations.append(int.from_bytes(raw, "little") / 1000)
        position += 8 + length + (length & 1)
    frames = max(1, len(durations))
    return Walked(frames, tuple(durations) if frames > 1 else ())


def walk_bmp(source: Source) -> Walked:
    """The file header's offset and the rows of an uncompressed picture lie inside the file."""
    head = source.read(0, 54)
    if len(head) < 26:
        raise _truncated()
    start, size = struct.unpack_from("<II", head, 10)
    if size >= 40 and len(head) >= 38:
        width, height, _, bits, coding, stored = struct.unpack_from("<iiHHII", head, 18)
    else:
        width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
        coding, stored = 0, 0
    needed = (abs(width) * bits + 31) // 32 * 4 * abs(height) if coding in (0, 3, 6) else stored
    if start + needed > source.size:
        raise _truncated()
    return Walked()


def walk_tiff(source: Source) -> Walked:
    """Directories, their values, the strips or tiles they name lie inside the file (TIFF 6.0 section 2)."""
    order = "<" if source.read(0, 2) == b"II" else ">"
    big = struct.unpack(order + "H", source.read(2, 2))[0] == 43
    position = struct.unpack(order + ("Q" if big else "I"), source.read(8 if big else 4, 8 if big else 4))[0]
    seen: set[int] = set()
    entries = 0
    full: list[int] = []
    while position:
        if position in seen:
            raise _damaged()
        page = _tiff_directory(source, order, big, position)
        entries += page.entries
        if not page.reduced:
            full.append(len(seen))
        seen.add(position)
        if len(seen) > MAX_FRAMES or entries > _MAX_CHUNKS:
            raise _damaged()
        position = page.next
    if not seen:
        raise _damaged()
    if not full or len(full) == len(seen):
        return Walked(len(seen))
    return Walked(len(full), pages=tuple(full))


_TIFF_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_NEW_SUBFILE_TYPE = 254  # bit 0: a smaller copy of another picture in the file
_TIFF_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_STRIPS = {273: 279, 324: 325}  # offsets: byte counts


@dataclass(frozen=True, slots=True)
class _Page:
    """One directory of a TIFF: the position of the next (0: none), and whether it is a smaller copy."""

    next: int
    entries: int
    reduced: bool


def _tiff_directory(source: Source, order: str, big: bool, position: int) -> _Page:
    """Check one directory."""
    head, entry, inline = (8, 20, 8) if big else (2, 12, 4)
    raw = source.read(position, head)
    if len(raw) < head:
        raise _truncated()
    count = struct.unpack(order + ("Q" if big else "H"), raw)[0]
    end = position + head + count * entry + inline
    if end > source.size:
        raise _truncated()
    if count > 0xFFFF:
        raise _damaged()
    reduced = False
    extents: dict[int, tuple[int, ...]] = {}
    for number in range(count):
        place = position + head + number * entry
        tag, kind, values = struct.unpack(
            order + ("HHQ" if big else "HHI"), source.read(place, entry - inline)
        )
        size = values * _TIFF_SIZES.get(kind, 1)
        place += entry - inline
        if tag == _NEW_SUBFILE_TYPE and kind in (3, 4) and values == 1:
            reduced = bool(
                struct.unpack(order + ("H" if kind == 3 else "I"), source.read(place, size))[0] & 1
            )
        if size > inline:
            place = struct.unpack(order + ("Q" if big else "I"), source.read(place, inline))[0]
            if place + size > source.size:
                raise _truncated()
        if (tag in _STRIPS or tag in _STRIPS.values()) and kind in _TIFF_FORMATS and values <= _MAX_CHUNKS:
            extents[tag] = struct.unpack(f"{order}{values}{_TIFF_FORMATS[kind]}", source.read(place, size))
    for offsets, counts in _STRIPS.items():
        for start, length in zip(extents.get(offsets, ()), extents.get(counts, ()), strict=False):
            if start + length > source.size:
                raise _truncated()
    following = struct.unpack(order + ("Q" if big else "I"), source.read(end - inline, inline))[0]
    return _Page(int(following), count, reduced)


def walk_photo(source: Source) -> Walked:
    """The boxes of an HEIC or AVIF photo, one of which describes its pictures (ISO/IEC 23008-12)."""
    _boxes.walk(source, b"meta", "the picture")
    shown = _boxes.durations(source, MAX_FRAMES)
    return Walked(max(1, len(shown)), shown if len(shown) > 1 else ())


@dataclass(frozen=True, slots=True)
class Format:
    """A picture format: the name Pillow gives it, its media type, and the walk that proves it whole."""

    pillow: str
    media_type: str
    walk: Callable[[Source], Walked]


PNG = Format("PNG", "image/png", walk_png)
JPEG = Format("JPEG", "image/jpeg", walk_jpeg)
GIF = Format("GIF", "image/gif", walk_gif)
WEBP = Format("WEBP", "image/webp", walk_webp)
BMP = Format("BMP", "image/bmp", walk_bmp)
TIFF = Format("TIFF", "image/tiff", walk_tiff)
AVIF = Format("AVIF", "image/avif", walk_photo)
HEIC = Format("HEIF", "image/heic", walk_photo)


def format_of(head: bytes) -> Format | None:
    """The picture format by its first bytes, or None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return TIFF
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        return AVIF if brands & _AVIF_BRANDS else HEIC if brands & _HEIC_BRANDS else None
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and head[14:18] in _BMP_HEADERS:
        return BMP
    return None


_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))


def _brands(head: bytes) -> frozenset[bytes]:
    """The major brand; the compatible ones as well where it only says that there are pictures."""
    brands = [head[8:12]]
    if head[8:12] in (b"mif1", b"msf1"):
        length = min(int.from_bytes(head[:4], "big"), len(head))
        brands += [head[place : place + 4] for place in range(16, length - 3, 4)]
    return frozenset(brands)


_BMP_HEADERS = tuple(struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124))


class Cut(UnreadableFile):
    """The file ends too early; ``walked`` is what of it is whole."""

    walked: Walked


def _truncated(walked: Walked | None = None) -> Cut:
    refusal = Cut("truncated", "the picture file ends too early", hint=_shared.AGAIN)
    refusal.walked = walked or Walked()
    return refusal


def _damaged() -> UnreadableFile:
    return UnreadableFile("damaged", "the picture file contradicts itself", hint=_shared.AGAIN)
