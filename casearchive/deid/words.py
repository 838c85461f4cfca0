"""Looks through the words of a case for the identities known for it, and for what looks like an identity."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from casearchive.deid.needles import LONG, Needle, build, fold, fold_with_places, ordinary_words, squeeze
from casearchive.model import Case, Identifier
from casearchive.terms import packaged
from casearchive.terms.slips import ordinary
from casearchive.terms.spelling import distance

_NAMES = {"findings": "finding", "measurements": "measurement", "priors": "prior", "tests": "test"}
_NOT_WORDS = {"media.sha256", "consent.until", "consent.scope"}
_GUESSED = "write it without; if it is nobody's name, add it to terms.toml"
_LETTERS = re.compile(r"[^\W\d_]+")
_TITLES = {"slug", "title", "quiz_title", "set.name", "set.title"}  # names in these may be written small


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

    The author's own name, affiliation and contact are not searched for patterns nor for mistyped names. What is not
    known and has no pattern (a first name in running text) cannot be found here.
    """
    needles = build(identifiers)
    found: list[WordHit] = []
    for field, text in texts(case):
        plain = re.sub(r"\[\d+\]", "", field)
        if plain in _NOT_WORDS:
            continue
        if plain.startswith("author."):
            found += _known(field, text, needles)
        else:
            found += hits(field, text, needles, references=plain == "story.references")
        if plain == "patient.age" and _over_89(text):
            found.append(WordHit(field, 0, "an age over 89", _CAPPED, False))
    return tuple(dict.fromkeys(found))


def hits(
    field: str, text: str, needles: Collection[Needle], *, references: bool = False
) -> tuple[WordHit, ...]:
    """What in one text is a known identity, reads or looks like one; ``references`` may hold dates and names of
    authors."""
    mistyped = () if references else _mistyped(field, text, needles)
    return (*_known(field, text, needles), *mistyped, *_patterns(field, text, references=references))


def _known(field: str, text: str, needles: Collection[Needle]) -> Iterator[WordHit]:
    hint = "an identity known from the files: write it without"
    sure, guessed = [n for n in needles if not n.guessed], [n for n in needles if n.guessed]
    yield from (WordHit(field, offset, keyword, hint, True) for keyword, offset in find(text, sure))
    hint = f"a word of it that nothing explains: {_GUESSED}"
    found = find(text, guessed) if guessed else ()
    yield from (WordHit(field, offset, keyword, hint, True) for keyword, offset in found)


def _mistyped(field: str, text: str, needles: Collection[Needle]) -> Iterator[WordHit]:
    """Words that are a known name but for one letter (missing, too many, another, or two swapped), if they are written
    as names are and are no ordinary word."""
    names = {n.forms[0]: n.keyword for n in needles if n.name and len(n.forms[0]) >= LONG}
    for match in _LETTERS.finditer(text) if names else ():
        if len(match.group()) < LONG - 1 or not (
            match.group()[0].isupper() or (field in _TITLES and text.islower())
        ):
            continue
        word = fold(match.group())
        near = next((name for name in names if distance(word, name, 1) == 1), None)
        if near and not (word == f"{near}s" or word in names or _ordinary(word)):
            hint = "reads like an identity known from the files: write it without, or in other words"
            yield WordHit(field, match.start(), names[near], hint, True)


def _ordinary(word: str) -> bool:
    # the program's own words alone: one of a clinic's may be a name
    return word in ordinary_words() or ordinary(word, packaged())


