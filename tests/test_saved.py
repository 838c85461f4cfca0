"""Searches that are kept: living sets follow what they find, frozen ones do not. All cases are invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from casearchive import Archive
from casearchive.errors import QueryError, RecordError, UsageError
from casearchive.model import TeachingSetRecord
from casearchive.teachingsets import dump, load


def tear(side: str, place: str = "soleus") -> str:
    return f"""\
title = "{place} {side}"
status = "ready"
[[finding]]
id = "F1"
structure = "{place}"
abnormality = "tear"
side = "{side}"
"""


def put(archive: Archive, folder: Path, slug: str, record: str) -> None:
    (folder / slug).mkdir()
    (folder / slug / "case.toml").write_text(record, "utf-8")
    assert archive.ingest([folder / slug], workers=0).failed == 0


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive.create(tmp_path / "archive")
    put(made, tmp_path, "left-one", tear("left"))
    put(made, tmp_path, "right-one", tear("right"))
    return made


def test_a_living_set_holds_what_its_search_finds_when_it_is_asked(archive: Archive, tmp_path: Path) -> None:
    assert archive.set_save("lefts", "soleus tear left").cases == ("left-one",)
    put(archive, tmp_path, "left-two", tear("left"))
    assert archive.set("lefts").cases == ("left-one", "left-two")
    assert archive.wanted(["lefts"]).cases == ("left-one", "left-two")


def test_a_frozen_set_keeps_what_was_found(archive: Archive, tmp_path: Path) -> None:
    frozen = archive.set_save("exam", "soleus tear left", living=False)
    put(archive, tmp_path, "left-two", tear("left"))
    assert archive.set("exam").cases == frozen.cases == ("left-one",)
    assert archive.set("exam").query == "soleus tear left"


def test_a_living_set_is_changed_by_hand_only_after_it_was_frozen(archive: Archive) -> None:
    archive.set_save("lefts", "tear left")
    with pytest.raises(UsageError, match="living set"):
        archive.set_add("lefts", ["right-one"])
    archive.set_freeze("lefts")
    assert archive.set_add("lefts", ["right-one"]).cases == ("left-one", "right-one")


def test_a_question_may_ask_for_what_a_living_set_asks(archive: Archive, tmp_path: Path) -> None:
    archive.set_save("lefts", "tear left")
    put(archive, tmp_path, "left-calf", tear("left", "plantaris"))
    found = archive.search("set:lefts structure:plantaris")
    assert [hit.case for hit in found.hits] == ["left-calf"]
    archive.set_save("calves", "set:lefts plantaris")
    assert archive.set("calves").cases == ("left-calf",)


def test_searches_that_ask_each_other_end(archive: Archive) -> None:
    archive.set_save("one", "tear left")
    archive.set_save("two", "set:one")
    path = archive.path / "sets" / "one.toml"
    path.write_text(path.read_text("utf-8").replace("tear left", "set:two OR tear"), "utf-8")
    assert set(archive.set("two").cases) == {"left-one", "right-one"}


def test_living_and_frozen_sets_survive_the_index(archive: Archive) -> None:
    archive.set_save("lefts", "tear left")
    archive.set_save("exam", "tear left", living=False)
    before = list(archive.dump())
    archive.reindex()
    assert list(archive.dump()) == before
    assert [(s.slug, s.living) for s in archive.sets()] == [("exam", False), ("lefts", True)]


def test_what_only_lies_near_a_search_is_not_in_its_set(archive: Archive) -> None:
    assert archive.set_save("none", "soleus tear zebra").cases == ()


def test_a_search_that_cannot_be_read_or_a_name_that_is_taken_is_not_saved(archive: Archive) -> None:
    with pytest.raises(QueryError):
        archive.set_save("bad", "(tear")
    with pytest.raises(UsageError, match="no question"):
        archive.set_save("empty", "  ")
    archive.set_save("taken", "tear")
    with pytest.raises(UsageError, match="already"):
        archive.set_save("taken", "tear left")
    assert [s.slug for s in archive.sets()] == ["taken"]


def test_the_file_of_a_saved_search_can_be_read_and_written(tmp_path: Path) -> None:
    for record in (
        TeachingSetRecord("a", "Title", query='tear "in words"', living=True, lexicon="1"),
        TeachingSetRecord("b", cases=("one", "two"), query="tear", lexicon="1"),
    ):
        path = tmp_path / f"{record.slug}.toml"
        path.write_text(dump(record), "utf-8")
        assert load(path) == record


def test_a_living_set_without_a_search_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("living = true\n", "utf-8")
    with pytest.raises(RecordError, match="living"):
        load(path)
