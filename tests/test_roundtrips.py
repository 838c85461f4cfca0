"""What leaves as case folders comes back equal, however it is packed, and the judge of that can tell a difference."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import roundtrips
from hypothesis import given, settings
from roundtrips import CHANGED, LOST, WHOLE, WORDS

from casearchive import Archive
from casearchive.exporters import exporters
from casearchive.model import Case

FAITHFUL = ("folder", "zip", "bagit")
ONE_WAY = sorted(plug.NAME for plug in exporters() if plug.NAME not in roundtrips.FORMS)


def gone(folder: Path, form: str, case: Case) -> dict[str, str]:
    """The fields that did not come back whole."""
    (folder / "staging").mkdir()
    back = roundtrips.round_trip(form, roundtrips.teaching_set(folder / "staging", case), folder)
    failed = [o for o in back.outcomes if o.outcome == "failed"]
    assert not failed, failed
    return {path: what for path, what in back.fields.items() if what != WHOLE}


# ------------------------------------------------------------------------------------------------- out and back


@pytest.mark.parametrize("form", FAITHFUL)
def test_a_case_that_says_everything_comes_back_whole(form: str, tmp_path: Path) -> None:
    assert gone(tmp_path, form, roundtrips.whole_case()) == {roundtrips.SOUND: LOST}


@pytest.mark.parametrize("form", FAITHFUL)
@settings(max_examples=12, deadline=None)
@given(case=roundtrips.varied_cases())
def test_any_case_in_any_words_comes_back_whole(
    form: str, tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    assert gone(tmp_path_factory.mktemp("round"), form, case) == {roundtrips.SOUND: LOST}


@pytest.mark.parametrize("form", roundtrips.FORMS)
def test_every_pixel_comes_back_in_every_format_that_is_read(form: str, tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    teaching = roundtrips.teaching_set(tmp_path / "staging", roundtrips.whole_case())
    back = roundtrips.round_trip(form, teaching, tmp_path)
    assert back.fields[roundtrips.PIXELS] == WHOLE


@pytest.mark.parametrize("form", [*FAITHFUL, "mirc"])
def test_a_case_of_two_patients_comes_back_as_one_case_of_two(form: str, tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    back = roundtrips.round_trip(form, roundtrips.of_two_patients(tmp_path / "staging"), tmp_path)
    assert {path for path, what in back.fields.items() if what != WHOLE} == set()
    assert len(set(patients(back.archive, back.case))) == 2
    assert back.archive.verify(full=True).faults == ()


def test_dicom_keeps_patients_apart_so_one_case_of_two_becomes_two_cases(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    back = roundtrips.round_trip("dicom", roundtrips.of_two_patients(tmp_path / "staging"), tmp_path)
    one, two = roundtrips.cases_in(back.archive)
    assert [[m.id for m in case.media] for case in (one, two)] == [["M1"], ["M2"]]
    assert set(patients(back.archive, one)).isdisjoint(patients(back.archive, two))
    assert (one.title, one.story) == (two.title, two.story) == (back.before.title, two.story)
    seen = {f.id: {e.media for e in f.evidence} for f in back.before.findings}
    for case, own in ((one, "M1"), (two, "M2")):
        mine = {f.id: {e.media for e in f.evidence} for f in case.findings if f.evidence}
        assert mine == {name: {own} for name, where in seen.items() if own in where}
        assert {m.media for m in case.measurements} <= {own, ""}
    told = [note for o in back.outcomes if o.case == two.slug for note in o.notes]
    assert any(f"the case {one.slug}" in note and "another patient" in note for note in told)


def patients(archive: Archive, case: Case | None) -> list[str]:
    """Whose each clip of a case is, as the archive tells patients apart."""
    assert case is not None
    return [archive.show(media.sha256).detail.subject_key for media in case.media]


@pytest.mark.parametrize("form", ONE_WAY)
def test_what_is_said_to_be_no_way_back_is_none(form: str, tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    teaching = roundtrips.teaching_set(tmp_path / "staging", roundtrips.whole_case())
    assert roundtrips.round_trip(form, teaching, tmp_path).case is None


# ---------------------------------------------------------------------------------------------- nothing forgotten


def test_every_field_of_a_record_has_its_row_on_the_page_or_never_leaves() -> None:
    groups = [paths for _, paths in roundtrips.GROUPS]
    rows = Counter({path: sum(roundtrips.below(path, g) for g in groups) for path in roundtrips.fields_of()})
    assert {path for path, count in rows.items() if count == 0} == roundtrips.APART
    assert {path for path, count in rows.items() if count > 1} == set()


def test_the_case_that_is_sent_says_every_field_that_may_leave() -> None:
    case = roundtrips.whole_case()
    assert set(roundtrips.compared(case, case)) == set(roundtrips.fields_of()) - roundtrips.APART


# ------------------------------------------------------------------------------------------ the judge of it all


def test_a_case_that_is_equal_is_whole_and_one_that_is_not_there_is_lost() -> None:
    case = roundtrips.whole_case()
    assert set(roundtrips.compared(case, case).values()) == {WHOLE}
    assert set(roundtrips.compared(case, None).values()) == {LOST}


def test_another_value_is_changed_and_no_value_is_lost() -> None:
    case = roundtrips.whole_case()
    first, *others = case.findings
    told = roundtrips.compared(
        case,
        replace(
            case,
            difficulty="primary",
            story=replace(case.story, references=()),
            findings=(replace(first, side="left", severity="", evidence=first.evidence[:1]), *others),
            quiz=case.quiz[:1],
        ),
    )
    assert {path: what for path, what in told.items() if what != WHOLE} == {
        "difficulty": CHANGED,
        "story.references": LOST,
        "finding.side": CHANGED,
        "finding.severity": LOST,
        "finding.evidence.media": CHANGED,
        "finding.evidence.frames": CHANGED,
        "finding.evidence.best": LOST,
        "finding.evidence.box": LOST,
        "quiz.question": CHANGED,
        "quiz.why": CHANGED,
        "quiz.ask_point.media": LOST,
        "quiz.ask_point.frame": LOST,
        "quiz.ask_point.finding": LOST,
    }


def test_what_stands_in_a_text_instead_of_its_field_is_in_words() -> None:
    case = roundtrips.whole_case()
    words = (
        f"{case.story.treatment}\nComplete tear: severe, subacute.\nGap 31 mm; cross-sectional area 52.5 mm²; "
        "volume 15 mL, by the ellipsoid"
    )
    told = roundtrips.compared(
        case,
        replace(
            case,
            story=replace(case.story, treatment="", discussion=f"{case.story.discussion}\n\n{words}"),
            measurements=(),
            findings=tuple(replace(f, severity="", temporality="", note="") for f in case.findings),
        ),
    )
    assert told["story.treatment"] == told["story.discussion"] == WORDS
    assert told["finding.severity"] == told["finding.temporality"] == WORDS
    assert told["measurement.value"] == told["measurement.note"] == WORDS
    assert told["finding.note"] == told["measurement.points"] == LOST


def test_a_word_that_stands_far_from_its_finding_does_not_count() -> None:
    case = roundtrips.whole_case()
    bare = tuple(replace(f, severity="") for f in case.findings)
    story = replace(case.story, discussion="A complete tear.\n\nThe lantern was severe.")
    assert roundtrips.compared(case, replace(case, findings=bare, story=story))["finding.severity"] == LOST


def test_a_case_that_did_not_come_back_is_no_other_case(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    assert roundtrips._the_case(archive, "velvet-tear") is None
