"""What goes out as DICOM media opens everywhere, says the same as the record, and leaves no pixel behind."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import thigh
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from teachingsets import CASES, a_set, clip, full_case, full_set, speckle

from casearchive import Archive
from casearchive.errors import UsageError
from casearchive.exporters import dicom, exporter
from casearchive.exporters._dicom.codes import of_term
from casearchive.exporters._dicom.lossless import encoded
from casearchive.exporters._dicom.presentation import srgb
from casearchive.model import Case, Evidence, Finding, Measurement, Media
from casearchive.teaching import UNSAID, TeachingCase, TeachingDocument, TeachingSet
from casearchive.terms.coding import LOCAL

ORTHANC = shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
GREY_STATE, COLOUR_STATE = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2"


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} ({package}) is not installed")


def made(teaching: TeachingSet, target: Path, **options: str) -> Path:
    target.mkdir()
    dicom.export(teaching, target, options)
    return target


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full case on media."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "staging").mkdir()
    return made(full_set(folder / "staging"), folder / "out")


def files(media: Path) -> list[Path]:
    return sorted(
        p for p in media.rglob("*") if p.is_file() and not p.name.startswith(("DICOMDIR", "README"))
    )


def directory(path: Path) -> dict[Path, str]:
    """What a DICOMDIR names, by following its offsets as a reader of discs does: files and their SOP Instance UIDs."""
    dataset = dcmread(path)
    at = {record.seq_item_tell: record for record in dataset.DirectoryRecordSequence}

    def below(offset: int) -> Iterator[Dataset]:
        while offset:
            yield at[offset]
            yield from below(at[offset].OffsetOfReferencedLowerLevelDirectoryEntity)
            offset = at[offset].OffsetOfTheNextDirectoryRecord

    found = [*below(dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity)]
    assert len(found) == len(at), "each record is reached, and once"
    named = [record for record in found if "ReferencedFileID" in record]
    return {path.parent.joinpath(*r.ReferencedFileID): r.ReferencedSOPInstanceUIDInFile for r in named}


def objects(media: Path, modality: str) -> list[Dataset]:
    return [d for d in map(dcmread, files(media)) if d.Modality == modality]


def items(dataset: Dataset, meaning: str) -> list[Dataset]:
    """All content items of a concept name, at any depth."""
    found = []
    for item in dataset.get("ContentSequence", ()):
        if meaning in [name.CodeMeaning for name in item.get("ConceptNameCodeSequence", ())]:
            found.append(item)
        found += items(item, meaning)
    return found


def titled(media: Path, meaning: str) -> Dataset:
    (found,) = [d for d in map(dcmread, files(media)) if "ConceptNameCodeSequence" in d
                and d.ConceptNameCodeSequence[0].CodeMeaning == meaning]  # fmt: skip
    return found


def value(item: Dataset) -> str:
    return item.TextValue if "TextValue" in item else item.ConceptCodeSequence[0].CodeMeaning


# ------------------------------------------------------------------------------------------------------ the media


def test_the_output_is_found_by_its_name() -> None:
    assert exporter("dicom").export is dicom.export


def test_every_file_is_in_the_directory_and_has_a_name_that_media_allow(media: Path) -> None:
    named = directory(media / "DICOMDIR")
    assert named == {path: dcmread(path).SOPInstanceUID for path in files(media)}
    for path in files(media):
        for part in path.relative_to(media).parts:
            assert len(part) <= 8 and part.isascii() and part.isalnum() and part == part.upper()


def test_the_tree_is_patient_study_series(media: Path) -> None:
    records = dcmread(media / "DICOMDIR").DirectoryRecordSequence
    kinds = [record.DirectoryRecordType for record in records]
    assert kinds[:3] == ["PATIENT", "STUDY", "SERIES"]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "IMAGE": 2, "KEY OBJECT DOC": 1, "PATIENT": 1, "PRESENTATION": 2, "SERIES": 6, "SR DOCUMENT": 2, "STUDY": 1,
    }  # fmt: skip


def test_the_directory_tells_nothing_of_what_a_report_says(media: Path) -> None:
    text = (media / "DICOMDIR").read_bytes()
    assert b"quietly frayed" not in text
    assert not any(
        "ContentSequence" in record for record in dcmread(media / "DICOMDIR").DirectoryRecordSequence
    )


def test_the_pixels_are_those_of_the_airlock_and_cine_is_whole(media: Path) -> None:
    moving, still = objects(media, "US")
    assert (moving.NumberOfFrames, moving.SOPInstanceUID, still.SOPInstanceUID) == (5, "2.25.301", "2.25.302")
    assert moving.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    shown = [pixel_array(BytesIO(_plain_syntax(one)), raw=True) for one in (moving, still)]
    wanted = [np.stack([s.frame(n + 1) for n in range(len(s))]) for s in (speckle(5), speckle(1, seed=2))]
    np.testing.assert_array_equal(shown[0], wanted[0])
    np.testing.assert_array_equal(shown[1], wanted[1][0])


def _plain_syntax(dataset: Dataset) -> bytes:
    """The object uncompressed; Pillow decodes lossless JPEG, pydicom only does not ask it to."""
    from pydicom.encaps import generate_frames

    count = int(dataset.get("NumberOfFrames") or 1)
    frames = [np.asarray(Image.open(BytesIO(data)))
              for data in generate_frames(dataset.PixelData, number_of_frames=count)]  # fmt: skip
    dataset.PixelData = np.stack(frames).tobytes()
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_files_may_stay_as_the_airlock_made_them(staging: Path, tmp_path: Path) -> None:
    teaching = full_set(staging)
    out = made(teaching, tmp_path / "out", coding="jpeg2000")
    kept = [path.read_bytes() for path in files(out) if path.name.startswith("IM")]
    assert kept == [one.dicom.read_bytes() for one in teaching.cases[0].clips]
    study = next(
        r for r in dcmread(out / "DICOMDIR").DirectoryRecordSequence if r.DirectoryRecordType == "STUDY"
    )
    assert (study.StudyTime, study.StudyID) == ("000000", "1")


def test_what_an_object_leaves_empty_is_said_without_telling_anything(staging: Path, tmp_path: Path) -> None:
    one = clip(staging, "M1", speckle(1), date=None, number=None)
    out = made(a_set(TeachingCase(Case("c", "C", media=(Media("M1"),)), (one,))), tmp_path / "out")
    for dataset in map(dcmread, files(out)):
        assert {keyword: dataset.get(keyword) for keyword in UNSAID} == UNSAID
    records = dcmread(out / "DICOMDIR").DirectoryRecordSequence
    image = next(r for r in records if r.DirectoryRecordType == "IMAGE")
    assert image.InstanceNumber == 1


def test_an_image_of_two_cases_is_one_image(staging: Path, tmp_path: Path) -> None:
    one = clip(staging, "M1", speckle(1), uid="2.25.7")
    first = TeachingCase(Case("a", "A", media=(Media("M1"),)), (one,))
    second = TeachingCase(Case("b", "B", media=(Media("P3"),), findings=(Finding("F1", "tear"),)),
                          (replace(one, ref="P3"),))  # fmt: skip
    out = made(a_set(first, second), tmp_path / "out")
    assert len(objects(out, "US")) == 1
    assert len(objects(out, "KO")) == 2
    assert len({d.SOPInstanceUID for d in map(dcmread, files(out))}) == len(files(out))


def test_the_same_set_gives_the_same_bytes_and_another_word_another_object(
    staging: Path, tmp_path: Path
) -> None:
    teaching = full_set(staging)
    one, two = made(teaching, tmp_path / "one"), made(teaching, tmp_path / "two")
    assert [p.read_bytes() for p in files(one)] == [p.read_bytes() for p in files(two)]
    assert (one / "DICOMDIR").read_bytes() == (two / "DICOMDIR").read_bytes()
    (taught,) = teaching.cases
    changed = replace(taught, case=replace(taught.case, title="Another title"))
    three = made(a_set(changed), tmp_path / "three")
    before, after = objects(one, "KO")[0], objects(three, "KO")[0]
    assert before.SOPInstanceUID != after.SOPInstanceUID
    assert before.SeriesInstanceUID == after.SeriesInstanceUID


def test_objects_of_two_sets_have_nothing_in_common_that_links_them(staging: Path, tmp_path: Path) -> None:
    """The airlock gives the same image other UIDs in another set; so everything made of it has others, too."""
    case = full_case()

    def taught(start: int) -> TeachingCase:
        root = f"2.25.{start}"
        clips = (
            clip(staging, "M1", speckle(5), uid=f"{root}1", study=f"{root}3", series=f"{root}4", patient=f"CA-{start}"),
            clip(staging, "M2", speckle(1), uid=f"{root}2", study=f"{root}3", series=f"{root}4", patient=f"CA-{start}"),
        )  # fmt: skip
        return TeachingCase(case, clips)

    def uids(media: Path) -> set[str]:
        return {str(e.value) for p in files(media) for e in dcmread(p).iterall()
                if e.VR == "UI" and str(e.value).startswith("2.25.")}  # fmt: skip

    one, two = made(a_set(taught(5)), tmp_path / "one"), made(a_set(taught(6)), tmp_path / "two")
    assert not uids(one) & uids(two)


@pytest.mark.parametrize(("name", "value"), [("codes", "sct"), ("coding", "gif"), ("codes", "")])
def test_an_option_that_is_not_known_is_refused_with_those_that_are(
    name: str, value: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="not known") as told:
        dicom.export(a_set(), tmp_path, {name: value})
    assert f"{name}=" in str(told.value.hint)


def test_a_case_without_pictures_is_named_in_the_note(tmp_path: Path) -> None:
    out = made(a_set(TeachingCase(Case("words-only", "W"), ())), tmp_path / "out")
    assert [path.name for path in out.iterdir()] == ["README.TXT"]
    assert "words-only" in (out / "README.TXT").read_text("utf-8")


def test_documents_that_came_with_the_images_are_filed_as_they_are_and_named(
    media: Path, staging: Path, tmp_path: Path
) -> None:
    theirs = next(path for path in files(media) if path.name.startswith("SR"))
    paper = TeachingDocument("D1", "Comprehensive SR", shutil.copy(theirs, tmp_path / "paper.dcm"))
    (taught,) = full_set(staging).cases
    case = replace(taught.case, findings=taught.case.findings[:1])
    out = made(a_set(replace(taught, case=case, documents=(paper,))), tmp_path / "out")
    assert theirs.read_bytes() in [path.read_bytes() for path in files(out)]
    uid = dcmread(theirs).SOPInstanceUID
    assert uid in directory(out / "DICOMDIR").values()
    (manifest,) = objects(out, "KO")
    named = [e.value for e in manifest.iterall() if e.keyword == "ReferencedSOPInstanceUID"]
    assert named.count(uid) == 2, "in the tree and among the evidence"


def test_an_image_that_a_case_shows_twice_is_named_once_and_drawn_twice(
    staging: Path, tmp_path: Path
) -> None:
    one = clip(staging, "M1", speckle(5), uid="2.25.7")
    out = made(a_set(TeachingCase(full_case(), (one, replace(one, ref="M2")))), tmp_path / "out")
    assert (len(objects(out, "US")), len(objects(out, "PR"))) == (1, 2)
    (manifest,) = objects(out, "KO")
    assert [item.ValueType for item in manifest.ContentSequence].count("IMAGE") == 1


# ------------------------------------------------------------------------------------------------------ the report


def test_the_report_holds_findings_with_site_side_and_certainty(media: Path) -> None:
    report = titled(media, "Imaging Measurement Report")
    assert (report.SOPClassUID, report.ContentTemplateSequence[0].TemplateIdentifier) == (
        "1.2.840.10008.5.1.4.1.1.88.33", "1500",
    )  # fmt: skip
    groups = items(report, "Measurement Group")
    tracked = [value(items(group, "Tracking Identifier")[0]) for group in groups]
    assert tracked == ["F1", "F1", "F2", "F3", "F4", "F5", "measurement 3"]
    first = groups[0]
    assert first.ContentTemplateSequence[0].TemplateIdentifier == "1410"
    assert value(items(first, "Finding")[0]) == "complete tear"
    (site,) = items(first, "Finding Site")
    assert [value(item) for item in items(site, "Laterality")] == ["Right"]
    assert value(items(first, "Severity")[0]) == "Severe"
    assert value(items(first, "Certainty")[0]) == "Present"
    uids = [items(group, "Tracking Unique Identifier")[0].UID for group in groups]
    assert uids[0] == uids[1] and len(set(uids)) == 6


def test_a_region_lies_where_the_record_says_and_on_its_frames(media: Path) -> None:
    """Half a pixel: a record counts middles of pixels, DICOM their corners (PS3.3 C.18.6)."""
    report = titled(media, "Imaging Measurement Report")
    box, ellipse, point = items(report, "Image Region")
    assert list(box.GraphicData) == [10.5, 10.5, 40.5, 10.5, 40.5, 30.5, 10.5, 30.5, 10.5, 10.5]
    assert list(box.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber) == [2, 3, 4]
    assert (ellipse.GraphicType, list(ellipse.GraphicData)) == (
        "ELLIPSE", [10.5, 14.5, 30.5, 14.5, 20.5, 8.5, 20.5, 20.5],
    )  # fmt: skip
    assert "ReferencedFrameNumber" not in ellipse.ContentSequence[0].ReferencedSOPSequence[0]
    assert (point.GraphicType, list(point.GraphicData)) == ("POINT", [50.5, 20.5])


def test_a_measurement_has_value_unit_and_the_points_it_was_taken_from(media: Path) -> None:
    report = titled(media, "Imaging Measurement Report")
    (gap,) = items(report, "Distance")
    measured = gap.MeasuredValueSequence[0]
    assert (measured.NumericValue, measured.MeasurementUnitsCodeSequence[0].CodeValue) == (31, "mm")
    (path,) = items(gap, "Path")
    assert (path.RelationshipType, list(path.GraphicData)) == ("INFERRED FROM", [10.5, 20.5, 40.5, 20.5])
    assert path.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == 3
    assert value(items(gap, "Short Label")[0]) == "gap on contraction (right): 31 mm"
    (area,) = items(report, "Area")
    assert area.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "mm2"


def test_what_was_excluded_is_no_finding(media: Path) -> None:
    """Whoever collects Finding (121071, DCM) from reports must not meet a tear that is not there."""
    report = titled(media, "Imaging Measurement Report")
    assert {value(item) for item in items(report, "Finding")} == {
        "complete tear", "retraction of the ends", "a felted look", "Hematoma",
    }  # fmt: skip
    (excluded,) = items(report, "Finding that was looked for and is absent")
    assert value(excluded) == "tear"


def test_words_that_no_vocabulary_has_stay_words(media: Path) -> None:
    report = titled(media, "Imaging Measurement Report")
    (own,) = [item for item in items(report, "Finding") if item.ValueType == "TEXT"]
    assert own.TextValue == "a felted look"
    assert "the velvet sheath" in [value(item) for item in items(report, "Finding Site")]


def test_a_code_of_the_standard_means_exactly_the_concept() -> None:
    assert of_term("hematoma") == ("SCT", "35566002", "Hematoma")
    assert of_term("calf_vein") == (
        LOCAL,
        "calf_vein",
        "calf vein",
    )  # its codes are those of its several veins
    assert of_term("rectus_femoris") == ("MDC", "7:836", "Musculus rectus femoris")  # not that of one side
    assert of_term("no such thing") is None


def test_evidence_of_two_studies_is_in_both_manifests_which_name_each_other(
    staging: Path, tmp_path: Path
) -> None:
    clips = (
        clip(staging, "M1", speckle(5), uid="2.25.1"),
        clip(staging, "M2", speckle(1), uid="2.25.2", study="2.25.900", series="2.25.901"),
    )
    out = made(a_set(TeachingCase(full_case(), clips)), tmp_path / "out")
    one, two = objects(out, "KO")
    assert {one.StudyInstanceUID, two.StudyInstanceUID} == {"2.25.100", "2.25.900"}
    for manifest, other in ((one, two), (two, one)):
        same = manifest.IdenticalDocumentsSequence[0]
        assert same.StudyInstanceUID == other.StudyInstanceUID
        assert same.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == (
            other.SOPInstanceUID
        )
        assert len(manifest.CurrentRequestedProcedureEvidenceSequence) == 2


def test_pictures_of_two_patients_never_share_a_document(staging: Path, tmp_path: Path) -> None:
    clips = (
        clip(staging, "M1", speckle(5), uid="2.25.1"),
        clip(
            staging,
            "M2",
            speckle(1),
            uid="2.25.2",
            study="2.25.9",
            series="2.25.8",
            patient="CA-OTHEROTHEROTHER",
        ),
    )
    out = made(a_set(TeachingCase(full_case(), clips)), tmp_path / "out")
    belongs = {d.SOPInstanceUID: d.PatientID for d in map(dcmread, files(out))}
    for dataset in map(dcmread, files(out)):
        for element in dataset.iterall():
            if element.keyword == "ReferencedSOPInstanceUID":
                assert belongs[element.value] == dataset.PatientID
    told = [value(items(g, "Tracking Identifier")[0])
            for d in objects(out, "SR") for g in items(d, "Measurement Group")]  # fmt: skip
    assert sorted(told).count("F4") == 1, "a finding without a picture is told once"


# ------------------------------------------------------------------------------------------------ the teaching file


def test_the_manifest_names_every_object_of_the_case(media: Path) -> None:
    (manifest,) = objects(media, "KO")
    title = manifest.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("TCE001", "IHERADTF")
    listed = {
        one.ReferencedSOPInstanceUID
        for study in manifest.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert listed == {d.SOPInstanceUID for d in map(dcmread, files(media))} - {manifest.SOPInstanceUID}
    assert value(items(manifest, "Key Object Description")[0]).startswith("Velvet")
    states = [i.ReferencedSOPSequence[0].ReferencedSOPSequence[0].ReferencedSOPClassUID
              for i in manifest.ContentSequence if i.ValueType == "IMAGE"]  # fmt: skip
    assert states == [COLOUR_STATE, COLOUR_STATE]


def test_the_words_of_the_case_are_the_teaching_file_and_no_address(media: Path) -> None:
    words = titled(media, "Additional Teaching File Information")
    told = {item.ConceptNameCodeSequence[0].CodeValue: value(item) for item in words.ContentSequence
            if item.ValueType in ("TEXT", "CODE")}  # fmt: skip
    assert told["TCE101"] == "Ada Invented"
    came = "Symptoms: weakness\r\n\r\nMechanism: sport"
    assert told["121060"] == f"Danced until dawn.\r\n\r\nLimped home.\r\n\r\n{came}"
    assert "quietly frayed" in told["TCE106"]
    assert (
        told["TCE107"] == "Complete tear of the right rectus femoris muscle, definite, confirmed by surgery"
    )
    assert (told["TCE109"], told["TCE110"], told["TCE111"]) == ("Musculoskeletal", "Advanced", "Yes")
    for path in files(media):
        assert b"ada@example" not in path.read_bytes()


def test_dicoms_own_codes_are_written_where_they_are_asked_for(staging: Path, tmp_path: Path) -> None:
    out = made(full_set(staging), tmp_path / "out", codes="dcm")
    (manifest,) = objects(out, "KO")
    assert manifest.ConceptNameCodeSequence[0].CodeValue == "128710"
    words = titled(out, "Additional Teaching File Information")
    assert words.ConceptNameCodeSequence[0].CodeValue == "128712"
    codes = [
        item.ConceptCodeSequence[0].CodeValue for item in words.ContentSequence if item.ValueType == "CODE"
    ]
    assert {"128728", "128727", "373066001"} <= set(codes)


# ------------------------------------------------------------------------------------------- the presentation state


def test_the_evidence_is_drawn_on_its_frames_in_layers_by_finding(media: Path) -> None:
    moving, still = objects(media, "PR")
    assert (moving.SOPClassUID, still.SOPClassUID) == (COLOUR_STATE, COLOUR_STATE)
    drawn = [
        (a.GraphicLayer, a.GraphicObjectSequence[0].GraphicType,
         a.ReferencedImageSequence[0].get("ReferencedFrameNumber"),
         a.TextObjectSequence[0].UnformattedTextValue)
        for a in moving.GraphicAnnotationSequence
    ]  # fmt: skip
    assert drawn == [
        ("FINDING 1", "POLYLINE", [2, 3, 4], "1 complete tear"),
        ("FINDING 2", "POLYLINE", 3, "2 probable retraction of the ends"),
        ("MEASUREMENTS", "POLYLINE", 3, "31 mm"),
    ]
    graphic = moving.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    assert list(graphic.GraphicData) == [10.5, 10.5, 40.5, 10.5, 40.5, 30.5, 10.5, 30.5, 10.5, 10.5]
    texts = [a.TextObjectSequence[0].UnformattedTextValue for a in still.GraphicAnnotationSequence]
    assert texts == ["1 complete tear", "3 no tear", "52.5 mm²"]
    layers = {layer.GraphicLayer: layer for layer in moving.GraphicLayerSequence}
    assert layers["FINDING 1"].GraphicLayerDescription.startswith("Complete tear of the right rectus")
    area = moving.DisplayedAreaSelectionSequence[0]
    assert (area.PresentationSizeMode, list(area.DisplayedAreaBottomRightHandCorner)) == (
        "SCALE TO FIT",
        [64, 48],
    )


def test_the_colour_profile_is_srgb_as_an_input_and_always_the_same() -> None:
    from PIL import ImageCms

    profile = srgb()
    assert profile[12:16] == b"scnr" and profile[24:36] == bytes((7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))


def test_an_image_on_which_nothing_is_drawn_has_no_presentation_state(staging: Path, tmp_path: Path) -> None:
    one = clip(staging, "M1", speckle(1))
    out = made(a_set(TeachingCase(Case("c", "C", media=(Media("M1"),)), (one,))), tmp_path / "out")
    assert objects(out, "PR") == []
    assert len(objects(out, "SR")) == 1, "the words alone: there is nothing to report"


def test_what_is_said_of_frames_that_a_clip_does_not_have_is_drawn_on_none(
    staging: Path, tmp_path: Path
) -> None:
    beyond = Evidence("M1", (9, 12), "line", ((5.0, 5.0), (20.0, 20.0)))
    case = Case(
        "c", "C", media=(Media("M1"),), findings=(Finding("F1", "tear", evidence=(beyond,)),),
        measurements=(Measurement("length", 3.0, "mm", "F1", media="M1", frame=9, points=beyond.points),),
    )  # fmt: skip
    out = made(a_set(TeachingCase(case, (clip(staging, "M1", speckle(4)),))), tmp_path / "out")
    assert objects(out, "PR") == []
    (report,) = [d for d in objects(out, "SR") if items(d, "Measurement Group")]
    assert not items(report, "Path") and len(items(report, "Length")) == 1


# ------------------------------------------------------------------------------------------------- lossless JPEG


@given(st.integers(1, 20), st.integers(1, 20), st.booleans(), st.data())
def test_a_frame_of_any_size_and_content_is_decoded_as_it_was(
    rows: int, columns: int, colour: bool, data: st.DataObject
) -> None:
    shape = (rows, columns, 3) if colour else (rows, columns)
    frame = data.draw(arrays.arrays(np.uint8, shape))
    coded = encoded(frame)
    assert len(coded) % 2 == 0
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(coded))), frame)


@pytest.mark.parametrize("colour", [True, False])
@needs("dcmdjpeg", "dcmtk")
def test_dcmtk_decodes_every_frame_as_it_was(colour: bool, staging: Path, tmp_path: Path) -> None:
    frames = speckle(3, colour=colour)
    out = made(a_set(TeachingCase(Case("c", "C", media=(Media("M1"),)), (clip(staging, "M1", frames),))),
               tmp_path / "out")  # fmt: skip
    (image,) = [path for path in files(out) if path.name.startswith("IM")]
    subprocess.run(["dcmdjpeg", str(image), str(tmp_path / "plain.dcm")], check=True, capture_output=True)
    shown = dcmread(tmp_path / "plain.dcm").pixel_array
    np.testing.assert_array_equal(shown, np.stack([frames.frame(n) for n in (1, 2, 3)]))


@needs("gdcmconv", "libgdcm-tools")
def test_gdcm_decodes_every_frame_as_it_was(staging: Path, tmp_path: Path) -> None:
    frames = speckle(2)
    out = made(a_set(TeachingCase(Case("c", "C", media=(Media("M1"),)), (clip(staging, "M1", frames),))),
               tmp_path / "out")  # fmt: skip
    (image,) = [path for path in files(out) if path.name.startswith("IM")]
    subprocess.run(
        ["gdcmconv", "--raw", str(image), str(tmp_path / "plain.dcm")], check=True, capture_output=True
    )
    shown = pixel_array(tmp_path / "plain.dcm", raw=True)
    np.testing.assert_array_equal(shown, np.stack([frames.frame(n) for n in (1, 2)]))


# ------------------------------------------------------------------------------------------------------ the judges


@needs("dciodvfy", "dicom3tools")
@pytest.mark.parametrize("options", [{}, {"codes": "dcm", "coding": "jpeg2000"}])
def test_dciodvfy_finds_no_error(options: dict[str, str], staging: Path, tmp_path: Path) -> None:
    out = made(full_set(staging), tmp_path / "out", **options)
    for path in [*files(out), out / "DICOMDIR"]:
        said = subprocess.run(
            ["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False
        )
        wrong = [
            line for line in (said.stdout + said.stderr).splitlines() if line.startswith(("Error", "Abort"))
        ]
        assert not wrong, (path.name, wrong)


@needs("dcmmkdir", "dcmtk")
def test_dcmmkdir_takes_every_file_for_usb_and_flash_media(media: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(media, tmp_path / "copy")
    (copy / "DICOMDIR").unlink()
    names = [path.relative_to(copy).as_posix() for path in files(copy)]
    said = subprocess.run(["dcmmkdir", "-Pfl", *names], cwd=copy, capture_output=True, text=True, check=False)
    assert said.returncode == 0 and "E:" not in said.stderr, said.stderr
    theirs, ours = directory(copy / "DICOMDIR"), directory(media / "DICOMDIR")
    assert set(theirs.values()) == set(ours.values())


@needs("dsrdump", "dcmtk")
def test_dsrdump_reads_every_document(media: Path) -> None:
    for path in files(media):
        if path.name.startswith(("SR", "KO")):
            said = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, check=False)
            assert said.returncode == 0 and "E:" not in said.stderr, said.stderr


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(case=CASES)
def test_any_record_makes_objects_that_read_back(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "staging").mkdir()
    clips = (clip(folder / "staging", "M1", speckle(4, rows=8, columns=9)),
             clip(folder / "staging", "M2", speckle(1, rows=8, columns=9)))  # fmt: skip
    out = made(a_set(TeachingCase(case, clips)), folder / "out")
    assert set(directory(out / "DICOMDIR")) == set(files(out))
    for dataset in map(dcmread, files(out)):
        for element in dataset.iterall():
            if element.keyword in ("TextValue", "UnformattedTextValue"):
                assert element.value and not set(element.value) & {"\0", "\x1b"}
            elif element.keyword == "GraphicData":
                across, down = element.value[::2], element.value[1::2]
                assert all(0 <= x <= 9 for x in across) and all(0 <= y <= 8 for y in down)
            elif element.keyword == "ReferencedFrameNumber":
                numbers = [element.value] if isinstance(element.value, int) else list(element.value)
                assert all(1 <= n <= 4 for n in numbers)
            elif element.VR in ("LO", "SH", "CS"):
                values = element.value if isinstance(element.value, list) else [element.value]
                assert all(len(str(v or "")) <= 64 for v in values)
    if shutil.which("dciodvfy"):
        for path in [p for p in files(out) if not p.name.startswith("IM")]:
            said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace",
                                  check=False)  # fmt: skip
            lines = (said.stdout + said.stderr).splitlines()
            assert not [line for line in lines if line.startswith(("Error", "Abort"))], path.name


# --------------------------------------------------------------------------------------------- the whole way, a PACS


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample case, let out by an archive."""
    folder = tmp_path_factory.mktemp("released")
    made = thigh.archive(folder).export([thigh.SLUG], formats=["dicom"], to=folder / "out")
    assert made.folder is not None
    return made.folder


