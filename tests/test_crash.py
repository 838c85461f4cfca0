"""Promises about being cut off: whatever ends a run, and whenever, nothing that was reported as taken is lost, nothing
is half there, and the next command goes on. The short part of ``scripts/crash_test.py``, which tries every point.

The programs are real, under a small library that counts their system calls and ends them, or fails them, at one. Where
there is no Linux or no C compiler, these tests say so and are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from crashing import control, disk, faults, hunting, killing, power  # noqa: E402
from crashing.control import Call, Control, Kind  # noqa: E402
from crashing.disk import Disk  # noqa: E402
from crashing.running import Bench, Tally  # noqa: E402
from crashing.samples import Masters, Place  # noqa: E402
from crashing.scenarios import SCENARIOS  # noqa: E402
from crashing.warm import Warm  # noqa: E402

pytestmark = pytest.mark.skipif(bool(control.why_not()), reason=control.why_not() or "never")

INGEST = SCENARIOS["ingest"]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return control.compiled(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def bench(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with Warm(shim, folder / "warm") as warm:
        yield Bench(folder, Masters(folder / "samples", warm), warm)


@pytest.fixture(scope="session")
def log(bench: Bench) -> tuple[Call, ...]:
    """All that an ingest of six files does to the disk, in order."""
    place = bench.fresh(INGEST)
    assert bench.run(INGEST, bench.control.watch(place, logging=True)).code == 0
    return tuple(bench.control.calls())


# ------------------------------------------------------------------------------------------------ the order of writes


def _first(
    calls: Sequence[Call], kind: Kind, name: str, after: int = 0, holding: bytes = b"", to: str = ""
) -> int:
    """Where in the order something is first done to a file whose path ends so."""
    for call in calls:
        named = re.search(f"{name}$", call.path) and re.search(f"{to}$", call.other)
        if call.order > after and call.kind is kind and named and holding in call.data:
            return call.order
    raise AssertionError(f"no {kind.name} of {name} {to} after {after}")


def _committed(log: Sequence[Call], after: int) -> int:
    """When the index had committed after a moment: its journal is gone, and its folder knows."""
    rows = _first(log, Kind.WRITE, "/index.db", after)
    synced = _first(log, Kind.FSYNC, "/index.db", rows)
    gone = _first(log, Kind.UNLINK, "/index.db-journal", synced)
    return _first(log, Kind.FSYNC, "/archive", gone)


def test_an_original_is_durable_before_the_ledger_the_ledger_before_the_index_and_that_before_the_report(
    log: tuple[Call, ...],
) -> None:
    taken = [o for o in _told(log) if o["outcome"] == "added" and o["kind"] != "case"]
    assert len(taken) == 4
    for outcome in taken:
        sha256 = outcome["sha256"].encode()
        name = f"/objects/../{outcome['sha256']}"
        named = next(c for c in log if c.kind is Kind.RENAME and re.search(f"{name}$", c.other))
        written = _first(log, Kind.WRITE, re.escape(named.path))
        synced = _first(log, Kind.FSYNC, re.escape(named.path), written)
        kept = _first(log, Kind.FSYNC, f"/objects/{outcome['sha256'][:2]}", named.order)
        told = _first(log, Kind.WRITE, "/ledger.jsonl", kept, sha256)
        heard = _first(log, Kind.FSYNC, "/ledger.jsonl", told)
        row = _committed(log, heard)
        line = _first(log, Kind.WRITE, "/report.jsonl", row, sha256)
        assert written < synced < named.order < kept < told < heard < row < line
        assert not [
            c for c in log if c.order < kept and c.path.endswith("/ledger.jsonl") and sha256 in c.data
        ]
        assert not [c for c in log if c.order < row and c.path.endswith("/report.jsonl") and sha256 in c.data]


def test_a_record_waits_durably_beside_its_place_until_the_ledger_has_its_line(log: tuple[Call, ...]) -> None:
    (told,) = (o for o in _told(log) if o["kind"] == "case")
    sha256 = told["sha256"].encode()
    written = _first(log, Kind.WRITE, r"/cases/\.tear\.toml\.new")
    synced = _first(log, Kind.FSYNC, r"/cases/\.tear\.toml\.new", written)
    kept = _first(log, Kind.FSYNC, "/cases", synced)
    line = _first(log, Kind.WRITE, "/ledger.jsonl", kept, sha256)
    heard = _first(log, Kind.FSYNC, "/ledger.jsonl", line)
    placed = _first(log, Kind.RENAME, r"/cases/\.tear\.toml\.new", heard, to="/cases/tear.toml")
    row = _committed(log, placed)
    report = _first(log, Kind.WRITE, "/report.jsonl", row, sha256)
    assert written < synced < kept < line < heard < placed < row < report


def _told(log: Sequence[Call]) -> list[dict[str, str]]:
    lines = b"".join(c.data for c in log if c.aside and c.path.endswith("/report.jsonl"))
    return [json.loads(line) for line in lines.splitlines()]


# ------------------------------------------------------------------------------------------------ cut off


def _spread(log: Sequence[Call], count: int) -> list[int]:
    """Points of every kind: names and syncs of the truth and of the index, from the first to the last."""
    kinds = (Kind.RENAME, Kind.FSYNC, Kind.UNLINK, Kind.OPEN)
    numbers = [c.number for c in log if c.number and c.kind in kinds and "/cache/" not in c.path]
    return [numbers[n * (len(numbers) - 1) // (count - 1)] for n in range(count)]


def test_an_ingest_that_is_killed_loses_nothing_that_it_reported_and_goes_on(
    bench: Bench, log: tuple[Call, ...]
) -> None:
    tally = Tally("ingest", "syscall")
    killing.syscall(bench, "ingest", _spread(log, 12), tally)
    assert tally.points == 12
    assert tally.violations == []


@pytest.mark.parametrize(
    ("name", "count"), [("init", 4), ("annotate", 5), ("set-create", 4), ("export-again", 4), ("remove", 5)]
)
def test_a_command_that_is_killed_has_happened_or_not_and_the_next_one_works(
    name: str, count: int, bench: Bench
) -> None:
    calls = bench.ends(name).calls
    tally = Tally(name, "syscall")
    killing.syscall(bench, name, [1 + n * (calls - 1) // count for n in range(1, count + 1)], tally)
    assert tally.points == count
    assert tally.violations == []


def test_a_second_kill_while_the_first_is_being_settled_loses_nothing(bench: Bench) -> None:
    calls = bench.ends("edit").calls
    tally = Tally("edit", "settle")
    killing.settle(bench, "edit", [(calls // 3, 20), (calls // 2, 40), (calls - 5, 60)], tally)
    assert tally.violations == []


@pytest.mark.parametrize(("name", "count"), [("ingest", 4), ("annotate", 4)])
def test_a_disk_that_fails_is_told_in_a_line_and_nothing_is_claimed_that_is_not_so(
    name: str, count: int, bench: Bench
) -> None:
    calls = bench.ends(name).calls
    tally = Tally(name, "fault")
    wanted = [
        (calls * (2 * n + 1) // (2 * count), which)
        for n, which in zip(range(count), faults.FAULTS, strict=False)
    ]
    faults.fault(bench, name, wanted, tally)
    assert tally.points >= count - 1  # calls that need no room do not fail for want of it
    assert tally.violations == []


@pytest.mark.parametrize(("name", "every"), [("ingest", 40), ("annotate", 3)])
def test_a_loss_of_power_takes_nothing_that_was_told(name: str, every: int, bench: Bench) -> None:
    tally = Tally(name, "power")
    power.power(bench, name, 2, lambda number, _: number % every == every - 1, tally)
    assert tally.points > 5
    assert tally.violations == []


# ------------------------------------------------------------------------------------------------ the harness itself


@pytest.mark.parametrize("name", ["record-first", "ledger-unsynced"])
def test_a_broken_protocol_is_caught(name: str, shim: Path, tmp_path: Path) -> None:
    found = hunting.hunt(name, shim, tmp_path, "1", most=40)
    assert found.caught


def test_a_run_is_killed_right_before_the_call_and_does_nothing_more(
    bench: Bench, log: tuple[Call, ...]
) -> None:
    named = next(c for c in log if c.kind is Kind.RENAME and "/objects/" in c.other)
    place = bench.fresh(INGEST)
    ended = bench.run(INGEST, bench.control.kill(named.number, place))
    assert ended.code == -signal.SIGKILL
    assert bench.control.count == named.number
    assert [p.name[:8] for p in (place.archive / "tmp").iterdir()] == ["incoming"]
    assert not [p for p in (place.archive / "objects").rglob("*") if p.is_file()]


_CHANGING = (
    "open", "openat", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2", "rename", "renameat", "renameat2",
    "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "truncate",
    "ftruncate", "fallocate", "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "chmod", "fchmod", "fchmodat",
    "utimensat", "utime", "utimes", "sendfile", "copy_file_range", "mknod", "mknodat", "mmap",
)  # fmt: skip


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_shim_counts_every_call_that_strace_sees(shim: Path, bench: Bench, tmp_path: Path) -> None:
    place = bench.fresh(INGEST)
    seen = Control(tmp_path / "control").watch(place)
    calls = ",".join(_CHANGING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["strace", "-f", "-y", "-qq", "-s", "0", "-e", f"trace={calls}", "-e", "signal=none", "-o",
         str(tmp_path / "trace"), "-E", f"LD_PRELOAD={shim}", "-E", f"CRASH_CONTROL={seen.path}",
         sys.executable, "-m", "casearchive", *INGEST.words(place)],
        env=environment, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    if done.returncode == 1 and b"ptrace" in done.stderr.lower():
        pytest.skip("nobody may trace processes here")
    assert done.returncode == 0, done.stderr
    changing = [
        line
        for line in (tmp_path / "trace").read_text(errors="replace").splitlines()
        if _changes(line, place)
    ]
    assert seen.count == len(changing)


def _changes(line: str, place: Place) -> bool:
    """Whether a line of strace is a call that changes something in the place, but for what is told."""
    call = line.split(maxsplit=1)[1]
    if call.startswith("<...") or str(place.folder) not in call or any(str(t) in call for t in place.told):
        return False
    if call.startswith("mmap("):
        return "MAP_SHARED" in call and "PROT_WRITE" in call
    if call.startswith(("open(", "openat(")):
        return "O_CREAT" in call or "O_TRUNC" in call
    if call.startswith(("write(", "writev(", "pwrite64(", "pwritev(", "sendfile(")):
        return str(place.folder) in call.split(",")[0]
    return True


# ------------------------------------------------------------------------------------------------ disks without power


def _run(root: Path, does: Callable[[Path], None], calls: Sequence[Call]) -> Disk:
    root.mkdir()
    (root / "old").write_bytes(b"as it was")
    found = Disk(root)
    does(root)
    found.heard(calls)
    return found


def _call(order: int, kind: Kind, path: Path, *, inode: int = 0, created: bool = False, folder: bool = False,
          data: bytes = b"", other: str = "") -> Call:  # fmt: skip
    return Call(kind, order, order, order, inode, 0, 0o600, 1, created, False, folder, False, False, str(path), other,
                data)  # fmt: skip


def _files(found: Disk, cut: int, kept: Callable[[disk.Step], object]) -> dict[str, bytes | None]:
    return {path: data for path, (_, data) in found.state(cut, kept).files().items() if path}  # type: ignore[arg-type]


def test_without_a_sync_a_new_file_may_be_missing_empty_or_there(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    new = root / "new"
    calls = [_call(1, Kind.OPEN, new, inode=7, created=True), _call(2, Kind.WRITE, new, inode=7, data=b"abc")]
    found = _run(root, lambda _: None, calls)
    old = {"/old": b"as it was"}
    assert _files(found, 2, disk.nothing) == old
    assert _files(found, 2, disk.names_alone) == {**old, "/new": b""}
    assert _files(found, 2, disk.zeros) == {**old, "/new": b"\0\0\0"}
    assert _files(found, 2, disk.everything) == {**old, "/new": b"abc"}


def test_what_was_synced_stays_and_a_sync_of_the_file_does_not_keep_its_name(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    new = root / "new"
    calls = [
        _call(1, Kind.OPEN, new, inode=7, created=True),
        _call(2, Kind.WRITE, new, inode=7, data=b"abc"),
        _call(3, Kind.FSYNC, new, inode=7),
        _call(4, Kind.RENAME, new, other=str(root / "old")),
        _call(5, Kind.FSYNC, root, folder=True),
    ]
    found = _run(root, lambda _: None, calls)
    assert _files(found, 3, disk.nothing) == {"/old": b"as it was"}
    assert _files(found, 4, disk.nothing) == {"/old": b"as it was"}
    assert _files(found, 4, disk.names_alone) == {"/old": b"abc"}
    assert _files(found, 5, disk.nothing) == {"/old": b"abc"}


def test_a_sync_keeps_nothing_that_was_done_while_it_went_on(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    new = root / "new"
    late = Call(Kind.FSYNC, 3, 1, 3, 7, 0, 0, 1, False, False, False, False, False, str(new), "", b"")
    calls = [
        _call(1, Kind.OPEN, new, inode=7, created=True),
        _call(2, Kind.WRITE, new, inode=7, data=b"abc"),
        late,
    ]
    found = _run(root, lambda _: None, calls)
    assert _files(found, 3, disk.names_alone) == {"/old": b"as it was", "/new": b""}
