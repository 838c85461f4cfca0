"""The vocabulary itself: concepts, their names and relations, and finding them in text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casearchive.frozen import dataclass
from casearchive.terms.remembering import remembering
from casearchive.terms.words import Token, fold, tokens

if TYPE_CHECKING:
    from casearchive.terms.spelling import Forms

STRUCTURE_KINDS = frozenset(
    {
        "region", "muscle", "tendon", "ligament", "nerve", "bursa", "joint", "bone", "fascia", "disc", "vessel",
        "organ",
    }
)  # fmt: skip
ABNORMALITY_KINDS = frozenset({"abnormality", "diagnosis", "normality"})

#: When one form names concepts of several kinds, the kind that findings are made of wins.
_FIRST_KINDS: tuple[Collection[str], ...] = (
    ABNORMALITY_KINDS,
    STRUCTURE_KINDS,
    {"site", "laterality", "laterality_relative", "maneuver", "maneuver_state", "modality", "mode", "plane"},
    {"position", "echogenicity", "artifact", "clinical_test", "media_kind", "transducer", "discordance"},
)

#: How a form names its concept, the most deliberate first. ``hinted`` are names with a hint in parentheses
#: ("leg (whole limb)"); ``short`` are understood in a field of the right kind only, never in prose.
TIERS = ("preferred", "synonym", "abbreviation", "misspelling", "hinted", "short")
_SHORT = TIERS.index("short")
_SUGGESTED = frozenset(TIERS.index(tier) for tier in ("preferred", "synonym", "misspelling", "hinted"))

#: What may stand between two words of one name.
_JOINED = re.compile(r"[\s\-‐‑–/()'’]*(?:\bthe\s+)?\Z", re.IGNORECASE)


_NOUNS = ("muscle", "tendon", "ligament", "nerve", "bursa", "joint", "bone", "vessel")


@dataclass(frozen=True)
class Code:
    """A coded concept of PS3.16 as pydicom publishes it; a concept without one is local (99USCASE)."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Concept:
    """One idea of the vocabulary. ``is_a``, ``part_of``, ``branch_of`` and ``region`` hold parent ids.

    ``defined_as`` lists (structure, abnormality, site) triples that mean the same as this concept.
    ``short_names`` are understood only where a field says what is meant (``maneuver = "compression"``).
    """

    id: str
    kind: str
    preferred: str
    names: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()
    misspellings: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    is_a: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    branch_of: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    defined_as: tuple[tuple[str, str, str], ...] = ()
    codes: tuple[Code, ...] = ()
    values: tuple[str, ...] = ()
    unit: str = ""
    ordinal: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Mention:
    """A concept found in a text: ``text[start:end]`` names ``concept`` by its ``via`` (see the API)."""

    start: int
    end: int
    concept: str
    text: str
    via: str


@dataclass(frozen=True)
class Form:
    """One folded form's claim on a concept. ``exact`` is the only spelling prose may use, or empty."""

    concept: str
    tier: int
    exact: str = ""

    def written(self) -> str:
        """How the compiled table keeps it: a line of text loads several times faster than lists do."""
        return f"{self.concept} {self.tier} {self.exact}".rstrip()

    @classmethod
    def read(cls, written: str) -> Form:
        concept, tier, *exact = written.split(" ", 2)
        return cls(concept, int(tier), *exact)


