"""One clip as a case page shows it: what its player needs to know, and where a reader is sent to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from casearchive import scale
from casearchive.exporters import _figures
from casearchive.exporters._html.pictures import PictureFiles
from casearchive.exporters._labels import say
from casearchive.model import ASSUMED_FPS, Evidence, Media, UltrasoundRegion
from casearchive.teaching import TeachingClip


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
    regions: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return _figures.name(self.number, moving=self.files.moving)

    @property
    def view(self) -> str:
        return _figures.view(self.media)

    @property
    def speed(self) -> str:
        return _figures.speed(self.fps, known=self.speed_known, unevenly=bool(self.steps))

    def data(self, root: str) -> dict[str, Any]:
        """What the player's script needs; addresses relative to a page that is ``root`` away from the set's folder."""
        files = self.files
        inside = files.thumb.startswith("data:")
        # the picture of the key frame stands in the page already
        pictures = {n: address for n, address in files.pictures.items() if n != self.key_frame}
        return {
            "figure": self.number,
            "frames": files.frames,
            "key": self.key_frame,
            "fps": self.fps,
            "known": self.speed_known,
            "steps": list(self.steps) or None,
            "columns": self.columns,
            "rows": self.rows,
            "base": root + files.base,
            "digits": files.digits,
            "every": files.every,
            "pictures": pictures if inside and not files.film else None,
            "film": "" if not files.film else files.film if inside else root + files.film,
            "regions": list(self.regions),
        }


@dataclass(frozen=True, slots=True)
class Look:
    """A place to look: the figure, the frame to stop at, and how the reader is told."""

    figure: int
    frame: int
    words: str
    best: bool


def figure(number: int, media: Media, clip: TeachingClip, files: PictureFiles) -> Figure:
    return Figure(
        number=number,
        ref=clip.ref,
        files=files,
        media=media,
        columns=clip.columns,
        rows=clip.rows,
        key_frame=_figures.key_frame(clip),
        fps=clip.fps or ASSUMED_FPS,
        speed_known=bool(clip.fps),
        steps=tuple(round(s, 4) for s in clip.lasting()) if clip.times else (),
        regions=_regions(clip, media),
    )


def look_at(seen: Evidence, figures: Sequence[Figure]) -> Look | None:
    """Where to stop: the key frame if it lies in the range, else the middle of it."""
    shown = next((f for f in figures if f.ref == seen.media), None)
    if shown is None:
        return None
    if seen.frames is None or not shown.files.moving:
        return Look(shown.number, shown.key_frame, shown.name, seen.best)
    first, last = seen.frames
    frame = shown.key_frame if first <= shown.key_frame <= last else (first + last) // 2
    told = _figures.in_frames(shown.name, seen.frames)
    return Look(shown.number, min(max(frame, 1), shown.files.frames), told, seen.best)


def _regions(clip: TeachingClip, media: Media) -> tuple[dict[str, Any], ...]:
    """The ultrasound regions for the ruler, in the order in which they own a pixel: ``box`` in stored pixels, its
    corners included, and ``mm`` a pixel across and down or ``why`` there is no length in it. A scale that the author
    set by hand counts only where the file has none."""
    regions = clip.regions
    if media.calibration and not scale.calibrated(regions):
        regions = (*regions, scale.by_hand(media.calibration, clip.rows, clip.columns))
    return tuple(_told(region, clip) for region in scale.by_rank(regions))


def _told(region: UltrasoundRegion, clip: TeachingClip) -> dict[str, Any]:
    box = [region.min_x0, region.min_y0, region.max_x1, region.max_y1]
    across_down = scale.mm_per_pixel(region)
    why = scale.distrust(region, clip.rows, clip.columns)
    if across_down is None:
        why = say("page.no_length_here", shows=scale.shows(region))
    elif why:
        why = say("page.distrusted", shows=scale.shows(region), why=why)
    return {"box": box, "why": why} if why else {"box": box, "mm": list(across_down or ())}
