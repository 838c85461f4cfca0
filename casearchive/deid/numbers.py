"""Numbers that may leave in documents: parsed and written anew, and never the digits of an identifier."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

from casearchive.deid.needles import squeeze
from casearchive.model import Identifier

OLDEST = 89
#: Units of time in which an age may be told, with the most of each that is not over 89 years.
MOST_OF_AN_AGE = {"a": OLDEST, "mo": 12 * OLDEST + 11, "wk": 52 * OLDEST + 51, "d": 365 * OLDEST + 364}
MOST_POINTS = 1_000
#: Measured values stay below: what has more digits may be a record, a telephone or a date.
LARGEST = 100_000
SIGNIFICANT = 6
SHORTEST = 4  # digits of an identifier that a number may be
_NUMBERED = re.compile(r"[^\W\d_]{0,4}(?P<digits>\d+)[^\W\d_]{0,2}")
NEW_UID = re.compile(r"2\.25\.\d{1,39}")


def digits_of(identifiers: Collection[Identifier]) -> frozenset[str]:
    """The digits of every identifier that is a number, also behind a few letters (``KH4711``), without the zeros around
    them."""
    found = (_NUMBERED.fullmatch(squeeze(i.value)) for i in identifiers)
    some = (match["digits"].strip("0") for match in found if match)
    return frozenset(s for s in some if len(s) >= SHORTEST)


def digits(value: float) -> str:
    """The digits of a number without the zeros around them."""
    return re.sub(r"\D", "", f"{value:.12g}").strip("0")


def tells(value: float, known: Collection[str]) -> bool:
    """Whether the digits of a number are those of an identifier: a record or a date can be written as a setting."""
    return digits(value) in known


def plain(value: float | None, known: Collection[str]) -> float | None:
    """The value in six digits; None where it is none, too large, or an identifier's."""
    if value is None or not math.isfinite(value) or abs(value) >= LARGEST:
        return None
    told = float(f"{value:.{SIGNIFICANT}g}")
    return None if abs(told) >= LARGEST or tells(value, known) or tells(told, known) else told


def placed(value: float, limit: float) -> float:
    """A coordinate or a time in hundredths, with the edge that rounding may pass."""
    told = round(value, 2)
    return float(limit) if limit < told <= limit + 0.01 else told


def written(value: float) -> str:
    """DS (PS3.5 6.2): at most sixteen characters, without exponent where it can be."""
    text = f"{value:.{SIGNIFICANT}g}"
    return "0" if text in ("-0", "0") else text
