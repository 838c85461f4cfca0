"""Asking the index plain questions: what is held, what a file or a case is, what must never leave."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from casearchive.attributes import by_level
from casearchive.model import (
    Claim,
    Facts,
    Identifier,
    Instance,
    Series,
    Study,
    Subject,
    TeachingSetRecord,
    Timing,
    UltrasoundRegion,
)


@dataclass(frozen=True, slots=True)
class Held:
    """One line of ``list``."""

    sha256: str
    kind: str
    case: str | None
    name: str
    frames: int
    bytes: int
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything the index knows of one file.

    ``key_frame`` is the one that a person chose, where one did (``key_frame_source`` is ``person``), else the one
    chosen by content (``content``), which ``thumbnail`` shows; it is None where no picture could be made.
    """

    held: Held
    facts: Facts
    key_frame: int | None
    key_frame_why: str
    cases: tuple[tuple[str, str], ...]  # (slug, media id)
    said: tuple[Claim, ...]  # by the people who wrote those cases
    subject_key: str = ""  # the same for all files of one patient; says nothing else
    key_frame_source: str = "content"


@dataclass(frozen=True, slots=True)
class EventRow:
    position: int
    at: str
    who: str
    event: str
    subject: str
    details: dict[str, Any]
    aside: dict[str, str] = field(default_factory=dict)  # what the ledger's chain needs of erasable details


_DETAIL = """
SELECT i.*, s.series_instance_uid, s.series_number, s.modality, s.series_description, s.protocol_name,
       s.body_part_examined, s.laterality, s.manufacturer, s.manufacturer_model_name, s.software_versions,
       t.study_instance_uid, t.study_date, t.study_time, t.study_description, t.patient_age,
       p.patient_sex, p.patient_species, p.subject_key
FROM instances i JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id
JOIN subjects p ON p.id = t.subject_id
"""


def was_told(connection: sqlite3.Connection, sha256: str, what: str) -> bool:
    """Whether ``what`` (a hash) was told of this file."""
    source = known_source(connection, told_as(what))
    return source is not None and source.sha256 == sha256


def told_as(what: str) -> str:
    """How ``sources`` remembers what was told of a file: as a place that no file has."""
    return f"told:{what}"


def kind_and_uid(connection: sqlite3.Connection, sha256: str) -> tuple[str, str] | None:
    """``(kind, SOP Instance UID)`` of a file that the index holds."""
    row = connection.execute(
        "SELECT kind, sop_instance_uid FROM instances WHERE sha256 = ?", (sha256,)
    ).fetchone()
    return (row[0], row[1]) if row else None


@dataclass(frozen=True, slots=True)
class Known:
    """What is asked of a file that comes along again. ``case`` is the first by name; sizes are 0 where there is no
    picture."""

    kind: str
    sop_instance_uid: str
    sop_class_uid: str
    frames: int
    columns: int
    rows: int
    case: str | None


