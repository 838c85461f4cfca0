"""A teaching set as slides, in the order in which it is taught: each case asks first, and tells on later slides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from casearchive.exporters import _words as words
from casearchive.exporters._figures import open_set
from casearchive.exporters._labels import many, say
from casearchive.exporters._pptx import package, shapes, telling
from casearchive.exporters._pptx.figures import Figure, about, figures_of
from casearchive.exporters._pptx.fitting import Para
from casearchive.exporters._pptx.pictures import INSTALL, Moving, moving, still
from casearchive.exporters._pptx.slides import NARROW_SIZES, WIDE_SIZES, Slides, fit, grid
from casearchive.exporters._pptx.telling import View
from casearchive.exporters._pptx.theme import Box, Theme
from casearchive.model import Case, Quiz
from casearchive.teaching import TeachingClip, TeachingSet

#: How many pictures share a slide: beside the story, and alone; where there are many, more.
BESIDE, ALONE, MANY, CROWDED = 2, 3, 12, 6


@dataclass(slots=True)
class _Told:
    """One case on its way to slides. ``number`` counts from 1; ``asked`` and ``first_answer`` are numbers of slides."""

    number: int
    case: Case
    figures: list[Figure]
    asked: int = 0
    first_answer: int = 0
    waiting: list[tuple[Any, list[str]]] = field(
        default_factory=list
    )  # slides and their notes before the answer

    @property
    def open_title(self) -> str:
        return self.titled(self.question) if self.question else say("shared.case", n=self.number)

    @property
    def question(self) -> str:
        """The title that may be read before the answer, never the true one; may be empty."""
        return telling.clean(self.case.quiz_title)

    def titled(self, what: str) -> str:
        return say("slides.titled", n=self.number, what=what)


class Deck:
    """Fills the presentation of a theme. ``animated`` says afterwards that clips became animated pictures."""

    def __init__(self, teaching: TeachingSet, theme: Theme) -> None:
        self.slides = Slides(theme)
        self.teaching = open_set(teaching)
        self.cases = [
            _Told(n, taught.case, figures_of(taught)) for n, taught in enumerate(teaching.cases, start=1)
        ]
        self.animated = False
        self.cut = 0

    def fill(self) -> None:
        """Raises ``PictureUnavailable`` where a frame cannot be decoded."""
        presentation = self.slides.theme.presentation
        title = telling.clean(self.teaching.title) or say("shared.cases_title")
        opening = self._opening(title)
        self._index()
        named = [(say("slides.contents"), range(1, self.slides.count + 1))]
        for told in self.cases:
            before = self.slides.count
            self._question(told)
            self._answer(told)
            self._notes(told)
            named.append((say("shared.case", n=told.number), range(before + 1, self.slides.count + 1)))
        before = self.slides.count
        self._references()
        if self.slides.count > before:
            named.append((say("shared.references"), range(before + 1, self.slides.count + 1)))
        self._links()
        if self.animated:
            self.slides.note(opening, f"{animated_words()}")
        package.properties(presentation, title)
        package.sections(presentation, named)

    # -- the set

    def _opening(self, title: str) -> Any:
        count = len(self.cases)
        told = [Para(part) for part in words.paragraphs(self.teaching.description)]
        told.append(Para(many("shared.case", count)))
        if self.cases and all(case.case.fictional for case in self.cases):
            told.append(Para(say("slides.all_fictional")))
        told.append(Para(say("shared.purpose")))
        paras = [Para(telling.clean(p.text)) for p in told]
        _, pages = self.slides.fitted(paras, self.slides.theme.subtitle, (20, 18, 16), 16)
        if len(pages) == 1:
            return self.slides.opening(title, paras)
        slide = self.slides.opening(title, paras[-2:])
        self._text(say("slides.about"), paras[:-2])
        return slide

    def _index(self) -> None:
        paras = []
        for told in self.cases:
            more = telling.clean(about(told.case))
            text = (told.question or say("shared.case", n=told.number)) + (f" ({more})" if more else "")
            line = self.slides.one_line(text, self.slides.wide(), WIDE_SIZES[0])
            paras.append(Para(line, label=f"{told.number}.", case=told.number))
        if paras:
            self._text(say("slides.cases"), paras)

    def _references(self) -> None:
        paras: list[Para] = []
        for told in self.cases:
            listed = telling.references(told.case)
            if listed:
                paras += [Para(told.titled(telling.clean(told.case.title)), "head"), *listed]
        if paras:
            self._text(say("shared.references"), paras)

    def _links(self) -> None:
        """Each line of the list of cases leads to its case."""
        from pptx.opc.constants import RELATIONSHIP_TYPE as RT
        from pptx.oxml import parse_xml

        presentation = self.slides.theme.presentation
        for slide, run, number in self.slides.links:
            target = presentation.slides[self.cases[number - 1].asked - 1]
            key = slide.part.relate_to(target.part, RT.SLIDE)
            run._r.get_or_add_rPr().append(
                parse_xml(
                    '<a:hlinkClick xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
                    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
                    f'r:id="{key}" action="ppaction://hlinksldjump"/>'
                )
            )

    # -- a case before its answer

    def _question(self, told: _Told) -> None:
        slides, paras = self.slides, telling.story(told.case)
        told.asked = slides.count + 1
        title = told.open_title
        if not slides.title_fits(title):
            paras = [Para(told.question, "strong"), *paras]
        batches = _batches(told.figures)
        beside = False
        if not batches:
            for slide in self._text(title, paras or [Para(say("shared.no_pictures"))]):
                told.waiting.append((slide, []))
        elif paras:
            body, pages = slides.fitted(paras, slides.column(), NARROW_SIZES, NARROW_SIZES[-1])
            beside = len(pages) == 1
            if not beside:
                for slide in self._text(title, paras):
                    told.waiting.append((slide, []))
        for place, batch in enumerate(batches):
            slide = slides.bare(title, more=place > 0)
            area = slides.theme.content
            if beside and place == 0:
                slides.words(slide, slides.column(), paras, body)
                area = slides.beside()
            told.waiting.append((slide, self._pictures(slide, area, told, batch)))
        for place, quiz in enumerate(told.case.quiz, start=1):
            self._quiz(told, quiz, place)

    def _pictures(self, slide: Any, area: Box, told: _Told, figures: Sequence[Figure]) -> list[str]:
        """Clips and pictures in a grid; what the speaker is told of them."""
        slides = self.slides
        captions = [telling.caption(f) for f in figures]
        sizes = [f.size for f in figures]
        guessed = slides.caption_height(area.width // 2, captions)
        below = slides.caption_height(grid(area, sizes, guessed)[0].width, captions)
        films, notes = [], []
        for shown, cell, caption in zip(figures, grid(area, sizes, below), captions, strict=True):
            place = fit(Box(cell.left, cell.top, cell.width, max(1, cell.height - below)), *shown.size)
            clip = shown.clip
            alt = telling.open_alt(shown)
            frames = None
            if shown.moving:
                made = self._moving(clip, told.case)
                frames = made.frames
                film = slides.film(slide, made, place, shown.name, alt)
                films += [film] if film else []
            else:
                slides.picture(slide, still(clip, 1), place, shown.name, alt)
            slides.caption(slide, Box(cell.left, place.bottom + 50800, cell.width, below), caption)
            notes.append(telling.open_note(shown, frames))
        slides.started(slide, films)
        return notes

    def _moving(self, clip: TeachingClip, case: Case) -> Moving:
        made = moving(clip, case)
        self.animated |= made.film is None
        self.cut += made.frames != (1, len(clip.frames))
        return made

    def _quiz(self, told: _Told, quiz: Quiz, place: int) -> None:
        name = say("slides.question") if len(told.case.quiz) == 1 else say("slides.question_n", n=place)
        paras = telling.question(quiz)
        asked = next((f for f in told.figures if quiz.ask_point and f.ref == quiz.ask_point.media), None)
        if asked is None or quiz.ask_point is None:
            for slide in self._text(told.titled(name), paras):
                told.waiting.append((slide, []))
            return
        frame = min(max(quiz.ask_point.frame or asked.key_frame, 1), asked.frames)
        view = View(asked, frame, ())
        caption = f"{view.name}: {asked.media.quiz_caption or asked.view}".removesuffix(": ")
        for slide in self._shown(told.titled(name), paras, told, view, telling.clean(caption)):
            told.waiting.append((slide, []))

    # -- and with it

    def _answer(self, told: _Told) -> None:
        slides, case = self.slides, told.case
        told.first_answer = slides.count + 1
        said = [para for quiz in case.quiz for para in telling.answered(quiz)]
        if said:
            self._text(
                told.titled(say("slides.answer_one" if len(case.quiz) == 1 else "slides.answer_many")), said
            )
        views = telling.views(case, told.figures)
        if not views and told.figures:
            views = [View(told.figures[0], told.figures[0].key_frame, ())]
        title = told.titled(telling.clean(case.title) or say("slides.the_answer"))
        paras = telling.verdict(case)
        if not slides.title_fits(title):
            paras = [Para(telling.clean(case.title), "strong"), *paras]
        shown: set[int] = set()
        made: list[Any] = []
        for place, view in enumerate(views):
            paras += [Para(say("shared.findings"), "head")] if place == 0 and paras and view.findings else []
            for number in view.findings:
                if number <= len(case.findings):
                    paras += telling.finding(case, number, marked=True, briefly=number in shown)
                    shown.add(number)
            heading = (
                title
                if place == 0
                else told.titled(say("slides.findings_in", what=telling.lowered(view.name)))
            )
            pages = self._shown(heading, paras, told, view, telling.true_caption(view), answer=True)
            for slide in pages if place else []:
                slides.note(slide, telling.answer_alt(case, view))
            made += pages
            paras = []
        if not views:
            made += self._text(title, paras) if paras else [slides.bare(title)]
        slides.note(made[0], telling.notes(case))
        seen = [telling.seen_in(finding, told.figures) for finding in case.findings]
        for name, paras in (
            (say("slides.further" if shown else "slides.findings"), telling.others(case, shown, seen)),
            (say("slides.discussion"), telling.discussion(case)),
            (say("slides.points"), telling.points(case)),
        ):
            if paras:
                self._text(told.titled(name), paras)

    def _shown(
        self,
        title: str,
        paras: Sequence[Para],
        told: _Told,
        view: View,
        caption: str,
        *,
        answer: bool = False,
    ) -> list[Any]:
        """Slides of words beside one frame, with its marks if this is the answer; at least one."""
        slides, case = self.slides, told.case
        sizes = NARROW_SIZES
        body, pages = slides.fitted(paras, slides.column(), sizes, sizes[-1])
        data = still(view.figure.clip, view.frame)
        absent = [n for n, f in enumerate(case.findings, start=1) if f.certainty == "absent"]
        alt = telling.answer_alt(case, view) if answer else say("slides.ultrasound", what=caption)
        made = []
        for page, some in enumerate(pages):
            slide = slides.bare(title, more=page > 0)
            slides.words(slide, slides.column(), some, body) if some else None
            area = slides.beside() if paras else slides.theme.content
            below = slides.caption_height(area.width, [caption], 3)
            place = fit(
                Box(area.left, area.top, area.width, max(1, area.height - below)),
                *view.figure.size,
            )
            slides.picture(slide, data, place, view.figure.name, alt)
            if answer:
                shapes.draw(slide, view.marks, place, view.figure.size, absent)
            slides.caption(slide, Box(area.left, place.bottom + 50800, area.width, below), caption, 3)
            made.append(slide)
        return made

    # -- both

    def _text(self, title: str, paras: Sequence[Para]) -> list[Any]:
        body, pages = self.slides.fitted(paras, self.slides.wide(), WIDE_SIZES, WIDE_SIZES[1])
        return [self.slides.text(title, page, body, more=place > 0) for place, page in enumerate(pages)]

    def _notes(self, told: _Told) -> None:
        """Before the answer the speaker is told where it is."""
        where = say("slides.answer_begins", n=told.first_answer)
        for slide, lines in told.waiting:
            self.slides.note(slide, "\n".join([where, *lines]))


def animated_words() -> str:
    """What is said where clips could not become films."""
    return say("slides.animated", how=INSTALL)


def _batches(figures: Sequence[Figure]) -> list[Sequence[Figure]]:
    """Which pictures share a slide: few on the first, which has words as well, about as many on each other."""
    count = len(figures)
    if count <= BESIDE:
        return [figures] if figures else []
    others = -(-(count - BESIDE) // (CROWDED if count > MANY else ALONE))
    found, place = [figures[:BESIDE]], BESIDE
    for left in range(others, 0, -1):
        some = -(-(count - place) // left)
        found.append(figures[place : place + some])
        place += some
    return found
