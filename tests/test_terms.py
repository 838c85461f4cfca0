"""The vocabulary keeps its promises: names find concepts, relations hold, denials are not findings."""

# ruff: noqa: E501  (rows of a table of cases read best on one line)

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon, lexicon, spelling
from casearchive.terms import build as building
from casearchive.terms.context import affirmed, scopes
from casearchive.terms.spelling import distance
from casearchive.terms.words import fold, lowered, tokens

TERMS = lexicon()


def found(text: str) -> list[str]:
    return [m.concept for m in TERMS.recognise(text)]


# ------------------------------------------------------------------------------------------------- sources


def test_the_compiled_lexicon_is_up_to_date_with_its_sources() -> None:
    table = building.compile_table(*building.read())
    assert building.COMPILED.read_text("utf-8") == building.text(table), (
        "run python -m casearchive.terms.build"
    )
    assert json.loads(building.text(table)) == table


def _small(**rows: dict[str, object]) -> dict[str, object]:
    concepts = {i: {"kind": "muscle", "name": i.replace("_", " "), **row} for i, row in rows.items()}
    words = {"version": "0", "exceptions": [], "case_matters": [], "ambiguous": {}, "equivalent": []}
    return building.compile_table(concepts, words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"soleus": {"is_a": ["muscel"]}}, "soleus: is_a names muscel, which does not exist"),
        ({"a": {"is_a": ["b"]}, "b": {"part_of": ["a"]}}, "a circle: a > b > a"),
        (
            {"a": {"synonyms": ["calf"]}, "b": {"synonyms": ["calves", "calf"]}},
            "'calf' means several concepts",
        ),
        ({"a": {"synonyms": ["calf", "calf"]}}, "a: synonyms says something twice"),
        ({"a": {"synonym": ["calf"]}}, "a: unknown key synonym"),
        ({"a": {"name": ""}}, "a: name is missing"),
        ({"A b": {}}, "A b: an id is lower case"),
    ],
)
def test_sources_that_contradict_themselves_are_refused(
    rows: dict[str, dict[str, object]], complaint: str
) -> None:
    with pytest.raises(building.LexiconError, match=complaint.replace("(", r"\(")):
        _small(**rows)


def test_a_concept_that_is_defined_in_two_files_is_refused(tmp_path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('[soleus]\nkind = "muscle"\nname = "soleus"\n')
    with pytest.raises(building.LexiconError, match=r"b\.toml: soleus is defined twice"):
        building.read(tmp_path)


def test_every_code_is_one_that_dicom_publishes_with_this_meaning() -> None:
    from pydicom.sr._concepts_dict import concepts as published

    for concept_id in TERMS.ids():
        concept = TERMS.concept(concept_id)
        assert concept is not None
        for code in concept.codes:
            names = published[code.scheme].values()
            meanings = [entry[code.value][0] for entry in names if code.value in entry]
            assert code.meaning in meanings, (concept_id, code)


def test_the_codes_that_only_sound_right_are_not_used() -> None:
    traps = {
        ("DCM", "127411"), ("DCM", "111695"), ("SCT", "22039006"), ("DCM", "122363"), ("SCT", "118538004"),
        ("SCT", "131190003"), ("SCT", "113346000"), ("DCM", "111509"),
    }  # fmt: skip
    used = {(c.scheme, c.value) for i in TERMS.ids() if (k := TERMS.concept(i)) for c in k.codes}
    assert not used & traps


def test_loading_needs_neither_pydicom_nor_numpy_nor_yaml() -> None:
    program = (
        "import sys; from casearchive.terms import lexicon; lexicon().resolve('calf');"
        "print([m for m in ('yaml', 'pydicom', 'numpy', 'tomllib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


# ------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Haematoma", "hematomas"), ("oedema", "Edema"), ("tumour", "tumors"), ("fibre", "fibers"),
        ("full-thickness tear", "Full thickness tears"), ("Baker's cyst", "Bakers cyst"),
        ("L-4/L-5", "L4/5"), ("L4-L5", "L4-5"), ("L5/S1", "L5-1"), ("disk", "discs"), ("manoeuvre", "maneuvers"),
        ("visualised", "visualized"), ("Ärzte", "arzte"), ("feet", "foot"), ("bursae", "bursa"),
        ("paraesthesia", "paresthesia"), ("greyscale", "grayscale"), ("Murphy’s sign", "Murphy's signs"),
    ],
)  # fmt: skip
def test_two_ways_of_writing_one_word_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("biceps femoris", "biceps brachii"), ("T1", "T11"), ("L4/5", "L5/S1"), ("pus", "pu")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(max_size=12) | st.text("aİẞKΣς ", max_size=6))
@example("ΟΔΟΣ")
@example("İΣ A")
def test_small_letters_stand_where_the_large_ones_stood(text: str) -> None:
    small = lowered(text)
    assert len(small) == len(text)
    assert small.casefold() == text.casefold(), "a sigma at the end of a word has a letter of its own"
    assert all(a == a.lower() or len(a.lower()) > 1 for a in small)


