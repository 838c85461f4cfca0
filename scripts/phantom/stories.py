"""The catalogue: which pictures each fictional case has, and how the scanner was set for them.

Geometry is in millimetres from the top left of the scan area; ``case.toml`` repeats it in stored pixels. A test
compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from phantom import dicom, film, joints, muscles, nerves
from phantom.dicom import Person
from phantom.muscles import Layers, Scene, Tear
from phantom.nerves import Cord, Oval
from phantom.noise import Array
from phantom.probe import Curved, Linear, Look
from phantom.screen import Area, Banner, Pixels, Screen

Mm = tuple[float, float]

LINEAR = Look()
FINE = Look(axial=0.11, lateral=0.17, focus=13.0)
HOCKEY = Look(axial=0.085, lateral=0.13, focus=8.0, spread=0.02, noise_slope=0.5)
DEEP = Look(axial=0.24, lateral=0.42, focus=42.0, spread=0.008, noise_slope=0.16)


def small(mm: float, data_type: int = 1) -> Area:
    """The linear scan area of a 640 x 480 screen."""
    return Area(56, 56, Linear(500, 340, mm), data_type)


def large(mm: float) -> Area:
    """The linear scan area of an 800 x 600 screen."""
    return Area(70, 60, Linear(640, 440, mm))


def small_fan(mm: float, radius: float, half: float, data_type: int = 1) -> Area:
    """The curved scan area of a 640 x 480 screen."""
    return Area(66, 56, Curved(480, 340, mm, radius, half), data_type)


def large_fan(mm: float, radius: float, half: float) -> Area:
    """The curved scan area of an 800 x 600 screen."""
    return Area(70, 60, Curved(640, 440, mm, radius, half))


@dataclass(frozen=True)
class Shot:
    """One picture or clip."""

    file: str
    areas: tuple[Area, ...]
    scenes: Callable[[], list[Scene]]
    coding: str  # one of dicom.CODINGS, or "png" or "mp4"
    description: str
    side: str
    label: str
    phases: tuple[float, ...] = (0.0,)
    fps: int = 20
    look: Look = LINEAR
    size: tuple[int, int] = (640, 480)
    calipers: tuple[tuple[int, Mm, Mm], ...] = ()  # area number, two points in mm
    ellipses: tuple[tuple[Mm, float, float, float], ...] = ()  # in the first area: centre, radii mm, turn
    readings: tuple[str, ...] = ()
    probe: str = "L14-5"
    preset: str = "MSK"
    frequency: str = "12.0 MHz"
    colour: str = ""
    colour_box: tuple[float, float, float, float] | None = None  # mm
    flow: tuple[tuple[float, float, float, float, float], ...] = ()
    quality: int = 58
    mode_bits: str = "0001"
    body_part: str = ""
    extra: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Story:
    """One case: one fictional patient, one visit."""

    slug: str
    person: Person
    body_part: str
    shots: tuple[Shot, ...]


def manoeuvre(frames: int, rest: int, up: int, hold: int) -> tuple[float, ...]:
    """Phases of a clip: rest, rise, hold, fall, rest."""
    down = max(1, min(up, frames - rest - up - hold))
    ramp = [0.5 - 0.5 * float(np.cos(np.pi * (i + 1) / (up + 1))) for i in range(up)]
    fall = [0.5 + 0.5 * float(np.cos(np.pi * (i + 1) / (down + 1))) for i in range(down)]
    phases = [0.0] * rest + ramp + [1.0] * hold + fall
    return tuple((phases + [0.0] * frames)[:frames])


def sweep(frames: int) -> tuple[float, ...]:
    """Phases from 0 to 1 at constant speed."""
    return tuple(i / (frames - 1) for i in range(frames))


def to_and_fro(frames: int, low: float, high: float) -> tuple[float, ...]:
    """Phases that swing from 0 down to ``low``, up to ``high`` and back to 0."""
    knots = [0.0, low, 0.0, high, high, 0.0]
    times = np.array([0.0, 0.24, 0.42, 0.68, 0.76, 1.0]) * (frames - 1)
    t = np.arange(frames)
    eased: list[float] = []
    for i in t:
        k = int(np.clip(np.searchsorted(times, i, side="right") - 1, 0, len(knots) - 2))
        u = (i - times[k]) / (times[k + 1] - times[k])
        eased.append(knots[k] + (knots[k + 1] - knots[k]) * (0.5 - 0.5 * float(np.cos(np.pi * u))))
    return tuple(eased)


# -------------------------------------------------------------------------------------------- making


def screen_of(story: Story, shot: Shot) -> Screen:
    """The burnt-in screen of a shot."""
    p = story.person
    family, given = p.name.split("^")
    first = shot.areas[0]
    number = story.shots.index(shot) + 1
    minutes = int(p.time[2:4]) + 2 * number
    moment = f"{int(p.time[:2]) + minutes // 60:02d}:{minutes % 60:02d}:{p.time[4:]}"
    banner = Banner(
        patient=f"{family.upper()}, {given}",
        patient_id=p.patient_id,
        birth=f"{p.birth[6:]}.{p.birth[4:6]}.{p.birth[:4]} ({p.sex})",
        date=f"{p.date[:4]}-{p.date[4:6]}-{p.date[6:]}",
        time=moment,
        probe=shot.probe,
        preset=shot.preset,
    )
    box = None
    if shot.colour_box is not None:
        x0, y0 = first.pixel(shot.colour_box[0], shot.colour_box[1])
        x1, y1 = first.pixel(shot.colour_box[2], shot.colour_box[3])
        box = (round(x0), round(y0), round(x1), round(y1))
    return Screen(
        width=shot.size[0],
        height=shot.size[1],
        banner=banner,
        areas=shot.areas,
        look=shot.look,
        calipers=tuple((shot.areas[i].pixel(*a), shot.areas[i].pixel(*b)) for i, a, b in shot.calipers),
        ellipses=tuple(
            (first.pixel(*c), rx / first.probe.mm, ry / first.probe.mm, turn)
            for c, rx, ry, turn in shot.ellipses
        ),
        readings=shot.readings,
        label=shot.label,
        frequency=shot.frequency,
        colour_bar=shot.colour,
        colour_box=box,
        extra=shot.extra,
    )


def frames_of(story: Story, shot: Shot) -> Iterator[Pixels]:
    """The finished RGB frames of a shot, one after the other."""
    screen = screen_of(story, shot)
    chrome = screen.chrome()
    scenes = shot.scenes()
    flow: Array | None = None
    if shot.flow:
        flow = joints.flow_blobs(f"{story.slug}/{shot.file}", shot.areas[0].probe, list(shot.flow))
    for i, phase in enumerate(shot.phases):
        greys = [
            area.probe.image(scene(phase), shot.look, f"{story.slug}/{shot.file}/{i}/{k}")
            for k, (area, scene) in enumerate(zip(shot.areas, scenes, strict=True))
        ]
        yield screen.frame(chrome, greys, flow)


def make(story: Story, shot: Shot, folder: Path) -> Path:
    """Write one shot; returns its path."""
    path = folder / shot.file
    if shot.file == MRI_FILE:
        film.write_png(path, joints.mri_sagittal(story.slug))
        return path
    frames = np.stack(list(frames_of(story, shot)))
    if shot.coding == "png":
        film.write_png(path, frames[0])
    elif shot.coding == "mp4":
        film.write_mp4(path, frames, shot.fps)
    else:
        series = dicom.Series(
            case=story.slug,
            name=path.stem,
            number=story.shots.index(shot) + 1,
            description=shot.description,
            body_part=shot.body_part or story.body_part,
            side=shot.side,
            fps=shot.fps,
            mode_bits=shot.mode_bits,
        )
        dicom.write(path, screen_of(story, shot), story.person, series, frames, shot.coding, shot.quality)
    return path


MRI_FILE = "mri-sagittal.png"


def _person(
    name: str,
    number: str,
    birth: str,
    sex: str,
    age: str,
    accession: str,
    referrer: str,
    when: str,
    study: str,
) -> Person:
    date, time = when.split()
    return Person(name, number, birth, sex, age, accession, referrer, date, time, study)


# ------------------------------------------------------------------------------------------ catalogue


def _rectus() -> Story:
    rest = Layers(7.5, 20.5, 29.5)
    slug = "rectus-femoris-complete-tear"
    return Story(
        slug,
        _person(
            "Quillfeather^Orsino",
            "SE-410027",
            "20020417",
            "M",
            "024Y",
            "SEF2600141",
            "Wimberlow^Tancred",
            "20260512 101204",
            "MSK US right thigh",
        ),
        "THIGH",
        (
            Shot(
                "short-axis-rest.dcm",
                (large(0.075),),
                lambda: [muscles.thigh_short(slug, large(0.075).probe, rest, 19, 24, tear=(24, 14, 3, 5.2))],
                "raw-mono",
                "Short axis right rest",
                "R",
                "RF  SAX  RIGHT  rest",
                size=(800, 600),
                calipers=((0, (21, 14), (27, 14)),),
                readings=("1  Dist 6.0 mm",),
            ),
            Shot(
                "long-axis-contraction.dcm",
                (small(0.1),),
                lambda: [
                    muscles.torn_long(
                        slug + "/lax", small(0.1).probe, Layers(), Tear((24.4, 7.4), (30.4, 38.4))
                    )
                ],
                "jpeg",
                "Long axis right contraction",
                "R",
                "RF  LAX  RIGHT  resisted extension",
                phases=manoeuvre(36, 6, 10, 8),
                fps=18,
                quality=56,
            ),
            Shot(
                "panoramic-long-axis.dcm",
                (Area(70, 60, Linear(640, 230, 0.22)),),
                lambda: [
                    muscles.panorama(
                        slug + "/pan", Linear(640, 230, 0.22), Layers(9, 25, 42, 0.1), (70, 18, 27, 9.5)
                    )
                ],
                "j2k-mono",
                "Extended field of view right",
                "R",
                "RF  EFOV  RIGHT",
                size=(800, 400),
                calipers=((0, (43, 18), (97, 18)), (0, (70, 8.5), (70, 27.5))),
                readings=("1  Dist 54.0 mm", "2  Dist 19.0 mm"),
                look=Look(axial=0.2, lateral=0.34),
            ),
            Shot(
                "short-axis-power-doppler.dcm",
                (small(0.1, 2),),
                lambda: [
                    muscles.thigh_short(
                        slug + "/pd",
                        small(0.1, 2).probe,
                        Layers(7, 20, 30),
                        20,
                        25,
                        tear=(27, 13.5, 5.5, 4.9),
                    )
                ],
                "rle-rgb",
                "Short axis right power Doppler",
                "R",
                "RF  SAX  RIGHT  PD",
                colour="power",
                colour_box=(14, 5, 40, 24),
                mode_bits="0081",
                flow=(
                    (20.3, 11.5, 0.8, 1.6, 0.9),
                    (19.8, 16.0, 1.2, 0.7, 0.7),
                    (33.6, 15.5, 0.7, 1.5, 0.8),
                    (33.9, 10.4, 0.9, 0.6, 0.5),
                ),
                extra=("PD PRF 0.7 kHz",),
            ),
            Shot(
                "both-sides-short-axis.dcm",
                (Area(44, 60, Linear(340, 430, 0.1)), Area(420, 60, Linear(340, 430, 0.1))),
                lambda: [
                    muscles.thigh_short(
                        slug + "/r",
                        Linear(340, 430, 0.1),
                        Layers(7, 20.2, 33),
                        15.8,
                        17,
                        thickness=13.2,
                        bright=5,
                    ),
                    muscles.thigh_short(
                        slug + "/l", Linear(340, 430, 0.1), Layers(7, 28, 37), 15.8, 17, thickness=21.0
                    ),
                ],
                "palette",
                "Both sides short axis",
                "B",
                "RF  SAX   RIGHT | LEFT",
                size=(800, 600),
                calipers=((0, (17, 7), (17, 20.2)), (1, (17, 7), (17, 28))),
                readings=("1  R Dist 13.2 mm", "2  L Dist 21.0 mm"),
            ),
        ),
    )


def _piriformis() -> Story:
    slug = "sciatic-entrapment-piriformis"
    fan = large_fan(0.16, 45, 0.45)
    clip = small_fan(0.2, 45, 0.42)
    curved = {"probe": "C6-2", "preset": "Hip", "frequency": "5.0 MHz", "look": DEEP}
    return Story(
        slug,
        _person(
            "Brambleworth^Isaura",
            "SE-410114",
            "19871102",
            "F",
            "038Y",
            "SEF2600202",
            "Ottersby^Ludmila",
            "20260609 142210",
            "MSK US gluteal both sides",
        ),
        "BUTTOCK",
        (
            Shot(
                "piriformis-long-axis.dcm",
                (fan,),
                lambda: [nerves.piriformis_long(slug + "/pir", fan.probe, 13.1, (52, 44))],
                "j2k-mono",
                "Piriformis long axis left",
                "L",
                "PIRIFORMIS  LAX  LEFT",
                size=(800, 600),
                calipers=((0, (52, 37.45), (52, 50.55)),),
                readings=("1  Dist 13.1 mm",),
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "nerve-short-axis.dcm",
                (fan,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/sax",
                        fan.probe,
                        Oval(50, 47, 6.6, 3.76, 0.1, 1.05, ground=-26, dark=-45),
                        17,
                        41,
                        (78, 51, 10),
                    )
                ],
                "rle-mono",
                "Sciatic nerve short axis left",
                "L",
                "SCIATIC N  SAX  LEFT",
                size=(800, 600),
                ellipses=(((50, 47), 6.6, 3.76, 0.1),),
                readings=("1  Area 78.0 mm2",),
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "gliding-left.dcm",
                (clip,),
                lambda: [
                    nerves.nerve_glide(
                        slug + "/left",
                        clip.probe,
                        Cord(49, 0.05, 5.6, at=47, spread=12, dip=3),
                        2.1,
                        17,
                        roof=(47, 42, 13, 6.5),
                        press=2.2,
                        fascicle=1.2,
                    )
                ],
                "jpeg-mono",
                "Sciatic nerve long axis left rotation",
                "L",
                "SCIATIC N  LAX  LEFT  int. rotation",
                phases=manoeuvre(32, 4, 9, 6),
                fps=16,
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "gliding-right.mp4",
                (clip,),
                lambda: [
                    nerves.nerve_glide(
                        slug + "/right",
                        clip.probe,
                        Cord(49, 0.04, 4.6, at=47, spread=13, dip=1.0),
                        6.8,
                        17,
                        roof=(47, 42.6, 12, 4.5),
                        press=0.3,
                        fascicle=1.1,
                    )
                ],
                "mp4",
                "",
                "R",
                "SCIATIC N  LAX  RIGHT  int. rotation",
                phases=manoeuvre(32, 4, 9, 6),
                fps=16,
                **curved,  # type: ignore[arg-type]
            ),
        ),
    )


def _disc() -> Story:
    slug = "disc-herniation-normal-sciatic-nerve"
    fan = large_fan(0.16, 45, 0.45)
    clip = small_fan(0.2, 45, 0.42)
    curved = {"probe": "C9-2", "preset": "Nerve", "frequency": "6.0 MHz", "look": DEEP}
    return Story(
        slug,
        _person(
            "Thistlequaite^Barnabo",
            "SE-410231",
            "19810225",
            "M",
            "045Y",
            "SEF2600265",
            "Ottersby^Ludmila",
            "20260702 091530",
            "MSK US right gluteal and thigh",
        ),
        "BUTTOCK",
        (
            Shot(
                "nerve-short-axis.dcm",
                (fan,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/sax",
                        fan.probe,
                        Oval(48, 43, 5.6, 2.9, -0.1, 1.2, ground=-17),
                        15,
                        37,
                        (74, 46, 11),
                    )
                ],
                "palette",
                "Sciatic nerve short axis right",
                "R",
                "SCIATIC N  SAX  RIGHT",
                size=(800, 600),
                ellipses=(((48, 43), 5.6, 2.9, -0.1),),
                readings=("1  Area 51.0 mm2",),
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "slider-long-axis.dcm",
                (clip,),
                lambda: [
                    nerves.nerve_glide(slug + "/lax", clip.probe, Cord(40, -0.03, 4.6), 7.5, 14, fascicle=1.1)
                ],
                "jpeg",
                "Sciatic nerve long axis right slider",
                "R",
                "SCIATIC N  LAX  RIGHT  slider",
                phases=manoeuvre(30, 2, 12, 3),
                fps=15,
                **curved,  # type: ignore[arg-type]
            ),
            Shot(MRI_FILE, (), list, "png", "", "R", ""),
        ),
    )


def _normal() -> Story:
    slug = "normal-sciatic-nerve-reference"
    wide = large(0.1)
    clip = small(0.1)
    return Story(
        slug,
        _person(
            "Fennimirth^Aurelka",
            "SE-410305",
            "19950819",
            "F",
            "031Y",
            "SEF2600318",
            "Wimberlow^Tancred",
            "20260911 160045",
            "MSK US sciatic both sides",
        ),
        "THIGH",
        (
            Shot(
                "left-short-axis.dcm",
                (wide,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/left", wide.probe, Oval(31, 20.5, 4.7, 3.115, 0.15, 0.85), 5.5, 15.5
                    )
                ],
                "j2k-mono",
                "Sciatic nerve short axis left",
                "L",
                "SCIATIC N  SAX  LEFT  mid thigh",
                size=(800, 600),
                ellipses=(((31, 20.5), 4.7, 3.115, 0.15),),
                readings=("1  Area 46.0 mm2",),
                look=FINE,
                probe="L12-4",
                preset="Nerve",
            ),
            Shot(
                "right-short-axis.dcm",
                (wide,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/right", wide.probe, Oval(33, 21, 4.8, 3.183, -0.1, 0.85), 5.2, 16.2
                    )
                ],
                "j2k-mono",
                "Sciatic nerve short axis right",
                "R",
                "SCIATIC N  SAX  RIGHT  mid thigh",
                size=(800, 600),
                ellipses=(((33, 21), 4.8, 3.183, -0.1),),
                readings=("1  Area 48.0 mm2",),
                look=FINE,
                probe="L12-4",
                preset="Nerve",
            ),
            Shot(
                "right-sweep.dcm",
                (clip,),
                lambda: [nerves.nerve_sweep(slug + "/sweep", clip.probe)],
                "jpeg-mono",
                "Sciatic nerve sweep right",
                "R",
                "SCIATIC N  SAX  RIGHT  sweep",
                phases=sweep(40),
                fps=20,
                look=FINE,
                probe="L12-4",
                preset="Nerve",
                quality=54,
            ),
            Shot(
                "left-slider.mp4",
                (clip,),
                lambda: [nerves.nerve_glide(slug + "/slide", clip.probe, Cord(18, 0.03, 5.6), 8.2, 5.5)],
                "mp4",
                "",
                "L",
                "SCIATIC N  LAX  LEFT  slider",
                phases=manoeuvre(36, 2, 14, 3),
                fps=18,
                look=FINE,
                probe="L12-4",
                preset="Nerve",
            ),
        ),
    )


def _biceps() -> Story:
    slug = "biceps-femoris-partial-tear"
    still_, clip = large(0.075), small(0.1)
    layers = Layers(6.5, 19.5, 29, 0.16, -0.12, bone=False)
    tear = Tear((21.5, 18.8), (26.5, 27.8), reach=0.56, fray=0.2, blunt=2.0)
    cine = Tear((22.5, 19.8), (27.5, 28.8), reach=0.56, fray=0.2, blunt=2.0)
    return Story(
        slug,
        _person(
            "Zephyrine^Coriolan",
            "SE-410388",
            "20040130",
            "M",
            "022Y",
            "SEF2600377",
            "Marrowby^Philippa",
            "20260618 083340",
            "MSK US left thigh",
        ),
        "THIGH",
        (
            Shot(
                "long-axis-rest.dcm",
                (still_,),
                lambda: [muscles.torn_long(slug + "/rest", still_.probe, layers, tear)],
                "j2k-mono",
                "Long axis left rest",
                "L",
                "BF LH  LAX  LEFT  rest",
                size=(800, 600),
                calipers=((0, (21.5, 9), (26.5, 9)),),
                readings=("1  Dist 5.0 mm",),
            ),
            Shot(
                "long-axis-contraction.dcm",
                (clip,),
                lambda: [muscles.torn_long(slug + "/cine", clip.probe, layers, cine)],
                "jpeg-mono",
                "Long axis left contraction",
                "L",
                "BF LH  LAX  LEFT  resisted flexion",
                phases=manoeuvre(32, 4, 9, 7),
                fps=16,
                quality=56,
            ),
            Shot(
                "short-axis-power-doppler.dcm",
                (small(0.1, 2),),
                lambda: [
                    muscles.thigh_short(
                        slug + "/pd",
                        clip.probe,
                        Layers(6.5, 20, 40, bone=False),
                        17,
                        24,
                        tear=(25, 11.2, 4.0, 2.6),
                    )
                ],
                "rle-rgb",
                "Short axis left power Doppler",
                "L",
                "BF LH  SAX  LEFT  PD",
                colour="power",
                colour_box=(13, 4.5, 38, 22),
                mode_bits="0081",
                flow=(
                    (20.4, 10.2, 0.9, 1.5, 0.95),
                    (29.8, 11.8, 1.0, 1.9, 0.9),
                    (24.0, 14.6, 2.2, 0.6, 0.8),
                    (27.4, 8.0, 1.6, 0.5, 0.6),
                    (21.9, 13.5, 0.7, 0.7, 0.6),
                ),
                extra=("PD PRF 0.7 kHz",),
            ),
            Shot(
                "semitendinosus-short-axis.png",
                (clip,),
                lambda: [
                    muscles.thigh_short(slug + "/st", clip.probe, Layers(6, 22, 40, bone=False), 15, 27)
                ],
                "png",
                "",
                "L",
                "ST  SAX  LEFT",
            ),
        ),
    )


def _tarsal() -> Story:
    slug = "tarsal-tunnel-ganglion"
    still_, clip = large(0.05), small(0.06)
    nerve = Oval(16.5, 8.3, 3.2, 2.09, 0.1, 0.5, dark=-43)
    cyst = (17.0, 12.6, 5.5, 2.2)
    hockey = {"probe": "L18-8", "preset": "Foot", "frequency": "16.0 MHz", "look": HOCKEY}
    vessels = tuple(
        (x, y, 0.95 * r, 0.85 * r, v)
        for (x, y, r), v in zip(joints.TARSAL_VESSELS, (0.9, -0.6, -0.55), strict=True)
    )
    return Story(
        slug,
        _person(
            "Pomfrette^Ghislaine",
            "SE-410446",
            "19740307",
            "F",
            "052Y",
            "SEF2600430",
            "Marrowby^Philippa",
            "20260714 111820",
            "MSK US right ankle",
        ),
        "ANKLE",
        (
            Shot(
                "short-axis-cyst.dcm",
                (still_,),
                lambda: [joints.tarsal_tunnel(slug + "/still", still_.probe, nerve, cyst)],
                "j2k-rgb",
                "Tarsal tunnel short axis right",
                "R",
                "TARSAL TUNNEL  SAX  RIGHT",
                size=(800, 600),
                ellipses=(((16.5, 8.3), 3.2, 2.09, 0.1),),
                calipers=((0, (11.5, 12.6), (22.5, 12.8)),),
                readings=("1  Dist 11.0 mm", "2  Area 21.0 mm2"),
                **hockey,  # type: ignore[arg-type]
            ),
            Shot(
                "dorsiflexion.dcm",
                (clip,),
                lambda: [joints.tarsal_tunnel(slug + "/cine", clip.probe, nerve, cyst)],
                "jpeg",
                "Tarsal tunnel short axis right dorsiflexion",
                "R",
                "TARSAL TUNNEL  SAX  RIGHT  dorsiflexion",
                phases=manoeuvre(30, 6, 8, 6),
                fps=15,
                **hockey,  # type: ignore[arg-type]
            ),
            Shot(
                "colour-doppler.dcm",
                (small(0.06, 2),),
                lambda: [joints.tarsal_tunnel(slug + "/cd", clip.probe, nerve, cyst)],
                "raw-rgb",
                "Tarsal tunnel short axis right colour Doppler",
                "R",
                "TARSAL TUNNEL  SAX  RIGHT  CD",
                colour="colour",
                colour_box=(8.5, 3.6, 24.5, 16.2),
                flow=vessels,
                mode_bits="0011",
                extra=("CD PRF 1.0 kHz",),
                **hockey,  # type: ignore[arg-type]
            ),
        ),
    )


def _fibular() -> Story:
    slug = "foot-drop-common-fibular-nerve"
    still_, lax = large(0.05), small(0.06)
    pane = Linear(340, 400, 0.1)
    hockey = {"probe": "L18-8", "preset": "Nerve", "frequency": "16.0 MHz", "look": HOCKEY}
    return Story(
        slug,
        _person(
            "Vandelquist^Ambrosius",
            "SE-410519",
            "19961206",
            "M",
            "029Y",
            "SEF2600482",
            "Ottersby^Ludmila",
            "20260804 134455",
            "MSK US left knee and leg",
        ),
        "KNEE",
        (
            Shot(
                "nerve-short-axis.dcm",
                (still_,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/sax",
                        still_.probe,
                        Oval(15, 7.6, 3.4, 2.247, 0.1, 0.62, dark=-45, ground=-33, rim=-14),
                        2.9,
                        4.9,
                        (17.5, 12.4, 9),
                    )
                ],
                "raw-mono",
                "Common fibular nerve short axis left",
                "L",
                "CFN  SAX  LEFT  fibular neck",
                size=(800, 600),
                ellipses=(((15, 7.6), 3.4, 2.247, 0.1),),
                readings=("1  Area 24.0 mm2",),
                **hockey,  # type: ignore[arg-type]
            ),
            Shot(
                "nerve-long-axis.dcm",
                (lax,),
                lambda: [joints.fibular_nerve_long(slug + "/lax", lax.probe)],
                "j2k-mono",
                "Common fibular nerve long axis left",
                "L",
                "CFN  LAX  LEFT",
                **hockey,  # type: ignore[arg-type]
            ),
            Shot(
                "tibialis-anterior-both-sides.dcm",
                (Area(44, 60, pane), Area(420, 60, pane)),
                lambda: [
                    joints.shin_short(slug + "/ta-l", pane, 8.0),
                    joints.shin_short(slug + "/ta-r", pane, 0.0),
                ],
                "palette",
                "Tibialis anterior both sides short axis",
                "B",
                "TA  SAX   LEFT | RIGHT",
                size=(800, 600),
                probe="L14-5",
            ),
        ),
    )


def _tennis_leg() -> Story:
    slug = "tennis-leg-thrombosis-excluded"
    still_, clip = large(0.09), small(0.1)
    return Story(
        slug,
        _person(
            "Oakensworth^Lysander",
            "SE-410602",
            "19780521",
            "M",
            "048Y",
            "SEF2600539",
            "Hathersmoor^Rosamund",
            "20260826 175012",
            "MSK US left calf",
        ),
        "CALF",
        (
            Shot(
                "long-axis-rest.dcm",
                (still_,),
                lambda: [muscles.calf_tear(slug + "/still", still_.probe, 48, 6.5)],
                "j2k-mono",
                "Medial gastrocnemius long axis left",
                "L",
                "MG  LAX  LEFT  rest",
                size=(800, 600),
                calipers=((0, (5.6, 17.6), (53.6, 16.6)),),
                readings=("1  Dist 48.0 mm",),
                probe="L12-5",
            ),
            Shot(
                "long-axis-plantarflexion.dcm",
                (clip,),
                lambda: [muscles.calf_tear(slug + "/cine", clip.probe, 40, 6)],
                "jpeg-mono",
                "Medial gastrocnemius long axis left plantarflexion",
                "L",
                "MG  LAX  LEFT  active plantarflexion",
                phases=manoeuvre(32, 4, 10, 5),
                fps=16,
                probe="L12-5",
                quality=56,
            ),
            Shot(
                "popliteal-vein-compression.mp4",
                (clip,),
                lambda: [joints.vein_compression(slug + "/vein", clip.probe)],
                "mp4",
                "",
                "L",
                "POP V  SAX  LEFT  compression",
                phases=manoeuvre(32, 4, 9, 6),
                fps=16,
                probe="L12-5",
                preset="Vein",
            ),
        ),
    )


def _achilles() -> Story:
    slug = "achilles-complete-rupture"
    still_, clip, fine = large(0.075), small(0.1), small(0.07)
    layers = Layers(4.2, 9.8, 29, 0.0)
    rest = Tear((20, 13), (28, 33), fray=0.55, blunt=0.8, clot_db=-47)
    cine = Tear((21, 14), (29, 36), fray=0.55, blunt=0.8, clot_db=-47)
    return Story(
        slug,
        _person(
            "Wrenquillet^Caspar",
            "SE-410677",
            "19850611",
            "M",
            "041Y",
            "SEF2600588",
            "Hathersmoor^Rosamund",
            "20260930 122733",
            "MSK US right ankle",
        ),
        "ANKLE",
        (
            Shot(
                "long-axis-rest.dcm",
                (still_,),
                lambda: [muscles.torn_long(slug + "/still", still_.probe, layers, rest, kind="tendon")],
                "rle-mono",
                "Achilles long axis right rest",
                "R",
                "ACHILLES  LAX  RIGHT  rest",
                size=(800, 600),
                calipers=((0, (20, 7), (28, 7)),),
                readings=("1  Dist 8.0 mm",),
                look=FINE,
                probe="L15-6",
                frequency="14.0 MHz",
            ),
            Shot(
                "long-axis-dorsiflexion.dcm",
                (clip,),
                lambda: [muscles.torn_long(slug + "/cine", clip.probe, layers, cine, kind="tendon")],
                "jpeg-mono",
                "Achilles long axis right passive motion",
                "R",
                "ACHILLES  LAX  RIGHT  plantar > dorsi",
                phases=to_and_fro(40, -4 / 7, 1.0),
                fps=20,
                look=FINE,
                probe="L15-6",
                frequency="14.0 MHz",
                quality=56,
            ),
            Shot(
                "plantaris-short-axis.png",
                (fine,),
                lambda: [joints.plantaris_short(slug + "/plantaris", fine.probe)],
                "png",
                "",
                "R",
                "PLANTARIS  SAX  RIGHT  medial",
                look=HOCKEY,
                probe="L15-6",
                frequency="14.0 MHz",
            ),
        ),
    )


def _multifidus() -> Story:
    slug = "spondylolisthesis-multifidus-atrophy"
    fan = large_fan(0.17, 50, 0.43)
    clip = small_fan(0.19, 50, 0.4)
    curved = {"probe": "C6-2", "preset": "Spine", "frequency": "5.0 MHz", "look": DEEP}
    mid = fan.probe.width_mm / 2
    return Story(
        slug,
        _person(
            "Applequell^Theodosia",
            "SE-410733",
            "19590104",
            "F",
            "067Y",
            "SEF2600631",
            "Kestrelby^Anselm",
            "20261006 094118",
            "MSK US lumbar paraspinal",
        ),
        "LSPINE",
        (
            Shot(
                "both-sides-short-axis.dcm",
                (fan,),
                lambda: [joints.multifidus_short(slug + "/sax", fan.probe, 18, 17)],
                "j2k-mono",
                "Multifidus short axis both sides",
                "B",
                "MULTIFIDUS  SAX  L4/L5",
                size=(800, 600),
                calipers=(
                    (0, (mid - 16, 17.96), (mid - 16, 35.96)),
                    (0, (mid + 16, 17.96), (mid + 16, 34.96)),
                ),
                readings=("1  L Dist 18.0 mm", "2  R Dist 17.0 mm"),
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "arm-lift-long-axis.dcm",
                (clip,),
                lambda: [joints.multifidus_long(slug + "/lax", clip.probe, 18, 19)],
                "rle-mono",
                "Multifidus long axis left arm lift",
                "L",
                "MULTIFIDUS  LAX  LEFT  arm lift",
                phases=manoeuvre(12, 1, 4, 3),
                fps=10,
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "sciatic-nerve-short-axis.dcm",
                (clip,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/nerve",
                        clip.probe,
                        Oval(44, 40, 5.4, 2.8, 0.1, 1.2, ground=-17),
                        16,
                        34,
                        (70, 44, 10),
                    )
                ],
                "raw-mono",
                "Sciatic nerve short axis left",
                "L",
                "SCIATIC N  SAX  LEFT",
                body_part="BUTTOCK",
                **curved,  # type: ignore[arg-type]
            ),
        ),
    )


def _sacroiliac() -> Story:
    slug = "sacroiliac-joint-imitating-sciatica"
    fan = small_fan(0.13, 40, 0.375)
    buttock = small_fan(0.18, 45, 0.42)
    look = Look(axial=0.18, lateral=0.32, focus=22.0, spread=0.01, noise_slope=0.2)
    curved = {"probe": "C9-2", "preset": "Spine", "frequency": "8.0 MHz"}
    return Story(
        slug,
        _person(
            "Merriwhistle^Blanchefleur",
            "SE-410805",
            "19920213",
            "F",
            "034Y",
            "SEF2600690",
            "Kestrelby^Anselm",
            "20261021 150259",
            "MSK US right sacroiliac",
        ),
        "SIJOINT",
        (
            Shot(
                "ligament-sonopalpation.dcm",
                (fan,),
                lambda: [joints.sacroiliac(slug + "/still", fan.probe, 7.4)],
                "j2k-mono",
                "Posterior sacroiliac ligament right",
                "R",
                "SIJ  OBL  RIGHT  sonopalpation",
                look=look,
                calipers=((0, (29, 17.8), (29, 25.2)),),
                readings=("1  Dist 7.4 mm",),
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "ligament-power-doppler.dcm",
                (small_fan(0.13, 40, 0.375, 2),),
                lambda: [joints.sacroiliac(slug + "/pd", fan.probe, 7.4)],
                "rle-rgb",
                "Posterior sacroiliac ligament right power Doppler",
                "R",
                "SIJ  OBL  RIGHT  PD",
                look=look,
                colour="power",
                colour_box=(17, 13, 43, 28),
                flow=((25.5, 19.6, 1.0, 0.55, 0.8), (34.0, 21.8, 0.7, 0.5, 0.6)),
                mode_bits="0081",
                extra=("PD PRF 0.6 kHz",),
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "sciatic-nerve-rotation.dcm",
                (buttock,),
                lambda: [
                    nerves.nerve_short(
                        slug + "/nerve",
                        buttock.probe,
                        Oval(41, 38, 5.4, 2.8, 0.1, 1.2, ground=-17),
                        15,
                        33,
                        (66, 43, 9),
                        (3.4, 0.9),
                    )
                ],
                "jpeg-mono",
                "Sciatic nerve short axis right rotation",
                "R",
                "SCIATIC N  SAX  RIGHT  int. rotation",
                look=DEEP,
                phases=manoeuvre(28, 3, 9, 4),
                fps=14,
                body_part="BUTTOCK",
                **curved,  # type: ignore[arg-type]
            ),
            Shot(
                "guided-injection.mp4",
                (fan,),
                lambda: [joints.sacroiliac(slug + "/needle", fan.probe, 7.4, needle=True)],
                "mp4",
                "",
                "R",
                "SIJ  OBL  RIGHT  injection",
                look=look,
                phases=sweep(32),
                fps=16,
                **curved,  # type: ignore[arg-type]
            ),
        ),
    )


def _ossification() -> Story:
    slug = "myositis-ossificans-vastus-intermedius"
    still_, clip = large(0.09), small(0.1)
    rim = tuple(
        (25 + 10.2 * float(np.cos(a)), 25.6 + 5.2 * float(np.sin(a)), 1.1, 0.7, v)
        for a, v in ((-2.6, 0.9), (-2.05, 0.7), (-0.5, 0.85), (0.1, 0.9), (3.0, 0.7), (-1.2, 0.55))
    )
    return Story(
        slug,
        _person(
            "Dunwhistle^Evander",
            "SE-410871",
            "20070328",
            "M",
            "019Y",
            "SEF2600744",
            "Wimberlow^Tancred",
            "20261104 103627",
            "MSK US left thigh",
        ),
        "THIGH",
        (
            Shot(
                "short-axis-mass.dcm",
                (still_,),
                lambda: [
                    muscles.thigh_short(
                        slug + "/still",
                        still_.probe,
                        Layers(6.5, 18, 36.5),
                        21,
                        29,
                        mass=(29, 25.6, 13.5, 6.4),
                    )
                ],
                "j2k-mono",
                "Vastus intermedius short axis left",
                "L",
                "VI  SAX  LEFT",
                size=(800, 600),
                calipers=((0, (15.5, 25.6), (42.5, 25.6)),),
                readings=("1  Dist 27.0 mm",),
            ),
            Shot(
                "long-axis-contraction.dcm",
                (clip,),
                lambda: [
                    muscles.torn_long(
                        slug + "/cine",
                        clip.probe,
                        Layers(6.5, 17.5, 32),
                        None,
                        slide=-6.5,
                        mass=(26, 24.6, 13, 5.2),
                    )
                ],
                "jpeg",
                "Rectus femoris long axis left contraction",
                "L",
                "RF  LAX  LEFT  resisted extension",
                phases=manoeuvre(32, 4, 9, 7),
                fps=16,
                quality=56,
            ),
            Shot(
                "short-axis-power-doppler.dcm",
                (small(0.1, 2),),
                lambda: [
                    muscles.thigh_short(
                        slug + "/pd", clip.probe, Layers(6.5, 18, 36), 19, 25, mass=(25, 25.6, 10.5, 5.4)
                    )
                ],
                "j2k-rgb",
                "Vastus intermedius short axis left power Doppler",
                "L",
                "VI  SAX  LEFT  PD",
                colour="power",
                colour_box=(11, 16.5, 40, 33),
                flow=rim,
                mode_bits="0081",
                extra=("PD PRF 0.7 kHz",),
            ),
        ),
    )


def catalogue() -> tuple[Story, ...]:
    """All cases, in the order in which they are made."""
    return (
        _rectus(), _piriformis(), _disc(), _normal(), _biceps(), _tarsal(),
        _fibular(), _tennis_leg(), _achilles(), _multifidus(), _sacroiliac(), _ossification(),
    )  # fmt: skip
