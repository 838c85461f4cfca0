"""Contact sheets of archived clips: opens them, decodes the frames that are shown, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from casearchive import contact, render
from casearchive.clip import Clip, Picture
from casearchive.errors import NotFound, PictureUnavailable, UnreadableFile
from casearchive.model import ASSUMED_FPS, Facts
from casearchive.readers import open_clip

_FRAMES = 12
_EDGE = 320


@dataclass(frozen=True, slots=True)
class Sheeted:
    """A clip for the sheet: what to call it, where its bytes are, and the key frame (0 for none)."""

    label: str
    path: Path
    sha256: str
    key_frame: int = 0


def contact_sheet(title: str, clips: Iterable[Sheeted]) -> bytes:
    """A PNG of up to 12 evenly spread frames of each clip, cropped to the scan, the key frame among them.

    Raises ``NotFound`` where nothing can be shown.
    """
    strips = [_strip(wanted) for wanted in clips]
    if not any(strip.frames for strip in strips):
        raise NotFound("none of it can be shown as a picture")
    return contact.drawn(title, strips)


def _strip(wanted: Sheeted) -> contact.Strip:
    try:
        clip = open_clip(wanted.path, wanted.sha256)
    except (UnreadableFile, OSError):
        return contact.Strip(wanted.label, "its file cannot be read: casearchive verify says more", ())
    try:
        frames, missing = _frames(clip, wanted.key_frame)
        note = _told(clip.facts)
        if missing:
            note += f"; {missing} of the frames chosen for this sheet cannot be shown"
        return contact.Strip(wanted.label, note, frames, wanted.key_frame)
    finally:
        clip.close()


def _frames(clip: Clip, key: int) -> tuple[tuple[tuple[int, Picture], ...], int]:
    count = max(clip.facts.instance.frames, 0)
    numbers = set(render.spread(count, _FRAMES))
    if 1 <= key <= count and key not in numbers:
        # the key frame takes the place of its nearest neighbour, so that the spread stays even
        numbers = numbers - {min(numbers, key=lambda n: (abs(n - key), n))} | {key}
    edge = render.glimpse_edge(clip.facts, 2 * _EDGE if count == 1 else _EDGE)
    shown = []
    for number in sorted(numbers):
        try:
            shown.append((number, render.cropped(clip.glimpse(number, edge), clip.facts)))
        except PictureUnavailable:
            continue
    return tuple(shown), len(numbers) - len(shown)


def _told(facts: Facts) -> str:
    """How many frames and how fast, for the line below a clip's heading."""
    frames, timing = facts.instance.frames, facts.timing
    if frames < 1:
        return "it holds no picture"
    if frames == 1:
        return "still"
    if timing.fps is None:
        return f"{frames} frames, speed unknown (shown at {ASSUMED_FPS:g} a second where it moves)"
    return f"{frames} frames, {timing.fps:.4g} a second, {sum(timing.lasting(frames)):.3g} s"
