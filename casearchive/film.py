"""A clip as an H.264 film that slides, pages and cards play, with nothing in it but pictures. Arrays in, a file out.

A file made here holds one video track (and one of sound, where it was asked for), and says nothing else: no tag, no
date, no name of an encoder, no user data in the stream.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from casearchive.errors import PictureUnavailable

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

EXTRA = "casearchive[video]"
#: Changes whenever the same frames would give another film: kept films are made anew then.
VERSION = "1"
#: Ticks a second; every frame stands at its own time, to a tenth of a millisecond.
_CLOCK = 10_000
_LONGEST_EDGE = 1920
#: Whichever there is, the best first: x264, OpenH264, and what macOS and Windows bring.
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
#: CRF 20 is hard to tell from the original; a key frame every half second or so makes stepping and looping quick.
_OPTIONS = {"libx264": {"crf": "20", "preset": "veryfast", "x264-params": "keyint=15:bframes=0:threads=2"}}
_RATE = 8_000_000  # bits a second, for encoders that know no constant quality
#: What the stream itself says beside its pictures: x264 writes its name and settings into SEI (H.264 7.3.2.3, type 6).
_NO_SEI = "filter_units=remove_types=6"


@cache
def encoder() -> str:
    """The H.264 encoder that there is here; empty where there is none."""
    try:
        from av.codec import Codec, codecs_available
    except ImportError:
        return ""
    for name in _ENCODERS:
        if name in codecs_available and Codec(name, "w").is_encoder:
            return name
    return ""


def write(
    frames: Iterable[NDArray[np.uint8]],
    lasting: Sequence[float],
    target: Path,
    *,
    sound: Path | None = None,
) -> None:
    """Write ``frames``, (rows, columns[, 3]) of 8 bits all alike, to ``target`` (MP4, H.264, 4:2:0, BT.709).

    ``lasting`` are the seconds for which each frame is shown. A longer edge than 1920 pixels is made smaller; an odd
    one gains a black line, as the coding wants even ones. ``sound`` is a file made by ``write_sound``, taken as it is.
    Raises ``PictureUnavailable`` where there is no encoder, or it will not take these pictures, and ``OSError`` where
    the disk does not.
    """
    import av

    name = encoder()
    if not name:
        raise PictureUnavailable("no H.264 encoder is installed", hint=f"Install it: pip install '{EXTRA}'")
    ordered = iter(frames)
    first = next(ordered, None)
    if first is None:
        raise PictureUnavailable("it holds no picture")
    try:
        with av.open(
            str(target),
            "w",
            format="mp4",
            options={"fflags": "+bitexact", "movflags": "+faststart"},
        ) as container:
            _video(container, name, chain([first], ordered), lasting, first.shape, sound)
    except (av.FFmpegError, ValueError) as error:
        _if_the_disk(error)
        raise PictureUnavailable(f"it cannot be written as a film ({type(error).__name__})") from error


#: What a disk says, not a coder; FFmpeg hands it on as an error of its own.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT}


def _if_the_disk(error: Exception) -> None:
    """Raises ``OSError`` where it was the disk that failed: no other film would fare better."""
    code = getattr(error, "errno", None)
    if code in _DISK:
        raise OSError(code, os.strerror(code)) from error


def _video(
    container: OutputContainer,
    name: str,
    frames: Iterable[NDArray[np.uint8]],
    lasting: Sequence[float],
    shape: tuple[int, ...],
    sound: Path | None,
) -> None:
    import av
    from av.bitstream import BitStreamFilterContext

    width, height = _size(shape)
    stream: Any = container.add_stream(
        name, rate=Fraction(30), options={"flags": "+bitexact", **_OPTIONS.get(name, {})}
    )
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context: Any = stream.codec_context
    context.time_base = stream.time_base = Fraction(1, _CLOCK)
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
    if name not in _OPTIONS:
        stream.bit_rate = _RATE
    silent = BitStreamFilterContext(_NO_SEI, stream)
    heard = _Sound(container, sound) if sound else None
    ends = [round(_CLOCK * end) for end in accumulate(lasting)]
    shown: dict[int, int] = {}  # how long, by when: the encoder does not hand it on
    try:
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(
                _even(picture, width, height), format="gray" if picture.ndim == 2 else "rgb24"
            ).reformat(
                width,
                height,
                "yuv420p",
                src_colorspace="ITU709",
                dst_colorspace="ITU709",
                dst_color_range="MPEG",
            )
            start = ends[number - 1] if number else 0
            frame.pts, frame.time_base = start, Fraction(1, _CLOCK)
            shown[start] = max(1, ends[number] - start)
            _mux(container, silent, stream.encode(frame), shown)
        _mux(container, silent, stream.encode(None), shown)
        container.mux(silent.filter(None))
        if heard:
            heard.copy(ends[-1] / _CLOCK)
    finally:
        if heard:
            heard.close()


def _mux(container: OutputContainer, silent: Any, packets: Iterable[Any], shown: Mapping[int, int]) -> None:
    for packet in packets:
        packet.duration = shown.get(packet.pts, 0)
        container.mux(silent.filter(packet))


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height in pixels, even, the longer at most 1920."""
    rows, columns = shape[0], shape[1]
    scale = min(1.0, _LONGEST_EDGE / max(rows, columns))
    width, height = (max(2, round(side * scale)) for side in (columns, rows))
    return width + width % 2, height + height % 2


