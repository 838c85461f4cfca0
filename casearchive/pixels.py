"""Pure arithmetic on pixel arrays: stored samples in, what a person sees out; then boxes and masks.

Arrays are (rows, columns) or (rows, columns, samples). Boxes are (left, top, right, bottom) in pixels from
the top left corner, right and bottom exclusive, unlike the inclusive corners of an ultrasound region.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from casearchive.clip import Picture
from casearchive.model import UltrasoundRegion
from casearchive.scale import TWO_DIMENSIONAL as TWO_DIMENSIONAL  # for those who draw

Samples = NDArray[Any]
Box = tuple[int, int, int, int]


# ------------------------------------------------------------------------------------------------ grey levels


def window(samples: Samples, center: float, width: float, function: str = "LINEAR") -> Picture:
    """Grey samples through a window to 0-255 (PS3.3 C.11.2.1.2): LINEAR, LINEAR_EXACT or SIGMOID."""
    values = samples.astype(np.float64)
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
    return _rounded((samples.astype(np.float64) - low) * (255.0 / (high - low)))


def lookup(samples: Samples, table: Samples, first: int, top: int) -> Picture:
    """Samples through a lookup table whose entry 0 stands for the value ``first``; ``top`` becomes 255.

    Values below and above the table take its first and last entry (PS3.3 C.11.1.1).
    """
    entries = stretch(table, 0, top)
    index = np.clip(samples.astype(np.int64) - first, 0, len(table) - 1)
    shown: Picture = entries[index]
    return shown


def top_bits(samples: Samples, bits_stored: int) -> Picture:
    """Unsigned samples of ``bits_stored`` bits as 8 bits, the value range kept as it is."""
    if bits_stored <= 8:
        return _rounded(samples.astype(np.float64) * (255.0 / (2**bits_stored - 1)))
    top: Picture = np.clip(samples.astype(np.int64) >> (bits_stored - 8), 0, 255).astype(np.uint8)
    return top


def _rounded(values: NDArray[np.float64]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# ----------------------------------------------------------------------------------------------------- colour


def rgb_from_ybr_full(ybr: Picture) -> Picture:
    """YBR_FULL to RGB (PS3.3 C.7.6.3.1.2), the same full-range BT.601 arithmetic that JPEG uses."""
    y, cb, cr = _planes(ybr)
    return _stacked(
        y + 1.402 * (cr - 128.0),
        y - 0.344136 * (cb - 128.0) - 0.714136 * (cr - 128.0),
        y + 1.772 * (cb - 128.0),
    )


def rgb_from_ybr_partial(ybr: Picture) -> Picture:
    """YBR_PARTIAL (luma 16-235) to RGB (PS3.3 C.7.6.3.1.2)."""
    y, cb, cr = _planes(ybr)
    y = (y - 16.0) * 1.164384
    return _stacked(
        y + 1.596027 * (cr - 128.0),
        y - 0.391762 * (cb - 128.0) - 0.812968 * (cr - 128.0),
        y + 2.017232 * (cb - 128.0),
    )


def _planes(ybr: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    values = ybr.astype(np.float32)
    return values[..., 0], values[..., 1], values[..., 2]


def _stacked(*planes: NDArray[np.float32]) -> Picture:
    return np.clip(np.rint(np.stack(planes, axis=-1)), 0, 255).astype(np.uint8)


def upsampled_422(samples: Picture, rows: int, columns: int) -> Picture:
    """Native YBR_FULL_422 (Y1 Y2 Cb Cr for every two pixels of a row) as (rows, columns, 3)."""
    quads = samples.reshape(rows, columns // 2, 4)
    full = np.empty((rows, columns // 2, 2, 3), np.uint8)
    full[..., 0] = quads[..., :2]
    full[..., 1] = quads[..., 2:3]
    full[..., 2] = quads[..., 3:4]
    return full.reshape(rows, columns, 3)


def palette(
    indices: Samples, tables: Sequence[Samples], firsts: Sequence[int], bits: Sequence[int]
) -> Picture:
    """PALETTE COLOR to RGB (PS3.3 C.7.6.3.1.5): one table a channel, with its first mapped value and bits."""
    channels = [
        lookup(indices, table, first, 2**depth - 1)
        for table, first, depth in zip(tables, firsts, bits, strict=True)
    ]
    return np.stack(channels, axis=-1)


def expanded_segments(words: Sequence[int], entries: int) -> NDArray[np.uint16]:
    """A segmented palette table written out (PS3.3 C.7.9.2): discrete, linear and indirect segments.

    Raises ValueError where a segment points outside the table or would give more than ``entries`` values.
    """
    values: list[int] = []
    position, left = 0, -1  # how many segments are still to be read; -1 is all of them
    resume: list[tuple[int, int]] = []
    while True:
        if left == 0 or position >= len(words):
            if not resume:
                break
            position, left = resume.pop()
            continue
        kind, count = words[position], words[position + 1] if position + 1 < len(words) else 0
        left -= 1
        if kind == 0:
            values.extend(words[position + 2 : position + 2 + count])
            position += 2 + count
        elif kind == 1 and values and position + 2 < len(words):
            values.extend(_ramp(values[-1], words[position + 2], count))
            position += 3
        elif kind == 2 and position + 3 < len(words) and not resume:
            target = words[position + 2] | words[position + 3] << 16
            resume.append((position + 4, left))
            # The offset is in bytes of the 16-bit table data.
            position, left = target // 2, count
        else:
            raise ValueError("a segment of the palette cannot be understood")
        if len(values) > entries:
            raise ValueError("the segments of the palette give more entries than it has")
    if len(values) < entries:
        raise ValueError("the segments of the palette give fewer entries than it has")
    return np.array(values, np.uint16)


def _ramp(start: int, end: int, count: int) -> list[int]:
    """``count`` values on a straight line that leaves ``start`` (not repeated) and arrives at ``end``."""
    steps = np.arange(1, count + 1, dtype=np.float64) / max(count, 1)
    return [int(value) for value in np.rint(start + (end - start) * steps)]


def resembles_rgb(samples: Picture) -> bool:
    """Whether three samples a pixel are certainly R, G and B although a label says luma and chroma.

    Ultrasound is mostly grey: in RGB three nearly equal samples that vary, in YBR two samples near 128.
    """
    first, second, third = _grid(samples)
    if first.size < 64 or np.ptp(first) < 32:
        return False
    # Black is (0, 0, 0) only in RGB: in YBR it is (0, 128, 128).
    equal = (np.abs(first - second) <= 6) & (np.abs(first - third) <= 6)
    away = np.abs(first - 128) > 24
    return bool((equal & away).mean() > 0.6 and away.mean() > 0.5)


def resembles_ybr(samples: Picture) -> bool:
    """Whether three samples a pixel are certainly Y, Cb and Cr although a label says RGB."""
    first, second, third = _grid(samples)
    if first.size < 64 or np.ptp(first) < 32:
        return False
    neutral = (np.abs(second - 128) <= 4) & (np.abs(third - 128) <= 4)
    away = np.abs(first - 128) > 24
    return bool((neutral & away).mean() > 0.6 and away.mean() > 0.5)


def _grid(samples: Picture) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    """Every few pixels of the picture, as many as a decision needs."""
    step = max(1, int((samples.shape[0] * samples.shape[1] / 20_000) ** 0.5))
    some = samples[::step, ::step].astype(np.int16)
    return some[..., 0], some[..., 1], some[..., 2]


def grey(picture: Picture) -> Picture:
    """The brightness of a picture, (rows, columns), BT.601 weights."""
    if picture.ndim == 2:
        return picture
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    levels: Picture = np.rint(picture[..., :3].astype(np.float32) @ weights).astype(np.uint8)
    return levels


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
