"""The exporters: every public module of this folder is one output, found by looking, registered nowhere.

A module has ``NAME`` (the word after ``--as``), ``SUMMARY`` (one line for people), ``HIDES_ANSWERS`` (whether its
readers are asked before they are told), ``OPTIONS`` (what each option of its own does, by its name) and
``export(teaching, target, options)``, which fills the existing, empty folder ``target`` from the values the airlock
made and from nothing else. Names that begin with ``_`` are what several outputs share.

A module whose options have values that can be wrong, or that needs what may not be installed, has ``check(options)``,
too: it is asked before a case is touched, as an export takes minutes.

A module with ``PACKS = True`` packs what the other outputs of the same run have written: ``pack(outputs, target,
options)`` is called for it when they are finished, and ``export`` where it was named alone. One with ``FILMS = True``
shows clips as films, and as animated pictures where no encoder is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeGuard, cast

from casearchive.errors import UsageError
from casearchive.plugs import plugs
from casearchive.teaching import TeachingSet


class Exporter(Protocol):
    """A module of this folder. ``options`` holds what ``OPTIONS`` names, empty where it was given without a value;
    others are left alone, as they may be another output's of the same set. Raises ``CaseArchiveError``; a target that
    was filled halfway is the caller's to throw away."""

    NAME: str
    SUMMARY: str
    HIDES_ANSWERS: bool
    OPTIONS: Mapping[str, str]

    def export(self, teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None: ...


class Checking(Exporter, Protocol):
    """An output that can say before it begins that it will not do. ``check`` raises ``UsageError`` where ``export``
    would, whatever the set."""

    def check(self, options: Mapping[str, str]) -> None: ...


class Packer(Exporter, Protocol):
    """An output that holds others. ``outputs`` are their finished folders, each named after its format; they are read
    and never changed."""

    PACKS: bool

    def pack(self, outputs: Sequence[Path], target: Path, options: Mapping[str, str]) -> None: ...


def packs(plug: Exporter) -> TypeGuard[Packer]:
    """Whether this output packs others."""
    return bool(getattr(plug, "PACKS", False))


def films(plug: Exporter) -> bool:
    """Whether this output shows clips as films where there is an encoder."""
    return bool(getattr(plug, "FILMS", False))


def checks(plug: Exporter) -> TypeGuard[Checking]:
    """Whether this output can check its options."""
    return hasattr(plug, "check")


@cache
def exporters() -> tuple[Exporter, ...]:
    """Every exporter of this folder, sorted by ``NAME``."""
    found = cast("tuple[Exporter, ...]", plugs(sys.modules[__name__]))
    return tuple(sorted(found, key=lambda exporter: exporter.NAME))


def exporter(name: str) -> Exporter:
    """The exporter called ``name``; raises ``UsageError`` naming those there are."""
    by_name = {candidate.NAME: candidate for candidate in exporters()}
    if name not in by_name:
        known = ", ".join(by_name)
        raise UsageError(f"no output format is called {name!r}", where="--as", hint=f"There are: {known}.")
    return by_name[name]
