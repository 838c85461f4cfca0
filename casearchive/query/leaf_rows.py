"""Every leaf of a question as rows ``(key, score, level, rank, source, ref)``.

``key`` is the number of a document, which of a case is the number of the case too. ``level`` is one of
``pieces.MATCH``, ``OTHER_SIDE`` and ``ABSENT``. ``rank`` orders the rows of one key (its best row speaks for
it); ``source`` and ``ref`` tell where it was found.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from casearchive.choices import PRESENT
from casearchive.query import fts
from casearchive.query.fields import COLUMNS
from casearchive.query.finding_rows import DIAGNOSIS, TEXT, at_maneuver, finding_clause
from casearchive.query.pieces import (
    Documents,
    Sql,
    accepted,
    among,
    any_way,
    between,
    compare,
    every,
    like,
    only_of,
    other_sides,
    same,
    sql,
    value,
)
from casearchive.query.text_rows import concept_match, ranked_text, text_match, text_rows
from casearchive.query.tree import (
    CaseClause,
    FindingClause,
    Has,
    Leaf,
    Like,
    MeasureClause,
    MediaClause,
    Mention,
    Phrase,
    PriorClause,
    Range,
    Said,
    Side,
    TermClause,
    Test,
    Words,
)

#: How much each place counts.
TERM, WORDS, SAID, PASSED = 0.5, 0.6, 0.3, 0.1

MODALITY_CODES = {"us": ("US", "IVUS"), "mri": ("MR",), "xray": ("DX", "CR", "XA", "RF"), "ct": ("CT",)}


#: Kinds of concepts that clips name, with the column; and kinds that findings name.
OF_CLIP = {
    "maneuver": "maneuver", "maneuver_state": "maneuver", "plane": "plane", "position": "patient_position",
    "mode": "mode",
}  # fmt: skip
ALONE = ("maneuver", "modality", "severity", "temporality")


def rows_of(leaf: Leaf, only: Documents | None = None) -> Sql:
    """All rows of one leaf (of these documents only): where it matches and why."""
    parts = parts_of(leaf, only)
    return Sql(" UNION ALL ".join(p.text for p in parts), tuple(v for p in parts for v in p.params))


def parts_of(leaf: Leaf, only: Documents | None = None) -> list[Sql]:
    """The rows of one leaf place by place. But for findings and words, the rows of a place are all alike.

    Of some documents only, words are not weighed: that would count them in all documents.
    """
    if isinstance(leaf, FindingClause):
        parts = finding_clause(leaf, only)
        if leaf == FindingClause(modality=leaf.modality, sides=leaf.sides, strict=True):
            parts.append(_files_of_modality(leaf, only))
    elif isinstance(leaf, Words | Phrase):
        parts = [_text(text_match(leaf), WORDS, only)]
    elif isinstance(leaf, Said):
        parts = [_text(text_match(leaf), SAID, only)]
    elif isinstance(leaf, Mention):
        parts = _mention(leaf, only)
    elif isinstance(leaf, MediaClause):
        parts = _media_clause(leaf, only)
    elif isinstance(leaf, CaseClause):
        parts = _case_clause(leaf.test, only)
    elif isinstance(leaf, TermClause):
        parts = [_term_clause(leaf, only), *_told_diagnosis(leaf, only), *_told_complaint(leaf, only)]
    elif isinstance(leaf, PriorClause):
        parts = [_prior_clause(leaf, only)]
    elif isinstance(leaf, MeasureClause):
        parts = [_measure_clause(leaf, only)]
    elif isinstance(leaf, Like):
        parts = [_alike(leaf, only)]
    elif isinstance(leaf, Has):
        parts = _has(leaf.what, only)
    else:
        parts = _side_rows(leaf, only)
    return parts


def _text(match: str, weight: float, only: Documents | None) -> Sql:
    return ranked_text(match, weight) if only is None else text_rows(match, weight, only)


def _rows(
    source: str, ref: str, key: str, table: str, where: Sql, score: float, only: Documents | None
) -> Sql:
    """Plain rows of a table of cases; ``table``, ``key`` and ``ref`` are written here, never by a user."""
    column = key
    return sql(
        f"SELECT {key} AS key, {{}} AS score, 0 AS level, {{}} AS rank, '{source}' AS source, {ref} AS ref"  # noqa: S608
        f" FROM {table} WHERE {{}}{{}}",
        value(score),
        value(score),
        where,
        only_of(column, only),
    )


_FILE = (
    "documents d JOIN instances i ON i.id = d.instance_id JOIN series s ON s.id = i.series_id"
    " JOIN studies t ON t.id = s.study_id JOIN subjects p ON p.id = t.subject_id"
)
_CLIP = (
    "media m LEFT JOIN instances i ON i.id = m.instance_id LEFT JOIN series s ON s.id = i.series_id"
    " LEFT JOIN studies t ON t.id = s.study_id LEFT JOIN subjects p ON p.id = t.subject_id"
)
_ALIASES = {"subject": "p", "study": "t", "series": "s", "instance": "i"}


def _file_rows(where: Sql, score: float, only: Documents | None) -> Sql:
    return sql(
        "SELECT d.id AS key, {} AS score, 0 AS level, {} AS rank, 'file' AS source, i.id AS ref"
        " FROM {} WHERE {}{}",
        value(score),
        value(score),
        Sql(_FILE),
        where,
        only_of("d.id", only),
    )


def _mention(leaf: Mention, only: Documents | None) -> list[Sql]:
    wanted = leaf.wanted
    ids = among(wanted.ids)
    rows = [text_rows(text_match(leaf), TEXT, only)]
    if wanted.kind in ("symptom", "mechanism"):
        where = sql("t.role = {} AND t.term IN {}", value(wanted.kind), ids)
        rows.append(_rows("term", "t.term", "t.case_id", "case_terms t", where, TERM, only))
    column = OF_CLIP.get(wanted.kind)
    if column:
        where = sql(f"m.{column} IN {{}}", ids)
        if wanted.kind == "mode":
            where = any_way([where, _modes(wanted.ids)])
        clips = "media m LEFT JOIN instances i ON i.id = m.instance_id"
        rows.append(_rows("media", "m.id", "m.case_id", clips, where, TERM, only))
    if wanted.kind == "mode":
        rows.append(_file_rows(_modes(wanted.ids), TERM, only))
    column = wanted.kind
    if column in ALONE:
        names = wanted.ids if "surgery_finding" not in wanted.ids else (*wanted.ids, "surgery")
        held = at_maneuver(names) if column == "maneuver" else sql(f"f.{column} IN {{}}", among(names))
        where = every([held, sql("f.certainty IN {}", among(PRESENT))])
        rows.append(_rows("finding", "f.id", "f.document", "findings f", where, TERM, only))
    if wanted.kind == "modality":
        codes = [c for i in wanted.ids for c in MODALITY_CODES.get(i, ())]
        rows.append(_file_rows(sql("s.modality IN {}", among(codes)), PASSED, only))
    if wanted.kind in ("echogenicity", "artifact", "flow"):
        where = sql(
            "f.certainty IN {} AND EXISTS (SELECT 1 FROM json_each(f.echogenicity) j WHERE j.value IN {})",
            among(PRESENT),
            ids,
        )
        rows.append(_rows("finding", "f.id", "f.document", "findings f", where, TERM, only))
    if wanted.kind == "discordance":
        where = sql("q.discordance IN {}", ids)
        rows.append(_rows("prior", "q.id", "q.case_id", "priors q", where, TERM, only))
    if wanted.kind == "difficulty":
        levels = among(i.removeprefix("difficulty_") for i in wanted.ids)
        rows.append(_rows("case", "''", "c.id", "cases c", sql("c.difficulty IN {}", levels), TERM, only))
    return rows


def _modes(ids: Sequence[str]) -> Sql:
    """Whatever said so: the header, a series description, the file's name."""
    return sql(
        "EXISTS (SELECT 1 FROM claims k WHERE k.instance_id = i.id AND k.what = 'mode' AND k.value IN {})",
        among(ids),
    )


