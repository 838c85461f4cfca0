"""Contact sheets of archived clips: opens them, decodes the frames that are shown, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from casearchive import render
from casearchive.clip import Picture
from casearchive.errors import NotFound, PictureUnavailable
from casearchive.index.read import Detail
from casearchive.readers import open_clip

_FRAMES = 12
_EDGE = 320


def contact_sheet(clips: Iterable[tuple[str, Path, Detail]]) -> bytes:
    """A PNG of up to 12 evenly spread frames of each clip, each with its label and 1-based number."""
    pictures: list[Picture] = []
    numbers: list[int] = []
    captions: list[str] = []
    for label, path, detail in clips:
        clip = open_clip(path, detail.held.sha256)
        try:
            for number in render.spread(max(clip.facts.instance.frames, 0), _FRAMES):
                try:
                    pictures.append(clip.glimpse(number, _EDGE))
                except PictureUnavailable:
                    continue
                numbers.append(number)
                captions.append(label)
        finally:
            clip.close()
    if not pictures:
        raise NotFound("none of it can be shown as a picture")
    return render.contact_sheet(pictures, numbers, captions)
