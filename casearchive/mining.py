"""What the words of a case or a file say beside its findings: findings read in the text, earlier labels, disputes.

Pure: a case or facts in, values out. What is read here was reviewed by nobody, so the author's findings win: of a
structure and an abnormality that they speak of, in any certainty, nothing is taken from the text. Where the text
contradicts them, that is a dispute for a person to settle. Differential, pitfalls and references are never read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from casearchive.choices import CERTAINTIES, PRESENT
from casearchive.claims import side as claimed_side
from casearchive.mined import REPORT, Dispute, Label, Mined, Mining
from casearchive.model import Case, Diagnosis, Dynamic, Evidence, Facts, Finding, Grade, Measurement, Media
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon, lexicon
from casearchive.terms.binding import implied
from casearchive.terms.grades import called
from casearchive.terms.phrases import held
from casearchive.terms.quantities import sides_of
from casearchive.terms.understanding import About, Statement, understand

_SIDES = ("left", "right", "bilateral", "midline")
#: Told by others, before this examination: what was "diagnosed" there is an earlier label.
_TOLD = re.compile(
    r"\b(?:diagnosed|diagnosis|called|told|(?:thought|believed|assumed) (?:to be|it was))\b", re.IGNORECASE
)
_HERE = re.compile(r"\b(?:ultrasound|sonograph\w*|us|scan|we|here|today|surgery)\b", re.IGNORECASE)
#: A teaching point speaks of this case only where it tells what happened.
_HAPPENED = re.compile(
    r"\b(?:was|were|had|showed|this (?:case|patient|tear|man|woman)|here)\b", re.IGNORECASE
)
_BEFORE = re.compile(
    r"\b(?:elsewhere|outside|external|previous|earlier|before|had (?:reported|shown|described|called|suggested))\b",
    re.IGNORECASE,
)
#: An examination by the same method, before this one.
_STUDY_BEFORE = re.compile(
    r"\b(?:(?:previous|earlier|prior|outside|external|last|first) (?:\w+ )?(?:report|scan|ultrasound|examination|exam|"
    r"study|sonogra\w+)|(?:report|scan|ultrasound|sonogra\w+) elsewhere|elsewhere (?:reported|described|called))\b",
    re.IGNORECASE,
)
_OF_A_FILE = (*CERTAINTIES, "historical")
_ORDER = {"definite": 0, "probable": 1, "possible": 2, "absent": 3, "not_assessed": 4}


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement with its place; ``media`` is the clip that a caption belongs to."""

    said: Statement
    source: str
    media: str = ""


def in_known_words(case: Case, vocabulary: Lexicon) -> Case:
    """The case with structures and abnormalities that its author wrote in words of his own ("second metatarsal") as
    the concepts that these hold; what holds none stays as it is."""
    places, kinds = STRUCTURE_KINDS | {"site"}, ABNORMALITY_KINDS

    def known(word: str, among: Collection[str], side: str = "unknown") -> tuple[str, str]:
        """The concept and the side; the word as it is where it names another side than is given."""
        found = held(word, among, vocabulary) if word and word not in vocabulary else None
        if found is None or len({*found.sides, *({side} - {"", "unknown"})}) > 1:
            return word, side
        return found.concept.id, (*found.sides, side)[0]

    def made(finding: Finding) -> Finding:
        structure, side = known(finding.structure, places, finding.side)
        abnormality, side = known(finding.abnormality, kinds, side)
        site = (
            finding.site or implied(abnormality, vocabulary)[1]
        )  # a carpal tunnel syndrome is at the tunnel
        return replace(finding, structure=structure, abnormality=abnormality, site=site, side=side)

    findings = tuple(made(f) for f in case.findings)

    def told(diagnosis: Diagnosis) -> Diagnosis:
        structure, side = known(diagnosis.structure, places, diagnosis.side)
        what, side = known(diagnosis.what, kinds, side)
        return replace(diagnosis, structure=structure, what=what, side=side)

    def shown(medium: Media) -> Media:
        structure, side = known(medium.structure, places, medium.side)
        return replace(medium, structure=structure, side=side)

    diagnosis = tuple(map(told, case.story.diagnosis))
    media = tuple(map(shown, case.media))
    return replace(case, findings=findings, media=media, story=replace(case.story, diagnosis=diagnosis))


