"""Founding: an empty archive, which is one from the moment when its settings stand there, and not before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from casearchive import index, settings, truth
from casearchive.errors import ArchiveBusy, CaseArchiveError
from casearchive.files import private_folder, sync_folder, write_durably
from casearchive.index import write
from casearchive.ledger import Ledger
from casearchive.settings import Layout

_LEFT = re.compile(r"(secret\.key|ledger\.jsonl|index\.db.*|writer\.(lock|txt)|\..*\.tmp|\..*\.new)")


def create(root: Path) -> Layout:
    """Make an empty archive at ``root``. What an attempt that was cut off left there is made anew.

    Raises ``CaseArchiveError`` where something else stands there.
    """
    layout = Layout(root.absolute())
    _check_free(layout)
    private_folder(layout.root).chmod(0o700)
    lock = FileLock(layout.lock, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ArchiveBusy("somebody makes an archive here at this moment", where=str(root)) from None
    try:
        sync_folder(layout.root)  # by the lock it is known as ours, should this be cut off
        _check_free(layout)
        for left in _left(layout):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        folders = (layout.objects, layout.cases, layout.sets, layout.cache, layout.temporary)
        for folder in folders:
            private_folder(folder)
        key = settings.new_key()
        write_durably(layout.secret, key)
        marker = settings.new_marker(key)
        ledger = Ledger(layout.ledger)
        write_durably(layout.ledger, b"")
        events = ledger.append([(truth.CREATED, layout.marker.name, {"sha256": truth.digest(marker)})])
        with index.writing(layout.index, create=True) as connection, index.transaction(connection):
            write.add_events(connection, events)
        write_durably(layout.marker, marker)
    finally:
        lock.release()
    return layout


def _check_free(layout: Layout) -> None:
    root = layout.root
    if layout.marker.exists():
        raise CaseArchiveError("there is an archive here already", where=str(root), hint="Use it as it is.")
    if root.exists() and not root.is_dir():
        raise CaseArchiveError("a file of that name stands here", where=str(root), hint="Choose another.")
    if root.exists() and len(list(root.iterdir())) > len(list(_left(layout))) + layout.lock.exists():
        raise CaseArchiveError(
            "the folder is not empty",
            where=str(root),
            hint="Name a new folder: casearchive makes it and keeps it private to you.",
        )


def _left(layout: Layout) -> Iterator[Path]:
    """What an attempt that was cut off leaves: its lock, files of ours, and folders in which there is nothing."""
    if not layout.lock.exists():
        return
    empty = {layout.objects, layout.cases, layout.sets, layout.cache, layout.temporary}
    for path in layout.root.iterdir():
        if path == layout.lock or path.is_symlink():
            continue
        if (path in empty and path.is_dir() and not any(path.iterdir())) or (
            _LEFT.fullmatch(path.name) and path.is_file()
        ):
            yield path
