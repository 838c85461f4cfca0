"""Verify: every row has its bytes, every byte its hash, every record what the ledger noted, every line its chain.

It only looks; its one note is how far reading every byte has come (``cache/verify.jsonl``). Mending is ``repair``'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import itertools
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from casearchive import disk, index, record, settings, teachingsets, truth
from casearchive.errors import ArchiveTooNew, CaseArchiveError, Damaged
from casearchive.files import digest_of, open_plain, private_folder, read_plain, waiting, write_lightly
from casearchive.hashes import Hashes
from casearchive.index import inspect, read
from casearchive.ledger import GENESIS, Event, hash_behind
from casearchive.rooms import Rooms
from casearchive.settings import Layout

REINDEX = "casearchive reindex makes it good; nothing is lost"
RESTORE = "casearchive verify --repair --from BACKUP takes it from a backup or from the original file"
BACKUP = "casearchive verify --repair --from BACKUP takes it from a backup"
_HASH = 32  # bytes of a SHA-256
_KEPT_AT_ONCE = 32  # originals that were read, between two notes of it
CHANGED = "if you changed it: casearchive reindex takes it as it is now; else: verify --repair --from BACKUP"
REPAIR = "casearchive verify --repair"
UPGRADED = "its form was brought up to date, and what it says of originals was read by an older casearchive"
READ_AGAIN = "casearchive reindex reads them again"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a short code, where, what it means, and what can be done."""

    code: str
    where: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``notices`` are what should be seen to and is no damage: pictures to be made again, leftovers of a run that was
    cut off. ``read`` of ``objects`` originals were read in this run, others in one that was interrupted;
    ``reading_since`` is when that began, or when every byte was last read (ISO 8601; empty where never)."""

    objects: int
    records: int
    events: int
    full: bool
    faults: tuple[Fault, ...]
    notices: tuple[Fault, ...] = ()
    read: int = 0
    reading_since: str = ""


def verify(
    rooms: Rooms,
    *,
    full: bool = False,
    again: bool = False,
    tell: Callable[[int, int], None] = lambda _d, _t: None,
) -> Verdict:
    """Compare the archive with itself; with ``full`` every byte is read, going on where a run was interrupted unless
    ``again``. Changes nothing of the archive."""
    faults: list[Fault] = list(_key(rooms))
    notices: list[Fault] = list(_leftovers(rooms))
    begun = _Begun(rooms)
    told = _Told(begun)
    whole = _ledger(rooms, told, faults)
    faults += _folders(rooms.layout)
    if whole:
        begun.hear(told)
    notices += begun.notices()
    faults += _files(rooms, told.noted if whole else None, told.gone, begun, notices)
    slugs = sorted(p.stem for p in rooms.layout.cases.glob("*.toml") if p.stem not in told.gone)
    try:
        with index.reading(rooms.layout.index) as connection:
            faults += begun.unlike(_objects(rooms, connection, told, whole, notices))
            faults += begun.unlike(_records(rooms, connection, slugs))
            faults += begun.unlike(_sets(rooms, connection))
            faults += (
                Fault("index-damaged", "index.db", what, REINDEX) for what in inspect.shape(connection)
            )
            if whole:
                faults += _heard(connection, told, begun)
            if read.upgraded_from(connection):
                notices.append(Fault("index-upgraded", "index.db", UPGRADED, READ_AGAIN))
            if not rooms.layout.backup_marker.exists():  # a backup keeps none
                notices += _pictures(rooms.layout, connection)
            if full:
                faults += (
                    Fault("index-damaged", "index.db", what, REINDEX) for what in inspect.content(connection)
                )
    except Damaged as damage:
        faults.append(Fault("index-unreadable", "index.db", damage.what, REINDEX))
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
    ):  # values that nobody of ours wrote
        faults.append(Fault("index-damaged", "index.db", "a value in it cannot be what was written", REINDEX))
    except ArchiveTooNew as newer:
        what = f"{newer.what}: update casearchive, or, where nobody has a newer one, make it again"
        faults.append(Fault("index-unreadable", "index.db", what, REINDEX))
    faults += begun.unlike(_left_of_removed(rooms, told.gone))
    objects = sum(1 for _ in rooms.store.names())
    count, since = 0, _Reading.last(rooms.layout)
    if full:
        reading = _Reading(rooms.layout, afresh=again)
        wrong = {f.where for f in faults}  # one whose size is wrong need not be read to say so
        faults += (f for f in reading.through(rooms, objects, tell) if f.where not in wrong)
        count, since = reading.count, reading.begun
    # what is wrong with an object is said once
    single = {(f.code, f.where, f.meaning): f for f in faults}
    return Verdict(
        objects, len(slugs), told.lines, full, tuple(single.values()), tuple(notices), count, since
    )


# ------------------------------------------------------------------------------------------------ truth


def _key(rooms: Rooms) -> Iterator[Fault]:
    try:
        settings.secret(rooms.layout)
    except Damaged as damage:
        yield Fault("key-damaged", "secret.key", f"{damage.what}: no pseudonym can be told", BACKUP)


class _Told(truth.Told):
    """What the ledger tells, and what the rest is held against: the hash of each line, the originals that were taken.
    Of a line that was struck out stands what it was about; ``unheard`` is what lines are about that the index has not
    heard of, where the last run was cut off."""

    def __init__(self, begun: _Begun) -> None:
        super().__init__()
        self.hashes = bytearray()
        self.taken = Hashes()
        self.struck: dict[int, str] = {}
        self.unheard: set[str] = set()
        self._removed: set[str] = set()
        self._heard = begun.heard

    def follow(self, line: Event) -> None:
        self.hear(line)
        self.hashes += bytes.fromhex(line.hash)
        if line.event == "ingested":
            self.taken.add(line.subject)
        elif line.event in (truth.CASE_REMOVED, truth.FILE_REMOVED):
            self._removed.add(line.subject)
        if line.struck:
            self.struck[line.position] = line.subject
        if self._heard is not None and line.position > self._heard:
            self.unheard.add(line.subject)

    def hash_of(self, position: int) -> str:
        """The hash of a line, and of what stands before the first."""
        return self.hashes[_HASH * (position - 1) : _HASH * position].hex() if position else GENESIS

    def wrongly_struck(self) -> Iterator[int]:
        return (position for position, what in self.struck.items() if what not in self._removed)


def _ledger(rooms: Rooms, told: _Told, faults: list[Fault]) -> bool:
    """Hear the ledger, as far as it can be believed. Whether that is all of it."""
    meaning = ""
    try:
        for event in rooms.told():
            told.follow(event)
    except Damaged as damage:
        meaning = f"{damage.what}; what it says from there on is not believed"
        faults.append(
            Fault("ledger-damaged", "ledger.jsonl", meaning, f"{REPAIR}, or from a backup: {BACKUP}")
        )
    except OSError as error:
        meaning = f"it cannot be read ({error.strerror or type(error).__name__})"
        faults.append(Fault("ledger-damaged", "ledger.jsonl", meaning, f"{REPAIR}, or: {BACKUP}"))
    for position in told.wrongly_struck():
        meaning = "the name of a file was struck out that was never removed"
        faults.append(Fault("ledger-damaged", f"ledger.jsonl:{position}", meaning, BACKUP))
    return not meaning


def _folders(layout: Layout) -> Iterator[Fault]:
    """A link in the place of a folder or of the index leads out of the archive; nothing of ours is a link."""
    there = [layout.objects, layout.cases, layout.sets, layout.scanners, layout.index, layout.cache]
    if layout.objects.is_dir() and not layout.objects.is_symlink():
        there += sorted(layout.objects.iterdir())
    for path in there:
        if path.is_symlink():
            where = path.relative_to(layout.root).as_posix()
            yield Fault("link", where, "a link stands where the archive had its own", "put the original back")
        elif path.parent == layout.objects and path.is_dir():
            for name in sorted(p.name for p in path.iterdir()):
                if len(name) == 2 * _HASH and name[:2] != path.name:
                    where = path.relative_to(layout.root).as_posix()
                    what = f"it stands in {where}, where nobody finds it"
                    yield Fault("object-misplaced", name, what, f"move it to objects/{name[:2]}")


class _Begun:
    """What a run that was cut off (or one that is at work) told the ledger and has not done yet: none of it is damage,
    for the next writer does it (``settling``)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._subjects: set[str] = set()
        #: how many lines of the ledger the index knows, where more may stand there
        self.heard: int | None = None
        if rooms.layout.holder.exists():
            with contextlib.suppress(CaseArchiveError), index.reading(rooms.layout.index) as connection:
                self.heard = read.behind(connection)
        self.files = {
            place.relative_to(rooms.layout.root).as_posix(): digest_of(beside)
            for folder in truth.folders(rooms.layout)
            for beside, place in waiting(folder)
        }

    def hear(self, told: _Told) -> None:
        """Of what the ledger tells, whatever may not be done yet."""
        if self._rooms.layout.holder.exists():
            self._subjects = told.unheard | told.last.keys()

    def notices(self) -> Iterator[Fault]:
        if self._rooms.is_being_written():
            what = "somebody writes to the archive at this moment, so what is told here is of several moments"
            yield Fault("being-written", ".", what, "run verify again when it is done")
        elif self._rooms.layout.holder.exists() or self.files:
            what = "the last run was cut off or failed, and may have begun what is not done yet"
            yield Fault(
                "unfinished", "ledger.jsonl", what, f"the next command that writes does it, or: {REPAIR}"
            )

    def strikes(self, subject: str | None) -> bool:
        """Whether a removal that is not finished struck out what stood beside a line about this."""
        return subject in self._subjects

    def unlike(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Those of ``faults`` that are about something else."""
        for fault in faults:
            where = fault.where.partition(" ")[0]
            if where not in self._subjects and Path(where).stem not in self._subjects:
                yield fault


def _files(
    rooms: Rooms,
    noted: dict[str, str] | None,
    gone: Set[str],
    begun: _Begun,
    notices: list[Fault],
) -> Iterator[Fault]:
    """Records, sets, settings, terms and profiles against what the ledger last noted of each."""
    for name, path in truth.files(rooms.layout):
        if name == f"cases/{path.stem}.toml" and path.stem in gone:
            continue
        code = "record" if name.startswith("cases/") else "set" if name.startswith("sets/") else "file"
        try:
            content = read_plain(path)
        except OSError as error:
            why = error.strerror or type(error).__name__
            yield Fault(f"{code}-damaged", name, f"it cannot be read ({why})", BACKUP)
            continue
        if noted is None:
            continue
        if name not in noted:
            if code != "record":
                what = "the ledger has not noted it yet, so a turned bit in it is not seen"
                notices.append(Fault("not-noted", name, what, "casearchive reindex notes it"))
        elif truth.digest(content) != noted[name] != begun.files.get(name):
            yield Fault(f"{code}-changed", name, "it is not what the archive last wrote or took", CHANGED)
    for name in truth.missing(rooms.layout, noted or {}):
        if begun.files.get(name) == (noted or {})[name]:
            continue
        kind = "record" if name.startswith("cases/") else "set" if name.startswith("sets/") else "file"
        yield Fault(f"{kind}-missing", name, "the ledger knows it, and it is gone", BACKUP)


def _records(rooms: Rooms, connection: sqlite3.Connection, slugs: list[str]) -> Iterator[Fault]:
    indexed = set(read.case_slugs(connection))
    for slug in slugs:
        path = rooms.layout.record(slug)
        where = f"cases/{path.name}"
        try:
            text = read_plain(path).decode("utf-8")
            case = record.loads(text, slug=slug, file=where)
        except (CaseArchiveError, OSError, UnicodeDecodeError) as error:
            yield Fault("record-damaged", where, str(error), f"mend the file, or: {BACKUP}")
            continue
        for media in case.media:
            if media.sha256 and not rooms.store.has(media.sha256):
                yield Fault("media-missing", f"{where} {media.id}", "its original is gone", RESTORE)
        if slug not in indexed:
            yield Fault("record-unknown", where, "the index does not know this case", REINDEX)
        elif read.record_hash(connection, slug) != truth.digest(text.encode()):
            yield Fault("record-changed", where, "the record was changed since it was indexed", CHANGED)
    for slug in sorted(indexed - set(slugs)):
        yield Fault(
            "record-missing", f"cases/{slug}.toml", "the index knows a case whose record is gone", BACKUP
        )


def _sets(rooms: Rooms, connection: sqlite3.Connection) -> Iterator[Fault]:
    known = {s.slug: s for s in read.sets(connection)}
    for path in sorted(rooms.layout.sets.glob("*.toml")):
        where = f"sets/{path.name}"
        try:
            found = teachingsets.load(path) if path.is_file() else None
        except CaseArchiveError as error:
            yield Fault("set-damaged", where, error.what, f"mend the file, or: {BACKUP}")
            known.pop(path.stem, None)
            continue
        row = known.pop(path.stem, None)
        if found is None:
            continue
        if row is None:
            yield Fault("set-unknown", where, "the index does not know this set", REINDEX)
        elif (row.title, row.cases, row.query) != (
            found.title,
            () if found.living else found.cases,
            found.query,
        ):
            yield Fault("set-changed", where, "the set was changed since it was indexed", CHANGED)
    for slug in known:
        yield Fault("set-missing", f"sets/{slug}.toml", "the index knows a set whose file is gone", BACKUP)


# ------------------------------------------------------------------------------------------------ objects


def _objects(
    rooms: Rooms, connection: sqlite3.Connection, told: _Told, whole: bool, notices: list[Fault]
) -> Iterator[Fault]:
    """What is held, what the index knows and what the ledger says was taken, each sorted and side by side."""
    everywhere = heapq.merge(
        ((name, "held", None) for name in rooms.store.names()),
        ((sha256, "known", (kind, size)) for sha256, kind, size in read.originals(connection)),
        ((name, "taken", None) for name in told.taken),
        key=_name,
    )
    for name, places in itertools.groupby(everywhere, key=_name):
        found = {place: row for _, place, row in places}
        if (row := found.get("known")) is not None:
            yield from _known(rooms, name, *row, held="held" in found)
        elif name in told.gone:
            continue  # _left_of_removed
        elif "held" in found:
            yield from _orphan(rooms, name, "taken" in found, notices)
        elif whole:
            yield Fault("object-missing", name, "the ledger says it was taken, and it is gone", RESTORE)


def _name(place: tuple[str, str, Any]) -> str:
    return place[0]


def _known(rooms: Rooms, sha256: str, kind: str, size: int, *, held: bool) -> Iterator[Fault]:
    """An original that the index knows."""
    if not held:
        yield Fault("object-missing", sha256, f"the original of a {kind} is gone", RESTORE)
        return
    state = _plain(rooms.store.path(sha256))
    if state is None:
        what = "something else stands where the original was"
        yield Fault("object-replaced", sha256, what, RESTORE)
    elif state.st_size != size:
        yield Fault("object-damaged", sha256, "the original has another size than it had", RESTORE)


def _orphan(rooms: Rooms, name: str, taken: bool, notices: list[Fault]) -> Iterator[Fault]:
    """An original that the index does not know."""
    if taken:
        yield Fault("object-unknown", name, "an original that the index does not know", REINDEX)
    elif digest_of(rooms.store.path(name)) != name:
        what = "nobody took it, and it is not the bytes that its name says"
        yield Fault("object-unknown", name, what, f"{REPAIR} puts it aside")
    else:
        what = "a run that was cut off stored it and never said that it was taken"
        remedy = "run that ingest again, or: casearchive reindex takes it in without its name"
        notices.append(Fault("not-taken", name, what, remedy))


def _plain(path: Path) -> os.stat_result | None:
    """The state of a plain file; None for anything else and for what is not there."""
    try:
        state = path.lstat()
    except OSError:
        return None
    return state if stat.S_ISREG(state.st_mode) else None


def _left_of_removed(rooms: Rooms, gone: Set[str]) -> Iterator[Fault]:
    left = [(name, name) for name in (rooms.store.names() if gone else ()) if name in gone]
    left += [
        (f"cases/{s}.toml", s) for s in sorted(gone) if len(s) != 64 and rooms.layout.record(s).is_file()
    ]
    for where, what in left:
        meaning = "it was removed, and the removal was cut off before its bytes were gone"
        yield Fault("removal-unfinished", where, meaning, f"casearchive remove {what}")


class _Reading:
    """Reading every byte, which may take hours: what was read is kept in the cache, so that it can go on.

    The first line says when it began (and ended), each other one which state a sound original had when it was read;
    one whose size, times or place on the disk changed since is read again.
    """

    def __init__(self, layout: Layout, *, afresh: bool = False) -> None:
        self._path = layout.cache / "verify.jsonl"
        self.count = 0
        self.begun = datetime.now(UTC).isoformat(timespec="seconds")
        self._before: set[bytes] = set()
        with contextlib.suppress(OSError, ValueError, AttributeError, KeyError, TypeError):
            with open_plain(self._path) as file:
                first = json.loads(file.readline())
                if afresh or first.get("ended"):
                    return
                self._before = {_short(line) for line in file}
            self.begun = str(first["begun"])

    @staticmethod
    def last(layout: Layout) -> str:
        """When every byte was last read to the end; empty where that was never, or is being done."""
        with (
            contextlib.suppress(OSError, ValueError, AttributeError),
            open_plain(layout.cache / "verify.jsonl") as file,
        ):
            return str(json.loads(file.readline()).get("ended", ""))
        return ""

    def through(self, rooms: Rooms, total: int, tell: Callable[[int, int], None]) -> Iterator[Fault]:
        if not self._before:
            self._keep({"begun": self.begun})
        unkept: list[bytes] = []
        for number, name in enumerate(rooms.store.names(), 1):
            path = rooms.store.path(name)
            state = _plain(path)
            if state is not None:
                line = _state(name, state)
                if _short(line) not in self._before:
                    self.count += 1
                    fault = _unlike(path, name)
                    if fault is not None:
                        yield fault
                    else:
                        unkept.append(line)
            if len(unkept) >= _KEPT_AT_ONCE:
                self._add(unkept)
                unkept = []
            tell(number, total)
        self._keep({"begun": self.begun, "ended": datetime.now(UTC).isoformat(timespec="seconds")})

    def _keep(self, first: dict[str, str]) -> None:
        with contextlib.suppress(OSError):  # a disk that cannot be written to is read all the same
            write_lightly(self._path, json.dumps(first).encode() + b"\n")

    def _add(self, lines: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            private_folder(self._path.parent)
            with self._path.open("ab") as file:
                file.writelines(lines)


def _state(name: str, state: os.stat_result) -> bytes:
    now = [name, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    return json.dumps(now, separators=(",", ":")).encode("ascii") + b"\n"


def _short(line: bytes) -> bytes:
    """What is kept of a line: there may be a million."""
    return hashlib.blake2b(line, digest_size=16).digest()


def _unlike(path: Path, name: str) -> Fault | None:
    try:
        with open_plain(path) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == name:
                return None
        what = "the original is not the bytes it was"
    except OSError as error:
        what = f"the original cannot be read ({error.strerror or type(error).__name__})"
    return Fault("object-damaged", name, what, RESTORE)


# ------------------------------------------------------------------------------------------------ ledger and index


def _heard(connection: sqlite3.Connection, told: _Told, begun: _Begun) -> Iterator[Fault]:
    """The index remembers the ledger: a chain that was cut short or forged anew does not fit it."""
    position, digest = read.anchor(connection)
    short = differs = stale = False
    known = 0  # the last line that was met
    to_know = told.lines if begun.heard is None else begun.heard
    for line in read.each_event(connection):
        if not 1 <= line.position <= told.lines:
            short = True
            continue
        stale = stale or (known + 1 < line.position and known < to_know)
        known = line.position
        differs = differs or (
            not _same_line(line, told) and not begun.strikes(told.struck.get(line.position))
        )
    stale = stale or known < to_know
    if short:
        what = "the index knows lines that are not there any more"
        yield Fault("ledger-short", "ledger.jsonl", what, f"{REPAIR}, or: {BACKUP}")
    elif differs or (position and told.hash_of(position) != digest):
        what = "its lines are not the ones that were indexed"
        yield Fault("ledger-differs", "ledger.jsonl", what, f"{REPAIR}, or: {BACKUP}")
    if stale:
        yield Fault(
            "events-stale", "index.db", "the index has not heard of every line of the ledger", REINDEX
        )


def _same_line(heard: read.EventRow, told: _Told) -> bool:
    """The hash covers the words of a line, those that were struck out as well: whether they were must be the same."""
    same = hash_behind(told.hash_of(heard.position - 1), heard) == told.hash_of(heard.position)
    return same and ("hash" in heard.aside) == (heard.position in told.struck)


# ------------------------------------------------------------------------------------------------ notices


def _leftovers(rooms: Rooms) -> Iterator[Fault]:
    layout = rooms.layout
    sweep = f"the next command that writes sweeps it away, or: {REPAIR}"
    if not rooms.is_being_written():
        for path in rooms.leftovers():
            where = path.relative_to(layout.root).as_posix()
            yield Fault("left-over", where, "a run that was cut off left it", sweep)
    if settings.is_of_two_moments(layout):
        what = "the last run of casearchive backup was cut off, so this backup is of two moments"
        yield Fault("backup-unfinished", layout.backup_marker.name, what, "run casearchive backup again")
    if layout.restore_marker.exists():
        what = "a restore was cut off before it had come to its end"
        yield Fault("restore-unfinished", layout.restore_marker.name, what, "run casearchive restore again")
    if disk.is_open_to_others(layout.root):
        remedy = f"chmod -R go= {layout.root}"
        yield Fault("not-private", ".", "others on this computer may look into the archive", remedy)


def _pictures(layout: Layout, connection: sqlite3.Connection) -> Iterator[Fault]:
    """Thumbnails and filmstrips that are gone or torn; they can be made again."""
    for sha256 in read.pictured(connection):
        if not all(_is_jpeg(layout.picture(sha256, what)) for what in ("thumbnail", "filmstrip")):
            yield Fault(
                "picture-missing",
                sha256,
                "its small pictures are gone or damaged",
                f"{REPAIR} makes them again",
            )


def _is_jpeg(path: Path) -> bool:
    """As far as its first and last marker go."""
    try:
        with open_plain(path) as file:
            head = file.read(2)
            file.seek(-2, os.SEEK_END)
            return head + file.read(2) == b"\xff\xd8\xff\xd9"
    except OSError:
        return False
