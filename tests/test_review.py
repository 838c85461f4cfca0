"""What a person decides: clips that nobody can prove safe leave by a decision about their very bytes, or not at all."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import NAME, dicom, movie, needs_detector
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from casearchive import Archive
from casearchive.cli import cli
from casearchive.deid import scanners, shapes
from casearchive.deid.shapes import Fan, Polygon, Rectangle
from casearchive.errors import CaseArchiveError, NotFound, ReviewNeeded, UsageError
from casearchive.ledger import Ledger
from casearchive.readers import open_clip
from casearchive.reviewsheet import suggested

ROWS, COLUMNS = 150, 200
SCAN = "box 20,30,179,139"
INSIDE = (slice(30, 140), slice(20, 180))
REGION = {
    "RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0, "RegionLocationMinX0": 20,
    "RegionLocationMinY0": 30, "RegionLocationMaxX1": 179, "RegionLocationMaxY1": 139,
    "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.01, "PhysicalDeltaY": 0.01,
}  # fmt: skip


def screen(seed: int, *, text: str = "", banner: str = "QUILLFEATHER ORSINO") -> np.ndarray:
    """Soft grey speckle as of a scan, a name above it, and text inside it where one is asked for."""
    noise = np.random.default_rng(seed).normal(0, 1, (ROWS, COLUMNS + 24))
    wide = np.apply_along_axis(lambda line: np.convolve(line, np.hanning(13), "same"), 1, noise)[:, 12:-12]
    grey = np.zeros((ROWS, COLUMNS), np.uint8)
    grey[INSIDE] = np.clip(70 + 35 * wide / wide.std(), 0, 255).astype(np.uint8)[INSIDE]
    image = Image.fromarray(grey)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    pen.text((4, 6), banner, fill=255, font=font)
    if text:
        pen.text((60, 80), text, fill=255, font=font)
    return np.asarray(image)


def scan(
    path: Path, seed: int, *, regions: bool = False, text_in: tuple[int, ...] = (), **more: object
) -> Path:
    """An ultrasound object of three frames, with the patient's name burnt in above the scan."""
    frames = np.stack([screen(seed * 10 + n, text="O. FEATHER" if n in text_in else "") for n in (1, 2, 3)])
    if regions:
        item = Dataset()
        for keyword, value in REGION.items():
            setattr(item, keyword, value)
        more["SequenceOfUltrasoundRegions"] = [item]
    return dicom(
        path, seed=seed, frames=3, size=(ROWS, COLUMNS), PixelData=frames.tobytes(),
        Manufacturer="Philips Medical Systems", ManufacturerModelName="EPIQ 5G",
        **{"SoftwareVersions": "1.5.2", **more},
    )  # fmt: skip


