"""What a sentence denies, asks or leaves open, so that only what it affirms is found.

A small context pass in the manner of NegEx and ConText: trigger words open a scope forwards or backwards, and
words such as "but" close it; phrases that only look like a denial ("no change in the tear") are taken out
first. The unit is the clause, never the whole report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from casearchive.terms.concepts import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon

#: What a scope says of the words in it.
DENIED, ASKED, UNASSESSED = "denied", "asked", "unassessed"
EARLIER, ANOTHER = "earlier label", "another person"

#: No scope reaches further than this many characters: a denial belongs to its clause.
REACH = 240


@dataclass(frozen=True)
class Scope:
    """``text[start:end]`` is not affirmed because of ``trigger``; ``why`` is one of the words above."""

    start: int
    end: int
    trigger: str
    why: str


def _words(*phrases: str) -> str:
    """An alternation of phrases, the longest first, with some white space between words."""
    ordered = sorted(phrases, key=len, reverse=True)
    return "(?:" + "|".join(phrase.replace(" ", r"\s{1,4}") for phrase in ordered) + ")"


_ADJ = r"(?: (?:significant|relevant|interval|appreciable|further|obvious|real|major|substantial)){0,3}"
_SEEN = (
    r"(?:seen|identified|visuali[sz]ed|visible|demonstrated|detected|appreciated|found|shown|evident|"
    r"apparent|identifiable)"
)
_BE = "(?:(?:is|are|was|were|be|been|has been|have been|could be|can be|remains?|seems?) )?(?:now )?"

#: Looks like a denial and is none.
_PSEUDO = _words(
    f"no{_ADJ} (?:change|increase|decrease|improvement|progress|progression|growth)",
    f"without{_ADJ} (?:change|increase|improvement|difficulty|delay|surgery|treatment|contrast|doubt)",
    "not only",
    "not necessarily",
    "not just",
    "no longer intact",
    "not intact",
    "no (?:other|additional)",
    "no doubt",
    "not (?:be )?(?:excluded|ruled out)",
    r"(?:can|could)\s{0,2}not (?:be )?(?:entirely |fully |safely )?(?:excluded?|ruled? out)",
    "does not exclude",
    "not (?:recogni[sz]ed|noticed|reported|referred|treated|suspected|diagnosed)",
    "not (?:fully |completely )?compressible",
    "not (?:heal|healed|healing)",
    "did not (?:heal|undergo|resolve|improve)",
    "(?:has|have|had) not (?:healed|resolved|improved|changed)",
    "not possible (?:with|on|by)",
)

#: Opens a scope to its right.
_FORWARD: dict[str, str] = {
    DENIED: _words(
        "no",
        "without",
        "negative for",
        "absence of",
        "free (?:of|from)",
        "fail(?:s|ed)? to (?:show|demonstrate|reveal)",
        "(?:do|does|did) not (?:show|demonstrate|reveal|involve|contain|affect|reach|extend|see|include)",
        "neither",
        "nor",
        "never",
        "denie[sd]",
        "exclud(?:es|ing)",
        "rul(?:es|ing) out",
        "not (?:an?|consistent with|suggestive of|compatible with|in keeping with)",
        "not full-width",
        "lack(?:s|ing)?(?: of)?",
    ),
    EARLIER: _words(
        "(?:mistaken|misread) for",
        "(?:misdiagnosed|mislabell?ed|misread) as",
        "(?:originally|initially|previously|first) (?:diagnosed|reported|read|treated) (?:as|with)",
        r"treated (?:for (?:[\w-]{1,20} ){1,4})?as",
        "labell?ed(?: as)?",
        "blamed on",
        "reported elsewhere as",
        r"(?:outside report|outside mri|referral diagnosis|previous provider)\s{0,2}:",
    ),
    ASKED: _words(
        "(?:to )?rule out",
        "r/o",
        "(?:to )?exclude",
        "(?:evaluate|assess|look|screen) for",
        "in case of",
        "risk of",
        "return if",
        "if",
        r"(?:clinical question|indication|question)\s{0,2}:",
    ),
    ANOTHER: _words(
        "(?:his|her|their|the patient's) (?:mother|father|brother|sister|son|daughter|teammate)",
        r"family history(?: of|\s{0,2}:)",
    ),
}

#: Opens a scope to its left.
_BACKWARD: dict[str, str] = {
    DENIED: _words(
        f"{_BE}(?:not|never|no longer) (?:be )?(?:clearly )?{_SEEN}",
        f"{_BE}not present",
        f"{_BE}absent",
        f"{_BE}(?:reliably )?excluded",
        f"{_BE}ruled out",
        f"{_BE}negative",
        "neg",
        f"{_BE}(?:very |highly )?unlikely",
        f"{_BE}(?:fully |completely )?intact",
        "nil",
    ),
    UNASSESSED: _words(
        f"{_BE}not (?:assessed|examined|evaluated|scanned|included)",
        "could not be (?:assessed|examined|evaluated)",
        f"{_BE}incompletely seen",
    ),
}

#: "Tear: none."
_NONE_AFTER_COLON = re.compile(
    r"(?:^|(?<=[.;:!?\n,]))[^.;:!?\n,]{1,80}:\s{0,4}"
    r"(?:none|nil|no|neg|negative|absent|not seen|excluded|ruled out)(?=\s{0,4}(?:[.;,!?\n]|$))",
    re.IGNORECASE,
)

#: Words that say that something is missing: of a structure that is a sign, only a lesion is denied by them.
_SIGHT = re.compile(rf"\b(?:{_SEEN}|absent|present)\Z", re.IGNORECASE)

_END = re.compile(
    r"[.;:!?](?=\s|$)|\n[ \t]{0,8}(?=[\n*•-])|(?<=\s)[-–—](?=\s)|"
    r"\b(?:but|however|although|though|except|apart\s+from|aside\s+from|whereas|while|yet|which|who|despite|"
    r"with|secondary\s+to|due\s+to|because(?:\s+of)?|as\s+a\s+cause\s+of|"
    r"of\s+(?:the|this|that|its)\s+(?:torn|ruptured)|"
    r"(?:within|inside|around|in)\s+(?:the|this|that|its)|"
    r"and\s+(?:there|shows?|showed|an?|the))\b",
    re.IGNORECASE,
)

#: After "no tear is seen" the denial is complete.
_CLOSED = re.compile(
    rf"\b(?:is|are|was|were|be|been) (?:clearly )?(?:{_SEEN}|present|noted)\b", re.IGNORECASE
)

#: A comma ends a forward scope when a new statement follows rather than the next item of a list.
_NEW_STATEMENT = re.compile(
    r"\s*(?:an?|the|there|this|these|it|its|both|small|large|minor|marked|mild|moderate|severe|some|left|right)\b",
    re.IGNORECASE,
)
_LIST_GOES_ON = re.compile(r"\b(?:or|nor)\b", re.IGNORECASE)
_LIST_ENDS = re.compile(r"\b(?:or|nor|and)\b", re.IGNORECASE)

#: "drug-free", "non-invasive": denied by the word itself ("echo-free" is an appearance).
_FREE = re.compile(r"\b(?!echo)[a-z]{2,20}-free\b|\bnon-?invasive\b", re.IGNORECASE)

_PSEUDO_RE = re.compile(rf"\b{_PSEUDO}\b", re.IGNORECASE)


def _triggers(groups: dict[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((why, re.compile(rf"(?<![\w-]){words}(?!\w|-\w)", re.I)) for why, words in groups.items())


_FORWARD_RE, _BACKWARD_RE = _triggers(_FORWARD), _triggers(_BACKWARD)


def affirmed(text: str) -> str:
    """``text`` with what it denies, asks, did not assess or says of others blanked out; same length.

    >>> affirmed("No tear but a small haematoma")
    '        but a small haematoma'
    """
    kept = list(text)
    for scope in scopes(text):
        for at in range(scope.start, scope.end):
            if not kept[at].isspace():
                kept[at] = " "
    return "".join(kept)


def scopes(text: str) -> tuple[Scope, ...]:
    """The parts of ``text`` that are not affirmed, by start; they may overlap."""
    seeming = bytearray(len(text))
    for match in _PSEUDO_RE.finditer(text):
        seeming[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    found = [Scope(m.start(), m.end(), m[0], DENIED) for m in _FREE.finditer(text)]
    found += [Scope(m.start(), m.end(), m[0], DENIED) for m in _NONE_AFTER_COLON.finditer(text)]
    found += _forward(text, seeming)
    found += _backward(text, seeming)
    return tuple(sorted(found, key=lambda scope: (scope.start, scope.end)))


def _forward(text: str, seeming: bytearray) -> Iterator[Scope]:
    for why, pattern in _FORWARD_RE:
        reached = 0
        for match in pattern.finditer(text):
            if match.start() >= reached and not any(seeming[match.start() : match.end()]):
                reached = _scope_end(text, match.end())
                yield Scope(match.start(), reached, match[0], why)


def _scope_end(text: str, start: int) -> int:
    """Where a forward scope that begins at ``start`` ends."""
    limit = min(len(text), start + REACH)
    stop = _END.search(text, start, limit)
    end = stop.start() if stop else limit
    closed = _CLOSED.search(text, start, end)
    if closed:
        end = closed.end()
    comma = text.find(",", start, end)
    while comma != -1:
        chunk = text[comma + 1 : end]
        if _NEW_STATEMENT.match(chunk) and not _LIST_GOES_ON.search(chunk):
            return comma
        comma = text.find(",", comma + 1, end)
    return end


def _backward(text: str, seeming: bytearray) -> Iterator[Scope]:
    for why, pattern in _BACKWARD_RE:
        floor = 0
        for match in pattern.finditer(text):
            if any(seeming[match.start() : match.end()]):
                continue
            start = _scope_start(text, match.start(), floor)
            floor = match.end()
            if not (_SIGHT.search(match[0]) and _only_a_structure(text[start : match.start()])):
                yield Scope(start, match.end(), match[0], why)


def _scope_start(text: str, end: int, floor: int) -> int:
    """Where a backward scope that ends at ``end`` begins: its clause, or the list that leads up to it."""
    start = max(floor, end - REACH)
    for stop in _END.finditer(text, start, end):
        start = stop.end()
    comma = text.rfind(",", start, end)
    if comma != -1 and not _LIST_ENDS.search(text[comma + 1 : end]):
        return comma + 1
    return start


def _only_a_structure(words: str) -> bool:
    """A structure that is not there is a sign, not a denial ("supraspinatus not visualised")."""
    terms = lexicon()
    kinds = {c.kind for m in terms.recognise(words) if (c := terms.concept(m.concept)) is not None}
    return bool(kinds & STRUCTURE_KINDS) and not kinds & ABNORMALITY_KINDS
