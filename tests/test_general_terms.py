"""A mixed clinic is not lost: what general ultrasound is asked in is understood, found, and never overheard."""

# ruff: noqa: E501  (rows of a table of phrases read best on one line)

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import helpers
import pytest

from casearchive.archive import Archive
from casearchive.query import parse
from casearchive.terms import ABNORMALITY_KINDS, lexicon
from casearchive.terms import build as building
from casearchive.terms.grades import called

TERMS = lexicon()
ROOT = Path(__file__).parent.parent


def found(text: str) -> str:
    return " ".join(m.concept for m in TERMS.recognise(text))


# -------------------------------------------------------------------------------------------------- phrases


@pytest.mark.parametrize(
    ("phrase", "concepts"),
    [
        # abdomen
        ("AAA", "abdominal_aortic_aneurysm"), ("triple A", "abdominal_aortic_aneurysm"), ("aaa screening", "aaa_screening"),
        ("CBD dilated", "common_bile_duct dilatation"), ("dilated CBD", "biliary_dilatation"), ("cbd stone", "choledocholithiasis"),
        ("GB wall thickening", "gallbladder_wall_thickening"), ("gallstones", "gallstone"), ("gall bladder stones", "gallstone"),
        ("galstones", "gallstone"), ("stone in the gallbladder", "gallstone"), ("acute cholecystitis", "acute_cholecystitis"),
        ("Murphy's sign positive", "sonographic_murphy"), ("sludge", "biliary_sludge"), ("gallbladder polyp", "gallbladder_polyp"),
        ("HCC", "hcc"), ("NASH", "nash"), ("fatty liver", "fatty_liver"), ("cirrhosis with ascites", "cirrhosis ascites"),
        ("hepatic lesion", "focal_liver_lesion"), ("liver mets", "liver_metastasis"), ("haemangioma of the liver", "liver_hemangioma"),
        ("splenomegaly", "splenomegaly"), ("ruptured spleen", "splenic_rupture"), ("pancreatitis", "pancreatitis"),
        ("appendicitis", "appendicitis"), ("apendicitis", "appendicitis"), ("perforated appendix", "perforated_appendicitis"),
        ("Crohn's disease", "crohn_disease"), ("diverticulitis", "diverticulitis"), ("SBO", "bowel_obstruction"),
        ("inguinal hernia left", "inguinal_hernia left"), ("belly button hernia", "umbilical_hernia"),
        ("free fluid in Morison's pouch", "free_fluid hepatorenal_recess"), ("rectus sheath haematoma", "rectus_sheath_hematoma"),
        # urinary and male
        ("hydronephrosis left kidney", "hydronephrosis left kidney"), ("hydronefrosis", "hydronephrosis"),
        ("kidney stones", "kidney_stone"), ("renal calculi", "kidney_stone"), ("VUJ stone", "ureteric_stone"), ("renal cyst", "renal_cyst"),
        ("RCC", "renal_cell_carcinoma"), ("kidney cancer", "renal_cell_carcinoma"), ("post-void residual", "meas_pvr"),
        ("enlarged prostate", "bph"), ("prostrate cancer", "prostate_cancer"), ("bladder tumour", "bladder_cancer"), ("UTI", "urinary_tract_infection"),
        ("testicular torsion", "testicular_torsion"), ("epididymitis", "epididymitis"), ("varicocele", "varicocele"),
        ("testicular pain", "sym_scrotal_pain"), ("undescended testicle", "undescended_testis"), ("transplant kidney", "renal_transplant"),
        # women and pregnancy
        ("TVUS early pregnancy", "transvaginal_ultrasound intrauterine_pregnancy"), ("IUP", "intrauterine_pregnancy"),
        ("ectopic", "ectopic_pregnancy"), ("ruptured ectopic pregnancy", "ectopic_pregnancy"), ("fibroids", "fibroid"),
        ("PCOS", "polycystic_ovary"), ("ovarian cyst", "ovarian_cyst"), ("ovarian torsion", "ovarian_torsion"), ("chocolate cyst", "endometrioma"),
        ("blighted ovum", "anembryonic_pregnancy"), ("miscarriage", "miscarriage"), ("placenta previa", "placenta_previa"),
        ("crown-rump length", "meas_crl"), ("womb", "uterus"), ("IUGR", "fetal_growth_restriction"),
        # vessels
        ("common carotid artery stenosis", "common_carotid_artery stenosis"), ("ICA stenosis", "internal_carotid_artery stenosis"),
        ("carotid plaque", "carotid_plaque"), ("PSV 230 cm/s in the ICA", "meas_psv internal_carotid_artery"), ("RI 0.72", "meas_ri"),
        ("popliteal vein thrombosis", "popliteal_vein thrombosis"), ("DVT femoral vein", "dvt femoral_vein"), ("deep vein thrombosis", "dvt"),
        ("varicose veins", "varices"), ("GSV reflux", "venous_insufficiency"), ("false aneurysm", "pseudoaneurysm"), ("AV fistula stenosis", "fistula_stenosis"),
        ("aortic dissection", "aortic_dissection"), ("temporal arteritis", "giant_cell_arteritis"), ("GCA", "giant_cell_arteritis"),
        ("SFA occlusion", "superficial_femoral_artery occlusion"), ("portal vein thrombosis", "portal_vein_thrombosis"),
        ("renal artery stenosis", "renal_artery_stenosis"), ("IVC collapsed", "ivc_collapsed"), ("intermittent claudication", "sym_claudication"),
        # Doppler and technique
        ("twinkling artefact", "twinkling"), ("aliasing", "aliasing"), ("monophasic waveform", "monophasic_flow"), ("triphasic", "triphasic_flow"),
        ("tardus parvus", "tardus_parvus"), ("hepatofugal flow", "hepatofugal_flow"), ("resistive index", "meas_ri"), ("peak systolic velocity", "meas_psv"),
        ("CEUS of a liver lesion", "ceus focal_liver_lesion"), ("colour Doppler", "color_doppler"), ("M-mode", "m_mode"), ("FibroScan", "transient_elastography"),
        ("core biopsy of a breast lesion", "core_biopsy breast_mass"), ("FNA of a thyroid nodule", "fna thyroid_nodule"), ("PICC line", "vascular_access_procedure"),
        # neck, breast, lymph nodes
        ("thyroid nodule TI-RADS 4", "thyroid_nodule scale_tirads"), ("thyriod nodule", "thyroid_nodule"), ("goitre", "goiter"), ("Hashimoto's", "hashimoto"),
        ("enlarged lymph nodes in the neck", "lymphadenopathy neck"), ("swollen glands", "lymphadenopathy"), ("parathyroid adenoma", "parathyroid_adenoma"),
        ("salivary stone", "sialolithiasis"), ("neck lump", "sym_neck_lump"), ("breast lump", "breast_mass"), ("BI-RADS 4A", "scale_birads"),
        ("fibroadenoma", "fibroadenoma"), ("taller than wide", "taller_than_wide"), ("spiculated", "spiculated_margin"),
        # chest, heart, emergency
        ("B lines", "b_lines"), ("B-lines", "b_lines"), ("A-lines with lung sliding", "a_lines lung_sliding"), ("PTX", "pneumothorax"), ("barcode sign", "absent_lung_sliding"),
        ("pleural effusion right", "pleural_effusion right"), ("fluid around the heart", "pericardial_effusion"), ("tamponade", "tamponade"),
        ("LVEF 35 %", "meas_ef"), ("mitral regurgitation", "mitral_regurgitation"), ("RV strain", "rv_strain"), ("knee effusion", "knee effusion"),
        ("FAST exam", "fast_exam"), ("eFAST", "efast_exam"), ("POCUS heart", "pocus heart"), ("BLUE protocol", "blue_protocol"), ("shortness of breath", "sym_dyspnea"),
        # found missing by a list of what people type
        ("MALS", "median_arcuate_ligament_syndrome"), ("TIPS stent", "tips_shunt"), ("femoral pseudoaneurysm", "femoral_pseudoaneurysm"), ("SMA syndrome", "sma_syndrome"), ("testicular microlithiasis", "testicular_microlithiasis"),
        ("cervical lymphadenopathy", "cervical_lymphadenopathy"), ("radial scar", "radial_scar"), ("isthmocele", "cesarean_scar_niche"), ("ectopic thyroid", "ectopic_thyroid"), ("LA thrombus", "intracardiac_thrombus"),
        ("reduced EF", "reduced_lv_function"), ("MAPSE", "meas_mapse"), ("Fournier", "necrotizing_infection"), ("pressure sore", "pressure_ulcer"), ("twin-twin transfusion", "ttts"), ("raised ICP", "raised_icp"),
        ("bladder outlet obstruction", "bladder_outlet_obstruction"), ("SAB injection", "subacromial_bursa tx_injection"), ("PSA", "psa_test"),
        # children, eye, skin, general
        ("pyloric stenosis", "pyloric_stenosis"), ("intussusception", "intussusception"), ("IVH", "intraventricular_hemorrhage"),
        ("retinal detachment", "retinal_detachment"), ("ONSD", "meas_onsd"), ("sebaceous cyst", "epidermoid_cyst"), ("cellulitis", "cellulitis"),
        ("soft tissue infection", "cellulitis"), ("RUQ pain", "sym_ruq_pain"), ("blood in urine", "sym_hematuria"), ("jaundice", "sym_jaundice"),
        ("Bosniak IIF cyst", "scale_bosniak cyst"), ("septated cyst", "complex_cyst"), ("calculi", "calculus"), ("adenopathy", "lymphadenopathy"),
    ],
)  # fmt: skip
def test_what_a_mixed_clinic_types_is_understood(phrase: str, concepts: str) -> None:
    assert found(phrase) == concepts


