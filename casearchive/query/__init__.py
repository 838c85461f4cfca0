"""Words into a tree, and the tree into sets of documents and parameterised SQL; running it is the index's business.

``parse`` understands a question, ``respelt`` and ``relaxed`` give it a second chance. ``ranked`` answers it from the
facts that the index keeps as sets, ``rows_of`` says of single documents where and why they answer. A user's words
are only ever parameters, never SQL text, and never unquoted full-text syntax.
"""

from casearchive.query.describe import described
from casearchive.query.fields import ALIASES, FIELDS, HAS, Field
from casearchive.query.finding_sets import passes
from casearchive.query.leaf_rows import parts_of, rows_of
from casearchive.query.leaf_sets import ranked
from casearchive.query.loosening import looser, relaxed, without_one
from casearchive.query.parse import MAX_TERMS, parse, respelt
from casearchive.query.pieces import Sql
from casearchive.query.tree import Query, leaves

__all__ = [
    "ALIASES",
    "FIELDS",
    "HAS",
    "MAX_TERMS",
    "Field",
    "Query",
    "Sql",
    "described",
    "leaves",
    "looser",
    "parse",
    "parts_of",
    "passes",
    "ranked",
    "relaxed",
    "respelt",
    "rows_of",
    "without_one",
]
