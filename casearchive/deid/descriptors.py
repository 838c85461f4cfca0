"""Descriptions cleaned by keeping what is known to be safe, and nothing else (PS3.15 E.3.5, note 2)."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from casearchive.deid.freetext import is_free
from casearchive.deid.needles import build as needles_of
from casearchive.deid.needles import fold
from casearchive.deid.profile import Words
from casearchive.deid.words import find
from casearchive.model import Identifier
from casearchive.terms import packaged

MOST = 64  # characters of the value representation LO (PS3.5 6.2)
SHORTEST = 3  # letters of a word of the vocabulary: shorter ones are initials as often as not
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+")
#: A person's name as the vocabulary writes it: "Baker", never "baker". Abbreviations are all capitals.
_NAME = re.compile(r"[A-ZÀ-Þ][a-zß-ÿ]")
#: What parts one word of a description from the next; a full stop or ``^`` does not, for dates and names have them.
_BETWEEN = re.compile(r"[\s\\/,;:()\[\]_+&-]+")


@lru_cache(maxsize=4)
def safe_words(words: Words) -> frozenset[str]:
    """The words that may stay, folded.

    Of the vocabulary only what the program itself brings: a word that a clinic added may be the clinic's name.
    """
    lexicon = packaged()
    written: dict[str, list[str]] = {}
    for concept_id in lexicon.ids(words.kinds):
        concept = lexicon.concept(concept_id)
        if concept is not None:
            for name in (concept.preferred, *concept.names, *concept.abbreviations):
                for word in _WORD.findall(name):
                    written.setdefault(fold(word), []).append(word)
    plain = {
        word
        for word, forms in written.items()
        if len(word) >= SHORTEST and not all(_NAME.match(form) for form in forms)
    }
    return frozenset((plain | words.safe | words.fillers) - words.never)


def clean(text: str, words: Words, identifiers: Collection[Identifier]) -> str:
    """The safe words of ``text`` in its order, and numbers of one or two digits between them; else nothing.

    Parts of known identities are no safe words, however ordinary. A text that names somebody by a title is
    given up whole.
    """
    parts = [part for part in _BETWEEN.split(text) if part]
    if any(fold(part).strip(".") in words.titles for part in parts):
        return ""
    known = _parts_of(identifiers)
    safe = safe_words(words)
    kept = [_kept(part, safe, known) for part in parts]
    for place, part in enumerate(parts):
        if _initial(part):  # M. Genou; Genou, M.
            around = slice(max(0, place - 1), place + 2)
            kept[around] = [""] * len(kept[around])
    # a number next to what was dropped may belong to it: an age, a date, a record
    words_kept = [bool(part) and not part.isdigit() for part in kept]
    told = [
        part
        for place, part in enumerate(kept)
        if part
        and (
            words_kept[place]
            or all(words_kept[max(0, place - 1) : place] + words_kept[place + 1 : place + 2])
        )
    ]
    found = _together(told, words.fillers)
    return "" if any(find(found, needles_of(identifiers))) else found


def _together(parts: list[str], fillers: Collection[str]) -> str:
    """As many of the parts as the attribute can hold, without fillers at the ends; nothing where no word is left."""
    while parts and (fold(parts[-1]) in fillers or len(" ".join(parts)) > MOST):
        parts = parts[:-1]
    while parts and fold(parts[0]) in fillers:
        parts = parts[1:]
    return "" if all(part.isdigit() for part in parts) else " ".join(parts)


def _kept(part: str, safe: Collection[str], known: Collection[str]) -> str:
    plain = part.strip(".")
    folded = fold(plain)
    if folded in known:
        return ""
    if _NUMBER.fullmatch(plain):
        return plain if len(plain) <= 2 and plain.isascii() else ""
    return plain if folded in safe else ""


def _initial(part: str) -> bool:
    """A letter and a full stop, but for the two sides."""
    return len(part) == 2 and part[0].isalpha() and part[1] == "." and part[0] not in "LRlr"


def _parts_of(identifiers: Collection[Identifier]) -> frozenset[str]:
    """Every word of every identity, folded. Free text is none: most of its words describe."""
    found: set[str] = set()
    for identifier in identifiers:
        if not is_free(identifier):
            folded = fold(identifier.value)
            found.add(folded.strip())
            found.update(word for word in re.findall(r"[^\W_]+", folded) if not word.isdigit())
    return frozenset(found)
