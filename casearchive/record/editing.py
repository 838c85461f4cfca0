"""The author's own text with only what changed: comments, order and layout stay.

Each difference between two cases becomes an edit of the text at the place where the value stands. A comment
above a section belongs to what follows it, so it survives even when a row is taken out.
"""

from __future__ import annotations

import re
from typing import Any

from casearchive.errors import CaseArchiveError, RecordError
from casearchive.model import Case
from casearchive.record.layout import Layout, Path, Section
from casearchive.record.reading import loads
from casearchive.record.table import CASE, Field, Table
from casearchive.record.writing import dumps, given, inline_text, section_lines, shape_text, value_text


class _CannotEditError(Exception):
    """The text is laid out in a way this editor does not follow (dotted keys, interleaved rows)."""


def update(text: str, case: Case) -> str:
    """The author's ``text`` with its values changed to those of ``case``.

    Values that mean the same are left as they are written ("Quadriceps" for ``quadriceps``), so an
    unchanged case gives back the identical text. Clips and findings are matched by id, other rows by place.
    Where the layout is too unusual to edit, the case is written anew below the comments at the head.

    ``text`` and what becomes of it must be valid case files (``RecordError`` otherwise). What is returned reads
    back as exactly ``case``; where that is impossible ``CaseArchiveError`` says so.
    """
    before = loads(text, slug=case.slug)
    if before == case:
        return text
    changed = _edited(text, before, case)
    if changed is None or not _reads_as(changed, case):
        changed = _head_comments(text) + dumps(case)
    if loads(changed, slug=case.slug) != case:
        raise CaseArchiveError(
            "this case would not read back as it is",
            where=case.slug,
            hint="Use concept ids for anatomy and findings (rectus_femoris), and texts without control characters.",
        )
    return changed


def _reads_as(text: str, case: Case) -> bool:
    try:
        return loads(text, slug=case.slug) == case
    except RecordError:
        return False


def _head_comments(text: str) -> str:
    match = re.match(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)+", text.removeprefix("\ufeff"))
    return match[0] if match else ""


