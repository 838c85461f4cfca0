"""Structured reports: what they say is found, what they say of people stays where it is. All of it is invented."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import helpers
import pytest
from click.testing import CliRunner
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from casearchive import Archive
from casearchive.cli import cli
from casearchive.readers import _headers, _report, _structure
from casearchive.readers._headers import Header
from casearchive.views import CaseView

BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"


def code(meaning: str, value: str = "1", scheme: str = "99TEST") -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def item(kind: str, name: str, *inside: Dataset, relation: str = "CONTAINS", **values: Any) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relation, kind
    if name:
        made.ConceptNameCodeSequence = code(name)
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if inside:
        made.ContentSequence = Sequence(inside)
    return made


def text(name: str, said: str) -> Dataset:
    return item("TEXT", name, TextValue=said)


def coded(name: str, meaning: str, *inside: Dataset, relation: str = "CONTAINS") -> Dataset:
    return item("CODE", name, *inside, relation=relation, ConceptCodeSequence=code(meaning))


def number(name: str, value: str, unit: str) -> Dataset:
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, code(unit, unit, "UCUM")
    return item("NUM", name, MeasuredValueSequence=Sequence([measured]))


def report(path: Path, *inside: Dataset, seed: int = 900, **more: Any) -> Path:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = BASIC_TEXT, f"1.2.826.0.1.3680043.8.498.{seed}.3"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.3.{seed}.1", f"1.2.3.{seed}.2"
    data.PatientName, data.PatientID, data.Modality = helpers.NAME, helpers.NUMBER, "SR"
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ValueType, data.ConceptNameCodeSequence = "CONTAINER", code("Ultrasound report")
    data.ContentSequence = Sequence(inside)
    for keyword, value in more.items():
        setattr(data, keyword, value)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def said(path: Path) -> list[str]:
    structure = _structure.scan(path)
    try:
        return _report.words(Header(_headers.read_header(structure), [])).splitlines()
    finally:
        structure.source.close()


MEASURED = item(
    "CONTAINER", "Measurement Group",
    coded("Finding", "Full-thickness tear"),
    coded("Finding Site", "Supraspinatus tendon", coded("Laterality", "Right", relation="HAS CONCEPT MOD")),
    number("Length", "12", "mm"),
)  # fmt: skip
SPOKEN = text("Findings", "Mr Quillfeather has a small joint effusion of the left knee. No Baker cyst.")


def test_what_is_coded_together_is_one_sentence_and_texts_are_as_written(tmp_path: Path) -> None:
    lines = said(report(tmp_path / "sr.dcm", MEASURED, SPOKEN))
    assert lines[0] == "Right Supraspinatus tendon: Full-thickness tear, Length 12 mm"
    assert lines[1].startswith("Findings: Mr Quillfeather")


def test_who_it_was_and_why_he_came_is_not_read(tmp_path: Path) -> None:
    lines = said(
        report(
            tmp_path / "sr.dcm",
            item("PNAME", "Person Observer Name", relation="HAS OBS CONTEXT", PersonName="Doe^Jane"),
            item("TEXT", "Subject ID", relation="HAS OBS CONTEXT", TextValue="4711"),
            item("CONTAINER", "History", text("History", "Rupture of the Achilles tendon")),
            text("Indication for study", "Tear of the soleus"),
            text("Recommendation", "MRI for a meniscal tear"),
            SPOKEN,
        )
    )
    assert len(lines) == 1


def test_depth_length_and_count_are_bounded(tmp_path: Path) -> None:
    deep = SPOKEN
    for _ in range(60):
        deep = item("CONTAINER", "Section", deep)
    assert said(report(tmp_path / "deep.dcm", deep)) == []
    long = report(tmp_path / "long.dcm", *(text("Finding", f"tear {n} " + "x" * 200) for n in range(300)))
    assert len("\n".join(said(long))) <= _report._LONGEST
    many = report(
        tmp_path / "many.dcm", *(coded("Comment", f"c{n}") for n in range(_report._MOST_ITEMS + 50))
    )
    assert len(said(many)) <= _report._MOST_ITEMS


def test_items_that_hold_nonsense_are_passed_over(tmp_path: Path) -> None:
    strange = item("NUM", "Length", MeasuredValueSequence=Sequence([Dataset()]))
    lines = said(report(tmp_path / "sr.dcm", strange, item("", ""), item("TEXT", "Findings"), MEASURED))
    assert lines == ["Right Supraspinatus tendon: Full-thickness tear, Length 12 mm"]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


def everything_printed(archive: Archive, *queries: str) -> str:
    out = ""
    for words in (*(("search", q) for q in queries), ("list",), ("stats",)):
        for form in ((), ("--json",)):
            done = CliRunner().invoke(cli, ["--archive", str(archive._layout.root), *words, *form])
            assert done.exit_code == 0, done.output
            out += done.output
    return out


def test_a_loose_report_is_found_by_what_it_says_and_never_quoted(archive: Archive, tmp_path: Path) -> None:
    archive.ingest([report(tmp_path / "stick" / "sr.dcm", MEASURED, SPOKEN)], workers=0)
    (hit,) = archive.search("supraspinatus tear right").hits
    assert hit.why == (
        "the report: supraspinatus, full-thickness tear, right, definite (tear -> full-thickness tear)",
    )
    assert archive.search("knee effusion left").total == 1
    absent = archive.search("baker cyst")
    assert (absent.total, absent.hidden["absent"]) == (0, 1)
    printed = everything_printed(
        archive, "supraspinatus tear", "knee effusion", "quill", "quillfeather", "mr"
    )
    printed = printed.replace("no case has exactly these words", "")
    assert "Quillfeather" not in printed
    assert archive.search('"Mr Quillfeather"').total == 0


def case_with_report(tmp_path: Path, *findings: str) -> Path:
    folder = tmp_path / "cases" / "cuff"
    helpers.dicom(folder / "loop.dcm", seed=70, frames=3)
    report(folder / "sr.dcm", MEASURED, SPOKEN)
    lines = ['title = "A shoulder"', 'status = "draft"', "[author]", 'name = "A. Teacher"']
    lines += [
        "[[media]]",
        'id = "M1"',
        'file = "loop.dcm"',
        "[[media]]",
        'id = "M2"',
        'file = "sr.dcm"',
        *findings,
    ]
    (folder / "case.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def test_a_case_finds_what_its_report_says_and_the_author_wins(archive: Archive, tmp_path: Path) -> None:
    archive.ingest([case_with_report(tmp_path)], workers=0)
    assert [h.case for h in archive.search("supraspinatus tear").hits] == ["cuff"]
    shown = archive.show("cuff")
    assert isinstance(shown, CaseView)
    assert {(m.quote, m.origin) for m in shown.mined} == {("", "report")}, "no word of a report is shown"
    denied = [
        "[[finding]]",
        'id = "F1"',
        'structure = "supraspinatus"',
        'abnormality = "tear"',
        'certainty = "absent"',
    ]
    archive.ingest([case_with_report(tmp_path, *denied)], workers=0)
    found = archive.search("supraspinatus tear")
    assert (found.total, found.hidden["absent"]) == (0, 1)


def test_reports_survive_a_case_that_lets_them_go_and_a_new_index(archive: Archive, tmp_path: Path) -> None:
    archive.ingest([case_with_report(tmp_path)], workers=0)
    before = list(archive.dump())
    archive.reindex(workers=0)
    assert list(archive.dump()) == before
    case_with_report(tmp_path)
    record = tmp_path / "cases" / "cuff" / "case.toml"
    record.write_text(record.read_text("utf-8").partition('[[media]]\nid = "M2"')[0], "utf-8")
    (record.parent / "sr.dcm").unlink()
    archive.ingest([record.parent], workers=0)
    assert [h.case for h in archive.search("supraspinatus tear").hits] == [None]


def test_an_index_made_before_reports_is_brought_up_to_date(archive: Archive, tmp_path: Path) -> None:
    path = archive._layout.index
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE reports")
        old.execute("DELETE FROM _sqlite_migrations WHERE name = 'm002_reports'")
        old.execute("PRAGMA user_version = 1")
    archive.ingest([report(tmp_path / "stick" / "sr.dcm", MEASURED)], workers=0)
    assert archive.search("supraspinatus tear").total == 1


def test_show_of_a_report_tells_no_word_of_it(archive: Archive, tmp_path: Path) -> None:
    archive.ingest([report(tmp_path / "stick" / "sr.dcm", MEASURED, SPOKEN)], workers=0)
    sha256 = next(iter(archive.list())).sha256
    for form in ((), ("--json",)):
        done = CliRunner().invoke(cli, ["--archive", str(archive._layout.root), "show", sha256, *form])
        assert "Quillfeather" not in done.output
    assert json.loads(done.output)["kind"] == "dicom"
