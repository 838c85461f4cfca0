"""Promises of ``keyframe``: the frame that stands for a clip is one a clinician would choose, and says why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from casearchive.clip import Picture
from casearchive.keyframe import choose

ROWS, COLUMNS = 300, 400


def tissue(seed: int, scene: float = 0.0) -> Picture:
    """Speckle over layers and a bright round thing; another ``scene`` looks otherwise."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    base = 60 + 50 * np.sin(x / 40 + scene * 2 + y / 70)
    base += 40 * (np.hypot(x - COLUMNS * (0.3 + 0.2 * scene), y - ROWS * 0.5) < 50)
    speckle = np.random.default_rng(seed).rayleigh(0.6, (ROWS, COLUMNS))
    return np.clip(base * speckle, 0, 255).astype(np.uint8)


def coloured(picture: Picture) -> Picture:
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def flow(picture: Picture, high: int) -> Picture:
    shown = coloured(picture)
    shown[100 : 100 + high, 150:250] = (200, 40, 20)
    return shown


def menu() -> Picture:
    page = np.full((ROWS, COLUMNS, 3), (40, 60, 110), np.uint8)
    for line in range(8):
        page[30 + line * 30 : 44 + line * 30, 40:300] = (200, 200, 210)
    return page


def bars() -> Picture:
    colours = (
        (255, 255, 255),
        (255, 255, 0),
        (0, 255, 255),
        (0, 255, 0),
        (255, 0, 255),
        (255, 0, 0),
        (0, 0, 255),
    )
    return np.repeat(np.array(colours, np.uint8)[None], ROWS, axis=0).repeat(57, axis=1)[:, :COLUMNS]


def report() -> Picture:
    """White text on black, as a measurement page."""
    page = np.zeros((ROWS, COLUMNS), np.uint8)
    page[10::12, 20:300] = np.random.default_rng(1).integers(0, 2, (25, 280)) * 230
    return page


def half_drawn() -> Picture:
    picture = tissue(7)
    picture[150:] = 0
    return picture


def under_a_menu() -> Picture:
    picture = tissue(7)
    picture[60:240, 100:320] = 90
    return picture


def fading() -> Picture:
    return (tissue(7) * 0.3).astype(np.uint8)


FAULTS: dict[str, tuple[Callable[[], Picture], str]] = {
    "black": (lambda: np.zeros((ROWS, COLUMNS), np.uint8), "black"),
    "uniform": (lambda: np.full((ROWS, COLUMNS), 90, np.uint8), "uniform"),
    "white": (lambda: np.full((ROWS, COLUMNS), 250, np.uint8), "uniform"),
    "menu": (menu, "menu"),
    "colour bars": (bars, "colour bars"),
    "report page": (report, ""),
    "half drawn": (half_drawn, "half-drawn"),
    "under a menu": (under_a_menu, "covered"),
    "fade": (fading, "fading"),
    "another picture": (lambda: 255 - tissue(7)[::-1], "unlike the rest"),
}


@pytest.mark.parametrize("place", [1, 3, 4, 6])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_faulty_frame_is_passed_over_wherever_it_stands_and_the_reason_is_said(
    kind: str, place: int
) -> None:
    bad, word = FAULTS[kind][0](), FAULTS[kind][1]
    frames = {n: tissue(n) for n in range(1, 7)} | {place: bad}
    if bad.ndim == 3:
        frames = {n: coloured(picture) for n, picture in frames.items()}
    chosen = choose(frames)
    assert chosen.number != place
    assert f"passed over {place} (" in chosen.why
    assert word in chosen.why
    assert chosen.fault == ""


@pytest.mark.parametrize("clean", [(1, 2, 3), (2, 6), (5,)])
@pytest.mark.parametrize("lines", [0, 4])
def test_a_menu_is_passed_over_however_many_of_the_frames_it_covers(
    clean: tuple[int, ...], lines: int
) -> None:
    frames = {n: tissue(n) for n in range(1, 7)}
    for number in set(frames) - set(clean):
        frames[number][60:240, 100:320] = 90
        for line in range(lines):
            frames[number][70 + 40 * line : 78 + 40 * line, 110:220:2] = 230
    chosen = choose(frames)
    assert chosen.number in clean
    assert "covered, as by a menu" in chosen.why


def test_what_never_changes_its_flat_grey_is_no_menu() -> None:
    """A logo or an empty part of the screen is flat in every frame: nothing is hidden by it."""
    frames = {n: tissue(n) for n in range(1, 7)}
    for picture in frames.values():
        picture[60:240, 100:320] = 90
    assert "passed over" not in choose(frames).why


def test_a_cross_fade_between_two_scenes_is_passed_over() -> None:
    both = ((tissue(3).astype(float) + tissue(13, 1)) / 2).astype(np.uint8)
    frames = [tissue(1), tissue(2), both, tissue(14, 1), tissue(15, 1), tissue(16, 1)]
    chosen = choose(dict(enumerate(frames, 1)))
    assert chosen.number != 3
    assert "3 (a cross-fade)" in chosen.why


@pytest.mark.parametrize("step", [0.0, 0.1, 0.3])
def test_no_frame_of_a_sound_clip_is_called_faulty_even_where_the_probe_moves(step: float) -> None:
    chosen = choose({n: tissue(n, step * n) for n in range(1, 7)})
    assert "passed over" not in chosen.why
    assert chosen.number in (3, 4)


def test_a_clip_of_two_scenes_is_not_told_to_be_unlike_itself() -> None:
    frames = [tissue(1), tissue(2), tissue(3), tissue(4, 1), tissue(5, 1), tissue(6, 1)]
    assert "passed over" not in choose(dict(enumerate(frames, 1))).why


def test_frames_with_colour_flow_are_preferred_and_a_flash_is_not() -> None:
    high = {1: 0, 2: 40, 3: 0, 4: 0, 5: 45, 6: 200}
    chosen = choose({n: flow(tissue(n), rows) for n, rows in high.items()})
    assert chosen.number in (2, 5)
    assert "colour flow" in chosen.why


def test_a_colour_scale_in_every_frame_is_no_flow() -> None:
    frames = {n: coloured(tissue(n)) for n in range(1, 7)}
    for picture in frames.values():
        picture[20:120, 380:390] = (200, 40, 20)
    assert "flow" not in choose(frames).why


def test_where_every_frame_is_faulty_one_is_chosen_and_its_fault_is_told() -> None:
    chosen = choose({n: np.zeros((40, 60), np.uint8) for n in (1, 5, 9)})
    assert chosen.number == 5
    assert chosen.fault == "black"


def test_the_choice_is_the_same_every_time_and_does_not_hang_on_the_order_of_looking() -> None:
    frames = {n: tissue(n, 0.2 * n) for n in range(1, 7)}
    assert choose(frames) == choose(dict(frames)) == choose(dict(sorted(frames.items(), reverse=True)))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 500), (500, 1), (13, 7, 3)])
def test_tiny_and_narrow_pictures_can_be_chosen_from(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(4)
    frames = {n: random.integers(0, 255, shape, np.uint8) for n in range(1, 7)}
    assert choose(frames).number in frames


def test_pages_of_different_sizes_can_be_chosen_from() -> None:
    frames = {1: tissue(1), 2: tissue(2)[:100], 3: coloured(tissue(3)), 4: tissue(4)[:, :90]}
    assert choose(frames).number in frames
