"""``log``: what happened."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from casearchive.cli._talk import State, emit, example, many, safe, verb

if TYPE_CHECKING:
    from casearchive.index.read import EventRow


@click.command(epilog=example("casearchive log --limit 20"))
@click.argument("subject", default="", metavar="[CASE|SET|SHA256]")
@click.option("--limit", type=click.IntRange(0), default=0, help="Only the last N lines.")
@verb
def command(state: State, subject: str, limit: int) -> None:
    """Show the ledger: who did what, and when; of one case, set or file where it is named.

    Of a case the exports it was in are shown, too. Who is the name under which somebody was logged in.
    """
    events = state.open().log(subject, limit=limit)
    if state.json:
        emit([{k: v for k, v in asdict(e).items() if k != "aside"} for e in events])
        return
    if not events:
        state.say(f"Nothing is recorded about {subject}." if subject else "Nothing is recorded yet.")
    for event in events:
        about = event.subject[:16] if len(event.subject) == 64 else event.subject
        line = f"{event.at[:19].replace('T', ' ')}  {event.who:12}  {event.event:14}  {about}{_more(event)}"
        click.echo(safe(line))


def _more(event: EventRow) -> str:
    """What left, where something did; what was changed by hand or mended."""
    details = event.details
    if event.event == "exported":
        cases = details.get("cases", [])
        return f"  as {', '.join(details.get('formats', []))}: {many(len(cases), 'case')} ({', '.join(cases[:8])})"
    if details.get("fields") == ["by hand"] or details.get("by") == "hand":
        return "  by hand"
    return (
        f"  {', '.join(str(w)[:40] for w in details.get('what', []))}"
        if event.event in ("repairing", "repaired")
        else ""
    )
