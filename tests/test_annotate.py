"""Promises of annotating: written down as meant, checked before it is saved, and nobody's comments lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import helpers
import pytest
from click.testing import CliRunner, Result

from casearchive import Archive
from casearchive.cli import cli
from casearchive.model import Case, Dynamic, Finding, Measurement
from casearchive.record import loads
from casearchive.record.annotating import Annotation, Refused, revised
from casearchive.record.plain_words import understood

SLUG = "thigh"
RECORD = """\
# A remark of the author that must survive.
title  = "Partial tear of the rectus femoris"   # and one beside it
status = "ready"
fictional = true

# what was thought
[[prior]]
day = -3
modality = "mri"
impression = "strain"

[[media]]
id = "M1"
file = "loop.dcm"
caption = "Long axis"
side = "right"

[[media]]
id = "M2"
file = "still.dcm"
caption = "Short axis"

# the first finding
[[finding]]
id = "F1"   # never renamed
structure = "rectus_femoris"
abnormality = "partial_tear"
side = "right"
evidence = [{ media = "M1", frames = [1, 2], polygon = [[2, 2], [9, 2], [9, 9]] }]

[[finding]]
id = "F2"
structure = "rectus_femoris"
abnormality = "hematoma"
side = "right"

# in two states
[[measurement]]
finding = "F1"
what = "gap"
state = "rest"
value = 6
unit = "mm"
"""


def region(**more: Any) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    made = Dataset()
    made.RegionLocationMinX0, made.RegionLocationMinY0 = 0, 0
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = 39, 31
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 0
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX = made.PhysicalDeltaY = 0.05  # half a millimetre
    return Sequence([made])


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("annotating")
    helpers.dicom(home / "in" / SLUG / "loop.dcm", seed=60, frames=3, SequenceOfUltrasoundRegions=region())
    helpers.dicom(home / "in" / SLUG / "still.dcm", seed=61)
    (home / "in" / SLUG / "case.toml").write_text(RECORD, "utf-8")
    archive = Archive.create(home / "archive")
    assert archive.ingest([home / "in"], workers=0).failed == 0
    return home / "archive"


@pytest.fixture
def archive(master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    import shutil

    shutil.copytree(master, tmp_path / "archive")
    monkeypatch.setenv("CASEARCHIVE_HOME", str(tmp_path / "archive"))
    monkeypatch.chdir(tmp_path)
    return Archive.open(tmp_path / "archive")


def run(*words: str, code: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(cli, ["annotate", *words], input=stdin)
    assert result.exit_code == code, (words, result.exit_code, result.stdout, result.stderr)
    assert "Traceback" not in result.output
    return result


def case_of(archive: Archive) -> Case:
    return loads(archive.record_text(SLUG), slug=SLUG)


def finding_of(archive: Archive, name: str) -> Finding:
    return next(f for f in case_of(archive).findings if f.id == name)


# ---------------------------------------------------------------------------------------- options


def test_a_finding_in_options_is_saved_with_its_clip_and_found(archive: Archive) -> None:
    run(SLUG, "--finding", "complete tear", "--structure", "vastus intermedius", "--side", "right",
        "--media", "M1", "--frames", "1-3", "--box", "2,2,9,9", "--grade", "peetrons=3", "--best")  # fmt: skip
    made = finding_of(archive, "F3")
    assert (made.abnormality, made.structure, made.side) == ("complete_tear", "vastus_intermedius", "right")
    assert made.evidence[0].frames == (1, 3) and made.evidence[0].shape == "box" and made.evidence[0].best
    assert [(g.scale, g.value) for g in made.grades] == [("peetrons", "3")]
    hit = archive.search("vastus intermedius complete tear").hits[0]
    assert hit.case == SLUG and hit.media[0].frames == (1, 3)
    assert [e.event for e in archive.log(SLUG)][-1] == "case-annotated"
    assert not archive.verify(full=True).faults


def test_a_side_that_is_not_said_is_that_of_the_clip_and_this_is_told(archive: Archive) -> None:
    said = run(SLUG, "--finding", "edema", "--structure", "RF", "--media", "M1").stderr
    assert finding_of(archive, "F3").side == "right" and "that of the clip" in said


def test_a_change_touches_what_it_names_and_nothing_else(archive: Archive) -> None:
    before = archive.record_text(SLUG)
    run(SLUG, "--change", "F1", "--severity", "moderate", "--frames", "2-3", "--media", "M1")
    after = archive.record_text(SLUG)
    removed = [line for line in before.splitlines() if line not in after.splitlines()]
    assert len(removed) == 1 and "frames = [1, 2]" in removed[0]
    assert finding_of(archive, "F1").evidence[0].shape == "polygon"


def test_comments_and_order_of_the_author_survive_everything(archive: Archive) -> None:
    run(SLUG, "--finding", "edema", "--structure", "RF", "--measure", "thickness=4mm")
    run(
        SLUG,
        "--remove",
        "F2",
        "--prior",
        "no tear",
        "--discordance",
        "missed",
        "--teaching-point",
        "Look twice.",
    )
    text = archive.record_text(SLUG)
    for remark in (
        "# A remark",
        "# and one beside",
        "# what was thought",
        "# the first",
        "# never",
        "# in two",
    ):
        assert remark in text
    assert text.index("[[prior]]") < text.index("[[media]]") < text.index("[[finding]]")


def test_remarks_inside_lists_survive_what_is_added_to_them(archive: Archive) -> None:
    text = archive.record_text(SLUG).replace(
        "evidence = [{ media", "evidence = [\n  # seen best here\n  { media", 1
    )
    text = text.replace("[9, 9]] }]", "[9, 9]] }  # at rest\n]", 1)
    story = '[story]\npoints = [\n  "One.",  # the first lesson\n]\n\n# what was thought'
    archive.replace_record(SLUG, text.replace("# what was thought", story))
    run(
        SLUG,
        "--change",
        "F1",
        "--media",
        "M2",
        "--point",
        "3,4",
        "--severity",
        "mild",
        "--teaching-point",
        "Two.",
    )
    made = archive.record_text(SLUG)
    for remark in ("# seen best here", "# at rest", '"One.",  # the first lesson'):
        assert remark in made
    assert [e.media for e in finding_of(archive, "F1").evidence] == ["M1", "M2"]
    assert case_of(archive).story.points == ("One.", "Two.")


def test_ids_are_never_given_twice(archive: Archive) -> None:
    run(SLUG, "--finding", "edema", "--structure", "RF")
    run(SLUG, "--remove", "F3")
    run(SLUG, "--finding", "edema", "--structure", "RF")
    assert [f.id for f in case_of(archive).findings] == ["F1", "F2", "F4"]
    text = archive.record_text(SLUG)
    archive.replace_record(
        SLUG, text[: text.index('[[finding]]\nid = "F4"')] + text[text.index("# in two") :]
    )
    archive.reindex(workers=1)
    run(SLUG, "--finding", "edema", "--structure", "RF")
    assert [f.id for f in case_of(archive).findings][-1] == "F5"


def test_what_belongs_to_a_finding_goes_with_it_or_alone(archive: Archive) -> None:
    run(SLUG, "--change", "F1", "--measure", "gap=31mm", "--state", "contraction")
    run(SLUG, "--remove", "F1/gap", code=2)
    run(SLUG, "--remove", "F1/gap@contraction", "--remove", "F1/M1")
    assert [m.state for m in case_of(archive).measurements] == ["rest"]
    assert finding_of(archive, "F1").evidence == ()
    assert "went with it" in run(SLUG, "--remove", "F1").stderr
    assert case_of(archive).measurements == ()
    run(SLUG, "--remove", "prior:1")
    assert case_of(archive).priors == ()


def test_what_is_seen_at_rest_and_during_a_manoeuvre_is_a_pair(archive: Archive) -> None:
    run(SLUG, "--change", "F1", "--at-rest", "6 mm defect", "--during", "31 mm gap", "--state", "contraction")
    run(SLUG, "--change", "F1", "--at-rest", "7 mm defect", "--grade", "peetrons=2", "--grade", "munich=3a")
    made = finding_of(archive, "F1")
    assert made.dynamic == Dynamic("contraction", "7 mm defect", "31 mm gap")
    assert [(g.scale, g.value) for g in made.grades] == [("peetrons", "2"), ("munich", "3A")]
    run(SLUG, "--remove", "F1/munich")
    assert [g.scale for g in finding_of(archive, "F1").grades] == ["peetrons"]


def test_a_finding_that_a_quiz_asks_for_stays(archive: Archive) -> None:
    text = archive.record_text(SLUG)
    quiz = '\n[[quiz]]\nquestion = "Where?"\nask_point = { media = "M1", frame = 1, finding = "F2" }\n'
    archive.replace_record(SLUG, text + quiz)
    assert "question 1" in run(SLUG, "--remove", "F2", code=2).stderr


def test_each_state_is_a_row_of_its_own_and_the_same_state_is_replaced(archive: Archive) -> None:
    run(
        SLUG,
        "--change",
        "F1",
        "--measure",
        "gap=7mm",
        "--measure",
        "gap=31 mm",
        "--state",
        "rest",
        "--state",
        "contraction",
    )
    run(SLUG, "--change", "F1", "--measure", "gap@contraction=3,2cm")
    rows = [(m.state, m.value, m.unit) for m in case_of(archive).measurements]
    assert rows == [("rest", 7.0, "mm"), ("contraction", 3.2, "cm")]


def test_a_prior_says_what_it_claimed_and_not_what_it_denied(archive: Archive) -> None:
    run(SLUG, "--prior", "minor strain, no haematoma", "--seen-on", "mri", "--day", "-20",
        "--discordance", "undergraded", "--missed", "complete tear")  # fmt: skip
    made = case_of(archive).priors[-1]
    assert (made.says, made.missed, made.modality, made.day) == (("strain",), ("complete_tear",), "mri", -20)
    run(SLUG, "--change", "prior:2", "--discordance", "missed")
    assert case_of(archive).priors[-1].discordance == "missed"
    assert len(case_of(archive).findings) == 2, "what was thought is never a finding"


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--change", "F1", "--structure", "rectus femorsi"), "rectus femoris"),
        (("--finding", "partail teer of"), "--finding"),
        (("--change", "F1", "--media", "M9"), "--media M9"),
        (("--change", "F1", "--media", "M1", "--frames", "2-9"), "--frames 2-9: frame 9 is beyond the clip: M1 has 3"),
        (("--change", "F1", "--media", "M1", "--box", "2,2,99,9"), "--box 2,2,99,9: 99,9 lies outside the picture"),
        (("--change", "F1", "--media", "M1", "--point", "1,2,3,4"), "--point 1,2,3,4"),
        (("--change", "F1", "--measure", "gap=3mn"), "there is no unit “mn”"),
        (("--change", "F1", "--measure", "gap=3mm2"), "is a length, not an area"),
        (("--change", "F1", "--measure", "gapp=3mm"), "--measure gapp=3mm"),
        (("--change", "F1", "--measure", "gap"), "needs a value"),
        (("--change", "F1", "--grade", "peetrons=7"), "--grade peetrons=7: peetrons has no grade 7; it has 0, 1, 2, 3"),
        (("--change", "F1", "--grade", "pd=9"), "--grade pd=9"),
        (("--change", "F1", "--grade", "peatronz=2"), "--grade peatronz=2"),
        (("--change", "F1", "--side", "Lft"), "--side Lft: 'Lft' is not known here"),
        (("--change", "F1", "--side", "lft"), "--side lft: 'lft' is not known here; did you mean 'left'?"),
        (("--change", "F1", "--side", "left"), "--side left: the finding is on the left, M1 is a picture of the right"),
        (("--change", "F1", "--certainty", "sure"), "--certainty sure"),
        (("--change", "F7", "--side", "left"), "--change F7"),
        (("--change", "F1"), "to what?"),
        (("--remove", "F9"), "--remove F9"),
        (("--remove", "prior:4"), "--remove prior:4"),
        (("--frames", "1-2"), "--media"),
        (("--change", "F1", "--media", "M1", "--frames", "2-1"), "--frames 2-1"),
        (("--side", "left"), "needs --finding"),
        (("--discordance", "missed"), "--prior"),
        (("--points", "1,2,3,4"), "--measure"),
        ((), "nothing to write down"),
        (("complete tear right RF, M1 frames 2-8",), "“frames 2-8”: frame 8 is beyond"),
        (("complete tear right RF, M9",), "M9"),
        (("wobbly right RF",), "names no finding"),
        (("left complete tear right RF",), "left and right"),
        (("complete tear right RF", "--side", "left"), "--side left: contradicts the words"),
        (("complete tear left RF, M1",), "M1 is a picture of the right"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_where_it_was_said(
    archive: Archive, words: tuple[str, ...], said: str
) -> None:
    before = helpers.tree(archive.path / "cases"), len(archive.log())
    result = run(SLUG, *words, "--yes", code=2)
    assert said in " ".join(result.stderr.split())
    assert (helpers.tree(archive.path / "cases"), len(archive.log())) == before


def test_all_that_is_wrong_is_said_at_once(archive: Archive) -> None:
    said = run(
        SLUG, "--change", "F1", "--side", "lft", "--grade", "peetrons=9", "--measure", "gap=3mn", code=2
    ).stderr
    assert all(word in said for word in ("--side lft", "--grade peetrons=9", "--measure gap=3mn"))


def test_words_that_the_vocabulary_does_not_know_are_kept_where_this_is_asked(archive: Archive) -> None:
    run(SLUG, "--finding", "wobbling", "--structure", "RF", code=2)
    run(SLUG, "--finding", "wobbling", "--structure", "RF", "--as-written")
    assert finding_of(archive, "F3").abnormality == "wobbling"


@pytest.mark.parametrize("measure", ["gap=-5mm", "csa=-1.5cm2", "volume=-3ml", "thickness=-0,1 cm"])
def test_nothing_is_smaller_than_nothing(archive: Archive, measure: str) -> None:
    assert "never less than nothing" in run(SLUG, "--change", "F1", "--measure", measure, code=2).stderr


def test_what_may_be_negative_is_taken(archive: Archive) -> None:
    run(SLUG, "--change", "F1", "--measure", "angle=-5deg", "--measure", "gap=0mm")


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (("--finding", "normal", "--structure", "soleus", "--severity", "severe"),
         "F3 is normal, and yet has the severity severe"),
        (("--finding", "tear", "--certainty", "absent", "--severity", "mild"),
         "F3 is absent, and yet has the severity mild"),
        (("--finding", "tear", "--certainty", "absent", "--grade", "peetrons=2"), "has the grade Peetrons"),
        (("--change", "F1", "--certainty", "absent"), "F1 is absent, and yet has gap at rest: 6 mm"),
        (("--finding", "teer", "--structure", "soleus"), "“teer” is taken for tear"),
        (("--finding", "tear", "--certainty", "absent", "--grade", "pd=0"), ""),
        (("--finding", "thickening", "--certainty", "absent", "--measure", "thickness=4mm"), ""),
        (("--finding", "normal", "--structure", "soleus"), ""),
        (("--finding", "rupture", "--structure", "SOL", "--severity", "severe"), ""),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_was_guessed_is_saved_with_a_note(
    archive: Archive, words: tuple[str, ...], note: str
) -> None:
    said = " ".join(run(SLUG, *words).stderr.split())
    assert note in said if note else "Note" not in said


def test_closed_words_are_taken_in_any_letters(archive: Archive) -> None:
    run(SLUG, "--finding", "edema", "--side", "R", "--certainty", "Not assessed", "--measure", "gap=3mm",
        "--measured-side", "Left")  # fmt: skip
    made = finding_of(archive, "F3")
    assert (made.side, made.certainty, case_of(archive).measurements[-1].side) == (
        "right",
        "not_assessed",
        "left",
    )
    run(SLUG, "no tear left RF", "--side", "Left", "--yes")
    assert finding_of(archive, "F4").side == "left"


def test_a_case_that_is_not_there_is_an_error_and_none_is_wrong_usage(archive: Archive) -> None:
    run("nobody", "--finding", "tear", code=1)
    run(code=2)


# ---------------------------------------------------------------------------------------- points and values


def test_a_value_is_measured_from_its_points(archive: Archive) -> None:
    said = run(
        SLUG,
        "--change",
        "F1",
        "--measure",
        "gap",
        "--state",
        "contraction",
        "--media",
        "M1",
        "--points",
        "4,5,24,5",
    )
    made = case_of(archive).measurements[-1]
    assert (made.value, made.unit, made.media, made.points) == (10.0, "mm", "M1", ((4.0, 5.0), (24.0, 5.0)))
    assert "measured from its points" in said.stderr


@pytest.mark.parametrize("what", ["gap", "thickness", "csa", "distance"])
@pytest.mark.parametrize("points", ["4,5", "4,5,4,5"])
def test_points_that_measure_nothing_give_no_value(archive: Archive, what: str, points: str) -> None:
    before = archive.record_text(SLUG)
    said = run(SLUG, "--change", "F1", "--measure", what, "--media", "M1", "--points", points, code=2).stderr
    assert "points" in said and "write the value" in said and f"{what}=" in said
    assert archive.record_text(SLUG) == before


def test_a_typed_length_is_not_compared_with_a_depth(archive: Archive) -> None:
    said = run(SLUG, "--change", "F1", "--measure", "gap=10mm", "--media", "M1", "--points", "4,5").stderr
    assert "a length takes 2 or more points, not 1" in said


@pytest.mark.parametrize(
    ("typed", "told"), [("10mm", False), ("10.4mm", False), ("10.6mm", True), ("1.2cm", True)]
)
def test_a_typed_value_that_differs_from_its_points_is_said_with_both(
    archive: Archive, typed: str, told: bool
) -> None:
    said = run(
        SLUG, "--change", "F1", "--measure", f"gap={typed}", "--media", "M1", "--points", "4,5,24,5"
    ).stderr
    assert ("by its points" in said) is told
    if told:
        assert "typed" in said and ("10 mm" in said or "1 cm" in said)


def test_without_a_scale_points_give_no_value(archive: Archive) -> None:
    said = run(
        SLUG, "--change", "F1", "--measure", "gap", "--media", "M2", "--points", "4,5,24,5", code=2
    ).stderr
    assert "write the value" in said


# ---------------------------------------------------------------------------------------- plain words


def test_words_are_shown_as_understood_and_only_saved_when_that_was_said(archive: Archive) -> None:
    before = archive.record_text(SLUG)
    line = "complete tear right RF, 31 mm gap on contraction, M1 frames 2-3"
    asked = run(SLUG, line, code=2)
    assert "Complete tear of the right rectus femoris muscle" in asked.stdout
    assert "gap on contraction: 31 mm" in asked.stdout and "M1 frames 2-3" in asked.stdout
    assert "--yes" in asked.stderr and archive.record_text(SLUG) == before
    run(SLUG, line, "-n")
    assert archive.record_text(SLUG) == before
    run(SLUG, line, "--yes")
    made = finding_of(archive, "F3")
    assert (made.abnormality, made.structure, made.side) == ("complete_tear", "rectus_femoris", "right")
    assert made.evidence[0].frames == (2, 3)
    row = case_of(archive).measurements[-1]
    assert (row.what, row.value, row.state, row.finding) == ("gap", 31.0, "contraction", "F3")


def test_json_shows_what_was_understood_and_whether_it_was_saved(archive: Archive) -> None:
    told = json.loads(run(SLUG, "no tear left RF", "--json", code=2).stdout)
    assert (told["saved"], told["findings"][0]["certainty"]) == (False, "absent")
    assert json.loads(run(SLUG, "no tear left RF", "--json", "--yes").stdout)["saved"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a thing of POSIX")
@pytest.mark.parametrize(("answer", "saved"), [(b"y\n", True), (b"n\n", False)])
def test_in_a_terminal_it_is_asked(archive: Archive, tmp_path: Path, answer: bytes, saved: bool) -> None:
    said = helpers.on_a_terminal(
        tmp_path, "annotate", SLUG, "no tear left RF", typed=answer, code=0, TERM="dumb"
    )
    assert b"Save this?" in said and b"Understood" in said
    assert (len(case_of(archive).findings) == 3) is saved


def test_several_lines_are_several_findings(archive: Archive) -> None:
    run(SLUG, "complete tear right RF; haematoma, 15 mL", "no tear left RF", "--yes")
    made = case_of(archive).findings[2:]
    assert [(f.abnormality, f.side, f.certainty) for f in made] == [
        ("complete_tear", "right", "definite"), ("hematoma", "right", "definite"), ("tear", "left", "absent"),
    ]  # fmt: skip
    assert case_of(archive).measurements[-1].finding == "F4"


def test_words_tell_more_of_a_finding_that_is_there(archive: Archive) -> None:
    run(SLUG, "31 mm gap on contraction, severe", "--change", "F1", "--yes")
    made = finding_of(archive, "F1")
    assert (made.abnormality, made.severity) == ("partial_tear", "severe")
    assert case_of(archive).measurements[-1].finding == "F1"


def test_options_beside_words_are_of_the_same_finding(archive: Archive) -> None:
    run(SLUG, "complete tear right RF", "--media", "M1", "--frames", "1-2", "--grade", "peetrons=3", "--yes")
    made = finding_of(archive, "F3")
    assert made.evidence[0].frames == (1, 2) and made.grades[0].value == "3"
    run(SLUG, "tear right RF; edema right RF", "--media", "M1", "--yes", code=2)


def test_what_was_not_understood_is_told_and_kept(archive: Archive) -> None:
    said = run(SLUG, "complete tear right RF with a frobnicated edge", "--yes").stderr
    assert "frobnicated" in said
    assert "frobnicated" in finding_of(archive, "F3").note


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("grade 2 tear left semimembranosus", ("grade 2",)),
        ("tear left RF, type III", ("type III",)),
        ("tear left RF 4 cm distal to the iliac spine in 2019", ("4 cm", "2019", "iliac", "spine")),
        ("tear of the left RF, to rule out a haematoma", ("haematoma",)),
        ("tear left RF, Peetrons 2, 31 mm gap on contraction", ()),
        ("MCP 2 synovitis left, PD grade 2", ("2",)),
        ("disc herniation L4/5 left, sciatic nerve", ("sciatic nerve",)),
        ("partial tear of the tendon of the left supraspinatus, 8 x 4 mm", ()),
    ],
)
def test_a_number_or_a_place_without_a_finding_is_told(line: str, left: tuple[str, ...]) -> None:
    assert understood(line)[0].left_aside == left


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("tear? left semimembranosus", ("tear", "semimembranosus", "left", "possible")),
        ("haematoma? soleus right", ("hematoma", "soleus", "right", "possible")),
        ("tear? no, left soleus normal", ("tear", "", "", "absent")),
    ],
)
def test_a_doubt_in_the_middle_of_a_line_parts_nothing(line: str, wanted: tuple[str, ...]) -> None:
    made = understood(line)[0]
    assert tuple(made.finding.get(k, "") for k in ("abnormality", "structure", "side", "certainty")) == wanted


def test_a_grade_before_the_gap_is_that_of_the_tear() -> None:
    (made,) = understood("tear left RF, Peetrons 2, 31 mm gap on contraction")
    assert made.finding["grades"] == {"peetrons": "2"}
    assert made.measurements[0]["value"] == 31


@pytest.mark.parametrize(
    ("line", "evidence"),
    [
        ("M2 5-9 tear left semimembranosus", {"media": "M2", "frames": [5, 9]}),
        ("tear left RF, M1: 12 to 40", {"media": "M1", "frames": [12, 40]}),
        ("M2 5-9 mm gap in the left RF", {"media": "M2"}),
    ],
)
def test_frames_need_no_word_beside_their_clip(line: str, evidence: dict[str, object]) -> None:
    assert understood(line)[0].evidence == evidence


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("possible partial tear of the left biceps femoris", ("partial_tear", "biceps_femoris", "left", "possible")),
        ("no tear of the left hamstrings", ("tear", "hamstrings", "left", "absent")),
        ("normal right sciatic nerve", ("normal", "sciatic_nerve", "right", "definite")),
        ("bilateral piriformis muscle hypertrophy", ("hypertrophy", "piriformis", "bilateral", "definite")),
    ],
)  # fmt: skip
def test_a_line_is_understood(line: str, wanted: tuple[str, ...]) -> None:
    (made,) = understood(line)
    told = tuple(made.finding.get(k, "") for k in ("abnormality", "structure", "side", "certainty"))
    assert told == wanted


def test_two_states_of_one_gap_are_two_rows() -> None:
    (made,) = understood("complete tear right RF, gap 6 mm at rest, 31 mm on contraction")
    rows = [(m["what"], m["value"], m["state"]) for m in made.measurements]
    assert rows == [("gap", 6.0, "rest"), ("gap", 31.0, "contraction")]


def test_two_sides_in_two_clauses_are_two_findings() -> None:
    found = understood("no tear left RF, complete tear right RF")
    assert [(a.finding["side"], a.finding["certainty"]) for a in found] == [
        ("left", "absent"),
        ("right", "definite"),
    ]


@pytest.mark.parametrize(
    "line", ["", ";;;", "x" * 10_000, "\x00\x1b[31m", "\u202etear", "a; " * 500, "M1 frames 9", "12 mm"]
)
def test_odd_lines_are_understood_or_refused(line: str) -> None:
    try:
        understood(line)
    except Refused as refused:
        assert refused.complaints


# ---------------------------------------------------------------------------------------- editor


def test_the_editor_opens_the_record_and_what_is_refused_is_kept(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    import click

    monkeypatch.setattr(click, "edit", lambda text, **_: text.replace('status = "ready"', 'status = "held"'))
    run(SLUG, "--editor")
    assert case_of(archive).status == "held"
    monkeypatch.setattr(
        click, "edit", lambda text, **_: text.replace('status = "held"', 'status = "nonsense"')
    )
    said = run(SLUG, "--editor", code=1).stderr
    assert f"{SLUG}.refused.toml" in said and "nonsense" in Path(f"{SLUG}.refused.toml").read_text("utf-8")
    assert case_of(archive).status == "held"


# ---------------------------------------------------------------------------------------- the pure part


def test_annotations_are_put_into_a_case_without_an_archive() -> None:
    case = Case(slug="x", title="x")
    made = revised(case, [Annotation(finding={"abnormality": "tear", "structure": "RF"})], files={})
    assert made.findings == ("F1",) and made.case.findings[0].structure == "rectus_femoris"
    again = revised(
        made.case, [Annotation("F1", measurements=({"what": "gap", "value": 3.0, "unit": "mm"},))], files={}
    )
    assert again.case.measurements == (Measurement("gap", 3.0, "mm", finding="F1"),)


def test_places_are_meant_as_they_were(archive: Archive) -> None:
    run(SLUG, *(w for n in "abcd" for w in ("--teaching-point", f"Point {n}.")))
    before = case_of(archive).story.points
    run(SLUG, "--remove", "point:1", "--remove", "point:2")
    assert case_of(archive).story.points == before[2:]


def test_a_measurement_of_the_findings_own_side_is_the_one_that_names_it(archive: Archive) -> None:
    run(SLUG, "--change", "F1", "--measure", "gap=31mm", "--state", "contraction", "--measured-side", "right")
    run(SLUG, "--change", "F1", "--measure", "gap=33mm", "--state", "contraction")
    found = [
        m
        for m in case_of(archive).measurements
        if (m.finding, m.what, m.state) == ("F1", "gap", "contraction")
    ]
    assert [(m.value, m.side) for m in found] == [(33.0, "right")]


@pytest.mark.parametrize(
    "words",
    [
        (SLUG, "--editor", "--finding", "tear"),
        (SLUG, "--editor", "tear"),
        ("--export", "f.csv", "-n"),
        ("--export", "f.csv", "--import", "g.csv"),
        ("--import", "g.csv", "--side", "left"),
        ("--export", "f.tsv"),
        (SLUG, "--partial", "tear of the right soleus"),
    ],
)
def test_nothing_that_was_said_is_passed_over(archive: Archive, words: tuple[str, ...]) -> None:
    run(*words, code=2)
    assert not Path("f.csv").exists() and not Path("f.tsv").exists()


def test_left_and_right_are_both_sides(archive: Archive) -> None:
    run(SLUG, "complete tear left and right RF", "--yes")
    assert case_of(archive).findings[-1].side == "bilateral"


def test_a_line_may_be_typed_without_quotes(archive: Archive) -> None:
    assert "Tear of the right soleus" in run(SLUG, "tear", "of", "the", "right", "soleus", "-n").stdout


def test_findings_are_told_as_a_person_would(archive: Archive) -> None:
    said = run(SLUG, "small tear of the right RF, 12 x 4 mm; no deep vein thrombosis left", "-n")
    assert "mediolateral diameter: 4 mm" in said.stdout and "Not understood" not in said.stderr
    assert "No left deep vein thrombosis\n" in said.stdout
