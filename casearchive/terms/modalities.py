"""By which study something was seen, as its sentence says it: "on MRI", "at surgery", "sonographically"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from casearchive.terms.context import Scope
from casearchive.terms.desk import Clause
from casearchive.terms.naming import Named
from casearchive.terms.signs import HIDDEN

_MODALITIES = {"surgery_finding": "surgery", "tx_surgery": ""}
_MORE_MODALITIES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (modality, re.compile(pattern, re.IGNORECASE))
    for modality, pattern in (
        ("surgery", r"\b(?:at|during)\s+(?:surgery|operation|exploration|arthroscopy)\b|\bintra-?operativ\w+|"
                    r"\bsurgery\s+(?:had\s+)?"
                    r"(?:confirmed|showed|revealed|found|proved)|\bsurgical(?:ly)?\s+(?:exploration|"
                    r"confirmed|findings?)|"
                    r"\barthroscop(?:y|ic|ically)\b|\boperative findings?\b"),
        ("clinical_exam", r"\b(?:on|at)\s+(?:physical\s+|clinical\s+)?examination\b|\bclinically\b|"
                          r"\b(?:on|by)\s+palpation\b"),
        ("us", r"\bsonograph\w*|\bultrasonograph\w*|\bdoppler\b|\bechograph\w*"),
        ("mri", r"\bMR\b"),
    )
)  # fmt: skip
_ON = re.compile(r"\b(?:on|by|with|at|in|per|according to|during)\s+(?:[\w-]+\s+){0,3}\Z", re.IGNORECASE)
_DESPITE = re.compile(
    r"\b(?:contrary to|unlike|(?:in )?contrast to|despite|in spite of|as opposed to|other than)\s+(?:on\s+)?"
    r"(?:(?:the|an?|his|her|their|previous|prior|earlier|outside)\s+){0,3}\Z",
    re.IGNORECASE,
)
_MISSED = re.compile(
    r"\b(?:missed|overlooked|not|invisible|hidden|occult|unseen|negative|never|despite|after|before|normal)\b",
    re.I,
)


def named_in(text: str, start: int, end: int, inside: Sequence[Named]) -> list[tuple[int, str]]:
    """The studies named in ``text[start:end]``, each with the offset at which it stands."""
    found = [
        (n.start, _MODALITIES.get(n.concept, n.concept))
        for n in inside
        if n.kind == "modality" and start <= n.start < end
    ]
    for modality, pattern in _MORE_MODALITIES:
        found += [(m.start(), modality) for m in pattern.finditer(text, start, end)]
    return sorted(found)


def seen_by(text: str, clause: Clause, name: Named, scopes: Sequence[Scope]) -> str:
    """The study named before the finding in its clause, or after it with "on", "by", "at"; else nothing."""
    low, high = clause.chunk_of(name)
    found = named_in(text, clause.part.body, clause.part.end, clause.inside)
    before = [m for m in found if low <= m[0] < name.start]
    after = [m for m in found if name.end <= m[0] < high]
    for at, modality in after:
        gap = text[name.end : at]
        if modality in ("surgery", "clinical_exam"):
            gap += "at "
        if (
            not before
            and (("," not in gap and _ON.search(gap)) or (name.kind == "normality" and len(gap.split()) <= 3))
            and (not _MISSED.search(gap) or HIDDEN.search(text, name.end, high))
        ):
            return modality
    found = [m for m in found if not _DESPITE.search(text, max(0, m[0] - 30), m[0])]
    before = [m for m in before if m in found]
    if before and not _passed_by(text, before[-1][0], name, scopes):
        return before[-1][1]
    earlier = [m for m in found if clause.part.body <= m[0] < low]
    if (
        earlier
        and not before
        and not after
        and not _passed_by(text, earlier[-1][0], name, scopes)
        and not _turned(text, earlier[-1][0], low)
    ):
        return earlier[-1][1]
    return ""


def _passed_by(text: str, at: int, name: Named, scopes: Sequence[Scope]) -> bool:
    """ "MRI missed a complete tear": the finding is not the MRI's."""
    return bool(
        re.search(r"\b(?:missed|overlooked|failed to|did not|negative)\b", text[at : name.start], re.I)
    ) and not any(s.presence == "absent" and s.start <= name.start < s.end for s in scopes)


def _turned(text: str, at: int, low: int) -> bool:
    return bool(re.search(r"\b(?:but|however|whereas|while|although)\b", text[at : low + 8], re.I)) or bool(
        re.search(r"\bnormal\b", text[at:low], re.I)
    )
