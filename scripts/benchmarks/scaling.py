"""Archives of ever more files and cases: what each thing costs, and how fast the cost grows.

What is there: an index, a ledger, records and originals that belong together, so that ``verify`` finds all sound. Files
go through ``ledger.append`` and ``index.write`` as an ingest sends them, each with a region, four identifiers and the
place where it was seen; cases (asking.py invents them) as records and through ``put_case``. What is not there: pixels.
An original is a few bytes, a thumbnail is a link to the head of an empty picture, and neither waited for the disk; a
transaction holds 500 files instead of 64.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks import asking
from benchmarks.measure import Progress, again, percentile, run, table

#: Ten files a case; of these one to four are its clips, the others belong to no case.
FILES_A_CASE = 10
QUERIES = asking.QUERIES[::3][:12]
#: An exponent beyond this is worse than linear, by more than two runs differ.
FLAG = 1.15
_CASES_AT_ONCE = 50

#: Head of a column, its key, and whether more of it is better (files a second).
_COLUMNS = (
    ("written in s", "write_s", False),
    ("files/s", "files_per_s", True),
    ("cases/s", "cases_per_s", True),
    ("index MB", "index_mb", False),
    ("open ms", "open_ms", False),
    ("search p95 ms", "search_p95_ms", False),
    ("stats s", "stats_s", False),
    ("verify s", "verify_s", False),
    ("backup s", "backup_s", False),
    ("migrate s", "migrate_s", False),
    ("one more file s", "one_more_s", False),
    ("peak MB", "peak_mb", False),
)
_STEPS = ("search", "stats", "verify", "backup", "older")


def measure(sizes: Sequence[int], repeats: int, keep: Path | None = None) -> tuple[dict[str, Any], str]:
    """An archive of each size, made and asked in processes of their own; those in ``keep`` are used again, as long as
    the program that made them is the same."""
    progress = Progress(sum(sizes))
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        rows: dict[int, dict[str, Any]] = {}
        for size in sizes:
            rows[size] = _one_size(keep or Path(work), size, repeats)
            progress.step(f"{size} files", size)
    text = table(
        ("files", *(head for head, _, _ in _COLUMNS)),
        [(size, *(row[key] for _, key, _ in _COLUMNS)) for size, row in rows.items()],
    )
    memory = table(
        ("files", *(f"{step}: peak MB" for step in ("write", *_STEPS))),
        [(size, *row["peaks_mb"].values()) for size, row in rows.items()],
    )
    result: dict[str, Any] = {"queries": len(QUERIES), "repeats": repeats, "sizes": rows}
    if len(sizes) > 1:
        result["grows"] = grows(rows)
        text += f"\n\n{_told(result['grows'], min(sizes), max(sizes))}"
    return result, f"{text}\n\n{memory}"


def grows(rows: dict[int, dict[str, Any]]) -> dict[str, float | None]:
    """Of each column the exponent with which its cost grows from the first size to the last: 1 is in proportion."""
    small, large = min(rows), max(rows)
    found: dict[str, float | None] = {}
    for _, key, is_rate in _COLUMNS:
        before, after = rows[small][key], rows[large][key]
        if not before or not after:
            found[key] = None
            continue
        exponent = math.log(after / before) / math.log(large / small)
        found[key] = 1 - exponent if is_rate else exponent
    return found


def _told(exponents: dict[str, float | None], small: int, large: int) -> str:
    worse = [head for head, key, _ in _COLUMNS if (exponents[key] or 0) > FLAG]
    heads = (f"from {small} to {large}", *(head for head, _, _ in _COLUMNS))
    marks = [
        None if e is None else f"{e:.2f} WORSE" if e > FLAG else f"{e:.2f}"
        for e in (exponents[key] for _, key, _ in _COLUMNS)
    ]
    said = f"worse than linear (over {FLAG}): {', '.join(worse)}" if worse else "nothing is worse than linear"
    return f"{table(heads, [('grows with the power of', *marks)])}\n\n{said}"


def _one_size(folder: Path, size: int, repeats: int) -> dict[str, Any]:
    archive = folder / f"scale-{size}-{asking.made_by(Path(__file__))}"
    made = archive.with_name(f"{archive.name}.json")
    if not made.exists():
        shutil.rmtree(archive, ignore_errors=True)
        cost = run(again("_scale", str(archive), "--step", "write", "--size", str(size)))
        made.write_text(json.dumps({**json.loads(cost.said), "peak_mb": cost.peak_mb}), "utf-8")
    row: dict[str, Any] = json.loads(made.read_text("utf-8"))
    peaks = {"write": row.pop("peak_mb")}
    for step in _STEPS:
        cost = run(again("_scale", str(archive), "--step", step, "--repeats", str(repeats)))
        row |= json.loads(cost.said)
        peaks[step] = cost.peak_mb
    known = [peak for peak in peaks.values() if peak is not None]
    return {
        "cases": size // FILES_A_CASE,
        **row,
        "index_mb": (archive / "index.db").stat().st_size / 1e6,
        "ledger_mb": (archive / "ledger.jsonl").stat().st_size / 1e6,
        "peak_mb": max(known, default=None),
        "peaks_mb": peaks,
    }


def step(what: str, archive: Path, size: int, repeats: int) -> dict[str, Any]:
    """One of the steps, for a process of its own."""
    if what == "write":
        return _write(archive, size)
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "search": lambda: _search(archive, repeats),
        "stats": lambda: _stats(archive),
        "verify": lambda: _verify(archive),
        "backup": lambda: _backup(archive),
        "older": lambda: _older(archive),
    }
    return steps[what]()


# ------------------------------------------------------------------------------------------------ making it


def _write(target: Path, size: int) -> dict[str, Any]:
    from casearchive import Archive, index, record, settings
    from casearchive.index import write
    from casearchive.rooms import Rooms

    Archive.create(target)
    rooms = Rooms.of(settings.Layout(target))
    maker = asking.Maker(10)
    spent = dict.fromkeys(("files", "cases", "rest"), 0.0)
    by_batch: list[float] = []
    with index.writing_long(rooms.layout.index) as now:
        for start in range(0, size // FILES_A_CASE, _CASES_AT_ONCE):
            numbers = range(start, min(start + _CASES_AT_ONCE, size // FILES_A_CASE))
            cases = [maker.case(number) for number in numbers]
            texts = [record.dumps(case).encode() for case in cases]
            files = [file for case in cases for file in _files(maker, case)]
            for file in files:
                _lay_down(rooms.layout, file)
            for case, text in zip(cases, texts, strict=True):
                rooms.layout.record(case.slug).write_bytes(text)
            with _counted(spent, "rest"):
                events = rooms.ledger.append(_lines(files, cases, texts))
                connection = now()
                connection.execute("BEGIN IMMEDIATE")
            with _counted(spent, "files"):
                write.add_instances(connection, (_filed(rooms, file) for file in files))
                write.add_sources(connection, map(_source, files))
            by_batch.append(spent["files"])
            with _counted(spent, "cases"):
                for number, case, text in zip(numbers, cases, texts, strict=True):
                    digest = sha256(text).hexdigest()
                    write.put_case(connection, case, record_sha256=digest, completeness=50 + number % 50)
            with _counted(spent, "rest"):
                write.add_events(connection, events)
                connection.execute("COMMIT")
    cases_made = size // FILES_A_CASE
    return {
        "write_s": sum(spent.values()),
        "files_per_s": cases_made * FILES_A_CASE / spent["files"],
        "files_per_s_last_tenth": _last_tenth(by_batch, cases_made * FILES_A_CASE),
        "cases_per_s": cases_made / spent["cases"],
    }


def _filed(rooms: Any, file: Any) -> Any:
    from casearchive.index.write import Filed

    key = rooms.subject_key(file.facts.subject.identity)
    return Filed(file.facts, file.sha256, len(file.content), file.name, key, key_frame=1)


def _source(file: Any) -> tuple[str, int, int, str]:
    path = f"/media/stick/{file.facts.study.study_instance_uid}/{file.name}"
    return path, len(file.content), 1_700_000_000_000_000_000, file.sha256


def _last_tenth(by_batch: list[float], files: int) -> float:
    """Files a second in the last tenth of the batches."""
    first = len(by_batch) * 9 // 10
    before = by_batch[first - 1] if first else 0.0
    batches = len(by_batch) - first
    return files * batches / len(by_batch) / (by_batch[-1] - before)


@contextmanager
def _counted(spent: dict[str, float], what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    spent[what] += time.perf_counter() - started


@dataclass(frozen=True)
class _File:
    name: str
    sha256: str
    content: bytes
    facts: Any


def _files(maker: asking.Maker, case: Any) -> Iterator[_File]:
    """Ten files of one study, the clips of the case first: asking.py names a clip by the hash of its number, so that
    these are the bytes behind it."""
    from casearchive.model import Identifier, UltrasoundRegion

    number = int(case.slug.rpartition("-")[2])
    clips = [
        f"{number}/{position}" if position > 1 else str(number) for position in range(1, len(case.media) + 1)
    ]
    others = [f"loose {number}/{position}" for position in range(len(clips), FILES_A_CASE)]
    region = UltrasoundRegion(50, 37, 750, 562, 1, 1, 2, 3, 3, 0.0075, 0.0075)
    patient = f"{number // 3:06d}"
    for place, text in enumerate((*clips, *others), number * FILES_A_CASE):
        facts = maker.facts(place)
        yield _File(f"{place:07d}.dcm", sha256(text.encode()).hexdigest(), text.encode(), replace(
            facts,
            subject=replace(facts.subject, identity=f"patient {patient}"),
            study=replace(facts.study, study_instance_uid=f"2.25.{number}"),
            series=replace(facts.series, series_instance_uid=f"2.25.{number}.1"),
            regions=(region,),
            identifiers=(
                Identifier("PatientName", f"Invented^Person {patient}"), Identifier("PatientID", f"B{patient}"),
                Identifier("AccessionNumber", f"A{number:06d}"), Identifier("InstitutionName", "Invented Hospital"),
            ),
        ))  # fmt: skip


def _lines(files: list[_File], cases: list[Any], texts: list[bytes]) -> list[tuple[str, str, dict[str, Any]]]:
    """What the ledger says of them, as an ingest says it."""
    lines: list[tuple[str, str, dict[str, Any]]] = [
        ("ingested", file.sha256, {"name": file.name, "bytes": len(file.content), "kind": "dicom"})
        for file in files
    ]
    for case, text in zip(cases, texts, strict=True):
        digest = sha256(text).hexdigest()
        told = {"source": f"{case.slug}/case.toml", "source_sha256": digest, "record_sha256": digest}
        lines.append(("case-ingested", case.slug, told))
    return lines


def _lay_down(layout: Any, file: _File) -> None:
    """An original, and two pictures that are links to the head of one: nobody decodes them here."""
    original = layout.original(file.sha256)
    original.parent.mkdir(mode=0o700, exist_ok=True)
    original.write_bytes(file.content)
    original.chmod(0o400)
    for what in ("thumbnail", "filmstrip"):
        picture = layout.picture(file.sha256, what)
        head = picture.with_name("head")
        if not head.exists():
            picture.parent.mkdir(mode=0o700, exist_ok=True)
            head.write_bytes(b"\xff\xd8\xff\xd9")
        os.link(head, picture)


# ------------------------------------------------------------------------------------------------ asking it


def _search(archive: Path, repeats: int) -> dict[str, Any]:
    """``open_ms`` is until the index has said anything at all."""
    from casearchive import Archive, index

    started = time.perf_counter()
    Archive.open(archive)
    with index.reading(archive / "index.db") as connection:
        connection.execute("SELECT 1 FROM cases LIMIT 1").fetchone()
    opened = 1000 * (time.perf_counter() - started)
    told = asking.ask(archive, repeats, QUERIES)
    every = [ms for query in told["queries"].values() for ms in query["ms"]]
    return {
        "open_ms": opened,
        "search_first_ms": told["first_ms"],
        "search_p50_ms": percentile(every, 0.5),
        "search_p95_ms": percentile(every, 0.95),
        "hits": {query: found["total"] for query, found in told["queries"].items()},
    }


def _stats(archive: Path) -> dict[str, Any]:
    """All that ``casearchive stats`` asks."""
    from casearchive import Archive

    opened = Archive.open(archive)
    started = time.perf_counter()
    counts = opened.stats()
    totals = time.perf_counter() - started
    opened.coverage()
    return {
        "stats_s": time.perf_counter() - started,
        "stats_totals_s": totals,
        **{what: counts[what] for what in ("files", "findings", "studies")},
    }


def _verify(archive: Path) -> dict[str, Any]:
    """Raises ``RuntimeError`` where it has anything to say: what is measured would be something else."""
    from casearchive import Archive

    started = time.perf_counter()
    verdict = Archive.open(archive).verify()
    seconds = time.perf_counter() - started
    if verdict.faults or verdict.notices:
        raise RuntimeError(f"the archive is not sound: {[*verdict.faults, *verdict.notices][:3]}")
    return {
        "verify_s": seconds,
        "objects": verdict.objects,
        "records": verdict.records,
        "lines": verdict.events,
    }


def _backup(archive: Path) -> dict[str, Any]:
    """``backup --quick`` into a folder that has all originals already, as after a first run that was cut off at their
    end: the index, the ledger and all records are copied, and each original is looked at."""
    from casearchive import Archive, settings

    source, to = settings.Layout(archive), settings.Layout(archive.with_name(f"{archive.name}-backup"))
    shutil.rmtree(to.root, ignore_errors=True)
    to.root.mkdir(mode=0o700)
    try:
        for folder in sorted(source.objects.iterdir()):
            (to.objects / folder.name).mkdir(mode=0o700, parents=True)
            for original in folder.iterdir():
                os.link(original, to.original(original.name))
        begun = {"archive_id": settings.read(source).archive_id, "begun": "", "finished": ""}
        to.backup_marker.write_text(json.dumps(begun), "utf-8")
        started = time.perf_counter()
        done = Archive.open(archive).backup(to.root, quick=True)
        seconds = time.perf_counter() - started
        if done.copied or done.damaged:
            raise RuntimeError(f"the backup is not what it was meant to be: {done}")
    finally:
        shutil.rmtree(to.root)
    return {"backup_s": seconds}


def _older(archive: Path) -> dict[str, Any]:
    """The index brought up from the form before, as the first command after an update does it, with its copy; and one
    more file taken in. Both beside the archive, which stays as it was."""
    from benchmarks import corpus
    from casearchive import Archive, index, settings, upgrading
    from casearchive.index.migrations import LATEST
    from casearchive.rooms import Rooms

    source, beside = settings.Layout(archive), settings.Layout(archive.with_name(f"{archive.name}-older"))
    shutil.rmtree(beside.root, ignore_errors=True)
    try:
        for folder in (beside.root, beside.objects, beside.cases, beside.sets, beside.cache):
            folder.mkdir(mode=0o700)
        for path in (source.marker, source.secret, source.ledger, source.index):
            shutil.copy(path, beside.root / path.name)
        make_older(beside.index)
        started = time.perf_counter()
        upgrading.bring_up_to_date(Rooms.of(beside), lambda _: None)
        migrated = time.perf_counter() - started
        if index.form_of(beside.index) != LATEST:
            raise RuntimeError("the index was not brought up to date")
        with tempfile.TemporaryDirectory(prefix="bench-") as stick:
            one = corpus.one(Path(stick) / "one.dcm", "rgb")
            started = time.perf_counter()
            added = Archive.open(beside.root).ingest([one], workers=0).added
            more = time.perf_counter() - started
        if added != 1:
            raise RuntimeError("the file was not taken")
    finally:
        shutil.rmtree(beside.root)
    return {"migrate_s": migrated, "one_more_s": more}


def make_older(path: Path) -> None:
    """Take from an index what its last step gave it. Raises ``RuntimeError`` where nobody told here what that was."""
    from casearchive.index.migrations import LATEST

    if LATEST != 3:
        raise RuntimeError(f"say here what form {LATEST} of the index has and the one before has not")
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("DROP TABLE seals")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm003_seals'")
        connection.execute(f"PRAGMA user_version = {LATEST - 1}")
        connection.execute("VACUUM")
    finally:
        connection.close()