def case(folder: Path, slug: str, *files: Path) -> Path:
    """A case folder, ready to leave, with these files as M1, M2 …"""
    (folder / slug).mkdir(parents=True)
    lines = ['title = "A tear of the calf"', 'status = "ready"', "[author]", 'name = "A. Teacher"']
    for number, file in enumerate(files, 1):
        shutil.copy(file, folder / slug / file.name)
        lines += ["[[media]]", f'id = "M{number}"', f'file = "{file.name}"']
    lines += ["[[finding]]", 'id = "F1"', 'structure = "calf"', 'abnormality = "tear"', 'side = "left"']
    (folder / slug / "case.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / slug


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


def take(archive: Archive, folder: Path) -> None:
    assert archive.ingest([folder], workers=0).failed == 0


def leave(archive: Archive, slug: str, to: Path) -> tuple[np.ndarray, dict[str, Any], Dataset]:
    """The pixels of M1 as they left, what the certificate says of it, and its header."""
    made = archive.export([slug], formats=["folder"], to=to)
    assert made.folder is not None and made.clips >= 1
    assert Archive.verify_export(made.folder) == ()
    (path,) = made.folder.rglob("M1.dcm")
    paper = json.loads((made.folder / "certificate.json").read_text("utf-8"))
    return pixel_array(path), next(c for c in paper["clips"] if c["ref"] == "M1"), dcmread(path)


def states(archive: Archive, *what: str) -> dict[str, str]:
    return {c.ref: c.state for c in archive.reviewables(what)}


# ------------------------------------------------------------------------------------------------ shapes

pixels = st.integers(0, 60)


@given(st.one_of(
    st.tuples(pixels, pixels, pixels, pixels).map(
        lambda b: Rectangle(min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
    ),
    st.lists(st.tuples(pixels.map(float), pixels.map(float)), min_size=3, max_size=8).map(
        lambda p: Polygon(tuple(p))
    ),
    st.builds(Fan, pixels.map(float), pixels.map(float), st.just(5.0), st.integers(6, 60).map(float),
              st.integers(-90, -1).map(float), st.integers(0, 90).map(float)),
))  # fmt: skip
def test_a_shape_in_words_is_the_same_shape(shape: shapes.Shape) -> None:
    again = shapes.read(shapes.written(shape))
    assert again == shape
    assert np.array_equal(shapes.mask(again, 50, 40), shapes.mask(shape, 50, 40))
    x0, y0, x1, y1 = shapes.reaches(shape)
    rows, columns = np.nonzero(shapes.mask(shape, 50, 40))
    assert all(y0 <= y <= y1 for y in rows) and all(x0 <= x <= x1 for x in columns)


def test_both_corners_of_a_box_and_both_sides_of_a_fan_are_inside() -> None:
    box = shapes.mask(shapes.read("box 2,3,5,7"), 10, 10)
    assert box.sum() == 4 * 5 and box[3, 2] and box[7, 5]
    fan = shapes.mask(shapes.read("fan 20,0 10 30 -45 45"), 40, 41)
    assert fan[10, 20] and fan[30, 20] and not fan[9, 20] and not fan[31, 20]
    assert fan[15, 5] and fan[15, 35] and not fan[14, 5] and not fan[14, 35]
    square = shapes.mask(shapes.read("polygon 2,2 12,2 12,12 2,12"), 20, 20)
    assert square.sum() == 100


@pytest.mark.parametrize(
    "text",
    ["", "box", "box 1,2,3", "box 5,5,1,1", "box 1.5,2,3,4", "circle 1,2,3", "polygon 1,1 2,2", "box a,b,c,d",
     "fan 1,1 30 10 -20 20", "fan 1,1 10 30 20 -20", "polygon " + "1,1 " * 201, "box 1,2,3,4,5", "box 1e9,0,1,1"],
)  # fmt: skip
def test_what_is_no_shape_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        shapes.read(text)
    kind = text.partition(" ")[0]
    if kind not in ("box", "polygon", "fan"):
        assert refusal.value.hint == f"Write one of: {shapes.FORMS}"
        return
    shown = refusal.value.hint.removeprefix("Write it such as: ").partition(" (")[0]
    assert shown.startswith(f"{kind} ") and shapes.read(shown)
    assert refusal.value.hint not in refusal.value.what


# ------------------------------------------------------------------------------------------------ deciding


def test_a_clip_without_regions_leaves_by_its_mask_and_nothing_outside_leaves(
    archive: Archive, tmp_path: Path
) -> None:
    file = scan(tmp_path / "a.dcm", 1)
    take(archive, case(tmp_path / "in", "calf", file))
    with pytest.raises(ReviewNeeded):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "none")
    archive.review(["calf:M1"], "mask", keep=[SCAN], because="the scan only")
    frames, paper, header = leave(archive, "calf", tmp_path / "out")
    source = pixel_array(file)
    assert np.array_equal(frames[(slice(None), *INSIDE)], source[(slice(None), *INSIDE)])
    outside = np.ones((ROWS, COLUMNS), bool)
    outside[INSIDE] = False
    assert not frames[:, outside].any()
    assert paper["kept_shapes"] == [SCAN] and paper["area"] == "a person"
    assert paper["reviewed"]["decision"] == "mask" and paper["reviewed"]["because"] == "the scan only"
    assert header.BurnedInAnnotation == "NO" and header.NumberOfFrames == 3


def test_a_mask_may_take_a_part_out_of_the_regions(archive: Archive, tmp_path: Path) -> None:
    file = scan(tmp_path / "a.dcm", 1, regions=True)
    take(archive, case(tmp_path / "in", "calf", file))
    archive.review(["calf"], "mask", remove=["box 20,30,60,50"])
    frames, paper, header = leave(archive, "calf", tmp_path / "out")
    assert not frames[:, 30:51, 20:61].any() and frames[:, 60:100, 70:120].any()
    assert paper["removed_shapes"] == ["box 20,30,60,50"] and paper["area"] == "the ultrasound regions"
    assert header.SequenceOfUltrasoundRegions[0].PhysicalDeltaX == 0.01


def test_text_inside_the_scan_of_one_frame_waits_for_a_person_and_leaves_when_approved(
    archive: Archive, tmp_path: Path
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True, text_in=(2,))))
    (waiting,) = archive.reviewables()
    assert waiting.state == "waits" and [n for n, _ in waiting.texts] == [2]
    archive.review(["calf"], "approve", because="the probe's name")
    _, paper, _ = leave(archive, "calf", tmp_path / "out")
    assert paper["reviewed"]["frames_with_text"] == [2]
    page = (tmp_path / "out" / "calf" / "certificate.html").read_text("utf-8")
    assert "the probe" in page and "approve by" in page


