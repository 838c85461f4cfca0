"""Writes the staged object, losslessly and frame by frame, then reads it back and compares every pixel."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, get_frame

from casearchive.deid.codec import codestream, decoded, in_order
from casearchive.deid.headers import allowed
from casearchive.deid.pixels import clean, rectangle
from casearchive.errors import PictureUnavailable

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_OB_UNDEFINED = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"
_OV = b"OV\x00\x00"
_BASIC_LIMIT = 0xFFFFFF00  # beyond this an offset does not fit the basic table (PS3.5 A.4)

Frame = NDArray[np.uint8]


def write(dataset: Dataset, frames: Iterator[Frame], path: Path) -> None:
    """Write ``dataset`` and ``frames`` to ``path`` (PS3.10), a few frames in memory at a time.

    Fragments are one a frame, with a basic offset table, or an extended one beyond 4 GB (PS3.5 A.4).
    """
    body = path.with_suffix(".fragments")
    lengths: list[int] = []
    try:
        with body.open("wb") as file:
            for data in in_order(codestream, frames):
                data += b"\0" * (len(data) % 2)
                file.write(_ITEM + struct.pack("<I", len(data)) + data)
                lengths.append(len(data))
        dcmwrite(path, dataset, enforce_file_format=True)
        starts = [sum(lengths[:n]) + 8 * n for n in range(len(lengths))]
        with path.open("ab") as file, body.open("rb") as encoded:
            if starts[-1] < _BASIC_LIMIT:
                table = struct.pack(f"<{len(starts)}I", *starts)
                file.write(_OB_UNDEFINED + _ITEM + struct.pack("<I", len(table)) + table)
            else:
                size = 8 * len(starts)
                file.write(b"\xe0\x7f\x01\x00" + _OV + struct.pack(f"<I{len(starts)}Q", size, *starts))
                file.write(b"\xe0\x7f\x02\x00" + _OV + struct.pack(f"<I{len(starts)}Q", size, *lengths))
                file.write(_OB_UNDEFINED + _ITEM + struct.pack("<I", 0))
            shutil.copyfileobj(encoded, file)
            file.write(_END)
    finally:
        body.unlink(missing_ok=True)


def frames_of(path: Path) -> Iterator[Frame]:
    """The frames of a file that ``write`` wrote, decoded from its bytes, a few in memory at a time.

    Raises ``ValueError`` for another coding, and what the decoder raises.
    """
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        if file.read(len(_OB_UNDEFINED)) != _OB_UNDEFINED:
            raise ValueError("its pixels are not encapsulated")
        count = int(dataset.get("NumberOfFrames") or 1)
        yield from in_order(decoded, generate_frames(file, number_of_frames=count))


class EncodedFrames:
    """The frames of a file that ``write`` wrote, decoded one at a time when they are asked for; they count from 1."""

    def __init__(self, path: Path, count: int) -> None:
        self._path, self._count = path, count
        self._pixels = 0  # where the encapsulated frames begin

    def __len__(self) -> int:
        return self._count

    def frame(self, number: int) -> Frame:
        """Frame ``number`` (rows, columns[, 3]); raises ``PictureUnavailable`` outside 1 … len."""
        if not 1 <= number <= self._count:
            raise PictureUnavailable(f"there is no frame {number}, only 1 to {self._count}")
        with self._path.open("rb") as file:
            if not self._pixels:
                dcmread(file, stop_before_pixels=True)
                self._pixels = file.tell() + len(_OB_UNDEFINED)
            file.seek(self._pixels)
            return decoded(get_frame(file, number - 1, number_of_frames=self._count))


def hash_of(frame: Frame, mask: NDArray[np.bool_]) -> str:
    """SHA-256 of the kept pixels of one frame, row by row."""
    straight = rectangle(mask)
    kept = frame[mask] if straight is None else frame[straight]
    return hashlib.sha256(kept.tobytes()).hexdigest()


def faults(
    path: Path,
    mask: NDArray[np.bool_],
    hashes: tuple[str, ...],
    beside: NDArray[np.bool_],
    options: Collection[str] = (),
) -> list[str]:
    """What is wrong with a staged file, read back from its bytes alone; empty when it is as it must be.

    ``hashes`` are ``hash_of`` the source's decoded frames: inside must be equal, outside zero but for results
    ``beside`` it, frames complete. ``options`` are those of the profile that may have brought attributes.
    """
    head = path.open("rb")
    with head:
        if head.read(132) != b"\0" * 128 + b"DICM":
            return ["the preamble is not empty"]
    dataset = dcmread(path, stop_before_pixels=True)
    found = [f"{keyword} is not allowed by the profile" for keyword in allowed(dataset, options)]
    outside, count = ~(mask | beside), 0
    for frame in frames_of(path):
        if count < len(hashes) and hash_of(frame, mask) != hashes[count]:
            found.append(f"frame {count + 1} differs inside the scan area")
        if clean(frame, outside).any():
            found.append(f"frame {count + 1} is not empty outside the scan area")
        count += 1
    if count != len(hashes):
        found.append(f"{count} frames instead of {len(hashes)}")
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
