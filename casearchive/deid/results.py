"""Results beside the scan: values with their units that the scanner printed there, read sign by sign.

Light print keeps its ink alone, so nothing faint comes along. Dark print on a light ground keeps the ground, too, where
that is even: on black it could not be read.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from casearchive.deid import ocr, screen
from casearchive.deid.blobs import connected
from casearchive.deid.needles import Needle
from casearchive.deid.pixels import Area, Box
from casearchive.deid.things import Bits, Frame, Thing, grown, inside, lit
from casearchive.deid.words import find

EVEN = 12  # grey levels that an even ground may differ from its middle, in any channel
_SURE, _SURE_SIGN = 0.9, 0.6
_LEVEL, _APART = 0.5, 12  # of the height of print: on one line, and how far apart
_CONTRAST = 60  # grey levels between ink and ground
_JOINED = 3.0  # heights: letters that touch are narrower
_SHARES = (0.5, 0.35, 0.22)  # of the contrast, from the surest on
_AROUND = 2  # pixels around dark print that coding blurs


def results(
    frame: Frame, area: Area, needles: Sequence[Needle], corners: Bits | None = None
) -> Iterator[Thing]:
    """The results that stand outside ``area``, and touch nothing of it; in ``corners`` all else that is harmless, too.
    Needs the text detector."""
    rows, columns = frame.shape[:2]
    everywhere = Area(rows, columns, (Box(0, 0, columns - 1, rows - 1),), ())
    mask = area.mask()
    anywhere = [replace(needle, alone=False) for needle in needles]
    read: list[_Read] = []
    for patch in ocr.find(frame, everywhere):
        if patch.slant or mask[inside(patch.box)].any():
            continue
        line = ocr.read(frame, patch.box)
        sure = line.mean >= _SURE and line.least >= _SURE_SIGN
        read.append(_Read(patch.box, line.text.strip(), sure and screen.harmless(line.text)))
    for line_ in _lines(read):
        for some in _results_of(line_):
            if any(find(" ".join(part.text for part in some), needles)):
                continue
            for part in some:
                thing = _thing(frame, part)
                if thing is not None:
                    yield thing
        for part in line_:
            if corners is not None and part.harmless and corners[inside(part.box)].all():
                if screen.result(part.text) or any(find(part.text, anywhere)):
                    continue
                thing = _thing(frame, part)
                if thing is not None:
                    yield replace(thing, kind="label")


@dataclass(frozen=True, slots=True)
class _Read:
    box: Box
    text: str
    harmless: bool


def _lines(read: Sequence[_Read]) -> list[list[_Read]]:
    """What stands beside one another, from left to right: a label, its value, its unit."""
    lines: list[list[_Read]] = []
    for part in sorted(read, key=lambda r: r.box.x0):
        for line in lines:
            last = line[-1].box
            high = min(last.y1 - last.y0, part.box.y1 - part.box.y0) + 1
            level = min(last.y1, part.box.y1) - max(last.y0, part.box.y0) + 1 >= _LEVEL * high
            if level and part.box.x0 - last.x1 <= _APART * high:
                line.append(part)
                break
        else:
            lines.append([part])
    return lines


def _results_of(line: Sequence[_Read]) -> Iterator[list[_Read]]:
    """Neighbours of a line that were all read and are a result together."""
    for known, some in groupby(line, key=lambda part: part.harmless):
        parts = list(some)
        if known and screen.result(" ".join(part.text for part in parts)):
            yield parts
        elif known:  # what stands beside them may be another line's, or no result: each by itself
            yield from ([part] for part in parts if screen.result(part.text))


def _thing(frame: Frame, part: _Read) -> Thing | None:
    pixels = frame[inside(part.box)]
    for share in _SHARES:
        ink = _light(pixels, share)
        if ink is not None and _reads(pixels, ink, part.text):
            return Thing("result", part.text, part.box, ink)
    box = _on_its_ground(pixels, part.box)
    pixels = frame[inside(box)]
    ground = _dark(pixels)
    if ground is None:
        return None
    return Thing("result", part.text, box, np.ones(pixels.shape[:2], np.bool_), ground)


def even(part: Frame, ground: Bits) -> bool:
    """Whether the ground of a box is of one colour, so that nothing faint stands on it."""
    pixels = part[ground].astype(np.int16)
    return bool(np.abs(pixels - np.median(pixels, axis=0)).max(initial=0) <= EVEN)


def _reads(part: Frame, ink: Bits, text: str) -> bool:
    """Whether what stays alone reads as all did: a point that is dimmer than the digits must not be lost."""
    kept = np.zeros_like(part)
    kept[ink] = part[ink]
    rows, columns = ink.shape
    again = ocr.read(kept, Box(0, 0, columns - 1, rows - 1)).text
    return again.replace(" ", "") == text.replace(" ", "")


def _light(part: Frame, share: float) -> Bits | None:
    """Where letters are that are lighter than the ground by ``share`` of the whole contrast, a pixel around them with
    it; None where ink and ground are hard to tell apart."""
    levels = lit(part)
    ground, light = float(np.median(levels)), float(np.percentile(levels, 99))
    if light - ground < _CONTRAST:
        return None
    inked = levels > ground + share * (light - ground)
    return grown(inked) if 0.02 < inked.mean() < 0.5 and _one_line(inked) else None


def _one_line(inked: Bits) -> bool:
    """Whether all ink is of one line of print: the reader passes over small print above, below or at what it reads.

    No part may reach farther up than capitals, nor farther down than a p, nor be as wide as letters that were joined by
    something else.
    """
    boxes = [box for box, _ in connected(inked)]
    if not boxes:
        return False
    highest = max(_high(box) for box in boxes)
    tall = [box for box in boxes if _high(box) >= 0.6 * highest]
    usual = statistics.median(map(_high, tall))
    top, bottom = (statistics.median(edges) for edges in ([b.y0 for b in tall], [b.y1 for b in tall]))
    return highest <= 1.35 * usual and all(
        box.y0 >= top - 0.2 * usual - 1
        and box.y1 <= bottom + 0.33 * usual + 1
        and box.x1 - box.x0 < _JOINED * usual
        for box in boxes
    )


def _high(box: Box) -> int:
    return box.y1 - box.y0 + 1


def _on_its_ground(part: Frame, box: Box) -> Box:
    """``box`` less what of it reaches beyond the light ground of its print."""
    levels = lit(part)
    ground = np.abs(levels - np.median(levels)) <= EVEN
    rows, columns = (np.flatnonzero(ground.mean(axis=axis) > 0.25) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return box
    y, x = rows + box.y0, columns + box.x0
    return Box(int(x[0]), int(y[0]), int(x[-1]), int(y[-1]))


def _dark(part: Frame) -> Bits | None:
    """The ground of dark letters, what coding blurs around them left out; None where it is not even."""
    levels = lit(part)
    ground, dark = float(np.median(levels)), float(np.percentile(levels, 1))
    if ground - dark < _CONTRAST:
        return None
    inked = levels < (ground + dark) / 2
    if not _one_line(inked):
        return None
    free = ~grown(inked, _AROUND)
    return free if 0.02 < inked.mean() < 0.5 and free.mean() > 0.1 and even(part, free) else None