@pytest.mark.parametrize("whole_first", [True, False])
def test_what_was_decided_of_one_clip_is_not_decided_of_the_next(
    archive: Archive, tmp_path: Path, whole_first: bool
) -> None:
    still = tmp_path / "a.png"
    Image.fromarray(screen(7, banner="")).save(still)
    object_ = scan(tmp_path / "b.dcm", 1, regions=True)
    files = (still, object_) if whole_first else (object_, still)
    take(archive, case(tmp_path / "in", "calf", *files))
    first, second = ("M1", "M2") if whole_first else ("M2", "M1")
    archive.review([f"calf:{first}"], "approve", entire=True)
    archive.review(["calf"], "approve")
    made = archive.export(["calf"], formats=["folder"], to=tmp_path / "out")
    assert made.folder is not None
    (path,) = made.folder.rglob(f"{second}.dcm")
    assert not pixel_array(path)[:, :30].any(), "the banner of the other clip"


@needs_detector
@pytest.mark.parametrize("text", ["QUILLFEATHER", "QUILLFEATHFR"])
def test_an_approval_does_not_let_out_what_reads_like_the_patient(
    archive: Archive, tmp_path: Path, text: str
) -> None:
    file = scan(tmp_path / "a.dcm", 1, regions=True)
    data = dcmread(file)
    frames = data.pixel_array.copy()
    frames[1] = screen(12, text=text)
    data.PixelData = frames.tobytes()
    data.save_as(file)
    take(archive, case(tmp_path / "in", "calf", file))
    archive.review(["calf:M1"], "approve")
    with pytest.raises(ReviewNeeded, match=r"reads like an identity .*frame 2"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")


def test_a_layout_is_approved_by_what_was_on_its_sheet(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True, text_in=(2,))))
    (clip,) = archive.reviewables()
    with pytest.raises(UsageError, match="nobody was shown"):
        archive.review([clip.layout], "approve")
    archive.review_sheets([clip.layout])
    take(archive, case(tmp_path / "in", "thigh", scan(tmp_path / "b.dcm", 2, regions=True, text_in=(3,))))
    with pytest.raises(UsageError, match="thigh:M1"):
        archive.review([clip.layout], "approve")
    archive.review_sheets([clip.layout])
    archive.review([clip.layout], "approve")
    assert set(states(archive).values()) == {"decided"}


def test_a_mask_does_not_pass_to_a_clip_that_has_none(archive: Archive, tmp_path: Path) -> None:
    files = scan(tmp_path / "a.dcm", 1), scan(tmp_path / "b.dcm", 2, text_in=(2,))
    take(archive, case(tmp_path / "in", "calf", *files))
    archive.review(["calf:M1"], "mask", keep=[SCAN])
    with pytest.raises(UsageError, match="no ultrasound regions"):
        archive.review(["calf"], "approve")