@pytest.mark.parametrize(
    ("word", "kinds", "concept"),
    [
        ("RIF", (), "right_lower_quadrant"), ("PID", {"diagnosis"}, "pelvic_inflammatory_disease"), ("PE", {"diagnosis"}, "pulmonary_embolism"),
        ("PE", {"modality"}, "clinical_exam"), ("cranium", {"region"}, "head_region"), ("psv", {"measurement"}, "meas_psv"), ("tirads", {"scale"}, "scale_tirads"),
        ("livr", {"organ"}, "liver"), ("AR", ABNORMALITY_KINDS, "aortic_regurgitation"),
    ],
)  # fmt: skip
def test_a_short_word_is_settled_by_its_field(word: str, kinds: frozenset[str], concept: str) -> None:
    resolved = TERMS.resolve(word, kinds)
    assert resolved is not None and resolved.id == concept


def test_a_short_word_that_means_two_things_is_left_alone_in_prose() -> None:
    assert found("PID last year, PE in 2019") == ""


# ------------------------------------------------------------------------------------------------ relations


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("artery", "carotid_bulb"), ("carotid_artery", "common_carotid_artery"), ("neck", "internal_carotid_artery"), ("vessel", "great_saphenous_vein"),
        ("vein", "saphenofemoral_junction"), ("deep_vein", "popliteal_vein"), ("calf", "calf_vein"), ("aorta", "abdominal_aorta"), ("abdomen", "abdominal_aorta"),
        ("abdomen", "liver"), ("abdomen", "gallbladder_neck"), ("abdomen", "appendix"), ("bowel", "terminal_ileum"), ("urinary_tract", "renal_calyx"),
        ("kidney", "renal_transplant"), ("chest", "mitral_valve"), ("heart", "pericardium"), ("gland", "parotid_gland"), ("lymph_node", "axillary_lymph_node"),
        ("peritoneal_cavity", "hepatorenal_recess"), ("pelvis_region", "ovarian_follicle"), ("scrotum", "mediastinum_testis"), ("nerve", "optic_nerve"),
        ("stenosis", "carotid_stenosis"), ("stenosis", "aortic_stenosis"), ("stenosis", "pyloric_stenosis"), ("thrombosis", "calf_dvt"), ("dvt", "upper_limb_dvt"),
        ("aneurysm", "ruptured_aaa"), ("calculus", "ureteric_stone"), ("cyst", "hydatid_cyst"), ("cyst", "endometrioma"), ("mass", "thyroid_nodule"),
        ("tumor", "hcc"), ("malignancy", "breast_cancer"), ("carcinoma", "thyroid_cancer"), ("hernia", "spigelian_hernia"), ("hernia", "muscle_hernia"),
        ("inflammation", "acute_cholecystitis"), ("effusion", "tamponade"), ("effusion", "joint_effusion"), ("fluid_collection", "ascites"),
        ("dilatation", "hydronephrosis"), ("enlargement", "splenomegaly"), ("doppler", "microvascular_imaging"), ("elastography", "transient_elastography"),
        ("pocus", "efast_exam"), ("guided_procedure", "tx_guided_injection"), ("biopsy", "fna"), ("sym_abdominal_pain", "sym_ruq_pain"),
    ],
)  # fmt: skip
def test_the_wide_word_holds_the_narrow_one(wide: str, narrow: str) -> None:
    assert narrow in TERMS.narrower(wide)


