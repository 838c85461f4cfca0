"""The vocabulary of muscles, tendons, nerves and joints: what a clinician types, and what it is taken for."""

# ruff: noqa: E501  (rows of a table of cases read best on one line)

from __future__ import annotations

import pytest

from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon

TERMS = lexicon()

#: The classes themselves, which nothing is above.
ROOTS = {"muscle", "tendon", "ligament", "nerve", "bursa", "joint", "bone", "fascia", "vessel", "organ"}


def found(text: str) -> str:
    return " ".join(m.concept for m in TERMS.recognise(text))


@pytest.mark.parametrize(
    ("typed", "concepts"),
    [
        # shoulder and arm
        ("long head of biceps", "biceps_long_head_tendon"), ("LHB tendon", "biceps_long_head_tendon"), ("short head of the biceps", "biceps_short_head"),
        ("SLAP", "slap_lesion"), ("slap tear", "slap_lesion"), ("bony Bankart", "bankart"), ("Hill Sachs", "hill_sachs"),
        ("PASTA lesion", "articular_sided_tear"), ("bursal sided tear", "bursal_sided_tear"), ("rotator interval", "rotator_interval"),
        ("full thickness supraspinatus tear", "full_thickness_tear supraspinatus tear"), ("subdeltoid bursa", "subacromial_bursa"),
        ("shoulder impingement", "subacromial_impingement"), ("frozen shoulder", "frozen_shoulder"), ("AC joint separation", "ac_joint_injury"),
        ("glenohumeral effusion", "glenohumeral_joint effusion"), ("pec major tear", "pectoralis_major tear"), ("teres major", "teres_major"),
        ("bicipital groove", "bicipital_groove"), ("biceps pulley", "biceps_pulley"), ("coracohumeral ligament", "coracohumeral_ligament"),
        ("greater tuberosity", "greater_tuberosity"), ("paralabral cyst", "paralabral_cyst"), ("collar bone", "clavicle"), ("shoulder blade", "scapula"),
        ("winged scapula", "winging"), ("anterior scalene", "scalene_anterior"), ("pec minor", "pectoralis_minor"),
        # elbow and forearm
        ("golfers elbow", "golfers_elbow"), ("distal biceps tendon rupture", "distal_biceps_tendon tear"), ("snapping triceps", "snapping_triceps"),
        ("olecranon bursitis", "olecranon_bursitis"), ("student's elbow", "olecranon_bursitis"), ("Osborne's ligament", "osborne_ligament"),
        ("arcade of Frohse", "arcade_of_frohse"), ("lacertus fibrosus", "lacertus_fibrosus"), ("ligament of Struthers", "struthers_ligament"), ("struthers ligament", "struthers_ligament"),
        ("LUCL", "lucl"), ("common flexor origin", "common_flexor_tendon"), ("ECRB tendon", "ecrb_tendon"), ("pulled elbow", "pulled_elbow"),
        ("anconeus epitrochlearis", "anconeus_epitrochlearis"), ("UCL of the elbow", "ucl_elbow"), ("antecubital fossa", "antecubital_fossa"),
        # nerves and where they are caught
        ("Martin-Gruber", "martin_gruber"), ("PIN entrapment", "posterior_interosseous_nerve nerve_entrapment"), ("AIN palsy", "anterior_interosseous_nerve neuropathy"),
        ("supinator syndrome", "supinator_syndrome"), ("radial tunnel", "radial_tunnel"), ("Wartenberg’s syndrome", "wartenberg_syndrome"),
        ("Saturday night palsy", "saturday_night_palsy"), ("Guyon's canal", "guyon_canal"), ("ulnar neuropathy at the wrist", "guyon_syndrome"),
        ("thoracic outlet syndrome", "thoracic_outlet_syndrome"), ("Parsonage-Turner", "parsonage_turner"), ("long thoracic nerve", "long_thoracic_nerve"),
        ("suprascapular notch cyst", "suprascapular_notch cyst"), ("quadrilateral space", "quadrilateral_space"), ("spiral groove", "spiral_groove"),
        ("hourglass constriction", "fascicular_constriction"), ("neuroma in continuity", "neuroma_in_continuity"), ("bifid median nerve", "bifid_median_nerve"),
        ("LFCN entrapment", "lateral_femoral_cutaneous_nerve nerve_entrapment"), ("saphenous nerve adductor canal", "saphenous_nerve adductor_canal"),
        ("Hunter's canal", "adductor_canal"), ("cluneal nerve", "cluneal_nerves"), ("baxter's nerve", "baxter_nerve"), ("jogger’s foot", "joggers_foot"),
        ("anterior tarsal tunnel", "anterior_tarsal_tunnel"), ("peroneal nerve at the fibular head", "common_fibular_nerve fibular_head"),
        ("schwannomas", "schwannoma"), ("stump neuroma", "stump_neuroma"), ("ACNES", "acnes"), ("Morton’s neuroma", "morton_neuroma"),
        # wrist and hand
        ("TFCC tear", "tfcc tear"), ("scapholunate ligament", "scapholunate_ligament"), ("DRUJ", "distal_radioulnar_joint"), ("ECU subluxation", "extensor_carpi_ulnaris subluxation"),
        ("DeQuervain's tenosynovitis", "de_quervain"), ("De Quervain", "de_quervain"), ("intersection syndrome", "intersection_syndrome"), ("first dorsal compartment", "first_extensor_compartment"),
        ("trigger thumb A1 pulley", "trigger_thumb a1_pulley"), ("A2 pulley rupture", "a2_pulley tear"), ("climber's finger", "climbers_finger"),
        ("volar plate", "volar_plate"), ("palmar plate avulsion", "volar_plate avulsion"), ("UCL sprain thumb", "ulnar_collateral_ligament sprain thumb"), ("thumb UCL", "ucl_thumb"),
        ("skier's thumb", "skiers_thumb"), ("gamekeepers thumb", "skiers_thumb"), ("Stener lesion", "stener_lesion"), ("mallet finger", "mallet_finger"), ("jersey finger", "jersey_finger"),
        ("boutonnière", "boutonniere"), ("central slip", "central_slip"), ("sagittal bands", "sagittal_band"), ("FDP avulsion ring finger", "flexor_digitorum_profundus avulsion ring_finger"),
        ("thumb CMC arthritis", "cmc1_joint arthritis"), ("PIP joints", "pip_joint"), ("Dupuytren's", "dupuytren"), ("dorsal wrist ganglion", "dorsal_wrist ganglion_cyst"),
        ("giant cell tumor of the tendon sheath", "tgct"), ("Kienböck", "kienboeck"), ("hook of hamate", "hamate"), ("first dorsal interosseous", "first_dorsal_interosseous"), ("PIP", "pip_joint"),
        # trunk, head and neck
        ("slipping rib", "slipping_rib"), ("Tietze", "tietze"), ("costal cartilage", "costal_cartilage"), ("rectus abdominis strain", "rectus_abdominis strain"), ("serratus anterior", "serratus_anterior"),
        ("sternomastoid", "sternocleidomastoid"), ("masseter", "masseter"), ("TMJ", "temporomandibular_joint"), ("thoracolumbar fascia", "thoracolumbar_fascia"), ("rhomboids", "rhomboids"),
        # hip and thigh
        ("adductor longus avulsion", "adductor_longus avulsion"), ("osteitis pubis", "osteitis_pubis"), ("pubic symphysis", "pubic_symphysis"), ("external snapping hip", "external_snapping_hip"),
        ("GTPS", "greater_trochanteric_pain"), ("gluteus minimus tendon", "gluteus_minimus_tendon"), ("acetabular labral tear", "acetabular_labrum tear"), ("psoas major", "psoas_major"),
        ("irritable hip", "transient_synovitis"), ("Perthes", "perthes"), ("DDH", "hip_dysplasia"), ("hip impingement", "femoroacetabular_impingement"), ("obturator externus", "obturator_externus"), ("ASIS", "asis"),
        # knee and leg
        ("jumper's knee", "jumpers_knee"), ("patellar tendinopathy", "jumpers_knee"), ("Osgood-Schlatter", "osgood_schlatter"), ("Sinding Larsen Johansson", "sinding_larsen"), ("MPFL", "mpfl"), ("ACL tear", "acl tear"),
        ("Hoffa's fat pad", "hoffa_fat_pad"), ("medial meniscus extrusion", "meniscal_extrusion"), ("pes anserine bursitis", "pes_bursitis"), ("ITB friction", "itb_syndrome"), ("runner’s knee", "patellofemoral_pain"),
        ("ruptured Baker's cyst", "ruptured_bakers_cyst"), ("posterolateral corner", "posterolateral_corner"), ("carpet layer's knee", "housemaids_knee"), ("clergyman's knee", "clergymans_knee"),
        ("shin splints", "medial_tibial_stress"), ("exertional compartment syndrome", "chronic_compartment_syndrome"), ("popliteus tendon", "popliteus_tendon"), ("tennis leg", "tennis_leg"),
        # ankle and foot
        ("ATFL tear", "atfl tear"), ("calcaneofibular ligament", "cfl"), ("deltoid ligament", "deltoid_ligament"), ("spring ligament", "spring_ligament"), ("high ankle sprain", "high_ankle_sprain"), ("syndesmosis", "ankle_syndesmosis"),
        ("Lisfranc", "lisfranc_ligament"), ("quadratus plantae", "quadratus_plantae"), ("flexor hallucis longus", "flexor_hallucis_longus"), ("Kager's fat pad", "kagers_fat_pad"), ("Haglund", "haglund"), ("Sever's disease", "sever"),
        ("peroneal tendon subluxation", "fibular_tendons subluxation"), ("posterior tibial tendon dysfunction", "tibialis_posterior_dysfunction"), ("os trigonum", "os_trigonum"), ("plantar plate tear second toe", "plantar_plate tear toe"),
        ("turf toe", "turf_toe"), ("bunion", "hallux_valgus"), ("Ledderhose", "ledderhose"), ("intermetatarsal bursitis", "intermetatarsal_bursitis"), ("big toe", "hallux"), ("Freiberg disease", "freiberg_disease"),
        # joints, crystals, bone
        ("gout tophi first MTP", "gout tophus mtp1_joint"), ("double contour sign", "double_contour"), ("pseudogout", "cppd"), ("RA wrist synovitis", "rheumatoid_arthritis wrist synovitis"), ("septic arthritis", "septic_arthritis"),
        ("dactylitis", "dactylitis"), ("stress fracture metatarsal", "stress_fracture metatarsal"), ("osteomyelitis", "osteomyelitis"), ("haemarthrosis", "hemarthrosis"), ("rice bodies", "rice_bodies"), ("PVNS", "tgct"),
        # found missing by a list of what people type
        ("retinaculum", "retinaculum"), ("torn peroneal retinaculum", "tear fibular_retinaculum"), ("patellar retinaculum tear", "patellar_retinaculum tear"), ("extensor retinaculum of the wrist", "extensor_retinaculum_wrist"),
        ("thickening", "thickening"), ("A1 pulley thickening", "a1_pulley thickening"), ("thickened tendon", "tendon_thickening"), ("impingement", "impingement"), ("nerve impingement", "nerve_entrapment"), ("capsulitis", "capsulitis"),
        ("massive tear", "massive_tear"), ("massive cuff tear", "massive_cuff_tear"), ("impaction fracture", "impaction_fracture"), ("reverse Hill-Sachs", "reverse_hill_sachs"), ("posterior labral tear", "posterior_labrum tear"),
        ("anteroinferior labrum", "anterior_labrum"), ("labrum of the hip", "acetabular_labrum"), ("infrapatellar bursa", "infrapatellar_bursae"), ("infrapatellar bursitis", "infrapatellar_bursitis"), ("lower pole patella", "inferior_patellar_pole"),
        ("meniscal tear", "meniscal_tear"), ("medial meniscal tear", "medial_meniscus tear"), ("bucket handle tear", "bucket_handle_tear"), ("biceps pulley lesion", "biceps_pulley_lesion"), ("supraspinatus tendonitis", "supraspinatus tendinopathy"),
        ("acute tendinitis", "acute_tendinitis"), ("calcific tendonitis", "calcific_tendinopathy"), ("PASTA", "articular_sided_tear"), ("HAGL", "hagl"), ("posterior fat pad", "elbow_fat_pad"), ("epicondylitis", "epicondylitis"), ("SL ligament tear", "scapholunate_ligament tear"),
        ("flexor tenosynovitis", "flexor_tenosynovitis"), ("swan neck", "swan_neck"), ("Heberden's nodes", "heberden_node"), ("2nd MCP synovitis", "mcp2_joint synovitis"), ("gout 1st MTP", "gout mtp1_joint"), ("4th extensor compartment", "fourth_extensor_compartment"),
        ("peroneal neuropathy", "fibular_neuropathy"), ("tibial neuropathy", "tibial_neuropathy"), ("PsA", "psoriatic_arthritis"), ("Sever", "sever"), ("tib post tendinopathy", "tibialis_posterior_dysfunction"), ("collateral ligament", "collateral_ligament"), ("muscle biopsy", "tx_muscle_biopsy"),
        ("aneurysmal bone cyst", "aneurysmal_bone_cyst"), ("stone bruise", "contusion"), ("grade 2 strain", "muscle_partial_tear"), ("cortical defect", "cortical_irregularity"),
        # how it came about, how it was tested, what was done
        ("FOOSH", "mech_fall_hand"), ("footballer", "mech_football"), ("boulderer", "mech_climbing"), ("violinist", "mech_musician"), ("wrist drop", "sym_wrist_drop"), ("morning stiffness", "sym_morning_stiffness"),
        ("Finkelstein's test", "finkelstein"), ("Phalen's", "phalen"), ("empty can", ""), ("empty can test", "jobe_test"), ("Lachman", "lachman"), ("Kanavel's signs", "kanavel"),
        ("PRP injection", "tx_prp"), ("hydrodissection", "tx_hydrodissection"), ("barbotage", "tx_barbotage"), ("Crass position", "crass_position"), ("valgus stress", "valgus_stress"), ("honeycomb", "fascicular_pattern"),
        ("acromiohumeral distance", "meas_acromiohumeral"), ("Graf alpha angle", "meas_alpha_angle"),
    ],
)  # fmt: skip
def test_what_a_clinician_types_is_taken_for_what_it_means(typed: str, concepts: str) -> None:
    assert found(typed) == concepts


