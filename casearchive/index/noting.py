"""Which facts the rows of a document tell: read when it is written, and kept as sets by ``shelf``."""

from __future__ import annotations

import json
import re
import sqlite3

from casearchive.index.shelf import Facts
from casearchive.query import facts
from casearchive.query.fts import PLAIN
from casearchive.terms import Lexicon, lexicon

#: Findings (terms, clips) of one document that are told apart; in a document with more, two share a bit.
MOST_ITEMS = 256

_TOKEN = re.compile(r"\bc[xy][a-z0-9]+")


def of_document(connection: sqlite3.Connection, document: int) -> Facts:
    """The facts of one document as its rows tell them; nothing where there is no such document."""
    row = connection.execute(
        "SELECT case_id, instance_id FROM documents WHERE id = ?", (document,)
    ).fetchone()
    if row is None:
        return {}
    found = _Found(lexicon())
    found.note(facts.EVERY)
    _of_findings(connection, document, found)
    _of_material(connection, document, found)
    if row[0] is not None:
        found.note(facts.CASE)
        _of_case(connection, document, found)
        _of_terms(connection, document, found)
        _of_media(connection, document, found)
    else:
        _of_file(connection, row[1], found)
    _of_text(connection, document, found)
    return found.bits


class _Found:
    """Facts being gathered."""

    def __init__(self, vocabulary: Lexicon) -> None:
        self._vocabulary = vocabulary
        self.bits: dict[str, int] = {}

    def note(self, name: str, item: int = 0) -> None:
        self.bits[name] = self.bits.get(name, 0) | 1 << item % MOST_ITEMS

    def value(self, column: str, value: object, item: int = 0) -> None:
        self.note(facts.plain(column, value), item)

    def concept(self, column: str, value: str, item: int = 0) -> None:
        for name in facts.names_of(column, value, self._vocabulary):
            self.note(name, item)


def _of_findings(connection: sqlite3.Connection, document: int, found: _Found) -> None:
    rows = connection.execute(
        "SELECT id, structure, abnormality, site, maneuver, certainty, side, severity, temporality, modality,"
        " reviewed, origin FROM findings WHERE document = ? ORDER BY position",
        (document,),
    ).fetchall()
    items = {}
    for item, (finding, structure, abnormality, site, maneuver, *plain, reviewed, origin) in enumerate(rows):
        items[finding] = item
        if origin == "record":
            found.note(facts.ANNOTATED)
        else:
            found.value("f.origin", origin, item)
        if structure:
            found.concept("f.structure", structure, item)
        else:
            found.value("f.structure", "", item)
        found.concept("f.abnormality", abnormality, item)
        found.concept("f.site", site, item)
        found.concept("f.maneuver", maneuver, item)
        for name, value in zip(
            ("certainty", "side", "severity", "temporality", "modality"), plain, strict=True
        ):
            found.value(f"f.{name}", value, item)
        if not reviewed:
            found.value("f.reviewed", reviewed, item)
    if not items:
        return
    for finding, scale, value, ordinal in connection.execute(
        "SELECT g.finding, g.scale, g.value, g.ordinal FROM findings f JOIN grades g ON g.finding = f.id"
        " WHERE f.document = ?",
        (document,),
    ):
        found.value("f.grade", json.dumps([scale, value.lower(), ordinal]), items[finding])
    for finding, maneuver in connection.execute(
        "SELECT f.id, m.maneuver FROM findings f JOIN evidence e ON e.finding = f.id"
        " JOIN media m ON m.case_id = f.document AND m.media_id = e.media_id"
        " WHERE f.document = ? AND m.maneuver <> ''",
        (document,),
    ):
        found.concept("f.maneuver", maneuver, items[finding])
    for finding, state in connection.execute(
        "SELECT f.id, x.state FROM findings f JOIN measurements x ON x.case_id = f.document"
        " AND x.finding_id = f.finding_id WHERE f.document = ? AND x.state <> ''",
        (document,),
    ):
        found.concept("f.maneuver", state, items[finding])


