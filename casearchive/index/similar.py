"""Cases that are like a case: which ones to compare, and what is compared of each. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from casearchive.choices import PRESENT
from casearchive.errors import NotFound
from casearchive.likeness import Comparison, Features, Likeness, Seen
from casearchive.terms import Lexicon

#: No more cases than this are compared: those that share most with the case.
MOST_COMPARED = 5_000

_PRESENT = "certainty IN ('definite', 'probable', 'possible')"


def similar(
    connection: sqlite3.Connection,
    slug: str,
    vocabulary: Lexicon,
    *,
    limit: int = 10,
    without: str = "",
    same_side: bool = False,
) -> tuple[Likeness, ...]:
    """The most similar cases, the nearest first; ties by slug.

    Args:
        without: an abnormality (concept id) that the others must not have: cases for contrast.
        same_side: findings of the other side count less; otherwise the side does not matter.

    Raises:
        NotFound: there is no such case.
    """
    row = connection.execute("SELECT id FROM cases WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        raise NotFound(f"there is no case {slug}", hint="See: casearchive search")
    (this,) = _features(connection, [row[0]]).values()
    comparison = Comparison(vocabulary, _counts(connection), same_side, without)
    others = _features(connection, _candidates(connection, row[0], this, vocabulary))
    found = [
        likeness for other in others.values() if (likeness := comparison.compare(this, other)) is not None
    ]
    return tuple(sorted(found, key=lambda each: (-each.score, each.case))[:limit])


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    counts: dict[str, int] = {}
    for column in ("structure", "abnormality"):
        for concept, count in connection.execute(
            f"SELECT {column}, count(*) FROM findings WHERE {_PRESENT} GROUP BY {column}"
        ):
            counts[concept] = counts.get(concept, 0) + count
    return counts


def _candidates(
    connection: sqlite3.Connection, case_id: int, this: Features, vocabulary: Lexicon
) -> list[int]:
    """Cases that have a finding near one of this case's, by place or by kind, those that share most first."""
    places = _near(vocabulary, (seen.structure for seen in this.present))
    kinds = _near(vocabulary, (seen.abnormality for seen in this.present))
    words = [word for _, word in this.besides]
    rows = connection.execute(
        "SELECT key FROM (SELECT key, 2 AS weight FROM findings WHERE key > 0 AND abnormality IN"
        " (SELECT value FROM json_each(?)) UNION ALL SELECT key, 2 FROM findings WHERE key > 0 AND structure IN"
        " (SELECT value FROM json_each(?)) UNION ALL SELECT case_id, 1 FROM case_terms WHERE term IN"
        " (SELECT value FROM json_each(?))) WHERE key <> ? GROUP BY key ORDER BY sum(weight) DESC, key LIMIT ?",
        (_listed(kinds), _listed(places), _listed(words), case_id, MOST_COMPARED),
    )
    return [key for (key,) in rows]


def _near(vocabulary: Lexicon, concepts: Iterable[str]) -> set[str]:
    """The concepts, their kinds and parts, and their siblings below the next broader concept."""
    found: set[str] = set()
    for concept_id in {c for c in concepts if c}:
        concept = vocabulary.concept(concept_id)
        found |= vocabulary.narrower(concept_id) | {concept_id}
        for upper in (*concept.is_a, *concept.part_of, *concept.region) if concept else ():
            below = vocabulary.narrower(upper)
            found |= below if len(below) <= 60 else {upper}
    return found


def _listed(items: Iterable[str | int]) -> str:
    return json.dumps(sorted(items, key=str))


def _features(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Features]:
    """What is compared of these cases, by id, in the order asked."""
    wanted = list(ids)
    among = json.dumps(wanted)
    present: dict[int, list[Seen]] = {}
    absent: dict[int, list[Seen]] = {}
    besides: dict[int, set[tuple[str, str]]] = {}
    for key, structure, abnormality, side, certainty, maneuver in connection.execute(
        # what was read in the words stands for the findings only where the author wrote none
        "SELECT f.key, structure, abnormality, side, certainty, maneuver FROM findings f"
        " WHERE f.key IN (SELECT value FROM json_each(?)) AND (f.origin = 'record' OR NOT EXISTS"
        " (SELECT 1 FROM findings o WHERE o.document = f.document AND o.origin = 'record'))"
        " ORDER BY f.key, f.position",
        (among,),
    ):
        if certainty in PRESENT:
            present.setdefault(key, []).append(Seen(structure, abnormality, side))
        elif certainty == "absent":
            absent.setdefault(key, []).append(Seen(structure, abnormality, side))
        if maneuver:
            besides.setdefault(key, set()).add(("manoeuvre", maneuver))
    for key, role, term in connection.execute(
        "SELECT case_id, role, term FROM case_terms WHERE role IN ('diagnosis', 'symptom', 'mechanism')"
        " AND case_id IN (SELECT value FROM json_each(?))",
        (among,),
    ):
        besides.setdefault(key, set()).add((role, term))
    for key, discordance in connection.execute(
        "SELECT case_id, discordance FROM priors WHERE discordance NOT IN ('', 'agreement')"
        " AND case_id IN (SELECT value FROM json_each(?))",
        (among,),
    ):
        besides.setdefault(key, set()).add(("earlier impression", discordance))
    cases = {
        key: (slug, title, age)
        for key, slug, title, age in connection.execute(
            "SELECT id, slug, title, age_years FROM cases WHERE id IN (SELECT value FROM json_each(?))",
            (among,),
        )
    }
    return {
        key: Features(
            cases[key][0], cases[key][1], tuple(present.get(key, ())), tuple(absent.get(key, ())),
            frozenset(besides.get(key, ())), cases[key][2],
        )
        for key in wanted
        if key in cases
    }  # fmt: skip
