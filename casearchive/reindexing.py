"""Reindex: index and small pictures made again from the truth, in a new file that takes the old one's place."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
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
    ``take_changes`` is off: then they go into the index, and ``verify`` goes on to ask about them.
    """
    new = rooms.layout.index.with_name("index.db.new")
    _away(new)
    before = rooms.layout.index
    disk.check_room(rooms.layout.root, before.stat().st_size if before.is_file() else 0)
    problems: list[str] = []
    taken: tuple[str, ...] = ()
    if take_changes:
        truth.give_key_check(rooms)
    events = tuple(rooms.ledger.events())
    if take_changes:
        lines = truth.take_as_they_are(rooms, events)
        events += rooms.ledger.append(lines)
        taken = tuple(subject for _, subject, _ in lines)
    names: dict[str, str] = {}
    for event in events:
        if event.event == "ingested":
            names.setdefault(event.subject, str(event.details.get("name", "")))
    gone = truth.removed(events)
    held = {n for n in rooms.store.names() if rooms.store.has(n)} - gone
    order = [n for n in names if n in held] + sorted(held - set(names))
    problems += [f"{n}: the original is gone" for n in names if n not in held and n not in gone]
    crew = Crew(workers)
    try:
        with index.writing(new, create=True) as connection:
            _refill(rooms, connection, crew, order, names, problems, tell)
            cases = _recase(rooms, connection, problems, gone)
            sets = _resets(rooms, connection, problems)
            with index.transaction(connection):
                write.add_events(connection, events)
            problems += (f"{name}: it is gone" for name in truth.missing(rooms.layout, truth.noted(events)))
        _swap(new, rooms.layout.index)
        copies = older.away(rooms.layout.index)
        # pictures made for somebody who asked are made again when asked for: by today's program
        shutil.rmtree(rooms.layout.darkroom, ignore_errors=True)
    finally:
        crew.close()
        _away(new)
    return Rebuilt(len(order), cases, sets, tuple(problems), taken, copies)


def _refill(
    rooms: Rooms,
    connection: sqlite3.Connection,
    crew: Crew,
    order: list[str],
    names: dict[str, str],
    problems: list[str],
    tell: Callable[[int, int], None],
) -> None:
    ahead = iter(order)
    waiting: list[str] = []
    done = 0

    def send(count: int) -> None:
        for _, sha256 in zip(range(count), ahead, strict=False):
            crew.submit(Task(rooms.layout.root, None, sha256))
            waiting.append(sha256)

    send(64)
    while waiting:
        with index.transaction(connection):
            files = []
            for _ in range(min(32, len(waiting))):
                sha256 = waiting.pop(0)
                found = crew.next()
                if found.facts is None:
                    problems.append(f"{sha256}: {found.message}")
                else:
                    name = names.get(sha256, "")
                    files.append((filing.with_claims(found, name), name))
                done += 1
            filing.put_files(rooms, connection, files)
        tell(done, len(order))
        send(32)


def _recase(rooms: Rooms, connection: sqlite3.Connection, problems: list[str], gone: frozenset[str]) -> int:
    count = 0
    for path in sorted(p for p in rooms.layout.cases.glob("*.toml") if p.stem not in gone):
        try:
            with index.transaction(connection):
                filing.put_record(rooms, connection, path.stem)
        except (CaseArchiveError, OSError, UnicodeDecodeError) as error:
            problems.append(str(error))
            continue
        count += 1
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
