"""Backup and restore: a second copy of all that is truth, by hash, that opens as an archive of its own.

A backup is the archive as its index was at one commit: the index is copied first (SQLite's own way, which is sound
while somebody writes), then the ledger as far as that index heard it, records and sets as it knows them, and the
originals it names. So somebody may take clips in meanwhile; what came later is in the next one. Originals are written
before what names them, ``archive.toml`` last of the small files; ``backup.json`` says at the end that it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import sqlite3
import stat
from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path

from filelock import FileLock, Timeout

from casearchive import disk, index, settings, truth
from casearchive.errors import ArchiveBusy, Damaged, UsageError
from casearchive.files import (
    digest_of,
    open_plain,
    private_folder,
    read_plain,
    sync_folder,
    temporary_sibling,
    write_durably,
)
from casearchive.hashes import Hashes
from casearchive.index import read
from casearchive.ledger import Ledger
from casearchive.reindexing import Rebuilt, reindex
from casearchive.rooms import Rooms
from casearchive.settings import Layout

#: What a first run may leave that was cut off before it wrote whose backup it is.
_OF_A_BEGINNING = re.compile(r"writer\.lock$|\.(index\.db|ledger\.jsonl|backup\.json)\.[0-9a-f]{12}\.tmp")
_TRIES = 5  # how often an index is copied anew because records were changed while it was


@dataclass(frozen=True, slots=True)
class BackedUp:
    """``damaged`` are originals and files of the archive that are not what they were: the backup keeps what it has of
    them. ``lines`` of the ledger are in it."""

    to: Path
    objects: int
    copied: int
    bytes: int
    records: int
    lines: int
    removed: int
    damaged: tuple[str, ...]
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """``objects`` and ``records`` are what the archive in ``to`` holds (would hold, in a dry run); ``damaged`` is what
    was not what it was, or was not in the backup though the ledger tells of it."""

    to: Path
    objects: int
    records: int
    bytes: int
    damaged: tuple[str, ...]
    rebuilt: Rebuilt | None = None
    of_two_moments: bool = False  # the backup's own last run was cut off


@dataclass(frozen=True, slots=True)
class _Beside:
    """What of the archive at one moment is kept beside the backup until it takes its place there: the index, the
    ledger, and the small files one after the other."""

    index: Path
    ledger: Path
    small: Path


class _Objects:
    """Hash and size of each original, in 40 bytes: there may be a million."""

    def __init__(self, held: Iterable[tuple[str, int]]) -> None:
        self._hashes, self._sizes = bytearray(), array("Q")
        for sha256, size in held:
            self._hashes += bytes.fromhex(sha256)
            self._sizes.append(size)

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for place, size in enumerate(self._sizes):
            yield self._hashes[32 * place : 32 * place + 32].hex(), size


@dataclass(frozen=True, slots=True)
class _Indexed:
    """What the index says at one moment: the originals, the hash of each record, the last line it heard."""

    objects: _Objects
    records: dict[str, str | None]
    position: int

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> _Indexed:
        return cls(
            _Objects((sha256, size) for sha256, _, size in read.originals(connection)),
            {
                f"cases/{slug}.toml": read.record_hash(connection, slug)
                for slug in read.case_slugs(connection)
            },
            read.last_heard(connection),
        )


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is to be in the backup: the originals, the small files (where they are kept beside it, and how long), what
    the ledger tells."""

    objects: _Objects
    small: dict[str, tuple[int, int]]
    told: truth.Told
    damaged: tuple[str, ...]


