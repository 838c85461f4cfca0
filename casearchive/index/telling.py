"""What is said of each hit: its findings and clips, and why it is there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from casearchive.index.hits import FindingRow, Hit, InstanceRow, MediaRow, Place
from casearchive.index.order import among
from casearchive.query import Query, Sql, described, leaves, passes, rows_of
from casearchive.query.fts import PLAIN, token
from casearchive.query.pieces import ABSENT, MATCH, UNRECORDED, Documents
from casearchive.query.text_rows import rowid, text_match
from casearchive.query.tree import FindingClause, Leaf, Like, Mention, Phrase, Wanted, Words
from casearchive.terms import Lexicon, lexicon
from casearchive.units import printed

_ON, _OFF = "\x01", "\x02"
_COLUMN_NAMES = {"findings": "findings text", "captions": "captions", "meta": "tags and names"}
_MOST_REASONS = 6


class _Reason(NamedTuple):
    """One row of one leaf: where this document answers it."""

    leaf: Leaf
    level: int
    rank: float
    source: str
    ref: object


@dataclass
class Teller:
    """Everything that is shown of the hits: fetched for all of them at once, never hit by hit."""

    connection: sqlite3.Connection
    query: Query
    chosen: list[Place]
    vocabulary: Lexicon = field(default_factory=lexicon)
    findings: dict[int, FindingRow] = field(default_factory=dict)
    evidence: dict[int, list[tuple[str, str, tuple[int, int] | None]]] = field(default_factory=dict)
    grades: dict[int, list[tuple[str, str, float | None]]] = field(default_factory=dict)
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
        yield from (tuple(row) for row in self.connection.execute(text, (among(keys),)))

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
            (match, _ON, _OFF, among(only)),
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
            (among(findings),),
        ):
            frames = (low, high) if low is not None and high is not None else None
            self.evidence.setdefault(finding, []).append((media_id, sha256, frames))
        for finding, scale, value, number in self.connection.execute(
            "SELECT finding, scale, value, ordinal FROM grades WHERE finding IN (SELECT value FROM json_each(?))"
            " ORDER BY finding, scale",
            (among(findings if any(_asks_grades(r.leaf) for r in every) else []),),
        ):
            self.grades.setdefault(finding, []).append((scale, value, number))
        for number, position, media_id, sha256, structure, maneuver, frames in self.connection.execute(
            "SELECT m.id, m.position, m.media_id, m.sha256, m.structure, m.maneuver, coalesce(i.frames, 0)"
            " FROM media m LEFT JOIN instances i ON i.id = m.instance_id"
            " WHERE m.id IN (SELECT value FROM json_each(?))",
            (among(clips),),
        ):
            self.media[number] = (position, media_id, sha256, structure, maneuver, frames)
        self.load_other(every)

    def load_other(self, every: Sequence[_Reason]) -> None:
        priors = sorted({int(str(r.ref)) for r in every if r.source == "prior"})
        for number, day, modality, impression, discordance in self.connection.execute(
            "SELECT id, day, modality, impression, discordance FROM priors"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (among(priors),),
        ):
            when = f"day {day}, " if day is not None else ""
            how = f" ({_spaced(discordance)})" if discordance else ""
            self.rows["prior", number] = f"prior, {when}{_spaced(modality) or 'unknown'}: {impression}{how}"
        measured = sorted({int(str(r.ref)) for r in every if r.source == "measurement"})
        for number, what, state, amount, unit, side, finding in self.connection.execute(
            "SELECT x.id, x.what, x.state, x.value, x.unit, coalesce(nullif(x.side, ''), f.side, ''), x.finding_id"
            " FROM measurements x LEFT JOIN findings f ON f.document = x.case_id AND f.finding_id = x.finding_id"
            " WHERE x.id IN (SELECT value FROM json_each(?))",
            (among(measured),),
        ):
            at = f" at {_spaced(state)}" if state else ""
            where = [side if side not in UNRECORDED else "", f"finding {finding}" if finding else ""]
            line = ", ".join(
                w for w in (f"{_spaced(what)}{at} {amount:g} {printed(unit)}".rstrip(), *where) if w
            )
            self.rows["measurement", number] = f"measured: {line}"
        for case_id, sha256, media_id in self.connection.execute(
            "SELECT m.case_id, m.sha256, m.media_id"
            " FROM media m LEFT JOIN instances i ON i.id = m.instance_id"
            " WHERE m.case_id IN (SELECT value FROM json_each(?))"
            " ORDER BY m.case_id, coalesce(i.frames, 0) > 1 DESC, m.position",
            (among(self.documents()),),
        ):
            self.first_media.setdefault(case_id, (sha256, media_id))

    def cases(self) -> dict[int, tuple[str, str, float | None, str, str]]:
        rows = self.connection.execute(
            "SELECT id, slug, title, age_years, sex, difficulty FROM cases"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (among(self.documents()),),
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
            (among(self.documents()),),
        )
        return {r[0]: (InstanceRow(r[1], r[2], r[3] or "", r[4] or "", r[5], r[6]), r[7], r[8]) for r in rows}

    # ---------------------------------------------------------------------------------- wording

    def case_hit(
        self, hit: Place, case: tuple[str, str, float | None, str, str], reasons: list[_Reason]
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

    def file_hit(self, hit: Place, file: tuple[InstanceRow, str, str], reasons: list[_Reason]) -> Hit:
        instance, title, side = file
        return Hit(
            case=None,
            title=title,
            score=hit.score,
            why=self.why(hit.document, reasons),
            media=(MediaRow(instance.sha256, None, ""),),
            instance=instance,
            side=side if side not in UNRECORDED else "",
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
        if isinstance(reason.leaf, Like):
            return f"like {reason.leaf.case}: likeness {reason.rank:.2f}"
        if reason.source == "finding":
            return self.finding_line(int(str(reason.ref)), reason)
        if reason.source in ("diagnosis", "differential"):
            term, structure, side, role = json.loads(str(reason.ref))
            parts = [self.name(structure), self.name(term), side if side not in UNRECORDED else ""]
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
            row.side if row.side not in UNRECORDED else "",
            _spaced(row.certainty),
            row.temporality if row.temporality == "historical" else "",
            f"by {row.modality}" if row.modality not in ("us", "") else "",
        ]
        line = ", ".join(p for p in parts if p)
        if row.origin == "record":
            line = f"finding {row.id}: {line}"
        else:
            said = f" says: “{row.quote}”" if row.quote else ""
            line = f"the {row.source}{said}: {line}"
        notes = (*self.graded(number, reason.leaf), *self.notes(row, reason.leaf))
        if reason.level == ABSENT:
            notes = ("documented absence", *notes)
        line += f" ({'; '.join(notes)})" if notes else ""
        for media_id, _, frames in self.evidence.get(number, ())[:1]:
            line += f"; clip {media_id}" + (f" frames {frames[0]}-{frames[1]}" if frames else "")
        return line

    def graded(self, number: int, leaf: Leaf) -> tuple[str, ...]:
        """The grades of this finding that answer, each with its scale."""
        tests = leaf.grades if isinstance(leaf, FindingClause) else ()
        return tuple(
            f"{_spaced(scale)} {value}"
            for scale, value, ordinal in self.grades.get(number, ())
            if any(passes(test, scale, value.lower(), ordinal) for test in tests)
        )

    def notes(self, row: FindingRow, leaf: Leaf) -> tuple[str, ...]:
        """How the words of the question led to this row."""
        if not isinstance(leaf, FindingClause):
            return ()
        notes = [
            self.via(leaf.structure, row.structure),
            self.via(leaf.abnormality, row.abnormality),
            "side not recorded" if leaf.sides and row.side in UNRECORDED else "",
            "severity not recorded" if leaf.severity and not row.severity else "",
            "" if row.reviewed or row.origin != "record" else "unreviewed",
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


def _asks_grades(leaf: Leaf) -> bool:
    return isinstance(leaf, FindingClause) and bool(leaf.grades)


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
    return " (side not recorded)" if asks and side in UNRECORDED else ""


def _one_side(sides: Iterable[str]) -> str:
    known = {side for side in sides if side not in UNRECORDED}
    if len(known) > 1:
        return "bilateral" if known <= {"left", "right", "bilateral"} else ""
    return next(iter(known), "")


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _marked_words(text: str) -> tuple[str, ...]:
    """The words between the marks, once each; tokens of concepts count as found, but are not shown."""
    words = dict.fromkeys(part.partition(_OFF)[0].lower() for part in text.split(_ON)[1:])
    return tuple(words)
