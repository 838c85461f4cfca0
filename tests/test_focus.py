"""A set shows the findings that whoever teaches chose, and nothing that belongs to the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import teachingsets
from hypothesis import given

from casearchive import focus
from casearchive.errors import UsageError
from casearchive.model import Case, Finding, Measurement, Quiz, QuizPoint


def case() -> Case:
    findings = (
        Finding("F1", structure="rectus_femoris", abnormality="complete_tear", certainty="definite"),
        Finding("F2", structure="rectus_femoris", abnormality="hematoma", certainty="possible"),
        Finding("F3", structure="sciatic_nerve", abnormality="nerve_enlargement", certainty="absent"),
    )
    return Case(
        "a",
        "A",
        findings=findings,
        measurements=(Measurement("gap", 31.0, "mm", "F1"), Measurement("length", 9.0, "mm", "F2"),
                      Measurement("depth", 2.0, "cm")),
        quiz=(Quiz("Where?", ask_point=QuizPoint("M1", 1, "F2")),
              Quiz("What?", ("This", "That"), 1, ask_point=QuizPoint("M1", 1, "F2"))),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("all", ["F1", "F2", "F3"]),
        ("present", ["F1", "F2"]),
        ("definite", ["F1"]),
        ("tear", ["F1"]),
        ("haematoma", ["F2"]),
        ("quadriceps", ["F1", "F2"]),
        ("present, sciatic nerve", []),
        ("tear,sciatic nerve", ["F1", "F3"]),
        ("definite,quadriceps", ["F1"]),
    ],
)
def test_findings_are_chosen_by_how_sure_they_are_and_by_what_and_where(value: str, left: list[str]) -> None:
    assert [f.id for f in focus.focused(case(), focus.read(value)).findings] == left


def test_what_belongs_to_a_finding_goes_with_it() -> None:
    shown = focus.focused(case(), focus.read("tear"))
    assert [m.what for m in shown.measurements] == ["gap", "depth"]
    assert [(q.question, q.ask_point) for q in shown.quiz] == [("What?", None)]


def test_what_was_only_read_in_the_text_can_stay_away() -> None:
    told, written = case().findings[:2]
    mixed = replace(case(), findings=(replace(told, reviewed=False), written))
    assert [f.id for f in focus.focused(mixed, focus.read("reviewed")).findings] == ["F2"]
    assert focus.focused(mixed, focus.read("reviewed,definite")).findings == ()


@pytest.mark.parametrize("value", ["", " , ", "unicorn", "tear,unicorn"])
def test_a_value_that_chooses_nothing_known_is_refused_with_what_can_be_said(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        focus.read(value)
    assert "findings" in caught.value.where and "present" in caught.value.hint


@given(teachingsets.CASES)
def test_all_changes_nothing_and_the_rest_of_a_case_stays(any_case: Case) -> None:
    assert focus.focused(any_case, focus.read("all")) == any_case
    shown = focus.focused(any_case, focus.read("definite"))
    assert replace(shown, findings=(), measurements=(), quiz=()) == replace(
        any_case, findings=(), measurements=(), quiz=()
    )
