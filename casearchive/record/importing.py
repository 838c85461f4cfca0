"""Findings that a file gives, put into a case: each replaced where its id is there, added where it is not."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

from casearchive.model import Case, Facts, Measurement
from casearchive.record.checking import wrong
from casearchive.record.chosen import chosen
from casearchive.record.findings_file import MEASUREMENT
from casearchive.record.findings_reading import Cell, Complaint, Given
from casearchive.record.reading import dotted, read_values
from casearchive.record.sentences import measured
from casearchive.record.table import FINDING, SHAPES
from casearchive.record.table import MEASUREMENT as MEASUREMENT_ROW
from casearchive.record.writing import dumps
from casearchive.units import ucum


def imported(
    case: Case,
    given: Sequence[Given],
    *,
    files: Mapping[str, Facts],
    used: Collection[str] = (),
    as_written: bool = False,
) -> tuple[Case, tuple[tuple[Given, Complaint], ...]]:
    """The case with what a file gives for it, and everything in that which cannot be written.

    What the file does not speak of stays: columns that it does not have, findings that it does not name. Where
    there are complaints the case is worth nothing. ``files`` are facts by media id, ``used`` the ids that were
    given once.
    """
    work = _Work(case, used)
    for one in given:
        work.take(one)
    values = {k: v for k, v in work.values.items() if v != []}
    after, read = read_values(values, case.slug)
    places = work.places(values)
    found = [*read, *wrong(after, places.keys(), files, as_written=as_written)]
    for path, why in found:
        owner = places.get((str(path[0]), path[1])) if len(path) > 1 and isinstance(path[1], int) else None
        if owner is None:
            one = given[0]
            work.complaints.append((one, Complaint(Cell(one.line, dotted(path), ""), why)))
        else:
            one, before = owner
            work.complaints.append((one, Complaint(one.cell((*before, *path[2:])), why)))
    return after, tuple(work.complaints)


def as_given(case: Case) -> list[Given]:
    """The findings of a case as a file would give them, to be added to another record of it: without their ids, and
    what was measured without a finding last. A line counts findings."""
    values = tomllib.loads(dumps(case))
    measured = values.get("measurement", [])
    found = []
    for number, row in enumerate(values.get("finding", []), start=1):
        own = [
            {k: v for k, v in m.items() if k != "finding"} for m in measured if m.get("finding") == row["id"]
        ]
        facts = {k: v for k, v in row.items() if k not in ("id", "evidence")}
        place: dict[tuple[str | int, ...], Cell] = {
            (): Cell(number, "finding", str(row.get("abnormality", "")))
        }
        found.append(Given(case.slug, "", number, facts, row.get("evidence"), own or None, place))
    alone = [m for m in measured if not m.get("finding")]
    if alone:
        found.append(Given(case.slug, "", len(found) + 1, {}, None, alone))
    return found


def is_there(case: Case, one: Given) -> bool:
    """Whether the case says all of it already, word for word."""
    values = tomllib.loads(dumps(case))
    measured = values.get("measurement", [])
    if not one.facts:
        return all(m in measured for m in one.measurements or ())
    for row in values.get("finding", []):
        own = [
            {k: v for k, v in m.items() if k != "finding"} for m in measured if m.get("finding") == row["id"]
        ]
        said = {k: v for k, v in row.items() if k not in ("id", "evidence")}
        if (
            said == one.facts
            and row.get("evidence") == one.evidence
            and all(m in own for m in one.measurements or ())
        ):
            return True
    return False


class _Work:
    def __init__(self, case: Case, used: Collection[str]) -> None:
        self.values: dict[str, Any] = tomllib.loads(dumps(case))
        self.used = {*used, *(f.id for f in case.findings)}
        self.known = {f.id for f in case.findings}
        self.touched: list[tuple[str, dict[str, Any], Given, tuple[str | int, ...]]] = []
        self.complaints: list[tuple[Given, Complaint]] = []

    def take(self, one: Given) -> None:
        rows: list[dict[str, Any]] = self.values.setdefault("finding", [])
        if not one.id and not any(v not in (None, "") for v in one.facts.values()):
            self._measurements(one, "")
            return
        row = next((r for r in rows if r["id"] == one.id), None)
        if row is not None and row.get("abnormality") and one.facts.get("abnormality", "-") in (None, ""):
            why = "a finding needs an abnormality: leave the column out to keep it, or annotate --remove the finding"
            self.complaints.append((one, Complaint(one.cell(("abnormality",)), why)))
            return
        if row is None:
            if not one.facts.get("abnormality"):
                why = (
                    "there is no such finding, and a new one needs an abnormality"
                    if one.id
                    else "it is missing"
                )
                self.complaints.append(
                    (one, Complaint(one.cell(("id",) if one.id else ("abnormality",)), why))
                )
                return
            if one.id in self.used:
                why = "this was the id of a finding that was removed: leave it empty, and a new one is given"
                self.complaints.append((one, Complaint(one.cell(("id",)), why)))
                return
            if one.id and self.known:
                there = f"the case has {', '.join(sorted(self.known, key=_by_number))}"
                why = f"there is no such finding; {there}: leave the id empty, and a new finding gets one"
                self.complaints.append((one, Complaint(one.cell(("id",)), why)))
                return
            row = {"id": one.id or self._new_id()}
            self.used.add(row["id"])
            rows.append(row)
            before: dict[str, Any] = {}
        else:
            before = dict(row)
        for key, value in chosen(FINDING, one.facts).items():
            if key == "dynamic" and one.columns is not None:
                value = {**_unsaid(row.get("dynamic", {}), one.columns), **(value or {})} or None
            if value is None or value == "":
                row.pop(key, None)
            else:
                row[key] = value
        if one.evidence:
            row["evidence"] = _completed(one.evidence, row.get("evidence", []), one.columns)
        elif one.evidence is not None:
            row.pop("evidence", None)
        if row != before:  # what was there before was good enough for its author
            self.touched.append(("finding", row, one, ()))
        self._measurements(one, row["id"])

    def _new_id(self) -> str:
        taken = [int(i[1:]) for i in self.used if re.fullmatch(r"F\d{1,9}", i)]
        return f"F{max(taken, default=0) + 1}"

    def _measurements(self, one: Given, finding: str) -> None:
        """Those of the finding are replaced by those of the file; rows that stay keep their place."""
        if one.measurements is None:
            return
        rows: list[dict[str, Any]] = self.values.setdefault("measurement", [])
        new = []
        for number, measurement in enumerate(one.measurements):
            made = {k: v for k, v in chosen(MEASUREMENT_ROW, measurement).items() if v not in (None, "")}
            if unit := ucum(str(made.get("unit", ""))):
                made["unit"] = unit
            if finding:
                made["finding"] = finding
            new.append((number, made))
        left = [r for r in rows if r.get("finding", "") == finding]
        if finding and one.columns is not None:
            new = [
                (n, made)
                for (n, _), made in zip(new, _measured([m for _, m in new], left, one.columns), strict=True)
            ]
        for number, made in new:
            same = next((r for r in left if r == made), None) or next(
                (
                    r
                    for r in left
                    if finding and all(r.get(k) == made.get(k) for k in ("what", "state", "side"))
                ),
                None,
            )
            if same == made:
                left = [r for r in left if r is not same]
                continue
            if same is not None:
                left = [r for r in left if r is not same]
                same.clear()
                same.update(made)
            else:
                rows.append(same := made)
            self.touched.append(("measurement", same, one, ("measurement", number)))
        if finding:
            rows[:] = [r for r in rows if not any(r is gone for gone in left)]

    def places(self, values: Mapping[str, Any]) -> dict[tuple[str, int], tuple[Given, tuple[str | int, ...]]]:
        """Where each row that the file gives stands in the case, and in the file."""
        found = {}
        for kind, row, one, before in self.touched:
            number = next((n for n, r in enumerate(values.get(kind, ())) if r is row), None)
            if number is not None:
                found[kind, number] = (one, before)
        return found


def _by_number(name: str) -> tuple[str, int, str, str]:
    """F2 before F10, however many digits an id has."""
    letters = name.rstrip("0123456789")
    digits = name[len(letters) :].lstrip("0")
    return letters, len(digits), digits, name


def lost(before: Case, after: Case) -> tuple[str, ...]:
    """What a case said and says no more, in words: emptied facts, evidence and measurements that were replaced."""
    old, new = tomllib.loads(dumps(before)), tomllib.loads(dumps(after))
    rows = {row["id"]: row for row in new.get("finding", ())}
    told = []
    for row in old.get("finding", ()):
        now = rows.get(row["id"], {})
        gone = [name for name in row if name not in now and name != "evidence"]
        clips = Counter(e["media"] for e in row.get("evidence", ()))
        clips.subtract(e["media"] for e in now.get("evidence", ()))
        gone += [f"evidence on {media}" for media, count in clips.items() if count > 0]
        gone += [measured(m) for m in _not_again(before, after) if m.finding == row["id"]]
        if gone:
            told.append(f"{row['id']} loses {', '.join(gone)}")
    return tuple(told)


def _not_again(before: Case, after: Case) -> list[Measurement]:
    """Measurements of which the case has none of that kind, state and side any more."""
    left = Counter(_kind(m) for m in after.measurements)
    gone = []
    for row in before.measurements:
        left[_kind(row)] -= 1
        if left[_kind(row)] < 0:
            gone.append(row)
    return gone


def _kind(row: Measurement) -> tuple[str, ...]:
    return row.finding, row.what, row.state, row.side


def _unsaid(old: Mapping[str, Any], columns: Set[str]) -> dict[str, Any]:
    """What of ``old`` stands in columns that a table does not have."""
    return {k: v for k, v in old.items() if k not in columns}


def _completed(
    new: Sequence[dict[str, Any]], old: Sequence[dict[str, Any]], columns: Set[str] | None
) -> list[dict[str, Any]]:
    """Evidence with what the one on the same clip says in columns that the table does not have."""
    if columns is None:
        return list(new)
    spoken = columns | (set(SHAPES) if {"shape", "points"} <= columns else set())
    left, found = list(old), []
    for row in new:
        same = [o for o in left if o["media"] == row["media"]]
        was = next((o for o in same if o.get("frames") == row.get("frames")), same[0] if same else {})
        left = [o for o in left if o is not was]
        found.append({**row, **_unsaid(was, spoken)})
    return found


def _measured(
    new: Sequence[dict[str, Any]], old: Sequence[dict[str, Any]], columns: Set[str]
) -> list[dict[str, Any]]:
    """Measurements with what the same one says in columns that the table does not have."""
    spoken = {key for column, key in MEASUREMENT.items() if column in columns} | {"finding"}
    left, found = list(old), []
    for row in new:
        asked = [k for k in ("what", "state", "side") if k in spoken]
        was: dict[str, Any] = next((o for o in left if all(o.get(k) == row.get(k) for k in asked)), {})
        left = [o for o in left if o is not was]
        found.append({**row, **_unsaid(was, spoken)})
    return found
