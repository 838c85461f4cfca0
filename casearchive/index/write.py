"""Writing the index: one file, one case, one set, one event at a time, inside the caller's transaction."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any, Protocol

from casearchive.attributes import by_level
from casearchive.claims import side
from casearchive.index import noting, seals, shelf
from casearchive.index.read import facts_of_row, reports_of, told_as
from casearchive.index.text import DocumentText, document_text, instance_text
from casearchive.mined import Label, Mined, Mining
from casearchive.mining import in_known_words, of_case, of_facts
from casearchive.model import (
    Case,
    Facts,
    Finding,
    Grade,
    Line,
    Measurement,
    Series,
    Study,
    Subject,
    TeachingSetRecord,
)
from casearchive.terms import lexicon
from casearchive.terms.grades import ordinal, scale_of
from casearchive.units import in_base

_REGION_COLUMNS = (
    "min_x0, min_y0, max_x1, max_y1, spatial_format, data_type, flags, units_x, units_y, delta_x, delta_y, "
    "ref_pixel_x0, ref_pixel_y0, ref_value_x, ref_value_y, source"
)
#: Instance facts that are not rows of the attribute table.
_MORE_INSTANCE_COLUMNS = ("transfer_syntax_uid", "anatomic_region", "transducer_frequency")


@dataclass(frozen=True, slots=True)
class Filed:
    """A file to be written down. ``subject_key`` is the keyed hash of the subject's identity, 64 hexadecimal digits;
    ``key_frame`` counts from 1 and is None where there is no picture."""

    facts: Facts
    sha256: str
    size: int
    name: str
    subject_key: str
    key_frame: int | None
    key_frame_why: str = ""


def add_instances(connection: sqlite3.Connection, files: Iterable[Filed]) -> list[int]:
    """File pictures under subject, study and series; returns their row ids.

    Each gets a document of its own, so that it is found before it belongs to a case. What several share is written
    once for all: the seal of their study, a fact that many of them tell.
    """
    places: dict[tuple[str, Subject, Study, Series], tuple[int, int, int]] = {}
    owners: dict[tuple[str, int], None] = {}
    told: list[shelf.Turned] = []
    found = []
    for file in files:
        facts = file.facts
        place = (file.subject_key, facts.subject, facts.study, facts.series)
        if place not in places:
            places[place] = _file_under(connection, facts, file.subject_key)
        subject, study, series = places[place]
        instance = _add_file(connection, file, series)
        found.append(instance)
        owners |= dict.fromkeys(
            (("subject", subject), ("study", study), ("series", series), ("file", instance))
        )
        waited = _link_waiting_media(connection, file.sha256, instance)
        told += waited
        if not waited:
            document = _add_document(connection, instance, facts, file.name)
            told.append((document, {}, noting.of_document(connection, document)))
            owners["document", document] = None
    shelf.put(connection, *told)
    for kind, number in owners:
        seals.put(connection, kind, number)
    seals.single(connection)
    return found


def _add_file(connection: sqlite3.Connection, file: Filed, series: int) -> int:
    """The rows of a file itself."""
    facts, instance = file.facts, file.facts.instance
    row = {
        "series_id": series,
        "sha256": file.sha256,
        "kind": facts.kind,
        "name": file.name,
        "bytes": file.size,
        "media_type": facts.media_type,
        **_columns("instance", instance),
        **{column: getattr(instance, column) for column in _MORE_INSTANCE_COLUMNS},
        "fps": facts.timing.fps,
        "fps_source": facts.timing.source,
        "duration_s": facts.timing.duration_s,
        "frame_times": json.dumps(facts.timing.times),
        "key_frame": file.key_frame,
        "key_frame_why": file.key_frame_why,
        "pictured": int(file.key_frame is not None),
        "side": side(facts.claims),
        "notes": json.dumps(facts.notes, ensure_ascii=False),
    }
    found = _insert(connection, "instances", row)
    connection.executemany(
        f"INSERT INTO ultrasound_regions (instance_id, position, {_REGION_COLUMNS}) "
        f"VALUES ({', '.join('?' * 18)})",
        [(found, position, *astuple(region)) for position, region in enumerate(facts.regions, 1)],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO claims (instance_id, what, source, value) VALUES (?, ?, ?, ?)",
        [(found, c.what, c.source, c.value) for c in facts.claims],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO identifiers (instance_id, keyword, value) VALUES (?, ?, ?)",
        [(found, i.keyword, i.value) for i in facts.identifiers if i.value.strip()],
    )
    if facts.report:
        connection.execute("INSERT INTO reports (instance_id, text) VALUES (?, ?)", (found, facts.report))
    return found


def remove_instance(connection: sqlite3.Connection, sha256: str) -> int | None:
    """Forget a file and where it was seen, and the series, study and patient that have no other; returns the patient
    where there are others."""
    seen = connection.execute(
        "SELECT path, size, mtime_ns, sha256 FROM sources WHERE sha256 = ?", (sha256,)
    ).fetchall()
    connection.execute("DELETE FROM sources WHERE sha256 = ?", (sha256,))
    seals.turn(connection, "sources", seen)
    row = connection.execute(
        "SELECT i.id, d.id, s.id, t.id, t.subject_id FROM instances i JOIN series s ON s.id = i.series_id"
        " JOIN studies t ON t.id = s.study_id LEFT JOIN documents d ON d.instance_id = i.id WHERE i.sha256 = ?",
        (sha256,),
    ).fetchone()
    if row is None:
        return None
    instance, document, series, study, subject = row
    if document is not None:
        shelf.put(connection, (document, noting.of_document(connection, document), {}))
        connection.execute("DELETE FROM case_search WHERE rowid = ?", (document,))
    connection.execute("DELETE FROM instances WHERE id = ?", (instance,))
    seals.put(connection, "file", instance)
    if document is not None:
        seals.put(connection, "document", document)
    for table, below, column, number, kind in (
        ("series", "instances", "series_id", series, "series"),
        ("studies", "series", "study_id", study, "study"),
        ("subjects", "studies", "subject_id", subject, "subject"),
    ):
        connection.execute(
            f"DELETE FROM {table} WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM {below} WHERE {column} = ?1)",
            (number,),
        )
        seals.put(connection, kind, number)
    seals.single(connection)
    left = connection.execute("SELECT 1 FROM subjects WHERE id = ?", (subject,)).fetchone()
    return subject if left else None


def refill(connection: sqlite3.Connection, subject: int, files: Iterable[Facts]) -> None:
    """Say of a patient, and of their studies and series, what these files say and nothing that another one said."""
    (key,) = connection.execute("SELECT subject_key FROM subjects WHERE id = ?", (subject,)).fetchone()
    of_study = ", ".join(f"{a.column} = NULL" for a in by_level("study") if a.column != "study_instance_uid")
    of_series = ", ".join(
        f"{a.column} = NULL" for a in by_level("series") if a.column != "series_instance_uid"
    )
    connection.execute(
        "UPDATE subjects SET patient_sex = NULL, patient_species = NULL WHERE id = ?", (subject,)
    )
    connection.execute(f"UPDATE studies SET {of_study} WHERE subject_id = ?", (subject,))
    connection.execute(
        f"UPDATE series SET {of_series} WHERE study_id IN (SELECT id FROM studies WHERE subject_id = ?)",
        (subject,),
    )
    for facts in files:
        _file_under(connection, facts, key)
    seals.put(connection, "subject", subject)
    studies = connection.execute("SELECT id FROM studies WHERE subject_id = ?", (subject,)).fetchall()
    for (study,) in studies:
        seals.put(connection, "study", study)
        for (series,) in connection.execute("SELECT id FROM series WHERE study_id = ?", (study,)).fetchall():
            seals.put(connection, "series", series)


def _file_under(connection: sqlite3.Connection, facts: Facts, subject_key: str) -> tuple[int, int, int]:
    """The rows of a file's patient, study and series, made where there are none."""
    subject = _upsert(connection, "subjects", ("subject_key",), {
        "subject_key": subject_key,
        "patient_sex": facts.subject.patient_sex,
        "patient_species": facts.subject.patient_species,
    })  # fmt: skip
    study = _upsert(
        connection,
        "studies",
        ("subject_id", "study_instance_uid"),
        {"subject_id": subject, **_columns("study", facts.study)},
    )
    series = _upsert(
        connection,
        "series",
        ("study_id", "series_instance_uid"),
        {"study_id": study, **_columns("series", facts.series)},
    )
    return subject, study, series


