"""Looks through the words of a case for the identities known for it, and for what looks like an identity."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from casearchive.deid.needles import Needle, build, fold_with_places, squeeze
from casearchive.model import Case, Identifier

_NAMES = {"findings": "finding", "measurements": "measurement", "priors": "prior", "tests": "test"}
_NOT_WORDS = {"media.sha256", "consent.until", "consent.scope"}


@dataclass(frozen=True, slots=True)
class WordHit:
    """A place to change: dotted field (items count from 1), character offset from 0. Never the text itself.

    ``what`` is a DICOM keyword of a known identity, or the kind of pattern; ``hint`` says how to rewrite.
    """

    field: str
    offset: int
    what: str
    hint: str
    known: bool

    def __str__(self) -> str:
        return f"{self.field}, character {self.offset + 1}: {self.what}; {self.hint}"


def texts(case: Case) -> Iterator[tuple[str, str]]:
    """Every text of a case with its dotted field, in the order of the case file."""
    yield from _texts(case, "")


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if value:
            yield path, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value, start=1):
            yield from _texts(item, f"{path}[{number}]")
    elif dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            name = _NAMES.get(part.name, part.name)
            yield from _texts(getattr(value, part.name), f"{path}.{name}" if path else name)


def search(case: Case, identifiers: Collection[Identifier]) -> tuple[WordHit, ...]:
    """All places of ``case`` that hold a known identity or look like one; empty when none was found.

    The author's own name, affiliation and contact are not searched for patterns. What is not known and has no
    pattern (a first name in running text) cannot be found here.
    """
    needles = build(identifiers)
    hits: list[WordHit] = []
    for field, text in texts(case):
        plain = re.sub(r"\[\d+\]", "", field)
        if plain in _NOT_WORDS:
            continue
        hits += (
            WordHit(field, offset, keyword, "an identity known from the files: write it without", True)
            for keyword, offset in find(text, needles)
        )
        if not plain.startswith("author."):
            hits += _patterns(field, text, references=plain == "story.references")
    return tuple(dict.fromkeys(hits))


def find(text: str, needles: Collection[Needle]) -> Iterator[tuple[str, int]]:
    """(keyword, offset) of every needle that stands in ``text``; short ones only when they are all of it."""
    folded, places = fold_with_places(text)
    packed = squeeze(folded)
    for needle in needles:
        if needle.whole:
            if folded.strip() == needle.probe:
                yield needle.keyword, 0
            continue
        if needle.probe not in packed:
            continue
        for match in needle.pattern.finditer(folded):
            if not needle.alone or _written_as_a_name(text, places[match.start()]):
                yield needle.keyword, places[match.start()]
                break


def _written_as_a_name(text: str, offset: int) -> bool:
    """An everyday word counts when it has a capital letter in the middle of a sentence and is no eponym."""
    word = re.match(r"[^\W_]+", text[offset:])
    if word is None or not word.group()[0].isupper() or word.group().isupper():
        return False
    before = text[:offset].rstrip(" \t'\"([")
    starts = not before or before[-1] in ".!?:;\n-" or text[:offset].endswith("\n")
    eponym = re.match(r"['’]s\b", text[offset + len(word.group()) :])
    return not starts and eponym is None


# --------------------------------------------------------------------------------------------------- patterns

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)\d\d"
_KNOWN_NUMBERS = re.compile(
    r"(?:\bdoi:?\s*|https?://(?:dx\.)?doi\.org/|\b)10\.\d{4,9}/\S+"
    r"|\bPM(?:ID|C)\s*:?\s*\d+|\bISBN[\s:]*[\d\- X]+",
    re.I,
)
_INTERVAL = "write how many days before or after the study"
_RULES: tuple[tuple[str, str, re.Pattern[str], bool], ...] = (
    # (what, how to rewrite, pattern, also in references)
    ("a date", _INTERVAL, re.compile(rf"\b{_YEAR}-\d\d?-\d\d?\b"), True),
    (
        "a date",
        _INTERVAL,
        re.compile(
            rf"(?<![\w./-])(?:{_DAY}([./-])(?:0?[1-9]|1[0-2])\1|(?:0?[1-9]|1[0-2])([/-]){_DAY}\2)(?:{_YEAR}|\d\d)"
            r"(?![\w/-]|\.\d|\s*(?:mm|cm|MHz|kHz|Hz|kPa|m/s|ml|mL|points|°|%))"
        ),
        False,
    ),
    (
        "a date",
        _INTERVAL,
        re.compile(
            rf"\b(?:{_DAY}(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH}(?!\w)|{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?(?![\w-]))"
        ),
        False,
    ),
    ("a month and year", _INTERVAL, re.compile(rf"\b{_MONTH},?\s+(?:of\s+)?{_YEAR}\b"), False),
    ("an e-mail address", "leave it out", re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), True),
    (
        "a telephone number",
        "leave it out",
        re.compile(
            r"(?<![\w.,/-])(?:\+\d[\d ()/.-]{6,}\d|\(?0\d{1,5}\)?[ /-]\d[\d /-]{4,}\d"
            r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?!\w)"
        ),
        False,
    ),
    ("a long number, like a record number", "leave it out", re.compile(r"(?<![\d.,])\d{6,}(?![\d])"), True),
    (
        "a record number",
        "leave it out",
        re.compile(
            r"\b(?:MRN|PID|patient\s+(?:id|no\.?|number)|accession(?:\s+(?:no\.?|number))?)"
            r"\s*[:#]?\s*[A-Z]*-?\d{3,}",
            re.I,
        ),
        True,
    ),
    (
        "a person's title and name",
        "write the role: the surgeon, the referring doctor",
        re.compile(
            r"\b(?:Dr|Prof|Mr|Mrs|Ms|Miss|Herr|Frau|Mme)\b\.?\s+(?:(?:med|Dr)\.?\s+)*[A-ZÀ-Þ][\w'’-]+"
        ),
        False,
    ),
    (
        "an age over 89",
        "write “over 89”, in patient.age “>89 Y”",
        re.compile(
            r"\b(?:9\d|1[0-4]\d)[\s-]*(?:y|yo|yrs?|years?)\b(?:[\s-]*old)?"
            r"|\b(?:aged?|age of)\s*:?\s*(?:9\d|1[0-4]\d)\b",
            re.I,
        ),
        False,
    ),
)


def _patterns(field: str, text: str, *, references: bool) -> Iterator[WordHit]:
    looked = _KNOWN_NUMBERS.sub(lambda match: " " * len(match.group()), text)
    for what, hint, pattern, everywhere in _RULES:
        if references and not everywhere:
            continue
        for match in pattern.finditer(looked):
            yield WordHit(field, match.start(), what, hint, False)