@pytest.mark.parametrize("text", ["NO TEAR is seen", "Tear EXCLUDED", "İ No Tear"])
def test_a_denial_in_capitals_denies_as_it_was_written(text: str) -> None:
    (scope,) = scopes(text)
    assert scope.presence == "absent"
    assert scope.trigger in text


_PIECES = st.sampled_from(
    ["neck", "of", "the", "The", " ", " ", "-", "Tumours", "fibres", "L4/5", "é", "'s", "", "\n"]
)


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_a_phrase_folds_to_its_tokens(text: str) -> None:
    assert fold(text) == " ".join(token.word for token in tokens(text))


@given(st.text(max_size=80))
def test_tokens_say_where_each_word_stands(text: str) -> None:
    last = 0
    for token in tokens(text):
        assert last <= token.start < token.end <= len(text)
        last = token.end


# ------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("rectus_femoris", "rectus_femoris"), ("Rectus Femoris", "rectus_femoris"), ("RF", "rectus_femoris"),
        ("rectis femoris", "rectus_femoris"), ("Achilles", "achilles_tendon"), ("FTT", "full_thickness_tear"),
        ("jumper’s knee", "jumpers_knee"), ("popliteal (Baker) cyst", "popliteal_cyst"),
        ("slipped disc", "disc_herniation"), ("spondylolisthesis", "spondylolisthesis"), ("SIJ", "sacroiliac_joint"), ("periformis", "piriformis"),
        ("haematomata", "hematoma"),
        ("L-4/L-5", "disc_l4_l5"), ("full muscle thickness tear", "complete_tear"),
        ("Complete-Tears", "complete_tear"), (" calf ", "calf"), ("clinical exam", "clinical_exam"),
    ],
)  # fmt: skip
def test_any_name_of_a_concept_resolves_to_it(text: str, concept: str) -> None:
    resolved = TERMS.resolve(text)
    assert resolved is not None and resolved.id == concept


def test_every_name_resolves_to_its_concept_within_its_kind_unless_listed_as_ambiguous() -> None:
    for concept_id in TERMS.ids():
        concept = TERMS.concept(concept_id)
        assert concept is not None
        for name in (concept.id, concept.preferred, *concept.names, *concept.abbreviations):
            if len(TERMS.senses(name)) == 1:
                assert TERMS.resolve(name, {concept.kind}) == concept, name


def test_a_lay_word_for_a_whole_limb_means_the_limb_and_finds_its_parts() -> None:
    leg = TERMS.resolve("leg")
    assert leg is not None and leg.id == "lower_limb"
    assert "lower_leg" in TERMS.narrower(leg.id)
    assert found("back of leg") == ["posterior_thigh"]


