"""The depth scale beside the scan: marks at even distances, and numbers that say the depth at which they stand.

A mark is a small solid bar; five or more in a column at even distances tell no name. A number stays where it was read
surely and agrees, together with two others, with the calibration of the region beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from casearchive.deid import ocr
from casearchive.deid.blobs import Pixels, connected
from casearchive.deid.pixels import Area, Box
from casearchive.deid.things import Bits, Frame, Thing, grown, inside, lit
from casearchive.model import UltrasoundRegion

_LIT = 80  # grey levels
_NEAR = 90  # pixels beside the region in which its scale stands
_MARK_WIDE, _MARK_HIGH, _SOLID = 24, 5, 0.8
_FEWEST = 5  # marks
_CLOSEST, _OFF = 6.0, 1.3  # pixels between marks, and by which one may be off
_FILLED = 0.6  # of the places for marks
_SIGN_HIGH, _SIGN_WIDE, _GAP = (6, 30), 26, 6
_MOST_READ = 40
_SURE = 0.8
_NUMBER = re.compile(r"(\d{1,2}(?:[.,]\d)?)\s?(?:cm|mm)?")
_CENTIMETRES = 3  # PhysicalUnitsYDirection
_TOGETHER = 3  # numbers: two agree by chance
_BESIDE = 5.0  # pixels by which a number may stand above or below its depth
_ROUND = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0)  # centimetres from mark to mark
_EXACT = 0.04


@dataclass(frozen=True, slots=True)
class _Patch:
    box: Box
    pixels: Pixels

    @property
    def high(self) -> int:
        return self.box.y1 - self.box.y0 + 1

    @property
    def wide(self) -> int:
        return self.box.x1 - self.box.x0 + 1

    @property
    def middle(self) -> float:
        return (self.box.y0 + self.box.y1) / 2

    @property
    def is_mark(self) -> bool:
        full = len(self.pixels[0]) >= _SOLID * self.high * self.wide
        return full and self.wide <= _MARK_WIDE and self.high <= _MARK_HIGH

    @property
    def is_sign(self) -> bool:
        return _SIGN_HIGH[0] <= self.high <= _SIGN_HIGH[1] and self.wide <= _SIGN_WIDE


def scales(frame: Frame, area: Area) -> Iterator[Thing]:
    """Marks and numbers of the depth scales to the left and right of the regions; touches nothing of ``area``."""
    mask = area.mask()
    bright = (lit(frame) >= _LIT) & ~mask
    near = _near(area)
    bright &= near
    patches = [_Patch(box, pixels) for box, pixels in connected(bright)]
    patches = [p for p in patches if not mask[inside(_around(p.box, area))].any()]
    for column in _columns([p for p in patches if p.is_mark], area.regions):
        yield _marks(column)
    if ocr.installed():
        yield from _numbers(frame, area, [p for p in patches if p.is_sign])


def _near(area: Area) -> Bits:
    where = np.zeros((area.rows, area.columns), np.bool_)
    for region in area.regions:
        where[
            max(0, region.min_y0 - 12) : region.max_y1 + 13,
            max(0, region.min_x0 - _NEAR) : region.max_x1 + _NEAR + 1,
        ] = True
    return where


def _around(box: Box, area: Area) -> Box:
    return Box(
        max(0, box.x0 - 1),
        max(0, box.y0 - 1),
        min(area.columns - 1, box.x1 + 1),
        min(area.rows - 1, box.y1 + 1),
    )


def _columns(marks: Sequence[_Patch], regions: Sequence[UltrasoundRegion]) -> Iterator[list[_Patch]]:
    """Marks that stand below one another at even distances, each in one column only."""
    found: dict[frozenset[Box], list[_Patch]] = {}
    for side in (lambda b: b.x1, lambda b: b.x0, lambda b: (b.x0 + b.x1) // 2):
        for place in {side(m.box) for m in marks}:
            even = _even([m for m in marks if abs(side(m.box) - place) <= 1], regions)
            if len(even) >= _FEWEST:
                found[frozenset(m.box for m in even)] = even
    used: set[Box] = set()
    for boxes in sorted(found, key=len, reverse=True):
        if not boxes & used:
            used |= boxes
            yield found[boxes]


def _even(column: Sequence[_Patch], regions: Sequence[UltrasoundRegion]) -> list[_Patch]:
    """The most of a column that stand at places with one distance from each to the next."""
    if len(column) < _FEWEST:
        return []
    best: list[_Patch] = []
    middles = [m.middle for m in column]
    for start, following in pairwise(sorted(middles)):
        gap = following - start
        if gap < _CLOSEST:
            continue
        for _ in range(3):  # the gap of two neighbours is rough: those that fit tell it better
            places = np.round((np.array(middles) - start) / gap)
            off = np.array(middles) - start - places * gap
            near = np.abs(off) <= max(_OFF, gap / 8)
            if len(set(places[near])) < 2:
                break
            gap, start = (float(n) for n in np.polyfit(places[near], np.array(middles)[near], 1))
        places = np.round((np.array(middles) - start) / gap)
        fits = np.abs(np.array(middles) - start - places * gap) <= _OFF
        taken = set(places[fits].tolist())
        full = bool(taken) and len(taken) == fits.sum() >= _FILLED * (max(taken) - min(taken) + 1)
        if full and fits.sum() > len(best) and _plausible(gap, regions):
            best = [m for m, fit in zip(column, fits, strict=True) if fit]
    return best


def _plausible(gap: float, regions: Sequence[UltrasoundRegion]) -> bool:
    """Whether a gap between marks is a round number of centimetres in some region; true where none says how deep."""
    depths = [gap * abs(r.delta_y) for r in regions if r.delta_y and r.units_y == _CENTIMETRES]
    return not depths or any(abs(d - whole) <= _EXACT * whole for d in depths for whole in _ROUND)


def _marks(column: Sequence[_Patch]) -> Thing:
    box = Box(
        min(m.box.x0 for m in column), min(m.box.y0 for m in column),
        max(m.box.x1 for m in column), max(m.box.y1 for m in column),
    )  # fmt: skip
    ink = np.zeros((box.y1 - box.y0 + 1, box.x1 - box.x0 + 1), np.bool_)
    for mark in column:
        rows, columns = mark.pixels
        ink[rows - box.y0, columns - box.x0] = True
    return Thing("depth scale", f"{len(column)} marks of the scale", box, ink)


def _numbers(frame: Frame, area: Area, signs: Sequence[_Patch]) -> Iterator[Thing]:
    """Numbers that say, at least three of them together, how deep the place is at which they stand."""
    read: list[tuple[float, Box, list[_Patch]]] = []
    for word in _words(signs)[:_MOST_READ]:
        box = _box(word, area)
        line = ocr.read(frame, box)
        number = _NUMBER.fullmatch(line.text.strip())
        if number is not None and line.mean >= _SURE and line.least >= _SURE:
            read.append((float(number[1].replace(",", ".")), box, word))
    for region in area.regions:
        if region.units_y != _CENTIMETRES or not region.delta_y:
            continue
        for unit in (1.0, 10.0):  # centimetres, millimetres
            for some in _agreeing(read, abs(region.delta_y) * unit):
                for number_, box, word in some:
                    ink = np.zeros((box.y1 - box.y0 + 1, box.x1 - box.x0 + 1), np.bool_)
                    for sign in word:
                        ink[sign.pixels[0] - box.y0, sign.pixels[1] - box.x0] = True
                    yield Thing("depth scale", f"{number_:g}", box, grown(ink))
                read = [entry for entry in read if all(entry is not other for other in some)]


def _agreeing(
    read: Sequence[tuple[float, Box, list[_Patch]]], scale: float
) -> Iterator[list[tuple[float, Box, list[_Patch]]]]:
    """Numbers below one another that grow with their rows as ``scale`` (units a pixel) says; three values or more."""
    left = list(read)
    while left:
        number, box, _ = left[0]
        place = (box.y0 + box.y1) / 2
        some = [
            entry
            for entry in left
            if abs((entry[1].y0 + entry[1].y1) / 2 - place - (entry[0] - number) / scale) <= _BESIDE
            and entry[1].x0 <= box.x1 + 8
            and box.x0 <= entry[1].x1 + 8
        ]
        if len({entry[0] for entry in some}) >= _TOGETHER:
            yield some
        left = [entry for entry in left[1:] if all(entry is not other for other in some)]


def _words(signs: Sequence[_Patch]) -> list[list[_Patch]]:
    """Signs that stand close beside one another, at most four of them: more is no depth."""
    words: list[list[_Patch]] = []
    for sign in sorted(signs, key=lambda s: s.box.x0):
        for word in words:
            last = word[-1].box
            if sign.box.x0 - last.x1 <= _GAP and sign.box.y0 <= last.y1 and last.y0 <= sign.box.y1:
                word.append(sign)
                break
        else:
            words.append([sign])
    return [word for word in words if len(word) <= 4]


def _box(word: Sequence[_Patch], area: Area) -> Box:
    return Box(
        max(0, min(s.box.x0 for s in word) - 3), max(0, min(s.box.y0 for s in word) - 3),
        min(area.columns - 1, max(s.box.x1 for s in word) + 3), min(area.rows - 1, max(s.box.y1 for s in word) + 3),
    )  # fmt: skip
