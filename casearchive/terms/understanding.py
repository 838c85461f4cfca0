"""What a text says, finding by finding: structure, abnormality, side, certainty, modality, state and numbers.

``understand`` reads plain clinical English, from one short line to a whole report. It names what each clause says
of what, whether it is there, and how it was seen; nothing is concluded that the words do not carry, but for three
signs that speak for themselves (a gap in a tendon, a tendon that cannot be found, a vein that does not compress).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from casearchive.choices import PRESENT
from casearchive.terms import ellipsis, modalities, signs
from casearchive.terms.binding import SIDES, Bound, Group, bound, fits, groups, implied, side_names, side_of
from casearchive.terms.clauses import Sentence, chunks, sentences, unpointed
from casearchive.terms.concepts import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon, lexicon
from casearchive.terms.context import Scope, scopes, strongest
from casearchive.terms.desk import Clause
from casearchive.terms.naming import (
    TOUCHED,
    Named,
    named,
    specialised,
)
from casearchive.terms.quantities import Graded, Quantity, described, grades, quantities, shown
from casearchive.terms.remembering import remembering
from casearchive.terms.slips import mended
from casearchive.terms.triggers import HEADINGS, SEEN, TAKES_BACK, TAUGHT, UNSAID
from casearchive.units import counts


@dataclass(frozen=True, slots=True)
class About:
    """What is known before reading: the structure, the side and the modality the text is about."""

    structure: str = ""
    side: str = "unknown"
    modality: str = "us"


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing a text says of one structure.

    ``structure``, ``site`` and ``abnormality`` are concept ids or empty (a measurement without a finding has no
    abnormality). ``side`` is left, right, bilateral, midline, unknown, or contralateral where only that is said.
    ``presence``: definite, probable, possible, absent, not_assessed; or what is no finding of this examination:
    hypothetical (asked, advised, taught), refuted_prior (an earlier label), historical, other_person. ``modality``
    is one of ``choices.MODALITIES``; ``state`` is ``rest`` or a manoeuvre in which it is seen. ``start`` and
    ``end`` are 0-based offsets of the abnormality in the text, ``quote`` its clause, ``trigger`` the words that
    decided the presence. ``inferred``: follows from another statement ("normal", a gap) and was not said itself.
    ``frames`` counts from 1, inclusive. ``own`` tells that the structure stands in the sentence itself.
    """

    abnormality: str = ""
    structure: str = ""
    site: str = ""
    side: str = "unknown"
    presence: str = "definite"
    modality: str = "us"
    temporality: str = ""
    severity: str = ""
    state: str = ""
    echogenicity: tuple[str, ...] = ()
    measurements: tuple[Quantity, ...] = ()
    grades: tuple[Graded, ...] = ()
    start: int = 0
    end: int = 0
    quote: str = ""
    trigger: str = ""
    inferred: bool = False
    frames: tuple[int, int] | None = None
    own: bool = True


def understand(
    text: str, vocabulary: Lexicon | None = None, *, about: About | None = None
) -> tuple[Statement, ...]:
    """Everything ``text`` says of findings, in its order.

    Args:
        text: any length, one line or many; it is only read.
        vocabulary: another lexicon than the one that ships.
        about: what the text is about where it does not say so itself (the clip's structure and side).
    """
    return _understood(text, vocabulary or lexicon(), about or About())


@remembering(1024)
def _understood(text: str, terms: Lexicon, about: About) -> tuple[Statement, ...]:
    meant = mended(text, terms)
    found = _Reader(meant.text, terms, about).read()
    if not meant.slips:
        return tuple(found)
    return tuple(_placed(statement, text, meant.back) for statement in found)


def _placed(statement: Statement, text: str, back: Callable[[int], int]) -> Statement:
    start, end = back(statement.start), back(statement.end)
    quote = statement.quote
    at = text.find(quote) if quote else -1
    if quote and at < 0:
        low = max(text.rfind(mark, 0, start) for mark in ".;\n")
        high = min((h for mark in ".;\n" if (h := text.find(mark, end)) >= 0), default=len(text))
        quote = text[low + 1 : high].strip()
    return replace(statement, start=start, end=end, quote=quote)


# ------------------------------------------------------------------------------------------------ reading


@dataclass(slots=True)
class _Carried:
    """What a sentence leaves for the next: its topic, and what its heading said."""

    structures: tuple[str, ...] = ()
    earlier: tuple[tuple[str, ...], ...] = ()
    side: str = ""
    head_side: str = ""
    head_structures: tuple[str, ...] = ()
    head_modality: str = ""


