"""A teaching set as web pages: a folder or a single file that opens from disk in any current browser, without network.

``index.html`` lists the cases, ``cases/case-01.html`` … hold one each, ``score.html`` adds up what was answered,
``media/`` has the pictures, every frame a file, and films of what is long or sounds. File names are numbers, as names
would give answers away; a title or description of the set that names an answer is left out. Quiz titles and captions
are taken as they are: ``release`` has looked. What tells the answer is sealed (base64, decoded by the page's own script
when the reader asks): obfuscation against a glance, not encryption. An instructor's version (``instructor``) has
everything open. The pages carry a content security policy that allows nothing but their own files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from casearchive.exporters import _figures, _labels
from casearchive.exporters._html import pages
from casearchive.exporters._html.figures import Figure, figure
from casearchive.exporters._html.pages import Way
from casearchive.exporters._html.pictures import write_pictures
from casearchive.exporters._html.shelves import Beside, Inside, Shelf
from casearchive.exporters._options import given, pixels
from casearchive.teaching import TeachingCase, TeachingSet

NAME = "html"
SUMMARY = "web pages for teaching: open from disk, cine that plays and steps, answers behind a button"
HIDES_ANSWERS = True
OPTIONS = {
    "edge": "the longest side of a picture in pixels, 64 to 4096 (960); never enlarged",
    "single-file": "everything in one index.html, to send or to put on a stick",
    _labels.OPTION: _labels.about(),
    "instructor": "for whoever teaches: answers open, true titles, filters by structure, abnormality and side",
}

EDGE = 960


def check(options: Mapping[str, str]) -> None:
    """Raises ``UsageError`` for a value that makes no sense."""
    _labels.chosen(options)
    _asked(options)


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target``. The same set gives the same bytes.

    ``options``: ``edge``, the longest side of a picture in pixels (default 960; never enlarged); ``single-file`` and
    ``instructor``, without a value; ``language`` of the labels. Raises ``UsageError`` for a value that makes no sense,
    ``PictureUnavailable`` where a frame cannot be decoded, ``CaseArchiveError`` where the pictures are more than a
    single file can hold.
    """
    edge, way = _asked(options)
    with _labels.speaking(_labels.chosen(options)):
        _written(teaching, target, edge, way)


def _written(teaching: TeachingSet, target: Path, edge: int, way: Way) -> None:
    shelf: Shelf = Inside() if way.single else Beside(target)
    shown = teaching if way.instructor else _figures.open_set(teaching)
    env = pages.environment()
    cards, cases, count = [], [], len(shown.cases)
    for number, taught in enumerate(shown.cases, start=1):
        figures = _shown(number, taught, shelf, edge)
        cards.append(pages.card(number, count, taught.case, figures))
        if way.single:
            cases.append(pages.case_values(env, shown, number, taught, figures, way))
        else:
            page = pages.case_page(env, shown, number, taught, figures, way)
            _write(target / "cases" / f"{pages.page_name(number, count)}.html", page)
    if way.single:
        _write(target / "index.html", pages.single_page(env, shown, cards, cases, way))
        return
    _write(target / "index.html", pages.index_page(env, shown, cards, way))
    _write(target / "score.html", pages.score_page(env, shown, cards, way))
    _write(target / "teaching.css", pages.style())
    _write(target / "teaching.js", pages.script())


def _shown(number: int, taught: TeachingCase, shelf: Shelf, edge: int) -> list[Figure]:
    """Write the pictures of one case, in the order of its media."""
    figures = []
    for place, clip, media in _figures.numbered(taught):
        files = write_pictures(clip, shelf, f"media/case-{number:02}/{place:02}/", edge)
        figures.append(figure(place, media, clip, files))
    return figures


def _asked(options: Mapping[str, str]) -> tuple[int, Way]:
    """The longest side of a picture, and how the set is written."""
    way = Way(single=given(options, "single-file"), instructor=given(options, "instructor"))
    return pixels(options, "edge", EDGE), way


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
