"""Other outputs of the same run as one zip file each: the same set gives the same bytes, on any machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from casearchive.exporters import _packs, _zip
from casearchive.teaching import TeachingSet

NAME = "zip"
SUMMARY = "the other outputs named with it as zip files (alone: the case folders), the same bytes each time"
HIDES_ANSWERS = False
OPTIONS: Mapping[str, str] = {}
PACKS = True


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target`` with ``folder.zip``. No options."""
    _packs.alone(teaching, target, options, pack)


def pack(outputs: Sequence[Path], target: Path, options: Mapping[str, str]) -> None:
    """Write ``<name>.zip`` for each finished output folder into the existing, empty folder ``target``. Inside, each
    path begins with the folder's name. Raises ``CaseArchiveError`` for a link or special file."""
    for output in outputs:
        found = _packs.files(output)
        _zip.write(target / f"{output.name}.zip", [(f"{output.name}/{name}", path) for name, path in found])
