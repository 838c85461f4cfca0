"""``measure``: a length, an area, an angle … in a picture, in its own scale."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from casearchive.choices import MEASURES
from casearchive.cli._talk import State, emit, example, safe, verb
from casearchive.errors import UsageError
from casearchive.units import printed

if TYPE_CHECKING:
    from casearchive.measure import Measured

#: What ``measure`` says beside UCUM, and what reads better in a sentence of its own.
_SPOKEN = {"px": "pixels", "px2": "square pixels", "/min": "a minute"}


def _point(
    context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]
) -> list[tuple[float, float]]:
    points = []
    for word in words:
        if re.match(
            r"-(?![\d.])", word
        ):  # a point may begin with a minus sign, an option has a letter behind it
            raise click.NoSuchOption(word, ctx=context)
        try:
            x, y = (float(part) for part in word.split(","))
        except ValueError:
            raise click.BadParameter(f"“{word[:40]}” is no point: write X,Y such as 300,240") from None
        if not (math.isfinite(x) and math.isfinite(y)):
            raise click.BadParameter(f"“{word[:40]}” is no place in a picture")
        points.append((x, y))
    return points


def _known(context: click.Context, _parameter: click.Parameter, word: str) -> str:
    if word.startswith("-"):
        raise click.NoSuchOption(word, ctx=context)
    return word


def _kinds(command: click.decorators.FC) -> click.decorators.FC:
    """An option for each kind of measurement but the length, which is what is meant without one."""
    for kind, (_, _, meaning) in reversed(MEASURES.items()):
        if kind != "length":
            command = click.option(f"--{kind}", is_flag=True, help=f"{meaning[0].upper()}{meaning[1:]}.")(
                command
            )
    return command


@click.command(
    # a point may begin with a minus sign
    context_settings={"ignore_unknown_options": True},
    epilog=example("casearchive measure rectus-femoris-complete-tear/M1 300,240 420,240"),
)
@click.argument("what", metavar="SHA256|UID|CASE/MEDIA", callback=_known)
@click.argument("points", metavar="X,Y...", nargs=-1, required=True, callback=_point)
@_kinds
@click.option("--frame", metavar="N", default=1, show_default=True, help="The frame measured.")
@click.option("--region", metavar="N", type=int, help="Use this ultrasound region (show lists them).")
@verb
def command(
    state: State,
    what: str,
    points: list[tuple[float, float]],
    frame: int,
    region: int | None,
    **kinds: bool,
) -> int:
    """Measure in a picture: a length along points, or what an option says.

    Points count stored pixels from the centre of the top left one. A value in millimetres, seconds or cm/s
    needs all of them in one ultrasound region, or a scale set by hand in the case; without one, lengths are in
    pixels and the reason is given. Points across two regions are refused.
    """
    from casearchive.measure import Measured, Unmeasurable

    wanted = [name for name, on in kinds.items() if on]
    if len(wanted) > 1:
        raise UsageError(
            f"--{wanted[0]} and --{wanted[1]}: one measurement at a time", hint="Call it once for each."
        )
    kind = wanted[0] if wanted else "length"
    result = state.open().measure(what, points, frame=frame, kind=kind, region=region)
    refused = result.reason if isinstance(result, Unmeasurable) else None
    if state.json:
        found = (
            asdict(result) if isinstance(result, Measured) else {"kind": kind, "value": None, "unit": None}
        )
        emit({"what": what, "frame": frame, **found, "points": points, "refused": refused})
    elif isinstance(result, Measured):
        number = _number(result)
        unit = _SPOKEN.get(result.unit) or printed(result.unit)
        unit = unit.removesuffix("s") if unit.endswith("pixels") and float(number) == 1 else unit
        click.echo(f"{number} {unit}".replace(" °", "°"))
        for line in _said(result):
            state.say(line)
    else:
        click.echo(safe(f"Error: {refused}"), err=True)
    if isinstance(result, Unmeasurable):
        return 2 if result.misasked else 1
    return 0


def _number(result: Measured) -> str:
    """As many digits as a pixel is worth."""
    digits = max(0, -math.floor(math.log10(result.pixel))) if result.pixel > 0 else 1
    return f"{result.value:.{min(digits, 6)}f}"


def _said(result: Measured) -> list[str]:
    where = []
    if result.source == "manual":
        where = ["by the scale set by hand"]
    elif result.region is not None:
        where = [f"in ultrasound region {result.region} ({result.source})"]
    return [*where, *result.notes]
