"""Running a question over the index: ranked hits, each with the reason it is there, and what was left out."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from casearchive.errors import UsageError
from casearchive.query import Query, Sql, compiled, described, leaves, relaxed, respelt, rows_of
from casearchive.query.fts import PLAIN
from casearchive.query.pieces import ABSENT, MATCH, OTHER_SIDE, Keys
from casearchive.query.text_rows import text_match
from casearchive.query.tree import FindingClause, Leaf, Mention, Phrase, Wanted, Words
from casearchive.terms import Lexicon, lexicon

#: Ways to order hits. All but relevance go by the key first, then by relevance.
SORTS = ("relevance", "title", "date", "newest", "difficulty")

#: No more documents than this are ranked, and no more than this are counted for facets.
MOST_RANKED, MOST_COUNTED = 20_000, 250

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
    says that the words as typed found nothing and something near them is shown."""

    query: str
    understood: tuple[str, ...]
    total: int
    hits: tuple[Hit, ...]
    hidden: dict[str, int] = field(default_factory=dict)
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    did_you_mean: str = ""
    loosened: bool = False


@dataclass(frozen=True)
class _Ranked:
    key: int
    score: float
    level: int


def search(
    connection: sqlite3.Connection,
    query: Query,
    *,
    limit: int = 20,
    sort: str = "relevance",
    include_absent: bool = False,
) -> Results:
    """Ask the index.

    Where the words as typed find nothing, unknown words are tried as they were probably meant, then as
    beginnings of longer words, then as many of them as possible; ``understood`` says so.

    Args:
        connection: an open index; it is only read.
        limit: how many hits to return; ``total`` counts all.
        sort: one of ``SORTS``.
        include_absent: also show, after the matches and marked, cases that document the absence.

    Raises:
        UsageError: an unknown sort key or a negative limit.
    """
    if sort not in SORTS:
        raise UsageError(f"cannot sort by “{sort}”", hint=f"Sort by {', '.join(SORTS)}.")
    if limit < 0:
        raise UsageError("the limit cannot be negative", hint="Leave --limit out for the best 20.")
    asked, ranked, corrected = _ask(connection, query, include_absent)
    shown = [r for r in ranked if r.level == MATCH or (include_absent and r.level == ABSENT)]
    hidden = {
        "absent": 0 if include_absent else sum(r.level == ABSENT for r in ranked),
        "other_side": sum(r.level == OTHER_SIDE for r in ranked),
    }
    best = _ordered(connection, shown, sort, limit)
    meant = "" if corrected is None else corrected.text
    return Results(
        query=query.text,
        understood=asked.understood,
        total=len(shown),
        hits=_Teller(connection, asked, best).hits(),
        hidden=hidden,
        facets=_facets(connection, shown[:MOST_COUNTED]),
        did_you_mean=meant,
        loosened=asked is not query,
    )


# ------------------------------------------------------------------------------------------- asking


def _ask(
    connection: sqlite3.Connection, query: Query, include_absent: bool
) -> tuple[Query, list[_Ranked], Query | None]:
    """The first way of asking that finds something, its rows, and the respelt question if there is one."""
    levels = (MATCH, ABSENT) if include_absent else (MATCH,)
    first: list[_Ranked] | None = None
    corrected: Query | None = None
    for asked, is_respelt in _ways(query):
        corrected = asked if is_respelt else corrected
        ranked = _ranked(connection, asked)
        if first is None:
            first = ranked
        if any(r.level in levels for r in ranked):
            return asked, ranked, corrected
    return query, first or [], corrected


def _ways(query: Query) -> Iterator[tuple[Query, bool]]:
    """The question as typed, then ever looser; each is made only when the one before found nothing."""
    yield query, False
    if query.exact:
        return
    again = respelt(query, lexicon()) if query.unknown else None
    if again is not None:
        yield again, True
    for base in (query, again):
        for prefix in (True, False):
            looser = relaxed(base, prefix=prefix) if base is not None else None
            if looser is not None:
                yield looser, False


