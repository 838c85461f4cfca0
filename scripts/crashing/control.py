"""The shim: compiled when it is needed, told what to do through a mapped file, and its log read back."""

from __future__ import annotations

import enum
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_SOURCE = Path(__file__).with_name("shim.c")
_HEAD = struct.Struct("<QQQQ6I")
_LINE = struct.Struct("<IIQQQQQQIIIIII")
_NAME = 512


class Kind(enum.IntEnum):
    """What a call does; the numbers are the shim's."""

    OPEN = 0
    WRITE = 1
    TRUNCATE = 2
    FSYNC = 3
    RENAME = 4
    LINK = 5
    SYMLINK = 6
    UNLINK = 7
    MKDIR = 8
    RMDIR = 9
    CHMOD = 10
    TIMES = 11
    OTHER = 12


EVERY_KIND = frozenset(Kind)
#: What needs room on a disk; on a full one the others still work.
NEEDS_ROOM = frozenset({Kind.OPEN, Kind.WRITE, Kind.RENAME, Kind.LINK, Kind.SYMLINK, Kind.MKDIR, Kind.FSYNC})
#: What asks for a permission.
NEEDS_PERMISSION = frozenset(
    {Kind.OPEN, Kind.RENAME, Kind.LINK, Kind.SYMLINK, Kind.UNLINK, Kind.MKDIR, Kind.RMDIR, Kind.CHMOD}
)


class Mode(enum.IntEnum):
    WATCH = 0
    KILL = 1
    FAIL = 2


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the log tells it. ``begun`` is how far the log was when the call began."""

    kind: Kind
    order: int
    begun: int
    number: int
    inode: int
    offset: int
    size: int
    pid: int
    created: bool
    emptied: bool
    folder: bool
    aside: bool
    failed: bool
    path: str
    other: str
    data: bytes

    def __str__(self) -> str:
        end = f" -> {self.other}" if self.other else ""
        return f"{self.number}: {self.kind.name.lower()} {self.path}{end}" + (
            f" ({self.size} bytes at {self.offset})" if self.kind is Kind.WRITE else ""
        )


def why_not() -> str:
    """Why there can be no shim on this machine; empty where there can."""
    if not sys.platform.startswith("linux"):
        return "watching system calls needs Linux"
    if shutil.which("cc") is None:
        return "the shim needs a C compiler (cc)"
    return ""


def compiled(folder: Path) -> Path:
    """The shim as a library in ``folder``."""
    shim = folder / "shim.so"
    if not shim.exists():
        words = ["cc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(_SOURCE)]
        subprocess.run(words, check=True, capture_output=True)
    return shim


class Watched(Protocol):
    """What is watched: a folder, but for the files in it to which something is told."""

    @property
    def folder(self) -> Path: ...

    @property
    def told(self) -> Sequence[Path]: ...


class Control:
    """The mapped file of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_suffix(".log")

    def watch(self, place: Watched, *, logging: bool = False) -> Control:
        return self._write(Mode.WATCH, place, logging=logging)

    def kill(self, number: int, place: Watched) -> Control:
        """The whole process group is killed right before the ``number``-th call."""
        return self._write(Mode.KILL, place, target=number)

    def fail(
        self,
        number: int,
        place: Watched,
        *,
        error: int,
        kinds: frozenset[Kind],
        lasting: bool,
        halved: bool = False,
    ) -> Control:
        """The ``number``-th call fails with ``error`` where it is of these kinds; with ``lasting`` all after it."""
        return self._write(
            Mode.FAIL,
            place,
            target=number,
            error=error,
            lasting=lasting,
            kinds=sum(1 << kind for kind in kinds),
            halved=halved,
        )

    def _write(
        self,
        mode: Mode,
        place: Watched,
        *,
        logging: bool = False,
        target: int = 0,
        error: int = 0,
        lasting: bool = False,
        kinds: int = 0,
        halved: bool = False,
    ) -> Control:
        head = _HEAD.pack(0, 0, 0, target, mode, error, lasting, kinds, logging, halved)
        self._log.write_bytes(b"")
        names = [*_names([place.folder], 4), *_names(place.told, 2), _name(self._log)]
        self.path.write_bytes(head + b"".join(names))
        return self

    @property
    def count(self) -> int:
        """How many calls there were."""
        return int(_HEAD.unpack_from(self.path.read_bytes())[0])

    @property
    def hits(self) -> int:
        """How often a call was kept from being made."""
        return int(_HEAD.unpack_from(self.path.read_bytes())[2])

    def calls(self) -> list[Call]:
        """The log, in the order in which calls were done."""
        return sorted(_read(self._log.read_bytes()), key=lambda call: call.order)


def _names(paths: Sequence[Path], most: int) -> list[bytes]:
    assert len(paths) <= most
    return [_name(path) for path in paths] + [bytes(_NAME)] * (most - len(paths))


def _name(path: Path) -> bytes:
    raw = str(path).encode()
    assert path.is_absolute()
    assert len(raw) < _NAME
    return raw.ljust(_NAME, b"\0")


def _read(log: bytes) -> Iterator[Call]:
    at = 0
    while at + _LINE.size <= len(log):
        (length, kind, order, begun, number, inode, offset, size, pid, flags, path, other, *_) = (
            _LINE.unpack_from(log, at)
        )
        if at + length > len(log):
            return  # it was being written when the run was killed
        names = log[at + _LINE.size : at + length]
        yield Call(
            Kind(kind), order, begun, number, inode, offset, size, pid,
            created=bool(flags & 1), emptied=bool(flags & 2), folder=bool(flags & 4), aside=bool(flags & 8),
            failed=bool(flags & 16), path=names[:path].decode("utf-8", "surrogateescape"),
            other=names[path : path + other].decode("utf-8", "surrogateescape"), data=names[path + other :],
        )  # fmt: skip
        at += length
