"""Where the record of a case contradicts itself or the clips it names; a person decides who is right."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from casearchive import claims, record
from casearchive.errors import Problem
from casearchive.index import read
from casearchive.measurements import checked, odd_scales
from casearchive.mined import Dispute
from casearchive.model import Case, Facts


def doubts(
    connection: sqlite3.Connection, case: Case, places: record.Places, disputes: Iterable[Dispute]
) -> Iterator[Problem]:
    """Every contradiction at the level ``doubt``, which never refuses the record: ``disputes`` of its words with its
    findings first, then all others in the order of the record."""
    for dispute in disputes:
        yield places.problem(("finding", dispute.number), str(dispute), "doubt")
    patients: set[str] = set()
    files: dict[str, Facts] = {}
    for number, media in enumerate(case.media):
        detail = read.detail(connection, media.sha256) if media.sha256 else None
        if detail is None:
            continue
        files[media.id] = detail.facts
        if detail.held.kind == "dicom":  # a photo or an MP4 does not say whose it is
            patients.add(detail.subject_key)
        said = claims.disagreement((*claims.of_author(case, media.id), *detail.facts.claims))
        if said:
            yield places.problem(("media", number, "side"), said, "doubt")
    if len(patients) > 1:
        why = f"its clips come from {len(patients)} patients, as their headers tell: is this one case?"
        yield places.problem(("media",), why, "doubt")
    for number, note in odd_scales(case, files):
        yield places.problem(("media", number, "calibration"), note, "doubt")
    for number, result in enumerate(checked(case, files)):
        if result.note:
            yield places.problem(("measurement", number, "points"), result.note, "doubt")
