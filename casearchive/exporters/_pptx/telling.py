"""What is said of a case on its slides and in their notes: before the answer, and with it. Words only, no slides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from casearchive.exporters import _figures
from casearchive.exporters import _words as words
from casearchive.exporters._labels import ENGLISH, say, spoken
from casearchive.exporters._marks import Mark, colour_of, marks_on
from casearchive.exporters._pptx.figures import Figure
from casearchive.exporters._pptx.fitting import Para
from casearchive.model import Case, Finding, Measurement, Quiz
from casearchive.record import sentences

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: What XML cannot hold (XML 1.0, 2.2), and what nobody sees but a program may stumble over.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class View:
    """One frame of a figure (from 1) with the marks that are drawn on it."""

    figure: Figure
    frame: int
    marks: tuple[Mark, ...]

    @property
    def name(self) -> str:
        name = self.figure.name
        return _figures.in_frames(name, (self.frame, self.frame)) if self.figure.moving else name

    @property
    def findings(self) -> tuple[int, ...]:
        """The numbers of the findings that are marked here, from 1, in order."""
        return tuple(sorted({mark["finding"] for mark in self.marks}))


def clean(text: str) -> str:
    """One line that can stand in a file of XML: no control characters, every run of space a single one."""
    return " ".join(_NO_XML.sub(" ", text).split())


def right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction runs from right to left."""
    for sign in text:
        direction = unicodedata.bidirectional(sign)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


# ------------------------------------------------------------------------------------------ before the answer


def story(case: Case) -> list[Para]:
    """What is known before the pictures are looked at."""
    told: list[Para] = []
    patient = words.patient_line(case.patient)
    if patient:
        told.append(Para(patient, "strong"))
    told += [Para(part) for part in words.paragraphs(case.story.history)]
    for label, terms in (
        ("shared.symptoms", case.story.symptoms),
        ("shared.mechanism", case.story.mechanism),
    ):
        if terms:
            told.append(Para(", ".join(map(words.plain, terms)), label=f"{say(label)}:"))
    if case.tests:
        told.append(Para(say("shared.examination"), "head"))
        for test in case.tests:
            side = words.word(test.side)
            text = words.sentence(words.plain(test.test)) + (f", {side}" if side else "")
            text += f": {words.word(test.result)}" if test.result else ""
            told.append(Para(text + (f" ({test.note})" if test.note else ""), "bullet"))
    if case.story.technique:
        told += _section(say("shared.technique"), case.story.technique)
    return _cleaned(told)


def caption(figure: Figure) -> str:
    """How a picture is called before the answer: ``Clip 2: long axis, resisted knee extension``."""
    told = figure.media.quiz_caption or figure.view
    return clean(f"{figure.name}: {told}" if told else figure.name)


def open_alt(figure: Figure) -> str:
    """A picture in words that give no answer away."""
    more = f", {say('slides.moving', n=figure.frames)}" if figure.moving else ""
    return say("slides.ultrasound", what=f"{caption(figure)}{more}")


def open_note(figure: Figure, shown: tuple[int, int] | None) -> str:
    """What the speaker is told of a picture before the answer; ``shown`` are the frames that its film holds."""
    said = caption(figure)
    if figure.moving:
        said += f". {say('slides.frames_at', n=figure.frames, speed=figure.speed)}"
        if shown and shown != (1, figure.frames):
            said += f". {say('slides.film_shows', first=shown[0], last=shown[1])}"
    return f"{said}."


def question(quiz: Quiz) -> list[Para]:
    told = [Para(part, "strong") for part in words.paragraphs(quiz.question)]
    return _cleaned([*told, *(_option(place, text) for place, text in enumerate(quiz.options))])


def _option(place: int, text: str, kind: str = "body") -> Para:
    return Para(text, kind, label=f"{_LETTERS[place % 26]}.")


# ------------------------------------------------------------------------------------------ the answer


def answered(quiz: Quiz) -> list[Para]:
    """The question again, with what is right and why; empty where no answer is written."""
    right = (quiz.answer or 0) - 1
    told = [Para(part, "strong") for part in words.paragraphs(quiz.question)]
    if 0 <= right < len(quiz.options):
        option = _option(right, quiz.options[right])
        told.append(Para(option.text, label=say("slides.answer", what=option.label)))
    elif not (quiz.why or any(quiz.reasons)):
        return []
    told += [Para(part) for part in words.paragraphs(quiz.why)]
    told += [_option(place, text) for place, text in enumerate(quiz.reasons) if text.strip()]
    return _cleaned(told)