#: What a document may have, and the rows that are it.
_MATERIAL = {
    "measurement": "measurements x WHERE x.case_id = ?1",
    "prior": "priors x WHERE x.case_id = ?1",
    "grade": "findings f JOIN grades g ON g.finding = f.id WHERE f.document = ?1",
    "evidence": "findings f JOIN evidence e ON e.finding = f.id WHERE f.document = ?1",
    "roi": "findings f JOIN evidence e ON e.finding = f.id WHERE f.document = ?1 AND e.shape <> ''",
    "finding": "findings f WHERE f.document = ?1 AND f.certainty NOT IN ('absent', 'not_assessed')",
    "absent": "findings f WHERE f.document = ?1 AND f.certainty = 'absent'",
    "dynamic": "findings f WHERE f.document = ?1 AND f.at_rest <> '' AND f.during <> ''",
    "followup": "media m WHERE m.case_id = ?1 AND m.day > 0",
    "bilateral": "media m WHERE m.case_id = ?1 AND (m.side = 'bilateral' OR (m.side = 'left' AND EXISTS"
    " (SELECT 1 FROM media o WHERE o.case_id = m.case_id AND o.side = 'right')))",
    "flow": "findings f WHERE f.document = ?1 AND f.doppler_value IS NOT NULL",
}
_HAS_MATERIAL = "SELECT " + ", ".join(f"EXISTS (SELECT 1 FROM {rows})" for rows in _MATERIAL.values())


def _of_material(connection: sqlite3.Connection, document: int, found: _Found) -> None:
    for name, yes in zip(_MATERIAL, connection.execute(_HAS_MATERIAL, (document,)).fetchone(), strict=True):
        if yes:
            found.value("c.has", name)


def _of_case(connection: sqlite3.Connection, case_id: int, found: _Found) -> None:
    row = connection.execute("SELECT difficulty, status FROM cases WHERE id = ?", (case_id,)).fetchone()
    for name, value in zip(("difficulty", "status"), row, strict=True):
        found.value(f"c.{name}", value)


def _of_terms(connection: sqlite3.Connection, case_id: int, found: _Found) -> None:
    rows = connection.execute(
        "SELECT role, term, structure, side, certainty FROM case_terms WHERE case_id = ?", (case_id,)
    )
    for item, (role, term, structure, side, certainty) in enumerate(rows):
        found.concept("d.term", term, item)
        found.concept("d.structure", structure, item)
        for name, value in (("role", role), ("side", side), ("certainty", certainty)):
            found.value(f"d.{name}", value, item)


def _of_media(connection: sqlite3.Connection, case_id: int, found: _Found) -> None:
    rows = connection.execute(
        "SELECT m.structure, m.side, m.plane, m.mode, m.maneuver, m.patient_position, i.id, i.frames, i.pictured"
        " FROM media m LEFT JOIN instances i ON i.id = m.instance_id WHERE m.case_id = ? ORDER BY m.position",
        (case_id,),
    ).fetchall()
    for item, (structure, side, plane, mode, maneuver, position, instance, frames, pictured) in enumerate(
        rows
    ):
        found.concept("m.structure", structure, item)
        found.value("m.side", side, item)
        for name, value in (("plane", plane), ("mode", mode), ("maneuver", maneuver), ("position", position)):
            if value:
                found.value(f"m.{name}", value, item)
        if instance is not None:
            _of_picture("m", connection, instance, frames, pictured, found, item)


def _of_picture(
    letter: str,
    connection: sqlite3.Connection,
    instance: int,
    frames: int,
    pictured: int,
    found: _Found,
    item: int,
) -> None:
    if frames > 1:
        found.note(facts.CINE)
    for name, yes in (("cine", frames > 1), ("still", frames == 1), ("thumbnail", pictured)):
        if yes:
            found.value(f"{letter}.has", name, item)
    for (mode,) in connection.execute(
        "SELECT value FROM claims WHERE instance_id = ? AND what = 'mode'", (instance,)
    ):
        found.value(f"{letter}.mode", mode, item)


def _of_file(connection: sqlite3.Connection, instance: int, found: _Found) -> None:
    side, frames, pictured, modality = connection.execute(
        "SELECT i.side, i.frames, i.pictured, s.modality FROM instances i JOIN series s ON s.id = i.series_id"
        " WHERE i.id = ?",
        (instance,),
    ).fetchone()
    found.value("c.side", side)
    found.value("c.modality", modality or "")
    _of_picture("c", connection, instance, frames, pictured, found, 0)


def _of_text(connection: sqlite3.Connection, document: int, found: _Found) -> None:
    row = connection.execute(
        f"SELECT {', '.join(PLAIN)} FROM case_search WHERE rowid = ?", (document,)
    ).fetchone()
    for column, text in zip(PLAIN, row or ("",) * len(PLAIN), strict=True):
        for word in set(_TOKEN.findall(text.lower())):
            found.note(facts.in_text(word))
            if column == "title":
                found.note(facts.in_title(word))
            elif column == "diagnosis":
                found.note(facts.in_diagnosis(word))
