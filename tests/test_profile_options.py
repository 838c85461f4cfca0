"""The options of the profile: each lets out what it says and no more, and what leaves says which it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import NAME, NUMBER
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from test_airlock import CASE, PATIENT, SECRET, FakeClip, fake
from test_profile_table import NAMES, choices
from test_review import case, scan, take

from casearchive import Archive
from casearchive.cli import cli
from casearchive.deid import airlock, descriptors, headers, profile
from casearchive.deid.choice import Choice
from casearchive.deid.pixels import scan_area
from casearchive.deid.profile import choice_hash
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import Refusal
from casearchive.errors import UsageError
from casearchive.ledger import Ledger
from casearchive.model import Identifier, Patient
from casearchive.readers import open_clip
from casearchive.terms import lexicon, speaking
from casearchive.terms.clinic import extended

FIRST = {"KH4711823|": "2024-05-06"}


def built(*options: str, clip: FakeClip | None = None, scope: str = "set", **first_days: str) -> Dataset:
    """The header of one clip under these options."""
    facts = (clip or fake(1)).facts
    area = scan_area(facts)
    assert not isinstance(area, Refusal)
    made = headers.build(
        facts,
        CASE,
        Pseudonyms(SECRET, scope),
        headers.Picture(area, 1, True),
        {*PATIENT, *facts.identifiers},
        Choice(options, first_days or FIRST),
    )
    assert isinstance(made, Dataset)
    assert headers.allowed(made, options) == []
    return made


def codes(data: Dataset) -> list[str]:
    return [item.CodeValue for item in data.DeidentificationMethodCodeSequence]


def described(text: str, *identities: Identifier) -> str:
    """What of a description is kept where these identities are known."""
    return descriptors.clean(text, profile.profile().words, identities)


# ------------------------------------------------------------------------------------------------ choosing


def test_a_wrong_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="no option 'devices'") as caught:
        profile.profile().under(["devices"])
    assert all(name in str(caught.value.hint) for name in NAMES)


def test_two_ways_of_writing_dates_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="no-dates and relative-days exclude each other"):
        profile.profile().under(["relative-days", "no-dates"])


def test_help_and_explain_name_every_option_and_explain_what_it_costs() -> None:
    help_text = " ".join(CliRunner().invoke(cli, ["export", "--help"]).stdout.split())
    said = CliRunner().invoke(cli, ["export", "--explain"]).stdout
    for option in profile.profile().options:
        assert option.name in help_text
        for words in (option.name, option.title, option.standard, option.costs):
            assert words in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'option  = "device"', b'option  = "devices"'),
        (b'excludes = ["no-dates"]', b"excludes = []"),
        (b'code    = "113105"', b'code    = "113109"'),
        (b'value   = "2000-01-01"', b'value   = "New Year"'),
        (b'option  = "no-dates"', b'option  = "device"'),
        (b'option  = "no-characteristics"\naction  = "omit"', b'action  = "omit"'),
        (b'action  = "device"', b'action  = "words"'),
    ],
)
def test_options_that_are_not_fully_understood_stop_everything(old: bytes, new: bytes) -> None:
    good = profile._text()
    assert old in good
    with pytest.raises(profile.ProfileError):
        profile.parse(good.replace(old, new, 1))


def test_the_hash_of_a_choice_is_of_the_profile_and_the_names_in_any_order() -> None:
    assert choice_hash("a", ["x", "y"]) == choice_hash("a", ["y", "x"])
    assert len({choice_hash("a", []), choice_hash("b", []), choice_hash("a", ["x"])}) == 3
    current = profile.profile().under(["no-dates", "device"])
    assert current.chosen == ("device", "no-dates")
    assert current.choice_digest == choice_hash(profile.profile_hash(), ["no-dates", "device"])


def test_without_options_nothing_of_them_is_written() -> None:
    plain = built()
    assert codes(plain) == ["113100", "113101", "113107", "113108"]
    assert "option" not in str(plain.DeidentificationMethod)
    assert not {"DeviceSerialNumber", "TransducerData", "SeriesDescription"} & {e.keyword for e in plain}


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("options", choices(), ids=lambda names: "+".join(names) or "none")
def test_every_choice_gives_a_valid_object_that_says_what_was_done(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    clip = telling_clip()
    made, withheld = airlock.pass_case(
        CASE, {"M1": clip}, PATIENT, Pseudonyms(SECRET, "set"), tmp_path, choice=Choice(options, FIRST)
    )
    assert made is not None, withheld
    (one,) = made.clips
    data = dcmread(one.dicom)
    assert headers.allowed(data, options) == []
    assert str(data.DeidentificationMethod).count("option ") == len(options)
    raw = one.dicom.read_bytes().lower()
    for telling in (b"SN88421", b"ROOM7", b"PHX-0042", b"Quillfeather", b"Isolde", b"20240506"):
        assert telling.lower() not in raw
    said = subprocess.run(["dciodvfy", str(one.dicom)], capture_output=True, text=True, check=False)
    assert "Error" not in said.stderr + said.stdout, said.stderr


def telling_clip(serial: str = "PHX-0042") -> FakeClip:
    """A clip whose header names its machine and describes what was done."""
    clip = fake(1)
    identifiers = (*PATIENT, Identifier("DeviceSerialNumber", serial), Identifier("StationName", "ROOM7"))
    series = replace(clip.facts.series, series_description="SHOULDER RT Quillfeather", protocol_name="MSK 2")
    study = replace(clip.facts.study, study_description="US Shoulder right 2024-05-06 Isolde")
    clip.facts = replace(clip.facts, identifiers=identifiers, series=series, study=study)
    return clip


@pytest.mark.parametrize("options", choices(), ids=lambda names: "+".join(names) or "none")
def test_what_another_choice_would_have_written_is_not_allowed(options: tuple[str, ...]) -> None:
    """The certificate names the options; a file that was made under others is found."""
    made = built(*options, clip=telling_clip())
    assert not [other for other in choices() if other != options and not headers.allowed(made, other)]
    del made.DeidentificationMethod  # the attributes alone tell it too
    for option, keyword in (("device", "DeviceSerialNumber"), ("descriptors", "SeriesDescription")):
        if option in options:
            assert keyword in headers.allowed(made, [o for o in options if o != option])


# ------------------------------------------------------------------------------------------------ device


def test_a_machine_is_told_apart_by_a_pseudonym_within_one_set_only() -> None:
    one, again = built("device", clip=telling_clip()), built("device", clip=telling_clip(" phx-0042 "))
    other = built("device", clip=telling_clip("PHX-0043"))
    elsewhere = built("device", clip=telling_clip(), scope="another set")
    assert one.DeviceSerialNumber == again.DeviceSerialNumber
    assert len({d.DeviceSerialNumber for d in (one, other, elsewhere)}) == 3
    assert str(one.DeviceSerialNumber).startswith("CD-")
    assert one.TransducerData == "L12-5"
    assert "StationName" not in one


def test_a_pseudonym_of_the_serial_number_does_not_earn_retain_device_identity() -> None:
    """PS3.15 E.3.8 wants the device's identity kept as it is (Table E.1-1: K)."""
    assert "113109" not in codes(built("device", clip=telling_clip()))


