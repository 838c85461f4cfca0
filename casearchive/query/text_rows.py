"""What is asked of the text: words, phrases, and the tokens of concepts."""

from __future__ import annotations

from collections.abc import Sequence

from casearchive.query import fts
from casearchive.query.pieces import Documents, Sql, only_of, sql, value
from casearchive.query.tree import FindingClause, Leaf, Mention, Phrase, Said, Wanted, Words

#: Where the lexicon calls a modality otherwise than the findings do.
MODALITY_CONCEPTS = {"surgery": "surgery_finding"}


def concept_match(wanted: Wanted) -> str:
    """How a concept is found in text: its token, or the token of something below it."""
    if wanted.literal:
        return fts.quoted(wanted.literal)
    groups = [
        fts.any_of(
            expression
            for concept_id in group
            for expression in (
                (fts.token(concept_id),)
                if wanted.exact
                else (fts.token(concept_id), fts.above_token(concept_id))
            )
        )
        for group in wanted.groups
    ]
    ways = [fts.all_of(groups)]
    for definition in (d for d in wanted.definitions if d.names):
        ways.append(
            fts.all_of(fts.any_of((fts.token(name), fts.above_token(name))) for name in definition.names)
        )
    return fts.any_of(ways)


def text_match(leaf: Leaf, columns: Sequence[str] = fts.PLAIN) -> str:
    """The full-text expression of a leaf; empty where it asks nothing of the text. ``columns`` are for words."""
    if isinstance(leaf, Words):
        star = [f"{fts.quoted(w)} *" if leaf.prefix and len(w) >= 4 else fts.quoted(w) for w in leaf.words]
        return fts.within(columns, " AND ".join(star))
    if isinstance(leaf, Phrase):
        return fts.within((leaf.column,), fts.quoted(leaf.text))
    if isinstance(leaf, Said):
        return fts.within(fts.PLAIN[:2], fts.all_of(concept_match(w) for w in leaf.wanted))
    if isinstance(leaf, Mention):
        return fts.within(fts.PLAIN, _mentioned(leaf.wanted))
    if isinstance(leaf, FindingClause):
        named = (leaf.structure, leaf.abnormality, leaf.site, leaf.maneuver)
        asked = [concept_match(w) for w in named if w is not None]
        if leaf.modality:
            asked.append(fts.any_of(fts.token(MODALITY_CONCEPTS.get(m, m)) for m in leaf.modality))
        if leaf.temporality:
            asked.append(fts.any_of(fts.token(t) for t in leaf.temporality))
        return fts.within(fts.PLAIN, fts.all_of(asked)) if asked else ""
    return ""


def _mentioned(wanted: Wanted) -> str:
    """Its concept, or all the words that were typed: who asks for "calf pain" means "pain in the left calf" too."""
    words = wanted.typed.split()
    if wanted.exact or wanted.by_field or len(words) < 2:
        return concept_match(wanted)
    return fts.any_of((concept_match(wanted), fts.all_of(map(fts.quoted, words))))


def ranked_text(match: str, weight: float) -> Sql:
    """Documents that answer a full-text expression, by how well they do (BM25, title above story)."""
    weights = Sql(", ".join(str(w) for w in (*fts.WEIGHTS, 1.0)))
    # MATERIALIZED: bm25() works only in the SELECT that holds MATCH, and must not be merged into a GROUP BY.
    return sql(
        "SELECT doc AS key, {} * (0.5 + 0.5 * x / (x + 4.0)) AS score, 0 AS level, 0.3 AS rank,"
        " 'text' AS source, doc AS ref"
        " FROM (WITH found AS MATERIALIZED (SELECT rowid AS doc, max(-bm25(case_search, {}), 0.0) AS x"
        " FROM case_search WHERE case_search MATCH {}) SELECT doc, x FROM found)",
        value(weight),
        weights,
        value(match),
    )


def text_rows(match: str, weight: float, only: Documents | None, *, unless: Sql | None = None) -> Sql:
    """Documents that answer a full-text expression, all alike; ``unless``: none with such a finding ``f``."""
    free = Sql("")
    if unless is not None:
        free = sql(
            " AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.document = case_search.rowid AND {})", unless
        )
    return sql(
        "SELECT case_search.rowid AS key, {} AS score, 0 AS level, 0.3 AS rank, 'text' AS source,"
        " case_search.rowid AS ref FROM case_search WHERE case_search MATCH {}{}{}",
        value(weight),
        value(match),
        only_of(rowid(match), only),
        free,
    )


def rowid(match: str) -> str:
    """How to look some rows up: one by one, or, where longer words count too, in one walk through all that match
    (their lists of rows would be merged anew for every row)."""
    return "+case_search.rowid" if '" *' in match else "case_search.rowid"