_ANY_MODE = "EXISTS (SELECT 1 FROM claims k WHERE k.instance_id = i.id AND k.what = 'mode')"
_DOPPLER = "EXISTS (SELECT 1 FROM claims k WHERE k.instance_id = i.id AND k.what = 'mode' AND k.value LIKE '%doppler')"
#: The study's description does not count (``claims.disagreement`` says why).
_SAYS = (
    "EXISTS (SELECT 1 FROM claims k WHERE k.instance_id = i.id AND k.what = 'side' AND k.value = {}"
    " AND k.source <> 'StudyDescription')"
)
#: A file's own sources contradict each other; in a case they may contradict its author too.
_LEFT, _RIGHT = _SAYS.format("'left'"), _SAYS.format("'right'")
_CONFLICT = f"{_LEFT} AND {_RIGHT}"
_AUTHOR = f"(m.side = 'left' AND {_RIGHT}) OR (m.side = 'right' AND {_LEFT})"


def _media_clause(clause: MediaClause, only: Documents | None) -> list[Sql]:
    clips = every([_media_test(test, of_case=True) for test in clause.tests])
    files = every([_media_test(test, of_case=False) for test in clause.tests])
    return [
        _rows("media", "m.id", "m.case_id", _CLIP, clips, PASSED, only),
        _file_rows(files, PASSED, only),
    ]


