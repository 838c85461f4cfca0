"""Seeded random fields: where the texture of tissue comes from."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Real arrays; float32 throughout, but for what numpy widens on the way.
Array = NDArray[np.floating[Any]]

_LATTICE = 512  # cells; the field repeats after _LATTICE / _FINE features
_FINE = 4  # lattice cells per feature


def seed_of(name: str) -> int:
    """A stable 64-bit seed for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def generator(name: str) -> np.random.Generator:
    """A random generator that depends on the name alone."""
    return np.random.Generator(np.random.PCG64(seed_of(name)))


def gaussian_kernel(sigma: float) -> Array:
    """A normalised Gaussian, ``sigma`` in samples, cut at three sigma."""
    radius = max(1, int(np.ceil(3 * sigma)))
    x = np.arange(-radius, radius + 1, dtype=np.float32)
    kernel = np.exp(-0.5 * (x / max(sigma, 1e-3)) ** 2)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def convolve(a: Array, kernel: Array, axis: int) -> Array:
    """One-dimensional convolution along ``axis`` (0 or 1), edges repeated, same size."""
    radius = len(kernel) // 2
    pad = [(0, 0), (0, 0)]
    pad[axis] = (radius, radius)
    padded = np.pad(a, pad, mode="edge")
    n = a.shape[axis]
    out = np.zeros_like(a)
    for i, weight in enumerate(kernel):
        out += weight * (padded[i : i + n] if axis == 0 else padded[:, i : i + n])
    return out


def blur(a: Array, sigma_depth: float, sigma_lateral: float) -> Array:
    """Separable Gaussian blur, sigmas in samples."""
    if sigma_depth > 0:
        a = convolve(a, gaussian_kernel(sigma_depth), 0)
    if sigma_lateral > 0:
        a = convolve(a, gaussian_kernel(sigma_lateral), 1)
    return a


class Noise:
    """Smooth noise over the plane, zero mean and unit variance, features about one unit in size."""

    def __init__(self, name: str) -> None:
        raw = generator(name).standard_normal((_LATTICE, _LATTICE)).astype(np.float32)
        kernel = gaussian_kernel(1.7)
        radius = len(kernel) // 2
        for axis in (0, 1):  # wrapped, so that the field has no seam
            raw = sum(
                (w * np.roll(raw, i - radius, axis) for i, w in enumerate(kernel)),
                np.zeros_like(raw),
            )
        self._lattice: Array = ((raw - raw.mean()) / raw.std()).astype(np.float32)

    def __call__(self, u: Array, v: Array) -> Array:
        """The field at (u, v), in features."""
        fu = np.asarray(u, np.float32) * _FINE
        fv = np.asarray(v, np.float32) * _FINE
        iu = np.floor(fu)
        iv = np.floor(fv)
        du = fu - iu
        dv = fv - iv
        u0 = iu.astype(np.int64) % _LATTICE
        v0 = iv.astype(np.int64) % _LATTICE
        u1 = (u0 + 1) % _LATTICE
        v1 = (v0 + 1) % _LATTICE
        grid = self._lattice
        top = grid[v0, u0] * (1 - du) + grid[v0, u1] * du
        bottom = grid[v1, u0] * (1 - du) + grid[v1, u1] * du
        return np.asarray(top * (1 - dv) + bottom * dv, dtype=np.float32)

    def line(self, x: Array, length: float, row: float = 0.0) -> Array:
        """A wavy curve over ``x`` (mm) with waves of about ``length`` mm."""
        u = np.asarray(x, np.float32) / length
        return self(u, np.full_like(u, row + 0.37))


def ridge(n: Array, width: float) -> Array:
    """1 where the field crosses zero, falling off to either side: thin lines out of smooth noise."""
    return np.asarray(np.exp(-((n / width) ** 2)), dtype=np.float32)


def smoothstep(x: Array, low: float, high: float) -> Array:
    """0 below ``low``, 1 above ``high``, smooth between (``low`` may exceed ``high``)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
