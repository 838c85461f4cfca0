"""What a sentence denies, asks, doubts or tells of other times and people: scopes over a text.

A context pass in the manner of NegEx and ConText, over the phrases of ``triggers``: a phrase opens a scope ahead
or behind, words such as "but" and the end of the clause close it, and phrases that only look like a denial ("no
change in the tear") are taken out first. The unit is the clause, never the whole report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from casearchive.terms import lists
from casearchive.terms.clauses import Sentence, sentences, unpointed
from casearchive.terms.concepts import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon, lexicon
from casearchive.terms.remembering import remembering
from casearchive.terms.triggers import (
    AHEAD,
    BEHIND,
    ENDS,
    HEADINGS,
    NEW_STATEMENT,
    NONE_VALUES,
    PRESENCES,
    SEEMING,
    SEEN,
)
from casearchive.terms.triggers import UNSAID as NOTHING
from casearchive.terms.words import lowered

#: No scope reaches further than this many characters: a denial belongs to its clause.
REACH = 240

#: What full-text search must not find.
UNSAID = frozenset({NOTHING, "other_person", "hypothetical", "refuted_prior", "not_assessed", "absent"})

#: What a phrase that only looks like it does not say ("has not resolved", "not sure whether").
_GATED = frozenset({"absent", "historical", "hypothetical"})
_RANK = {presence: place for place, presence in enumerate(PRESENCES)}


@dataclass(frozen=True, slots=True)
class Scope:
    """``trigger``, which stands at ``at``, makes what ``text[start:end]`` mentions ``presence`` (one of
    ``triggers.PRESENCES``)."""

    start: int
    end: int
    trigger: str
    presence: str
    at: int = -1


def _any(phrases: Iterable[str]) -> str:
    ordered = sorted(phrases, key=len, reverse=True)
    return "(?:" + "|".join(phrase.replace(" ", r"\s{1,4}") for phrase in ordered) + ")"


def _compiled(groups: dict[str, tuple[str, ...]]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (presence, re.compile(rf"(?<![\w-]){_any(phrases)}(?!\w|-\w)"))
        for presence, phrases in groups.items()
    )


#: These three look at small letters (``lowered``), where most phrases are passed over by their first one: that is
#: more than twice as fast as ``re.IGNORECASE``.
_AHEAD, _BEHIND = _compiled(AHEAD), _compiled(BEHIND)
_SEEMING = re.compile(rf"\b{_any(SEEMING)}(?!\w)")
_ENDS = re.compile(rf"[.;:!?](?=\s|$)|\n|(?<=\s)[-–—](?=\s)|\b{_any(ENDS)}\b", re.IGNORECASE)
_NEW = re.compile(rf"\s*{_any(NEW_STATEMENT)}\b", re.IGNORECASE)
#: "not" alone reaches over one short phrase, and not over verbs that other phrases know.
_NOT = re.compile(
    rf"(?:(?<![\w-])not|(?<=[a-z])n['’]t)\b(?!\s+(?:be\s+|been\s+|yet\s+|clearly\s+|only\b|{SEEN}\b|assess|"
    rf"examin|evaluat|scann|"
    r"includ|imag|present\b|excluded|ruled|possible\b|suspected\b|normal\b))",
    re.IGNORECASE,
)
_NOT_REACH = re.compile(r"(?:\s+[\w-]+){1,5}")
_NOT_ENDS = re.compile(r"\b(?:and|with|but|to|because|until|despite|as)\b|[,.;:]", re.IGNORECASE)
#: "two years after a tear of the soleus": what stands there is past, up to the next clause.
_SINCE = re.compile(
    r"\b(?:years?|decades?|months?) (?:after|following|since|post)(?: an?| the| his| her)?\b(?:\s+[\w-]+){1,6}",
    re.IGNORECASE,
)
_SINCE_ENDS = re.compile(
    r"\b(?:there|he|she|they|we|it|has|have|had|is|was|are|were|shows?|with|but|and|now|still|without|no)\b",
    re.IGNORECASE,
)
_NONE = re.compile(
    rf"(?:^|(?<=[.;:!?\n,(]))[^.;:!?\n,]{{1,80}}:\s{{0,4}}{_any(NONE_VALUES)}(?=\s{{0,4}}(?:[.;,!?\n)]|$))",
    re.IGNORECASE,
)
#: After "no tear is seen" the denial is complete.
_CLOSED = re.compile(rf"\b(?:is|are|was|were|be|been) (?:clearly )?(?:{SEEN}|present)\b", re.IGNORECASE)
_BEGINS_CLAIM = re.compile(
    r"\b(?:present|noted|seen|visible|found)\s*\Z|"
    r"\b(?:is|are|was|were|shows?|showed|measures?|measured|has|had|looks?|appears?)\b",
    re.I,
)
#: Not the comma of a number.
_COMMA = re.compile(r",(?!\d)")
#: "Unlikely, but not excluded": the comma parts nothing.
_LINK = re.compile(r"\s*(?:(?:but|though|although|yet|it|this)\s+){0,2}", re.IGNORECASE)
_LIST_ENDS = re.compile(r"\b(?:or|nor|and)\b", re.IGNORECASE)
#: "drug-free", "non-invasive": denied by the word itself ("echo-free" is an appearance).
_FREE = re.compile(r"\b(?!echo)[a-z]{2,20}-free\b|\bnon-?invasive\b", re.IGNORECASE)
#: Words that say that something is missing: of a structure that is a sign, only a lesion is denied by them.
_SIGHT = re.compile(rf"\b(?:{SEEN}|absent|present)\Z", re.IGNORECASE)
_ANSWERED_NO = re.compile(rf"\s*{_any(NONE_VALUES)}\s*(?:,|\Z)", re.IGNORECASE)
_QUERIED = re.compile(r"(?<![\w?])\?{1,3}\s{0,2}(?=\w)|(?<=\w)\(?\?{1,3}\)?")


def affirmed(text: str) -> str:
    """``text`` with what it denies, asks, did not assess or says of others blanked out; same length.

    >>> affirmed("No tear but a small haematoma")
    '        but a small haematoma'
    """
    kept = list(text)
    for scope in scopes(text):
        if scope.presence not in UNSAID:
            continue
        for at in range(scope.start, scope.end):
            if not kept[at].isspace():
                kept[at] = " "
    return "".join(kept)


def strongest(presences: Iterable[str]) -> str:
    """Which of the presences that cover a mention holds; ``definite`` where none does."""
    return min((*presences, "definite"), key=_RANK.__getitem__)


def scopes(text: str, vocabulary: Lexicon | None = None) -> tuple[Scope, ...]:
    """The parts of ``text`` that are not simply said, by start; they may overlap."""
    return _scopes(text, vocabulary or lexicon())


@remembering(1024)  # mining and indexing ask for the same texts, one after the other
def _scopes(written: str, words: Lexicon) -> tuple[Scope, ...]:
    text = unpointed(written)
    small, seeming = lowered(text), bytearray(len(text))
    for match in _SEEMING.finditer(small):
        seeming[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    found = [Scope(m.start(), m.end(), m[0], "absent") for m in _FREE.finditer(text)]
    found += [Scope(m.start(), m.end(), m[0], "absent") for m in _NONE.finditer(text)]
    found += _ahead(text, small, seeming, words)
    found += _behind(text, small, seeming, words)
    found += _plain_not(text, seeming)
    found += _since(text)
    parts = sentences(text)
    found += _asked(text, parts)
    found += _under_headings(parts)
    return tuple(sorted(found, key=lambda scope: (scope.start, scope.end)))


def _ahead(text: str, small: str, seeming: bytearray, words: Lexicon) -> Iterator[Scope]:
    opened = [(presence, list(pattern.finditer(small))) for presence, pattern in _AHEAD]
    begins = {match.start() for _, matches in opened for match in matches}
    for presence, matches in opened:
        reached = 0
        for match in matches:
            if match.start() < reached or (presence in _GATED and any(seeming[match.start() : match.end()])):
                continue
            reached = _scope_end(text, match.end(), begins, words)
            trigger = text[match.start() : match.end()]
            yield Scope(match.start(), reached, trigger, presence, match.start())


def _scope_end(text: str, start: int, begins: set[int], words: Lexicon) -> int:
    """Where a scope that runs ahead from ``start`` ends."""
    limit = min(len(text), start + REACH)
    stop = _ENDS.search(text, start, limit)
    while stop and stop[0].lower() == "only" and not text[start : stop.start()].strip():
        stop = _ENDS.search(text, stop.end(), limit)
    end = stop.start() if stop else limit
    closed = _CLOSED.search(text, start, end)
    if closed:
        end = closed.end()
    commas = [m.start() for m in _COMMA.finditer(text, start, end)]
    for comma, until in pairwise([*commas, end]):
        first = comma + 1 + len(text[comma + 1 : end]) - len(text[comma + 1 : end].lstrip())
        if first in begins or not text[start:comma].strip():  # "tear no, effusion yes"
            return comma
        fresh = min((b for b in begins if first < b < end), default=end)
        piece, rest = text[first : min(until, fresh)], text[first:fresh]
        last = comma == commas[0] and until >= fresh
        if lists.measured(piece, words) or (
            not lists.joined(rest)
            and (
                _NEW.match(piece)
                or _says_more(piece)
                or lists.claimed(text[start:comma], piece, last=last, terms=words)
            )
        ):
            return comma
    return end


def _says_more(piece: str) -> bool:
    """A sentence of its own, or a word that denies backwards ("sarcoma not excluded")."""
    return bool(_BEGINS_CLAIM.search(piece)) or any(p.search(lowered(piece)) for _, p in _BEHIND)


def _behind(text: str, small: str, seeming: bytearray, words: Lexicon) -> Iterator[Scope]:
    for presence, pattern in _BEHIND:
        floor = 0
        for match in pattern.finditer(small):
            if presence in _GATED and any(seeming[match.start() : match.end()]):
                continue
            start = _scope_start(text, match.start(), floor)
            floor = match.end()
            if (
                presence == "absent"
                and _SIGHT.search(match[0])
                and _only_a_structure(text[start : match.start()], words)
            ):
                continue
            trigger = text[match.start() : match.end()]
            yield Scope(start, match.end(), trigger, presence, match.start())


def _scope_start(text: str, end: int, floor: int) -> int:
    """Where a scope that looks back from ``end`` begins: its clause, or the list that leads up to it."""
    start = max(floor, end - REACH)
    for stop in _ENDS.finditer(text, start, end):
        if stop[0] in ".;:!?\n" or text[stop.end() : end].strip():
            start = stop.end()
    comma = text.rfind(",", start, end)
    if comma != -1 and text[comma + 1 : end].strip().lower() in ("which", "that", "this", "who"):
        comma = text.rfind(",", start, comma)
    if (
        comma != -1
        and not _LIST_ENDS.search(text[comma + 1 : end])
        and not _LINK.fullmatch(text, comma + 1, end)
    ):
        return comma + 1
    return start


def _plain_not(text: str, seeming: bytearray) -> Iterator[Scope]:
    for match in _NOT.finditer(text):
        reach = _NOT_REACH.match(text, match.end())
        if reach is None or any(seeming[match.start() : match.end()]):
            continue
        stop = _NOT_ENDS.search(text, match.end(), reach.end())
        yield Scope(match.start(), stop.start() if stop else reach.end(), match[0], "absent", match.start())


def _since(text: str) -> Iterator[Scope]:
    for match in _SINCE.finditer(text):
        stop = _SINCE_ENDS.search(text, match.start(), match.end())
        yield Scope(match.start(), stop.start() if stop else match.end(), match[0], "historical")


def _asked(text: str, parts: tuple[Sentence, ...]) -> Iterator[Scope]:
    """Question marks: of the whole sentence, before a word ("?tear") or after it in parentheses."""
    for match in _QUERIED.finditer(text):
        if text[match.end() : match.end() + 1].isalnum():
            stop = _ENDS.search(text, match.end(), min(len(text), match.end() + 80))
            comma = text.find(",", match.end(), stop.start() if stop else len(text))
            ends = [e for e in (stop.start() if stop else len(text), comma) if e != -1]
            yield Scope(match.start(), min(ends), "?", "possible")
        elif within := next((p for p in parts if p.body < match.start() and match.end() < p.end), None):
            comma = text.rfind(",", within.body, match.start())
            yield Scope(max(within.body, comma + 1), match.end(), "?", "possible")
    for part, following in zip_longest(parts, parts[1:]):
        if part.asked and following is not None and _ANSWERED_NO.match(text, following.start, following.end):
            yield Scope(part.body, part.end, "?", "absent")
        elif part.asked:
            begin = max(part.body, text.rfind(",", part.body, part.end) + 1)
            yield Scope(begin, part.end, "?", "possible" if part.end - part.body < 60 else "hypothetical")


def _under_headings(parts: tuple[Sentence, ...]) -> Iterator[Scope]:
    """ "Clinical question: …" says what is asked; a section reaches to the next heading or blank line."""
    presence = trigger = ""
    for part in parts:
        key = part.heading.lower()
        if key in HEADINGS:
            presence, trigger = HEADINGS[key], part.heading
        elif part.heading or part.apart:
            presence = ""
        if presence:
            yield Scope(part.body, part.end, f"{trigger}:", presence)


def _only_a_structure(text: str, terms: Lexicon) -> bool:
    """A structure that is not there is a sign, not a denial ("supraspinatus not visualised")."""
    kinds = {c.kind for m in terms.recognise(text) if (c := terms.concept(m.concept)) is not None}
    return bool(kinds & STRUCTURE_KINDS) and not kinds & ABNORMALITY_KINDS
