"""A teaching set as MIRC documents: a zip a case, which RSNA's teaching file system and its relatives take in.

``<case>.zip`` holds ``MIRCdocument.xml`` and the files it names: pictures with icon and drawn evidence, films, and the
DICOM object of each clip. With ``quiz`` it is the learner's document, ``case-01.zip``: what tells the answer stands in
the quiz's responses alone, and names, titles and captions that tell it are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from casearchive.errors import CaseArchiveError
from casearchive.exporters import _figures, _zip
from casearchive.exporters._mirc import document
from casearchive.exporters._mirc.pictures import Figure, figure
from casearchive.exporters._options import given
from casearchive.teaching import TeachingCase, TeachingSet

NAME = "mirc"
SUMMARY = (
    "MIRC teaching files: a zip a case with its document, pictures, drawn evidence, quiz and DICOM files"
)
HIDES_ANSWERS = False
FILMS = True
OPTIONS: Mapping[str, str] = {
    "quiz": "the learner's documents: answers only in the quiz, no evidence drawn, no telling names",
}

_SLUG = re.compile(r"[a-z0-9-]{1,100}")


def check(options: Mapping[str, str]) -> None:
    """Raises ``UsageError`` for a value, as there is none."""
    given(options, "quiz")


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target``. The same set gives the same bytes.

    ``options``: ``quiz`` (no value) for the learner's documents. Raises ``UsageError`` for a value,
    ``CaseArchiveError`` where two cases have one slug or a slug could not be a file's name, ``PictureUnavailable``
    where a frame cannot be decoded.
    """
    quiz = given(options, "quiz")
    for number, taught in enumerate(teaching.cases, start=1):
        name = f"case-{number:0{max(2, len(str(len(teaching.cases))))}}" if quiz else _name(taught.case.slug)
        path = target / f"{name}.zip"
        if path.exists():
            raise CaseArchiveError(
                "two cases of the set have the same slug", where=name, hint="Rename one of them."
            )
        figures = _shown(taught, quiz=quiz)
        members: dict[str, bytes | Path] = {
            document.NAME: document.document(taught.case, number, figures, quiz=quiz)
        }
        for shown in figures:
            members |= dict(shown.members.values())
        _zip.write(path, members)


def _shown(taught: TeachingCase, *, quiz: bool) -> list[Figure]:
    """The pictures of one case in the order of its record."""
    return [figure(place, taught.case, clip, tell=not quiz) for place, clip, _ in _figures.numbered(taught)]


def _name(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        raise CaseArchiveError(
            f"{slug!r} cannot be the name of a file",
            where="slug",
            hint="A slug is made of a-z, 0-9 and hyphens.",
        )
    return slug
