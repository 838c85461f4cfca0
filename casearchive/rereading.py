"""An export, read again by the archive it came from: its bytes and its pictures, for the identities of its patients."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from casearchive import index
from casearchive.cache import Cache
from casearchive.choices import PICTURE_SUFFIX
from casearchive.deid import leaks, looking, own, sources
from casearchive.deid.needles import Needle
from casearchive.deid.needles import build as needles_of
from casearchive.deid.pixels import Area, Box
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.index import read
from casearchive.model import Identifier
from casearchive.readers import open_clip
from casearchive.rooms import Rooms

_MOST_UNPACKED = 1 << 31  # bytes of one archive: what is larger is no teaching set
_CONTAINERS = (".zip", ".pptx", ".apkg")
#: Why a file is no picture that could have been read; everything else is told.
_NO_PICTURE = ("not-an-image", "dicomdir", "empty")
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reread:
    """``cases`` of the export are known here; ``found`` says where an identity of theirs stands, ``unread`` what could
    not be looked at: not looked is not nothing found."""

    cases: int = 0
    found: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def identities_of(rooms: Rooms, slugs: Sequence[str]) -> frozenset[Identifier]:
    """All that is known to identify the patients of these cases. Raises ``RecordError``."""
    cases = [rooms.case(slug) for slug in slugs]
    with index.reading(rooms.layout.index) as connection:
        return read.identifiers(connection, (m.sha256 for case in cases for m in case.media if m.sha256))


def found(folder: Path, people: frozenset[Identifier], cache: Cache | None = None) -> tuple[leaks.Leak, ...]:
    """Every place in the bytes under ``folder`` that holds one of these identities.

    With a ``cache`` files in which nothing was found before, for the same people and by this version, are not searched
    again.
    """
    ours = own.phrases("casearchive.deid", "casearchive.exporters", "casearchive.record")
    if cache is None:
        return leaks.scan(folder, people, own=ours)
    told = (sources.digest(), sorted((i.keyword, i.value) for i in people), ours)
    key = hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()
    before = cache.there(key, "clean")
    clean: set[str] = set()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        clean.update(before.read_text("ascii").split() if before is not None else ())
    known = len(clean)
    leaking = leaks.scan(folder, people, own=ours, clean=clean)
    if len(clean) > known:
        cache.try_made(
            key, "clean", lambda path: path.write_text("\n".join(sorted(clean)), "ascii"), again=True
        )
    return leaking


def read_in_pictures(
    folder: Path, people: frozenset[Identifier], tell: Tell = lambda _what, _done, _total: None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where a picture under ``folder``, or in a packed file there, reads like one of these identities, and what could
    not be read. Each distinct picture is read once. Nothing where no text can be read here (``looking.able``)."""
    if not looking.able():
        return (), ()
    looked = _Looked(needles_of(people))
    with tempfile.TemporaryDirectory() as scratch:
        files = list(_files(folder, Path(scratch), looked.unread))
        for number, (name, path) in enumerate(files, start=1):
            tell(name, number, len(files))
            looked.at(name, path)
    return tuple(looked.found), tuple(looked.unread)


def _files(folder: Path, scratch: Path, unread: list[str]) -> Iterator[tuple[str, Path]]:
    """Each file with its name, members of packed files as ``a.zip!member`` unpacked under numbers. ``unread`` hears of
    what cannot be unpacked."""
    numbers = count()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in _CONTAINERS and zipfile.is_zipfile(path):
            try:
                yield from _members(path, name, scratch, numbers)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, zlib.error):
                unread.append(f"{name}: it cannot be unpacked, so its pictures were not read")
        else:
            yield name, path


def _members(path: Path, name: str, scratch: Path, numbers: Iterator[int]) -> Iterator[tuple[str, Path]]:
    """Raises what ``zipfile`` raises, and ``ValueError`` where it is too large."""
    with zipfile.ZipFile(path) as packed:
        if sum(member.file_size for member in packed.infolist()) > _MOST_UNPACKED:
            raise ValueError("too large to be unpacked")
        for member in packed.infolist():
            if not member.is_dir():
                inner = scratch / f"{next(numbers)}"
                inner.write_bytes(packed.read(member))
                yield f"{name}!{member.filename}", inner


class _Looked:
    """What was found in pictures and what could not be read, file by file."""

    def __init__(self, needles: tuple[Needle, ...]) -> None:
        self._needles, self._known = needles, dict[bytes, bool]()
        self.found: list[str] = []
        self.unread: list[str] = []

    def at(self, name: str, path: Path) -> None:
        try:
            clip = open_clip(path, hashlib.sha256(path.read_bytes()).hexdigest())
        except UnreadableFile as why:
            if why.reason not in _NO_PICTURE or PICTURE_SUFFIX.search(name):
                self.unread.append(f"{name}: its pictures were not read, as {why.what}")
            return
        with contextlib.closing(clip):
            for number in range(1, clip.facts.instance.frames + 1):
                try:
                    told = self._tells(clip.frame(number))
                except PictureUnavailable as why:
                    self.unread.append(f"{name}: frame {number} was not read, as {why.what}")
                    continue
                if told:
                    self.found.append(f"{name}: text in the picture of frame {number}")

    def _tells(self, frame: NDArray[np.uint8]) -> bool:
        key = hashlib.sha256(repr(frame.shape).encode() + frame.tobytes()).digest()
        if key not in self._known:
            rows, columns = frame.shape[:2]
            everywhere = Area(rows, columns, (Box(0, 0, columns - 1, rows - 1),), ())
            self._known[key] = looking.reads_as(frame, everywhere, (), self._needles)
        return self._known[key]
