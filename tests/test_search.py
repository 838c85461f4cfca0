"""What a clinician finds, what stays out, and what each hit says about itself. All cases are invented."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from casearchive.errors import QueryError, UsageError
from casearchive.index import noting, shelf
from casearchive.index.hits import Hit, Results
from casearchive.index.migrations import migrations
from casearchive.index.search import search
from casearchive.index.text import document_text, instance_text
from casearchive.index.write import put_case as index_case
from casearchive.model import (
    Case,
    Claim,
    Diagnosis,
    Doppler,
    Dynamic,
    Evidence,
    Facts,
    Finding,
    Grade,
    Instance,
    Measurement,
    Media,
    Patient,
    Prior,
    Quiz,
    Series,
    Story,
    Study,
    Subject,
    Timing,
)
from casearchive.query import FIELDS, parse
from casearchive.terms import STRUCTURE_KINDS, lexicon

ROOT = Path(__file__).parent.parent

# ---------------------------------------------------------------------------------------------- an index


def fresh() -> sqlite3.Connection:
    sqlite_utils = pytest.importorskip("sqlite_utils")
    connection = sqlite3.connect(":memory:")
    migrations().apply(sqlite_utils.Database(connection))
    return connection


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def put_file(
    connection: sqlite3.Connection, name: str, *, frames: int = 1, side: str = "unknown", fps: float | None = None,
    modality: str = "US", description: str = "", series: str = "", body_part: str = "", date: str | None = None,
    modes: tuple[str, ...] = ("b_mode",), age: str | None = None, sex: str | None = None, alone: bool = True,
    manufacturer: str = "Imaginary Sonics",
) -> int:  # fmt: skip
    """One picture or clip; ``alone`` makes it a document of its own."""
    key = sha(name)
    subject = connection.execute(
        "INSERT INTO subjects (subject_key, patient_sex) VALUES (?, ?)", (key, sex)
    ).lastrowid
    study = connection.execute(
        "INSERT INTO studies (subject_id, study_instance_uid, study_date, study_description, patient_age)"
        " VALUES (?, ?, ?, ?, ?)",
        (subject, f"2.25.{int(key[:12], 16)}", date, description, age),
    ).lastrowid
    of_series = connection.execute(
        "INSERT INTO series (study_id, series_instance_uid, modality, series_description, body_part_examined,"
        " manufacturer) VALUES (?, '1', ?, ?, ?, ?)",
        (study, modality, series, body_part, manufacturer),
    ).lastrowid
    instance = connection.execute(
        "INSERT INTO instances (series_id, sha256, kind, name, bytes, sop_instance_uid, frames, fps, duration_s,"
        " side, pictured, rows, columns) VALUES (?, ?, 'dicom', ?, 1, ?, ?, ?, ?, ?, 1, 480, 640)",
        (of_series, key, name, f"2.25.{int(key[:10], 16)}", frames, fps, frames / fps if fps else None, side),
    ).lastrowid  # fmt: skip
    assert instance is not None
    connection.executemany(
        "INSERT INTO claims (instance_id, what, source, value) VALUES (?, 'mode', 'ImageType', ?)",
        [(instance, mode) for mode in modes],
    )
    if alone:
        document = connection.execute("INSERT INTO documents (instance_id) VALUES (?)", (instance,)).lastrowid
        facts = Facts(
            kind="dicom",
            subject=Subject(patient_sex=sex),
            study=Study("1", study_description=description),
            series=Series(
                "1", series_description=series, body_part_examined=body_part, manufacturer=manufacturer
            ),
            instance=Instance("1", frames=frames),
            timing=Timing(fps),
            claims=tuple(Claim("mode", mode, "ImageType") for mode in modes),
        )
        put_text(connection, document, instance_text(facts, name).row())
        assert document is not None
        shelf.put(connection, (document, {}, noting.of_document(connection, document)))
    return instance


def put_text(connection: sqlite3.Connection, document: int | None, row: tuple[str, ...]) -> None:
    connection.execute(
        "INSERT INTO case_search (rowid, title, diagnosis, findings, captions, story, meta, verbatim)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (document, *row),
    )


def put_case(connection: sqlite3.Connection, case: Case, frames: dict[str, int] | None = None) -> None:
    """A case and its files, by the writer that the program itself uses."""
    vocabulary = lexicon()

    def resolved(words: Iterable[str]) -> tuple[str, ...]:
        return tuple(c.id if (c := vocabulary.resolve(w)) else w for w in words)

    for m in case.media:
        count = (frames or {}).get(m.id, 1)
        put_file(connection, f"{case.slug}/{m.id}", frames=count, fps=24.0 if count > 1 else None, alone=False,
                 date="2024-03-0" + str(1 + len(case.slug) % 9))  # fmt: skip
    story = case.story
    ready = replace(
        case,
        fictional=True,
        media=tuple(replace(m, sha256=sha(f"{case.slug}/{m.id}")) for m in case.media),
        priors=tuple(replace(p, says=resolved(p.says), missed=resolved(p.missed)) for p in case.priors),
        story=replace(
            story,
            differential=resolved(story.differential),
            symptoms=resolved(story.symptoms),
            mechanism=resolved(story.mechanism),
        ),
    )
    index_case(connection, ready, record_sha256=sha(case.slug), completeness=0)


# ---------------------------------------------------------------------------------------------- grades


def graded(scale: str, value: str) -> sqlite3.Connection:
    connection = fresh()
    seen = replace(finding("F1 kidney cyst left definite"), grades=(Grade(scale, value),))
    put_case(connection, case("graded", "A lesion", seen))
    return connection


@pytest.mark.parametrize(
    ("scale", "value", "found", "not_found"),
    [
        (
            "bosniak",
            "III",
            ("Bosniak III", "Bosniak 3", "bosniak>=2", "bosniak:III"),
            ("bosniak>=4", "Bosniak II"),
        ),
        ("sunderland", "IV", ("sunderland>=3", "Sunderland 4"), ("sunderland<=3",)),
        ("metavir", "F2", ("metavir>=2",), ("metavir>=3",)),
        ("bamic", "2b", ("bamic>=2",), ("bamic>=3",)),
        ("sfu", "3", ("SFU grade 3",), ("SFU grade 4",)),
    ],
)
def test_grades_are_found_by_their_number_however_they_are_written(
    scale: str, value: str, found: tuple[str, ...], not_found: tuple[str, ...]
) -> None:
    connection = graded(scale, value)
    assert [q for q in found if slugs(ask(connection, q)) != ["graded"]] == []
    assert [q for q in not_found if slugs(ask(connection, q))] == []


def flowing() -> sqlite3.Connection:
    connection = fresh()
    achilles, soleus = (
        finding("F1 achilles_tendon tendinopathy left definite"),
        finding("F1 soleus tear left definite"),
    )
    for slug, seen in {
        "flows": replace(achilles, doppler=Doppler("pd", 2.0)),
        "own": replace(achilles, grades=(Grade("power doppler", "3"),)),
        "still": replace(achilles, doppler=Doppler("pd", 0.0)),
        "ohberg": replace(achilles, doppler=Doppler("ohberg", 2.0)),
        "torn": replace(soleus, grades=(Grade("peetrons", "2"), Grade("munich", "3B"))),
    }.items():
        put_case(connection, case(slug, "A leg", seen))
    return connection


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("pd>=2", ["flows", "own"]),
        ("power doppler 3", ["own"]),
        ("pd:2", ["flows"]),
        ("grade:pd>=1", ["flows", "own"]),
        ("PD grade 2", ["flows"]),
        ("power doppler grade 2 achilles", ["flows"]),
        ("pd:0", ["still"]),
        ("ohberg>=2", ["ohberg"]),
        ("doppler>=2", ["flows", "ohberg"]),
        ("peetrons:2", ["torn"]),
        ("grade 2", ["flows", "ohberg", "torn"]),
    ],
)
def test_a_doppler_grade_is_a_grade_on_its_scale(question: str, found: list[str]) -> None:
    assert sorted(slugs(ask(flowing(), question))) == found


def test_a_grade_of_any_scale_is_answered_with_the_scale() -> None:
    torn = hit(ask(flowing(), "grade 3"), "torn")
    assert "munich 3B" in torn.why[0] and "peetrons" not in torn.why[0]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("unilateral atrophy", ["left", "unknown"]),
        ("bilateral atrophy", ["both", "unknown"]),
        ("atrophy left", ["left", "both", "unknown"]),
    ],
)
def test_what_is_on_both_sides_is_not_unilateral(question: str, found: list[str]) -> None:
    connection = fresh()
    for slug, side in (("both", "bilateral"), ("left", "left"), ("unknown", "unknown")):
        put_case(connection, case(slug, "A back", f"F1 multifidus muscle_atrophy {side} definite"))
    assert sorted(slugs(ask(connection, question))) == sorted(found)


def test_a_reason_names_what_the_text_says_and_never_more_than_was_asked() -> None:
    connection = fresh()
    put_file(connection, "b.dcm", description="complete rupture of the biceps")
    put_case(connection, case("knee", "Knee", "F1 acl ganglion left definite"))
    (hit,) = ask(connection, "tear of muscle").hits
    assert any("tear -> complete tear" in why for why in hit.why), hit.why
    (hit,) = [hit for hit in ask(connection, "-tear").hits if hit.case]
    assert hit.why[0].startswith("not: finding = tear"), hit.why


# ---------------------------------------------------------------------------------------------- normal


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("normal median nerve", ["called", "excluded", "titled"]),
        ("normal median nerve left", ["called", "excluded"]),
        ("median nerve not involved", ["called", "excluded", "titled"]),
        ("finding:normal median nerve", ["called", "titled"]),
        ("normal ulnar nerve", []),
        ("normal", ["called", "titled"]),
    ],
)
def test_a_structure_is_normal_where_it_is_called_so_or_what_was_looked_for_is_not_there(
    question: str, found: list[str]
) -> None:
    connection = fresh()
    for made in (
        case("called", "A wrist", "F1 median_nerve normal left definite"),
        case("excluded", "Another", "F1 median_nerve nerve_entrapment left absent"),
        case("titled", "Normal median nerve on ultrasound", "F1 median_nerve nerve_tumor right absent"),
        case("wide", "Third", "F1 median_nerve nerve_entrapment left absent",
             "F2 median_nerve nerve_enlargement left definite"),
        case("fatty", "Fourth", "F1 supraspinatus tear left absent"),
    ):  # fmt: skip
        put_case(connection, made)
    assert sorted(slugs(ask(connection, question))) == found


# ---------------------------------------------------------------------------------------------- measurements


def measured() -> sqlite3.Connection:
    """A wide nerve on the left beside a normal one on the right, a gap on the right, a tear elsewhere."""
    connection = fresh()
    csa = Measurement("csa", 78, "mm2", "F1")
    put_case(connection, case("nerve", "A nerve", "F1 sciatic_nerve nerve_enlargement left definite",
                              "F2 sciatic_nerve normal right definite",
                              measurements=(csa, replace(csa, value=52, finding="F2"))))  # fmt: skip
    gap = Measurement("gap", 31, "mm", "F1", "contraction")
    put_case(connection, case("gap", "A thigh", "F1 rectus_femoris complete_tear right definite",
                              "F2 rectus_femoris tear left absent", measurements=(gap,)))  # fmt: skip
    alone = Measurement("volume", 15, "mL", "", "", "right")
    put_case(
        connection, case("volume", "A knee", "F1 knee_joint effusion unknown definite", measurements=(alone,))
    )
    return connection


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("csa>60mm2", ["nerve"]),
        ("csa:sciatic>60mm2 side:left", ["nerve"]),
        ("csa:sciatic>60mm2 side:right", []),
        ("csa>60mm2 right", []),
        ("csa right over 60 mm2", []),
        ("csa right under 60 mm2", ["nerve"]),
        ("sciatic nerve csa right over 60 mm2", []),
        ("gap>20mm left", []),
        ("gap@contraction>20mm rectus femoris left", []),
        ("structure:rectus_femoris side:left gap>20mm", []),
        ("gap@contraction>20mm right", ["gap"]),
        ("gap>20mm soleus", []),
        ("left (gap>20mm OR csa>70mm2)", ["nerve"]),
        ("volume>10ml right", ["volume"]),
        ("volume>10ml left", []),
        ("volume>10ml knee effusion", ["volume"]),
    ],
)
def test_what_was_measured_on_the_other_side_is_no_answer(question: str, found: list[str]) -> None:
    assert slugs(ask(measured(), question)) == found


def test_the_reason_of_a_number_names_its_side_and_its_finding() -> None:
    connection = measured()
    assert "measured: csa 78 mm², left, finding F1" in hit(ask(connection, "csa>60mm2"), "nerve").why
    assert "measured: volume 15 mL, right" in hit(ask(connection, "volume>10ml"), "volume").why
    assert ("side = right", 1) in ask(connection, "csa>60mm2 right").blame


# ---------------------------------------------------------------------------------------------- the cases


def finding(text: str, **more: Any) -> Finding:
    """``F1 rectus_femoris complete_tear right definite`` as a finding."""
    number, structure, abnormality, side, certainty = text.split()
    structure = "" if structure == "-" else structure
    return Finding(number, abnormality, structure, side=side, certainty=certainty, **more)


def case(slug: str, title: str, *findings: str | Finding, **more: Any) -> Case:
    made = tuple(finding(f) if isinstance(f, str) else f for f in findings)
    return Case(slug, title, status=more.pop("status", "ready"), findings=made, **more)


def seed_case() -> Case:
    """The fictional sample case that ships with the program, read without the record room."""
    folder = ROOT / "cases" / "rectus-femoris-complete-tear"
    raw = tomllib.loads((folder / "case.toml").read_text("utf-8"))
    story = {k: tuple(v) if isinstance(v, list) else v for k, v in raw["story"].items()}
    story["diagnosis"] = tuple(Diagnosis(**d) for d in raw["story"]["diagnosis"])
    findings = []
    for f in raw["finding"]:
        evidence = tuple(
            Evidence(e["media"], tuple(e["frames"]) if "frames" in e else None, best=e.get("best", False))
            for e in f.get("evidence", ())
        )
        keep = {k: v for k, v in f.items() if k in Finding.__dataclass_fields__ and isinstance(v, str)}
        findings.append(
            Finding(**keep, evidence=evidence, grades=tuple(Grade(*g) for g in f.get("grades", {}).items()),
                    dynamic=Dynamic(**f["dynamic"]) if "dynamic" in f else None)
        )  # fmt: skip
    return Case(
        slug=folder.name,
        title=raw["title"],
        quiz_title=raw["quiz_title"],
        status="ready",
        difficulty=raw["difficulty"],
        category=tuple(raw["category"]),
        tags=tuple(raw["tags"]),
        patient=Patient(**raw["patient"]),
        story=Story(**story),
        priors=tuple(
            Prior(**{k: tuple(v) if isinstance(v, list) else v for k, v in p.items()}) for p in raw["prior"]
        ),
        media=tuple(
            Media(**{k: v for k, v in m.items() if k in Media.__dataclass_fields__}) for m in raw["media"]
        ),
        findings=tuple(findings),
        measurements=tuple(
            Measurement(m["what"], m["value"], m["unit"], m.get("finding", ""), m.get("state", ""))
            for m in raw["measurement"]
        ),
        quiz=tuple(Quiz(q["question"], tuple(q["options"]), q["answer"], q["why"]) for q in raw["quiz"]),
    )


CASES: tuple[Case, ...] = (
    case(
        "hamstring-left", "Biceps femoris tear in a sprinter",
        Finding("F1", "partial_tear", "biceps_femoris_long_head", site="myotendinous_junction", side="left",
                severity="moderate", grades=(Grade("peetrons", "2"), Grade("bamic", "2b")),
                evidence=(Evidence("M1", (10, 40), best=True),)),
        "F2 biceps_femoris_long_head hematoma left probable",
        media=(Media("M1", caption="Long axis at the junction", structure="biceps_femoris_long_head", side="left",
                     plane="long_axis", mode="b_mode", maneuver="contraction"),),
        patient=Patient("22 Y", "F", "sprinter"), difficulty="primary", tags=("muscle", "sport"),
        story=Story(mechanism=("sprinting or kicking",), differential=("proximal hamstring tendinopathy",)),
    ),
    case("hamstring-right", "Semimembranosus tear", "F1 semimembranosus complete_tear right definite",
         difficulty="advanced"),
    case("hamstring-both", "Both-sided hamstring tears in a water skier",
         "F1 proximal_hamstring_tendon avulsion bilateral definite"),
    case("hamstring-unknown", "Semitendinosus tear, side not noted", "F1 semitendinosus tear unknown definite"),
    case("hamstring-possible", "Painful left hamstring", "F1 semitendinosus partial_tear left possible"),
    case("hamstring-no-tear", "Posterior thigh pain, hamstring tear excluded",
         "F1 hamstrings tear left absent", "F2 sciatic_nerve nerve_entrapment left definite"),
    case("quadriceps-no-tear", "Quadriceps contusion; no tear is seen",
         "F1 vastus_lateralis contusion right definite", "F2 quadriceps tear right absent"),
    case("rectus-no-tear", "Rectus femoris contusion", "F1 rectus_femoris contusion left definite",
         "F2 rectus_femoris tear left absent"),
    case("rectus-no-complete-tear", "Rectus femoris strain", "F1 rectus_femoris strain left definite",
         "F2 rectus_femoris complete_tear left absent"),
    case("disc-mri", "Sciatica from a disc, normal nerve on ultrasound",
         Finding("F1", "disc_herniation", "disc_l5_s1", side="right", modality="mri"),
         "F2 sciatic_nerve normal right definite"),
    case("normal-nerve", "Normal sciatic nerve, both sides", "F1 sciatic_nerve normal bilateral definite",
         media=(Media("M1", structure="sciatic_nerve", side="left", plane="short_axis", maneuver="rest"),
                Media("M2", structure="sciatic_nerve", side="right", plane="short_axis", maneuver="flossing"))),
    case("piriformis", "Piriformis syndrome in a runner",
         Finding("F1", "nerve_entrapment", "sciatic_nerve", site="deep_gluteal_space", side="left",
                 certainty="probable"),
         "F2 piriformis hypertrophy left definite",
         story=Story(symptoms=("buttock pain", "tingling"),
                     diagnosis=(Diagnosis("piriformis_syndrome", "", "left", "probable"),))),
    case("tennis-leg-parts", "Calf injury at the net", "F1 gastrocnemius_medial partial_tear left definite",
         "F2 popliteal_vein dvt left absent"),
    case("tennis-leg-named", "Tennis leg", "F1 - tennis_leg right definite"),
    case("tarsal-tunnel", "Burning sole", Finding("F1", "nerve_entrapment", "tibial_nerve", site="tarsal_tunnel",
                                                  side="right"),
         "F2 tarsal_tunnel ganglion_cyst right definite"),
    case("achilles-old", "Old Achilles rupture",
         Finding("F1", "complete_tear", "achilles_tendon", side="right", temporality="historical")),
    case("achilles-new", "Achilles rupture labelled an ankle sprain",
         Finding("F1", "complete_tear", "achilles_tendon", side="right"),
         "F2 achilles_tendon retraction right definite",
         priors=(Prior(-21, "clinical_exam", "ankle sprain", ("sprain",), "missed", ("complete_tear",)),)),
    case("meniscus-not-seen", "Knee after a twist", "F1 mcl_knee sprain left definite",
         "F2 knee_joint effusion left not_assessed"),
    case("bakers-cyst", "Baker's cyst behind the knee", "F1 popliteal_bursa popliteal_cyst left definite"),
    case("morton", "Forefoot pain on walking", "F1 interdigital_nerve neuroma right definite"),
    case("tendinopathy-doppler", "Patellar tendinopathy with flow",
         "F1 patellar_tendon tendinopathy right definite", "F2 patellar_tendon neovascularity right definite",
         media=(Media("M1", caption="Power Doppler of the tendon", structure="patellar_tendon", side="right",
                      mode="power_doppler", plane="long_axis"),)),
    case("thigh-haematoma-only", "Large haematoma of the vastus lateralis",
         Finding("F1", "hematoma", "vastus_lateralis", side="left", severity="severe")),
    case("thigh-haematoma-small", "Small thigh bruise",
         Finding("F1", "hematoma", "vastus_medialis", side="left", severity="mild")),
    case("nerve-tumour", "Lump along the ulnar nerve", "F1 ulnar_nerve nerve_sheath_tumor left probable"),
    case("rotator-cuff", "Shoulder weakness after a fall", "F1 supraspinatus full_thickness_tear right definite",
         story=Story(symptoms=("weakness",), mechanism=("fall",)),
         measurements=(Measurement("gap", 18, "mm", "F1", "rest"),)),
    # Nobody annotated these: their words speak for them.
    case("draft-tear", "Complete tear of the plantaris", status="draft"),
    case("draft-no-tear", "Calf pain", status="draft",
         story=Story(history="No tear of the soleus is seen. There is a small haematoma.")),
    case("draft-idiom", "Back pain", status="draft",
         story=Story(history="Degenerative changes from wear and tear of the lumbar spine.")),
    case("draft-misspelt", "Entrapment beneath the periformis", status="draft"),
    case("draft-prior", "Knee pain", status="draft",
         priors=(Prior(-3, "mri", "bone bruise of the patella", ("contusion",), "overgraded"),)),
)  # fmt: skip


def filled() -> sqlite3.Connection:
    """An index with all the cases of this file, three files and a set (the fixture ``index``)."""
    connection = fresh()
    put_case(connection, seed_case(), {"M2": 36})
    for made in CASES:
        put_case(connection, made, {"M1": 60} if made.slug == "hamstring-left" else None)
    put_file(connection, "THIGH_RT-long.dcm", frames=120, fps=30.0, side="right", description="US thigh right",
             body_part="THIGH", date="2024-05-17", age="031Y", sex="F")  # fmt: skip
    put_file(connection, "scan1.dcm", description="Achilles tendon rupture?", date="2023-01-02", sex="M",
             modes=("b_mode", "power_doppler"))  # fmt: skip
    put_file(connection, "knee.dcm", modality="MR", description="MRI knee", date="2022-11-30", age="018M")
    connection.execute("INSERT INTO sets (slug) VALUES ('muscles')")
    connection.executemany(
        "INSERT INTO set_cases VALUES (1, ?, ?)", [(1, "hamstring-left"), (2, "hamstring-right")]
    )
    connection.commit()
    return connection


def ask(index: sqlite3.Connection, text: str, **options: Any) -> Results:
    return search(index, parse(text, lexicon()), **{"limit": 100, **options})


def files(results: Results) -> list[str]:
    return [hit.instance.sha256 for hit in results.hits if hit.instance is not None]


def slugs(results: Results) -> list[str]:
    return [hit.case or f"file:{hit.title}" for hit in results.hits]


def hit(results: Results, slug: str) -> Hit:
    return next(h for h in results.hits if h.case == slug)


SEED = "rectus-femoris-complete-tear"


# ---------------------------------------------------------------------------------------------- findings


def test_absent_findings_never_answer_a_plain_search(index: sqlite3.Connection) -> None:
    for question in ("tear", "rectus femoris tear", "hamstring tear", "finding:tear", "dvt"):
        found = ask(index, question)
        assert not {"quadriceps-no-tear", "rectus-no-tear", "rectus-no-complete-tear"} & set(slugs(found))
        assert all(
            f.certainty in ("definite", "probable", "possible") for h in found.hits for f in h.findings
        )
    assert "hamstring-no-tear" not in slugs(ask(index, "hamstring tear"))


def test_a_documented_absence_is_counted_and_shown_on_request(index: sqlite3.Connection) -> None:
    plain = ask(index, "hamstring tear left")
    assert plain.hidden["absent"] == 1
    shown = ask(index, "hamstring tear left", include_absent=True)
    assert shown.hidden["absent"] == 0
    assert shown.total == plain.total + 1
    last = shown.hits[-1]
    assert (last.case, last.absent) == ("hamstring-no-tear", True)
    assert "documented absence" in last.why[0]


def test_absence_descends_and_never_climbs(index: sqlite3.Connection) -> None:
    found = slugs(ask(index, "no:tear structure:rectus_femoris"))
    assert "quadriceps-no-tear" in found  # no quadriceps tear is no rectus femoris tear
    assert "rectus-no-tear" in found
    assert "rectus-no-complete-tear" not in found  # a partial tear may still be there
    assert "rectus-no-tear" not in slugs(ask(index, "no:tear structure:quadriceps"))
    assert "rectus-no-complete-tear" in slugs(ask(index, "no:complete_tear rectus femoris"))


@pytest.mark.parametrize(
    "question",
    ["no:tear", "finding:tear certainty:absent", "no tear", "tear excluded", 'no:"rectus femoris tear"'],
)
def test_an_absence_can_be_asked_for_in_many_ways(index: sqlite3.Connection, question: str) -> None:
    found = ask(index, question)
    assert "rectus-no-tear" in slugs(found)
    assert {f.certainty for h in found.hits for f in h.findings} == {"absent"}


def test_minus_means_without_a_positive_finding(index: sqlite3.Connection) -> None:
    found = slugs(ask(index, "structure:rectus_femoris -finding:tear"))
    assert {"rectus-no-tear", "rectus-no-complete-tear"} <= set(found)
    assert SEED not in found


def test_presence_climbs_from_part_to_whole_and_never_to_a_sibling(index: sqlite3.Connection) -> None:
    assert SEED in slugs(ask(index, "quadriceps tear"))
    assert SEED in slugs(ask(index, "thigh muscle tear"))
    assert slugs(ask(index, "vastus lateralis tear")) == []
    assert "tarsal-tunnel" not in slugs(ask(index, "finding:nerve_entrapment structure:sciatic_nerve"))


def test_equals_equals_asks_for_the_concept_alone(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "structure==quadriceps finding:tear")) == []
    assert slugs(ask(index, "finding==tear structure:hamstrings")) == ["hamstring-unknown"]


def test_structure_abnormality_and_side_hold_in_the_same_finding(index: sqlite3.Connection) -> None:
    # disc-mri has a right sciatic nerve (normal) and a herniation of the disc: no herniation of the nerve.
    assert "disc-mri" not in slugs(ask(index, "sciatic nerve disc herniation"))
    # piriformis has an entrapped nerve and a hypertrophied muscle, not the other way round.
    assert "piriformis" not in slugs(ask(index, "finding:hypertrophy structure:sciatic_nerve"))
    assert "piriformis" in slugs(ask(index, "finding:hypertrophy structure:piriformis side:left"))


def test_bilateral_answers_to_left_and_to_right(index: sqlite3.Connection) -> None:
    assert "hamstring-both" in slugs(ask(index, "left hamstring tear"))
    assert "hamstring-both" in slugs(ask(index, "right hamstring tear"))
    assert slugs(ask(index, "finding:tear side:bilateral structure:hamstrings"))[0] == "hamstring-both"


def test_an_unknown_side_ranks_lower_and_says_so(index: sqlite3.Connection) -> None:
    found = ask(index, "left hamstring tear")
    order = slugs(found)
    assert order.index("hamstring-unknown") > order.index("hamstring-left")
    assert "side not recorded" in hit(found, "hamstring-unknown").why[0]


def test_the_opposite_side_never_matches_and_is_counted(index: sqlite3.Connection) -> None:
    found = ask(index, "left hamstring tear")
    assert "hamstring-right" not in slugs(found)
    assert found.hidden["other_side"] == 1
    assert slugs(ask(index, "left rectus femoris tear")) == []


def test_a_lesion_search_never_finds_a_normal_case(index: sqlite3.Connection) -> None:
    assert "normal-nerve" not in slugs(ask(index, "sciatic nerve abnormality"))
    assert "normal-nerve" not in slugs(ask(index, "finding:abnormality"))
    assert slugs(ask(index, "normal sciatic nerve"))[0] == "normal-nerve"


def test_the_modality_belongs_to_the_finding(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "MRI disc herniation")) == ["disc-mri"]
    assert "by mri" in ask(index, "disc herniation").hits[0].why[0]
    assert slugs(ask(index, "finding:disc_herniation modality:us")) == []


def test_certainty_can_be_narrowed(index: sqlite3.Connection) -> None:
    assert "hamstring-possible" in slugs(ask(index, "hamstring tear"))
    assert "hamstring-possible" not in slugs(ask(index, "hamstring tear certainty>=probable"))
    assert slugs(ask(index, "possible hamstring tear")) == ["hamstring-possible"]


def test_what_was_not_assessed_answers_nothing_but_its_own_name(index: sqlite3.Connection) -> None:
    assert "meniscus-not-seen" not in slugs(ask(index, "knee joint effusion"))
    assert "meniscus-not-seen" not in slugs(ask(index, "no:effusion"))
    assert slugs(ask(index, "finding:effusion certainty:not_assessed")) == ["meniscus-not-seen"]


def test_a_historical_finding_ranks_below_a_current_one(index: sqlite3.Connection) -> None:
    found = ask(index, "achilles rupture")
    order = slugs(found)
    assert order.index("achilles-new") < order.index("achilles-old")
    assert "historical" in hit(found, "achilles-old").why[0]


def test_composites_match_both_ways(index: sqlite3.Connection) -> None:
    assert {"tennis-leg-parts", "tennis-leg-named"} == set(slugs(ask(index, "tennis leg")))
    assert {"tennis-leg-parts", "tennis-leg-named"} == set(slugs(ask(index, "medial gastrocnemius tear")))
    assert slugs(ask(index, "Morton's neuroma")) == ["morton"]
    assert "tarsal-tunnel" in slugs(ask(index, "tarsal tunnel syndrome"))
    assert "tarsal-tunnel" not in slugs(ask(index, "piriformis syndrome"))


def test_two_findings_in_one_question_are_two_findings(index: sqlite3.Connection) -> None:
    assert set(slugs(ask(index, "rectus femoris tear with haematoma"))) == {SEED}
    assert slugs(ask(index, "hamstring tear and haematoma"))[0] == "hamstring-left"
    assert slugs(ask(index, "sciatic nerve entrapment piriformis hypertrophy")) == ["piriformis"]


def test_alternatives_share_what_stands_before_the_brackets(index: sqlite3.Connection) -> None:
    found = slugs(ask(index, "left (hamstring tear OR ulnar nerve tumour)"))
    assert {"hamstring-left", "nerve-tumour"} <= set(found)
    assert "hamstring-right" not in found


def test_severity_in_plain_words_prefers_and_in_a_field_demands(index: sqlite3.Connection) -> None:
    plain = ask(index, "large haematoma")
    assert slugs(plain)[0] == "thigh-haematoma-only"
    assert "thigh-haematoma-small" not in slugs(plain)
    assert "severity not recorded" in hit(plain, "hamstring-left").why[0]
    assert set(slugs(ask(index, "finding:hematoma severity>=moderate"))) == {SEED, "thigh-haematoma-only"}


def test_grades_stay_on_their_scale(index: sqlite3.Connection) -> None:
    assert set(slugs(ask(index, "peetrons>=2"))) == {"hamstring-left", SEED}
    assert slugs(ask(index, "peetrons:2")) == ["hamstring-left"]
    assert slugs(ask(index, "bamic:2b")) == ["hamstring-left"]
    assert slugs(ask(index, "grade:bamic>=3")) == [SEED]
    assert slugs(ask(index, "heckmatt>=3")) == []


def test_a_manoeuvre_binds_to_the_finding_or_its_evidence(index: sqlite3.Connection) -> None:
    assert set(slugs(ask(index, "tear on contraction"))) == {SEED, "hamstring-left"}
    assert slugs(ask(index, "gap on contraction")) == [SEED]


def test_a_length_on_the_other_side_is_not_shown(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "right gap over 10 mm"))[:2] == [SEED, "rotator-cuff"]
    assert not {SEED, "rotator-cuff"} & set(slugs(ask(index, "left gap over 10 mm")))
    assert SEED not in slugs(ask(index, "left gap on contraction"))
    assert "rotator-cuff" not in slugs(ask(index, "tear without gap over 10 mm"))
    assert "rotator-cuff" in slugs(ask(index, "tear without gap over 20 mm"))


# ---------------------------------------------------------------------------------------------- the rest of a case


def test_a_prior_impression_is_found_as_prior_only(index: sqlite3.Connection) -> None:
    assert SEED not in slugs(ask(index, "strain"))
    assert slugs(ask(index, "finding:strain structure:quadriceps certainty:definite")) == [
        "rectus-no-complete-tear"
    ]
    found = ask(index, "prior:strain discordance:undergraded")
    assert slugs(found) == [SEED]
    assert found.hits[0].why[0].startswith("prior, day -28, clinical exam: minor quadriceps")
    assert slugs(ask(index, "missed:complete_tear discordance:missed")) == ["achilles-new"]
    assert slugs(ask(index, "prior.modality:mri discordance:overgraded")) == ["draft-prior"]


def test_diagnosis_and_differential_are_different_fields(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "dx:piriformis_syndrome")) == ["piriformis"]
    assert slugs(ask(index, "ddx:tendinopathy")) == ["hamstring-left"]
    assert "hamstring-left" not in slugs(ask(index, "tendinopathy"))


def test_symptoms_mechanisms_tags_and_people(index: sqlite3.Connection) -> None:
    assert "piriformis" in slugs(ask(index, "tingling"))
    assert slugs(ask(index, "symptom:tingling")) == ["piriformis"]
    assert SEED in slugs(ask(index, "mechanism:sprinting"))
    assert set(slugs(ask(index, "tag:sport"))) == {SEED, "hamstring-left"}
    assert slugs(ask(index, "age:20..23 sex:F")) == ["hamstring-left"]
    assert SEED in slugs(ask(index, "sex:male age>=24"))
    assert slugs(ask(index, "set:muscles -side:left")) == ["hamstring-right"]
    assert slugs(ask(index, "case:tennis-leg-*")) == ["tennis-leg-named", "tennis-leg-parts"]
    assert slugs(ask(index, "difficulty>=advanced")) == ["hamstring-right"]
    assert "draft-tear" in slugs(ask(index, "status:draft"))
    assert SEED not in slugs(ask(index, "status:draft"))


def test_measurements_with_state_and_units(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "gap@contraction>20mm")) == [SEED]
    assert slugs(ask(index, "gap@contraction>=3.1cm")) == [SEED]
    assert slugs(ask(index, "gap@rest:10..20")) == ["rotator-cuff"]
    assert slugs(ask(index, "gap@contraction>4cm")) == []


def test_has_asks_for_material(index: sqlite3.Connection) -> None:
    assert set(slugs(ask(index, "has:cine has:case"))) == {SEED, "hamstring-left"}
    assert slugs(ask(index, "hamstring tear cine")) == ["hamstring-left"]
    assert slugs(ask(index, "has:quiz")) == [SEED]
    assert set(slugs(ask(index, "has:measurement"))) == {SEED, "rotator-cuff"}
    assert {"tendinopathy-doppler", SEED, "file:Achilles tendon rupture?"} == set(
        slugs(ask(index, "has:doppler"))
    )
    assert set(slugs(ask(index, "has:prior"))) == {SEED, "achilles-new", "draft-prior"}
    assert set(slugs(ask(index, "has:evidence"))) == {SEED, "hamstring-left"}


# ---------------------------------------------------------------------------------------------- clips and files


def test_clip_properties_hold_in_one_clip(index: sqlite3.Connection) -> None:
    assert slugs(ask(index, "mode:power_doppler plane:long_axis")) == ["tendinopathy-doppler"]
    assert slugs(ask(index, "frames>=36 plane:short_axis")) == []
    found = ask(index, "frames>=36 maneuver:contraction")
    assert set(slugs(found)) == {SEED, "hamstring-left"}
    assert hit(found, SEED).media[0].media_id == "M2"


def test_a_file_outside_any_case_is_found_by_words_and_facts(index: sqlite3.Connection) -> None:
    found = ask(index, "frames>100 fps>=20")
    assert [h.case for h in found.hits] == [None]
    instance = found.hits[0].instance
    assert instance is not None
    assert (instance.sha256, instance.study_date, instance.frames) == (
        sha("THIGH_RT-long.dcm"),
        "2024-05-17",
        120,
    )
    for question in ("thigh right", "kind:dicom date:2024-05 body_part:thigh", "duration>3s age:31", "name:thigh_rt",
                     "sha256:" + sha("THIGH_RT-long.dcm")[:12] + "*", "side:right body_part:thigh"):  # fmt: skip
        assert "file:US thigh right" in slugs(ask(index, question)), question
    assert "file:US thigh right" not in slugs(ask(index, "thigh left"))
    assert slugs(ask(index, "age<2")) == ["file:MRI knee"]
    assert "file:MRI knee" in slugs(ask(index, "modality:mri"))


def test_a_file_ranks_below_the_cases_that_were_annotated(index: sqlite3.Connection) -> None:
    order = slugs(ask(index, "achilles rupture"))
    assert order[0] == "achilles-new"
    assert order.index("file:Achilles tendon rupture?") > 0


#: For each field a value that some case or file of the index has.
_FIELD_VALUES = {
    "sex": "M", "study": "2.25.*", "description": "thigh", "series": "1", "body_part": "thigh", "age": "24",
    "manufacturer": "imaginary", "uid": "2.25.*", "rows": "480", "columns": "640", "frames": "120",
    "structure": "thigh", "finding": "tear", "no": "tear", "side": "left", "certainty": "probable",
    "severity": "severe", "temporality": "historical", "modality": "mri", "site": "tarsal_tunnel",
    "maneuver": "contraction", "confirmed": "surgery", "grade": "peetrons>=1", "prior": "strain",
    "prior.modality": "mri", "discordance": "missed", "missed": "complete_tear", "dx": "complete_tear",
    "ddx": "tendinopathy", "symptom": "weakness", "mechanism": "sport", "region": "calf", "tag": "sport",
    "category": "musculoskeletal", "difficulty": "primary", "status": "draft", "set": "muscles", "case": "morton",
    "activity": "midfielder", "title": "sprinter", "fictional": "yes", "has": "cine", "kind": "dicom",
    "mode": "power_doppler", "plane": "long_axis", "position": "supine", "fps": "24", "duration": "1..5",
    "name": "thigh", "sha256": "*", "date": "2023", "completeness": "0",
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in FIELDS if n in _FIELD_VALUES])
def test_every_field_finds_what_has_that_value(index: sqlite3.Connection, name: str) -> None:
    found = ask(index, f"{name}:{_FIELD_VALUES[name]}")
    assert found.total > 0
    assert all(h.why for h in found.hits)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_can_be_asked_whether_it_is_filled(index: sqlite3.Connection, name: str) -> None:
    if name in ("has", "sha256", "similar"):
        return
    assert ask(index, f"{name}:*").total <= ask(index, "").total


# ---------------------------------------------------------------------------------------------- words


def test_words_speak_only_for_what_nobody_annotated(index: sqlite3.Connection) -> None:
    assert "draft-tear" in slugs(ask(index, "plantaris tear"))
    assert "draft-no-tear" not in slugs(ask(index, "tear"))
    assert "draft-no-tear" in slugs(ask(index, "haematoma"))
    # The title says tear, the findings say there is none.
    assert "hamstring-no-tear" not in slugs(ask(index, "tear"))


def test_an_idiom_is_not_a_finding_but_a_phrase_is_found(index: sqlite3.Connection) -> None:
    assert "draft-idiom" not in slugs(ask(index, "tear"))
    assert slugs(ask(index, '"wear and tear"')) == ["draft-idiom"]
    assert slugs(ask(index, "“tear is seen”")) == ["quadriceps-no-tear"]


@pytest.mark.parametrize(
    "question", ["piriformis", "periformis", "pirifornis", "Piriformis", "piriformis muscle"]
)
def test_spelling_does_not_matter_in_the_question_or_the_text(
    index: sqlite3.Connection, question: str
) -> None:
    assert {"draft-misspelt", "piriformis"} <= set(slugs(ask(index, question)))


def test_a_guess_at_a_spelling_is_said_aloud(index: sqlite3.Connection) -> None:
    found = ask(index, "rectus femoriss tear")
    assert SEED in slugs(found)
    assert "showing results for rectus femoris (you typed rectus femoriss)" in found.understood
    assert found.did_you_mean == "rectus femoris tear"
    assert ask(index, "rectus femoris tear").did_you_mean == ""


def test_a_word_in_the_text_is_not_corrected_away(index: sqlite3.Connection) -> None:
    found = ask(index, "skier")
    assert slugs(found) == ["hamstring-both"]
    assert found.hits[0].why == ("words in title: skier",)


def test_words_that_no_document_has_together_are_loosened_and_it_is_said(index: sqlite3.Connection) -> None:
    found = ask(index, "skier net")
    assert {"hamstring-both", "tennis-leg-parts"} == set(slugs(found))
    assert any("some of them" in line for line in found.understood)
    assert slugs(ask(index, "skie")) == ["hamstring-both"]  # the beginning of a longer word


def test_british_and_american_spelling_and_possessives(index: sqlite3.Connection) -> None:
    assert set(slugs(ask(index, "haematoma"))) == set(slugs(ask(index, "hematomas")))
    assert slugs(ask(index, "Baker's cyst")) == slugs(ask(index, "baker cyst")) == ["bakers-cyst"]
    assert "nerve-tumour" in slugs(ask(index, "ulnar nerve tumor"))


def test_a_dicom_file_name_is_words_in_meta_only() -> None:
    text = instance_text(
        Facts("dicom", Subject(), Study("1"), Series("1"), Instance("1")), "Doe_Jane-1970.01.01.dcm"
    )
    assert text.verbatim == text.title == text.captions == ""
    assert "Doe Jane 1970 01 01 dcm" in text.meta


def test_denied_text_and_priors_stay_out_of_the_plain_columns() -> None:
    text = document_text(
        case("x", "Calf", "F1 soleus tear left absent", story=Story(history="No tear but a haematoma."),
             priors=(Prior(-1, "mri", "bone bruise", ("contusion",)),)),
        lexicon(),
    )  # fmt: skip
    plain = " ".join(text.row()[:-1])
    assert "No tear but a haematoma" in text.verbatim and "bone bruise" in text.verbatim
    assert "cxtear" not in plain and "bruise" not in plain
    assert "cxhematoma" in text.story
    assert "soleus" not in text.findings


# ---------------------------------------------------------------------------------------------- results


def test_a_hit_says_why_and_brings_the_clip_and_its_frames(index: sqlite3.Connection) -> None:
    found = hit(ask(index, "rupture of the quadriceps"), SEED)
    assert found.why[0].startswith("finding F1: rectus femoris")
    for part in ("complete tear, right, definite", "quadriceps", "rupture = tear", "clip M2 frames 12-27"):
        assert part in found.why[0]
    assert (found.media[0].media_id, found.media[0].frames) == ("M2", (12, 27))
    assert found.media[0].sha256 == sha(f"{SEED}/M2")
    assert (found.age, found.sex, found.difficulty, found.side) == (24.0, "M", "intermediate", "right")


def test_understanding_is_shown(index: sqlite3.Connection) -> None:
    understood = ask(index, "left hamstring tear cine").understood
    assert any(line.startswith("structure = hamstring") and "parts" in line for line in understood)
    assert any(line.startswith("finding = tear (+") and "kinds" in line for line in understood)
    assert {"side = left", "has = cine"} <= set(understood)


def test_order_is_the_same_every_time_and_the_limit_only_cuts(index: sqlite3.Connection) -> None:
    for question in ("tear", "", "thigh", "side:left", "haematoma OR entrapment"):
        whole = ask(index, question)
        assert slugs(whole) == slugs(ask(index, question))
        few = ask(index, question, limit=3)
        assert slugs(few) == slugs(whole)[:3]
        assert few.total == whole.total == len(whole.hits)
    assert ask(index, "tear", limit=0).hits == ()


def test_sorting_by_other_keys(index: sqlite3.Connection) -> None:
    titles = [h.title.casefold() for h in ask(index, "has:case", sort="title").hits]
    assert titles == sorted(titles)
    levels = [h.difficulty for h in ask(index, "difficulty:*", sort="difficulty").hits]
    assert levels == ["primary", "intermediate", "advanced"]
    assert slugs(ask(index, "kind:dicom -has:case", sort="newest")) == [
        "file:US thigh right", "file:Achilles tendon rupture?", "file:MRI knee",
    ]  # fmt: skip
    assert slugs(ask(index, "kind:dicom -has:case", sort="date"))[0] == "file:MRI knee"
    with pytest.raises(UsageError, match="cannot sort"):
        ask(index, "tear", sort="colour")


def test_facets_count_cases_by_what_was_found(index: sqlite3.Connection) -> None:
    facets = ask(index, "hamstring tear").facets
    assert facets["side"] == {"left": 2, "bilateral": 1, "right": 1, "unknown": 1}
    assert facets["kind"] == {"case": 5}
    assert facets["difficulty"] == {"advanced": 1, "primary": 1}
    assert "absent" not in facets["certainty"]


def test_facets_are_counted_only_where_they_are_wanted(index: sqlite3.Connection) -> None:
    counted, bare = ask(index, "hamstring tear"), ask(index, "hamstring tear", facets=False)
    assert bare.facets == {}
    assert replace(counted, facets={}) == bare


def test_an_empty_question_asks_for_everything(index: sqlite3.Connection) -> None:
    assert ask(index, "  ").total == len(CASES) + 1 + 3


def test_every_case_can_be_found_by_its_own_findings(index: sqlite3.Connection) -> None:
    """The round trip: what was annotated as present is found by its structure, kind and side."""
    for made in CASES:
        for row in made.findings:
            if row.certainty in ("definite", "probable", "possible") and row.structure:
                found = slugs(
                    ask(index, f"structure:{row.structure} finding:{row.abnormality} side:{row.side}")
                )
                assert made.slug in found, (made.slug, row)
                concept = lexicon().concept(row.structure)
                assert concept is not None and concept.kind in STRUCTURE_KINDS | {"site"}


# ---------------------------------------------------------------------------------------------- any words at all

_PIECES = st.sampled_from(
    ["tear", "left", "rectus femoris", "no", "-", "OR", "AND", "NOT", "(", ")", '"', "finding:", "finding:tear",
     "frames>", "frames>100", "age:20..40", "NEAR(a b)", "*", "title:", "'; DROP TABLE cases; --", "\0", "\u202e",
     "a AND b*", "{title} : x", "^", "Murphy's", "..", "side:left,right", "gap@contraction>20mm", "“", "”", "%", "_",
     "certainty>=probable", "==", "peetrons:2..3", "has:cine", "\\", "+", "L4-5", "haematoma", "½", "-(", "a:b"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(max_size=60), st.lists(_PIECES, max_size=12).map(" ".join), st.lists(_PIECES).map("".join)
    )
)
@example("x" * 10_000)
@example("tear " * 2_000)
@example("(" * 10_000)
@example('"' + "a b " * 2_500 + '"')
@example("-" * 5_000 + "tear")
@example("a:" * 3_000)
def test_any_words_give_results_or_an_error_that_helps(index: sqlite3.Connection, text: str) -> None:
    before = index.total_changes
    try:
        found = ask(index, text, limit=3)
    except QueryError as error:
        assert str(error)
        assert error.exit_code == 2
    else:
        assert len(found.hits) == min(3, found.total)
        assert all(h.why for h in found.hits)
    assert index.total_changes == before


def test_searching_loads_neither_pictures_nor_numbers_nor_dicom() -> None:
    code = (
        "import sys; import casearchive.index.search, casearchive.query;"
        "bad = [m for m in ('pydicom', 'PIL', 'numpy', 'sqlite_utils', 'yaml') if m in sys.modules];"
        "print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_word_for_many_kinds_of_a_finding_respects_its_exclusion(index: sqlite3.Connection) -> None:
    """Thrombosis alone must be understood, or the text "thrombosis excluded" would answer as words."""
    assert lexicon().resolve("thrombosis") is not None
    assert "dvt" in lexicon().narrower("thrombosis")


def test_a_rate_is_found_by_the_number_people_call_it(index: sqlite3.Connection) -> None:
    before = ask(index, "fps:30").total
    put_file(index, "ntsc.dcm", frames=30, fps=29.97)
    assert ask(index, "fps:30").total == before + 1
    index.rollback()


@pytest.mark.parametrize(
    ("words", "mode"),
    [("color", "color_doppler"), ("colour", "color_doppler"), ("power", "power_doppler"),
     ("duplex", "pulsed_doppler"), ("spectral", "pulsed_doppler"), ("m", "m_mode"), ("TM", "m_mode")],
)  # fmt: skip
def test_a_mode_goes_by_its_short_names_too(words: str, mode: str) -> None:
    connection = fresh()
    put_file(connection, "wanted", modes=(mode,))
    put_file(connection, "other", modes=("b_mode",))
    assert files(ask(connection, f"mode:{words}")) == [sha("wanted")]


def test_any_of_the_thermal_indices_of_a_file_answers_a_question_for_one() -> None:
    connection = fresh()
    first = put_file(connection, "first")
    put_file(connection, "second")
    connection.executemany(
        "INSERT INTO claims (instance_id, what, source, value) VALUES (?, 'thermal_index', ?, ?)",
        [(first, "SoftTissueThermalIndex", "0.2"), (first, "BoneThermalIndex", "1.4")],
    )
    assert files(ask(connection, "ti>1")) == [sha("first")]
    assert files(ask(connection, "ti:0.2")) == [sha("first")]
    assert files(ask(connection, "ti>2")) == []


def test_a_probe_is_found_by_its_kind_and_by_its_name() -> None:
    connection = fresh()
    instance = put_file(connection, "first")
    put_file(connection, "second")
    connection.execute(
        "UPDATE instances SET transducer_type = 'SECTOR_PHASED', transducer_data = 'S5-1' WHERE id = ?",
        (instance,),
    )
    assert files(ask(connection, "probe:phased")) == files(ask(connection, "probe:S5")) == [sha("first")]


def test_a_side_left_out_takes_no_other_finding_with_it() -> None:
    connection = fresh()
    put_case(
        connection,
        case("right-tear", "One", "F1 soleus tear right definite", "F2 soleus hematoma left definite"),
    )
    put_case(connection, case("left-tear", "Two", "F1 soleus tear left definite"))
    put_case(connection, case("no-side", "Three", "F1 soleus tear unknown definite"))
    assert set(slugs(ask(connection, "tear -left"))) == {"right-tear", "no-side"}
    assert slugs(ask(connection, "tear -left -right")) == ["no-side"]


def test_without_a_finding_brings_first_who_documents_that_and_nobody_who_has_it() -> None:
    connection = fresh()
    put_case(
        connection, case("both", "One", "F1 soleus tear left definite", "F2 soleus hematoma left possible")
    )
    put_case(connection, case("silent", "Two", "F1 soleus tear left definite"))
    put_case(
        connection,
        case("documented", "Three", "F1 soleus tear left definite", "F2 soleus hematoma left absent"),
    )
    assert slugs(ask(connection, "soleus tear without haematoma")) == ["documented", "silent"]
    assert slugs(ask(connection, "tear no:haematoma")) == ["documented"]


def test_a_measurement_is_asked_of_the_structure_it_was_taken_at() -> None:
    connection = fresh()
    thick = Measurement("csa", 78.0, "mm2", finding="F1")
    put_case(
        connection,
        case("sciatic", "One", "F1 sciatic_nerve nerve_enlargement left definite", measurements=(thick,)),
    )
    put_case(
        connection,
        case("median", "Two", "F1 median_nerve nerve_enlargement left definite", measurements=(thick,)),
    )
    assert slugs(ask(connection, "csa:sciatic_nerve>60mm2")) == ["sciatic"]
    assert slugs(ask(connection, "median nerve csa over 60")) == ["median"]
    assert slugs(ask(connection, "csa:sciatic_nerve>80mm2")) == []


def test_quality_tells_what_nobody_has_looked_at() -> None:
    connection = fresh()
    put_case(connection, case("seen", "One", "F1 soleus tear left definite"))
    put_case(connection, case("mined", "Two", finding("F1 soleus tear left definite", reviewed=False)))
    assert slugs(ask(connection, "quality:unreviewed")) == ["mined"]
    assert slugs(ask(connection, "tear quality:reviewed")) == ["seen"]


def test_material_that_a_case_has_can_be_asked_for() -> None:
    connection = fresh()
    moved = Dynamic("contraction", "small defect", "31 mm gap")
    put_case(connection, case("moved", "One", finding("F1 soleus tear left definite", dynamic=moved)))
    put_case(
        connection,
        case(
            "later", "Two", "F1 soleus tear left absent", media=(Media("M1", "x"), Media("M2", "y", day=14))
        ),
    )
    put_case(
        connection,
        case("pair", "Three", media=(Media("M1", "z", side="left"), Media("M2", "w", side="right"))),
    )
    assert slugs(ask(connection, "has:dynamic")) == ["moved"]
    assert slugs(ask(connection, "has:followup")) == ["later"]
    assert slugs(ask(connection, "has:absent")) == ["later"]
    assert slugs(ask(connection, "has:finding")) == ["moved"]
    assert slugs(ask(connection, "has:bilateral")) == ["pair"]


def test_a_file_with_a_scale_is_told_from_one_without() -> None:
    connection = fresh()
    measured = put_file(connection, "measured")
    put_file(connection, "plain")
    connection.execute(
        "INSERT INTO ultrasound_regions (instance_id, position, min_x0, min_y0, max_x1, max_y1, spatial_format,"
        " data_type, flags) VALUES (?, 1, 0, 0, 9, 9, 1, 1, 0)", (measured,),
    )  # fmt: skip
    assert files(ask(connection, "calibrated:yes")) == [sha("measured")]
    assert files(ask(connection, "calibrated:no")) == [sha("plain")]


def test_exact_words_find_no_kinds_and_no_parts() -> None:
    connection = fresh()
    put_case(connection, case("part", "One", "F1 rectus_femoris complete_tear left definite"))
    put_case(connection, case("whole", "Two", "F1 quadriceps tear left definite"))
    assert set(slugs(ask(connection, "quadriceps tear"))) == {"part", "whole"}
    exactly = search(connection, parse("quadriceps tear", lexicon(), exact=True))
    assert slugs(exactly) == ["whole"]
    assert not search(connection, parse("quadricps tear", lexicon(), exact=True)).hits
