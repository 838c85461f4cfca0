"""Zip files that are the same bytes wherever and whenever they are made: sorted, dated 1980, nothing compressed."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_MODE = 0o100644 << 16
_UNIX = 3


Member = Path | bytes


def write(target: Path, members: Mapping[str, Member] | Iterable[tuple[str, Member]]) -> None:
    """Write ``members``, names in the zip each with a file or its bytes, to ``target``.

    They are stored as they are: what a compressor makes of them differs from version to version, and pictures and films
    are compressed already. Raises ``ValueError`` where two have one name, or a name leads out of the folder where the
    zip is unpacked.
    """
    given = members.items() if isinstance(members, Mapping) else members
    ordered = sorted(given, key=lambda member: member[0])
    names = [name for name, _ in ordered]
    for name in names:
        if "\\" in name or {"", ".", ".."} & set(name.split("/")):
            raise ValueError(f"{name!r} is no name inside a zip")
    if len(set(names)) < len(names):
        raise ValueError("two members of a zip have one name")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for name, content in ordered:
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = _UNIX, _MODE
            info.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
            source = BytesIO(content) if isinstance(content, bytes) else content.open("rb")
            with source, packed.open(info, "w") as member:
                shutil.copyfileobj(source, member, 1 << 20)
