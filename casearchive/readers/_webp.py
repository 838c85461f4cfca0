"""One frame of an animated WebP by itself, for files in which another frame is damaged."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from casearchive.readers._source import FileSource

if TYPE_CHECKING:
    from PIL.Image import Image


def alone(path: Path, number: int) -> Image | None:
    """Frame ``number`` (from 1), opened as a picture of its own, or None where it needs those before it.

    A frame stands alone where it covers the whole canvas and does not blend into what was there before (the
    ANMF chunk of the WebP container: position, size, duration, flags, then the frame's own chunks).
    """
    source = FileSource(path)
    try:
        frame = _frame_chunk(source, number)
    finally:
        source.close()
    if frame is None:
        return None
    canvas, head, body = frame
    left, top, wide, high = (int.from_bytes(head[3 * n : 3 * n + 3], "little") for n in range(4))
    blends = not head[15] & 2 and b"ALPH" in body[:4]
    if (left, top) != (0, 0) or (wide + 1, high + 1) != canvas or blends:
        return None
    return _opened(body, canvas)


def _frame_chunk(source: FileSource, number: int) -> tuple[tuple[int, int], bytes, bytes] | None:
    """((columns, rows) of the canvas, the 16 bytes of frame header, the chunks of the frame)."""
    end, position, seen = 8 + struct.unpack("<I", source.read(4, 4))[0], 12, 0
    canvas = (0, 0)
    while position + 8 <= end:
        kind, length = struct.unpack("<4sI", source.read(position, 8))
        if kind == b"VP8X":
            head = source.read(position + 8, 10)
            canvas = (int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1)
        elif kind == b"ANMF" and length >= 16:
            seen += 1
            if seen == number:
                return canvas, source.read(position + 8, 16), source.read(position + 24, length - 16)
        position += 8 + length + (length & 1)
    return None


def _opened(body: bytes, canvas: tuple[int, int]) -> Image:
    from PIL import Image as PillowImage

    chunks = body + b"\0" * (len(body) & 1)
    if chunks.startswith(b"ALPH"):
        sizes = (canvas[0] - 1).to_bytes(3, "little") + (canvas[1] - 1).to_bytes(3, "little")
        chunks = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + sizes + chunks
    whole = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
    image = PillowImage.open(io.BytesIO(whole), formats=("WEBP",))
    image.load()
    return image
