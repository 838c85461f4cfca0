"""How well the ten best hits answer a graded question, and means over many questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from judging.data import Question

DEPTH = 10


@dataclass(frozen=True)
class Answer:
    """``got`` are the slugs of the ten best hits; ``labelled`` says that they were shown as a near miss."""

    question: Question
    got: tuple[str, ...]
    labelled: bool = False
    understood: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def ndcg(self) -> float:
        """Gain 2^grade - 1, discounted by log2(rank + 1), against the best possible order of ten."""
        ideal = _gain(sorted(self.question.grades.values(), reverse=True)[:DEPTH])
        return _gain([self.question.grades.get(slug, 0) for slug in self.got]) / ideal if ideal else 0.0

    @property
    def recall(self) -> float:
        """The share of the good and best cases that is among the ten (of ten where there are more)."""
        wanted = {slug for slug, grade in self.question.grades.items() if grade >= 2}
        return len(wanted & set(self.got)) / min(DEPTH, len(wanted)) if wanted else 1.0

    @property
    def violates(self) -> bool:
        return bool(self.question.never & set(self.got))

    @property
    def pretends(self) -> bool:
        """Something is shown, as if it were the answer, where there is none."""
        return not self.question.answerable and bool(self.got) and not self.labelled


def _gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


@dataclass(frozen=True)
class Score:
    """Means; None where no question of the kind was asked. Violations are counted among the questions that have
    an excluded case, empty answers among those that can be answered, pretences among those that cannot."""

    questions: int
    ndcg: float | None
    recall: float | None
    violations: float | None
    zero: float | None
    pretences: float | None

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Score:
        can = [a for a in answers if a.question.answerable]
        return cls(
            questions=len(answers),
            ndcg=_mean([a.ndcg for a in can]),
            recall=_mean([a.recall for a in can]),
            violations=_mean([float(a.violates) for a in answers if a.question.never]),
            zero=_mean([float(not a.got) for a in can]),
            pretences=_mean([float(a.pretends) for a in answers if not a.question.answerable]),
        )


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
