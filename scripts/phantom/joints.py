"""Scenes round joints, vessels and the spine, and one crude picture of another modality."""

from __future__ import annotations

import numpy as np

from phantom.muscles import Scene, canvas_for, still, turned
from phantom.nerves import Oval, nerve_canvas
from phantom.noise import Array, Noise, blur, smoothstep
from phantom.probe import Field, Probe
from phantom.screen import Pixels
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
    skin,
    soft,
    tendon_long,
    tendon_short,
)


def _tendon_oval(c: Canvas, cx: float, cy: float, rx: float, ry: float, turn: float, name: str) -> None:
    d = inside_ellipse(c.x, c.y, cx, cy, rx, ry, turn)
    c.fill(soft(d + 0.35, 0.1), -40)
    c.fill(soft(d, 0.1), tendon_short(c.x, c.y, name))


def tarsal_tunnel(name: str, probe: Probe, nerve: Oval, cyst: tuple[float, float, float, float]) -> Scene:
    """The tunnel behind the medial malleolus: tendons, vessels, nerve, and a lobed cyst under the nerve.

    At full phase the cyst rises by 1.4 mm and the nerve is flattened against the retinaculum.
    """
    c = canvas_for(name, probe, 3)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    roof = 3.3 + 0.02 * (x - 16) ** 2 * 0.3 + 0.1 * n.line(x, 12)
    c.fill(np.ones_like(x), fat(x / 0.6, y / 0.6, name + "/fat"))
    c.fill(soft(y - roof), connective(x / 0.6, y / 0.6, name + "/tunnel", db=-31))
    floor = 15.2 + 0.14 * (x - 14) + 0.3 * n.line(x, 12, 4)
    c.fill(soft(y - floor), muscle_short(x, y, name + "/fhl", db=-39, size=0.7))
    fascia(c, np.asarray(floor, np.float32), 0.14, db=-14)
    fascia(c, np.asarray(roof, np.float32), 0.17, db=-8)
    _tendon_oval(c, 6.6, 6.6, 2.6, 1.7, 0.5, name + "/tp")
    _tendon_oval(c, 9.8, 10.6, 1.8, 1.3, 0.6, name + "/fdl")
    malleolus = 4.0 + 0.5 * np.clip(x, 0, None) + 0.1 * x**2
    bone(c, np.asarray(malleolus, np.float32), soft(4.6 - x, 0.2))
    for vx, vy, vr in TARSAL_VESSELS:
        d = inside_ellipse(x, y, vx, vy, vr, 0.85 * vr)
        c.fill(soft(d, 0.08), -78)
        c.line(d, 0.12, -15)
    skin(c, 1.2)
    c.freeze()
    cx, cy, rx, ry = cyst
    fluid = canvas_for(name + "/fluid", probe, 3)
    fx, fy = fluid.x, fluid.y
    lobes = [
        inside_ellipse(fx, fy, cx - 0.24 * rx, cy, 0.76 * rx, ry),
        inside_ellipse(fx, fy, cx + 0.52 * rx, cy + 0.1 * ry, 0.48 * rx, 0.8 * ry),
    ]
    d = np.maximum(lobes[0], lobes[1])
    fluid.db = np.full_like(fx, -33)
    fluid.fill(soft(d, 0.1), -82, -0.75)
    fluid.line(np.where(fy < cy + 9, d, 9).astype(np.float32), 0.13, -14)
    septum = np.where(d > 0, fx - cx - 0.16 * rx - 0.06 * (fy - cy) ** 2, 9)
    fluid.line(septum.astype(np.float32), 0.11, -22)
    fluid.freeze()
    cord = nerve_canvas(name + "/nerve", nerve, 0.92 * probe.mm)

    def at(phase: float) -> Field:
        rise, flat = 1.1 * phase, 1 + 0.55 * phase

        def field(px: Array, py: Array) -> tuple[Array, Array]:
            pull = np.exp(-(((px - cx) / 7) ** 2) - ((py - cy) / 5) ** 2)
            under = c.sample(px, py + rise * pull)
            sy = cy + (py - cy) / (1 + 0.12 * phase) + rise
            sx = cx + (px - cx) * (1 + 0.1 * phase)
            lobed = np.maximum(
                inside_ellipse(sx, sy, cx - 0.24 * rx, cy, 0.76 * rx + 0.25, ry + 0.25),
                inside_ellipse(sx, sy, cx + 0.52 * rx, cy + 0.1 * ry, 0.48 * rx + 0.25, 0.8 * ry + 0.25),
            )
            nx = (px - nerve.cx) / (1 + 0.16 * phase)
            ny = (py - nerve.cy + 0.75 * rise) * flat
            alpha = soft(inside_ellipse(nx, ny, 0, 0, nerve.rx + 0.2, nerve.ry + 0.2, nerve.turn), 0.12)
            layers = [
                (under, None),
                (fluid.sample(sx, sy), soft(lobed, 0.1)),
                (cord.sample(nx, ny), alpha),
            ]
            return compose(layers)

        return field

    return at


