"""What to look for: each known identity turned into the ways it may be written."""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from casearchive.deid.freetext import FILE_NAMES, is_free, unexplained
from casearchive.model import Identifier
from casearchive.terms import Lexicon, lexicon

SHORTEST_WORD = 3  # letters of a name's component
SHORTEST_NUMBER = 4  # characters of a record number
LONG = 6  # from here on a text is looked for in any bytes whatever

#: Values that scanners and de-identifiers write where nobody is named. They identify nobody.
GENERIC = frozenset(
    [
        *(
            "anon",
            "anonymous",
            "anonymized",
            "anonymised",
            "de-identified",
            "deidentified",
            "removed",
            "redacted",
        ),
        *(
            "f",
            "female",
            "m",
            "male",
            "o",
            "other",
            "y",
            "yes",
            "n",
            "no",
            "none",
            "n/a",
            "na",
            "nil",
            "null",
        ),
        *(
            "empty",
            "noname",
            "patient",
            "phantom",
            "test",
            "tbd",
            "undefined",
            "unknown",
            "unnamed",
            "xxx",
            "xxxx",
        ),
    ]
)
_PERSON = re.compile(
    r"(?:^PatientName$|PatientNames$|BirthName$|PersonName|Physician|Operators|Observer|Reviewer|ContentCreator|ResponsiblePerson"
    r"|AuthorName|Interpreter|Recorder|Transcriber|Investigator|EvaluatorName|HumanPerformer|OrderEnteredBy)"
)
_ABOUT_A_PERSON = ("Address", "TelephoneNumbers", "TelecomInformation")
_PLACE = re.compile(
    r"(?:Institution|Organization|Department|Address|Residence|Station|Location|Service|Country|Region)"
)
_UID = re.compile(r"[0-2](?:\.\d+){3,}\Z")
_NOT_LETTER = r"(?<![^\W_])"
_END = r"(?![^\W_])"


@dataclass(frozen=True, slots=True)
class Needle:
    """One way one identity may be written.

    ``probe`` is folded and holds letters and digits only; ``pattern`` finds the place in folded text.
    ``alone`` is True for an everyday word, which counts only where it is written like a name. ``whole`` is
    True for what is too short to look for inside other text: it is compared with whole values and whole file
    names only. ``capitals``: it counts only where it is written in capitals. ``forms`` are folded spellings to look for
    in bytes that are not text. ``name``: it is one word of a person's name, which may have been mistyped;
    ``guessed``: it may be one, as nothing else explains it.
    """

    keyword: str
    probe: str
    pattern: re.Pattern[str]
    alone: bool = False
    whole: bool = False
    forms: tuple[str, ...] = ()
    weak: bool = False
    capitals: bool = False
    name: bool = False
    guessed: bool = False


