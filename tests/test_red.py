"""What a hostile reader found: each test is a way by which something left, or was lost, that should not."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import needs_detector
from papers import LENGTH, annotation, item, reference, report, state
from pydicom.dataset import Dataset
from test_documents import LOOP, STILL, kinds
from test_documents import left as documents_left
from test_documents import measured as drawn_over
from test_documents import written as lettered
from test_looking import written
from test_outline import AREA, COLUMNS, ROWS, archive_of, fan_frame, fan_mask, left, outlined, within

from casearchive import rereading
from casearchive.deid import codes
from casearchive.deid.shapes import Fan, mask
from casearchive.model import Coded, Identifier

# ------------------------------------------------------------------------------------------------ the fan


@pytest.mark.parametrize(("name", "size"), [("Eva Ott", 10), ("E.Ott", 14), ("Li Wu", 12), ("K4711", 11)])
def test_a_small_name_alone_in_a_corner_is_no_mark_of_the_side(name: str, size: int) -> None:
    found = outlined(*(written(fan_frame(n), name, (120, 60), size) for n in range(2)))
    assert found is not None and found.signs == () and found.apart


def test_a_code_of_squares_alone_in_a_corner_is_no_mark_of_the_side() -> None:
    frame = fan_frame()
    squares = np.random.default_rng(4).integers(0, 2, (14, 14)).repeat(2, 0).repeat(2, 1)
    frame[60:88, 120:148] = (220 * squares)[..., None]
    found = outlined(frame, frame)
    assert found is not None and found.signs == ()


@needs_detector
def test_a_small_name_alone_in_a_corner_does_not_leave(tmp_path: Path) -> None:
    frames = [written(fan_frame(n), "Eva Ott", (120, 60), 10) for n in range(2)]
    pixels, said = left(archive_of(tmp_path, frames), tmp_path / "out")
    assert "kept_beside" not in said and not pixels[:, 55:80, 110:170].any()


@pytest.mark.parametrize("sides", [(-20, 33), (-33, 20)], ids=["left", "right"])
def test_echoes_beyond_a_side_without_contact_are_not_cut(sides: tuple[int, int]) -> None:
    whole = fan_frame()
    frame = whole.copy()
    lit = mask(Fan(320, -20, 80, 440, *sides), ROWS, COLUMNS)
    frame[~lit] = 0
    x = 180 if sides[0] == -20 else 452
    echo = (slice(246, 252), slice(x, x + 8))
    assert fan_mask(Fan(320, -20, 80, 440, -33, 33))[echo].all()
    frame[echo] = whole[echo]
    found = outlined(frame, frame)
    assert found is None or within(found)[echo].all()


def test_a_second_smaller_scan_in_the_same_box_is_not_cut() -> None:
    frame = fan_frame(1, Fan(230, 40, 10, 390, -30, 35))
    second = fan_frame(2, Fan(520, 40, 5, 110, -30, 30))
    frame = np.maximum(frame, second)
    found = outlined(frame, frame)
    lost = frame.any(axis=2) & AREA.mask()
    assert found is None or not (lost & ~within(found)).any()


# ------------------------------------------------------------------------------------------------ documents

TALL, WIDE = 150, 200


def shapes_left(path: Path, drawn: list[Dataset]) -> list[str]:
    data = documents_left(state(path, [reference(STILL)], drawn=[*drawn, annotation([("POINT", [5, 5])])]))
    return [g.GraphicType for a in data.GraphicAnnotationSequence for g in a.GraphicObjectSequence]


@needs_detector
def test_a_name_in_lines_beside_one_line_across_the_picture_stays_in(tmp_path: Path) -> None:
    lines = [("POLYLINE", stroke) for stroke in lettered("SMITH", 10)]
    long = [("POLYLINE", [-WIDE, 149, 2 * WIDE, 149]), ("POLYLINE", [0, -TALL, 3, 2 * TALL])]
    assert shapes_left(tmp_path / "in.dcm", [annotation([*lines, *long])]) == ["POINT"]


@needs_detector
def test_a_name_in_lines_of_the_display_beside_lines_in_pixels_stays_in(tmp_path: Path) -> None:
    lines = [("POLYLINE", [v / 200 for v in stroke]) for stroke in lettered("SMITH", 20)]
    drawn = [annotation(lines, units="DISPLAY"), annotation([("POLYLINE", [10, 140, 150, 20])])]
    left_over = shapes_left(tmp_path / "in.dcm", drawn)
    assert left_over in (["POINT"], ["POLYLINE", "POINT"])


@needs_detector
def test_a_name_in_ellipses_as_flat_as_strokes_stays_in(tmp_path: Path) -> None:
    strokes_ = [
        ("ELLIPSE", [x0, y0, x1, y1, (x0 + x1) / 2, (y0 + y1) / 2, (x0 + x1) / 2, (y0 + y1) / 2])
        for stroke in lettered("SMITH", 20)
        for x0, y0, x1, y1 in (stroke[n : n + 4] for n in range(0, len(stroke) - 2, 2))
    ]
    assert shapes_left(tmp_path / "in.dcm", [annotation(strokes_)]) == ["POINT"]


@needs_detector
def test_a_name_in_lines_whose_letters_name_their_picture_in_different_ways_stays_in(tmp_path: Path) -> None:
    told = []
    for n, stroke in enumerate(lettered("SMITH", 20)):
        image = (LOOP, (2,) * (n + 1))  # the same frame, again and again
        told.append(drawn_over(image, GraphicType="POLYLINE", GraphicData=stroke))
    data = documents_left(report(tmp_path / "in.dcm", told))
    assert {kind for _, kind in kinds(data)} == {"NUM"}


def test_a_measurement_of_the_digits_of_a_record_with_letters_stays_in(tmp_path: Path) -> None:
    told = [item("NUM", "CONTAINS", LENGTH, number=n) for n in ("4831", "48.31", "12.5")]
    data = documents_left(report(tmp_path / "in.dcm", told), known=[Identifier("PatientID", "MRN-004831")])
    assert [str(i.MeasuredValueSequence[0].NumericValue) for i in data.ContentSequence] == ["12.5"]


@pytest.mark.parametrize("meaning", ["DateTime of Death", "Glomerular Filtration Rate black (MDRD)"])
def test_when_somebody_died_and_of_what_race_they_are_is_personal(meaning: str) -> None:
    ((scheme, value),) = [key for key, told in codes._table().items() if told == meaning][:1]
    found = codes.standard(Coded(value, scheme))
    assert found is not None and found.personal


# ------------------------------------------------------------------------------------------------ reading again


@needs_detector
def test_a_packed_file_that_cannot_be_read_again_is_told_and_ends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.png", b"no picture, but so many bytes")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"so many", b"SO MANY"))  # its sum is wrong now
    found, unread = rereading.read_in_pictures(tmp_path, frozenset({Identifier("PatientName", "Smith^Jane")}))
    assert found == () and len(unread) == 1 and unread[0].startswith("set.zip")


@needs_detector
def test_a_packed_file_too_large_to_be_read_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr("a.png", b"no picture")
    monkeypatch.setattr(rereading, "_MOST_UNPACKED", 3)
    found, unread = rereading.read_in_pictures(tmp_path, frozenset({Identifier("PatientName", "Smith^Jane")}))
    assert found == () and len(unread) == 1 and unread[0].startswith("set.zip")
