"""``edit``: change a record, in an editor or field by field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from casearchive.cli._talk import State, complete_case, dry_run, emit, example, private, safe, verb
from casearchive.errors import CaseArchiveError, RecordError, UsageError

if TYPE_CHECKING:
    from casearchive.archive import Archive


@click.command(epilog=example("casearchive edit rectus-femoris-complete-tear --set status=ready"))
@click.argument("case", metavar="CASE|SHA256", shell_complete=complete_case)
@click.option("--set", "values", metavar="KEY=VALUE", multiple=True, help="Set one field (may be repeated).")
@dry_run
@verb
def command(state: State, case: str, values: tuple[str, ...], dry_run: bool) -> None:
    """Change the record of CASE: fields with --set, or everything in your editor ($EDITOR).

    A record that would not be valid is refused, naming the line; the old one stays. A row of a list is named by
    its id: --set media.M2.key_frame=61 chooses the frame that stands for a clip. Of a file outside a case only
    its key_frame can be set; set to nothing, the choice is taken back.
    """
    archive = state.open()
    if values:
        wanted = dict(_pair(v) for v in values)
        try:
            text = archive.edit(case, wanted, dry_run=dry_run)
        except RecordError as error:  # what was typed here cannot stand there
            raise UsageError(error.what or str(error)) from error
    else:
        in_editor(state, archive, case, dry_run=dry_run)
        return
    _tell(state, case, text, dry_run=dry_run)


def in_editor(state: State, archive: Archive, case: str, *, dry_run: bool) -> None:
    """Open the record of a case in the editor, and put what comes back in its place.

    Raises ``RecordError`` where that would not be a record; whatever keeps the text out of the archive, it is kept in
    a file then, and named.
    """
    before = archive.record_text(case)
    after = click.edit(before, extension=".toml")
    if after is None or after == before:
        state.say("Nothing was changed.")
        return
    try:
        text = archive.replace_record(case, after, before=before, dry_run=dry_run)
    except (CaseArchiveError, OSError, KeyboardInterrupt):
        names = (f"{case}.refused{n}.toml" for n in ("", *(f"-{i}" for i in range(2, 1000))))
        kept = next(name for name in names if not Path(name).exists())
        with private(kept) as file:
            file.write(after)
        state.say(f"What you wrote is kept in {kept}.")
        raise
    _tell(state, case, text, dry_run=dry_run)


def _tell(state: State, case: str, text: str, *, dry_run: bool) -> None:
    if state.json:
        emit({"case": case, "record": text})
    elif dry_run:
        click.echo(safe(text, keep="\n"))
    else:
        state.say(f"Changed {case}.")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"“{text[:80]}” sets nothing", hint="Write KEY=VALUE, such as status=ready.")
    return key.strip(), value
