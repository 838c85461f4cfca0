"""What a mistyped word may have meant: edit distance over the names of the lexicon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from casearchive.terms.words import fold


def distance(a: str, b: str, limit: int) -> int:
    """Edits that make ``a`` into ``b``, a swap of neighbours counting as one; ``limit + 1`` if it is more.

    (Optimal string alignment, the restricted Damerau-Levenshtein distance.)
    """
    # Cheap tests first: of thousands of words a handful is near, and every letter too many is an edit.
    if abs(len(a) - len(b)) > limit or len(set(a).difference(b)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        row = [i] + [0] * len(b)
        for j, cb in enumerate(b, 1):
            row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (ca != cb))
            if i > 1 and j > 1 and ca == b[j - 2] and a[i - 2] == cb:
                row[j] = min(row[j], before[j - 2] + 1)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return min(last[-1], limit + 1)


def allowed(word: str) -> int:
    """How many edits a word of this length may be away: none under 4 letters, 1, then 2 from 8, 3 from 14."""
    return (len(word) >= 4) + (len(word) >= 8) + (len(word) >= 14)


def near_forms(wanted: str, forms: Iterable[str]) -> Iterator[tuple[float, str]]:
    """The folded ``forms`` near the folded ``wanted``, each with how far it is: smaller is nearer."""
    if not wanted:
        return
    reach, ask = allowed(wanted), set(wanted.split())
    size, several = len(wanted), len(ask) > 1
    for form in forms:
        # length first: a question may have dozens of unknown words, and the lexicon has thousands of forms
        if abs(len(form) - size) <= reach:
            edits = distance(wanted, form, reach) if reach else int(wanted != form)
            if edits <= reach:
                yield float(edits), form
                continue
        if several or wanted in form:
            score = _by_words(wanted, form, ask)
            if score is not None:
                yield score, form


def rightly(wanted: str, names: tuple[str, ...]) -> str:
    """The name that a known misspelling is nearest to."""
    return min(names, key=lambda name: distance(wanted, fold(name), len(wanted)))


def _by_words(wanted: str, form: str, ask: set[str]) -> float | None:
    """Of forms that are too many edits away: those that hold all the wanted words, or share the rare one."""
    have = _words_of(form)
    if ask == have:
        return 1.5
    if ask < have or (have < ask and len(have) > 1):
        return 3.0 + abs(len(have) - len(ask))
    if len(ask) == len(have) > 1 and _words_near(wanted, form):
        return 3.5
    return None


@lru_cache(maxsize=1 << 15)
def _words_of(form: str) -> frozenset[str]:
    return frozenset(form.split())


def _words_near(wanted: str, name: str) -> bool:
    """Every word within its own reach, in the same order (``rectis femorus``)."""
    if wanted.count(" ") != name.count(" "):
        return False
    for a, b in zip(wanted.split(), name.split(), strict=True):
        reach = max(1, allowed(a))
        if abs(len(a) - len(b)) > reach or distance(a, b, reach) > reach:
            return False
    return True


def likest(word: str, known: Iterable[str], *, most: int, least: float) -> list[str]:
    """Up to ``most`` of the ``known`` words that are like ``word``, the likest first; ``least`` alike, 0 to 1."""
    from difflib import get_close_matches  # for whoever mistyped

    return get_close_matches(word, list(known), n=most, cutoff=least)


def nearest_words(word: str, known: Iterable[str], limit: int = 1) -> tuple[str, ...]:
    """The known words (ids, keys, choices) that ``word`` may have been meant to be, the nearest first."""
    asked = _plain(word)
    scored = []
    for candidate in known:
        other = _plain(candidate)
        reach = max(1, allowed(asked))
        edits = distance(asked, other, reach)
        begins = min(len(asked), len(other)) >= 3 and (other.startswith(asked) or asked.startswith(other))
        if edits <= reach and edits < max(len(asked), len(other)):
            scored.append((float(edits), candidate))
        elif begins:
            scored.append((3.5, candidate))
    return tuple(candidate for _, candidate in sorted(scored)[:limit])


def _plain(word: str) -> str:
    return word.strip().lower().replace("_", " ").replace("-", " ")
