"""Anki's package format (.apkg): notes and media in, the bytes of a package out. Knows nothing of cases.

A package is a zip of ``collection.anki2``, an SQLite file in schema 11, which every Anki since 2.1 reads; ``media``, a
JSON object that names the media; and the media, called ``0``, ``1`` …. On import Anki finds a note again by its
``guid``: where the package's ``mod`` is later it takes the fields anew, and leaves the cards with their intervals
alone. The same values give the same bytes. The database is a file of this format, made here and handed out;
it has nothing to do with the archive's index.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from casearchive.exporters import _zip

#: When everything that needs a date was made, in seconds from 1970: 2024-01-01. It says nothing of a case.
BORN = 1_704_067_200
_DEFAULT_DECK = 1
#: SQLite writes its own version into a file's header (1.3.18); this one instead, lest the bytes depend on it.
_SQLITE_VERSION = (3_040_001).to_bytes(4, "big")
_VERSION_AT = slice(96, 100)

# Schema 11 as Anki makes it; the words are Anki's. No line but the last of a statement's ends with a semicolon: each
# is found again in the file, where the leak scan passes over our own words.
_SCHEMA = """
CREATE TABLE col (
    id integer primary key, crt integer not null, mod integer not null, scm integer not null, ver integer not null,
    dty integer not null, usn integer not null, ls integer not null, conf text not null, models text not null,
    decks text not null, dconf text not null, tags text not null
);
CREATE TABLE notes (
    id integer primary key, guid text not null, mid integer not null, mod integer not null, usn integer not null,
    tags text not null, flds text not null, sfld integer not null, csum integer not null, flags integer not null,
    data text not null
);
CREATE TABLE cards (
    id integer primary key, nid integer not null, did integer not null, ord integer not null, mod integer not null,
    usn integer not null, type integer not null, queue integer not null, due integer not null, ivl integer not null,
    factor integer not null, reps integer not null, lapses integer not null, left integer not null,
    odue integer not null, odid integer not null, flags integer not null, data text not null
);
CREATE TABLE revlog (
    id integer primary key, cid integer not null, usn integer not null, ease integer not null, ivl integer not null,
    lastIvl integer not null, factor integer not null, time integer not null, type integer not null
);
CREATE TABLE graves (
    usn integer not null, oid integer not null, type integer not null
);
CREATE INDEX ix_notes_usn on notes (usn);
CREATE INDEX ix_cards_usn on cards (usn);
CREATE INDEX ix_revlog_usn on revlog (usn);
CREATE INDEX ix_cards_nid on cards (nid);
CREATE INDEX ix_cards_sched on cards (did, queue, due);
CREATE INDEX ix_revlog_cid on revlog (cid);
CREATE INDEX ix_notes_csum on notes (csum);
"""
_NOTE = "INSERT INTO notes VALUES (?, ?, ?, ?, -1, ?, ?, ?, ?, 0, '')"
_CARD = "INSERT INTO cards VALUES (?, ?, ?, 0, ?, -1, 0, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, '')"
_COL = "INSERT INTO col VALUES (1, ?, ?, ?, 11, 0, 0, 0, ?, ?, ?, ?, '{}')"


@dataclass(frozen=True, slots=True)
class NoteType:
    """What Anki calls a note type: its fields, and one card made of them. ``id`` and the names of fields and card
    must never change: notes of a type that differs in them are refused by Anki instead of updated."""

    id: int
    name: str
    fields: tuple[str, ...]
    card: str
    front: str
    back: str
    css: str
    edition: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One note with its one card. ``identity`` tells it apart and stays the same when it is corrected; ``fields`` are
    HTML in the order of the note type; ``edition`` is larger after each correction (seconds from 1970, 0 unknown)."""

    identity: str
    fields: tuple[str, ...]
    tags: tuple[str, ...] = ()
    edition: int = 0


@dataclass(frozen=True, slots=True)
class Deck:
    """``identity`` as of a note; ``media`` are files or bytes by the name that the fields call them."""

    identity: str
    name: str
    notes: tuple[Note, ...]
    media: Mapping[str, Path | bytes] = field(default_factory=dict)


def write(target: Path, deck: Deck, kind: NoteType) -> None:
    """Write the package of ``deck`` to ``target``. Raises ``ValueError`` where two notes have one identity or a
    note has not as many fields as its type."""
    names = sorted(deck.media)
    members: list[tuple[str, Path | bytes]] = [
        ("collection.anki2", _collection(deck, kind)),
        ("media", _json({str(n): name for n, name in enumerate(names)}).encode("utf-8")),
        *((str(n), deck.media[name]) for n, name in enumerate(names)),
    ]
    _zip.write(target, members)


def guid(identity: str) -> str:
    """Ten signs (64 bits) from 91, as Anki's own; the same for the same identity."""
    number, signs = _number(f"note {identity}", 64), ""
    while number:
        number, last = divmod(number, len(_SIGNS))
        signs = _SIGNS[last] + signs
    return signs


