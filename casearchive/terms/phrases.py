"""A few words of somebody's own, written where a name was asked for: the one concept that they hold.

"The second metatarsal" is a metatarsal; "deep vein thrombosis excluded" is none, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from casearchive.frozen import dataclass
from casearchive.terms.concepts import Concept, Lexicon
from casearchive.terms.context import scopes

#: What no scope of a sentence tells: alternatives, and denials that are part of the word.
_OPEN = re.compile(r"\b(?:or|versus|vs)\b", re.IGNORECASE)
_NON = re.compile(r"\bnon-?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Held:
    """The concept, and the sides (``left``, ``right``, ``bilateral``, ``midline``) that are said with it."""

    concept: Concept
    sides: tuple[str, ...] = ()


def held(text: str, kinds: Collection[str], vocabulary: Lexicon) -> Held | None:
    """What ``text`` names, or else the only concept of these kinds that it holds.

    None where it holds none, or names that lie apart, and where the words deny, doubt or leave open what they name.
    """
    whole = vocabulary.resolve(text, kinds) if "?" not in text else None
    if whole is not None:
        return Held(whole)
    text = text.replace("_", " ")
    if scopes(text, vocabulary) or _OPEN.search(text):
        return None
    mentions = vocabulary.recognise(text)
    if any(_NON.search(text, 0, m.start) for m in mentions):
        return None
    every = [c for m in mentions if (c := vocabulary.concept(m.concept)) is not None]
    if any(c.kind == "certainty" for c in every):
        return None
    sides = tuple(dict.fromkeys(c.id for c in every if c.kind == "laterality"))
    concept = _only({c.id: c for c in every if c.kind in kinds}, vocabulary)
    return Held(concept, sides) if concept is not None else None


def _only(named: dict[str, Concept], vocabulary: Lexicon) -> Concept | None:
    things = [c for c in named.values() if c.kind not in ("region", "site") and c.id != c.kind]
    things = things or [c for c in named.values() if c.kind != "region"]
    if len(things) != 1:
        return next(iter(named.values())) if len(named) == 1 else None
    places = [c.id for c in named.values() if c.kind == "region"]
    around = {
        region
        for above in vocabulary.broader(things[0].id)
        if (concept := vocabulary.concept(above)) is not None
        for region in concept.region
    }
    around |= {above for region in around for above in vocabulary.broader(region)}
    apart = around and not all(
        place in around or around & vocabulary.broader(place) or around & vocabulary.narrower(place)
        for place in places
    )
    return None if apart else things[0]
