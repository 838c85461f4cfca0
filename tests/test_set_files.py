"""A set as a file that a person may write: what its options mean, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from casearchive import teachingsets
from casearchive.errors import RecordError


def loaded(folder: Path, options: str) -> tuple[tuple[str, str], ...]:
    path = folder / "a-set.toml"
    path.write_text(f'title = "A set"\ncases = ["a"]\n[options]\n{options}\n', "utf-8")
    return teachingsets.load(path).options


def test_an_option_may_be_text_a_number_or_switched(tmp_path: Path) -> None:
    written = 'instructor = true\nsingle-file = false\nedge = 600\nfindings = "present"'
    assert loaded(tmp_path, written) == (("edge", "600"), ("findings", "present"), ("instructor", ""))


@pytest.mark.parametrize("wrong", ["edge = [600]", "edge = 6.5", "edge = { a = 1 }"])
def test_an_option_of_any_other_kind_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(RecordError, match="options"):
        loaded(tmp_path, wrong)
