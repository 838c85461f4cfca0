"""What full-text search reads of a case or a file: its words, without what they deny, and their concepts.

Beside the words of each column stand tokens for the concepts recognised there (``query.fts``), so that every
spelling and every narrower name answers to a concept. ``verbatim`` keeps every word as written, for phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache

from casearchive.choices import PRESENT
from casearchive.mining import told_before
from casearchive.model import Case, Facts
from casearchive.query import fts
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon, Mention, lexicon
from casearchive.terms.clauses import sentences
from casearchive.terms.context import UNSAID, affirmed, scopes
from casearchive.terms.slips import mended

#: What a text is about even where it denies a finding there.
_ABOUT = STRUCTURE_KINDS | {
    "laterality",
    "modality",
    "mode",
    "maneuver",
    "maneuver_state",
    "plane",
    "site",
    "position",
}
_NOT_WORDS = re.compile(r"[\W_]+", re.UNICODE)


@dataclass(frozen=True)
class DocumentText:
    """One row of ``case_search``, its columns in order."""

    title: str = ""
    diagnosis: str = ""
    findings: str = ""
    captions: str = ""
    story: str = ""
    meta: str = ""
    verbatim: str = ""

    def row(self) -> tuple[str, ...]:
        return astuple(self)


def document_text(case: Case, vocabulary: Lexicon, reports: Sequence[str] = ()) -> DocumentText:
    """The searchable text of a case. Absent findings and earlier impressions are in ``verbatim`` only;
    differentials, pitfalls and references are words, never concepts the case has. Of ``reports`` there are the
    concepts alone: their words may name people."""
    write = _Writer(vocabulary)
    story = case.story
    history, others = _as_told(story.history)
    told = (history, story.technique, story.discussion, story.treatment, story.outcome, *story.points)
    names = (*story.symptoms, *story.mechanism, *(t.test for t in case.tests))
    labels = (case.slug.replace("-", " "), *case.tags, *case.category, case.difficulty, case.patient.activity)
    author = (case.author.name, case.author.affiliation)
    unsaid = (*story.differential, *story.pitfalls, *story.references, *author)
    diagnoses = (d for d in story.diagnosis if d.certainty in PRESENT)
    return DocumentText(
        title=write.said(case.title),
        diagnosis=write.said(
            named=[n for d in diagnoses for n in (d.side, d.structure, d.what, d.confirmed_by)]
        ),
        findings=_joined((_findings(write, case), write.concepts(*reports))),
        captions=write.said(
            *(f"{m.caption} {m.quiz_caption}" for m in case.media),
            named=[
                n for m in case.media for n in (m.side, m.structure, m.plane, m.mode, m.maneuver, m.position)
            ],
        ),
        story=_joined((write.said(*told), write.places(others))),
        meta=_joined((write.said(*labels, named=names), *unsaid, fts.token("hasquiz") if case.quiz else "")),
        verbatim=_joined(_every_word(case)),
    )


def instance_text(facts: Facts, name: str, vocabulary: Lexicon | None = None) -> DocumentText:
    """The searchable text of a file that belongs to no case: its descriptions and the words of its name.

    A file name may identify somebody: its words go into ``meta`` and nowhere else.
    """
    write = _Writer(vocabulary or lexicon())
    study, series, instance = facts.study, facts.series, facts.instance
    described = (study.study_description, series.series_description, series.protocol_name)
    technical = (
        series.body_part_examined, series.laterality, instance.image_laterality, instance.anatomic_region,
        instance.view_name, instance.stage_name, instance.transducer_type,
        (instance.transducer_data or "").split("\\")[0],  # the name of the probe; a serial number may follow
        series.manufacturer, series.manufacturer_model_name, *facts.modes,
    )  # fmt: skip
    texts = tuple(_spaced(t) for t in described if t)
    return DocumentText(
        findings=write.concepts(facts.report),
        captions=write.said(*texts),
        meta=write.said(*(_spaced(t) for t in technical if t), _spaced(name)),
        verbatim=_joined(t for t in described if t),
    )


def _as_told(history: str) -> tuple[str, str]:
    """A history without what it says others thought, and that."""
    parts = [(history[s.start : s.end], told_before(history[s.start : s.end])) for s in sentences(history)]
    if not any(before for _, before in parts):
        return history, ""
    return ". ".join(p for p, before in parts if not before), ". ".join(p for p, before in parts if before)


def _findings(write: _Writer, case: Case) -> str:
    named: list[str] = []
    texts: list[str] = []
    for f in (f for f in case.findings if f.certainty in PRESENT):
        named += (f.severity, f.side, f.structure, f.site, f.abnormality, *f.echogenicity)
        named += (f.dynamic.maneuver,) if f.dynamic else ()
        texts += (f.note, f"{f.dynamic.at_rest} {f.dynamic.during}" if f.dynamic else "")
    return write.said(*texts, named=named)


def _every_word(case: Case) -> Iterable[str]:
    story = case.story
    yield case.title
    yield case.quiz_title
    yield from (story.history, story.technique, story.discussion, story.treatment, story.outcome)
    yield from (*story.points, *story.pitfalls, *story.differential, *story.references)
    for diagnosis in story.diagnosis:
        yield f"{diagnosis.what} {diagnosis.structure}"
    for prior in case.priors:
        yield prior.impression
        yield prior.note
    for test in case.tests:
        yield f"{test.test} {test.result} {test.note}"
    for media in case.media:
        yield media.caption
        yield media.quiz_caption
    for finding in case.findings:
        yield finding.note
        if finding.dynamic:
            yield finding.dynamic.at_rest
            yield finding.dynamic.during
    for measurement in case.measurements:
        yield measurement.note
    for quiz in case.quiz:
        yield quiz.question
        yield from quiz.options
        yield quiz.why


def _joined(texts: Iterable[str]) -> str:
    """Texts that must not run into one another: a phrase never spans two of them."""
    return "\n".join(t.strip() for t in texts if t and t.strip())


def _spaced(text: str) -> str:
    """A name or code value as words: ``THIGH_RT-long.dcm`` is thigh, rt, long, dcm."""
    return " ".join(_NOT_WORDS.sub(" ", text).split())


@dataclass(frozen=True)
class _Writer:
    vocabulary: Lexicon

    def said(self, *texts: str, named: Iterable[str] = ()) -> str:
        """What the texts affirm, and the tokens of the concepts in that; slips are understood as they were meant.

        Of what is denied or asked, the structure, side, study and manoeuvre are still what the text is about.
        ``named`` are concept ids, which need no understanding; other words among them are read like texts.
        """
        known: dict[str, str] = {}
        more: list[str] = []
        for value in (v for v in named if v and v not in ("unknown", "none")):
            concept = self.vocabulary.concept(value)
            if concept is None:
                more.append(value)
            else:
                known[value] = concept.preferred
        words, about, tokens = self.told((*more, *texts), known)
        return _joined((" ".join(known.values()), *words, " ".join(about), " ".join(tokens)))

    def concepts(self, *texts: str) -> str:
        """The same without a word of the texts: tokens alone."""
        return " ".join(self.told(texts)[2])

    def places(self, text: str) -> str:
        """What a text is about, and nothing that it finds there: tokens alone."""
        concepts = {m.concept: None for m in self.vocabulary.recognise(text) if self.kind(m) in _ABOUT}
        return " ".join(self.tokens(concepts))

    def told(
        self, texts: Iterable[str], known: Iterable[str] = ()
    ) -> tuple[list[str], list[str], tuple[str, ...]]:
        """The words that are affirmed, the structures and the like of what is not, and the tokens of both."""
        words: list[str] = []
        about: list[str] = []
        concepts: dict[str, None] = dict.fromkeys(known)
        for text in texts:
            if not text.strip():
                continue
            meant = mended(text, self.vocabulary).text
            kept = affirmed(meant)
            words.append(kept if meant == text else affirmed(text))
            for mention in self.vocabulary.recognise(meant):
                if kept[mention.start : mention.end] == meant[mention.start : mention.end]:
                    concepts[mention.concept] = None
                elif self.is_about(meant, mention):
                    concepts[mention.concept] = None
                    about.append(mention.text)
        return words, about, self.tokens(concepts)

    def is_about(self, text: str, mention: Mention) -> bool:
        """A structure or the like inside a scope that denies or asks for a finding: the text is about it."""
        if self.kind(mention) not in _ABOUT:
            return False
        for scope in scopes(text, self.vocabulary):
            if scope.presence not in UNSAID or not scope.start <= mention.start < scope.end:
                continue
            if scope.presence == "other_person" or not self.finding_in(text[scope.start : scope.end]):
                return False
        return True

    def finding_in(self, text: str) -> bool:
        return any(self.kind(m) in ABNORMALITY_KINDS for m in self.vocabulary.recognise(text))

    def kind(self, mention: Mention) -> str:
        concept = self.vocabulary.concept(mention.concept)
        return concept.kind if concept else ""

    def tokens(self, concepts: Iterable[str]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        above = _above(self.vocabulary)
        for concept in concepts:
            found[fts.token(concept)] = None
            for concept_id in above.get(concept, ()):
                found[fts.above_token(concept_id)] = None
        return tuple(found)


@lru_cache(maxsize=4)
def _above(vocabulary: Lexicon) -> dict[str, tuple[str, ...]]:
    """For every concept those that a question for them includes it in: the inverse of ``narrower``.

    A composite also stands for its parts: tennis leg is a tear, and is at the calf.
    """
    above: dict[str, set[str]] = {}
    for concept_id in vocabulary.ids():
        for below in vocabulary.narrower(concept_id):
            above.setdefault(below, set()).add(concept_id)
    for concept_id in vocabulary.ids():
        concept = vocabulary.concept(concept_id)
        for triple in concept.defined_as if concept else ():
            for part in filter(None, triple):
                above[concept_id] |= above.get(part, {part})
    return {k: tuple(sorted(v - {k})) for k, v in above.items()}
