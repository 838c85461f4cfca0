"""A teaching set as slides: one PowerPoint file that asks first and answers on later slides, with clips that play.

``slides.pptx`` opens in PowerPoint, Keynote and LibreOffice: title, list of cases, for each case its question and its
answer, references. Evidence is drawn as shapes that can be moved, speaker notes tell what a teacher wants at hand.
What stands before an answer does not tell it: ``release`` has looked at quiz titles and captions, and names of parts
are numbers. ``README.txt`` says how to use it and, where films could not be made, what to install.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from casearchive.errors import UsageError
from casearchive.exporters import _labels
from casearchive.exporters._labels import say
from casearchive.teaching import TeachingSet

if TYPE_CHECKING:
    from casearchive.exporters._pptx.theme import Theme

NAME = "pptx"
SUMMARY = (
    "slides for PowerPoint, Keynote and LibreOffice: clips that play, questions before answers, speaker notes"
)
HIDES_ANSWERS = True
FILMS = True
OPTIONS = {
    "theme": "a .pptx or .potx file whose layouts, fonts and colours are used instead of our own",
    _labels.OPTION: _labels.about(),
}

EXTRA = "casearchive[pptx]"
FILE = "slides.pptx"


def check(options: Mapping[str, str]) -> None:
    """Raises ``UsageError`` without python-pptx, for a theme that cannot be used or a language without labels."""
    _labels.chosen(options)
    _loaded(options)


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target``. The same set gives the same bytes.

    ``options``: ``theme``, the path of a template (default: our own), and ``language`` of the labels. Raises
    ``UsageError`` without python-pptx, for a theme that cannot be used or a language without labels,
    ``PictureUnavailable`` where a frame cannot be decoded.
    """
    language, theme = _labels.chosen(options), _loaded(options)
    from casearchive.exporters._pptx import package
    from casearchive.exporters._pptx.deck import Deck

    with _labels.speaking(language):
        deck = Deck(teaching, theme)
        deck.fill()
        package.save(deck.slides.theme.presentation, target / FILE)
        (target / "README.txt").write_bytes(_readme(deck).encode("utf-8"))


def _loaded(options: Mapping[str, str]) -> Theme:
    if importlib.util.find_spec("pptx") is None:
        raise UsageError(
            "slides need python-pptx, which is not installed", hint=f"Install it: pip install '{EXTRA}'"
        )
    from casearchive.exporters._pptx.theme import load

    if "theme" in options and not options["theme"]:
        raise UsageError("no theme was named", where="option theme", hint="Write: --option theme=FILE.potx")
    return load(options.get("theme", ""))


def _readme(deck: object) -> str:
    from casearchive.exporters._pptx.deck import Deck, animated_words

    assert isinstance(deck, Deck)
    lines = [
        say("slides.readme_open", file=FILE),
        "",
        say("slides.readme_asks"),
        say("slides.readme_clips"),
        say("slides.readme_marks"),
        say("slides.readme_theme"),
    ]
    if deck.animated:
        lines += ["", animated_words()]
    if deck.cut:
        lines += ["", say("slides.readme_cut")]
    return "\n".join([*lines, "", f"{say('slides.readme_made')} {say('shared.purpose')}.", ""])
