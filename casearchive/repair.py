"""Repair: what ``verify`` found, mended where nothing is lost by it; a plan first, then the deed.

Whatever stands where something whole belongs goes to ``quarantine/``; nothing is deleted but leftovers of runs that
were cut off. What is put in its place is proven: by the hash it is stored under, by the hash that the ledger noted, by
the check of the key, or by the chain of the ledger itself.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from casearchive import index, settings, truth
from casearchive.errors import CaseArchiveError, Damaged, UnreadableFile
from casearchive.files import digest_of, private_folder, read_plain, sync_folder, write_durably
from casearchive.index import read
from casearchive.ingest.gather import Task, gather
from casearchive.ledger import chained
from casearchive.reindexing import reindex
from casearchive.rooms import Rooms
from casearchive.settings import Layout
from casearchive.verify import REINDEX, Fault, Verdict

_CHANGES = frozenset({"heal", "put-aside", "write", "ledger", "key"})
_OBJECT = frozenset({"object-missing", "object-damaged", "object-replaced"})
_SMALL = frozenset(
    f"{kind}-{how}" for kind in ("record", "set", "file") for how in ("changed", "damaged", "missing")
)
_LEDGER = frozenset({"ledger-damaged", "ledger-short", "ledger-differs"})
#: A record is small: one turned bit in it is found by trying all, for its hash is known.
_MOST_TRIED = 1 << 15


@dataclass(frozen=True, slots=True)
class Step:
    """``kind`` is heal, put-aside, write, ledger, key, sweep, reindex or pictures; ``where`` is below the archive (a
    hash for originals); ``content`` or ``source`` is what is put there."""

    kind: str
    where: str
    says: str
    source: Path | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``left`` is what needs a person or a backup."""

    steps: tuple[Step, ...]
    left: tuple[Fault, ...]


def plan(rooms: Rooms, verdict: Verdict, sources: Sequence[Path]) -> Plan:
    """What can be done about what was found. ``sources``: backups or archives, files, or folders of originals."""
    layout = rooms.layout
    at_hand = _AtHand(sources)
    steps: list[Step] = []
    left: list[Fault] = []
    done: set[str] = set()
    noted = _noted(rooms)
    for fault in verdict.faults:
        where = fault.where.partition(" ")[0]
        if fault.code in ("media-missing", "index-unreadable") or fault.remedy == REINDEX:
            continue
        if where in done:
            continue
        found: list[Step] = []
        if fault.code == "object-unknown":
            found = [Step("put-aside", fault.where, "move what nobody took to quarantine/")]
        elif fault.code in _OBJECT:
            found = _object(rooms, fault, at_hand)
        elif fault.code in _SMALL and where in noted:
            found = _small(layout, where, noted[where], at_hand)
        elif fault.code in _LEDGER:
            where = "ledger.jsonl"
            found = [] if where in done else _ledger(rooms)
        elif fault.code == "key-damaged":
            found = _key(layout, at_hand)
        steps += found
        done |= {where} if found else set()
        if not found or (fault.code in _OBJECT and found[-1].kind == "put-aside"):
            left.append(fault)
    if any(f.code in ("left-over", "unfinished") for f in verdict.notices):
        says = "finish what the ledger has of a run that was cut off, sweep away what it left half made"
        steps.append(Step("sweep", "tmp", says))
    stale = any(f.remedy == REINDEX for f in verdict.faults)
    if stale or any(s.kind in ("write", "ledger") for s in steps):
        steps.append(Step("reindex", "index.db", "make the index and the small pictures again"))
    else:
        torn = [f.where for f in verdict.notices if f.code == "picture-missing"]
        steps += (Step("pictures", sha256, "make its small pictures again") for sha256 in torn)
    return Plan(tuple(steps), tuple(left))


