"""What a case still lacks before it can teach: a score from 0 to 100 and one line for each gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from casearchive.choices import PRESENT
from casearchive.errors import Problem
from casearchive.frozen import dataclass
from casearchive.model import Case, Finding
from casearchive.record.places import Places
from casearchive.record.spoilers import spoilers
from casearchive.record.table import CASE, Table
from casearchive.terms import lexicon
from casearchive.terms.grades import called

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Completeness:
    """How complete a case is: ``score`` from 0 to 100, and what is missing, in the order of the case file."""

    score: int
    missing: tuple[Problem, ...]


@dataclass(frozen=True)
class _Gap:
    path: Path
    message: str


@dataclass(frozen=True)
class _Check:
    """One expectation: its weight, how much of it is met (0 to 1), and what to say where it is not."""

    weight: int
    look: Callable[[Case], tuple[float, list[_Gap]]]


def completeness(case: Case, *, text: str = "", file: str = "case.toml") -> Completeness:
    """Score a case for teaching and say what is missing and why it matters.

    ``text`` is the case file the case was read from; with it every line number is that of the place to write
    at, without it they are all 1. Problems have the level ``missing``: none of them refuses the record.
    """
    places = Places(text, file)
    met, gaps = 0.0, []
    for check in _CHECKS:
        share, found = check.look(case)
        met += check.weight * share
        gaps.extend(found)
    score = round(100 * met / sum(check.weight for check in _CHECKS))
    if gaps and score == 100:
        score = 99
    missing = [places.problem(g.path, g.message, "missing") for g in gaps]
    return Completeness(score, tuple(missing))


@dataclass(frozen=True)
class Unknown:
    """A word the vocabulary does not know: where it stands, as written, and what may have been meant."""

    path: Path
    word: str
    nearest: tuple[str, ...]

    def __str__(self) -> str:
        hint = f"; did you mean {', '.join(self.nearest)}?" if self.nearest else "."
        return f"“{self.word}” is not in the lexicon{hint} It is kept and can be searched as text."


def unknown_words(case: Case) -> tuple[Unknown, ...]:
    """Words the vocabulary does not know.

    They are kept and searchable as text, but no synonym, part or kind is found through them. Grades that
    their scale does not have are listed too, with the grades it has.
    """
    return tuple(_unknown_in(CASE, case, ()))


def _unknown_in(table: Table, made: Any, path: Path) -> Iterator[Unknown]:
    terms = lexicon()
    for field in table.fields:
        if field.kind == "shape":
            continue
        value = getattr(made, field.name)
        here = (*path, field.key)
        if field.kind == "table" and field.table is not None and value is not None:
            yield from _unknown_in(field.table, value, here)
        elif field.kind == "tables" and field.table is not None:
            for number, row in enumerate(value):
                yield from _unknown_in(field.table, row, (*here, number))
        elif field.kind in ("concept", "word", "concepts"):
            words = value if isinstance(value, tuple) else (value,)
            for number, word in enumerate(words):
                if word and terms.resolve(word, field.concepts) is None:
                    place = (*here, number) if isinstance(value, tuple) else here
                    yield Unknown(place, word, _suggestions(word, field.concepts))
        elif field.kind == "grades":
            yield from _unknown_grades(value, here)


def _suggestions(word: str, kinds: frozenset[str]) -> tuple[str, ...]:
    terms = lexicon()
    senses = [c.preferred for i in terms.senses(word, kinds) if (c := terms.concept(i)) is not None]
    return tuple(senses) or terms.nearest(word, kinds)


def _unknown_grades(grades: Iterable[Any], path: Path) -> Iterator[Unknown]:
    terms = lexicon()
    scales = frozenset({"scale"})
    for grade in grades:
        scale = terms.resolve(grade.scale, scales)
        place = (*path, grade.scale)
        if scale is None:
            names = (
                terms.nearest(grade.scale, scales) or tuple(called(i, terms) for i in terms.ids(scales))[:3]
            )
            yield Unknown(place, grade.scale, names)
        elif scale.values and grade.value not in scale.values:
            yield Unknown(place, grade.value, scale.values)


# -------------------------------------------------------------------------------------------------- checks


def _present(case: Case) -> list[tuple[int, Finding]]:
    """Findings that a search finds, with their place (from 0)."""
    return [(n, f) for n, f in enumerate(case.findings) if f.certainty in PRESENT]


def _need(path: str, message: str, met: Callable[[Case], bool]) -> Callable[[Case], tuple[float, list[_Gap]]]:
    def look(case: Case) -> tuple[float, list[_Gap]]:
        return (1.0, []) if met(case) else (0.0, [_Gap(tuple(path.split(".")), message)])

    return look


def _each_media(case: Case) -> tuple[float, list[_Gap]]:
    gaps = [
        _Gap(("media", n, "caption"), f"{m.id} has no caption: say in a line what the picture shows")
        for n, m in enumerate(case.media)
        if not m.caption.strip()
    ]
    return _share(len(case.media), gaps) if case.media else (0.0, [])


def _media_files(case: Case) -> tuple[float, list[_Gap]]:
    if not case.media:
        return 0.0, [_Gap(("media",), "no picture or clip: a case is taught from its images")]
    gaps = [
        _Gap(("media", n), f'{m.id} names no file: write file = "…" beside this case file')
        for n, m in enumerate(case.media)
        if not m.file and not m.sha256
    ]
    return _share(len(case.media), gaps)


def _findings(case: Case) -> tuple[float, list[_Gap]]:
    if not case.findings:
        return 0.0, [
            _Gap(("finding",), "no finding: cases are found by what was seen, or documented as absent")
        ]
    gaps = []
    for n, finding in enumerate(case.findings):
        lacks = [
            w for w, v in (("structure", finding.structure), ("abnormality", finding.abnormality)) if not v
        ]
        if lacks:
            gaps.append(_Gap(("finding", n, lacks[0]), f"{finding.id} names no {' and no '.join(lacks)}"))
        elif finding.side == "unknown":
            gaps.append(
                _Gap(
                    ("finding", n, "side"),
                    f"{finding.id} has no side: left, right, bilateral, midline or none",
                )
            )
    return _share(len(case.findings), gaps)


def _evidence(case: Case) -> tuple[float, list[_Gap]]:
    """Only what ultrasound saw can be pointed at in the case's own pictures."""
    seen = [(n, f) for n, f in _present(case) if f.modality == "us"]
    gaps = [
        _Gap(("finding", n, "evidence"), f"{f.id} has no evidence: name the clip and the frames that show it")
        for n, f in seen
        if not f.evidence
    ]
    return _share(len(seen), gaps) if case.findings else (0.0, [])


