"""How a picture that was not made by DICOM is put on the screen: turned, mirrored, square, opaque, of one size."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture


@dataclass(frozen=True, slots=True)
class Turn:
    """``turns`` quarter turns counter-clockwise, after mirroring left and right where ``mirrored``."""

    turns: int = 0
    mirrored: bool = False

    @property
    def words(self) -> str:
        """What is done, for a note; empty where nothing is."""
        # Counter-clockwise is how arrays turn; clockwise is how people speak.
        angle = {1: "turned by 270 degrees", 2: "turned by 180 degrees", 3: "turned by 90 degrees"}
        said = [angle[self.turns]] if self.turns else []
        return " and ".join((["mirrored"] if self.mirrored else []) + said)


#: EXIF orientation (tag 274): what must be done to the stored picture.
ORIENTATIONS = {
    1: Turn(),
    2: Turn(0, True),
    3: Turn(2),
    4: Turn(2, True),
    5: Turn(1, True),
    6: Turn(3),
    7: Turn(3, True),
    8: Turn(1),
}


def turn_of_matrix(matrix: bytes) -> Turn:
    """From nine native 32-bit numbers, a display matrix: (x, y) goes to (a x + c y, b x + d y).

    Only quarter turns and mirrors are obeyed; anything else (a shear, a turn by some degrees) shows the picture
    as it is stored.
    """
    a, b, _, c, d = struct.unpack("=9i", matrix[:36])[:5]
    signs = tuple((value > 0) - (value < 0) for value in (a, b, c, d))
    return _MATRICES.get(signs, Turn())


#: Signs of a, b, c, d.
_MATRICES = {
    (1, 0, 0, 1): Turn(),
    (0, 1, -1, 0): Turn(3),
    (-1, 0, 0, -1): Turn(2),
    (0, -1, 1, 0): Turn(1),
    (-1, 0, 0, 1): Turn(0, True),
    (1, 0, 0, -1): Turn(2, True),
    (0, 1, 1, 0): Turn(1, True),
    (0, -1, -1, 0): Turn(3, True),
}


def turned(picture: Picture, turn: Turn) -> Picture:
    """The picture as ``turn`` wants it, contiguous."""
    flipped = picture[:, ::-1] if turn.mirrored else picture
    return np.ascontiguousarray(np.rot90(flipped, turn.turns) if turn.turns else flipped)


def square(rows: int, columns: int, aspect: float) -> tuple[int, int]:
    """(rows, columns) with square pixels, never fewer: ``aspect`` is width by height of a stored pixel."""
    return (rows, round(columns * aspect)) if aspect > 1 else (round(rows / aspect), columns)


def over_black(rgba: Picture) -> Picture:
    """RGB of a picture of shape (rows, columns, 4): what is transparent lies over black."""
    return pixels.by_rows(
        rgba, lambda part: ((part[..., :3] * part[..., 3:4].astype(np.uint16) + 127) // 255).astype(np.uint8)
    )


def fitted(picture: Picture, rows: int, columns: int, edge: int | None = None) -> Picture:
    """A picture of another size, whole and undistorted, in the middle of a black one of (rows, columns).

    With ``edge``, of a smaller one whose longer edge is that.
    """
    from PIL import Image

    if edge and max(rows, columns) > edge:
        scale = edge / max(rows, columns)
        rows, columns = max(1, round(rows * scale)), max(1, round(columns * scale))
    scale = min(rows / picture.shape[0], columns / picture.shape[1])
    high = min(rows, max(1, round(picture.shape[0] * scale)))
    wide = min(columns, max(1, round(picture.shape[1] * scale)))
    scaled = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.LANCZOS))
    whole = np.zeros((rows, columns, *picture.shape[2:]), np.uint8)
    top, left = (rows - high) // 2, (columns - wide) // 2
    whole[top : top + high, left : left + wide] = scaled
    return whole
