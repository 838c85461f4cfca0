"""Tissue: a canvas of echo levels on which anatomy is painted, and the textures that are painted.

A ``Canvas`` covers a window of the body in mm. Painting sets echo level (dB) and attenuation (dB/mm); ``freeze``
turns that into scatterers once. To move tissue, sample a frozen canvas at displaced positions: the speckle then
moves with it. All masks are 0..1 arrays over the canvas; all textures are dB arrays over the canvas.
"""

from __future__ import annotations

import numpy as np

from phantom.noise import Array, Noise, blur, generator, ridge, smoothstep

LOOKS = 2  # spatial compounding: independent speckle patterns averaged per picture


class Canvas:
    """A window of tissue, ``x0..x1`` by ``y0..y1`` mm, ``mm`` per cell."""

    def __init__(self, name: str, x0: float, x1: float, y0: float, y1: float, mm: float) -> None:
        self.name = name
        self.mm = mm
        self.x0, self.y0 = x0, y0
        x = np.arange(x0, x1, mm, dtype=np.float32)
        y = np.arange(y0, y1, mm, dtype=np.float32)
        self.x, self.y = np.meshgrid(x, y)
        self.db: Array = np.full_like(self.x, -60.0)
        self.att: Array = np.zeros_like(self.x)
        self._frozen: Array | None = None

    # ---- painting

    def fill(self, mask: Array, db: Array | float, att: float = 0.0) -> None:
        """Replace what is under the mask."""
        self.db = (self.db * (1 - mask) + db * mask).astype(np.float32)
        self.att = (self.att * (1 - mask) + att * mask).astype(np.float32)

    def brighten(self, mask: Array, db: Array | float) -> None:
        """Raise the echo level where the mask is, never lower it."""
        level = -80 + (np.asarray(db, np.float32) + 80) * mask
        self.db = np.maximum(self.db, level).astype(np.float32)

    def line(self, distance: Array, half_width: float, db: Array | float, att: float = 0.0) -> None:
        """A bright line where ``distance`` (mm) is near zero, Gaussian across, never darkening."""
        level = np.asarray(db, np.float32) - 8.7 * (distance / half_width) ** 2
        self.db = np.maximum(self.db, np.maximum(level, -80)).astype(np.float32)
        if att:
            self.att = np.maximum(self.att, att * np.exp(-((distance / half_width) ** 2))).astype(np.float32)

    # ---- looking

    def freeze(self) -> Canvas:
        """Strew the scatterers."""
        rng = generator(self.name + "/scatterers")
        amplitude = 10 ** (self.db / 20)
        noise = rng.standard_normal((2 * LOOKS, *self.db.shape)).astype(np.float32)
        self._frozen = np.concatenate([noise * amplitude, self.att[None]]).astype(np.float32)
        return self

    def sample(self, x: Array, y: Array) -> Array:
        """Scatterers and attenuation at (x, y) mm: ``2 * LOOKS + 1`` channels, edges repeated."""
        if self._frozen is None:
            self.freeze()
        stack = self._frozen
        assert stack is not None
        rows, cols = self.x.shape
        fx = np.clip((x - self.x0) / self.mm, 0, cols - 1.001)
        fy = np.clip((y - self.y0) / self.mm, 0, rows - 1.001)
        ix = fx.astype(np.int32)
        iy = fy.astype(np.int32)
        dx = (fx - ix).astype(np.float32)
        dy = (fy - iy).astype(np.float32)
        flat = stack.reshape(stack.shape[0], -1)
        i = iy.astype(np.int64) * cols + ix
        a = np.take(flat, i, axis=1)
        b = np.take(flat, i + 1, axis=1)
        c = np.take(flat, i + cols, axis=1)
        d = np.take(flat, i + cols + 1, axis=1)
        w00, w01 = (1 - dx) * (1 - dy), dx * (1 - dy)
        w10, w11 = (1 - dx) * dy, dx * dy
        out = a * w00 + b * w01 + c * w10 + d * w11
        # interpolation of white noise loses power; give it back so that sliding tissue does not shimmer
        keep = np.sqrt(w00**2 + w01**2 + w10**2 + w11**2)
        out[:-1] /= keep
        return np.asarray(out, dtype=np.float32)


