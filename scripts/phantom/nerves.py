"""Scenes of nerves: across (honeycomb), along (gliding), and with what may press on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phantom.muscles import Scene, canvas_for, still, turned
from phantom.noise import Array, Noise, smoothstep
from phantom.probe import Field, Probe
from phantom.tissue import (
    Canvas,
    bone,
    compose,
    connective,
    fascia,
    fat,
    inside_ellipse,
    muscle_long,
    muscle_short,
    nerve_long,
    paint_nerve_short,
    skin,
    soft,
)


@dataclass(frozen=True)
class Oval:
    """A nerve in cross-section: centre and radii in mm, turn in radians."""

    cx: float
    cy: float
    rx: float
    ry: float
    turn: float = 0.0
    fascicle: float = 0.8
    dark: float = -46.0
    ground: float = -20.0
    rim: float = -16.0

    def signed(self, x: Array, y: Array) -> Array:
        return inside_ellipse(x, y, self.cx, self.cy, self.rx, self.ry, self.turn)


def nerve_canvas(name: str, oval: Oval, mm: float) -> Canvas:
    """The nerve on a canvas of its own, centred at (0, 0)."""
    reach = max(oval.rx, oval.ry) + 2
    c = Canvas(name, -reach, reach, -reach, reach, mm)
    c.db[:] = -24
    own = Oval(0, 0, oval.rx, oval.ry, oval.turn)
    paint_nerve_short(c, own.signed(c.x, c.y), name, oval.fascicle, oval.ground, oval.dark, oval.rim)
    return c.freeze()


def bed(
    name: str, probe: Probe, fat_mm: float, first: float, hole: Oval | None, shift: float = 0.0
) -> Canvas:
    """Muscles in cross-section round a nerve: skin, fat, a first muscle down to ``first`` mm, deeper ones."""
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    size = 1.0 if probe.depth_mm < 45 else 1.7
    top = fat_mm + 0.4 * n.line(x, 25)
    low = first + 0.03 * (x - probe.width_mm * 0.45) + 0.7 * n.line(x, 28, 4)
    c.fill(np.ones_like(x), fat(x / size, y / size, name + "/fat"))
    if fat_mm > 12:  # a buttock: coarse oblique bundles
        first_texture = muscle_long(*turned(x, y, 0.22), name + "/first", db=-36, pitch=2.6, contrast=17)
    else:
        first_texture = muscle_short(x, y, name + "/first", size=size)
    c.fill(soft(y - top), first_texture)
    c.fill(soft(y - low), muscle_short(x + shift, y, name + "/second", db=-39, size=size))
    seam = probe.width_mm * 0.62 + shift + 0.6 * (y - low) + 1.4 * n.line(y, 9, 8)
    c.line(np.where(y > low, x - seam, 9).astype(np.float32), 0.26 * size, -19 + 5 * n(x / 4, y / 2))
    if hole is not None:
        around = inside_ellipse(x, y, hole.cx, hole.cy, hole.rx + 2.2 * size, hole.ry + 1.3 * size, hole.turn)
        c.fill(soft(around, 0.7), connective(x, y, name + "/sheath", db=-26))
    fascia(c, top, 0.24 * size, db=-10)
    fascia(c, low, 0.24 * size, db=-10)
    skin(c, 1.6 if fat_mm < 12 else 2.2)
    return c


def nerve_short(
    name: str,
    probe: Probe,
    oval: Oval,
    fat_mm: float = 5.0,
    first: float = 12.0,
    bone_at: tuple[float, float, float] | None = None,
    move: tuple[float, float] = (0.0, 0.0),
) -> Scene:
    """A nerve across between muscles; ``move`` is its excursion (dx, dy) in mm at full phase.

    ``bone_at`` (x, depth, half width) puts a rounded bony prominence into the picture.
    """
    c = bed(name + "/bed", probe, fat_mm, first, oval)
    if bone_at is not None:
        bx, depth, half = bone_at
        curve = depth + ((c.x - bx) ** 2) / (1.3 * half)
        bone(c, np.asarray(curve, np.float32), soft(half - np.abs(c.x - bx), 0.4))
    c.freeze()
    nerve = nerve_canvas(name + "/nerve", oval, 0.92 * probe.mm)

    def at(phase: float) -> Field:
        dx, dy = move[0] * phase, move[1] * phase

        def field(x: Array, y: Array) -> tuple[Array, Array]:
            pull = np.exp(-(((x - oval.cx) / 12) ** 2) - ((y - oval.cy) / 7) ** 2)
            under = c.sample(x - dx * pull * 0.7, y - dy * pull * 0.7)
            nx, ny = x - oval.cx - dx, y - oval.cy - dy
            alpha = soft(inside_ellipse(nx, ny, 0, 0, oval.rx + 0.3, oval.ry + 0.3, oval.turn), 0.25)
            return compose([(under, None), (nerve.sample(nx, ny), alpha)])

        return field

    return at


def nerve_sweep(name: str, probe: Probe) -> Scene:
    """A sweep down the thigh: one nerve that becomes two, through four planes melted into each other."""
    planes = [bed(f"{name}/plane{i}", probe, 5.5 - 0.3 * i, 15.5 - 1.6 * i, None, 2.0 * i) for i in range(4)]
    for p in planes:
        p.freeze()
    big = Oval(0, 0, 4.2, 2.9, 0.15, 0.75)
    small = Oval(0, 0, 2.7, 2.0, -0.3, 0.62)
    tibial = [nerve_canvas(f"{name}/tibial{i}", big, 0.92 * probe.mm) for i in range(3)]
    fibular = [nerve_canvas(f"{name}/fibular{i}", small, 0.92 * probe.mm) for i in range(3)]

    def blend(canvases: list[Canvas], phase: float, x: Array, y: Array) -> Array:
        position = phase * (len(canvases) - 1)
        i = min(int(position), len(canvases) - 2)
        w = position - i
        a, b = canvases[i].sample(x, y), canvases[i + 1].sample(x, y)
        out = a * np.sqrt(1 - w) + b * np.sqrt(w)
        out[-1] = a[-1] * (1 - w) + b[-1] * w
        return np.asarray(out, np.float32)

    def at(phase: float) -> Field:
        apart = 1.6 + 8.5 * float(smoothstep(np.float32(phase), 0.45, 1.0))  # type: ignore[arg-type]
        cx, cy = probe.width_mm * 0.5 + 1.5 * np.sin(2.2 * phase), 20.5 - 4.5 * phase
        tx, ty = cx - 1.2 - 0.12 * apart, cy + 0.12 * apart
        fx, fy = cx - 1.0 + apart * 0.92, cy - 0.28 * apart + 0.3

        def field(x: Array, y: Array) -> tuple[Array, Array]:
            under = blend(planes, phase, x, y)
            halo = np.maximum(inside_ellipse(x, y, tx, ty, 6.0, 4.2), inside_ellipse(x, y, fx, fy, 4.2, 3.2))
            pale = soft(halo, 0.8)
            under = under.copy()
            under[:-1] *= 1 + 1.6 * pale
            f_alpha = soft(inside_ellipse(x, y, fx, fy, small.rx + 0.3, small.ry + 0.3, small.turn), 0.25)
            t_alpha = soft(inside_ellipse(x, y, tx, ty, big.rx + 0.3, big.ry + 0.3, big.turn), 0.25)
            return compose(
                [
                    (under, None),
                    (blend(fibular, phase, x - fx, y - fy), f_alpha),
                    (blend(tibial, phase, x - tx, y - ty), t_alpha),
                ]
            )

        return field

    return at


@dataclass(frozen=True)
class Cord:
    """A nerve along the picture: depth at the middle, slope, thickness, and where it narrows or swells."""

    depth: float
    slope: float = 0.0
    thick: float = 4.5
    bump: float = 0.0  # mm added to the thickness at ``at``
    at: float = 0.0
    spread: float = 8.0
    dip: float = 0.0  # mm the course is bent downward at ``at``


def nerve_glide(
    name: str,
    probe: Probe,
    cord: Cord,
    excursion: float,
    fat_mm: float = 5.0,
    roof: tuple[float, float, float, float] | None = None,
    press: float = 0.0,
    fascicle: float = 0.8,
) -> Scene:
    """A nerve along, gliding ``excursion`` mm to the right at full phase.

    ``roof`` (cx, cy, rx, ry) is a muscle cut across that lies on the nerve; it comes down by ``press`` mm and
    flattens the nerve under it.
    """
    c = canvas_for(name + "/bed", probe, 12)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    big = probe.depth_mm > 45
    scale = 1.7 if big else 1.0
    top = fat_mm + 0.35 * n.line(x, 24)

    def course(px: Array, phase: float) -> tuple[Array, Array]:
        bend = np.exp(-(((px - cord.at) / cord.spread) ** 2))
        centre = cord.depth + cord.slope * (px - probe.width_mm / 2) + (cord.dip + 0.6 * press * phase) * bend
        centre = centre + 0.25 * n.line(px, 30, 12)
        half = (cord.thick + (cord.bump - 0.8 * press * phase) * bend) / 2
        return np.asarray(centre, np.float32), np.asarray(half, np.float32)

    centre, half = course(x, 0.0)
    low = np.asarray(centre - half - 0.7 * scale, np.float32)
    c.fill(np.ones_like(x), fat(x / scale, y / scale, name + "/fat"))
    c.fill(soft(y - top), muscle_long(*turned(x, y, 0.16), name + "/first", db=-38, pitch=1.2 * scale))
    c.fill(soft(y - low), connective(x, y, name + "/plane", db=-35))
    c.fill(
        soft(y - centre - half - 0.8 * scale),
        muscle_long(*turned(x, y, -0.09), name + "/deep", db=-39, pitch=1.3 * scale),
    )
    fascia(c, top, 0.22 * scale, db=-10)
    fascia(c, low, 0.22 * scale, db=-11)
    fascia(c, np.asarray(centre + half + 0.9 * scale, np.float32), 0.22 * scale, db=-13)
    skin(c, 1.6 if not big else 2.2)
    c.freeze()
    # the nerve lies straight on its own canvas: x along, y = mm from its axis
    strand = Canvas(name + "/strand", -25, probe.width_mm + 25, -5, 5, 0.92 * probe.mm)
    strand.db = nerve_long(strand.x, strand.y, name + "/fibres", fascicle=fascicle)
    strand.freeze()
    lid = Canvas(name + "/lid", -25, probe.width_mm + 25, 0, probe.depth_mm, 0.92 * probe.mm)
    lid.db = muscle_short(lid.x, lid.y, name + "/lid", db=-41, size=scale)
    if roof is not None:
        lid.line(inside_ellipse(lid.x, lid.y, *roof), 0.3 * scale, -14)
    lid.freeze()

    def at(phase: float) -> Field:
        def field(px: Array, py: Array) -> tuple[Array, Array]:
            mid, h = course(px, phase)
            near = np.exp(-(((py - mid) / 7) ** 2))
            under = c.sample(px - 0.3 * excursion * phase * near, py - 0.25 * press * phase * near)
            across = (py - mid) / np.maximum(h, 0.4) * (cord.thick / 2)
            nerve = strand.sample(px - excursion * phase, np.asarray(across, np.float32))
            edge = h - np.abs(py - mid)
            gain = 10 ** (np.clip(9 - 26 * np.abs(edge - 0.15), 0, 9) / 20)  # bright epineurium
            nerve[:-1] *= gain
            layers: list[tuple[Array, Array | None]] = [
                (under, None),
                (nerve, soft(np.asarray(edge, np.float32), 0.15)),
            ]
            if roof is not None:
                ry = py - press * phase
                mask = soft(inside_ellipse(px, ry, roof[0], roof[1], roof[2] + 0.2, roof[3] + 0.2), 0.3)
                layers.append((lid.sample(px - 0.5 * press * phase, ry), mask))
            return compose(layers)

        return field

    return at


def piriformis_long(name: str, probe: Probe, thickness: float, centre: tuple[float, float]) -> Scene:
    """A buttock: sacrum at the left, trochanter at the right, a spindle of muscle between them under gluteus."""
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    w = probe.width_mm
    cx, cy = centre
    top = 15 + 0.8 * n.line(x, 30)
    c.fill(np.ones_like(x), fat(x / 1.8, y / 1.8, name + "/fat"))
    c.fill(soft(y - top), muscle_long(*turned(x, y, 0.24), name + "/gluteus", db=-36, pitch=2.7, contrast=17))
    slope = 0.16
    axis = cy + slope * (x - cx)
    c.fill(soft(y - axis + thickness / 2 + 1.2), connective(x, y, name + "/plane", db=-29))
    c.fill(soft(y - axis - thickness / 2 - 2.5), muscle_short(x, y, name + "/under", db=-42, size=2))
    u = (x - cx) / 27
    half = thickness / 2 * np.clip(1 - np.abs(u) ** 2.6, 0.05, 1)
    d = np.asarray(half - np.abs(y - axis), np.float32)
    c.fill(
        soft(d, 0.25), muscle_long(*turned(x, y, slope), name + "/piriformis", db=-42, pitch=2.0, contrast=15)
    )
    c.line(d, 0.36, -13 + 4 * n(x / 5, y / 5))
    fascia(c, top, 0.35, db=-11)
    sacrum = 27 + 0.02 * (x - 8) ** 2 + 0.5 * n.line(x, 8, 6)
    bone(c, np.asarray(sacrum + 0.5 * np.clip(x - 20, 0, None), np.float32), soft(w * 0.30 - x, 0.6))
    troch = 40 + 0.035 * (x - w * 0.92) ** 2
    bone(c, np.asarray(troch, np.float32), soft(x - w * 0.80, 0.6))
    skin(c, 2.2)
    return still(c)


#: (name, probe) -> scene, for catalogues that want to pass scenes about
Maker = Callable[[str, Probe], Scene]
