"""The small files of the archive that are truth, each with the SHA-256 under which the ledger last noted it.

The ledger is what everything is held against: a record that is not what its last line says was changed by somebody,
or by nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

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


def files(layout: Layout) -> Iterator[tuple[str, Path]]:
    """Name (below the archive) and path of each, sorted; the key is not among them, its check is in archive.toml."""
    for path in (layout.marker, layout.terms):
        if path == layout.marker or path.is_symlink() or path.exists():
            yield path.name, path
    for folder in (layout.cases, layout.scanners, layout.sets):
        for name in sorted(path.name for path in folder.glob("*.toml")):
            if not name.startswith("."):
                yield f"{folder.name}/{name}", folder / name


def folders(layout: Layout) -> tuple[Path, ...]:
    """Where files of truth stand, but for the originals."""
    return layout.root, layout.cases, layout.sets, layout.scanners


class Told:
    """What the lines of a ledger tell, heard one by one and not kept: a ledger may have a million.

    ``noted`` has, by name, the SHA-256 that it last noted of each file; ``gone`` the hashes of files and slugs of cases
    that were removed and did not come back; ``last`` the removals that it ends with, by what they are about (where a
    run was cut off, nobody knows how far they came), and ``before`` the records noted until then.
    """

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.lines = 0
        self.noted: dict[str, str] = {}
        self.gone: set[str] = set()
        self.last: dict[str, str] = {}
        self.before: dict[str, str] = {}
        self._away: set[str] = set()
        for line in lines:
            self.hear(line)

    def hear(self, line: Line) -> None:
        self.lines += 1
        if line.event in (CASE_REMOVED, FILE_REMOVED):
            self.gone.add(line.subject)
            self.last[line.subject] = line.event
        else:
            if line.event == "ingested" or "record_sha256" in line.details:
                self.gone.discard(line.subject)
            if line.event not in _OF_SETS:
                self.last.clear()
                self.before.clear()
        self._note(line)

    def _note(self, line: Line) -> None:
        details = line.details
        if line.event in (NOTED, CREATED):
            self.noted[line.subject] = str(details.get("sha256", ""))
        elif line.event == GONE:
            name = str(details.get("file", ""))
            self.noted.pop(name, None)
            self._away.add(name)
        elif line.event == CASE_REMOVED:
            name = f"cases/{line.subject}.toml"
            self._away.add(name)
            if name in self.noted:
                self.before[name] = self.noted.pop(name)
        elif "record_sha256" in details:
            self.noted[f"cases/{line.subject}.toml"] = str(details["record_sha256"])
        elif "set_sha256" in details:
            self.noted[f"sets/{line.subject}.toml"] = str(details["set_sha256"])
        elif line.event == "scanner-learnt" and "sha256" in details:
            self.noted[f"scanners/{details.get('file', '')}"] = str(details["sha256"])

    @property
    def away(self) -> frozenset[str]:
        """Names of files that somebody took away, by what the ledger says, and did not put back. What it never noted
        is none of them."""
        return frozenset(self._away - self.noted.keys())


def missing(layout: Layout, known: Mapping[str, str]) -> list[str]:
    """What was noted (``known``) and is not there."""
    return sorted(known.keys() - {name for name, _ in files(layout)})


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def note_new(rooms: Rooms) -> None:
    """Note what was never noted: ``terms.toml``, scanner profiles that were put there by hand, settings and sets of
    an archive that is older than this. Only the writer may."""
    with index.reading(rooms.layout.index) as connection:
        known = Told(read.events_of(connection, (NOTED, CREATED, "scanner-learnt", *_OF_SETS))).noted
    lines: list[tuple[str, str, dict[str, object]]] = []
    for name, path in files(rooms.layout):
        if name not in known and not name.startswith("cases/"):
            try:
                lines.append((NOTED, name, {"sha256": digest(read_plain(path))}))
            except OSError:
                continue  # it is none of ours, or cannot be read: verify says so
    if lines:
        rooms.note(lines)


def take_as_they_are(rooms: Rooms, known: Mapping[str, str]) -> list[tuple[str, str, dict[str, object]]]:
    """Lines for the ledger about every file that is not what it last noted (``known``): its owner says that they
    changed it."""
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
