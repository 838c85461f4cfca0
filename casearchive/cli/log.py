"""``log``: what happened."""

from __future__ import annotations

from dataclasses import asdict

import click

from casearchive.cli._talk import State, emit, example, safe, verb


@click.command(epilog=example("casearchive log --limit 20"))
@click.argument("subject", default="", metavar="[CASE|SET|SHA256]")
@click.option("--limit", type=click.IntRange(0), default=0, help="Only the last N lines.")
@verb
def command(state: State, subject: str, limit: int) -> None:
    """Show the ledger: who did what, and when; of one case, set or file where it is named."""
    events = state.open().log(subject, limit=limit)
    if state.json:
        emit([{k: v for k, v in asdict(e).items() if k != "aside"} for e in events])
        return
    if not events:
        state.say(f"Nothing is recorded about {subject}." if subject else "Nothing is recorded yet.")
    for event in events:
        about = event.subject[:16] if len(event.subject) == 64 else event.subject
        click.echo(safe(f"{event.at[:19].replace('T', ' ')}  {event.who:12}  {event.event:14}  {about}"))
