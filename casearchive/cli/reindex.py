"""``reindex``: make what is derived again."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from casearchive.cli._talk import Meter, State, dry_run, emit, example, many, safe, verb


@click.command(epilog=example("casearchive reindex"))
@click.option("--workers", type=click.IntRange(0), help="How many processes (0: none but this one).")
@dry_run
@verb
def command(state: State, workers: int | None, dry_run: bool) -> int:
    """Make the index and the small pictures again from originals, records, sets and ledger.

    Records and other small files that you changed by hand are taken as they are now; the ledger notes it.
    """
    archive = state.open()
    if dry_run and state.json:
        emit({"archive": str(archive.path), "dry_run": True})
        return 0
    if dry_run:
        state.say(
            f"Would make index.db and cache/ of {archive.path} again; originals and records stay as they are."
        )
        return 0
    meter = Meter(state, "Reading originals and records")
    rebuilt = archive.reindex(workers=os.cpu_count() or 1 if workers is None else workers, tell=meter.tell)
    meter.close()
    if state.json:
        emit({name: list(v) if isinstance(v, tuple) else v for name, v in asdict(rebuilt).items()})
    else:
        for problem in rebuilt.problems:
            state.say(f"Not indexed: {safe(problem)}")
        for name in rebuilt.taken:
            state.say(f"Taken as it is now, and noted in the ledger: {safe(name)}")
        for name in rebuilt.copies:
            state.say(f"Deleted, for it is not needed any more: {safe(name)}")
        state.say(
            f"{many(rebuilt.files, 'file')}, {many(rebuilt.cases, 'case')} and {many(rebuilt.sets, 'set')} "
            "are in the new index."
        )
    return 3 if rebuilt.problems else 0
