"""The shape of a fan in its region: where the pictures of a clip say plainly which corners of the box hold no scan.

A region is a box, and the fan of a curved or phased probe leaves its upper corners empty: there scanners write. The
outline is drawn around everything that is joined to the scan in any frame, and around all below it between its two
sides, so that no echo is cut; what stands apart in a corner is not the scan. Where that is not plain, the box stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from casearchive.deid.blobs import connected
from casearchive.deid.pixels import Area, Box
from casearchive.deid.shapes import Polygon, mask, read, written
from casearchive.deid.things import Bits, Frame, Thing, grown, inside

_TWO_D = 1  # Region Spatial Format (PS3.3 C.8.5.5.1.1)
_CORNER = 12  # pixels of a corner that must be empty
_NOISE = 12  # grey levels by which an empty corner may differ from its ground
_CELL = 4  # pixels: what is farther apart than two of these is not joined
_DIRECTIONS = 180
_MARGIN = 2.0  # pixels around the scan
_SLANT = (8.0, 82.0)  # degrees from level in which the outward direction of a side of a fan can lie
_SIDE = 0.2  # of the height of the box: how long a side is at least
_LEAST, _MOST = 0.25, 0.96  # of the box inside the outline
_LIT = 0.3  # of the outline that holds anything in any frame
_APART = 0.08  # of the box: what stands apart is little
_MANY = 40  # patches: more is the noise of a picture
_SIGN, _STILL, _LONELY = 1 / 12, 48, 2.0  # of the rows; grey levels; of its own size around it
_SIGNS = 2
_STROKES = 2  # pieces of a sign: a letter in a circle; a word or a bar code has more
_LARGE = 1 / 6  # of the rows: what is larger than that, both ways, is no print but a second scan


@dataclass(frozen=True, slots=True)
class Outline:
    """``shape`` holds the scan; ``signs`` are lone still signs beside it, such as the mark of the probe's side, and
    ``apart`` is where anything else stands beside it in any frame."""

    shape: Polygon
    signs: tuple[Thing, ...] = ()
    apart: tuple[Box, ...] = ()

    def beside(self, box: Box, rows: int, columns: int) -> bool:
        """Whether ``box``, and what is as near to it as it is high, touches nothing of the shape."""
        high = min(box.x1 - box.x0, box.y1 - box.y0) + 1
        wide = Box(max(0, box.x0 - high), max(0, box.y0 - high), box.x1 + high, box.y1 + high)
        return not mask(self.shape, rows, columns)[inside(wide)].any()

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "shape": written(self.shape),
            "signs": [list(sign.box) for sign in self.signs],
            "apart": [list(box) for box in self.apart],
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Outline:
        """Raises ``KeyError``, ``ValueError`` or ``TypeError`` for what ``plain`` did not write."""
        shape = read(str(plain["shape"]))
        if not isinstance(shape, Polygon):
            raise ValueError("an outline is a polygon")
        signs, apart = (tuple(Box(*map(int, box)) for box in plain[name]) for name in ("signs", "apart"))
        return cls(shape, tuple(map(_sign, signs)), apart)


def _sign(box: Box) -> Thing:
    return Thing("mark", "a mark", box, np.ones((box.y1 - box.y0 + 1, box.x1 - box.x0 + 1), np.bool_))


class Watch:
    """Remembers the brightest and the darkest of every pixel of the box, frame after frame."""

    def __init__(self, area: Area) -> None:
        alone = len(area.regions) == 1 and len(area.boxes) == 1 and not area.drawn and not area.struck
        self._area = area
        self._box = area.boxes[0] if alone and area.regions[0].spatial_format == _TWO_D else None
        self._high: Frame | None = None
        self._low: Frame | None = None

    def see(self, frame: Frame) -> None:
        """``frame`` as decoded, (rows, columns[, 3])."""
        if self._box is None:
            return
        part = frame[inside(self._box)]
        if self._high is None or self._low is None:
            self._high, self._low = part.copy(), part.copy()
        elif part.shape == self._high.shape:
            np.maximum(self._high, part, out=self._high)
            np.minimum(self._low, part, out=self._low)
        else:
            self._box = None

    def outline(self) -> Outline | None:
        """What was seen of the fan; None where the box is all scan, or nobody can say."""
        if self._box is None or self._high is None or self._low is None:
            return None
        lit = _lit(self._high, self._low)
        if lit is None:
            return None
        found = _around(lit)
        if found is None:
            return None
        corners, apart = found
        x, y = self._box.x0, self._box.y0
        shape = Polygon(tuple((round(a + x, 2), round(b + y, 2)) for a, b in corners))
        signs = _signs(apart, self._high, self._low, lit)
        moved = {b: Box(b.x0 + x, b.y0 + y, b.x1 + x, b.y1 + y) for b in apart}
        return Outline(
            shape,
            tuple(_sign(moved[b]) for b in signs),
            tuple(moved[b] for b in apart if b not in signs),
        )


def _lit(high: Frame, low: Frame) -> Bits | None:
    """Where anything is in any frame that the empty upper corners are not; None where these are not empty."""
    rows, columns = high.shape[:2]
    if min(rows, columns) < 8 * _CORNER:
        return None
    corners = [
        part[:_CORNER, place].reshape(-1, *part.shape[2:])
        for part in (high, low)
        for place in (slice(None, _CORNER), slice(columns - _CORNER, None))
    ]
    empty = np.concatenate(corners).astype(np.int16)
    ground = np.median(empty, axis=0)
    noise = float(np.abs(empty - ground).max())
    if noise > _NOISE:
        return None
    upper, lower = np.floor(ground + noise), np.ceil(ground - noise)
    lit = (high > upper) | (low < lower)
    return np.asarray(lit.any(axis=2) if lit.ndim == 3 else lit, np.bool_)


def _around(lit: Bits) -> tuple[list[tuple[float, float]], list[Box]] | None:
    """The corners of the outline, and what stands apart from it; None where this is no plain fan."""
    rows, columns = lit.shape
    patches = _patches(lit)
    if not patches or len(patches) > _MANY:
        return None
    patches.sort(key=lambda p: p.count, reverse=True)
    scan, rest = [patches[0]], patches[1:]
    while True:
        supports = _supports(scan)
        sides = _sides(supports, rows)
        if sides is None:
            return None
        between = [p for p in rest if not any(_beyond(p, *side) for side in sides)]
        if not between:
            break
        scan += between
        rest = [p for p in rest if p not in between]
    corners = _corners(supports)
    filled = np.zeros(lit.shape, np.bool_)
    for patch in scan:
        filled[patch.pixels] = True
    share = _share(corners, rows, columns)
    if not _LEAST <= share <= _MOST or filled.mean() < _LIT * share:
        return None
    if sum(p.count for p in rest) > _APART * lit.size or any(_large(p.box, rows) for p in rest):
        return None
    if any(_in_the_mirror(p, supports, columns) for p in rest):
        return None
    return corners, [p.box for p in rest]


def _large(box: Box, rows: int) -> bool:
    return min(box.x1 - box.x0, box.y1 - box.y0) + 1 > _LARGE * rows


def _in_the_mirror(patch: _Patch, supports: NDArray[np.float64], columns: int) -> bool:
    """Whether any of a patch lies where the scan would, were its other half as wide: one side of a probe without
    contact is dark but for a few echoes, and looks like the side of a narrower fan."""
    mirrored = np.stack([columns - 1 - patch.edge[:, 0], patch.edge[:, 1]], axis=1)
    return bool((mirrored @ _WAYS.T <= supports).all(axis=1).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """``edge`` are the pixels (x, y) at both ends of each of its rows."""

    box: Box
    pixels: tuple[NDArray[np.intp], NDArray[np.intp]]
    edge: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.pixels[0])


def _patches(lit: Bits) -> list[_Patch]:
    """What is joined, over gaps of up to two cells, as one."""
    rows, columns = lit.shape
    wide = np.pad(lit, ((0, -rows % _CELL), (0, -columns % _CELL)))
    blocks = wide.reshape(wide.shape[0] // _CELL, _CELL, wide.shape[1] // _CELL, _CELL)
    cells = np.asarray(blocks.any(axis=(1, 3)), np.bool_)
    found = []
    for _, (y, x) in connected(grown(cells)):
        mine = np.zeros(cells.shape, np.bool_)
        mine[y, x] = True
        mine = np.repeat(np.repeat(mine, _CELL, axis=0), _CELL, axis=1)[:rows, :columns] & lit
        down, across = np.nonzero(mine)
        if len(down):
            box = Box(int(across.min()), int(down[0]), int(across.max()), int(down[-1]))
            found.append(_Patch(box, (down, across), _ends(down, across)))
    return found


def _ends(down: NDArray[np.intp], across: NDArray[np.intp]) -> NDArray[np.float64]:
    """Of pixels in the order of rows, the first and the last of every row, as (x, y)."""
    starts = np.flatnonzero(np.diff(down, prepend=-1))
    ends = np.append(starts[1:], len(down)) - 1
    some = np.concatenate([starts, ends])
    return np.stack([across[some], down[some]], axis=1).astype(np.float64)


_ANGLES = np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS)
_WAYS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)  # 0: to the right; a quarter: down


def _supports(scan: Sequence[_Patch]) -> NDArray[np.float64]:
    """How far the scan reaches in each direction, with a margin."""
    points = np.concatenate([patch.edge for patch in scan])
    return np.asarray((points @ _WAYS.T).max(axis=0) + _MARGIN)


def _corners(supports: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Where the lines of neighbouring directions meet: a polygon that holds all that was measured."""
    corners: list[tuple[float, float]] = []
    for n in range(_DIRECTIONS):
        m = (n + 1) % _DIRECTIONS
        x, y = np.linalg.solve(np.stack([_WAYS[n], _WAYS[m]]), np.array([supports[n], supports[m]]))
        if not corners or math.dist(corners[-1], (x, y)) > 0.5:
            corners.append((float(x), float(y)))
    return corners