def _diagnosis(case: Case) -> tuple[float, list[_Gap]]:
    if not case.story.diagnosis:
        return 0.0, [_Gap(("story", "diagnosis"), "no final diagnosis: learners will ask what it was")]
    gaps = [
        _Gap(
            ("story", "diagnosis", n),
            "nothing confirms the diagnosis: say confirmed_by (surgery, mri, follow-up …) or be less certain",
        )
        for n, d in enumerate(case.story.diagnosis)
        if d.certainty == "definite" and not d.confirmed_by
    ]
    share, _ = _share(len(case.story.diagnosis), gaps)
    return 0.7 + 0.3 * share, gaps


def _patient(case: Case) -> tuple[float, list[_Gap]]:
    gaps = [
        _Gap(("patient", key), f"the patient's {key} is missing: it changes what is likely{more}")
        for key, value, more in (
            ("age", case.patient.age, ' (age = "24 Y", never a birth date)'),
            ("sex", case.patient.sex, ""),
        )
        if not value
    ]
    return _share(2, gaps)


def _consent(case: Case) -> tuple[float, list[_Gap]]:
    if case.fictional or case.consent.scope.strip():
        return 1.0, []
    why = "no consent is recorded: say what the patient agreed to (scope, until, reference)"
    return 0.0, [_Gap(("consent", "scope"), why)]


def _spoilers(case: Case) -> tuple[float, list[_Gap]]:
    """A quiz title that exists and, like the quiz captions, does not name the answer."""
    if not case.quiz_title.strip():
        why = "no quiz_title: while the answer is hidden the case needs a neutral one, such as the complaint"
        return 0.0, [_Gap(("quiz_title",), why)]
    gaps = [_Gap(spoiler.path, spoiler.message) for spoiler in spoilers(case, captions=True)]
    share, _ = _share(1 + len(case.media), gaps)
    return share, gaps


def _share(count: int, gaps: list[_Gap]) -> tuple[float, list[_Gap]]:
    return (max(0.0, 1 - len(gaps) / count) if count else 1.0), gaps


_CHECKS = (
    _Check(4, _need("title", "the title is missing", lambda c: bool(c.title.strip()))),
    _Check(6, _spoilers),
    _Check(
        3,
        _need(
            "difficulty", "no difficulty: learners and sets are sorted by it", lambda c: bool(c.difficulty)
        ),
    ),
    _Check(
        5,
        _need(
            "author.name",
            "no author: a reader must know who vouches for it",
            lambda c: bool(c.author.name.strip()),
        ),
    ),
    _Check(10, _consent),
    _Check(8, _patient),
    _Check(
        9,
        _need(
            "story.history",
            "no history: why was the patient scanned?",
            lambda c: bool(c.story.history.strip()),
        ),
    ),
    _Check(
        3,
        _need(
            "story.technique",
            "no technique: probe, position and manoeuvres, so that it can be repeated",
            lambda c: bool(c.story.technique.strip()),
        ),
    ),
    _Check(12, _diagnosis),
    _Check(
        3,
        _need(
            "story.differential",
            "no differential: what else was considered?",
            lambda c: bool(c.story.differential),
        ),
    ),
    _Check(
        9,
        _need(
            "story.discussion",
            "neither a discussion nor teaching points: what is to be learned?",
            lambda c: bool(c.story.discussion.strip() or c.story.points),
        ),
    ),
    _Check(9, _media_files),
    _Check(5, _each_media),
    _Check(8, _findings),
    _Check(6, _evidence),
)
