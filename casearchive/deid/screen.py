"""What a scanner writes on its screen that says nothing of a person: results, settings, sides and plain anatomy.

Every word of a line must be in ``screen.toml`` or be a number of a kind that is no date, no time of day and no record;
what is not surely known is not harmless.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

_WORD = re.compile(r"[^\s:=,;()\[\]|~<>≤≥±]+")
#: 1.06, 12, 0,5, -20: at most three digits before the point and two behind it.
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:[.,]\d{1,2})?")
#: C5-1, L12-5, 9L, 12L3: what a probe is called (45y is an age).
_PROBE = re.compile(r"(?:[a-z]{1,3}\d{1,2}-\d{1,2}[a-z]{0,2}(?:-d)?|\d{1,2}(?![fjmy])[a-z]{1,2}\d?(?:-d)?)")
_CLOCK = re.compile(r"\d\s?[:.,/-]\s?\d+\s?[:.,/-]\s?\d|\d{4}|\d\s?:\s?\d|\d{2}/\d")
_STUCK = re.compile(r"(\d?[a-zµ°%²³/]+)?([-+]?\d{1,3}(?:[.,]\d{1,2})?)([a-zµ°%²³/]+[23]?)?")


def _list() -> str:
    return resources.files(__package__).joinpath("screen.toml").read_text("utf-8")


#: RI 0.65, MI 1.1: a number without a unit.
_INDEX = re.compile(r"\d{1,2}\.\d{1,2}")
_LONGEST = {"cm": 50.0, "mm": 500.0}


@cache
def version() -> str:
    """Changes with the list: a line that was harmless by another one is looked at again."""
    return hashlib.sha256(_list().encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class _Known:
    words: frozenset[str]
    units: frozenset[str]
    indices: frozenset[str]
    names: frozenset[str]


@cache
def _known() -> _Known:
    said = tomllib.loads(_list())
    labels, indices = frozenset(said["labels"]), frozenset(said["indices"])
    return _Known(
        labels | indices | frozenset(said["anatomy"]),
        frozenset(said["units"]),
        indices,
        frozenset(said["names"]),
    )


def harmless(text: str) -> bool:
    """Whether a line holds nothing but what scanners write of the picture itself.

    >>> harmless("Dist 1.06 cm"), harmless("LT MEDIAN NERVE"), harmless("MILLER 45"), harmless("14.03.61")
    (True, True, False, False)
    """
    text = _spelled(text)
    words = _WORD.findall(text)
    plain = bool(words) and all(map(_plain, words)) and not _dated(words) and not _CLOCK.search(text)
    return plain and not _like_a_name(words)


def result(text: str) -> bool:
    """Whether a line is a measured value with its unit, and nothing beside it but labels: ``Dist 1.06 cm``."""
    words = _WORD.findall(_spelled(text))
    known = _known()
    valued = any(_with_unit(word) for word in words) or any(
        (_is_number(number) and unit in known.units) or (number in known.indices and _INDEX.fullmatch(unit))
        for number, unit in pairwise(words)
    )
    return valued and harmless(text) and not _of_a_body(words)


def _spelled(text: str) -> str:
    """In small letters, a decimal comma as a point, and no colon behind a label: ``Dist2: 3,21 cm``."""
    text = re.sub(r"(\d),(\d)", r"\1.\2", text.casefold())
    return re.sub(r"([a-z²³)]\s?\d?)\s?[:=]\s+(?=[-+]?\d)", r"\1 ", text)


def _of_a_body(words: Sequence[str]) -> bool:
    """Whether a length is longer than any scan is deep or wide: how tall somebody is."""
    for word, unit in pairwise((*words, "")):
        stuck = _STUCK.fullmatch(word)
        if stuck is not None and float(stuck[2].replace(",", ".")) > _LONGEST.get(stuck[3] or unit, 1e9):
            return True
    return False


def _like_a_name(words: Sequence[str]) -> bool:
    """Whether words that are names of people, too, stand by themselves: Mark Long, B. Heel, and no number or side."""
    names = _known().names
    told = [word.strip("._-+*'\"") for word in words]
    named = sum(word in names for word in told)
    initials = [word for word in told if len(word) == 1 and word.isalpha()]
    if named + len(initials) < len(told):
        return False
    return named > 1 or (named == 1 and any(letter not in "lr" for letter in initials))


def _plain(word: str) -> bool:
    known = _known()
    word = word.strip("._-+*'\"") or word
    if word in known.words or word in known.units or _NUMBER.fullmatch(word) or _PROBE.fullmatch(word):
        return True
    stuck = _STUCK.fullmatch(word)  # D1.06cm, 28Hz, Gn60: written without a space
    if stuck is None:
        return False
    label = (stuck[1] or "a").lstrip("0123456789")
    return label in known.words and (stuck[3] or "mm") in known.units


def _is_number(word: str) -> bool:
    """1.06, or with a label that stands close to it: A2.31."""
    stuck = _STUCK.fullmatch(word)
    return stuck is not None and stuck[3] is None


def _with_unit(word: str) -> bool:
    stuck = _STUCK.fullmatch(word.strip("._-+*'\""))
    return stuck is not None and stuck[3] is not None and stuck[3] in _known().units


def _dated(words: Sequence[str]) -> bool:
    """Bare numbers that could be a part of a date, an age or a record: 14 03, 555 01 99, b. 61."""
    bare = [n for n, word in enumerate(words) if re.fullmatch(r"\d{2,}", word)]
    if not bare or len(words) == 1:
        return False
    known = _known()
    named = sum(len(word) > 1 and word in known.words for word in words)
    return (
        any(words[n + 1 : n + 2] == [] or words[n + 1] not in known.units for n in bare) and len(bare) > named
    )
