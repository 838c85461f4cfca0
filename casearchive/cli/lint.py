"""``lint``: how complete cases are for teaching."""

from __future__ import annotations

import click

from casearchive.cli._talk import State, complete_case, emit, example, safe, verb


@click.command(epilog=example("casearchive lint rectus-femoris-complete-tear"))
@click.argument("cases", nargs=-1, metavar="[CASE...]", shell_complete=complete_case)
@verb
def command(state: State, cases: tuple[str, ...]) -> int:
    """Say how complete the cases are for teaching, and what is missing (all of them where none is named)."""
    found = state.open().lint(cases)
    if state.json:
        emit(
            {
                "cases": [
                    {
                        "case": f.slug,
                        "score": f.score,
                        "problems": [
                            {
                                "file": p.file,
                                "line": p.line,
                                "field": p.field,
                                "message": p.message,
                                "level": p.level,
                            }
                            for p in f.problems
                        ],
                    }
                    for f in found
                ]
            }
        )
    else:
        for one in found:
            click.echo(f"{one.slug}: {one.score} of 100")
            for problem in one.problems:
                click.echo(safe(f"  {problem}"))
    return 3 if any(p.level == "error" for f in found for p in f.problems) else 0
