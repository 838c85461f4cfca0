"""Several processes at one archive: many read, one writes, the others wait and are told for whom."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import helpers
import pytest

from casearchive import Archive, index
from casearchive.errors import ArchiveBusy
from casearchive.ingest import run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Archive.create(tmp_path / "archive").path


def _begun(root: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "casearchive", "--archive", str(root), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_runs_that_take_the_same_and_more_end_with_the_union(root: Path, tmp_path: Path) -> None:
    for number in range(6):
        helpers.picture(tmp_path / "both" / f"{number}.png", seed=number)
        helpers.picture(tmp_path / "left" / f"{number}.png", seed=100 + number)
        helpers.dicom(tmp_path / "right" / f"{number}", seed=200 + number)
    runs = [
        _begun(root, "--json", "ingest", str(tmp_path / "both"), str(tmp_path / side), "--workers", "1")
        for side in ("left", "right")
    ]
    said = [one.communicate() for one in runs]
    assert [one.returncode for one in runs] == [0, 0], said
    told = [json.loads(out) for out, _ in said]
    assert sum(t["added"] for t in told) == 18, "what both brought is added by one"
    assert sum(t["known"] for t in told) == 6, "and known to the other"
    archive = Archive.open(root)
    assert len(archive.list()) == 18
    verdict = archive.verify(full=True)
    assert (verdict.faults, verdict.notices) == ((), ())


def test_two_changes_of_one_record_at_once_are_both_there(root: Path) -> None:
    Archive.open(root).new("calf")
    runs = [_begun(root, "edit", "calf", "--set", f"{field}={value}") for field, value in (
        ("difficulty", "primary"), ("patient.sex", "F"), ("title", "Calf of a dancer"),
    )]  # fmt: skip
    said = [one.communicate() for one in runs]
    assert [one.returncode for one in runs] == [0, 0, 0], said
    text = Archive.open(root).record_text("calf")
    assert all(words in text for words in ("primary", '"F"', "Calf of a dancer"))


def test_questions_are_answered_while_somebody_writes(root: Path, tmp_path: Path) -> None:
    helpers.picture(tmp_path / "in" / "photo.png")
    archive = Archive.open(root)
    archive.ingest([tmp_path / "in"], workers=0)
    with archive._rooms().writer():
        said = [
            one.communicate() + (one.returncode,)
            for one in (_begun(root, "search", ""), _begun(root, "list"), _begun(root, "verify"))
        ]
    assert [code for _, _, code in said] == [0, 0, 0], said
    assert "somebody writes to the archive at this moment" in said[2][1]


def test_a_writer_waits_for_who_reads_the_whole_index(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``verify`` reads a large index for longer than SQLite waits; an ingest beside it ended there."""
    path = root / "index.db"
    reader = sqlite3.connect(path, isolation_level=None)
    asked: list[str] = []

    class Writer(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            asked.append(sql)
            if asked.count("COMMIT") == 3:
                reader.execute("ROLLBACK")
            return super().execute(sql, *values)

    def write(version: int) -> None:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, factory=Writer)
        with contextlib.closing(connection), index.transaction(connection):
            connection.execute(f"PRAGMA application_id = {version}")

    def begin_to_read() -> int:
        reader.execute("BEGIN")
        return int(reader.execute("PRAGMA application_id").fetchone()[0])

    assert begin_to_read() != 7
    write(7)
    assert asked.count("COMMIT") == 3
    asked.clear()
    monkeypatch.setattr(index, "_COMMIT_ROUNDS", 2)
    assert begin_to_read() == 7
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write(8)
    assert asked.count("COMMIT") == 2
    reader.close()


def test_a_commit_that_somebody_interrupts_is_followed_by_no_other(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines stand in the ledger: rows of later ones would hide that the index never heard them."""
    for number in range(9):
        helpers.picture(tmp_path / "in" / f"{number}.png", seed=number)
    archive, real, asked = Archive.open(root), index._commit, []

    def commit(connection: sqlite3.Connection) -> None:
        asked.append(connection)
        if len(asked) == 3:
            raise KeyboardInterrupt
        real(connection)

    monkeypatch.setattr(index, "_commit", commit)
    monkeypatch.setattr(run, "_BATCH", 2)
    with pytest.raises(KeyboardInterrupt):
        archive.ingest([tmp_path / "in"], workers=1)
    assert len(asked) == 3
    again = archive.ingest([tmp_path / "in"], workers=0)
    assert again.added + again.known == 9
    verdict = archive.verify(full=True)
    assert (verdict.faults, verdict.objects) == ((), 9)


def test_who_waits_is_told_for_whom_and_since_when(root: Path) -> None:
    with Archive.open(root)._rooms().writer():
        heard: list[str] = []
        with pytest.raises(ArchiveBusy), Archive.open(root)._rooms().writer(heard.append, wait=0.0):
            pass
    assert heard[0].startswith(f"Waiting: the archive is being written to by process {os.getpid()} on ")
    assert " since " in heard[0]


def test_the_lock_of_a_writer_that_was_killed_holds_nobody_up(root: Path) -> None:
    script = (
        "import os, sys\nfrom casearchive import Archive\n"
        "with Archive.open(sys.argv[1])._rooms().writer(): os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(root)], check=False).returncode == 9
    assert (root / "writer.lock").exists()
    assert (root / "writer.txt").exists()
    heard: list[str] = []
    Archive.open(root, heard.append).new("calf")
    assert heard == [], "it had begun nothing, so there is nothing to be told"
    assert not (root / "writer.txt").exists()