@pytest.mark.parametrize(
    ("sentence", "concepts"),
    [
        ("The nerve running along the septum was the sole finding.", "nerve"),
        ("A pip and a pin were found in the dip of the tray.", ""),
        ("It cast doubt on the size, which slowly tens of cases confirmed.", "definite"),
        ("It was palm-sized, with the radius of curvature of a coin.", ""),
        ("The police san them slap the ring.", ""),
        ("Acne of the back after a day at the spa.", "back"),
        ("MCL sprain grade 2", "mcl_knee sprain"),
        ("full-thickness cartilage defect", ""),
    ],
)
def test_ordinary_english_is_not_taken_for_short_names(sentence: str, concepts: str) -> None:
    ours = [c for c in found(sentence).split() if c not in {"defect", "muscle_defect"}]
    assert " ".join(ours) == concepts


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("wrist", "tfcc scapholunate_ligament ecu_tendon guyon_canal distal_radioulnar_joint median_nerve"),
        ("hand", "a2_pulley thumb fdp_tendon cmc1_joint"),
        ("elbow", "common_flexor_tendon olecranon_bursa osborne_ligament radial_head lucl"),
        ("shoulder", "superior_labrum os_acromiale subcoracoid_bursa rotator_interval teres_major"),
        ("ankle", "cfl deltoid_ligament fhl_tendon talus sinus_tarsi lateral_malleolus"),
        ("foot", "plantar_plate quadratus_plantae baxter_nerve hallux mtp1_joint lisfranc_ligament"),
        ("knee", "mpfl acl medial_meniscus hoffa_fat_pad pes_anserinus tibial_plateau"),
        ("hip_region", "acetabular_labrum femoral_head gluteus_minimus_tendon asis iliacus"),
        ("thigh", "fascia_lata rf_central_septum vastus_medialis_obliquus adductor_canal"),
        ("neck", "scalene_anterior sternocleidomastoid cervical_spine plexus_roots"),
        ("rotator_cuff", "supraspinatus rotator_cable"),
        ("ulnar_collateral_ligament", "ucl_elbow ucl_thumb"),
        ("finger_pulley", "a1_pulley a2_pulley oblique_pulley_thumb"),
        ("tibialis_anterior", "tibialis_anterior_tendon"),
        ("abductor_pollicis_longus", "apl_tendon"),
        ("humerus", "humeral_head greater_tuberosity capitellum"),
        ("tear", "pulley_rupture mallet_finger slap_lesion nerve_transection massive_cuff_tear"),
        ("subluxation", "tendon_subluxation nerve_subluxation snapping_hip pulled_elbow"),
        ("neuropathy", "nerve_entrapment carpal_tunnel_syndrome wartenberg_syndrome parsonage_turner"),
        ("arthritis", "gout rheumatoid_arthritis septic_arthritis knee_osteoarthritis"),
        ("retinaculum", "superior_fibular_retinaculum medial_patellar_retinaculum transverse_carpal_ligament osborne_ligament extensor_retinaculum_ankle"),
        ("thickening", "tendon_thickening ligament_thickening capsular_thickening gallbladder_wall_thickening trigger_finger"),
        ("impingement", "subacromial_impingement femoroacetabular_impingement tendon_impingement posterior_ankle_impingement hoffa_syndrome"),
        ("tendinopathy", "acute_tendinitis tendinosis tennis_elbow"), ("strain", "muscle_partial_tear"), ("capsulitis", "frozen_shoulder"), ("glenoid_labrum", "anterior_labrum inferior_labrum"),
        ("infrapatellar_bursae", "deep_infrapatellar_bursa superficial_infrapatellar_bursa"), ("patella", "patellar_pole inferior_patellar_pole"), ("impaction_fracture", "hill_sachs reverse_hill_sachs"),
        ("mech_sport", "mech_football mech_climbing mech_sprint_kick"),
        ("stress_test", "valgus_stress anterior_drawer"),
    ],
)  # fmt: skip
def test_a_search_for_the_whole_finds_its_parts_and_kinds(whole: str, parts: str) -> None:
    assert set(parts.split()) <= TERMS.narrower(whole)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("median_nerve", "anterior_interosseous_nerve"), ("brachial_plexus", "ulnar_nerve"), ("sprain", "strain"),
        ("tendon", "tendon_sheath_effusion"), ("ucl_elbow", "ucl_thumb"), ("biceps_brachii", "biceps_femoris"),
        ("tear", "sprain"), ("calcification", "gout"), ("rotator_cuff", "teres_major"), ("tendon", "muscle"),
        ("upper_limb", "femoral_nerve"), ("lower_limb", "thumb"), ("muscle", "nerve"), ("abductor_digiti_minimi", "abductor_digiti_minimi_foot"),
        ("impingement", "nerve_entrapment"), ("joint", "heel_fat_pad"), ("biceps_pulley", "finger_pulley"), ("fracture", "massive_tear"),
    ],
)  # fmt: skip
def test_what_only_sounds_alike_or_branches_off_is_not_included(one: str, other: str) -> None:
    assert other not in TERMS.narrower(one)
    assert one not in TERMS.narrower(other)


