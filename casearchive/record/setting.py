"""Setting single fields of a case file by their dotted names, as ``edit --set`` does."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from casearchive.errors import UsageError
from casearchive.record.table import CASE

#: Kinds of ``record.table`` whose values are not text.
_WRITTEN_AS_TOML = frozenset(
    {
        "int",
        "number",
        "bool",
        "texts",
        "concepts",
        "points",
        "pair",
        "frames",
        "shape",
        "grades",
        "table",
        "tables",
    }
)


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The text with ``key = value`` set for each dotted key; comments and order stay.

    A key leads through a row of a list by the row's id (``media.M2.key_frame``, ``finding.F1.side``), or by its
    place, counted from 1, where rows have no id. A value is text, unless the field wants something else: then it
    is read as TOML (``true``, ``["a", "b"]``); fields that hold lists of words also take words parted by commas.
    A number that is set to nothing is taken out. The result is checked by the caller.
    Raises ``UsageError`` for a key that leads through something that is no table.
    """
    import tomlkit

    document = tomlkit.parse(text)
    for key, value in values.items():
        parts = key.split(".")
        table: Any = document
        for part in parts[:-1]:
            if isinstance(table, list):
                table = _row(key, table, part)
                continue
            if part not in table:
                table[part] = tomlkit.table()
            table = table[part]
            if not hasattr(table, "keys") and not _rows(table):
                raise UsageError(f"{key}: {part} is no table", hint="Edit lists with: casearchive edit CASE")
        if isinstance(table, list):
            ids = ", ".join(_id(row) for row in table if _id(row))
            raise UsageError(
                f"{key}: there are several; say which, and which field", hint=f"There are: {ids}"
            )
        kind = _kind(parts)
        if not value.strip() and kind in ("int", "number"):
            table.pop(parts[-1], None)
            continue
        table[parts[-1]] = _value(kind, value)
    return str(tomlkit.dumps(document))


def _rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(hasattr(row, "keys") for row in value)


def _id(row: Any) -> str:
    return str(row.get("id", ""))


def _row(key: str, rows: list[Any], name: str) -> Any:
    """The row with this id; by its place, from 1, where none has an id. Raises ``UsageError``."""
    ids = [_id(row) for row in rows]
    if name in ids:
        return rows[ids.index(name)]
    if not any(ids) and name.isdecimal() and len(name) < 10 and 1 <= int(name) <= len(rows):
        return rows[int(name) - 1]
    there = ", ".join(i for i in ids if i) or f"1 to {len(rows)}"
    raise UsageError(f"{key}: there is no {name}", hint=f"There are: {there}.")


def _kind(parts: list[str]) -> str:
    """What the case file's table of keys wants where these parts lead; nothing where it knows no such key."""
    table = CASE
    for part in parts[:-1]:
        field = table.field(part)
        if field is not None and field.table is not None:
            table = field.table  # a part that is no key is the id of a row
    field = table.field(parts[-1])
    return field.kind if field is not None else ""


def _value(kind: str, value: str) -> Any:
    """Text stays text; for what is no text the value is read as TOML, and left to be refused where it is none."""
    if kind in ("texts", "concepts") and not value.lstrip().startswith("["):
        return [word.strip() for word in value.split(",") if word.strip()]
    if kind in _WRITTEN_AS_TOML:
        try:
            return tomllib.loads(f"x = {value}")["x"]
        except tomllib.TOMLDecodeError:
            return value
    return value
