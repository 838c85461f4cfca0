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


def put_record(rooms: Rooms, connection: sqlite3.Connection, slug: str) -> None:
    """The record of a case. Raises ``RecordError``, ``OSError`` and ``UnicodeDecodeError`` where it cannot be read."""
    path = rooms.layout.record(slug)
    content = read_plain(path)
    text = content.decode("utf-8")
    case = record.loads(text, slug=slug, file=f"cases/{path.name}")
    score = record.completeness(case, text=text).score
    write.put_case(connection, case, record_sha256=digest(content), completeness=score)
