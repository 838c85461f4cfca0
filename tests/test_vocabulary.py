"""Looking words up: what a concept is, what belongs to it, and how many cases have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from casearchive import Archive, vocabulary
from casearchive.cli import cli
from casearchive.terms import lexicon

RECORD = """\
title = "A calf"
status = "ready"
[[finding]]
id = "F1"
structure = "gastrocnemius_medial"
abnormality = "partial_tear"
side = "left"
[[finding]]
id = "F2"
structure = "soleus"
abnormality = "hematoma"
side = "left"
certainty = "absent"
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("vocabulary")
    made = Archive.create(folder / "archive")
    (folder / "calf").mkdir()
    (folder / "calf" / "case.toml").write_text(RECORD, "utf-8")
    assert made.ingest([folder / "calf"], workers=0).failed == 0
    return made


def test_a_word_is_shown_with_what_it_belongs_to_and_what_belongs_to_it() -> None:
    (entry,) = vocabulary.entries(lexicon(), "RF")
    assert entry.concept.id == "rectus_femoris"
    assert ("part of", ("quadriceps",)) in entry.parents
    (whole,) = vocabulary.entries(lexicon(), "quadriceps")
    parts = dict(whole.children)["parts"]
    assert "rectus_femoris" in parts


def test_a_word_with_two_meanings_shows_both() -> None:
    found = {entry.concept.id for entry in vocabulary.entries(lexicon(), "TA")}
    assert {"achilles_tendon", "tibialis_anterior"} <= found


def test_every_relation_is_told_from_both_ends() -> None:
    names = {"a kind of": "kinds", "part of": "parts", "branch of": "branches", "in": "in it"}
    for concept_id in lexicon().ids()[::17]:
        (entry, *_) = vocabulary.entries(lexicon(), concept_id)
        for relation, parents in entry.parents:
            for parent in parents:
                (above, *_) = vocabulary.entries(lexicon(), parent)
                assert concept_id in dict(above.children)[names[relation]]


def test_cases_are_counted_by_what_is_present_with_kinds_and_parts(archive: Archive) -> None:
    counted = {
        word: archive.vocabulary(word)[0].cases
        for word in ("tear", "gastrocnemius", "hematoma", "quadriceps")
    }
    assert counted == {"tear": 1, "gastrocnemius": 1, "hematoma": 0, "quadriceps": 0}
    assert archive.vocabulary("no such word") == ()


def test_it_can_be_asked_without_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASEARCHIVE_HOME", raising=False)
    told = CliRunner().invoke(cli, ["vocabulary", "tennis", "leg"])
    assert told.exit_code == 0
    assert "defined as: tear at medial head of gastrocnemius" in told.output
    assert "here:" not in told.output
    listed = CliRunner().invoke(cli, ["vocabulary", "nerves"])
    assert "sciatic_nerve" in listed.output
    assert "muscle" in CliRunner().invoke(cli, ["vocabulary"]).output


def test_a_word_that_nobody_knows_is_told_with_the_nearest(archive: Archive) -> None:
    told = CliRunner().invoke(cli, ["--archive", str(archive.path), "vocabulary", "hematomma"])
    assert told.exit_code == 1
    assert "haematoma" in told.output
