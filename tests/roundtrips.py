"""Out and back in: what of a case is there again after an export was ingested by another archive, field by field.

Fields have the names that a person knows from ``case.toml`` (``story.history``, ``finding.evidence.ellipse``); the
table of the record drives everything, so that a new field is compared from the day it is there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import teachingsets
from hypothesis import assume
from hypothesis import strategies as st

from casearchive import Archive, readers, record
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.exporters import exporter
from casearchive.model import (
    Calibration,
    Case,
    Diagnosis,
    Evidence,
    Outcome,
    Quiz,
    QuizPoint,
    Relation,
)
from casearchive.record.sentences import name, quantity
from casearchive.record.table import CASE, Field, Table
from casearchive.stores.folder import FolderStore
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet
from casearchive.terms import lexicon

ROOT = Path(__file__).resolve().parents[1]
#: Formats that are read back; of the others nothing is.
FORMS = ("folder", "zip", "bagit", "mirc", "dicom")
#: What no output is given, or what an archive says anew of every file that it takes.
APART = frozenset({
    "hold", "consent.scope", "consent.until", "consent.reference", "author.contact", "finding.reviewed", "media.id",
    "media.file", "media.sha256", "media.name",
})  # fmt: skip
#: Beside the fields of the record: every frame of every picture, which of them are the case's, and films with sound.
PIXELS, CLIPS, SOUND = "pixels", "clips", "sound"

#: What became of a field. ``WORDS``: it is not in its field, but what it said stands in some text of the case.
WHOLE, CHANGED, WORDS, LOST = "whole", "changed", "in words", "-"

#: A row of the page: what a person calls it, and the fields that make it up (with all below them).
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("title", ("title",)),
    ("title of the quiz", ("quiz_title",)),
    ("status, difficulty, category, tags, fictional", ("status", "difficulty", "category", "tags", "fictional")),
    ("author", ("author.name", "author.affiliation")),
    ("patient: age, sex, activity", ("patient",)),
    ("history", ("story.history",)),
    ("symptoms, mechanism", ("story.symptoms", "story.mechanism")),
    ("technique", ("story.technique",)),
    ("diagnosis", ("story.diagnosis",)),
    ("differential", ("story.differential",)),
    ("discussion", ("story.discussion",)),
    ("treatment, outcome", ("story.treatment", "story.outcome")),
    ("teaching points, pitfalls", ("story.points", "story.pitfalls")),
    ("references", ("story.references",)),
    ("earlier assessments", ("prior",)),
    ("clinical tests", ("test",)),
    ("pictures and clips, every pixel", (PIXELS,)),
    ("which picture is which clip of the case", (CLIPS,)),
    ("sound", (SOUND,)),
    ("captions", ("media.caption", "media.quiz_caption")),
    ("views: structure, side, plane, mode", ("media.structure", "media.side", "media.plane", "media.mode")),
    ("views: manoeuvre, position, day", ("media.maneuver", "media.position", "media.day")),
    ("key frames", ("media.key_frame",)),
    ("pairs of sides, scales set by hand", ("media.pair", "media.calibration")),
    ("findings: what and where",
     ("finding.id", "finding.abnormality", "finding.structure", "finding.site", "finding.side")),
    ("findings: how sure", ("finding.certainty",)),
    ("findings: severity, age, look",
     ("finding.severity", "finding.temporality", "finding.echogenicity")),
    ("findings: grades, Doppler", ("finding.grades", "finding.doppler")),
    ("findings: at rest and during a manoeuvre", ("finding.dynamic",)),
    ("findings: compared with, seen by, confirmed by, relations",
     ("finding.comparison", "finding.modality", "finding.confirmed_by", "finding.relation")),
    ("findings: notes", ("finding.note",)),
    ("evidence: clip and frames",
     ("finding.evidence.media", "finding.evidence.frames", "finding.evidence.best")),
    *((f"evidence: {shape}", (f"finding.evidence.{shape}",))
      for shape in ("point", "line", "polygon", "box", "ellipse")),
    ("measurements: what, value, unit, of which finding",
     ("measurement.what", "measurement.value", "measurement.unit", "measurement.finding")),
    ("measurements: state, side", ("measurement.state", "measurement.side")),
    ("measurements: clip, frame, points", ("measurement.media", "measurement.frame", "measurement.points")),
    ("measurements: notes", ("measurement.note",)),
    ("quiz: questions and answers", ("quiz.question", "quiz.options", "quiz.answer", "quiz.why", "quiz.reasons")),
    ("quiz: mark the place", ("quiz.ask_point",)),
)  # fmt: skip


# --------------------------------------------------------------------------------------------------- the cases


def whole_case() -> Case:
    """``full_case`` with what it does not say: every field of a record that may leave is said somewhere."""
    case = teachingsets.full_case()
    first, second = case.media
    torn, thinner, *others = case.findings
    doubted = Diagnosis("hematoma", "rectus_femoris", "left", "possible", "follow-up")
    polygon = Evidence("M1", (2, 2), "polygon", ((5.0, 5.0), (20.0, 5.0), (12.0, 18.0)))
    return replace(
        case,
        story=replace(case.story, diagnosis=(*case.story.diagnosis, doubted)),
        media=(
            replace(
                first, position="supine", pair="M2", calibration=Calibration(((1.0, 2.0), (1.0, 9.0)), 4.0)
            ),
            second,
        ),
        findings=(
            replace(torn, comparison="contralateral", relations=(Relation("spares", "sciatic_nerve"),)),
            replace(thinner, modality="mri", evidence=(*thinner.evidence, polygon)),
            *others,
        ),
        tests=tuple(replace(test, note="On the third try.") for test in case.tests),
        quiz=(*case.quiz, Quiz("Where is it?", ask_point=QuizPoint("M2", 1, "F1"))),
    )


def of_two_patients(folder: Path) -> TeachingSet:
    """``whole_case`` with ``M2`` of another patient: somebody is compared with somebody."""
    (taught,) = teachingsets.full_set(folder).cases
    pixels = teachingsets.speckle(1, seed=2)
    other = teachingsets.clip(
        folder,
        "M2",
        pixels,
        uid="2.25.402",
        study="2.25.400",
        series="2.25.401",
        patient="CA-OTHEROTHEROTHER",
    )
    return teachingsets.a_set(TeachingCase(whole_case(), (taught.clips[0], other)))


@dataclass(frozen=True)
class _Film:
    file: Path

    def path(self) -> Path:
        return self.file


def teaching_set(folder: Path, case: Case) -> TeachingSet:
    """The case with the pictures of ``teachingsets.full_set``, staged in ``folder``; ``M1`` has a film with sound."""
    (taught,) = teachingsets.full_set(folder).cases
    film = _Film(ROOT / "cases" / "sacroiliac-joint-imitating-sciatica" / "guided-injection.mp4")
    clips = tuple(replace(c, film=film, sounds=True) if c.ref == "M1" else c for c in taught.clips)
    return teachingsets.a_set(TeachingCase(case, clips))


@st.composite
def varied_cases(draw: st.DrawFn) -> Case:
    """Cases as records can hold them: parts of ``whole_case`` left out at will, any words in its texts."""
    case = _reworded(draw, CASE, whole_case())
    kept = {n for n in ("story", "patient", "priors", "tests", "measurements", "quiz") if draw(st.booleans())}
    blank = Case("x", "x")
    dropped = {n: getattr(blank, n) for n in ("story", "patient", "priors", "tests", "measurements", "quiz")}
    case = replace(case, **{n: value for n, value in dropped.items() if n not in kept})
    try:
        return record.loads(record.dumps(case), slug=case.slug)
    except record.RecordError:
        assume(False)
        raise


def _fit(text: str) -> str:
    """What a record takes of a text: no control characters, nothing that is not UTF-8, and more than spaces."""
    kept = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))
    return kept if kept.strip() else "words"


_PROSE = teachingsets.HOSTILE.map(_fit)
_LINE = _PROSE.map(lambda text: text.replace("\n", " "))


def _reworded(draw: st.DrawFn, table: Table, made: Any) -> Any:
    changes: dict[str, Any] = {}
    for field in table.fields:
        value = getattr(made, field.name) if field.kind != "shape" else None
        if not value or field.key in ("id", "file", "sha256", "name") or field.refers or field.pattern:
            continue
        if field.table is not None:
            rows = value if isinstance(value, tuple) else (value,)
            again = tuple(_reworded(draw, field.table, row) for row in rows)
            changes[field.name] = again if isinstance(value, tuple) else again[0]
        elif field.kind in ("text", "line") and draw(st.booleans()):
            changes[field.name] = draw(_LINE if field.kind == "line" else _PROSE)
        elif field.kind == "texts" and draw(st.booleans()):
            changes[field.name] = tuple(draw(st.lists(_LINE, min_size=len(value), max_size=len(value))))
    return replace(made, **changes)


# ----------------------------------------------------------------------------------------------- out and back in


@dataclass(frozen=True)
class Returned:
    """What came of one round trip. ``case`` is None where no case came back; ``outcomes`` are the lines of ingest,
    ``archive`` is where it came to."""

    before: Case
    case: Case | None
    fields: Mapping[str, str]  # of every field that was said before: what became of it
    outcomes: tuple[Outcome, ...]
    archive: Archive


def round_trip(form: str, teaching: TeachingSet, folder: Path) -> Returned:
    """Export the one case of ``teaching`` as ``form`` and ingest that into a new archive, both in ``folder``."""
    (taught,) = teaching.cases
    target = folder / form
    target.mkdir()
    exporter(form).export(teaching, target, {})
    archive = Archive.create(folder / f"{form}-archive")
    outcomes: list[Outcome] = []
    archive.ingest([target], workers=0, report=outcomes.append)
    case = _the_case(archive, taught.case.slug)
    fields = compared(taught.case, case)
    fields[PIXELS] = _pixels(taught, archive)
    fields[CLIPS] = _clips(taught, case, archive)
    if any(clip.sounds for clip in taught.clips):
        fields[SOUND] = _sound(taught, case, archive)
    return Returned(taught.case, case, fields, tuple(outcomes), archive)


def _the_case(archive: Archive, slug: str) -> Case | None:
    """The case of this slug, or the only one: not every format carries the slug."""
    cases = cases_in(archive)
    return next((case for case in cases if case.slug == slug), cases[0] if len(cases) == 1 else None)


def _store(archive: Archive) -> FolderStore:
    return FolderStore(archive.path / "objects", archive.path / "tmp")


def _shows(archive: Archive, sha256: str, clip: TeachingClip) -> bool:
    """Whether this object of the archive has the frames of ``clip``, pixel for pixel."""
    try:
        there = readers.open_clip(_store(archive).path(sha256), sha256)
    except UnreadableFile:
        return False
    try:
        return there.facts.instance.frames == len(clip.frames) and all(
            np.array_equal(there.frame(n), clip.frames.frame(n)) for n in range(1, len(clip.frames) + 1)
        )
    except PictureUnavailable:
        return False
    finally:
        there.close()


def _pixels(taught: TeachingCase, archive: Archive) -> str:
    """Whether the archive holds each picture that left, in a case or not."""
    names = list(_store(archive).names())
    held = [any(_shows(archive, name, clip) for name in names) for clip in taught.clips]
    return WHOLE if all(held) else CHANGED if any(held) else LOST


def _clips(taught: TeachingCase, case: Case | None, archive: Archive) -> str:
    """Whether the case has all of its pictures and no others, in their order and under their ids."""
    if case is None or not case.media:
        return LOST
    same = [m.id for m in case.media] == [c.ref for c in taught.clips] and all(
        _shows(archive, m.sha256, c) for m, c in zip(case.media, taught.clips, strict=True)
    )
    return WHOLE if same else CHANGED


def _sound(taught: TeachingCase, case: Case | None, archive: Archive) -> str:
    """Whether a clip of the case is the film that left, for nothing else carries sound."""
    films = {clip.film.path() for clip in taught.clips if clip.sounds and clip.film}
    left = {film.read_bytes() for film in films if film}
    here = {_store(archive).path(media.sha256).read_bytes() for media in case.media} if case else set()
    return WHOLE if left <= here else LOST


# ---------------------------------------------------------------------------------------------- field by field


def fields_of(table: Table = CASE, before: str = "") -> Iterator[str]:
    """Every field of a record by its dotted name; a shape of evidence is a field for each kind of shape."""
    for field in table.fields:
        if field.table is not None:
            yield from fields_of(field.table, f"{before}{field.key}.")
        elif field.kind == "shape":
            yield from (f"{before}{shape}" for shape in record.table.SHAPES)
        else:
            yield before + field.key


def compared(before: Case, after: Case | None) -> dict[str, str]:
    """What became of each field that ``before`` says, but for those that are ``APART``."""
    was, now = _said(before), _said(after) if after else {}
    texts = _prose(after) if after else ()
    told = {}
    for path, values in was.items():
        if path in APART:
            continue
        here = {row: one.value for row, one in now.get(path, {}).items()}
        if here == {row: one.value for row, one in values.items()}:
            told[path] = WHOLE
        elif all(one.in_words(texts) for one in values.values()):
            told[path] = WORDS
        else:
            told[path] = CHANGED if here else LOST
    return told


@dataclass(frozen=True)
class _Value:
    """A value and how it reads: the forms of every part of it; none where it cannot be told in words."""

    value: Any
    words: tuple[tuple[str, ...], ...]

    def in_words(self, texts: Sequence[str]) -> bool:
        """What belongs to a finding or the like must stand in one line with it, other words anywhere in a text."""
        places = [line for text in texts for line in text.split("\n")] if len(self.words) > 1 else texts
        return bool(self.words) and any(
            all(any(_stands(form, place) for form in forms) for forms in self.words) for place in places
        )


def _said(case: Case) -> dict[str, dict[tuple[Any, ...], _Value]]:
    found: dict[str, dict[tuple[Any, ...], _Value]] = {}
    _gather(CASE, case, "", (), (), found)
    return found


def _gather(
    table: Table,
    made: Any,
    before: str,
    row: tuple[Any, ...],
    head: tuple[tuple[str, ...], ...],
    found: dict[str, dict[tuple[Any, ...], _Value]],
) -> None:
    for field in table.fields:
        if field.kind == "shape":
            if made.shape:
                found.setdefault(before + made.shape, {})[row] = _Value(made.points, ())
            continue
        value = getattr(made, field.name)
        if value == table.default(field) and not field.required:
            continue
        path = before + field.key
        if field.table is None:
            words = _words(field, value, made)
            told = (*head, *words) if words else ()
            found.setdefault(path, {})[row] = _Value(value, told)
            continue
        rows = value if isinstance(value, tuple) else (value,)
        for number, one in enumerate(rows):
            key = (*row, getattr(one, "id", "") or number)
            _gather(field.table, one, f"{path}.", key, (*head, *_head(one)), found)


#: What a row is called by: the other things that it says must stand in one paragraph with that to be told in words.
_HEADS = ("abnormality", "test", "what")


def _head(made: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(_names(str(value)) for part in _HEADS if (value := getattr(made, part, "")))


def _words(field: Field, value: Any, made: Any) -> tuple[tuple[str, ...], ...]:
    if field.refers or field.key == "id" or isinstance(value, bool):
        return ()
    if field.key == "value" and hasattr(made, "unit"):
        return ((quantity(made.value, made.unit), f"{made.value:g} {made.unit}"),)
    if field.kind == "grades":
        return tuple(forms for grade in value for forms in (_names(grade.scale), (grade.value,)))
    if isinstance(value, str):
        return (_names(value),)
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return tuple(_names(one) for one in value)
    return ()


def _names(word: str) -> tuple[str, ...]:
    """How a word, or the concept that it names, may be written in a sentence."""
    concept = lexicon().concept(word) or lexicon().resolve(word, ("measurement", "scale"))
    more = (concept.preferred, *concept.names) if concept else ()
    return tuple(dict.fromkeys(_folded(form) for form in (word, name(word), *more) if form.strip()))


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()


def _prose(case: Case) -> tuple[str, ...]:
    """All that a case says in sentences."""
    texts = [
        case.title, case.quiz_title, case.story.history, case.story.technique, case.story.discussion,
        case.story.treatment, case.story.outcome, *case.story.differential, *case.story.points,
        *case.story.pitfalls, *case.story.references, *(m.caption for m in case.media),
        *(f.note for f in case.findings), *(m.note for m in case.measurements), *(p.impression for p in case.priors),
        *(p.note for p in case.priors), *(q.question for q in case.quiz), *(q.why for q in case.quiz),
    ]  # fmt: skip
    return tuple(text for text in texts if text.strip())


def _stands(form: str, place: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(_folded(form))}(?!\w)", _folded(place)) is not None


# ----------------------------------------------------------------------------------------------------- the page


def table(folder: Path) -> list[tuple[str, list[str]]]:
    """What comes back of ``whole_case``, a row for each of ``GROUPS`` with a cell for each of ``FORMS``; the last row
    is that of ``of_two_patients``."""
    found, apart = [], []
    for form in FORMS:
        room, other = folder / f"{form}-room", folder / f"{form}-two"
        for place in (room, other):
            (place / "staging").mkdir(parents=True)
        found.append(round_trip(form, teaching_set(room / "staging", whole_case()), room))
        two = round_trip(form, of_two_patients(other / "staging"), other)
        apart.append(two.fields[CLIPS] if two.case else f"{len(cases_in(two.archive))} cases, one a patient")
    rows = [(title, [_cell(one.fields, paths) for one in found]) for title, paths in GROUPS]
    return [*rows, ("a case of two patients", apart)]


def cases_in(archive: Archive) -> list[Case]:
    slugs = sorted(path.stem for path in (archive.path / "cases").glob("*.toml"))
    return [record.loads(archive.record_text(slug), slug=slug) for slug in slugs]


def below(path: str, group: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in group)


def _cell(fields: Mapping[str, str], group: tuple[str, ...]) -> str:
    """``whole``, or what most of the group is, and what is otherwise of it by name."""
    mine = {path: what for path, what in fields.items() if below(path, group)}
    assert mine, f"the case says nothing of {group}"
    kinds = [kind for kind in (WHOLE, CHANGED, WORDS, LOST) if kind in mine.values()]
    most = max(kinds, key=lambda kind: sum(what == kind for what in mine.values()))
    rest = [
        f"{kind}: {', '.join(_short(p) for p, what in mine.items() if what == kind)}"
        for kind in kinds
        if kind != most
    ]
    return "; ".join([most, *rest])


def _short(path: str) -> str:
    return path.rpartition(".")[2].replace("_", " ")


__all__ = [
    "APART", "CHANGED", "CLIPS", "FORMS", "GROUPS", "LOST", "PIXELS", "SOUND", "WHOLE", "WORDS", "Returned", "below",
    "compared", "fields_of", "round_trip", "table", "teaching_set", "varied_cases", "whole_case",
]  # fmt: skip