@lru_cache(maxsize=1)
def ordinary_words() -> frozenset[str]:
    """Everyday words of cases, pages and pictures, folded."""
    text = resources.files(__package__).joinpath("ordinary.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


#: Letters that are one sign and no accent on another, as they are written without it.
_PLAIN = str.maketrans({
    "ø": "o", "œ": "oe", "æ": "ae", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n",
})  # fmt: skip


def fold(text: str) -> str:
    """Lower case, without accents and without signs that are not seen; may be longer or shorter than ``text``."""
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in spread if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", plain.translate(_PLAIN))  # Hangul is put together again


def fold_with_places(text: str) -> tuple[str, list[int] | range]:
    """``fold`` and, for each character of it, the offset in ``text`` it comes from."""
    if text.isascii():
        return text.lower(), range(len(text))
    folded: list[str] = []
    places: list[int] = []
    for offset, character in enumerate(text):
        for part in fold(character):
            folded.append(part)
            places.append(offset)
    return "".join(folded), places


def squeeze(folded: str) -> str:
    """Letters and digits only, for a quick first look."""
    return re.sub(r"[\W_]+", "", folded)


def is_generic(value: str) -> bool:
    """True for values that name nobody: empty, ``ANONYMOUS``, one sign repeated, no letter or digit at
    all."""
    plain = fold(value).strip(" ^._-")
    return not plain or plain in GENERIC or len(set(squeeze(plain))) <= 1


def build(identifiers: Collection[Identifier], allowed_words: Collection[str] = ()) -> tuple[Needle, ...]:
    """All needles for ``identifiers``, without doubles; ``allowed_words`` are never looked for alone.

    Generic values are left out. Nothing is dropped for being short: it becomes a ``whole`` needle.
    """
    return _built(frozenset(identifiers), frozenset(allowed_words), lexicon())


@lru_cache(maxsize=8)  # of a set the same identities are looked for in every case and clip
def _built(
    identifiers: frozenset[Identifier], allowed_words: frozenset[str], terms: Lexicon
) -> tuple[Needle, ...]:
    allowed = ordinary_words() | {fold(word) for word in allowed_words}
    found: dict[tuple[str, str, bool], Needle] = {}
    every = set(identifiers)
    every |= {Identifier(i.keyword, right) for i in every if (right := _as_utf8(i.value))}
    for identifier in sorted(
        every, key=lambda i: (is_free(i), i.keyword, i.value)
    ):  # what is sure comes first
        if is_generic(identifier.value):
            continue
        for needle in _free(identifier, allowed, terms) if is_free(identifier) else _of(identifier, allowed):
            found.setdefault((needle.probe, needle.pattern.pattern, needle.whole), needle)
    return tuple(found.values())


def _as_utf8(value: str) -> str:
    """What was meant where a file holds UTF-8 and does not say so (KrÃ¼ger); empty for anything else."""
    for read_as in ("latin-1", "cp1252"):
        try:
            right = value.encode(read_as).decode("utf-8")
        except UnicodeError:
            continue
        if right != value:
            return right
    return ""


def _of(identifier: Identifier, allowed: Collection[str]) -> Iterator[Needle]:
    keyword, value = identifier.keyword, " ".join(identifier.value.split())
    if _UID.match(value):
        yield _literal(keyword, value, r"(?<![\d.])", r"(?!\.?\d)")
    elif _is_date(keyword, value):
        yield from _date(keyword, value)
    elif _PERSON.search(keyword) and not keyword.endswith(_ABOUT_A_PERSON):
        yield from _person(keyword, value, allowed)
    elif _PLACE.search(keyword) and any(c.isalpha() for c in value):
        yield from _place(keyword, value, allowed)
    elif len(_tokens(value)) > 1 and sum(c.isalpha() for c in value) > len(value) / 2:
        yield from _phrase(keyword, value, allowed)
    elif keyword not in ("Occupation", "MilitaryRank"):  # one word of these is no identity
        yield from _number(keyword, value, allowed)


def _free(identifier: Identifier, allowed: Collection[str], terms: Lexicon) -> Iterator[Needle]:
    """The words of a description or a file's name that nothing explains: one that is written small there counts only
    where it is written as a name."""
    keyword, value = identifier.keyword, " ".join(identifier.value.split())
    if keyword.casefold() in FILE_NAMES:
        yield from _file_name(keyword, value)
        value = value.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    for word in unexplained(value, terms):
        for spelled in _component_spellings(word):
            if spelled not in allowed and not is_generic(spelled):
                needle = _word(keyword, spelled, allowed)
                yield dataclasses.replace(needle, alone=word.islower(), guessed=True)


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", fold(text))


def _place(keyword: str, value: str, allowed: Collection[str]) -> Iterator[Needle]:
    """A place as it is written, without what every place is called ("Hospital"), by its words and its capitals."""
    yield from _phrase(keyword, value, allowed)
    own = tuple(t for t in _tokens(value) if t not in allowed)
    if len(own) > 1 and len(own) < len(_tokens(value)):
        yield _joined(keyword, own, r"[\W_]{1,3}")
    for token in own:
        if len(token) >= 4 and token.isalpha():
            needle = _word(keyword, token, allowed)
            yield needle if len(token) > 4 else dataclasses.replace(needle, alone=True)
    for letters in re.findall(r"\b[A-Z]{3,}\b", value):
        if fold(letters) not in allowed:
            yield dataclasses.replace(_word(keyword, fold(letters), allowed), capitals=True, forms=())


def _spellings(folded: str) -> set[str]:
    """A folded word and how it looks when umlauts are written out, or written back."""
    back = folded.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("dj", "d")
    return {folded, back} if len(back) >= SHORTEST_WORD else {folded}


def _written_out(text: str) -> str:
    table = str.maketrans(
        {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "ß": "ss", "đ": "dj"}
    )
    return unicodedata.normalize("NFC", text).casefold().translate(table)


def _component_spellings(component: str) -> list[str]:
    every = _spellings(fold(component)) | {fold(_written_out(component))}
    return sorted(squeeze(one) for one in every if squeeze(one))


def _person(keyword: str, value: str, allowed: Collection[str]) -> Iterator[Needle]:
    """Each component of three letters or more (two in scripts without letters' case), and pairs in any
    order."""
    for group in value.split("="):
        parts = [p for p in re.split(r"[\^,;\s]+", group) if any(c.isalnum() for c in p)]
        split = [q for p in parts for q in re.split(r"[-'’.]+", p) if q]
        components = list(dict.fromkeys([*parts, *split]))
        titles = {
            "dr",
            "md",
            "prof",
            "mr",
            "mrs",
            "ms",
            "jr",
            "sr",
            "phd",
            "msc",
            "von",
            "van",
            "der",
            "den",
            "del",
            "med",
        }
        for component in components:
            if fold(component).strip(".") in titles:
                continue
            for spelled in _component_spellings(component):
                if len(spelled) >= _shortest(spelled):
                    yield dataclasses.replace(_word(keyword, spelled, allowed), name=True)
        for first, second in itertools.permutations(
            [p for p in parts if fold(p).strip(".") not in titles][:4], 2
        ):
            for a, b in itertools.product(_component_spellings(first), _component_spellings(second)):
                dense = _dense(a) and _dense(b)  # two signs are a whole name there
                if dense or (len(a) + len(b) >= SHORTEST_WORD and min(len(a), len(b)) > 1):
                    yield from _pair(keyword, a, b)
    if not any(len(t) >= SHORTEST_WORD for t in _tokens(value)):
        yield _whole(keyword, value)


def _pair(keyword: str, first: str, second: str) -> Iterator[Needle]:
    """Two components one after the other. Two everyday words ("long head") must be written like a name."""
    if not {first, second} <= ordinary_words():
        yield _joined(keyword, (first, second), r"[\W_]{0,3}")
        return
    strict = _joined(keyword, (first, second), r"\s?[\^,_=]\s?")
    yield dataclasses.replace(strict, forms=tuple(f"{first}{sign}{second}" for sign in ("^", ",", ", ", "_")))
    yield dataclasses.replace(_joined(keyword, (first, second), r"[\W_]{1,3}"), alone=True, forms=())


def _dense(text: str) -> bool:
    """Whether it is of a script that puts no space between words: Chinese, Japanese, Korean."""
    return bool(text) and ord(text[0]) >= 0x2E80


def _shortest(component: str) -> int:
    return 2 if _dense(component) else SHORTEST_WORD


def _word(keyword: str, folded: str, allowed: Collection[str]) -> Needle:
    if _dense(folded):
        return Needle(keyword, folded, re.compile(re.escape(folded)), forms=(folded,))
    probe, body = _inflected(folded)
    pattern = re.compile(_NOT_LETTER + body + _END)
    return Needle(keyword, probe, pattern, alone=folded in allowed, forms=(folded,))


def _inflected(folded: str) -> tuple[str, str]:
    """A name as sentences bend it: what of it always stands there, and a pattern. Mullers, Ивановой, Παπαδοπουλου."""
    if len(folded) < 5:
        return folded, re.escape(folded)
    if "а" <= folded[0] <= "я":
        return folded[:-1], re.escape(folded[:-1]) + "[а-я]{0,3}"
    if "α" <= folded[0] <= "ω":
        return folded[:-2], re.escape(folded[:-2]) + "[α-ω]{0,4}"
    if "\u0621" <= folded[0] <= "\u064a":
        return folded, "(?:[وفبلك]|ال){0,2}" + re.escape(folded)
    return folded, re.escape(folded) + "s?"


def _joined(keyword: str, tokens: tuple[str, ...], between: str) -> Needle:
    body = between.join(re.escape(t) for t in tokens)
    forms = tuple(between.join(tokens) for between in ("^", " ", ", ", ",", "_", "-", ".", ""))
    if not all(map(_dense, tokens)):
        body = _NOT_LETTER + body + _END
    return Needle(keyword, "".join(tokens), re.compile(body), forms=forms)


def _phrase(keyword: str, value: str, allowed: Collection[str]) -> Iterator[Needle]:
    tokens = tuple(_tokens(value))
    if len(tokens) == 1:
        yield from _number(keyword, value, allowed)
    elif sum(map(len, tokens)) >= SHORTEST_NUMBER:
        yield _joined(keyword, tokens, r"[\W_]{1,3}")
    else:
        yield _whole(keyword, value)


def _number(keyword: str, value: str, allowed: Collection[str]) -> Iterator[Needle]:
    """A record number or one word: at least four characters, separators optional from six on."""
    plain = squeeze(fold(value))
    if len(plain) < SHORTEST_NUMBER:
        yield _whole(keyword, value)
    elif plain.isalpha():
        yield _word(keyword, plain, allowed)
    elif len(plain) < LONG:
        needle = _joined(keyword, tuple(_tokens(value)), r"[\W_]{1,2}")
        digits = re.compile(r"(?<![^\W_])(?<!\d[.,])" + re.escape(plain) + r"(?![^\W_]|[.,]\d)")
        yield dataclasses.replace(needle, pattern=digits, weak=True) if plain.isdigit() else needle
    else:
        body = r"[-\s./_‐‑–—]{0,2}".join(re.escape(c) for c in plain)
        forms = tuple(dict.fromkeys((plain, fold(value))))
        yield Needle(keyword, plain, re.compile(_NOT_LETTER + body + _END), forms=forms)
        bare = plain.lstrip("0")
        if bare != plain and len(bare) >= LONG:
            yield Needle(keyword, bare, re.compile(_NOT_LETTER + re.escape(bare) + _END), forms=(bare,))


def _literal(keyword: str, value: str, before: str, after: str) -> Needle:
    folded = fold(value)
    return Needle(keyword, squeeze(folded), re.compile(before + re.escape(folded) + after), forms=(folded,))


def _whole(keyword: str, value: str) -> Needle:
    folded = fold(value).strip()
    return Needle(keyword, folded, re.compile(re.escape(folded)), whole=True)


def _file_name(keyword: str, value: str) -> Iterator[Needle]:
    """The name as it is written, when it says something; its stem, when that has a number like a record's.

    ``M10.dcm`` or ``clip.mp4`` says nothing, and may be the neutral name of what leaves.
    """
    name = value.replace("\\", "/").rsplit("/", 1)[-1]
    stem = name.rsplit(".", 1)[0] if "." in name else name
    numbered = re.search(r"\d{5}", stem) is not None
    if numbered or sum(len(t) >= SHORTEST_WORD and t.isalpha() for t in _tokens(stem)) >= 2:
        yield _literal(keyword, name, _NOT_LETTER, _END)
    if numbered:
        yield _literal(keyword, stem, _NOT_LETTER, _END)


# ------------------------------------------------------------------------------------------------------ dates


def _is_date(keyword: str, value: str) -> bool:
    return "Date" in keyword and _ymd(value) is not None


def _ymd(value: str) -> tuple[int, int, int] | None:
    match = re.match(r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})", value)
    if not match:
        return None
    year, month, day = (int(g) for g in match.groups())
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 and year >= 1850 else None


