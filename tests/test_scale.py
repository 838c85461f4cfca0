"""Lengths from the right region: in its own scale, or in pixels with the reason, or refused."""

from __future__ import annotations

import contextlib
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import helpers
import pytest
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from casearchive import Archive, readers, record, scale
from casearchive.choices import MEASURES
from casearchive.cli import cli
from casearchive.errors import NotFound, UsageError
from casearchive.measure import Measured, Unmeasurable, measure
from casearchive.measurements import checked
from casearchive.model import (
    Calibration,
    Case,
    Facts,
    Instance,
    Measurement,
    Media,
    Series,
    Study,
    Subject,
    UltrasoundRegion,
)

ROWS, COLUMNS = 600, 800
CASES = Path(__file__).parent.parent / "cases"
REALDATA = Path(os.environ.get("CASEARCHIVE_REALDATA") or CASES.parent.parent / "shared" / "realdata")

TISSUE = UltrasoundRegion(100, 50, 499, 449, 1, 1, 0, 3, 3, 0.02, 0.03, 200, 10, 0.0, 0.0)
#: Figure C.8-2 of PS3.3: tissue above, a box of colour flow in it, a spectrum below.
FIGURE_2 = (
    UltrasoundRegion(290, 30, 506, 252, 1, 1, 1, 3, 3, 0.05, 0.05, 108, 0, 0.0, 0.0),
    UltrasoundRegion(320, 90, 480, 180, 1, 2, 0, 3, 3, 0.05, 0.05, 80, -60, 0.0, 0.0),
    UltrasoundRegion(64, 268, 706, 506, 3, 3, 0, 4, 7, 0.005, -0.5, 642, 162, 0.0, 0.0),
)
#: Figure C.8-4: tissue above, an M-mode below, an electrocardiogram drawn over it.
FIGURE_4 = (
    UltrasoundRegion(232, 31, 432, 168, 1, 1, 0, 3, 3, 0.08, 0.08, 100, 0, 0.0, 0.0),
    UltrasoundRegion(80, 192, 570, 435, 2, 1, 0, 4, 3, 0.01, 0.07, 490, 0, 0.0, 0.0),
    UltrasoundRegion(85, 207, 565, 252, 4, 10, 0, 4, 0, 0.01, 0.0, 480, 0, 0.0, 0.0),
)


def picture(*regions: UltrasoundRegion, rows: int = ROWS, columns: int = COLUMNS) -> Facts:
    instance = Instance("1.2.3", rows=rows, columns=columns, frames=1)
    return Facts("dicom", Subject(), Study("1"), Series("1"), instance, regions=regions)


def facts_of(path: Path) -> Facts:
    clip = readers.open_clip(path, "0" * 64)
    with contextlib.closing(clip):
        return clip.facts


def value(kind: str, *points: tuple[float, float], on: Facts, **more: object) -> Measured:
    found = measure(kind, points, on, **more)  # type: ignore[arg-type]
    assert isinstance(found, Measured), found
    return found


def refused(kind: str, *points: tuple[float, float], on: Facts, **more: object) -> str:
    found = measure(kind, points, on, **more)  # type: ignore[arg-type]
    assert isinstance(found, Unmeasurable), found
    return found.reason


inside = st.tuples(st.floats(100, 499), st.floats(50, 449))
steps = st.floats(0.001, 0.1)


# -------------------------------------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("spatial", "data", "words"),
    [
        (1, 1, "2D tissue"),
        (1, 2, "2D colour flow"),
        (2, 1, "M-mode"),
        (2, 2, "colour M-mode"),
        (3, 3, "pulsed-wave Doppler"),
        (3, 4, "continuous-wave Doppler"),
        (3, None, "spectral Doppler"),
        (4, 10, "ECG trace"),
        (4, None, "waveform"),
        (0, 13, "grey bar"),
        (5, None, "graphics"),
        (1, 99, "2D"),
        (None, None, "not said what it shows"),
    ],
)
def test_a_region_is_named_in_words_a_clinician_uses(
    spatial: int | None, data: int | None, words: str
) -> None:
    assert scale.shows(replace(TISSUE, spatial_format=spatial, data_type=data)) == words


def test_the_scale_of_a_region_is_told_for_people() -> None:
    assert scale.scale_words(replace(TISSUE, delta_y=0.02)) == "0.2 mm a pixel"
    assert scale.scale_words(TISSUE) == "0.2 mm a pixel across, 0.3 mm down"
    assert scale.scale_words(FIGURE_2[2]) == "0.005 s a pixel across, -0.5 cm/s down"
    assert scale.scale_words(FIGURE_4[1]) == "0.01 s a pixel across, 0.7 mm down"
    assert scale.scale_words(replace(TISSUE, units_x=0, units_y=None)) == "no scale"
    assert scale.units(FIGURE_2[2]) == ("s", "cm/s")


def test_a_region_in_centimetres_has_a_scale_in_millimetres_for_each_direction() -> None:
    assert scale.mm_per_pixel(replace(TISSUE, delta_y=-0.03)) == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize(
    "changes",
    [
        {"units_x": 4},
        {"units_y": None},
        {"units_x": 77},
        {"spatial_format": 3},
        {"delta_x": 0.0},
        {"delta_y": None},
        {"delta_y": math.inf},
    ],
)
def test_a_region_without_centimetres_has_no_scale(changes: dict[str, object]) -> None:
    region = replace(TISSUE, **changes)  # type: ignore[arg-type]
    assert scale.mm_per_pixel(region) is None
    found = value("length", (110, 60), (120, 60), on=picture(region))
    assert (found.value, found.unit, found.source) == (10.0, "px", "")
    assert found.notes[0].startswith("in pixels: region 1 (")