def test_a_form_that_means_two_things_is_settled_by_its_kind_and_never_guessed() -> None:
    assert TERMS.resolve("TA") is None
    assert TERMS.senses("TA") == ("tibialis_anterior", "achilles_tendon")
    tendon = TERMS.resolve("TA", {"tendon"})
    assert tendon is not None and tendon.id == "achilles_tendon"
    assert found("TA tear") == ["tear"]


def test_a_short_name_counts_in_a_field_and_not_in_prose() -> None:
    probe = TERMS.resolve("compression", {"maneuver"})
    assert probe is not None and probe.id == "compression_test"
    assert "compression_test" not in found("compression of the sciatic nerve")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("pirifornis", "piriformis"), ("complte tear", "complete tear"), ("qaudriceps", "quadriceps"),
     ("sacroiliac jiont", "sacroiliac joint"), ("gastrocnemus", "gastrocnemius")],
)  # fmt: skip
def test_a_mistyped_name_is_suggested(typed: str, meant: str) -> None:
    assert TERMS.nearest(typed)[0] == meant


def test_nothing_is_suggested_for_a_word_that_is_near_nothing() -> None:
    assert TERMS.nearest("xylophone") == ()
    assert TERMS.nearest("") == ()


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edit_distance_is_symmetric_and_stops_at_its_limit(a: str, b: str) -> None:
    assert distance(a, b, 9) == distance(b, a, 9)
    assert (distance(a, b, 9) == 0) == (a == b)
    for limit in range(7):
        assert distance(a, b, limit) == min(_edits(a, b), limit + 1)


def _edits(a: str, b: str) -> int:
    """The definition: the last letters are the same, one is replaced, left out or added, or two are swapped."""
    if not a or not b:
        return len(a) + len(b)
    ways = [
        _edits(a[:-1], b[:-1]) + (a[-1] != b[-1]),
        _edits(a[:-1], b) + 1,
        _edits(a, b[:-1]) + 1,
    ]
    if len(a) > 1 and len(b) > 1 and a[-2:] == b[:-3:-1]:
        ways.append(_edits(a[:-2], b[:-2]) + 1)
    return min(ways)


_WORDS = st.text("abcd", min_size=1, max_size=9)
_NAMES = st.lists(_WORDS, min_size=1, max_size=3, unique=True).map(" ".join)


@given(_NAMES, st.sets(_NAMES, max_size=12))
def test_a_mistyped_name_is_near_the_same_names_as_if_each_were_compared(
    wanted: str, forms: set[str]
) -> None:
    near = spelling.Forms(forms).near(wanted)
    for form in forms:
        edits = distance(wanted, form, spelling.allowed(wanted))
        by_words = spelling._by_words(wanted, form)
        assert near.get(form) == (edits if edits <= spelling.allowed(wanted) else by_words)


# ------------------------------------------------------------------------------------------------- in text


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("wear and tear", ["degenerative_spine"]),
        ("Rheumatoid factor (RF) positive.", []),
        ("rf tear left", ["rectus_femoris", "tear", "left"]),
        ("seen at rest on the left", ["rest", "left"]),
        ("15 mL at AM", ["adductor_magnus"]),
        ("dynamic neuromuscular stabilization", ["tx_dns"]),
        ("therapeutic ultrasound", ["tx_us_therapy"]),
        ("diagnostic ultrasound", ["us"]),
        ("L4/L5 disc herniation", ["disc_l4_l5", "disc_herniation"]),
        ("quadriceps muscle strain", ["quadriceps", "strain"]),
        ("long head of biceps femoris", ["biceps_femoris_long_head"]),
        ("torn m. rectus femoris", ["tear", "rectus_femoris"]),
        ("rectus. Femoris", []),
        ("Bakers cyst and De Quervain's disease", ["popliteal_cyst", "de_quervain"]),
        ("", []),
    ],
)
def test_the_longest_name_is_recognised_and_idioms_are_not(text: str, concepts: list[str]) -> None:
    assert found(text) == concepts


