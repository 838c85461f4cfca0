"""Promises on time: who says how fast a clip was decides in a fixed order, and a guess is called a guess."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import dicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.filereader import dcmread

from casearchive import Archive, readers
from casearchive.cli import cli
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable
from casearchive.model import ASSUMED_FPS, Facts, Timing
from casearchive.readers import _dicom_video, _timing

SHA = "12" * 32
FRAME_TIME, VECTOR = 0x00181063, 0x00181065


def facts(path: Path, **changes: Any) -> Facts:
    """Of four frames whose header says nothing of time but ``changes``."""
    return _facts(dicom(path / "clip.dcm", frames=4, **{"FrameTime": None, **changes}))


def _facts(path: Path) -> Facts:
    clip = readers.open_clip(path, SHA)
    clip.close()
    return clip.facts


# ------------------------------------------------------------------------------------------- who is believed


@pytest.mark.parametrize(
    ("changes", "fps", "source", "said"),
    [
        ({"FrameTime": 40, "FrameIncrementPointer": FRAME_TIME}, 25.0, "FrameTime", ""),
        ({"FrameTimeVector": [0, 20, 20, 20], "FrameTime": 40}, 50.0, "FrameTimeVector", ""),
        (
            {"FrameTimeVector": [0, 20, 20, 20], "FrameTime": 40, "FrameIncrementPointer": FRAME_TIME},
            25.0, "FrameTime", "",
        ),
        ({"FrameTime": 33.3333, "CineRate": 1}, 30.0, "FrameTime", "CineRate 1; FrameTime is used"),
        ({"FrameTime": 33, "CineRate": 30}, 30.303, "FrameTime", ""),
        ({"CineRate": 30, "RecommendedDisplayFrameRate": 60}, 30.0, "CineRate", "RecommendedDisplayFrameRate 60"),
        ({"RecommendedDisplayFrameRate": 12}, 12.0, "RecommendedDisplayFrameRate", ""),
        ({"CineRate": 30, "FrameIncrementPointer": VECTOR}, 30.0, "CineRate", "FrameTimeVector, which is not there"),
        ({"FrameTime": 40, "FrameIncrementPointer": [VECTOR, FRAME_TIME]}, 25.0, "FrameTime", "not there"),
        ({"FrameTime": 40, "FrameIncrementPointer": 0x00201041}, 25.0, "FrameTime", "ordered by SliceLocation"),
        ({"FrameTime": 40, "FrameIncrementPointer": 0x00191001}, 25.0, "FrameTime", "a private attribute"),
        ({}, None, "unknown", ""),
        # Neither tells when the next frame came.
        ({"FrameDelay": 40, "ActualFrameDuration": 40, "EffectiveDuration": 4}, None, "unknown", ""),
    ],
)  # fmt: skip
def test_the_pointer_decides_then_the_order_of_the_standard(
    tmp_path: Path, changes: dict[str, Any], fps: float | None, source: str, said: str
) -> None:
    found = facts(tmp_path, **changes)
    assert (found.timing.fps, found.timing.source) == (fps, source)
    assert any(said in note for note in found.notes) if said else not found.notes


@pytest.mark.parametrize("value", ["0", "-33", "0.01", "1e6", "nan"])
def test_an_impossible_frame_time_is_refused_aloud_and_the_next_is_asked(tmp_path: Path, value: str) -> None:
    path = dicom(tmp_path / "clip.dcm", frames=4, FrameTime=None, CineRate=30)
    content = path.read_bytes()
    empty = b"\x18\x00\x63\x10DS\x00\x00"
    text = value.encode() + b" " * (len(value) % 2)
    filled = b"\x18\x00\x63\x10DS" + len(text).to_bytes(2, "little") + text
    assert content.count(empty) == 1
    path.write_bytes(content.replace(empty, filled))
    found = _facts(path)
    assert (found.timing.fps, found.timing.source) == (30.0, "CineRate")
    assert any(note.startswith("FrameTime") for note in found.notes)


@pytest.mark.parametrize("rate", [0, -5, 10_000, 0.01])
def test_an_impossible_rate_leaves_the_speed_unknown(tmp_path: Path, rate: float) -> None:
    found = facts(tmp_path, RecommendedDisplayFrameRate=int(rate), CineRate=rate)
    assert found.timing == Timing()
    assert any("was not believed" in note for note in found.notes)


def test_uneven_steps_keep_their_times(tmp_path: Path) -> None:
    found = facts(tmp_path, FrameTimeVector=[0, 20, 200, 20])
    assert found.timing.times == pytest.approx((0, 0.02, 0.22, 0.24))
    assert found.timing.fps == pytest.approx(3 / 0.24)
    assert found.timing.lasting(4) == pytest.approx((0.02, 0.2, 0.02, 0.08))
    assert any("not evenly spaced" in note for note in found.notes)


@pytest.mark.parametrize("vector", [[0, 20], [0, 20, 20, 20, 20, 20], [0, 20, 200]])
def test_a_vector_of_another_length_gives_its_mean_and_says_so(tmp_path: Path, vector: list[int]) -> None:
    found = facts(tmp_path, FrameTimeVector=vector)
    assert found.timing.source == "FrameTimeVector"
    assert found.timing.times == ()
    assert f"FrameTimeVector times {len(vector)} frames, and there are 4" in found.notes


@pytest.mark.parametrize("vector", [[0, 20, -5, 20], [0, 0, 0, 0], [0]])
def test_a_vector_that_cannot_be_true_is_refused(tmp_path: Path, vector: list[int]) -> None:
    found = facts(tmp_path, FrameTimeVector=vector, CineRate=25)
    assert (found.timing.fps, found.timing.source) == (25.0, "CineRate")
    assert any("FrameTimeVector" in note for note in found.notes)


def test_wishes_of_the_sender_are_told_and_all_frames_kept(tmp_path: Path) -> None:
    found = facts(tmp_path, FrameTime=40, StartTrim=2, StopTrim=3, PreferredPlaybackSequencing=1)
    assert found.instance.frames == 4
    assert "its sender would show only frames 2 to 3; all are kept" in found.notes
    assert any("forwards and backwards" in note for note in found.notes)


def test_a_trim_that_trims_nothing_is_not_worth_a_word(tmp_path: Path) -> None:
    assert facts(tmp_path, FrameTime=40, StartTrim=1, StopTrim=4).notes == ()


# ----------------------------------------------------------------------------------------------- even or uneven


@given(
    st.lists(st.floats(0.001, 5, allow_nan=False), min_size=2, max_size=40),
    st.sampled_from([0.0, 0.001, 0.01]),
)
def test_times_are_kept_exactly_where_frames_are_uneven_and_never_otherwise(
    steps: list[float], tick: float
) -> None:
    times = [float(total) for total in np.concatenate(([0.0], np.cumsum(steps)))]
    found = _timing.from_times(times, "container", tick=tick)
    if found is None:
        assert not _timing.possible(len(steps) / times[-1])
        return
    if found.times:
        assert found.times == pytest.approx(times, abs=1e-5)
    else:
        mean = times[-1] / len(steps)
        assert max(abs(step - mean) for step in steps) <= max(1.01 * tick, mean / 10) + 1e-9
    assert found.fps == pytest.approx(len(steps) / times[-1], rel=0.01, abs=1e-3)


def test_a_rate_that_drifts_is_uneven_though_no_step_is() -> None:
    steps = np.linspace(0.0365, 0.0435, 400)
    times = [0.0, *(float(time) for time in np.cumsum(steps))]
    found = _timing.from_times(times, "container")
    assert found is not None
    assert len(found.times) == len(times)


# -------------------------------------------------------------------------------------------- video inside DICOM


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Clip]]:
    clips: list[Clip] = []

    def opener(path: Path) -> Clip:
        clips.append(readers.open_clip(path, SHA))
        return clips[-1]

    yield opener
    for clip in clips:
        clip.close()


def with_video(path: Path, *, pieces: int = 1, aspect: tuple[int, int] = (1, 1), **changes: Any) -> Path:
    """Twelve frames of H.264 at 12 a second inside DICOM; ``changes`` go into the header."""
    av = pytest.importorskip("av")
    from fractions import Fraction

    bare = path.with_suffix(".h264")
    with av.open(str(bare), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        for number in range(1, 13):
            level = np.full((48, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(level, "rgb24")))
        container.mux(stream.encode())
    data: FileDataset = dcmread(dicom(path, frames=12, size=(48, 64)))
    data.PhotometricInterpretation, data.SamplesPerPixel, data.PlanarConfiguration = "YBR_PARTIAL_420", 3, 0
    del data.FrameTime
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    content = bare.read_bytes()
    content += b"\0" * (-len(content) % (2 * pieces))
    size = len(content) // pieces
    parts = [content[n * size : (n + 1) * size] for n in range(pieces)]
    data.PixelData = encapsulate(parts, has_bot=False)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    data.save_as(path, enforce_file_format=True)
    return path


def test_the_header_of_a_video_in_dicom_is_asked_before_its_stream(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    told = opened(with_video(tmp_path / "a.dcm", FrameTime=40)).facts
    assert (told.timing.fps, told.timing.source) == (25.0, "FrameTime")
    silent = opened(with_video(tmp_path / "b.dcm")).facts
    assert (silent.timing.fps, silent.timing.source) == (12.0, "container")


@pytest.mark.parametrize("promised", [5, 400])
def test_a_video_in_dicom_has_the_frames_it_holds(
    tmp_path: Path, opened: Callable[[Path], Clip], promised: int
) -> None:
    clip = opened(with_video(tmp_path / "a.dcm", NumberOfFrames=promised))
    assert clip.facts.instance.frames == 12
    assert f"it promises {promised} frames and its video holds 12" in clip.facts.notes
    for number in (12, 1, 7):
        assert abs(float(clip.frame(number).mean()) - 20 * number) < 4


def test_a_video_in_several_fragments_is_one_stream(tmp_path: Path, opened: Callable[[Path], Clip]) -> None:
    clip = opened(with_video(tmp_path / "a.dcm", pieces=5))
    assert clip.facts.instance.frames == 12
    assert abs(float(clip.frame(11).mean()) - 220) < 4


def test_pictures_of_a_video_in_dicom_keep_their_stored_pixels(
    tmp_path: Path, opened: Callable[[Path], Clip]
) -> None:
    clip = opened(with_video(tmp_path / "a.dcm", aspect=(2, 1)))
    assert clip.frame(3).shape == (48, 64, 3)


def test_a_stream_that_is_no_video_is_kept_and_said(tmp_path: Path, opened: Callable[[Path], Clip]) -> None:
    path = with_video(tmp_path / "a.dcm")
    data = dcmread(path)
    data.PixelData = encapsulate([b"nothing at all " * 8], has_bot=False)
    data["PixelData"].VR = "OB"
    data.save_as(path)
    clip = opened(path)
    assert any("cannot be shown" in note for note in clip.facts.notes)
    with pytest.raises(PictureUnavailable):
        clip.frame(1)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6), st.data())
def test_fragments_read_as_one_file(parts: list[bytes], data: st.DataObject) -> None:
    from casearchive.readers._source import BytesSource

    whole, spans, content = b"".join(parts), [], b""
    for part in parts:
        content += b"head"
        spans.append((len(content), len(part)))
        content += part
    file = _dicom_video._Fragments(BytesSource(content), tuple(spans))
    for _ in range(5):
        place = data.draw(st.integers(0, len(whole) + 3))
        file.seek(place)
        assert file.read() == whole[place:]


# ----------------------------------------------------------------------------------------------- what is told


def test_show_says_where_a_speed_is_from_and_calls_a_guess_a_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.create(tmp_path / "archive")
    dicom(tmp_path / "in" / "known.dcm", seed=1, frames=4)
    dicom(tmp_path / "in" / "unknown.dcm", seed=2, frames=4, FrameTime=None)
    dicom(tmp_path / "in" / "uneven.dcm", seed=3, frames=4, FrameTime=None, FrameTimeVector=[0, 20, 200, 20])
    dicom(tmp_path / "in" / "still.dcm", seed=4)
    assert archive.ingest([tmp_path / "in"], workers=0).failed == 0
    monkeypatch.setenv("CASEARCHIVE_HOME", str(tmp_path / "archive"))

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, list(words))
        assert done.exit_code == 0, done.output
        return done.output

    uid = "1.2.826.0.1.3680043.8.498.{}.3"
    assert "25 a second, from Frame Time in the header" in run("show", uid.format(1))
    assert f"speed unknown, shown at {ASSUMED_FPS:g} a second" in run("show", uid.format(2))
    assert "12.5 a second on the mean, unevenly, from Frame Time Vector" in " ".join(
        run("show", uid.format(3)).split()
    )
    assert "a second" not in run("show", uid.format(4))

    def told(seed: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("show", uid.format(seed), "--json"))
        return found

    known, unknown, uneven, still = told(1), told(2), told(3), told(4)
    assert (known["fps"], known["fps_source"], known["fps_assumed"]) == (25.0, "FrameTime", None)
    assert (unknown["fps"], unknown["fps_source"], unknown["fps_assumed"]) == (None, "unknown", ASSUMED_FPS)
    assert uneven["frame_times"] == pytest.approx([0, 0.02, 0.22, 0.24])
    assert (still["fps_assumed"], still["frame_times"]) == (None, [])


def test_the_last_frame_of_an_uneven_clip_stays_as_long_as_the_clip_lasts() -> None:
    timing = Timing(3.2, "container", 1.85, (0.0, 0.1, 0.6, 0.7, 0.75, 1.75))
    assert sum(timing.lasting(6)) == pytest.approx(1.85)
