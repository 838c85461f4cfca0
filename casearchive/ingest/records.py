"""From a ``case.toml`` beside its clips to the archive's own record, checked against the clips it names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from casearchive import record
from casearchive.errors import Problem, RecordError
from casearchive.model import Case


@dataclass(frozen=True, slots=True)
class Taken:
    """A file of the case that is in the archive: its hash, the name it had, its frames and size in pixels."""

    sha256: str
    name: str
    frames: int
    columns: int | None
    rows: int | None


class MediaMissing(Exception):
    """The record names a file that is not beside it, or was not taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def composed(name: str) -> str:
    """As names are compared: macOS takes accents apart, and it is the same name."""
    return unicodedata.normalize("NFC", name)


def archived(
    text: str,
    *,
    slug: str,
    file: str,
    taken: Mapping[str, Taken],
    held: Callable[[str], Taken | None] = lambda _: None,
) -> tuple[Case, str]:
    """The case and the text of its record: media by hash instead of by file name.

    ``taken`` maps the names beside the case file (``composed``) to what became of them; ``held`` tells of a file that
    the record names by hash. Raises ``RecordError`` (all problems at once) and ``MediaMissing``.
    """
    case = record.loads(text, slug=slug, file=file)
    media = []
    known = {t.sha256: t for t in taken.values()}
    places = record.Places(text, file)
    for number, clip in enumerate(case.media):
        if clip.sha256:
            by_hash = held(clip.sha256)
            if by_hash is None:
                raise MediaMissing(
                    places.problem(("media", number, "sha256"), _not_there(clip.id, clip.sha256))
                )
            known[clip.sha256] = by_hash
            media.append(clip)
            continue
        found = taken.get(composed(clip.file))
        if found is None:
            raise MediaMissing(places.problem(("media", number, "file"), _not_there(clip.id, clip.file)))
        media.append(replace(clip, file="", sha256=found.sha256, name=found.name))
    stored = replace(case, media=tuple(media))
    problems = tuple(check_places(stored, known, places))
    if problems:
        raise RecordError(problems)
    return stored, record.update(text, stored)


def check_places(case: Case, known: Mapping[str, Taken], places: record.Places) -> Iterable[Problem]:
    """Frames beyond the clip and points outside the picture. ``known`` is by hash."""
    clips = {m.id: known.get(m.sha256) for m in case.media}
    for n, media in enumerate(case.media):
        clip = clips[media.id]
        if clip and media.key_frame and clip.frames and media.key_frame > clip.frames:
            yield places.problem(("media", n, "key_frame"), _beyond(media.key_frame, clip))
    for n, finding in enumerate(case.findings):
        for e, evidence in enumerate(finding.evidence):
            clip = clips.get(evidence.media)
            where = ("finding", n, "evidence", e)
            if clip and evidence.frames and clip.frames and evidence.frames[1] > clip.frames:
                yield places.problem((*where, "frames"), _beyond(evidence.frames[1], clip))
            if clip and not _inside(evidence.points, clip):
                yield places.problem(where, _outside(clip))
    for n, measurement in enumerate(case.measurements):
        clip = clips.get(measurement.media)
        if clip and measurement.frame and clip.frames and measurement.frame > clip.frames:
            yield places.problem(("measurement", n, "frame"), _beyond(measurement.frame, clip))
        if clip and not _inside(measurement.points, clip):
            yield places.problem(("measurement", n, "points"), _outside(clip))


def _inside(points: Iterable[tuple[float, float]], clip: Taken) -> bool:
    if clip.columns is None or clip.rows is None:
        return True
    return all(0 <= x <= clip.columns and 0 <= y <= clip.rows for x, y in points)


def _not_there(media: str, file: str) -> str:
    return f"{media} names “{file}”, which is not there or was not taken"


def _beyond(asked: int, clip: Taken) -> str:
    return f"frame {asked} is beyond the clip, which has {clip.frames}; frames count from 1"


def _outside(clip: Taken) -> str:
    return f"a point lies outside the picture ({clip.columns} x {clip.rows} pixels)"
