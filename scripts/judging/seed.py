"""The development questions over the seed page: which passages must come and which must not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casearchive import Archive
from casearchive.errors import QueryError

_PASSAGE = re.compile(r'^  (P\d+): \{lines: "(\d+)(?:-(\d+))?"', re.M)
_QUESTION = re.compile(
    r'^- \{id: (D\d+), q: (?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\').*?must: \[(.*?)\], must_not: \[(.*?)\]', re.M
)


@dataclass(frozen=True)
class Asked:
    id: str
    text: str
    must: frozenset[str]
    must_not: frozenset[str]
    got: tuple[str, ...]
    labelled: bool

    @property
    def missed(self) -> frozenset[str]:
        return self.must - set(self.got)

    @property
    def wrong(self) -> frozenset[str]:
        return self.must_not & set(self.got)


def present(folder: Path) -> bool:
    return _questions(folder).is_file() and _page(folder) is not None


def passages(folder: Path) -> list[dict[str, Any]]:
    """Every passage as a case of its own, its number for a title."""
    page = _page(folder)
    assert page is not None
    lines = page.read_text("utf-8").splitlines()
    return [
        {
            "id": name.lower(),
            "title": name,
            "story": "\n".join(lines[int(first) - 1 : int(last or first)]).strip() or "-",
            "finding": [],
        }
        for name, first, last in _PASSAGE.findall(_questions(folder).read_text("utf-8"))
    ]


def ask(folder: Path, archive: Archive) -> list[Asked]:
    """All questions, twenty hits each: what ``search`` shows unless told otherwise."""
    answers = []
    for number, double, single, must, must_not in _QUESTION.findall(_questions(folder).read_text("utf-8")):
        text = double.replace('\\"', '"') or single
        try:
            results = archive.search(text, limit=20)
            got, labelled = tuple((hit.case or "").upper() for hit in results.hits), results.loosened
        except QueryError:
            got, labelled = (), False
        answers.append(Asked(number, text, _names(must), _names(must_not), got, labelled))
    return answers


def told(answers: list[Asked], failures: bool) -> str:
    """Rates in a few lines, and what failed."""
    wanted = [a for a in answers if a.must]
    share = sum(1 - len(a.missed) / len(a.must) for a in wanted) / len(wanted)
    barred = [a for a in answers if a.must_not]
    nothing = [a for a in answers if not a.must]
    complete, wrong = sum(not a.missed for a in wanted), sum(bool(a.wrong) for a in barred)
    quiet = sum(not a.got or a.labelled for a in nothing)
    lines = [
        f"seed page: {len(answers)} questions",
        f"  wanted passages found        {share:.3f} (all of them in {complete} of {len(wanted)})",
        f"  questions with a wrong one   {wrong / len(barred):.3f} ({wrong} of {len(barred)})",
        f"  nothing to find, kept empty  {quiet} of {len(nothing)}",
    ]
    for a in answers if failures else ():
        if a.missed or a.wrong:
            lines.append(
                f"  {a.id} {a.text}: missed {sorted(a.missed)} wrong {sorted(a.wrong)} got {list(a.got[:8])}"
            )
    return "\n".join(lines)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _questions(folder: Path) -> Path:
    return folder / "data" / "seed_queries.yaml"


def _page(folder: Path) -> Path | None:
    return next(iter(sorted((folder / "seed").glob("*.txt"))), None)