# ----------------------------------------------------------------------------------------- whose pixel it is


def test_a_region_of_high_priority_owns_the_pixels_of_one_of_low_priority() -> None:
    low, high = FIGURE_2[:2]
    for regions, number in (((low, high), 2), ((high, low), 1)):
        assert scale.region_at(regions, (400, 120)) == number
    swapped = (replace(low, flags=0), replace(high, flags=1))
    assert scale.region_at(swapped, (400, 120)) == 1  # the flag decides, not the size


def test_regions_of_the_same_priority_are_told_apart_the_same_way_every_time() -> None:
    assert scale.region_at(FIGURE_4, (300, 220)) == 2  # the picture, not the trace that is drawn over it
    bar = replace(TISSUE, min_x0=110, max_x1=130, spatial_format=0, data_type=13)
    assert scale.region_at((TISSUE, bar), (120, 100)) == 2  # the smaller
    assert scale.region_at((TISSUE, TISSUE), (120, 100)) == 1  # the earlier
    assert scale.region_at((TISSUE,), (99.4, 100)) is None


def test_corners_belong_to_a_region_and_a_pixel_reaches_half_way_to_the_next() -> None:
    for corner in ((100, 50), (499, 449), (99.5, 49.5), (499.5, 449.5)):
        assert scale.contains(TISSUE, corner)
    assert not scale.contains(TISSUE, (499.6, 449))


# --------------------------------------------------------------------------------------------------- lengths


@given(inside, inside, steps, steps)
def test_a_length_is_the_same_both_ways_and_uses_each_direction_s_own_scale(
    a: tuple[float, float], b: tuple[float, float], across: float, down: float
) -> None:
    facts = picture(replace(TISSUE, delta_x=across, delta_y=-down))
    there, back = value("length", a, b, on=facts), value("length", b, a, on=facts)
    assert there.value == back.value
    by_hand = math.sqrt(((a[0] - b[0]) * across * 10) ** 2 + ((a[1] - b[1]) * down * 10) ** 2)
    assert there.value == pytest.approx(by_hand)
    assert (there.unit, there.region, there.source) == ("mm", 1, "header")
    assert there.pixel == pytest.approx(10 * max(across, down))


@given(inside, inside, steps, st.floats(0.5, 2))
def test_a_length_grows_with_its_scale(
    a: tuple[float, float], b: tuple[float, float], step: float, factor: float
) -> None:
    one = value("length", a, b, on=picture(replace(TISSUE, delta_x=step, delta_y=step)))
    other = picture(replace(TISSUE, delta_x=step * factor, delta_y=step * factor))
    assert value("length", a, b, on=other).value == pytest.approx(one.value * factor)


def test_a_length_along_several_points_is_the_sum_of_its_parts() -> None:
    found = value("length", (100, 100), (103, 100), (103, 104), on=picture(TISSUE))
    assert found.value == pytest.approx(3 * 0.2 + 4 * 0.3)


# ----------------------------------------------------------------------------------------- areas and angles


@given(st.integers(3, 40), st.floats(5, 150), st.floats(5, 150), steps, steps)
def test_an_area_is_that_of_the_shoelace_in_the_region_s_own_scale(
    corners: int, wide: float, high: float, across: float, down: float
) -> None:
    turns = [2 * math.pi * n / corners for n in range(corners)]
    points = [(300 + wide * math.cos(t), 250 + high * math.sin(t)) for t in turns]
    facts = picture(replace(TISSUE, delta_x=across, delta_y=down))
    found = value("area", *points, on=facts)
    regular = 0.5 * corners * math.sin(2 * math.pi / corners)  # of a polygon in a circle of radius one
    assert found.value == pytest.approx(regular * wide * high * across * down * 100)
    assert found.unit == "mm2"
    assert value("area", *reversed(points), on=facts).value == pytest.approx(found.value)
    assert value("area", *points, points[0], on=facts).value == pytest.approx(found.value)


def test_an_outline_that_crosses_itself_is_refused() -> None:
    bow = ((110, 100), (200, 200), (200, 100), (110, 200))
    assert "crosses itself" in refused("area", *bow, on=picture(TISSUE))


def test_an_ellipse_is_given_by_its_box_or_by_the_ends_of_its_axes() -> None:
    facts = picture(TISSUE)
    wanted = math.pi / 4 * (100 * 0.2) * (50 * 0.3)
    assert value("ellipse", (200, 100), (300, 150), on=facts).value == pytest.approx(wanted)
    ends = ((200, 125), (300, 125), (250, 100), (250, 150))
    assert value("ellipse", *ends, on=facts).value == pytest.approx(wanted)
    assert refused("ellipse", *ends[:3], on=facts) == "an ellipse takes 2 or 4 points, not 3"


