"""What every reader hands over: a clip, facts now and pixels on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from casearchive.model import Facts

Picture = NDArray[np.uint8]
"""One frame as a person sees it: shape (rows, columns) grey or (rows, columns, 3) RGB, 8 bits a sample."""


class Clip(Protocol):
    """One opened file. ``facts`` is ready at once; a frame is decoded when it is asked for, never the loop.

    Frames count from 1. ``frame`` gives the full stored size; ``glimpse`` may decode at a reduced size, as long
    as the longer edge has at least ``edge`` pixels (or the picture is smaller than that).
    Both raise ``PictureUnavailable`` where the frame cannot be shown, with the reason.
    """

    @property
    def facts(self) -> Facts: ...

    def frame(self, number: int) -> Picture: ...

    def glimpse(self, number: int, edge: int) -> Picture: ...

    def close(self) -> None: ...


@runtime_checkable
class Overlaid(Protocol):
    """A clip that draws graphics over its pictures, and can leave them out."""

    def leave_out_graphics(self) -> None: ...


@runtime_checkable
class Sounding(Protocol):
    """A clip whose file may hold sound, too. It is never part of the pictures; ``write_sound`` codes it anew, alone, as
    ``target`` (AAC in MP4) and says whether anything could be heard."""

    @property
    def sounds(self) -> bool: ...

    def write_sound(self, target: Path) -> bool: ...


class Reader(Protocol):
    """A module of ``readers/``: one medium. ``sniff`` looks at content, never at the suffix.

    ``head`` is the first 4096 bytes of the file. ``open`` raises ``UnreadableFile`` with a reason code.
    A file that ends before what it promises is opened with a note where something of it can be shown.
    """

    NAME: str
    PRIORITY: int  # lower is asked first

    def sniff(self, head: bytes, size: int) -> bool: ...

    def open(self, path: Path, sha256: str) -> Clip: ...
