"""Opens any file as a clip: asks each reader of this folder whether it knows the content."""

from __future__ import annotations

import stat
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import cast

from casearchive.clip import Clip, Overlaid, Reader
from casearchive.errors import UnreadableFile
from casearchive.plugs import plugs
from casearchive.readers import _shared

#: How much of a file is shown to the readers before one of them opens it.
HEAD_BYTES = 4096


@cache
def readers() -> tuple[Reader, ...]:
    """Every reader of this folder, the one asked first at the front (``PRIORITY``, then ``NAME``)."""
    found = cast("tuple[Reader, ...]", plugs(sys.modules[__name__]))
    return tuple(sorted(found, key=lambda reader: (reader.PRIORITY, reader.NAME)))


def open_clip(path: Path, sha256: str, *, graphics: bool = True) -> Clip:
    """Open the file at ``path``, whose content has the hash ``sha256`` (64 hexadecimal digits). Without ``graphics`` it
    is shown without what lies over its pictures (overlay planes, PS3.3 C.9.2).

    The caller closes the clip. Raises ``UnreadableFile`` with a code of ``choices.REASONS``; messages name the
    kind of trouble and never quote what the file holds. What ends too early is opened as far as it
    can be shown, with a note.
    """
    # Pillow speaks of damage and of size on the terminal; here a note does, and a limit of our own decides
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    head, size = _beginning(path)
    if size == 0:
        raise UnreadableFile("empty", "the file has no bytes", hint=_shared.AGAIN)
    for reader in readers():
        if reader.sniff(head, size):
            clip = reader.open(path, sha256)
            if not graphics and isinstance(clip, Overlaid):
                clip.leave_out_graphics()
            return clip
    raise UnreadableFile(
        "not-an-image",
        f"no reader knows this kind of file{_looks_like(head)}",
        hint="casearchive reads DICOM, PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF, HEIC and the usual video files",
    )


def _beginning(path: Path) -> tuple[bytes, int]:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise UnreadableFile(
                "special-file", "this is not a file", hint="name a file, not a folder or a device"
            )
        with path.open("rb") as file:
            return file.read(HEAD_BYTES), state.st_size
    except OSError as error:
        raise UnreadableFile(
            "unreadable",
            f"the operating system would not let it be read ({error.strerror or type(error).__name__})",
            hint="look at the permissions of the file and of its folder",
        ) from error


def _looks_like(head: bytes) -> str:
    """A guess, for the message only, at what the file is instead."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in _OTHER_KINDS:
        if text.startswith(mark) or head.startswith(mark):
            return f"; it looks like {name}"
    if head[4:8] == b"ftyp":
        return "; it looks like a raw photo of a camera, which can be exported as JPEG first"
    if not head.strip(b"\0"):
        return "; it holds only zeros"
    if b"\0" not in head:
        return "; it looks like text"
    return ""


_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"pk\x03\x04", "a zip archive"),
    (b"%pdf", "a PDF document"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
    (b"<svg", "an SVG drawing"),
    (b"#extm3u", "a playlist, which names other files and holds no picture itself"),
    (b"ffconcat", "a playlist, which names other files and holds no picture itself"),
    (b"%!ps", "PostScript"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"rar!", "a RAR archive"),
    (b"sqlite format 3", "a database"),
    (b"\x7felf", "a program"),
    (b"mz", "a program"),
)