#: The beginnings of the months' names, folded: English, German, French, Spanish, Italian, Dutch, Portuguese.
MONTHS = (
    ("jan", "ene", "gen"), ("feb", "fev", "fevr"), ("mar", "mrt", "maart", "marz"), ("apr", "avr", "abr"),
    ("may", "mai", "mei", "mag", "maio", "mayo"), ("jun", "juin", "giu"), ("jul", "juil", "lug"),
    ("aug", "aout", "ago"), ("sep", "set"), ("oct", "okt", "ott", "out"), ("nov",), ("dec", "dez", "dic"),
)  # fmt: skip
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


def _date(keyword: str, value: str) -> Iterator[Needle]:
    """A date in the spellings of Europe, America, East Asia and computers."""
    ymd = _ymd(value)
    if ymd is None:
        return
    year, month, day = ymd
    sep = r"[-./\s‐‑–—]{1,3}"
    m, d, y = f"0?{month}", f"0?{day}", str(year)
    short, probe = f"(?:{y}|{year % 100:02d})", f"{year % 100:02d}"
    name = f"(?:{'|'.join(MONTHS[month - 1])})[a-z]*\\.?"
    first = f"(?:0?{day})(?:st|nd|rd|th)?\\.?"
    loose = r"[-./\s,‐‑–—]{0,3}"
    for body in (
        f"{y}{month:02d}{day:02d}",
        f"{y}{sep}{m}{sep}{d}",
        f"{d}{sep}{m}{sep}{short}",
        f"{m}{sep}{d}{sep}{short}",
        f"{day:02d}{month:02d}{y}",
        f"{first}{loose}(?:of\\s+|de\\s+)?{name}{loose}(?:de\\s+)?'?{short}",
        f"{name}{loose}{first}{loose}'?{short}",
        f"{d}{sep}{_ROMAN[month - 1]}{sep}{short}",
        f"{y}\\s?[年년]\\s?{m}\\s?[月월]\\s?{d}",
    ):
        yield Needle(keyword, probe, re.compile(r"(?<![0-9a-z])" + body + r"(?![0-9a-z])"))
