"""Decodes video through PyAV, the only room that knows it; without PyAV it says what to install.

Frames count from 1, in the order in which they are shown.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable

#: Beyond this many packets or bytes the container's own count is believed.
_MAX_COUNTED = 200_000
_MAX_COUNTED_BYTES = 1024 * 1024 * 1024
MAX_PIXELS = 100_000_000


def needs_extra() -> PictureUnavailable:
    """What to tell where PyAV is missing."""
    return PictureUnavailable(
        "showing video needs PyAV, which is not installed",
        hint="the original is kept; to see it: pip install 'casearchive[video]'",
    )


def available() -> bool:
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


class VideoError(Exception):
    """The container cannot be opened or holds no picture; the text is for a person."""


@dataclass(frozen=True)
class VideoFacts:
    """A video as it is shown: size after rotation and with square pixels."""

    rows: int
    columns: int
    frames: int
    counted: bool
    fps: float | None
    duration_s: float | None
    rotation: int
    stretched: bool
    sound: bool
    codec: str
    tags: tuple[tuple[str, str], ...]


class Video:
    """One opened video. ``open_file`` gives the same bytes anew, from the start, whenever it is called.

    Only an open file ever reaches the demuxer, and ``container_format`` is forced: no playlist or reference
    in the content can make it open anything else.
    """

    def __init__(self, open_file: Callable[[], BinaryIO], container_format: str, size: int) -> None:
        self._open_file = open_file
        self._format = container_format
        self._size = size
        self._file: BinaryIO | None = None
        self._container: Any = None
        self._decoded: Any = None
        self._next = 1
        self._last: tuple[int, Picture] | None = None
        self._restart()
        self._times = self._counted_times()
        self._turn = self._rotation()
        self.facts = self._facts()
        self._restart()

    # -- what is known without decoding

    def _restart(self) -> None:
        import av

        self.close()
        file: BinaryIO = self._open_file()
        self._file = file
        try:
            self._container = av.open(file, mode="r", format=self._format, metadata_errors="replace")
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError("its video container cannot be opened") from error
        if not self._container.streams.video:
            raise VideoError("it holds no video")
        self._stream = self._container.streams.video[0]
        self._decoded = self._frames_from_here(trusted=True)
        self._next = 1

    def _counted_times(self) -> list[int | None] | None:
        """The presentation time of every frame in showing order, by reading packets, or None where too many.

        Times are None where the stream has none (a bare elementary stream).
        """
        import av

        if self._size > _MAX_COUNTED_BYTES:
            return None
        times: list[int | None] = []
        self._sums: dict[int | None, int] = {}
        try:
            for packet in self._container.demux(self._stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                times.append(packet.pts)
                self._sums[packet.pts] = zlib.crc32(packet)
                if len(times) > _MAX_COUNTED:
                    return None
        except av.error.FFmpegError:
            pass  # what was counted before the damage is what can be shown
        known = [time for time in times if time is not None]
        if len(known) == len(times) and len(set(known)) == len(known):
            return sorted(known)  # type: ignore[return-value]
        return [None] * len(times)

    def _rotation(self) -> int:
        """Degrees counter-clockwise that a player turns the picture by (display matrix)."""
        try:
            first = next(self._first_frame())
        except StopIteration:
            return 0
        self._first_size = (first.height, first.width)
        return int(getattr(first, "rotation", 0) or 0)

    def _first_frame(self) -> Any:
        import av

        self._restart()
        try:
            yield from self._decoded
        except av.error.FFmpegError:
            return

    def _facts(self) -> VideoFacts:
        stream = self._stream
        rows, columns = getattr(self, "_first_size", (stream.height, stream.width))
        if not rows or not columns:
            raise VideoError("it holds no video picture")
        shown = self._shown_size(rows, columns)
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else None
        frames = len(self._times) if self._times is not None else int(stream.frames or 0)
        duration = frames / fps if fps and frames else None
        return VideoFacts(
            rows=shown[0],
            columns=shown[1],
            frames=frames,
            counted=self._times is not None,
            fps=round(fps, 4) if fps and 0 < fps <= 500 else None,
            duration_s=round(duration, 4) if duration is not None and duration >= 0 else None,
            rotation=self._turn,
            stretched=self._pixel_aspect() != 1.0,
            sound=bool(self._container.streams.audio),
            codec=str(stream.codec_context.name),
            tags=_tags(self._container, stream),
        )

    def _pixel_aspect(self) -> float:
        ratio = self._stream.sample_aspect_ratio
        aspect = float(ratio) if ratio else 1.0
        return aspect if 0.1 <= aspect <= 10 else 1.0

    def _shown_size(self, rows: int, columns: int) -> tuple[int, int]:
        aspect = self._pixel_aspect()
        if aspect > 1:
            columns = round(columns * aspect)
        elif aspect < 1:
            rows = round(rows / aspect)
        return (columns, rows) if self._turn % 180 else (rows, columns)

    # -- frames

    def frame(self, number: int, edge: int | None = None) -> Picture:
        """Frame ``number``; with ``edge`` at a reduced size whose longer edge is at least that."""
        import av

        try:
            shown = self._at(number)
            return self._picture(shown, edge)
        except av.error.FFmpegError as error:
            raise PictureUnavailable(f"frame {number} of the video cannot be decoded") from error

    def _at(self, number: int) -> Any:
        times = self._times
        target = times[number - 1] if times is not None and number <= len(times) else None
        if target is None or times is None:
            return self._counting_to(number)
        if not self._next <= number < self._next + 8:
            self._container.seek(target, stream=self._stream, backward=True, any_frame=False)
            self._decoded = self._frames_from_here(trusted=False)
        found = self._forward_to(target)
        if found is None or found.pts is None or found.pts > target:
            self._restart()  # the seek overshot: some containers have no usable index
            found = self._forward_to(target)
        if found is None:
            raise PictureUnavailable(f"frame {number} of the video cannot be decoded")
        position = bisect_left([time for time in times if time is not None], found.pts or 0)
        self._next = position + 2
        return found

    def _frames_from_here(self, *, trusted: bool) -> Iterator[Any]:
        """Decoded frames in showing order. After a jump, from the first key frame whose packet is known.

        A jump into an MPEG stream can land inside a picture, and what follows then carries wrong times: only
        a packet with the very bytes that were counted at its time is believed.
        """
        for packet in self._container.demux(self._stream):
            if not trusted:
                if not packet.is_keyframe or self._sums.get(packet.pts) != zlib.crc32(packet):
                    continue
                trusted = True
            yield from packet.decode()

    def _forward_to(self, target: int) -> Any:
        """The first frame at or after the presentation time ``target``."""
        for shown in self._decoded:
            if shown.pts is not None and shown.pts >= target:
                return shown
        return None

    def _counting_to(self, number: int) -> Any:
        """The frame by counting from the start: for streams whose frames carry no times."""
        if number < self._next:
            self._restart()
        for shown in self._decoded:
            self._next += 1
            if self._next == number + 1:
                return shown
        raise PictureUnavailable(f"the video ends before frame {number}")

    def _picture(self, shown: Any, edge: int | None) -> Picture:
        import av

        if shown.width * shown.height > MAX_PIXELS:
            raise PictureUnavailable("the frame has more than 100 million pixels")
        wide, high = shown.width, shown.height
        aspect = self._pixel_aspect()
        wide, high = (round(wide * aspect), high) if aspect > 1 else (wide, round(high / aspect))
        if edge and max(wide, high) > edge:
            scale = edge / max(wide, high)
            wide, high = max(1, round(wide * scale)), max(1, round(high * scale))
        # swscale takes BT.601 unless it is told what the stream says.
        space = int(shown.colorspace)
        options = {"src_colorspace": space} if space in (1, 4, 5, 6, 7) else {}
        turned = shown.reformat(
            width=wide,
            height=high,
            format="rgb24",
            interpolation=av.video.reformatter.Interpolation.BICUBIC,
            **options,
        )
        picture = turned.to_ndarray()
        quarter = round(self._turn / 90) % 4
        return np.ascontiguousarray(np.rot90(picture, quarter)) if quarter else picture

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None


#: Tags that describe the coding and name nobody.
_TECHNICAL = frozenset(
    (
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "vendor_id",
        "language",
        "handler_name",
        "duration",
        "number_of_frames",
        "number_of_bytes",
        "bps",
        "timecode",
        "rotate",
    )
)


def _tags(container: Any, stream: Any) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for holder in (container.metadata, stream.metadata):
        for key, value in holder.items():
            named, told = key.lower(), str(value).strip()
            technical = named in _TECHNICAL or named.startswith("_statistics")
            # FFmpeg signs its work in whatever field a container offers.
            if told and not technical and not told.startswith(("Lavf", "Lavc")):
                found.setdefault(key, told)
    return tuple(sorted(found.items()))
