"""Where originals are kept, whatever they mean: bytes under the name of their own SHA-256."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Incoming:
    """Bytes that were copied and hashed but have no name yet; ``path`` is a private temporary copy, or where they are
    ``linked`` a second name of the source itself. They can be read at once; ``synced`` waits until they are on the
    disk, and raises ``OSError`` where it refused them."""

    sha256: str
    size: int
    path: Path
    linked: bool = False
    synced: Callable[[], None] = field(default=lambda: None, compare=False)


class Store(Protocol):
    """``take``, then ``put`` or ``drop``, then for what was put ``confirm``; every hash is 64 lower-case hexadecimal
    digits."""

    def take(self, source: Path, *, link: bool = False) -> Incoming:
        """Copy and hash; with ``link`` a store may keep the source itself instead, which nobody may change then."""
        ...

    def put(self, incoming: Incoming) -> bool:
        """Give the bytes, which are on the disk, their name. False where they were held already (and sound)."""
        ...

    def confirm(self, *hashes: str) -> None:
        """Return when the names of these bytes are on the disk, too: many at a time cost little more than one. Nothing
        may be written that relies on them before."""
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
