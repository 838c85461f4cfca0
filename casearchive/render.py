"""Pictures of a clip for people: thumbnail, filmstrip, poster. Arrays in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from casearchive import keyframe, pixels
from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable
from casearchive.model import Facts

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

THUMBNAIL_EDGE = 256
POSTER_EDGE = 1280
_STRIP_HEIGHT = 160
#: Frames of a clip that are looked at and stand in its filmstrip.
MOST_SHOWN = 6
#: How many frames are looked at where the first six are all faulty.
_MOST_LOOKED_AT = 21
_LABEL_HEIGHT = 18
#: Pillow first averages whole blocks, down to this many times the size wanted, then scales with care. At 1.1 that
#: takes a third of the time of 2.0; on speckle it differs from the full filter by no more than bicubic does.
_GAP = 1.1
#: Two-dimensional regions smaller than this part of the picture are not worth cropping to.
_SMALLEST_CROP = 0.04
#: Codings of DICOM that are decoded at a quarter of their size far quicker than at a half (JPEG baseline, extended).
_SCALED = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})


@dataclass(frozen=True, slots=True)
class Pictures:
    """``key_frame`` and ``shown`` count frames from 1; ``why`` says, for a person, why that frame was chosen.

    ``thumbnail`` and ``filmstrip`` are JPEG files. ``unseen`` are the frames that were looked at in vain, and why.
    """

    key_frame: int
    why: str
    thumbnail: bytes
    filmstrip: bytes
    shown: tuple[int, ...]
    unseen: tuple[tuple[int, str], ...] = ()


def pictures_of(clip: Clip) -> Pictures:
    """Look at up to six frames, evenly spread from first to last; make the small pictures from those alone.

    Where none of the six shows anything worth choosing, up to fifteen frames between them are looked at too.
    Raises ``PictureUnavailable`` where not one of them can be decoded.
    """
    frames = clip.facts.instance.frames
    if frames < 1:
        raise PictureUnavailable("it holds no picture")
    numbers = spread(frames, MOST_SHOWN)
    trouble: dict[int, PictureUnavailable] = {}
    edge = _first_edge(clip.facts)
    shown = looked_at = _looked_at(clip, numbers, trouble, edge)
    choice = _chosen(shown, frames)
    more = [n for n in spread(frames, _MOST_LOOKED_AT) if n not in numbers]
    if more and (choice is None or choice.fault):
        looked_at = dict(sorted((shown | _looked_at(clip, more, trouble, edge)).items()))
        choice = _chosen(looked_at, frames)
    if choice is None:
        raise trouble[min(trouble)] if trouble else PictureUnavailable("none of its frames can be decoded")
    chosen = looked_at[choice.number]
    if edge < THUMBNAIL_EDGE and max(chosen.size) < THUMBNAIL_EDGE:
        chosen = _looked_at_one(clip, choice.number)
    return Pictures(
        key_frame=choice.number,
        why=choice.why,
        thumbnail=_jpeg(_fitted(chosen, THUMBNAIL_EDGE)),
        filmstrip=_jpeg(_strip(shown or looked_at)),
        shown=tuple(shown or looked_at),
        unseen=tuple((number, error.what) for number, error in sorted(trouble.items())),
    )


def thumbnail_of(clip: Clip, number: int) -> bytes:
    """The thumbnail (JPEG) of one frame, as ``pictures_of`` would make it. Raises ``PictureUnavailable``."""
    return _jpeg(small(clip, number))


def small(clip: Clip, number: int) -> Image:
    """One frame cropped to its scan, at most 256 pixels on the longer edge: a thumbnail before it is written."""
    return _fitted(_looked_at_one(clip, number), THUMBNAIL_EDGE)


def poster_of(clip: Clip, number: int, edge: int = POSTER_EDGE) -> bytes:
    """One whole frame as PNG, its longer edge at most ``edge`` pixels, nothing cropped, nothing blown up."""
    out = BytesIO()
    _fitted(_image(clip.frame(number)), edge).save(out, "PNG")
    return out.getvalue()


def spread(frames: int, most: int) -> tuple[int, ...]:
    """At most ``most`` frame numbers, evenly spread from 1 to ``frames``."""
    if frames <= most:
        return tuple(range(1, frames + 1))
    return tuple(round(1 + position * (frames - 1) / (most - 1)) for position in range(most))


def _first_edge(facts: Facts) -> int:
    """At which edge frames are looked at: what the filmstrip needs, where a still smaller frame costs far less and a
    thumbnail is made of one of several."""
    if facts.instance.frames < 2 or facts.instance.transfer_syntax_uid not in _SCALED:
        return THUMBNAIL_EDGE
    box = scan_box(facts) or (0, 0, facts.instance.columns or 1, facts.instance.rows or 1)
    wide, high = box[2] - box[0], box[3] - box[1]
    return min(THUMBNAIL_EDGE, -(-_STRIP_HEIGHT * max(wide, high) // high))


def _looked_at(
    clip: Clip, numbers: Iterable[int], trouble: dict[int, PictureUnavailable], edge: int = THUMBNAIL_EDGE
) -> dict[int, Image]:
    found: dict[int, Image] = {}
    for number in numbers:
        try:
            found[number] = _looked_at_one(clip, number, edge)
        except PictureUnavailable as error:
            trouble[number] = error
    return found


def _looked_at_one(clip: Clip, number: int, least: int = THUMBNAIL_EDGE) -> Image:
    """A frame cropped to its scan, not much larger than thumbnail and filmstrip can use: few frames are kept at a
    time, and none of them large. One that was decoded at a reduced size is not scaled here: each picture is scaled
    once, for its own use."""
    facts = clip.facts
    image = _image(cropped(clip.glimpse(number, glimpse_edge(facts, least)), facts))
    # the filmstrip wants 160 rows, of very wide pictures too
    edge = max(THUMBNAIL_EDGE, min(4 * _STRIP_HEIGHT, round(_STRIP_HEIGHT * image.width / image.height)))
    return image if max(image.size) <= 2 * edge else _fitted(image, edge)


def _chosen(images: Mapping[int, Image], frames: int) -> keyframe.Choice | None:
    """The frame that stands for a clip of so many frames; a single picture stands for itself, whatever it shows."""
    if frames == 1 and images:
        return keyframe.Choice(1, keyframe.ONLY, "")
    return keyframe.choose({n: np.asarray(image) for n, image in images.items()}) if images else None


# ---------------------------------------------------------------------------------------------------- layout


def scan_box(facts: Facts) -> pixels.Box | None:
    """The box around the two-dimensional regions, or None where there is none worth cropping to."""
    flat = [region for region in facts.regions if region.spatial_format == pixels.TWO_DIMENSIONAL]
    box = pixels.union(pixels.box_of(region) for region in flat)
    rows, columns = facts.instance.rows, facts.instance.columns
    if box is None or not rows or not columns:
        return None
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(columns, box[2]), min(rows, box[3])
    if right <= left or bottom <= top or (right - left) * (bottom - top) < _SMALLEST_CROP * rows * columns:
        return None
    return left, top, right, bottom


def glimpse_edge(facts: Facts, edge: int) -> int:
    """The edge to decode at, so that the cropped part still has ``edge`` pixels."""
    box = scan_box(facts)
    if box is None or not facts.instance.rows or not facts.instance.columns:
        return edge
    whole = max(facts.instance.rows, facts.instance.columns)
    part = max(box[2] - box[0], box[3] - box[1])
    return -(-edge * whole // max(1, part))


def cropped(picture: Picture, facts: Facts) -> Picture:
    """The picture, which may be smaller than it is stored, without what lies around the scan."""
    box = scan_box(facts)
    if box is None or not facts.instance.rows or not facts.instance.columns:
        return picture
    rows, columns = picture.shape[:2]
    return pixels.crop(
        picture, pixels.scaled(box, columns / facts.instance.columns, rows / facts.instance.rows)
    )


def _image(picture: Picture) -> Image:
    """What is grey in colours is grey: a third of the work, and the same picture."""
    from PIL import Image as PillowImage

    if picture.ndim == 3 and pixels.is_grey(picture):
        picture = picture[..., 0]
    return PillowImage.fromarray(np.ascontiguousarray(picture))


def _fitted(image: Image, edge: int) -> Image:
    """The image with its longer edge at most ``edge``; small images are not blown up."""
    longer = max(image.size)
    if longer <= edge:
        return image
    return _sized(
        image, max(1, round(image.width * edge / longer)), max(1, round(image.height * edge / longer))
    )


def _sized(image: Image, width: int, height: int) -> Image:
    from PIL import Image as PillowImage

    return image.resize((width, height), PillowImage.Resampling.BICUBIC, reducing_gap=_GAP)


def _strip(images: Mapping[int, Image]) -> Image:
    """The frames side by side, each with its number."""
    from PIL import Image as PillowImage

    tiles = [_labelled(_high(image, _STRIP_HEIGHT), str(number)) for number, image in images.items()]
    gap = 2
    width = sum(tile.width for tile in tiles) + gap * (len(tiles) - 1)
    strip = PillowImage.new("RGB", (width, _STRIP_HEIGHT), (40, 40, 40))
    across = 0
    for tile in tiles:
        strip.paste(tile, (across, 0))
        across += tile.width + gap
    return strip


def _high(image: Image, height: int) -> Image:
    """The image scaled to a height, at most four times as wide, as RGB."""
    width = min(4 * height, max(1, round(image.width * height / image.height)))
    return _sized(image, width, height).convert("RGB")


def _labelled(image: Image, text: str) -> Image:
    """The image with a small label at the bottom left."""
    label = _label(text)
    image.paste(label, (0, image.height - label.height))
    return image


@lru_cache(maxsize=1000)
def _label(text: str) -> Image:
    """A number, light on dark."""
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    font = _font()
    left, _, right, _ = font.getbbox(text)
    label = PillowImage.new("RGB", (round(right - left) + 9, _LABEL_HEIGHT), (0, 0, 0))
    ImageDraw.Draw(label).text((4, 1), text, fill=(255, 230, 120), font=font)
    return label


@cache
def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=13)


def _jpeg(image: Image) -> bytes:
    """Nearer to the picture than WebP at 82 (39.5 against 38.6 dB), a third larger, in a sixth of the time."""
    out = BytesIO()
    image.save(out, "JPEG", quality=85, subsampling=0)
    return out.getvalue()
