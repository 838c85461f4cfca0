"""The ledger: what happened, when, by whom; append-only, each line chained to the one before by its hash."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from casearchive.errors import Damaged
from casearchive.files import append_durably

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """One line. ``subject`` is what it is about (a hash, a slug, a set); ``details`` is plain JSON."""

    position: int
    at: str
    who: str
    event: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str


class Ledger:
    """``ledger.jsonl``. One writer at a time (the archive's lock sees to that); readers need no lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: tuple[int, str] | None = None

    def append(self, events: Iterable[tuple[str, str, Mapping[str, Any]]]) -> tuple[Event, ...]:
        """Add ``(event, subject, details)`` lines; durable when this returns. An unfinished last line
        (left by a crash) is cut off first: it was never reported as done."""
        self._mend_tail()
        position, previous = self._end()
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        made: list[Event] = []
        for event, subject, details in events:
            position += 1
            body = _body(position, at, _who(), event, subject, details, previous)
            made.append(Event(position, at, _who(), event, subject, details, previous, _hash(body)))
            previous = made[-1].hash
        if made:
            self._add(b"".join(_line(e) for e in made))
            self._last = (position, previous)
        return tuple(made)

    def _add(self, lines: bytes) -> None:
        """All of ``lines`` or, where the disk fails, none: what was not reported as done must not stand there."""
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            append_durably(self._path, lines)
        except OSError:
            self._last = None
            with contextlib.suppress(OSError):
                os.truncate(self._path, size)
            raise

    def events(self) -> Iterator[Event]:
        """All lines in order, checked as they are read. Raises ``Damaged`` at the first that does not fit."""
        previous, position = GENESIS, 0
        with self._path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.endswith(b"\n"):
                    return  # a line that was being written when the program died
                event = _parsed(raw, number, self._path)
                if event.previous != previous or event.position != position + 1:
                    raise _broken(self._path, number, "it does not follow the line before it")
                body = _body(
                    event.position, event.at, event.who, event.event, event.subject, event.details, previous
                )
                if _hash(body) != event.hash:
                    raise _broken(self._path, number, "it was changed after it was written")
                previous, position = event.hash, event.position
                yield event

    def _end(self) -> tuple[int, str]:
        if self._last is None:
            self._last = (0, GENESIS)
            for event in self.events():
                self._last = (event.position, event.hash)
        return self._last

    def _mend_tail(self) -> None:
        if self._last is not None or not self._path.exists():
            return
        with self._path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            keep = size
            while keep > 0:
                file.seek(max(0, keep - 65536))
                block = file.read(keep - max(0, keep - 65536))
                cut = block.rfind(b"\n")
                if cut >= 0:
                    keep = keep - len(block) + cut + 1
                    break
                keep -= len(block)
            if keep != size:
                file.truncate(keep)
                os.fsync(file.fileno())


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user on this machine (containers, Windows services)
        return "unknown"


def _body(
    position: int, at: str, who: str, event: str, subject: str, details: Mapping[str, Any], previous: str
) -> dict[str, Any]:
    return {
        "position": position,
        "at": at,
        "who": who,
        "event": event,
        "subject": subject,
        "details": dict(details),
        "previous": previous,
    }


def _hash(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _line(event: Event) -> bytes:
    body = _body(
        event.position, event.at, event.who, event.event, event.subject, event.details, event.previous
    )
    return json.dumps({**body, "hash": event.hash}, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _parsed(raw: bytes, number: int, path: Path) -> Event:
    try:
        data = json.loads(raw)
        return Event(**data)
    except (ValueError, TypeError) as error:
        raise _broken(path, number, "it cannot be read") from error


def _broken(path: Path, number: int, why: str) -> Damaged:
    return Damaged(
        f"line {number} of the ledger is damaged: {why}",
        where=str(path),
        hint="Restore the ledger from a backup; the originals and the records are not touched by this.",
    )
