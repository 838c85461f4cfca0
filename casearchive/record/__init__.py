"""The case file: readable TOML a clinician writes, and the frozen ``Case`` it stands for, both ways.

One table (``record.table``) says what a case file may hold; reading, writing, editing and the JSON Schema all
follow it.
"""

from casearchive.record.editing import update
from casearchive.record.lint import Completeness, completeness, unknown_words
from casearchive.record.places import Places
from casearchive.record.reading import MAX_BYTES, MAX_DEPTH, loads
from casearchive.record.schema import schema
from casearchive.record.writing import dumps

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Completeness",
    "Places",
    "completeness",
    "dumps",
    "loads",
    "schema",
    "unknown_words",
    "update",
]
