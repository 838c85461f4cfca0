"""From teaching cases to cards: what the front asks without telling, what the back tells, and the pictures of both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from casearchive import drawing, preview
from casearchive.choices import PRESENT
from casearchive.exporters import _anki, _figures
from casearchive.exporters import _words as words
from casearchive.exporters._labels import say
from casearchive.model import Case, Evidence, Finding, Media
from casearchive.record import sentences
from casearchive.record.spoilers import told_in
from casearchive.teaching import TeachingCase, TeachingClip

#: The kinds of cards, in the order in which a case's are learnt.
KINDS = ("picture", "clip", "mark")
#: Changes whenever the same case would give other cards: Anki takes only newer notes.
LAYOUT = 2

# As for pages; a higher method takes four times as long for the same size.
_QUALITY, _METHOD = 88, 1
_MOVING_EDGE = 640

# Names of three words or more are blanked before a finished file is searched: no patient is called like a field.
TYPE = _anki.NoteType(
    id=1_704_067_200_417,
    name="Ultrasound teaching case (casearchive)",
    fields=(
        "What it is called", "What is asked", "What is shown", "What is known", "What the answer is",
        "What is marked there", "What to keep in mind", "Where it comes from",
    ),
    card="Question and answer card",
    front=(
        '<div class="ask">{{What is asked}}</div>\n<div class="shown">{{What is shown}}</div>\n'
        '<div class="context">{{What is known}}</div>\n'
    ),
    back=(
        '<div class="context">{{What is known}}</div>\n<hr id="answer">\n'
        '{{#What is marked there}}<div class="shown">{{What is marked there}}</div>{{/What is marked there}}\n'
        '<div class="answer">{{What the answer is}}</div>\n'
        '{{#What to keep in mind}}<div class="more">{{What to keep in mind}}</div>{{/What to keep in mind}}\n'
        '<div class="source">{{Where it comes from}}</div>\n'
    ),
    css=(
        ".card { font-family: system-ui, sans-serif; font-size: 18px; line-height: 1.45; text-align: center; }\n"
        ".ask { font-weight: 600; margin: 0.5em auto; max-width: 34em; }\n"
        ".shown img { max-width: 100%; max-height: 70vh; height: auto; background: #000; }\n"
        ".context, .source { color: #595959; font-size: 15px; margin: 0.5em auto; max-width: 40em; }\n"
        ".nightMode .context, .nightMode .source, .nightMode .about { color: #b5b5b5; background: none; }\n"
        ".answer, .more { text-align: left; margin: 0.5em auto; max-width: 40em; }\n"
        ".answer p.told { font-weight: 600; font-size: 20px; margin: 0.3em 0; }\n"
        ".answer h2, .more h2 { font-size: 15px; font-weight: 600; margin: 0.8em 0 0.2em; }\n"
        ".answer .about { color: #454545; font-size: 16px; }\n"
        ".answer ol, .more ul { margin: 0.3em 0; padding-left: 1.2em; }\n"
    ),
    edition=LAYOUT,
)  # fmt: skip


@dataclass(slots=True)
class Album:
    """The media of a deck by the name that cards call them: neutral, and from their own bytes, so that no two differ
    under one name and the same picture is kept once. ``edge`` is the longest side of a picture in pixels."""

    edge: int
    media: dict[str, Path | bytes] = field(default_factory=dict)

    def picture(self, pixels: NDArray[np.uint8]) -> str:
        """The name of a still picture (WebP)."""
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(pixels))
        scale = min(1.0, self.edge / max(image.size))
        if scale < 1.0:
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            image = image.resize(size, Image.Resampling.LANCZOS)
        out = BytesIO()
        image.convert("RGB").save(out, "WEBP", quality=_QUALITY, method=_METHOD)
        return self._kept(out.getvalue(), "webp")

    def film(self, clip: TeachingClip) -> tuple[str, bool]:
        """The name of a moving picture, and whether it is a film with a player of its own; without an encoder it is an
        animated picture."""
        path = clip.film.path() if clip.film else None
        if path is not None:
            return self._kept(path, "mp4"), True
        numbers, lasting = preview.thinned(clip.lasting(), preview.MOST)
        frames = (clip.frames.frame(number) for number in numbers)
        return self._kept(preview.animated(frames, lasting, min(self.edge, _MOVING_EDGE)), "webp"), False

    def _kept(self, content: Path | bytes, ending: str) -> str:
        data = content if isinstance(content, bytes) else content.read_bytes()
        name = f"casearchive-{hashlib.sha256(data).hexdigest()[:24]}.{ending}"
        self.media[name] = content
        return name


def notes(taught: TeachingCase, number: int, kinds: tuple[str, ...], album: Album) -> Iterator[_anki.Note]:
    """The notes of one case, in the order of its media; ``number`` is the case's in the set, from 1.

    A picture card for each clip's key frame, a clip card for each that moves, and a mark card for each finding that is
    present and has a shape on a clip. Media are put into ``album``. Raises ``PictureUnavailable`` where a frame
    cannot be decoded.
    """
    sheet = _Sheet(taught, number, album)
    for figure in sheet.figures():
        if "picture" in kinds:
            yield sheet.looked_at("picture", figure, _image(album.picture(figure.key_picture())))
        if "clip" in kinds and len(figure.clip.frames) > 1:
            name, plays = album.film(figure.clip)
            yield sheet.looked_at("clip", figure, f"[sound:{name}]" if plays else _image(name))
        if "mark" in kinds:
            for finding in taught.case.findings:
                seen = [e for e in finding.evidence if e.media == figure.clip.ref and e.shape and e.points]
                if seen and finding.certainty in PRESENT:
                    yield sheet.mark(figure, finding, seen)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One clip of a case; ``number`` counts from 1 within the case."""

    number: int
    clip: TeachingClip
    media: Media

    @property
    def name(self) -> str:
        return _figures.name(self.number, moving=len(self.clip.frames) > 1)

    @property
    def key_frame(self) -> int:
        return _figures.key_frame(self.clip)

    def key_picture(self) -> NDArray[np.uint8]:
        return self.clip.frames.frame(self.key_frame)

    def frame_of(self, seen: Evidence) -> int:
        """The key frame where the evidence spans it, else the middle of the frames that it names."""
        first, last = seen.frames or (1, len(self.clip.frames))
        frame = self.key_frame if first <= self.key_frame <= last else (first + last) // 2
        return min(max(frame, 1), len(self.clip.frames))

    @property
    def view(self) -> str:
        return _figures.view(self.media)