_KNOWN = (
    "i.kind, i.sop_instance_uid, coalesce(i.sop_class_uid, ''), i.frames, coalesce(i.columns, 0), coalesce(i.rows, 0),"
    " (SELECT min(c.slug) FROM media m JOIN cases c ON c.id = m.case_id WHERE m.sha256 = i.sha256)"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when it was taken."""

    size: int
    mtime_ns: int
    sha256: str
    known: Known


def known_sources(connection: sqlite3.Connection, folder: str) -> dict[str, Source]:
    """What lay in ``folder`` (with the mark that ends it) when it was taken, by path; not what lay below it."""
    rows = connection.execute(
        f"SELECT s.path, s.size, s.mtime_ns, s.sha256, {_KNOWN} FROM sources s JOIN instances i ON i.sha256 = s.sha256 "
        "WHERE s.path >= ? AND s.path < ? AND instr(substr(s.path, ?), ?) = 0",
        (folder, folder[:-1] + chr(ord(folder[-1]) + 1), len(folder) + 1, folder[-1]),
    )
    return {row[0]: Source(row[1], row[2], row[3], Known(*row[4:])) for row in rows}


def known_source(connection: sqlite3.Connection, path: str) -> Source | None:
    """What lay at ``path`` when it was taken."""
    row = connection.execute(
        f"SELECT s.size, s.mtime_ns, s.sha256, {_KNOWN} FROM sources s JOIN instances i ON i.sha256 = s.sha256 "
        "WHERE s.path = ?",
        (path,),
    ).fetchone()
    return Source(row[0], row[1], row[2], Known(*row[3:])) if row else None


def known(connection: sqlite3.Connection, sha256: str) -> Known | None:
    row = connection.execute(f"SELECT {_KNOWN} FROM instances i WHERE i.sha256 = ?", (sha256,)).fetchone()
    return Known(*row) if row else None


def others_with_uid(connection: sqlite3.Connection, uid: str, sha256: str) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM instances WHERE sop_instance_uid = ? AND sha256 <> ?", (uid, sha256)
    ).fetchone()
    return int(count)


def with_uid(connection: sqlite3.Connection, uid: str) -> tuple[str, ...]:
    """Hashes of the files with this SOP Instance UID, the one that came first before the others."""
    rows = connection.execute("SELECT sha256 FROM instances WHERE sop_instance_uid = ? ORDER BY id", (uid,))
    return tuple(r[0] for r in rows)


def of_class(connection: sqlite3.Connection, study_instance_uid: str, sop_class_uid: str) -> tuple[str, ...]:
    """Hashes of the files of one class in a study, as they came."""
    rows = connection.execute(
        "SELECT i.sha256 FROM instances i JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id "
        "WHERE t.study_instance_uid = ? AND i.sop_class_uid = ? ORDER BY i.id",
        (study_instance_uid, sop_class_uid),
    )
    return tuple(r[0] for r in rows)


def case_from(connection: sqlite3.Connection, sources: Iterable[str]) -> str:
    """The case that was last taken from one of these sources, as the ledger calls them; empty where none was."""
    row = connection.execute(
        "SELECT subject FROM events WHERE event = 'case-ingested' "
        "AND json_extract(details, '$.source') IN (SELECT value FROM json_each(?)) ORDER BY position DESC LIMIT 1",
        (json.dumps(list(sources)),),
    ).fetchone()
    return str(row[0]) if row else ""


def cases_of(connection: sqlite3.Connection, sha256: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT DISTINCT c.slug FROM media m JOIN cases c ON c.id = m.case_id WHERE m.sha256 = ? ORDER BY c.slug",
        (sha256,),
    )
    return tuple(r[0] for r in rows)


def media_of(connection: sqlite3.Connection, slug: str) -> tuple[str, ...]:
    """Hashes of the clips of a case, in its order."""
    rows = connection.execute(
        "SELECT m.sha256 FROM media m JOIN cases c ON c.id = m.case_id WHERE c.slug = ? ORDER BY m.position",
        (slug,),
    )
    return tuple(r[0] for r in rows)


def held(connection: sqlite3.Connection) -> Iterator[Held]:
    """Everything held, sorted by hash."""
    rows = connection.execute(
        "SELECT i.sha256, i.kind, (SELECT min(c.slug) FROM media m JOIN cases c ON c.id = m.case_id "
        "WHERE m.instance_id = i.id), i.name, i.frames, i.bytes, i.sop_instance_uid FROM instances i ORDER BY i.sha256"
    )
    for row in rows:
        yield Held(*row)


def find_instances(connection: sqlite3.Connection, word: str) -> tuple[str, ...]:
    """Hashes of the files that ``word`` names: a SHA-256 (or at least 8 digits of its beginning) or a UID."""
    if len(word) >= 8 and all(c in "0123456789abcdef" for c in word.lower()):
        rows = connection.execute(
            "SELECT sha256 FROM instances WHERE sha256 >= ? AND sha256 < ? ORDER BY sha256",
            (word.lower(), word.lower() + "g"),
        ).fetchall()
        if rows:
            return tuple(r[0] for r in rows)
    rows = connection.execute(
        "SELECT sha256 FROM instances WHERE sop_instance_uid = ? ORDER BY sha256", (word,)
    ).fetchall()
    return tuple(r[0] for r in rows)


def detail(connection: sqlite3.Connection, sha256: str, *, case: str = "") -> Detail | None:
    """Everything about one file, as the case of this slug sees it: an author may have chosen its key frame."""
    cursor = connection.execute(f"{_DETAIL} WHERE i.sha256 = ?", (sha256,))
    row = cursor.fetchone()
    if row is None:
        return None
    named = dict(zip((c[0] for c in cursor.description), row, strict=True))
    cases = connection.execute(
        "SELECT c.slug, m.media_id FROM media m JOIN cases c ON c.id = m.case_id WHERE m.sha256 = ? ORDER BY 1, 2",
        (sha256,),
    ).fetchall()
    chosen = _key_frame_by_hand(connection, sha256, case)
    # a frame that the clip does not have was asked for in a record that no one checked: the content decides
    by_hand = chosen is not None and chosen[0] <= named["frames"]
    key_frame, why = chosen if chosen and by_hand else (named["key_frame"], named["key_frame_why"])
    return Detail(
        held=Held(
            sha256,
            named["kind"],
            cases[0][0] if cases else None,
            named["name"],
            named["frames"],
            named["bytes"],
            named["sop_instance_uid"],
        ),
        facts=_facts(connection, named),
        key_frame=key_frame,
        key_frame_why=why,
        cases=tuple((slug, media) for slug, media in cases),
        said=tuple(_said_in_cases(connection, sha256)),
        subject_key=named["subject_key"],
        key_frame_source="person" if by_hand else "content",
    )


#: The ledger's word for a key frame chosen for a file outside its cases; ``{"frame": null}`` takes it back.
KEY_FRAME_SET = "key-frame-set"


def _key_frame_by_hand(connection: sqlite3.Connection, sha256: str, case: str) -> tuple[int, str] | None:
    """The frame that a person chose and where: in ``case``, for the file itself, else in any case that holds it."""
    rows = connection.execute(
        "SELECT c.slug, m.media_id, m.key_frame FROM media m JOIN cases c ON c.id = m.case_id "
        "WHERE m.sha256 = ? AND m.key_frame IS NOT NULL ORDER BY 1, 2",
        (sha256,),
    ).fetchall()
    in_cases = [(frame, f"chosen by hand in {slug} ({media})") for slug, media, frame in rows]
    for (slug, _, _), chosen in zip(rows, in_cases, strict=True):
        if slug == case:
            return chosen
    event = connection.execute(
        "SELECT details FROM events WHERE subject = ? AND event = ? ORDER BY position DESC LIMIT 1",
        (sha256, KEY_FRAME_SET),
    ).fetchone()
    frame = json.loads(event[0]).get("frame") if event else None
    if isinstance(frame, int) and frame >= 1:
        return frame, "chosen by hand for this file"
    return in_cases[0] if in_cases else None


def _said_in_cases(connection: sqlite3.Connection, sha256: str) -> Iterator[Claim]:
    rows = connection.execute(
        "SELECT c.slug, m.media_id, m.side, m.mode, m.structure, m.plane, m.maneuver FROM media m "
        "JOIN cases c ON c.id = m.case_id WHERE m.sha256 = ? ORDER BY 1, 2",
        (sha256,),
    )
    for slug, media, *values in rows:
        for what, value in zip(("side", "mode", "structure", "plane", "maneuver"), values, strict=True):
            if value not in ("", "unknown"):
                yield Claim(what, value, f"the record of {slug} ({media})")


def facts_of_row(connection: sqlite3.Connection, instance: int) -> tuple[Facts, str]:
    """The facts of the file with this row id, and the name it was taken from."""
    (sha256,) = connection.execute("SELECT sha256 FROM instances WHERE id = ?", (instance,)).fetchone()
    found = detail(connection, sha256)
    assert found is not None
    return found.facts, found.held.name


def report_of(connection: sqlite3.Connection, instance: int) -> str:
    """What a structured report says; nothing where the file is none. It may name people: it is for mining alone."""
    row = connection.execute("SELECT text FROM reports WHERE instance_id = ?", (instance,)).fetchone()
    return row[0] if row else ""


def unread_reports(connection: sqlite3.Connection) -> int:
    """How many structured reports are held of which no word is kept: they came in before reports were read."""
    found = connection.execute(
        "SELECT count(*) FROM instances WHERE sop_class_uid GLOB '1.2.840.10008.5.1.4.1.1.88.*'"
        " AND id NOT IN (SELECT instance_id FROM reports)"
    )
    return int(found.fetchone()[0])


def reports_of(connection: sqlite3.Connection, hashes: Iterable[str]) -> tuple[str, ...]:
    """The same for every report among these files, in their order."""
    rows = connection.execute(
        "SELECT r.text FROM json_each(?) j JOIN instances i ON i.sha256 = j.value"
        " JOIN reports r ON r.instance_id = i.id ORDER BY j.key",
        (json.dumps(list(hashes)),),
    )
    return tuple(row[0] for row in rows)


def case_slugs(connection: sqlite3.Connection) -> tuple[str, ...]:
    return tuple(r[0] for r in connection.execute("SELECT slug FROM cases ORDER BY slug"))


def record_hash(connection: sqlite3.Connection, slug: str) -> str | None:
    row = connection.execute("SELECT record_sha256 FROM cases WHERE slug = ?", (slug,)).fetchone()
    return row[0] if row else None


def identifiers(connection: sqlite3.Connection, hashes: Iterable[str]) -> frozenset[Identifier]:
    """What must never leave, of every file of every subject and series that these files belong to.

    The same patient's other studies count too: a name that one file spells out may be burnt into another.
    """
    # all files at once: asked file by file, a subject with thousands of files is gone through for each of them
    wanted = json.dumps(list(hashes))
    rows = connection.execute(
        "SELECT DISTINCT d.keyword, d.value FROM studies t JOIN series s ON s.study_id = t.id "
        "JOIN instances i ON i.series_id = s.id JOIN identifiers d ON d.instance_id = i.id "
        "WHERE t.subject_id IN (SELECT t2.subject_id FROM instances i2 JOIN series s2 ON s2.id = i2.series_id "
        " JOIN studies t2 ON t2.id = s2.study_id WHERE i2.sha256 IN (SELECT value FROM json_each(?)))",
        (wanted,),
    )
    found = {Identifier(*row) for row in rows}
    names = connection.execute(
        "SELECT name FROM instances WHERE name <> '' AND sha256 IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    found.update(Identifier("file name", row[0]) for row in names)
    return frozenset(found)


def first_days(connection: sqlite3.Connection, hashes: Iterable[str]) -> dict[str, str]:
    """The date (ISO 8601) of the first dated study of each subject among these files, by the subject's key."""
    rows = connection.execute(
        "SELECT p.subject_key, min(t.study_date) FROM instances i JOIN series s ON s.id = i.series_id "
        "JOIN studies t ON t.id = s.study_id JOIN subjects p ON p.id = t.subject_id "
        "WHERE i.sha256 IN (SELECT value FROM json_each(?)) AND t.study_date IS NOT NULL GROUP BY p.id",
        (json.dumps(list(hashes)),),
    )
    return dict(rows)


def frames_of(connection: sqlite3.Connection, hashes: Iterable[str]) -> dict[str, int]:
    """How many frames each DICOM object among these files has, by its SOP Instance UID."""
    rows = connection.execute(
        "SELECT sop_instance_uid, frames FROM instances WHERE kind = 'dicom'"
        " AND sha256 IN (SELECT value FROM json_each(?))",
        (json.dumps(list(hashes)),),
    )
    return dict(rows)


def cases_with(connection: sqlite3.Connection, concepts: Iterable[str]) -> int:
    """How many cases have one of these concepts: in a finding that is present, as a term, or in a clip."""
    among = json.dumps(sorted(concepts))
    wanted = "IN (SELECT value FROM json_each(?1))"
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT key FROM findings WHERE key > 0 AND certainty NOT IN"
        f" ('absent', 'not_assessed') AND (structure {wanted} OR abnormality {wanted} OR site {wanted}"
        f" OR maneuver {wanted}) UNION SELECT case_id FROM case_terms WHERE term {wanted}"
        f" AND role <> 'differential' UNION SELECT case_id FROM media WHERE structure {wanted} OR plane {wanted}"
        f" OR mode {wanted} OR maneuver {wanted} OR patient_position {wanted})",
        (among,),
    ).fetchone()
    return int(row[0])


