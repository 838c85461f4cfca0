"""Many SHA-256, held in the 32 bytes that each of them is: as words in a set they would take eight times as much."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

_SIZE = 32


class Hashes:
    """Names are added in any order, and come back sorted and once."""

    def __init__(self) -> None:
        self._parts = tuple(bytearray() for _ in range(256))  # by first byte: one at a time is sorted
        self._others: set[str] = set()

    def add(self, name: str) -> None:
        try:
            digest = bytes.fromhex(name)
        except ValueError:
            digest = b""
        if len(digest) == _SIZE and digest.hex() == name:
            self._parts[digest[0]].extend(digest)
        else:  # nothing of ours is called so
            self._others.add(name)

    def __iter__(self) -> Iterator[str]:
        return heapq.merge(self._hashes(), sorted(self._others))

    def _hashes(self) -> Iterator[str]:
        for part in self._parts:
            found = {bytes(part[at : at + _SIZE]) for at in range(0, len(part), _SIZE)}
            yield from (digest.hex() for digest in sorted(found))
