"""Promises of the matrix: every way of storing a picture is shown with its colours, as exactly as it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoders import PATCH
from matrix import NAMES, Row, has, rows
from PIL import Image

from casearchive import readers
from casearchive.errors import PictureUnavailable
from casearchive.readers import _codecs, _video

MATRIX = rows()


def opened(tmp_path: Path, content: bytes) -> readers.Clip:
    path = tmp_path / "file"
    path.write_bytes(content)
    return readers.open_clip(path, "ab" * 32)


def inner(shape: tuple[int, ...]) -> np.ndarray:
    """The pixels that are at least 6 from the edge of a patch: lossy codecs smear edges."""
    down, across = np.arange(shape[0]) % PATCH, np.arange(shape[1]) % PATCH
    return ((down >= 6) & (down < PATCH - 6))[:, None] & ((across >= 6) & (across < PATCH - 6))[None, :]


def apart(shown: np.ndarray, expected: np.ndarray, lossy: bool) -> int:
    if shown.ndim == 3 and expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert shown.shape == expected.shape
    difference = np.abs(shown.astype(int) - expected)
    return int((difference[inner(shown.shape)] if lossy else difference).max())


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_every_frame_is_shown_as_exactly_as_promised(row: Row, tmp_path: Path) -> None:
    if missing := has(row):
        pytest.skip(missing)
    clip = opened(tmp_path, row.make(tmp_path))
    try:
        assert clip.facts.instance.transfer_syntax_uid == row.syntax
        assert clip.facts.instance.frames == row.frames
        for number in (row.frames, *range(1, row.frames)):
            assert apart(clip.frame(number), row.expected(number - 1), row.lossy) <= row.within, number
        if row.note:
            assert any(row.note in note for note in clip.facts.notes), clip.facts.notes
        else:
            assert clip.facts.notes == ()
    finally:
        clip.close()


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_a_glimpse_has_the_colours_of_the_frame(row: Row, tmp_path: Path) -> None:
    if missing := has(row):
        pytest.skip(missing)
    clip = opened(tmp_path, row.make(tmp_path))
    try:
        glimpse = clip.glimpse(1, 60)
        assert max(glimpse.shape[:2]) >= 60
        whole = clip.frame(1)
        assert np.abs(glimpse.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 4
    finally:
        clip.close()


JUDGED = [row for row in MATRIX if row.judge]


@pytest.mark.parametrize("row", JUDGED, ids=lambda row: row.name)
def test_an_independent_decoder_sees_the_same(row: Row, tmp_path: Path) -> None:
    """DCMTK renders the very file that casearchive read. Tolerance: 2 grey levels, 6 where both round lossy chroma."""
    program = "dcml2pnm" if row.syntax.endswith((".80", ".81")) else "dcmj2pnm"
    if shutil.which(program) is None:
        pytest.skip(f"{program} (DCMTK) is not installed")
    if missing := has(row):
        pytest.skip(missing)
    content = row.make(tmp_path)
    clip = opened(tmp_path, content)
    try:
        for number in {1, row.frames}:
            out = tmp_path / f"{number}.pnm"
            window = ["+Wi", "1"] if "window" in row.variant and "without" not in row.variant else []
            command = [program, "+F", str(number), *window, "+op", str(tmp_path / "file"), str(out)]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            assert apart(clip.frame(number), np.asarray(Image.open(out)), row.lossy) <= (
                6 if row.lossy else 2
            )
    finally:
        clip.close()


@pytest.mark.parametrize("extra", ["codecs", "video"])
def test_without_an_extra_the_file_opens_and_the_message_names_it(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [row for row in MATRIX if row.needs == extra and not has(row)]
    if not kept:
        pytest.skip(f"what encodes for casearchive[{extra}] is not installed")
    monkeypatch.setattr(_codecs, "available", lambda: False)
    monkeypatch.setattr(_video, "available", lambda: False)
    for row in kept:
        clip = opened(tmp_path, row.make(tmp_path))
        assert clip.facts.instance.frames == row.frames
        with pytest.raises(PictureUnavailable, match="not installed") as caught:
            clip.frame(1)
        assert f"pip install 'casearchive[{extra}]'" in caught.value.hint
        clip.close()


def test_everything_else_is_shown_without_any_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_codecs, "available", lambda: False)
    monkeypatch.setattr(_video, "available", lambda: False)
    for row in MATRIX:
        if row.needs or has(row):
            continue
        clip = opened(tmp_path, row.make(tmp_path))
        assert clip.frame(1).size
        clip.close()


def test_the_page_of_formats_is_what_the_matrix_and_the_round_trips_say() -> None:
    script = Path(__file__).parents[1] / "scripts" / "make_formats.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_coding_of_the_matrix_has_a_name() -> None:
    assert {row.syntax for row in MATRIX} <= set(NAMES)
