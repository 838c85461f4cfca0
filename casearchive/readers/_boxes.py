"""Walks the boxes of ISO media files (MP4, MOV, HEIC, AVIF) to see that a file is whole."""

from __future__ import annotations

import struct

from casearchive.errors import UnreadableFile
from casearchive.readers import _shared
from casearchive.readers._source import Source


def walk(source: Source, needed: bytes, what: str) -> int:
    """Top-level boxes (ISO/IEC 14496-12 4.2) end exactly with the file, and one of them is ``needed``.

    The number of bytes after the last box that are no box themselves; 0 in a sound file. Raises
    ``UnreadableFile`` (``truncated`` or ``damaged``); ``what`` names the medium in its message.
    """
    position = 0
    kinds: set[bytes] = set()
    while position + 8 <= source.size and len(kinds) < 10_000:
        length, kind = struct.unpack(">I4s", source.read(position, 8))
        if length == 1:
            length = struct.unpack(">Q", source.read(position + 8, 8))[0]
        elif length == 0:
            length = source.size - position
        if length < 8 or not all(31 < byte < 127 or byte == 0xA9 for byte in kind):
            if needed in kinds:
                return source.size - position
            raise UnreadableFile("damaged", f"{what} file contradicts itself", hint=_shared.AGAIN)
        if position + length > source.size:
            missing = position + length - source.size
            raise UnreadableFile(
                "truncated", f"{what} file ends {missing} bytes before what it promises", hint=_shared.AGAIN
            )
        kinds.add(kind)
        position += length
    if needed not in kinds:
        raise UnreadableFile(
            "truncated",
            f"{what} has no directory of its contents: it was not finished, or the file was cut",
            hint=_shared.AGAIN,
        )
    return 0


def durations(source: Source, most: int) -> tuple[float, ...]:
    """Seconds for which each frame of the first track is shown, at most ``most`` of them; empty without a track.

    From the media header and the table of times to samples (ISO/IEC 14496-12 8.4.2, 8.6.1.2).
    """
    media = _within(source, (0, source.size), (b"moov", b"trak", b"mdia"))
    head = _within(source, media, (b"mdhd",))
    table = _within(source, media, (b"minf", b"stbl", b"stts"))
    if head is None or table is None:
        return ()
    long = source.read(head[0], 1) == b"\1"
    scale = int.from_bytes(source.read(head[0] + (20 if long else 12), 4), "big")
    entries = int.from_bytes(source.read(table[0] + 4, 4), "big")
    found: list[float] = []
    for n in range(min(entries, (table[1] - table[0] - 8) // 8)):
        count, delta = struct.unpack(">II", source.read(table[0] + 8 + 8 * n, 8))
        found += [delta / (scale or 1)] * min(count, most - len(found))
        if len(found) >= most:
            break
    return tuple(found)


def _within(source: Source, place: tuple[int, int] | None, path: tuple[bytes, ...]) -> tuple[int, int] | None:
    """Where the content of the first box at ``path`` below ``place`` begins and ends."""
    for wanted in path:
        if place is None:
            return None
        position, end = place
        place = None
        for _ in range(10_000):
            head = source.read(position, 16)
            if position + 8 > end or len(head) < 8:
                break
            length, kind = struct.unpack_from(">I4s", head)
            skip = 8
            if length == 1 and len(head) == 16:
                length, skip = struct.unpack_from(">Q", head, 8)[0], 16
            elif length == 0:
                length = end - position
            if length < skip or position + length > end:
                break
            if kind == wanted:
                place = (position + skip, position + length)
                break
            position += length
    return place
