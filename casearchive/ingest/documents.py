"""Cases that DICOM documents tell of: manifests of teaching files with their words and reports, or reports alone.

Documents and pictures come in any order and in several runs, so this looks at the end of a run, at what was added or
met again, and finds the rest in the archive by SOP Instance UID. Only documents that say they are for teaching, and
reports and drawings on ultrasound that no case has yet, become cases; what scanners and PACS write beside pictures does
not, and the record of an author is never changed.
"""

from __future__ import annotations

import hashlib
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from casearchive.importers import drawn, measurements, teachingfile
from casearchive.importers._places import Pictured
from casearchive.index import read
from casearchive.ingest import drafts
from casearchive.ingest.records import Taken
from casearchive.model import Case, Media, Outcome, Paper, Patient
from casearchive.readers._paper import SELECTION, may_tell, paper
from casearchive.rooms import Rooms

_ULTRASOUND = ("US", "IVUS")


@dataclass(frozen=True, slots=True)
class Met:
    """A document of this run: what the report calls it, and what it says where nothing was stored (a dry run)."""

    shown: str
    paper: Paper | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """A case that documents tell of. ``origin`` is how the ledger knows its source again, ``made_of`` what it was made
    of, by which an unchanged source is known. ``shown`` is what the report calls it."""

    case: Case
    origin: str
    made_of: str
    shown: str
    notes: tuple[str, ...]


def told(outcome: Outcome, meant: Meant) -> Outcome:
    """What became of the case, with what a person should know; a conflict in the words of documents."""
    if outcome.reason == "record-conflict":
        slug = meant.case.slug
        why = (
            f"the archive's own record of {slug} was changed since it was taken from here; it was left as it is. "
            f"To take the findings of a report into it: casearchive annotate {slug} --from FILE"
        )
        return replace(outcome, message=why)
    return replace(outcome, notes=(*outcome.notes, *meant.notes))


@dataclass(frozen=True, slots=True)
class _Planned:
    """A case of this run: what it says beside what its pictures show, and whose pictures they are."""

    words: Case
    patients: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Document:
    sha256: str
    shown: str
    paper: Paper

    @property
    def uid(self) -> str:
        return self.paper.sop_instance_uid


