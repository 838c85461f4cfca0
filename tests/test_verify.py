"""Verify finds every kind of damage and changes nothing; reindex makes what is derived again, equal."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import archives
import helpers
import pytest
from click.testing import CliRunner

from casearchive import Archive
from casearchive.cli import cli
from casearchive.ledger import GENESIS, _body, _hash
from casearchive.rooms import Rooms
from casearchive.settings import Layout


@pytest.fixture
def archive(root: Path) -> Archive:
    return Archive.open(root)


def tree(archive: Archive) -> dict[str, object]:
    """Without the one note that reading every byte leaves, and the time of the folder that it lies in."""
    return {k: v for k, v in helpers.tree(archive.path).items() if k not in ("cache", "cache/verify.jsonl")}


def codes(archive: Archive, *, full: bool = False) -> set[str]:
    before = tree(archive)
    verdict = archive.verify(full=full)
    assert tree(archive) == before, "verify changes nothing"
    for fault in verdict.faults:
        assert fault.where
        assert fault.meaning
        assert fault.remedy
    return {f.code for f in verdict.faults}


def test_an_original_in_the_folder_of_others_is_told(archive: Archive) -> None:
    sha256 = next(h.sha256 for h in archive.list())
    there = archives.object_of(archive.path, sha256)
    elsewhere = there.parent.parent / ("00" if sha256[:2] != "00" else "01")
    elsewhere.mkdir(exist_ok=True)
    shutil.copy(there, elsewhere / sha256)
    assert codes(archive) == {"object-misplaced"}
    there.unlink()
    assert {"object-misplaced", "object-missing"} <= codes(archive)


@pytest.mark.parametrize("work", ["verify", "backup"])
def test_a_long_ledger_is_not_held_in_memory(archive: Archive, tmp_path: Path, work: str) -> None:
    lines, words = 2000, "w" * 1000
    rooms = Rooms.of(Layout(archive.path))

    def peak() -> int:
        rooms.note(("decided", "nothing", {"because": words}) for _ in range(lines))
        tracemalloc.start()
        try:
            archive.verify() if work == "verify" else archive.backup(tmp_path / "backup")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak()  # what is loaded by the first run is not counted
    before = peak()
    assert peak() - before < lines * len(words) / 2


def test_sets_of_an_archive_from_before_they_were_noted_are_told_and_noted(
    archive: Archive, tmp_path: Path
) -> None:
    archives.as_before_noting(archive.path)
    told = {n.where for n in archive.verify().notices if n.code == "not-noted"}
    assert told == {"archive.toml", "terms.toml", "sets/thigh.toml"}
    archive.ingest([tmp_path / "archive" / "objects"], workers=0)  # whoever writes notes them
    assert "not-noted" not in {n.code for n in archive.verify().notices}
    (archive.path / "sets" / "thigh.toml").write_text(
        "# changed\n" + (archive.path / "sets" / "thigh.toml").read_text()
    )
    assert codes(archive) == {"set-changed"}


@pytest.mark.parametrize("verb", [["reindex"], ["ingest", "."], ["edit", "tear", "--set", "title=x"]])
def test_without_a_ledger_every_verb_that_writes_names_the_one_command(
    archive: Archive, verb: list[str]
) -> None:
    (archive.path / "ledger.jsonl").unlink()
    ran = CliRunner().invoke(cli, ["--archive", str(archive.path), *verb])
    assert ran.exit_code == 30
    assert "casearchive verify --repair" in ran.stderr
    assert not (archive.path / "ledger.jsonl").exists()


def test_reindex_names_records_that_are_gone(archive: Archive) -> None:
    (archive.path / "cases" / "tear.toml").unlink()
    assert archive.reindex(workers=0).problems == ("cases/tear.toml: it is gone",)


def an_object(archive: Archive) -> Path:
    held = next(h for h in archive.list() if h.case is None)
    path = archive.path / "objects" / held.sha256[:2] / held.sha256
    path.chmod(0o600)
    return path


def test_a_sound_archive_is_said_to_be_sound(archive: Archive) -> None:
    assert codes(archive) == codes(archive, full=True) == set()
    verdict = archive.verify()
    assert (verdict.objects, verdict.records) == (5, 2)


def test_the_index_can_be_thrown_away_and_comes_back_equal(archive: Archive) -> None:
    before = list(archive.dump())
    pictures = {p.name for p in (archive.path / "cache").rglob("*.jpg")}
    assert pictures
    (archive.path / "index.db").unlink()
    shutil.rmtree(archive.path / "cache")
    assert codes(archive) == {"index-unreadable"}
    rebuilt = archive.reindex(workers=0)
    assert (rebuilt.files, rebuilt.cases, rebuilt.sets, rebuilt.problems) == (5, 2, 1, ())
    assert list(archive.dump()) == before
    assert {p.name for p in (archive.path / "cache").rglob("*.jpg")} == pictures
    assert codes(archive, full=True) == set()


def _missing(archive: Archive) -> None:
    an_object(archive).unlink()


def _grown(archive: Archive) -> None:
    with an_object(archive).open("ab") as file:
        file.write(b"!")


def _linked(archive: Archive) -> None:
    path = an_object(archive)
    shutil.copy(path, archive.path.parent / "copy")
    path.unlink()
    path.symlink_to(archive.path.parent / "copy")


def _folder(archive: Archive) -> None:
    path = an_object(archive)
    path.unlink()
    path.mkdir()


def _orphan(archive: Archive) -> None:
    (archive.path / "objects" / "ab").mkdir(exist_ok=True)
    (archive.path / "objects" / "ab" / ("ab" * 32)).write_bytes(b"who am I")


def _all_gone(archive: Archive) -> None:
    shutil.rmtree(archive.path / "objects")


def _record_edited(archive: Archive) -> None:
    path = archive.path / "cases" / "tear.toml"
    path.write_text(path.read_text("utf-8").replace("Partial", "Small"), "utf-8")


def _record_broken(archive: Archive) -> None:
    (archive.path / "cases" / "tear.toml").write_bytes(b"title = \xff")


def _record_gone(archive: Archive) -> None:
    (archive.path / "cases" / "tear.toml").unlink()


def _record_new(archive: Archive) -> None:
    (archive.path / "cases" / "extra.toml").write_text('title = "Extra"\n', "utf-8")


def _media_gone(archive: Archive) -> None:
    (archive.path / "cases" / "extra.toml").write_text(
        'title = "Extra"\n[[media]]\nid = "M1"\nsha256 = "' + "cd" * 32 + '"\n', "utf-8"
    )


def _ledger_changed(archive: Archive) -> None:
    path = archive.path / "ledger.jsonl"
    path.write_text(path.read_text().replace('"kind":"dicom"', '"kind":"image"', 1))


def _ledger_cut(archive: Archive) -> None:
    path = archive.path / "ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _ledger_gone(archive: Archive) -> None:
    (archive.path / "ledger.jsonl").unlink()


def _ledger_forged(archive: Archive) -> None:
    """A wholly new chain that fits itself."""
    path, previous, lines = archive.path / "ledger.jsonl", GENESIS, []
    for line in path.read_text().splitlines():
        old = json.loads(line)
        body = _body(
            old["position"], old["at"], "nobody", old["event"], old["subject"], old["details"], previous
        )
        previous = _hash(body)
        line = {**body, "hash": previous, **({"aside": old["aside"]} if "aside" in old else {})}
        lines.append(json.dumps(line, separators=(",", ":")))
    path.write_text("\n".join(lines) + "\n")


def _sql(statement: str) -> Callable[[Archive], None]:
    def damage(archive: Archive) -> None:
        connection = sqlite3.connect(archive.path / "index.db")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(statement)
        connection.commit()
        connection.close()

    return damage


def _no_index(archive: Archive) -> None:
    (archive.path / "index.db").write_bytes(b"")


def _strange_index(archive: Archive) -> None:
    (archive.path / "index.db").write_bytes(b"not a database" * 400)


def _pipe(archive: Archive) -> None:
    path = an_object(archive)
    path.unlink()
    os.mkfifo(path)


def _index_gone(archive: Archive) -> None:
    (archive.path / "index.db").unlink()


def _index_cut(archive: Archive) -> None:
    path = archive.path / "index.db"
    os.truncate(path, path.stat().st_size // 2)


def _index_zeroed(archive: Archive) -> None:
    path = archive.path / "index.db"
    path.write_bytes(bytes(path.stat().st_size))


def _index_foreign(archive: Archive) -> None:
    path = archive.path / "index.db"
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


def _index_linked(archive: Archive) -> None:
    path = archive.path / "index.db"
    path.rename(archive.path.parent / "elsewhere.db")
    path.symlink_to(archive.path.parent / "elsewhere.db")


def _set_turned(archive: Archive) -> None:
    path = archive.path / "sets" / "thigh.toml"
    path.write_text(path.read_text("utf-8").replace("loose", "moose"), "utf-8")


def _set_gone(archive: Archive) -> None:
    (archive.path / "sets" / "thigh.toml").unlink()


def _key_other(archive: Archive) -> None:
    (archive.path / "secret.key").write_text("ab" * 32 + "\n")


def _key_gone(archive: Archive) -> None:
    (archive.path / "secret.key").unlink()


DAMAGE: dict[str, tuple[Callable[[Archive], None], str]] = {
    "object missing": (_missing, "object-missing"),
    "object grown": (_grown, "object-damaged"),
    "link instead of object": (_linked, "object-replaced"),
    "folder instead of object": (_folder, "object-replaced"),
    "object that nobody took": (_orphan, "object-unknown"),
    "all objects gone": (_all_gone, "object-missing"),
    "record edited by hand": (_record_edited, "record-changed"),
    "record broken": (_record_broken, "record-damaged"),
    "record gone": (_record_gone, "record-missing"),
    "record that nobody indexed": (_record_new, "record-unknown"),
    "record names what is gone": (_media_gone, "media-missing"),
    "ledger changed": (_ledger_changed, "ledger-damaged"),
    "ledger cut short": (_ledger_cut, "ledger-short"),
    "ledger gone": (_ledger_gone, "ledger-damaged"),
    "ledger forged": (_ledger_forged, "ledger-differs"),
    "row of a file gone": (_sql("DELETE FROM instances WHERE kind = 'clip'"), "object-unknown"),
    "row of a case gone": (_sql("DELETE FROM cases WHERE slug = 'tear'"), "record-unknown"),
    "row of an event gone": (_sql("DELETE FROM events WHERE position = 2"), "events-stale"),
    "index empty": (_no_index, "index-unreadable"),
    "index strange": (_strange_index, "index-unreadable"),
    "index gone": (_index_gone, "index-unreadable"),
    "index cut in half": (_index_cut, "index-"),
    "index all zeros": (_index_zeroed, "index-unreadable"),
    "database of another program": (_index_foreign, "index-unreadable"),
    "link instead of index": (_index_linked, "link"),
    "pipe instead of object": (_pipe, "object-replaced"),
    "set changed": (_set_turned, "set-changed"),
    "set gone": (_set_gone, "set-missing"),
    "another key": (_key_other, "key-damaged"),
    "key gone": (_key_gone, "key-damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_every_kind_of_damage_is_found(archive: Archive, kind: str) -> None:
    damage, code = DAMAGE[kind]
    damage(archive)
    assert [c for c in codes(archive) if c.startswith(code)]


@pytest.mark.parametrize(
    "kind", [k for k, (_, c) in DAMAGE.items() if c.startswith(("index", "events", "record-u"))]
)
def test_damage_of_what_is_derived_is_made_good_by_reindex(archive: Archive, kind: str) -> None:
    DAMAGE[kind][0](archive)
    archive.reindex(workers=0)
    assert codes(archive, full=True) == set()


def test_one_turned_bit_is_found_when_every_byte_is_read_and_healed_by_the_original(
    archive: Archive, master: Path
) -> None:
    path = an_object(archive)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    assert codes(archive) == set()
    assert codes(archive, full=True) == {"object-damaged"}
    assert archive.ingest([master.parent / "stick"], workers=0, rehash=True).failed == 0
    assert codes(archive, full=True) == set()


def test_an_original_that_is_gone_is_missed_even_after_a_reindex(archive: Archive) -> None:
    an_object(archive).unlink()
    assert archive.reindex(workers=0).problems
    assert codes(archive) == {"object-missing"}


def test_reindex_tells_how_many_originals_and_records_are_done(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive import reindexing

    monkeypatch.setattr(reindexing, "_CASES_AT_ONCE", 2)
    for number in range(3):
        archive.new(f"more-{number}")
    heard: list[tuple[int, int]] = []
    rebuilt = archive.reindex(workers=0, tell=lambda *said: heard.append(said))
    assert rebuilt.cases >= 4
    assert {every for _, every in heard} == {rebuilt.files + rebuilt.cases}
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert heard[-1][0] == heard[-1][1]


def test_reindex_with_workers_is_the_same(archive: Archive) -> None:
    before = list(archive.dump())
    archive.reindex(workers=2)
    assert list(archive.dump()) == before


def test_a_reindex_that_fails_leaves_the_old_index(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from casearchive import reindexing

    before = list(archive.dump())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reindexing, "_recase", fail)
    with pytest.raises(OSError, match="No space"):
        archive.reindex(workers=0)
    assert list(archive.dump()) == before
    assert not list(archive.path.glob("index.db.new*"))


@pytest.mark.parametrize(
    "kind", ["index gone", "index empty", "index strange", "database of another program"]
)
@pytest.mark.parametrize(
    "words",
    ["list", "search tear", "show tear", "stats", "log", "similar tear", "lint", "vocabulary tear", "set list",
     "edit tear --set title=x", "new other", "annotate tear tear --yes", "ingest .", "review", "remove tear --yes",
     "export thigh --to out", "backup copy"],
)  # fmt: skip
def test_every_verb_that_needs_the_index_names_the_one_command_and_makes_none(
    archive: Archive, kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DAMAGE[kind][0](archive)
    index = archive.path / "index.db"
    before = index.read_bytes() if index.exists() else None
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    said = CliRunner().invoke(cli, ["--archive", str(archive.path), *words.split()])
    assert said.exit_code == 30, said.output
    assert "casearchive reindex" in said.stderr
    assert "Traceback" not in said.output
    assert (index.read_bytes() if index.exists() else None) == before


def test_repair_shows_its_plan_and_does_it_when_somebody_says_so(archive: Archive, master: Path) -> None:
    path = an_object(archive)
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    words = [
        "--archive",
        str(archive.path),
        "verify",
        "--full",
        "--repair",
        "--from",
        str(master.parent / "stick"),
    ]
    before = tree(archive)
    no = CliRunner().invoke(cli, words, input="n\n")
    assert no.exit_code == 30
    assert "put the original back" in no.stdout
    assert tree(archive) == before
    asked = CliRunner().invoke(cli, [*words, "--json"])
    assert json.loads(asked.stdout)["repaired"] is False, "--json asks nobody and does nothing without --yes"
    assert tree(archive) == before
    yes = CliRunner().invoke(cli, [*words, "--yes"])
    assert yes.exit_code == 0, yes.output
    assert path.read_bytes() == sound
    assert CliRunner().invoke(cli, ["--archive", str(archive.path), "verify", "--yes"]).exit_code == 2


def test_the_log_of_a_case_tells_what_it_left_in(archive: Archive) -> None:
    rooms = archive._rooms()
    with rooms.writer():
        rooms.note([("exported", "thigh", {"formats": ["html"], "cases": ["tear"]})])
    assert [e.event for e in archive.log("tear")][-1] == "exported"
    assert "exported" not in [e.event for e in archive.log("loose")]
    said = CliRunner().invoke(cli, ["--archive", str(archive.path), "log", "tear"]).stdout
    assert "as html: 1 case (tear)" in said
    assert "aside" not in CliRunner().invoke(cli, ["--archive", str(archive.path), "log", "--json"]).stdout


def test_an_original_of_another_size_is_told_once(archive: Archive) -> None:
    _grown(archive)
    assert [f.code for f in archive.verify(full=True).faults] == ["object-damaged"]
