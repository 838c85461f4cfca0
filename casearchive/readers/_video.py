"""Decodes video through PyAV, the only room that knows it; without PyAV it says what to install.

Frames count from 1, in the order in which they are shown: frame n is the n-th picture that decoding the whole
stream gives, whichever was asked for before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.readers import _packets, _shown
from casearchive.readers._packets import Packets
from casearchive.readers._shared import MAX_PIXELS, TOO_MANY_PIXELS

#: Beyond this many bytes the container's own count is believed.
_MAX_COUNTED_BYTES = 4 * 1024 * 1024 * 1024
#: Where packets cannot be trusted, so many are decoded once to learn what they show.
_MAX_TRIED = 5_000
#: Formats without any times of their own; FFmpeg invents 25 frames a second for them.
_BARE = ("h264", "hevc", "mpegvideo")
_BEFORE_ALL = -(2**63)
#: Decoders that pass over pictures on which no other is built, at once and without losing count.
_CAN_SKIP = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")


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


def _damage() -> tuple[type[Exception], ...]:
    """What FFmpeg, and the file that it reads, raise at what cannot be read."""
    import av

    # LookupError: a packet of a stream that appears while others are read (a program stream of odd parts)
    return av.error.FFmpegError, OSError, ValueError, LookupError


class VideoError(Exception):
    """The container cannot be opened or holds no video; the text is for a person."""


class NoPicture(VideoError):
    """The container is sound, but nothing in it can be shown: an unknown codec, frames beyond all reason."""


@dataclass(frozen=True)
class VideoFacts:
    """A video as it is shown: size after rotation and with square pixels.

    ``times`` are the seconds at which frames are shown, empty where the stream has no times; ``tick`` is the
    smallest step they can express. ``rate`` is the rate that the stream names, or None.
    ``promised`` is the number of frames that the container names (0: none), ``frames`` what it really holds;
    ``counted`` is false where the promise had to be believed.
    """

    rows: int
    columns: int
    frames: int
    promised: int
    counted: bool
    broken: bool
    times: tuple[float, ...]
    tick: float
    rate: float | None
    turned: _shown.Turn
    stretched: bool
    interlaced: bool
    sound: bool
    codec: str
    tags: tuple[tuple[str, str], ...]


class _Bounded:
    """A file for a demuxer that ends a task which reads the same again and again, as damage can make it do."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._left = file, size, 0
        self.tell, self.close = file.tell, file.close
        self.fresh()

    def fresh(self) -> None:
        """A new task begins: it may read the whole file a few times over, and no more."""
        self._left = 4 * self._size + (64 << 20)

    def read(self, count: int) -> bytes:
        self._left -= count
        return self._file.read(count) if self._left >= 0 else b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new place, or -1: an exception here would be printed by PyAV, whatever catches it."""
        self._left -= 4096
        try:
            return self._file.seek(offset, whence) if self._left >= 0 else -1
        except (OSError, ValueError, OverflowError):
            return -1


class Video:
    """One opened video. ``open_file`` gives the same bytes anew, from the start, whenever it is called.

    Only an open file ever reaches the demuxer, and ``container_format`` is forced: no playlist or reference
    in the content can make it open anything else. With ``as_stored`` pictures are neither turned nor made square.
    """

    def __init__(
        self,
        open_file: Callable[[], BinaryIO],
        container_format: str,
        size: int,
        *,
        as_stored: bool = False,
    ) -> None:
        self._open_file = open_file
        self._as_stored = as_stored
        self._format, self._size = container_format, size
        self._file: _Bounded | None = None
        self._container: Any = None
        self._scaler: Any = None
        self._decoded: Iterator[Any] = iter(())
        self._next = 1  # the number of the frame that ``_decoded`` gives next, where frames are counted
        self._ahead: int | None = (
            None  # the time from which on ``_decoded`` still gives every frame; None: no idea
        )
        self.remarks: list[str] = []  # what decoding told, for a person
        self._hurt = False  # whether decoding met damage
        self._target: int | None = None  # what is shown earlier need not be decoded unless others build on it
        try:
            self._open()
            self._packets = self._read_packets()
            self._first = self._first_frame()
            self._packets = self._trusted(self._packets)
            self.facts = self._facts()
        except BaseException:
            self.close()
            raise

    # -- what is known

    def _open(self) -> None:
        import av

        self.close()
        self._file = _Bounded(self._open_file(), self._size)
        try:
            self._container = av.open(self._file, mode="r", format=self._format, metadata_errors="replace")
        except _damage() as error:
            raise VideoError("its video container cannot be opened") from error
        if not self._container.streams.video:
            raise VideoError("it holds no video")
        self._stream = self._container.streams.video[0]
        self._scaler = av.video.reformatter.VideoReformatter()
        context = self._stream.codec_context
        if context is None:
            raise NoPicture("its video is coded in a way that cannot be decoded here")
        if (context.width or 0) * (context.height or 0) > MAX_PIXELS:
            raise NoPicture(f"its picture {TOO_MANY_PIXELS} and is not shown")
        context.thread_count = 1  # the workers of ingest are the threads; more would only outlive the clip
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
        self._decoded, self._next, self._ahead = self._frames_from_here(None), 1, _BEFORE_ALL

    def _read_packets(self) -> Packets | None:
        """None where the file is too large to be counted."""

        if self._size > _MAX_COUNTED_BYTES:
            return None
        return _packets.read(self._container.demux(self._stream), _damage())

    def _first_frame(self) -> Any:
        """The first picture: only it tells the size and how the display matrix wants it turned."""
        self._open()
        self._target = None
        first = next(self._decoded, None)
        if first is None:
            raise NoPicture("none of its video frames can be decoded")
        self._next = 2
        self._ahead = _BEFORE_ALL if first.pts is None else first.pts + 1
        return first

    def _trusted(self, found: Packets | None) -> Packets | None:
        """The packets, put right by decoding them all once where they may say something else than the frames."""
        if found is None or found.stopped:
            return found
        # AVI has no presentation times; where frames are reordered FFmpeg makes them up.
        reordered = self._format == "avi" and bool(self._stream.codec_context.has_b_frames)
        strange = found.times is not None and self._first.pts not in found.times
        fields = self._format in _BARE and self._first.interlaced_frame
        if not (found.doubtful or reordered or strange or fields) or found.kept > _MAX_TRIED:
            return replace(found, times=None) if reordered or strange else found
        self._open()
        self._target = None
        times = [shown.pts for shown in self._decoded]
        self._open()
        rising = all(time is not None for time in times) and times == sorted(set(times))
        return replace(found, kept=len(times), times=tuple(times) if rising and not reordered else None)

    def _facts(self) -> VideoFacts:
        stream, first, packets = self._stream, self._first, self._packets
        turned = _shown.Turn() if self._as_stored else _turn_of(first)
        rows, columns = _shown.square(first.height, first.width, self._pixel_aspect())
        if rows * columns > MAX_PIXELS:
            raise NoPicture(f"its picture {TOO_MANY_PIXELS} and is not shown")
        if turned.turns % 2:
            rows, columns = columns, rows
        rate = stream.codec_context.framerate if self._format in _BARE else stream.average_rate
        tick = float(stream.time_base or 0)
        times = packets.times if packets is not None and packets.times else ()
        promised = int(stream.frames or 0)
        if packets is not None and packets.all > packets.kept and promised == packets.all:
            promised = packets.kept  # an edit list hides some on purpose
        frames = packets.kept if packets is not None and not packets.stopped else promised
        if frames < 1:
            raise NoPicture("it does not say how many frames it holds")
        return VideoFacts(
            rows=rows,
            columns=columns,
            frames=frames,
            promised=promised,
            counted=packets is not None and not packets.stopped,
            broken=packets is not None and packets.broken,
            times=() if self._format in _BARE else tuple((time - times[0]) * tick for time in times),
            tick=tick,
            rate=float(rate) if rate else None,
            turned=turned,
            stretched=self._pixel_aspect() != 1.0,
            interlaced=bool(first.interlaced_frame),
            sound=bool(self._container.streams.audio),
            codec=str(stream.codec_context.name),
            tags=_tags(self._container, stream),
        )

    def _pixel_aspect(self) -> float:
        ratio = self._stream.sample_aspect_ratio
        aspect = float(ratio) if ratio and not self._as_stored else 1.0
        return aspect if 0.1 <= aspect <= 10 else 1.0

    # -- frames

    def frame(self, number: int, edge: int | None = None) -> Picture:
        """Frame ``number``; with ``edge`` at a reduced size whose longer edge is at least that."""

        if self._file is not None:
            self._file.fresh()
        try:
            return self._picture(self._at(number), edge)
        except _damage() as error:
            raise PictureUnavailable(f"frame {number} of the video cannot be decoded") from error

    def _at(self, number: int) -> Any:
        packets = self._packets
        if packets is None or packets.times is None or number > len(packets.times):
            return self._counting_to(number)
        target = packets.times[number - 1]
        if target == self._first.pts:
            return self._first
        key = self._key_before(target)
        # behind damage a decoder goes on with what it remembers: then every frame is reached from its own key alone
        onwards = not self._hurt and self._ahead is not None and self._ahead <= target
        if not onwards or (key is not None and self._ahead is not None and key.time > self._ahead):
            self._jump(key)
        unhurt = not self._hurt
        found = self._forward_to(target)
        if unhurt and self._hurt and onwards:
            self._jump(key)
            found = self._forward_to(target)
        if found is None and key is not None:
            self._open()  # the jump failed: some containers have no usable index
            found = self._forward_to(target)
        if found is None:
            raise PictureUnavailable(f"frame {number} of the video is damaged and cannot be decoded")
        self._ahead = target + 1
        return found

    def _key_before(self, target: int) -> _packets.Key | None:
        """The last place at or before ``target`` where decoding can start, or None: the beginning."""
        keys = self._packets.keys if self._packets else ()
        place = bisect_right(keys, target, key=lambda key: key.time)
        return keys[place - 1] if place > 1 else None

    def _jump(self, key: _packets.Key | None) -> None:

        if key is None:
            self._open()
            return
        try:
            self._container.seek(key.time, stream=self._stream, backward=True, any_frame=False)
        except _damage():
            self._open()
            return
        self._decoded, self._ahead = self._frames_from_here(key), None

    def _frames_from_here(self, key: _packets.Key | None) -> Iterator[Any]:
        """Decoded frames in showing order. After a jump, from the very packet ``key`` on.

        A jump into an MPEG stream can land inside a picture, and what follows then carries wrong times: only
        the packet with the very bytes that were counted at its time is believed. Damaged packets are passed over.
        """
        import zlib

        context = self._stream.codec_context
        can_skip = context.name in _CAN_SKIP
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except _damage():
                return
            if packet is None:
                return
            if key is not None:
                if packet.pts != key.time or zlib.crc32(packet) != key.sum:
                    continue
                key = None
            if can_skip and not self._hurt:
                early = self._target is not None and packet.pts is not None and packet.pts < self._target
                context.skip_frame = "NONREF" if early else "DEFAULT"
            elif can_skip:
                context.skip_frame = "DEFAULT"
            try:
                shown = packet.decode()
            except _damage():
                self._hurt = True
                self._remark("a part of the video is damaged: frames there may be missing or wrong")
                continue
            for frame in shown:
                self._hurt = self._hurt or bool(frame.is_corrupt)
                yield frame

    def _forward_to(self, target: int) -> Any:
        """The frame at the presentation time ``target``, or None where decoding has passed it."""
        self._target = target
        for shown in self._decoded:
            if shown.pts is not None and shown.pts >= target:
                self._ahead = shown.pts + 1
                return shown if shown.pts == target else None
        self._ahead = None
        return None

    def _counting_to(self, number: int) -> Any:
        """The frame by counting from the start: for streams whose frames carry no times."""
        self._target = None
        if number == 1:
            return self._first
        if number < self._next:
            self._open()
        for shown in self._decoded:
            self._next += 1
            if self._next == number + 1:
                return shown
        self._next = number + 1
        raise PictureUnavailable(f"the video ends before frame {number}")

    def _picture(self, shown: Any, edge: int | None) -> Picture:
        import av

        first = self._first
        if shown.height * shown.width * max(self._pixel_aspect(), 1 / self._pixel_aspect()) > MAX_PIXELS:
            raise PictureUnavailable(f"the frame {TOO_MANY_PIXELS}")
        high, wide = _shown.square(shown.height, shown.width, self._pixel_aspect())
        if edge and max(wide, high) > edge:
            scale = edge / max(wide, high)
            wide, high = max(1, round(wide * scale)), max(1, round(high * scale))
        see_through = any(part.is_alpha for part in shown.format.components)
        form = "rgba" if see_through else "rgb24"
        # swscale takes BT.601 unless it is told what the stream says.
        space = int(shown.colorspace)
        options = {"src_colorspace": space} if space in (1, 4, 5, 6, 7) else {}
        smooth = av.video.reformatter.Interpolation.BICUBIC
        scaled = self._scaler.reformat(
            shown, width=wide, height=high, format=form, interpolation=smooth, threads=1, **options
        )
        converted = scaled.to_ndarray()
        picture = _shown.over_black(converted) if see_through else converted
        picture = _shown.turned(picture, self.facts.turned)
        if shown.is_corrupt:
            self._remark("some of its frames are damaged; they are shown as far as they can be decoded")
        if (shown.height, shown.width) != (first.height, first.width):
            self._remark("the size of its picture changes midway; all are shown in the size of the first")
            picture = _shown.fitted(picture, self.facts.rows, self.facts.columns, edge)
        return picture

    def _remark(self, what: str) -> None:
        if what not in self.remarks:
            self.remarks.append(what)

    def close(self) -> None:
        self._decoded = iter(())
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None


def _turn_of(shown: Any) -> _shown.Turn:
    """How a player turns and mirrors the picture: the display matrix (ISO/IEC 14496-12 8.3.2)."""
    try:
        matrix = shown.side_data.get("DISPLAYMATRIX")
        if matrix is not None and len(bytes(matrix)) >= 36:
            return _shown.turn_of_matrix(bytes(matrix))
    except (ValueError, KeyError):
        pass  # PyAV does not know every kind of side data; it still knows the angle
    return _shown.Turn(round(float(getattr(shown, "rotation", 0) or 0) / 90) % 4, mirrored=False)


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
