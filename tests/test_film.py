"""Films of what leaves: every picture at its own time, nothing else in the file, sound only if somebody listened."""

from __future__ import annotations

import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import movie, talking
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from casearchive import Archive, film
from casearchive.cache import Cache
from casearchive.cli import cli
from casearchive.deid import staging
from casearchive.errors import PictureUnavailable, UsageError

av = pytest.importorskip("av", reason="casearchive[video] is not installed")
SECRET = "Quillfeather"


def pictures(
    count: int, rows: int = 48, columns: int = 64, *, colour: bool = True
) -> list[NDArray[np.uint8]]:
    """Frames whose shade says which one it is."""
    shape = (rows, columns, 3) if colour else (rows, columns)
    return [np.full(shape, 40 + 12 * n % 200, np.uint8) for n in range(count)]


def shades(path: Path) -> list[tuple[float, int]]:
    """When each picture of a film is shown, and how bright it is."""
    with av.open(str(path)) as container:
        return [
            (round(float(f.time), 4), round(float(f.to_ndarray(format="gray")[8:40, 8:56].mean())))
            for f in container.decode(video=0)
        ]


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.floats(0.01, 0.5), min_size=2, max_size=12),
    st.tuples(st.integers(33, 70), st.integers(33, 70)),
    st.booleans(),
)
def test_every_picture_stands_at_its_own_time(
    tmp_path_factory: pytest.TempPathFactory, lasting: list[float], size: tuple[int, int], colour: bool
) -> None:
    target = tmp_path_factory.mktemp("film") / "film.mp4"
    frames = pictures(len(lasting), *size, colour=colour)
    film.write(frames, lasting, target)
    assert film.faults(target, len(frames)) == []
    shown = shades(target)
    starts = [sum(lasting[:n]) for n in range(len(lasting))]
    assert [when for when, _ in shown] == pytest.approx(starts, abs=2e-4)
    with av.open(str(target)) as container:
        assert container.duration / 1e6 == pytest.approx(sum(lasting), abs=2e-3)
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == tuple(side + side % 2 for side in size)


