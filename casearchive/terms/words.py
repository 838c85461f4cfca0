"""Written words made comparable: case, hyphens, plurals, possessives and British or American spelling.

``tokens`` keeps the place of every word in the text it came from; ``fold`` gives the comparable form of a
whole phrase. Folded words are keys, not English: ``fibres`` and ``fiber`` both fold to ``fiber``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from casearchive.terms.remembering import remembering

_LEVEL = r"(?P<l1>[CTLS])-?(?P<n1>\d{1,2})\s?[-–/]\s?(?P<l2>[CTLS])?-?(?P<n2>\d{1,2})"
_WORD = r"[^\W_]+(?:['’][^\W\d_]+)?"
_TOKEN = re.compile(
    rf"(?<![^\W_])(?:{_LEVEL})(?![^\W_])|(?P<word>{_WORD}|(?<!\S)#(?!\w|\s?\d))", re.IGNORECASE
)
_SIMPLE = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*\Z")

#: Words whose last letter only looks like a plural, or whose plural is irregular.
_IRREGULAR = {
    "#": "fracture",  # as clinicians write it; "# 5" is a number
    "feet": "foot",
    "teeth": "tooth",
    "disk": "disc",
    "disks": "disc",
    "grey": "gray",
    "greyscale": "grayscale",
    "series": "series",
    "axes": "axis",
    "diagnoses": "diagnosis",
    "prostheses": "prosthesis",
    "stenoses": "stenosis",
    "thromboses": "thrombosis",
    "metastases": "metastasis",
    "haematomata": "hematoma",
    "hematomata": "hematoma",
    "ganglia": "ganglion",
    "septa": "septum",
    "vasti": "vastus",
}


_BEFORE_ARTICLES = frozenset(("of", "in", "at", "to", "from", "on", "off", "under", "around", "behind"))


@dataclass(frozen=True)
class Token:
    """One word: its 0-based place in the text and its folded form."""

    start: int
    end: int
    word: str


def lowered(text: str) -> str:
    """``text`` in small letters, each in its place."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def _letters(word: str) -> str:
    """Lower case without accents or ligatures (NFKD), apostrophes kept."""
    word = word.casefold()
    if word.isascii():
        return word
    plain = unicodedata.normalize("NFKD", word.replace("’", "'"))
    return "".join(c for c in plain if not unicodedata.combining(c))


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith(("s", "ae")):
        return word
    if word.endswith("ae"):
        return word[:-1]
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


def _american(word: str) -> str:
    """One spelling for two: oedema/edema, tumour/tumor, fibre/fiber, visualised/visualized."""
    if "ae" in word or "oe" in word:
        word = re.sub(r"ae(?=[a-z])", "e", word)
        word = re.sub(r"\boe(?=d|s|st)|(?<=n)oe(?=uv|vr)|(?<=f)oe(?=t)|(?<=rh)oe(?=a)", "e", word)
    if len(word) > 5:
        if "our" in word:
            word = re.sub(r"(?<=[a-z]{3})our(?=$|ed$|al$|less$)", "or", word)
        if word.endswith(("bre", "tre", "vre")):
            word = word[:-2] + "er"
        if "is" in word:
            word = re.sub(r"(?<=[a-z]{4})is(?=(?:e|ed|ing|ation)$)", "iz", word)
        word = word.replace("artefact", "artifact")
    elif word.endswith("bre") and len(word) == 5:
        word = word[:-2] + "er"
    return word


@lru_cache(maxsize=8192)
def fold_word(word: str) -> str:
    """The comparable form of one word."""
    word = _letters(word)
    if word.endswith("'s"):
        word = word[:-2]
    word = word.replace("'", "")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word or word[0].isdigit():
        return word
    return _american(_singular(word))


def tokens(text: str) -> tuple[Token, ...]:
    """The words of ``text`` in order. ``L-4/L-5``, ``L4-5`` and ``L4/L5`` all give ``l4 l5``; the article in
    "neck of the fibula" is no word."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        if match["word"] is not None:
            word = fold_word(match["word"])
            if word != "the" or not found or found[-1].word not in _BEFORE_ARTICLES:
                found.append(Token(match.start(), match.end(), word))
            continue
        found.extend(_level(match))
    return tuple(found)


def _level(match: re.Match[str]) -> tuple[Token, Token]:
    """A spinal level as two vertebrae; ``L5-1`` means L5/S1."""
    first, upper, lower = match["l1"].lower(), int(match["n1"]), int(match["n2"])
    second = (match["l2"] or "").lower()
    if not second:
        second = {"c": "t", "t": "l", "l": "s"}.get(first, first) if lower < upper else first
    middle = match.end("n1")
    return (
        Token(match.start(), middle, f"{first}{upper}"),
        Token(middle, match.end(), f"{second}{lower}"),
    )


@remembering(8192)
def fold(text: str) -> str:
    """The comparable form of a phrase: its folded words with one space between them."""
    if _SIMPLE.match(text):  # most names, at a third of the cost
        words = [fold_word(word) for word in text.split(" ")]
        if "the" not in words:
            return " ".join(words)
    return " ".join(token.word for token in tokens(text))
