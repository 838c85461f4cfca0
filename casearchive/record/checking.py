"""What is wrong with findings and measurements beyond what a case file may say: words, units, frames, places.

A record keeps what its author wrote; whoever annotates is told at once what the vocabulary, the scale or the
clip does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from casearchive.model import Case, Doppler, Facts, Finding, Grade, Measurement
from casearchive.record.layout import Path
from casearchive.record.lint import unknown_words
from casearchive.record.sentences import grade, measured
from casearchive.record.table import FINDING, MEASUREMENT, Table
from casearchive.record.units import unfit
from casearchive.terms import lexicon
from casearchive.terms.grades import ordinal
from casearchive.units import KNOWN, counts, ucum

#: What is measured from nothing upwards.
_NEVER_NEGATIVE = ("a length", "an area", "a volume")

#: The rows looked at: ("finding", 2), counted from 0.
Rows = Collection[tuple[str, int]]


def wrong(
    case: Case, rows: Rows, files: Mapping[str, Facts], *, as_written: bool = False
) -> Iterator[tuple[Path, str]]:
    """Every (path, what is wrong) in these rows; ``files`` are facts by media id.

    With ``as_written`` words that the vocabulary does not know are let through.
    """
    for unknown in unknown_words(case):
        row = unknown.path[:2]
        if row not in rows or (as_written and "grades" not in unknown.path):
            continue
        if "grades" in unknown.path and unknown.word != unknown.path[-1]:
            scale = str(unknown.path[-1]).replace("_", " ")
            yield unknown.path, f"{scale} has no grade {unknown.word}; it has {', '.join(unknown.nearest)}"
        else:
            near = unknown.nearest or _near_one_word(unknown.word, unknown.path)
            meant = f"; did you mean {', '.join(near)}?" if near else " (--as-written keeps it)"
            yield unknown.path, f"the vocabulary has no “{unknown.word}”{meant}"
    for number, finding in enumerate(case.findings):
        if ("finding", number) in rows:
            yield from _finding(case, number, finding, files)
    for number, measurement in enumerate(case.measurements):
        if ("measurement", number) in rows:
            yield from _measurement(number, measurement, files)


def _near_one_word(text: str, path: Path) -> tuple[str, ...]:
    """Names near a single word of several: one that is misspelt spoils the whole."""
    table = FINDING if path[0] == "finding" else MEASUREMENT
    keys = [table.field(str(part)) for part in path[2:]]
    kinds = next((field.concepts for field in keys if field is not None), frozenset())
    words = [w for w in text.replace("_", " ").split()[:6] if len(w) > 3]
    return tuple(dict.fromkeys(n for word in words for n in lexicon().nearest(word, kinds)))[:3]


def _finding(
    case: Case, number: int, finding: Finding, files: Mapping[str, Facts]
) -> Iterator[tuple[Path, str]]:
    here: Path = ("finding", number)
    sides = {media.id: media.side for media in case.media}
    if finding.doppler:
        yield from _doppler(finding.doppler, (*here, "doppler"))
    for place, shown in enumerate(finding.evidence):
        path = (*here, "evidence", place)
        other = {"left": "right", "right": "left"}.get(finding.side)
        if other and sides.get(shown.media) == other and finding.comparison != "contralateral":
            yield (
                (*here, "side"),
                f"the finding is on the {finding.side}, {shown.media} is a picture of the {other} side "
                f"(were the clip wrong: casearchive edit {case.slug} --set media.{shown.media}.side={finding.side})",
            )
        facts = files.get(shown.media)
        if facts is None:
            continue
        if shown.frames and shown.frames[1] > facts.instance.frames:
            yield (*path, "frames"), _beyond(shown.frames[1], shown.media, facts)
        if outside := _outside(shown.points, shown.media, facts):
            yield (*path, shown.shape), outside


def contradictions(case: Case, findings: Collection[str]) -> Iterator[str]:
    """What these findings say that cannot well be true together; an author may mean it, so it is only said."""
    for finding in (f for f in case.findings if f.id in findings):
        there = _of_what_is_there(case, finding)
        if there and finding.certainty == "absent":
            yield f"{finding.id} is absent, and yet has {', '.join(there)}: see which is meant"
        elif there and finding.abnormality == "normal":
            yield f"{finding.id} is normal, and yet has {', '.join(there)}: see which is meant"


def _of_what_is_there(case: Case, finding: Finding) -> list[str]:
    """What only something that is there can have: a severity, a grade above 0, a gap."""
    found = [f"the severity {finding.severity}"] if finding.severity else []
    grades = [*finding.grades]
    if finding.doppler and finding.doppler.value is not None:
        grades.append(Grade(finding.doppler.scale, f"{finding.doppler.value:g}"))
    found += [f"the grade {grade(g)}" for g in grades if (ordinal(g.value) or 0) > 0]
    gaps = [m for m in case.measurements if m.finding == finding.id and m.what in ("gap", "meas_gap")]
    return [*found, *(measured(m) for m in gaps if m.value > 0)]


def guessed(table: Table, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(as it was written, what it was taken for) of every concept that is known by a misspelling alone."""
    for key, value in values.items():
        field = table.field(key)
        for word in value if isinstance(value, list | tuple) else [value]:
            if field is None or not field.concepts or not isinstance(word, str):
                continue
            found = lexicon().resolve(word, field.concepts)
            if found is not None and word.strip().lower() in (m.lower() for m in found.misspellings):
                yield word, found.preferred


