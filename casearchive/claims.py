"""What the words around a file say of it beside its header, and whether all who speak of its side agree.

Pure: facts, a file name and a case in; claims and sentences out. No sentence quotes the text it speaks of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from casearchive.model import Case, Claim, Facts
from casearchive.terms import lexicon

#: The most trusted first: an attribute made for it, what somebody typed, the name of the file.
_SIDE_ORDER = (
    "ImageLaterality",
    "FrameLaterality",
    "Laterality",
    "MeasurementLaterality",
    "AnatomicRegionSequence",
    "PrimaryAnatomicStructureSequence",
    "SeriesDescription",
    "ViewName",
    "ProtocolName",
    "BodyPartExamined",
    "StudyDescription",
    "file name",
)
FILE_NAME = "file name"
_NOT_WORDS = re.compile(r"[\W_]+", re.UNICODE)
#: "RT_thigh2" is RT, thigh, 2; "L12-3" stays L12: a probe, not a side.
_SIDES = frozenset({"left", "right", "bilateral", "midline"})


def completed(facts: Facts, name: str) -> Facts:
    """``facts`` with what series texts and the file's name claim, and a note where sides disagree."""
    said = tuple(dict.fromkeys((*facts.claims, *_in_words(facts, name))))
    trouble = disagreement(said)
    notes = (*facts.notes, trouble) if trouble and trouble not in facts.notes else facts.notes
    return replace(facts, claims=said, notes=notes)


def side(claims: Iterable[Claim]) -> str:
    """The side that the most trusted source names, ``unknown`` where none does."""
    sides: dict[str, str] = {}
    for claim in claims:
        if claim.what == "side":
            sides.setdefault(claim.source, claim.value)
    return next((sides[source] for source in _SIDE_ORDER if source in sides), "unknown")


def disagreement(claims: Iterable[Claim]) -> str:
    """One sentence that names who says left and who says right, or nothing where nobody disagrees.

    The study's description does not count: a study of the right thigh has clips of the left one beside it.
    """
    by_side: dict[str, dict[str, None]] = {"left": {}, "right": {}}
    for claim in claims:
        if claim.what == "side" and claim.value in by_side and claim.source != "StudyDescription":
            by_side[claim.value][claim.source] = None
    left, right = (_listed(_ordered(sources)) for sources in by_side.values())
    return f"sides disagree: left according to {left}, right according to {right}" if left and right else ""


def of_author(case: Case, media_id: str) -> tuple[Claim, ...]:
    """What the record of a case says of one of its clips; findings that are seen only there speak for its side
    too, unless they are of both sides: then it is a comparison."""
    who = f"the record of {case.slug} ({media_id})"
    found = []
    for media in case.media:
        if media.id == media_id:
            pairs = (("side", media.side), ("mode", media.mode), ("structure", media.structure))
            found += [Claim(what, value, who) for what, value in pairs if value not in ("", "unknown")]
    seen = [f for f in case.findings if {e.media for e in f.evidence} == {media_id}]
    if len({f.side for f in seen}) == 1 and Claim("side", "bilateral", who) not in found:
        found += [Claim("side", f.side, f"finding {f.id} of {case.slug}") for f in seen]
    return tuple(found)


# ----------------------------------------------------------------------------------------------- in words


def _in_words(facts: Facts, name: str) -> Iterator[Claim]:
    study, series, instance = facts.study, facts.series, facts.instance
    for source, text in (
        ("SeriesDescription", series.series_description),
        ("ProtocolName", series.protocol_name),
        ("StudyDescription", study.study_description),
        ("BodyPartExamined", series.body_part_examined),
        ("ViewName", instance.view_name),
        (FILE_NAME, name.rpartition(".")[0] or name),
    ):
        yield from _claimed(source, text or "")


def _claimed(source: str, text: str) -> Iterator[Claim]:
    words = lexicon()
    spaced = " ".join(_NOT_WORDS.sub(" ", text).split())
    sides: set[str] = set()
    for mention in words.recognise(spaced):
        concept = words.concept(mention.concept)
        if concept is None:
            continue
        if concept.kind == "laterality" and concept.id in _SIDES:
            sides.add(concept.id)
        elif concept.kind == "mode":
            yield Claim("mode", concept.id, source)
    if {"left", "right"} <= sides:
        sides = {"bilateral"}
    for each in sorted(sides):
        yield Claim("side", each, source)


# ---------------------------------------------------------------------------------------------- sentences


def _ordered(sources: Iterable[str]) -> list[str]:
    place = {source: number for number, source in enumerate(_SIDE_ORDER)}
    return sorted(sources, key=lambda source: (place.get(source, len(place)), source))


def _listed(sources: list[str]) -> str:
    shown = ["the file's name" if source == FILE_NAME else source for source in sources]
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)
