"""Parts of a picture as a person draws them: a box, a polygon, the fan of a curved probe; words in, a mask out.

Coordinates are stored pixels of the whole frame, x to the right and y down, the first pixel at 0; a pixel belongs to a
shape when its centre, the whole number itself, lies in it. As words: ``box 100,40,699,559`` (both corners inside),
``polygon 10,10 200,10 100,300``, ``fan 400,20 60 560 -35 35`` (the point where the sides would meet, the nearer and the
farther radius, and the angles of the two sides in degrees from straight down, negative to the left).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from casearchive.errors import UsageError

FORMS = "box X0,Y0,X1,Y1 · polygon X,Y X,Y X,Y … · fan X,Y NEAR FAR FROM TO"
#: One of each, and what its numbers are.
_SUCH_AS = {
    "box": "box 100,40,699,559 (four whole numbers: a corner and the one across from it)",
    "polygon": "polygon 10,10 200,10 100,300 (three corners or more, each as x,y)",
    "fan": "fan 400,20 60 560 -35 35 (where the sides would meet, the two radii, the two angles)",
}
_MOST_CORNERS = 200
_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Columns ``x0`` to ``x1`` of rows ``y0`` to ``y1``, all inside."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class Polygon:
    """Three corners (x, y) or more, in order; the inside by the even-odd rule."""

    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Fan:
    """A ring's part: around (``x``, ``y``), between two radii in pixels and two angles in degrees from straight
    down."""

    x: float
    y: float
    near: float
    far: float
    start: float
    end: float


Shape = Rectangle | Polygon | Fan


def read(text: str) -> Shape:
    """The shape that ``text`` describes. Raises ``UsageError`` where it describes none."""
    kind, _, rest = text.strip().partition(" ")
    numbers = [float(n) for n in re.split(r"[\s,]+", rest.strip()) if _NUMBER.fullmatch(n)]
    if rest.strip() and len(numbers) != len(re.split(r"[\s,]+", rest.strip())):
        raise _unread(text, "only plain numbers can stand in it")
    if kind == "box" and len(numbers) == 4 and all(n == int(n) for n in numbers):
        x0, y0, x1, y1 = map(int, numbers)
        if x1 < x0 or y1 < y0:
            raise _unread(text, "its second corner must be below and to the right of the first")
        return Rectangle(x0, y0, x1, y1)
    if kind == "polygon" and len(numbers) >= 6 and len(numbers) % 2 == 0:
        corners = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        if len(corners) > _MOST_CORNERS:
            raise _unread(text, f"it has more than {_MOST_CORNERS} corners")
        return Polygon(corners)
    if kind == "fan" and len(numbers) == 6:
        fan = Fan(*numbers)
        if not (0 <= fan.near < fan.far and -90 <= fan.start < fan.end <= 90):
            raise _unread(text, "the radii and the angles (from -90 to 90) must grow")
        return fan
    named = {"box": "a box has four whole numbers", "fan": "a fan has six numbers",
             "polygon": "a polygon has three corners or more, two numbers each"}  # fmt: skip
    raise _unread(text, named.get(kind, "it begins with none of box, polygon, fan"))


def _unread(text: str, why: str) -> UsageError:
    """The hint shows what is right: an example of the kind that was meant, or the forms of all."""
    kind = text.strip().partition(" ")[0]
    hint = f"Write it such as: {_SUCH_AS[kind]}." if kind in _SUCH_AS else f"Write one of: {FORMS}"
    return UsageError(f"a shape cannot be read: {why}", where=text[:80], hint=hint)


def written(shape: Shape) -> str:
    """The words that ``read`` reads."""
    if isinstance(shape, Rectangle):
        return f"box {shape.x0},{shape.y0},{shape.x1},{shape.y1}"
    if isinstance(shape, Polygon):
        return "polygon " + " ".join(f"{x:.7g},{y:.7g}" for x, y in shape.corners)
    numbers = (shape.near, shape.far, shape.start, shape.end)
    return f"fan {shape.x:.7g},{shape.y:.7g} " + " ".join(f"{n:.7g}" for n in numbers)


def mask(shape: Shape, rows: int, columns: int) -> NDArray[np.bool_]:
    """Boolean (rows, columns), True inside ``shape``; what reaches out of the picture is cut off."""
    inside = np.zeros((rows, columns), dtype=np.bool_)
    if isinstance(shape, Rectangle):
        inside[max(0, shape.y0) : max(0, shape.y1 + 1), max(0, shape.x0) : max(0, shape.x1 + 1)] = True
        return inside
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    if isinstance(shape, Polygon):
        for (x0, y0), (x1, y1) in zip(shape.corners, (*shape.corners[1:], shape.corners[0]), strict=True):
            if y0 != y1:
                crosses = (y >= min(y0, y1)) & (y < max(y0, y1))
                inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return inside
    across, down = x - shape.x, y - shape.y
    radius = np.hypot(across, down)
    angle = np.degrees(np.arctan2(across, down))
    return np.asarray(
        (radius >= shape.near) & (radius <= shape.far) & (angle >= shape.start) & (angle <= shape.end),
        dtype=np.bool_,
    )


def reaches(shape: Shape) -> tuple[int, int, int, int]:
    """The smallest box (x0, y0, x1, y1) of whole pixels around it, inside or outside the picture."""
    if isinstance(shape, Rectangle):
        return shape.x0, shape.y0, shape.x1, shape.y1
    if isinstance(shape, Polygon):
        xs, ys = [x for x, _ in shape.corners], [y for _, y in shape.corners]
        return math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))
    sides = [math.radians(a) for a in (shape.start, shape.end)]
    ends = [(r * math.sin(a), r * math.cos(a)) for r in (shape.near, shape.far) for a in sides]
    lowest = shape.far if shape.start <= 0 <= shape.end else max(y for _, y in ends)
    return (
        math.floor(shape.x + min(x for x, _ in ends)), math.floor(shape.y + min(y for _, y in ends)),
        math.ceil(shape.x + max(x for x, _ in ends)), math.ceil(shape.y + lowest),
    )  # fmt: skip
