"""Cases as archives hold them, of any shape, and what a format loses of them on the way out and back in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import strategies as st

from casearchive import choices, model
from casearchive.model import Case

#: What does not come back, by format and field of the record (``media.file``), and why. What is not listed here is
#: equal; the property tests hold both: a field that is listed may change, any other may not.
LOSSES: Mapping[str, Mapping[str, str]] = {
    "mirc": {
        "author.contact": "never leaves",
        "hold": "never leaves: what is held does not",
        "consent.until": "never leaves: the day on which it ends is a day of somebody's life",
        "consent.reference": "never leaves",
        "media.file": "is the name of the file in the zip",
        "media.sha256": "is that of the new file",
        "media.name": "never leaves: names of originals may tell who it is",
    },
}
#: What comes back in other blanks: a run of them is one, and prose keeps its paragraphs but no lines within them.
BLANKS: Mapping[str, frozenset[str]] = {
    "mirc": frozenset({
        "title", "quiz_title", "author.name", "author.affiliation", "story.history", "story.discussion",
        "story.treatment", "story.outcome", "story.points", "story.pitfalls", "story.references",
    }),
}  # fmt: skip

#: Words with what XML, TOML and Markdown trip over; as records hold them, without control characters.
WORDS = st.lists(
    st.sampled_from([
        "tear", "of the", "rectus femoris", "<b>&amp;", "]]>", '"""', "'", "\\n", "5 < 6 & 7 > 2", "möglich", "معصم",
        "超音波", "No.", "1.", "(frame 3 of 5)", "Symptoms:", "e\u0301", "\u202e", "- x", "Right.", "; ", "a, b", "{}",
    ]),
    min_size=1, max_size=4,
).map(" ".join).filter(lambda text: bool(text.strip()))  # fmt: skip
MAYBE = st.one_of(st.just(""), WORDS.map(str.strip))
PROSE = st.one_of(
    st.just(""), st.lists(WORDS.map(str.strip), min_size=1, max_size=3, unique=True).map("\n\n".join)
)
TEXTS = st.lists(WORDS.map(str.strip), max_size=2, unique=True).map(tuple)
SIDES = st.sampled_from(choices.SIDES)
TERMS = st.sampled_from(["tear", "complete_tear", "hematoma", "a felted look"])
PLACES = st.sampled_from(["", "rectus_femoris", "achilles_tendon", "the velvet sheath"])
MANEUVERS = st.sampled_from(["", "contraction", "rest"])
MODALITIES = st.sampled_from(choices.MODALITIES)
COORDINATES = st.tuples(st.integers(0, 8), st.sampled_from([0.0, 3.0, 6.5, 0.1])).map(
    lambda p: (float(p[0]), p[1])
)
REFS = st.sampled_from(["M1", "M2"])
FRAMES = st.one_of(st.none(), st.sampled_from([(1, 1), (2, 4)]))
FRAME = st.one_of(st.none(), st.just(1))


def _shaped(shape: str, points: list[tuple[float, float]], **more: Any) -> model.Evidence:
    count = {"": 0, "point": 1, "line": 2, "box": 2, "ellipse": 4, "polygon": 3}[shape]
    return model.Evidence(shape=shape, points=tuple(points[:count]), **more)


EVIDENCE = st.builds(
    _shaped, shape=st.sampled_from(["", "point", "line", "box", "ellipse", "polygon"]),
    points=st.lists(COORDINATES, min_size=4, max_size=4), media=REFS, frames=FRAMES, best=st.booleans(),
)  # fmt: skip
FINDINGS = st.builds(
    model.Finding, id=st.just("F"), abnormality=TERMS, structure=PLACES, site=st.sampled_from(["", "muscle_belly"]),
    side=SIDES, certainty=st.sampled_from(choices.CERTAINTIES),
    severity=st.sampled_from(["", *choices.SEVERITIES]), temporality=st.sampled_from(["", *choices.TEMPORALITIES]),
    echogenicity=st.sampled_from([(), ("hypoechoic",), ("hypoechoic", "my own word")]),
    grades=st.sampled_from([(), (model.Grade("peetrons", "3"),), (model.Grade("my scale", "2 b"),)]),
    doppler=st.sampled_from([None, model.Doppler("pd", 0.0), model.Doppler("pd", None)]),
    dynamic=st.one_of(st.none(), st.builds(model.Dynamic, MANEUVERS, MAYBE, MAYBE)),
    comparison=st.sampled_from(["", "contralateral"]), modality=MODALITIES,
    relations=st.sampled_from([(), (model.Relation("compressed_by", "piriformis"),)]), confirmed_by=MAYBE, note=PROSE,
    evidence=st.lists(EVIDENCE, max_size=2).map(tuple), reviewed=st.booleans(),
)  # fmt: skip
MEASUREMENTS = st.builds(
    model.Measurement, what=st.sampled_from(["gap", "csa", "own measure"]),
    value=st.sampled_from([31.0, 0.1, -2.5, 1e9, 0.30000000000000004]),
    unit=st.sampled_from(["mm", "mm2", "", "%"]),
    finding=st.sampled_from(["", "F1"]), state=MANEUVERS, side=st.sampled_from(["", *choices.SIDES]),
    media=st.sampled_from(["", "M1", "M2"]), frame=FRAME,
    points=st.lists(COORDINATES, max_size=3).map(tuple), note=PROSE,
)  # fmt: skip


