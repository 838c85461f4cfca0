"""``set``: choose and order cases for teaching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._below import Below
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

if TYPE_CHECKING:
    from casearchive.model import TeachingSetRecord


class _Verbs(Below):
    look = "See one with: casearchive set show {}."


@click.group(
    cls=_Verbs,
    epilog=example('casearchive set create thigh --title "The painful thigh" "rectus femoris tear"'),
)
def command() -> None:
    """Choose and order cases for teaching: create, add, remove, order, edit, freeze, check, preview, list, show."""


@command.command(
    epilog=example('casearchive set create thigh --title "The painful thigh" "rectus femoris tear"')
)
@click.argument("name")
@click.argument("cases", nargs=-1, metavar="[CASE|QUERY]...", shell_complete=complete_case)
@click.option("--title", default="", help="What learners read at the top.")
@click.option("--description", default="", help="A sentence or two below it.")
@dry_run
@verb
def create(
    state: State, name: str, cases: tuple[str, ...], title: str, description: str, dry_run: bool
) -> None:
    """Make a set NAME, with cases by slug or by query (put a query in quotes)."""
    made = state.open().set_create(name, title=title, description=description, cases=cases, dry_run=dry_run)
    _tell(state, made, "Would make" if dry_run else "Made")


@command.command(epilog=example("casearchive set add thigh rectus-femoris-complete-tear"))
@click.argument("name", shell_complete=complete_case)
@click.argument("cases", nargs=-1, required=True, metavar="CASE|QUERY...", shell_complete=complete_case)
@dry_run
@verb
def add(state: State, name: str, cases: tuple[str, ...], dry_run: bool) -> None:
    """Add cases at the end of a set."""
    _tell(state, state.open().set_add(name, cases, dry_run=dry_run), "Would be" if dry_run else "Now")


@command.command(epilog=example("casearchive set remove thigh rectus-femoris-complete-tear"))
@click.argument("name", shell_complete=complete_case)
@click.argument("cases", nargs=-1, required=True, metavar="CASE...", shell_complete=complete_case)
@dry_run
@verb
def remove(state: State, name: str, cases: tuple[str, ...], dry_run: bool) -> None:
    """Take cases out of a set; they stay in the archive."""
    _tell(state, state.open().set_remove(name, cases, dry_run=dry_run), "Would be" if dry_run else "Now")


@command.command(epilog=example("casearchive set order thigh rectus-femoris-complete-tear"))
@click.argument("name", shell_complete=complete_case)
@click.argument("cases", nargs=-1, required=True, metavar="CASE...", shell_complete=complete_case)
@dry_run
@verb
def order(state: State, name: str, cases: tuple[str, ...], dry_run: bool) -> None:
    """Put these cases first, in this order; the others follow as they were."""
    _tell(state, state.open().set_order(name, cases, dry_run=dry_run), "Would be" if dry_run else "Now")


@command.command(epilog=example("casearchive set freeze thigh"))
@click.argument("name", shell_complete=complete_case)
@dry_run
@verb
def freeze(state: State, name: str, dry_run: bool) -> None:
    """Keep what a living set (search --save) holds now; then it can be changed by hand."""
    _tell(state, state.open().set_freeze(name, dry_run=dry_run), "Would be" if dry_run else "Now")


@command.command(epilog=example('casearchive set edit thigh --title "The painful thigh" --option edge=1200'))
@click.argument("name", shell_complete=complete_case)
@click.option("--title", help="What learners read at the top.")
@click.option("--description", help="A sentence or two below it.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME[=VALUE]", help="Its exports have it from now on."
)
@click.option("--no-option", "without", multiple=True, metavar="NAME", help="They no longer have it.")
@dry_run
@verb
def edit(
    state: State,
    name: str,
    title: str | None,
    description: str | None,
    options: tuple[str, ...],
    without: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Change what a set is called, and the options of its exports (see: casearchive export --formats)."""
    given: dict[str, str | None] = {n.strip(): v.strip() for n, _, v in (o.partition("=") for o in options)}
    made = state.open().set_edit(
        name,
        title=title,
        description=description,
        options={**given, **dict.fromkeys(without)},
        dry_run=dry_run,
    )
    _tell(state, made, "Would be" if dry_run else "Now")