@given(st.floats(0.02, 1.5), st.floats(0.02, 1.5), steps, steps)
def test_an_angle_is_taken_in_the_body_and_not_on_the_screen(
    first: float, second: float, across: float, down: float
) -> None:
    assume(0.1 < across / down < 10)
    arms = [(math.cos(turn) / (across * 10), math.sin(turn) / (down * 10)) for turn in (first, -second)]
    longest = max(abs(v) for arm in arms for v in arm)
    ends = [(300 + 100 * x / longest, 250 + 100 * y / longest) for x, y in arms]
    facts = picture(replace(TISSUE, delta_x=across, delta_y=down))
    wanted = pytest.approx(math.degrees(first + second), abs=1e-6)
    assert value("angle", ends[0], (300, 250), ends[1], on=facts).value == wanted
    lines = ((300, 250), ends[0], (300, 250), ends[1])
    assert value("angle", *lines, on=facts).value == wanted


def test_an_angle_without_a_scale_says_what_it_takes_for_granted() -> None:
    found = value("angle", (10, 0), (0, 0), (0, 10), on=picture())
    assert (found.value, found.unit, found.scaled) == (90.0, "deg", False)
    assert found.notes == (
        "as if pixels were square: the file has no ultrasound regions and no scale was set by hand",
    )
    assert "the same" in refused("angle", (10, 0), (10, 0), (0, 10), on=picture())


# ------------------------------------------------------------------- depth, time and velocity (the standard's)


def test_depth_counts_from_the_reference_pixel_which_is_an_offset_from_the_region() -> None:
    # figure C.8-2: both reference pixels of the two-dimensional regions are the transducer face, row 30
    facts = picture(*FIGURE_2)
    assert value("depth", (300, 50), on=facts).value == pytest.approx(20 * 0.5)
    assert value("depth", (400, 130), on=facts).value == pytest.approx(100 * 0.5)  # in the box of colour flow
    assert value("depth", (300, 50), (310, 60), on=facts).value == pytest.approx(10 * 0.5)
    blind = picture(replace(TISSUE, ref_pixel_y0=None))
    assert "does not say where the skin is" in refused("depth", (300, 50), on=blind)


def test_a_velocity_has_the_sign_of_its_side_of_the_baseline() -> None:
    facts = picture(*FIGURE_2)  # the baseline is row 268 + 162
    assert value("velocity", (300, 330), on=facts).value == pytest.approx(50.0)
    assert value("velocity", (300, 470), on=facts).value == pytest.approx(-20.0)
    assert value("velocity", (300, 430), on=facts).unit == "cm/s"
    hertz = replace(FIGURE_2[2], units_y=5, flags=4)
    assert value("velocity", (300, 330), on=picture(hertz)).unit == "Hz"
    no_baseline = replace(FIGURE_2[2], ref_pixel_y0=None)
    assert "where its baseline is" in refused("velocity", (300, 330), on=picture(no_baseline))


def test_time_and_heart_rate_run_along_a_spectrum_an_m_mode_or_a_trace() -> None:
    assert value("time", (100, 300), (300, 400), on=picture(*FIGURE_2)).value == pytest.approx(1.0)
    beat = value("rate", (200, 300), (280, 310), on=picture(*FIGURE_4))
    assert (beat.value, beat.unit) == (pytest.approx(75.0), "/min")
    assert value("time", (100, 220), (300, 240), on=picture(*FIGURE_4), region=3).value == pytest.approx(2.0)
    assert "no time passes" in refused("rate", (200, 300), (200, 310), on=picture(*FIGURE_4))


def test_an_m_mode_has_depth_and_time_but_no_length() -> None:
    facts = picture(*FIGURE_4)
    assert value("depth", (300, 292), on=facts).value == pytest.approx(70.0)  # row 192 is the transducer face
    assert value("depth", (300, 300), (300, 310), on=facts).value == pytest.approx(7.0)
    found = value("length", (300, 300), (300, 310), on=facts)
    assert (found.unit, found.notes) == (
        "px",
        ("in pixels: region 2 (M-mode) is no two-dimensional picture: there is no length in it",),
    )


def test_time_across_the_sweep_line_is_refused() -> None:
    sweeping = replace(FIGURE_2[2], flags=0b10000, ref_pixel_x0=300)  # new data ends at column 364
    assert "sweep line" in refused("time", (300, 300), (400, 300), on=picture(sweeping))
    assert value("time", (100, 300), (300, 300), on=picture(sweeping)).value == pytest.approx(1.0)
    scrolling = replace(sweeping, flags=0b01000)
    assert value("time", (300, 300), (400, 300), on=picture(scrolling)).value == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["time", "rate", "velocity", "depth"])
def test_what_has_no_meaning_in_pixels_is_refused_without_a_scale(kind: str) -> None:
    points = [(300.0, 100.0), (310.0, 110.0)][: MEASURES[kind][1]]
    assert "no ultrasound regions" in refused(kind, *points, on=picture())
    if kind != "depth":
        assert "region 1 (2D tissue)" in refused(kind, *points, on=picture(TISSUE))


# ----------------------------------------------------------------------------------------- the wrong places


@given(
    inside, st.tuples(st.floats(520, 719), st.floats(50, 449)), st.sampled_from(["length", "area", "angle"])
)
def test_points_across_two_regions_are_refused(
    a: tuple[float, float], b: tuple[float, float], kind: str
) -> None:
    other = replace(TISSUE, min_x0=510, max_x1=729)
    points = (a, b, a, b)[: max(2, MEASURES[kind][0])] if kind != "area" else (a, (a[0], 60.5), b)
    said = refused(kind, *points, on=picture(TISSUE, other))
    assert "region 1 (2D tissue)" in said and "region 2 (2D tissue)" in said


