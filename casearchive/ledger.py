"""The ledger: what happened, when, by whom; append-only, each line chained to the one before by its hash.

What may name a patient (the name of a file) stands beside the chain, which holds only its salted hash: when a file is
removed, its name can be struck out and every hash still fits.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

from casearchive.errors import Damaged
from casearchive.files import append_durably, open_plain, read_plain, write_durably, write_lightly
from casearchive.model import Line

GENESIS = "0" * 64
_BLOCK = 1 << 18  # bytes
_MEND = (
    "See what can be done with: casearchive verify --repair (originals and records are not touched by this)"
)
#: Details that may name a patient.
ERASABLE = ("name", "source")


@dataclass(frozen=True, slots=True)
class Event:
    """One line. ``subject`` is what it is about (a hash, a slug, a set); ``details`` is plain JSON. ``aside`` is what
    the chain needs of details that stand beside it: their ``salt``, or their ``hash`` where they were struck out."""

    position: int
    at: str
    who: str
    event: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str
    aside: Mapping[str, str] = field(default_factory=dict)

    @property
    def struck(self) -> bool:
        return "hash" in self.aside


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a ledger was read and found sound: so many bytes, their SHA-256, the number and hash of their last
    line."""

    size: int = 0
    sha256: str = ""
    position: int = 0
    hash: str = GENESIS


_NOTHING_READ = _Mark()
_WORTH_A_MARK = 100  # lines
_ALL = 1 << 62