def _media_test(test: Test, *, of_case: bool) -> Sql:
    if test.field in ("plane", "position", "maneuver"):
        column = "patient_position" if test.field == "position" else test.field
        if not of_case:
            return Sql("0")
        return (
            Sql(f"m.{column} <> ''")
            if test.how == "filled"
            else sql(f"m.{column} IN {{}}", among(test.values))
        )
    if test.field == "mode":
        if test.how == "filled":
            return Sql(f"(m.mode <> '' OR {_ANY_MODE})" if of_case else _ANY_MODE)
        modes = _modes(test.values)
        return sql("(m.mode IN {} OR {})", among(test.values), modes) if of_case else modes
    if test.field == "calibrated":
        has = "EXISTS (SELECT 1 FROM ultrasound_regions u WHERE u.instance_id = i.id)"
        wanted = {has if value == "yes" else f"i.id IS NOT NULL AND NOT {has}" for value in test.values}
        return Sql("(" + " OR ".join(sorted(wanted)) + ")" if wanted else "i.id IS NOT NULL")
    if test.field == "ti":  # a file may tell one for soft tissue, one for bone and one for the skull
        said = every(
            [Sql("k.instance_id = i.id AND k.what = 'thermal_index'"), compare("CAST(k.value AS REAL)", test)]
        )
        return sql("EXISTS (SELECT 1 FROM claims k WHERE {})", said)
    if test.field in ("transducer", "probe"):  # people name a probe by its kind and by its name
        return any_way([compare("i.transducer_type", test), compare("i.transducer_data", test)])
    level, column = COLUMNS[test.field]
    return compare(f"{_ALIASES[level]}.{column}", test)


#: A DICOM age ("024Y", "018M") or the like in years.
_AGE = (
    "CASE WHEN t.patient_age IS NULL THEN NULL"
    " WHEN t.patient_age LIKE '%M%' THEN CAST(t.patient_age AS REAL) / 12"
    " WHEN t.patient_age LIKE '%W%' THEN CAST(t.patient_age AS REAL) / 52"
    " WHEN t.patient_age LIKE '%D%' THEN CAST(t.patient_age AS REAL) / 365"
    " ELSE CAST(t.patient_age AS REAL) END"
)
_CASE_COLUMNS = {
    "age": "c.age_years",
    "sex": "c.sex",
    "case": "c.slug",
    "author": "c.author",
    "activity": "c.activity",
    "title": "c.title",
    "completeness": "c.completeness",
    "difficulty": "c.difficulty",
    "status": "c.status",
}


