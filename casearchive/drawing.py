"""Evidence drawn on a frame, and what it says on a strip below it: arrays in, arrays out.

Every line has a dark edge, so that it is seen on bright and on dark tissue; nothing of the picture is covered
but by the lines themselves and a small number. Coordinates are stored pixels (column, row), origin top left.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from casearchive.clip import Picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

Point = tuple[float, float]
Colour = tuple[int, int, int]

#: One colour a finding, told apart by people who do not see red and green apart; they begin again after the sixth.
COLOURS: tuple[Colour, ...] = (
    (255, 209, 64), (86, 190, 255), (255, 138, 92), (96, 220, 160), (235, 150, 235), (240, 240, 240),
)  # fmt: skip
_DARK, _GROUND, _TEXT = (0, 0, 0), (24, 24, 24), (235, 235, 235)
#: Lines are drawn so many times larger and made smaller again, which rounds their steps; where that takes more
#: pixels than this, less fine.
_FINE = (3, 2, 1)
_MOST_PIXELS = 20_000_000
_PLAIN = {
    "→": "->",
    "µ": "u",
    "μ": "u",
    "×": "x",
    "–": "-",
    "—": "-",
    "½": "1/2",
    "ß": "ss",
    "≥": ">=",
    "≤": "<=",
}
#: A legend needs this many pixels across.
_NARROWEST = 320
#: How much of the dark edge hides what is below it.
_EDGE_ALPHA = 190


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing to draw: ``shape`` is point, line, polygon, box or ellipse, or empty for a label alone.

    ``points`` mean what they mean in a case file: a box and an ellipse are given by two corners, an ellipse also
    by the four ends of its axes, major axis first. ``colour`` counts the findings from 0.
    """

    label: str
    shape: str
    points: tuple[Point, ...]
    colour: int = 0


def drawn(picture: Picture, marks: Sequence[Mark], legend: Sequence[str] = ()) -> Picture:
    """The picture (rows, columns[, 3]) as RGB with the marks on it, and the lines of ``legend`` on a strip below.

    The strip makes it higher, and wider where it is narrower than a line of text; the picture stays at the top left.
    Strokes are scaled to the size of the picture.
    """
    from PIL import Image as PillowImage

    image = PillowImage.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    if marks:
        image = _marked(image, marks)
    if legend:
        image = _with_legend(image, legend, marks)
    return np.asarray(image)


def png(picture: Picture) -> bytes:
    """A picture as a PNG file."""
    from PIL import Image as PillowImage

    out = BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(picture)).save(out, "PNG")
    return out.getvalue()


def stroke(rows: int, columns: int) -> float:
    """How wide a line is in a picture of this size, in pixels: 2 where the shorter edge has 480."""
    return max(1.0, min(rows, columns) / 240)


# -------------------------------------------------------------------------------------------------- marks


def _marked(image: Image, marks: Sequence[Mark]) -> Image:
    from PIL import Image as PillowImage

    width = stroke(image.height, image.width)
    room = _MOST_PIXELS / (image.width * image.height)
    fine = next((n for n in _FINE if n * n <= room), 1)
    size = (image.width * fine, image.height * fine)
    layer = PillowImage.new("RGBA", size, (0, 0, 0, 0))
    taken: list[tuple[float, float, float, float]] = []
    for edge in (True, False):  # all edges first: no mark darkens another
        for mark in marks:
            colour = (*_DARK, _EDGE_ALPHA) if edge else (*COLOURS[mark.colour % len(COLOURS)], 255)
            _shape(layer, mark, width * fine * (2.2 if edge else 1.0), fine, colour, edge=edge)
    layer = layer.resize(image.size, PillowImage.Resampling.BOX)
    done = PillowImage.alpha_composite(image.convert("RGBA"), layer).convert("RGB")
    for mark in marks:
        _label(done, mark, width, taken)
    return done


