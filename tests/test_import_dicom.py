"""Teaching files in DICOM come in as cases: our own as they went out, strangers' as far as they can be understood."""

from __future__ import annotations

import math
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import papers
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from papers import KEYS, annotation, item, reference
from pydicom import dcmread, dcmwrite
from teachingsets import CASES, a_set, clip, full_case, full_set, speckle

from casearchive import Archive, record
from casearchive.exporters import dicom
from casearchive.importers import measurements, teachingfile
from casearchive.importers._places import Drawn, Pictured, drawn, shapes, spans
from casearchive.model import (
    Author,
    Case,
    Coded,
    ContentItem,
    Diagnosis,
    Doppler,
    Dynamic,
    Evidence,
    Finding,
    Grade,
    Measurement,
    Media,
    Outcome,
    Paper,
    Patient,
    Pointer,
    Prior,
    Relation,
    Story,
)
from casearchive.readers._paper import paper
from casearchive.teaching import TeachingCase

#: What a teaching file in DICOM does not carry, by the field of a case file, and what becomes of it. Everything else
#: comes back as it went out (a property below).
LOST = {
    "hold": "only cases that are ready leave",
    "category": "words for ids",
    "author.contact": "an address never leaves",
    "consent.scope": "stays in its archive",
    "consent.until": "stays in its archive",
    "consent.reference": "stays in its archive",
    "patient.age": "as the pictures tell it",
    "patient.sex": "as the pictures tell it",
    "patient.activity": "not written",
    "story.symptoms": "words for ids, and a semicolon parts them",
    "story.mechanism": "words for ids, and a semicolon parts them",
    "story.differential": "words for ids",
    "story.discussion": "followed by what was thought before",
    "prior.day": "told as a sentence in the discussion",
    "prior.modality": "told as a sentence in the discussion",
    "prior.impression": "told as a sentence in the discussion",
    "prior.says": "not written",
    "prior.discordance": "told as a sentence in the discussion",
    "prior.missed": "told as a sentence in the discussion",
    "prior.note": "told as a sentence in the discussion",
    "test.test": "not written",
    "test.result": "not written",
    "test.side": "not written",
    "test.note": "not written",
    "media.file": "an archive names files by their bytes",
    "media.sha256": "the file that came in",
    "media.name": "the name of the file that came in",
    "media.day": "not written",
    "media.key_frame": "not written",
    "media.pair": "not written",
    "media.calibration": "not written",
    "finding.reviewed": "what was mined from a text does not leave",
    "quiz.question": "not written: these media tell the answers",
    "quiz.options": "not written: these media tell the answers",
    "quiz.answer": "not written: these media tell the answers",
    "quiz.why": "not written: these media tell the answers",
    "quiz.reasons": "not written: these media tell the answers",
    "quiz.ask_point": "not written: these media tell the answers",
}


def made(target: Path, staging: Path, *cases: TeachingCase) -> Path:
    target.mkdir()
    dicom.export(a_set(*cases) if cases else full_set(staging), target, {})
    return target


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full case on media; nobody writes to it."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "staging").mkdir()
    return made(folder / "out", folder / "staging")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


def taken(archive: Archive, *paths: Path, **options: Any) -> list[Outcome]:
    """Ingest, and what became of cases."""
    outcomes: list[Outcome] = []
    archive.ingest(paths, workers=0, report=outcomes.append, **options)
    return [outcome for outcome in outcomes if outcome.kind == "case"]


def files(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.rglob(f"{kind}0*"))


def records(archive: Archive) -> list[str]:
    return sorted(path.stem for path in (archive.path / "cases").glob("*.toml"))


def case_of(archive: Archive, slug: str) -> Case:
    return record.loads(archive.record_text(slug), slug=slug)


def a_paper(
    content: ContentItem, *, sop_class: str = "", maker: str = "Strange Systems", uid: str = "1.2.3"
) -> Paper:
    return Paper(uid, sop_class, "1.2", maker, content=content)


def tree(kind: str, name: str = "", *items: ContentItem, **values: Any) -> ContentItem:
    """``name`` is ``scheme value meaning``."""
    coded = Coded(name.split()[1], name.split()[0], " ".join(name.split()[2:])) if name else None
    return ContentItem(kind, "CONTAINS", coded, items=items, **values)


def code(text: str) -> Coded:
    scheme, value, *meaning = text.split()
    return Coded(value, scheme, " ".join(meaning))


def pointing(uid: str, *frames: int) -> ContentItem:
    return ContentItem("IMAGE", "SELECTED FROM", pointers=(Pointer(uid, frames),))


def a_report(*groups: ContentItem) -> Paper:
    inner = tree("CONTAINER", "DCM 126010 Imaging Measurements", *groups)
    return a_paper(tree("CONTAINER", "DCM 126000 Imaging Measurement Report", inner))


def a_group(*items: ContentItem) -> ContentItem:
    return tree("CONTAINER", "DCM 125007 Measurement Group", *items)


CLIP = {"9.1": Pictured(Media("M1"), 5, 64, 48), "9.2": Pictured(Media("M2"), 1, 64, 48)}
TEAR = tree("CODE", "DCM 121071 Finding", code=Coded("complete_tear", "99USCASE", "complete tear"))


