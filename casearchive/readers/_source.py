"""Bytes by position: a file read through a small window, or bytes already in memory, behind one face."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

_WINDOW = 64 * 1024


class Source(Protocol):
    """``read(position, count)`` gives at most ``count`` bytes, fewer only at the end."""

    @property
    def size(self) -> int: ...

    def read(self, position: int, count: int) -> bytes: ...

    def close(self) -> None: ...


class FileSource:
    """A file; small reads close together cost one system call for 64 KiB, large ones go straight through."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._file.seek(0, 2)
        self.size = self._file.tell()
        self._start, self._window = 0, b""

    def read(self, position: int, count: int) -> bytes:
        offset = position - self._start
        if offset >= 0 and offset + count <= len(self._window):
            return self._window[offset : offset + count]
        self._file.seek(position)
        if count >= _WINDOW:
            return self._file.read(count)
        self._start, self._window = position, self._file.read(_WINDOW)
        return self._window[:count]

    def close(self) -> None:
        self._file.close()


class BytesSource:
    """Bytes in memory: the inflated data set of a deflated file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, position: int, count: int) -> bytes:
        return self._content[position : position + count]

    def close(self) -> None:
        self._content = b""
