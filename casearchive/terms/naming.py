"""What a text names, in the order of the text: concepts of the lexicon and what only a phrase or a sign says.

Beyond the names of the lexicon this finds discontinuous names ("complete rectus femoris tear"), predicates ("the
nerve is enlarged"), abbreviations that only their neighbours explain (TA), and signs: a vein that compresses, a
tendon that is intact or that cannot be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from casearchive.terms.clauses import Sentence
from casearchive.terms.concepts import ABNORMALITY_KINDS, STRUCTURE_KINDS, Concept, Lexicon
from casearchive.terms.norms import norms
from casearchive.terms.triggers import SEEN
from casearchive.terms.words import fold, fold_word

#: Signs that become a finding once it is known of which structure they are (see ``signs.settled``).
INTACT, BROKEN, COMPRESSIBLE, STIFF, UNSEEN, FLOW, TOUCHED, STABLE, DRY, FREE, APART = (
    "?intact", "?broken", "?compressible", "?stiff", "?unseen", "?flow", "?touched", "?stable", "?dry",
    "?free", "?apart",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """``text[start:end]`` names ``concept`` (a concept id, or a sign) of ``kind``; ``at`` is the place that
    decides whether it is denied (the adjective of "not full-width … tear")."""

    start: int
    end: int
    concept: str
    kind: str
    text: str
    at: int

    @property
    def abnormal(self) -> bool:
        return self.kind in ABNORMALITY_KINDS or self.kind == "sign"


def named(text: str, parts: Sequence[Sentence], terms: Lexicon) -> list[Named]:
    """All that ``text`` names, by place."""
    found: list[Named] = []
    for mention in terms.recognise(text):
        concept = terms.concept(mention.concept)
        if concept is None:
            continue
        if concept.kind == "scale" and mention.text.lower().endswith("grade"):
            found += _graded_thing(mention.start, mention.text, terms)
        if (
            concept.kind == "echogenicity"
            and (told := _NORMAL_LOOK.match(mention.text))
            and "normal" in terms
        ):
            end = mention.start + told.end()
            found.append(Named(mention.start, end, "normal", "normality", told[0], mention.start))
        name = Named(mention.start, mention.end, concept.id, concept.kind, mention.text, mention.start)
        found.append(_spoken(text, name, terms))
    found = _thickness(text, found)
    found = [n for n in found if not _only_seems(text, n) and not _broken_thing(text, n, terms)]
    found += _limbs(text, terms)
    found += _abbreviated(text, found, terms)
    found += _elliptic(text, found, terms)
    found += _of_its_kind(text, found, terms)
    found += _signs(text)
    found.sort(key=lambda n: (n.start, -n.end))
    found = _specific(_apart(found))
    made: list[Named] = []
    for part in parts:
        inside = [n for n in found if part.start <= n.start < part.end]
        made += _composed(text, part, _predicates(text, part, inside, terms), terms)
    return sorted(made, key=lambda n: (n.start, n.end))


# ------------------------------------------------------------------------------------------- single words

_AGAIN = re.compile(r"re-?(?:tear|tore?|torn|ruptur)", re.IGNORECASE)
#: "normal" that says nothing of a structure, or the contrary.
_NOT_NORMAL_BEFORE = re.compile(
    r"(?:\b(?:loss|lack|absence|disruption|interruption|effacement) of (?:the |its )?|\bthan |\babove |"
    r"\bbeyond |"
    r"\boutside |\bnot |\bnear[- ]|\bnever |\bto |\bupper limit of |\blost (?:the |its )?|\bno |"
    r"\bno longer )\Z",
    re.IGNORECASE,
)
_NOT_NORMAL_AFTER = re.compile(
    r"[- ](?:gliding|glide|excursion|compressibility|movement|motion|"
    r"variants?|values?|range|saline|activit\w+|training|life|sports?|person|people|subjects?|anatomy|"
    r"(?:(?:fibrillar|fascicular|pennate|honeycomb|echo) )?(?:pattern|texture|echotexture|architecture)s? "
    r"(?:(?:of|in) (?:the |both )?[\w-]+(?: [\w-]+){0,3}? )?(?:(?:is|was|are|were|has|have|had) )?(?:been )?"
    r"(?:lost|disrupted|interrupted|effaced|disturbed|gone|absent|missing))",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"\b(?:than|compared (?:with|to)|comparison with|in comparison to|relative to|unlike|as opposed to|"
    r"contrast to)"
    r"(?: (?:that|those))?(?: (?:on|of|in|at|to))?(?: the)?(?: (?:opposite|other|normal|healthy|"
    r"asymptomatic))*\s\Z",
    re.IGNORECASE,
)


_THE_BACK = re.compile(r"\b(?:the|her|his|their|low|lower|upper|mid|of|and|or|in) \Z", re.IGNORECASE)
_NO_SIDE = re.compile(
    r"\s+(?:diagnos\w+|answer|way|place|angles?|away|now|in what|time|question|moment|treatment|words?|"
    r"untreated|alone|over|"
    r"behind|him|her|school|hospital|out|unnoticed|after all)\b",
    re.IGNORECASE,
)
_LEFT_BEHIND = re.compile(r"\b(?:he|she|they|it|had|have|what) \Z", re.IGNORECASE)
#: "knee flexion" is a movement, and says nothing of the knee.
_MOVED = re.compile(
    r"[\s-]+(?:flexion|extension|rotation|abduction|adduction|extend\w*|flex\w*|bend\w*|straight\w*|"
    r"eversion|inversion|"
    r"dorsiflexion|plantar\s?flexion|lift|raise|brace|injection|surgeon|surgery|replacement)\b",
    re.IGNORECASE,
)


#: "Normal fascicular pattern" says how it looks, and that it is normal.
_NORMAL_LOOK = re.compile(r"normal\b", re.IGNORECASE)


def _graded_thing(start: int, text: str, terms: Lexicon) -> Iterator[Named]:
    """ "sprain grade 2" names a sprain, not only its scale."""
    words = text[: -len("grade")].rstrip()
    concept = terms.resolve(words, ABNORMALITY_KINDS | {"mode"}) if words else None
    if concept is not None:
        yield Named(start, start + len(words), concept.id, concept.kind, words, start)


#: What makes a movement a contraction.
_AGAINST = re.compile(r"\b(?:resisted|isometric)\s+(?:[\w-]+\s+)?\Z", re.IGNORECASE)


def _spoken(text: str, name: Named, terms: Lexicon) -> Named:
    """A re-tear is a tear, whatever else it is; resisted extension is a contraction."""
    if name.kind == "maneuver" and "contraction" in terms:
        before = text[max(0, name.start - 30) : name.start]
        return replace(name, concept="contraction") if _AGAINST.search(before) else name
    if name.kind == "outcome" and _AGAIN.match(name.text) and "tear" in terms:
        return replace(name, concept="tear", kind="abnormality")
    return name


#: Fluid at the tip of a needle was put there.
_INJECTED = re.compile(r"\b(?:inject\w+|infiltrat\w+|hydrodissect\w+|needle)\b[^.\n]*\Z", re.IGNORECASE)


def _only_seems(text: str, name: Named) -> bool:
    if name.kind == "normality":
        ahead = text[max(0, name.start - 30) : name.start]
        if any(
            at == name.start
            for at, _ in norms(text, max(0, name.start - 12), min(len(text), name.start + 90))
        ):
            return True
        return bool(_NOT_NORMAL_BEFORE.search(ahead) or _NOT_NORMAL_AFTER.match(text, name.end))
    before = text[max(0, name.start - 12) : name.start].lower()
    if name.text.lower() == "old" and re.search(r"(?:year|month|week|day)s?[- ]\Z", before):
        return True
    if name.text.lower() == "still":
        return True
    if name.text.lower() in ("fluid", "fluids") and _INJECTED.search(
        text, max(0, name.start - 80), name.start
    ):
        return True
    if name.text.lower() == "tearing" and re.match(
        r"\s+(?:[\w-]+\s+){0,2}(?:pain|ache|sensation|feeling|sound|noise)\b", text[name.end : name.end + 40]
    ):
        return True
    if name.concept == "tear" and re.match(
        r"\s+(?:\w+\s+)?(?:cyst|aneurysm|abscess|ectopic|appendix|bladder)", text[name.end : name.end + 30]
    ):
        return True
    if name.kind == "site" and re.match(r"\s+to\b", text[name.end : name.end + 5]):
        return True
    if name.text.lower() in ("right", "left") and (
        _NO_SIDE.match(text, name.end) or _LEFT_BEHIND.search(text, max(0, name.start - 12), name.start)
    ):
        return True
    if name.concept == "back" and not _THE_BACK.search(text[max(0, name.start - 12) : name.start]):
        return True
    if name.concept == "back" and re.match(r"\s+of\b", text[name.end : name.end + 5]):
        return True
    if name.kind == "region" and _MOVED.match(text, name.end):
        return True
    if name.kind in ("laterality", "laterality_relative") or name.kind in STRUCTURE_KINDS:
        return bool(_COMPARED.search(text[max(0, name.start - 60) : name.start]))
    return False


_OF_A_BONE = re.compile(
    r"\s+(?:and|or|in|at|through|with|on|by|near|off|but|again|ends?|after|when|while)\b|\s*(?:[^\w\s]|\Z)"
)


#: "SSP PT tear": after a structure, before a tear.
_DEPTH = re.compile(r"(?:PT|FT)(?=\s+(?:tears?|defects?)\b)")


def _thickness(text: str, found: Sequence[Named]) -> list[Named]:
    """PT and FT behind a tendon say how deep its tear is; alone, PT is the patellar tendon."""
    made: list[Named] = []
    for name in found:
        depth = _DEPTH.match(text, made[-1].end + 1) if made and made[-1].kind in STRUCTURE_KINDS else None
        if depth is not None and name.kind in STRUCTURE_KINDS and name.start == depth.start():
            continue
        if depth is not None and name.concept == "tear" and text[depth.end() : name.start].isspace():
            concept = "partial_tear" if depth[0] == "PT" else "full_thickness_tear"
            name = replace(
                name,
                concept=concept,
                start=depth.start(),
                at=depth.start(),
                text=text[depth.start() : name.end],
            )
        made.append(name)
    return made


def _broken_thing(text: str, name: Named, terms: Lexicon) -> bool:
    """A broken window, which is no fracture."""
    if name.concept != "fracture" or name.text.lower() != "broken" or _OF_A_BONE.match(text, name.end):
        return False
    after = re.match(r"(?:\s+[\w-]+){1,4}", text[name.end :])
    named_ = terms.recognise(after[0]) if after is not None else ()
    return not any((c := terms.concept(m.concept)) is not None and c.kind in STRUCTURE_KINDS for m in named_)


_ELLIPTIC = re.compile(
    r"\b(?P<first>[A-Za-z]+(?:\s[A-Za-z]+)?)(?P<more>(?:,\s*[A-Za-z]+(?:\s[A-Za-z]+)?){0,4}),?\s+(?:and|or|"
    r"nor)\s+(?:the\s+)?"
    r"(?P<last>[A-Za-z]+(?:\s[A-Za-z]+)?)\s(?P<noun>(?:vein|nerve|tendon|muscle|ligament|joint)s?|arter(?:y|ies)|"
    r"bursae?|menisc(?:us|i)|malleol(?:us|i)|(?:epi)?condyles?)\b",
    re.IGNORECASE,
)
_ONE = {
    "arteries": "artery", "bursae": "bursa", "meniscus": "meniscus", "menisci": "meniscus",
    "malleolus": "malleolus", "malleoli": "malleolus",
}  # fmt: skip


_SPECIES = re.compile(r"\s+(?:and|or|nor)\s+(?:the\s+)?([a-z]+)\b", re.IGNORECASE)


def _elliptic(text: str, found: Sequence[Named], terms: Lexicon) -> Iterator[Named]:
    """ "popliteal and femoral veins", "peroneus longus and brevis": a word belongs to each of them."""
    spans = [(n.start, n.end) for n in found if n.kind in STRUCTURE_KINDS]
    for name in found:
        genus, _, species = name.text.partition(" ")
        match = _SPECIES.match(text, name.end) if name.kind in STRUCTURE_KINDS and species else None
        concept = terms.resolve(f"{genus} {match[1]}", STRUCTURE_KINDS) if match else None
        if match and concept is not None and not any(s <= match.start(1) < e for s, e in spans):
            yield Named(match.start(1), match.end(1), concept.id, concept.kind, match[1], match.start(1))
    for match in _ELLIPTIC.finditer(text):
        noun = match["noun"].lower()
        noun = _ONE.get(noun, noun.removesuffix("s"))
        for word in re.finditer(r"[A-Za-z]+(?:\s[A-Za-z]+)?", text[match.start() : match.end("more")]):
            for offset in (0, word[0].find(" ") + 1):
                concept = terms.resolve(f"{word[0][offset:]} {noun}", STRUCTURE_KINDS)
                start = match.start() + word.start() + offset
                if concept is not None and not any(s <= start < e for s, e in spans):
                    end = match.start() + word.end()
                    yield Named(start, end, concept.id, concept.kind, text[start:end], start)
                    break


_KIN = (
    ("nerve", r"neur(?:opath|it|om)\w*|palsy|entrapment|compression"),
    ("tendon", r"tend[io]n\w+|tenosynovitis|enthes\w+"),
    ("bursa", r"bursitis"), ("vein", r"thromb\w+"), ("artery", r"(?:stenosis|occlusion|aneurysm)"),
    ("ligament", r"sprain|rupture|tear"), ("tendon", r"rupture|tear"),
)  # fmt: skip
_KIN_WORDS = tuple((noun, re.compile(pattern, re.IGNORECASE)) for noun, pattern in _KIN)
_LAST_WORDS = re.compile(r"([A-Za-z]+)[\s-]+\Z")


def _of_its_kind(text: str, found: Sequence[Named], terms: Lexicon) -> Iterator[Named]:
    """ "common fibular neuropathy", "patellar tendinopathy": the noun of the structure is left unsaid."""
    spans = [(n.start, n.end) for n in found if n.kind in STRUCTURE_KINDS]
    for name in found:
        if name.kind not in ABNORMALITY_KINDS or text[name.start - 1 : name.start] not in (" ", "-"):
            continue
        nouns = [noun for noun, pattern in _KIN_WORDS if pattern.match(name.text)]
        starts = _words_before(text, name.start) if nouns else []
        ways = [(noun, start) for noun in nouns for start in starts]
        for noun, start in ways:
            if any(s <= start < e for s, e in spans):
                continue
            phrase = text[start : name.start - 1]
            concept = terms.resolve(f"{phrase} {noun}", STRUCTURE_KINDS)
            if concept is not None and concept.id != noun:
                yield Named(start, name.start - 1, concept.id, concept.kind, phrase, start)
                break


def _words_before(text: str, end: int) -> list[int]:
    """Where the last three, two and one words before ``end`` begin, the longest first."""
    starts: list[int] = []
    at = end
    while len(starts) < 3:
        match = _LAST_WORDS.search(text, max(0, at - 24), at)
        if match is None:
            break
        at = match.start()
        starts.insert(0, at)
    return starts


#: "RLE", "LUE": a side and a limb in one.
_LIMB = re.compile(r"\b([RL])([LU]E)\b")
_SIDE_OF = {"R": "right", "L": "left"}


def _limbs(text: str, terms: Lexicon) -> Iterator[Named]:
    for match in _LIMB.finditer(text):
        limb = terms.resolve(match[2], {"region"})
        if limb is not None:
            yield Named(
                match.start(), match.end(1), _SIDE_OF[match[1]], "laterality", match[1], match.start()
            )
            yield Named(match.start(2), match.end(), limb.id, limb.kind, match[2], match.start(2))


_SHORT = re.compile(r"\b[A-Z]{2,4}\b")


def _abbreviated(text: str, found: Sequence[Named], terms: Lexicon) -> Iterator[Named]:
    """TA, PT, PTT: by what stands beside them, then by the anatomy the text speaks of."""
    taken = {n.start for n in found}
    for match in _SHORT.finditer(text):
        if match.start() in taken:
            continue
        senses = [c for i in terms.senses(match[0]) if (c := terms.concept(i)) is not None]
        near = [c for c in senses if c.kind in STRUCTURE_KINDS | ABNORMALITY_KINDS]
        if (
            len(senses) < 2
            or not near
            or any(fold(match[0]) == fold(s) for c in senses for s in c.short_names)
        ):
            continue
        ends = match.end()
        beside = [n for n in found if 0 <= n.start - ends <= 12 or 0 <= match.start() - n.end <= 12]
        if any(n.kind in ABNORMALITY_KINDS for n in beside):
            near = [c for c in near if c.kind in STRUCTURE_KINDS] or near
        elif any(n.kind in STRUCTURE_KINDS for n in beside):
            near = [c for c in near if c.kind in ABNORMALITY_KINDS] or near
        if len(near) > 1:
            near = _of_this_place([c.id for c in near], found, terms) or near
        if len(near) == 1:
            yield Named(match.start(), ends, near[0].id, near[0].kind, match[0], match.start())


def _of_this_place(ids: Sequence[str], found: Sequence[Named], terms: Lexicon) -> list[Concept]:
    around: set[str] = set()
    for name in found:
        if name.kind in STRUCTURE_KINDS:
            around |= _whereabouts(name.concept, terms)
    scores = {i: len(_whereabouts(i, terms) & around) for i in ids}
    best = max(scores.values())
    chosen = [c for i, score in scores.items() if score == best and (c := terms.concept(i)) is not None]
    return chosen if len(chosen) == 1 else []


def _whereabouts(concept_id: str, terms: Lexicon) -> set[str]:
    places: set[str] = set()
    for above in terms.broader(concept_id):
        concept = terms.concept(above)
        if concept is not None:
            places |= {above, *concept.region, *concept.part_of}
    return places


# ------------------------------------------------------------------------------------------------- signs

_BE = r"(?:(?:is|are|was|were|be|been|remains?|appears?|looks?)\s+)?"
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (sign, re.compile(pattern, re.IGNORECASE))
    for sign, pattern in (
        (BROKEN, r"\b(?:not|no longer)\s+(?:intact|continuous|in continuity)\b|\bdiscontinuous\b|"
                 r"\bloss of continuity\b"),
        (INTACT, r"\b(?:intact|uninterrupted|unbroken|unhurt|uninjured|untorn)\b|"
                 r"\b(?:is|are|remains?|was|were)\s+(?:\w+\s+)?"
                 r"(?:preserved|whole|attached)\b|\bstill\s+(?:attached|holds?)\b|\bholds?(?=\s*(?:$|"
                 r"[.,;]))|\bwhole(?=\s*(?:$|[.,;]))|\bin\s+(?:full\s+)?continuity\b(?!\s+with)|\bcontinuous\b(?!-)|"
                 r"\bcontinuity\s+(?:is|was)\s+(?:preserved|maintained)\b|\bpreserved\s+continuity\b"),
        (STIFF, r"\b(?:non-?\s?|in)compressib(?:le|ility)\b|\b(?:not|only\s+partially|partially|incompletely)\s+"
                r"(?:(?:fully|completely|entirely)\s+)?compressible\b|\b(?:does|do|did|could|"
                r"can)\s?not\s+(?:be\s+)?"
                r"(?:(?:fully|completely|entirely)\s+)?compress(?:ed)?\b(?!\s+(?:the|an?|any|this|his|her|"
                r"its)\b)|\bfail(?:s|ed)?\s+to\s+compress\b|"
                r"\b(?:loss\s+of|lack\s+of|no|without|absent)\s+compressibility\b"),
        (STABLE, r"\bstable\b|\bin\s+(?:its|their|the)\s+(?:groove|bed|normal\s+place|place)\b|"
                 r"\bin\s+place(?=\s*(?:$|[.,;]))|"
                 r"\bstays?\s+in\s+(?:its|the|place)\b"),
        (DRY, r"\b(?:is|are|was|were)\s+dry\b"),
        (FREE, r"\b(?:glid|mov|slid)(?:es?|ing|ed)\s+(?:freely|well|normally|smoothly)\b|\b(?:free|normal|smooth)\s+"
               r"(?:gliding|excursion|glide)\b"),
        (APART, r"\b(?:ends?|stumps?)\s+(?:\w+\s+){0,2}?"
                r"(?P<verb>part|parts|separate[sd]?|apart|gape|retract\w*|recoil\w*)\b"),
        (COMPRESSIBLE, r"\bcollapses?\s+(?:under|on|with|completely|fully)\b|\b(?:is|are|remains?)\s+(?:patent|open)\b|"
                       r"\bpatent\b|\bveins?\s+open\b|\b(?:(?:fully|completely|easily|normally|entirely|"
                       r"freely|readily|well)\s+)?compressible\b|"
                       r"\bcompress(?:es|ed)?\s+(?:fully|completely|normally|well|easily|entirely)\b|"
                       r"\b(?:normal|full|complete|preserved)\s+compressibility\b|\bcompressibility\s+(?:is|"
                       r"was)\s+normal\b"),
        (UNSEEN, rf"\b{_BE}(?:not|no\s+longer)\s+(?:be\s+|clearly\s+|reliably\s+)?{SEEN}\b|"
                 r"\b(?:could|can)\s?not\s+be\s+"
                 rf"(?:clearly\s+)?{SEEN}\b|\bnon-?visuali[sz]ation\b|\b(?:is|was|are|were)\s+absent\b|"
                 rf"\bempty\b"),
        (FLOW, r"\b(?:(?P<more>increased|marked|intense|rich|florid|raised|prominent|abundant|brisk|"
               r"internal|intratendinous|"
               r"intralesional)\s+)?(?:(?:internal|intralesional|intratendinous|peripheral|abnormal|power|"
               r"colou?r)\s+){0,2}"
               r"(?:doppler\s+)?(?:flow|signals?|vascularity|activity)\b(?P<inside>\s+(?:inside|within|"
               r"in)\b)?|\b(?P<less>avascular)\b"),
        (TOUCHED, r"\bnot\s+(?:of|in|at|from)(?=\s+the\b)|\b(?:compress(?:es|ing|ion)?|entrap(?:s|ping)|"
                  r"imping(?:es|ing|ement)(?:\s+(?:on|upon))?|tether(?:s|ing)|"
                  r"encas(?:es|ing)|involv(?:e|es|ing|ement)|affect(?:s|ing)?|reach(?:es|ing)?|extend(?:s|"
                  r"ing)?\s+(?:in)?to)\b"),
    )
)  # fmt: skip
_FINE = re.compile(
    r"\b(?:looks?|appears?|is|are)\s+fine\b|\bregular\b(?=\s*(?:$|[.,;]))|"
    r"\b(?:ok|okay|unaffected|uninvolved|spared|healthy)\b(?!\s+(?:side|control|volunteer|person))",
    re.IGNORECASE,
)


def _signs(text: str) -> Iterator[Named]:
    for sign, pattern in _SIGNS:
        for match in pattern.finditer(text):
            kind = "sign" if sign != TOUCHED else "touch"
            more = sign == FLOW and (match["more"] or match["inside"])
            concept = f"{sign}+" if more else sign
            at = match.start("verb") if sign == APART else match.start()  # "the ends do not part"
            yield Named(match.start(), match.end(), concept, kind, match[0], at)
    for match in _FINE.finditer(text):
        yield Named(match.start(), match.end(), "normal", "normality", match[0], match.start())


def _apart(found: Sequence[Named]) -> list[Named]:
    """Of overlapping names the one that begins first, then the longer; a sign gives way to a name."""
    kept: list[Named] = []
    names = [n for n in found if n.kind not in ("sign", "touch")]
    spans = [(n.start, n.end) for n in names if n.kind in ABNORMALITY_KINDS | STRUCTURE_KINDS]
    for name in found:
        if name.kind in ("sign", "touch"):
            lasting = name.concept in (STIFF, COMPRESSIBLE) or name.text.lower() == "avascular"
            if not lasting and any(s < name.end and name.start < e for s, e in spans):
                continue
            if any(k.kind == "sign" and k.start < name.end and name.start < k.end for k in kept):
                continue
        kept.append(name)
    return kept


def _specific(found: Sequence[Named]) -> list[Named]:
    """ "the tendon" is the tendon spoken of before; "distal biceps tendon" names one structure, not two."""
    last: dict[str, Named] = {}
    kept: list[Named] = []
    for name in found:
        if name.kind in STRUCTURE_KINDS and name.concept in _GENERIC and not name.text.lower().endswith("s"):
            before = next((k for k in reversed(kept) if k.kind in STRUCTURE_KINDS), None)
            if before is not None and name.start - before.end <= 1:
                continue
            known = last.get(name.concept)
            if known is not None:
                name = replace(name, concept=known.concept, kind=known.kind)
        elif name.kind in STRUCTURE_KINDS:
            last[name.kind] = name
        kept.append(name)
    return kept


# --------------------------------------------------------------------------------------------- predicates

_GENERIC = frozenset((
    "muscle", "tendon", "nerve", "disc", "vessel", "vein", "artery", "ligament", "bursa", "joint", "vertebra",
    "bone", "fascia", "kidney", "liver", "gallbladder",
))  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")


#: Words of a predicate that the lexicon names otherwise, by the kind of structure; "" is any kind.
_MORE_ADJECTIVES = {
    "avulsed": {"": "avulsion"}, "disrupted": {"": "tear"}, "contused": {"": "contusion"}, "bruised": {"": "contusion"},
    "denervated": {"muscle": "denervation"},
    "hyperemic": {"": "neovascularity"}, "hypervascular": {"": "neovascularity"},
    "vascularized": {"": "neovascularity"}, "bulky": {"muscle": "hypertrophy"}, "calcified": {"": "calcification"},
    "edematous": {"": "edema"}, "scarred": {"": "scar"},
    "inflamed": {"": "inflammation"}, "fractured": {"": "fracture"},
    "eroded": {"": "erosion"}, "erosion": {"": "erosion"}, "lacerated": {"": "tear"}, "severed": {"": "complete_tear"},
    "transected": {"": "complete_tear"}, "detached": {"tendon": "avulsion",
    "muscle": "tear"}, "burst": {"muscle": "tear"},
    "snapped": {"tendon": "complete_tear", "muscle": "tear",
    "ligament": "tear"}, "stenosed": {"vessel": "stenosis"},
    "narrowed": {"vessel": "stenosis"}, "occluded": {"vein": "dvt"}, "herniated": {"muscle": "muscle_hernia"},
    **{
        word: {"nerve": "nerve_subluxation", "tendon": "tendon_subluxation", "muscle": "tendon_subluxation"}
        for stem in ("dislocat", "sublux", "subluxat") for word in (stem + e for e in ("", "e", "ed", "ing",
        "ion"))
    },

    "swollen": {"nerve": "nerve_enlargement"}, "thickened": {"nerve": "nerve_enlargement",
    "muscle": "hypertrophy"},
    "enlarged": {"nerve": "nerve_enlargement"}, "flattened": {"nerve": "nerve_entrapment"},
    "thick": {"nerve": "nerve_enlargement"}, "wasted": {"muscle": "atrophy"}, "tethered": {"nerve": "nerve_tethering"},
    "trapped": {"nerve": "nerve_entrapment"}, "constricted": {"nerve": "nerve_entrapment"},
    "thrombosed": {"vessel": "thrombosis", "vein": "thrombosis"}, "split": {"tendon": "tear"},
}  # fmt: skip


@lru_cache(maxsize=4)
def _adjectives(terms: Lexicon) -> dict[str, dict[str, str]]:
    """ "enlarged nerve" is a name in the lexicon: so "the median nerve is enlarged" says the same of it."""
    made = {
        word: {kind: i for kind, i in kinds.items() if i in terms} for word, kinds in _MORE_ADJECTIVES.items()
    }
    made = {word: kinds for word, kinds in made.items() if kinds}
    for concept_id in terms.ids(ABNORMALITY_KINDS):
        concept = terms.concept(concept_id)
        for name in (concept.preferred, *concept.names) if concept else ():
            words = fold(name).split()
            if len(words) == 2 and words[1] in _GENERIC and words[0] not in _GENERIC and len(words[0]) > 4:
                made.setdefault(words[0], {}).setdefault(words[1], concept_id)
    return made


@lru_cache(maxsize=4096)
def specialised(text: str, abnormality: str, structure: str, terms: Lexicon) -> str:
    """What a plain word for an abnormality is called in this structure: an enlarged nerve has a nerve enlargement,
    a nodule in the thyroid is a thyroid nodule."""
    place = terms.concept(structure)
    word = fold(text)
    if place is None or not word or " " in word:
        return abnormality
    meant = _adjectives(terms).get(word, {}).get(place.kind, "")
    if meant:
        return meant
    for above in (structure, *place.part_of, *place.is_a):
        concept = terms.concept(above)
        for name in (concept.preferred, *concept.names) if concept else ():
            made = terms.resolve(f"{name} {word}", ABNORMALITY_KINDS)
            if made is not None and made.id != abnormality:
                return made.id
    return abnormality


def _predicates(text: str, part: Sentence, inside: list[Named], terms: Lexicon) -> list[Named]:
    made = list(inside)
    adjectives = _adjectives(terms)
    structures = [n for n in inside if n.kind in STRUCTURE_KINDS]
    taken = [(n.start, n.end) for n in inside if n.kind in ABNORMALITY_KINDS]
    for match in _WORD.finditer(text, part.start, part.end):
        kinds = adjectives.get(fold_word(match[0]))
        if not kinds or any(s < match.end() and match.start() < e for s, e in taken):
            continue
        before = [n for n in structures if n.end <= match.start()]
        after = [n for n in structures if 0 <= n.start - match.end() <= 25]
        meant = kinds.get("", "")
        for name in (*reversed(before), *after[:1]):
            known = kinds.get(name.kind) or next(
                (kinds[w] for w in fold(name.text).split() if w in kinds), ""
            )
            if known:
                meant = known
                break
        if meant:
            made.append(Named(match.start(), match.end(), meant, "abnormality", match[0], match.start()))
    return sorted(made, key=lambda n: (n.start, n.end))


# ------------------------------------------------------------------------------------- discontinuous names

_ADVERBS = {"completely": "complete", "fully": "complete", "totally": "complete", "partially": "partial",
            "partly": "partial", "incompletely": "partial"}  # fmt: skip
#: Said of tears only, so that they need no noun ("full-thickness but not full-width").
_WIDTHS = {
    "full thickness": "full_thickness_tear",
    "full width": "complete_tear",
    "partial thickness": "partial_tear",
}
_BETWEEN = frozenset((
    "of", "the", "a", "an", "but", "not", "and", "or", "rather", "than", "muscle", "tendon", "head", "belly",
    "in", "at", "to", "small", "large", "minor", "focal", "acute", "chronic", "old", "recent", "new", "fresh",
    "traumatic", "distal", "proximal", "mid", "left", "right", "medial", "lateral", "long", "short",
))  # fmt: skip
_POST = re.compile(
    r"\s*[,(:]\s*|\s+(?:which\s+)?(?:is|was|appears|looks)\s+(?:now\s+|clearly\s+)?|\s+", re.IGNORECASE
)
_NAME_WORDS = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


_NOT = re.compile(r"\b(?:not|never)\s+\Z", re.IGNORECASE)


@lru_cache(maxsize=4)
def _modifiers(terms: Lexicon) -> dict[str, dict[str, str]]:
    """By abnormality: the words that make a narrower one of it ("complete" of "complete tear")."""
    made: dict[str, dict[str, str]] = {}
    heads: dict[str, str] = {}
    names: dict[str, list[str]] = {}
    for concept_id in terms.ids(ABNORMALITY_KINDS):
        concept = terms.concept(concept_id)
        if concept is not None:
            names[concept_id] = [fold(n) for n in (concept.preferred, *concept.names)]
            for name in names[concept_id]:
                heads.setdefault(name, concept_id)
    for concept_id, forms in names.items():
        for form in forms:
            words = form.split()
            for cut in range(1, len(words)):
                head = heads.get(" ".join(words[cut:]))
                if head and head != concept_id and concept_id in terms.narrower(head):
                    made.setdefault(head, {}).setdefault(" ".join(words[:cut]), concept_id)
    if "complete_tear" in terms and "tear" in made:
        made["tear"].setdefault("full width", "complete_tear")
    return made


def _composed(text: str, part: Sentence, inside: list[Named], terms: Lexicon) -> list[Named]:
    """Adjectives and nouns of one name that other words stand between."""
    table = _modifiers(terms)
    made: list[Named] = []
    bare = list(_bare_widths(text, part, inside, terms))
    for name in inside:
        words = table.get(name.concept) if name.kind == "abnormality" else None
        above = terms.concept(name.concept) if name.kind == "abnormality" and not words else None
        wider = [table[i] for i in sorted(terms.broader(above.id)) if i in table] if above else []
        siblings = {word: child for words_of in wider for word, child in words_of.items()}
        if siblings:
            floor = max([part.start, *(n.end for n in inside if n.abnormal and n.end <= name.start)])
            for start, concept in _before(text, floor, name, siblings, inside):
                if re.search(r"\b(?:but|not|rather than|or)\b", text[start : name.start]):
                    made.append(Named(start, name.end, concept, name.kind, text[start : name.end], start))
        if not words:
            made.append(name)
            continue
        floor = max([part.start, *(n.end for n in inside if n.abnormal and n.end <= name.start)])
        before = list(_before(text, floor, name, words, inside))
        if before:
            denied = _NOT.search(text, max(0, name.start - 8), name.start)  # "ligament not torn"
            for start, concept in before:
                at = name.at if denied else start
                made.append(Named(start, name.end, concept, name.kind, text[start : name.end], at))
            bare = [b for b in bare if b.start < before[0][0] or b.start > name.end]
            continue
        after = _after(text, name, words, part.end)
        made.append(replace(name, concept=after) if after else name)
    return made + [b for b in bare if not any(m.start <= b.start < m.end and m.abnormal for m in made)]


def _before(
    text: str, floor: int, name: Named, words: dict[str, str], inside: Sequence[Named]
) -> Iterator[tuple[int, str]]:
    """(place, narrower abnormality) for every adjective that leads up to the noun."""
    tokens = [(m.start(), m.end(), fold(m[0])) for m in _NAME_WORDS.finditer(text, floor, name.start)]
    covered = [
        n
        for n in inside
        if n.kind in STRUCTURE_KINDS or n.kind in ("site", "laterality", "severity", "temporality")
    ]
    found: list[tuple[int, str]] = []
    at = len(tokens) - 1
    last = name.start
    steps = 0
    while at >= 0 and steps < 14:
        start, end, word = tokens[at]
        gap = text[end:last]
        if re.search(r"[.;:(]", gap) or ("," in gap and not found):
            break
        two = f"{tokens[at - 1][2]} {word}" if at else ""
        if two in words:
            found.append((tokens[at - 1][0], words[two]))
            at -= 2
        elif word in words or _ADVERBS.get(word) in words:
            found.append((start, words.get(word) or words[_ADVERBS[word]]))
            at -= 1
        elif any(n.start <= start < n.end for n in covered) or all(w in _BETWEEN for w in word.split()):
            at -= 1
        else:
            break
        last = start
        steps += 1
    return iter(found[::-1])


def _after(text: str, name: Named, words: dict[str, str], end: int) -> str:
    """ "torn completely", "tear, complete", "the tear is partial"."""
    gap = _POST.match(text, name.end, end)
    if gap is None:
        return ""
    match = _NAME_WORDS.match(text, gap.end(), end)
    if match is None:
        return ""
    word = fold(match[0])
    follows = text[match.end() : match.end() + 14].lower()
    if re.match(r"[\s-]+(?:absence|tear|ruptur|disrupt|healing|recover|resolution|atroph)", follows):
        return ""
    return words.get(word) or words.get(_ADVERBS.get(word, ""), "")


def _bare_widths(text: str, part: Sentence, inside: Iterable[Named], terms: Lexicon) -> Iterator[Named]:
    for match in re.finditer(
        r"\b(?:full|partial)[- ](?:thickness|width)\b", text[part.start : part.end], re.IGNORECASE
    ):
        concept = _WIDTHS.get(fold(match[0]), "")
        start, end = part.start + match.start(), part.start + match.end()
        if concept in terms and not any(n.start <= start < n.end and n.abnormal for n in inside):
            yield Named(start, end, concept, "abnormality", match[0], start)
