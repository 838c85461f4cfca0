"""Upgrading: an archive that an older casearchive made, brought up to date before anything else is done with it."""

from __future__ import annotations

from collections.abc import Callable

from casearchive import index, settling
from casearchive.errors import ArchiveTooNew, CaseArchiveError, Damaged
from casearchive.index import older, read
from casearchive.rooms import Rooms


def bring_up_to_date(rooms: Rooms, say: Callable[[str], None]) -> None:
    """Migrate an older index under the writer's lock, keep a copy of it, and say so. Where that cannot be done, why is
    said instead, and the index is read from memory as it would be; one that is damaged is left to whoever reads it."""
    told = ""
    try:
        with rooms.writer(say) as cut_off:
            told = _brought_up_to_date(rooms)
            if cut_off:
                settling.settle_and_say(rooms, say)
    except (CaseArchiveError, OSError) as error:
        told = told or _stays(rooms, error)
    if told:
        say(told)


def _brought_up_to_date(rooms: Rooms) -> str:
    """What is to be said of it; nothing where somebody else did it meanwhile."""
    path = rooms.layout.index
    was = index.form_of(path)
    try:
        if not index.is_older(path):
            return ""
        with index.writing(path) as connection:
            unread = 0 if was >= _WITH_REPORTS else read.unread_reports(connection)
    except (Damaged, ArchiveTooNew):
        return ""
    except (CaseArchiveError, OSError) as error:
        return _stays(rooms, error)
    return (
        f"The index was of an older form ({was}) and is up to date now; {older.copy_path(path).name} is a copy from "
        f"before. The originals were not read again: casearchive reindex does that{_more(unread)}."
    )


def _stays(rooms: Rooms, error: CaseArchiveError | OSError) -> str:
    then = "the next casearchive backup does it" if _is_backup(rooms) else "as soon as it can be written to"
    return (
        f"The index is of an older form and stays as it is ({_why(rooms, error)}); it is brought up to date in "
        f"memory each time it is read, and for good: {then}."
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