def _ranked(connection: sqlite3.Connection, query: Query) -> list[_Ranked]:
    statement = compiled(query.root)
    rows = connection.execute(
        statement.text + " ORDER BY level, round(score, 4) DESC, key LIMIT ?",
        (*statement.params, MOST_RANKED),
    )
    return [_Ranked(key, round(score, 4), level) for key, score, level in rows]


def _ordered(connection: sqlite3.Connection, shown: list[_Ranked], sort: str, limit: int) -> list[_Ranked]:
    """The best ``limit`` in an order that is the same every time."""
    if not shown or not limit:
        return []
    if sort == "relevance":
        last = shown[min(limit, len(shown)) - 1]
        shown = [r for r in shown if (r.level, -r.score) <= (last.level, -last.score)]
    ties = _tie_keys(connection, [r.key for r in shown])
    if sort == "relevance":
        return sorted(shown, key=lambda r: (r.level, -r.score, ties[r.key]))[:limit]
    keys = _sort_keys(connection, [r.key for r in shown], sort)
    return sorted(shown, key=lambda r: (r.level, keys.get(r.key, ("~",)), -r.score, ties[r.key]))[:limit]


def _among(keys: Iterable[int]) -> str:
    return json.dumps(list(keys))


def _split(keys: Iterable[int]) -> tuple[list[int], list[int]]:
    """Ids of cases, and of instances outside any case."""
    keys = list(keys)
    return [k for k in keys if k > 0], [-k for k in keys if k < 0]


def _tie_keys(connection: sqlite3.Connection, keys: list[int]) -> dict[int, tuple[int, str]]:
    """Moving before still, then by name. (That a finding is reviewed counts in its score.)"""
    cases, files = _split(keys)
    found: dict[int, tuple[int, str]] = {}
    for case_id, slug, cine in connection.execute(
        "SELECT c.id, c.slug, EXISTS (SELECT 1 FROM media m JOIN instances i ON i.id = m.instance_id"
        " WHERE m.case_id = c.id AND i.frames > 1)"
        " FROM cases c WHERE c.id IN (SELECT value FROM json_each(?))",
        (_among(cases),),
    ):
        found[case_id] = (1 - cine, slug)
    for instance_id, sha256, frames in connection.execute(
        "SELECT id, sha256, frames FROM instances WHERE id IN (SELECT value FROM json_each(?))",
        (_among(files),),
    ):
        found[-instance_id] = (int(frames <= 1), "~" + sha256)
    return found


def _sort_keys(connection: sqlite3.Connection, keys: list[int], sort: str) -> dict[int, tuple[str, ...]]:
    cases, files = _split(keys)
    if sort == "title":
        rows = connection.execute(
            "SELECT id, title FROM cases WHERE id IN (SELECT value FROM json_each(?))", (_among(cases),)
        )
        return {case_id: (title.casefold(),) for case_id, title in rows}
    if sort == "difficulty":
        levels = {"primary": "0", "intermediate": "1", "advanced": "2"}
        rows = connection.execute(
            "SELECT id, difficulty FROM cases WHERE id IN (SELECT value FROM json_each(?))", (_among(cases),)
        )
        return {case_id: (levels.get(difficulty, "3"),) for case_id, difficulty in rows}
    dates = dict(
        connection.execute(
            "SELECT m.case_id, max(t.study_date) FROM media m JOIN instances i ON i.id = m.instance_id"
            " JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id"
            " WHERE m.case_id IN (SELECT value FROM json_each(?)) AND t.study_date IS NOT NULL"
            " GROUP BY m.case_id",
            (_among(cases),),
        ).fetchall()
    )
    for instance_id, date in connection.execute(
        "SELECT i.id, t.study_date FROM instances i JOIN series s ON s.id = i.series_id"
        " JOIN studies t ON t.id = s.study_id WHERE i.id IN (SELECT value FROM json_each(?))"
        " AND t.study_date IS NOT NULL",
        (_among(files),),
    ):
        dates[-instance_id] = date
    if sort == "newest":
        return {key: (date.translate(_BACKWARDS),) for key, date in dates.items()}
    return {key: (date,) for key, date in dates.items()}


#: Digits from nine to nought, so that sorting a date upwards puts the newest first.
_BACKWARDS = str.maketrans("0123456789", "9876543210")