def _sides(supports: NDArray[np.float64], rows: int) -> list[tuple[int, float]] | None:
    """The two slanted sides of a fan, as a direction and how far it reaches there; None where one is missing."""
    corners = [
        np.linalg.solve(np.stack([_WAYS[n - 1], _WAYS[n]]), np.array([supports[n - 1], supports[n]]))
        for n in range(_DIRECTIONS)
    ]  # corner n lies between directions n - 1 and n
    sides = []
    for middle in (180, 270):  # degrees: up and to the left, up and to the right
        low, high = (
            (middle + _SLANT[0], middle + _SLANT[1]) if middle == 180 else (360 - _SLANT[1], 360 - _SLANT[0])
        )
        some = [n for n in range(_DIRECTIONS) if low <= n * 360 / _DIRECTIONS <= high]
        lengths = {n: math.dist(corners[n], corners[(n + 1) % _DIRECTIONS]) for n in some}
        best = max(some, key=lambda n: lengths[n])
        near = sum(lengths.get(n, 0.0) for n in (best - 1, best, best + 1))
        if near < _SIDE * rows:
            return None
        sides.append((best, float(supports[best])))
    return sides


def _beyond(patch: _Patch, way: int, support: float) -> bool:
    """Whether all of a patch lies outside of one side of the fan, drawn out to the edges of the box."""
    return bool((patch.edge @ _WAYS[way]).min() > support)