@pytest.mark.parametrize(
    ("wide", "other"),
    [
        ("joint_effusion", "pleural_effusion"), ("liver", "gallbladder"), ("artery", "popliteal_vein"), ("kidney", "adrenal_gland"),
        ("hernia", "disc_herniation"), ("thyroid", "parathyroid"), ("cyst", "abscess"), ("dvt", "portal_vein_thrombosis"), ("organ", "abdomen"),
        ("muscle", "papillary_muscle_heart"), ("appendix", "appendix_testis"), ("pregnancy", "miscarriage"),
    ],
)  # fmt: skip
def test_neighbours_are_not_kinds_of_one_another(wide: str, other: str) -> None:
    assert other not in TERMS.narrower(wide)


@pytest.mark.parametrize(
    ("concept", "triple"),
    [
        ("cholecystitis", ("gallbladder", "inflammation", "")), ("hydronephrosis", ("kidney", "dilatation", "")), ("gallstone", ("gallbladder", "calculus", "")),
        ("abdominal_aortic_aneurysm", ("abdominal_aorta", "aneurysm", "")), ("appendicitis", ("appendix", "inflammation", "")), ("dvt", ("deep_vein", "thrombosis", "")),
        ("carotid_stenosis", ("carotid_artery", "stenosis", "")), ("thyroid_nodule", ("thyroid", "mass", "")), ("pleural_effusion", ("pleura", "effusion", "")),
        ("hydatid_cyst", ("liver", "", "")), ("fibroadenoma", ("breast", "", "")),
    ],
)  # fmt: skip
def test_a_composite_says_what_it_is_made_of(concept: str, triple: tuple[str, str, str]) -> None:
    known = TERMS.concept(concept)
    assert known is not None and known.defined_as == (triple,)


