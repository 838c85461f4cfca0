"""What an archive says, without what differs from run to run: two archives that say the same have the same essence.

Files are read here with nothing of the program's own; only the index is asked through ``Archive.dump``.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")
_HASH = re.compile(r"[0-9a-f]{64}")
#: Lines that a run which was cut off may leave once more in the ledger; they say so of themselves.
_MAY_REPEAT = frozenset({"exporting", "noted", "repairing"})
#: Lines that it may lack, where it left the other one that says what it was about.
_MAY_LACK = {"repaired": "repairing"}


def essence(archive: Path) -> dict[str, Any]:
    """Everything that is truth, and the index, of a settled archive. Raises where it cannot be read."""
    from casearchive import Archive

    opened = Archive.open(archive)
    return {
        "objects": sorted(objects(archive)),
        "records": _texts(archive / "cases"),
        "sets": _texts(archive / "sets"),
        "top": sorted(p.name for p in archive.glob("*.toml")),
        "index": sorted(_plain(line) for line in opened.dump() if not line.startswith('["events"')),
        "ledger": dict(_events(archive / "ledger.jsonl")),
    }


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """In what two essences differ, shortly. What repeats in the ledger is told, but for lines that may."""
    told = []
    for part in ("objects", "records", "sets", "top", "index"):
        if found[part] != wanted[part]:
            told.append(f"{part}: {_first(found[part], wanted[part])}")
    for event in found["ledger"].keys() | wanted["ledger"].keys():
        ours, theirs = found["ledger"].get(event, 0), wanted["ledger"].get(event, 0)
        name, _, subject = event.partition(" ")
        if name in _MAY_REPEAT and ours > theirs:
            continue
        if ours < theirs and found["ledger"].get(f"{_MAY_LACK.get(name)} {subject}"):
            continue
        if ours != theirs:
            told.append(f"ledger: {event} stands there {ours} times, not {theirs}")
    return told


def objects(archive: Path) -> Iterator[str]:
    for path in (archive / "objects").glob("??/*"):
        if _HASH.fullmatch(path.name):
            yield path.name


def wrong_objects(archive: Path) -> list[str]:
    """Objects under a final name that are not the bytes of that name."""
    return [
        f"objects/{name[:2]}/{name[:12]}… has other bytes than its name says"
        for name in objects(archive)
        if hashlib.sha256((archive / "objects" / name[:2] / name).read_bytes()).hexdigest() != name
    ]


def not_private(root: Path) -> list[str]:
    """What others could read; originals must not be writable either."""
    found = []
    for path in (root, *root.rglob("*")) if root.exists() else ():
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077:
            found.append(f"{path.relative_to(root.parent)} has mode {mode:o}")
    return found


def left_over(root: Path) -> list[str]:
    """Temporary files, journals and half made exports."""
    if not root.exists():
        return []
    found = list((root / "tmp").glob("*"))
    for pattern in (".*.tmp", "*-journal", ".*.unfinished", ".*.replaced", "writer.txt"):
        found += root.rglob(pattern)
    return sorted({f"{p.relative_to(root.parent)} is left over" for p in found})


def _texts(folder: Path) -> dict[str, str]:
    return {p.name: _plain(p.read_text("utf-8")) for p in sorted(folder.glob("*.toml"))}


def _events(path: Path) -> Counter[str]:
    found = Counter[str]()
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break  # what was being written when the power went; the next line takes its place
        data = json.loads(line)
        found[f"{data['event']} {data['subject']}"] += 1
    return found


def _plain(text: str) -> str:
    return _TIME.sub("<time>", text)


def _first(found: Any, wanted: Any) -> str:
    if isinstance(found, dict):
        found, wanted = sorted(found.items()), sorted(wanted.items())
    more = [f for f in found if f not in wanted]
    less = [w for w in wanted if w not in found]
    parts = ([f"too much: {str(more[0])[:160]}"] if more else []) + (
        [f"missing: {str(less[0])[:160]}"] if less else []
    )
    return "; ".join(parts) or "the order or number of lines differs"
