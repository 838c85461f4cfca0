"""Promises on clips: frame n is the n-th picture of the stream, whatever the container does to hide it."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casearchive import readers
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.readers import _packets, _video

av = pytest.importorskip("av")

SHA = "cd" * 32
ROWS, COLUMNS, FRAMES = 48, 64, 30


def picture(number: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """Frame ``number`` (from 1): its own grey level, and a bright bar that is nowhere else."""
    shown = np.full((rows, columns, 3), 40 + 5 * number % 200, np.uint8)
    shown[:, (2 * number) % columns : (2 * number) % columns + 4] = (250, 250, 20)
    return shown


def packets_of(stream: Any, frames: int, rate: int = 25, times: list[int] | None = None) -> Iterator[Any]:
    for number in range(1, frames + 1):
        frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
        frame.time_base = Fraction(1, 1000)
        frame.pts = times[number - 1] if times else (number - 1) * 1000 // rate
        yield from stream.encode(frame)
    yield from stream.encode()


def made(
    path: Path,
    codec: str = "libx264",
    *,
    frames: int = FRAMES,
    times: list[int] | None = None,
    change: Callable[[Any, int], Any] | None = None,
    form: str | None = None,
    rate: int = 25,
    pix_fmt: str = "yuv420p",
    **options: str,
) -> Path:
    """A clip at ``path``; ``times`` are milliseconds, ``change`` may alter or drop each packet (with its place)."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, pix_fmt
        stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
        for place, packet in enumerate(packets_of(stream, frames, rate, times)):
            kept = change(packet, place) if change else packet
            if kept is not None:
                container.mux(kept)
    return path


def dropped_before(place: int) -> Callable[[Any, int], Any]:
    return lambda packet, n: packet if n >= place else None


def earlier(ticks: Fraction) -> Callable[[Any, int], Any]:
    def change(packet: Any, _: int) -> Any:
        by = int(ticks / packet.time_base)
        packet.pts, packet.dts = packet.pts - by, packet.dts - by
        return packet

    return change


BFRAMES = {"bf": "3", "g": "10"}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "B-frames in MP4": ("mp4", "libx264", BFRAMES),
    "B-frames in MOV": ("mov", "mpeg4", {"bf": "2", "g": "10"}),
    "open groups in MP4": ("mp4", "libx264", {"x264-params": "open-gop=1:keyint=10:bframes=3"}),
    "open groups in a transport stream": ("ts", "libx264", {"x264-params": "open-gop=1:keyint=10:bframes=3"}),
    "one key frame only": ("mkv", "libx264", {"bf": "3", "g": "300"}),
    "B-frames in AVI, which has no times for them": ("avi", "libx264", BFRAMES),
    "MPEG-4 in AVI": ("avi", "mpeg4", {"bf": "2", "g": "10"}),
    "MPEG-1": ("mpg", "mpeg1video", {"bf": "2", "g": "10"}),
    "MPEG-2": ("mpg", "mpeg2video", {"bf": "2", "g": "10"}),
    "MPEG-2, bare": ("m2v", "mpeg2video", {"bf": "2", "g": "10"}),
    "MJPEG in AVI": ("avi", "mjpeg", {"pix_fmt": "yuvj420p"}),
    "HEVC": ("mp4", "libx265", {"x265-params": "log-level=none:keyint=10"}),
    "VP8": ("webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "VP9": ("webm", "libvpx-vp9", {}),
    "WMV": ("wmv", "wmv2", {}),
    "the first key frame is missing": ("mkv", "libx264", {**BFRAMES, "change": dropped_before(3)}),
    "times below zero": ("mkv", "libx264", {**BFRAMES, "change": earlier(Fraction(1, 5))}),
    "the beginning is cut by an edit list": ("mp4", "libx264", {**BFRAMES, "change": earlier(Fraction(1, 5))}),
    "frames that come when they like": (
        "mp4", "libx264", {**BFRAMES, "times": [40 * n + (200 if n > 9 else 0) + 13 * (n % 3) for n in range(FRAMES)]},
    ),
}  # fmt: skip


