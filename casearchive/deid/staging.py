"""The pixels of one clip on their way out: cleaned frame by frame, staged on disk, and the film made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from casearchive import film
from casearchive.cache import Cache
from casearchive.deid import encode
from casearchive.deid.beside import beside, holds
from casearchive.deid.looking import Frame, Looked, Seen, reads_as, waits
from casearchive.deid.needles import Needle
from casearchive.deid.outline import Outline
from casearchive.deid.pixels import Area, Box, clean, rectangle
from casearchive.deid.refusal import NOBODY, Refusal
from casearchive.deid.things import Bits, Thing, inside, laid
from casearchive.errors import PictureUnavailable
from casearchive.teaching import Frames

_SOFT = 3  # pixels


class StagedFrames:
    """Cleaned frames on disk, read one at a time; frames count from 1.

    The file holds nothing but samples, frame by frame: numpy's own format has a header that it parses as Python, and
    that fails in Python 3.11 where two threads do so at once.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._count, self._shape = path, shape[0], shape[1:]

    def __len__(self) -> int:
        return self._count

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Frame ``number`` (rows, columns[, 3]); raises ``PictureUnavailable`` outside 1 … len."""
        if not 1 <= number <= self._count:
            raise PictureUnavailable(f"there is no frame {number}, only 1 to {self._count}")
        size = math.prod(self._shape)
        return np.fromfile(self._path, np.uint8, size, offset=(number - 1) * size).reshape(self._shape)


class StagedFilm:
    """The film of staged frames, written when it is first asked for and kept under the digest of what it shows."""

    def __init__(
        self, frames: Frames, lasting: Sequence[float], cache: Cache, digest: str, sound: Path | None
    ) -> None:
        self._frames, self._lasting, self._sound = frames, lasting, sound
        self._cache, self._digest = cache, digest
        self._good = False

    def path(self) -> Path | None:
        """The MP4 file; None without an encoder. Raises ``PictureUnavailable`` where it is not as it should be."""
        if not film.encoder():
            return None
        name = f"film-{film.VERSION}.mp4"
        kept = None if self._good else self._cache.there(self._digest, name)
        damaged = kept is not None and bool(self._faults(kept))
        path = self._cache.made(self._digest, name, self._write, again=damaged)
        self._good = True
        return path

    def _write(self, target: Path) -> None:
        pictures = (self._frames.frame(n) for n in range(1, len(self._frames) + 1))
        film.write(pictures, self._lasting, target, sound=self._sound)
        wrong = self._faults(target)
        if wrong:
            raise PictureUnavailable(f"a film failed its own check: {wrong[0]}")

    def _faults(self, path: Path) -> list[str]:
        return film.faults(path, len(self._frames), sound=self._sound is not None)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a pass over all frames gave: themselves, what stays of the picture (in the shape of its fan, where that is
    plain), colour or grey, hashes of the kept pixels, the liveliest frame."""

    frames: StagedFrames
    area: Area
    colour: bool
    hashes: tuple[str, ...]
    liveliest: int
    texts: tuple[int, ...] = ()  # frames with something like text, which a person has looked at
    beside: tuple[Thing, ...] = ()  # what is kept beside the area


@dataclass(frozen=True, slots=True)
class Terms:
    """How a clip is cleaned: ``approved`` by a person who saw what stays, ``drawn`` by one, or ``plain``: told by its
    regions alone, so that the corners of a fan can go."""

    needles: tuple[Needle, ...]
    approved: bool = False
    drawn: bool = False
    plain: bool = False


def clean_frames(
    looked: Iterable[tuple[int, Frame, Seen]],
    found: Looked,
    count: int,
    area: Area,
    terms: Terms,
    path: Path,
) -> Cleaned | Refusal:
    """Stage every frame cleaned, unless one shows text that nobody approved. ``found`` is whole after the last frame.

    Results, scales and bars beside the area stay where they are the same in every frame, unless a person drew what
    stays.
    """
    stage = _Stage(count, area, terms, path)
    try:
        for number, frame, seen in looked:
            refusal = stage.take(number, frame, seen)
            if refusal is not None:
                return refusal
    except PictureUnavailable as error:
        return Refusal(error.what, NOBODY)
    return stage.finished(found.outline if terms.plain else None)


