"""Promises on damaged and contradictory pictures: what can be shown is shown, with a note on what is missing."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import helpers
import numpy as np
import pydicom
import pytest
from encoders import (
    BIG,
    COLUMNS,
    EXPLICIT,
    RLE,
    ROWS,
    as_ybr,
    dataset,
    greys,
    indices,
    jpeg_family,
    packbits,
    pillow,
    planes,
    scene,
    screen,
    shared,
    written,
)
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from casearchive import readers
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import GUESSED_LAYOUT
from casearchive.readers import _codecs, _j2k
from casearchive.readers._frames import Layout

BASE, LOSSLESS, J2K, JPEG_LS = (jpeg_family(n) for n in (50, 70, 90, 80))
CUT = "a frame is cut short"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[bytes], Clip]]:
    clips: list[Clip] = []

    def opener(content: bytes) -> Clip:
        path = tmp_path / f"file{len(clips)}"
        path.write_bytes(content)
        clips.append(readers.open_clip(path, "ab" * 32))
        return clips[-1]

    yield opener
    for clip in clips:
        clip.close()


Opener = Callable[[bytes], Clip]


def noted(clip: Clip, words: str) -> bool:
    return any(words in note for note in clip.facts.notes)


def packed(
    frames: list[bytes], syntax: str = BASE, photometric: str = "YBR_FULL_422", **more: object
) -> bytes:
    ds = dataset(scene(0) if photometric[:4] not in ("MONO", "PALE") else greys(0), photometric, len(frames))
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return written(ds, syntax, encapsulate(frames))


jpeg = pillow("JPEG", quality=95, subsampling=0)


# ------------------------------------------------------------------------------------------ streams that stop


@pytest.mark.parametrize(
    ("photometric", "frame", "data"),
    [
        ("RGB", scene, lambda: scene(0).tobytes()),
        ("YBR_FULL", lambda n: as_ybr(scene(n)), lambda: as_ybr(scene(0)).tobytes()),
        ("YBR_FULL_422", lambda n: as_ybr(scene(n)), lambda: shared(as_ybr(scene(0))).tobytes()),
        ("MONOCHROME2", greys, lambda: greys(0).tobytes()),
    ],
)
def test_of_native_data_that_ends_early_the_rest_is_black(
    opened: Opener, photometric: str, frame: Callable[[int], np.ndarray], data: Callable[[], bytes]
) -> None:
    content = written(dataset(frame(0), photometric, 1), EXPLICIT, data()[: len(data()) * 3 // 4])
    clip = opened(content)
    shown = clip.frame(1)
    expected = greys(0) if photometric == "MONOCHROME2" else scene(0)
    assert np.abs(shown[:72].astype(int) - expected[:72]).max() <= 2
    assert shown[72:].max() == 0
    assert noted(clip, CUT)
    assert noted(clip, "75 % of a frame")


def test_of_planes_that_end_early_only_whole_colours_are_shown(opened: Opener) -> None:
    data = planes(scene(0)).tobytes()
    content = written(dataset(scene(0), "RGB", 1, PlanarConfiguration=1), EXPLICIT, data[: -COLUMNS * 24])
    shown = opened(content).frame(1)
    assert np.array_equal(shown[:72], scene(0)[:72])
    assert shown[72:].max() == 0


@pytest.mark.parametrize("glimpse", [False, True])
@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB", "MONOCHROME2"])
def test_of_a_jpeg_cut_in_half_the_upper_part_is_shown(
    opened: Opener, photometric: str, glimpse: bool
) -> None:
    grey = photometric == "MONOCHROME2"
    picture = screen(0)[..., 1].copy() if grey else screen(0)
    data = pillow("JPEG", quality=95, **({"keep_rgb": True} if photometric == "RGB" else {}))(picture)
    clip = opened(packed([data[: len(data) * 6 // 10]], photometric=photometric))
    shown = clip.glimpse(1, 48) if glimpse else clip.frame(1)
    quarter = shown.shape[0] // 4
    if glimpse:
        assert 10 < shown[quarter // 2 : 2 * quarter].mean() < 60
    else:
        assert np.abs(shown[: 2 * quarter - 16].astype(int) - picture[: 2 * quarter - 16]).mean() < 8
    assert shown[-quarter // 2 :].max() == 0
    assert noted(clip, CUT)


def test_a_jpeg_that_only_lacks_its_end_marker_is_whole(opened: Opener) -> None:
    clip = opened(packed([jpeg(scene(0)).removesuffix(b"\xff\xd9")]))
    assert np.abs(clip.frame(1).astype(int) - scene(0)).max() < 12
    assert not noted(clip, CUT)


def test_of_a_lossless_jpeg_cut_in_half_the_upper_part_is_shown(opened: Opener) -> None:
    codecs = pytest.importorskip("imagecodecs")
    data = codecs.jpeg8_encode(screen(0), lossless=True)
    clip = opened(packed([data[: len(data) // 2]], LOSSLESS, "RGB"))
    shown = clip.frame(1)
    assert np.array_equal(shown[:30], screen(0)[:30])
    assert shown[-10:].max() == 0
    assert noted(clip, CUT)


def test_of_run_length_data_that_ends_early_the_rest_is_black(opened: Opener) -> None:
    data = packbits(screen(0))
    starts = struct.unpack_from("<4I", data)
    end = starts[3] + (len(data) - starts[3]) // 2
    clip = opened(packed([data[:end]], RLE, "RGB"))
    shown = clip.frame(1)
    assert np.array_equal(shown[:30], screen(0)[:30])
    assert shown[-10:].max() == 0
    assert noted(clip, CUT)


def test_of_a_jpeg_2000_cut_short_what_there_is_is_shown_and_said(opened: Opener) -> None:
    large = np.kron(screen(0), np.ones((4, 4, 1), np.uint8))
    data = pillow("JPEG2000", no_jp2=True, irreversible=False, mct=1, num_resolutions=4)(large)
    ds = dataset(large, "YBR_RCT", 1)
    clip = opened(written(ds, J2K, encapsulate([data[: len(data) * 9 // 10]])))
    shown = clip.frame(1)
    assert shown.shape == large.shape
    assert np.abs(shown.astype(int) - large).mean() < 25
    assert noted(clip, CUT)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("progression", ["LRCP", "RPCL", "PCRL"])
def test_a_cut_jpeg_2000_shows_no_speckle_that_nobody_recorded(
    opened: Opener, share: float, progression: str
) -> None:
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[:200] = np.random.default_rng(1).integers(0, 255, (200, 400, 1))
    data = pillow("JPEG2000", no_jp2=True, irreversible=False, mct=1, progression=progression)(picture)
    clip = opened(written(dataset(picture, "YBR_RCT", 1), J2K, encapsulate([data[: int(len(data) * share)]])))
    try:
        shown = clip.frame(1)
    except PictureUnavailable as line:
        assert "stops before any picture" in line.what
    else:
        assert shown[280:].max() <= 3
        assert noted(clip, CUT)


@pytest.mark.parametrize("keep", [0, 1, 20, 120])
@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000", "RLE"])
def test_a_frame_that_is_hardly_there_is_one_clear_line_and_hides_no_other(
    opened: Opener, kind: str, keep: int
) -> None:
    encode = packbits if kind == "RLE" else jpeg if kind == "JPEG" else pillow(kind, no_jp2=True)
    syntax = {"RLE": RLE, "JPEG": BASE, "JPEG2000": J2K}[kind]
    frames = [encode(screen(n)) for n in range(3)]
    frames[1] = frames[1][:keep]
    photometric = "RGB" if kind != "JPEG" else "YBR_FULL"
    clip = opened(written(dataset(screen(0), photometric, 3), syntax, fragmented(frames, [], parts=1)))
    for number in (1, 3):
        assert np.abs(clip.frame(number).astype(int) - screen(number - 1)).mean() < 8
    with pytest.raises(PictureUnavailable) as caught:
        clip.frame(2)
    assert "\n" not in caught.value.what


# --------------------------------------------------------------------------------- how many frames, and where


def fragmented(frames: list[bytes], offsets: list[int], parts: int = 2) -> bytes:
    """Encapsulated by hand: every frame in ``parts`` fragments, and whatever offset table is asked for."""
    out = [struct.pack("<HHI", 0xFFFE, 0xE000, 4 * len(offsets)), struct.pack(f"<{len(offsets)}I", *offsets)]
    for frame in frames:
        size = max(2, -(-len(frame) // parts))
        size += size % 2
        for start in range(0, max(1, len(frame)), size):
            piece = frame[start : start + size]
            piece += b"\0" * (len(piece) % 2)
            out.append(struct.pack("<HHI", 0xFFFE, 0xE000, len(piece)) + piece)
    return b"".join(out)


@pytest.mark.parametrize(
    "offsets", [[], [0, 0, 0], [0, 7, 9], [0, 10**9, 2], [8, 4, 0], [0] * 9, [0, 1 << 31]]
)
def test_a_bad_offset_table_does_not_mix_up_the_frames(opened: Opener, offsets: list[int]) -> None:
    frames = [jpeg(scene(n)) for n in range(3)]
    clip = opened(written(dataset(scene(0), "YBR_FULL", 3), BASE, fragmented(frames, offsets)))
    assert clip.facts.instance.frames == 3
    for number in (1, 2, 3):
        assert np.abs(clip.frame(number).astype(int) - scene(number - 1)).mean() < 4


def test_an_offset_table_that_points_into_the_middle_of_frames_is_not_believed(opened: Opener) -> None:
    frames = [jpeg(scene(n)) for n in range(3)]
    first = -(-len(frames[0]) // 2)
    first += first % 2
    second = 2 * 8 + first + (len(frames[0]) - first) + (len(frames[0]) - first) % 2
    # real fragments, in order and as many as frames, but the second is the second half of the first frame
    offsets = [0, first + 8, second]
    clip = opened(written(dataset(scene(0), "YBR_FULL", 3), BASE, fragmented(frames, offsets)))
    for number in (1, 2, 3):
        assert np.abs(clip.frame(number).astype(int) - scene(number - 1)).mean() < 4


def test_run_length_frames_in_several_fragments_are_found_without_a_table(opened: Opener) -> None:
    frames = [packbits(screen(n)) for n in range(3)]
    clip = opened(written(dataset(screen(0), "RGB", 3), RLE, fragmented(frames, [])))
    for number in (3, 1, 2):
        assert np.array_equal(clip.frame(number), screen(number - 1))


def test_an_extended_offset_table_of_nonsense_is_not_needed(opened: Opener) -> None:
    ds = dataset(scene(0), "YBR_FULL", 3)
    ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = b"\xff" * 24, b"\x01" * 24
    data = encapsulate([jpeg(scene(n)) for n in range(3)], has_bot=False)
    clip = opened(written(ds, BASE, data))
    assert np.abs(clip.frame(3).astype(int) - scene(2)).mean() < 4


@pytest.mark.parametrize("compressed", [False, True])
def test_more_frames_than_it_speaks_of_are_said(opened: Opener, compressed: bool) -> None:
    ds = dataset(scene(0), "YBR_FULL" if compressed else "RGB", 1, NumberOfFrames=1)
    data = (
        encapsulate([jpeg(scene(n)) for n in range(3)])
        if compressed
        else b"".join(scene(n) for n in range(3))
    )
    clip = opened(written(ds, BASE if compressed else EXPLICIT, data))
    assert clip.facts.instance.frames == 1
    assert noted(clip, "it holds 3 frames and speaks of 1")
    assert np.abs(clip.frame(1).astype(int) - scene(0)).mean() < 4


@pytest.mark.parametrize("compressed", [False, True])
def test_a_clip_that_does_not_say_how_long_it_is_is_shown_whole(opened: Opener, compressed: bool) -> None:
    ds = dataset(scene(0), "YBR_FULL" if compressed else "RGB", 1)
    data = (
        encapsulate([jpeg(scene(n)) for n in range(3)])
        if compressed
        else b"".join(scene(n) for n in range(3))
    )
    clip = opened(written(ds, BASE if compressed else EXPLICIT, data))
    assert clip.facts.instance.frames == 3
    assert noted(clip, "3 were found")
    assert np.abs(clip.frame(3).astype(int) - scene(2)).mean() < 4


# ---------------------------------------------------------------------------------- what contradicts the header


@pytest.mark.parametrize("size", [(112, 144), (64, 96), (112, 96)])
@pytest.mark.parametrize("glimpse", [False, True])
def test_a_frame_of_another_size_keeps_its_place_and_is_said(
    opened: Opener, size: tuple[int, int], glimpse: bool
) -> None:
    """Regions and measurements are placed from the top left corner, so that corner must not move."""
    stored = np.full((*size, 3), 90, np.uint8)
    stored[: min(size[0], ROWS), : min(size[1], COLUMNS)] = scene(0)[: size[0], : size[1]]
    clip = opened(packed([jpeg(stored)], photometric="YBR_FULL"))
    shown = clip.frame(1)
    assert shown.shape == (ROWS, COLUMNS, 3)
    rows, columns = min(size[0], ROWS), min(size[1], COLUMNS)
    assert np.abs(shown[:rows, :columns].astype(int) - scene(0)[:rows, :columns]).mean() < 4
    assert shown[rows:].sum() == shown[:, columns:].sum() == 0
    assert noted(clip, f"its frames measure {size[1]} × {size[0]} although its header says 128 × 96")
    if glimpse:
        assert clip.glimpse(1, 40).shape[2] == 3


def test_grey_frames_called_colour_are_shown_grey_and_said(opened: Opener) -> None:
    clip = opened(packed([jpeg(greys(0))], photometric="RGB"))
    assert np.abs(clip.frame(1).astype(int) - greys(0)).mean() < 4
    assert noted(clip, "its compressed frames are grey")


def test_colour_frames_called_grey_are_shown_in_colour_and_said(opened: Opener) -> None:
    clip = opened(packed([jpeg(scene(0))], photometric="MONOCHROME2"))
    assert np.abs(clip.frame(1).astype(int) - scene(0)).mean() < 4
    assert noted(clip, "its compressed frames are in colour")


def test_a_frame_with_more_bits_than_it_says_is_not_cut_off(opened: Opener) -> None:
    deep = greys(0).astype(np.uint16) * 16
    out = pillow("JPEG2000", no_jp2=True, irreversible=False)(deep)
    ds = dataset(greys(0), "MONOCHROME2", 1, WindowCenter="32768", WindowWidth="65536")
    shown = opened(written(ds, J2K, encapsulate([out]))).frame(1)
    assert shown.astype(int).argmax() == deep.argmax()
    assert len(np.unique(shown)) > 5


@pytest.mark.parametrize("form", ["native", "jpeg"])
def test_a_clip_that_is_black_from_end_to_end_is_black_and_not_green(opened: Opener, form: str) -> None:
    black = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    native = written(dataset(black, "YBR_FULL", 3), EXPLICIT, black.tobytes() * 3)
    marked = pillow("JPEG", quality=95, keep_rgb=True)(black)
    clip = opened(native if form == "native" else packed([marked] * 3, photometric="YBR_FULL"))
    for number in (1, 2, 3):
        assert clip.frame(number).max() == 0


def test_one_frame_of_nothing_but_colour_does_not_change_its_colour_alone(opened: Opener) -> None:
    frames = [screen(0), np.full((ROWS, COLUMNS, 3), (200, 128, 128), np.uint8), screen(2)]
    clip = opened(written(dataset(screen(0), "YBR_FULL", 3), EXPLICIT, b"".join(frame for frame in frames)))
    for number in (2, 1, 3):
        assert np.array_equal(clip.frame(number), frames[number - 1])


# ------------------------------------------------------------------------------------------------------- tables


def palette(tables: list[np.ndarray], descriptor: list[int], syntax: str = EXPLICIT) -> bytes:
    ds = dataset(indices(0), "PALETTE COLOR", 1)
    order = ">" if syntax == BIG else "<"
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", descriptor)
        ds[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(ds, f"{name}PaletteColorLookupTableData", table.astype(order + "u2").tobytes())
        ds[f"{name}PaletteColorLookupTableData"].VR = "OW"
    return written(ds, syntax, indices(0).tobytes())


def test_a_palette_that_is_too_short_goes_on_in_its_last_colour_and_says_so(opened: Opener) -> None:
    tables = [np.array([0, 10, 20, 30]) * 257 * (n + 1) for n in range(3)]
    clip = opened(palette(tables, [12, 0, 16]))
    shown = clip.frame(1)
    for index in range(12):
        expected = [10 * min(index, 3) * (n + 1) for n in range(3)]
        assert shown[indices(0) == index][0].tolist() == expected
    assert noted(clip, "its colour palette is shorter than it says")


def test_an_empty_palette_is_one_clear_line(opened: Opener) -> None:
    clip = opened(palette([np.zeros(0)] * 3, [12, 0, 16]))
    with pytest.raises(PictureUnavailable, match="palette is missing"):
        clip.frame(1)


def test_a_table_called_8_bit_that_holds_16_is_scaled_by_what_it_holds(opened: Opener) -> None:
    tables = [np.linspace(0, 65535, 12).round()] * 3
    shown = opened(palette(tables, [12, 0, 8])).frame(1)
    assert shown[indices(0) == 6][0].tolist() == [139, 139, 139]


def test_a_dark_channel_of_a_16_bit_palette_stays_dark(opened: Opener) -> None:
    tables = [np.linspace(0, 65535, 12).round(), np.full(12, 200), np.zeros(12)]
    assert opened(palette(tables, [12, 0, 16])).frame(1)[..., 1].max() <= 1


def lut(descriptor: list[int], data: list[int], vr: str = "US") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, descriptor)
    item.add_new("LUTData", "OW", np.array(data, "<u2").tobytes())
    return item


def test_a_grey_table_of_bytes_packed_in_words_is_unpacked(opened: Opener) -> None:
    values = np.arange(4, dtype=np.uint8).reshape(1, 4)
    packed_words = [0 | 50 << 8, 100 | 255 << 8]
    ds = dataset(values, "MONOCHROME2", 1, VOILUTSequence=Sequence([lut([4, 0, 8], packed_words)]))
    assert opened(written(ds, EXPLICIT, values.tobytes())).frame(1).tolist() == [[0, 50, 100, 255]]


@pytest.mark.parametrize("vr", ["SS", "US"])
def test_the_first_value_of_a_grey_table_is_signed_where_the_samples_are(opened: Opener, vr: str) -> None:
    values = np.array([[-200, -100, -99, 5]], np.int16)
    first = -100 if vr == "SS" else 65436
    ds = dataset(values.view(np.uint16), "MONOCHROME2", 1, PixelRepresentation=1)
    ds.VOILUTSequence = Sequence([lut([2, first, 16], [0, 65535], vr)])
    assert opened(written(ds, EXPLICIT, values.tobytes())).frame(1).tolist() == [[0, 0, 255, 255]]


def test_a_modality_table_comes_before_the_window(opened: Opener) -> None:
    values = np.array([[0, 1, 2]], np.uint8)
    ds = dataset(values, "MONOCHROME2", 1, WindowCenter="500.5", WindowWidth="1001")
    ds.ModalityLUTSequence = Sequence([lut([3, 0, 16], [1000, 500, 0])])
    assert opened(written(ds, EXPLICIT, values.tobytes())).frame(1).tolist() == [[255, 128, 0]]


def test_a_negative_slope_turns_dark_into_bright(opened: Opener) -> None:
    values = np.array([[0, 100, 200]], np.uint8)
    ds = dataset(values, "MONOCHROME2", 1, RescaleSlope="-1", RescaleIntercept="0")
    assert opened(written(ds, EXPLICIT, values.tobytes())).frame(1).tolist() in (
        [[255, 127, 0]],
        [[255, 128, 0]],
    )


def test_a_window_is_believed_or_not_for_the_whole_clip(opened: Opener) -> None:
    """A frame that is dark through the window stays dark where other frames of the clip show something."""
    dark, bright = np.array([[0, 9]], np.uint16), np.array([[0, 1000]], np.uint16)
    ds = dataset(dark, "MONOCHROME2", 2, WindowCenter="750", WindowWidth="500")
    clip = opened(written(ds, EXPLICIT, dark.tobytes() + bright.tobytes()))
    assert clip.frame(1).tolist() == [[0, 0]]
    assert clip.frame(2).tolist() == [[0, 255]]
    assert not noted(clip, "window")


# ----------------------------------------------------------------------------- graphics and colour laid over grey


def with_overlay(
    ds: Dataset, mask: np.ndarray, *, kind: str = "G", origin: tuple[int, int] = (1, 1)
) -> Dataset:
    block = ds
    high, wide = mask.shape[-2:]
    for number, vr, value in (
        (0x0010, "US", high), (0x0011, "US", wide), (0x0040, "CS", kind), (0x0050, "SS", list(origin)),
        (0x0100, "US", 1), (0x0102, "US", 0),
    ):  # fmt: skip
        block.add_new(0x60000000 | number, vr, value)
    bits = np.packbits(mask.ravel().astype(np.uint8), bitorder="little").tobytes()
    block.add_new(0x60003000, "OW", bits + b"\0" * (len(bits) % 2))
    return ds


def cross() -> np.ndarray:
    mask = np.zeros((10, 13), bool)
    mask[5], mask[:, 6] = True, True
    return mask


def placed(base: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
    result = base.copy()
    for row, column in zip(*np.nonzero(mask), strict=True):
        y, x = row + top, column + left
        if 0 <= y < base.shape[0] and 0 <= x < base.shape[1]:
            result[y, x] = 255
    return result


@pytest.mark.parametrize("origin", [(1, 1), (40, 60), (-3, 120), (92, -5)])
@pytest.mark.parametrize("photometric", ["RGB", "MONOCHROME2"])
def test_graphics_are_drawn_where_the_scanner_drew_them(
    opened: Opener, origin: tuple[int, int], photometric: str
) -> None:
    base = scene(0) if photometric == "RGB" else greys(0)
    ds = with_overlay(dataset(base, photometric, 1), cross(), origin=origin)
    shown = opened(written(ds, EXPLICIT, base.tobytes())).frame(1)
    assert np.array_equal(shown, placed(base, cross(), origin[0] - 1, origin[1] - 1))


@pytest.mark.skipif(shutil.which("dcmj2pnm") is None, reason="dcmj2pnm (DCMTK) is not installed")
@pytest.mark.parametrize("origin", [(1, 1), (40, 60)])
def test_an_independent_program_draws_the_same_graphics(
    opened: Opener, tmp_path: Path, origin: tuple[int, int]
) -> None:
    content = written(
        with_overlay(dataset(greys(0), "MONOCHROME2", 1), cross(), origin=origin),
        EXPLICIT,
        greys(0).tobytes(),
    )
    shown = opened(content).frame(1)
    out = tmp_path / "out.pnm"
    subprocess.run(["dcmj2pnm", "+op", tmp_path / "file0", out], check=True, capture_output=True, timeout=60)
    assert np.abs(np.asarray(Image.open(out)).astype(int) - shown).max() <= 1


def test_a_region_of_interest_is_not_part_of_the_picture(opened: Opener) -> None:
    ds = with_overlay(dataset(scene(0), "RGB", 1), cross(), kind="R")
    assert np.array_equal(opened(written(ds, EXPLICIT, scene(0).tobytes())).frame(1), scene(0))


def test_graphics_of_some_frames_are_drawn_on_those(opened: Opener) -> None:
    several = np.stack([cross(), np.flip(cross()), ~cross()])[:2]
    ds = with_overlay(dataset(scene(0), "RGB", 3), several)
    ds.add_new(0x60000015, "IS", "2")
    ds.add_new(0x60000051, "US", 2)
    clip = opened(written(ds, EXPLICIT, b"".join(scene(n) for n in range(3))))
    assert np.array_equal(clip.frame(1), scene(0))
    assert np.array_equal(clip.frame(2), placed(scene(1), several[0], 0, 0))
    assert np.array_equal(clip.frame(3), placed(scene(2), several[1], 0, 0))


def test_graphics_in_the_unused_bits_of_the_pixels_are_drawn(opened: Opener) -> None:
    values = greys(0).astype(np.uint16) << 4
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[10:20, 30:50] = True
    ds = dataset(
        values, "MONOCHROME2", 1, BitsStored=12, HighBit=11, WindowCenter="2040.5", WindowWidth="4081"
    )
    for number, vr, value in (
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", 12),
    ):
        ds.add_new(0x60000000 | number, vr, value)
    ds.add_new(0x60000010, "US", ROWS)
    ds.add_new(0x60000011, "US", COLUMNS)
    shown = opened(written(ds, EXPLICIT, (values | mask.astype(np.uint16) << 12).tobytes())).frame(1)
    assert np.abs(shown.astype(int) - placed(greys(0), mask, 0, 0)).max() <= 1


def test_graphics_that_are_cut_short_or_enormous_cost_nothing(opened: Opener) -> None:
    ds = with_overlay(dataset(scene(0), "RGB", 1), cross())
    ds[0x60000010].value, ds[0x60000011].value = 65535, 65535
    shown = opened(written(ds, EXPLICIT, scene(0).tobytes())).frame(1)
    assert shown.shape == scene(0).shape


@pytest.mark.parametrize("presentation", ["", "MIXED", "MONOCHROME"])
def test_a_supplemental_palette_colours_the_values_above_grey(opened: Opener, presentation: str) -> None:
    values = np.array([[0, 128, 199, 200, 201, 255]], np.uint8)
    ds = dataset(values, "MONOCHROME2", 1)
    if presentation:
        ds.PixelPresentation = presentation
    for name, table in (("Red", [255, 0]), ("Green", [0, 255]), ("Blue", [0, 0])):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [2, 200, 16])
        ds[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(ds, f"{name}PaletteColorLookupTableData", (np.array(table, "<u2") * 257).tobytes())
        ds[f"{name}PaletteColorLookupTableData"].VR = "OW"
    shown = opened(written(ds, EXPLICIT, values.tobytes())).frame(1)
    if presentation == "MONOCHROME":
        assert shown.tolist() == values.tolist()
    else:
        grey, red, green = [[v] * 3 for v in (0, 128, 199)], [255, 0, 0], [0, 255, 0]
        assert shown.tolist() == [[*grey, red, green, green]]


# ------------------------------------------------------------------------------------------- bombs and hangs


def test_a_picture_larger_than_memory_is_one_clear_line(opened: Opener) -> None:
    ds = dataset(scene(0), "YBR_FULL", 1)
    ds.Rows, ds.Columns = 60000, 60000
    clip = opened(written(ds, BASE, encapsulate([jpeg(scene(0))])))
    with pytest.raises(PictureUnavailable, match="64 million"):
        clip.frame(1)


@pytest.mark.skipif(sys.platform == "win32", reason="nobody tells the memory of a process there")
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "PALETTE COLOR"])
def test_a_frame_just_below_the_limit_takes_less_than_a_gibibyte(tmp_path: Path, photometric: str) -> None:
    ds = dataset(greys(0), photometric, 1, Rows=6390, Columns=10000, WindowCenter="100", WindowWidth="50")
    for name in ("Red", "Green", "Blue"):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 8])
        ds[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(ds, f"{name}PaletteColorLookupTableData", np.arange(256, dtype="<u2").tobytes())
        ds[f"{name}PaletteColorLookupTableData"].VR = "OW"
    (tmp_path / "f").write_bytes(written(ds, EXPLICIT, bytes(63_900_000)))
    program = (
        "import re, resource, sys\n"
        "from pathlib import Path\n"
        "from casearchive import readers\n"
        "readers.open_clip(Path(sys.argv[1]), 'ab' * 32).frame(1)\n"
        "status = Path('/proc/self/status')\n"  # on Linux ru_maxrss may be that of the process that started this one
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1]) * 1024 if status.exists()\n"
        "      else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "f")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1 << 30


def test_a_frame_of_more_bytes_than_memory_bears_is_one_clear_line(opened: Opener) -> None:
    ds = dataset(scene(0), "RGB", 1, Rows=6000, Columns=10000)
    content = written(ds, EXPLICIT, b"")
    at = content.index(b"\xe0\x7f\x10\x00") + 8
    clip = opened(content[:at] + struct.pack("<I", 180_000_000) + bytes(130_000_000))
    with pytest.raises(PictureUnavailable, match="180 MB"):
        clip.frame(1)


def test_a_jpeg_that_claims_to_be_enormous_is_not_decoded(opened: Opener) -> None:
    data = bytearray(jpeg(scene(0)))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(PictureUnavailable, match="64 million"):
        opened(packed([bytes(data)])).frame(1)


def test_run_length_data_can_never_unfold_beyond_its_picture(opened: Opener) -> None:
    bomb = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x07" * 2_000_000
    ds = dataset(greys(0), "MONOCHROME2", 1)
    shown = opened(written(ds, RLE, encapsulate([bomb]))).frame(1)
    assert (shown == 7).all()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("while True: pass", "did not come to an end"),
        ("raise SystemExit(1)", "did not come to an end"),
        ("import os; os.abort()", "did not come to an end"),
        ("import sys; sys.stdin.buffer.read(9); sys.stdout.buffer.write(bytes(1))", "is damaged"),
    ],
)
def test_a_decoder_that_hangs_or_dies_costs_its_frame(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, said: str
) -> None:
    (tmp_path / "decoder.py").write_text(program)
    _codecs._HELPER.end()
    monkeypatch.setattr(_codecs, "_PROGRAM", tmp_path / "decoder.py")
    monkeypatch.setattr(_codecs, "_LIMIT_S", 2.0)
    monkeypatch.setattr(_codecs, "available", lambda: True)
    data = (
        b"\xff\xd8\xff\xf7\0\x0b\x08"
        + struct.pack(">HH", ROWS, COLUMNS)
        + b"\x01\x01\x11\0\xff\xda"
        + b"\0" * 20
    )
    clip = opened(packed([data, data], JPEG_LS, "MONOCHROME2"))
    for number in (1, 2):
        with pytest.raises(PictureUnavailable, match=said):
            clip.frame(number)
    _codecs._HELPER.end()


def test_after_a_damaged_frame_the_codec_shows_the_next(opened: Opener) -> None:
    codecs = pytest.importorskip("imagecodecs")
    whole = codecs.jpegls_encode(greys(1))
    clip = opened(packed([whole[: len(whole) // 2], whole], JPEG_LS, "MONOCHROME2"))
    with pytest.raises(PictureUnavailable):
        clip.frame(1)
    assert np.array_equal(clip.frame(2), greys(1))


# --------------------------------------------------------------------------------------- what cannot be shown


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x01\x02\x03\x04" * 40, "of a kind that is not known here"),
        (b"\xff\xd8\xff\xd9", "no frame header"),
        (b"\xff\xd8\xff\xc0\0\x14\x08\0\x60\0\x80\x04" + b"\x01\x11\0" * 4, "4 samples a pixel"),
    ],
)
def test_what_cannot_be_shown_says_why(opened: Opener, data: bytes, said: str) -> None:
    with pytest.raises(PictureUnavailable, match=said):
        opened(packed([data])).frame(1)


def test_pixels_on_a_server_are_not_fetched_and_said(opened: Opener) -> None:
    ds = dataset(scene(0), "RGB", 1)
    ds.PixelDataProviderURL = "https://example.invalid/jpip"
    ds.PixelData = b""
    content = written(ds, EXPLICIT, b"")
    at = content.index(b"\xe0\x7f\x10\x00")
    clip = opened(content[:at])
    assert clip.facts.instance.frames == 0
    assert noted(clip, "its pixels lie on a server")


def test_less_than_half_a_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(written(dataset(scene(0), "RGB", 1), EXPLICIT, scene(0).tobytes()[:9000]))
    with pytest.raises(UnreadableFile) as caught:
        readers.open_clip(path, "ab" * 32)
    assert caught.value.reason == "truncated"


@pytest.mark.skipif(sys.platform == "win32", reason="signal 0 asks nothing there")
def test_nothing_is_left_running_when_the_program_ends() -> None:
    pytest.importorskip("imagecodecs")
    program = (
        "import numpy, imagecodecs\n"
        "from casearchive.readers import _codecs\n"
        "data = imagecodecs.jpegls_encode(numpy.zeros((8, 8), 'u1'))\n"
        "assert _codecs.decoded(_codecs.JPEG_LS, data).shape == (8, 8)\n"
        "print(_codecs._HELPER._process.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def _innocent(kind: str) -> np.ndarray:
    """Pictures (480, 636, 3) that pass for grey when they are read the wrong way."""
    rows, columns = 480, 636
    across = np.arange(columns)
    if kind == "tint":
        picture = np.broadcast_to(np.array([10, 30, 120]), (rows, columns, 3))
    elif kind == "bars":
        colours = np.array([[0, 0, 192], [192, 192, 0], [0, 192, 192]])
        picture = np.broadcast_to(colours[across // 212], (rows, columns, 3))
    elif kind == "wedge":
        picture = np.broadcast_to(
            (across[:, None] * np.array([0.36, 0.3, 0.2])).astype(int), (rows, columns, 3)
        )
    elif kind == "worksheet":
        picture = np.full((rows, columns, 3), (20, 40, 130))
        for line in range(30, rows - 20, 40):  # something like lines of white letters
            letters = np.random.default_rng(line).integers(0, 2, (12, 100)).repeat(2, axis=1) > 0
            picture[line : line + 12, 40:240][letters] = 235
    else:  # a tinted scan, magnified six times by repeating pixels
        noise = np.random.default_rng(5).rayleigh(45, (rows // 6, columns // 6)).clip(0, 220)
        picture = (noise[..., None] * np.array([1.0, 0.85, 0.6])).repeat(6, axis=0).repeat(6, axis=1)
    return np.ascontiguousarray(picture).astype(np.uint8)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("kind", ["tint", "bars", "wedge", "worksheet", "magnified"])
def test_a_picture_that_looks_right_as_its_header_says_is_left_alone(
    kind: str, planar: int, tmp_path: Path
) -> None:
    picture = _innocent(kind)
    stored = np.moveaxis(picture, -1, 0) if planar else picture
    path = helpers.dicom(
        tmp_path / "a.dcm",
        size=picture.shape[:2],
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=planar,
        PixelData=np.ascontiguousarray(stored).tobytes(),
    )
    clip = readers.open_clip(path, "0" * 64)
    assert np.array_equal(clip.frame(1), picture)
    assert not [note for note in clip.facts.notes if note.startswith(GUESSED_LAYOUT)]
    clip.close()


@pytest.mark.parametrize("first", [0, 90])
def test_a_black_banner_or_an_odd_first_frame_does_not_recolour_a_clip(first: int, tmp_path: Path) -> None:
    """YBR_FULL with its top rows zeroed, as a tool blacks out a name, is still YBR_FULL."""
    luma = np.random.default_rng(8).rayleigh(45, (120, 160)).clip(0, 255)
    frame = np.stack([luma, np.full_like(luma, 128), np.full_like(luma, 128)], -1)
    frame[40:70, 50:90, 1:] = (90, 200)
    frame[:18] = 0
    frames = np.stack([np.full_like(frame, first), frame, frame]).astype(np.uint8)
    path = helpers.dicom(
        tmp_path / "a.dcm", frames=3, size=(120, 160), SamplesPerPixel=3, PlanarConfiguration=0,
        PhotometricInterpretation="YBR_FULL", PixelData=frames.tobytes(),
    )  # fmt: skip
    clip = readers.open_clip(path, "0" * 64)
    grey = clip.frame(2)[80:, :40].astype(int)
    assert np.abs(grey - luma[80:, :40, None].astype(np.uint8)).max() <= 2
    assert not [note for note in clip.facts.notes if "stored as RGB" in note]
    clip.close()


@pytest.mark.parametrize(
    ("rows", "columns"), [(765, 1024), (853, 1024), (729, 1100), (768, 1024), (601, 803)]
)
def test_jpeg_2000_of_any_size_gives_a_small_picture(rows: int, columns: int) -> None:
    """Pillow and the standard round a halved size differently; where they do, fewer halvings are asked for."""
    picture = np.random.default_rng(3).integers(0, 255, (rows, columns), dtype=np.uint8)
    with io.BytesIO() as out:
        Image.fromarray(picture).save(out, "JPEG2000", no_jp2=True, irreversible=False)
        data = out.getvalue()
    facts = _j2k.j2k_facts(data)
    layout = Layout(rows, columns, 1, 8, 8, 7, False, False, "MONOCHROME2")
    small, whole = _j2k.j2k(data, facts, layout, 128)
    assert whole
    assert max(small.shape) >= 128


def test_signed_samples_stay_signed_in_jpeg_ls(tmp_path: Path) -> None:
    """Two's complement is undone after decoding, as it is for every other coding."""
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.tile(np.linspace(-100, 100, 40).astype(np.int16), (32, 1))
    more = {
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1,
        "WindowCenter": "0", "WindowWidth": "201",
    }  # fmt: skip
    native = helpers.dicom(tmp_path / "native.dcm", **more, PixelData=values.tobytes())
    data = pydicom.dcmread(native)
    data.PixelData = encapsulate([imagecodecs.jpegls_encode(values.view(np.uint16))])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.80"
    data.save_as(tmp_path / "coded.dcm", enforce_file_format=True)
    shown = []
    for name in ("native.dcm", "coded.dcm"):
        clip = readers.open_clip(tmp_path / name, "0" * 64)
        shown.append(clip.frame(1))
        clip.close()
    assert np.ptp(shown[0]) > 200
    assert np.array_equal(*shown)


