"""Contact sheets for review: each clip as it is, what looks like text framed, and as it would leave; a PNG a layout.

They show originals, names and all, and so stand in the archive's cache unless a person wants them elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from casearchive import contact
from casearchive.clip import Clip
from casearchive.deid import shapes
from casearchive.deid.keeping import Kept, safe_area
from casearchive.deid.looking import together
from casearchive.deid.pixels import MOST_OF_THE_FRAME, Box, clean
from casearchive.deid.scanners import Scanner
from casearchive.deid.shapes import Rectangle
from casearchive.errors import PictureUnavailable
from casearchive.files import private_folder, write_lightly
from casearchive.reviewing import WAITS, Reviewable, note_drawn, profiles
from casearchive.rooms import Rooms

_ROOMY = 4  # clips of a layout that have strips of their own
_MOST_SHOWN = 8  # frames of a clip on its sheet
_MOST_CUT, _AROUND, _NARROW = 12, 12, 150  # pieces, and pixels
_FRAME = (255, 80, 60)
_BESIDE = "and what is proven to be results, scale or bar beside it"


def sheets(rooms: Rooms, clips: Sequence[Reviewable], to: Path | None = None) -> tuple[Path, ...]:
    """One contact sheet (PNG) a layout: each clip as it is, what looks like text framed, and as it would leave.

    They show originals, names and all: they stand in the archive's cache unless ``to`` names another folder.
    """
    folder = to or rooms.layout.sheets
    private_folder(folder)
    known = profiles(rooms)
    made = []
    for layout in dict.fromkeys(c.layout for c in clips):
        same = [c for c in clips if c.layout == layout]
        strips = [s for one in same[:_ROOMY] for s in _strips(rooms, one, known)]
        strips += _together_on(rooms, same[_ROOMY:], known)
        if not any(strip.frames for strip in strips):
            continue
        path = folder / f"{layout}.png"
        write_lightly(path, contact.drawn(f"Layout {layout}: {same[0].scanner}", strips))
        note_drawn(rooms, layout, [one.sha256 for one in same])
        made.append(path)
    return tuple(made)


def _together_on(
    rooms: Rooms, clips: Sequence[Reviewable], known: Sequence[Scanner]
) -> Iterator[contact.Strip]:
    """Those of a large layout without strips of their own: each as one picture before and one after, and what looks
    like text in it."""
    before, after, closer = [], [], []
    for one in clips:
        with rooms.opened(one.sha256) as clip:
            if clip is None:
                continue
            texts = dict(one.texts)
            with contextlib.suppress(PictureUnavailable, ValueError):
                brightest = _brightest(clip)
                before.append(
                    (one.ref, _framed(brightest, [box for boxes in texts.values() for box in boxes]))
                )
                kept = safe_area(clip.facts, one.decision, known)
                if isinstance(kept, Kept):
                    after.append((one.ref, clean(brightest, kept.area.mask())))
            close = tuple(_close(clip, texts))
            if close:
                closer.append(
                    contact.Strip(f"{one.ref}, what looks like text", "at its own size or larger", close)
                )
    for heading, shown in ((f"{len(before)} more, as they are", before), ("as they would leave", after)):
        if shown:
            yield contact.Strip(heading, "all frames of each clip at once", tuple(shown))
    yield from closer


def _strips(rooms: Rooms, one: Reviewable, known: Sequence[Scanner]) -> Iterator[contact.Strip]:
    with rooms.opened(one.sha256) as clip:
        if clip is None:
            return
        kept = safe_area(clip.facts, one.decision, known)
        texts = dict(one.texts)
        numbers = _shown(one.frames, [n for n, _ in one.texts])
        before, after = [], []
        for number in numbers:
            with contextlib.suppress(PictureUnavailable):
                frame = clip.frame(number)
                before.append((number, _framed(frame, texts.get(number, ()))))
                if isinstance(kept, Kept):
                    after.append((number, clean(frame, kept.area.mask())))
        if one.frames > 1:
            with contextlib.suppress(PictureUnavailable, ValueError):
                brightest = _brightest(clip)
                before.append((0, brightest))
                if isinstance(kept, Kept):
                    after.append((0, clean(brightest, kept.area.mask())))
        yield contact.Strip(f"{one.ref}, as it is", one.reason or one.state, tuple(before))
        close = tuple(_close(clip, texts))
        if close:
            yield contact.Strip(f"{one.ref}, what looks like text", "at its own size or larger", close)
        if after:
            yield contact.Strip(f"{one.ref}, as it would leave", _BESIDE, tuple(after))
        elif before and one.state == WAITS:
            moving = suggested(clip)
            note = (
                f"what moves: {shapes.written(moving)}"
                if moving
                else "read the corners of the scan off the rulers"
            )
            ruled = _ruled(_framed(before[0][1], (Box(*shapes.reaches(moving)),) if moving else ()))
            yield contact.Strip(f"{one.ref}, with the numbers of its pixels", note, ((1, ruled),))


def _close(clip: Clip, texts: Mapping[int, Sequence[Box]]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """What was framed, cut out with a little around it, so that it can be read: a few of each clip."""
    cut = 0
    for number, boxes in sorted(texts.items()):
        with contextlib.suppress(PictureUnavailable):
            frame = clip.frame(number)
            for box in together(boxes):
                part = frame[
                    max(0, box.y0 - _AROUND) : box.y1 + _AROUND + 1,
                    max(0, box.x0 - _AROUND) : box.x1 + _AROUND + 1,
                ]
                yield number, (part.repeat(2, axis=0).repeat(2, axis=1) if part.shape[1] <= _NARROW else part)
                cut += 1
                if cut == _MOST_CUT:
                    return


def suggested(clip: Clip) -> Rectangle | None:
    """The box in which the picture moves: a first guess at the scan, for a person to look at; None for a still.

    Rows and columns of which a fiftieth changes by more than 16 grey levels, the longest run of each.
    """
    frames = clip.facts.instance.frames
    if frames < 2:
        return None
    try:
        some = [clip.frame(n) for n in sorted({1 + (frames - 1) * k // 11 for k in range(12)})]
        stack = np.stack([f if f.ndim == 2 else f.max(axis=2) for f in some])
    except (PictureUnavailable, ValueError):
        return None
    moving = (stack.max(axis=0).astype(np.int16) - stack.min(axis=0)) > 16
    down = _longest(moving.mean(axis=1) > 0.02)
    if down is None:
        return None
    across = _longest(moving[down[0] : down[1] + 1].mean(axis=0) > 0.02)
    if across is None:
        return None
    box = Rectangle(across[0], down[0], across[1], down[1])
    # what moves nearly everywhere is a screen filmed by hand, and no guess
    most = MOST_OF_THE_FRAME * moving.size
    return box if (box.x1 - box.x0 + 1) * (box.y1 - box.y0 + 1) <= most else None


def _longest(held: NDArray[np.bool_]) -> tuple[int, int] | None:
    """First and last place of the longest run, gaps of a fiftieth of the whole not counted; None for next to none."""
    gap, best, start, last = max(2, len(held) // 50), (0, -1), -1, -1
    for place in np.flatnonzero(held).tolist():
        if start < 0 or place - last > gap:
            start = place
        last = place
        if last - start > best[1] - best[0]:
            best = (start, last)
    return best if best[1] - best[0] >= 16 else None


def _ruled(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame with a ruler above and beside it, numbered in stored pixels from 0."""
    from PIL import Image, ImageDraw, ImageFont

    rows, columns = frame.shape[:2]
    size = max(10, columns // 50)
    left, top = 4 * size, 2 * size
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 100_000) if columns / s <= 12)
    sheet = Image.new("RGB", (columns + left, rows + top), (24, 24, 24))
    sheet.paste(Image.fromarray(frame).convert("RGB"), (left, top))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size)
    for x in range(0, columns, step):
        pen.line((left + x, top - size // 2, left + x, top - 1), fill=(235, 235, 235))
        pen.text((left + x, top - size // 2), str(x), fill=(235, 235, 235), font=font, anchor="mb")
    for y in range(0, rows, step):
        pen.line((left - size // 2, top + y, left - 1, top + y), fill=(235, 235, 235))
        pen.text((left - size, top + y), str(y), fill=(235, 235, 235), font=font, anchor="rm")
    return np.asarray(sheet)


def _shown(frames: int, texts: Sequence[int]) -> list[int]:
    """First, last, and those with text; where these are many, spread over them."""
    step = max(1, -(-len(texts) // (_MOST_SHOWN - 2)))
    return sorted({1, frames, *texts[::step]} - {0})


def _brightest(clip: Clip) -> NDArray[np.uint8]:
    """Each pixel as bright as it ever is: what stands still on one frame only is seen too."""
    most = clip.frame(1)
    for number in range(2, clip.facts.instance.frames + 1):
        most = np.maximum(most, clip.frame(number))
    return most


def _framed(frame: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """The frame in colour with a line around each box."""
    shown = np.repeat(frame[..., None], 3, axis=2) if frame.ndim == 2 else frame.copy()
    rows, columns = shown.shape[:2]
    for box in together(boxes):
        x0, y0 = max(0, box.x0 - 4), max(0, box.y0 - 4)
        x1, y1 = min(columns - 1, box.x1 + 4), min(rows - 1, box.y1 + 4)
        for width in range(2):
            for line in (
                (slice(max(0, y0 - width), y0 - width + 1), slice(x0, x1 + 1)),
                (slice(y1 + width, y1 + width + 1), slice(x0, x1 + 1)),
                (slice(y0, y1 + 1), slice(max(0, x0 - width), x0 - width + 1)),
                (slice(y0, y1 + 1), slice(x1 + width, x1 + width + 1)),
            ):
                shown[line] = _FRAME
    return shown
