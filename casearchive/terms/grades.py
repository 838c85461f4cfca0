"""The number behind a grade, by which grades of one scale are compared."""

from __future__ import annotations

import re

_ROMAN = {"i": 1.0, "ii": 2.0, "iii": 3.0, "iv": 4.0, "v": 5.0, "vi": 6.0}
_GRADE = re.compile(r"(?:[a-z]?(?P<number>\d+(?:\.\d+)?).*|(?P<roman>iv|vi?|i{1,3})[a-f]?)\Z", re.IGNORECASE)


def ordinal(value: str) -> float | None:
    """``2b`` is grade 2 for comparison within its scale, so are ``IIF`` and ``F2``; None for ``large``."""
    match = _GRADE.match(value.strip())
    if match is None:
        return None
    return float(match["number"]) if match["number"] else _ROMAN[match["roman"].lower()]
