#!/usr/bin/env python3
"""Write docs/formats.md from the matrix of formats that the tests hold casearchive to, and from round trips.

    python scripts/make_formats.py [--check]

``--check`` writes nothing and fails where the file is not what would be written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import roundtrips  # noqa: E402
from matrix import NAMES, NOT_SHOWN, REPAIRED, Row, rows  # noqa: E402

from casearchive import focus  # noqa: E402
from casearchive.exporters import exporters  # noqa: E402

TARGET = ROOT / "docs" / "formats.md"

INTRODUCTION = """\
# What is shown, and how exactly

Written by `scripts/make_formats.py` from the matrix in `tests/matrix.py` and from round trips; do not edit.

Coloured patches (red, green, blue, yellow, cyan, magenta, white, black, three greys, the orange of power Doppler) are
stored in every way below by somebody else's encoder, and `tests/test_formats.py` holds what casearchive shows to the
difference stated here: 0 is exact, 2 means that no pixel is more than 2 of 255 grey levels away. For lossy codings that
is the loss of the encoding as well, in the middle of a patch. Where DCMTK can decode a coding, its rendering of the
same file is compared too.

What a file is called does not matter, only what it holds. An original that is taken is
kept, also where it cannot be shown. A DICOM file that ends inside its pixel data is taken, with a note of how much
of it is there; any other file that ends before what it promises is refused as cut short.
"""


def text() -> str:
    return "\n".join(
        [INTRODUCTION, *shown(), *repaired(), *damaged(), *not_shown(), *let_out(), *comes_back()]
    )


def shown() -> list[str]:
    lines = [
        "## DICOM pictures",
        "",
        *_head("Coding", "Transfer syntax", "Colour and form", "Within", "Needs"),
    ]
    for name, each in _grouped([row for row in rows() if row.name not in REPAIRED_NAMES]):
        forms = "; ".join(f"{row.colour} ({variant})" for row, variant in _forms(each))
        within = sorted({row.within for row in each})
        exact = f"{within[0]}" if len(within) == 1 else f"{within[0]} to {within[-1]}"
        lines.append(_line(name, f"`{each[0].syntax}`", forms, exact, _needs(each)))
    return [*lines, ""]


REPAIRED_NAMES = {row.name for row in rows() if row.note}


def repaired() -> list[str]:
    lines = [
        "## Labels that do not say the truth",
        "",
        "Recognised from markers and content, shown as they are stored, with a note on the instance. Where the content",
        "does not tell, markers come before the label of the header. A clip gets one decision for all its frames.",
        "",
        *_head("Coding", "Called", "But", "Within"),
    ]
    for row in rows():
        if row.note:
            lines.append(_line(NAMES[row.syntax], row.colour, row.variant, str(row.within)))
    return [*lines, ""]


def damaged() -> list[str]:
    lines = ["## Damaged and contradictory pictures", "", *_head("What is wrong", "What is shown and said")]
    return [*lines, *(_line(wrong, done) for wrong, done in REPAIRED), ""]


def not_shown() -> list[str]:
    lines = [
        "## What is not shown, and what it says",
        "",
        "The file is kept, listed and searched all the same.",
        "",
        *_head("What", "It says"),
    ]
    return [*lines, *(_line(what, said) for what, said in NOT_SHOWN), ""]


def let_out() -> list[str]:
    """What each output is written as, in its own words."""
    lines = ["## What sets are written as", "", *_head("`--as`", "What it is", "Options")]
    for plug in exporters():
        options = "; ".join(f"`{name}`: {told}" for name, told in plug.OPTIONS.items())
        lines.append(_line(f"`{plug.NAME}`", plug.SUMMARY, options))
    return [*lines, "", f"With any of them `{focus.OPTION}`: {focus.ABOUT}.", ""]


def comes_back() -> list[str]:
    """What a case that says everything still says after each way out and back in; nothing here is written by hand."""
    others = [f"`{plug.NAME}`" for plug in exporters() if plug.NAME not in roundtrips.FORMS]
    lines = [
        "## What comes back",
        "",
        "A case that uses every field of a record is exported and ingested by a new archive, and both are compared",
        "field by field (`tests/roundtrips.py`). `whole` is equal; `changed` is there, but not the same; `in words` is",
        "not in its field, but stands in some text of the case; `-` is gone. Where a row is not all of one kind, the",
        "others are named.",
        f"{', '.join(others[:-1])} and {others[-1]} are not read back as cases.",
        "",
        *_head("Of a case", *(f"`{form}`" for form in roundtrips.FORMS)),
    ]
    with tempfile.TemporaryDirectory() as room:
        lines += [_line(title, *cells) for title, cells in roundtrips.table(Path(room))]
    return [*lines, ""]


def _grouped(found: list[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        groups.setdefault((row.syntax, row.needs), []).append(row)
    return [(NAMES[syntax], each) for (syntax, _), each in groups.items()]


def _forms(found: list[Row]) -> list[tuple[Row, str]]:
    """One entry a photometric interpretation, with all its variants, each once."""
    by_colour: dict[str, list[Row]] = {}
    for row in found:
        by_colour.setdefault(row.colour, []).append(row)
    return [(each[0], ", ".join(dict.fromkeys(row.variant for row in each))) for each in by_colour.values()]


def _needs(found: list[Row]) -> str:
    return f"`casearchive[{found[0].needs}]`" if found[0].needs else ""


def _head(*titles: str) -> list[str]:
    return [_line(*titles), "|" + " --- |" * len(titles)]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        same = TARGET.is_file() and TARGET.read_text("utf-8") == text()
        if not same:
            print(
                "docs/formats.md is not what the matrix and the round trips say: run scripts/make_formats.py",
                file=sys.stderr,
            )
        return 0 if same else 1
    TARGET.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
