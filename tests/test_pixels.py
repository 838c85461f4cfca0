"""Promises of ``pixels``: stored samples become what a person sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casearchive import pixels
from casearchive.model import UltrasoundRegion


def region(**changes: object) -> UltrasoundRegion:
    values: dict[str, object] = {
        "min_x0": 10,
        "min_y0": 20,
        "max_x1": 109,
        "max_y1": 69,
        "spatial_format": 1,
        "data_type": 1,
        "units_x": 3,
        "units_y": 3,
        "delta_x": 0.02,
        "delta_y": -0.03,
    }
    return UltrasoundRegion(**(values | changes))  # type: ignore[arg-type]


def test_a_linear_window_follows_the_formula_of_the_standard() -> None:
    # PS3.3 C.11.2.1.2: x <= c - 0.5 - (w-1)/2 is black, x > c - 0.5 + (w-1)/2 is white.
    values = np.array([0, 100, 149, 199, 200, 300])
    shown = pixels.window(values, center=150, width=100)
    assert list(shown) == [0, 0, 126, 255, 255, 255]


def test_a_window_one_wide_is_a_threshold() -> None:
    assert list(pixels.window(np.array([99, 100, 101]), center=100, width=1)) == [0, 255, 255]


def test_a_sigmoid_window_is_half_bright_at_its_center_and_never_overflows() -> None:
    shown = pixels.window(np.array([-(10**9), 50, 10**9]), center=50, width=2, function="SIGMOID")
    assert list(shown) == [0, 128, 255]


def test_a_flat_picture_is_black_and_not_a_division_by_zero() -> None:
    assert pixels.stretch(np.full((2, 2), 7), 7, 7).max() == 0


@pytest.mark.parametrize(
    ("bits", "value", "shown"), [(16, 65535, 255), (12, 2048, 128), (4, 15, 255), (8, 77, 77)]
)
def test_samples_of_any_depth_keep_their_share_of_the_range(bits: int, value: int, shown: int) -> None:
    assert pixels.top_bits(np.array([value]), bits)[0] == shown


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_ybr_full_and_back_is_the_same_colour(red: int, green: int, blue: int) -> None:
    # The forward transform is written out here from PS3.3 C.7.6.3.1.2, so that the two cannot err together.
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    cb = -0.168736 * red - 0.331264 * green + 0.5 * blue + 128
    cr = 0.5 * red - 0.418688 * green - 0.081312 * blue + 128
    ybr = np.clip(np.rint([[[y, cb, cr]]]), 0, 255).astype(np.uint8)
    back = pixels.rgb_from_ybr_full(ybr)[0, 0].astype(int)
    assert np.abs(back - [red, green, blue]).max() <= 2


def test_the_colours_do_not_depend_on_how_high_a_picture_is() -> None:
    ybr = np.random.default_rng(5).integers(0, 255, (77, 3, 3)).astype(np.uint8)
    for convert in (pixels.rgb_from_ybr_full, pixels.rgb_from_ybr_partial):
        rows = [convert(ybr[n : n + 1]) for n in range(77)]
        assert np.array_equal(np.concatenate(rows), convert(ybr))


def test_partial_range_black_and_white_are_black_and_white() -> None:
    ybr = np.array([[[16, 128, 128], [235, 128, 128]]], np.uint8)
    assert pixels.rgb_from_ybr_partial(ybr).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_native_422_shares_its_chroma_between_two_pixels() -> None:
    flat = np.array([10, 20, 100, 200, 30, 40, 101, 201], np.uint8)
    assert pixels.upsampled_422(flat, 1, 4).tolist() == [
        [[10, 100, 200], [20, 100, 200], [30, 101, 201], [40, 101, 201]]
    ]


def test_native_422_of_an_odd_width_leaves_half_a_pair_unused_or_runs_on() -> None:
    padded = np.array([1, 2, 100, 200, 3, 0, 101, 201], np.uint8)
    assert pixels.upsampled_422(padded, 1, 3)[0, :, 0].tolist() == [1, 2, 3]
    run = np.array([1, 2, 100, 200, 3, 4, 101, 201, 5, 6, 102, 202], np.uint8)
    assert pixels.upsampled_422(run, 2, 3)[..., 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_lookup_table_maps_values_below_and_above_it_to_its_ends() -> None:
    table = np.array([0, 32768, 65535], np.uint16)
    shown = pixels.lookup(np.array([5, 10, 11, 12, 200]), table, 10, 65535)
    assert shown.tolist() == [0, 0, 128, 255, 255]


def test_a_segmented_palette_is_written_out_discrete_linear_and_indirect() -> None:
    words = [0, 2, 5, 6, 1, 4, 10, 2, 1, 0, 0]  # two values, a ramp of four to 10, the first segment again
    assert pixels.expanded_segments(words, 8).tolist() == [5, 6, 7, 8, 9, 10, 5, 6]


def test_a_segmented_palette_of_bytes_has_fields_of_bytes() -> None:
    fields = [0, 2, 5, 6, 1, 4, 10, 2, 1, 0, 0, 0, 0]  # the same; the offset still has 32 bits
    assert pixels.expanded_segments(fields, 8, wide=False).tolist() == [5, 6, 7, 8, 9, 10, 5, 6]


def test_an_indirect_segment_points_by_bytes_from_the_beginning() -> None:
    words = [0, 1, 7, 0, 2, 8, 9, 2, 1, 6, 0]  # byte 6 is word 3: the second segment
    assert pixels.expanded_segments(words, 5).tolist() == [7, 8, 9, 8, 9]


@given(st.lists(st.integers(0, 65535), max_size=40), st.integers(1, 300), st.booleans())
def test_no_segmented_palette_can_hang_or_outgrow_its_size(
    words: list[int], entries: int, wide: bool
) -> None:
    fields = words if wide else [word & 255 for word in words]
    assert len(pixels.expanded_segments(fields, entries, wide=wide)) <= entries


def test_segments_that_call_each_other_for_ever_come_to_an_end() -> None:
    words = [0, 0] * 3000 + [2, 65535, 0, 0] * 3000
    assert len(pixels.expanded_segments(words, 65536)) == 0


def ultrasound_rgb() -> np.ndarray:
    noise = np.random.default_rng(7).integers(0, 90, (64, 64))
    noise[:, :20] = 0
    noise[10:20, 30:60] = 200
    return np.repeat(noise[..., None], 3, axis=2).astype(np.uint8)


def test_rgb_that_is_called_ybr_gives_itself_away() -> None:
    rgb = ultrasound_rgb()
    assert pixels.resembles_rgb(rgb)
    assert not pixels.resembles_ybr(rgb)


def test_ybr_that_is_called_rgb_gives_itself_away() -> None:
    ybr = ultrasound_rgb()
    ybr[..., 1:] = 128
    assert pixels.resembles_ybr(ybr)
    assert not pixels.resembles_rgb(ybr)


def test_black_is_black_only_in_one_of_the_two() -> None:
    # (0, 0, 0) as luma and chroma is a green that no screen shows; (0, 128, 128) as RGB is a teal screen.
    assert pixels.empty(np.zeros((64, 64, 3), np.uint8))  # the reader takes a clip of nothing else for RGB
    black = np.full((64, 64, 3), 128, np.uint8)
    black[..., 0] = 0
    assert pixels.resembles_ybr(black)
    assert not pixels.resembles_rgb(black)


def as_ybr(rgb: np.ndarray) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(rgb).convert("YCbCr"))


def doppler(share: float) -> np.ndarray:
    """An ultrasound screen with strong red and blue over ``share`` of it."""
    picture = ultrasound_rgb()
    rows = int(64 * share)
    picture[:rows, :32], picture[:rows, 32:] = (230, 60, 10), (20, 60, 230)
    return picture


@pytest.mark.parametrize("share", [0.0, 0.03, 0.3])
def test_colour_flow_does_not_hide_what_the_samples_are(share: float) -> None:
    rgb = doppler(share)
    ybr = as_ybr(rgb)
    assert pixels.resembles_rgb(rgb)
    assert not pixels.resembles_ybr(rgb)
    assert pixels.resembles_ybr(ybr)
    assert not pixels.resembles_rgb(ybr)


@pytest.mark.parametrize("share", [0.7, 1.0])
def test_even_a_screen_full_of_colour_is_never_taken_for_the_other(share: float) -> None:
    rgb = doppler(share)
    assert not pixels.resembles_ybr(rgb)
    assert not pixels.resembles_rgb(as_ybr(rgb))


def test_a_teal_backdrop_is_no_sign_of_luma_and_chroma() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:] = (0, 128, 128)
    picture[20:30, 10:50] = 255
    picture[40:50, 10:30] = 192
    assert not pixels.resembles_ybr(picture)


def test_middling_grey_alone_is_certain_of_nothing() -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    assert not pixels.resembles_rgb(picture)
    assert not pixels.resembles_ybr(picture)


def test_the_inclusive_corners_of_a_region_become_an_exclusive_box() -> None:
    assert pixels.box_of(region()) == (10, 20, 110, 70)


def test_the_union_is_the_smallest_box_round_all() -> None:
    assert pixels.union([(5, 6, 7, 8), (1, 7, 6, 20)]) == (1, 6, 7, 20)
    assert pixels.union([]) is None


def test_a_crop_beyond_the_picture_keeps_what_there_is() -> None:
    picture = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert pixels.crop(picture, (-5, 8, 3, 99)).tolist() == [[80, 81, 82], [90, 91, 92]]
    assert pixels.crop(picture, (50, 50, 60, 60)).shape == (10, 10)


def test_what_lies_outside_the_boxes_is_blackened_and_the_original_is_left_alone() -> None:
    picture = np.full((4, 4), 9, np.uint8)
    clean = pixels.blackened(picture, pixels.outside(picture.shape, [(1, 1, 3, 3)]))
    assert clean.sum() == 4 * 9
    assert picture.sum() == 16 * 9
