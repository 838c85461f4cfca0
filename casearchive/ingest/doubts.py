"""Where the record of a case and the clips it names contradict each other; a person decides who is right."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from casearchive import claims, record
from casearchive.errors import Problem
from casearchive.index import read
from casearchive.model import Case


def doubts(connection: sqlite3.Connection, case: Case, places: record.Places) -> Iterator[Problem]:
    """Every contradiction, in the order of the record, at the level ``doubt``: none refuses the record."""
    patients: set[str] = set()
    for number, media in enumerate(case.media):
        detail = read.detail(connection, media.sha256) if media.sha256 else None
        if detail is None:
            continue
        if detail.held.kind == "dicom":  # a photo or an MP4 does not say whose it is
            patients.add(detail.subject_key)
        said = claims.disagreement((*claims.of_author(case, media.id), *detail.facts.claims))
        if said:
            yield places.problem(("media", number, "side"), said, "doubt")
    if len(patients) > 1:
        why = f"its clips come from {len(patients)} patients, as their headers tell: is this one case?"
        yield places.problem(("media",), why, "doubt")