def test_a_decision_is_about_bytes_that_are_still_there(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN])
    (clip,) = archive.reviewables()
    stored = next(p for p in archive.path.rglob(f"{clip.sha256}*") if "cache" not in p.parts)
    stored.chmod(0o600)
    stored.write_bytes(scan(tmp_path / "b.dcm", 2).read_bytes())
    with pytest.raises(ReviewNeeded, match="not at hand"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")


def test_what_is_to_be_removed_must_touch_the_picture(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    with pytest.raises(UsageError, match="outside the picture"):
        archive.review(["calf"], "mask", keep=[SCAN], remove=["box 1120,1100,1300,1130"])


def test_graphics_that_lie_over_a_picture_do_not_leave(archive: Archive, tmp_path: Path) -> None:
    file = scan(tmp_path / "a.dcm", 1, regions=True)
    data = dcmread(file)
    plane = np.zeros((ROWS, COLUMNS), np.uint8)
    plane[60:90, 50:150] = np.asarray(Image.fromarray(screen(1, text="LI")).crop((50, 60, 150, 90))) > 250
    plane[64:86, 60:64] = 1
    for element, vr, value in (
        (0x10, "US", ROWS), (0x11, "US", COLUMNS), (0x15, "IS", 1), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
        (0x51, "US", 1), (0x100, "US", 1), (0x102, "US", 0),
    ):  # fmt: skip
        data.add_new(0x60000000 | element, vr, value)
    data.add_new(0x60003000, "OW", np.packbits(plane.ravel(), bitorder="little").tobytes())
    data.save_as(file)
    take(archive, case(tmp_path / "in", "calf", file))
    with closing(open_clip(file, "0" * 64)) as shown:
        assert (shown.frame(1)[64:86, 60:64] == 255).all(), "they are shown in the archive"
    frames, _, _ = leave(archive, "calf", tmp_path / "out")
    assert (frames[0][INSIDE] == dcmread(file).pixel_array[0][INSIDE]).all()


@pytest.mark.parametrize(
    "because", ["asked Dr. Miller", "born 12.03.1999", "tel. 0170 1234567", NAME.replace("^", " ")]
)
def test_the_reason_of_a_decision_tells_of_nobody(archive: Archive, tmp_path: Path, because: str) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True)))
    with pytest.raises(UsageError, match="tell who somebody is") as caught:
        archive.review(["calf"], "approve", because=because)
    assert because not in str(caught.value)


def test_text_that_nobody_saw_when_they_drew_the_mask_waits_and_its_approval_keeps_the_mask(
    archive: Archive, tmp_path: Path
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, text_in=(2,))))
    archive.review(["calf"], "mask", keep=[SCAN], remove=["box 20,30,40,40"])
    (waiting,) = archive.reviewables()
    assert waiting.state == "waits" and [n for n, _ in waiting.texts] == [2]
    with pytest.raises(ReviewNeeded, match="looks like text"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")
    archive.review(["calf"], "approve")
    frames, paper, _ = leave(archive, "calf", tmp_path / "out")
    assert paper["kept_shapes"] == [SCAN] and not frames[:, 30:41, 20:41].any() and not frames[:, :30].any()


def test_a_decision_that_only_the_ledger_knows_is_one_for_the_export(
    archive: Archive, tmp_path: Path
) -> None:
    """A run may be cut off between the ledger and the index."""
    file = scan(tmp_path / "a.dcm", 1, regions=True)
    take(archive, case(tmp_path / "in", "calf", file))
    (clip,) = archive.reviewables()
    Ledger(archive.path / "ledger.jsonl").append([("reviewed", clip.sha256, {"decision": "refuse"})])
    with pytest.raises(ReviewNeeded, match="a person decided"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"decision": "bless"},
        {"decision": "mask", "keep": ["circle 1"]},
        {"decision": "approve", "keep": 3},
    ],
)
def test_a_decision_that_cannot_be_read_keeps_the_clip_in(
    archive: Archive, tmp_path: Path, details: dict[str, object]
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True)))
    (clip,) = archive.reviewables()
    Ledger(archive.path / "ledger.jsonl").append([("reviewed", clip.sha256, details)])
    with pytest.raises(ReviewNeeded):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")
    archive.review(["calf"], "reopen")
    assert states(archive) == {"calf:M1": "passes"}


def test_what_needs_no_decision_is_not_asked_about(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True)))
    assert states(archive) == {"calf:M1": "passes"}
    _, paper, _ = leave(archive, "calf", tmp_path / "out")
    assert "reviewed" not in paper


