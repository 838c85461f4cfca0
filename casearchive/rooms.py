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
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from casearchive import index, record, settings
from casearchive.clip import Clip
from casearchive.errors import ArchiveBusy, CaseArchiveError, Damaged, NotFound, UnreadableFile
from casearchive.files import digest_of, replaced_together, write_durably
from casearchive.index import read, write
from casearchive.ledger import Event, Ledger
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
        return cls(
            layout, FolderStore(layout.objects, layout.temporary), Ledger(layout.ledger, layout.ledger_read)
        )

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

    def put(
        self, contents: Mapping[Path, bytes], lines: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> tuple[Event, ...]:
        """Put files of truth in the place of what stood there, with lines of the ledger that note their SHA-256: all
        of it counts from the moment when the lines are durable, or nothing. Only the writer may; the index is told
        by the caller. What was read in the words of a record before goes with them."""
        with replaced_together(contents):
            noted = self.ledger.append(lines)
        for path in contents:
            if path.parent == self.layout.cases:
                with contextlib.suppress(OSError):
                    self.layout.understood(path.stem).unlink()
        return noted

    def told(self) -> Iterator[Event]:
        """The ledger, without an end that was torn when a run was cut off: what stands behind the last line that the
        index heard of was never reported as done. Raises ``Damaged`` for any other damage."""
        if not self.layout.holder.exists():
            yield from self.ledger.events()
            return
        anchor = (-1, "")
        with contextlib.suppress(CaseArchiveError), index.reading(self.layout.index) as connection:
            anchor = read.anchor(connection)
        heard = anchor[0] == 0
        try:
            for event in self.ledger.events():
                heard = heard or (event.position, event.hash) == anchor
                yield event
        except Damaged:
            if not heard:
                raise

    def catch_up(self, connection: sqlite3.Connection) -> None:
        """Tell the index what the ledger says and the index never heard: a run was cut off between the two. Only the
        writer may."""
        known = read.behind(connection)
        missed = self.ledger.after(known)
        if missed:
            with index.transaction(connection):
                write.add_events(connection, missed)

    @contextlib.contextmanager
    def opened(self, sha256: str) -> Iterator[Clip | None]:
        """An original, as what may leave is made of it: without graphics that lie over its pictures; closed at the
        end. None where it is not at hand, cannot be read, or is not what it was when it came in: what a person decided
        about a file holds for its bytes."""
        clip = None
        if sha256 and digest_of(self.store.path(sha256)) == sha256:
            with contextlib.suppress(UnreadableFile):
                clip = open_clip(self.store.path(sha256), sha256, graphics=False)
        try:
            yield clip
        finally:
            if clip is not None:
                clip.close()

    @contextlib.contextmanager
    def writer(
        self, say: Callable[[str], None] = lambda _: None, wait: float | None = None
    ) -> Iterator[bool]:
        """Be the one writer. Waits a while for another, saying who it is; then raises ``ArchiveBusy``.

        Tells whether the last writer was cut off (``settling`` sees to what it had begun): who writes and since when
        stays written down where somebody ends with an error, unless all that they did was to refuse.
        """
        if self.layout.backup_marker.exists():
            raise CaseArchiveError(
                "this is a backup: it is read, never written to",
                where=str(self.layout.root),
                hint="Make an archive of it with: casearchive restore BACKUP --to NEW-FOLDER",
            )
        lock = FileLock(self.layout.lock, mode=0o600)
        holder = self.layout.holder
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
        except OSError as error:
            raise CaseArchiveError(
                f"the archive cannot be written to here ({error.strerror or type(error).__name__})",
                where=str(self.layout.root),
                hint="Searching, showing and verify go on; to change it, give yourself the right to, or copy it.",
            ) from error
        try:
            since = datetime.now().astimezone().strftime("%H:%M:%S")
            text = f"process {os.getpid()} on {socket.gethostname()} since {since}"
            cut_off = self._was_cut_off()
            write_durably(holder, text.encode())
            before = self.ledger.size
            try:
                yield cut_off
            except CaseArchiveError:
                if self.ledger.size == before:
                    holder.unlink(missing_ok=True)
                raise
            holder.unlink(missing_ok=True)
        finally:
            lock.release()

    def _was_cut_off(self) -> bool:
        layout = self.layout
        left = layout.temporary.iterdir() if layout.temporary.is_dir() else ()
        return layout.holder.exists() or any(left) or any(layout.root.glob(f".{layout.holder.name}.*"))

    def is_being_written(self) -> bool:
        """Whether a writer is at work now, as far as that can be told without writing."""
        if not self.layout.lock.exists():
            return False
        lock = FileLock(self.layout.lock, mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # a medium that cannot be written to: nobody does
            return False
        lock.release()
        return False

    def sweep(self) -> bool:
        """Take away what a run that was cut off left half made, and tell whether there was any; only the writer may."""
        found = tuple(self.leftovers())
        for left in found:
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        return bool(found)

    def leftovers(self) -> Iterator[Path]:
        """What only a writer that is at work needs: anything in ``tmp``, half-written files, half an index."""
        layout = self.layout
        if layout.temporary.is_dir():
            yield from sorted(layout.temporary.iterdir())
        for folder in (
            layout.root, layout.cases, layout.sets, layout.scanners, layout.quarantine, layout.cache,
        ):  # fmt: skip
            yield from sorted(folder.glob(".*.tmp"))
        yield from sorted(layout.root.glob("index.db.new*"))


def _holder(layout: Layout) -> str:
    try:
        return layout.holder.read_text("utf-8")[:200]
    except OSError:
        return "another process"