def _even(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """One line more where a side is odd and nothing is made smaller; else the picture as it is."""
    rows, columns = picture.shape[:2]
    more = (height - rows, width - columns)
    if not all(0 <= side <= 1 for side in more) or more == (0, 0):
        return np.ascontiguousarray(picture)
    return np.pad(picture, [(0, more[0]), (0, more[1]), (0, 0)][: picture.ndim])


# ------------------------------------------------------------------------------------------------------ sound


_RATE_OF_SOUND = 44_100  # samples a second
_LATEST = 3600.0  # seconds: what begins later is no sound of these pictures


class _Sound:
    """A file of sound whose packets are taken over as they are, as far as the pictures go."""

    def __init__(self, container: OutputContainer, source: Path) -> None:
        import av

        self._container = container
        self._source: InputContainer = av.open(str(source))
        self._from = self._source.streams.audio[0]
        self._to = container.add_stream_from_template(self._from)

    def copy(self, seconds: float) -> None:
        for packet in self._source.demux(self._from):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            if float(packet.pts * packet.time_base) >= seconds:
                break
            packet.stream = self._to
            self._container.mux(packet)

    def close(self) -> None:
        self._source.close()


def write_sound(source: Path, target: Path) -> bool:
    """Decode the first sound track of ``source`` and code it anew as ``target`` (AAC in MP4, nothing else in it).

    False where there is no sound that can be heard. Raises ``PictureUnavailable`` without PyAV, ``OSError`` where the
    disk fails.
    """
    try:
        import av
    except ImportError as error:
        raise PictureUnavailable("sound needs PyAV", hint=f"Install it: pip install '{EXTRA}'") from error
    heard = False
    try:
        with (
            av.open(str(source)) as incoming,
            av.open(str(target), "w", format="mp4", options={"fflags": "+bitexact"}) as outgoing,
        ):
            if not incoming.streams.audio:
                return False
            stream: Any = outgoing.add_stream("aac", rate=_RATE_OF_SOUND, options={"flags": "+bitexact"})
            layout = (
                "stereo" if incoming.streams.audio[0].channels > 1 else "mono"
            )  # flow to and fro, left and right
            stream.layout = layout
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=_RATE_OF_SOUND)
            for frame in _audible(incoming, layout):
                for part in resampler.resample(frame):
                    part.pts = None
                    outgoing.mux(stream.encode(part))
                    heard = True
            for part in resampler.resample(None):
                part.pts = None
                outgoing.mux(stream.encode(part))
            outgoing.mux(stream.encode(None))
    except av.FFmpegError as error:  # of a damaged track, what could be heard up to there stays
        _if_the_disk(error)
    if not heard:
        target.unlink(missing_ok=True)
    return heard


def _audible(incoming: InputContainer, layout: str) -> Iterator[Any]:
    """The sound from the first picture on: after silence where it begins later, and without what comes before."""
    late: float | None = None
    for frame in incoming.decode(audio=0):
        if late is None:
            late = _late(incoming, frame)
            yield from _silence(late, frame, layout)
        seconds = frame.samples / frame.sample_rate
        if late > -seconds / 2:  # a frame of sound is some 20 ms; its half is not to be heard
            yield frame
        late = min(0.0, late + seconds) if late < 0 else 0.0


def _late(incoming: InputContainer, first: Any) -> float:
    """Seconds from the first picture to the first of the sound; 0 where either does not say."""
    pictures = incoming.streams.video
    if not pictures or pictures[0].start_time is None or pictures[0].time_base is None or first.time is None:
        return 0.0
    return float(first.time - pictures[0].start_time * pictures[0].time_base)


def _silence(seconds: float, like: Any, layout: str) -> Iterator[Any]:
    """Frames of silence of the kind of ``like``, at most an hour of it."""
    from av import AudioFrame

    left = round(min(seconds, _LATEST) * like.sample_rate)
    while left > 0:
        some = min(left, like.sample_rate)
        frame = AudioFrame(format=like.format, layout=like.layout, samples=some)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = like.sample_rate
        left -= some
        yield frame


# ------------------------------------------------------------------------------------------------------ looking


def faults(path: Path, frames: int, *, sound: bool = False) -> list[str]:
    """What is wrong with a film that was written here: another number of pictures, a tag, a track nobody asked for,
    something in the stream that is no picture; or that it cannot be read. Empty where it is as it should be."""
    import av

    try:
        return _faults(path, frames, sound)
    except (av.FFmpegError, OSError, IndexError) as error:
        return [f"it cannot be read ({type(error).__name__})"]


def _faults(path: Path, frames: int, sound: bool) -> list[str]:
    import av

    wrong = []
    with av.open(str(path)) as container:
        kinds = [stream.type for stream in container.streams]
        if kinds != (["video", "audio"] if sound else ["video"]):
            wrong.append(f"its tracks are {', '.join(kinds)}")
        told = {**container.metadata, **{k: v for s in container.streams for k, v in s.metadata.items()}}
        wrong += [f"it says {key}" for key in sorted(told) if key not in _HARMLESS]
        packets = [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
    if len(packets) != frames:
        wrong.append(f"it holds {len(packets)} pictures, not {frames}")
    if any(kind == 6 for packet in packets for kind in _units(packet)):
        wrong.append("its stream says more than pictures")
    return wrong


#: What every MP4 file says of itself and of its tracks.
_HARMLESS = {"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id"}


def _units(packet: bytes) -> Iterator[int]:
    """The types of a packet's NAL units, each after its length in four bytes (ISO/IEC 14496-15 5.3.3)."""
    place = 0
    while place + 5 <= len(packet):
        yield packet[place + 4] & 0x1F
        place += 4 + int.from_bytes(packet[place : place + 4], "big")