def _facets(connection: sqlite3.Connection, shown: Sequence[_Ranked]) -> dict[str, dict[str, int]]:
    cases, files = _split(r.key for r in shown)
    chosen = _among(cases)
    facets: dict[str, dict[str, int]] = {}
    names = ("structure", "abnormality", "side", "certainty")
    seen: dict[str, set[tuple[int, str]]] = {name: set() for name in names}
    for case_id, *labels in connection.execute(
        "SELECT key, structure, abnormality, side, certainty FROM findings"
        " WHERE key IN (SELECT value FROM json_each(?)) AND certainty NOT IN ('absent', 'not_assessed')",
        (chosen,),
    ):
        for name, label in zip(names, labels, strict=True):
            seen[name].add((case_id, label))
    for name, pairs in seen.items():
        counted = Counter(label for _, label in pairs if label)
        facets[name] = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    rows = connection.execute(
        "SELECT difficulty, count(*) AS n FROM cases WHERE id IN (SELECT value FROM json_each(?))"
        " AND difficulty <> '' GROUP BY difficulty ORDER BY n DESC, difficulty",
        (chosen,),
    )
    facets["difficulty"] = {str(label): int(n) for label, n in rows}
    rows = connection.execute(
        "SELECT kind, count(*) AS n FROM instances WHERE id IN (SELECT value FROM json_each(?))"
        " GROUP BY kind ORDER BY n DESC, kind",
        (_among(files),),
    )
    facets["kind"] = ({"case": len(cases)} if cases else {}) | {str(label): int(n) for label, n in rows}
    return facets


# ------------------------------------------------------------------------------------------- telling