def test_every_new_abnormality_is_one_and_every_organ_belongs_somewhere() -> None:
    for concept_id in TERMS.ids({"diagnosis", "abnormality"}):
        assert "abnormality" in TERMS.broader(concept_id), concept_id
    for concept_id in TERMS.ids({"organ"}):
        concept = TERMS.concept(concept_id)
        assert concept is not None
        assert concept_id == "organ" or concept.is_a or concept.part_of or concept.region, concept_id


def test_a_region_is_a_region_and_a_kind_is_of_its_kind() -> None:
    for concept_id in TERMS.ids():
        concept = TERMS.concept(concept_id)
        assert concept is not None
        for parent in map(TERMS.concept, concept.region):
            assert parent is not None and parent.kind == "region", (concept_id, parent)
        if concept.kind == "organ":
            assert all(p is not None and p.kind == "organ" for p in map(TERMS.concept, concept.is_a))


def test_the_vocabulary_is_wide_enough_for_a_mixed_clinic() -> None:
    assert len(TERMS) >= 900


# ---------------------------------------------------------------------------------------------------- prose


@pytest.mark.parametrize(
    "sentence",
    [
        "Type a line and press return.", "She felt fast and could feel the rush before she died.", "He was found face down on the pad.",
        "In a fair fight the focus was on the ball, and fate decided.", "The golfer lost a tee and the bus was late.",
        "As if a stone had hit the calf.", "It was hit by a stone.", "The patients (pts) echo this view.", "Dr Ali and Ava met at the pub.",
        "All criteria were met secondary to the change.", "The grave risk was discussed.", "A faint shadow remained.", "The end of the line was reached.",
        "This is an ordinary sentence about a long walk through the woods with the dog.",
    ],
)  # fmt: skip
def test_ordinary_words_are_not_overheard_as_organs_and_diseases(sentence: str) -> None:
    kinds = ABNORMALITY_KINDS | {"organ", "vessel", "protocol", "mode", "artifact", "measurement"}
    heard = [m.text for m in TERMS.recognise(sentence) if (c := TERMS.concept(m.concept)) and c.kind in kinds]
    assert heard == []


