"""Every form that an archive ever had opens and is brought up to date, with a copy kept; a newer one is left alone."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import archives
import filelock
import helpers
import pytest
from click.testing import CliRunner, Result

from casearchive import Archive, index, release, settings
from casearchive.cli import cli
from casearchive.errors import Damaged
from casearchive.index import migrations, older
from casearchive.index.migrations import LATEST
from casearchive.model import Identifier
from casearchive.terms.clinic import extended

GOLDEN = Path(__file__).parent / "golden"
OLDER = range(1, LATEST)
COPY = f"index.before-{LATEST}.db"
REMOVED = b"Ptarmigan"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def _unpacked(form: int, folder: Path) -> Path:
    with zipfile.ZipFile(GOLDEN / f"index-{form}.zip") as packed:
        for name in packed.namelist():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(packed.read(name))
            path.chmod(0o600)
    root = folder / "archive"
    for name in ("cache", "tmp"):  # which were left out
        (root / name).mkdir()
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    name, table = _terms((root / "terms.toml").read_bytes())
    (root / "cache" / name).write_bytes(table)
    return root


@cache
def _terms(content: bytes) -> tuple[str, bytes]:
    """The clinic's terms as an archive keeps them in its cache: compiled once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "terms.toml").write_bytes(content)
        extended(Path(folder) / "terms.toml", Path(folder))
        (kept,) = Path(folder).glob("terms-*.json")
        return kept.name, kept.read_bytes()


@pytest.fixture(params=range(1, LATEST + 1), ids=lambda form: f"index-{form}")
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An archive of each form."""
    return _unpacked(request.param, tmp_path)


@pytest.fixture(params=OLDER, ids=lambda form: f"index-{form}")
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An archive of each form but today's."""
    return _unpacked(request.param, tmp_path)


def _said(root: Path, *words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["--archive", str(root), *words])
    assert done.exit_code == code, done.output
    return done


def _truth(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in archives.truth_of(root) if p.is_file()}


def _files(root: Path) -> dict[str, bytes]:
    """All files but the lock, which every writer makes, and what can be made again."""
    found = {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}
    return {n: p.read_bytes() for n, p in found.items() if n != "writer.lock" and not n.startswith("cache/")}


def _written_by_people(archive: Archive) -> set[str]:
    """The lines of a dump that come from records and sets alone, whatever a program reads in files and words."""
    found = set()
    for line in archive.dump():
        name, *facts = json.loads(line)
        said = dict(facts)
        said.pop("completeness", None)
        if name in ("cases", "media", "evidence", "grades", "relations", "measurements", "priors", "terms", "sets") or (
            name == "findings" and said["origin"] == "record"
        ):  # fmt: skip
            found.add(json.dumps([name, said]))
    return found


# ------------------------------------------------------------------------------------------------ the golden archives


def test_there_is_a_golden_archive_of_every_form() -> None:
    """Whoever makes a new form adds one of it: CONTRIBUTING.md says how."""
    assert {p.name for p in GOLDEN.glob("*.zip")} == {f"index-{n}.zip" for n in range(1, LATEST + 1)}
    formats = set()
    for form in range(1, LATEST + 1):
        file = GOLDEN / f"index-{form}.zip"
        assert file.stat().st_size < 150_000
        assert f"`{file.name}`" in (GOLDEN / "README.md").read_text("utf-8")
        with zipfile.ZipFile(file) as packed:
            header = packed.read("archive/index.db")[:100]
            formats.add(tomllib.loads(packed.read("archive/archive.toml").decode())["format"])
        assert int.from_bytes(header[60:64], "big") == form
    assert formats == set(range(1, settings.FORMAT + 1))


def test_every_form_ever_opens_answers_and_is_sound(golden: Path) -> None:
    archive = Archive.open(golden)
    assert "tear" in [hit.case for hit in archive.search("rectus femoris tear").hits]
    assert [hit.case for hit in archive.search("haematoma").hits if hit.case] == []
    assert [hit.case for hit in archive.search("no haematoma").hits] == ["tear"]
    assert [hit.case for hit in archive.search("Glorp sign").hits] == ["tear"]
    assert [hit.case for hit in archive.search("gap > 5 mm").hits] == ["tear"]
    assert archive.set("thigh").cases == ("tear", "nerve")
    assert archive.set("torn").cases == ("tear",)
    view: Any = archive.show("tear")
    assert view.case.quiz[0].answer == 2
    assert view.clips[0][1].detail.held.sha256 == view.case.media[0].sha256
    assert "exported" in [event.event for event in archive.log("tear")]
    for full in (False, True):
        assert archive.verify(full=full).faults == ()


