"""Turns of phrase in a question that say how the words beside them are meant, and are no words to look for."""

from __future__ import annotations

import re

from casearchive.frozen import dataclass

#: What a cue says. ``labelled``: an earlier label follows; ``turned``: the label stands before it and what it was
#: behind; ``sent``: what follows was only asked; ``missed`` and ``overcalled``: how an earlier look was wrong;
#: ``possible`` and ``probable``: how sure the finding was; ``confirmed``: by what follows;
#: ``denied``: what stands before it was not there;
#: ``intact``: the structure was whole; ``spared``: nothing was wrong with it. ``not_so`` ("not torn") is no phrase of
#: this list: ``atoms`` sees it by what follows.
_CUES: dict[str, tuple[str, ...]] = {
    "turned": (
        "(?:that |which )?(?:turned out|proved|was found|were found) to be",
        "that (?:was|were)(?: really| actually)?(?: an?)?",
        "(?:in fact|actually) an?",
        "(?:unmasked|revealed) as",
    ),
    "labelled": (
        "(?:mis)?(?:diagnosed|labelled|labeled|treated|read|reported|interpreted|dismissed) as",
        "mistaken for|mistreated as|passed off as",
        "(?:thought|believed|assumed|said|presumed) to be",
        "(?:first|initially|originally|previously) (?:called|diagnosed|labell?ed|thought|treated)(?: as| to be)?",
        "(?:initial|original) diagnosis(?: of)?|misdiagnosis of|wrong(?:ly)? (?:diagnosis of|called)",
    ),
    "sent": (
        "(?:sent|referred|scanned|examined|came) (?:in )?(?:for|to (?:exclude|rule out|look for))"
        "(?: suspected| possible)?",
        "(?:query|suspected|clinical suspicion of)(?= )",
    ),
    "missed": (
        "(?:missed|overlooked|not seen|unseen|invisible|undetected|occult|not visible|underestimated)"
        " (?:on|by|with|in|at)(?: the)?",
        "negative (?:on|by|with)(?: the)?",
    ),
    "overcalled": (
        "over-?(?:called|diagnosed|graded|estimated|read)(?: (?:by|on|with|as))?",
        "false(?:ly)? positive(?: (?:on|by))?",
    ),
    "possible": (
        "(?:can ?not|can't|could ?n[o']t|could not) be (?:entirely |fully |safely |reliably )?(?:excluded|ruled out)",
        "not (?:excluded|ruled out)|uncertain|equivocal|questionable|doubtful|borderline",
    ),
    "confirmed": ("(?:confirmed|proven|verified) (?:by|at|on|in|with)(?: the| an?)?",),
    "denied": (
        "(?:was |were |is |are )?(?:excluded|ruled out|not (?:found|seen|present|confirmed|there)|absent)",
    ),
    "intact": ("intact|unremarkable|undamaged|uninjured|unharmed|preserved",),
    "spared": ("unaffected|uninvolved|spared|not (?:affected|involved)",),
}
_CUE = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(f"(?P<{name}>{'|'.join(phrases)})" for name, phrases in _CUES.items())
    + r")(?![\w-])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Cue:
    """``text[start:end]`` is a turn of phrase of this kind (see ``_CUES``)."""

    start: int
    end: int
    kind: str


def cues(text: str) -> tuple[Cue, ...]:
    """The turns of phrase in a text, left to right."""
    return tuple(Cue(m.start(), m.end(), str(m.lastgroup)) for m in _CUE.finditer(text))
