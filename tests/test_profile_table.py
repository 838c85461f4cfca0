"""Every rule of the profile held against Table E.1-1 of PS3.15, edition 2026c: nothing of the source may stay that the
standard protects, but under an option that the output then names."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword

from casearchive.deid import headers
from casearchive.deid.profile import Rule, profile

DATA = Path(__file__).parent / "data" / "e1_1_2026c.txt"
#: What of the source an action may leave in the output: nothing at all, or a word, number or date that comes from it.
MADE_ANEW = {"empty", "patient", "uid", "constant", "made"}
#: Attributes of the table that keep something of the source, and the option of CID 7050 that allows it.
OPTIONS = {"PatientSex": "113108", "PatientAge": "113108", "StudyDate": "113107"}


def table() -> dict[int, str]:
    lines = [line.split() for line in DATA.read_text("utf-8").splitlines() if line[:1] != "#"]
    return {int(tag.replace(",", ""), 16): action for tag, action in lines}


def protected() -> list[tuple[Rule, str]]:
    actions = table()
    return [
        (rule, actions[tag])
        for rule in profile().rules
        if (tag := tag_for_keyword(rule.keyword)) is not None and int(tag) in actions
    ]


def test_the_table_is_whole() -> None:
    assert len(table()) == 652
    assert table()[0x00100010] == "Z" and table()[0x00080018] == "U"
    assert len(protected()) >= 14


@pytest.mark.parametrize(("rule", "action"), protected(), ids=lambda value: getattr(value, "keyword", value))
def test_a_protected_attribute_is_made_anew_or_named_by_an_option(rule: Rule, action: str) -> None:
    if rule.keyword in OPTIONS:
        assert OPTIONS[rule.keyword] in headers._CODES
        return
    assert rule.action in MADE_ANEW, f"{rule.keyword}: the table says {action}"
    if action == "U":
        assert rule.action == "uid", "a UID is replaced by another, the same for all that referred to it"
    if action in ("Z", "D", "Z/D"):
        assert rule.action in ("empty", "patient"), (
            "what must be there is there without a value, or as a pseudonym"
        )


def test_an_option_is_needed_for_nothing_else() -> None:
    kept = {rule.keyword for rule, _ in protected() if rule.action not in MADE_ANEW}
    assert kept == set(OPTIONS)


def test_what_stands_inside_sequences_is_not_protected_by_the_table() -> None:
    actions = table()
    for keyword in (*headers.REGION_KEYWORDS, *headers.CODE_KEYWORDS):
        tag = tag_for_keyword(keyword)
        assert tag is not None and int(tag) not in actions, keyword


def test_an_attribute_that_the_table_has_and_the_profile_has_not_cannot_be_written() -> None:
    """The profile is an allow-list, so new rows of the table need no new rule: none of them is in it."""
    names = {int(tag) for rule in profile().rules if (tag := tag_for_keyword(rule.keyword)) is not None}
    assert len(set(table()) - names) == len(table()) - len(protected())
