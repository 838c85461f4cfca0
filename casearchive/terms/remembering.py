"""What was made of a text is kept for when the same text comes again, as it does with the files of a study."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import TypeVar

Made = TypeVar("Made")
Function = Callable[..., Made]

#: Characters of a long text, whose result takes the room of dozens of others; the last few of those are kept.
_LONG, _FEW = 1000, 16


def remembering(most: int) -> Callable[[Function[Made]], Function[Made]]:
    """``lru_cache`` for a function of a text (and of more that can be hashed), bounded however long texts are."""

    def decorated(function: Function[Made]) -> Function[Made]:
        short, long = lru_cache(maxsize=most)(function), lru_cache(maxsize=_FEW)(function)

        @wraps(function)
        def asked(text: str, *more: Hashable) -> Made:
            return (long if len(text) > _LONG else short)(text, *more)

        return asked

    return decorated
