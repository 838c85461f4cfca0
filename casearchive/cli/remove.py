"""``remove``: take a case or a file out for good."""

from __future__ import annotations

from dataclasses import asdict

import click

from casearchive.cli._talk import State, complete_case, dry_run, emit, example, many, verb
from casearchive.errors import UsageError


@click.command(
    epilog=example(
        "casearchive remove rectus-femoris-complete-tear --dry-run",
        "casearchive remove rectus-femoris-complete-tear --keep ~/record.toml --yes",
    )
)
@click.argument("what", metavar="CASE|SHA256", shell_complete=complete_case)
@click.option("--media", is_flag=True, help="The originals of the case, too, where no other case uses them.")
@click.option(
    "--keep", metavar="FILE", type=click.Path(), help="Write the record of the case to FILE before."
)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@dry_run
@verb
def command(state: State, what: str, media: bool, keep: str | None, yes: bool, dry_run: bool) -> int:
    """Take a case, or a file that no case uses, out of the archive for good.

    Its rows, words and pictures go, and sets lose the case. The ledger keeps that it was removed, by whom and
    when, under its slug or hash; names of files are struck out of it (where they cannot be, that is said before).
    Damaged copies in quarantine/ and copies of the index from before an update go, too. Backups still hold it until
    the next backup. What is removed can be taken in again: a record that was kept, as case.toml in a folder named
    like the case, with its files beside it where they went, too.
    """
    archive = state.open()
    removal = archive.plan_removal(what, media=media)
    if keep is not None and not removal.case:
        raise UsageError(
            "--keep is for the record of a case", hint="A file can be exported or copied before."
        )
    if not state.json:
        if removal.case:
            state.say(f"The case {removal.case}" + (f" ({removal.title})" if removal.title else ""))
        for sha256 in removal.files:
            state.say(f"The original {sha256[:16]}")
        for sha256, why in removal.stays:
            state.say(f"Stays: {sha256[:16] if len(sha256) == 64 else sha256}: {why}")
        for name in removal.sets:
            state.say(f"The set {name} loses the case.")
        for name in removal.copies:
            state.say(f"The copy {name} of the index from before an update goes whole.")
    done = False
    if not dry_run and not yes:
        if state.json:
            raise UsageError("nobody is there to be asked", hint="Say --yes, or --dry-run to look.")
        click.confirm("Remove this for good?", default=False, abort=True, err=True)
    if not dry_run:
        archive.remove(removal, keep=keep)
        done = True
    if state.json:
        emit({**asdict(removal), "removed": done})
    elif done:
        gone = (["1 case"] if removal.case else []) + (
            [many(len(removal.files), "original")] if removal.files else []
        )
        state.say(
            f"Removed: {' and '.join(gone)}. Backups still hold it until the next: casearchive backup DIR"
        )
    return 0
