"""Every rule of the profile held against Table E.1-1 of PS3.15, edition 2026c, alone and under every choice of options:
nothing of the source may stay that the standard protects, but under an option that the output then names."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword

from casearchive.deid import headers
from casearchive.deid import profile as profile_module
from casearchive.deid.profile import CODES, Kind, Profile, Rule, profile
from casearchive.errors import UsageError

DATA = Path(__file__).parent / "data"
#: What of the source an action may leave in the output: nothing at all, or a word, number or date that comes from it.
MADE_ANEW = {"empty", "patient", "uid", "device", "constant", "made", "omit"}
#: What an option of the standard asks for where the profile writes something else: an age in bands is no age unchanged.
#: The issue that this profile answers wants it so, and the documents say it.
CLEANED_THOUGH_KEPT = {"PatientAge"}
NAMES = [option.name for option in profile().options]
#: Options that let documents out; what they change of a picture is only that it names them.
OF_DOCUMENTS = tuple(kind.option for kind in profile().kinds)


def table() -> dict[int, str]:
    return {_tag(line): line.split()[1] for line in _lines("e1_1_2026c.txt")}


def options_of_the_table() -> dict[int, dict[str, str]]:
    """By attribute: what each option (CID 7050) asks for, K to keep it or C to clean it."""
    return {_tag(line): dict(p.split(":") for p in line.split()[1:]) for line in _lines("e1_1_options.txt")}


def _lines(name: str) -> list[str]:
    return [line for line in (DATA / name).read_text("utf-8").splitlines() if line[:1] != "#"]


def _tag(line: str) -> int:
    return int(line.split()[0].replace(",", ""), 16)


def choices() -> list[tuple[str, ...]]:
    """Every set of options for pictures that may be chosen together; those for documents alone and with one other."""
    found = []
    names_of_pictures = [name for name in NAMES if name not in OF_DOCUMENTS]
    for names in chain.from_iterable(
        combinations(names_of_pictures, n) for n in range(len(names_of_pictures) + 1)
    ):
        try:
            profile().under(names)
        except UsageError:
            continue
        found.append(names)
    return found + [OF_DOCUMENTS, *((name,) for name in OF_DOCUMENTS), ("descriptors", *OF_DOCUMENTS)]


def protected(current: Profile) -> list[tuple[Rule, str]]:
    actions = table()
    return [
        (rule, actions[tag])
        for rule in current.rules
        if (tag := tag_for_keyword(rule.keyword)) is not None and int(tag) in actions
    ]


def every_rule() -> list[tuple[Rule, str]]:
    """Plain and optional, each once."""
    return list(dict.fromkeys(pair for names in choices() for pair in protected(profile().under(names))))


def test_the_table_is_whole() -> None:
    assert len(table()) == 652
    assert table()[0x00100010] == "Z" and table()[0x00080018] == "U"
    assert len(protected(profile())) >= 14
    assert options_of_the_table()[0x0008103E] == {"113105": "C"}
    assert options_of_the_table()[0x00080020] == {"113106": "K", "113107": "C"}
    assert set(options_of_the_table()) <= set(table())


@pytest.mark.parametrize(
    ("rule", "action"),
    every_rule(),
    ids=lambda value: f"{value.keyword}-{value.option}" if isinstance(value, Rule) else value,
)
def test_a_protected_attribute_is_made_anew_or_allowed_by_the_option_that_it_names(
    rule: Rule, action: str
) -> None:
    if rule.action not in MADE_ANEW:
        tag = tag_for_keyword(rule.keyword)
        assert tag is not None and rule.code in CODES, f"{rule.keyword}: the table says {action}"
        asked = options_of_the_table()[int(tag)][rule.code]
        assert asked in "KC"
        cleaned = rule.action not in ("keep", "terms")
        assert asked == "C" or not cleaned or rule.keyword in CLEANED_THOUGH_KEPT
        return
    assert not rule.code, "what is made anew needs no option"
    if action == "U":
        assert rule.action == "uid", "a UID is replaced by another, the same for all that referred to it"
    if action in ("Z", "D", "Z/D"):
        assert rule.action in ("empty", "patient"), (
            "what must be there is there without a value, or as a pseudonym"
        )


@pytest.mark.parametrize("names", choices(), ids=lambda names: "+".join(names) or "none")
def test_an_option_of_the_standard_is_needed_for_nothing_else(names: tuple[str, ...]) -> None:
    kept = {rule.keyword for rule, _ in protected(profile().under(names)) if rule.action not in MADE_ANEW}
    wanted = {"PatientSex", "PatientAge"} if "no-characteristics" not in names else set()
    wanted |= {"StudyDate"} if "no-dates" not in names else set()
    wanted |= {"StudyDescription", "SeriesDescription", "ProtocolName"} if "descriptors" in names else set()
    assert kept == wanted


#: What must be in a document with a value although the table would have it go: a day or time that means nothing.
MUST_HAVE_A_VALUE = {"ContentDate", "ContentTime", "PresentationCreationDate", "PresentationCreationTime"}
#: Where the standard wants nothing, or something else, and an option of it lets it be cleaned: made anew, item by item.
CLEANED_BY_ITEM = {"ContentSequence": "113104", "GraphicAnnotationSequence": "113103"}


@pytest.mark.parametrize("kind", profile().kinds, ids=lambda kind: kind.name)
def test_a_document_holds_of_what_the_table_protects_only_what_pictures_hold_and_what_it_must(
    kind: Kind,
) -> None:
    """The two options for documents against the same table: E.3.3 and E.3.4 let one sequence each be cleaned."""
    current = profile().under(OF_DOCUMENTS).of(kind.name)
    own = {rule.keyword for rule in kind.rules}
    assert {rule for rule in current.rules if rule.keyword not in own} <= set(profile().rules)
    for rule, action in protected(current):
        if rule.keyword not in own:
            continue
        tag = tag_for_keyword(rule.keyword)
        assert tag is not None
        if rule.keyword in CLEANED_BY_ITEM:
            assert rule.code == kind.code == CLEANED_BY_ITEM[rule.keyword]
            assert options_of_the_table()[int(tag)] == {kind.code: "C"}
        elif rule.keyword in MUST_HAVE_A_VALUE:
            assert rule.action == "made" and not rule.code
        else:
            assert rule.action in ("empty", "made", "constant") and not rule.code, f"the table says {action}"
    codes = {rule.code for rule in current.rules if rule.code}
    assert codes == {"113107", "113108", kind.code}, "no option of the standard is needed for anything else"


@pytest.mark.parametrize("kind", profile().kinds, ids=lambda kind: kind.name)
def test_what_names_or_attests_in_documents_has_no_rule_or_an_empty_one(kind: Kind) -> None:
    rules = {rule.keyword: rule for rule in profile().under(OF_DOCUMENTS).of(kind.name).rules}
    for keyword in (
        "VerifyingObserverSequence", "AuthorObserverSequence", "ParticipantSequence", "CustodialOrganizationSequence",
        "PredecessorDocumentsSequence", "IdenticalDocumentsSequence", "PertinentOtherEvidenceSequence",
        "ReferencedRequestSequence", "ContentCreatorIdentificationCodeSequence", "ObservationDateTime",
        "GraphicLayerDescription", "OverlayData", "BitmapDisplayShutterSequence", "PersonName", "UID", "TextValue",
    ):  # fmt: skip
        assert keyword not in rules
    for keyword in ("ContentCreatorName", "ContentDescription", "ReferencedPerformedProcedureStepSequence"):
        assert keyword not in rules or rules[keyword].action == "empty"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'option = "graphics"', b'option = "drawings"'),
        (b'option = "graphics"', b'option = "device"'),
        (b'code   = "113103"\nshared', b'code   = "113102"\nshared'),
        (b'"StudyInstanceUID", "StudyDate", "StudyTime",\n', b'"StudyInstanceUID", "PatientAddress",\n'),
        (b'keyword = "ContentLabel"', b'keyword = "PatientName"'),
        (b'keyword = "ContentLabel"\n', b'keyword = "ContentLabel"\noption = "device"\n'),
        (
            b'keyword = "ContentCreatorName"\naction  = "empty"',
            b'keyword = "ContentCreatorName"\naction  = "made"',
        ),
    ],
)
def test_rules_for_documents_that_are_not_fully_understood_stop_everything(old: bytes, new: bytes) -> None:
    good = profile_module._text()
    assert old in good
    with pytest.raises(profile_module.ProfileError):
        profile_module.parse(good.replace(old, new, 1))


def test_no_option_keeps_what_only_full_dates_device_uids_or_institution_would_allow() -> None:
    never = {"113106", "113109", "113110", "113112"}
    assert not never & set(CODES)
    assert not never & {rule.code for rule in (*profile().rules, *profile().optional)}


def test_private_attributes_leave_only_as_numbers_that_the_standard_thinks_safe() -> None:
    """PS3.15 E.3.10; its Table E.3.10-1 knows one maker's ultrasound, and its notes call numbers the safe ones."""
    assert profile().private == ()
    for rule in profile().optional_private:
        assert rule.code == "113111" and rule.option == "safe-private"
        assert rule.attribute.creator == "SIEMENS Ultrasound SC2000" and rule.attribute.group % 2
        assert rule.attribute.vr in ("US", "SS", "UL", "SL", "FL", "FD", "IS", "DS")
        assert rule.low < rule.high < 10_000 and rule.low > -10_000, "no room for a date or a record number"


def test_what_stands_inside_sequences_is_not_protected_by_the_table() -> None:
    actions = table()
    for keyword in (*headers.REGION_KEYWORDS, *headers.CODE_KEYWORDS):
        tag = tag_for_keyword(keyword)
        assert tag is not None and int(tag) not in actions, keyword


@pytest.mark.parametrize("names", choices(), ids=lambda names: "+".join(names) or "none")
def test_an_attribute_that_the_table_has_and_the_profile_has_not_cannot_be_written(
    names: tuple[str, ...],
) -> None:
    """The profile is an allow-list, so new rows of the table need no new rule: none of them is in it."""
    current = profile().under(names)
    there = {int(tag) for rule in current.rules if (tag := tag_for_keyword(rule.keyword)) is not None}
    assert len(set(table()) - there) == len(table()) - len(protected(current))