@dataclass(frozen=True, slots=True)
class Recorded:
    """A case with the SHA-256 of its record and how complete that is, in hundredths."""

    case: Case
    record_sha256: str
    completeness: int


def put_case(connection: sqlite3.Connection, case: Case, *, record_sha256: str, completeness: int) -> Mining:
    """``put_cases`` of one; returns what was read in its words and in the reports among its files."""
    (mined,) = put_cases(connection, [Recorded(case, record_sha256, completeness)])
    return mined


def put_cases(connection: sqlite3.Connection, cases: Iterable[Recorded]) -> list[Mining]:
    """Replace what the index says of these cases; files that belong to them stop being documents of their own.

    Rows name the concepts that the author's words hold; the searchable text has the words. Returns what was read in
    the words of each and in the reports among its files. What several tell, a fact, is written once for all.
    """
    told: list[shelf.Turned] = []
    mined = [_put_case(connection, one, told) for one in cases]
    shelf.put(connection, *told)
    seals.single(connection)
    return mined


def _put_case(connection: sqlite3.Connection, recorded: Recorded, told: list[shelf.Turned]) -> Mining:
    vocabulary = lexicon()
    said, case = recorded.case, in_known_words(recorded.case, vocabulary)
    reports = reports_of(connection, (m.sha256 for m in case.media))
    mined = of_case(case, vocabulary, reports)
    case_id = _number(connection, case.slug)
    before, instances = _removed(connection, case_id)
    _insert(connection, "cases", {
        "id": case_id,
        "slug": case.slug,
        "title": case.title,
        "quiz_title": case.quiz_title,
        "status": case.status,
        "hold": case.hold,
        "difficulty": case.difficulty,
        "fictional": int(case.fictional),
        "author": case.author.name,
        "consent_scope": case.consent.scope,
        "consent_until": case.consent.until,
        "age_years": age_in_years(case.patient.age or mined.age),
        "sex": case.patient.sex or mined.sex,
        "activity": case.patient.activity,
        "completeness": recorded.completeness,
        "record_sha256": recorded.record_sha256,
    })  # fmt: skip
    document = _insert(connection, "documents", {"id": case_id, "case_id": case_id})
    _put_media(connection, case_id, case)
    for position, finding in enumerate(case.findings, 1):
        _put_finding(connection, document, case_id, position, finding)
    _put_mined(connection, document, case_id, mined.findings, len(case.findings))
    _put_measurements(connection, case_id, (*case.measurements, *mined.measurements))
    connection.executemany(
        "INSERT INTO priors (case_id, position, day, modality, impression, discordance, says, missed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                case_id,
                n,
                p.day,
                p.modality,
                p.impression,
                p.discordance,
                json.dumps(p.says),
                json.dumps(p.missed),
            )
            for n, p in enumerate(case.priors, 1)
        ],
    )
    _put_labels(connection, case_id, mined.labels, len(case.priors))
    _put_terms(connection, case_id, case)
    _say(connection, document, document_text(said, vocabulary, reports))
    told.append((document, before, noting.of_document(connection, document)))
    seals.put(connection, "case", case_id)
    seals.put(connection, "document", document)
    told += _retire_documents_of_media(connection, case_id)
    told += _restore_documents(connection, instances)
    return mined


