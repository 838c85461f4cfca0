"""What the airlock promises: new objects that never held an identity, or a refusal that says who decides."""

from __future__ import annotations

import datetime
import io
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import needs_detector
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from casearchive.deid import airlock, certificate, codec, headers, leaks, marks, ocr, pixels, profile, words
from casearchive.deid.choice import Choice
from casearchive.deid.decisions import APPROVE, Decision
from casearchive.deid.pixels import Area, Box
from casearchive.deid.pseudonyms import NoSecretError, Pseudonyms
from casearchive.deid.refusal import Refusal
from casearchive.deid.shapes import Rectangle
from casearchive.errors import PictureUnavailable
from casearchive.model import (
    ANOTHER_SIZE,
    GUESSED_LAYOUT,
    TOO_FEW,
    Author,
    Case,
    Consent,
    Evidence,
    Facts,
    Finding,
    Identifier,
    Instance,
    Measurement,
    Media,
    Patient,
    Quiz,
    QuizPoint,
    Reference,
    Series,
    Story,
    Study,
    Subject,
    Timing,
    UltrasoundRegion,
)
from casearchive.readers import open_clip
from casearchive.readers._timing import UNEVEN
from casearchive.teaching import TeachingCase, TeachingSet, Withheld

SECRET = bytes(range(7, 39))
ROWS, COLUMNS = 150, 200
REGION = UltrasoundRegion(30, 30, 169, 139, 1, 1, 2, 3, 3, 0.012, 0.012, 0, 0, 0.0, 0.0)
INSIDE = (slice(30, 140), slice(30, 170))
PATIENT = (
    Identifier("PatientName", "Quillfeather^Isolde"),
    Identifier("PatientID", "KH4711823"),
    Identifier("PatientBirthDate", "19710312"),
    Identifier("InstitutionName", "St. Eloria Hospital"),
)


def speckle(rows: int, columns: int, seed: int, colour: bool = True) -> np.ndarray:
    """Echo-like noise: drawn out sideways, as a beam draws it."""
    noise = np.random.default_rng(seed).normal(0, 1, (rows, columns + 24))
    wide = np.apply_along_axis(lambda line: np.convolve(line, np.hanning(13), "same"), 1, noise)[:, 12:-12]
    grey = np.clip(70 + 35 * wide / wide.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2) if colour else grey


def write_text(
    frame: np.ndarray, text: str, at: tuple[int, int], size: int = 14, fill: str = "white"
) -> np.ndarray:
    image = Image.fromarray(frame).convert("RGB")
    ImageDraw.Draw(image).text(at, text, fill=fill, font=ImageFont.load_default(size))
    return np.asarray(image) if frame.ndim == 3 else np.asarray(image.convert("L"))


class FakeClip:
    """A clip out of arrays."""

    def __init__(self, facts: Facts, frames: list[np.ndarray]) -> None:
        self.facts, self._frames = facts, frames

    def frame(self, number: int) -> np.ndarray:
        if not 1 <= number <= len(self._frames):
            raise PictureUnavailable("no such frame")
        return self._frames[number - 1]

    def glimpse(self, number: int, edge: int) -> np.ndarray:
        return self.frame(number)

    def close(self) -> None: ...


def facts_of(frames: int = 1, regions: tuple[UltrasoundRegion, ...] = (REGION,), **instance: object) -> Facts:
    return Facts(
        kind="dicom",
        subject=Subject("KH4711823|", "F"),
        study=Study("1.2.3.4.5001", "2024-05-06", "10:11:12", "Shoulder Quillfeather", "053Y"),
        series=Series("1.2.3.4.5002", 3, "US", "of Isolde", manufacturer="Philips Medical Systems",
                      manufacturer_model_name="EPIQ 5G", software_versions="1.5.2"),
        instance=replace(
            Instance("1.2.3.4.5003", UltrasoundMultiFrameImageStorage, ExplicitVRLittleEndian, 7, rows=ROWS,
                     columns=COLUMNS, frames=frames, transducer_data="L12-5,SN88421", image_laterality="R",
                     depth_of_scan_field=41.6),
            **instance,  # type: ignore[arg-type]
        ),
        timing=Timing(25.0, "FrameTime") if frames > 1 else Timing(),
        regions=regions,
        identifiers=PATIENT,
    )  # fmt: skip


def fake(
    frames: int = 2,
    colour: bool = True,
    edit: Callable[[int, np.ndarray], np.ndarray] | None = None,
    **facts: object,
) -> FakeClip:
    pictures = [speckle(ROWS, COLUMNS, n, colour) for n in range(frames)]
    pictures = [write_text(p, "QUILLFEATHER Isolde", (4, 6)) for p in pictures]
    if edit:
        pictures = [edit(n, p) for n, p in enumerate(pictures, 1)]
    return FakeClip(facts_of(frames, **facts), pictures)  # type: ignore[arg-type]


CASE = Case(
    slug="shoulder-tear",
    title="Full-thickness tear of the supraspinatus",
    status="ready",
    author=Author("A. Teacher", "Teaching hospital", "teacher@example.org"),
    consent=Consent("teaching", "2099-01-01", "form 12 of patient KH4711823"),
    patient=Patient("53 Y", "F"),
    story=Story(history="Pain for 3 weeks.", references=("AIUM (2019). doi:10.1002/jum.15000",)),
    media=(Media("M1", file="quillfeather.dcm", name="quillfeather.dcm", sha256="a" * 64, pair="M2"),),
)


BARE = Case(slug="shoulder-tear", title="A tear")


def through(
    tmp_path: Path, clip: object, case: Case = CASE, secret: bytes = SECRET, scope: str = "set"
) -> tuple:
    clips = clip if isinstance(clip, dict) else {"M1": clip}
    return airlock.pass_case(case, clips, PATIENT, Pseudonyms(secret, scope), tmp_path / "staging")


def passed(tmp_path: Path, clip: object, case: Case = CASE) -> TeachingCase:
    teaching, withheld = through(tmp_path, clip, case)
    assert teaching is not None, withheld
    return teaching


def refused(tmp_path: Path, clip: object, case: Case = CASE) -> str:
    teaching, withheld = through(tmp_path, clip, case)
    assert teaching is None
    assert not list((tmp_path / "staging").rglob("*.*")), "something was left in staging"
    assert all(w.decide for w in withheld)
    return " | ".join(w.reason for w in withheld)


# --------------------------------------------------------------------------------------------------- the profile


def test_a_profile_that_cannot_be_understood_stops_everything() -> None:
    good = profile._text()
    for bad in (
        b"",
        b"\xff\xfe",
        b"rule = 3",
        good.replace(b'action  = "patient"', b'action  = "keep"'),
        good.replace(b'action  = "shift"', b'action  = "pass"'),
        good + b'\n[[rule]]\nkeyword = "PatientAddress"\naction = "terms"\nterms = ["x"]\nwhy = "no"\n',
        good + b'\n[[rule]]\nkeyword = "PatientSex"\naction = "empty"\nwhy = "twice"\n',
        good.replace(b"why     =", b"reason  =", 1),
    ):
        with pytest.raises(profile.ProfileError):
            profile.parse(bad)


def test_a_profile_that_is_not_there_lets_nothing_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "profile", lambda: profile.parse(b""))
    with pytest.raises(profile.ProfileError):
        through(tmp_path, fake())
    assert not (tmp_path / "staging" / "shoulder-tear").exists()


