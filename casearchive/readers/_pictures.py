"""The frames of a DICOM object as a person sees them: decoded one at a time, coloured as they are stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.model import Facts
from casearchive.readers import _dicom_video, _frames, _video
from casearchive.readers._frames import Layout, Samples
from casearchive.readers._headers import Header
from casearchive.readers._structure import Pixels, Structure

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, slots=True)
class _Stored:
    """One frame's samples; ``shown`` is True where the decoder has already made the picture of them."""

    samples: Samples
    shown: bool = False


@dataclass(frozen=True, slots=True)
class _Palette:
    tables: list[Samples]
    firsts: list[int]
    bits: list[int]


@dataclass
class DicomClip:
    """A DICOM object. Its facts gain a note when a picture shows that a label was wrong."""

    _file: Structure
    _header: Header
    _layout: Layout | None
    _count: int
    facts: Facts
    _fragments: tuple[tuple[tuple[int, int], ...], ...] | None = None
    _space: str = ""
    _range: tuple[float, float] | None = None
    _palette: _Palette | None = None
    _video: _video.Video | None = None
    _said: set[str] = field(default_factory=set)

    def frame(self, number: int) -> Picture:
        return self._show(number, None)

    def glimpse(self, number: int, edge: int) -> Picture:
        return self._show(number, edge)

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
        self._file.source.close()

    def _show(self, number: int, edge: int | None) -> Picture:
        layout = self._layout
        if layout is None:
            raise PictureUnavailable("this DICOM object holds no picture")
        if not 1 <= number <= self._count:
            raise PictureUnavailable(f"there is no frame {number}; it has {self._count}, counted from 1")
        if layout.rows * layout.columns > _frames.MAX_PIXELS:
            raise PictureUnavailable("a frame has more than 100 million pixels")
        try:
            stored = self._stored(layout, number, edge)
            shown = stored.samples if stored.shown else self._coloured(stored.samples, layout)
            return np.ascontiguousarray(shown)
        except PictureUnavailable:
            raise
        except Exception as error:  # decoders raise whatever damaged data makes of them
            raise PictureUnavailable(f"frame {number} cannot be decoded ({type(error).__name__})") from error

    def _stored(self, layout: Layout, number: int, edge: int | None) -> _Stored:
        found = self._pixels()
        if found.is_float:
            raise PictureUnavailable("pixels that are floating-point numbers cannot be shown")
        if found.native is not None:
            return _Stored(_frames.native(self._file.source, found, layout, number, self._file.encoding))
        if self._file.transfer_syntax in _dicom_video.SYNTAXES:
            return _Stored(self._video_frame(number, edge), shown=True)
        return self._decompressed(self._frame_bytes(number), layout, edge)

    def _pixels(self) -> Pixels:
        if self._file.pixels is None:
            raise PictureUnavailable("this DICOM object holds no picture")
        return self._file.pixels

    # -- compressed data

    def _frame_bytes(self, number: int) -> bytes:
        if self._fragments is None:
            self._fragments = _frames.frame_fragments(self._pixels(), self._file.source, self._count)
        return b"".join(self._file.source.read(*span) for span in self._fragments[number - 1])

    def _decompressed(self, data: bytes, layout: Layout, edge: int | None) -> _Stored:
        if self._file.transfer_syntax == _frames.RLE:
            return _Stored(_frames.run_length(data, layout))
        if data.startswith(b"\xff\xd8"):
            return self._jpeg(data, layout, edge)
        if data.startswith((b"\xff\x4f", b"\0\0\0\x0cjP")):
            return self._j2k(data, layout, edge)
        raise PictureUnavailable("its compressed pixel data is of a kind that is not known here")

    def _jpeg(self, data: bytes, layout: Layout, edge: int | None) -> _Stored:
        stream = _frames.jpeg_facts(data)
        _same_size(layout, stream.rows, stream.columns, stream.components)
        if stream.frame == 0xF7:
            syntax = self._file.transfer_syntax
            syntax = syntax if syntax in _frames.JPEG_LS else _frames.JPEG_LS[-1]
            return _Stored(_frames.by_plugin(data, layout, syntax, "JPEG-LS", "pyjpegls"))
        if stream.precision != 8:
            raise PictureUnavailable(f"JPEG of {stream.precision} bits a sample cannot be decoded here")
        if stream.frame == 0xC3:
            return _Stored(_frames.jpeg_lossless(data))
        if stream.components != 3:
            return _Stored(_frames.jpeg(data, stream, edge, raw=True))
        space = self._jpeg_space(stream, layout)
        samples = _frames.jpeg(data, stream, edge, raw=space == "RGB")
        if space == "YBR" and stream.assumed == "RGB":
            samples = pixels.rgb_from_ybr_full(samples)
        return _Stored(samples, shown=True)

    def _jpeg_space(self, stream: _frames.JpegFacts, layout: Layout) -> str:
        """Whether JPEG data is stored as RGB or YBR: markers and label where they agree, else the content."""
        labelled = "RGB" if layout.photometric == "RGB" else "YBR"
        if stream.space == labelled:
            return labelled
        if not self._space:
            self._settle_space(self._several(self._small_jpeg), stream.space or labelled, layout)
        return self._space

    def _small_jpeg(self, number: int) -> Samples:
        data = self._frame_bytes(number)
        return _frames.jpeg(data, _frames.jpeg_facts(data), 128, raw=True)

    def _j2k(self, data: bytes, layout: Layout, edge: int | None) -> _Stored:
        stream = _frames.j2k_facts(data)
        _same_size(layout, stream.rows, stream.columns, stream.components)
        if stream.high_throughput:
            syntax = self._file.transfer_syntax
            syntax = syntax if syntax in _frames.HTJ2K else _frames.HTJ2K[-1]
            packages = "pylibjpeg pylibjpeg-openjpeg"
            samples = _frames.by_plugin(data, layout, syntax, "High-Throughput JPEG 2000", packages)
        else:
            samples = _frames.j2k(data, stream, layout, edge)
        if stream.components == 3 and (stream.transformed or not layout.photometric.startswith("YBR_FULL")):
            # The decoder has undone the colour transform that the codestream names.
            bits = 8 if samples.dtype == np.uint8 else stream.precision
            return _Stored(_frames.as_bytes(samples, bits), shown=True)
        return _Stored(samples)

    def _video_frame(self, number: int, edge: int | None) -> Picture:
        if not _video.available():
            raise _video.needs_extra()
        if self._video is None or self._layout is None:
            raise PictureUnavailable("its video stream cannot be opened")
        _same_size(self._layout, self._video.facts.rows, self._video.facts.columns, self._layout.samples)
        picture = self._video.frame(number, edge)
        for remark in self._video.remarks:
            self._note(remark)
        return picture

    # -- colour

    def _coloured(self, samples: Samples, layout: Layout) -> Picture:
        if layout.photometric in MONOCHROME:
            shown = self._through_window(samples, layout)
            return 255 - shown if layout.photometric == "MONOCHROME1" else shown
        if layout.photometric == "PALETTE COLOR":
            return self._through_palette(samples)
        if layout.photometric == "RGB" or layout.photometric.startswith("YBR"):
            return self._rgb(_frames.as_bytes(samples, layout.stored), layout)
        raise PictureUnavailable("its photometric interpretation is not known here")

    def _rgb(self, samples: Picture, layout: Layout) -> Picture:
        if not self._space:
            several = self._several(lambda number: self._stored(layout, number, None).samples)
            stored = (_frames.as_bytes(each, layout.stored) for each in several)
            self._settle_space(stored, "RGB" if layout.photometric == "RGB" else "YBR", layout)
        if self._space == "RGB":
            return samples
        if layout.photometric.startswith("YBR_PARTIAL"):
            return pixels.rgb_from_ybr_partial(samples)
        return pixels.rgb_from_ybr_full(samples)

    def _several(self, read: Callable[[int], Samples]) -> Iterator[Samples]:
        """First, middle and last frame: what is judged for a clip is always judged by the same frames."""
        for number in sorted({1, (self._count + 1) // 2, self._count}):
            try:
                yield read(number)
            except Exception:  # noqa: BLE001, S112 - a damaged frame has no say in how the others look
                continue

    def _settle_space(self, several: Iterator[Picture], otherwise: str, layout: Layout) -> None:
        """Decide once for the clip whether samples are RGB or YBR; a label that was wrong becomes a note."""
        self._space = next((space for space in map(_judged, several) if space), otherwise)
        if self._space != ("RGB" if layout.photometric == "RGB" else "YBR"):
            stored = "RGB" if self._space == "RGB" else "luma and chroma"
            self._note(f"called {layout.photometric} but stored as {stored}; shown as it is stored")

    # -- grey

    def _through_window(self, samples: Samples, layout: Layout) -> Picture:
        """Rescale, then the window or VOI table, else the range of the values (PS3.3 C.11.1, C.11.2)."""
        if layout.stored == 1:
            return samples.astype(np.uint8) * 255
        slope, intercept = self._header.number("RescaleSlope"), self._header.number("RescaleIntercept")
        values = samples
        if slope not in (None, 0, 1) or intercept not in (None, 0):
            values = samples.astype(np.float64) * (slope or 1.0) + (intercept or 0.0)
        shown = self._chosen_view(values)
        if shown is not None:
            if np.ptp(shown) > 0 or np.ptp(samples) == 0:
                return shown
            self._note("its window shows nothing; the whole range of values is shown instead")
        if values is samples and layout.stored <= 8 and not layout.signed:
            return pixels.top_bits(samples, layout.stored) if layout.stored < 8 else samples.astype(np.uint8)
        return pixels.stretch(samples, *self._whole_range(samples, layout))

    def _chosen_view(self, values: Samples) -> Picture | None:
        """The values through the first window or VOI table of the header, or None where it has neither."""
        center, width = self._header.number("WindowCenter"), self._header.number("WindowWidth")
        if center is not None and width is not None and width >= 1:
            function = (self._header.text("VOILUTFunction") or "LINEAR").upper()
            return pixels.window(values, center, width, function)
        for item in self._header.items("VOILUTSequence"):
            descriptor = self._header.integers("LUTDescriptor", item)
            table = self._header.integers("LUTData", item, big_endian=self._file.encoding.big_endian)
            if len(descriptor) == 3 and table:
                entries = np.array(table[: descriptor[0] or 65536], np.uint16)
                return pixels.lookup(values, entries, descriptor[1], 2 ** min(descriptor[2], 16) - 1)
        return None

    def _whole_range(self, samples: Samples, layout: Layout) -> tuple[float, float]:
        """The smallest and largest value of the clip, from a few frames, so that all are shown alike."""
        if self._range is None:
            several = list(self._several(lambda number: self._stored(layout, number, None).samples)) or [
                samples
            ]
            low, high = min(float(s.min()) for s in several), max(float(s.max()) for s in several)
            self._range = (low, high) if math.isfinite(low) and math.isfinite(high) else (0.0, 255.0)
        return self._range

    # -- palette

    def _through_palette(self, indices: Samples) -> Picture:
        if self._palette is None:
            self._palette = self._read_palette()
        return pixels.palette(indices, self._palette.tables, self._palette.firsts, self._palette.bits)

    def _read_palette(self) -> _Palette:
        """The three tables (PS3.3 C.7.6.3.1.5, C.7.9); their words are in the byte order of the file."""
        found = _Palette([], [], [])
        for number in (1, 2, 3):
            descriptor = self._words(0x00281100 + number)
            if len(descriptor) != 3:
                raise PictureUnavailable("its colour palette is not described")
            entries, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
            if self._layout is not None and self._layout.signed and first >= 32768:
                first -= 65536
            table, depth = self._table(number, entries, bits)
            found.tables.append(table)
            found.firsts.append(first)
            found.bits.append(depth)
        return found

    def _table(self, number: int, entries: int, bits: int) -> tuple[Samples, int]:
        raw = self._file.raw(0x00281200 + number)
        if not raw:
            try:
                return pixels.expanded_segments(self._words(0x00281220 + number), entries), 16
            except ValueError as error:
                raise PictureUnavailable("its colour palette is damaged") from error
        words = np.array(self._words(0x00281200 + number), np.uint16)
        if len(words) >= entries:
            table = words[:entries]
            # Tables called 16 bit that hold 8-bit values are an old and common mistake.
            return table, 16 if bits == 16 and int(table.max()) > 255 else 8
        packed = np.frombuffer(words.astype("<u2").tobytes(), np.uint8)
        if len(packed) < entries:
            raise PictureUnavailable("its colour palette is shorter than it says")
        return packed[:entries], 8

    def _words(self, tag: int) -> list[int]:
        raw = self._file.raw(tag)
        order = ">" if self._file.encoding.big_endian else "<"
        return [int(word) for word in np.frombuffer(raw[: len(raw) // 2 * 2], f"{order}u2")]

    def _note(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.facts = replace(self.facts, notes=(*self.facts.notes, text))


def _judged(stored: Picture) -> str:
    """What three stored samples certainly are, or nothing where the content does not tell."""
    if pixels.resembles_rgb(stored):
        return "RGB"
    return "YBR" if pixels.resembles_ybr(stored) else ""


def _same_size(layout: Layout, rows: int, columns: int, components: int) -> None:
    """A compressed frame of another size would put every region and measurement in the wrong place."""
    if (rows, columns) != (layout.rows, layout.columns):
        raise PictureUnavailable("its compressed frame has another size than its header says")
    if components != layout.samples:
        raise PictureUnavailable("its compressed frame has another number of samples than its header says")