def test_an_offset_table_outweighs_a_count_that_happens_to_fit(tmp_path: Path) -> None:
    """Three pictures of two fragments each, a true offset table, and six frames promised."""
    pictures = [np.random.default_rng(n).integers(0, 255, (32, 40), dtype=np.uint8) for n in range(3)]
    coded = []
    for picture in pictures:
        with io.BytesIO() as out:
            Image.fromarray(picture).save(out, "JPEG2000", no_jp2=True, irreversible=False)
            coded.append(out.getvalue())
    data = pydicom.dcmread(helpers.dicom(tmp_path / "a.dcm", frames=6))
    data.PixelData = encapsulate(coded, fragments_per_frame=2, has_bot=True)
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    data.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    clip = readers.open_clip(tmp_path / "b.dcm", "0" * 64)
    assert clip.facts.instance.frames == 3
    assert all(np.array_equal(clip.frame(n), pictures[n - 1]) for n in (1, 2, 3))
    clip.close()


def test_a_table_with_an_entry_a_byte_is_read_so_whatever_its_descriptor_says(opened: Opener) -> None:
    ramp = np.arange(12, dtype=np.uint8) * 20
    ds = dataset(indices(0), "PALETTE COLOR", 1)
    for name in ("Red", "Green", "Blue"):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [12, 0, 16])
        ds[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(ds, f"{name}PaletteColorLookupTableData", ramp.tobytes())
        ds[f"{name}PaletteColorLookupTableData"].VR = "OW"
    clip = opened(written(ds, EXPLICIT, indices(0).tobytes()))
    shown = clip.frame(1)
    assert all(shown[indices(0) == n][0].tolist() == [20 * n] * 3 for n in range(12))


def test_a_colour_coding_that_nobody_knows_is_shown_and_its_name_not_repeated(tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 255, (32, 40, 3), dtype=np.uint8)
    path = helpers.dicom(
        tmp_path / "a.dcm", SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="ZWIEBEL_RGB",
        PixelData=pixels.tobytes(),
    )  # fmt: skip
    clip = readers.open_clip(path, "0" * 64)
    assert np.array_equal(clip.frame(1), pixels)
    assert noted(clip, "none of the standard's; RGB was taken")
    assert not [note for note in clip.facts.notes if "ZWIEBEL" in note]
    clip.close()


# ------------------------------------------------------------------------------------------ more small lies


def test_a_jpeg_with_an_end_marker_in_its_middle_is_noted(opened: Opener) -> None:
    data = jpeg(screen(0))
    middle = len(data) * 6 // 10
    clip = opened(packed([data[:middle] + b"\xff\xd9" + data[middle + 2 :]]))
    assert clip.frame(1)[-10:].max() == 0
    assert noted(clip, CUT)


def test_a_jpeg_with_a_small_picture_in_a_comment_is_whole(opened: Opener) -> None:
    data = jpeg(scene(0))
    small = pillow("JPEG", quality=60)(scene(0)[:8, :8])
    comment = b"\xff\xfe" + struct.pack(">H", len(small) + 2) + small
    clip = opened(packed([data[:2] + comment + data[2:]]))
    assert np.abs(clip.frame(1).astype(int) - scene(0)).max() < 12
    assert not noted(clip, CUT)


@pytest.mark.parametrize(("promised", "held", "padding"), [(1, 1, 40), (3, 3, 64), (2, 3, 0), (5, 3, 0)])
def test_full_chroma_called_shared_is_known_by_its_length_with_padding_and_wrong_counts(
    opened: Opener, promised: int, held: int, padding: int
) -> None:
    ds = dataset(scene(0), "YBR_FULL_422", promised)
    data = b"".join(as_ybr(scene(n)).tobytes() for n in range(held)) + bytes(padding)
    clip = opened(written(ds, EXPLICIT, data))
    assert np.abs(clip.frame(1).astype(int) - scene(0)).max() <= 3
    assert noted(clip, "every pixel has its own colour")


@pytest.mark.parametrize(("promised", "held", "padding"), [(1, 1, 40), (3, 3, 64), (4, 2, 0)])
def test_shared_chroma_stays_shared_with_padding_and_wrong_counts(
    opened: Opener, promised: int, held: int, padding: int
) -> None:
    ds = dataset(scene(0), "YBR_FULL_422", promised)
    data = b"".join(shared(as_ybr(scene(n))).tobytes() for n in range(held)) + bytes(padding)
    clip = opened(written(ds, EXPLICIT, data))
    assert np.abs(clip.frame(1).astype(int) - scene(0)).mean() < 6
    assert not noted(clip, "every pixel has its own colour")


@pytest.mark.parametrize("big", [False, True])
def test_one_bit_pictures_are_read_by_words_where_words_are_turned(opened: Opener, big: bool) -> None:
    bits = np.random.default_rng(5).integers(
        0, 2, (3, 9, 13), dtype=np.uint8
    )  # frames that end inside a byte
    ds = dataset(np.zeros((9, 13), np.uint8), "MONOCHROME2", 3)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 1, 1, 0
    raw = np.packbits(bits.ravel(), bitorder="little").tobytes()
    raw += bytes(-len(raw) % 2)
    if big:
        raw = np.frombuffer(raw, ">u2").astype("<u2").tobytes()
    clip = opened(written(ds, BIG if big else EXPLICIT, raw))
    for number in (1, 2, 3):
        assert np.array_equal(clip.frame(number), bits[number - 1] * 255)


def test_hundreds_of_odd_regions_are_told_in_a_few_lines(opened: Opener) -> None:
    items = []
    for n in range(200):
        item = Dataset()
        item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
        item.RegionLocationMinX0, item.RegionLocationMinY0 = (0, 0) if n % 2 else (9, 9)
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = 5, 5
        items.append(item)
    ds = dataset(greys(0), "MONOCHROME2", 1)
    ds.SequenceOfUltrasoundRegions = Sequence(items)
    clip = opened(written(ds, EXPLICIT, greys(0).tobytes()))
    assert len(clip.facts.notes) < 8, clip.facts.notes


def test_a_frame_that_cannot_be_decoded_is_noted_when_the_file_is_taken(tmp_path: Path) -> None:
    from casearchive import Archive

    path = tmp_path / "loop.dcm"
    path.write_bytes(packed([jpeg(scene(0)), b"\xff\xd8\xff\xd9", jpeg(scene(2)), jpeg(scene(3))]))
    archive = Archive.create(tmp_path / "archive")
    notes: list[str] = []
    archive.ingest([path], workers=0, report=lambda outcome: notes.extend(outcome.notes))
    assert any("frame 2 cannot be decoded" in note for note in notes), notes


# ------------------------------------------------------------------------------------ files that end early


def test_of_a_clip_cut_in_the_middle_the_frames_that_are_there_are_shown(opened: Opener) -> None:
    for syntax, frames in (
        (BASE, [jpeg(scene(n)) for n in range(6)]),
        (RLE, [packbits(scene(n)) for n in range(6)]),
    ):
        whole = written(dataset(scene(0), "RGB", 6), syntax, encapsulate(frames))
        if syntax == BASE:
            whole = packed(frames)
        clip = opened(whole[: whole.index(frames[3]) + len(frames[3]) // 2])
        assert clip.facts.instance.frames == 3
        assert noted(clip, "the file ends early: 3 of 6 frames are there")
        assert np.abs(clip.frame(3).astype(int) - scene(2)).max() < 12


def test_a_cut_clip_in_many_fragments_keeps_its_frames_apart(opened: Opener) -> None:
    frames = [jpeg(screen(n)) for n in range(5)]
    size = [len(frame) + len(frame) % 2 + 16 for frame in frames]
    offsets = [sum(size[:n]) for n in range(5)]
    data = fragmented(frames, offsets)
    whole = written(dataset(screen(0), "YBR_FULL", 5), BASE, data)
    at = whole.index(data[: 8 + 20]) + 8 + 20
    clip = opened(whole[: at + offsets[3] - 1])
    assert clip.facts.instance.frames == 2
    assert np.abs(clip.frame(2).astype(int) - screen(1)).mean() < 8
    assert noted(clip, "2 of 5 frames are there")


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "MONOCHROME2"])
def test_of_a_cut_native_clip_the_whole_frames_are_shown(opened: Opener, photometric: str) -> None:
    def stored(n: int) -> np.ndarray:
        if photometric == "MONOCHROME2":
            return greys(n)
        return scene(n) if photometric == "RGB" else shared(as_ybr(scene(n)))

    first = greys(0) if photometric == "MONOCHROME2" else scene(0)
    data = b"".join(stored(n).tobytes() for n in range(4))
    whole = written(dataset(first, photometric, 4), EXPLICIT, data)
    clip = opened(whole[: -stored(0).nbytes * 3 // 2])
    assert clip.facts.instance.frames == 2
    assert noted(clip, "the file ends early: 2 of 4 frames are there")
    expected = greys(1) if photometric == "MONOCHROME2" else scene(1)
    assert np.abs(clip.frame(2).astype(int) - expected).max() < 4


# ------------------------------------------------------------------------- chroma that is or is not shared


@pytest.mark.parametrize("padding", [0, 2, 64, 5000])
@pytest.mark.parametrize("held", [1, 3])
@pytest.mark.parametrize("promised", [1, 2, 3, 4])
@pytest.mark.parametrize("label", ["YBR_FULL_422", "YBR_FULL"])
@pytest.mark.parametrize("truly_shared", [True, False])
def test_whether_pixels_share_their_chroma_is_seen_whatever_the_length(
    opened: Opener, padding: int, held: int, promised: int, label: str, truly_shared: bool
) -> None:
    if (truly_shared, label, promised, held, padding) == (True, "YBR_FULL", 2, 3, 0):
        pytest.skip("the length is that of the label to the byte, and the label is believed")
    pack = shared if truly_shared else (lambda frame: frame)
    data = b"".join(pack(as_ybr(scene(n))).tobytes() for n in range(held)) + b"\0" * padding
    clip = opened(written(dataset(scene(0), label, promised, NumberOfFrames=promised), EXPLICIT, data))
    assert clip.facts.instance.frames == min(held, promised)
    for number in range(1, min(held, promised) + 1):
        assert np.abs(clip.frame(number).astype(int) - scene(number - 1)).max() <= 3
    assert noted(clip, "shown as it is stored") == (truly_shared != (label == "YBR_FULL_422"))


# ------------------------------------------------------------------------------------------- one-bit pixels


@pytest.mark.parametrize("vr", ["OB", "OW"])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_one_bit_pixels_are_read_in_either_byte_order(opened: Opener, syntax: str, vr: str) -> None:
    frames = np.random.default_rng(3).integers(0, 2, (3, 9, 13), np.uint8)
    data = np.packbits(frames.ravel(), bitorder="little").tobytes()
    data += b"\0" * (len(data) % 2)
    if syntax == BIG and vr == "OW":
        data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    ds = dataset(greys(0), "MONOCHROME2", 3, Rows=9, Columns=13, BitsAllocated=1, BitsStored=1, HighBit=0)
    content = written(ds, syntax, data)
    if vr == "OB":
        at = content.rindex(b"OW")
        content = content[:at] + b"OB" + content[at + 2 :]
    clip = opened(content)
    for number in (1, 2, 3):
        assert np.array_equal(clip.frame(number), frames[number - 1] * 255)


def test_signed_samples_stay_signed_in_8_bit_lossless_jpeg(opened: Opener) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.tile(np.linspace(-100, 100, 40).astype(np.int8), (32, 1))
    more = {"PixelRepresentation": 1, "WindowCenter": "0", "WindowWidth": "201"}
    ds = dataset(values.view(np.uint8), "MONOCHROME2", 1, **more)
    native = opened(written(ds, EXPLICIT, values.tobytes())).frame(1)
    coded = imagecodecs.jpeg8_encode(values.view(np.uint8), lossless=True)
    ds = dataset(values.view(np.uint8), "MONOCHROME2", 1, **more)
    shown = opened(written(ds, LOSSLESS, encapsulate([coded]))).frame(1)
    assert np.ptp(native) > 200
    assert np.array_equal(native, shown)


# ----------------------------------------------------------------------------------- damage inside of frames


@pytest.mark.parametrize(
    ("filler", "lossless"),
    [(b"\0", False), (b"\xff", False), (b"\xff", True)],  # zeros may be a flat part of a lossless picture
)
def test_a_jpeg_with_a_hole_is_shown_with_a_note(opened: Opener, filler: bytes, lossless: bool) -> None:
    if lossless:
        data = pytest.importorskip("imagecodecs").jpeg8_encode(screen(0), lossless=True)
    else:
        data = jpeg(screen(0))
    middle = len(data) // 2
    holed = data[:middle] + filler * 200 + data[middle + 200 :]
    clip = opened(packed([holed], LOSSLESS if lossless else BASE, "RGB" if lossless else "YBR_FULL"))
    clip.frame(1)
    assert noted(clip, "the JPEG data of a frame is damaged") or noted(clip, CUT)


def test_a_jpeg_with_a_false_end_is_shown_up_to_it_with_a_note(opened: Opener) -> None:
    data = jpeg(screen(0))
    middle = len(data) // 2
    clip = opened(packed([data[:middle] + b"\xff\xd9" + data[middle + 2 :]]))
    shown = clip.frame(1)
    assert noted(clip, CUT)
    assert shown[-20:].max() == 0


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("optimize", [False, True])
def test_a_flat_jpeg_is_no_damage(opened: Opener, level: int, optimize: bool) -> None:
    flat = np.full((640, 640, 3), level, np.uint8)
    clip = opened(packed([pillow("JPEG", optimize=optimize)(flat)], Rows=640, Columns=640))
    assert np.abs(clip.frame(1).astype(int) - level).max() <= 1
    assert not noted(clip, "damaged")
    assert not noted(clip, CUT)


def test_frames_that_cannot_be_decoded_are_named_on_the_instance(opened: Opener) -> None:
    frames = [jpeg(scene(n)) for n in range(5)]
    frames[1] = frames[3] = b"\xff\xd8\xff\xd9"
    clip = opened(packed(frames))
    for number in range(1, 6):
        try:
            clip.frame(number)
        except PictureUnavailable:
            continue
    assert [n for n in clip.facts.notes if "decoded" in n] == [
        "frames 2 and 4 cannot be decoded; the others are shown"
    ]
