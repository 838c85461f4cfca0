"""The simulated probe: scatterers in, grey levels out.

A probe asks the tissue for its complex reflectivity at every sample of every beam, blurs it with a point spread
function that is wider across the beam than along it and grows away from the focus, adds up attenuation along the
beam (shadows and enhancement come out of that), and compresses the envelope to 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phantom.noise import Array, blur, convolve, gaussian_kernel, generator

NDArrayBool = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

#: Given beam samples (x, depth) in mm: reflectivity channels ``[2 * looks, …]`` and attenuation in dB/mm.
Field = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Look:
    """How the machine is set: everything that changes the look but not the anatomy."""

    gain: float = 0.0  # dB
    dynamic_range: float = 62.0  # dB
    gamma: float = 1.55
    axial: float = 0.16  # mm, sigma
    lateral: float = 0.26  # mm at the focus, sigma
    focus: float = 14.0  # mm
    spread: float = 0.016  # growth of the lateral sigma per mm away from the focus
    noise: float = -66.0  # dB, electronic noise near the skin
    noise_slope: float = 0.28  # dB/mm


def _envelope(channels: Array, att: Array, step: float, pitch: float, look: Look, name: str) -> Array:
    """Grey levels 0-255 on the beam grid: ``step`` and ``pitch`` are mm per sample along and across."""
    rows = att.shape[0]
    depth = (np.arange(rows, dtype=np.float32) * step)[:, None]
    sigma = look.lateral + look.spread * np.abs(depth - look.focus)
    narrow, wide = float(sigma.min()), float(sigma.max()) + 1e-3
    k_narrow = gaussian_kernel(max(narrow / pitch, 0.45))
    k_wide = gaussian_kernel(max(wide / pitch, 0.5))
    weight = ((sigma - narrow) / (wide - narrow)).astype(np.float32)
    inner = np.zeros(len(k_wide), np.float32)
    offset = (len(k_wide) - len(k_narrow)) // 2
    inner[offset : offset + len(k_narrow)] = k_narrow
    k_axial = gaussian_kernel(max(look.axial / step, 0.45))
    mixed = (1 - weight) * inner[None, :] + weight * k_wide[None, :]
    norm = np.sqrt((mixed**2).sum(1, keepdims=True) * (k_axial**2).sum())

    lost = np.cumsum(att, axis=0) * step - att * step
    gain = 10 ** ((-lost + look.gain) / 20)
    power = np.zeros_like(att)
    looks = channels.shape[0] // 2
    for channel in channels:
        c = convolve(channel, k_axial, 0)
        c = (1 - weight) * convolve(c, k_narrow, 1) + weight * convolve(c, k_wide, 1)
        power += (c / norm * gain) ** 2
    power /= 2 * looks
    rng = generator(name)
    floor = 10 ** ((look.noise + look.noise_slope * depth + look.gain) / 10)
    grain = rng.exponential(1.0, att.shape).astype(np.float32)
    power += floor * blur(grain, 0.6, 0.8)
    db = 10 * np.log10(power + 1e-12)
    level = np.clip((db + look.dynamic_range) / look.dynamic_range, 0, 1.1)
    grey = np.clip(255 * level**look.gamma, 0, 255)
    return blur(grey.astype(np.float32), 0.45, 0.55)


@dataclass(frozen=True)
class Linear:
    """A linear probe: beams are columns, the region is a rectangle, ``mm`` per pixel both ways."""

    width: int  # pixels
    height: int  # pixels
    mm: float

    @property
    def apex(self) -> tuple[int, int]:
        """The reference pixel, relative to the region: where the first beam leaves the skin."""
        return (0, 0)

    @property
    def depth_mm(self) -> float:
        return self.height * self.mm

    @property
    def width_mm(self) -> float:
        return self.width * self.mm

    def image(self, field: Field, look: Look, name: str) -> Array:
        x = (np.arange(self.width, dtype=np.float32) + 0.5) * self.mm
        y = (np.arange(self.height, dtype=np.float32) + 0.5) * self.mm
        gx, gy = np.meshgrid(x, y)
        channels, att = field(gx, gy)
        return _envelope(channels, att, self.mm, self.mm, look, name)

    def mask(self) -> NDArrayBool:
        return np.ones((self.height, self.width), bool)


@dataclass(frozen=True)
class Curved:
    """A curved probe: beams fan out from a convex face of ``radius`` mm, half angle ``half`` radians.

    Tissue x = 0 is the middle of the region's left edge plus half its width; depth 0 is the top of the face's
    middle: tissue coordinates are those of the screen, in mm, with the origin at the region's top left pixel.
    """

    width: int
    height: int
    mm: float
    radius: float = 50.0
    half: float = 0.52

    @property
    def apex(self) -> tuple[int, int]:
        return (self.width // 2, 0)

    @property
    def depth_mm(self) -> float:
        return self.height * self.mm

    @property
    def width_mm(self) -> float:
        return self.width * self.mm

    def _polar(self) -> tuple[Array, Array]:
        """Depth along the beam (mm) and angle (rad) of every pixel of the region."""
        x = (np.arange(self.width, dtype=np.float32) + 0.5 - self.width / 2) * self.mm
        y = (np.arange(self.height, dtype=np.float32) + 0.5) * self.mm + self.radius
        gx, gy = np.meshgrid(x, y)
        return np.hypot(gx, gy).astype(np.float32) - self.radius, np.arctan2(gx, gy).astype(np.float32)

    def image(self, field: Field, look: Look, name: str) -> Array:
        step = self.mm
        beams = 340
        depth = (np.arange(self.height, dtype=np.float32) + 0.5) * step
        angle = np.linspace(-self.half, self.half, beams, dtype=np.float32)
        ga, gd = np.meshgrid(angle, depth)
        x = (gd + self.radius) * np.sin(ga) + self.width_mm / 2
        y = (gd + self.radius) * np.cos(ga) - self.radius
        channels, att = field(x.astype(np.float32), y.astype(np.float32))
        pitch = 2 * self.half * (self.radius + 0.3 * self.depth_mm) / beams
        grey = _envelope(channels, att, step, pitch, look, name)
        along, across = self._polar()
        row = np.clip(along / step - 0.5, 0, self.height - 1.001)
        col = np.clip((across + self.half) / (2 * self.half) * (beams - 1), 0, beams - 1.001)
        r0 = row.astype(np.int64)
        c0 = col.astype(np.int64)
        dr = row - r0
        dc = col - c0
        out = (grey[r0, c0] * (1 - dr) + grey[r0 + 1, c0] * dr) * (1 - dc) + (
            grey[r0, c0 + 1] * (1 - dr) + grey[r0 + 1, c0 + 1] * dr
        ) * dc
        return np.asarray(np.where(self.mask(), out, 0), dtype=np.float32)

    def mask(self) -> NDArrayBool:
        along, across = self._polar()
        return np.asarray((along >= 0) & (along <= self.depth_mm - self.mm) & (np.abs(across) <= self.half))


Probe = Linear | Curved
