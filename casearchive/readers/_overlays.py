"""Overlay planes (PS3.3 C.9.2): graphics that the scanner laid over the picture, drawn where it drew them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from casearchive.clip import Picture
from casearchive.readers._frames import Samples
from casearchive.readers._structure import Structure

#: Repeating groups 6000, 6002 … 601E.
_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _TYPE, _ORIGIN, _FIRST = 0x0010, 0x0011, 0x0015, 0x0040, 0x0050, 0x0051
_BITS, _BIT, _DATA = 0x0100, 0x0102, 0x3000
_WHITE = 255


@dataclass(frozen=True, slots=True)
class Overlay:
    """One plane of graphics. ``top`` and ``left`` count from 0 and may be negative.

    ``frames`` is how many frames of its own it has, for the frames of the picture from ``first`` (1-based) on;
    with one frame only it belongs to all of them. ``data`` is None where it lies in bit ``bit`` of the pixel cells.
    """

    rows: int
    columns: int
    top: int
    left: int
    frames: int
    first: int
    bit: int
    data: bytes | None

    def mask(self, number: int, cells: Samples | None) -> NDArray[np.bool_] | None:
        """(rows, columns), True where it draws on frame ``number``; None where it draws nothing there."""
        if self.data is None:
            if cells is None or cells.shape != (self.rows, self.columns):
                return None
            return (cells >> self.bit & 1).astype(bool)
        plane = number - self.first if self.frames > 1 else 0
        if not 0 <= plane < self.frames:
            return None
        size = self.rows * self.columns
        start = plane * size
        part = self.data[start // 8 : (start + size + 7) // 8]
        bits = np.unpackbits(np.frombuffer(part, np.uint8), bitorder="little")[start % 8 :][:size]
        held = len(bits) // self.columns  # a plane that is cut short draws as far as it goes
        return bits[: held * self.columns].reshape(held, self.columns).astype(bool)


def overlays(file: Structure, rows: int, columns: int) -> tuple[Overlay, ...]:
    """The graphics planes of the object; regions of interest (type R) are no part of the picture."""
    present = {element.tag >> 16 for element in file.elements}
    found = [_overlay(file, group, rows, columns) for group in _GROUPS if group in present]
    return tuple(overlay for overlay in found if overlay is not None)


def _overlay(file: Structure, group: int, rows: int, columns: int) -> Overlay | None:
    def words(number: int, kind: str = "H") -> list[int]:
        raw = file.raw(group << 16 | number)
        order = ">" if file.encoding.big_endian else "<"
        return list(struct.unpack(f"{order}{len(raw) // 2}{kind}", raw[: len(raw) // 2 * 2]))

    def one(number: int, otherwise: int) -> int:
        return (words(number) or [otherwise])[0]

    if file.raw(group << 16 | _TYPE).strip(b"\0 ") != b"G":
        return None
    high, wide = one(_ROWS, 0), one(_COLUMNS, 0)
    origin = words(_ORIGIN, "h")
    top, left = origin[:2] if len(origin) >= 2 else (1, 1)
    data: bytes | None = file.raw(group << 16 | _DATA)
    if not data:
        if one(_BITS, 1) <= 1:
            return None
        data, high, wide = None, rows, columns
    if not high or not wide:
        return None
    vr = next((e.vr for e in file.elements if e.tag == group << 16 | _DATA), "")
    if data is not None and file.encoding.big_endian and vr != "OB":
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    return Overlay(
        rows=high,
        columns=wide,
        top=top - 1,
        left=left - 1,
        frames=_count(file.raw(group << 16 | _FRAMES)),
        first=one(_FIRST, 1),
        bit=min(one(_BIT, 0), 31),
        data=data,
    )


def _count(raw: bytes) -> int:
    text = raw.decode("ascii", "replace").strip("\0 ")
    return int(text) if text.isdigit() and 0 < int(text) < 100_000 else 1


def drawn(picture: Picture, planes: tuple[Overlay, ...], number: int, cells: Samples | None) -> Picture:
    """The picture with the graphics of frame ``number`` in white."""
    result = picture
    for plane in planes:
        mask = plane.mask(number, cells)
        if mask is None or not mask.any():
            continue
        if result is picture:
            result = picture.copy()
        _draw(result, mask, plane.top, plane.left)
    return result


def _draw(picture: Picture, mask: NDArray[np.bool_], top: int, left: int) -> None:
    rows, columns = picture.shape[:2]
    part = mask[max(0, -top) : max(0, rows - top), max(0, -left) : max(0, columns - left)]
    place = picture[max(0, top) : max(0, top) + len(part), max(0, left) : max(0, left) + part.shape[1]]
    place[part] = _WHITE