class Ledger:
    """``ledger.jsonl``. One writer at a time (the archive's lock sees to that); readers need no lock.

    In ``mark`` a writer keeps how far all lines were read and found sound: as long as these bytes are the same, to the
    last one, they are not read line by line again. It can be thrown away.
    """

    def __init__(self, path: Path, mark: Path | None = None) -> None:
        self._path, self._mark = path, mark
        self._last: tuple[int, str] | None = None
        #: how far it was read, where that was to its end, and the hash of these bytes, which goes on with what is added
        self._read_to: _Mark | None = None
        self._digest: Any = None
        self._kept = 0  # lines in the mark

    @property
    def size(self) -> int:
        """Bytes of it; 0 where there is none."""
        return self._path.stat().st_size if self._path.exists() else 0

    def append(self, events: Iterable[tuple[str, str, Mapping[str, Any]]]) -> tuple[Event, ...]:
        """Add ``(event, subject, details)`` lines; durable when this returns. An unfinished last line
        (left by a crash) is cut off first: it was never reported as done."""
        self._mend_tail()
        position, previous = self._end()
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        made: list[Event] = []
        lines: list[bytes] = []
        for event, subject, details in events:
            position += 1
            aside = _aside(details)
            body = _body(position, at, _who(), event, subject, _chained(details, aside), previous)
            salt = {"salt": aside["salt"]} if aside else {}
            made.append(Event(position, at, _who(), event, subject, details, previous, _hash(body), salt))
            previous = made[-1].hash
            lines.append(_line({**body, "hash": previous, **({"aside": aside} if aside else {})}))
        if made:
            self._add(b"".join(lines))
            self._last = (position, previous)
            self._went_on(b"".join(lines))
        return tuple(made)

    def _add(self, lines: bytes) -> None:
        """All of ``lines`` or, where the disk fails, none: what was not reported as done must not stand there."""
        size = self.size
        try:
            append_durably(self._path, lines)
        except OSError:
            self._last = None
            with contextlib.suppress(OSError):
                os.truncate(self._path, size)
            raise

    def _went_on(self, lines: bytes) -> None:
        """What was read to its end is so with ``lines`` behind it, too."""
        if self._read_to is None or self._last is None or self._read_to.size + len(lines) != self.size:
            self._read_to = None
            return
        self._digest.update(lines)
        self._read_to = _Mark(self._read_to.size + len(lines), self._digest.hexdigest(), *self._last)
        self._keep()

    def events(self) -> Iterator[Event]:
        """All lines in order, checked as they are read. Raises ``Damaged`` at the first that does not fit, and where
        there is no ledger: every archive was made with one."""
        with self._opened() as file:
            yield from self._following(file, _NOTHING_READ, hashlib.sha256())

    def after(self, position: int) -> tuple[Event, ...]:
        """The lines after line ``position``, checked, and all before them as well: each by its own hash, or all that
        were before by one. Raises ``Damaged`` as ``events`` does. Only the writer may."""
        mark, digest = self._marked(), hashlib.sha256()
        with self._opened() as file:
            if mark.position > position or not _begins_with(file, mark, digest):
                file.seek(0)
                mark, digest = _NOTHING_READ, hashlib.sha256()
            self._kept = mark.position
            found = tuple(e for e in self._following(file, mark, digest) if e.position > position)
        self._keep()
        return found

    def lines(self, most: int | None = None) -> Iterator[bytes]:
        """As they stand there, unchecked; the first ``most`` of them."""
        with self._opened() as file:
            yield from itertools.islice(file, most)

    def _opened(self) -> BufferedReader:
        try:
            return open_plain(self._path)
        except FileNotFoundError:
            raise Damaged("the ledger is gone", where=str(self._path), hint=_MEND) from None

    def _following(self, file: BufferedReader, mark: _Mark, digest: Any) -> Iterator[Event]:
        """The lines from where ``file`` stands, behind those of ``mark``, of which ``digest`` has the bytes."""
        position, previous = mark.position, mark.hash
        for raw in file:
            number = position + 1
            if not raw.endswith(b"\n"):
                if _is_more_than_a_line(raw):
                    raise _broken(self._path, number, "its end was changed after it was written")
                return  # a line that was being written when the program died
            event = self._read(raw, number)
            if event.previous != previous or event.position != number:
                raise _broken(self._path, number, "it does not follow the line before it")
            previous, position = event.hash, event.position
            digest.update(raw)
            yield event
        self._read_to, self._digest = _Mark(file.tell(), digest.hexdigest(), position, previous), digest

    def _marked(self) -> _Mark:
        """How far it was read before; nothing where nobody says so."""
        if self._mark is None:
            return _NOTHING_READ
        try:
            told = json.loads(read_plain(self._mark))
            mark = _Mark(int(told["size"]), str(told["sha256"]), int(told["position"]), str(told["hash"]))
            sound = told["check"] == _hash(asdict(mark))  # else new lines would be chained to none
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return _NOTHING_READ
        return mark if sound else _NOTHING_READ

    def _keep(self) -> None:
        """Write the mark where it saves something."""
        now = self._read_to
        if self._mark is None or now is None or now.position - self._kept < _WORTH_A_MARK:
            return
        self._kept = now.position
        with contextlib.suppress(OSError):
            kept = asdict(now)
            write_lightly(self._mark, json.dumps({**kept, "check": _hash(kept)}).encode())

    def sound(self) -> int:
        """How many bytes the lines are up to the first that does not fit. Raises ``Damaged`` where there is no
        ledger."""
        lines = 0
        with contextlib.suppress(Damaged):
            for event in self.events():
                lines = event.position
        return sum(map(len, self.lines(lines)))

    def cut(self, size: int) -> None:
        """Keep the first ``size`` bytes; durable when this returns."""
        self._last = self._read_to = None
        with self._path.open("rb+") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def strike(self, subjects: Iterable[str]) -> tuple[Event, ...]:
        """Take away what stands beside the chain in the lines about ``subjects``; durable when this returns. Returns
        those lines as they are now, those that were struck before among them. Raises ``Damaged`` where the chain does
        not hold."""
        gone = frozenset(subjects)
        self._mend_tail()
        told: list[Event] = []
        struck: dict[int, bytes] = {}
        for event, raw in zip(self.events(), self.lines(), strict=True):
            if event.subject in gone:
                data = json.loads(raw)
                if data.pop("aside", None):
                    raw = struck[event.position] = _line(data)
                told.append(self._read(raw, event.position))
        if struck:
            self._read_to = None
            lines = enumerate(self.lines(), 1)
            write_durably(self._path, (struck.get(position, raw) for position, raw in lines))
        return tuple(told)

    def _read(self, raw: bytes, number: int) -> Event:
        """One line, its own hash checked. Whatever is written differently than we write it was changed, too."""
        try:
            data = json.loads(raw)
            aside = data.pop("aside", None)
            body = {key: value for key, value in data.items() if key != "hash"}
            whole = _line({**data, **({"aside": aside} if aside else {})}) == raw and body.keys() == _KEYS
            whole = whole and _hash(body) == data["hash"]
            told = data["details"].pop("aside", None)
            if whole and aside:
                whole = _sealed(aside) == told
                data["details"] |= {k: v for k, v in aside.items() if k != "salt"}
            kept = {"salt": aside["salt"]} if aside else {"hash": told} if told is not None else {}
            event = Event(**data, aside=kept)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _broken(self._path, number, "it cannot be read") from error
        if not whole:
            raise _broken(self._path, number, "it was changed after it was written")
        return event

    def _end(self) -> tuple[int, str]:
        if self._last is None:
            if self._read_to is None or self._read_to.size != self.size:
                self._read_to = None
                self.after(_ALL)
            assert self._read_to is not None, "a torn end was cut off before"
            self._last = (self._read_to.position, self._read_to.hash)
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
            file.seek(keep)
            if _is_more_than_a_line(file.read()):
                line = self._path.read_bytes().count(b"\n") + 1
                raise _broken(self._path, line, "its end was changed after it was written")
            if keep != size:
                file.truncate(keep)
                os.fsync(file.fileno())