@command.command(epilog=example("casearchive set check thigh"))
@click.argument("name", shell_complete=complete_case)
@verb
def check(state: State, name: str) -> int:
    """List all that stands in its way before it is taught: records, consent, holds, clips, answers given away."""
    from casearchive.release import withheld_lines

    meter = Meter(state, "Checking")
    try:
        linted, withheld = state.open().set_check(name, tell=lambda _c, done, total: meter.tell(done, total))
    finally:
        meter.close()
    if state.json:
        emit({
            "set": name,
            "problems": [
                {"case": one.slug, "line": p.line, "field": p.field, "message": p.message, "level": p.level}
                for one in linted
                for p in one.problems
            ],
            "withheld": [
                {"case": w.case, "media": w.media, "reason": w.reason, "decide": w.decide} for w in withheld
            ],
        })  # fmt: skip
        return 3 if withheld else 0
    for one in linted:
        for problem in one.problems:
            click.echo(safe(f"{one.slug}, {problem.field}: {problem.message}"))
    for line in withheld_lines(withheld):
        click.echo(safe(f"Stays in: {line}"))
    for option, value in state.open().set(name).options:
        state.say(f"Its exports have {option}{f'={value}' if value else ''}.")
    if withheld:
        state.say(f"{many(len(withheld), 'thing')} would stay in.")
    else:
        state.say("Everything would leave." if state.open().set(name).cases else "It holds no cases.")
    return 3 if withheld else 0


@command.command(epilog=example("casearchive set preview thigh --no-browser"))
@click.argument("name", shell_complete=complete_case)
@click.option("--no-browser", is_flag=True, help="Only make the page and print where it is.")
@verb
def preview(state: State, name: str, no_browser: bool) -> None:
    """Make the pages of a set as they would leave, inside the archive, and open them in the browser."""
    meter = Meter(state, "Cases through the airlock")
    try:
        made = state.open().preview(
            name, tell=lambda _c, done, total: meter.tell(done, total) if done else None
        )
    finally:
        meter.close()
    assert made.folder is not None
    page = made.folder / "html" / "index.html"
    if state.json:
        emit({"set": name, "page": str(page), "withheld": len(made.withheld)})
        return
    if made.withheld:
        state.say(f"{staying(made.withheld)}: casearchive set check {name}")
    click.echo(safe(str(page)))
    if not no_browser:
        import webbrowser

        webbrowser.open(page.as_uri())


@command.command("list", epilog=example("casearchive set list"))
@verb
def list_(state: State) -> None:
    """Name the sets."""
    found = state.open().sets()
    if state.json:
        emit({"sets": [_plain(s) for s in found]})
        return
    for one in found:
        count = "living" if one.living else many(len(one.cases), "case")
        click.echo(safe(f"{one.slug:30}  {count:10}  {one.title}".rstrip()))
    if not found:
        state.say("There are no sets yet: casearchive set create NAME CASE...")


@command.command(epilog=example("casearchive set show thigh"))
@click.argument("name", shell_complete=complete_case)
@verb
def show(state: State, name: str) -> None:
    """Show a set and its cases in order."""
    found = state.open().set(name)
    if state.json:
        emit({**_plain(found), "version": state.open().set_version(name)})
        return
    click.echo(click.style(safe(found.title or found.slug), bold=True))
    if found.description:
        click.echo(safe(found.description))
    if found.query:
        click.echo(safe(f"{'Living' if found.living else 'Frozen'} search: {found.query}"))
    version = state.open().set_version(name)
    click.echo(f"Version {version}{'' if not found.options else ', with ' + _options(found)}")
    for number, slug in enumerate(found.cases, 1):
        click.echo(f"{number:>3}  {slug}")


def _plain(record: TeachingSetRecord) -> dict[str, Any]:
    return {
        "set": record.slug,
        "title": record.title,
        "description": record.description,
        "cases": list(record.cases),
        "options": dict(record.options),
        "query": record.query or None,
        "living": record.living,
    }


def _options(record: TeachingSetRecord) -> str:
    return ", ".join(f"{name}={value}" if value else name for name, value in record.options)


def _tell(state: State, record: TeachingSetRecord, word: str) -> None:
    if state.json:
        emit(_plain(record))
    else:
        cases = many(len(record.cases), "case")
        state.say(f"{word}: {record.slug}, {cases}: {', '.join(record.cases) or 'none yet'}")
        if record.options:
            state.say(f"Its exports have: {_options(record)}")
