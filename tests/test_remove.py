"""What is removed is gone, from every byte of the archive; what others use stays; the ledger says that it happened."""

from __future__ import annotations

import json
from pathlib import Path

import archives
import helpers
import pytest
from click.testing import CliRunner

from casearchive import Archive
from casearchive.cli import cli
from casearchive.errors import NotFound, UsageError
from casearchive.ledger import Ledger

CANARY = "Zyxwvutic"
NAME = "Quillfeather"


def _gone(root: Path, what: str, *, media: bool = False) -> None:
    archive = Archive.open(root)
    archive.remove(archive.plan_removal(what, media=media))


def test_a_case_goes_and_its_originals_stay_as_files_of_their_own(root: Path) -> None:
    archive = Archive.open(root)
    clip = archive.show("tear").case.media[0].sha256  # type: ignore[union-attr]
    _gone(root, "tear")
    assert not (root / "cases" / "tear.toml").exists()
    assert "tear" not in [h.case for h in archive.search("tear").hits]
    assert archives.object_of(root, clip).is_file()
    assert [h.case for h in archive.list() if h.sha256 == clip] == [None]
    assert archive.set("thigh").cases == ("loose",), "the set loses the case"
    (told,) = [e for e in archive.log("tear") if e.event == "case-removed"]
    assert told.who
    assert archive.verify(full=True).faults == ()


def test_with_its_media_all_of_it_goes_but_what_another_case_uses(root: Path) -> None:
    archive = Archive.open(root)
    clip = archive.show("tear").case.media[0].sha256  # type: ignore[union-attr]
    archive.new("shares", media=[clip])
    removal = archive.plan_removal("tear", media=True)
    assert removal.files == ()
    assert removal.stays == ((clip, "used by shares"),)
    archive.remove(removal)
    assert archives.object_of(root, clip).is_file()
    _gone(root, "shares", media=True)
    assert not archives.object_of(root, clip).exists()
    assert archive.verify(full=True).faults == ()


def test_a_file_that_a_case_uses_is_refused(root: Path) -> None:
    archive = Archive.open(root)
    clip = archive.show("tear").case.media[0].sha256  # type: ignore[union-attr]
    before = helpers.tree(root)
    with pytest.raises(UsageError, match="belongs to tear"):
        archive.plan_removal(clip)
    with pytest.raises(NotFound):
        archive.plan_removal("nothing-like-that")
    assert helpers.tree(root) == before


def test_no_byte_of_a_removed_file_is_left(root: Path, tmp_path: Path) -> None:
    """Its header, its words, its name, its pictures: in originals, rows, full text, free pages, cache and ledger."""
    archive = Archive.open(root)
    helpers.dicom(
        tmp_path / f"{CANARY}.dcm", seed=77, frames=3, PatientName=f"{CANARY}^Ann", PatientID=f"{CANARY}-1",
        StudyDescription=f"Thigh of {CANARY}", SeriesDescription=f"{CANARY} haematoma",
    )  # fmt: skip
    archive.ingest([tmp_path / f"{CANARY}.dcm"], workers=0)
    sha256 = next(h.sha256 for h in archive.list() if CANARY in h.name)
    archive.show(sha256, make=["preview", "poster"])
    archive.edit(sha256, {"key_frame": "2"})
    assert CANARY.encode() in archives.bytes_of(root)
    _gone(root, sha256)
    content = archives.bytes_of(root)
    for canary in (CANARY, CANARY.lower(), CANARY.encode("utf-16-le").decode("latin-1")):
        assert canary.encode("latin-1") not in content
    assert not [name for name in helpers.tree(root) if sha256 in name]
    assert archive.verify(full=True).faults == ()
    (taken,) = [e for e in archive.log(sha256) if e.event == "ingested"]
    assert "name" not in taken.details
    assert next(e for e in Ledger(root / "ledger.jsonl").events() if e.subject == sha256).struck


