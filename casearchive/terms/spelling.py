"""What a mistyped word may have meant: edit distance over the names of the lexicon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from casearchive.terms.words import fold


def distance(a: str, b: str, limit: int) -> int:
    """Edits that make ``a`` into ``b``, a swap of neighbours counting as one; ``limit + 1`` if it is more.

    (Optimal string alignment, the restricted Damerau-Levenshtein distance.)
    """
    # Cheap tests first: of thousands of words a handful is near, and every letter too many is an edit.
    letters, others, far = set(a), set(b), limit + 1
    longer = len(b) - len(a)
    if max(abs(longer), len(letters - others), len(others - letters)) > limit:
        return far
    # what leaves this band has made too many edits, or has too many before it
    spare = (limit - abs(longer)) // 2
    left, right = min(longer, 0) - spare, max(longer, 0) + spare + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        row = [i] + [far] * len(b)
        for j in range(max(1, i + left), min(len(b) + 1, i + right)):
            cb = b[j - 1]
            edits = last[j - 1] + (ca != cb)
            if last[j] < edits:
                edits = last[j] + 1
            if row[j - 1] < edits:
                edits = row[j - 1] + 1
            if i > 1 and j > 1 and ca == b[j - 2] and a[i - 2] == cb and before[j - 2] < edits:
                edits = before[j - 2] + 1
            row[j] = edits
        if min(row) > limit:
            return far
        before, last = last, row
    return min(last[-1], far)


def allowed(word: str) -> int:
    """How many edits a word of this length may be away: none under 4 letters, 1, then 2 from 8, 3 from 14."""
    return (len(word) >= 4) + (len(word) >= 8) + (len(word) >= 14)


class Forms:
    """The folded names of a lexicon, as they are looked through for one that was mistyped.

    A question may have dozens of unknown words and the lexicon has thousands of names: only those are compared that
    are about as long, or share a word.
    """

    def __init__(self, forms: Iterable[str]) -> None:
        self._of_length: dict[int, list[str]] = {}
        for form in forms:
            self._of_length.setdefault(len(form), []).append(form)

    def near(self, wanted: str) -> dict[str, float]:
        """Those near the folded ``wanted``, each with how far it is: smaller is nearer."""
        reach = allowed(wanted)
        found = {form: float(edits) for form, edits in within(wanted, self._of_length, reach)}
        for form in self._sharing(wanted.split()):
            if form not in found and (score := _by_words(wanted, form)) is not None:
                found[form] = score
        return found

    def _sharing(self, asked: list[str]) -> Iterator[str]:
        """Those with one of the words; of several words, those that begin like them, too."""
        for word in set(asked):
            yield from self._of_word.get(word, ())
        if len(asked) > 1:
            for word, _ in within(asked[0], self._words_of_length, _reach(asked[0])):
                yield from self._of_word[word]

    @cached_property
    def _of_word(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for forms in self._of_length.values():
            for form in forms:
                for word in set(form.split()):
                    found.setdefault(word, []).append(form)
        return found

    @cached_property
    def _words_of_length(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for word in self._of_word:
            found.setdefault(len(word), []).append(word)
        return found


def within(wanted: str, of_length: dict[int, list[str]], reach: int) -> Iterator[tuple[str, int]]:
    """Those at most so many edits away, and how many they are."""
    letters = set(wanted)
    for length in range(len(wanted) - reach, len(wanted) + reach + 1):
        for one in of_length.get(length, ()):
            if len(letters.difference(one)) <= reach and (edits := distance(wanted, one, reach)) <= reach:
                yield one, edits


def rightly(wanted: str, names: tuple[str, ...]) -> str:
    """The name that a known misspelling is nearest to."""
    return min(names, key=lambda name: distance(wanted, fold(name), len(wanted)))


def _by_words(wanted: str, form: str) -> float | None:
    """Of forms that are too many edits away: those that hold all the wanted words, or share the rare one."""
    ask, have = set(wanted.split()), set(form.split())
    if ask == have:
        return 1.5
    if ask < have or (have < ask and len(have) > 1):
        return 3.0 + abs(len(have) - len(ask))
    if len(ask) == len(have) > 1 and _words_near(wanted, form):
        return 3.5
    return None


def _words_near(wanted: str, name: str) -> bool:
    """Every word within its own reach, in the same order (``rectis femorus``)."""
    asked, named = wanted.split(), name.split()
    return len(asked) == len(named) and all(
        distance(a, b, _reach(a)) <= _reach(a) for a, b in zip(asked, named, strict=True)
    )


def _reach(word: str) -> int:
    return max(1, allowed(word))


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