def sets(connection: sqlite3.Connection) -> tuple[TeachingSetRecord, ...]:
    found = []
    for set_id, slug, title, description, query, living in connection.execute(
        "SELECT id, slug, title, description, query, living FROM sets ORDER BY slug"
    ).fetchall():
        cases = connection.execute("SELECT slug FROM set_cases WHERE set_id = ? ORDER BY position", (set_id,))
        held = tuple(r[0] for r in cases)
        found.append(TeachingSetRecord(slug, title, description, held, query=query, living=bool(living)))
    return tuple(found)


def events(connection: sqlite3.Connection, *, subject: str = "", limit: int = 0) -> tuple[EventRow, ...]:
    """Ledger lines as the index holds them, newest last; the last ``limit`` of them (0: all)."""
    about = "WHERE subject = ?1 " if subject else ""  # with an OR for both it would go through every line
    rows = connection.execute(
        f"SELECT position, at, who, event, subject, details FROM events {about}ORDER BY position DESC LIMIT ?2",
        (subject, limit or -1),
    ).fetchall()
    return tuple(_event(row) for row in reversed(rows))


def each_event(connection: sqlite3.Connection) -> Iterator[EventRow]:
    """All ledger lines as the index holds them, oldest first, one at a time."""
    return map(_event, _paged(connection, "position, at, who, event, subject, details", "events", 0))