def chained(heard: Iterable[Line]) -> tuple[bytes, str]:
    """The ledger that says what was ``heard``, and the hash of its last line: whoever knows that hash otherwise has
    proof of every line."""
    made: list[bytes] = []
    previous = GENESIS
    for line in heard:
        body, aside = _heard(line, previous)
        previous = _hash(body)
        made.append(_line({**body, "hash": previous, **({"aside": aside} if aside else {})}))
    return b"".join(made), previous


def hash_behind(previous: str, line: Line) -> str:
    """The hash that a line has where the one before it has ``previous``: no other line has it there."""
    return _hash(_heard(line, previous)[0])


def _heard(line: Line, previous: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A line as the index heard it, as its body in the chain and what stands beside it."""
    details, aside = dict(line.details), {}
    if "salt" in line.aside:
        told = {key: details.pop(key) for key in ERASABLE if key in details}
        aside = {"salt": line.aside["salt"], **told}
    if line.aside:
        details["aside"] = _sealed(aside) if aside else line.aside["hash"]
    body = _body(line.position, line.at, line.who, line.event, line.subject, details, previous)
    return body, aside


def _begins_with(file: BufferedReader, mark: _Mark, digest: Any) -> bool:
    """Whether a file begins with the bytes of a mark; they are read, and added to ``digest``."""
    left = mark.size
    while left and (block := file.read(min(_BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return not left and (not mark.size or digest.hexdigest() == mark.sha256)


_KEYS = {"position", "at", "who", "event", "subject", "details", "previous"}


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


def _aside(details: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside the chain: nobody guesses a name from its hash, for the salt goes with it."""
    found = {key: details[key] for key in ERASABLE if key in details}
    return {"salt": os.urandom(16).hex(), **found} if found else {}


def _chained(details: Mapping[str, Any], aside: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in details.items() if key not in ERASABLE}
    return {**kept, "aside": _sealed(aside)} if aside else kept


def _sealed(aside: Mapping[str, Any]) -> str:
    return _hash(aside)


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _is_more_than_a_line(tail: bytes) -> bool:
    """What a crash leaves is the beginning of a line; a whole one and more was written, and changed since."""
    try:
        _, end = json.JSONDecoder().raw_decode(tail.decode("ascii"))
    except (ValueError, RecursionError):
        return False
    return end < len(tail)


def _broken(path: Path, number: int, why: str) -> Damaged:
    return Damaged(
        f"line {number} of the ledger is damaged: {why}",
        where=str(path),
        hint=_MEND,
    )
