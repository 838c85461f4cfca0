"""Values from documents of others as a case: what a record cannot hold is left out and told, the rest is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from casearchive.model import Case
from casearchive.record.layout import Path
from casearchive.record.reading import dotted, read_values
from casearchive.record.table import CASE, Table

_ROUNDS = 12
_ONE_LINE = ("line", "concept", "word")
_UNTITLED = "Untitled"


def case_of(values: dict[str, Any], slug: str) -> tuple[Case, list[str]]:
    """The case that ``values`` (as of a case file; they are changed) describe, and a sentence for each that it cannot
    hold. A row that lacks what it must have goes as a whole, but the case itself: one without a title is untitled. What
    must stand on one line is put on one."""
    notes: list[str] = []
    _on_one_line(values, CASE)
    if not values.get("title"):
        values["title"] = _UNTITLED
    for _ in range(_ROUNDS):
        case, complaints = read_values(values, slug)
        if not complaints:
            return case, notes
        notes += [f"left out: {dotted(path)}: {why}" for path, why in complaints]
        take_out(values, [path for path, _ in complaints])
    return Case(slug, str(values["title"])), [
        *notes,
        "nothing else could be made sense of",
    ]


def _on_one_line(values: Any, table: Table) -> None:
    for field in table.fields:
        value = values.get(field.key) if isinstance(values, dict) else None
        if field.kind in _ONE_LINE and isinstance(value, str):
            values[field.key] = re.sub(r"\s*\n\s*", " ", value).strip("\n")
        elif field.table is not None:
            for row in value if isinstance(value, list) else (value,):
                _on_one_line(row, field.table)


def take_out(values: dict[str, Any], paths: Iterable[Path]) -> None:
    """Take out what stands at ``paths`` (items from 0); of what is not there, the row that lacks it."""
    there = {path if _holder(values, path)[0] is not None else path[:-1] for path in paths}
    whole = [path for path in there if not any(path[:n] in there for n in range(len(path)))]
    for path in sorted(
        whole, key=_order, reverse=True
    ):  # the last item first: those before it keep their place
        holder, key = _holder(values, path)
        if holder is not None:
            del holder[key]


def _holder(values: Any, path: Path) -> tuple[Any, Any]:
    here = values
    for part in path[:-1]:
        here = _item(here, part)
    return (here, path[-1]) if path and _item(here, path[-1]) is not None else (None, None)


def _item(here: Any, part: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    return here[part] if isinstance(here, list) and isinstance(part, int) and part < len(here) else None


def _order(path: Path) -> tuple[tuple[bool, str, int], ...]:
    return tuple(
        (isinstance(p, int), p if isinstance(p, str) else "", p if isinstance(p, int) else 0) for p in path
    )
