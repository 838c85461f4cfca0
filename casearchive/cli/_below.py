"""A verb with verbs below it: ``set``, ``review``."""

from __future__ import annotations

import click

from casearchive.errors import UsageError


class Below(click.Group):
    """A word that is none of the verbs below is answered with those there are. Subclasses say, in ``look``, how to see
    the thing that may have been meant; ``{}`` stands for the word."""

    look = ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            word = args[0][:80]
            raise UsageError(
                f"“{word}” is nothing that {ctx.info_name} can do",
                hint=f"{self.look.format(word)} There are: {', '.join(self.commands)}.",
            )
        return super().resolve_command(ctx, args)
