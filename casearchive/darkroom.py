"""Pictures made when somebody asks: previews, posters, thumbnails of a frame chosen by hand; kept in the cache.

Each stands under the hash of the file and, where it depends on one, the number of the frame, so that it never
has to be made anew when a person changes their mind. Making one needs no writer's lock: it lands whole or not
at all, and whoever comes second writes the same bytes. What makes pictures is loaded where one is made: a case with key
frames chosen by hand comes by here each time it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from casearchive.cache import Cache
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.settings import Layout

if TYPE_CHECKING:
    from casearchive.clip import Clip


def thumbnail(layout: Layout, original: Path, sha256: str, frame: int) -> Path:
    """The JPEG thumbnail of one frame. Raises ``PictureUnavailable``."""

    def made(clip: Clip) -> bytes:
        from casearchive import render

        return render.thumbnail_of(clip, frame)

    return _kept(layout, original, sha256, f"thumbnail-{frame}.jpg", made)


def poster(layout: Layout, original: Path, sha256: str, frame: int) -> Path:
    """One whole frame as PNG, at most 1280 pixels on the longer edge. Raises ``PictureUnavailable``."""

    def made(clip: Clip) -> bytes:
        from casearchive import render

        return render.poster_of(clip, frame)

    return _kept(layout, original, sha256, f"poster-{frame}.png", made)


def preview(layout: Layout, original: Path, sha256: str) -> Path:
    """The animated WebP preview. Raises ``PictureUnavailable``."""

    def made(clip: Clip) -> bytes:
        from casearchive import preview

        return preview.preview_of(clip).data

    return _kept(layout, original, sha256, "preview.webp", made)


def _kept(layout: Layout, original: Path, sha256: str, name: str, make: Callable[[Clip], bytes]) -> Path:
    cache = Cache(layout.darkroom)
    there = cache.there(sha256, name)
    if there is not None:
        return there
    from casearchive.readers import open_clip

    try:
        clip = open_clip(original, sha256)
    except UnreadableFile as refusal:
        raise PictureUnavailable(refusal.what, where=sha256) from refusal
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PictureUnavailable(f"its original cannot be read ({why})", where=sha256) from error
    try:
        return cache.made(sha256, name, lambda path: path.write_bytes(make(clip)))
    finally:
        clip.close()
