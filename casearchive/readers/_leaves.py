"""The frames of a picture file through Pillow: the same picture for a number, whichever was asked for before.

Frames of a moving picture build on each other, so each is reached by going through those before it, one by one.
Pillow's own way back leaves things undone (in an APNG it loses the place); here going back starts afresh.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.readers import _shown, _webp
from casearchive.readers._shared import MAX_PIXELS, TOO_MANY_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

#: A largest 16-bit value from which on the others are shown as they are.
_WELL_FILLED = 16384
#: Pages of these stand alone and can be gone to at once.
_ALONE = ("TIFF", "AVIF", "HEIF", "MPO")


class Leaves:
    """The frames of one opened file; ``remarks`` is what decoding told, for a person."""

    def __init__(
        self, path: Path, form: str, image: Image, frames: int, pages: tuple[int, ...], *, cut: bool = False
    ) -> None:
        self._path, self._form, self._image, self._frames = path, form, image, frames
        self._cut = cut
        self._pages = pages
        self._at = 0  # how many frames of ``_image`` have been gone through
        # the picture that a viewer without animation shows may be none of the frames; Pillow counts it as the first
        self._skipped = int(form == "PNG" and frames > 1 and bool(image.info.get("default_image")))
        self._top: float | None = None
        self.remarks: list[str] = []

    def picture(self, number: int, edge: int | None) -> Picture:
        """Frame ``number``, from 1, before it is turned; ``edge`` lets a JPEG be decoded smaller."""
        if not self._cut:
            return self._picture(number, edge)
        with _tolerant():  # of a file that is known to end too early, what there is
            return self._picture(number, edge)

    def _picture(self, number: int, edge: int | None) -> Picture:
        if self._image.format == "JPEG":
            return self._of_jpeg(edge)
        if self._frames == 1:
            self._room()
            return self._eight_bits(self._image)
        if self._image.format in _ALONE:
            self._alone(number)
        else:
            self._walk_to(number)
        return self._eight_bits(self._image)

    def close(self) -> None:
        self._image.close()

    def _of_jpeg(self, edge: int | None) -> Picture:
        """A JPEG that was once decoded small must be opened anew for its full size."""
        from PIL import Image as PillowImage

        with PillowImage.open(self._path, formats=("JPEG",)) as image:
            if edge:
                longer = max(image.size)
                wide, high = (max(1, -(-side * edge // longer)) for side in image.size)
                image.draft(None, (wide, high))
            return shown(image)

    def _alone(self, number: int) -> None:
        self._image.seek(self._pages[number - 1] if self._pages else number - 1)
        self._room()

    def _walk_to(self, number: int) -> None:
        """Go through every frame up to ``number``; one that is damaged does not hide those after it."""
        if number < self._at:
            self._afresh()
        trouble: Exception | None = None
        while self._at < number:
            trouble = None
            try:
                self._image.seek(self._at + self._skipped)
                self._room()
                self._image.load()
            except PictureUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - Pillow raises whatever damaged data makes of it
                trouble = error
                self._remark("a frame of it is damaged; what follows may show remains of the picture before")
            self._at += 1
        if trouble is not None:
            self._at = self._frames + 1  # the place is lost: the next one begins afresh
            if self._form == "WEBP":
                self._image_of_webp(number, trouble)
                return
            raise trouble

    def _image_of_webp(self, number: int, trouble: Exception) -> None:
        """libwebp stops at the first damaged frame; one that covers the whole picture needs no other."""
        found = _webp.alone(self._path, number)
        if found is None:
            raise trouble
        self._image.close()
        self._image = found

    def _afresh(self) -> None:
        from PIL import Image as PillowImage

        self._image.close()
        self._image = PillowImage.open(self._path, formats=(self._form,))
        self._at = 0

    def _room(self) -> None:
        if self._image.width * self._image.height > MAX_PIXELS:
            raise PictureUnavailable(f"the frame {TOO_MANY_PIXELS}")

    def _eight_bits(self, image: Image) -> Picture:
        if image.mode.startswith("I;16") and 255 < (top := int(np.asarray(image).max())) < _WELL_FILLED:
            self._remark(f"its values reach {top} of 65535: they were stretched to what a screen shows")
        if self._frames > 1 and (image.mode == "F" or image.mode.startswith("I")):
            return self._deep_alike(_black_is_low(np.asarray(image), image))
        return shown(image)

    def _deep_alike(self, values: pixels.Samples) -> Picture:
        """Deep frames of a clip are all scaled alike, by the first, the middle and the last of them."""
        if self._top is None:
            tops = []
            here = self._image.tell()
            for number in sorted({1, (self._frames + 1) // 2, self._frames}):
                try:
                    self._alone(number)
                    tops.append(float(np.asarray(self._image).max()))
                except Exception:  # noqa: BLE001, S112 - a damaged frame has no say in how the others look
                    continue
            self._image.seek(here)
            self._top = max(tops, default=float(values.max()))
        return deep(values, self._top)

    def _remark(self, what: str) -> None:
        if what not in self.remarks:
            self.remarks.append(what)


def shown(image: Image) -> Picture:
    """A Pillow image of any mode as 8-bit grey or RGB; what is transparent lies over black."""
    if image.mode == "F" or image.mode.startswith("I"):
        values = _black_is_low(np.asarray(image), image)
        return deep(values, float(values.max()))
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L"))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _shown.over_black(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _black_is_low(values: pixels.Samples, image: Image) -> pixels.Samples:
    """16-bit values of a TIFF in which zero is white (PhotometricInterpretation 0), the usual way round.

    Pillow turns 8-bit ones round by itself.
    """
    tags = getattr(image, "tag_v2", {})
    if values.dtype != np.uint16 or image.format != "TIFF" or tags.get(262) != 0:
        return values
    bits = tags.get(258, (16,))
    turned: pixels.Samples = ((1 << int(bits[0] if isinstance(bits, tuple) else bits)) - 1 - values).astype(
        np.uint16
    )
    return turned


def deep(values: pixels.Samples, top: float) -> Picture:
    """More than 8 bits, ``top`` being the largest value of the clip: 16-bit values as they are, others by range."""
    if values.dtype.kind == "f" or values.min() < 0 or top > 65535:
        return pixels.stretch(values, float(values.min()), float(max(top, values.max())))
    if top <= 255:
        return values.astype(np.uint8)
    # 12 or 10 bits in a 16-bit file would otherwise come out nearly black.
    return pixels.stretch(values, 0, 65535 if top >= _WELL_FILLED else top)


class _InThisThread(threading.local):
    """Pillow has one switch for whether it shows what there is of a damaged picture; this one each thread has for
    itself."""

    on = False

    def __bool__(self) -> bool:
        return self.on


@cache
def _switch() -> _InThisThread:
    from PIL import ImageFile

    switch = _InThisThread()
    vars(ImageFile)["LOAD_TRUNCATED_IMAGES"] = switch
    return switch


@contextlib.contextmanager
def _tolerant() -> Iterator[None]:
    switch = _switch()
    switch.on = True
    try:
        yield
    finally:
        switch.on = False
