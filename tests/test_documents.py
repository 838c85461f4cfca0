"""Documents pass under rules of their own: nothing in them is anybody's word, and they point only to what leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import papers
import pytest
from helpers import needs_detector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from papers import (
    COMMENT,
    FINDING,
    LENGTH,
    LIVER,
    PLANTED,
    SECTION,
    SITE,
    annotation,
    item,
    reference,
    report,
    state,
)
from PIL import ImageCms
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from test_review import case, scan

from casearchive import Archive
from casearchive.deid import airlock, codes, content, documents, drawings, leaving, strokes
from casearchive.deid.choice import Choice
from casearchive.deid.decisions import REFUSE, Decision
from casearchive.deid.leaving import Image
from casearchive.deid.profile import profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import Refusal
from casearchive.errors import ReviewNeeded
from casearchive.model import Author, Case, Coded, Identifier, Media
from casearchive.readers import _content, open_clip
from casearchive.teaching import TeachingCase

SECRET = bytes(range(7, 39))
BOTH = ("structured-content", "graphics")
LOOP, STILL, ELSEWHERE, NOT_LEAVING = "1.2.3.4.5003", "1.2.3.4.5004", "1.2.3.4.5103", "1.2.3.4.66.5"
IMAGES = {
    LOOP: Image("1.2.3.4.5001", "1.2.3.4.5002", 5, 150, 200),
    STILL: Image("1.2.3.4.5001", "1.2.3.4.5002", 1, 150, 200),
    ELSEWHERE: Image("1.2.3.4.5101", "1.2.3.4.5102", 5, 150, 200),
}
CASE = Case(slug="liver", title="A liver")


def built(path: Path, *options: str, known: Iterable[Identifier] = ()) -> documents.Made | Refusal:
    """What would leave of a file under both options."""
    with_options = options or BOTH
    clip = open_clip(path, "0" * 64)
    facts = clip.facts
    clip.close()
    return documents.build(
        facts, CASE, Pseudonyms(SECRET, "set"), IMAGES, {*facts.identifiers, *known}, Choice(with_options)
    )


def left(path: Path, *, known: Iterable[Identifier] = ()) -> Dataset:
    """The document as it leaves, written and read again, after every check that holds for all of them."""
    made = built(path, known=known)
    assert not isinstance(made, Refusal), made
    out = path.with_suffix(".out.dcm")
    documents.write(made.dataset, out)
    raw = out.read_bytes()
    survived = [word for word in PLANTED if word.lower().encode() in raw.lower()]
    assert not survived
    assert b"1.2.3.4" not in raw, "no UID of a source"
    data = documents.read(out)
    assert documents.allowed(data, BOTH) == []
    assert documents.counted(data) == made.kept
    beside = {
        Pseudonyms(SECRET, "set").uid(uid): (str(image.sop_class), image.frames)
        for uid, image in IMAGES.items()
    }
    assert documents.astray(data, beside) == []
    assert complaints(out) == []
    return data


def complaints(path: Path) -> list[str]:
    """What two validators that know nothing of this program find wrong, as far as they are installed."""
    found = []
    if shutil.which("dciodvfy"):
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        found += [line for line in (said.stdout + said.stderr).splitlines() if "Error" in line]
    if shutil.which("dsrdump") and dcmread(path).Modality in ("SR", "KO"):
        said = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, check=False)
        found += [line for line in said.stderr.splitlines() if line.startswith(("E:", "F:"))]
        found += [] if said.returncode == 0 else ["dsrdump gives up"]
    return found


def kinds(data: Dataset) -> list[tuple[int, str]]:
    """Depth and kind of every item below the root, in order."""

    def walk(holder: Dataset, depth: int) -> Iterable[tuple[int, str]]:
        for each in holder.get("ContentSequence", ()):
            yield depth, str(each.ValueType)
            yield from walk(each, depth + 1)

    return list(walk(data, 1))


def new(uid: str) -> str:
    return Pseudonyms(SECRET, "set").uid(uid)


def measured(image: object = (LOOP, (2,)), **more: object) -> Dataset:
    """A measurement with the line that it was taken along and the picture that the line lies over."""
    shape = {"GraphicType": "POLYLINE", "GraphicData": [10.5, 20, 60, 70], **more}
    below = item("SCOORD", "INFERRED FROM", None, [item("IMAGE", "SELECTED FROM", image=image)], **shape)
    return item("NUM", "CONTAINS", LENGTH, [below], number="31.4")


WHOLE = (
    item("CONTAINER", "CONTAINS", SECTION, [
        item("CODE", "CONTAINS", FINDING, [
            item("CODE", "HAS CONCEPT MOD", SITE, value=LIVER),
            item("TEXT", "HAS PROPERTIES", COMMENT, TextValue="cyst of the liver, seen by Zephyrine"),
        ], value=("T-62000", "SRT", "Marchbanks")),
        measured(),
        item("IMAGE", "CONTAINS", image=STILL),
        item("IMAGE", "CONTAINS", image=NOT_LEAVING),
        item("PNAME", "CONTAINS", COMMENT, PersonName="Thistlewood^Odo"),
        item("DATE", "CONTAINS", COMMENT, Date="20240506"),
        item("DATETIME", "CONTAINS", COMMENT, DateTime="20240506101112"),
        item("TIME", "CONTAINS", COMMENT, Time="101112"),
        item("CODE", "CONTAINS", FINDING, value=("4711823", "99ELORIA", "Isolde Quillfeather")),
        item("CODE", "CONTAINS", ("KH4711823", "99ELORIA", "Isolde"), value=LIVER),
    ]),
    item("TEXT", "CONTAINS", COMMENT, TextValue="Isolde Quillfeather, KH4711823, born 12.03.1971 in Wexcombe"),
    item("UIDREF", "HAS OBS CONTEXT", ("112040", "DCM", "Isolde"), UID="1.2.3.4.66.2"),
)  # fmt: skip


# -------------------------------------------------------------------------------------------------- reports


@pytest.mark.parametrize("sop_class", papers.REPORTS, ids=lambda uid: UID(uid).name)
def test_of_a_report_codes_numbers_places_images_and_safe_words_are_left(
    tmp_path: Path, sop_class: UID
) -> None:
    data = left(report(tmp_path / "in.dcm", WHOLE, sop_class=sop_class))
    plain = sop_class == papers.BASIC
    if plain:  # PS3.3 A.35.1 knows no numbers, and of a code no properties
        assert kinds(data) == [(1, "CONTAINER"), (2, "CODE"), (3, "CODE"), (2, "IMAGE"), (1, "UIDREF")]
    else:
        assert kinds(data) == [
            (1, "CONTAINER"), (2, "CODE"), (3, "CODE"), (3, "TEXT"), (2, "NUM"), (3, "SCOORD"), (4, "IMAGE"),
            (2, "IMAGE"), (1, "UIDREF"),
        ]  # fmt: skip
    section, tracking = data.ContentSequence
    found = section.ContentSequence[0]
    assert (
        found.ConceptCodeSequence[0].CodingSchemeDesignator,
        found.ConceptCodeSequence[0].CodeMeaning,
    ) == (
        "SCT",
        "Liver",
    ), "an older code becomes the newer one, with the standard's meaning"
    assert new("1.2.3.4.66.2") == tracking.UID
    assert (data.CompletionFlag, data.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert data.PatientID == Pseudonyms(SECRET, "set").patient("KH4711823|")
    assert data.StudyInstanceUID == new("1.2.3.4.5001")
    assert data.ContentDate == data.StudyDate != "20240506" and data.ContentTime == "000000"
    (study,) = data.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == data.StudyInstanceUID
    (series,) = study.ReferencedSeriesSequence
    assert {r.ReferencedSOPInstanceUID for r in series.ReferencedSOPSequence} == (
        {new(STILL)} if plain else {new(STILL), new(LOOP)}
    )
    if not plain:
        assert found.ContentSequence[1].TextValue == "cyst of the liver"
        number = section.ContentSequence[1]
        assert number.MeasuredValueSequence[0].NumericValue == 31.4
        assert list(number.ContentSequence[0].GraphicData) == [10.5, 20, 60, 70]
        assert (
            number.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == 2
        )


def test_what_is_dropped_is_counted_by_kind_with_all_that_hung_on_it(tmp_path: Path) -> None:
    made = built(report(tmp_path / "in.dcm", [*WHOLE, measured(NOT_LEAVING)]))
    assert not isinstance(made, Refusal)
    assert made.kept == {
        "CONTAINER": 2, "CODE": 2, "TEXT": 1, "NUM": 2, "SCOORD": 1, "IMAGE": 2, "UIDREF": 1,
    }  # fmt: skip
    assert made.dropped == {
        "CODE": 3, "TEXT": 4, "PNAME": 2, "UIDREF": 1, "DATE": 2, "NUM": 1, "IMAGE": 2, "DATETIME": 1, "TIME": 1,
        "SCOORD": 1,
    }  # fmt: skip


def test_a_report_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    telling = [
        item("TEXT", "CONTAINS", COMMENT, TextValue="Isolde Quillfeather was seen by Zephyrine"),
        item("CONTAINER", "CONTAINS", SECTION, [item("PNAME", "CONTAINS", COMMENT, PersonName="A^B")]),
        item("CODE", "HAS CONCEPT MOD", SITE, value=LIVER),
        measured(NOT_LEAVING, GraphicType="POINT", GraphicData=[1, 2])["ContentSequence"].value[0],
    ]
    made = built(report(tmp_path / "in.dcm", telling))
    assert isinstance(made, Refusal) and "nothing of it may leave" in made.reason


@pytest.mark.parametrize("depth", [1, 3, 9, 25])
def test_identities_at_any_depth_stay_in(tmp_path: Path, depth: int) -> None:
    inner = [
        item("TEXT", "CONTAINS", COMMENT, TextValue="Quillfeather"),
        item("CODE", "CONTAINS", FINDING, value=LIVER),
        item("PNAME", "CONTAINS", COMMENT, PersonName="Thistlewood^Odo"),
    ]
    for _ in range(depth):
        inner = [item("CONTAINER", "CONTAINS", SECTION, inner)]
    data = left(report(tmp_path / "in.dcm", inner))
    assert kinds(data)[-1] == (depth + 1, "CODE") and len(kinds(data)) == depth + 1


def test_a_report_that_is_too_deep_or_too_large_is_not_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = [item("CODE", "CONTAINS", FINDING, value=LIVER)]
    for _ in range(40):
        inner = [item("CONTAINER", "CONTAINS", SECTION, inner)]
    made = built(report(tmp_path / "deep.dcm", inner))
    assert isinstance(made, Refusal) and "whole" in made.reason
    monkeypatch.setattr(_content, "MOST_ITEMS", 100)
    wide = [item("CODE", "CONTAINS", FINDING, value=LIVER)] * 100
    made = built(report(tmp_path / "wide.dcm", wide))
    assert isinstance(made, Refusal) and "whole" in made.reason


@pytest.mark.parametrize(
    ("number", "unit", "kept"),
    [
        ("12.50", ("mm", "UCUM"), "12.5"),
        ("0.333333333333", ("cm", "UCUM"), "0.333333"),
        ("-3", ("mm", "UCUM"), "-3"),
        ("4711823", ("mm", "UCUM"), None),  # the patient's number, and too long for a measurement
        ("47118.23", ("mm", "UCUM"), None),
        ("19710312", ("1", "UCUM"), None),
        ("1971.0312", ("1", "UCUM"), None),
        ("5550123", ("1", "UCUM"), None),
        ("94", ("a", "UCUM"), None),
        ("17", ("a", "UCUM"), "17"),
        ("1100", ("mo", "UCUM"), None),
        ("280", ("d", "UCUM"), "280"),
        ("12", ("mm", "99ELORIA"), None),
        ("12", ("furlong", "UCUM"), None),
        ("12", ("10200004", "SCT"), None),
    ],
)
def test_a_number_leaves_in_a_known_unit_and_never_as_an_identifier(
    tmp_path: Path, number: str, unit: tuple[str, str], kept: str | None
) -> None:
    told = item("NUM", "CONTAINS", LENGTH, number=number, unit=(*unit, "Isolde"))
    data = left(report(tmp_path / "in.dcm", [told, item("IMAGE", "CONTAINS", image=STILL)]), known=NUMBERS)
    numbers = [i for i in data.ContentSequence if i.ValueType == "NUM"]
    assert [str(i.MeasuredValueSequence[0].NumericValue) for i in numbers] == ([kept] if kept else [])


NUMBERS = (Identifier("PatientID", "4711823"), Identifier("PatientBirthDate", "19710312"))


@pytest.mark.parametrize(
    "name",
    [
        ("121033", "DCM"), ("121029", "DCM"), ("121032", "DCM"), ("121012", "DCM"), ("121008", "DCM"),
        ("121022", "DCM"), ("X1", "99ELORIA"), ("10200004", "99ELORIA"),
    ],
)  # fmt: skip
def test_what_is_said_of_persons_and_under_unknown_names_stays_in(
    tmp_path: Path, name: tuple[str, str]
) -> None:
    told = [
        item("CODE", "CONTAINS", (*name, "x"), value=LIVER),
        item("NUM", "CONTAINS", (*name, "x"), number="53"),
        item("TEXT", "CONTAINS", (*name, "x"), TextValue="liver"),
        item("UIDREF", "CONTAINS", (*name, "x"), UID="1.2.3.4.66.3"),
    ]
    data = left(report(tmp_path / "in.dcm", [*told, item("IMAGE", "CONTAINS", image=STILL)]))
    assert kinds(data) == [(1, "IMAGE")]


def test_a_code_whose_standard_meaning_is_the_patients_name_stays_in(tmp_path: Path) -> None:
    told = [
        item("CODE", "CONTAINS", FINDING, value=("122253", "DCM", "x")),
        item("IMAGE", "CONTAINS", image=STILL),
    ]
    path = report(tmp_path / "in.dcm", told)
    assert left(path).ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Robertson & Reid table"
    data = left(path, known=[Identifier("PatientName", "Reid^Quentin")])
    assert kinds(data) == [(1, "IMAGE")]


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ("POLYLINE", [10, 20, 201.5, 30]),
        ("POLYLINE", [-1, 20, 20, 30]),
        ("POLYLINE", [10, 20, 30]),
        ("POLYLINE", [10, 20]),
        ("CIRCLE", [10, 20]),
        ("SCRIBBLE", [10, 20, 30, 40]),
        ("POINT", [19.71, 3.12]),
    ],
)
def test_coordinates_beside_the_picture_or_of_another_form_stay_in(
    tmp_path: Path, shape: str, points: list[float]
) -> None:
    told = measured(GraphicType=shape, GraphicData=points)
    known = [Identifier("PatientID", "1971"), Identifier("AccessionNumber", "99")]
    data = left(report(tmp_path / "in.dcm", [told]), known=known)
    assert kinds(data) == [(1, "NUM")], "the number stays, where it was taken does not"


@needs_detector
def test_lines_that_write_a_name_stay_in_also_in_pieces(tmp_path: Path) -> None:
    told = [measured(GraphicType="POLYLINE", GraphicData=stroke) for stroke in written("SMITH", 20)]
    data = left(report(tmp_path / "in.dcm", told))
    assert {kind for _, kind in kinds(data)} == {"NUM"}
    whole = left(report(tmp_path / "line.dcm", [measured()]))
    assert "SCOORD" in {kind for _, kind in kinds(whole)}


def test_where_nobody_can_look_free_lines_stay_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strokes, "able", lambda: False)
    assert strokes.may_be_writing([[float(n) for n in range(40)]])
    assert not strokes.may_be_writing([[1.0, 2.0, 3.0, 4.0]]), "one straight line writes nothing"


def test_an_item_that_only_points_to_another_is_dropped(tmp_path: Path) -> None:
    pointing = Dataset()
    pointing.RelationshipType, pointing.ReferencedContentItemIdentifier = "INFERRED FROM", [1, 2]
    told = item("NUM", "CONTAINS", LENGTH, [pointing], number="3")
    path = report(tmp_path / "in.dcm", [told])
    assert kinds(left(path)) == [(1, "NUM")]
    made = built(path)
    assert not isinstance(made, Refusal) and made.dropped["by reference"] == 1


def test_times_of_a_clip_stay_and_times_of_day_do_not(tmp_path: Path) -> None:
    image = [item("IMAGE", "SELECTED FROM", image=LOOP)]
    point = {"TemporalRangeType": "SEGMENT"}
    told = [
        item("TCOORD", "CONTAINS", below=image, ReferencedTimeOffsets=["0.04", "1.256"], **point),
        item(
            "TCOORD",
            "CONTAINS",
            below=image,
            ReferencedDateTime=["20240506101112", "20240506101113"],
            **point,
        ),
    ]
    (only,) = left(report(tmp_path / "in.dcm", told)).ContentSequence
    assert [str(v) for v in only.ReferencedTimeOffsets] == ["0.04", "1.26"]


def test_references_name_the_class_that_leaves_and_frames_that_are_there(tmp_path: Path) -> None:
    told = [
        item("IMAGE", "CONTAINS", image=(LOOP, (2, 5, 6))),
        item("IMAGE", "CONTAINS", image=(LOOP, (6, 7))),
        item("IMAGE", "CONTAINS", image=(STILL, (1,))),
        item("IMAGE", "CONTAINS", image=ELSEWHERE),
    ]
    data = left(report(tmp_path / "in.dcm", told))
    seen = [i.ReferencedSOPSequence[0] for i in data.ContentSequence]
    assert [(r.ReferencedSOPInstanceUID, r.get("ReferencedFrameNumber")) for r in seen] == [
        (new(LOOP), [2, 5]),
        (new(STILL), None),
        (new(ELSEWHERE), None),
    ]
    assert [UID(r.ReferencedSOPClassUID).name for r in seen] == [
        "Ultrasound Multi-frame Image Storage",
        "Ultrasound Image Storage",
        "Ultrasound Multi-frame Image Storage",
    ]
    studies = data.CurrentRequestedProcedureEvidenceSequence
    assert [s.StudyInstanceUID for s in studies] == [new("1.2.3.4.5001"), new("1.2.3.4.5101")]


def test_an_unknown_title_becomes_a_plain_one(tmp_path: Path) -> None:
    told = [item("CODE", "CONTAINS", FINDING, value=LIVER)]
    data = left(report(tmp_path / "in.dcm", told, title=("KH1", "99ELORIA", "Report of Isolde")))
    assert data.ConceptNameCodeSequence[0].CodeMeaning == "Diagnostic Imaging Report"


def test_options_of_headers_hold_for_documents_too(tmp_path: Path) -> None:
    path = report(tmp_path / "in.dcm", WHOLE)
    made = built(path, *BOTH, "no-dates", "no-characteristics", "device")
    assert not isinstance(made, Refusal)
    data = made.dataset
    assert data.ContentDate == documents.NO_DAY and not data.StudyDate
    assert not data.PatientSex and "PatientAge" not in data
    assert str(data.DeviceSerialNumber).startswith("CD-")
    said = [c.CodeValue for c in data.DeidentificationMethodCodeSequence]
    assert said == ["113100", "113104"], "no pixels were cleaned here"
    assert documents.allowed(data, (*BOTH, "no-dates", "no-characteristics", "device")) == []
    assert documents.allowed(data, BOTH) != []


# ---------------------------------------------------------------------------------------------- key objects


def test_a_key_object_selection_keeps_its_title_and_the_images_that_leave(tmp_path: Path) -> None:
    told = [
        item("CODE", "HAS CONCEPT MOD", ("113011", "DCM", "x"), value=("113012", "DCM", "Thistlewood")),
        item("TEXT", "CONTAINS", ("113012", "DCM", "Key Object Description"), TextValue="liver of Isolde"),
        item("IMAGE", "CONTAINS", image=STILL),
        item("IMAGE", "CONTAINS", image=NOT_LEAVING),
        item("COMPOSITE", "CONTAINS", image=NOT_LEAVING),
    ]
    data = left(
        report(
            tmp_path / "in.dcm", told, sop_class=papers.KEYS, title=("113007", "DCM", "Isolde"), context=False
        )
    )
    assert data.Modality == "KO" and "VerificationFlag" not in data
    assert data.ConceptNameCodeSequence[0].CodeMeaning == codes.standard(Coded("113007", "DCM")).meaning  # type: ignore[union-attr]
    assert [kind for _, kind in kinds(data)] == ["CODE", "TEXT", "IMAGE"]
    assert data.ContentSequence[1].TextValue == "liver"


def test_a_key_object_selection_without_an_image_that_leaves_stays_in(tmp_path: Path) -> None:
    told = [
        item("TEXT", "CONTAINS", ("113012", "DCM", "x"), TextValue="liver"),
        item("IMAGE", "CONTAINS", image=NOT_LEAVING),
    ]
    made = built(report(tmp_path / "in.dcm", told, sop_class=papers.KEYS, title=("113000", "DCM", "x")))
    assert isinstance(made, Refusal) and "nothing of it may leave" in made.reason


# -------------------------------------------------------------------------------------- presentation states


@pytest.mark.parametrize("sop_class", [papers.GREY, papers.COLOUR], ids=lambda uid: UID(uid).name)
def test_of_a_presentation_state_shapes_and_safe_words_over_images_of_the_set_are_left(
    tmp_path: Path, sop_class: UID
) -> None:
    path = state(
        tmp_path / "in.dcm",
        [reference(LOOP, (2, 9)), reference(STILL), reference(NOT_LEAVING)],
        sop_class=sop_class,
        drawn=[
            annotation(
                [("POLYLINE", [3.25, 8, 90, 44.123]), ("CIRCLE", [5, 5, 5, 9]), ("POINT", [4711823, 2])],
                ["cyst of Isolde", "Quillfeather KH4711823"],
                images=[reference(LOOP, (2,))],
                layer="WEXCOMBE",
            ),
            annotation([("ELLIPSE", [1, 1, 9, 1, 5, 0, 5, 5]), ("POINT", [900, 900])]),
            annotation([("POINT", [0.5, 0.5])], units="DISPLAY"),
            annotation([("POINT", [5, 5])], ["liver"], images=[reference(NOT_LEAVING)]),
        ],
        ImageRotation=90,
        ImageHorizontalFlip="Y",
        WindowCenter="40",
    )
    data = left(path)
    (series,) = data.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == new("1.2.3.4.5002")
    named = [
        (r.ReferencedSOPInstanceUID, r.get("ReferencedFrameNumber")) for r in series.ReferencedImageSequence
    ]
    assert named == [(new(LOOP), 2), (new(STILL), None)]
    first, second, third = data.GraphicAnnotationSequence
    assert [g.GraphicType for g in first.GraphicObjectSequence] == ["POLYLINE", "CIRCLE"]
    assert list(first.GraphicObjectSequence[0].GraphicData) == pytest.approx([3.25, 8, 90, 44.12], abs=1e-4)
    assert [t.UnformattedTextValue for t in first.TextObjectSequence] == ["cyst"]
    assert [g.GraphicType for g in second.GraphicObjectSequence] == ["ELLIPSE"]
    assert third.GraphicObjectSequence[0].GraphicAnnotationUnits == "DISPLAY"
    assert [layer.GraphicLayer for layer in data.GraphicLayerSequence] == ["LAYER1", "LAYER2"]
    assert (first.GraphicLayer, second.GraphicLayer) == ("LAYER2", "LAYER1"), "layers keep their order"
    assert (data.ImageRotation, data.ImageHorizontalFlip) == (90, "Y")
    assert data.ContentLabel == "CASEARCHIVE" and not data.ContentDescription and not data.ContentCreatorName
    areas = data.DisplayedAreaSelectionSequence
    assert [list(a.DisplayedAreaBottomRightHandCorner) for a in areas] == [[200, 150], [200, 150]]
    assert data.PresentationCreationDate == data.StudyDate and data.PresentationCreationTime == "000000"
    assert ("ICCProfile" in data) == (sop_class == papers.COLOUR)
    assert [c.CodeValue for c in data.DeidentificationMethodCodeSequence] == [
        "113100", "113103", "113107", "113108",
    ]  # fmt: skip


def test_the_profile_of_colours_is_that_of_srgb_for_an_input_device() -> None:
    """PS3.3 C.11.15.1.1: an input device's, of RGB, without anything of who made it when."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    ours = drawings.srgb()
    assert ours[12:20] == b"scnrRGB " and ours[20:24] == b"XYZ "
    assert ours[128:] == made[128:], "the tags are Pillow's"
    assert ours[84:100] == b"\0" * 16


