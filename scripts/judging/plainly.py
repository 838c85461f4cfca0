"""For orientation: what plain full-text search finds in the same text, and what it finds with synonyms.

Both join all words with OR and rank by BM25; neither knows what a sentence denies.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from casearchive.terms import lexicon

_WORD = re.compile(r"[^\W_]+")


def table(cases: list[dict[str, Any]], track: str) -> sqlite3.Connection:
    """Every case as one row of text: title and story, and on the annotated track its findings in words too."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE plain USING fts5(slug UNINDEXED, body)")
    rows = [(c["id"], "\n".join(_text(c, track))) for c in cases]
    connection.executemany("INSERT INTO plain VALUES (?, ?)", rows)
    return connection


def words_of(question: str) -> list[str]:
    """The words of a question, as plain full text takes them."""
    return _WORD.findall(question.casefold())


def words_and_synonyms(question: str) -> list[str]:
    """The words, and all names of the concepts among them and of what lies below those."""
    terms = lexicon()
    names = words_of(question)
    for found in terms.recognise(question.replace("_", " ")):
        for concept_id in (found.concept, *sorted(terms.narrower(found.concept))):
            concept = terms.concept(concept_id)
            if concept is not None:
                names += [concept.preferred, *concept.names, *concept.abbreviations]
    return list(dict.fromkeys(" ".join(words_of(name)) for name in names))


def asked(connection: sqlite3.Connection, wording: Callable[[str], list[str]], question: str) -> list[str]:
    """The slugs of the ten best."""
    phrases = [f'"{words}"' for words in wording(question) if words]
    if not phrases:
        return []
    rows = connection.execute(
        "SELECT slug FROM plain WHERE plain MATCH ? ORDER BY bm25(plain), slug LIMIT 10",
        (" OR ".join(phrases),),
    )
    return [str(slug) for (slug,) in rows]


def _text(case: dict[str, Any], track: str) -> Iterable[str]:
    yield case["title"]
    yield case["story"]
    if track != "annotated":
        return
    for finding in case["finding"]:
        denied = "no" if finding.get("certainty") == "absent" else ""
        named = (finding.get(key, "") for key in ("side", "structure", "site", "abnormality"))
        yield " ".join((denied, *(_name(value) for value in named)))
    for media in case.get("media", ()):
        yield media["caption"]


def _name(concept_id: str) -> str:
    concept = lexicon().concept(concept_id)
    return concept.preferred if concept else concept_id.replace("_", " ")
