"""A teaching set as case folders that can be ingested again: ``<slug>/case.toml`` and its DICOM files.

What goes out comes back in: the record is written by the same hand that reads case files, and each clip's
file stands beside it under a neutral name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from casearchive import record
from casearchive.errors import CaseArchiveError
from casearchive.model import Case
from casearchive.teaching import TeachingCase, TeachingSet

NAME = "folder"
SUMMARY = "case folders with case.toml and DICOM files, ready to be ingested by another casearchive"
HIDES_ANSWERS = False
OPTIONS: Mapping[str, str] = {}

_SLUG = re.compile(r"[a-z0-9-]+")
_SAFE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target``. No options. The same set gives the same bytes.

    Raises ``CaseArchiveError`` where two cases have one slug, a slug could not be a folder's name, or a
    record names a picture that is not in the set: such a folder would not come back in.
    """
    for taught in teaching.cases:
        _write_case(taught, target / _folder_name(taught.case.slug))
    (target / "README.txt").write_bytes(_readme(teaching).encode("utf-8"))


def _write_case(taught: TeachingCase, folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise CaseArchiveError(
            "two cases of the set have the same slug", where=folder.name, hint="Rename one of them."
        ) from error
    names = _file_names(taught)
    for one in taught.objects:
        shutil.copyfile(one.dicom, folder / names[one.ref])
    text = record.dumps(_as_written(taught.case, names))
    (folder / "case.toml").write_bytes(text.encode("utf-8"))


def _folder_name(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        raise CaseArchiveError(
            f"{slug!r} cannot be the name of a folder",
            where="slug",
            hint="A slug is made of a-z, 0-9 and hyphens.",
        )
    return slug


def _file_names(taught: TeachingCase) -> dict[str, str]:
    """``M2`` becomes ``M2.dcm``; an id that is no file name, or equals another but for case, a number."""
    names: dict[str, str] = {}
    for number, one in enumerate(taught.objects, start=1):
        name = f"{one.ref}.dcm" if _SAFE_NAME.fullmatch(one.ref) else f"clip-{number:03}.dcm"
        if name.lower() in {taken.lower() for taken in names.values()}:
            name = f"clip-{number:03}.dcm"
        names[one.ref] = name
    return names


def _as_written(case: Case, names: Mapping[str, str]) -> Case:
    """The record with each picture under the name it is written as."""
    missing = [media.id for media in case.media if media.id not in names]
    if missing:
        raise CaseArchiveError(
            f"the record names pictures that are not in the set: {', '.join(missing)}",
            where=case.slug,
            hint="Take them out of the record, or review them so that they may leave.",
        )
    media = tuple(replace(m, file=names[m.id], sha256="", name="") for m in case.media)
    return replace(case, media=media)


def _readme(teaching: TeachingSet) -> str:
    title = " ".join(teaching.title.split()) or teaching.slug
    profile = f" De-identified with {teaching.profile}." if teaching.profile else ""
    return (
        f"{title}\n\n"
        "Ultrasound teaching cases, one folder each: case.toml (the record) and DICOM files.\n"
        "To take them into an archive: casearchive ingest THIS-FOLDER\n"
        f"Made by casearchive.{profile} For teaching, not for diagnosis.\n"
    )