def test_colours_come_back_as_they_were(tmp_path: Path) -> None:
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:, :32], frame[:, 32:64], frame[:, 64:] = (200, 30, 40), (30, 60, 200), (128, 128, 128)
    film.write([frame] * 3, [0.1] * 3, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        shown = next(container.decode(video=0)).reformat(
            format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709"
        )
    back = shown.to_ndarray()
    for column in (16, 48, 80):
        assert np.abs(back[32, column].astype(int) - frame[32, column]).max() <= 6


def test_a_film_says_nothing_but_its_pictures(tmp_path: Path) -> None:
    film.write(pictures(20), [0.04] * 20, tmp_path / "film.mp4")
    raw = (tmp_path / "film.mp4").read_bytes()
    assert b"x264" not in raw and b"Lavf" not in raw and b"Lavc" not in raw
    film.write(pictures(20), [0.04] * 20, tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == raw


def test_a_film_with_more_in_it_than_pictures_is_found_out(tmp_path: Path) -> None:
    film.write(pictures(5), [0.1] * 5, tmp_path / "film.mp4")
    assert film.faults(tmp_path / "film.mp4", 4) == ["it holds 5 pictures, not 4"]
    with av.open(str(tmp_path / "told.mp4"), "w", format="mp4") as out:
        out.metadata["title"] = SECRET
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in pictures(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode())
    faults = film.faults(tmp_path / "told.mp4", 5)
    assert "it says title" in faults and "its stream says more than pictures" in faults


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    film.write([np.zeros((1200, 2500), np.uint8)] * 2, [0.1] * 2, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (1920, 922)


def test_without_an_encoder_there_is_no_film_and_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "encoder", lambda: "")
    with pytest.raises(PictureUnavailable, match=r"no H\.264 encoder"):
        film.write(pictures(2), [0.1] * 2, tmp_path / "film.mp4")
    staged = staging.StagedFilm(Frames(pictures(2)), [0.1] * 2, Cache(tmp_path), "ab" * 32, None)
    assert staged.path() is None


@pytest.mark.parametrize("what", ["film", "sound"])
def test_a_full_disk_is_called_one_and_is_no_fault_of_the_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    source = talking(tmp_path / "in.mov")

    def full(*_: object) -> None:
        raise av.error.OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(film, "_mux" if what == "film" else "_audible", full)
    with pytest.raises(OSError, match="No space left") as told:
        if what == "film":
            film.write(pictures(3), [0.1] * 3, tmp_path / "film.mp4")
        else:
            film.write_sound(source, tmp_path / "sound.m4a")
    assert type(told.value) is OSError


class Frames:
    def __init__(self, all_of_them: list[NDArray[np.uint8]]) -> None:
        self.all, self.asked = all_of_them, 0

    def __len__(self) -> int:
        return len(self.all)

    def frame(self, number: int) -> NDArray[np.uint8]:
        self.asked += 1
        return self.all[number - 1]


def test_a_film_is_made_once(tmp_path: Path) -> None:
    frames = Frames(pictures(4))
    cache = Cache(tmp_path / "cache")
    kept = staging.StagedFilm(frames, [0.1] * 4, cache, "ab" * 32, None).path()
    assert kept is not None
    os.utime(kept, (0, 0))
    again = staging.StagedFilm(frames, [0.1] * 4, cache, "ab" * 32, None).path()
    assert again == kept and frames.asked == 4
    cache.sweep()
    assert list(kept.parent.iterdir()) == [kept], "what was asked for again is not thrown away"


@pytest.mark.parametrize("harm", ["half", "empty", "another"])
def test_a_kept_film_that_is_wrong_is_made_again(tmp_path: Path, harm: str) -> None:
    cache = Cache(tmp_path / "cache")
    kept = staging.StagedFilm(Frames(pictures(4)), [0.1] * 4, cache, "ab" * 32, None).path()
    assert kept is not None
    whole = kept.read_bytes()
    if harm == "another":
        film.write(pictures(3), [0.1] * 3, kept)
    else:
        kept.write_bytes(whole[: len(whole) // 2] if harm == "half" else b"")
    again = staging.StagedFilm(Frames(pictures(4)), [0.1] * 4, cache, "ab" * 32, None).path()
    assert again == kept and kept.read_bytes() == whole


# ------------------------------------------------------------------------------------------------------ sound


def heard(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


@pytest.mark.parametrize("stereo", [False, True])
def test_sound_is_coded_anew_with_nothing_beside_it(tmp_path: Path, stereo: bool) -> None:
    source = talking(tmp_path / "in.mov", stereo=stereo)
    assert film.write_sound(source, tmp_path / "sound.m4a")
    film.write(pictures(20), [0.1] * 20, tmp_path / "film.mp4", sound=tmp_path / "sound.m4a")
    assert film.faults(tmp_path / "film.mp4", 20, sound=True) == []
    assert film.faults(tmp_path / "film.mp4", 20) == ["its tracks are video, audio"]
    assert SECRET.encode() not in (tmp_path / "film.mp4").read_bytes()
    wave = heard(tmp_path / "film.mp4")
    assert wave.shape[0] == (2 if stereo else 1) and np.abs(wave).max() > 0.1
    assert wave.shape[1] / 44_100 == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("late", [0.0, 0.73, -0.5])
def test_sound_is_heard_when_it_was_heard_in_the_source(tmp_path: Path, late: float) -> None:
    """Sound may begin after the pictures, or before: a beat belongs to its movement."""
    source = beating(tmp_path / "in.mkv", beat=1.2, late=late)
    assert film.write_sound(source, tmp_path / "sound.m4a")
    film.write(pictures(20), [0.1] * 20, tmp_path / "film.mp4", sound=tmp_path / "sound.m4a")
    assert film.faults(tmp_path / "film.mp4", 20, sound=True) == []
    wave = np.abs(heard(tmp_path / "film.mp4")[0])
    assert int(np.argmax(wave > 0.2)) / 44_100 == pytest.approx(1.2, abs=0.05)


def beating(path: Path, *, beat: float, late: float) -> Path:
    """Two seconds of pictures from the time 1 s of the file; sound from ``late`` after them, quiet up to ``beat``."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number, picture in enumerate(pictures(20)):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = 10 + number, Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        at = np.arange(round((2 - late) * 16_000)) / 16_000 + late
        tone = np.where(at >= beat, 12_000 * np.sin(at * 2 * np.pi * 440), 0).astype(np.int16)
        for start in range(0, len(tone), 320):
            part = av.AudioFrame.from_ndarray(tone[None, start : start + 320], "s16", "mono")
            part.rate, part.time_base = 16_000, Fraction(1, 16_000)
            part.pts = round((1 + late) * 16_000) + start
            out.mux(sound.encode(part))
        out.mux(sound.encode())
    return path


def test_a_silent_clip_has_no_sound_to_write(tmp_path: Path) -> None:
    assert not film.write_sound(movie(tmp_path / "in.mp4"), tmp_path / "sound.m4a")
    assert not (tmp_path / "sound.m4a").exists()


def case(folder: Path, clip: Path) -> Path:
    folder.mkdir(parents=True)
    clip.rename(folder / clip.name)
    (folder / "case.toml").write_text(
        'title = "Flow in a vein"\nstatus = "ready"\n[author]\nname = "A. Teacher"\n'
        f'[[media]]\nid = "M1"\nfile = "{clip.name}"\n'
        '[[finding]]\nid = "F1"\nstructure = "calf"\nabnormality = "tear"\nside = "left"\n',
        "utf-8",
    )
    return folder


def test_sound_leaves_only_where_somebody_listened(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    archive.ingest([case(tmp_path / "flow", talking(tmp_path / "flow.mov"))], workers=0)
    archive.review(["flow:M1"], "approve", entire=True)
    runner = CliRunner()

    def left(to: str) -> dict[str, object]:
        made = archive.export(["flow"], formats=["html"], to=tmp_path / to)
        assert made.folder is not None and Archive.verify_export(made.folder) == ()
        paper = json.loads((made.folder / "certificate.json").read_text("utf-8"))
        (one,) = paper["clips"]
        return one

    assert "sound" not in left("silent")
    said = runner.invoke(
        cli, ["--archive", str(archive.path), "review", "sound", "flow:M1", "--because", "flow only"]
    )
    assert said.exit_code == 0, said.output
    told = left("sounding")["sound"]
    assert isinstance(told, dict) and told["because"] == "flow only"
    (sound,) = archive.path.glob("cache/made/*/*.passed/clip.m4a")
    whole = sound.read_bytes()
    sound.write_bytes(whole[:-1])
    assert left("sounding-again")["sound"] == told, "what is not whole is not taken from the cache"
    assert sound.read_bytes() == whole
    archive.listened(["flow:M1"], leaves=False)
    assert "sound" not in left("silent-again")


def test_what_has_no_sound_cannot_leave_with_it(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    archive.ingest([case(tmp_path / "flow", movie(tmp_path / "flow.mp4"))], workers=0)
    with pytest.raises(UsageError, match="no sound"):
        archive.listened(["flow:M1"])
    assert not [e for e in archive.log() if e.event == "listened"]


def test_ffmpeg_reads_the_film_without_a_complaint(tmp_path: Path) -> None:
    import shutil

    judge = shutil.which("ffmpeg")
    if judge is None:
        pytest.skip("ffmpeg is not installed")
    film.write(pictures(20), [0.04] * 10 + [0.2] * 10, tmp_path / "film.mp4")
    done = subprocess.run(
        [judge, "-v", "warning", "-i", str(tmp_path / "film.mp4"), "-f", "null", "-"],
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