def _number(connection: sqlite3.Connection, slug: str) -> int:
    """A case keeps its number when it is written again; a new one takes the next number of a document."""
    row = connection.execute("SELECT id FROM cases WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        row = connection.execute("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'documents'").fetchone()
    return int(row[0]) if row else 1


def remove_case(connection: sqlite3.Connection, slug: str) -> None:
    """Forget a case; its files become documents of their own again."""
    row = connection.execute("SELECT id FROM cases WHERE slug = ?", (slug,)).fetchone()
    if row is not None:
        before, instances = _removed(connection, row[0])
        seals.put(connection, "case", row[0])
        seals.put(connection, "document", row[0])
        shelf.put(connection, (row[0], before, {}), *_restore_documents(connection, instances))
        seals.single(connection)


def _removed(connection: sqlite3.Connection, case_id: int) -> tuple[shelf.Facts, list[int]]:
    """Take the rows of a case away, if there are any; the facts that are still on the shelf, and its files."""
    facts = noting.of_document(connection, case_id)
    instances = connection.execute(
        "SELECT DISTINCT instance_id FROM media WHERE case_id = ? AND instance_id IS NOT NULL", (case_id,)
    ).fetchall()
    connection.execute("DELETE FROM case_search WHERE rowid = ?", (case_id,))
    connection.execute("DELETE FROM cases WHERE id = ?", (case_id,))
    return facts, [row[0] for row in instances]


def put_set(connection: sqlite3.Connection, record: TeachingSetRecord) -> None:
    remove_set(connection, record.slug)
    set_id = _insert(connection, "sets", {
        "slug": record.slug,
        "title": record.title,
        "description": record.description,
        "query": record.query,
        "living": int(record.living),
    })  # fmt: skip
    connection.executemany(
        "INSERT INTO set_cases (set_id, position, slug) VALUES (?, ?, ?)",
        [(set_id, n, slug) for n, slug in enumerate(() if record.living else record.cases, 1)],
    )
    seals.put(connection, "set", set_id)


def remove_set(connection: sqlite3.Connection, slug: str) -> None:
    row = connection.execute("DELETE FROM sets WHERE slug = ? RETURNING id", (slug,)).fetchone()
    if row is not None:
        seals.put(connection, "set", row[0])


class Chained(Line, Protocol):
    """A line of the ledger, with its place in the chain."""

    @property
    def hash(self) -> str: ...


def add_events(connection: sqlite3.Connection, lines: Iterable[Chained]) -> None:
    """Tell the index what the ledger says, and which hash its last line has: a tail that is cut off is missed."""
    known = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0]
    last: Chained | None = None

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal last
        for e in lines:
            last = e if last is None or e.position > last.position else last
            yield e.position, e.at, e.who, e.event, e.subject, json.dumps(_told(e), sort_keys=True)

    connection.executemany(
        "INSERT OR REPLACE INTO events (position, at, who, event, subject, details) VALUES (?, ?, ?, ?, ?, ?)",
        rows(),
    )
    if last is not None and last.position >= known:
        connection.execute(
            "INSERT OR REPLACE INTO about (name, value) VALUES ('ledger', ?)",
            (f"{last.position} {last.hash}",),
        )
        seals.put(connection, "about", 0)


