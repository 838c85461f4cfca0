"""Ingest: find, gather, write the ledger, write the index; one outcome per file, everything good is kept."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from casearchive import index, record
from casearchive.errors import RecordError
from casearchive.files import write_durably
from casearchive.index import read, write
from casearchive.ingest import drafts
from casearchive.ingest.crew import Crew
from casearchive.ingest.find import CaseFolder, Drain, Found, Item, count, find
from casearchive.ingest.gather import Gathered, Task
from casearchive.ingest.records import MediaMissing, Taken, archived
from casearchive.model import Case, Outcome
from casearchive.rooms import Rooms

#: Outcomes that are made durable together.
_BATCH = 64
#: Reasons that lose nothing a clinician would miss.
_HARMLESS = frozenset({"not-an-image", "link", "special-file", "dicomdir", "ignored", "part-of-archive"})
_PICTURE_SUFFIX = re.compile(
    r"\.(dcm|dicom|ima|png|jpe?g|tiff?|bmp|webp|gif|mp4|m4v|mov|avi|mpe?g|wmv|mkv|webm|heic)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Summary:
    added: int = 0
    known: int = 0
    skipped: int = 0
    failed: int = 0
    cases: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass
class Progress:
    """What the progress bar is told. ``total`` is an estimate (a zip counts as one file)."""

    total: int = 0
    done: int = 0
    bytes: int = 0
    tell: Callable[[Progress], None] = field(default=lambda _: None)


def ingest(
    rooms: Rooms,
    paths: Iterable[Path],
    *,
    case: str | None = None,
    workers: int | None = None,
    rehash: bool = False,
    dry_run: bool = False,
    report: Callable[[Outcome], None] = lambda _: None,
    progress: Progress | None = None,
) -> Summary:
    """Take everything at and below ``paths``. ``report`` gets each outcome when it is durable, in order.

    The caller is the writer. ``workers=0`` works in this process. ``case`` puts all that is taken into one case.
    """
    started = time.monotonic()
    rooms.sweep()
    wanted = tuple(paths)
    progress = progress or Progress()
    progress.total = count(wanted)
    crew = Crew(_workers(workers, progress.total))
    with index.writing(rooms.layout.index) as connection:
        run = _Run(rooms, connection, crew, report, progress, rehash=rehash, dry_run=dry_run)
        try:
            for item in find(wanted, archive=rooms.layout.root, unpack=rooms.layout.temporary):
                run.meet(item)
            run.drain()
            if case is not None:
                run.put_all_into(case)
        finally:
            try:
                run.commit()
            finally:
                crew.close()
    return replace(run.summary(), seconds=round(time.monotonic() - started, 3))


def _workers(asked: int | None, files: int) -> int:
    if asked is not None:
        return max(asked, 0)
    return max(1, min(os.cpu_count() or 1, files))


class _Run:
    """One run: a line of items in the order in which they were found, and the batch that is written next."""

    def __init__(
        self,
        rooms: Rooms,
        connection: sqlite3.Connection,
        crew: Crew,
        report: Callable[[Outcome], None],
        progress: Progress,
        *,
        rehash: bool,
        dry_run: bool,
    ) -> None:
        self.rooms, self.connection, self.crew, self.report = rooms, connection, crew, report
        self.progress, self.rehash, self.dry_run = progress, rehash, dry_run
        self.line: deque[tuple[Item, os.stat_result | None]] = deque()
        self.batch: list[tuple[Outcome, Found | None, Gathered | None, os.stat_result | None]] = []
        self.new: dict[str, str] = {}  # hash to kind, of this batch
        self.taken: dict[str, Taken] = {}  # by what the report calls it
        self.tally = {"added": 0, "known": 0, "skipped": 0, "failed": 0}
        self.cases = 0
        self.bytes = 0

    def summary(self) -> Summary:
        return Summary(**self.tally, cases=self.cases, bytes=self.bytes)

    # ------------------------------------------------------------------------------------------ the line

    def meet(self, item: Item) -> None:
        if isinstance(item, Drain):
            self.drain()
            return
        state = None
        if isinstance(item, Found):
            state = _state(item)
            known = self._unchanged(item, state)
            if known is None:
                self.crew.submit(Task(self.rooms.layout.root, item.path, dry_run=self.dry_run))
            else:
                item = known
        self.line.append((item, state))
        while len(self.line) > _BATCH:
            self._serve()

    def drain(self) -> None:
        while self.line:
            self._serve()

    def _serve(self) -> None:
        item, state = self.line.popleft()
        if isinstance(item, Outcome):
            self._settle(item)
        elif isinstance(item, Found):
            self._receive(item, state, self.crew.next())
        elif isinstance(item, CaseFolder):
            self.commit()
            self._settle(self._case(item))
        if len(self.batch) >= _BATCH:
            self.commit()

    def _unchanged(self, found: Found, state: os.stat_result | None) -> Outcome | None:
        """Known by path, size and time, without reading it again."""
        if self.rehash or found.in_zip or state is None:
            return None
        sha256 = read.known_source(self.connection, _key(found), state.st_size, state.st_mtime_ns)
        if sha256 is None or not self.rooms.store.has(sha256):
            return None
        return self._known(found, sha256)

    def _known(self, found: Found, sha256: str) -> Outcome:
        kind, uid = read.kind_and_uid(self.connection, sha256) or (self.new.get(sha256, "other"), "")
        cases = read.cases_of(self.connection, sha256)
        self._remember(found, sha256)
        return Outcome(found.shown, "known", kind, sha256, cases[0] if cases else None, uid or None)

    def _receive(self, found: Found, state: os.stat_result | None, gathered: Gathered) -> None:
        if gathered.held and not self._indexed(gathered.sha256):
            # its bytes are kept but the index never heard of them: a run that was cut off
            gathered = self.crew.ask(Task(self.rooms.layout.root, None, gathered.sha256, self.dry_run))
        if gathered.reason:
            self._settle(_refused(found, gathered))
            return
        if gathered.held or self._indexed(gathered.sha256):
            self._settle(self._known(found, gathered.sha256), found, None, state, gathered.sha256)
            return
        facts = gathered.facts
        assert facts is not None
        self.new[gathered.sha256] = facts.kind
        uid = facts.instance.sop_instance_uid
        notes = facts.notes
        if read.others_with_uid(self.connection, uid, gathered.sha256):
            notes = (*notes, "same-uid: another file with this SOP Instance UID is held too; both are kept")
        reason = "no-picture" if facts.instance.frames < 1 and facts.kind == "dicom" else None
        outcome = Outcome(
            found.shown, "added", facts.kind, gathered.sha256, None, uid, reason, "", tuple(notes)
        )
        self.taken[_normal(found.shown)] = Taken(
            gathered.sha256, found.name, facts.instance.frames, facts.instance.columns, facts.instance.rows
        )
        self._settle(outcome, found, gathered, state, gathered.sha256)

    def _indexed(self, sha256: str) -> bool:
        return sha256 in self.new or read.kind_and_uid(self.connection, sha256) is not None

    def _remember(self, found: Found, sha256: str) -> None:
        if sha256 in self.new:
            first = next(t for t in self.taken.values() if t.sha256 == sha256)
            self.taken[_normal(found.shown)] = replace(first, name=found.name)
            return
        detail = read.detail(self.connection, sha256)
        if detail is not None:
            instance = detail.facts.instance
            self.taken[_normal(found.shown)] = Taken(
                sha256, found.name, instance.frames, instance.columns, instance.rows
            )

    # ---------------------------------------------------------------------------------------- settling

    def _settle(
        self,
        outcome: Outcome,
        found: Found | None = None,
        gathered: Gathered | None = None,
        state: os.stat_result | None = None,
        sha256: str | None = None,
    ) -> None:
        self.batch.append((outcome, found, gathered, state))
        self.tally[outcome.outcome] += 1
        if gathered is not None:
            self.bytes += gathered.size
            self.progress.bytes += gathered.size
        self.progress.done += 1
        self.progress.tell(self.progress)

    def commit(self) -> None:
        """Ledger first, then the index in one transaction, then the report: nothing is claimed too early."""
        batch, self.batch = self.batch, []
        if not batch:
            return
        if not self.dry_run:
            added = [(o, f, g, s) for o, f, g, s in batch if g is not None and f is not None]
            events = self.rooms.ledger.append(
                ("ingested", g.sha256, {"name": f.name, "bytes": g.size, "kind": o.kind})
                for o, f, g, _ in added
            )
            with index.transaction(self.connection):
                for _, found, gathered, _ in added:
                    self._index(found, gathered)
                for outcome, seen, _, state in batch:
                    if seen is not None and state is not None and outcome.sha256 and not seen.in_zip:
                        size, mtime = state.st_size, state.st_mtime_ns
                        write.add_source(self.connection, _key(seen), size, mtime, outcome.sha256)
                write.add_events(
                    self.connection,
                    [(e.position, e.at, e.who, e.event, e.subject, e.details) for e in events],
                )
        self.new.clear()
        for outcome, *_ in batch:
            self.report(outcome)

    def _index(self, found: Found, gathered: Gathered) -> None:
        assert gathered.facts is not None
        write.add_instance(
            self.connection,
            gathered.facts,
            sha256=gathered.sha256,
            size=gathered.size,
            name=found.name,
            subject_key=self.rooms.subject_key(gathered.facts.subject.identity),
            key_frame=gathered.key_frame,
        )

    # ------------------------------------------------------------------------------------------- cases

    def _case(self, folder: CaseFolder) -> Outcome:
        shown = folder.record.shown
        slug = slug_of(folder.record)
        try:
            text = folder.record.path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            return Outcome(
                shown, "failed", "case", None, slug, None, "record-invalid", "it is not UTF-8 text"
            )
        except OSError as error:
            return Outcome(
                shown,
                "failed",
                "case",
                None,
                slug,
                None,
                "unreadable",
                error.strerror or type(error).__name__,
            )
        prefix = shown[: -len(folder.record.name)]
        taken = {
            _normal(m.shown[len(prefix) :]): self.taken[_normal(m.shown)]
            for m in folder.members
            if _normal(m.shown) in self.taken and m.shown.startswith(prefix)
        }
        try:
            case, stored = archived(text, slug=slug, file=shown, taken=_Normalised(taken))
        except RecordError as error:
            return Outcome(shown, "failed", "case", None, slug, None, "record-invalid", str(error))
        except MediaMissing as missing:
            why = f"media {missing.media} names “{missing.file}”, which is not there or was not taken"
            return Outcome(shown, "failed", "case", None, slug, None, "media-missing", why)
        return self._store_case(case, stored, text, shown)

    def _store_case(self, case: Case, stored: str, source: str, shown: str) -> Outcome:
        digest = _sha(stored)
        path = self.rooms.layout.record(case.slug)
        notes: tuple[str, ...] = tuple(
            f"{where}: “{word}” is not in the lexicon" + (f"; did you mean {nearest[0]}?" if nearest else "")
            for where, word, nearest in record.unknown_words(case)
        )
        before = path.read_text("utf-8") if path.exists() else None
        if before == stored:
            if read.record_hash(self.connection, case.slug) != digest and not self.dry_run:
                self._index_case(case, stored, digest)
            return Outcome(shown, "known", "case", digest, case.slug, None, None, "", notes)
        if before is not None:
            last = self._last_ingested(case.slug)
            if last.get("source_sha256") == _sha(source):
                return Outcome(shown, "known", "case", _sha(before), case.slug)
            if last.get("record_sha256") != _sha(before):
                why = f"the archive's own record of {case.slug} is not the one taken from here; it was left as it is"
                return Outcome(shown, "failed", "case", None, case.slug, None, "record-conflict", why)
            notes = ("the record was brought up to date", *notes)
        if not self.dry_run:
            write_durably(path, stored.encode())
            self._note_case(case, stored, digest, source, shown)
        self.cases += 1
        return Outcome(shown, "added", "case", digest, case.slug, None, None, "", notes)

    def _last_ingested(self, slug: str) -> dict[str, object]:
        events = read.events(self.connection, subject=slug)
        mine = [e for e in events if e.event == "case-ingested"]
        return mine[-1].details if mine else {}

    def _note_case(self, case: Case, stored: str, digest: str, source: str, shown: str) -> None:
        details = {"record_sha256": digest, "source": shown, "source_sha256": _sha(source)}
        events = self.rooms.ledger.append([("case-ingested", case.slug, details)])
        self._index_case(case, stored, digest)
        with index.transaction(self.connection):
            write.add_events(
                self.connection, [(e.position, e.at, e.who, e.event, e.subject, e.details) for e in events]
            )

    def _index_case(self, case: Case, stored: str, digest: str) -> None:
        score = record.completeness(case, text=stored).score
        with index.transaction(self.connection):
            write.put_case(self.connection, case, record_sha256=digest, completeness=score)

    def put_all_into(self, slug: str) -> None:
        """``--case``: a draft from the headers where there is no such case, else more media for it."""
        self.commit()
        if self.dry_run:
            return
        hashes = list(dict.fromkeys(t.sha256 for t in self.taken.values()))
        if drafts.add_media(self.rooms, self.connection, slug, hashes):
            self.cases += 1


class _Normalised(dict[str, Taken]):
    """Names that differ only in how their accents are composed are the same name (macOS decomposes them)."""

    def get(self, key: str, default: Taken | None = None) -> Taken | None:  # type: ignore[override]
        return super().get(_normal(key), default)


def slug_of(found: Found) -> str:
    """A slug from the name of the folder (or zip) that the case file lies in."""
    folder = found.folder
    if "!" in folder and folder.endswith(("!.", "!")):
        folder = folder.rpartition("!")[0]
        folder = re.sub(r"\.zip$", "", folder, flags=re.IGNORECASE)
    name = re.split(r"[/\\!]", folder.rstrip("/\\"))[-1] if folder not in (".", "") else Path.cwd().name
    return slugified(name)


def slugified(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80] or "case"


def _refused(found: Found, gathered: Gathered) -> Outcome:
    harmless = gathered.reason in _HARMLESS
    if gathered.reason == "not-an-image" and _PICTURE_SUFFIX.search(found.name):
        harmless = False  # its name promised a picture
    word = "skipped" if harmless else "failed"
    return Outcome(
        found.shown, word, "other", gathered.sha256 or None, None, None, gathered.reason, gathered.message
    )


def _state(found: Found) -> os.stat_result | None:
    try:
        return found.path.stat(follow_symlinks=False)
    except OSError:
        return None


def _key(found: Found) -> str:
    return os.fsencode(found.path.absolute()).decode("utf-8", "backslashreplace")


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
