"""Scenes of muscle and tendon: at rest, torn, contracting.

A scene is a function of one number, the phase of the manoeuvre (0 rest, 1 full), that returns what the probe
would meet. Coordinates are mm from the scan area's top left corner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phantom.noise import Array, Noise, smoothstep
from phantom.probe import Field, Probe
from phantom.tissue import (
    Canvas,
    between,
    bone,
    clot,
    compose,
    connective,
    fascia,
    fat,
    inside_ellipse,
    muscle_long,
    muscle_short,
    skin,
    soft,
    tendon_long,
)

Scene = Callable[[float], Field]


def canvas_for(name: str, probe: Probe, margin: float = 4.0) -> Canvas:
    """A canvas that covers what the probe can see and ``margin`` mm to either side."""
    return Canvas(name, -margin, probe.width_mm + margin, 0.0, probe.depth_mm + 3.0, 0.92 * probe.mm)


def still(canvas: Canvas) -> Scene:
    """A scene in which nothing moves."""
    canvas.freeze()

    def at(_phase: float) -> Field:
        return lambda x, y: compose([(canvas.sample(x, y), None)])

    return at


def turned(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    """Fibre coordinates for fibres that fall by ``angle`` (radians) from left to right."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return x * c + y * s, y * c - x * s


@dataclass(frozen=True)
class Layers:
    """Depths in mm: under the fat, under the first muscle, under the second (bone or more muscle)."""

    fat: float = 7.0
    muscle: float = 20.0
    deep: float = 31.0
    pennation: float = 0.14
    deep_pennation: float = -0.08
    bone: bool = True

    def curves(self, name: str, x: Array) -> tuple[Array, Array, Array]:
        n = Noise(name + "/layers")
        return (
            self.fat + 0.35 * n.line(x, 22),
            self.muscle + 0.45 * n.line(x, 26, 5),
            self.deep + 0.4 * n.line(x, 34, 9),
        )


def _floor(c: Canvas, layers: Layers, name: str, x: Array, y: Array, deep: Array) -> None:
    """What lies under the second muscle."""
    if layers.bone:
        bone(c, deep)
    else:
        along, across = turned(x, y, -layers.deep_pennation)
        c.fill(soft(y - deep), muscle_long(along, across, name + "/third", db=-40))
        fascia(c, deep, db=-13)


@dataclass(frozen=True)
class Tear:
    """A tear across a muscle or tendon: tip positions (mm) at rest and at full phase, at mid-depth."""

    left: tuple[float, float]
    right: tuple[float, float]
    reach: float = 1.0  # fraction of the thickness torn, from the surface down
    blunt: float = 2.2  # how far the edge of the stump trails its tip
    fray: float = 0.6
    clot_db: float = -51.0
    ahead: float = 0.0  # displacement (mm) of both stumps at full phase on top of the tips' own


