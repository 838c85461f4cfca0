"""A case as a MIRCdocument: the element names of RSNA's schema, and our own facts in a namespace of their own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from casearchive.choices import PRESENT
from casearchive.exporters import _words as words
from casearchive.exporters._codes import standard_code
from casearchive.exporters._mirc import facts
from casearchive.exporters._mirc.pictures import PANE, Figure
from casearchive.exporters._plain import one_line, plain
from casearchive.model import Case, Media, Quiz
from casearchive.record import sentences
from casearchive.record.layout import Path
from casearchive.record.spoilers import told_in
from casearchive.terms import lexicon
from casearchive.terms.concepts import Code

NAME = "MIRCdocument.xml"
#: How MIRC's documents call coding systems; a lexicon's term has an element of its own.
_SYSTEMS = {"SCT": "SNOMED CT", "LN": "LOINC", "DCM": "DICOM", "MDC": "MDC", "UMLS": "UMLS"}
_RADLEX = ("RADLEX",)
_AGE_UNITS = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
_RIGHTS = (
    "For teaching, not for diagnosis. Pictures and words were de-identified; do not try to tell who it was."
)
#: Which elements tell a fact of the record (``facts.Saying``); a learner's document does not say it.
_Saying = defaultdict[Path, list[ET.Element]]


def document(case: Case, number: int, figures: Sequence[Figure], *, quiz: bool) -> bytes:
    """The XML of a case; ``number`` counts from 1 within the set. ``quiz`` makes the learner's document: what tells the
    answer stands in responses, which MIRC shows when they are asked for, and nowhere else. UTF-8, without a DOCTYPE."""
    root = ET.Element("MIRCdocument", {"display": "page"})
    saying: _Saying = defaultdict(list)
    title = _open_title(case, number) if quiz else case.title or case.quiz_title
    _text(root, "title", title)
    if not quiz and case.quiz_title:
        _text(root, "alternative-title", case.quiz_title)
    author = ET.SubElement(root, "author")
    _text(author, "name", case.author.name or "not stated")
    _optional(author, "affiliation", case.author.affiliation)
    if not quiz:
        abstract = ET.SubElement(root, "abstract")
        _text(abstract, "p", _abstract(case))
        saying[()].append(abstract)
        saying["tags",] += _optional(root, "keywords", ", ".join(case.tags))
    saying[()].append(_text(root, "document-type", "Teaching file"))
    _patient(root, case, saying)
    _history(root, case, saying, quiz=quiz)
    _images(root, case, figures, saying, quiz=quiz)
    if not quiz:
        _told(root, case, figures, saying)
    _quiz(root, case, saying, with_diagnosis=quiz)
    _terms(root, case, saying, quiz=quiz)
    saying[()].append(_text(root, "rights", _RIGHTS))
    rights = ET.SubElement(root, "authorization")  # empty: nobody but the owner, whoever takes it in
    for name in ("owner", "read", "update", "export"):
        ET.SubElement(rights, name)
    if not quiz:
        facts.add(root, case, figures, saying)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


# ------------------------------------------------------------------------------------------------------- parts


def _open_title(case: Case, number: int) -> str:
    return case.quiz_title if case.quiz_title and not told_in(case.quiz_title, case) else f"Case {number}"


def _abstract(case: Case) -> str:
    told = "; ".join(sentences.sentence(sentences.diagnosis(d)) for d in case.story.diagnosis)
    return ". ".join(
        part for part in (told or case.title, "Fictional case" if case.fictional else "") if part
    )


def _patient(root: ET.Element, case: Case, saying: _Saying) -> None:
    """Age and sex; never a name or a number."""
    patient = case.patient
    age = re.fullmatch(r"\s*0*(\d{1,3})\s*([YMWD])\s*", patient.age)
    sex = {"M": "Male", "F": "Female"}.get(patient.sex, patient.sex)
    if not (age or sex):
        return
    element = ET.SubElement(root, "patient")
    if age:
        _text(ET.SubElement(element, "pt-age"), _AGE_UNITS[age[2]], age[1])
    _optional(element, "pt-sex", sex)
    saying["patient",].append(element)


def _history(root: ET.Element, case: Case, saying: _Saying, *, quiz: bool) -> None:
    story = case.story
    section = _section(root, "History")
    history = ET.SubElement(section, "history")
    _paragraphs(history, story.history)
    lines: tuple[tuple[str, Path, Iterable[str]], ...] = (
        ("Patient", ("patient",), [words.patient_line(case.patient)]),
        ("Symptoms", ("story", "symptoms"), map(words.plain, story.symptoms)),
        ("Mechanism", ("story", "mechanism"), map(words.plain, story.mechanism)),
        ("Tests", ("test",), [_tests(case)]),
        ("Technique", ("story", "technique"), [story.technique]),
    )
    for head, path, values in lines:
        told = "; ".join(filter(None, values))
        if told and not (quiz and told_in(told, case)):
            # one paragraph, which its first word sets apart from the author's own
            saying[path].append(_text(history, "p", f"{head}: {told}"))


def _tests(case: Case) -> str:
    told = (
        " ".join(filter(None, (words.plain(t.side), f"{words.plain(t.test)}: {t.result or 'done'}", t.note)))
        for t in case.tests
    )
    return "; ".join(told)


def _images(root: ET.Element, case: Case, figures: Sequence[Figure], saying: _Saying, *, quiz: bool) -> None:
    if not figures:
        return
    section = ET.SubElement(root, "image-section", {"heading": "Images", "image-pane-width": str(PANE)})
    places = {media.id: place for place, media in enumerate(case.media)}
    for figure in figures:
        media = case.media[places[figure.ref]] if figure.ref in places else Media(figure.ref)
        size = {"width": str(figure.width), "height": str(figure.height)}
        image = ET.SubElement(section, "image", {"src": figure.name("picture"), **size})
        if figure.name("moving"):
            image.set("href", figure.name("moving"))
        _alternative(image, figure, "icon", "icon")
        _alternative(image, figure, "svg", "annotation", type="svg")
        _alternative(image, figure, "annotation", "annotation", type="image")
        _alternative(image, figure, "original-dimensions", "original-dimensions")
        _alternative(image, figure, "original-format", "original-format")
        caption = ET.SubElement(image, "image-caption", {"display": "always"})
        caption.text = one_line(_caption(case, media, figure, quiz=quiz))
        if figure.ref in places:
            saying["media", places[figure.ref]].append(caption)


def _alternative(image: ET.Element, figure: Figure, what: str, role: str, **more: str) -> None:
    if figure.name(what):
        ET.SubElement(image, "alternative-image", {"role": role, **more, "src": figure.name(what)})


def _caption(case: Case, media: Media, figure: Figure, *, quiz: bool) -> str:
    """The author's words, or how the picture was taken where these tell the answer."""
    view = ", ".join(
        filter(None, (words.plain(t) for t in (media.side, media.plane, media.mode, media.maneuver, media.position)))
    )  # fmt: skip
    told = (media.quiz_caption if quiz else media.caption or media.quiz_caption) or ""
    if quiz and told_in(told, case):
        told = ""
    cine = f"frame {figure.shown} of {figure.frames}" if figure.frames > 1 else ""
    name = f"{figure.number}."
    return " ".join(filter(None, (name, told or words.sentence(view), f"({cine})" if cine else "")))