def found(*groups: ContentItem) -> measurements.Found:
    return measurements.read([a_report(*groups)], CLIP)


# ------------------------------------------------------------------------------------------------ there and back


def test_our_own_export_comes_back_as_the_case_it_was(media: Path, archive: Archive) -> None:
    (outcome,) = taken(archive, media)
    assert (outcome.outcome, outcome.case) == ("added", "velvet-tear-of-the-rectus-its")
    back, sent = case_of(archive, outcome.case), full_case()
    assert back.title == sent.title and back.fictional and back.status == "ready"
    assert (back.quiz_title, back.difficulty, back.tags) == (sent.quiz_title, "advanced", sent.tags)
    assert back.author == Author("Ada Invented", "Imaginary Infirmary")
    assert back.story.diagnosis == sent.story.diagnosis
    assert back.story.points == sent.story.points and back.story.treatment == sent.story.treatment
    assert [m.caption for m in back.media] == ["The ends part.", "Both sides."]
    assert (back.media[0].plane, back.media[0].maneuver, back.media[1].side) == (
        "long_axis",
        "contraction",
        "bilateral",
    )
    first = back.findings[0]
    assert first == replace(sent.findings[0], evidence=tuple(reversed(sent.findings[0].evidence)))
    assert back.findings[1:4] == sent.findings[1:4]
    assert back.measurements == sent.measurements


def test_the_same_media_are_known_and_an_edited_record_stays(media: Path, archive: Archive) -> None:
    (first,) = taken(archive, media)
    path = archive.path / "cases" / f"{first.case}.toml"
    assert [o.outcome for o in taken(archive, media)] == ["known"]
    archive.edit(first.case, {"story.outcome": "Dances again."})
    edited = path.read_text()
    (again,) = taken(archive, media)
    assert (again.outcome, again.case) == ("known", first.case)
    assert path.read_text() == edited and "Dances again." in edited


def test_a_dry_run_says_the_case_and_makes_none(media: Path, archive: Archive) -> None:
    (outcome,) = taken(archive, media, dry_run=True)
    assert (outcome.outcome, outcome.case) == ("added", "velvet-tear-of-the-rectus-its")
    assert records(archive) == []


def test_documents_come_before_their_pictures_and_the_case_is_made_when_they_come_again(
    media: Path, archive: Archive
) -> None:
    documents = [*files(media, "KO"), *files(media, "SR"), *files(media, "PR")]
    (waiting,) = taken(archive, *documents)
    assert (waiting.outcome, waiting.reason) == (
        "skipped",
        "media-missing",
    ) and "none of the 2" in waiting.message
    assert taken(archive, *files(media, "IM")) == [] and records(archive) == []
    (outcome,) = taken(archive, *files(media, "KO"))
    assert outcome.outcome == "added" and len(case_of(archive, outcome.case).findings) == 5


def test_what_is_there_of_a_manifest_is_taken_and_the_rest_told(media: Path, archive: Archive) -> None:
    some = [*files(media, "KO"), *files(media, "SR"), *files(media, "PR"), files(media, "IM")[0]]
    (outcome,) = taken(archive, *some)
    assert [note for note in outcome.notes if "1 of the objects" in note], outcome
    case = case_of(archive, outcome.case)
    assert [m.id for m in case.media] == ["M1"]
    assert {e.media for f in case.findings for e in f.evidence} == {"M1"}
    (whole,) = taken(archive, media)
    assert whole.outcome == "added" and whole.case == outcome.case
    assert len(case_of(archive, whole.case).media) == 2


def test_manifests_of_two_studies_that_name_each_other_are_one_case(tmp_path: Path, archive: Archive) -> None:
    (tmp_path / "staging").mkdir()
    clips = (
        clip(tmp_path / "staging", "M1", speckle(5), uid="2.25.1"),
        clip(tmp_path / "staging", "M2", speckle(1), uid="2.25.2", study="2.25.900", series="2.25.901"),
    )
    out = made(tmp_path / "out", tmp_path / "staging", TeachingCase(full_case(), clips))
    manifests = files(out, "KO")
    assert len(manifests) == 2
    (outcome,) = taken(archive, out)
    assert outcome.outcome == "added" and len(records(archive)) == 1
    for manifest in manifests:
        (again,) = taken(archive, manifest)
        assert (again.outcome, again.case) == ("known", outcome.case)


def test_two_cases_of_one_title_have_two_names(tmp_path: Path, archive: Archive) -> None:
    (tmp_path / "staging").mkdir()
    cases = [
        TeachingCase(
            replace(full_case(), slug=slug),
            tuple(
                clip(tmp_path / "staging", m, speckle(5, seed=n), uid=f"2.25.{n}{m[1]}") for m in ("M1", "M2")
            ),
        )
        for n, slug in enumerate(("one", "two"), start=7)
    ]
    out = made(tmp_path / "out", tmp_path / "staging", *cases)
    outcomes = taken(archive, out)
    assert [o.outcome for o in outcomes] == ["added", "added"]
    assert len(records(archive)) == 2 and records(archive)[1] == f"{records(archive)[0]}-2"
    assert {o.outcome for o in taken(archive, out)} == {"known"} and len(records(archive)) == 2


