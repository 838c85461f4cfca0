"""Where originals are kept, whatever they mean: bytes under the name of their own SHA-256."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Incoming:
    """Bytes that were copied and hashed but have no name yet; ``path`` is a private temporary copy, or where they are
    ``linked`` a second name of the source itself."""

    sha256: str
    size: int
    path: Path
    linked: bool = False


class Store(Protocol):
    """``take`` then ``put`` or ``drop``; every hash is 64 lower-case hexadecimal digits."""

    def take(self, source: Path, *, link: bool = False) -> Incoming:
        """Copy and hash; with ``link`` a store may keep the source itself instead, which nobody may change then."""
        ...

    def put(self, incoming: Incoming) -> bool:
        """Give the bytes their name, durably. False where they were held already (and sound)."""
        ...

    def drop(self, incoming: Incoming) -> None: ...

    def open(self, sha256: str) -> BinaryIO: ...

    def path(self, sha256: str) -> Path:
        """A local file with these bytes, for readers that need one; never written to."""
        ...

    def has(self, sha256: str) -> bool: ...

    def remove(self, sha256: str) -> None: ...

    def names(self) -> Iterator[str]:
        """Of all that is held, sorted."""
        ...
