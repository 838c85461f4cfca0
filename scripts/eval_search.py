#!/usr/bin/env python3
"""Judge the search by graded questions over invented cases; prints one table a track.

    python scripts/eval_search.py                            both tracks, all categories
    python scripts/eval_search.py --track annotated --category side --failures
    python scripts/eval_search.py --seed FOLDER              the development questions too, where they are there

The cases are in scripts/eval_search/cases_*.toml, the questions with their grades in queries.toml. Track *annotated*
has findings, measurements and media; *text only* has titles and stories. docs/search.md holds the last results.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from judging import archives, data, page, plainly, seed
from judging.data import Question
from judging.scoring import DEPTH, Answer, Score

from casearchive import Archive
from casearchive.errors import QueryError
from casearchive.terms import lexicon

_HEADS = ("category", "questions", "nDCG@10", "recall@10", "violations", "zero", "pretended")


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if options.docs and (options.track != "both" or options.category or options.first or options.no_plain):
        raise SystemExit("--docs needs both tracks, all questions and the comparison")
    if options.concepts:
        print(_concepts())
        return 0
    cases = data.cases()
    kept: dict[str, Any] = {}
    rows: dict[str, list[tuple[str, Score]]] = {}
    for track in data.TRACKS if options.track == "both" else (options.track.replace("-", " "),):
        questions = _chosen(options, track)
        with tempfile.TemporaryDirectory() as folder:
            archive = archives.build(Path(folder), cases, track)
            answers = [ask(archive, question) for question in questions]
        beside = {} if options.no_plain else _plain(cases, track, questions)
        kept[track] = _as_json(answers, beside)
        rows[track] = _rows(answers, beside)
        print(f"Track {track}:\n\n{_table(rows[track])}", end="\n\n")
        if options.failures:
            print(_failures(answers, options.failures), end="\n\n")
    if options.seed:
        kept["seed"] = _seed(options.seed, bool(options.failures))
    if options.docs:
        tables = {track: _table(found) for track, found in rows.items()}
        tables["aims"] = page.aims(*(dict(rows[track]) for track in data.TRACKS))
        options.docs.write_text(page.rewritten(options.docs.read_text("utf-8"), tables), "utf-8")
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


def ask(archive: Archive, question: Question) -> Answer:
    """The ten best hits for a question; a question that cannot be read is one that finds nothing."""
    try:
        results = archive.search(question.text, limit=DEPTH)
    except QueryError as error:
        return Answer(question, (), trouble=str(error))
    got = tuple(hit.case or "" for hit in results.hits)
    return Answer(question, got, results.loosened, results.understood)


def _chosen(options: argparse.Namespace, track: str) -> list[Question]:
    found = [
        q
        for q in data.questions()
        if track in q.tracks and (not options.category or q.category in options.category)
    ]
    return found[: options.first] if options.first else found


def _plain(cases: list[dict[str, Any]], track: str, questions: list[Question]) -> dict[str, list[Answer]]:
    connection = plainly.table(cases, track)
    ways = {"plain FTS5, OR": plainly.words_of, "with synonyms": plainly.words_and_synonyms}
    return {
        name: [Answer(q, tuple(plainly.asked(connection, way, q.text))) for q in questions]
        for name, way in ways.items()
    }


# ------------------------------------------------------------------------------------------- telling


def _rows(answers: list[Answer], beside: dict[str, list[Answer]]) -> list[tuple[str, Score]]:
    categories = list(dict.fromkeys(a.question.category for a in answers))
    rows = [
        (c.replace("_", " "), Score.of([a for a in answers if a.question.category == c])) for c in categories
    ]
    rows.append(("all", Score.of(answers)))
    return rows + [(name, Score.of(found)) for name, found in beside.items()]


def _table(rows: list[tuple[str, Score]]) -> str:
    cells = [
        (
            f"**{name}**" if name == "all" else name,
            str(score.questions),
            *(page.number(v) for v in (score.ndcg, score.recall)),
            *(page.share(v) for v in (score.violations, score.zero, score.pretences)),
        )
        for name, score in rows
    ]
    return page.table(_HEADS, cells)


def _failures(answers: list[Answer], most: int) -> str:
    """The worst questions first: a violation, nothing found, then by nDCG."""
    bad = [a for a in answers if a.violates or a.pretends or (a.question.answerable and a.ndcg < 0.98)]
    bad.sort(key=lambda a: (not a.violates, bool(a.got), a.ndcg, a.question.text))
    lines = []
    for a in bad[:most]:
        wrong = sorted(a.question.never & set(a.got))
        missing = sorted(set(a.question.grades) - set(a.got))
        marks = "".join((" VIOLATES " + ", ".join(wrong) if wrong else "", " PRETENDS" if a.pretends else ""))
        lines.append(f"[{a.question.category}] {a.question.text}   nDCG {a.ndcg:.2f}{marks}")
        lines.append(f"    understood: {'; '.join(a.understood) or a.trouble or '-'}")
        lines.append(f"    got:        {', '.join(_graded(a, slug) for slug in a.got) or 'nothing'}")
        if missing:
            lines.append(f"    missing:    {', '.join(f'{s}={a.question.grades[s]}' for s in missing)}")
    return "\n".join((f"{len(bad)} of {len(answers)} questions are not answered as they should be", *lines))


def _graded(answer: Answer, slug: str) -> str:
    return f"{slug}!" if slug in answer.question.never else f"{slug}={answer.question.grades.get(slug, 0)}"


def _as_json(answers: list[Answer], beside: dict[str, list[Answer]]) -> dict[str, Any]:
    return {
        "scores": {name: asdict(score) for name, score in _rows(answers, beside)},
        "answers": [
            {
                "query": a.question.text,
                "category": a.question.category,
                "ndcg": round(a.ndcg, 4),
                "got": list(a.got),
                "excluded": sorted(a.question.never & set(a.got)),
                "missing": sorted(set(a.question.grades) - set(a.got)),
                "labelled": a.labelled,
                "understood": list(a.understood),
                "trouble": a.trouble,
            }
            for a in answers
        ],
    }


def _seed(folder: Path, failures: bool) -> dict[str, Any]:
    if not seed.present(folder):
        print(f"seed page: skipped, {folder} does not hold it")
        return {}
    with tempfile.TemporaryDirectory() as place:
        answers = seed.ask(folder, archives.build(Path(place), seed.passages(folder), "text only"))
    print(seed.told(answers, failures))
    return {
        a.id: {"query": a.text, "missed": sorted(a.missed), "wrong": sorted(a.wrong), "got": list(a.got)}
        for a in answers
    }


def _concepts() -> str:
    """What became of the concepts that were expected: known by now, or still unknown and what is near."""
    terms = lexicon()
    lines = []
    for name in sorted(data.expected_new()):
        concept = terms.concept(name) or terms.resolve(name)
        near = terms.nearest(name.replace("_", " "), (), 3)
        lines.append(
            f"{name:28}{'= ' + concept.id if concept else '- unknown; near: ' + (', '.join(near) or 'nothing')}"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--track", choices=("both", "annotated", "text-only"), default="both")
    parser.add_argument("--category", action="append", default=[], help="only these; may be given again")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="only the first N questions")
    parser.add_argument(
        "--failures", type=int, nargs="?", const=60, default=0, metavar="N", help="the N worst questions"
    )
    parser.add_argument("--no-plain", action="store_true", help="without the comparison with plain full text")
    parser.add_argument(
        "--seed", type=Path, metavar="FOLDER", help="a folder with data/seed_queries.yaml and seed/*.txt"
    )
    parser.add_argument(
        "--concepts", action="store_true", help="only say which expected concepts the lexicon has"
    )
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="write the tables into docs/search.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep everything")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
