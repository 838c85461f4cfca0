"""What a scanner writes on its screen that says nothing of a person: results, settings, sides and plain anatomy.

Every word of a line must be in ``screen.toml`` or be a number of a kind that is no date, no time of day and no record;
what is not surely known is not harmless.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import pairwise

_WORD = re.compile(r"[^\s:=,;()\[\]|~<>≤≥±]+")
#: 1.06, 12, 0,5, -20: at most three digits before the point and two behind it.
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:[.,]\d{1,2})?")
#: C5-1, L12-5, 9L, 12L3: what a probe is called (45y is an age).
_PROBE = re.compile(r"(?:[a-z]{1,3}\d{1,2}-\d{1,2}[a-z]{0,2}(?:-d)?|\d{1,2}(?![fjmy])[a-z]{1,2}\d?(?:-d)?)")
_CLOCK = re.compile(r"\d\s?[:.,/-]\s?\d+\s?[:.,/-]\s?\d|\d{4}|\d\s?:\s?\d|\d{2}/\d")
_STUCK = re.compile(r"([a-zµ°%²³/]+)?([-+]?\d{1,3}(?:[.,]\d{1,2})?)([a-zµ°%²³/]+[23]?)?")


def _list() -> str:
    return resources.files(__package__).joinpath("screen.toml").read_text("utf-8")


@cache
def version() -> str:
    """Changes with the list: a line that was harmless by another one is looked at again."""
    return hashlib.sha256(_list().encode()).hexdigest()[:12]


@cache
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """Words, and units."""
    said = tomllib.loads(_list())
    return frozenset(said["labels"]) | frozenset(said["anatomy"]), frozenset(said["units"])


def harmless(text: str) -> bool:
    """Whether a line holds nothing but what scanners write of the picture itself.

    >>> harmless("Dist 1.06 cm"), harmless("LT MEDIAN NERVE"), harmless("MILLER 45"), harmless("14.03.61")
    (True, True, False, False)
    """
    words = _WORD.findall(text.casefold())
    return bool(words) and all(map(_plain, words)) and not _dated(words) and not _CLOCK.search(text)


def result(text: str) -> bool:
    """Whether a line is a measured value with its unit, and nothing beside it but labels: ``Dist 1.06 cm``."""
    words = _WORD.findall(text.casefold())
    _, units = _known()
    valued = any(_with_unit(word) for word in words) or any(
        _is_number(number) and unit in units for number, unit in pairwise(words)
    )
    return valued and harmless(text)


def _plain(word: str) -> bool:
    words, units = _known()
    word = word.strip("._-+*'\"") or word
    if word in words or word in units or _NUMBER.fullmatch(word) or _PROBE.fullmatch(word):
        return True
    stuck = _STUCK.fullmatch(word)  # D1.06cm, 28Hz, Gn60: written without a space
    if stuck is None:
        return False
    return (stuck[1] or "a") in words and (stuck[3] or "mm") in units


def _is_number(word: str) -> bool:
    """1.06, or with a label that stands close to it: A2.31."""
    stuck = _STUCK.fullmatch(word)
    return stuck is not None and stuck[3] is None


def _with_unit(word: str) -> bool:
    stuck = _STUCK.fullmatch(word.strip("._-+*'\""))
    return stuck is not None and stuck[3] is not None and stuck[3] in _known()[1]


def _dated(words: Sequence[str]) -> bool:
    """Bare numbers that could be a part of a date, an age or a record: 14 03, 555 01 99, b. 61."""
    bare = [n for n, word in enumerate(words) if re.fullmatch(r"\d{2,}", word)]
    if not bare or len(words) == 1:
        return False
    known, units = _known()
    named = sum(len(word) > 1 and word in known for word in words)
    return any(words[n + 1 : n + 2] == [] or words[n + 1] not in units for n in bare) and len(bare) > named