def test_a_line_into_a_box_of_colour_flow_is_measured_in_the_tissue_around_it() -> None:
    # the measurement of figure C.8-6: both points lie in the tissue, one of them under the box
    found = value("length", (300, 120), (420, 120), on=picture(*FIGURE_2))
    assert (found.value, found.region) == (pytest.approx(60.0), 1)
    zoomed = (FIGURE_2[0], replace(FIGURE_2[1], delta_x=0.01, delta_y=0.01))
    assert "two regions" in refused("length", (300, 120), (420, 120), on=picture(*zoomed))


def test_pixels_that_a_spectrum_overwrites_are_not_tissue() -> None:
    spectrum = replace(FIGURE_2[2], min_x0=100, min_y0=300, max_x1=499, max_y1=449)
    facts = picture(replace(TISSUE, flags=1), spectrum)
    assert "two regions" in refused("length", (200, 100), (200, 350), on=facts)
    assert value("length", (200, 310), (200, 350), on=facts).unit == "px"
    # a person who knows better names the region
    assert value("length", (200, 100), (200, 350), on=facts, region=1).value == pytest.approx(75.0)


@pytest.mark.parametrize("point", [(-0.6, 5), (799.6, 5), (5, 599.6), (math.nan, 5), (5, math.inf)])
def test_points_outside_the_picture_are_refused(point: tuple[float, float]) -> None:
    said = refused("length", (5, 5), point, on=picture())
    assert said.startswith("point 2")


def test_points_outside_every_region_are_measured_in_pixels_and_the_reason_is_given() -> None:
    found = value("length", (10, 10), (13, 14), on=picture(TISSUE))
    assert (found.value, found.unit) == (5.0, "px")
    assert found.notes == ("in pixels: the points lie outside every ultrasound region",)
    found = value("length", (110, 60), (10, 60), on=picture(TISSUE))
    assert found.notes == ("in pixels: point 2 lies outside every ultrasound region",)


def test_a_region_that_is_named_must_exist_and_hold_the_points() -> None:
    facts = picture(TISSUE)
    assert refused("length", (10, 10), (120, 60), on=facts, region=1).startswith(
        "point 1 (10, 10) lies outside"
    )
    assert "the file has 1 of them" in refused("length", (110, 60), (120, 60), on=facts, region=2)
    assert "the file has none" in refused("length", (110, 60), (120, 60), on=picture(), region=1)


@pytest.mark.parametrize(("kind", "count"), [("length", 1), ("area", 2), ("angle", 5), ("depth", 3)])
def test_a_measurement_says_how_many_points_it_takes(kind: str, count: int) -> None:
    points = [(110.0 + n, 60.0 + n * n) for n in range(count)]
    assert f"not {count}" in refused(kind, *points, on=picture(TISSUE))


def test_a_file_without_a_picture_has_nothing_to_measure() -> None:
    empty = picture(rows=0, columns=0)
    assert "no picture" in refused("length", (1, 1), (2, 2), on=empty)


# --------------------------------------------------------------------------------------- a scale set by hand

SET = Calibration(((100.0, 60.0), (100.0, 460.0)), 40.0)  # 0.1 mm a pixel


@given(st.tuples(st.floats(0, 799), st.floats(0, 599)), st.tuples(st.floats(0, 799), st.floats(0, 599)))
def test_two_points_and_their_distance_scale_the_whole_picture(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    found = value("length", a, b, on=picture(), calibration=SET)
    assert found.value == pytest.approx(math.dist(a, b) * 0.1)
    assert (found.unit, found.source, found.region, found.notes) == ("mm", "manual", None, ())


def test_a_scale_set_by_hand_never_overrides_a_region_and_a_disagreement_is_said() -> None:
    found = value("length", (110, 60), (120, 60), on=picture(TISSUE), calibration=SET)
    assert (found.value, found.source) == (pytest.approx(2.0), "header")
    assert found.notes == (
        "the scale set by hand is not used: its 40 mm are 120 mm by the file's own ultrasound region",
    )
    near = replace(SET, mm=118.0)
    assert value("length", (110, 60), (120, 60), on=picture(TISSUE), calibration=near).notes == ()


def test_a_scale_set_by_hand_stands_in_for_a_region_without_one_but_not_under_a_spectrum() -> None:
    mute = replace(TISSUE, units_x=0, units_y=0)
    spectrum = replace(FIGURE_2[2], min_y0=460)
    facts = picture(mute, spectrum)
    assert value("length", (110, 60), (120, 60), on=facts, calibration=SET).value == pytest.approx(1.0)
    assert "two regions" in refused("length", (110, 60), (120, 480), on=facts, calibration=SET)
    assert value("time", (110, 480), (120, 480), on=facts, calibration=SET).region == 2


def test_a_scale_set_by_hand_does_not_know_where_the_skin_is() -> None:
    assert "where the skin is" in refused("depth", (110, 60), on=picture(), calibration=SET)
    assert value("depth", (9, 60), (9, 80), on=picture(), calibration=SET).value == pytest.approx(2.0)


def test_an_absurd_scale_set_by_hand_is_not_believed() -> None:
    huge = Calibration(((0.0, 0.0), (0.001, 0.0)), 1000.0)
    found = value("length", (110, 60), (120, 60), on=picture(), calibration=huge)
    assert found.unit == "px" and "not believed" in found.notes[0]


# ---------------------------------------------------------------------------------------------------- doubts


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"min_x0": 0, "min_y0": 0, "max_x1": 799, "max_y1": 599}, "covers the whole picture"),
        ({"max_x1": 900}, "reaches beyond the picture"),
        ({"delta_x": 0.0}, "scale of zero"),
        ({"delta_x": None}, "no usable scale"),
        ({"delta_y": math.inf}, "no usable scale"),
        ({"delta_x": 1.0, "delta_y": 1.0}, "would be 4e+03 mm wide"),
        ({"delta_x": 2e-5, "delta_y": 2e-5}, "would be 0.08 mm wide"),
        ({"spatial_format": 2, "units_x": 4, "delta_y": 1.0}, "would be 4e+03 mm high"),
        ({"max_x1": 100, "max_y1": 50, "delta_x": 0.2, "delta_y": 0.2}, "single line of pixels"),
        ({"delta_y": -0.03}, "counts centimetres backwards"),
        ({"units_x": 0}, "does not say its units"),
        ({"units_y": 55}, "does not say its units"),
        ({"units_x": 4, "units_y": 7}, "is in s and cm/s, not in cm"),
        ({"delta_y": 0.041}, "very different scales"),
        ({"spatial_format": 3, "data_type": 3, "units_x": 4, "units_y": 0}, "nothing can be measured in it"),
    ],
)
def test_a_region_that_cannot_be_true_is_doubted_aloud_in_one_line(
    changes: dict[str, object], said: str
) -> None:
    odd = replace(TISSUE, **changes)  # type: ignore[arg-type]
    (doubt,) = scale.doubts((odd,), ROWS, COLUMNS)
    assert doubt.startswith(f"ultrasound region 1 ({scale.shows(odd)}) ") and said in doubt


