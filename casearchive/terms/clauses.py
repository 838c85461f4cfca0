"""Where a text's sentences, headings and clauses begin and end. Offsets are 0-based, ends exclusive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

#: A sentence that is longer is read in parts.
LONGEST = 480
#: A full stop after one of these ends no sentence.
_SHORTENED = frozenset((
    "m", "mm", "n", "nn", "v", "vv", "a", "aa", "lig", "approx", "ca", "cf", "e.g", "eg", "i.e", "ie", "vs",
    "dr", "no", "fig", "st", "max", "min", "resp", "incl", "excl", "al", "gr",
))  # fmt: skip
_UNITS = frozenset(("m", "mm", "min"))
#: "Rt. soleus torn": the side of what follows, unless a sentence has led up to it ("tear of the soleus rt. No …").
_SIDES = frozenset(("rt", "lt", "r", "l"))
_LEADS = re.compile(
    r"(?:\A|[.;:,(\n/]|\b(?:the|an?|of|in|on|at|and|or|from|to|no|with|vs|both))\s*\Z", re.IGNORECASE
)
_STOP = re.compile(
    r"[.!?](?=\s|$|[\"'”’)])|;|\n|"
    r",(?=\s{0,2}(?:(?:on )?the )?(?:left|right|rt|lt|r|l)\s?:\s)",
    re.IGNORECASE,
)
#: "? DVT", "sent as ? stress fracture": it asks about the word behind it and ends nothing.
_QUERY_BEFORE = re.compile(r"(?:[\s(]|\A)\??\?[ \t]+(?:[a-z]|[A-Z]{2})")
_POINT = re.compile(r"\.(?=\s)")
#: "Tear? left soleus": a word with a doubt, in the middle of what is said of it; "tear? no" is a question answered.
_DOUBTED = re.compile(r"\?[ \t]+(?!(?:no|none|nil|not|yes|neg|negative|absent|the|it|there)\b)[a-z]")
_ASKS = re.compile(
    r"\s*(?:is|are|was|were|do|does|did|has|have|had|can|could|should|why|what|which|who|how)\b",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"[^\s(,;:]*\Z")
_BULLET = re.compile(r"[ \t]*(?:[-*•–]|\d{1,2}[.)])\s")
_HEADING = re.compile(r"\s*(?:[-*•–]\s+)?([^.;:!?\n,]{1,70}?)\s{0,2}:(?=\s|$)")
_LABEL = re.compile(r"[ \t]*[A-Z][^.;:!?\n]{0,50}:(?=\s|$)")
_COMMA = re.compile(r"[,:](?=\s)|\s[-–—]\s|\b(?:but|however|whereas|while|although|though)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]`` without its stop; ``heading`` is what stands before a colon, ``body`` where the rest
    begins (``start`` where there is no heading). ``asked``: it ends with a question mark. ``apart``: a blank
    line or a new item of a list stands before it."""

    start: int
    end: int
    body: int
    heading: str = ""
    asked: bool = False
    apart: bool = False


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of ``text``, parted at full stops, semicolons and lines that stand for themselves."""
    found: list[Sentence] = []
    start, apart = 0, False
    for stop in (*_stops(text), len(text)):
        for begin, end in _bounded(text, start, stop):
            found.append(_sentence(text, begin, end, apart))
            apart = False
        if stop < len(text):
            apart = apart or text[stop] == "\n"
        start = stop + 1
    return tuple(found)


def _bounded(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The sentence in parts of at most ``LONGEST`` characters, so that no text costs more than its length."""
    while stop - start > LONGEST:
        cut = max(text.rfind(mark, start + LONGEST // 2, start + LONGEST) for mark in (", ", " "))
        cut = cut if cut > start else start + LONGEST
        if text[start:cut].strip():
            yield start, cut
        start = cut
    if text[start:stop].strip():
        yield start, stop


def _sentence(text: str, start: int, end: int, apart: bool) -> Sentence:
    heading = _HEADING.match(text, start, end)
    asked = text[end : end + 1] == "?"
    if heading is None or len(heading[1].split()) > 8:
        return Sentence(start, end, start, "", asked, apart)
    return Sentence(start, end, heading.end(), heading[1].strip(), asked, apart)


def _stops(text: str) -> Iterator[int]:
    last = 0
    for match in _STOP.finditer(text):
        at = match.start()
        if match[0] == "," and ":" not in text[last:at]:  # "left: no tear, right: tear"
            continue
        if match[0] == "." and _shortened(text, at):
            continue
        if match[0] == "\n" and not _line_ends(text, at):
            continue
        if match[0] == "?" and (_QUERY_BEFORE.match(text, max(0, at - 1)) or _only_doubts(text, last, at)):
            continue
        yield at
        last = at


def _only_doubts(text: str, last: int, at: int) -> bool:
    start = last + 1 if last else 0
    return (
        bool(_DOUBTED.match(text, at)) and not _ASKS.match(text, start) and len(text[start:at].split()) <= 6
    )


def _shortened(text: str, at: int) -> bool:
    word = _WORD_BEFORE.search(text, max(0, at - 8), at)
    if word is not None and word[0].lower() == "no":  # a number, not an answer
        return text[at + 1 : at + 4].strip()[:1].isdigit()
    if (
        word is not None
        and word[0].lower() in _UNITS
        and re.search(r"\d\s?\Z", text[: at - len(word[0])][-4:])
    ):
        return False  # "4 mm. The …", not the muscles of "mm. interossei"
    if word is not None and word[0].lower() in _SIDES:
        return _side_goes_on(text, at - len(word[0]), at)
    return word is not None and word[0].lower() in _SHORTENED


def _side_goes_on(text: str, start: int, at: int) -> bool:
    after = text[at + 1 : at + 4].strip()[:1]
    return bool(after) and (not after.isupper() or bool(_LEADS.search(text, max(0, start - 8), start)))


def unpointed(text: str) -> str:
    """``text`` with the points that only shorten a word ("Rt. soleus", "m. soleus") as spaces; same length."""
    points = (m.start() for m in _POINT.finditer(text))
    letters = list(text)
    for at in points:
        if _shortened(text, at):
            letters[at] = " "
    return "".join(letters)


def _line_ends(text: str, at: int) -> bool:
    """A line break is one only before a blank line, an item of a list or a heading; else the line was wrapped."""
    rest = text[at + 1 : at + 80]
    return not rest.strip() or rest[0] == "\n" or bool(_BULLET.match(rest) or _LABEL.match(rest))


def chunks(text: str, start: int, end: int) -> tuple[tuple[int, int], ...]:
    """The parts of a sentence between its commas, dashes and contrasts ("but")."""
    marks = [start, *(m.start() for m in _COMMA.finditer(text, start, end)), end]
    return tuple((a, b) for a, b in pairwise(marks) if a < b)
