"""The index: SQLite with full-text search over what files and records say. Derived; can be thrown away.

Only this room speaks SQL. Reading needs the standard library alone; writing and migrating load sqlite-utils.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from casearchive.errors import ArchiveBusy, ArchiveTooNew, CaseArchiveError, Damaged
from casearchive.files import open_plain
from casearchive.index.migrations import LATEST

_BUSY_MS = 10_000
#: A journal may be that of somebody who is writing: whoever would play it back does not wait for long.
_MENDING_MS = 1000
#: So often a writer asks for ``_BUSY_MS`` whether it may commit, ten minutes in all: who reads a large index as a whole
#: (``verify``, ``backup``) needs longer than others should wait, and nothing that was taken should fail for that.
_COMMIT_ROUNDS = 60
#: Rows that one connection changes (15,000 files and their cases): Python's sqlite3 keeps a trace of every blob that
#: was open, three kB for each of these files.
_RENEWED = 1_000_000
_HEADER = 100  # bytes of an SQLite file before its first table
_REINDEX = "Make it again with: casearchive reindex (nothing is lost: the index is derived)."


def form_of(path: Path) -> int:
    """Which form the index at ``path`` has, by its first bytes; 0 where they are not those of an index."""
    if _journal(path).exists():
        _connected(path).close()  # a change that was cut off may have reached the first bytes
    try:
        with open_plain(path) as file:
            header = file.read(_HEADER)
    except OSError:
        return 0
    whole = len(header) == _HEADER and header.startswith(b"SQLite format 3\0")
    return int.from_bytes(header[60:64], "big") if whole else 0  # PRAGMA user_version


def is_older(path: Path) -> bool:
    """Whether the index at ``path`` has a form that this program does not write any more. Raises ``ArchiveTooNew``
    where it has one that this program does not know yet."""
    form = form_of(path)
    if form > LATEST:
        raise _too_new(path)
    return 0 < form < LATEST


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """An index opened for reading only; it is never created or changed by this. One of an older form that nobody
    could bring up to date is read from a copy in memory.

    Raises ``Damaged`` where it is missing, foreign or unreadable, ``ArchiveTooNew`` for a newer schema.
    """
    if not path.is_file():
        raise Damaged("the index is missing", where=str(path), hint=_REINDEX)
    connection = _connected(path)
    try:
        _prepare(connection)
        if _version(connection, path) == LATEST:
            yield connection
        else:
            from casearchive.index import older

            with contextlib.closing(older.in_memory(connection, path)) as copy:
                yield copy
    except sqlite3.DatabaseError as error:
        raise _trouble(error, path) from error
    except UnicodeDecodeError as error:  # what SQLite says of a damaged schema is not always text
        raise Damaged("the index cannot be read", where=str(path), hint=_REINDEX) from error
    finally:
        connection.close()


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _connected(path: Path) -> sqlite3.Connection:
    """Open for reading. A transaction that was cut off left its journal, which must be played back before anybody
    reads; SQLite does that only where it may write."""
    address = f"{path.absolute().as_uri()}?mode="
    connection = sqlite3.connect(f"{address}ro", uri=True, isolation_level=None)
    if _journal(path).exists():
        with (
            contextlib.suppress(sqlite3.Error),  # what is wrong is said when the other connection reads
            contextlib.closing(sqlite3.connect(f"{address}rw", uri=True, isolation_level=None)) as mender,
        ):
            mender.execute(f"PRAGMA busy_timeout = {_MENDING_MS}")
            mender.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


@contextlib.contextmanager
def writing(path: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """An index opened for writing, brought up to date first (a copy is kept before a migration).

    The caller holds the archive's lock and uses ``with transaction(connection)`` for each unit of work. A missing
    index is made only where ``create`` says so: an empty one in its place would hide what the archive holds.
    """
    fresh = not path.exists()
    if fresh and not create:
        raise Damaged("the index is missing", where=str(path), hint=_REINDEX)
    if fresh:
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _prepare(connection)
        if fresh or _version(connection, path) < LATEST:
            from casearchive.index import older

            if not fresh:
                older.keep_copy(connection, path)
            older.migrate(connection, path)
        if fresh:
            _begin(connection)
        yield connection
    except sqlite3.DatabaseError as error:
        raise _trouble(error, path) from error
    finally:
        connection.close()


@contextlib.contextmanager
def writing_long(path: Path, *, create: bool = False) -> Iterator[Callable[[], sqlite3.Connection]]:
    """``writing`` for a run of any length: the connection is asked for before each transaction, and is another one from
    time to time, so that memory does not grow with the run."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(writing(path, create=create))

        def now() -> sqlite3.Connection:
            nonlocal connection
            if connection.total_changes >= _RENEWED:
                stack.close()
                connection = stack.enter_context(writing(path))
            return connection

        yield now


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing. Waits for who is reading the whole index."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        _commit(connection)
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself where the disk is full or fails
            connection.execute("ROLLBACK")
        raise


