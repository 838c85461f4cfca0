"""A finding clause as rows: findings, then diagnoses, clips and, where nobody annotated anything, text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from casearchive.choices import PRESENT
from casearchive.query import fts
from casearchive.query.pieces import (
    ABSENT,
    MATCH,
    OTHER_SIDE,
    Documents,
    Sql,
    accepted,
    among,
    any_way,
    between,
    every,
    like,
    only_of,
    other_sides,
    side_factor,
    sql,
    value,
)
from casearchive.query.text_rows import text_match, text_rows
from casearchive.query.tree import Definition, FindingClause, GradeTest, Wanted
from casearchive.terms.grades import spellings

#: How much each place counts where what was asked is found there; and how much less a finding counts that is less
#: than certain, not reviewed, read in the text, of a kind or part of what was asked, over, elsewhere, or of no degree.
DIAGNOSIS, MEDIA, TEXT = 0.8, 0.5, 0.25
LESS_CERTAIN = {"probable": 0.95, "possible": 0.6}
UNREVIEWED, MINED, NARROWER, HISTORICAL, ELSEWHERE, NO_SEVERITY = 0.9, 0.85, 0.9, 0.3, 0.6, 0.7
#: An absence in a part of what was asked.
IN_A_PART = 0.6


class Places(NamedTuple):
    """Where a clause may be answered besides the findings that are present. ``absence`` is the level at which a
    documented absence answers; ``of_annotated``: the text of annotated cases counts too."""

    absence: int | None = None
    media: bool = False
    diagnosis: bool = False
    text: bool = False
    of_annotated: bool = False


def places(clause: FindingClause) -> Places:
    if "absent" in clause.certainty:
        return Places(MATCH)
    plain = clause.certainty == PRESENT
    named = clause.structure is not None or clause.abnormality is not None
    special = (clause.grades or clause.doppler or clause.filled or clause.confirmed_by or clause.echogenicity
               or clause.reviewed is not None or clause.only_sides)  # fmt: skip
    narrowed = clause.modality or clause.severity or clause.temporality
    about_place = clause.abnormality is None and plain and not special and not narrowed
    loose = not clause.strict and not special
    graded = clause.severity and "severity" not in clause.loose
    return Places(
        absence=ABSENT if plain and named else None,
        media=about_place and clause.structure is not None,
        diagnosis=loose and named and not (narrowed or clause.site or clause.maneuver),
        text=loose and plain and not graded and bool(text_match(clause)),
        of_annotated=about_place and not clause.sides,
    )


def finding_clause(clause: FindingClause, only: Documents | None) -> list[Sql]:
    """Where one finding, or what stands for it, is all that was asked."""
    where = places(clause)
    rows = _present_rows(clause, only)
    if where.absence is not None:
        rows.append(_absent_rows(clause, only, where.absence))
    if asks_of_parts(clause):
        rows.append(_absent_in_a_part(clause, only))
    if where.media:
        rows.append(_media_rows(clause, only))
    if where.diagnosis:
        rows.append(_diagnosis_rows(clause, only))
    if where.text:
        rows.append(_text_rows(clause, only, annotated=where.of_annotated))
    return rows


def diagnosis_roles(clause: FindingClause) -> tuple[str, ...]:
    """A syndrome (sciatica) is no picture finding: the complaint or the author's tag names it as well."""
    syndrome = clause.abnormality is not None and clause.abnormality.kind == "diagnosis"
    return ("diagnosis", "symptom", "tag") if syndrome and clause.structure is None else ("diagnosis",)


