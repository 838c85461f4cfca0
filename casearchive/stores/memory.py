"""Originals in memory: for trying things out and for holding every store to the same contract."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from casearchive.errors import NotFound
from casearchive.files import private_folder
from casearchive.stores import Incoming

NAME = "memory"


class MemoryStore:
    """``path`` lends a temporary file, since readers want one."""

    def __init__(self, temporary: Path) -> None:
        self._held: dict[str, bytes] = {}
        self._temporary = temporary

    def take(self, source: Path, *, link: bool = False) -> Incoming:
        content = source.read_bytes()
        private_folder(self._temporary)
        copy = self._temporary / f"incoming-{secrets.token_hex(8)}"
        copy.write_bytes(content)
        return Incoming(hashlib.sha256(content).hexdigest(), len(content), copy)

    def put(self, incoming: Incoming) -> bool:
        new = incoming.sha256 not in self._held
        self._held[incoming.sha256] = incoming.path.read_bytes()
        self.drop(incoming)
        return new

    def confirm(self, *hashes: str) -> None:
        pass

    def drop(self, incoming: Incoming) -> None:
        incoming.path.unlink(missing_ok=True)

    def open(self, sha256: str) -> BinaryIO:
        try:
            return io.BytesIO(self._held[sha256])
        except KeyError:
            raise NotFound("the archive does not hold these bytes", where=sha256) from None

    def path(self, sha256: str) -> Path:
        lent = self._temporary / f"lent-{sha256}"
        with self.open(sha256) as file:
            lent.write_bytes(file.read())
        return lent

    def has(self, sha256: str) -> bool:
        return sha256 in self._held

    def remove(self, sha256: str) -> None:
        self._held.pop(sha256, None)

    def names(self) -> Iterator[str]:
        yield from sorted(self._held)
