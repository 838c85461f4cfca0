"""Setting single fields of a case file by their dotted names, as ``edit --set`` does."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from casearchive.errors import UsageError

_LIST_FIELDS = frozenset(
    {"category", "tags", "symptoms", "mechanism", "differential", "points", "pitfalls", "references"}
)


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The text with ``key = value`` set for each dotted key; comments and order stay.

    A value is text, unless the field wants something else: then it is read as TOML (``true``, ``["a", "b"]``);
    fields that hold lists of words also take words parted by commas. The result is checked by the caller.
    Raises ``UsageError`` for a key that leads through something that is no table.
    """
    import tomlkit

    document = tomlkit.parse(text)
    for key, value in values.items():
        parts = key.split(".")
        table: Any = document
        for part in parts[:-1]:
            if part not in table:
                table[part] = tomlkit.table()
            table = table[part]
            if not hasattr(table, "keys"):
                raise UsageError(f"{key}: {part} is no table", hint="Edit lists with: casearchive edit CASE")
        table[parts[-1]] = _value(document, parts, value)
    return str(tomlkit.dumps(document))


def _value(document: Any, parts: list[str], value: str) -> Any:
    if parts[-1] in _LIST_FIELDS and not value.lstrip().startswith("["):
        return [word.strip() for word in value.split(",") if word.strip()]
    try:
        read = tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return value
    return read if not isinstance(read, str) and parts[-1] in {"fictional", *_LIST_FIELDS} else value
