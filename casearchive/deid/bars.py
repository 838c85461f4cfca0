"""Grey and colour bars beside the scan: strips that change along one direction only, and seldom turn, so neither
sign nor bar code can stand in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from casearchive.deid.blobs import connected
from casearchive.deid.pixels import Area, Box
from casearchive.deid.things import Bits, Frame, Thing, inside, lit, strongest

_LIT = 16  # grey levels: less is background
_STEP = 8  # grey levels between neighbours across the bar
_ACROSS, _LATER = 16, 20  # grey levels that a bar may change across, and in frames after the first
_LONG, _NARROW, _WIDE = 40, 5, 80  # pixels
_COLOURS = 12  # different ones along it: an even strip is no bar
_TURNS, _NOISE = 4, 12  # of a shade along it, and grey levels: the stripes of a bar code turn at each
_FULL = 0.7


def bars(frame: Frame, area: Area) -> Iterator[Thing]:
    """Upright and level bars that touch nothing of ``area``."""
    mask = area.mask()
    for box in _upright(frame, mask):
        yield _thing(box)
    for box in _upright(frame.swapaxes(0, 1), mask.T):
        yield _thing(Box(box.y0, box.x0, box.y1, box.x1))


def _thing(box: Box) -> Thing:
    shape = (box.y1 - box.y0 + 1, box.x1 - box.x0 + 1)
    return Thing("colour bar", "colour bar", box, np.ones(shape, np.bool_))


def is_bar(part: Frame, most: int = _LATER) -> bool:
    """Whether a strip, (rows, columns[, 3]), changes along its length only, and is no bar code."""
    long = part if part.shape[0] >= part.shape[1] else part.swapaxes(0, 1)
    return bool((_spread(long) <= most).all()) and _turns(long) <= _TURNS


def _spread(part: Frame) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """For every row by how many levels it changes, in any channel."""
    spread = np.asarray(part.max(axis=1).astype(np.int16) - part.min(axis=1), np.int16)
    return spread.max(axis=1) if spread.ndim == 2 else spread


def _turns(part: Frame) -> int:
    """How often the shade of a channel turns from rising to falling or back along the rows, by more than noise."""
    most = 0
    for levels in np.median(part, axis=1).reshape(len(part), -1).T:
        turns, rising, extreme = 0, 0, float(levels[0])
        for level in levels.tolist():
            if rising * (level - extreme) >= 0 and rising:
                extreme = level  # further the same way
            elif abs(level - extreme) > _NOISE:
                turns, rising, extreme = turns + bool(rising), 1 if level > extreme else -1, level
        most = max(most, turns)
    return most


def _upright(frame: Frame, mask: Bits) -> Iterator[Box]:
    levels = frame.astype(np.int16)
    steps = np.abs(levels[:, 1:] - levels[:, :-1])
    smooth = strongest(steps) <= _STEP
    bright = (lit(frame) >= _LIT) & ~mask
    smooth &= bright[:, 1:] & bright[:, :-1]
    for around, (rows, columns) in connected(smooth):
        high, wide = around.y1 - around.y0 + 1, around.x1 - around.x0 + 1
        if high < _LONG or not _NARROW <= wide <= _WIDE or len(rows) < _FULL * high * wide:
            continue
        filled = np.bincount(columns - around.x0, minlength=wide) >= 0.9 * high
        x0, x1 = _longest(filled)
        core = Box(around.x0 + x0, around.y0, around.x0 + x1 + 1, around.y1)
        y0, y1 = _longest(_spread(frame[inside(core)]) <= _ACROSS)
        box = Box(core.x0, core.y0 + y0, core.x1, core.y0 + y1)
        part = frame[inside(box)]
        if y1 - y0 + 1 >= _LONG and x1 - x0 + 1 >= _NARROW and _colours(part) >= _COLOURS and is_bar(part):
            yield box


def _longest(bits: Bits) -> tuple[int, int]:
    """First and last place of the longest run of True; (0, -1) where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], bits.view(np.int8), [0]))))
    if not len(edges):
        return 0, -1
    lengths = edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return int(edges[2 * best]), int(edges[2 * best + 1]) - 1


def _colours(part: Frame) -> int:
    middle = np.median(part, axis=1).astype(np.int16) // 4
    return len(np.unique(middle, axis=0))
