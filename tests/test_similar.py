"""Cases like a case: what counts, what is told, and cases for contrast. All cases are invented."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from test_search import case, fresh, put_case

from casearchive import Archive
from casearchive.errors import NotFound, UsageError
from casearchive.index.similar import similar
from casearchive.likeness import Comparison, Features, Seen
from casearchive.model import Case, Story
from casearchive.terms import lexicon

ROOT = Path(__file__).parent.parent


def collection(*cases: Case) -> sqlite3.Connection:
    connection = fresh()
    for each in cases:
        put_case(connection, each)
    return connection


def names(connection: sqlite3.Connection, slug: str, **options: object) -> list[str]:
    return [each.case for each in similar(connection, slug, lexicon(), **options)]  # type: ignore[arg-type]


THIGH = (
    case(
        "this",
        "One",
        "F1 rectus_femoris complete_tear right definite",
        "F2 rectus_femoris hematoma right definite",
    ),
    case(
        "same",
        "Two",
        "F1 rectus_femoris complete_tear left definite",
        "F2 rectus_femoris hematoma left definite",
    ),
    case("neighbour", "Three", "F1 vastus_lateralis partial_tear right definite"),
    case("distant", "Four", "F1 achilles_tendon complete_tear right definite"),
    case("other", "Five", "F1 median_nerve nerve_entrapment right definite"),
    case(
        "denied", "Six", "F1 rectus_femoris contusion right definite", "F2 rectus_femoris tear right absent"
    ),
    case("silent", "Seven", "F1 rectus_femoris contusion right definite"),
)


def test_the_same_finding_comes_before_the_neighbours_and_those_before_the_same_kind_elsewhere() -> None:
    order = names(collection(*THIGH), "this")
    assert order[:2] == ["same", "neighbour"]
    assert order.index("neighbour") < order.index("distant")
    assert "other" not in order or order[-1] == "other"
    assert "this" not in order


def test_the_side_matters_only_where_that_is_asked() -> None:
    connection = collection(*THIGH)
    free = {each.case: each.score for each in similar(connection, "this", lexicon())}
    bound = {each.case: each.score for each in similar(connection, "this", lexicon(), same_side=True)}
    assert bound["same"] < free["same"]
    assert bound["neighbour"] == free["neighbour"]
    (same,) = [each for each in similar(connection, "this", lexicon()) if each.case == "same"]
    assert "the other side" in same.differs


def test_what_is_shared_and_what_differs_is_told() -> None:
    found = {each.case: each for each in similar(collection(*THIGH), "this", lexicon())}
    assert "complete tear of rectus femoris muscle" in found["same"].shared
    assert any("here" in line and "there" in line for line in found["neighbour"].shared)
    assert "only here: haematoma of rectus femoris muscle" in found["neighbour"].differs


def test_for_contrast_who_has_the_finding_is_left_out_and_who_documents_its_absence_comes_first() -> None:
    connection = collection(*THIGH)
    order = names(connection, "this", without="tear")
    assert order[:2] == ["denied", "silent"]
    assert not {"same", "neighbour", "distant"} & set(order)
    (denied, *_) = similar(connection, "this", lexicon(), without="tear")
    assert denied.shared[0] == "it documents: no tear of rectus femoris muscle"


def test_what_is_rare_in_the_collection_says_more() -> None:
    counts = {"tear": 500, "soleus": 500, "myositis_ossificans": 1, "plantaris": 1}
    comparison = Comparison(lexicon(), counts)
    this = Features("this", present=(Seen("soleus", "tear"), Seen("plantaris", "myositis_ossificans")))
    common = comparison.compare(this, Features("common", present=(Seen("soleus", "tear"),)))
    rare = comparison.compare(this, Features("rare", present=(Seen("plantaris", "myositis_ossificans"),)))
    assert common is not None and rare is not None and rare.score > common.score


def test_every_two_concepts_are_alike_from_nought_to_one_and_both_ways_the_same() -> None:
    comparison = Comparison(lexicon(), {})
    some = lexicon().ids()[::23]
    for one in some:
        assert comparison.concepts(one, one) == 1.0
        for other in some:
            likeness = comparison.concepts(one, other)
            assert 0.0 <= likeness <= 1.0
            assert likeness == comparison.concepts(other, one)


def test_a_case_without_findings_is_compared_by_what_else_it_says() -> None:
    told = Story(symptoms=("tingling",), mechanism=("fall",))
    connection = collection(
        case("this", "One", story=told), case("alike", "Two", story=told), case("not", "Three")
    )
    assert names(connection, "this") == ["alike"]


def test_the_order_is_the_same_every_time() -> None:
    connection = collection(*THIGH)
    assert names(connection, "this") == names(connection, "this")
    assert names(connection, "this", limit=2) == names(connection, "this")[:2]


def test_an_unknown_case_and_an_unknown_finding_are_refused_with_a_hint(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    with pytest.raises(NotFound, match="no case nowhere"):
        archive.similar("nowhere")
    with pytest.raises(UsageError, match="no finding of the vocabulary"):
        archive.similar("nowhere", without="hematomma-like-thing-that-is-not")


def test_likeness_can_be_asked_for_in_a_question(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    names = ("rectus-femoris-complete-tear", "biceps-femoris-partial-tear", "achilles-complete-rupture")
    archive.ingest([ROOT / "cases" / name for name in names])
    told = [(each.case, each.score) for each in archive.similar(names[0])]
    found = archive.search(f"similar:{names[0]}")
    assert [hit.case for hit in found.hits] == [case for case, _ in told]
    assert [hit.score for hit in found.hits] == pytest.approx([score for _, score in told])
    assert found.hits[0].why == (f"like {names[0]}: likeness {told[0][1]:.2f}",)
    assert [hit.case for hit in archive.search(f"similar:{names[0]} achilles").hits] == [names[2]]
    assert names[2] not in {
        hit.case for hit in archive.search(f"similar:{names[0]} -structure:achilles").hits
    }
    with pytest.raises(UsageError, match="nope"):
        archive.search("similar:nope")
    with pytest.raises(UsageError, match="cannot be compared"):
        archive.search(f"similar>{names[0]}")
    assert archive.search(f"Similar:{names[0].upper()}").total == found.total
    assert [hit.case for hit in archive.search(f"similar:{names[0]} achiles").hits] == [names[2]]
    (topic,) = archive.syllabus(f"similar:{names[0]} achilles".encode())
    assert topic.cases == (names[2],)
    archive.set_save("like-it", f"similar:{names[0]} achilles")
    assert [hit.case for hit in archive.search("set:like-it").hits] == [names[2]]
