"""Which pixels of a clip are plainly safe: its ultrasound regions, when they can be trusted."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casearchive.deid import shapes
from casearchive.deid.refusal import Refusal
from casearchive.deid.shapes import Rectangle, Shape
from casearchive.model import Facts, UltrasoundRegion

SCAN_FORMATS = {1: "2D", 2: "M-mode", 3: "spectral"}  # RegionSpatialFormat, PS3.3 C.8.5.5.1.1
SCAN_TYPES = {
    1: "tissue",
    2: "colour flow",
    3: "PW spectral",
    4: "CW spectral",
}  # RegionDataType, C.8.5.5.1.2

MOST_OF_THE_FRAME = 0.85  # more than this kept, and the region is the screen, not the scan
SMALLEST_SIDE = 16  # pixels
TOP_BAND = 0.03  # of the rows: where scanners print the name
FULL_WIDTH = 0.95  # of the columns
MOST_REGIONS = 32


class Box(NamedTuple):
    """A rectangle in stored pixels, origin top left; all four corners are inclusive."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class Area:
    """The pixels that may stay: disjoint boxes, and the regions of the file that they come from. ``drawn`` are
    shapes that a person keeps beside the boxes, ``struck`` what a person takes out of all of it, ``within`` the
    shape of the fan, outside of which nothing stays."""

    rows: int
    columns: int
    boxes: tuple[Box, ...]
    regions: tuple[UltrasoundRegion, ...]
    drawn: tuple[Shape, ...] = ()
    struck: tuple[Shape, ...] = ()
    within: Shape | None = None

    def mask(self) -> NDArray[np.bool_]:
        """Boolean (rows, columns), not to be written to; True where the picture may stay."""
        return _laid(self)

    @property
    def digest(self) -> str:
        """SHA-256 of which pixels may stay: the same for the same area, however it was found."""
        told = (self.rows, self.columns, *(tuple(b) for b in self.boxes))
        drawn = (*map(shapes.written, self.drawn), "without", *map(shapes.written, self.struck))
        drawn += ("within", shapes.written(self.within)) if self.within else ()
        return hashlib.sha256(repr((told, drawn)).encode()).hexdigest()

    @property
    def fraction(self) -> float:
        """Kept pixels as a part of all pixels, 0 to 1."""
        if self.drawn or self.struck or self.within:
            return float(self.mask().mean())
        return sum((b.x1 - b.x0 + 1) * (b.y1 - b.y0 + 1) for b in self.boxes) / (self.rows * self.columns)