def test_the_sample_stories_name_no_organ_that_is_not_in_them() -> None:
    inner = {"liver", "kidney", "heart", "lung", "thyroid", "breast", "uterus", "testis", "eye", "bowel"}
    for path in sorted((ROOT / "cases").glob("*/case.toml")):
        heard = {
            m.concept
            for text in _texts(tomllib.loads(path.read_text("utf-8")))
            for m in TERMS.recognise(text)
        }
        assert not {c for c in heard if TERMS.broader(c) & inner}, path.parent.name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def test_names_of_more_words_than_a_question_has_are_compared_without_a_fault() -> None:
    assert TERMS.nearest("0'0E") == ()
    assert TERMS.nearest("to fro flow") == () or "flow" in TERMS.nearest("to fro flow")[0]


def test_a_compiled_table_knows_how_far_a_name_may_reach() -> None:
    words = {"version": "0", "exceptions": ["a b c d"], "case_matters": [], "ambiguous": {}, "equivalent": []}
    table = building.compile_table(
        {"x": {"kind": "organ", "name": "a b"}, "y": {"kind": "organ", "name": "c"}}, words
    )
    assert table["longest"] == {"a": 4}
    assert table["forms"] == {"a b": "x 0", "c": "y 0", "x": "x 5", "y": "y 5"}


@pytest.mark.parametrize("scale", TERMS.ids({"scale"}))
def test_every_scale_can_be_asked_for_by_its_short_name(scale: str) -> None:
    name = called(scale, TERMS)
    concept = TERMS.concept(scale)
    assert re.fullmatch(r"[a-z0-9_]+", name)
    assert concept is not None
    value = next(iter(concept.values), "1")
    (line,) = parse(f"{name}:{value}", TERMS).understood
    assert line.startswith(f"{name} = ")


def test_a_measurement_has_a_unit_and_no_short_name_that_is_a_place_or_an_illness() -> None:
    words = ABNORMALITY_KINDS | {"organ", "vessel", "region"}
    for concept_id in TERMS.ids({"measurement"}):
        concept = TERMS.concept(concept_id)
        assert concept is not None and concept.unit, concept_id
        assert not [
            n for n in concept.short_names if n not in ("gap", "retraction") and TERMS.resolve(n, words)
        ]


# ----------------------------------------------------------------------------------------------- an archive

