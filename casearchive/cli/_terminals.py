"""Which kind of picture the terminal can show, told from its surroundings alone; in doubt, none.

The terminal itself is never asked: an answer that does not come, or comes late, would hang the program or end up
in the next command line. Whoever knows better sets ``CASEARCHIVE_PICTURES``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from casearchive.errors import UsageError

VARIABLE = "CASEARCHIVE_PICTURES"
#: Real pictures by three protocols; coloured half blocks, with all colours or with 256.
GRAPHIC = ("kitty", "iterm", "sixel")
KINDS = (*GRAPHIC, "blocks", "blocks-256")
#: Set by programs that put several terminals into one.
_MULTIPLEXERS = ("TMUX", "STY", "ZELLIJ")
_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft")


def kind(stream: TextIO, environment: Mapping[str, str], *, asked: bool) -> str:
    """``kitty``, ``iterm``, ``sixel``, ``blocks``, ``blocks-256``, or nothing where no picture may be printed.

    Half blocks are coarse: they are printed where somebody ``asked`` for pictures, not unasked. A stream that is
    no terminal gets nothing, whatever is wanted. Raises ``UsageError`` for a value of the variable that means
    nothing.
    """
    wanted = environment.get(VARIABLE, "").strip().lower()
    if wanted not in ("", "auto", "off", *KINDS):
        raise UsageError(
            f"{VARIABLE} is “{wanted[:20]}”, which is no kind of picture",
            hint=f"Set it to one of: auto, off, {', '.join(KINDS)}.",
        )
    if wanted == "off" or not stream.isatty():
        return ""
    found = wanted if wanted in KINDS else _guessed(environment)
    if found.startswith("blocks") and (not _can_write_blocks(stream) or not (asked or wanted)):
        return ""
    return found


def _guessed(environment: Mapping[str, str]) -> str:
    term = environment.get("TERM", "")
    program = environment.get("TERM_PROGRAM", "")
    if environment.get("NO_COLOR") or term in ("dumb", "linux", "unknown"):
        return ""
    # the innermost program draws: what runs inside another terminal inherits that one's variables
    if any(environment.get(v) for v in _MULTIPLEXERS) or term.startswith(("tmux", "screen")):
        return _blocks(environment)  # it does not hand pictures on unless it is told to
    if term in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if term.startswith(_SIXEL_TERMS):
        return "sixel"
    if program:
        return {"ghostty": "kitty", "iTerm.app": "iterm", "WezTerm": "iterm"}.get(program) or _blocks(
            environment
        )
    if environment.get("KITTY_WINDOW_ID"):
        return "kitty"
    if environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return _blocks(environment)


def _blocks(environment: Mapping[str, str]) -> str:
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit") or environment.get("WT_SESSION"):
        return "blocks"
    if "256color" in environment.get("TERM", ""):
        return "blocks-256"
    return ""


def _can_write_blocks(stream: TextIO) -> bool:
    try:
        "▀".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def columns() -> int:
    """How many columns of text the terminal has."""
    import shutil

    return shutil.get_terminal_size((80, 24)).columns