def torn_long(
    name: str,
    probe: Probe,
    layers: Layers,
    tear: Tear | None,
    kind: str = "muscle",
    slide: float = 0.0,
    mass: tuple[float, float, float, float] | None = None,
) -> Scene:
    """Long axis of a muscle (or tendon) over a deep muscle; the stumps part as the phase rises.

    Without a tear the whole belly slides by ``slide`` mm and thickens. ``mass`` (cx, cy, rx, ry) puts a
    calcifying lesion into the deep muscle.
    """
    back = canvas_for(name + "/back", probe)
    x, y = back.x, back.y
    top, bottom, deep = layers.curves(name, x)
    back.fill(np.ones_like(x), fat(x, y, name + "/fat"))
    if kind == "tendon":
        back.fill(soft(y - top), fat(x, y, name + "/kager", db=-35))
        back.fill(soft(y - bottom - 7), muscle_long(*turned(x, y, 0.07), name + "/deep", db=-39))
        fascia(back, bottom + 7, db=-13)
    else:
        along, across = turned(x, y, layers.deep_pennation)
        back.fill(soft(y - top), connective(x, y, name + "/bed"))
        back.fill(soft(y - bottom), muscle_long(along, across, name + "/deep", db=-38))
    _floor(back, layers, name, x, y, deep)
    if mass is not None:
        paint_ossification(back, mass, name)
    fascia(back, top, db=-9)
    fascia(back, bottom, db=-8)
    skin(back)

    body = Canvas(
        name + "/body", -30, probe.width_mm + 30, layers.fat - 3, layers.muscle + 3, 0.92 * probe.mm
    )
    bx, by = body.x, body.y
    along, across = turned(bx, by, layers.pennation)
    if kind == "tendon":
        body.db = tendon_long(bx, by, name + "/tendon")
    else:
        body.db = muscle_long(along, across, name + "/muscle")

    gap = Canvas(name + "/gap", -30, probe.width_mm + 30, layers.fat - 3, layers.muscle + 3, 0.92 * probe.mm)
    gap.db = clot(gap.x, gap.y, name + "/clot", db=tear.clot_db if tear else -40)
    gap.att = np.full_like(gap.db, -0.1)
    for canvas in (back, body, gap):
        canvas.freeze()
    jag = Noise(name + "/fray")

    def at(phase: float) -> Field:
        def field(px: Array, py: Array) -> tuple[Array, Array]:
            t, b, _ = layers.curves(name, px)
            belly = between(py, t + 0.25, b - 0.1)
            mid = (layers.fat + layers.muscle) / 2
            # a contracting belly thickens a little about its own middle
            my = mid + (py - mid) / (1 + (0.10 * phase if kind == "muscle" else 0.0))
            under = back.sample(px - 0.25 * slide * phase, py)
            if tear is None:
                return compose([(under, None), (body.sample(px - slide * phase, my), belly)])
            xl = tear.left[0] + phase * (tear.left[1] - tear.left[0])
            xr = tear.right[0] + phase * (tear.right[1] - tear.right[0])
            h = (layers.muscle - layers.fat) / 2
            edge = tear.blunt * ((py - mid) / h) ** 2
            frayed = tear.fray * jag(py / 0.8, np.full_like(py, 3.0) + 0 * px)
            if tear.reach < 1:
                cut = t + (b - t) * tear.reach
                edge = tear.blunt * np.clip((py - t) / (cut - t), 0, 1.4) ** 2 * 0.6
                torn = soft(cut + 0.5 * jag(px / 3, py / 9) - py, 0.35)
            else:
                torn = np.ones_like(px)
            is_left = soft(xl - edge - np.abs(frayed) - px, 0.3)
            is_right = soft(px - xr - edge - np.abs(frayed * 0.8), 0.3)
            dl, dr = xl - tear.left[0] + tear.ahead * phase, xr - tear.right[0] + tear.ahead * phase
            w = smoothstep(px, xl - 6, xr + 6)
            whole = body.sample(px - (dl * (1 - w) + dr * w), my)
            left = body.sample(px - dl, my)
            right = body.sample(px - dr, my)
            pool = gap.sample(px - (dl + dr) / 2, py)
            tips = np.maximum(is_left * (1 - is_left), is_right * (1 - is_right)) * 4
            left[:-1] *= 1 + 1.1 * soft(px - (xl - edge - 2.5), 1.6)  # recoiled ends are denser
            right[:-1] *= 1 + 1.1 * soft(xr + edge + 2.5 - px, 1.6)
            pool[:-1] *= 1 + 0.8 * tips
            broken = pool * (1 - is_left) * (1 - is_right) + left * is_left + right * is_right * (1 - is_left)
            return compose([(under, None), (whole * (1 - torn) + broken * torn, belly)])

        return field

    return at


def paint_ossification(c: Canvas, mass: tuple[float, float, float, float], name: str) -> None:
    """A lump with a bright mineralising rim, a mixed middle and a patchy shadow."""
    cx, cy, rx, ry = mass
    n = Noise(name + "/mass")
    d = inside_ellipse(c.x, c.y, cx, cy, rx, ry) + 0.5 * n(c.x / 4, c.y / 4)
    c.fill(soft(d, 0.3), clot(c.x, c.y, name + "/mass-clot", db=-42, size=4))
    c.line(np.asarray(d + 0.6, np.float32), 0.5, -22.0)  # oedema round it
    upper = smoothstep(cy + 0.2 * ry - c.y, -1, 2)
    crust = -6 + 4 * n(c.x / 2.5, c.y / 3)
    patchy = smoothstep(n(c.x / 3.5 + 5, c.y / 20), -2.2, -0.7)
    c.line(np.where(upper * patchy > 0.3, d - 0.5, 9).astype(np.float32), 0.42, crust)
    lower = smoothstep(c.y - cy, 0, 2)
    c.line(np.where(lower > 0.3, d - 0.4, 9).astype(np.float32), 0.35, -20.0)
    rim = np.exp(-(((d - 0.5) / 0.5) ** 2)) * upper * patchy
    c.att = (c.att + 6.5 * rim).astype(np.float32)


