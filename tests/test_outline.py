"""The shape of a fan: no echo is ever cut, what is written in its empty corners goes, and where it is not plain the box
stays."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom, needs_detector
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from test_looking import written

from casearchive import Archive
from casearchive.deid import shapes
from casearchive.deid.outline import Outline, Watch
from casearchive.deid.pixels import Area, Box
from casearchive.deid.shapes import Fan
from casearchive.model import UltrasoundRegion
from casearchive.reviewing import PASSES, WAITS

ROWS, COLUMNS = 480, 640
BOX = Box(60, 40, 579, 439)
REGION = UltrasoundRegion(*BOX, spatial_format=1, data_type=1)
AREA = Area(ROWS, COLUMNS, (BOX,), (REGION,))
FAN = Fan(320, -20, 80, 440, -33, 33)
CORNER, OTHER = (68, 60), (470, 60)


def fan_mask(fan: Fan) -> NDArray[np.bool_]:
    return shapes.mask(fan, ROWS, COLUMNS) & AREA.mask()


def fan_frame(seed: int = 1, fan: Fan = FAN, *, dim: float = 1.0) -> NDArray[np.uint8]:
    """Speckle in a fan, dimmer with depth, on black."""
    rng = np.random.default_rng(seed)
    wide = rng.normal(0, 1, (ROWS, COLUMNS + 16))
    soft = np.apply_along_axis(lambda line: np.convolve(line, np.hanning(19), "same"), 1, wide)[:, 8:-8]
    noise = (70 + 30 * soft / soft.std()).clip(1, 255)
    fade = np.linspace(1.0, dim, ROWS)[:, None]
    grey = np.where(fan_mask(fan), np.maximum(noise * fade, 1), 0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def outlined(*frames: NDArray[np.uint8], area: Area = AREA) -> Outline | None:
    watch = Watch(area)
    for frame in frames:
        watch.see(frame)
    return watch.outline()


def within(outline: Outline) -> NDArray[np.bool_]:
    return replace(AREA, within=outline.shape).mask()


@settings(deadline=None, max_examples=25)
@given(
    st.floats(250, 390), st.floats(-120, 20), st.floats(60, 200), st.floats(20, 42), st.integers(0, 9),
    st.sampled_from([1.0, 0.2, 0.05]), st.sampled_from([0, 75, 92]),
)  # fmt: skip
def test_no_echo_is_cut_whatever_the_fan(
    x: float, y: float, near: float, half: float, seed: int, dim: float, quality: int
) -> None:
    fan = Fan(round(x, 1), round(y, 1), near, 439 - y, -half, half)
    frame = fan_frame(seed, fan, dim=dim)
    if quality:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=quality, subsampling=0)
        frame = np.asarray(Image.open(out))
    found = outlined(frame)
    if found is not None:
        assert within(found)[fan_mask(fan)].all()


def test_the_corners_of_a_plain_fan_go() -> None:
    found = outlined(fan_frame())
    assert found is not None
    kept, fan = within(found), fan_mask(FAN)
    assert kept[fan].all()
    assert (kept & ~fan).sum() < 0.12 * fan.sum(), (
        "hardly more than the fan: what lies under its upper arc, a margin"
    )
    assert not kept[45:120, 65:200].any() and not kept[45:120, 440:575].any()


def test_an_echo_that_one_frame_shows_counts() -> None:
    frames = [fan_frame(n) for n in range(5)]
    frames[3][150:160, 150:215] = 200  # joined to the fan's left side
    found = outlined(*frames)
    assert found is None or within(found)[150:160, 150:215].all()


def test_what_lies_apart_below_the_sides_counts_as_scan() -> None:
    short = Fan(320, -20, 80, 300, -33, 33)
    frame = fan_frame(1, short)
    frame[400:410, 250:300] = 180  # a deep reflector in a fan that is black around it
    found = outlined(frame)
    assert found is not None and within(found)[400:410, 250:300].all()


@pytest.mark.parametrize("what", ["linear", "two regions", "lit corner", "drawn", "noise", "M-mode"])
def test_where_it_is_not_plain_the_box_stays(what: str) -> None:
    frame, area = fan_frame(), AREA
    if what == "linear":
        frame = np.where(AREA.mask()[..., None], fan_frame(1, Fan(320, 200, 0, 900, -90, 90)), 0).astype(
            np.uint8
        )
        frame[40:440, 60:580] = np.random.default_rng(1).integers(1, 200, (400, 520, 3))
    elif what == "two regions":
        area = replace(area, regions=(REGION, replace(REGION, min_x0=100)))
    elif what == "lit corner":
        frame[40:44, 60:70] = 90
    elif what == "drawn":
        area = replace(area, drawn=(shapes.Rectangle(0, 0, 9, 9),))
    elif what == "noise":
        loose = np.random.default_rng(1).random((ROWS, COLUMNS)) < 0.004
        frame[loose & AREA.mask() & ~fan_mask(FAN)] = 30
        frame[40:60, 60:80] = frame[40:60, 560:580] = 0
    else:
        area = replace(area, regions=(replace(REGION, spatial_format=2),))
    assert outlined(frame, area=area) is None


def test_a_lone_still_sign_is_the_mark_of_the_side_and_letters_are_not() -> None:
    marked = fan_frame()
    marked[60:72, 180:190] = 200
    found = outlined(marked, marked)
    assert found is not None and [s.kind for s in found.signs] == ["mark"]
    lettered = written(fan_frame(), "QUILLFEATHER", CORNER, 16)
    found = outlined(lettered)
    assert found is not None and found.signs == ()
    moving = fan_frame()
    moving[60:72, 180:190] = 90
    found = outlined(marked, moving)
    assert found is not None and found.signs == ()


# ------------------------------------------------------------------------------------------------ the way out


def clip_of(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    item = Dataset()
    for keyword, value in {
        "RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0, "RegionLocationMinX0": BOX.x0,
        "RegionLocationMinY0": BOX.y0, "RegionLocationMaxX1": BOX.x1, "RegionLocationMaxY1": BOX.y1,
        "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.01, "PhysicalDeltaY": 0.01,
    }.items():  # fmt: skip
        setattr(item, keyword, value)
    return dicom(
        path, frames=len(frames), size=(ROWS, COLUMNS), PixelData=np.stack(frames).tobytes(), SamplesPerPixel=3,
        PhotometricInterpretation="RGB", PlanarConfiguration=0, SequenceOfUltrasoundRegions=[item],
    )  # fmt: skip


def archive_of(tmp_path: Path, frames: list[NDArray[np.uint8]]) -> Archive:
    folder = tmp_path / "fan"
    clip_of(folder / "clip.dcm", frames)
    (folder / "case.toml").write_text(
        'title = "A fan"\nstatus = "ready"\n[author]\nname = "A. Teacher"\n[[media]]\nid = "M1"\nfile = "clip.dcm"\n'
        '[[finding]]\nid = "F1"\nstructure = "calf"\nabnormality = "tear"\nside = "left"\n',
        "utf-8",
    )
    archive = Archive.create(tmp_path / "archive")
    assert archive.ingest([folder], workers=0).failed == 0
    return archive


def left(archive: Archive, to: Path) -> tuple[NDArray[np.uint8], dict[str, object]]:
    made = archive.export(["fan"], formats=["folder"], to=to)
    assert made.folder is not None and Archive.verify_export(made.folder) == ()
    (path,) = made.folder.rglob("M1.dcm")
    paper = json.loads((made.folder / "certificate.json").read_text("utf-8"))
    pixels = pixel_array(path)
    return pixels if pixels.ndim == 4 else pixels[None], paper["clips"][0]


@needs_detector
def test_a_name_in_a_corner_of_one_frame_is_removed_and_the_fan_stays_bit_for_bit(tmp_path: Path) -> None:
    frames = [fan_frame(n) for n in range(6)]
    frames[4] = written(frames[4], "QUILLFEATHER", CORNER, 16)
    archive = archive_of(tmp_path, frames)
    assert [c.state for c in archive.reviewables()] == [PASSES]
    pixels, said = left(archive, tmp_path / "out")
    assert str(said["kept_within"]).startswith("polygon ")
    fan = fan_mask(FAN)
    for before, after in zip(frames, pixels, strict=True):
        assert np.array_equal(before[fan], after[fan])
    assert not pixels[:, 45:120, 65:210].any()


@needs_detector
@pytest.mark.parametrize("at", [(150, 230), (70, 400)], ids=["across the side", "in a lower corner"])
def test_a_name_that_may_stand_in_the_fan_waits(tmp_path: Path, at: tuple[int, int]) -> None:
    archive = archive_of(tmp_path, [written(fan_frame(n), "QUILLFEATHER", at, 16) for n in range(2)])
    assert [c.state for c in archive.reviewables()] == [WAITS]


@needs_detector
def test_where_all_that_stands_in_the_corners_is_harmless_the_box_stays_as_it_was(tmp_path: Path) -> None:
    frames = []
    for n in range(2):
        frame = written(fan_frame(n), "Dist 1.06 cm", CORNER, 16).copy()
        frame[46:56, 240:250] = 220
        frames.append(frame)
    pixels, said = left(archive_of(tmp_path, frames), tmp_path / "out")
    assert "kept_within" not in said
    for before, after in zip(frames, pixels, strict=True):
        assert np.array_equal(before[40:440, 60:580], after[40:440, 60:580])


@needs_detector
def test_results_labels_and_the_mark_of_the_side_stay_in_a_corner(tmp_path: Path) -> None:
    frames = []
    for n in range(3):
        frame = written(fan_frame(n), "Dist 1.06 cm", CORNER, 16)
        frame = written(frame, "LEFT", OTHER, 16)
        frame = written(frame, "Quillfeather", (68, 120), 16).copy()
        frame[46:56, 240:250] = 220
        frames.append(frame)
    pixels, said = left(archive_of(tmp_path, frames), tmp_path / "out")
    beside = said["kept_beside"]
    assert isinstance(beside, list)
    assert sorted((t["kind"], t["text"].replace(" ", "")) for t in beside) == [
        ("label", "LEFT"),
        ("mark", "amark"),
        ("result", "Dist1.06cm"),
    ]
    assert pixels[:, 58:80, 65:180].max() > 200 and pixels[:, 58:80, 470:570].max() > 200
    assert not pixels[:, 112:140, 65:190].any(), "the name is gone"
    assert (pixels[:, 46:56, 240:250] == 220).all()


@needs_detector
def test_a_label_that_changes_does_not_stay(tmp_path: Path) -> None:
    frames = [written(fan_frame(n), word, CORNER, 16) for n, word in enumerate(("LEFT CALF", "RIGHT KNEE"))]
    pixels, said = left(archive_of(tmp_path, frames), tmp_path / "out")
    assert "kept_beside" not in said and not pixels[:, 45:90, 65:200].any()