def _present_rows(clause: FindingClause, only: Documents | None) -> list[Sql]:
    """Presence climbs: findings of the kinds asked for, at the parts asked for; then by definition."""
    present = [c for c in clause.certainty if c != "absent"]
    if not present:
        return []
    structure, abnormality = _columns(only)
    place = sql(f"{structure} IN {{}}", among(in_places(clause))) if clause.structure else Sql("1")
    kind = sql(f"{abnormality} IN {{}}", among(clause.abnormality.ids)) if clause.abnormality else Sql("1")
    ways = [every([kind, place])]
    if clause.implied:
        ways.append(sql(f"{abnormality} IN {{}}", among(clause.implied)))
    for definition in clause.abnormality.definitions if clause.abnormality else ():
        ways.append(every([_defined(definition, only), place]))
    held = _certainties(present)
    return [_finding_rows(clause, every([way, held]), only, MATCH, OTHER_SIDE) for way in ways]


def in_places(clause: FindingClause) -> tuple[str, ...]:
    """What is found in a part is found in the whole; but a normal part makes no normal whole."""
    assert clause.structure is not None
    normal = clause.abnormality is not None and clause.abnormality.kind == "normality"
    return clause.structure.above if normal else clause.structure.ids


def _columns(only: Documents | None) -> tuple[str, str]:
    """Structure and abnormality, looked up by index; of a few cases, by case (the plus forbids the index)."""
    return ("+f.structure", "+f.abnormality") if only else ("f.structure", "f.abnormality")


def _certainties(present: Sequence[str]) -> Sql:
    if tuple(present) == PRESENT:
        return Sql("f.certainty NOT IN ('absent', 'not_assessed')")
    return sql("f.certainty IN {}", among(present))


def _absent_rows(clause: FindingClause, only: Documents | None, level: int) -> Sql:
    """Documented absences: the match where that was asked (``level`` MATCH), else what is left out."""
    asked = level == MATCH
    where = every([Sql("f.certainty = 'absent'"), _up(clause, only, both_ways=not asked)])
    return _finding_rows(clause, where, only, level, OTHER_SIDE if asked else -1)


def asks_of_parts(clause: FindingClause) -> bool:
    """Whether the absence in a part, or of a kind, answers too: where it was asked in plain words ("gastrocnemius no
    tear", "no fracture"). It says less than was asked, and nothing where another part or kind is there; what an author
    denies is not there for what somebody read in the words."""
    if "absent" not in clause.certainty or clause.abnormality is None:
        return False
    asked = [w for w in (clause.structure, clause.abnormality) if w is not None]
    return not any(w.by_field or w.exact or w.literal for w in asked)


def _absent_in_a_part(clause: FindingClause, only: Documents | None) -> Sql:
    asked = (("o.structure", clause.structure), ("o.abnormality", clause.abnormality))
    there = [sql(f"{column} IN {{}}", among(w.ids)) for column, w in asked if w is not None]
    elsewhere = sql(
        "NOT EXISTS (SELECT 1 FROM findings o WHERE o.document = f.document AND o.certainty IN {} AND {}"
        " AND (f.origin <> 'record' OR o.origin = 'record'))",
        among(PRESENT),
        every(there),
    )
    where = every([Sql("f.certainty = 'absent'"), _up(clause, only, both_ways=True), elsewhere])
    return _finding_rows(clause, where, only, MATCH, OTHER_SIDE, weight=IN_A_PART)