def thigh_short(
    name: str,
    probe: Probe,
    layers: Layers,
    half_width: float,
    centre: float,
    tear: tuple[float, float, float, float] | None = None,
    bright: float = 0.0,
    mass: tuple[float, float, float, float] | None = None,
    thickness: float | None = None,
    clot_db: float = -52.0,
    central: bool = True,
) -> Scene:
    """Short axis of the front of the thigh: a lens-shaped muscle over a flat one over a round bone.

    ``tear`` (cx, cy, rx, ry) is a clot-filled defect, ``bright`` dB added to the muscle, ``thickness`` the
    lens's greatest thickness in mm (default: the layer's).
    """
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    top, _, deep = layers.curves(name, x)
    thick = thickness or layers.muscle - layers.fat
    mid = layers.fat + thick / 2
    c.fill(np.ones_like(x), fat(x, y, name + "/fat"))
    c.fill(soft(y - top), connective(x, y, name + "/bed"))
    flank = soft(y - top - 0.3) * soft(np.abs(x - centre) - half_width * 0.55, 1.0)
    c.fill(flank, muscle_short(x, y, name + "/flank", db=-38))
    c.fill(soft(y - layers.fat - thick - 0.6), muscle_short(x, y, name + "/deep", db=-38, size=1.2))
    n = Noise(name + "/outline")
    u = np.clip(np.abs(x - centre) / half_width, 0, 1)
    half = thick / 2 * (1 - u**2.6) ** 0.62
    d = np.asarray(
        half - np.abs(y - mid - 0.15 * n.line(x, 9)) - 3 * (np.abs(x - centre) > half_width), np.float32
    )
    c.fill(soft(d, 0.1), muscle_short(x, y, name + "/lens", db=-37 + bright, contrast=19 - bright / 2))
    if central:
        curve = mid - 0.1 * thick + 0.012 * (x - centre) ** 2 + 0.3 * Noise(name + "/ca").line(x, 6)
        inside = np.abs(x - centre) < half_width * 0.35
        c.line(np.where(inside, y - curve, 9).astype(np.float32), 0.35, -15)
    if tear is not None:
        cx, cy, rx, ry = tear
        n = Noise(name + "/hole")
        hole = inside_ellipse(x, y, cx, cy, rx, ry) + 0.32 * n(x / 1.6, y / 1.6) * soft(
            np.abs(y - cy) - 1.2, 0.8
        )
        c.fill(soft(hole, 0.2), clot(x, y, name + "/clot", db=clot_db, size=2.2), -0.15)
    c.line(d, 0.2, -11 + 3.5 * Noise(name + "/epi")(x / 3, y / 3))
    if layers.bone:
        arch = deep + ((x - centre) ** 2) / 26
        bone(c, arch, soft(10.5 - np.abs(x - centre), 0.3))
    if mass is not None:
        paint_ossification(c, mass, name)
    fascia(c, top - 0.2, db=-11)
    skin(c)
    return still(c)


