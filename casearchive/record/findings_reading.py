"""Findings read from a table (CSV) or JSON lines, with the place of everything; nothing is judged here but form."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from casearchive.errors import UsageError
from casearchive.record.findings_file import COLUMNS, EVIDENCE, FACTS, FORMULA, MEASUREMENT
from casearchive.record.reading import dotted
from casearchive.record.table import SHAPES
from casearchive.terms.spelling import nearest_words

#: Larger files are no tables of findings.
MAX_BYTES = 20 * 1024 * 1024

_ALIASES = {"finding": "abnormality", "finding_id": "id", "slug": "case", "grade": "grades", "echo": "echogenicity",
            "relations": "relation", "measurement": "measure", "frame_range": "frames"}  # fmt: skip

#: A comma that may part thousands or decimals, but where the cells are parted by semicolons for its sake.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where something stands in a file: the line (from 1), the column or key, and what is written there."""

    line: int
    column: str
    written: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something in a file that is not understood."""

    cell: Cell
    why: str

    def __str__(self) -> str:
        shown = self.cell.written if len(self.cell.written) <= 60 else f"{self.cell.written[:59]}…"
        return f"line {self.cell.line}, {self.cell.column} “{shown}”: {self.why}"


@dataclass(slots=True)
class Given:
    """A finding as a file gives it: ``facts`` are keys of the case file with their values, None where emptied.

    ``evidence`` and ``measurements`` are None where the file does not speak of them. ``cells`` tells where each
    thing stands, by its path inside the finding. ``columns`` are those of a table: what a column would say that is
    not there stays as it is (None: JSON lines, where each thing is given whole).
    """

    case: str
    id: str
    line: int
    facts: dict[str, Any] = field(default_factory=dict)
    evidence: list[dict[str, Any]] | None = None
    measurements: list[dict[str, Any]] | None = None
    cells: dict[tuple[str | int, ...], Cell] = field(default_factory=dict)
    columns: Set[str] | None = None

    def cell(self, path: Sequence[str | int]) -> Cell:
        """Where what a path inside the finding names stands, or what is nearest around it."""
        where = tuple(path)
        while where and where not in self.cells:
            where = where[:-1]
        return self.cells.get(where) or Cell(self.line, "id", self.id)


def read(content: bytes, *, json_lines: bool, case: str = "") -> tuple[list[Given], list[Complaint]]:
    """The findings that a file gives, with everything in it that cannot be read.

    ``case`` is meant where the file names none. A table may be separated by commas, semicolons or tabs, may begin
    with a byte order mark, and may be UTF-8, UTF-16 or Windows-1252. Raises ``UsageError`` for what is no such
    file at all.
    """
    if len(content) > MAX_BYTES:
        raise UsageError(f"the file is larger than {MAX_BYTES // 1024 // 1024} MB: it is no list of findings")
    text = _decoded(content)
    if "\0" in text:
        raise UsageError("the file is no text", hint="It takes .csv or .jsonl, such as --export writes.")
    return _read_json_lines(text, case) if json_lines else _read_table(text, case)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _read_table(text: str, case: str) -> tuple[list[Given], list[Complaint]]:
    complaints: list[Complaint] = []
    lines = list(io.StringIO(text, newline=""))  # not splitlines: a note may hold U+2028, which ends no row
    skipped = 0
    separator = ""
    if lines and (hint := re.fullmatch(r"sep=(.)\s*", lines[0])):  # Excel's own way to say it
        separator, skipped = hint[1], 1
    first = next((line for line in lines[skipped:] if line.strip()), "")
    separator = separator or max(",;\t", key=first.count)
    reader = csv.reader(lines[skipped:], delimiter=separator, strict=True)
    header: list[str] = []
    table = _Table(case, complaints)
    table.separator = separator
    begins = skipped + 1
    try:
        for cells in reader:
            line, begins = begins, skipped + reader.line_num + 1
            if not any(c.strip() for c in cells):
                continue
            if not header:
                header = _header(cells, line, complaints)
                table.columns = {c for c in header if c}
            elif len(cells) > len(header) and any(c.strip() for c in cells[len(header) :]):
                more = next(c for c in cells[len(header) :] if c.strip())
                complaints.append(
                    Complaint(Cell(line, "", more), f"the table has {len(header)} columns only")
                )
            else:
                table.take(line, {c: _unquoted(v) for c, v in zip(header, cells, strict=False) if c})
    except csv.Error as error:
        complaints.append(Complaint(Cell(begins, "", ""), f"the table cannot be read from here on: {error}"))
    if not header:
        raise UsageError("the file is empty", hint=f"Its first line names the columns: {', '.join(COLUMNS)}")
    return table.found(), complaints


def _header(cells: Sequence[str], line: int, complaints: list[Complaint]) -> list[str]:
    names: list[str] = []
    for cell in cells:
        name = re.sub(r"[\s-]+", "_", cell.strip().lower())
        name = _ALIASES.get(name, name)
        if name and name not in COLUMNS:
            near = nearest_words(name, COLUMNS)
            meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(COLUMNS)}"
            complaints.append(Complaint(Cell(line, "column", cell), f"there is no such column{meant}"))
            name = ""
        elif name in names:
            complaints.append(Complaint(Cell(line, "column", cell), "there are two columns of that name"))
            name = ""
        names.append(name)
    return names


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


class _Table:
    """Rows of a table gathered into findings."""

    def __init__(self, case: str, complaints: list[Complaint]) -> None:
        self.case, self.complaints = case, complaints
        self.columns: set[str] = set()
        self.separator = ""
        self.given: list[Given] = []
        self.by_id: dict[tuple[str, str], Given] = {}

    def found(self) -> list[Given]:
        return self.given

    def take(self, line: int, row: Mapping[str, str]) -> None:
        case, name = row.get("case", "") or self.case, row.get("id", "")
        if not case:
            self._refuse(line, "case", "", "which case? Name it here, or on the command line")
            return
        told = [c for c in FACTS if row.get(c)]
        given = self.by_id.get((case, name)) if name else None
        if given is None:
            given = Given(case, name, line, columns=self.columns)
            given.cells["id",] = Cell(line, "id", name)
            given.cells["case",] = Cell(line, "case", case)
            if "media" in self.columns:
                given.evidence = []
            if "measure" in self.columns:
                given.measurements = []
            self.given.append(given)
            if name:
                self.by_id[case, name] = given
            self._facts(given, line, row)
        else:
            for column in told:
                known = given.cells.get((column,))
                if known is None or known.written != row[column]:
                    other = f"line {given.line} says “{known.written if known else ''}” of {name}"
                    self._refuse(line, column, row[column], other)
        self._evidence(given, line, row)
        self._measurement(given, line, row)

    def _refuse(self, line: int, column: str, written: str, why: str) -> None:
        self.complaints.append(Complaint(Cell(line, column, written), why))

    def _facts(self, given: Given, line: int, row: Mapping[str, str]) -> None:
        dynamic: dict[str, str] = {}
        for column in FACTS:
            if column not in self.columns:
                continue
            written = row.get(column, "")
            cell = Cell(line, column, written)
            given.cells[column,] = cell
            if column in ("maneuver", "at_rest", "during"):
                given.cells["dynamic", column] = cell
                if written:
                    dynamic[column] = written
                given.facts["dynamic"] = dynamic or None
                continue
            given.facts[column] = self._fact(column, written, cell) if written else None

    def _fact(self, column: str, written: str, cell: Cell) -> Any:
        if column == "echogenicity":
            return _split(written)
        if column in ("grades", "doppler", "relation"):
            pairs = [p.partition("=") for p in _split(written)]
            if any(not equals or not left.strip() or not right.strip() for left, equals, right in pairs):
                self.complaints.append(Complaint(cell, f"write {COLUMNS[column]}"))
                return None
            told = [(left.strip(), right.strip()) for left, _, right in pairs]
            if column == "grades":
                return dict(told)
            if column == "relation":
                return [{"kind": kind, "structure": structure} for kind, structure in told]
            return {"scale": told[0][0], "value": self._number(told[0][1], cell)}
        if column == "reviewed":
            return self._yes(written, cell)
        return written

    def _evidence(self, given: Given, line: int, row: Mapping[str, str]) -> None:
        told = [c for c in EVIDENCE if row.get(c)]
        if not told:
            return
        if "media" not in told:
            self._refuse(line, told[0], row[told[0]], "of which clip? Name it in the column media")
            return
        if not given.id and not given.facts.get("abnormality"):
            self._refuse(line, "media", row["media"], "of which finding? Give its id, or an abnormality")
            return
        made: dict[str, Any] = {"media": row["media"]}
        assert given.evidence is not None
        here = ("evidence", len(given.evidence))
        for column in told:
            given.cells[(*here, column)] = Cell(line, column, row[column])
        if frames := row.get("frames"):
            match = re.fullmatch(r"(\d{1,7})(?:\s*[-–]\s*(\d{1,7}))?", frames)
            if match:
                made["frames"] = [int(match[1]), int(match[2] or match[1])]
            else:
                self._refuse(line, "frames", frames, "write first-last, such as 39-98")
        shape, points = row.get("shape", ""), row.get("points", "")
        if shape and shape not in SHAPES:
            self._refuse(line, "shape", shape, f"one of {', '.join(SHAPES)}")
        elif bool(shape) != bool(points):
            column = "shape" if shape else "points"
            self._refuse(line, column, row[column], "a shape has its points, and points have a shape")
        elif shape:
            found = self._points(points, Cell(line, "points", points))
            made[shape] = found[0] if shape == "point" and len(found) == 1 else found
            given.cells[(*here, shape)] = given.cells[(*here, "points")]
        if best := row.get("best"):
            made["best"] = self._yes(best, Cell(line, "best", best))
        given.evidence.append(made)

    def _measurement(self, given: Given, line: int, row: Mapping[str, str]) -> None:
        told = [c for c in MEASUREMENT if row.get(c)]
        if not told:
            return
        if "measure" not in told:
            self._refuse(line, told[0], row[told[0]], "what was measured? Say it in the column measure")
            return
        assert given.measurements is not None
        here = ("measurement", len(given.measurements))
        made: dict[str, Any] = {}
        for column in told:
            key, cell = MEASUREMENT[column], Cell(line, column, row[column])
            given.cells[(*here, key)] = cell
            if column == "value":
                made[key] = self._number(row[column], cell)
            elif column == "frame":
                made[key] = int(row[column]) if re.fullmatch(r"\d{1,7}", row[column]) else row[column]
            elif column == "measured_points":
                made[key] = self._points(row[column], cell)
            else:
                made[key] = row[column]
        given.cells[here] = given.cells[(*here, "what")]
        given.measurements.append(made)

    def _number(self, written: str, cell: Cell) -> float:
        if self.separator != ";" and _THOUSANDS.fullmatch(written):
            point, none = written.replace(",", "."), written.replace(",", "")
            self.complaints.append(
                Complaint(cell, f"is that {none} or {point}? Write the number without a comma")
            )
            return 0.0
        try:
            return float(written.replace(",", "."))  # a spreadsheet may write 31,5
        except ValueError:
            self.complaints.append(Complaint(cell, "this is no number"))
            return 0.0

    def _points(self, written: str, cell: Cell) -> list[list[float]]:
        points = []
        for word in written.split():
            try:
                x, y = (float(n) for n in word.split(","))
            except ValueError:
                self.complaints.append(Complaint(cell, f"“{word[:30]}” is no point: write x,y x,y …"))
                return []
            points.append([x, y])
        return points

    def _yes(self, written: str, cell: Cell) -> bool:
        known = {"yes": True, "y": True, "true": True, "1": True, "x": True, "no": False, "n": False}
        answer = {**known, "false": False, "0": False}.get(written.lower())
        if answer is None:
            self.complaints.append(Complaint(cell, "write yes or no"))
        return bool(answer)


def _split(written: str) -> list[str]:
    """Parts between |, which a backslash before it makes an ordinary character."""
    parts, taken, escaped = [""], False, False
    for char in written:
        if escaped or char not in "\\|":
            parts[-1] += char
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append("")
        taken = True
    return [p.strip() for p in parts if p.strip()] if taken else []


def _read_json_lines(text: str, case: str) -> tuple[list[Given], list[Complaint]]:
    found: list[Given] = []
    complaints: list[Complaint] = []
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            row = json.loads(written)
        except (ValueError, RecursionError) as error:
            complaints.append(Complaint(Cell(line, "", written.strip()), f"this is no JSON: {error}"))
            continue
        if not isinstance(row, dict):
            complaints.append(Complaint(Cell(line, "", written.strip()), "a finding is an object: {…}"))
            continue
        given = Given(str(row.pop("case", "") or case), str(row.pop("id", "") or ""), line)
        if not given.case:
            complaints.append(
                Complaint(Cell(line, "case", ""), "which case? Name it here, or on the command line")
            )
            continue
        for key, rows in (
            ("evidence", row.pop("evidence", None)),
            ("measurement", row.pop("measurement", None)),
        ):
            if rows is None:
                continue
            if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
                complaints.append(
                    Complaint(Cell(line, key, _short(rows)), "must be a list of objects: [{…}]")
                )
            elif key == "evidence":
                given.evidence = rows
            else:
                given.measurements = rows
        given.facts = row
        _place(given, line, (), {**row, "evidence": given.evidence, "measurement": given.measurements})
        given.cells["case",] = Cell(line, "case", given.case)
        found.append(given)
    return found, complaints


def _place(given: Given, line: int, path: tuple[str | int, ...], value: Any) -> None:
    """Remember where each value of a JSON line stands: its line, and its keys as the column."""
    if path:
        given.cells[path] = Cell(line, dotted(path), _short(value))
    if len(path) > 4:
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        _place(given, line, (*path, key), inner)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
