"""Pure arithmetic on pixel arrays: stored samples in, what a person sees out; then boxes and masks.

Arrays are (rows, columns) or (rows, columns, samples). Boxes are (left, top, right, bottom) in pixels from
the top left corner, right and bottom exclusive, unlike the inclusive corners of an ultrasound region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from casearchive.clip import Picture
from casearchive.model import UltrasoundRegion
from casearchive.scale import TWO_DIMENSIONAL as TWO_DIMENSIONAL  # for those who draw

Samples = NDArray[Any]
Box = tuple[int, int, int, int]

#: How many rows of a picture are turned into another colour space at a time.
_BAND = 32
#: How many samples are worked on at a time in numbers wider than they are stored.
_AT_ONCE = 1 << 20
#: No sound palette has more segments than it can have entries.
_MOST_SEGMENTS = 65536


# ------------------------------------------------------------------------------------------------ grey levels


def window(samples: Samples, center: float, width: float, function: str = "LINEAR") -> Picture:
    """Grey samples through a window to 0-255 (PS3.3 C.11.2.1.2): LINEAR, LINEAR_EXACT or SIGMOID."""
    return by_rows(samples, lambda part: _windowed(part.astype(np.float64), center, width, function))


def _windowed(values: NDArray[np.float64], center: float, width: float, function: str) -> Picture:
    if function == "SIGMOID":
        shown = 255.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / max(width, 1e-9), -700, 700)))
    elif function == "LINEAR_EXACT":
        shown = ((values - center) / max(width, 1e-9) + 0.5) * 255.0
    elif width <= 1:
        shown = np.where(values > center - 0.5, 255.0, 0.0)
    else:
        shown = ((values - (center - 0.5)) / (width - 1.0) + 0.5) * 255.0
    return _rounded(shown)


def stretch(samples: Samples, low: float, high: float) -> Picture:
    """Grey samples from ``low``-``high`` to 0-255; a flat picture becomes black."""
    if high <= low:
        return np.zeros(samples.shape, np.uint8)
    return by_rows(samples, lambda part: _rounded((part.astype(np.float64) - low) * (255.0 / (high - low))))


def lookup(samples: Samples, table: Samples, first: int, top: int) -> Picture:
    """Samples through a lookup table whose entry 0 stands for the value ``first``; ``top`` becomes 255.

    Values below and above the table take its first and last entry (PS3.3 C.11.1.1).
    """
    entries = stretch(table, 0, top)

    def shown(part: Samples) -> Picture:
        found: Picture = entries[np.clip(part.astype(np.int64) - first, 0, len(table) - 1)]
        return found

    return by_rows(samples, shown)


def top_bits(samples: Samples, bits_stored: int) -> Picture:
    """Unsigned samples of ``bits_stored`` bits as 8 bits, the value range kept as it is."""
    if bits_stored <= 8:
        return by_rows(
            samples, lambda part: _rounded(part.astype(np.float64) * (255.0 / (2**bits_stored - 1)))
        )
    return by_rows(
        samples, lambda part: np.clip(part.astype(np.int64) >> (bits_stored - 8), 0, 255).astype(np.uint8)
    )


def by_rows(samples: Samples, change: Callable[[Samples], Samples]) -> Samples:
    """The change made to some rows (or samples of a flat run) at a time: wide numbers of a whole picture would take
    eight times its room."""
    first, *others = bands(samples)
    changed = change(samples[first])
    if not others:
        return changed
    whole = np.empty((len(samples), *changed.shape[1:]), changed.dtype)
    whole[first] = changed
    for band in others:
        whole[band] = change(samples[band])
    return whole


def bands(samples: Samples) -> list[slice]:
    """The rows of ``samples``, as many at a time as can be worked on in wide numbers; one band at least."""
    step = max(1, _AT_ONCE // max(1, samples[:1].size))
    return [slice(row, row + step) for row in range(0, max(1, len(samples)), step)]


def _rounded(values: NDArray[np.float64]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# ----------------------------------------------------------------------------------------------------- colour


def rgb_from_ybr_full(ybr: Picture) -> Picture:
    """YBR_FULL to RGB (PS3.3 C.7.6.3.1.2), the same full-range BT.601 arithmetic that JPEG uses."""
    rgb = np.empty_like(ybr)
    for top in range(0, len(ybr), _BAND):  # a band at a time stays in the processor's cache
        part, out = ybr[top : top + _BAND].astype(np.int32), rgb[top : top + _BAND]
        y, cb, cr = (part[..., 0] << 16) + 32768, part[..., 1] - 128, part[..., 2] - 128
        out[..., 0] = np.clip((y + 91881 * cr) >> 16, 0, 255)
        out[..., 1] = np.clip((y - 22554 * cb - 46802 * cr) >> 16, 0, 255)
        out[..., 2] = np.clip((y + 116130 * cb) >> 16, 0, 255)
    return rgb


def rgb_from_ybr_partial(ybr: Picture) -> Picture:
    """YBR_PARTIAL (luma 16-235) to RGB (PS3.3 C.7.6.3.1.2)."""
    rgb = np.empty_like(ybr)
    for top in range(0, len(ybr), _BAND):
        part, out = ybr[top : top + _BAND].astype(np.int32), rgb[top : top + _BAND]
        y, cb, cr = (part[..., 0] - 16) * 76309 + 32768, part[..., 1] - 128, part[..., 2] - 128
        out[..., 0] = np.clip((y + 104597 * cr) >> 16, 0, 255)
        out[..., 1] = np.clip((y - 25675 * cb - 53279 * cr) >> 16, 0, 255)
        out[..., 2] = np.clip((y + 132201 * cb) >> 16, 0, 255)
    return rgb


def upsampled_422(samples: Picture, rows: int, columns: int) -> Picture:
    """Native YBR_FULL_422 (Y1 Y2 Cb Cr for every two pixels of a row) as (rows, columns, 3).

    Of an odd width the last pair of a row is half used, or, where the data has no room for that, pairs run on
    from row to row.
    """
    quads = samples.reshape(-1, 4)
    full = np.empty((len(quads), 2, 3), np.uint8)
    full[..., 0] = quads[:, :2]
    full[..., 1] = quads[:, 2:3]
    full[..., 2] = quads[:, 3:4]
    wide = (columns + 1) // 2 * 2
    if len(quads) * 2 == rows * wide:
        return full.reshape(rows, wide, 3)[:, :columns]
    return full.reshape(-1, 3)[: rows * columns].reshape(rows, columns, 3)


def expanded_segments(words: Sequence[int], entries: int, *, wide: bool = True) -> NDArray[np.uint16]:
    """A segmented palette table written out (PS3.3 C.7.9.2): discrete, linear and indirect segments.

    ``words`` are the 16-bit fields of a table of 16-bit entries, or, where not ``wide``, the bytes of one of
    8-bit entries. At most ``entries`` values; fewer where the segments end early or cannot be understood.
    """
    values: list[int] = []
    position, left = 0, -1  # how many segments are still to be read; -1 is all of them
    resume: tuple[int, int] | None = None
    for _ in range(_MOST_SEGMENTS):
        if len(values) >= entries:
            break
        if left == 0 or position + 1 >= len(words):
            if resume is None:
                break
            (position, left), resume = resume, None
            continue
        kind, count = words[position], words[position + 1]
        left -= 1
        if kind == 0:
            values.extend(words[position + 2 : position + 2 + count])
            position += 2 + count
        elif kind == 1 and values and position + 2 < len(words):
            values.extend(_ramp(values[-1], words[position + 2], count))
            position += 3
        elif kind == 2 and resume is None:  # an indirect segment never points to another
            following = position + (4 if wide else 6)
            if following > len(words):
                break
            resume = (following, left)
            position, left = _target(words[position + 2 : following]), count
        else:
            break
    return np.array(values[:entries], np.uint16)


def _target(field: Sequence[int]) -> int:
    """Where an indirect segment points to: a byte offset, its less significant 16 bits first (C.7.9.2.3)."""
    if len(field) == 2:
        return (field[0] | field[1] << 16) // 2
    low, high = field[0] | field[1] << 8, field[2] | field[3] << 8
    return low | high << 16


def _ramp(start: int, end: int, count: int) -> list[int]:
    """``count`` values on a straight line that leaves ``start`` (not repeated) and arrives at ``end``."""
    steps = np.arange(1, count + 1, dtype=np.float64) / max(count, 1)
    return [int(value) for value in np.rint(start + (end - start) * steps)]


def empty(samples: Picture) -> bool:
    """Whether hardly anything but zeros is there: black as R, G and B, and of no use to judge a clip by."""
    return _telling(samples)[0].size < 16


def _telling(samples: Picture) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    """The pixels that are not all zero: zeros are a black screen, or what somebody blacked out, in any colours."""
    first, second, third = _grid(samples)
    there = (first > 1) | (second > 1) | (third > 1)
    return first[there], second[there], third[there]


def resembles_rgb(samples: Picture) -> bool:
    """Whether three samples a pixel are certainly R, G and B although a label says luma and chroma.

    Most of an ultrasound screen is grey or black. Read as luma and chroma, the dark and bright grey of R, G and B
    are colours that no screen can show ((0, 0, 0) asks for a negative red); true luma and chroma never are.
    """
    first, second, third = _telling(samples)
    if first.size < 16:
        return False
    if float(_impossible(first, second, third).mean()) > 0.1:
        return True
    equal = (np.abs(first - second) <= 6) & (np.abs(first - third) <= 6)
    away = np.abs(first - 128) > 24
    return bool((equal & away).mean() > 0.6)


def _impossible(y: NDArray[np.int16], cb: NDArray[np.int16], cr: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where luma and chroma stand for no colour of a screen, by more than lossy compression explains."""
    red, blue = y + 1.402 * (cr - 128), y + 1.772 * (cb - 128)
    green = y - 0.344 * (cb - 128) - 0.714 * (cr - 128)
    lowest, highest = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    result: NDArray[np.bool_] = (lowest < -40) | (highest > 295)
    return result


