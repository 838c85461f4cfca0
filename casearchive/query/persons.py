"""Words for who the patient is ("newborn", "woman", "elderly"), as an age or a sex that is wished for.

Few records tell either, so nobody is left out for it; who is of that age, or is called so, comes first.
"""

from __future__ import annotations

from casearchive.query.tree import CaseClause, Maybe, Node, Or, Range, Test, Words

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
_BY_WORD = {word: who for who in _WHO for word in who[0].split()}


def wish(word: str) -> Node | None:
    """What a word for a person wishes for; None where it is none."""
    who = _BY_WORD.get(word.lower())
    if who is None:
        return None
    _, sex, low, high = who
    ways: list[Node] = [Words((word,))]
    if low is not None or high is not None:
        ways.append(CaseClause(Test("age", "number", range=Range(low, high, high_in=False))))
    if sex:
        ways.append(CaseClause(Test("sex", "choice", values=(sex,))))
    return Maybe(Or(tuple(ways)))