def test_a_file_that_was_removed_is_in_no_byte_of_the_archive_that_was_kept(tmp_path: Path) -> None:
    assert REMOVED not in archives.bytes_of(_unpacked(LATEST, tmp_path))


# ------------------------------------------------------------------------------------------------ brought up to date


def test_whatever_is_asked_first_brings_it_up_to_date_says_so_once_and_keeps_a_private_copy(
    old: Path,
) -> None:
    before, truth = (old / "index.db").read_bytes(), _truth(old)
    form = index.form_of(old / "index.db")
    first = _said(old, "search", "tear")
    assert re.search(rf"older form \({form}\) and is up to date now; {COPY} is a copy", first.stderr)
    assert len([line for line in first.stderr.splitlines() if "older form" in line]) == 1
    assert "older form" not in first.stdout
    assert index.form_of(old / "index.db") == LATEST
    kept = old / COPY
    if os.name == "posix":
        assert kept.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(kept) as copy, sqlite3.connect(":memory:") as original:
        original.deserialize(before)
        assert copy.execute("PRAGMA user_version").fetchone()[0] == form
        assert list(copy.iterdump()) == list(original.iterdump())
    after = (old / "index.db").read_bytes()
    assert "older form" not in _said(old, "search", "tear").stderr, "a second opening does nothing"
    assert (old / "index.db").read_bytes() == after
    assert _truth(old) == truth, "originals, records, sets, ledger and key are not touched"
    assert not [p for p in old.iterdir() if p.name.endswith((".tmp", "-journal", ".new"))]


@pytest.mark.parametrize(
    "words",
    [["list"], ["show", "tear"], ["stats"], ["log"], ["similar", "tear"], ["set", "list"], ["lint"],
     ["vocabulary", "tear"], ["verify"], ["verify", "--full"], ["edit", "tear", "--set", "difficulty=advanced"],
     ["annotate", "nerve", "left sciatic nerve thickened", "--yes"], ["set", "create", "more", "tear"],
     ["remove", "nerve", "--yes"]],
    ids=" ".join,
)  # fmt: skip
def test_every_verb_does_its_work_on_an_archive_of_the_oldest_form(words: list[str], tmp_path: Path) -> None:
    root = _unpacked(1, tmp_path)
    done = _said(root, *words)
    assert done.stderr.count("older form (1)") == 1
    assert index.form_of(root / "index.db") == LATEST
    assert Archive.open(root).verify(full=True).faults == ()


def test_what_people_wrote_is_in_it_as_if_the_index_had_been_made_anew(golden: Path) -> None:
    archive = Archive.open(golden)
    before = _written_by_people(archive)
    assert len(before) > 15
    archive.reindex(workers=0)
    assert _written_by_people(archive) == before


def test_what_only_reading_the_originals_again_can_tell_is_said_and_reindex_finds_it(tmp_path: Path) -> None:
    root = _unpacked(1, tmp_path)
    assert (
        "reindex does that, and finds what 1 structured report among them says" in _said(root, "stats").stderr
    )
    archive = Archive.open(root)
    assert "index-upgraded" in [notice.code for notice in archive.verify().notices]
    assert archive.search("supraspinatus tear").total == 0
    archive.reindex(workers=0)
    assert archive.search("supraspinatus tear").total == 1
    assert "index-upgraded" not in [notice.code for notice in archive.verify().notices]


