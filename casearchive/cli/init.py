"""``init``: make an archive."""

from __future__ import annotations

from pathlib import Path

import click

from casearchive.cli._talk import State, dry_run, emit, example, verb


@click.command(epilog=example("casearchive init my-archive"))
@click.argument("directory", default=".", metavar="[DIR]")
@dry_run
@verb
def command(state: State, directory: str, dry_run: bool) -> None:
    """Make an empty archive in DIR (a new or empty folder).

    The folder is private to you. Keep it together and backed up: it is the archive.
    """
    from casearchive.archive import Archive

    path = Path(directory).absolute()
    if not dry_run:
        Archive.create(path)
    if state.json:
        emit({"archive": str(path), "dry_run": dry_run})
    elif dry_run:
        state.say(f"Would make an archive in {path}")
    else:
        state.say(f"Made an archive in {path}. Put your cases in with: casearchive ingest FOLDER")
