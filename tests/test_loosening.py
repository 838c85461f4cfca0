"""What happens where nothing is found: ever looser questions that say so, or the condition that is to blame."""

from __future__ import annotations

import sqlite3

import pytest
from test_search import ask, case, finding, fresh, put_case, slugs

from casearchive.index.hits import Results
from casearchive.model import Measurement, Media, Story


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    connection = fresh()
    for made in (
        case("rf-right", "Thigh pain of a footballer", "F1 rectus_femoris complete_tear right definite",
             "F2 rectus_femoris hematoma right definite", story=Story(history="He felt a bang while kicking.")),
        case("rf-none", "Bruised thigh", "F1 rectus_femoris tear left absent",
             "F2 rectus_femoris contusion left definite"),
        case("nerve-tumour", "Lump in the arm", "F1 median_nerve nerve_sheath_tumor left definite"),
        case("achilles", "Ankle", finding("F1 achilles_tendon tendinopathy left definite"),
             media=(Media("M1", caption="Thick tendon in the middle third"),)),
        case("stone", "Right upper quadrant", "F1 gallbladder gallstone none definite",
             "F2 gallbladder cholecystitis none absent"),
        case("wood", "Limping child", "F1 foot foreign_body right definite",
             story=Story(history="A piece of wood lies in the sole.")),
    ):  # fmt: skip
        put_case(connection, made)
    return connection


def said(results: Results) -> str:
    return "; ".join(results.understood)


def test_what_only_narrows_is_given_up_first_and_it_is_said(index: sqlite3.Connection) -> None:
    found = ask(index, "rectus femoris tear on eccentric contraction")
    assert slugs(found) == ["rf-right"]
    assert found.loosened and "not demanded" in said(found)


def test_words_and_symptoms_beside_a_finding_are_wishes_where_nobody_has_all(
    index: sqlite3.Connection,
) -> None:
    found = ask(index, "rectus femoris tear with tingling")
    assert slugs(found) == ["rf-right"] and found.loosened


def test_a_side_is_never_given_up(index: sqlite3.Connection) -> None:
    found = ask(index, "left rectus femoris tear")
    assert slugs(found) == []
    assert ("side = left", 1) in found.blame
    assert found.hidden["absent"] == 1


def test_a_finding_that_was_understood_is_not_looked_for_in_other_places(index: sqlite3.Connection) -> None:
    found = ask(index, "soleus tear")
    assert slugs(found) == []
    assert ("structure = soleus muscle", 1) in found.blame


@pytest.mark.parametrize("question", ["teninopathy soleus", "soleus tendinopahty", "fasiitis plantar"])
def test_a_misspelt_word_is_never_given_up_as_one_that_nobody_knows(
    index: sqlite3.Connection, question: str
) -> None:
    found = ask(index, question)
    assert slugs(found) == [] and found.did_you_mean


def test_a_number_is_given_up_for_those_alone_whom_nobody_measured() -> None:
    connection = fresh()
    for slug, size in (("thick", 9.0), ("thin", 4.0), ("unmeasured", None)):
        rows = (Measurement("thickness", size, "mm", "F1"),) if size is not None else ()
        put_case(
            connection,
            case(slug, "A tendon", "F1 achilles_tendon tendinopathy left definite", measurements=rows),
        )
    assert slugs(ask(connection, "Achilles tendinopathy thickness over 7 mm")) == ["thick"]
    assert slugs(ask(connection, "Achilles tendinopathy thickness over 12 mm")) == ["unmeasured"]
    assert slugs(ask(connection, "Achilles tendinopathy thickness between 5 and 7 mm")) == ["unmeasured"]
    assert slugs(ask(connection, "Achilles tendinopathy thickness>12mm")) == []


def test_a_field_is_never_given_up(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "finding:tear structure:soleus")) == []
    assert slugs(ask(index, "finding:tear site:proximal")) == []
    found = ask(index, "complete tear modality:mri")
    assert slugs(found) == [] and ("modality = mri", 1) in found.blame
    assert slugs(ask(index, "complete tear mri")) == ["rf-right"]


def test_the_next_broader_kind_stands_in_for_one_that_nobody_has(index: sqlite3.Connection) -> None:
    found = ask(index, "schwannoma of the median nerve")
    assert slugs(found) == ["nerve-tumour"]
    assert found.loosened and "nearest to it" in said(found)


def test_what_names_its_own_place_is_broader_there_only(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "popeye sign")) == []


def test_of_two_findings_one_is_shown_but_never_who_lacks_the_other(index: sqlite3.Connection) -> None:
    found = ask(index, "gallstones with cholecystitis")
    assert slugs(found) == []


def test_where_words_are_unknown_most_of_them_are_enough(index: sqlite3.Connection) -> None:
    found = ask(index, "splinter piece of wood in the sole")
    assert "wood" in slugs(found) and found.loosened


def test_without_anything_near_the_answer_is_empty_and_blames_nobody_who_is_innocent(
    index: sqlite3.Connection,
) -> None:
    found = ask(index, "thyroid nodule")
    assert slugs(found) == [] and found.total == 0
    assert all(count > 0 for _, count in found.blame)


def test_a_question_with_an_answer_blames_nobody(index: sqlite3.Connection) -> None:
    assert ask(index, "rectus femoris tear").blame == ()


def test_the_whole_stands_in_for_a_part_that_nobody_names(index: sqlite3.Connection) -> None:
    found = ask(index, "rectus femoris tendon tear")
    assert slugs(found) == ["rf-right"] and found.loosened
