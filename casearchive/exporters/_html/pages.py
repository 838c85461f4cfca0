"""From one teaching case to the text of its page: what is open, and what is sealed until it is asked for.

Sealing is courtesy, not security: the answers stand in the page as base64 so that neither a glance at the
source nor the browser's search gives them away. Whoever wants to decode them can.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from casearchive.exporters import _words as words
from casearchive.exporters._html.pictures import PictureFiles, key_frame
from casearchive.exporters._marks import Mark, colour_of, marks_on
from casearchive.model import ASSUMED_FPS, Case, Evidence, Finding, Media
from casearchive.record.spoilers import told_in
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet

STATIC = ("teaching.css", "teaching.js")

#: The answer's sections in reading order: the name of the macro in ``answer.html`` and the heading shown.
SECTIONS = (
    ("findings", "Findings"),
    ("diagnosis", "Diagnosis"),
    ("differential", "Differential diagnosis"),
    ("priors", "Earlier assessments"),
    ("discussion", "Discussion"),
    ("treatment", "Treatment and outcome"),
    ("points", "Teaching points and pitfalls"),
    ("references", "References"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One clip on the page. ``number`` counts from 1 within the case; ``fps`` is the speed it is played at,
    true only if ``speed_known``."""

    number: int
    ref: str
    files: PictureFiles
    media: Media
    columns: int
    rows: int
    key_frame: int
    fps: float
    speed_known: bool
    steps: tuple[float, ...] = ()  # seconds for which each frame is shown, where they come unevenly

    @property
    def name(self) -> str:
        return f"{'Clip' if self.files.moving else 'Picture'} {self.number}"

    @property
    def view(self) -> str:
        """How it was taken, in words that give no answer away: ``Right, short axis, B-mode, at rest``."""
        m = self.media
        told = [words.plain(term) for term in (m.side, m.plane, m.mode, m.maneuver, m.position)]
        when = words.day_words(m.day) if m.day else ""
        return words.sentence(", ".join(part for part in (*told, when) if part))

    @property
    def speed(self) -> str:
        if self.speed_known:
            unevenly = " on the mean, unevenly as they were taken" if self.steps else ""
            return f"true speed: {self.fps:.3g} frames a second{unevenly}"
        return f"speed unknown: shown at {self.fps:.3g} frames a second"


