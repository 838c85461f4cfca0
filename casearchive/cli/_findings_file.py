"""Findings out to a file and in from one, as ``annotate --export`` and ``--import`` do."""

from __future__ import annotations

from casearchive.cli._talk import State
from casearchive.errors import UsageError


def write(state: State, cases: tuple[str, ...], file: str) -> int:
    raise UsageError("not yet")


def take(state: State, cases: tuple[str, ...], file: str, *, partial: bool, dry_run: bool) -> int:
    raise UsageError("not yet")