def test_a_mention_says_where_it_stands_and_how_it_was_named() -> None:
    text = "Large haemotoma, RF."
    first, second, third = TERMS.recognise(text)
    assert (first.concept, first.via) == ("severe", "synonym")
    assert (second.concept, second.via, text[second.start : second.end]) == (
        "hematoma",
        "misspelling",
        "haemotoma",
    )
    assert (third.concept, third.via, third.text) == ("rectus_femoris", "abbreviation", "RF")


@given(
    st.lists(
        st.sampled_from(
            sorted(
                ["no", "tear", "RF", "wear", "and", "L4", "/", "L5", ",", "disc", ".", "muscle", "complete"]
            )
        )
    )
)
def test_mentions_never_overlap_and_quote_the_text(words: list[str]) -> None:
    text = " ".join(words)
    last = 0
    for mention in TERMS.recognise(text):
        assert last <= mention.start < mention.end
        assert text[mention.start : mention.end] == mention.text
        last = mention.end


# ------------------------------------------------------------------------------------------------- relations


def test_the_whole_includes_its_parts_and_a_region_its_members() -> None:
    assert {"rectus_femoris", "rf_direct_tendon", "vastus_medialis"} <= TERMS.narrower("quadriceps")
    assert {"anterior_thigh", "rectus_femoris", "rf_indirect_tendon", "sciatic_nerve"} <= TERMS.narrower(
        "thigh"
    )
    assert {"partial_tear", "avulsion", "tennis_leg"} <= TERMS.narrower("tear")


def test_a_branch_is_no_part() -> None:
    assert TERMS.narrower("sciatic_nerve") == {"sciatic_nerve"}
    assert TERMS.concept("tibial_nerve").branch_of == ("sciatic_nerve",)  # type: ignore[union-attr]


def test_a_part_of_another_kind_is_not_of_the_class() -> None:
    assert "quadriceps_tendon" in TERMS.narrower("quadriceps")
    assert "quadriceps_tendon" not in TERMS.narrower("muscle")
    assert "quadriceps_tendon" in TERMS.narrower("tendon")
    assert "suprapatellar_recess" in TERMS.narrower("joint")


def test_broader_is_the_mirror_of_narrower_apart_from_regions() -> None:
    regions = set(TERMS.ids({"region"}))
    for concept_id in TERMS.ids():
        for narrow in TERMS.narrower(concept_id):
            if concept_id not in regions:
                assert concept_id in TERMS.broader(narrow), (concept_id, narrow)
        for broad in TERMS.broader(concept_id):
            assert concept_id in TERMS.narrower(broad), (concept_id, broad)


def test_an_unknown_id_has_no_relations() -> None:
    assert TERMS.narrower("nonsense") == frozenset() == TERMS.broader("nonsense")
    assert TERMS.concept("nonsense") is None


def test_full_thickness_is_complete_in_a_muscle_but_not_in_the_rotator_cuff() -> None:
    assert TERMS.in_structure("full_thickness_tear", "rectus_femoris") == "complete_tear"
    assert TERMS.in_structure("full_thickness_tear", "supraspinatus") == "full_thickness_tear"
    assert TERMS.in_structure("full_thickness_tear", "achilles_tendon") == "full_thickness_tear"
    assert TERMS.in_structure("full_thickness_tear", "unknown words") == "full_thickness_tear"
    assert TERMS.in_structure("hematoma", "rectus_femoris") == "hematoma"


def test_structure_and_abnormality_kinds_are_kinds_of_the_lexicon_and_do_not_meet() -> None:
    kinds = {concept.kind for i in TERMS.ids() if (concept := TERMS.concept(i))}
    assert kinds >= STRUCTURE_KINDS | ABNORMALITY_KINDS
    assert not STRUCTURE_KINDS & ABNORMALITY_KINDS