#: Artery and veins of the tarsal tunnel: centre and radius in mm.
TARSAL_VESSELS = ((12.6, 6.0, 1.15), (10.6, 5.1, 0.7), (14.6, 5.0, 0.75))


def vein_compression(name: str, probe: Probe) -> Scene:
    """Popliteal artery and vein across; at full phase the probe presses and the vein is gone."""
    reach = 1.25 * probe.depth_mm  # pressing brings deeper tissue into view
    c = Canvas(name, -4, probe.width_mm + 4, 0, reach, 0.92 * probe.mm)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    top = 6.0 + 0.4 * n.line(x, 22)
    c.fill(np.ones_like(x), fat(x, y, name + "/fat"))
    c.fill(soft(y - top), connective(x, y, name + "/fossa", db=-32))
    for side, edge in ((-1, 11.0), (1, probe.width_mm - 10)):
        d = (x - edge) * side + 0.25 * (y - 18) * -side * 0.6 + 1.2 * n.line(y, 14, 3.0 + side)
        belly = soft(np.asarray(d, np.float32), 0.5) * soft(y - top - 0.5)
        c.fill(belly, muscle_short(x, y, name + f"/belly{side}"))
        c.line(np.where(y > top, d, 9).astype(np.float32), 0.25, -14)
    fascia(c, top, db=-10)
    bone(c, np.asarray(33 + 0.02 * (x - 22) ** 2 + 0.4 * n.line(x, 9, 8), np.float32))
    skin(c)
    c.freeze()
    vessel = Canvas(name + "/vessel", -10, 10, -10, 10, 0.92 * probe.mm)
    vessel.db[:] = -80
    vessel.freeze()
    wall = Canvas(name + "/wall", -10, 10, -10, 10, 0.92 * probe.mm)
    wall.db[:] = 0
    wall.freeze()

    def at(phase: float) -> Field:
        squeeze = 1 + 0.20 * phase

        def field(px: Array, py: Array) -> tuple[Array, Array]:
            under = c.sample(px, py * squeeze)
            layers: list[tuple[Array, Array | None]] = [(under, None)]
            open_ = max(0.0, 1 - 1.25 * phase)
            specs = (
                (VEIN[0], VEIN[1], VEIN[2] * (1 + 0.12 * phase), VEIN[3] * open_, -19.0),
                (ARTERY[0], ARTERY[1], ARTERY[2], ARTERY[3] * (1 - 0.06 * phase), -9.0),
            )
            for vx, vy, rx, ry, wall_db in specs:
                depth = vy / squeeze
                flat = max(ry, 0.3)
                core = inside_ellipse(px, py, vx, depth, rx, flat)
                d = inside_ellipse(px, py, vx, depth, rx + 0.2, flat + 0.2)
                lumen = vessel.sample(px - vx, py - depth)
                if ry > 0.3:
                    lumen[-1] = -0.1 * (core > 0)
                    layers.append((lumen, soft(core, 0.12)))
                shell = wall.sample(px - vx, py - depth) * 10 ** (wall_db / 20)
                layers.append((shell, np.asarray(np.exp(-((d / 0.24) ** 2)), np.float32)))
            return compose(layers)

        return field

    return at


