"""Where everything stands in a TOML text: the place of each key, value, list item and section.

The standard library reads TOML and forgets the places. Error messages need them (the line of a key) and so
does editing an author's text without disturbing the rest. The text has already been accepted by ``tomllib``;
the scanner follows its structure and checks nothing again.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\n\r]*")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_PLAIN = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Value:
    """A key with its value, or an item of a list; offsets into the text, ``end`` behind the last one."""

    key: int
    start: int
    end: int


@dataclass(slots=True)
class Section:
    """A ``[table]`` or ``[[row]]``: from its header to behind the line of its last key."""

    path: Path
    start: int
    end: int


class Layout:
    """The places in one text. Paths count list items from 0: ``("finding", 1, "side")``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values: dict[Path, Value] = {}
        self.sections: list[Section] = []
        #: Keys that only lead to others (``author`` in ``author.name = …``) and where they first stand.
        self.others: dict[Path, int] = {}
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        _Scanner(self).scan()
        self._sections = {section.path: section for section in self.sections}

    def section(self, path: Path) -> Section | None:
        return self._sections.get(path)

    def line(self, path: Sequence[str | int]) -> int:
        """The 1-based line of ``path``, or of the nearest thing around it; 1 for the file as a whole."""
        where = tuple(path)
        while where:
            if where in self.values:
                return self.line_at(self.values[where].key)
            if where in self._sections:
                return self.line_at(self._sections[where].start)
            if where in self.others:
                return self.line_at(self.others[where])
            where = where[:-1]
        return 1

    def line_at(self, offset: int) -> int:
        return bisect_right(self._breaks, offset - 1) + 1

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Behind the line break that ends the line of ``offset``."""
        found = self.text.find("\n", offset)
        return len(self.text) if found == -1 else found + 1


class _Scanner:
    def __init__(self, layout: Layout) -> None:
        self.layout, self.text, self.at = layout, layout.text, 0
        self.counts: dict[Path, int] = {}

    def scan(self) -> None:
        section = Section((), 0, 0)
        self.layout.sections.append(section)
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                section = self._header()
            else:
                self._pair(section.path)
                section.end = self.layout.line_end(self.at)
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def _header(self) -> Section:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        keys = self._key()
        self.at += 2 if many else 1
        path = (*self._current(keys[:-1]), keys[-1])
        if many:
            number = self.counts.get(path, 0)
            self.counts[path] = number + 1
            self.layout.others.setdefault(path, start)
            path = (*path, number)
        section = Section(path, start, self.layout.line_end(self.at))
        self.layout.sections.append(section)
        return section

    def _current(self, keys: list[str]) -> Path:
        """The path a header means: the last row of every list of tables on the way."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def _key(self) -> list[str]:
        """A key with its dots; stops at what follows it."""
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._string() if self.text[self.at] in "\"'" else self._skip(_BARE))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _pair(self, table: Path) -> None:
        start = self.at
        keys = self._key()
        self.at += 1  # the equals sign
        for depth in range(1, len(keys)):
            self.layout.others.setdefault((*table, *keys[:depth]), start)
        self._skip(_SPACE)
        self._value((*table, *keys), start)

    def _value(self, path: Path, key: int) -> None:
        start = self.at
        first = self.text[start]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        else:
            written = self._skip(_SCALAR)
            self.at = start + len(written.rstrip())
        self.layout.values.setdefault(path, Value(key, start, self.at))

    def _array(self, path: Path) -> None:
        self.at += 1
        number = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            self._value((*path, number), self.at)
            self._comma()
            number += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _string(self) -> str:
        quote = self.text[self.at]
        many = self.text.startswith(quote * 3, self.at)
        mark = quote * 3 if many else quote
        begin = at = self.at + len(mark)
        while not self.text.startswith(mark, at):
            at += 2 if quote == '"' and self.text[at] == "\\" else 1
        end = at + len(mark)
        if many:  # up to two quotes may stand right before the closing three
            end += len(self.text[end : end + 2]) - len(self.text[end : end + 2].lstrip(quote))
        self.at = end
        written = self.text[begin:at]
        return written if quote == "'" else _ESCAPE.sub(_unescape, written)


def _unescape(match: re.Match[str]) -> str:
    number = match[1] or match[2]
    return chr(int(number, 16)) if number else _PLAIN.get(match[3], match[3])