def _case_clause(test: Test, only: Documents | None) -> list[Sql]:
    if test.field in ("tag", "category"):
        match = Sql("1") if test.how == "filled" else any_way([same("t.term", v) for v in test.values])
        where = sql("t.role = {} AND {}", value(test.field), match)
        return [_rows("term", "t.term", "t.case_id", "case_terms t", where, PASSED, only)]
    if test.field == "set":
        match = Sql("1") if test.how == "filled" else any_way([same("z.slug", v) for v in test.values])
        table = "sets z JOIN set_cases y ON y.set_id = z.id JOIN cases c ON c.slug = y.slug"
        return [_rows("set", "z.slug", "c.id", table, match, PASSED, only)]
    if test.field == "fictional":
        where = (
            Sql("1")
            if test.how == "filled"
            else sql("c.fictional IN {}", among(int(v == "yes") for v in test.values))
        )
    else:
        where = compare(_CASE_COLUMNS[test.field], test)
    rows = [_rows("case", "''", "c.id", "cases c", where, PASSED, only)]
    if test.field == "age":
        rows.append(_file_rows(compare(f"({_AGE})", test), PASSED, only))
    if test.field == "sex":
        rows.append(_file_rows(compare("p.patient_sex", test), PASSED, only))
    return rows


def _term_clause(leaf: TermClause, only: Documents | None) -> Sql:
    parts = [sql("t.role = {}", value(leaf.role)), Sql("t.certainty NOT IN ('absent', 'not_assessed')")]
    if leaf.wanted is not None and leaf.wanted.literal:
        parts.append(sql("t.term LIKE {} ESCAPE '\\'", value(like(leaf.wanted.literal))))
    elif leaf.wanted is not None:
        # A term the lexicon could not place is kept as written: "proximal hamstring tendinopathy".
        written = {leaf.wanted.typed.replace("_", " "), leaf.wanted.label}
        ways = [sql("t.term IN {}", among(leaf.wanted.ids))]
        ways += [sql("t.term LIKE {} ESCAPE '\\'", value(like(w))) for w in sorted(written)]
        for definition in leaf.wanted.definitions:
            if not definition.sites:
                ways.append(
                    sql(
                        "(t.structure IN {} AND t.term IN {})",
                        among(definition.structures),
                        among(definition.abnormalities),
                    )
                )
        parts.append(any_way(ways))
    if leaf.structure is not None:
        parts.append(sql("t.structure IN {}", among(leaf.structure.ids)))
    ref = "json_array(t.term, t.structure, t.side, t.role)"
    source = "differential" if leaf.role == "differential" else "diagnosis"
    return _rows(source, ref, "t.case_id", "case_terms t", every(parts), DIAGNOSIS, only)


def _told_diagnosis(leaf: TermClause, only: Documents | None) -> list[Sql]:
    """Where the author made no diagnosis and no finding, what the text affirms stands for it."""
    if leaf.role != "diagnosis" or leaf.wanted is None or leaf.wanted.literal:
        return []
    where = [
        Sql(
            "f.origin <> 'record' AND f.certainty IN ('definite', 'probable') AND f.temporality <> 'historical'"
        ),
        sql("f.abnormality IN {}", among(leaf.wanted.ids)),
        Sql("NOT EXISTS (SELECT 1 FROM findings o WHERE o.document = f.document AND o.origin = 'record')"),
        Sql("NOT EXISTS (SELECT 1 FROM case_terms t WHERE t.case_id = f.document AND t.role = 'diagnosis')"),
    ]
    if leaf.structure is not None:
        where.append(sql("f.structure IN {}", among(leaf.structure.ids)))
    return [_rows("finding", "f.id", "f.document", "findings f", every(where), DIAGNOSIS * 0.85, only)]


