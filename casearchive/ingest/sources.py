"""Where files lay when they were taken, so that what comes along again need not be read."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from casearchive.index import read


class Sources:
    """What the index knows of files by their places. Files come folder by folder: where a few of a folder were asked
    for, all of it is, and all of each folder from then on."""

    _FEW, _FOLDERS = 8, 32

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._folders: dict[str, dict[str, read.Source]] = {}
        self._asked: tuple[str, int] = ("", 0)  # the folder that was last asked about, and how often
        self._few = self._FEW
        self._last: tuple[Path | None, read.Source | None] = (None, None)  # each file is asked for twice

    def same(self, path: Path, state: os.stat_result) -> read.Source | None:
        """The file that was taken from there, when it had this size and time."""
        if self._last[0] is not path:
            self._last = (path, self._found(place(path)))
        source = self._last[1]
        same = source is not None and (source.size, source.mtime_ns) == (state.st_size, state.st_mtime_ns)
        return source if same else None

    def _found(self, key: str) -> read.Source | None:
        folder = key[: key.rfind(os.sep) + 1]
        known = self._folders.pop(folder, None)
        if known is not None:
            self._folders[folder] = known  # the one that was asked last goes last
            return known.get(key)
        self._asked = (folder, self._asked[1] + 1 if folder == self._asked[0] else 1)
        if self._asked[1] < self._few:
            return read.known_source(self._connection, key)
        self._few = 1
        if len(self._folders) == self._FOLDERS:
            self._folders.pop(next(iter(self._folders)))
        self._folders[folder] = read.known_sources(self._connection, folder)
        return self._folders[folder].get(key)


def place(path: Path) -> str:
    """How the index calls where a file lies."""
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
