"""Pieces of SQL with their values, and the comparisons that questions are made of.

Only text written in this package becomes SQL text; whatever a user wrote is a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from casearchive.frozen import dataclass
from casearchive.query.tree import Range, Test

Param = str | int | float

#: How well a document answers: it matches, only its other side does, or it documents the absence.
MATCH, OTHER_SIDE, ABSENT = 0, 1, 2
#: How much less counts what has no side recorded, where a side is asked (written out in the SQL).
NO_SIDE = 0.4


@dataclass(frozen=True)
class Sql:
    """A piece of SQL and the values of its question marks, in order."""

    text: str
    params: tuple[Param, ...] = ()


#: Some documents, by number.
Documents = tuple[int, ...]


def sql(template: str, *parts: Sql) -> Sql:
    """``template`` with each ``{}`` replaced by a piece of SQL; parameters keep their order."""
    return Sql(template.format(*(p.text for p in parts)), tuple(v for p in parts for v in p.params))


def value(item: Param) -> Sql:
    return Sql("?", (item,))


def among(items: Iterable[Param]) -> Sql:
    """A set to compare with ``IN``; one parameter however long it is."""
    return Sql("(SELECT value FROM json_each(?))", (json.dumps(list(items)),))


def _join(glue: str, parts: Sequence[Sql], empty: str) -> Sql:
    if not parts:
        return Sql(empty)
    return Sql("(" + glue.join(p.text for p in parts) + ")", tuple(v for p in parts for v in p.params))


def every(parts: Sequence[Sql]) -> Sql:
    return _join(" AND ", parts, "1")


def any_way(parts: Sequence[Sql]) -> Sql:
    return _join(" OR ", parts, "0")


def only_of(column: str, only: Documents | None) -> Sql:
    """A restriction to some documents; none where ``only`` is None."""
    return sql(f" AND {column} IN {{}}", among(only)) if only is not None else Sql("")


#: Sides that nobody recorded.
UNRECORDED = ("unknown", "none", "")


def accepted(sides: Sequence[str]) -> tuple[str, ...]:
    """Sides that answer to these: what is on both sides is also on the left, and is not unilateral."""
    if "unilateral" in sides:
        sides = (*sides, "left", "right")
        return tuple(dict.fromkeys(sides))
    both = ("bilateral",) if "left" in sides or "right" in sides else ()
    return tuple(dict.fromkeys((*sides, *both)))


def other_sides(sides: Sequence[str]) -> tuple[str, ...]:
    """Sides that are another than these."""
    known = accepted(sides)
    return tuple(side for side in ("left", "right", "bilateral") if side not in known)


def side_factor(column: str, sides: Sequence[str]) -> Sql:
    """1 where the side is right, 0.4 where none is recorded, 0 where it is another one."""
    if not sides:
        return Sql("1.0")
    return sql(
        f"CASE WHEN {column} IN {{}} THEN 1.0 WHEN {column} IN ('unknown', 'none', '') THEN 0.4 ELSE 0.0 END",
        among(accepted(sides)),
    )


def compare(column: str, test: Test) -> Sql:
    if test.how == "filled":
        return Sql(f"({column} IS NOT NULL AND {column} <> '')")
    if test.how == "number":
        assert test.range is not None
        return between(column, test.range)
    if test.how == "date":
        low, high = test.bounds
        parts = [Sql(f"{column} IS NOT NULL")]
        parts += [sql(f"{column} >= {{}}", value(low))] if low else []
        parts += [sql(f"{column} < {{}}", value(high))] if high else []
        return every(parts)
    if test.how == "choice":
        return sql(f"{column} IN {{}}", among(test.values))
    if test.how == "same":
        return any_way([same(column, item) for item in test.values])
    return any_way([sql(f"{column} LIKE {{}} ESCAPE '\\'", value(like(item))) for item in test.values])


def same(column: str, text: str) -> Sql:
    if text.endswith("*"):
        return sql(f"{column} LIKE {{}} ESCAPE '\\'", value(escaped(text[:-1]) + "%"))
    return sql(f"{column} = {{}} COLLATE NOCASE", value(text))


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def like(text: str) -> str:
    return "%" + escaped(text) + "%"


def between(column: str, span: Range) -> Sql:
    parts = [Sql(f"{column} IS NOT NULL")]
    if span.low is not None:
        parts.append(sql(f"{column} {'>=' if span.low_in else '>'} {{}}", value(span.low)))
    if span.high is not None:
        parts.append(sql(f"{column} {'<=' if span.high_in else '<'} {{}}", value(span.high)))
    return every(parts)
