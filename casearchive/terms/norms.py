"""Numbers that tell what is normal, and nothing of this patient: "(normal < 4 mm)", "upper limit 10 mm2"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LIMIT = (
    r"(?:[<>≤≥]=?|up to|below|above|under|over|(?:less|more|smaller|larger) than|(?:not|no) more than|"
    r"at most|at least)"
)
_NORM = re.compile(
    r"\b(?:normal(?:ly)?|norm|reference|(?:upper|lower) limits?|cut-?off|threshold)\b(?:"
    rf"[^.;,()\d]{{0,60}}?\s{_LIMIT}\s*(?:about\s+)?|"  # "normal thickness is below 6 mm"
    r"\s*(?:values?|range|limit|of normal)?\s*(?:is|are|of|at|:|=)?\s*"  # "normal value 6 mm"
    r")(?=(?P<number>\d))",
    re.IGNORECASE,
)
#: "The tendon is normal" tells of the tendon.
_SAID = re.compile(r"\b(?:is|are|was|were|looks?|appears?|both|all)\s+\Z", re.IGNORECASE)
_ALONE = re.compile(r"normal\s*\Z", re.IGNORECASE)


def norms(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(where it begins, where its number begins) of every norm."""
    for match in _NORM.finditer(text, start, end):
        bare = _ALONE.fullmatch(match[0]) and text[match.start() - 1 : match.start()] != "("
        if not bare and not _SAID.search(text, max(start, match.start() - 12), match.start()):
            yield match.start(), match.start("number")