@dataclass
class Desk:
    """The documents of one run. ``met`` are by hash, ``new`` tells what the run has taken under a UID. ``telling`` are
    hashes of what is said anew of documents that make no case, each with its document: to be kept when it was heard."""

    rooms: Rooms
    connection: sqlite3.Connection
    met: Mapping[str, Met]
    new: Callable[[str], Taken | None]
    telling: dict[str, str] = field(default_factory=dict)
    _opened: dict[str, Paper | None] = field(default_factory=dict)
    _planned: dict[str, _Planned] = field(default_factory=dict)

    def meant(self) -> Iterator[Meant | Outcome]:
        """Each case, and a line for each document whose case cannot be made or changed. Lazily: the name of a case
        depends on those that were stored before it."""
        documents = {d.uid: d for d in self._of_this_run() if d.uid}
        claimed: set[str] = set()
        for group in self._groups(documents):
            claimed.update(d.uid for d in group)
            yield from self._case_of(group)
        by_study: dict[str, list[_Document]] = {}
        for document in documents.values():
            if document.uid not in claimed and not teachingfile.is_manifest(document.paper):
                by_study.setdefault(document.paper.study_instance_uid, []).append(document)
        for strays in by_study.values():
            yield from self._stray(strays)

    # ---------------------------------------------------------------------------------------------- documents

    def _of_this_run(self) -> Iterator[_Document]:
        for sha256, met in self.met.items():
            found = met.paper or self._paper(sha256)
            if found is not None and teachingfile.tells(found):
                yield _Document(sha256, met.shown, found)

    def _paper(self, sha256: str) -> Paper | None:
        if sha256 not in self._opened:
            there = self.rooms.store.has(sha256)
            self._opened[sha256] = paper(self.rooms.store.path(sha256)) if there else None
        return self._opened[sha256]

    def _held(self, uid: str, shown: str) -> _Document | None:
        """A document that the archive holds from before; not one that says nothing here."""
        for sha256 in read.with_uid(self.connection, uid):
            detail = read.detail(self.connection, sha256)
            if detail is None or not may_tell(detail.facts.instance.sop_class_uid):
                continue
            found = self._paper(sha256)
            if found is not None and teachingfile.tells(found):
                return _Document(sha256, shown, found)
        return None

    def _groups(self, documents: Mapping[str, _Document]) -> Iterator[list[_Document]]:
        """The manifests that say the same, with the documents that they name: one case each."""
        manifests = {d.uid: d for d in self._manifests(documents)}
        left = sorted(manifests)
        while left:
            waiting, group = [left[0]], {}
            while waiting:
                uid = waiting.pop()
                one = manifests.get(uid) or self._held(uid, manifests[left[0]].shown)
                if uid in group or one is None or not teachingfile.is_manifest(one.paper):
                    continue
                group[uid] = one
                waiting += one.paper.identical
                waiting += [u for u, other in manifests.items() if uid in other.paper.identical]
            left = [uid for uid in left if uid not in group]
            chosen = [group[uid] for uid in sorted(group)]
            named = dict.fromkeys(uid for one in chosen for uid in teachingfile.names(one.paper))
            others = [
                d for uid in named if uid not in group and (d := documents.get(uid) or self._held(uid, ""))
            ]
            yield [*chosen, *(d for d in others if not teachingfile.is_manifest(d.paper))]

    def _manifests(self, documents: Mapping[str, _Document]) -> Iterator[_Document]:
        """Those of this run, and those from before that name a document of this run, as far as its study has them."""
        asked: set[str] = set()
        for document in documents.values():
            if teachingfile.is_manifest(document.paper):
                yield document
                continue
            for sha256 in read.of_class(self.connection, document.paper.study_instance_uid, SELECTION):
                found = self._paper(sha256) if sha256 not in asked else None
                if (
                    found is None
                    or found.sop_instance_uid in documents
                    or not teachingfile.is_manifest(found)
                ):
                    continue
                if document.uid in teachingfile.names(found):
                    asked.add(sha256)
                    yield _Document(sha256, document.shown, found)

    # ------------------------------------------------------------------------------------------------- cases

    def _case_of(self, group: Sequence[_Document]) -> Iterator[Meant | Outcome]:
        pictures, missing = self._pictures(group)
        shown = next(d.shown for d in group)
        if not pictures:
            what = "the picture" if missing == 1 else f"none of the {missing} pictures"
            why = (
                f"{what} that this manifest of a teaching case names {'is not' if missing == 1 else 'is'} here: "
                "ingest what it names, then this file again"
                if missing
                else "this manifest of a teaching case names no pictures"
            )
            yield Outcome(_line(shown), "skipped", "case", reason="media-missing", message=why)
            return
        notes = []
        if missing:
            are = "is" if missing == 1 else "are"
            notes.append(
                f"{missing} of the objects that the manifest names {are} not here; ingest them, then this again"
            )
        yield self._meant(group, pictures, shown, notes)

    def _stray(self, strays: Sequence[_Document]) -> Iterator[Meant | Outcome]:
        """Reports and drawings of one study that no manifest names."""
        pictures, _ = self._pictures(strays)
        pictures = {uid: taken for uid, taken in pictures.items() if self._is_ultrasound(taken.sha256)}
        if not pictures:
            return
        known = read.case_from(self.connection, [_origin(d.uid) for d in strays])
        cases = dict.fromkeys(
            c for taken in pictures.values() for c in read.cases_of(self.connection, taken.sha256)
        )
        if known or not cases:
            yield self._meant(strays, pictures, strays[0].shown, [])
            return
        for document in strays:
            mine = [c for c in cases if self._shows(document, c)]
            if not mine:
                continue
            what = self._now(document, mine)
            before = read.was_told(self.connection, document.sha256, what)
            if not before:
                self.telling[what] = document.sha256
            yield Outcome(
                _line(document.shown),
                "known",
                "case",
                case=mine[0],
                reason="told-before" if before else None,
                notes=tuple(_for_case(document, c) for c in mine),
            )

    def _now(self, document: _Document, cases: Sequence[str]) -> str:
        """A document, the pictures of it that are here, and the cases that have them, as one hash."""
        uids = teachingfile.names(document.paper)
        here = {sha256 for uid in uids for sha256 in read.with_uid(self.connection, uid)}
        return hashlib.sha256(" ".join((document.sha256, *sorted(here), *sorted(cases))).encode()).hexdigest()

    def _shows(self, document: _Document, case: str) -> bool:
        here = set(read.media_of(self.connection, case))
        uids = teachingfile.names(document.paper)
        return any(sha256 in here for uid in uids for sha256 in read.with_uid(self.connection, uid))

    def _meant(
        self, group: Sequence[_Document], taken: Mapping[str, Taken], shown: str, notes: Sequence[str]
    ) -> Meant:
        pictures, details = {}, []
        for number, (uid, one) in enumerate(taken.items(), start=1):
            detail = read.detail(self.connection, one.sha256)
            media = Media(f"M{number}", sha256=one.sha256, name=one.name)
            if detail is not None:
                details.append(detail)
                media = drafts.media_of(detail, media.id)
            pictures[uid] = Pictured(media, one.frames, one.columns, one.rows)
        papers = [d.paper for d in group]
        known = read.case_from(self.connection, [_origin(d.uid) for d in group])
        answer = teachingfile.told(papers, pictures, known or "teaching-file")
        case, more = answer.case, list(notes)
        planned = _Planned(
            replace(case, slug="", patient=Patient(), media=(), findings=(), measurements=()),
            frozenset(detail.subject_key for detail in details),
        )
        if not known:
            slug, wanted = self._free_slug(case.title)
            case = replace(case, slug=slug)
            if slug != wanted:
                more.append(f"another case is called {wanted}: this one is {slug}")
            more += [
                f"it has the words of the case {other} and shows another patient: DICOM keeps patients apart, so "
                "both may have been one case"
                for other, one in self._planned.items()
                if one.words == planned.words and one.patients and planned.patients.isdisjoint(one.patients)
            ]
        if case.patient == Patient():
            case = replace(case, patient=drafts.patient_of(details))
        self._planned[case.slug] = planned
        made_of = [d.sha256 for d in group] + [t.sha256 for t in taken.values()]
        return Meant(
            case,
            _origin(group[0].uid),
            hashlib.sha256(" ".join(sorted(made_of)).encode()).hexdigest(),
            _line(shown),
            (*more, *answer.notes),
        )

    def _free_slug(self, title: str) -> tuple[str, str]:
        """A name for a new case that no other has, and the one it would have had."""
        from casearchive.ingest.run import slugified

        wanted = slug = slugified(title)
        number = 2
        while slug in self._planned or self.rooms.layout.record(slug).exists():
            slug = f"{wanted[:74].rstrip('-')}-{number}"
            number += 1
        return slug, wanted

    # ---------------------------------------------------------------------------------------------- pictures

    def _pictures(self, group: Sequence[_Document]) -> tuple[dict[str, Taken], int]:
        """What is named and here, by UID in the order of the case; and how many objects that are named are not here."""
        mine = {d.uid for d in group}
        found: dict[str, Taken] = {}
        missing = 0
        for uid in teachingfile.order([d.paper for d in group]):
            if uid in mine:
                continue
            taken = self._taken(uid)
            if taken is None:
                missing += 1
            elif taken.frames > 0:
                found[uid] = taken
        return found, missing

    def _taken(self, uid: str) -> Taken | None:
        for sha256 in read.with_uid(self.connection, uid):
            detail = read.detail(self.connection, sha256)
            if detail is not None:
                instance = detail.facts.instance
                return Taken(sha256, detail.held.name, instance.frames, instance.columns, instance.rows)
        return self.new(uid)

    def _is_ultrasound(self, sha256: str) -> bool:
        """What a dry run has not stored is not known to be anything else."""
        detail = read.detail(self.connection, sha256)
        return detail is None or detail.facts.series.modality in _ULTRASOUND


def _line(shown: str) -> str:
    """What the report calls the case in a document, which has a line of its own."""
    return f"{shown}!case"


def _origin(uid: str) -> str:
    """How the ledger calls a document that a case came from."""
    return f"dicom:{uid}"


def _for_case(document: _Document, case: str) -> str:
    if measurements.is_report(document.paper):
        return (
            f"it has findings for pictures of the case {case}, whose record was left as it is; to take them: "
            f"casearchive annotate {case} --from {shlex.quote(document.shown)}"
        )
    what = "draws on" if drawn.draws(document.paper) else "tells of"
    return f"it {what} pictures of the case {case}, whose record was left as it is"