def _share(corners: Sequence[tuple[float, float]], rows: int, columns: int) -> float:
    """Of the box that lies inside the outline."""
    return float(mask(Polygon(tuple(corners)), rows, columns).mean())


def _signs(apart: Sequence[Box], high: Frame, low: Frame, lit: Bits) -> tuple[Box, ...]:
    """Small patches of a piece or two that stand alone and still: at most two, for letters come in rows."""
    rows = high.shape[0]
    found = []
    for box in apart:
        size = max(box.x1 - box.x0, box.y1 - box.y0) + 1
        around = _LONELY * size
        lonely = not any(
            other != box
            and other.x0 <= box.x1 + around and box.x0 <= other.x1 + around
            and other.y0 <= box.y1 + around and box.y0 <= other.y1 + around
            for other in apart
        )  # fmt: skip
        bright, dark = high[inside(box)], low[inside(box)]
        still = int((bright.astype(np.int16) - dark).max(initial=0)) <= _STILL
        if size <= _SIGN * rows and lonely and still and _pieces(bright, lit[inside(box)]) <= _STROKES:
            found.append(box)
    return tuple(found) if len(found) <= _SIGNS else ()


def _pieces(part: Frame, lit: Bits) -> int:
    """Of how many pieces a sign is, what coding blurs between them left out."""
    levels = part.astype(np.int16).reshape(*part.shape[:2], -1)
    ground = np.median(levels[~lit], axis=0) if not lit.all() else np.zeros(levels.shape[2])
    apart = np.abs(levels - ground).max(axis=2)
    return sum(1 for _ in connected(apart > apart.max(initial=0) / 2))
