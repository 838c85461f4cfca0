"""Questions about earlier labels, other looks, doubt and wholeness, in plain words."""

from __future__ import annotations

import pytest
from test_search import Diagnosis, Finding, Prior, Story, ask, case, fresh, put_case, slugs

from casearchive.query import leaves, parse
from casearchive.query.tree import FindingClause, Node, Not, PriorClause
from casearchive.terms import lexicon


def priors(text: str) -> list[PriorClause]:
    return [leaf for leaf in _every(parse(text, lexicon()).root) if isinstance(leaf, PriorClause)]


def findings(text: str) -> list[FindingClause]:
    return [leaf for leaf in leaves(parse(text, lexicon()).root) if isinstance(leaf, FindingClause)]


def _every(node: Node) -> list[Node]:
    parts = getattr(node, "parts", ())
    return [node, *(leaf for part in parts for leaf in _every(part))]


@pytest.mark.parametrize(
    ("text", "label", "finding"),
    [
        ("misdiagnosed as ankle sprain", "sprain", None),
        ("Achilles rupture labelled as ankle sprain", "sprain", "tear"),
        ("complete tear mistaken for a haematoma", "haematoma", "complete tear"),
        ("initially treated as plantar fasciitis", "plantar fasciitis", None),
        ("thought to be a haematoma", "haematoma", None),
        ("haematoma that turned out to be a tumour", "haematoma", "tumour"),
        ("contusion that was a complete tear", "contusion", "complete tear"),
    ],
)
def test_an_earlier_label_is_no_finding(text: str, label: str, finding: str | None) -> None:
    (prior,) = priors(text)
    assert prior.says is not None and label in prior.says.label
    found = [c.abnormality.label for c in findings(text) if c.abnormality]
    assert found == ([finding] if finding else [])


@pytest.mark.parametrize(
    "text", ["muscle tear missed on MRI", "tear not seen on MRI", "tear overlooked by MRI"]
)
def test_what_an_earlier_look_missed_is_asked_of_that_look(text: str) -> None:
    found = priors(text)
    assert found and all(p.modality == ("mri",) for p in found)
    assert any(p.missed is not None for p in found)
    (clause,) = findings(text)
    assert clause.modality == () and clause.abnormality is not None


def test_what_an_earlier_look_overcalled_is_its_label() -> None:
    (prior,) = priors("MRI overcalled a cuff tear")
    assert prior.modality == ("mri",) and prior.says is not None and "overgraded" in prior.discordance
    assert findings("MRI overcalled a cuff tear") == []


def test_each_look_goes_with_the_finding_beside_it() -> None:
    text = "MRI normal, ultrasound shows a partial tear"
    torn = [c for c in findings(text) if c.abnormality and "tear" in c.abnormality.label]
    assert [c.modality for c in torn] == [()]
    assert any(p.modality == ("mri",) for p in priors(text))


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("a small tear cannot be excluded", ("possible",)),
        ("tear could not be ruled out", ("possible",)),
        ("equivocal tear", ("possible",)),
        ("thrombosis excluded", ("absent",)),
        ("thrombosis was ruled out", ("absent",)),
    ],
)
def test_doubt_and_exclusion_go_with_the_finding_they_are_said_of(
    text: str, certainty: tuple[str, ...]
) -> None:
    (clause,) = findings(text)
    assert clause.certainty == certainty


def test_excluding_one_thing_leaves_the_next_alone() -> None:
    root = parse("thrombosis excluded, muscle tear found", lexicon()).root
    denied = [n.part for n in _every(root) if isinstance(n, Not)]
    assert [c.abnormality.label for c in denied if isinstance(c, FindingClause) and c.abnormality] == [
        "thrombosis"
    ]
    assert [
        c.abnormality.label for c in findings("thrombosis excluded, muscle tear found") if c.abnormality
    ] == ["tear"]


