"""Whom a pseudonym stands for: this archive alone can tell, and its ledger says that it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import NAME, NUMBER
from pydicom import dcmread
from test_review import case, scan, take

from casearchive import Archive
from casearchive.cli import cli
from casearchive.errors import NotFound, UsageError


@pytest.fixture
def left(tmp_path: Path) -> tuple[Archive, Path]:
    """An archive of one case with two clips of one patient, and where they went."""
    archive = Archive.create(tmp_path / "archive")
    files = [scan(tmp_path / f"{n}.dcm", n, regions=True) for n in (1, 2)]
    take(archive, case(tmp_path / "in", "calf", *files))
    archive.set_create("legs", cases=["calf"])
    archive.set_create("arms", cases=["calf"])
    archive.export(["legs"], formats=["folder"], to=tmp_path / "out")
    return archive, tmp_path / "out" / "legs"


def test_the_archive_tells_the_patient_the_study_and_the_file(left: tuple[Archive, Path]) -> None:
    archive, out = left
    (path,) = out.rglob("M1.dcm")
    header = dcmread(path)
    found = archive.who(str(header.PatientID))
    assert {(k.what, k.case, k.media) for k in found} == {
        ("patient", "calf", "M1"),
        ("patient", "calf", "M2"),
    }
    assert dict(found[0].identity)["PatientName"] == NAME and dict(found[0].identity)["PatientID"] == NUMBER
    (study,) = archive.who(header.StudyInstanceUID)
    assert (study.what, study.media) == ("study", "M1")
    (instance,) = archive.who(header.SOPInstanceUID)
    assert (instance.what, instance.set) == ("instance", "legs")


def test_the_ledger_says_who_was_asked_about_also_without_an_answer(left: tuple[Archive, Path]) -> None:
    archive, out = left
    (path,) = out.rglob("M1.dcm")
    pseudonym = str(dcmread(path).PatientID)
    archive.who(pseudonym.lower())
    with pytest.raises(NotFound, match="nothing that this archive exported"):
        archive.who("CA-AAAAAAAAAAAAAAAA")
    asked = [(e.subject, e.details["clips"]) for e in archive.log() if e.event == "asked-who"]
    assert asked == [(pseudonym, 2), ("CA-AAAAAAAAAAAAAAAA", 0)]
    assert NUMBER not in (archive.path / "ledger.jsonl").read_text("utf-8")


def test_two_choices_that_nobody_named_cannot_be_linked(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    for number in (1, 2, 3):
        file = scan(tmp_path / f"{number}.dcm", number, regions=True)
        take(archive, case(tmp_path / "in", f"calf-{number}", file))
    numbers = []
    for place, cases in (("a", ["calf-1", "calf-2"]), ("b", ["calf-1", "calf-3"])):
        made = archive.export(cases, formats=["folder"], to=tmp_path / place)
        assert made.folder is not None
        (path,) = made.folder.rglob("calf-1/*.dcm")
        numbers.append(str(dcmread(path).PatientID))
    assert numbers[0] != numbers[1]
    assert [archive.who(number)[0].case for number in numbers] == ["calf-1", "calf-1"]


def test_another_set_or_another_archive_knows_nothing_of_it(
    left: tuple[Archive, Path], tmp_path: Path
) -> None:
    archive, out = left
    (path,) = out.rglob("M1.dcm")
    pseudonym = str(dcmread(path).PatientID)
    archive.export(["arms"], formats=["folder"], to=tmp_path / "out")
    assert {k.set for k in archive.who(pseudonym)} == {"legs"}
    other = Archive.create(tmp_path / "other")
    take(other, tmp_path / "in" / "calf")
    other.set_create("legs", cases=["calf"])
    other.export(["legs"], formats=["folder"], to=tmp_path / "elsewhere")
    with pytest.raises(NotFound):
        other.who(pseudonym)


@pytest.mark.parametrize("word", ["", "Quillfeather", "CA-12", "1.2.3", "2.25.", "CA-" + "A" * 17])
def test_what_is_no_pseudonym_is_refused_and_not_noted(left: tuple[Archive, Path], word: str) -> None:
    archive, _ = left
    with pytest.raises(UsageError, match="no pseudonym"):
        archive.who(word)
    assert not [e for e in archive.log() if e.event == "asked-who"]


def test_the_command_tells_the_person_once_and_each_clip(left: tuple[Archive, Path]) -> None:
    archive, out = left
    (path,) = out.rglob("M1.dcm")
    made = CliRunner().invoke(cli, ["--archive", str(archive.path), "who", str(dcmread(path).PatientID)])
    assert made.exit_code == 0
    lines = made.stdout.splitlines()
    assert lines[0].startswith("patient: PatientName") and NUMBER in lines[0] and len(lines) == 3
