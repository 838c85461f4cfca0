"""What is shown of a case, and how it may be called before the answer: clips, titles, the part of the body."""

from __future__ import annotations

from dataclasses import dataclass

from casearchive.exporters import _figures
from casearchive.exporters import _words as words
from casearchive.model import ASSUMED_FPS, Case, Media
from casearchive.teaching import TeachingCase, TeachingClip


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
        return _figures.key_frame(self.clip)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.clip.columns, self.clip.rows

    @property
    def name(self) -> str:
        return _figures.name(self.number, moving=self.moving)

    @property
    def view(self) -> str:
        return _figures.view(self.media)

    @property
    def speed(self) -> str:
        fps = self.clip.fps
        return _figures.speed(fps or ASSUMED_FPS, known=bool(fps), unevenly=bool(self.clip.times))


def figures_of(taught: TeachingCase) -> list[Figure]:
    """The clips of a case in the order of its media."""
    return [Figure(number, clip, media) for number, clip, media in _figures.numbered(taught)]


def about(case: Case) -> str:
    """The part of the body and how hard it is, before the answer: ``anterior thigh, intermediate``."""
    return ", ".join(part for part in (_figures.region(case), words.word(case.difficulty)) if part)
