"""Frames as lossless JPEG (ITU-T T.81, process 14, predictor 1): the one compression without loss of general media
(PS3.11 STD-GEN-USB-JPEG), where JPEG 2000 is refused.

Each sample is told as its difference to the one before it: a code for how many bits that has, made for the frame, and
the bits. Everything is arithmetic on whole frames; decoders of others are the judges.
"""

from __future__ import annotations

import heapq
import struct

import numpy as np
from numpy.typing import NDArray

_SIZES = 9  # a difference of 8-bit samples has 0 to 8 bits
_FIRST = 128  # what the first sample of a frame is told from: half of its range


def encoded(frame: NDArray[np.uint8]) -> bytes:
    """A frame (rows, columns[, 3]) of 8 bits as one JPEG without any other segment than it needs; even in length."""
    picture = frame if frame.ndim == 3 else frame[:, :, None]
    rows, columns, samples = picture.shape
    told = _differences(picture.astype(np.int32)).ravel()
    sizes = _bits(told)
    lengths = _lengths(np.bincount(sizes, minlength=_SIZES))
    codes, symbols = _codes(lengths)
    scan = _packed(told, sizes, lengths, codes)
    components = range(1, samples + 1)
    parts = [
        b"\xff\xd8",
        _segment(0xC3, struct.pack(">BHHB", 8, rows, columns, samples)
                 + b"".join(bytes((n, 0x11, 0)) for n in components)),
        _segment(0xC4, b"\0" + bytes(lengths.tolist().count(n) for n in range(1, 17)) + bytes(symbols)),
        _segment(0xDA, bytes((samples,)) + b"".join(bytes((n, 0)) for n in components) + b"\x01\0\0"),
        scan,
        b"\xff\xd9",
    ]  # fmt: skip
    data = b"".join(parts)
    return data + b"\0" * (len(data) % 2)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _differences(picture: NDArray[np.int32]) -> NDArray[np.int32]:
    """Each sample less the one to its left; at the left edge less the one above (T.81 H.1.2.1)."""
    before = np.empty_like(picture)
    before[:, 1:] = picture[:, :-1]
    before[1:, 0] = picture[:-1, 0]
    before[0, 0] = _FIRST
    return picture - before


def _bits(told: NDArray[np.int32]) -> NDArray[np.intp]:
    """How many bits each difference has (T.81 table H.2)."""
    table = np.array([value.bit_length() for value in range(256)], np.intp)
    return table[np.abs(told)]


def _lengths(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The length of each size's code, 0 where there is none: Huffman's, with one code more that nothing uses, for a
    code of ones alone is not allowed (T.81 C)."""
    lengths = np.zeros(_SIZES + 1, np.intp)
    heap: list[tuple[int, tuple[int, ...]]] = [
        (int(count), (size,)) for size, count in enumerate(counts) if count
    ]
    heap.append((0, (_SIZES,)))
    heapq.heapify(heap)
    while len(heap) > 1:
        (one, left), (other, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[[*left, *right]] += 1
        heapq.heappush(heap, (one + other, tuple(sorted((*left, *right)))))
    return lengths[:_SIZES]  # the one left out, with no use, is the last of the longest: all ones


def _codes(lengths: NDArray[np.intp]) -> tuple[NDArray[np.int64], list[int]]:
    """The code of each size, and the sizes in the order of their codes (T.81 C.2)."""
    symbols = sorted(
        (size for size in range(_SIZES) if lengths[size]), key=lambda size: (lengths[size], size)
    )
    codes = np.zeros(_SIZES, np.int64)
    code, length = 0, 0
    for size in symbols:
        code <<= int(lengths[size]) - length
        length = int(lengths[size])
        codes[size] = code
        code += 1
    return codes, symbols


def _packed(
    told: NDArray[np.int32], sizes: NDArray[np.intp], lengths: NDArray[np.intp], codes: NDArray[np.int64]
) -> bytes:
    """Codes and differences one after another, most significant bit first, the last byte filled with ones."""
    more = np.where(told > 0, told, told + (1 << sizes) - 1)
    words = (codes[sizes] << sizes) | more
    widths = lengths[sizes] + sizes
    ends = np.cumsum(widths)
    starts = ends - widths
    total = int(ends[-1])
    at = words << (
        32 - widths - (starts & 7)
    )  # at most 24 bits from anywhere in a byte: four bytes hold them
    data = np.zeros((total + 7) // 8 + 4, np.int64)
    for step in range(4):
        part = (at >> (24 - 8 * step)) & 0xFF
        data += np.bincount((starts >> 3) + step, weights=part, minlength=len(data)).astype(np.int64)
    stream = data[: (total + 7) // 8].astype(np.uint8)
    if total % 8:
        stream[-1] |= (1 << (8 - total % 8)) - 1
    return np.insert(stream, np.flatnonzero(stream == 0xFF) + 1, 0).tobytes()
