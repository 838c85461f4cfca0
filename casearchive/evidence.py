"""The evidence of a case as pictures: which frame shows which finding, drawn on it and named after both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from casearchive import drawing
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import Case, Evidence, Finding
from casearchive.readers import open_clip
from casearchive.record import sentences


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of a clip are, how many frames it has, and which of them stands for it."""

    path: Path
    sha256: str
    frames: int
    key_frame: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture of a finding: ``name`` is ``case-media-frame-finding.png``; ``trouble`` says why there is none."""

    name: str
    finding: str
    media: str
    frame: int
    png: bytes = b""
    trouble: str = ""


def pictures(case: Case, sources: Mapping[str, Source], *, only: str = "") -> Iterator[Drawn]:
    """A picture for each finding and each frame that its evidence names, in the order of the clips.

    Evidence with frames is drawn on the key frame of the clip where that is one of them, else on the middle one;
    ``only`` is the id of the one clip wanted.
    """
    wanted = _wanted(case, sources, only)
    for media in dict.fromkeys(m for m, _, _ in wanted):
        source = sources[media]
        try:
            clip = open_clip(source.path, source.sha256)
        except (UnreadableFile, OSError) as error:
            yield from (
                Drawn(_name(case, m, frame, f), f.id, m, frame, trouble=f"{media} cannot be read: {error}")
                for (m, frame, f) in wanted
                if m == media
            )
            continue
        try:
            yield from (_picture(case, clip, key, shown) for key, shown in wanted.items() if key[0] == media)
        finally:
            clip.close()


def _wanted(
    case: Case, sources: Mapping[str, Source], only: str
) -> dict[tuple[str, int, Finding], list[Evidence]]:
    found: dict[tuple[str, int, Finding], list[Evidence]] = {}
    for media in (m.id for m in case.media if m.id in sources and only in ("", m.id)):
        for finding in case.findings:
            for shown in finding.evidence:
                if shown.media == media:
                    found.setdefault((media, _frame(shown, sources[media]), finding), []).append(shown)
    return found


def _frame(shown: Evidence, source: Source) -> int:
    first, last = shown.frames or (1, max(1, source.frames))
    if first <= source.key_frame <= last:
        return source.key_frame
    return min((first + last) // 2, source.frames) if shown.frames else 1


def _picture(case: Case, clip: Clip, key: tuple[str, int, Finding], shown: list[Evidence]) -> Drawn:
    media, frame, finding = key
    name = _name(case, media, frame, finding)
    try:
        picture = clip.frame(frame)
    except PictureUnavailable as error:
        return Drawn(name, finding.id, media, frame, trouble=f"{media} frame {frame}: {error.what}")
    colour = next(n for n, f in enumerate(case.findings) if f.id == finding.id)
    marks = [drawing.Mark(finding.id, s.shape, s.points, colour) for s in shown]
    png = drawing.png(
        drawing.drawn(picture, marks, _legend(finding, media, frame, clip.facts.instance.frames))
    )
    return Drawn(name, finding.id, media, frame, png)


def _legend(finding: Finding, media: str, frame: int, frames: int) -> list[str]:
    details = ", ".join(part for part in (sentences.qualities(finding), sentences.states(finding)) if part)
    told = f"{finding.id} {sentences.sentence(sentences.title(finding))}"
    where = f"{media}, frame {frame} of {frames}" if frames > 1 else media
    return [told, *([details] if details else []), where]


def _name(case: Case, media: str, frame: int, finding: Finding) -> str:
    return f"{case.slug}-{media}-{frame}-{finding.id}.png"