def of_case(case: Case, vocabulary: Lexicon | None = None, reports: Iterable[str] = ()) -> Mining:
    """Everything the words of a case, and of the ``reports`` among its files, say, without what its findings say."""
    terms = vocabulary or lexicon()
    case = in_known_words(case, terms)
    every = [*_statements(case, terms), *_reported(reports, terms)]
    labels, told = [], []
    for said in every:
        if said.said.presence == "refuted_prior":
            labels += [said] if said.source != REPORT else []
        elif said.said.presence not in ("hypothetical", "other_person"):
            told.append(said)
    refuted = [s for s in told if _refuted_here(s, told, terms)]
    labels += [s for s in refuted if s.source != REPORT]
    told = [s for s in told if s not in refuted and not _answered(s, told, terms)]
    open_ = [s for s in told if not _spoken_of(s.said, case.findings, terms)]
    there = [s.said for s in told if s.said.presence in PRESENT]
    there += [_stated(f) for f in case.findings if f.certainty in PRESENT]
    rows = _settled([s for s in open_ if _worth(s.said) and not _idle(s.said, there, terms)], terms)
    return Mining(
        tuple(_finding(n, row, terms) for n, row in enumerate(rows, 1)),
        tuple(_labels(labels, case, terms)),
        tuple(_disputes([s for s in told if not s.said.inferred and s.source != REPORT], case, terms)),
        tuple(_measured(rows, told)) if not case.measurements else (),
        *_patient(f"{case.title}. {case.story.history}"),
    )


def of_facts(facts: Facts, vocabulary: Lexicon | None = None) -> tuple[Mined, ...]:
    """What the descriptions of a file's study and series say, and the file itself where it is a report."""
    terms = vocabulary or lexicon()
    side = claimed_side(facts.claims)
    about = About(side=side if side in _SIDES else "unknown")
    told = [
        _Said(statement, source)
        for source, text in (
            ("study description", facts.study.study_description),
            ("series description", facts.series.series_description),
            ("protocol name", facts.series.protocol_name),
        )
        for statement in understand(re.sub(r"_+", " ", text or ""), terms, about=about)
        if statement.presence in _OF_A_FILE
    ]
    told += [s for s in _reported([facts.report], terms) if s.said.presence in _OF_A_FILE]
    rows = _settled([s for s in told if _worth(s.said)], terms)
    return tuple(_finding(n, row, terms) for n, row in enumerate(rows, 1))


# ------------------------------------------------------------------------------------------------ reading


def _statements(case: Case, terms: Lexicon) -> Iterator[_Said]:
    """Every statement of title, story, captions and notes, with what is known of the place it stands in."""
    title = understand(case.title, terms)
    side = _side(case, title)
    topic = About(structure=_topic(title) or _named(case.title, terms), side=side)
    yield from (_Said(_sided(s, side), "title") for s in title)
    story = case.story
    told = (
        ("history", story.history), ("technique", story.technique), ("discussion", story.discussion),
        ("treatment", story.treatment), ("outcome", story.outcome), *(("teaching point", p) for p in story.points),
    )  # fmt: skip
    for source, text in told:
        for statement in understand(text, terms, about=topic):
            yield from _of_place(_Said(_placed(statement, topic.structure, terms), source))
    for media in case.media:
        about = About(structure=media.structure, side=media.side if media.side in _SIDES else side)
        for statement in understand(media.caption, terms, about=about):
            yield _Said(statement, f"caption {media.id}", media.id)
    for finding in case.findings:
        about = About(finding.structure, finding.side if finding.side in _SIDES else side, finding.modality)
        for statement in understand(finding.note, terms, about=about):
            yield _Said(statement, f"note of {finding.id}")


