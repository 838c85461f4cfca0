"""Promises of ``render``: small pictures that show what matters, from few frames, the same every time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from casearchive import render
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.model import Facts, Instance, Series, Study, Subject, UltrasoundRegion

BLACK = np.zeros((120, 160), np.uint8)
WHITE = np.full((120, 160), 250, np.uint8)
GREY = np.full((120, 160), 90, np.uint8)


def speckle(seed: int, top: int = 200) -> Picture:
    return np.random.default_rng(seed).integers(0, top, (120, 160)).astype(np.uint8)


@dataclass
class FakeClip:
    """A clip from arrays that remembers what was asked of it; None is a frame that cannot be decoded."""

    pictures: list[Picture | None]
    regions: tuple[UltrasoundRegion, ...] = ()
    asked: list[int] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        shape = next((p.shape for p in self.pictures if p is not None), (120, 160))
        instance = Instance("1.2", rows=shape[0], columns=shape[1], frames=len(self.pictures))
        return Facts("dicom", Subject(), Study("1"), Series("1"), instance, regions=self.regions)

    def frame(self, number: int) -> Picture:
        raise AssertionError("small pictures are made from glimpses")

    def glimpse(self, number: int, edge: int) -> Picture:
        self.asked.append(number)
        self.edges.append(edge)
        picture = self.pictures[number - 1]
        if picture is None:
            raise PictureUnavailable("damaged")
        return picture

    def close(self) -> None:
        """Nothing is open."""


class WholeClip(FakeClip):
    def frame(self, number: int) -> Picture:
        return self.glimpse(number, 0)


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def test_exactly_the_frames_of_the_strip_are_decoded_and_each_once() -> None:
    clip = FakeClip([speckle(n) for n in range(100)])
    made = render.pictures_of(clip)
    assert made.shown == (1, 21, 41, 60, 80, 100)
    assert clip.asked == list(made.shown)


@pytest.mark.parametrize("frames", [1, 2, 5, 6, 7, 11, 240, 100_000])
def test_the_frames_shown_run_from_the_first_to_the_last_without_repetition(frames: int) -> None:
    numbers = render.spread(frames, 6)
    assert numbers[0] == 1
    assert numbers[-1] == frames
    assert len(set(numbers)) == len(numbers) == min(frames, 6)
    assert list(numbers) == sorted(numbers)


@pytest.mark.parametrize(
    ("bad", "word"), [(BLACK, "black"), (GREY, "nearly uniform"), (WHITE, "nearly uniform")]
)
def test_a_first_frame_that_shows_nothing_is_passed_over_and_the_reason_is_said(
    bad: Picture, word: str
) -> None:
    made = render.pictures_of(FakeClip([bad, bad, speckle(1), bad]))
    assert made.key_frame == 3
    assert f"1 ({word})" in made.why


def test_a_white_page_of_text_is_passed_over() -> None:
    page = WHITE.copy()
    page[::4, ::2] = 0
    made = render.pictures_of(FakeClip([page, speckle(1)]))
    assert made.key_frame == 2
    assert "1 (mostly white)" in made.why


def test_among_frames_that_show_equally_much_the_middle_of_the_clip_wins() -> None:
    made = render.pictures_of(FakeClip([speckle(1)] * 101))
    assert made.key_frame == 41
    assert "middle" in made.why


def test_a_clip_of_nothing_but_black_still_has_a_key_frame() -> None:
    made = render.pictures_of(FakeClip([BLACK, BLACK]))
    assert made.key_frame in (1, 2)
    assert opened(made.thumbnail).size == (160, 120)


def test_the_same_clip_gives_the_same_bytes() -> None:
    pictures = [speckle(n, 120 + n) for n in range(9)]
    assert render.pictures_of(FakeClip(list(pictures))) == render.pictures_of(FakeClip(list(pictures)))


def test_the_thumbnail_is_cropped_to_all_two_dimensional_regions() -> None:
    picture = np.zeros((400, 800), np.uint8)
    picture[100:300, 200:600] = 150
    left = UltrasoundRegion(200, 100, 399, 299, spatial_format=1)
    right = UltrasoundRegion(400, 100, 599, 299, spatial_format=1)
    trace = UltrasoundRegion(0, 350, 799, 399, spatial_format=4)
    clip = FakeClip([picture], regions=(left, right, trace))
    thumbnail = opened(render.pictures_of(clip).thumbnail)
    assert thumbnail.size == (256, 128)
    assert np.asarray(thumbnail.convert("L")).min() > 50  # nothing of the black round the regions is left
    assert clip.edges == [512]  # half the picture is shown, so twice the edge is needed


def test_a_glimpse_at_a_reduced_size_is_cropped_at_the_same_place() -> None:
    clip = FakeClip([speckle(1)], regions=(UltrasoundRegion(400, 0, 799, 599, spatial_format=1),))
    facts = clip.facts
    halved = replace(facts, instance=replace(facts.instance, rows=600, columns=800))

    class Reduced(FakeClip):
        facts = halved  # type: ignore[assignment]

    picture = np.zeros((300, 400), np.uint8)
    picture[:, 200:] = 180
    reduced = Reduced([picture], regions=clip.regions)
    assert np.asarray(opened(render.pictures_of(reduced).thumbnail).convert("L")).min() > 150


def test_the_strip_shows_the_frames_side_by_side_with_their_numbers() -> None:
    plain = np.full((160, 160), 100, np.uint8)
    strip = opened(render.pictures_of(FakeClip([plain] * 3)).filmstrip)
    assert strip.size == (3 * 160 + 4, 160)
    pixels = np.asarray(strip.convert("RGB")).astype(int)
    for tile in range(3):
        label = pixels[142:160, tile * 162 : tile * 162 + 12]
        assert label.min() < 40  # the dark ground of the number
        assert label[..., 0].max() > 180  # the number itself


def test_frames_that_cannot_be_decoded_are_left_out_of_the_strip() -> None:
    made = render.pictures_of(FakeClip([None, speckle(1), None]))
    assert made.shown == (2,)
    assert made.key_frame == 2


def test_a_clip_without_one_frame_to_show_says_so() -> None:
    with pytest.raises(PictureUnavailable, match="damaged"):
        render.pictures_of(FakeClip([None, None]))
    with pytest.raises(PictureUnavailable, match="no picture"):
        render.pictures_of(FakeClip([]))


def test_where_the_first_six_show_nothing_frames_between_them_are_looked_at() -> None:
    pictures: list[Picture | None] = [BLACK] * 101
    pictures[30] = speckle(1)
    clip = FakeClip(pictures)
    made = render.pictures_of(clip)
    assert made.key_frame == 31
    assert made.shown == (1, 21, 41, 61, 81, 101)
    assert len(clip.asked) == len(set(clip.asked)) == 21
    assert np.asarray(opened(made.thumbnail).convert("L")).mean() > 50


def test_where_the_first_six_cannot_be_decoded_frames_between_them_may_be() -> None:
    pictures: list[Picture | None] = [None] * 101
    pictures[30] = speckle(1)
    made = render.pictures_of(FakeClip(pictures))
    assert made.key_frame == 31
    assert made.shown == (31,)


def test_large_frames_are_made_small_before_the_next_is_looked_at() -> None:
    large = [np.repeat(speckle(n), 20, axis=0) for n in range(6)]  # 2400 rows
    kept: list[tuple[int, ...]] = []

    class Watched(FakeClip):
        def glimpse(self, number: int, edge: int) -> Picture:
            kept.append(self.pictures[number - 1].shape)  # type: ignore[union-attr]
            return super().glimpse(number, edge)

    images = render._looked_at(Watched(list(large)), range(1, 7), [])
    assert max(max(image.size) for image in images.values()) <= 256
    assert kept == [(2400, 160)] * 6


@pytest.mark.parametrize("size", [(60, 900), (900, 60), (768, 1024), (10, 10)])
def test_portrait_and_very_wide_pictures_keep_their_shape(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 255, size).astype(np.uint8)
    made = render.pictures_of(FakeClip([picture] * 3))
    wide, high = opened(made.thumbnail).size
    assert max(wide, high) == min(256, max(size))
    assert wide / high == pytest.approx(size[1] / size[0], rel=0.06)
    assert opened(made.filmstrip).height == 160


def test_a_thumbnail_of_one_frame_is_the_one_that_would_have_been_made() -> None:
    clip = FakeClip([speckle(n) for n in range(5)])
    made = render.pictures_of(clip)
    assert render.thumbnail_of(clip, made.key_frame) == made.thumbnail
    assert render.thumbnail_of(clip, 1) != made.thumbnail


def test_a_poster_is_the_whole_frame_as_png_of_the_asked_size_and_never_blown_up() -> None:
    region = UltrasoundRegion(40, 0, 99, 99, spatial_format=1)
    clip = WholeClip([speckle(1)], regions=(region,))
    assert opened(render.poster_of(clip, 1, 80)).size == (80, 60)
    assert opened(render.poster_of(clip, 1)).size == (160, 120)
    assert opened(render.poster_of(clip, 1)).format == "PNG"
    assert np.array_equal(np.asarray(opened(render.poster_of(clip, 1))), speckle(1))