# ---------------------------------------------------------------------------------------- reports by themselves


def report_alone(media: Path, target: Path) -> Path:
    target.mkdir()
    (path,) = [p for p in files(media, "SR") if dcmread(p).ConceptNameCodeSequence[0].CodeValue == "126000"]
    return Path(shutil.copy(path, target / "report.dcm"))


def test_a_report_on_pictures_of_no_case_becomes_a_draft_of_them(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    report = report_alone(media, tmp_path / "in")
    (outcome,) = taken(archive, report, *files(media, "IM"))
    case = case_of(archive, outcome.case)
    assert outcome.outcome == "added" and case.status == "draft"
    assert [f.id for f in case.findings] == ["F1", "F2", "F3", "F4", "F5"]
    assert [o.outcome for o in taken(archive, report)] == ["known"]


def test_a_report_on_pictures_of_a_case_changes_nothing_and_annotate_takes_it(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    report = report_alone(media, tmp_path / "in")
    archive.ingest(files(media, "IM"), case="mine", workers=0)
    archive.edit("mine", {"media.M2.side": "bilateral"})
    before = archive.record_text("mine")
    (outcome,) = taken(archive, report)
    assert outcome.outcome == "known" and outcome.case == "mine"
    assert f"casearchive annotate mine --from {report}" in outcome.notes[0]
    assert archive.record_text("mine") == before
    archive.import_report(report, "mine", dry_run=True, as_written=True)
    assert archive.record_text("mine") == before
    done = archive.import_report(report, "mine", as_written=True)
    assert done.saved and done.findings == 6, (done.complaints, done.notes)
    case = case_of(archive, "mine")
    assert [f.abnormality for f in case.findings][:2] == ["complete_tear", "retraction"]
    assert case.findings[0].evidence[0].best and len(case.measurements) == 3
    archive.import_report(report, "mine", as_written=True)
    assert len(case_of(archive, "mine").findings) == 5, "the same findings are not added again"


def a_stray(media: Path, tmp_path: Path, archive: Archive) -> Path:
    """A folder with a report and one of the pictures it is on, which are all in the case ``mine``."""
    archive.ingest(files(media, "IM"), case="mine", workers=0)
    report = report_alone(media, tmp_path / "in")
    shutil.copy(files(media, "IM")[0], report.parent / "picture.dcm")
    return report.parent


@pytest.mark.parametrize("zipped", [False, True])
def test_a_note_on_a_report_is_not_told_again_while_nothing_changes(
    media: Path, tmp_path: Path, archive: Archive, zipped: bool
) -> None:
    folder = a_stray(media, tmp_path, archive)
    if zipped:
        folder = Path(shutil.make_archive(str(tmp_path / "sent"), "zip", folder))
    (first,), (again,) = taken(archive, folder), taken(archive, folder)
    assert (first.reason, again.reason) == (None, "told-before")
    assert (first.outcome, again.outcome, first.case, again.case) == ("known", "known", "mine", "mine")
    assert again.notes == first.notes, "whoever asks for everything still hears of it"
    assert archive.verify(full=True).faults == ()


def test_a_note_is_told_again_where_another_case_has_the_pictures(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    folder = a_stray(media, tmp_path, archive)
    taken(archive, folder)
    archive.ingest(files(media, "IM")[:1], case="second", workers=0)
    (outcome,) = taken(archive, folder)
    assert outcome.reason is None and len(outcome.notes) == 2
    assert taken(archive, folder)[0].reason == "told-before"
    archive.edit("mine", {"difficulty": "advanced"})
    archive.reindex()
    assert taken(archive, folder)[0].reason is None, "an index made again knows nothing of what was told"


def test_a_note_that_nobody_heard_is_told_by_the_next_run(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    folder = a_stray(media, tmp_path, archive)

    class CutOff(BaseException):
        pass

    def cut_off(outcome: Outcome) -> None:
        if outcome.kind == "case":
            raise CutOff

    (planned,) = taken(archive, folder, dry_run=True)
    assert planned.reason is None
    with pytest.raises(CutOff):
        archive.ingest([folder], report=cut_off, workers=0)
    (outcome,) = taken(archive, folder)
    assert outcome.reason is None and outcome.notes == planned.notes


def test_the_command_is_silent_on_what_it_told_before_but_for_those_who_ask(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    from click.testing import CliRunner

    from casearchive.cli import cli

    folder = a_stray(media, tmp_path, archive)
    said = [
        CliRunner().invoke(cli, ["--archive", str(archive.path), "ingest", str(folder), *more]).output
        for more in ((), (), ("-v",))
    ]
    assert ["annotate mine --from" in text for text in said] == [True, False, True]


def test_the_command_takes_a_report_and_refuses_what_is_none(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    from click.testing import CliRunner

    from casearchive.cli import cli

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli, ["--archive", str(archive.path), "annotate", *words])

    report = report_alone(media, tmp_path / "in")
    archive.ingest(files(media, "IM"), case="mine", workers=0)
    archive.edit("mine", {"media.M2.side": "bilateral"})
    assert run("mine", "--from", str(report), "--as-written").exit_code == 0
    assert len(case_of(archive, "mine").findings) == 5
    refused = run("mine", "--from", str(files(media, "KO")[0]))
    assert refused.exit_code == 2 and "no DICOM measurement report" in refused.output
    assert run("--from", str(report)).exit_code == 2


def test_what_scanners_and_pacs_write_beside_pictures_makes_no_case(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    pictures = files(media, "IM")
    uid = str(dcmread(pictures[0], stop_before_pixels=True).SOPInstanceUID)
    image = item("IMAGE", image=uid)
    length = item("NUM", name=papers.LENGTH, number="12", below=[item("IMAGE", "INFERRED FROM", image=uid)])
    paths = [
        papers.report(
            tmp_path / "a.dcm", [length, image], title=("125000", "DCM", "OB-GYN Report"), uid="1.2.1"
        ),
        papers.report(
            tmp_path / "b.dcm", [length], title=("113701", "DCM", "X-Ray Radiation Dose Report"), uid="1.2.2"
        ),
        papers.report(
            tmp_path / "c.dcm", [image], sop_class=KEYS, title=("113000", "DCM", "Of Interest"), uid="1.2.3"
        ),
        papers.report(tmp_path / "d.dcm", [length], uid="1.2.4"),
        papers.state(tmp_path / "e.dcm", [reference(uid)], uid="1.2.5"),
    ]
    assert taken(archive, *paths, *pictures) == []
    assert records(archive) == []


def test_a_drawing_on_pictures_of_no_case_is_a_draft_that_somebody_must_look_at(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    picture = files(media, "IM")[0]
    uid = str(dcmread(picture, stop_before_pixels=True).SOPInstanceUID)
    marked = annotation(
        [("POLYLINE", (10.5, 10.5, 20.5, 10.5, 20.5, 30.5, 10.5, 30.5, 10.5, 10.5))], ["haematoma"]
    )
    state = papers.state(tmp_path / "state.dcm", [reference(uid)], drawn=[marked])
    (outcome,) = taken(archive, state, picture)
    (finding,) = case_of(archive, outcome.case).findings
    assert finding.abnormality == "hematoma" and not finding.reviewed
    assert finding.evidence[0].shape == "box" and finding.evidence[0].points == ((10.0, 10.0), (20.0, 30.0))
    assert "Quillfeather" not in " ".join((outcome.message, *outcome.notes))


# ------------------------------------------------------------------------------------------- strangers' documents


def test_a_planar_region_of_another_program_becomes_evidence_and_measurements(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    """As dcmqi and highdicom write TID 1500: a region on one frame, an area, an evaluation."""
    hd = pytest.importorskip("highdicom")
    import numpy as np
    from highdicom.sr import coding, content, templates, value_types
    from pydicom.sr.codedict import codes

    source = dcmread(files(media, "IM")[0])
    square = np.array([[10.5, 10.5], [30.5, 10.5], [30.5, 25.5], [20.5, 40.5], [10.5, 10.5]])
    region = content.ImageRegion(
        graphic_type=value_types.GraphicTypeValues.POLYLINE,
        graphic_data=square,
        source_image=content.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID, [2]),
    )
    right = content.FindingSite(
        anatomic_location=coding.CodedConcept("72696002", "SCT", "Knee"), laterality=codes.SCT.Right
    )
    group = templates.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=templates.TrackingIdentifier(uid=hd.UID(), identifier="Lesion 1"),
        referenced_region=region,
        finding_type=coding.CodedConcept("4147007", "SCT", "Mass"),
        measurements=[
            templates.Measurement(
                name=coding.CodedConcept("42798000", "SCT", "Area"),
                value=187.5,
                unit=codes.UCUM.SquareMillimeter,
            )
        ],
        qualitative_evaluations=[
            templates.QualitativeEvaluation(
                coding.CodedConcept("111", "99STRANGE", "Margin"),
                coding.CodedConcept("112", "99STRANGE", "Spiculated"),
            )
        ],
        finding_sites=[right],
    )
    told = templates.MeasurementReport(
        observation_context=templates.ObservationContext(
            observer_person_context=templates.ObserverContext(
                codes.DCM.Person, templates.PersonObserverIdentifyingAttributes("Thistlewood^Odo")
            )
        ),
        procedure_reported=coding.CodedConcept("16310003", "SCT", "Diagnostic ultrasonography"),
        imaging_measurements=[group],
    )
    sr = hd.sr.Comprehensive3DSR(
        evidence=[source],
        content=told,
        series_number=1,
        series_instance_uid=hd.UID(),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Strange Systems",
    )
    path = tmp_path / "strange.dcm"
    dcmwrite(path, sr, enforce_file_format=True)
    (outcome,) = taken(archive, path, *files(media, "IM"))
    case = case_of(archive, outcome.case)
    (finding,) = case.findings
    assert (finding.structure, finding.side) in (
        ("knee", "right"),
        ("knee_joint", "right"),
        ("Knee", "right"),
    )
    assert finding.evidence == (
        Evidence("M1", (2, 2), "polygon", ((10.0, 10.0), (30.0, 10.0), (30.0, 25.0), (20.0, 40.0))),
    )
    assert finding.note == "Margin: Spiculated"
    (area,) = case.measurements
    assert (area.what, area.value, area.unit, area.media, area.frame) == ("csa", 187.5, "mm2", "M1", 2)
    assert case.author.name == "Odo Thistlewood"
    assert "Thistlewood" not in " ".join((outcome.message, *outcome.notes))


def test_a_teaching_file_of_another_system_becomes_a_draft_with_all_its_words(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    uid = str(dcmread(files(media, "IM")[0], stop_before_pixels=True).SOPInstanceUID)

    def words(value: str, text: str, scheme: str = "IHERADTF") -> Any:
        return item("TEXT", name=(value, scheme, "whatever"), TextValue=text)

    information = papers.report(
        tmp_path / "words.dcm",
        [
            words("TCE101", "Dr. Odd"),
            words("TCE104", "A swollen knee"),
            words("TCE105", "knee, swelling"),
            words("121060", "Fell.", "DCM"),
            words("TCE106", "It was fluid."),
            words("TCE107", "effusion"),
            words("121071", "Fluid above the patella", "DCM"),
            words("TCE199", "Something new"),
            item(
                "CODE",
                name=("TCE109", "IHERADTF", "Category"),
                value=("TCE301", "IHERADTF", "Musculoskeletal"),
            ),
            item("CODE", name=("TCE110", "IHERADTF", "Level"), value=("TCE202", "IHERADTF", "Intermediate")),
            item("CODE", name=("112005", "DCM", "Anatomy"), value=("72696002", "SCT", "Knee")),
        ],
        sop_class=papers.BASIC,
        uid="1.2.7.1",
        title=("TCE006", "IHERADTF", "Additional Teaching File Information"),
    )
    manifest = papers.report(
        tmp_path / "manifest.dcm",
        [
            item(
                "TEXT",
                name=("113012", "DCM", "Key Object Description"),
                TextValue="Please look at the recess",
            ),
            item("IMAGE", image=uid),
            item("COMPOSITE", image="1.2.7.1"),
        ],
        sop_class=KEYS,
        uid="1.2.7.2",
        title=("TCE001", "IHERADTF", "For Teaching File Export"),
    )
    (outcome,) = taken(archive, information, manifest, *files(media, "IM"))
    case = case_of(archive, outcome.case)
    assert case.title == "A swollen knee" and case.status == "draft"
    assert len(case.media) == 1, "only what the manifest names"
    assert case.tags == ("knee", "swelling") and case.category == ("musculoskeletal",)
    assert (
        case.author.name == "Dr. Odd" and case.difficulty == "intermediate" and case.story.history == "Fell."
    )
    assert case.story.diagnosis[0].structure.startswith("knee")
    for kept in (
        "It was fluid.",
        "Please look at the recess",
        "Findings: Fluid above the patella",
        "Something new",
    ):
        assert kept in case.story.discussion
    assert any("discussion" in note for note in outcome.notes)


def test_a_code_that_nobody_knows_stays_as_its_words_and_is_told() -> None:
    told = found(
        a_group(
            tree("CODE", "DCM 121071 Finding", code=code("99ODD 1 Felted look")),
            tree("CODE", "DCM 110849 Echogenicity", code=code("99ODD 2 Velvety")),
            tree("CODE", "SCT 246112005 Severity", code=code("99ODD 3 Rather bad")),
        )
    )
    (finding,) = told.findings
    assert finding.abnormality == "Felted look" and finding.echogenicity == ("Velvety",)
    assert finding.severity == "" and "Rather bad" in finding.note
    assert any("codes the vocabulary does not know" in note for note in told.notes)
    assert not any("Felted" in note or "Rather" in note for note in told.notes)


def test_older_codes_are_read_where_they_are_the_same_concept() -> None:
    site = tree(
        "CODE",
        "SRT G-C0E3 Finding Site",
        tree("CODE", "SRT G-C171 Laterality", code=code("SRT G-A101 Left")),
        code=code("99USCASE rectus_femoris x"),
    )
    (finding,) = found(a_group(TEAR, site)).findings
    assert (finding.structure, finding.side) == ("rectus_femoris", "left")


def test_a_code_of_one_side_tells_the_side() -> None:
    site = tree("CODE", "SCT 363698007 Finding Site", code=code("MDC 7:837 Musculus rectus femoris, left"))
    (finding,) = found(a_group(TEAR, site)).findings
    assert (finding.structure, finding.side) == ("rectus_femoris", "left")


def test_groups_of_one_tracking_uid_are_one_finding() -> None:
    uid = tree("UIDREF", "DCM 112040 Tracking Unique Identifier", uid="1.2.9")
    told = found(
        a_group(uid, TEAR, replace(pointing("9.1", 2, 3), relation="CONTAINS")),
        a_group(uid, TEAR, replace(pointing("9.2"), relation="CONTAINS")),
    )
    (finding,) = told.findings
    assert finding.evidence == (Evidence("M1", (2, 3)), Evidence("M2"))


# ------------------------------------------------------------------------------------------------- places


def test_half_a_pixel_is_taken_off_and_shapes_are_those_of_a_case_file() -> None:
    picture = CLIP["9.1"]
    box = drawn("POLYLINE", (1.5, 1.5, 9.5, 1.5, 9.5, 5.5, 1.5, 5.5, 1.5, 1.5), picture)
    assert box is not None and shapes(box) == [("box", ((1.0, 1.0), (9.0, 5.0)))]
    circle = drawn("CIRCLE", (20.5, 20.5, 25.5, 20.5), picture)
    assert circle is not None and shapes(circle) == [("ellipse", ((15.0, 15.0), (25.0, 25.0)))]
    points = drawn("MULTIPOINT", (1.5, 1.5, 2.5, 2.5), picture)
    assert points is not None and shapes(points) == [("point", ((1.0, 1.0),)), ("point", ((2.0, 2.0),))]
    edge = drawn("POINT", (64.0, 0.0), picture)
    assert edge == Drawn("POINT", ((63.5, 0.0),))


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("POINT", (64.2, 1.0)),
        ("POINT", (-1.0, 1.0)),
        ("POINT", (math.nan, 1.0)),
        ("POLYLINE", (1.0, 1.0, math.inf, 2.0)),
        ("POLYLINE", (1.0,)),
        ("POLYLINE", ()),
        ("ELLIPSE", (1.0, 1.0)),
        ("STAR", (1.0, 1.0, 2.0, 2.0)),
        ("CIRCLE", (1.0, 1.0, 60.0, 40.0)),
    ],
)
def test_what_lies_outside_or_is_no_shape_is_not_drawn(kind: str, points: tuple[float, ...]) -> None:
    assert drawn(kind, points, CLIP["9.1"]) is None


def test_frames_are_ranges_and_those_beyond_the_clip_are_none() -> None:
    picture = CLIP["9.1"]
    assert spans((), picture) == [None] and spans((1, 2, 3, 4, 5), picture) == [None]
    assert spans((2, 3, 5), picture) == [(2, 3), (5, 5)]
    assert spans((4, 9), picture) == [(4, 4)] and spans((9, 0, -3), picture) is None


# ------------------------------------------------------------------------------------------------- hostile trees


def test_a_tree_of_any_depth_is_walked_and_names_that_nothing_has_are_told() -> None:
    deep = a_group(TEAR, replace(pointing("nowhere", 99), relation="CONTAINS"))
    for _ in range(5_000):
        deep = tree("CONTAINER", "", deep)
    told = measurements.read([a_paper(tree("CONTAINER", "DCM 126000 x", deep))], CLIP)
    (finding,) = told.findings
    assert finding.evidence == () and any("left out" in note for note in told.notes)


def test_manifests_that_name_themselves_and_each_other_in_circles_end(
    media: Path, tmp_path: Path, archive: Archive
) -> None:
    uid = str(dcmread(files(media, "IM")[0], stop_before_pixels=True).SOPInstanceUID)
    paths = []
    for own, other in (("1.2.7.1", "1.2.7.2"), ("1.2.7.2", "1.2.7.1")):
        path = papers.report(
            tmp_path / f"{own}.dcm",
            [item("IMAGE", image=uid), item("COMPOSITE", image=own), item("COMPOSITE", image=other)],
            sop_class=KEYS,
            uid=own,
            title=("128710", "DCM", "For Teaching File Export"),
        )
        dataset = dcmread(path)
        dataset.IdenticalDocumentsSequence = [papers._evidence(one) for one in (own, other)]
        dataset.save_as(path)
        paths.append(path)
    (outcome,) = taken(archive, *paths, *files(media, "IM"))
    assert outcome.outcome == "added" and len(records(archive)) == 1


_CODES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            code(c)
            for c in (
                "DCM 125007 g",
                "DCM 121071 f",
                "DCM 112040 t",
                "DCM 112039 i",
                "SCT 363698007 s",
                "DCM 121106 c",
                "99USCASE complete_tear tear",
                "99USCASE certainty c",
                "IHERADTF TCE107 d",
                "IHERADTF TCE104 a",
                "UCUM mm mm",
                "99USCASE scale_peetrons p",
                "SCT 410668003 Length",
                "99ODD 1 odd",
            )
        ]
    ),
    st.builds(Coded, st.text(max_size=5), st.text(max_size=5), st.text(max_size=9)),
)
_ITEMS = st.recursive(
    st.builds(
        ContentItem,
        st.sampled_from(["TEXT", "CODE", "NUM", "IMAGE", "SCOORD", "UIDREF", "", "CONTAINER"]),
        st.just("CONTAINS"),
        _CODES,
        st.text(max_size=12),
        _CODES,
        st.one_of(st.none(), st.floats()),
        _CODES,
        st.sampled_from(["", "1.2"]),
        st.sampled_from(["POINT", "POLYLINE", "ELLIPSE", "CIRCLE", "x"]),
        st.lists(st.floats(), max_size=6).map(tuple),
        st.lists(
            st.builds(
                Pointer,
                st.sampled_from(["9.1", "9.2", "nowhere"]),
                st.lists(st.integers(-3, 99), max_size=3).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    ),
    lambda below: st.builds(
        ContentItem,
        st.sampled_from(["CONTAINER", "CODE", "NUM", "SCOORD"]),
        st.just("CONTAINS"),
        _CODES,
        code=_CODES,
        number=st.one_of(st.none(), st.floats()),
        unit=_CODES,
        items=st.lists(below, max_size=4).map(tuple),
    ),
    max_leaves=12,
)


@given(
    st.lists(_ITEMS, max_size=4),
    st.lists(_ITEMS, max_size=4),
    st.sampled_from(["casearchive", "Strange Systems"]),
)
@settings(max_examples=60, deadline=None)
def test_any_tree_gives_a_case_that_its_record_can_hold(
    words: list[ContentItem], groups: list[ContentItem], maker: str
) -> None:
    report = replace(
        a_report(*(replace(g, kind="CONTAINER", name=code("DCM 125007 g")) for g in groups)), maker=maker
    )
    information = a_paper(tree("CONTAINER", "IHERADTF TCE006 x", *words), maker=maker)
    told = teachingfile.told([information, report], CLIP, "any")
    assert record.loads(record.dumps(told.case), slug="any") == told.case
    for finding in told.case.findings:
        for seen in finding.evidence:
            picture = next(p for p in CLIP.values() if p.media.id == seen.media)
            assert seen.frames is None or 1 <= seen.frames[0] <= seen.frames[1] <= picture.frames
            assert all(0 <= x <= 64 and 0 <= y <= 48 for x, y in seen.points)


# ------------------------------------------------------------------------------------------------- as a property


#: Each example writes files: a failure is shown as it was found.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("clips")
    return (
        clip(folder, "M1", speckle(5), uid="2.25.301"),
        clip(folder, "M2", speckle(1, seed=2), uid="2.25.302", series="2.25.201"),
    )


def sent_and_back(case: Case, clips: Any, target: Path) -> Case:
    dicom.export(a_set(TeachingCase(case, clips)), target, {"coding": "jpeg2000"})
    told = [p for path in sorted(target.rglob("*")) if path.is_file() and (p := paper(path)) is not None]
    frames = {"2.25.301": 5, "2.25.302": 1}
    pictures = {
        uid: Pictured(Media(f"M{n}"), count, 64, 48) for n, (uid, count) in enumerate(frames.items(), 1)
    }
    return teachingfile.told([p for p in told if teachingfile.tells(p)], pictures, case.slug).case


@given(case=CASES)
@settings(
    max_examples=15, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_record_comes_back_as_one_that_can_be_written(
    case: Case, clips: Any, tmp_path_factory: Any
) -> None:
    back = sent_and_back(case, clips, tmp_path_factory.mktemp("any"))
    assert record.loads(record.dumps(back), slug=back.slug) == back


_WORDS = st.lists(
    st.sampled_from(
        ["tear", "Größe", "日本", "a<b>&c", "(31", "mm)", "it's", '"so"', "x,y", "left: right", "مع", "\\"]
    ),
    min_size=1,
    max_size=5,
).map(lambda parts: "Word " + " ".join(parts))
_PROSE = st.lists(_WORDS, min_size=1, max_size=3).map("\n\n".join)
_STRUCTURES = st.sampled_from(["rectus_femoris", "achilles_tendon", "knee", "the velvet sheath"])
_POINT = st.tuples(st.integers(0, 63).map(float), st.integers(0, 47).map(float))
_PLACES = st.one_of(
    st.just(("", ())),
    _POINT.map(lambda p: ("point", (p,))),
    st.lists(_POINT, min_size=2, max_size=3, unique=True).map(lambda p: ("line", tuple(p))),
    st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(1, 30), st.integers(1, 20)).flatmap(
        lambda b: st.sampled_from(["box", "ellipse"]).map(
            lambda s: (s, ((float(b[0]), float(b[1])), (float(b[0] + b[2]), float(b[1] + b[3]))))
        )
    ),
    st.just(("polygon", ((1.0, 1.0), (20.0, 3.0), (9.0, 30.0)))),
)
_EVIDENCE = st.builds(
    lambda media, frames, place: Evidence(media, frames if media == "M1" else None, *place),
    st.sampled_from(["M1", "M2"]),
    st.sampled_from([None, (1, 2), (3, 3), (2, 5)]),
    _PLACES,
)


def _numbered(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(finding, id=f"F{n}") for n, finding in enumerate(findings, start=1))


_FINDINGS = st.builds(
    Finding,
    st.just(""),
    st.sampled_from(["complete_tear", "hematoma", "a felted look"]),
    structure=_STRUCTURES,
    site=st.sampled_from(["", "muscle_belly"]),
    side=st.sampled_from(["left", "right", "bilateral", "midline", "unknown"]),
    certainty=st.sampled_from(["definite", "probable", "possible", "absent", "not_assessed"]),
    severity=st.sampled_from(["", "mild", "severe", "trace"]),
    temporality=st.sampled_from(["", "acute", "historical"]),
    echogenicity=st.sampled_from([(), ("hypoechoic",), ("hypoechoic", "heterogeneous")]),
    grades=st.sampled_from([(), (Grade("peetrons", "3"),), (Grade("bamic", "2b"), Grade("heckmatt", "4"))]),
    doppler=st.sampled_from([None, Doppler("pd", 2.0)]),
    dynamic=st.sampled_from([None, Dynamic("contraction", "6 mm", "31 mm gap"), Dynamic("", "still", "")]),
    comparison=st.sampled_from(["", "contralateral"]),
    modality=st.sampled_from(["us", "mri"]),
    relations=st.sampled_from([(), (Relation("compressed_by", "piriformis"),)]),
    confirmed_by=st.sampled_from(["", "surgery", "mri"]),
    note=st.one_of(st.just(""), _PROSE),
    evidence=st.lists(_EVIDENCE, max_size=3, unique=True).map(
        lambda seen: tuple(replace(one, best=n == 0) for n, one in enumerate(seen))
    ),
)
_MEASURED = st.builds(
    Measurement,
    st.sampled_from(["gap", "csa", "thickness"]),
    st.floats(0.001, 1e6),
    st.sampled_from(["mm", "mm2", "deg"]),
    st.just("F1"),
    st.sampled_from(["", "contraction", "rest"]),
    media=st.just("M1"),
    frame=st.integers(1, 5),
    points=st.sampled_from([(), ((1.0, 2.0), (30.0, 4.0))]),
    note=st.one_of(st.just(""), _WORDS),
)
_SOUND = st.builds(
    Case,
    st.just("any"),
    _WORDS,
    quiz_title=st.one_of(st.just(""), _WORDS),
    status=st.just("ready"),
    difficulty=st.sampled_from(["", "primary", "intermediate", "advanced"]),
    tags=st.lists(_WORDS, max_size=2).map(tuple),
    fictional=st.booleans(),
    author=st.builds(Author, _WORDS, _WORDS, _WORDS),
    patient=st.just(Patient("24 Y", "F", "x")),
    story=st.builds(
        Story,
        history=_PROSE,
        technique=_PROSE,
        discussion=_PROSE,
        treatment=_PROSE,
        outcome=_PROSE,
        diagnosis=st.lists(
            st.builds(
                Diagnosis,
                st.sampled_from(["complete_tear", "felted"]),
                _STRUCTURES,
                st.sampled_from(["left", "bilateral", "unknown"]),
                st.sampled_from(["definite", "possible"]),
                st.sampled_from(["", "surgery"]),
            ),
            max_size=2,
        ).map(tuple),
        points=st.lists(_WORDS, max_size=2).map(tuple),
        pitfalls=st.lists(_WORDS, max_size=2).map(tuple),
        references=st.lists(_WORDS, max_size=2).map(tuple),
    ),
    priors=st.sampled_from([(), (Prior(-9, "mri", "a strain"),)]),
    media=st.just(
        (
            Media(
                "M1",
                caption="one",
                quiz_caption="eins",
                structure="rectus_femoris",
                side="left",
                plane="long_axis",
                mode="b_mode",
                maneuver="contraction",
                position="supine",
                day=2,
                key_frame=3,
            ),
            Media("M2", caption="two, and more", side="right"),
        )
    ),
    findings=st.lists(_FINDINGS, min_size=1, max_size=3).map(_numbered),
    measurements=st.lists(_MEASURED, max_size=2, unique_by=lambda m: (m.what, m.state)).map(tuple),
)


def fields(case: Case) -> dict[str, list[Any]]:
    """Every value of a case by its field, ``finding.severity``, in the order of the record."""
    found: dict[str, list[Any]] = {}

    def walk(values: dict[str, Any], path: str, row: str) -> None:
        for key, value in values.items():
            here = f"{path}{key}"
            if isinstance(value, dict) and not path:
                walk(value, f"{here}.", row)
            elif isinstance(value, list) and value and isinstance(value[0], dict) and not path:
                for number, one in enumerate(value):
                    walk(one, f"{here}.", str(one.get("id", number)))
            else:
                found.setdefault(here, []).append((row, value))

    walk(tomllib.loads(record.dumps(case)), "", "")
    return found


@given(case=_SOUND)
@settings(
    max_examples=25, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_not_listed_as_lost_comes_back(case: Case, clips: Any, tmp_path_factory: Any) -> None:
    sent = record.loads(record.dumps(case), slug=case.slug)
    back = fields(sent_and_back(sent, clips, tmp_path_factory.mktemp("sound")))
    for field, values in fields(sent).items():
        if field not in LOST:
            assert back.get(field) == values, field


def test_what_is_listed_as_lost_names_fields_of_a_case_file() -> None:
    def known(table: Any, path: str = "") -> Iterator[str]:
        for field in table.fields:
            here = f"{path}{field.key}"
            if field.table is not None and not path:
                yield from known(field.table, f"{here}.")
            else:
                yield here

    from casearchive.record.table import CASE

    assert set(LOST) <= set(known(CASE))


def test_what_is_listed_as_lost_does_not_come_back_as_it_was(clips: Any, tmp_path: Path) -> None:
    ids = replace(full_case().story, symptoms=("night_pain",), mechanism=("direct_blow; fall",))
    case = replace(full_case(), story=ids, category=("soft_tissue",))
    sent = record.loads(record.dumps(case), slug="velvet-tear")
    back, before = fields(sent_and_back(sent, clips, tmp_path)), fields(sent)
    assert {field for field in before if back.get(field) != before[field] and field not in LOST} <= {
        "finding.evidence"
    }
    assert not {field for field in LOST if field in before and back.get(field) == before[field]}