def compose(layers: list[tuple[Array, Array | None]]) -> tuple[Array, Array]:
    """Samples from several canvases laid over each other: (channels, alpha), the first one at the bottom."""
    total = layers[0][0]
    for channels, alpha in layers[1:]:
        assert alpha is not None
        total = total * (1 - alpha) + channels * alpha
    return total[:-1], np.asarray(total[-1], np.float32)


# ---------------------------------------------------------------------------------------------- shapes


def inside_ellipse(
    x: Array, y: Array, cx: float, cy: float, rx: float, ry: float, turn: float = 0.0
) -> Array:
    """Signed distance-like value in mm (positive inside) of a turned ellipse."""
    c, s = np.cos(turn), np.sin(turn)
    u = (x - cx) * c + (y - cy) * s
    v = -(x - cx) * s + (y - cy) * c
    r = np.sqrt((u / rx) ** 2 + (v / ry) ** 2)
    return np.asarray((1 - r) * min(rx, ry), dtype=np.float32)


def soft(signed: Array, edge: float = 0.15) -> Array:
    """A mask out of a signed distance (mm), ``edge`` mm soft."""
    return smoothstep(signed, -edge, edge)


def between(y: Array, top: Array | float, bottom: Array | float, edge: float = 0.12) -> Array:
    """A mask of the layer between two depth curves (mm)."""
    return np.asarray(soft(y - top, edge) * soft(bottom - y, edge), dtype=np.float32)


def dots(
    x: Array, y: Array, name: str, window: tuple[float, float, float, float], spacing: float
) -> list[tuple[float, float]]:
    """Points strewn over a window (x0, y0, x1, y1) mm, no two closer than about ``spacing``."""
    rng = generator(name)
    x0, y0, x1, y1 = window
    kept: list[tuple[float, float]] = []
    for _ in range(int(14 * (x1 - x0) * (y1 - y0) / spacing**2) + 20):
        px, py = float(rng.uniform(x0, x1)), float(rng.uniform(y0, y1))
        if all((px - qx) ** 2 + (py - qy) ** 2 > spacing**2 for qx, qy in kept):
            kept.append((px, py))
    return kept


# -------------------------------------------------------------------------------------------- textures


def fat(x: Array, y: Array, name: str, db: float = -33.0) -> Array:
    """Subcutaneous fat: dark lobules between thin bright septa that run mostly along the skin."""
    a, b, c = Noise(name + "/fat-a"), Noise(name + "/fat-b"), Noise(name + "/fat-c")
    wavy = y + 0.5 * a(x / 7, y / 4)
    septa = ridge(b(x / 7, wavy / 1.5), 0.17) * smoothstep(c(x / 5, y / 1.6), -0.5, 0.7)
    steep = ridge(c(x / 3.2 + 9, wavy / 4.5), 0.09) * smoothstep(a(x / 3 + 5, y / 3), 0.1, 1.2)
    return np.asarray(db + 18 * septa + 12 * steep + 1.5 * b(x / 3 + 7, y / 2), np.float32)


def muscle_long(
    along: Array, across: Array, name: str, db: float = -37.0, contrast: float = 20.0, pitch: float = 1.15
) -> Array:
    """Muscle seen along its fibres: thin bright striae, interrupted, on a dark ground.

    ``along`` and ``across`` are mm in fibre coordinates, ``pitch`` the mean distance of striae in mm.
    """
    a, b, c = Noise(name + "/ml-a"), Noise(name + "/ml-b"), Noise(name + "/ml-c")
    bent = across + 0.22 * a(along / 14, across / 5)
    thick = ridge(b(along / 26, bent / pitch), 0.17) * smoothstep(c(along / 11, across / 1.5), -1.1, 0.5)
    thin = ridge(c(along / 13 + 31, bent / (0.55 * pitch)), 0.2) * smoothstep(
        a(along / 6 + 11, across), -0.2, 1.2
    )
    return np.asarray(
        db + contrast * thick + 0.55 * contrast * thin + 1.2 * a(along / 5, across / 2 + 3), np.float32
    )


