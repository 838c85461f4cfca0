"""What goes out as MIRC documents is well-formed, holds what it names, and keeps answers back where it is asked to."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from PIL import Image
from teachingsets import CASES, a_set, clip, full_case, full_set, speckle

from casearchive import preview
from casearchive.errors import CaseArchiveError, UsageError
from casearchive.exporters import _zip, exporter, mirc
from casearchive.exporters._mirc.facts import NAMESPACE
from casearchive.exporters._plain import plain
from casearchive.model import Case, Finding, Media
from casearchive.teaching import TeachingCase, TeachingSet

#: Every element that RSNA's documents know and this output uses; what is not here is of our namespace.
ELEMENTS = {
    "MIRCdocument", "title", "alternative-title", "author", "name", "affiliation", "abstract", "keywords",
    "document-type", "patient", "pt-age", "years", "months", "weeks", "days", "pt-sex", "section", "history",
    "image-section", "image", "alternative-image", "image-caption", "findings", "show", "diagnosis", "confirmation",
    "differential-diagnosis", "discussion", "references", "reference", "quiz", "quiz-context", "question",
    "question-body", "answer", "answer-body", "response", "modality", "organ-system", "category", "level", "anatomy",
    "pathology", "code", "meaning", "term", "rights", "authorization", "owner", "read", "update", "export",
    "p", "ol", "ul", "li",
}  # fmt: skip
CA = f"{{{NAMESPACE}}}"


def made(teaching: TeachingSet, target: Path, **options: str) -> Path:
    target.mkdir()
    mirc.export(teaching, target, options)
    return target


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {info.filename: packed.read(info) for info in packed.infolist()}


def document(path: Path) -> ET.Element:
    return ET.fromstring(members(path)["MIRCdocument.xml"])


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full case as a MIRC zip."""
    folder = tmp_path_factory.mktemp("mirc")
    (folder / "staging").mkdir()
    return made(full_set(folder / "staging"), folder / "out") / "velvet-tear.zip"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full case as a learner's document."""
    folder = tmp_path_factory.mktemp("quiz")
    (folder / "staging").mkdir()
    return made(full_set(folder / "staging"), folder / "out", quiz="") / "case-01.zip"


def test_the_output_is_found_by_its_name() -> None:
    assert exporter("mirc").export is mirc.export


def test_the_zip_holds_one_document_and_every_file_that_it_names(packed: Path) -> None:
    held = members(packed)
    root = ET.fromstring(held["MIRCdocument.xml"])
    named = {element.get(key) for element in root.iter() for key in ("src", "href") if element.get(key)}
    assert named == set(held) - {"MIRCdocument.xml"}
    assert [name for name in held if name.endswith(".xml")] == ["MIRCdocument.xml"]
    assert not any("/" in name for name in held)


def test_elements_are_those_of_the_schema_and_ours_are_in_their_own_namespace(packed: Path) -> None:
    root = document(packed)
    used = {element.tag for element in root.iter()}
    assert {tag for tag in used if not tag.startswith(CA)} <= ELEMENTS
    assert {"title", "author", "abstract", "history", "findings", "diagnosis", "quiz", "code"} <= used
    assert [child.tag for child in root if child.tag.startswith(CA)] == [f"{CA}case"]


def test_the_words_of_the_case_stand_where_they_are_looked_for(packed: Path) -> None:
    root = document(packed)
    assert root.findtext("title") == full_case().title
    assert root.findtext("author/name") == "Ada Invented"
    assert [p.text for p in root.iterfind("section[@heading='History']/history/p")][:2] == [
        "Danced until dawn.", "Limped home.",
    ]  # fmt: skip
    assert root.findtext("section[@heading='Diagnosis']/diagnosis/ul/li") == (
        "Complete tear of the right rectus femoris muscle, definite, confirmed by surgery"
    )
    assert (root.findtext("patient/pt-age/years"), root.findtext("patient/pt-sex")) == ("24", "Female")
    assert (root.findtext("modality"), root.findtext("level")) == ("US", "Advanced")


def test_neither_an_address_nor_a_name_of_a_patient_has_a_place(packed: Path) -> None:
    tags = {element.tag for element in document(packed).iter()}
    assert not {"contact", "pt-name", "pt-id", "pt-mrn", "phi"} & tags
    assert not any(b"ada@example" in content for content in members(packed).values())


