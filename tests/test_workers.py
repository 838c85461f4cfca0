"""Promises about workers that read strangers' files: whatever a decoder does there costs one file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import helpers
import pytest

from casearchive import Archive
from casearchive.ingest import crew
from casearchive.model import Outcome

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")

#: A worker as it is, but for what a decoder does with one file.
_WORKER = """
import ctypes, os, sys
from casearchive.ingest import crew
crew.WORK = 3
honest = crew.gather
def gather(task):
    if task.source is not None and task.source.name == "evil.dcm":
        {does}
    return honest(task)
crew.gather = gather
crew._main()
"""
_DOES = {
    "aborts": ("os.abort()", "damaged", "without a word"),
    "ends-the-program": ("os._exit(0)", "damaged", "without a word"),
    "leaves-python": ("sys.exit(0)", "damaged", "without a word"),
    "reads-nowhere": ("ctypes.string_at(0)", "damaged", "without a word"),
    "takes-all-memory": ("bytearray(3 << 30)", "damaged", "more memory"),
    "takes-memory-bit-by-bit": (
        "held = []\n        while True: held.append(bytearray(1 << 24))", "damaged", "more memory",
    ),
    "works-for-ever": ("\n        while True: pass", "timed-out", "more work than any sound file"),
    "calls-itself": ("\n        def f(): f()\n        f()", "damaged", "nested too deeply"),
    "raises-anything": ("raise LookupError('Quillfeather')", "internal-error", "LookupError"),
    "prints": ("os.write(1, b'x' * 100); os.write(2, b'y'); print('z', flush=True)", "", ""),
}  # fmt: skip


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    for seed, name in enumerate(("a.dcm", "evil.dcm", "z.dcm"), 1):
        helpers.dicom(tmp_path / "stick" / name, seed=seed)
    return tmp_path / "stick"


@pytest.mark.parametrize("name", _DOES)
def test_whatever_a_decoder_does_costs_one_file(
    name: str, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    does, reason, said = _DOES[name]

    def hire() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-c", _WORKER.format(does=does)],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
        )

    monkeypatch.setattr(crew, "_hire", hire)
    archive = Archive.create(tmp_path / "archive")
    found: list[Outcome] = []
    summary = archive.ingest([stick], workers=1, report=found.append)
    told = {Path(o.path).name: o for o in found}
    assert {n: o.outcome for n, o in told.items() if n != "evil.dcm"} == {"a.dcm": "added", "z.dcm": "added"}
    if not reason:
        assert told["evil.dcm"].outcome == "added"
    else:
        assert (told["evil.dcm"].outcome, told["evil.dcm"].reason) == ("failed", reason)
        assert said in told["evil.dcm"].message
        assert "Quillfeather" not in told["evil.dcm"].message
        assert (summary.added, summary.failed) == (2, 1)
    assert archive.verify(full=True).faults == ()
    assert archive.ingest([stick], workers=0).failed == 0, "nothing of it is in the way of another try"


def test_an_error_of_ours_in_reading_a_case_costs_that_case(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive.ingest import run as room

    helpers.case_folder(stick / "evil")
    helpers.case_folder(stick / "good", seed=60)
    honest = room.archived

    def archived(text: str, **more: object) -> object:
        if more["slug"] == "evil":
            raise LookupError("Quillfeather")
        return honest(text, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "archived", archived)
    archive = Archive.create(tmp_path / "archive")
    found: list[Outcome] = []
    archive.ingest([stick], workers=0, report=found.append)
    told = {Path(o.path).parent.name: o for o in found if o.kind == "case"}
    assert (told["evil"].outcome, told["evil"].reason) == ("failed", "internal-error")
    assert "Quillfeather" not in told["evil"].message
    assert told["good"].outcome == "added"
    assert archive.verify(full=True).faults == ()


@pytest.fixture
def bounds() -> Iterator[tuple[int, int]]:
    """Limits of memory (data) and core files of a real worker."""
    script = (
        "from casearchive.ingest import crew; import resource; crew._bounded(); "
        "print(*resource.getrlimit(resource.RLIMIT_DATA), *resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    data, _, core, _ = map(int, done.stdout.split())
    yield data, core


def test_a_worker_may_hold_a_gibibyte_and_leaves_no_picture_of_its_memory(bounds: tuple[int, int]) -> None:
    assert bounds == (1 << 30, 0)
