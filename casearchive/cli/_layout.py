"""Text laid out for the width there is: that of the terminal, or 80 columns where nobody looks."""

from __future__ import annotations

import shutil
import sys

import click

from casearchive.cli._talk import safe

#: Lines longer than this are hard to read, however wide the terminal.
_WIDEST = 120


def width() -> int:
    """Columns of text: those of the terminal (40 to 120), 80 in a pipe."""
    if not sys.stdout.isatty():
        return 80
    return max(40, min(_WIDEST, shutil.get_terminal_size((80, 24)).columns))


def wrapped(text: str, first: str = "", rest: str | None = None) -> str:
    """``text`` made safe and broken into lines that begin with ``first``, then with ``rest`` (as ``first``)."""
    return click.wrap_text(safe(" ".join(text.split())), width(), first, first if rest is None else rest)
