"""``review``: what waits for a person's eyes before it may leave, and what they decide."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._below import Below
from casearchive.cli._talk import Meter, State, complete_case, dry_run, emit, example, many, safe, verb
from casearchive.errors import UsageError

if TYPE_CHECKING:
    from casearchive.reviewing import Reviewable

_NAMED = 12  # clips, where many were decided about
_WHAT = "[LAYOUT|CASE|CASE:M2|SET]..."


class _Verbs(Below):
    look = "See what waits with: casearchive review list."


@click.group(cls=_Verbs, invoke_without_command=True, epilog=example("casearchive review list"))
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look at what waits, and decide: list, show, approve, mask, refuse, reopen, sound, learn.

    A decision holds for exactly the bytes that were looked at. Clips whose screens are laid out alike have one
    LAYOUT (six letters and digits): name it, and one decision clears them all.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command.command("list", epilog=example("casearchive review list thigh"))
@click.argument("what", nargs=-1, metavar=_WHAT, shell_complete=complete_case)
@click.option(
    "--all", "everything", is_flag=True, help="Also what passes, what was decided, what can never leave."
)
@verb
def list_(state: State, what: tuple[str, ...] = (), everything: bool = False) -> None:
    """List what waits, by layout, and why."""
    from casearchive.reviewing import WAITS

    found = _judged(state, what)
    shown = [c for c in found if everything or c.state == WAITS]
    if state.json:
        emit([_plain(c) for c in shown])
        return
    for layout, clips in groupby(
        sorted(shown, key=lambda c: (c.layout, c.case, c.media)), lambda c: c.layout
    ):
        _tell(layout, list(clips))
    waiting = [c for c in found if c.state == WAITS]
    if not waiting:
        state.say("Nothing waits." if found else "There are no clips in cases yet.")
        return
    layouts = len({c.layout for c in waiting})
    state.say(f"{many(len(waiting), 'clip')} wait, in {many(layouts, 'layout')}.")
    state.say(f"Look at them with: casearchive review show {waiting[0].layout}")


@command.command(epilog=example("casearchive review show rectus-femoris-complete-tear:M1"))
@click.argument("what", nargs=-1, metavar=_WHAT, shell_complete=complete_case)
@click.option("--to", metavar="DIR", help="Where to; else into the archive, for the sheets show names.")
@verb
def show(state: State, what: tuple[str, ...], to: str | None) -> None:
    """Draw contact sheets, one a layout.

    Each clip as it is, with what looks like text framed, and as it would leave.
    """
    meter = Meter(state, "Looking")
    try:
        made = state.open().review_sheets(what, to=to, tell=lambda _c, done, total: meter.tell(done, total))
    finally:
        meter.close()
    if state.json:
        emit([str(path) for path in made])
        return
    for path in made:
        click.echo(safe(str(path)))
    if not made:
        state.say("Nothing waits that can be drawn.")


@command.command(
    epilog=example('casearchive review approve rectus-femoris-complete-tear:M1 --because "a probe marker"')
)
@click.argument("what", nargs=-1, required=True, metavar=_WHAT, shell_complete=complete_case)
@click.option("--whole", is_flag=True, help="The whole picture, to its edges, shows nobody's identity.")
@click.option("--because", default="", help="In your words; it goes into the certificate.")
@dry_run
@verb
def approve(state: State, what: tuple[str, ...], whole: bool, because: str, dry_run: bool) -> None:
    """Say that no text in them tells who it is.

    It is about what is kept of these clips, by a mask or anyway: look at it first, with show.
    """
    found = _decided(state, what, "approve", entire=whole, because=because, dry_run=dry_run)
    _done(state, found, "approved", dry_run)


@command.command(
    epilog=example('casearchive review mask rectus-femoris-complete-tear:M1 --keep "box 20,40,300,200"')
)
@click.argument("what", nargs=-1, required=True, metavar=_WHAT, shell_complete=complete_case)
@click.option(
    "--keep", multiple=True, metavar="SHAPE", help="What is kept; all else is removed. May be repeated."
)
@click.option("--remove", multiple=True, metavar="SHAPE", help="What is taken out of that. May be repeated.")
@click.option("--because", default="", help="In your words; it goes into the certificate.")
@dry_run
@verb
def mask(
    state: State,
    what: tuple[str, ...],
    keep: tuple[str, ...],
    remove: tuple[str, ...],
    because: str,
    dry_run: bool,
) -> None:
    """Keep only a part of these clips.

    What looks like text in that part waits still: look at it with show, then approve.

    \b
    A SHAPE, in pixels of the picture, the first pixel at 0:
      "box X0,Y0,X1,Y1"   "polygon X,Y X,Y X,Y"   "fan X,Y NEAR FAR FROM TO" (angles from straight down)
    """
    if not keep and not remove:
        raise UsageError(
            "say what to keep or what to remove", hint='For example: --keep "box 112,60,912,700"'
        )
    found = _decided(state, what, "mask", keep=keep, remove=remove, because=because, dry_run=dry_run)
    _done(state, found, "masked", dry_run)


@command.command(
    epilog=example('casearchive review refuse rectus-femoris-complete-tear:M1 --because "a face"')
)
@click.argument("what", nargs=-1, required=True, metavar=_WHAT, shell_complete=complete_case)
@click.option("--because", default="", help="In your words.")
@dry_run
@verb
def refuse(state: State, what: tuple[str, ...], because: str, dry_run: bool) -> None:
    """Keep these clips in until someone reopens them."""
    _done(state, _decided(state, what, "refuse", because=because, dry_run=dry_run), "refused", dry_run)


@command.command(epilog=example("casearchive review reopen rectus-femoris-complete-tear:M1"))
@click.argument("what", nargs=-1, required=True, metavar=_WHAT, shell_complete=complete_case)
@dry_run
@verb
def reopen(state: State, what: tuple[str, ...], dry_run: bool) -> None:
    """Take a decision back.

    The clips are judged as if nobody had looked.
    """
    _done(state, _decided(state, what, "reopen", dry_run=dry_run), "open again", dry_run)


@command.command(
    epilog=example('casearchive review sound flow-in-a-vein:M1 --because "flow only, nobody speaks"')
)
@click.argument("what", nargs=-1, required=True, metavar=_WHAT, shell_complete=complete_case)
@click.option("--silent", is_flag=True, help="Take it back: they leave without sound again.")
@click.option("--because", default="", help="In your words; it goes into the certificate.")
@dry_run
@verb
def sound(state: State, what: tuple[str, ...], silent: bool, because: str, dry_run: bool) -> None:
    """Say that you listened to all of it, and that the sound may leave.

    Without this every clip leaves silent: nothing here understands what is spoken. It goes into films (html, pptx),
    never into DICOM files.
    """
    found = state.open().listened(what, leaves=not silent, because=because, dry_run=dry_run)
    if state.json:
        emit([{"case": c.case, "media": c.media, "sha256": c.sha256, "sound": not silent} for c in found])
        return
    word = "silent again" if silent else "with sound"
    state.say(
        f"{many(len(found), 'clip')} {'would leave' if dry_run else 'leave'} {word}: {_named_of(found)}"
    )


@command.command(epilog=example('casearchive review learn rectus-femoris-complete-tear:M1 --name "Room 3"'))
@click.argument("clip", metavar="CASE:M2", shell_complete=complete_case)
@click.option("--name", default="", help="What the profile is called; else the scanner's own name.")
@verb
def learn(state: State, clip: str, name: str) -> None:
    """Make a scanner profile of a mask.

    Clips of the same scanner, software and size need no decision of their own from then on.
    The profile is a small text file in the archive's folder scanners; copy it to share it. Text inside the scan is
    looked for all the same.
    """
    path = state.open().learn(clip, name)
    if state.json:
        emit({"profile": str(path)})
    else:
        click.echo(safe(str(path)))


# ------------------------------------------------------------------------------------------------ telling


def _judged(state: State, what: tuple[str, ...]) -> tuple[Reviewable, ...]:
    meter = Meter(state, "Looking")
    try:
        return state.open().reviewables(what, tell=lambda _case, done, total: meter.tell(done, total))
    finally:
        meter.close()


def _decided(state: State, what: tuple[str, ...], kind: str, **how: Any) -> tuple[Reviewable, ...]:
    meter = Meter(state, "Looking")
    try:
        return state.open().review(what, kind, tell=lambda _clip, done, total: meter.tell(done, total), **how)
    finally:
        meter.close()


def _tell(layout: str, clips: list[Reviewable]) -> None:
    click.echo(safe(f"{layout}  {clips[0].scanner}: {many(len(clips), 'clip')}"))
    for (state, reason), same in groupby(
        sorted(clips, key=lambda c: (c.state, _reason(c))), lambda c: (c.state, _reason(c))
    ):
        click.echo(safe(f"  {state}{': ' if reason else ''}{reason}"))
        for case, mine in groupby(same, lambda c: c.case):
            click.echo(safe(f"    {case} {', '.join(c.media for c in mine)}"))


def _reason(clip: Reviewable) -> str:
    if clip.decision is None or clip.state == "waits":
        return clip.reason
    because = f": {clip.decision.because}" if clip.decision.because else ""
    return f"{clip.decision.kind} by {clip.decision.who}, {clip.decision.at[:10]}{because}"


def _done(state: State, clips: tuple[Reviewable, ...], word: str, dry: bool) -> None:
    if state.json:
        emit([_plain(c) for c in clips])
        return
    state.say(f"{many(len(clips), 'clip')} {'would be ' if dry else ''}{word}: {_named_of(clips)}")
    waiting = [c for c in clips if c.state == "waits"]
    if waiting and not dry and word in ("approved", "masked"):
        state.say(f"{len(waiting)} of them wait still, for: {waiting[0].reason}")
        state.say(f"Look at them with: casearchive review show {waiting[0].layout}")


def _named_of(clips: tuple[Reviewable, ...]) -> str:
    refs = [c.ref for c in clips]
    return ", ".join(refs[:_NAMED]) + (f" and {len(refs) - _NAMED} more" if len(refs) > _NAMED else "")


def _plain(clip: Reviewable) -> dict[str, Any]:
    decision = clip.decision
    return {
        "case": clip.case, "media": clip.media, "sha256": clip.sha256, "layout": clip.layout,
        "scanner": clip.scanner, "state": clip.state, "reason": clip.reason, "frames": clip.frames,
        "texts": [{"frame": n, "boxes": [list(b) for b in boxes]} for n, boxes in clip.texts],
        "decision": {**decision.details(), "who": decision.who, "at": decision.at} if decision else None,
    }  # fmt: skip
