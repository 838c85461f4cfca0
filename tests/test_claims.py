"""Promises about what a file is said to be: every source is kept, and sources that disagree are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers import NAME, RECORD, case_folder, dicom, picture
from pydicom.dataset import Dataset

from casearchive import Archive, claims, readers
from casearchive.cli import cli
from casearchive.model import Case, Claim, Evidence, Facts, Finding, Instance, Media, Series, Study, Subject

Run = Callable[..., Result]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


@pytest.fixture
def run(archive: Archive) -> Run:
    def call(*words: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["--archive", str(archive.path), *map(str, words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return call


def facts_of(path: Path) -> Facts:
    clip = readers.open_clip(path, "0" * 64)
    clip.close()
    return clip.facts


def code(value: str, meaning: str, scheme: str = "SCT", **more: object) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    for keyword, content in more.items():
        setattr(item, keyword, content)
    return item


def region(data_type: int = 1, spatial: int = 1, **more: object) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = spatial, data_type, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = 2, 2
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = 37, 27
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = 0.1
    for keyword, content in more.items():
        setattr(item, keyword, content)
    return item


def sides(found: tuple[Claim, ...]) -> set[tuple[str, str]]:
    return {(c.value, c.source) for c in found if c.what == "side"}


# ------------------------------------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("RF LT LAX", "left"),
        ("rt achilles", "right"),
        ("Knee R", "right"),
        ("THIGH_RT-long", "right"),
        ("Left shoulder, compared with the right", "bilateral"),
        ("bilateral knees", "bilateral"),
        ("L12-3 probe", ""),
        ("L4/L5", ""),
        ("LIVER", ""),
        ("median nerve", ""),
        ("", ""),
    ],
)
def test_a_series_text_names_the_side_the_way_sonographers_write_it(text: str, side: str) -> None:
    facts = Facts("dicom", Subject(), Study("1"), Series("1", series_description=text), Instance("1"))
    said = sides(claims.completed(facts, "").claims)
    assert said == ({(side, "SeriesDescription")} if side else set())


def test_the_name_of_a_file_counts_without_its_suffix() -> None:
    facts = Facts("clip", Subject(), Study("1"), Series("1"), Instance("1"))
    assert sides(claims.completed(facts, "calf_left.mp4").claims) == {("left", "file name")}
    assert sides(claims.completed(facts, "calf.r").claims) == set()


def test_an_attribute_made_for_the_side_is_believed_before_words_and_words_before_a_name() -> None:
    name = Claim("side", "left", "file name")
    words = Claim("side", "right", "SeriesDescription")
    made = Claim("side", "bilateral", "ImageLaterality")
    assert claims.side((name, words, made)) == "bilateral"
    assert claims.side((name, words)) == "right"
    assert claims.side((name,)) == "left"
    assert claims.side(()) == "unknown"


def test_both_sides_agree_with_either() -> None:
    both, left = Claim("side", "bilateral", "SeriesDescription"), Claim("side", "left", "Laterality")
    assert claims.disagreement((both, left)) == ""


def test_a_comparison_of_both_sides_contradicts_nobody() -> None:
    seen = (Evidence("M1"),)
    case = Case(
        "thigh",
        "Thigh",
        media=(Media("M1"),),
        findings=(
            Finding("F1", "atrophy", side="right", evidence=seen),
            Finding("F2", "tear", side="left", evidence=seen),
        ),
    )
    header = Claim("side", "right", "ImageLaterality")
    assert claims.disagreement((*claims.of_author(case, "M1"), header)) == ""
    one_side = replace(case, findings=case.findings[1:])
    assert "finding F2 of thigh" in claims.disagreement((*claims.of_author(one_side, "M1"), header))


def test_a_study_of_one_side_may_hold_clips_of_the_other() -> None:
    study, clip = Claim("side", "right", "StudyDescription"), Claim("side", "left", "SeriesDescription")
    assert claims.disagreement((study, clip)) == ""
    assert claims.side((study,)) == "right"


def test_what_is_claimed_twice_stays_the_same() -> None:
    facts = Facts("dicom", Subject(), Study("1"), Series("1", series_description="RT PD"), Instance("1"))
    once = claims.completed(facts, "left.dcm")
    assert claims.completed(once, "left.dcm") == once
    assert once.modes == ("power_doppler",)


# ------------------------------------------------------------------------------------------------ in headers


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"ImageLaterality": "R"}, {("right", "ImageLaterality")}),
        ({"Laterality": "L"}, {("left", "Laterality")}),
        ({"ImageLaterality": "B"}, {("bilateral", "ImageLaterality")}),
        ({"ImageLaterality": "X"}, set()),
        (
            {
                "AnatomicRegionSequence": [
                    code("68367000", "Thigh", AnatomicRegionModifierSequence=[code("7771000", "Left")])
                ]
            },
            {("left", "AnatomicRegionSequence")},
        ),
        (
            {
                "PrimaryAnatomicStructureSequence": [
                    code(
                        "T-1", "Tendon", PrimaryAnatomicStructureModifierSequence=[code("G-A100", "R", "SRT")]
                    )
                ]
            },
            {("right", "PrimaryAnatomicStructureSequence")},
        ),
    ],
)
def test_the_header_names_the_side_in_letters_and_in_codes(
    tmp_path: Path, more: dict[str, object], expected: set[tuple[str, str]]
) -> None:
    assert sides(facts_of(dicom(tmp_path / "a.dcm", **more)).claims) == expected


def test_anatomy_is_told_with_its_structure_and_what_modifies_it(tmp_path: Path) -> None:
    path = dicom(
        tmp_path / "a.dcm",
        AnatomicRegionSequence=[
            code("68367000", "Thigh", AnatomicRegionModifierSequence=[code("7771000", "Left")])
        ],
        PrimaryAnatomicStructureSequence=[code("13024002", "Rectus femoris")],
    )
    assert facts_of(path).instance.anatomic_region == "Thigh; Left; Rectus femoris"


def test_depth_is_the_headers_or_else_that_of_the_largest_scan_area(tmp_path: Path) -> None:
    regions = [region(), region(RegionLocationMaxY1=11)]
    both = facts_of(dicom(tmp_path / "a.dcm", DepthOfScanField="40", SequenceOfUltrasoundRegions=regions))
    assert both.instance.depth_of_scan_field == 40
    said = {(c.source, c.value) for c in both.claims if c.what == "depth_mm"}
    assert said == {("DepthOfScanField", "40"), ("SequenceOfUltrasoundRegions", "26")}
    silent = facts_of(dicom(tmp_path / "b.dcm", seed=2, SequenceOfUltrasoundRegions=regions))
    assert silent.instance.depth_of_scan_field == 26.0  # 26 rows of 1 mm


def test_a_thermal_index_of_bone_serves_where_none_of_soft_tissue_is_stated(tmp_path: Path) -> None:
    facts = facts_of(dicom(tmp_path / "a.dcm", BoneThermalIndex="1.2"))
    assert facts.instance.thermal_index == 1.2
    assert Claim("thermal_index", "1.2", "BoneThermalIndex") in facts.claims


def test_modes_come_from_regions_and_from_the_image_type_and_keep_their_source(tmp_path: Path) -> None:
    path = dicom(
        tmp_path / "a.dcm",
        ImageType=["ORIGINAL", "PRIMARY", "MUSCULOSKELETAL", "0101"],
        SequenceOfUltrasoundRegions=[region(), region(4, 3)],
    )
    facts = facts_of(path)
    assert facts.modes == ("b_mode", "power_doppler", "cw_doppler")
    assert Claim("mode", "power_doppler", "ImageType") in facts.claims
    assert Claim("mode", "cw_doppler", "SequenceOfUltrasoundRegions") in facts.claims


def test_stage_and_view_of_a_protocol_come_from_names_numbers_and_codes(tmp_path: Path) -> None:
    path = dicom(
        tmp_path / "a.dcm",
        StageName="Rest",
        StageNumber="1",
        ViewNumber="2",
        ViewCodeSequence=[code("103339001", "Long axis")],
    )
    instance = facts_of(path).instance
    assert (instance.stage_name, instance.stage_number) == ("Rest", 1)
    assert (instance.view_name, instance.view_number) == ("Long axis", 2)


# ------------------------------------------------------------------------------------------- in the archive


def test_sides_that_disagree_are_reported_when_a_file_is_taken_naming_both_sources(
    run: Run, tmp_path: Path
) -> None:
    dicom(tmp_path / "stick" / "thigh_left.dcm", ImageLaterality="R", SeriesDescription="RF LT")
    (line,) = run("ingest", tmp_path / "stick", "--workers", 0, "--report", "-").stdout.splitlines()
    (said,) = [n for n in json.loads(line)["notes"] if n.startswith("sides")]
    assert said == (
        "sides disagree: left according to SeriesDescription and the file's name, "
        "right according to ImageLaterality"
    )
    assert NAME not in line


def test_a_search_finds_what_disagrees_and_show_tells_who_says_what(run: Run, tmp_path: Path) -> None:
    dicom(tmp_path / "stick" / "a.dcm", ImageLaterality="R", SeriesDescription="RF LT")
    dicom(tmp_path / "stick" / "b.dcm", seed=2, ImageLaterality="R", SeriesDescription="RF RT")
    run("ingest", tmp_path / "stick", "--workers", 0)
    (hit,) = run("search", "has:conflict", "--ids").stdout.split()
    shown = run("show", hit).stdout
    assert "right (ImageLaterality); left (SeriesDescription)" in shown
    told = json.loads(run("show", hit, "--json").stdout)["claims"]
    assert {"what": "side", "value": "left", "source": "SeriesDescription"} in told


def test_an_author_who_disagrees_with_a_clip_hears_of_it_with_file_line_and_field(
    run: Run, tmp_path: Path
) -> None:
    text = RECORD.replace('file = "loop.dcm"\n', 'file = "loop.dcm"\nside = "left"\n')
    folder = case_folder(tmp_path / "thigh", text=text)
    dicom(folder / "loop.dcm", seed=50, frames=3, ImageLaterality="R")
    report = run("ingest", folder, "--workers", 0, "--report", "-").stdout.splitlines()
    (case,) = [o for o in map(json.loads, report) if o["kind"] == "case"]
    (note,) = case["notes"]
    assert "case.toml:12: media[1].side: sides disagree: left according to" in note
    assert "the record of thigh (M1)" in note
    assert "ImageLaterality" in note
    assert "finding F1 of thigh" in note  # which says right, as the header does
    assert "media[1].side: sides disagree" in run("lint", "thigh").stdout
    assert "To be settled" in run("show", "thigh").stdout
    assert run("search", "has:conflict", "--ids").stdout.split() == ["thigh"]


def test_what_a_person_says_of_a_clip_stands_beside_what_the_file_says(run: Run, tmp_path: Path) -> None:
    text = RECORD.replace('caption = "Long axis"', 'side = "right"\nmode = "power_doppler"')
    run("ingest", case_folder(tmp_path / "thigh", text=text), "--workers", 0)
    held = json.loads(run("list", "--json").stdout)[0]
    told = json.loads(run("show", held["sha256"], "--json").stdout)["claims"]
    assert {"what": "mode", "value": "power_doppler", "source": "the record of thigh (M1)"} in told


def test_claims_come_back_equal_when_the_index_is_made_again(
    run: Run, archive: Archive, tmp_path: Path
) -> None:
    dicom(tmp_path / "stick" / "calf_lt.dcm", SeriesDescription="SWE RT")
    picture(tmp_path / "stick" / "calf_left.png")
    run("ingest", tmp_path / "stick", "--workers", 0)
    before = list(archive.dump())
    (archive.path / "index.db").unlink()
    run("reindex")
    assert list(archive.dump()) == before
    assert any("calf" not in line and '"claims"' in line for line in before)


@pytest.mark.parametrize(
    "query",
    [
        "mode:elastography",
        "mode:shear_wave",
        "transducer:linear",
        "probe:L12",
        "frequency:10..15",
        "frequency>=12MHz",
        "depth:2cm..3cm",
        "mi<1",
        "ti:1.2",
        "heart_rate:60..70",
        "side:left",
        "view:long",
        "stage:rest",
        "body_part:thigh",
        "anatomic_region:rectus",
        "manufacturer:acme",
        "model:sono",
        "software:7.1",
        "shear wave left",
    ],
)
def test_ultrasound_metadata_can_be_searched_in_dicoms_words(
    run: Run, archive: Archive, tmp_path: Path, query: str
) -> None:
    dicom(
        tmp_path / "stick" / "a.dcm",
        SeriesDescription="SWE RF LT",
        TransducerType="LINEAR",
        TransducerData=["L12-5", "0815"],
        TransducerFrequency=12000,
        MechanicalIndex="0.8",
        SoftTissueThermalIndex="1.2",
        HeartRate="66",
        ViewName="Long axis",
        StageName="Rest",
        BodyPartExamined="THIGH",
        AnatomicRegionSequence=[code("13024002", "Rectus femoris")],
        ManufacturerModelName="Sono One",
        SoftwareVersions="7.1.2",
        SequenceOfUltrasoundRegions=[region()],
    )
    dicom(tmp_path / "stick" / "b.dcm", seed=2, Manufacturer="Other")
    archive.ingest([tmp_path / "stick"], workers=0)
    found = archive.search(query)
    assert [h.instance.study_description for h in found.hits if h.instance] == ["Thigh"], query
    assert found.hits[0].instance.sop_instance_uid == "1.2.826.0.1.3680043.8.498.1.3"  # type: ignore[union-attr]