@st.composite
def quizzes(draw: st.DrawFn) -> model.Quiz:
    options = draw(TEXTS)
    answer = draw(st.one_of(st.none(), st.integers(1, len(options)))) if options else None
    point = draw(st.one_of(st.none(), st.builds(model.QuizPoint, REFS, FRAME, st.sampled_from(["", "F1"]))))
    return model.Quiz(draw(WORDS).strip(), options, answer, draw(PROSE), point)


STORIES = st.builds(
    model.Story, history=PROSE, symptoms=TEXTS, mechanism=TEXTS, technique=PROSE,
    diagnosis=st.lists(
        st.builds(model.Diagnosis, TERMS, PLACES, SIDES, st.sampled_from(choices.CERTAINTIES), MAYBE), max_size=2
    ).map(tuple),
    differential=st.sampled_from([(), ("strain", "myositis_ossificans"), ("my own words; and more",)]),
    discussion=PROSE, treatment=PROSE, outcome=PROSE, points=TEXTS, pitfalls=TEXTS, references=TEXTS,
)  # fmt: skip
PRIORS = st.builds(
    model.Prior, day=st.sampled_from([None, 0, -9]), modality=MODALITIES, impression=PROSE,
    says=st.sampled_from([(), ("strain",)]), discordance=st.sampled_from(["", *choices.DISCORDANCES]),
    missed=st.sampled_from([(), ("complete_tear",)]), note=PROSE,
)  # fmt: skip
VIEWS = st.builds(
    model.Media, id=st.just("M"), caption=PROSE, quiz_caption=MAYBE, structure=PLACES, side=SIDES,
    plane=st.sampled_from(["", "long_axis"]), mode=st.sampled_from(["", "b_mode"]), maneuver=MANEUVERS,
    position=st.sampled_from(["", "supine"]), day=st.sampled_from([None, 0, -3]), key_frame=FRAME,
    calibration=st.sampled_from([None, model.Calibration(((1.0, 2.0), (1.0, 6.5)), 40.0)]),
)  # fmt: skip


TESTS = st.builds(model.ClinicalTest, WORDS.map(str.strip), MAYBE, SIDES, PROSE)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Cases that a case file can hold, with the clips ``M1`` and ``M2``."""
    first, second = draw(VIEWS), draw(VIEWS)
    pair = draw(st.sampled_from(["", "M2"]))
    findings = draw(st.lists(FINDINGS, max_size=3))
    known = {f"F{n}" for n in range(1, len(findings) + 1)}
    measured = draw(st.lists(MEASUREMENTS, max_size=3))
    asked = draw(st.lists(quizzes(), max_size=2))
    return Case(
        slug="any", title=draw(WORDS).strip(), quiz_title=draw(MAYBE), status=draw(st.sampled_from(choices.STATUSES)),
        difficulty=draw(st.sampled_from(["", *choices.DIFFICULTIES])), category=draw(TEXTS), tags=draw(TEXTS),
        fictional=draw(st.booleans()), author=draw(st.builds(model.Author, MAYBE, MAYBE, MAYBE)),
        consent=draw(st.sampled_from([model.Consent(), model.Consent("teaching")])),
        patient=draw(st.builds(model.Patient, st.sampled_from(["", "24 Y", "60-70 Y", "3 M"]),
                               st.sampled_from(["", "M", "F", "O"]), MAYBE)),
        story=draw(STORIES), priors=tuple(draw(st.lists(PRIORS, max_size=2))),
        tests=tuple(draw(st.lists(TESTS, max_size=2))),
        media=(replace(first, id="M1", pair=pair), replace(second, id="M2")),
        findings=tuple(replace(f, id=f"F{n}") for n, f in enumerate(findings, 1)),
        measurements=tuple(m if m.finding in known else replace(m, finding="") for m in measured),
        quiz=tuple(
            q if q.ask_point is None or q.ask_point.finding in known
            else replace(q, ask_point=replace(q.ask_point, finding="")) for q in asked
        ),
    )  # fmt: skip


def differences(before: Any, after: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every field that differs, as ``LOSSES`` calls it, with both values."""
    if is_dataclass(before) and type(before) is type(after):
        for field in fields(before):
            path = f"{name}.{field.name}".lstrip(".")
            yield from differences(getattr(before, field.name), getattr(after, field.name), path)
    elif isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from differences(one, other, name)
    elif before != after:
        yield name, before, after


def lost(format_: str, before: Case, after: Case) -> list[tuple[str, Any, Any]]:
    """What differs and is neither listed as lost nor a matter of blanks."""
    return [
        (name, one, other)
        for name, one, other in differences(before, after)
        if name not in LOSSES[format_] and not (name in BLANKS[format_] and _same_words(one, other))
    ]


def _same_words(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one.split() == other.split()