def test_the_profile_describes_every_attribute_it_allows() -> None:
    said = profile.describe()
    assert profile.profile_hash() in said
    for rule in profile.profile().rules:
        assert rule.keyword in said
        assert rule.why in said
        assert headers.Tag(rule.keyword)  # raises for what DICOM's dictionary does not hold
        assert rule.action in headers._ACTIONS
        assert rule.action != "made" or rule.keyword in headers._MADE


# ------------------------------------------------------------------------------------------------- the pseudonyms


@pytest.mark.parametrize("secret", [b"", b"short", bytes(32), b"x" * 31])
def test_without_a_real_secret_there_are_no_pseudonyms(secret: bytes) -> None:
    with pytest.raises(NoSecretError):
        Pseudonyms(secret, "set")


@given(st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_pseudonyms_are_stable_valid_and_keyed(identity: str, scope: str) -> None:
    one, same, other = Pseudonyms(SECRET, scope), Pseudonyms(SECRET, scope), Pseudonyms(SECRET[::-1], scope)
    assert one.patient(identity) == same.patient(identity) != other.patient(identity)
    assert one.uid(identity) == same.uid(identity) != other.uid(identity)
    uid = one.uid(identity)
    value = int(uid.removeprefix("2.25."))
    assert len(uid) <= 44 and (value >> 76) & 0xF == 8 and (value >> 62) & 0b11 == 0b10
    assert -3650 <= one.day_shift(identity) <= -365
    assert one.day_shift(identity) == same.day_shift(identity)
    assert one.patient(identity) != Pseudonyms(SECRET, scope + "2").patient(identity)


@given(st.integers(0, 400))
def test_an_age_is_told_in_bands_of_five_years_and_never_above_ninety(years: int) -> None:
    said = headers.band(f"{years:03d}Y")
    assert said is not None and len(said) == 4
    told = int(said[:3])
    assert (told == 90) if years > 89 else (told <= years < told + 5 and told % 5 == 0)
    assert headers.band(f"{years} Y") == said
    assert headers.band("about fifty") is None


# ------------------------------------------------------------------------------------------------- the scan area


def area_of(*regions: UltrasoundRegion) -> Area | Refusal:
    return pixels.scan_area(facts_of(regions=regions))


def test_the_last_row_and_column_of_a_region_are_kept() -> None:
    area = area_of(REGION)
    assert isinstance(area, Area)
    mask = area.mask()
    assert mask[139, 169] and mask[30, 30]
    assert not mask[140, 169] and not mask[139, 170] and mask.sum() == 110 * 140


@pytest.mark.parametrize(
    "region",
    [
        replace(REGION, max_x1=COLUMNS + 1),
        replace(REGION, max_y1=ROWS + 1),
        replace(REGION, min_x0=-1),
        replace(REGION, max_x1=29),
        replace(REGION, max_x1=33),
        replace(REGION, min_x0=0, max_x1=COLUMNS - 1, min_y0=0, max_y1=60),
        replace(REGION, min_y0=0, max_y1=ROWS - 1, max_x1=90),
        replace(REGION, min_x0=2, min_y0=8, max_x1=COLUMNS - 2, max_y1=ROWS - 2),
        replace(REGION, spatial_format=5),
        replace(REGION, data_type=0),
        replace(REGION, data_type=None),
        replace(REGION, source="manual"),
    ],
)
def test_a_region_that_cannot_be_trusted_is_refused_and_a_person_must_look(region: UltrasoundRegion) -> None:
    answer = area_of(region)
    assert isinstance(answer, Refusal)
    assert "person" in answer.decide
    assert isinstance(area_of(REGION, replace(REGION, max_x1=COLUMNS + 1)), Refusal)


def test_a_maximum_that_equals_the_size_is_a_scanners_slip_and_ends_with_the_picture() -> None:
    area = area_of(replace(REGION, max_x1=COLUMNS, max_y1=ROWS))
    assert isinstance(area, Area)
    assert [(b.x1, b.y1) for b in area.boxes] == [(COLUMNS - 1, ROWS - 1)]


def test_what_the_file_calls_something_else_inside_the_scan_is_removed() -> None:
    bar = replace(REGION, min_x0=30, max_x1=40, min_y0=50, max_y1=70, spatial_format=0, data_type=13)
    area = area_of(REGION, bar)
    assert isinstance(area, Area)
    assert not area.mask()[50:71, 30:41].any()
    assert area.mask().sum() == 110 * 140 - 21 * 11


@given(st.lists(st.tuples(*[st.integers(0, 99)] * 4), min_size=1, max_size=5), st.data())
@settings(max_examples=60)
def test_boxes_are_disjoint_and_cover_exactly_the_kept_regions(corners: list, data: st.DataObject) -> None:
    scans, others, wanted = [], [], np.zeros((100, 100), bool)
    for a, b, c, d in corners:
        scans.append(replace(REGION, min_x0=min(a, c), max_x1=max(a, c), min_y0=min(b, d), max_y1=max(b, d)))
        wanted[min(b, d) : max(b, d) + 1, min(a, c) : max(a, c) + 1] = True
    for a, b, c, d in data.draw(st.lists(st.tuples(*[st.integers(0, 99)] * 4), max_size=3)):
        others.append(replace(REGION, min_x0=min(a, c), max_x1=max(a, c), min_y0=min(b, d), max_y1=max(b, d)))
        wanted[min(b, d) : max(b, d) + 1, min(a, c) : max(a, c) + 1] = False
    boxes = pixels._boxes(scans, others)
    count = np.zeros((100, 100), int)
    for box in boxes:
        count[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] += 1
    assert (count == wanted).all()


# ------------------------------------------------------------------------------------------------ the text search

WHOLE = Area(200, 300, (Box(0, 0, 299, 199),), ())
TEXTS = ("SMITH^JOHN", "Mueller, Anna", "12/03/1971", "ID: 4711823", "KOWALSKI", "Garcia M 053Y")


def test_printed_text_is_found_on_echoes_and_on_black_at_many_sizes() -> None:
    dice, missed, tried = random.Random(3), [], 0
    for size in (10, 12, 14, 18, 24, 32, 40):
        for colour in ("white", "yellow", "cyan", "lime"):
            for ground in (speckle(200, 300, tried), np.zeros((200, 300, 3), np.uint8)):
                text = dice.choice(TEXTS)
                frame = write_text(ground, text, (dice.randint(4, 40), dice.randint(4, 150)), size, colour)
                coded = io.BytesIO()
                Image.fromarray(frame).save(coded, "JPEG", quality=75)
                tried += 1
                if not marks.suspicious_text(np.asarray(Image.open(coded)), WHOLE):
                    missed.append((size, colour, text))
    assert len(missed) <= tried * 0.02, missed


def test_echoes_crosses_dots_and_ticks_mostly_pass() -> None:
    flagged = 0
    for seed in range(24):
        image = Image.fromarray(speckle(200, 300, seed))
        draw = ImageDraw.Draw(image)
        for x, y in ((60, 50), (220, 120)):
            draw.line((x - 6, y, x + 6, y), fill="yellow")
            draw.line((x, y - 6, x, y + 6), fill="yellow")
        for step in range(0, 160, 6):
            draw.point((60 + step, 50 + step * 70 // 160), fill="yellow")
        for y in range(10, 190, 15):
            draw.line((290, y, 296, y), fill="white")
        flagged += bool(marks.suspicious_text(np.asarray(image), WHOLE))
    assert flagged <= 2


def test_text_across_the_border_counts_only_inside_and_other_sizes_are_refused() -> None:
    area = Area(200, 300, (Box(0, 60, 299, 199),), ())
    frame = write_text(speckle(200, 300, 1), "QUILLFEATHER", (40, 20), 18)
    assert not marks.suspicious_text(frame, area)
    assert marks.suspicious_text(write_text(frame, "QUILLFEATHER", (40, 52), 24), area)
    with pytest.raises(ValueError):
        marks.suspicious_text(frame[:-1], area)


def test_clean_pictures_of_real_scanners_pass_the_text_search() -> None:
    root = Path(os.environ.get("CASEARCHIVE_REALDATA") or Path(__file__).parents[2] / "shared" / "realdata")
    stills = [
        "S1_L20_step_025.png",
        "S5_L20_step_025.png",
        "Cov_Oliviera_2020_Fig4A.jpg",
        "Pneu_emdocs_1.png",
    ]
    found = [p for name in stills for p in root.glob(f"*/{name}")]
    if not found:
        pytest.skip("the real files are not here (CASEARCHIVE_REALDATA)")
    for path in found:
        frame = np.asarray(Image.open(path).convert("RGB"))
        area = Area(*frame.shape[:2], (Box(0, 0, frame.shape[1] - 1, frame.shape[0] - 1),), ())
        assert not marks.suspicious_text(frame, area), path.name


# ----------------------------------------------------------------------------------------------- through the door


@pytest.mark.parametrize(("frames", "colour"), [(1, True), (1, False), (3, True), (3, False)])
def test_inside_is_bit_equal_outside_is_zero_in_every_frame(
    tmp_path: Path, frames: int, colour: bool
) -> None:
    clip = fake(frames, colour)
    teaching = passed(tmp_path, clip)
    (one,) = teaching.clips
    decoded = pixel_array(one.dicom).reshape(frames, ROWS, COLUMNS, *((3,) if colour else ()))
    for n in range(1, frames + 1):
        source, staged = clip.frame(n), one.frames.frame(n)
        assert np.array_equal(staged, decoded[n - 1])
        assert np.array_equal(staged[INSIDE], source[INSIDE])
        outside = staged.copy()
        outside[INSIDE] = 0
        assert source[:25].any() and not outside.any()
    assert len(one.frames) == frames
    with pytest.raises(PictureUnavailable):
        one.frames.frame(frames + 1)


def test_the_header_is_new_and_holds_allowed_attributes_only(tmp_path: Path) -> None:
    (one,) = passed(tmp_path, fake(2)).clips
    raw = one.dicom.read_bytes()
    assert raw[:128] == b"\0" * 128
    ds = dcmread(one.dicom)
    assert not headers.allowed(ds)
    assert {e.keyword for e in ds} <= profile.profile().keywords
    for telling in (
        b"Quillfeather",
        b"QUILL",
        b"Isolde",
        b"KH4711823",
        b"1971",
        b"1.2.3.4.500",
        b"SN88421",
        b"Eloria",
    ):
        assert telling.lower() not in raw.lower()
    assert ds.PatientID == ds.PatientName == Pseudonyms(SECRET, "set").patient("KH4711823|")
    assert ds.PatientAge == "050Y" and ds.PatientSex == "F" and not ds.PatientBirthDate
    assert ds.PatientIdentityRemoved == "YES" and ds.BurnedInAnnotation == "NO"
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [c.CodeValue for c in ds.DeidentificationMethodCodeSequence] == [
        "113100",
        "113101",
        "113107",
        "113108",
    ]
    assert profile.profile_hash()[:12] in ds.DeidentificationMethod
    assert list(ds.ImageType) == ["DERIVED", "PRIMARY"]
    assert (ds.Manufacturer, ds.ManufacturerModelName) == ("Philips Medical Systems", "EPIQ 5G")
    assert ds.ImageLaterality == "R" and ds.DepthOfScanField == 42 and float(ds.FrameTime) == 40.0
    (item,) = ds.SequenceOfUltrasoundRegions
    assert (item.RegionLocationMaxX1, item.RegionLocationMaxY1, item.PhysicalDeltaX) == (169, 139, 0.012)
    assert ds.file_meta.ImplementationClassUID == headers.IMPLEMENTATION_CLASS_UID
    assert (
        ds.SOPInstanceUID.startswith("2.25.") and ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    )


def test_intervals_between_studies_of_one_patient_are_kept_and_the_days_are_not(tmp_path: Path) -> None:
    second = fake(1)
    second.facts = replace(second.facts, study=replace(second.facts.study, study_date="2024-06-10"))
    case = replace(CASE, media=(*CASE.media, Media("M2")))
    teaching = passed(tmp_path, {"M1": fake(1), "M2": second}, case)
    dates = [datetime.datetime.strptime(dcmread(c.dicom).StudyDate, "%Y%m%d") for c in teaching.clips]
    assert (dates[1] - dates[0]).days == 35
    assert dates[0] < datetime.datetime(2023, 5, 7)


def test_a_date_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    clip = fake(1)
    clip.facts = replace(clip.facts, study=replace(clip.facts.study, study_date="last spring"))
    assert "date" in refused(tmp_path, clip)


def test_a_lossy_source_stays_marked_lossy(tmp_path: Path) -> None:
    (one,) = passed(tmp_path, fake(1, transfer_syntax_uid="1.2.840.10008.1.2.4.50")).clips
    ds = dcmread(one.dicom)
    assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", "ISO_10918_1")


@pytest.mark.parametrize(
    "model",
    [
        "Dr Quillfeather's scanner",
        "EPIQ KH4711823",
        "Isolde",
        "EPIQ 5G Eloria",
        "room-12345678",
        "LOGIQ E9 tel 555",
    ],
)
def test_an_equipment_text_that_is_no_plain_model_is_dropped(tmp_path: Path, model: str) -> None:
    clip = fake(1)
    clip.facts = replace(
        clip.facts,
        series=replace(
            clip.facts.series, manufacturer_model_name=model, manufacturer=model, software_versions=model
        ),
    )
    ds = dcmread(passed(tmp_path, clip).clips[0].dicom)
    assert not ds.Manufacturer and "ManufacturerModelName" not in ds and "SoftwareVersions" not in ds


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize(
    ("frames", "colour", "fps"), [(1, True, None), (1, False, None), (3, True, 25.0), (3, False, None)]
)
def test_dciodvfy_finds_no_error(tmp_path: Path, frames: int, colour: bool, fps: float | None) -> None:
    clip = fake(frames, colour, lossy_image_compression="01")
    clip.facts = replace(clip.facts, timing=Timing(fps, "CineRate" if fps else "unknown"))
    (one,) = passed(tmp_path, clip).clips
    said = subprocess.run(["dciodvfy", str(one.dicom)], capture_output=True, text=True, check=False)
    assert "Error" not in said.stderr + said.stdout, said.stderr


def test_frames_that_came_unevenly_keep_their_times(tmp_path: Path) -> None:
    clip = fake(3)
    times = (0.0, 0.04, 0.2)
    clip.facts = replace(clip.facts, timing=Timing(12.5, "FrameTimeVector", 0.24, times))
    (one,) = passed(tmp_path, clip).clips
    assert one.times == times
    again = open_clip(one.dicom, "0" * 64)
    assert again.facts.timing.times == pytest.approx(times)
    assert again.facts.timing.source == "FrameTimeVector"
    assert "FrameTime" not in dcmread(one.dicom)
    again.close()
    if shutil.which("dciodvfy"):
        said = subprocess.run(["dciodvfy", str(one.dicom)], capture_output=True, text=True, check=False)
        assert "Error" not in said.stderr + said.stdout


def test_a_clip_whose_layout_had_to_be_guessed_stays_in(tmp_path: Path) -> None:
    clip = fake(2)
    note = f"{GUESSED_LAYOUT} pixel but holds them by plane; shown as it is stored"
    clip.facts = replace(clip.facts, notes=(note,))
    assert "had to be guessed" in refused(tmp_path, clip)


def test_without_a_detector_a_clip_waits_and_an_approved_one_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looked is not nothing found."""
    monkeypatch.setattr(ocr, "installed", lambda: False)
    assert "casearchive[text] is not installed" in refused(tmp_path, fake(2))
    seen = Decision(APPROVE, "a person", "2026-01-01")
    teaching, _ = airlock.pass_case(
        CASE, {"M1": fake(2)}, PATIENT, Pseudonyms(SECRET, "set"), tmp_path / "seen", decisions={"M1": seen}
    )
    assert teaching is not None


def test_a_doubt_that_only_decoding_shows_keeps_the_clip_in(tmp_path: Path) -> None:
    clip = fake(2)
    real = clip.frame

    def noting(number: int) -> np.ndarray:
        if number == 2:
            clip.facts = replace(clip.facts, notes=(f"{ANOTHER_SIZE} 800 × 600 although …",))
        return real(number)

    clip.frame = noting  # type: ignore[method-assign]
    assert "another size" in refused(tmp_path, clip)


def test_a_name_flashed_on_one_frame_is_refused(tmp_path: Path) -> None:
    flash = lambda n, p: write_text(p, "QUILLFEATHER", (60, 80), 14) if n == 3 else p  # noqa: E731
    assert "frame 3" in refused(tmp_path, fake(4, edit=flash))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"regions": ()}, "no ultrasound regions"),
        (
            {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.11"},
            "not a picture (Basic Text SR): what can be told of it leaves with the option structured-content",
        ),
        (
            {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.104.1"},
            "not an ultrasound image object (Encapsulated PDF",
        ),
        ({"rows": ROWS + 1}, "size"),
        ({"rows": 70_000}, "a side of it is longer than the 65535 pixels that DICOM can say"),
    ],
)
def test_what_is_not_plainly_safe_is_refused_with_a_reason(tmp_path: Path, change: dict, reason: str) -> None:
    assert reason in refused(tmp_path, fake(1, **change))


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    clip = fake(1)
    clip.facts = replace(clip.facts, pixel_aspect=(6, 5))
    assert dcmread(passed(tmp_path / "one", clip).clips[0].dicom).PixelAspectRatio == [6, 5]
    assert "PixelAspectRatio" not in dcmread(passed(tmp_path / "two", fake(1)).clips[0].dicom)


def test_a_clip_with_uneven_times_leaves_and_one_with_too_few_frames_waits(tmp_path: Path) -> None:
    clip = fake(3)
    clip.facts = replace(
        clip.facts, notes=(UNEVEN,), timing=Timing(20.0, "FrameTimeVector", times=(0.0, 0.04, 0.1))
    )
    teaching = passed(tmp_path / "one", clip)
    assert dcmread(teaching.clips[0].dicom).FrameTimeVector == [0, 40, 60]
    clip.facts = replace(clip.facts, notes=(f"{TOO_FEW} 5 frames and holds 3",))
    assert "fewer frames than it says" in refused(tmp_path / "two", clip)


def test_references_to_images_of_the_set_lead_to_them_and_others_are_gone(tmp_path: Path) -> None:
    clip = fake(1)
    clip.facts = replace(
        clip.facts,
        references=(
            Reference("ReferencedImageSequence", "1.2.3.4.5"),
            Reference("ReferencedImageSequence", "1.2.3.99"),
            Reference("SourceImageSequence", "1.2.3.4.6"),
        ),
    )
    names = Pseudonyms(SECRET, "set")
    teaching, _ = airlock.pass_case(
        CASE, {"M1": clip}, PATIENT, names, tmp_path, choice=Choice(frames={"1.2.3.4.5": 7, "1.2.3.4.6": 1})
    )
    assert teaching is not None
    data = dcmread(teaching.clips[0].dicom)
    (referenced,), (source,) = data.ReferencedImageSequence, data.SourceImageSequence
    assert referenced.ReferencedSOPInstanceUID == names.uid("1.2.3.4.5")
    assert referenced.ReferencedSOPClassUID == UltrasoundMultiFrameImageStorage
    assert source.ReferencedSOPInstanceUID == names.uid("1.2.3.4.6")
    assert source.ReferencedSOPClassUID == UltrasoundImageStorage
    assert headers.allowed(data) == []
    referenced.ReferencedSOPInstanceUID = "1.2.3.4.5"
    assert headers.allowed(data) == ["ReferencedImageSequence"]
    source.ReferencedFrameNumber = 3
    assert "ReferencedFrameNumber" in headers.allowed(data)


@pytest.mark.parametrize("uid", sorted(headers.CAPTURE_CLASSES))
def test_a_captured_screen_of_ultrasound_leaves_by_a_decision_only_and_as_ultrasound(
    tmp_path: Path, uid: str
) -> None:
    clip = fake(1, sop_class_uid=uid)
    assert "nothing says which pixels" in refused(tmp_path, clip), "its regions prove nothing"

    def decided(clip: object) -> tuple[TeachingCase | None, tuple[Withheld, ...]]:
        drawn = Decision("mask", "Somebody", keep=(Rectangle(30, 30, 169, 139),))
        return airlock.pass_case(
            CASE, {"M1": clip}, PATIENT, Pseudonyms(SECRET, "set"), tmp_path / "two", decisions={"M1": drawn}
        )

    teaching, _ = decided(clip)
    assert teaching and dcmread(teaching.clips[0].dicom).SOPClassUID == UltrasoundImageStorage
    clip.facts = replace(clip.facts, series=replace(clip.facts.series, modality="MR"))
    teaching, withheld = decided(clip)
    assert teaching is None and "Secondary Capture" in withheld[0].reason


def test_photos_videos_reports_and_missing_or_broken_files_are_refused(tmp_path: Path) -> None:
    for kind in ("image", "clip", "other"):
        clip = fake(1)
        clip.facts = replace(clip.facts, kind=kind)
        assert refused(tmp_path, clip)
    short = fake(2)
    short.facts = replace(short.facts, instance=replace(short.facts.instance, frames=3))
    assert "frame 3 cannot be decoded" in refused(tmp_path, short)
    assert "not at hand" in refused(tmp_path, {})


def test_what_points_at_a_withheld_clip_goes_with_it(tmp_path: Path) -> None:
    case = replace(
        CASE,
        media=(*CASE.media, Media("M2", pair="M1")),
        findings=(Finding("F1", "tear", evidence=(Evidence("M1"), Evidence("M2", (1, 2)))),),
        measurements=(Measurement("gap", 3.0, "mm", media="M2", frame=1, points=((1.0, 2.0), (3.0, 4.0))),),
        quiz=(Quiz("Where?", ask_point=QuizPoint("M2", 1)),),
    )
    teaching, withheld = through(tmp_path, {"M1": fake(1), "M2": fake(1, regions=())}, case)
    assert teaching is not None
    out = teaching.case
    assert [m.id for m in out.media] == ["M1"] and out.media[0].pair == ""
    assert out.media[0].file == "M1.dcm" and not out.media[0].sha256 and not out.media[0].name
    assert [e.media for e in out.findings[0].evidence] == ["M1"]
    assert (out.measurements[0].value, out.measurements[0].media, out.measurements[0].points) == (3.0, "", ())
    assert out.quiz[0].ask_point is None
    assert (out.author.name, out.author.contact, out.consent.reference) == ("A. Teacher", "", "")
    assert [(w.media, w.decide) for w in withheld] == [("M2", "a person must look: casearchive review")]
    assert not list((tmp_path / "staging").rglob("M2*"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "draft"}, "draft"),
        ({"status": "held", "hold": "Quillfeather objects"}, "held"),
        ({"status": "retired"}, "retired"),
        ({"consent": Consent("teaching", "2020-01-01")}, "consent has ended"),
        ({"consent": Consent("teaching", "soon")}, "cannot be read"),
        *(
            ({"consent": Consent(scope)}, "not plainly for teaching")
            for scope in (
                "research only",
                "not for teaching",
                "treatment only, teaching refused",
                "teach",
                "none",
            )
        ),
        ({"media": (Media("../M1"),)}, "media id"),
        ({"media": (Media("M1"), Media("m1"))}, "same id"),
        ({"slug": "../x"}, "slug"),
    ],
)
def test_a_case_that_may_not_leave_says_why(tmp_path: Path, change: dict, reason: str) -> None:
    said = refused(tmp_path, fake(1), replace(CASE, **change))
    assert reason in said and "quillfeather" not in said.casefold()


@pytest.mark.parametrize(
    "scope", ["teaching", "Teaching, research", "education and publication", "research; teaching"]
)
def test_a_plain_list_of_purposes_with_teaching_among_them_is_a_consent(tmp_path: Path, scope: str) -> None:
    assert passed(tmp_path, fake(1), replace(CASE, consent=Consent(scope))).clips


def test_a_slug_that_names_the_patient_is_not_even_listed(tmp_path: Path) -> None:
    for status in ("draft", "ready"):
        case = replace(CASE, slug="isolde-shoulder", status=status)
        teaching, withheld = through(tmp_path, fake(1), case)
        assert teaching is None
        assert not any("isolde" in (w.case + w.reason).casefold() for w in withheld)


def test_an_author_whom_the_files_know_as_staff_is_left_out_and_said_so(tmp_path: Path) -> None:
    clip = fake(1)
    clip.facts = replace(clip.facts, identifiers=(*PATIENT, Identifier("OperatorsName", "Teacher^A")))
    teaching, withheld = through(tmp_path, clip)
    assert teaching is not None and teaching.case.author.name == ""
    assert any("author.name" in w.reason for w in withheld)


# ----------------------------------------------------------------------------------------------------- the words


@pytest.mark.parametrize(
    "text",
    [
        "Seen with Mrs Quillfeather", "isolde felt a snap", "QUILLFEATHER", "file KH-4711823", "kh4711823",
        "born 12.03.1971", "born 12 March 1971", "born March 12, 1971", "1971-03-12", "3/12/71", "St Eloria Hospital",
        "the Eloria team", "Quíllfeather",
    ],
)  # fmt: skip
def test_a_known_identity_in_the_words_blocks_the_case_and_is_not_repeated(tmp_path: Path, text: str) -> None:
    case = replace(CASE, story=replace(CASE.story, discussion=f"A note. {text}."))
    said = refused(tmp_path, fake(1), case)
    assert "story.discussion" in said and "character" in said
    assert not any(
        word in said.casefold() for word in ("quillfeather", "isolde", "4711823", "eloria", "1971")
    )


@pytest.mark.parametrize(
    "text",
    ["seen on 2023-04-05", "seen 5/4/2023", "on 5 April", "in March 2021", "a.b@example.org", "+49 171 2345678",
     "record 12345678", "MRN 5512", "sent by Dr. Weber", "a 93-year-old", "aged 91", "94 Y"],
)  # fmt: skip
def test_what_looks_like_an_identity_blocks_with_a_hint(text: str) -> None:
    hits = words.search(replace(BARE, story=Story(history=text)), ())
    assert hits and all(h.field == "story.history" and h.hint and not h.known for h in hits)


@pytest.mark.parametrize(
    "text",
    ["L4/L5", "5-14 MHz", "6-12-18 MHz", "24 Y", "31 mm", "grade 2b", "AIUM (2019)", "54 x 19 x 28 mm, x 0.523",
     "power 4/5, later 3/5", "0.5 - 0.7 / 0.9 m/s", "may show 5 fibres", "PMID 12345678",
     "doi:10.1186/s13089-020-00171",
     "Baker's cyst of the long head", "Long axis. Head of the biceps.", "5/10/15 mm", "T1/2", "score 85"],
)  # fmt: skip
def test_ordinary_medical_words_pass(text: str) -> None:
    known = [
        Identifier("PatientName", "Long^Baker"),
        Identifier("PatientName", "Head^May"),
        Identifier("PatientID", "12"),
    ]
    assert not words.search(replace(BARE, story=Story(history=text, references=(text,))), known)


def test_an_everyday_name_counts_when_written_like_a_name() -> None:
    known = [Identifier("PatientName", "Long^Peter")]
    for text in ("We told Long about it", "peter came", "long, peter", "PETER LONG"):
        assert words.search(replace(BARE, title=text), known), text


@pytest.mark.parametrize(
    ("keyword", "value", "text"),
    [
        ("PatientBirthDate", "19570312", "born 12-MAR-1957"), ("PatientBirthDate", "19570312", "12 / 03 / 1957"),
        ("PatientBirthDate", "19570312", "12MAR1957"), ("PatientBirthDate", "19570312", "12.III.1957"),
        ("PatientBirthDate", "19570312", "1957年3月12日"), ("PatientBirthDate", "19570312", "12. März 1957"),
        ("PatientName", "SORENSEN^LUKASZ", "Sørensen felt it"), ("PatientName", "SORENSEN^LUKASZ", "with Łukasz"),
        ("PatientName", "YILDIZ^AYSE", "Yıldız"), ("PatientName", "ĐORĐEVIĆ^ANA", "Djordjevic"),
        ("PatientName", "DJORDJEVIC^ANA", "Đorđević"), ("PatientName", "李^伟", "患者李伟的小腿"),
        ("PatientName", "김^철수", "환자김철수는"), ("PatientName", "KrÃ¼ger^Max", "Krüger with a tear"),
        ("PatientName", "YOUNG^ROSE", "Young: torn calf"), ("PatientName", "YOUNG^ROSE", "YOUNG was seen"),
        ("PatientName", "YOUNG^ROSE", "Rose complained of pain"), ("PatientName", "LONG^PETER", "Long's knee"),
        ("PatientID", "SE-4711-0815", "SE–4711–0815"), ("InstitutionName", "UKE", "seen at UKE"),
        ("InstitutionName", "Klinik Bonn", "seen in Bonn"), ("InstitutionName", "St. Mary Hospital", "at St. Mary"),
        ("PatientName", "Quillfeather^I", "the Quillfeathers"), ("PatientName", "Quillfeather^I", "Quill\u00adfeather"),
        ("PatientName", "Иванова^Анна", "у Ивановой"), ("PatientName", "Παπαδόπουλος^Α", "του Παπαδόπουλου"),
    ],
)  # fmt: skip
def test_a_known_identity_is_found_however_it_is_written(keyword: str, value: str, text: str) -> None:
    assert words.search(replace(BARE, title=text), [Identifier(keyword, value)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("YOUNG^ROSE", "a young man"), ("YOUNG^ROSE", "Young athletes tear more"), ("LONG^PETER", "LONG axis view"),
        ("BAKER^JO", "Baker's cyst"), ("HEAD^MAY", "May show a head"), ("LONG^PETER", "the long head of biceps"),
    ],
)  # fmt: skip
def test_an_everyday_word_is_no_name_where_nobody_is_spoken_of(value: str, text: str) -> None:
    assert not words.search(replace(BARE, title=text), [Identifier("PatientName", value)])


@pytest.mark.parametrize(
    "text", ["Quilfeather", "Quillfaether", "Quillfeatherr", "Quillfexther", "QUILLFEATHRE"]
)
@pytest.mark.parametrize("where", ["{} with a tear", "Seen by us: {}’s calf", "The calf of {}"])
def test_a_known_name_with_one_slip_of_the_pen_is_found(text: str, where: str) -> None:
    known = [Identifier("PatientName", "QUILLFEATHER^ORSINO")]
    (hit,) = words.search(replace(BARE, title=where.format(text)), known)
    assert (hit.what, hit.offset, hit.known) == ("PatientName", where.index("{"), True)
    assert "reads like an identity known from the files" in str(hit)
    assert text.casefold() not in str(hit).casefold()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("WRIGHT^A", "Right side, bright night"), ("PARKER^A", "a darker line"), ("TURNER^A", "he turned over"),
        ("ACHILES^A", "Achilles tendon"), ("WALTER^A", "a walker"),
        ("ROSSI^A", "Rossa"), ("THOMSON^A", "Thompson test"),
        ("WINTER^A", "a winger"),
        ("Quillfeather^A", "quilfeather in a sentence, Written small"),
    ],
)  # fmt: skip
def test_words_near_a_name_are_no_name(value: str, text: str) -> None:
    story = Story(history=text, references=("Quilfeather A. An almanac",))
    assert not words.search(replace(BARE, story=story), [Identifier("PatientName", value)])


def test_a_slug_with_a_slip_of_the_pen_is_found() -> None:
    known = [Identifier("PatientName", "QUILLFEATHER^ORSINO")]
    assert words.search(replace(BARE, slug="quilfeather-calf"), known)


@pytest.mark.parametrize(
    ("keyword", "value", "text"),
    [
        ("StudyDescription", "Knee MILLERSON John", "Millerson with a torn calf"),
        ("SeriesDescription", "QUILLFEATHER left thigh", "A tear; Quillfeather fell"),
        ("ImageComments", "seen w/ Quillfeather", "quillfeather"),
        ("file name", "Quillfeather_Jane_knee.mp4", "of Quillfeather"),
        ("file name", "quillfeather_jane_knee.mp4", "The calf of Quillfeather"),
        ("file name", "x/Grün Quillfäther.mp4", "Quillfaether: torn calf"),
    ],
)  # fmt: skip
def test_a_name_that_only_free_text_of_the_files_tells_is_found(keyword: str, value: str, text: str) -> None:
    (hit,) = words.search(replace(BARE, title=text), [Identifier(keyword, value)])
    assert (hit.what, hit.known) == (keyword, True)
    assert "terms.toml" in hit.hint and "uillf" not in str(hit)


@pytest.mark.parametrize(
    ("keyword", "value", "text"),
    [
        ("StudyDescription", "US RIGHT KNEE Second look", "Second look at the right knee: Kidney"),
        ("SeriesDescription", "Transducer Linear, Rectus femoris, Tear?", "Rectus femoris: a tear. Transducer linear"),
        ("ImageComments", "JPEG 2000 reversible (lossless)", "It is reversible"),
        ("StudyDescription", "Referred for workup", "Referred pain, no workup"),
        ("StudyDescription", "LOGIQ Voluson Doppler Dist", "Voluson: Doppler"),
        ("file name", "IMG_0001_Export.dcm", "Export"),
        ("file name", "pseudogap-longaxis.png", "Pseudogap in the long axis; a pseudogap"),
    ],
)  # fmt: skip
def test_words_that_describe_are_nobodys_name(keyword: str, value: str, text: str) -> None:
    assert not words.search(replace(BARE, title=text), [Identifier(keyword, value)])


def test_an_address_is_a_place_and_no_name() -> None:
    known = [Identifier("ReferringPhysicianAddress", "Seen with X, tel. 0170, Quillstrasse 5")]
    assert not words.search(replace(BARE, title="Seen with a tear, tel it"), known)
    assert words.search(replace(BARE, title="in the Quillstrasse"), known)


def test_a_place_in_capitals_counts_in_capitals_only() -> None:
    known = [Identifier("InstitutionName", "Klinikum ARM")]
    assert not words.search(replace(BARE, title="the left arm"), known)


@pytest.mark.parametrize(
    "text",
    ["Dr.Müller saw her", "DR SMITH", "Dr. Żak", "Herr Şahin", "Mr. de Vries", "Doctor Smith", "12-Mar-2024",
     "12. März 2024", "12 mars 2024", "1957/03/12", "1957.03.12", "tel. 555-0199", "Fallnummer 48213",
     "92-jährige", "92 ans"],
)  # fmt: skip
def test_patterns_of_other_countries_and_of_carelessness_block_too(text: str) -> None:
    assert words.search(replace(BARE, story=Story(history=text)), ())


@pytest.mark.parametrize(("age", "blocked"), [("093Y", True), ("93", True), ("1116 M", True), ("24 Y", False),
                                              (">89 Y", False), ("over 89", False), ("7 M", False)])  # fmt: skip
def test_an_age_over_89_blocks_in_any_writing(age: str, blocked: bool) -> None:
    assert bool(words.search(replace(BARE, patient=replace(BARE.patient, age=age)), ())) == blocked


@given(st.text(max_size=60), st.text(max_size=12))
@settings(max_examples=80)
def test_the_words_search_takes_any_text_and_points_into_it(text: str, name: str) -> None:
    case = replace(CASE, title=f"{text} Quillfeather {text}")
    hits = words.search(case, [*PATIENT, Identifier("PatientName", name)])
    assert any(h.known and h.field == "title" for h in hits)
    assert all(0 <= h.offset < len(case.title) for h in hits if h.field == "title")


# ------------------------------------------------------------------------------------------------ the certificate


def finished(tmp_path: Path) -> tuple[Path, TeachingSet]:
    case = replace(CASE, media=(*CASE.media, Media("M2")))
    teaching, withheld = through(tmp_path, {"M1": fake(2), "M2": fake(1, regions=())}, case)
    folder = tmp_path / "out"
    (folder / "dicom").mkdir(parents=True)
    shutil.copy(teaching.clips[0].dicom, folder / "dicom" / "M1.dcm")
    (folder / "index.html").write_text("<p>words</p>")
    return folder, TeachingSet("set", "A <set>", "", (teaching,), withheld)


def test_a_certificate_can_be_checked_from_the_output_alone(tmp_path: Path) -> None:
    import json

    folder, teaching = finished(tmp_path)
    said = certificate.certificate(folder, teaching, formats=("dicom",))
    (folder / "certificate.json").write_text(json.dumps(said))
    (folder / "certificate.html").write_text(certificate.certificate_page(said))
    shutil.rmtree(tmp_path / "staging")
    assert certificate.check(folder) == []
    assert said["clips"][0]["kept_boxes"] == [[30, 30, 169, 139]] and said["clips"][0]["frames"] == 2
    assert said["withheld"][0]["media"] == "M2" and said["files"][0]["clip"] == "shoulder-tear/M1"
    assert not leaks.scan(folder, PATIENT)

    (folder / "more.txt").write_text("x")
    (folder / "index.html").write_text("<p>other</p>")
    assert len(certificate.check(folder)) == 2
    (folder / "dicom" / "M1.dcm").unlink()
    assert any("missing" in line for line in certificate.check(folder))
    with pytest.raises(certificate.CertificateError):
        certificate.check(tmp_path / "nowhere")


def test_pixels_changed_behind_a_corrected_hash_are_still_found(tmp_path: Path) -> None:
    import json

    folder, teaching = finished(tmp_path)
    said = certificate.certificate(folder, teaching)
    said["clips"][0]["kept_pixels"][1]["after"] = "0" * 64
    said["clips"][0]["kept_boxes"] = [[30, 30, 169, 138]]
    (folder / "certificate.json").write_text(json.dumps(said))
    wrong = " ".join(certificate.check(folder))
    assert "kept pixels of frame 2" in wrong and "not empty outside" in wrong
    del said["clips"][0]["kept_pixels"]
    (folder / "certificate.json").write_text(json.dumps(said))
    assert any("cannot be read" in line for line in certificate.check(folder))


def below(frame: np.ndarray) -> np.ndarray:
    """The frame with forty black rows under it."""
    return np.concatenate([frame, np.zeros((40, *frame.shape[1:]), np.uint8)])


@needs_detector
def test_results_beside_the_scan_stay_and_the_certificate_tells_and_holds_them(tmp_path: Path) -> None:
    import json

    def printed(number: int, frame: np.ndarray) -> np.ndarray:
        frame = write_text(below(frame), "Dist 1.06 cm", (8, 158), 16)
        return write_text(frame, f"0{number}:31", (140, 158), 16)

    clip = fake(edit=printed, rows=ROWS + 40)
    teaching = passed(tmp_path, clip)
    frames = [teaching.clips[0].frames.frame(n) for n in (1, 2)]
    assert all(frame[ROWS:, :120].max() > 200 for frame in frames), "the result is there"
    assert not any(frame[ROWS:, 130:].any() for frame in frames), "the clock is not"
    assert not any(frame[:30].any() for frame in frames), "nor is the name"
    folder = tmp_path / "out"
    (folder / "dicom").mkdir(parents=True)
    shutil.copy(teaching.clips[0].dicom, folder / "dicom" / "M1.dcm")
    said = certificate.certificate(folder, TeachingSet("set", "A set", "", (teaching,), ()))
    (result,) = said["clips"][0]["kept_beside"]
    assert result["text"].replace(" ", "") == "Dist1.06cm"
    assert "Dist" in certificate.certificate_page(said)
    (folder / "certificate.json").write_text(json.dumps(said))
    (folder / "certificate.html").write_text(certificate.certificate_page(said))
    assert certificate.check(folder) == []
    for change in ({"beside_sha256": "0" * 64}, {"kept_beside": []}):
        told = json.loads(json.dumps(said))
        told["clips"][0].update(change)
        (folder / "certificate.json").write_text(json.dumps(told))
        assert certificate.check(folder), change


@needs_detector
def test_a_result_that_is_a_name_in_a_later_frame_leaves_nothing_behind(tmp_path: Path) -> None:
    def printed(number: int, frame: np.ndarray) -> np.ndarray:
        return write_text(below(frame), "Dist 1.06 cm" if number < 3 else "QUILLFEATHER", (8, 158), 16)

    teaching = passed(tmp_path, fake(4, edit=printed, rows=ROWS + 40))
    assert not any(teaching.clips[0].frames.frame(n)[ROWS:].any() for n in range(1, 5))


def test_a_certificate_is_what_its_published_schema_says(tmp_path: Path) -> None:
    import json
    from importlib import resources

    from jsonschema import Draft202012Validator

    from casearchive import deid

    schema = json.loads(resources.files(deid).joinpath(certificate.SCHEMA).read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    folder, teaching = finished(tmp_path)
    said = json.loads(json.dumps(certificate.certificate(folder, teaching, formats=("dicom",))))
    judge = Draft202012Validator(schema)
    assert [error.message for error in judge.iter_errors(said)] == []
    assert said["clips"][0]["attributes"]["moved"] == ["StudyDate"]
    assert {"PatientID", "SOPInstanceUID"} <= set(said["clips"][0]["attributes"]["replaced"])
    for damage in ({"seal": "x"}, {"patient": "somebody"}, {"clips": [{"ref": "M1"}]}):
        assert list(judge.iter_errors({**said, **damage})), damage


def test_a_certificate_of_another_form_says_so(tmp_path: Path) -> None:
    import json

    folder, teaching = finished(tmp_path)
    said = {**certificate.certificate(folder, teaching), "certificate": 1}
    (folder / "certificate.json").write_text(json.dumps(said))
    with pytest.raises(certificate.CertificateError, match="form 1, and this program checks form 2"):
        certificate.check(folder)


@pytest.mark.parametrize("shape", [(70, 50), (70, 50, 3), (16, 300, 3)])
def test_frames_are_coded_alike_with_and_without_the_faster_library(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, shape, np.uint8) for _ in range(7)]
    fast = list(codec.in_order(codec.codestream, frames))
    monkeypatch.setattr(codec, "_imagecodecs", lambda: None)
    plain = list(codec.in_order(codec.codestream, iter(frames)))
    for frame, one, other in zip(frames, fast, plain, strict=True):
        assert np.array_equal(codec.decoded(one), frame) and np.array_equal(codec.decoded(other), frame)


def test_work_ahead_keeps_its_order_and_tells_what_went_wrong() -> None:
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number * 2

    done = codec.in_order(work, range(9))
    assert [next(done) for _ in range(5)] == [0, 2, 4, 6, 8]
    with pytest.raises(ValueError, match="five"):
        next(done)


def _add_link(folder: Path) -> None:
    (folder / "html").symlink_to(folder / "dicom")


def _change(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        import json

        said = json.loads((folder / "certificate.json").read_text())
        (folder / "certificate.json").write_text(json.dumps({**said, **changes}))

    return change


@pytest.mark.parametrize(
    "tamper",
    [
        lambda folder: (folder / "certificate.html").write_text("Quillfeather"),
        lambda folder: (folder / "certificate.html").unlink(),
        lambda folder: (folder / "dicom" / "certificate.html").write_text("Quillfeather"),
        lambda folder: (folder / "dicom" / "certificate.json").write_text("{}"),
        lambda folder: (folder / "Quillfeather").mkdir(),
        _add_link, _change(withheld=[]), _change(residual_risks=[]), _change(clips=[]), _change(seal=""),
    ],
)  # fmt: skip
def test_whatever_is_changed_added_or_taken_away_is_found(
    tmp_path: Path, tamper: Callable[[Path], object]
) -> None:
    import json

    folder, teaching = finished(tmp_path)
    said = certificate.certificate(folder, teaching)
    (folder / "certificate.json").write_text(json.dumps(said))
    (folder / "certificate.html").write_text(certificate.certificate_page(said))
    assert certificate.check(folder) == []
    tamper(folder)
    assert certificate.check(folder)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Quillfeather^Isolde"), ("PatientID", "4711"), ("PatientAge", "053Y"),
        ("StudyInstanceUID", "1.2.3"), ("PatientBirthDate", "19710312"), ("AccessionNumber", "1"),
        ("BodyPartExamined", "QUILL"), ("Modality", "CT"), ("ImageType", ["ORIGINAL", "PRIMARY"]),
    ],
)  # fmt: skip
def test_a_value_that_no_rule_can_have_made_is_not_allowed(
    tmp_path: Path, keyword: str, value: object
) -> None:
    dataset = dcmread(passed(tmp_path, fake(1)).clips[0].dicom, stop_before_pixels=True)
    assert headers.allowed(dataset) == []
    setattr(dataset, keyword, value)
    assert keyword in headers.allowed(dataset)


@pytest.mark.parametrize("where", ["model", "software"])
def test_a_name_stuck_to_other_signs_does_not_pass_as_a_model(tmp_path: Path, where: str) -> None:
    clip = fake(1)
    told = {
        "model": {"manufacturer_model_name": "ISOLDE1957"},
        "software": {"software_versions": "KH-4711.823"},
    }[where]
    clip.facts = replace(clip.facts, series=replace(clip.facts.series, **told))
    header = dcmread(passed(tmp_path, clip).clips[0].dicom)
    assert not header.get("ManufacturerModelName" if where == "model" else "SoftwareVersions")


def test_numbers_of_a_region_that_are_no_numbers_of_a_region_do_not_leave(tmp_path: Path) -> None:
    region = replace(REGION, flags=47110815, ref_pixel_x0=19620229, ref_pixel_y0=0, ref_value_x=0.0)
    (item,) = dcmread(passed(tmp_path, fake(1, regions=(region,))).clips[0].dicom).SequenceOfUltrasoundRegions
    assert item.RegionFlags < 32
    assert "ReferencePixelX0" not in item
    dated = replace(REGION, ref_value_x=1971.0312, ref_pixel_x0=1, ref_pixel_y0=0)
    (item,) = dcmread(
        passed(tmp_path / "2", fake(1, regions=(dated,))).clips[0].dicom
    ).SequenceOfUltrasoundRegions
    assert "ReferencePixelPhysicalValueX" not in item, "the birth date"


def test_whether_it_was_ever_lossy_is_said_only_where_it_is_known(tmp_path: Path) -> None:
    for number, (told, lossy) in enumerate((("01", "01"), ("00", "00"), (None, None))):
        clip = fake(1, lossy_image_compression=told)
        header = dcmread(passed(tmp_path / str(number), clip).clips[0].dicom)
        assert header.get("LossyImageCompression") == lossy


def test_a_moved_date_may_meet_the_date_of_another_patient(tmp_path: Path) -> None:
    """Only another date of the same patient would tell anything."""
    moved = dcmread(passed(tmp_path / "1", fake(1)).clips[0].dicom).StudyDate
    assert moved
    other = (*PATIENT, Identifier("StudyDate", moved))
    folder = tmp_path / "2"
    teaching, _ = airlock.pass_case(CASE, {"M1": fake(1)}, other, Pseudonyms(SECRET, "set"), folder)
    assert teaching is not None
    assert dcmread(teaching.clips[0].dicom).StudyDate == moved


def test_the_page_is_escaped_and_has_no_script(tmp_path: Path) -> None:
    folder, teaching = finished(tmp_path)
    said = certificate.certificate(folder, replace(teaching, slug="<script>alert(1)</script>"))
    page = certificate.certificate_page(said)
    assert "<script" not in page and "&lt;script&gt;" in page and "http-equiv" in page


# -------------------------------------------------------------------------------------- from real bytes to the door


def dicom_file(path: Path, frames: list[np.ndarray]) -> Path:
    """A multi-frame ultrasound file with an identity in every corner a scanner can put one."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UltrasoundMultiFrameImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.826.0.1.77.3"
    ds.file_meta.SourceApplicationEntityTitle = "ELORIA_US2"
    ds.preamble = b"Quillfeather".ljust(128, b"\0")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.77.1", "1.2.826.0.1.77.2"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Quillfeather^Isolde", "KH4711823", "19710312"
    ds.PatientSex, ds.PatientAge, ds.StudyDate, ds.StudyTime = "F", "053Y", "20240506", "101112"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "US", "Philips", "EPIQ 7C"
    ds.InstitutionName, ds.StudyDescription = "St. Eloria Hospital", "Shoulder of Isolde Quillfeather"
    ds.SeriesDescription = ds.ImageComments = ds.ProtocolName = "KH4711823 Quillfeather"
    ds.TransducerData = ["L12-5", "Quillfeather", "0"]
    ds.OperatorsName, ds.AccessionNumber = "Sonographer^Bertha", "ACC99812"
    inner = Dataset()
    inner.PatientName, inner.CodeMeaning = "Quillfeather^Isolde", "Isolde"
    outer = Dataset()
    outer.RequestAttributesSequence = Sequence([inner])
    ds.RequestAttributesSequence = Sequence([outer])
    ds.add_new(0x00090010, "LO", "ACME 1.0")
    ds.add_new(0x00091001, "LO", "Quillfeather Isolde")
    ds.add_new(0x00091002, "OB", b"KH4711823 Quillfeather ")
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000022, "LO", "Isolde")
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 30, 30
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 169, 139
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.012
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    ds.NumberOfFrames, ds.FrameTime = len(frames), 40.0
    ds.FrameIncrementPointer = 0x00181063
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 3, "RGB"
    ds.PlanarConfiguration, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = (
        0,
        8,
        8,
        7,
        0,
    )
    surplus = write_text(np.zeros((ROWS, COLUMNS, 3), np.uint8), "QUILLFEATHER", (20, 60), 18)
    ds.PixelData = np.stack([*frames, surplus]).tobytes()  # one frame more than NumberOfFrames says
    ds.save_as(path, enforce_file_format=True)
    return path


def scanned(frames: int = 3) -> list[np.ndarray]:
    return [write_text(speckle(ROWS, COLUMNS, n), "QUILLFEATHER Isolde", (4, 6)) for n in range(frames)]


def test_a_file_full_of_identities_leaves_without_any(tmp_path: Path) -> None:
    source = scanned()
    clip = open_clip(dicom_file(tmp_path / "in.dcm", source), "0" * 64)
    try:
        teaching = passed(tmp_path, clip)
        known = clip.facts.identifiers
        assert clip.facts.instance.frames == 3
    finally:
        clip.close()
    assert {"PatientName", "PatientID", "OperatorsName"} <= {i.keyword for i in known}
    (one,) = teaching.clips
    assert [
        n for n in range(3) if not np.array_equal(one.frames.frame(n + 1)[INSIDE], source[n][INSIDE])
    ] == []
    assert pixel_array(one.dicom).shape == (3, ROWS, COLUMNS, 3)
    assert not leaks.scan(tmp_path / "staging", {*known, *PATIENT})
    raw = one.dicom.read_bytes().lower()
    for telling in (
        "quillfeather",
        "isolde",
        "kh4711823",
        "eloria",
        "bertha",
        "acc99812",
        "1.2.826.0.1.77",
        "acme",
    ):
        assert telling.encode() not in raw and telling.encode("utf-16-le") not in raw
    assert not any(e.tag.is_private or 0x5000 <= e.tag.group < 0x7FE0 for e in dcmread(one.dicom))


def test_a_flash_of_one_frame_in_a_real_file_is_refused(tmp_path: Path) -> None:
    frames = scanned(5)
    frames[3] = write_text(frames[3], "Isolde Q.", (60, 70), 16, "cyan")
    clip = open_clip(dicom_file(tmp_path / "in.dcm", frames), "0" * 64)
    try:
        assert "frame 4" in refused(tmp_path, clip)
    finally:
        clip.close()


def test_a_case_without_media_says_so_and_sends_nobody_to_look(tmp_path: Path) -> None:
    bare = replace(CASE, media=(), findings=(), measurements=(), quiz=())
    made, (said,) = airlock.pass_case(bare, {}, (), Pseudonyms(SECRET, "set"), tmp_path)
    assert made is None and "no pictures" in said.reason and "review" not in said.decide


def test_nobody_else_makes_teaching_clips() -> None:
    package = Path(airlock.__file__).parents[1]
    makers = [
        p.relative_to(package).as_posix()
        for p in package.rglob("*.py")
        if any(
            f"{name}(" in p.read_text("utf-8").replace(f"class {name}(", "")
            for name in ("TeachingClip", "TeachingCase")
        )
    ]
    assert makers == ["deid/airlock.py"]