@lru_cache(maxsize=8)
def _laid(area: Area) -> NDArray[np.bool_]:
    keep = np.zeros((area.rows, area.columns), dtype=np.bool_)
    for box in area.boxes:
        keep[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = True
    for shape in area.drawn:
        keep |= shapes.mask(shape, area.rows, area.columns)
    for shape in area.struck:
        keep &= ~shapes.mask(shape, area.rows, area.columns)
    if area.within is not None:
        keep &= shapes.mask(area.within, area.rows, area.columns)
    keep.setflags(write=False)
    return keep


def scan_area(facts: Facts) -> Area | Refusal:
    """The union of the trusted scan regions, less whatever else the file declares inside them.

    Region corners are inclusive (PS3.3 C.8.5.5: Max X1 and Max Y1 are the last pixels of the region). Some
    scanners write the width or height of the picture there, one pixel too far: the area ends with the picture.
    Refused, never repaired, when no region of a known scan kind is declared, a region leaves the picture or
    is degenerate, a region reaches across the whole top of the picture or from top to bottom, or the union
    covers more than 85 % of it.
    """
    rows, columns = facts.instance.rows or 0, facts.instance.columns or 0
    if not facts.regions:
        return Refusal("no ultrasound regions: nothing says which pixels are safe")
    if rows < SMALLEST_SIDE or columns < SMALLEST_SIDE or len(facts.regions) > MOST_REGIONS:
        return Refusal("the size of the picture or the number of its regions is not plausible")
    scans = tuple(r for r in facts.regions if _is_scan(r))
    if not scans:
        return Refusal("no ultrasound region of a known kind (2D, M-mode or spectral)")
    for region in scans:
        doubt = _doubt(region, rows, columns)
        if doubt:
            return Refusal(f"the ultrasound regions cannot be trusted: {doubt}")
    others = tuple(r for r in facts.regions if not _is_scan(r))
    area = Area(rows, columns, _boxes([_within(r, rows, columns) for r in scans], others), scans)
    if not area.boxes:
        return Refusal("the ultrasound regions cannot be trusted: other content covers the whole scan")
    if area.fraction > MOST_OF_THE_FRAME:
        return Refusal(
            f"the ultrasound regions cannot be trusted: they cover {area.fraction:.0%} of the picture,"
            " text of the screen may lie inside"
        )
    return area


def drawn_area(facts: Facts, keep: tuple[Shape, ...]) -> Area | Refusal:
    """What a person or a scanner profile keeps of a picture, with those of the file's own regions that lie in it.

    Refused where a shape reaches out of the picture or nothing is left: it was drawn for another one.
    """
    rows, columns = facts.instance.rows or 0, facts.instance.columns or 0
    for shape in keep:
        x0, y0, x1, y1 = shapes.reaches(shape)
        if isinstance(shape, Rectangle) and (x0 < 0 or y0 < 0 or x1 >= columns or y1 >= rows):
            return Refusal(f"a box reaches out of the picture, which is {columns} by {rows}")
        if x1 < 0 or y1 < 0 or x0 >= columns or y0 >= rows:
            return Refusal(f"a shape lies outside the picture, which is {columns} by {rows}")
    area = Area(rows, columns, (), (), keep)
    mask = area.mask()
    if not mask.any():
        return Refusal("nothing would be left of the picture")
    regions = []
    for region in facts.regions:
        if _is_scan(region) and not _doubt(region, rows, columns):
            held = _within(region, rows, columns)
            if mask[held.min_y0 : held.max_y1 + 1, held.min_x0 : held.max_x1 + 1].any():
                regions.append(region)
    return replace(area, regions=tuple(regions))


def whole(facts: Facts) -> tuple[Shape, ...]:
    """The whole picture, as a shape."""
    return (Rectangle(0, 0, (facts.instance.columns or 1) - 1, (facts.instance.rows or 1) - 1),)


def struck_out(area: Area, remove: tuple[Shape, ...]) -> Area | Refusal:
    """``area`` without what a person takes out of it."""
    if not remove:
        return area
    for shape in remove:
        x0, y0, x1, y1 = shapes.reaches(shape)
        if x1 < 0 or y1 < 0 or x0 >= area.columns or y0 >= area.rows:
            return Refusal(
                f"what is to be removed lies outside the picture, which is {area.columns} by {area.rows}"
            )
    left = replace(area, struck=(*area.struck, *remove))
    return left if left.mask().any() else Refusal("nothing would be left of the picture")


def _within(region: UltrasoundRegion, rows: int, columns: int) -> UltrasoundRegion:
    return replace(region, max_x1=min(region.max_x1, columns - 1), max_y1=min(region.max_y1, rows - 1))


def _is_scan(region: UltrasoundRegion) -> bool:
    return (
        region.source == "header" and region.spatial_format in SCAN_FORMATS and region.data_type in SCAN_TYPES
    )


def _doubt(region: UltrasoundRegion, rows: int, columns: int) -> str:
    """Why one region is not believed; empty when it is."""
    x0, y0, x1, y1 = region.min_x0, region.min_y0, region.max_x1, region.max_y1
    if x0 < 0 or y0 < 0 or x1 > columns or y1 > rows:  # one pixel too far is a scanner's slip, see scan_area
        return "one reaches out of the picture"
    x1, y1 = min(x1, columns - 1), min(y1, rows - 1)
    if x1 - x0 + 1 < SMALLEST_SIDE or y1 - y0 + 1 < SMALLEST_SIDE:
        return "one is empty or too small to be a scan"
    if y0 <= TOP_BAND * rows and x1 - x0 + 1 >= FULL_WIDTH * columns:
        return "one spans the whole top of the picture, where scanners print the name"
    if y0 == 0 and y1 == rows - 1:
        return "one reaches from the top to the bottom of the picture"
    return ""


def _boxes(kept: Iterable[UltrasoundRegion], removed: Iterable[UltrasoundRegion]) -> tuple[Box, ...]:
    """``kept`` minus ``removed`` as disjoint boxes, top to bottom, left to right."""
    inside = [(r.min_x0, r.min_y0, r.max_x1 + 1, r.max_y1 + 1) for r in kept]
    outside = [
        (
            min(r.min_x0, r.max_x1),
            min(r.min_y0, r.max_y1),
            max(r.min_x0, r.max_x1) + 1,
            max(r.min_y0, r.max_y1) + 1,
        )
        for r in removed
    ]
    every = inside + outside
    xs = sorted({x for b in every for x in (b[0], b[2])})
    ys = sorted({y for b in every for y in (b[1], b[3])})

    def covered(boxes: list[tuple[int, int, int, int]], x: int, y: int) -> bool:
        return any(b[0] <= x < b[2] and b[1] <= y < b[3] for b in boxes)

    open_boxes: dict[tuple[int, int], Box] = {}
    done: list[Box] = []
    for top, bottom in itertools.pairwise(ys):
        runs: list[tuple[int, int]] = []
        for left, right in itertools.pairwise(xs):
            if covered(inside, left, top) and not covered(outside, left, top):
                if runs and runs[-1][1] == left:
                    runs[-1] = (runs[-1][0], right)
                else:
                    runs.append((left, right))
        still: dict[tuple[int, int], Box] = {}
        for run in runs:
            above = open_boxes.pop(run, None)
            start = above.y0 if above else top
            still[run] = Box(run[0], start, run[1] - 1, bottom - 1)
        done += open_boxes.values()
        open_boxes = still
    done += open_boxes.values()
    return tuple(sorted(done, key=lambda b: (b.y0, b.x0)))


def clean(frame: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A new frame: ``frame`` where ``mask`` is True, zero elsewhere. Shapes (rows, columns[, 3])."""
    return frame * (mask if frame.ndim == 2 else mask[..., np.newaxis])


def rectangle(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The rows and columns of a mask that is one rectangle, which is much quicker to copy; None for any other."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return inside if mask[inside].all() else None