def verdict(case: Case) -> list[Para]:
    told = [Para(words.sentence(sentences.diagnosis(d)), "strong") for d in case.story.diagnosis]
    return _cleaned([Para(say("shared.diagnosis"), "head"), *told] if told else [])


def finding(case: Case, number: int, *, marked: bool, briefly: bool = False, seen: str = "") -> list[Para]:
    """Finding ``number`` (from 1) with all that is said of it; ``marked`` gives it the badge of its marks, and
    ``seen`` says where else it shows."""
    found = case.findings[number - 1]
    colour, mark = colour_of(number), str(number) if marked else ""
    text = words.sentence(sentences.title(found))
    told = [Para(text, "strong", mark=mark, colour=colour)]
    if not briefly:
        measured = [sentences.measured(m) for m in case.measurements if m.finding == found.id]
        notes = [_noted(m) for m in case.measurements if m.finding == found.id and m.note]
        more = [words.sentence(t) for t in (sentences.qualities(found), _states(found), *measured) if t]
        if not found.reviewed:
            more.append(f"{say('shared.not_reviewed')}.")
        more += [*map(words.sentence, words.paragraphs(found.note)), *notes]
        more += [seen] if seen else []
        told += [Para(part, under=marked) for part in more]
    return _cleaned(told)


def _states(found: Finding) -> str:
    return sentences.states(found).replace("->", "→")


def _noted(measured: Measurement) -> str:
    return f"{words.sentence(words.measure(measured.what))}: {measured.note}"


def others(case: Case, shown: Iterable[int], seen: Sequence[str]) -> list[Para]:
    """Findings that no picture marked, and measurements that belong to none. ``seen`` says of each finding, in their
    order, where it can be seen."""
    already = set(shown)
    absent, unseen = say("shared.not_present"), say("shared.not_assessed")
    groups: dict[str, list[Para]] = {"": [], absent: [], unseen: []}
    for number, found in enumerate(case.findings, start=1):
        if number in already:
            continue
        group = {"absent": absent, "not_assessed": unseen}.get(found.certainty, "")
        if group:
            text = words.sentence(sentences.title(found))
            groups[group].append(
                Para(f"{text}. {words.sentence(found.note)}" if found.note else text, "bullet")
            )
        else:
            groups[""] += finding(case, number, marked=False, seen=seen[number - 1])
    told = list(groups[""])
    known = {found.id for found in case.findings}
    loose = [
        Para(words.sentence(sentences.measured(m)), "bullet")
        for m in case.measurements
        if m.finding not in known
    ]
    for head, paras in ((say("shared.measured"), loose), *list(groups.items())[1:]):
        told += [Para(head, "head"), *paras] if paras else []
    return _cleaned(told)


def discussion(case: Case) -> list[Para]:
    told: list[Para] = []
    if case.story.differential:
        told += [Para(say("shared.differential"), "head")]
        told += [Para(words.sentence(words.plain(d)), "bullet") for d in case.story.differential]
    if case.priors:
        told += [Para(say("slides.before"), "head")]
        told += [Para(sentences.prior(p), "bullet") for p in case.priors]
    told += _section(say("shared.discussion"), case.story.discussion)[0 if told else 1 :]
    told += _section(say("shared.treatment"), case.story.treatment)
    told += _section(say("shared.outcome"), case.story.outcome)
    return _cleaned(told)


def points(case: Case) -> list[Para]:
    told = [Para(point, "bullet") for point in case.story.points]
    if case.story.pitfalls:
        told += [
            Para(say("shared.pitfalls"), "head"),
            *(Para(trap, "bullet") for trap in case.story.pitfalls),
        ]
    return _cleaned(told)


def references(case: Case) -> list[Para]:
    """Literature, and whose case it is."""
    told = [Para(reference, "bullet") for reference in case.story.references]
    by = ", ".join(part for part in (case.author.name, case.author.affiliation) if part)
    return _cleaned([*told, *([Para(say("shared.case_by", who=by))] if by else [])])


