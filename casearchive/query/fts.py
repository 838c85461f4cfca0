"""How text is asked for: the columns of the full-text table, and quoting that no word can break out of.

Concepts are found in text by tokens the writer puts beside the words: ``cx…`` for a concept that was
recognised there (however it was spelt), ``cy…`` for each concept above it. So "periformis" in a report
answers to "piriformis", and "rectus femoris" to "quadriceps", without changing a word of what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Columns a plain question looks through, most telling first, with their weight for ranking.
PLAIN = ("title", "diagnosis", "findings", "captions", "story", "meta")
WEIGHTS = (8.0, 6.0, 4.0, 3.0, 1.0, 0.5)
VERBATIM = "verbatim"
COLUMNS = (*PLAIN, VERBATIM)

_WORD = re.compile(r"[^\W_]", re.UNICODE)


def token(concept_id: str) -> str:
    """The word that stands for a concept recognised in a text."""
    return "cx" + _bare(concept_id)


def above_token(concept_id: str) -> str:
    """The word that stands for a concept above one that was recognised."""
    return "cy" + _bare(concept_id)


def _bare(concept_id: str) -> str:
    return "".join(c for c in concept_id.lower() if c.isalnum())


def quoted(text: str) -> str:
    """``text`` as one phrase of FTS5: operators inside it are words, and NUL cannot end it."""
    return '"' + text.replace("\0", " ").replace('"', '""') + '"'


def searchable(text: str) -> bool:
    """Whether the tokenizer would find any word in it; a phrase without words matches nothing."""
    return _WORD.search(text) is not None


def within(columns: Iterable[str], expression: str) -> str:
    return "{" + " ".join(columns) + "} : (" + expression + ")"


def all_of(expressions: Iterable[str]) -> str:
    return " AND ".join(f"({e})" for e in expressions)


def any_of(expressions: Iterable[str]) -> str:
    return " OR ".join(f"({e})" for e in expressions)
