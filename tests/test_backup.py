"""A backup is a second archive, whole or known not to be; what it holds comes back, and nothing is trusted unread."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import archives
import helpers
import pytest
from click.testing import CliRunner

from casearchive import Archive
from casearchive.cli import cli
from casearchive.errors import ArchiveBusy, CaseArchiveError, Damaged, UsageError


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "disk" / "backup"


def _sound(path: Path) -> bool:
    return Archive.open(path).verify(full=True, again=True).faults == ()


def test_a_backup_is_an_archive_that_says_the_same(root: Path, to: Path) -> None:
    archive = Archive.open(root)
    done = archive.backup(to)
    assert (done.objects, done.copied, done.records, done.damaged) == (5, 5, 2, ())
    copy = Archive.open(to)
    assert list(copy.dump()) == list(archive.dump())
    assert [h.case for h in copy.search("tear").hits] == ["tear"]
    assert copy.show("tear").case.title == archive.show("tear").case.title  # type: ignore[union-attr]
    assert _sound(to)
    assert (to / "secret.key").read_bytes() == (root / "secret.key").read_bytes()
    for path in to.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_nothing_is_written_into_a_backup(root: Path, to: Path, tmp_path: Path) -> None:
    Archive.open(root).backup(to)
    copy, before = Archive.open(to), helpers.tree(to)
    attempts: list[Callable[[], object]] = [
        lambda: copy.ingest([tmp_path], workers=0),
        lambda: copy.edit("tear", {"title": "x"}),
        lambda: copy.new("y"),
        lambda: copy.reindex(workers=0),
        lambda: copy.remove(copy.plan_removal("tear")),
        lambda: copy.set_create("z", cases=["tear"]),
    ]
    for attempt in attempts:
        with pytest.raises(CaseArchiveError, match="backup"):
            attempt()
    with pytest.raises(UsageError, match="backup itself"):
        copy.backup(tmp_path / "second")
    assert helpers.tree(to) == before


def test_the_second_time_only_what_is_new_is_copied(root: Path, to: Path, tmp_path: Path) -> None:
    archive = Archive.open(root)
    archive.backup(to)
    helpers.picture(tmp_path / "new.png", seed=9)
    archive.ingest([tmp_path / "new.png"], workers=0)
    archive.edit("tear", {"title": "Another title"})
    assert archive.backup(to).copied == 1
    assert list(Archive.open(to).dump()) == list(archive.dump())
    assert _sound(to)
    assert archive.backup(to).copied == 0


def test_what_decayed_in_the_backup_is_found_by_reading_it_and_copied_again(root: Path, to: Path) -> None:
    archive = Archive.open(root)
    archive.backup(to)
    bad = archives.object_of(to, archive.list()[0].sha256)
    archives.flipped(bad, 333)
    assert not _sound(to)
    assert archive.backup(to, quick=True).copied == 0, "quick trusts names and sizes, as it says"
    assert not _sound(to)
    assert archive.backup(to).copied == 1
    assert _sound(to)


def test_what_decayed_in_the_archive_does_not_spread_and_is_mended_from_the_backup(
    root: Path, to: Path
) -> None:
    archive = Archive.open(root)
    archive.backup(to)
    sha256 = archive.list()[0].sha256
    archives.object_of(root, sha256).unlink()
    archives.flipped(root / "cases" / "tear.toml", 50)
    archives.flipped(root / "terms.toml", 50)
    kept = (to / "cases" / "tear.toml").read_bytes(), (to / "terms.toml").read_bytes()
    done = archive.backup(to)
    assert set(done.damaged) >= {"cases/tear.toml", "terms.toml"}
    assert ((to / "cases" / "tear.toml").read_bytes(), (to / "terms.toml").read_bytes()) == kept
    assert archives.object_of(to, sha256).is_file()
    archive = Archive.open(root)
    assert archive.repair(archive.plan_repair(archive.verify(full=True), [to]), workers=0) == ()
    assert archive.verify(full=True).faults == ()


def test_a_damaged_original_is_never_copied(root: Path, to: Path) -> None:
    archive = Archive.open(root)
    sha256 = archive.list()[0].sha256
    archives.flipped(archives.object_of(root, sha256), 800)
    assert archive.backup(to).damaged == (sha256,)
    assert not archives.object_of(to, sha256).exists()


def test_an_interrupted_backup_goes_on(root: Path, to: Path) -> None:
    archive = Archive.open(root)

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.backup(to, tell=stop)
    assert json.loads((to / "backup.json").read_text())["finished"] == ""
    with pytest.raises(CaseArchiveError):
        Archive.open(to)
    assert archive.backup(to).copied == 2
    assert _sound(to)
    assert not list(to.rglob("*.tmp"))


def test_an_update_that_was_cut_off_is_told_by_verify(root: Path, to: Path) -> None:
    archive = Archive.open(root)
    archive.backup(to)

    def stop(done: int, _: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.backup(to, tell=stop)
    assert "backup-unfinished" in {n.code for n in Archive.open(to).verify().notices}
    archive.backup(to)
    assert Archive.open(to).verify().notices == ()


def test_while_somebody_takes_clips_in_the_backup_is_of_one_moment(
    root: Path, to: Path, tmp_path: Path
) -> None:
    archive = Archive.open(root)
    helpers.picture(tmp_path / "later.png", seed=11)
    before = list(archive.dump())
    went_on = []

    def meanwhile(done: int, _: int) -> None:
        if done == 2:
            other = Archive.open(root)
            went_on.append(other.ingest([tmp_path / "later.png"], workers=0).added)
            other.edit("tear", {"title": "Changed meanwhile"})

    archive.backup(to, tell=meanwhile)
    assert went_on == [1]
    assert list(Archive.open(to).dump()) == before
    assert _sound(to)
    assert archive.backup(to).copied == 1
    assert list(Archive.open(to).dump()) == list(archive.dump())


def test_a_backup_needs_no_lock(root: Path, to: Path) -> None:
    archive = Archive.open(root)
    with archive._rooms().writer():
        archive.backup(to)
    assert _sound(to)


def test_two_runs_do_not_write_one_backup(root: Path, to: Path) -> None:
    archive = Archive.open(root)

    def second(done: int, _: int) -> None:
        with pytest.raises(ArchiveBusy):
            Archive.open(root).backup(to)

    archive.backup(to, tell=second)
    assert _sound(to)


@pytest.mark.parametrize(
    "kind", ["itself", "inside", "around", "file", "other-files", "archive", "other-backup"]
)
def test_a_folder_that_is_none_for_this_backup_is_refused_and_left_as_it_is(
    root: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "target"
    if kind == "itself":
        target = root
    elif kind == "inside":
        target = root / "backup"
    elif kind == "around":
        target = tmp_path
    elif kind == "file":
        target.write_text("x")
    elif kind == "other-files":
        target.mkdir()
        (target / "letter.txt").write_text("dear")
    elif kind == "archive":
        Archive.create(target)
    else:
        Archive.create(tmp_path / "second").backup(target)
    before = helpers.tree(target) if target.is_dir() else {}
    with pytest.raises(UsageError) as refusal:
        Archive.open(root).backup(target)
    assert refusal.value.hint
    if kind not in ("itself", "around"):
        assert (helpers.tree(target) if target.is_dir() else {}) == before


def test_a_backup_that_knows_more_than_the_archive_is_not_written_over(
    root: Path, to: Path, tmp_path: Path
) -> None:
    shutil.copytree(root, tmp_path / "older")
    archive = Archive.open(root)
    archive.edit("tear", {"title": "Newer"})
    archive.backup(to)
    older = Archive.open(tmp_path / "older")
    older.edit("tear", {"title": "Somewhere else"})
    before = helpers.tree(to)
    with pytest.raises(UsageError, match="does not know"):
        older.backup(to)
    after = helpers.tree(to)
    assert {k: v[2] for k, v in after.items()} == {k: v[2] for k, v in before.items()}


def test_a_full_disk_is_told_before_anything_is_written(
    root: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))  # type: ignore[attr-defined]
    with pytest.raises(CaseArchiveError, match="there is no room"):
        Archive.open(root).backup(to)
    assert not to.exists()


def test_a_disk_that_fills_up_meanwhile_leaves_what_can_be_gone_on_with(
    root: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive import backup

    real, count = backup._copied, []

    def copied(source: Path, target: Path, sha256: str) -> bool:
        count.append(sha256)
        if len(count) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(source, target, sha256)

    monkeypatch.setattr(backup, "_copied", copied)
    with pytest.raises(OSError, match="No space"):
        Archive.open(root).backup(to)
    monkeypatch.undo()
    assert Archive.open(root).backup(to).copied == 3
    assert _sound(to)


def test_what_was_removed_from_the_archive_leaves_the_backup_too(root: Path, to: Path) -> None:
    archive = Archive.open(root)
    archive.backup(to)
    title = archive.record_text("tear").splitlines()[1].encode()
    archive.remove(archive.plan_removal("tear", media=True))
    assert archive.backup(to).removed == 2
    assert _sound(to)
    assert title not in archives.bytes_of(to)


def test_what_the_ledger_never_noted_is_not_taken_for_removed(root: Path, to: Path) -> None:
    # an archive from before the hashes of sets were noted
    archives.as_before_noting(root)
    archive = Archive.open(root)
    archive.backup(to)
    (root / "sets" / "thigh.toml").unlink()
    archive.backup(to)
    assert (to / "sets" / "thigh.toml").is_file(), "it is merely missing"


def test_without_its_key_an_archive_says_what_is_wrong(root: Path, to: Path) -> None:
    (root / "secret.key").unlink()
    with pytest.raises(Damaged, match="secret key"):
        Archive.open(root).backup(to)


def test_originals_are_durable_before_what_names_them_and_the_settings_come_last(
    root: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = os.replace

    def replaced(self: Path, target: Path) -> Path:
        if to in Path(target).parents:
            order.append(str(Path(target).relative_to(to)))
        real(self, target)
        return Path(target)

    monkeypatch.setattr(Path, "replace", replaced)
    Archive.open(root).backup(to)
    parts = [name.split("/")[0] for name in order if not name.startswith(("writer", "."))]
    kinds = list(dict.fromkeys(parts))
    assert kinds[0] == "backup.json" and parts[-1] == "backup.json"
    assert (
        kinds.index("objects")
        < kinds.index("cases")
        < kinds.index("ledger.jsonl")
        < kinds.index("archive.toml")
    )
    assert kinds.index("ledger.jsonl") < kinds.index("index.db") < kinds.index("archive.toml")


# ------------------------------------------------------------------------------------------------ restore


def test_what_was_backed_up_comes_back_whole(root: Path, to: Path, tmp_path: Path) -> None:
    archive = Archive.open(root)
    archive.backup(to)
    done = Archive.restore(to, tmp_path / "again", workers=0)
    assert (done.objects, done.records, done.damaged) == (5, 2, ())
    back = Archive.open(tmp_path / "again")
    told = [line for line in back.dump() if '"restored"' not in line]
    assert told == list(archive.dump())
    assert _sound(back.path)
    assert back.verify().notices == ()
    back.edit("tear", {"title": "It can be written to"})
    assert back.backup(to).copied == 0, "the backup goes on with the archive that was made of it"


def test_an_interrupted_restore_goes_on_and_is_no_archive_before_it_is_done(
    root: Path, to: Path, tmp_path: Path
) -> None:
    Archive.open(root).backup(to)

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    again = tmp_path / "again"
    with pytest.raises(KeyboardInterrupt):
        Archive.restore(to, again, workers=0, tell=stop)
    with pytest.raises(CaseArchiveError):
        Archive.open(again)
    Archive.restore(to, again, workers=0)
    assert _sound(again)


def test_what_was_done_since_a_restore_was_cut_off_is_not_written_over(
    root: Path, to: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive import backup

    Archive.open(root).backup(to)
    again = tmp_path / "again"

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backup, "reindex", stop)
        with pytest.raises(KeyboardInterrupt):
            Archive.restore(to, again, workers=0)
    archive = Archive.open(again)
    archive.reindex(workers=0)  # as every verb says
    archive.edit("tear", {"title": "Edited since"})
    lines = (again / "ledger.jsonl").read_bytes()
    Archive.restore(to, again, workers=0)
    assert archive.show("tear").case.title == "Edited since"  # type: ignore[union-attr]
    assert (again / "ledger.jsonl").read_bytes() == lines
    assert not (again / "restore.json").exists()
    assert _sound(again)


@pytest.mark.parametrize(
    ("what", "told"),
    [("objects", 5), ("cases", 2), ("sets/thigh.toml", 1), ("terms.toml", 1)],
)
def test_what_a_backup_lacks_is_told_when_it_is_restored(
    root: Path, to: Path, tmp_path: Path, what: str, told: int
) -> None:
    Archive.open(root).backup(to)
    if (to / what).is_dir():
        shutil.rmtree(to / what)
        (to / what).mkdir()
        (to / what / "xx").write_text("not a folder of ours")
    else:
        (to / what).unlink()
    ran = CliRunner().invoke(cli, ["restore", str(to), "--to", str(tmp_path / "again"), "--workers", "0"])
    assert ran.exit_code == 30
    assert ran.stdout.count("damaged or missing in the backup") == told
    assert ("0 originals" if what == "objects" else "5 originals") in ran.stderr


def test_a_record_that_is_no_file_any_more_costs_that_record(root: Path, to: Path, tmp_path: Path) -> None:
    Archive.open(root).backup(to)
    (to / "cases" / "tear.toml").unlink()
    (to / "cases" / "tear.toml").mkdir()
    assert Archive.restore(to, tmp_path / "again", workers=0).damaged == ("cases/tear.toml",)


def test_a_damaged_backup_gives_what_is_whole_and_names_the_rest(
    root: Path, to: Path, tmp_path: Path
) -> None:
    archive = Archive.open(root)
    archive.backup(to)
    sha256 = archive.list()[0].sha256
    archives.flipped(archives.object_of(to, sha256), 4)
    assert Archive.restore(to, tmp_path / "again", workers=0).damaged == (sha256,)
    assert {f.code for f in Archive.open(tmp_path / "again").verify().faults} <= {
        "object-missing",
        "media-missing",
    }
    archives.flipped(to / "ledger.jsonl", 800)
    with pytest.raises(Damaged):
        Archive.restore(to, tmp_path / "third", workers=0)


def test_nothing_is_restored_over_something(root: Path, to: Path, tmp_path: Path) -> None:
    Archive.open(root).backup(to)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    for target in (tmp_path / "full", root, to / "inside", tmp_path / "full" / "x"):
        with pytest.raises(UsageError):
            Archive.restore(to, target, workers=0)
    with pytest.raises(CaseArchiveError, match="no archive"):
        Archive.restore(tmp_path / "full", tmp_path / "again")


def test_the_words_of_the_command_line(root: Path, to: Path, tmp_path: Path) -> None:
    run = CliRunner()
    said = run.invoke(cli, ["--archive", str(root), "backup", str(to)], catch_exceptions=False)
    assert said.exit_code == 0
    assert "secret.key" in said.stderr and "private" in said.stderr
    told = run.invoke(cli, ["--archive", str(root), "--json", "backup", str(to), "-n"])
    assert json.loads(told.stdout)["copied"] == 0
    back = run.invoke(cli, ["restore", str(to), "--to", str(tmp_path / "again"), "--workers", "0", "--json"])
    assert back.exit_code == 0
    assert json.loads(back.stdout)["objects"] == 5


def test_a_backup_of_two_moments_is_restored_and_says_so(root: Path, to: Path, tmp_path: Path) -> None:
    Archive.open(root).backup(to)
    assert not Archive.restore(to, tmp_path / "one", workers=0).of_two_moments
    (to / "backup.json").write_text('{"finished": ""}', "utf-8")
    assert Archive.restore(to, tmp_path / "two", workers=0).of_two_moments


def test_a_restore_that_has_not_come_to_its_end_is_told(root: Path, to: Path, tmp_path: Path) -> None:
    Archive.open(root).backup(to)
    Archive.restore(to, tmp_path / "new", workers=0)
    (tmp_path / "new" / "restore.json").write_text("{}", "utf-8")
    assert [n.code for n in Archive.open(tmp_path / "new").verify().notices] == ["restore-unfinished"]


def test_a_first_run_that_was_cut_off_at_its_beginning_is_begun_again(root: Path, to: Path) -> None:
    to.mkdir(parents=True)
    left = (
        "writer.lock",
        *(f".{name}.0123456789ab.tmp" for name in ("index.db", "ledger.jsonl", "backup.json")),
    )
    for name in (*left, ".index.db.0123456789ab.tmp-journal"):
        (to / name).write_bytes(b"half")
    Archive.open(root).backup(to)
    (to / "objects" / "ab").mkdir(exist_ok=True)
    (to / "objects" / "ab" / ".abcd.0123456789ab.tmp").write_bytes(b"half")
    Archive.open(root).backup(to)
    assert _sound(to)
    assert not list(to.rglob(".*.tmp*"))