def test_a_file_that_names_several_serial_numbers_or_none_tells_no_machine() -> None:
    clip = telling_clip()
    more = (*clip.facts.identifiers, Identifier("DeviceSerialNumber", "GATEWAY-1"))
    clip.facts = replace(clip.facts, identifiers=more)
    assert "DeviceSerialNumber" not in built("device", clip=clip)
    assert "DeviceSerialNumber" not in built("device")


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ("L12-5,SN88421", "L12-5"), ("SC6-1s,02597", "SC6-1s"), ("9L", "9L"), ("C1-5-D", "C1-5-D"),
        ("M5Sc-D\\123456", "M5Sc-D"), ("ML6-15", "ML6-15"), ("HFL38x", "HFL38x"), ("18L6 HD", "18L6"),
        ("PVT-375BT", "PVT-375BT"), ("eL18-4", "eL18-4"), ("VF13-5", "VF13-5"), ("L12-5_38", "L12-5_38"),
        ("S5_1\\55360\\", "S5_1"), ("C5-1\\UNUSED\\UNUSED", "C5-1"), ("50.80.103.002\\", ""),
        ("SN88421,L12-5", ""), ("02597", ""), ("2024-05-06", ""), ("Isolde", ""), ("KH4711823", ""), ("", ""),
        ("A123456", ""), ("12-05", ""), (",L12-5", ""), ("ROOM 7", ""),
    ],
)  # fmt: skip
def test_only_what_has_the_form_of_a_probes_model_is_kept(data: str, kept: str) -> None:
    clip = fake(1, transducer_data=data)
    assert built("device", clip=clip).get("TransducerData", "") == kept


