"""Questions whose words mean more than one thing, and words of an author's own. All cases are invented."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from test_search import ask, case, fresh, put_case, slugs

from casearchive.model import Case, Measurement, Patient, Story


def told(slug: str, title: str, story: str) -> Case:
    return case(slug, title, story=Story(history=story))


def index_of(*cases: Case) -> sqlite3.Connection:
    connection = fresh()
    for made in cases:
        put_case(connection, made)
    return connection


def test_of_names_as_near_as_each_other_the_one_that_is_held_was_meant() -> None:
    held = index_of(case("heel", "Heel", "F1 achilles_insertion enthesitis right definite"))
    found = ask(held, "entesitis")
    assert slugs(found) == ["heel"]
    assert found.did_you_mean == "enthesitis"


def test_a_gap_of_a_length_is_found_by_its_length_whatever_the_finding_is_called() -> None:
    gap = Measurement(what="meas_gap", value=23, unit="mm", finding="F1", state="contraction")
    small = replace(gap, value=4)
    held = index_of(
        replace(case("opens", "Thigh", "F1 rectus_femoris partial_tear left definite"), measurements=(gap,)),
        replace(
            case("small", "Thigh", "F1 rectus_femoris partial_tear left definite"), measurements=(small,)
        ),
    )
    assert slugs(ask(held, "gap at contraction >10mm")) == ["opens"]
    assert slugs(ask(held, "gap rectus femoris > 10 mm")) == ["opens"]


def test_a_gap_on_contraction_is_a_finding_or_a_length_measured_then() -> None:
    gap = Measurement(what="meas_gap", value=23, unit="mm", finding="F1", state="contraction")
    held = index_of(
        replace(case("opens", "Thigh", "F1 rectus_femoris partial_tear left definite"), measurements=(gap,)),
        case("still", "Heel", "F1 achilles_tendon retraction left definite"),
    )
    assert slugs(ask(held, "gap on contraction")) == ["opens"]
    assert not ask(held, "gap on contraction").loosened


@pytest.mark.parametrize("question", ["groin muscle tear", "adductor longus avulsion"])
def test_what_is_next_to_the_words_is_shown_where_nobody_has_just_that(question: str) -> None:
    held = index_of(
        case("off", "Groin", "F1 adductor_longus_tendon complete_tear right definite"),
        case("calf", "Calf", "F1 soleus tear right definite"),
    )
    found = ask(held, question)
    assert slugs(found) == ["off"]
    assert found.loosened


def test_a_dislocation_of_a_nerve_is_its_subluxation() -> None:
    held = index_of(case("elbow", "Elbow", "F1 ulnar_nerve nerve_subluxation right definite"))
    assert slugs(ask(held, "ulnar nerve dislocation")) == ["elbow"]
    assert not ask(held, "ulnar nerve dislocation").loosened


def test_a_pain_tells_no_case_from_another() -> None:
    held = index_of(
        case("stress", "Forefoot pain", "F1 metatarsal stress_fracture left definite"),
        case("plate", "Burning toes", "F1 plantar_plate tear left definite"),
    )
    assert slugs(ask(held, "forefoot pain")) == ["stress", "plate"]


def test_words_of_the_authors_own_are_found_by_what_they_hold() -> None:
    made = case("stress", "A foot", "F1 metatarsal stress_fracture left definite")
    made = replace(made, findings=(replace(made.findings[0], structure="second metatarsal"),))
    held = index_of(made)
    assert slugs(ask(held, "metatarsal stress fracture")) == ["stress"]
    assert slugs(ask(held, 'structure:"second metatarsal"')) == ["stress"]


def test_the_words_of_the_other_side_do_not_answer_because_a_comparison_is_named() -> None:
    held = index_of(
        told("right", "Full-thickness supraspinatus tear, right shoulder",
             "Subacromial bursa thickened, bursitis. Left cuff scanned for comparison: intact."),
        told("left", "Bursitis of the left subacromial bursa", "Painful arc."),
    )  # fmt: skip
    assert slugs(ask(held, "left subacromial bursitis")) == ["left"]


def test_a_tunnel_has_a_side() -> None:
    held = index_of(
        case("annotated", "Wrist", "F1 median_nerve carpal_tunnel_syndrome right definite"),
        told("told", "Carpal tunnel syndrome, right", "Median nerve swollen at the tunnel inlet."),
    )
    assert set(slugs(ask(held, "carpal tunnel right"))) == {"annotated", "told"}
    assert slugs(ask(held, "carpal tunnel left")) == []


def test_a_syndrome_is_not_put_together_from_words_of_two_places() -> None:
    held = index_of(
        told("heel", "Enthesitis of both Achilles insertions", "Plantar fascia 3.4 mm on both sides."),
        told("sole", "Plantar fasciitis, left", "Plantar fascia 6.4 mm."),
    )
    assert slugs(ask(held, "plantar fasciitis")) == ["sole"]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("pinched ulnar nerve", "nerve_entrapment"),
        ("axillary nerve injury", "neuropathy"),
        ("LCL injury", "sprain"),
        ("ankle injury", "fracture"),
    ],
)
def test_words_that_say_what_is_wrong_only_with_their_structure(question: str, kind: str) -> None:
    places = {"pinched ulnar nerve": "ulnar_nerve", "axillary nerve injury": "axillary_nerve"}
    places |= {"LCL injury": "lcl_knee", "ankle injury": "ankle"}
    held = index_of(case("here", "A case", f"F1 {places[question]} {kind} right definite"))
    assert slugs(ask(held, question)) == ["here"]


def test_an_effusion_of_a_joints_region_is_a_joint_effusion() -> None:
    held = index_of(case("hip", "Limping", "F1 hip_region effusion right definite"),
                    case("chest", "Breathless", "F1 chest effusion right definite"))  # fmt: skip
    assert slugs(ask(held, "joint effusion")) == ["hip"]


def test_an_avulsion_of_a_bone_is_an_avulsion_fracture() -> None:
    held = index_of(case("spine", "Sprinter", "F1 aiis avulsion right definite"),
                    case("tendon", "Goalie", "F1 adductor_longus_tendon avulsion right definite"))  # fmt: skip
    assert slugs(ask(held, "avulsion fracture")) == ["spine"]


def test_a_strain_asked_in_plain_words_may_be_recorded_as_a_partial_tear() -> None:
    held = index_of(
        case("rib", "Cough", "F1 intercostal_muscles partial_tear right definite"),
        case("strained", "Sneeze", "F1 intercostal_muscles strain right definite"),
        case("off", "Fall", "F1 intercostal_muscles complete_tear right definite"),
    )
    assert slugs(ask(held, "intercostal strain right")) == ["strained", "rib"]
    assert slugs(ask(held, "intercostal strain left")) == []
    assert slugs(ask(held, "finding:strain")) == ["strained"]


def test_what_comes_next_is_shown_where_nobody_has_just_that() -> None:
    held = index_of(
        case("lump", "Lump", "F1 breast cyst left definite"),
        case("thumb", "Thumb", "F1 first_extensor_compartment tenosynovitis left definite"),
    )
    for question, slug in (("lump in breast", "lump"), ("tenosynovitis hand", "thumb")):
        found = ask(held, question)
        assert slugs(found) == [slug], question
        assert found.loosened


def test_who_the_patient_is_lifts_and_leaves_nobody_out() -> None:
    young = replace(
        case("young", "A limp", "F1 hip_joint effusion left definite"), patient=Patient(age="6 Y")
    )
    old = replace(
        case("old", "An old limp", "F1 hip_joint effusion left definite"), patient=Patient(age="70 Y")
    )
    held = index_of(old, young)
    assert slugs(ask(held, "child hip effusion")) == ["young", "old"]
    assert slugs(ask(held, "elderly hip effusion")) == ["old", "young"]
    assert "preferably" in "; ".join(ask(held, "child hip effusion").understood)


def test_a_slip_in_a_longer_name_is_mended_with_the_words_beside_it() -> None:
    held = index_of(case("bone", "Thigh", "F1 vastus_intermedius myositis_ossificans right definite"))
    found = ask(held, "myositis ossifcans")
    assert slugs(found) == ["bone"]
    assert "myositis ossificans" in found.did_you_mean


def test_the_name_of_a_sign_that_begins_with_absent_is_no_denial() -> None:
    held = index_of(told("lung", "Pneumothorax", "Absent lung sliding on the right."))
    assert slugs(ask(held, "absent lung sliding")) == ["lung"]


def test_the_absence_in_a_part_answers_a_plain_question_for_the_whole_unless_another_part_has_it() -> None:
    held = index_of(
        case("whole", "Calf", "F1 gastrocnemius tear left absent"),
        case("part", "Calf", "F1 gastrocnemius_medial tear left absent"),
        case(
            "other",
            "Calf",
            "F1 gastrocnemius_medial tear left absent",
            "F2 gastrocnemius_lateral tear left definite",
        ),
    )
    assert slugs(ask(held, "gastrocnemius no tear")) == ["whole", "part"]
    assert slugs(ask(held, "no:tear structure:gastrocnemius")) == ["whole"]


def test_what_others_thought_before_is_no_finding_of_the_text() -> None:
    held = index_of(
        told(
            "ganglion",
            "Dorsal wrist ganglion, right",
            "Firm lump thought to be a lipoma. Anechoic cyst with a stalk.",
        ),
        told("lipoma", "Lipoma of the back", "Soft lump."),
    )
    assert slugs(ask(held, "lipoma")) == ["lipoma"]
    assert slugs(ask(held, "prior:lipoma")) == ["ganglion"]
    assert "ganglion" in slugs(ask(held, "wrist"))


def test_what_comes_next_is_never_a_case_that_documents_the_absence() -> None:
    held = index_of(
        case(
            "gout",
            "Elbow",
            "F1 olecranon_bursa bursitis right definite",
            "F2 olecranon_bursa septic_bursitis right absent",
        ),
        case("plain", "Knee", "F1 prepatellar_bursa bursitis right definite"),
    )
    assert slugs(ask(held, "septic bursitis")) == ["plain"]


def test_a_swelling_of_a_nerve_is_its_enlargement_however_it_is_recorded() -> None:
    held = index_of(
        case("nerve", "Tunnel", "F1 median_nerve swelling right definite"),
        case("ankle", "Ankle", "F1 ankle swelling right definite"),
    )
    assert slugs(ask(held, "nerve swelling")) == ["nerve"]


def test_two_regions_joined_by_and_are_either_of_them() -> None:
    held = index_of(
        case("foot", "Sole", "F1 plantar_fascia fasciitis right definite"),
        case("ankle", "Ankle", "F1 atfl tear right definite"),
    )
    assert set(slugs(ask(held, "foot and ankle"))) == {"foot", "ankle"}


def test_what_another_method_saw_and_ultrasound_denies_is_no_finding() -> None:
    held = index_of(
        told(
            "intact",
            "Peroneus brevis split, right",
            "An outside MRI had shown an ATFL tear. The ATFL is intact.",
        ),
        told("torn", "ATFL tear, left", "Inversion. MRI confirmed it."),
        told(
            "soleus",
            "Soleus tear on MRI, right",
            "On ultrasound the soleus is intact. MRI shows a tear of the soleus.",
        ),
    )
    assert slugs(ask(held, "ATFL tear")) == ["torn"]
    assert slugs(ask(held, "soleus tear")) == ["soleus"]


def test_the_absence_of_a_kind_answers_a_plain_question_and_no_field() -> None:
    held = index_of(
        case("smooth", "Toes", "F1 metatarsal stress_fracture right absent"),
        case(
            "broken",
            "Toes",
            "F1 metatarsal stress_fracture right absent",
            "F2 metatarsal fracture right definite",
        ),
    )
    assert slugs(ask(held, "no metatarsal fracture")) == ["smooth"]
    assert slugs(ask(held, "no:fracture structure:metatarsal")) == []


def test_a_lump_may_be_a_cyst_where_nobody_has_a_mass() -> None:
    held = index_of(case("ganglion", "Wrist", "F1 wrist ganglion_cyst left definite"))
    found = ask(held, "lump wrist")
    assert slugs(found) == ["ganglion"]
    assert found.loosened
