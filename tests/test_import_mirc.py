"""MIRC teaching files come in: ours as equal as can be, those of others with every word, hostile ones not at all."""

from __future__ import annotations

import re
import shutil
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import helpers
import pytest
from hypothesis import example, given, settings
from recordcases import LOSSES, cases, lost
from teachingsets import CASES, a_set, clip, full_case, speckle

from casearchive import Archive, record
from casearchive.exporters import mirc as exporter
from casearchive.importers import mirc
from casearchive.ingest import teachingfiles
from casearchive.ingest.run import Summary
from casearchive.model import Case, Diagnosis, Media, Outcome, Story
from casearchive.record.elements import NAMESPACE
from casearchive.teaching import TeachingCase

FULL = "rectus-femoris-complete-tear"
SAMPLES = Path(__file__).parent.parent / "cases"

#: In the style of what MIRC's authoring tools write: sections, a patient, HTML, several forms of each picture.
FOREIGN = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- written elsewhere -->
<MIRCdocument display="mstf" docref="">
  <title>Velvet foot after a jump</title>
  <alternative-title>Sore heel</alternative-title>
  <author><name>B. Invented</name><affiliation>Hospital of the Marsh</affiliation>
    <contact>b@example.org</contact></author>
  <author><name>C. Invented</name><affiliation>Hospital of the Marsh</affiliation></author>
  <abstract><p>A jumper's heel.</p></abstract>
  <keywords>heel, jumping; marsh</keywords>
  <level>Intermediate</level>
  <category>Musculoskeletal</category>
  <section heading="History">
    <patient><pt-name>Orsino Quillfeather</pt-name><pt-mrn>SE-4711</pt-mrn><pt-age><years>45</years></pt-age>
      <pt-sex>Male</pt-sex></patient>
    <p>Heard a <b>snap</b> &amp; fell.<br/>Could not stand.</p>
  </section>
  <section heading="Findings"><p>Complete tear of the left Achilles tendon; gap 20 mm.</p>
    <table><tr><td>Gap</td><td>20 mm</td></tr></table> See <show image="2"/>.</section>
  <section heading="Diagnosis"><diagnosis>Achilles tendon rupture</diagnosis>
    <confirmation>Surgery</confirmation></section>
  <section heading="Ddx"><ol><li>Plantaris tear</li><li>Tennis leg</li></ol></section>
  <section heading="Discussion"><p>Read <a href="https://example.org/x">this</a>.</p><script>alert(1)</script></section>
  <section heading="Embryology"><p>Not needed.</p></section>
  <pathology-report>Frayed fibres.</pathology-report>
  <image-section heading="Images">
    <image src="a.jpg" width="700"><alternative-image role="icon" src="a_icon.jpg"/>
      <alternative-image role="original-dimensions" src="a_base.jpeg"/>
      <alternative-image role="original-format" src="IMG1.DCM"/>
      <image-caption display="always">The gap.</image-caption></image>
    <image src="b.png" href="http://example.org/b"><image-caption display="click">Normal side.</image-caption></image>
    <image src="gone.jpg"><image-caption>After surgery.</image-caption></image>
  </image-section>
  <quiz><question><question-body>What now?</question-body>
    <answer><answer-body>Wait</answer-body><response>No. It retracts.</response></answer>
    <answer><answer-body>Sew</answer-body><response><p>Correct! Within two weeks.</p></response></answer>
  </question></quiz>
  <references><reference>An almanac, 2031.</reference></references>
  <code coding-system="SNOMED CT">61352006<meaning>Achilles tendon</meaning></code>
  <authorization><owner>b_invented</owner><read>*</read></authorization>
