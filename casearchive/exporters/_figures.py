"""What outputs show of a case, and how it may be called before the answer: clips, titles, the part of the body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from casearchive.exporters import _labels
from casearchive.exporters import _words as words
from casearchive.exporters._labels import say
from casearchive.model import Case, Media
from casearchive.record.spoilers import told_in
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet


def numbered(taught: TeachingCase) -> Iterator[tuple[int, TeachingClip, Media]]:
    """The clips of a case in the order of its media, numbered from 1, each with what the record says of it; those that
    it does not describe come last."""
    order = {media.id: place for place, media in enumerate(taught.case.media)}
    described = {media.id: media for media in taught.case.media}
    clips = sorted(taught.clips, key=lambda clip: order.get(clip.ref, len(order)))
    for number, clip in enumerate(clips, start=1):
        yield number, clip, described.get(clip.ref, Media(id=clip.ref))


def key_frame(clip: TeachingClip) -> int:
    """The clip's key frame (from 1), kept inside the clip."""
    return min(max(clip.key_frame, 1), len(clip.frames))


def name(number: int, *, moving: bool) -> str:
    return say("shared.clip" if moving else "shared.picture", n=number)


def in_frames(name: str, frames: tuple[int, int]) -> str:
    """``Clip 2, frames 12–27``: where to look; frames count from 1, both ends inside."""
    first, last = frames
    if first == last:
        return say("shared.in_frame", what=name, n=first)
    return say("shared.in_frames", what=name, first=first, last=last)


def speed(fps: float, *, known: bool, unevenly: bool) -> str:
    """How fast a clip is shown, in frames a second; a guess is called one."""
    label = "speed_unknown" if not known else "true_mean" if unevenly else "true_speed"
    return say(f"shared.{label}", fps=_labels.number(fps))


def view(media: Media) -> str:
    """How it was taken, in words that give no answer away: ``Right, short axis, B-mode, at rest``."""
    told = [
        words.plain(term) for term in (media.side, media.plane, media.mode, media.maneuver, media.position)
    ]
    when = words.day_words(media.day) if media.day else ""
    return words.sentence(", ".join(part for part in (*told, when) if part))


def open_title(case: Case, number: int) -> str:
    """The title that may be read before the answer: never the true one. ``number`` counts from 1."""
    return case.quiz_title or say("shared.case", n=number)


def open_set(teaching: TeachingSet) -> TeachingSet:
    """The set as it may be read before the answers: without a title or description that names one of them."""
    return replace(
        teaching,
        title="" if tells(teaching.title, teaching) else teaching.title,
        description="" if tells(teaching.description, teaching) else teaching.description,
    )


def tells(text: str, teaching: TeachingSet) -> bool:
    """Whether a text names the answer of one of the cases."""
    return any(told_in(text, taught.case) for taught in teaching.cases)


def region(case: Case) -> str:
    """The part of the body, from the first structure the lexicon can place; else the case's category."""
    structures = [m.structure for m in case.media] + [f.structure for f in case.findings]
    regions = (words.region_of(structure) for structure in structures if structure)
    return next((found for found in regions if found), ", ".join(map(words.plain, case.category[:1])))
