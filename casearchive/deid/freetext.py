"""Which words of free text (descriptions, comments, names of files) may be somebody's name: those nothing explains."""

from __future__ import annotations

import re
from collections.abc import Iterator

from casearchive.attributes import FREE_TEXT
from casearchive.deid import screen
from casearchive.deid.profile import profile
from casearchive.model import Identifier
from casearchive.terms import Lexicon
from casearchive.terms.slips import ordinary

SHORTEST = 4  # letters
FILE_NAMES = ("file name", "filename", "name")
_LETTERS = re.compile(r"[^\W\d_]+")
#: What telephones, scanners and programs call their files, what requests say, and what stands on every page.
_EVERYDAY = frozenset({
    "check", "clinic", "consult", "control", "followup", "outpatient", "postop", "preop", "recheck", "referral",
    "referred", "request", "requested", "visit", "workup",
    "assessments", "certificate", "clips", "columns", "digits", "earlier", "examination", "look", "moving",
    "reviewed", "rows", "second", "version", "annotated", "anonymised", "anonymized", "annotation", "backup",
    "capture", "captured", "clipboard", "copy", "cropped", "download", "export", "exported", "final", "file",
    "files", "frames", "movie", "original", "output", "photo", "picture", "recording", "redacted", "report",
    "sample", "screen", "screenshot", "series", "signal", "slide", "slides", "snapshot", "synthetic",
    "telegram", "temp", "template", "templates", "test", "uncompressed", "compressed", "lossless", "lossy",
    "reversible", "irreversible", "untitled", "upload", "video", "whatsapp",
})  # fmt: skip


def is_free(identifier: Identifier) -> bool:
    """Whether this is a text that may name somebody, and as a whole is nobody's identity."""
    return identifier.keyword in FREE_TEXT or identifier.keyword.casefold() in FILE_NAMES


def unexplained(text: str, lexicon: Lexicon) -> Iterator[str]:
    """The words of ``text`` that no vocabulary, scanner or phone explains, as they are written.

    The vocabulary may be a clinic's own: who adds a word there says that it is none.
    """
    known = profile()
    told = known.words.safe | known.words.fillers | known.makers | known.models | _EVERYDAY
    for word in dict.fromkeys(_LETTERS.findall(text)):
        small = word.casefold()
        if len(word) < SHORTEST or small in told or screen.harmless(small) or ordinary(small, lexicon):
            continue
        yield word
