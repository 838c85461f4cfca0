"""``list``: everything held."""

from __future__ import annotations

from dataclasses import asdict

import click

from casearchive.cli._talk import State, emit, example, megabytes, safe, verb


@click.command(epilog=example("casearchive list --json"))
@verb
def command(state: State) -> None:
    """List everything held, sorted by hash: the same between runs."""
    held = state.open().list()
    if state.json:
        emit([asdict(h) for h in held])
        return
    for one in held:
        frames = f"{one.frames} frames" if one.frames != 1 else "still"
        left = f"{one.sha256[:16]}  {one.kind:5}  {frames:>10}  {megabytes(one.bytes):>8}"
        click.echo(safe(f"{left}  {one.case or '-':30}  {one.name}"))