def _shape(
    layer: Image, mark: Mark, width: float, fine: float, colour: tuple[int, int, int, int], *, edge: bool
) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(layer)
    # the centre of the top left pixel is (0, 0)
    points = [((x + 0.5) * fine, (y + 0.5) * fine) for x, y in outline(mark.shape, mark.points)]
    if not points:
        return
    if mark.shape == "point":
        _cross(layer, points[0], width, colour, reach=7 * stroke(layer.height, layer.width))
        return
    closed = mark.shape != "line"
    path = [*points, points[0], points[1]] if closed and len(points) > 1 else points
    pen.line(path, fill=colour, width=max(1, round(width)), joint="curve")
    if not closed:
        for x, y in (points[0], points[-1]):
            radius = width * (0.85 if edge else 1.4)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _cross(
    layer: Image, centre: Point, width: float, colour: tuple[int, int, int, int], *, reach: float
) -> None:
    """A cross that leaves its middle free: the point itself stays visible."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(layer)
    x, y = centre
    gap, thick = reach * 0.35, max(1, round(width))
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        pen.line((x + dx * gap, y + dy * gap, x + dx * reach, y + dy * reach), fill=colour, width=thick)


def outline(shape: str, points: Sequence[Point]) -> list[Point]:
    """The points to draw a shape through; an ellipse becomes 72 of them."""
    if shape == "box":
        (x0, y0), (x1, y1) = points
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if shape != "ellipse":
        return list(points)
    if len(points) == 2:
        (x0, y0), (x1, y1) = points
        centre, one, other = ((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, 0.0), (0.0, (y1 - y0) / 2)
    else:
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
        centre = (ax + bx) / 2, (ay + by) / 2
        one, other = ((bx - ax) / 2, (by - ay) / 2), ((dx - cx) / 2, (dy - cy) / 2)
    turns = [2 * math.pi * n / 72 for n in range(72)]
    return [
        (
            centre[0] + one[0] * math.cos(t) + other[0] * math.sin(t),
            centre[1] + one[1] * math.cos(t) + other[1] * math.sin(t),
        )
        for t in turns
    ]


def _label(image: Image, mark: Mark, width: float, taken: list[tuple[float, float, float, float]]) -> None:
    """The number beside its shape: outside it where there is room, inside the picture always."""
    from PIL import ImageDraw

    font = _font(round(max(11, 7 * width)))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = pen.textbbox((0, 0), mark.label, font=font)
    pad = round(1.5 * width)
    wide, high = right - left + 2 * pad, bottom - top + 2 * pad
    for x, y in _places(mark, image.size, wide, high, 3 * width):
        place = (x, y, x + wide, y + high)
        if not any(_overlap(place, other) for other in taken):
            break
    taken.append(place)
    pen.rounded_rectangle(place, radius=pad, fill=_DARK)
    pen.text((x + pad - left, y + pad - top), mark.label, fill=COLOURS[mark.colour % len(COLOURS)], font=font)


def _places(mark: Mark, size: tuple[int, int], wide: float, high: float, gap: float) -> Iterable[Point]:
    """Where a label may stand, the best first; each inside the picture."""
    points = outline(mark.shape, mark.points)
    if not points:
        corners = [(gap, gap), (size[0] - wide - gap, gap), (gap, size[1] - high - gap)]
    else:
        x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
        y0, y1 = min(y for _, y in points), max(y for _, y in points)
        reach = 3 * gap if mark.shape == "point" else 0.0
        x0, y0, x1, y1 = x0 - reach, y0 - reach, x1 + reach, y1 + reach
        corners = [
            (x0, y0 - high - gap), (x0, y1 + gap), (x0 - wide - gap, y0), (x1 + gap, y0),
            (x1 - wide, y0 - high - gap), (x1 - wide, y1 + gap), (x0 + gap, y0 + gap), (x0 + gap, y0 + high + 2 * gap),
        ]  # fmt: skip
    limit = (max(0.0, size[0] - wide - 1), max(0.0, size[1] - high - 1))
    inside = [(x, y) for x, y in corners if 0 <= x <= limit[0] and 0 <= y <= limit[1]]
    squeezed = [(min(max(0.0, x), limit[0]), min(max(0.0, y), limit[1])) for x, y in corners]
    return [*inside, *squeezed]


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


# ------------------------------------------------------------------------------------------------- legend


def _with_legend(image: Image, legend: Sequence[str], marks: Sequence[Mark]) -> Image:
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    font = _font(round(min(48, max(12, image.width / 46))))
    step = round(font.getbbox("Ag")[3] * 1.35)
    margin = max(4, step // 2)
    width = max(image.width, _NARROWEST)
    lines = [(line, n) for n, text in enumerate(legend) for line in _broken(text, font, width - 2 * margin)]
    whole = PillowImage.new("RGB", (width, image.height + len(lines) * step + 2 * margin), _GROUND)
    whole.paste(image, (0, 0))
    pen = ImageDraw.Draw(whole)
    colours = {mark.label: COLOURS[mark.colour % len(COLOURS)] for mark in marks}
    down = image.height + margin
    for line, _ in lines:
        first, _, rest = line.partition(" ")
        across: float = margin
        if first in colours:
            pen.text((across, down), first, fill=colours[first], font=font)
            across += font.getlength(first + " ")
            line = rest
        pen.text((across, down), line, fill=_TEXT, font=font)
        down += step
    return whole


def _broken(text: str, font: FreeTypeFont | ImageFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in "".join(_writable(c, font) for c in text).split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _writable(char: str, font: FreeTypeFont | ImageFont) -> str:
    """A character that the font has no form for, as the nearest that it has: an empty box tells nothing."""
    if char.isascii() or bytes(font.getmask(char)) != bytes(font.getmask("\uffff")):
        return char
    if char in _PLAIN:
        return _PLAIN[char]
    plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return plain or "?"


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
