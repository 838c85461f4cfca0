"""Cutting what a person typed into words, phrases, fields, brackets and operators, with their places.

Apostrophes are letters here (Murphy's sign), a quotation mark opens a phrase only where a word could begin,
and every character of the input keeps its offset, so that an error can point at it.
"""

from __future__ import annotations

import re
import unicodedata

from casearchive.errors import QueryError
from casearchive.frozen import dataclass
from casearchive.query.fields import ALIASES, FIELDS, scale
from casearchive.terms import lexicon

MAX_CHARACTERS = 20_000

#: Characters that open and close a phrase; typographic ones are what word processors make of ".
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "”": "”"}
_DASHES = "‐‑‒–—−"
_FIELD = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.@-]*?)(?P<op>:(?:>=|<=|==|>|<|=|≥|≤)?|>=|<=|==|>|<|=|≥|≤)")

_COMPARED = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.]*)\s+(?P<op>>=|<=|>|<|≥|≤)\s*(?=\d)")

_SIGNS = {"≥": ">=", "≤": "<="}


@dataclass(frozen=True)
class Piece:
    """``kind`` is word, phrase, field, open, close, or, and, not. ``start``/``end`` are 0-based offsets.

    Of a field, ``text`` is its name, ``op`` the comparison ("" after a bare colon) and ``value`` what
    follows; ``quoted`` tells a quoted value from a bare one.
    """

    kind: str
    text: str
    start: int
    end: int
    op: str = ""
    value: str = ""
    quoted: bool = False


def clean(text: str) -> str:
    """The same number of characters, without control and format characters, dashes and signs made plain."""
    return "".join(_plain(c) for c in text)


def _plain(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else " "
    if character in _DASHES:
        return "-"
    if character in "≥≤":
        return character
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"):
        return " "
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def cut(text: str) -> tuple[Piece, ...]:
    """The pieces of a question, left to right.

    Raises:
        QueryError: a phrase without its closing quotation mark, or a question that is too long.
    """
    if len(text) > MAX_CHARACTERS:
        raise QueryError(
            f"the question has {len(text)} characters; at most {MAX_CHARACTERS} are read",
            hint="Ask for less at once.",
        )
    plain = clean(text)
    pieces: list[Piece] = []
    at = 0
    while at < len(plain):
        if plain[at].isspace():
            at += 1
            continue
        piece = _piece(plain, at)
        at = piece.end
        if piece.text or piece.kind == "phrase":
            pieces.append(piece)
    return tuple(pieces)


def _piece(text: str, at: int) -> Piece:
    character = text[at]
    if character == "(":
        return Piece("open", "(", at, at + 1)
    if character == ")":
        return Piece("close", ")", at, at + 1)
    if character in _QUOTES:
        end = _closing(text, at)
        return Piece("phrase", text[at + 1 : end], at, end + 1)
    if character == "|":
        return Piece("or", "|", at, at + 1)
    if character == "&":
        return Piece("and", "&", at, at + 1)
    if character == "-":
        end = at
        while end < len(text) and text[end] == "-":
            end += 1
        # A dash by itself is punctuation; before a word it means "not".
        alone = end >= len(text) or text[end].isspace() or text[end] == ")"
        if alone and text[end:].strip(" )") and not text[:at].strip(" ("):
            raise QueryError(
                "a dash stands apart from the word it may leave out",
                query=text,
                position=at,
                hint="Write -tear to leave out tears; else leave the dash out.",
            )
        return Piece("not", "" if alone else "-", at, end)
    if character == "!" and re.match(r"!+[\w(\"“]", text[at:]):
        return Piece("not", "!", at, at + len(text[at:]) - len(text[at:].lstrip("!")))
    match = _FIELD.match(text, at) or _apart(text, at)
    if match is not None:
        return _field(text, match)
    end = _word_end(text, at)
    word = text[at:end]
    # "not" is said in small letters too, and dropping it would answer the opposite; "or" and "and" are mere words then
    operator = "not" if word.lower() == "not" else {"OR": "or", "AND": "and"}.get(word)
    if operator == "not" and word != "NOT" and not text[end:].strip(" )"):
        operator = "word"  # "… but not": nothing follows that could be left out
    return Piece(operator or "word", word, at, end)


def _apart(text: str, at: int) -> re.Match[str] | None:
    """``frames > 20``: a field that stands apart from its comparison, where there is a field of that name."""
    match = _COMPARED.match(text, at)
    if match is None:
        return None
    named = match["name"].lower()
    return match if named in FIELDS or named in ALIASES or scale(named, lexicon()) is not None else None


def _field(text: str, match: re.Match[str]) -> Piece:
    name, op, at = match["name"], match["op"].lstrip(":"), match.end()
    op = _SIGNS.get(op, op)
    if at < len(text) and text[at] in _QUOTES:
        end = _closing(text, at)
        return Piece("field", name, match.start(), end + 1, op, text[at + 1 : end], True)
    end = _word_end(text, at)
    return Piece("field", name, match.start(), end, op, text[at:end])


def _word_end(text: str, at: int) -> int:
    while at < len(text) and not text[at].isspace() and text[at] not in "()":
        at += 1
    return at


def _closing(text: str, at: int) -> int:
    closers = _QUOTES[text[at]] + '"'
    for end in range(at + 1, len(text)):
        if text[end] in closers:
            return end
    raise QueryError(
        "a quotation mark is never closed",
        query=text,
        position=at,
        hint='Close the phrase with ", or leave the mark out.',
    )
