"""A teaching set as a deck for Anki: cards that ask with a picture, a clip, or for the place of a finding.

A note is known again by its case, its kind, its clip and its finding, so that a corrected case updates the cards that
learners have, who keep their intervals. The front never tells: ``release`` has looked at quiz titles and captions, and
a title of the set that names an answer is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import chain, zip_longest
from pathlib import Path

from casearchive.exporters import _anki, _cards, _figures, _labels, _options
from casearchive.teaching import TeachingSet

NAME = "anki"
SUMMARY = "a deck for Anki (.apkg): picture, clip and mark-the-finding cards; a later export updates it, history stays"
HIDES_ANSWERS = True
FILMS = True
OPTIONS = {
    "cards": f"which kinds of cards: {','.join(_cards.KINDS)} (all)",
    "edge": "the longest side of a picture in pixels, 64 to 4096 (960); never enlarged",
    _labels.OPTION: _labels.about(),
}

_EDGE = 960


def check(options: Mapping[str, str]) -> None:
    """Raises ``UsageError`` for a value that makes no sense."""
    _labels.chosen(options)
    _asked(options)


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Write ``<set>.apkg`` (``cards.apkg`` where the set's name tells an answer) into the existing, empty folder
    ``target``. The same set gives the same bytes.

    Raises ``UsageError`` for an option that is none, ``PictureUnavailable`` where a frame cannot be decoded.
    """
    kinds, edge = _asked(options)
    album = _cards.Album(edge)
    with _labels.speaking(_labels.chosen(options)):
        decks = [
            list(_cards.notes(taught, number, kinds, album))
            for number, taught in enumerate(teaching.cases, start=1)
        ]
        # a card of each case in turn: two of one case in a row would answer each other
        mixed = tuple(note for note in chain.from_iterable(zip_longest(*decks)) if note is not None)
        deck = _anki.Deck(teaching.slug, _deck_name(teaching), mixed, album.media)
    _anki.write(target / _file_name(teaching), deck, _cards.TYPE)


def _asked(options: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
    """The kinds of cards, and the longest side of a picture."""
    return _options.some(options, "cards", _cards.KINDS), _options.pixels(options, "edge", _EDGE)


def _deck_name(teaching: TeachingSet) -> str:
    """The set's title; Anki parts decks at ``::``. Where it tells an answer, or there is none, a name without meaning,
    the same for the same set."""
    title = " ".join(teaching.title.split()).replace("::", ":").strip(":")
    if title and not _figures.tells(title, teaching):
        return title
    return _labels.say("cards.deck", sign=hashlib.sha256(teaching.slug.encode()).hexdigest()[:6])


def _file_name(teaching: TeachingSet) -> str:
    return (
        "cards.apkg" if _figures.tells(teaching.slug.replace("-", " "), teaching) else f"{teaching.slug}.apkg"
    )
