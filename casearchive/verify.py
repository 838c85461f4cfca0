"""Verify: every row has its bytes, every byte its hash, every record its row, every line of the ledger its chain.

It only looks. Rebuilding what is derived is ``reindex``, below, at the owner's word.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from casearchive import index, record, teachingsets
from casearchive.claims import completed
from casearchive.errors import CaseArchiveError, Damaged
from casearchive.index import read, write
from casearchive.ingest.crew import Crew
from casearchive.ingest.gather import Gathered, Task
from casearchive.ledger import Event
from casearchive.rooms import Rooms

REINDEX = "casearchive reindex makes it good; nothing is lost"
RESTORE = "restore it from a backup, or ingest the original again with --rehash"
BACKUP = "restore it from a backup"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a short code, where, what it means, and what can be done."""

    code: str
    where: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    objects: int
    records: int
    events: int
    full: bool
    faults: tuple[Fault, ...]


def verify(
    rooms: Rooms, *, full: bool = False, tell: Callable[[int, int], None] = lambda _d, _t: None
) -> Verdict:
    """Compare the archive with itself; with ``full`` every byte is read. Changes nothing."""
    faults: list[Fault] = []
    events = _ledger(rooms, faults)
    whole = not faults
    names = set(rooms.store.names())
    records = sorted(p.stem for p in rooms.layout.cases.glob("*.toml"))
    try:
        with index.reading(rooms.layout.index) as connection:
            faults += _objects(rooms, connection, names)
            faults += _records(rooms, connection, records)
            faults += _index(connection, full=full)
            if whole:
                faults += _heard(connection, events)
                faults += _gone(connection, events, names)
    except Damaged as damage:
        faults.append(Fault("index-unreadable", "index.db", damage.what, REINDEX))
    if full:
        faults += _bytes(rooms, sorted(names), tell)
    return Verdict(len(names), len(records), len(events), full, tuple(faults))


def _ledger(rooms: Rooms, faults: list[Fault]) -> list[Event]:
    found: list[Event] = []
    try:
        found.extend(rooms.ledger.events())
    except Damaged as damage:
        faults.append(Fault("ledger-damaged", "ledger.jsonl", damage.what, BACKUP))
    except OSError as error:
        why = error.strerror or type(error).__name__
        faults.append(Fault("ledger-damaged", "ledger.jsonl", f"it cannot be read ({why})", BACKUP))
    return found


def _objects(rooms: Rooms, connection: sqlite3.Connection, names: set[str]) -> Iterator[Fault]:
    known: set[str] = set()
    for row in read.held(connection):
        known.add(row.sha256)
        if row.sha256 not in names:
            yield Fault("object-missing", row.sha256, f"the original of a {row.kind} is gone", RESTORE)
            continue
        path = rooms.store.path(row.sha256)
        if path.is_symlink() or not path.is_file():
            yield Fault(
                "object-replaced", row.sha256, "something else stands where the original was", RESTORE
            )
        elif path.stat().st_size != row.bytes:
            yield Fault("object-damaged", row.sha256, "the original has another size than it had", RESTORE)
    for orphan in sorted(names - known):
        yield Fault("object-unknown", orphan, "an original that the index does not know", REINDEX)


def _records(rooms: Rooms, connection: sqlite3.Connection, slugs: list[str]) -> Iterator[Fault]:
    indexed = set(read.case_slugs(connection))
    for slug in slugs:
        path = rooms.layout.record(slug)
        where = f"cases/{path.name}"
        try:
            text = path.read_text("utf-8")
            case = record.loads(text, slug=slug, file=where)
        except (CaseArchiveError, OSError, UnicodeDecodeError) as error:
            yield Fault("record-damaged", where, str(error), "mend the file, or restore it from a backup")
            continue
        for media in case.media:
            if media.sha256 and not rooms.store.has(media.sha256):
                yield Fault("media-missing", f"{where} {media.id}", "its original is gone", RESTORE)
        if slug not in indexed:
            yield Fault("record-unknown", where, "the index does not know this case", REINDEX)
        elif read.record_hash(connection, slug) != hashlib.sha256(text.encode()).hexdigest():
            yield Fault("record-changed", where, "the record was changed since it was indexed", REINDEX)
    for slug in sorted(indexed - set(slugs)):
        yield Fault(
            "record-missing", f"cases/{slug}.toml", "the index knows a case whose record is gone", RESTORE
        )


def _heard(connection: sqlite3.Connection, events: list[Event]) -> Iterator[Fault]:
    """The index remembers the ledger: a chain that was cut short or forged anew does not fit it."""
    heard = {e.position: (e.at, e.who, e.event, e.subject, e.details) for e in read.events(connection)}
    told = {e.position: (e.at, e.who, e.event, e.subject, dict(e.details)) for e in events}
    if any(position not in told for position in heard):
        yield Fault(
            "ledger-short", "ledger.jsonl", "the index knows lines that are not there any more", BACKUP
        )
    if any(told[position] != line for position, line in heard.items() if position in told):
        yield Fault("ledger-differs", "ledger.jsonl", "its lines are not the ones that were indexed", BACKUP)
    if any(position not in heard for position in told):
        yield Fault(
            "events-stale", "index.db", "the index has not heard of every line of the ledger", REINDEX
        )