def _told(line: Line) -> dict[str, Any]:
    return {**line.details, **({"aside": dict(line.aside)} if line.aside else {})}


def add_sources(connection: sqlite3.Connection, seen: Iterable[tuple[str, int, int, str]]) -> None:
    """Remember that files had these bytes: path, size, time of change in nanoseconds, SHA-256."""
    turned = []
    for new in seen:
        old = connection.execute(
            "SELECT path, size, mtime_ns, sha256 FROM sources WHERE path = ?", new[:1]
        ).fetchall()
        if new not in old:
            connection.execute(
                "INSERT OR REPLACE INTO sources (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)", new
            )
            turned += [*old, new]
    if turned:
        seals.turn(connection, "sources", turned)


def add_told(connection: sqlite3.Connection, what: str, sha256: str) -> None:
    """Remember that a person heard ``what`` (a hash) of this file. It goes with the file, and with the index."""
    add_sources(connection, [(told_as(what), 0, 0, sha256)])


def age_in_years(text: str) -> float | None:
    """``24 Y``, ``024Y``, ``6 M``, ``3 W``, ``10 D`` (PS3.5 AS) in years; a band (``30-39 Y``) counts by its middle,
    ``>89 Y`` as 90."""
    match = re.fullmatch(
        r"\s*([<>]?)\s*(\d{1,3}(?:\.\d+)?)(?:\s*[-–]\s*(\d{1,3}))?\+?\s*([YMWD]?)[a-z]*\s*",
        text,
        re.IGNORECASE,
    )
    if not match:
        return None
    parts = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
    low = float(match[2]) + {"<": -1, ">": 1, "": 0}[match[1]]
    return (low + float(match[3] or low)) / 2 * parts[(match[4] or "Y").upper()]


# ------------------------------------------------------------------------------------------------- parts