_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+,-./:;<=>?@[]^_`{|}~"


def text(words: str) -> str:
    """Plain text as a field holds it: nothing in it is markup, a sound, LaTeX or a field of Anki's."""
    plain = "".join(c for c in words if c == "\n" or ord(c) >= 32)
    return html.escape(plain).replace("[", "&#91;").replace("{", "&#123;").replace("\n", "<br>")


def tag(*parts: str) -> str:
    """``structure::achilles_tendon``: a tag below others, without spaces, as Anki parts tags at them."""
    return "::".join(re.sub(r"[^\w.-]+", "_", part.strip()).strip("_") or "unknown" for part in parts)


# --------------------------------------------------------------------------------------------- the collection


def _collection(deck: Deck, kind: NoteType) -> bytes:
    if len({note.identity for note in deck.notes}) < len(deck.notes):
        raise ValueError("two notes of a deck have one identity")
    deck_id = _moment(f"deck {deck.identity}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "collection.anki2"
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA page_size = 4096")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement.strip())
            connection.execute(_COL, _col(deck, kind, deck_id))
            taken: set[int] = set()
            for place, note in enumerate(deck.notes, start=1):
                note_id = _free(_moment(f"note {note.identity}"), taken)
                card_id = _free(_moment(f"card {note.identity}"), taken)
                connection.execute(_NOTE, _note(note, note_id, kind))
                connection.execute(_CARD, (card_id, note_id, deck_id, _mod(note.edition), place))
            connection.commit()
        finally:
            connection.close()
        made = bytearray(path.read_bytes())
    made[_VERSION_AT] = _SQLITE_VERSION
    return bytes(made)


def _note(note: Note, note_id: int, kind: NoteType) -> tuple[Any, ...]:
    if len(note.fields) != len(kind.fields):
        raise ValueError(f"a note has {len(note.fields)} fields, its type has {len(kind.fields)}")
    first = html.unescape(re.sub(r"<[^>]*>", "", note.fields[0]))
    checksum = int(hashlib.sha1(first.encode("utf-8"), usedforsecurity=False).hexdigest()[:8], 16)
    tags = f" {' '.join(sorted(set(note.tags)))} " if note.tags else ""
    fields = "\x1f".join(note.fields)
    return (note_id, guid(note.identity), kind.id, _mod(note.edition), tags, fields, first, checksum)


def _mod(edition: int) -> int:
    return max(edition, BORN)


def _col(deck: Deck, kind: NoteType, deck_id: int) -> tuple[Any, ...]:
    decks = {_DEFAULT_DECK: "Default", deck_id: deck.name}
    return (
        BORN,
        1000 * BORN,
        1000 * BORN,
        _json(_CONF | {"curModel": str(kind.id)}),
        _json({str(kind.id): _model(kind, deck_id)}),
        _json({str(number): _deck(number, name) for number, name in decks.items()}),
        _json({"1": _DECK_CONF}),
    )


def _model(kind: NoteType, deck_id: int) -> dict[str, Any]:
    fields = [
        {"name": name, "ord": n, "font": "", "media": [], "rtl": False, "size": 20, "sticky": False}
        for n, name in enumerate(kind.fields)
    ]
    template = {
        "name": kind.card, "ord": 0, "qfmt": kind.front, "afmt": kind.back, "bqfmt": "", "bafmt": "", "bfont": "",
        "bsize": 0, "did": None,
    }  # fmt: skip
    shown = [n for n, name in enumerate(kind.fields) if f"{{{{{name}}}}}" in kind.front]
    return {
        "id": str(kind.id), "name": kind.name, "type": 0, "mod": BORN + kind.edition, "usn": -1, "did": deck_id,
        "flds": fields, "tmpls": [template], "css": kind.css, "sortf": 0, "tags": [], "vers": [],
        "req": [[0, "any", shown]], "latexPre": "", "latexPost": "", "latexsvg": False,
    }  # fmt: skip


def _deck(number: int, name: str) -> dict[str, Any]:
    return {
        "id": number, "name": name, "desc": "", "mod": BORN, "usn": -1, "conf": 1, "dyn": 0, "collapsed": False,
        "extendNew": 0, "extendRev": 50, "newToday": [0, 0], "revToday": [0, 0], "lrnToday": [0, 0],
        "timeToday": [0, 0],
    }  # fmt: skip


_CONF: dict[str, Any] = {
    "activeDecks": [1], "addToCur": True, "collapseTime": 1200, "curDeck": 1, "dueCounts": True, "estTimes": True,
    "newBury": True, "newSpread": 0, "nextPos": 1, "sortBackwards": False, "sortType": "noteFld", "timeLim": 0,
}  # fmt: skip
_DECK_CONF: dict[str, Any] = {
    "id": 1, "name": "Default", "mod": 0, "usn": 0, "autoplay": True, "replayq": True, "timer": 0, "maxTaken": 60,
    "lapse": {"delays": [10], "leechAction": 0, "leechFails": 8, "minInt": 1, "mult": 0},
    "new": {
        "bury": True, "delays": [1, 10], "initialFactor": 2500, "ints": [1, 4, 7], "order": 1, "perDay": 20,
        "separate": True,
    },
    "rev": {
        "bury": True, "ease4": 1.3, "fuzz": 0.05, "ivlFct": 1, "maxIvl": 36500, "minSpace": 1, "perDay": 100,
    },
}  # fmt: skip


def _number(what: str, bits: int) -> int:
    return int.from_bytes(hashlib.sha256(what.encode("utf-8")).digest()[: bits // 8], "big")


def _moment(what: str) -> int:
    """An id as Anki's are: a moment in milliseconds from 1970, here one of the ten years before ``BORN``."""
    return 1000 * BORN - 1 - _number(what, 64) % (10 * 365 * 86_400_000)


def _free(number: int, taken: set[int]) -> int:
    while number in taken:
        number += 1
    taken.add(number)
    return number


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