@pytest.mark.parametrize(
    "text", ["sent for thrombosis, muscle tear found", "referred to exclude DVT, muscle tear"]
)
def test_what_was_only_asked_is_not_demanded(text: str) -> None:
    assert [c.abnormality.label for c in findings(text) if c.abnormality] == ["tear"]


def test_an_intact_structure_is_one_without_a_tear_or_a_normal_one() -> None:
    connection = fresh()
    put_case(connection, case("torn", "One", "F1 supraspinatus tear right definite"))
    put_case(connection, case("whole", "Two", "F1 supraspinatus tear right absent"))
    put_case(connection, case("normal", "Three", "F1 supraspinatus normal right definite"))
    assert set(slugs(ask(connection, "intact supraspinatus"))) == {"whole", "normal"}
    assert set(slugs(ask(connection, "supraspinatus unremarkable"))) == {"whole", "normal"}


def test_a_denial_of_something_unknown_never_shows_who_has_it() -> None:
    connection = fresh()
    put_case(connection, case("has", "Wobbling of the nerve", "F1 median_nerve wobbling right definite"))
    put_case(connection, case("not", "No wobbling", "F1 median_nerve wobbling right absent"))
    assert slugs(ask(connection, "no median nerve wobbling")) == ["not"]


def test_earlier_labels_are_found_by_what_they_said() -> None:
    connection = fresh()
    wrong = Prior(-21, "clinical_exam", "ankle sprain", ("sprain",), "missed", ("complete_tear",))
    put_case(
        connection, case("wrong", "One", "F1 achilles_tendon complete_tear right definite", priors=(wrong,))
    )
    put_case(connection, case("true", "Two", "F1 atfl sprain right definite"))
    assert slugs(ask(connection, "misdiagnosed as ankle sprain")) == ["wrong"]
    assert slugs(ask(connection, "achilles tear missed at clinical exam")) == ["wrong"]


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [("Goutallier 3", "goutallier", 3), ("Heckmatt III", "heckmatt", 3), ("Peetrons grade 2 tear", "peetrons", 2),
     ("grade 2 sprain", "", 2)],
)  # fmt: skip
def test_a_grade_in_plain_words_is_one_on_its_scale(text: str, scale: str, value: float) -> None:
    (clause,) = findings(text)
    (grade,) = clause.grades
    assert grade.scale == scale and grade.range is not None and grade.range.low == grade.range.high == value


def test_two_of_a_kind_with_or_between_them_are_either() -> None:
    (clause,) = findings("soleus or plantaris tear")
    assert clause.structure is not None and set(clause.structure.asked) == {"soleus", "plantaris"}


def test_the_calf_muscle_is_not_its_tendon() -> None:
    (clause,) = findings("torn calf muscle")
    assert clause.structure is not None and "achilles_tendon" not in clause.structure.ids


def test_a_finding_confirmed_in_the_diagnosis_counts_as_confirmed() -> None:
    connection = fresh()
    told = Story(diagnosis=(Diagnosis("complete_tear", "soleus", "left", "definite", "surgery"),))
    put_case(
        connection, case("operated", "One", Finding("F1", "complete_tear", "soleus", side="left"), story=told)
    )
    put_case(connection, case("not", "Two", Finding("F1", "complete_tear", "soleus", side="left")))
    assert slugs(ask(connection, "confirmed:surgery finding:complete_tear")) == ["operated"]


def test_a_denied_wholeness_is_a_tear() -> None:
    (clause,) = findings("no intact achilles tendon")
    assert clause.abnormality is not None and clause.abnormality.asked == ("tear",)
    assert clause.structure is not None and clause.structure.asked == ("achilles_tendon",)
    assert "absent" not in clause.certainty


@pytest.mark.parametrize(("text", "structure"), [("equivocal", None), ("soleus equivocal", "soleus")])
def test_doubt_alone_asks_for_whatever_is_doubtful(text: str, structure: str | None) -> None:
    (clause,) = findings(text)
    assert clause.certainty == ("possible",) and clause.abnormality is None
    assert (clause.structure.asked[0] if clause.structure else None) == structure
