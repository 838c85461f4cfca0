"""Ingest: find, gather, write the ledger, write the index; one outcome per file, everything good is kept."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import sqlite3
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from casearchive import disk, index, record, truth
from casearchive.choices import PICTURE_SUFFIX
from casearchive.doubts import doubts
from casearchive.errors import CaseArchiveError, NoRoom, RecordError
from casearchive.files import printable
from casearchive.importers import mirc
from casearchive.index import read, write
from casearchive.ingest import bags, discs, documents, drafts, filing, teachingfiles
from casearchive.ingest.crew import CANCELLED, Crew
from casearchive.ingest.find import (
    CaseFolder,
    Drain,
    Found,
    Item,
    Spare,
    TeachingFile,
    another_form,
    count,
    find,
)
from casearchive.ingest.gather import Gathered, Task
from casearchive.ingest.records import MediaMissing, Taken, archived, composed
from casearchive.ingest.sources import Sources, place
from casearchive.mining import of_case
from casearchive.model import Case, Outcome
from casearchive.readers._paper import may_tell
from casearchive.rooms import Rooms
from casearchive.stores.folder import is_ours

#: Outcomes that are made durable together.
_BATCH = 64
#: Seconds after which they are made durable even where there are fewer: large clips take their time.
_PAUSE = 2.0
_LARGEST_RECORD = 1 << 20
#: Reasons that lose nothing a clinician would miss.
_HARMLESS = frozenset({"not-an-image", "link", "special-file", "dicomdir", "ignored", "part-of-archive"})


@dataclass(frozen=True, slots=True)
class Summary:
    added: int = 0
    known: int = 0
    skipped: int = 0
    failed: int = 0
    cases: int = 0
    bytes: int = 0
    seconds: float = 0.0
    linked: int = 0  # of those added


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
    link: bool = False,
    report: Callable[[Outcome], None] = lambda _: None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Take everything at and below ``paths``. ``report`` gets each outcome when it is durable, in order.

    Raises ``NoRoom`` where the next file would fill the disk; what was taken by then stays. The caller is the writer.
    ``workers=0`` works in this process. ``case`` puts all that is taken into one case. With ``link`` files on the
    archive's disk are not copied but get a second name there.
    """
    started = time.monotonic()
    wanted = tuple(paths)
    progress = progress or Progress()
    progress.total, size = count(wanted)
    if not dry_run and not link and size + disk.SPARE > (free := disk.free(rooms.layout.root)):
        room = disk.megabytes(max(0, free - disk.SPARE))
        say(
            f"There are {disk.megabytes(size)} to look through and room for {room}: where the disk is full taking ends,"
            " and what was taken by then stays."
        )
    crew = Crew(_workers(workers, progress.total))
    with index.writing_long(rooms.layout.index) as opened:
        run = _Run(rooms, opened, crew, report, progress, rehash=rehash, dry_run=dry_run, link=link)
        try:
            if not dry_run:
                rooms.catch_up(run.connection)
                truth.note_new(rooms)
            with _stops_between_files(run):
                place, half = rooms.layout.root, rooms.layout.temporary
                for item in find(wanted, archive=place, unpack=half, known=run.knows):
                    run.meet(item)
                run.drain()
            if case is not None:
                run.put_all_into(case)
            else:
                run.take_documents()
        except (KeyboardInterrupt, NoRoom):
            run.finish_begun()
            raise
        finally:
            try:
                run.commit()
            finally:
                crew.close()
    return replace(run.summary(), seconds=round(time.monotonic() - started, 3))


