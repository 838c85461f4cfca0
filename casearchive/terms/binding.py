"""Which structure and which side a finding of a sentence belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from casearchive.terms.concepts import STRUCTURE_KINDS, Lexicon
from casearchive.terms.naming import Named

#: Abnormalities that live in some kinds of structure only, by the concept above them.
_HABITAT: dict[str, frozenset[str]] = {
    **dict.fromkeys(("nerve_entrapment", "neuropathy", "nerve_enlargement", "nerve_tethering", "nerve_subluxation",
                     "intraneural_ganglion"), frozenset({"nerve"})),
    "sciatica": frozenset({"nerve"}),
    **dict.fromkeys(("dvt", "thrombosis"), frozenset({"vessel", "region"})),
    "disc_herniation": frozenset({"disc", "region"}),
    "spinal_stenosis": frozenset({"region", "bone", "disc"}),
    "spondylolisthesis": frozenset({"region", "bone", "disc"}),
    "bursitis": frozenset({"bursa", "region", "joint"}),
    "effusion": frozenset({"joint", "region", "bursa"}),
    **dict.fromkeys(("erosion", "fracture"), frozenset({"bone", "joint", "region"})),
    **dict.fromkeys(("tendinopathy", "tendinosis", "tendinitis", "calcific_tendinopathy", "tendon_subluxation",
                     "tenosynovitis", "enthesopathy"), frozenset({"tendon", "muscle", "fascia", "ligament",
                     "region"})),
    **dict.fromkeys(("sprain", "ligament_rupture"), frozenset({"ligament", "joint", "region"})),
    **dict.fromkeys(("strain", "muscle_hernia", "myositis_ossificans", "doms", "denervation", "hypertrophy"),
                    frozenset({"muscle", "region"})),
}  # fmt: skip
#: Kinds in which these are not found.
_NOT_IN: dict[str, frozenset[str]] = {
    "hematoma": frozenset({"bone", "nerve"}),
    "stenosis": frozenset({"muscle", "tendon", "ligament", "nerve", "bursa", "fascia"}),
    "plaque": frozenset({"organ", "muscle", "nerve", "bone", "joint"}),
    "tear": frozenset({"nerve", "vessel", "bursa", "bone"}),
    "retraction": frozenset({"nerve", "vessel", "bursa", "bone", "joint"}),
    "muscle_defect": frozenset({"nerve", "vessel", "bursa", "bone"}),
}
#: Kinds that the lists above speak of; an organ may hold anything.
_LIMBS = frozenset(
    {"region", "muscle", "tendon", "ligament", "nerve", "bursa", "joint", "bone", "fascia", "disc", "vessel"}
)
#: The structure that a name holds without saying so, where the lexicon does not tell.
_IMPLIED = {
    "fasciitis": "plantar_fascia", "disc_herniation": "intervertebral_disc",
    "popliteal_cyst": "popliteal_bursa",
    "spinal_stenosis": "spinal_canal", "morton_neuroma": "interdigital_nerve",
}  # fmt: skip

_LANDMARK = re.compile(
    r"\b(?:superficial to|deep to|adjacent to|next to|close to|beside|beneath|under(?:neath)?|"
    r"over(?:lying)?|above|below|"
    r"between|around|near|behind|anterior to|posterior to|medial to|lateral to|proximal to|distal to|"
    r"(?:from|at) the level of|alongside|towards?|against|by an? |like)(?:\s+(?:the|its|a|"
    r"an))?(?:\s+\w+)?\s*\Z",
    re.IGNORECASE,
)
_OF = re.compile(
    r"[\s,(]*(?:(?:is|was|are|were|seen|present|noted|found|shown|visible|located|lies|lying|opens?|"
    r"tracking|extending|confined|"
    r"lesion|injury|changes?|pattern|signs?|severe|mild|moderate|large|small|also|again|itself|surface|deep|"
    r"superficial|"
    r"focal|diffuse|somewhere|high|low|up)\s+){0,3}"
    r"(?:of|in|at|within|inside|involving|affecting|along|on|from|throughout|to|into|across|through|"
    r"tearing)\s+\Z",
    re.IGNORECASE,
)
#: "normal peripheral sciatic nerve": one or two words of description stand between.
_LED = re.compile(
    r"\s(?!(?:and|or|with|but|is|was|by|to|from|than|over|after|before|for|nor|as|also|are|"
    r"were)\b)[a-z-]+(?:\s[a-z-]{4,})?\s",
    re.IGNORECASE,
)
_SMALL = frozenset((
    "the", "a", "an", "of", "his", "her", "its", "both", "this", "that", "at", "in", "is", "was", "are", "were",
    "shows", "showed", "show", "with", "has", "have", "had", "demonstrates", "contains", "appears", "looks",
    "remains", "small", "large", "minor", "tendon", "muscle", "nerve", "origin", "insertion", "fibres",
    "fibers", "also", "again", "now", "clearly", "completely", "partially", "markedly", "mildly", "moderately",
    "severely", "slightly", "diffusely", "focally", "there", "and", "new", "old", "possible", "probable",
    "likely", "evidence", "no", "without", "reveals", "revealed", "confirmed", "confirms", "suspected", "be",
    "been", "low", "high", "grade", "interstitial", "intrasubstance", "focal", "diffuse",
))  # fmt: skip
_COPULA = re.compile(
    r"\b(?:is|was|are|were|shows?|showed|with|has|have|had|demonstrates?|contains?|appears?|looks?|remains?|"
    r"reveals?)\b",
    re.I,
)
_JOINS = re.compile(
    r"[\s,/&()]*(?:(?:and|or|nor|as well as|the|both|also|to|plus|tendons?|muscles?|nerves?|"
    r"ligaments?)\b[\s,/&()]*)*\Z",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\s+(?:of|in|at)\s+(?:(?:the|both|his|her|left|right)\s+){0,3}", re.IGNORECASE)
_JOIN_WORD = re.compile(r"\b(?:and|or|nor|as well as|plus|to)\b|[&/]", re.IGNORECASE)
_VERB = re.compile(
    r"\s*(?:(?:are|is|were|was|appears?|looks?)\b|normal|intact|ok\b|unremarkable|torn|ruptured)",
    re.IGNORECASE,
)
_HEADS = re.compile(
    r"\b(medial|lateral|long|short|direct|indirect|straight|reflected|deep|superficial)\s+head\b", re.I
)


@dataclass(frozen=True, slots=True)
class Group:
    """Structures that are named in one breath ("supraspinatus and infraspinatus")."""

    names: tuple[Named, ...]
    start: int
    end: int
    landmark: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.concept for name in self.names))


@dataclass(frozen=True, slots=True)
class Bound:
    """What a finding is bound to: structures (perhaps none) and how sure that is, 0 being the surest."""

    ids: tuple[str, ...] = ()
    rank: int = 9
    group: Group | None = None


def groups(text: str, inside: Sequence[Named]) -> list[Group]:
    """The structures of a sentence, those of one list together."""
    found: list[list[Named]] = []
    between = [n for n in inside if n.kind in ("site", "laterality", "plane", "severity")]
    for name in inside:
        if name.kind not in STRUCTURE_KINDS:
            continue
        if found and _listed(text, found[-1][-1], name, between):
            found[-1].append(name)
        else:
            found.append([name])
    made: list[Group] = []
    for names in found:
        for part in _parted(text, names, inside):
            ahead = text[max(0, part[0].start - 40) : part[0].start]
            made.append(Group(tuple(part), part[0].start, part[-1].end, bool(_LANDMARK.search(ahead))))
    return made


def _listed(text: str, a: Named, b: Named, between: Sequence[Named]) -> bool:
    gap = text[a.end : b.start]
    for name in between:
        if a.end <= name.start and name.end <= b.start:
            gap = gap.replace(name.text, " ", 1)
    return bool(_JOINS.match(gap)) and ("," in gap or bool(_JOIN_WORD.search(gap)))


def _parted(text: str, names: list[Named], inside: Sequence[Named]) -> list[list[Named]]:
    """A list of structures needs its "and"; after bare commas each structure speaks for itself."""
    if len(names) == 1:
        return [names]
    gaps = [text[a.end : b.start] for a, b in pairwise(names)]
    joined = [bool(_JOIN_WORD.search(gap)) for gap in gaps]
    follows = _VERB.match(text, names[-1].end)
    led = any(
        n.abnormal and _OF.match(text[n.end : names[0].start]) for n in inside if n.end <= names[0].start
    )
    own = any(n.abnormal and text[names[-1].end : n.start] == " " for n in inside)
    if own and any(n.abnormal and _WHERE.fullmatch(text[n.end : names[0].start]) for n in inside):
        # "bursitis of both shoulders and hip effusion": the last one has a finding of its own
        return [*_parted(text, names[:-1], inside), [names[-1]]]
    if any(joined) and not (follows and led and not joined[0]):
        return [names]
    parts = [[names[0]]]
    for gap_joined, name in zip(joined, names[1:], strict=True):
        if gap_joined:
            parts[-1].append(name)
        else:
            parts.append([name])
    return parts


def fits(abnormality: str, structure: str, terms: Lexicon) -> bool:
    """Whether this abnormality is found in this kind of structure; unknown things fit everywhere."""
    concept = terms.concept(structure)
    if concept is None:
        return True
    for above in sorted(terms.broader(abnormality)) or (abnormality,):
        if above in _HABITAT and concept.kind in _LIMBS:
            return concept.kind in _HABITAT[above]
        if concept.kind in _NOT_IN.get(above, ()):
            return False
    return True


def implied(abnormality: str, terms: Lexicon) -> tuple[str, str]:
    """(structure, site) that the name of the abnormality brings along: tennis leg is at the calf."""
    concept = terms.concept(abnormality)
    for structure, _, site in concept.defined_as if concept else ():
        if structure in terms:
            return structure, site
    structure = _IMPLIED.get(abnormality, "")
    return (structure if structure in terms else ""), ""


def bound(
    text: str,
    name: Named,
    found: Sequence[Group],
    chunks: Sequence[tuple[int, int]],
    inside: Sequence[Named],
    terms: Lexicon,
) -> Bound:
    """The structures of the same sentence that ``name`` belongs to; ``rank`` 0 to 6, the smaller the surer."""
    best: tuple[int, int, Group] | None = None
    here = next((c for c in chunks if c[0] <= name.start < c[1]), (0, len(text)))
    for group in found:
        rank = _rank(text, name, group, here, inside)
        kinds = {c.kind for i in group.ids if (c := terms.concept(i)) is not None}
        if kinds == {"region"} and len(found) > 1:
            rank += 3
        if name.kind != "sign" and not any(fits(name.concept, i, terms) for i in group.ids):
            if rank or text[min(group.end, name.end) : max(group.start, name.start)].strip():
                continue
            rank = 4
        away = max(group.start - name.end, name.start - group.end, 0)
        if best is None or (rank, away) < best[:2]:
            best = (rank, away, group)
    if best is None:
        return Bound()
    rank, _, group = best
    return Bound(_refined(text, group, here, terms), rank, group)


def _rank(text: str, name: Named, group: Group, here: tuple[int, int], inside: Sequence[Named]) -> int:
    landmark = 3 if group.landmark else 0
    if group.start < name.end and name.start < group.end:
        return 0
    if group.start >= name.end:
        gap = _without(text, name.end, group.start, inside)
        if _OF.match(re.sub(r"(?:\b(?:the|a|an|his|her|both|its|this)\b\s*)+\Z", "", gap)) or not gap.strip(
            " (-"
        ):
            return landmark
        if _LED.fullmatch(gap):
            return landmark
        if group.start < here[1]:
            return 3 + landmark
        return 6
    gap = _without(text, group.end, name.start, inside)
    words = re.findall(r"[a-z]+", gap.lower())
    if all(w in _SMALL for w in words) and "," not in gap and not (landmark and words):
        return (1 if _COPULA.search(gap) else 0) + landmark
    if group.start >= here[0]:
        return 2 + landmark
    return 4 + landmark


def _without(text: str, start: int, end: int, inside: Sequence[Named]) -> str:
    """``text[start:end]`` without the sides, sites and other small things named there."""
    piece = list(text[start:end])
    for name in inside:
        if start <= name.start and name.end <= end and name.kind not in STRUCTURE_KINDS and not name.abnormal:
            piece[name.start - start : name.end - start] = " " * (name.end - name.start)
    return re.sub(r"\s+", " ", "".join(piece))


def _refined(text: str, group: Group, here: tuple[int, int], terms: Lexicon) -> tuple[str, ...]:
    """ "gastrocnemius torn at the medial head" is the medial head of gastrocnemius."""
    head = _HEADS.search(text, here[0], here[1])
    if head is None or len(group.ids) != 1 or group.start <= head.start() < group.end:
        return group.ids
    (whole,) = group.ids
    kind = _kind(whole, terms)
    parts = []
    for part in sorted(terms.narrower(whole) - {whole}):
        concept = terms.concept(part)
        names = (concept.preferred, *concept.names) if concept else ()
        if _kind(part, terms) == kind and any(head[1].lower() in n.lower().split() for n in names):
            parts.append(part)
    return (parts[0],) if len(parts) == 1 else group.ids


def _kind(concept_id: str, terms: Lexicon) -> str:
    concept = terms.concept(concept_id)
    return concept.kind if concept else ""


# ------------------------------------------------------------------------------------------------- sides

_COMPARED = re.compile(
    r"\b(?:than|compared (?:with|to)|comparison with|in comparison to|relative to|versus|vs\.?|against|"
    r"(?:as|so) \w+ as|as on)\b[^,;:]*\Z",
    re.IGNORECASE,
)
#: "right thyroid lobe" is one name and has a side.
_HELD_SIDE = re.compile(r"(left|right)\b", re.IGNORECASE)
_EITHER = re.compile(r"\b(?:either|each|both|neither)\s+sides?\b|\bbilaterally\b|\bon both\b", re.IGNORECASE)
_BOTH = re.compile(r"\s*(?:and|&|/|\+)\s*(?:the\s+)?", re.IGNORECASE)
SIDES = frozenset({"left", "right", "bilateral", "midline"})


#: "Right worse than left" is both sides.
_MORE_THAN = re.compile(
    r"\b(?:right|left|rt|lt|r|l)(?: side)?\s*"
    r"(?:(?:is |are )?(?:worse|more|bigger|larger|greater|earlier|stronger) than|>)\s*"
    r"(?:the )?(?:right|left|rt|lt|r|l)\b",
    re.IGNORECASE,
)


def side_names(text: str, start: int, end: int, inside: Iterable[Named]) -> list[tuple[int, int, str]]:
    """(start, end, side) of every side named; ``contralateral`` where only that is said."""
    found = [(m.start(), m.end(), "bilateral") for m in _MORE_THAN.finditer(text, start, end)]
    spans = list(found)
    for name in inside:
        if any(low <= name.start < high for low, high, _ in spans):
            continue
        if name.kind == "laterality" and name.concept in SIDES:
            if name.concept == "midline" and name.text.lower() == "median":
                continue
            if _COMPARED.search(text, max(start, name.start - 45), name.start):
                continue
            found.append((name.start, name.end, name.concept))
        elif name.kind in STRUCTURE_KINDS and (held := _HELD_SIDE.match(name.text)):
            found.append((name.start, name.start + held.end(), held[1].lower()))
        elif name.kind == "laterality_relative" and name.concept == "contralateral":
            if _COMPARED.search(text, max(start, name.start - 45), name.start):
                continue
            found.append((name.start, name.end, "contralateral"))
    found += [(m.start(), m.end(), "bilateral") for m in _EITHER.finditer(text, start, end)]
    made: list[tuple[int, int, str]] = []
    for one in sorted(set(found)):  # "right and left" is one side: both
        pair = made and {made[-1][2], one[2]} == {"left", "right"}
        if pair and _BOTH.fullmatch(text, made[-1][1], one[0]):
            made[-1] = (made[-1][0], one[1], "bilateral")
        else:
            made.append(one)
    return made


def side_of(
    text: str,
    name: Named,
    group: Group | None,
    sides: Sequence[tuple[int, int, str]],
    chunks: Sequence[tuple[int, int]],
) -> str:
    """The side that a finding and its structure are said to be on, or nothing."""
    if not sides:
        return ""
    low = min(name.start, group.start) if group else name.start
    high = max(name.end, group.end) if group else name.end
    before = [c[0] for c in chunks if c[0] <= low]
    after = [c[1] for c in chunks if c[1] >= high]
    begin, end = (before[-1] if before else 0), (after[0] if after else len(text))
    near = [s for s in sides if begin <= s[0] < end]
    own = next((c for c in chunks if c[0] <= name.start < c[1]), (begin, end))
    apart = group is not None and not own[0] <= group.start < own[1]
    if apart and (here := [s for s in sides if own[0] <= s[0] < own[1]]):
        return min(here, key=lambda s: abs(s[0] - name.start))[2]
    if group is not None:
        close = [s for s in near if s[1] <= group.start and group.start - s[1] <= 16]
        if close:
            return close[-1][2]
        close = [s for s in near if 0 <= s[0] - group.end <= 8]
        if close:
            return close[0][2]
    if near:
        return min(near, key=lambda s: (max(s[0] - high, low - s[1], 0), s[0]))[2]
    kinds = {s[2] for s in sides}
    return kinds.pop() if len(kinds) == 1 else ""
