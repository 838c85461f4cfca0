"""What a mistyped word may have meant: edit distance over the names of the lexicon."""

from __future__ import annotations

from collections.abc import Iterable

from casearchive.terms.concepts import Concept
from casearchive.terms.words import fold


def distance(a: str, b: str, limit: int) -> int:
    """Edits that make ``a`` into ``b``, a swap of neighbours counting as one; ``limit + 1`` if it is more.

    (Optimal string alignment, the restricted Damerau-Levenshtein distance.)
    """
    if abs(len(a) - len(b)) > limit:
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


def nearest_names(text: str, concepts: Iterable[Concept], limit: int) -> tuple[str, ...]:
    """Names of ``concepts`` near ``text``, one a concept, the nearest first; ties go by name."""
    wanted = fold(text.replace("_", " "))
    if not wanted:
        return ()
    reach = allowed(wanted)
    scored: list[tuple[float, str]] = []
    for concept in concepts:
        right, wrong = (concept.preferred, *concept.names), concept.misspellings
        scores = [(_score(wanted, fold(name), reach), name) for name in (*right, *wrong)]
        near = [(score, name) for score, name in scores if score is not None]
        if near:
            best, name = min(near, key=lambda found: found[0])
            scored.append((best, _rightly(wanted, right) if name in wrong else name))
    return tuple(name for _, name in sorted(scored)[:limit])


def _rightly(wanted: str, names: tuple[str, ...]) -> str:
    """The name that a known misspelling is nearest to."""
    return min(names, key=lambda name: distance(wanted, fold(name), len(wanted)))


def _score(wanted: str, name: str, reach: int) -> float | None:
    """Smaller is nearer: edits first; then names that hold all the wanted words, or share the rare one."""
    edits = distance(wanted, name, reach) if reach else (0 if wanted == name else 1)
    if edits <= reach and (reach or edits == 0):
        return float(edits)
    have, ask = set(name.split()), set(wanted.split())
    if ask == have:
        return 1.5
    if ask < have or (have < ask and len(have) > 1):
        return 3.0 + abs(len(have) - len(ask))
    if len(ask) == len(have) > 1 and _words_near(wanted, name):
        return 3.5
    return None


def _words_near(wanted: str, name: str) -> bool:
    """Every word within its own reach, in the same order (``rectis femorus``)."""
    return all(
        distance(a, b, max(1, allowed(a))) <= max(1, allowed(a))
        for a, b in zip(wanted.split(), name.split(), strict=True)
    )


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
