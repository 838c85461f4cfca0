"""Draws a contact sheet: clips under their headings, frames with their numbers, the key frame marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from casearchive.clip import Picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

WIDTH = 1280
_MARGIN = 16
_ACROSS = 4
_GAP = 10
_LABEL = 24
_GROUND, _LIGHT, _DIM, _MARK = (24, 24, 24), (235, 235, 235), (165, 165, 165), (255, 205, 60)


@dataclass(frozen=True, slots=True)
class Strip:
    """One clip: ``heading`` says what it is, ``note`` what else is to be known of it (both may be empty).

    ``frames`` are pictures with their numbers, counted from 1 (0: all frames laid over one another), or with words of
    their own; ``key`` is the number of the key frame, 0 for none.
    """

    heading: str
    note: str
    frames: tuple[tuple[int | str, Picture], ...]
    key: int = 0


def drawn(title: str, strips: Sequence[Strip]) -> bytes:
    """A PNG, 1280 pixels wide: the title, then each clip's frames in rows of four (two where they are very wide).

    Two stills that follow each other stand side by side. Raises ValueError without a picture.
    """
    from PIL import Image as PillowImage

    if not any(strip.frames for strip in strips):
        raise ValueError("a contact sheet needs at least one picture")
    parts = [(0, _title(title))] if title else []
    waiting = list(strips)
    while waiting:
        strip = waiting.pop(0)
        if waiting and len(strip.frames) == len(waiting[0].frames) == 1:
            left, right = _strip(strip, WIDTH // 2), _strip(waiting.pop(0), WIDTH // 2)
            both = _blank(WIDTH, max(left.height, right.height))
            both.paste(left, (0, 0))
            both.paste(right, (WIDTH // 2, 0))
            parts.append((len(parts), both))
        else:
            parts.append((len(parts), _strip(strip, WIDTH)))
    sheet = PillowImage.new("RGB", (WIDTH, _MARGIN + sum(p.height for _, p in parts)), _GROUND)
    down = _MARGIN
    for position, part in parts:
        sheet.paste(part, (0, down))
        if position:
            _pen(sheet).line((_MARGIN, down, WIDTH - _MARGIN, down), fill=(70, 70, 70))
        down += part.height
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _title(title: str) -> Image:
    font = _font(26)
    lines = _wrapped(title, font, WIDTH - 2 * _MARGIN, 3)
    band = _blank(WIDTH, len(lines) * 34 + _MARGIN)
    _write(band, lines, font, 0, 34, _LIGHT)
    return band


def _strip(strip: Strip, width: int) -> Image:
    heading = _wrapped(strip.heading, _font(19), width - 2 * _MARGIN, 3)
    note = _wrapped(strip.note, _font(15), width - 2 * _MARGIN, 2)
    top = 10 + 25 * len(heading) + 20 * len(note) + 8
    images = [(number, _rgb(picture)) for number, picture in strip.frames]
    # very wide pictures and a lone one are given the room of two
    large = len(images) == 1 or bool(images and np.median([i.width / i.height for _, i in images]) > 2.2)
    across = min(2 if large else _ACROSS, max(1, len(images)))
    cell = (WIDTH - 2 * _MARGIN - _GAP * (_ACROSS - 1)) // _ACROSS
    if large:
        cell = WIDTH // 2 - 2 * _MARGIN
    shown = [(number, _fitted(image, cell, cell)) for number, image in images]
    rows = [shown[start : start + across] for start in range(0, len(shown), across)]
    label = _LABEL if len(images) > 1 else 0
    high = [max(image.height for _, image in row) + label + _GAP for row in rows]
    band = _blank(width, top + sum(high) + 6)
    _write(band, heading, _font(19), 10, 25, _LIGHT)
    _write(band, note, _font(15), 10 + 25 * len(heading), 20, _DIM)
    for row, tall in zip(rows, high, strict=True):
        for column, (number, image) in enumerate(row):
            place = _MARGIN + column * (cell + _GAP), top
            if len(images) == 1:
                band.paste(image, place)  # there is nothing to tell it from
            else:
                _cell(band, image, number, place, key=bool(strip.key) and number == strip.key)
        top += tall
    return band


def _cell(band: Image, image: Image, number: int | str, place: tuple[int, int], *, key: bool) -> None:
    draw = _pen(band)
    left, top = place
    band.paste(image, (left, top))
    if key:
        draw.rectangle(
            (left - 3, top - 3, left + image.width + 2, top + image.height + 2), outline=_MARK, width=3
        )
    if isinstance(number, str):
        text = number
    else:
        text = (f"frame {number}" if number else "all frames at once") + (", key frame" if key else "")
    draw.text((left, top + image.height + 5), text, fill=_MARK if key else _DIM, font=_font(15))


def _write(
    band: Image,
    lines: Sequence[str],
    font: FreeTypeFont | ImageFont,
    top: int,
    step: int,
    colour: tuple[int, int, int],
) -> None:
    draw = _pen(band)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, top + number * step), line, fill=colour, font=font)


def _wrapped(text: str, font: FreeTypeFont | ImageFont, width: int, most: int) -> list[str]:
    """The text in at most ``most`` lines; what does not fit ends in an ellipsis."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        taken = 1
        while taken < len(words) and font.getlength(" ".join(words[: taken + 1])) <= width:
            taken += 1
        lines.append(" ".join(words[:taken]))
        words = words[taken:]
    if lines and (words or font.getlength(lines[-1]) > width):
        line = lines[-1]
        while line and font.getlength(line + "…") > width:
            line = line[:-1]
        lines[-1] = line.rstrip() + "…"
    return lines


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _pen(image: Image) -> ImageDraw:
    from PIL import ImageDraw

    return ImageDraw.Draw(image)


def _blank(width: int, height: int) -> Image:
    from PIL import Image as PillowImage

    return PillowImage.new("RGB", (width, height), _GROUND)


def _rgb(picture: Picture) -> Image:
    from PIL import Image as PillowImage

    return PillowImage.fromarray(np.ascontiguousarray(picture)).convert("RGB")


def _fitted(image: Image, width: int, height: int) -> Image:
    """Into the box; small pictures are not blown up."""
    from PIL import Image as PillowImage

    scale = min(1.0, width / image.width, height / image.height)
    if scale == 1.0:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, PillowImage.Resampling.LANCZOS, reducing_gap=2.0)
