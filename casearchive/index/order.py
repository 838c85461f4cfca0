"""Putting what a question found in order, the same every time, without looking at more than must be."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from casearchive.index.hits import Place
from casearchive.index.shelf import Shelf
from casearchive.query import facts
from casearchive.query.bits import Ranked, best, minus, positions
from casearchive.query.pieces import ABSENT, MATCH

#: Ways to order hits. All but relevance go by the key first, then by relevance.
SORTS = ("relevance", "title", "date", "newest", "difficulty")

#: No more documents than this are sorted by another key than relevance.
MOST_RANKED = 20_000
#: Of more documents that tie, the first are met by walking through all in order.
_MOST_LOOKED_UP = 500


def ordered(shelf: Shelf, found: Ranked, levels: Sequence[int], sort: str, limit: int) -> list[Place]:
    """The best ``limit`` in an order that is the same every time."""
    if sort == "relevance":
        chosen: list[Place] = []
        for level, documents in zip((MATCH, ABSENT), levels, strict=True):
            chosen += _most_relevant(shelf, found, documents, level, limit - len(chosen))
        return chosen
    hits = []
    for level, documents in zip((MATCH, ABSENT), levels, strict=True):
        sure, tied = best(found, documents, MOST_RANKED)
        places = [*positions(sure), *positions(tied, MOST_RANKED - sure.bit_count())]
        hits += [Place(shelf.number(p), round(found.score(p), 4), level) for p in places]
    numbers = [hit.document for hit in hits]
    ties = _tie_keys(shelf.connection, numbers)
    keys = _sort_keys(shelf.connection, numbers, sort)
    hits.sort(key=lambda h: (h.level, keys.get(h.document, ("~",)), -h.score, ties[h.document]))
    return hits[:limit]


def _most_relevant(shelf: Shelf, found: Ranked, documents: int, level: int, count: int) -> list[Place]:
    if count <= 0 or not documents:
        return []
    sure, tied = best(found, documents, count)
    places = positions(sure)
    places += _first_of_ties(shelf, tied, count - len(places)) if tied else []
    hits = [Place(shelf.number(p), found.score(p), level) for p in places]
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
            (among(numbers), count),
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


def among(keys: Iterable[int]) -> str:
    return json.dumps(list(keys))


def _tie_keys(connection: sqlite3.Connection, documents: list[int]) -> dict[int, tuple[int, str]]:
    """Moving before still, then by name. (That a finding is reviewed counts in its score.)"""
    rows = connection.execute(
        "SELECT d.id, c.slug, i.sha256, coalesce(i.frames > 1, EXISTS (SELECT 1 FROM media m"
        " JOIN instances n ON n.id = m.instance_id WHERE m.case_id = d.case_id AND n.frames > 1))"
        " FROM documents d LEFT JOIN cases c ON c.id = d.case_id LEFT JOIN instances i ON i.id = d.instance_id"
        " WHERE d.id IN (SELECT value FROM json_each(?))",
        (among(documents),),
    )
    return {document: (1 - cine, slug or "~" + sha256) for document, slug, sha256, cine in rows}


def _sort_keys(connection: sqlite3.Connection, documents: list[int], sort: str) -> dict[int, tuple[str, ...]]:
    chosen = (among(documents),)
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
