"""Promises of scripts/bench.py: every measurement runs, checks that like was compared with like, and says so in JSON.

No promise here is about time: seconds belong to a machine.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from browser import find_chromium
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks import (  # noqa: E402
    asking,
    bulk,
    corpus,
    intake,
    measure,
    others,
    pictures,
    previews,
    profiling,
    rebuilding,
    scaling,
    verifying,
)

from casearchive import Archive, film  # noqa: E402
from casearchive.query import parse  # noqa: E402
from casearchive.terms import lexicon  # noqa: E402


def _bench(tmp_path: Path, *words: str) -> dict[str, Any]:
    target = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench.py"), *words, "--json", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| " in done.stdout, "a table is printed"
    found: dict[str, Any] = json.loads(target.read_text("utf-8"))
    assert found["benchmark"] == words[0]
    assert found["machine"]["python"]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "files"
    corpus.make(folder, 20, 5)
    return folder


def _hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.dcm")}


def test_the_same_seed_makes_the_same_files_and_another_seed_others(tmp_path: Path, files: Path) -> None:
    corpus.make(tmp_path / "same", 3, 5)
    corpus.make(tmp_path / "other", 3, 6)
    first, again, other = _hashes(files), _hashes(tmp_path / "same"), _hashes(tmp_path / "other")
    assert again
    assert all(first[name] == again[name] != other[name] for name in again)


def test_half_of_a_corpus_are_rgb_stills_and_a_fifth_are_loops() -> None:
    shares = Counter(corpus.PLAN)
    assert shares["rgb"] == len(corpus.PLAN) // 2
    assert shares["cine"] == len(corpus.PLAN) // 5
    assert {"mono", "palette", "rle", "j2k", "lossless", "film"} < set(shares)
    assert sorted(corpus.PLAN[n * 7 % 20] for n in range(20)) == sorted(corpus.PLAN)


def test_every_file_of_a_corpus_is_taken_and_gets_a_picture(tmp_path: Path, files: Path) -> None:
    told = intake.take(files, tmp_path / "archive", 0)
    assert (told["added"], told["thumbnails"]) == (20, 20)
    details = [
        Archive.open(tmp_path / "archive").show(held.sha256).detail
        for held in Archive.open(tmp_path / "archive").list()
    ]
    loops = [d for d in details if d.held.kind == "dicom" and d.held.frames > 1]
    assert all(30 <= d.held.frames <= 60 and d.facts.timing.fps for d in loops)
    assert all(d.facts.regions for d in details if d.held.kind == "dicom")


def test_corpus_says_what_it_made(tmp_path: Path) -> None:
    found = _bench(tmp_path, "corpus", str(tmp_path / "files"), "--files", "2", "--seed", "3")
    assert sum(found["kinds"].values()) == 2
    assert found["bytes"] == sum(p.stat().st_size for p in (tmp_path / "files").rglob("*") if p.is_file())


def test_ingest_is_compared_with_others_that_take_the_same_files(tmp_path: Path) -> None:
    corpus.make(tmp_path / "tiny", 3, 1, tiny=True)
    found = _bench(tmp_path, "ingest", str(tmp_path / "tiny"), "--repeats", "1")
    assert found["files"] == 3
    here = {intake.NAMES[name] for name in intake.NAMES if others.able(name, tmp_path / "tiny")}
    assert {intake.NAMES["loop"], intake.NAMES["copy"], intake.NAMES["hashing"]} <= here
    assert set(found["systems"]) - {intake.UPLOAD} == {*intake.OURS, *here}
    assert all(row["seconds"] > 0 and row["files_per_s"] > 0 for row in found["systems"].values())
    assert found["systems"]["casearchive"]["ours"] == 1


def test_what_takes_dicom_alone_is_not_asked_for_more(tmp_path: Path) -> None:
    corpus.make(tmp_path, 1, 1, tiny=True)
    (tmp_path / "film.mp4").write_bytes(b"")
    assert not any(others.able(name, tmp_path) for name in ("orthanc", "dcmtk", "gdcm"))
    assert others.able("loop", tmp_path)


def test_a_system_that_did_less_work_is_not_compared() -> None:
    whole = {"added": 3, "thumbnails": 3, "frames": 3}
    seen: dict[str, dict[str, Any]] = dict.fromkeys(intake.OURS[:2], whole) | {intake.OURS[2]: {"known": 3}}
    seen |= {intake.NAMES["loop"]: {"rows": 3, "frames": 3}, intake.NAMES["copy"]: {"bytes": 9}}
    intake.same_work(seen, 3, 9)
    with pytest.raises(RuntimeError, match="cp -r and sync took"):
        intake.same_work(seen, 3, 10)
    seen[intake.NAMES["dcmtk"]] = {"thumbnails": 1, "without_picture": 2}
    with pytest.raises(RuntimeError, match="dcmj2pnm for each made no picture of most"):
        intake.same_work(seen, 3, 9)
    del seen[intake.NAMES["dcmtk"]]
    seen[intake.NAMES["loop"]]["frames"] = 4
    with pytest.raises(RuntimeError, match="do not see the same frames"):
        intake.same_work(seen, 3, 9)


def test_search_is_asked_in_an_archive_of_the_size_asked_for_that_can_be_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = ("search", "--cases", "15", "--findings", "3", "--repeats", "1", "--keep", str(kept))
    row = _bench(tmp_path, *words)["sizes"]["15"]
    assert row["findings"] >= 15
    assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["max_ms"]
    assert all(row[key] > 0 for key in ("first_ms", "add_ms", "change_ms", "command_against_bare"))
    (archive,) = kept.iterdir()
    with sqlite3.connect(archive / "index.db") as index:
        assert index.execute("SELECT count(*) FROM cases").fetchone() == (15,), (
            "what was written is taken away"
        )
    again = asking._one_size(kept, 15, 3, 1, measure.Progress(0))
    assert again["build_s"] == row["build_s"], "the archive is used again"


def test_the_queries_are_many_and_each_can_be_read() -> None:
    assert len(set(asking.QUERIES)) == len(asking.QUERIES) >= 30
    for query in asking.QUERIES:
        assert parse(query, lexicon()).text == query


def test_common_words_of_the_queries_find_many_of_the_invented_cases(tmp_path: Path) -> None:
    asking.build(tmp_path / "archive", 40, 10)
    totals = {q: told["total"] for q, told in asking.ask(tmp_path / "archive", 1)["queries"].items()}
    assert totals["left"] > 20
    assert totals["tear"] > 5
    assert totals["xyzzy"] == 0


def test_startup_is_measured_beside_a_bare_python(tmp_path: Path) -> None:
    found = _bench(tmp_path, "startup", "--repeats", "1")
    for byte_code in ("warm", "cold"):
        ratios = [row["against_bare"][byte_code] for row in found["commands"].values()]
        assert ratios[0] == 1
        assert len(ratios) == 6
        assert all(r > 0 for r in ratios)
    bare = next(iter(found["commands"].values()))
    assert bare["cold"]["cpu_ms"] > bare["warm"]["cpu_ms"]


@pytest.mark.skipif(not film.encoder(), reason="no H.264 encoder: casearchive[video] is missing")
def test_pages_are_measured_and_the_frames_that_are_shown_are_read(tmp_path: Path) -> None:
    find_chromium()
    told = _bench(tmp_path, "pages", "--cases", "2", "--frames", "310", "--repeats", "1")
    assert set(told["opened"]) == {"index", "case"}
    assert told["opened"]["index"]["megabytes"] > 0.02
    assert (told["stepped"]["wrong"], told["stepped"]["files"], told["stepped"]["steps"]) == (0, 3, 35)


def test_questions_beside_an_ingest_are_all_answered(tmp_path: Path) -> None:
    found = _bench(tmp_path, "together", "--cases", "20", "--files", "6", "--seconds", "1", "--repeats", "1")[
        "beside"
    ]
    assert all(row["questions"] > 0 and row["refused"] == 0 for row in found.values())


def test_a_reindex_is_compared_with_reading_the_same_records(tmp_path: Path) -> None:
    rows = _bench(tmp_path, "reindex", "--cases", "6", "--repeats", "1")["systems"]
    assert set(rows) == {rebuilding.READ, rebuilding.REINDEX}
    assert all(row["cases_per_s"] > 0 for row in rows.values())
    for told in ({"cases": 5, "problems": []}, {"cases": 6, "problems": ["cases/x.toml: it is gone"]}):
        with pytest.raises(RuntimeError, match="reindex did not read the same 6 records"):
            rebuilding._check(rebuilding.REINDEX, json.dumps(told), 6)


def test_growth_tells_the_speed_of_every_tenth(tmp_path: Path) -> None:
    found = _bench(tmp_path, "growth", "--files", "20", "--workers", "1")
    assert len(found["files_per_s_by_tenth"]) == 10


def test_what_the_same_folder_costs_again_is_told_of_each_way(tmp_path: Path) -> None:
    found = _bench(tmp_path, "reingest", "--files", "12", "--new", "2", "--workers", "0", "--repeats", "2")
    assert found["files_per_s"] > 0
    assert [len(took) for took in found["seconds"].values()] == [2, 2, 2, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="a run is stopped with signals")
def test_a_run_that_was_stopped_is_gone_on_with_and_every_file_is_taken_once(tmp_path: Path) -> None:
    found = _bench(tmp_path, "bulk", "--files", "240", "--workers", "1")
    assert len(found["files_per_s_by_tenth"]) == 10
    assert set(found["stopped"]) == {"Ctrl-C", "killed"}
    assert all(0 < told["by_then"] < 240 and told["first_new_s"] > 0 for told in found["stopped"].values())


def test_the_progress_line_is_read_as_the_program_writes_it() -> None:
    live = "Taking files: [====                ] 1234 of 5000, 12.3 MB, 120 a second, about 2 min 40 s left"
    assert bulk.read_line(live, 7.0) == bulk.Shown(7.0, 1234, 5000, 120.0, 160.0)
    assert bulk.read_line("Taking files: 3, 30.0 a minute", 1.0) == bulk.Shown(1.0, 3, 0, 0.5, None)
    assert bulk.read_line("failed: x.dcm: it is damaged", 1.0) is None


def test_the_time_left_is_judged_against_what_was_really_left() -> None:
    shown = [bulk.Shown(float(at), at, 100, 1.0, left) for at, left in ((5, 10), (20, 80), (50, 40), (98, 9))]
    told = bulk.truth_of(bulk.Run(shown, seconds=100.0))
    assert (told["from_s"], told["lines"]) == (10.0, 2), "not at once, and not in the last seconds"
    assert (told["largest_error"], told["within"]) == (0.2, 1.0)
    assert bulk.by_tenth(shown, 100, 100.0) == pytest.approx([1.0] * 10)


def test_verify_is_compared_with_hashing_the_same_originals(tmp_path: Path) -> None:
    rows = _bench(tmp_path, "verify", "--files", "2", "--repeats", "1")["systems"]
    assert {verifying.QUICK, verifying.FULL, verifying.HASHLIB} <= set(rows)
    assert rows[verifying.HASHLIB]["times_hashlib"] == 1
    assert all(row["s"] > 0 for row in rows.values())


def test_a_verify_that_read_less_is_not_compared() -> None:
    told = json.dumps({"sound": True, "objects": 2, "read": 1})
    with pytest.raises(RuntimeError, match="did not look at the same 2 originals"):
        verifying._check(verifying.FULL, told, ["a", "b"])


def test_archives_of_any_size_are_sound_and_each_cost_has_its_power(tmp_path: Path) -> None:
    words = ("scale", "--sizes", "20", "40", "--repeats", "1", "--keep", str(tmp_path / "kept"))
    found = _bench(tmp_path, *words)
    for size, row in found["sizes"].items():
        assert (row["objects"], row["records"]) == (int(size), int(size) // 10)
        assert row["lines"] == row["objects"] + row["records"] + 1, "one line each, and the founding"
        assert all(row[key] > 0 for _, key, _ in scaling._COLUMNS if key != "peak_mb")
    assert set(found["grows"]) == {key for _, key, _ in scaling._COLUMNS}
    kept = {path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()}
    assert len(kept) == 2, "nothing is left beside the archives"


def test_what_grows_faster_than_the_archive_is_flagged() -> None:
    small = {key: 1.0 for _, key, _ in scaling._COLUMNS}
    large = {**small, "verify_s": 100.0, "files_per_s": 0.1, "backup_s": 10.0}
    grows = scaling.grows({10: small, 100: large})
    assert (grows["verify_s"], grows["backup_s"], grows["search_p95_ms"]) == pytest.approx((2, 1, 0))
    assert grows["files_per_s"] == pytest.approx(2), "a tenth of the speed is a hundred times the time"
    said = scaling._told(grows, 10, 100)
    assert "worse than linear (over 1.15): files/s, verify s" in said


def test_where_time_goes_is_drawn_for_an_ingest_a_search_and_an_export(tmp_path: Path) -> None:
    words = ("--files", "4", "--cases", "20", "--clips", "1", "--frames", "1")
    found = _bench(tmp_path, "profile", *words, "--to", str(tmp_path / "pictures"))["profiles"]
    assert list(found) == ["ingest", "search", "export"]
    for what, told in found.items():
        assert told["seconds"] > 0
        picture = (tmp_path / "pictures" / f"{what}.svg").read_text("utf-8")
        assert len(picture) < 60_000
        shown = ElementTree.fromstring(picture)  # it is well-formed
        assert shown.tag.endswith("svg")
        assert next(iter(told["costs"])) in {text.text for text in shown.iter() if text.text}


def test_a_profile_is_drawn_the_same_for_the_same_numbers_with_the_largest_first() -> None:
    stacks = {("archive", "ingest", "Pillow"): 3.0, ("archive", "ingest", "index", "SQLite"): 1.0}
    picture = profiling.drawn("An ingest: 4.0 s", stacks)
    assert picture == profiling.drawn("An ingest: 4.0 s", dict(reversed(stacks.items())))
    assert picture.index("Pillow: 3.00 s, 75 %") < picture.index("index: 1.00 s, 25 %")
    assert ">archive" not in picture, "what only opens the next door is left out"
    assert profiling.own(stacks) == {"Pillow": 3.0, "SQLite": 1.0}


def test_a_sampler_sees_which_room_works_and_what_it_calls() -> None:
    sampler = profiling.Sampler()
    with sampler.watching():
        for _ in range(200):
            parse("left hamstring tear", lexicon())
    assert any(path[0] == "query" for path in sampler.stacks)


def test_a_percentile_is_one_of_the_values() -> None:
    assert measure.percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert measure.percentile([3.0, 1.0, 2.0], 0.95) == 3.0
    assert measure.percentile([float(n) for n in range(1, 101)], 0.95) == 95.0


def test_pictures_are_compared_with_the_plain_way_and_are_the_same(tmp_path: Path) -> None:
    found = _bench(tmp_path, "pictures", "--repeats", "1", "--frames", "12")
    rows = found["thumbnails"]
    assert {"uncompressed cine", "JPEG baseline cine", "JPEG 2000 still", "RLE still", "GIF", "PNG"} <= set(
        rows
    )
    for name, row in rows.items():
        assert row["ours_ms"] > 0, name
        assert (row["times"] is None) == (row["plain_ms"] is None), name
    assert found["previews"]["JPEG baseline cine"]["kB"] > 0
    assert found["memory"]["frames"] == 12


def test_two_thumbnails_that_are_not_the_same_are_not_compared() -> None:
    grey, light, narrow = (
        Image.new("L", size, level) for size, level in (((64, 48), 90), ((64, 48), 99), ((40, 48), 90))
    )
    pictures._same("x", grey, grey)
    with pytest.raises(RuntimeError, match="grey levels"):
        pictures._same("x", grey, light)
    with pytest.raises(RuntimeError, match="one thumbnail is"):
        pictures._same("x", grey, narrow)


def test_preview_formats_are_compared_on_the_same_frames(tmp_path: Path) -> None:
    path = corpus.cine(tmp_path / "loop.dcm", 4)
    found = _bench(tmp_path, "previews", str(path), "--frames", "3")
    rows = found["files"]["loop.dcm"]
    assert rows["frames"] == 3
    kinds = {name.split()[0] for name in rows if isinstance(rows[name], dict)}
    assert "WebP" in kinds
    assert all(row["psnr_db"] > 20 for row in rows.values() if isinstance(row, dict))


def test_a_preview_that_lost_frames_is_not_compared() -> None:
    frames = [Image.new("RGB", (8, 8), (n, n, n)) for n in range(3)]
    with pytest.raises(RuntimeError, match="3 frames went in and 2 came out"):
        previews._psnr(frames, [np.zeros((8, 8, 3), np.uint8)] * 2)
