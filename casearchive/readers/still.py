"""Reads photographs and moving pictures without a video codec: PNG, JPEG, TIFF, BMP, WebP, GIF and APNG."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from casearchive import pixels
from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import Facts, Identifier, Instance, Timing
from casearchive.readers import _shared, _stills
from casearchive.readers._source import FileSource

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "still"
PRIORITY = 20
#: More than this is not opened: a small file can unfold to gigabytes.
MAX_PIXELS = 100_000_000
_LONGEST_TEXT = 4096
#: EXIF orientation (tag 274) done to an array: mirrored first, then quarter turns counter-clockwise.
_ORIENTATIONS = {
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (1, True),
    6: (3, False),
    7: (3, True),
    8: (1, False),
}


def sniff(head: bytes, size: int) -> bool:
    """The mark of one of the formats in ``_stills``."""
    return _stills.format_of(head) is not None


def open(path: Path, sha256: str) -> Clip:
    """Raises ``UnreadableFile``: ``truncated`` or ``damaged``."""
    source = FileSource(path)
    try:
        kind = _stills.format_of(source.read(0, 4096))
        if kind is None:
            raise UnreadableFile("not-an-image", "this is not a picture file")
        walked = kind.walk(source)
    except struct.error as error:
        raise UnreadableFile(
            "truncated", "the picture file ends too early", hint="copy it again from where it was made"
        ) from error
    finally:
        source.close()
    return _opened(path, sha256, kind, walked)


def _opened(path: Path, sha256: str, kind: _stills.Format, walked: _stills.Walked) -> Clip:
    from PIL import Image as PillowImage

    try:
        image = PillowImage.open(path, formats=(kind.pillow,))
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning):
        return _TooLarge(_facts(sha256, kind, walked, None, ()))
    except Exception as error:  # Pillow raises whatever damaged data makes of it
        raise UnreadableFile(
            "damaged",
            f"the picture file contradicts itself ({type(error).__name__})",
            hint="copy it again from where it was made",
        ) from error
    facts = _facts(sha256, kind, walked, image, _identifiers(image, walked))
    if image.width * image.height > MAX_PIXELS:
        image.close()
        return _TooLarge(facts)
    return StillClip(image, facts, _orientation(image))


# ------------------------------------------------------------------------------------------------------ facts


def _facts(
    sha256: str,
    kind: _stills.Format,
    walked: _stills.Walked,
    image: Image | None,
    identifiers: tuple[Identifier, ...],
) -> Facts:
    notes: list[str] = []
    frames = walked.frames
    if frames > _stills.MAX_FRAMES:
        notes.append(f"it has {frames} frames; the first {_stills.MAX_FRAMES} are used")
        frames = _stills.MAX_FRAMES
    rows = columns = samples = None
    if image is None:
        notes.append("it has more than 100 million pixels and is not shown")
    else:
        columns, rows = image.size
        if _orientation(image) >= 5:
            rows, columns = columns, rows
        samples = 1 if image.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "F") else 3
    subject, study, series = _shared.standing_alone(sha256)
    return Facts(
        kind="clip" if frames > 1 else "image",
        subject=subject,
        study=study,
        series=series,
        instance=Instance(
            sop_instance_uid=_shared.derived_uid(sha256),
            rows=rows,
            columns=columns,
            frames=frames,
            samples_per_pixel=samples,
            bits_stored=None if image is None else 16 if image.mode.startswith("I") else 8,
        ),
        timing=_timing(walked, notes),
        identifiers=identifiers,
        notes=tuple(notes),
        media_type=kind.media_type,
    )


def _timing(walked: _stills.Walked, notes: list[str]) -> Timing:
    total = sum(walked.durations)
    if not walked.durations or total <= 0:
        return Timing()
    if max(walked.durations) > 1.5 * min(walked.durations):
        notes.append("its frames are shown for different times; the mean rate is given")
    fps = len(walked.durations) / total
    if fps > 500:
        notes.append("its frame durations are not possible and were not believed")
        return Timing()
    return Timing(fps=round(fps, 4), source="container", duration_s=round(total, 4))


def _orientation(image: Image) -> int:
    """The EXIF orientation that is left to undo; Pillow undoes that of a TIFF by itself."""
    if image.format == "TIFF":
        return 1
    try:
        found = image.getexif().get(274, 1)
    except Exception:  # noqa: BLE001 - EXIF is free text to many programs
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _identifiers(image: Image, walked: _stills.Walked) -> tuple[Identifier, ...]:
    """EXIF, GPS, maker notes and comments: whatever text a camera or a program left in the file."""
    found: dict[Identifier, None] = {}
    comments = [(name, image.info[name]) for name in ("comment", "xmp") if name in image.info]
    for name, value in (*_exif(image), *walked.texts, *comments):
        text = _text(value)
        if text:
            found[Identifier(f"exif:{name}", text)] = None
    return tuple(sorted(found, key=lambda each: (each.keyword, each.value)))


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


def _exif(image: Image) -> list[tuple[str, Any]]:
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


# ----------------------------------------------------------------------------------------------------- frames


@dataclass
class _TooLarge:
    """A picture that is kept and never decoded."""

    facts: Facts

    def frame(self, number: int) -> Picture:
        raise PictureUnavailable(
            "the picture has more than 100 million pixels", hint="the original is kept; export a smaller copy"
        )

    def glimpse(self, number: int, edge: int) -> Picture:
        return self.frame(number)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class StillClip:
    """A picture file, decoded when a frame is asked for; frames of a moving one build on each other."""

    _image: Image
    facts: Facts
    _turned: int

    def frame(self, number: int) -> Picture:
        return self._show(number, None)

    def glimpse(self, number: int, edge: int) -> Picture:
        return self._show(number, edge)

    def close(self) -> None:
        self._image.close()

    def _show(self, number: int, edge: int | None) -> Picture:
        if not 1 <= number <= self.facts.instance.frames:
            raise PictureUnavailable(f"there is no frame {number}; it has {self.facts.instance.frames}")
        try:
            image = self._at(number, edge)
            try:
                turned = _upright(shown(image), self._turned)
            finally:
                if image is not self._image:
                    image.close()
        except PictureUnavailable:
            raise
        except Exception as error:  # Pillow raises whatever damaged data makes of it
            raise PictureUnavailable(f"frame {number} cannot be decoded ({type(error).__name__})") from error
        return np.ascontiguousarray(turned)

    def _at(self, number: int, edge: int | None) -> Image:
        """The image at a frame. A JPEG that was once decoded small must be opened anew for its full size."""
        from PIL import Image as PillowImage

        if self._image.format == "JPEG":
            image = PillowImage.open(self._image.filename, formats=("JPEG",))  # type: ignore[attr-defined]
            if edge:
                longer = max(image.size)
                target = tuple(max(1, -(-side * edge // longer)) for side in image.size)
                image.draft(None, (target[0], target[1]))
            return image
        self._image.seek(number - 1)
        if self._image.width * self._image.height > MAX_PIXELS:
            raise PictureUnavailable("the frame has more than 100 million pixels")
        return self._image


def shown(image: Image) -> Picture:
    """A Pillow image of any mode as 8-bit grey or RGB; what is transparent lies over black."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep(np.asarray(image))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        alpha = rgba[..., 3:4].astype(np.uint16)
        return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
    return np.asarray(image.convert("RGB"))


def _deep(values: pixels.Samples) -> Picture:
    """More than 8 bits: 16-bit values are scaled as they are, others by their range."""
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        return pixels.stretch(values, float(values.min()), float(values.max()))
    if values.max() <= 255:
        return values.astype(np.uint8)
    top = float(values.max())
    # 12 or 10 bits in a 16-bit file would otherwise come out nearly black.
    return pixels.stretch(values, 0, 65535 if top >= 16384 else top)


def _upright(picture: Picture, orientation: int) -> Picture:
    turns, mirrored = _ORIENTATIONS.get(orientation, (0, False))
    flipped = picture[:, ::-1] if mirrored else picture
    return np.rot90(flipped, turns) if turns else flipped
