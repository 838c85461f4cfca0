"""Mistyped words of a running text put right, where that is safe: by edit distance to words of the lexicon.

A word is taken for a slip only when it is no word of the lexicon and no ordinary word (``ordinary.txt``: English
words one or two slips away from one of the lexicon), begins like the one word it is near to, and differs from it
inside, not merely in its ending: "pirifornis" is piriformis, "fascial" is a word of its own. Whatever was written
stays as it is; only what is understood changes.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import field
from functools import lru_cache
from pathlib import Path

from casearchive.frozen import dataclass
from casearchive.terms.concepts import Lexicon
from casearchive.terms.spelling import within
from casearchive.terms.words import fold_word, tokens

#: Shorter words have too many neighbours; from ``LONG`` letters on, two slips are forgiven.
SHORT, LONG = 6, 10
_ENDINGS = (
    "",
    "s",
    "l",
    "r",
    "d",
    "e",
    "n",
    "y",
    "al",
    "ar",
    "ed",
    "es",
    "ic",
    "is",
    "us",
    "um",
    "ly",
    "ing",
    "ous",
    "ine",
)


@dataclass(frozen=True)
class Mended:
    """``text`` with its slips put right; ``back`` gives the place in the original of a place in it."""

    text: str
    slips: tuple[tuple[int, int], ...] = field(default=())  # (start in text, shift from there on)

    def back(self, place: int) -> int:
        at = bisect_right(self.slips, (place, 1 << 30)) - 1
        return place - self.slips[at][1] if at >= 0 else place


def mended(text: str, terms: Lexicon) -> Mended:
    """``text`` as it was probably meant."""
    pieces: list[str] = []
    slips: list[tuple[int, int]] = []
    last = shift = 0
    for token in tokens(text):
        if len(token.word) < SHORT:
            continue
        meant = _meant(token.word, terms)
        if meant:
            pieces += [text[last : token.start], meant]
            shift += len(meant) - (token.end - token.start)
            slips.append((token.end + shift, shift))
            last = token.end
    if not pieces:
        return Mended(text)
    return Mended("".join((*pieces, text[last:])), tuple(slips))


@lru_cache(maxsize=16384)
def _meant(word: str, terms: Lexicon) -> str:
    """The word of the lexicon that ``word`` is a slip of, or nothing."""
    if word in _known(terms) or not word.isascii() or not word.isalpha() or word in _ordinary():
        return ""
    worth, reach = _worth(terms), 2 if len(word) >= LONG else 1
    near = (one for first in {*word[:2]} for one in within(word, worth.get(first, {}), reach))
    scored = sorted((slips, meant) for meant, slips in near if slips <= _forgiven(word, meant))
    if not scored or (len(scored) > 1 and scored[1][0] == scored[0][0]):
        return ""
    best = scored[0][1]
    return "" if _another_ending(word, best) else best


def _forgiven(word: str, meant: str) -> int:
    """How many slips: none where they do not begin alike, and one where their first two letters are swapped."""
    if word[0] != meant[0]:
        return int(word[:2] == meant[1::-1])
    return 2 if min(len(word), len(meant)) >= LONG else 1


def _another_ending(a: str, b: str) -> bool:
    """The same stem with another ending is another word, not a slip."""
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return same >= 4 and a[same:] in _ENDINGS and b[same:] in _ENDINGS


@lru_cache(maxsize=4)
def _known(terms: Lexicon) -> frozenset[str]:
    return terms.words()


@lru_cache(maxsize=4)
def _worth(terms: Lexicon) -> dict[str, dict[int, list[str]]]:
    """The words worth mending, by their first letter and how many they have."""
    found: dict[str, dict[int, list[str]]] = {}
    for word in terms.words_of_findings() - _ordinary():
        if len(word) >= SHORT and word.isascii() and word.isalpha():
            found.setdefault(word[0], {}).setdefault(len(word), []).append(word)
    return found


def ordinary(word: str, terms: Lexicon) -> bool:
    """Whether this is an English word or a word of some name in the lexicon, and no slip."""
    return word.lower() in _ordinary() or fold_word(word) in _known(terms)


@lru_cache(maxsize=1)
def _ordinary() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("ordinary.txt").read_text("utf-8").split())