def test_what_an_old_index_does_not_know_of_identities_is_looked_for_in_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first form kept no descriptions among what must never leave; the originals tell."""
    archive = Archive.open(_unpacked(1, tmp_path))
    looked: set[Identifier] = set()
    scan = release._scan

    def noting(building: Path, identifiers: frozenset[Identifier], *more: Any) -> None:
        looked.update(identifiers)
        scan(building, identifiers, *more)

    monkeypatch.setattr(release, "_scan", noting)
    archive.export(["thigh"], formats=["folder"], to=tmp_path / "out")
    assert Identifier("StudyDescription", "Thigh") in looked


def test_two_programs_at_once_bring_it_up_to_date_once(old: Path) -> None:
    words = [sys.executable, "-m", "casearchive", "--archive", str(old), "search", "tear"]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("older form" in stderr for _, stderr in told) == 1
    assert all("Partial tear" in stdout for stdout, _ in told)
    assert Archive.open(old).verify(full=True).faults == ()


# ------------------------------------------------------------------------------------------------ that cannot be done


def _broken_step(patch: pytest.MonkeyPatch, _root: Path) -> None:
    patch.setattr(migrations, "_SEALS", migrations._SEALS + "CREATE TABLE seals (again TEXT);\n")


def _broken_seal(patch: pytest.MonkeyPatch, _root: Path) -> None:
    everything = older.seals.everything

    def half(connection: sqlite3.Connection) -> None:
        everything(connection)
        raise sqlite3.DatabaseError("a page cannot be read")

    patch.setattr(older.seals, "everything", half)


def _other_tables(_patch: pytest.MonkeyPatch, root: Path) -> None:
    with sqlite3.connect(root / "index.db") as connection:
        connection.execute("CREATE TABLE mine (x TEXT)")
    connection.close()


@pytest.mark.parametrize("harm", [_broken_step, _broken_seal, _other_tables], ids=lambda f: f.__name__[1:])
def test_where_a_step_fails_the_old_index_is_as_it_was_and_reindex_is_named(
    harm: Callable[[pytest.MonkeyPatch, Path], None], old: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        harm(patch, old)
        before = (old / "index.db").read_bytes()
        told = _said(old, "search", "tear", code=30)
        assert "of an older form and cannot be brought up to date" in told.stderr
        assert "it is as it was" in told.stderr
        assert "casearchive reindex" in told.stderr
        assert (old / "index.db").read_bytes() == before
        (fault,) = Archive.open(old).verify().faults
        assert fault.code == "index-unreadable"
    _said(old, "reindex", "--workers", "0")
    assert Archive.open(old).search("tear").total


def _full_index(patch: pytest.MonkeyPatch) -> None:
    """SQLite itself finds that there is no room for another page."""
    prepare = index._prepare

    def tight(connection: sqlite3.Connection) -> None:
        prepare(connection)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    patch.setattr(index, "_prepare", tight)


def _raising(error: OSError) -> Callable[..., None]:
    def fail(*_args: object, **_more: object) -> None:
        raise error

    return fail


def _full_copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(older, "keep_copy", _raising(OSError(errno.ENOSPC, "No space left on device")))


def _read_only_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(filelock.FileLock, "acquire", _raising(OSError(errno.EROFS, "Read-only file system")))


def _no_permission(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(filelock.FileLock, "acquire", _raising(PermissionError(errno.EACCES, "Permission denied")))


_PLACES = [_full_index, _full_copy, _read_only_disk, _no_permission]


@pytest.mark.parametrize("place", _PLACES, ids=lambda f: f.__name__[1:])
def test_where_it_cannot_be_written_everything_can_be_read_all_the_same_and_why_is_said(
    place: Callable[[pytest.MonkeyPatch], None], old: Path
) -> None:
    before = _files(old)
    with pytest.MonkeyPatch.context() as patch:
        place(patch)
        for words in (["search", "tear"], ["show", "tear"], ["list"], ["stats"]):
            told = _said(old, *words)
            assert told.stderr.count("stays as it is (") == 1
            assert "as soon as it can be written to" in told.stderr
        assert Archive.open(old).search("rectus femoris tear").hits[0].case == "tear"
        assert Archive.open(old).verify(full=True).faults == ()
        edited = CliRunner().invoke(
            cli, ["--archive", str(old), "edit", "tear", "--set", "difficulty=advanced"]
        )
        assert edited.exit_code in (1, 11)
    left = {n: c for n, c in _files(old).items() if n not in (COPY, "writer.txt")}
    assert left == before
    assert "is up to date now" in _said(old, "search", "tear").stderr, "once there is room"


@POSIX
def test_killed_before_any_statement_it_is_the_old_index_or_the_new(tmp_path: Path) -> None:
    root, statement, code = _unpacked(1, tmp_path), 0, 9
    path = root / "index.db"
    before = path.read_bytes()
    while code == 9:
        statement += 1 if statement < 30 else 60
        path.write_bytes(before)
        code = _killed_at(path, statement)
        with contextlib.closing(
            sqlite3.connect(path)
        ) as connection:  # what was half done is rolled back by this
            form = connection.execute("PRAGMA user_version").fetchone()[0]
        assert form == (1 if code else LATEST), "nothing of it is seen before it is whole"
        assert code == 0 or path.read_bytes() == before
    assert code == 0
    assert statement > 90
    assert Archive.open(root).verify(full=True).faults == ()


def test_the_first_bytes_of_a_change_that_was_cut_off_are_not_believed(old: Path, tmp_path: Path) -> None:
    """Killed while the last pages were written: they tell the new form, and the journal takes it back."""
    path, form = old / "index.db", index.form_of(old / "index.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")  # pages are written before the transaction ends
        writer.execute("PRAGMA cache_spill = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(f"PRAGMA user_version = {LATEST}")
        writer.execute("CREATE TABLE filler (x)")
        writer.executemany("INSERT INTO filler VALUES (zeroblob(?))", [(9000,)] * 40)
        for file in old.glob("index.db*"):
            shutil.copy(file, tmp_path)
        writer.execute("ROLLBACK")
    for file in tmp_path.glob("index.db*"):
        shutil.copy(file, old)
    content = path.read_bytes()
    path.write_bytes(content[:60] + LATEST.to_bytes(4, "big") + content[64:])
    assert (old / "index.db-journal").exists()
    assert f"of an older form ({form}) and is up to date now" in _said(old, "search", "tear").stderr
    assert Archive.open(old).verify(full=True).faults == ()


def _killed_at(path: Path, statement: int) -> int:
    """Bring the index up to date in a process that ends before this statement of its database; 0 where it has not so
    many."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = iter(range(statement - 1, -1, -1))

    def trace(_sql: str) -> None:
        if next(left, 0) == 0:
            os._exit(9)

    prepare = index._prepare

    def watched(connection: sqlite3.Connection) -> None:
        prepare(connection)
        connection.set_trace_callback(trace)

    index._prepare = watched
    try:
        with index.writing(path):
            os._exit(0)
    finally:
        os._exit(1)


