"""``new``: begin a case."""

from __future__ import annotations

import click

from casearchive.cli._talk import State, dry_run, emit, example, many, safe, verb


@click.command(epilog=example('casearchive new calf-pain --from "kind:dicom manufacturer:philips"'))
@click.argument("slug")
@click.option(
    "--from", "query", metavar="QUERY", help="Begin with the files outside any case that this finds."
)
@click.option("--media", metavar="SHA256", multiple=True, help="Begin with these files (may be repeated).")
@dry_run
@verb
def command(state: State, slug: str, query: str | None, media: tuple[str, ...], dry_run: bool) -> None:
    """Begin a case as a draft, prefilled from the headers of its files (never a name or a date).

    SLUG is its short name: small letters, digits and hyphens.
    """
    archive = state.open()
    case, text = archive.new(slug, query=query, media=media, dry_run=dry_run)
    if state.json:
        emit({"case": case.slug, "media": [m.sha256 for m in case.media], "record": text})
    elif dry_run:
        click.echo(safe(text, keep="\n"))
    else:
        path = archive.path / "cases" / f"{slug}.toml"
        state.say(f"Made a draft with {many(len(case.media), 'clip')}: {path}")
        for doubt in (p for linted in archive.lint([slug]) for p in linted.problems if p.level == "doubt"):
            state.say(f"To be settled: {doubt.field}: {doubt.message}")
        state.say(
            f"Write its story with: casearchive edit {slug}, and see what is missing: casearchive lint {slug}"
        )