def _finding_rows(
    clause: FindingClause, where: Sql, only: Documents | None, level: int, other: int, *, weight: float = 1.0
) -> Sql:
    """Rows of findings; those of another side get level ``other``, or are left out where it is -1."""
    factors = [
        Sql(
            "CASE f.certainty"
            + "".join(f" WHEN '{c}' THEN {w}" for c, w in LESS_CERTAIN.items())
            + " ELSE 1.0 END"
        ),
        Sql(
            f"CASE f.origin WHEN 'record' THEN CASE f.reviewed WHEN 1 THEN 1.0 ELSE {UNREVIEWED} END"
            f" ELSE {MINED} END"
        ),
        _specific("f.abnormality", clause.abnormality),
        _specific("f.structure", clause.structure),
    ]
    if "historical" not in clause.temporality:
        factors.append(Sql(f"CASE f.temporality WHEN 'historical' THEN {HISTORICAL} ELSE 1.0 END"))
    if clause.beside is not None:
        factors.append(
            sql(f"CASE WHEN f.structure IN {{}} THEN 1.0 ELSE {ELSEWHERE} END", among(clause.beside.ids))
        )
    if clause.severity and "severity" in clause.loose:
        factors.append(Sql(f"CASE f.severity WHEN '' THEN {NO_SEVERITY} ELSE 1.0 END"))
    if weight != 1.0:
        factors.append(Sql(str(weight)))
    weighed = Sql(" * ".join(f.text for f in factors), tuple(v for f in factors for v in f.params))
    tests = every([where, _properties(clause)])
    if not clause.sides:
        return sql(
            "SELECT key, score, level, score - 10 * level AS rank, 'finding' AS source, ref"
            " FROM (SELECT f.document AS key, {} AS score, {} AS level, f.id AS ref"
            " FROM findings f WHERE {}{})",
            weighed,
            Sql(str(level)),
            tests,
            only_of("f.document", only),
        )
    levels = Sql(f"CASE WHEN side > 0 THEN {level} ELSE {other} END")
    return sql(
        "SELECT key, score, level, score - 10 * level AS rank, 'finding' AS source, ref"
        " FROM (SELECT key, weight * max(side, 0.4) AS score, {} AS level, ref"
        " FROM (SELECT f.document AS key, {} AS weight, {} AS side, f.id AS ref FROM findings f WHERE {}{}))"
        " WHERE level >= 0",
        levels,
        weighed,
        side_factor("f.side", clause.sides),
        tests,
        only_of("f.document", only),
    )


def _specific(column: str, wanted: Wanted | None) -> Sql:
    """The concept itself counts a little more than its kinds and parts."""
    if wanted is None or not wanted.asked or len(wanted.ids) == len(wanted.asked):
        return Sql("1.0")
    if len(wanted.asked) == 1:
        return sql(f"CASE {column} WHEN {{}} THEN 1.0 ELSE {NARROWER} END", value(wanted.asked[0]))
    return sql(f"CASE WHEN {column} IN {{}} THEN 1.0 ELSE {NARROWER} END", among(wanted.asked))


def _defined(definition: Definition, only: Documents | None) -> Sql:
    structure, abnormality = _columns(only)
    parts = [
        sql(f"{abnormality} IN {{}}", among(definition.abnormalities)),
        sql(f"{structure} IN {{}}", among(definition.structures)),
    ]
    if definition.sites:
        sites = among(definition.sites)
        parts.append(sql("(f.site IN {} OR f.structure IN {})", sites, sites))
    return every(parts)


def _up(clause: FindingClause, only: Documents | None, *, both_ways: bool) -> Sql:
    """Absence descends: no quadriceps tear is no rectus femoris tear. ``both_ways`` also takes the absence of
    a kind or a part, which answers nothing but is worth a mention."""
    structure, abnormality = clause.structure, clause.abnormality
    if structure is None and abnormality is not None and abnormality.definitions:
        # No tear somewhere else says nothing about a tennis leg.
        ways = [sql("f.abnormality IN {}", among(abnormality.ids))]
        return any_way([*ways, *(_defined(d, only) for d in abnormality.definitions)])
    parts = []
    for column, wanted in zip(_columns(only), (structure, abnormality), strict=True):
        if wanted is not None:
            ids = {*wanted.above, *wanted.ids} if both_ways else set(wanted.above)
            parts.append(sql(f"{column} IN {{}}", among(sorted(ids))))
    return every(parts)


def at_maneuver(names: Sequence[str]) -> Sql:
    """Findings ``f`` under a manoeuvre: they say so, a clip that shows them does, or one of their measurements."""
    ids = among(names)
    return sql(
        "(f.maneuver IN {} OR EXISTS (SELECT 1 FROM evidence e JOIN media m ON m.case_id = f.document"
        " AND m.media_id = e.media_id WHERE e.finding = f.id AND m.maneuver IN {})"
        " OR EXISTS (SELECT 1 FROM measurements x WHERE x.case_id = f.document AND x.finding_id = f.finding_id"
        " AND x.state IN {}))",
        ids,
        ids,
        ids,
    )