@contextlib.contextmanager
def _stops_between_files(run: _Run) -> Iterator[None]:
    """The first Ctrl-C lets the file in hand be finished, so that nothing is stored and not written down; the
    second one interrupts at once."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def stop(*_: object) -> None:
        run.stopped = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _workers(asked: int | None, files: int) -> int:
    if asked is not None:
        return max(asked, 0)
    return max(1, min(os.cpu_count() or 1, files))


class _Run:
    """One run: a line of items in the order in which they were found, and the batch that is written next."""

    def __init__(
        self,
        rooms: Rooms,
        opened: Callable[[], sqlite3.Connection],
        crew: Crew,
        report: Callable[[Outcome], None],
        progress: Progress,
        *,
        rehash: bool,
        dry_run: bool,
        link: bool,
    ) -> None:
        self.rooms, self.crew, self.report = rooms, crew, report
        self.opened = opened
        self.connection = opened()
        self.progress, self.rehash, self.dry_run, self.link = progress, rehash, dry_run, link
        self.line: deque[tuple[Item, os.stat_result | None]] = deque()
        self.batch: list[tuple[Outcome, Found | None, Gathered | None, os.stat_result | None]] = []
        self.new: dict[
            str, tuple[str, str]
        ] = {}  # hash to kind, of this batch (of the whole run where it is a dry one)
        self.uids: dict[str, str] = {}  # SOP Instance UID to hash, of this run
        self.met: set[str] = set()  # what the report calls everything that was come upon
        self.named_in_zip: list[str] = []  # what the index of a disc in a zip names
        self.gone: set[str] = (
            set()
        )  # what the index of a disc names and is not there; its bag may miss it, too
        self.taken: dict[str, Taken] = {}  # by what the report calls it
        self.papers: dict[str, documents.Met] = {}  # by hash: what may tell of a case
        self.needed: set[str] = set()  # forms of pictures that were looked at: no better one could be taken
        self.tally = {"added": 0, "known": 0, "skipped": 0, "failed": 0}
        self.cases = 0
        self.bytes = 0
        self.linked = 0
        self.disk = rooms.layout.root.stat().st_dev
        self.under_way = 0  # bytes of files that workers copy now or next
        self.untold = False  # the ledger may say what the index never heard: the next run sees to that
        self.sources = Sources(self.connection)
        self.stopped = False
        self.committed = time.monotonic()

    def summary(self) -> Summary:
        return Summary(**self.tally, cases=self.cases, bytes=self.bytes, linked=self.linked)

    # ------------------------------------------------------------------------------------------ the line

    def meet(self, item: Item) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        if isinstance(item, Drain):
            self.drain()
            self._missing_in_zip()
            return
        if isinstance(item, Spare | Found | Outcome):
            self.met.add(_shown(item).casefold())
        state = None
        if isinstance(item, Found):
            state = _state(item)
            known = self._unchanged(item, state)
            if known is None:
                if state is not None and not self.dry_run:
                    self._wait_for_room(self._to_copy(item, state))
                link = self._may_link(item, state)
                self.crew.submit(
                    Task(self.rooms.layout.root, item.path, dry_run=self.dry_run, link=link, bag=item.bag)
                )
            else:
                item = known
        self.line.append((item, state))
        while self.line and (len(self.line) > _BATCH or self._is_ready(self.line[0][0])):
            self._serve()

    def _wait_for_room(self, size: int) -> None:
        """Where what is under way may fill the disk, nothing more is begun until it is done. Raises ``NoRoom``."""
        root = self.rooms.layout.root
        while self.line and self.under_way + size + disk.SPARE > disk.free(root):
            self._serve()
        disk.check_room(root, size)
        self.under_way += size

    def _may_link(self, found: Found, state: os.stat_result | None) -> bool:
        if not self.link or found.in_zip or state is None:
            return False
        return state.st_dev == self.disk and is_ours(state)

    def _to_copy(self, found: Found, state: os.stat_result | None) -> int:
        return 0 if state is None or self._may_link(found, state) else state.st_size

    def _is_ready(self, item: Item) -> bool:
        return self.crew.ready if isinstance(item, Found) else True

    def drain(self) -> None:
        while self.line:
            self._serve()

    def finish_begun(self) -> None:
        """At an interruption: what workers have stored or are storing is still written down, the rest let go."""
        self.crew.cancel()
        while self.line and not self.untold:
            item, state = self.line.popleft()
            if not isinstance(item, Found):
                continue
            try:
                gathered = self.crew.next()
            except CaseArchiveError:
                continue  # there was no room for it
            if gathered is not CANCELLED and not (gathered.held and not self._indexed(gathered.sha256)):
                self._receive(item, state, gathered)

    def _serve(self) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        item, state = self.line.popleft()
        if isinstance(item, Outcome):
            if item.reason != "bag-missing" or item.path.casefold() not in self.gone:
                self._settle(item)
        elif isinstance(item, Found):
            gathered = self.crew.next()
            self.under_way -= self._to_copy(item, state)
            self._receive(item, state, gathered)
        elif isinstance(item, CaseFolder):
            self.commit()
            self._settle(_at_the_border(item.record.shown, partial(self._case, item)))
        elif isinstance(item, TeachingFile):
            self.commit()
            self._settle(_at_the_border(item.record.shown, partial(self._teaching_file, item)))
        elif isinstance(item, Spare) and item.found.shown not in self.needed:
            self._settle(another_form(item.found))
        if len(self.batch) >= _BATCH or time.monotonic() - self.committed > _PAUSE:
            self.commit()

    def _unchanged(self, found: Found, state: os.stat_result | None) -> Outcome | None:
        """Known by path, size and time, without reading it again."""
        if self.rehash or found.in_zip or state is None or not found.bag.free:
            return None
        source = self.sources.same(found.path, state)
        if source is None or not self.rooms.store.has(source.sha256):
            return None
        if bags.differs(found.bag, found.path, source.sha256):
            return None
        return self._known(found, source.sha256, source.known)

    def knows(self, path: Path, state: os.stat_result) -> bool:
        """Whether what lies there was taken as it is, when it had this size and time."""
        return not self.rehash and self.sources.same(path, state) is not None

    def _known(self, found: Found, sha256: str, before: read.Known | None = None) -> Outcome:
        before = before or read.known(self.connection, sha256)
        if before is None:  # of this batch
            kind, uid = self.new.get(sha256, ("other", ""))
        else:
            kind, uid = before.kind, before.sop_instance_uid
        self._remember(found, sha256, before)
        case = before.case if before else None
        return Outcome(found.shown, "known", kind, sha256, case, uid or None, notes=found.bag.notes)

    def _receive(self, found: Found, state: os.stat_result | None, gathered: Gathered) -> None:
        if gathered.held and not self._indexed(gathered.sha256):
            # its bytes are kept but the index never heard of them: a run that was cut off
            gathered = self.crew.ask(Task(self.rooms.layout.root, None, gathered.sha256, self.dry_run))
        if gathered.reason:
            self._settle(_refused(found, gathered))
            self._missing_on_medium(found, gathered.on_medium)
            return
        if gathered.held or self._indexed(gathered.sha256):
            self._settle(self._known(found, gathered.sha256), found, None, state, gathered.sha256)
            return
        gathered = filing.with_claims(gathered, found.name)
        facts = gathered.facts
        assert facts is not None
        uid = facts.instance.sop_instance_uid
        self.new[gathered.sha256] = (facts.kind, uid)
        notes = (*facts.notes, *found.bag.notes)
        first = self.uids.setdefault(uid, gathered.sha256)
        if first != gathered.sha256 or read.others_with_uid(self.connection, uid, gathered.sha256):
            notes = (*notes, "same-uid: another file with this SOP Instance UID is held too; both are kept")
        if any(e.event == truth.FILE_REMOVED for e in read.events(self.connection, subject=gathered.sha256)):
            notes = (*notes, "removed-before: it was removed from this archive once, and is taken again now")
        reason = "no-picture" if facts.instance.frames < 1 and facts.kind == "dicom" else None
        outcome = Outcome(
            found.shown, "added", facts.kind, gathered.sha256, None, uid, reason, "", tuple(notes)
        )
        self.taken[composed(found.shown)] = Taken(
            gathered.sha256, found.name, facts.instance.frames, facts.instance.columns, facts.instance.rows
        )
        self._settle(outcome, found, gathered, state, gathered.sha256)
        if may_tell(facts.instance.sop_class_uid):
            self.papers[gathered.sha256] = documents.Met(found.shown, gathered.paper)

    def _missing_on_medium(self, dicomdir: Found, named: tuple[tuple[str, ...], ...]) -> None:
        """One line for each file that the index of a disc names and that is not there."""
        lines = []
        looked = discs.Looked()
        for parts in named:
            shown = f"{dicomdir.shown[: -len(dicomdir.name)]}{printable('/'.join(parts))}"
            if not all(discs.plain_name(part) for part in parts):
                why = "the disc's index names a place outside the disc; nobody looked there"
                lines.append(Outcome(shown, "failed", reason="unsafe-name", message=why))
            elif dicomdir.in_zip:
                self.named_in_zip.append(shown)
            elif not looked.is_there(dicomdir.path.parent, parts):
                self.gone.add(shown.casefold())
                lines.append(discs.missing(shown))
        self._settle_some(lines, dicomdir.shown)

    def _missing_in_zip(self) -> None:
        named, self.named_in_zip = self.named_in_zip, []
        gone = [n for n in named if not {n.casefold(), f"{n}.dcm".casefold()} & self.met]
        if gone:
            self._settle_some([discs.missing(shown) for shown in gone], gone[0].partition("!")[0])

    def _settle_some(self, lines: list[Outcome], index: str) -> None:
        """As many lines as somebody may read; an index can name a hundred thousand files that never were."""
        for line in lines[: bags.MOST_NAMED]:
            self._settle(line)
        if more := lines[bags.MOST_NAMED :]:
            why = f"{len(more)} more files that it names are not there"
            self._settle(Outcome(f"{index} …", "failed", reason=more[0].reason, message=why))

    def _indexed(self, sha256: str) -> bool:
        return sha256 in self.new or read.kind_and_uid(self.connection, sha256) is not None

    def _remember(self, found: Found, sha256: str, before: read.Known | None) -> None:
        if sha256 in self.new:
            first = next(t for t in self.taken.values() if t.sha256 == sha256)
            self.taken[composed(found.shown)] = replace(first, name=found.name)
            return
        if before is not None:
            self.taken[composed(found.shown)] = Taken(
                sha256, found.name, before.frames, before.columns, before.rows
            )
            if may_tell(before.sop_class_uid):
                self.papers.setdefault(sha256, documents.Met(found.shown))

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
            self.linked += gathered.linked
            self.progress.bytes += gathered.size
        self.progress.done += 1
        self.progress.tell(self.progress)

    def commit(self) -> None:
        """The names of the bytes, the ledger, the index in one transaction, the report: nothing is told too early."""
        batch, self.batch = self.batch, []
        self.committed = time.monotonic()
        if not batch or self.untold:
            return
        if not self.dry_run:
            added = [(o, f, g, s) for o, f, g, s in batch if g is not None and f is not None]
            lines = [
                ("ingested", g.sha256, {"name": f.name, "bytes": g.size, "kind": o.kind} | _told_of(g))
                for o, f, g, _ in added
            ]
            sources = [
                (place(seen.path), state.st_size, state.st_mtime_ns, outcome.sha256)
                for outcome, seen, _, state in batch
                if seen is not None and state is not None and outcome.sha256 and not seen.in_zip
            ]
            self.untold = True
            self.rooms.store.confirm(*(g.sha256 for _, _, g, _ in added))
            events = self.rooms.ledger.append(lines) if lines else ()
            if added or sources:
                with index.transaction(self.connection):
                    filing.put_files(self.rooms, self.connection, ((g, f.name) for _, f, g, _ in added))
                    write.add_sources(self.connection, sources)
                    write.add_events(self.connection, events)
            self.untold = False
            self.new.clear()
        for outcome, *_ in batch:
            self.report(outcome)
        now = self.opened()
        if now is not self.connection:
            self.connection, self.sources = now, Sources(now)

    # ------------------------------------------------------------------------------------------- cases

    def _case(self, folder: CaseFolder) -> Outcome:
        shown = folder.record.shown
        slug = slug_of(folder.record)
        try:
            with folder.record.path.open("rb") as file:
                raw = file.read(_LARGEST_RECORD + 1)
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return _not_taken(shown, slug, "record-invalid", f"{shown}:1: it is not UTF-8 text")
        except OSError as error:
            return _not_taken(shown, slug, "unreadable", error.strerror or type(error).__name__)
        if len(raw) > _LARGEST_RECORD:
            why = f"{shown}:1: a case file is never larger than {_LARGEST_RECORD >> 20} MiB"
            return _not_taken(shown, slug, "record-invalid", why)
        if wrong := bags.differs(folder.record.bag, raw):
            return _not_taken(shown, slug, "bag-differs", wrong)
        taken = self._taken_beside(folder)
        try:
            case, stored = archived(text, slug=slug, file=shown, taken=taken, held=self._held)
        except RecordError as error:
            return _not_taken(shown, slug, "record-invalid", str(error))
        except MediaMissing as missing:
            why = str(missing.problem)
            return _not_taken(shown, slug, "media-missing", why)
        return self._store_case(case, stored, text, shown)

    def _taken_beside(self, folder: CaseFolder | TeachingFile) -> dict[str, Taken]:
        """What was taken beside a record, by the name relative to it."""
        prefix = folder.record.shown[: -len(folder.record.name)]
        return {
            composed(below(prefix, m.shown)): self.taken[composed(m.shown)]
            for m in folder.members
            if composed(m.shown) in self.taken and m.shown.startswith(prefix)
        }

    def _teaching_file(self, paper: TeachingFile) -> Outcome:
        """A document of another system, by the road of a case file; a picture that is not there costs only itself."""
        shown, own = paper.record.shown, slug_of(paper.record)
        if not paper.alone:
            own = slugified(f"{own}-{paper.record.name.rpartition('.')[0]}")
        content = teachingfiles.content_of(paper.record.path)
        if content is None:
            why = "it cannot be read any more: check the medium"
            return _not_taken(shown, own, "unreadable", why)
        if wrong := bags.differs(paper.record.bag, content):
            return _not_taken(shown, own, "bag-differs", wrong)
        taken = self._taken_forms(paper)
        beside = teachingfiles.among(taken)
        there = teachingfiles.among({*taken, *(composed(name) for forms in paper.forms for name in forms)})
        try:
            told = mirc.read(
                content, lambda asked: beside(composed(asked)), lambda asked: there(composed(asked))
            ).told
            case = replace(told.case, slug=told.case.slug or own)
            text = record.dumps(case)
            case, stored = archived(text, slug=case.slug, file=shown, taken=taken, held=self._held)
        except (mirc.Refused, RecordError) as error:
            why = str(error) if isinstance(error, RecordError) else f"{shown}: {error}"
            return _not_taken(shown, own, "record-invalid", why)
        outcome = self._store_case(case, stored, text, shown)
        return replace(outcome, notes=(*told.notes, *outcome.notes))

    def _taken_forms(self, paper: TeachingFile) -> dict[str, Taken]:
        """What was taken beside a document; of a picture whose best form could not be taken, the next best now."""
        taken = self._taken_beside(paper)
        for forms in paper.forms:
            for name in forms:
                known = taken.get(composed(name)) or self._take_now(paper.spare.get(name))
                if known is not None:
                    taken[composed(name)] = known
                    break
        self.commit()
        return taken

    def _take_now(self, found: Found | None) -> Taken | None:
        """One file outside the order, once."""
        if found is None:
            return None
        if found.shown not in self.needed:
            self.needed.add(found.shown)
            state = _state(found)
            known = self._unchanged(found, state)
            if known is not None:
                self._settle(known)
            else:
                root = self.rooms.layout.root
                if state is not None and not self.dry_run:
                    disk.check_room(root, self._to_copy(found, state))
                link = self._may_link(found, state)
                task = Task(root, found.path, dry_run=self.dry_run, link=link, bag=found.bag)
                self._receive(found, state, self.crew.ask(task))
        return self.taken.get(composed(found.shown))

    def _held(self, sha256: str) -> Taken | None:
        detail = read.detail(self.connection, sha256)
        if detail is None:
            return next((t for t in self.taken.values() if t.sha256 == sha256), None)
        instance = detail.facts.instance
        return Taken(sha256, detail.held.name, instance.frames, instance.columns, instance.rows)

    def take_documents(self) -> None:
        """Cases that manifests and reports tell of, when all that they point to has been met."""
        self.commit()
        desk = documents.Desk(self.rooms, self.connection, self.papers, self._new_with_uid)
        for meant in desk.meant():
            if isinstance(meant, Outcome):
                self._settle(meant)
                continue
            self._settle(_at_the_border(meant.shown, partial(self._told_by_documents, meant)))
        self.commit()
        if desk.telling and not self.dry_run:  # only now it was heard
            with index.transaction(self.connection):
                for what, sha256 in desk.telling.items():
                    write.add_told(self.connection, what, sha256)

    def _told_by_documents(self, meant: documents.Meant) -> Outcome:
        case, text = meant.case, record.dumps(meant.case)
        places = record.Places(text, f"cases/{case.slug}.toml")
        outcome = self._store_case(case, text, meant.made_of, meant.shown, places=places, origin=meant.origin)
        return documents.told(outcome, meant)

    def _new_with_uid(self, uid: str) -> Taken | None:
        """What this run has taken under a SOP Instance UID; in a dry run nothing else knows."""
        sha256 = self.uids.get(uid)
        return next((t for t in self.taken.values() if t.sha256 == sha256), None) if sha256 else None

    def _store_case(
        self,
        case: Case,
        stored: str,
        source: str,
        shown: str,
        *,
        places: record.Places | None = None,
        origin: str = "",
    ) -> Outcome:
        """``origin`` is what the ledger calls the source, ``places`` say where notes stand (both: ``shown``)."""
        digest = _sha(stored)
        path = self.rooms.layout.record(case.slug)
        places = places or record.Places(source, shown)
        notes = tuple(
            str(p)
            for p in (
                *(places.problem(u.path, str(u), "missing") for u in record.unknown_words(case)),
                *doubts(self.connection, case, places, of_case(case).disputes),
            )
        )
        before = path.read_text("utf-8") if path.exists() else None
        if before == stored:
            known = {self._noted(case.slug), read.record_hash(self.connection, case.slug)}
            if not self.dry_run and known != {digest}:  # somebody put it there by hand
                self._note_case(case, stored, source, origin or shown)
            return Outcome(shown, "known", "case", digest, case.slug, None, None, "", notes)
        if before is not None:
            last, from_here = self._last_ingested(case.slug, origin or shown)
            if _sha(source) in (last.get("source_sha256"), from_here.get("source_sha256")):
                return Outcome(shown, "known", "case", _sha(before), case.slug)
            if last.get("record_sha256") != _sha(before) or not _same_case(
                case, before, origin or shown, last
            ):
                why = (
                    f"the archive's own record of {case.slug} is not the one taken from here; it was left as it is. "
                    "Rename this folder if it is another case, else bring the record up to date with: "
                    f"casearchive edit {case.slug}"
                )
                return _not_taken(shown, case.slug, "record-conflict", why)
            notes = ("the record was brought up to date", *notes)
        if not self.dry_run:
            self._note_case(case, stored, source, origin or shown)
        self.cases += 1
        return Outcome(shown, "added", "case", digest, case.slug, None, None, "", notes)

    def _last_ingested(self, slug: str, source: str) -> tuple[dict[str, object], dict[str, object]]:
        """What the ledger says of the case as it was last taken, and as it was last taken from ``source``: the same
        case may lie there in another format, too."""
        events = read.events(self.connection, subject=slug)
        taken = [e.details for e in events if e.event == "case-ingested"]
        here = [details for details in taken if details.get("source") == source]
        return (taken or [{}])[-1], (here or [{}])[-1]

    def _noted(self, slug: str) -> object:
        """The hash of the record as the ledger last noted it."""
        events = read.events(self.connection, subject=slug)
        return next(
            (e.details["record_sha256"] for e in reversed(events) if "record_sha256" in e.details), None
        )

    def _note_case(self, case: Case, stored: str, source: str, shown: str) -> None:
        details: dict[str, object] = {"source": shown, "source_sha256": _sha(source)}
        drafts.save(self.rooms, self.connection, case, stored, "case-ingested", details)

    def put_all_into(self, slug: str) -> None:
        """``--case``: a draft from the headers where there is no such case, else more media for it."""
        self.commit()
        if self.dry_run:
            return
        hashes = list(dict.fromkeys(t.sha256 for t in self.taken.values()))
        if drafts.add_media(self.rooms, self.connection, slug, hashes):
            self.cases += 1


def _not_taken(shown: str, slug: str | None, reason: str, why: str) -> Outcome:
    """A record or document that did not become a case."""
    return Outcome(shown, "failed", "case", None, slug, None, reason, why)


def _at_the_border(shown: str, work: Callable[[], Outcome]) -> Outcome:
    """What becomes of words that a stranger wrote: an error of ours in reading them costs their case, not the run."""
    try:
        return work()
    except (OSError, sqlite3.Error, CaseArchiveError):
        raise  # the archive itself cannot go on
    except Exception as error:  # noqa: BLE001 as for files; the kind of error is reported, never what was read
        why = f"{type(error).__name__} while reading it"
        return Outcome(shown, "failed", "case", reason="internal-error", message=why)


def _same_case(case: Case, before: str, shown: str, last: Mapping[str, object]) -> bool:
    """Is this the case that the archive's record ``before`` tells of, or another in a folder of the same name?"""
    try:
        known = record.loads(before, slug=case.slug, file=f"cases/{case.slug}.toml")
    except RecordError:
        return False
    mine, theirs = ({m.sha256 for m in c.media if m.sha256} for c in (case, known))
    if mine & theirs:
        return True
    return last.get("source") == shown and (case.title == known.title or not (mine and theirs))


def _shown(item: Spare | Found | Outcome) -> str:
    """What the report calls it."""
    if isinstance(item, Outcome):
        return item.path
    return item.found.shown if isinstance(item, Spare) else item.shown


def slug_of(found: Found) -> str:
    """A slug from the name of the folder (or zip) that the case file lies in."""
    folder = bags.named(found.folder) if found.bag.bagged else found.folder
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
    if gathered.reason == "not-an-image" and PICTURE_SUFFIX.search(found.name):
        harmless = False  # its name promised a picture
    word = "skipped" if harmless else "failed"
    return Outcome(
        found.shown, word, "other", gathered.sha256 or None, None, None, gathered.reason, gathered.message
    )


def _told_of(gathered: Gathered) -> dict[str, object]:
    """What the ledger says beside the plain facts."""
    return {"linked": True} if gathered.linked else {}


def _state(found: Found) -> os.stat_result | None:
    try:
        return found.state or found.path.stat(follow_symlinks=False)
    except OSError:
        return None


def below(prefix: str, shown: str, separator: str = os.sep) -> str:
    """The name that a record has for a file below ``prefix``: with ``/``, whatever this system puts between."""
    return shown[len(prefix) :].replace(separator, "/")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
