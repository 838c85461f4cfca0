"""Promises of ``contact``: every picture is on the sheet with its number, whatever its shape and its caption."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from casearchive.clip import Picture
from casearchive.contact import WIDTH, Strip, drawn

LEVEL = (10, 200, 90)  # no text is of this colour


def flat(rows: int, columns: int) -> Picture:
    return np.full((rows, columns, 3), LEVEL, np.uint8)


def pixels(data: bytes) -> np.ndarray:
    image = Image.open(BytesIO(data))
    assert image.format == "PNG"
    assert image.width == WIDTH
    return np.asarray(image.convert("RGB")).astype(int)


def shown(sheet: np.ndarray) -> int:
    """How many pixels have exactly the colour of the pictures."""
    return int((sheet == LEVEL).all(axis=2).sum())


def test_every_frame_is_on_the_sheet_whole() -> None:
    frames = tuple((n, flat(50, 100)) for n in range(1, 14))
    assert shown(pixels(drawn("A case", [Strip("M1", "still", frames)]))) == 13 * 50 * 100


@pytest.mark.parametrize(("rows", "columns"), [(1200, 100), (60, 2000), (700, 700)])
def test_portrait_square_and_very_wide_frames_keep_their_shape(rows: int, columns: int) -> None:
    sheet = pixels(drawn("", [Strip("M1", "", tuple((n, flat(rows, columns)) for n in (1, 2, 3, 4)))]))
    lit = (sheet == LEVEL).all(axis=2)
    across = np.flatnonzero(lit.any(axis=0))
    first = across[: int(np.argmax(np.diff(across) > 1)) + 1] if (np.diff(across) > 1).any() else across
    down = np.flatnonzero(lit[:, first[0]])
    down = down[: int(np.argmax(np.diff(down) > 1)) + 1] if (np.diff(down) > 1).any() else down
    assert len(first) / len(down) == pytest.approx(columns / rows, rel=0.15)


def test_the_key_frame_is_framed_and_no_other() -> None:
    frames = tuple((n, flat(50, 100)) for n in (1, 2, 3))
    marked, plain = (pixels(drawn("", [Strip("M1", "", frames, key)])) for key in (2, 0))
    yellow = (255, 205, 60)
    assert (marked == yellow).all(axis=2).sum() > 2 * (50 + 100)
    assert not (plain == yellow).all(axis=2).any()
    columns = np.flatnonzero((marked == yellow).all(axis=2).any(axis=0))
    assert columns.min() > WIDTH // 4 - 20
    assert columns.max() < 2 * WIDTH // 4 + 20


def test_stills_that_follow_each_other_stand_side_by_side() -> None:
    strips = [Strip(f"M{n}", "still", ((1, flat(300, 400)),), 1) for n in (1, 2, 3)]
    two, three = (pixels(drawn("", strips[:n])) for n in (2, 3))
    assert two.shape[0] < 400 < three.shape[0]
    assert shown(three) == 3 * 300 * 400


@pytest.mark.parametrize(
    "caption", ["", "short", "word " * 200, "x" * 500, "Ödem, µ → ∅", "two\nlines\t\x07", "胸腔積液"]
)
def test_any_caption_is_borne(caption: str) -> None:
    strips = [Strip(caption, caption, ((1, flat(50, 100)), (2, flat(50, 100))))]
    assert shown(pixels(drawn(caption, strips))) == 2 * 50 * 100


def test_a_clip_that_cannot_be_shown_keeps_its_heading() -> None:
    strips = [Strip("M1", "its file cannot be read", ()), Strip("M2", "", ((1, flat(50, 100)),))]
    assert pixels(drawn("", strips)).shape[0] > pixels(drawn("", strips[1:])).shape[0]
    with pytest.raises(ValueError, match="at least one"):
        drawn("", strips[:1])