_FRAMES = re.compile(
    r"\bframes?\s+(\d{1,5})\s*(?:-|–|to|and)\s*(\d{1,5})\b|\bframe\s+(\d{1,5})\b", re.IGNORECASE
)
#: A side that is only looked at beside the other is not the side of the text.
_COMPARISON = re.compile(r"\b(?:for|as(?: an?)?|in) (?:comparison|control|reference)\b", re.IGNORECASE)
_THE = re.compile(r"\b(?:the|this|that|these|those|his|her|our|which)\s+(?:[\w-]+\s+){0,4}\Z", re.IGNORECASE)
_TAUGHT = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(p.replace(" ", r"\s+") for p in sorted(TAUGHT, key=len, reverse=True))
    + r")(?!\w)",
    re.I,
)
_SIZES = {"small": "mild", "tiny": "mild", "trace": "trace", "massive": "severe", "huge": "severe", "big": "severe",
          "gross": "severe", "little": "mild"}  # fmt: skip
#: Sizes that tell how severe a finding is.
SIZE = re.compile(r"\b(?:" + "|".join(_SIZES) + r")\b(?!\s+(?:finger|toe)s?\b)", re.IGNORECASE)
#: "MRI showed a tear, which is not seen on ultrasound": there it is, and here it is not.
_NOT_HERE = re.compile(
    rf"\b(?:not|never)\s+(?:clearly\s+)?{SEEN}\s+(?:on|by|with|at)\s+(?:the\s+|our\s+|this\s+|today['’]s\s+)?"
    r"(?:ultrasound|us|sonograph\w*)\b",
    re.IGNORECASE,
)
_STUDY_WAS = re.compile(r"\W*(?:(?:scan|film|examination|study)\W*)?(?:is|was|were|had been)?\W*")
#: "… but the tendon is intact"
_SUBJECT = re.compile(r"\s+(?:itself|is|are|was|were|remains?|looks?|appears?)\b", re.IGNORECASE)
#: "The tendon of the left supraspinatus"
_OF_ITS = re.compile(r"\s+of\s+(?:(?:the|both|his|her|left|right)\s+){0,3}", re.IGNORECASE)
_AT = re.compile(r"\b(?:at|above|below|behind)\s+(?:the\s+)?(?:level\s+of\s+)?(?:the\s+)?\Z", re.IGNORECASE)
_USUAL = {
    "nerve": ("nerve_enlargement",), "muscle": ("tear",), "tendon": ("tear",
    "tendinopathy"), "ligament": ("tear", "sprain"),
    "bursa": ("bursitis",), "disc": ("disc_herniation",), "joint": ("effusion",),
}  # fmt: skip
_OTHER = {"left": "right", "right": "left"}
_IT = re.compile(
    r"\s*(?:it|this|that|these|they|there|its|measur\w+|at rest|on contraction|\d+|"
    r"the\s+(?:gap|tear|lesion|defect|collection|cyst|mass|nodule|ends))\b",
    re.IGNORECASE,
)


