"""``stats``: what the collection holds."""

from __future__ import annotations

import click

from casearchive.cli._talk import State, emit, example, fields, megabytes, safe, verb
from casearchive.record.sentences import name as words_for


@click.command(epilog=example("casearchive stats"))
@verb
def command(state: State) -> None:
    """Say what the collection holds and lacks."""
    counts = state.open().stats()
    if state.json:
        emit(counts)
        return
    for key, value in counts.items():
        if isinstance(value, dict):
            if value:
                click.echo(f"{fields(key)}:")
            for name, number in list(value.items())[:20]:
                click.echo(safe(f"  {number:>6}  {words_for(name)}"))
            if len(value) > 20:
                click.echo(f"          and {len(value) - 20} more")
        else:
            shown = megabytes(value) if key == "bytes" else str(value)
            click.echo(f"{fields(key)}: {shown}")
