"""Promises about files that mean harm: taken, taken with a word, or refused with a reason, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import helpers
import pytest
from hostile import ALL, Hostile, make_all

from casearchive.choices import REASONS

ROOT = Path(__file__).parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")

#: Takes everything in one run, as a user would, and tells what came of it and the most memory that any process held.
_RUN = """
import json, resource, sys
from dataclasses import asdict
from pathlib import Path
from casearchive import Archive
archive = Archive.create(Path(sys.argv[2]))
said = []
archive.ingest([Path(sys.argv[1])], workers=2, report=said.append)
verdict = archive.verify(full=True)
# not getrusage for this process: it would tell the peak of whoever started it, which exec hands on
own = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
peak = max(int(own[0]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
faults = [str(f) for f in verdict.faults]
print(json.dumps({"outcomes": [asdict(o) for o in said], "peak": peak, "faults": faults}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything hostile at once, taken by a program with an empty home and an empty place for temporary files."""
    place = tmp_path_factory.mktemp("hostile")
    for name in ("home", "tmp"):
        (place / name).mkdir()
    make_all(place / "in")
    for kind in ("dicom", "still", "clip"):  # and whatever a fuzzer ever found: each within the same limits
        shutil.copytree(ROOT / "tests" / "corpus" / kind, place / "in" / "found" / kind)
    before = helpers.tree(place / "in")
    environment = {**os.environ, "HOME": str(place / "home"), "TMPDIR": str(place / "tmp")}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(place / "in"), str(place / "archive")],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout)
    told |= {"place": place, "before": before, "stderr": done.stderr}
    return told


def _of(run: dict[str, Any], one: str) -> list[dict[str, Any]]:
    start = str(run["place"] / "in" / one) + os.sep
    return [o for o in run["outcomes"] if o["path"].startswith(start)]


@POSIX
@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_each_has_the_one_outcome_that_it_may_have(one: Hostile, run: dict[str, Any]) -> None:
    found = _of(run, one.name)
    if one.lines:
        above = str(run["place"] / "in" / one.name / f"it{one.suffix}")
        said = sorted((o["path"].removeprefix(above)[1:], o["outcome"], o["reason"]) for o in found)
        if one.lines[0][0] == "*":
            said = [("*", outcome, reason) for _, outcome, reason in said]
        assert said == sorted(one.lines)
        return
    if one.suffix == ".zip" and one.outcome == "added":
        assert {o["outcome"] for o in found} == {"added"}
        return
    (told,) = found
    assert (told["outcome"], told["reason"]) == (one.outcome, one.reason), told
    assert one.said in " | ".join((told["message"], *told["notes"])), told


@POSIX
def test_no_more_memory_is_held_than_promised_and_none_took_too_long(run: dict[str, Any]) -> None:
    assert run["peak"] << 10 <= 1 << 30
    assert not [o for o in run["outcomes"] if o["reason"] in ("timed-out", "internal-error")]


@POSIX
def test_whatever_is_said_is_of_the_closed_list_and_fit_to_be_printed(run: dict[str, Any]) -> None:
    for told in run["outcomes"]:
        assert told["outcome"] in ("added", "known", "skipped", "failed")
        assert told["reason"] is None or told["reason"] in REASONS
        assert (told["outcome"] in ("added", "known")) == (told["reason"] is None)
        for text in (told["path"], told["message"], *told["notes"]):
            assert text.isprintable(), text
            assert helpers.NAME.split("^")[0] not in text
    assert run["stderr"] == ""


@POSIX
def test_nothing_is_written_outside_and_nothing_is_left_half_done(run: dict[str, Any]) -> None:
    place = run["place"]
    assert run["before"] == helpers.tree(place / "in")
    assert sorted(p.name for p in place.iterdir()) == ["archive", "home", "in", "tmp"]
    assert not [p for n in ("home", "tmp") for p in (place / n).rglob("*") if p.is_file()]
    assert not list((place / "archive" / "tmp").iterdir())
    assert not list(Path("/tmp").glob("casearchive-was-here*"))
    assert run["faults"] == []


@POSIX
def test_the_sound_file_among_them_is_taken(run: dict[str, Any]) -> None:
    (told,) = _of(run, "zz-sound")
    assert told["outcome"] == "added"
    assert told["notes"] == []
