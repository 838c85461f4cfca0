"""The codes that may leave: those of the standard's own tables and of the vocabulary, with the meaning given there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from casearchive.model import Coded
from casearchive.terms import packaged

LONGEST_VALUE, LONGEST_MEANING = 16, 64  # characters of SH and LO (PS3.5 6.2)
UNITS = "UCUM"
KEYWORDS = frozenset(("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))
#: Older names of the coding schemes (PS3.16 8.1); codes of SNOMED's older style have a newer one.
_OLDER = {"SRT": "SRT", "SNM3": "SRT", "99SDM": "SRT", "SNOMED-RT": "SRT"}
#: Of these a code says what it is about: who somebody is, where, and when. Sex, age, and race stand in the header, if
#: anywhere.
_PERSONAL = re.compile(
    r"\b(?:patient|subject|person|observer|names?|identifiers?|ids?|issuer|serial|accession|placer|filler|address|"
    r"telephone|birth|race|racial|ethnic\w*|religio\w*|occupation\w*|organization|institution\w*|facility|physician|"
    r"operator|performer|country|date(?:time)?s?|time of|ae title|sex|gender|black|hispanic|caucasian)\b|"
    r"^age\b|^(?:fe)?male$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Standard:
    """A code with the meaning that its own table gives it."""

    value: str
    scheme: str
    meaning: str

    @property
    def personal(self) -> bool:
        """Whether it speaks of who somebody is, where or when, and not of what was seen."""
        return _PERSONAL.search(self.meaning) is not None

    def item(self) -> Dataset:
        """The code as an item of a code sequence (PS3.3 8.8)."""
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = self.value, self.scheme
        item.CodeMeaning = self.meaning
        return item


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, str], str]:
    """(scheme, value) → meaning: the vocabulary's, else the shortest that the standard has for it."""
    found: dict[tuple[str, str], list[str]] = {}
    tables = cast("dict[str, dict[str, dict[str, tuple[str, list[int]]]]]", concepts)
    for scheme, named in tables.items():
        for each in named.values():
            for value, (meaning, _) in each.items():
                found.setdefault((scheme, value), []).append(meaning)
    chosen = {key: min(meanings, key=lambda m: (len(m), m)) for key, meanings in found.items()}
    lexicon = packaged()
    for concept_id in lexicon.ids():
        concept = lexicon.concept(concept_id)
        chosen |= {(code.scheme, code.value): code.meaning for code in concept.codes} if concept else {}
    return {
        key: " ".join(meaning.split())[:LONGEST_MEANING].strip()
        for key, meaning in chosen.items()
        if len(key[1]) <= LONGEST_VALUE and meaning.strip() and meaning.isascii()
    }


def standard(code: Coded | None) -> Standard | None:
    """The same code as the tables have it, or None where they do not: a code of somebody's own says what he likes."""
    if code is None:
        return None
    scheme, value = code.scheme, code.value
    if scheme in _OLDER:
        scheme, value = "SCT", mapping["SRT"].get(value, "")
    meaning = _table().get((scheme, value))
    return None if meaning is None else Standard(value, scheme, meaning)


def faults(item: Dataset) -> list[str]:
    """What of an item of a code sequence did not come from the tables."""
    wrong = [e.keyword or str(e.tag) for e in item if e.keyword not in KEYWORDS]
    value, scheme = str(item.get("CodeValue", "")), str(item.get("CodingSchemeDesignator", ""))
    known = _table().get((scheme, value))
    return wrong if known is not None and known == item.get("CodeMeaning") else [*wrong, "CodeMeaning"]
