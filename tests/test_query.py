"""How a question is read: the grammar, what words are taken for, and what an error says."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plainly import compiled

from casearchive import attributes, choices
from casearchive.errors import QueryError
from casearchive.query import ALIASES, FIELDS, MAX_TERMS, Query, parse, relaxed, respelt
from casearchive.query.fts import above_token, quoted, token
from casearchive.query.leaf_rows import rows_of
from casearchive.query.tree import (
    PRESENT,
    And,
    CaseClause,
    Everything,
    FindingClause,
    Has,
    Maybe,
    MeasureClause,
    MediaClause,
    Mention,
    Node,
    Not,
    Or,
    Phrase,
    PriorClause,
    Range,
    Side,
    TermClause,
    Words,
    leaves,
)
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon


def ask(text: str) -> Query:
    return parse(text, lexicon())


def clauses(text: str) -> list[FindingClause]:
    return [leaf for leaf in leaves(ask(text).root) if isinstance(leaf, FindingClause)]


def clause(text: str) -> FindingClause:
    found = clauses(text)
    assert len(found) == 1, found
    return found[0]


def words(text: str) -> tuple[str, ...]:
    return tuple(w for leaf in leaves(ask(text).root) if isinstance(leaf, Words) for w in leaf.words)


def asked(text: str) -> tuple[str, str, tuple[str, ...]]:
    c = clause(text)
    structure = c.structure.asked[0] if c.structure and c.structure.asked else ""
    return structure, c.abnormality.asked[0] if c.abnormality else "", c.sides


# ---------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    "text",
    ["left hamstring tear", "hamstring tear left", "tear hamstring left", "Left-sided tear of the hamstrings",
     "torn left hamstring", "structure:hamstrings finding:tear side:left", "hamstring finding:tear LT",
     "finding:tear,tear side:left structure:hamstring", "hamstring (tear) left"],
)  # fmt: skip
def test_plain_words_in_any_order_and_fields_mean_the_same(text: str) -> None:
    assert asked(text)[:1] + asked(text)[2:] == ("hamstrings", ("left",))
    meant = clause(text).abnormality
    assert meant is not None and "complete_tear" in meant.ids and "partial_tear" in meant.ids


def test_abbreviations_and_synonyms_are_recognised() -> None:
    assert asked("RF rupture R") == ("rectus_femoris", "tear", ("right",))
    assert asked("SIJ") == ("sacroiliac_joint", "", ())
    assert asked("L4-5") == asked("L-4/L-5") == ("disc_l4_l5", "", ())


def test_an_ambiguous_abbreviation_asks_for_both_meanings() -> None:
    meant = clause("TA tear").structure
    assert meant is not None and {"achilles_tendon", "tibialis_anterior"} <= set(meant.ids)


@pytest.mark.parametrize(
    "text",
    [
        "tear right after surgery",
        "tear left untreated",
        "the tear was left alone",
        "right-handed player tear",
    ],
)
def test_left_and_right_as_other_words_are_no_side(text: str) -> None:
    assert all(c.sides == () for c in clauses(text))


def test_a_side_still_counts_before_anatomy() -> None:
    assert asked("right thigh tear")[2] == ("right",)
    assert asked("pain in the left calf")[2] == ("left",)
    assert isinstance(ask("left").root, Side)


def test_media_words_ask_for_material() -> None:
    assert Has("cine") in leaves(ask("hamstring tear cine").root)
    assert Has("cine") in leaves(ask("video of a tear").root)
    assert Has("still") in leaves(ask("still image of a tear").root)


def test_wear_and_tear_is_not_a_tear() -> None:
    assert all(c.abnormality is None or "tear" not in c.abnormality.ids for c in clauses("wear and tear"))


def test_unknown_words_are_free_words_and_little_words_are_dropped() -> None:
    assert words("a tear in the goalkeeper") == ("goalkeeper",)
    assert words("Courvoisier's law") == ("Courvoisier's", "law")


def test_two_places_that_overlap_are_one_place() -> None:
    meant = clause("thigh muscle tear").structure
    assert meant is not None and "rectus_femoris" in meant.ids
    assert "quadriceps_tendon" not in meant.ids and "soleus" not in meant.ids


def test_each_finding_goes_with_the_structure_beside_it() -> None:
    pairs = [
        (c.structure.asked[0] if c.structure else "", c.abnormality.asked[0] if c.abnormality else "")
        for c in clauses("soleus tear rectus femoris haematoma")
    ]
    assert pairs == [("soleus", "tear"), ("rectus_femoris", "hematoma")]
    first, second = clauses("rectus femoris tear with haematoma")
    assert first.structure is not None and second.structure is None
    assert second.beside is not None and second.beside.asked == ("rectus_femoris",)


def test_two_sides_go_each_to_their_own() -> None:
    first, second = clauses("left soleus tear right rectus femoris haematoma")
    assert (first.sides, second.sides) == (("left",), ("right",))


@pytest.mark.parametrize("text", ["no tear", "without tear", "tear excluded", "no evidence of a tear", "no:tear",
                                  'finding:"no tear"', "finding:no_tear", 'finding:"tear excluded"',
                                  'finding:"absent tear"', "achilles injury excluded", "achilles injury ruled out",
                                  "no achilles injury",
                                  "finding:tear certainty:absent", "certainty:absent tear"])  # fmt: skip
def test_denials_ask_for_a_documented_absence(text: str) -> None:
    assert clause(text).certainty == ("absent",)
    assert clause(text).strict


def test_a_symptom_that_is_excluded_is_left_out() -> None:
    assert ask("muscle pain excluded").understood == ("not: symptom = muscle pain",)
    assert "not: symptom = muscle pain" in ask("soleus tear, muscle pain excluded").understood


def test_a_denial_speaks_of_its_own_finding_only() -> None:
    root = ask("haematoma without tear").root
    assert isinstance(root, And)
    held = [p for p in root.parts if isinstance(p, FindingClause)]
    left_out = [p.part for p in root.parts if isinstance(p, Not)]
    wished = [p.part for p in root.parts if isinstance(p, Maybe) and isinstance(p.part, FindingClause)]
    assert [(c.abnormality.label, c.certainty) for c in held if c.abnormality] == [("haematoma", PRESENT)]
    assert [
        (c.abnormality.label, c.certainty) for c in left_out if isinstance(c, FindingClause) and c.abnormality
    ] == [("tear", PRESENT)]
    assert [c.certainty for c in wished if isinstance(c, FindingClause)] == [("absent",)]


def test_a_denial_by_itself_asks_for_the_documented_absence() -> None:
    assert clause("no rectus femoris tear").certainty == ("absent",)
    assert clause("no:tear").certainty == ("absent",)


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("achilles not torn", "intact achilles"),
        ("not torn achilles", "intact achilles"),
        ("the achilles is not torn", "intact achilles"),
        ("achilles not ruptured left", "left achilles intact"),
        ("left achilles not torn", "left achilles intact"),
        ("sciatic nerve not involved", "sciatic nerve spared"),
        ("sciatic nerve is not affected", "unaffected sciatic nerve"),
        ("tear without left", "tear -left"),
        ("tear without the left", "tear not left"),
        ("tear without soleus", "tear -soleus"),
        ("tear without left or right", "tear -(left OR right)"),
        ("the nerve is not normal", "nerve -finding:normal"),
        ("not normal nerve", "nerve -finding:normal"),
        ("tear !haematoma", "tear -haematoma"),
        ("!soleus tear", "-soleus tear"),
        ("haematoma, not a tear", "haematoma -tear"),
        ("this is not a tear but a haematoma", "-tear haematoma"),
        ("haematoma not infected", "haematoma without infection"),
        ("tear not left", "tear -left"),
        ("haematoma not tear", "haematoma -tear"),
        ("soleus NOT torn", "soleus -tear"),
        ("achilles tear!", "achilles tear"),
        ("no left tear", "left tear excluded"),
    ],
)
def test_a_denial_is_understood_however_it_is_said(text: str, understood: str) -> None:
    def plain(root: str) -> list[str]:
        return sorted(re.sub(r" \(\+.*?\)", "", line) for line in ask(root).understood)

    assert plain(text) == plain(understood)


@pytest.mark.parametrize(
    ("text", "absent", "whole"),
    [
        ("median nerve not enlarged", "enlargement", "median nerve"),
        ("ulnar nerve not compressed", "nerve entrapment", "ulnar nerve"),
        ("gallbladder not inflamed", "inflammation", "gallbladder"),
        ("soleus not completely torn", "complete tear", "soleus muscle"),
        ("intact soleus left", "tear", "soleus muscle"),
        ("sciatic nerve uninvolved", "abnormality", "sciatic nerve"),
    ],
)
def test_what_a_structure_is_not_is_absent_or_the_structure_is_normal(
    text: str, absent: str, whole: str
) -> None:
    (either,) = [p for p in (ask(text).root, *getattr(ask(text).root, "parts", ())) if isinstance(p, Or)]
    gone, normal = either.parts
    assert isinstance(gone, FindingClause) and isinstance(normal, FindingClause)
    assert gone.abnormality and normal.abnormality and gone.structure and gone.structure == normal.structure
    assert (gone.abnormality.label, gone.certainty) == (absent, ("absent",))
    assert (normal.abnormality.label, normal.certainty, gone.structure.label) == ("normal", PRESENT, whole)
    assert gone.sides == normal.sides == (("left",) if "left" in text else ())


def test_what_is_not_intact_is_torn() -> None:
    assert asked("achilles not intact") == asked("no intact achilles") == ("achilles_tendon", "tear", ())
    assert asked("left soleus is not intact") == ("soleus", "tear", ("left",))


@pytest.mark.parametrize("text", ["tendon not visualised", "fracture not displaced", "nerve not sliding"])
def test_a_word_that_is_no_finding_is_left_out_as_a_word(text: str) -> None:
    assert f"not: words = {text.split()[-1]}" in ask(text).understood


def test_a_side_that_is_left_out_is_that_of_the_finding() -> None:
    root = ask("hamstring tear -left").root
    assert isinstance(root, And)
    (left_out,) = [p.part for p in root.parts if isinstance(p, Not)]
    assert isinstance(left_out, FindingClause)
    assert left_out.only_sides == ("left",) and left_out.abnormality and left_out.structure
    assert ask("-left").root == And((Not(Side(("left",))),)) or ask("-left").root == Not(Side(("left",)))


def test_a_plain_question_never_asks_for_absence() -> None:
    assert clause("tear").certainty == PRESENT == ("definite", "probable", "possible")


# ---------------------------------------------------------------------------------------------- fields


def test_values_may_be_lists_ranges_comparisons_or_anything() -> None:
    assert clause("finding:tear side:left,right").sides == ("left", "right")
    assert clause("tear certainty>=probable").certainty == ("probable", "definite")
    assert clause("tear severity:mild..moderate").severity == ("mild", "moderate")
    assert clause("tear site:*").filled == ("site",)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("frames>100", Range(low=100, low_in=False)),
        ("frames:>=100", Range(low=100)),
        ("frames≥100", Range(low=100)),
        ("frames:100..200", Range(100, 200)),
        ("frames:100..", Range(low=100)),
        ("frames:..200", Range(high=200)),
        ("frames=100", Range(100, 100)),
        ("fps>=20fps", Range(low=20)),
        ("duration<500ms", Range(high=0.5, high_in=False)),
        ("depth>4cm", Range(low=40, low_in=False)),
    ],
)
def test_numbers_ranges_and_units(text: str, span: Range) -> None:
    root = ask(text).root
    assert isinstance(root, MediaClause)
    assert root.tests[0].range == span


def test_clip_fields_bind_to_one_clip_and_case_fields_do_not() -> None:
    root = ask("frames>100 mode:pd plane:lax age:20..40 sex:f").root
    assert isinstance(root, And)
    media = [p for p in root.parts if isinstance(p, MediaClause)]
    assert [t.field for t in media[0].tests] == ["frames", "mode", "plane"]
    assert media[0].tests[1].values == ("power_doppler",)
    assert {p.test.field for p in root.parts if isinstance(p, CaseClause)} == {"age", "sex"}


def test_a_field_takes_the_words_that_complete_its_concept() -> None:
    assert asked("finding:complete tear left") == ("", "complete_tear", ("left",))
    assert asked("structure:rectus femoris tear")[0] == "rectus_femoris"
    assert words("structure:soleus goalkeeper") == ("goalkeeper",)


def test_a_value_may_name_a_finding_at_a_place() -> None:
    absent = clause('no:"left rectus femoris tear"')
    assert (absent.certainty, absent.sides) == (("absent",), ("left",))
    assert absent.structure is not None and absent.structure.asked == ("rectus_femoris",)


def test_what_no_lexicon_knows_is_compared_as_written() -> None:
    query = ask("finding:gobbledygook")
    meant = clause("finding:gobbledygook").abnormality
    assert meant is not None and meant.literal == "gobbledygook"
    assert "looked for as written" in query.understood[0]


def test_a_misspelt_value_is_understood_and_said() -> None:
    query = ask("finding:tendinopahty")
    assert clause("finding:tendinopahty").abnormality.asked == ("tendinopathy",)  # type: ignore[union-attr]
    assert any("you typed tendinopahty" in line for line in query.understood)


def test_prior_dx_ddx_and_measurements_are_clauses_of_their_own() -> None:
    prior = ask("prior:strain discordance:missed prior.modality:mri").root
    assert isinstance(prior, PriorClause)
    assert (prior.discordance, prior.modality) == (("missed",), ("mri",))
    dx = ask("dx:tennis_leg").root
    assert isinstance(dx, TermClause) and dx.role == "diagnosis"


@pytest.mark.parametrize(
    ("text", "label", "limits", "unit"),
    [
        ("gap@contraction>=2cm", "gap", Range(low=20.0), "mm"),
        ("gap@contraction >= 2 cm", "gap", Range(low=20.0), "mm"),
        ("shear_wave>3", "swv", Range(low=300.0, low_in=False), "cm/s"),
        ("volume<15ml", "volume", Range(high=15.0, high_in=False), "mL"),
        ("csa:sciatic_nerve>60mm2", "csa", Range(low=60.0, low_in=False), "mm2"),
        ("csa:sciatic_nerve>0,6 cm2", "csa", Range(low=60.0, low_in=False), "mm2"),
        ("percent_csa:10..50", "percent csa", Range(10.0, 50.0), "%"),
        ("size>2cm", "size", Range(low=20.0, low_in=False), "mm"),
    ],
)
def test_a_measurement_is_compared_in_the_base_unit(text: str, label: str, limits: Range, unit: str) -> None:
    (measured,) = [leaf for leaf in leaves(ask(text).root) if isinstance(leaf, MeasureClause)]
    assert (measured.label, measured.range, measured.unit) == (label, limits, unit)
    assert ("contraction" in measured.states) == ("@contraction" in text)
    assert (measured.structure is not None) == ("sciatic" in text)


@pytest.mark.parametrize(
    ("text", "label", "limits"),
    [
        ("gap on contraction > 20 mm", "gap", Range(low=20.0, low_in=False)),
        ("tendon thickness of at least 8 mm", "thickness", Range(low=8.0)),
        ("nerve CSA over 15 mm2", "csa", Range(low=15.0, low_in=False)),
        ("nerve CSA over 15", "csa", Range(low=15.0, low_in=False)),
        ("haematoma volume between 10-30 ml", "volume", Range(10.0, 30.0)),
        ("haematoma volume between 10 and 30 ml", "volume", Range(10.0, 30.0)),
        ("cyst larger than 2,5 cm", "size", Range(low=25.0, low_in=False)),
        ("tear up to 10 mm", "size", Range(high=10.0)),
    ],
)
def test_numbers_in_plain_words_go_with_the_measurement_that_is_named(
    text: str, label: str, limits: Range
) -> None:
    (measured,) = [leaf for leaf in leaves(ask(text).root) if isinstance(leaf, MeasureClause)]
    assert (measured.label, measured.range) == (label, limits)
    assert not [leaf for leaf in leaves(ask(text).root) if isinstance(leaf, Words)]


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("left gap over 10 mm", ("gap (left) > 10 mm",)),
        ("tear without gap over 10 mm", ("finding = tear (+53 kinds)", "not: gap > 10 mm")),
        ("no gap over 10 mm",
         ("either (finding = retraction of the ends, certainty = absent) or gap <= 10 mm",)),
        ("gap on contraction", ("either (finding = retraction of the ends, maneuver = active muscle contraction "
                                "(+4 kinds)) or gap at contraction measured",)),
        ("left gap on contraction", ("either (finding = retraction of the ends, side = left, maneuver = active "
                                     "muscle contraction (+4 kinds)) or gap (left) at contraction measured",)),
        ("possible gap on contraction", ("finding = retraction of the ends", "certainty = possible",
                                         "maneuver = active muscle contraction (+4 kinds)")),
        ("possible gap over 10 mm", ("finding = retraction of the ends", "certainty = possible", "gap > 10 mm")),
        ("possible tear gap over 10 mm", ("finding = tear (+53 kinds)", "certainty = possible", "gap > 10 mm")),
        ("left RF tear, right hamstring gap over 20 mm",
         ("structure = rectus femoris muscle (+4 parts)", "finding = tear (+53 kinds)", "side = left",
          "structure = hamstring muscles (+10 parts)", "side = right",
          "gap (right) of hamstring muscles (+10 parts) > 20 mm")),
    ],
)  # fmt: skip
def test_a_length_keeps_the_side_the_denial_and_the_doubt_beside_it(
    text: str, understood: tuple[str, ...]
) -> None:
    assert ask(text).understood == understood


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("csa:sciatic>60mm2 side:right", ("csa (right) of sciatic nerve > 60 mm2",)),
        ("csa>60mm2 right", ("csa (right) > 60 mm2",)),
        ("left volume:10..30ml", ("volume (left) 10..30 mL",)),
        ("gap@contraction>2cm (left OR right)", ("gap (left or right) at contraction > 20 mm",)),
        ("structure:soleus side:left gap>3mm",
         ("structure = soleus muscle (+1 part)", "side = left", "gap (left) of soleus muscle (+1 part) > 3 mm")),
        ("thickness>20mm plantaris left",
         ("thickness (left) of plantaris muscle (+1 part) > 20 mm", "structure = plantaris muscle (+1 part)",
          "side = left")),
        ("csa:sciatic>9mm2 soleus tear left",
         ("csa (left) of sciatic nerve > 9 mm2", "structure = soleus muscle (+1 part)",
          "finding = tear (+53 kinds)", "side = left")),
        ("soleus tear left csa:sciatic>9mm2 right",
         ("csa (right) of sciatic nerve > 9 mm2", "structure = soleus muscle (+1 part)",
          "finding = tear (+53 kinds)", "side = left")),
        ("gap over 20 mm left, soleus tear right",
         ("gap (left) of soleus muscle (+1 part) > 20 mm", "structure = soleus muscle (+1 part)",
          "finding = tear (+53 kinds)", "side = right")),
        ("left (gap>20mm OR cyst)", ("either gap (left) > 20 mm or (finding = cyst (+51 kinds), side = left)",)),
        ("left soleus tear (gap>20mm OR csa>3cm2)",
         ("structure = soleus muscle (+1 part)", "finding = tear (+53 kinds)", "side = left",
          "either gap (left) > 20 mm or csa (left) > 300 mm2")),
        ("left tear -gap>20mm", ("finding = tear (+53 kinds)", "side = left", "not: gap (left) > 20 mm")),
        ("csa right over 70 mm2", ("csa (right) > 70 mm2",)),
        ("sciatic nerve csa left under 0.7 cm2",
         ("structure = sciatic nerve", "side = left", "csa (left) of sciatic nerve < 70 mm2")),
        ("gap right over the knee", ("structure = knee (+79 parts)", "finding = retraction of the ends")),
        ("csa 60 mm2 right", ("measurement = cross-sectional area", "side = right",
                              "preferably csa (right) 54..66 mm2")),
    ],
)  # fmt: skip
def test_a_measurement_in_a_field_is_of_the_side_and_the_structure_beside_it(
    text: str, understood: tuple[str, ...]
) -> None:
    assert sorted(ask(text).understood) == sorted(understood)


def test_a_number_without_over_or_under_only_lifts_what_comes_near_it() -> None:
    query = ask("31 mm gap")
    assert not [leaf for leaf in leaves(query.root) if isinstance(leaf, MeasureClause | Words)]
    assert "preferably gap 27.9..34.1 mm" in query.understood


def test_years_are_an_age_and_a_number_that_measures_nothing_stays_a_word() -> None:
    assert "age = 38" in ask("38 year old runner").understood
    assert "age > 30" in ask("runner over 30 years").understood
    assert "words = 20" in ask("20").understood


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("confirmed by MRI", ("either confirmed by = mri or words = confirmed, MRI",)),
        ("soleus tear confirmed on MRI", ("structure = soleus muscle (+1 part)", "finding = tear (+53 kinds)",
                                          "preferably confirmed by = mri or words = confirmed, MRI")),
        ("tear not confirmed", ("finding = tear (+53 kinds)", "certainty = absent")),
        ("tear on MRI", ("finding = tear (+53 kinds)", "modality = mri")),
    ],
)  # fmt: skip
def test_what_confirmed_a_finding_is_not_who_saw_it(text: str, understood: tuple[str, ...]) -> None:
    assert ask(text).understood == understood


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("rectus femrois teer", "rectus femoris tear"),
        ("achiles tendon ruptre", "Achilles tendon rupture"),
        ("hematoma of the soleuss", "hematoma of the soleus"),
    ],
)
def test_nobody_is_asked_whether_another_slip_was_meant(text: str, meant: str) -> None:
    assert [q.text for q in respelt(ask(text), lexicon())][:1] == [meant]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("age:20-40", "age:20..40"),
        ("csa:10-20mm2", "csa:10mm2..20mm2"),
        ("peetrons:2-3", "peetrons:2..3"),
        ("frames:10-20", "frames:10..20"),
        ("gap@contraction:5-9", "gap:5..9"),
    ],
)
def test_a_range_with_a_dash_is_told_how_to_write_it(text: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("tear gap@banana>20mm", 5, "contraction"),
        ("set:nope", 0, "set:knees"),
        ("tear set:kneees", 5, "Did you mean set:knees"),
        ("set:knees,nope", 0, "set:knees"),
    ],
)
def test_a_state_or_a_set_that_there_is_not_is_refused(text: str, position: int, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, lexicon(), sets=("knees", "hips"))
    assert caught.value.position == position and hint in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["set:knees", "set:KNEES", "set:kn*", "set:*", "-set:hips", "gap@rest", "gap@active_contraction>2mm"],
)
def test_a_state_and_a_set_that_there_are_are_asked(text: str) -> None:
    assert parse(text, lexicon(), sets=("knees", "hips")).understood
    assert parse("set:anything", lexicon()).understood


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("women", ("either words = women or sex = F",)),
        ("boy", ("either words = boy or (age < 18, sex = M)",)),
        ("67F", ("age = 67", "either words = woman or sex = F")),
        ("M 45", ("age = 45", "either words = man or sex = M")),
        ("male under 25", ("age < 25", "either words = male or sex = M")),
        ("patients over 60", ("age > 60",)),
        ("girls 12 to 16", ("age 12..16", "either words = girls or (age < 18, sex = F)")),
        ("aged 20 to 30", ("age 20..30",)),
        ("age 20-40", ("age 20..40",)),
        ("age of 38", ("age = 38",)),
        ("aged over 70", ("age > 70",)),
        ("62M soleus tear", ("structure = soleus muscle (+1 part)", "finding = tear (+53 kinds)", "age = 62",
                             "preferably words = man or sex = M")),
        ("women with csa over 60", ("csa > 60 mm2", "preferably words = women or sex = F")),
        ("soleus tear woman", ("structure = soleus muscle (+1 part)", "finding = tear (+53 kinds)",
                               "preferably words = woman or sex = F")),
        ("M2 soleus", ("structure = soleus muscle (+1 part)", "words = M2")),
        ("metavir F2", ("metavir = F2",)),
        ("peetrons 2 over 60", ("peetrons = 2", "words = over, 60")),
    ],
)  # fmt: skip
def test_who_the_patient_is_is_understood(text: str, understood: tuple[str, ...]) -> None:
    assert ask(text).understood == understood


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("gap > 1 inch", "gap > 25.4 mm"),
        ("gap>2in", "gap > 50.8 mm"),
        ("gap > 0.5 in", "gap > 12.7 mm"),
        ("gap over 2 inches", "gap > 50.8 mm"),
        ("gap>2 in the left soleus", "gap (left) of soleus muscle (+1 part) > 2 mm"),
        ("gap over 2 in the soleus", "gap of soleus muscle (+1 part) > 2 mm"),
    ],
)
def test_inches_are_lengths_and_a_small_in_is_none(text: str, understood: str) -> None:
    assert understood in ask(text).understood


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("pd>=2", ("pd >= 2",)),
        ("PD grade 2", ("pd = 2",)),
        ("PD 3", ("pd = 3",)),
        ("power doppler grade 2", ("pd = 2",)),
        ("power doppler", ("mode = power Doppler",)),
        ("synovitis grade 2", ("finding = synovitis (+4 kinds)", "grade = 2 on any scale")),
        ("grade III", ("grade = 3 on any scale",)),
        ("BAMIC 2b", ("bamic = 2b",)),
    ],
)
def test_a_grade_is_of_its_scale_or_says_that_it_is_of_any(text: str, understood: tuple[str, ...]) -> None:
    assert ask(text).understood == understood


def test_a_field_may_stand_apart_from_its_comparison() -> None:
    assert ask("frames > 20").root == ask("frames>20").root
    assert ask("peetrons >= 2").root == ask("peetrons>=2").root


def test_exact_takes_concepts_by_themselves_and_corrects_nothing() -> None:
    query = parse("quadriceps tear structure:piriformiss", lexicon(), exact=True)
    assert query.exact
    assert "structure = quadriceps femoris muscle (exactly)" in "; ".join(query.understood)
    assert "near it: piriformis" in "; ".join(query.understood)


def test_every_searchable_attribute_is_a_field() -> None:
    for row in attributes.TABLE:
        if row.field:
            assert row.field in FIELDS, row.keyword
    assert set(ALIASES.values()) <= set(FIELDS)


def test_choices_are_the_closed_vocabularies_of_the_model() -> None:
    assert FIELDS["side"].choices == choices.SIDES
    assert set(FIELDS["certainty"].choices) == set(choices.CERTAINTIES)
    assert FIELDS["status"].choices == choices.STATUSES
    assert FIELDS["structure"].kinds == STRUCTURE_KINDS
    assert FIELDS["finding"].kinds == ABNORMALITY_KINDS


# ---------------------------------------------------------------------------------------------- grammar


def test_or_binds_looser_than_standing_side_by_side() -> None:
    root = ask("soleus tear OR morton neuroma").root
    assert isinstance(root, Or) and len(root.parts) == 2


def test_alternatives_of_one_kind_are_one_condition() -> None:
    meant = clause("rectus femoris (tear OR strain)").abnormality
    assert meant is not None and {"tear", "strain"} <= set(meant.ids)
    assert clause("tear (left OR right)").sides == ("left", "right")


def test_what_stands_before_brackets_goes_into_them() -> None:
    both = clauses("left (soleus tear OR rectus femoris haematoma)")
    assert [c.sides for c in both] == [("left",), ("left",)]
    both = clauses("rectus femoris (left tear OR right haematoma)")
    assert [c.structure.asked for c in both if c.structure] == [("rectus_femoris",)] * 2


@pytest.mark.parametrize(
    "text", ["tear -hematoma", "tear NOT hematoma", "tear –hematoma", "tear -(hematoma)", "tear not hematoma"]
)
def test_not_denies_the_next_name(text: str) -> None:
    root = ask(text).root
    assert isinstance(root, And)
    denied = [p.part for p in root.parts if isinstance(p, Not)]
    assert len(denied) == 1
    assert any(isinstance(leaf, FindingClause) and leaf.abnormality for leaf in leaves(denied[0]))
    assert len(clauses(text)) == 1


def test_not_takes_a_name_of_several_words() -> None:
    root = ask("tear -rectus femoris").root
    assert isinstance(root, And)
    assert words("tear -rectus femoris") == ()


def test_phrases_are_literal_and_operators_in_them_are_words() -> None:
    assert ask('"wear AND tear -x"').root == Phrase("wear AND tear -x")
    assert ask("„no tear“").root == Phrase("no tear")


def test_a_colon_after_an_unknown_word_with_nothing_behind_it_is_punctuation() -> None:
    assert words("Impression: goalkeeper") == ("Impression", "goalkeeper")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("peetrons>=9", "no such grade"),
        ("age:-5", "never less than nothing"),
        ("gap>-3mm", "never less than nothing"),
        ("certainty:maybee", "maybee"),
    ],
)
def test_a_value_that_cannot_be_is_refused(question: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        ask(question)


def test_an_angle_may_be_negative_and_maybe_is_possible() -> None:
    ask("beta_angle>-3deg")
    assert clause("tear certainty:maybe").certainty == ("possible",)


def test_an_empty_question_asks_for_everything() -> None:
    for text in ("", "   "):
        assert ask(text).root == Everything(), text


@pytest.mark.parametrize(
    "text", ["()", "-", "...", '"?"', "???", ">", "\U0001f9b4", "without", "no", "not", "the of", "-the"]
)
def test_a_question_in_which_nothing_is_understood_is_no_question_for_everything(text: str) -> None:
    with pytest.raises(QueryError, match="nothing in the question"):
        ask(text)


def test_a_dash_apart_from_its_word_neither_asks_nor_leaves_out() -> None:
    with pytest.raises(QueryError, match="stands apart"):
        ask("- tear")
    assert ask("thigh - tear").root == ask("thigh tear").root


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("tear strcture:soleus", 5, "structure:"),
        ("fndng:tear", 0, "finding:"),
        ('tear "wear and', 5, "Close the phrase"),
        ("(tear OR strain", 0, "Close it with )"),
        ("tear)", 4, "never opened"),
        ("tear OR", 5, "both sides"),
        ("OR tear", 0, "both sides"),
        ("tear NOT", 5, "something after it"),
        ("finding:", 0, "needs a value"),
        ("frames>many", 0, "needs a number"),
        ("frames:200..100", 0, "ends before it begins"),
        ("fps>3parsec", 0, "does not know the unit"),
        ("side:lft", 0, "side:left"),
        ("status:reddy", 0, "status:ready"),
        ("severity>=complete", 0, "finding:complete_tear"),
        ("side>left", 0, "no order"),
        ("has:cinema", 0, "has:cine"),
        ("date:2024-13", 0, "no date"),
        ('dx:"no tear"', 0, "Write dx:tear"),
        ('finding:"possible tear"', 0, "certainty:possible"),
        ('structure:"left rectus femoris"', 0, "side:left"),
        ("grade>=2", 0, "scales never mix"),
        ("gap>20mL", 0, "not measured in"),
    ],
)
def test_errors_say_where_and_what_instead(text: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(text)
    assert caught.value.position == position
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_too_much_is_refused_politely() -> None:
    with pytest.raises(QueryError, match="too many parts"):
        ask(" ".join(f"word{n}" for n in range(MAX_TERMS + 1)))
    with pytest.raises(QueryError, match="nested"):
        ask("(" * 50 + "tear" + ")" * 50)
    with pytest.raises(QueryError, match="characters"):
        ask("x" * 100_000)


# ---------------------------------------------------------------------------------------------- second chances


def test_unknown_words_are_respelt_with_their_neighbours() -> None:
    (again,) = respelt(ask("rectus femoriss tear"), lexicon())
    assert again.text == "rectus femoris tear"
    assert any("you typed" in line for line in again.understood)
    assert respelt(ask("goalkeeper"), lexicon()) == ()
    assert respelt(ask("tear"), lexicon()) == ()


def test_a_word_that_may_have_meant_two_is_read_both_ways() -> None:
    assert {again.text for again in respelt(ask("entesitis"), lexicon())} == {"enteritis", "enthesitis"}


def test_free_words_can_be_loosened_and_concepts_cannot() -> None:
    assert relaxed(ask("tear"), prefix=True) is None
    assert relaxed(ask("goalkeeper"), prefix=False) is None
    looser = relaxed(ask("tear goalkeeper striker"), prefix=False)
    assert looser is not None
    assert [type(leaf) for leaf in leaves(looser.root)] == [FindingClause]


# ---------------------------------------------------------------------------------------------- SQL


def test_no_word_of_the_user_becomes_sql() -> None:
    marker = "xyzzyplugh"
    plain = (marker, f'"{marker}"', f"case:{marker}*")
    fields = ("finding", "title", "tag", "name", "author", "dx", "prior", "munich")
    for text in (*plain, *(f"{name}:{marker}" for name in fields)):
        statement = compiled(ask(text).root)
        assert marker not in statement.text
        assert any(marker in str(value) for value in statement.params)
        assert statement.text.count("?") == len(statement.params)


def test_quoting_survives_quotes_and_nul() -> None:
    assert quoted('a"b') == '"a""b"'
    assert "\0" not in quoted("a\0b")
    assert token("rectus_femoris") != above_token("rectus_femoris")


_SIGNS = (":", ">=", "..", "5", "tear", " ", "left", "-", '"', "(", ")")


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.text(alphabet=st.sampled_from(list('ab:"()-<>=.,*|&“”’ \t\0')), max_size=40),
        st.lists(
            st.sampled_from([*FIELDS, ":", ">=", "..", "5", "tear", " ", "left", "-", '"', "(", ")"])
        ).map("".join),
    )
)
@example("tear " * 2_000)
@example("\u202e\u200b\ufeff tear \x00\x1b[31m")
@example("l'étirement du muscle droit fémoral")
@example("ＦＩＮＤＩＮＧ：tear")
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    try:
        query = ask(text)
    except QueryError as error:
        assert 0 <= error.position <= len(text)
        assert str(error)
        return
    statement = compiled(query.root)
    assert statement.text.count("?") == len(statement.params)
    for leaf in leaves(query.root):
        assert rows_of(leaf).text


@given(st.permutations(["left", "hamstring", "tear"]))
def test_the_order_of_words_does_not_matter(order: list[str]) -> None:
    assert asked(" ".join(order)) == ("hamstrings", "tear", ("left",))


def test_a_mention_of_another_kind_is_looked_for_anywhere() -> None:
    root: Node = ask("tingling").root
    assert isinstance(root, And)
    assert any(isinstance(part, Mention) and part.wanted.asked == ("sym_tingling",) for part in root.parts)
