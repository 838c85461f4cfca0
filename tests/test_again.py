"""The second export: what passed on the same terms is not cleaned twice; what changed never passes by what was."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import needs_detector
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array
from test_review import case, scan

from casearchive import Archive, abreast, rereading
from casearchive.cache import Cache
from casearchive.deid import clips, sources
from casearchive.errors import ReviewNeeded
from casearchive.model import Identifier

FULL = "calf"

pytestmark = needs_detector


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive.create(tmp_path / "archive")
    clips_of_it = [scan(tmp_path / f"{n}.dcm", n, regions=True) for n in (1, 2)]
    assert archive.ingest([case(tmp_path / "in", FULL, *clips_of_it)], workers=0).failed == 0
    return archive


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clips that are cleaned, as it happens."""
    cleaned: list[str] = []
    make = clips._make

    def counted(media, *rest):  # type: ignore[no-untyped-def]
        cleaned.append(media.id)
        return make(media, *rest)

    monkeypatch.setattr(clips, "_make", counted)
    return cleaned


def leave(archive: Archive, to: Path, *, formats: tuple[str, ...] = ("folder",), **how: object) -> Path:
    done = archive.export([FULL], formats=formats, to=to, **how)  # type: ignore[arg-type]
    assert done.folder is not None and Archive.verify_export(done.folder) == ()
    return done.folder


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_second_export_is_the_same_and_cleans_nothing(
    archive: Archive, tmp_path: Path, made: list[str]
) -> None:
    first = files(leave(archive, tmp_path / "one", formats=("folder", "html")))
    assert len(made) == 2
    second = files(leave(archive, tmp_path / "two", formats=("folder", "html")))
    assert len(made) == 2 and second == first


