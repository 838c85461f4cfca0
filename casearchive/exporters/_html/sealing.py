"""What is sealed in a page until its reader asks, and what is kept beside a case to find it by.

Sealing is courtesy, not security: the answers stand in the page as base64 so that neither a glance at the source nor
the browser's search gives them away. Whoever wants to decode them can.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from casearchive.choices import PRESENT
from casearchive.exporters import _words as words
from casearchive.exporters._html.figures import Figure
from casearchive.exporters._marks import Mark, colour_of, marks_on
from casearchive.model import Case, Diagnosis, Finding, Media, Quiz, QuizPoint


def seal(answers: object) -> str:
    """``answers`` as base64 of JSON; the page's script undoes it. Obfuscation, not encryption."""
    text = json.dumps(answers, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def unseal(page: str, name: str = "sealed") -> Any:
    """What is sealed in a page written here: for an instructor or a leak scan that needs to read it whole."""
    start = page.index(f'id="{name}">') + len(f'id="{name}">')
    return json.loads(base64.b64decode(page[start : page.index("</script>", start)]))


def answers(case: Case, figures: Sequence[Figure], sections: Mapping[str, str]) -> dict[str, Any]:
    """All that a case page tells only when it is asked. Captions, marks and ranges are by the number of the figure."""
    return {
        "title": case.title,
        "sections": dict(sections),
        "captions": {f.number: caption(f.media) for f in figures},
        "marks": {f.number: marks_on(case, f.ref) for f in figures},
        "ranges": {f.number: ranges(case, f) for f in figures},
        "quiz": [
            {"answer": q.answer, "why": q.why, "reasons": q.reasons, "place": place(q, case, figures)}
            for q in case.quiz
        ],
    }


def caption(media: Media) -> dict[str, str]:
    where = f"{words.plain(media.side)} {words.plain(media.structure)}".strip() if media.structure else ""
    return {"text": media.caption, "structure": words.sentence(where)}


def ranges(case: Case, figure: Figure) -> list[dict[str, Any]]:
    """The frames (first, last; from 1, inclusive) in which findings and measurements can be seen on a clip."""
    if not figure.files.moving:
        return []
    numbers = {finding.id: number for number, finding in enumerate(case.findings, start=1)}
    found = [
        (seen.frames, number, f"{number} {words.sentence(words.plain(finding.abnormality))}")
        for number, finding in enumerate(case.findings, start=1)
        for seen in finding.evidence
        if seen.media == figure.ref and seen.frames
    ]
    found += [
        ((m.frame, m.frame), numbers.get(m.finding, 1), words.sentence(words.measure(m.what)))
        for m in case.measurements
        if m.media == figure.ref and m.frame
    ]
    kept = {(frames, number): label for frames, number, label in reversed(found)}
    return [
        {"first": first, "last": last, "colour": colour_of(number), "label": label}
        for ((first, last), number), label in reversed(kept.items())
    ]


def place(quiz: Quiz, case: Case, figures: Sequence[Figure]) -> dict[str, Any] | None:
    """The places (and their frames) at which a mark-the-finding question is right; None where it cannot be scored."""
    asked = quiz.ask_point
    figure = next((f for f in figures if asked and f.ref == asked.media), None)
    if asked is None or figure is None:
        return None
    targets = [
        target for finding in _asked_for(asked, case) for target in _targets(finding, case, asked, figure)
    ]
    return {"figure": figure.number, "targets": targets} if targets else None


def _asked_for(asked: QuizPoint, case: Case) -> list[Finding]:
    if asked.finding:
        return [f for f in case.findings if f.id == asked.finding]
    return [f for f in case.findings if f.certainty in PRESENT]


def _targets(finding: Finding, case: Case, asked: QuizPoint, figure: Figure) -> list[dict[str, Any]]:
    number = 1 + [f.id for f in case.findings].index(finding.id)
    drawn: list[Mark] = [
        mark
        for mark in marks_on(case, asked.media)
        if mark["finding"] == number and mark["badge"] == str(number)
    ]
    return [
        {"kind": mark["kind"], "points": mark["points"], "frames": _frames(mark, asked, figure)}
        for mark in drawn
    ]


def _frames(mark: Mark, asked: QuizPoint, figure: Figure) -> list[int] | None:
    """The evidence's own frames; where it names none, those around the one asked for: a twentieth of the clip."""
    if not figure.files.moving or mark["frames"]:
        return mark["frames"] if figure.files.moving else None
    if asked.frame is None:
        return None
    around = max(2, figure.files.frames // 20)
    return [max(1, asked.frame - around), min(figure.files.frames, asked.frame + around)]


# ------------------------------------------------------------------------------------------------ to find it by


def facets(case: Case) -> dict[str, Any]:
    """What a case is found by once its answer is known."""
    present = [f for f in case.findings if f.certainty in PRESENT]
    places: list[Finding | Diagnosis] = [*present, *case.story.diagnosis]
    told = [words.sentence(words.plain(p.structure)) for p in places if p.structure]
    found = [words.sentence(words.plain(f.abnormality)) for f in present]
    sides = [words.sentence(words.plain(p.side)) for p in places if words.plain(p.side)]
    named = [words.sentence(words.plain(d.what)) for d in case.story.diagnosis]
    return {
        "title": case.title,
        "structure": _once(told),
        "abnormality": _once(found),
        "side": _once(sides),
        "told": " ".join(_once([case.title, *told, *found, *sides, *named, *case.tags])),
    }


def open_words(case: Case, title: str, region: str) -> str:
    """What a case can be searched by before its answer is known: only what stands open on its page."""
    story = case.story
    parts = [
        title,
        region,
        words.plain(case.difficulty),
        words.patient_line(case.patient),
        story.history,
        *map(words.plain, story.symptoms),
        *map(words.plain, story.mechanism),
        story.technique,
        *(words.plain(test.test) for test in case.tests),
        *(media.quiz_caption for media in case.media),
        case.author.name,
    ]
    return " ".join(part for part in parts if part)


def _once(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
