"""Results beside the scan: values with their units that the scanner printed there, kept where they were read sign by
sign and stand the same in every frame. Of their boxes only the ink is kept, so nothing faint comes along.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from casearchive.deid import ocr, screen
from casearchive.deid.needles import Needle
from casearchive.deid.pixels import Area, Box
from casearchive.deid.words import find

_SURE, _SURE_SIGN = 0.9, 0.6
_CONTRAST = 60  # grey levels between ink and ground
_STILL = 48  # grey levels that ink may change from frame to frame: what coding does, and no other sign
MOST = 64  # results of one picture

Bits = NDArray[np.bool_]
Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Result:
    """``text`` as it was read in ``box`` (stored pixels, inclusive); ``ink``, as large as the box, is True where it is
    written."""

    text: str
    box: Box
    ink: Bits


def beside(frame: Frame, area: Area, needles: Sequence[Needle]) -> tuple[Result, ...]:
    """The results that stand outside ``area``, and touch nothing of it; none where text cannot be read here."""
    if not ocr.installed():
        return ()
    rows, columns = frame.shape[:2]
    everywhere = Area(rows, columns, (Box(0, 0, columns - 1, rows - 1),), ())
    mask, found = area.mask(), []
    for patch in ocr.find(frame, everywhere):
        box = patch.box
        if patch.slant or mask[_inside(box)].any():
            continue
        line = ocr.read(frame, box)
        sure = line.mean >= _SURE and line.least >= _SURE_SIGN
        if not sure or not screen.result(line.text) or any(find(line.text, needles)):
            continue
        ink = _ink(frame[_inside(box)])
        if ink is not None:
            found.append(Result(line.text.strip(), box, ink))
    return tuple(found[:MOST])


def stands_still(result: Result, first: Frame, frame: Frame) -> bool:
    """Whether the ink is the same in another frame, but for what lossy coding changes."""
    one, other = (f[_inside(result.box)][result.ink].astype(np.int16) for f in (first, frame))
    return bool(np.abs(one - other).max(initial=0) <= _STILL)


def laid(results: Iterable[Result], rows: int, columns: int) -> Bits:
    """Where any of them has ink."""
    where = np.zeros((rows, columns), np.bool_)
    for result in results:
        where[_inside(result.box)] |= result.ink
    return where


def boxed(boxes: Iterable[Box], rows: int, columns: int) -> Bits:
    """Where any of these boxes is."""
    where = np.zeros((rows, columns), np.bool_)
    for box in boxes:
        where[_inside(box)] = True
    return where


def digest(frames: Iterable[Frame], where: Bits) -> str:
    """SHA-256 of the pixels at ``where`` of all frames, one after the other."""
    told = hashlib.sha256()
    for frame in frames:
        told.update(frame[where].tobytes())
    return told.hexdigest()


def _inside(box: Box) -> tuple[slice, slice]:
    return slice(box.y0, box.y1 + 1), slice(box.x0, box.x1 + 1)


def _ink(part: Frame) -> Bits | None:
    """Where the letters are, a pixel around them with it; None where ink and ground are hard to tell apart."""
    levels = part.max(axis=2) if part.ndim == 3 else part
    ground, light = float(np.median(levels)), float(np.percentile(levels, 99))
    if light - ground < _CONTRAST:
        return None
    inked = levels > (ground + light) / 2
    if not 0.02 < inked.mean() < 0.5:
        return None
    wide, grown = np.pad(inked, 1), np.zeros_like(inked)
    rows, columns = inked.shape
    for y in range(3):
        for x in range(3):
            grown |= wide[y : y + rows, x : x + columns]
    return grown
