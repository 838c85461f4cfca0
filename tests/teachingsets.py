"""Teaching sets for tests of outputs: clips as the airlock stages them, with invented words, made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import JPEG2000Lossless, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from casearchive.deid import encode
from casearchive.model import (
    Author,
    Case,
    ClinicalTest,
    Diagnosis,
    Doppler,
    Dynamic,
    Evidence,
    Finding,
    Grade,
    Measurement,
    Media,
    Patient,
    Prior,
    Quiz,
    Story,
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet

ROWS, COLUMNS = 48, 64


class Arrays:
    """Frames that are at hand; frames count from 1."""

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def frame(self, number: int) -> NDArray[np.uint8]:
        assert 1 <= number <= len(self), "frames count from 1"
        return self._frames[number - 1]


def speckle(
    count: int, *, rows: int = ROWS, columns: int = COLUMNS, colour: bool = True, seed: int = 1
) -> Arrays:
    shape = (count, rows, columns, 3) if colour else (count, rows, columns)
    return Arrays(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def clip(
    folder: Path,
    ref: str,
    frames: Arrays,
    *,
    uid: str = "",
    study: str = "2.25.100",
    series: str = "2.25.200",
    patient: str = "CA-ABCDEFGHIJKLMNOP",
    date: str | None = "20190719",
    key: int = 1,
    number: int | None = 1,
) -> TeachingClip:
    """A clip and its staged object, with the attributes that the airlock writes and no others."""
    first = frames.frame(1)
    colour, many = first.ndim == 3, len(frames) > 1
    data = Dataset()
    data.SpecificCharacterSet, data.ImageType = "ISO_IR 192", ["DERIVED", "PRIMARY"]
    data.SOPClassUID = UltrasoundMultiFrameImageStorage if many else UltrasoundImageStorage
    data.SOPInstanceUID = uid or f"2.25.{300 + len(list(folder.iterdir()))}"
    data.StudyInstanceUID, data.SeriesInstanceUID = study, series
    data.PatientName = data.PatientID = patient
    data.PatientBirthDate, data.PatientSex = None, "F"
    data.StudyDate, data.Modality = date, "US"
    data.StudyTime = data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = data.Manufacturer = (
        None
    )
    data.DerivationDescription = "Pixels outside the kept area set to zero"
    data.SeriesNumber, data.InstanceNumber, data.PatientOrientation = number, number, None
    data.PatientIdentityRemoved, data.DeidentificationMethod = "YES", "invented profile"
    data.ImageLaterality = "R"
    data.Rows, data.Columns = first.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = (3, "YBR_RCT") if colour else (1, "MONOCHROME2")
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.UltrasoundColorDataPresent = 7, 0, int(colour)
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    if many:
        data.NumberOfFrames, data.FrameTime, data.FrameIncrementPointer = len(frames), 40, 0x00181063
    data.file_meta = FileMetaDataset()
    data.file_meta.FileMetaInformationVersion = b"\0\1"
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.file_meta.ImplementationClassUID = "2.25.313049261187364120187427158342938190321"
    data.file_meta.ImplementationVersionName = "CASEARCHIVE"
    data.preamble = b"\0" * 128
    path = folder / f"{len(list(folder.iterdir()))}.staged"
    encode.write(data, iter([frames.frame(n) for n in range(1, len(frames) + 1)]), path)
    return TeachingClip(
        ref,
        *first.shape[:2],
        frames,
        25.0 if many else None,
        "FrameTime" if many else "unknown",
        key,
        (),
        path,
    )


def a_set(*cases: TeachingCase) -> TeachingSet:
    return TeachingSet("marsh", "Limbs of the marsh", "", cases, profile="invented profile")


def full_case() -> Case:
    """A case that uses every part of a record that may leave; ``M1`` moves, ``M2`` is a still."""
    return Case(
        slug="velvet-tear",
        title='Velvet "tear" of the <rectus> & its \u0645\u0639',
        quiz_title="Sore thigh after a barn dance",
        status="ready",
        difficulty="advanced",
        category=("musculoskeletal",),
        tags=("dance", "dynamic"),
        fictional=True,
        author=Author("Ada Invented", "Imaginary Infirmary", "ada@example.org"),
        patient=Patient("24 Y", "F", "fiddler"),
        story=Story(
            history="Danced until dawn.\n\nLimped home.",
            symptoms=("weakness",),
            mechanism=("sport",),
            technique="Linear probe.",
            diagnosis=(Diagnosis("complete_tear", "rectus_femoris", "right", "definite", "surgery"),),
            differential=("strain",),
            discussion="It was quietly frayed.\n\nThen it was not.",
            treatment="Sewn with brass.",
            outcome="Walks again.",
            points=("Watch it move.",),
            pitfalls=("Lantern glare.",),
            references=("An almanac, 2031.",),
        ),
        priors=(Prior(-9, "mri", "a strain", ("strain",), "undergraded", ("complete_tear",), "static"),),
        tests=(ClinicalTest("squat_rise", "painful", "right"),),
        media=(
            Media("M1", caption="The ends part.", quiz_caption="Long axis", structure="rectus_femoris", side="right",
                  plane="long_axis", mode="b_mode", maneuver="contraction", day=0, key_frame=3),
            Media("M2", caption="Both sides.", quiz_caption="Short axis", side="bilateral"),
        ),
        findings=(
            Finding(
                "F1", "complete_tear", structure="rectus_femoris", site="muscle_belly", side="right",
                severity="severe", temporality="subacute", echogenicity=("hypoechoic",),
                grades=(Grade("peetrons", "3"),), doppler=Doppler("pd", 0.0),
                dynamic=Dynamic("contraction", "6 mm", "31 mm"), confirmed_by="surgery", note="Seen twice.",
                evidence=(
                    Evidence("M2", None, "ellipse", ((10.0, 8.0), (30.0, 20.0))),
                    Evidence("M1", (2, 4), "box", ((10.0, 10.0), (40.0, 30.0)), best=True),
                ),
            ),
            Finding("F2", "retraction", structure="rectus_femoris", side="right", certainty="probable",
                    evidence=(Evidence("M1", (3, 3), "line", ((10.0, 20.0), (40.0, 20.0))),)),
            Finding("F3", "tear", structure="rectus_femoris", side="left", certainty="absent",
                    evidence=(Evidence("M2", None, "point", ((50.0, 20.0),)),)),
            Finding("F4", "a felted look", structure="the velvet sheath", side="right"),
            Finding("F5", "hematoma", structure="rectus_femoris", evidence=(Evidence("M1", (1, 5)),)),
        ),
        measurements=(
            Measurement("gap", 31.0, "mm", "F1", "contraction", "right", "M1", 3, ((10.0, 20.0), (40.0, 20.0))),
            Measurement("csa", 52.5, "mm2", "F1", "", "right", "M2", None,
                        ((10.0, 8.0), (30.0, 8.0), (30.0, 20.0), (10.0, 20.0))),
            Measurement("volume", 15.0, "mL", "", "", "left", note="by the ellipsoid"),
        ),
        quiz=(
            Quiz("What next?", ("Wait", "Watch it move"), 2, "It widens.", None,
                 ("Weeks are lost.", "Only movement tells.")),
            Quiz("What is hidden?", (), None, "The other end."),
        ),
    )  # fmt: skip


def full_set(folder: Path) -> TeachingSet:
    clips = (
        clip(folder, "M1", speckle(5), uid="2.25.301", key=3),
        clip(folder, "M2", speckle(1, seed=2), uid="2.25.302", series="2.25.201", number=2),
    )
    return a_set(TeachingCase(full_case(), clips))


# ------------------------------------------------------------------------------------------- any shape, any words

#: Words that break formats which do not guard against them.
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "]]>", "<script>alert(1)</script>", "&amp;", "\\", "a\\b^c=d", "\0\x1b$B", "\ud800", "\ufffe",
         "line\nline\r\n\r\nline", "x" * 300, "ü" * 100, "\u202eright to left", "'\"`", "é\u0301\u200b"]
    ),
)  # fmt: skip
_COORDINATE = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.5, 63.5, 1e300, float("nan"), float("inf")])
)
_POINTS = st.lists(st.tuples(_COORDINATE, _COORDINATE), max_size=6).map(tuple)
_FRAMES = st.one_of(st.none(), st.tuples(st.integers(-3, 9), st.integers(-3, 9)))
_SHAPES = st.sampled_from(["", "point", "line", "polygon", "box", "ellipse", "star"])
_MEDIA = st.sampled_from(["M1", "M2", "gone"])
_TERMS = st.one_of(
    st.sampled_from(["tear", "rectus_femoris", "hematoma", "calf_vein", "gap", "mild", ""]), HOSTILE
)

EVIDENCE = st.builds(
    Evidence, media=_MEDIA, frames=_FRAMES, shape=_SHAPES, points=_POINTS, best=st.booleans()
)
FINDINGS = st.builds(
    Finding, id=HOSTILE, abnormality=_TERMS, structure=_TERMS, site=_TERMS,
    side=st.sampled_from(["left", "right", "bilateral", "midline", "none", "unknown"]),
    certainty=st.sampled_from(["definite", "probable", "possible", "absent", "not_assessed"]), severity=_TERMS,
    echogenicity=st.lists(_TERMS, max_size=2).map(tuple), note=HOSTILE,
    evidence=st.lists(EVIDENCE, max_size=3).map(tuple),
)  # fmt: skip
MEASUREMENTS = st.builds(
    Measurement, what=_TERMS, value=st.floats(),
    unit=st.one_of(st.sampled_from(["mm", "mm2", "deg", "1", ""]), HOSTILE),
    finding=HOSTILE, side=st.sampled_from(["", "left", "right"]), media=st.one_of(st.just(""), _MEDIA),
    frame=st.one_of(st.none(), st.integers(-2, 9)), points=_POINTS, note=HOSTILE,
)  # fmt: skip
CASES = st.builds(
    Case, slug=st.just("any"), title=HOSTILE, quiz_title=HOSTILE, tags=st.lists(HOSTILE, max_size=2).map(tuple),
    category=st.lists(_TERMS, max_size=2).map(tuple), difficulty=st.sampled_from(["", "primary", "odd"]),
    author=st.builds(Author, HOSTILE, HOSTILE, HOSTILE), patient=st.builds(Patient, HOSTILE, HOSTILE, HOSTILE),
    story=st.builds(
        Story, history=HOSTILE, discussion=HOSTILE, points=st.lists(HOSTILE, max_size=2).map(tuple),
        diagnosis=st.lists(st.builds(Diagnosis, _TERMS, _TERMS), max_size=2).map(tuple),
    ),
    media=st.just((Media("M1", caption="one"), Media("M2"))),
    findings=st.lists(FINDINGS, max_size=3).map(tuple), measurements=st.lists(MEASUREMENTS, max_size=3).map(tuple),
    quiz=st.lists(
        st.builds(Quiz, HOSTILE, st.lists(HOSTILE, max_size=2).map(tuple), st.one_of(st.none(), st.just(1)), HOSTILE),
        max_size=2,
    ).map(tuple),
)  # fmt: skip
