"""Running a question over the index: ranked hits, each with the reason it is there, and what was left out."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from casearchive.errors import UsageError
from casearchive.index.shelf import Shelf
from casearchive.query import (
    Query,
    Sql,
    described,
    facts,
    leaves,
    looser,
    ranked,
    respelt,
    rows_of,
    without_one,
)
from casearchive.query.bits import Ranked, best, minus, positions
from casearchive.query.fts import PLAIN, token
from casearchive.query.pieces import ABSENT, MATCH, Documents
from casearchive.query.text_rows import rowid, text_match
from casearchive.query.tree import FindingClause, Leaf, Mention, Phrase, Wanted, Words
from casearchive.terms import Lexicon, lexicon

#: Ways to order hits. All but relevance go by the key first, then by relevance.
SORTS = ("relevance", "title", "date", "newest", "difficulty")

#: No more documents than this are sorted by another key than relevance; no more than this are counted for facets.
MOST_RANKED, MOST_COUNTED = 20_000, 250
#: No more conditions than this are tried without, where nothing is found.
_MOST_BLAMED = 16

#: Of more documents that tie, the first are met by walking through all in order.
_MOST_LOOKED_UP = 500

_ON, _OFF = "\x01", "\x02"
_COLUMN_NAMES = {"findings": "findings text", "captions": "captions", "meta": "tags and names"}
_UNRECORDED = ("unknown", "none", "")
_MOST_REASONS = 6


@dataclass(frozen=True)
class FindingRow:
    """One finding of a case as the index holds it; ``structure`` and the like are concept ids or words.

    ``origin`` is ``record`` (its author's) or ``text``: read in the words of ``source``, which ``quote`` holds.
    """

    id: str
    structure: str
    abnormality: str
    side: str
    certainty: str
    severity: str
    temporality: str
    modality: str
    site: str
    reviewed: bool
    origin: str = "record"
    source: str = ""
    quote: str = ""


@dataclass(frozen=True)
class MediaRow:
    """A clip that belongs to a hit; ``frames`` is the 1-based inclusive range that shows it, where known."""

    sha256: str
    frames: tuple[int, int] | None
    media_id: str


@dataclass(frozen=True)
class InstanceRow:
    """A file that belongs to no case."""

    sha256: str
    sop_instance_uid: str
    study_description: str
    study_date: str
    kind: str
    frames: int


@dataclass(frozen=True)
class Hit:
    """A case (``case`` is its slug) or a file outside any case (``case`` is None, ``instance`` is set).

    ``why`` says where it matched, the most telling first. ``absent`` marks a case that documents the absence.
    """

    case: str | None
    title: str
    score: float
    why: tuple[str, ...]
    findings: tuple[FindingRow, ...] = ()
    media: tuple[MediaRow, ...] = ()
    instance: InstanceRow | None = None
    side: str = ""
    age: float | None = None
    sex: str = ""
    difficulty: str = ""
    absent: bool = False


@dataclass(frozen=True)
class Results:
    """``total`` counts all hits, ``hits`` holds the best ``limit`` of them. ``hidden`` counts cases that
    were left out: ``absent`` (they document that it is not there) and ``other_side``. ``facets`` count the
    best ``MOST_COUNTED`` hits by structure, abnormality, side, certainty, difficulty and kind. ``loosened``
    says that the words as typed found nothing and something near them is shown. ``blame``: where there is no hit,
    each condition without which there would be some, and how many."""

    query: str
    understood: tuple[str, ...]
    total: int
    hits: tuple[Hit, ...]
    hidden: dict[str, int] = field(default_factory=dict)
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    did_you_mean: str = ""
    loosened: bool = False
    blame: tuple[tuple[str, int], ...] = ()


class _Hit(NamedTuple):
    document: int
    score: float
    level: int


def search(
    connection: sqlite3.Connection,
    query: Query,
    *,
    limit: int = 20,
    sort: str = "relevance",
    include_absent: bool = False,
    facets: bool = True,
) -> Results:
    """Ask the index.

    Where the words as typed find nothing, unknown words are tried as they were probably meant, then as
    beginnings of longer words, then as many of them as possible; ``understood`` says so.

    Args:
        connection: an open index; it is only read.
        limit: how many hits to return; ``total`` counts all.
        sort: one of ``SORTS``.
        include_absent: also show, after the matches and marked, cases that document the absence.
        facets: count the best hits by what was found; else ``facets`` is empty.

    Raises:
        UsageError: an unknown sort key or a negative limit.
    """
    if sort not in SORTS:
        raise UsageError(f"cannot sort by “{sort}”", hint=f"Sort by {', '.join(SORTS)}.")
    if limit < 0:
        raise UsageError("the limit cannot be negative", hint="Leave --limit out for the best 20.")
    with _at_one_moment(connection):
        return _search(Shelf(connection), query, limit, sort, include_absent, facets=facets)


@contextlib.contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements see the same state: what is written meanwhile waits for the end of the search."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _search(
    shelf: Shelf, query: Query, limit: int, sort: str, include_absent: bool, *, facets: bool
) -> Results:
    asked, found, corrected = _ask(shelf, query, include_absent)
    match, other, last = found.within
    absent = minus(last, other)
    levels = (match, absent if include_absent else 0)
    hidden = {
        "absent": 0 if include_absent else absent.bit_count(),
        "other_side": minus(other, match).bit_count(),
    }
    chosen = _ordered(shelf, found, levels, sort, limit)
    meant = "" if corrected is None else corrected.text
    return Results(
        query=query.text,
        understood=asked.understood,
        total=sum(documents.bit_count() for documents in levels),
        hits=_Teller(shelf.connection, asked, chosen).hits(),
        hidden=hidden,
        facets=_facets(shelf.connection, _counted(shelf, found, levels)) if facets else {},
        did_you_mean=meant,
        loosened=asked is not query,
        blame=() if any(levels) else _blame(shelf, query),
    )


def _blame(shelf: Shelf, query: Query) -> tuple[tuple[str, int], ...]:
    """The conditions that keep everything out, each by itself, the one that keeps out most first."""
    found: dict[str, int] = {}
    for words, without in itertools.islice(without_one(query), _MOST_BLAMED):
        count = ranked(without.root, shelf).within[MATCH].bit_count()
        if count:
            found.setdefault(words, count)
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


# ------------------------------------------------------------------------------------------- asking


def _ask(shelf: Shelf, query: Query, include_absent: bool) -> tuple[Query, Ranked, Query | None]:
    """The first way of asking that finds something, its documents, and the respelt question if there is one."""
    first: Ranked | None = None
    corrected: Query | None = None
    for asked, is_respelt in _ways(query):
        corrected = asked if is_respelt else corrected
        found = ranked(asked.root, shelf)
        if first is None:
            first = found
        match, other, last = found.within
        if match or (include_absent and minus(last, other)):
            return asked, found, corrected
    return query, first or Ranked(), corrected


def _ways(query: Query) -> Iterator[tuple[Query, bool]]:
    """The question as typed, then ever looser; each is made only when the one before found nothing."""
    yield query, False
    if query.exact:
        return
    again = respelt(query, lexicon()) if query.unknown else None
    if again is not None:
        yield again, True
    for base in (query, again):
        for way in looser(base) if base is not None else ():
            yield way, False


# ------------------------------------------------------------------------------------------- ordering


def _ordered(shelf: Shelf, found: Ranked, levels: Sequence[int], sort: str, limit: int) -> list[_Hit]:
    """The best ``limit`` in an order that is the same every time."""
    if sort == "relevance":
        chosen: list[_Hit] = []
        for level, documents in zip((MATCH, ABSENT), levels, strict=True):
            chosen += _most_relevant(shelf, found, documents, level, limit - len(chosen))
        return chosen
    hits = []
    for level, documents in zip((MATCH, ABSENT), levels, strict=True):
        sure, tied = best(found, documents, MOST_RANKED)
        places = [*positions(sure), *positions(tied, MOST_RANKED - sure.bit_count())]
        hits += [_Hit(shelf.number(p), round(found.score(p), 4), level) for p in places]
    numbers = [hit.document for hit in hits]
    ties = _tie_keys(shelf.connection, numbers)
    keys = _sort_keys(shelf.connection, numbers, sort)
    hits.sort(key=lambda h: (h.level, keys.get(h.document, ("~",)), -h.score, ties[h.document]))
    return hits[:limit]


def _most_relevant(shelf: Shelf, found: Ranked, documents: int, level: int, count: int) -> list[_Hit]:
    if count <= 0 or not documents:
        return []
    sure, tied = best(found, documents, count)
    places = positions(sure)
    places += _first_of_ties(shelf, tied, count - len(places)) if tied else []
    hits = [_Hit(shelf.number(p), found.score(p), level) for p in places]
    ties = _tie_keys(shelf.connection, [hit.document for hit in hits])
    return sorted(hits, key=lambda h: (-h.score, ties[h.document]))


def _first_of_ties(shelf: Shelf, tied: int, count: int) -> list[int]:
    """Of documents with the same score those that come first: moving before still, then by name."""
    chosen: list[int] = []
    cine, case = shelf.having(facts.CINE), shelf.having(facts.CASE)
    for group, walk in (
        (tied & cine & case, _BY_SLUG),
        (minus(tied & cine, case), _BY_SHA),
        (minus(tied, cine) & case, _BY_SLUG),
        (minus(tied, cine | case), _BY_SHA),
    ):
        left = count - len(chosen)
        if group.bit_count() <= left:
            chosen += positions(group)
        elif left:
            chosen += _walk(shelf, group, walk, left)
    return chosen


_BY_SLUG = "SELECT id FROM cases {} ORDER BY slug"
_BY_SHA = "SELECT d.id FROM instances i JOIN documents d ON d.instance_id = i.id {} ORDER BY i.sha256"


def _walk(shelf: Shelf, group: int, walk: str, count: int) -> list[int]:
    """The first of a set in the order of an index: of a small set each is looked up, of a big one they are met soon."""
    if group.bit_count() <= _MOST_LOOKED_UP:
        numbers = [shelf.number(p) for p in positions(group)]
        column = "id" if walk is _BY_SLUG else "d.id"
        rows = shelf.connection.execute(
            walk.format(f"WHERE {column} IN (SELECT value FROM json_each(?))") + " LIMIT ?",
            (_among(numbers), count),
        )
        return [shelf.place(row[0]) for row in rows]
    members = group.to_bytes(shelf.width // 8, "little")
    chosen: list[int] = []
    for (number,) in shelf.connection.execute(walk.format("")):
        place = shelf.place(number)
        if members[place >> 3] >> (place & 7) & 1:
            chosen.append(place)
            if len(chosen) == count:
                break
    return chosen


def _among(keys: Iterable[int]) -> str:
    return json.dumps(list(keys))


def _tie_keys(connection: sqlite3.Connection, documents: list[int]) -> dict[int, tuple[int, str]]:
    """Moving before still, then by name. (That a finding is reviewed counts in its score.)"""
    rows = connection.execute(
        "SELECT d.id, c.slug, i.sha256, coalesce(i.frames > 1, EXISTS (SELECT 1 FROM media m"
        " JOIN instances n ON n.id = m.instance_id WHERE m.case_id = d.case_id AND n.frames > 1))"
        " FROM documents d LEFT JOIN cases c ON c.id = d.case_id LEFT JOIN instances i ON i.id = d.instance_id"
        " WHERE d.id IN (SELECT value FROM json_each(?))",
        (_among(documents),),
    )
    return {document: (1 - cine, slug or "~" + sha256) for document, slug, sha256, cine in rows}


def _sort_keys(connection: sqlite3.Connection, documents: list[int], sort: str) -> dict[int, tuple[str, ...]]:
    chosen = (_among(documents),)
    if sort == "title":
        rows = connection.execute(
            "SELECT id, title FROM cases WHERE id IN (SELECT value FROM json_each(?))", chosen
        )
        return {case_id: (title.casefold(),) for case_id, title in rows}
    if sort == "difficulty":
        levels = {"primary": "0", "intermediate": "1", "advanced": "2"}
        rows = connection.execute(
            "SELECT id, difficulty FROM cases WHERE id IN (SELECT value FROM json_each(?))", chosen
        )
        return {case_id: (levels.get(difficulty, "3"),) for case_id, difficulty in rows}
    dates: dict[int, str] = {}
    for statement in (
        "SELECT m.case_id, max(t.study_date) FROM media m JOIN instances i ON i.id = m.instance_id"
        " JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id"
        " WHERE m.case_id IN (SELECT value FROM json_each(?)) AND t.study_date IS NOT NULL GROUP BY m.case_id",
        "SELECT d.id, t.study_date FROM documents d JOIN instances i ON i.id = d.instance_id"
        " JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id"
        " WHERE d.id IN (SELECT value FROM json_each(?)) AND t.study_date IS NOT NULL",
    ):
        dates.update(connection.execute(statement, chosen).fetchall())
    if sort == "newest":
        return {document: (date.translate(_BACKWARDS),) for document, date in dates.items()}
    return {document: (date,) for document, date in dates.items()}


#: Digits from nine to nought, so that sorting a date upwards puts the newest first.
_BACKWARDS = str.maketrans("0123456789", "9876543210")


def _counted(shelf: Shelf, found: Ranked, levels: Sequence[int]) -> list[int]:
    """The best ``MOST_COUNTED`` documents, which is what the facets count."""
    chosen: list[int] = []
    for documents in levels:
        sure, tied = best(found, documents, MOST_COUNTED - len(chosen))
        chosen += positions(sure)
        chosen += positions(tied, MOST_COUNTED - len(chosen))
    return [shelf.number(place) for place in chosen]


def _facets(connection: sqlite3.Connection, documents: Sequence[int]) -> dict[str, dict[str, int]]:
    chosen = (_among(documents),)
    facets: dict[str, dict[str, int]] = {}
    found = connection.execute(
        "SELECT document, structure, abnormality, side, certainty FROM findings"
        " WHERE document IN (SELECT value FROM json_each(?)) AND certainty NOT IN ('absent', 'not_assessed')",
        chosen,
    ).fetchall()
    owners, *columns = zip(*found, strict=True) if found else ((),) * 5
    for name, labels in zip(("structure", "abnormality", "side", "certainty"), columns, strict=True):
        counted = Counter(label for _, label in set(zip(owners, labels, strict=True)) if label)
        facets[name] = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    rows = connection.execute(
        "SELECT difficulty, count(*) AS n FROM cases WHERE id IN (SELECT value FROM json_each(?))"
        " AND difficulty <> '' GROUP BY difficulty ORDER BY n DESC, difficulty",
        chosen,
    )
    facets["difficulty"] = {str(label): int(n) for label, n in rows}
    rows = connection.execute(
        "SELECT coalesce(i.kind, 'case') AS label, count(*) AS n FROM documents d"
        " LEFT JOIN instances i ON i.id = d.instance_id WHERE d.id IN (SELECT value FROM json_each(?))"
        " GROUP BY label ORDER BY label <> 'case', n DESC, label",
        chosen,
    )
    facets["kind"] = {str(label): int(n) for label, n in rows}
    return facets


# ------------------------------------------------------------------------------------------- telling


class _Reason(NamedTuple):
    """One row of one leaf: where this document answers it."""

    leaf: Leaf
    level: int
    rank: float
    source: str
    ref: object


@dataclass
class _Teller:
    """Everything that is shown of the hits: fetched for all of them at once, never hit by hit."""

    connection: sqlite3.Connection
    query: Query
    chosen: list[_Hit]
    vocabulary: Lexicon = field(default_factory=lexicon)
    findings: dict[int, FindingRow] = field(default_factory=dict)
    evidence: dict[int, list[tuple[str, str, tuple[int, int] | None]]] = field(default_factory=dict)
    media: dict[int, tuple[int, str, str, str, str, int]] = field(default_factory=dict)
    first_media: dict[int, tuple[str, str]] = field(default_factory=dict)
    marked: dict[tuple[int, int], list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    spoken: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    rows: dict[tuple[str, int], str] = field(default_factory=dict)

    def hits(self) -> tuple[Hit, ...]:
        if not self.chosen:
            return ()
        reasons = self.reasons()
        self.load(reasons)
        cases = self.cases()
        files = self.files()
        return tuple(
            self.case_hit(hit, cases[hit.document], reasons.get(hit.document, []))
            if hit.document in cases
            else self.file_hit(hit, files[hit.document], reasons.get(hit.document, []))
            for hit in self.chosen
        )

    def documents(self) -> list[int]:
        return [hit.document for hit in self.chosen]

    def select(self, text: str, keys: Iterable[int]) -> Iterator[tuple[object, ...]]:
        yield from (tuple(row) for row in self.connection.execute(text, (_among(keys),)))

    # ---------------------------------------------------------------------------------- fetching

    def reasons(self) -> dict[int, list[_Reason]]:
        only = tuple(self.documents())
        levels = {hit.document: hit.level for hit in self.chosen}
        found: dict[int, list[_Reason]] = {}
        for leaf in leaves(self.query.root):
            statement = rows_of(leaf, only)
            for key, _, level, rank, source, ref in self.run(statement):
                if key in levels and (level == MATCH or (level == ABSENT == levels[key])):
                    found.setdefault(key, []).append(_Reason(leaf, level, rank, source, ref))
        self.mark_all(found)
        return found

    def run(self, statement: Sql) -> list[tuple[int, float, int, float, str, object]]:
        return [
            (int(row[0]), float(row[1]), int(row[2]), float(row[3]), str(row[4]), row[5])
            for row in self.connection.execute(statement.text, statement.params)
        ]

    def mark_all(self, reasons: dict[int, list[_Reason]]) -> None:
        """Look up the words only where words are the reason that will be told."""
        asked: dict[int, tuple[Leaf, list[int]]] = {}
        for key, rows in reasons.items():
            for reason in _telling(rows):
                if reason.source == "text":
                    asked.setdefault(id(reason.leaf), (reason.leaf, []))[1].append(key)
        for leaf, documents in asked.values():
            self.mark(leaf, tuple(documents))

    def mark(self, leaf: Leaf, only: Documents) -> None:
        """Which columns of the text answered, and with which words."""
        match = text_match(leaf)
        if not match:
            return
        marked = ", ".join(f"highlight(case_search, {n}, ?2, ?3)" for n in range(len(PLAIN) + 1))
        rows = self.connection.execute(
            f"SELECT case_search.rowid, {marked} FROM case_search WHERE case_search MATCH ?1"
            f" AND {rowid(match)} IN (SELECT value FROM json_each(?4))",
            (match, _ON, _OFF, _among(only)),
        )
        for row in rows:
            places = [
                (column, words)
                for column, text in zip((*PLAIN, "text"), row[1:], strict=True)
                if (words := _marked_words(text))
            ]
            self.marked[int(row[0]), id(leaf)] = places
            self.spoken[int(row[0]), id(leaf)] = {
                word.strip(_ON + _OFF) for text in row[1:] for word in text.split()
            }

    def load(self, reasons: dict[int, list[_Reason]]) -> None:
        every = [r for rows in reasons.values() for r in rows]
        findings = sorted({int(str(r.ref)) for r in every if r.source == "finding"})
        clips = sorted({int(str(r.ref)) for r in every if r.source == "media"})
        for row in self.select(
            "SELECT id, finding_id, structure, abnormality, side, certainty, severity, temporality, modality,"
            " site, reviewed, origin, source, quote FROM findings WHERE id IN (SELECT value FROM json_each(?))",
            findings,
        ):
            number, *texts = (str(value) for value in row)
            self.findings[int(number)] = FindingRow(
                texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7], texts[8],
                texts[9] == "1", texts[10], texts[11], texts[12],
            )  # fmt: skip
        for finding, media_id, sha256, low, high in self.connection.execute(
            "SELECT e.finding, e.media_id, m.sha256, e.frame_from, e.frame_to FROM evidence e"
            " JOIN findings f ON f.id = e.finding"
            " JOIN media m ON m.case_id = f.document AND m.media_id = e.media_id"
            " WHERE e.finding IN (SELECT value FROM json_each(?)) "
            " ORDER BY e.finding, e.best DESC, e.position",
            (_among(findings),),
        ):
            frames = (low, high) if low is not None and high is not None else None
            self.evidence.setdefault(finding, []).append((media_id, sha256, frames))
        for number, position, media_id, sha256, structure, maneuver, frames in self.connection.execute(
            "SELECT m.id, m.position, m.media_id, m.sha256, m.structure, m.maneuver, coalesce(i.frames, 0)"
            " FROM media m LEFT JOIN instances i ON i.id = m.instance_id"
            " WHERE m.id IN (SELECT value FROM json_each(?))",
            (_among(clips),),
        ):
            self.media[number] = (position, media_id, sha256, structure, maneuver, frames)
        self.load_other(every)

    def load_other(self, every: Sequence[_Reason]) -> None:
        priors = sorted({int(str(r.ref)) for r in every if r.source == "prior"})
        for number, day, modality, impression, discordance in self.connection.execute(
            "SELECT id, day, modality, impression, discordance FROM priors"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (_among(priors),),
        ):
            when = f"day {day}, " if day is not None else ""
            how = f" ({_spaced(discordance)})" if discordance else ""
            self.rows["prior", number] = f"prior, {when}{_spaced(modality) or 'unknown'}: {impression}{how}"
        measured = sorted({int(str(r.ref)) for r in every if r.source == "measurement"})
        for number, what, state, amount, unit in self.connection.execute(
            "SELECT id, what, state, value, unit FROM measurements"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (_among(measured),),
        ):
            at = f" at {_spaced(state)}" if state else ""
            self.rows["measurement", number] = f"measured: {_spaced(what)}{at} {amount:g} {unit}".rstrip()
        for case_id, sha256, media_id in self.connection.execute(
            "SELECT m.case_id, m.sha256, m.media_id"
            " FROM media m LEFT JOIN instances i ON i.id = m.instance_id"
            " WHERE m.case_id IN (SELECT value FROM json_each(?))"
            " ORDER BY m.case_id, coalesce(i.frames, 0) > 1 DESC, m.position",
            (_among(self.documents()),),
        ):
            self.first_media.setdefault(case_id, (sha256, media_id))

    def cases(self) -> dict[int, tuple[str, str, float | None, str, str]]:
        rows = self.connection.execute(
            "SELECT id, slug, title, age_years, sex, difficulty FROM cases"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (_among(self.documents()),),
        )
        return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows}

    def files(self) -> dict[int, tuple[InstanceRow, str, str]]:
        rows = self.connection.execute(
            "SELECT d.id, i.sha256, i.sop_instance_uid, t.study_description, t.study_date, i.kind, i.frames,"
            " coalesce(nullif(t.study_description, ''), nullif(s.series_description, ''),"
            " nullif(s.body_part_examined, ''),"
            " nullif(trim(coalesce(s.manufacturer, '') || ' ' || coalesce(s.manufacturer_model_name, '')), ''),"
            " CASE i.kind WHEN 'clip' THEN 'Clip' WHEN 'image' THEN 'Picture' ELSE 'DICOM file' END), i.side"
            " FROM documents d JOIN instances i ON i.id = d.instance_id"
            " JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id"
            " WHERE d.id IN (SELECT value FROM json_each(?))",
            (_among(self.documents()),),
        )
        return {r[0]: (InstanceRow(r[1], r[2], r[3] or "", r[4] or "", r[5], r[6]), r[7], r[8]) for r in rows}

    # ---------------------------------------------------------------------------------- wording

    def case_hit(
        self, hit: _Hit, case: tuple[str, str, float | None, str, str], reasons: list[_Reason]
    ) -> Hit:
        slug, title, age, sex, difficulty = case
        numbers = list(dict.fromkeys(int(str(r.ref)) for r in _telling(reasons) if r.source == "finding"))
        rows = tuple(self.findings[n] for n in numbers)
        return Hit(
            case=slug,
            title=title,
            score=hit.score,
            why=self.why(hit.document, reasons),
            findings=rows,
            media=self.clips(hit.document, numbers, reasons),
            side=_one_side(row.side for row in rows),
            age=age,
            sex=sex,
            difficulty=difficulty,
            absent=hit.level == ABSENT,
        )

    def file_hit(self, hit: _Hit, file: tuple[InstanceRow, str, str], reasons: list[_Reason]) -> Hit:
        instance, title, side = file
        return Hit(
            case=None,
            title=title,
            score=hit.score,
            why=self.why(hit.document, reasons),
            media=(MediaRow(instance.sha256, None, ""),),
            instance=instance,
            side=side if side not in _UNRECORDED else "",
        )

    def clips(self, key: int, findings: Sequence[int], reasons: Sequence[_Reason]) -> tuple[MediaRow, ...]:
        """The clips that show what was asked: evidence first, then what matched, else the first clip."""
        found: dict[tuple[str, str, tuple[int, int] | None], MediaRow] = {}
        for number in findings:
            for media_id, sha256, frames in self.evidence.get(number, ()):
                found[sha256, media_id, frames] = MediaRow(sha256, frames, media_id)
        shown = {row.media_id for row in found.values()}
        matched = sorted(self.media[int(str(r.ref))] for r in _telling(reasons) if r.source == "media")
        for _, media_id, sha256, *_ in matched:
            if media_id not in shown:
                found[sha256, media_id, None] = MediaRow(sha256, None, media_id)
        if not found and key in self.first_media:
            sha256, media_id = self.first_media[key]
            return (MediaRow(sha256, None, media_id),)
        return tuple(found.values())

    def why(self, key: int, reasons: Sequence[_Reason]) -> tuple[str, ...]:
        lines: dict[str, None] = {}
        for reason in _telling(reasons):
            line = self.line(key, reason)
            if line:
                lines[line] = None
        return tuple(lines)[:_MOST_REASONS] or described(self.query.root) or ("everything was asked for",)

    def line(self, key: int, reason: _Reason) -> str:
        if reason.source == "finding":
            return self.finding_line(int(str(reason.ref)), reason)
        if reason.source in ("diagnosis", "differential"):
            term, structure, side, role = json.loads(str(reason.ref))
            parts = [self.name(structure), self.name(term), side if side not in _UNRECORDED else ""]
            note = _unrecorded(reason.leaf, side)
            return f"{role}: {', '.join(p for p in parts if p)}{note}"
        if reason.source == "media":
            _, media_id, _, structure, maneuver, frames = self.media[int(str(reason.ref))]
            parts = [self.name(structure), self.name(maneuver)]
            about = ", ".join(p for p in parts if p)
            return f"{'clip' if frames > 1 else 'picture'} {media_id}" + (f": {about}" if about else "")
        if reason.source in ("prior", "measurement"):
            return self.rows.get((reason.source, int(str(reason.ref))), "")
        if reason.source == "term":
            return f"{self.role(reason.leaf)}: {self.name(str(reason.ref))}"
        if reason.source == "text":
            return self.text_line(key, reason.leaf)
        return ", ".join(described(reason.leaf))

    def finding_line(self, number: int, reason: _Reason) -> str:
        """finding F1: rectus femoris, tear, right, definite (quadriceps -> rectus femoris); clip M2 …"""
        row = self.findings[number]
        parts = [
            self.name(row.structure),
            self.name(row.abnormality),
            row.side if row.side not in _UNRECORDED else "",
            _spaced(row.certainty),
            row.temporality if row.temporality == "historical" else "",
            f"by {row.modality}" if row.modality not in ("us", "") else "",
        ]
        line = ", ".join(p for p in parts if p)
        line = (
            f"the {row.source} says: “{row.quote}”: {line}"
            if row.origin == "text"
            else f"finding {row.id}: {line}"
        )
        notes = self.notes(row, reason.leaf)
        if reason.level == ABSENT:
            notes = ("documented absence", *notes)
        line += f" ({'; '.join(notes)})" if notes else ""
        for media_id, _, frames in self.evidence.get(number, ())[:1]:
            line += f"; clip {media_id}" + (f" frames {frames[0]}-{frames[1]}" if frames else "")
        return line

    def notes(self, row: FindingRow, leaf: Leaf) -> tuple[str, ...]:
        """How the words of the question led to this row."""
        if not isinstance(leaf, FindingClause):
            return ()
        notes = [
            self.via(leaf.structure, row.structure),
            self.via(leaf.abnormality, row.abnormality),
            "side not recorded" if leaf.sides and row.side in _UNRECORDED else "",
            "severity not recorded" if leaf.severity and not row.severity else "",
            "" if row.reviewed or row.origin == "text" else "unreviewed",
        ]
        return tuple(n for n in notes if n)

    def via(self, wanted: Wanted | None, found: str) -> str:
        if wanted is None or not wanted.asked or wanted.literal:
            return ""
        label = wanted.label
        words = wanted.typed.casefold().replace("_", " ").split()
        same = all(w in label.casefold() for w in words) or wanted.typed == wanted.asked[0]
        said = "" if same else f"{wanted.typed} = {label}"
        if found in wanted.asked or found not in wanted.ids:
            return said
        step = f"{label} -> {self.name(found)}"
        return f"{step}; {said}" if said else step

    def text_line(self, key: int, leaf: Leaf) -> str:
        places = self.marked.get((key, id(leaf)), [])
        columns = [_COLUMN_NAMES.get(column, column) for column, _ in places]
        if isinstance(leaf, Words | Phrase):
            words = list(dict.fromkeys(w for _, found in places for w in found))
            kind = "phrase" if isinstance(leaf, Phrase) else "words"
            return f"{kind} in {', '.join(columns) or 'text'}: {', '.join(words)}"
        if isinstance(leaf, FindingClause):
            asked = (leaf.structure, leaf.abnormality, leaf.site, leaf.maneuver)
            named = ", ".join(self.met(key, leaf, w) for w in asked if w is not None)
            note = "; side not recorded" if leaf.sides and self.side_of(key) == "" else ""
            return f"{named} in {', '.join(columns) or 'text'}{note}"
        if isinstance(leaf, Mention):
            return f"{self.met(key, leaf, leaf.wanted)} in {', '.join(columns) or 'text'}"
        return ", ".join(described(leaf))

    def met(self, key: int, leaf: Leaf, wanted: Wanted) -> str:
        """What was asked, and which of its kinds or parts the text names instead."""
        spoken = self.spoken.get((key, id(leaf)), set())
        found = [i for i in wanted.ids if token(i) in spoken]
        if wanted.literal or not found or any(i in wanted.asked for i in found):
            return wanted.label
        return f"{wanted.label} -> {self.name(found[0])}"

    def side_of(self, key: int) -> str:
        row = self.connection.execute(
            "SELECT 1 FROM documents d JOIN instances i ON i.id = d.instance_id"
            " WHERE d.id = ?1 AND i.side NOT IN ('unknown', 'none', '')"
            " UNION ALL SELECT 1 FROM media WHERE case_id = ?1 AND side NOT IN ('unknown', 'none', '')",
            (key,),
        ).fetchone()
        return "known" if row else ""

    def name(self, concept_id: str) -> str:
        concept = self.vocabulary.concept(concept_id)
        return concept.preferred if concept else _spaced(concept_id)

    def role(self, leaf: Leaf) -> str:
        return described(leaf)[0].partition(" =")[0]


#: Where a document answered, the most telling first.
_SOURCES = (
    "finding", "diagnosis", "prior", "measurement", "media", "term", "differential", "case", "set", "file",
    "text",
)  # fmt: skip


def _telling(reasons: Sequence[_Reason]) -> list[_Reason]:
    """Of every leaf the rows of its most telling source, best first."""
    chosen: list[_Reason] = []
    order: dict[int, list[_Reason]] = {}
    for reason in reasons:
        order.setdefault(id(reason.leaf), []).append(reason)
    for rows in order.values():
        best = min(_place(r) for r in rows)
        same = [r for r in rows if _place(r) == best]
        chosen.extend(sorted(same, key=lambda r: (r.level, -r.rank, str(r.ref)))[:4])
    return chosen


def _place(reason: _Reason) -> int:
    return _SOURCES.index(reason.source) if reason.source in _SOURCES else len(_SOURCES)


def _unrecorded(leaf: Leaf, side: str) -> str:
    asks = isinstance(leaf, FindingClause) and leaf.sides
    return " (side not recorded)" if asks and side in _UNRECORDED else ""


def _one_side(sides: Iterable[str]) -> str:
    known = {side for side in sides if side not in _UNRECORDED}
    if len(known) > 1:
        return "bilateral" if known <= {"left", "right", "bilateral"} else ""
    return next(iter(known), "")


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _marked_words(text: str) -> tuple[str, ...]:
    """The words between the marks, once each; tokens of concepts count as found, but are not shown."""
    words = dict.fromkeys(part.partition(_OFF)[0].lower() for part in text.split(_ON)[1:])
    return tuple(words)
