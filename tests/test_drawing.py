"""Promises of drawn evidence: seen on bright and dark, where it was said, and never over somebody's file."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import helpers
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from casearchive import Archive
from casearchive.cli import cli
from casearchive.drawing import COLOURS, Mark, drawn, outline, stroke
from casearchive.model import Case, Evidence, Finding, Media

SLUG = "thigh"
BOX = Mark("F1", "box", ((20.0, 30.0), (99.0, 79.0)))


def ground(level: int, rows: int = 120, columns: int = 160) -> np.ndarray:
    return np.full((rows, columns), level, np.uint8)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).max())


# ---------------------------------------------------------------------------------------- on an array


@pytest.mark.parametrize("level", [0, 128, 255, 209])
@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_a_line_is_seen_on_any_ground(level: int, colour: int) -> None:
    plain = drawn(ground(level), [])
    made = drawn(ground(level), [Mark("F1", "box", BOX.points, colour)])
    edge = slice(26, 35), slice(60, 61)  # across the upper side of the box
    assert contrast(made[edge], plain[edge]) > 60


@pytest.mark.parametrize(
    ("shape", "points", "on", "off"),
    [
        ("box", ((20, 30), (99, 79)), [(20, 50), (60, 30), (99, 79)], [(60, 55), (5, 100)]),
        ("polygon", ((20, 30), (99, 30), (60, 90)), [(60, 30), (60, 90)], [(60, 50), (5, 100)]),
        ("line", ((20, 60), (99, 60)), [(20, 60), (60, 60)], [(60, 30), (60, 90)]),
        ("ellipse", ((20, 30), (100, 80)), [(20, 55), (60, 80), (100, 55)], [(60, 55), (22, 32)]),
        ("ellipse", ((20, 55), (100, 55), (60, 30), (60, 80)), [(20, 55), (60, 80)], [(60, 55), (22, 32)]),
    ],
)
def test_a_shape_lies_where_the_record_says(
    shape: str, points: tuple, on: list[tuple[int, int]], off: list[tuple[int, int]]
) -> None:
    made = drawn(ground(0), [Mark("F1", shape, tuple((float(x), float(y)) for x, y in points))]).astype(int)
    for x, y in on:
        assert made[y - 1 : y + 2, x - 1 : x + 2].max() > 150, (x, y)
    for x, y in off:
        assert made[y - 1 : y + 2, x - 1 : x + 2].max() < 30, (x, y)


def test_a_point_leaves_its_own_pixel_to_be_seen() -> None:
    made = drawn(ground(90, 480, 640), [Mark("F1", "point", ((320.0, 240.0),))])
    assert (made[240, 320] == 90).all()
    assert contrast(made[240, 325:340], ground(90, 1, 15)[..., None]) > 60


def test_a_label_alone_covers_a_corner_and_nothing_else() -> None:
    plain, made = drawn(ground(90), []), drawn(ground(90), [Mark("F7", "", ())])
    rows, columns = np.nonzero((plain != made).any(axis=2))
    assert 0 < len(rows) < 0.05 * plain[..., 0].size
    assert rows.max() < 40 and columns.max() < 60


def test_labels_stand_beside_each_other() -> None:
    marks = [Mark(f"F{n}", "", (), n) for n in range(3)]
    made = drawn(ground(90, 300, 400), marks)
    black = (made == 0).all(axis=2)
    corners = [black[:60, :80], black[:60, 320:], black[240:, :80]]
    assert all(corner.any() for corner in corners)


def test_the_legend_stands_below_the_picture_and_changes_none_of_it() -> None:
    picture = np.random.default_rng(3).integers(0, 255, (240, 400, 3), np.uint8)
    made = drawn(
        picture, [], ["F1 Complete tear of the right rectus femoris muscle, " * 4, "M2, frame 20 of 36"]
    )
    assert (made[:240, :400] == picture).all()
    assert made.shape[0] > 280 and made.shape[1] == 400


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (8, 8), (32, 40), (480, 640), (2000, 3000)])
def test_pictures_of_every_size_are_drawn_on(rows: int, columns: int) -> None:
    mark = Mark("F1", "box", ((0.0, 0.0), (columns - 1.0, rows - 1.0)))
    made = drawn(ground(30, rows, columns), [mark], ["F1 tear"])
    assert made.shape[1] == max(columns, 320) and made.shape[0] > rows
    assert stroke(480, 640) == 2.0 and stroke(1440, 1920) == 6.0


def test_a_shape_may_reach_the_edge_of_the_picture() -> None:
    made = drawn(ground(0), [Mark("F1", "line", ((-0.5, -0.5), (160.0, 120.0)))])
    assert made.shape == (120, 160, 3)


def test_an_ellipse_by_its_axes_and_by_its_box_is_the_same() -> None:
    by_box = outline("ellipse", ((20.0, 30.0), (100.0, 80.0)))
    by_axes = outline("ellipse", ((20.0, 55.0), (100.0, 55.0), (60.0, 30.0), (60.0, 80.0)))
    assert np.allclose(by_box, by_axes)


def test_letters_that_the_font_does_not_have_become_plain_ones() -> None:
    one = drawn(ground(0), [], ["52 mm² → 30 µm"])
    assert (one == drawn(ground(0), [], ["52 mm2 -> 30 um"])).all()


# ---------------------------------------------------------------------------------------- of a case


RECORD = """\
title = "T"
status = "ready"
fictional = true