#: Vein and artery of ``vein_compression``: centre and radii in mm.
VEIN = (21.5, 15.5, 5.0, 3.4)
ARTERY = (23.0, 23.0, 3.1, 3.0)


def plantaris_short(name: str, probe: Probe) -> Scene:
    """Short axis at the ruptured Achilles: clot-filled sheath, and the small round plantaris beside it."""
    c = canvas_for(name, probe, 3)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    c.fill(np.ones_like(x), fat(x / 0.7, y / 0.7, name + "/fat"))
    c.fill(soft(y - 11 - 0.4 * n.line(x, 10)), muscle_short(x, y, name + "/deep", size=0.9))
    fascia(c, np.asarray(11 + 0.4 * n.line(x, 10), np.float32), 0.16, db=-13)
    sheath = inside_ellipse(x, y, 17.5, 6.2, 7.8, 3.4)
    ragged = sheath + 0.7 * n(x / 2, y / 2)
    c.fill(soft(sheath, 0.2), -47 + 5 * n(x / 1.5, y))
    c.fill(soft(np.asarray(ragged - 1.7, np.float32), 0.4), tendon_short(x, y, name + "/fray", db=-34))
    c.line(sheath, 0.2, -14)
    px, py, r = PLANTARIS
    d = inside_ellipse(x, y, px, py, r, 0.8 * r)
    c.fill(soft(d + 0.4, 0.1), -33)
    c.fill(soft(d, 0.1), tendon_short(x, y, name + "/plantaris", db=-15))
    c.line(d, 0.14, -10)
    bone(c, np.asarray(20.5 + 0.02 * (x - 15) ** 2, np.float32))
    skin(c, 1.4)
    return still(c)


PLANTARIS = (7.2, 6.4, 1.7)


def multifidus_short(name: str, probe: Probe, left: float, right: float) -> Scene:
    """Back muscles across the midline: a spinous process, laminae, thin bright muscles to both sides.

    ``left`` and ``right`` are the muscle thicknesses in mm, 16 mm from the midline.
    """
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    mid = probe.width_mm / 2
    u = np.abs(x - mid)
    top = 17 + 0.06 * u + 0.5 * n.line(x, 22)
    c.fill(np.ones_like(x), fat(x / 1.7, y / 1.7, name + "/fat"))
    texture = muscle_short(x, y, name + "/multifidus", db=-28, contrast=13, size=1.9)
    c.fill(soft(y - top), texture)
    thick = np.where(x < mid, left, right)
    lamina = 17 + 0.06 * 16 + thick + 0.10 * (u - 16) + 0.5 * n.line(x, 9, 3)
    facet = 2.4 * np.exp(-(((u - 24) / 3.2) ** 2))
    under = np.asarray(lamina - facet * (u > 19), np.float32)
    longissimus = soft(u - 27 - 0.15 * (y - 25), 0.7) * soft(y - top)
    c.fill(longissimus, muscle_short(x, y, name + "/longissimus", db=-32, contrast=15, size=1.7))
    c.line(np.where(y > top, u - 27 - 0.15 * (y - 25), 9).astype(np.float32), 0.45, -13)
    fascia(c, np.asarray(top, np.float32), 0.4, db=-9)
    bone(c, under, soft(u - 5.0, 0.5) * soft(34 - u, 0.5))
    tip = 19 + 0.35 * u**1.6
    bone(c, np.asarray(tip, np.float32), soft(5.6 - u, 0.5))
    skin(c, 2.4)
    return still(c)