@needs_detector
def test_a_name_that_is_written_with_lines_stays_in(tmp_path: Path) -> None:
    lines = [("POLYLINE", stroke) for stroke in written("SMITH", 20)]
    data = left(state(tmp_path / "in.dcm", [reference(STILL)], drawn=[
        annotation([*lines, ("CIRCLE", [5, 5, 5, 9])]), annotation([("POINT", [5, 5])]),
    ]))  # fmt: skip
    shapes = [g.GraphicType for a in data.GraphicAnnotationSequence for g in a.GraphicObjectSequence]
    assert shapes == ["CIRCLE", "POINT"]


def test_the_area_that_is_shown_stays_where_it_is_near_the_picture(tmp_path: Path) -> None:
    def area(right: int, *images: Dataset, **more: object) -> Dataset:
        made = Dataset()
        made.DisplayedAreaTopLeftHandCorner, made.DisplayedAreaBottomRightHandCorner = [11, 12], [right, 100]
        made.PresentationSizeMode, made.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
        if images:
            made.ReferencedImageSequence = Sequence(list(images))
        for keyword, value in more.items():
            setattr(made, keyword, value)
        return made

    images = [reference(LOOP), reference(STILL)]
    near = area(120, reference(LOOP), PresentationSizeMode="MAGNIFY", PresentationPixelMagnificationRatio=1.5)
    far = area(4711823, reference(STILL))
    data = left(state(tmp_path / "in.dcm", images, DisplayedAreaSelectionSequence=Sequence([near, far])))
    first, second = data.DisplayedAreaSelectionSequence
    assert list(first.DisplayedAreaTopLeftHandCorner) == [11, 12]
    assert first.PresentationSizeMode == "MAGNIFY" and first.PresentationPixelMagnificationRatio == 1.5
    assert list(second.DisplayedAreaBottomRightHandCorner) == [200, 150]