class _Stage:
    def __init__(self, count: int, area: Area, terms: Terms, path: Path) -> None:
        self._count, self._area, self._terms, self._path = count, area, terms, path
        self._mask = area.mask()
        self._straight = rectangle(self._mask)
        self._first: Frame | None = None
        self._store: np.memmap[Any, np.dtype[np.uint8]] | None = None
        self._still: tuple[Thing, ...] = ()
        self._moved: list[Thing] = []
        self._texts: list[int] = []
        self._waiting: dict[int, Seen] = {}
        self._written: set[Box] = set()  # what looked like text in any frame
        self._hashes: list[str] = []
        self._liveliest, self._most = 1, -1.0

    def take(self, number: int, frame: Frame, seen: Seen) -> Refusal | None:
        """Stage one frame. Text that nobody approved refuses it: now, or later where it may stand beside the fan."""
        terms = self._terms
        self._written.update(seen.texts)
        if seen.tells(terms.needles):
            if not terms.approved and not terms.plain:
                return text_in(number)
            if not terms.approved:
                self._waiting[number] = seen
            elif reads_as(frame, self._area, seen.texts, terms.needles):
                return Refusal(
                    f"text in it reads like an identity that is known, also if it was approved (frame {number})",
                    "whoever masks it: casearchive review mask",
                )
            else:
                self._texts.append(number)
        if self._store is None or self._first is None:
            self._store = np.memmap(self._path, np.uint8, "w+", shape=(self._count, *frame.shape))
            self._first = frame
            self._still = () if terms.drawn else beside(frame, self._area, terms.needles)
        self._keep_still(self._first, frame)
        self._store[number - 1] = clean(frame, self._mask | laid(self._still, *self._mask.shape))
        self._hashes.append(encode.hash_of(frame, self._mask))
        life = float((frame[self._mask] if self._straight is None else frame[self._straight]).std())
        if life > self._most + 1e-9:
            self._liveliest, self._most = number, life
        return None

    def _keep_still(self, first: Frame, frame: Frame) -> None:
        moved = [thing for thing in self._still if not holds(thing, first, frame)]
        self._moved += moved
        self._still = tuple(thing for thing in self._still if not any(thing is m for m in moved))

    def finished(self, outline: Outline | None) -> Cleaned | Refusal:
        """What was staged; without what moved beside the area, and without the corners that hold nothing of a fan."""
        if self._store is None or self._first is None:
            return Refusal("it holds no frame", NOBODY)
        for number, seen in self._waiting.items():
            if waits(seen, outline, self._area, self._terms.needles):
                return text_in(number)
        if self._moved:
            self._empty(laid(self._moved, *self._mask.shape) & ~laid(self._still, *self._mask.shape))
        area = self._area if outline is None else self._in_its_fan(self._first, outline)
        self._store.flush()
        frames = StagedFrames(self._path, self._store.shape)
        colour = self._store.ndim == 4
        self._store = None
        return Cleaned(
            frames, area, colour, tuple(self._hashes), self._liveliest, tuple(self._texts), self._still
        )

    def _in_its_fan(self, first: Frame, outline: Outline) -> Area:
        """The box as it is, where all that stands in its corners is proven to be harmless there and stands still. Else
        only the fan stays, and what is proven beside it."""
        assert self._store is not None
        area = replace(self._area, within=outline.shape)
        fan = area.mask()
        corners = self._mask & ~fan
        found = [t for t in beside(first, area, self._terms.needles, corners) if corners[inside(t.box)].all()]
        for frame in self._store:
            found = [thing for thing in found if holds(thing, first, frame)]
        if not self._waiting and all(any(_holds(t.box, box) for t in found) for box in outline.apart):
            return self._area
        marks = [s for s in outline.signs if not any(_meet(s.box, box) for box in self._written)]
        self._still += (*found, *(s for s in marks if corners[inside(s.box)].all()))
        kept = fan | laid(self._still, *fan.shape)
        self._empty(~kept)
        self._hashes = [encode.hash_of(frame, fan) for frame in self._store]
        return area

    def _empty(self, gone: Bits) -> None:
        assert self._store is not None
        for frame in self._store:
            frame[gone] = 0


def _holds(outer: Box, inner: Box) -> bool:
    """Whether one box lies in another, but for the softness of print."""
    return (
        outer.x0 - _SOFT <= inner.x0
        and outer.y0 - _SOFT <= inner.y0
        and inner.x1 <= outer.x1 + _SOFT
        and inner.y1 <= outer.y1 + _SOFT
    )


def _meet(one: Box, other: Box) -> bool:
    return one.x0 <= other.x1 and other.x0 <= one.x1 and one.y0 <= other.y1 and other.y0 <= one.y1


def text_in(number: int) -> Refusal:
    """The refusal of a clip with text in this frame, from 1."""
    return Refusal(f"something that looks like text stands inside the scan area (frame {number})")
