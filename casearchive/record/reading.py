"""A case file's text into a ``Case``, or every problem in it at once, each with its line and field."""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from casearchive.errors import Problem, RecordError
from casearchive.model import Case, Grade
from casearchive.record.layout import Layout, Path
from casearchive.record.table import CASE, EVIDENCE, SHAPES, Field, Table
from casearchive.terms import lexicon
from casearchive.terms.grades import called

#: A case file larger or deeper than this is not one.
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20

_SLUG = re.compile(r"[a-z0-9-]+")
_SYNTAX = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)\Z", re.S
)
_KEY = r"(?:[A-Za-z0-9_-]+|\"[^\"\n]{0,99}\"|'[^'\n]{0,99}')"
#: A dotted key deeper than any case file: refused before tomllib, which takes quadratic time over it.
_DEEP_KEY = re.compile(rf"(?:^|[{{,\[])[ \t]*(?:{_KEY}[ \t]*\.[ \t]*){{{MAX_DEPTH}}}", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HINTS = {
    "age": 'write it as "24 Y" (Y, M, W or D)',
    "sha256": "it is 64 characters of 0-9 and a-f",
    "id": "it starts with a letter or digit and holds letters, digits, _ . and - only",
}

Point = tuple[float, float]


class _BadValueError(Exception):
    """A value that cannot stand here; its text says why."""


def loads(text: str, *, slug: str, file: str = "case.toml") -> Case:
    """The case that ``text`` describes.

    Anatomy, abnormality, site, manoeuvre, plane, mode and position become concept ids where the word is known
    and stay as written where it is not (``unknown_words`` lists those). Media and findings without an id get
    one (``M1``, ``F1`` …). Raises ``RecordError`` with every problem, each with its line (from 1) and field.
    """
    text = text.removeprefix("\ufeff")
    return _Reader(text, slug, file).read()


def read_values(values: dict[str, Any], slug: str) -> tuple[Case, tuple[tuple[Path, str], ...]]:
    """The case that values, as ``tomllib`` would give them, describe, with every complaint: (path, what is wrong).

    Where there are complaints, the case holds defaults in the places they name. Paths count list items from 0.
    """
    reader = _Reader("", slug, "")
    case = reader._table(CASE, values, ())
    reader._references(values)
    assert isinstance(case, Case)
    return case, tuple(reader.complaints)


class _Reader:
    def __init__(self, text: str, slug: str, file: str) -> None:
        self.text, self.slug, self.file = text, slug, file
        self.complaints: list[tuple[Path, str]] = []

    def read(self) -> Case:
        values = self._parse()
        if not _SLUG.fullmatch(self.slug):
            self.complaints.append((("slug",), f"{self.slug!r} is no slug: use a-z, 0-9 and hyphens"))
        case = self._table(CASE, values, ())
        self._references(values)
        if self.complaints:
            raise RecordError(self._problems())
        assert isinstance(case, Case)
        return case

    # ---------------------------------------------------------------------------------------------- text

    def _parse(self) -> dict[str, Any]:
        if len(self.text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise self._refused(
                f"the file is larger than {MAX_BYTES // 1024} KiB; a case file is text, not media"
            )
        if _DEEP_KEY.search(self.text):
            raise self._refused(f"values are nested deeper than {MAX_DEPTH} levels")
        try:
            values = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise self._syntax(str(error)) from error
        except RecursionError as error:
            raise self._refused(f"values are nested deeper than {MAX_DEPTH} levels") from error
        except ValueError as error:  # an integer of thousands of digits, a date that does not exist
            raise self._refused(f"a value cannot be read: {error}") from error
        if _deeper_than(values, MAX_DEPTH):
            raise self._refused(f"values are nested deeper than {MAX_DEPTH} levels")
        return values

    def _refused(self, message: str) -> RecordError:
        return RecordError((Problem(self.file, 1, "file", message),))

    def _syntax(self, message: str) -> RecordError:
        match = _SYNTAX.fullmatch(message)
        what = match["what"] if match else message
        if match and match["line"]:
            line, place = int(match["line"]), f"column {match['column']}: "
        else:
            line, place = self.text.count("\n") + (not self.text.endswith("\n")), "at the end: "
        return RecordError((Problem(self.file, max(line, 1), "TOML", place + what),))

    def _problems(self) -> tuple[Problem, ...]:
        layout = Layout(self.text)
        found = [Problem(self.file, layout.line(p), dotted(p), message) for p, message in self.complaints]
        return tuple(sorted(found, key=lambda problem: problem.line))

    # ---------------------------------------------------------------------------------------------- tables

    def _table(self, table: Table, values: Any, path: Path) -> Any:
        """One table as its dataclass; complaints are collected, defaults stand in for what is wrong."""
        if not isinstance(values, dict):
            self.complaints.append((path, f"must be a table, not {_called(values)}"))
            values = {}
        shapes = SHAPES if table is EVIDENCE else {}
        known = [f.key for f in table.fields if f.kind != "shape"] + list(shapes)
        for key in values:
            if key not in known:
                self.complaints.append(((*path, key), f"unknown key '{key}'{_did_you_mean(key, known)}"))
        made: dict[str, Any] = {}
        for field in table.fields:
            if field.kind == "shape":
                made["shape"], made["points"] = self._shape(values, path)
            elif field.key in values:
                made[field.name] = self._field(table, field, values[field.key], (*path, field.key))
            elif field.required:
                self.complaints.append(((*path, field.key), f"{field.key} is missing: {field.doc}"))
                made[field.name] = table.default(field)
            else:
                made[field.name] = table.default(field)
        if table is CASE:
            made["slug"] = self.slug
        return table.made(**made)

    def _field(self, table: Table, field: Field, value: Any, path: Path) -> Any:
        if field.kind == "table" and field.table is not None:
            return self._table(field.table, value, path)
        if field.kind == "tables" and field.table is not None:
            return self._tables(field, value, path)
        if field.kind == "choice" and value == "":
            return table.default(field)
        try:
            return _READERS[field.kind](field, value)
        except _BadItemError as bad:
            self.complaints.append(((*path, *bad.where), str(bad)))
        except _BadValueError as bad:
            self.complaints.append((path, str(bad)))
        return table.default(field)

    def _tables(self, field: Field, value: Any, path: Path) -> tuple[Any, ...]:
        assert field.table is not None
        if not isinstance(value, list):
            wanted = f"[[{field.key}]]" if not field.table.inline else f"{field.key} = [{{ … }}]"
            self.complaints.append((path, f"must be a list of tables, written {wanted}"))
            return ()
        rows = [self._table(field.table, row, (*path, n)) for n, row in enumerate(value)]
        if field.table.field("id") is None:
            return tuple(rows)
        return tuple(_with_ids(rows, field.key[0].upper()))

    def _shape(self, values: dict[str, Any], path: Path) -> tuple[str, tuple[Point, ...]]:
        drawn = [key for key in values if key in SHAPES]
        if not drawn:
            return "", ()
        if len(drawn) > 1:
            self.complaints.append(
                ((*path, drawn[1]), f"one shape for one piece of evidence, not {' and '.join(drawn)}")
            )
            return "", ()
        shape = drawn[0]
        try:
            return shape, shape_points(shape, values[shape])
        except _BadValueError as bad:
            self.complaints.append(((*path, shape), str(bad)))
        return "", ()

    # -------------------------------------------------------------------------------------------- references

    def _references(self, values: dict[str, Any]) -> None:
        """Ids are unique, and what refers to a clip or a finding refers to one that is there."""
        ids = {key: self._ids(values, key) for key in ("media", "finding")}
        known = {key: sorted(found) for key, found in ids.items()}
        for path, field, value in _references_in(CASE, values, ()):
            if value not in ids[field.refers]:
                have = known[field.refers]
                hint = _did_you_mean(value, have) or (f"; there is {', '.join(have[:8])}" if have else "")
                self.complaints.append((path, f"no {field.refers} has the id '{value}'{hint}"))
        for number, quiz in enumerate(_rows(values, "quiz")):
            answer, options = quiz.get("answer"), quiz.get("options")
            offered = len(options) if isinstance(options, list) else 0
            if isinstance(answer, int) and not isinstance(answer, bool) and answer > offered:
                self.complaints.append(
                    (
                        ("quiz", number, "answer"),
                        f"there are {offered} options, so the answer cannot be number {answer}",
                    )
                )
            reasons = quiz.get("reasons")
            if isinstance(reasons, list) and reasons and len(reasons) != offered:
                why = f'there are {offered} options and {len(reasons)} reasons: give each option one, "" for none'
                self.complaints.append((("quiz", number, "reasons"), why))

    def _ids(self, values: dict[str, Any], key: str) -> set[str]:
        seen: dict[str, int] = {}
        rows = _rows(values, key)
        for number, row in enumerate(rows):
            written = row.get("id")
            if not isinstance(written, str) or not written:
                continue
            if written in seen:
                self.complaints.append(
                    ((key, number, "id"), f"'{written}' is already the id of {key}[{seen[written] + 1}]")
                )
            seen.setdefault(written, number)
        free = _free_ids(key[0].upper(), set(seen))
        return set(seen) | {next(free) for row in rows if not row.get("id")}


def _references_in(table: Table, values: Any, path: Path) -> Iterator[tuple[Path, Field, str]]:
    """Every text that must be the id of a clip or a finding: (path, field, text)."""
    if not isinstance(values, dict):
        return
    for field in table.fields:
        value = values.get(field.key)
        here = (*path, field.key)
        if field.refers and isinstance(value, str):
            if value:
                yield here, field, value
        elif field.kind == "table" and field.table is not None:
            yield from _references_in(field.table, value, here)
        elif field.kind == "tables" and field.table is not None and isinstance(value, list):
            for number, row in enumerate(value):
                yield from _references_in(field.table, row, (*here, number))


def _rows(values: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = values.get(key)
    return [r if isinstance(r, dict) else {} for r in rows] if isinstance(rows, list) else []


def _free_ids(letter: str, taken: set[str]) -> Iterator[str]:
    """``M1``, ``M2`` … without those that are taken."""
    return (made for number in count(1) if (made := f"{letter}{number}") not in taken)


def _with_ids(rows: list[Any], letter: str) -> Iterator[Any]:
    """The rows, those without an id numbered ``M1``, ``M2`` … past the ids that are taken."""
    free = _free_ids(letter, {row.id for row in rows})
    return (row if row.id else replace(row, id=next(free)) for row in rows)


def _deeper_than(values: Any, limit: int) -> bool:
    level: list[Any] = [values]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def dotted(path: Path) -> str:
    """A path as a person reads it: ``finding[2].side``, items counted from 1."""
    out = ""
    for part in path:
        out += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if out else part
    return out


# -------------------------------------------------------------------------------------------------- values


class _BadItemError(_BadValueError):
    def __init__(self, where: Path, message: str) -> None:
        self.where = where
        super().__init__(message)


def _called(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _BadValueError(f"must be text in quotes, not {_called(value)}")
    if control := _CONTROL.search(value):
        raise _BadValueError(f"holds a control character (U+{ord(control[0]):04X}); write plain text")
    if any("\ud800" <= c <= "\udfff" for c in value):  # how Python passes on bytes that are no UTF-8
        raise _BadValueError("holds a byte that is no letter in UTF-8; write plain text")
    return value


def _line(field: Field, value: Any) -> str:
    text = _text(field, value)
    if "\n" in text:
        raise _BadValueError("must stand on one line")
    if field.required and not text.strip():
        raise _BadValueError(f"is empty: {field.doc}")
    if field.pattern and text and not re.fullmatch(field.pattern, text):
        raise _BadValueError(f"'{_shown(text)}' cannot stand here: {_HINTS.get(field.key, field.doc)}")
    return text


def _prose(field: Field, value: Any) -> str:
    text = _text(field, value)
    if field.required and not text.strip():
        raise _BadValueError(f"is empty: {field.doc}")
    return text


def _file(field: Field, value: Any) -> str:
    """A plain relative name beside the case file; nothing that could lead out of its folder."""
    text = _line(field, value)
    parts = text.split("/")
    if text and (
        any(part in ("", ".", "..") or part != part.strip() for part in parts)
        or re.search(r"[\\:*?\"<>|]|^~", text)
    ):
        raise _BadValueError(
            f"'{_shown(text)}' must be a plain name inside the case's folder, such as clip.dcm"
        )
    return text


def _choice(field: Field, value: Any) -> str:
    text = _line(field, value)
    if text not in field.choices:
        hint = _did_you_mean(text, field.choices) or f"; one of {', '.join(field.choices)}"
        raise _BadValueError(f"'{_shown(text)}' is not known here{hint}")
    return text


def _concept(field: Field, value: Any) -> str:
    text = _line(field, value)
    found = lexicon().resolve(text, field.concepts)
    return found.id if found is not None else text


def _word(field: Field, value: Any) -> str:
    text = _line(field, value)
    found = lexicon().resolve(text, field.concepts)
    return called(found.id, lexicon()) if found is not None else text


def _each(field: Field, value: Any, one: Callable[[Field, Any], str]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _BadValueError(f'must be a list, such as ["…"], not {_called(value)}')
    found = []
    for number, item in enumerate(value):
        try:
            text = one(field, item)
        except _BadValueError as bad:
            raise _BadItemError((number,), str(bad)) from bad
        if not text.strip():
            raise _BadItemError((number,), "an empty text in a list; take it out")
        found.append(text)
    return tuple(found)


def _texts(field: Field, value: Any) -> tuple[str, ...]:
    return _each(field, value, _text)


def _concepts(field: Field, value: Any) -> tuple[str, ...]:
    return _each(field, value, _concept)


def _bool(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _BadValueError(f"must be true or false, not {_called(value)}")
    return value


def _int(field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _BadValueError(f"must be a whole number, not {_called(value)}")
    if abs(value) > 2**53:  # first: a number of thousands of digits cannot even be written
        raise _BadValueError("is too large to be true")
    if field.low is not None and value < field.low:
        raise _BadValueError(f"must be {field.low} or more, as it is counted from {field.low}; it is {value}")
    return value


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _BadValueError(f"must be a number, not {_called(value)}")
    if abs(value) > 1e15 or not math.isfinite(
        value
    ):  # in this order: a whole number may be too long for isfinite
        raise _BadValueError("must be a finite number")
    if field.low is not None and value < field.low:
        raise _BadValueError(f"must not be less than {field.low}")
    if field.required and field.low == 0 and value == 0:
        raise _BadValueError("must be more than 0")
    return float(value)


def _date(field: Field, value: Any) -> str:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, str):
        if not value:
            return value
        try:
            return datetime.date.fromisoformat(value).isoformat()
        except ValueError:
            raise _BadValueError(f"'{_shown(value)}' is not a date; write it as 2028-01-31") from None
    raise _BadValueError(f"must be a date such as 2028-01-31, not {_called(value)}")


def _point(value: Any) -> Point:
    if not isinstance(value, list) or len(value) != 2:
        raise _BadValueError("a point is [x, y]")
    coordinate = Field("point", "number", "")
    return _number(coordinate, value[0]), _number(coordinate, value[1])


def _points(field: Field, value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list):
        raise _BadValueError(
            f"must be a list of points such as [[300, 240], [520, 244]], not {_called(value)}"
        )
    return tuple(_point(item) for item in value)


def _pair(field: Field, value: Any) -> tuple[Point, ...]:
    points = _points(field, value)
    if len(points) != 2 or points[0] == points[1]:
        raise _BadValueError("must be two different points, such as [[100, 60], [100, 460]]")
    return points


def shape_points(shape: str, value: Any) -> tuple[Point, ...]:
    """The points of a shape as the case file writes them: a point is ``[x, y]``, the others lists of such."""
    points = (_point(value),) if shape == "point" else _points(Field(shape, "points", ""), value)
    fewest, most = SHAPES[shape]
    if shape == "ellipse" and len(points) not in (2, 4):
        raise _BadValueError("an ellipse takes two corners of its box or the four ends of its axes")
    if len(points) < fewest or (most is not None and len(points) > most):
        wanted = f"{fewest}" if most == fewest else f"at least {fewest}"
        noun = "point" if fewest == most == 1 else "points"
        raise _BadValueError(f"a {shape} takes {wanted} {noun}, not {len(points)}")
    return points


def _frames(field: Field, value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _BadValueError("must be [first, last], frames counted from 1")
    whole = Field("frames", "int", "", low=1)
    first, last = _int(whole, value[0]), _int(whole, value[1])
    if first > last:
        raise _BadValueError(f"the first frame ({first}) comes after the last ({last})")
    return first, last


def _grades(field: Field, value: Any) -> tuple[Grade, ...]:
    if not isinstance(value, dict):
        raise _BadValueError(f'must be a table such as {{ peetrons = "3" }}, not {_called(value)}')
    found: dict[str, Grade] = {}
    scales = Field("scale", "word", "", concepts=frozenset({"scale"}))
    for written, grade in value.items():
        scale = _word(scales, written)
        if isinstance(grade, bool) or not isinstance(grade, (str, int)) or grade == "":
            raise _BadItemError((written,), f'a grade is text such as "2b", not {_called(grade)}')
        if not scale or scale in found:
            raise _BadItemError((written,), f"the scale '{_shown(scale)}' is graded twice or has no name")
        found[scale] = Grade(scale, _line(scales, str(grade)))
    return tuple(found.values())


def _shown(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "…"


def _did_you_mean(word: str, known: Collection[str]) -> str:
    from casearchive.terms.spelling import nearest_words

    near = nearest_words(word, known) if len(known) <= 200 else ()
    return f"; did you mean '{near[0]}'?" if near else ""


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "line": _line,
    "text": _prose,
    "path": _file,
    "choice": _choice,
    "concept": _concept,
    "word": _word,
    "texts": _texts,
    "concepts": _concepts,
    "bool": _bool,
    "int": _int,
    "number": _number,
    "date": _date,
    "points": _points,
    "pair": _pair,
    "frames": _frames,
    "grades": _grades,
}