def test_a_presentation_state_is_for_pictures_of_its_own_study(tmp_path: Path) -> None:
    """PS3.3 C.11.11: what it refers to lies in its study."""
    drawn = [annotation([("POINT", [5, 5])])]
    data = left(state(tmp_path / "in.dcm", [reference(STILL), reference(ELSEWHERE)], drawn=drawn))
    assert {uid for uid, _, _ in documents.pointed_at(data)} == {new(STILL)}


@pytest.mark.parametrize("drawn", [[], [annotation([], ["Isolde"])], [annotation([("POINT", [9000, 1])])]])
def test_a_presentation_state_that_draws_nothing_more_stays_in(tmp_path: Path, drawn: list[Dataset]) -> None:
    made = built(state(tmp_path / "in.dcm", [reference(STILL)], drawn=drawn))
    assert isinstance(made, Refusal) and "nothing of it may leave" in made.reason
    made = built(
        state(tmp_path / "none.dcm", [reference(NOT_LEAVING)], drawn=[annotation([("POINT", [9, 1])])])
    )
    assert isinstance(made, Refusal)


#: Letters as strokes: columns and rows from 0 to 1.
LETTERS = {
    "S": [[1, 0.1, 0.5, 0, 0, 0.25, 0.5, 0.5, 1, 0.75, 0.5, 1, 0, 0.9]],
    "M": [[0, 1, 0, 0, 0.5, 0.6, 1, 0, 1, 1]],
    "I": [[0.5, 0, 0.5, 1]],
    "T": [[0, 0, 1, 0], [0.5, 0, 0.5, 1]],
    "H": [[0, 0, 0, 1], [1, 0, 1, 1], [0, 0.5, 1, 0.5]],
}


