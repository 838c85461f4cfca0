"""Promises on real ultrasound files: each opens with true facts and a true picture, or is refused truly.

They are not part of the project: set CASEARCHIVE_REALDATA, or put them beside it (``../shared/realdata``).
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from casearchive import preview, readers, render
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable, UnreadableFile

ROOT = Path(os.environ.get("CASEARCHIVE_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))
INDEX = ROOT / "INDEX.csv"
SAID = f"no real files at {ROOT}; set CASEARCHIVE_REALDATA"


def rows() -> list[dict[str, str]]:
    if not INDEX.is_file():
        return []
    with INDEX.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def of_kind(*words: str) -> list[dict[str, str]]:
    return [row for row in rows() if row["kind"].startswith(words)]


def opened(row: dict[str, str]) -> readers.Clip:
    return readers.open_clip(ROOT / row["file"], row["sha256"])


def cases(*words: str) -> pytest.MarkDecorator:
    found = of_kind(*words)
    if not found:
        return pytest.mark.parametrize("row", [pytest.param({}, marks=pytest.mark.skip(reason=SAID))])
    return pytest.mark.parametrize("row", found, ids=[Path(row["file"]).name for row in found])


def test_the_index_names_every_file_and_its_hash() -> None:
    if not INDEX.is_file():
        pytest.skip(SAID)
    for row in rows():
        assert hashlib.sha256((ROOT / row["file"]).read_bytes()).hexdigest() == row["sha256"], row["file"]


@cases("US", "DICOM US")
def test_every_picture_opens_with_the_facts_of_the_index(row: dict[str, str]) -> None:
    clip = opened(row)
    facts = clip.facts
    instance = facts.instance
    assert (instance.rows, instance.columns) == (int(row["rows"]), int(row["cols"]))
    assert instance.frames == int(row["frames"])
    assert facts.kind == {"DI": "dicom", "US clip": "clip", "US still": "image"}.get(
        row["kind"][:2] if row["kind"].startswith("DI") else row["kind"]
    )
    if facts.kind == "dicom":
        assert instance.sop_class_uid == row["sop_class"]
        assert instance.transfer_syntax_uid == row["transfer_syntax"]
        assert instance.photometric_interpretation == row["photometric"]
        assert instance.bits_stored == int(row["bits_stored"])
        assert instance.samples_per_pixel == int(row["samples"])
        assert (facts.series.manufacturer or "") == row["manufacturer"]
        assert (facts.series.manufacturer_model_name or "") == row["model"]
        assert facts.subject.identity
        assert {"SOPInstanceUID", "StudyInstanceUID"} <= {each.keyword for each in facts.identifiers}
        dropped = sum("was left out" in note for note in facts.notes)
        assert len(facts.regions) + dropped == int(row["has_regions"])
    if "2D/tissue" in row["region_types"]:
        assert "b_mode" in facts.modes
    if facts.timing.fps is not None:
        assert 1 <= facts.timing.fps <= 200
    if "audio" in row["notes"]:
        assert "it holds sound: voices identify" in facts.notes
    clip.close()


@cases("US", "DICOM US")
def test_every_picture_has_a_thumbnail_and_a_strip_that_show_something(row: dict[str, str]) -> None:
    clip = opened(row)
    made = render.pictures_of(clip)
    for data in (made.thumbnail, made.filmstrip):
        shown = np.asarray(Image.open(BytesIO(data)).convert("L"))
        assert shown.std() > 6
        assert (shown > 60).mean() > 0.01
        assert (shown > 250).mean() < 0.9
    assert max(Image.open(BytesIO(made.thumbnail)).size) <= 256
    assert made.shown == render.spread(clip.facts.instance.frames, 6)
    assert made.key_frame in made.shown
    clip.close()


@cases("US clip")
def test_every_clip_has_a_preview_that_lasts_as_long_as_the_clip(row: dict[str, str]) -> None:
    clip = opened(row)
    made = preview.preview_of(clip)
    film = Image.open(BytesIO(made.data))
    lasting = 0
    for number in range(film.n_frames):
        film.seek(number)
        film.load()
        lasting += film.info["duration"]
    assert lasting / 1000 == pytest.approx(
        sum(clip.facts.timing.lasting(clip.facts.instance.frames)), abs=0.01
    )
    assert made.missing == ()
    assert max(film.size) <= preview.EDGE
    clip.close()


@cases("US", "DICOM US")
def test_no_real_frame_is_taken_for_a_menu(row: dict[str, str]) -> None:
    if row["file"].endswith("_2frame.dcm"):
        pytest.skip("its second frame is a test construct in false colours")
    clip = opened(row)
    why = render.pictures_of(clip).why
    assert not [word for word in ("menu", "bars", "fade", "fading") if word in why], why
    clip.close()


@cases("DICOM US")
def test_no_identity_is_in_any_note(row: dict[str, str]) -> None:
    clip = opened(row)
    render.pictures_of(clip)
    words = [each.value for each in clip.facts.identifiers if len(each.value) > 3]
    assert not [note for note in clip.facts.notes for word in words if word in note]
    clip.close()


@cases("DICOM SR")
def test_a_report_is_read_without_a_picture(row: dict[str, str]) -> None:
    clip = opened(row)
    assert (clip.facts.kind, clip.facts.instance.frames, clip.facts.series.modality) == ("dicom", 0, "SR")
    with pytest.raises(PictureUnavailable):
        render.pictures_of(clip)
    clip.close()


@cases("findings")
def test_what_is_no_picture_is_refused_as_such(row: dict[str, str]) -> None:
    with pytest.raises(UnreadableFile) as caught:
        opened(row)
    assert caught.value.reason == "not-an-image"


@cases("DICOM US")
def test_every_dicom_cut_in_half_or_by_one_byte_is_refused_or_says_so(
    row: dict[str, str], tmp_path: Path
) -> None:
    whole = (ROOT / row["file"]).read_bytes()
    path = tmp_path / "cut"
    for length in (len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        try:
            clip = readers.open_clip(path, row["sha256"])
        except UnreadableFile as error:
            assert error.reason == "truncated"
            continue
        assert any("the file ends early" in note for note in clip.facts.notes)
        clip.close()


# ------------------------------------------------------------------------------------- independent decoders


def run(*command: object) -> bool:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def judged_by_dcmtk(path: Path, number: int, work: Path) -> list[Picture]:
    """The frame as DCMTK shows it: as it is, by the range of its values, and through its first window."""
    found = []
    for options in ((), ("+Wm",), ("+Wi", "1")):
        out = work / f"judge{len(found)}.pnm"
        if run("dcmj2pnm", "+F", number, *options, "+op", path, out) and out.is_file():
            found.append(np.asarray(Image.open(out)))
    return found


def judged(path: Path, number: int, work: Path) -> list[Picture]:
    """By DCMTK; what it cannot decode (JPEG 2000, segmented palettes) goes through GDCM first."""
    found = judged_by_dcmtk(path, number, work)
    for option in ("--raw", "--apply-lut"):
        if not found and shutil.which("gdcmconv") and run("gdcmconv", option, path, work / "gdcm.dcm"):
            found = judged_by_dcmtk(work / "gdcm.dcm", number, work)
    return found


@cases("DICOM US")
def test_first_and_last_frame_agree_with_an_independent_decoder(row: dict[str, str], tmp_path: Path) -> None:
    """Tolerance: one grey level (rounding), ten where only the stretch of 16 bits to 8 is our own choice."""
    if shutil.which("dcmj2pnm") is None:
        pytest.skip("dcmj2pnm (DCMTK) is not installed")
    clip = opened(row)
    for number in {1, clip.facts.instance.frames}:
        ours = clip.frame(number).astype(int)
        others = []
        for other in judged(ROOT / row["file"], number, tmp_path):
            flat = other[..., 0] if other.ndim == 3 and ours.ndim == 2 else other
            if flat.shape == ours.shape:
                others.append(np.abs(flat.astype(int) - ours))
        if not others:
            pytest.skip("neither DCMTK nor GDCM can decode this file")
        stretched = row["photometric"] == "MONOCHROME2" and int(row["bits_stored"]) > 8
        assert min(int(difference.max()) for difference in others) <= (10 if stretched else 1)
    clip.close()


@cases("US clip")
def test_frames_of_a_video_agree_with_ffmpeg(row: dict[str, str], tmp_path: Path) -> None:
    """Any frame, asked for in any order, is nearer to ffmpeg's frame of that number than to its neighbours'.

    Tolerance: a mean of two grey levels, because scalers round differently.
    """
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    clip = opened(row)
    size = (clip.facts.instance.rows or 0, clip.facts.instance.columns or 0)
    raw = tmp_path / "frames.raw"
    options = ("-v", "error", "-nostdin", "-vsync", "passthrough")
    assert run("ffmpeg", *options, "-i", ROOT / row["file"], "-f", "rawvideo", "-pix_fmt", "rgb24", raw)
    theirs = np.memmap(raw, np.uint8, "r").reshape(-1, *size, 3)
    count = clip.facts.instance.frames
    assert len(theirs) == count
    for number in (count, 1, count // 2, count // 2 + 1, count // 3, 2, count - 1):
        ours = clip.frame(number).astype(int)
        apart = [
            float(np.abs(theirs[n - 1].astype(int) - ours).mean())
            for n in (number, number - 1, number + 1)
            if 1 <= n <= count
        ]
        assert apart[0] <= 2, number
        assert apart[0] <= min(apart) + 1e-9, number
    clip.close()
