"""Findings, evidence and measurements of a set as tables for statistics and spreadsheets, with a data dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from casearchive.exporters._tables import rows
from casearchive.teaching import TeachingSet

NAME = "csv"
SUMMARY = "tables of findings, evidence and measurements (CSV) with a data dictionary"
HIDES_ANSWERS = False
OPTIONS: Mapping[str, str] = {}


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Write a table each into the existing, empty folder ``target``, and ``data-dictionary.csv``. UTF-8 without a mark,
    RFC 4180. No options. The same set gives the same bytes."""
    for table in rows.TABLES:
        text = rows.to_csv(table, rows.rows(teaching, table))
        (target / f"{table}.csv").write_bytes(text.encode("utf-8"))
    (target / rows.DICTIONARY).write_bytes(rows.dictionary().encode("utf-8"))