def test_regions_that_overlap_with_different_scales_are_doubted_and_sound_ones_are_not() -> None:
    assert scale.doubts(FIGURE_2, ROWS, COLUMNS) == scale.doubts(FIGURE_4, 480, 640) == ()
    zoomed = (FIGURE_2[0], replace(FIGURE_2[1], delta_x=0.01, delta_y=0.01))
    assert [d.split(":")[0] for d in scale.doubts(zoomed, ROWS, COLUMNS)] == [
        "ultrasound regions 1 and 2 overlap with different scales"
    ]


@pytest.mark.parametrize("changes", [{"max_x1": 900}, {"delta_x": 1.0, "delta_y": 1.0}])
def test_a_scale_that_is_not_believed_is_used_only_where_a_person_names_the_region(
    changes: dict[str, object],
) -> None:
    odd = replace(TISSUE, **changes)  # type: ignore[arg-type]
    facts = picture(odd)
    found = value("length", (110, 60), (120, 60), on=facts)
    assert found.unit == "px" and "name region 1 to use it all the same" in found.notes[0]
    named = value("length", (110, 60), (120, 60), on=facts, region=1)
    assert named.unit == "mm" and named.notes


def test_one_pixel_too_far_is_a_scanner_s_slip_and_forgiven() -> None:
    facts = picture(replace(TISSUE, max_x1=COLUMNS, max_y1=ROWS))
    assert value("length", (110, 60), (120, 60), on=facts).unit == "mm"


whole = st.one_of(st.none(), st.integers(-3, 20), st.integers(-(2**40), 2**40))
real_numbers = st.one_of(st.none(), st.floats())
any_region = st.builds(
    UltrasoundRegion,
    *[st.integers(-(2**33), 2**33) | st.integers(0, 900)] * 4,
    *[st.none() | st.integers(0, 20)] * 5,
    real_numbers, real_numbers, whole, whole, real_numbers, real_numbers,
)  # fmt: skip


@given(
    st.lists(any_region | st.sampled_from((*FIGURE_2, *FIGURE_4)), max_size=4),
    st.sampled_from(list(MEASURES)),
    st.lists(st.tuples(st.floats(), st.floats()) | inside, max_size=5),
    st.none() | st.integers(-1, 5),
    st.none() | st.just(SET),
)
def test_whatever_a_file_says_the_answer_is_a_finite_number_or_a_reason(
    regions: list[UltrasoundRegion],
    kind: str,
    points: list[tuple[float, float]],
    region: int | None,
    calibration: Calibration | None,
) -> None:
    for doubt in scale.doubts(regions, ROWS, COLUMNS):
        assert doubt and "\n" not in doubt
    for one in regions:
        assert scale.shows(one) and scale.scale_words(one)
    found = measure(kind, points, picture(*regions), region=region, calibration=calibration)
    if isinstance(found, Unmeasurable):
        assert found.reason and "\n" not in found.reason
    else:
        assert math.isfinite(found.value)
        assert found.unit in ("mm", "mm2", "deg", "s", "/min", "cm/s", "Hz", "px", "px2")
        assert found.scaled or found.notes


def a_header_region(x0: int, y0: int, x1: int, y1: int, step: float = 0.05) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = step
    return item