def test_no_byte_of_a_removed_case_is_left(root: Path) -> None:
    archive = Archive.open(root)
    archive.edit("tear", {"title": f"{CANARY} tear", "story.history": f"Fell over {CANARY}"})
    archive.search(CANARY)
    _gone(root, "tear", media=True)
    content = archives.bytes_of(root)
    assert CANARY.encode() not in content
    assert CANARY.lower().encode() not in content


def test_what_a_removed_file_said_of_its_study_is_not_said_of_the_others(root: Path, tmp_path: Path) -> None:
    archive = Archive.open(root)
    for number, words in ((1, {"StudyDescription": CANARY}), (2, {"StudyDescription": ""})):
        helpers.dicom(
            tmp_path / f"{number}.dcm", seed=90, uid=f"1.2.3.90.{number}", InstanceNumber=number, **words
        )
    for number in (1, 2):
        archive.ingest([tmp_path / f"{number}.dcm"], workers=0)
    first = next(h.sha256 for h in archive.list() if h.name == "1.dcm")
    _gone(root, first)
    assert CANARY.encode() not in archives.bytes_of(root)
    before = list(archive.dump())
    archive.reindex(workers=0)
    assert list(archive.dump()) == before, "as if it had never been here"


def test_removing_and_making_the_index_again_is_the_same(root: Path) -> None:
    archive = Archive.open(root)
    _gone(root, "tear", media=True)
    _gone(root, next(h.sha256 for h in archive.list() if h.kind == "clip"))
    before = list(archive.dump())
    archive.reindex(workers=0)
    assert list(archive.dump()) == before
    assert archive.verify(full=True).faults == ()


def test_what_was_removed_can_be_taken_again_and_says_so(root: Path, master: Path) -> None:
    archive = Archive.open(root)
    sha256 = next(h.sha256 for h in archive.list() if h.kind == "clip")
    _gone(root, sha256)
    notes: list[str] = []
    found = archive.ingest(
        [master.parent / "stick" / "loop.mp4"], workers=0, report=lambda o: notes.extend(o.notes)
    )
    assert found.added == 1
    assert any(note.startswith("removed-before") for note in notes)
    assert archive.verify(full=True).faults == ()
    _gone(root, "tear")
    assert archive.ingest([master.parent / "stick" / "tear"], workers=0).cases == 1
    assert archive.verify(full=True).faults == ()


def test_what_was_taken_again_has_its_name_when_the_index_is_made_again(root: Path, master: Path) -> None:
    archive = Archive.open(root)
    _gone(root, next(h.sha256 for h in archive.list() if h.kind == "clip"))
    archive.ingest([master.parent / "stick" / "loop.mp4"], workers=0)
    before = [line for line in archive.dump() if "loop.mp4" in line]
    archive.reindex(workers=0)
    assert before
    assert [line for line in archive.dump() if "loop.mp4" in line] == before


def test_names_that_an_older_program_wrote_into_the_chain_are_said_to_stay(root: Path) -> None:
    archives.as_before_noting(root)
    archive = Archive.open(root)
    clip = archive.show("tear").case.media[0].sha256  # type: ignore[union-attr]
    before = archive.plan_removal("tear", media=True)
    assert before.files == (clip,)
    assert [where for where, _ in before.stays] == ["ledger.jsonl"]
    assert before.stays[0][1].startswith("2 of its lines"), "of the clip and of the case"
    archive.remove(before)
    assert archive.verify(full=True).faults == ()


def test_a_ledger_that_was_put_aside_is_named_before_anything_goes(root: Path) -> None:
    (root / "quarantine").mkdir(mode=0o700)
    (root / "quarantine" / "20260101T000000-ledger.jsonl").write_bytes(b"old")
    where = [where for where, _ in Archive.open(root).plan_removal("tear", media=True).stays]
    assert where == ["quarantine/20260101T000000-ledger.jsonl"]