def _gone(connection: sqlite3.Connection, events: list[Event], names: set[str]) -> Iterator[Fault]:
    """Originals that were taken, never removed, and that neither the store nor the index knows any more."""
    taken = dict.fromkeys(e.subject for e in events if e.event == "ingested")
    for event in events:
        if event.event == "removed":
            taken.pop(event.subject, None)
    for sha256 in taken:
        if sha256 not in names and read.kind_and_uid(connection, sha256) is None:
            yield Fault("object-missing", sha256, "the ledger says it was taken, and it is gone", RESTORE)


def _index(connection: sqlite3.Connection, *, full: bool) -> Iterator[Fault]:
    checks = ["integrity_check" if full else "quick_check", "foreign_key_check"]
    for check in checks:
        for row in connection.execute(f"PRAGMA {check}"):
            if row[0] != "ok":
                yield Fault("index-damaged", "index.db", f"{check}: {row[0]}", REINDEX)


def _bytes(rooms: Rooms, names: list[str], tell: Callable[[int, int], None]) -> Iterator[Fault]:
    for number, name in enumerate(names, 1):
        path = rooms.store.path(name)
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != name:
                    yield Fault("object-damaged", name, "the original is not the bytes it was", RESTORE)
        tell(number, len(names))


# ------------------------------------------------------------------------------------------------ reindex


@dataclass(frozen=True, slots=True)
class Rebuilt:
    files: int
    cases: int
    sets: int
    problems: tuple[str, ...]


def reindex(
    rooms: Rooms, *, workers: int = 2, tell: Callable[[int, int], None] = lambda _d, _t: None
) -> Rebuilt:
    """Make ``index.db`` and ``cache/`` again from the truth, in a new file that takes the old one's place."""
    new = rooms.layout.index.with_name("index.db.new")
    new.unlink(missing_ok=True)
    problems: list[str] = []
    events = tuple(rooms.ledger.events())
    names: dict[str, str] = {}
    for event in events:
        if event.event == "ingested":
            names.setdefault(event.subject, str(event.details.get("name", "")))
    held = set(rooms.store.names())
    order = [n for n in names if n in held] + sorted(held - set(names))
    problems += [f"{n}: the original is gone" for n in names if n not in held]
    crew = Crew(workers)
    try:
        with index.writing(new, create=True) as connection:
            _refill(rooms, connection, crew, order, names, problems, tell)
            cases = _recase(rooms, connection, problems)
            sets = _resets(rooms, connection, problems)
            with index.transaction(connection):
                write.add_events(connection, events)
        _swap(new, rooms.layout.index)
        # pictures made for somebody who asked are made again when asked for: by today's program
        shutil.rmtree(rooms.layout.darkroom, ignore_errors=True)
    finally:
        crew.close()
        new.unlink(missing_ok=True)
    return Rebuilt(len(order), cases, sets, tuple(problems))


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
            for _ in range(min(32, len(waiting))):
                sha256 = waiting.pop(0)
                _refile(rooms, connection, sha256, names.get(sha256, ""), crew.next(), problems)
                done += 1
        tell(done, len(order))
        send(32)


def _refile(
    rooms: Rooms, connection: sqlite3.Connection, sha256: str, name: str, found: Gathered, problems: list[str]
) -> None:
    if found.facts is None:
        problems.append(f"{sha256}: {found.message}")
        return
    write.add_instance(
        connection,
        completed(found.facts, name),
        sha256=sha256,
        size=found.size,
        name=name,
        subject_key=rooms.subject_key(found.facts.subject.identity),
        key_frame=found.key_frame,
        key_frame_why=found.key_frame_why,
    )


def _recase(rooms: Rooms, connection: sqlite3.Connection, problems: list[str]) -> int:
    count = 0
    for path in sorted(rooms.layout.cases.glob("*.toml")):
        try:
            text = path.read_text("utf-8")
            case = record.loads(text, slug=path.stem, file=f"cases/{path.name}")
        except (CaseArchiveError, OSError, UnicodeDecodeError) as error:
            problems.append(str(error))
            continue
        digest = hashlib.sha256(text.encode()).hexdigest()
        with index.transaction(connection):
            score = record.completeness(case, text=text).score
            write.put_case(connection, case, record_sha256=digest, completeness=score)
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
    for leftover in (old.with_name(old.name + "-journal"), old.with_name(old.name + "-wal")):
        leftover.unlink(missing_ok=True)
    new.replace(old)
