"""Undoes RLE Lossless (PS3.5 annex G): one PackBits segment a byte plane, the most significant plane first."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Layout, Samples, meaningful

#: How far it is to the next head from a head of each value: literal bytes, a run, or nothing at all.
_STEP = tuple(head + 2 if head < 128 else 2 if head > 128 else 1 for head in range(256))
#: How many packed bytes are undone at a time, so that no frame costs more than its own size in memory.
_BLOCK = 1 << 20


def run_length(data: bytes, layout: Layout) -> tuple[Samples, int]:
    """One frame as (rows, columns[, samples]), and how many of its pixels the data really held.

    Pixels beyond that are zero. Raises PictureUnavailable where the header of the frame cannot be understood.
    """
    segments = _segments(data, layout.samples * layout.allocated // 8)
    size = layout.rows * layout.columns
    planes: list[NDArray[np.uint8]] = []
    held = size
    for number, segment in enumerate(segments):
        if number and segment == segments[number - 1]:  # grey in colour: R, G and B are packed alike
            planes.append(planes[-1])
            continue
        plane = _unpacked(segment, size)
        held = min(held, len(plane))
        planes.append(np.pad(plane, (0, size - len(plane))) if len(plane) < size else plane)
    width = layout.allocated // 8
    channels = [_joined(planes[n * width : (n + 1) * width]) for n in range(layout.samples)]
    shape = (layout.rows, layout.columns)
    flat = channels[0] if layout.samples == 1 else np.stack(channels, axis=-1)
    values = meaningful(flat, layout)
    return values.reshape(shape if layout.samples == 1 else (*shape, layout.samples)), held


def _segments(data: bytes, planes: int) -> list[bytes]:
    """The packed planes, as the 64-byte header tells them apart (PS3.5 G.5)."""
    count = struct.unpack_from("<I", data, 0)[0] if len(data) >= 64 else 0
    if count != planes or planes > 15:
        raise PictureUnavailable("its run-length data has the wrong number of segments")
    starts = struct.unpack_from(f"<{count}I", data, 4)
    if list(starts) != sorted(starts):
        raise PictureUnavailable("the segments of its run-length data are out of order")
    return [data[start:end] for start, end in pairwise((*starts, len(data)))]


def _joined(planes: list[NDArray[np.uint8]]) -> Samples:
    """Byte planes as samples, the most significant first."""
    if len(planes) == 1:
        return planes[0]
    value: Samples = planes[0].astype(f"u{len(planes)}")
    for plane in planes[1:]:
        value = value << 8 | plane
    return value


def _unpacked(data: bytes, size: int) -> NDArray[np.uint8]:
    """PackBits undone: at most ``size`` bytes, fewer where the data ends early."""
    parts: list[NDArray[np.uint8]] = []
    position, done = 0, 0
    while done < size and position < len(data):
        block = data[position : position + _BLOCK]
        part, used = _block(block, size - done, whole=position + len(block) == len(data))
        parts.append(part)
        done += len(part)
        position += used
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def _block(data: bytes, wanted: int, *, whole: bool) -> tuple[NDArray[np.uint8], int]:
    """What the packed bytes hold, at most ``wanted``, and how many of them were used.

    Only the walk from head to head is Python; every payload byte is then repeated as often as its head says.
    """
    heads, end = _heads(data)
    if not whole and end > len(data):  # the last item goes on in the next block
        end = heads.pop()
    at = np.array(heads, np.intp)
    packed = np.frombuffer(data, np.uint8)
    head = packed[at].astype(np.intp)
    lengths = np.where(head < 128, head + 1, np.where(head > 128, 257 - head, 0))
    enough = int(np.searchsorted(np.cumsum(lengths), wanted)) + 1
    if enough < len(at):
        at, head, end = at[:enough], head[:enough], int(at[enough])
    end = min(end, len(data))
    times = np.ones(end, np.intp)
    times[at] = 0
    runs = at[head > 128]
    runs = runs[runs + 1 < end]
    times[runs + 1] = 257 - packed[runs].astype(np.intp)
    return np.repeat(packed[:end], times)[:wanted], end


def _heads(data: bytes) -> tuple[list[int], int]:
    """Where the items begin, and where the last of them should end (perhaps beyond the data)."""
    heads: list[int] = []
    add, step, position = heads.append, _STEP, 0
    try:
        while True:
            following = position + step[data[position]]
            add(position)
            position = following
    except IndexError:
        return heads, position