def backup(
    rooms: Rooms,
    to: Path,
    *,
    quick: bool = False,
    dry_run: bool = False,
    tell: Callable[[int, int], None] = lambda _d, _t: None,
) -> BackedUp:
    """Bring the backup in ``to`` up to date, or make it. What it holds is read again before it is trusted, unless
    ``quick``: then its name and size are.

    Raises ``UsageError`` for a folder that is no backup of this archive, ``CaseArchiveError`` where there is no room,
    ``Damaged`` where the index cannot be read.
    """
    target = Layout(to.absolute())
    mine = settings.read(rooms.layout)
    if rooms.layout.backup_marker.exists():
        raise UsageError("this is a backup itself", where=str(rooms.layout.root), hint="Back up the archive.")
    _check_apart(rooms.layout.root, target.root)
    before = _check_target(target, mine.archive_id)
    if dry_run:
        return _backed_up(rooms, target, before, quick, tell, None)
    with index.reading(rooms.layout.index) as connection:
        needed = sum(
            size for name, _, size in read.originals(connection) if not _has_size(target.original(name), size)
        )
    disk.check_room(target.root, needed + rooms.layout.index.stat().st_size + rooms.ledger.size)
    private_folder(target.root)
    with (
        _alone(target),
        temporary_sibling(target.index) as copy,
        temporary_sibling(target.ledger) as ledger,
        temporary_sibling(target.backup_marker) as small,
    ):
        beside = _Beside(copy, ledger, small)
        _sweep(target)
        return _backed_up(rooms, target, before, quick, tell, beside)


def _backed_up(
    rooms: Rooms,
    target: Layout,
    before: dict[str, object],
    quick: bool,
    tell: Callable[[int, int], None],
    beside: _Beside | None,
) -> BackedUp:
    """A dry run keeps nothing beside, and writes nothing."""
    dry_run = beside is None
    taken = _snapshot(rooms, beside)
    _check_continues(target, rooms.ledger if beside is None else Ledger(beside.ledger), taken.told.lines)
    mine = settings.read(rooms.layout)
    if not dry_run:
        marker = {**before, "archive_id": mine.archive_id, "begun": _now(), "finished": ""}
        _write_marker(target, marker)
        for folder in (target.objects, target.cases, target.sets):
            private_folder(folder)
    damaged = list(taken.damaged)
    copied = size = 0
    for number, (sha256, length) in enumerate(taken.objects, 1):
        there = target.original(sha256)
        if not (_has_size(there, length) and (quick or dry_run or digest_of(there) == sha256)):
            if dry_run or _copied(rooms.store.path(sha256), there, sha256):
                copied, size = copied + 1, size + length
            else:
                damaged.append(sha256)
        tell(number, len(taken.objects))
    left = _left_in(target, taken.told.gone)
    if beside is not None:
        _write_small(target, taken, beside)
        _take_place(beside.index, target.index)
        if settings.MARKER not in taken.damaged or not target.marker.is_file():
            _put(target.marker, _kept(beside.small, taken.small[settings.MARKER]))
        for path in left:  # what was removed from the archive is removed here, too
            path.unlink(missing_ok=True)
        marker |= {"finished": _now(), "objects": len(taken.objects), "lines": taken.told.lines}
        _write_marker(target, marker)
    return BackedUp(
        target.root,
        len(taken.objects),
        copied,
        size,
        sum(name.startswith("cases/") for name in taken.small),
        taken.told.lines,
        len(left),
        tuple(sorted(damaged)),
        dry_run,
    )


# ------------------------------------------------------------------------------------------------ what is taken


def _snapshot(rooms: Rooms, beside: _Beside | None) -> _Snapshot:
    """As it was at one commit of the index. A record that somebody saves at that very moment is met by trying again;
    one that was changed by hand is taken as it stands, as the archive itself has it."""
    for last in (*([False] * (_TRIES - 1)), True):
        indexed = _indexed(rooms, beside)
        small, found, damaged = _small(rooms, indexed.records, beside)
        if last or all(found.get(name, known) == known for name, known in indexed.records.items()):
            break
    told = _ledger(rooms, indexed.position, beside)
    damaged += [name for name in indexed.records if name not in small and name not in damaged]
    damaged += [name for name, digest in found.items() if told.noted.get(name, digest) != digest]
    return _Snapshot(indexed.objects, small, told, tuple(dict.fromkeys(damaged)))


def _indexed(rooms: Rooms, beside: _Beside | None) -> _Indexed:
    with index.reading(rooms.layout.index) as connection:
        if beside is None:
            with index.moment(connection):
                return _Indexed.of(connection)
        beside.index.unlink(missing_ok=True)
        with contextlib.closing(index.copied(connection, beside.index)) as copy:
            return _Indexed.of(copy)