@cache
def kind(name: str, folder: Path) -> Path:
    suffix, codec, options = KINDS[name]
    return made(folder / f"{list(KINDS).index(name)}.{suffix}", codec, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def every_frame(path: Path) -> list[np.ndarray]:
    """What decoding the whole stream once gives, in the order in which it gives it."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            try:
                found += [shown.to_ndarray(format="rgb24") for shown in packet.decode()]
            except av.error.FFmpegError:
                continue
    return found


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_frame_is_the_same_picture_whatever_was_asked_before(
    name: str, folder: Path, data: st.DataObject
) -> None:
    path = kind(name, folder)
    truth = every_frame(path)
    with_clip = readers.open_clip(path, SHA)
    try:
        assert with_clip.facts.instance.frames == len(truth) > 10
        for number in data.draw(st.lists(st.integers(1, len(truth)), min_size=1, max_size=8)):
            assert np.abs(with_clip.frame(number).astype(int) - truth[number - 1]).mean() < 2, number
    finally:
        with_clip.close()


@pytest.mark.parametrize("name", list(KINDS))
def test_frames_agree_with_ffmpeg_backwards(name: str, folder: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = kind(name, folder)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:v:0", "-vsync", "passthrough"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    theirs = np.frombuffer(raw.stdout, np.uint8).reshape(-1, ROWS, COLUMNS, 3)
    clip = readers.open_clip(path, SHA)
    assert clip.facts.instance.frames == len(theirs)
    for number in range(len(theirs), 0, -1):
        assert np.abs(clip.frame(number).astype(int) - theirs[number - 1]).mean() < 2, number
    clip.close()


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Clip]]:
    clips: list[Clip] = []

    def opener(path: Path) -> Clip:
        clips.append(readers.open_clip(path, SHA))
        return clips[-1]

    yield opener
    for clip in clips:
        clip.close()


def test_a_thumbnail_does_not_cost_the_whole_clip(tmp_path: Path, opened: Callable[[Path], Clip]) -> None:
    path = made(tmp_path / "long.mp4", frames=40, g="10", bf="0")
    clip = opened(path)
    decoded: list[int] = []
    video: Any = clip._video  # type: ignore[attr-defined]
    original = video._frames_from_here

    def counting(key: Any) -> Iterator[Any]:
        for shown in original(key):
            decoded.append(1)
            yield shown

    video._frames_from_here = counting
    clip.glimpse(35, 32)
    assert len(decoded) <= 5


# ------------------------------------------------------------------------------------------------ how it is shown


def half(path: Path) -> Path:
    """Bright at the top, and red at the left of that."""
    shown = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    shown[:24] = 200
    shown[:24, :16] = (220, 20, 20)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuv444p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("matrix", "way"),
    [
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda p: np.rot90(p, 2).transpose(1, 0, 2)),
    ],
)
def test_a_clip_is_turned_and_mirrored_as_its_container_asks(
    tmp_path: Path, opened: Callable[[Path], Clip], matrix: tuple[int, ...], way: Callable[[Any], Any]
) -> None:
    content = half(tmp_path / "half.mp4").read_bytes()
    plain = opened(tmp_path / "half.mp4").frame(2)
    one = 1 << 16
    a, b, c, d = (value * one for value in matrix)
    identity = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    place = content.index(identity, content.index(b"tkhd"))
    asked = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = tmp_path / "turned.mp4"
    path.write_bytes(content[:place] + asked + content[place + len(asked) :])
    clip = opened(path)
    assert clip.frame(2).shape[:2] == (clip.facts.instance.rows, clip.facts.instance.columns)
    assert np.array_equal(clip.frame(2), way(plain))
    assert any("as the container asks" in note for note in clip.facts.notes)


def test_what_is_transparent_in_a_clip_lies_over_black(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    rgba = np.full((ROWS, COLUMNS, 4), 255, np.uint8)
    rgba[:, 32:, 3] = 0
    path = tmp_path / "alpha.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=10)
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "argb"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format="argb")))
        container.mux(stream.encode())
    shown = opened(path).frame(2)
    assert shown[:, :32].min() == 255
    assert shown[:, 32:].max() == 0


def test_an_interlaced_clip_says_so_and_its_frames_are_not_doubled(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    path = made(tmp_path / "field.mpg", "mpeg2video", flags="+ildct+ilme", top="1")
    clip = opened(path)
    assert clip.facts.instance.frames == FRAMES
    assert any("interlaced" in note for note in clip.facts.notes)


def test_a_size_that_changes_midway_keeps_one_size_and_says_so(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    small, large = tmp_path / "a.m2v", tmp_path / "b.m2v"
    made(small, "mpeg2video", frames=10)
    with av.open(str(large), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        for number in range(1, 11):
            wide = av.VideoFrame.from_ndarray(picture(number, 48, 96), "rgb24")
            container.mux(stream.encode(wide))
        container.mux(stream.encode())
    both = tmp_path / "both.mpg"
    both.write_bytes(small.read_bytes().removesuffix(b"\0\0\1\xb7") + large.read_bytes())
    clip = opened(both)
    shapes = [clip.frame(n).shape for n in (1, 5, 9, 12, 16, clip.facts.instance.frames)]
    assert set(shapes) == {(ROWS, COLUMNS, 3)}
    middle = clip.frame(12)
    assert middle[:6].max() < 30  # a wider picture lies between black bars, undistorted
    assert middle[24].mean() > 50
    assert any("changes midway" in note for note in clip.facts.notes)


# -------------------------------------------------------------------------------------------------------- speed


def test_even_frames_have_a_rate_and_no_times(folder: Path, opened: Callable[[Path], Clip]) -> None:
    for name in ("B-frames in MP4", "VP8", "WMV", "MPEG-2", "B-frames in AVI, which has no times for them"):
        timing = opened(kind(name, folder)).facts.timing
        assert (timing.fps, timing.source, timing.times) == (25.0, "container", ()), name
        assert timing.duration_s == pytest.approx(FRAMES / 25)


def test_uneven_frames_keep_their_own_times(tmp_path: Path, opened: Callable[[Path], Clip]) -> None:
    times = [0, 40, 80, 120, 500, 540, 580, 700, 740, 780]
    facts = opened(made(tmp_path / "v.mkv", frames=10, times=times)).facts
    assert facts.timing.times == pytest.approx([time / 1000 for time in times], abs=0.0015)
    assert facts.timing.fps == pytest.approx(9 / 0.78, rel=0.01)
    assert sum(facts.timing.lasting(10)) == pytest.approx(facts.timing.duration_s, abs=0.01)
    assert any("not evenly spaced" in note for note in facts.notes)


def test_a_bare_stream_is_as_fast_as_it_says_and_never_as_ffmpeg_supposes(tmp_path: Path) -> None:
    def facts(path: Path, form: str) -> _video.VideoFacts:
        video = _video.Video(lambda: path.open("rb"), form, path.stat().st_size)
        video.close()
        return video.facts

    slow = made(tmp_path / "slow.h264", rate=12, form="h264")
    assert facts(slow, "h264").rate == 12.0
    silent = made(
        tmp_path / "silent.hevc", "libx265", rate=12, form="hevc",
        **{"x265-params": "log-level=none:vui-timing-info=0"},
    )  # fmt: skip
    assert facts(silent, "hevc").rate is None
    assert facts(silent, "hevc").times == ()


# ----------------------------------------------------------------------------------------------------- bad input


def test_a_damaged_middle_costs_its_frames_and_not_the_others(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    content = bytearray(made(tmp_path / "whole.avi", "mjpeg", pix_fmt="yuvj420p").read_bytes())
    truth = every_frame(tmp_path / "whole.avi")
    place = -1
    for _ in range(10):
        place = content.index(b"\xff\xd8\xff", place + 1)
    content[place : place + 200] = b"\0" * 200
    path = tmp_path / "hurt.avi"
    path.write_bytes(bytes(content))
    clip = opened(path)
    assert clip.facts.instance.frames in (FRAMES - 1, FRAMES)
    for number in (1, 9, 12, FRAMES - 1):
        # a frame that cannot be decoded may be gone or missing; what stands before it does not move
        try:
            shown = clip.frame(number).astype(int)
        except PictureUnavailable:
            assert number == 10
            continue
        near = min(np.abs(shown - truth[n]).mean() for n in (number - 1, min(number, FRAMES - 1)))
        assert near < 2, number


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("mpg", "mpeg2video")]
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_ends_in_a_picture_or_one_clear_line(
    tmp_path: Path, suffix: str, codec: str, data: st.DataObject
) -> None:
    source = tmp_path / f"sound.{suffix}"
    if not source.is_file():
        made(source, codec, frames=12, g="5")
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "hurt"
    path.write_bytes(bytes(content))
    try:
        clip = readers.open_clip(path, SHA)
    except UnreadableFile as error:
        assert error.what
        return
    try:
        frames = clip.facts.instance.frames
        for number in {1, (frames + 1) // 2, frames} - {0}:
            assert clip.frame(number).shape[:2] == (clip.facts.instance.rows, clip.facts.instance.columns)
    except PictureUnavailable as error:
        assert error.what
    finally:
        clip.close()


def test_a_clip_of_a_codec_nobody_knows_is_kept_and_says_so(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    content = made(tmp_path / "x.mp4").read_bytes()
    path = tmp_path / "strange.mp4"
    path.write_bytes(content.replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    clip = opened(path)
    assert clip.facts.instance.frames == 0
    assert any("cannot be decoded here" in note for note in clip.facts.notes)
    with pytest.raises(PictureUnavailable):
        clip.frame(1)


def test_more_promised_than_held_is_said(tmp_path: Path, opened: Callable[[Path], Clip]) -> None:
    content = made(tmp_path / "x.avi", "mpeg4", bf="0").read_bytes()
    # dwLength of the stream header: how many frames it promises
    place = content.index(b"strh") + 8 + 32
    assert struct.unpack_from("<I", content, place)[0] == FRAMES
    path = tmp_path / "more.avi"
    path.write_bytes(content[:place] + struct.pack("<I", 500) + content[place + 4 :])
    clip = opened(path)
    assert clip.facts.instance.frames == FRAMES
    assert f"it promises 500 frames and holds {FRAMES}" in clip.facts.notes


def test_a_clip_without_a_single_frame_is_kept_or_refused_in_one_line(tmp_path: Path) -> None:
    path = made(tmp_path / "none.mkv", change=lambda packet, n: None)
    try:
        clip = readers.open_clip(path, SHA)
    except UnreadableFile as error:
        assert error.what
    else:
        assert clip.facts.instance.frames == 0
        clip.close()


def test_frames_beyond_all_reason_are_not_decoded(
    tmp_path: Path, opened: Callable[[Path], Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "x.mp4")
    monkeypatch.setattr(_video, "MAX_PIXELS", 1000)
    clip = opened(path)
    assert clip.facts.instance.frames == 0
    assert any("more than 64 million pixels" in note for note in clip.facts.notes)


def test_a_clip_with_more_frames_than_are_counted_says_that_it_believes_its_container(
    tmp_path: Path, opened: Callable[[Path], Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "x.mp4")
    monkeypatch.setattr(_packets, "MOST_PACKETS", 10)
    clip = opened(path)
    assert clip.facts.instance.frames == FRAMES
    assert any("was not counted" in note for note in clip.facts.notes)


def test_a_clip_is_never_read_into_memory_whole(tmp_path: Path) -> None:
    path = made(tmp_path / "x.avi", "rawvideo", pix_fmt="bgr24", frames=60)
    largest = 0

    class Watched:
        def __init__(self) -> None:
            self._file = path.open("rb")

        def read(self, count: int = -1) -> bytes:
            nonlocal largest
            largest = max(largest, count if count >= 0 else path.stat().st_size)
            return self._file.read(count)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    video = _video.Video(Watched, "avi", path.stat().st_size)  # type: ignore[arg-type]
    video.frame(60)
    video.frame(1)
    video.close()
    assert 0 < largest < path.stat().st_size / 4


def test_a_demuxer_that_reads_in_circles_is_stopped(tmp_path: Path) -> None:
    path = made(tmp_path / "x.mp4")
    file = _video._Bounded(path.open("rb"), path.stat().st_size)
    assert file.seek(-1) == -1
    for _ in range(1000):
        if file.seek(0) < 0:
            break
        file.read(1 << 20)
    assert file.seek(0) == -1
    assert file.read(8) == b""
    file.fresh()
    assert file.seek(0) == 0
    assert len(file.read(8)) == 8
    file.close()


def test_a_place_before_the_file_is_damage_and_no_traceback(tmp_path: Path) -> None:
    # The packet size of an ASF file decides where the demuxer looks for the next one.
    content = bytearray(made(tmp_path / "x.wmv", "wmv2").read_bytes())
    properties = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
    place = content.index(properties) + 92
    path = tmp_path / "hurt.wmv"
    for size in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        struct.pack_into("<II", content, place, size, size)
        path.write_bytes(bytes(content))
        try:
            clip = readers.open_clip(path, SHA)
        except UnreadableFile as error:
            assert error.reason in ("damaged", "truncated")
            continue
        for number in (clip.facts.instance.frames, 1):
            try:
                clip.frame(number)
            except PictureUnavailable as error:
                assert error.what
        clip.close()


def test_pixels_stretched_beyond_all_reason_are_not_shown(
    tmp_path: Path, opened: Callable[[Path], Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(9, 1)
        for number in range(3):
            shown = av.VideoFrame.from_ndarray(picture(number, 240, 320), "rgb24")
            container.mux(stream.encode(shown))
        container.mux(stream.encode())
    monkeypatch.setattr(_video, "MAX_PIXELS", 200_000)
    clip = opened(path)
    assert clip.facts.instance.frames == 0
    assert any("more than 64 million pixels" in note for note in clip.facts.notes)


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4")])
def test_a_frame_of_a_damaged_video_looks_the_same_whatever_was_asked_before(
    tmp_path: Path, kind: str, codec: str
) -> None:
    content = bytearray(_textured(tmp_path / f"sound.{kind}", kind, codec))
    rng = np.random.default_rng(3)
    for place in range(len(content) // 3, len(content) * 2 // 3, len(content) // 40):
        content[place : place + 24] = rng.integers(0, 256, 24, dtype=np.uint8).tobytes()
    path = tmp_path / f"hurt.{kind}"
    path.write_bytes(content)
    orders = (list(range(1, 41)), list(range(40, 0, -1)), [20, 3, 39, 21, 1, 22, 38, 5])
    seen: dict[int, set[bytes]] = {}
    for order in orders:
        try:
            clip = readers.open_clip(path, "ab" * 32)
        except UnreadableFile:
            pytest.skip("this damage hit the directory of the file")
        for number in order:
            if number > clip.facts.instance.frames:
                continue
            try:
                picture = clip.frame(number)[::7, ::7].tobytes()
            except PictureUnavailable:
                picture = b""
            seen.setdefault(number, set()).add(picture)
        clip.close()
    different = [number for number, pictures in seen.items() if len(pictures) > 1]
    assert different == []


def _textured(path: Path, kind: str, codec: str) -> bytes:
    av = pytest.importorskip("av")
    rng = np.random.default_rng(1)
    still = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    with av.open(str(path), "w", format={"mkv": "matroska"}.get(kind, kind)) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.gop_size = 10
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.roll(still, number, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()