def _properties(clause: FindingClause) -> Sql:
    parts: list[Sql] = []
    if clause.site is not None:
        ids = among(clause.site.ids)
        parts.append(sql("(f.site IN {} OR f.structure IN {})", ids, ids))
    if clause.maneuver is not None:
        parts.append(at_maneuver(clause.maneuver.ids))
    if clause.severity:
        allowed = (*clause.severity, "") if "severity" in clause.loose else clause.severity
        parts.append(sql("f.severity IN {}", among(allowed)))
    if clause.temporality:
        parts.append(sql("f.temporality IN {}", among(clause.temporality)))
    if clause.modality:
        parts.append(sql("f.modality IN {}", among(clause.modality)))
    parts.extend(sql("f.echogenicity LIKE {} ESCAPE '\\'", value(like(e))) for e in clause.echogenicity)
    parts.extend(
        sql(
            "(f.confirmed_by LIKE {} ESCAPE '\\' OR EXISTS (SELECT 1 FROM case_terms t WHERE t.case_id = f.document"
            " AND t.role = 'confirmed' AND t.term LIKE {} ESCAPE '\\'))",
            value(like(c)),
            value(like(c)),
        )
        for c in clause.confirmed_by
    )
    if clause.reviewed is not None:
        parts.append(Sql(f"f.reviewed = {int(clause.reviewed)}"))
    if clause.only_sides:
        parts.append(sql("f.side IN {}", among(accepted(clause.only_sides))))
    parts.extend(_grade(test) for test in clause.grades)
    if clause.doppler is not None:
        parts.append(between("f.doppler_value", clause.doppler))
    parts.extend(Sql(f"f.{_FINDING_COLUMNS[name]} NOT IN ('', 'unknown', '[]')") for name in clause.filled)
    return every(parts)


_FINDING_COLUMNS = {
    name: name
    for name in (
        "structure", "abnormality", "site", "side", "severity", "temporality", "modality", "maneuver",
        "echogenicity", "confirmed_by", "doppler_value",
    )
}  # fmt: skip


def _grade(test: GradeTest) -> Sql:
    parts = [Sql("g.finding = f.id")]
    if test.scale:
        parts.append(sql("g.scale = {}", value(test.scale)))
    if test.range is not None:
        parts.append(between("g.ordinal", test.range))
    if test.value:
        parts.append(sql("lower(g.value) IN {}", among(spellings(test.value))))
    return sql("EXISTS (SELECT 1 FROM grades g WHERE {})", every(parts))


def _media_rows(clause: FindingClause, only: Documents | None) -> Sql:
    """A clip of the structure answers a question for the structure."""
    assert clause.structure is not None
    parts = [sql("m.structure IN {}", among(clause.structure.ids))]
    if clause.maneuver is not None:
        parts.append(sql("m.maneuver IN {}", among(clause.maneuver.ids)))
    if clause.site is not None:
        parts.append(sql("m.structure IN {}", among(clause.site.ids)))
    return sql(
        "SELECT key, {} * max(side, 0.4) AS score, side = 0 AS level,"
        " CASE WHEN side = 0 THEN -10 WHEN side < 1 THEN -12 ELSE 0.5 END AS rank, 'media' AS source, ref"
        " FROM (SELECT m.case_id AS key, m.id AS ref, {} AS side FROM media m WHERE {}{})",
        value(MEDIA),
        side_factor("m.side", clause.sides),
        every(parts),
        only_of("m.case_id", only),
    )


