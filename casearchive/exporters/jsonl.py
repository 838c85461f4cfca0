"""Findings of a set as JSON lines: an object a finding, with its evidence and measurements in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from casearchive.exporters._tables import rows
from casearchive.exporters._tables.rows import Row
from casearchive.teaching import TeachingSet

NAME = "jsonl"
SUMMARY = "findings as JSON lines, each with its evidence and measurements, with a data dictionary"
HIDES_ANSWERS = False
OPTIONS: Mapping[str, str] = {}

_SHARED = ("case", "finding")


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Write ``findings.jsonl`` and ``data-dictionary.csv`` into the existing, empty folder ``target``. No options.

    The keys are the columns of the tables; ``evidence`` and ``measurements`` are lists of what their tables hold,
    without case and finding. What was measured without a finding stands in an object of its own, whose ``finding`` is
    null. Numbers are numbers, points are [[x, y], …], what nobody said is null. The same set gives the same bytes.
    """
    lines = (json.dumps(each, ensure_ascii=False, allow_nan=False) for each in _objects(teaching))
    text = "".join(f"{line}\n" for line in lines)
    (target / "findings.jsonl").write_bytes(text.encode("utf-8"))
    (target / rows.DICTIONARY).write_bytes(rows.dictionary().encode("utf-8"))


def _objects(teaching: TeachingSet) -> Iterator[Row]:
    evidence, measured = _by_finding(teaching, "evidence"), _by_finding(teaching, "measurements")
    for finding in rows.rows(teaching, "findings"):
        key = (finding["case"], finding["finding"])
        yield {
            **_said(finding),
            "evidence": evidence.get(key, []),
            "measurements": measured.pop(key, []),
        }
    for (case, _), left in measured.items():
        yield {"case": case, "finding": None, "evidence": [], "measurements": left}


def _by_finding(teaching: TeachingSet, table: str) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows.rows(teaching, table):
        inner = {column: value for column, value in row.items() if column not in _SHARED}
        found.setdefault((row["case"], row["finding"]), []).append(_said(inner))
    return found


def _said(row: Row) -> Row:
    return {column: None if value == "" else value for column, value in row.items()}