</MIRCdocument>
"""
BESIDE = ("a.jpg", "a_icon.jpg", "a_base.jpeg", "img1.dcm", "b.png")


def among(*names: str) -> mirc.Beside:
    return lambda asked: next((name for name in names if name.casefold() == asked.casefold()), None)


def read(text: str, *names: str) -> mirc.Document:
    return mirc.read(text.encode(), among(*names))


def body(inside: str) -> str:
    return f"<MIRCdocument><title>T</title>{inside}</MIRCdocument>"


# --------------------------------------------------------------------------------------------- documents of others


@pytest.fixture(scope="module")
def foreign() -> mirc.Document:
    return read(FOREIGN, *BESIDE)


def test_words_go_where_a_record_has_a_field_for_them(foreign: mirc.Document) -> None:
    case = foreign.told.case
    assert (case.title, case.quiz_title, case.difficulty) == (
        "Velvet foot after a jump",
        "Sore heel",
        "intermediate",
    )
    assert (case.author.name, case.author.affiliation) == (
        "B. Invented; C. Invented",
        "Hospital of the Marsh",
    )
    assert (case.patient.age, case.patient.sex) == ("45 Y", "M")
    assert case.category == ("musculoskeletal",)
    assert {"heel", "jumping", "marsh", "Achilles tendon"} <= set(case.tags)
    assert case.story.history == "Heard a snap & fell.\n\nCould not stand."
    assert case.story.differential == ("Plantaris tear", "Tennis leg")
    assert case.story.references == ("An almanac, 2031.",)
    (made,) = case.story.diagnosis
    assert (made.side, made.certainty, made.confirmed_by) == ("unknown", "definite", "Surgery")
    assert made.what == "Achilles tendon rupture", "the words, as no concept has just this name"
    (asked,) = case.quiz
    assert (asked.options, asked.answer) == (("Wait", "Sew"), 2)
    assert (asked.why, asked.reasons) == ("", ("It retracts.", "Within two weeks."))


def test_findings_in_prose_stay_prose(foreign: mirc.Document) -> None:
    case = foreign.told.case
    assert case.findings == ()
    assert "Findings:\nComplete tear of the left Achilles tendon; gap 20 mm." in case.story.discussion
    assert "Gap | 20 mm" in case.story.discussion
    assert "See [image 2] ." in case.story.discussion
    assert any("none was made a finding" in note for note in foreign.told.notes)


def test_what_nobody_knows_is_kept_under_its_name_and_told(foreign: mirc.Document) -> None:
    discussion = foreign.told.case.story.discussion
    assert "Pathology report:\nFrayed fibres." in discussion
    assert "Embryology:\nNot needed." in discussion
    assert "this (https://example.org/x)." in discussion
    assert "alert" not in discussion
    assert any("pathology-report" in note for note in foreign.told.notes)


def test_who_the_patient_is_is_not_taken_and_not_printed(foreign: mirc.Document) -> None:
    everything = record.dumps(foreign.told.case) + "\n".join(foreign.told.notes)
    for told in ("Quillfeather", "Orsino", "4711", "b_invented"):
        assert told not in everything
    assert "not taken, since it says who the patient is: pt-mrn, pt-name" in foreign.told.notes


def test_who_the_patient_is_is_not_taken_from_within_other_words() -> None:
    told = read(
        body(
            '<section heading="History"><p>Fell over <b visible="phi-restricted">Quillfeather</b> his dog.</p>'
            '<patient><pt-note visible="phi-restricted">Quillfeather, Marsh Lane</pt-note></patient></section>'
            '<image src="a.jpg"><image-caption>Knee of <phi>Quillfeather</phi> today</image-caption>'
            '<image-caption visible="phi-restricted">Quillfeather</image-caption></image>'
            '<section heading="Diagnosis"><diagnosis>Gout</diagnosis>'
            "<confirmation>By <pt-name>Quillfeather</pt-name> himself</confirmation></section>"
            '<quiz><question visible="phi-restricted"><question-body>Quillfeather?</question-body></question></quiz>'
        ),
        "a.jpg",
    ).told
    assert "Quillfeather" not in str(told)
    assert told.case.story.history == "Fell over his dog."
    assert told.case.media[0].caption == "Knee of today"
    assert told.case.story.diagnosis[0].confirmed_by == "By himself"
    assert told.case.quiz == ()


@pytest.mark.parametrize(
    ("responses", "answer", "reasons"),
    [
        (("No fluid is seen here.", "Correct! A gap."), 2, ("No fluid is seen here.", "A gap.")),
        (("False negatives are common.", "Yes - a gap."), 2, ("False negatives are common.", "a gap.")),
        (("Right-sided gout would shine.", "That is it."), None, ("Right-sided gout would shine.", "That is it.")),
        (("Right is normal.", "Left is torn."), None, ("Right is normal.", "Left is torn.")),
        (("Good thought, yet there is none.", "It is."), None, ("Good thought, yet there is none.", "It is.")),
        (("Wrong", "Right"), 2, ()),
        (("<p>No</p><p>It heals.</p>", "<p>Correct</p><p>A gap.</p>"), 2, ("It heals.", "A gap.")),
        (("Sorry, there is none.", "Right answer: a gap."), 2, ("there is none.", "a gap.")),
    ],
)  # fmt: skip
def test_only_a_word_that_stands_for_itself_says_which_answer_is_right(
    responses: tuple[str, str], answer: int | None, reasons: tuple[str, ...]
) -> None:
    answers = "".join(
        f"<answer><answer-body>{n}</answer-body><response>{text}</response></answer>"
        for n, text in enumerate(responses)
    )
    (asked,) = read(
        body(f"<quiz><question><question-body>Which?</question-body>{answers}</question></quiz>")
    ).told.case.quiz
    assert (asked.answer, asked.reasons) == (answer, reasons)


def test_the_best_form_of_each_picture_is_taken(foreign: mirc.Document) -> None:
    assert [(m.id, m.file, m.caption) for m in foreign.told.case.media] == [
        ("M1", "img1.dcm", "The gap."), ("M2", "b.png", "Normal side."),
    ]  # fmt: skip
    assert foreign.passed == ("a.jpg", "a_base.jpeg", "a_icon.jpg")


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("o.dcm", "f.avi", "w.png", "s.jpg"), "o.dcm"),
        (("f.avi", "w.png", "s.jpg"), "f.avi"),
        (("w.png", "s.jpg"), "w.png"),
        (("s.jpg",), "s.jpg"),
    ],
)
def test_what_is_best_depends_on_what_is_there(there: tuple[str, ...], chosen: str) -> None:
    image = (
        '<image src="s.jpg" href="f.avi"><alternative-image role="original-dimensions" src="w.png"/>'
        '<alternative-image role="original-format" src="o.dcm"/></image>'
    )
    found = read(body(image), *there)
    assert [m.file for m in found.told.case.media] == [chosen]
    assert set(found.passed) == set(there) - {chosen}


def test_a_picture_that_is_not_there_costs_nothing_but_itself(foreign: mirc.Document) -> None:
    assert "After surgery." in foreign.told.case.story.discussion
    assert any(note.startswith("image 3 is left out: “gone.jpg”") for note in foreign.told.notes)


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("Achilles tendon rupture", "definite"),
        ("Probable gout", "probable"),
        ("Possible tennis leg", "possible"),
    ],
)
def test_a_doubt_in_the_words_of_a_diagnosis_is_kept(text: str, certainty: str) -> None:
    (made,) = read(body(f"<diagnosis>{text}</diagnosis>")).told.case.story.diagnosis
    assert made.certainty == certainty


def test_a_diagnosis_that_denies_stays_prose() -> None:
    case = read(body("<diagnosis>No fracture</diagnosis>")).told.case
    assert case.story.diagnosis == ()
    assert "Diagnosis:\nNo fracture" in case.story.discussion


def test_a_record_of_a_foreign_document_is_a_draft_that_reads_back(foreign: mirc.Document) -> None:
    case = replace(foreign.told.case, slug="x")
    assert case.status == "draft"
    assert record.loads(record.dumps(case), slug="x") == case


def test_the_same_words_in_a_section_and_for_indexing_are_taken_once() -> None:
    case = read(body('<section heading="History"><p>Fell.</p></section><history>Fell.</history>')).told.case
    assert case.story.history == "Fell."


# ------------------------------------------------------------------------------------------------------- hostile ones

LAUGHS = '<!DOCTYPE MIRCdocument [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS + body("<p>&b;</p>"), "DOCTYPE"),
        ('<!DOCTYPE MIRCdocument SYSTEM "file:///etc/passwd">' + body(""), "DOCTYPE"),
        ('<!DOCTYPE MIRCdocument [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + body("&x;"), "DOCTYPE"),
        (body("<p>" * 5000 + "</p>" * 5000), "nested"),
        (body("<p/>" * 200_000), "nested more than"),
        (body("<p>" + "x" * (5 << 20) + "</p>"), "larger than 4 MiB"),
        (body("<p>&nbsp;</p>"), "not well-formed XML: line 1"),
        ("<MIRCdocument><title>T</title>", "not well-formed"),
        ('<?xml version="1.0" encoding="klingon"?>' + body(""), "well-formed|encoding"),
        ("<MIRCquery/>", "root is <MIRCquery>"),
        ("", "not well-formed"),
    ],
)  # fmt: skip
def test_hostile_and_broken_documents_are_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(mirc.Refused, match=why):
        read(text)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret.png", "a/../../secret.png", "C:\\x.png", "C:x.png", "..\\secret.png", "\\\\host\\x.png",
     "http://example.org/x.png", "file:///etc/passwd", "//host/x.png", "%2e%2e/secret.png", "data:image/png;base64,AA"],
)  # fmt: skip
def test_a_name_that_leads_out_of_the_folder_is_told_and_never_asked_for(name: str) -> None:
    def never(asked: str) -> str | None:
        assert ".." not in asked and not asked.startswith("/") and ":" not in asked, asked
        return None

    found = mirc.read(body(f'<image src="{name}"/>').encode(), never)
    assert found.told.case.media == ()
    assert any("image 1" in note for note in found.told.notes)


@pytest.mark.parametrize("slug", ["../up", "A B", "", "x" * 200])
def test_a_slug_that_is_none_is_not_believed(slug: str) -> None:
    text = body(f'<ca:case xmlns:ca="{NAMESPACE}" id="{slug}"/>')
    assert read(text).told.case.slug == ""


def test_facts_that_a_record_cannot_hold_are_left_out_one_by_one() -> None:
    ours = (
        f'<ca:case xmlns:ca="{NAMESPACE}" id="x" status="holy">'
        '<ca:finding id="F1" abnormality="tear" side="sinister"><ca:evidence image="7"/></ca:finding>'
        '<ca:measurement what="gap" value="nan"/><ca:measurement value="3"/><ca:unheard of="it"/></ca:case>'
    )
    found = read(body(ours))
    (finding,) = found.told.case.findings
    assert (finding.id, finding.side, finding.evidence) == ("F1", "unknown", ())
    assert (found.told.case.status, found.told.case.measurements) == ("draft", ())
    assert any("sinister" in note for note in found.told.notes)


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (b"<MIRCdocument>", True),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <x> -->\n<MIRCdocument display="mstf">', True),
        ("\ufeff<MIRCdocument/>".encode("utf-16-le"), True),
        (b"<!DOCTYPE MIRCdocument SYSTEM 'x'><m:MIRCdocument>", True),
        (b"<MIRCdocuments>", False),
        (b"<html><MIRCdocument>", False),
        (b"<!-- never ends <MIRCdocument>", False),
        (b"<?a?>" * 900, False),
        (b"", False),
    ],
)
def test_a_document_is_known_by_its_first_bytes(head: bytes, is_one: bool) -> None:
    assert mirc.is_document(head) is is_one


# ------------------------------------------------------------------------------------------------------------ our own


def written(case: Case, folder: Path, **options: str) -> dict[str, bytes]:
    """The members of the zip that a case with two clips becomes."""
    (folder / "staging").mkdir(parents=True)
    (folder / "out").mkdir()
    clips = (clip(folder / "staging", "M1", speckle(5, rows=9, columns=9)),
             clip(folder / "staging", "M2", speckle(1, rows=9, columns=9)))  # fmt: skip
    exporter.export(a_set(TeachingCase(case, clips)), folder / "out", options)
    (path,) = (folder / "out").iterdir()
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def back(held: dict[str, bytes], change: Callable[[str], str] = str) -> mirc.Document:
    return mirc.read(change(held["MIRCdocument.xml"].decode()).encode(), among(*held))


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_a_case_comes_back_equal_but_for_what_is_listed(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert record.loads(record.dumps(case), slug="any") == case, "the strategy makes what archives hold"
    found = back(written(case, tmp_path_factory.mktemp("any")))
    assert lost("mirc", case, found.told.case) == []
    assert found.told.notes == ()


def test_what_is_listed_as_lost_is_lost(tmp_path: Path) -> None:
    """So that the list never names more than is true."""
    from recordcases import differences

    case = full_case()
    case = replace(
        case, hold="expert review", author=replace(case.author, contact="ada@example.org"),
        consent=replace(case.consent, scope="teaching", until="2028-01-01", reference="shelf 3"),
        media=tuple(replace(m, file="x.dcm", sha256="ab" * 32, name="x.dcm") for m in case.media),
    )  # fmt: skip
    found = back(written(case, tmp_path))
    assert {name for name, *_ in differences(case, found.told.case)} == set(LOSSES["mirc"])


@settings(max_examples=25, deadline=None)
@example(case=Case("any", "", story=Story(diagnosis=(Diagnosis("0\n0"),)), media=(Media("M1"), Media("M2"))))
@given(case=CASES)
def test_whatever_goes_out_comes_back_as_a_record(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for options in ({}, {"quiz": ""}):
        found = back(written(case, tmp_path_factory.mktemp("any"), **options)).told.case
        held = replace(found, slug="any")
        assert record.loads(record.dumps(held), slug="any") == held
        assert len(found.media) == 2


def test_words_changed_elsewhere_win_over_our_facts(tmp_path: Path) -> None:
    held = written(full_case(), tmp_path)
    changed = back(held, lambda text: re.sub("<li>Complete tear of the right rectus femoris muscle, definite[^<]*",
                                             "<li>Partial tear of the left soleus", text))  # fmt: skip
    case = changed.told.case
    assert [d.what for d in case.story.diagnosis] == ["Partial tear of the left soleus"]
    assert (case.status, case.slug) == ("draft", "velvet-tear")
    assert any(note.startswith("story.diagnosis[1] was left out") for note in changed.told.notes)
    assert case.findings == back(held).told.case.findings, "nothing else changes"


def test_a_finding_changed_elsewhere_goes_with_its_measurements_and_stays_as_words(tmp_path: Path) -> None:
    held = written(full_case(), tmp_path)
    changed = back(held, lambda text: text.replace("Probable retraction of", "No retraction of")).told.case
    assert [f.id for f in changed.findings] == ["F1", "F3", "F4", "F5"]
    assert "Findings:\n- No retraction of" in changed.story.discussion
    assert [m.what for m in changed.measurements] == ["gap", "csa", "volume"]
    gone = back(held, lambda text: text.replace("Seen twice.", "Seen once.")).told.case
    assert "F1" not in [f.id for f in gone.findings]
    assert [m.what for m in gone.measurements] == ["volume"]


def test_prose_title_and_captions_are_what_the_document_says(tmp_path: Path) -> None:
    held = written(full_case(), tmp_path)
    changed = back(
        held, lambda text: text.replace("Limped home.", "Rode home.").replace("The ends part.", "They part.")
    )
    case = changed.told.case
    assert case.story.history == "Danced until dawn.\n\nRode home."
    assert (case.media[0].caption, case.media[0].plane) == ("They part.", "long_axis")
    assert case.status == "ready"


def test_a_document_laid_out_anew_tells_the_same(tmp_path: Path) -> None:
    held = written(full_case(), tmp_path)
    again = back(held, lambda text: ET.canonicalize(text, strip_text=True))
    assert again == back(held)


def test_places_in_a_picture_hold_for_the_original_alone(tmp_path: Path) -> None:
    held = written(full_case(), tmp_path)
    found = mirc.read(held["MIRCdocument.xml"], among(*(set(held) - {"01.dcm"})))
    case = found.told.case
    assert [m.file for m in case.media] == ["01-moving.webp", "02.dcm"]
    assert {e.media for f in case.findings for e in f.evidence} == {"M2"}
    assert case.media[0].key_frame is None
    assert any("M1 was left out" in note for note in found.told.notes)


def test_a_learners_document_comes_back_as_the_little_that_it_is(tmp_path: Path) -> None:
    case = back(written(full_case(), tmp_path, quiz="")).told.case
    assert (case.title, case.findings, case.story.diagnosis) == ("Sore thigh after a barn dance", (), ())
    assert [m.file for m in case.media] == ["01.dcm", "02.dcm"]
    asked = case.quiz[0]
    assert (asked.answer, asked.why) == (2, "")
    assert asked.reasons == ("Weeks are lost.", "Only movement tells. It widens.")


# ------------------------------------------------------------------------------------------------------- through ingest


def take(archive: Archive, *paths: Path) -> tuple[Summary, dict[str, Outcome]]:
    found: list[Outcome] = []
    summary = archive.ingest(paths, report=found.append, workers=0)
    assert len({o.path for o in found}) == len(found), "every path is told once"
    assert archive.verify(full=True).faults == ()
    return summary, {re.split(r"[/\\!]", o.path)[-1]: o for o in found}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


@pytest.fixture
def marsh(tmp_path: Path) -> Path:
    """A foreign teaching file in a folder."""
    folder = tmp_path / "Marsh Heel"
    folder.mkdir()
    (folder / "doc 7.xml").write_text(FOREIGN, "utf-8")
    helpers.dicom(folder / "img1.dcm", seed=1)
    for seed, name in enumerate(("a.jpg", "a_icon.jpg", "a_base.jpeg", "b.png", "unnamed.png"), 2):
        helpers.picture(folder / name, seed=seed)
    return folder


def test_a_foreign_folder_becomes_a_case_and_each_picture_is_taken_once(
    archive: Archive, marsh: Path
) -> None:
    summary, told = take(archive, marsh)
    assert (summary.failed, summary.cases) == (0, 1)
    assert {name for name, o in told.items() if o.outcome == "added"} == {
        "img1.dcm",
        "b.png",
        "unnamed.png",
        "doc 7.xml",
    }
    for name in ("a.jpg", "a_icon.jpg", "a_base.jpeg"):
        assert (told[name].outcome, told[name].reason) == ("skipped", "other-form")
        assert told[name].message == "another form of a picture that is taken"
    case = record.loads(archive.record_text("marsh-heel"), slug="marsh-heel")
    assert [m.name for m in case.media] == ["img1.dcm", "b.png"]
    assert case.status == "draft"
    assert any("pt-name" in note for note in told["doc 7.xml"].notes)
    assert not any("Quillfeather" in str(o) for o in told.values())
    again, told = take(archive, marsh)
    assert (again.added, again.failed, told["doc 7.xml"].outcome) == (0, 0, "known")


def test_a_foreign_zip_is_taken_as_its_folder_is(archive: Archive, marsh: Path, tmp_path: Path) -> None:
    packed = tmp_path / "download.zip"
    helpers.zipped(packed, {f"inner/{p.name}": p.read_bytes() for p in marsh.iterdir()})
    summary, told = take(archive, packed)
    assert (summary.failed, summary.cases, summary.skipped) == (0, 1, 3)
    assert told["doc 7.xml"].case == "inner"
    assert take(archive, packed)[0].added == 0


def test_the_document_alone_brings_the_pictures_it_names(archive: Archive, marsh: Path) -> None:
    _, told = take(archive, marsh / "doc 7.xml")
    assert set(told) == {"img1.dcm", "b.png", "doc 7.xml"}
    assert told["doc 7.xml"].case == "marsh-heel"


def test_what_many_documents_say_is_not_kept_while_their_zip_is_looked_through(tmp_path: Path) -> None:
    """A small zip may hold more words than there is memory, and thousands of documents in one folder."""
    wide = body(f"<!--{' ' * 3_000_000}-->").encode()
    packed = helpers.zipped(tmp_path / "wide.zip", {f"{n}.xml": wide for n in range(12)})
    tracemalloc.start()
    try:
        with zipfile.ZipFile(packed) as archive:
            members = {member.filename: member for member in archive.infolist()}
            found = teachingfiles.in_zip(archive, members, (zipfile.BadZipFile,))
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.forms) == 12 and kept < 2_000_000 and most < 20_000_000, (kept, most)
    assert not any(found.alone(name) for name in found.forms)


def test_several_documents_in_one_folder_are_a_case_each(archive: Archive, marsh: Path) -> None:
    (marsh / "other.xml").write_text(body('<image src="a.jpg"/>'), "utf-8")
    (marsh / "plain.xml").write_text("<x/>")
    summary, told = take(archive, marsh)
    assert (summary.failed, summary.cases) == (0, 2)
    assert {told["doc 7.xml"].case, told["other.xml"].case} == {"marsh-heel-doc-7", "marsh-heel-other"}
    assert told["a.jpg"].outcome == "added", "chosen by one, though passed over by the other"
    assert told["plain.xml"].reason == "not-an-image"


def test_a_document_that_is_refused_leaves_its_pictures_to_be_taken(archive: Archive, marsh: Path) -> None:
    (marsh / "doc 7.xml").write_text(LAUGHS + body('<image src="a.jpg"/>'), "utf-8")
    summary, told = take(archive, marsh)
    assert (summary.failed, told["doc 7.xml"].reason) == (1, "record-invalid")
    assert "DOCTYPE" in told["doc 7.xml"].message
    assert told["a.jpg"].outcome == told["a_icon.jpg"].outcome == "added"


def test_a_picture_that_comes_later_is_put_into_the_case(archive: Archive, marsh: Path) -> None:
    take(archive, marsh)
    helpers.picture(marsh / "gone.jpg", seed=90)
    _, told = take(archive, marsh)
    assert (told["doc 7.xml"].outcome, told["gone.jpg"].outcome) == ("added", "added")
    case = record.loads(archive.record_text("marsh-heel"), slug="marsh-heel")
    assert [m.caption for m in case.media] == ["The gap.", "Normal side.", "After surgery."]


def test_where_the_best_form_is_damaged_the_next_best_is_taken_and_told(
    archive: Archive, marsh: Path, tmp_path: Path
) -> None:
    (marsh / "img1.dcm").write_bytes((marsh / "img1.dcm").read_bytes()[:600])
    (marsh / "a_base.jpeg").write_bytes(b"no picture")
    packed = helpers.zipped(tmp_path / "marsh heel.zip", {p.name: p.read_bytes() for p in marsh.iterdir()})
    for place, where in ((marsh, archive), (packed, Archive.create(tmp_path / "other"))):
        summary, told = take(where, place)
        assert (summary.failed, summary.cases) == (2, 1)
        assert (told["img1.dcm"].outcome, told["img1.dcm"].reason) == ("failed", "truncated")
        assert (told["a_base.jpeg"].outcome, told["a_base.jpeg"].reason) == ("failed", "not-an-image")
        assert (told["a.jpg"].outcome, told["a_icon.jpg"].reason) == ("added", "other-form")
        why = "image 1: “img1.dcm” and “a_base.jpeg” could not be taken; “a.jpg” was taken instead"
        assert [note for note in told["doc 7.xml"].notes if "instead" in note] == [why]
        case = record.loads(where.record_text("marsh-heel"), slug="marsh-heel")
        assert [(m.name, m.caption) for m in case.media] == [("a.jpg", "The gap."), ("b.png", "Normal side.")]
        again, told = take(where, place)
        assert (again.added, again.known, told["doc 7.xml"].outcome) == (0, 4, "known")


def test_a_small_picture_is_better_than_none_and_is_told(archive: Archive, marsh: Path) -> None:
    for name in ("img1.dcm", "a_base.jpeg"):
        (marsh / name).unlink()
    (marsh / "a.jpg").write_bytes(b"no picture")
    _, told = take(archive, marsh)
    assert (told["a.jpg"].outcome, told["a_icon.jpg"].outcome) == ("failed", "added")
    assert "image 1: “a.jpg” could not be taken; “a_icon.jpg” was taken instead" in told["doc 7.xml"].notes
    (marsh / "a.jpg").unlink()
    _, told = take(Archive.create(archive.path.parent / "other"), marsh)
    assert told["a_icon.jpg"].outcome == "added"
    why = "image 1: only “a_icon.jpg” is there, which is small or drawn on"
    assert why in told["doc 7.xml"].notes


def test_where_no_form_can_be_read_each_is_told_and_the_picture_left_out(
    archive: Archive, marsh: Path
) -> None:
    forms = ("img1.dcm", "a_base.jpeg", "a.jpg", "a_icon.jpg")
    for name in forms:
        (marsh / name).write_bytes(b"no picture")
    summary, told = take(archive, marsh)
    assert summary.failed == 4 == sum(told[name].outcome == "failed" for name in forms)
    assert any(note.startswith("image 1 is left out: “IMG1.DCM”") for note in told["doc 7.xml"].notes)
    case = record.loads(archive.record_text("marsh-heel"), slug="marsh-heel")
    assert [m.name for m in case.media] == ["b.png"]


def test_the_document_alone_brings_the_next_best_form_too(archive: Archive, marsh: Path) -> None:
    (marsh / "img1.dcm").write_bytes(b"no picture")
    _, told = take(archive, marsh / "doc 7.xml")
    assert {name: o.outcome for name, o in told.items()} == {
        "img1.dcm": "failed", "a_base.jpeg": "added", "b.png": "added", "doc 7.xml": "added",
    }  # fmt: skip


@pytest.mark.parametrize("zipped", [False, True])
def test_accents_of_names_may_be_composed_otherwise_than_a_document_writes_them(
    archive: Archive, tmp_path: Path, zipped: bool
) -> None:
    folder = tmp_path / "heel"
    image = (
        '<image src="talón.jpg"><alternative-image role="original-dimensions" src="TALÓN große.png"/></image>'
    )
    helpers.picture(folder / unicodedata.normalize("NFD", "talón.jpg"), seed=1)
    helpers.picture(folder / unicodedata.normalize("NFD", "talón große.png"), seed=2)
    (folder / "heel.xml").write_text(body(image), "utf-8")
    if zipped:
        folder = helpers.zipped(tmp_path / "heel.zip", {p.name: p.read_bytes() for p in folder.iterdir()})
    _, told = take(archive, folder)
    assert sorted(o.reason or o.outcome for o in told.values()) == ["added", "added", "other-form"]
    case = record.loads(archive.record_text("heel"), slug="heel")
    assert [unicodedata.normalize("NFC", m.name) for m in case.media] == ["talón große.png"]


def test_a_form_that_one_document_passes_over_may_be_what_another_takes(
    archive: Archive, marsh: Path
) -> None:
    (marsh / "other.xml").write_text(body('<image src="a.jpg"/>'), "utf-8")
    (marsh / "a_base.jpeg").unlink()
    (marsh / "img1.dcm").write_bytes(b"no picture")
    _, told = take(archive, marsh)
    assert told["a.jpg"].outcome == "added"
    assert "image 1: “img1.dcm” could not be taken; “a.jpg” was taken instead" in told["doc 7.xml"].notes
    assert not any("instead" in note for note in told["other.xml"].notes)


def test_a_dry_run_tells_the_form_that_would_be_taken(archive: Archive, marsh: Path) -> None:
    (marsh / "img1.dcm").write_bytes(b"no picture")
    told: list[Outcome] = []
    archive.ingest([marsh], report=told.append, workers=0, dry_run=True)
    by_name = {Path(o.path).name: o for o in told}
    assert by_name["a_base.jpeg"].outcome == "added"
    assert any("“a_base.jpeg” was taken instead" in note for note in by_name["doc 7.xml"].notes)


def test_places_told_of_a_damaged_original_are_left_out_with_it(
    exported: tuple[Case, Path], archive: Archive, tmp_path: Path
) -> None:
    with zipfile.ZipFile(exported[1]) as packed:
        held = {name: packed.read(name) for name in packed.namelist()}
    damaged = next(name for name in sorted(held) if name.endswith(".dcm"))
    held[damaged] = held[damaged][:600]
    summary, told = take(archive, helpers.zipped(tmp_path / "case.zip", held))
    assert (summary.failed, summary.cases) == (1, 1)
    assert any(f"“{damaged}” could not be taken" in note for note in told["MIRCdocument.xml"].notes)
    before, after = exported[0], record.loads(archive.record_text(FULL), slug=FULL)
    assert len(after.media) == len(before.media)
    assert after.status == "draft"
    assert after.media[0].name.startswith(damaged.removesuffix(".dcm"))
    assert all(e.media != after.media[0].id for f in after.findings for e in f.evidence)


def test_a_case_edited_since_is_left_alone(archive: Archive, marsh: Path) -> None:
    take(archive, marsh)
    archive.edit("marsh-heel", {"difficulty": "advanced"})
    before = archive.record_text("marsh-heel")
    assert take(archive, marsh)[1]["doc 7.xml"].outcome == "known"
    (marsh / "doc 7.xml").write_text(FOREIGN.replace("Velvet foot", "Silk foot"), "utf-8")
    assert take(archive, marsh)[1]["doc 7.xml"].reason == "record-conflict"
    assert archive.record_text("marsh-heel") == before


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive that holds a sample case."""
    archive = Archive.create(tmp_path_factory.mktemp("source") / "archive")
    assert archive.ingest([SAMPLES / FULL], workers=0).failed == 0
    return archive


