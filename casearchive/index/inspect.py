"""Is the index whole: its shape as SQLite sees it, its schema as we made it, its values as they were sealed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from functools import cache

from casearchive.index import seals

_MANY = 20  # complaints about one index that are told


def shape(connection: sqlite3.Connection) -> Iterator[str]:
    """What is quickly seen: b-trees, references between tables."""
    for check in ("quick_check", "foreign_key_check"):
        yield from _asked(connection, check)


def content(connection: sqlite3.Connection) -> Iterator[str]:
    """What needs every row to be read. Each line says what does not fit; nothing where all is as it was written."""
    yield from _asked(connection, "integrity_check")
    if not as_made(connection):
        yield "its tables are not as casearchive makes them"
    yield from _full_text(connection)
    broken = Counter(kind for kind, _ in seals.broken(connection))
    for kind, count in sorted(broken.items()):
        yield f"what it says of {count} {kind} is not what was written" if kind not in (
            "about", "counters", "facts", "sources",
        ) else f"its {kind} are not what was written"  # fmt: skip


def _asked(connection: sqlite3.Connection, check: str) -> Iterator[str]:
    for row in connection.execute(
        f"PRAGMA {check}({_MANY})" if check != "foreign_key_check" else f"PRAGMA {check}"
    ):
        if row[0] != "ok":
            yield f"{check}: {row[0]}"


def as_made(connection: sqlite3.Connection) -> bool:
    """Whether its tables are those that this program makes, and nothing is beside them."""
    return _schema(connection) == _as_made()


def _schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    # how sqlite-utils words its own table differs between its versions
    rows = connection.execute(
        "SELECT type, name, tbl_name, CASE WHEN tbl_name = '_sqlite_migrations' AND type IN ('table', 'index')"
        " THEN '' ELSE sql END FROM sqlite_master ORDER BY 1, 2"
    ).fetchall()
    return [tuple(str(value) for value in row) for row in rows]


@cache
def _as_made() -> list[tuple[str, ...]]:
    with contextlib.closing(_empty()) as fresh:
        return _schema(fresh)


def _empty() -> sqlite3.Connection:
    """An index in memory, with nothing in it."""
    from sqlite_utils import Database

    from casearchive.index.migrations import migrations

    fresh = sqlite3.connect(":memory:", isolation_level=None)
    migrations().apply(Database(fresh))
    return fresh


def _full_text(connection: sqlite3.Connection) -> Iterator[str]:
    """FTS5 compares its words with its texts only where it may write: in a copy of its own tables in memory."""
    with contextlib.closing(_empty()) as copy:
        try:
            for part in ("config", "data", "idx", "content", "docsize"):
                rows = connection.execute(f"SELECT * FROM case_search_{part}")
                marks = ", ".join("?" * len(rows.description))
                copy.execute(f"DELETE FROM case_search_{part}")
                copy.executemany(f"INSERT INTO case_search_{part} VALUES ({marks})", rows)
            copy.execute("INSERT INTO case_search (case_search) VALUES ('integrity-check')")
        except sqlite3.DatabaseError as error:
            yield f"the words that are searched do not fit the texts ({error})"
