"""Promises of ``preview``: a clip in true time, small, every frame decoded at most once and none kept."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from casearchive import preview
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.model import ASSUMED_FPS, Facts, Instance, Series, Study, Subject, Timing, UltrasoundRegion

EVEN = Timing(25.0, "FrameTime")


@dataclass
class FakeClip:
    """A clip of ``frames`` noisy frames, all but ``broken`` of which can be decoded."""

    frames: int
    timing: Timing = EVEN
    size: tuple[int, ...] = (120, 160)
    broken: tuple[int, ...] = ()
    regions: tuple[UltrasoundRegion, ...] = ()
    asked: list[int] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        instance = Instance("1.2", rows=self.size[0], columns=self.size[1], frames=self.frames)
        return Facts(
            "dicom", Subject(), Study("1"), Series("1"), instance, timing=self.timing, regions=self.regions
        )

    def frame(self, number: int) -> Picture:
        raise AssertionError("previews are made from glimpses")

    def glimpse(self, number: int, edge: int) -> Picture:
        self.asked.append(number)
        if number in self.broken:
            raise PictureUnavailable("damaged")
        return np.random.default_rng(number).integers(0, 255, self.size, np.uint8)

    def close(self) -> None:
        """Nothing is open."""


def durations(data: bytes) -> list[int]:
    """Milliseconds of each frame, as a player reads them."""
    image = Image.open(BytesIO(data))
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        found.append(image.info["duration"])
    return found


@pytest.mark.parametrize("fps", [1.0, 12.5, 24.0, 29.97, 30.0003, 60.0, 499.0])
def test_it_plays_at_true_speed(fps: float) -> None:
    made = preview.preview_of(FakeClip(60, Timing(fps, "FrameTime")))
    assert sum(durations(made.data)) == pytest.approx(60_000 / fps, abs=1)
    assert not made.guessed


def test_uneven_times_are_kept_frame_by_frame() -> None:
    times = (0.0, 0.1, 0.4, 0.45, 1.0)
    made = preview.preview_of(FakeClip(5, Timing(5.0, "FrameTimeVector", times=times)))
    assert durations(made.data) == [100, 300, 50, 550, 200]
    assert made.frames == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("times", [(0.0, 0.0, 0.0, 0.5), (0.0, 0.4, 0.2, 0.6)])
def test_times_that_stand_still_or_run_backwards_do_not_stop_it(times: tuple[float, ...]) -> None:
    made = preview.preview_of(FakeClip(4, Timing(10.0, "container", times=times)))
    assert all(each > 0 for each in durations(made.data))
    assert made.frames[0] == 1


def test_an_unknown_speed_is_played_at_the_stated_guess_and_said_to_be_one() -> None:
    made = preview.preview_of(FakeClip(10, Timing()))
    assert sum(durations(made.data)) == pytest.approx(10_000 / ASSUMED_FPS, abs=1)
    assert made.guessed
    assert not preview.preview_of(FakeClip(1, Timing())).guessed


@pytest.mark.parametrize(("frames", "fps"), [(600, 25.0), (241, 30.0), (5000, 100.0), (100_000, 20.0)])
def test_a_long_or_fast_clip_is_thinned_and_lasts_as_long(frames: int, fps: float) -> None:
    numbers, lasting = preview.thinned((1 / fps,) * frames, 240)
    assert numbers[0] == 1
    assert len(numbers) == len(lasting) <= 240
    assert all(a < b for a, b in pairwise(numbers))
    assert sum(lasting) == pytest.approx(frames / fps)
    assert min(lasting) >= 0.5 / 30


@pytest.mark.parametrize("fps", [5.0, 18.0, 25.0, 29.97, 30.0, 33.3, 50.0])
def test_a_clip_of_ordinary_length_and_speed_keeps_every_frame(fps: float) -> None:
    assert preview.thinned((1 / fps,) * 180, 240)[0] == tuple(range(1, 181))


def test_a_short_uneven_clip_keeps_the_frame_that_stands_longest() -> None:
    lasting = (0.04, 0.04, 20.0, 0.04, 0.04, 4.0)
    assert preview.thinned(lasting, 240) == ((1, 2, 3, 4, 5, 6), pytest.approx(lasting))


def test_each_frame_is_decoded_at_most_once_in_order() -> None:
    clip = FakeClip(50)
    preview.preview_of(clip)
    assert clip.asked == list(range(1, 51))


def test_a_frame_that_cannot_be_decoded_leaves_its_neighbour_standing() -> None:
    made = preview.preview_of(FakeClip(6, broken=(1, 2, 5)))
    assert made.missing == (1, 2, 5)
    assert sum(durations(made.data)) == 240
    first = np.asarray(Image.open(BytesIO(made.data)).convert("L"))
    assert first.std() > 20, "the first frame that can be shown stands for those before it"


def test_a_clip_of_which_nothing_can_be_decoded_says_why() -> None:
    with pytest.raises(PictureUnavailable, match="damaged"):
        preview.preview_of(FakeClip(3, broken=(1, 2, 3)))
    with pytest.raises(PictureUnavailable, match="no picture"):
        preview.preview_of(FakeClip(0))


def test_it_is_cropped_to_the_scan_and_no_larger_than_asked() -> None:
    region = UltrasoundRegion(0, 0, 79, 119, spatial_format=1)
    made = preview.preview_of(FakeClip(3, regions=(region,)), edge=60)
    assert Image.open(BytesIO(made.data)).size == (40, 60)


def test_it_repeats_without_end() -> None:
    assert Image.open(BytesIO(preview.preview_of(FakeClip(3)).data)).info["loop"] == 0


def test_a_film_is_never_held_in_memory() -> None:
    alive: list[int] = []

    class Counting(FakeClip):
        def glimpse(self, number: int, edge: int) -> Picture:
            if number % 20 == 0:
                alive.append(sum(isinstance(each, Image.Image) for each in gc.get_objects()))
            return super().glimpse(number, edge)

    preview.preview_of(Counting(120))
    assert len(alive) == 6
    assert max(alive) - alive[0] <= 2, "as many images at the end of the film as at its beginning"


def test_times_that_are_no_times_are_refused() -> None:
    pictures = [np.zeros((4, 4), np.uint8)]
    with pytest.raises(ValueError, match="frame"):
        preview.animated(iter(pictures), (), 10)
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="time"):
            preview.animated(iter(pictures), (seconds,), 10)
