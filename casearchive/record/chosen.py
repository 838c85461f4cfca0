"""Words of the closed lists as people write them: Left, L, Not assessed; a spreadsheet begins cells with a capital.

A case file is strict about them; what is said on a command line or in a table is taken as it was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from casearchive.choices import SIDES
from casearchive.record.table import Table
from casearchive.terms import lexicon


def chosen(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row of ``table``, with the words of its closed lists as these have them."""
    made = dict(values)
    for key, value in values.items():
        field = table.field(key)
        if field is not None and field.choices and isinstance(value, str) and value not in field.choices:
            made[key] = _meant(value, field.choices)
    return made


def _meant(text: str, choices: tuple[str, ...]) -> str:
    """The one of ``choices`` that is written otherwise; never a guess at a misspelling."""
    word = re.sub(r"[\s-]+", "_", text.strip().lower())
    if word in choices:
        return word
    side = lexicon().resolve(text.strip(), ("laterality",)) if choices == SIDES else None
    if side is None or side.id not in choices:
        return text
    names = (side.preferred, *side.names, *side.abbreviations)
    return side.id if text.strip().lower() in (n.lower() for n in names) else text
