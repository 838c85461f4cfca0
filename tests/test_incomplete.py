"""Files that end too early: refused unless a person asks for what there is of them; then shown, and said."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFile
from pydicom.uid import JPEGBaseline8Bit

from casearchive import Archive, readers
from casearchive.cli import cli
from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable, UnreadableFile
from tests.test_readers import (
    SHA,
    cine,
    dicom_kinds,
    encapsulate,
    encoded,
    header,
    moving,
    scene,
    still,
    still_kinds,
    video,
    with_pixels,
    written,
)

Opener = Callable[[bytes], Clip]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    clips: list[Clip] = []

    def open_it(content: bytes) -> Clip:
        path = tmp_path / "cut"
        path.write_bytes(content)
        with pytest.raises(UnreadableFile) as caught:
            readers.open_clip(path, SHA)
        assert caught.value.reason == "truncated"
        assert "--incomplete" in caught.value.hint
        clips.append(readers.open_clip(path, SHA, incomplete=True))
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


def test_the_whole_frames_of_a_cut_loop_are_there_and_the_missing_ones_are_counted(opened: Opener) -> None:
    content = cine(5)
    frame = scene(0).size
    clip = opened(content[: -2 * frame - 100])
    assert clip.facts.instance.frames == 2
    assert "promises 5 frames and holds 2" in said(clip)
    assert "before what an element promises: what is there is shown" in said(clip)
    assert np.array_equal(clip.frame(2), scene(1))
    with pytest.raises(PictureUnavailable):
        clip.frame(3)


def test_of_a_single_frame_the_rows_that_are_there_are_shown(opened: Opener) -> None:
    content = written(with_pixels(header(), [scene(3)], "RGB"))
    clip = opened(content[: -scene(3).size // 2])
    picture = clip.frame(1)
    half = picture.shape[0] // 3
    assert np.array_equal(picture[:half], scene(3)[:half])
    assert "% of a frame" in said(clip)


def test_of_a_compressed_loop_the_frames_that_are_there_are_shown(opened: Opener) -> None:
    jpegs = [encoded(scene(n), "JPEG", quality=95) for n in range(4)]
    content = written(
        with_pixels(header(), [scene(n) for n in range(4)], "YBR_FULL_422", encapsulate(jpegs)),
        JPEGBaseline8Bit,
    )
    clip = opened(content[: -len(jpegs[3]) - len(jpegs[2]) - 20])
    assert clip.facts.instance.frames in (2, 3)  # the third may be there in part
    assert "promises 4 frames" in said(clip)
    assert float(np.abs(clip.frame(2).astype(int) - scene(1)).mean()) < 6


@pytest.mark.parametrize("kind", [k for k in dicom_kinds() if k != "report"])
def test_a_dicom_cut_at_any_byte_is_shown_or_refused_and_never_silent(tmp_path: Path, kind: str) -> None:
    content = dicom_kinds()[kind]
    path = tmp_path / "cut"
    shown = 0
    for cut in range(132, len(content) - 1):
        path.write_bytes(content[:cut])
        try:
            clip = readers.open_clip(path, SHA, incomplete=True)
        except UnreadableFile as refusal:
            assert refusal.reason == "truncated", (cut, str(refusal))
            continue
        shown += 1
        assert clip.facts.notes, cut
        clip.close()
    assert shown


@pytest.mark.parametrize("kind", ["png", "jpeg", "progressive", "gif", "bmp", "packed tiff"])
def test_of_a_cut_picture_what_there_is_is_shown(opened: Opener, tmp_path: Path, kind: str) -> None:
    content = still_kinds()[kind]
    if kind == "packed tiff":  # its directory stands at the end
        with pytest.raises(UnreadableFile, match="too early"):
            opened(content[: len(content) * 3 // 4])
        return
    clip = opened(content[: len(content) * 3 // 4])
    assert "ends too early: what is there is shown" in said(clip)
    picture, sound = clip.frame(1), first_of(tmp_path, content)
    assert picture.shape == sound.shape
    first = picture.shape[0] // 8
    upper = slice(-first, None) if kind == "bmp" else slice(0, first)  # rows of a BMP come from below
    assert float(np.abs(picture[upper].astype(int) - sound[upper].astype(int)).mean()) < 12
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


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
            readers.open_clip(path, SHA, incomplete=True)
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
            readers.open_clip(path, SHA, incomplete=True)
        assert caught.value.reason == "truncated"
        return
    clip = opened(content[: len(content) * 2 // 3])
    assert 1 <= clip.facts.instance.frames <= 30
    assert "what is there is shown" in said(clip)
    assert np.array_equal(clip.frame(1), first_of(tmp_path, content))


def test_a_person_may_take_what_there_is_and_it_stays_so_when_the_index_is_made_again(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "loop.dcm").write_bytes(cine(5)[: -2 * scene(0).size])
    plain = CliRunner().invoke(cli, ["--archive", str(archive.path), "ingest", str(stick), "--workers", "0"])
    assert plain.exit_code == 3
    assert "--incomplete" in plain.output
    report = tmp_path / "report.jsonl"
    asked = CliRunner().invoke(
        cli,
        ["--archive", str(archive.path), "ingest", str(stick), "--workers", "0", "--incomplete",
         "--report", str(report)],
    )  # fmt: skip
    assert asked.exit_code == 0, asked.output
    (line,) = [json.loads(text) for text in report.read_text("utf-8").splitlines()]
    assert line["outcome"] == "added"
    assert any("promises 5 frames and holds 3" in note for note in line["notes"])
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
            f"try: open_clip(Path({str(file)!r}), '0' * 64, incomplete=True).frame(1)\n"
            "except (PictureUnavailable, UnreadableFile): pass"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), file
