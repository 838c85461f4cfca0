"""Remove: a case or a file taken out of the archive for good, with everything that was made of it.

The ledger is told first, then the rows go, then the bytes: a removal that is cut off after the first is finished by the
next writer (``settling``). What is left afterwards is a line that says that something was
removed, and when, by whom, under which hash or slug; names of its files are struck out of the lines before.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from casearchive import index, teachingsets, truth
from casearchive.errors import CaseArchiveError, NotFound, UnreadableFile, UsageError
from casearchive.files import sync_folder, write_durably
from casearchive.index import older, read, write
from casearchive.ledger import ERASABLE
from casearchive.model import Facts, TeachingSetRecord
from casearchive.readers import open_clip
from casearchive.rooms import Rooms
from casearchive.settings import Layout

_SLUG = re.compile(r"[a-z0-9-]{1,80}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Removal:
    """``case`` is the slug of the case that goes, or empty; ``files`` are the originals that go; ``stays`` what of it
    does not (originals of the case, names of files), each with the reason; ``sets`` are those that lose the case.
    ``copies`` of the index from before it was brought up to date go whole. ``finishes``: the ledger says already
    that it was removed."""

    what: str
    case: str
    title: str
    files: tuple[str, ...]
    stays: tuple[tuple[str, str], ...]
    sets: tuple[str, ...]
    media: bool = False
    finishes: bool = False
    copies: tuple[str, ...] = ()


def plan(rooms: Rooms, what: str, *, media: bool = False) -> Removal:
    """What would go. ``what`` is a slug, or names a file (SHA-256, its first digits, or UID); with ``media`` the
    originals of a case go, too, where no other case uses them.

    Raises ``NotFound``, and ``UsageError`` where a case uses the file.
    """
    found = _planned(rooms, what, media)
    return replace(found, copies=tuple(copy.name for copy in older.kept(rooms.layout.index)))


def _planned(rooms: Rooms, what: str, media: bool) -> Removal:
    with index.reading(rooms.layout.index) as connection:
        told = truth.Told(read.each_event(connection))
        gone = told.gone
        if _SLUG.fullmatch(what) and (
            rooms.layout.record(what).exists()
            or what in read.case_slugs(connection)
            or f"cases/{what}.toml" in told.noted
        ):
            hashes = dict.fromkeys((*read.media_of(connection, what), *_named(rooms, what)))
            files, stays = [], []
            for sha256 in hashes:
                others = [c for c in read.cases_of(connection, sha256) if c != what]
                if not media:
                    stays.append((sha256, "originals stay unless --media is given"))
                elif others:
                    stays.append((sha256, f"used by {', '.join(others)}"))
                elif rooms.store.has(sha256) or read.kind_and_uid(connection, sha256):
                    files.append(sha256)
            stays += _words_that_stay(rooms.layout, read.each_event(connection), {what, *files})
            return Removal(
                what, what, _title(rooms, what), tuple(files), tuple(stays), _sets(rooms.layout, what), media,
                what in gone,
            )  # fmt: skip
        if _HASH.fullmatch(what) and what in gone and rooms.store.has(what):
            return Removal(what, "", "", (what,), (), (), finishes=True)
        found = read.find_instances(connection, what)
        if not found:
            raise NotFound(
                "there is no such case or file", where=what[:80], hint="See what there is: casearchive list"
            )
        if len(found) > 1:
            raise UsageError(
                f"{len(found)} files are called that",
                hint="Name one of: " + ", ".join(f[:16] for f in found[:5]),
            )
        cases = read.cases_of(connection, found[0])
        if cases:
            raise UsageError(
                f"the file belongs to {', '.join(cases)}",
                where=found[0][:16],
                hint=f"Take it out there first (casearchive edit {cases[0]}), or remove the case with --media.",
            )
        stays = _words_that_stay(rooms.layout, read.each_event(connection), {found[0]})
        return Removal(what, "", "", (found[0],), tuple(stays), ())


def remove(rooms: Rooms, removal: Removal) -> Removal:
    """Carry out what was planned; the caller is the writer. Raises what ``plan`` raises where things changed since."""
    now = plan(rooms, removal.what, media=removal.media)
    if replace(now, title="") != replace(removal, title=""):
        raise UsageError(
            "things changed meanwhile; nothing was removed", where=removal.what, hint="Look again."
        )
    layout = rooms.layout
    sets = [_without(layout, slug, now.case) for slug in now.sets]
    lines = _lines(rooms, now)
    for changed, content in sets:
        lines.append(
            ("set-changed", changed.slug, {"cases": list(changed.cases), "set_sha256": truth.digest(content)})
        )
    with index.writing(layout.index) as connection:
        rooms.catch_up(connection)
        events = rooms.put({layout.teaching_set(changed.slug): content for changed, content in sets}, lines)
        cases = (now.case,) if now.case else ()
        with index.transaction(connection):
            _rows(rooms, connection, cases, now.files)
            for changed, _ in sets:
                write.put_set(connection, changed)
            write.add_events(connection, events)
        _traces(rooms, connection, cases, now.files)
    _bytes(rooms, cases, now.files)
    return now


def finish(rooms: Rooms, cases: Collection[str], files: Collection[str]) -> None:
    """The rest of a removal that was cut off after the ledger, and the index, had heard of it. Only the writer may."""
    with index.writing(rooms.layout.index) as connection:
        with index.transaction(connection):
            _rows(rooms, connection, cases, files)
        _traces(rooms, connection, cases, files)
    _bytes(rooms, cases, files)


def _rows(rooms: Rooms, connection: sqlite3.Connection, cases: Iterable[str], files: Iterable[str]) -> None:
    for slug in cases:
        write.remove_case(connection, slug)
    for sha256 in files:
        subject = write.remove_instance(connection, sha256)
        if subject is not None:
            write.refill(connection, subject, _facts(rooms, read.files_of(connection, subject)))


def _traces(
    rooms: Rooms, connection: sqlite3.Connection, cases: Collection[str], files: Collection[str]
) -> None:
    """Names in the ledger, words in the full text, bytes in free pages."""
    struck = rooms.ledger.strike([*cases, *files])
    with index.transaction(connection):
        write.add_events(connection, struck)
    index.forget(connection)


def _words_that_stay(
    layout: Layout, events: Iterable[read.EventRow], subjects: set[str]
) -> list[tuple[str, str]]:
    """Names of files that removing does not reach: inside the chain, and in ledgers that were put aside."""
    inside = sum(
        e.subject in subjects and not e.aside and any(key in e.details for key in ERASABLE) for e in events
    )
    told = [
        (
            "ledger.jsonl",
            f"{inside} of its lines, written before names could be struck out, keep names of files",
        )
    ]
    aside = sorted(layout.quarantine.glob("*ledger.jsonl*"))
    return told * bool(inside) + [
        (f"quarantine/{path.name}", "it may tell names of files; delete it yourself when it is not needed")
        for path in aside
    ]


def _lines(rooms: Rooms, removal: Removal) -> list[tuple[str, str, dict[str, object]]]:
    gone = truth.Told(rooms.ledger.events()).gone
    lines: list[tuple[str, str, dict[str, object]]] = []
    if removal.case and removal.case not in gone:
        lines.append((truth.CASE_REMOVED, removal.case, {"media": len(removal.files)}))
    lines += [(truth.FILE_REMOVED, sha256, {}) for sha256 in removal.files if sha256 not in gone]
    return lines


def _bytes(rooms: Rooms, cases: Collection[str], files: Collection[str]) -> None:
    """Originals, records, and what was made of them; what was made of many is thrown away whole and made anew."""
    layout = rooms.layout
    rooms.sweep()
    older.away(layout.index)
    for slug in cases:
        layout.record(slug).unlink(missing_ok=True)
    sync_folder(layout.cases)
    for sha256 in files:
        rooms.store.remove(sha256)
        for left in (layout.cache / sha256[:2]).glob(f"{sha256}.*"):
            left.unlink(missing_ok=True)
    if layout.cache.is_dir():
        for folder in layout.cache.iterdir():
            if folder.is_dir() and not folder.is_symlink() and len(folder.name) != 2:
                shutil.rmtree(folder, ignore_errors=True)
    names = (*files, *(f"cases__{slug}.toml" for slug in cases))
    if layout.quarantine.is_dir():
        for left in layout.quarantine.iterdir():
            if any(name in left.name for name in names):
                left.unlink(missing_ok=True)


def _named(rooms: Rooms, slug: str) -> tuple[str, ...]:
    try:
        return tuple(m.sha256 for m in rooms.case(slug).media if m.sha256)
    except CaseArchiveError:
        return ()


def _title(rooms: Rooms, slug: str) -> str:
    try:
        return rooms.case(slug).title
    except (CaseArchiveError, OSError, UnicodeDecodeError):
        return ""


def _sets(layout: Layout, slug: str) -> tuple[str, ...]:
    return tuple(
        found.slug
        for found in map(teachingsets.load, sorted(layout.sets.glob("*.toml")))
        if slug in found.cases
    )


def _without(layout: Layout, slug: str, case: str) -> tuple[TeachingSetRecord, bytes]:
    found = teachingsets.load(layout.teaching_set(slug))
    left = replace(found, cases=tuple(c for c in found.cases if c != case))
    return left, teachingsets.dump(left).encode()


def _facts(rooms: Rooms, hashes: Iterable[str]) -> list[Facts]:
    """What the headers of the files that stay say of patient, study and series."""
    found = []
    for sha256 in hashes:
        try:
            clip = open_clip(rooms.store.path(sha256), sha256)
        except (UnreadableFile, OSError):
            continue
        found.append(clip.facts)
        clip.close()
    return found


def keep(rooms: Rooms, removal: Removal, path: Path) -> None:
    """Write the record of a case that is to go to a new private file elsewhere. Raises ``UsageError`` where one is."""
    if path.exists():
        raise UsageError("a file of that name stands there", where=str(path), hint="Name another.")
    if not path.absolute().parent.is_dir():
        raise UsageError("there is no such folder", where=str(path.parent), hint="Name one that is there.")
    write_durably(path, rooms.layout.record(removal.case).read_bytes())


__all__ = ["Removal", "keep", "plan", "remove"]
