"""``verify-export``: hold an export against its certificate, without the archive."""

from __future__ import annotations

import click

from casearchive.cli._talk import State, emit, example, many, safe, verb


@click.command("verify-export", epilog=example("casearchive verify-export ~/teaching/thigh"))
@click.argument("folder", metavar="DIR")
@verb
def command(state: State, folder: str) -> int:
    """Check an export from its own files alone: every byte, every kept pixel, every attribute.

    DIR is the folder that holds certificate.json. One changed bit, a missing or an added file ends with 30.
    """
    from casearchive.archive import Archive

    wrong = Archive.verify_export(folder)
    if state.json:
        emit({"folder": folder, "sound": not wrong, "faults": list(wrong)})
    else:
        for fault in wrong:
            click.echo(safe(fault))
        state.say(
            f"{many(len(wrong), 'fault')} found." if wrong else "The export is what its certificate says."
        )
    return 30 if wrong else 0