def _edited(text: str, before: Case, after: Case) -> str | None:
    """``text`` with the differences carried out; None where its layout cannot be followed."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix("\ufeff")
    if body and not body.endswith("\n"):
        body += "\n"
    try:
        editor = _Editor(body)
        editor.table(CASE, before, after, ())
        body = _in_order(editor.result(), after)
    except (_CannotEditError, RecordError):
        return None
    return mark + body


class _Editor:
    """Collects edits of one text: (start, end, replacement), none overlapping another."""

    def __init__(self, text: str) -> None:
        self.text, self.layout = text, Layout(text)
        self.edits: list[tuple[int, int, str]] = []
        self.dropped: set[Path] = set()

    def result(self) -> str:
        text = self.text
        windows = "\r\n" in text
        order = sorted(enumerate(self.edits), key=lambda e: (e[1][0], e[1][1], e[0]), reverse=True)
        for _, (start, end, new) in order:
            text = text[:start] + (new.replace("\n", "\r\n") if windows else new) + text[end:]
        return text

    # ---------------------------------------------------------------------------------------------- tables

    def table(self, table: Table, old: Any, new: Any, path: Path) -> None:
        """The differences between two values of one table that is there in the text."""
        if path and path in self.layout.values:
            if not self._same_keys(table, old, new):
                self._replace(path, inline_text(table, new))
                return
        elif self.layout.section(path) is None:
            raise _CannotEditError
        for field in table.fields:
            if field.kind == "shape":
                self._shape(old, new, path)
                continue
            was, becomes = getattr(old, field.name), getattr(new, field.name)
            if was != becomes:
                self._field(table, field, was, becomes, path)

    def _same_keys(self, table: Table, old: Any, new: Any) -> bool:
        return [f.key for f, _ in given(table, old)] == [f.key for f, _ in given(table, new)]

    def _field(self, table: Table, field: Field, old: Any, new: Any, path: Path) -> None:
        here = (*path, field.key)
        if new == table.default(field) and not field.required:
            self._drop(here)
        elif not self._present(here):
            self._add(table, field, new, path)
        elif field.kind == "table" and field.table is not None:
            self.table(field.table, old, new, here)
        elif field.kind == "tables" and field.table is not None:
            self._rows(table, field, old, new, path)
        elif here in self.layout.values:
            self._list(field, old, new, here)
        else:  # grades as a section of their own
            self._drop(here)
            self._add(table, field, new, path)

    def _list(self, field: Field, old: Any, new: Any, here: Path) -> None:
        """A list of texts keeps its layout where only single items change."""
        single = isinstance(new, tuple) and field.kind in ("texts", "concepts") and len(old) == len(new)
        inside = any(here[:n] in self.layout.values for n in range(1, len(here)))
        if not single:
            grown = isinstance(new, tuple) and field.kind in ("texts", "concepts") and new[: len(old)] == old
            more = [value_text(field, item, one_line=True) for item in new[len(old) :]] if grown else []
            if not (more and self._append(here, len(old), more)):
                self._replace(here, value_text(field, new, one_line=inside))
            return
        for number, (was, becomes) in enumerate(zip(old, new, strict=True)):
            if was != becomes:
                self._replace((*here, number), value_text(field, becomes, one_line=True))

    def _shape(self, old: Any, new: Any, path: Path) -> None:
        if (old.shape, old.points) == (new.shape, new.points):
            return
        if old.shape != new.shape or (*path, new.shape) not in self.layout.values:
            raise _CannotEditError
        self._replace((*path, new.shape), shape_text(new))

    # ---------------------------------------------------------------------------------------------- rows

    def _rows(self, table: Table, field: Field, old: Any, new: Any, path: Path) -> None:
        """Rows that stay are edited in place, the others dropped or added at the end; order is set later."""
        assert field.table is not None
        here = (*path, field.key)
        stays = _continued(old, new)
        inline = here in self.layout.values
        if (
            inline
            and old
            and stays == [*range(len(old)), *[None] * (len(new) - len(old))]
            and len(new) > len(old)
        ):
            texts = [inline_text(field.table, row) for row in new[len(old) :]]
            if self._append(here, len(old), texts):
                for number, row in enumerate(old):
                    if row != new[number]:
                        self.table(field.table, row, new[number], (*here, number))
                return
        if inline and (None in stays or len(old) != len(new) or stays != sorted(stays, key=_place)):
            self._replace(here, value_text(field, new))
            return
        for number, place in enumerate(stays):
            if place is not None and old[place] != new[number]:
                self.table(field.table, old[place], new[number], (*here, place))
        for place in range(len(old)):
            if place not in stays:
                self._drop((*here, place))
        for number, place in enumerate(stays):
            if place is None:
                self._add_section(table, field, new[number], path, many=True)

    def _append(self, here: Path, count: int, texts: list[str]) -> bool:
        """Items added to a list that its author wrote with remarks, one item a line; False where it is not so."""
        whole, last = self.layout.values.get(here), self.layout.values.get((*here, count - 1))
        if whole is None or last is None or "#" not in self.text[whole.start : whole.end]:
            return False
        end = self.layout.line_end(last.end)
        if end >= whole.end:  # the list ends on the line of its last item
            return False
        comma = "" if self.text[last.end : end].lstrip().startswith(",") else ","
        margin = self.text[self.layout.line_start(last.key) : last.key]
        margin = margin if not margin.strip() else "  "
        self.edits.append((last.end, last.end, comma))
        self.edits.append((end, end, "".join(f"{margin}{text},\n" for text in texts)))
        return True

    # ---------------------------------------------------------------------------------------------- edits

    def _present(self, path: Path) -> bool:
        return (
            path in self.layout.values or path in self.layout.others or self.layout.section(path) is not None
        )

    def _replace(self, path: Path, new: str) -> None:
        place = self.layout.values.get(path)
        if place is None:
            raise _CannotEditError
        self.edits.append((place.start, place.end, new))

    def _drop(self, path: Path) -> None:
        """Take out a key with its line, or a section with all that belongs to it."""
        sections = [s for s in self.layout.sections if s.path[: len(path)] == path and s.path]
        place = self.layout.values.get(path)
        if place is not None and self._in_section(path):
            self.edits.append((self.layout.line_start(place.key), self.layout.line_end(place.end), ""))
        elif not sections or (path in self.layout.others and not self._is_list(path, sections)):
            raise _CannotEditError
        for section in sections:
            self.dropped.add(section.path)
            self.edits.append((section.start, self._behind(section), ""))

    def _is_list(self, path: Path, sections: list[Section]) -> bool:
        return all(len(s.path) > len(path) and isinstance(s.path[len(path)], int) for s in sections)

    def _in_section(self, path: Path) -> bool:
        """Whether a key stands on a line of its own, not inside an inline table or a dotted key."""
        return self.layout.section(path[:-1]) is not None

    def _behind(self, section: Section) -> int:
        """Behind a section and the one empty line after it."""
        blank = re.compile(r"[ \t]*\r?\n").match(self.text, section.end)
        return blank.end() if blank else section.end

    def _add(self, table: Table, field: Field, value: Any, path: Path) -> None:
        if field.table is not None and not field.table.inline:
            rows = value if field.kind == "tables" else (value,)
            for row in rows:
                self._add_section(table, field, row, path, many=field.kind == "tables")
            return
        section = self.layout.section(path)
        if section is None:
            raise _CannotEditError
        at = self._after_key(table, field, path, section)
        self.edits.append((at, at, f"{field.key} = {value_text(field, value)}\n"))

    def _after_key(self, table: Table, field: Field, path: Path, section: Section) -> int:
        """Behind the line of the nearest key that usually comes before; else right under the header."""
        keys = [f.key for f in table.fields]
        for key in reversed(keys[: keys.index(field.key)]):
            place = self.layout.values.get((*path, key))
            if place is not None:
                return self.layout.line_end(place.end)
        return self.layout.line_end(section.start) if path else section.end

    def _add_section(self, table: Table, field: Field, made: Any, path: Path, *, many: bool) -> None:
        """A new section behind the last of its kind, or of the kinds that usually come before it."""
        assert field.table is not None
        if path:
            raise _CannotEditError
        keys = [f.key for f in table.fields]
        before = keys[: keys.index(field.key) + 1]
        stays = [s for s in self.layout.sections if s.path not in self.dropped]
        at = max(s.end for s in stays if not s.path or s.path[0] in before)
        header = f"[[{field.key}]]" if many else f"[{field.key}]"
        self.edits.append((at, at, "\n".join(["", header, *section_lines(field.table, made), ""])))


def _place(place: int | None) -> int:
    return -1 if place is None else place


def _continued(old: tuple[Any, ...], new: tuple[Any, ...]) -> list[int | None]:
    """For each new row the old row it continues: by id where rows have one, else as it is, else by place."""
    if not any(hasattr(row, "id") for row in (*old, *new)):
        same = _found_in_order(old, new)
        return same if same is not None else [n if n < len(old) else None for n in range(len(new))]
    places = {row.id: n for n, row in enumerate(old)}
    return [places.get(row.id) for row in new]


def _found_in_order(old: tuple[Any, ...], new: tuple[Any, ...]) -> list[int | None] | None:
    """Where each new row stands among the old ones if rows were only dropped; None otherwise."""
    found: list[int | None] = []
    at = 0
    for row in new:
        while at < len(old) and old[at] != row:
            at += 1
        if at == len(old):
            return None
        found.append(at)
        at += 1
    return found


def _in_order(text: str, case: Case) -> str:
    """The sections of rows with ids put into the order of the case, each with all that belongs to it."""
    for field in CASE.fields:
        if field.kind != "tables" or field.table is None or field.table.field("id") is None:
            continue
        wanted = [row.id for row in getattr(case, field.name)]
        read = getattr(loads(text, slug=case.slug), field.name)
        written = [row.id for row in read]
        if written != wanted and sorted(written) == sorted(wanted):
            text = _permuted(text, field.key, [written.index(i) for i in wanted])
    return text


def _permuted(text: str, key: str, order: list[int]) -> str:
    """The rows ``[[key]]`` in a new order; comments between them stay where they are."""
    layout = Layout(text)
    slots = []
    for number in range(len(order)):
        own = [s for s in layout.sections if s.path[:2] == (key, number)]
        if not own:
            raise _CannotEditError
        slots.append((own[0].start, own[-1].end))
    pieces = [text[start:end] for start, end in slots]
    for place, number in sorted(enumerate(order), reverse=True):
        start, end = slots[place]
        text = text[:start] + pieces[number] + text[end:]
    return text