def multifidus_long(name: str, probe: Probe, rest: float, during: float) -> Scene:
    """Back muscle along over a row of facet joints; thickens from ``rest`` to ``during`` mm over the facets."""
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    top0 = 16.0
    top = top0 + 0.35 * n.line(x, 30)
    facets = top0 + rest + 8 * (1 - np.abs(np.cos(np.pi * (x - FACET_X) / 26))) + 0.5 * n.line(x, 6, 7)
    c.fill(np.ones_like(x), fat(x / 1.7, y / 1.7, name + "/fat"))
    along, across = turned(x, y, -0.18)
    muscle = muscle_long(along, across, name + "/multifidus", db=-27, contrast=13, pitch=2.0)
    c.fill(soft(y - top), muscle + 3 * n(x / 7, y / 4))
    fascia(c, np.asarray(top, np.float32), 0.4, db=-9)
    bone(c, np.asarray(facets, np.float32), db=0.0)
    skin(c, 2.4)
    c.freeze()

    def at(phase: float) -> Field:
        lift = (during - rest) * phase

        def field(px: Array, py: Array) -> tuple[Array, Array]:
            # fascia and fat rise by ``lift``; the bone stays where it is
            t = np.clip((top0 + rest - py) / rest, 0, 1)
            return compose([(c.sample(px - 1.2 * phase * t * (py > top0), py + lift * t), None)])

        return field

    return at


FACET_X = 36.0


def sacroiliac(name: str, probe: Probe, thickness: float, needle: bool = False) -> Scene:
    """Sacrum, ilium and the posterior ligament between them; with ``needle`` an injection in plane."""
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    w = probe.width_mm
    top = 13 + 0.5 * n.line(x, 24)
    c.fill(np.ones_like(x), fat(x / 1.4, y / 1.4, name + "/fat"))
    c.fill(soft(y - top), muscle_long(*turned(x, y, 0.13), name + "/gluteus", db=-37, pitch=1.8, contrast=17))
    axis = SIJ[1] + 0.05 * (x - SIJ[0])
    c.fill(soft(y - axis - 1), connective(x, y, name + "/deep", db=-40))
    u = np.abs(x - SIJ[0])
    half = thickness / 2 * np.clip(1 - (u / 16) ** 3, 0, 1) ** 0.7
    d = np.asarray(half - np.abs(y - axis), np.float32)
    ligament = tendon_long(*turned(x, y, 0.05), name + "/ligament", db=-39, contrast=12)
    c.fill(soft(d, 0.2), ligament)
    c.line(np.where(u < 15.5, d, 9).astype(np.float32), 0.3, -14 + 3 * n(x / 4, y / 4))
    left = (
        24.5
        + 0.02 * (x - 8) ** 2
        + 0.35 * np.clip(x - SIJ[0] + 7, 0, None) ** 2 * 0.5
        + 0.4 * n.line(x, 7, 5)
    )
    bone(c, np.asarray(left, np.float32), soft(SIJ[0] - 2.2 - x, 0.4))
    right = 21 + 0.03 * (x - w + 10) ** 2 + 0.4 * n.line(x, 8, 9)
    bone(c, np.asarray(right, np.float32), soft(x - SIJ[0] - 2.6, 0.4))
    fascia(c, np.asarray(top, np.float32), 0.3, db=-10)
    skin(c, 2.2)
    c.freeze()
    if not needle:
        return still(c)
    metal = canvas_for(name + "/metal", probe)
    metal.db[:] = 1.0
    metal.freeze()
    drug = canvas_for(name + "/drug", probe)
    drug.db[:] = -62.0
    drug.freeze()

    def at(phase: float) -> Field:
        go = float(np.clip(phase / 0.65, 0, 1))
        flood = float(np.clip((phase - 0.68) / 0.32, 0, 1))

        def field(px: Array, py: Array) -> tuple[Array, Array]:
            under = c.sample(px, py)
            (ex, ey), (tx, ty) = NEEDLE
            tipx, tipy = ex + (tx - ex) * (0.25 + 0.75 * go), ey + (ty - ey) * (0.25 + 0.75 * go)
            length = float(np.hypot(tx - ex, ty - ey))
            ux, uy = (tx - ex) / length, (ty - ey) / length
            along = (px - ex) * ux + (py - ey) * uy
            across = (py - ey) * ux - (px - ex) * uy
            reach = float(np.hypot(tipx - ex, tipy - ey))
            shaft = soft(np.asarray(reach - along, np.float32), 0.2) * np.exp(-((across / 0.32) ** 2))
            echo = shaft * 0
            for i, weight in ((1, 0.20), (2, 0.10), (3, 0.05)):  # reverberation under the shaft
                ghost = soft(np.asarray(reach - 1.5 - along, np.float32), 0.6)
                echo += weight * ghost * np.exp(-(((across + 1.5 * i) / 0.35) ** 2))
            spread = inside_ellipse(px, py, tx + 0.8, ty + 0.6, 0.3 + 5.0 * flood, 0.2 + 1.7 * flood, 0.1)
            layers: list[tuple[Array, Array | None]] = [(under, None)]
            if flood > 0:
                layers.append((drug.sample(px, py), soft(spread, 0.4)))
            layers.append((metal.sample(px, py) * 0.8, np.asarray(np.clip(shaft + echo, 0, 1), np.float32)))
            channels, att = compose(layers)
            return channels, np.asarray(np.clip(att, -0.2, None), np.float32)

        return field

    return at