CASES = {
    "gallstones": ("Stones in the gallbladder", "gallbladder", "calculus", "none"),
    "liver-metastases": ("Secondary deposits", "liver", "liver_metastasis", "none"),
    "liver-normal": ("A healthy liver", "liver", "normal", "none"),
    "carotid": ("Narrow common carotid", "common_carotid_artery", "stenosis", "left"),
    "popliteal-clot": ("Swollen calf", "popliteal_vein", "thrombosis", "right"),
    "aneurysm": ("Pulsating belly", "abdominal_aorta", "aneurysm", "none"),
    "kidney-dilated": ("Flank pain", "kidney", "hydronephrosis", "left"),
    "thyroid": ("Lump in the neck", "thyroid", "mass", "right"),
    "chest": ("Dull chest", "pleura", "effusion", "left"),
    "knee": ("Water on the knee", "knee_joint", "effusion", "left"),
}  # fmt: skip


GRADED = {"thyroid": 'grades = { tirads = "4" }\n'}

TOLD = {
    "told-denied": "No gallstones, no biliary dilatation. Bosniak II cyst of the right kidney.",
    "told-calf": "Pain in the left calf since a long flight.",
    "told-waveform": "Monophasic waveforms below the knee.",
}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("clinic")
    archive = Archive.create(folder / "archive")
    for number, (slug, (title, structure, abnormality, side)) in enumerate(CASES.items()):
        helpers.case_folder(
            folder / "stick" / slug, seed=100 + number,
            text=f'title = "{title}"\nstatus = "ready"\nfictional = true\n[[media]]\nid = "M1"\nfile = "loop.dcm"\n'
            f'structure = "{structure}"\n[[finding]]\nid = "F1"\nstructure = "{structure}"\nabnormality = "{abnormality}"\nside = "{side}"\n'
            + GRADED.get(slug, ""),
        )  # fmt: skip
    for number, (slug, history) in enumerate(TOLD.items()):
        helpers.case_folder(
            folder / "stick" / slug, seed=200 + number,
            text=f'title = "Told in words"\nstatus = "ready"\nfictional = true\n[story]\nhistory = "{history}"\n'
            f'[[media]]\nid = "M1"\nfile = "loop.dcm"\n',
        )  # fmt: skip
    archive.ingest([folder / "stick"], workers=0)
    return archive


@pytest.mark.parametrize(
    ("question", "cases"),
    [
        ("structure:liver", {"liver-metastases", "liver-normal"}), ("gallstones", {"gallstones"}), ("gallbladder stones", {"gallstones"}),
        ("galstones", {"gallstones"}), ("liver", {"liver-metastases", "liver-normal"}), ("liver mets", {"liver-metastases"}), ("hepatic malignancy", {"liver-metastases"}),
        ("carotid stenosis", {"carotid"}), ("artery stenosis left", {"carotid"}), ("CCA stenosis", {"carotid"}), ("ICA stenosis", set()), ("DVT", {"popliteal-clot"}),
        ("AAA", {"aneurysm"}), ("aortic aneurysm", {"aneurysm"}), ("hydronephrosis", {"kidney-dilated"}), ("dilated left kidney", {"kidney-dilated"}),
        ("thyroid nodule", {"thyroid"}), ("pleural effusion", {"chest"}), ("joint effusion", {"knee"}), ("effusion", {"chest", "knee"}), ("knee effusion", {"knee"}),
        ("appendicitis", set()), ("finding:hcc", set()), ("biliary dilatation", set()), ("renal cyst", {"told-denied"}), ("Bosniak", {"told-denied"}),
        ("tirads>=4", {"thyroid"}),
        ("calf pain", {"told-calf"}), ("monophasic waveform", {"told-waveform"}), ("region:neck", {"carotid", "thyroid"}),
    ],
)  # fmt: skip
def test_a_finding_in_an_organ_is_found_by_its_names(clinic: Archive, question: str, cases: set[str]) -> None:
    assert {hit.case for hit in clinic.search(question).hits} == cases


def test_an_organ_is_accepted_by_the_case_file_and_counted_beside_the_results(clinic: Archive) -> None:
    problems = [
        p
        for linted in clinic.lint()
        for p in linted.problems
        if "known" in p.message or "concept" in p.message
    ]
    assert problems == []
    facets = clinic.search("structure:liver").facets
    assert facets["structure"] == {"liver": 2}
