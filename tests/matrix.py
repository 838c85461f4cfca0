"""The matrix of picture formats: what is made, by whom, and how exactly casearchive must show it.

One ``Row`` is one way in which a scanner may store a picture. ``make`` gives the bytes of a DICOM file of the
coloured patches in ``scene``, encoded by somebody else than the decoder under test. ``docs/formats.md`` is written
from these rows (``scripts/make_formats.py``); ``test_formats.py`` holds casearchive to them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from encoders import (
    BIG,
    DEFLATED,
    EXPLICIT,
    FRAMES,
    IMPLICIT,
    RLE,
    as_partial,
    as_ybr,
    bare_jpeg,
    by_tool,
    compressed,
    deep,
    greys,
    imagecodecs,
    jpeg_family,
    native,
    odd,
    packbits,
    pillow,
    planes,
    scene,
    screen,
    shared,
    video,
    video_inside,
    with_tables,
)


@dataclass(frozen=True)
class Row:
    """``syntax`` is the transfer syntax; ``colour`` and ``variant`` say for a person how the pixels are stored.

    ``within`` is the largest difference allowed in any pixel (lossless) or in any pixel that is 6 or more from the
    edge of a patch (``lossy``). ``needs`` are extras of casearchive, ``tool`` the program that encodes.
    ``note`` is part of a note that the instance must carry.
    """

    syntax: str
    colour: str
    variant: str
    encoder: str
    make: Callable[[Path], bytes]
    expected: Callable[[int], np.ndarray] = scene
    within: int = 0
    lossy: bool = False
    frames: int = FRAMES
    needs: str = ""
    tool: str = ""
    note: str = ""
    judge: bool = True

    @property
    def name(self) -> str:
        return f"{self.syntax.rpartition('.')[2]}-{self.colour}-{self.variant}-{self.encoder}".replace(
            " ", "_"
        )


# ------------------------------------------------------------------------------------------------------ rows


def rows() -> list[Row]:
    return [
        *_native(),
        *_palette(),
        *_run_length(),
        *_jpeg(),
        *_jpeg_ls(),
        *_jpeg2000(),
        *_xl(),
        *_video(),
        *_wrong(),
    ]


def _native() -> list[Row]:
    found = []
    for syntax in (IMPLICIT, EXPLICIT, BIG, DEFLATED):
        found += [
            Row(syntax, "RGB", "by pixel", "numpy", native(syntax, "RGB", scene)),
            Row(syntax, "MONOCHROME2", "8 bit", "numpy", native(syntax, "MONOCHROME2", greys), greys),
        ]
    for syntax in (EXPLICIT, BIG):
        window = {"BitsStored": 12, "HighBit": 11, "WindowCenter": "2040.5", "WindowWidth": "4081"}
        found += [
            Row(
                syntax,
                "RGB",
                "by plane",
                "numpy",
                native(syntax, "RGB", scene, packed=planes, PlanarConfiguration=1),
            ),
            Row(
                syntax,
                "MONOCHROME2",
                "12 of 16 bit with a window",
                "numpy",
                native(syntax, "MONOCHROME2", deep, **window),
                greys,
                within=1,
            ),
            Row(
                syntax,
                "YBR_FULL",
                "by pixel",
                "numpy",
                native(syntax, "YBR_FULL", lambda n: as_ybr(scene(n))),
                within=2,
            ),
        ]
    found += [
        Row(
            EXPLICIT,
            "MONOCHROME1",
            "8 bit",
            "numpy",
            native(EXPLICIT, "MONOCHROME1", lambda n: 255 - greys(n)),
            greys,
        ),
        Row(
            EXPLICIT,
            "MONOCHROME2",
            "16 bit without a window",
            "numpy",
            native(EXPLICIT, "MONOCHROME2", lambda n: greys(n).astype(np.uint16) * 257),
            greys,
            judge=False,
        ),
        Row(
            EXPLICIT,
            "YBR_FULL",
            "by plane",
            "numpy",
            native(EXPLICIT, "YBR_FULL", lambda n: as_ybr(scene(n)), packed=planes, PlanarConfiguration=1),
            within=2,
        ),
        Row(
            EXPLICIT,
            "YBR_FULL_422",
            "two pixels share chroma",
            "numpy",
            native(EXPLICIT, "YBR_FULL_422", lambda n: as_ybr(scene(n)), packed=shared),
            within=2,
        ),
        Row(
            EXPLICIT,
            "YBR_FULL_422",
            "odd width",
            "numpy",
            native(EXPLICIT, "YBR_FULL_422", lambda n: as_ybr(odd(n)), packed=shared),
            odd,
            within=2,
            judge=False,
        ),
        Row(
            EXPLICIT,
            "YBR_PARTIAL_422",
            "two pixels share chroma",
            "numpy",
            native(EXPLICIT, "YBR_PARTIAL_422", lambda n: as_partial(scene(n)), packed=shared),
            within=3,
            judge=False,
        ),
        Row(
            EXPLICIT,
            "RGB",
            "odd size, one frame",
            "numpy",
            native(EXPLICIT, "RGB", odd, frames=1),
            odd,
            frames=1,
        ),
    ]
    return found


def _palette() -> list[Row]:
    found = []
    for syntax in (EXPLICIT, BIG):
        for depth, form, variant in (
            (8, "words", "8-bit table, an entry a word"),
            (8, "bytes", "8-bit table, two entries a word"),
            (16, "words", "16-bit table"),
            (16, "segments", "16-bit table in segments"),
        ):
            # DCMTK reads a table of bytes as words in big endian, and no segments at all
            judge = form == "words"
            make = with_tables(syntax, depth, form=form)
            found.append(Row(syntax, "PALETTE COLOR", variant, "numpy", make, judge=judge))
    make = with_tables(EXPLICIT, 16, form="words", first=300, wide=True)
    found.append(Row(EXPLICIT, "PALETTE COLOR", "16-bit indices from 300 on", "numpy", make))
    return found


def _run_length() -> list[Row]:
    twelve = {"BitsStored": 12, "HighBit": 11, "WindowCenter": "2040.5", "WindowWidth": "4081"}
    whole = native(EXPLICIT, "RGB", scene)
    return [
        Row(RLE, "RGB", "8 bit", "pydicom", compressed(RLE, "RGB", packbits)),
        Row(RLE, "RGB", "8 bit", "DCMTK", by_tool("dcmcrle", "{in}", "{out}", source=whole), tool="dcmcrle"),
        Row(
            RLE,
            "YBR_FULL",
            "8 bit",
            "pydicom",
            compressed(RLE, "YBR_FULL", packbits, lambda n: as_ybr(scene(n))),
            within=2,
        ),
        Row(RLE, "MONOCHROME2", "8 bit", "pydicom", compressed(RLE, "MONOCHROME2", packbits, greys), greys),
        Row(
            RLE,
            "MONOCHROME2",
            "12 of 16 bit with a window",
            "pydicom",
            compressed(RLE, "MONOCHROME2", packbits, deep, **twelve),
            greys,
            within=1,
        ),
        Row(RLE, "RGB", "odd size", "pydicom", compressed(RLE, "RGB", packbits, odd), odd),
    ]


def _jpeg() -> list[Row]:
    base, extended, lossless, first_order = (jpeg_family(n) for n in (50, 51, 57, 70))
    whole = native(EXPLICIT, "RGB", scene)
    grey = native(EXPLICIT, "MONOCHROME2", greys)

    def dcmtk(*options: str, source: Callable[[Path], bytes] = whole) -> Callable[[Path], bytes]:
        return by_tool("dcmcjpeg", *options, "{in}", "{out}", source=source)

    found = [
        Row(
            syntax,
            "YBR_FULL_422",
            f"chroma {name}",
            "Pillow",
            compressed(syntax, "YBR_FULL_422", pillow("JPEG", quality=95, subsampling=n)),
            within=3,
            lossy=True,
        )
        for syntax in (base, extended)
        for n, name in ((1, "4:2:2"), (2, "4:2:0"))
    ]
    found += [
        Row(
            base,
            "YBR_FULL",
            "chroma 4:4:4",
            "Pillow",
            compressed(base, "YBR_FULL", pillow("JPEG", quality=95, subsampling=0)),
            within=3,
            lossy=True,
        ),
        Row(
            base,
            "YBR_FULL_422",
            "odd size, chroma 4:2:0",
            "Pillow",
            compressed(base, "YBR_FULL_422", pillow("JPEG", quality=95, subsampling=2), odd),
            odd,
            within=3,
            lossy=True,
        ),
        Row(
            base,
            "RGB",
            "Adobe marker",
            "Pillow",
            compressed(base, "RGB", pillow("JPEG", quality=95, keep_rgb=True)),
            within=3,
            lossy=True,
        ),
        Row(
            base,
            "YBR_FULL_422",
            "progressive",
            "Pillow",
            compressed(base, "YBR_FULL_422", pillow("JPEG", quality=95, progressive=True)),
            within=3,
            lossy=True,
            judge=False,
        ),
        Row(
            base,
            "MONOCHROME2",
            "8 bit",
            "Pillow",
            compressed(base, "MONOCHROME2", pillow("JPEG", quality=95), greys),
            greys,
            within=3,
            lossy=True,
        ),
        Row(
            base,
            "YBR_FULL_422",
            "chroma 4:2:2",
            "DCMTK",
            dcmtk("+eb", "+q", "95"),
            within=6,
            lossy=True,
            tool="dcmcjpeg",
        ),
        Row(
            base,
            "RGB",
            "no marker",
            "DCMTK",
            dcmtk("+eb", "+cr", "+q", "95"),
            within=6,
            lossy=True,
            tool="dcmcjpeg",
        ),
        Row(
            extended,
            "YBR_FULL_422",
            "8 bit",
            "DCMTK",
            dcmtk("+ee", "+be", "+q", "95"),
            within=6,
            lossy=True,
            tool="dcmcjpeg",
        ),
        Row(
            extended,
            "MONOCHROME2",
            "12 bit",
            "imagecodecs",
            compressed(
                extended,
                "MONOCHROME2",
                imagecodecs("jpeg8", level=95, bitspersample=12),
                deep,
                BitsStored=12,
                HighBit=11,
                WindowCenter="2040.5",
                WindowWidth="4081",
            ),
            greys,
            within=3,
            lossy=True,
            needs="codecs",
            judge=False,
        ),
        Row(lossless, "RGB", "predictor 6", "DCMTK", dcmtk("+el"), tool="dcmcjpeg"),
        Row(
            lossless, "MONOCHROME2", "predictor 6", "DCMTK", dcmtk("+el", source=grey), greys, tool="dcmcjpeg"
        ),
        Row(first_order, "RGB", "predictor 1", "DCMTK", dcmtk("+e1"), tool="dcmcjpeg"),
        Row(
            first_order,
            "MONOCHROME2",
            "predictor 1",
            "DCMTK",
            dcmtk("+e1", source=grey),
            greys,
            tool="dcmcjpeg",
        ),
        Row(
            first_order,
            "RGB",
            "predictor 1",
            "imagecodecs",
            compressed(first_order, "RGB", imagecodecs("jpeg8", lossless=True)),
            needs="",
        ),
        Row(
            first_order,
            "YBR_FULL",
            "predictor 1",
            "imagecodecs",
            compressed(
                first_order, "YBR_FULL", imagecodecs("jpeg8", lossless=True), lambda n: as_ybr(scene(n))
            ),
            within=2,
        ),
        Row(
            first_order,
            "MONOCHROME2",
            "12 of 16 bit with a window",
            "imagecodecs",
            compressed(
                first_order,
                "MONOCHROME2",
                imagecodecs("jpeg8", lossless=True, bitspersample=12),
                deep,
                BitsStored=12,
                HighBit=11,
                WindowCenter="2040.5",
                WindowWidth="4081",
            ),
            greys,
            within=1,
            needs="codecs",
        ),
    ]
    return found


def _jpeg_ls() -> list[Row]:
    exact, near = jpeg_family(80), jpeg_family(81)
    whole = native(EXPLICIT, "RGB", scene)
    found = [
        Row(
            exact,
            "RGB",
            "8 bit",
            "imagecodecs",
            compressed(exact, "RGB", imagecodecs("jpegls")),
            needs="codecs",
        ),
        Row(
            exact,
            "MONOCHROME2",
            "8 bit",
            "imagecodecs",
            compressed(exact, "MONOCHROME2", imagecodecs("jpegls"), greys),
            greys,
            needs="codecs",
        ),
        Row(
            exact,
            "MONOCHROME2",
            "16 bit with a window",
            "imagecodecs",
            compressed(
                exact,
                "MONOCHROME2",
                imagecodecs("jpegls"),
                lambda n: greys(n).astype(np.uint16) * 257,
                WindowCenter="32768",
                WindowWidth="65536",
            ),
            greys,
            within=1,
            needs="codecs",
        ),
        Row(
            near,
            "RGB",
            "8 bit",
            "imagecodecs",
            compressed(near, "RGB", imagecodecs("jpegls", level=2)),
            within=2,
            needs="codecs",
        ),
    ]
    for option, variant in (("+il", "by line"), ("+is", "by sample"), ("+in", "by plane")):
        make = by_tool("dcmcjpls", "+el", option, "{in}", "{out}", source=whole)
        found.append(Row(exact, "RGB", variant, "DCMTK", make, needs="codecs", tool="dcmcjpls"))
    make = by_tool("dcmcjpls", "+en", "+md", "2", "{in}", "{out}", source=whole)
    found.append(Row(near, "RGB", "8 bit", "DCMTK", make, within=2, needs="codecs", tool="dcmcjpls"))
    return found


def _jpeg2000() -> list[Row]:
    exact, lossy = jpeg_family(90), jpeg_family(91)
    whole = native(EXPLICIT, "RGB", scene)
    bare = {"no_jp2": True, "irreversible": False}
    found = [
        Row(
            exact,
            "YBR_RCT",
            "its own transform",
            "Pillow",
            compressed(exact, "YBR_RCT", pillow("JPEG2000", mct=1, **bare)),
            judge=False,
        ),
        Row(
            exact,
            "RGB",
            "no transform",
            "Pillow",
            compressed(exact, "RGB", pillow("JPEG2000", mct=0, **bare)),
            judge=False,
        ),
        Row(
            exact,
            "YBR_FULL",
            "no transform",
            "Pillow",
            compressed(exact, "YBR_FULL", pillow("JPEG2000", mct=0, **bare), lambda n: as_ybr(scene(n))),
            within=2,
            judge=False,
        ),
        Row(
            exact,
            "MONOCHROME2",
            "8 bit",
            "Pillow",
            compressed(exact, "MONOCHROME2", pillow("JPEG2000", **bare), greys),
            greys,
            judge=False,
        ),
        Row(
            exact,
            "MONOCHROME2",
            "16 bit with a window",
            "Pillow",
            compressed(
                exact,
                "MONOCHROME2",
                pillow("JPEG2000", **bare),
                lambda n: greys(n).astype(np.uint16) * 257,
                WindowCenter="32768",
                WindowWidth="65536",
            ),
            greys,
            within=1,
            judge=False,
        ),
        Row(
            exact,
            "YBR_RCT",
            "odd size",
            "Pillow",
            compressed(exact, "YBR_RCT", pillow("JPEG2000", mct=1, **bare), odd),
            odd,
            judge=False,
        ),
        Row(
            exact,
            "YBR_RCT",
            "its own transform",
            "GDCM",
            by_tool("gdcmconv", "--j2k", "{in}", "{out}", source=whole),
            tool="gdcmconv",
            judge=False,
        ),
        Row(
            lossy,
            "YBR_ICT",
            "its own transform",
            "Pillow",
            compressed(
                lossy,
                "YBR_ICT",
                pillow(
                    "JPEG2000", no_jp2=True, irreversible=True, mct=1, quality_mode="dB", quality_layers=[50]
                ),
            ),
            within=6,
            lossy=True,
            judge=False,
        ),
        Row(
            lossy,
            "YBR_RCT",
            "its own transform",
            "Pillow",
            compressed(
                lossy,
                "YBR_RCT",
                pillow(
                    "JPEG2000", no_jp2=True, irreversible=False, mct=1, quality_mode="dB", quality_layers=[50]
                ),
            ),
            within=6,
            lossy=True,
            judge=False,
        ),
    ]
    for number, reversible, within in ((201, True, 0), (202, True, 0), (203, True, 0)):
        syntax = jpeg_family(number)
        encode = imagecodecs("htj2k", reversible=reversible)
        found.append(
            Row(
                syntax,
                "YBR_RCT",
                "8 bit",
                "imagecodecs",
                compressed(syntax, "YBR_RCT", encode),
                within=within,
                judge=False,
            )
        )
    high = jpeg_family(203)
    found.append(
        Row(
            high,
            "YBR_ICT",
            "8 bit, lossy",
            "imagecodecs",
            compressed(high, "YBR_ICT", imagecodecs("htj2k", reversible=False, level=0.002)),
            within=6,
            lossy=True,
            judge=False,
        )
    )
    exact_high = jpeg_family(201)
    make = compressed(exact_high, "MONOCHROME2", imagecodecs("htj2k"), greys)
    found.append(Row(exact_high, "MONOCHROME2", "8 bit", "imagecodecs", make, greys, judge=False))
    return found


def _xl() -> list[Row]:
    exact, again, lossy = (jpeg_family(n) for n in (110, 111, 112))

    def recompressed(frame: np.ndarray) -> bytes:
        import imagecodecs as codecs

        return bytes(codecs.jpegxl_encode_jpeg(pillow("JPEG", quality=95, subsampling=0)(frame)))

    common: dict[str, Any] = {"needs": "codecs", "judge": False}
    return [
        Row(
            exact,
            "RGB",
            "8 bit",
            "imagecodecs",
            compressed(exact, "RGB", imagecodecs("jpegxl", lossless=True)),
            **common,
        ),
        Row(
            exact,
            "MONOCHROME2",
            "8 bit",
            "imagecodecs",
            compressed(exact, "MONOCHROME2", imagecodecs("jpegxl", lossless=True), greys),
            greys,
            **common,
        ),
        Row(
            again,
            "YBR_FULL_422",
            "a JPEG packed again",
            "imagecodecs",
            compressed(again, "YBR_FULL_422", recompressed),
            within=4,
            lossy=True,
            **common,
        ),
        Row(
            lossy,
            "XYB",
            "8 bit",
            "imagecodecs",
            compressed(lossy, "XYB", imagecodecs("jpegxl", lossless=False, distance=0.1)),
            within=4,
            lossy=True,
            **common,
        ),
    ]


def _video() -> list[Row]:
    common: dict[str, Any] = {"within": 12, "lossy": True, "needs": "video", "judge": False}
    mpeg2 = video("mpeg2video", "mpeg2video")
    h264 = video("libx264", "h264", crf="10")
    hevc = video("libx265", "hevc", crf="10", **{"x265-params": "log-level=none"})
    return [
        Row(
            jpeg_family(100),
            "YBR_PARTIAL_420",
            "MPEG-2 main level",
            "PyAV",
            video_inside(jpeg_family(100), mpeg2),
            **common,
        ),
        Row(
            jpeg_family(101),
            "YBR_PARTIAL_420",
            "MPEG-2 high level",
            "PyAV",
            video_inside(jpeg_family(101), mpeg2),
            **common,
        ),
        Row(
            jpeg_family(102),
            "YBR_PARTIAL_420",
            "H.264 bare stream",
            "PyAV",
            video_inside(jpeg_family(102), h264),
            **common,
        ),
        Row(
            jpeg_family(102),
            "YBR_PARTIAL_420",
            "H.264 in MP4",
            "PyAV",
            video_inside(jpeg_family(102), video("libx264", "mp4", crf="10")),
            **common,
        ),
        Row(
            jpeg_family(103),
            "YBR_PARTIAL_420",
            "H.264 Blu-ray",
            "PyAV",
            video_inside(jpeg_family(103), h264),
            **common,
        ),
        Row(
            jpeg_family(107),
            "YBR_PARTIAL_420",
            "HEVC",
            "PyAV",
            video_inside(jpeg_family(107), hevc),
            **common,
        ),
    ]


def _wrong() -> list[Row]:
    """Labels that do not say the truth: repaired, with a note on the instance."""
    base, exact = jpeg_family(50), jpeg_family(90)
    said = "shown as it is stored"
    common: dict[str, Any] = {"note": said, "judge": False}
    lossy: dict[str, Any] = {"within": 14, "lossy": True, **common}
    j2k = pillow("JPEG2000", no_jp2=True, irreversible=False, mct=0)

    def ybr(frame: int) -> np.ndarray:
        return as_ybr(screen(frame))

    return [
        Row(EXPLICIT, "YBR_FULL", "is RGB", "numpy", native(EXPLICIT, "YBR_FULL", screen), screen, **common),
        Row(
            EXPLICIT, "RGB", "is YBR_FULL", "numpy", native(EXPLICIT, "RGB", ybr), screen, within=2, **common
        ),
        Row(
            EXPLICIT,
            "YBR_FULL_422",
            "is RGB, chroma not shared",
            "numpy",
            native(EXPLICIT, "YBR_FULL_422", screen),
            screen,
            **common,
        ),
        Row(
            EXPLICIT,
            "YBR_FULL",
            "chroma is shared",
            "numpy",
            native(EXPLICIT, "YBR_FULL", lambda n: as_ybr(scene(n)), packed=shared),
            within=2,
            **common,
        ),
        Row(
            EXPLICIT,
            "RGB",
            "called by plane, is by pixel",
            "numpy",
            native(EXPLICIT, "RGB", screen, PlanarConfiguration=1),
            screen,
            **common,
        ),
        Row(
            EXPLICIT,
            "RGB",
            "called by pixel, is by plane",
            "numpy",
            native(EXPLICIT, "RGB", screen, packed=planes),
            screen,
            **common,
        ),
        Row(
            base,
            "YBR_FULL",
            "is RGB, no marker",
            "Pillow",
            compressed(base, "YBR_FULL", bare_jpeg, screen),
            screen,
            **lossy,
        ),
        Row(
            base,
            "RGB",
            "is YBR_FULL, no marker",
            "Pillow",
            compressed(base, "RGB", lambda f: bare_jpeg(as_ybr(f)), screen),
            screen,
            **lossy,
        ),
        Row(
            base,
            "YBR_FULL_422",
            "is RGB, Adobe marker",
            "Pillow",
            compressed(base, "YBR_FULL_422", pillow("JPEG", quality=98, keep_rgb=True), screen),
            screen,
            **lossy,
        ),
        Row(
            base,
            "RGB",
            "is YBR_FULL_422, JFIF marker",
            "Pillow",
            compressed(base, "RGB", pillow("JPEG", quality=95, subsampling=1)),
            within=3,
            lossy=True,
            **common,
        ),
        Row(
            exact,
            "RGB",
            "is YBR_FULL, no transform",
            "Pillow",
            compressed(exact, "RGB", j2k, ybr),
            screen,
            within=2,
            **common,
        ),
        Row(
            exact,
            "YBR_FULL",
            "is RGB, no transform",
            "Pillow",
            compressed(exact, "YBR_FULL", j2k, screen),
            screen,
            **common,
        ),
    ]


#: What each extra of casearchive brings.
EXTRAS = {"codecs": "imagecodecs", "video": "av"}


def has(row: Row) -> str:
    """Why the row cannot be made or shown here, or nothing."""
    from importlib.util import find_spec

    if row.tool and shutil.which(row.tool) is None:
        return f"{row.tool} is not installed"
    wanted = ({"imagecodecs": "imagecodecs", "PyAV": "av"}.get(row.encoder), EXTRAS.get(row.needs))
    for module in filter(None, wanted):
        if find_spec(module) is None:
            return f"{module} is not installed"
    return ""


# ------------------------------------------------------------------------------------------- for a person

#: What each transfer syntax is called in the table.
NAMES = {
    IMPLICIT: "Uncompressed, implicit VR",
    EXPLICIT: "Uncompressed, explicit VR",
    BIG: "Uncompressed, big endian",
    DEFLATED: "Deflated",
    RLE: "Run-length (RLE Lossless)",
    **{
        jpeg_family(number): name
        for number, name in (
            (50, "JPEG baseline"),
            (51, "JPEG extended"),
            (57, "JPEG lossless"),
            (70, "JPEG lossless, first-order prediction"),
            (80, "JPEG-LS lossless"),
            (81, "JPEG-LS near-lossless"),
            (90, "JPEG 2000 lossless"),
            (91, "JPEG 2000"),
            (100, "MPEG-2 main profile, main level"),
            (101, "MPEG-2 main profile, high level"),
            (102, "MPEG-4 AVC/H.264"),
            (103, "MPEG-4 AVC/H.264, Blu-ray compatible"),
            (107, "HEVC/H.265"),
            (110, "JPEG XL lossless"),
            (111, "JPEG XL, a JPEG packed again"),
            (112, "JPEG XL"),
            (201, "High-Throughput JPEG 2000 lossless"),
            (202, "High-Throughput JPEG 2000 lossless, RPCL"),
            (203, "High-Throughput JPEG 2000"),
        )
    },
}

#: What is wrong, and what is done about it; ``test_bad_pictures.py`` holds each.
REPAIRED = (
    (
        "a DICOM file that ends inside its pixel data",
        "the whole frames that are there, or as much as there is of the only one, with a note; "
        "refused where nothing can be seen",
    ),
    (
        "a JPEG frame with a hole of zeros or ones, or a false end marker",
        "what can be decoded, with a note",
    ),
    ("frames that cannot be decoded beside others that can", "the others; a note names those that cannot"),
    (
        "uncompressed data, a JPEG or a run-length frame that stops in the middle",
        "as far as it goes; the rest is black, with a note",
    ),
    (
        "a JPEG 2000 frame that stops in the middle",
        "what there is of it, less sharp, with a note",
    ),
    (
        "fewer or more frames than the header says, or no number at all",
        "those there are, up to the number stated, with a note",
    ),
    ("an offset table that is wrong, missing or repeats itself", "the frames, found by where pictures begin"),
    (
        "a compressed frame of another size than the header says",
        "from the top left corner in the size of the header, with a note",
    ),
    ("a compressed frame in grey that is called colour, or the reverse", "as it is stored, with a note"),
    (
        "a colour palette or grey table that is too short",
        "its last entry stands for what is missing, with a note",
    ),
    ("a window that shows nothing in the whole clip", "the whole range of values, with a note"),
    (
        "graphics (overlay planes) in their own element or in unused bits",
        "drawn in white where the scanner drew them; regions of interest are not",
    ),
    ("a supplemental palette over grey", "the values it covers in its colours"),
)

#: What cannot be shown, and the words it is told in (``test_formats.py``, ``test_bad_pictures.py``).
NOT_SHOWN = (
    (
        "JPEG-LS, JPEG XL, JPEG of more than 8 bits without the extra",
        "showing JPEG-LS needs a codec that is not installed; to see it: pip install 'casearchive[codecs]'",
    ),
    (
        "MPEG-2, H.264, HEVC without the extra",
        "showing video needs PyAV, which is not installed; to see it: pip install 'casearchive[video]'",
    ),
    ("a JPEG-LS or JPEG XL frame that is damaged", "its JPEG-LS data is damaged"),
    ("a frame of more than 64 million pixels", "a frame has more than 64 million pixels"),
    (
        "a frame of more than 150 MB of samples (JPEG 2000: 75 MB)",
        "a frame has 240 MB of samples, more than is decoded here",
    ),
    ("compressed frames of four samples a pixel", "its compressed frame has 4 samples a pixel"),
    ("pixels that are floating-point numbers", "pixels that are floating-point numbers cannot be shown"),
    ("pixels on a server (JPIP)", "its pixels lie on a server that its header names; they are not fetched"),
)
