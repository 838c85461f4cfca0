"""DICOM objects inside the zips of an export, each unpacked for as long as somebody looks at it."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from casearchive.errors import CaseArchiveError

#: Zips in zips that are looked into: a zip of MIRC's zips is two deep.
_DEEPEST = 3
_MEMBERS, _BYTES = 50_000, 16 << 30
_ZIP, _EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_TROUBLE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError,
    zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip


class PackedError(CaseArchiveError):
    """A zip that cannot be looked into; ``where`` names it from the outermost one."""


def is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (_ZIP, _EMPTY_ZIP)


def objects(path: Path, scratch: Path, *, deep: int = 1) -> Iterator[tuple[str, Path]]:
    """Every file with the prefix of DICOM (PS3.10 7.1) in a zip and in the zips within it, by its name
    (``case.zip!1.dcm``), and a copy of it in ``scratch``, which is gone when the next one is asked for.

    Raises ``PackedError`` for what cannot be looked into: damaged, encrypted, nested too deep, too large.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            members = zipped.infolist()
            if len(members) > _MEMBERS or sum(m.file_size for m in members) > _BYTES:
                raise PackedError("it unpacks to more than is looked at")
            for member in members:
                if member.is_dir():
                    continue
                with zipped.open(member) as file:
                    start = file.read(132)
                    inner = start[:4] in (_ZIP, _EMPTY_ZIP)
                    if not inner and start[128:] != b"DICM":
                        continue
                    if inner and deep == _DEEPEST:
                        raise PackedError(
                            "zips are packed in it too deep to be looked into", where=member.filename
                        )
                    copy = scratch / f"packed-{deep}"
                    _unpack(start, file, copy, member.file_size)
                if not inner:
                    yield member.filename, copy
                    continue
                try:
                    for name, there in objects(copy, scratch, deep=deep + 1):
                        yield f"{member.filename}!{name}", there
                except PackedError as error:
                    where = f"{member.filename}!{error.where}" if error.where else member.filename
                    raise PackedError(error.what, where=where) from error
    except _TROUBLE as error:
        raise PackedError("it cannot be unpacked, so that nobody looked at what is in it") from error


def _unpack(start: bytes, file: IO[bytes], copy: Path, size: int) -> None:
    """Never more than the zip promises: another number is what a trap is made of."""
    left = size - len(start)
    with copy.open("wb") as out:
        out.write(start)
        while block := file.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise ValueError("more than it promises")
            out.write(block)
