"""JPEG 2000, reversible, frame by frame: Pillow everywhere, several frames at a time where imagecodecs is installed.

Both are OpenJPEG; Pillow holds Python's lock while it works, imagecodecs does not.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from casearchive import abreast

Frame = NDArray[np.uint8]
_In = TypeVar("_In")
_Out = TypeVar("_Out")

_JPEG = b"\xff\xd8"


def codestream(frame: Frame) -> bytes:
    """One frame as a reversible JPEG 2000 codestream: RCT for colour (YBR_RCT), plain for grey
    (MONOCHROME2)."""
    small = min(frame.shape[:2])
    levels = max(1, min(6, small.bit_length() - 1))
    colour = frame.ndim == 3
    library = _imagecodecs()
    if library is not None:
        options = {"level": 0, "codecformat": "j2k", "reversible": True, "mct": colour, "resolutions": levels}
        return bytes(library.jpeg2k_encode(np.ascontiguousarray(frame), **options))
    target = io.BytesIO()
    Image.fromarray(frame).save(
        target, format="JPEG2000", irreversible=False, mct=int(colour), no_jp2=True, num_resolutions=levels
    )
    return target.getvalue()


def decoded(data: bytes) -> Frame:
    """The frame of a codestream, or of a lossless JPEG as media have it, (rows, columns[, 3]); raises what the decoder
    raises."""
    library = _imagecodecs()
    if library is not None and not data.startswith(_JPEG):
        return np.asarray(library.jpeg2k_decode(data))
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def in_order(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """``work`` of each item in their order, a few begun ahead; items are taken in the caller's thread."""
    return abreast.in_order(work, items) if _imagecodecs() is not None else map(work, items)


@cache
def _imagecodecs() -> Any:
    if importlib.util.find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    return imagecodecs if imagecodecs.JPEG2K.available else None