[[media]]
id = "M1"
file = "loop.dcm"
key_frame = 5

[[media]]
id = "M2"
file = "still.dcm"

[[finding]]
id = "F1"
structure = "rectus_femoris"
abnormality = "tear"
side = "right"
evidence = [
  { media = "M1", frames = [4, 8], box = [[2, 2], [19, 19]] },
  { media = "M1", frames = [1, 3] },
  { media = "M2", point = [9, 9] },
]

[[finding]]
id = "F2"
structure = "rectus_femoris"
abnormality = "hematoma"
side = "right"
evidence = [{ media = "M1", frames = [7, 8], line = [[2, 9], [19, 9]] }, { media = "M1" }]

[[finding]]
id = "F3"
structure = "rectus_femoris"
abnormality = "edema"
side = "right"
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    home = tmp_path_factory.mktemp("drawing")
    helpers.dicom(home / "in" / SLUG / "loop.dcm", seed=70, frames=8)
    helpers.dicom(home / "in" / SLUG / "still.dcm", seed=71)
    (home / "in" / SLUG / "case.toml").write_text(RECORD, "utf-8")
    made = Archive.create(home / "archive")
    assert made.ingest([home / "in"], workers=0).failed == 0
    return made


def show(archive: Archive, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--archive", str(archive.path), "show", *words])
    assert result.exit_code == code, (words, result.stdout, result.stderr)
    return result


NAMES = [
    "thigh-M1-2-F1.png",
    "thigh-M1-5-F1.png",
    "thigh-M1-5-F2.png",
    "thigh-M1-7-F2.png",
    "thigh-M2-1-F1.png",
]


def test_every_piece_of_evidence_is_drawn_on_its_key_or_middle_frame(
    archive: Archive, tmp_path: Path
) -> None:
    told = show(archive, SLUG, "--draw", str(tmp_path / "out"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == NAMES
    assert "keep them private" in told.stderr
    with Image.open(tmp_path / "out" / "thigh-M1-5-F1.png") as image:
        assert image.size[0] == 320
    if sys.platform != "win32":
        assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").iterdir()} == {0o600}


def test_one_clip_of_a_case_is_drawn_alone(archive: Archive, tmp_path: Path) -> None:
    show(archive, f"{SLUG}/M2", "--draw", str(tmp_path / "out"))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thigh-M2-1-F1.png"]
    show(archive, f"{SLUG}/M9", "--draw", str(tmp_path / "out"), code=1)


def test_pictures_that_are_there_are_replaced_only_where_that_was_said(
    archive: Archive, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    show(archive, SLUG, "--draw", str(out))
    show(archive, SLUG, "--draw", str(out))  # the same pictures again change nothing
    (out / NAMES[0]).write_bytes(b"mine")
    before = helpers.tree(out)
    refused = show(archive, SLUG, "--draw", str(out), code=2)
    assert NAMES[0] in refused.stderr and "--overwrite" in refused.stderr
    assert helpers.tree(out) == before
    assert "1 of them in the place" in show(archive, SLUG, "--draw", str(out), "--overwrite").stderr
    assert (out / NAMES[0]).read_bytes().startswith(b"\x89PNG")


def test_json_names_the_pictures(archive: Archive, tmp_path: Path) -> None:
    told = json.loads(show(archive, SLUG, "--draw", str(tmp_path / "out"), "--json").stdout)
    assert sorted(Path(p["file"]).name for p in told["pictures"]) == NAMES
    assert {(p["media"], p["frame"], p["finding"]) for p in told["pictures"]} >= {("M1", 7, "F2")}


def test_a_clip_that_cannot_be_opened_costs_its_pictures_and_is_said(tmp_path: Path) -> None:
    from casearchive.evidence import Source, pictures

    finding = Finding("F1", "tear", evidence=(Evidence("M1", (1, 2)), Evidence("M2")))
    case = Case("x", "x", media=(Media("M1"), Media("M2")), findings=(finding,))
    sound = helpers.dicom(tmp_path / "a", seed=5)
    sources = {"M1": Source(tmp_path / "gone", "0" * 64, 3, 1), "M2": Source(sound, "1" * 64, 1, 1)}
    first, second = pictures(case, sources)
    assert "M1 cannot be read" in first.trouble and not first.png
    assert second.png and second.name == "x-M2-1-F1.png"


def test_a_clip_of_a_case_is_shown_by_its_name_in_the_case(archive: Archive) -> None:
    told = show(archive, f"{SLUG}/M2").stdout
    assert "still.dcm" in told and f"{SLUG} as M2" in told
    assert f"{SLUG}/M1, {SLUG}/M2" in show(archive, f"{SLUG}/M7", code=1).stderr
    assert json.loads(show(archive, f"{SLUG}/M1", "--json").stdout)["frames"] == 8