def test_reading_a_file_tells_its_doubts_with_the_numbers_that_show_uses(tmp_path: Path) -> None:
    items = [a_header_region(90, 0, 95, 9), a_header_region(2, 2, 80, 30), a_header_region(3, 3, 9, 9, 0.0)]
    path = helpers.dicom(tmp_path / "IM", SequenceOfUltrasoundRegions=Sequence(items))
    notes = facts_of(path).notes
    assert [n.split(",")[0] for n in notes] == [
        "item 1 of the ultrasound regions lies outside the picture and was left out",
        "ultrasound region 1 (2D tissue) reaches beyond the picture",
        "ultrasound region 2 (2D tissue) has a scale of zero: lengths in it are in pixels",
    ]


def test_more_regions_than_any_scanner_draws_are_not_all_read(tmp_path: Path) -> None:
    items = [a_header_region(2, 2, 30, 30) for _ in range(300)]
    path = helpers.dicom(tmp_path / "IM", SequenceOfUltrasoundRegions=Sequence(items))
    facts = facts_of(path)
    assert len(facts.regions) == 256
    assert "300 ultrasound regions: only the first 256 were read" in facts.notes


def test_pixel_spacing_alone_is_told_and_not_used(tmp_path: Path) -> None:
    path = helpers.dicom(tmp_path / "IM", PixelSpacing=["0.5", "0.5"])
    facts = facts_of(path)
    assert any(n.startswith("PixelSpacing says 0.5 mm a pixel, but") for n in facts.notes)
    assert value("length", (1, 1), (11, 1), on=facts).unit == "px"


def test_pixel_spacing_that_differs_across_and_down_is_told_with_both(tmp_path: Path) -> None:
    facts = facts_of(helpers.dicom(tmp_path / "IM", PixelSpacing=["0.2", "0.5"]))
    assert any(
        n.startswith("PixelSpacing says 0.5 mm a pixel across and 0.2 mm down, but no") for n in facts.notes
    )
    outside = Sequence([a_header_region(90, 0, 95, 9)])
    path = helpers.dicom(tmp_path / "IM2", PixelSpacing=["0.2", "0.5"], SequenceOfUltrasoundRegions=outside)
    assert any("no ultrasound region that can be used says" in n for n in facts_of(path).notes)


def test_many_odd_regions_are_one_line_and_not_hundreds(tmp_path: Path) -> None:
    items = [a_header_region(2, 2, 30, 30, 0.0)] * 2 + [a_header_region(90, 0, 95, 9)] * 70
    items += [a_header_region(n % 20, 3, n % 20 + 3, 9, 0.02 + n / 900) for n in range(150)]
    path = helpers.dicom(tmp_path / "IM", SequenceOfUltrasoundRegions=Sequence(items))
    notes = facts_of(path).notes
    assert "items 3 to 72 of the ultrasound regions lie outside the picture and were left out" in notes
    assert len([n for n in notes if "overlap" in n]) == 1
    assert len(notes) < 12


# ------------------------------------------------------------------------------ what authors typed and drew


def a_case(typed: Measurement, calibration: Calibration | None = None) -> Case:
    return Case("c", "C", media=(Media("M1", calibration=calibration),), measurements=(typed,))


@pytest.mark.parametrize(
    ("typed", "agrees"),
    [
        (Measurement("gap", 20, "mm", media="M1", points=((110, 60), (210, 60))), True),
        (Measurement("gap", 2.0, "cm", media="M1", points=((110, 60), (210, 60))), True),
        (Measurement("gap", 20.9, "mm", media="M1", points=((110, 60), (210, 60))), True),
        (Measurement("gap", 31, "mm", media="M1", points=((110, 60), (210, 60))), False),
        (Measurement("gap", 0.7, "mm", media="M1", points=((110, 60), (112, 60))), True),  # a pixel's worth
        (Measurement("csa", 6, "mm2", media="M1", points=((110, 60), (120, 60), (120, 70), (110, 70))), True),
        (
            Measurement("csa", 9, "mm2", media="M1", points=((110, 60), (120, 60), (120, 70), (110, 70))),
            False,
        ),
        (Measurement("angle", 90, "deg", media="M1", points=((210, 60), (110, 60), (110, 160))), True),
        (Measurement("depth", 15, "mm", media="M1", points=((200, 110),)), True),
        (Measurement("depth", 30, "mm", media="M1", points=((110, 60), (210, 160))), True),  # not the slant
        (Measurement("depth", 36.1, "mm", media="M1", points=((110, 60), (210, 160))), False),
        (Measurement("volume", 4, "mL", media="M1", points=((110, 60), (210, 60))), None),
        (Measurement("gap", 31, "mm", media="M1"), None),
        (Measurement("gap", 31, "mm", media="M9", points=((110, 60), (210, 60))), None),
    ],
)
def test_a_typed_value_is_compared_with_its_points(typed: Measurement, agrees: bool | None) -> None:
    (found,) = checked(a_case(typed), {"M1": picture(TISSUE)})
    assert found.agrees is agrees
    assert bool(found.note) is (agrees is False)


@pytest.mark.parametrize(("typed", "agrees"), [(-20.0, True), (20.0, False)])
def test_flow_in_the_other_direction_is_a_disagreement(typed: float, agrees: bool) -> None:
    measured = Measurement("velocity", typed, "cm/s", media="M1", points=((300, 470),))
    (found,) = checked(a_case(measured), {"M1": picture(*FIGURE_2)})
    assert found.agrees is agrees


