"""What every reader says alike: clean text, UIDs that follow from content, levels of a plain picture."""

from __future__ import annotations

import uuid

from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import Series, Study, Subject

#: A larger picture is kept and not shown: decoding it would take more than a gigabyte.
MAX_PIXELS = 64_000_000
#: A moving picture is put together on several canvases at once (WebP keeps three, APNG as many): each may be so large.
MAX_MOVING_PIXELS = 16_000_000
TOO_MANY_PIXELS = f"has more than {MAX_PIXELS // 1_000_000} million pixels"

#: What to do about a file of which something is missing or wrong.
AGAIN = "copy it again from where it was made"

#: Where derived UIDs come from: ``2.25.`` and the UUID5 of the content's hash, the same on every machine.
_NAMESPACE = uuid.NAMESPACE_OID
_LONGEST_TEXT = 1024


def derived_uid(sha256: str, level: str = "") -> str:
    """A UID that follows from the content alone (PS3.5 B.2): of the picture, or of its study or series."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, sha256 + level).int}"


def clean(text: str) -> str:
    """Text without control characters, lone surrogates or padding, of a bearable length."""
    if text.isascii() and text.isprintable():
        return text.strip()[:_LONGEST_TEXT]
    kept = "".join(character if character.isprintable() else " " for character in text)
    return kept.encode("utf-8", "replace").decode().strip()[:_LONGEST_TEXT]


def ranges(numbers: list[int]) -> str:
    """Numbers in rising order for people: ``2``, ``2 and 5``, ``1 to 4, 7 and 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    parts: list[str] = []
    for first, last in runs:
        if last - first == 1:
            parts += [str(first), str(last)]
        else:
            parts.append(str(first) if first == last else f"{first} to {last}")
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part) if parts else ""


def standing_alone(sha256: str) -> tuple[Subject, Study, Series]:
    """The levels above a picture that says nothing about them: its own subject, study and series."""
    return (
        Subject(identity=f"sha256:{sha256}"),
        Study(study_instance_uid=derived_uid(sha256, "/study")),
        Series(series_instance_uid=derived_uid(sha256, "/series")),
    )


def shown_or(clip: Clip, refusal: UnreadableFile) -> Clip:
    """The clip of a file that ends too early, or the refusal where not even its first frame can be shown."""
    try:
        clip.frame(1)
    except PictureUnavailable:
        clip.close()
        raise refusal from None
    return clip
