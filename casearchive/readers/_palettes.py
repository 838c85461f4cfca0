"""Colour tables of a DICOM object: PALETTE COLOR, and the supplemental palette over grey (PS3.3 C.7.6.3.1.5, C.7.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Samples
from casearchive.readers._structure import Structure

_DESCRIPTOR, _DATA, _SEGMENTED = 0x00281101, 0x00281201, 0x00281221


@dataclass(frozen=True, slots=True)
class Palette:
    """``colours`` is (entries, 3) RGB; its entry 0 stands for the sample value ``first``."""

    colours: Picture
    first: int

    def shown(self, indices: Samples) -> Picture:
        """Samples as RGB; below and above the table they take its first and last colour (PS3.3 C.7.9)."""
        first = self.first
        return pixels.by_rows(
            indices, lambda part: np.take(self.colours, part.astype(np.int64) - first, axis=0, mode="clip")
        )


def described(file: Structure) -> bool:
    """Whether the object has colour tables at all."""
    return all(file.has(_DESCRIPTOR + n) for n in range(3))


def palette(file: Structure, signed: bool, note: Callable[[str], None]) -> Palette:
    """The three tables; their words are in the byte order of the file. Raises PictureUnavailable."""
    tables = []
    firsts = set()
    for number in range(3):
        descriptor = _words(file, _DESCRIPTOR + number)
        if len(descriptor) != 3:
            raise PictureUnavailable("its colour palette is not described")
        entries, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
        firsts.add(first - 65536 if signed and first >= 32768 else first)
        table = _table(file, number, entries, bits)
        if not len(table):
            raise PictureUnavailable("its colour palette is missing")
        if len(table) < entries:
            note("its colour palette is shorter than it says; the last colour stands for what is missing")
            table = np.pad(table, (0, entries - len(table)), mode="edge")
        tables.append(table)
    # Tables called 16 bit that hold 8-bit values are an old and common mistake, as is the reverse.
    top = 65535 if max(int(table.max()) for table in tables) > 255 else 255
    length = max(len(table) for table in tables)
    even = [np.pad(table, (0, length - len(table)), mode="edge") for table in tables]
    return Palette(np.stack([pixels.stretch(table, 0, top) for table in even], axis=-1), min(firsts))


def _table(file: Structure, number: int, entries: int, bits: int) -> Samples:
    """One table as 16-bit values, at most ``entries``, fewer where it is too short."""
    raw = file.raw(_DATA + number)
    if not raw:
        words = _words(file, _SEGMENTED + number)
        if bits <= 8:  # segments of 8-bit entries are bytes, packed in words
            words = list(np.array(words, "<u2").tobytes())
        return pixels.expanded_segments(words, entries, wide=bits > 8)
    words = _words(file, _DATA + number)
    packed = 2 * len(words) in (entries, entries + 1)  # an entry a byte, whatever the descriptor says
    if len(words) >= entries or (bits > 8 and not packed):
        return np.array(words[:entries], np.uint16)
    return np.frombuffer(np.array(words, "<u2").tobytes(), np.uint8)[:entries].astype(np.uint16)


def _words(file: Structure, tag: int) -> list[int]:
    raw = file.raw(tag)
    order = ">" if file.encoding.big_endian else "<"
    return [int(word) for word in np.frombuffer(raw[: len(raw) // 2 * 2], f"{order}u2")]
