"""``export``: let a teaching set out, through the airlock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._talk import (
    Meter,
    State,
    complete_case,
    dry_run,
    emit,
    example,
    many,
    safe,
    staying,
    verb,
)
from casearchive.errors import ReviewNeeded, UsageError

if TYPE_CHECKING:
    from casearchive.teaching import Withheld


@click.command(epilog=example("casearchive export thigh --as html,folder --to ~/teaching"))
@click.argument("what", nargs=-1, metavar="SET|CASE...|QUERY", shell_complete=complete_case)
@click.option(
    "--as",
    "formats",
    multiple=True,
    default=("html",),
    show_default=True,
    metavar="FORMAT,...",
    help="What to make, several parted by commas, or said again; --formats lists them.",
)
@click.option("--to", metavar="DIR", help="Where to: DIR/<set>/<format>/ is made.")
@click.option("--require-all", is_flag=True, help="Release nothing where anything has to stay in.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Change the rules (device, descriptors, graphics, relative-days, no-dates, no-characteristics, "
    "structured-content or safe-private: --explain tells what each does and costs) or an output (--formats), or "
    "findings=present, findings=tear: which findings are shown. May be "
    "given several times.",
)
@click.option("--single-file", is_flag=True, help="Web pages as one file; the same as --option single-file.")
@click.option(
    "--formats", "list_formats", is_flag=True, help="List what can be made, with its options, and stop."
)
@click.option("--explain", is_flag=True, help="Print the rules by which headers are rebuilt, and stop.")
@dry_run
@verb
def command(
    state: State,
    what: tuple[str, ...],
    formats: tuple[str, ...],
    to: str | None,
    require_all: bool,
    options: tuple[str, ...],
    single_file: bool,
    list_formats: bool,
    explain: bool,
    dry_run: bool,
) -> int:
    """Export a set, cases, or what a query finds, as new files that never held an identity.

    Only what is plainly safe leaves: headers are built anew, pixels outside the ultrasound regions are removed.
    The rest stays in and is listed with the reason. Whole or not at all. Reports and presentation states leave under
    an option only, made anew of what may be told of them.
    """
    if explain:
        from casearchive.deid.profile import describe

        click.echo(describe())
        return 0
    if list_formats:
        _list_formats(state)
        return 0
    if to is None:
        raise UsageError("no folder to export to was named", where="--to", hint="Name one: --to ~/teaching")
    meter = Meter(state, "Cases through the airlock")
    names = list(dict.fromkeys(f.strip() for f in ",".join(formats).split(",") if f.strip()))

    def tell(what: str, done: int, total: int) -> None:
        if done:
            meter.tell(done, total)
        else:
            meter.close()
            state.detail(f"Now {what}")

    try:
        made = state.open().export(
            what,
            formats=names,
            to=to,
            require_all=require_all,
            dry_run=dry_run,
            options=(*options, "single-file") if single_file else options,
            tell=tell,
        )
    except ReviewNeeded as refusal:
        if state.json:
            emit(_plain(refusal.where, names, 0, 0, 0, refusal.withheld, [], None))
        raise
    finally:
        meter.close()
    if state.json:
        paper = str(made.certificate) if made.certificate else None
        told = (made.cases, made.clips, made.documents)
        emit(_plain(made.set, names, *told, made.withheld, list(made.files), paper))
    else:
        from casearchive.release import withheld_lines

        for line in withheld_lines(made.withheld):
            state.say(f"Stays in: {line}")
        word = "would leave" if dry_run else "left"
        documents = f" and {many(made.documents, 'document')}" if made.documents else ""
        left = f"{many(made.cases, 'case')} with {many(made.clips, 'clip')}{documents} {word}"
        stay = "nothing stays in" if not made.withheld else staying(made.withheld)
        state.say(f"{left}, {stay}.")
        if made.install:
            state.say(
                "Clips are animated pictures, because no H.264 encoder is installed. "
                f"For films, install it and export again: pip install '{made.install}'"
            )
        for line in made.changes:
            state.say(f"Changed: {line}")
        if made.again and not made.changes:
            state.say("Nothing changed since the last export.")
        if made.replaced:
            state.say(
                f"It took the place of the earlier export, whose {' and '.join(made.replaced)} went with it."
            )
        if made.folder is not None:
            for name in made.formats:
                page = made.folder / name / "index.html"
                click.echo(safe(str(page if page.is_file() else made.folder / name)))
    return 3 if made.withheld else 0


def _list_formats(state: State) -> None:
    from casearchive import focus
    from casearchive.exporters import exporters

    if state.json:
        emit([{"format": e.NAME, "summary": e.SUMMARY, "options": dict(e.OPTIONS)} for e in exporters()])
        return
    wide = max(len(e.NAME) for e in exporters())
    for one in exporters():
        click.echo(f"{one.NAME:<{wide}}  {one.SUMMARY}")
        for name, about in one.OPTIONS.items():
            click.echo(f"{'':<{wide}}    --option {name}: {about}")
    click.echo(f"{'any':<{wide}}    --option {focus.OPTION}: {focus.ABOUT}")


def _plain(
    name: str,
    formats: list[str],
    cases: int,
    clips: int,
    documents: int,
    withheld: Sequence[Withheld],
    files: list[str],
    certificate: str | None,
) -> dict[str, Any]:
    return {
        "set": name,
        "formats": formats,
        "cases": cases,
        "clips": clips,
        "documents": documents,
        "withheld": [
            {"case": w.case, "media": w.media, "sha256": w.sha256, "reason": w.reason, "decide": w.decide}
            for w in withheld
        ],
        "files": files,
        "certificate": certificate,
    }
