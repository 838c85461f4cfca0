"""Disks that are full, closed or open to others: a clear line, a consistent archive, nothing that was reported lost."""

from __future__ import annotations

import errno
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import archives
import helpers
import pytest

from casearchive import Archive, disk
from casearchive.errors import CaseArchiveError, NoRoom
from casearchive.ingest.gather import Gathered
from casearchive.ledger import Ledger
from casearchive.model import Outcome
from casearchive.stores.folder import FolderStore

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions of this kind are POSIX's")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    for number in range(4):
        helpers.picture(tmp_path / "stick" / f"{number}.png", seed=number)
    return tmp_path / "stick"


def test_a_full_disk_ends_the_run_with_one_line_and_what_was_taken_stays(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.create(tmp_path / "archive")
    real, taken = FolderStore.take, 0

    def take(store: FolderStore, source: Path) -> object:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(store, source)

    monkeypatch.setattr(FolderStore, "take", take)
    told: list[Outcome] = []
    with pytest.raises(NoRoom, match="the disk is full") as refusal:
        archive.ingest([stick], workers=0, report=told.append)
    assert refusal.value.exit_code == 1
    assert "run the same again" in refusal.value.hint
    assert [o.outcome for o in told] == ["added", "added"]
    monkeypatch.undo()
    assert archive.verify(full=True).faults == ()
    summary = archive.ingest([stick], workers=0)
    assert (summary.added, summary.known, summary.failed) == (2, 2, 0)


def test_a_file_for_which_there_is_no_room_is_not_begun(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    Archive.create(tmp_path / "archive")
    archive = Archive.open(tmp_path / "archive", said.append)
    told: list[Outcome] = []
    monkeypatch.setattr(disk, "free", lambda _: disk.SPARE + (0 if len(told) == 2 else 1 << 20))
    monkeypatch.setattr("casearchive.ingest.run._BATCH", 1)
    with pytest.raises(NoRoom, match="there is no room: 8 MB are needed"):
        archive.ingest([stick], workers=0, report=told.append)
    assert [o.outcome for o in told] == ["added", "added"], "what was begun is finished and told"
    assert said == []
    monkeypatch.undo()
    assert archive.verify(full=True).faults == ()


def test_room_is_asked_for_files_that_link_must_copy_since_they_are_of_another_owner(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.create(tmp_path / "archive")
    monkeypatch.setattr(os, "geteuid", lambda: 4711, raising=False)
    monkeypatch.setattr(disk, "free", lambda _: disk.SPARE)
    with pytest.raises(NoRoom, match="there is no room"):
        archive.ingest([stick], workers=0, link=True)
    assert not any((archive.path / "objects").rglob("*"))


def test_a_run_that_may_not_fit_is_told_before_it_begins(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    Archive.create(tmp_path / "archive")
    (stick / "long.mov").write_bytes(bytes(2 << 20))
    monkeypatch.setattr(disk, "free", lambda _: disk.SPARE + (1 << 20))
    with pytest.raises(NoRoom):
        Archive.open(tmp_path / "archive", said.append).ingest([stick], workers=0)
    assert said[0].startswith("There are 2 MB to look through and room for 1 MB")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_ledger_that_cannot_be_written_changes_nothing(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(archives.made(tmp_path))
    before = helpers.tree(archive.path)

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Ledger, "_add", fail)
    with pytest.raises(OSError, match=os.strerror(code)):
        archive.edit("tear", {"title": "Another title"})
    monkeypatch.undo()
    after = helpers.tree(archive.path)
    assert {name for name in after if after[name] != before.get(name)} <= {".", "cases", "writer.txt"}
    assert archive.verify().faults == ()


@POSIX
def test_everything_is_private_whatever_the_umask_says(stick: Path, tmp_path: Path) -> None:
    def run(*words: str) -> None:
        code = f"import os, sys; os.umask(0); sys.argv = {['casearchive', *words]!r}\n"
        code += "from casearchive.cli import main\nmain()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 3), done.stderr

    root, out = str(tmp_path / "archive"), str(tmp_path / "out")
    helpers.case_folder(stick / "tear")
    run("init", root)
    run("--archive", root, "ingest", str(stick), "--report", str(tmp_path / "report.jsonl"))
    run("--archive", root, "set", "create", "thigh", "tear")
    run("--archive", root, "review", "approve", "tear:M1", "--whole", "--because", "noise")
    run("--archive", root, "export", "thigh", "--as", "csv", "--to", out)
    run("--archive", root, "backup", str(tmp_path / "backup"))
    for top in ("archive", "out", "backup", "report.jsonl"):
        for path in (tmp_path / top, *(tmp_path / top).rglob("*")):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


@POSIX
def test_an_archive_that_others_may_read_is_told(stick: Path, tmp_path: Path) -> None:
    said: list[str] = []
    Archive.create(tmp_path / "archive")
    archive = Archive.open(tmp_path / "archive", said.append)
    archive.ingest([stick], workers=0)
    assert said == []
    archive.path.chmod(0o755)
    archive.ingest([stick], workers=0)
    assert said[0].startswith("Others on this computer may look into the archive")
    assert "not-private" in {n.code for n in archive.verify().notices}


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="permissions do not hold for root")
def test_an_archive_that_cannot_be_written_to_is_read_and_says_so(tmp_path: Path) -> None:
    archive = Archive.open(archives.made(tmp_path))
    (archive.path / "writer.lock").unlink(missing_ok=True)
    archive.path.chmod(0o500)
    try:
        assert archive.search("").total
        assert archive.verify().faults == ()
        with pytest.raises(CaseArchiveError, match="cannot be written to here"):
            archive.edit("tear", {"title": "Another title"})
    finally:
        archive.path.chmod(0o700)


def test_a_disk_that_is_full_of_pictures_ends_a_reindex_and_the_old_index_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(archives.made(tmp_path))
    before = list(archive.dump())

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("casearchive.ingest.gather.write_lightly", full)
    with pytest.raises(NoRoom):
        archive.reindex(workers=0)
    monkeypatch.undo()
    assert list(archive.dump()) == before


def test_what_the_disk_refused_a_worker_comes_whole_to_whoever_waits() -> None:
    refused = Gathered("", 0, disk=OSError(errno.ENOSPC, "No space left on device", "tmp/x"))
    told = pickle.loads(pickle.dumps(refused)).disk
    assert (told.errno, told.strerror, told.filename) == (errno.ENOSPC, "No space left on device", "tmp/x")
