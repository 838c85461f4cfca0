"""Changing what is written of a case or a file: a new draft, values of a record, its whole text, a file's key frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from casearchive import findings, index, record, settling
from casearchive.errors import RecordError, UsageError
from casearchive.frozen import dataclass
from casearchive.index import read
from casearchive.ingest import drafts
from casearchive.model import Case
from casearchive.record.setting import with_values
from casearchive.rooms import Rooms
from casearchive.views import Views

_FILE = re.compile(r"[0-9a-fA-F]{8,64}|[0-9.]+")


@dataclass(frozen=True)
class Editing:
    """Writes to one archive; ``say`` hears what a person should know meanwhile."""

    rooms: Rooms
    views: Views
    say: Callable[[str], None]

    def new(
        self, slug: str, found: Callable[[], Iterable[str]], *, media: Sequence[str], dry_run: bool
    ) -> tuple[Case, str]:
        """See ``Archive.new``; ``found`` tells the files to begin with, beside ``media``."""
        drafts.check_slug(slug)
        with settling.writer(self.rooms, self.say):
            if self.rooms.layout.record(slug).exists():
                raise UsageError(
                    f"there is a case {slug} already", hint=f"Look at it with: casearchive show {slug}"
                )
            with index.writing(self.rooms.layout.index) as connection:
                hashes = [*(self.views.one_file(connection, m) for m in media), *found()]
                case = drafts.draft(connection, slug, list(dict.fromkeys(hashes)))
                text = record.dumps(case)
                if not dry_run:
                    drafts.save(self.rooms, connection, case, text, "case-drafted", {"media": len(hashes)})
        return case, text

    def set(self, slug: str, values: Mapping[str, str], *, dry_run: bool) -> str:
        """See ``Archive.edit``."""
        if not self.rooms.layout.record(slug).is_file() and _FILE.fullmatch(slug):
            return self._file(slug, values, dry_run)
        return self._rewrite(slug, lambda text: with_values(text, values), sorted(values), dry_run)

    def replace(self, slug: str, text: str, *, before: str | None, dry_run: bool) -> str:
        """See ``Archive.replace_record``."""

        def replaced(now: str) -> str:
            if before not in (None, now):
                raise UsageError(
                    "the record was changed meanwhile; nothing was written", where=slug, hint="Open it again."
                )
            return text

        return self._rewrite(slug, replaced, ["everything"], dry_run)

    def _rewrite(self, slug: str, change: Callable[[str], str], fields: Sequence[str], dry_run: bool) -> str:
        with settling.writer(self.rooms, self.say):
            before = self.views.record_text(slug)
            text = change(before)
            case = record.loads(text, slug=slug, file=f"cases/{slug}.toml")
            with index.writing(self.rooms.layout.index) as connection:
                drafts.check_against_clips(connection, case, record.Places(text, f"cases/{slug}.toml"))
                if not dry_run:
                    details: dict[str, object] = {"fields": list(fields)}
                    known = _if_valid(before, slug)
                    findings.save(self.rooms, connection, known, case, text, "case-edited", details)
        return text

    def _file(self, word: str, values: Mapping[str, str], dry_run: bool) -> str:
        if set(values) != {"key_frame"}:
            raise UsageError(
                "of a file only key_frame can be set; all else is said in a case",
                hint=f"Begin a case with: casearchive new SLUG --media {word[:16]}",
            )
        text = values["key_frame"].strip()
        with settling.writer(self.rooms, self.say), index.reading(self.rooms.layout.index) as connection:
            sha256 = self.views.one_file(connection, word)
            kind = read.detail(connection, sha256)
            frames = kind.held.frames if kind else 0
            frame = int(text) if text.isdecimal() else None
            if text and (frame is None or not 1 <= frame <= frames):
                raise UsageError(
                    f"there is no frame “{text[:20]}”: the file has {frames}, counted from 1",
                    where=sha256[:16],
                )
            if not dry_run:
                self.rooms.note([(read.KEY_FRAME_SET, sha256, {"frame": frame})])
        return f"key_frame = {frame}\n" if frame else ""


def _if_valid(text: str, slug: str) -> Case | None:
    """The case that a record held, or None where its text cannot be read: an edit may be what mends it."""
    try:
        return record.loads(text, slug=slug)
    except RecordError:
        return None
