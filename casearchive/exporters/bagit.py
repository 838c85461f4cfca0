"""Other outputs of the same run in a bag (RFC 8493): whoever keeps it can tell, years later, that nothing has changed.

A bag is complete when exactly the files of its manifest are there, and valid when their checksums are right too. It
holds no date and no name of a person, so that the same set gives the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from casearchive.exporters import _packs
from casearchive.teaching import TeachingSet

NAME = "bagit"
SUMMARY = (
    "a bag (BagIt, RFC 8493) round the other outputs named with it (alone: the case folders), for keeping"
)
HIDES_ANSWERS = False
OPTIONS: Mapping[str, str] = {}
PACKS = True

_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target`` with a bag whose payload is ``data/folder/``. No options."""
    _packs.alone(teaching, target, options, pack)


def pack(outputs: Sequence[Path], target: Path, options: Mapping[str, str]) -> None:
    """Make the existing, empty folder ``target`` a bag that holds each finished output folder as ``data/<name>/``.
    Raises ``CaseArchiveError`` for a link or special file."""
    payload: list[str] = []
    octets = 0
    for output in outputs:
        for name, path in _packs.files(output):
            kept = f"data/{output.name}/{name}"
            (target / kept).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / kept)
            octets += path.stat().st_size
            payload.append(kept)
    (target / "data").mkdir(exist_ok=True)  # also where there is nothing to hold (2.1.2)
    tags = {
        "bagit.txt": _DECLARATION,
        "bag-info.txt": f"Bag-Software-Agent: casearchive\nPayload-Oxum: {octets}.{len(payload)}\n",
        "manifest-sha256.txt": _manifest(target, payload),
    }
    for name, text in tags.items():
        (target / name).write_bytes(text.encode("utf-8"))
    (target / "tagmanifest-sha256.txt").write_bytes(_manifest(target, tags).encode("utf-8"))


def _manifest(bag: Path, names: Iterable[str]) -> str:
    """A line a file (2.1.3): its SHA-256 and its path, sorted by path."""
    lines = []
    for name in sorted(names):
        with (bag / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {written(name)}\n")
    return "".join(lines)


def written(name: str) -> str:
    """A path as a manifest writes it: CR, LF and the percent sign as ``%0D``, ``%0A``, ``%25`` (2.1.3)."""
    return name.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
