"""A case as its record can hold it: what a record refuses is taken out, and named by its place alone."""

from __future__ import annotations

import tomllib
from typing import Any

from casearchive.model import Case
from casearchive.record import dumps
from casearchive.record.reading import dotted, read_values

_ROUNDS = 8


def sound(case: Case) -> tuple[Case, tuple[str, ...]]:
    """``case`` with all that its record can say, and a note for each thing that was left out."""
    values: dict[str, Any] = tomllib.loads(dumps(case))
    notes: dict[str, None] = {}
    for turn in range(_ROUNDS):
        read, complaints = read_values(values, case.slug)
        if not complaints:
            return read, tuple(notes)
        for path, _ in reversed(complaints):
            whole = path if turn < _ROUNDS // 2 else path[:2]
            _take_out(values, list(whole))
            notes[f"{dotted(path)} cannot stand in a case and was left out"] = None
    return Case(slug=case.slug, title=case.title or "Teaching file", media=case.media), (
        *notes,
        "what else it says cannot stand in a case and was left out",
    )


def _take_out(values: Any, path: list[str | int]) -> None:
    for part in path[:-1]:
        inner = _inside(values, part)
        if inner is None:
            return
        values = inner
    last = path[-1]
    if isinstance(values, dict):
        values.pop(last, None)
    elif isinstance(values, list) and isinstance(last, int) and last < len(values):
        del values[last]


def _inside(values: Any, part: str | int) -> Any:
    if isinstance(values, dict):
        return values.get(part)
    if isinstance(values, list) and isinstance(part, int) and part < len(values):
        return values[part]
    return None
