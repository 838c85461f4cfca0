"""The rooms of one open archive, for the workflows: the folders, the originals, the ledger, the key."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from filelock import FileLock, Timeout

from casearchive import index, record, settings
from casearchive.clip import Clip
from casearchive.errors import ArchiveBusy, CaseArchiveError, NotFound, UnreadableFile
from casearchive.files import write_lightly
from casearchive.index import read, write
from casearchive.ledger import Ledger
from casearchive.model import Case
from casearchive.readers import open_clip
from casearchive.settings import Layout
from casearchive.stores import Store
from casearchive.stores.folder import FolderStore

#: Seconds a second writer waits for the first before it gives up.
WAIT = 30.0


@dataclass(frozen=True)
class Rooms:
    layout: Layout
    store: Store
    ledger: Ledger

    @classmethod
    def of(cls, layout: Layout) -> Rooms:
        settings.read(layout)
        return cls(layout, FolderStore(layout.objects, layout.temporary), Ledger(layout.ledger))

    @cached_property
    def secret(self) -> bytes:
        return settings.secret(self.layout)

    def subject_key(self, identity: str) -> str:
        """What tells subjects apart in the index, without saying who they are: a keyed hash."""
        return hmac.new(self.secret, b"subject|" + identity.encode(), hashlib.sha256).hexdigest()

    def case(self, slug: str) -> Case:
        """The archive's record of a case. Raises ``NotFound`` or ``RecordError``."""
        path = self.layout.record(slug)
        if not path.is_file():
            raise NotFound(
                "there is no such case", where=slug, hint="See what there is with: casearchive search"
            )
        return record.loads(path.read_text("utf-8"), slug=slug, file=f"cases/{path.name}")

    def note(self, lines: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Write ``(event, subject, details)`` to the ledger, then to the index. Only the writer may."""
        events = self.ledger.append(lines)
        with index.writing(self.layout.index) as connection, index.transaction(connection):
            write.add_events(connection, events)

    def catch_up(self, connection: sqlite3.Connection) -> None:
        """Tell the index what the ledger says and the index never heard: a run was cut off between the two. Only the
        writer may."""
        known = read.behind(connection)
        missed = [e for e in self.ledger.events() if e.position > known]
        if missed:
            with index.transaction(connection):
                write.add_events(connection, missed)

    @contextlib.contextmanager
    def opened(self, sha256: str) -> Iterator[Clip | None]:
        """An original, as what may leave is made of it: without graphics that lie over its pictures; closed at the
        end. None where it is not at hand, cannot be read, or is not what it was when it came in."""
        clip = None
        if sha256 and self.store.has(sha256) and self._intact(sha256):
            with contextlib.suppress(UnreadableFile):
                clip = open_clip(self.store.path(sha256), sha256, graphics=False)
        try:
            yield clip
        finally:
            if clip is not None:
                clip.close()

    def _intact(self, sha256: str) -> bool:
        """What a person decided about a file holds for its bytes: they are compared before anything is made of them."""
        try:
            with self.store.path(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    @contextlib.contextmanager
    def writer(
        self, say: Callable[[str], None] = lambda _: None, wait: float | None = None
    ) -> Iterator[None]:
        """Be the one writer. Waits a while for another, saying who it is; then raises ``ArchiveBusy``."""
        if self.layout.backup_marker.exists():
            raise CaseArchiveError(
                "this is a backup: it is read, never written to",
                where=str(self.layout.root),
                hint="Make an archive of it with: casearchive restore BACKUP --to NEW-FOLDER",
            )
        lock = FileLock(self.layout.lock, mode=0o600)
        holder = self.layout.root / "writer.txt"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"Waiting: the archive is being written to by {_holder(self.layout)}.")
            try:
                lock.acquire(timeout=WAIT if wait is None else wait, poll_interval=0.1)
            except Timeout:
                raise ArchiveBusy(
                    f"the archive is being written to by {_holder(self.layout)}",
                    where=str(self.layout.root),
                    hint="Try again when it is done; reading and searching go on meanwhile.",
                ) from None
        except PermissionError as error:
            raise ArchiveBusy("the archive cannot be written to", where=str(self.layout.root)) from error
        try:
            since = datetime.now().astimezone().strftime("%H:%M:%S")
            text = f"process {os.getpid()} on {socket.gethostname()} since {since}"
            write_lightly(holder, text.encode())
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def sweep(self) -> None:
        """Take away what an interrupted run left in ``tmp``; only the writer may."""
        if self.layout.temporary.is_dir():
            for left in self.layout.temporary.iterdir():
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
        for folder in (self.layout.root, self.layout.cases, self.layout.sets):
            for left in folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)


def _holder(layout: Layout) -> str:
    try:
        return (layout.root / "writer.txt").read_text("utf-8")[:200]
    except OSError:
        return "another process"
