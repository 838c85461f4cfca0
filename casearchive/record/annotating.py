"""Adding, changing and removing what was found in a case, one annotation after the other, checked as a whole.

A case is taken as the values its file would hold, the annotations are written into these, and the case is read
again: what may stand in a record is decided in one place only, and every complaint leads back to how it was said.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from casearchive.errors import UsageError
from casearchive.measurements import check
from casearchive.model import Case, Facts, Measurement
from casearchive.record.checking import contradictions, guessed, wrong
from casearchive.record.chosen import chosen
from casearchive.record.layout import Path
from casearchive.record.reading import dotted, read_values
from casearchive.record.sentences import quantity
from casearchive.record.table import FINDING, MEASUREMENT, PRIOR, SHAPES
from casearchive.record.units import usual_unit
from casearchive.record.writing import dumps
from casearchive.units import ucum

#: Tables of a finding to which a change adds, instead of putting another in their place.
_MERGED = ("grades", "dynamic")
#: What a row of a list is called on the command line, and its list in a case file.
_LISTS = {"prior": "prior", "point": "points", "pitfall": "pitfalls"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody wants written, in the keys and values of the case file; nothing of it is checked yet.

    ``target`` is the id of the finding to change (``F2``), or the place of a prior (``prior:1``); empty for a new
    one. ``evidence`` is one entry, ``more`` says that it stands beside what is there. A measurement without a
    ``value`` is measured from its ``points``. ``said`` tells how a key was said (``--frames 39-98``).
    """

    target: str = ""
    finding: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False
    measurements: tuple[Mapping[str, Any], ...] = ()
    prior: Mapping[str, Any] = field(default_factory=dict)
    points: tuple[str, ...] = ()
    pitfalls: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    left_aside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """A case with the annotations in it.

    ``findings`` are the ids, ``measurements`` and ``priors`` the places (from 0) of what was added or changed,
    ``sentences`` the new teaching points and pitfalls, ``removed`` names what is gone, ``notes`` what a person
    should know (sides taken from a clip, values that differ from their points).
    """

    case: Case
    findings: tuple[str, ...] = ()
    measurements: tuple[int, ...] = ()
    priors: tuple[int, ...] = ()
    sentences: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Refused(UsageError):
    """Annotations that cannot be written; ``complaints`` are (how it was said, what is wrong)."""

    def __init__(self, complaints: Sequence[tuple[str, str]], hint: str = "") -> None:
        self.complaints = tuple(complaints)
        super().__init__("\n  ".join(f"{said}: {why}" for said, why in self.complaints), hint=hint)


def revised(
    case: Case,
    annotations: Sequence[Annotation],
    *,
    remove: Sequence[str] = (),
    files: Mapping[str, Facts],
    used: Collection[str] = (),
    as_written: bool = False,
) -> Revision:
    """The case with everything removed that ``remove`` names, then with the annotations in it.

    ``files`` are the facts of its clips by media id, ``used`` the ids that findings of this case once had: none is
    given again. ``as_written`` lets words through that the vocabulary does not know. Raises ``Refused`` with
    everything that cannot be written.
    """
    annotations = [_as_meant(a) for a in annotations]
    work = _Work(case, files, used)
    for name in dict.fromkeys(remove):
        work.remove(name)
    work.drop()
    for annotation in annotations:
        work.annotate(annotation)
    return work.done(as_written)


def _as_meant(said: Annotation) -> Annotation:
    """The same with the words of closed lists as these have them."""
    return replace(
        said,
        finding=chosen(FINDING, said.finding),
        prior=chosen(PRIOR, said.prior),
        measurements=tuple(chosen(MEASUREMENT, m) for m in said.measurements),
    )


