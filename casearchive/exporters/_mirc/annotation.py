"""Evidence as an SVG over its picture, which MIRC lays on it and any browser opens."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from casearchive.drawing import COLOURS, Mark, outline, stroke
from casearchive.exporters._plain import one_line

_NAMESPACE = "http://www.w3.org/2000/svg"


def svg(picture: str, columns: int, rows: int, marks: Sequence[Mark], legend: Sequence[str]) -> str:
    """A drawing in pixels of the picture (``picture``: the name of its file beside this one).

    Middles of pixels lie half a pixel from the corner, as everywhere in SVG. ``legend`` is for readers that speak.
    """
    root = ET.Element(
        "svg", {"xmlns": _NAMESPACE, "width": str(columns), "height": str(rows), "viewBox": f"0 0 {columns} {rows}"}
    )  # fmt: skip
    ET.SubElement(root, "title").text = "; ".join(legend)
    ET.SubElement(root, "image", {"href": picture, "width": str(columns), "height": str(rows)})
    width = stroke(rows, columns)
    taken: list[tuple[float, float]] = []
    for mark in marks:
        group = ET.SubElement(root, "g", {"data-finding": mark.label})
        colour = "#{:02x}{:02x}{:02x}".format(*COLOURS[mark.colour % len(COLOURS)])
        for paint, wide in (("#000000", 2.2 * width), (colour, width)):
            _shape(group, mark, paint, wide)
        _label(group, mark, colour, width, (columns, rows), taken)
    return ET.tostring(root, encoding="unicode") + "\n"


def _shape(group: ET.Element, mark: Mark, colour: str, width: float) -> None:
    points = [(x + 0.5, y + 0.5) for x, y in outline(mark.shape, mark.points)]
    style = {"fill": "none", "stroke": colour, "stroke-width": _number(width)}
    if mark.shape == "point":
        (x, y), reach = points[0], 7 * width
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            ends = {
                "x1": x + dx * reach * 0.35,
                "y1": y + dy * reach * 0.35,
                "x2": x + dx * reach,
                "y2": y + dy * reach,
            }
            ET.SubElement(group, "line", {**{k: _number(v) for k, v in ends.items()}, **style})
        return
    tag = "polyline" if mark.shape == "line" else "polygon"
    told = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    ET.SubElement(group, tag, {"points": told, **style})


def _label(
    group: ET.Element,
    mark: Mark,
    colour: str,
    width: float,
    picture: tuple[int, int],
    taken: list[tuple[float, float]],
) -> None:
    """The number or value at the top left of the shape, below one that stands there already, inside the picture."""
    points, (columns, rows) = outline(mark.shape, mark.points), picture
    size = max(11.0, 7 * width)
    text = one_line(mark.label)
    across = max(0.0, min(*(x for x, _ in points), columns, columns - 0.6 * size * len(text)))
    down = min(max(min(y for _, y in points) - 2 * width, size), rows - 2.0)
    while any(abs(across - x) < 2 * size and abs(down - y) < size for x, y in taken) and down + size < rows:
        down += size
    taken.append((across, down))
    ET.SubElement(group, "text", {
        "x": _number(across), "y": _number(down), "font-size": _number(size), "font-family": "sans-serif",
        "fill": colour, "stroke": "#000000", "stroke-width": _number(0.2 * size), "paint-order": "stroke",
    }).text = text  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
