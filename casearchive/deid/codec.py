"""JPEG 2000, reversible, frame by frame: Pillow everywhere, two frames at a time where imagecodecs is installed.

Both are OpenJPEG; Pillow holds Python's lock while it works, imagecodecs does not.
"""

from __future__ import annotations

import importlib.util
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = NDArray[np.uint8]
_In = TypeVar("_In")
_Out = TypeVar("_Out")

_JPEG = b"\xff\xd8"
_TOGETHER = 2  # more than two cores are rare where this runs, and each holds a frame


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
    if _imagecodecs() is None:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(_TOGETHER) as pool:
        begun: deque[Future[_Out]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) > _TOGETHER:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


@cache
def _imagecodecs() -> Any:
    if importlib.util.find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    return imagecodecs if imagecodecs.JPEG2K.available else None