def test_a_decision_holds_for_the_same_bytes_only(archive: Archive, tmp_path: Path) -> None:
    one, other = scan(tmp_path / "a.dcm", 1), scan(tmp_path / "b.dcm", 2)
    take(archive, case(tmp_path / "in", "calf", one))
    take(archive, case(tmp_path / "in", "knee", other))
    archive.review(["calf"], "mask", keep=[SCAN])
    assert states(archive) == {"calf:M1": "decided", "knee:M1": "waits"}


def test_one_decision_clears_every_clip_of_a_layout(archive: Archive, tmp_path: Path) -> None:
    files = [scan(tmp_path / f"{n}.dcm", n) for n in (1, 2, 3)]
    odd = scan(tmp_path / "odd.dcm", 4, SoftwareVersions="2.0")
    take(archive, case(tmp_path / "in", "calf", *files, odd))
    layouts = {c.media: c.layout for c in archive.reviewables()}
    assert layouts["M1"] == layouts["M2"] == layouts["M3"] != layouts["M4"]
    decided = archive.review([layouts["M1"]], "mask", keep=[SCAN])
    assert [c.media for c in decided] == ["M1", "M2", "M3"]
    assert states(archive)["calf:M4"] == "waits"


def test_what_is_refused_stays_in_until_it_is_reopened(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True)))
    archive.review(["calf"], "refuse", because="a face")
    with pytest.raises(ReviewNeeded, match="a person decided"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")
    archive.review(["calf"], "reopen")
    assert states(archive) == {"calf:M1": "passes"}


def test_a_still_and_a_movie_leave_by_their_masks_as_new_objects(archive: Archive, tmp_path: Path) -> None:
    still = tmp_path / "quillfeather.png"
    Image.fromarray(screen(7)).save(still)
    film = movie(tmp_path / "orsino.mp4")
    take(archive, case(tmp_path / "in", "calf", still, film))
    assert set(states(archive).values()) == {"waits"}
    archive.review(["calf:M1"], "mask", keep=[SCAN])
    archive.review(["calf:M2"], "approve", entire=True)
    made = archive.export(["calf"], formats=["folder", "html"], to=tmp_path / "out")
    assert made.clips == 2 and made.folder is not None and not Archive.verify_export(made.folder)
    (path,) = made.folder.rglob("M1.dcm")
    left = pixel_array(path)
    assert np.array_equal(left[INSIDE][..., 0] if left.ndim == 3 else left[INSIDE], screen(7)[INSIDE])
    assert not left[:30].any()
    assert not any("quillfeather" in p.name or "orsino" in p.name for p in made.folder.rglob("*"))


@pytest.mark.parametrize(
    ("keep", "why"),
    [("box 0,0,200,10", "reaches out"), ("box 500,500,600,600", "reaches out"),
     ("fan 900,0 10 20 -10 10", "lies outside"), ("polygon 1,1 1,1 1,1", "nothing would be left")],
)  # fmt: skip
def test_a_mask_that_does_not_fit_one_clip_is_a_decision_about_none(
    archive: Archive, tmp_path: Path, keep: str, why: str
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1), scan(tmp_path / "b.dcm", 2)))
    with pytest.raises(UsageError, match=why):
        archive.review(["calf"], "mask", keep=[keep])
    assert set(states(archive).values()) == {"waits"}
    assert not [e for e in archive.log() if e.event == "reviewed"]


def test_nobody_can_approve_what_nothing_says_the_scan_of(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    with pytest.raises(UsageError, match="no ultrasound regions"):
        archive.review(["calf"], "approve")
    with pytest.raises(NotFound, match="no clip"):
        archive.review(["nosuch"], "approve")


def test_a_dry_run_decides_nothing(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN], dry_run=True)
    assert states(archive) == {"calf:M1": "waits"}


def test_decisions_outlive_the_index(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN])
    archive.reindex(workers=0)
    assert states(archive) == {"calf:M1": "decided"}
    assert not archive.verify(full=True).faults


