"""What goes out as case folders comes back in as the same cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import teachingsets

from casearchive import record
from casearchive.errors import CaseArchiveError
from casearchive.exporters import exporter, exporters, folder
from casearchive.model import (
    Calibration,
    Case,
    Media,
    Quiz,
    QuizPoint,
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet


def full_case() -> Case:
    """A case that uses every part of a record which may leave, in words that a text file has to guard."""
    case = teachingsets.full_case()
    first, *others = case.media
    return replace(
        case,
        slug="velvet-tear",
        quiz_title="ألم بعد الرقص",
        story=replace(case.story, history="Danced until dawn.\n\nLimped home.\\n '''\"\"\""),
        media=(
            replace(first, file="clip.dcm", calibration=Calibration(((1.0, 2.0), (1.0, 9.0)), 40.0)),
            *others,
        ),
        quiz=(*case.quiz, Quiz("Next?", ("Wait", "Move"), 2, "It widens.", QuizPoint("M2", 1, "F1"))),
    )


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    staging = tmp_path / "staging"
    staging.mkdir()
    return staging


@pytest.fixture
def target(tmp_path: Path) -> Path:
    empty = tmp_path / "out"
    empty.mkdir()
    return empty


def clip(ref: str, staged: Path, content: bytes = b"DICM") -> TeachingClip:
    path = staged / f"{len(list(staged.iterdir()))}.staged"
    path.write_bytes(content)
    return TeachingClip(
        ref, 10, 20, teachingsets.speckle(1, rows=10, columns=20), None, "unknown", 1, (), path
    )


def a_set(*cases: TeachingCase) -> TeachingSet:
    return TeachingSet("s", "A set\nof cases", "", cases, profile="invented profile 1")


def test_both_outputs_are_found_by_name() -> None:
    assert {"folder", "html"} <= {found.NAME for found in exporters()}
    assert exporter("folder").export is folder.export


def test_a_case_that_goes_out_reads_back_as_the_same_case(staged: Path, target: Path) -> None:
    case = full_case()
    clips = clip("M1", staged, b"one clip"), clip("M2", staged, b"one frame")
    folder.export(a_set(TeachingCase(case, clips)), target, {})
    text = (target / "velvet-tear" / "case.toml").read_text("utf-8")
    back = record.loads(text, slug="velvet-tear")
    assert back == replace(case, media=tuple(replace(one, file=f"{one.id}.dcm") for one in case.media))
    assert (target / "velvet-tear" / "M2.dcm").read_bytes() == b"one frame"


def test_every_file_a_record_names_is_there_and_no_other(staged: Path, target: Path) -> None:
    case = Case("two", "Two", media=(Media("M2"), Media("M1")))
    folder.export(a_set(TeachingCase(case, (clip("M1", staged, b"1"), clip("M2", staged, b"2")))), target, {})
    back = record.loads((target / "two/case.toml").read_text("utf-8"), slug="two")
    assert {media.id: (target / "two" / media.file).read_bytes() for media in back.media} == {
        "M1": b"1",
        "M2": b"2",
    }
    assert sorted(path.name for path in (target / "two").iterdir()) == ["M1.dcm", "M2.dcm", "case.toml"]


def test_names_and_hashes_of_originals_stay_behind(staged: Path, target: Path) -> None:
    media = Media("M1", file="SMITH^ANN.dcm", sha256="ab" * 32, name="SMITH^ANN.dcm")
    folder.export(a_set(TeachingCase(Case("c", "C", media=(media,)), (clip("M1", staged),))), target, {})
    text = (target / "c/case.toml").read_text("utf-8")
    assert "SMITH" not in text
    assert "abab" not in text


@pytest.mark.parametrize("ref", ["../escape", "a/b", "", ".hidden", "M 1", "CON.", "é"])
def test_an_id_that_is_no_file_name_gets_a_number(ref: str, staged: Path, target: Path) -> None:
    case = Case("c", "C", media=(Media(ref),))
    folder.export(a_set(TeachingCase(case, (clip(ref, staged, b"x"),))), target, {})
    assert (target / "c/clip-001.dcm").read_bytes() == b"x"
    assert sorted(path.name for path in target.iterdir()) == ["README.txt", "c"]


def test_ids_that_differ_only_in_case_do_not_overwrite_each_other(staged: Path, target: Path) -> None:
    case = Case("c", "C", media=(Media("m1"), Media("M1")))
    folder.export(a_set(TeachingCase(case, (clip("m1", staged, b"a"), clip("M1", staged, b"b")))), target, {})
    assert (target / "c/m1.dcm").read_bytes() == b"a"
    assert (target / "c/clip-002.dcm").read_bytes() == b"b"


@pytest.mark.parametrize("slug", ["..", "a/b", "", "Upper", "dot.dot", "nul\0"])
def test_a_slug_that_is_no_folder_name_is_refused(slug: str, target: Path) -> None:
    with pytest.raises(CaseArchiveError, match="name of a folder"):
        folder.export(a_set(TeachingCase(Case(slug, "C"), ())), target, {})
    assert list(target.iterdir()) == []


def test_two_cases_with_one_slug_are_refused(target: Path) -> None:
    twin = TeachingCase(Case("twin", "T"), ())
    with pytest.raises(CaseArchiveError, match="same slug"):
        folder.export(a_set(twin, twin), target, {})


def test_a_record_that_names_a_picture_which_stayed_behind_is_refused(target: Path) -> None:
    with pytest.raises(CaseArchiveError, match=r"not in the set: M7"):
        folder.export(a_set(TeachingCase(Case("c", "C", media=(Media("M7"),)), ())), target, {})


def test_the_readme_says_what_this_is_and_how_to_use_it(target: Path) -> None:
    folder.export(a_set(), target, {})
    text = (target / "README.txt").read_text("utf-8")
    assert text.startswith("A set of cases\n")
    assert "casearchive ingest" in text
    assert "invented profile 1" in text
    assert "not for diagnosis" in text


def test_the_same_set_gives_the_same_bytes(staged: Path, target: Path, tmp_path: Path) -> None:
    teaching = a_set(TeachingCase(full_case(), (clip("M1", staged), clip("M2", staged))))
    again = tmp_path / "again"
    again.mkdir()
    folder.export(teaching, target, {})
    folder.export(teaching, again, {})
    files = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())
    assert len(files) == 4
    assert [(target / name).read_bytes() for name in files] == [(again / name).read_bytes() for name in files]
