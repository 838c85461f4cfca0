"""Walks the boxes of ISO media files (MP4, MOV, HEIC, AVIF) to see that a file is whole."""

from __future__ import annotations

import struct

from casearchive.errors import UnreadableFile
from casearchive.readers._source import Source

_AGAIN = "copy it again from where it was made"


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
            raise UnreadableFile("damaged", f"{what} file contradicts itself", hint=_AGAIN)
        if position + length > source.size:
            missing = position + length - source.size
            raise UnreadableFile(
                "truncated", f"{what} file ends {missing} bytes before what it promises", hint=_AGAIN
            )
        kinds.add(kind)
        position += length
    if needed not in kinds:
        raise UnreadableFile(
            "truncated",
            f"{what} has no directory of its contents: it was not finished, or the file was cut",
            hint=_AGAIN,
        )
    return 0
