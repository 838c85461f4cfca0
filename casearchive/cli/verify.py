"""``verify``: is everything still there and whole?"""

from __future__ import annotations

from dataclasses import asdict

import click

from casearchive.cli._talk import Meter, State, emit, example, many, safe, verb


@click.command(epilog=example("casearchive verify --full"))
@click.option("--full", is_flag=True, help="Read every byte of every original.")
@verb
def command(state: State, full: bool) -> int:
    """Compare the archive with itself: originals, records, ledger, index. Changes nothing."""
    meter = Meter(state, "Reading originals")
    verdict = state.open().verify(full=full, tell=meter.tell)
    meter.close()
    if state.json:
        emit({**asdict(verdict), "faults": [asdict(f) for f in verdict.faults], "sound": not verdict.faults})
    else:
        for fault in verdict.faults:
            click.echo(safe(f"{fault.code}: {fault.where}: {fault.meaning}"))
            click.echo(safe(f"  {fault.remedy}"))
        how = "every byte read" if full else "names and sizes"
        state.say(
            f"{many(verdict.objects, 'original')} ({how}), {many(verdict.records, 'record')}, "
            f"{many(verdict.events, 'ledger line')}: "
            + (many(len(verdict.faults), "fault") if verdict.faults else "all sound")
        )
    return 30 if verdict.faults else 0
