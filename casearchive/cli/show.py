"""``show``: everything about a case or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from casearchive.cli._talk import Inline, State, complete_case, emit, example, many, private, safe, verb
from casearchive.errors import UsageError

if TYPE_CHECKING:
    from casearchive.archive import Archive


@click.command(epilog=example("casearchive show rectus-femoris-complete-tear --frames sheet.png"))
@click.argument("what", metavar="CASE|CASE/MEDIA|SHA256|UID", shell_complete=complete_case)
@click.option("--frames", metavar="FILE.png", help="Write a contact sheet of the clips.")
@click.option("--draw", "folder", metavar="DIR", help="Write frames with the findings drawn on them.")
@click.option("--overwrite", is_flag=True, help="Let --draw replace pictures that stand there already.")
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
    state: State,
    what: str,
    frames: str | None,
    folder: str | None,
    overwrite: bool,
    preview: bool,
    poster: bool,
    pictures: bool | None,
) -> int:
    """Show a case as a colleague would want to read it, or everything known about a file.

    --draw writes a picture for each finding and frame: CASE-MEDIA-FRAME-FINDING.png, what it shows below it.
    Names, numbers and birth dates from their own attributes are never shown. A preview is an animated WebP
    file, made once and kept in the cache; --json names it (and makes it, for a file), the poster, the
    thumbnail and the filmstrip. Set CASEARCHIVE_PICTURES to kitty, iterm, sixel, blocks or off where the
    terminal is misjudged.
    """
    from casearchive.archive import CaseView
    from casearchive.cli._show_case import json_case, tell_case
    from casearchive.cli._show_file import file_json, tell_file

    if frames is not None and not frames.lower().endswith(".png"):
        raise UsageError("a contact sheet is a PNG picture", hint="Give it a name that ends in .png.")
    archive = state.open()
    if frames is not None:
        sheet = archive.frames(what)
        with private(frames) as file:
            file.buffer.write(sheet)
        state.say(
            f"Wrote {frames}. It shows what the clips show, names burnt into them too: keep it private."
        )
    if folder is not None:
        return _draw(state, archive, what, Path(folder), overwrite=overwrite)
    make = [n for n, on in (("preview", preview), ("poster", poster)) if on]
    view = archive.show(what, make=make)
    if state.json and not preview and not isinstance(view, CaseView):
        view = archive.show(what, make=[*make, "preview"])  # --json names it, so it must be there
    if isinstance(view, CaseView):
        json_case(view) if state.json else tell_case(view, Inline(state, pictures))
        clips = [(media, clip) for media, clip in view.clips if clip]
    else:
        emit(file_json(view)) if state.json else tell_file(view, Inline(state, pictures))
        clips = [("", view)]
    for media, clip in clips:
        if clip.trouble:
            state.say(f"{media}: {clip.trouble}" if media else clip.trouble)
    return 0


def _draw(state: State, archive: Archive, what: str, folder: Path, *, overwrite: bool) -> int:
    """Write the pictures, none over another file unless that was said; 3 where some could not be drawn."""
    drawn = list(archive.draw(what))
    good = [d for d in drawn if d.png]
    there = [d.name for d in good if (folder / d.name).exists() and (folder / d.name).read_bytes() != d.png]
    if there and not overwrite:
        raise UsageError(
            f"{many(len(there), 'picture')} would be replaced, such as {there[0]}; nothing was written",
            where=str(folder),
            hint="Name another folder, or add --overwrite.",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in good:
        with private(str(folder / one.name)) as file:
            file.buffer.write(one.png)
    if state.json:
        rows = [
            {"file": str(folder / d.name), "finding": d.finding, "media": d.media, "frame": d.frame}
            for d in good
        ]
        refused = [{"finding": d.finding, "media": d.media, "why": d.trouble} for d in drawn if d.trouble]
        emit({"what": what, "pictures": rows, "refused": refused})
    else:
        for one in good:
            click.echo(safe(str(folder / one.name)))
    for one in drawn:
        if one.trouble:
            state.say(f"{one.finding}: {one.trouble}")
    if not drawn:
        state.say(
            "No finding points at a clip: casearchive annotate CASE --change F1 --media M1 --box X,Y,X,Y"
        )
    else:
        replaced = f", {len(there)} of them in the place of older ones" if there else ""
        state.say(
            f"Wrote {many(len(good), 'picture')}{replaced}. They show what the clips show, names burnt into them too: "
            "keep them private."
        )
    return 3 if len(good) < len(drawn) else 0
