"""What is shown of a case, and how it may be called before the answer: clips, titles, the part of the body."""

from __future__ import annotations

from dataclasses import dataclass, replace

from casearchive.exporters import _words as words
from casearchive.exporters._pptx.pictures import key_frame
from casearchive.model import ASSUMED_FPS, Case, Media
from casearchive.record.spoilers import told_in
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet


@dataclass(frozen=True, slots=True)
class Figure:
    """One clip. ``number`` counts from 1 within the case, ``key_frame`` from 1 within the clip."""

    number: int
    clip: TeachingClip
    media: Media

    @property
    def ref(self) -> str:
        return self.clip.ref

    @property
    def frames(self) -> int:
        return len(self.clip.frames)

    @property
    def moving(self) -> bool:
        return self.frames > 1

    @property
    def key_frame(self) -> int:
        return key_frame(self.clip)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.clip.columns, self.clip.rows

    @property
    def name(self) -> str:
        return f"{'Clip' if self.moving else 'Picture'} {self.number}"

    @property
    def view(self) -> str:
        """How it was taken, in words that give no answer away: ``Right, short axis, B-mode, at rest``."""
        m = self.media
        told = [words.plain(term) for term in (m.side, m.plane, m.mode, m.maneuver, m.position)]
        when = words.day_words(m.day) if m.day else ""
        return words.sentence(", ".join(part for part in (*told, when) if part))

    @property
    def speed(self) -> str:
        if self.clip.fps:
            unevenly = " on the mean, unevenly as they were taken" if self.clip.times else ""
            return f"true speed: {self.clip.fps:.3g} frames a second{unevenly}"
        return f"speed unknown: shown at {ASSUMED_FPS:.3g} frames a second"


def figures_of(taught: TeachingCase) -> list[Figure]:
    """The clips of a case in the order of its media."""
    order = {media.id: place for place, media in enumerate(taught.case.media)}
    media = {one.id: one for one in taught.case.media}
    clips = sorted(taught.clips, key=lambda clip: order.get(clip.ref, len(order)))
    return [
        Figure(number, clip, media.get(clip.ref, Media(id=clip.ref)))
        for number, clip in enumerate(clips, start=1)
    ]


def open_set(teaching: TeachingSet) -> TeachingSet:
    """The set as it may be read before the answers: without a title or description that names one of them."""

    def kept(text: str) -> str:
        return "" if any(told_in(text, taught.case) for taught in teaching.cases) else text

    return replace(teaching, title=kept(teaching.title), description=kept(teaching.description))


def about(case: Case) -> str:
    """The part of the body and how hard it is, before the answer: ``anterior thigh, intermediate``."""
    structures = [m.structure for m in case.media] + [f.structure for f in case.findings]
    regions = (words.region_of(structure) for structure in structures if structure)
    region = next((r for r in regions if r), ", ".join(map(words.plain, case.category[:1])))
    return ", ".join(part for part in (region, words.plain(case.difficulty)) if part)
