"""The small files of the archive that are truth, each with the SHA-256 under which the ledger last noted it.

The ledger is what everything is held against: a record that is not what its last line says was changed by somebody,
or by nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from casearchive import index, settings
from casearchive.files import read_plain
from casearchive.index import read
from casearchive.model import Line
from casearchive.rooms import Rooms
from casearchive.settings import Layout

#: Somebody's change, or a first sight, of a file at the top of the archive or of a scanner profile.
NOTED = "noted"
CREATED = "created"
#: A record that was changed by hand and taken as it is.
BY_HAND = "case-edited"
CASE_REMOVED, FILE_REMOVED = "case-removed", "removed"
#: A set, profile or terms.toml that somebody took away by hand.
GONE = "gone-by-hand"


_OF_SETS = ("set-created", "set-changed")
_Told = TypeVar("_Told", bound=Line)


def files(layout: Layout) -> Iterator[tuple[str, Path]]:
    """Name (below the archive) and path of each, sorted; the key is not among them, its check is in archive.toml."""
    for path in (layout.marker, layout.terms):
        if path == layout.marker or path.is_symlink() or path.exists():
            yield path.name, path
    for folder in (layout.cases, layout.scanners, layout.sets):
        for path in sorted(folder.glob("*.toml")):
            if not path.name.startswith("."):
                yield f"{folder.name}/{path.name}", path


def folders(layout: Layout) -> tuple[Path, ...]:
    """Where files of truth stand, but for the originals."""
    return layout.root, layout.cases, layout.sets, layout.scanners


def noted(events: Iterable[Line]) -> dict[str, str]:
    """By name, the SHA-256 that the ledger last noted of each file."""
    found: dict[str, str] = {}
    for event in events:
        details = event.details
        if event.event in (NOTED, CREATED):
            found[event.subject] = str(details.get("sha256", ""))
        elif event.event == GONE:
            found.pop(str(details.get("file", "")), None)
        elif event.event == CASE_REMOVED:
            found.pop(f"cases/{event.subject}.toml", None)
        elif "record_sha256" in details:
            found[f"cases/{event.subject}.toml"] = str(details["record_sha256"])
        elif "set_sha256" in details:
            found[f"sets/{event.subject}.toml"] = str(details["set_sha256"])
        elif event.event == "scanner-learnt" and "sha256" in details:
            found[f"scanners/{details.get('file', '')}"] = str(details["sha256"])
    return found


def taken_away(events: Iterable[Line]) -> frozenset[str]:
    """Names of files that somebody took away, by what the ledger says, and did not put back. What it never noted is
    none of them."""
    told = tuple(events)
    away = {str(e.details.get("file", "")) for e in told if e.event == GONE}
    away |= {f"cases/{e.subject}.toml" for e in told if e.event == CASE_REMOVED}
    return frozenset(away - noted(told).keys())


def missing(layout: Layout, known: Mapping[str, str]) -> list[str]:
    """What was noted (``known``) and is not there."""
    return sorted(known.keys() - {name for name, _ in files(layout)})


def removed(events: Iterable[Line]) -> frozenset[str]:
    """Hashes of files and slugs of cases that were removed and did not come back."""
    gone: set[str] = set()
    for event in events:
        if event.event in (CASE_REMOVED, FILE_REMOVED):
            gone.add(event.subject)
        elif event.event == "ingested" or "record_sha256" in event.details:
            gone.discard(event.subject)
    return frozenset(gone)


def last_removals(events: Sequence[_Told]) -> tuple[_Told, ...]:
    """The removals that the ledger ends with: where a run was cut off, nobody knows how far they came."""
    first = len(events)
    while first and events[first - 1].event in (CASE_REMOVED, FILE_REMOVED, *_OF_SETS):
        first -= 1
    return tuple(e for e in events[first:] if e.event in (CASE_REMOVED, FILE_REMOVED))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def note_new(rooms: Rooms) -> None:
    """Note what was never noted: ``terms.toml``, scanner profiles that were put there by hand, settings and sets of
    an archive that is older than this. Only the writer may."""
    with index.reading(rooms.layout.index) as connection:
        known = noted(read.events_of(connection, (NOTED, CREATED, "scanner-learnt", *_OF_SETS)))
    lines: list[tuple[str, str, dict[str, object]]] = []
    for name, path in files(rooms.layout):
        if name not in known and not name.startswith("cases/"):
            try:
                lines.append((NOTED, name, {"sha256": digest(read_plain(path))}))
            except OSError:
                continue  # it is none of ours, or cannot be read: verify says so
    if lines:
        rooms.note(lines)


def take_as_they_are(rooms: Rooms, events: Iterable[Line]) -> list[tuple[str, str, dict[str, object]]]:
    """Lines for the ledger about every file that is not what it last said: its owner says that they changed it."""
    known = noted(events)
    lines: list[tuple[str, str, dict[str, object]]] = []
    for name in missing(rooms.layout, known):
        if not name.startswith("cases/"):  # a record that is gone is a loss until somebody removes the case
            lines.append((GONE, Path(name).stem if "/" in name else name, {"file": name}))
    for name, path in files(rooms.layout):
        try:
            now = digest(read_plain(path))
        except OSError:
            continue
        if known.get(name) == now:
            continue
        if name.startswith("cases/"):
            lines.append((BY_HAND, path.stem, {"record_sha256": now, "fields": ["by hand"]}))
        elif name.startswith("sets/"):
            lines.append(("set-changed", path.stem, {"set_sha256": now, "by": "hand"}))
        else:
            lines.append((NOTED, name, {"sha256": now}))
    return lines


def give_key_check(rooms: Rooms) -> None:
    """An archive that was made before there was a check of its key gets one. Only the writer may."""
    if settings.read(rooms.layout).key_check:
        return
    settings.secret(rooms.layout)  # raises where it is no key
    text = read_plain(rooms.layout.marker).decode("utf-8")
    line = f'key_check = "{settings.key_check(read_plain(rooms.layout.secret))}"\n'
    content = (line + text).encode()
    rooms.put(
        {rooms.layout.marker: content}, [(NOTED, rooms.layout.marker.name, {"sha256": digest(content)})]
    )
