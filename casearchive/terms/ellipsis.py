"""What a part of a sentence says of a finding that stands before it: "excluded on the left, confirmed on the right".

Such a part names a side or a structure and says yes or no, and nothing besides.
"""

from __future__ import annotations

import re

_YES = frozenset(("present", "confirmed", "seen", "visible", "found", "positive", "evident", "yes"))
_NO = frozenset(("none", "no", "not", "nil", "absent", "negative", "excluded", "never"))
_SMALL = frozenset((
    "but", "and", "it", "they", "one", "is", "was", "are", "were", "also", "clearly", "on", "in", "at", "of", "the",
    "side", "there", "has", "have", "been",
))  # fmt: skip
_WORDS = re.compile(r"[^\W_]+")


def answer(part: str, but: str = "") -> str:
    """``definite`` or ``absent`` where a part of a sentence, without the names in it, only says yes or no.

    ``but``: a word that answers nothing here ("no bowel" denies the bowel).
    """
    words = {m[0].lower() for m in _WORDS.finditer(part)}
    told = words - _SMALL
    if not told or but in told or told - _YES - _NO:
        return ""
    return "absent" if told & _NO else "definite"


def nothing(part: str) -> bool:
    """Whether only small words are left, so that a size beside a side is all that is said."""
    return not {m[0].lower() for m in _WORDS.finditer(part)} - _SMALL
