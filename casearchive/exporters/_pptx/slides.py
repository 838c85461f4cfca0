"""One slide at a time: titles, text, pictures and notes on the layouts of a theme, never beyond their edges."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Sequence
from typing import Any

from casearchive.exporters._labels import say
from casearchive.exporters._pptx import fitting
from casearchive.exporters._pptx.fitting import BADGE, BULLET, SMALLEST, Para
from casearchive.exporters._pptx.pictures import Moving
from casearchive.exporters._pptx.shapes import POINT, badge, badge_size, named
from casearchive.exporters._pptx.telling import clean, right_to_left
from casearchive.exporters._pptx.theme import Box, Theme
from casearchive.exporters._pptx.timing import timing

#: Sizes of running text, the largest first: on a slide of text, and beside a picture.
WIDE_SIZES, NARROW_SIZES = (20, 18, 16), (18, 16, 14)
GAP = 228600
_TITLE_SIZES = (28, 24, 20, 18, 16)
#: A line is longer than reckoned now and then: what is left free at its end.
_SPARE = 0.93
_LONGEST_LINE = 9_600_000  # ten and a half inches: longer lines are hard to follow
_CAPTION_LINES = 2


class Slides:
    """Adds slides to the presentation of ``theme``; ``links`` are words that lead to a case, set when all is there."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.links: list[tuple[Any, Any, int]] = []

    @property
    def count(self) -> int:
        return len(self.theme.presentation.slides)

    # -- kinds of slides

    def opening(self, title: str, below: Sequence[Para]) -> Any:
        """The first slide; lines that do not fit are left out from the end."""
        theme = self.theme
        slide = theme.presentation.slides.add_slide(theme.opening)
        self._title(slide, title, theme.first, (theme.first_size, 36, 28, 24, 20, 18))
        holder = next(
            (
                p
                for p in slide.placeholders
                if p.placeholder_format.type is not None and p.placeholder_format.idx == 1
            ),
            None,
        )
        frame = self._frame(slide, holder, theme.subtitle)
        body, pages = self.fitted(below, theme.subtitle, (20, 18, 16), 16)
        self._write(slide, frame, pages[0], body, keep=True)
        self._only(slide, holder)
        return slide

    def text(self, title: str, paras: Sequence[Para], body: int, *, more: bool = False) -> Any:
        """A slide of text, of a page that ``fitted`` gave for ``wide()``; ``more`` says that it goes on from the slide
        before."""
        slide = self.theme.presentation.slides.add_slide(self.theme.text)
        self._title(slide, title, more=more)
        holder = self._holder(slide)
        frame = self._frame(slide, holder, self.wide())
        self._write(slide, frame, paras, body)
        self._only(slide, holder)
        self._number(slide, self.theme.text)
        return slide

    def bare(self, title: str, *, more: bool = False) -> Any:
        """A slide with nothing but its title; ``more`` as for ``text``."""
        slide = self.theme.presentation.slides.add_slide(self.theme.bare)
        self._title(slide, title, more=more)
        self._only(slide, None)
        self._number(slide, self.theme.bare)
        return slide

    # -- room

    def wide(self) -> Box:
        """Where the text of a slide without pictures stands."""
        area = self.theme.content
        return Box(area.left, area.top, min(area.width, _LONGEST_LINE), area.height)

    def column(self) -> Box:
        """Where text beside pictures stands."""
        area = self.theme.content
        return Box(area.left, area.top, round(area.width * 0.36), area.height)

    def beside(self) -> Box:
        """Where pictures beside text stand."""
        area, column = self.theme.content, self.column()
        left = column.right + GAP
        return Box(left, area.top, area.right - left, area.height)

    def fitted(
        self, paras: Sequence[Para], box: Box, sizes: Sequence[int], parted: int
    ) -> tuple[int, list[list[Para]]]:
        """Size and pages of ``paras`` in ``box``."""
        return fitting.fitted(paras, self._room(box), box.height / POINT, sizes, parted)

    def one_line(self, text: str, box: Box, size: int) -> str:
        """``text``, cut where it is longer than a line of ``box``."""
        return fitting.shortened(text, self._room(box), size, 1)

    def title_fits(self, title: str) -> bool:
        """Whether a title can stand there whole."""
        return self._shortened(title, self.theme.title, _TITLE_SIZES)[0] == title

    def _room(self, box: Box) -> float:
        return box.width / POINT * _SPARE / self.theme.wider

    # -- words

    def _title(
        self, slide: Any, title: str, box: Box | None = None, sizes: Sequence[int] = (), *, more: bool = False
    ) -> None:
        largest = self.theme.title_size
        sizes = sizes or (largest, *(s for s in _TITLE_SIZES if s < largest))
        text, size = self._shortened(
            title, box or self.theme.title, sizes, f" {say('slides.continued')}" if more else ""
        )
        holder = slide.shapes.title
        holder.name = "Title"
        frame = holder.text_frame
        frame.word_wrap = True
        if not self.theme.own:  # our own has its places by itself; another's margins are not known
            frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
        paragraph = frame.paragraphs[0]
        self._run(paragraph, text, size)
        self._direction(paragraph, text, keep=True)

    def _shortened(self, title: str, box: Box, sizes: Sequence[int], tail: str = "") -> tuple[str, int]:
        """The title with ``tail``, whole in the largest size that does, else cut in the smallest."""
        room, high = self._room(box), box.height / POINT
        for size in sizes:
            lines = fitting.lines(title + tail, room, size, bold=True)
            if len(lines) * size * fitting.leading(title) <= high:
                return title + tail, size
        size = sizes[-1]
        count = max(1, int(high // (size * fitting.leading(title))))
        text = fitting.shortened(title, room, size, count, bold=True)
        while text and len(fitting.lines(text + tail, room, size, bold=True)) > count:
            text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
        return text + tail, size

    def words(self, slide: Any, box: Box, paras: Sequence[Para], body: int) -> None:
        """Paragraphs in ``box``; those with a badge stand beside it, each in a box of its own."""
        room = self._room(box)
        top = box.top
        for place, block in enumerate(_blocks(paras)):
            if place:
                top += round(fitting.before(block[0], body) * POINT)
            indent = round(BADGE * POINT) if block[0].mark or block[0].under else 0
            high = round(fitting.total(block, room, body) * POINT)
            inner = Box(box.left + indent, top, box.width - indent, high)
            frame = self._frame(slide, None, inner)
            self._write(slide, frame, block, body)
            if block[0].mark:
                self._badge(slide, block[0], box.left, top, body)
            top += high

    def _badge(self, slide: Any, para: Para, left: int, top: int, body: int) -> None:
        wide, high = badge_size(para.mark)
        lower = round((para.size(body) * 1.2 * POINT - high) / 2)
        badge(slide, para.mark, para.colour, Box(left, max(0, top + lower), wide, high), para.text)

    def caption(self, slide: Any, box: Box, text: str, lines: int = _CAPTION_LINES) -> int:
        """A line or two below a picture; how high it is, in EMU."""
        said = fitting.shortened(text, self._room(box), SMALLEST, lines)
        para = Para(said)
        high = round(fitting.height(para, self._room(box), SMALLEST) * POINT)
        frame = self._frame(slide, None, Box(box.left, box.top, box.width, high))
        self._write(slide, frame, [para], SMALLEST)
        return high

    def caption_height(self, width: int, texts: Sequence[str], lines: int = _CAPTION_LINES) -> int:
        """How high the highest of these captions is in ``width``, with the gap above it."""
        room = self._room(Box(0, 0, width, 1))
        heights = [
            fitting.height(Para(fitting.shortened(text, room, SMALLEST, lines)), room, SMALLEST)
            for text in texts
        ]
        return round((max(heights, default=0.0) + 4) * POINT)

    def note(self, slide: Any, text: str) -> None:
        """What the speaker reads."""
        notes = slide.notes_slide
        notes.notes_text_frame.text = "\n".join(map(clean, text.split("\n")))
        for holder in notes.placeholders:
            picture = holder._element.xpath(".//p:ph/@type") == ["sldImg"]
            holder.name = "Picture of the slide" if picture else "Notes of the speaker"

    def _frame(self, slide: Any, holder: Any, box: Box) -> Any:
        from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE

        shape = holder
        if shape is None:
            shape = slide.shapes.add_textbox(box.left, box.top, box.width, box.height)
        shape.name = "Text"
        shape.left, shape.top, shape.width, shape.height = box.left, box.top, box.width, box.height
        frame = shape.text_frame
        frame.word_wrap, frame.auto_size, frame.vertical_anchor = True, MSO_AUTO_SIZE.NONE, MSO_ANCHOR.TOP
        frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
        return frame

    def _write(self, slide: Any, frame: Any, paras: Sequence[Para], body: int, *, keep: bool = False) -> None:
        from pptx.util import Pt

        for place, para in enumerate(paras):
            paragraph = frame.add_paragraph() if place else frame.paragraphs[0]
            size = para.size(body)
            paragraph.line_spacing = 1.0
            paragraph.space_before = Pt(fitting.before(para, body)) if place else Pt(0)
            paragraph.space_after = Pt(0)
            _bullet(paragraph, para)
            if para.label:
                self._run(paragraph, f"{para.label} ", size, bold=True)
            if para.text:
                run = self._run(paragraph, para.text, size, bold=para.bold, quiet=para.kind == "head")
                if para.case:
                    self.links.append((slide, run, para.case))
            self._direction(paragraph, para.said, keep=keep)

    def _run(
        self, paragraph: Any, text: str, size: int, *, bold: bool | None = None, quiet: bool = False
    ) -> Any:
        from pptx.enum.dml import MSO_THEME_COLOR
        from pptx.util import Pt

        run = paragraph.add_run()
        run.text = text
        run.font.size = Pt(size)
        if bold is not None:
            run.font.bold = bold
        if quiet:
            run.font.color.theme_color = MSO_THEME_COLOR.TEXT_2
        return run

    def _direction(self, paragraph: Any, text: str, *, keep: bool = False) -> None:
        """Text from right to left begins at the right; other text where the theme has it (``keep``) or left."""
        from pptx.enum.text import PP_ALIGN

        if right_to_left(text):
            paragraph.alignment = PP_ALIGN.RIGHT
            paragraph._p.get_or_add_pPr().set("rtl", "1")
        elif not keep:
            paragraph.alignment = PP_ALIGN.LEFT

    # -- pictures

    def picture(self, slide: Any, data: bytes, place: Box, name: str, told: str) -> None:
        shape = slide.shapes.add_picture(io.BytesIO(data), place.left, place.top, place.width, place.height)
        named(shape, name, told)

    def film(self, slide: Any, shown: Moving, place: Box, name: str, told: str) -> tuple[int, float] | None:
        """A clip; the id of its shape and its seconds, if it is a film that has to be started."""
        if shown.film is None:
            self.picture(slide, shown.poster, place, name, told)
            return None
        shape = slide.shapes.add_movie(
            io.BytesIO(shown.film), place.left, place.top, place.width, place.height,
            poster_frame_image=io.BytesIO(shown.poster), mime_type="video/mp4",
        )  # fmt: skip
        named(shape, name, told)
        return shape.shape_id, shown.seconds

    def started(self, slide: Any, films: Sequence[tuple[int, float]]) -> None:
        """Let these films start with the slide and go on."""
        for old in slide._element.xpath("./p:timing"):
            slide._element.remove(old)
        if films:
            slide._element.append(timing(films))

    # -- what a layout brings along

    def _holder(self, slide: Any) -> Any:
        """The placeholder for text beside the title, the first that can be written in; None where there is none."""
        others = (p for p in slide.placeholders if p._element is not slide.shapes.title._element)
        return next((p for p in sorted(others, key=lambda p: p.placeholder_format.idx) if _writable(p)), None)

    def _only(self, slide: Any, kept: Any) -> None:
        """Take away placeholders that nothing was written in."""
        for holder in list(slide.placeholders):
            if holder._element is slide.shapes.title._element:
                continue
            if kept is None or holder._element is not kept._element:
                holder._element.getparent().remove(holder._element)

    def _number(self, slide: Any, layout: Any) -> None:
        """The number of the slide, where the theme has a place for it."""
        from casearchive.exporters._pptx.shapes import next_id

        found = layout._element.xpath(".//p:sp[.//p:nvPr/p:ph/@type='sldNum']")
        if not found:
            return
        element = copy.deepcopy(found[0])
        for inner in element.xpath("./p:spPr/*"):
            inner.getparent().remove(inner)
        for inner in element.xpath("./p:txBody/a:lstStyle/*"):
            inner.getparent().remove(inner)
        for inner in element.xpath(".//a:t"):
            inner.text = str(self.count)
        element.xpath(".//p:cNvPr")[0].set("id", str(next_id(slide)))
        slide.shapes._spTree.append(element)


def fit(area: Box, columns: int, rows: int) -> Box:
    """The largest place of this shape in ``area``, at its top left."""
    scale = min(area.width / columns, area.height / rows)
    wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
    return Box(area.left, area.top, wide, high)


def grid(area: Box, shapes: Sequence[tuple[int, int]], captions: int) -> list[Box]:
    """Cells for pictures of these shapes (columns, rows), so that they become as large as can be; ``captions`` is what
    is kept free below each, in EMU."""
    count = len(shapes)

    def cells(across: int) -> list[Box]:
        down = math.ceil(count / across)
        wide = (area.width - GAP * (across - 1)) // across
        high = (area.height - GAP * (down - 1)) // down
        return [
            Box(area.left + (n % across) * (wide + GAP), area.top + (n // across) * (high + GAP), wide, high)
            for n in range(count)
        ]

    def shown(across: int) -> float:
        total = 0.0
        for cell, (columns, rows) in zip(cells(across), shapes, strict=True):
            scale = min(cell.width / columns, max(1, cell.height - captions) / rows)
            total += math.sqrt(columns * rows) * scale
        return total

    return cells(max(range(1, count + 1), key=shown)) if count else []


def _blocks(paras: Sequence[Para]) -> list[list[Para]]:
    """Runs of paragraphs that stand in one box: with a badge and what belongs to it, or without."""
    found: list[list[Para]] = []
    for para in paras:
        joins = bool(found) and not para.mark and para.under == bool(found[-1][0].mark or found[-1][0].under)
        if joins:
            found[-1].append(para)
        else:
            found.append([para])
    return found


def _writable(holder: Any) -> bool:
    """Whether a placeholder is for text, or for anything, and not for a picture, a chart or the like."""
    kind = holder._element.xpath(".//p:nvPr/p:ph/@type")
    return not kind or kind[0] in ("body", "obj", "subTitle")


def _bullet(paragraph: Any, para: Para) -> None:
    """A bullet or none, whatever the theme has for its text."""
    from pptx.oxml import parse_xml

    names = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    properties = paragraph._p.get_or_add_pPr()
    if para.kind == "bullet":
        indent = round(BULLET * POINT)
        properties.set("marL", str(indent))
        properties.set("indent", str(-indent))
        properties.append(parse_xml(f'<a:buFont {names} typeface="Arial"/>'))
        properties.append(parse_xml(f'<a:buChar {names} char="•"/>'))
    else:
        properties.set("marL", "0")
        properties.set("indent", "0")
        properties.append(parse_xml(f"<a:buNone {names}/>"))
