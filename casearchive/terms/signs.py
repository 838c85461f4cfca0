"""What a sign means at a structure: "intact" of a tendon, "incompressible" of a vein, "empty" of a groove."""

from __future__ import annotations

import re
from collections.abc import Sequence

from casearchive.terms.binding import Bound
from casearchive.terms.concepts import Lexicon
from casearchive.terms.desk import Clause
from casearchive.terms.naming import (
    APART,
    BROKEN,
    COMPRESSIBLE,
    DRY,
    FLOW,
    FREE,
    INTACT,
    STABLE,
    STIFF,
    UNSEEN,
    Named,
)
from casearchive.terms.triggers import SEEN

#: Seen here, but not by another study.
HIDDEN = re.compile(
    rf"\b(?:not|never)\s+(?:clearly\s+)?{SEEN}\s+(?:on|by|with|in)\s+(?:the\s+|an?\s+)?(?:[a-z]+\s+){{0,2}}"
    r"(?P<study>mri|mr|magnetic|ct|x-?rays?|xray|radiograph\w*|plain)",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:bowel gas|gas|habitus|obesity|obscured|limited|too deep|cast|dressing|pain|shadow\w*|window|"
    r"overl(?:ying|ain)|depth|"
    r"not (?:included|requested)|time)\b",
    re.IGNORECASE,
)
_ARTERIAL = re.compile(
    r"\b(?:aort\w*|arter\w*|carotid|mural|atri\w+|ventric\w+|cardiac|heart|portal|graft|fistula|stent|renal)\b",
    re.I,
)
#: Kinds of structures that tear.
TEAR_KINDS = ("muscle", "tendon", "ligament", "fascia", "cartilage", "meniscus")


def settled(text: str, clause: Clause, name: Named, place: Bound, terms: Lexicon) -> tuple[str, str] | None:
    """(abnormality, presence it fixes or nothing); None where a sign means nothing here."""
    if name.kind != "sign":
        vein = any("vein" in i and "portal" not in i for i in place.ids) or (
            not place.ids and not _ARTERIAL.search(text, clause.part.start, clause.part.end)
        )
        if re.search(r"\b(?:superficial|saphenous)\b", text[clause.part.start : name.start], re.IGNORECASE):
            vein = False
        entrapped = name.concept == "nerve_entrapment" and re.match("imping", name.text, re.IGNORECASE)
        if entrapped and not _nerve(place, terms):
            return None
        return ("dvt" if name.concept == "thrombosis" and vein and "dvt" in terms else name.concept), ""
    kinds = {c.kind for i in place.ids if (c := terms.concept(i)) is not None}
    in_chunk = clause.chunk_of(name)
    others = [
        n for n in clause.inside if n.abnormal and n.kind != "sign" and in_chunk[0] <= n.start < in_chunk[1]
    ]
    if name.concept in (INTACT, BROKEN):
        if place.rank > 7 or (name.concept == INTACT and place.rank > 4 and not in_chunk[0] <= name.start):
            return None
        what = "fracture" if kinds == {"bone"} else "tear"
        if kinds and not kinds & {*TEAR_KINDS, "bone", "region"}:
            return ("normal", "definite") if name.text.lower() == "intact" else None
        if name.concept == INTACT and re.match(r"\s+(?:fibres|fibers|bridge)", text[name.end :]):
            return None
        return what, "definite" if name.concept == BROKEN else "absent"
    if name.concept in (STIFF, COMPRESSIBLE):
        veins = re.search(r"\bveins?\b|\bvenous\b", text[clause.part.start : clause.part.end], re.IGNORECASE)
        if not (kinds & {"vessel"} or veins):
            return None
        if any("arter" in i for i in place.ids) and not veins:
            return ("arterial_occlusion", "absent") if name.concept == COMPRESSIBLE else None
        shallow = any(w in i for i in place.ids for w in ("saphenous", "superficial"))
        what = "thrombosis" if shallow else "dvt"
        return what, "definite" if name.concept == STIFF else "absent"
    if name.concept == STABLE:
        slips = {
            "nerve": "nerve_subluxation",
            "tendon": "tendon_subluxation",
            "muscle": "tendon_subluxation",
        }
        what = next((slips[k] for k in sorted(kinds) if k in slips), "")
        return (what, "absent") if what in terms else None
    if name.concept == DRY:
        what = next((w for k, w in (("bursa", "bursitis"), ("joint", "effusion")) if k in kinds), "")
        return (what, "absent") if what in terms else None
    if name.concept == FREE:
        return ("nerve_entrapment", "absent") if "nerve" in kinds else None
    if name.concept == APART:
        return ("retraction", "") if "retraction" in terms and not others else None
    if name.concept == UNSEEN:
        return _unseen(text, name, place, kinds, bool(others), in_chunk)
    if name.concept.startswith(FLOW):
        if kinds & {"vessel"}:
            return None
        if re.search(r"\b(?:veins?|arter(?:y|ies)|vessels?|aorta)\b", text[in_chunk[0] : in_chunk[1]], re.I):
            return None
        denied = any(s.presence == "absent" and s.start <= name.start < s.end for s in clause.scopes)
        denied = denied or bool(re.search(r"\babsent\s\Z", text[in_chunk[0] : name.start], re.I))
        if "avascular" in name.text.lower():
            return "neovascularity", "absent"
        more = name.concept.endswith("+")
        return ("neovascularity", "absent" if denied else "") if denied or more else None
    return None


def _unseen(
    text: str, name: Named, place: Bound, kinds: set[str], others: bool, chunk: tuple[int, int]
) -> tuple[str, str] | None:
    """A tendon or muscle that cannot be found is torn, probably; anything else was not seen."""
    if others or place.rank > 2 or place.group is None:
        return None
    if name.text.lower() == "empty" and not kinds & {"tendon"}:
        return None
    between = text[place.group.end : name.start] if place.group.end <= name.start else ""
    if len(between) > 40 or HIDDEN.match(text, name.start, chunk[1]):
        return None
    if kinds & {"muscle", "tendon", "ligament"} and not _REASON.search(text, chunk[0], chunk[1] + 60):
        return "complete_tear", "probable"
    return "abnormality", "not_assessed"


def _nerve(place: Bound, terms: Lexicon) -> bool:
    return any(c.kind == "nerve" for i in place.ids if (c := terms.concept(i)) is not None)


def blood(clause: Clause, name: Named, carried: Sequence[str], terms: Lexicon) -> bool:
    """ "A clot bridges its ends", said of a muscle, is blood there; "no clot" is still none in a vein."""
    if name.text.lower() not in ("clot", "clots") or "hematoma" not in terms:
        return False
    said = [i for group in clause.groups for i in group.ids] or carried
    kinds = {c.kind for i in said if (c := terms.concept(i)) is not None}
    doubted = any(s.start <= name.start < s.end for s in clause.scopes)
    return bool(kinds) and kinds <= {"muscle", "tendon"} and not doubted