def test_nobody_but_its_owner_may_read_it_until_they_say_so(packed: Path) -> None:
    rights = document(packed).find("authorization")
    assert rights is not None and [(e.tag, e.text) for e in rights] == [
        ("owner", None), ("read", None), ("update", None), ("export", None),
    ]  # fmt: skip


def test_a_code_is_one_that_means_it_and_is_there(staging: Path, tmp_path: Path) -> None:
    findings = (
        Finding("F1", "hematoma", structure="calf_vein"),
        Finding("F2", "atrophy", certainty="absent"),
    )
    one = TeachingCase(
        Case("c", "C", media=(Media("M1"),), findings=findings), (clip(staging, "M1", speckle(1)),)
    )
    root = document(made(a_set(one), tmp_path / "out") / "c.zip")
    assert [(c.get("coding-system"), c.text, c.findtext("meaning")) for c in root.iterfind("code")] == [
        ("SNOMED CT", "35566002", "Hematoma")
    ]
    assert [a.text for a in root.iterfind("anatomy")] == ["calf vein"]


# --------------------------------------------------------------------------------------------------------- pictures


def test_each_picture_has_its_icon_annotation_and_original(packed: Path) -> None:
    held = members(packed)
    moving, still = document(packed).iterfind("image-section/image")
    roles = [(a.get("role"), a.get("type")) for a in moving]
    assert roles == [
        ("icon", None), ("annotation", "svg"), ("annotation", "image"), ("original-format", None), (None, None),
    ]  # fmt: skip
    icon = Image.open(io.BytesIO(held["01-icon.jpg"]))
    assert icon.size == (64, 48)
    picture = np.asarray(Image.open(io.BytesIO(held["01.png"])))
    np.testing.assert_array_equal(picture, speckle(5).frame(3))
    assert (moving.get("href"), still.get("href")) == ("01-moving.webp", None)
    assert getattr(Image.open(io.BytesIO(held["01-moving.webp"])), "n_frames", 1) == 5


def test_a_long_clip_without_a_film_is_thinned_out_and_lasts_as_long(staging: Path, tmp_path: Path) -> None:
    long = clip(staging, "M1", speckle(preview.MOST + 60, rows=8, columns=64, colour=False))
    teaching = a_set(TeachingCase(Case("c", "C", media=(Media("M1"),)), (long,)))
    moving = Image.open(io.BytesIO(members(made(teaching, tmp_path / "out") / "c.zip")["01-moving.webp"]))
    frames = getattr(moving, "n_frames", 1)
    assert preview.MOST / 3 < frames <= preview.MOST
    lasted = 0
    for number in range(frames):
        moving.seek(number)
        moving.load()
        lasted += moving.info["duration"]
    assert lasted == pytest.approx(1000 * sum(long.lasting()), abs=1)


def test_the_original_format_is_the_object_of_the_airlock(staging: Path, tmp_path: Path) -> None:
    teaching = full_set(staging)
    held = members(made(teaching, tmp_path / "out") / "velvet-tear.zip")
    for name, one in zip(("01.dcm", "02.dcm"), teaching.cases[0].clips, strict=True):
        assert held[name] == one.dicom.read_bytes()


def test_a_wide_picture_is_shown_smaller_and_kept_whole(staging: Path, tmp_path: Path) -> None:
    frames = speckle(1, rows=100, columns=1000)
    one = TeachingCase(Case("c", "C", media=(Media("M1"),)), (clip(staging, "M1", frames),))
    path = made(a_set(one), tmp_path / "out") / "c.zip"
    (image,) = document(path).iterfind("image-section/image")
    assert (image.get("width"), image.get("height")) == ("700", "70")
    whole = next(a.get("src") for a in image if a.get("role") == "original-dimensions")
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(members(path)[str(whole)]))), frames.frame(1)
    )


