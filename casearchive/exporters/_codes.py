"""Which code of a standard means a concept of the lexicon."""

from __future__ import annotations

from collections.abc import Collection

from casearchive.terms.concepts import Code

_SCHEMES = ("SCT", "DCM", "LN", "MDC", "RADLEX")


def standard_code(codes: Collection[Code]) -> Code | None:
    """The code that means the concept itself, of the scheme that comes first; None where there is none.

    Several of one scheme are parts of its meaning, or narrower: none of them would say the same. A code for one side
    would be wrong for the other; sides are told beside it.
    """
    whole = [code for code in codes if not code.meaning.endswith((", left", ", right"))]
    for scheme in _SCHEMES:
        of_scheme = [code for code in whole if code.scheme == scheme]
        if of_scheme:
            return of_scheme[0] if len(of_scheme) == 1 else None
    return None