def panorama(name: str, probe: Probe, layers: Layers, box: tuple[float, float, float, float]) -> Scene:
    """Extended field of view of a torn muscle: a spindle of clot (cx, cy, half length, half thickness)."""
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    top, bottom, deep = layers.curves(name, x)
    cx, cy, rx, ry = box
    lift = 2.5 * np.exp(-(((x - cx) / (1.1 * rx)) ** 2))
    top = top - 0.3 * lift
    bottom = bottom + 1.1 * lift
    c.fill(np.ones_like(x), fat(x, y, name + "/fat"))
    along, across = turned(x, y, layers.pennation)
    c.fill(between(y, top, bottom), muscle_long(along, across, name + "/muscle", pitch=1.5))
    c.fill(soft(y - bottom), muscle_long(*turned(x, y, -0.06), name + "/deep", db=-39, pitch=1.6))
    bone(c, deep)
    n = Noise(name + "/edge")
    u = (x - cx) / rx
    half = ry * np.clip(1 - np.abs(u) ** 2.2, 0, 1) ** 0.75
    d = np.asarray(half - np.abs(y - cy) + 0.25 * n(x / 3, y / 3) * (np.abs(u) < 0.93), np.float32)
    c.fill(soft(d, 0.3), clot(x, y, name + "/clot", db=-54, size=7, contrast=9), -0.06)
    for side, tip in ((-1, cx - 2.9), (1, cx + 2.9)):
        reach = (x - tip) * side
        stump = reach - 2.4 * ((y - cy) / (0.3 * ry)) ** 2
        taper = 0.28 * ry + 0.16 * reach
        c.fill(
            soft(np.asarray(stump, np.float32), 0.6)
            * soft(np.asarray(taper - np.abs(y - cy), np.float32), 0.6)
            * soft(d),
            muscle_long(along, across, name + f"/stump{side}", db=-33, pitch=1.2),
        )
    fascia(c, top, db=-9)
    fascia(c, bottom, db=-9)
    c.line(np.where(np.abs(u) < 0.97, d, 9).astype(np.float32), 0.3, -17)
    skin(c)
    return still(c)


def calf_tear(name: str, probe: Probe, length: float, depth: float) -> Scene:
    """Medial gastrocnemius over soleus in long axis: clot between the two, fibre ends rounded off distally.

    ``length`` is the extent of the clot (mm from the right edge leftwards ends at 3 mm), ``depth`` its greatest
    thickness.
    """
    back = canvas_for(name + "/back", probe, 12)
    x, y = back.x, back.y
    n = Noise(name + "/layers")
    w = probe.width_mm
    right = w - 4.0
    left = right - length

    def curves(px: Array) -> tuple[Array, Array, Array]:
        top = 5.5 + 0.3 * n.line(px, 20)
        soleus = 19.5 - 0.035 * px + 0.3 * n.line(px, 26, 5)
        u = np.clip((px - left) / (right - left), 0, 1)
        pool = depth * np.clip(np.sin(np.pi * u**0.8), 0, 1) ** 0.8
        return top, soleus, np.asarray(soleus - pool, np.float32)

    top, soleus, _ = curves(x)
    back.fill(np.ones_like(x), fat(x, y, name + "/fat"))
    back.fill(
        soft(y - soleus), muscle_long(*turned(x, y, 0.2), name + "/soleus", db=-37, contrast=15, pitch=1.5)
    )
    floor = probe.depth_mm - 3.5 + 0.3 * n.line(x, 20, 11)
    back.fill(soft(y - floor), muscle_long(*turned(x, y, -0.05), name + "/deep", db=-40))
    fascia(back, floor, db=-12)
    fascia(back, soleus, db=-9)
    fascia(back, top, db=-10)
    skin(back)
    belly = Canvas(name + "/belly", -25, w + 25, 0, probe.depth_mm, 0.92 * probe.mm)
    belly.db = muscle_long(*turned(belly.x, belly.y, 0.30), name + "/belly", db=-36, contrast=21)
    pool = Canvas(name + "/pool", -25, w + 25, 0, probe.depth_mm, 0.92 * probe.mm)
    pool.db = clot(pool.x, pool.y, name + "/pool", db=-50, size=5, contrast=8)
    pool.att = np.full_like(pool.db, -0.18)
    ends = Noise(name + "/ends")
    for c in (back, belly, pool):
        c.freeze()

    def at(phase: float) -> Field:
        pull = -7.0 * phase

        def field(px: Array, py: Array) -> tuple[Array, Array]:
            t, s, p = curves(px)
            scallop = 0.55 * np.abs(ends((px - pull) / 2.4, np.zeros_like(px)))
            _, _, p_moved = curves(px - 0.6 * pull)
            lower = np.minimum(p, p_moved) - (scallop + 0.9 * phase) * soft(s - p - 0.5, 0.6)
            muscle = between(py, t + 0.3, np.asarray(lower, np.float32), 0.25)
            cavity = between(py, t + 0.4, s - 0.15, 0.2)
            under = back.sample(px - 0.15 * pull, py)
            layers = [
                (under, None),
                (pool.sample(px - 0.3 * pull, py), cavity),
                (belly.sample(px - pull, py), muscle),
            ]
            return compose(layers)

        return field

    return at
