"""Invented ultrasound screens: speckle in a fan or a rectangle, the scanner's own words around it, and planted names.

Speckle is the magnitude of a complex field blurred by a beam, as in a real image: drawn out sideways, and in a fan ever
wider with depth. Every text keeps the mask of its glyphs, so that it can be looked for later without reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phantom.noise import blur
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Bits = NDArray[np.bool_]
Colour = tuple[int, int, int]

WHITE, YELLOW, CYAN, GREEN, DIM, BLUE = (
    (240, 240, 240), (250, 220, 90), (90, 220, 230), (100, 230, 120), (150, 158, 164), (20, 30, 90),
)  # fmt: skip

#: Fonts by what they can write, as Debian installs them (fonts-dejavu-core, fonts-wqy-microhei).
FONTS = {
    "latin": Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    "bold": Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    "mono": Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"),
    "cjk": Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
}


def have(font: str) -> bool:
    """Whether that font is installed. Without it plain Latin is still written, for Pillow brings one that can."""
    return FONTS[font].is_file()


@dataclass(frozen=True)
class Box:
    """Pixels ``x0`` to ``x1`` of rows ``y0`` to ``y1``, all inside."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0 + 1

    @property
    def height(self) -> int:
        return self.y1 - self.y0 + 1

    def of(self, frame: NDArray[np.generic]) -> NDArray[np.generic]:
        """That part of a frame."""
        return frame[self.y0 : self.y1 + 1, self.x0 : self.x1 + 1]


@dataclass(frozen=True)
class Text:
    """Words on a screen. ``turned`` is 0, 90, 180 or 270 degrees; ``frame`` (from 0) the only one that shows it."""

    words: str
    x: int
    y: int
    size: int = 14
    colour: Colour = WHITE
    font: str = "latin"
    turned: int = 0
    mirrored: bool = False
    frame: int | None = None
    ground: Colour | None = None  # a box behind the words


@dataclass(frozen=True)
class Glyphs:
    """Where words stand: the box around them and, in it, the pixels that the letters cover."""

    box: Box
    mask: Bits = field(repr=False, compare=False)
    upright: bool = False
    frame: int | None = None


@dataclass(frozen=True)
class Scan:
    """One scan area and what fills it: ``fan``, ``linear`` or ``spectral``."""

    box: Box
    kind: str = "linear"
    doppler: bool = False


def draw(
    rng: np.random.Generator,
    size: tuple[int, int],
    scans: Sequence[Scan],
    frames: int,
    texts: Sequence[Text],
    *,
    ground: Colour = (0, 0, 0),
    calipers: bool = False,
) -> tuple[Pixels, list[Glyphs | None]]:
    """Frames (frames, rows, columns, 3) and, for each text, where its glyphs are (None where nothing was drawn)."""
    rows, columns = size
    film = np.empty((frames, rows, columns, 3), np.uint8)
    film[:] = ground
    for scan in scans:
        film[:, scan.box.y0 : scan.box.y1 + 1, scan.box.x0 : scan.box.x1 + 1] = _echoes(rng, scan, frames)
    for scan in scans:
        _edge(film, scan.box)
    if calipers:
        _calipers(film, scans[0].box, rng)
    return film, [write(film, text) for text in texts]


# ------------------------------------------------------------------------------------------------ echoes


_DEPTH, _LINES = 320, 160  # samples along a beam, beams


def _echoes(rng: np.random.Generator, scan: Scan, frames: int) -> Pixels:
    """(frames, height, width, 3) of one scan area; neighbouring frames resemble one another."""
    height, width = scan.box.height, scan.box.width
    beams, depths, inside = _beam(scan)
    tissue = _tissue(rng, spectral=scan.kind == "spectral")
    looks = [_field(rng), _field(rng)]  # two looks from two angles, put together as scanners do
    film = np.zeros((frames, height, width, 3), np.uint8)
    for number in range(frames):
        looks = [0.93 * look + 0.37 * _field(rng) for look in looks]
        level = sum(np.abs(look) for look in looks) / len(looks) * tissue
        bright = np.clip(70 + 34 * np.log(level + 0.08), 0, 235)
        grey = np.where(inside, _sampled(bright, depths, beams), 0).astype(np.uint8)
        film[number] = grey[..., None]
        if scan.doppler:
            _flow(film[number], inside, number)
    return film


def _beam(scan: Scan) -> tuple[NDArray[np.float64], NDArray[np.float64], Bits]:
    """For every pixel its beam and depth, and whether the probe sees it at all."""
    height, width = scan.box.height, scan.box.width
    y, x = np.mgrid[0:height, 0:width].astype(float)
    if scan.kind != "fan":
        return x / width * (_LINES - 1), y / height * (_DEPTH - 1), np.ones((height, width), bool)
    apex, near = -0.18 * height, 0.2 * height
    radius = np.hypot(x - width / 2, y - apex)
    angle = np.arctan2(x - width / 2, y - apex)
    widest = np.arctan2(width / 2, height * 0.62 - apex)
    far = height - apex - 1
    inside = (radius >= near) & (radius <= far) & (np.abs(angle) <= widest)
    beams = np.clip((angle / widest + 1) / 2 * (_LINES - 1), 0, _LINES - 1)
    return beams, np.clip((radius - near) / (far - near) * (_DEPTH - 1), 0, _DEPTH - 1), inside


def _sampled(
    picture: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``picture`` between its samples, as a scan converter interpolates it."""
    top, left = rows.astype(int), columns.astype(int)
    low, right = np.minimum(top + 1, picture.shape[0] - 1), np.minimum(left + 1, picture.shape[1] - 1)
    down, across = rows - top, columns - left
    upper = picture[top, left] * (1 - across) + picture[top, right] * across
    lower = picture[low, left] * (1 - across) + picture[low, right] * across
    return np.asarray(upper * (1 - down) + lower * down)


def _field(rng: np.random.Generator) -> NDArray[np.complex128]:
    """Complex noise as a beam sees it: short along the beam, wide across it."""
    parts = [blur(rng.standard_normal((_DEPTH, _LINES)), 1.4, 3.0) for _ in range(2)]
    return np.asarray((parts[0] + 1j * parts[1]) / np.std(parts[0]))


def _tissue(rng: np.random.Generator, *, spectral: bool) -> NDArray[np.float64]:
    """How brightly each place echoes: layers, a bone with its shadow, or the envelope of a spectrum."""
    depth, lines = _DEPTH, _LINES
    rows = np.arange(depth, dtype=float)[:, None]
    columns = np.arange(lines, dtype=float)[None, :]
    if spectral:
        beat = 70 + 60 * np.maximum(0, np.sin(columns / 13)) ** 3 + 8 * np.sin(columns / 3.1)
        return np.asarray(np.where(np.abs(rows - 190) < beat, 1.0, 0.08))
    smooth = blur(rng.standard_normal((depth, lines)), 9, 24)
    level = np.exp(0.9 * smooth / np.std(smooth)) * (1.15 - 0.6 * rows / depth)
    for _ in range(4):
        at = rng.uniform(25, depth - 60) + 9 * np.sin(columns / rng.uniform(18, 50) + rng.uniform(0, 6))
        level = level + 2.4 * np.exp(-(((rows - at) / 2.6) ** 2))
    middle = rng.uniform(0.3, 0.7) * lines
    bone = depth * 0.62 + 0.012 * (columns - middle) ** 2
    level = level + 7 * np.exp(-(((rows - bone) / 2.2) ** 2))
    return np.asarray(np.where(rows > bone + 6, 0.12 * level, level))


def _flow(frame: Pixels, inside: Bits, number: int) -> None:
    """A colour Doppler vessel."""
    height, width = inside.shape
    y, x = np.mgrid[0:height, 0:width]
    vessel = (np.abs(y - height * 0.45 - 8 * np.sin(x / 31)) < 9) & (np.abs(x - width / 2) < width / 6)
    speed = (120 + 90 * np.sin(x / 17 + number)).astype(np.uint8)
    here = vessel & inside
    frame[here] = np.stack([speed[here], speed[here] // 4, 40 + 0 * speed[here]], -1)


def _edge(film: Pixels, box: Box) -> None:
    """The scanner's own grey bar and ticks beside the scan: no letters."""
    if box.x1 + 12 < film.shape[2]:
        for y in range(box.y0, box.y1 + 1, max(8, box.height // 10)):
            film[:, y, box.x1 + 4 : box.x1 + 9] = DIM
    if box.x0 >= 16:
        ramp = np.linspace(230, 10, box.height // 2).astype(np.uint8)
        film[:, box.y0 : box.y0 + len(ramp), box.x0 - 14 : box.x0 - 7] = ramp[None, :, None, None]


def _calipers(film: Pixels, box: Box, rng: np.random.Generator) -> None:
    """Two crosses inside the scan."""
    for _ in range(2):
        x = int(rng.integers(box.x0 + box.width // 3, box.x1 - box.width // 3))
        y = int(rng.integers(box.y0 + box.height // 3, box.y1 - box.height // 3))
        film[:, y, x - 5 : x + 6] = YELLOW
        film[:, y - 5 : y + 6, x] = YELLOW


# ------------------------------------------------------------------------------------------------ words


def letters(words: str, size: int, font: str) -> Bits:
    """The pixels that the glyphs of ``words`` cover, cut to their box."""
    path = FONTS[font]
    face = ImageFont.truetype(str(path), size) if path.is_file() else ImageFont.load_default(size)
    left, top, right, bottom = (round(v) for v in face.getbbox(words))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(picture).text((-left, -top), words, fill=255, font=face)
    mask = np.asarray(picture) > 110
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((1, 1), bool)
    return np.asarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def write(film: Pixels, text: Text) -> Glyphs | None:
    """Write ``text`` into the frames that show it. None where it does not fit."""
    mask = letters(text.words, text.size, text.font)
    if text.mirrored:
        mask = mask[:, ::-1]
    mask = np.rot90(mask, text.turned // 90)
    height, width = mask.shape
    rows, columns = film.shape[1:3]
    box = Box(text.x, text.y, text.x + width - 1, text.y + height - 1)
    if box.x0 < 0 or box.y0 < 0 or box.x1 >= columns or box.y1 >= rows:
        return None
    for number in range(len(film)) if text.frame is None else (text.frame,):
        here = film[number, box.y0 : box.y1 + 1, box.x0 : box.x1 + 1]
        if text.ground is not None:
            here[:] = text.ground
        here[mask] = text.colour
    return Glyphs(box, mask, text.turned in (90, 270), text.frame)


def readable(glyphs: Glyphs, frame: Pixels, source: Pixels | None = None) -> float:
    """How much of planted words can still be seen in ``frame``, 0 to 1: letter by letter, the brightness (or a colour)
    must follow the glyphs at least half as well as it does in ``source``."""
    wide = glyphs.mask.shape[0 if glyphs.upright else 1]
    step = max(6, min(glyphs.mask.shape))
    parts = max(1, round(wide / step))
    edges = np.linspace(0, wide, parts + 1).astype(int)
    seen = total = 0
    part, whole = _box(frame, glyphs.box), None if source is None else _box(source, glyphs.box)
    if part.shape[:2] != glyphs.mask.shape:
        return 0.0
    for start, stop in pairwise(edges.tolist()):
        cut = (slice(start, stop),) if glyphs.upright else (slice(None), slice(start, stop))
        mask = glyphs.mask[cut]
        wanted = 0.7 if whole is None else _follows(mask, whole[cut])
        if wanted < 0.3:
            continue  # it could not be seen in the source either
        total += 1
        seen += _follows(mask, part[cut]) > max(0.25, wanted / 2)
    return seen / total if total else 0.0


def _box(frame: Pixels, box: Box) -> NDArray[np.float64]:
    part = np.asarray(box.of(frame), float)
    return part[..., None] if part.ndim == 2 else part


def _follows(mask: Bits, part: NDArray[np.float64]) -> float:
    """The greatest correlation, of any channel and either sign, between the glyphs and the pixels."""
    ink = mask.astype(float) - mask.mean()
    best = 0.0
    for channel in range(part.shape[-1]):
        levels = part[..., channel] - part[..., channel].mean()
        norm = float(np.sqrt((ink**2).sum() * (levels**2).sum()))
        if norm > 1e-9:
            best = max(best, abs(float((ink * levels).sum())) / norm)
    return best