def _told_complaint(leaf: TermClause, only: Documents | None) -> list[Sql]:
    """A symptom or a mechanism that only the words of a case tell."""
    if leaf.role not in ("symptom", "mechanism") or leaf.wanted is None or leaf.wanted.literal:
        return []
    return [text_rows(fts.within(fts.PLAIN, concept_match(leaf.wanted)), TEXT, only)]


def _prior_clause(leaf: PriorClause, only: Documents | None) -> Sql:
    parts: list[Sql] = []
    if leaf.says is not None:
        parts.append(
            sql(
                "(EXISTS (SELECT 1 FROM json_each(q.says) j WHERE j.value IN {})"
                " OR (q.says = '[]' AND q.impression LIKE {} ESCAPE '\\'))",
                among(leaf.says.ids),
                value(like(leaf.says.typed)),
            )
        )
    if leaf.missed is not None:
        parts.append(
            sql("EXISTS (SELECT 1 FROM json_each(q.missed) j WHERE j.value IN {})", among(leaf.missed.ids))
        )
    if leaf.discordance:
        parts.append(sql("q.discordance IN {}", among(leaf.discordance)))
    if leaf.modality:
        parts.append(sql("q.modality IN {}", among(leaf.modality)))
    return _rows("prior", "q.id", "q.case_id", "priors q", every(parts), TERM, only)


def _measure_clause(leaf: MeasureClause, only: Documents | None) -> Sql:
    parts = [sql("lower(x.what) IN {}", among(leaf.what))] if leaf.what else []
    if leaf.range != Range() or not leaf.what:
        parts.append(sql("x.base_unit IN {}", among((leaf.unit, "") if leaf.unit == "1" else (leaf.unit,))))
        parts.append(between("x.base_value", leaf.range))
    if leaf.states:
        parts.append(sql("x.state IN {}", among(leaf.states)))
    of = [Sql("f.document = x.case_id AND f.finding_id = x.finding_id")]
    for column, asked in (("f.structure", leaf.structure), ("f.abnormality", leaf.abnormality)):
        if asked is not None:
            of.append(sql(f"{column} IN {{}}", among(asked.ids)))
    if len(of) > 1:
        parts.append(sql("(x.finding_id = '' OR EXISTS (SELECT 1 FROM findings f WHERE {}))", every(of)))
    if leaf.sides:
        parts.append(_measured_on(leaf.sides))
    return _rows("measurement", "x.id", "x.case_id", "measurements x", every(parts), TERM, only)


def _measured_on(sides: Sequence[str]) -> Sql:
    """The side of the measurement; where none is recorded, not a finding that lies on another."""
    finding = (
        "EXISTS (SELECT 1 FROM findings f WHERE f.document = x.case_id AND x.finding_id IN ('', f.finding_id)"
    )
    return sql(
        f"(x.side IN {{}} OR (x.side NOT IN {{}} AND ({finding} AND f.side IN {{}})"
        f" OR NOT {finding} AND f.side IN {{}}))))",
        among(accepted(sides)), among(other_sides(sides)), among(accepted(sides)), among(other_sides(sides)),
    )  # fmt: skip


def _alike(leaf: Like, only: Documents | None) -> Sql:
    return sql(
        "SELECT c.id AS key, j.value ->> 1 AS score, 0 AS level, j.value ->> 1 AS rank, 'case' AS source, '' AS ref"
        " FROM json_each({}) j JOIN cases c ON c.slug = j.value ->> 0 WHERE 1{}",
        value(json.dumps(leaf.scores)),
        only_of("c.id", only),
    )


