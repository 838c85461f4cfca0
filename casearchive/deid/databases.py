"""The values in the tables of an SQLite file, such as an Anki deck holds, for the leak scan; it writes none.

In the bytes of such a file a long text is cut into pages and a short one has no space around it, so that a name may be
missed there. The file may be anybody's: nothing of its schema is trusted, views and triggers are left alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

MAGIC = b"SQLite format 3\0"


def values(data: bytes) -> Iterator[tuple[str, str | bytes]]:
    """(``table.column``, value) of every text and blob in a database. Raises ``ValueError`` where it cannot be read,
    or SQLite was built here without the means."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(data)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = _text
        for table in _tables(connection):
            cursor = connection.execute(f"SELECT * FROM {_quoted(table)}")  # noqa: S608 - a name, quoted
            columns = [column for column, *_ in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, str | bytes) and value:
                        yield f"{table}.{column}", value
    except (sqlite3.Error, OverflowError, AttributeError) as error:
        raise ValueError("the database cannot be read") from error
    finally:
        connection.close()


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Tables with rows of their own: those of modules (virtual ones) keep theirs in ordinary tables."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return [str(name) for name, made in found if not str(made).upper().startswith("CREATE VIRTUAL")]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