def _reported(reports: Iterable[str], terms: Lexicon) -> Iterator[_Said]:
    """Every statement of structured reports, a line at a time: one section says nothing of the next."""
    for line in (line for report in reports for line in report.splitlines()):
        yield from (_Said(statement, REPORT) for statement in understand(line, terms))


def told_before(sentence: str) -> bool:
    """Whether a sentence of a history tells what others thought ("called a strain", "thought to be a lipoma")."""
    return bool(_TOLD.search(sentence)) and not _HERE.search(sentence)


def _of_place(said: _Said) -> Iterator[_Said]:
    """A history tells what others thought; a teaching point, what is true of many."""
    statement = said.said
    if said.source == "teaching point" and not _HAPPENED.search(statement.quote):
        return
    told = said.source == "history" and told_before(statement.quote)
    if told and statement.presence in PRESENT:
        statement = replace(statement, presence="refuted_prior")
    yield replace(said, said=statement)


def _side(case: Case, title: Sequence[Statement]) -> str:
    """The one side of the case: of its title, else of its findings, else of its clips."""
    for sides in (
        {s.side for s in title}, {f.side for f in case.findings}, {m.side for m in case.media}
    ):  # fmt: skip
        known = sides & set(_SIDES)
        if len(known) == 1:
            return known.pop()
        if known:
            return "unknown"
    return "unknown"


def _sided(statement: Statement, side: str) -> Statement:
    return replace(statement, side=side) if statement.side == "unknown" and side in _SIDES else statement


def _topic(title: Sequence[Statement]) -> str:
    structures = {s.structure for s in title if s.structure and s.presence in PRESENT}
    return structures.pop() if len(structures) == 1 else ""


def _named(title: str, terms: Lexicon) -> str:
    """The one structure that a title names, where it says no finding of it: "the left hamstrings are off the bone"."""
    found = {m.concept for m in terms.recognise(title) if _kind_of(m.concept, terms) in _OWN_KINDS}
    return found.pop() if len(found) == 1 and not re.search(r"\b(?:not|no|never)\b", title, re.I) else ""


#: Structures that a story may go on to speak of by their class alone.
_OWN_KINDS = frozenset(("muscle", "tendon", "ligament", "nerve", "bursa", "organ"))


def _placed(statement: Statement, topic: str, terms: Lexicon) -> Statement:
    """ "The common tendon is avulsed": a class of structures, of what the case is about."""
    own = _kind_of(statement.structure, terms)
    if not topic or not own or statement.structure != own or own not in _OWN_KINDS:
        return statement
    if own == "bursa" != _kind_of(topic, terms):
        return statement
    return replace(statement, structure=topic)


def _kind_of(concept_id: str, terms: Lexicon) -> str:
    concept = terms.concept(concept_id)
    return concept.kind if concept else ""


def _answered(said: _Said, told: Sequence[_Said], terms: Lexicon) -> bool:
    """A doubt that the same case settles there, or that is of no place but by its name: "sent in as ?DVT", and later
    "the veins are compressible"."""
    doubt = said.said
    if doubt.presence != "possible":
        return False
    concept = terms.concept(doubt.abnormality)
    named = {place for place, _, _ in concept.defined_as} if concept is not None else set()
    placeless = not doubt.structure or doubt.structure in named
    denied = {
        other.said.structure
        for other in told
        if other.said.presence == "absent"
        and _related(doubt.abnormality, other.said.abnormality, terms)
        and _sides_meet(doubt, other.said)
    }
    if (placeless and denied) or any(doubt.structure in terms.narrower(place) for place in denied):
        return True
    return len(denied & terms.narrower(doubt.structure)) > 1  # two tendons of the cuff were looked at