@pytest.fixture(scope="module")
def exported(source: Archive, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Path]:
    """The case as it is in that archive, and the zip that ``export --as mirc`` makes of it."""
    out = tmp_path_factory.mktemp("exported")
    source.export([FULL], formats=["mirc"], to=out)
    (path,) = out.rglob("*.zip")
    return record.loads(source.record_text(FULL), slug=FULL), path


@pytest.mark.parametrize("unpacked", [False, True])
def test_an_export_comes_into_another_archive_as_the_same_case(
    exported: tuple[Case, Path], archive: Archive, tmp_path: Path, unpacked: bool
) -> None:
    before, path = exported
    if unpacked:
        shutil.unpack_archive(path, tmp_path / "anything")
        path = tmp_path / "anything"
    summary, told = take(archive, path)
    assert (summary.failed, summary.cases) == (0, 1)
    assert told["MIRCdocument.xml"].case == FULL, "by the name it had"
    after = record.loads(archive.record_text(FULL), slug=FULL)
    assert lost("mirc", before, after) == []
    assert len(after.media) == len(before.media) == sum(o.kind == "dicom" for o in told.values())
    assert {o.outcome for name, o in told.items() if not name.endswith((".dcm", ".xml"))} == {"skipped"}
    again, told = take(archive, path)
    assert (again.added, again.failed, told["MIRCdocument.xml"].outcome) == (0, 0, "known")


