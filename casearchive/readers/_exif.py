"""What a camera, a scanner or a program wrote into a picture file: every text of it may identify somebody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from casearchive.model import Identifier
from casearchive.readers import _shared, _xml

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST_TEXT = 4096
#: Fields that only describe the coding and name nobody.
_TECHNICAL = frozenset(
    (
        "ExifVersion",
        "FlashPixVersion",
        "ComponentsConfiguration",
        "FileSource",
        "SceneType",
        "CFAPattern",
        "JPEGTables",
        "InteroperabilityIndex",
        "InteroperabilityVersion",
    )
)
_DESCRIPTION = 270


def description(image: Image) -> str:
    """The whole ImageDescription (tag 270), where scanners and ImageJ keep their scale; empty without one."""
    try:
        found = image.getexif().get(_DESCRIPTION, "")
    except Exception:  # noqa: BLE001 - EXIF is free text to many programs
        return ""
    if isinstance(found, tuple):
        found = found[0] if found else ""
    return _decoded(found) if isinstance(found, bytes) else found if isinstance(found, str) else ""


def resolution(image: Image) -> tuple[float | None, float | None]:
    """(XResolution, YResolution) of a TIFF (tags 282 and 283), in pixels a unit."""
    try:
        exif = image.getexif()
        found = tuple(float(exif[tag]) if tag in exif else None for tag in (282, 283))
    except Exception:  # noqa: BLE001 - a fraction of nothing, or no number at all
        return None, None
    return found[0], found[1]


def identifiers(image: Image, texts: Iterable[tuple[str, bytes]]) -> tuple[Identifier, ...]:
    """EXIF, GPS, maker notes, comments and the text chunks ``texts``, and what stands inside where it is XML."""
    found: dict[Identifier, None] = {}
    comments = [(name, image.info[name]) for name in ("comment", "xmp") if name in image.info]
    for name, value in (*_fields(image), *texts, *comments):
        text = _text(value)
        if text:
            found[Identifier(f"exif:{name}", text)] = None
        for leaf, inside in _inside(value):
            found[Identifier(f"exif:{name}/{leaf}", inside)] = None
    return tuple(sorted(found, key=lambda each: (each.keyword, each.value)))


def _inside(value: object) -> list[tuple[str, str]]:
    """(name, text) of what stands in a field that is XML: a name there is found only by itself."""
    text = _decoded(value) if isinstance(value, bytes) else value if isinstance(value, str) else ""
    tree = _xml.parse(text)
    told = _xml.texts(tree) if tree is not None else ()
    kept = ((name, _shared.clean(text)) for name, text in told)
    return [(name, text) for name, text in kept if re.search(r"[^\W\d_]{2}|\d{5}", text)]


def _fields(image: Image) -> list[tuple[str, Any]]:
    """(name, value) of the EXIF fields, of the Exif and GPS directories inside them, and of TIFF tags."""
    from PIL import ExifTags

    found: list[tuple[str, Any]] = []
    try:
        exif = image.getexif()
        directories: list[tuple[dict[Any, Any], dict[int, str]]] = [(dict(exif), ExifTags.TAGS)]
        directories.append((dict(exif.get_ifd(ExifTags.IFD.Exif)), ExifTags.TAGS))
        directories.append((dict(exif.get_ifd(ExifTags.IFD.GPSInfo)), ExifTags.GPSTAGS))
    except Exception:  # noqa: BLE001 - EXIF is free text to many programs; what cannot be read has no name
        return found
    for directory, names in directories:
        for tag, value in directory.items():
            name = str(names.get(tag, tag))
            place = names is ExifTags.GPSTAGS
            if name == "MakerNote" and isinstance(value, bytes):
                found.extend((name, run) for run in re.findall(rb"[ -~]{8,}", value)[:20])
            elif name not in _TECHNICAL and (place or isinstance(value, str | bytes)):
                found.append((name, value))
    return found


def _text(value: object) -> str:
    """Readable text, or nothing: bytes count only where most of them decode to letters."""
    if isinstance(value, bytes):
        value = _decoded(value)
        readable = sum(character.isprintable() for character in value)
        if not value or readable < 0.8 * len(value):
            return ""
    if isinstance(value, tuple):
        value = " ".join(str(part) for part in value)
    return _shared.clean(str(value)[:_LONGEST_TEXT])


def _decoded(value: bytes) -> str:
    """EXIF text without its coding prefix: UTF-16 in Windows fields (XPAuthor …), else UTF-8 or Latin-1."""
    mark, value = value[:8], value.rstrip(b"\0") if len(value) % 2 else value
    if mark in (b"ASCII\0\0\0", b"UNICODE\0", b"\0" * 8):
        value = value[8:]
    if len(value) >= 4 and value[1::2].count(0) > len(value) // 4:
        return value.decode("utf-16-le", "replace").rstrip("\0")
    try:
        return value.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return value.rstrip(b"\0").decode("latin-1")
