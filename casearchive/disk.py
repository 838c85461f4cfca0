"""What a disk refuses, in words that somebody can act on, and whether there is room on it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from casearchive.errors import CaseArchiveError, NoRoom

#: Bytes that are left free: with nothing at all on a disk even the index cannot be put right.
SPARE = 8 << 20
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
_CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def refused(error: OSError) -> CaseArchiveError:
    """The system's refusal as one of ours. What was reported before it is safe: nothing is reported too early."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    why = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return NoRoom(
            f"the disk is full ({why})",
            where=where,
            hint="Make room and run the same again; what was reported as done is safe.",
        )
    if error.errno in _CLOSED:
        return CaseArchiveError(
            why, where=where, hint="Look at the permissions, and whether it can be written to."
        )
    if error.errno == errno.EIO:
        hint = "The disk may be failing: copy what you have, then look with: casearchive verify --full"
        return CaseArchiveError(f"the disk gave up ({why})", where=where, hint=hint)
    return CaseArchiveError(why, where=where)


def free(folder: Path) -> int:
    """Bytes that are free where ``folder`` is, or would be made."""
    import shutil

    here = folder
    while not here.exists():
        here = here.parent
    return shutil.disk_usage(here).free


def check_room(folder: Path, needed: int) -> None:
    """Raises ``NoRoom`` where so many bytes, and a little more, are not free."""
    there = free(folder)
    if needed + SPARE > there:
        raise NoRoom(
            f"there is no room: {megabytes(needed + SPARE)} are needed and {megabytes(there)} are free",
            where=str(folder),
            hint="Make room, or use another disk; what was reported as done is safe.",
        )


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def is_open_to_others(folder: Path) -> bool:
    """Whether other users of this computer may look into it, as far as permissions say that here."""
    return os.name == "posix" and bool(stat.S_IMODE(folder.stat().st_mode) & 0o077)
