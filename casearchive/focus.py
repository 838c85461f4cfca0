"""Which findings of its cases a set shows: all, those that are there, those that are sure, or those of some kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from casearchive.choices import CERTAINTIES, PRESENT
from casearchive.errors import UsageError
from casearchive.model import Case, Finding, Quiz
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, lexicon

#: The name of the option, and what is said of it in lists.
OPTION = "findings"
ABOUT = (
    "which findings are shown: present (not what was excluded), definite (only what is sure), reviewed (not what was "
    "only read in the text), and of what or where, such as tear,quadriceps (all)"
)
_REVIEWED = "reviewed"
_SURE: dict[str, tuple[str, ...]] = {"all": CERTAINTIES, "present": PRESENT, "definite": ("definite",)}


@dataclass(frozen=True, slots=True)
class Focus:
    """``certainties`` that are shown, and the concepts of which a finding must be one, by structure or abnormality (its
    kinds and parts are among them); no concept means every finding. ``reviewed``: only what a person wrote or saw."""

    certainties: tuple[str, ...] = CERTAINTIES
    concepts: frozenset[str] = frozenset()
    reviewed: bool = False

    def shows(self, finding: Finding) -> bool:
        of_kind = not self.concepts or bool(self.concepts & {finding.structure, finding.abnormality})
        looked_at = finding.reviewed or not self.reviewed
        return of_kind and looked_at and finding.certainty in self.certainties


def read(value: str) -> Focus:
    """The focus that an option's value asks for: words parted by commas. Raises ``UsageError``."""
    certainties, concepts, reviewed = _SURE["all"], set[str](), False
    words = [word.strip() for word in value.split(",") if word.strip()]
    for word in words:
        if word.lower() in _SURE:
            certainties = _SURE[word.lower()]
            continue
        if word.lower() == _REVIEWED:
            reviewed = True
            continue
        concept = lexicon().resolve(word, {*STRUCTURE_KINDS, *ABNORMALITY_KINDS})
        if concept is None:
            raise UsageError(
                f"{word!r} is no structure and no abnormality",
                where=f"option {OPTION}",
                hint=f"Write {', '.join((*_SURE, _REVIEWED))} or words of the vocabulary (casearchive vocabulary), "
                "parted by commas.",
            )
        concepts |= {concept.id, *lexicon().narrower(concept.id)}
    if not words:
        raise UsageError("it says nothing", where=f"option {OPTION}", hint="Write: --option findings=present")
    return Focus(certainties, frozenset(concepts), reviewed)


def focused(case: Case, focus: Focus) -> Case:
    """The case with the findings that are shown, their measurements, and no question after the place of another."""
    findings = tuple(finding for finding in case.findings if focus.shows(finding))
    gone = {finding.id for finding in case.findings} - {finding.id for finding in findings}
    return replace(
        case,
        findings=findings,
        measurements=tuple(m for m in case.measurements if m.finding not in gone),
        quiz=tuple(_asked(case, gone)),
    )


def _asked(case: Case, gone: set[str]) -> Iterator[Quiz]:
    for quiz in case.quiz:
        if quiz.ask_point is None or quiz.ask_point.finding not in gone:
            yield quiz
        elif quiz.options:
            yield replace(quiz, ask_point=None)
