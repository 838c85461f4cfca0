"""Words for who the patient is ("newborn", "woman", "elderly"), as an age or a sex that is wished for.

Few records tell either, so beside anything else nobody is left out for it; who is of that age, or is called so, comes
first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from casearchive.query.tree import And, CaseClause, Node, Or, Range, Test, Words

#: Words, with the sex they tell and the years from and (not included) to.
_WHO: tuple[tuple[str, str, float | None, float | None], ...] = (
    ("newborn newborns neonate neonates neonatal", "", None, 0.2),
    ("baby babies infant infants", "", None, 2),
    ("toddler toddlers", "", 1, 4),
    ("child children kid kids paediatric pediatric", "", None, 16),
    ("teenager teenagers teen teens adolescent adolescents teenage", "", 11, 20),
    ("elderly", "", 65, None),
    ("adult adults", "", 18, None),
    ("woman women female females lady ladies", "F", None, None),
    ("man men male males gentleman", "M", None, None),
    ("girl girls", "F", None, 18),
    ("boy boys", "M", None, 18),
)
#: Of these a comparison without a unit is an age ("patients over 60"); they tell nothing else.
_ANYBODY = frozenset(("patient", "patients", "people", "person", "persons"))
_BY_WORD = {word: who for who in _WHO for word in who[0].split()}


#: "67F", "M 45": how old and of which sex; an M or an F before a single digit is a clip or a finding.
_SHORT = re.compile(
    r"(?<![\w.,>=<-])(?:(?P<age>\d{2,3})\s?(?P<sex>[MF])|(?P<sex_>[MF])\s?(?P<age_>\d{2,3}))(?![\w.,%/²³-]\w)\b"
)


class Short(NamedTuple):
    """A patient in ``text[start:end]`` in the shorthand of a record."""

    start: int
    end: int
    age: int
    word: str


def shorthand(text: str) -> tuple[Short, ...]:
    """Patients as records write them in short, left to right."""
    return tuple(
        Short(m.start(), m.end(), age, "man" if (m["sex"] or m["sex_"]) == "M" else "woman")
        for m in _SHORT.finditer(text)
        if (age := int(m["age"] or m["age_"])) < 120
    )


def is_person(word: str) -> bool:
    return word.lower() in _BY_WORD or word.lower() in _ANYBODY


def wish(word: str) -> Node | None:
    """What a word for a person asks for; None where it is none."""
    who = _BY_WORD.get(word.lower())
    if who is None:
        return None
    _, sex, low, high = who
    told: list[Node] = []
    if low is not None or high is not None:
        told.append(CaseClause(Test("age", "number", range=Range(low, high, high_in=False))))
    if sex:
        told.append(CaseClause(Test("sex", "choice", values=(sex,))))
    return Or((Words((word,)), told[0] if len(told) == 1 else And(tuple(told))))