class _Work:
    def __init__(self, case: Case, files: Mapping[str, Facts], used: Collection[str]) -> None:
        self.before, self.files = case, files
        self.values: dict[str, Any] = tomllib.loads(dumps(case))
        self.used = {*used, *(f.id for f in case.findings)}
        self.touched: list[tuple[str, dict[str, Any], Annotation]] = []
        self.complaints: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.removed: list[str] = []
        self.gone: set[tuple[str, int]] = set()
        self.sentences: list[str] = []

    # ------------------------------------------------------------------------------------------- removing

    def remove(self, name: str) -> None:
        said = f"--remove {name}"
        kind, _, place = name.partition(":")
        if kind in _LISTS and place.isdecimal():
            self._remove_row(kind, int(place), said)
            return
        finding, _, part = name.partition("/")
        row = self._row(finding, said)
        if row is None:
            return
        if not part:
            self._remove_finding(finding, said)
        elif any(e["media"] == part for e in row.get("evidence", ())):
            row["evidence"] = [e for e in row["evidence"] if e["media"] != part]
            self.removed.append(name)
            self._touch("finding", row)
        elif part in row.get("grades", {}):
            row["grades"] = {k: v for k, v in row["grades"].items() if k != part}
            self.removed.append(name)
            self._touch("finding", row)
        else:
            self._remove_measurement(finding, part, said)

    def _remove_row(self, kind: str, place: int, said: str) -> None:
        rows = self._list(_LISTS[kind])
        if 1 <= place <= len(rows):
            self.gone.add((_LISTS[kind], place - 1))
            self.removed.append(f"{kind} {place}")
        else:
            self.complaints.append((said, f"there is no {kind} {place}; there are {len(rows)}"))

    def drop(self) -> None:
        """Take out the rows named by their places, all at once: each place is meant as it was."""
        for key in {key for key, _ in self.gone}:
            rows = self._list(key)
            rows[:] = [row for n, row in enumerate(rows) if (key, n) not in self.gone]

    def _remove_finding(self, finding: str, said: str) -> None:
        asked = [n for n, q in enumerate(self.values.get("quiz", ()), 1) if _asks(q) == finding]
        if asked:
            why = f"question {asked[0]} of the quiz asks for it: change that first (casearchive edit)"
            self.complaints.append((said, why))
            return
        rows = self.values["finding"]
        self.values["finding"] = [r for r in rows if r["id"] != finding]
        kept = [m for m in self._list("measurement") if m.get("finding") != finding]
        gone = len(self._list("measurement")) - len(kept)
        self.values["measurement"] = kept
        self.removed.append(finding)
        if gone:
            self.notes.append(f"{gone} measurement{'s' if gone > 1 else ''} of {finding} went with it")

    def _remove_measurement(self, finding: str, part: str, said: str) -> None:
        what, _, state = part.partition("@")
        rows = self._list("measurement")
        here = [
            m
            for m in rows
            if m.get("finding") == finding
            and m["what"] == what
            and (not state or m.get("state", "") == state)
        ]
        if not here:
            of = sorted({m["what"] for m in rows if m.get("finding") == finding})
            known = self._row(finding, said) or {}
            there = ", ".join(
                [*(e["media"] for e in known.get("evidence", ())), *known.get("grades", ()), *of]
            )
            self.complaints.append(
                (said, f"{finding} has no “{part}”" + (f"; it has {there}" if there else ""))
            )
        elif len(here) > 1 and not state:
            several = ", ".join(f"{finding}/{what}@{m.get('state', '')}" for m in here)
            self.complaints.append((said, f"there are several: say which of {several}"))
        else:
            rows[:] = [m for m in rows if not any(m is gone for gone in here)]
            self.removed.append(f"{finding}/{part}")
            if row := self._row(finding, said):
                self._touch("finding", row)

    # --------------------------------------------------------------------------------------------- adding

    def annotate(self, wanted: Annotation) -> None:
        story = self.values.setdefault("story", {}) if wanted.points or wanted.pitfalls else {}
        for key, more in (("points", wanted.points), ("pitfalls", wanted.pitfalls)):
            if more:
                new = [m for m in more if m not in story.get(key, ())]
                story[key] = [*story.get(key, ()), *new]
                self.sentences += new
        if wanted.prior:
            self._prior(wanted)
        finding = wanted.target
        if wanted.finding or wanted.evidence or (finding and ":" not in finding):
            row = self._row(finding, f"--change {finding}") if finding else self._new(wanted)
            if row is None:
                return
            finding = row["id"]
            row.update({k: v for k, v in wanted.finding.items() if k not in _MERGED})
            for key in _MERGED:
                if key in wanted.finding:
                    row[key] = {**row.get(key, {}), **wanted.finding[key]}
            if wanted.evidence:
                self._evidence(row, wanted)
            self._side_of_clip(row)
            self._touch("finding", row, wanted)
        for number, measurement in enumerate(wanted.measurements):
            self._measurement("" if ":" in finding else finding, dict(measurement), wanted, number)

    def _new(self, wanted: Annotation) -> dict[str, Any] | None:
        if not wanted.finding.get("abnormality"):
            where = next(iter(wanted.said.values()), "the finding")
            self.complaints.append(
                (
                    where,
                    'a new finding needs --finding (such as "complete tear" or normal); --change F1 changes one',
                )
            )
            return None
        taken = [int(i[1:]) for i in self.used if re.fullmatch(r"F\d{1,9}", i)]
        made: dict[str, Any] = {"id": f"F{max(taken, default=0) + 1}"}
        self.used.add(made["id"])
        self._list("finding").append(made)
        return made

    def _prior(self, wanted: Annotation) -> None:
        rows = self._list("prior")
        kind, _, place = wanted.target.partition(":")
        if kind != "prior":
            rows.append(dict(wanted.prior))
            self._touch("prior", rows[-1], wanted)
        elif place.isdecimal() and len(place) < 10 and 1 <= int(place) <= len(rows):
            rows[int(place) - 1].update(wanted.prior)
            self._touch("prior", rows[int(place) - 1], wanted)
        else:
            self.complaints.append(
                (f"--change {wanted.target}", f"there is no such prior; there are {len(rows)}")
            )

    def _evidence(self, row: dict[str, Any], wanted: Annotation) -> None:
        """Evidence on a clip that the finding points at already is changed; else it is added."""
        new = dict(wanted.evidence)
        there = row.setdefault("evidence", [])
        same = [e for e in there if e["media"] == new.get("media")]
        if len(same) > 1 and "frames" in new:
            same = [e for e in same if e.get("frames") == new["frames"]]
        if wanted.more or not same:
            there.append(new)
        elif len(same) > 1:
            self.complaints.append(
                (
                    wanted.said.get("media", "media"),
                    f"{row['id']} points at that clip several times: say --frames",
                )
            )
        else:
            if any(shape in new for shape in SHAPES):
                for shape in SHAPES:
                    same[0].pop(shape, None)
            same[0].update(new)

    def _side_of_clip(self, row: dict[str, Any]) -> None:
        """A finding without a side takes that of the one clip that shows it; this is said."""
        if row.get("side") or row.get("abnormality") is None:
            return
        sides = {m.id: m.side for m in self.before.media}
        shown = {sides.get(e.get("media", ""), "") for e in row.get("evidence", ())}
        if len(shown) == 1 and (side := shown.pop()) in ("left", "right"):
            row["side"] = side
            self.notes.append(f"{row['id']}: its side, {side}, is that of the clip")

    def _measurement(self, finding: str, new: dict[str, Any], wanted: Annotation, number: int) -> None:
        said = wanted.said.get(f"measure {number}", "--measure")
        if unit := ucum(str(new.get("unit", ""))):
            new["unit"] = unit
        if finding:
            new["finding"] = finding
        if "value" not in new and not self._from_points(new, said):
            return
        rows = self._list("measurement")
        sides = {r["id"]: r.get("side", "") for r in self._list("finding")}
        row = next((r for r in rows if _same(r, new, sides)), None)
        if row is None:
            rows.append(new)
        else:
            row.update(new)
        self._touch("measurement", row or new, replace(wanted, said={**wanted.said, "measure": said}))

    def _from_points(self, new: dict[str, Any], said: str) -> bool:
        unit = new.setdefault("unit", usual_unit(new.get("what", "")))
        media = new.get("media", "")
        if not new.get("points") or media not in self.files:
            self.complaints.append(
                (said, "needs a value (gap=31mm), or --points on a clip (--media) to measure it from")
            )
            return False
        points = tuple((float(x), float(y)) for x, y in new["points"])
        calibration = next((m.calibration for m in self.before.media if m.id == media), None)
        found = check(
            Measurement(new.get("what", ""), 0.0, unit, points=points), self.files[media], calibration
        )
        if found.value is None:
            why = found.note or f"points do not give a value in {unit or 'a unit that is not known'}"
            self.complaints.append((said, f"{why}; write the value: {new.get('what', 'gap')}=31{unit}"))
            return False
        new["value"] = float(f"{found.value:.3g}")
        self.notes.append(f"{new['what']}: {quantity(new['value'], unit)}, measured from its points")
        return True

    # ----------------------------------------------------------------------------------------------- ending

    def done(self, as_written: bool) -> Revision:
        if self.values.get("story") == {}:
            del self.values["story"]
        touched = {place: wanted for kind, row, wanted in self.touched if (place := self._place(kind, row))}
        case, read = read_values(self.values, self.before.slug)
        found = [*read, *wrong(case, touched.keys(), self.files, as_written=as_written)]
        self.complaints += [(_said(path, touched), message) for path, message in found]
        if self.complaints:
            raise Refused(tuple(dict.fromkeys(self.complaints)), "Nothing was written.")
        rows = sorted(touched)
        measurements = tuple(n for kind, n in rows if kind == "measurement")
        findings = tuple(case.findings[n].id for kind, n in rows if kind == "finding")
        about = {*findings, *(case.measurements[n].finding for n in measurements)}
        taken = [g for _, _, wanted in self.touched for g in guessed(FINDING, wanted.finding)]
        self.notes += [f"“{written}” is taken for {meant}" for written, meant in taken]
        self.notes += contradictions(case, about)
        return Revision(
            case,
            findings,
            measurements,
            tuple(n for kind, n in rows if kind == "prior"),
            tuple(self.sentences),
            tuple(self.removed),
            tuple(dict.fromkeys((*self.notes, *self._compared(case, measurements)))),
        )

    def _place(self, kind: str, row: dict[str, Any]) -> tuple[str, int] | None:
        """Where a row stands in the end; None where it was taken out again."""
        return next(((kind, n) for n, r in enumerate(self.values.get(kind, ())) if r is row), None)

    def _compared(self, case: Case, places: Sequence[int]) -> Iterator[str]:
        calibrations = {m.id: m.calibration for m in case.media}
        for place in places:
            typed = case.measurements[place]
            found = check(typed, self.files.get(typed.media), calibrations.get(typed.media))
            if found.note:
                yield f"{typed.what}: {found.note}"

    def _row(self, finding: str, said: str) -> dict[str, Any] | None:
        rows = self._list("finding")
        row = next((r for r in rows if r["id"] == finding), None)
        if row is None:
            there = ", ".join(r["id"] for r in rows) or "none yet"
            self.complaints.append((said, f"the case has no finding {finding}; it has {there}"))
        return row

    def _touch(self, kind: str, row: dict[str, Any], wanted: Annotation | None = None) -> None:
        self.touched.append((kind, row, wanted or Annotation()))

    def _list(self, key: str) -> list[Any]:
        holder = self.values.setdefault("story", {}) if key in ("points", "pitfalls") else self.values
        rows: list[Any] = holder.setdefault(key, [])
        return rows


def _same(one: Mapping[str, Any], other: Mapping[str, Any], sides: Mapping[str, str]) -> bool:
    """Whether two rows measure the same; one that names no side is of the side of its finding."""

    def meant(row: Mapping[str, Any]) -> tuple[str, ...]:
        finding = row.get("finding", "")
        side = row.get("side") or sides.get(finding, "")
        return finding, row.get("what", ""), row.get("state", ""), side

    return meant(one) == meant(other)


def _asks(question: Mapping[str, Any]) -> str:
    return str(question.get("ask_point", {}).get("finding", ""))


def _said(path: Path, touched: Mapping[tuple[str, int], Annotation]) -> str:
    """How the value at a path was said; its place in the record where nobody said it now."""
    annotation = touched.get((str(path[0]), path[1])) if len(path) > 1 and isinstance(path[1], int) else None
    if annotation is None:
        return dotted(path)
    said = annotation.said
    if path[0] == "measurement":
        key = str(path[2]) if len(path) > 2 else ""
        return (said.get(key, "") if key in ("media", "frame", "points") else "") or said.get(
            "measure", dotted(path)
        )
    for part in reversed(path[2:]):
        key = "shape" if part in SHAPES else str(part)
        if key in said:
            return said[key]
    return dotted(path)
