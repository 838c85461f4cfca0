"""The finished file: who made it is nobody, when is a constant, and the same slides give the same bytes."""

from __future__ import annotations

import io
import os
import uuid
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pptx.presentation import Presentation

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip
_SECTIONS = "{521415D9-36F7-43E2-AB2F-B90AF26B5E84}"
_P14 = "http://schemas.microsoft.com/office/powerpoint/2010/main"
_SEED = uuid.UUID("5b1c0e0e-3f0b-5d0a-9d5e-6f2a51c0de00")
_COMPRESSED = {".mp4", ".png", ".jpg", ".jpeg", ".gif"}


def properties(presentation: Presentation, title: str) -> None:
    """A title and nothing else about the file."""
    told = presentation.core_properties
    told.title = title[:255]
    for name in ("author", "category", "comments", "content_status", "identifier", "keywords", "language",
                 "last_modified_by", "subject", "version"):  # fmt: skip
        setattr(told, name, "")
    told.revision = 1
    told.created = told.modified = _when()


def _when() -> datetime:
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if seconds.isascii() and seconds.isdigit() and len(seconds) < 12:
        return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)
    return datetime(2000, 1, 1)


def sections(presentation: Presentation, named: Sequence[tuple[str, Sequence[int]]]) -> None:
    """Sections in the list of slides: their names, and the numbers of their slides from 1."""
    from pptx.oxml import parse_xml

    root: Any = presentation.part._element
    ids = [entry.get("id") for entry in root.sldIdLst]
    listed = parse_xml(
        '<p:extLst xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">'
        f'<p:ext uri="{_SECTIONS}"><p14:sectionLst xmlns:p14="{_P14}"/></p:ext></p:extLst>'
    )
    holder = listed[0][0]
    for place, (name, numbers) in enumerate(named):
        section = holder.makeelement(f"{{{_P14}}}section", {}, None)
        section.set("name", name)
        section.set("id", f"{{{str(uuid.uuid5(_SEED, str(place))).upper()}}}")
        slides = section.makeelement(f"{{{_P14}}}sldIdLst", {}, None)
        section.append(slides)
        for number in numbers:
            entry = slides.makeelement(f"{{{_P14}}}sldId", {}, None)
            entry.set("id", ids[number - 1])
            slides.append(entry)
        holder.append(section)
    root.append(listed)


def save(presentation: Presentation, target: Path) -> None:
    """Write the file, its members in a fixed order and without dates."""
    packed = io.BytesIO()
    presentation.save(packed)
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(target, "w") as made:
        for name in sorted(
            source.namelist(), key=lambda n: (n != "[Content_Types].xml", n != "_rels/.rels", n)
        ):
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.external_attr = 0o644 << 16
            info.compress_type = (
                zipfile.ZIP_STORED if Path(name).suffix in _COMPRESSED else zipfile.ZIP_DEFLATED
            )
            made.writestr(info, source.read(name))
