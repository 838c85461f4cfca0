"""One stored frame of a DICOM object, decoded when it is asked for, by what its bytes are.

What the transfer syntax and the header say is believed only where the bytes do not tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from casearchive.errors import PictureUnavailable
from casearchive.readers import _codecs, _dicom_video, _frames, _j2k, _jpeg, _rle, _video
from casearchive.readers._frames import Layout, Samples
from casearchive.readers._structure import Pixels, Structure

RLE = "1.2.840.10008.1.2.5"
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
#: What a decoder gives back as RGB although the name speaks of luma and chroma (PS3.3 C.7.6.3.1.2).
_TRANSFORMED = ("RGB", "YBR_ICT", "YBR_RCT", "XYB")
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")


@dataclass(frozen=True, slots=True)
class Stored:
    """One decoded frame: ``samples`` (rows, columns[, samples]), read as ``layout`` says.

    ``shown`` is True where the decoder has already made RGB of them. ``rows`` is how many rows, from the top,
    the data reached, and ``whole`` whether it reached the end. ``cells`` are native one-sample cells with all
    their bits, for overlays that hide in the unused ones.
    """

    samples: Samples
    layout: Layout
    shown: bool = False
    rows: int | None = None
    whole: bool = True
    cells: Samples | None = None


class Decoder:
    """Decodes frames of one object, numbered from 1. ``note`` takes what a person should know of it."""

    def __init__(
        self,
        file: Structure,
        layout: Layout,
        count: int,
        note: Callable[[str], None],
        video: _video.Video | None = None,
    ) -> None:
        self.layout = layout
        self._file, self._count, self._note, self._video = file, count, note, video
        self._fragments: tuple[tuple[tuple[int, int], ...], ...] | None = None
        self._kept: tuple[int, Stored] | None = None

    @property
    def is_native(self) -> bool:
        return self._pixels.native is not None

    @property
    def _pixels(self) -> Pixels:
        if self._file.pixels is None:
            raise PictureUnavailable("this DICOM object holds no picture")
        return self._file.pixels

    # -- what colour to expect

    def expected(self, number: int) -> tuple[str, bool]:
        """``RGB`` or ``YBR`` as label and codestream tell, and whether that needs no look at the content."""
        labelled = "RGB" if self.layout.photometric in _TRANSFORMED else "YBR"
        if self._is_video:
            return "RGB", True
        if self.is_native or self._file.transfer_syntax == RLE:
            return labelled, False
        data = self._frame_bytes(number)
        if data.startswith(_JXL):
            return "RGB", True
        if data.startswith(b"\xff\xd8"):
            stream = _jpeg.jpeg_facts(data)
            if self.layout.samples == 1 and stream.components == 3:
                labelled = stream.space
            labelled = "RGB" if self.layout.photometric == "RGB" else labelled and "YBR"
            if labelled and stream.frame in (_jpeg.LOSSLESS, _jpeg.JPEG_LS):
                return labelled, False  # its markers only say that the codec transformed nothing
            return stream.space or labelled or "YBR", stream.certain and stream.space == labelled
        if _j2k.j2k_facts(data).transformed:
            return "RGB", labelled == "RGB"
        return labelled, False

    # -- one frame

    def stored(self, number: int, edge: int | None, space: str = "") -> Stored:
        """Frame ``number``, perhaps smaller, its longer edge at least ``edge``.

        With ``space`` the colour a JPEG stream is stored in is taken as settled.
        """
        if self._kept is not None and self._kept[0] == number:
            return self._kept[1]
        found = self._decoded(number, edge, space)
        if found.samples.shape[:2] == (self.layout.rows, self.layout.columns) and not found.shown:
            # the frame by which the colour is judged is very often the one that is shown next
            self._kept = (number, found)
        return found

    def _decoded(self, number: int, edge: int | None, space: str) -> Stored:
        if self._pixels.is_float:
            raise PictureUnavailable("pixels that are floating-point numbers cannot be shown")
        if not self._is_video:
            layout = self.layout
            _frames.check_bytes(layout.rows * layout.columns * layout.samples * ((layout.allocated + 7) // 8))
        if self.is_native:
            return self._native(number)
        if self._is_video:
            return Stored(self._video_frame(number, edge), self.layout, shown=True)
        data = self._frame_bytes(number)
        if self._file.transfer_syntax == RLE:
            samples, held = _rle.run_length(data, self.layout)
            rows = held // self.layout.columns
            return Stored(samples, self.layout, rows=None if rows == self.layout.rows else rows)
        if data.startswith(b"\xff\xd8"):
            return self._jpeg(data, edge, space)
        if data.startswith((b"\xff\x4f", b"\0\0\0\x0cjP")):
            return self._j2k(data, edge)
        if data.startswith(_JXL):
            return self._jxl(data)
        if not data:
            raise PictureUnavailable(f"frame {number} is empty")
        raise PictureUnavailable("its compressed pixel data is of a kind that is not known here")

    def flat(self, number: int) -> tuple[Samples, int]:
        """A native frame as one run of samples, zeros for what is missing; how many rows are whole."""
        run = _frames.native(self._file.source, self._pixels, self.layout, number, self._file.encoding)
        return _frames.filled_up(run, self.layout)

    def _native(self, number: int) -> Stored:
        layout = self.layout
        run, rows = self.flat(number)
        cells = run.reshape(layout.rows, layout.columns) if layout.samples == 1 else None
        reached = None if rows == layout.rows else rows
        return Stored(_frames.shaped(run, layout), layout, rows=reached, cells=cells)

    # -- compressed data

    def _frame_bytes(self, number: int) -> bytes:
        if self._fragments is None:
            self._fragments = _frames.frame_fragments(self._pixels, self._file.source, self._count)
        return b"".join(self._file.source.read(*span) for span in self._fragments[number - 1])

    def _jpeg(self, data: bytes, edge: int | None, space: str) -> Stored:
        stream = _jpeg.jpeg_facts(data)
        layout = self._matched(stream.components, stream.precision, stream.space)
        if (stream.rows, stream.columns) != (layout.rows, layout.columns):
            edge = None
        if stream.frame != _jpeg.JPEG_LS and _jpeg.damaged(data, stream):
            self._note("the JPEG data of a frame is damaged: parts of its picture may be wrong or missing")
        if stream.frame == _jpeg.JPEG_LS:
            return Stored(_frames.meaningful(_codecs.decoded(_codecs.JPEG_LS, data), layout), layout)
        if stream.precision > 8:
            samples = _codecs.decoded(_codecs.DEEP_JPEG, data)
            return Stored(_frames.meaningful(samples, layout), layout)
        if stream.precision < 8 and stream.frame != _jpeg.LOSSLESS:
            raise PictureUnavailable(f"JPEG of {stream.precision} bits a sample cannot be decoded")
        if stream.frame == _jpeg.LOSSLESS:
            samples, rows = _jpeg.jpeg_lossless(data)
            samples = _frames.meaningful(samples, layout)
        else:
            converted = stream.components == 3 and space == stream.assumed == "YBR"
            samples, rows = _jpeg.jpeg(data, stream, edge, raw=not converted)
            if converted:
                return Stored(samples, layout, shown=True, rows=rows)
        return Stored(samples, layout, rows=rows)

    def _j2k(self, data: bytes, edge: int | None) -> Stored:
        stream = _j2k.j2k_facts(data)
        layout = self._matched(stream.components, stream.precision, "RGB" if stream.transformed else "")
        if (stream.rows, stream.columns) != (layout.rows, layout.columns):
            edge = None
        samples, whole = _j2k.j2k(data, stream, layout, edge)
        if samples.dtype == np.uint8:
            layout = replace(layout, stored=8, allocated=8)
        return Stored(samples, layout, whole=whole)

    def _jxl(self, data: bytes) -> Stored:
        samples = _codecs.decoded(_codecs.JPEG_XL, data)
        if samples.ndim == 3 and samples.shape[2] in (1, 2, 4):  # alpha says nothing here
            samples = samples[..., 0] if samples.shape[2] < 3 else samples[..., :3]
        depth = 8 * samples.dtype.itemsize
        layout = self._matched(1 if samples.ndim == 2 else 3, min(depth, 16), "RGB")
        return Stored(samples, layout)

    def _matched(self, components: int, precision: int, space: str) -> Layout:
        """The layout, corrected by what the compressed frame itself says of its samples."""
        layout = self.layout
        if components not in (1, 3):
            raise PictureUnavailable(f"its compressed frame has {components} samples a pixel")
        if components != layout.samples:
            held = "grey" if components == 1 else "in colour"
            self._note(f"called {layout.photometric} but its compressed frames are {held}; shown {held}")
            photometric = "MONOCHROME2" if components == 1 else "RGB" if space == "RGB" else "YBR_FULL"
            layout = replace(layout, samples=components, photometric=photometric)
        if precision != layout.stored:
            allocated = 8 if precision <= 8 else 16
            signed = layout.signed and precision > layout.stored
            layout = replace(
                layout, stored=precision, allocated=allocated, high_bit=precision - 1, signed=signed
            )
        return layout

    # -- video

    @property
    def _is_video(self) -> bool:
        return _dicom_video.is_video(self._file)

    def _video_frame(self, number: int, edge: int | None) -> Samples:
        if not _video.available():
            raise _video.needs_extra()
        if self._video is None:
            raise PictureUnavailable("its video stream cannot be opened")
        if (self._video.facts.rows, self._video.facts.columns) != (self.layout.rows, self.layout.columns):
            edge = None
        picture = self._video.frame(number, edge)
        for remark in self._video.remarks:
            self._note(remark)
        return picture
