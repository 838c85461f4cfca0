"""Reindex: index and small pictures made again from the truth, in a new file that takes the old one's place."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from casearchive import disk, index, teachingsets, truth
from casearchive.errors import CaseArchiveError
from casearchive.files import sync_folder
from casearchive.index import older, write
from casearchive.ingest import filing
from casearchive.ingest.crew import Crew
from casearchive.ingest.gather import Task
from casearchive.rooms import Rooms

_CASES_AT_ONCE = 50  # in a transaction; nobody reads the new index yet


@dataclass(frozen=True, slots=True)
class Rebuilt:
    files: int
    cases: int
    sets: int
    problems: tuple[str, ...]
    taken: tuple[str, ...] = ()  # files that were changed by hand and are noted as they are now
    copies: tuple[str, ...] = ()  # of older indexes, which are not needed any more and were deleted


def reindex(
    rooms: Rooms,
    *,
    workers: int = 2,
    take_changes: bool = True,
    tell: Callable[[int, int], None] = lambda _d, _t: None,
) -> Rebuilt:
    """Make ``index.db`` and ``cache/`` again from the truth, in a new file that takes the old one's place.

    Records and other small files that somebody changed are noted in the ledger as they are now, unless
    ``take_changes`` is off: then they go into the index, and ``verify`` goes on to ask about them. ``tell`` hears how
    many originals and records of how many are done.
    """
    new = rooms.layout.index.with_name("index.db.new")
    _away(new)
    before = rooms.layout.index
    disk.check_room(rooms.layout.root, before.stat().st_size if before.is_file() else 0)
    problems: list[str] = []
    taken: tuple[str, ...] = ()
    if take_changes:
        truth.give_key_check(rooms)
    told = truth.Told(rooms.ledger.events())
    if take_changes:
        lines = truth.take_as_they_are(rooms, told.noted)
        for event in rooms.ledger.append(lines):
            told.hear(event)
        taken = tuple(subject for _, subject, _ in lines)
    files = sum(1 for name in rooms.store.names() if name not in told.gone and rooms.store.has(name))
    slugs = sorted(p.stem for p in rooms.layout.cases.glob("*.toml") if p.stem not in told.gone)
    every = files + len(slugs)
    crew = Crew(workers)
    try:
        with index.writing_long(new, create=True) as connection:
            order = _ordered(rooms, told.gone, problems)
            _refill(rooms, connection, crew, order, problems, lambda done: tell(done, every))
            cases = _recase(rooms, connection, slugs, problems, lambda done: tell(files + done, every))
            sets = _resets(rooms, connection(), problems)
            with index.transaction(connection()) as now:
                write.add_events(now, rooms.ledger.events())
            problems += (f"{name}: it is gone" for name in truth.missing(rooms.layout, told.noted))
        _swap(new, rooms.layout.index)
        copies = older.away(rooms.layout.index)
        # pictures made for somebody who asked are made again when asked for: by today's program
        shutil.rmtree(rooms.layout.darkroom, ignore_errors=True)
    finally:
        crew.close()
        _away(new)
    return Rebuilt(files, cases, sets, tuple(problems), taken, copies)


def _ordered(rooms: Rooms, gone: Set[str], problems: list[str]) -> Iterator[tuple[str, str]]:
    """Each original with its name, in the order in which they were taken; then those of which no line tells."""
    met: set[bytes] = set()  # the bytes of a hash are half its digits
    lost: set[str] = set()
    for event in rooms.ledger.events():
        sha256 = event.subject
        if event.event != "ingested" or event.struck or sha256 in gone:
            continue
        if not rooms.store.has(sha256):
            lost.add(sha256)
        elif bytes.fromhex(sha256) not in met:
            met.add(bytes.fromhex(sha256))
            yield sha256, str(event.details.get("name", ""))
    problems += (f"{sha256}: the original is gone" for sha256 in sorted(lost))
    for sha256 in rooms.store.names():
        if sha256 not in gone and bytes.fromhex(sha256) not in met and rooms.store.has(sha256):
            yield sha256, ""


def _refill(
    rooms: Rooms,
    connection: Callable[[], sqlite3.Connection],
    crew: Crew,
    ahead: Iterator[tuple[str, str]],
    problems: list[str],
    tell: Callable[[int], None],
) -> None:
    waiting: deque[tuple[str, str]] = deque()
    done = 0

    def send(count: int) -> None:
        for sha256, name in itertools.islice(ahead, count):
            crew.submit(Task(rooms.layout.root, None, sha256))
            waiting.append((sha256, name))

    send(64)
    while waiting:
        files = []
        for _ in range(min(32, len(waiting))):
            sha256, name = waiting.popleft()
            found = crew.next()
            if found.facts is None:
                problems.append(f"{sha256}: {found.message}")
            else:
                files.append((filing.with_claims(found, name), name))
            done += 1
        with index.transaction(connection()) as now:
            filing.put_files(rooms, now, files)
        tell(done)
        send(32)


def _recase(
    rooms: Rooms,
    connection: Callable[[], sqlite3.Connection],
    slugs: Sequence[str],
    problems: list[str],
    tell: Callable[[int], None],
) -> int:
    count = 0
    for start in range(0, len(slugs), _CASES_AT_ONCE):
        read = []
        for slug in slugs[start : start + _CASES_AT_ONCE]:
            try:
                read.append(filing.recorded(rooms, slug))
            except (CaseArchiveError, OSError, UnicodeDecodeError) as error:
                problems.append(str(error))
        with index.transaction(connection()) as now:
            write.put_cases(now, read)
        count += len(read)
        tell(min(start + _CASES_AT_ONCE, len(slugs)))
    return count


def _resets(rooms: Rooms, connection: sqlite3.Connection, problems: list[str]) -> int:
    count = 0
    for path in sorted(rooms.layout.sets.glob("*.toml")):
        try:
            found = teachingsets.load(path)
        except CaseArchiveError as error:
            problems.append(str(error))
            continue
        with index.transaction(connection):
            write.put_set(connection, found)
        count += 1
    return count


def _swap(new: Path, old: Path) -> None:
    """The journal of an old index must never meet the new one: SQLite would play it back into it. So where there is
    one, the old index goes first, and nothing that stands there at any instant is a wrong pair."""
    journals = [old.with_name(old.name + end) for end in ("-journal", "-wal", "-shm")]
    if any(journal.exists() for journal in journals):
        if old.is_symlink() or old.exists():
            _move_away(old)
        for journal in journals:
            journal.unlink(missing_ok=True)
        sync_folder(old.parent)
    elif old.is_dir() and not old.is_symlink():
        _move_away(old)
    new.replace(old)
    sync_folder(old.parent)


def _move_away(old: Path) -> None:
    if old.is_dir() and not old.is_symlink():
        old.rename(old.with_name(f"{old.name}.replaced"))  # what somebody put there is not ours to throw away
    else:
        old.unlink()


def _away(new: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        new.with_name(new.name + end).unlink(missing_ok=True)