def last_heard(connection: sqlite3.Connection) -> int:
    """The position of the last ledger line that the index holds; 0 where it holds none."""
    (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
    return int(last)


def pictured(connection: sqlite3.Connection) -> Iterator[str]:
    """Files of which small pictures were made, sorted."""
    for sha256, is_pictured in _paged(connection, "sha256, pictured", "instances", ""):
        if is_pictured:
            yield sha256


def originals(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int]]:
    """Hash, kind and size of everything held, sorted by hash."""
    return _paged(connection, "sha256, kind, bytes", "instances", "")


def _paged(connection: sqlite3.Connection, columns: str, table: str, before: int | str) -> Iterator[Any]:
    """Rows in the order of their first column, some at a time: nobody who writes waits until all are read."""
    key = columns.partition(",")[0]
    page = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1000"
    while rows := connection.execute(page, (before,)).fetchall():
        yield from rows
        if rows[-1][0] <= before:  # a damaged index; it must not be walked for ever
            return
        before = rows[-1][0]


def events_of(connection: sqlite3.Connection, kinds: Sequence[str] = ()) -> tuple[EventRow, ...]:
    """Ledger lines of these kinds (of all where none is named), oldest first."""
    some = f" WHERE event IN ({', '.join('?' * len(kinds))})" if kinds else ""
    rows = connection.execute(
        f"SELECT position, at, who, event, subject, details FROM events{some} ORDER BY position", tuple(kinds)
    ).fetchall()
    return tuple(_event(row) for row in rows)


