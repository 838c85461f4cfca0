"""How well text in pictures is found: print of many kinds drawn on frames of real ultrasound without any.

    python scripts/bench_text.py [--texts N] [--seed S]

The frames are those of ../shared/realdata (or CASEARCHIVE_REALDATA), cut to where nothing is written. Fonts: Debian's
fonts-dejavu-core and fonts-wqy-microhei. A text counts as found when something is seen where it stands.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from casearchive.deid import looking, marks, ocr
from casearchive.deid.pixels import Area, Box
from casearchive.readers import open_clip

ROOT = Path(__file__).resolve().parent.parent
REAL = Path(os.environ.get("CASEARCHIVE_REALDATA") or ROOT.parent / "shared" / "realdata")
DEJAVU, EASTERN = (
    Path("/usr/share/fonts/truetype/dejavu"),
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
)
#: Files of which nothing, or nothing inside the box, is written on.
PLAIN: dict[str, tuple[int, int, int, int] | None] = {
    "Cov_convex_volpecelli_sonographic_v1.mov": None, "Reg_Image_18122_crop.mp4": None,
    "Reg_Image_181602_trimmed_crop.mp4": None, "Reg_pat1Image_132943.mpeg": None, "Reg_pat4Image_140024.mpeg": None,
    "Reg_recommendations_alines_mov1.mov": None, "Vir_prospective_file1.mp4": None, "Vir_whitelung_h1n1.mp4": None,
    "Cov_Oliviera_2020_Fig14.jpg": None, "Cov_Oliviera_2020_Fig4A.jpg": None, "Pneu_emdocs_1.png": None,
    "Cov_unsmoothpleuralline_prelim_study_SSRN_paper6.png": None, "S1_L20_step_025.png": None,
    "S5_L20_step_025.png": None, "rectus_img_55.tif": (400, 320, 1080, 780), "GM_T_1.png": (220, 60, 900, 600),
    "example_ultrasound_image2.png": (120, 30, 900, 1000), "gdcm-US-ALOKA-16.dcm": (345, 90, 630, 400),
    "JPGLosslessP14SV1_1s_1f_8b.dcm": (330, 150, 700, 560), "color-pl.dcm": (40, 20, 180, 110),
}  # fmt: skip
TEXTS = {
    "Latin": ("MUELLER HANNA", "Smith^John", "Dr. Okafor", "DOB 14.03.1961", "ID 4711-0815", "Garcia, M.", "21/05/2019",
              "Weiß", "Novák Jiří", "Åsa Öberg"),
    "Cyrillic": ("Иванова Анна", "Петров", "г. Киев"), "Greek": ("Παπαδόπουλος", "Ελένη"),
    "Arabic": ("محمد علي", "فاطمة"), "Chinese": ("王小明", "李华", "张伟"),
    "Japanese": ("山田 太郎", "ヤマダ", "さくら"), "Korean": ("김민수", "이영희"),
}  # fmt: skip
LATIN = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansCondensed-Oblique.ttf")
COLOURS = ((255, 255, 255), (255, 255, 0), (0, 255, 0), (200, 200, 200), (255, 160, 0), (120, 180, 255))
SIZES = (9, 10, 12, 14, 18, 24)
WAYS = (
    "plain",
    "jpeg",
    "soft",
    "faint",
    "boxed",
    "white on white",
    "upright",
    "head down",
    "mirrored",
    "slanting",
)

Picture = NDArray[np.uint8]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    grounds = list(_grounds())
    if not grounds or not ocr.installed() or not EASTERN.is_file():
        print("This needs ../shared/realdata, casearchive[text] and the two fonts.")
        return 1
    lookers: dict[str, Callable[[Picture], tuple[Box, ...]]] = {
        "the sieve": lambda frame: marks.suspicious_text(frame, _whole(frame)),
        "the detector": lambda frame: tuple(p.box for p in ocr.find(frame, _whole(frame))),
        "together, as exports look": lambda frame: looking.seen_in(frame, _whole(frame)).texts,
        "together, closely": lambda frame: looking.seen_in(frame, _whole(frame), closely=True).texts,
    }
    drawn = list(_drawn(grounds, options.texts, random.Random(options.seed)))
    print(f"{len(drawn)} texts on {len(grounds)} frames of {len(PLAIN)} sources\n")
    print(
        "| who looks | found | frames without text that are flagged | ms a frame |\n| --- | --- | --- | --- |"
    )
    by: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for name, look in lookers.items():
        started = time.perf_counter()
        flagged = sum(bool(look(ground)) for ground in grounds)
        each = (time.perf_counter() - started) / len(grounds)
        for frame, where, kinds in drawn:
            hit = any(_meet(box, where) for box in look(frame))
            for kind in ("all", *kinds):
                by[kind][name].append(hit)
        found = float(np.mean(by["all"][name]))
        print(f"| {name} | {found:.1%} | {flagged} of {len(grounds)} | {1000 * each:.0f} |")
    print(f"\n| kind of print | texts | {' | '.join(lookers)} |\n| --- | --- |{' --- |' * len(lookers)}")
    for kind in (*TEXTS, *WAYS, *(f"{size} pixels" for size in SIZES)):
        some = by[kind]
        if some:
            cells = " | ".join(f"{float(np.mean(some[name])):.0%}" for name in lookers)
            print(f"| {kind} | {len(next(iter(some.values())))} | {cells} |")
    return 0


def _whole(frame: Picture) -> Area:
    rows, columns = frame.shape[:2]
    return Area(rows, columns, (Box(0, 0, columns - 1, rows - 1),), ())


def _meet(box: Box, where: Box) -> bool:
    return box.x0 <= where.x1 and where.x0 <= box.x1 and box.y0 <= where.y1 and where.y0 <= box.y1


def _grounds() -> Iterator[Picture]:
    """Frames without text, each on a black screen a little larger than itself."""
    for name, crop in PLAIN.items():
        for path in REAL.glob(f"*/{name}"):
            with contextlib.closing(open_clip(path, "0" * 64)) as clip:
                for number in sorted({1, max(1, clip.facts.instance.frames // 2)}):
                    image = Image.fromarray(clip.frame(number)).convert("RGB")
                    image = image.crop(crop) if crop else image
                    image.thumbnail((900, 900))
                    screen = Image.new("RGB", (max(640, image.width + 40), max(480, image.height + 40)))
                    screen.paste(
                        image, ((screen.width - image.width) // 2, (screen.height - image.height) // 2)
                    )
                    yield np.asarray(screen)


def _drawn(
    grounds: list[Picture], count: int, dice: random.Random
) -> Iterator[tuple[Picture, Box, tuple[str, ...]]]:
    for _ in range(count):
        script = dice.choice([*["Latin"] * 6, *TEXTS])
        size, way, ground = dice.choice(SIZES), dice.choice(WAYS), dice.choice(grounds)
        frame, where = _printed(ground, dice.choice(TEXTS[script]), _font(script, size, dice), way, dice)
        yield frame, where, (script, way, f"{size} pixels")


def _font(script: str, size: int, dice: random.Random) -> ImageFont.FreeTypeFont:
    if script in ("Chinese", "Japanese", "Korean"):
        return ImageFont.truetype(str(EASTERN), size)
    return ImageFont.truetype(str(DEJAVU / (dice.choice(LATIN) if script == "Latin" else LATIN[0])), size)


def _printed(
    ground: Picture, text: str, font: ImageFont.FreeTypeFont, way: str, dice: random.Random
) -> tuple[Picture, Box]:
    left, top, right, bottom = font.getbbox(text)
    ink = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4))
    ImageDraw.Draw(ink).text((2 - left, 2 - top), text, font=font, fill=255)
    turns = {
        "upright": Image.Transpose.ROTATE_90, "head down": Image.Transpose.ROTATE_180,
        "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
    }  # fmt: skip
    if way in turns:
        ink = ink.transpose(turns[way])
    if way == "slanting":
        ink = ink.rotate(dice.choice((-30, -15, 15, 30)), Image.Resampling.BICUBIC, expand=True)
    if way == "soft":
        ink = ink.filter(ImageFilter.GaussianBlur(0.8))
    if way == "faint":
        ink = ink.point(lambda level: level // 2)
    image, colour = Image.fromarray(ground), dice.choice(COLOURS)
    x, y = (
        dice.randint(20, max(20, image.width - ink.width - 20)),
        dice.randint(20, image.height - ink.height - 20),
    )
    if way in ("boxed", "white on white"):
        shade = (0, 0, 0) if way == "boxed" else (235, 235, 235)
        image.paste(Image.new("RGB", (ink.width + 6, ink.height + 6), shade), (x - 3, y - 3))
    image.paste(
        Image.new("RGB", ink.size, (255, 255, 255) if way == "white on white" else colour), (x, y), ink
    )
    if way == "jpeg":
        coded = io.BytesIO()
        image.save(coded, "JPEG", quality=75)
        image = Image.open(coded).convert("RGB")
    return np.asarray(image), Box(x, y, x + ink.width - 1, y + ink.height - 1)


if __name__ == "__main__":
    raise SystemExit(main())
