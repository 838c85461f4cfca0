"""Promises of scripts/eval_search.py: its data is sound, its measures are what they say, and it runs.

No promise here is about how good the search is: docs/search.md says that, and the script measures it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from judging import data, page, seed  # noqa: E402
from judging.data import Question  # noqa: E402
from judging.scoring import Answer, Score  # noqa: E402


def _question(never: tuple[str, ...] = (), **grades: int) -> Question:
    return Question("tear", "plain", grades, frozenset(never), data.TRACKS)


# ------------------------------------------------------------------------------------------ the data


def test_there_are_enough_cases_and_questions_to_judge_by() -> None:
    assert len(data.cases()) >= 80
    assert len(data.questions()) >= 120
    per_category = Counter(q.category for q in data.questions())
    assert min(per_category.values()) >= 5, per_category


def test_no_case_and_no_question_is_there_twice() -> None:
    for names in ([c["id"] for c in data.cases()], [(q.category, q.text) for q in data.questions()]):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_grade_names_a_case_that_exists_and_contradicts_no_other() -> None:
    held = {case["id"] for case in data.cases()}
    for question in data.questions():
        assert {*question.grades, *question.never} <= held, question.text
        assert not question.grades.keys() & question.never, question.text


def test_every_concept_of_a_case_is_in_the_lexicon_or_named_as_expected() -> None:
    named = {name for case in data.cases() for name in data.concept_ids(case)}
    assert {name for name in named if not data.known(name)} <= data.expected_new()


def test_the_cases_document_absence_and_the_questions_exclude() -> None:
    absences = [f for case in data.cases() for f in case["finding"] if f.get("certainty") == "absent"]
    assert len(absences) >= 50
    assert sum(bool(q.never) for q in data.questions()) >= 60
    assert sum(not q.answerable for q in data.questions()) >= 5


# ------------------------------------------------------------------------------------------ the measures


def test_the_best_order_scores_one_and_a_worse_one_less() -> None:
    question = _question(a=3, b=1)
    assert Answer(question, ("a", "b", "x")).ndcg == pytest.approx(1.0)
    assert 0 < Answer(question, ("x", "b", "a")).ndcg < Answer(question, ("b", "a")).ndcg < 1
    assert Answer(question, ()).ndcg == 0


def test_an_excluded_case_is_a_violation_wherever_it_stands() -> None:
    assert Answer(_question(never=("n",), a=3), ("a", "x", "n")).violates
    assert not Answer(_question(never=("n",), a=3), ("a",)).violates


def test_a_near_miss_that_says_so_does_not_pretend() -> None:
    assert Answer(_question(), ("a",)).pretends
    assert not Answer(_question(), ("a",), labelled=True).pretends
    assert not Answer(_question(), ()).pretends


def test_means_leave_out_what_was_not_asked() -> None:
    score = Score.of([Answer(_question(a=3), ("a",)), Answer(_question(b=3), ())])
    assert (score.ndcg, score.zero, score.violations, score.pretences) == (0.5, 0.5, None, None)


# ------------------------------------------------------------------------------------------ the page


def test_the_tables_of_the_page_are_replaced_where_they_are_marked() -> None:
    text = "a\n<!-- aims -->\nold\n<!-- end -->\nb\n"
    once = page.rewritten(text, {"aims": "| new |"})
    assert once == "a\n<!-- aims -->\n\n| new |\n\n<!-- end -->\nb\n"
    assert page.rewritten(once, {"aims": "| new |"}) == once
    with pytest.raises(ValueError, match="no place"):
        page.rewritten(text, {"annotated": "x"})


def test_the_page_has_a_place_for_every_table() -> None:
    text = (ROOT / "docs" / "search.md").read_text("utf-8")
    for name in (*data.TRACKS, "aims"):
        assert f"<!-- {name} -->" in text


# ------------------------------------------------------------------------------------------ the script


def test_it_asks_and_keeps_what_it_found(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    words = [
        "--track",
        "annotated",
        "--category",
        "plain",
        "--first",
        "3",
        "--failures",
        "--json",
        str(target),
    ]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "eval_search.py"), *words, "--seed", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| **all**" in done.stdout
    assert "skipped" in done.stdout, "where there is no seed page it says so"
    kept = json.loads(target.read_text("utf-8"))
    assert kept["annotated"]["scores"]["all"]["questions"] == len(kept["annotated"]["answers"]) == 3
    assert kept["annotated"]["scores"]["plain FTS5, OR"]["questions"] == 3


def test_questions_over_the_seed_page_are_read_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "page.txt").write_text("one\ntwo\nthree\n", "utf-8")
    (tmp_path / "data" / "seed_queries.yaml").write_text(
        'passages:\n  P01: {lines: "2-3", about: "x"}\n  P02: {lines: "1", about: "y"}\n'
        'queries:\n- {id: D01, q: "two", challenge: c, must: [P01], must_not: [P02], why: "z"}\n',
        "utf-8",
    )
    assert seed.present(tmp_path)
    assert [(p["title"], p["story"]) for p in seed.passages(tmp_path)] == [
        ("P01", "two\nthree"),
        ("P02", "one"),
    ]
