"""Grades: the number behind a grade, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casearchive.terms.grades import ordinal, spellings


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("3", 3.0), ("2b", 2.0), ("IIF", 2.0), ("iv", 4.0), ("F2", 2.0), ("2.5", 2.5), (" III ", 3.0),
        ("large", None), ("", None), ("İ", None), ("ıı", None), ("x", None),
    ],
)  # fmt: skip
def test_the_number_behind_a_grade(written: str, number: float | None) -> None:
    assert ordinal(written) == number


@given(st.text(alphabet="iIvVxX0123456789.abfİıſ３٣ ", max_size=6))
def test_any_text_is_a_grade_or_none(text: str) -> None:
    assert ordinal(text) is None or ordinal(text) >= 0
    assert all(spellings(text)) or not text.strip()
