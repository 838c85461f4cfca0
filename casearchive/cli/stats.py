"""``stats``: what the collection holds and lacks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._layout import table, width, wrapped
from casearchive.cli._talk import State, emit, example, many, megabytes, safe, verb

if TYPE_CHECKING:
    from casearchive.index.coverage import Row
    from casearchive.syllabus import Topic

#: No more rows than this, where nobody asked for that table by name.
_MOST = 24
_COLUMNS = ("cases", "normal", "L", "R", "L+R", "cine", "1 side", "once")
_LEGEND = (
    "cases: something abnormal is shown; normal: others, that show it normal or exclude it; L, R, L+R: the side; "
    "1 side: nothing of the other one beside it; once: no clip of a later day. A case may count in several rows."
)


@click.command(
    epilog=example(
        "casearchive stats", "casearchive stats --by structure", "casearchive stats --syllabus sports.txt"
    )
)
@click.option(
    "--by",
    type=click.Choice(["structure", "abnormality", "side", "difficulty"]),
    multiple=True,
    help="Only this table, with all its rows.",
)
@click.option(
    "--syllabus",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="What is held of each line of a text file: one search a line, “3 x” before it where three are wanted.",
)
@verb
def command(state: State, by: tuple[str, ...], syllabus: str | None) -> None:
    """Say what the collection holds and lacks: cases by structure, abnormality, side and difficulty, normal beside
    abnormal, what has no moving clip, nothing of the other side, or no follow-up; or what is missing from a
    syllabus.
    """
    archive = state.open()
    if syllabus is not None:
        content = sys.stdin.buffer.read() if syllabus == "-" else Path(syllabus).read_bytes()
        _syllabus(state, archive.syllabus(content, file=syllabus))
        return
    tables = archive.coverage(by)
    if state.json:
        told = {name: [asdict(row) for row in rows] for name, rows in tables.items()}
        emit({"coverage": told} if by else {**archive.stats(), "coverage": told})
        return
    if not by:
        _totals(archive.stats())
    for name, rows in tables.items():
        _table(state, f"by {name}", rows, all_of_them=bool(by))
    if any(tables.values()):
        state.say(_LEGEND, wrap=True)
    else:
        state.say("No case has findings yet. Add them with: casearchive annotate CASE", wrap=True)


def _totals(counts: dict[str, Any]) -> None:
    def parts(key: str) -> str:
        told = [f"{number} {name}" for name, number in counts[key].items()]
        return f" ({', '.join(told)})" if told else ""

    lines = [
        ("cases", f"{counts['cases']}{parts('cases_by_status')}"),
        ("findings", f"{counts['findings']}, and {counts['absent_findings']} documented absences"),
        ("files", f"{counts['files']}{parts('files_by_kind')}, {megabytes(counts['bytes'])}"),
        ("moving clips", str(counts["cine"])),
        ("with a scale", f"{counts['calibrated']} of {counts['files']}"),
        ("teaching sets", str(counts["sets"])),
    ]
    lacks = [
        ("cases without a finding", counts["cases_without_findings"]),
        ("files in no case", counts["files_without_case"]),
        ("files without a picture", counts["without_picture"]),
    ]
    for line in table([*lines, *((name, str(number)) for name, number in lacks if number)]):
        click.echo(safe(line))


def _table(state: State, head: str, rows: Sequence[Row], *, all_of_them: bool) -> None:
    if not rows:
        return
    shown = rows if all_of_them else rows[:_MOST]
    cells: list[tuple[str, ...]] = [(head, *_COLUMNS)]
    room = max(16, width() - sum(len(c) + 2 for c in _COLUMNS))
    for row in shown:
        numbers = (
            row.cases,
            row.normal,
            row.left,
            row.right,
            row.both,
            row.cine,
            row.one_side,
            row.no_followup,
        )
        cells.append((_cut("  " * row.level + row.name, room), *(str(n) if n else "·" for n in numbers)))
    click.echo()
    first, *others = table(cells, right=range(1, len(_COLUMNS) + 1))
    click.echo(click.style(first, bold=True))
    for line in others:
        click.echo(line)
    if len(shown) < len(rows):
        state.say(
            f"and {many(len(rows) - len(shown), 'row')} more: casearchive stats --by {head.split()[-1]}"
        )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _syllabus(state: State, topics: Sequence[Topic]) -> None:
    if state.json:
        emit({"syllabus": [{**asdict(topic), "missing": topic.missing} for topic in topics]})
        return
    heading = ""
    for topic in topics:
        if topic.heading != heading:
            heading = topic.heading
            click.echo(("\n" if topic is not topics[0] else "") + click.style(safe(heading), bold=True))
        mark = "ok   " if not topic.missing else "short" if topic.have else "none "
        asked = f"{topic.wanted} x {topic.asked}" if topic.wanted > 1 else topic.asked
        found = f": {topic.have} ({', '.join(topic.cases)}{', …' if topic.have > len(topic.cases) else ''})"
        why = f" ({topic.reason})" if topic.reason else ""
        click.echo(wrapped(f"{asked}{found if topic.have else why}", f"{mark}  ", "       "))
    short = [topic for topic in topics if topic.missing]
    held = len(topics) - len(short)
    state.say(
        f"{held} of {many(len(topics), 'line')} held"
        + (f"; {many(sum(t.missing for t in short), 'case')} missing in {len(short)}." if short else ".")
    )