def _has(what: str, only: Documents | None) -> list[Sql]:
    if what in ("cine", "still", "thumbnail"):
        test = {"cine": "i.frames > 1", "still": "i.frames = 1", "thumbnail": "i.pictured = 1"}[what]
        clips = "media m JOIN instances i ON i.id = m.instance_id"
        return [
            _rows("media", "m.id", "m.case_id", clips, Sql(test), PASSED, only),
            _file_rows(Sql(test), PASSED, only),
        ]
    if what == "doppler":
        clips = "media m LEFT JOIN instances i ON i.id = m.instance_id"
        return [
            _rows("media", "m.id", "m.case_id", clips,
                  Sql(f"(m.mode LIKE '%doppler%' OR {_DOPPLER})"), PASSED, only),
            _rows("finding", "f.id", "f.document", "findings f",
                  Sql("f.doppler_value IS NOT NULL"), PASSED, only),
            _file_rows(Sql(_DOPPLER), PASSED, only),
        ]  # fmt: skip
    if what == "conflict":
        clips = "media m JOIN instances i ON i.id = m.instance_id"
        return [
            _rows("media", "m.id", "m.case_id", clips, Sql(f"({_CONFLICT} OR {_AUTHOR})"), PASSED, only),
            _file_rows(Sql(_CONFLICT), PASSED, only),
        ]
    if what == "case":
        return [_rows("case", "''", "c.id", "cases c", Sql("1"), PASSED, only)]
    if what == "quiz":
        return [text_rows(fts.within(("meta",), fts.token("hasquiz")), PASSED, only)]
    table, ref, key, where = {
        "measurement": ("measurements x", "x.id", "x.case_id", "1"),
        "prior": ("priors q", "q.id", "q.case_id", "1"),
        "grade": ("grades g JOIN findings f ON f.id = g.finding", "f.id", "f.document", "1"),
        "evidence": ("evidence e JOIN findings f ON f.id = e.finding", "f.id", "f.document", "1"),
        "finding": ("findings f", "f.id", "f.document", "f.certainty NOT IN ('absent', 'not_assessed')"),
        "absent": ("findings f", "f.id", "f.document", "f.certainty = 'absent'"),
        "dynamic": ("findings f", "f.id", "f.document", "f.at_rest <> '' AND f.during <> ''"),
        "followup": ("media m", "m.id", "m.case_id", "m.day > 0"),
        "bilateral": ("media m", "m.id", "m.case_id", _BOTH_SIDES),
        "roi": ("evidence e JOIN findings f ON f.id = e.finding", "f.id", "f.document", "e.shape <> ''"),
    }[what]
    source = {"f.id": "finding", "m.id": "media"}.get(ref, what)
    return [_rows(source, ref, key, table, Sql(where), PASSED, only)]


#: One clip of each side, or one clip or finding of both.
_BOTH_SIDES = (
    "m.side = 'bilateral' OR (m.side = 'left' AND EXISTS"
    " (SELECT 1 FROM media o WHERE o.case_id = m.case_id AND o.side = 'right'))"
)


def _side_rows(leaf: Side, only: Documents | None) -> list[Sql]:
    sides = among(accepted(leaf.sides))
    present = sql("f.side IN {} AND f.certainty IN {}", sides, among(PRESENT))
    return [
        _rows("finding", "f.id", "f.document", "findings f", present, 0.5, only),
        _rows("media", "m.id", "m.case_id", "media m", sql("m.side IN {}", sides), 0.4, only),
        _file_rows(sql("i.side IN {}", sides), 0.4, only),
    ]


def _files_of_modality(clause: FindingClause, only: Documents | None) -> Sql:
    if not clause.modality:
        return _file_rows(Sql("0"), PASSED, only)
    codes = [code for m in clause.modality for code in MODALITY_CODES.get(m, (m.upper(),))]
    parts = [sql("s.modality IN {}", among(codes))]
    if clause.sides:
        parts.append(sql("i.side IN {}", among(accepted(clause.sides))))
    return _file_rows(every(parts), PASSED, only)