def _columns(level: str, value: object) -> dict[str, Any]:
    return {a.column: getattr(value, a.column) for a in by_level(level)}


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> int:
    # table and column names come from this file and the attribute table, never from a user
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    cursor = connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _upsert(connection: sqlite3.Connection, table: str, key: tuple[str, ...], row: Mapping[str, Any]) -> int:
    """The id of the row with this key; facts that were unknown are filled in, known ones stay."""
    where = " AND ".join(f"{name} = ?" for name in key)
    found = connection.execute(f"SELECT id FROM {table} WHERE {where}", [row[k] for k in key]).fetchone()
    if found is None:
        return _insert(connection, table, row)
    more = {k: v for k, v in row.items() if k not in key and v is not None}
    if more:
        assignments = ", ".join(f"{name} = coalesce({name}, ?)" for name in more)
        connection.execute(f"UPDATE {table} SET {assignments} WHERE id = ?", (*more.values(), found[0]))
    return int(found[0])


def _say(connection: sqlite3.Connection, document: int, text: DocumentText) -> None:
    connection.execute(
        "INSERT INTO case_search (rowid, title, diagnosis, findings, captions, story, meta, verbatim) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (document, *text.row()),
    )


def _put_media(connection: sqlite3.Connection, case_id: int, case: Case) -> None:
    connection.executemany(
        "INSERT INTO media (case_id, position, media_id, sha256, instance_id, caption, quiz_caption, structure, side,"
        " plane, mode, maneuver, patient_position, day, key_frame, pair)"
        " VALUES (?, ?, ?, ?, (SELECT id FROM instances WHERE sha256 = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (case_id, n, m.id, m.sha256, m.sha256, m.caption, m.quiz_caption, m.structure, m.side)
            + (m.plane, m.mode, m.maneuver, m.position, m.day, m.key_frame, m.pair)
            for n, m in enumerate(case.media, 1)
        ],
    )


def _put_mined(
    connection: sqlite3.Connection, document: int, key: int, mined: Iterable[Mined], after: int
) -> None:
    """Findings read in the text, after those of the author."""
    for position, one in enumerate(mined, after + 1):
        _put_finding(
            connection, document, key, position, one.finding,
            origin=one.origin, source=one.source, quote=one.quote,
        )  # fmt: skip


def _put_labels(connection: sqlite3.Connection, case_id: int, labels: Iterable[Label], after: int) -> None:
    """Earlier labels that only the text tells; what they were is the text's own words."""
    connection.executemany(
        "INSERT INTO priors (case_id, position, impression, says) VALUES (?, ?, ?, ?)",
        [(case_id, n, one.quote, json.dumps(one.says)) for n, one in enumerate(labels, after + 1)],
    )


def _add_document(connection: sqlite3.Connection, instance: int, facts: Facts, name: str) -> int:
    """A file outside any case: its searchable text, and the findings its descriptions tell."""
    document = _insert(connection, "documents", {"instance_id": instance})
    _say(connection, document, instance_text(facts, name, lexicon()))
    _put_mined(connection, document, -instance, of_facts(facts, lexicon()), 0)
    return document


def _grades(finding: Finding) -> tuple[Grade, ...]:
    """Its grades, each on a scale as that is called; a Doppler grade is one on its scale too."""
    given = list(finding.grades)
    if finding.doppler is not None and finding.doppler.value is not None and finding.doppler.scale:
        given.append(Grade(finding.doppler.scale, f"{finding.doppler.value:g}"))
    named = {scale_of(g.scale, lexicon()) or g.scale: g.value for g in reversed(given)}
    return tuple(Grade(scale, value) for scale, value in named.items())


def _put_finding(
    connection: sqlite3.Connection,
    document: int,
    key: int,
    position: int,
    finding: Finding,
    *,
    origin: str = "record",
    source: str = "",
    quote: str = "",
) -> None:
    dynamic, doppler = finding.dynamic, finding.doppler
    row_id = _insert(connection, "findings", {
        "document": document,
        "key": key,
        "position": position,
        "finding_id": finding.id,
        "abnormality": finding.abnormality,
        "structure": finding.structure,
        "site": finding.site,
        "side": finding.side,
        "certainty": finding.certainty,
        "severity": finding.severity,
        "temporality": finding.temporality,
        "modality": finding.modality,
        "comparison": finding.comparison,
        "maneuver": dynamic.maneuver if dynamic else "",
        "at_rest": dynamic.at_rest if dynamic else "",
        "during": dynamic.during if dynamic else "",
        "doppler_scale": doppler.scale if doppler else "",
        "doppler_value": doppler.value if doppler else None,
        "confirmed_by": finding.confirmed_by,
        "echogenicity": json.dumps(finding.echogenicity),
        "note": finding.note,
        "reviewed": int(finding.reviewed),
        "origin": origin,
        "source": source,
        "quote": quote,
    })  # fmt: skip
    connection.executemany(
        "INSERT INTO evidence (finding, position, media_id, frame_from, frame_to, shape, points, best) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (row_id, n, e.media, *(e.frames or (None, None)), e.shape, json.dumps(e.points), int(e.best))
            for n, e in enumerate(finding.evidence, 1)
        ],
    )
    connection.executemany(
        "INSERT INTO grades (finding, scale, value, ordinal) VALUES (?, ?, ?, ?)",
        [(row_id, g.scale, g.value, ordinal(g.value)) for g in _grades(finding)],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO relations (finding, kind, structure) VALUES (?, ?, ?)",
        [(row_id, r.kind, r.structure) for r in finding.relations],
    )