def test_the_annotation_is_drawn_where_the_record_says(staging: Path, tmp_path: Path) -> None:
    frames = speckle(5, rows=240, columns=320)
    one = TeachingCase(full_case(), (clip(staging, "M1", frames, key=3),))
    held = members(made(a_set(one), tmp_path / "out") / "velvet-tear.zip")
    drawing = ET.fromstring(held["01-annotation.svg"])
    space = "{http://www.w3.org/2000/svg}"
    assert drawing.get("viewBox") == "0 0 320 240"
    assert drawing.find(f"{space}image").get("href") in held  # type: ignore[union-attr]
    shapes = {g.get("data-finding"): g[1].get("points") for g in drawing.iterfind(f"{space}g")}
    assert shapes == {
        "1": "10.5,10.5 40.5,10.5 40.5,30.5 10.5,30.5",
        "2": "10.5,20.5 40.5,20.5",
        "31 mm": "10.5,20.5 40.5,20.5",
    }
    plainly = np.asarray(Image.open(io.BytesIO(held["01.png"])).convert("RGB")).astype(int)
    marked = np.asarray(Image.open(io.BytesIO(held["01-annotation.png"])).convert("RGB"))[:240, :320]
    changed = np.abs(marked - plainly).max(axis=2) > 40
    assert changed[10, 15:36].mean() > 0.8, "the upper edge of the box; speckle is bright here and there"
    assert not changed[100:].any() and not changed[:, 150:].any(), "nothing where nothing was marked"


def test_evidence_on_other_frames_is_drawn_on_one_of_those(staging: Path, tmp_path: Path) -> None:
    one = TeachingCase(full_case(), (clip(staging, "M1", speckle(9), key=8),))
    case = replace(full_case(), measurements=(), findings=full_case().findings[:1])
    path = made(a_set(replace(one, case=case)), tmp_path / "out") / "velvet-tear.zip"
    held = members(path)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(held["01.png"]))), speckle(9).frame(8))
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(held["01-frame-3.png"]))), speckle(9).frame(3)
    )
    assert b'href="01-frame-3.png"' in held["01-annotation.svg"]
    view = document(path).find(f"{CA}case/{CA}view")
    assert view is not None and (view.get("frame"), view.get("annotated-frame")) == ("8", "3")


# -------------------------------------------------------------------------------------------------------- our part


def test_side_certainty_and_the_frames_of_a_finding_stand_in_our_part(packed: Path) -> None:
    ours = document(packed).find(f"{CA}case")
    assert ours is not None
    findings = {f.get("id"): f for f in ours.iterfind(f"{CA}finding")}
    assert [(f.get("side"), f.get("certainty")) for f in findings.values()][:3] == [
        ("right", "definite"), ("right", "probable"), ("left", "absent"),
    ]  # fmt: skip
    seen = findings["F1"].findall(f"{CA}evidence")[1]
    assert seen.attrib == {
        "image": "1", "first-frame": "2", "last-frame": "4", "shape": "box", "points": "10,10 40,30", "best": "yes",
    }  # fmt: skip
    gap = ours.find(f"{CA}measurement[@what='gap']")
    assert gap is not None and (gap.get("value"), gap.get("unit"), gap.get("frame")) == ("31", "mm", "3")


# ------------------------------------------------------------------------------------------------- learner's document


def test_a_learners_document_tells_the_answer_in_responses_alone(asked: Path) -> None:
    held = members(asked)
    root = ET.fromstring(held["MIRCdocument.xml"])
    for question in root.iter("question"):
        for answer in question.iter("answer"):
            answer.remove(answer.find("response"))  # type: ignore[arg-type]
    for option in root.iter("answer-body"):
        option.text = ""  # one of the options is the right one, as in every quiz
    openly = ET.tostring(root, encoding="unicode").lower()
    for told in (
        "complete tear",
        "torn",
        "frayed",
        "retraction",
        "the ends part",
        "velvet",
        "surgery",
        "ca:",
        "lantern",
    ):
        assert told not in openly, told
    assert not [name for name in held if "annotation" in name]
    assert root.findtext("title") == "Sore thigh after a barn dance"


