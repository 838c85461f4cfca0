"""``verify-export``: hold an export against its certificate, without the archive."""

from __future__ import annotations

import contextlib

import click

from casearchive.cli._talk import Meter, State, emit, example, many, safe, verb
from casearchive.errors import NoArchive


@click.command("verify-export", epilog=example("casearchive verify-export ~/teaching/thigh"))
@click.argument("folder", metavar="DIR")
@verb
def command(state: State, folder: str) -> int:
    """Check an export from its own files alone: every byte; of its DICOM objects every kept pixel and attribute.

    DIR is the folder that holds certificate.json. Objects in bags and zips are checked as well. One changed bit, a
    missing or an added file ends with 30. Inside the archive that it came from, its files are also searched for the
    identities of its patients, and its pictures read, which takes minutes where there are many; a find ends with 20,
    what could not be looked at with 3.
    """
    from casearchive.archive import Archive

    wrong = Archive.verify_export(folder)
    cases: int = 0
    found: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    meter = Meter(state, "Reading pictures")
    try:
        with contextlib.suppress(NoArchive):
            again = state.open().search_export(
                folder, tell=lambda _file, done, total: meter.tell(done, total)
            )
            cases, found, unread = again.cases, again.found, again.unread
    finally:
        meter.close()
    if state.json:
        emit({
            "folder": folder, "sound": not wrong, "faults": list(wrong), "cases_known_here": cases,
            "identities": list(found), "not_read": list(unread),
        })  # fmt: skip
    else:
        for fault in (*wrong, *found, *unread):
            click.echo(safe(fault))
        if found:
            state.say(f"An identity was found in {many(len(found), 'place')}: do not pass this folder on.")
        elif unread:
            state.say(f"{many(len(unread), 'picture')} could not be looked at: look at them yourself.")
        elif cases:
            where = (
                "its files or pictures" if Archive.reads_pictures() else "its files (pictures were not read)"
            )
            state.say(f"No identity of {many(cases, 'case')} known here stands in {where}.")
        state.say(
            f"{many(len(wrong), 'fault')} found." if wrong else "The export is what its certificate says."
        )
    return 20 if found else 30 if wrong else 3 if unread else 0