class Lexicon:
    """Concepts by id and by every way of writing them. Made by ``lexicon()``; immutable."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.version: str = table["version"]
        self.fingerprint: str = table["fingerprint"]
        self._rows: dict[str, dict[str, Any]] = table["concepts"]
        self._forms: dict[str, str] = table["forms"]
        self._ambiguous: dict[str, list[str]] = table["ambiguous"]
        self._exceptions = frozenset(table["exceptions"])
        self._equivalent: list[dict[str, Any]] = table["equivalent"]
        self._also: dict[str, list[str]] = table.get("also", {})
        self._near: dict[str, list[str]] = table.get("near", {})
        self._injury: dict[str, list[str]] = table.get("injury", {})
        self._concepts: dict[str, Concept] = {}
        self._closures: dict[tuple[str, bool], frozenset[str]] = {}
        self._children: dict[str, dict[str, list[str]]] | None = None
        self._longest: dict[str, int] = table["longest"]
        self._words: dict[str, str] = table["words"]
        self._remembered = remembering(4096)(self._recognised)

    # ------------------------------------------------------------------------------------ concepts by id

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, concept_id: object) -> bool:
        return concept_id in self._rows

    def concept(self, concept_id: str) -> Concept | None:
        """The concept with this id, or None."""
        made = self._concepts.get(concept_id)
        if made is None and concept_id in self._rows:
            made = self._concepts[concept_id] = concept_from(concept_id, self._rows[concept_id])
        return made

    def ids(self, kinds: Collection[str] = ()) -> tuple[str, ...]:
        """All concept ids (of these kinds) in the order of the lexicon."""
        return tuple(i for i, row in self._rows.items() if not kinds or row["kind"] in kinds)

    def definitions(self, kinds: Collection[str] = ()) -> Iterator[tuple[str, tuple[str, str, str]]]:
        """The id of every concept (of these kinds) that has a definition, and that (structure, abnormality, site);
        quicker than making every concept to see."""
        for concept_id in self.ids(kinds):
            if defined := self._rows[concept_id].get("defined_as"):
                yield concept_id, _triple(defined)

    def words(self) -> frozenset[str]:
        """Every word of every name, as ``words.fold_word`` has it."""
        return frozenset(self._words["every"].split())

    def words_of_findings(self) -> frozenset[str]:
        """The words of the right names of structures and abnormalities, folded."""
        return frozenset(self._words["of_findings"].split())

    # ------------------------------------------------------------------------------------ words to concepts

    def resolve(self, text: str, kinds: Collection[str] = ()) -> Concept | None:
        """The concept that ``text`` names: an id or any of its names, however it is spelt or inflected ("collateral
        ligament of the elbow" is the elbow's collateral ligament).

        A form that several concepts claim with equal right (``TA``) names none until ``kinds`` decides.
        """
        text = text.strip()
        if text in self._rows and self._is_of(text, kinds):
            return self.concept(text)
        folded = fold(text)
        chosen = self._choose(folded, kinds, deliberate=True)
        if chosen is None and " of " in folded:
            part, _, whole = folded.partition(" of ")
            chosen = self._choose(f"{whole} {part}", kinds, deliberate=True)
        if chosen is None:
            as_id = re.sub(r"[\s-]+", "_", text.lower())
            if as_id in self._rows and self._is_of(as_id, kinds):
                return self.concept(as_id)
            return None
        return self.concept(chosen.concept)

    def senses(self, text: str, kinds: Collection[str] = ()) -> tuple[str, ...]:
        """Every concept id that ``text`` may name, the likeliest first (more than one for ``TA``)."""
        forms = [f for f in self._claims(fold(text)) if self._is_of(f.concept, kinds)]
        forms.sort(key=lambda f: (f.tier, self._rank(f.concept)))
        return tuple(dict.fromkeys(f.concept for f in forms))

    def nearest(self, text: str, kinds: Collection[str] = (), limit: int = 3) -> tuple[str, ...]:
        """Names to suggest for a word that is not known, the nearest first; none if nothing is near."""
        from casearchive.terms.spelling import rightly

        wanted = fold(text.replace("_", " "))
        best: dict[str, tuple[float, str]] = {}
        for form, score in self._mistyped.near(wanted).items():
            for claim in self._claims(form):
                if claim.tier in _SUGGESTED and self._is_of(claim.concept, kinds):
                    best[claim.concept] = min(best.get(claim.concept, (score, form)), (score, form))
        scored = []
        for concept_id, (score, form) in best.items():
            row = self._rows[concept_id]
            names = (row["name"], *row.get("synonyms", ()))
            exact = next((name for name in names if fold(name) == form), "")
            scored.append((score, exact or rightly(wanted, names)))
        return tuple(name for _, name in sorted(scored)[:limit])

    @cached_property
    def _mistyped(self) -> Forms:
        from casearchive.terms.spelling import Forms

        return Forms(self._forms)

    def recognise(self, text: str) -> tuple[Mention, ...]:
        """The concepts that ``text`` mentions, left to right, the longest name first.

        Offsets are 0-based into ``text``. Idioms that only look like a name ("rheumatoid factor") yield
        nothing, abbreviations that are also English words ("AT", "on") count only as they are written.
        """
        return self._remembered(text)

    def _recognised(self, text: str) -> tuple[Mention, ...]:
        words = tokens(text)
        found: list[Mention] = []
        at = 0
        while at < len(words):
            mention, used = self._longest_at(text, words, at)
            if mention is not None:
                found.append(mention)
            at += used
        return tuple(self._with_their_nouns(text, found))

    def _with_their_nouns(self, text: str, found: Sequence[Mention]) -> Iterator[Mention]:
        """ "Lumbar paraspinal muscles", "popliteus tendon": the noun of its kind belongs to the name before it."""
        waiting: Mention | None = None
        for mention in found:
            if waiting is not None:
                kind = self._rows[mention.concept]["kind"]
                own = self._rows[waiting.concept]["kind"]
                noun = mention.concept == kind in _NOUNS and own in (
                    kind,
                    "muscle" if kind == "tendon" else kind,
                )
                if noun and own != kind:  # unless it has tendons of its own, which may be meant
                    noun = not any(self._rows[i]["kind"] == kind for i in self.narrower(waiting.concept))
                if noun and waiting.concept != own and text[waiting.end : mention.start] == " ":
                    whole = text[waiting.start : mention.end]
                    waiting = Mention(waiting.start, mention.end, waiting.concept, whole, waiting.via)
                    continue
                yield waiting
            waiting = mention
        if waiting is not None:
            yield waiting

    # ------------------------------------------------------------------------------------ relations

    def narrower(self, concept_id: str) -> frozenset[str]:
        """The concept, its kinds and its parts, all the way down, and what lies in a region; no branches.

        Parts that are of another kind than a class are not of that class: a quadriceps tendon is part of
        the quadriceps, and is not a muscle.
        """
        return self._closure(concept_id, down=True)

    def broader(self, concept_id: str) -> frozenset[str]:
        """The concept and everything it is a kind or a part of, all the way up; no regions."""
        return self._closure(concept_id, down=False)

    def in_structure(self, abnormality: str, structure: str) -> str:
        """What an abnormality is called in this structure: full-thickness is complete in a muscle."""
        row = self._rows.get(structure)
        if row is None:
            return abnormality
        for rule in self._equivalent:
            if rule["abnormality"] == abnormality and row["kind"] == rule["kind"]:
                above = self.broader(structure)
                if not above.intersection(rule["except"]):
                    return str(rule["means"])
        return abnormality

    def same_in(self, concept_id: str) -> tuple[tuple[str, frozenset[str]], ...]:
        """What this is called where it is named by a plainer word, with the structures in which that means it: a
        swelling of any nerve is a nerve enlargement. The reverse of ``in_structure``."""
        found = []
        for rule in self._equivalent:
            if rule["means"] == concept_id and rule["kind"] in self._rows:
                held = self.narrower(rule["kind"])
                for left_out in rule["except"]:
                    held = held - self.narrower(left_out)
                of_kind = frozenset(i for i in held if self._rows[i]["kind"] == rule["kind"])
                found.append((str(rule["abnormality"]), of_kind))
        return tuple(found)

    def also(self, concept_id: str) -> tuple[str, ...]:
        """What a word for this means too where a question says it plainly."""
        return tuple(self._also.get(concept_id, ()))

    def near(self, concept_id: str) -> tuple[str, ...]:
        """What is shown instead where nobody has this, beside what it is a kind of."""
        return tuple(self._near.get(concept_id, ()))

    def injuries(self, structure: str) -> tuple[str, ...]:
        """What an injury of this structure may be: of a ligament a sprain or a tear."""
        row = self._rows.get(structure)
        return tuple(self._injury.get(row["kind"], ())) if row is not None else ()

    # ------------------------------------------------------------------------------------ inside

    def _is_of(self, concept_id: str, kinds: Collection[str]) -> bool:
        return not kinds or self._rows[concept_id]["kind"] in kinds

    def _claims(self, folded: str) -> list[Form]:
        return [Form.read(claim) for claim in self._forms.get(folded, "").split("|") if claim]

    def _rank(self, concept_id: str) -> int:
        kind = self._rows[concept_id]["kind"]
        return next((n for n, kinds in enumerate(_FIRST_KINDS) if kind in kinds), len(_FIRST_KINDS))

    def _choose(
        self, folded: str, kinds: Collection[str], *, deliberate: bool, written: str = ""
    ) -> Form | None:
        forms = [f for f in self._claims(folded) if self._is_of(f.concept, kinds)]
        if not deliberate:
            forms = [f for f in forms if f.tier != _SHORT and (not f.exact or f.exact == written)]
        if not forms:
            return None
        if folded in self._ambiguous and len({f.concept for f in forms}) > 1:
            return None
        best = min(f.tier for f in forms)
        forms = [f for f in forms if f.tier == best]
        rank = min(self._rank(f.concept) for f in forms)
        forms = [f for f in forms if self._rank(f.concept) == rank]
        if len(forms) == 1:
            return forms[0]
        ids = {f.concept for f in forms}
        return next((f for f in forms if ids <= self.narrower(f.concept)), None)

    def _longest_at(self, text: str, words: tuple[Token, ...], at: int) -> tuple[Mention | None, int]:
        mention, used = self._match(text, words, at, len(words))
        if mention is None:
            return None, used
        # "L4/L5 disc herniation": give a word back when the same concept can spare it to a longer next name.
        for shorter in range(used - 1, 0, -1):
            other, length = self._match(text, words, at, shorter)
            if other is None or length != shorter or other.concept != mention.concept:
                continue
            following, reach = self._match(text, words, at + shorter, len(words))
            if following is not None and shorter + reach > used:
                return other, shorter
        return mention, used

    def _match(self, text: str, words: tuple[Token, ...], at: int, most: int) -> tuple[Mention | None, int]:
        """The longest name of at most ``most`` words from word ``at`` on, and how many words it takes."""
        limit = min(most, self._longest.get(words[at].word, 1))
        for length in range(self._joined(text, words, at, limit), 0, -1):
            start, end = words[at].start, words[at + length - 1].end
            folded = " ".join(token.word for token in words[at : at + length])
            if folded in self._exceptions:
                return None, length
            if folded in self._forms:
                form = self._choose(folded, (), deliberate=False, written=text[start:end])
                if form is not None:
                    via = TIERS[form.tier] if form.tier < TIERS.index("hinted") else "synonym"
                    return Mention(start, end, form.concept, text[start:end], via), length
        return None, 1

    @staticmethod
    def _joined(text: str, words: tuple[Token, ...], at: int, limit: int) -> int:
        """How many words from ``at`` (at most ``limit``) can belong to one name."""
        count = 1
        while count < limit and at + count < len(words):
            before, after = words[at + count - 1], words[at + count]
            gap = text[before.end : after.start]
            initial = gap.startswith(".") and len(before.word) == 1  # m. rectus femoris
            if not _JOINED.match(gap[1:] if initial else gap):
                break
            count += 1
        return count if limit else 0

    def _closure(self, concept_id: str, *, down: bool) -> frozenset[str]:
        if concept_id not in self._rows:
            return frozenset()
        key = (concept_id, down)
        if key not in self._closures:
            wholes, kinds = ("part_of", "region"), ("is_a", "same")
            if down:
                links = self._links()
                reached = _reach(_reach({concept_id}, links, wholes), links, kinds)
            else:
                reached = {concept_id}
                reached = self._climb(self._climb(reached, same_kind=True), same_kind=False)
            self._closures[key] = frozenset(reached)
        return self._closures[key]

    def _links(self) -> dict[str, dict[str, list[str]]]:
        """Children by relation; ``same`` are the parts that are of their whole's own kind."""
        if self._children is None:
            links: dict[str, dict[str, list[str]]] = {r: {} for r in ("is_a", "part_of", "region", "same")}
            for child, row in self._rows.items():
                for relation in ("is_a", "part_of", "region"):
                    for parent in row.get(relation, ()):
                        links[relation].setdefault(parent, []).append(child)
                        if relation == "part_of" and self._rows[parent]["kind"] == row["kind"]:
                            links["same"].setdefault(parent, []).append(child)
            self._children = links
        return self._children

    def _climb(self, start: set[str], *, same_kind: bool) -> set[str]:
        reached, waiting = set(start), list(start)
        while waiting:
            child = waiting.pop()
            row = self._rows[child]
            parents = [
                p for p in row.get("part_of", ()) if not same_kind or self._rows[p]["kind"] == row["kind"]
            ]
            if same_kind:
                parents.extend(row.get("is_a", ()))
            new = [p for p in parents if p not in reached]
            reached.update(new)
            waiting.extend(new)
        return reached


def _reach(start: set[str], links: dict[str, dict[str, list[str]]], relations: tuple[str, ...]) -> set[str]:
    reached, waiting = set(start), list(start)
    while waiting:
        parent = waiting.pop()
        for relation in relations:
            for child in links[relation].get(parent, ()):
                if child not in reached:
                    reached.add(child)
                    waiting.append(child)
    return reached


def concept_from(concept_id: str, row: Mapping[str, Any]) -> Concept:
    """A concept from one row of the compiled table (see ``terms.build``)."""
    defined = row.get("defined_as", {})
    return Concept(
        id=concept_id,
        kind=row["kind"],
        preferred=row["name"],
        names=tuple(row.get("synonyms", ())),
        abbreviations=tuple(row.get("abbreviations", ())),
        misspellings=tuple(row.get("misspellings", ())),
        short_names=tuple(row.get("short_names", ())),
        is_a=tuple(row.get("is_a", ())),
        part_of=tuple(row.get("part_of", ())),
        branch_of=tuple(row.get("branch_of", ())),
        region=tuple(row.get("region", ())),
        defined_as=(_triple(defined),) if defined else (),
        codes=tuple(Code(*code) for code in row.get("codes", ())),
        values=tuple(row.get("values", ())),
        unit=row.get("unit", ""),
        ordinal=row.get("ordinal"),
        note=row.get("note", ""),
    )


def _triple(defined: Mapping[str, str]) -> tuple[str, str, str]:
    return defined.get("structure", ""), defined.get("abnormality", ""), defined.get("site", "")


def lexicon() -> Lexicon:
    """The vocabulary spoken here: that of the archive being asked (``speaking``), else the package's own."""
    return _spoken.get() or packaged()


#: An archive with terms of its own is asked in them; two archives in one process do not mix.
_spoken: ContextVar[Lexicon | None] = ContextVar("vocabulary", default=None)


@contextmanager
def speaking(vocabulary: Lexicon | None) -> Iterator[None]:
    """What is done meanwhile, is done in this vocabulary (None: the package's own)."""
    token = _spoken.set(vocabulary)
    try:
        yield
    finally:
        _spoken.reset(token)


@cache
def packaged() -> Lexicon:
    """The lexicon that ships with the program, loaded once from its compiled table."""
    return Lexicon(json.loads(Path(__file__).with_name("lexicon.json").read_bytes()))