def _small(
    rooms: Rooms, known: Container[str], beside: _Beside | None
) -> tuple[dict[str, tuple[int, int]], dict[str, str], list[str]]:
    """Where the small files are kept beside the backup, and the hash of each; and those that cannot be read."""
    places: dict[str, tuple[int, int]] = {}
    hashes: dict[str, str] = {}
    damaged: list[str] = []
    end = 0
    if beside is not None:
        beside.small.unlink(missing_ok=True)  # of the try before
    with contextlib.nullcontext() if beside is None else _new(beside.small) as file:

        def keep(name: str, content: bytes) -> None:
            nonlocal end
            places[name], end = (end, len(content)), end + len(content)
            if file is not None:
                file.write(content)

        for name, path in truth.files(rooms.layout):
            if name.startswith("cases/") and name not in known:
                continue  # nobody took it in yet
            try:
                content = read_plain(path)
            except OSError:
                damaged.append(name)
                continue
            hashes[name] = truth.digest(content)
            keep(name, content)
        settings.secret(
            rooms.layout
        )  # raises where it is not the key any more: a backup must not spread that
        keep(rooms.layout.secret.name, read_plain(rooms.layout.secret))
    return places, hashes, damaged


def _kept(path: Path, place: tuple[int, int]) -> bytes:
    """One of the small files that are kept in one."""
    with path.open("rb") as file:
        file.seek(place[0])
        return file.read(place[1])


def _ledger(rooms: Rooms, position: int, beside: _Beside | None) -> truth.Told:
    """What it tells as far as the index heard it. It is read where it is kept beside: nobody writes to it there."""
    ledger = rooms.ledger
    if beside is not None:
        with _new(beside.ledger) as copy:
            copy.writelines(rooms.ledger.lines(position))
        ledger = Ledger(beside.ledger)
    told = truth.Told(itertools.islice(ledger.events(), position))
    if told.lines < position:
        raise Damaged(
            "the ledger is shorter than the index knows it",
            where=str(rooms.layout.ledger),
            hint="See what can be done with: casearchive verify --repair",
        )
    return told


def _left_in(target: Layout, gone: Set[str]) -> list[Path]:
    """What the backup still holds of files and cases that were removed from the archive."""
    found = []
    for name in sorted(gone):
        path = target.original(name) if len(name) == 64 else target.record(name)
        if path.is_file():
            found.append(path)
    return found


# ------------------------------------------------------------------------------------------------ where it goes


def _check_apart(archive: Path, target: Path) -> None:
    a, b = archive.resolve(), target.resolve()
    if a == b or a in b.parents or b in a.parents:
        what = (
            "the archive itself"
            if a == b
            else "inside the archive"
            if a in b.parents
            else "around the archive"
        )
        raise UsageError(
            f"the folder for the backup is {what}",
            where=str(target),
            hint="Name a folder elsewhere, best on another disk.",
        )


def _sweep(target: Layout) -> None:
    """What a run that was cut off left half written; nobody else is here."""
    folders = ("", "cases/", "sets/", "scanners/", "objects/??/")
    for left in [path for folder in folders for path in target.root.glob(f"{folder}.*.tmp*")]:
        left.unlink(missing_ok=True)


def _check_target(target: Layout, archive_id: str) -> dict[str, object]:
    """What its ``backup.json`` says; empty for a new folder. Raises ``UsageError`` where it is something else."""
    marker = _marker(target)
    if marker is not None:
        if marker.get("archive_id") != archive_id:
            raise UsageError(
                "that folder holds the backup of another archive",
                where=str(target.root),
                hint="Name another folder; this one was left as it is.",
            )
        return marker
    if target.root.exists() and not target.root.is_dir():
        raise UsageError("a file of that name stands there", where=str(target.root), hint="Name a folder.")
    if target.marker.exists():
        raise UsageError(
            "an archive stands there, and no backup",
            where=str(target.root),
            hint="Name a new folder; this one was left as it is.",
        )
    if target.root.is_dir() and any(not _OF_A_BEGINNING.match(p.name) for p in target.root.iterdir()):
        raise UsageError(
            "the folder is not empty and holds no backup", where=str(target.root), hint="Name a new folder."
        )
    return {}


