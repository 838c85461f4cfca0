"""Broken protocols: each leaves out or swaps one step of how the program writes, and must be caught by the mode that
is there to catch it. They are put over the program from outside, in every process of a run
(``mutation/sitecustomize.py``)."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Mutant:
    """``promises`` are those that it breaks: one of them must be found broken by ``mode`` in ``scenario``."""

    mode: str
    scenario: str
    promises: tuple[str, ...]
    break_it: Callable[[], None]
    says: str


def apply(name: str) -> None:
    MUTANTS[name].break_it()


def _instead(owner: object, **replacements: object) -> None:
    for name, replacement in replacements.items():
        setattr(owner, name, replacement)


def _object_is_not_synced() -> None:
    from casearchive.stores import folder

    class Lazy:
        """``os``, but for one thing."""

        def __getattr__(self, name: str) -> Any:
            return (lambda _: None) if name == "fsync" else getattr(os, name)

    _instead(folder, os=Lazy(), syncing=lambda _: lambda: None)


def _folders_are_not_synced() -> None:
    from casearchive import files
    from casearchive.stores import folder

    def nothing(_: Path) -> None:
        """A name is written, and nobody waits."""

    _instead(files, sync_folder=nothing)
    _instead(folder, sync_folder=nothing)


def _records_are_not_synced() -> None:
    from casearchive import files

    honest = files._write_private

    def lazy(path: Path, content: bytes, *, sync: bool) -> None:
        honest(path, content, sync=False)

    _instead(files, _write_private=lazy)


def _ledger_is_not_synced() -> None:
    from casearchive import ledger

    def lazy(path: Path, content: bytes) -> None:
        with path.open("ab") as file:
            file.write(content)

    _instead(ledger, append_durably=lazy)


def _index_is_not_synced() -> None:
    from casearchive import index

    honest = index._prepare

    def lazy(connection: Any) -> None:
        honest(connection)
        connection.execute("PRAGMA synchronous = OFF")

    _instead(index, _prepare=lazy)


def _object_has_its_name_too_early() -> None:
    from casearchive.files import private_folder, sync_folder
    from casearchive.stores import folder

    def copied(self: folder.FolderStore, incoming: Any) -> bool:
        target = self.path(incoming.sha256)
        private_folder(target.parent)
        content = incoming.path.read_bytes()
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", 0) as out:
            for half in (content[: len(content) // 2], content[len(content) // 2 :]):
                out.write(half)
            os.fsync(out.fileno())
        target.chmod(0o400)
        self.drop(incoming)
        sync_folder(target.parent)
        return True

    _instead(folder.FolderStore, put=copied)


def _renamed_before_it_is_synced() -> None:
    from casearchive.stores import folder

    honest = folder.FolderStore.put
    _object_is_not_synced()

    def late(self: folder.FolderStore, incoming: Any) -> bool:
        new = honest(self, incoming)
        descriptor = os.open(self.path(incoming.sha256), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        return new

    _instead(folder.FolderStore, put=late)


def _row_before_the_object() -> None:
    from casearchive.ingest import run as ingest

    honest = ingest._Run.commit

    def early(run: Any) -> None:
        objects = [run.rooms.store.path(g.sha256) for _, _, g, _ in run.batch if g is not None]
        aside = [(p, run.rooms.layout.temporary / p.name) for p in objects if p.exists()]
        for path, away in aside:
            path.rename(away)
        try:
            honest(run)
        finally:
            for path, away in aside:
                away.rename(path)

    _instead(ingest._Run, commit=early)


def _index_before_the_ledger() -> None:
    from casearchive.ingest import run as ingest
    from casearchive.ledger import Ledger

    honest, write = ingest._Run.commit, Ledger._add
    kept: list[tuple[Ledger, bytes]] = []

    def swapped(run: Any) -> None:
        _instead(Ledger, _add=lambda ledger, lines: kept.append((ledger, lines)))
        try:
            honest(run)
        finally:
            _instead(Ledger, _add=write)
            while kept:
                write(*kept.pop(0))

    _instead(ingest._Run, commit=swapped)


def _told_before_it_is_written() -> None:
    from casearchive.ingest import run as ingest

    honest = ingest._Run.commit

    def early(run: Any) -> None:
        told, tell = list(run.batch), run.report
        for outcome, *_ in told:
            tell(outcome)
        run.report = lambda _: None
        try:
            honest(run)
        finally:
            run.report = tell

    _instead(ingest._Run, commit=early)


def _record_before_the_ledger() -> None:
    from casearchive import rooms
    from casearchive.files import write_durably

    @contextlib.contextmanager
    def at_once(contents: Any) -> Iterator[None]:
        for path, content in contents.items():
            write_durably(path, content)
        yield

    _instead(rooms, replaced_together=at_once)


def _nothing_is_settled() -> None:
    from casearchive import settling

    _instead(settling, settle=lambda rooms: None)


def _nothing_is_swept() -> None:
    from casearchive.rooms import Rooms

    _instead(Rooms, sweep=lambda self: None)


def _export_lands_in_pieces() -> None:
    from casearchive import release

    def copied(building: Path, target: Path, note: Callable[[], object] = lambda: None) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(building, target)
        note()

    _instead(release, _land=copied)


def _others_may_read() -> None:
    from casearchive import files

    honest = os.umask
    _instead(os, umask=lambda _: honest(0o022))
    _instead(files, PRIVATE_FILE=0o644)


def _failing_disk_is_not_noticed() -> None:
    from casearchive.ledger import Ledger

    honest = Ledger._add

    def calm(ledger: Ledger, lines: bytes) -> None:
        with contextlib.suppress(OSError):
            honest(ledger, lines)

    _instead(Ledger, _add=calm)


def _failing_disk_is_a_traceback() -> None:
    from casearchive.cli import Verbs

    def bare(group: Any, *args: Any, **more: Any) -> Any:
        import click

        return click.Group.main(group, *args, **more)

    _instead(Verbs, main=bare)


MUTANTS = {
    "object-unsynced": Mutant("power", "ingest", ("I1", "I2"), _object_is_not_synced, "originals are not fsynced"),
    "folder-unsynced": Mutant("power", "ingest", ("I1", "I3"), _folders_are_not_synced, "folders are not fsynced"),
    "record-unsynced": Mutant("power", "annotate", ("I1", "I3", "I4"), _records_are_not_synced,
                              "records are not fsynced"),
    "ledger-unsynced": Mutant("power", "annotate", ("I1", "I3", "I4"), _ledger_is_not_synced,
                              "the ledger is not fsynced"),
    "index-unsynced": Mutant("power", "annotate", ("I3",), _index_is_not_synced, "SQLite does not fsync"),
    "rename-first": Mutant("power", "ingest", ("I2",), _renamed_before_it_is_synced,
                           "originals are fsynced after they have their name"),
    "no-temporary": Mutant("syscall", "ingest", ("I2",), _object_has_its_name_too_early,
                           "originals are written under their final name"),
    "row-first": Mutant("syscall", "ingest", ("I1", "I3"), _row_before_the_object, "rows before originals"),
    "index-first": Mutant("syscall", "ingest", ("I3",), _index_before_the_ledger, "the index before the ledger"),
    "told-first": Mutant("syscall", "ingest", ("I1",), _told_before_it_is_written, "the report before the commit"),
    "record-first": Mutant("syscall", "annotate", ("I3", "I4"), _record_before_the_ledger,
                           "a record takes its place before the ledger says so"),
    "unsettled": Mutant("syscall", "edit", ("I3", "I4"), _nothing_is_settled, "what was cut off is not settled"),
    "unswept": Mutant("syscall", "ingest", ("I5",), _nothing_is_swept, "temporary files are not swept"),
    "export-in-pieces": Mutant("syscall", "export-again", ("I7",), _export_lands_in_pieces,
                               "an export lands file by file"),
    "readable": Mutant("syscall", "edit", ("I6",), _others_may_read, "files that others may read"),
    "failure-ignored": Mutant("fault", "edit", ("E4", "I1", "I4"), _failing_disk_is_not_noticed,
                              "a failing write of the ledger is ignored"),
    "failure-untold": Mutant("fault", "edit", ("E1", "E2", "E3"), _failing_disk_is_a_traceback,
                             "errors end in a traceback"),
}  # fmt: skip
