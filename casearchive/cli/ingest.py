"""``ingest``: take files in."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from casearchive.cli._talk import (
    Meter,
    State,
    dry_run,
    duration,
    emit,
    example,
    many,
    megabytes,
    private,
    safe,
    verb,
)

if TYPE_CHECKING:
    from casearchive.model import Outcome


#: Lines about skipped files before it only counts them.
_MOST_SKIPPED = 20
#: Reasons that nobody needs to hear of unasked.
_QUIET = frozenset({"ignored", "bag-tag", "other-form"})


@click.command(epilog=example("casearchive ingest ~/ultrasound-stick --report taken.jsonl"))
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--case", metavar="SLUG", help="Put what is taken into this case (a new draft where there is none)."
)
@click.option(
    "--report", metavar="FILE", help="One JSON line a file, when it is durable; - is standard output."
)
@click.option("--workers", type=click.IntRange(0), help="How many processes (0: none but this one).")
@click.option("--rehash", is_flag=True, help="Read every file again, even where size and time are unchanged.")
@click.option(
    "--link",
    is_flag=True,
    help="Copy nothing that lies on the archive's disk: the archive keeps the file itself, which only you can read "
    "then, and which must not be changed any more.",
)
@dry_run
@verb
def command(
    state: State,
    paths: tuple[str, ...],
    case: str | None,
    report: str | None,
    workers: int | None,
    rehash: bool,
    link: bool,
    dry_run: bool,
) -> int:
    """Take in files, folders, zips, discs, bags, case folders and MIRC teaching files; "-" reads paths from stdin.

    Originals are kept bit for bit. What was taken before is known and not taken again, so running this again is
    going on. Every file gets one line; the end is a summary. The files of a bag (BagIt) are compared with its
    manifests; what differs is not taken. DICOM teaching files (manifests with their reports) become cases.
    """
    from casearchive.ingest.run import Progress

    archive = state.open()
    unseen = {"skipped": 0, "video": 0}
    files = 0
    meter = Meter(state, "Taking files")
    progress = Progress(tell=lambda p: meter.tell(p.done, p.total, p.bytes))
    with ExitStack() as stack:
        out = _report(report, stack)

        def tell(outcome: Outcome) -> None:
            nonlocal files
            files += outcome.outcome == "added" and outcome.kind != "case"
            if out is not None:
                out.write(json.dumps({**asdict(outcome), "notes": list(outcome.notes)}) + "\n")
                out.flush()
            unseen["video"] += any("PyAV" in note for note in outcome.notes)
            if outcome.outcome == "failed":
                meter.close()
                click.echo(safe(line(outcome), keep="\n"), err=True)  # said even where only what is needed is
            elif outcome.outcome == "skipped" and outcome.reason not in _QUIET and not state.verbose:
                unseen["skipped"] += 1
                if unseen["skipped"] <= _MOST_SKIPPED:
                    meter.close()
                    state.say(line(outcome))
            elif (state.verbose and outcome.outcome == "skipped") or (
                outcome.notes and (state.verbose or _is_for_all(outcome) or _is_doubtful(outcome))
            ):
                meter.close()
                state.say(line(outcome))

        summary = archive.ingest(
            _paths(paths),
            case=case,
            workers=workers,
            rehash=rehash,
            dry_run=dry_run,
            link=link,
            report=tell,
            progress=progress,
        )
    meter.close()
    if state.json:
        told = {name: value for name, value in asdict(summary).items() if link or name != "linked"}
        emit({**told, **({"dry_run": True} if dry_run else {})}, lines=report == "-")
    else:
        words = "would be added" if dry_run else "added"
        state.say(
            f"{summary.added} {words}, {summary.known} known already, {summary.skipped} skipped, "
            f"{summary.failed} failed; {many(summary.cases, 'case')}; "
            f"{megabytes(summary.bytes)} in {duration(summary.seconds)}"
        )
        if link and not dry_run and summary.linked < files:
            more = files - summary.linked
            state.say(f"{many(more, 'file')} copied all the same: of another disk or owner, or out of a zip.")
        if unseen["skipped"] > _MOST_SKIPPED:
            more = unseen["skipped"] - _MOST_SKIPPED
            state.say(f"({more} more were skipped: -v names them, --report FILE keeps them all)")
        if unseen["video"]:
            state.say(
                f"{many(unseen['video'], 'video clip')} kept but not shown: pip install 'casearchive[video]', "
                "then: casearchive reindex"
            )
    return 3 if summary.failed else 0


def line(outcome: Outcome) -> str:
    """One outcome for a person."""
    text = f"{outcome.outcome}: {outcome.path}"
    if outcome.message:
        text += f": {outcome.message}"
    elif outcome.reason:
        text += f": {outcome.reason}"
    return "\n  ".join([text, *outcome.notes]) if outcome.notes else text


def _paths(words: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for word in words:
        found += _listed() if word == "-" else [Path(word)]
    return found


def _listed() -> list[Path]:
    """Paths from standard input, one a line, whatever bytes their names are made of."""
    lines = sys.stdin.buffer.read().split(b"\n")
    return [Path(os.fsdecode(line.rstrip(b"\r"))) for line in lines if line.strip()]


def _is_for_all(outcome: Outcome) -> bool:
    """Whether notes are on a case, and new."""
    return outcome.kind == "case" and outcome.reason != "told-before"


def _is_doubtful(outcome: Outcome) -> bool:
    """Whether only a part of the file was there (somebody may still have the whole of it), or no bag vouches for it."""
    told = ("the file ends early", "no manifest of its bag")
    return outcome.outcome == "added" and any(part in note for note in outcome.notes for part in told)


def _report(name: str | None, stack: ExitStack) -> IO[str] | None:
    if name is None:
        return None
    if name == "-":
        return sys.stdout
    return stack.enter_context(private(name))  # paths can name a patient
