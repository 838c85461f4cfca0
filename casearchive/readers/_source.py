"""Bytes by position: a file read through a small window, or bytes already in memory, behind one face."""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
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


class Joined(io.RawIOBase):
    """Parts (position, length) of a source as one file to read and seek in: a video in fragments, never copied."""

    def __init__(self, source: Source, parts: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self._source, self._parts = source, parts
        self._starts = [0, *accumulate(length for _, length in parts)]
        self._at = 0

    @property
    def size(self) -> int:
        return self._starts[-1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at >= self.size:
            return 0
        number = bisect_right(self._starts, self._at) - 1
        position, length = self._parts[number]
        inside = self._at - self._starts[number]
        found = self._source.read(position + inside, min(len(buffer), length - inside))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
