"""A run that is cut off: nothing that it reported is missing, nothing is half there, and the next writer puts it right.

What kills before every single system call is ``scripts/crash_test.py``; here are the few instants that matter, and why.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import archives
import helpers
import pytest

from casearchive import Archive, founding, index, removing
from casearchive.errors import CaseArchiveError, Damaged
from casearchive.index import write
from casearchive.ledger import Ledger

Killed = KeyboardInterrupt


def _die(*_: object, **__: object) -> None:
    raise Killed


def _die_after_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Ledger.append

    def append(ledger: Ledger, lines: Any) -> None:
        real(ledger, lines)
        _die()

    monkeypatch.setattr(Ledger, "append", append)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archives.made(tmp_path_factory.mktemp("master"))


@pytest.fixture
def root(master: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(master, tmp_path / "archive"))


def _clean(archive: Archive) -> None:
    verdict = archive.verify(full=True)
    assert (verdict.faults, verdict.notices) == ((), ())


def _cut_off(work: Callable[[], object]) -> None:
    with pytest.raises(Killed):
        work()


CHANGES: dict[str, Callable[[Archive], object]] = {
    "a value of a record": lambda a: a.edit("tear", {"title": "Another title"}),
    "a finding": lambda a: a.annotate("tear", ["joint effusion of the left knee"], as_written=True),
    "a new case": lambda a: a.new("another"),
    "a new set": lambda a: a.set_create("other", cases=["tear"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_cut_off_before_the_ledger_has_a_line_nothing_was_changed(
    root: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(root)
    before = list(archive.dump())
    monkeypatch.setattr(Ledger, "append", _die)
    _cut_off(lambda: CHANGES[change](archive))
    monkeypatch.undo()
    assert archive.verify().faults == ()
    archive.reindex(workers=0)
    assert list(archive.dump()) == before
    _clean(archive)


@pytest.mark.parametrize("change", CHANGES)
def test_cut_off_after_the_ledger_has_its_line_it_is_done_by_the_next_writer(
    root: Path, change: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = Archive.open(root)
    _die_after_the_line(monkeypatch)
    _cut_off(lambda: CHANGES[change](archive))
    monkeypatch.undo()
    verdict = archive.verify()
    assert verdict.faults == ()
    assert {n.code for n in verdict.notices} == {"unfinished"}
    said: list[str] = []
    Archive.open(root, said.append).ingest([tmp_path / "archive" / "archive.toml"], workers=0)
    assert any("settled" in line for line in said)
    _clean(archive)
    after = list(archive.dump())
    archive.reindex(workers=0)
    assert list(archive.dump()) == after, "the index says all that the truth says"


def test_files_whose_rows_were_not_written_come_into_the_index(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(root)
    helpers.picture(tmp_path / "new.png", seed=9)
    monkeypatch.setattr(write, "add_instances", _die)
    _cut_off(lambda: archive.ingest([tmp_path / "new.png"], workers=0))
    monkeypatch.undo()
    assert archive.verify().faults == ()
    summary = archive.ingest([tmp_path / "new.png"], workers=0)
    assert (summary.added, summary.known) == (0, 1)
    assert [h.name for h in archive.list()].count("new.png") == 1
    _clean(archive)


def test_an_original_that_no_line_tells_of_is_taken_when_the_run_is_repeated(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(root)
    helpers.picture(tmp_path / "new.png", seed=9)
    monkeypatch.setattr(Ledger, "append", _die)
    _cut_off(lambda: archive.ingest([tmp_path / "new.png"], workers=0))
    monkeypatch.undo()
    verdict = archive.verify()
    assert (verdict.faults, [n.code for n in verdict.notices]) == ((), ["unfinished", "not-taken"])
    assert archive.ingest([tmp_path / "new.png"], workers=0).added == 1
    _clean(archive)


def test_a_torn_end_of_the_ledger_is_put_aside_and_what_it_told_is_taken_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(root)
    for seed in range(3):
        helpers.picture(tmp_path / "new" / f"{seed}.png", seed=seed + 10)
    monkeypatch.setattr(write, "add_instances", _die)
    _cut_off(lambda: archive.ingest([tmp_path / "new"], workers=0))
    monkeypatch.undo()
    ledger = root / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    torn = lines[-3][:20] + bytes(len(lines[-3]) - 20)  # a block that never reached the disk
    ledger.write_bytes(b"".join([*lines[:-3], torn, *lines[-2:]]))
    assert archive.verify().faults == ()
    assert archive.ingest([tmp_path / "new"], workers=0).failed == 0
    assert len(list((root / "quarantine").iterdir())) == 1
    assert sum(h.name in ("0.png", "1.png", "2.png") for h in archive.list()) == 3
    _clean(archive)


def test_a_damaged_line_that_the_index_heard_of_is_never_cut_off(root: Path) -> None:
    ledger = root / "ledger.jsonl"
    content = ledger.read_bytes()
    ledger.write_bytes(content.replace(b'"ingested"', b'"invented"', 1))
    (root / "writer.txt").write_text("process 1 on nowhere")
    archive = Archive.open(root)
    assert {f.code for f in archive.verify().faults} >= {"ledger-damaged"}
    with pytest.raises(Damaged):
        archive.edit("tear", {"title": "Another title"})
    assert len(ledger.read_bytes()) == len(content)


def test_an_error_on_the_way_is_settled_like_a_crash(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive.open(root)

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(write, "put_case", full)
    with pytest.raises(CaseArchiveError, match="full"):
        archive.edit("tear", {"title": "Another title"})
    monkeypatch.undo()
    assert archive.verify().faults == ()
    archive.set_create("other", cases=["tear"])
    assert "Another title" in archive.record_text("tear")
    _clean(archive)


@pytest.mark.parametrize("step", ["_rows", "_traces", "_bytes"])
def test_a_removal_is_finished_whatever_it_was_cut_off_in(
    root: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(root)
    files = archive.plan_removal("tear", media=True).files
    monkeypatch.setattr(removing, step, _die)
    _cut_off(lambda: archive.remove(archive.plan_removal("tear", media=True)))
    monkeypatch.undo()
    assert archive.verify().faults == ()
    archive.new("another")
    assert not (root / "cases" / "tear.toml").exists()
    assert not [f for f in files if archives.object_of(root, f).exists()]
    _clean(archive)


def test_a_record_that_somebody_put_in_the_place_of_a_removed_one_stays(root: Path) -> None:
    archive = Archive.open(root)
    text = archive.record_text("tear")
    archive.remove(archive.plan_removal("tear"))
    (root / "cases" / "tear.toml").write_text(f"{text}# mine\n", "utf-8")
    (root / "writer.txt").write_text("process 1 on nowhere")
    archive.new("another")
    assert "# mine" in (root / "cases" / "tear.toml").read_text()


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_an_archive_that_was_only_begun_is_made_by_calling_init_again(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal steps
            steps += 1
            return _die() if steps == step else real(*args, **kwargs)

        return call

    for where, name in ((founding, "write_durably"), (Ledger, "append"), (index, "writing")):
        monkeypatch.setattr(where, name, counted(getattr(where, name)))
    _cut_off(lambda: Archive.create(tmp_path / "new"))
    monkeypatch.undo()
    with pytest.raises(CaseArchiveError):
        Archive.open(tmp_path / "new")
    _clean(Archive.create(tmp_path / "new"))


def test_init_throws_away_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret.key").write_text("my own")
    with pytest.raises(CaseArchiveError, match="not empty"):
        Archive.create(tmp_path / "mine")
    assert (tmp_path / "mine" / "secret.key").read_text() == "my own"


def test_a_search_after_a_kill_in_the_middle_of_a_transaction_reads_what_stood_before_it(root: Path) -> None:
    archive = Archive.open(root)
    before = list(archive.dump())
    kill = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 2')\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "c.execute('UPDATE instances SET name = name || hex(randomblob(9000))')\n"
        "c.execute('UPDATE events SET who = hex(randomblob(9000))')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", kill, str(root / "index.db")], check=False)
    assert (root / "index.db-journal").exists()
    assert archive.search("").total
    assert list(archive.dump()) == before
    _clean(archive)


def test_a_change_of_a_set_that_was_cut_off_is_not_made_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(root)
    _die_after_the_line(monkeypatch)
    _cut_off(lambda: archive.set_edit("thigh", title="The painful thigh"))
    monkeypatch.undo()
    assert archive.set_edit("thigh", title="The painful thigh").title == "The painful thigh"
    assert [e.event for e in archive.log("thigh")].count("set-changed") == 1
    _clean(archive)


def test_who_was_killed_while_it_wrote_down_who_it_is_leaves_nothing(root: Path) -> None:
    (root / ".writer.txt.0123456789ab.tmp").write_text("process 1")
    archive = Archive.open(root)
    archive.new("another")
    _clean(archive)


def test_a_refusal_is_no_failure_and_nothing_is_said_of_it_later(root: Path) -> None:
    heard: list[str] = []
    archive = Archive.open(root, heard.append)
    for refused in (
        lambda: archive.edit("tear", {"status": "nonsense"}),
        lambda: archive.annotate("tear", ["gibberish of the left florb"]),
        lambda: archive.set_create("thigh", cases=["tear"]),
    ):
        with pytest.raises(CaseArchiveError):
            refused()
    assert not (root / "writer.txt").exists()
    archive.new("another")
    assert heard == []
