"""Running a question over the index: ranked hits, each with the reason it is there, and what was left out."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from casearchive.errors import UsageError
from casearchive.index.hits import Results
from casearchive.index.order import SORTS, among, ordered
from casearchive.index.shelf import Shelf
from casearchive.index.telling import Teller
from casearchive.query import (
    Query,
    looser,
    ranked,
    relaxed,
    respelt,
    without_one,
)
from casearchive.query.bits import Ranked, best, minus, positions
from casearchive.query.pieces import MATCH
from casearchive.terms import lexicon

#: No more documents than this are counted for facets.
MOST_COUNTED = 250
#: No more conditions than this are tried without, where nothing is found.
_MOST_BLAMED = 16


def search(
    connection: sqlite3.Connection,
    query: Query,
    *,
    limit: int = 20,
    sort: str = "relevance",
    include_absent: bool = False,
    facets: bool = True,
) -> Results:
    """Ask the index.

    Where the words as typed find nothing, unknown words are tried as they were probably meant, then as
    beginnings of longer words, then as many of them as possible; ``understood`` says so.

    Args:
        connection: an open index; it is only read.
        limit: how many hits to return; ``total`` counts all.
        sort: one of ``SORTS``.
        include_absent: also show, after the matches and marked, cases that document the absence.
        facets: count the best hits by what was found; else ``facets`` is empty.

    Raises:
        UsageError: an unknown sort key or a negative limit.
    """
    if sort not in SORTS:
        raise UsageError(f"cannot sort by “{sort}”", hint=f"Sort by {', '.join(SORTS)}.")
    if limit < 0:
        raise UsageError("the limit cannot be negative", hint="Leave --limit out for the best 20.")
    with _at_one_moment(connection):
        return _search(Shelf(connection), query, limit, sort, include_absent, facets=facets)


@contextlib.contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements see the same state: what is written meanwhile waits for the end of the search."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _search(
    shelf: Shelf, query: Query, limit: int, sort: str, include_absent: bool, *, facets: bool
) -> Results:
    asked, found, corrected = _ask(shelf, query, include_absent)
    match, other, last = found.within
    absent = minus(last, other)
    levels = (match, absent if include_absent else 0)
    hidden = {
        "absent": 0 if include_absent else absent.bit_count(),
        "other_side": minus(other, match).bit_count(),
    }
    chosen = ordered(shelf, found, levels, sort, limit)
    meant = "" if corrected is None else corrected.text
    return Results(
        query=query.text,
        understood=asked.understood,
        total=sum(documents.bit_count() for documents in levels),
        hits=Teller(shelf.connection, asked, chosen).hits(),
        hidden=hidden,
        facets=_facets(shelf.connection, _counted(shelf, found, levels)) if facets else {},
        did_you_mean=meant,
        loosened=asked is not query,
        blame=() if any(levels) else _blame(shelf, corrected or query),
    )


def _blame(shelf: Shelf, query: Query) -> tuple[tuple[str, int], ...]:
    """The conditions that keep everything out, each by itself, the one that keeps out most first."""
    found: dict[str, int] = {}
    for words, without in itertools.islice(without_one(query), _MOST_BLAMED):
        count = ranked(without.root, shelf).within[MATCH].bit_count()
        if count:
            found.setdefault(words, count)
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


# ------------------------------------------------------------------------------------------- asking


def _ask(shelf: Shelf, query: Query, include_absent: bool) -> tuple[Query, Ranked, Query | None]:
    """The first way of asking that finds something, its documents, and the respelt question if there is one."""
    first: Ranked | None = None
    corrected: Query | None = None
    for asked, corrected in _ways(query):
        found = ranked(asked.root, shelf)
        if first is None:
            first = found
        match, other, last = found.within
        if match or (include_absent and minus(last, other)):
            return asked, found, corrected
    return query, first or Ranked(), corrected


#: Letters of a word that is not mistaken for another.
_LONG = 7


def _ways(query: Query) -> Iterator[tuple[Query, Query | None]]:
    """The question as typed, then ever looser, each with the respelt question that may have been meant; each is
    made only when the one before found nothing."""
    yield query, None
    if query.exact:
        return
    again = respelt(query, lexicon()) if query.unknown else ()
    for way in again:
        yield way, way
    if again and _surely(query, again[0]):
        # a word that was meant otherwise is not given up as one that nobody knows
        begun = relaxed(query, prefix=True)
        bases = [] if begun is None else [begun]
        ways: Iterable[Query] = itertools.chain(bases, looser(again[0]))
    else:
        ways = itertools.chain.from_iterable(looser(base) for base in (query, *again[:1]))
    for way in ways:
        yield way, again[0] if again else None


def _surely(query: Query, again: Query) -> bool:
    """Whether only long words were read otherwise: a short one ("plus") may well be a word of its own."""
    kept = {again.text[start:end] for start, end in again.unknown}
    return all(len(w) >= _LONG for s, e in query.unknown if (w := query.text[s:e]) not in kept)


# ------------------------------------------------------------------------------------------- counting


def _counted(shelf: Shelf, found: Ranked, levels: Sequence[int]) -> list[int]:
    """The best ``MOST_COUNTED`` documents, which is what the facets count."""
    chosen: list[int] = []
    for documents in levels:
        sure, tied = best(found, documents, MOST_COUNTED - len(chosen))
        chosen += positions(sure)
        chosen += positions(tied, MOST_COUNTED - len(chosen))
    return [shelf.number(place) for place in chosen]


def _facets(connection: sqlite3.Connection, documents: Sequence[int]) -> dict[str, dict[str, int]]:
    chosen = (among(documents),)
    facets: dict[str, dict[str, int]] = {}
    found = connection.execute(
        "SELECT document, structure, abnormality, side, certainty FROM findings"
        " WHERE document IN (SELECT value FROM json_each(?)) AND certainty NOT IN ('absent', 'not_assessed')",
        chosen,
    ).fetchall()
    owners, *columns = zip(*found, strict=True) if found else ((),) * 5
    for name, labels in zip(("structure", "abnormality", "side", "certainty"), columns, strict=True):
        counted = Counter(label for _, label in set(zip(owners, labels, strict=True)) if label)
        facets[name] = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    rows = connection.execute(
        "SELECT difficulty, count(*) AS n FROM cases WHERE id IN (SELECT value FROM json_each(?))"
        " AND difficulty <> '' GROUP BY difficulty ORDER BY n DESC, difficulty",
        chosen,
    )
    facets["difficulty"] = {str(label): int(n) for label, n in rows}
    rows = connection.execute(
        "SELECT coalesce(i.kind, 'case') AS label, count(*) AS n FROM documents d"
        " LEFT JOIN instances i ON i.id = d.instance_id WHERE d.id IN (SELECT value FROM json_each(?))"
        " GROUP BY label ORDER BY label <> 'case', n DESC, label",
        chosen,
    )
    facets["kind"] = {str(label): int(n) for label, n in rows}
    return facets
