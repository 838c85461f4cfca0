"""Upgrading: an archive that an older casearchive made, brought up to date before anything else is done with it."""

from __future__ import annotations

from collections.abc import Callable

from casearchive import index
from casearchive.errors import ArchiveTooNew, CaseArchiveError, Damaged
from casearchive.index import older, read
from casearchive.rooms import Rooms


def bring_up_to_date(rooms: Rooms, say: Callable[[str], None]) -> None:
    """Migrate an older index under the writer's lock, keep a copy of it, and say so. Where that cannot be done, why is
    said instead, and the index is read from memory as it would be; one that is damaged is left to whoever reads it."""
    path = rooms.layout.index
    try:
        with rooms.writer(say):
            was = index.form_of(path)
            if not index.is_older(path):
                return  # somebody else did it meanwhile
            with index.writing(path) as connection:
                unread = 0 if was >= _WITH_REPORTS else read.unread_reports(connection)
    except (Damaged, ArchiveTooNew):
        return
    except (CaseArchiveError, OSError) as error:
        then = (
            "the next casearchive backup does it" if _is_backup(rooms) else "as soon as it can be written to"
        )
        say(
            f"The index is of an older form and stays as it is ({_why(rooms, error)}); it is brought up to date in "
            f"memory each time it is read, and for good: {then}."
        )
        return
    say(
        f"The index was of an older form ({was}) and is up to date now; {older.copy_path(path).name} is a copy from "
        f"before. The originals were not read again: casearchive reindex does that{_more(unread)}."
    )


_WITH_REPORTS = 2  # the first form that keeps what structured reports say


def _more(unread: int) -> str:
    if not unread:
        return ""
    which = "1 structured report" if unread == 1 else f"{unread} structured reports"
    return f", and finds what {which} among them say{'s' if unread == 1 else ''}"


def _is_backup(rooms: Rooms) -> bool:
    return rooms.layout.backup_marker.exists()


def _why(rooms: Rooms, error: CaseArchiveError | OSError) -> str:
    if _is_backup(rooms):
        return "this is a backup"
    if isinstance(error, CaseArchiveError):
        return error.what
    return f"the archive cannot be written to: {error.strerror or type(error).__name__}"
