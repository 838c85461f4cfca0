"""Taking in: any mixture, one outcome a file, nothing lost, nothing done twice, nothing said too early."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unicodedata
import zipfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import helpers
import pytest

from casearchive import Archive, index
from casearchive.errors import Damaged
from casearchive.index import read
from casearchive.ingest import crew
from casearchive.ingest.crew import Crew
from casearchive.ingest.gather import Gathered, Task
from casearchive.ingest.records import Taken, archived
from casearchive.ingest.run import Summary, below
from casearchive.ingest.sources import Sources
from casearchive.model import Outcome

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def take(archive: Archive, *paths: Path, **more: object) -> tuple[Summary, dict[str, Outcome]]:
    """The summary and the outcomes by the last part of their path; every path is told once."""
    found: list[Outcome] = []
    summary = archive.ingest(paths, report=found.append, **{"workers": 0, **more})  # type: ignore[arg-type]
    assert len({o.path for o in found}) == len(found)
    total = summary.added + summary.known + summary.skipped + summary.failed
    assert total == len(found)
    for outcome in found:
        if outcome.outcome in ("skipped", "failed"):
            assert outcome.reason
            assert outcome.message
            assert "Traceback" not in outcome.message
    return summary, {o.path.replace("\\", "/").rpartition("/")[2]: o for o in found}


def words(outcomes: dict[str, Outcome]) -> dict[str, tuple[str, str | None]]:
    return {name: (o.outcome, o.reason) for name, o in outcomes.items()}


def sound(archive: Archive) -> bool:
    verdict = archive.verify(full=True)
    assert verdict.faults == ()
    return True


@POSIX
def test_with_link_the_archive_keeps_the_files_themselves_and_copies_what_it_must(
    archive: Archive, stick: Path
) -> None:
    helpers.dicom(stick / "IM1.dcm", seed=1)
    helpers.dicom(stick / "deep" / "IM2.dcm", seed=2)
    helpers.dicom(stick / "zipped.dcm", seed=3)
    helpers.zipped(stick / "disc.zip", {"zipped.dcm": (stick / "zipped.dcm").read_bytes()})
    (stick / "zipped.dcm").unlink()
    summary, outcomes = take(archive, stick, link=True)
    assert (summary.added, summary.linked) == (3, 2)
    held = archive.path / "objects" / outcomes["IM1.dcm"].sha256[:2] / outcomes["IM1.dcm"].sha256  # type: ignore[index]
    assert held.samefile(stick / "IM1.dcm")
    assert (archive.path / "ledger.jsonl").read_text("utf-8").count('"linked":true') == 2
    assert sound(archive)
    again, _ = take(archive, stick, link=True)
    assert (again.added, again.known, again.linked) == (0, 3, 0)


# ------------------------------------------------------------------------------------------ any mixture


def test_any_mixture_is_taken_and_nothing_is_taken_twice(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "IM1.dcm", seed=1)
    helpers.dicom(stick / "IM2", seed=2)
    helpers.dicom(stick / "RAW", seed=3, preamble=False)
    helpers.picture(stick / "photo.png", seed=4)
    helpers.picture(stick / "deep" / "photo.jpg", seed=5, form="JPEG")
    helpers.movie(stick / "loop.mp4")
    (stick / "README.txt").write_text("hello")
    (stick / ".DS_Store").write_bytes(b"x")
    (stick / "report.docx").write_bytes(b"")
    helpers.zipped(stick / "report.docx", {"word/media/image1.png": (stick / "photo.png").read_bytes()})
    originals = helpers.tree(stick)
    summary, found = take(archive, stick)
    assert words(found) == {
        "IM1.dcm": ("added", None),
        "IM2": ("added", None),
        "RAW": ("added", None),
        "photo.png": ("added", None),
        "photo.jpg": ("added", None),
        "loop.mp4": ("added", None),
        "README.txt": ("skipped", "not-an-image"),
        ".DS_Store": ("skipped", "ignored"),
        "report.docx": ("skipped", "not-an-image"),
    }
    assert {o.kind for o in found.values() if o.outcome == "added"} == {"dicom", "image", "clip"}
    assert helpers.tree(stick) == originals
    for outcome in found.values():
        if outcome.outcome == "added":
            held = archive.path / "objects" / str(outcome.sha256)[:2] / str(outcome.sha256)
            assert hashlib.sha256(held.read_bytes()).hexdigest() == outcome.sha256
    ledger, dump = (archive.path / "ledger.jsonl").read_bytes(), list(archive.dump())
    for more in ({}, {"rehash": True}):
        again, _ = take(archive, stick, **more)
        assert (again.added, again.known, again.failed) == (0, summary.added, 0)
    assert (archive.path / "ledger.jsonl").read_bytes() == ledger
    assert list(archive.dump()) == dump
    assert sound(archive)


def test_real_workers_come_to_the_same_as_none(archive: Archive, stick: Path, tmp_path: Path) -> None:
    for seed in range(1, 6):
        helpers.dicom(stick / f"IM{seed}", seed=seed, frames=2)
    shutil.copy(stick / "IM1", stick / "IM1-again")
    (stick / "broken.dcm").write_bytes((stick / "IM2").read_bytes()[:900])
    helpers.case_folder(stick / "tear")
    other = Archive.create(tmp_path / "other")
    one, ones = take(archive, stick)
    two, twos = take(other, stick, workers=2)
    assert ones == twos
    assert (one.added, one.known, one.failed) == (two.added, two.known, two.failed) == (7, 1, 1)
    assert [h.sha256 for h in archive.list()] == [h.sha256 for h in other.list()]


def test_bad_files_get_one_clear_line_each_and_the_good_ones_are_taken(archive: Archive, stick: Path) -> None:
    whole = helpers.dicom(stick / "good.dcm", seed=1, frames=3).read_bytes()
    (stick / "empty.dcm").write_bytes(b"")
    (stick / "cut.dcm").write_bytes(whole[:-2000])
    (stick / "text.dcm").write_text("Dear colleague, enclosed please find nothing.")
    helpers.picture(stick / "really-tiff.bmp", seed=7, form="TIFF")
    helpers.movie(stick / "movie.mp4")
    (stick / "movie.mp4").rename(stick / "really-mp4.avi")
    (stick / "double.dcm").write_bytes(whole)
    helpers.dicom(stick / "same-uid.dcm", seed=9, uid="1.2.826.0.1.3680043.8.498.1.3")
    (stick / "nested.dcm").write_bytes(whole[:132] + b"\xfe\xff\x00\xe0" * 4000)
    summary, found = take(archive, stick)
    said = words(found)
    assert said["good.dcm"][0] in ("added", "known")
    assert said["double.dcm"][0] in ("added", "known")
    assert said["good.dcm"] != said["double.dcm"]
    assert said["empty.dcm"] == ("failed", "empty")
    assert said["cut.dcm"] == ("added", None)
    assert any("the file ends early" in n for o in found.values() for n in o.notes)
    assert said["text.dcm"] == ("failed", "not-an-image")
    assert said["really-tiff.bmp"] == said["really-mp4.avi"] == ("added", None)
    assert said["nested.dcm"][0] == "failed"
    assert said["same-uid.dcm"][0] == "added"
    notes = [n for o in found.values() for n in o.notes if n.startswith("same-uid")]
    assert len(notes) == 2  # the cut copy has the UID of the whole one as well
    assert summary.failed == 3
    assert sound(archive)


@POSIX
def test_pipes_sockets_devices_and_links_are_passed_by(archive: Archive, stick: Path, tmp_path: Path) -> None:
    helpers.dicom(tmp_path / "elsewhere.dcm", seed=2)
    helpers.dicom(stick / "good.dcm", seed=1)
    os.mkfifo(stick / "pipe.dcm")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(stick)  # names of sockets are short
        listener.bind("socket.dcm")
    finally:
        os.chdir(here)
        listener.close()
    (stick / "link.dcm").symlink_to(tmp_path / "elsewhere.dcm")
    (stick / "round").symlink_to(stick / "round")
    (stick / "up").symlink_to(stick)
    (stick / "nowhere").symlink_to(stick / "missing")
    os.mkfifo(stick / "case.toml")
    _, found = take(archive, stick, Path("/dev/zero"), stick / "vanished.dcm")
    assert words(found) == {
        "good.dcm": ("added", None),
        "pipe.dcm": ("skipped", "special-file"),
        "socket.dcm": ("skipped", "special-file"),
        "case.toml": ("skipped", "special-file"),
        "zero": ("skipped", "special-file"),
        "link.dcm": ("skipped", "link"),
        "round": ("skipped", "link"),
        "up": ("skipped", "link"),
        "nowhere": ("skipped", "link"),
        "vanished.dcm": ("failed", "unreadable"),
    }


@POSIX
def test_odd_names_are_shown_escaped_and_taken(archive: Archive, stick: Path) -> None:
    for number, name in enumerate((b"a\nb.dcm", b"\x1b[31mred.dcm", b"caf\xe9.dcm", "Größe.dcm".encode()), 1):
        target = os.fsdecode(os.path.join(os.fsencode(stick), name))
        helpers.dicom(Path(target), seed=number)
    summary, found = take(archive, stick)
    assert summary.added == 4
    assert all(o.path.isprintable() for o in found.values())
    assert all(h.name.isprintable() for h in archive.list())
    assert take(archive, stick)[0].known == 4
    assert sound(archive)


def test_what_is_known_by_place_size_and_time_is_not_even_opened(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers.dicom(stick / "a.dcm", seed=1)
    with zipfile.ZipFile(stick / "b.zip", "w") as packed:
        packed.writestr("note.txt", "no picture")
    first, _ = take(archive, stick)
    opened: list[str] = []
    finding = sys.modules["casearchive.ingest.find"]
    is_zip = finding._is_zip

    def told(path: Path) -> bool:
        opened.extend([path.name] if path.parent == stick else [])
        return is_zip(path)

    monkeypatch.setattr(finding, "_is_zip", told)
    again, _ = take(archive, stick)
    assert (first.added, again.known, opened) == (1, 1, ["b.zip"])
    state = (stick / "a.dcm").stat()
    (stick / "a.dcm").write_bytes((stick / "b.zip").read_bytes().ljust(state.st_size, b"\0"))
    os.utime(stick / "a.dcm", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    take(archive, stick)
    assert opened == ["b.zip", "a.dcm", "b.zip"], "another time: another file"


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read_is_said_and_the_rest_is_taken(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "good.dcm")
    helpers.dicom(stick / "secret.dcm", seed=2).chmod(0)
    (stick / "closed").mkdir(mode=0)
    (stick / "listed").mkdir()
    helpers.case_folder(stick / "listed").chmod(0o400)
    try:
        _, found = take(archive, stick)
    finally:
        for name in ("closed", "listed"):
            (stick / name).chmod(0o700)
    said = words(found)
    assert said["good.dcm"] == ("added", None)
    assert said["secret.dcm"] == said["closed"] == ("failed", "unreadable")


def test_a_file_that_vanishes_between_finding_and_reading_is_one_line(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive.ingest import run as room

    helpers.dicom(stick / "good.dcm", seed=1)
    helpers.dicom(stick / "going.dcm", seed=2)
    honest = room._state

    def vanishing(found: object) -> object:
        state = honest(found)  # type: ignore[arg-type]
        if found.name == "going.dcm":  # type: ignore[attr-defined]
            found.path.unlink()  # type: ignore[attr-defined]
        return state

    monkeypatch.setattr(room, "_state", vanishing)
    _, found = take(archive, stick)
    assert words(found) == {"good.dcm": ("added", None), "going.dcm": ("failed", "unreadable")}


def test_folders_nested_without_end_end(archive: Archive, stick: Path) -> None:
    deep = stick.joinpath(*["d"] * 150)
    deep.mkdir(parents=True)
    helpers.dicom(stick / "good.dcm")
    found: list[Outcome] = []
    archive.ingest([stick], workers=0, report=found.append)
    assert [(o.outcome, o.reason) for o in found] == [("failed", "unreadable"), ("added", None)]


def test_the_archive_does_not_swallow_itself(archive: Archive, tmp_path: Path) -> None:
    helpers.dicom(tmp_path / "IM1")
    _, found = take(archive, tmp_path)
    assert words(found) == {"IM1": ("added", None), "archive": ("skipped", "part-of-archive")}


# ------------------------------------------------------------------------------------------------- zips


@POSIX
def test_what_the_archive_keeps_of_its_own_is_never_taken(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "IM1.dcm", seed=1)
    take(archive, stick)
    (stick / "way").symlink_to(archive.path)
    (thumbnail,) = archive.path.glob("cache/*/*.thumbnail.jpg")
    before = (archive.path / "ledger.jsonl").read_bytes()
    for place in (archive.path / "cache", thumbnail, archive.path / "objects", stick / "way" / "cache"):
        _, outcomes = take(archive, place)
        assert {o.reason for o in outcomes.values()} == {"part-of-archive"}
    assert (archive.path / "ledger.jsonl").read_bytes() == before


def test_another_archive_in_a_folder_is_left_alone_with_a_word(
    archive: Archive, stick: Path, tmp_path: Path
) -> None:
    other = Archive.create(stick / "old-archive")
    helpers.dicom(tmp_path / "x.dcm")
    other.ingest([tmp_path / "x.dcm"], workers=0)
    summary, told = take(archive, stick)
    assert (summary.added, summary.skipped) == (0, 1)
    assert told["old-archive"].reason == "part-of-archive"
    assert "export" in told["old-archive"].message


def test_an_empty_zip_and_a_link_to_nothing_have_their_line_too(archive: Archive, stick: Path) -> None:
    helpers.zipped(stick / "empty.zip", {})
    (stick / "gone.dcm").symlink_to(stick / "nowhere.dcm")
    _, told = take(archive, stick)
    assert (told["empty.zip"].outcome, told["empty.zip"].reason) == ("skipped", "empty")
    assert "not there" in told["gone.dcm"].message


def test_the_index_of_a_disc_stands_for_its_disc(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "IMAGES" / "IM1")
    helpers.dicomdir(stick / "DICOMDIR", ("IMAGES", "IM1"), ("IMAGES", "IM2"))
    summary, told = take(archive, stick / "DICOMDIR")
    assert summary.added == 1
    assert told["IM2"].reason == "missing-on-medium"


def test_a_case_of_two_patients_is_doubted_and_nothing_is_guessed_of_them(
    archive: Archive, stick: Path
) -> None:
    helpers.dicom(stick / "a.dcm", seed=1, PatientID="A-1", PatientAge="034Y")
    helpers.dicom(stick / "b.dcm", seed=2, PatientID="B-2", PatientAge="065Y")
    take(archive, stick, case="mixed")
    (linted,) = archive.lint(["mixed"])
    (doubt,) = [p for p in linted.problems if p.level == "doubt"]
    assert "2 patients" in doubt.message
    assert "A-1" not in doubt.message
    shown = archive.show("mixed")
    assert shown.case.patient.age == ""  # type: ignore[union-attr]
    assert shown.case.patient.sex == "F"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("prefix", "shown", "separator"),
    [
        ("D:\\stick\\", "D:\\stick\\clips\\a.dcm", "\\"),
        ("D:\\s.zip!", "D:\\s.zip!clips/a.dcm", "\\"),
        ("/stick/", "/stick/clips/a.dcm", "/"),
    ],
)
def test_a_record_names_files_in_folders_in_one_way_on_every_system(
    prefix: str, shown: str, separator: str
) -> None:
    assert below(prefix, shown, separator) == "clips/a.dcm"


def test_a_zip_gives_its_members_and_refuses_what_is_unsafe(
    archive: Archive, stick: Path, tmp_path: Path
) -> None:
    image = helpers.dicom(tmp_path / "a", seed=1).read_bytes()
    inner = helpers.zipped(tmp_path / "inner.zip", {"IM": image}).read_bytes()
    members = {"IM1": image, "../up.dcm": image, "/root.dcm": image, "C:\\win.dcm": image, "in.zip": inner}
    members["__MACOSX/._IM1"] = b"x"
    helpers.zipped(stick / "disc.zip", members)
    with zipfile.ZipFile(stick / "disc.zip", "a") as out:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = 0o120777 << 16
        out.writestr(link, "/etc/passwd")
    found: list[Outcome] = []
    archive.ingest([stick], workers=0, report=found.append)
    said = {o.path.partition("!")[2]: (o.outcome, o.reason) for o in found}
    assert said == {
        "IM1": ("added", None),
        "../up.dcm": ("failed", "unsafe-name"),
        "/root.dcm": ("failed", "unsafe-name"),
        "C:/win.dcm": ("failed", "unsafe-name"),
        "in.zip": ("failed", "archive-refused"),
        "__MACOSX/._IM1": ("skipped", "ignored"),
        "link.dcm": ("skipped", "link"),
    }
    assert list((archive.path / "tmp").iterdir()) == []


def test_encrypted_damaged_and_exploding_zips_are_refused(
    archive: Archive, stick: Path, tmp_path: Path
) -> None:
    image = helpers.dicom(tmp_path / "a", seed=1).read_bytes()
    locked = bytearray(helpers.zipped(stick / "locked.zip", {"IM1": image}).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(mark) + offset] |= 1
    (stick / "locked.zip").write_bytes(locked)
    whole = helpers.zipped(stick / "broken.zip", {"IM1": image}).read_bytes()
    (stick / "broken.zip").write_bytes(whole[:60] + b"\xff" * 40 + whole[100:])
    (stick / "cut.zip").write_bytes(whole[: len(whole) // 2])
    helpers.zipped(stick / "bomb.zip", {"zeros.dcm": b"\0" * (70 << 20)})
    helpers.dicom(stick / "good.dcm", seed=2)
    _, found = take(archive, stick)
    assert words(found) == {
        "locked.zip!IM1": ("failed", "archive-refused"),
        "broken.zip!IM1": ("failed", "archive-refused"),
        "cut.zip": ("failed", "archive-refused"),
        "bomb.zip": ("failed", "archive-refused"),
        "good.dcm": ("added", None),
    }
    assert list((archive.path / "tmp").iterdir()) == []


def test_a_case_folder_in_a_zip_becomes_a_case(archive: Archive, stick: Path, tmp_path: Path) -> None:
    folder = helpers.case_folder(tmp_path / "x")
    members = {f"thigh-tear/{p.name}": p.read_bytes() for p in folder.iterdir()}
    helpers.zipped(stick / "mail.zip", members)
    summary, _ = take(archive, stick)
    assert (summary.failed, summary.cases) == (0, 1)
    assert (archive.path / "cases" / "thigh-tear.toml").is_file()


# ------------------------------------------------------------------------------------------------- discs


def _disc(folder: Path) -> None:
    helpers.dicom(folder / "IMAGES" / "im1", seed=1)
    helpers.dicom(folder / "IMAGES" / "IM2.dcm", seed=2)
    named = [("IMAGES", "IM1"), ("IMAGES", "IM2"), ("IMAGES", "IM3"), ("..", "..", "etc", "passwd")]
    helpers.dicomdir(folder / "DICOMDIR", *named)


def test_a_disc_tells_what_is_missing_and_never_leaves_its_folder(archive: Archive, stick: Path) -> None:
    _disc(stick)
    summary, found = take(archive, stick)
    assert words(found) == {
        "DICOMDIR": ("skipped", "dicomdir"),
        "im1": ("added", None),
        "IM2.dcm": ("added", None),
        "IM3": ("failed", "missing-on-medium"),
        "passwd": ("failed", "unsafe-name"),
    }
    assert summary.failed == 2


def test_a_disc_in_a_zip_tells_it_too(archive: Archive, stick: Path, tmp_path: Path) -> None:
    _disc(tmp_path / "disc")
    files = [p for p in (tmp_path / "disc").rglob("*") if p.is_file()]
    helpers.zipped(
        stick / "d.zip", {p.relative_to(tmp_path / "disc").as_posix(): p.read_bytes() for p in files}
    )
    _, found = take(archive, stick)
    assert {(o.outcome, o.reason) for o in found.values()} == {
        ("skipped", "dicomdir"), ("added", None), ("failed", "missing-on-medium"), ("failed", "unsafe-name"),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------ case folders


def test_a_case_folder_becomes_a_record_that_keeps_its_authors_comments(
    archive: Archive, stick: Path
) -> None:
    helpers.case_folder(stick / "Thigh Tear")
    summary, found = take(archive, stick)
    assert (summary.added, summary.cases) == (2, 1)
    assert found["case.toml"].case == "thigh-tear"
    text = archive.record_text("thigh-tear")
    assert "# A remark of the author that must survive." in text
    assert "# and one beside it" in text
    assert str(found["loop.dcm"].sha256) in text
    assert 'file = "loop.dcm"' not in text
    assert archive.list()[0].case == "thigh-tear"


BAD = {
    "syntax": ('title  = "Partial', "title  = Partial", ":2:"),
    "key": ("status =", "statos =", "status"),
    "value": ('side = "right"', 'side = "rihgt"', "side"),
    "frame": ("frames = [1, 2]", "frames = [1, 9]", "finding[1].evidence[1].frames"),
    "point": ("[9, 9]]", "[900, 9]]", "finding[1].evidence[1]"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_case_file_with_an_error_is_refused_and_its_clips_are_kept(
    archive: Archive, stick: Path, kind: str
) -> None:
    old, new, named = BAD[kind]
    folder = helpers.case_folder(stick / "tear", text=helpers.RECORD.replace(old, new))
    _, found = take(archive, stick)
    assert words(found) == {"loop.dcm": ("added", None), "case.toml": ("failed", "record-invalid")}
    message = found["case.toml"].message
    assert "case.toml:" in message
    assert named in message
    assert not (archive.path / "cases" / "tear.toml").exists()
    (folder / "case.toml").write_text(helpers.RECORD, "utf-8")
    _, found = take(archive, stick)
    assert words(found) == {"loop.dcm": ("known", None), "case.toml": ("added", None)}
    assert sound(archive)


@pytest.mark.parametrize("content", [b"\xff\xfe\0t", b"#" * (2 << 20)])
def test_a_case_file_that_is_none_is_refused(archive: Archive, stick: Path, content: bytes) -> None:
    helpers.case_folder(stick / "tear")
    (stick / "tear" / "case.toml").write_bytes(content)
    _, found = take(archive, stick)
    assert words(found) == {"loop.dcm": ("added", None), "case.toml": ("failed", "record-invalid")}


@pytest.mark.parametrize("line", ['file = "other.dcm"', 'sha256 = "' + "ab" * 32 + '"'])
def test_a_case_that_names_what_is_not_there_is_refused(archive: Archive, stick: Path, line: str) -> None:
    helpers.case_folder(stick / "tear", text=helpers.RECORD.replace('file = "loop.dcm"', line))
    _, found = take(archive, stick)
    assert words(found) == {"loop.dcm": ("added", None), "case.toml": ("failed", "media-missing")}


def test_a_changed_case_file_brings_the_record_up_to_date(archive: Archive, stick: Path) -> None:
    folder = helpers.case_folder(stick / "tear")
    take(archive, stick)
    (folder / "case.toml").write_text(helpers.RECORD.replace("Partial tear", "Small tear"), "utf-8")
    summary, found = take(archive, stick)
    assert (words(found)["case.toml"], summary.cases) == (("added", None), 1)
    assert "Small tear" in archive.record_text("tear")
    assert sound(archive)


def test_what_was_edited_in_the_archive_is_never_overwritten(archive: Archive, stick: Path) -> None:
    folder = helpers.case_folder(stick / "tear")
    take(archive, stick)
    archive.edit("tear", {"status": "held"})
    edited = archive.record_text("tear")
    assert words(take(archive, stick)[1])["case.toml"] == ("known", None)
    (folder / "case.toml").write_text(helpers.RECORD.replace("Partial tear", "Small tear"), "utf-8")
    assert words(take(archive, stick)[1])["case.toml"] == ("failed", "record-conflict")
    assert archive.record_text("tear") == edited


def test_two_cases_in_folders_of_one_name_do_not_overwrite_each_other(archive: Archive, stick: Path) -> None:
    helpers.case_folder(stick / "one" / "tear", seed=1)
    helpers.case_folder(
        stick / "two" / "tear", seed=2, text=helpers.RECORD.replace("Partial tear", "Other tear")
    )
    found: list[Outcome] = []
    archive.ingest([stick], workers=0, report=found.append)
    assert [(o.outcome, o.reason) for o in found if o.kind == "case"] == [
        ("added", None), ("failed", "record-conflict"),
    ]  # fmt: skip
    assert "Partial tear" in archive.record_text("tear")


def test_files_can_be_put_into_a_case_that_is_made_from_their_headers(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "IM1", seed=1)
    take(archive, stick, case="knee")
    text = archive.record_text("knee")
    assert archive.show("knee").case.status == "draft"  # type: ignore[union-attr]
    assert "34 Y" in text
    assert not any(word in text for word in ("Quillfeather", helpers.NUMBER, "1962"))
    helpers.dicom(stick / "IM2", seed=2)
    take(archive, stick, case="knee")
    assert archive.record_text("knee").count("sha256") == 2
    before = archive.record_text("knee")
    take(archive, stick, case="knee")
    assert archive.record_text("knee") == before
    assert sound(archive)


# ------------------------------------------------------------------------------------- order and trust


def test_a_dry_run_changes_nothing_at_all(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "IM1", seed=1)
    take(archive, stick)
    helpers.dicom(stick / "IM2", seed=2)
    shutil.copy(stick / "IM2", stick / "IM2-again")
    helpers.case_folder(stick / "tear")
    files = {k: v for k, v in helpers.tree(archive.path).items() if v[2] or not (archive.path / k).is_dir()}
    summary, found = take(archive, stick, dry_run=True)
    after = {k: v for k, v in helpers.tree(archive.path).items() if v[2] or not (archive.path / k).is_dir()}
    assert {k: (v[0], v[2]) for k, v in after.items()} == {k: (v[0], v[2]) for k, v in files.items()}
    assert set(helpers.tree(archive.path)) >= set(files)
    assert words(found)["case.toml"] == ("added", None)
    real, _ = take(archive, stick)
    assert (real.added, real.known, real.failed) == (summary.added, summary.known, summary.failed)


def test_a_file_is_reported_only_when_it_is_durable(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    real_sync, real_commit = os.fsync, index.transaction
    monkeypatch.setattr(os, "fsync", lambda fd: (did.append("fsync"), real_sync(fd))[1])

    @contextlib.contextmanager
    def transaction(connection: object) -> Iterable[None]:  # type: ignore[misc]
        with real_commit(connection):  # type: ignore[arg-type]
            yield
        did.append("commit")

    monkeypatch.setattr(index, "transaction", transaction)
    helpers.dicom(stick / "IM1", seed=1)
    helpers.dicom(stick / "IM2", seed=2)

    def report(outcome: Outcome) -> None:
        did.append("report")
        assert outcome.sha256 in {h.sha256 for h in archive.list()}
        assert str(outcome.sha256) in (archive.path / "ledger.jsonl").read_text()

    archive.ingest([stick], workers=0, report=report)
    assert did[-3:] == ["commit", "report", "report"]
    assert did.count("fsync") >= 5
    assert did.index("fsync") < did.index("commit") < did.index("report")


def test_everything_is_private_whatever_the_umask(tmp_path: Path, stick: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("permissions of POSIX")
    before = os.umask(0)
    try:
        archive = Archive.create(tmp_path / "open")
        helpers.case_folder(stick / "tear")
        take(archive, stick)
        archive.set_create("thigh", cases=["tear"])
        archive.reindex(workers=0)
    finally:
        os.umask(before)
    for path in (archive.path, *archive.path.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_missing_index_is_not_quietly_replaced_by_an_empty_one(archive: Archive, stick: Path) -> None:
    helpers.dicom(stick / "IM1", seed=1)
    take(archive, stick)
    (archive.path / "index.db").unlink()
    with pytest.raises(Damaged, match="index is missing"):
        take(archive, stick)
    assert not (archive.path / "index.db").exists()


# ------------------------------------------------------------------------------------------ the workers


def _child(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def hire() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )

    monkeypatch.setattr(crew, "_hire", hire)


def _ask(patience: float = 30.0) -> Gathered:
    workers = Crew(1, patience)
    try:
        workers.submit(Task(Path("nowhere"), Path("file")))
        return workers.next()
    finally:
        workers.close()


def test_a_worker_that_dies_costs_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    _child(monkeypatch, "import os, sys; sys.stdin.buffer.read(9); os.kill(os.getpid(), 9)")
    assert _ask().reason == "damaged"


def test_a_worker_that_hangs_is_ended_when_patience_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _child(monkeypatch, "import threading; threading.Event().wait()")
    assert _ask(0.3).reason == "timed-out"


def test_where_no_worker_can_be_had_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def hire() -> subprocess.Popen[bytes]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(crew, "_hire", hire)
    assert _ask().reason == "internal-error"


def test_a_worker_killed_in_between_is_replaced(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hired: list[subprocess.Popen[bytes]] = []
    honest = crew._hire

    def hire() -> subprocess.Popen[bytes]:
        hired.append(honest())
        if len(hired) == 1:
            hired[0].kill()
        return hired[-1]

    monkeypatch.setattr(crew, "_hire", hire)
    for seed in range(1, 5):
        helpers.dicom(stick / f"IM{seed}", seed=seed)
    summary, _ = take(archive, stick, workers=1)
    assert (summary.added, summary.failed) == (3, 1)
    assert take(archive, stick)[0].added == 1
    assert sound(archive)


# --------------------------------------------------------------------------------------- cut off, or two


def _start(archive: Archive, stick: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "casearchive", "--archive", str(archive.path), "ingest", str(stick)]
    return subprocess.Popen(
        [*command, "--workers", "1", "--report", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _until(archive: Archive, objects: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the running ingest has stored so many originals (or is done)."""
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        if sum(len(files) for _, _, files in os.walk(archive.path / "objects")) >= objects:
            return


