"""What may stay beside the scan area: a thing of a known kind, where it is, and which pixels of its box are its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from casearchive.deid.pixels import Box

Bits = NDArray[np.bool_]
Frame = NDArray[np.uint8]
Level = TypeVar("Level", np.uint8, np.int16)
Kind = Literal["result", "label", "depth scale", "colour bar", "mark"]


@dataclass(frozen=True, slots=True)
class Thing:
    """``text`` is what it reads as, or what it is; ``box`` stored pixels, inclusive; ``ink``, as large as the box, is
    True where the picture stays, ``ground`` where it stays and must be even in every frame."""

    kind: Kind
    text: str
    box: Box
    ink: Bits
    ground: Bits | None = None


def inside(box: Box) -> tuple[slice, slice]:
    """The rows and columns of a box."""
    return slice(box.y0, box.y1 + 1), slice(box.x0, box.x1 + 1)


def laid(things: Iterable[Thing], rows: int, columns: int) -> Bits:
    """Where any of them stays."""
    where = np.zeros((rows, columns), np.bool_)
    for thing in things:
        where[inside(thing.box)] |= thing.ink
    return where


def boxed(boxes: Iterable[Box], rows: int, columns: int) -> Bits:
    """Where any of these boxes is."""
    where = np.zeros((rows, columns), np.bool_)
    for box in boxes:
        where[inside(box)] = True
    return where


def digest(frames: Iterable[Frame], where: Bits) -> str:
    """SHA-256 of the pixels at ``where`` of all frames, one after the other."""
    told = hashlib.sha256()
    for frame in frames:
        told.update(frame[where].tobytes())
    return told.hexdigest()


def lit(frame: Frame) -> NDArray[np.int16]:
    """The brightest channel of every pixel."""
    return np.asarray(strongest(frame), np.int16)


def strongest(levels: NDArray[Level]) -> NDArray[Level]:
    """The largest value of any channel, (rows, columns); many times as quick as numpy's ``max`` along a short axis."""
    return levels if levels.ndim == 2 else reduce(np.maximum, np.moveaxis(levels, 2, 0))


def grown(bits: Bits, by: int = 1) -> Bits:
    """``bits`` and every pixel around them, ``by`` pixels far."""
    rows, columns = bits.shape
    wide = np.pad(bits, by)
    result = np.zeros_like(bits)
    for y in range(2 * by + 1):
        for x in range(2 * by + 1):
            result |= wide[y : y + rows, x : x + columns]
    return result
