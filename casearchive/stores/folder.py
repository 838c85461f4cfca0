"""Originals as plain files in a folder: ``objects/ab/abcd…``, read-only, written once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from casearchive.errors import NotFound, UnreadableFile
from casearchive.files import digest_of, private_folder, sync_folder, syncing
from casearchive.stores import Incoming

NAME = "folder"
_BLOCK = 1 << 18  # what fits a processor's cache is copied and hashed in two thirds of the time of a MiB
_HASH = re.compile(r"[0-9a-f]{64}")


class FolderStore:
    def __init__(self, objects: Path, temporary: Path) -> None:
        self._objects, self._temporary = objects, temporary

    def take(self, source: Path, *, link: bool = False) -> Incoming:
        """Copy ``source`` while hashing it. With ``link`` it is not copied but gets a second name (a hard link), where
        it lies on this disk and is ours; ``put`` makes it read-only under both.

        Raises ``UnreadableFile`` (special-file, unreadable, changed-while-reading); a pipe or a device is never waited
        for, a symbolic link never followed.
        """
        private_folder(self._temporary)
        copy = self._temporary / f"incoming-{secrets.token_hex(8)}"
        synced: Callable[[], None] = _nothing
        try:
            with _open_regular(source) as file:
                before = os.fstat(file.fileno())
                linked = link and _linked(source, file, copy)
                if linked:
                    sha256, size = _hashed(file)
                else:
                    sha256, size, synced = _copy(file, copy)
                after = os.fstat(file.fileno())
            same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
            if not same or size != before.st_size:
                raise UnreadableFile(
                    "changed-while-reading", "the file changed while it was being read", hint="Run it again."
                )
        except BaseException:
            self.drop(Incoming("", 0, copy, synced=synced))
            raise
        return Incoming(sha256, size, copy, linked, synced)

    def put(self, incoming: Incoming) -> bool:
        incoming.synced()
        target = self.path(incoming.sha256)
        if digest_of(target) == incoming.sha256:
            self.drop(incoming)
            return False
        private_folder(target.parent)
        if target.is_dir() and not target.is_symlink():
            # no file can take the place of a folder; what is in it is not ours to throw away
            target.rename(target.with_name(f"{target.name}.replaced-{secrets.token_hex(4)}"))
        incoming.path.chmod(stat.S_IRUSR)
        incoming.path.replace(target)
        return True

    def confirm(self, *hashes: str) -> None:
        for folder in sorted({self.path(sha256).parent for sha256 in hashes}):
            sync_folder(folder)

    def drop(self, incoming: Incoming) -> None:
        with contextlib.suppress(OSError):  # nobody relies on them
            incoming.synced()
        incoming.path.unlink(missing_ok=True)

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("the archive does not hold these bytes", where=sha256) from None

    def path(self, sha256: str) -> Path:
        if not _HASH.fullmatch(sha256):
            raise NotFound("this is not a SHA-256", where=sha256[:80])
        return self._objects / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        if not _HASH.fullmatch(sha256):
            return False
        try:  # asked of every file of every folder that comes along again: by the plainest road
            return stat.S_ISREG(os.lstat(f"{self._objects}{os.sep}{sha256[:2]}{os.sep}{sha256}").st_mode)
        except OSError:
            return False

    def remove(self, sha256: str) -> None:
        path = self.path(sha256)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            sync_folder(path.parent)

    def names(self) -> Iterator[str]:
        if not self._objects.is_dir():
            return
        for folder in sorted(self._objects.iterdir()):
            if folder.is_dir():
                names = (p.name for p in folder.iterdir())
                yield from sorted(n for n in names if _HASH.fullmatch(n) and n[:2] == folder.name)


def _open_regular(source: Path) -> BinaryIO:
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(source, flags)
    except OSError as error:
        raise UnreadableFile(
            "unreadable",
            f"it could not be opened ({error.strerror or type(error).__name__})",
            hint="Look at the permissions of the file and of its folder.",
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableFile("special-file", "it is not a plain file", hint="Nothing needs to be done.")
    return os.fdopen(descriptor, "rb")


def is_ours(state: os.stat_result) -> bool:
    """Whether the mode of a file is ours to change. Windows knows no such owner, and waits for no reader: nothing is
    linked there."""
    return state.st_uid == getattr(os, "geteuid", lambda: -1)()


def _linked(source: Path, file: BinaryIO, name: Path) -> bool:
    """Whether the open ``file`` has a second ``name`` now, and its bytes are on the disk."""
    state = os.fstat(file.fileno())
    if not is_ours(state):
        return False
    try:
        os.fsync(file.fileno())
        os.link(source, name, follow_symlinks=False)
    except (OSError, NotImplementedError):  # another disk, one without links, a system that forbids it
        return False
    if not os.path.samestat(state, name.lstat()):
        name.unlink()
        raise UnreadableFile(
            "changed-while-reading", "the file changed while it was being read", hint="Run it again."
        )
    return True


def _hashed(file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := _read(file):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _copy(file: BinaryIO, copy: Path) -> tuple[str, int, Callable[[], None]]:
    digest, size = hashlib.sha256(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(copy, flags, 0o600), "wb") as out:
        while block := _read(file):
            digest.update(block)
            out.write(block)
            size += len(block)
        out.flush()
        synced = syncing(out.fileno())
    return digest.hexdigest(), size, synced


def _nothing() -> None:
    pass


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(_BLOCK)
    except OSError as error:
        raise UnreadableFile(
            "unreadable", f"reading it failed ({error.strerror})", hint="Is the medium still there?"
        ) from error
