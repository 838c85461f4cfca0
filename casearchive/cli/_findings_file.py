"""Findings out to a file and in from one, as ``annotate --export`` and ``--import`` do."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from casearchive.cli._layout import wrapped
from casearchive.cli._talk import State, emit, many, private, safe
from casearchive.errors import UsageError


def write(state: State, cases: tuple[str, ...], file: str, *, yes: bool) -> int:
    """Write the findings of the cases to ``file``, in the form that its name ends in; not over another unasked."""
    json_lines = file != "-" and _is_json_lines(file)
    if Path(file).suffix.lower() in (".tsv", ".txt"):
        raise UsageError("findings are written to .csv or .jsonl files", where=file)
    text = state.open().export_findings(cases, json_lines=json_lines)
    if file == "-":
        click.echo(text, nl=False)
        return 0
    if (
        not yes
        and Path(file).exists()
        and Path(file).read_text("utf-8", "replace").removeprefix("\ufeff") != text
    ):
        raise UsageError(
            "this file is there already; nothing was written", where=file, hint="Add --yes to replace it."
        )
    with private(file) as out:
        # a spreadsheet takes a table without the mark for one in its own old letters
        out.write(text if json_lines else f"\ufeff{text}")
    state.say(f"Wrote {many(max(0, text.count(chr(10)) - (not json_lines)), 'line')} of findings to {file}.")
    return 0


def take(
    state: State, cases: tuple[str, ...], file: str, *, partial: bool, as_written: bool, dry_run: bool
) -> int:
    """Take the findings of ``file``; each thing that is not understood is named with its line and column."""
    if len(cases) > 1:
        raise UsageError(
            "one case at most can be named here", hint="The column case of the file names the others."
        )
    if _is_dicom(file):
        if not cases:
            raise UsageError(
                "a report does not say which case it is for",
                hint=f"Write: casearchive annotate CASE --from {file}",
            )
        done = state.open().import_report(
            file, cases[0], partial=partial, as_written=as_written, dry_run=dry_run
        )
    else:
        done = state.open().import_findings(
            sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes(),
            json_lines=file != "-" and _is_json_lines(file),
            case=cases[0] if cases else "",
            partial=partial,
            as_written=as_written,
            dry_run=dry_run,
        )
    refused = len(done.complaints)
    if state.json:
        emit(
            {
                "file": file,
                "saved": done.saved,
                "cases": list(done.cases),
                "findings": done.findings,
                "not_understood": [
                    {"line": c.cell.line, "column": c.cell.column, "value": c.cell.written, "why": c.why}
                    for c in done.complaints
                ],
                "notes": list(done.notes),
            }
        )
    else:
        for complaint in done.complaints:
            click.echo(wrapped(safe(str(complaint)), "", "  "))
        for note in done.notes:
            state.say(f"Note: {note}")
        state.say(_summary(done.findings, done.cases, refused, saved=done.saved, dry_run=dry_run))
    if not refused:
        return 0
    return 3 if partial else 2


def _summary(findings: int, cases: tuple[str, ...], refused: int, *, saved: bool, dry_run: bool) -> str:
    what = f"{many(findings, 'finding')} in {many(len(cases), 'case')}"
    not_understood = f", {many(refused, 'thing')} not understood" if refused else ""
    if not findings and not refused:
        return "The cases hold all of it already: nothing was changed."
    if saved:
        return f"Took {what}{not_understood}."
    if dry_run:
        return f"Would take {what}{not_understood}."
    return f"Nothing was written{not_understood}. --partial takes the rest: {what}."


def _is_dicom(file: str) -> bool:
    """By its mark (PS3.10 7.1), for files on media have no ending; or by its ending."""
    if file == "-":
        return False
    with Path(file).open("rb") as opened:
        return opened.read(132)[128:] == b"DICM" or Path(file).suffix.lower() in (".dcm", ".dicom")


def _is_json_lines(file: str) -> bool:
    ending = Path(file).suffix.lower()
    if ending not in (".csv", ".tsv", ".txt", ".jsonl", ".ndjson"):
        raise UsageError(
            "findings go to .csv or .jsonl files, and come from these or from DICOM reports", where=file
        )
    return ending in (".jsonl", ".ndjson")