def muscle_short(
    x: Array, y: Array, name: str, db: float = -38.0, contrast: float = 20.0, size: float = 1.0
) -> Array:
    """Muscle across its fibres: the starry sky, bright specks and short curved lines on a dark ground."""
    a, b, c = Noise(name + "/ms-a"), Noise(name + "/ms-b"), Noise(name + "/ms-c")
    wx = x + 0.7 * a(x / 4, y / 4)
    wy = y + 0.4 * b(x / 4, y / 4)
    cells = ridge(b(wx / (2.3 * size), wy / (1.25 * size)), 0.15)
    broken = smoothstep(c(x / (0.9 * size), y / (0.6 * size)), -0.5, 0.9)
    specks = smoothstep(a(x / (0.85 * size) + 40, y / (0.4 * size)), 1.1, 2.1)
    return np.asarray(
        db + contrast * np.maximum(cells * broken, 0.9 * specks) + 1.2 * c(x / 4, y / 3), np.float32
    )


def tendon_long(along: Array, across: Array, name: str, db: float = -24.0, contrast: float = 14.0) -> Array:
    """Tendon along its fibres: densely packed fine bright parallel lines."""
    a, b = Noise(name + "/tl-a"), Noise(name + "/tl-b")
    bent = across + 0.05 * a(along / 10, across / 2)
    lines = ridge(b(along / 22, bent / 0.42), 0.38)
    fine = ridge(a(along / 14, bent / 0.27 + 17), 0.4)
    return np.asarray(db + contrast * lines + 0.45 * contrast * fine + 1.5 * a(along / 6, across), np.float32)


def tendon_short(x: Array, y: Array, name: str, db: float = -21.0) -> Array:
    """Tendon across: bright, finely stippled."""
    a, b = Noise(name + "/ts-a"), Noise(name + "/ts-b")
    return np.asarray(db + 9 * smoothstep(a(x / 0.5, y / 0.3), -0.3, 1.4) + 2 * b(x, y), np.float32)


def connective(x: Array, y: Array, name: str, db: float = -24.0) -> Array:
    """Loose connective tissue and fat between muscles: brightish, streaky."""
    a, b = Noise(name + "/ct-a"), Noise(name + "/ct-b")
    return np.asarray(db + 10 * ridge(a(x / 6, y / 0.8), 0.3) + 2.5 * b(x / 2, y), np.float32)


def clot(x: Array, y: Array, name: str, db: float = -38.0, size: float = 3.0, contrast: float = 9.0) -> Array:
    """A haematoma a few weeks old: mixed echoes, dark pools and brighter clot with strands."""
    a, b, c = Noise(name + "/cl-a"), Noise(name + "/cl-b"), Noise(name + "/cl-c")
    blobs = smoothstep(
        a(x / size, y / (0.55 * size)) + 0.4 * b(x / (0.3 * size), y / (0.2 * size)), -0.5, 1.4
    )
    strands = ridge(c(x / (0.9 * size), y / (0.5 * size)), 0.09) * smoothstep(
        b(x / size + 3, y / size), -0.2, 0.8
    )
    return np.asarray(db + contrast * 1.5 * blobs + contrast * strands, np.float32)


def nerve_long(along: Array, across: Array, name: str, db: float = -21.0, fascicle: float = 0.8) -> Array:
    """Nerve along: a few dark parallel fascicles between brighter, not quite continuous lines."""
    a, b = Noise(name + "/nl-a"), Noise(name + "/nl-b")
    bent = across + 0.12 * a(along / 16, across / 4)
    dark = smoothstep(b(along / 45, bent / fascicle), -0.25, 0.45)
    return np.asarray(db - 13 * dark + 1.5 * a(along / 4, across), np.float32)