class _Sheet:
    """One case while its notes are written."""

    def __init__(self, taught: TeachingCase, number: int, album: Album) -> None:
        self._taught, self._case, self._number, self._album = taught, taught.case, number, album

    def figures(self) -> Iterator[_Figure]:
        return (_Figure(*one) for one in _figures.numbered(self._taught))

    def looked_at(self, kind: str, figure: _Figure, shown: str) -> _anki.Note:
        """A card that asks what a picture or clip shows; on its back the key frame with what can be drawn on it."""
        case = self._case
        here = [f for f in case.findings if any(e.media == figure.clip.ref for e in f.evidence)]
        drawn = self._drawn(figure, figure.key_frame, case.findings)
        marked = _image(drawn) if drawn else ""
        if kind == "clip" and not marked:
            marked = _image(self._album.picture(figure.key_picture()))
        return self._note(kind, figure, say(f"cards.asked_{kind}"), shown, self._answer(here), marked, "")

    def mark(self, figure: _Figure, finding: Finding, seen: list[Evidence]) -> _anki.Note:
        """A card that asks where a finding is; on its back it is drawn."""
        best = next((e for e in seen if e.best), seen[0])
        frame = figure.frame_of(best)
        question = say("cards.asked_mark")
        for quiz in self._case.quiz:
            asked = quiz.ask_point
            if asked and (asked.media, asked.finding) == (figure.clip.ref, finding.id):
                frame = min(max(asked.frame or frame, 1), len(figure.clip.frames))
                if not told_in(quiz.question, self._case):
                    question = quiz.question
        plain = self._album.picture(figure.clip.frames.frame(frame))
        drawn = self._drawn(figure, frame, (finding,), seen)
        marked = _image(drawn) if drawn else ""
        answer = f'<p class="told">{_anki.text(words.sentence(sentences.title(finding)))}</p>{self._about(finding)}'
        return self._note("mark", figure, question, _image(plain), answer, marked, finding.id)

    def _note(
        self, kind: str, figure: _Figure, question: str, shown: str, answer: str, marked: str, finding: str
    ) -> _anki.Note:
        case, taught = self._case, self._taught
        title = _figures.open_title(case, self._number)
        about = {"title": title, "figure": figure.name, "kind": say(f"cards.kind_{kind}")}
        ids = [f.id for f in case.findings]
        name = (
            say("cards.named_finding", **about, n=ids.index(finding) + 1)
            if finding
            else say("cards.named", **about)
        )
        context = (title, words.patient_line(case.patient), figure.media.quiz_caption or figure.view)
        return _anki.Note(
            "\n".join((taught.key, case.slug, kind, figure.clip.ref, finding)),
            (
                _anki.text(name),
                _anki.text(question),
                shown,
                "<br>".join(_anki.text(line) for line in context if line),
                answer,
                marked,
                _list(say("shared.teaching_points"), case.story.points)
                + _list(say("shared.pitfalls"), case.story.pitfalls),
                _anki.text(_source(case)),
            ),
            (*_tags(case), _anki.tag("kind", kind)),
            max(taught.edition, _anki.BORN) + LAYOUT,
        )

    def _drawn(
        self, figure: _Figure, frame: int, findings: tuple[Finding, ...], only: list[Evidence] | None = None
    ) -> str:
        """The name of a frame with the evidence that spans it, each with its finding's number; empty without any."""
        ids = [finding.id for finding in self._case.findings]
        marks = []
        for finding in findings:
            place = ids.index(finding.id)
            for seen in only if only is not None else finding.evidence:
                first, last = seen.frames or (1, len(figure.clip.frames))
                if seen.media == figure.clip.ref and seen.shape and seen.points and first <= frame <= last:
                    marks.append(drawing.Mark(str(place + 1), seen.shape, seen.points, place))
        if not marks:
            return ""
        return self._album.picture(drawing.drawn(figure.clip.frames.frame(frame), marks))

    def _answer(self, here: list[Finding]) -> str:
        case = self._case
        told = "".join(
            f'<p class="told">{_anki.text(words.sentence(sentences.diagnosis(made)))}</p>'
            for made in case.story.diagnosis
        )
        told = told or f'<p class="told">{_anki.text(case.title)}</p>'
        listed = here or list(case.findings)
        heading = say("cards.seen_here" if here else "cards.findings_of_case")
        numbers = {finding.id: place for place, finding in enumerate(case.findings, start=1)}
        items = "".join(
            f'<li value="{numbers[f.id]}">{_anki.text(words.sentence(sentences.title(f)))}{self._about(f)}</li>'
            for f in listed
        )
        return f"{told}<h2>{heading}</h2><ol>{items}</ol>" if items else told

    def _about(self, finding: Finding) -> str:
        measured = (sentences.measured(m) for m in self._case.measurements if m.finding == finding.id)
        parts = (sentences.qualities(finding), sentences.states(finding), *measured)
        told = "<br>".join(_anki.text(part) for part in parts if part)
        return f'<div class="about">{told}</div>' if told else ""


def _tags(case: Case) -> tuple[str, ...]:
    """Structures of the diagnoses and of what is present; the difficulty."""
    where = [made.structure for made in case.story.diagnosis]
    where += [finding.structure for finding in case.findings if finding.certainty in PRESENT]
    tags = [_anki.tag("structure", structure) for structure in dict.fromkeys(where) if structure]
    return (*tags, _anki.tag("difficulty", case.difficulty or "not_said"))


def _source(case: Case) -> str:
    by = ", ".join(part for part in (case.author.name, case.author.affiliation) if part)
    told = (
        say("cards.by", who=by) if by else "",
        say("cards.invented") if case.fictional else "",
        f"{say('shared.purpose')}.",
    )
    return " ".join(part for part in told if part)


def _list(heading: str, lines: tuple[str, ...]) -> str:
    items = "".join(f"<li>{_anki.text(line)}</li>" for line in lines)
    return f"<h2>{heading}</h2><ul>{items}</ul>" if items else ""


def _image(name: str) -> str:
    """The tag for a picture of the album, whose names need no escape."""
    if not re.fullmatch(r"[a-z0-9.-]+", name):
        raise ValueError("a picture of a deck has no plain name")
    return f'<img src="{name}">'
