"""Promises of scripts/bench_deid.py: the same seed is the same files, and its scorer can fail."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import _coded  # noqa: E402
import _judged  # noqa: E402
import _planted  # noqa: E402
import _screens  # noqa: E402
import bench_deid  # noqa: E402
from _judged import FAILED, WRITTEN, judge  # noqa: E402
from _peers import Run  # noqa: E402
from _planted import KINDS, PIXELS, Planted  # noqa: E402

#: Places of the plan that together hide names in every kind of place.
SOME = 8


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Planted]:
    return _made(tmp_path_factory.mktemp("planted"))


def _made(folder: Path, seed: int = 1) -> list[Planted]:
    pytest.importorskip("imagecodecs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _planted.make(folder, SOME, seed)


# ------------------------------------------------------------------------------------------ the files


def test_the_same_seed_makes_the_same_files_and_another_seed_makes_others(
    corpus: list[Planted], tmp_path: Path
) -> None:
    def hashes(files: list[Planted]) -> list[str]:
        return [hashlib.sha256(p.path.read_bytes()).hexdigest() for p in files]

    assert hashes(corpus) == hashes(_made(tmp_path / "again"))
    assert not set(hashes(corpus)) & set(hashes(_made(tmp_path / "other", seed=2)))


def test_every_identifier_belongs_to_one_patient(corpus: list[Planted]) -> None:
    owners: dict[str, set[int]] = {}
    for planted in corpus:
        for canary in planted.canaries:
            for needle in canary.needles or (canary.value,):
                owners.setdefault(needle, set()).add(planted.patient)
    assert [needle for needle, who in owners.items() if len(who) > 1] == []


def test_the_whole_plan_is_at_least_twice_as_varied_as_what_it_was_made_to_outdo() -> None:
    assert len(_planted.PLAN) >= 40
    assert len({spec.coding for spec in _planted.PLAN}) >= 16
    assert sum(spec.ordinary for spec in _planted.PLAN) >= 20
    assert sum(spec.in_scan for spec in _planted.PLAN) >= 10


def test_speckle_is_drawn_out_and_no_white_noise() -> None:
    scan = _screens.Scan(_screens.Box(20, 20, 219, 169), "fan")
    film, _ = _screens.draw(np.random.default_rng(5), (190, 240), (scan,), 2, [])
    part = film[0, 70:110, 80:160, 0].astype(float)
    across = np.corrcoef(part[:, 1:].ravel(), part[:, :-1].ravel())[0, 1]
    assert across > 0.8
    assert (
        0.2
        < np.corrcoef(film[0, 70:110, 80:160, 0].ravel(), film[1, 70:110, 80:160, 0].ravel())[0, 1]
        < 0.999
    )


# ------------------------------------------------------------------------------------------ the scorer


def test_every_identifier_is_really_in_its_file_and_counted_where_nothing_was_done(
    corpus: list[Planted],
) -> None:
    kinds: Counter[str] = Counter()
    for planted in corpus:
        verdict = judge(planted, planted.path, tool=False)
        assert [c.place for c in planted.canaries if c not in verdict.left] == []
        assert verdict.equal and verdict.colour and verdict.frames and not verdict.broken
        assert verdict.regions is not False and verdict.measured is not False
        kinds.update(c.kind for c in verdict.left)
    assert sum(kinds.values()) > 400
    assert kinds.keys() == set(KINDS)


def test_an_output_that_is_not_there_or_empty_leaks_nothing(corpus: list[Planted], tmp_path: Path) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    for output in (None, tmp_path / "nowhere.dcm", empty):
        verdict = judge(corpus[0], output, tool=False)
        assert verdict.state == FAILED and not verdict.left


def test_a_black_picture_holds_no_name_and_is_not_equal(corpus: list[Planted], tmp_path: Path) -> None:
    from pydicom import dcmread

    planted = corpus[0]
    data = dcmread(planted.path)
    data.PixelData = bytes(len(data.PixelData))
    data.save_as(tmp_path / "black.dcm")
    verdict = judge(planted, tmp_path / "black.dcm", tool=False)
    assert not [c for c in verdict.left if c.kind == PIXELS]
    assert verdict.equal is False and verdict.colour is False and verdict.measured is False


def test_half_a_name_is_still_a_name_and_noise_is_none() -> None:
    film, drawn = _screens.draw(
        np.random.default_rng(1), (80, 240), (), 1, [_screens.Text("MUSTERLING", 10, 20, 16)]
    )
    glyphs = drawn[0]
    assert glyphs is not None
    assert _screens.readable(glyphs, film[0]) == 1
    half = film[0].copy()
    half[:, : glyphs.box.x0 + glyphs.box.width // 2] = 0
    assert _judged.READABLE < _screens.readable(glyphs, half) < 0.8
    noise = np.random.default_rng(2).integers(0, 255, film[0].shape, dtype=np.uint8)
    assert _screens.readable(glyphs, noise) < _judged.READABLE
    assert _screens.readable(glyphs, 255 - film[0]) == 1, "an inverted name can be read, too"


@pytest.mark.parametrize(
    "coding", ["rgb planar", "mono1", "palette", "rle", "j2k", "jpegls", "jpeg lossless"]
)
def test_what_is_coded_without_loss_is_decoded_as_it_was(coding: str, tmp_path: Path) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset

    pytest.importorskip("imagecodecs")
    film = np.repeat(np.random.default_rng(3).integers(0, 240, (2, 16, 24, 1), np.uint8), 3, axis=-1)
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.3"
    data.NumberOfFrames = 2
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = _coded.encode(data, coding, film, _coded.Hidden())
    data.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    shown = _coded.same_kind(_coded.decode(tmp_path / "x.dcm").frames)
    assert len(shown) == 2
    assert max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(film, shown, strict=True)) <= (
        coding == "palette"
    )


# ------------------------------------------------------------------------------------------ the tables


def test_a_program_that_only_copies_is_told_to_leave_everything(
    corpus: list[Planted], tmp_path: Path
) -> None:
    run = Run("copy", "1", "nothing at all")
    for planted in corpus:
        run.outputs[planted.name] = Path(shutil.copy(planted.path, tmp_path / planted.path.name))
    verdicts = [judge(p, run.outputs[p.name], tool=False) for p in corpus]
    score = bench_deid.Score.of(run, verdicts, corpus)
    assert sum(score.left.values()) == sum(len(p.canaries) for p in corpus)
    assert score.states[WRITTEN] == len(corpus) and score.leaking == len(corpus)
    assert score.references["astray"] == score.references["removed"] == 0
    assert score.intervals.good == score.intervals.of > 0
    assert score.uids.good == 0, "no UID is new"
    assert "copy" in bench_deid._identities([score], corpus)


def test_its_tables_find_their_place_in_the_page() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    assert "\n\nTHE TABLE\n\n" in bench_deid.rewritten(page, {"deid": "THE TABLE"})


def test_it_says_how_it_is_used() -> None:
    said = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench_deid.py"), "--help"], capture_output=True, text=True
    )
    assert said.returncode == 0 and "--peers" in said.stdout