def paint_nerve_short(
    canvas: Canvas,
    signed: Array,
    name: str,
    fascicle: float = 0.9,
    ground: float = -20.0,
    dark: float = -44.0,
    rim: float = -15.0,
) -> None:
    """Nerve across: a bright rim, and dark round fascicles in a brighter ground (the honeycomb).

    ``signed`` is mm inside the nerve's outline; ``fascicle`` is the mean fascicle radius in mm.
    """
    x, y = canvas.x, canvas.y
    body = soft(signed, 0.12)
    canvas.fill(body, ground + 2 * Noise(name + "/ns")(x / 0.6, y / 0.4))
    rows = np.nonzero(signed.max(1) > 0)[0]
    cols = np.nonzero(signed.max(0) > 0)[0]
    window = (
        float(x[0, cols[0]]),
        float(y[rows[0], 0]),
        float(x[0, cols[-1]]),
        float(y[rows[-1], 0]),
    )
    rng = generator(name + "/fascicle-size")
    for px, py in dots(x, y, name + "/fascicles", window, 1.7 * fascicle):
        r = fascicle * float(rng.uniform(0.7, 1.0))
        i = round((py - canvas.y0) / canvas.mm)
        j = round((px - canvas.x0) / canvas.mm)
        if not (0 <= i < signed.shape[0] and 0 <= j < signed.shape[1]) or signed[i, j] < 0.45 * r:
            continue
        spot = soft(inside_ellipse(x, y, px, py, r, 0.9 * r, float(rng.uniform(-0.5, 0.5))), 0.1)
        canvas.fill(spot, dark)
    canvas.line(signed, 0.22, rim + 2.5 * Noise(name + "/rim")(x / 1.5, y / 1.5))


def skin(canvas: Canvas, thickness: float = 1.6, skin_db: float = -17.0) -> None:
    """Gel echo, epidermis and dermis at the top of the canvas."""
    x, y = canvas.x, canvas.y
    n = Noise(canvas.name + "/skin")
    canvas.fill(soft(thickness - y), skin_db + 3 * n(x / 1.2, y / 0.3))
    canvas.line(y - 0.25, 0.22, -6.0)
    canvas.line(y - thickness + 0.1 * n.line(x, 4), 0.14, -16.0)


def fascia(canvas: Canvas, curve: Array, half_width: float = 0.22, db: float = -8.0) -> None:
    """A fascial plane or aponeurosis along a depth curve (mm): bright, uneven, now and then doubled."""
    n = Noise(canvas.name + f"/fascia{float(curve.mean()):.2f}")
    x, y = canvas.x, canvas.y
    level = db - 3.5 + 3.5 * n(x / 5, y / 40)
    canvas.line(y - curve - 0.12 * n.line(x, 5, 3.0), half_width, level)
    canvas.line(y - curve - 0.45 - 0.2 * n.line(x, 7, 9.0), 0.6 * half_width, level - 7)


def bone(canvas: Canvas, curve: Array, where: Array | None = None, db: float = 2.0) -> None:
    """Cortex along a depth curve (mm), with a shadow below it."""
    n = Noise(canvas.name + f"/bone{float(np.nanmean(curve)):.2f}")
    x, y = canvas.x, canvas.y
    mask = np.ones_like(x) if where is None else where
    below = soft(y - curve, 0.1) * mask
    canvas.fill(below, -46 + 2 * n(x / 2, y / 2), 0.0)
    level = db - 3 + 2.5 * n(x / 3, y / 50)
    canvas.line(np.where(mask > 0.5, y - curve, 99.0).astype(np.float32), 0.34, level)
    depth_below = np.where(mask > 0.5, y - curve, -1)
    canvas.att = np.where((depth_below > 0.1) & (depth_below < 2.1), 9.0 * mask, canvas.att).astype(
        np.float32
    )


def smooth_mask(mask: Array, mm: float, sigma: float) -> Array:
    """A mask blurred by ``sigma`` mm."""
    return blur(mask, sigma / mm, sigma / mm)
