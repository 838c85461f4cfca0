"""The ledger: append-only, chained, and honest after a crash."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casearchive import ledger
from casearchive.errors import Damaged
from casearchive.ledger import GENESIS, Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger.jsonl"
    made.write_bytes(b"")
    return made


def _three(path: Path) -> None:
    Ledger(path).append(("ingested", f"{n}" * 64, {"bytes": n}) for n in range(3))


def test_lines_are_numbered_and_chained(path: Path) -> None:
    _three(path)
    Ledger(path).append([("exported", "set", {})])
    events = list(Ledger(path).events())
    assert [e.position for e in events] == [1, 2, 3, 4]
    assert events[0].previous == GENESIS
    assert [e.previous for e in events[1:]] == [e.hash for e in events[:-1]]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans()), max_size=4))
def test_whatever_is_written_is_read_again(tmp_path: Path, subject: str, details: dict[str, object]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_bytes(b"")
    Ledger(path).append([("event", subject, details)])
    (event,) = Ledger(path).events()
    assert (event.subject, dict(event.details)) == (subject, details)
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("kind", ["changed", "removed", "swapped", "no-json", "more"])
def test_tampering_is_found_at_its_line(path: Path, kind: str) -> None:
    _three(path)
    lines = path.read_bytes().splitlines(keepends=True)
    if kind == "changed":
        lines[1] = lines[1].replace(b'"bytes":1', b'"bytes":9')
    elif kind == "removed":
        del lines[1]
    elif kind == "swapped":
        lines[1], lines[2] = lines[2], lines[1]
    elif kind == "no-json":
        lines[1] = b"\xff\xfe\n"
    else:
        lines[1] = json.dumps({**json.loads(lines[1]), "extra": 1}).encode() + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(Damaged, match="line 2 of the ledger is damaged"):
        list(Ledger(path).events())
    with pytest.raises(Damaged):
        Ledger(path).append([("ingested", "x", {})])


def test_what_was_read_and_is_the_same_to_the_byte_is_not_read_line_by_line_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "read.json"
    Ledger(path, mark).append(("ingested", f"{n:064}", {"name": f"{n}.dcm"}) for n in range(150))
    looked_at: list[int] = []
    real = Ledger._read

    def read(self: Ledger, raw: bytes, number: int) -> object:
        looked_at.append(number)
        return real(self, raw, number)

    monkeypatch.setattr(Ledger, "_read", read)
    Ledger(path).append([("exported", "set", {})])  # by a program that keeps no mark
    looked_at.clear()
    assert [e.position for e in Ledger(path, mark).after(150)] == [151]
    assert looked_at == [151]
    looked_at.clear()
    assert [e.position for e in Ledger(path, mark).after(149)] == [150, 151]
    assert looked_at == [*range(1, 152)], "what is before the mark is told only if it is read"
    assert [e.position for e in Ledger(path, mark).append([("exported", "set", {})])] == [152]
    assert list(Ledger(path).events())[-1].position == 152


@pytest.mark.parametrize("what", ["byte", "line", "shorter", "mark"])
def test_a_mark_that_does_not_fit_is_worth_nothing(path: Path, tmp_path: Path, what: str) -> None:
    mark = tmp_path / "read.json"
    Ledger(path, mark).append(("ingested", f"{n:064}", {"bytes": n}) for n in range(150))
    lines = path.read_bytes().splitlines(keepends=True)
    if what == "byte":
        lines[7] = lines[7].replace(b'"bytes":7', b'"bytes":9')
    elif what == "line":
        del lines[7]
    elif what == "shorter":
        del lines[140:]
    else:
        mark.write_text('{"size": "many"}')
    path.write_bytes(b"".join(lines))
    again = Ledger(path, mark)
    if what in ("byte", "line"):
        with pytest.raises(Damaged, match="line 8 of the ledger is damaged"):
            again.after(150)
        with pytest.raises(Damaged):
            again.append([("exported", "set", {})])
    else:
        assert len(again.after(0)) == (140 if what == "shorter" else 150)
        assert again.append([("exported", "set", {})])[0].position == (141 if what == "shorter" else 151)


@pytest.mark.parametrize("lied", [{"position": 151}, {"position": 100}, {"hash": "f" * 64}])
def test_a_mark_that_decayed_damages_no_ledger(path: Path, tmp_path: Path, lied: dict[str, object]) -> None:
    mark = tmp_path / "read.json"
    Ledger(path, mark).append(("ingested", f"{n:064}", {"bytes": n}) for n in range(150))
    mark.write_text(json.dumps(json.loads(mark.read_text("utf-8")) | lied))
    assert [e.position for e in Ledger(path, mark).append([("exported", "set", {})])] == [151]
    assert len(list(Ledger(path).events())) == 151


def test_a_struck_line_ends_what_a_mark_says(path: Path, tmp_path: Path) -> None:
    mark = tmp_path / "read.json"
    keeper = Ledger(path, mark)
    keeper.append(("ingested", f"{n:064}", {"name": f"{n}.dcm"}) for n in range(150))
    keeper.strike([f"{7:064}"])
    keeper.append([("exported", "set", {})])
    assert len(Ledger(path, mark).after(0)) == 151
    assert b"7.dcm" not in path.read_bytes().splitlines()[7]


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_line_cut_off_by_a_crash_is_no_line_and_the_next_follows_the_last_whole_one(
    path: Path, cut: int
) -> None:
    _three(path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert [e.position for e in Ledger(path).events()] == [1, 2]
    Ledger(path).append([("exported", "set", {})])
    assert [e.event for e in Ledger(path).events()] == ["ingested", "ingested", "exported"]


def test_a_ledger_of_one_broken_line_begins_anew(path: Path) -> None:
    path.write_bytes(b'{"posi')
    Ledger(path).append([("exported", "set", {})])
    assert [e.position for e in Ledger(path).events()] == [1]


def test_lines_are_on_the_disk_when_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), real(fd))[1])
    Ledger(path).append([("exported", "set", {})])
    assert synced[-1] == path.stat().st_size


def test_what_was_read_before_is_not_read_again_unless_somebody_wrote(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _three(path)
    one = Ledger(path)
    assert len(list(one.events())) == 3
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "events", lambda _: pytest.fail("it was read again"))
        one.append([("exported", "set", {})])
    other = Ledger(path)
    assert len(list(other.events())) == 4
    one.append([("exported", "set", {})])
    other.append([("exported", "set", {})])
    assert [e.position for e in Ledger(path).events()] == [1, 2, 3, 4, 5, 6]


def test_nothing_to_say_writes_nothing(path: Path) -> None:
    assert Ledger(path).append([]) == ()
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Ledger(path)
    kept.append([("ingested", "one", {})])
    whole = path.read_bytes()

    def full(path: Path, content: bytes) -> None:
        with path.open("ab") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger, "append_durably", full)
    with pytest.raises(OSError, match="No space"):
        kept.append([("exported", "set", {})])
    assert path.read_bytes() == whole
    monkeypatch.undo()
    kept.append([("exported", "set", {})])
    assert [e.event for e in Ledger(path).events()] == ["ingested", "exported"]
