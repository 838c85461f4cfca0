"""What every verb shares: finding the archive, saying things safely, and showing progress."""

from __future__ import annotations

import json
import os
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from casearchive.errors import CaseArchiveError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from casearchive.archive import Archive


@dataclass
class State:
    """What was said before the verb."""

    archive: str | None = None
    json: bool = False
    verbose: bool = False
    quiet: bool = False

    def open(self) -> Archive:
        """The archive that is meant. Raises ``NoArchive``."""
        from casearchive.archive import Archive

        named = self.archive or os.environ.get("CASEARCHIVE_HOME")
        archive = Archive.open(named, self.say) if named else Archive.find(".", self.say)
        context = click.get_current_context(silent=True)
        if context is not None and (terms := archive.terms) is not None:
            from casearchive.terms import speaking

            context.with_resource(speaking(terms))
        return archive

    def say(self, text: str, *, wrap: bool = False) -> None:
        """Talk, for people; ``wrap`` breaks a long line at the width of the terminal."""
        if self.quiet:
            return
        if wrap:
            from casearchive.cli._layout import wrapped

            click.echo(wrapped(text, "", "  "), err=True)
        else:
            click.echo(safe(text), err=True)

    def detail(self, text: str) -> None:
        if self.verbose:
            click.echo(safe(text), err=True)


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its ``State`` and the options that may stand before or after the verb."""

    @click.option("--archive", metavar="DIR", hidden=True)
    @click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")
    @click.option("-v", "--verbose", is_flag=True, hidden=True)
    @click.option("-q", "--quiet", is_flag=True, hidden=True)
    @click.pass_obj
    @wraps(function)
    def call(
        state: State,
        /,
        *args: Any,
        archive: str | None,
        as_json: bool,
        verbose: bool,
        quiet: bool,
        **kwargs: Any,
    ) -> Any:
        state.archive = archive or state.archive
        state.json, state.verbose = state.json or as_json, state.verbose or verbose
        state.quiet = state.quiet or quiet
        return function(state, *args, **kwargs)

    return call


class Inline:
    """Pictures between the lines on standard output, where the terminal can show them; nothing elsewhere.

    ``asked`` is None where nobody said whether pictures are wanted: real ones are shown then, coarse ones not.
    """

    def __init__(self, state: State, asked: bool | None) -> None:
        from casearchive.cli import _terminals

        quiet = state.json or asked is False
        self._kind = "" if quiet else _terminals.kind(sys.stdout, os.environ, asked=bool(asked))
        self._columns = _terminals.columns() if self._kind else 0

    def __bool__(self) -> bool:
        return bool(self._kind)

    def draw(self, path: Path | None) -> None:
        if not self._kind or path is None:
            return
        from casearchive.cli import _inline

        # past click, which takes codes that it does not know out of some streams
        sys.stdout.flush()
        sys.stdout.write(_inline.drawn(path, self._kind, self._columns))
        sys.stdout.flush()


dry_run = click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")


def example(*lines: str) -> str:
    """The end of a verb's help."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def emit(value: Any, *, lines: bool = False) -> None:
    """One JSON object on standard output; on one line where it follows JSON lines."""
    click.echo(json.dumps(value, indent=None if lines else 2, ensure_ascii=True))


def colourless() -> bool:
    """Whether the surroundings ask for plain text: NO_COLOR is set, or the terminal knows no escape codes."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in ("dumb", "unknown")


def complain(error: CaseArchiveError) -> None:
    colour = False if colourless() else None  # the context that knew is closed by now
    click.echo(click.style("Error: ", bold=True) + safe(str(error), keep="\n"), err=True, color=colour)


def safe(text: str, keep: str = "") -> str:
    """Text that a terminal may show: control codes, escapes and direction overrides become visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c
        if c in keep or (c == "\n" and keep == "\n") or unicodedata.category(c) not in _UNSAFE
        else _shown(c)
        for c in text
    )


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _shown(char: str) -> str:
    return " " if char in "\n\t\r" else char.encode("unicode_escape").decode("ascii")


def private(name: str) -> TextIOWrapper:
    """A new file for text (``.buffer`` for bytes) that its owner alone may read, whatever the umask says."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def many(count: int, what: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def staying(withheld: Sized) -> str:
    """``1 thing stays in``, ``2 things stay in``."""
    return f"{many(len(withheld), 'thing')} stay{'s' if len(withheld) == 1 else ''} in"


def fields(text: str) -> str:
    """A concept id or field as a person reads it."""
    return text.replace("_", " ")


#: Seconds before anything is said where lines stay, and before anybody can tell how long it will take.
_PATIENCE = 5.0


class Meter:
    """Progress on standard error: a line that renews itself on a terminal, plain lines elsewhere.

    Pace and time left are of the last half of the time: what is known already goes by in a moment and says nothing of
    what is to come, nor does what it takes to begin.
    """

    def __init__(self, state: State, what: str) -> None:
        self._what, self._started = what, time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()  # how much was done when, the last half and a bit
        self._live = sys.stderr.isatty() and not state.quiet and not colourless()
        self._silent = state.quiet
        self._told, self._drawn = 0.0, False

    def tell(self, done: int, total: int, size: int = 0) -> None:
        now = time.monotonic()
        self._mark(now, done)
        pause = 0.1 if self._live else _PATIENCE
        if self._silent or now - self._told < pause:
            return
        if not self._live and now - self._started < pause:
            return
        self._told = now
        line = self._line(done, total, size, now)
        if self._live:
            click.echo(f"\r\x1b[K{line}", nl=False, err=True)
            self._drawn = True
        else:
            click.echo(line, err=True)

    def close(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _mark(self, now: float, done: int) -> None:
        spent = now - self._started
        if not self._marks or now - self._marks[-1][0] >= max(0.5, spent / 100):
            self._marks.append((now, done))
        while len(self._marks) > 1 and self._marks[1][0] <= now - spent / 2:
            self._marks.popleft()

    def _line(self, done: int, total: int, size: int, now: float) -> str:
        since, before = self._marks[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        total = max(total, done) if total else 0
        bar = ""
        if self._live and total:
            full = done * 20 // total
            bar = f"[{'=' * full}{' ' * (20 - full)}] "
        parts = [f"{self._what}: {bar}{done}" + (f" of {total}" if total else "")]
        if size:
            parts.append(f"{megabytes(size)}")
        if rate >= 1:
            parts.append(f"{rate:.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
        elif rate > 0:
            parts.append(f"{60 * rate:.1f} a minute")
        if total > done and rate > 0 and now - self._started >= _PATIENCE:
            parts.append(f"about {duration((total - done) / rate)} left")
        return ", ".join(parts)


def megabytes(size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000  # type: ignore[assignment]
    return ""


def duration(seconds: float) -> str:
    """``45 s``, ``2 min 40 s``, ``25 min``, ``1.5 h``; from 10 s on rounded by a fifteenth at most."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 600:
        minutes, rest = divmod(round(seconds, -1), 60)
        return f"{minutes:.0f} min {rest:.0f} s" if rest else f"{minutes:.0f} min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def complete_case(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Slugs of the archive's cases and sets, for the shell's completion."""
    from click.shell_completion import CompletionItem

    state = ctx.find_object(State) or State()
    try:
        root = state.open().path
    except CaseArchiveError:
        return []
    names = {p.stem for folder in ("cases", "sets") for p in Path(root, folder).glob(f"{incomplete}*.toml")}
    return [CompletionItem(name) for name in sorted(names)]
