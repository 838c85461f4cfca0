"""What ``stats`` says of a collection: counted as a search counts, told against a syllabus. All cases are invented."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_search import case, fresh, put_case

from casearchive import Archive, syllabus
from casearchive.cli import cli
from casearchive.errors import UsageError
from casearchive.index import read, shelf
from casearchive.index.coverage import BY, Row, coverage
from casearchive.index.search import search
from casearchive.model import Case, Media
from casearchive.query import Query, parse
from casearchive.terms import lexicon

ROOT = Path(__file__).parent.parent

RF_RIGHT = case(
    "rf-right",
    "One",
    "F1 rectus_femoris complete_tear right definite",
    "F2 rectus_femoris hematoma right possible",
)
RF_LEFT = case("rf-left", "Two", "F1 rectus_femoris tear left definite")
RF_BOTH = case(
    "rf-both", "Three", "F1 rectus_femoris tear left definite", "F2 rectus_femoris normal right definite"
)
VASTUS = case(
    "vastus", "Four", "F1 vastus_lateralis contusion left definite", "F2 vastus_lateralis tear left absent"
)
NORMAL = case("normal", "Five", "F1 rectus_femoris normal right definite")
DENIED = case("denied", "Six", "F1 achilles_tendon tear right absent")


def collection(*cases: Case) -> sqlite3.Connection:
    connection = fresh()
    for each in cases:
        put_case(connection, each)
    return connection


def rows(by: str, *cases: Case) -> dict[str, Row]:
    return {row.concept: row for row in coverage(collection(*cases), (by,))[by]}


THIGH = (RF_RIGHT, RF_LEFT, RF_BOTH, VASTUS, NORMAL, DENIED)


def test_counts_do_not_depend_on_the_blocks_that_documents_lie_in(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [replace(each, slug=f"{each.slug}-{n}") for n in range(4) for each in THIGH]
    in_one = coverage(collection(*many))
    for name, value in (("BLOCK", 8), ("_RANK", 1)):
        monkeypatch.setattr(shelf, name, value)
    connection = collection(*many)
    assert len(shelf.Shelf(connection).blocks) == 4
    assert coverage(connection) == in_one
    assert max(row.cases for row in in_one["structure"]) == 4 * 4


def test_a_structure_counts_its_parts_and_a_case_once() -> None:
    found = rows("structure", *THIGH)
    assert (found["rectus_femoris"].cases, found["rectus_femoris"].normal) == (3, 1)
    assert (found["quadriceps"].cases, found["quadriceps"].normal) == (4, 1)
    assert (found["vastus_lateralis"].cases, found["vastus_lateralis"].normal) == (1, 0)


def test_what_was_only_excluded_counts_as_normal_never_as_a_case() -> None:
    assert (
        rows("structure", *THIGH)["achilles_tendon"].cases,
        rows("structure", *THIGH)["achilles_tendon"].normal,
    ) == (0, 1)
    tear = rows("abnormality", *THIGH)["tear"]
    assert (tear.cases, tear.normal) == (3, 2)  # excluded in the contused vastus and in the Achilles tendon


def test_sides_and_what_is_missing_of_the_other_one() -> None:
    found = rows("structure", *THIGH)["rectus_femoris"]
    assert (found.left, found.right, found.both) == (2, 1, 0)
    assert found.one_side == 2  # one case shows the normal other side too
    clip = Media(id="M1", side="left")
    shown = replace(RF_RIGHT, media=(clip,))
    assert rows("structure", shown)["rectus_femoris"].one_side == 0
    compared = replace(RF_RIGHT.findings[0], comparison="contralateral")
    assert rows("structure", replace(RF_RIGHT, findings=(compared,)))["rectus_femoris"].one_side == 0


def test_moving_clips_and_follow_up() -> None:
    connection = fresh()
    put_case(connection, replace(RF_RIGHT, media=(Media(id="M1"), Media(id="M2", day=20))), {"M1": 30})
    put_case(connection, replace(RF_LEFT, media=(Media(id="M1"),)))
    (tree,) = [r for r in coverage(connection, ("structure",))["structure"] if r.concept == "rectus_femoris"]
    assert (tree.cases, tree.cine, tree.no_followup) == (2, 1, 1)


def test_by_side_and_by_difficulty() -> None:
    sides = rows("side", *THIGH)
    assert {name: row.cases for name, row in sides.items()} == {"left": 3, "right": 1}
    hard = replace(RF_RIGHT, difficulty="advanced")
    assert {n: r.cases for n, r in rows("difficulty", hard, RF_LEFT).items()} == {
        "advanced": 1,
        "not recorded": 1,
    }


def test_a_tree_of_places_and_kinds_without_rows_that_repeat_the_next() -> None:
    tree = coverage(collection(*THIGH))
    levels = [(row.concept, row.level) for row in tree["structure"]]
    quadriceps = levels.index(("quadriceps", dict(levels)["quadriceps"]))
    assert levels[quadriceps + 1] == ("rectus_femoris", levels[quadriceps][1] + 1)
    assert "anterior_thigh" not in dict(levels)  # it holds the quadriceps alone
    kinds = {row.concept: row.level for row in tree["abnormality"]}
    assert kinds["complete_tear"] == kinds["tear"] + 1
    assert set(tree) == set(BY)


WORDS = st.sampled_from(
    ["rectus_femoris", "vastus_lateralis", "quadriceps", "achilles_tendon", "sciatic_nerve", "median_nerve"]
)
KINDS = st.sampled_from(["tear", "complete_tear", "hematoma", "normal", "nerve_entrapment"])
LINES = st.tuples(
    WORDS,
    KINDS,
    st.sampled_from(["left", "right", "bilateral", "unknown"]),
    st.sampled_from(["definite", "possible", "absent"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(LINES, min_size=1, max_size=4, unique=True), min_size=1, max_size=5))
def test_every_row_counts_what_the_question_for_its_name_finds(
    drawn: list[list[tuple[str, str, str, str]]],
) -> None:
    connection = fresh()
    for n, lines in enumerate(drawn):
        put_case(
            connection,
            case(f"c{n}", "A case", *(f"F{i} {' '.join(line)}" for i, line in enumerate(lines, 1))),
        )
    told = coverage(connection)
    for row in told["structure"]:
        asked = f"structure:{row.concept}"
        there = set()
        for kind in ("tear", "hematoma", "nerve_entrapment"):
            found = search(connection, parse(f"{asked} finding:{kind}", lexicon()), limit=20)
            there |= set() if found.loosened else {hit.case for hit in found.hits}
        assert len(there) == row.cases, row
    for row in told["abnormality"]:
        found = search(connection, parse(f"finding:{row.concept}", lexicon()), limit=20)
        assert (0 if found.loosened else found.total) == row.cases, row


# ------------------------------------------------------------------------------------------- syllabus


def understand(text: str) -> Query:
    return parse(text, lexicon())


def test_a_line_says_how_many_are_wanted_and_headings_stay_with_their_lines() -> None:
    text = b"\xef\xbb\xbf# Thigh\n\nrectus femoris tear\n3 x hamstring tear\n## Calf\n2\xc3\x97 tennis leg\n"
    lines = syllabus.read(text, understand)
    assert [(li.number, li.heading, li.asked, li.wanted) for li in lines] == [
        (3, "Thigh", "rectus femoris tear", 1), (4, "Thigh", "hamstring tear", 3), (6, "Calf", "tennis leg", 2)
    ]  # fmt: skip


def test_every_wrong_line_is_named_and_nothing_is_counted() -> None:
    with pytest.raises(UsageError) as caught:
        syllabus.read(b"(a\nrectus femoris tear\nfoo:bar\n", understand, file="s.txt")
    assert "s.txt" in str(caught.value)
    assert "line 1" in str(caught.value)
    assert "line 3" in str(caught.value)
    assert "line 2" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n# only headings\n", b"\x89PNG\0\0", b"x" * (syllabus.MOST_BYTES + 1)]
)
def test_what_is_no_syllabus_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        syllabus.read(content, understand)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_syllabus_or_a_clear_refusal(content: bytes) -> None:
    try:
        lines = syllabus.read(content, understand)
    except UsageError as error:
        assert str(error)
    else:
        assert all(line.asked and line.query.text == line.asked for line in lines)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    held = Archive.create(tmp_path_factory.mktemp("held") / "archive")
    held.ingest(
        [ROOT / "cases" / name for name in ("rectus-femoris-complete-tear", "biceps-femoris-partial-tear")]
    )
    return held


def test_what_is_near_a_line_or_of_its_absence_does_not_count(archive: Archive) -> None:
    asked = b"rectus femoris tear\n3 x hamstring tear\nhamstring tear right\nfrobnication\n"
    exact, short, other, unknown = archive.syllabus(asked)
    assert (exact.have, exact.missing, exact.cases) == (1, 0, ("rectus-femoris-complete-tear",))
    assert (short.have, short.missing) == (1, 2)
    assert (other.have, other.missing) == (0, 1)
    assert "other side" in other.reason
    assert "frobnication" in unknown.reason


def test_the_command_prints_tables_and_json(archive: Archive, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["--archive", str(archive._layout.root), "stats", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert all(len(line) <= 80 for line in run().splitlines())
    everything = json.loads(run("--json"))
    assert everything["cases"] == 2
    assert set(everything["coverage"]) == set(BY)
    assert set(json.loads(run("--by", "side", "--json"))) == {"coverage"}
    file = tmp_path / "sports.txt"
    file.write_text("# Thigh\nrectus femoris tear\n2 x achilles rupture\n", "utf-8")
    assert "none   2 x achilles rupture" in run("--syllabus", str(file))
    told = json.loads(run("--syllabus", str(file), "--json"))["syllabus"]
    assert [(t["have"], t["missing"]) for t in told] == [(1, 0), (0, 2)]


def test_a_way_of_counting_that_there_is_not(archive: Archive) -> None:
    with pytest.raises(UsageError, match="colour"):
        archive.coverage(["colour"])


def test_totals_read_no_table_row_by_row_in_the_order_of_an_index() -> None:
    """With a million files that was worse than linear: each row stands on another page."""
    connection, asked = fresh(), list[str]()
    put_case(connection, case("one", "Thigh", "F1 soleus tear left definite"))
    connection.set_trace_callback(asked.append)
    counts = read.counts(connection)
    connection.set_trace_callback(None)
    assert counts["structures"] == {"soleus": 1}
    assert len(asked) > 10
    plans = [line for sql in asked for (_, _, _, line) in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert not [line for line in plans if line.startswith("SCAN") and " USING INDEX " in line]