@pytest.mark.parametrize("step", ["forget", "remove"])
def test_a_removal_that_is_cut_off_is_told_and_finished_by_the_next_writer(
    root: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive import index
    from casearchive.stores.folder import FolderStore

    archive = Archive.open(root)
    sha256 = next(h.sha256 for h in archive.list() if h.kind == "clip")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((index, step, die) if step == "forget" else (FolderStore, step, die)))
    with pytest.raises(KeyboardInterrupt):
        archive.remove(archive.plan_removal(sha256))
    monkeypatch.undo()
    verdict = archive.verify()
    assert (verdict.faults, [n.code for n in verdict.notices]) == ((), ["unfinished"])
    archive.set_create("other", cases=["tear"])
    assert sha256 not in [h.sha256 for h in archive.list()]
    verdict = archive.verify(full=True)
    assert (verdict.faults, verdict.notices) == ((), ())
    assert not archives.object_of(root, sha256).exists()


def test_damaged_copies_that_were_put_aside_go_with_it(root: Path) -> None:
    archive = Archive.open(root)
    sha256 = next(h.sha256 for h in archive.list() if h.kind == "clip")
    archives.flipped(archives.object_of(root, sha256), 9)
    archive.repair(archive.plan_repair(archive.verify(full=True)), workers=0)
    assert list((root / "quarantine").iterdir())
    _gone(root, sha256)
    assert not list((root / "quarantine").iterdir())
    assert archive.verify(full=True).faults == ()


def test_a_name_that_is_struck_out_without_a_removal_is_tampering(root: Path) -> None:
    sha256 = Archive.open(root).list()[0].sha256
    Ledger(root / "ledger.jsonl").strike([sha256])
    assert "ledger-damaged" in {f.code for f in Archive.open(root).verify().faults}


def test_it_asks_before_and_keeps_the_record_where_it_is_told_to(root: Path, tmp_path: Path) -> None:
    run = CliRunner()
    kept = tmp_path / "kept.toml"
    text = Archive.open(root).record_text("tear")
    words = ["--archive", str(root), "remove", "tear", "--keep", str(kept)]
    said = run.invoke(cli, words, input="n\n")
    assert said.exit_code == 130
    assert (root / "cases" / "tear.toml").exists() and not kept.exists()
    assert "loses the case" in said.stderr
    assert run.invoke(cli, ["--archive", str(root), "remove", "tear", "-n"]).exit_code == 0
    assert (root / "cases" / "tear.toml").exists()
    assert run.invoke(cli, words, input="y\n").exit_code == 0
    assert kept.read_text("utf-8") == text
    loose = next(h.sha256 for h in Archive.open(root).list() if h.kind == "clip")
    assert run.invoke(cli, ["--archive", str(root), "--json", "remove", loose]).exit_code == 2, (
        "nobody to ask"
    )
    told = run.invoke(cli, ["--archive", str(root), "--json", "remove", loose, "--yes"])
    assert json.loads(told.stdout)["removed"] is True


def test_a_record_that_was_kept_comes_back_as_it_was(root: Path, tmp_path: Path) -> None:
    archive = Archive.open(root)
    before = (root / "cases" / "tear.toml").read_bytes()
    kept = tmp_path / "back" / "tear" / "case.toml"
    kept.parent.mkdir(parents=True)
    archive.remove(archive.plan_removal("tear"), keep=kept)
    assert archive.ingest([tmp_path / "back"], workers=0).failed == 0
    assert (root / "cases" / "tear.toml").read_bytes() == before
    assert archive.verify(full=True).faults == ()


def test_a_record_cannot_be_kept_in_a_folder_that_is_not_there(root: Path, tmp_path: Path) -> None:
    archive = Archive.open(root)
    with pytest.raises(UsageError, match="no such folder") as refusal:
        archive.remove(archive.plan_removal("tear"), keep=tmp_path / "nowhere" / "tear.toml")
    assert ".tmp" not in str(refusal.value)
    assert (root / "cases" / "tear.toml").exists()
