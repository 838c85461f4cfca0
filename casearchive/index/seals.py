"""Seals: a digest beside everything that was written, so that a bit that turned by itself is found.

SQLite's ``integrity_check`` looks at the shape of the file and misses four turned bits in ten: those in values. Each
owner (a case, a file, a document …) has a seal over all its rows, made in the transaction that wrote them; facts and
sources, of which one changes at a time, have one seal together, to which a row is added and from which it is taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_SIZE = 16  # bytes of a digest: against decay, not against forgers, who could seal anew

#: The rows of each kind of owner, by its number.
_ROWS: dict[str, tuple[str, ...]] = {
    "subject": ("SELECT * FROM subjects WHERE id = ?",),
    "study": ("SELECT * FROM studies WHERE id = ?",),
    "series": ("SELECT * FROM series WHERE id = ?",),
    "file": (
        "SELECT * FROM instances WHERE id = ?",
        "SELECT * FROM ultrasound_regions WHERE instance_id = ? ORDER BY position",
        "SELECT * FROM claims WHERE instance_id = ? ORDER BY what, source, value",
        "SELECT * FROM identifiers WHERE instance_id = ? ORDER BY keyword, value",
        "SELECT * FROM reports WHERE instance_id = ?",
    ),
    "case": (
        "SELECT * FROM cases WHERE id = ?",
        "SELECT * FROM media WHERE case_id = ? ORDER BY id",
        "SELECT * FROM measurements WHERE case_id = ? ORDER BY id",
        "SELECT * FROM priors WHERE case_id = ? ORDER BY id",
        "SELECT * FROM case_terms WHERE case_id = ? ORDER BY role, term, structure, side",
    ),
    "document": (
        "SELECT * FROM documents WHERE id = ?",
        "SELECT * FROM case_search WHERE rowid = ?",
        "SELECT * FROM findings WHERE document = ? ORDER BY id",
        *(
            f"SELECT x.* FROM findings f JOIN {table} x ON x.finding = f.id WHERE f.document = ? ORDER BY {order}"
            for table, order in (
                ("evidence", "x.finding, x.position"),
                ("grades", "x.finding, x.scale"),
                ("relations", "x.finding, x.kind, x.structure"),
            )
        ),
    ),
    "set": (
        "SELECT * FROM sets WHERE id = ?",
        "SELECT * FROM set_cases WHERE set_id = ? ORDER BY position",
    ),
    # one of each; their number is 0
    "about": ("SELECT *, ? FROM about ORDER BY name", "SELECT *, ? FROM _sqlite_migrations ORDER BY 1, 2"),
    "counters": ("SELECT *, ? FROM sqlite_sequence ORDER BY name",),
}
_TABLE = {
    "subject": "subjects", "study": "studies", "series": "series", "file": "instances", "case": "cases",
    "document": "documents", "set": "sets",
}  # fmt: skip
_SINGLE = ("about", "counters")


def put(connection: sqlite3.Connection, kind: str, *numbers: int) -> None:
    """Seal what the index says of these owners now; of those that are gone the seal goes, too."""
    for number in numbers:
        digest = _digest(connection, kind, number)
        if digest is None:
            connection.execute("DELETE FROM seals WHERE kind = ? AND number = ?", (kind, number))
        else:
            _write(connection, kind, number, digest)


def single(connection: sqlite3.Connection) -> None:
    """Seal the counters that give the next document and finding their numbers, and what the index was made with."""
    put(connection, "counters", 0)
    put(connection, "about", 0)


def turn(connection: sqlite3.Connection, kind: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows of ``facts`` or ``sources`` that came or went: either is the same step (exclusive or)."""
    row = connection.execute("SELECT digest FROM seals WHERE kind = ? AND number = 0", (kind,)).fetchone()
    _write(connection, kind, 0, _mixed(int.from_bytes(row[0], "big") if row else 0, rows))


def everything(connection: sqlite3.Connection) -> None:
    """Seal all that is there: an index that was made before there were seals."""
    connection.execute("DELETE FROM seals")
    for kind, table in _TABLE.items():
        put(connection, kind, *(row[0] for row in connection.execute(f"SELECT id FROM {table}").fetchall()))
    for kind, rows in _JOINT.items():
        _write(connection, kind, 0, _mixed(0, rows(connection)))
    single(connection)


def broken(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Kind and number of everything whose rows are not what was sealed; the connection is used up by this."""
    # what is no text any more is another text, not an exception
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    for kind, table in _TABLE.items():
        for number, sealed in connection.execute(
            f"SELECT t.id, s.digest FROM {table} t LEFT JOIN seals s ON s.kind = ? AND s.number = t.id",
            (kind,),
        ):
            if sealed != _digest(connection, kind, number):
                yield kind, number
        yield from connection.execute(  # sealed, and gone
            f"SELECT kind, number FROM seals WHERE kind = ? AND number NOT IN (SELECT id FROM {table})",
            (kind,),
        )
    rest = {
        (kind, number): digest
        for kind, number, digest in connection.execute(
            f"SELECT kind, number, digest FROM seals WHERE kind NOT IN ({', '.join('?' * len(_TABLE))})",
            tuple(_TABLE),
        )
    }
    for kind in _SINGLE:
        if rest.pop((kind, 0), None) != _digest(connection, kind, 0):
            yield kind, 0
    for kind, rows in _JOINT.items():
        if rest.pop((kind, 0), bytes(_SIZE)) != _mixed(0, rows(connection)):
            yield kind, 0
    yield from rest


def _facts(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    from casearchive.index.shelf import bits_of

    for name, block, dense, bits in connection.execute("SELECT name, block, dense, bits FROM facts"):
        for bit in bits_of(dense, bits):
            yield name, block, bit


def _sources(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute("SELECT path, size, mtime_ns, sha256 FROM sources")


_JOINT: dict[str, Callable[[sqlite3.Connection], Iterator[tuple[Any, ...]]]] = {
    "facts": _facts,
    "sources": _sources,
}


def _write(connection: sqlite3.Connection, kind: str, number: int, digest: bytes) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO seals (kind, number, digest) VALUES (?, ?, ?)", (kind, number, digest)
    )


def _digest(connection: sqlite3.Connection, kind: str, number: int) -> bytes | None:
    """Of all rows of an owner; None where there is no such owner."""
    from hashlib import blake2b  # whoever only asks the index seals nothing

    digest = blake2b(digest_size=_SIZE)
    for place, sql in enumerate(_ROWS[kind]):
        rows = connection.execute(sql, (number,)).fetchall()
        if not rows and place == 0:
            return None
        digest.update(b"%d\n" % place)
        for row in rows:
            digest.update(_said(row))
    return digest.digest()


def _mixed(start: int, rows: Iterable[tuple[Any, ...]]) -> bytes:
    from hashlib import blake2b

    for row in rows:
        start ^= int.from_bytes(blake2b(_said(row), digest_size=_SIZE).digest(), "big")
    return start.to_bytes(_SIZE, "big")


def _said(row: tuple[Any, ...]) -> bytes:
    return repr(row).encode("utf-8", "surrogateescape") + b"\n"