@dataclass(frozen=True)
class _Reason:
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
    ranked: list[_Ranked]
    vocabulary: Lexicon = field(default_factory=lexicon)
    findings: dict[int, FindingRow] = field(default_factory=dict)
    evidence: dict[int, list[tuple[str, str, tuple[int, int] | None]]] = field(default_factory=dict)
    media: dict[int, tuple[int, str, str, str, str, int]] = field(default_factory=dict)
    first_media: dict[int, tuple[str, str]] = field(default_factory=dict)
    marked: dict[tuple[int, int], list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    rows: dict[tuple[str, int], str] = field(default_factory=dict)

    def hits(self) -> tuple[Hit, ...]:
        if not self.ranked:
            return ()
        reasons = self.reasons()
        self.load(reasons)
        cases = self.cases()
        files = self.files()
        return tuple(
            self.case_hit(r, cases[r.key], reasons.get(r.key, []))
            if r.key > 0
            else self.file_hit(r, files[-r.key], reasons.get(r.key, []))
            for r in self.ranked
        )

    def select(self, text: str, keys: Iterable[int]) -> Iterator[tuple[object, ...]]:
        yield from (tuple(row) for row in self.connection.execute(text, (_among(keys),)))

    # ---------------------------------------------------------------------------------- fetching

    def reasons(self) -> dict[int, list[_Reason]]:
        cases, files = _split(r.key for r in self.ranked)
        only = Keys(tuple(cases), tuple(files))
        levels = {r.key: r.level for r in self.ranked}
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
        for leaf, keys in asked.values():
            cases, files = _split(keys)
            self.mark(leaf, Keys(tuple(cases), tuple(files)))

    def mark(self, leaf: Leaf, only: Keys) -> None:
        """Which columns of the text answered, and with which words."""
        match = text_match(leaf)
        if not match:
            return
        marked = ", ".join(f"highlight(case_search, {n}, ?2, ?3)" for n in range(len(PLAIN) + 1))
        rows = self.connection.execute(
            f"SELECT coalesce(d.case_id, -d.instance_id), {marked}"
            " FROM case_search JOIN documents d ON d.id = case_search.rowid WHERE case_search MATCH ?1"
            " AND case_search.rowid IN (SELECT id FROM documents"
            " WHERE case_id IN (SELECT value FROM json_each(?4))"
            " OR instance_id IN (SELECT value FROM json_each(?5)))",
            (match, _ON, _OFF, _among(only.cases), _among(only.instances)),
        )
        for row in rows:
            places = [
                (column, words)
                for column, text in zip((*PLAIN, "text"), row[1:], strict=True)
                if (words := _marked_words(text))
            ]
            self.marked[int(row[0]), id(leaf)] = places

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
            " JOIN media m ON m.case_id = f.key AND m.media_id = e.media_id"
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
        cases, _ = _split(r.key for r in self.ranked)
        for case_id, sha256, media_id in self.connection.execute(
            "SELECT m.case_id, m.sha256, m.media_id"
            " FROM media m LEFT JOIN instances i ON i.id = m.instance_id"
            " WHERE m.case_id IN (SELECT value FROM json_each(?))"
            " ORDER BY m.case_id, coalesce(i.frames, 0) > 1 DESC, m.position",
            (_among(cases),),
        ):
            self.first_media.setdefault(case_id, (sha256, media_id))

    def cases(self) -> dict[int, tuple[str, str, float | None, str, str]]:
        cases, _ = _split(r.key for r in self.ranked)
        rows = self.connection.execute(
            "SELECT id, slug, title, age_years, sex, difficulty FROM cases"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (_among(cases),),
        )
        return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows}

    def files(self) -> dict[int, tuple[InstanceRow, str, str]]:
        _, files = _split(r.key for r in self.ranked)
        rows = self.connection.execute(
            "SELECT i.id, i.sha256, i.sop_instance_uid, t.study_description, t.study_date, i.kind, i.frames,"
            " coalesce(nullif(t.study_description, ''), nullif(s.series_description, ''),"
            " nullif(s.body_part_examined, ''),"
            " nullif(trim(coalesce(s.manufacturer, '') || ' ' || coalesce(s.manufacturer_model_name, '')), ''),"
            " CASE i.kind WHEN 'clip' THEN 'Clip' WHEN 'image' THEN 'Picture' ELSE 'DICOM file' END), i.side"
            " FROM instances i JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id"
            " WHERE i.id IN (SELECT value FROM json_each(?))",
            (_among(files),),
        )
        return {r[0]: (InstanceRow(r[1], r[2], r[3] or "", r[4] or "", r[5], r[6]), r[7], r[8]) for r in rows}

    # ---------------------------------------------------------------------------------- wording

    def case_hit(
        self, ranked: _Ranked, case: tuple[str, str, float | None, str, str], reasons: list[_Reason]
    ) -> Hit:
        slug, title, age, sex, difficulty = case
        numbers = list(dict.fromkeys(int(str(r.ref)) for r in _telling(reasons) if r.source == "finding"))
        rows = tuple(self.findings[n] for n in numbers)
        return Hit(
            case=slug,
            title=title,
            score=ranked.score,
            why=self.why(ranked.key, reasons),
            findings=rows,
            media=self.clips(ranked.key, numbers, reasons),
            side=_one_side(row.side for row in rows),
            age=age,
            sex=sex,
            difficulty=difficulty,
            absent=ranked.level == ABSENT,
        )

    def file_hit(self, ranked: _Ranked, file: tuple[InstanceRow, str, str], reasons: list[_Reason]) -> Hit:
        instance, title, side = file
        return Hit(
            case=None,
            title=title,
            score=ranked.score,
            why=self.why(ranked.key, reasons),
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
        return tuple(lines)[:_MOST_REASONS] or ("everything was asked for",)

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
            named = ", ".join(w.label for w in asked if w is not None)
            note = "; side not recorded" if leaf.sides and self.side_of(key) == "" else ""
            return f"{named} in {', '.join(columns) or 'text'}{note}"
        if isinstance(leaf, Mention):
            return f"{leaf.wanted.label} in {', '.join(columns) or 'text'}"
        return ", ".join(described(leaf))

    def side_of(self, key: int) -> str:
        row = self.connection.execute(
            "SELECT 1 WHERE EXISTS"
            " (SELECT 1 FROM instances WHERE id = ?1 AND side NOT IN ('unknown', 'none', ''))"
            " OR EXISTS (SELECT 1 FROM media WHERE case_id = ?2 AND side NOT IN ('unknown', 'none', ''))",
            (-key, key),
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