def test_what_an_archive_lets_out_is_what_its_certificate_says(released: Path) -> None:
    """Also of the copies in another coding: their pixels are looked at, not only their bytes."""
    assert Archive.verify_export(released) == ()
    paper = json.loads((released / "certificate.json").read_text("utf-8"))
    clips = [entry["clip"] for entry in paper["files"] if "clip" in entry]
    assert clips == [f"{thigh.SLUG}/M1"]


def test_a_pixel_that_was_changed_is_found_although_the_hash_was_changed_with_it(
    released: Path, tmp_path: Path
) -> None:
    from casearchive.deid import certificate
    from casearchive.deid.encode import file_hash

    copy = shutil.copytree(released, tmp_path / "copy")
    paper = json.loads((copy / "certificate.json").read_text("utf-8"))
    entry = next(e for e in paper["files"] if e.get("clip", "").endswith("/M1"))
    path = copy / entry["path"]
    dataset = dcmread(path)
    from pydicom.encaps import encapsulate, generate_frames

    (data,) = generate_frames(dataset.PixelData, number_of_frames=1)
    frame = np.array(Image.open(BytesIO(data)))
    frame[200, 300] ^= 1
    dataset.PixelData = encapsulate([encoded(frame)])
    dataset.save_as(path, enforce_file_format=True)
    entry["sha256"], entry["bytes"] = file_hash(path), path.stat().st_size
    paper["seal"] = certificate.seal(paper)
    (copy / "certificate.json").write_text(json.dumps(paper), "utf-8")
    assert any("kept pixels of frame 1" in line for line in certificate.check(copy))


