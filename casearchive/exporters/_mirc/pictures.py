"""One clip as a teaching file shows it: a picture, its icon, its evidence drawn, the film, and the DICOM object."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from casearchive import drawing, preview
from casearchive.exporters._figures import key_frame
from casearchive.exporters._mirc.annotation import svg
from casearchive.exporters._plain import one_line
from casearchive.model import Case
from casearchive.record import sentences
from casearchive.record.table import SHAPES
from casearchive.teaching import TeachingClip

PANE, ICON, _MOVING = 700, 64, 480  # pixels across: MIRC's pane and icons, the moving picture of a browser
_COLOUR_OF_MEASURES = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """The members of the zip that show one clip, by what they are for, and what the document says of them.

    ``shown`` is the frame of the picture, ``drawn`` that of the annotation (0 where there is none), from 1; ``width``
    and ``height`` are of the picture as it is shown.
    """

    number: int
    ref: str
    members: dict[str, tuple[str, bytes | Path]]
    width: int
    height: int
    frames: int
    shown: int
    drawn: int

    def name(self, what: str) -> str:
        """The name of a member; empty where there is none of this kind."""
        return self.members[what][0] if what in self.members else ""


def figure(number: int, case: Case, clip: TeachingClip, *, tell: bool) -> Figure:
    """The pictures of ``clip``, the ``number``-th of its case; ``tell`` draws the evidence. Raises
    ``PictureUnavailable`` where a frame cannot be decoded."""
    stem = f"{number:02}"
    shown = key_frame(clip)
    picture = clip.frames.frame(shown)
    width = min(PANE, clip.columns)
    height = max(1, round(clip.rows * width / clip.columns))
    members: dict[str, tuple[str, bytes | Path]] = {}
    if width < clip.columns:
        members["picture"] = f"{stem}.jpg", _jpeg(picture, width)
        members["original-dimensions"] = f"{stem}.png", drawing.png(picture)
    else:
        members["picture"] = f"{stem}.png", drawing.png(picture)
    members["icon"] = f"{stem}-icon.jpg", _jpeg(picture, ICON)
    drawn = _annotated(stem, case, clip, shown, members) if tell else 0
    if len(clip.frames) > 1:
        film = clip.film.path() if clip.film else None
        members["moving"] = (f"{stem}.mp4", film) if film else (f"{stem}-moving.webp", _animated(clip))
    members["original-format"] = f"{stem}.dcm", clip.dicom
    return Figure(number, clip.ref, members, width, height, len(clip.frames), shown, drawn)


def _annotated(
    stem: str, case: Case, clip: TeachingClip, shown: int, members: dict[str, tuple[str, bytes | Path]]
) -> int:
    """Add the annotation as SVG and as PNG; returns the frame that it is drawn on."""
    frame = _frame_for(case, clip, shown)
    marks, legend = _marks(case, clip.ref, frame, len(clip.frames))
    if not marks:
        return 0
    picture = clip.frames.frame(frame)
    below = members.get("original-dimensions", members["picture"])[0]
    if frame != shown:
        below = f"{stem}-frame-{frame}.png"
        members["annotated frame"] = below, drawing.png(picture)
    members["svg"] = (
        f"{stem}-annotation.svg",
        svg(below, clip.columns, clip.rows, marks, legend).encode("utf-8"),
    )
    members["annotation"] = f"{stem}-annotation.png", drawing.png(drawing.drawn(picture, marks, legend))
    return frame


def _frame_for(case: Case, clip: TeachingClip, shown: int) -> int:
    """The frame shown where anything is drawn on it; else the middle of where the first thing is, the best first."""
    seen = [one for f in case.findings for one in f.evidence if one.media == clip.ref and one.shape]
    seen.sort(key=lambda one: not one.best)
    ranges = [one.frames for one in seen]
    ranges += [
        (m.frame, m.frame) if m.frame else None for m in case.measurements if m.media == clip.ref and m.points
    ]
    if not ranges or any(_holds(one, shown) for one in ranges):
        return shown
    first, last = next(one for one in ranges if one)
    return min(max((first + last) // 2, 1), len(clip.frames))


def _holds(frames: tuple[int, int] | None, frame: int) -> bool:
    return frames is None or frames[0] <= frame <= frames[1]


def _marks(case: Case, ref: str, frame: int, count: int) -> tuple[list[drawing.Mark], list[str]]:
    """What is drawn on this frame, and a line for each number. Shapes that cannot be drawn are left out."""
    marks: list[drawing.Mark] = []
    legend: dict[str, str] = {}
    for number, finding in enumerate(case.findings, start=1):
        for seen in finding.evidence:
            holds = count < 2 or _holds(seen.frames, frame)
            if seen.media == ref and holds and _drawable(seen.shape, seen.points):
                points = seen.points[: SHAPES[seen.shape][1]]
                marks.append(drawing.Mark(str(number), seen.shape, points, number - 1))
                legend[str(number)] = f"{number} {one_line(sentences.sentence(sentences.title(finding)))}"
    for measured in case.measurements:
        holds = count < 2 or measured.frame in (None, frame)
        if measured.media == ref and holds and len(measured.points) > 1:
            shape = "line" if len(measured.points) < 4 else "polygon"
            label = one_line(sentences.quantity(measured.value, measured.unit))
            if _drawable(shape, measured.points):
                marks.append(drawing.Mark(label, shape, measured.points, _COLOUR_OF_MEASURES))
                legend[label] = one_line(sentences.sentence(sentences.measured(measured)))
    return marks, list(legend.values())


_FAR = 1e5  # pixels: nothing that is drawn lies farther away


def _drawable(shape: str, points: Sequence[tuple[float, float]]) -> bool:
    near = all(-_FAR < x < _FAR and -_FAR < y < _FAR for x, y in points)
    enough = shape in SHAPES and len(points) >= SHAPES[shape][0]
    return near and enough and not (shape == "ellipse" and len(points) not in (2, 4))


def _animated(clip: TeachingClip) -> bytes:
    """The clip in true time where there is no film; a long one thinned out, lest it become larger than its object."""
    numbers, lasting = preview.thinned(clip.lasting(), preview.MOST)
    return preview.animated((clip.frames.frame(n) for n in numbers), lasting, _MOVING)


def _jpeg(picture: NDArray[np.uint8], width: int) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    size = width, max(1, round(image.height * width / image.width))
    out = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).convert("RGB").save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()