def _refuted_here(said: _Said, told: Sequence[_Said], terms: Lexicon) -> bool:
    """ "An outside MRI had reported a tear. ATFL intact": what was seen elsewhere or before, and ultrasound denies."""
    seen = said.said
    before = _STUDY_BEFORE if seen.modality == "us" else _BEFORE
    return (
        seen.modality != "surgery"
        and seen.presence in PRESENT
        and bool(seen.structure)
        and before.search(seen.quote) is not None
        and any(
            other.said.quote != seen.quote
            and other.said.presence == "absent"
            and other.said.modality == "us"
            and seen.abnormality in terms.narrower(other.said.abnormality)
            and seen.structure in terms.narrower(other.said.structure)
            and _sides_meet(seen, other.said)
            for other in told
        )
    )


def _worth(statement: Statement) -> bool:
    """Something of its own is said, and of a side that is known or need not be."""
    if statement.abnormality in ("", "abnormality"):
        return False
    return statement.side != "contralateral"


def _stated(finding: Finding) -> Statement:
    return Statement(finding.abnormality, finding.structure, side=finding.side)


def _idle(statement: Statement, there: Sequence[Statement], terms: Lexicon) -> bool:
    """That a normal ligament is not torn needs no row where the tear of a tendon is what the case is about."""
    if not statement.inferred or statement.presence != "absent":
        return False
    return any(
        one.abnormality in terms.narrower(statement.abnormality) and one.structure != statement.structure
        for one in there
    )


# ----------------------------------------------------------------------------------- the author comes first


def _related(a: str, b: str, terms: Lexicon) -> bool:
    """The same, or one a kind or part of the other."""
    return a == b or a in terms.narrower(b) or b in terms.narrower(a)


def _spoken_of(statement: Statement, findings: Iterable[Finding], terms: Lexicon) -> bool:
    """Whether the author says something of this; a place that the vocabulary does not know may be any."""
    for finding in findings:
        if not _related(statement.abnormality, finding.abnormality, terms):
            continue
        if not statement.structure or finding.structure not in terms:
            return True
        if _related(statement.structure, finding.structure, terms):
            return True
    return False


def _disputes(told: Sequence[_Said], case: Case, terms: Lexicon) -> Iterator[Dispute]:
    """Where the text affirms what a finding denies, or the reverse, of the same place, side and modality."""
    seen: set[int] = set()
    for said in told:
        statement = said.said
        sure = ("definite", "probable", "absent")
        if statement.presence not in sure or not statement.structure or not statement.own:
            continue
        about = [(n, f) for n, f in enumerate(case.findings) if _same_place(statement, f, terms)]
        against = [n for n, f in about if _contradicts(statement, f, terms)]
        agrees = any((statement.presence == "absent") == (f.certainty == "absent") for _, f in about)
        for number in against:
            if not agrees and number not in seen:
                seen.add(number)
                yield Dispute(number, said.source, _short(statement.quote))


def _same_place(statement: Statement, finding: Finding, terms: Lexicon) -> bool:
    """The same kind of finding in the same structure, on the same side, seen by the same method."""
    if statement.modality != finding.modality or not finding.structure:
        return False
    if statement.side != finding.side and "unknown" not in (statement.side, finding.side):
        return False
    return _related(statement.abnormality, finding.abnormality, terms) and _related(
        statement.structure, finding.structure, terms
    )


def _contradicts(statement: Statement, finding: Finding, terms: Lexicon) -> bool:
    """No tear of the quadriceps against a tear of rectus femoris; never the other way round."""
    if statement.presence == "absent":
        there = finding.certainty in ("definite", "probable") and finding.temporality != "historical"
        return (
            there
            and finding.abnormality in terms.narrower(statement.abnormality)
            and finding.structure in terms.narrower(statement.structure)
        )
    return (
        finding.certainty == "absent"
        and statement.abnormality in terms.narrower(finding.abnormality)
        and statement.structure in terms.narrower(finding.structure)
    )