def test_a_lexicon_can_be_made_from_any_compiled_table() -> None:
    small = Lexicon(_small(calf_muscle={"short_names": ["calf"]}, soleus={"part_of": ["calf_muscle"]}))
    assert small.resolve("calf").id == "calf_muscle"  # type: ignore[union-attr]
    assert small.recognise("calf") == ()
    assert small.narrower("calf_muscle") == {"calf_muscle", "soleus"}
    assert list(small) == ["calf_muscle", "soleus"] and len(small) == 2 and "soleus" in small


# ------------------------------------------------------------------------------------------------- denials


def left_over(text: str) -> str:
    return " ".join(affirmed(text).split())


@pytest.mark.parametrize(
    "text",
    [
        "No evidence of tear", "Tear: none", "tear was excluded", "No haematoma, seroma or tear",
        "Tear ruled out", "Tendinopathy: absent", "Neither tear nor tendinosis", "Tear is unlikely",
        "Tear not seen", "The tendon is intact", "DVT neg", "Referred to rule out a tear", "Not a haematoma",
        "Haematoma, seroma and tear were excluded", "Return if a tear is suspected",
        "Originally diagnosed as strain", "His brother had an Achilles rupture", "tear-free",
    ],
)  # fmt: skip
def test_what_is_denied_asked_or_said_of_others_is_blanked(text: str) -> None:
    assert [c for c in found(affirmed(text)) if TERMS.concept(c).kind in ABNORMALITY_KINDS] == []  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "No change in the tear", "No increase in the haematoma", "A small tear cannot be excluded",
        "Without surgery the tear did not heal", "The patient was not referred despite a complete tear",
        "A full-thickness tear had been overlooked", "Sarcoma not excluded", "The tear was not recognised",
        "Supraspinatus not visualised over the greater tuberosity", "Not only a tear", "echo-free cyst",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_denial_stays(text: str) -> None:
    assert affirmed(text) == text


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("No tear but a small haematoma is seen.", "but a small haematoma is seen."),
        ("Small tear, no retraction.", "Small tear, ."),
        ("No retraction of the torn ends.", "of the torn ends."),
        ("No flow within the haematoma.", "within the haematoma."),
        ("Irritation of the joint does not involve the sciatic nerve.", "Irritation of the joint ."),
        ("MRI: no tear. US: 31 mm gap.", "MRI: . US: 31 mm gap."),
        (
            "Thrombosis excluded; medial gastrocnemius tear confirmed.",
            "; medial gastrocnemius tear confirmed.",
        ),
        ("Soleus intact, gastrocnemius torn.", ", gastrocnemius torn."),
        ("No tear, the haematoma is large", ", the haematoma is large"),
        ("No tear is seen, small seroma.", ", small seroma."),
        ("No tear\n- haematoma", "- haematoma"),
        ("Tear: none. Haematoma present.", ". Haematoma present."),
        ("Tear treated for four weeks as a minor strain", "Tear"),
        ("Tear without haematoma.", "Tear ."),
    ],
)
def test_a_denial_ends_where_its_clause_ends(text: str, rest: str) -> None:
    assert left_over(text) == rest


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["no", "tear", "but", ",", ".", ":", "none", "not seen", "haematoma", "or"])
    ).map(" ".join)
)
def test_affirmed_keeps_the_length_and_only_ever_blanks(text: str) -> None:
    kept = affirmed(text)
    assert len(kept) == len(text)
    assert all(k in (t, " ") for k, t in zip(kept, text, strict=True))


def test_a_scope_names_its_trigger_and_its_reason() -> None:
    (scope,) = scopes("Labrum not assessed.")
    assert (scope.trigger.strip(), scope.presence) == ("not assessed", "not_assessed")
    assert (scope.start, scope.end) == (0, 19)


@pytest.mark.parametrize(
    "piece", ["no ", "not seen ", "tear: ", "cannot be excluded ", " ", "\n", "is ", "a"]
)
def test_a_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    begin = time.process_time()
    affirmed(text)
    TERMS.recognise(text)
    assert time.process_time() - begin < 5