def written(word: str, size: float) -> list[list[float]]:
    """The strokes of a word, one letter beside the next."""
    return [
        [(v * 0.6 + place * 0.9) * size + 20 if n % 2 == 0 else v * size + 30 for n, v in enumerate(stroke)]
        for place, letter in enumerate(word)
        for stroke in LETTERS[letter]
    ]


# ------------------------------------------------------------------------------------------- from the outside


def _first(data: Dataset) -> Dataset:
    return data.ContentSequence[0].ContentSequence[0]


REPORT_DAMAGE: dict[str, Callable[[Dataset], object]] = {
    "an observer": lambda d: d.ContentSequence.append(item("PNAME", "HAS OBS CONTEXT", COMMENT, PersonName="A^B")),
    "another meaning": lambda d: setattr(_first(d).ConceptCodeSequence[0], "CodeMeaning", "Isolde"),
    "a code of nobody's": lambda d: setattr(_first(d).ConceptCodeSequence[0], "CodeValue", "4711"),
    "a version of a scheme": lambda d: setattr(_first(d).ConceptCodeSequence[0], "CodingSchemeVersion", "Isolde"),
    "a text": lambda d: setattr(_first(d).ContentSequence[1], "TextValue", "Isolde"),
    "a time of observation": lambda d: setattr(_first(d), "ObservationDateTime", "20240506"),
    "a private element": lambda d: _first(d).private_block(0x11, "X", create=True).add_new(1, "LO", "Isolde"),
    "a number of many digits": lambda d: setattr(
        d.ContentSequence[0].ContentSequence[1].MeasuredValueSequence[0], "NumericValue", "4711823"
    ),
    "a true UID": lambda d: setattr(d.ContentSequence[1], "UID", "1.2.3"),
    "evidence of more": lambda d: d.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    .ReferencedSOPSequence.append(reference("2.25.7")),
    "no evidence": lambda d: delattr(d, "CurrentRequestedProcedureEvidenceSequence"),
    "verified": lambda d: setattr(d, "VerificationFlag", "VERIFIED"),
    "a day": lambda d: setattr(d, "ContentDate", "20240506"),
    "a time": lambda d: setattr(d, "ContentTime", "101112"),
    "a template": lambda d: setattr(d, "ContentTemplateSequence", Sequence([Dataset()])) or setattr(
        d.ContentTemplateSequence[0], "TemplateIdentifier", "Isolde"
    ),
    "a comment": lambda d: setattr(d, "PatientComments", "Isolde"),
    "another class": lambda d: setattr(d, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.88.50"),
    "a code not earned": lambda d: setattr(d.DeidentificationMethodCodeSequence[1], "CodeValue", "113105"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPORT_DAMAGE)
def test_what_a_finished_report_may_not_hold_is_seen_from_the_file_alone(tmp_path: Path, name: str) -> None:
    data = left(report(tmp_path / "in.dcm", WHOLE))
    REPORT_DAMAGE[name](data)
    assert documents.allowed(data, BOTH) != []


DRAWING_DAMAGE: dict[str, Callable[[Dataset], object]] = {
    "a layer's name": lambda d: setattr(d.GraphicAnnotationSequence[0], "GraphicLayer", "ISOLDE"),
    "a description": lambda d: setattr(d.GraphicLayerSequence[0], "GraphicLayerDescription", "x"),
    "a text": lambda d: setattr(
        d.GraphicAnnotationSequence[0].TextObjectSequence[0], "UnformattedTextValue", "Isolde"
    ),
    "a group": lambda d: setattr(
        d.GraphicAnnotationSequence[0].GraphicObjectSequence[0], "GraphicGroupID", 4
    ),
    "a creator": lambda d: setattr(d, "ContentCreatorName", "A^B"),
    "a label": lambda d: setattr(d, "ContentLabel", "ISOLDE"),
    "a profile of colours": lambda d: setattr(d, "ICCProfile", b"Isolde"),
    "a true UID": lambda d: setattr(d.ReferencedSeriesSequence[0], "SeriesInstanceUID", "1.2.3"),
    "a title": lambda d: setattr(d.ReferencedSeriesSequence[0], "RetrieveAETitle", "X"),
    "another class": lambda d: setattr(
        d.ReferencedSeriesSequence[0].ReferencedImageSequence[0], "ReferencedSOPClassUID", papers.BASIC
    ),
}


@pytest.mark.parametrize("name", DRAWING_DAMAGE)
def test_what_a_finished_drawing_may_not_hold_is_seen_from_the_file_alone(tmp_path: Path, name: str) -> None:
    drawn = [annotation([("POINT", [5, 5])], ["liver"])]
    data = left(state(tmp_path / "in.dcm", [reference(STILL)], sop_class=papers.COLOUR, drawn=drawn))
    DRAWING_DAMAGE[name](data)
    assert documents.allowed(data, BOTH) != []


@pytest.mark.parametrize("options", [(), ("graphics",), ("descriptors",)])
def test_a_report_is_allowed_by_its_own_option_alone(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert documents.allowed(left(report(tmp_path / "in.dcm", WHOLE)), options) == ["SOPClassUID"]


# --------------------------------------------------------------------------------------------- any tree at all

_NAMES = st.sampled_from([
    FINDING, SITE, LENGTH, SECTION, COMMENT, None, ("121033", "DCM", "x"), ("112040", "DCM", "x"),
    ("110180", "DCM", "x"),
    ("KH4711823", "99ELORIA", "Isolde"), ("T-62000", "SRT", "Quillfeather"), ("G-C0E3", "SRT", "Wexcombe"),
])  # fmt: skip
_WORDS = st.lists(
    st.sampled_from([
        "liver", "left", "cyst", "12", "Isolde", "Quillfeather,", "KH4711823", "Zephyrine", "of", "Dr.", "Long", "the",
        "Brambletye's", "knee", "20240506", "3", "M.", "Oxenhope", "12.03.1971", "isolde", "QUILLFEATHER",
    ]),
    max_size=6,
).map(" ".join)  # fmt: skip
_KINDS = st.sampled_from([
    "CONTAINER", "TEXT", "CODE", "NUM", "SCOORD", "SCOORD3D", "TCOORD", "IMAGE", "COMPOSITE", "UIDREF", "PNAME", "DATE",
    "DATETIME", "TIME", "WAVEFORM", "TABLE", "",
])  # fmt: skip
_USUAL = {
    "CONTAINER": "CONTAINS", "TEXT": "CONTAINS", "CODE": "CONTAINS", "NUM": "CONTAINS", "IMAGE": "CONTAINS",
    "COMPOSITE": "CONTAINS", "SCOORD": "INFERRED FROM", "TCOORD": "INFERRED FROM", "UIDREF": "HAS OBS CONTEXT",
}  # fmt: skip
_RELATIONS = st.sampled_from([
    "CONTAINS", "HAS PROPERTIES", "INFERRED FROM", "SELECTED FROM", "HAS CONCEPT MOD", "HAS OBS CONTEXT",
    "HAS ACQ CONTEXT", "QUILLFEATHER", "",
])  # fmt: skip
_POINTS = st.lists(
    st.sampled_from([0.0, 1.5, 19.710312, 100.0, 149.999, 200.0, 201.0, -1.0, 4711823.0]), max_size=8
)


@st.composite
def items(draw: st.DrawFn, deeper: int = 3) -> Dataset:
    kind = draw(_KINDS)
    relation = draw(st.one_of(st.just(_USUAL.get(kind, "CONTAINS")), _RELATIONS))
    values: dict[str, object] = {}
    if kind == "TEXT":
        values["TextValue"] = draw(_WORDS)
    elif kind == "CODE":
        values["value"] = draw(_NAMES.filter(bool))
    elif kind == "NUM":
        values["number"] = draw(
            st.sampled_from(["1", "0.5", "31.415926535", "4711823", "19710312", "1E4", "-7"])
        )
        values["unit"] = draw(
            st.sampled_from([papers.MILLIMETRE, ("Isolde", "UCUM", "x"), ("a", "UCUM", "x")])
        )
    elif kind in ("SCOORD", "SCOORD3D"):
        values["GraphicType"] = draw(st.sampled_from(["POINT", "POLYLINE", "CIRCLE", "ISOLDE", "MULTIPOINT"]))
        values["GraphicData"] = draw(_POINTS)
        if kind == "SCOORD3D":
            values["ReferencedFrameOfReferenceUID"] = "1.2.3.4.66.4"
    elif kind == "TCOORD":
        values["TemporalRangeType"] = draw(st.sampled_from(["POINT", "SEGMENT", "ISOLDE"]))
        values["ReferencedTimeOffsets"] = [f"{v:g}" for v in draw(_POINTS)]
    elif kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        uid = draw(st.sampled_from([LOOP, STILL, ELSEWHERE, NOT_LEAVING]))
        values["image"] = (uid, draw(st.lists(st.integers(-1, 7), max_size=3)))
    elif kind == "UIDREF":
        values["UID"] = draw(st.sampled_from(["1.2.3.4.66.1", "1.2.3.4.5001", "Isolde"]))
    elif kind == "PNAME":
        values["PersonName"] = "Thistlewood^Odo"
    elif kind in ("DATE", "TIME", "DATETIME"):
        values[{"DATE": "Date", "TIME": "Time", "DATETIME": "DateTime"}[kind]] = (
            "101112" if kind == "TIME" else "20240506"
        )
    below = draw(st.lists(items(deeper - 1), max_size=3)) if deeper else []
    if kind in ("SCOORD", "TCOORD"):
        below.append(item("IMAGE", "SELECTED FROM", image=draw(st.sampled_from([LOOP, STILL, NOT_LEAVING]))))
    return item(kind, relation, draw(_NAMES), below, **values)


@given(
    st.lists(items(), min_size=1, max_size=5),
    st.sampled_from([*papers.REPORTS, papers.KEYS]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_document_holds_it_leaves_valid_and_without_anybodys_word(
    tmp_path_factory: pytest.TempPathFactory, content_items: list[Dataset], sop_class: UID, image: bool
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    told = [*content_items, *([item("IMAGE", "CONTAINS", image=STILL)] if image else [])]
    path = report(folder / "in.dcm", told, sop_class=sop_class)
    if isinstance(built(path), Refusal):
        assert not image, "with an image that leaves there is always something to tell"
        return
    data = left(path)
    for each in data.iterall():
        if each.keyword == "CodeMeaning":
            assert "Isolde" not in each.value


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_presentation_state_draws_it_leaves_valid_and_without_anybodys_word(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    pointed = st.lists(
        st.builds(
            reference,
            st.sampled_from([LOOP, STILL, ELSEWHERE, NOT_LEAVING]),
            st.lists(st.integers(-1, 7), max_size=2),
        ),
        max_size=3,
    )
    shapes = st.lists(
        st.tuples(st.sampled_from(["POINT", "POLYLINE", "CIRCLE", "ELLIPSE", "ISOLDE"]), _POINTS), max_size=3
    )
    drawn = data.draw(
        st.lists(
            st.builds(
                annotation,
                shapes,
                st.lists(_WORDS, max_size=2),
                layer=st.sampled_from(["QUILLFEATHER", "WEXCOMBE", "NEW"]),
                images=pointed,
                units=st.sampled_from(["PIXEL", "DISPLAY", "MATRIX", "ISOLDE"]),
            ),
            max_size=4,
        )
    )
    path = state(
        tmp_path_factory.mktemp("state") / "in.dcm",
        data.draw(pointed),
        sop_class=data.draw(st.sampled_from([papers.GREY, papers.COLOUR])),
        drawn=drawn,
        ImageRotation=data.draw(st.sampled_from([0, 90, 45])),
        ImageHorizontalFlip="Y",
    )
    if not isinstance(built(path), Refusal):
        left(path)


# ------------------------------------------------------------------------------------------------- in a set

PERSON = {
    "PatientName": papers.WHO, "PatientID": "KH4711823", "PatientBirthDate": "19710312", "StudyDate": "20240506",
    "StudyInstanceUID": "1.2.3.4.5001", "SeriesInstanceUID": "1.2.3.4.5002",
}  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Two cases of one patient: pictures that leave and one that does not, and documents of every kind about them."""
    folder = tmp_path_factory.mktemp("documents")
    loop = scan(folder / "loop.dcm", 1, regions=True, SOPInstanceUID=LOOP, **PERSON)
    kept_in = scan(folder / "in.dcm", 2, SOPInstanceUID=NOT_LEAVING, **PERSON)
    other = scan(folder / "other.dcm", 3, regions=True, SOPInstanceUID=ELSEWHERE, **PERSON)
    told = [*WHOLE, item("IMAGE", "CONTAINS", image=ELSEWHERE)]
    sr = report(folder / "sr.dcm", told)
    keys = report(
        folder / "keys.dcm", [item("IMAGE", "CONTAINS", image=LOOP)], sop_class=papers.KEYS, uid="1.2.3.4.7002",
        title=("113000", "DCM", "x"),
    )  # fmt: skip
    drawn = [annotation([("CIRCLE", [50, 50, 50, 60])], ["liver of Isolde"])]
    grey = state(folder / "grey.dcm", [reference(LOOP), reference(NOT_LEAVING)], drawn=drawn)
    empty = report(
        folder / "empty.dcm", [item("TEXT", "CONTAINS", COMMENT, TextValue="Isolde")], uid="1.2.3.4.7003"
    )
    pdf = report(folder / "pdf.dcm", [], uid="1.2.3.4.7004", context=False)
    encapsulated = dcmread(pdf)
    encapsulated.SOPClassUID = encapsulated.file_meta.MediaStorageSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.104.1"
    )
    encapsulated.EncapsulatedDocument, encapsulated.MIMETypeOfEncapsulatedDocument = (
        b"%PDF-1.4",
        "application/pdf",
    )
    encapsulated.save_as(pdf)
    made = Archive.create(folder / "archive")
    cases = folder / "cases"
    case(cases, "one", loop, kept_in, sr, keys, grey, empty, pdf)
    case(cases, "two", other)
    assert made.ingest([cases], workers=0).failed == 0
    return made


@needs_detector
def test_without_the_options_documents_stay_in_and_it_is_said_who_can_let_them_out(
    archive: Archive, tmp_path: Path
) -> None:
    made = archive.export(["one", "two"], formats=["folder"], to=tmp_path)
    assert (made.clips, made.documents) == (2, 0)
    why = {w.media: w for w in made.withheld}
    for media, option in (("M3", BOTH[0]), ("M4", BOTH[0]), ("M5", BOTH[1]), ("M6", BOTH[0])):
        assert option in why[media].reason and f"--option {option}" in why[media].decide
    assert "Comprehensive SR" in why["M3"].reason
    assert "Encapsulated PDF" in why["M7"].reason and "nobody" in why["M7"].decide


@needs_detector
def test_a_set_with_its_documents_leaves_is_checked_and_comes_in_again(
    archive: Archive, tmp_path: Path
) -> None:
    made = archive.export(["one", "two"], formats=["folder", "html"], to=tmp_path, options=BOTH)
    assert (made.cases, made.clips, made.documents) == (2, 2, 3)
    assert {w.media for w in made.withheld} == {"M2", "M6", "M7"}
    assert made.folder is not None and Archive.verify_export(made.folder) == ()
    files = {p.stem: p for p in (made.folder / "folder" / "one").glob("*.dcm")}
    assert set(files) == {"M1", "M3", "M4", "M5"}
    raw = b"".join(p.read_bytes() for p in made.folder.rglob("*") if p.is_file())
    assert not [word for word in PLANTED if word.encode() in raw]
    image, sr, keys, grey = (dcmread(files[name]) for name in ("M1", "M3", "M4", "M5"))
    other = dcmread(made.folder / "folder" / "two" / "M1.dcm")
    for document in (sr, keys, grey):
        for keyword in (
            "PatientID",
            "PatientName",
            "StudyInstanceUID",
            "StudyDate",
            "DeidentificationMethod",
        ):
            assert document[keyword].value == image[keyword].value
    there = {image.SOPInstanceUID, other.SOPInstanceUID}
    assert {uid for uid, _, _ in documents.pointed_at(sr)} == there, "also in another case of the set"
    assert {uid for uid, _, _ in documents.pointed_at(keys)} == {image.SOPInstanceUID}
    assert {uid for uid, _, _ in documents.pointed_at(grey)} == {image.SOPInstanceUID}
    assert all(complaints(path) == [] for path in files.values())
    again = Archive.create(tmp_path / "again")
    assert again.ingest([made.folder / "folder"], workers=0).failed == 0
    assert [m.id for m in again.show("one").case.media] == ["M1", "M3", "M4", "M5"]


@needs_detector
def test_pages_leave_documents_out_and_nothing_says_that_they_left(archive: Archive, tmp_path: Path) -> None:
    made = archive.export(["one"], formats=["html"], to=tmp_path, options=BOTH)
    assert made.documents == 0 and made.folder is not None and Archive.verify_export(made.folder) == ()
    paper = json.loads((made.folder / "certificate.json").read_text("utf-8"))
    assert paper["documents"] == [] and paper["profile"]["options"] == list(BOTH)
    last = [e for e in archive.log() if e.event == "exported"][-1]
    assert set(last.details["clips"]["one"]) == {"M1"}


@needs_detector
def test_documents_do_not_point_to_a_case_that_would_tell_its_answer(
    archive: Archive, tmp_path: Path
) -> None:
    """A page that hides answers leaves out a case whose quiz title tells it, and so its pictures are not there."""
    shutil.copytree(archive.path, tmp_path / "archive")
    mine = Archive.open(tmp_path / "archive")
    mine.edit("two", {"quiz_title": "A tear of the calf"})
    made = mine.export(["one", "two"], formats=["folder", "html"], to=tmp_path, options=BOTH)
    assert made.cases == 1 and made.folder is not None and Archive.verify_export(made.folder) == ()
    image, sr = (dcmread(made.folder / "folder" / "one" / f"{name}.dcm") for name in ("M1", "M3"))
    assert {uid for uid, _, _ in documents.pointed_at(sr)} == {image.SOPInstanceUID}


def test_an_image_of_which_two_different_files_claim_the_name_is_pointed_to_by_nobody() -> None:
    one = {LOOP: IMAGES[LOOP], STILL: IMAGES[STILL]}
    again = {LOOP: replace(IMAGES[LOOP], frames=7)}
    assert leaving.together([one, again, one]) == {STILL: IMAGES[STILL]}


@needs_detector
def test_the_certificate_tells_of_documents_and_is_held_against_them(
    archive: Archive, tmp_path: Path
) -> None:
    from jsonschema import Draft202012Validator

    from casearchive import deid
    from casearchive.deid import certificate

    made = archive.export(["one", "two"], formats=["folder"], to=tmp_path, options=BOTH)
    assert made.folder is not None
    paper = json.loads((made.folder / "certificate.json").read_text("utf-8"))
    schema = json.loads(resources.files(deid).joinpath(certificate.SCHEMA).read_text("utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(paper)) == []
    told = {d["ref"]: d for d in paper["documents"]}
    assert told["M3"]["kept"]["NUM"] == 1 and told["M3"]["dropped"]["PNAME"] == 2
    assert told["M5"]["kept"] == {"area": 1, "graphic": 1, "image": 1, "text": 1}
    assert "ContentSequence" in told["M3"]["attributes"]["made"]
    page = (made.folder / "certificate.html").read_text("utf-8")
    assert "Comprehensive SR" in page and "1 NUM" in page

    target = made.folder / "folder" / "one" / "M3.dcm"
    good = target.read_bytes()

    def after(change: Callable[[Dataset], object]) -> str:
        """What is said of a report that somebody changed, with a certificate that he made fit it."""
        data = dcmread(target)
        change(data)
        documents.write(data, target)
        forged = json.loads(json.dumps(paper))
        for entry in (*forged["files"], *forged["documents"]):
            if entry.get("document") == "one/M3" or entry.get("ref") == "M3":
                entry["sha256"] = certificate.file_hash(target)
                entry.update({"bytes": target.stat().st_size} if "bytes" in entry else {})
        forged["page_sha256"] = paper["page_sha256"]
        forged["seal"] = certificate.seal(forged)
        (made.folder / "certificate.json").write_text(json.dumps(forged), "utf-8")  # type: ignore[operator]
        said = " | ".join(Archive.verify_export(made.folder))  # type: ignore[arg-type]
        target.write_bytes(good)
        return said

    assert "CodeMeaning is not allowed" in after(
        lambda d: setattr(d.ConceptNameCodeSequence[0], "CodeMeaning", "Isolde")
    )
    assert "does not hold what the certificate says" in after(
        lambda d: d.ContentSequence[0].ContentSequence.append(item_of_ours())
    )
    assert "not there" in after(_point_elsewhere)


def item_of_ours() -> Dataset:
    """An item that the rules allow."""
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", "CODE"
    for keyword, code in (("ConceptNameCodeSequence", FINDING), ("ConceptCodeSequence", LIVER)):
        standard = codes.standard(Coded(*code[:2]))
        assert standard is not None
        setattr(made, keyword, Sequence([standard.item()]))
    return made


def _point_elsewhere(data: Dataset) -> None:
    for element in data.iterall():
        if element.keyword == "ReferencedSOPInstanceUID":
            element.value = "2.25.7"


@needs_detector
def test_documents_alone_are_no_case(archive: Archive, tmp_path: Path) -> None:
    """A case of which no picture leaves stays in with its documents."""
    folder = tmp_path / "more"
    case(folder, "three", report(tmp_path / "sr.dcm", WHOLE))
    mine = Archive.create(tmp_path / "archive")
    assert mine.ingest([folder], workers=0).failed == 0
    with pytest.raises(ReviewNeeded, match="nothing was released"):
        mine.export(["three"], formats=["folder"], to=tmp_path / "out", options=BOTH)


def test_a_document_that_a_person_refused_stays_in(tmp_path: Path) -> None:
    clip = open_clip(report(tmp_path / "in.dcm", WHOLE), "0" * 64)
    clip.close()
    theirs = replace(CASE, media=(Media("M1"), Media("M2")), author=Author("A. Teacher"))
    taught = TeachingCase(replace(theirs, media=()), ())
    (tmp_path / "liver").mkdir()

    def passed(*decisions: Decision) -> tuple[TeachingCase, tuple[object, ...]]:
        return airlock.pass_documents(
            taught,
            theirs,
            {"M2": clip.facts},
            IMAGES,
            clip.facts.identifiers,
            Pseudonyms(SECRET, "set"),
            tmp_path,
            Choice(BOTH),
            dict.fromkeys(("M2",), decisions[0]) if decisions else {},
        )

    refused, why = passed(Decision(REFUSE, "A. Teacher", "2026-01-01"))
    assert refused.documents == () and len(why) == 1 and not list((tmp_path / "liver").iterdir())
    made, why = passed()
    assert [d.ref for d in made.documents] == ["M2"] and why == ()
    assert [m.id for m in made.case.media] == ["M2"]


def test_codes_are_the_tables_own() -> None:
    assert codes.standard(Coded("10200004", "SCT")) == codes.Standard("10200004", "SCT", "Liver")
    assert codes.standard(Coded("T-62000", "SRT")) == codes.standard(Coded("10200004", "SCT"))
    assert codes.standard(Coded("10200004", "99SCT")) is None
    assert all(codes.standard(Coded(value, scheme)) for scheme, value in codes._table())
    assert all(len(value) <= 16 and 0 < len(meaning) <= 64 for (_, value), meaning in codes._table().items())
    assert codes.standard(content.REPORT) and codes.standard(content.OF_INTEREST)
    assert all(codes.standard(code) for code in content.UIDS)


def test_every_kind_of_object_has_an_option_and_a_code_that_it_alone_earns() -> None:
    assert {(k.option, k.code) for k in profile().kinds} == {(BOTH[0], "113104"), (BOTH[1], "113103")}
    for kind in profile().kinds:
        current = profile().under(BOTH).of(kind.name)
        assert "PixelData" not in current.keywords and "113101" not in current.always
