"""A video stream inside a DICOM object (PS3.5 A.4.5 to A.4.11), read through its fragments and never whole."""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate

from casearchive.readers._source import Source
from casearchive.readers._structure import Structure
from casearchive.readers._video import Video, VideoError

#: The transfer syntaxes that hold video, and the bare stream format of each.
SYNTAXES = {
    **{f"1.2.840.10008.1.2.4.{n}": "mpegvideo" for n in ("100", "100.1", "101", "101.1")},
    **{f"1.2.840.10008.1.2.4.{n}": "h264" for n in ("102", "102.1", "103", "103.1", "104", "104.1")},
    **{f"1.2.840.10008.1.2.4.{n}": "h264" for n in ("105", "105.1", "106", "106.1")},
    **{f"1.2.840.10008.1.2.4.{n}": "hevc" for n in ("107", "108")},
}


def is_video(structure: Structure) -> bool:
    """Does it hold a video stream? Native pixels are none, whatever the transfer syntax says."""
    pixels = structure.pixels
    return pixels is not None and pixels.native is None and structure.transfer_syntax in SYNTAXES


def opened(structure: Structure) -> Video:
    """The video of an object with one of ``SYNTAXES``. Raises ``VideoError``; the object's source must stay open.

    Its pictures are as they are stored, without turning and with whatever pixel shape: regions and measurements
    of a DICOM object count stored pixels (PS3.3 C.8.5.5).
    """
    if structure.pixels is None or not structure.pixels.fragments:
        raise VideoError("it holds no video")
    source, fragments = structure.source, structure.pixels.fragments
    size = sum(length for _, length in fragments)
    head = _Fragments(source, fragments).read(1024)
    form = _container(head, SYNTAXES[structure.transfer_syntax])
    return Video(lambda: io.BufferedReader(_Fragments(source, fragments)), form, size, as_stored=True)


def _container(head: bytes, bare: str) -> str:
    """The format of the stream: MP4, transport and program streams are allowed besides the bare one."""
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return "mpegts"
    if head[:4] == b"\0\0\1\xba":
        return "mpeg"
    return bare


class _Fragments(io.RawIOBase):
    """The fragments of an object, one after another, as one file."""

    def __init__(self, source: Source, fragments: tuple[tuple[int, int], ...]) -> None:
        self._source, self._fragments = source, fragments
        self._ends = list(accumulate(length for _, length in fragments))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n = bisect_right(self._ends, self._at)
        if n == len(self._ends):
            return 0
        start, length = self._fragments[n]
        done = self._at - (self._ends[n] - length)
        data = self._source.read(start + done, min(len(buffer), length - done))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
