"""From a teaching set to the text of its pages: what is open, and what is sealed until it is asked for.

A page is written in one of two ways: as a file of its own, or as a template inside a single file. Its words are the
same in both; where links lead and how the style and the script come in differs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from casearchive.exporters import _labels
from casearchive.exporters import _words as words
from casearchive.exporters._figures import open_title, region
from casearchive.exporters._html import sealing
from casearchive.exporters._html.figures import Figure, Look, look_at
from casearchive.exporters._html.sealing import seal, unseal
from casearchive.exporters._labels import say
from casearchive.exporters._marks import Mark, colour_of
from casearchive.model import Case, Evidence, Finding, Measurement
from casearchive.teaching import TeachingCase, TeachingSet

#: The parts of the script, in the order in which they are put together.
SCRIPTS = (
    "store", "common", "geometry", "source", "marks", "player", "view", "pointer", "ruler", "compare", "answer", "quiz",
    "list", "score", "start",
)  # fmt: skip

#: The answer's sections in reading order: the name of the macro in ``answer.html``, the label of its heading, and the
#: stage in which it opens.
SECTIONS = (
    ("findings", "shared.findings", "findings"),
    ("diagnosis", "shared.diagnosis", "diagnosis"),
    ("differential", "shared.differential", "diagnosis"),
    ("priors", "page.priors", "diagnosis"),
    ("discussion", "shared.discussion", "teaching"),
    ("treatment", "page.treatment_outcome", "teaching"),
    ("points", "page.points_pitfalls", "teaching"),
    ("references", "shared.references", "teaching"),
)

_FROM_FILES = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; media-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a set is written. ``single``: everything in one file. ``instructor``: the answers stand open."""

    single: bool = False
    instructor: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A case on the index page; nothing in it tells the diagnosis but ``case``."""

    number: int
    page: str
    title: str
    thumb: str
    pictures: str
    difficulty: str
    region: str
    fictional: bool
    case: Case


def environment() -> Environment:
    """Templates with every value escaped, the labels of the language that is spoken, and the words of this room as
    filters."""
    env = Environment(
        loader=PackageLoader("casearchive.exporters._html", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.globals |= {"say": say, "many": _labels.many, "spoken": _labels.spoken, "vocabulary": _vocabulary}
    env.filters |= {
        "plain": words.plain,
        "word": words.word,
        "measure": words.measure,
        "sentence": words.sentence,
        "place": words.place,
        "quantity": words.quantity,
        "paragraphs": words.paragraphs,
        "day": words.day_words,
        "patient": words.patient_line,
        "language": words.language,
        "colour": colour_of,
    }
    return env


def _vocabulary() -> str:
    """The attribute of an element that holds words of the vocabulary, which are English, on a page that is not."""
    return Markup("") if _labels.spoken().code == _labels.ENGLISH else Markup(' lang="en"')


def page_name(number: int, of: int) -> str:
    """``case-01``: a slug would give the answer away."""
    return f"case-{number:0{max(2, len(str(of)))}}"


def card(number: int, of: int, case: Case, figures: Sequence[Figure]) -> Card:
    moving = sum(f.files.moving for f in figures)
    still = len(figures) - moving
    counts = ((moving, "shared.clip"), (still, "shared.picture"))
    return Card(
        number=number,
        page=page_name(number, of),
        title=open_title(case, number),
        thumb=figures[0].files.thumb if figures else "",
        pictures=", ".join(_labels.many(label, n) for n, label in counts if n),
        difficulty=words.word(case.difficulty),
        region=region(case),
        fictional=case.fictional,
        case=case,
    )


# ------------------------------------------------------------------------------------------------ the set's pages


def set_id(teaching: TeachingSet) -> str:
    """What the answers of a reader are kept under: the same for the same cases in the same order."""
    told = json.dumps([taught.case.slug for taught in teaching.cases])
    return hashlib.sha256(told.encode("utf-8")).hexdigest()[:12]


def index_values(teaching: TeachingSet, cards: Sequence[Card], way: Way) -> dict[str, Any]:
    """What ``index_body.html`` and ``score_body.html`` are filled with."""
    listed = [
        {
            "number": c.number,
            "region": [words.sentence(c.region)] if c.region else [],
            "difficulty": [words.sentence(c.difficulty)] if c.difficulty else [],
            "words": sealing.open_words(c.case, c.title, c.region),
        }
        for c in cards
    ]
    return {
        "teaching": teaching,
        "cards": cards,
        "way": way,
        "listed": {"cases": listed},
        "facets": seal([sealing.facets(c.case) for c in cards]),
    }


def case_values(
    env: Environment,
    teaching: TeachingSet,
    number: int,
    taught: TeachingCase,
    figures: Sequence[Figure],
    way: Way,
) -> dict[str, Any]:
    """What ``case_body.html`` is filled with; ``number`` counts from 1."""
    case, of = taught.case, len(teaching.cases)
    root = "" if way.single else "../"
    sections = _answer(env, case, figures)
    sealed = sealing.answers(case, figures, sections)
    asked = (quiz.ask_point for quiz in case.quiz)
    return {
        "teaching": teaching,
        "case": case,
        "number": number,
        "of": of,
        "title": open_title(case, number),
        "region": region(case),
        "figures": figures,
        "data": {f.number: f.data(root) for f in figures},
        "looks": [point and look_at(Evidence(point.media, _one(point.frame)), figures) for point in asked],
        "places": [
            next((f for f in figures if told and f.number == told["figure"]), None)
            for told in (one["place"] for one in sealed["quiz"])
        ],
        "earlier": page_name(number - 1, of) if number > 1 else "",
        "later": page_name(number + 1, of) if number < of else "",
        "sections": [(name, say(label), stage) for name, label, stage in SECTIONS if name in sections],
        "written": sections if way.instructor else {},
        "sealed": seal(sealed),
        "way": way,
        "root": root,
    }


def index_page(env: Environment, teaching: TeachingSet, cards: Sequence[Card], way: Way) -> str:
    values = index_values(teaching, cards, way)
    return env.get_template("index.html").render(**values, **_from_files(teaching, ""))


def score_page(env: Environment, teaching: TeachingSet, cards: Sequence[Card], way: Way) -> str:
    values = index_values(teaching, cards, way)
    return env.get_template("score.html").render(**values, **_from_files(teaching, ""))


def case_page(
    env: Environment,
    teaching: TeachingSet,
    number: int,
    taught: TeachingCase,
    figures: Sequence[Figure],
    way: Way = Way(),
) -> str:
    """The whole page of one case; ``number`` counts from 1."""
    values = case_values(env, teaching, number, taught, figures, way)
    return env.get_template("case.html").render(**{**_from_files(teaching, "../"), **values})


def single_page(
    env: Environment,
    teaching: TeachingSet,
    cards: Sequence[Card],
    cases: Sequence[Mapping[str, Any]],
    way: Way,
) -> str:
    """Every page of the set in one, each a template that is inert until the address names it. ``cases`` are filled
    with ``case_values``. The policy allows exactly this style and this script, by their hashes."""
    styled, scripted = style(), script()
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src {_hash(styled)}; "
        f"script-src {_hash(scripted)}; base-uri 'none'; form-action 'none'"
    )
    return env.get_template("single.html").render(
        **index_values(teaching, cards, way),
        cases=cases,
        link=lambda name: f"#{name}",
        policy=policy,
        set_id=set_id(teaching),
        style=styled,
        script=scripted,
        root="",
    )


def style() -> str:
    return _static("teaching.css")


def script() -> str:
    """The script, its parts one after the other, with the labels of the language that is spoken after the first, which
    begins with ``"use strict"``."""
    first, *others = (_static(f"script/{name}.js") for name in SCRIPTS)
    return "\n".join((first, f"const LABELS = {_labels.for_script()};\n", *others))


def _from_files(teaching: TeachingSet, root: str) -> dict[str, Any]:
    def link(name: str) -> str:
        return f"{root}{'cases/' if name.startswith('case-') else ''}{name}.html"

    return {"link": link, "policy": _FROM_FILES, "set_id": set_id(teaching), "root": root}


def _static(name: str) -> str:
    file = resources.files("casearchive.exporters._html") / "static"
    for part in name.split("/"):
        file = file / part
    return file.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


# ------------------------------------------------------------------------------------------------ one case


def _answer(env: Environment, case: Case, figures: Sequence[Figure]) -> dict[str, str]:
    """Each section of the answer as HTML; sections without content are left out."""
    macros: Any = env.get_template("answer.html").module

    def looks(finding: Finding) -> list[Look]:
        places = (look_at(seen, figures) for seen in finding.evidence)
        return [place for place in places if place]

    def measured(finding_id: str) -> list[tuple[Measurement, Look | None]]:
        return [at(m) for m in case.measurements if m.finding == finding_id]

    def at(m: Measurement) -> tuple[Measurement, Look | None]:
        return m, look_at(Evidence(m.media, _one(m.frame)), figures)

    def html(name: str) -> str:
        if name == "findings":
            known = {f.id for f in case.findings}
            loose = [at(m) for m in case.measurements if m.finding not in known]
            return str(macros.findings(list(enumerate(case.findings, start=1)), looks, measured, loose))
        return str(getattr(macros, name)(case))

    written = {name: html(name).strip() for name, _, _ in SECTIONS}
    return {name: text for name, text in written.items() if text}


def _one(frame: int | None) -> tuple[int, int] | None:
    return (frame, frame) if frame else None


__all__ = [
    "SCRIPTS",
    "SECTIONS",
    "Card",
    "Mark",
    "Way",
    "card",
    "case_page",
    "case_values",
    "environment",
    "index_page",
    "page_name",
    "score_page",
    "script",
    "seal",
    "single_page",
    "style",
    "unseal",
]