SIJ = (29.0, 21.5)
NEEDLE = ((50.0, 3.0), (30.0, 23.0))


def shin_short(name: str, probe: Probe, bright: float) -> Scene:
    """Short axis of tibialis anterior beside the tibia; ``bright`` dB of extra echo in the muscle."""
    c = canvas_for(name, probe)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    top = 4.5 + 0.3 * n.line(x, 20)
    c.fill(np.ones_like(x), fat(x, y, name + "/fat"))
    c.fill(soft(y - top), muscle_short(x, y, name + "/muscle", db=-38 + bright, contrast=20 - 0.7 * bright))
    curve = 13 + 0.02 * (x - 16) ** 2 + 0.4 * n.line(x, 6)
    middle = (x > 6) & (x < probe.width_mm - 8)
    c.line(np.where(middle, y - curve, 9).astype(np.float32), 0.32, -12)
    membrane = 27 + 0.08 * x + 0.4 * n.line(x, 15, 4)
    c.fill(soft(y - membrane), muscle_short(x, y, name + "/posterior", db=-40))
    fascia(c, np.asarray(membrane, np.float32), 0.24, db=-10)
    tibia = 6 + 2.1 * np.clip(x - 0.5, 0, None)
    bone(c, np.asarray(tibia, np.float32), soft(8 - x, 0.3))
    fascia(c, np.asarray(top, np.float32), db=-9)
    skin(c)
    return still(c)


def fibular_nerve_long(name: str, probe: Probe) -> Scene:
    """A nerve along over the neck of the fibula, swollen like a spindle, without any cyst in it."""
    c = canvas_for(name, probe, 3)
    x, y = c.x, c.y
    n = Noise(name + "/layers")
    w = probe.width_mm
    c.fill(np.ones_like(x), fat(x / 0.8, y / 0.8, name + "/fat"))
    course = 6.3 + 0.3 * n.line(x, 18) + 0.004 * (x - w / 2) ** 2
    half = 1.3 + 1.15 * np.exp(-(((x - w / 2) / 6) ** 2))
    c.fill(soft(y - course - half - 0.8), muscle_long(*turned(x, y, 0.1), name + "/peroneus", db=-38))
    d = np.asarray(half - np.abs(y - course), np.float32)
    across = (y - course) / half * 1.6
    swollen = np.exp(-(((x - w / 2) / 7) ** 2))
    fibres = nerve_long(x, np.asarray(across, np.float32), name + "/fibres", db=-23, fascicle=0.8)
    c.fill(soft(d, 0.1), (fibres - 8 * swollen).astype(np.float32))
    c.line(d, 0.17, -11 + 2.5 * n(x / 3, y / 3))
    neck = 13.6 + 0.012 * (x - w / 2) ** 2 + 0.25 * n.line(x, 8, 5)
    bone(c, np.asarray(neck, np.float32))
    skin(c, 1.2)
    return still(c)


