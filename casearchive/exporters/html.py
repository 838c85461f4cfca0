"""A teaching set as web pages: a folder that opens from disk in any current browser, without a network.

``index.html`` lists the cases, ``cases/case-01.html`` … hold one each, ``media/`` the pictures, every frame a
file. File names are numbers, as names would give answers away; a title or description of the set that names an answer
is left out. Quiz titles and captions are taken as they are: ``release`` has looked. What tells the answer is sealed
(base64, decoded by the page's own script when the reader asks): obfuscation against a glance, not encryption. The
pages carry a content security policy that allows nothing but the folder's own files.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from casearchive.errors import UsageError
from casearchive.exporters._html import pages
from casearchive.exporters._html.pictures import write_pictures
from casearchive.teaching import TeachingCase, TeachingSet

NAME = "html"
SUMMARY = "web pages for teaching: open from disk, cine that plays and steps, answers behind a button"
HIDES_ANSWERS = True
OPTIONS = {"edge": "the longest side of a picture in pixels, 64 to 4096 (960); never enlarged"}

_EDGE = 960


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target``. The same set gives the same bytes.

    ``options``: ``edge``, the longest side of a picture in pixels (default 960; never enlarged). Raises
    ``UsageError`` for an edge that is no sensible number, ``PictureUnavailable`` where a frame cannot be
    decoded.
    """
    edge = _edge(options)
    teaching = pages.open_set(teaching)
    env = pages.environment()
    (target / "cases").mkdir()
    cards = []
    for number, taught in enumerate(teaching.cases, start=1):
        figures = _figures(number, taught, target, edge)
        page = pages.case_page(env, teaching, number, taught, figures)
        _write(target / "cases" / pages.page_name(number, len(teaching.cases)), page)
        cards.append(pages.card(number, len(teaching.cases), taught.case, figures))
    _write(target / "index.html", pages.index_page(env, teaching, cards))
    for name in pages.STATIC:
        source = resources.files("casearchive.exporters._html") / "static" / name
        _write(target / name, source.read_text(encoding="utf-8"))


def _figures(number: int, taught: TeachingCase, target: Path, edge: int) -> list[pages.Figure]:
    """Write the pictures of one case, in the order of its media."""
    order = {media.id: place for place, media in enumerate(taught.case.media)}
    clips = sorted(taught.clips, key=lambda clip: order.get(clip.ref, len(order)))
    figures = []
    for place, clip in enumerate(clips, start=1):
        files = write_pictures(clip, target, f"media/case-{number:02}/{place:02}/", edge)
        figures.append(pages.figure(place, taught.case, clip, files))
    return figures


def _edge(options: Mapping[str, str]) -> int:
    text = options.get("edge", str(_EDGE))
    if not (text.isascii() and text.isdigit() and 64 <= int(text) <= 4096):
        raise UsageError(
            f"{text!r} is no size for a picture",
            where="option edge",
            hint="Give pixels from 64 to 4096, such as 960.",
        )
    return int(text)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
