"""Pictures of a clip for people: thumbnail, filmstrip, preview, poster, sheet. Arrays in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from casearchive import pixels
from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable
from casearchive.model import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL_EDGE = 256
PREVIEW_EDGE = 480
_STRIP_HEIGHT = 160
_MOST_SHOWN = 6
_LABEL_HEIGHT = 18
_SHEET_EDGE = 320
#: Two-dimensional regions smaller than this part of the picture are not worth cropping to.
_SMALLEST_CROP = 0.04


@dataclass(frozen=True, slots=True)
class Pictures:
    """``key_frame`` and ``shown`` count frames from 1; ``why`` says, for a person, why that frame was chosen.

    ``thumbnail`` and ``filmstrip`` are WebP files.
    """

    key_frame: int
    why: str
    thumbnail: bytes
    filmstrip: bytes
    shown: tuple[int, ...]


def pictures_of(clip: Clip) -> Pictures:
    """Look at up to six frames, evenly spread from first to last; make the small pictures from those alone.

    Raises ``PictureUnavailable`` where not one of them can be decoded.
    """
    facts = clip.facts
    if facts.instance.frames < 1:
        raise PictureUnavailable("it holds no picture")
    looked_at: dict[int, Picture] = {}
    trouble: PictureUnavailable | None = None
    for number in spread(facts.instance.frames, _MOST_SHOWN):
        try:
            looked_at[number] = _cropped(clip.glimpse(number, _glimpse_edge(facts)), facts)
        except PictureUnavailable as error:
            trouble = error
    if not looked_at:
        raise trouble or PictureUnavailable("none of its frames can be decoded")
    key, why = choose(looked_at)
    return Pictures(
        key_frame=key,
        why=why,
        thumbnail=_webp(_fitted(looked_at[key], THUMBNAIL_EDGE)),
        filmstrip=_webp(_strip(looked_at)),
        shown=tuple(looked_at),
    )


def spread(frames: int, most: int) -> tuple[int, ...]:
    """At most ``most`` frame numbers, evenly spread from 1 to ``frames``."""
    if frames <= most:
        return tuple(range(1, frames + 1))
    return tuple(round(1 + position * (frames - 1) / (most - 1)) for position in range(most))


# --------------------------------------------------------------------------------------------- the key frame


def choose(looked_at: dict[int, Picture]) -> tuple[int, str]:
    """The frame that shows most, and why: by content, the same every time.

    Frames that are black, nearly uniform or mostly white (menus, end cards) are passed over where another is
    left. Of frames that show about equally much, the one nearest the middle of the clip wins.
    """
    if len(looked_at) == 1:
        return next(iter(looked_at)), "the only frame that was looked at"
    looks = {number: _look(picture) for number, picture in looked_at.items()}
    faults = {number: fault for number, (fault, _) in looks.items() if fault}
    usable = [number for number in looks if number not in faults] or list(looks)
    best = max(looks[number][1] for number in usable)
    middle = (min(looks) + max(looks)) / 2
    close = [number for number in usable if looks[number][1] >= 0.97 * best]
    key = min(close, key=lambda number: (abs(number - middle), number))
    said = f"the most detail of the {len(looks)} frames looked at"
    if len(close) > 1:
        said = f"nearest the middle of the {len(close)} frames with about the most detail"
    passed = ", ".join(f"{number} ({fault})" for number, fault in faults.items() if number != key)
    return key, said + (f"; passed over {passed}" if passed else "")


def _look(picture: Picture) -> tuple[str, float]:
    """(what is wrong with the frame or nothing, how much it shows in bits a pixel)."""
    levels = pixels.grey(_thinned(picture))
    counts = np.bincount(levels.ravel() >> 2, minlength=64) / max(1, levels.size)
    present = counts[counts > 0]
    detail = float(-(present * np.log2(present)).sum())
    lit, white = float((levels > 20).mean()), float((levels >= 235).mean())
    if lit < 0.02:
        return "black", detail
    if float(levels.std()) < 4 or detail < 0.2:
        return "nearly uniform", detail
    if white > 0.6:
        return "mostly white", detail
    return "", detail


def _thinned(picture: Picture) -> Picture:
    step = max(1, max(picture.shape[:2]) // 256)
    return picture[::step, ::step]


# ---------------------------------------------------------------------------------------------------- layout


def _scan_box(facts: Facts) -> pixels.Box | None:
    """The box around the two-dimensional regions, or None where there is none worth cropping to."""
    flat = [region for region in facts.regions if region.spatial_format == pixels.TWO_DIMENSIONAL]
    box = pixels.union(pixels.box_of(region) for region in flat)
    rows, columns = facts.instance.rows, facts.instance.columns
    if box is None or not rows or not columns:
        return None
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(columns, box[2]), min(rows, box[3])
    if (right - left) * (bottom - top) < _SMALLEST_CROP * rows * columns:
        return None
    return left, top, right, bottom


def _glimpse_edge(facts: Facts) -> int:
    """The edge to decode at, so that the cropped part still has the pixels of a thumbnail."""
    box = _scan_box(facts)
    if box is None or not facts.instance.rows or not facts.instance.columns:
        return THUMBNAIL_EDGE
    whole = max(facts.instance.rows, facts.instance.columns)
    part = max(box[2] - box[0], box[3] - box[1])
    return -(-THUMBNAIL_EDGE * whole // max(1, part))


def _cropped(picture: Picture, facts: Facts) -> Picture:
    box = _scan_box(facts)
    if box is None or not facts.instance.rows or not facts.instance.columns:
        return picture
    rows, columns = picture.shape[:2]
    return pixels.crop(
        picture, pixels.scaled(box, columns / facts.instance.columns, rows / facts.instance.rows)
    )


def _image(picture: Picture) -> Image:
    from PIL import Image as PillowImage

    return PillowImage.fromarray(np.ascontiguousarray(picture))


def _fitted(picture: Picture, edge: int) -> Image:
    """The picture with its longer edge at most ``edge``; small pictures are not blown up."""
    from PIL import Image as PillowImage

    image = _image(picture)
    longer = max(image.size)
    if longer <= edge:
        return image
    size = tuple(max(1, round(side * edge / longer)) for side in image.size)
    return image.resize((size[0], size[1]), PillowImage.Resampling.LANCZOS, reducing_gap=2.0)


def _strip(looked_at: dict[int, Picture]) -> Image:
    """The frames side by side, each with its number."""
    from PIL import Image as PillowImage

    tiles = [_labelled(_high(picture, _STRIP_HEIGHT), str(number)) for number, picture in looked_at.items()]
    gap = 2
    width = sum(tile.width for tile in tiles) + gap * (len(tiles) - 1)
    strip = PillowImage.new("RGB", (width, _STRIP_HEIGHT), (40, 40, 40))
    across = 0
    for tile in tiles:
        strip.paste(tile, (across, 0))
        across += tile.width + gap
    return strip


def _high(picture: Picture, height: int) -> Image:
    """The picture scaled to a height, at most four times as wide, as RGB."""
    from PIL import Image as PillowImage

    image = _image(picture)
    width = min(4 * height, max(1, round(image.width * height / image.height)))
    return image.convert("RGB").resize((width, height), PillowImage.Resampling.LANCZOS, reducing_gap=2.0)


def _labelled(image: Image, text: str) -> Image:
    """The image with a small label at the bottom left, light on dark."""
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=13)
    left, _, right, _ = draw.textbbox((0, 0), text, font=font)
    top = image.height - _LABEL_HEIGHT
    draw.rectangle((0, top, right - left + 8, image.height), fill=(0, 0, 0))
    draw.text((4, top + 1), text, fill=(255, 230, 120), font=font)
    return image


def _webp(image: Image) -> bytes:
    out = BytesIO()
    image.save(out, "WEBP", quality=82, method=2)
    return out.getvalue()


def _png(image: Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


# -------------------------------------------------------------------------------------------- larger pictures


def preview(frames: Iterable[Picture], fps: float, edge: int = PREVIEW_EDGE) -> bytes:
    """An animated WebP at true speed, endless; its longer edge is at most ``edge`` pixels.

    WebP counts in whole milliseconds: each frame's duration is rounded so that the sum stays true.
    Raises ValueError without frames or with a rate that is not positive.
    """
    if not fps > 0:
        raise ValueError("the frame rate must be positive")
    images = _same_size(frames, edge)
    first = next(images, None)
    if first is None:
        raise ValueError("a preview needs at least one frame")
    rest = list(images)
    edges = [round(number * 1000 / fps) for number in range(len(rest) + 2)]
    durations = [max(1, after - before) for before, after in pairwise(edges)]
    out = BytesIO()
    first.save(
        out,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=durations,
        loop=0,
        quality=70,
        method=0,
        minimize_size=False,
    )
    return out.getvalue()


def _same_size(frames: Iterable[Picture], edge: int) -> Iterator[Image]:
    """The frames as RGB images, all of the size of the first."""
    size: tuple[int, int] | None = None
    for picture in frames:
        image = _fitted(picture, edge).convert("RGB")
        size = size or image.size
        yield image if image.size == size else image.resize(size)


def poster(picture: Picture, edge: int) -> bytes:
    """One picture as PNG, its longer edge at most ``edge`` pixels."""
    return _png(_fitted(picture, edge))


def contact_sheet(pictures: Sequence[Picture], numbers: Sequence[int], captions: Sequence[str]) -> bytes:
    """A PNG with the pictures in rows, each with its frame number and caption below it.

    Raises ValueError without pictures.
    """
    from PIL import Image as PillowImage

    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    across = min(len(pictures), 4)
    cell, footer = _SHEET_EDGE, 2 * _LABEL_HEIGHT + 6
    images = [_fitted(picture, cell - 8).convert("RGB") for picture in pictures]
    rows = [images[start : start + across] for start in range(0, len(images), across)]
    tops = list(accumulate((max(i.height for i in row) + footer for row in rows), initial=4))
    sheet = PillowImage.new("RGB", (across * cell, tops[-1]), (24, 24, 24))
    for position, (image, number, caption) in enumerate(zip(images, numbers, captions, strict=True)):
        left, top = position % across * cell, tops[position // across]
        sheet.paste(image, (left + (cell - image.width) // 2, top))
        below = tops[position // across + 1] - footer
        _caption(sheet, (left + 6, below + 2), cell - 12, f"frame {number}", caption)
    return _png(sheet)


def _caption(sheet: Image, place: tuple[int, int], width: int, title: str, text: str) -> None:
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=13)
    line = " ".join(text.split())
    while line and draw.textlength(line, font=font) > width:
        line = line[:-2].rstrip("…") + "…" if len(line) > 2 else ""
    draw.text(place, title, fill=(255, 230, 120), font=font)
    draw.text((place[0], place[1] + _LABEL_HEIGHT - 2), line, fill=(230, 230, 230), font=font)
