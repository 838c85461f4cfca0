"""Text laid out for the width there is: that of the terminal, or 80 columns where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

from casearchive.cli._talk import safe

#: Lines longer than this are hard to read, however wide the terminal.
_WIDEST = 120


def width() -> int:
    """Columns of text: those of the terminal (40 to 120), 80 in a pipe."""
    if not sys.stdout.isatty():
        return 80
    import shutil

    return max(40, min(_WIDEST, shutil.get_terminal_size((80, 24)).columns))


def wrapped(text: str, first: str = "", rest: str | None = None) -> str:
    """``text`` made safe and broken into lines that begin with ``first``, then with ``rest`` (as ``first``)."""
    import textwrap

    return textwrap.fill(
        safe(" ".join(text.split())),
        width(),
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows as lines, their columns aligned (those in ``right``, counted from 0, at the right); empty ones left out."""
    cells = [[safe(cell) for cell in row] for row in rows]
    wide = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))] if cells else []
    lines = []
    for row in cells:
        told = [(c.rjust if n in right else c.ljust)(wide[n]) for n, c in enumerate(row) if wide[n]]
        lines.append("  ".join(told).rstrip())
    return lines
