"""Any single bit that turns, in what is truth or in a value of the index, is found; and what can be mended is."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from pathlib import Path

import archives
import pytest

from casearchive import Archive, settings, verify
from casearchive.errors import CaseArchiveError, Damaged
from casearchive.index import inspect
from casearchive.settings import Layout


def _found(root: Path) -> bool:
    try:
        return bool(Archive.open(root).verify(full=True, again=True).faults)
    except CaseArchiveError as refusal:
        return refusal.exit_code in (10, 12, 30)


@pytest.mark.parametrize(
    "name", ["archive.toml", "ledger.jsonl", "secret.key", "terms.toml", "cases", "sets", "objects"]
)
def test_any_bit_of_any_file_that_is_truth(root: Path, name: str) -> None:
    chance = random.Random(name)
    files = [p for p in archives.truth_of(root) if name in (p.name, p.relative_to(root).parts[0])]
    assert files
    for path in files:
        size = path.stat().st_size * 8
        # the first and last bits, and some that chance names
        for bit in {0, size - 1, *(chance.randrange(size) for _ in range(1))}:
            archives.flipped(path, bit)
            assert _found(root), f"bit {bit} of {path.name}"
            archives.flipped(path, bit)
    assert not _found(root)


def test_every_bit_of_the_key(root: Path) -> None:
    path = root / "secret.key"
    for bit in range(path.stat().st_size * 8):
        archives.flipped(path, bit)
        with pytest.raises(Damaged):
            settings.secret(Layout(root))
        archives.flipped(path, bit)
    archives.flipped(path, 5)
    assert {f.code for f in Archive.open(root).verify().faults} == {"key-damaged"}


def _values(path: Path) -> list[str]:
    """Every value that the index stores, the seals among them."""
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        names = [
            r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        found = []
        for name in names:
            if name.startswith("case_search_") and name != "case_search_content":
                continue  # how the words are found; below
            found += [repr((name, row)) for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY 1')]
    connection.close()
    return found


def _sqlite_finds(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return True


def test_every_turned_bit_of_the_index_that_changes_a_value_is_found(root: Path) -> None:
    path = root / "index.db"
    sound = _values(path)
    chance, changed, alone = random.Random(7), 0, 0
    full = [
        place for place, byte in enumerate(path.read_bytes()) if byte
    ]  # most of an index of this size is empty
    for bit in (chance.choice(full) * 8 + chance.randrange(8) for _ in range(60)):
        archives.flipped(path, bit)
        try:
            differs = _values(path) != sound
        except (sqlite3.DatabaseError, UnicodeDecodeError):  # the latter: in the name of a column
            differs = True
        if differs:
            changed += 1
            alone += not _sqlite_finds(path)
            assert _found(root), f"bit {bit}"
        archives.flipped(path, bit)
    assert changed > 10, "the test turned bits that mattered"
    assert alone > 0, "SQLite's own check does not find them all"
    assert not _found(root)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE instances SET frames = frames + 1 WHERE id = 1",
        "UPDATE cases SET title = title || ' '",
        "UPDATE findings SET side = 'left' WHERE side = 'right'",
        "UPDATE identifiers SET value = value || 'x' WHERE rowid IS NOT NULL OR 1",
        "UPDATE case_search_content SET c0 = 'another' WHERE id = (SELECT min(id) FROM case_search_content)",
        "DELETE FROM case_search_docsize WHERE id = (SELECT min(id) FROM case_search_docsize)",
        "UPDATE case_search_data SET block = zeroblob(length(block)) WHERE id > 10",
        "UPDATE facts SET bits = zeroblob(length(bits)) WHERE id = (SELECT min(id) FROM facts)",
        "UPDATE sources SET sha256 = 'no' WHERE 1",
        "UPDATE about SET value = 'no' WHERE name = 'vocabulary'",
        "UPDATE sqlite_sequence SET seq = seq + 1",
        "DELETE FROM seals WHERE kind = 'case'",
        "UPDATE evidence SET points = '[]'",
        "UPDATE set_cases SET slug = 'other' WHERE position = 1",
        "CREATE TRIGGER evil AFTER INSERT ON cases BEGIN DELETE FROM cases; END",
        "CREATE VIEW evil AS SELECT * FROM identifiers",
        "DROP INDEX media_sha",
    ],
)
def test_a_value_that_nobody_of_ours_wrote_is_found(root: Path, statement: str) -> None:
    connection = sqlite3.connect(root / "index.db")
    statement = statement.replace("rowid IS NOT NULL OR 1", "1")
    connection.execute(statement)
    connection.commit()
    connection.close()
    archive = Archive.open(root)
    assert "index-damaged" in {f.code for f in archive.verify(full=True).faults}
    archive.reindex(workers=0)
    assert archive.verify(full=True).faults == ()


def test_seals_follow_whatever_is_done(root: Path) -> None:
    archive = Archive.open(root)
    with sqlite3.connect(root / "index.db") as connection:
        assert list(inspect.content(connection)) == []
    connection.close()
    archive.annotate("tear", ["no tear of the right vastus lateralis, M1 frames 1-2"])
    archive.set_add("thigh", ["loose"]) if "loose" not in archive.set("thigh").cases else None
    archive.edit("loose", {"title": "Another"})
    archive.new("third", query="kind:dicom")
    archive.remove(archive.plan_removal("third"))
    assert archive.verify(full=True).faults == ()


# ------------------------------------------------------------------------------------------------ going on


def _cut_off(root: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive of which somebody stopped reading every byte after so many originals."""
    monkeypatch.setattr(verify, "_KEPT_AT_ONCE", 1)
    archive = Archive.open(root)

    def stop(done: int, _: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.verify(full=True, tell=stop)
    return archive


def test_reading_every_byte_goes_on_where_it_was_interrupted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _cut_off(root, 3, monkeypatch)
    verdict = archive.verify(full=True)
    assert (verdict.objects, verdict.read, verdict.faults) == (5, 2, ())
    assert verdict.reading_since
    assert archive.verify(full=True).read == 5, "a run that ended is not gone on with"
    assert archive.verify().reading_since, "a quick look says when every byte was last read"


def test_what_was_changed_since_it_was_read_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _cut_off(root, 5, monkeypatch)
    first = archives.object_of(root, archive.list()[0].sha256)
    archives.flipped(first, 99)
    assert [f.where for f in archive.verify(full=True).faults] == [first.name]


def test_begin_anew_reads_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _cut_off(root, 3, monkeypatch).verify(full=True, again=True).read == 5


# ------------------------------------------------------------------------------------------------ mending


def _mended(root: Path, *sources: Path) -> tuple[Archive, tuple[str, ...]]:
    archive = Archive.open(root)
    plan = archive.plan_repair(archive.verify(full=True), sources)
    return archive, archive.repair(plan, workers=0)


def test_an_original_is_healed_from_the_file_it_was_taken_from(root: Path, master: Path) -> None:
    archive = Archive.open(root)
    damaged = archives.object_of(root, archive.list()[0].sha256)
    archives.flipped(damaged, 1234)
    bad = damaged.read_bytes()
    archive, problems = _mended(root, master.parent / "stick")
    assert problems == ()
    assert archive.verify(full=True, again=True).faults == ()
    (kept,) = (root / "quarantine").iterdir()
    assert kept.read_bytes() == bad, "nothing is deleted"
    assert archive.log()[-1].event == "repaired"


def test_the_ledger_tells_what_a_repair_that_was_cut_off_was_about(
    root: Path, master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive import repair

    archive = Archive.open(root)
    sha256 = archive.list()[0].sha256
    archives.flipped(archives.object_of(root, sha256), 1234)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    done = repair._do
    monkeypatch.setattr(repair, "_do", lambda rooms, step: done(rooms, step) or killed())
    with pytest.raises(KeyboardInterrupt):
        _mended(root, master.parent / "stick")
    monkeypatch.undo()
    assert Archive.open(root).verify(full=True, again=True).faults == ()
    last = list(Archive.open(root).log())[-1]
    assert last.event == "repairing" and [sha256 in what for what in last.details["what"]] == [True]


def test_without_a_source_a_damaged_original_is_put_aside_and_asked_for(root: Path) -> None:
    archive = Archive.open(root)
    damaged = archives.object_of(root, archive.list()[0].sha256)
    archives.flipped(damaged, 1234)
    plan = archive.plan_repair(archive.verify(full=True))
    assert [s.kind for s in plan.steps] == ["put-aside"]
    assert [f.where for f in plan.left] == [damaged.name]
    archive.repair(plan, workers=0)
    assert {f.code for f in archive.verify().faults} == {"object-missing"}


def test_a_folder_link_or_pipe_in_place_of_an_original_is_put_aside_and_the_original_put_back(
    root: Path, master: Path
) -> None:
    archive = Archive.open(root)
    three = [archives.object_of(root, h.sha256) for h in archive.list()[:3]]
    for path in three:
        path.unlink()
    three[0].mkdir()
    three[1].symlink_to(master.parent / "stick")
    os.mkfifo(three[2])
    assert "object-replaced" in {f.code for f in archive.verify(full=True).faults}
    archive, problems = _mended(root, master.parent / "stick")
    assert problems == ()
    assert archive.verify(full=True).faults == ()
    assert len(list((root / "quarantine").iterdir())) == 3


@pytest.mark.parametrize("name", ["cases/tear.toml", "sets/thigh.toml", "terms.toml", "secret.key"])
def test_one_bit_of_a_small_file_is_turned_back_without_any_backup(root: Path, name: str) -> None:
    before = (root / name).read_bytes()
    archives.flipped(root / name, 77)
    archive, problems = _mended(root)
    assert problems == ()
    assert (root / name).read_bytes() == before
    assert archive.verify(full=True).faults == ()


@pytest.mark.parametrize("kind", ["cut", "gone", "turned", "empty", "shuffled"])
def test_a_damaged_ledger_is_written_again_from_the_index_which_knows_its_last_hash(
    root: Path, kind: str
) -> None:
    path = root / "ledger.jsonl"
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    if kind == "cut":
        path.write_bytes(b"".join(lines[:-2]))
    elif kind == "gone":
        path.unlink()
    elif kind == "turned":
        archives.flipped(path, len(before) * 4)
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(b"".join(reversed(lines)))
    assert Archive.open(root).verify().faults
    archive, problems = _mended(root)
    assert problems == ()
    told = list(archive.log())
    assert [e.event for e in told][-1] == "repaired"
    assert len(path.read_bytes().splitlines()) == len(lines) + 1
    assert archive.verify(full=True).faults == ()


def test_a_record_changed_by_hand_is_asked_about_and_taken_by_reindex_alone(root: Path) -> None:
    path = root / "cases" / "tear.toml"
    path.write_text(path.read_text("utf-8").replace("Partial tear", "Small tear"), "utf-8")
    (root / "index.db").unlink()
    archive, _ = _mended(root)
    assert {f.code for f in archive.verify().faults} == {"record-changed"}, (
        "a repair takes no change for granted"
    )
    assert archive.reindex(workers=0).taken == ("tear",)
    assert archive.verify(full=True).faults == ()
    assert archive.log("tear")[-1].details["fields"] == ["by hand"]


def test_a_set_taken_away_by_hand_is_a_loss_until_reindex_is_told_to_take_it_so(
    root: Path, tmp_path: Path
) -> None:
    archive = Archive.open(root)
    archive.backup(tmp_path / "backup")
    (root / "sets" / "thigh.toml").unlink()
    assert {f.code for f in archive.verify().faults} == {"set-missing"}
    assert archive.reindex(workers=0).taken == ("thigh",)
    assert archive.verify(full=True).faults == ()
    archive.backup(tmp_path / "backup")
    assert Archive.open(tmp_path / "backup").verify(full=True).faults == ()


def test_a_record_that_is_gone_is_a_loss_until_its_case_is_removed(root: Path) -> None:
    archive = Archive.open(root)
    (root / "cases" / "loose.toml").unlink()
    archive.reindex(workers=0)
    assert {f.code for f in archive.verify().faults} == {"record-missing"}
    archive.remove(archive.plan_removal("loose"))
    assert archive.verify(full=True).faults == ()


def test_pictures_and_leftovers_are_no_damage_and_are_seen_to(root: Path) -> None:
    archive = Archive.open(root)
    shutil.rmtree(root / "cache")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp" / "incoming-1").write_bytes(b"half")
    (root / "cases" / ".tear.toml.0.tmp").write_bytes(b"half")
    verdict = archive.verify(full=True)
    assert verdict.faults == ()
    assert {n.code for n in verdict.notices} == {"picture-missing", "left-over"}
    archive, problems = _mended(root)
    assert problems == ()
    assert archive.verify(full=True).notices == ()


def test_a_pipe_in_place_of_any_file_is_told_and_nobody_waits_for_it(root: Path) -> None:
    for name in ("cases/tear.toml", "sets/thigh.toml", "ledger.jsonl", "secret.key", "index.db"):
        path = root / name
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        assert Archive.open(root).verify().faults, name
        path.unlink()
        path.write_bytes(kept)
    assert Archive.open(root).verify(full=True).faults == ()