def _diagnosis_rows(clause: FindingClause, only: Documents | None) -> Sql:
    parts = [
        sql("t.role IN {}", among(diagnosis_roles(clause))),
        sql("t.certainty IN {}", among((*clause.certainty, ""))),
    ]
    place = sql("t.structure IN {}", among(clause.structure.ids)) if clause.structure else Sql("1")
    kind = sql("t.term IN {}", among(clause.abnormality.ids)) if clause.abnormality else Sql("1")
    ways = [every([place, kind])]
    if clause.implied:
        ways.append(sql("t.term IN {}", among(clause.implied)))
    parts.append(any_way(ways))
    return sql(
        "SELECT key, {} * max(side, 0.4) AS score, side = 0 AS level,"
        " CASE WHEN side = 0 THEN -10 WHEN side < 1 THEN -12 ELSE 0.8 END AS rank, 'diagnosis' AS source, ref"
        " FROM (SELECT t.case_id AS key, json_array(t.term, t.structure, t.side, t.role) AS ref, {} AS side"
        " FROM case_terms t WHERE {}{})",
        value(DIAGNOSIS),
        side_factor("t.side", clause.sides),
        every(parts),
        only_of("t.case_id", only),
    )


def _text_rows(clause: FindingClause, only: Documents | None, *, annotated: bool) -> Sql:
    """Words speak for what nobody annotated; of an annotated case, only about which structures it is.

    Where the text itself was understood to say of which structure the abnormality is, or that it is not there,
    that row answers and the words do not."""
    rows = text_rows(text_match(clause), TEXT, only, unless=None if annotated else _said_otherwise(clause))
    if not clause.sides:
        return rows
    wanted, others = accepted(clause.sides), other_sides(clause.sides)
    read_other = sql("({} AND NOT {})", _read_of_side(others), _read_of_side(wanted))
    return sql(
        "SELECT key, score * max(side, 0.4), side = 0, CASE WHEN side = 0 THEN -10 WHEN side < 1 THEN -12"
        " ELSE 0.3 END, source, ref"
        " FROM (SELECT r.*, CASE WHEN {} AND NOT {} THEN 1.0 WHEN {} OR {} THEN 0.0 ELSE 0.4 END AS side"
        " FROM ({}) r)",
        _text_side(wanted),
        read_other,
        _text_side(others),
        read_other,
        rows,
    )


def told_by(wanted: Wanted) -> set[str]:
    """The abnormalities whose place in a text tells whether this one is there: its kinds, what it is a kind of, and
    what it is by its definition."""
    return {*wanted.ids, *wanted.above, *(i for d in wanted.definitions for i in d.abnormalities)}


def _read_of_side(sides: Sequence[str]) -> Sql:
    """Whether the words of row ``r`` were understood to show something on one of these sides."""
    return sql(
        "EXISTS (SELECT 1 FROM findings f WHERE f.document = r.key AND f.origin <> 'record'"
        " AND f.certainty IN {} AND f.side IN {})",
        among(PRESENT),
        among(sides),
    )


def _said_otherwise(clause: FindingClause) -> Sql:
    """Rows of a document's findings that keep its words from answering."""
    if clause.abnormality is None:
        return Sql("f.origin = 'record'")
    ids = among(sorted(told_by(clause.abnormality)))
    said = sql("f.abnormality IN {} AND (f.structure <> '' OR f.certainty = 'absent')", ids)
    return any_way([Sql("f.origin = 'record'"), said])


def _text_side(sides: Sequence[str]) -> Sql:
    """Whether the clips, the file or the words of row ``r`` name one of these sides."""
    words = fts.within(fts.PLAIN, fts.any_of(fts.token(s) for s in sides)) if sides else fts.quoted("cxnone")
    return sql(
        "(EXISTS (SELECT 1 FROM media m WHERE m.case_id = r.key AND m.side IN {})"
        " OR EXISTS (SELECT 1 FROM documents d JOIN instances i ON i.id = d.instance_id"
        " WHERE d.id = r.key AND i.side IN {})"
        " OR EXISTS (SELECT 1 FROM case_search WHERE case_search MATCH {} AND rowid = r.ref))",
        among(sides),
        among(sides),
        value(words),
    )