def _labels(labels: Sequence[_Said], case: Case, terms: Lexicon) -> Iterator[Label]:
    """Earlier labels that no prior of the record holds."""
    held = {concept for prior in case.priors for concept in prior.says}
    seen: set[str] = set()
    for said in labels:
        what = said.said.abnormality
        if what in ("", "abnormality", "normal") or what in seen:
            continue
        if any(_related(what, one, terms) for one in held):
            continue
        seen.add(what)
        yield Label(tuple(w for w in (what, said.said.structure) if w), said.source, _short(said.said.quote))


# ------------------------------------------------------------------------------------------- one case's rows


def _settled(told: Sequence[_Said], terms: Lexicon) -> list[_Said]:
    """Each thing once: the surest and most exact of what several places say; presence before absence."""
    there = [s for s in told if s.said.presence in PRESENT]
    past = [s for s in told if s.said.presence == "historical"]
    absent = [s for s in told if s.said.presence in ("absent", "not_assessed")]
    kept: list[_Said] = []
    for said in sorted(
        there, key=lambda s: (_ORDER[s.said.presence], s.said.modality != "us", s.said.inferred)
    ):
        _merge(kept, said)
    kept = [s for s in kept if not any(_covers(o.said, s.said, terms) for o in kept if o is not s)]
    wrong = [s.said for s in kept if s.said.abnormality != "normal"]
    kept = [
        s for s in kept if s.said.abnormality != "normal" or not any(_same_spot(s.said, w) for w in wrong)
    ]
    for said in past:
        if not any(_said_again(said.said, w, terms) for w in wrong):
            _merge(kept, said)
    for said in absent:
        if not any(_said_again(said.said, w, terms) for w in wrong):
            _merge(kept, said)
    return sorted(kept, key=lambda s: told.index(s) if s in told else len(told))


def _merge(kept: list[_Said], said: _Said) -> None:
    """Add ``said`` unless the same is there; then only its clip and its numbers are added to that."""
    for at, other in enumerate(kept):
        a, b = other.said, said.said
        same = (a.abnormality, a.structure, a.presence == "absent") == (
            b.abnormality,
            b.structure,
            b.presence == "absent",
        )
        if (
            same
            and (a.side == b.side or "unknown" in (a.side, b.side))
            and (a.presence == "historical") == (b.presence == "historical")
        ):
            side = b.side if a.side == "unknown" else a.side
            merged = replace(a, side=side, severity=a.severity or b.severity, site=a.site or b.site,
                             grades=a.grades or b.grades, state=a.state or b.state)  # fmt: skip
            media = other.media or said.media
            source = said.source if not other.media and said.media else other.source
            merged = replace(
                merged,
                quote=b.quote if source == said.source else a.quote,
                frames=a.frames or b.frames,
                measurements=a.measurements or b.measurements,
            )
            kept[at] = replace(other, said=merged, media=media, source=source)
            return
    kept.append(said)


def _sides_meet(a: Statement, b: Statement) -> bool:
    return a.side == b.side or "unknown" in (a.side, b.side) or "bilateral" in (a.side, b.side)


def _same_spot(a: Statement, b: Statement) -> bool:
    return _sides_meet(a, b) and (a.structure == b.structure or not a.structure)


def _covers(exact: Statement, other: Statement, terms: Lexicon) -> bool:
    """``other`` says no more than ``exact``: the same or a wider finding, nowhere or at the whole."""
    if exact is other or not _sides_meet(exact, other) or other.abnormality == "normal":
        return False
    if exact.abnormality not in terms.narrower(other.abnormality):
        return False
    narrower = exact.abnormality != other.abnormality or exact.structure != other.structure
    wide = not other.structure or exact.structure in terms.narrower(other.structure)
    return narrower and wide and bool(exact.structure or not other.structure)


