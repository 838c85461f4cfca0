"""An index of an older form: recognised, copied, and brought up to date, all in one transaction or not at all.

Where the archive cannot be written to, it is brought up to date in memory each time it is read.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from casearchive.errors import Damaged
from casearchive.files import sync_folder, temporary_sibling
from casearchive.index import copied, inspect, seals, transaction
from casearchive.index.migrations import LATEST

#: What is wrong with the disk or comes of others, and says nothing of the index.
_OF_THE_PLACE = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
})  # fmt: skip


def copy_path(path: Path) -> Path:
    """Where the copy of the index at ``path`` is kept from before it got today's form."""
    return path.with_suffix(f".before-{LATEST}{path.suffix}")


def kept(path: Path) -> list[Path]:
    """Copies of the index at ``path`` from before it was brought up to date. They hold what it held: identities."""
    return sorted(path.parent.glob(f"{path.stem}.before-*{path.suffix}"))


def away(path: Path) -> tuple[str, ...]:
    """Delete the copies; returns their names."""
    gone = kept(path)
    for copy in gone:
        copy.unlink(missing_ok=True)
    if gone:
        sync_folder(path.parent)
    return tuple(copy.name for copy in gone)


def keep_copy(connection: sqlite3.Connection, path: Path) -> None:
    """A private copy of the index at ``path``, whole and on the disk when this returns; it replaces the one that was
    kept before the same change."""
    kept_as = copy_path(path)
    with temporary_sibling(kept_as) as temporary:
        copied(connection, temporary).close()
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(kept_as)
    sync_folder(path.parent)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """All steps that are lacking, then a seal over everything, in one transaction: killed at any instant, the index is
    either the old or the new one. Raises ``Damaged`` where that does not give the tables of today; nothing is changed
    then."""
    from sqlite_utils import Database

    from casearchive.index.migrations import migrations

    was = connection.execute("PRAGMA user_version").fetchone()[0]
    with _explained(path), transaction(connection):
        migrations().apply(Database(connection))  # each step a savepoint, for a transaction is open
        connection.execute(f"PRAGMA user_version = {LATEST}")
        if not inspect.as_made(connection):
            raise sqlite3.DatabaseError("its tables are not those of its version")
        if was:
            connection.execute("INSERT OR REPLACE INTO about VALUES ('upgraded_from', ?)", (str(was),))
        seals.everything(connection)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What says that the index itself cannot be brought up to date; whoever opened it tells of the rest."""
    try:
        yield
    except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, OverflowError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_PLACE:
            raise
        why = str(error) if isinstance(error, sqlite3.DatabaseError) else type(error).__name__
        raise Damaged(
            f"the index is of an older form and cannot be brought up to date ({why}); it is as it was",
            where=str(path),
            hint="Make it again with: casearchive reindex (nothing is lost: the index is derived).",
        ) from error


def in_memory(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """The index as it would be, brought up to date; the file stays as it is. The caller closes both."""
    copy = copied(connection, None)
    try:
        migrate(copy, path)
        copy.execute("PRAGMA query_only = ON")
    except BaseException:
        copy.close()
        raise
    return copy