# --------------------------------------------------------------------------------------------------- dates


@given(
    st.lists(st.dates(date(1990, 1, 1), date(2030, 1, 1)), min_size=1, max_size=6, unique=True),
    st.integers(-4000, 4000),
)
@settings(max_examples=40, deadline=None)
def test_relative_days_keep_every_interval_and_nothing_of_the_day(days: list[date], moved: int) -> None:
    def written(each: list[date]) -> list[str]:
        made = []
        for day in each:
            clip = fake(1)
            clip.facts = replace(clip.facts, study=replace(clip.facts.study, study_date=day.isoformat()))
            first = min(each).isoformat()
            made.append(built("relative-days", clip=clip, **{"KH4711823|": first}).StudyDate)
        return made

    here = written(days)
    assert min(here) == "20000101"
    told = [date(int(d[:4]), int(d[4:6]), int(d[6:])) for d in here]
    assert [d - min(told) for d in told] == [d - min(days) for d in days]
    assert here == written([d + timedelta(moved) for d in days]), "the same intervals give the same dates"


def test_relative_days_earn_modified_dates_and_say_so() -> None:
    made = built("relative-days")
    assert made.LongitudinalTemporalInformationModified == "MODIFIED" and "113107" in codes(made)
    assert list(made.DeidentificationMethod)[1:] == ["option relative-days"]


def test_a_study_before_the_first_or_of_an_unknown_patient_has_no_date() -> None:
    for first in ({"KH4711823|": "2024-06-01"}, {"somebody else": "2024-05-06"}):
        made = built("relative-days", **first)
        assert made.StudyDate in ("", None)
        assert made.LongitudinalTemporalInformationModified == "REMOVED" and "113107" not in codes(made)


def test_no_dates_leaves_none_and_says_removed() -> None:
    made = built("no-dates")
    assert made.StudyDate in ("", None)
    assert made.LongitudinalTemporalInformationModified == "REMOVED"
    assert codes(made) == ["113100", "113101", "113108"]


# -------------------------------------------------------------------------------------------- descriptions


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("US SHOULDER RT LONG supraspinatus", "US SHOULDER RT LONG supraspinatus"),
        ("Thyroid_LT/RT trans-long view 2", "Thyroid LT RT trans long view 2"),
        ("Abdomen complete 3", "Abdomen complete 3"),
        ("Isolde's knee, seen by Baker", "knee"),
        ("knee 4711823 left", "knee left"),
        ("liver 12.03.71", "liver"),
        ("liver 12 03 71", "liver"),
        ("12/03/71 liver", "liver"),
        ("right knee 45 Y", "right knee"),
        ("aged 94 knee", "knee"),
        ("55F chest", "chest"),
        ("CT chest abdomen pelvis - 55F Dr. Smith", ""),
        ("Herr Long, Hand", ""),
        ("LONG^HAND knee", "knee"),
        ("knee M. Hand", ""),
        ("Hand, M. knee", ""),
        ("L. knee", "L knee"),
        ("St. Eloria", ""),
        ("2024", ""),
        ("2 3", ""),
        ("", ""),
    ],
)
def test_of_a_description_only_safe_words_are_kept_in_their_order(text: str, kept: str) -> None:
    assert described(text) == kept


def test_an_identity_is_dropped_even_where_it_is_an_ordinary_word() -> None:
    known = (
        Identifier("PatientName", "Long^Head"),
        Identifier("InstitutionName", "Shoulder Centre"),
        Identifier("PatientID", "12"),
    )
    assert described("long head of biceps tendon shoulder 12", *known) == "biceps tendon"
    assert described("head", *known) == ""


def test_a_word_that_a_clinic_added_is_no_safe_word(tmp_path: Path) -> None:
    clinic = tmp_path / "terms.toml"
    clinic.write_text('[quillview]\nkind = "plane"\nname = "quillview"\n', "utf-8")
    with speaking(extended(clinic)):
        assert lexicon().resolve("quillview")
        assert described("quillview knee") == "knee"


SAFE = sorted(descriptors.safe_words(profile.profile().words))