@dataclass(frozen=True, slots=True)
class Look:
    """A place to look: the figure, the frame to stop at, and how the reader is told."""

    figure: int
    frame: int
    words: str
    best: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A case on the index page; nothing in it tells the diagnosis."""

    number: int
    href: str
    title: str
    thumb: str
    pictures: str
    difficulty: str
    region: str
    fictional: bool


def environment() -> Environment:
    """Templates with every value escaped, and the words of this room as filters."""
    env = Environment(
        loader=PackageLoader("casearchive.exporters._html", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.filters |= {
        "plain": words.plain,
        "measure": words.measure,
        "sentence": words.sentence,
        "place": words.place,
        "quantity": words.quantity,
        "paragraphs": words.paragraphs,
        "day": words.day_words,
        "patient": words.patient_line,
        "colour": colour_of,
    }
    return env


def page_name(number: int, of: int) -> str:
    """``case-01.html``: a slug would give the answer away."""
    return f"case-{number:0{max(2, len(str(of)))}}.html"


def figure(number: int, case: Case, clip: TeachingClip, files: PictureFiles) -> Figure:
    media = next((m for m in case.media if m.id == clip.ref), Media(id=clip.ref))
    return Figure(
        number=number,
        ref=clip.ref,
        files=files,
        media=media,
        columns=clip.columns,
        rows=clip.rows,
        key_frame=key_frame(clip),
        fps=clip.fps or ASSUMED_FPS,
        speed_known=bool(clip.fps),
        steps=tuple(round(s, 4) for s in clip.lasting()) if clip.times else (),
    )


def open_title(case: Case, number: int) -> str:
    """The title that may be read before the answer: never the true one."""
    return case.quiz_title or f"Case {number}"


def open_set(teaching: TeachingSet) -> TeachingSet:
    """The set as it may be read before the answers: without a title or description that names one of them."""

    def kept(text: str) -> str:
        return "" if any(told_in(text, taught.case) for taught in teaching.cases) else text

    return replace(teaching, title=kept(teaching.title), description=kept(teaching.description))


def card(number: int, of: int, case: Case, figures: Sequence[Figure]) -> Card:
    moving = sum(f.files.moving for f in figures)
    still = len(figures) - moving
    counts = ((moving, "clip"), (still, "picture"))
    return Card(
        number=number,
        href=f"cases/{page_name(number, of)}",
        title=open_title(case, number),
        thumb=figures[0].files.thumb if figures else "",
        pictures=", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts if n),
        difficulty=words.plain(case.difficulty),
        region=_region(case),
        fictional=case.fictional,
    )


def index_page(env: Environment, teaching: TeachingSet, cards: Sequence[Card]) -> str:
    return env.get_template("index.html").render(teaching=teaching, cards=cards, root="")


def case_page(
    env: Environment, teaching: TeachingSet, number: int, taught: TeachingCase, figures: Sequence[Figure]
) -> str:
    """The whole page of one case; ``number`` counts from 1."""
    case, of = taught.case, len(teaching.cases)
    sections = _answer(env, case, figures)
    asked = (quiz.ask_point for quiz in case.quiz)
    return env.get_template("case.html").render(
        teaching=teaching,
        case=case,
        number=number,
        of=of,
        title=open_title(case, number),
        region=_region(case),
        figures=figures,
        targets=[point and _look(Evidence(point.media, _one(point.frame)), figures) for point in asked],
        earlier=page_name(number - 1, of) if number > 1 else "",
        later=page_name(number + 1, of) if number < of else "",
        sections=[(name, heading) for name, heading in SECTIONS if name in sections],
        sealed=seal(
            {
                "title": case.title,
                "sections": sections,
                "captions": {f.number: _caption(f.media) for f in figures},
                "marks": {f.number: marks_on(case, f.ref) for f in figures},
                "quiz": [{"answer": q.answer, "why": q.why} for q in case.quiz],
            }
        ),
        root="../",
    )


def seal(answers: dict[str, Any]) -> str:
    """``answers`` as base64 of JSON; the page's script undoes it. Obfuscation, not encryption."""
    text = json.dumps(answers, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def unseal(page: str) -> dict[str, Any]:
    """The answers of a page written here: what an instructor or a leak scan needs to read it whole."""
    start = page.index('id="sealed">') + len('id="sealed">')
    answers: dict[str, Any] = json.loads(base64.b64decode(page[start : page.index("</script>", start)]))
    return answers


def _answer(env: Environment, case: Case, figures: Sequence[Figure]) -> dict[str, str]:
    """Each section of the answer as HTML; sections without content are left out."""
    macros: Any = env.get_template("answer.html").module

    def looks(finding: Finding) -> list[Look]:
        places = (_look(seen, figures) for seen in finding.evidence)
        return [place for place in places if place]

    def measured(finding_id: str) -> list[Any]:
        return [m for m in case.measurements if m.finding == finding_id]

    def html(name: str) -> str:
        if name == "findings":
            known = {f.id for f in case.findings}
            loose = [m for m in case.measurements if m.finding not in known]
            return str(macros.findings(list(enumerate(case.findings, start=1)), looks, measured, loose))
        return str(getattr(macros, name)(case))

    written = {name: html(name).strip() for name, _ in SECTIONS}
    return {name: text for name, text in written.items() if text}


def _caption(media: Media) -> dict[str, str]:
    where = f"{words.plain(media.side)} {words.plain(media.structure)}".strip() if media.structure else ""
    return {"text": media.caption, "structure": words.sentence(where)}


def _look(seen: Evidence, figures: Sequence[Figure]) -> Look | None:
    """Where to stop: the key frame if it lies in the range, else the middle of it."""
    shown = next((f for f in figures if f.ref == seen.media), None)
    if shown is None:
        return None
    if seen.frames is None or not shown.files.moving:
        return Look(shown.number, shown.key_frame, shown.name, seen.best)
    first, last = seen.frames
    frame = shown.key_frame if first <= shown.key_frame <= last else (first + last) // 2
    told = f"frame {first}" if first == last else f"frames {first}–{last}"
    return Look(shown.number, min(max(frame, 1), shown.files.frames), f"{shown.name}, {told}", seen.best)


def _one(frame: int | None) -> tuple[int, int] | None:
    return (frame, frame) if frame else None


def _region(case: Case) -> str:
    """The part of the body, from the first structure the lexicon can place; else the case's category."""
    structures = [m.structure for m in case.media] + [f.structure for f in case.findings]
    regions = (words.region_of(structure) for structure in structures if structure)
    return next((region for region in regions if region), ", ".join(map(words.plain, case.category[:1])))


__all__ = [
    "SECTIONS",
    "STATIC",
    "Card",
    "Figure",
    "Look",
    "Mark",
    "card",
    "case_page",
    "environment",
    "figure",
    "index_page",
    "open_set",
    "open_title",
    "page_name",
    "seal",
    "unseal",
]
