"""Promises of pictures made on demand, and of the key frame that a person chooses: it is followed and it survives."""

from __future__ import annotations

import json
import os
import shutil
import sys
from io import BytesIO
from pathlib import Path

import helpers
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from casearchive import Archive
from casearchive.archive import CaseView, FileView
from casearchive.cache import Cache
from casearchive.cli import cli
from casearchive.errors import NotFound, RecordError, UsageError

POSIX = pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", int)() == 0,
    reason="root may write anywhere, and Windows has no modes",
)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case with a clip of three frames, a loose clip of nine, a photograph."""
    folder = tmp_path_factory.mktemp("master")
    helpers.case_folder(folder / "stick" / "tear")
    helpers.dicom(folder / "stick" / "IM1", seed=1, frames=9, size=(60, 80))
    helpers.picture(folder / "stick" / "photo.png")
    archive = Archive.create(folder / "archive")
    assert archive.ingest([folder / "stick"], workers=0).failed == 0
    return folder / "archive"


@pytest.fixture
def archive(master: Path, tmp_path: Path) -> Archive:
    shutil.copytree(master, tmp_path / "archive")
    return Archive.open(tmp_path / "archive")


def named(archive: Archive, name: str) -> str:
    return next(h.sha256 for h in archive.list() if h.name == name)


def file(archive: Archive, name: str, *make: str) -> FileView:
    view = archive.show(named(archive, name), make=make)
    assert isinstance(view, FileView)
    return view


def clip(archive: Archive, case: str = "tear") -> FileView:
    view = archive.show(case)
    assert isinstance(view, CaseView)
    assert view.clips[0][1] is not None
    return view.clips[0][1]


def frame(seed: int, number: int, size: tuple[int, int], frames: int) -> np.ndarray:
    """What ``helpers.dicom`` drew as this frame."""
    return np.random.default_rng(seed).integers(0, 255, (frames, *size), np.uint8)[number - 1].astype(float)


def shown(path: Path | None) -> np.ndarray:
    assert path is not None
    with Image.open(path) as image:
        return np.asarray(image.convert("L")).astype(float)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


# ------------------------------------------------------------------------------------- a key frame chosen by hand


def test_the_case_says_which_frame_stands_for_its_clip(archive: Archive) -> None:
    assert clip(archive).detail.key_frame_source == "content"
    archive.edit("tear", {"media.M1.key_frame": "3"})
    view = clip(archive)
    assert (view.detail.key_frame, view.detail.key_frame_source) == (3, "person")
    assert view.detail.key_frame_why == "chosen by hand in tear (M1)"
    for number in (1, 2, 3):
        same = alike(shown(view.thumbnail), frame(50, number, (32, 40), 3)) > 0.8
        assert same == (number == 3), number


def test_the_file_itself_and_a_search_show_that_frame_too(archive: Archive) -> None:
    archive.edit("tear", {"media.M1.key_frame": "3"})
    (hit,) = archive.search("rectus femoris tear").hits
    chosen = clip(archive).thumbnail
    assert chosen is not None
    assert archive.picture_of(hit) == chosen == file(archive, "loop.dcm").thumbnail


def test_a_choice_for_a_file_outside_a_case_stands_in_the_ledger(archive: Archive) -> None:
    sha256 = named(archive, "IM1")
    assert archive.edit(sha256[:12], {"key_frame": "8"}) == "key_frame = 8\n"
    view = file(archive, "IM1")
    assert (view.detail.key_frame, view.detail.key_frame_why) == (8, "chosen by hand for this file")
    assert alike(shown(view.thumbnail), frame(1, 8, (60, 80), 9)) > 0.8
    assert [e.details for e in archive.log(sha256) if e.event == "key-frame-set"] == [{"frame": 8}]


def test_a_choice_can_be_taken_back(archive: Archive) -> None:
    before, of_file = clip(archive), file(archive, "IM1")
    archive.edit("tear", {"media.M1.key_frame": "3"})
    archive.edit("tear", {"media.M1.key_frame": ""})
    archive.edit(named(archive, "IM1"), {"key_frame": "8"})
    archive.edit(named(archive, "IM1"), {"key_frame": ""})
    assert clip(archive) == before
    assert file(archive, "IM1") == of_file
    assert "key_frame" not in archive.record_text("tear")


def test_what_the_case_says_goes_before_what_was_said_of_the_file(archive: Archive) -> None:
    archive.edit(named(archive, "loop.dcm"), {"key_frame": "1"})
    assert clip(archive).detail.key_frame == 1
    archive.edit("tear", {"media.M1.key_frame": "3"})
    assert clip(archive).detail.key_frame == 3
    assert file(archive, "loop.dcm").detail.key_frame == 1


def test_a_case_drafted_from_a_file_takes_its_choice_along(archive: Archive) -> None:
    archive.edit(named(archive, "IM1"), {"key_frame": "8"})
    case, _ = archive.new("thigh", media=[named(archive, "IM1")])
    assert case.media[0].key_frame == 8


def test_every_choice_survives_the_loss_of_the_index_and_of_the_cache(archive: Archive) -> None:
    archive.edit("tear", {"media.M1.key_frame": "3"})
    archive.edit(named(archive, "IM1"), {"key_frame": "8"})
    file(archive, "IM1", "preview", "poster")
    before = list(archive.dump()), clip(archive).detail, file(archive, "IM1").detail
    picture = shown(clip(archive).thumbnail)
    (archive.path / "index.db").unlink()
    archive.reindex(workers=0)
    assert (list(archive.dump()), clip(archive).detail, file(archive, "IM1").detail) == before
    assert np.array_equal(shown(clip(archive).thumbnail), picture)
    assert file(archive, "IM1").preview is None, "what was made on demand is made again on demand"
    assert archive.verify(full=True).faults == ()


@pytest.mark.parametrize("frame", ["0", "4", "-1", "two", "1.5"])
def test_a_frame_that_the_clip_does_not_have_is_refused_and_nothing_changes(
    archive: Archive, frame: str
) -> None:
    before = archive.record_text("tear"), list(archive.dump())
    with pytest.raises(RecordError, match="key_frame"):
        archive.edit("tear", {"media.M1.key_frame": frame})
    with pytest.raises(UsageError, match="has 3, counted from 1"):
        archive.edit(named(archive, "loop.dcm"), {"key_frame": frame})
    assert (archive.record_text("tear"), list(archive.dump())) == before


def test_of_a_file_nothing_else_can_be_set(archive: Archive) -> None:
    with pytest.raises(UsageError, match="only key_frame"):
        archive.edit(named(archive, "IM1"), {"title": "Tear"})
    with pytest.raises(NotFound):
        archive.edit("0123456789abcdef", {"key_frame": "1"})


def test_a_dry_run_chooses_nothing(archive: Archive) -> None:
    before = helpers.tree(archive.path)
    archive.edit(named(archive, "IM1"), {"key_frame": "8"}, dry_run=True)
    archive.edit("tear", {"media.M1.key_frame": "3"}, dry_run=True)
    after = helpers.tree(archive.path)
    assert {k: v[2] for k, v in after.items()} == {k: v[2] for k, v in before.items()}


def test_a_row_that_is_not_there_is_named_beside_those_that_are(archive: Archive) -> None:
    with pytest.raises(UsageError, match="no M9") as caught:
        archive.edit("tear", {"media.M9.key_frame": "1"})
    assert "M1" in caught.value.hint
    with pytest.raises(UsageError, match="several"):
        archive.edit("tear", {"media.key_frame": "1"})


# --------------------------------------------------------------------------------------- previews and posters


def test_nothing_is_made_until_somebody_asks(archive: Archive) -> None:
    view = file(archive, "IM1")
    assert (view.preview, view.poster) == (None, None)
    assert not (archive.path / "cache" / "made").exists()


def test_a_preview_is_made_once_and_kept_private(archive: Archive) -> None:
    made = file(archive, "IM1", "preview").preview
    assert made is not None
    with Image.open(made) as film:
        assert (film.format, film.n_frames, film.size) == ("WEBP", 9, (80, 60))
    before = made.stat().st_ino
    assert file(archive, "IM1").preview == file(archive, "IM1", "preview").preview == made
    assert made.stat().st_ino == before
    if sys.platform != "win32":
        assert made.stat().st_mode & 0o077 == 0
        assert made.parent.stat().st_mode & 0o077 == 0


def test_a_poster_shows_the_key_frame_whole_and_follows_it(archive: Archive) -> None:
    archive.edit(named(archive, "IM1"), {"key_frame": "8"})
    first = file(archive, "IM1", "poster").poster
    assert first is not None
    assert np.array_equal(shown(first), frame(1, 8, (60, 80), 9))
    archive.edit(named(archive, "IM1"), {"key_frame": "2"})
    assert file(archive, "IM1").poster is None
    assert np.array_equal(shown(file(archive, "IM1", "poster").poster), frame(1, 2, (60, 80), 9))


def test_a_still_has_a_poster_and_no_preview(archive: Archive) -> None:
    view = file(archive, "photo.png", "preview", "poster")
    assert view.preview is None
    assert view.poster is not None
    assert view.trouble == ""


def test_an_original_that_is_gone_costs_the_picture_and_is_said(archive: Archive) -> None:
    sha256 = named(archive, "IM1")
    path = archive.path / "objects" / sha256[:2] / sha256
    path.chmod(0o600)
    path.unlink()
    view = file(archive, "IM1", "preview")
    assert view.preview is None
    assert view.trouble.startswith("no preview: ")
    assert view.thumbnail is not None


@POSIX
def test_a_cache_that_cannot_be_written_to_costs_the_picture_only(archive: Archive) -> None:
    cache = archive.path / "cache"
    cache.chmod(0o500)
    try:
        view = file(archive, "IM1", "preview")
    finally:
        cache.chmod(0o700)
    assert view.preview is None
    assert "no preview" in view.trouble


def test_the_command_names_what_it_made(archive: Archive) -> None:
    run = CliRunner()
    words = ["--archive", str(archive.path), "show", named(archive, "IM1"), "--preview", "--poster"]
    told = json.loads(run.invoke(cli, [*words, "--json"]).stdout)
    assert Path(told["preview"]).is_file()
    assert Path(told["poster"]).is_file()
    assert told["key_frame_source"] == "content"
    assert told["key_frame_why"]
    said = run.invoke(cli, words).stdout
    assert told["preview"] in said
    assert told["key_frame_why"] in " ".join(said.split())
    case = run.invoke(cli, ["--archive", str(archive.path), "show", "tear", "--preview"]).stdout
    assert "preview: " in case


# ------------------------------------------------------------------------------------------------ contact sheets


def test_a_contact_sheet_marks_the_key_frame_even_where_it_is_off_the_beat(archive: Archive) -> None:
    helpers.dicom(archive.path.parent / "long.dcm", seed=9, frames=40)
    archive.ingest([archive.path.parent / "long.dcm"], workers=0)
    sha256 = named(archive, "long.dcm")
    archive.edit(sha256, {"key_frame": "7"})
    sheet = np.asarray(Image.open(BytesIO(archive.frames(sha256))).convert("RGB")).astype(int)
    assert (sheet == (255, 205, 60)).all(axis=2).sum() > 100


def test_a_sheet_of_a_file_does_not_bear_its_name(archive: Archive) -> None:
    """A name of a file may be a patient's name: two files that differ only in it make the same sheet."""
    one = archive.frames(named(archive, "IM1"))
    other = Archive.create(archive.path.parent / "other")
    helpers.dicom(archive.path.parent / "Quillfeather.dcm", seed=1, frames=9, size=(60, 80))
    other.ingest([archive.path.parent / "Quillfeather.dcm"], workers=0)
    assert other.frames(other.list()[0].sha256) == one


def test_a_picture_that_is_asked_for_again_is_not_thrown_away(archive: Archive) -> None:
    poster = file(archive, "IM1", "poster").poster
    assert poster is not None
    os.utime(poster, (0, 0))
    assert file(archive, "IM1", "poster").poster == poster
    Cache(archive.path / "cache" / "made").sweep()
    assert poster.is_file()