def test_a_disagreement_names_both_values() -> None:
    typed = Measurement("gap", 31, "mm", media="M1", points=((110, 60), (247, 60)))
    (found,) = checked(a_case(typed), {"M1": picture(TISSUE)})
    assert found.note == "31 mm typed, 27.4 mm by its points"


def test_points_that_give_no_length_say_why() -> None:
    typed = Measurement("gap", 31, "mm", media="M1", points=((110, 60), (210, 60)))
    (found,) = checked(a_case(typed), {"M1": picture()})
    assert (found.agrees, found.note) == (
        None,
        "its points give no mm: the file has no ultrasound regions and no scale was set by hand",
    )
    (found,) = checked(a_case(typed, replace(SET, mm=124.0)), {"M1": picture()})
    assert found.agrees is True
    (found,) = checked(a_case(replace(typed, points=((1, 1), (1, 900)))), {"M1": picture()})
    assert found.note.startswith("its points give no mm: point 2 (1, 900) lies outside the picture")


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in CASES.glob("*/case.toml")))
def test_every_sample_case_agrees_with_its_own_pictures(folder: str) -> None:
    case = record.loads((CASES / folder / "case.toml").read_text("utf-8"), slug=folder, file="case.toml")
    files = {m.id: facts_of(CASES / folder / m.file) for m in case.media}
    found = checked(case, files)
    assert not [c.note for c in found if c.note]
    drawn = [m for m in case.measurements if m.points]
    assert len([c for c in found if c.agrees]) == len(drawn)


# ---------------------------------------------------------------------------------------- the front door

TYPED = """
[[measurement]]
finding = "F1"
what = "gap"
value = 31
unit = "mm"
media = "M1"
points = [[4, 5], [24, 5]]
"""


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """A case whose clip has a region of 0.5 mm a pixel, a second clip scaled by hand, and a loose file."""
    folder = tmp_path / "gap-case"
    helpers.case_folder(folder, text=helpers.RECORD + TYPED)
    region = Sequence([a_header_region(2, 2, 37, 30)])
    helpers.dicom(folder / "loop.dcm", seed=50, frames=3, SequenceOfUltrasoundRegions=region)
    helpers.picture(folder / "photo.png")
    text = (
        (folder / "case.toml")
        .read_text("utf-8")
        .replace(
            "[[finding]]",
            '[[media]]\nid = "M2"\nfile = "photo.png"\ncalibration = { points = [[1, 2], [11, 2]], mm = 4 }\n'
            "[[finding]]",
            1,
        )
    )
    (folder / "case.toml").write_text(text, "utf-8")
    helpers.dicom(tmp_path / "loose" / "IM1", seed=9)
    made = Archive.create(tmp_path / "archive")
    assert made.ingest([folder, tmp_path / "loose"], workers=0).failed == 0
    return made


def test_a_clip_of_a_case_and_a_file_are_measured_alike(archive: Archive) -> None:
    by_case = archive.measure("gap-case/M1", [(4, 5), (24, 5)], frame=3)
    assert isinstance(by_case, Measured) and (by_case.value, by_case.unit) == (pytest.approx(10.0), "mm")
    sha256 = next(h.sha256 for h in archive.list() if h.name.endswith("loop.dcm"))
    assert archive.measure(sha256[:12], [(4, 5), (24, 5)]) == by_case


def test_a_scale_set_by_hand_in_a_case_serves_its_file_by_any_name(archive: Archive) -> None:
    sha256 = next(h.sha256 for h in archive.list() if h.kind == "image")
    for name in ("gap-case/M2", sha256):
        found = archive.measure(name, [(0, 0), (10, 0)])
        assert isinstance(found, Measured)
        assert (found.value, found.source) == (pytest.approx(4.0), "manual")


def test_what_cannot_be_measured_says_what_next(archive: Archive) -> None:
    with pytest.raises(NotFound, match="gap-case/M1, gap-case/M2"):
        archive.measure("gap-case", [(1, 1), (2, 2)])
    with pytest.raises(NotFound, match="no such clip"):
        archive.measure("gap-case/M9", [(1, 1), (2, 2)])
    with pytest.raises(UsageError, match="no frame 4"):
        archive.measure("gap-case/M1", [(1, 1), (2, 2)], frame=4)
    with pytest.raises(UsageError, match="length, area"):
        archive.measure("gap-case/M1", [(1, 1), (2, 2)], kind="volume")


def test_lint_and_show_report_a_value_that_its_points_contradict(archive: Archive) -> None:
    (found,) = archive.lint(["gap-case"])
    text = archive.record_text("gap-case")
    (problem,) = [p for p in found.problems if "by its points" in p.message]
    assert problem.message == "31 mm typed, 10 mm by its points"
    assert problem.field == "measurement[1].points"
    assert text.splitlines()[problem.line - 1].startswith("points = [[4, 5]")
    shown = run(archive, "show", "gap-case")
    assert "gap 31 mm M1 31 mm typed, 10 mm by its points" in " ".join(shown.split())
    (by_points,) = json.loads(run(archive, "--json", "show", "gap-case"))["by_points"]
    assert (by_points["value"], by_points["agrees"]) == (pytest.approx(10.0), False)