def carry_out(
    rooms: Rooms,
    planned: Plan,
    *,
    workers: int = 2,
    tell: Callable[[int, int], None] = lambda _d, _t: None,
) -> tuple[str, ...]:
    """Do it; the caller is the writer. Returns what could not be done, and why.

    The ledger gets a line before (``repairing``, unless it is itself to be repaired) and one of what was done
    (``repaired``): a repair that was cut off leaves the first alone.
    """
    problems: list[str] = []
    done: list[Step] = []
    stale = any(s.kind == "reindex" for s in planned.steps)
    wanted = [s.where for s in planned.steps if s.kind in _CHANGES]
    if wanted and not any(s.kind == "ledger" for s in planned.steps):
        line = ("repairing", "archive", {"what": wanted})
        rooms.ledger.append([line]) if stale else rooms.note([line])
    for step in planned.steps:
        if step.kind == "reindex":
            continue
        try:
            _do(rooms, step)
            done.append(step)
        except (CaseArchiveError, OSError) as error:
            why = (
                error.what if isinstance(error, CaseArchiveError) else error.strerror or type(error).__name__
            )
            problems.append(f"{step.where}: {why}")
    changed = [s.where for s in done if s.kind in _CHANGES]
    rooms = Rooms.of(rooms.layout)  # the ledger may be another file now
    if stale:
        try:
            if changed:
                rooms.ledger.append([("repaired", "archive", {"what": changed})])
            problems += reindex(rooms, workers=workers, take_changes=False, tell=tell).problems
        except Damaged as damage:
            problems.append(f"index.db: {damage.what}")
    elif changed:
        rooms.note([("repaired", "archive", {"what": changed})])
    return tuple(problems)


# ------------------------------------------------------------------------------------------------ planning


def _noted(rooms: Rooms) -> dict[str, str]:
    """What the ledger noted of each file; where it is damaged, what the index heard of it."""
    try:
        return truth.Told(rooms.ledger.events()).noted
    except (Damaged, OSError):
        pass
    try:
        with index.reading(rooms.layout.index) as connection:
            return truth.Told(read.each_event(connection)).noted
    except CaseArchiveError:
        return {}


def _object(rooms: Rooms, fault: Fault, at_hand: _AtHand) -> list[Step]:
    sha256 = fault.where
    source = at_hand.original(sha256)
    there = fault.code != "object-missing"
    if source is not None:
        aside = ", what stands there goes to quarantine/" if there else ""
        return [Step("heal", sha256, f"put the original back from {source}{aside}", source)]
    if there:
        return [Step("put-aside", sha256, "move what is not the original to quarantine/")]
    return []


def _small(layout: Layout, where: str, wanted: str, at_hand: _AtHand) -> list[Step]:
    content = at_hand.small(where, wanted)
    if content is not None:
        return [Step("write", where, "put it back from the backup as the ledger noted it", None, content)]
    content = _turned_back(layout.root / where, wanted)
    if content is not None:
        return [
            Step("write", where, "turn one bit back: its hash is then what the ledger noted", None, content)
        ]
    return []


def _turned_back(path: Path, wanted: str) -> bytes | None:
    try:
        now = bytearray(read_plain(path))
    except OSError:
        return None
    if len(now) > _MOST_TRIED:
        return None
    begun = hashlib.sha256()
    for place in range(len(now)):
        for bit in range(8):
            now[place] ^= 1 << bit
            tried = begun.copy()
            tried.update(memoryview(now)[place:])
            if tried.hexdigest() == wanted:
                return bytes(now)
            now[place] ^= 1 << bit
        begun.update(memoryview(now)[place : place + 1])
    return None


def _ledger(rooms: Rooms) -> list[Step]:
    """From what the index heard, if the chain made of it ends in the hash that the index kept of the last line."""
    try:
        with index.reading(rooms.layout.index) as connection:
            content, last = chained(read.each_event(connection))
            position, digest = read.anchor(connection)
    except CaseArchiveError:
        return []
    if not position or content.count(b"\n") != position or last != digest:
        return []
    says = "write it again from what the index heard of it: the chain proves every line"
    return [Step("ledger", "ledger.jsonl", says, None, content)]