def test_two_formats_of_one_case_side_by_side_are_known_the_second_time(
    source: Archive, archive: Archive, tmp_path: Path
) -> None:
    source.export([FULL], formats=["folder", "mirc"], to=tmp_path / "out")
    take(archive, tmp_path / "out")
    before = archive.record_text(FULL)
    summary, told = take(archive, tmp_path / "out")
    assert (summary.added, summary.cases) == (0, 0)
    assert (told["case.toml"].outcome, told["MIRCdocument.xml"].outcome) == ("known", "known")
    assert archive.record_text(FULL) == before
    path = tmp_path / "out" / FULL / "folder" / FULL / "case.toml"
    path.write_text(
        path.read_text("utf-8").replace('difficulty = "', 'difficulty = "advanced" # was "', 1), "utf-8"
    )
    _, told = take(archive, tmp_path / "out")
    assert (told["case.toml"].outcome, told["MIRCdocument.xml"].outcome) == ("added", "known")
    assert 'difficulty = "advanced"' in archive.record_text(FULL)


def test_a_case_is_found_by_a_search_after_the_way_round(
    exported: tuple[Case, Path], archive: Archive
) -> None:
    take(archive, exported[1])
    assert [hit.case for hit in archive.search("complete tear rectus femoris").hits if hit.case] == [FULL]


def test_words_of_a_foreign_document_are_found_by_a_search(archive: Archive, marsh: Path) -> None:
    take(archive, marsh)
    for asked in ("achilles tear", "frayed", "snap"):
        assert [hit.case for hit in archive.search(asked).hits if hit.case] == ["marsh-heel"], asked