def _told(root: ET.Element, case: Case, figures: Sequence[Figure], saying: _Saying) -> None:
    """Findings, diagnosis and all that follows, each under the heading that MIRC's readers know."""
    story = case.story
    _findings(root, case, {figure.ref: figure.number for figure in figures}, saying)
    diagnoses = [words.sentence(sentences.diagnosis(d)) for d in story.diagnosis]
    _listed(root, "Diagnosis", "diagnosis", diagnoses, saying, ("story", "diagnosis"))
    confirmed = [words.plain(d.confirmed_by) for d in story.diagnosis if d.confirmed_by]
    saying[()] += _optional(root, "confirmation", ", ".join(dict.fromkeys(confirmed)))
    considered = map(words.plain, story.differential)
    _listed(root, "Ddx", "differential-diagnosis", considered, saying, ("story", "differential"))
    _listed(root, "Earlier assessments", "", map(sentences.prior, case.priors), saying, ("prior",))
    if story.discussion:
        _paragraphs(ET.SubElement(_section(root, "Discussion"), "discussion"), story.discussion)
    for heading, text in (("Treatment", story.treatment), ("Outcome", story.outcome)):
        if text:
            _paragraphs(_section(root, heading), text)
    _listed(root, "Teaching points", "", story.points)
    _listed(root, "Pitfalls", "", story.pitfalls)
    if story.references:
        references = ET.SubElement(root, "references")
        for reference in story.references:
            _text(references, "reference", reference)


def _findings(root: ET.Element, case: Case, shown: dict[str, int], saying: _Saying) -> None:
    """A row for each finding with its measurements and links to its images, and for each other measurement."""
    if not (case.findings or case.measurements):
        return
    rows = ET.SubElement(ET.SubElement(_section(root, "Findings"), "findings"), "ol")
    told: dict[str, ET.Element] = {}
    for number, finding in enumerate(case.findings):
        row = told[finding.id] = ET.SubElement(rows, "li")
        row.text = one_line(sentences.finding(case, finding)) + " "
        for ref in dict.fromkeys(seen.media for seen in finding.evidence if seen.media in shown):
            link = ET.SubElement(row, "show", {"image": str(shown[ref])})
            link.text, link.tail = f"[image {shown[ref]}]", " "
        saying["finding", number].append(row)
    for number, measured in enumerate(case.measurements):
        if measured.finding not in told:
            row = _text(rows, "li", words.sentence(sentences.measured(measured)))
        else:
            row = told[measured.finding]
        saying["measurement", number].append(row)


# -------------------------------------------------------------------------------------------------------- quiz