def _key(layout: Layout, at_hand: _AtHand) -> list[Step]:
    check = settings.read(layout).key_check
    for root in at_hand.archives:
        try:
            content = read_plain(root / layout.secret.name)
        except OSError:
            continue
        if check and settings.key_check(content) == check:
            return [Step("key", layout.secret.name, f"put the key back from {root}", None, content)]
    try:
        content = read_plain(layout.secret)
    except OSError:
        return []
    for place in range(min(len(content), 1024) * 8 if check else 0):
        tried = bytearray(content)
        tried[place >> 3] ^= 1 << (place & 7)
        if settings.key_check(bytes(tried)) == check:
            says = "turn one bit back: it is the key then that the archive was made with"
            return [Step("key", layout.secret.name, says, None, bytes(tried))]
    return []


class _AtHand:
    """What the user named to take from. Originals in folders are found by size and hash, once they are asked for."""

    def __init__(self, sources: Sequence[Path]) -> None:
        self.archives = [s for s in sources if (s / settings.MARKER).is_file() or (s / "objects").is_dir()]
        self._others = [s for s in sources if s not in self.archives]
        self._hashes: dict[str, Path] | None = None

    def original(self, sha256: str) -> Path | None:
        for root in self.archives:
            path = Layout(root).original(sha256)
            if digest_of(path) == sha256:
                return path
        if self._hashes is None:
            self._hashes = {}
            for path in self._plain_files():
                digest = digest_of(path)
                if digest:
                    self._hashes.setdefault(digest, path)
        return self._hashes.get(sha256)

    def small(self, where: str, wanted: str) -> bytes | None:
        for root in self.archives:
            try:
                content = read_plain(root / where)
            except OSError:
                continue
            if truth.digest(content) == wanted:
                return content
        return None

    def _plain_files(self) -> Iterator[Path]:
        for source in self._others:
            if source.is_dir():
                for folder, _, names in os.walk(source):
                    yield from (Path(folder, name) for name in sorted(names))
            else:
                yield source


# ------------------------------------------------------------------------------------------------ doing


def _do(rooms: Rooms, step: Step) -> None:
    layout = rooms.layout
    if step.kind == "heal" and step.source is not None:
        incoming = rooms.store.take(step.source)
        try:
            if incoming.sha256 != step.where:
                raise CaseArchiveError("what was named is not the original any more")
            put_aside(layout, rooms.store.path(step.where))
            rooms.store.put(incoming)
            rooms.store.confirm(incoming.sha256)
        finally:
            rooms.store.drop(incoming)
    elif step.kind == "put-aside":
        put_aside(layout, rooms.store.path(step.where))
    elif step.kind in ("write", "ledger", "key") and step.content is not None:
        path = layout.root / step.where
        private_folder(path.parent)
        _keep_copy(layout, path)
        write_durably(path, step.content)
    elif step.kind == "sweep":
        rooms.sweep()  # the rest was done when its caller became the writer
    elif step.kind == "pictures":
        found = gather(Task(layout.root, None, step.where))
        if found.disk is not None:
            raise found.disk
        if found.facts is None:
            raise UnreadableFile(found.reason, found.message or "it cannot be read")


def _keep_copy(layout: Layout, path: Path) -> None:
    """What is damaged goes to ``quarantine/``; a plain file as a copy, so that at no instant nothing stands there."""
    try:
        content = read_plain(path)
    except FileNotFoundError:
        return
    except OSError:
        put_aside(layout, path)
        return
    write_durably(free_place(layout, path), content)


def put_aside(layout: Layout, path: Path) -> Path | None:
    """Move what stands at ``path`` to ``quarantine/``, under its name and the time; None where nothing stands there."""
    if not path.is_symlink() and not path.exists():
        return None
    target = free_place(layout, path)
    path.rename(target)
    sync_folder(target.parent)
    sync_folder(path.parent)
    return target


def free_place(layout: Layout, path: Path) -> Path:
    """A name in ``quarantine/`` that nobody has."""
    folder = private_folder(layout.quarantine)
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    name = f"{when}-{'__'.join(path.relative_to(layout.root).parts)}"
    target = folder / name
    number = 1
    while target.is_symlink() or target.exists():
        number += 1
        target = folder / f"{name}.{number}"
    return target


__all__ = ["Plan", "Step", "carry_out", "plan", "put_aside"]
