"""A ``Case`` as a new case file, in the usual order; ``record.editing`` changes a text that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from casearchive.model import Case, Evidence
from casearchive.record.table import CASE, Field, Table

#: Lists longer than this are written one item a line.
_WIDTH = 100
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(case: Case) -> str:
    """A new, readable case file: only what differs from the default, in the order of the case-file format.

    ``loads(dumps(case), slug=case.slug) == case`` for every case that ``loads`` can give. The slug is the
    file's or folder's name and is not written.
    """
    scalars: list[str] = []
    blocks: list[str] = []
    for field, value in given(CASE, case):
        if field.kind == "table" and field.table is not None:
            blocks.append("\n".join([f"[{field.key}]", *section_lines(field.table, value)]))
        elif field.kind == "tables" and field.table is not None:
            blocks.extend("\n".join([f"[[{field.key}]]", *section_lines(field.table, row)]) for row in value)
        else:
            scalars.append(f"{field.key} = {value_text(field, value)}")
    return "\n\n".join(["\n".join(scalars), *blocks]) + "\n"


def given(table: Table, made: Any) -> Iterator[tuple[Field, Any]]:
    """The fields of ``made`` that say something, with their values."""
    for field in table.fields:
        if field.kind == "shape":
            if made.shape:
                yield Field(made.shape, "drawn", field.doc), made
            continue
        value = getattr(made, field.name)
        if field.required or value != table.default(field):
            yield field, value


def section_lines(table: Table, made: Any) -> list[str]:
    return [f"{field.key} = {value_text(field, value)}" for field, value in given(table, made)]


def value_text(field: Field, value: Any, *, one_line: bool = False) -> str:
    """One value as TOML."""
    if field.kind == "table" and field.table is not None:
        return inline_text(field.table, value)
    if field.kind == "tables" and field.table is not None:
        return _list([inline_text(field.table, row) for row in value], one_line=one_line)
    if field.kind == "drawn":
        return shape_text(value)
    if field.kind == "grades":
        return "{ " + ", ".join(f"{_key(g.scale)} = {_string(g.value)}" for g in value) + " }"
    if field.kind in ("points", "pair"):
        return _points(value)
    if field.kind == "frames":
        return f"[{value[0]}, {value[1]}]"
    if field.kind == "date":
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, tuple):
        return _list([_string(item) for item in value], one_line=one_line)
    if "\n" in value and not one_line:
        return _paragraphs(value)
    return _string(value)


def inline_text(table: Table, made: Any) -> str:
    pairs = [
        f"{field.key} = {value_text(field, value, one_line=True)}" for field, value in given(table, made)
    ]
    return "{ " + ", ".join(pairs) + " }" if pairs else "{}"


def shape_text(evidence: Evidence) -> str:
    if evidence.shape == "point":
        return _points(evidence.points)[1:-1]
    return _points(evidence.points)


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return "[" + ", ".join(f"[{_number(x)}, {_number(y)}]" for x, y in points) + "]"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _list(items: list[str], *, one_line: bool) -> str:
    line = "[" + ", ".join(items) + "]"
    if one_line or len(line) <= _WIDTH:
        return line
    return "[\n" + "".join(f"  {item},\n" for item in items) + "]"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\")
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", lambda m: f"\\u{ord(m[0]):04X}", text)


def _string(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n") + '"'


def _paragraphs(text: str) -> str:
    quoted = re.sub(r'"(?="|\Z)', '\\\\"', _escaped(text))
    return f'"""\n{quoted}"""'
