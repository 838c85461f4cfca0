"""Findings, evidence and measurements of a set as rows, one a thing; the dictionary says what each column means."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from casearchive.exporters import _words as words
from casearchive.exporters._codes import standard_code
from casearchive.model import Case, Evidence, Finding, Measurement
from casearchive.record.findings_file import harmless
from casearchive.teaching import TeachingSet
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon

DICTIONARY = "data-dictionary.csv"
Row = dict[str, Any]


@cache
def _text() -> str:
    return (resources.files(__package__) / "dictionary.csv").read_text("utf-8")


def dictionary() -> str:
    """The data dictionary as it is handed out: table, column, type and meaning of every column."""
    return _text().replace("\r\n", "\n").replace("\n", "\r\n")


@cache
def columns(table: str) -> tuple[str, ...]:
    """The columns of a table, in order."""
    return tuple(row["column"] for row in csv.DictReader(io.StringIO(_text())) if row["table"] == table)


TABLES = ("findings", "evidence", "measurements")


def rows(teaching: TeachingSet, table: str) -> Iterator[Row]:
    """The rows of a table with a plain value a column (str, int, float, bool, None, or a list of them): cases in the
    order of the set, findings in the order of their case."""
    of = {"findings": _findings, "evidence": _evidence, "measurements": _measurements}[table]
    for taught in teaching.cases:
        yield from of(taught.case)


def to_csv(table: str, found: Iterable[Row]) -> str:
    """A table as RFC 4180 has it: a header, commas, CRLF. No cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(table), lineterminator="\r\n")
    writer.writeheader()
    for row in found:
        writer.writerow({column: harmless(_cell(column, value)) for column, value in row.items()})
    return out.getvalue()


# ---------------------------------------------------------------------------------------------------- rows


def _findings(case: Case) -> Iterator[Row]:
    for finding in case.findings:
        yield _finding(case, finding)


def _finding(case: Case, finding: Finding) -> Row:
    dynamic, doppler = finding.dynamic, finding.doppler
    return {
        "case": case.slug,
        "finding": finding.id,
        "difficulty": case.difficulty,
        "structure": finding.structure,
        "structure_name": words.plain(finding.structure),
        "structure_code": _code(finding.structure, STRUCTURE_KINDS),
        "site": finding.site,
        "side": finding.side,
        "side_code": _code(finding.side, {"laterality"}),
        "abnormality": finding.abnormality,
        "abnormality_name": words.plain(finding.abnormality),
        "abnormality_code": _code(finding.abnormality, ABNORMALITY_KINDS),
        "certainty": finding.certainty,
        "severity": finding.severity,
        "temporality": finding.temporality,
        "echogenicity": list(finding.echogenicity),
        "grades": [f"{grade.scale}={grade.value}" for grade in finding.grades],
        "doppler": f"{doppler.scale}={_number(doppler.value)}" if doppler else "",
        "maneuver": dynamic.maneuver if dynamic else "",
        "at_rest": dynamic.at_rest if dynamic else "",
        "during": dynamic.during if dynamic else "",
        "comparison": finding.comparison,
        "modality": finding.modality,
        "relation": [f"{relation.kind}={relation.structure}" for relation in finding.relations],
        "confirmed_by": finding.confirmed_by,
        "note": finding.note,
        "reviewed": finding.reviewed,
        "media": list(dict.fromkeys(seen.media for seen in finding.evidence)),
    }


def _evidence(case: Case) -> Iterator[Row]:
    for finding in case.findings:
        for seen in finding.evidence:
            yield _seen(case, finding, seen)


def _seen(case: Case, finding: Finding, seen: Evidence) -> Row:
    first, last = seen.frames or (None, None)
    return {
        "case": case.slug,
        "finding": finding.id,
        "media": seen.media,
        "first_frame": first,
        "last_frame": last,
        "shape": seen.shape,
        "points": _points(seen.points),
        "best": seen.best,
    }


def _measurements(case: Case) -> Iterator[Row]:
    for measured in case.measurements:
        yield _measured(case, measured)


def _measured(case: Case, measured: Measurement) -> Row:
    return {
        "case": case.slug,
        "finding": measured.finding,
        "measure": measured.what,
        "measure_name": words.measure(measured.what),
        "measure_code": _code(measured.what, {"measurement"}),
        "state": measured.state,
        "measured_side": measured.side,
        "measured_side_code": _code(measured.side, {"laterality"}),
        "value": measured.value,
        "unit": measured.unit,
        "measured_on": measured.media,
        "frame": measured.frame,
        "measured_points": _points(measured.points),
        "measure_note": measured.note,
    }


def _points(points: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in points]


def _code(term: str, kinds: Collection[str]) -> str:
    """``SCT:61352006``: the code that means what a term names; empty where no single one does. Sides have a column of
    their own."""
    concept = lexicon().resolve(term, kinds) if term else None
    chosen = standard_code(concept.codes) if concept else None
    return f"{chosen.scheme}:{chosen.value}" if chosen else ""


# --------------------------------------------------------------------------------------------------- cells


def _cell(column: str, value: Any) -> str:
    writers: Mapping[type, Callable[[Any], str]] = {
        bool: lambda v: "yes" if v else "no",
        int: str,
        float: _number,
        list: lambda v: _points_cell(v) if "points" in column else _joined(v),
    }
    return "" if value is None else writers.get(type(value), str)(value)


def _points_cell(points: Iterable[Iterable[float]]) -> str:
    return " ".join(",".join(_number(n) for n in point) for point in points)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _joined(items: Iterable[str]) -> str:
    return " | ".join(item.replace("\\", "\\\\").replace("|", "\\|") for item in items)
