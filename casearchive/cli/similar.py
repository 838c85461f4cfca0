"""``similar``: cases like a case, and what tells them apart."""

from __future__ import annotations

import click

from casearchive.cli._layout import wrapped
from casearchive.cli._talk import State, complete_case, emit, example, verb


@click.command(
    epilog=example(
        "casearchive similar rectus-femoris-complete-tear",
        "casearchive similar rectus-femoris-complete-tear --without tear",
    )
)
@click.argument("case", shell_complete=complete_case)
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many to show.")
@click.option(
    "--without", metavar="FINDING", default="", help="For contrast: like it, but without this finding."
)
@click.option("--same-side", is_flag=True, help="Findings of the other side count less.")
@click.option("--ids", is_flag=True, help="Only slugs, the nearest first.")
@verb
def command(state: State, case: str, limit: int, without: str, same_side: bool, ids: bool) -> None:
    """Find cases like a case: what they share, the rarer the better, and what differs.

    A finding of a neighbouring structure or of a broader kind counts in part; the side does not matter unless
    --same-side says so. With --without, cases that have that finding are left out, and those that document
    its absence come first.
    """
    archive = state.open()
    found = archive.similar(case, limit=limit, without=without, same_side=same_side)
    if state.json:
        emit(
            {
                "case": case,
                "without": without or None,
                "similar": [
                    {
                        "case": each.case,
                        "title": each.title,
                        "score": each.score,
                        "shared": list(each.shared),
                        "differs": list(each.differs),
                    }
                    for each in found
                ],
            }
        )
        return
    if ids:
        for each in found:
            click.echo(each.case)
        return
    for number, each in enumerate(found, 1):
        title = wrapped(each.title or "(without a title)", f"{number:>3}  ", "     ")
        click.echo(title[:5] + click.style(title[5:], bold=True))
        click.echo(wrapped(f"{each.case} · likeness {each.score:.2f}", "     "))
        for words, lines in (("shared", each.shared), ("differs", each.differs)):
            for line in lines[:3]:
                click.echo(click.style(wrapped(f"{words}: {line}", "     ", "       "), dim=True))
        click.echo()
    state.say(f"{len(found)} like {case}" if found else f"No case is like {case} yet.")