def test_an_identity_in_a_reason_stops_the_export(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN])
    (clip,) = archive.reviewables()
    said = {"decision": "mask", "keep": [SCAN], "because": f"no {NAME.split('^')[0]} here"}
    Ledger(archive.path / "ledger.jsonl").append([("reviewed", clip.sha256, said)])
    with pytest.raises(CaseArchiveError, match="identity"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")
    assert not (tmp_path / "out" / "calf").exists()


def test_an_archive_that_demands_consent_keeps_in_what_names_none(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True)))
    marker = archive.path / "archive.toml"
    marker.write_text(marker.read_text("utf-8").replace('"optional"', '"required"'), "utf-8")
    with pytest.raises(ReviewNeeded, match="names no consent"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")
    archive.edit("calf", {"consent.scope": "teaching"})
    assert archive.export(["calf"], formats=["folder"], to=tmp_path / "out").clips == 1
    marker.write_text(marker.read_text("utf-8").replace('"required"', '"perhaps"'), "utf-8")
    with pytest.raises(CaseArchiveError, match="neither optional nor required"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")


# ------------------------------------------------------------------------------------------------ learning


def test_a_profile_learnt_once_lets_the_next_clip_of_the_same_scanner_leave(
    archive: Archive, tmp_path: Path
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN], remove=["box 20,30,40,40"])
    path = archive.learn("calf:M1", "Room 3")
    again = scanners.read(path.read_text("utf-8"), path.name)
    assert (again.name, again.model, again.rows) == ("Room 3", "EPIQ 5G", ROWS)
    take(archive, case(tmp_path / "in", "knee", scan(tmp_path / "b.dcm", 2)))
    take(archive, case(tmp_path / "in", "foot", scan(tmp_path / "c.dcm", 3, SoftwareVersions="1.5.3")))
    assert states(archive, "knee", "foot") == {"knee:M1": "passes", "foot:M1": "waits"}
    frames, paper, _ = leave(archive, "knee", tmp_path / "out")
    assert paper["area"] == "the scanner profile “Room 3”" and not frames[:, :30].any()
    assert not frames[:, 30:41, 20:41].any()


def test_text_inside_the_scan_waits_although_a_profile_fits(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN])
    archive.learn("calf:M1")
    take(archive, case(tmp_path / "in", "knee", scan(tmp_path / "b.dcm", 2, text_in=(3,))))
    assert states(archive, "knee") == {"knee:M1": "waits"}


def test_nothing_is_learnt_from_a_clip_that_nobody_masked_or_that_names_no_scanner(
    archive: Archive, tmp_path: Path
) -> None:
    still = tmp_path / "a.png"
    Image.fromarray(screen(7)).save(still)
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1), still))
    with pytest.raises(UsageError, match="nobody decided"):
        archive.learn("calf:M1")
    archive.review(["calf:M2"], "mask", keep=[SCAN])
    with pytest.raises(UsageError, match="which scanner"):
        archive.learn("calf:M2")
    archive.review(["calf:M1"], "approve", entire=True)
    with pytest.raises(UsageError, match="nearly the whole screen"):
        archive.learn("calf:M1")


def test_a_profile_that_keeps_nearly_the_whole_screen_is_not_believed(
    archive: Archive, tmp_path: Path
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN])
    path = archive.learn("calf:M1")
    path.write_text(path.read_text("utf-8").replace(SCAN, "box 0,0,199,149"), "utf-8")
    take(archive, case(tmp_path / "in", "knee", scan(tmp_path / "b.dcm", 2)))
    (clip,) = archive.reviewables(["knee"])
    assert clip.state == "waits" and "cannot be trusted" in clip.reason


@pytest.mark.parametrize("decision", ["approve", "mask"])
def test_what_was_looked_at_is_what_leaves_also_when_a_profile_grows(
    archive: Archive, tmp_path: Path, decision: str
) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    archive.review(["calf"], "mask", keep=[SCAN])
    path = archive.learn("calf:M1")
    take(archive, case(tmp_path / "in", "knee", scan(tmp_path / "b.dcm", 2)))
    archive.review(["knee"], decision, remove=["box 20,30,40,40"] if decision == "mask" else [])
    assert states(archive, "knee") == {"knee:M1": "decided"}
    path.write_text(path.read_text("utf-8").replace(SCAN, "box 20,20,179,139"), "utf-8")
    assert states(archive, "knee") == {"knee:M1": "waits"}
    with pytest.raises(ReviewNeeded, match="not what a person looked at"):
        archive.export(["knee"], formats=["folder"], to=tmp_path / "out")


