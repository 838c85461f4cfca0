"""The animated preview of a clip: small, at true speed, each frame decoded at most once. Arrays in, bytes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from casearchive import render
from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable

if TYPE_CHECKING:
    from PIL.Image import Image

EDGE = 320
#: More frames than this are thinned out evenly, and so are frames that follow each other faster than a screen
#: needs: the film stays true to time and becomes no larger than about two megabytes.
MOST = 240
_SHORTEST = 0.02


@dataclass(frozen=True, slots=True)
class Preview:
    """``data`` is an animated WebP file, endless. ``frames`` are the numbers shown, from 1, and ``missing`` those
    that could not be decoded; ``guessed`` is True where nothing says how fast the clip was."""

    data: bytes
    frames: tuple[int, ...]
    missing: tuple[int, ...]
    guessed: bool


def preview_of(clip: Clip, edge: int = EDGE, most: int = MOST) -> Preview:
    """The clip cropped to its scan, its longer edge at most ``edge``, in true time, of at most ``most`` frames.

    A frame that cannot be decoded leaves the one before it standing for its time. Where the speed is unknown the
    clip plays at ``ASSUMED_FPS`` and ``guessed`` says so. Raises ``PictureUnavailable`` where no frame can be
    decoded, with the reason.
    """
    frames = clip.facts.instance.frames
    if frames < 1:
        raise PictureUnavailable("it holds no picture")
    timing = clip.facts.timing
    numbers, lasting = thinned(timing.lasting(frames), most)
    wanted = render.glimpse_edge(clip.facts, edge)
    missing: list[int] = []
    last: Picture | None = None
    trouble: PictureUnavailable | None = None

    def decoded() -> Iterator[Picture]:
        nonlocal last, trouble
        early = 0  # frames at the beginning that cannot be shown: the first that can stands for them
        for number in numbers:
            try:
                last = render.cropped(clip.glimpse(number, wanted), clip.facts)
            except PictureUnavailable as error:
                trouble = error
                missing.append(number)
            if last is None:
                early += 1
                continue
            for _ in range(1 + early):
                yield last
            early = 0
        if last is None:
            raise trouble or PictureUnavailable("none of its frames can be decoded")

    data = animated(decoded(), lasting, edge)
    return Preview(data, numbers, tuple(missing), guessed=timing.fps is None and frames > 1)


def thinned(lasting: Sequence[float], most: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Which frames (from 1) to show, and for how many seconds each, so that the whole lasts as long as before.

    At most ``most`` frames, and none that follows the one before within a fiftieth of a second: browsers take
    frames of a hundredth of a second for a tenth. Times that run backwards count as none.
    """
    starts = tuple(accumulate((max(0.0, seconds) for seconds in lasting), initial=0.0))
    total = starts[-1]
    apart = max(_SHORTEST, total / most) if len(lasting) > most else _SHORTEST
    picked = _at_least(starts[:-1], apart)
    while len(picked) > most:
        apart *= 1.02
        picked = _at_least(starts[:-1], apart)
    if len(picked) > 1 and total - starts[picked[-1] - 1] < _SHORTEST / 2:
        picked.pop()  # a last frame that only flashes up; the one before it stands a little longer
    ends = [*(starts[number - 1] for number in picked[1:]), total]
    return tuple(picked), tuple(end - starts[number - 1] for number, end in zip(picked, ends, strict=True))


def _at_least(starts: Sequence[float], apart: float) -> list[int]:
    """The first frame, and each that begins at least so much later than the one before it (but for rounding)."""
    picked = [1]
    for number, start in enumerate(starts[1:], 2):
        if start - starts[picked[-1] - 1] >= 0.999 * apart:
            picked.append(number)
    return picked


def animated(frames: Iterator[Picture], lasting: Sequence[float], edge: int) -> bytes:
    """An endless animated WebP of as many frames as ``lasting`` has seconds; frames are drawn one at a time.

    WebP counts in whole milliseconds: each duration is rounded so that the sum stays true.
    Raises ValueError without frames or with a time that is not positive.
    """
    if not lasting:
        raise ValueError("a preview needs at least one frame")
    if not all(0 < seconds < float("inf") for seconds in lasting):
        raise ValueError("every frame must last some time")
    marks = [round(1000 * at) for at in accumulate(lasting, initial=0.0)]
    milliseconds = [max(1, after - before) for before, after in pairwise(marks)]
    out = BytesIO()
    reel = _reel(frames, len(lasting), edge)
    reel.save(
        out,
        "WEBP",
        save_all=True,
        duration=milliseconds,
        loop=0,
        quality=70,
        method=0,
        minimize_size=False,
    )
    return out.getvalue()


def _reel(frames: Iterator[Picture], count: int, edge: int) -> Image:
    """An image of many frames that exist only while they are written: Pillow asks for them in order, once.

    A list of the frames would hold the whole film in memory, hundreds of megabytes of it.
    """
    from PIL import Image as PillowImage

    class Reel(PillowImage.Image):
        n_frames = count
        is_animated = count > 1

        def __init__(self) -> None:
            super().__init__()
            self._at = -1
            self._draw(0)

        def seek(self, frame: int) -> None:
            if frame != self._at and frame < count:
                self._draw(frame)

        def tell(self) -> int:
            return max(0, self._at)

        def _draw(self, frame: int) -> None:
            if frame < self._at:  # after the last frame Pillow goes back to where it began
                return
            image = _fitted(next(frames), edge, self.size if self._at >= 0 else None)
            self.im, self._mode, self._size = image.im, image.mode, image.size
            self._at = frame

    return Reel()


def _fitted(picture: Picture, edge: int, size: tuple[int, int] | None) -> Image:
    """The picture as RGB with its longer edge at most ``edge``; all are of the size of the first."""
    from PIL import Image as PillowImage

    image = PillowImage.fromarray(np.ascontiguousarray(picture))
    if size is None:
        scale = min(1.0, edge / max(image.size))
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if image.size != size:
        image = image.resize(size, PillowImage.Resampling.BICUBIC, reducing_gap=1.1)
    return image.convert("RGB")