class _Reader:
    """Reads one text from its beginning to its end."""

    def __init__(self, written: str, terms: Lexicon, about: About) -> None:
        text = unpointed(written)
        self.written, self.text, self.terms, self.about = written, text, terms, about
        self.parts = sentences(text)
        self.names = named(text, self.parts, terms)
        self.scopes = scopes(text, terms)
        self.carried = _Carried()
        self.made: list[Statement] = []
        self.known: set[tuple[str, str, str, str, str, int]] = set()
        sides = {s for _, _, s in side_names(text, 0, len(text), self.names)}
        self.seen_sides: set[str] = set()
        known = (sides & {"left", "right"}) or ({about.side} & {"left", "right"})
        self.opposite = (
            {"left": "right", "right": "left"}[next(iter(known))] if len(known) == 1 else "contralateral"
        )

    def read(self) -> list[Statement]:
        for part in self.parts:
            self.sentence(part)
        self.gaps()
        return self.made

    # ------------------------------------------------------------------------------- one sentence

    def sentence(self, part: Sentence) -> None:
        clause = self.clause(part)
        before = len(self.made)
        for name in clause.inside:
            if name.abnormal:
                self.abnormal(clause, name)
        self.touched(clause)
        self.repeated(clause, before)
        self.unassessed(clause)
        self.measured(clause, before)
        self.framed(clause, before)
        self.leave(clause, before)

    def clause(self, part: Sentence) -> Clause:
        inside = [n for n in self.names if part.start <= n.start < part.end]
        heading = [n for n in inside if n.start < part.body]
        if part.body > part.start and not any(n.abnormal for n in heading):
            self.head(part, heading)
            body = part.body
            inside = [n for n in inside if n.start >= part.body]
        else:
            body = part.start
            if part.apart:
                self.carried = _Carried()
        found = groups(self.text, inside)
        cut = chunks(self.text, body, part.end)
        cover = [s for s in self.scopes if s.start < part.end and part.start < s.end]
        taught = bool(_TAUGHT.search(self.text, body, part.end))
        sides = side_names(self.text, body, part.end, inside)
        here = [n for n in self.names if part.start <= n.start < part.end]
        if not _COMPARISON.search(self.text, part.start, part.end):
            self.seen_sides.update(
                s for _, _, s in side_names(self.text, part.start, part.end, here) if s in SIDES
            )
        return Clause(part, inside, found, sides, cut, cover, taught)

    def head(self, part: Sentence, heading: list[Named]) -> None:
        """A heading sets what the following sentences are about; a section begins anew."""
        carried = self.carried
        if part.heading.lower() in HEADINGS or part.apart:
            carried = self.carried = _Carried(carried.structures, carried.earlier, carried.side)
        structures = tuple(dict.fromkeys(n.concept for n in heading if n.kind in STRUCTURE_KINDS))
        sides = {s for _, _, s in side_names(self.text, part.start, part.body, heading)}
        modality = modalities.named_in(self.text, part.start, part.body, heading)
        if structures:
            if structures != carried.structures:
                carried.side = ""
            carried.head_structures, carried.structures = structures, structures
            carried.head_side = ""
        if len(sides) == 1:
            carried.head_side = next(iter(sides))
        if modality:
            carried.head_modality = modality[-1][1]

    # ------------------------------------------------------------------------------- one finding

    def abnormal(self, clause: Clause, name: Named) -> None:
        if name.concept == "abnormality" and _THE.search(self.text, max(0, name.start - 30), name.start):
            return
        if signs.blood(clause, name, self.carried.structures, self.terms):
            name = replace(name, concept="hematoma")
        place = self.bind(clause, name)
        settled = signs.settled(self.text, clause, name, place, self.terms)
        if settled is None:
            return
        concept, fixed = settled
        presence, trigger = self.presence(clause, name, fixed)
        if not presence:
            return
        own = place.rank <= 6 and bool(place.ids)
        side = self.side(clause, name, place, own)
        first = self.detail(clause, name, concept, presence, trigger, side)
        elsewhere = first.modality not in ("us", "surgery") and presence in ("absent", *PRESENT)
        if elsewhere and _NOT_HERE.search(self.text, name.end, clause.part.end):
            there = replace(first, presence="definite", trigger="")
            for structure in place.ids or ("",):
                self.add(replace(there, structure=structure, own=own))
            first = replace(first, presence="absent", modality="us")
            presence = "absent"
        _, site = implied(concept, self.terms)
        for structure in place.ids or ("",):
            meant = concept if name.kind == "sign" else specialised(name.text, concept, structure, self.terms)
            if presence == "absent" and meant in self.terms.narrower(concept):
                meant = concept  # to deny the wider thing says more
            narrowed = self.terms.in_structure(meant, structure) if structure else meant
            made = replace(first, abnormality=narrowed, structure=structure, site=first.site or site, own=own)
            self.add(made)
            if concept == "normal":
                self.normal(made)

    def bind(self, clause: Clause, name: Named) -> Bound:
        """The structure: in the sentence, shared by the list it stands in, by definition, or carried on."""
        free = [g for g in clause.groups if not self.fenced(clause, g, name)]
        place = bound(self.text, name, free, clause.chunks, clause.inside, self.terms)
        if place.rank > 3:
            shared = self.shared(clause, name, free)
            place = shared if shared.rank < place.rank else place
        clause.bounds[name.start] = place
        if name.kind == "normality" and self.study_only(clause, name, place):
            return Bound()
        place = self.specific(clause, place)
        if place.rank > 2:
            structure, _ = implied(name.concept, self.terms)
            if structure == "joint":
                structure = self.joint_spoken_of(clause) or structure
            if structure and not (place.ids and place.ids[0] in self.terms.narrower(structure)):
                return Bound((structure,), 3)
        if place.rank <= 6:
            return place
        carried = self.carried
        for ids in (carried.head_structures, carried.structures, *carried.earlier, (self.about.structure,)):
            kept = tuple(i for i in ids if i and (name.kind == "sign" or fits(name.concept, i, self.terms)))
            if kept:
                return Bound(kept, 7)
        if (
            place.rank >= 9
            and name.concept in ("effusion", "joint_effusion")
            and (joint := self.joint_spoken_of(clause))
        ):
            return Bound((joint,), 7)
        return place if place.rank < 9 else Bound()

    def joint_spoken_of(self, clause: Clause) -> str:
        """The one joint of the region that the text is about: who speaks of a patellar tendon speaks of a knee."""
        here = tuple(i for group in clause.groups for i in group.ids if i != "joint")
        for ids in (here, self.carried.structures, *self.carried.earlier, (self.about.structure,)):
            regions = {r for i in ids if i for above in self.terms.broader(i) for r in self.region_of(above)}
            joints = {j.id for r in regions if (j := self.terms.resolve(f"{r} joint", {"joint"})) is not None}
            if joints:
                return joints.pop() if len(joints) == 1 else ""
        return ""

    def region_of(self, structure: str) -> tuple[str, ...]:
        concept = self.terms.concept(structure)
        regions = (self.terms.concept(r) for r in concept.region) if concept is not None else ()
        return tuple(r.preferred for r in regions if r is not None)

    def study_only(self, clause: Clause, name: Named, place: Bound) -> bool:
        """ "a normal lumbar MRI", "the radiograph was normal": the study is normal, no structure is named."""
        for at, _ in modalities.named_in(self.text, clause.part.body, clause.part.end, clause.inside):
            after = self.text[name.end : at] if at >= name.end else None
            if after is not None and len(after.split()) <= 2 and "," not in after:
                return not (place.group and name.end <= place.group.start < at)
            before = re.sub(r"^\w+", "", self.text[at : name.start]) if at < name.start else None
            if before is not None and _STUDY_WAS.fullmatch(before):
                return not (place.group and place.group.start >= name.end and place.rank == 0)
        return False

    def specific(self, clause: Clause, place: Bound) -> Bound:
        """ "the muscle" is the one the text is about, where that is known and it is one."""
        concept = self.terms.concept(place.ids[0]) if len(place.ids) == 1 else None
        if concept is None or concept.id != concept.kind:
            return place
        before: list[tuple[str, ...]] = []
        if place.group is not None and _SUBJECT.match(self.text, place.group.end):
            before = [g.ids for g in reversed(clause.groups) if g.end <= place.group.start]
        elif place.group is not None:
            end = place.group.end
            before = [g.ids for g in clause.groups if _OF_ITS.fullmatch(self.text, end, max(end, g.start))]
        others = (i for group in clause.groups if group is not place.group for i in group.ids)
        here = {part for i in others for part in (i, *self.terms.narrower(i))}
        spoken = (self.carried.structures, *self.carried.earlier, (self.about.structure,))
        # "intact plantaris beside the ruptured tendon": that is another one
        for ids in (*before, *(ids for ids in spoken if not here.intersection(ids))):
            known = self.terms.concept(ids[0]) if len(ids) == 1 and ids[0] else None
            if known is not None and known.kind in (
                concept.kind,
                "muscle" if concept.kind == "tendon" else "",
            ):
                return replace(place, ids=(known.id,))
        return place

    def fenced(self, clause: Clause, group: Group, name: Named) -> bool:
        """A structure inside a denial that does not hold the finding is not the finding's structure."""
        own = [s for s in clause.scopes if s.presence == "absent" and s.start <= name.start < s.end]
        for scope in clause.scopes:
            if any(scope.start < s.end for s in own):  # "a tear in neither the soleus nor …"
                continue
            closed = scope.presence in ("absent", "not_assessed") and scope.start <= group.start < scope.end
            if closed and name.end <= scope.start and name.kind != "sign":
                return not any(n.abnormal and scope.start <= n.start < group.start for n in clause.inside)
        return False

    def shared(self, clause: Clause, name: Named, free: list[Group]) -> Bound:
        """ "tear, haematoma and oedema of the rectus femoris": the list shares its structure."""
        place = Bound()
        last = name
        for other in (n for n in clause.inside if n.abnormal and n.start >= name.end):
            gap = re.sub(
                r"\b(?:an?|the|some|no|small|large|mild|any|significant)\b",
                "",
                self.text[last.end : other.start],
            )
            if not re.fullmatch(r"[\s,]*(?:(?:and|or|nor|and/or|with|&)\b)?\s*", gap):
                break
            found = bound(self.text, other, free, clause.chunks, clause.inside, self.terms)
            if found.rank <= 1 and found.group is not None and found.group.start > other.start:
                return Bound(found.ids, 2, found.group)
            last = other
        return place

    # ------------------------------------------------------------------------------- presence

    def presence(self, clause: Clause, name: Named, fixed: str) -> tuple[str, str]:
        """The presence and the words that decide it; nothing where the text takes back its own denial."""
        over = [s for s in clause.scopes if s.start <= name.at < s.end and not _part_of(s, name)]
        gone = {
            taken
            for s in over
            for taken in (*TAKES_BACK.get(s.presence, ()), s.presence)
            if s.presence in TAKES_BACK
        }
        over = [s for s in over if s.presence not in gone]
        over = [
            s
            for s in over
            if not self.swallowed(clause, s, name) and not s.trigger.lower().endswith("intact")
        ]
        denials = [(s.start, s.start + len(s.trigger) + 12) for s in over if s.presence == "absent"]
        # "no signs of synovitis" is a denial, whatever "signs of" asks elsewhere
        asked = [
            s for s in over if s.presence == "hypothetical" and any(a < s.start <= b for a, b in denials)
        ]
        over = [s for s in over if s not in asked]
        if fixed:
            over = [s for s in over if s.presence not in ("absent", "probable", "not_assessed")]
        if name.kind == "normality":
            over = [s for s in over if s.presence not in ("absent", "historical")]
        said = {s.presence for s in over}
        if UNSAID in said or {"absent", "refuted_prior"} <= said:
            return "", ""
        presence = strongest((*said, fixed) if fixed else said)
        trigger = next((s.trigger.strip() for s in over if s.presence == presence), "")
        if fixed == presence:
            trigger = trigger or name.text
        hidden = signs.HIDDEN.search(self.text, name.end, clause.chunk_of(name)[1])
        if hidden and presence in PRESENT and not _THE.search(self.text, max(0, name.start - 40), name.start):
            return "absent", hidden[0]
        if (
            clause.taught
            and presence in (*PRESENT, "absent", "not_assessed")
            and not _the_one(self.text, name)
        ):
            match = _TAUGHT.search(self.text, clause.part.body, clause.part.end)
            return "hypothetical", match[0] if match else ""
        return presence, trigger

    def swallowed(self, clause: Clause, scope: Scope, name: Named) -> bool:
        """The trigger begins a name ("no lung sliding, stratosphere sign"), and denies nothing that follows; that
        nothing is abnormal ("no abnormality, tear or oedema") goes on."""
        begun = [n for n in clause.inside if n.start <= scope.start < n.end and n.kind in ABNORMALITY_KINDS]
        return any(
            n == name if n.kind == "normality" else n.at == scope.at and _part_of(scope, n) for n in begun
        )

    def side(self, clause: Clause, name: Named, place: Bound, own: bool) -> str:
        side = side_of(self.text, name, place.group, clause.sides, clause.chunks)
        for other in (self.carried.head_side, self.carried.side if not own else "", self.only_side()):
            side = side or other
        if side == "contralateral":
            side = self.opposite
        if not side and self.about.side not in ("", "unknown", "none"):
            side = self.about.side
        return side or "unknown"

    def only_side(self) -> str:
        """The one side that was spoken of so far; a text of one side need not say it every time."""
        return next(iter(self.seen_sides)) if len(self.seen_sides) == 1 else ""

    # ------------------------------------------------------------------------------- details

    def detail(
        self, clause: Clause, name: Named, concept: str, presence: str, trigger: str, side: str
    ) -> Statement:
        low, high = clause.chunk_of(name)
        near = [n for n in clause.inside if low <= n.start < high]
        quote = self.written[clause.part.start : clause.part.end].strip(" \t\n-*•")
        time = self.closest(name, near, "temporality")
        severity = self.severity(name, near, low)
        state = self.closest(name, near, "maneuver_state", "maneuver")
        if state == "maneuver":
            state = ""
        return Statement(
            abnormality=concept,
            side=side,
            site=self.closest(name, near, "site"),
            presence=presence,
            modality=modalities.seen_by(self.text, clause, name, self.scopes)
            or self.carried.head_modality
            or self.about.modality,
            temporality="historical" if presence == "historical" else time,
            severity=severity,
            state=state,
            echogenicity=tuple(dict.fromkeys(n.concept for n in near if n.kind == "echogenicity"))
            if sum(n.abnormal for n in near) == 1
            else (),
            start=name.start,
            end=name.end,
            quote=re.sub(r"\s+", " ", quote)[:300],
            trigger=trigger,
        )

    def closest(self, name: Named, near: Sequence[Named], *kinds: str) -> str:
        found = [n for n in near if n.kind in kinds]
        if not found:
            return ""
        best = min(found, key=lambda n: max(n.start - name.end, name.start - n.end, 0))
        away = max(best.start - name.end, name.start - best.end, 0)
        return best.concept if away <= 60 else ""

    def severity(self, name: Named, near: Sequence[Named], low: int) -> str:
        """Only what stands before the noun, after the finding before it, or is said of it ("is severe")."""
        floor = max([low, *(n.end for n in near if n.abnormal and n.end <= name.start)])
        found = [(n.start, n.concept) for n in near if n.kind == "severity" and floor <= n.start < name.end]
        found += [(m.start(), _SIZES[m[0].lower()]) for m in SIZE.finditer(self.text, floor, name.start)]
        if found:
            return max(found)[1]
        said = re.match(r"\s+(?:is|was|appears)\s+(\w+)", self.text[name.end : name.end + 30])
        if said:
            concept = self.terms.resolve(said[1], {"severity"})
            return concept.id if concept else ""
        return ""

    # ------------------------------------------------------------------------------- what follows

    def add(self, made: Statement) -> None:
        same = (made.abnormality, made.structure, made.side, made.presence, made.modality, made.start)
        if same not in self.known:
            self.known.add(same)
            self.made.append(made)

    def normal(self, made: Statement) -> None:
        """A normal structure has not what such structures usually have, nor what the other side has."""
        if made.presence != "definite" or not made.structure:
            return
        concept = self.terms.concept(made.structure)
        kind = concept.kind if concept else ""
        lacks = list(_USUAL.get(kind, ()))
        if kind == "vessel" and "vein" in made.structure:
            lacks.append("dvt")
        for earlier in self.made:
            there = earlier.presence in PRESENT and earlier.abnormality not in ("", "normal")
            if there and earlier.structure == made.structure and earlier.side != made.side:
                lacks.append(earlier.abnormality)
        for what in dict.fromkeys(lacks):
            if what in self.terms:
                self.add(replace(made, abnormality=what, presence="absent", inferred=True, severity=""))

    def repeated(self, clause: Clause, before: int) -> None:
        """ "Excluded on the left, confirmed on the right", "hip effusion: right 8 mm, left none"."""
        sideless = {n for n in range(before, len(self.made)) if self.made[n].side == "unknown"}
        for low, high in clause.chunks:
            hosts = [n for n in range(before, len(self.made)) if self.repeatable(n, low)]
            if not hosts or any(n.kind in ABNORMALITY_KINDS and low <= n.start < high for n in clause.inside):
                continue
            sides = [s for s in clause.sides if low <= s[0] < high]
            places = next((g.ids for g in clause.groups if low <= g.start < high), ())
            host = self.made[hosts[-1]]
            presence, words = self.answered(clause, (low, high), bool(places), hosts[-1] in sideless)
            if not presence or not (sides or places):
                continue
            start = min(
                at for at in (*(s[0] for s in sides), *(g.start for g in clause.groups)) if low <= at < high
            )
            made = replace(host, presence=presence, side=sides[0][2] if sides else host.side, trigger=words,
                           severity=host.severity if presence != "absent" else "", start=start, end=start)  # fmt: skip
            if host.side == "unknown" and not places and presence == host.presence:
                self.made[hosts[-1]] = made  # it is the finding itself, of which the side is told here
            else:
                self.repeat([replace(made, structure=i) for i in places or (host.structure,)], before)

    def answered(
        self, clause: Clause, chunk: tuple[int, int], placed: bool, sideless: bool
    ) -> tuple[str, str]:
        """(presence, words) that a chunk without a finding gives the one before it; nothing where it says more."""
        low, high = chunk
        sizes = [q for q in quantities(self.text, low, high) if counts(q.unit) == "a length"]
        names = [n for n in clause.inside if n.kind == "laterality" or n.kind in STRUCTURE_KINDS]
        taken = [*((n.start, n.end) for n in names), *((q.start, q.end) for q in sizes)]
        part = _blanked(self.text, low, high, taken)
        presence = ellipsis.answer(part, "no" if placed else "")
        if not presence and sizes and sideless and not placed and ellipsis.nothing(part):
            presence = "definite"
        return presence, part.strip(" ,:")

    def repeatable(self, number: int, end: int) -> bool:
        made = self.made[number]
        said = made.presence in (*PRESENT, "absent") and made.abnormality not in ("", "normal")
        return said and not made.inferred and made.start < end

    def repeat(self, every: Sequence[Statement], before: int) -> None:
        for made in every:
            same = (made.abnormality, made.structure, made.side, made.presence)
            known = any(same == (s.abnormality, s.structure, s.side, s.presence) for s in self.made[before:])
            if not known and fits(made.abnormality, made.structure, self.terms):
                self.add(made)

    def touched(self, clause: Clause) -> None:
        """ "The cyst compresses the tibial nerve"; "it does not involve the sciatic nerve"."""
        for name in clause.inside:
            if name.concept != TOUCHED:
                continue
            after = [
                g for g in clause.groups if 0 <= g.start - name.end <= 40 and not self.verb_between(name, g)
            ]
            if not after:
                continue
            group = after[0]
            denied = any(s.presence == "absent" and s.start <= name.start < s.end for s in clause.scopes)
            nerves = [i for i in group.ids if (c := self.terms.concept(i)) is not None and c.kind == "nerve"]
            pressing = re.match(r"compress|entrap|imping|tether|encas", name.text, re.IGNORECASE)
            if nerves and (pressing or denied) and "nerve_entrapment" in self.terms:
                presence, trigger = self.presence(clause, name, "")
                side = self.side(clause, name, Bound(group.ids, 0, group), True)
                for nerve in nerves:
                    made = self.detail(clause, name, "nerve_entrapment", presence, trigger or name.text, side)
                    self.add(replace(made, structure=nerve, own=True))
            elif (denied or name.text.lower().startswith("not")) and not nerves:
                subject = next(
                    (
                        n
                        for n in reversed(clause.inside)
                        if n.kind in ("abnormality", "diagnosis") and n.end <= name.start
                    ),
                    None,
                )
                if subject is not None and fits(subject.concept, group.ids[0], self.terms):
                    side = self.side(clause, name, Bound(group.ids, 0, group), True)
                    for structure in group.ids:
                        made = self.detail(clause, subject, subject.concept, "absent", name.text, side)
                        self.add(replace(made, structure=structure, start=name.start, end=name.end))

    def verb_between(self, name: Named, group: Group) -> bool:
        return bool(
            re.search(r"\b(?:is|was|are|were|shows?|but|by)\b|[,;]", self.text[name.end : group.start])
        )

    def unassessed(self, clause: Clause) -> None:
        """ "Left wrist not examined": a structure in such a scope, with no finding there."""
        for scope in clause.scopes:
            if scope.presence != "not_assessed":
                continue
            if any(n.abnormal and scope.start <= n.start < scope.end for n in clause.inside):
                continue
            for group in clause.groups:
                if not scope.start <= group.start < scope.end:
                    continue
                name = Named(group.start, group.end, "abnormality", "abnormality", "", group.start)
                side = self.side(clause, name, Bound(group.ids, 0, group), True)
                for structure in group.ids:
                    made = self.detail(
                        clause, name, "abnormality", "not_assessed", scope.trigger.strip(), side
                    )
                    self.add(replace(made, structure=structure))

    def measured(self, clause: Clause, before: int) -> None:
        """Numbers and grades belong to the nearest finding of their chunk, else to the last one said."""
        low = clause.part.start
        found = described(
            list(quantities(self.text, low, clause.part.end)),
            self.text,
            (low, clause.part.end),
            clause.inside,
            self.terms,
        )
        graded = grades(self.text, low, clause.part.end, clause.inside, self.terms)
        for quantity in found:
            at = self.owner(clause, quantity.start, quantity.end, before, quantity.what)
            if at is not None:
                owner = self.made[at]
                self.made[at] = replace(owner, measurements=(*owner.measurements, quantity))
            else:
                self.alone(clause, quantity)
        for grade in graded:
            at = self.owner(clause, grade.start, grade.end, before, "")
            if at is not None:
                owner = self.made[at]
                self.made[at] = replace(owner, grades=(*owner.grades, grade))
            else:
                self.graded(clause, grade)

    def owner(self, clause: Clause, start: int, end: int, before: int, what: str) -> int | None:
        chunk = next((c for c in clause.chunks if c[0] <= start < c[1]), (clause.part.start, clause.part.end))
        here = [
            n for n, made in enumerate(self.made[before:], before)
            if not made.inferred and made.abnormality not in ("normal", "") and made.presence != "absent"
        ]  # fmt: skip
        inside = [n for n in here if chunk[0] <= self.made[n].start < chunk[1]]

        def away(n: int) -> tuple[int, int]:
            made = self.made[n]
            suits = what == "meas_gap" and made.abnormality in ("retraction", "muscle_defect")
            return (0 if suits else max(made.start - end, start - made.end, 0), n)

        if inside:
            return min(inside, key=away)
        named_here = any(g.start < end + 30 and chunk[0] <= g.start < chunk[1] for g in clause.groups)
        if here and not named_here:
            said = [n for n in here if self.made[n].start < start]  # "tear, Peetrons 2, 26 mm, haematoma"
            return min(said or here, key=away)
        if not named_here and before and _IT.match(self.text, clause.part.body) and not here:
            last = [
                n
                for n, made in enumerate(self.made[:before])
                if made.presence in PRESENT and not made.inferred and made.abnormality != "normal"
            ]
            return last[-1] if last else None
        return None

    def graded(self, clause: Clause, grade: Graded) -> None:
        """A grade of a structure of which nothing else is said: "Peetrons 2 injury of the adductor longus"."""
        what = shown(grade)
        name = Named(
            grade.start, grade.end, what, "abnormality", self.text[grade.start : grade.end], grade.start
        )
        place = self.bind(clause, name) if what in self.terms else Bound()
        presence, trigger = self.presence(clause, name, "")
        if not place.ids or presence not in (*PRESENT, "absent"):
            return
        side = self.side(clause, name, place, place.rank <= 6)
        made = self.detail(clause, name, what, presence, trigger, side)
        for structure in place.ids:
            self.add(replace(made, structure=structure, grades=(grade,), own=place.rank <= 6))

    def alone(self, clause: Clause, quantity: Quantity) -> None:
        """A measurement of a structure of which nothing else is said."""
        name = Named(quantity.start, quantity.end, "", "", "", quantity.start)
        solid = [g for g in clause.groups if not g.landmark]
        # "median nerve at the pisiform 18 mm2": where it was measured, not what
        subjects = [g for g in solid if not _AT.search(self.text, max(0, g.start - 20), g.start)]
        solid = subjects if subjects and subjects[0].start < quantity.start else solid
        asked = replace(name, kind="sign")
        place = bound(self.text, asked, solid, clause.chunks, clause.inside, self.terms)
        ids = place.ids or self.carried.head_structures or self.carried.structures
        concept = self.terms.concept(ids[0]) if ids else None
        if not quantity.what or concept is None or concept.kind == "region":
            return
        side = quantity.side or self.side(clause, name, place, bool(place.ids))
        made = self.detail(clause, name, "", "definite", "", side)
        self.add(replace(made, structure=ids[0], measurements=(quantity,), own=bool(place.ids), severity=""))

    def framed(self, clause: Clause, before: int) -> None:
        match = _FRAMES.search(self.text, clause.part.start, clause.part.end)
        if match is None:
            return
        low = int(match[1] or match[3])
        high = int(match[2] or match[3])
        if 1 <= low <= high:
            for n in range(before, len(self.made)):
                self.made[n] = replace(self.made[n], frames=(low, high))

    def leave(self, clause: Clause, before: int) -> None:
        """The topic for the next sentence."""
        said = [s for s in self.made[before:] if s.structure and s.own and s.abnormality]
        if said and self.compared(said):
            return
        topic = clause.groups[0] if clause.groups else None
        if said:
            first = next((s for s in said if topic and s.structure in topic.ids), said[-1])
            same = tuple(dict.fromkeys(s.structure for s in said if s.start == first.start))
            left = [
                i
                for i in (self.carried.structures, topic.ids if topic and not topic.landmark else ())
                if i and i != same
            ]
            self.carried.earlier = (*reversed(left), *self.carried.earlier)[:4]
            self.carried.structures, self.carried.side = same, first.side if first.side != "unknown" else ""
        elif topic is not None and not topic.landmark:
            self.carried.structures = topic.ids
            sides = {s[2] for s in clause.sides}
            self.carried.side = next(iter(sides)) if len(sides) == 1 else ""
        if self.carried.side == "contralateral":
            self.carried.side = ""

    def compared(self, said: Sequence[Statement]) -> bool:
        """A sentence that only says the same structure is well on the other side: the text goes on where it was."""
        carried = self.carried
        return (
            bool(carried.side and carried.structures)
            and all(s.presence == "absent" or s.abnormality == "normal" for s in said)
            and {s.side for s in said} == {_OTHER.get(carried.side, "")}
            and {s.structure for s in said} <= set(carried.structures)
        )

    def gaps(self) -> None:
        """A gap in a tendon or muscle is a tear, unless the text itself says what it is."""
        tears = self.terms.narrower("tear")
        for made in list(self.made):
            word = self.text[made.start : made.end].lower()
            concept = self.terms.concept(made.structure)
            if made.abnormality != "retraction" or made.presence not in PRESENT or "gap" not in word:
                continue
            if concept is None or concept.kind not in signs.TEAR_KINDS:
                continue
            if not any(
                s.abnormality in tears and s.structure == made.structure and s.presence != "absent"
                for s in self.made
            ):
                self.add(
                    replace(made, abnormality="tear", inferred=True, measurements=(), grades=(), severity="")
                )


def _blanked(text: str, start: int, end: int, taken: Sequence[tuple[int, int]]) -> str:
    """``text[start:end]`` without the places that are ``taken``."""
    piece = list(text[start:end])
    for low, high in taken:
        for at in range(max(low, start), min(high, end)):
            piece[at - start] = " "
    return "".join(piece)


def _part_of(scope: Scope, name: Named) -> bool:
    """The words that would deny belong to the name itself: "no cardiac activity" is an arrest."""
    if scope.at == name.at:
        return scope.at + len(scope.trigger) <= name.end
    return name.at < scope.at < name.end


def _the_one(text: str, name: Named) -> bool:
    """This patient's finding, not any."""
    return bool(_THE.search(text, max(0, name.start - 50), name.start))