def _over_89(text: str) -> bool:
    """``093Y``, ``93``, ``1116 M``: an age as a record has it; ``>89 Y`` is none."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*([dwmy]?)[a-z]*\.?\s*", text.casefold())
    if match is None:
        return False
    years = int(match[1]) / {"d": 365, "w": 52, "m": 12}.get(match[2], 1)
    return years >= 90


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
            start = places[match.start()]
            if needle.capitals and not text[start : places[match.end() - 1] + 1].isupper():
                continue
            if not needle.alone or _written_as_a_name(text, start):
                yield needle.keyword, start
                break


#: What follows the name of a person, not that of a thing: "Young: …", "Rose complained", "Long was seen".
_OF_A_PERSON = re.compile(
    r"\s*:|\s*,\s*(?:aged?|an?|born|\d)|\s+(?:was|is|had|has|felt|complain\w*|came|says|said|report\w*|den(?:ies|ied)|"
    r"present\w*|under(?:goes|went)|tripped|fell|play\w*|ran|works?|worked|twisted|slipped|noticed|heard|describ\w*|"
    r"return\w*|recover\w*|stopp\w*|could|can|cannot|did|does|wants?|takes?|took|went|walk\w*|develop\w*)\b"
)
#: After an eponym: Baker's cyst.
_OF_A_THING = re.compile(
    r"['’]s\s+(?:\w+\s+)?(?:cyst|sign|test|disease|syndrome|neuroma|fracture|ligament|nodule|node|tubercle|canal|space|"
    r"line|triangle|pouch|thyroiditis|contracture|lesion|deformity|palsy|manoeuvre|maneuver|view|method|"
    r"classification|grade|score|law|effect|tenosynovitis|tendon|injury|fascia|foramen|angle|point|approach|technique)"
)


def _written_as_a_name(text: str, offset: int) -> bool:
    """An everyday word counts when it has a capital letter in the middle of a sentence, or where one speaks of a
    person, and is no eponym."""
    word = re.match(r"[^\W_]+", text[offset:])
    if word is None or not word.group()[0].isupper():
        return False
    after = text[offset + len(word.group()) :]
    if re.match(r"['’]s\b", after):
        return _OF_A_THING.match(after) is None
    if _OF_A_PERSON.match(after):
        return True
    if word.group().isupper():
        return False
    before = text[:offset].rstrip(" \t'\"([")
    return bool(before) and before[-1] not in ".!?:;\n-" and not text[:offset].endswith("\n")


# --------------------------------------------------------------------------------------------------- patterns

_MONTH = (
    r"(?:Jan(?:uary|uar|vier)?|Feb(?:ruary|ruar)?|F[ée]vr?(?:ier)?|Mar(?:ch|s|zo)?|M[äa]e?rz|M[äa]rz|Apr(?:il)?|Avr(?:il)?|"
    r"May|Mai|June?|Juni|Juin|July?|Juli|Juillet|Aug(?:ust)?|Ao[uû]t|Sept?(?:ember|embre)?|Oct(?:ober|obre)?|Okt(?:ober)?|"
    r"Nov(?:ember|embre)?|Dec(?:ember)?|D[ée]c(?:embre)?|Dez(?:ember)?|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|"
    r"janvier|f[ée]vrier|mars|avril|mai|juin|juillet|ao[uû]t|septembre|octobre|novembre|d[ée]cembre)\.?"
)
_CAPITAL = "[A-ZÀ-ÖØ-ÞĀ-ſΑ-ΩА-Я]"
_CAPPED = "write “over 89”, in patient.age “>89 Y”"
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
    ("a date", _INTERVAL, re.compile(rf"\b{_YEAR}([-./])\d\d?\1\d\d?\b(?![./]\d)"), True),
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
            rf"\b(?:{_DAY}(?:st|nd|rd|th)?\.?[\s-]+(?:of\s+)?{_MONTH}(?!\w)|{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?(?![\w-]))"
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
            r"|\b(?:[Tt]el|[Pp]hone|[Ff]ax|[Mm]obile|[Tt]elefon|[Hh]andy)\b\.?:?\s*\+?\d[\d /().-]{4,}\d"
        ),
        False,
    ),
    ("a long number, like a record number", "leave it out", re.compile(r"(?<![\d.,])\d{6,}(?![\d])"), True),
    (
        "a record number",
        "leave it out",
        re.compile(
            r"\b(?:MRN|PID|NHS|SSN|KVNR|patient\s+(?:id|no\.?|number)|accession(?:\s+(?:no\.?|number))?"
            r"|(?:record|hospital|file|chart|case)\s+(?:id|no\.?|number)|(?:fall|patienten|akten|pat\.?)-?(?:nr|nummer)\.?)"
            r"\s*[:#]?\s*[A-Z]*-?\d{3,}",
            re.I,
        ),
        True,
    ),
    (
        "a person's title and name",
        "write the role: the surgeon, the referring doctor",
        re.compile(
            r"\b(?:(?:Dr|DR|Prof|PROF|Mr|Mrs|MRS|Ms|Miss|Herr|Frau|Mme|Doctor|Professor)\b(?:\.\s*|\s+))"
            rf"(?:(?:med|Dr)\.?\s*)*(?:(?:de|van|von|der|den|di|da|del|al|el|la|le|ter)\s+)*{_CAPITAL}[\w'’-]+"
        ),
        False,
    ),
    (
        "an age over 89",
        _CAPPED,
        re.compile(
            r"\b0?(?:9\d|1[0-4]\d)[\s-]*(?:y|yo|yrs?|years?|jahre?|jährige?r?|ans|años|anni)\b(?:[\s-]*old)?"
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
