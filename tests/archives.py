"""An archive with something of everything, for the tests of keeping it: made once, copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import helpers

from casearchive import Archive
from casearchive.ledger import GENESIS, Ledger, _body, _hash, _line
from casearchive.reindexing import reindex
from casearchive.rooms import Rooms
from casearchive.settings import Layout

TERMS = '[glorp_sign]\nkind = "abnormality"\nname = "Glorp sign"\n'


def made(folder: Path) -> Path:
    """A case, loose files of three kinds, a set, an edited record, terms of a clinic; where it stands. The files that
    were taken lie beside it in ``stick``."""
    stick = folder / "stick"
    helpers.case_folder(stick / "tear")
    helpers.dicom(stick / "IM1", seed=1)
    helpers.dicom(stick / "IM2", seed=2, uid="1.2.826.0.1.3680043.8.498.1.3")
    helpers.picture(stick / "photo.png")
    helpers.movie(stick / "loop.mp4")
    archive = Archive.create(folder / "archive")
    (archive.path / "terms.toml").write_text(TERMS, "utf-8")
    assert archive.ingest([stick], workers=0).failed == 0
    archive.edit("tear", {"difficulty": "primary"})
    archive.new("loose", query="kind:image")
    archive.set_create("thigh", title="Thigh", cases=["tear", "loose"])
    return archive.path


def object_of(root: Path, sha256: str) -> Path:
    return root / "objects" / sha256[:2] / sha256


def as_before_noting(root: Path) -> None:
    """The archive as it would be, had its ledger been written before it noted sets and settings, and kept the names of
    files beside the chain."""
    path, lines = root / "ledger.jsonl", []
    for event in Ledger(path).events():
        if event.event in ("created", "noted"):
            continue
        details = {k: v for k, v in event.details.items() if k != "set_sha256"}
        lines.append((event, details))
    previous, made = GENESIS, []
    for position, (event, details) in enumerate(lines, 1):
        body = _body(position, event.at, event.who, event.event, event.subject, details, previous)
        previous = _hash(body)
        made.append(_line({**body, "hash": previous}))
    path.write_bytes(b"".join(made))
    rooms = Rooms.of(Layout(root))
    with rooms.writer():
        reindex(rooms, workers=0, take_changes=False)


def flipped(path: Path, bit: int) -> None:
    """Turn one bit of a file, whatever its permissions."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[bit >> 3] ^= 1 << (bit & 7)
    path.write_bytes(content)


def truth_of(root: Path) -> Iterator[Path]:
    """Every file that is truth."""
    yield from (root / name for name in ("archive.toml", "ledger.jsonl", "secret.key", "terms.toml"))
    for folder in ("cases", "objects", "sets", "scanners"):
        yield from sorted(p for p in (root / folder).rglob("*") if p.is_file())


def bytes_of(root: Path) -> bytes:
    """Everything that lies in a folder, names and contents."""
    parts = []
    for path in sorted(root.rglob("*")):
        parts.append(str(path.relative_to(root)).encode())
        if path.is_file():
            parts.append(path.read_bytes())
    return b"\n".join(parts)
