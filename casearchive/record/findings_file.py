"""Findings as a table (CSV) or as JSON lines: the columns, and the way out; ``findings_reading`` is the way in.

In a table a finding is one row; further evidence and further measurements stand in further rows with its id. In
JSON lines it is one object with the keys of the case file, its ``evidence`` and its ``measurement`` rows in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from casearchive.model import Case
from casearchive.record.table import SHAPES
from casearchive.record.writing import dumps

#: Every column of the table, in order, and what may stand in it.
COLUMNS: dict[str, str] = {
    "case": "the case's short name",
    "id": "the finding's id, such as F1; empty for a new one",
    "structure": "where",
    "site": "where in the structure",
    "side": "left, right, bilateral, midline, none, unknown",
    "abnormality": "what was seen, or normal",
    "certainty": "definite, probable, possible, absent, not_assessed",
    "severity": "trace, mild, moderate, severe",
    "temporality": "acute, subacute, chronic, historical",
    "echogenicity": "how it looks; several with | between them",
    "grades": "scale=grade; several with | between them",
    "doppler": "scale=grade, such as pd=1",
    "maneuver": "the manoeuvre of at_rest and during",
    "at_rest": "what is seen at rest",
    "during": "what is seen during the manoeuvre",
    "comparison": "contralateral, prior_study, normative",
    "modality": "who saw it: us, mri, xray …",
    "relation": "kind=structure, such as compressed_by=piriformis; several with | between them",
    "confirmed_by": "surgery, mri, follow-up …",
    "note": "anything else",
    "reviewed": "no for a finding mined from text that nobody has looked at",
    "media": "the clip that shows it, such as M2",
    "frames": "first-last, counted from 1",
    "shape": "point, line, polygon, box, ellipse",
    "points": "x,y x,y … in stored pixels",
    "best": "yes for the best illustration",
    "measure": "what was measured: gap, csa …",
    "state": "rest, contraction … while it was measured",
    "measured_side": "the side that was measured",
    "value": "the number",
    "unit": "mm, mm2, mL, deg …",
    "measured_on": "the clip it was measured on",
    "frame": "the frame it was measured on",
    "measured_points": "x,y x,y … where it was measured",
    "measure_note": "how it was measured",
}
#: The columns of evidence, those of a measurement with its keys in a case file, and those of the finding itself.
EVIDENCE = ("media", "frames", "shape", "points", "best")
MEASUREMENT = {
    "measure": "what", "state": "state", "measured_side": "side", "value": "value", "unit": "unit",
    "measured_on": "media", "frame": "frame", "measured_points": "points", "measure_note": "note",
}  # fmt: skip
FACTS = tuple(c for c in COLUMNS if c not in ("case", "id", *EVIDENCE, *MEASUREMENT))
#: A spreadsheet takes what begins with these for a formula; a quote before it makes it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def to_csv(cases: Iterable[Case]) -> str:
    """The findings of cases as a table; nothing in it can be taken for a formula."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), restval="", lineterminator="\n")
    writer.writeheader()
    for case in cases:
        for row in _rows(case):
            writer.writerow({k: harmless(v) for k, v in row.items()})
    return out.getvalue()


def to_json_lines(cases: Iterable[Case]) -> str:
    """The findings of cases, one JSON object a line, with the keys of the case file."""
    lines = []
    for case in cases:
        for finding, measurements in _found(case):
            row = {"case": case.slug, **finding}
            if measurements or "id" not in finding:
                row["measurement"] = measurements
            lines.append(json.dumps(row, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def _found(case: Case) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each finding as its values with its measurements; what was measured without a finding comes last."""
    values = tomllib.loads(dumps(case))
    measured = values.get("measurement", [])
    for finding in values.get("finding", []):
        own = [m for m in measured if m.get("finding") == finding["id"]]
        yield finding, [{k: v for k, v in m.items() if k != "finding"} for m in own]
    alone = [m for m in measured if not m.get("finding")]
    if alone:
        yield {}, alone


def _rows(case: Case) -> Iterator[dict[str, str]]:
    for finding, measurements in _found(case):
        evidence = finding.get("evidence", [])
        for number in range(max(1, len(evidence), len(measurements))):
            row = {"case": case.slug, "id": finding.get("id", "")}
            if number == 0:
                row |= {c: _written(c, finding) for c in FACTS}
            if number < len(evidence):
                row |= _evidence_cells(evidence[number])
            if number < len(measurements):
                row |= {c: _plain(measurements[number].get(key, "")) for c, key in MEASUREMENT.items()}
            yield row


def _written(column: str, finding: Mapping[str, Any]) -> str:
    if column in ("maneuver", "at_rest", "during"):
        return str(finding.get("dynamic", {}).get(column, ""))
    value = finding.get(column, "")
    if column == "grades" and value:
        return _joined(f"{scale}={grade}" for scale, grade in value.items())
    if column == "doppler" and value:
        return f"{value.get('scale', '')}={_plain(value.get('value', ''))}"
    if column == "relation" and value:
        return _joined(f"{r['kind']}={r['structure']}" for r in value)
    if column == "echogenicity" and value:
        return _joined(value)
    if column == "reviewed":
        return "no" if value is False else ""
    return str(value)


def _evidence_cells(shown: Mapping[str, Any]) -> dict[str, str]:
    shape = next((s for s in SHAPES if s in shown), "")
    points = [shown[shape]] if shape == "point" else shown.get(shape, [])
    frames = shown.get("frames")
    return {
        "media": shown["media"],
        "frames": f"{frames[0]}-{frames[1]}" if frames else "",
        "shape": shape,
        "points": _plain(points),
        "best": "yes" if shown.get("best") else "",
    }


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(",".join(_plain(n) for n in point) for point in value)
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _joined(items: Iterable[str]) -> str:
    return " | ".join(i.replace("\\", "\\\\").replace("|", "\\|") for i in items)


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if text.startswith(FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
