"""Reads video files: MP4, MOV, AVI, MPEG, MKV, WebM, WMV; without PyAV they are kept but not shown."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from casearchive import film
from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import Facts, Identifier, Instance
from casearchive.readers import _boxes, _shared, _video, _videotime
from casearchive.readers._source import FileSource, Source

NAME = "movie"
PRIORITY = 30

#: Brands of ISO media files that hold photographs, not video.
_PHOTO_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def sniff(head: bytes, size: int) -> bool:
    """The mark of a video container; playlists are text and have none."""
    return _container_of(head) is not None


def open(path: Path, sha256: str) -> Clip:
    """Raises ``UnreadableFile``: ``truncated`` or ``damaged``."""
    source = FileSource(path)
    cut: UnreadableFile | None = None
    notes: list[str] = []
    try:
        container = _container_of(source.read(0, 4096))
        if container is None:
            raise UnreadableFile("not-an-image", "this is not a video file")
        try:
            notes += container.walk(source)
        except struct.error as error:
            raise UnreadableFile("truncated", "the video file ends too early", hint=_shared.AGAIN) from error
        except UnreadableFile as refusal:
            if refusal.reason != "truncated":
                raise
            cut = refusal
            notes.append("the file ends early: what is there of the video is shown")
        size = source.size
    finally:
        source.close()
    facts = _bare_facts(sha256, container)
    if not _video.available():
        notes.append("its video is not shown: PyAV is not installed (pip install 'casearchive[video]')")
        return MovieClip(replace(facts, notes=tuple(notes)), None, path)
    try:
        video = _video.Video(lambda: path.open("rb"), container.demuxer, size)
    except (_video.NoPicture, _video.VideoError) as trouble:
        if cut is not None:
            raise cut from trouble
        if not isinstance(trouble, _video.NoPicture):
            raise UnreadableFile("damaged", str(trouble), hint=_shared.AGAIN) from trouble
        return MovieClip(replace(facts, notes=(*notes, str(trouble))), None, path)
    clip = MovieClip(_with_video(facts, video.facts, notes), video, path)
    return clip if cut is None else _shared.shown_or(clip, cut)


# ------------------------------------------------------------------------------------------------------ facts


def _bare_facts(sha256: str, container: Container) -> Facts:
    subject, study, series = _shared.standing_alone(sha256)
    return Facts(
        kind="clip",
        subject=subject,
        study=study,
        series=series,
        instance=Instance(sop_instance_uid=_shared.derived_uid(sha256)),
        media_type=container.media_type,
    )


def _with_video(facts: Facts, video: _video.VideoFacts, notes: list[str]) -> Facts:
    timing, doubts = _videotime.timing(video)
    return replace(
        facts,
        instance=replace(
            facts.instance,
            rows=video.rows,
            columns=video.columns,
            frames=video.frames,
            samples_per_pixel=3,
            bits_stored=8,
        ),
        timing=timing,
        identifiers=tuple(Identifier(f"container:{key}", _shared.clean(value)) for key, value in video.tags),
        notes=(*notes, *_videotime.remarks(video), *doubts),
    )


@dataclass
class MovieClip:
    """A video file; frames are found by time and decoded one at a time.

    Its facts gain a note when a picture shows that something is wrong with the stream.
    """

    facts: Facts
    _video: _video.Video | None = field(repr=False)
    _path: Path = field(repr=False)

    @property
    def sounds(self) -> bool:
        return self._video is not None and self._video.facts.sound

    def write_sound(self, target: Path) -> bool:
        return self.sounds and film.write_sound(self._path, target)

    def frame(self, number: int) -> Picture:
        return self._show(number, None)

    def glimpse(self, number: int, edge: int) -> Picture:
        return self._show(number, edge)

    def _show(self, number: int, edge: int | None) -> Picture:
        if self._video is None:
            if not _video.available():
                raise _video.needs_extra()
            raise PictureUnavailable("nothing in this video can be shown", hint="the original is kept")
        if not 1 <= number <= self.facts.instance.frames:
            raise PictureUnavailable(f"there is no frame {number}; it has {self.facts.instance.frames}")
        picture = self._video.frame(number, edge)
        fresh = tuple(note for note in self._video.remarks if note not in self.facts.notes)
        if fresh:
            self.facts = replace(self.facts, notes=(*self.facts.notes, *fresh))
        return picture

    def close(self) -> None:
        if self._video is not None:
            self._video.close()


# ------------------------------------------------------------------------------------------------- containers


@dataclass(frozen=True, slots=True)
class Container:
    """``demuxer`` is the one format FFmpeg may use; ``walk`` refuses half a file and returns notes."""

    demuxer: str
    media_type: str
    walk: Callable[[Source], tuple[str, ...]]


def _container_of(head: bytes) -> Container | None:
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _PHOTO_BRANDS else _QUICKTIME if head[8:12] == b"qt  " else _MP4
    if head[4:8] in _QUICKTIME_ATOMS and struct.unpack(">I", head[:4])[0] != 0:
        return _QUICKTIME
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return _AVI
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _WEBM if b"webm" in head[:64] else _MATROSKA
    if head.startswith(_ASF):
        return _WMV
    if head.startswith(b"\0\0\1\xba"):
        return _MPEG
    if head.startswith(b"\0\0\1\xb3"):
        return _MPEG_VIDEO
    if all(head[n : n + 1] == b"\x47" for n in (0, 188, 376, 564)):
        return _TRANSPORT
    if all(head[n : n + 1] == b"\x47" for n in (4, 196, 388, 580)):
        return _TRANSPORT
    return None


def _walk_boxes(source: Source) -> tuple[str, ...]:
    """The boxes of an ISO media file, one of which is the directory of its frames."""
    beyond = _boxes.walk(source, b"moov", "the video")
    return (f"{beyond} bytes follow the video; they were not read",) if beyond else ()


def _walk_riff(source: Source) -> tuple[str, ...]:
    """RIFF chunks of an AVI, one after another (OpenDML files have several)."""
    position = 0
    while position + 8 <= source.size:
        mark, length = struct.unpack("<4sI", source.read(position, 8))
        if mark != b"RIFF":
            return (f"{source.size - position} bytes follow the video; they were not read",)
        end = position + 8 + length
        if end > source.size:
            _truncated(end - source.size)
        position = end + (length & 1)
    return ()


def _walk_matroska(source: Source) -> tuple[str, ...]:
    """Top-level EBML elements (RFC 8794); a live recording states no size, which cannot be checked."""
    position = 0
    while position < source.size:
        _, width = _ebml_number(source, position, keep_mark=True)
        length, more = _ebml_number(source, position + width, keep_mark=False)
        position += width + more
        if length == (1 << 7 * more) - 1:
            return ("the container states no length, so it cannot be told whether the video is whole",)
        if position + length > source.size:
            _truncated(position + length - source.size)
        position += length
    return ()


def _ebml_number(source: Source, position: int, *, keep_mark: bool) -> tuple[int, int]:
    first = source.read(position, 1)
    if not first or first[0] == 0:
        _damaged()
    width = 9 - first[0].bit_length()
    raw = source.read(position, width)
    if len(raw) < width:
        _truncated(width - len(raw))
    value = int.from_bytes(raw, "big")
    return (value if keep_mark else value & ((1 << 7 * width) - 1)), width


def _walk_asf(source: Source) -> tuple[str, ...]:
    """The File Properties object states the size of the whole file (ASF 3.2), unless it was broadcast."""
    header = source.read(0, 64 * 1024)
    place = header.find(_ASF_FILE_PROPERTIES)
    if place < 0 or place + 92 > len(header):
        _damaged()
    stated = struct.unpack_from("<Q", header, place + 40)[0]
    broadcast = struct.unpack_from("<I", header, place + 88)[0] & 1
    if not broadcast and stated > source.size:
        _truncated(stated - source.size)
    return ()


def _walk_program_stream(source: Source) -> tuple[str, ...]:
    """A program stream has no length; its end code (ISO/IEC 13818-1 2.5.3) is the sign that it is whole."""
    tail = source.read(max(0, source.size - 4096), 4096).rstrip(b"\0")
    if b"\0\0\1\xb9" in tail or b"\0\0\1\xb7" in tail:
        return ()
    return ("the stream has no end mark: it may have been cut short",)


def _walk_transport(source: Source) -> tuple[str, ...]:
    """Transport packets have a fixed size; half a packet at the end is a cut (ISO/IEC 13818-1 2.4.3)."""
    packet = 188 if source.read(0, 1) == b"\x47" else 192
    if source.size % packet:
        _truncated(packet - source.size % packet)
    return ("a transport stream states no length, so it cannot be told whether the video is whole",)


_MP4 = Container("mp4", "video/mp4", _walk_boxes)
_QUICKTIME = Container("mov", "video/quicktime", _walk_boxes)
_AVI = Container("avi", "video/x-msvideo", _walk_riff)
_MATROSKA = Container("matroska", "video/x-matroska", _walk_matroska)
_WEBM = Container("matroska", "video/webm", _walk_matroska)
_WMV = Container("asf", "video/x-ms-wmv", _walk_asf)
_MPEG = Container("mpeg", "video/mpeg", _walk_program_stream)
_MPEG_VIDEO = Container("mpegvideo", "video/mpeg", _walk_program_stream)
_TRANSPORT = Container("mpegts", "video/mp2t", _walk_transport)


def _truncated(missing: int) -> NoReturn:
    raise UnreadableFile(
        "truncated",
        f"the video file ends {missing} bytes before what it promises",
        hint=_shared.AGAIN,
    )


def _damaged() -> NoReturn:
    raise UnreadableFile("damaged", "the video file contradicts itself", hint=_shared.AGAIN)
