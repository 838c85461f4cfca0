"""From stored grey to what a person sees: modality table, window or VOI table, or the range of the values.

PS3.3 C.11.1 and C.11.2; the steps are worked out once a clip, as one table from stored value to grey level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.readers._frames import Layout, Samples
from casearchive.readers._headers import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass
class Shading:
    """``several`` gives the frames by which a clip is judged; ``note`` takes what a person should know."""

    header: Header
    big_endian: bool
    several: Callable[[], Iterator[Samples]]
    note: Callable[[str], None]
    _tables: dict[tuple[int, bool], tuple[Picture, int, bool]] = field(default_factory=dict)

    def shown(self, samples: Samples, layout: Layout) -> Picture:
        """Grey samples (rows, columns) as 0-255, MONOCHROME1 still the wrong way round."""
        if layout.stored == 1:
            return (samples & 1).astype(np.uint8) * 255
        if layout.stored > 16:
            return self._deep(samples)
        key = (layout.stored, layout.signed)
        if key not in self._tables:
            self._tables[key] = self._table(layout)
        table, low, windowed = self._tables[key]
        shown = _looked_up(table, samples, low)
        if windowed and np.ptp(shown) == 0 and np.ptp(samples) > 0 and not self._window_shows(table, low):
            self.note("its window shows nothing; the whole range of values is shown instead")
            self._tables[key] = (self._stretched(self._modality(_every(layout)), low), low, False)
            shown = _looked_up(self._tables[key][0], samples, low)
        return shown

    def _deep(self, samples: Samples) -> Picture:
        """Grey of more than 16 bits, for which no table can be written out: worked out a band at a time."""
        ends = self._modality(np.array([samples.min(), samples.max()], np.float64))
        low, high = float(ends.min()), float(ends.max())
        signed = bool(samples.min() < 0)

        def shown(part: Samples) -> Picture:
            values = self._modality(part.astype(np.float64), signed)
            view = self._view(values, signed)
            return view if view is not None else pixels.stretch(values, low, high)

        return pixels.by_rows(samples, shown)

    def _table(self, layout: Layout) -> tuple[Picture, int, bool]:
        """(the grey level of every stored value, the value that entry 0 stands for, whether by a window)."""
        every = _every(layout)
        low = int(every[0])
        values = self._modality(every)
        view = self._view(values)
        if view is not None:
            return view, low, True
        if layout.stored <= 8 and not layout.signed and values is every:
            return pixels.top_bits(every, layout.stored), low, False
        return self._stretched(values, low), low, False

    def _stretched(self, values: Samples, low: int) -> Picture:
        """Every value by the smallest and largest that a few frames hold, so that all frames look alike."""
        several = list(self.several())
        if not several:
            return pixels.stretch(values, float(values.min()), float(values.max()))
        first = min(int(each.min()) for each in several) - low
        last = max(int(each.max()) for each in several) - low
        held = values[max(0, first) : last + 1]
        return pixels.stretch(values, float(held.min()), float(held.max()))

    def _window_shows(self, table: Picture, low: int) -> bool:
        """Whether the window shows something in any of the frames the clip is judged by."""
        return any(np.ptp(_looked_up(table, each, low)) > 0 for each in self.several())

    # -- the steps

    def _modality(self, values: Samples, signed: bool | None = None) -> Samples:
        """Rescaled, or through the modality table (PS3.3 C.11.1)."""
        for item in self.header.items("ModalityLUTSequence"):
            table = self._lut(item, signed=bool(values.min() < 0) if signed is None else signed)
            if table is not None:
                entries, first, _ = table
                places = np.clip(values.astype(np.int64) - first, 0, len(entries) - 1)
                return entries[places].astype(np.float64)
        slope, intercept = self.header.number("RescaleSlope"), self.header.number("RescaleIntercept")
        if slope in (None, 0, 1) and intercept in (None, 0):
            return values
        return values.astype(np.float64) * (slope or 1.0) + (intercept or 0.0)

    def _view(self, values: Samples, signed: bool | None = None) -> Picture | None:
        """The values through the first window or VOI table of the header, or None where it has neither."""
        center, width = self.header.number("WindowCenter"), self.header.number("WindowWidth")
        function = (self.header.text("VOILUTFunction") or "LINEAR").upper()
        if center is not None and width is not None and width >= (1 if function == "LINEAR" else 1e-6):
            return pixels.window(values, center, width, function)
        for item in self.header.items("VOILUTSequence"):
            table = self._lut(item, signed=bool(values.min() < 0) if signed is None else signed)
            if table is not None:
                entries, first, bits = table
                top = max(2**bits - 1, int(entries.max()))
                return pixels.lookup(np.rint(values), entries, first, top)
        return None

    def _lut(self, item: Dataset, signed: bool) -> tuple[Samples, int, int] | None:
        """(entries, the value that entry 0 stands for, bits) of a table, or None where it has no entries.

        The first mapped value is signed where the values are, whatever the VR it was written with.
        """
        descriptor = [word & 0xFFFF for word in self.header.integers("LUTDescriptor", item)]
        words = [word & 0xFFFF for word in self.header.integers("LUTData", item, big_endian=self.big_endian)]
        if len(descriptor) != 3 or not words:
            return None
        count, first, bits = descriptor[0] or 65536, descriptor[1], min(descriptor[2] or 16, 16)
        if signed and first >= 32768:
            first -= 65536
        entries = np.array(words[:count], np.uint16)
        if len(words) < count and bits <= 8 and 2 * len(words) >= count:  # two 8-bit entries in a word
            entries = np.frombuffer(np.array(words, "<u2").tobytes(), np.uint8)[:count].astype(np.uint16)
        if len(entries) < count:
            self.note("a grey table is shorter than it says; its last entry stands for what is missing")
        return entries, first, bits


_AS_THEY_ARE = np.arange(256, dtype=np.uint8)


def _every(layout: Layout) -> Samples:
    """Every value that a stored sample can have, in order."""
    low = -(2 ** (layout.stored - 1)) if layout.signed else 0
    return np.arange(low, low + 2**layout.stored)


def _looked_up(table: Picture, samples: Samples, low: int) -> Picture:
    if low == 0 and samples.dtype == np.uint8 and len(table) == 256 and np.array_equal(table, _AS_THEY_ARE):
        return samples

    def shown(part: Samples) -> Picture:
        places = part.astype(np.int64) - low
        return np.take(table, places, mode="clip")

    return pixels.by_rows(samples, shown)
