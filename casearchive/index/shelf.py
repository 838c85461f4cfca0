"""The facts of all documents as sets of bits: changed in their place when one is written, read whole when asked.

A fact has a row for each block of ``BLOCK`` documents. Its bits lie in ranks of BLOCK: the first rank for the first
finding (clip, term) of each document, the second for the second, so that facts of one finding meet in one bit.
Few bits are kept as a list of numbers, many as they lie: there one bit is written in its place, and no more.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest

from casearchive.index import seals
from casearchive.query import facts, parts_of
from casearchive.query.bits import Ranked, Tier, folded, of_positions, of_scores, of_tiers, positions
from casearchive.query.pieces import Sql
from casearchive.query.text_rows import ranked_text
from casearchive.query.tree import FindingClause, Leaf
from casearchive.terms import Lexicon, lexicon

BLOCK = 16_384
_RANK = BLOCK // 8

#: Bits are kept as they lie where that takes no more bytes than this for each; else as a list.
_BYTES_A_BIT = 64

#: No more documents than this are weighed word by word (BM25), nor where the words must be counted in more than
#: ``MOST_MET``; beyond that a title counts most and all other places are alike.
MOST_WEIGHED, MOST_MET = 2000, 20_000
_IN_TITLE, _ELSEWHERE = 0.85, 0.65

#: The facts of a document: bit n is its n-th finding, diagnosis or clip.
Facts = Mapping[str, int]
#: The number of a document, what it said before and what it says now.
Turned = tuple[int, Facts, Facts]


class Shelf:
    """The facts of an open index, as sets; what was read once is kept as long as the shelf."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.vocabulary: Lexicon = lexicon()
        rows = connection.execute("SELECT block FROM facts WHERE name = ? ORDER BY block", (facts.EVERY,))
        #: A block's place here is its place among the bits.
        self.blocks = [Block(self, int(row[0])) for row in rows]
        self._place = {block.number: n for n, block in enumerate(self.blocks)}
        self._gapless = list(self._place) == list(range(len(self.blocks)))
        self._read: set[str] = set()
        self.width = len(self.blocks) * BLOCK

    # ------------------------------------------------------------------------------------------- facts

    def having(self, *names: str) -> int:
        """Documents of which anything has any of these facts."""
        return self.where(lambda some: some.items(*names))

    def where(self, ask: Callable[[facts.Items], int]) -> int:
        """Documents that have any of the findings, terms and clips that ``ask`` finds."""
        return _joined([block.documents(ask(block)) for block in self.blocks])

    def tiers(self, ask: Callable[[facts.Items], list[Tier]]) -> list[Tier]:
        """What ``ask`` finds among the findings, terms and clips of all documents.

        Block by block: numbers that fit the fast memory of a processor are joined many times faster than long ones.
        """
        found: dict[tuple[float, int, float], list[int]] = {}
        for n, block in enumerate(self.blocks):
            for tier in ask(block):
                if tier.documents:
                    kind = (tier.rank, tier.level, tier.score)
                    found.setdefault(kind, [0] * len(self.blocks))[n] |= tier.documents
        return [Tier(*kind, _joined(parts)) for kind, parts in found.items()]

    def parted(self, documents: int) -> list[int]:
        """A set of documents, block by block."""
        lain = documents.to_bytes(self.width // 8, "little")
        return [int.from_bytes(lain[at : at + _RANK], "little") for at in range(0, len(lain), _RANK)]

    def names(self, start: str) -> list[str]:
        """Every name that begins so."""
        rows = self.connection.execute(
            "SELECT DISTINCT name FROM facts WHERE name >= ? AND name < ?", (start, start + "\U0010ffff")
        )
        return [str(row[0]) for row in rows]

    def read(self, name: str) -> None:
        """Give every block its bits of a fact."""
        if name in self._read:
            return
        self._read.add(name)
        for number, dense, bits in self.connection.execute(
            "SELECT block, dense, bits FROM facts WHERE name = ?", (name,)
        ):
            if number in self._place:  # else its last document has gone
                lain = bits if dense else _lain(_listed(bits))
                self.blocks[self._place[number]].known[name] = int.from_bytes(lain, "little")

    def forget(self, *names: str) -> None:
        """Keep these facts no longer: for whoever goes through more of them than memory should hold at once."""
        self._read.difference_update(names)
        for block in self.blocks:
            for name in names:
                block.known.pop(name, None)

    # ------------------------------------------------------------------------------------------- documents

    def place(self, document: int) -> int:
        """Which bit stands for a document."""
        return self._place[document // BLOCK] * BLOCK + document % BLOCK

    def number(self, place: int) -> int:
        """Which document a bit stands for."""
        return self.blocks[place // BLOCK].number * BLOCK + place % BLOCK

    def numbered(self, documents: Iterable[int]) -> int:
        return of_positions(documents if self._gapless else map(self.place, documents))

    # ------------------------------------------------------------------------------------------- rows

    def asked(self, leaf: Leaf) -> Ranked:
        """A leaf asked of the rows themselves, where no facts answer it."""
        alike = not isinstance(leaf, FindingClause)
        group = "" if alike else " GROUP BY rank, level, score"
        tiers = []
        for part in parts_of(leaf):
            rows = self.connection.execute(
                f"SELECT max(rank), max(level), max(score), group_concat(key) FROM ({part.text}){group}",
                part.params,
            )
            tiers += [
                Tier(r, level, score, self._numbers(keys))
                for r, level, score, keys in rows
                if keys is not None
            ]
        return of_tiers(tiers)

    def matching(self, match: str) -> int:
        """Documents that answer a full-text expression."""
        (keys,) = self.connection.execute(
            "SELECT group_concat(rowid) FROM case_search WHERE case_search MATCH ?", (match,)
        ).fetchone()
        return self._numbers(keys or "")

    def _numbers(self, keys: str) -> int:
        return self.numbered(json.loads(f"[{keys}]"))

    def weighed(self, match: str, weight: float, found: int, in_title: int, met: int = 0) -> Ranked:
        """Documents that answer a full-text expression (``found``), by how well they do; ``met`` is in about how
        many documents its words must be counted for that."""
        if found.bit_count() > MOST_WEIGHED or met > MOST_MET:
            return _by_title(found, in_title, weight)
        return self.scored(ranked_text(match, weight))

    def scored(self, rows: Sql) -> Ranked:
        """Documents that rows name, each by its own score."""
        found = self.connection.execute(rows.text, rows.params)
        return of_scores({self.place(row[0]): row[1] for row in found})


def _joined(parts: Sequence[int]) -> int:
    """The documents of all blocks in one number, by halves: grown block by block it would be copied for each."""
    width = BLOCK
    while len(parts) > 1:
        parts = [low | high << width for low, high in zip_longest(parts[::2], parts[1::2], fillvalue=0)]
        width *= 2
    return parts[0] if parts else 0


class Block:
    """The findings, terms and clips of one block of documents (``query.facts.Items``)."""

    def __init__(self, shelf: Shelf, number: int) -> None:
        # held lightly: a ring would keep all sets of a search until the collector of garbage comes by
        self._shelf: Shelf = weakref.proxy(shelf)
        self.number = number
        self.vocabulary = shelf.vocabulary
        self.known: dict[str, int] = {}

    def items(self, *names: str) -> int:
        found = 0
        for name in names:
            self._shelf.read(name)
            found |= self.known.get(name, 0)
        return found

    def names(self, start: str) -> list[str]:
        return self._shelf.names(start)

    def documents(self, items: int) -> int:
        return folded(items, BLOCK)


def _by_title(found: int, in_title: int, weight: float) -> Ranked:
    return of_tiers(
        (Tier(1, 0, weight * _IN_TITLE, found & in_title), Tier(0, 0, weight * _ELSEWHERE, found))
    )


# ------------------------------------------------------------------------------------------- writing


def put(connection: sqlite3.Connection, *documents: Turned) -> None:
    """Make the sets say of each document what it says now and no more what it said before; of one that is there several
    times, in the order of what became of it, the first and the last word count."""
    turns: dict[int, tuple[Facts, Facts]] = {}
    for document, before, after in documents:
        turns[document] = (turns[document][0] if document in turns else before, after)
    changes: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
    for document, (before, after) in turns.items():
        block, place = divmod(document, BLOCK)
        for name in {*before, *after}:
            old, new = before.get(name, 0), after.get(name, 0)
            if old != new:
                gone, come = changes.setdefault((name, block), ([], []))
                gone += _ranks(old & ~new, place)
                come += _ranks(new & ~old, place)
    turned: list[tuple[str, int, int]] = []
    for (name, block), (gone, come) in sorted(changes.items()):
        _change(connection, name, block, gone, come)
        turned += [(name, block, bit) for bit in (*gone, *come)]
    if turned:
        seals.turn(connection, "facts", turned)


def bits_of(dense: int, bits: bytes) -> Sequence[int]:
    """The numbers of the bits that a row of ``facts`` keeps."""
    return positions(int.from_bytes(bits, "little")) if dense else _listed(bits)


def _ranks(items: int, place: int) -> list[int]:
    """Where the bits of these items of the document at ``place`` lie in its block."""
    return [item * BLOCK + place for item in positions(items)]


def _change(connection: sqlite3.Connection, name: str, block: int, gone: list[int], come: list[int]) -> None:
    row = connection.execute(
        "SELECT id, length(bits), dense, CASE dense WHEN 0 THEN bits END FROM facts WHERE name = ? AND block = ?",
        (name, block),
    ).fetchone()
    if row is None:
        _insert(connection, name, block, come)
        return
    number, length, dense, bits = row
    if dense and max((*gone, *come)) < length * 8:
        with connection.blobopen("facts", "bits", number) as blob:
            for turned, on in ((gone, False), (come, True)):
                for bit in turned:
                    mask, byte = 1 << (bit & 7), blob[bit >> 3]
                    blob[bit >> 3] = byte | mask if on else byte & ~mask
        return
    if dense:
        (bits,) = connection.execute("SELECT bits FROM facts WHERE id = ?", (number,)).fetchone()
        places: Sequence[int] = positions(int.from_bytes(bits, "little"))
    else:
        places = _listed(bits)
    connection.execute("DELETE FROM facts WHERE id = ?", (number,))
    _insert(connection, name, block, sorted({*places, *come} - {*gone}))


def _insert(connection: sqlite3.Connection, name: str, block: int, places: Sequence[int]) -> None:
    if not places:
        return
    dense = (max(places) // BLOCK + 1) * _RANK <= _BYTES_A_BIT * len(places)
    bits = _lain(places) if dense else struct.pack(f"<{len(places)}I", *places)
    connection.execute(
        "INSERT INTO facts (name, block, dense, bits) VALUES (?, ?, ?, ?)", (name, block, int(dense), bits)
    )


def _listed(bits: bytes) -> Sequence[int]:
    return struct.unpack(f"<{len(bits) // 4}I", bits[: len(bits) // 4 * 4])


def _lain(places: Sequence[int]) -> bytes:
    """Bits as they lie, in whole ranks."""
    lain = bytearray((max(places) // BLOCK + 1) * _RANK)
    for place in places:
        lain[place >> 3] |= 1 << (place & 7)
    return bytes(lain)