def events_about(connection: sqlite3.Connection, subject: str, limit: int = 0) -> tuple[EventRow, ...]:
    """Ledger lines about a case, file or set, and about the exports that a case was in; the last ``limit`` of them."""
    rows = connection.execute(
        "SELECT position, at, who, event, subject, details FROM events WHERE subject = ?1 OR (event = 'exported'"
        " AND EXISTS (SELECT 1 FROM json_each(details, '$.cases') WHERE value = ?1)) ORDER BY position DESC LIMIT ?2",
        (subject, limit or -1),
    ).fetchall()
    return tuple(_event(row) for row in reversed(rows))


def files_of(connection: sqlite3.Connection, subject: int) -> tuple[str, ...]:
    """Hashes of the files of a patient, in the order in which they were taken."""
    rows = connection.execute(
        "SELECT i.sha256 FROM instances i JOIN series s ON s.id = i.series_id JOIN studies t ON t.id = s.study_id"
        " WHERE t.subject_id = ? ORDER BY i.id",
        (subject,),
    )
    return tuple(r[0] for r in rows)


def _event(row: tuple[Any, ...]) -> EventRow:
    position, at, who, event, subject, text = row
    details = json.loads(text)
    return EventRow(position, at, who, event, subject, details, details.pop("aside", {}))


def anchor(connection: sqlite3.Connection) -> tuple[int, str]:
    """Position and hash of the last line of the ledger that the index heard of; (0, "") where it keeps none."""
    row = connection.execute("SELECT value FROM about WHERE name = 'ledger'").fetchone()
    position, _, digest = str(row[0] if row else "0 ").partition(" ")
    return (int(position) if position.isdecimal() else 0), digest


def upgraded_from(connection: sqlite3.Connection) -> str:
    """The older form in which the originals were read into this index; empty where it was made in today's."""
    row = connection.execute("SELECT value FROM about WHERE name = 'upgraded_from'").fetchone()
    return str(row[0]) if row else ""