def test_every_structure_lies_in_a_region_or_belongs_to_something() -> None:
    alone = [
        i for i in TERMS.ids(STRUCTURE_KINDS - {"region"})
        if (c := TERMS.concept(i)) and not (c.region or c.part_of or c.is_a or c.branch_of)
    ]  # fmt: skip
    assert set(alone) <= ROOTS | {"intervertebral_disc"}


def test_every_concept_is_reached_by_one_of_its_names() -> None:
    lost = []
    for concept_id in TERMS.ids():
        concept = TERMS.concept(concept_id)
        assert concept is not None
        names = (concept.preferred, *concept.names, *concept.abbreviations, *concept.short_names)
        if not any(concept_id in TERMS.senses(name, {concept.kind})[:1] for name in names):
            lost.append(concept_id)
    assert lost == []


def test_no_name_means_two_things_with_equal_right_unless_one_includes_the_other() -> None:
    # An id that is also a name ("acl") would hide a second claim from the check of the build.
    twice = []
    for form in TERMS._forms:
        claims = [c for c in TERMS._claims(form) if c.tier < 3 and form not in TERMS._ambiguous]
        kinds = {c.concept: TERMS.concept(c.concept).kind for c in claims}  # type: ignore[union-attr]
        groups = [[c.concept for c in claims if kinds[c.concept] == kind] for kind in set(kinds.values())]
        first = min(((c.tier, TERMS._rank(c.concept)) for c in claims), default=None)
        groups.append([c.concept for c in claims if (c.tier, TERMS._rank(c.concept)) == first])
        for named in map(set, groups):
            if len(named) > 1 and not any(named <= TERMS.narrower(one) for one in named):
                twice.append((form, sorted(named)))
    assert twice == []


