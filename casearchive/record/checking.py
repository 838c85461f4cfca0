"""What is wrong with findings and measurements beyond what a case file may say: words, units, frames, places.

A record keeps what its author wrote; whoever annotates is told at once what the vocabulary, the scale or the
clip does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from casearchive.model import Case, Doppler, Facts, Finding, Measurement
from casearchive.record.layout import Path
from casearchive.record.lint import unknown_words
from casearchive.record.table import FINDING, MEASUREMENT
from casearchive.record.units import unfit
from casearchive.terms import lexicon
from casearchive.units import KNOWN, ucum

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