def behind(connection: sqlite3.Connection) -> int:
    """How many ledger lines, from the first on, the index knows without a gap."""
    found = connection.execute("SELECT count(*), coalesce(max(position), 0) FROM events").fetchone()
    return int(found[1]) if found[0] == found[1] else 0


def counts(connection: sqlite3.Connection) -> dict[str, Any]:
    """Totals and tallies for ``stats``."""

    def tally(sql: str) -> dict[str, int]:
        return dict(connection.execute(sql).fetchall())

    def one(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0] or 0)

    present = "certainty IN ('definite', 'probable', 'possible') AND origin = 'record'"
    # one by one in the order of an index, the rows of a large archive would be read many times over
    as_they_lie = "findings NOT INDEXED"
    kinds = connection.execute(
        "SELECT kind, count(*), sum(frames > 1), sum(pictured = 0), sum(bytes) FROM instances"
        " GROUP BY kind ORDER BY kind"
    ).fetchall()
    files, cine, without_picture, size = (sum(row[place] for row in kinds) for place in range(1, 5))
    findings, absent = connection.execute(
        f"SELECT coalesce(sum({present}), 0), coalesce(sum(certainty = 'absent' AND origin = 'record'), 0)"
        " FROM findings"
    ).fetchone()
    return {
        "cases": one("SELECT count(*) FROM cases"),
        "cases_by_status": tally("SELECT status, count(*) FROM cases GROUP BY status ORDER BY status"),
        "cases_by_difficulty": tally(
            "SELECT difficulty, count(*) FROM cases WHERE difficulty <> '' GROUP BY difficulty ORDER BY 1"
        ),
        "cases_without_findings": one(
            "SELECT count(*) FROM cases WHERE id NOT IN (SELECT key FROM findings WHERE origin = 'record')"
        ),
        "findings": findings,
        "absent_findings": absent,
        "structures": tally(
            f"SELECT structure, count(DISTINCT key) n FROM {as_they_lie} WHERE {present} AND structure <> '' "
            "GROUP BY structure ORDER BY n DESC, structure"
        ),
        "abnormalities": tally(
            f"SELECT abnormality, count(DISTINCT key) n FROM {as_they_lie} WHERE {present} "
            "GROUP BY abnormality ORDER BY n DESC, abnormality"
        ),
        "files": files,
        "files_by_kind": {kind: count for kind, count, *_ in kinds},
        "files_without_case": one(
            "SELECT count(*) FROM instances WHERE id NOT IN "
            "(SELECT instance_id FROM media WHERE instance_id IS NOT NULL)"
        ),
        "cine": cine,
        "without_picture": without_picture,
        "calibrated": one("SELECT count(DISTINCT instance_id) FROM ultrasound_regions"),
        "bytes": size,
        "subjects": one("SELECT count(*) FROM subjects"),
        "studies": one("SELECT count(*) FROM studies"),
        "series": one("SELECT count(*) FROM series"),
        "sets": one("SELECT count(*) FROM sets"),
    }