# ------------------------------------------------------------------------------------------------ copies go


def test_what_is_removed_is_not_left_in_a_copy_of_the_old_index(old: Path) -> None:
    archive = Archive.open(old)
    sha256 = next(held.sha256 for held in archive.list() if REMOVED.decode() in held.name)
    assert REMOVED in (old / COPY).read_bytes()
    told = _said(old, "remove", sha256, "--yes")
    assert f"The copy {COPY} of the index from before an update goes whole." in told.stderr
    assert not (old / COPY).exists()
    assert "keep names of files" in told.stderr, "old lines of the ledger, which the index knows, too"
    assert {name for name, content in _files(old).items() if REMOVED in content} == {
        "index.db",
        "ledger.jsonl",
    }
    assert {json.loads(line)[0] for line in archive.dump() if REMOVED.decode() in line} == {"events"}
    assert archive.verify(full=True).faults == ()


def test_a_removal_that_is_cut_off_takes_the_copy_with_it_when_it_is_settled(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(old)
    sha256 = next(held.sha256 for held in archive.list() if REMOVED.decode() in held.name)
    with monkeypatch.context() as patch:
        patch.setattr("casearchive.removing._bytes", _raising(OSError(errno.EIO, "cut off")))
        with pytest.raises(OSError, match="cut off"):
            archive.remove(archive.plan_removal(sha256))
    assert (old / COPY).exists()
    archive.edit("nerve", {"difficulty": "advanced"})
    assert not (old / COPY).exists()


def test_a_new_index_needs_no_copy_of_the_old_one(old: Path) -> None:
    Archive.open(old).search("tear")
    told = _said(old, "reindex", "--workers", "0")
    assert f"Deleted, for it is not needed any more: {COPY}" in told.stderr
    assert not (old / COPY).exists()


# ------------------------------------------------------------------------------------------------ backups


def test_the_backup_of_an_old_archive_is_up_to_date_and_holds_no_copy(old: Path, tmp_path: Path) -> None:
    _said(old, "backup", str(tmp_path / "backup"))
    assert index.form_of(tmp_path / "backup" / "index.db") == LATEST
    assert not (tmp_path / "backup" / COPY).exists()
    assert Archive.open(tmp_path / "backup").verify(full=True).faults == ()


@pytest.mark.parametrize("place", _PLACES, ids=lambda f: f.__name__[1:])
def test_an_old_archive_that_cannot_be_written_can_be_backed_up(
    place: Callable[[pytest.MonkeyPatch], None], old: Path, tmp_path: Path
) -> None:
    lock = filelock.FileLock.acquire
    with pytest.MonkeyPatch.context() as patch:
        place(patch)
        failing = filelock.FileLock.acquire

        def acquire(self: filelock.FileLock, *args: Any, **more: Any) -> Any:
            return (failing if str(old) in self.lock_file else lock)(self, *args, **more)

        patch.setattr(filelock.FileLock, "acquire", acquire)
        Archive.open(old).backup(tmp_path / "backup")
    assert index.form_of(tmp_path / "backup" / "index.db") == LATEST
    assert Archive.open(tmp_path / "backup").verify(full=True).faults == ()


@pytest.fixture
def old_backup(old: Path, tmp_path: Path) -> Iterator[Path]:
    """A backup whose last run was that of an older casearchive."""
    backup = tmp_path / "backup"
    shutil.copytree(old, backup)
    archive_id = tomllib.loads((old / "archive.toml").read_text("utf-8"))["archive_id"]
    marker = {"archive_id": archive_id, "begun": "2026-01-01", "finished": "2026-01-01"}
    (backup / "backup.json").write_text(json.dumps(marker), "utf-8")
    yield backup


def test_an_old_backup_is_read_and_verified_and_not_written_to(old_backup: Path) -> None:
    before = helpers.tree(old_backup)
    told = _said(old_backup, "search", "rectus femoris tear")
    assert "Partial tear" in told.stdout
    assert "(this is a backup)" in told.stderr
    assert "the next casearchive backup does it" in told.stderr
    _said(old_backup, "verify")
    assert helpers.tree(old_backup) == before


def test_an_archive_is_made_of_an_old_backup(old_backup: Path, tmp_path: Path) -> None:
    Archive.restore(old_backup, tmp_path / "new", workers=0)
    archive = Archive.open(tmp_path / "new")
    assert archive.search("supraspinatus tear").total == 1, "its originals are read again"
    assert archive.verify(full=True).faults == ()


def test_the_next_backup_brings_an_old_one_up_to_date(old: Path, old_backup: Path) -> None:
    assert Archive.open(old).backup(old_backup).copied == 0
    assert index.form_of(old_backup / "index.db") == LATEST
    assert Archive.open(old_backup).verify(full=True).faults == ()


# ------------------------------------------------------------------------------------------------ newer ones


def _newer_format(root: Path) -> None:
    path = root / "archive.toml"
    path.write_text(path.read_text("utf-8").replace("format = 1", f"format = {settings.FORMAT + 1}"), "utf-8")


def _newer_index(root: Path) -> None:
    with sqlite3.connect(root / "index.db") as connection:
        connection.execute("CREATE TABLE of_tomorrow (x TEXT)")
        connection.execute(f"PRAGMA user_version = {LATEST + 1}")
    connection.close()


@pytest.mark.parametrize("newer", [_newer_format, _newer_index], ids=["format", "index"])
@pytest.mark.parametrize(
    "words",
    [["search", "tear"], ["list"], ["show", "tear"], ["stats"], ["log"], ["ingest", "."], ["new", "another"],
     ["edit", "tear", "--set", "difficulty=advanced"], ["annotate", "nerve", "left sciatic nerve thickened"],
     ["set", "create", "more", "tear"], ["remove", "nerve", "--yes"],
     ["export", "thigh", "--as", "folder", "--to", "o"], ["backup", "copy"], ["who", "1.2.3"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_newer_archive_is_refused_unharmed(
    newer: Callable[[Path], None], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _unpacked(LATEST, tmp_path / "here")
    newer(root)
    before = _files(root)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = _said(root, *words, code=12)
    assert "Update casearchive; the archive was left as it is." in told.stderr
    assert _files(root) == before
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_empty_or_foreign_index_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    root = _unpacked(LATEST, tmp_path)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE x (y TEXT)")
    other.close()
    for content in (b"", (tmp_path / "other.db").read_bytes()):
        (root / "index.db").write_bytes(content)
        with pytest.raises(Damaged, match="empty or foreign"):
            Archive.open(root).search("tear")
        assert (root / "index.db").read_bytes() == content