def _commit(connection: sqlite3.Connection) -> None:
    for left in reversed(range(_COMMIT_ROUNDS)):
        try:
            connection.execute("COMMIT")
            return
        except sqlite3.OperationalError as error:  # busy: it is as it was, and may be asked again
            if not left or getattr(error, "sqlite_errorname", "") != "SQLITE_BUSY":
                raise


@contextlib.contextmanager
def moment(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read meanwhile is of one commit; who writes waits for that."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _trouble(error: sqlite3.DatabaseError, path: Path) -> CaseArchiveError:
    """SQLite's complaint as one of ours; its messages name tables and files, never values."""
    if isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error)):
        return ArchiveBusy("the index is busy", where=str(path), hint="Try again in a moment.")
    if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
        return CaseArchiveError(
            "a run that was cut off left the index in the middle of a change, and here nobody may write it right",
            where=str(path),
            hint="Search it where the archive can be written to, or in a copy of the whole folder.",
        )
    if isinstance(error, sqlite3.OperationalError) and ("full" in str(error) or "readonly" in str(error)):
        return CaseArchiveError(
            f"the index cannot be written ({error})",
            where=str(path),
            hint="Make room, or look at the permissions; the archive is consistent.",
        )
    return Damaged(f"the index cannot be used ({error})", where=str(path), hint=_REINDEX)


def _prepare(connection: sqlite3.Connection) -> None:
    # DELETE with EXTRA survives power loss; WAL is left alone because of the WAL-reset defect of SQLite < 3.51.3.
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "synchronous = EXTRA",
        "secure_delete = ON",
        "cache_size = -32768",  # 32 MB: a common word's rows are read once, not once a step
    ):
        connection.execute(f"PRAGMA {pragma}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The form of an index, from 1 to ``LATEST``. Raises ``ArchiveTooNew``, and ``Damaged`` where it is none."""
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise Damaged(f"the index cannot be read ({error})", where=str(path), hint=_REINDEX) from error
    if version > LATEST:
        raise _too_new(path)
    if version < 1 or tables == 0:
        raise Damaged("the index is empty or foreign", where=str(path), hint=_REINDEX)
    return version


def _too_new(path: Path) -> ArchiveTooNew:
    return ArchiveTooNew(
        "the index was written by a newer casearchive",
        where=str(path),
        hint="Update casearchive; the archive was left as it is.",
    )


def _begin(connection: sqlite3.Connection) -> None:
    """An empty index says by which vocabulary it is made."""
    from casearchive.index import seals
    from casearchive.terms import lexicon

    with transaction(connection):
        connection.execute("INSERT INTO about VALUES ('vocabulary', ?)", (lexicon().fingerprint,))
        seals.single(connection)


def forget(connection: sqlite3.Connection) -> None:
    """Let nothing remain of rows that were deleted: words in the full text, bytes in pages that are free. Needs as
    much memory as the index is large."""
    with transaction(connection):
        connection.execute("INSERT INTO case_search (case_search) VALUES ('rebuild')")
    connection.execute("PRAGMA temp_store = MEMORY")  # the copy that VACUUM makes must not lie elsewhere
    connection.execute("VACUUM")


def copied(connection: sqlite3.Connection, path: Path | None) -> sqlite3.Connection:
    """The index as it is at one commit, copied to a new private file (or into memory), open; sound while somebody
    writes. The caller closes it."""
    if path is not None:
        path.touch(mode=0o600)
    copy = sqlite3.connect(path or ":memory:", isolation_level=None)
    copy.execute(
        "PRAGMA journal_mode = OFF"
    )  # nothing stood there that could be lost, and a kill leaves no journal
    connection.backup(copy)
    return copy


def speaks(connection: sqlite3.Connection) -> str:
    """The fingerprint of the vocabulary that the index was made with."""
    row = connection.execute("SELECT value FROM about WHERE name = 'vocabulary'").fetchone()
    return str(row[0]) if row else ""
