"""Content trees as importers read them: which concept an item is named by, what it says in words, all that is below.

Trees come from strangers: nothing here recurses, and what is no code stays the words that stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from casearchive.model import Coded, ContentItem
from casearchive.terms import Concept
from casearchive.terms.coding import LOCAL, meant
from casearchive.units import printed, ucum

#: Items of one document that are looked at.
MOST = 20_000
_WRITTEN_BY = ("casearchive",)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Name = frozenset[Coded]


def code(scheme: str, *values: str) -> Name:
    return frozenset(Coded(value, scheme) for value in values)


def local(value: str) -> Name:
    """A concept name that only our own export writes."""
    return code(LOCAL, value)


GROUP = code("DCM", "125007")
TRACKING_ID, TRACKING_UID = code("DCM", "112039"), code("DCM", "112040")
FINDING = code("DCM", "121071")
#: SNOMED RT stands in older objects; only where its code and the newer one are one concept (PS3.16 Annex O).
SITE = code("SCT", "363698007") | code("SRT", "G-C0E3")
LATERALITY = code("SCT", "272741003") | code("SRT", "G-C171") | code("DCM", "111027")
TOPOGRAPHY = code("SCT", "106233006") | code("SRT", "G-A1F8")
SEVERITY = code("SCT", "246112005") | code("SRT", "G-C197")
ECHOGENICITY = code("DCM", "110849")
COMMENT = code("DCM", "121106")
SHORT_LABEL = code("DCM", "125309")
DESCRIPTION = code("DCM", "113012")
CERTAINTY, EXCLUDED, UNJUDGED = local("certainty"), local("excluded_finding"), local("unjudged_finding")
TEMPORALITY, MOVED, CONFIRMED, GRADE = (
    local("temporality"), local("on_manoeuvre"), local("confirmed_by"), local("grade"),
)  # fmt: skip
MANEUVER, AT_REST, DURING, STATE = local("maneuver"), local("at_rest"), local("during"), local("state")
COMPARED, SEEN_ON, RELATION, BEST = local("comparison"), local("modality"), local("relation"), local("best")
TARGET, VIEW = code("DCM", "123014"), code("DCM", "111031")
MODE, POSITION, CAPTION, QUIZ_CAPTION = (
    local("mode"), local("position"), local("caption"), local("quiz_caption"),
)  # fmt: skip
STATUS, QUIZ_TITLE = local("status"), local("quiz_title")

_SIDES = {
    Coded("7771000", "SCT"): "left", Coded("G-A101", "SRT"): "left",
    Coded("24028007", "SCT"): "right", Coded("G-A100", "SRT"): "right",
    Coded("51440002", "SCT"): "bilateral", Coded("G-A102", "SRT"): "bilateral",
    Coded("261129000", "SCT"): "midline",
}  # fmt: skip
YES = frozenset((Coded("373066001", "SCT"), Coded("R-0038D", "SRT")))
NO = frozenset((Coded("373067005", "SCT"), Coded("R-00339", "SRT")))


def walk(root: ContentItem) -> Iterator[ContentItem]:
    """Every item in the order of the document, the root first, however deep."""
    left, seen = [root], 0
    while left and seen < MOST:
        item = left.pop()
        seen += 1
        yield item
        left += reversed(item.items)


def is_(item: ContentItem, *names: Name) -> bool:
    """Whether the item is named by one of these concepts."""
    return item.name is not None and any(item.name in name for name in names)


def child(item: ContentItem, name: Name) -> ContentItem | None:
    return next((below for below in item.items if is_(below, name)), None)


def plain(text: str) -> str:
    """Text that a case file can hold."""
    return _CONTROL.sub("", text).strip()


def line(text: str) -> str:
    """The same on one line."""
    return " ".join(plain(text).split())


def meaning(coded: Coded | None) -> str:
    """The words beside a code, or the code itself where there are none."""
    return line(coded.meaning or coded.value) if coded is not None else ""


def said(item: ContentItem) -> str:
    """What an item says, in words; nothing where it only points."""
    if item.kind == "CODE":
        return meaning(item.code)
    if item.kind == "NUM" and item.number is not None:
        unit = ucum(item.unit.value) if item.unit else None
        shown = printed(unit) if unit is not None else meaning(item.unit)
        return f"{item.number:g}{' ' if shown not in ('', '°') else ''}{shown}"
    return plain(item.text)


def told(item: ContentItem) -> str:
    """The item with its name: ``Margin: irregular``; what modifies it in parentheses."""
    more = [words for below in item.items if below.kind in ("CODE", "TEXT", "NUM") and (words := told(below))]
    name, words = meaning(item.name), said(item)
    text = ": ".join(part for part in (name, words) if part) if words else ""
    return f"{text} ({', '.join(more)})" if text and more else text


def concept(item: ContentItem, kinds: Collection[str]) -> tuple[Concept, str] | None:
    """The concept of the lexicon that a CODE item means, and the side that its code says."""
    return known(item.code, kinds) if item.kind == "CODE" else None


def known(coded: Coded | None, kinds: Collection[str]) -> tuple[Concept, str] | None:
    return meant(coded.scheme, coded.value, kinds) if coded is not None else None


def term(item: ContentItem, kinds: Collection[str]) -> str:
    """The id of the concept that an item means, else its words on one line."""
    found = concept(item, kinds)
    return found[0].id if found is not None else line(said(item))


def choice(item: ContentItem, kinds: Collection[str], words: Collection[str]) -> str:
    """The one of a closed list of ``words`` that the item means by its code or says exactly; nothing else."""
    found = concept(item, kinds)
    names = (found[0].id, found[0].preferred) if found is not None else (line(item.text),)
    return next((name for name in names if name in words), "")


def side(item: ContentItem) -> str:
    return _SIDES.get(item.code, "") if item.code is not None else ""


def is_ours(maker: str) -> bool:
    return maker in _WRITTEN_BY


def is_known(items: Iterable[ContentItem]) -> bool:
    return any(True for _ in items)
