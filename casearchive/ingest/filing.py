"""Into the index: a file as it was gathered, a record as it stands; inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from casearchive import record
from casearchive.claims import completed
from casearchive.files import read_plain
from casearchive.index import write
from casearchive.ingest.gather import Gathered
from casearchive.rooms import Rooms
from casearchive.truth import digest


def with_claims(gathered: Gathered, name: str) -> Gathered:
    """With what its words claim. They are read here, not in the worker: this process speaks the archive's own terms."""
    assert gathered.facts is not None
    return replace(gathered, facts=completed(gathered.facts, name))


def put_files(rooms: Rooms, connection: sqlite3.Connection, files: Iterable[tuple[Gathered, str]]) -> None:
    """Files, with their claims, and the names under which they came in."""
    write.add_instances(connection, (_filed(rooms, gathered, name) for gathered, name in files))


def _filed(rooms: Rooms, gathered: Gathered, name: str) -> write.Filed:
    assert gathered.facts is not None
    return write.Filed(
        gathered.facts,
        gathered.sha256,
        gathered.size,
        name,
        rooms.subject_key(gathered.facts.subject.identity),
        gathered.key_frame,
        gathered.key_frame_why,
    )


def recorded(rooms: Rooms, slug: str) -> write.Recorded:
    """A case as its record has it. Raises ``RecordError``, ``OSError`` and ``UnicodeDecodeError`` where it cannot be
    read."""
    path = rooms.layout.record(slug)
    content = read_plain(path)
    text = content.decode("utf-8")
    case = record.loads(text, slug=slug, file=f"cases/{path.name}")
    return write.Recorded(case, digest(content), record.completeness(case, text=text).score)