def test_what_makes_a_diagnosis_is_something_at_a_place() -> None:
    for concept_id in TERMS.ids(ABNORMALITY_KINDS):
        concept = TERMS.concept(concept_id)
        assert concept is not None
        for structure, abnormality, site in concept.defined_as:
            places = STRUCTURE_KINDS | {"site"}
            assert not structure or TERMS.concept(structure).kind in places, concept_id  # type: ignore[union-attr]
            assert not abnormality or TERMS.concept(abnormality).kind in ABNORMALITY_KINDS, concept_id  # type: ignore[union-attr]
            assert not site or TERMS.concept(site).kind in places, concept_id  # type: ignore[union-attr]


def test_a_left_code_is_one_more_and_a_right_code_two_more_than_the_code_of_the_muscle_or_nerve() -> None:
    for concept_id in TERMS.ids({"muscle", "nerve"}):
        concept = TERMS.concept(concept_id)
        assert concept is not None
        both = [c for c in concept.codes if c.scheme == "MDC"]
        for code in both[1:]:
            step = int(code.value[2:]) - int(both[0].value[2:])
            side = {1: "left", 2: "right"}.get(step, "neither")
            assert code.meaning == f"{both[0].meaning}, {side}", concept_id


def test_pain_in_a_place_is_two_things_in_a_question_and_one_in_the_field_of_a_record() -> None:
    assert found("knee pain") == "knee"
    named = TERMS.resolve("knee pain", {"symptom"})
    assert named is not None and named.id == "sym_knee_pain"


@pytest.mark.parametrize(
    ("abnormality", "structure", "means"),
    [
        ("impingement", "sciatic_nerve", "nerve_entrapment"), ("impingement", "supraspinatus", "impingement"), ("impingement", "biceps_long_head_tendon", "impingement"),
        ("thickening", "median_nerve", "nerve_enlargement"), ("thickening", "masseter", "hypertrophy"), ("thickening", "supraspinatus", "thickening"),
        ("dislocation", "ulnar_nerve", "nerve_subluxation"), ("dislocation", "fibular_tendons", "tendon_subluxation"), ("dislocation", "glenohumeral_joint", "dislocation"),
        ("joint_instability", "ecu_tendon", "tendon_subluxation"), ("joint_instability", "ankle_joint", "joint_instability"),
    ],
)  # fmt: skip
def test_a_wide_word_means_what_it_means_in_that_tissue(abnormality: str, structure: str, means: str) -> None:
    assert TERMS.in_structure(abnormality, structure) == means
