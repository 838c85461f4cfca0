"""Beside the scan: results, depth scales and bars stay where they are proven to be that, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import needs_detector
from numpy.typing import NDArray
from PIL import Image
from test_looking import COLUMNS, ROWS, echoes, written

from casearchive.deid.bars import bars
from casearchive.deid.beside import beside, holds
from casearchive.deid.needles import build
from casearchive.deid.pixels import Area, Box
from casearchive.deid.scales import scales
from casearchive.deid.things import Thing, boxed, laid
from casearchive.model import Identifier, UltrasoundRegion

# --------------------------------------------------------------------------------------------- results

SCAN = Area(ROWS, COLUMNS, (Box(150, 60, 520, 400),), ())


def screen_of(lines: dict[str, tuple[int, int]], seed: int = 1) -> NDArray[np.uint8]:
    """A black screen with echoes in ``SCAN`` and these lines of print."""
    frame = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    frame[SCAN.mask()] = echoes(seed)[SCAN.mask()]
    for text, at in lines.items():
        frame = written(frame, text, at, 16)
    return frame


PRINTED = {
    "Dist 1.06 cm": (10, 430),
    "D2 12.4 mm": (300, 430),
    "Quillfeather": (10, 8),
    "12:34": (560, 8),
    "61": (560, 200),
}


@needs_detector
def test_results_beside_the_scan_are_read_and_nothing_else_is() -> None:
    found = beside(screen_of(PRINTED), SCAN, ())
    assert sorted(r.text.replace(" ", "") for r in found) == ["D212.4mm", "Dist1.06cm"]


@needs_detector
def test_of_a_result_only_the_ink_is_kept() -> None:
    frame = screen_of({"Dist 1.06 cm": (10, 430)}).copy()
    frame[428:452:2, 12:110][frame[428:452:2, 12:110] == 0] = 24  # something faint behind it
    (result,) = beside(frame, SCAN, ())
    ink = laid([result], ROWS, COLUMNS)
    assert 0.1 < result.ink.mean() < 0.8
    away = boxed([result.box], ROWS, COLUMNS) & ~ink
    assert (frame[away] == 24).any()
    assert frame[ink].max() > 200


@needs_detector
def test_a_result_that_holds_a_known_name_or_record_is_not_kept() -> None:
    frame = screen_of({"Dist 106 cm": (10, 430)})
    assert beside(frame, SCAN, build([Identifier("PatientName", "DIST^JO")])) == ()


@needs_detector
def test_a_result_that_changes_is_another_one() -> None:
    first, same = screen_of(PRINTED, 1), screen_of(PRINTED, 2)
    other = written(screen_of({}, 3), "QUILLFEATHER 4711", (10, 430), 16)
    for result in beside(first, SCAN, ()):
        assert holds(result, first, same)
        assert result.box.x0 > 200 or not holds(result, first, other)


@needs_detector
def test_dark_print_stays_with_its_even_ground() -> None:
    frame = written(screen_of({}), "D1 1.06 cm", (20, 430), 16, colour="#181818", ground="#d0d0d4")
    (result,) = beside(frame, SCAN, ())
    kept = frame[laid([result], ROWS, COLUMNS)]
    assert kept.max() > 200 and kept.min() < 40
    faint = frame.copy()
    faint[result.box.y0 : result.box.y0 + 2, result.box.x0 : result.box.x1 : 3] -= 30
    assert beside(faint, SCAN, ()) == (), "the ground is not even: something may be written there"
    assert not holds(result, frame, faint)


@needs_detector
def test_a_label_stays_with_its_value_and_a_name_beside_it_does_not() -> None:
    frame = screen_of({"Length": (10, 430), "2.31 cm": (110, 430), "Quillfeather": (220, 430)})
    assert [thing.text.replace(" ", "") for thing in beside(frame, SCAN, ())] == ["Length", "2.31cm"]


@needs_detector
@pytest.mark.parametrize("gap", [-11, -9, 20, 22])
def test_small_print_above_or_below_a_result_does_not_come_along(gap: int) -> None:
    """The reader passes over it, and its ink stood in the same box."""
    frame = screen_of({"D 1.23 cm": (10, 430)})
    small = written(frame, "MILLER JOHN", (12, 430 + gap), 9)
    ink = (small != frame).any(axis=2)
    kept = laid(beside(small, SCAN, ()), ROWS, COLUMNS)
    assert (kept & ink).sum() < 0.05 * ink.sum()


# --------------------------------------------------------------------------------------------- depth scales

CM = 64  # pixels
SCALED = replace(
    SCAN, regions=(UltrasoundRegion(150, 60, 520, 400, 1, 1, 0, 3, 3, delta_x=1 / CM, delta_y=1 / CM),)
)


def scaled(step: float = CM, *, jitter: int = 0, numbers: bool = True) -> NDArray[np.uint8]:
    """A mark every half centimetre of ``step`` pixels at the right of the scan, and the depth of the whole ones."""
    frame = screen_of({})
    for half in range(10):
        y = round(62 + half * step / 2) + (jitter * (half % 3))
        long = 5 if half % 2 else 10
        frame[y : y + 2, 540 : 540 + long] = 230
        if numbers and half % 2 == 0:
            frame = written(frame, str(half // 2 + 3), (558, y - 9), 16).copy()
    return frame


def texts(things: tuple[Thing, ...]) -> list[str]:
    return sorted(thing.text for thing in things if thing.kind == "depth scale")


@needs_detector
def test_a_depth_scale_that_agrees_with_the_calibration_stays_mark_by_mark_and_sign_by_sign() -> None:
    frame = scaled()
    found = beside(frame, SCALED, ())
    assert "10 marks of the scale" in texts(found)
    assert set(texts(found)) - {"10 marks of the scale"} <= set("34567") and len(texts(found)) >= 4
    kept = laid(found, ROWS, COLUMNS)
    assert kept[62, 540:550].all() and not kept[70:80, 540:550].any()
    assert not (kept & SCALED.mask()).any()


@needs_detector
def test_numbers_that_disagree_with_the_calibration_do_not_stay() -> None:
    """3 4 5 6 7 below one another, as far apart as no depth is: a record number can be written like that."""
    found = beside(scaled(CM * 0.8), SCALED, ())
    assert texts(found) == []
    uncalibrated = replace(SCALED, regions=(replace(SCALED.regions[0], delta_y=None),))
    assert texts(beside(scaled(CM * 0.8), uncalibrated, ())) == ["10 marks of the scale"]


def test_bars_at_uneven_distances_are_no_scale() -> None:
    assert texts(tuple(scales(scaled(jitter=7, numbers=False), SCALED))) == []
    few = scaled(numbers=False)
    few[62 + 3 * CM // 2 :, 530:] = 0
    assert texts(tuple(scales(few, SCALED))) == []


# --------------------------------------------------------------------------------------------- bars


def barred(turned: bool = False) -> NDArray[np.uint8]:
    """A bar from red over black to blue, 18 pixels wide and 160 long."""
    frame = screen_of({})
    shade = np.linspace(255, 32, 160).astype(np.uint8)
    bar = np.zeros((160, 18, 3), np.uint8)
    bar[..., 0], bar[..., 2] = shade[:, None], shade[::-1, None]
    if turned:
        frame[430:448, 200:360] = bar.swapaxes(0, 1)
    else:
        frame[100:260, 40:58] = bar
    return frame


@pytest.mark.parametrize("turned", [False, True])
def test_a_colour_bar_stays_whole(turned: bool) -> None:
    (bar,) = bars(barred(turned), SCAN)
    box = Box(200, 430, 359, 447) if turned else Box(40, 100, 57, 259)
    assert boxed([bar.box], ROWS, COLUMNS).sum() >= 0.95 * boxed([box], ROWS, COLUMNS).sum()
    assert not (boxed([bar.box], ROWS, COLUMNS) & ~boxed([box], ROWS, COLUMNS)).any()


def test_nothing_written_on_a_bar_stays_also_not_in_a_later_frame() -> None:
    (bar,) = bars(barred(), SCAN)
    clean = barred()
    upright = written(barred(), "JOHN MILLER", (41, 120), 12, turn=Image.Transpose.ROTATE_90)
    faint = np.where(upright != clean, np.minimum(clean.astype(int) + 30, 255), clean).astype(np.uint8)
    for frame in (upright, faint):
        assert not holds(bar, clean, frame)
        where = laid(tuple(bars(frame, SCAN)), ROWS, COLUMNS)
        assert not (where & (frame != clean).any(axis=2)).any()
    assert holds(bar, clean, clean)


@pytest.mark.parametrize("frame", [screen_of({}), echoes(4)])
def test_black_and_even_grounds_and_echoes_are_no_bars(frame: NDArray[np.uint8]) -> None:
    frame = frame.copy()
    frame[:40] = (60, 70, 110)
    assert tuple(bars(frame, SCAN)) == ()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dark", [20, 60])
def test_a_bar_code_is_no_bar_however_soft_its_stripes_are(turned: bool, dark: int) -> None:
    rng = np.random.default_rng(3)
    stripes = np.repeat(np.where(rng.random(40) < 0.5, 235, dark), 4).astype(float)
    stripes = np.convolve(stripes, np.ones(3) / 3, "same")
    stripes[[0, -1]] = 235
    code = np.repeat(stripes.astype(np.uint8)[:, None, None], 18, axis=1).repeat(3, axis=2)
    frame, plain = screen_of({}), barred(turned)
    if turned:
        frame[430:448, 200:360] = code.swapaxes(0, 1)
        later = np.where(np.arange(ROWS)[:, None, None] >= 430, frame, plain)
    else:
        frame[100:260, 40:58] = code
        later = np.where(np.arange(COLUMNS)[None, :, None] < 60, frame, plain)
    assert tuple(bars(frame, SCAN)) == ()
    (bar,) = bars(plain, SCAN)
    assert not holds(bar, plain, later.astype(np.uint8)), "nor one that stands there in a later frame"
