"""The front door: class ``Archive``, the whole public API; a method a verb.

Whatever a method needs is loaded when it is called: opening and searching stay quick.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from casearchive import disk, settings
from casearchive.errors import (
    ArchiveTooNew,
    CaseArchiveError,
    NotFound,
    Problem,
    RecordError,
    ReviewNeeded,
    UsageError,
)
from casearchive.frozen import dataclass
from casearchive.settings import Layout
from casearchive.views import SLUG, CaseView, FileView, Views

if TYPE_CHECKING:
    from sqlite3 import Connection

    from casearchive.backup import BackedUp, Restored
    from casearchive.choosing import Choosing
    from casearchive.editing import Editing
    from casearchive.evidence import Drawn
    from casearchive.findings import Annotated, Imported
    from casearchive.index.coverage import Row
    from casearchive.index.hits import Hit, Results
    from casearchive.index.read import EventRow, Held
    from casearchive.ingest.run import Progress, Summary
    from casearchive.likeness import Likeness
    from casearchive.measure import Measured, Unmeasurable
    from casearchive.model import Case, Outcome, TeachingSetRecord
    from casearchive.record.annotating import Annotation
    from casearchive.reidentify import Known
    from casearchive.reindexing import Rebuilt
    from casearchive.release import Release
    from casearchive.removing import Removal
    from casearchive.repair import Plan
    from casearchive.rereading import Reread
    from casearchive.reviewing import Reviewable
    from casearchive.rooms import Rooms
    from casearchive.syllabus import Topic
    from casearchive.teaching import Withheld
    from casearchive.terms import Lexicon
    from casearchive.verify import Verdict
    from casearchive.vocabulary import Entry


@dataclass(frozen=True)
class Linted:
    slug: str
    score: int
    problems: tuple[Problem, ...]


#: Methods that have something to say of an index that a newer casearchive wrote; all others refuse the archive.
_MENDING = frozenset({"plan_repair", "repair", "verify"})
#: Methods that never ask the index, or make it anew.
_WITHOUT_INDEX = frozenset({"check_terms", "export_findings", "record_text", "reindex"})


def _prepared(cls: type[Archive]) -> type[Archive]:
    """Whatever an archive is asked, its index is brought up to date first, and it answers in its own vocabulary
    (``terms.toml``), if it has one."""
    for name, function in list(vars(cls).items()):
        if not name.startswith("_") and isinstance(function, FunctionType):
            setattr(cls, name, _spoken(function))
    return cls


def _spoken(function: FunctionType) -> Callable[..., Any]:
    @wraps(function)
    def call(self: Archive, *args: Any, **kwargs: Any) -> Any:
        if function.__name__ not in _WITHOUT_INDEX:
            self._bring_up_to_date(may_be_newer=function.__name__ in _MENDING)
        if not self._layout.terms.is_file():
            return function(self, *args, **kwargs)
        from casearchive.terms import speaking

        with speaking(self._terms()):
            found = function(self, *args, **kwargs)
        return _each(found, self._terms()) if isinstance(found, Iterator) else found

    return call


def _each(found: Iterator[Any], terms: Lexicon | None) -> Iterator[Any]:
    """What is made one by one, each in these terms; what the caller does in between is not."""
    from casearchive.terms import speaking

    nothing = object()
    while True:
        with speaking(terms):
            one = next(found, nothing)
        if one is nothing:
            return
        yield one


@_prepared
class Archive:
    """An archive on disk. Opening it reads ``archive.toml`` and nothing else.

    ``say`` hears what a person should know meanwhile (waiting for another writer …).
    """

    def __init__(self, layout: Layout, say: Callable[[str], None] = lambda _: None) -> None:
        self._layout, self._say = layout, say
        self._known_terms: tuple[int, Lexicon | None] | None = None
        self._is_up_to_date = False
        self._views = Views(layout)

    # ------------------------------------------------------------------------------------ opening

    @classmethod
    def create(cls, path: str | Path) -> Archive:
        """Make an empty archive. Raises ``CaseArchiveError`` where something stands there already."""
        from casearchive.founding import create

        return cls(create(Path(path)))

    @classmethod
    def open(cls, path: str | Path, say: Callable[[str], None] = lambda _: None) -> Archive:
        """Open the archive at ``path``. Raises ``NoArchive``, ``ArchiveTooNew`` or ``Damaged``."""
        layout = Layout(Path(path).absolute())
        settings.read(layout)
        return cls(layout, say)

    @classmethod
    def find(cls, start: str | Path = ".", say: Callable[[str], None] = lambda _: None) -> Archive:
        """Open the archive that ``start`` lies in. Raises ``NoArchive``."""
        return cls.open(settings.find(Path(start)).root, say)

    @property
    def path(self) -> Path:
        return self._layout.root

    def _terms(self) -> Lexicon | None:
        """The vocabulary with the clinic's own terms; without them, and a word about it, where they are wrong."""
        from casearchive.terms.clinic import extended

        state = self._layout.terms.stat()
        if self._known_terms is None or self._known_terms[0] != state.st_mtime_ns:
            try:
                spoken: Lexicon | None = extended(self._layout.terms, self._layout.cache)
            except RecordError as error:
                self._say(str(error))
                self._say("The clinic's own terms are not used until that is mended.")
                spoken = None
            self._known_terms = (state.st_mtime_ns, spoken)
        return self._known_terms[1]

    @property
    def terms(self) -> Lexicon | None:
        """The vocabulary with the clinic's own ``terms.toml``; ``None`` where there is none or it is wrong."""
        return self._terms() if self._layout.terms.is_file() else None

    def check_terms(self) -> int:
        """How many concepts the clinic adds or gives more names. Raises ``RecordError`` with what is wrong in
        ``terms.toml``."""
        from casearchive.terms.clinic import named

        return len(named(self._layout.terms)) if self._layout.terms.is_file() else 0

    # ------------------------------------------------------------------------------------ taking in

    def ingest(
        self,
        paths: Iterable[str | Path],
        *,
        case: str | None = None,
        workers: int | None = None,
        rehash: bool = False,
        dry_run: bool = False,
        link: bool = False,
        report: Callable[[Outcome], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> Summary:
        """Take files, folders, zips, discs and case folders; see ``casearchive.ingest.run.ingest``."""
        from casearchive.ingest.drafts import check_slug
        from casearchive.ingest.run import ingest

        if case is not None:
            check_slug(case)
        if disk.is_open_to_others(self.path):
            self._say(
                f"Others on this computer may look into the archive. To keep it yours: chmod -R go= {self.path}"
            )
        with self._writing() as rooms:
            return ingest(
                rooms,
                [Path(p) for p in paths],
                case=case,
                workers=workers,
                rehash=rehash,
                dry_run=dry_run,
                link=link,
                report=report,
                progress=progress,
                say=self._say,
            )

    def new(
        self, slug: str, *, query: str | None = None, media: Sequence[str] = (), dry_run: bool = False
    ) -> tuple[Case, str]:
        """Begin a case as a draft: from the files that match ``query``, from ``media`` (hashes), or empty.

        Returns the case and the text of its record. Raises ``UsageError`` where the slug is taken or bad, and
        ``NotFound`` where the query matches no file outside a case.
        """
        found = (lambda: self._choosing().loose(query)) if query is not None else tuple
        return self._editing().new(slug, found, media=media, dry_run=dry_run)

    def edit(self, slug: str, values: Mapping[str, str], *, dry_run: bool = False) -> str:
        """Change fields of a record (``status``, ``patient.age``, ``media.M2.key_frame`` …); returns its text.

        ``slug`` may also name a file, of which one thing can be set: its ``key_frame`` (empty takes it back), for
        wherever no case says otherwise. Raises ``RecordError`` where the record would not be valid any more, and
        ``UsageError`` for a frame that the file does not have; nothing is changed then.
        """
        return self._editing().set(slug, values, dry_run=dry_run)

    def replace_record(
        self, slug: str, text: str, *, before: str | None = None, dry_run: bool = False
    ) -> str:
        """Put ``text`` in the place of a record, which is ``before`` as far as its author knows.

        Raises ``RecordError``, and ``UsageError`` where somebody changed it meanwhile; nothing is changed then.
        """
        return self._editing().replace(slug, text, before=before, dry_run=dry_run)

    def annotate(
        self,
        slug: str,
        words: Sequence[str] = (),
        *,
        annotations: Sequence[Annotation] = (),
        remove: Sequence[str] = (),
        as_written: bool = False,
        dry_run: bool = False,
    ) -> Annotated:
        """Add, change and remove findings, measurements, evidence, priors and teaching points of a case.

        ``words`` are lines as a clinician would say them, ``remove`` names of what goes first (``F2``, ``F2/M1``,
        ``F2/gap@rest``, ``prior:1``, ``point:2``). ``as_written`` keeps words that the vocabulary does not know.
        Raises ``record.annotating.Refused`` with everything that cannot be written; nothing is written then.
        """
        from casearchive import findings

        with self._writing() as rooms:
            return findings.annotate(
                rooms,
                slug,
                self.record_text(slug),
                annotations,
                words=words,
                remove=remove,
                as_written=as_written,
                dry_run=dry_run,
            )

    def export_findings(self, slugs: Sequence[str] = (), *, json_lines: bool = False) -> str:
        """The findings of cases (of all where none is named) as a table (CSV) or as JSON lines."""
        from casearchive import record
        from casearchive.record import findings_file

        names = slugs or sorted(p.stem for p in self._layout.cases.glob("*.toml"))
        cases = [record.loads(self.record_text(s), slug=s, file=f"cases/{s}.toml") for s in names]
        return findings_file.to_json_lines(cases) if json_lines else findings_file.to_csv(cases)

    def import_findings(
        self,
        content: bytes,
        *,
        json_lines: bool = False,
        case: str = "",
        partial: bool = False,
        as_written: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Take the findings of a table or of JSON lines into their cases; ``case`` where the file names none.

        Where anything is not understood nothing is written, unless ``partial``. Raises ``UsageError`` for what is
        no such file.
        """
        from casearchive import findings
        from casearchive.record import findings_reading

        given, complaints = findings_reading.read(content, json_lines=json_lines, case=case)
        with self._writing() as rooms:
            return findings.take(
                rooms,
                self.record_text,
                given,
                complaints,
                partial=partial,
                as_written=as_written,
                dry_run=dry_run,
            )

    def import_report(
        self,
        file: str | Path,
        case: str,
        *,
        partial: bool = False,
        as_written: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Take the findings of a DICOM measurement report (PS3.16 TID 1500) on pictures of a case into it.

        Findings that the case has word for word are not added again. Raises ``UsageError`` for what is no such report,
        or one that points to none of the case's pictures.
        """
        from casearchive import findings

        with self._writing() as rooms:
            return findings.take_report(
                rooms,
                self.record_text,
                Path(file),
                case,
                partial=partial,
                as_written=as_written,
                dry_run=dry_run,
            )

    def lint(self, slugs: Sequence[str] = ()) -> tuple[Linted, ...]:
        """How complete cases are for teaching, and what is missing or not understood."""
        from casearchive import record

        found = []
        for slug in slugs or sorted(p.stem for p in self._layout.cases.glob("*.toml")):
            text = self.record_text(slug)
            file = f"cases/{slug}.toml"
            try:
                case = record.loads(text, slug=slug, file=file)
            except RecordError as error:
                found.append(Linted(slug, 0, error.problems))
                continue
            complete = record.completeness(case, text=text, file=file)
            places = record.Places(text, file)
            unknown = tuple(places.problem(u.path, str(u), "missing") for u in record.unknown_words(case))
            found.append(
                Linted(slug, complete.score, (*complete.missing, *unknown, *self._views.doubts(case, places)))
            )
        return tuple(found)

    # ------------------------------------------------------------------------------------ asking

    def search(
        self,
        query: str = "",
        *,
        limit: int = 20,
        sort: str = "relevance",
        include_absent: bool = False,
        exact: bool = False,
        facets: bool = True,
    ) -> Results:
        """Cases and loose files that match; ``exact`` takes every word as it is written, without kinds, parts or
        corrected spelling, ``facets`` says whether they are counted by what was found.

        Raises ``QueryError`` where the query cannot be read.
        """
        return self._search(
            query, limit=limit, sort=sort, include_absent=include_absent, exact=exact, facets=facets
        )

    def _search(
        self,
        query: str,
        *,
        limit: int,
        sort: str = "relevance",
        include_absent: bool = False,
        exact: bool = False,
        facets: bool = False,
        without: tuple[str, ...] = (),
    ) -> Results:
        from casearchive import index
        from casearchive.index.search import search
        from casearchive.query import parse
        from casearchive.terms import lexicon

        saved, sets = self._sets_behind(query, without)
        with index.reading(self._layout.index) as connection:
            alike = self._alike(connection)
            tree = parse(query, lexicon(), exact=exact, saved=saved, alike=alike, sets=sets)
            if index.speaks(connection) != lexicon().fingerprint:
                self._say(
                    "The vocabulary has changed since the index was made; make it again with: casearchive reindex"
                )
            return search(
                connection, tree, limit=limit, sort=sort, include_absent=include_absent, facets=facets
            )

    def _sets_behind(
        self, question: str, without: tuple[str, ...] = ()
    ) -> tuple[dict[str, str], list[str] | None]:
        """See ``teachingsets.searches``, which few questions need and which costs a fifth of a search to load."""
        if "set" not in question.lower():
            return {}, None
        from casearchive import teachingsets

        return teachingsets.searches(self._layout.sets, without)

    def _alike(self, connection: Connection) -> Callable[[str], list[tuple[str, float]] | None]:
        def alike(slug: str) -> list[tuple[str, float]] | None:
            from casearchive.index.similar import similar
            from casearchive.terms import lexicon

            with contextlib.suppress(NotFound):
                return [(one.case, one.score) for one in similar(connection, slug, lexicon(), limit=1000)]
            return None

        return alike

    def similar(
        self, case: str, *, limit: int = 10, without: str = "", same_side: bool = False
    ) -> tuple[Likeness, ...]:
        """Cases like ``case`` (a slug), the nearest first, with what they share and what differs.

        ``without`` names a finding that they must not have (cases for contrast). Raises ``NotFound`` for an unknown
        case, ``UsageError`` for a word that names no finding.
        """
        from casearchive import index
        from casearchive.index.similar import similar
        from casearchive.terms import ABNORMALITY_KINDS, lexicon

        barred = ""
        if without:
            concept = lexicon().resolve(without, ABNORMALITY_KINDS)
            if concept is None:
                near = lexicon().nearest(without, ABNORMALITY_KINDS)
                hint = f"Did you mean {' or '.join(near)}?" if near else "Name a finding, such as tear."
                raise UsageError(f"“{without}” is no finding of the vocabulary", hint=hint)
            barred = concept.id
        with index.reading(self._layout.index) as connection:
            return similar(connection, case, lexicon(), limit=limit, without=barred, same_side=same_side)

    def vocabulary(self, word: str) -> tuple[Entry, ...]:
        """What a word may mean, the likeliest first, and how many cases have it; empty where nobody knows it."""
        from casearchive import index, vocabulary
        from casearchive.index import read
        from casearchive.terms import lexicon

        found = vocabulary.entries(lexicon(), word)
        with index.reading(self._layout.index) as connection:
            return tuple(
                replace(e, cases=read.cases_with(connection, e.below | {e.concept.id})) for e in found
            )

    def list(self) -> tuple[Held, ...]:
        """Everything held, sorted by hash."""
        from casearchive import index
        from casearchive.index import read

        with index.reading(self._layout.index) as connection:
            return tuple(read.held(connection))

    def show(self, what: str, *, make: Sequence[str] = ()) -> CaseView | FileView:
        """A case (by slug), a clip of one (``CASE/M2``) or a file (by SHA-256, its first digits, or UID).

        ``make`` names pictures to be made where they are not there yet: ``preview`` (animated, for files of more
        than one frame), ``poster`` (the whole key frame). They are kept in the cache.
        """
        return self._views.show(what, make=make)

    def picture_of(self, hit: Hit) -> Path | None:
        """The thumbnail for a search hit, or None where there is none."""
        return self._views.picture_of(hit)

    def frames(self, what: str) -> bytes:
        """A contact sheet (PNG) of the clips of a case, or of one file: up to 12 frames of each, numbered."""
        return self._views.frames(what)

    def draw(self, what: str) -> Iterator[Drawn]:
        """The findings of a case, or of one of its clips (``CASE/M2``), drawn on the frames that show them.

        A picture for each finding and frame: evidence with frames is drawn on the key frame where that is one of
        them, else on the middle one. Raises ``NotFound``.
        """
        return self._views.draw(what)

    def measure(
        self,
        what: str,
        points: Sequence[tuple[float, float]],
        *,
        frame: int = 1,
        kind: str = "length",
        region: int | None = None,
    ) -> Measured | Unmeasurable:
        """Measure a picture: a file (SHA-256, its first digits, or UID) or a clip of a case (``CASE/M1``).

        ``points`` are (x, y) in stored pixels, (0, 0) the centre of the top left one; ``kind`` is one of
        ``choices.MEASURES``; ``region`` names an ultrasound region from 1 where another than the obvious one is
        meant. Raises ``NotFound``, or ``UsageError`` for a kind or a frame that there is not.
        """
        return self._views.measure(what, points, frame=frame, kind=kind, region=region)

    def record_text(self, slug: str) -> str:
        """The record of a case, as its author wrote it. Raises ``NotFound``."""
        return self._views.record_text(slug)

    def coverage(self, by: Sequence[str] = ()) -> dict[str, tuple[Row, ...]]:
        """What the cases show and lack, by each of ``by`` (all of ``index.coverage.BY``): rows as a tree.

        Raises ``UsageError`` for another way of counting.
        """
        from casearchive import index
        from casearchive.index.coverage import BY, coverage

        if unknown := [name for name in by if name not in BY]:
            raise UsageError(
                f"cases are not counted by “{unknown[0]}”", hint=f"They are by: {', '.join(BY)}."
            )
        with index.reading(self._layout.index) as connection:
            return coverage(connection, by or BY)

    def syllabus(self, content: bytes, *, file: str = "") -> tuple[Topic, ...]:
        """What the collection holds of each line of a syllabus (a text; see ``casearchive.syllabus``).

        Raises ``UsageError`` naming every line that cannot be asked.
        """
        from casearchive import index, syllabus
        from casearchive.index.search import search
        from casearchive.query import parse
        from casearchive.terms import lexicon

        saved, sets = self._sets_behind(content.decode("utf-8", "replace"))
        with index.reading(self._layout.index) as connection:
            alike = self._alike(connection)
            lines = syllabus.read(
                content, lambda text: parse(text, lexicon(), saved=saved, alike=alike, sets=sets), file=file
            )
            return syllabus.compared(lines, lambda query: search(connection, query, limit=5, facets=False))

    def stats(self) -> dict[str, Any]:
        """Totals and tallies of what the collection holds."""
        from casearchive import index
        from casearchive.index import read

        with index.reading(self._layout.index) as connection:
            return read.counts(connection)

    def log(self, subject: str = "", *, limit: int = 0) -> tuple[EventRow, ...]:
        """The ledger, oldest first: everything, or what happened to one case (its exports, too), file or set."""
        from casearchive import index
        from casearchive.index import read

        with index.reading(self._layout.index) as connection:
            if (subject and not SLUG.fullmatch(subject)) or len(subject) == 64:
                subject = next(iter(read.find_instances(connection, subject)), subject)
            if subject:
                return read.events_about(connection, subject, limit)
            return read.events(connection, limit=limit)

    # ------------------------------------------------------------------------------------ sets

    def sets(self) -> tuple[TeachingSetRecord, ...]:
        """All sets, by name."""
        return self._choosing().sets()

    def set(self, slug: str) -> TeachingSetRecord:
        """One set. Raises ``NotFound``."""
        return self._choosing().set(slug)

    def set_save(
        self, slug: str, query: str, *, title: str = "", living: bool = True, dry_run: bool = False
    ) -> TeachingSetRecord:
        """Keep a search as a set: ``living`` (whatever it finds when asked) or frozen (what it finds now).

        Raises ``UsageError`` where the name is taken or no slug, ``QueryError`` where the query cannot be read.
        """
        with self._choosing_alone(dry_run) as choosing:
            return choosing.keep(slug, query, title=title, living=living, dry_run=dry_run)

    def set_freeze(self, slug: str, *, dry_run: bool = False) -> TeachingSetRecord:
        """Keep what a living set holds now, so that cases can be added, left out and ordered by hand."""
        with self._choosing_alone(dry_run) as choosing:
            return choosing.freeze(slug, dry_run=dry_run)

    def set_create(
        self,
        slug: str,
        *,
        title: str = "",
        description: str = "",
        cases: Sequence[str] = (),
        dry_run: bool = False,
    ) -> TeachingSetRecord:
        """Make a set. Raises ``UsageError`` where it exists or its name is no slug."""
        with self._choosing_alone(dry_run) as choosing:
            return choosing.create(slug, title=title, description=description, cases=cases, dry_run=dry_run)

    def set_add(self, slug: str, cases: Sequence[str], *, dry_run: bool = False) -> TeachingSetRecord:
        """Add cases (slugs, or queries whose cases are added best first) at the end of a set."""
        with self._choosing_alone(dry_run) as choosing:
            return choosing.add(slug, cases, dry_run=dry_run)

    def set_remove(self, slug: str, cases: Sequence[str], *, dry_run: bool = False) -> TeachingSetRecord:
        """Take cases out of a set; the cases stay in the archive."""
        with self._choosing_alone(dry_run) as choosing:
            return choosing.remove(slug, cases, dry_run=dry_run)

    def set_order(self, slug: str, cases: Sequence[str], *, dry_run: bool = False) -> TeachingSetRecord:
        """Put these cases of a set first, in this order; the others keep theirs behind them."""
        with self._choosing_alone(dry_run) as choosing:
            return choosing.order(slug, cases, dry_run=dry_run)

    def set_edit(
        self,
        slug: str,
        *,
        title: str | None = None,
        description: str | None = None,
        options: Mapping[str, str | None] | None = None,
        dry_run: bool = False,
    ) -> TeachingSetRecord:
        """Change what a set is called, or the options that its exports have from now on (None takes one away).

        Raises ``UsageError`` where nothing is to be changed, for an option that neither the rules nor an output have,
        for a value it cannot have, and for one to be taken away that the set does not have.
        """
        with self._choosing_alone(dry_run) as choosing:
            return choosing.edit(slug, title=title, description=description, options=options, dry_run=dry_run)

    def set_version(self, slug: str) -> int:
        """How often a set was saved: 1 when it was made, one more with every change of it."""
        return sum(event.event in ("set-created", "set-changed") for event in self.log(slug))

    def set_check(
        self, slug: str, *, tell: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    ) -> tuple[tuple[Linted, ...], tuple[Withheld, ...]]:
        """All that stands in the way of teaching a set: what its records lack or say in doubt, and what would stay in
        were it exported now (consent, holds, the airlock, answers that its pages would give away)."""
        found = self.set(slug)
        linted = tuple(one for one in self.lint(found.cases) if one.problems) if found.cases else ()
        if not found.cases:
            return (), ()
        try:
            made = self.preview(slug, dry_run=True, tell=tell)
        except ReviewNeeded as refusal:
            return linted, tuple(refusal.withheld)
        return linted, made.withheld

    # ------------------------------------------------------------------------------------ letting out

    def export(
        self,
        what: Sequence[str],
        *,
        formats: Sequence[str],
        to: str | Path,
        require_all: bool = False,
        dry_run: bool = False,
        options: Sequence[str] = (),
        tell: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    ) -> Release:
        """Export a set, cases, or what a query finds, through the airlock; see ``casearchive.release.release``.

        ``options`` are names of options of the profile (``descriptors``) and of the outputs (``edge=600``).
        """
        from casearchive.release import release

        if not str(to).strip():
            raise UsageError(
                "no folder to export to was named", where="--to", hint="Name one: --to ~/teaching"
            )
        with self._writing() as rooms:
            return release(
                rooms,
                self.wanted(what),
                formats=formats,
                to=Path(to),
                require_all=require_all,
                dry_run=dry_run,
                options=options,
                tell=tell,
            )

    def preview(
        self,
        slug: str,
        *,
        dry_run: bool = False,
        tell: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    ) -> Release:
        """The pages of a set as they would leave, made inside the archive (``cache/preview``), where nobody else sees
        them; the ledger has no line of it."""
        from casearchive.release import release

        wanted = self.set(slug)
        with self._writing() as rooms:
            return release(
                rooms, wanted, formats=["html"], to=self._layout.preview, dry_run=dry_run, inside=True,
                tell=tell,
            )  # fmt: skip

    def reviewables(
        self, what: Sequence[str] = (), *, tell: Callable[[str, int, int], None] = lambda _w, _d, _t: None
    ) -> tuple[Reviewable, ...]:
        """Clips of cases as the airlock judges their pixels: of a set, of cases, ``case:M2``, all of one layout, or
        of every case that is not retired. See ``casearchive.reviewing.Reviewable``."""
        from casearchive.reviewing import chosen, reviewables

        words, cases = self._choosing().looked_at(what)
        found = reviewables(self._rooms(), cases, tell)
        return chosen(found, words) if words else found

    def review(
        self,
        what: Sequence[str],
        decision: str,
        *,
        keep: Sequence[str] = (),
        remove: Sequence[str] = (),
        entire: bool = False,
        because: str = "",
        dry_run: bool = False,
        tell: Callable[[str, int, int], None] = lambda _w, _d, _t: None,
    ) -> tuple[Reviewable, ...]:
        """Decide about clips: ``approve``, ``mask`` (shapes in words, see ``casearchive.deid.shapes``), ``refuse`` or
        ``reopen``. A line of the ledger each; it holds for these bytes only. Returns what was decided about.

        Raises ``UsageError`` where a clip cannot be decided so; nothing is written then.
        """
        from casearchive.deid import shapes
        from casearchive.deid.decisions import APPROVE
        from casearchive.reviewing import decide, must_be_seen

        kept, removed = (tuple(shapes.read(text) for text in some) for some in (keep, remove))
        clips = self.reviewables(what, tell=tell)
        rooms = self._rooms()
        if decision == APPROVE:
            must_be_seen(rooms, clips, what)
        with self._writing() as rooms:
            decide(
                rooms,
                clips,
                decision,
                keep=kept,
                remove=removed,
                entire=entire,
                because=because,
                dry_run=dry_run,
            )
        return clips if dry_run else self.reviewables(what, tell=tell)

    def listened(
        self, what: Sequence[str], *, leaves: bool = True, because: str = "", dry_run: bool = False
    ) -> tuple[Reviewable, ...]:
        """Say that somebody listened to these clips, and that their sound may leave with them; or take that back.

        Raises ``UsageError`` where a clip has no sound; nothing is written then.
        """
        from casearchive.reviewing import listened

        clips = self.reviewables(what)
        with self._writing() as rooms:
            listened(rooms, clips, leaves=leaves, because=because, dry_run=dry_run)
        return clips

    def review_sheets(
        self,
        what: Sequence[str] = (),
        *,
        to: str | Path | None = None,
        tell: Callable[[str, int, int], None] = lambda _w, _d, _t: None,
    ) -> tuple[Path, ...]:
        """Contact sheets, one a layout, of the clips that wait (or of those named): originals, names and all."""
        from casearchive.reviewing import WAITS
        from casearchive.reviewsheet import sheets

        clips = self.reviewables(what, tell=tell)
        shown = clips if what else tuple(c for c in clips if c.state == WAITS)
        return sheets(self._rooms(), shown, Path(to) if to else None)

    def learn(self, clip: str, name: str = "") -> Path:
        """A scanner profile of what a person keeps of ``clip`` (``case:M2``); see ``casearchive.reviewing.learn``."""
        from casearchive.reviewing import learn

        found = self.reviewables((clip,))
        with self._writing() as rooms:
            return learn(rooms, found[0], name)

    def who(self, pseudonym: str) -> tuple[Known, ...]:
        """Whom a pseudonym of an export stands for; the question is written to the ledger. See
        ``casearchive.reidentify.who``."""
        from casearchive.reidentify import who

        with self._writing() as rooms:
            return who(rooms, pseudonym)

    @staticmethod
    def verify_export(folder: str | Path) -> tuple[str, ...]:
        """What in an exported folder disagrees with its certificate; needs no archive. Raises
        ``CaseArchiveError`` where there is no certificate that can be read."""
        from casearchive.deid import certificate

        return tuple(certificate.check(Path(folder)))

    def search_export(
        self, folder: str | Path, *, tell: Callable[[str, int, int], None] = lambda _w, _d, _t: None
    ) -> Reread:
        """An exported folder searched for every identity of the patients of its cases, as far as these are here: in its
        bytes and, where text can be read here, in its pictures. Identities themselves are not told.
        ``tell(file, done, total)`` hears of each file whose pictures are read."""
        from casearchive import rereading
        from casearchive.deid import certificate

        named = (s for s in certificate.cases_of(Path(folder)) if SLUG.fullmatch(s))
        slugs = [slug for slug in named if self._layout.record(slug).is_file()]
        if not slugs:
            return rereading.Reread()
        people = rereading.identities_of(self._rooms(), slugs)
        told = tuple(map(str, rereading.found(Path(folder), people)))
        seen, unread = rereading.read_in_pictures(Path(folder), people, tell)
        return rereading.Reread(len(slugs), (*told, *seen), unread)

    @staticmethod
    def reads_pictures() -> bool:
        """Whether text in pictures can be read here."""
        from casearchive.deid import looking

        return looking.able()

    def wanted(self, what: Sequence[str]) -> TeachingSetRecord:
        """What ``export`` means by its words: a set, else slugs of cases, else a query."""
        return self._choosing().wanted(what)

    # ------------------------------------------------------------------------------------ keeping well

    def verify(
        self,
        *,
        full: bool = False,
        again: bool = False,
        tell: Callable[[int, int], None] = lambda _d, _t: None,
    ) -> Verdict:
        """Compare the archive with itself; changes nothing. ``full`` reads every byte, going on where that was
        interrupted unless ``again``. See ``casearchive.verify.verify``."""
        from casearchive.verify import verify

        return verify(self._rooms(), full=full, again=again, tell=tell)

    def plan_repair(self, verdict: Verdict, sources: Iterable[str | Path] = ()) -> Plan:
        """What can be mended of what ``verify`` found without losing anything; ``sources`` are backups, or files and
        folders that hold originals. Changes nothing."""
        from casearchive.repair import plan

        return plan(self._rooms(), verdict, [Path(s) for s in sources])

    def repair(
        self, plan: Plan, *, workers: int = 2, tell: Callable[[int, int], None] = lambda _d, _t: None
    ) -> tuple[str, ...]:
        """Carry out a plan; what is damaged goes to ``quarantine/``, nothing is deleted. Returns what could not be
        done, and why."""
        from casearchive.repair import carry_out

        with self._writing() as rooms:
            return carry_out(rooms, plan, workers=workers, tell=tell)

    def backup(
        self,
        to: str | Path,
        *,
        quick: bool = False,
        dry_run: bool = False,
        tell: Callable[[int, int], None] = lambda _d, _t: None,
    ) -> BackedUp:
        """Bring the backup in the folder ``to`` up to date, or make it. See ``casearchive.backup.backup``."""
        from casearchive import settling
        from casearchive.backup import backup

        if not dry_run and not self._layout.backup_marker.exists():
            settling.settle_if_alone(self._rooms())
        return backup(self._rooms(), Path(to), quick=quick, dry_run=dry_run, tell=tell)

    @staticmethod
    def restore(
        source: str | Path,
        to: str | Path,
        *,
        workers: int = 2,
        dry_run: bool = False,
        tell: Callable[[int, int], None] = lambda _d, _t: None,
    ) -> Restored:
        """Make an archive in the new folder ``to`` from a backup. See ``casearchive.backup.restore``."""
        from casearchive.backup import restore

        return restore(Path(source), Path(to), workers=workers, dry_run=dry_run, tell=tell)

    def plan_removal(self, what: str, *, media: bool = False) -> Removal:
        """What ``remove`` would take away. Raises ``NotFound``, and ``UsageError`` where a case uses the file."""
        from casearchive.removing import plan

        return plan(self._rooms(), what, media=media)

    def remove(self, removal: Removal, *, keep: str | Path | None = None) -> Removal:
        """Take a case or a file out of the archive for good (``casearchive.removing``); the record of a case is
        written to the new file ``keep`` before."""
        from casearchive import removing

        with self._writing() as rooms:
            if keep is not None:
                removing.keep(rooms, removal, Path(keep))
            return removing.remove(rooms, removal)

    def reindex(self, *, workers: int = 2, tell: Callable[[int, int], None] = lambda _d, _t: None) -> Rebuilt:
        """Make the index and the pictures again from originals, records, sets and ledger."""
        from casearchive.reindexing import reindex

        with self._writing() as rooms:
            return reindex(rooms, workers=workers, tell=tell)

    def dump(self) -> Iterator[str]:
        """The index as sorted lines without row numbers: equal for equal archives."""
        from casearchive import index
        from casearchive.index import read

        with index.reading(self._layout.index) as connection:
            yield from read.logical_dump(connection)

    # ------------------------------------------------------------------------------------ parts

    def _bring_up_to_date(self, *, may_be_newer: bool) -> None:
        """The form of the index is looked at once; see ``casearchive.upgrading``. Raises ``ArchiveTooNew``."""
        if self._is_up_to_date:
            return
        from casearchive.index import is_older

        try:
            if is_older(self._layout.index):
                from casearchive.upgrading import bring_up_to_date

                bring_up_to_date(self._rooms(), self._say)
            self._is_up_to_date = True
        except ArchiveTooNew:
            if not may_be_newer:
                raise

    def _rooms(self) -> Rooms:
        from casearchive.rooms import Rooms

        return Rooms.of(self._layout)

    def _writing(self) -> contextlib.AbstractContextManager[Rooms]:
        """Be the one writer (``settling.writer``)."""
        from casearchive import settling

        return settling.writer(self._rooms(), self._say)

    def _choosing(self) -> Choosing:
        from casearchive.choosing import Choosing

        return Choosing(self._layout, self._search, self._say)

    @contextlib.contextmanager
    def _choosing_alone(self, dry_run: bool) -> Iterator[Choosing]:
        """To change sets: nobody else does meanwhile."""
        with contextlib.nullcontext() if dry_run else self._writing():
            yield self._choosing()

    def _editing(self) -> Editing:
        from casearchive.editing import Editing

        return Editing(self._rooms(), self._views, self._say)


__all__ = ["Archive", "CaseArchiveError", "CaseView", "FileView", "Linted"]
