"""What a collection should hold, as a plain text: one question a line, and how much of it there is.

    # Thigh
    complete tear of the rectus femoris
    3 x hamstring tear, with cine

A line is asked like a search. A number and an "x" before it say how many cases are wanted (else one); lines that
begin with ``#`` are headings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from casearchive.errors import QueryError, UsageError
from casearchive.query import Query
from casearchive.query.tree import And, Has

if TYPE_CHECKING:
    from casearchive.index.hits import Results

_WANTED = re.compile(r"(\d{1,6})\s*[x×*]\s+(?=\S)", re.IGNORECASE)
_KEPT_OUT = {"absent": "of its absence", "other_side": "of the other side"}
#: A syllabus longer than this is another kind of file.
MOST_LINES, MOST_BYTES = 5_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line that asks for something: ``number`` counts from 1, ``query`` asks for cases alone."""

    number: int
    heading: str
    asked: str
    wanted: int
    query: Query


@dataclass(frozen=True, slots=True)
class Topic:
    """What the collection holds of one line: ``have`` cases answer it as it is written, ``cases`` are the best of
    them. ``reason`` says, where there are none, which cases were kept out or which words were not understood."""

    line: int
    heading: str
    asked: str
    wanted: int
    have: int
    cases: tuple[str, ...]
    reason: str = ""

    @property
    def missing(self) -> int:
        """How many more cases are wanted."""
        return max(0, self.wanted - self.have)


def read(content: bytes, understand: Callable[[str], Query], *, file: str = "") -> tuple[Line, ...]:
    """The lines of a syllabus; ``understand`` reads the question of one (``query.parse`` with all it needs).

    Raises ``UsageError`` that names every line which cannot be asked, or for a file that is no text or empty.
    """
    if len(content) > MOST_BYTES or b"\0" in content:
        raise UsageError(
            "this is no syllabus", where=file, hint="It is a text file with one question a line."
        )
    lines: list[Line] = []
    wrong: list[str] = []
    heading = ""
    for number, written in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        text = " ".join(written.split())
        if text.startswith("#"):
            heading = text.lstrip("#").strip()
            continue
        if not text:
            continue
        if number > MOST_LINES:
            raise UsageError(f"a syllabus has at most {MOST_LINES} lines", where=file)
        told = _WANTED.match(text)
        asked = text[told.end() :] if told else text
        wanted = int(told.group(1)) if told else 1
        try:
            query = understand(asked)
        except QueryError as error:
            wrong.append(f"line {number}: {error}")
            continue
        lines.append(Line(number, heading, asked, wanted, _of_cases(query)))
    if wrong:
        raise UsageError("\n".join(wrong), where=file)
    if not lines:
        raise UsageError(
            "there is nothing in this syllabus",
            where=file,
            hint="Write one question a line: rectus femoris tear",
        )
    return tuple(lines)


def _of_cases(query: Query) -> Query:
    """The same, of cases alone: a file outside every case teaches nothing yet."""
    parts = query.root.parts if isinstance(query.root, And) else (query.root,)
    return replace(query, root=And((*parts, Has("case"))))


def compared(lines: Iterable[Line], ask: Callable[[Query], Results]) -> tuple[Topic, ...]:
    """Every line with what ``ask`` finds for it; what is merely near it does not count."""
    return tuple(_topic(line, ask(line.query)) for line in lines)


def _topic(line: Line, found: Results) -> Topic:
    near = found.loosened or not found.total
    reason = ""
    if near:
        words = [found.query[start:end] for start, end in line.query.unknown]
        kept = [f"{count} {_KEPT_OUT[name]}" for name, count in found.hidden.items() if count]
        reason = f"not in the vocabulary: {', '.join(words)}" if words else ", ".join(kept)
    return Topic(
        line.number,
        line.heading,
        line.asked,
        line.wanted,
        0 if near else found.total,
        () if near else tuple(hit.case for hit in found.hits if hit.case is not None),
        reason,
    )