def _doppler(doppler: Doppler, path: Path) -> Iterator[tuple[Path, str]]:
    scale = lexicon().resolve(doppler.scale, {"scale"})
    if scale is None or not scale.values or doppler.value is None:
        return
    if f"{doppler.value:g}" not in scale.values:
        yield path, f"{doppler.scale} has no grade {doppler.value:g}; it has {', '.join(scale.values)}"


def _measurement(
    number: int, measurement: Measurement, files: Mapping[str, Facts]
) -> Iterator[tuple[Path, str]]:
    here: Path = ("measurement", number)
    unit = measurement.unit
    if not unit:
        yield (
            (*here, "unit"),
            f"{measurement.what} {measurement.value:g} has no unit: write mm, mm2, mL, deg, % …",
        )
    elif ucum(unit) is None:
        from casearchive.terms.spelling import nearest_words

        near = nearest_words(unit, KNOWN)
        meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(KNOWN[:12])} …"
        yield (*here, "unit"), f"there is no unit “{unit[:20]}”{meant}"
    elif misfit := unfit(measurement.what, ucum(unit) or ""):
        yield (*here, "unit"), misfit
    elif measurement.value < 0 and counts(ucum(unit) or "") in _NEVER_NEGATIVE:
        yield (*here, "value"), f"{counts(ucum(unit) or '')} is never less than nothing"
    facts = files.get(measurement.media)
    if facts is None:
        return
    if measurement.frame and measurement.frame > facts.instance.frames:
        yield (*here, "frame"), _beyond(measurement.frame, measurement.media, facts)
    if outside := _outside(measurement.points, measurement.media, facts):
        yield (*here, "points"), outside


def _beyond(asked: int, media: str, facts: Facts) -> str:
    frames = facts.instance.frames
    has = "is a still" if frames == 1 else f"has {frames} frames, counted from 1"
    return f"frame {asked} is beyond the clip: {media} {has}"


def _outside(points: tuple[tuple[float, float], ...], media: str, facts: Facts) -> str:
    columns, rows = facts.instance.columns, facts.instance.rows
    if not columns or not rows:
        return ""
    for x, y in points:
        if not (0 <= x <= columns and 0 <= y <= rows):
            return f"{x:g},{y:g} lies outside the picture: {media} is {columns} pixels wide and {rows} high"
    return ""