def _quiz(root: ET.Element, case: Case, saying: _Saying, *, with_diagnosis: bool) -> None:
    if not case.quiz and not with_diagnosis:
        return
    quiz = ET.SubElement(root, "quiz")
    saying[()].append(_text(quiz, "quiz-context", "Look at the images, then answer."))
    for number, asked in enumerate(case.quiz):
        question = _question(quiz, asked.question)
        saying["quiz", number].append(question)
        for place, option in enumerate(asked.options, start=1):
            _answer(question, option, _response(asked, place))
        if not asked.options:
            _answer(question, "Show the answer", [asked.why or "See the diagnosis."])
    if with_diagnosis:
        _answer(_question(quiz, "What are the findings and the diagnosis?"), "Show them", _solved(case))


def _response(asked: Quiz, place: int) -> list[str]:
    reason = asked.reasons[place - 1] if place <= len(asked.reasons) else ""
    if asked.answer is None:
        return [text for text in (reason, asked.why) if text] or ["There is no one right answer."]
    said = ("Right.", reason, asked.why) if place == asked.answer else ("No.", reason)
    return [" ".join(filter(None, said))]


def _solved(case: Case) -> list[str]:
    story = case.story
    told = [case.title, *(words.sentence(sentences.diagnosis(d)) for d in story.diagnosis)]
    told += [sentences.finding(case, finding) for finding in case.findings]
    told += [*words.paragraphs(story.discussion), *story.points, *story.pitfalls]
    return [text for text in told if plain(text)] or ["Nothing is told of it."]


def _question(quiz: ET.Element, text: str) -> ET.Element:
    question = ET.SubElement(quiz, "question")
    _text(question, "question-body", text)
    return question


def _answer(question: ET.Element, text: str, response: Iterable[str]) -> None:
    answer = ET.SubElement(question, "answer")
    _text(answer, "answer-body", text)
    told = ET.SubElement(answer, "response")
    for paragraph in response:
        _text(told, "p", paragraph)


# ------------------------------------------------------------------------------------------------------- terms


def _terms(root: ET.Element, case: Case, saying: _Saying, *, quiz: bool) -> None:
    """What MIRC searches by. In a quiz only what tells nothing."""
    saying[()].append(_text(root, "modality", "US"))
    saying[()] += _optional(root, "organ-system", ", ".join(map(words.plain, case.category)))
    categories = ", ".join(words.sentence(words.plain(c)) for c in case.category)
    saying["category",] += _optional(root, "category", categories)
    _optional(root, "level", case.difficulty.capitalize())
    if quiz:
        return
    structures = [*(f.structure for f in case.findings), *(d.structure for d in case.story.diagnosis)]
    for structure in dict.fromkeys(filter(None, structures)):
        saying[()] += _optional(root, "anatomy", words.plain(structure))
    for what in dict.fromkeys(d.what for d in case.story.diagnosis if d.what):
        saying[()] += _optional(root, "pathology", words.plain(what))
    # a code says that something is there: what was excluded has none
    seen = [f.abnormality for f in case.findings if f.certainty in PRESENT]
    named = [*structures, *(d.what for d in case.story.diagnosis), *seen]
    for code in dict.fromkeys(code for term in named for code in _codes(term)):
        if code.scheme in _RADLEX:
            element = _text(root, "term", code.meaning, lexicon="RadLex", id=code.value)
        else:
            element = ET.SubElement(root, "code", {"coding-system": _SYSTEMS.get(code.scheme, code.scheme)})
            element.text = code.value
            _text(element, "meaning", code.meaning)
        saying[()].append(element)


def _codes(term: str) -> list[Code]:
    """The code of what a record names, and its RadLex term; none where the lexicon has none that means it."""
    concept = lexicon().concept(term)
    if concept is None:
        return []
    kinds = ([c for c in concept.codes if (c.scheme in _RADLEX) == radlex] for radlex in (False, True))
    return [code for code in map(standard_code, kinds) if code is not None]


# ------------------------------------------------------------------------------------------------------ helpers


def _section(root: ET.Element, heading: str) -> ET.Element:
    return ET.SubElement(root, "section", {"heading": heading})


def _listed(
    root: ET.Element,
    heading: str,
    name: str,
    values: Iterable[str],
    saying: _Saying | None = None,
    path: Path = (),
) -> None:
    told = [(number, one_line(value)) for number, value in enumerate(values)]
    told = [(number, value) for number, value in told if value]
    if not told:
        return
    section = _section(root, heading)
    rows = ET.SubElement(ET.SubElement(section, name) if name else section, "ul")
    for number, value in told:
        row = _text(rows, "li", value)
        if saying is not None:
            saying[(*path, number)].append(row)


def _paragraphs(element: ET.Element, text: str) -> list[ET.Element]:
    return [_text(element, "p", paragraph) for paragraph in words.paragraphs(plain(text))]


def _optional(parent: ET.Element, name: str, text: str) -> list[ET.Element]:
    return [_text(parent, name, text)] if one_line(text) else []


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, name, attributes)
    element.text = one_line(text)
    return element