def _said_again(absent: Statement, present: Statement, terms: Lexicon) -> bool:
    """What is denied in one place and found in another was found."""
    if not _sides_meet(absent, present) or present.abnormality not in terms.narrower(absent.abnormality):
        return False
    if not absent.structure:
        return (
            absent.modality != "us"
            or absent.side == present.side
            or absent.abnormality == present.abnormality
        )
    return present.structure in terms.narrower(absent.structure)


def _finding(number: int, row: _Said, terms: Lexicon) -> Mined:
    said = row.said
    past = said.presence == "historical"
    evidence = (Evidence(row.media, said.frames),) if row.media else ()
    dynamic = Dynamic(maneuver=said.state) if said.state and said.state != "rest" else None
    made = Finding(
        id=f"text-{number}",
        abnormality=said.abnormality,
        structure=said.structure,
        site=said.site,
        side=said.side if said.side in _SIDES else "unknown",
        certainty="definite" if past else said.presence,
        severity=said.severity,
        temporality="historical" if past else said.temporality,
        echogenicity=said.echogenicity,
        grades=tuple(Grade(called(g.scale, terms), g.value) for g in said.grades if g.scale),
        dynamic=dynamic,
        modality=said.modality,
        evidence=evidence,
        reviewed=False,
    )
    return Mined(made, row.source, "" if row.source == REPORT else _short(said.quote))


def _measured(rows: Sequence[_Said], told: Sequence[_Said]) -> Iterator[Measurement]:
    """The numbers of the findings that were read, each with its state, and those of a structure without a finding:
    they belong to what was found there; where nothing was, nobody could tell of what they are."""
    numbered = [(f"text-{number}", row) for number, row in enumerate(rows, 1)]
    there = {row.said.structure: name for name, row in reversed(numbered) if row.said.presence in PRESENT}
    bare = [(name, s) for s in told if not s.said.abnormality and (name := there.get(s.said.structure))]
    for name, row in (*numbered, *bare):
        for q in row.said.measurements:
            side = q.side or row.said.side
            for what, value in sides_of(q) if q.what else ():
                yield Measurement(what=what, value=value, unit=q.unit, finding=name, state=q.state,
                                  side=side if side in _SIDES else "", media=row.media)  # fmt: skip


_SPELT = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {word: number for number, word in enumerate(_SPELT, 1)}
#: "a 3-week-old haematoma" is no age of a person.
_LESION = r"(?:ha?ematoma|tear|rupture|injury|fracture|lesion|scar|wound|strain|sprain|repair|clot)s?\b"
_AGE = re.compile(
    r"\b(?:(?P<age>\d{1,3}|" + "|".join(_NUMBERS) + r")[- ]?(?P<unit>year|month|week|day)s?[- ]old\b"
    r"(?!(?:\s+(?!(?:man|woman|boy|girl|male|female|baby|infant|child|patient|with|after|had|has|and)\b)[\w-]+){0,1}\s+(?:"
    + _LESION
    + r"))|"
    r"(?:man|woman|boy|girl|male|female|patient) (?:of|aged) (?P<of>\d{1,3})\b|\baged (?P<aged>\d{1,3})\b)",
    re.IGNORECASE,
)
_FEMALE = re.compile(r"\b(?:woman|girl|female|lady|she|her|mother|pregnant)\b", re.IGNORECASE)
_MALE = re.compile(r"\b(?:man|boy|male|gentleman|he|his|him|father)\b", re.IGNORECASE)


def _patient(text: str) -> tuple[str, str]:
    """(age, sex) of the patient a text begins with."""
    match = _AGE.search(text)
    age = ""
    if match is not None:
        said = match["age"] or match["of"] or match["aged"]
        age = f"{_NUMBERS.get(said.lower(), said)} {(match['unit'] or 'year')[0].upper()}"
    found = sorted((m.start(), sex) for sex, way in (("F", _FEMALE), ("M", _MALE)) if (m := way.search(text)))
    return age, found[0][1] if found else ""


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:157].rstrip() + "…"