def mri_sagittal(name: str, width: int = 400, height: int = 480) -> Pixels:
    """A crude T2-like sagittal lumbar picture: five discs, the lowest dark and bulging backwards.

    Pixels, grey. The lowest disc's herniation is at ``MRI_HERNIATION``.
    """
    yy, xx = np.meshgrid(
        np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32), indexing="ij"
    )
    n = Noise(name)
    img = 62 + 12 * n(xx / 30, yy / 30)
    back = 176 + 26 * np.sin((yy - 40) / 400 * 2.6) - 70 * np.clip((yy - 360) / 120, 0, 1) ** 1.6 * -1
    # subcutaneous fat and muscle behind, belly in front
    img = np.where(xx > 322 + 9 * n.line(yy, 160), 205 + 14 * n(xx / 9, yy / 9), img)
    img = np.where(
        (xx > back + 62) & (xx <= 322 + 9 * n.line(yy, 160)),
        72 + 30 * smoothstep(n(xx / 14, yy / 26), 0.3, 1.6),
        img,
    )
    canal = (xx > back + 6) & (xx < back + 42)
    img = np.where(canal, 215 - 70 * np.exp(-(((xx - back - 24) / 5) ** 2)), img)
    for i in range(6):
        cy = 38 + 74 * i
        bend = float(back[min(cy, height - 1), 0])
        body = ((xx - bend + 44) / 46) ** 6 + ((yy - cy) / 28) ** 6 < 1
        img = np.where(body, 118 + 9 * n(xx / 7, yy / 7), img)
        spine = ((xx - bend - 78 + 0.3 * (yy - cy)) / 27) ** 4 + ((yy - cy - 16) / 18) ** 4 < 1
        img = np.where(spine, 128 + 10 * n(xx / 8, yy / 8), img)
        dy = cy + 37
        disc = ((xx - bend + 44) / 46) ** 6 + ((yy - dy) / 9.5) ** 4 < 1
        last = i == 4
        nucleus = np.exp(-(((xx - bend + 46) / 28) ** 2) - ((yy - dy) / 6) ** 2)
        img = np.where(disc, (40 if last else 55) + (18 if last else 120) * nucleus, img)
        if last:
            bulge = ((xx - bend - 8) / 17) ** 2 + ((yy - dy - 3) / 15) ** 2 < 1
            img = np.where(bulge & (xx > bend - 6), 46, img)
    img = blur(img.astype(np.float32), 1.3, 1.3) + 4 * n(xx / 1.1, yy / 1.1)
    vignette = 1 - 0.25 * (((xx - width / 2) / width) ** 2 + ((yy - height / 2) / height) ** 2)
    return np.asarray(np.clip(img * vignette, 0, 255), dtype=np.uint8)


def flow_blobs(
    name: str, probe: Probe, spots: list[tuple[float, float, float, float, float]], jitter: float = 0.8
) -> Array:
    """Doppler signal (-1..1) of vessels: (cx, cy, rx, ry, speed) in mm, ragged at their edges."""
    x = (np.arange(probe.width, dtype=np.float32) + 0.5) * probe.mm
    y = (np.arange(probe.height, dtype=np.float32) + 0.5) * probe.mm
    gx, gy = np.meshgrid(x, y)
    n = Noise(name + "/flow")
    out = np.zeros_like(gx)
    for cx, cy, rx, ry, speed in spots:
        d = 1 - np.hypot((gx - cx) / rx, (gy - cy) / ry) + 0.35 * jitter * n(gx / 1.1, gy / 0.8)
        strength = speed * np.clip(d * 1.6, 0, 1)
        out = np.where(np.abs(strength) > np.abs(out), strength, out)
    return np.asarray(out, np.float32)