@POSIX
@pytest.mark.parametrize("moment", [1, 8])
def test_killed_at_any_moment_the_next_run_completes_the_union(
    archive: Archive, stick: Path, moment: int
) -> None:
    for seed in range(1, 25):
        helpers.dicom(stick / f"IM{seed:02}", seed=seed)
    helpers.case_folder(stick / "tear", seed=60)
    process = _start(archive, stick)
    _until(archive, moment, process)
    process.kill()
    process.communicate()
    summary, _ = take(archive, stick)
    assert summary.failed == 0
    assert len(archive.list()) == 25
    dump = list(archive.dump())
    assert sound(archive)
    archive.reindex(workers=0)
    assert list(archive.dump()) == dump


@pytest.mark.parametrize("place", ["ledger", "index", "record"])
def test_cut_off_between_two_steps_the_next_run_makes_it_whole(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The same as a crash at exactly this point: the step after it never happens."""
    from casearchive.ingest import run as room
    from casearchive.ledger import Ledger

    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    helpers.dicom(stick / "IM1", seed=1)
    folder = helpers.case_folder(stick / "tear")
    with monkeypatch.context() as patch:
        if place == "ledger":
            patch.setattr(Ledger, "append", crash)
        elif place == "index":
            patch.setattr(room.write, "add_instances", crash)
        else:
            patch.setattr(room._Run, "_note_case", crash)
        with pytest.raises(Crash):
            take(archive, stick)
    take(archive, stick)
    assert len(archive.list()) == 2
    assert archive.record_text("tear")
    assert sound(archive)
    dump = list(archive.dump())
    archive.reindex(workers=0)
    assert list(archive.dump()) == dump
    (folder / "case.toml").write_text(helpers.RECORD.replace("Partial", "Small"), "utf-8")
    assert words(take(archive, stick)[1])["case.toml"] == ("added", None)


def test_no_line_tells_of_bytes_whose_name_is_not_on_the_disk(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive.ledger import Event, Ledger
    from casearchive.stores.folder import FolderStore

    confirmed: set[str] = set()
    early: list[str] = []
    confirm, append = FolderStore.confirm, Ledger.append

    def noted(store: FolderStore, *hashes: str) -> None:
        confirm(store, *hashes)
        confirmed.update(hashes)

    def appended(ledger: Ledger, lines: Iterable[Any]) -> tuple[Event, ...]:
        lines = list(lines)
        early.extend(s for event, s, _ in lines if event == "ingested" and s not in confirmed)
        return append(ledger, lines)

    monkeypatch.setattr(FolderStore, "confirm", noted)
    monkeypatch.setattr(Ledger, "append", appended)
    for seed in range(5):
        helpers.dicom(stick / f"IM{seed}", seed=seed)
    take(archive, stick)
    assert len(confirmed) == 5
    assert early == []


@POSIX
def test_interrupted_it_ends_with_130_and_the_archive_is_consistent(archive: Archive, stick: Path) -> None:
    for seed in range(1, 120):
        helpers.dicom(stick / f"IM{seed:03}", seed=seed)
    # tests that were started in the background ignore Ctrl-C, and so would what they start
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = _start(archive, stick)
    finally:
        signal.signal(signal.SIGINT, before)
    _until(archive, 3, process)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=30)
    assert process.returncode == 130, talk
    assert b"Traceback" not in talk
    assert sound(archive)
    assert 0 < len(archive.list()) < 119
    assert take(archive, stick, workers=1)[0].failed == 0
    assert len(archive.list()) == 119


def test_two_writers_at_once_end_with_the_union(archive: Archive, stick: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for seed in range(1, 9):
        helpers.dicom((stick if seed % 2 else other) / f"IM{seed}", seed=seed)
    running = [_start(archive, folder) for folder in (stick, other)]
    talk = [p.communicate(timeout=60)[1] for p in running]
    assert [p.returncode for p in running] == [0, 0], talk
    assert len(archive.list()) == 8
    assert sound(archive)


def test_the_index_of_a_disc_never_makes_pydicom_speak(
    archive: Archive, stick: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    helpers.dicomdir(stick / "DICOMDIR", ("Quillfeather^Orsino and much more than sixteen characters",))
    capfd.readouterr()
    _, found = take(archive, stick)
    assert {o.reason for o in found.values()} == {"dicomdir", "missing-on-medium"}
    assert capfd.readouterr() == ("", "")


def test_a_long_run_opens_the_index_anew_now_and_then_and_loses_nothing(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import casearchive.index
    import casearchive.ingest.run

    opened: list[Path] = []
    real = casearchive.index.writing

    def writing(path: Path, *, create: bool = False) -> AbstractContextManager[sqlite3.Connection]:
        opened.append(path)
        return real(path, create=create)

    monkeypatch.setattr(casearchive.index, "writing", writing)
    monkeypatch.setattr(casearchive.index, "_RENEWED", 1)
    monkeypatch.setattr(casearchive.ingest.run, "_BATCH", 2)
    for number in range(9):
        helpers.dicom(stick / f"IM{number}.dcm", seed=number)
    summary, _ = take(archive, stick)
    assert summary.added == 9
    assert len(opened) > 4, "once for every two files"
    assert sound(archive)
    again, _ = take(archive, stick)
    assert (again.added, again.known) == (0, 9)


def test_whoever_goes_through_folders_asks_once_for_each(archive: Archive, stick: Path) -> None:
    """A question a file was a third of what it took to find that a tree of small folders is unchanged."""
    files = [stick / f"S{folder}" / f"IM{number}.dcm" for folder in range(4) for number in range(9)]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        helpers.dicom(path, seed=files.index(path))
    take(archive, stick)
    with index.reading(archive.path / "index.db") as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        sources = Sources(connection)
        assert all(sources.same(path, path.stat()) for path in files)
    assert len(asked) == (Sources._FEW - 1) + 4, "the first few by themselves, then a folder at a time"


def test_a_folder_between_others_is_asked_for_once(
    archive: Archive, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All below it is looked through for that."""
    around = [stick / f"IM{number}.dcm" for number in range(4)]
    files = [path for each in around for path in (each, each.with_suffix("") / "IM.dcm")]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        helpers.dicom(path, seed=files.index(path))
    take(archive, stick)
    monkeypatch.setattr(Sources, "_FEW", 1)
    monkeypatch.setattr(Sources, "_FOLDERS", 2)
    with index.reading(archive.path / "index.db") as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        sources = Sources(connection)
        assert all(sources.same(path, path.stat()) for path in files)
    assert len(asked) == 1 + len(around)


def test_what_is_asked_for_each_file_finds_it_by_an_index(archive: Archive, stick: Path) -> None:
    """What the ledger says of a file was looked for in all its lines: an ingest of 50,000 files became half as fast on
    its way."""
    helpers.dicom(stick / "IM1", seed=1)
    take(archive, stick)
    asked: list[str] = []
    with index.reading(archive.path / "index.db") as connection:
        connection.set_trace_callback(asked.append)
        (held,) = archive.list()
        assert [e.event for e in read.events(connection, subject=held.sha256)] == ["ingested"]
        assert len(read.events(connection)) > 1
        read.others_with_uid(connection, "1.2.3", held.sha256)
        read.known(connection, held.sha256)
        read.kind_and_uid(connection, held.sha256)
        read.known_source(connection, "/somewhere")
        connection.set_trace_callback(None)
        of_one = [sql for sql in asked if "position DESC LIMIT" not in sql or "subject = " in sql]
        plans = [row[3] for sql in of_one for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert len(of_one) == 5
    assert not [line for line in plans if line.startswith("SCAN") and "CONSTANT ROW" not in line]


def test_a_record_may_write_its_accents_apart_from_how_a_file_has_them() -> None:
    """macOS takes them apart in names of files, editors put them together in words."""
    composed, apart = (unicodedata.normalize(form, "Köln.dcm") for form in ("NFC", "NFD"))
    assert composed != apart
    taken = Taken("a" * 64, composed, 1, 8, 8)
    text = f'title = "One"\n[[media]]\nid = "M1"\nfile = "{apart}"\n'
    case, stored = archived(text, slug="one", file="case.toml", taken={composed: taken})
    assert [media.sha256 for media in case.media] == ["a" * 64]
    assert apart not in stored