@given(st.lists(st.one_of(st.sampled_from(SAFE), st.text(max_size=12)), max_size=12), st.text(max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_kept_description_holds_safe_words_and_short_numbers_only(parts: list[str], between: str) -> None:
    kept = described((between or " ").join(parts))
    assert len(kept) <= descriptors.MOST
    for word in kept.split():
        assert descriptors.fold(word) in SAFE or (word.isdigit() and len(word) <= 2)
    assert described(kept) == kept or any(word.isdigit() for word in kept.split())


@given(st.lists(st.sampled_from(SAFE), min_size=1, max_size=6), st.data())
@settings(max_examples=100, deadline=None)
def test_no_part_of_a_name_is_ever_kept(parts: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(parts))
    kept = described(" ".join(parts), Identifier("PatientName", f"{name.upper()}^Orsino"))
    assert name not in kept.split()


def test_descriptions_earn_clean_descriptors_only_where_one_is_there() -> None:
    made = built("descriptors", clip=telling_clip())
    assert (made.StudyDescription, made.SeriesDescription) == ("US Shoulder right", "SHOULDER RT")
    assert made.ProtocolName == "MSK 2"
    assert "113105" in codes(made)
    clip = fake(1)
    clip.facts = replace(clip.facts, study=replace(clip.facts.study, study_description="Isolde"))
    bare = built("descriptors", clip=clip)
    assert not {"StudyDescription", "SeriesDescription", "ProtocolName"} & {e.keyword for e in bare}
    assert "113105" not in codes(bare)


# ------------------------------------------------------------------------------------------ characteristics


def test_without_characteristics_neither_header_nor_record_tells_sex_or_age(tmp_path: Path) -> None:
    made, withheld = airlock.pass_case(
        CASE, {"M1": fake(1)}, PATIENT, Pseudonyms(SECRET, "set"), tmp_path,
        choice=Choice(("no-characteristics",)),
    )  # fmt: skip
    assert made is not None, withheld
    assert made.case.patient == Patient()
    data = dcmread(made.clips[0].dicom)
    assert data.PatientSex in ("", None) and "PatientAge" not in data
    assert "113108" not in codes(data)


# ------------------------------------------------------------------------------------------- a whole export


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive with two cases of one patient, 60 days apart, on one machine."""
    folder = tmp_path_factory.mktemp("two")
    archive = Archive.create(folder / "archive")
    for seed, slug, day in ((1, "calf", "20240102"), (2, "calf-again", "20240302")):
        file = scan(
            folder / f"{seed}.dcm", seed, regions=True, StudyDate=day, DeviceSerialNumber="PHX-0042",
            StationName="ROOM7", TransducerData="L12-5,SN88421", SeriesDescription="Calf LT QUILLFEATHER",
            StudyDescription="US leg left Orsino", PatientSex="F", PatientAge="034Y",
        )  # fmt: skip
        take(archive, case(folder / "in", slug, file))
    archive.set_create("legs", title="Legs", cases=["calf-again", "calf"])
    return archive


def left(archive: Archive, to: Path, *options: str) -> dict[str, Dataset]:
    made = archive.export(["legs"], formats=["folder"], to=to, options=options)
    assert made.folder is not None and Archive.verify_export(made.folder) == ()
    return {path.parent.name: dcmread(path) for path in made.folder.rglob("M1.dcm")}


@pytest.mark.parametrize("options", choices(), ids=lambda names: "+".join(names) or "none")
def test_every_choice_leaves_whole_and_checks_out(
    two: Archive, tmp_path: Path, options: tuple[str, ...]
) -> None:
    found = left(two, tmp_path, *options)
    assert set(found) == {"calf", "calf-again"}
    assert len({data.PatientID for data in found.values()}) == 1
    assert len({data.StudyInstanceUID for data in found.values()}) == 2
    for data in found.values():
        assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
    paper = json.loads((tmp_path / "legs" / "certificate.json").read_text("utf-8"))
    assert paper["profile"]["options"] == sorted(options, key=NAMES.index)
    assert paper["profile"]["options_sha256"] == choice_hash(profile.profile_hash(), options)
    page = (tmp_path / "legs" / "certificate.html").read_text("utf-8")
    assert all(f"<li>{name}: " in page for name in options) and ("<h2>Options" in page) == bool(options)
    exported = [e for e in Ledger(two.path / "ledger.jsonl").events() if e.event == "exported"]
    assert exported[-1].details["options"] == paper["profile"]["options"]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes().lower()
            for telling in (NAME, NUMBER, "PHX-0042", "ROOM7", "SN88421", "quillfeather"):
                assert telling.lower().encode() not in content, (file.name, telling)


def test_the_first_study_of_a_patient_is_looked_for_in_the_whole_set(two: Archive, tmp_path: Path) -> None:
    """Also where the later one is written first, and where the first one has to stay in."""
    found = left(two, tmp_path, "relative-days")
    assert (found["calf"].StudyDate, found["calf-again"].StudyDate) == ("20000101", "20000301")
    two.edit("calf", {"status": "draft"})
    try:
        found = left(two, tmp_path, "relative-days")
        assert {slug: data.StudyDate for slug, data in found.items()} == {"calf-again": "20000301"}
    finally:
        two.edit("calf", {"status": "ready"})


def test_another_choice_takes_the_place_of_the_earlier_export(two: Archive, tmp_path: Path) -> None:
    before = left(two, tmp_path, "device", "descriptors")["calf"]
    after = left(two, tmp_path, "no-dates")["calf"]
    assert before.DeviceSerialNumber and before.SeriesDescription == "Calf LT"
    assert "DeviceSerialNumber" not in after and not after.StudyDate
    assert (before.PatientID, before.SOPInstanceUID) == (after.PatientID, after.SOPInstanceUID)
    assert [p.name for p in tmp_path.iterdir()] == ["legs"]


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ([], "DeviceSerialNumber is not allowed"),
        (["descriptors"], "DeviceSerialNumber is not allowed"),
        (["device", "teleport"], "no option 'teleport'"),
        (["device", "no-dates"], "StudyDate is not allowed"),
    ],
)
def test_a_file_that_holds_more_than_the_options_of_its_certificate_allow_is_found(
    two: Archive, tmp_path: Path, told: list[str], fault: str
) -> None:
    left(two, tmp_path, "device")
    path = tmp_path / "legs" / "certificate.json"
    paper = json.loads(path.read_text("utf-8"))
    paper["profile"]["options"] = told
    paper["profile"]["options_sha256"] = choice_hash(paper["profile"]["sha256"], told)
    path.write_text(json.dumps(paper), "utf-8")
    assert any(fault in found for found in Archive.verify_export(tmp_path / "legs"))


def test_options_that_were_changed_in_the_certificate_do_not_fit_their_hash(
    two: Archive, tmp_path: Path
) -> None:
    left(two, tmp_path, "device")
    path = tmp_path / "legs" / "certificate.json"
    path.write_text(path.read_text("utf-8").replace('"device"', '"device", "descriptors"'), "utf-8")
    assert any("hash" in found for found in Archive.verify_export(tmp_path / "legs"))


def test_the_archive_tells_which_machine_a_pseudonym_is(two: Archive, tmp_path: Path) -> None:
    pseudonym = str(left(two, tmp_path, "device")["calf"].DeviceSerialNumber)
    found = two.who(pseudonym.lower())
    assert {known.what for known in found} == {"device"}
    assert dict(found[0].identity)["DeviceSerialNumber"] == "PHX-0042"
    assert "PatientName" not in dict(found[0].identity)


def test_the_command_takes_options_and_refuses_what_it_does_not_know(two: Archive, tmp_path: Path) -> None:
    base = ["--archive", str(two.path), "export", "legs", "--as", "folder", "--to", str(tmp_path)]
    done = CliRunner().invoke(cli, [*base, "--option", "device", "--option", "no-dates"])
    assert done.exit_code == 0, done.output
    paper = json.loads((tmp_path / "legs" / "certificate.json").read_text("utf-8"))
    assert paper["profile"]["options"] == ["device", "no-dates"]
    for wrong in (["--option", "devices"], ["--option", "no-dates", "--option", "relative-days"]):
        done = CliRunner().invoke(cli, [*base, *wrong, "--dry-run"])
        assert done.exit_code == 2, done.output


# ------------------------------------------------------------------------------------------ private numbers

SC2000 = "SIEMENS Ultrasound SC2000"


def with_private(path: Path, *elements: tuple[int, str, int, str, object]) -> Path:
    """A scan with private elements, each (group, creator, element, VR, value)."""
    scan(path, 7, regions=True, ImageLaterality="R")
    data = dcmread(path)
    for group, creator, element, vr, value in elements:
        data.private_block(group, creator, create=True).add_new(element, vr, value)
    data.save_as(path)
    return path


SAFE_NUMBERS = (
    (0x0119, SC2000, 0x13, "IS", 42),
    (0x0119, SC2000, 0x09, "SS", 2),
    (0x0149, SC2000, 0x01, "FD", [1.5, -2.25, 3.0]),
)
UNSAFE = (
    (0x0119, SC2000, 0x10, "SH", "Quillfeather"),
    (0x0119, SC2000, 0x05, "UL", 4711),
    (0x0149, SC2000, 0x03, "FD", [20240102.0]),
    (0x0119, "SOMEBODY ELSE", 0x13, "IS", 43),
    (0x0139, SC2000, 0x01, "SL", 4711815),
    (0x0009, "GEMS_IDEN_01", 0x01, "LO", "Orsino"),
)


def read_of(path: Path) -> FakeClip:
    with closing(open_clip(path, "0" * 64)) as clip:
        return FakeClip(clip.facts, [])


def test_only_private_numbers_that_are_known_to_be_safe_leave_with_their_creator(tmp_path: Path) -> None:
    clip = read_of(with_private(tmp_path / "a.dcm", *SAFE_NUMBERS, *UNSAFE))
    assert {(p.group, p.element) for p in clip.facts.private} == {
        (0x0119, 0x13), (0x0119, 0x09), (0x0139, 0x01), (0x0149, 0x01),
    }  # fmt: skip
    made = built("safe-private", clip=clip)
    block = made.private_block(0x0119, SC2000)
    assert (block[0x13].value, block[0x09].value) == (42, 2)
    assert list(made.private_block(0x0149, SC2000)[0x01].value) == [1.5, -2.25, 3.0]
    private = [e.tag for e in made if e.tag.is_private]
    assert len(private) == 5, "three numbers, and who defines them in two groups"
    assert "113111" in codes(made)
    assert headers.allowed(made, []) and headers.allowed(made, ["device"])


def test_without_the_option_or_without_such_numbers_nothing_private_leaves(tmp_path: Path) -> None:
    clip = read_of(with_private(tmp_path / "a.dcm", *SAFE_NUMBERS))
    assert not [e for e in built(clip=clip) if e.tag.is_private]
    none = built("safe-private", clip=read_of(with_private(tmp_path / "b.dcm", *UNSAFE)))
    assert not [e for e in none if e.tag.is_private] and "113111" not in codes(none)


@pytest.mark.parametrize(
    "wrong",
    [
        (0x0119, SC2000, 0x13, "LO", "42"), (0x0119, SC2000, 0x13, "IS", [1, 2]),
        (0x0119, SC2000, 0x13, "IS", 20240102),
        (0x0149, SC2000, 0x01, "FD", [float("nan")]), (0x0149, SC2000, 0x01, "FD", [0.5] * 2000),
        (0x0149, SC2000, 0x01, "OB", b"Quillfeather"), (0x0119, SC2000, 0x09, "SS", -3),
    ],
)  # fmt: skip
def test_a_private_value_of_another_kind_or_outside_its_limits_stays_in(
    tmp_path: Path, wrong: tuple[int, str, int, str, object]
) -> None:
    made = built("safe-private", clip=read_of(with_private(tmp_path / "a.dcm", wrong)))
    assert not [e for e in made if e.tag.is_private]


def test_a_private_element_that_is_not_known_is_found_in_a_finished_file(tmp_path: Path) -> None:
    made = built("safe-private", clip=read_of(with_private(tmp_path / "a.dcm", *SAFE_NUMBERS)))
    made.private_block(0x0119, SC2000).add_new(0x10, "SH", "ward 7")
    assert headers.allowed(made, ["safe-private"]) == ["(0119,1010)"]


def test_private_numbers_go_through_a_whole_export(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    file = with_private(tmp_path / "a.dcm", *SAFE_NUMBERS, *UNSAFE)
    take(archive, case(tmp_path / "in", "calf", file))
    made = archive.export(["calf"], formats=["folder"], to=tmp_path / "out", options=["safe-private"])
    assert made.folder is not None and Archive.verify_export(made.folder) == ()
    (path,) = made.folder.rglob("M1.dcm")
    assert dcmread(path).private_block(0x0119, SC2000)[0x13].value == 42
    if shutil.which("dciodvfy"):
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in said.stderr + said.stdout, said.stderr
