"""``show``: everything about a case or a file."""

from __future__ import annotations

import click

from casearchive.cli._show_case import json_case, tell_case
from casearchive.cli._show_file import file_json, tell_file
from casearchive.cli._talk import Inline, State, complete_case, emit, example, private, verb
from casearchive.errors import UsageError


@click.command(epilog=example("casearchive show rectus-femoris-complete-tear --frames sheet.png"))
@click.argument("what", metavar="CASE|SHA256|UID", shell_complete=complete_case)
@click.option("--frames", metavar="FILE.png", help="Write a contact sheet of the clips.")
@click.option(
    "--preview", is_flag=True, help="Make the moving preview of each clip, at true speed, and name it."
)
@click.option("--poster", is_flag=True, help="Make a large picture of each key frame, and name it.")
@click.option(
    "--pictures/--no-pictures",
    default=None,
    help="Show thumbnails in the terminal; unasked where it draws real pictures.",
)
@verb
def command(
    state: State, what: str, frames: str | None, preview: bool, poster: bool, pictures: bool | None
) -> None:
    """Show a case as a colleague would want to read it, or everything known about a file.

    Names, numbers and birth dates from their own attributes are never shown. A preview is an animated WebP
    file, made once and kept in the cache; --json names it (and makes it, for a file), the poster, the
    thumbnail and the filmstrip. Set CASEARCHIVE_PICTURES to kitty, iterm, sixel, blocks or off where the
    terminal is misjudged.
    """
    from casearchive.archive import CaseView

    if frames is not None and not frames.lower().endswith(".png"):
        raise UsageError("a contact sheet is a PNG picture", hint="Give it a name that ends in .png.")
    archive = state.open()
    make = [n for n, on in (("preview", preview), ("poster", poster)) if on]
    view = archive.show(what, make=make)
    if state.json and not preview and not isinstance(view, CaseView):
        view = archive.show(what, make=[*make, "preview"])  # --json names it, so it must be there
    if frames is not None:
        sheet = archive.frames(what)
        with private(frames) as file:
            file.buffer.write(sheet)
        state.say(
            f"Wrote {frames}. It shows what the clips show, names burnt into them too: keep it private."
        )

    if isinstance(view, CaseView):
        json_case(view) if state.json else tell_case(view, Inline(state, pictures))
        clips = [(media, clip) for media, clip in view.clips if clip]
    else:
        emit(file_json(view)) if state.json else tell_file(view, Inline(state, pictures))
        clips = [("", view)]
    for media, clip in clips:
        if clip.trouble:
            state.say(f"{media}: {clip.trouble}" if media else clip.trouble)