def test_however_many_work_side_by_side_the_same_bytes_leave(
    archive: Archive, tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []
    for hands in (1, 4):
        monkeypatch.setattr(abreast, "hands", lambda hands=hands: hands)
        shutil.rmtree(archive.path / "cache")
        left.append(files(leave(archive, tmp_path / str(hands), formats=("dicom", "html"))))
    assert len(made) == 4 and left[0] == left[1]


def test_an_export_that_is_stopped_leaves_no_thread_at_work_and_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.create(tmp_path / "archive")
    for n in (1, 2, 3):
        archive.ingest(
            [case(tmp_path / f"in-{n}", f"calf-{n}", scan(tmp_path / f"{n}.dcm", n, regions=True))], workers=0
        )
    before = threading.active_count()

    def stop(_what: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(abreast, "hands", lambda: 4)
    with pytest.raises(KeyboardInterrupt) as stopped:
        archive.export(["calf-1", "calf-2", "calf-3"], formats=["html"], to=tmp_path / "out", tell=stop)
    # what was raised still holds the frames of those who called: the threads have ended all the same
    assert stopped.value is not None and threading.active_count() == before
    assert not (tmp_path / "out").exists() and list((archive.path / "tmp").iterdir()) == []


_NO_PARSING = """
import ast, builtins, sys, threading
plain, parsed = builtins.compile, []
def told(source, name, mode, flags=0, *more, **named):
    if flags & ast.PyCF_ONLY_AST and threading.current_thread() is not threading.main_thread():
        parsed.append(source[:60])
    return plain(source, name, mode, flags, *more, **named)
builtins.compile = told
from casearchive import Archive, abreast
abreast.hands = lambda: 4
Archive.open(sys.argv[1]).export([sys.argv[2]], formats=["dicom", "html"], to=sys.argv[3])
sys.exit(f"parsed by a thread: {parsed}" if parsed else 0)
"""


def test_no_thread_of_an_export_parses_python(archive: Archive, tmp_path: Path) -> None:
    words = [sys.executable, "-c", _NO_PARSING, str(archive.path), FULL, str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True)  # where nothing was loaded before
    assert done.returncode == 0, f"Python before 3.11.5 fails where two parse at once: {done.stderr[-600:]}"


def test_a_change_of_words_cleans_nothing_and_is_in_what_leaves(
    archive: Archive, tmp_path: Path, made: list[str]
) -> None:
    leave(archive, tmp_path / "one")
    archive.edit(FULL, {"title": "Another title", "media.M1.key_frame": "2"})
    out = leave(archive, tmp_path / "two")
    assert len(made) == 2
    assert "Another title" in next(out.rglob("case.toml")).read_text("utf-8")


@pytest.mark.parametrize("what", ["mask", "approve", "options", "set", "name"])
def test_whatever_decides_about_a_clip_cleans_it_again(
    archive: Archive, tmp_path: Path, made: list[str], what: str
) -> None:
    leave(archive, tmp_path / "one")
    made.clear()
    how: dict[str, object] = {}
    if what == "mask":
        archive.review([f"{FULL}:M1"], "mask", remove=["box 100,100,120,120"])
    elif what == "approve":
        archive.review([f"{FULL}:M1"], "approve")
    elif what == "options":
        how = {"options": ["no-dates"]}
    elif what == "set":
        archive.set_create(FULL, cases=[FULL])
    else:  # somebody else is known now
        other = scan(tmp_path / "3.dcm", 3, regions=True, PatientName="Marigold^Tansy")
        archive.ingest([case(tmp_path / "in", "other", other)], workers=0)
        archive.set_create("both", cases=[FULL, "other"])
        archive.export(["both"], formats=["folder"], to=tmp_path / "two")
        assert "M1" in made
        return
    leave(archive, tmp_path / "two", **how)
    assert "M1" in made
    assert (len(made) == 1) == (what in ("mask", "approve"))


def test_a_clip_that_is_refused_now_does_not_leave_by_what_passed_before(
    archive: Archive, tmp_path: Path
) -> None:
    leave(archive, tmp_path / "one")
    archive.review([f"{FULL}:M1"], "refuse")
    out = leave(archive, tmp_path / "two")
    assert not list(out.rglob("M1.dcm"))
    archive.review([f"{FULL}:M1"], "reopen")
    assert list(leave(archive, tmp_path / "three").rglob("M1.dcm"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "clip.dcm").write_bytes(b"x" + (folder / "clip.dcm").read_bytes()[1:]),
        lambda folder: (folder / "clip.dcm").unlink(),
        lambda folder: (folder / "clip.json").write_text("{}"),
        lambda folder: (folder / "clip.proof.json").write_text("no"),
    ],
    ids=["a bit", "no file", "other values", "no proof"],
)
def test_what_is_damaged_on_the_cache_is_made_again(
    archive: Archive, tmp_path: Path, made: list[str], damage: Callable[[Path], object]
) -> None:
    before = files(leave(archive, tmp_path / "one"))
    made.clear()
    for folder in archive.path.glob("cache/made/*/*.passed"):
        damage(folder)
    assert files(leave(archive, tmp_path / "two")) == before
    assert len(made) == 2
    assert files(leave(archive, tmp_path / "three")) == before
    assert len(made) == 2, "what was made again is kept"


def test_frames_of_what_passed_before_are_those_of_its_object(archive: Archive, tmp_path: Path) -> None:
    leave(archive, tmp_path / "one")
    for folder in archive.path.glob("cache/made/*/*.passed"):
        header = dcmread(folder / "clip.dcm", stop_before_pixels=True)
        count = int(header.get("NumberOfFrames") or 1)
        frames = clips.encode.EncodedFrames(folder / "clip.dcm", count)
        whole = pixel_array(folder / "clip.dcm")
        whole = whole if count > 1 else whole[None]
        for number in {1, (count + 1) // 2, count}:
            assert np.array_equal(frames.frame(number), whole[number - 1])


def test_a_dry_run_keeps_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.export([FULL], formats=["folder"], to=tmp_path / "out", dry_run=True)
    assert not list(archive.path.glob("cache/made/*/*.passed"))


def test_waiting_clips_are_refused_again_without_being_decoded(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive.deid import looking

    monkeypatch.setattr(looking.marks, "suspicious_text", lambda frame, area: (area.boxes[0],))
    for _ in range(2):
        with pytest.raises(ReviewNeeded):
            archive.export([FULL], formats=["folder"], to=tmp_path / "out")
        monkeypatch.setattr(clips, "_make", None)


def test_the_cache_forgets_what_nobody_asked_for(tmp_path: Path) -> None:
    import os

    cache = Cache(tmp_path)
    old = cache.made("ab" * 32, "old", lambda path: path.mkdir())
    new = cache.made("cd" * 32, "new", lambda path: path.write_bytes(b"1"))
    os.utime(old, (0, 0))
    cache.sweep()
    assert not old.exists() and new.exists()


def test_what_is_made_halfway_is_not_kept(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.mkdir()
        (path / "one").write_bytes(b"1")
        raise OSError(28, "No space left on device")

    cache = Cache(tmp_path)
    cache.try_made("ab" * 32, "folder", half)
    with pytest.raises(OSError, match="space"):
        cache.made("ab" * 32, "folder", half)
    assert not list((tmp_path / "ab").iterdir())


def test_two_who_make_the_same_folder_at_once_both_have_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def filled(path: Path) -> None:
        path.mkdir()
        (path / "one").write_bytes(b"1")

    def meanwhile(path: Path) -> None:
        filled(path)
        cache.made("ab" * 32, "folder", filled)

    made = cache.made("ab" * 32, "folder", meanwhile)
    assert [path.name for path in made.iterdir()] == ["one"] and list(made.parent.iterdir()) == [made]


def test_what_cannot_be_touched_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    made = cache.made("ab" * 32, "file", lambda path: path.write_bytes(b"1"))

    def read_only(*_args: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.utime", read_only)
    assert cache.there("ab" * 32, "file") == made and cache.there("cd" * 32, "file") is None


def test_exporting_again_says_what_changed(archive: Archive, tmp_path: Path) -> None:
    def told(**how: object) -> tuple[str, ...]:
        made = archive.export(["legs"], formats=["folder"], to=tmp_path / "out", **how)  # type: ignore[arg-type]
        return made.changes

    other = scan(tmp_path / "3.dcm", 3, regions=True)
    archive.ingest([case(tmp_path / "in", "other", other)], workers=0)
    archive.set_create("legs", cases=[FULL])
    assert told() == () and told() == ()
    archive.edit(FULL, {"title": "Another title"})
    assert told() == (f"{FULL}: its words or fields changed",)
    archive.review([f"{FULL}:M1"], "refuse")
    assert told() == (f"{FULL}: its words or fields changed", f"{FULL} M1: no longer in it")
    archive.set_add("legs", ["other"])
    assert told() == ("other: new",)
    archive.set_order("legs", ["other"])
    assert told() == ("the cases come in another order",)
    archive.set_remove("legs", [FULL])
    assert told() == (f"{FULL}: no longer in it",)
    assert "the rules or their options are others" in told(options=["no-dates"])


def test_what_was_searched_and_is_the_same_is_not_searched_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "clean.txt").write_text("a quiet day", "utf-8")
    (folder / "telling.txt").write_text("seen by Quillfeather", "utf-8")
    people = frozenset([Identifier("PatientName", "Quillfeather^Orsino")])
    for _ in range(2):  # what tells is found again
        assert {leak.file for leak in rereading.found(folder, people, cache)} == {"telling.txt"}
    (kept,) = tmp_path.glob("cache/*/*.clean")
    assert kept.read_text("ascii").split() == [hashlib.sha256(b"a quiet day").hexdigest()]
    (folder / "clean.txt").write_text("a quiet day of Orsino", "utf-8")
    assert {leak.file for leak in rereading.found(folder, people, cache)} == {"clean.txt", "telling.txt"}
    (folder / "clean.txt").write_text("a quiet day", "utf-8")
    (folder / "Quillfeather.txt").write_text("a quiet day", "utf-8")
    assert any("name of a file" in leak.place for leak in rereading.found(folder, people, cache)), (
        "names always"
    )
    others = people | {Identifier("PatientName", "Quiet^Day")}
    assert "clean.txt" in {leak.file for leak in rereading.found(folder, others, cache)}, (
        "other people, other search"
    )
    kept.write_bytes(b"\xff")
    assert rereading.found(folder, people, cache)


@pytest.mark.parametrize(
    "name", ["deid/clips.py", "deid/screen.toml", "film.py", "readers/_rle.py", "pixels.py"]
)
def test_another_program_keeps_what_passed_under_another_key(tmp_path: Path, name: str) -> None:
    package = tmp_path / "package"
    shutil.copytree(Path(sources.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    before = sources.digest_of(package)
    assert before == sources.digest(), "where it stands does not matter"
    with (package / name).open("a", encoding="utf-8") as file:
        file.write("\n# another program\n")
    assert sources.digest_of(package) != before


def test_what_passed_by_another_program_is_cleaned_again(
    archive: Archive, tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(archive, tmp_path / "one")
    made.clear()
    monkeypatch.setattr(sources, "digest", lambda: "another program")
    leave(archive, tmp_path / "two")
    assert len(made) == 2