#: What the truth determines; row numbers and ``sources`` (a memory of where bytes were seen) are left out.
_LOGICAL = {
    "files": f"{_DETAIL} ORDER BY i.sha256",
    "regions": "SELECT i.sha256, r.* FROM ultrasound_regions r JOIN instances i ON i.id = r.instance_id "
    "ORDER BY i.sha256, r.position",
    "claims": "SELECT i.sha256, c.what, c.source, c.value FROM claims c JOIN instances i ON i.id = c.instance_id "
    "ORDER BY 1, 2, 3, 4",
    "identifiers": "SELECT i.sha256, d.keyword, d.value FROM identifiers d JOIN instances i ON i.id = d.instance_id "
    "ORDER BY 1, 2, 3",
    "reports": "SELECT i.sha256, r.text FROM reports r JOIN instances i ON i.id = r.instance_id ORDER BY 1",
    "cases": "SELECT * FROM cases ORDER BY slug",
    "media": "SELECT c.slug, m.*, i.sha256 FROM media m JOIN cases c ON c.id = m.case_id "
    "LEFT JOIN instances i ON i.id = m.instance_id ORDER BY c.slug, m.position",
    "findings": "SELECT coalesce(c.slug, i.sha256), f.* FROM findings f JOIN documents d ON d.id = f.document "
    "LEFT JOIN cases c ON c.id = d.case_id LEFT JOIN instances i ON i.id = d.instance_id ORDER BY 1, f.position",
    "evidence": "SELECT c.slug, f.finding_id, e.* FROM evidence e JOIN findings f ON f.id = e.finding "
    "JOIN cases c ON c.id = f.key ORDER BY c.slug, f.position, e.position",
    "grades": "SELECT c.slug, f.finding_id, g.* FROM grades g JOIN findings f ON f.id = g.finding "
    "JOIN cases c ON c.id = f.key ORDER BY c.slug, f.position, g.scale",
    "relations": "SELECT c.slug, f.finding_id, r.kind, r.structure FROM relations r "
    "JOIN findings f ON f.id = r.finding JOIN cases c ON c.id = f.key ORDER BY 1, 2, 3, 4",
    "measurements": "SELECT c.slug, m.* FROM measurements m JOIN cases c ON c.id = m.case_id "
    "ORDER BY c.slug, m.position",
    "priors": "SELECT c.slug, p.* FROM priors p JOIN cases c ON c.id = p.case_id ORDER BY c.slug, p.position",
    "terms": "SELECT c.slug, t.* FROM case_terms t JOIN cases c ON c.id = t.case_id ORDER BY 1, 3, 4, 5, 6",
    "documents": "SELECT coalesce(c.slug, i.sha256) AS owner, q.* FROM documents d "
    "LEFT JOIN cases c ON c.id = d.case_id LEFT JOIN instances i ON i.id = d.instance_id "
    "JOIN case_search q ON q.rowid = d.id ORDER BY 1",
    "sets": "SELECT s.slug, s.title, s.description, s.query, s.living, c.position, c.slug FROM sets s "
    "LEFT JOIN set_cases c ON c.set_id = s.id ORDER BY 1, 4",
    "events": "SELECT * FROM events ORDER BY position",
}
_ROW_NUMBERS = frozenset(
    {"id", "series_id", "case_id", "instance_id", "key", "document", "finding", "set_id"}
)


def logical_dump(connection: sqlite3.Connection) -> Iterator[str]:
    """One line of JSON a fact, sorted and without row numbers: equal for equal archives."""
    for name, sql in _LOGICAL.items():
        cursor = connection.execute(sql)
        columns = [c[0] for c in cursor.description]
        for row in cursor:
            facts = [(c, v) for c, v in zip(columns, row, strict=True) if c not in _ROW_NUMBERS]
            yield json.dumps([name, *facts], ensure_ascii=False)


# ------------------------------------------------------------------------------------------------- parts


def _facts(connection: sqlite3.Connection, row: dict[str, Any]) -> Facts:
    regions = connection.execute(
        "SELECT min_x0, min_y0, max_x1, max_y1, spatial_format, data_type, flags, units_x, units_y, delta_x, delta_y,"
        " ref_pixel_x0, ref_pixel_y0, ref_value_x, ref_value_y, source FROM ultrasound_regions "
        "WHERE instance_id = ? ORDER BY position",
        (row["id"],),
    )
    found = connection.execute(
        "SELECT keyword, value FROM identifiers WHERE instance_id = ? ORDER BY 1, 2", (row["id"],)
    )
    claims = connection.execute(
        "SELECT what, value, source FROM claims WHERE instance_id = ? ORDER BY 1, 3, 2", (row["id"],)
    )
    return Facts(
        kind=row["kind"],
        subject=Subject("", row["patient_sex"], row["patient_species"]),
        study=Study(**{a.column: row[a.column] for a in by_level("study")}),
        series=Series(**{a.column: row[a.column] for a in by_level("series")}),
        instance=Instance(
            **{a.column: row[a.column] for a in by_level("instance")},
            transfer_syntax_uid=row["transfer_syntax_uid"],
            anatomic_region=row["anatomic_region"],
            transducer_frequency=row["transducer_frequency"],
        ),
        timing=Timing(
            row["fps"], row["fps_source"], row["duration_s"], tuple(json.loads(row["frame_times"]))
        ),
        regions=tuple(UltrasoundRegion(*r) for r in regions),
        identifiers=tuple(Identifier(*i) for i in found),
        notes=tuple(json.loads(row["notes"])),
        media_type=row["media_type"],
        claims=tuple(Claim(*c) for c in claims),
        report=report_of(connection, row["id"]),
    )