def test_the_responses_say_which_answer_is_right_and_why(asked: Path) -> None:
    questions = document(asked).findall("quiz/question")
    assert [q.findtext("question-body") for q in questions] == [
        "What next?", "What is hidden?", "What are the findings and the diagnosis?",
    ]  # fmt: skip
    told = [(a.findtext("answer-body"), a.findtext("response/p")) for a in questions[0].iterfind("answer")]
    assert told == [
        ("Wait", "No. Weeks are lost."), ("Watch it move", "Right. Only movement tells. It widens."),
    ]  # fmt: skip
    solved = [p.text for p in questions[2].iterfind("answer/response/p")]
    assert "Complete tear of the right rectus femoris muscle, definite, confirmed by surgery" in solved


def test_a_quiz_title_or_caption_that_tells_is_left_out(staging: Path, tmp_path: Path) -> None:
    case = replace(full_case(), quiz_title="A complete tear", media=(
        replace(full_case().media[0], quiz_caption="Complete tear, long axis"), full_case().media[1]))  # fmt: skip
    teaching = full_set(staging)
    out = made(a_set(replace(teaching.cases[0], case=case)), tmp_path / "out", quiz="")
    root = document(out / "case-01.zip")
    assert root.findtext("title") == "Case 1"
    assert root.findtext("image-section/image/image-caption") == (
        "1. Right, long axis, B-mode, active muscle contraction (frame 3 of 5)"
    )


# -------------------------------------------------------------------------------------------------------- any record


def test_the_same_set_gives_the_same_bytes(staging: Path, tmp_path: Path) -> None:
    teaching = full_set(staging)
    one, two = made(teaching, tmp_path / "one"), made(teaching, tmp_path / "two")
    assert (one / "velvet-tear.zip").read_bytes() == (two / "velvet-tear.zip").read_bytes()


def test_a_zip_says_no_date_and_nothing_of_who_packed_it(packed: Path) -> None:
    with zipfile.ZipFile(packed) as held:
        for info in held.infolist():
            assert (info.date_time, info.external_attr >> 16, info.extra) == (
                (1980, 1, 1, 0, 0, 0),
                0o100644,
                b"",
            )
        assert held.comment == b""


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../b", "a\\b", "."])
def test_a_zip_never_holds_a_name_that_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name"):
        _zip.write(tmp_path / "x.zip", {name: b""})


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(case=CASES)
def test_any_record_makes_well_formed_documents(case: Case, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "staging").mkdir()
    clips = (clip(folder / "staging", "M1", speckle(4, rows=8, columns=9)),
             clip(folder / "staging", "M2", speckle(1, rows=8, columns=9)))  # fmt: skip
    teaching = a_set(TeachingCase(case, clips))
    for name, options in (("told", {}), ("asked", {"quiz": ""})):
        out = made(teaching, folder / name, **options)
        (path,) = out.iterdir()
        held = members(path)
        root = ET.fromstring(held["MIRCdocument.xml"])
        assert {tag for tag in (e.tag for e in root.iter()) if not tag.startswith(CA)} <= ELEMENTS
        assert root.findtext("title") is not None
        for drawing in (content for member, content in held.items() if member.endswith(".svg")):
            ET.fromstring(drawing)
    title = ET.fromstring(members(folder / "told" / "any.zip")["MIRCdocument.xml"]).findtext("title")
    wanted = case.title or case.quiz_title
    assert (title or "").split() == plain(wanted).split()


@pytest.mark.skipif(not shutil.which("xmllint"), reason="xmllint (libxml2-utils) is not installed")
def test_xmllint_finds_nothing_wrong(packed: Path, asked: Path) -> None:
    for path in (packed, asked):
        done = subprocess.run(["xmllint", "--noout", "--nonet", "-"], input=members(path)["MIRCdocument.xml"],
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("slug", ["..", "a/b", "", "Upper", "nul\0"])
def test_a_slug_that_is_no_name_of_a_file_is_refused(slug: str, tmp_path: Path) -> None:
    with pytest.raises(CaseArchiveError, match="name of a file"):
        mirc.export(a_set(TeachingCase(Case(slug, "C"), ())), tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_two_cases_with_one_slug_are_refused(tmp_path: Path) -> None:
    twin = TeachingCase(Case("twin", "T"), ())
    with pytest.raises(CaseArchiveError, match="same slug"):
        mirc.export(a_set(twin, twin), tmp_path, {})


def test_the_option_quiz_takes_no_value(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'quiz' has no value"):
        mirc.export(a_set(), tmp_path, {"quiz": "maybe"})