FIRST_FRAMES = {"2.25.301": speckle(5).frame(1), "2.25.302": speckle(1, seed=2).frame(1)}


@contextlib.contextmanager
def orthanc(folder: Path) -> Iterator[str]:
    """Orthanc with its database in ``folder``, answering to this machine alone, without plug-ins."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings_of = {
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "HttpPort": port, "Plugins": [],
        "DicomServerEnabled": False, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings_of), "utf-8")
    log = (folder / "orthanc.log").open("w")
    process = subprocess.Popen([str(ORTHANC), str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        base = f"http://127.0.0.1:{port}"
        while True:
            try:
                urllib.request.urlopen(f"{base}/system", timeout=60).read()
                break
            except urllib.error.URLError:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
                assert process.poll() is None, (folder / "orthanc.log").read_text()
        yield base
    finally:
        process.terminate()
        process.wait()
        log.close()


@pytest.mark.skipif(not ORTHANC, reason="Orthanc (Debian's package orthanc) is not installed")
def test_orthanc_takes_everything_shows_it_and_gives_it_back_unchanged(media: Path, tmp_path: Path) -> None:
    with orthanc(tmp_path) as base:

        def ask(path: str, data: bytes | None = None) -> bytes:
            with urllib.request.urlopen(urllib.request.Request(base + path, data), timeout=120) as answer:
                return bytes(answer.read())

        sent = files(media)
        for path in sent:
            taken = json.loads(ask("/instances", path.read_bytes()))
            assert taken["Status"] == "Success", path.name
            assert ask(f"/instances/{taken['ID']}/file") == path.read_bytes(), path.name
            if path.name.startswith("IM"):
                shown = Image.open(BytesIO(ask(f"/instances/{taken['ID']}/preview"))).convert("RGB")
                np.testing.assert_array_equal(np.asarray(shown), FIRST_FRAMES[dcmread(path).SOPInstanceUID])
        counts = json.loads(ask("/statistics"))
        assert (counts["CountPatients"], counts["CountStudies"], counts["CountInstances"]) == (
            1,
            1,
            len(sent),
        )
