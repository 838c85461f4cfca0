"""Complaints about a record that name the line to look at."""

from __future__ import annotations

import tomllib
from functools import cached_property

from casearchive.errors import Problem, RecordError
from casearchive.record.layout import Layout, Path
from casearchive.record.reading import dotted


class Places:
    """Where things stand in the text of one case file; without a text every line is 1.

    Looked for when there is something to complain of: of most cases that are read there is nothing.
    """

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file

    @cached_property
    def _layout(self) -> Layout | None:
        return _layout(self._text)

    def problem(self, path: Path, message: str, level: str = "error") -> Problem:
        """A complaint about ``path`` (list items count from 0: ``("finding", 1, "side")``)."""
        line = self._layout.line(path) if self._layout else 1
        return Problem(self._file, line, dotted(path), message, level)


def _layout(text: str) -> Layout | None:
    if not text:
        return None
    text = text.removeprefix("\ufeff")
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise RecordError((Problem("case.toml", 1, "TOML", str(error)),)) from error
    return Layout(text)