@pytest.mark.parametrize(
    "text",
    ["", "version = 2", 'version = 1\nname = "x"', "not toml ="],
)
def test_a_profile_that_cannot_be_read_lets_nothing_out(archive: Archive, tmp_path: Path, text: str) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True)))
    folder = tmp_path / "archive" / "scanners"
    folder.mkdir(exist_ok=True)
    (folder / "room.toml").write_text(text, "utf-8")
    with pytest.raises(scanners.ScannerError, match=r"room\.toml"):
        archive.export(["calf"], formats=["folder"], to=tmp_path / "out")


# ------------------------------------------------------------------------------------------------ looking


def test_a_sheet_shows_each_clip_as_it_is_and_as_it_would_leave(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1, regions=True, text_in=(2,))))
    (sheet,) = archive.review_sheets()
    assert (tmp_path / "archive") in sheet.parents, "it shows names, and stays in the archive"
    picture = np.asarray(Image.open(sheet).convert("RGB")).astype(int)
    framed = (abs(picture - (255, 80, 60)).sum(axis=2) < 60).sum()
    assert framed > 50, "what looks like text has a line around it"
    (waiting,) = archive.reviewables()
    box = waiting.texts[0][1][0]
    twice = (
        np.asarray(screen(12, text="O. FEATHER"))[box.y0 : box.y1, box.x0 : box.x1].repeat(2, 0).repeat(2, 1)
    )
    wide = twice.shape[1]
    shown = np.lib.stride_tricks.sliding_window_view(picture[..., 0], (8, wide))
    assert (shown[:, :180] == twice[:8]).all(axis=(2, 3)).any(), (
        "and is there once more, large enough to be read"
    )
    archive.review(["calf"], "refuse")
    assert archive.review_sheets() == ()


def test_what_moves_is_offered_as_the_scan(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    with closing(open_clip(tmp_path / "a.dcm", "0" * 64)) as clip:
        found = suggested(clip)
    assert found is not None and shapes.written(found) == SCAN
    still = tmp_path / "b.png"
    Image.fromarray(screen(7)).save(still)
    with closing(open_clip(still, "0" * 64)) as clip:
        assert suggested(clip) is None


# ------------------------------------------------------------------------------------------------ the command


def ask(archive: Archive, *words: str) -> tuple[int, str, str]:
    made = CliRunner().invoke(cli, ["--archive", str(archive.path), "review", *words])
    return made.exit_code, made.stdout, made.stderr


def test_a_person_clears_a_set_from_the_command_line(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1), scan(tmp_path / "b.dcm", 2)))
    archive.set_create("legs", title="Legs", cases=["calf"])
    code, said, talk = ask(archive)
    assert code == 0 and "waits: no ultrasound regions" in said and "calf M1, M2" in said
    assert "2 clips wait, in 1 layout." in talk
    layout = said.split()[0]
    code, said, _ = ask(archive, "show", layout)
    assert code == 0 and Path(said.strip()).is_file()
    code, _, talk = ask(archive, "mask", layout, "--keep", SCAN)
    assert code == 0 and "2 clips masked: calf:M1, calf:M2" in talk
    code, said, talk = ask(archive, "list", "legs", "--all")
    assert code == 0 and "decided: mask by" in said and "Nothing waits." in talk
    code, said, _ = ask(archive, "learn", "calf:M1", "--name", "Room 3")
    assert code == 0 and said.strip().endswith(".toml")


def test_one_record_that_cannot_be_read_does_not_hide_what_waits(archive: Archive, tmp_path: Path) -> None:
    take(archive, case(tmp_path / "in", "calf", scan(tmp_path / "a.dcm", 1)))
    (archive.path / "cases" / "broken.toml").write_text("title = ", "utf-8")
    code, said, talk = ask(archive)
    assert code == 0 and "calf M1" in said and "Left out: broken" in talk
    code, _, talk = ask(archive, "list", "broken")
    assert code != 0 and "broken" in talk


def test_words_that_mean_nothing_are_answered_with_what_there_is(archive: Archive) -> None:
    code, _, talk = ask(archive, "aprove", "calf")
    assert code == 2 and "list, show, approve, mask, refuse, reopen, sound, learn" in talk
    code, _, talk = ask(archive, "mask", "calf")
    assert code == 2 and "--keep" in talk
    code, _, talk = ask(archive)
    assert code == 0 and "no clips" in talk