def resembles_ybr(samples: Picture) -> bool:
    """Whether three samples a pixel are certainly Y, Cb and Cr although a label says RGB.

    Grey is two samples at 128 then, whatever the first. One flat colour of that kind may be a teal backdrop;
    many of them, or nothing else at all, are not.
    """
    first, second, third = _telling(samples)
    if first.size < 16:
        return False
    neutral = (np.abs(second - 128) <= 4) & (np.abs(third - 128) <= 4)
    share = float(neutral.mean())
    if share > 0.98:
        return bool((np.abs(first[neutral] - 128) > 24).mean() > 0.5)
    equal = (np.abs(first - second) <= 6) & (np.abs(first - third) <= 6)
    if share < 0.5 or float((equal & ~neutral).mean()) > 0.05:
        return False
    # By more levels than the smoothed edges of one flat colour have.
    counts = np.bincount(first[neutral].ravel().astype(np.intp) >> 3, minlength=32)
    return int((counts > 0.002 * first.size).sum()) >= 4


def greyness(samples: Picture) -> float:
    """The share of grey (as RGB or as YBR) where the picture has texture; 0 where it has too little.

    Flat areas say nothing: of data that is read by pixel and lies by plane, three neighbours look like one grey.
    """
    rows = samples[:: max(1, samples.shape[0] // 60)]
    first, second, third = (np.ascontiguousarray(rows[..., n]).astype(np.int16) for n in range(3))
    textured = np.abs(np.diff(first, axis=1)) > 2
    count = int(np.count_nonzero(textured))
    if count < 200:
        return 0.0
    first, second, third = first[:, :-1], second[:, :-1], third[:, :-1]
    equal = (np.abs(first - second) <= 1) & (np.abs(first - third) <= 1) & textured
    neutral = (np.abs(second - 128) <= 2) & (np.abs(third - 128) <= 2) & textured
    return max(int(np.count_nonzero(equal)), int(np.count_nonzero(neutral))) / count


def woven(samples: Picture) -> bool:
    """Whether the first plane repeats itself every third pixel: colours by pixel that were read by plane.

    Flat tints, colour bars and title pages would pass for grey otherwise: all three planes then hold the same weave.
    """
    plane = samples[:: max(1, samples.shape[0] // 60), :, 0].astype(np.int16)
    textured = np.abs(np.diff(plane, axis=1))[:, :-2] > 2
    if not textured.any():
        return True
    again = np.abs(plane[:, 3:] - plane[:, :-3]) <= 2
    return float(again[textured].mean()) > 0.5


def torn(samples: Picture) -> float:
    """How much each row of the first plane differs from the next one, in grey levels: a picture that is read the
    wrong way has parts of one row below each other."""
    plane = samples[..., 0].astype(np.int16)
    return float(np.abs(np.diff(plane, axis=0)).mean()) if len(plane) > 1 else 0.0


def _grid(samples: Picture) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    """Every few pixels of the picture, as many as a decision needs."""
    step = max(1, int((samples.shape[0] * samples.shape[1] / 8_000) ** 0.5))
    some = samples[::step, ::step].astype(np.int16)
    return some[..., 0], some[..., 1], some[..., 2]


def grey(picture: Picture) -> Picture:
    """The brightness of a picture, (rows, columns), BT.601 weights."""
    if picture.ndim == 2:
        return picture
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return by_rows(picture, lambda part: np.rint(part[..., :3].astype(np.float32) @ weights).astype(np.uint8))


def is_grey(picture: Picture) -> bool:
    """Whether the three samples of each pixel (rows, columns, 3) are the same."""
    return np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(
        picture[..., 1], picture[..., 2]
    )


def coloured(picture: Picture) -> Picture:
    """The picture as RGB, (rows, columns, 3)."""
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


# ---------------------------------------------------------------------------------------------- boxes


def box_of(region: UltrasoundRegion) -> Box:
    """The region as a box; a region's corners are inclusive (PS3.3 C.8.5.5.1)."""
    return region.min_x0, region.min_y0, region.max_x1 + 1, region.max_y1 + 1


def union(boxes: Iterable[Box]) -> Box | None:
    """The smallest box around all of them."""
    every = list(boxes)
    if not every:
        return None
    return (
        min(b[0] for b in every),
        min(b[1] for b in every),
        max(b[2] for b in every),
        max(b[3] for b in every),
    )


def scaled(box: Box, across: float, down: float) -> Box:
    """The box on a picture that is ``across`` times as wide and ``down`` times as high."""
    left, top, right, bottom = box
    return int(left * across), int(top * down), round(right * across), round(bottom * down)


def crop(picture: Picture, box: Box) -> Picture:
    """The part of the picture inside the box; the whole picture where they do not meet."""
    rows, columns = picture.shape[:2]
    left, right = max(0, box[0]), min(columns, box[2])
    top, bottom = max(0, box[1]), min(rows, box[3])
    return picture[top:bottom, left:right] if left < right and top < bottom else picture


def outside(shape: tuple[int, ...], boxes: Iterable[Box]) -> NDArray[np.bool_]:
    """A mask (rows, columns), True where a pixel lies in none of the boxes."""
    mask = np.ones(shape[:2], np.bool_)
    for left, top, right, bottom in boxes:
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = False
    return mask


def blackened(picture: Picture, mask: NDArray[np.bool_]) -> Picture:
    """A copy of the picture, black where the mask is True."""
    clean = picture.copy()
    clean[mask] = 0
    return clean
