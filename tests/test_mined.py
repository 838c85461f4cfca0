"""What is read in the words of a case: only where its author's findings say nothing of it, and never reviewed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import RECORD, case_folder

from casearchive import Archive
from casearchive.index.hits import Results
from casearchive.index.migrations import migrations
from casearchive.index.search import search
from casearchive.index.write import put_case
from casearchive.mined import Mining
from casearchive.mining import in_known_words, of_case, of_facts
from casearchive.model import (
    Case,
    Evidence,
    Facts,
    Finding,
    Instance,
    Measurement,
    Media,
    Patient,
    Prior,
    Series,
    Story,
    Study,
    Subject,
)
from casearchive.query import parse
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon
from casearchive.terms.phrases import held

SHA = "a" * 64


def case(
    title: str = "A case", history: str = "", *, findings: tuple[Finding, ...] = (), **story: object
) -> Case:
    return Case(slug="a-case", title=title, story=Story(history=history, **story), findings=findings)  # type: ignore[arg-type]


def rows(mining: Mining) -> list[tuple[str, str, str, str]]:
    found = [m.finding for m in mining.findings]
    return [(f.structure, f.abnormality, f.side, f.certainty) for f in found]


def test_title_and_story_yield_findings_that_nobody_reviewed() -> None:
    mining = of_case(
        case("Complete tear of the left Achilles tendon", "No haematoma. The plantaris is intact.")
    )
    assert rows(mining) == [
        ("achilles_tendon", "complete_tear", "left", "definite"),
        ("achilles_tendon", "hematoma", "left", "absent"),
        ("plantaris", "tear", "left", "absent"),
    ]
    assert not any(m.finding.reviewed for m in mining.findings)
    first = mining.findings[0]
    assert (first.source, first.quote) == ("title", "Complete tear of the left Achilles tendon")


@pytest.mark.parametrize("certainty", ["definite", "probable", "possible", "absent", "not_assessed"])
def test_what_the_author_speaks_of_is_never_read_again(certainty: str) -> None:
    spoken = Finding("F1", "tear", "quadriceps", side="right", certainty=certainty)
    told = case(
        "Complete rectus femoris tear", "A tear of the right quadriceps with a haematoma.", findings=(spoken,)
    )
    assert rows(of_case(told)) == [("quadriceps", "hematoma", "right", "definite")]


def test_a_finding_elsewhere_is_read_beside_the_authors() -> None:
    spoken = Finding("F1", "tear", "soleus", side="right")
    assert rows(
        of_case(case("Soleus tear", "There is a tear of the plantaris too.", findings=(spoken,)))
    ) == [("plantaris", "tear", "right", "definite")]


def test_what_is_found_in_one_place_is_not_denied_by_another() -> None:
    mining = of_case(case("Complete rectus femoris tear", "MRI: no tear of the rectus femoris."))
    assert rows(mining) == [("rectus_femoris", "complete_tear", "unknown", "definite")]


def test_each_thing_is_read_once_where_it_is_said_best() -> None:
    mining = of_case(case("Tear", "A tear of the left soleus. Complete tear of the left soleus."))
    assert rows(mining) == [("soleus", "complete_tear", "left", "definite")]


def test_a_caption_brings_its_clip_and_its_frames() -> None:
    clip = Media("M2", sha256=SHA, caption="Haematoma, frames 39-98.", structure="soleus", side="left")
    (found,) = of_case(replace(case(), media=(clip,))).findings
    assert found.source == "caption M2"
    assert found.finding.evidence == (Evidence("M2", (39, 98)),)
    assert (found.finding.structure, found.finding.side) == ("soleus", "left")


def test_differential_pitfalls_and_references_are_never_read() -> None:
    told = case(
        differential=("tear",),
        pitfalls=("A tear of the soleus was missed.",),
        references=("Tear of the soleus",),
    )
    assert of_case(told) == Mining()


def test_a_question_and_another_person_leave_nothing() -> None:
    assert (
        rows(of_case(case(history="Referred to rule out a tear. His brother had an Achilles rupture."))) == []
    )


def test_a_teaching_point_speaks_of_the_case_only_where_it_tells_what_happened() -> None:
    general = case(points=("Tears of the soleus look small at rest.",))
    told = case(points=("The tear of the soleus was small at rest.",))
    assert rows(of_case(general)) == [] and len(of_case(told).findings) == 1


def test_an_earlier_label_is_told_apart_unless_the_record_has_it() -> None:
    told = case("Achilles rupture", "Initially diagnosed as an ankle sprain.")
    assert [label.says[0] for label in of_case(told).labels] == ["sprain"]
    assert "sprain" not in {row[1] for row in rows(of_case(told))}
    assert of_case(replace(told, priors=(Prior(impression="sprain", says=("sprain",)),))).labels == ()


@pytest.mark.parametrize(
    ("history", "row"),
    [
        (
            "In the previous report a partial tear of the left supraspinatus was described; now the tendon is intact.",
            ("supraspinatus", "tear", "left", "absent"),
        ),
        (
            "An earlier scan had shown a cyst of the right kidney. No cyst of the right kidney now.",
            ("kidney", "cyst", "right", "absent"),
        ),
    ],
)
def test_what_an_earlier_scan_described_and_this_one_denies_is_an_earlier_label(
    history: str, row: tuple[str, str, str, str]
) -> None:
    mining = of_case(case(history=history))
    assert rows(mining) == [row]
    assert len(mining.labels) == 1


def test_what_an_earlier_scan_described_and_nobody_denies_is_there() -> None:
    told = case(history="A previous scan described a tear of the left soleus. The gastrocnemius is intact.")
    assert ("soleus", "tear", "left", "definite") in rows(of_case(told))


def test_what_is_past_is_marked_as_past() -> None:
    (found,) = of_case(case(history="History of a left Achilles rupture in 2015.")).findings
    assert (found.finding.temporality, found.finding.certainty) == ("historical", "definite")


def test_the_other_side_is_resolved_by_the_side_of_the_case_or_left_out() -> None:
    told = case("Tear of the right soleus", "The opposite side served as control: no atrophy.")
    assert ("soleus", "atrophy", "left", "absent") in rows(of_case(told))
    assert rows(of_case(case(history="The opposite side served as control: no atrophy."))) == []


def test_text_against_finding_is_a_dispute_for_a_person() -> None:
    denied = Finding("F1", "tear", "soleus", side="left", certainty="absent")
    told = case("Calf pain", "There is a tear of the left soleus.", findings=(denied,))
    (dispute,) = of_case(told).disputes
    assert dispute.number == 0 and "history says otherwise: “There is a tear of the left soleus”" in str(
        dispute
    )
    assert of_case(told).findings == ()


@pytest.mark.parametrize(
    ("caption", "disputed"),
    [
        ("Intact plantaris on the medial side of the ruptured tendon.", False),
        ("The ruptured tendon with the plantaris beside it.", False),
        ("The ruptured tendon in long axis.", True),
    ],
)
def test_a_tendon_beside_the_one_of_the_clip_is_another_one(caption: str, disputed: bool) -> None:
    clip = Media("M3", sha256=SHA, caption=caption, structure="plantaris_tendon", side="right")
    intact = Finding("F4", "tear", "plantaris_tendon", side="right", certainty="absent")
    told = replace(case(findings=(intact,)), media=(clip,))
    assert bool(of_case(told).disputes) is disputed


def test_agreement_the_other_side_and_another_study_are_no_dispute() -> None:
    tear = Finding("F1", "complete_tear", "soleus", side="left")
    for history in (
        "Complete tear of the left soleus.",
        "Right soleus: no tear.",
        "MRI: no tear of the left soleus.",
    ):
        assert of_case(case("Calf pain", history, findings=(tear,))).disputes == (), history


def test_numbers_age_and_sex_are_read_where_the_record_is_silent() -> None:
    told = case(
        "Soleus tear", "A 33-year-old woman. The gap of the soleus is 6 mm at rest and 20 mm on contraction."
    )
    mining = of_case(told)
    assert (mining.age, mining.sex) == ("33 Y", "F")
    assert [(m.value, m.state) for m in mining.measurements] == [(6.0, "rest"), (20.0, "contraction")]
    own = replace(told, measurements=(Measurement("meas_gap", 6, "mm"),))
    assert of_case(own).measurements == ()


def test_every_side_of_a_tear_is_measured() -> None:
    told = case("Cuff", "There is a 9 x 14 mm full-thickness tear of the right supraspinatus.")
    assert [(m.what, m.value) for m in of_case(told).measurements] == [("meas_length", 14), ("meas_ml", 9)]


def test_the_descriptions_of_a_loose_file_are_read() -> None:
    facts = Facts(
        "dicom", Subject(), Study("2.25.1", study_description="US thigh: no DVT"),
        Series("2.25.2", series_description="Achilles_tendon_rupture_left"), Instance("2.25.3"),
    )  # fmt: skip
    found = [(m.source, m.finding.abnormality, m.finding.certainty) for m in of_facts(facts)]
    assert found == [("study description", "dvt", "absent"), ("series description", "tear", "definite")]


def test_a_normal_neighbour_needs_no_row_for_what_it_lacks() -> None:
    told = case("Tear of the left Achilles tendon", "The plantaris is normal.")
    assert rows(of_case(told)) == [
        ("achilles_tendon", "tear", "left", "definite"),
        ("plantaris", "normal", "left", "definite"),
    ]


# ------------------------------------------------------------------------------------------------ searching


def index_of(*cases: Case) -> sqlite3.Connection:
    sqlite_utils = pytest.importorskip("sqlite_utils")
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    migrations().apply(sqlite_utils.Database(connection))
    for each in cases:
        put_case(connection, each, record_sha256="0" * 64, completeness=50)
    return connection


def ask(connection: sqlite3.Connection, query: str, **options: bool) -> Results:
    return search(connection, parse(query, lexicon()), **options)  # type: ignore[arg-type]


def test_a_case_is_found_by_what_its_text_says_and_tells_where() -> None:
    connection = index_of(case("Calf pain", "There is a tear of the left soleus."))
    (hit,) = ask(connection, "finding:tear structure:soleus side:left").hits
    assert "the history says: “There is a tear of the left soleus”" in hit.why[0]
    (found,) = hit.findings
    assert (found.origin, found.reviewed, found.source) == ("text", False, "history")


def test_a_reviewed_finding_ranks_above_one_read_in_the_text() -> None:
    own = replace(case("Annotated", findings=(Finding("F1", "tear", "soleus"),)), slug="zz-annotated")
    connection = index_of(case("Told", "There is a tear of the soleus."), own)
    assert [hit.case for hit in ask(connection, "finding:tear structure:soleus").hits] == [
        "zz-annotated",
        "a-case",
    ]


def test_a_case_whose_text_denies_the_finding_stays_out_though_the_words_are_there() -> None:
    connection = index_of(case("Calf pain", "Tear of the soleus. The gastrocnemius is intact."))
    found = ask(connection, "gastrocnemius tear")
    assert found.total == 0 and found.hidden["absent"] == 1
    assert ask(connection, "no:tear structure:gastrocnemius").total == 1


def test_a_normal_part_makes_no_normal_whole() -> None:
    connection = index_of(case("Thigh", "The semitendinosus is normal. Tear of the biceps femoris."))
    assert ask(connection, "finding:normal structure:hamstrings").total == 0
    assert ask(connection, "finding:normal structure:semitendinosus").total == 1


def test_an_earlier_label_of_the_text_is_searched_as_a_prior() -> None:
    connection = index_of(case("Achilles rupture", "Initially diagnosed as an ankle sprain."))
    assert ask(connection, "prior:sprain").total == 1
    assert ask(connection, "finding:sprain").total == 0


def test_age_sex_and_gap_of_the_text_are_searchable() -> None:
    told = "A 33-year-old woman. The gap of the soleus is 6 mm at rest and 20 mm on contraction."
    connection = index_of(case("Soleus tear", told))
    for query in ("age:30..40 sex:F", "gap@contraction>15mm"):
        assert ask(connection, query).total == 1, query
    assert (
        ask(index_of(replace(case("Soleus tear", told), patient=Patient("70 Y", "M"))), "age:30..40").total
        == 0
    )


def test_a_mistyped_structure_is_found_by_its_name() -> None:
    connection = index_of(case("Buttock pain", "The pirifornis is thickened."))
    assert ask(connection, "piriformis").total == 1


# -------------------------------------------------------------------------------------------------- showing


def test_show_lists_what_was_read_apart_and_lint_names_the_dispute(tmp_path: Path) -> None:
    told = (
        RECORD
        + '\n[story]\nhistory = "No tear of the right rectus femoris. A haematoma of the right soleus."\n'
    )
    archive = Archive.create(tmp_path / "archive")
    archive.ingest([case_folder(tmp_path / "seen" / "told", text=told)])
    view = archive.show("told")
    assert [m.finding.abnormality for m in view.mined] == ["hematoma"]
    (dispute,) = [p for p in archive.lint(["told"])[0].problems if p.level == "doubt"]
    assert dispute.field == "finding[1]" and "the history says otherwise" in dispute.message
    before = list(archive.dump())
    archive.reindex()
    assert list(archive.dump()) == before


def test_a_doubt_that_the_same_case_settles_is_no_finding() -> None:
    told = case(
        "Ruptured Baker cyst, right",
        "Now a hot swollen calf, ?DVT. Veins compress from groin to ankle: no DVT.",
    )
    assert "dvt" not in {
        m.finding.abnormality for m in of_case(told).findings if m.finding.certainty != "absent"
    }
    open_ = case("Swollen calf", "A hot swollen calf, ?DVT. No tear of the soleus.")
    assert "dvt" in {
        m.finding.abnormality for m in of_case(open_).findings if m.finding.certainty == "possible"
    }


def test_a_doubt_of_a_whole_is_settled_by_its_parts() -> None:
    cuff = "Suspected cuff tear. Infraspinatus tendon intact, supraspinatus not torn."
    assert ("rotator_cuff", "tear", "unknown", "possible") not in rows(of_case(case(history=cuff)))
    one = "Possible tear of the hamstrings. Semimembranosus intact."
    assert ("hamstrings", "tear", "unknown", "possible") in rows(of_case(case(history=one)))


@pytest.mark.parametrize(
    "text",
    ["Tears of the infraspinatus are common, but here the tendon is intact.", "Soleus tears are rare."],
)
def test_what_is_common_is_no_finding_of_this_case(text: str) -> None:
    assert "tear" not in {
        m.finding.abnormality
        for m in of_case(case("A shoulder", text)).findings
        if m.finding.certainty != "absent"
    }


def test_the_authors_own_words_for_a_place_are_understood() -> None:
    spoken = Finding("F1", "stress_fracture", "second metatarsal", side="left")
    assert (
        in_known_words(case("A foot", "", findings=(spoken,)), lexicon()).findings[0].structure
        == "metatarsal2"
    )
    told = case("A foot", "Stress fracture of the left second metatarsal.", findings=(spoken,))
    assert rows(of_case(told)) == []


@pytest.mark.parametrize(
    ("words", "concept"),
    [
        ("deep veins of the leg", "deep_vein"), ("second metacarpal head", "metacarpal2"),
        ("rectus femoris tendon", "rectus_femoris"),
        ("lateral collateral ligament of the elbow", "rcl_elbow"), ("the index finger A2 pulley", "a2_pulley"),
        ("no supraspinatus", None), ("supraspinatus not seen", None), ("absent supraspinatus", None),
        ("supraspinatus and infraspinatus", None), ("somewhere else", None),
    ],
)  # fmt: skip
def test_the_one_concept_that_longer_words_hold(words: str, concept: str | None) -> None:
    found = held(words, STRUCTURE_KINDS, lexicon())
    assert (found.concept.id if found else None) == concept


@pytest.mark.parametrize(
    "words",
    [
        "deep vein thrombosis excluded", "DVT ruled out", "absence of a DVT", "negative for DVT", "no_dvt",
        "DVT unlikely", "free of DVT", "DVT resolved", "possible DVT", "?DVT", "DVT or phlebitis", "non-dvt",
    ],
)  # fmt: skip
def test_words_that_deny_or_doubt_name_nothing(words: str) -> None:
    assert held(words, ABNORMALITY_KINDS, lexicon()) is None
    told = Finding("F1", words, "calf", side="left")
    assert in_known_words(case("A calf", "", findings=(told,)), lexicon()).findings[0].abnormality == words


def test_a_side_in_the_authors_own_words_is_the_side() -> None:
    def known(**said: str) -> Finding:
        finding = Finding("F1", "tear", **said)
        return in_known_words(case("A thigh", "", findings=(finding,)), lexicon()).findings[0]

    found = known(structure="left rectus femoris")
    assert (found.structure, found.side) == ("rectus_femoris", "left")
    same = known(structure="left rectus femoris", side="left")
    assert (same.structure, same.side) == ("rectus_femoris", "left")
    other = known(structure="left rectus femoris", side="right")
    assert (other.structure, other.side) == ("left rectus femoris", "right")
