"""Words into a tree, and the tree into parameterised SQL; running it is the index's business.

``parse`` understands a question, ``respelt`` and ``relaxed`` give it a second chance, ``compiled`` makes SQL
of it. A user's words are only ever parameters, never SQL text, and never unquoted full-text syntax.
"""

from casearchive.query.describe import described
from casearchive.query.fields import ALIASES, FIELDS, HAS, Field
from casearchive.query.leaf_rows import rows_of
from casearchive.query.parse import MAX_TERMS, parse, relaxed, respelt
from casearchive.query.pieces import Sql
from casearchive.query.sql import compiled
from casearchive.query.tree import Query, leaves

__all__ = [
    "ALIASES",
    "FIELDS",
    "HAS",
    "MAX_TERMS",
    "Field",
    "Query",
    "Sql",
    "compiled",
    "described",
    "leaves",
    "parse",
    "relaxed",
    "respelt",
    "rows_of",
]
