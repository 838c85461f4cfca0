"""Files that end too early: what there is of them is shown, and said; where there is nothing they are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFile
from test_readers import (
    SHA,
    cine,
    moving,
    scene,
    still,
    still_kinds,
    video,
)

from casearchive import Archive, readers
from casearchive.cli import cli
from casearchive.clip import Clip, Picture
from casearchive.errors import UnreadableFile

Opener = Callable[[bytes], Clip]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    clips: list[Clip] = []

    def open_it(content: bytes) -> Clip:
        path = tmp_path / "cut"
        path.write_bytes(content)
        clips.append(readers.open_clip(path, SHA))
        return clips[-1]

    yield open_it
    for clip in clips:
        clip.close()


def first_of(tmp_path: Path, content: bytes) -> Picture:
    path = tmp_path / "whole"
    path.write_bytes(content)
    with closing(readers.open_clip(path, SHA)) as clip:
        return clip.frame(1)


def said(clip: Clip) -> str:
    return "; ".join(clip.facts.notes)


@pytest.mark.parametrize("kind", ["png", "jpeg", "progressive", "gif", "bmp", "packed tiff"])
def test_of_a_cut_picture_what_there_is_is_shown(opened: Opener, tmp_path: Path, kind: str) -> None:
    content = still_kinds()[kind]
    if kind == "packed tiff":  # its directory stands at the end
        with pytest.raises(UnreadableFile, match="too early"):
            opened(content[: len(content) * 3 // 4])
        return
    clip = opened(content[: len(content) * 3 // 4])
    assert "the file ends early" in said(clip)
    picture, sound = clip.frame(1), first_of(tmp_path, content)
    assert picture.shape == sound.shape
    first = picture.shape[0] // 8
    upper = slice(-first, None) if kind == "bmp" else slice(0, first)  # rows of a BMP come from below
    assert float(np.abs(picture[upper].astype(int) - sound[upper].astype(int)).mean()) < 12
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_cut_animation_keeps_its_whole_frames_and_their_times(opened: Opener) -> None:
    content = moving("GIF", duration=[50, 100, 150, 200])
    clip = opened(content[:-200])
    assert clip.facts.instance.frames == 3
    assert clip.facts.timing.duration_s == pytest.approx(0.3)
    assert clip.frame(3).shape == scene(0).shape


def test_a_picture_of_which_nothing_is_there_is_refused_all_the_same(tmp_path: Path) -> None:
    for content in (still("PNG")[:40], still("JPEG")[:30], still("WEBP")[:-40], b"GIF89a"):
        path = tmp_path / "cut"
        path.write_bytes(content)
        with pytest.raises(UnreadableFile) as caught:
            readers.open_clip(path, SHA)
        assert caught.value.reason == "truncated"


@pytest.mark.parametrize(("kind", "codec"), [("avi", "mjpeg"), ("mkv", "libx264"), ("mp4", "libx264")])
def test_of_a_cut_video_the_frames_that_are_there_are_shown(
    opened: Opener, tmp_path: Path, kind: str, codec: str
) -> None:
    content = video(tmp_path, kind, codec)
    if kind == "mp4":  # its directory stands at the end: without it nothing can be found
        path = tmp_path / "cut"
        path.write_bytes(content[: len(content) * 2 // 3])
        with pytest.raises(UnreadableFile) as caught:
            readers.open_clip(path, SHA)
        assert caught.value.reason == "truncated"
        return
    clip = opened(content[: len(content) * 2 // 3])
    assert 1 <= clip.facts.instance.frames <= 30
    assert "the file ends early" in said(clip)
    assert np.array_equal(clip.frame(1), first_of(tmp_path, content))


def test_a_cut_file_is_taken_with_a_line_for_the_user_and_stays_so_when_the_index_is_made_again(
    tmp_path: Path,
) -> None:
    archive = Archive.create(tmp_path / "archive")
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "loop.dcm").write_bytes(cine(5)[: -2 * scene(0).size])
    (stick / "photo.jpg").write_bytes(still("JPEG")[:-200])
    told = CliRunner().invoke(cli, ["--archive", str(archive.path), "ingest", str(stick), "--workers", "0"])
    assert told.exit_code == 0, told.output
    assert "loop.dcm" in told.output and "3 of 5 frames are there" in told.output
    assert "photo.jpg" in told.output
    before = list(archive.dump())
    archive.reindex()
    assert list(archive.dump()) == before
    assert archive.verify(full=True).faults == ()


def test_pillow_says_nothing_on_the_terminal(tmp_path: Path) -> None:
    content = still("TIFF", compression="tiff_lzw")
    path = tmp_path / "cut.tif"
    path.write_bytes(content[:-3])
    huge = tmp_path / "huge.png"
    Image.new("1", (9500, 9500)).save(huge)  # more than Pillow warns of
    for file in (path, huge):
        code = (
            "import sys; from pathlib import Path; from casearchive.readers import open_clip\n"
            "from casearchive.errors import PictureUnavailable, UnreadableFile\n"
            f"try: open_clip(Path({str(file)!r}), '0' * 64).frame(1)\n"
            "except (PictureUnavailable, UnreadableFile): pass"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), file
