"""The sample cases hold together: files, frames, coordinates and calibration say the same thing."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "cases"
FILES = sorted(CASES.glob("*/case.toml"))

sys.path.insert(0, str(ROOT / "scripts"))

from phantom import stories  # noqa: E402

from casearchive import readers  # noqa: E402
from casearchive.readers import _j2k  # noqa: E402

#: One cheap picture of each kind of coding.
CHEAP = (
    ("rectus-femoris-complete-tear", "short-axis-rest.dcm"),  # uncompressed
    ("rectus-femoris-complete-tear", "both-sides-short-axis.dcm"),  # palette
    ("foot-drop-common-fibular-nerve", "nerve-long-axis.dcm"),  # JPEG 2000
    ("sacroiliac-joint-imitating-sciatica", "ligament-power-doppler.dcm"),  # RLE
)

Facts = tuple[int, int, int]  # columns, rows, frames


@cache
def case(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


@cache
def facts(path: Path) -> Facts:
    """Columns, rows and frames, by decoding the last frame."""
    if path.suffix == ".dcm":
        ds = pydicom.dcmread(path)
        frames = int(getattr(ds, "NumberOfFrames", 1))
        last = pixel_array(path, index=frames - 1)
        assert last.shape[:2] == (ds.Rows, ds.Columns)
        return ds.Columns, ds.Rows, frames
    if path.suffix == ".png":
        with Image.open(path) as image:
            image.load()
            return image.width, image.height, 1
    av = pytest.importorskip("av")
    with av.open(str(path)) as box:
        frames = [(f.width, f.height) for f in box.decode(video=0)]
    return frames[0][0], frames[0][1], len(frames)


def shape(evidence: dict[str, Any]) -> list[tuple[float, float]]:
    """The points of an evidence, whichever shape it has; a single point may be written flat."""
    for key in ("point", "line", "polygon", "box", "ellipse"):
        if key in evidence:
            value = evidence[key]
            flat = not isinstance(value[0], list)
            if flat:
                return [(value[i], value[i + 1]) for i in range(0, len(value), 2)]
            return [(x, y) for x, y in value]
    return []


def millimetres(path: Path, media: dict[str, Any], points: list[tuple[float, float]]) -> tuple[float, float]:
    """Millimetres a pixel, across and down, where all the points lie."""
    if path.suffix != ".dcm":
        (x0, y0), (x1, y1) = media["calibration"]["points"]
        mm = media["calibration"]["mm"] / math.hypot(x1 - x0, y1 - y0)
        return mm, mm
    holding = [
        r
        for r in pydicom.dcmread(path, stop_before_pixels=True).SequenceOfUltrasoundRegions
        if all(
            r.RegionLocationMinX0 <= x <= r.RegionLocationMaxX1
            and r.RegionLocationMinY0 <= y <= r.RegionLocationMaxY1
            for x, y in points
        )
    ]
    assert len(holding) == 1, "the points must lie in one region"
    region = holding[0]
    assert region.PhysicalUnitsXDirection == region.PhysicalUnitsYDirection == 3
    return region.PhysicalDeltaX * 10, region.PhysicalDeltaY * 10


def measured(points: list[tuple[float, float]], dx: float, dy: float, unit: str) -> float:
    """The distance between two points, or the area within more."""
    if unit == "mm2":
        turn = zip(points, points[1:] + points[:1], strict=True)
        return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in turn)) / 2 * dx * dy
    (x0, y0), (x1, y1) = points
    return math.hypot((x1 - x0) * dx, (y1 - y0) * dy)


def test_there_are_twelve_cases_and_the_catalogue_knows_them() -> None:
    assert [f.parent.name for f in FILES] == sorted(s.slug for s in stories.catalogue())
    assert len(FILES) == 12


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.parent.name)
class TestCase:
    def test_says_that_it_is_fictional(self, path: Path) -> None:
        assert path.read_text("utf-8").startswith("# FICTIONAL")
        assert case(path)["fictional"] is True

    def test_names_every_file_that_is_made_and_no_other(self, path: Path) -> None:
        story = next(s for s in stories.catalogue() if s.slug == path.parent.name)
        named = [m["file"] for m in case(path)["media"]]
        assert named == [s.file for s in story.shots]
        assert sorted([*named, "case.toml"]) == sorted(p.name for p in path.parent.iterdir())

    def test_every_file_opens_and_dicom_has_regions(self, path: Path) -> None:
        for media in case(path)["media"]:
            file = path.parent / media["file"]
            if file.suffix == ".mp4" and importlib.util.find_spec("av") is None:
                continue
            columns, rows, frames = facts(file)
            assert 1 <= media.get("key_frame", 1) <= frames
            if file.suffix != ".dcm":
                continue
            ds = pydicom.dcmread(file, stop_before_pixels=True)
            assert len(ds.SequenceOfUltrasoundRegions) >= 1
            for region in ds.SequenceOfUltrasoundRegions:
                assert region.RegionLocationMaxX1 < columns
                assert region.RegionLocationMaxY1 < rows
            assert ds.BurnedInAnnotation == "YES"
            assert (frames > 1) == ("FrameTime" in ds)

    def test_one_patient_and_a_name_that_no_text_says(self, path: Path) -> None:
        people = set()
        for media in case(path)["media"]:
            if media["file"].endswith(".dcm"):
                ds = pydicom.dcmread(path.parent / media["file"], stop_before_pixels=True)
                people.add((str(ds.PatientName), ds.PatientID, ds.PatientBirthDate, ds.PatientAge))
        assert len(people) == 1
        name, _, _, age = people.pop()
        assert int(age[:3]) == int(case(path)["patient"]["age"].split()[0])
        text = path.read_text("utf-8").casefold()
        assert not [part for part in name.split("^") if part.casefold() in text]

    def test_evidence_lies_within_its_clip(self, path: Path) -> None:
        media = {m["id"]: path.parent / m["file"] for m in case(path)["media"]}
        for finding in case(path)["finding"]:
            for evidence in finding.get("evidence", []):
                file = media[evidence["media"]]
                if file.suffix == ".mp4" and importlib.util.find_spec("av") is None:
                    continue
                columns, rows, frames = facts(file)
                first, last = evidence.get("frames", (1, 1))
                assert 1 <= first <= last <= frames
                for x, y in shape(evidence):
                    assert 0 <= x < columns and 0 <= y < rows

    def test_measurements_agree_with_the_calibration(self, path: Path) -> None:
        media = {m["id"]: m for m in case(path)["media"]}
        findings = {f["id"] for f in case(path)["finding"]}
        for m in case(path)["measurement"]:
            assert m["finding"] in findings
            if "points" not in m:
                continue
            file = path.parent / media[m["media"]]["file"]
            points = [(x, y) for x, y in m["points"]]
            dx, dy = millimetres(file, media[m["media"]], points)
            assert measured(points, dx, dy, m["unit"]) == pytest.approx(m["value"], rel=0.03)
            assert 1 <= m.get("frame", 1) <= facts(file)[2]


def test_the_folder_stays_small_and_no_two_files_are_the_same() -> None:
    files = [p for p in CASES.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 25_000_000
    hashes = [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]
    assert len(set(hashes)) == len(hashes)


def test_the_cases_hold_many_codings() -> None:
    seen = set()
    for path in CASES.glob("*/*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        seen.add((ds.file_meta.TransferSyntaxUID.name, ds.PhotometricInterpretation))
    assert len(seen) >= 8


@pytest.mark.parametrize(("slug", "file"), CHEAP)
def test_a_picture_made_again_is_the_same(slug: str, file: str, tmp_path: Path) -> None:
    """Pixels and header, not bytes: another version of a library may encode differently."""
    story = next(s for s in stories.catalogue() if s.slug == slug)
    shot = next(s for s in story.shots if s.file == file)
    made = stories.make(story, shot, tmp_path)
    old, new = CASES / slug / file, made
    difference = np.abs(pixel_array(old).astype(int) - pixel_array(new).astype(int))
    if pydicom.dcmread(old).PhotometricInterpretation != "PALETTE COLOR":
        assert difference.max() <= 2  # another numpy may round the last bit the other way
    assert (difference != 0).mean() < 1e-3
    a, b = (pydicom.dcmread(p, stop_before_pixels=True) for p in (old, new))
    assert a == b


def test_making_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    story = next(s for s in stories.catalogue() if s.slug == "spondylolisthesis-multifidus-atrophy")
    shot = next(s for s in story.shots if s.coding == "raw-mono")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        stories.make(story, shot, tmp_path / folder)
    assert (tmp_path / "a" / shot.file).read_bytes() == (tmp_path / "b" / shot.file).read_bytes()


def test_the_tear_really_opens() -> None:
    """Dark pixels between the stumps: few at rest, many at the height of the contraction."""
    path = CASES / "rectus-femoris-complete-tear" / "long-axis-contraction.dcm"

    def dark(frame: int) -> int:
        row = pixel_array(path, index=frame - 1)[180:202, 56:556, 0].mean(0)
        return int((np.convolve(row, np.ones(9) / 9, "same") < 45).sum())

    assert dark(1) < 100 < 200 < dark(20) < 330
    assert dark(36) < 100


def test_every_label_is_true_so_that_nothing_has_to_be_repaired() -> None:
    for path in sorted(CASES.rglob("*.dcm")):
        data = pydicom.dcmread(path)
        clip = readers.open_clip(path, "0" * 64)
        clip.frame(1)
        assert not [note for note in clip.facts.notes if note.startswith("called")], path.name
        clip.close()
        if data.PhotometricInterpretation == "YBR_RCT":
            stream = next(generate_frames(data.PixelData, number_of_frames=1))
            assert _j2k.j2k_facts(stream).transformed, path.name
