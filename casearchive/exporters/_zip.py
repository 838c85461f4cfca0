"""Zip files that are the same bytes wherever and whenever they are made: sorted, dated 1980, nothing compressed."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_MODE = 0o100644 << 16
_UNIX = 3


def write(target: Path, members: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write ``members``, (name in the zip, a file or its bytes), to ``target``.

    They are stored as they are: what a compressor makes of them differs from version to version, and pictures and films
    are compressed already. Raises ``ValueError`` where two have one name.
    """
    ordered = sorted(members, key=lambda member: member[0])
    names = [name for name, _ in ordered]
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
