"""Evidence over a picture as shapes of their own, which a teacher can move, change and take away.

Marks come in stored-pixel coordinates (column, row; the centre of the top left pixel is 0, 0) and are put where the
picture stands on the slide, in EMU. Each is an outline with a dark glow, seen on bright and on dark tissue, and a badge
beside it; what is not present is dashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from casearchive.exporters._marks import Mark
from casearchive.exporters._pptx.fitting import width
from casearchive.exporters._pptx.telling import clean
from casearchive.exporters._pptx.theme import Box

#: The colours of findings by class, as on the web pages; on their dark badges all are read easily.
COLOURS = ("F0E442", "56B4E9", "E69F00", "E08CC0", "35C49A", "F07A3C")
DARK = "101418"
POINT = 12700
BADGE_SIZE = 14
_LINE, _GLOW, _RING = 28575, 25400, 110000
_NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)

Point = tuple[int, int]


def colour(number: int) -> str:
    """RRGGBB of a class of colours, from 1."""
    return COLOURS[(number - 1) % len(COLOURS)]


def draw(slide: Any, marks: Sequence[Mark], place: Box, size: tuple[int, int], dashed: Iterable[int]) -> None:
    """Draw ``marks`` over the picture at ``place``, whose frame has ``size`` (columns, rows); those of the findings
    ``dashed`` are not present."""
    absent = set(dashed)
    for mark in marks:
        kind, points = mark["kind"], _scaled(mark, place, size)
        dash = mark["finding"] in absent and kind != "ruler"
        _shape(slide, mark, kind, points, place, size, dash)
    taken: list[Box] = []
    for mark in marks:  # over all lines
        reach = _reach(mark, _scaled(mark, place, size), place, size)
        _beside(slide, mark, reach, place, taken)


def badge(slide: Any, text: str, number: int, place: Box, told: str) -> None:
    """A small dark label with coloured words at ``place``."""
    from pptx.enum.shapes import MSO_SHAPE
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
    from pptx.util import Pt

    shape = slide.shapes.add_shape(
        MSO_SHAPE.ROUNDED_RECTANGLE, place.left, place.top, place.width, place.height
    )
    for style in shape._element.xpath("./p:style"):
        shape._element.remove(style)
    shape.fill.solid()
    shape.fill.fore_color.rgb = _rgb(DARK)
    shape.line.color.rgb = _rgb(colour(number))
    shape.line.width = Pt(1)
    frame = shape.text_frame
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.word_wrap, frame.vertical_anchor = False, MSO_ANCHOR.MIDDLE
    paragraph = frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.CENTER
    run = paragraph.add_run()
    run.text = clean(text)
    run.font.size, run.font.bold = Pt(BADGE_SIZE), True
    run.font.color.rgb = _rgb(colour(number))
    named(shape, f"Label {text}", told)


def _rgb(six: str) -> Any:
    from pptx.dml.color import RGBColor

    of: Any = RGBColor  # it says nothing of its types
    return of(*bytes.fromhex(six))


def badge_size(text: str) -> tuple[int, int]:
    """Width and height of a badge, in EMU."""
    high = round(BADGE_SIZE * 1.35) * POINT
    return max(high, round(width(text, BADGE_SIZE, bold=True) + 10) * POINT), high


def named(shape: Any, name: str, told: str) -> None:
    """The name in the list of objects, and the words for who cannot see it."""
    properties = shape._element.xpath(".//p:cNvPr")[0]
    properties.set("name", clean(name))
    properties.set("descr", clean(told))


def next_id(slide: Any) -> int:
    """An id that no shape of this slide has."""
    return 1 + max(int(number) for number in slide._element.xpath(".//p:cNvPr/@id"))


def _scaled(mark: Mark, place: Box, size: tuple[int, int]) -> list[Point]:
    """The points on the slide; of an ellipse only its centre."""
    points = mark["points"][:1] if mark["kind"] == "ellipse" else mark["points"]
    across, down = place.width / size[0], place.height / size[1]
    return [(round(place.left + (x + 0.5) * across), round(place.top + (y + 0.5) * down)) for x, y in points]


def _radii(mark: Mark, place: Box, size: tuple[int, int]) -> tuple[int, int]:
    x, y = mark["points"][1]
    scale = (place.width / size[0] + place.height / size[1]) / 2
    return max(1, round(x * scale)), max(1, round(y * scale))


def _shape(
    slide: Any, mark: Mark, kind: str, points: list[Point], place: Box, size: tuple[int, int], dash: bool
) -> None:
    turn = 0.0
    if kind == "ellipse":
        turn = mark["points"][2][0]
        (x, y), (rx, ry) = points[0], _radii(mark, place, size)
        box, geometry = Box(x - rx, y - ry, 2 * rx, 2 * ry), _preset("ellipse")
    elif kind == "point":
        (x, y), r = points[0], _RING
        box, geometry = Box(x - r, y - r, 2 * r, 2 * r), _preset("ellipse")
    else:
        box = _around(points)
        upright = kind == "polygon" and _upright(points)
        geometry = _preset("rect") if upright else _path(points, box, closed=kind == "polygon")
    if len(points) == 2 and kind in ("line", "polyline", "ruler"):
        element = _connector(slide, mark, points, box)
    else:
        element = _closed(slide, mark, box, geometry, turn)
    line = element.xpath(".//a:ln")[0]
    if dash:
        _append(line, '<a:prstDash %s val="dash"/>', before="a:round")
    slide.shapes._spTree.append(element)


def _closed(slide: Any, mark: Mark, box: Box, geometry: str, turn: float) -> Any:
    rotation = f' rot="{round(turn % 360 * 60000)}"' if turn % 360 else ""
    element = _parsed(
        f'<p:sp {_NAMES}><p:nvSpPr><p:cNvPr id="{next_id(slide)}" name=""/><p:cNvSpPr/><p:nvPr/></p:nvSpPr>'
        f'<p:spPr><a:xfrm{rotation}><a:off x="{box.left}" y="{box.top}"/>'
        f'<a:ext cx="{box.width}" cy="{box.height}"/></a:xfrm>{geometry}<a:noFill/>{_line(mark)}</p:spPr></p:sp>'
    )
    return _told(element, mark)


def _connector(slide: Any, mark: Mark, points: list[Point], box: Box) -> Any:
    (x0, y0), (x1, y1) = points
    flips = (' flipH="1"' if x1 < x0 else "") + (' flipV="1"' if y1 < y0 else "")
    element = _parsed(
        f'<p:cxnSp {_NAMES}><p:nvCxnSpPr><p:cNvPr id="{next_id(slide)}" name=""/><p:cNvCxnSpPr/><p:nvPr/>'
        f'</p:nvCxnSpPr><p:spPr><a:xfrm{flips}><a:off x="{box.left}" y="{box.top}"/>'
        f'<a:ext cx="{box.width}" cy="{box.height}"/></a:xfrm>{_preset("line")}{_line(mark, ends=True)}'
        "</p:spPr></p:cxnSp>"
    )
    return _told(element, mark)


def _told(element: Any, mark: Mark) -> Any:
    properties = element.xpath(".//p:cNvPr")[0]
    properties.set("name", clean(f"Evidence {mark['badge']}"))
    properties.set("descr", clean(f"{mark['badge']} {mark['label']}"))
    return element


def _line(mark: Mark, *, ends: bool = False) -> str:
    tips = '<a:headEnd type="oval"/><a:tailEnd type="oval"/>' if ends else ""
    return (
        f'<a:ln w="{_LINE}" cap="rnd"><a:solidFill><a:srgbClr val="{colour(mark["colour"])}"/></a:solidFill>'
        f'<a:round/>{tips}</a:ln><a:effectLst><a:glow rad="{_GLOW}"><a:srgbClr val="000000"><a:alpha val="70000"/>'
        f"</a:srgbClr></a:glow></a:effectLst>"
    )


def _preset(name: str) -> str:
    return f'<a:prstGeom prst="{name}"><a:avLst/></a:prstGeom>'


def _path(points: list[Point], box: Box, *, closed: bool) -> str:
    steps = [
        f'<a:{"lnTo" if n else "moveTo"}><a:pt x="{x - box.left}" y="{y - box.top}"/></a:{"lnTo" if n else "moveTo"}>'
        for n, (x, y) in enumerate(points)
    ]
    fill = "" if closed else ' fill="none"'
    return (
        '<a:custGeom><a:avLst/><a:gdLst/><a:ahLst/><a:cxnLst/><a:rect l="0" t="0" r="r" b="b"/><a:pathLst>'
        f'<a:path w="{box.width}" h="{box.height}"{fill}>{"".join(steps)}{"<a:close/>" if closed else ""}</a:path>'
        "</a:pathLst></a:custGeom>"
    )


def _around(points: Sequence[Point]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _upright(points: Sequence[Point]) -> bool:
    box = _around(points)
    corners = {(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)}
    return len(points) == 4 and set(points) == corners and points[0][0] + points[2][0] == box.left + box.right


def _parsed(text: str) -> Any:
    from pptx.oxml import parse_xml

    return parse_xml(text)


def _append(line: Any, text: str, before: str) -> None:
    following = line.xpath(f"./{before}")[0]
    following.addprevious(_parsed(text % _NAMES))


# ------------------------------------------------------------------------------------------------- badges


def _reach(mark: Mark, points: list[Point], place: Box, size: tuple[int, int]) -> Box:
    """What a mark covers on the slide."""
    if mark["kind"] == "ellipse":
        (x, y), (rx, ry) = points[0], _radii(mark, place, size)
        most = max(rx, ry) if mark["points"][2][0] % 90 else 0
        rx, ry = (ry, rx) if mark["points"][2][0] % 180 == 90 else (rx, ry)
        rx, ry = most or rx, most or ry
        return Box(x - rx, y - ry, 2 * rx, 2 * ry)
    if mark["kind"] == "point":
        x, y = points[0]
        return Box(x - _RING, y - _RING, 2 * _RING, 2 * _RING)
    return _around(points)


def _beside(slide: Any, mark: Mark, reach: Box, place: Box, taken: list[Box]) -> None:
    """The badge, outside its shape where there is room, always inside the picture, and never over another."""
    wide, high = badge_size(mark["badge"])
    gap = 40000
    corners = [
        (reach.left, reach.top - high - gap),
        (reach.left, reach.bottom + gap),
        (reach.right + gap, reach.top),
        (reach.left - wide - gap, reach.top),
        (reach.right - wide, reach.top - high - gap),
        (reach.right - wide, reach.bottom + gap),
        (reach.left + gap, reach.top + gap),
        (reach.left + gap, reach.bottom - high - gap),
        (reach.right - wide - gap, reach.bottom - high - gap),
    ]
    limit = Box(place.left, place.top, max(0, place.width - wide), max(0, place.height - high))
    kept = [(min(max(x, limit.left), limit.right), min(max(y, limit.top), limit.bottom)) for x, y in corners]
    order = [c for c, k in zip(corners, kept, strict=True) if c == k] + kept
    order += [(kept[0][0], y) for y in range(limit.top, limit.bottom, high + gap)]
    spots = [Box(x, y, wide, high) for x, y in order]
    spot = next((s for s in spots if not any(_overlap(s, other) for other in taken)), spots[0])
    taken.append(spot)
    badge(slide, mark["badge"], mark["colour"], spot, mark["label"])


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )
