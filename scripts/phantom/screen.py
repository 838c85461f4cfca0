"""The scanner's screen: banner, scan areas, depth scale, grey bar, calipers and the text around them.

Coordinates are stored pixels, origin top left. The scan areas hold no text: only caliper crosses and the Doppler
box. Colours are RGB; a greyscale picture is made from the same screen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from phantom.noise import Array
from phantom.probe import Curved, Look, Probe

Pixels = NDArray[np.uint8]
Point = tuple[float, float]

HOSPITAL = "St. Elsewhere Fictional Sports Clinic"
MODEL = "PhantomScan 9"

_INK = (222, 226, 228)
_DIM = (140, 150, 158)
_AMBER = (250, 214, 92)
_GREEN = (96, 220, 120)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@dataclass(frozen=True)
class Area:
    """One scan area: its top left pixel and the probe that fills it. This is what an ultrasound region says."""

    x0: int
    y0: int
    probe: Probe
    data_type: int = 1  # 1 tissue, 2 colour flow

    @property
    def x1(self) -> int:
        """Last column, inclusive."""
        return self.x0 + self.probe.width - 1

    @property
    def y1(self) -> int:
        """Last row, inclusive."""
        return self.y0 + self.probe.height - 1

    def pixel(self, x: float, y: float) -> Point:
        """Tissue coordinates (mm from the area's top left) to stored pixels."""
        return (self.x0 + x / self.probe.mm, self.y0 + y / self.probe.mm)


@dataclass(frozen=True)
class Banner:
    """What the top of the screen says."""

    patient: str  # "QUILLFEATHER, Orsolya"
    patient_id: str
    birth: str
    date: str
    time: str
    probe: str
    preset: str


@dataclass(frozen=True)
class Screen:
    """One screen layout with its burnt-in text."""

    width: int
    height: int
    banner: Banner
    areas: tuple[Area, ...]
    look: Look
    calipers: tuple[tuple[Point, Point], ...] = ()
    ellipses: tuple[tuple[Point, float, float, float], ...] = ()  # centre, radii (pixels), turn (radians)
    readings: tuple[str, ...] = ()
    label: str = ""
    mi: float = 0.9
    tis: float = 0.3
    frequency: str = "12.0 MHz"
    colour_bar: str = ""  # "" | "power" | "colour"
    colour_box: tuple[int, int, int, int] | None = None
    extra: tuple[str, ...] = field(default=())

    def chrome(self) -> Image.Image:
        """Everything but the echoes and what lies over them."""
        image = Image.new("RGB", (self.width, self.height), (6, 7, 9))
        draw = ImageDraw.Draw(image)
        b = self.banner
        draw.rectangle((0, 0, self.width, 43), fill=(24, 30, 40))
        draw.line((0, 43, self.width, 43), fill=(70, 84, 102))
        small, big = _font(11), _font(14)
        draw.text((8, 3), HOSPITAL, font=small, fill=_DIM)
        draw.text((8, 20), b.patient, font=big, fill=_INK)
        x = 20 + int(draw.textlength(b.patient, font=big))
        draw.text((x, 23), f"ID {b.patient_id}   * {b.birth}", font=small, fill=_INK)
        right = self.width - 8
        draw.text((right, 3), f"{b.date}  {b.time}", font=small, fill=_INK, anchor="ra")
        draw.text((right, 20), b.probe, font=small, fill=_AMBER, anchor="ra")
        draw.text((right - 76, 20), b.preset, font=small, fill=_INK, anchor="ra")

        for area in self.areas:
            self._depth_scale(draw, area)
        first = self.areas[0]
        self._grey_bar(image, first)
        y = self._panel_top()
        draw.line((8, y, self.width - 8, y), fill=(52, 60, 72))
        draw.text((10, y + 6), self.label, font=_font(13), fill=_INK)
        settings = [
            f"MI {self.mi:.1f}  TIS {self.tis:.1f}",
            f"{self.frequency}   Gn {62 + self.look.gain:.0f}   DR {self.look.dynamic_range:.0f}",
            f"Depth {first.probe.depth_mm / 10:.1f} cm",
            *self.extra,
        ]
        for i, text in enumerate(settings[: (self.height - y - 8) // 14]):
            draw.text((self.width - 10, y + 6 + 14 * i), text, font=small, fill=_DIM, anchor="ra")
        for i, text in enumerate(self.readings):
            draw.text((10 + 190 * (i // 3), y + 26 + 16 * (i % 3)), text, font=_font(13), fill=_AMBER)
        return image

    def _panel_top(self) -> int:
        return max(a.y1 for a in self.areas) + 14

    def _depth_scale(self, draw: ImageDraw.ImageDraw, area: Area) -> None:
        x = area.x1 + 8
        mm = area.probe.mm
        steps = int(area.probe.depth_mm // 5)
        small = _font(10)
        for i in range(steps + 1):
            y = area.y0 + i * 5 / mm
            whole = i % 2 == 0
            draw.line((x, y, x + (7 if whole else 3), y), fill=_INK if whole else _DIM)
            if whole and i:
                draw.text((x + 11, y), str(i // 2), font=small, fill=_DIM, anchor="lm")
        y = area.y0 + self.look.focus / mm
        draw.polygon([(x - 5, y - 4), (x - 5, y + 4), (x + 1, y)], fill=_GREEN)
        mark_x = area.x0 + (area.probe.width // 2 - 40 if isinstance(area.probe, Curved) else 2)
        draw.ellipse((mark_x, area.y0 - 8, mark_x + 5, area.y0 - 3), outline=_GREEN, width=2)

    def _grey_bar(self, image: Image.Image, area: Area) -> None:
        x, y, n = 14, area.y0 + 10, 128
        ramp = np.linspace(255, 0, n).astype(np.uint8)
        bar = np.repeat(np.repeat(ramp[:, None, None], 10, 1), 3, 2)
        image.paste(Image.fromarray(bar), (x, y))
        if self.colour_bar:
            v = np.linspace(1, -1, n, dtype=np.float32)
            rgb = power_map(np.abs(v)) if self.colour_bar == "power" else flow_map(v)
            bar = np.repeat(rgb[:, None, :], 10, 1)
            image.paste(Image.fromarray(bar), (x, y + n + 24))
            draw = ImageDraw.Draw(image)
            text = "PD" if self.colour_bar == "power" else "CD"
            draw.text((x, y + n + 10), text, font=_font(10), fill=_DIM)

    def frame(
        self,
        chrome: Image.Image,
        greys: list[Array],
        flow: Array | None = None,
    ) -> Pixels:
        """One finished RGB frame. ``flow`` (-1..1 over the first area, 0 = none) is laid over in colour."""
        out = np.array(chrome)
        for area, grey in zip(self.areas, greys, strict=True):
            mask = area.probe.mask()
            part = out[area.y0 : area.y1 + 1, area.x0 : area.x1 + 1]
            level = np.clip(grey, 0, 255).astype(np.uint8)
            rgb = np.repeat(level[:, :, None], 3, 2)
            if flow is not None and area is self.areas[0]:
                colour = flow_map(flow) if self.colour_bar == "colour" else power_map(np.abs(flow))
                rgb = np.where((np.abs(flow) > 0.12)[:, :, None], colour, rgb)
            part[mask] = rgb[mask]
        image = Image.fromarray(out)
        draw = ImageDraw.Draw(image)
        if self.colour_box is not None:
            draw.rectangle(self.colour_box, outline=(205, 205, 90))
        for a, b in self.calipers:
            _caliper(draw, a, b)
        for centre, rx, ry, turn in self.ellipses:
            _ellipse(draw, centre, rx, ry, turn)
        return np.array(image)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    draw.rectangle((round(x), round(y), round(x) + 1, round(y)), fill=_AMBER)


def _cross(draw: ImageDraw.ImageDraw, x: float, y: float, arm: int) -> None:
    """A caliper cross with a dark edge, so that it can be seen on any echo."""
    x, y = round(x), round(y)
    draw.rectangle((x - arm - 1, y - 1, x + arm + 1, y + 1), fill=(12, 12, 12))
    draw.rectangle((x - 1, y - arm - 1, x + 1, y + arm + 1), fill=(12, 12, 12))
    draw.line((x - arm, y, x + arm, y), fill=_AMBER)
    draw.line((x, y - arm, x, y + arm), fill=_AMBER)


def _caliper(draw: ImageDraw.ImageDraw, a: Point, b: Point) -> None:
    for x, y in (a, b):
        _cross(draw, x, y, 5)
    length = float(np.hypot(b[0] - a[0], b[1] - a[1]))
    for i in range(1, int(length // 6)):
        t = i * 6 / length
        _dot(draw, a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]))


def ellipse_points(centre: Point, rx: float, ry: float, turn: float, n: int) -> list[Point]:
    """``n`` points round a turned ellipse."""
    t = np.arange(n) * 2 * np.pi / n
    c, s = np.cos(turn), np.sin(turn)
    x = centre[0] + rx * np.cos(t) * c - ry * np.sin(t) * s
    y = centre[1] + rx * np.cos(t) * s + ry * np.sin(t) * c
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _ellipse(draw: ImageDraw.ImageDraw, centre: Point, rx: float, ry: float, turn: float) -> None:
    n = int((rx + ry) * np.pi / 5)
    for x, y in ellipse_points(centre, rx, ry, turn, n):
        _dot(draw, x, y)
    for i in (0, 1):
        points = ellipse_points(centre, rx, ry, turn, 4)
        for x, y in (points[i], points[i + 2]):
            _cross(draw, x, y, 4)


def power_map(v: Array) -> Pixels:
    """Power Doppler colours for 0..1: dark red through orange to yellow."""
    v = np.clip(v, 0, 1)[..., None]
    low = np.array([90, 10, 0], np.float32)
    mid = np.array([230, 90, 0], np.float32)
    high = np.array([255, 235, 120], np.float32)
    a = low + (mid - low) * np.clip(v * 2, 0, 1)
    return np.asarray(a + (high - a) * np.clip(v * 2 - 1, 0, 1), dtype=np.uint8)


def flow_map(v: Array) -> Pixels:
    """Colour Doppler: red to yellow towards the probe, blue to cyan away from it, -1..1."""
    m = np.clip(np.abs(v), 0, 1)[..., None]
    red = np.array([130, 0, 0], np.float32) + np.array([125, 190, 40], np.float32) * m
    blue = np.array([0, 0, 140], np.float32) + np.array([30, 200, 115], np.float32) * m
    return np.asarray(np.where(v[..., None] >= 0, red, blue), dtype=np.uint8)


def to_grey(rgb: Pixels) -> Pixels:
    """Luma of a frame (ITU-R BT.601), 8 bits."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.round(rgb.astype(np.float32) @ weights), dtype=np.uint8)
