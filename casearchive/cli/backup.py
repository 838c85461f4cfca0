"""``backup``: a second copy of everything that is truth."""

from __future__ import annotations

from dataclasses import asdict

import click

from casearchive.cli._talk import Meter, State, dry_run, emit, example, many, megabytes, safe, verb


@click.command(epilog=example("casearchive backup ~/cases-backup"))
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--quick", is_flag=True, help="Trust names and sizes of what is there instead of reading it.")
@dry_run
@verb
def command(state: State, folder: str, quick: bool, dry_run: bool) -> int:
    """Bring the backup in DIR up to date, or make it in a new folder, best on another disk.

    Only what is new is copied; what is there is read and compared. Others may go on working meanwhile: the backup is
    the archive as it was at the start. A run that was cut off goes on when it is run again. The backup opens like
    any archive, to be read, not written to.

    It holds the originals, with names, and secret.key, which tells whom every pseudonym stands for: keep it as private
    as the archive itself.
    """
    meter = Meter(state, "Backing up originals")
    try:
        done = state.open().backup(folder, quick=quick, dry_run=dry_run, tell=meter.tell)
    finally:
        meter.close()
    if state.json:
        emit({**asdict(done), "to": str(done.to), "damaged": list(done.damaged)})
        return 30 if done.damaged else 0
    for name in done.damaged:
        click.echo(safe(f"damaged in the archive: {name}"))
        click.echo("  see casearchive verify --full; what the backup has of it was kept")
    copied = f"{many(done.copied, 'original')} ({megabytes(done.bytes)})"
    if dry_run:
        state.say(f"Would copy {copied} to {done.to}.")
    else:
        state.say(
            f"Copied {copied} to {done.to}, which holds {many(done.objects, 'original')} and "
            f"{many(done.records, 'record')} now."
        )
        if done.removed:
            state.say(f"Took {many(done.removed, 'thing')} out of it that the archive removed.")
        state.say("It holds secret.key, which tells whom pseudonyms stand for: keep it private.")
    return 30 if done.damaged else 0