def true_caption(view: View) -> str:
    told = view.figure.media.caption
    return clean(f"{view.name}: {told}" if told else view.name)


def answer_alt(case: Case, view: View) -> str:
    marked = "; ".join(
        f"{number} {words.sentence(sentences.title(case.findings[number - 1]))}"
        for number in view.findings
        if number <= len(case.findings)
    )
    told = say("slides.ultrasound", what=true_caption(view))
    return clean(f"{told} {say('slides.marked', what=marked)}" if marked else told)


def notes(case: Case) -> str:
    """All that a teacher wants to have at hand with the answer."""
    parts = [
        (say("shared.diagnosis"), [words.sentence(sentences.diagnosis(d)) for d in case.story.diagnosis])
    ]
    found = []
    for number in range(1, len(case.findings) + 1):
        head, *more = finding(case, number, marked=False)
        found.append(f"{number}. {head.text}" + "".join(f". {p.text.rstrip('.')}" for p in more) + ".")
    parts.append((say("shared.findings"), found))
    parts.append((say("shared.teaching_points"), list(case.story.points)))
    parts.append((say("shared.pitfalls"), list(case.story.pitfalls)))
    parts.append(
        (say("shared.differential"), [words.sentence(words.plain(d)) for d in case.story.differential])
    )
    told = [
        "\n".join([clean(head), *(f"- {clean(line)}" for line in lines)]) for head, lines in parts if lines
    ]
    return "\n\n".join(told)


def views(case: Case, figures: Sequence[Figure]) -> list[View]:
    """The frames on which everything that can be drawn is shown, as few as there need be; the best of the findings
    first. A mark without frames shows on whichever frame there is."""
    found: list[View] = []
    for figure in figures:
        waiting = marks_on(case, figure.ref)
        while waiting:
            frame = _frame(waiting, figure)
            here = [m for m in waiting if _shows(m, frame, figure)]
            found.append(View(figure, frame, tuple(here)))
            waiting = [m for m in waiting if m not in here]
    best = [e.media for f in case.findings for e in f.evidence if e.best and f.certainty != "absent"]
    order = {ref: place for place, ref in reversed(list(enumerate(best)))}
    return sorted(found, key=lambda v: order.get(v.figure.ref, len(order)))


def _frame(marks: Sequence[Mark], figure: Figure) -> int:
    """The frame that shows most of ``marks``; of equals the key frame, then the middle of the shortest range."""
    ranges = [m["frames"] for m in marks if m["frames"]]
    middles = [(low + high) // 2 for low, high in sorted(ranges, key=lambda r: r[1] - r[0])]
    most = figure.frames
    candidates = [figure.key_frame, *(min(max(frame, 1), most) for frame in middles)]
    return max(candidates, key=lambda frame: sum(_shows(m, frame, figure) for m in marks))


def _shows(mark: Mark, frame: int, figure: Figure) -> bool:
    if not mark["frames"] or not figure.moving:
        return True
    low, high = (min(max(end, 1), figure.frames) for end in mark["frames"])
    return low <= frame <= high


def seen_in(found: Finding, figures: Sequence[Figure]) -> str:
    """``Seen in clip 2, frames 12–27``; empty where no picture of it is here."""
    told = []
    for evidence in found.evidence:
        figure = next((f for f in figures if f.ref == evidence.media), None)
        if figure is None:
            continue
        name = lowered(figure.name)
        if evidence.frames and figure.moving:
            name = _figures.in_frames(name, evidence.frames)
        told.append(name)
    return say("slides.seen_in", what="; ".join(told)) if told else ""


def lowered(name: str) -> str:
    """The name of a picture inside a sentence: small where English is spoken, as it is in other languages."""
    return name[:1].lower() + name[1:] if spoken().code == ENGLISH else name


def _section(head: str, text: str) -> list[Para]:
    told = [Para(part) for part in words.paragraphs(text)]
    return [Para(head, "head"), *told] if told else []


def _cleaned(paras: Sequence[Para]) -> list[Para]:
    tidy = [replace(p, text=clean(p.text), label=clean(p.label), mark=clean(p.mark)) for p in paras]
    kept = [p for p in tidy if p.said]
    # a head that has lost what stood below it
    return [
        p
        for place, p in enumerate(kept)
        if p.kind != "head" or (place + 1 < len(kept) and kept[place + 1].kind != "head")
    ]