def _check_continues(target: Layout, ledger: Ledger, lines: int) -> None:
    """The backup's ledger is the beginning of the archive's, up to names that were struck out since. Where it is not,
    the backup knows what this archive does not: it must not be lost by writing over it."""
    if not target.ledger.exists():
        return
    ours = (json.loads(line)["hash"] for line in ledger.lines(lines))
    try:  # all of theirs is read: where it is damaged, ours takes its place, for ours is whole
        differing = sum(event.hash != next(ours, None) for event in Ledger(target.ledger).events())
    except Damaged:
        return
    if differing:
        raise UsageError(
            "the backup tells of things that this archive does not know",
            where=str(target.root),
            hint="It is newer than the archive, or the archive's ledger was changed. Keep it, and name a new folder.",
        )


@contextlib.contextmanager
def _alone(target: Layout) -> Iterator[None]:
    lock = FileLock(target.lock, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ArchiveBusy(
            "another run is writing this backup", where=str(target.root), hint="Try again when it is done."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _marker(target: Layout) -> dict[str, object] | None:
    try:
        found = json.loads(read_plain(target.backup_marker))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Damaged(
            f"backup.json cannot be read ({error})",
            where=str(target.backup_marker),
            hint="If the rest is sound, restore from it, and make a new backup in a new folder.",
        ) from error
    return found if isinstance(found, dict) else {}


def _write_marker(target: Layout, marker: dict[str, object]) -> None:
    write_durably(target.backup_marker, json.dumps(marker, indent=2).encode() + b"\n")


def _write_small(target: Layout, taken: _Snapshot, beside: _Beside) -> None:
    """Records and sets, then the ledger that tells of them, and the key; the index and the settings that make it an
    archive come after.

    What is damaged in the archive does not take the place of what the backup has.
    """
    for name in sorted(taken.small, key=lambda name: ("/" not in name, name)):
        path = target.root / name
        if name == settings.MARKER or (name in taken.damaged and path.is_file()):
            continue
        private_folder(path.parent)
        _put(path, _kept(beside.small, taken.small[name]))
    away = taken.told.away
    for name, path in truth.files(target):
        if name not in taken.small and name in away:
            path.unlink()  # its owner took it away, and the ledger says so
    _take_place(beside.ledger, target.ledger)


def _take_place(beside: Path, path: Path) -> None:
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def _put(path: Path, content: bytes) -> None:
    try:
        if read_plain(path) == content:
            return
    except OSError:
        pass
    write_durably(path, content)


# ------------------------------------------------------------------------------------------------ bytes


def _has_size(path: Path, size: int) -> bool:
    try:
        state = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(state.st_mode) and state.st_size == size


def _copied(source: Path, target: Path, sha256: str) -> bool:
    """Copy an original, hashing what is written; durable under its name when this returns True. False where the
    source is not what its name says; whatever stands at the target stays then."""
    private_folder(target.parent)
    with temporary_sibling(target) as temporary:
        digest = hashlib.sha256()
        try:
            file = open_plain(source)
        except OSError:
            return False
        with file, _new(temporary) as out:
            while True:
                try:
                    block = file.read(1 << 18)
                except OSError:  # of the source; a full target is another matter
                    return False
                if not block:
                    break
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != sha256:
            return False
        with contextlib.suppress(OSError):  # disks without permissions
            temporary.chmod(stat.S_IRUSR)
        if target.is_dir() and not target.is_symlink():
            target.rename(target.with_name(f"{target.name}.replaced-{os.urandom(4).hex()}"))
        temporary.replace(target)
    sync_folder(target.parent)
    return True


def _new(path: Path) -> BufferedWriter:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# ------------------------------------------------------------------------------------------------ restore


def restore(
    source: Path,
    to: Path,
    *,
    workers: int = 2,
    dry_run: bool = False,
    tell: Callable[[int, int], None] = lambda _d, _t: None,
) -> Restored:
    """Make an archive in the new folder ``to`` from a backup (or from an archive): every byte is checked on its way,
    then index and pictures are made. An interrupted run goes on. Its ledger gets a line of it.

    Raises ``NoArchive`` where there is no backup, ``UsageError`` where something stands in the way.
    """
    backup_layout, target = Layout(source.absolute()), Layout(to.absolute())
    mine = settings.read(backup_layout)
    _check_apart(backup_layout.root, target.root)
    begun = _begun(target, mine.archive_id)
    count = size = needed = 0
    for name in _originals(backup_layout):
        length = backup_layout.original(name).lstat().st_size
        count, size = count + 1, size + length
        needed += 0 if _has_size(target.original(name), length) else length
    disk.check_room(target.root, needed)
    if dry_run:
        return Restored(target.root, count, _records(backup_layout), size, ())
    told = truth.Told(Ledger(backup_layout.ledger).events())  # raises where the chain does not hold
    settings.secret(backup_layout)
    private_folder(target.root)
    damaged: set[str] = set()
    with _alone(target):
        if not begun:
            write_durably(target.restore_marker, json.dumps({"archive_id": mine.archive_id}).encode())
        # With its settings it is an archive, in which somebody may have worked since a run was cut off: what they did
        # must not be written over, and only index and pictures are left to be made.
        if not target.marker.is_file():
            damaged |= _put_back(backup_layout, target, told.noted, lambda done: tell(done, count))
    rooms = Rooms.of(target)
    with rooms.writer():
        rooms.sweep()
        if not any(e.event == "restored" and e.position > told.lines for e in rooms.ledger.events()):
            rooms.ledger.append(
                [("restored", settings.MARKER, {"from": str(backup_layout.root), "lines": told.lines})]
            )
        rebuilt = reindex(rooms, workers=workers, take_changes=False, tell=tell)
        target.restore_marker.unlink(missing_ok=True)
        sync_folder(target.root)
    damaged |= _lacking(rooms)
    held = sum(map(rooms.store.has, rooms.store.names()))
    return Restored(
        target.root, held, _records(target), size, tuple(sorted(damaged)), rebuilt,
        settings.is_of_two_moments(backup_layout),
    )  # fmt: skip


def _put_back(
    source: Layout,
    target: Layout,
    known: dict[str, str],
    tell: Callable[[int], None],
) -> set[str]:
    """All that is truth, its settings last. Returns what is not what it was; originals of those are left out."""
    damaged: set[str] = set()
    for folder in (target.objects, target.cases, target.sets, target.cache, target.temporary):
        private_folder(folder)
    for number, name in enumerate(_originals(source), 1):
        there = target.original(name)
        if digest_of(there) != name and not _copied(source.original(name), there, name):
            damaged.add(name)
        tell(number)
    for name, path in truth.files(source):
        if name == settings.MARKER:
            continue
        try:
            content = read_plain(path)
        except OSError:
            damaged.add(name)
            continue
        private_folder((target.root / name).parent)
        _put(target.root / name, content)
    _put(target.secret, read_plain(source.secret))
    write_durably(target.ledger, Ledger(source.ledger).lines())
    _put(target.marker, read_plain(source.marker))
    for name, path in truth.files(target):
        if name in known and truth.digest(read_plain(path)) != known[name]:
            damaged.add(name)
    return damaged


def _lacking(rooms: Rooms) -> set[str]:
    """What the ledger tells of, nobody removed, and is not there."""
    told, taken = truth.Told(), Hashes()
    for event in rooms.ledger.events():
        told.hear(event)
        if event.event == "ingested":
            taken.add(event.subject)
    lost = {name for name in taken if name not in told.gone and not rooms.store.has(name)}
    return lost | set(truth.missing(rooms.layout, told.noted))


def _originals(layout: Layout) -> Iterator[str]:
    for folder in sorted(layout.objects.glob("??")):
        if folder.is_dir():
            yield from sorted(p.name for p in folder.iterdir() if len(p.name) == 64)


def _records(layout: Layout) -> int:
    return sum(name.startswith("cases/") and path.is_file() for name, path in truth.files(layout))


def _begun(target: Layout, archive_id: str) -> bool:
    """Whether a run that was cut off began this folder. Raises ``UsageError`` where it is something else."""
    if not target.root.exists():
        return False
    if not target.root.is_dir():
        raise UsageError("a file of that name stands there", where=str(target.root), hint="Name a folder.")
    try:
        began = json.loads(read_plain(target.restore_marker))
        if began.get("archive_id") == archive_id:
            return True
    except (OSError, ValueError, AttributeError):
        pass
    if any(target.root.iterdir()):
        raise UsageError(
            "the folder is not empty", where=str(target.root), hint="Name a new folder for the archive."
        )
    return False