def _put_measurements(
    connection: sqlite3.Connection, case_id: int, measurements: Iterable[Measurement]
) -> None:
    connection.executemany(
        "INSERT INTO measurements (case_id, position, finding_id, what, state, side, value, unit, base_value,"
        " base_unit, media_id, frame) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                case_id,
                n,
                m.finding,
                m.what,
                m.state,
                m.side,
                m.value,
                m.unit,
                *in_base(m.value, m.unit),
                m.media,
            )
            + (m.frame,)
            for n, m in enumerate(measurements, 1)
        ],
    )


def _put_terms(connection: sqlite3.Connection, case_id: int, case: Case) -> None:
    story = case.story
    rows = [("diagnosis", d.what, d.structure, d.side, d.certainty) for d in story.diagnosis]
    rows += [
        ("confirmed", d.confirmed_by, d.structure, d.side, "") for d in story.diagnosis if d.confirmed_by
    ]
    for role, terms in (
        ("differential", story.differential),
        ("symptom", story.symptoms),
        ("mechanism", story.mechanism),
        ("category", case.category),
        ("tag", case.tags),
        ("test", tuple(t.test for t in case.tests)),
    ):
        rows += [(role, term, "", "", "") for term in terms]
    connection.executemany(
        "INSERT OR IGNORE INTO case_terms (case_id, role, term, structure, side, certainty) VALUES (?, ?, ?, ?, ?, ?)",
        [(case_id, *row) for row in rows],
    )


def _retire_documents_of_media(connection: sqlite3.Connection, case_id: int) -> list[shelf.Turned]:
    told: list[shelf.Turned] = []
    for (document,) in connection.execute(
        "SELECT d.id FROM media m JOIN documents d ON d.instance_id = m.instance_id WHERE m.case_id = ?",
        (case_id,),
    ).fetchall():
        told.append((document, noting.of_document(connection, document), {}))
        connection.execute("DELETE FROM case_search WHERE rowid = ?", (document,))
        connection.execute("DELETE FROM documents WHERE id = ?", (document,))
        seals.put(connection, "document", document)
    return told


def _link_waiting_media(connection: sqlite3.Connection, sha256: str, instance: int) -> list[shelf.Turned]:
    """Cases may name a file before the index knows it (while the index is made again): what they say with it."""
    told: list[shelf.Turned] = []
    cases = connection.execute("SELECT DISTINCT case_id FROM media WHERE sha256 = ?", (sha256,)).fetchall()
    for (case_id,) in cases:
        before = noting.of_document(connection, case_id)
        connection.execute(
            "UPDATE media SET instance_id = ? WHERE sha256 = ? AND case_id = ?", (instance, sha256, case_id)
        )
        told.append((case_id, before, noting.of_document(connection, case_id)))
        seals.put(connection, "case", case_id)
    return told


def _restore_documents(connection: sqlite3.Connection, instances: Iterable[int]) -> list[shelf.Turned]:
    """Files that belong to no case any more are documents of their own."""
    told: list[shelf.Turned] = []
    for instance in instances:
        if connection.execute(
            "SELECT 1 FROM media WHERE instance_id = ?1 UNION ALL SELECT 1 FROM documents WHERE instance_id = ?1",
            (instance,),
        ).fetchone():
            continue
        facts, name = facts_of_row(connection, instance)
        document = _add_document(connection, instance, facts, name)
        told.append((document, {}, noting.of_document(connection, document)))
        seals.put(connection, "document", document)
    return told
