"""What can go wrong, each with its exit code; every message says what, where and what next."""

from __future__ import annotations

from typing import Any

from casearchive.frozen import dataclass

EXIT_CODES: dict[int, str] = {
    0: "all done (a search without hits is 0)",
    1: "error",
    2: "wrong usage or a query that cannot be read",
    3: "partly: some files or cases were refused, the rest is done",
    10: "no archive here",
    11: "the archive is busy",
    12: "the archive was written by a newer casearchive",
    20: "an identity was found in the output: nothing was released",
    21: "nothing could be released without a person's review",
    30: "damage found",
    130: "interrupted; the archive is consistent",
}


class CaseArchiveError(Exception):
    """The root of every error casearchive raises on purpose.

    ``what`` is one line for a person, ``where`` names the file, field or place, and ``hint`` says what
    to do next. Neither may hold an identity taken from a file's contents.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f"\n  {self.hint}" if self.hint else "")


class UsageError(CaseArchiveError):
    """The words of a call do not fit together."""

    exit_code = 2


class QueryError(UsageError):
    """A query that cannot be read; ``position`` is the 0-based offset of the place in ``query``."""

    def __init__(self, what: str, *, query: str = "", position: int = 0, hint: str = "") -> None:
        self.query, self.position = query, position
        shown = query.replace("\n", " ")
        pointer = f"\n  {shown}\n  {' ' * min(position, len(shown))}^" if query else ""
        super().__init__(what + pointer, hint=hint)


class NoArchive(CaseArchiveError):
    """No ``archive.toml`` here or above."""

    exit_code = 10


class ArchiveBusy(CaseArchiveError):
    """Somebody else is writing."""

    exit_code = 11


class ArchiveTooNew(CaseArchiveError):
    """The archive was written by a newer casearchive; it is left unharmed."""

    exit_code = 12


class IdentityFound(CaseArchiveError):
    """The finished output held an identity; it was thrown away."""

    exit_code = 20


class ReviewNeeded(CaseArchiveError):
    """Nothing could be released without a person's decision; ``withheld`` lists what stayed in."""

    exit_code = 21

    def __init__(self, what: str, *, where: str = "", hint: str = "", withheld: tuple[Any, ...] = ()) -> None:
        self.withheld = withheld
        super().__init__(what, where=where, hint=hint)


class Damaged(CaseArchiveError):
    """The archive does not hold what its records promise."""

    exit_code = 30


class NoRoom(CaseArchiveError):
    """The disk is full, or would be."""


class NotFound(CaseArchiveError):
    """A slug, hash, UID or set that the archive does not hold."""


class UnreadableFile(CaseArchiveError):
    """A file that no reader can turn into a clip; ``reason`` is a code of ``choices.REASONS``."""

    def __init__(self, reason: str, what: str, *, where: str = "", hint: str = "") -> None:
        self.reason = reason
        super().__init__(what, where=where, hint=hint)


class PictureUnavailable(CaseArchiveError):
    """The file is sound but its pixels cannot be shown here (a missing codec, a damaged frame)."""


@dataclass(frozen=True)
class Problem:
    """One complaint about a record: ``line`` counts from 1, ``field`` is a dotted path such as
    ``finding[2].side``. ``level`` is ``error`` (the record is refused) or ``missing`` (lint only)."""

    file: str
    line: int
    field: str
    message: str
    level: str = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class RecordError(CaseArchiveError):
    """A case file that cannot be understood; all its problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems), hint="")
