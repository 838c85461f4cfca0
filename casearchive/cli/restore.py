"""``restore``: an archive made of a backup."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from casearchive.cli._talk import Meter, State, dry_run, emit, example, many, megabytes, safe, verb


@click.command(epilog=example("casearchive restore ~/cases-backup --to ~/restored"))
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--to", required=True, metavar="DIR", type=click.Path(), help="The new archive.")
@click.option("--workers", type=click.IntRange(0), help="How many processes (0: none but this one).")
@dry_run
@verb
def command(state: State, folder: str, to: str, workers: int | None, dry_run: bool) -> int:
    """Make an archive in a new folder from the backup in DIR, every byte checked on its way.

    The backup stays as it is. A run that was cut off goes on when it is run again.
    """
    from casearchive.archive import Archive

    meter = Meter(state, "Restoring")
    count = os.cpu_count() or 1 if workers is None else workers
    try:
        done = Archive.restore(folder, to, workers=count, dry_run=dry_run, tell=meter.tell)
    finally:
        meter.close()
    if state.json:
        emit({**asdict(done), "to": str(done.to)})
    elif dry_run:
        state.say(f"Would put {many(done.objects, 'original')} ({megabytes(done.bytes)}) into {done.to}.")
    else:
        if done.of_two_moments:
            state.say("The backup's last run was cut off, so it is of two moments: look at what it holds.")
        for name in done.damaged:
            click.echo(safe(f"damaged or missing in the backup: {name}"))
        state.say(
            f"{done.to} holds {many(done.objects, 'original')} and "
            f"{many(done.records, 'record')}. See whether it is whole with: casearchive --archive {done.to} verify"
        )
    return 30 if done.damaged else 0