def test_lint_reports_a_scale_set_by_hand_that_the_file_contradicts(archive: Archive) -> None:
    text = archive.record_text("gap-case").replace(
        'id = "M1"', 'id = "M1"\ncalibration = { points = [[1, 2], [11, 2]], mm = 4 }', 1
    )
    archive.replace_record("gap-case", text)
    (found,) = archive.lint(["gap-case"])
    (problem,) = [p for p in found.problems if "set by hand" in p.message]
    assert problem.message == (
        "M1: the scale set by hand is not used: its 4 mm are 5 mm by the file's own ultrasound region"
    )
    assert text.splitlines()[problem.line - 1].startswith("calibration")


def run(archive: Archive, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["--archive", str(archive.path), *words])
    assert result.exit_code == code, result.output
    return result.stdout


def test_show_tells_each_region_in_words_and_says_where_there_is_no_scale(archive: Archive) -> None:
    hashes = {h.name.rpartition("/")[2]: h.sha256 for h in archive.list()}
    shown = run(archive, "show", hashes["loop.dcm"])
    assert "2D tissue, (2, 2) to (37, 30), 0.5 mm a pixel, from the header" in " ".join(shown.split())
    assert "no scale" not in shown
    assert "no scale: lengths are in pixels" in run(archive, "show", hashes["IM1"])
    assert "0.4 mm a pixel, set by hand" in run(archive, "show", hashes["photo.png"])
    (region,) = json.loads(run(archive, "--json", "show", hashes["loop.dcm"]))["regions"]
    assert (region["kind"], region["units"], region["mm_per_pixel"]) == (
        "2D tissue",
        ["cm", "cm"],
        [0.5, 0.5],
    )
    assert (region["spatial_format"], region["units_x"]) == (1, 3)


def _refused(archive: Archive, *words: str) -> str:
    result = CliRunner().invoke(cli, ["--archive", str(archive.path), "measure", *words])
    assert result.exit_code == 2, result.output
    return result.stderr


def test_the_verb_prints_a_value_or_a_reason(archive: Archive) -> None:
    assert run(archive, "measure", "gap-case/M1", "4,5", "24,5") == "10.0 mm\n"
    assert run(archive, "measure", "gap-case/M1", "4,5", "14,5", "14,15", "4,15", "--area") == "25 mm²\n"
    assert run(archive, "measure", "gap-case/M1", "4,5", "4,1") == "4 pixels\n"
    data = json.loads(run(archive, "--json", "measure", "gap-case/M1", "4,5", "24,5", "--frame", "2"))
    assert (data["value"], data["unit"], data["region"], data["frame"]) == (pytest.approx(10.0), "mm", 1, 2)
    assert run(archive, "measure", "gap-case/M1", "4,5", "-1,5", code=2) == ""
    data = json.loads(run(archive, "--json", "measure", "gap-case/M1", "4,5", "400,5", code=2))
    assert data["value"] is None and "outside the picture" in data["refused"]
    assert "--area and --angle" in _refused(
        archive, "gap-case/M1", "4,5", "24,5", "24,9", "--area", "--angle"
    )
    assert "No such option '--foo'" in _refused(archive, "gap-case/M1", "--foo", "4,5", "24,5")
    assert "takes 1 point, not 2" in _refused(archive, "gap-case/M1", "4,5", "24,5", "--velocity")
    assert "no ultrasound region 7" in _refused(archive, "gap-case/M1", "4,5", "24,5", "--region", "7")
    assert run(archive, "measure", "gap-case/M1", "4,5", "--velocity", code=1) == "", "no spectrum: no number"
    assert run(archive, "measure", "gap-case/M1", "1,1", "0,1") == "1 pixel\n"
    assert "10.0 mm" in run(archive, "measure", "gap-case/M1", "4,5", "24,5", "-q")
    for wrong in ("4", "4;5", "nan,5", "4,5,6", "--lenght"):
        run(archive, "measure", "gap-case/M1", "4,5", wrong, code=2)


# ---------------------------------------------------------------------------------- what scanners measured


def real(name: str) -> Facts:
    path = REALDATA / name
    if not path.is_file():
        pytest.skip(f"the real files are not here: {name} (set CASEARCHIVE_REALDATA)")
    return facts_of(path)


def test_the_scanner_s_own_calipers_are_read_as_the_scanner_read_them() -> None:
    facts = real("pydicom+pydicom-data/OBXXXX1A.dcm")
    # burnt into the picture: two crosses, "Cist Mag 1.06 cm", and a depth scale whose 5 cm stand in row 287
    assert value("length", (460, 291), (499, 301.5), on=facts).value == pytest.approx(10.6, abs=0.15)
    assert value("depth", (460, 287), on=facts).value == pytest.approx(50, abs=0.3)


def test_two_scans_side_by_side_are_never_measured_across() -> None:
    facts = real("pydicom+pydicom-data/gdcm-US-ALOKA-16.dcm")
    assert "two regions" in refused("length", (200, 200), (450, 200), on=facts)
    # the scanner's long marks for 0 and 10 cm stand in rows 23-24 and 284-285 at the left edge
    assert value("length", (450, 23.5), (450, 284.5), on=facts).value == pytest.approx(100, abs=0.5)


def test_a_picture_that_was_made_smaller_after_its_regions_were_written_gives_no_millimetres() -> None:
    facts = real("pydicom+pydicom/examples_ybr_color.dcm")
    found = value("length", (150, 60), (150, 160), on=facts)
    assert found.unit == "px" and "made smaller since" in found.notes[0]
