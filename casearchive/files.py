"""Writing files privately and so that they stay written: temporary sibling, fsync, rename, fsync above."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from casearchive.errors import CaseArchiveError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_WAITING = ".new"
_SYSTEM: str = sys.platform


def private_folder(path: Path) -> Path:
    """Make ``path`` (and what is missing above it) readable by its owner alone, whatever the umask says."""
    missing = []
    here = path
    while not here.exists():
        missing.append(here)
        here = here.parent
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=PRIVATE_FOLDER)
            folder.chmod(PRIVATE_FOLDER)
            sync_folder(folder.parent)
    return path


def write_durably(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace ``path`` by ``content`` (which may come in pieces), whole or not at all, and only return when it is on
    the disk."""
    with temporary_sibling(path) as temporary:
        _write_private(temporary, content, sync=True)
        temporary.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def replaced_together(contents: Mapping[Path, bytes]) -> Iterator[None]:
    """Replace files when the body has ended. Their new bytes are durable beside them before it begins, under a name
    that a run which is cut off meanwhile leaves there (``waiting``): whoever comes next finishes it or takes it back.

    Where the body says that it did nothing (an ``OSError``, or an error of ours), nothing is left beside them.
    """
    beside = {path: path.with_name(f".{path.name}{_WAITING}") for path in contents}
    try:
        for path, new in beside.items():
            new.unlink(missing_ok=True)
            _write_private(new, contents[path], sync=True)
        for folder in {path.parent for path in contents}:
            sync_folder(folder)
        yield
    except (OSError, CaseArchiveError):
        for new in beside.values():
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
        raise
    for path, new in beside.items():
        new.replace(path)
    for folder in {path.parent for path in contents}:
        sync_folder(folder)


def waiting(folder: Path) -> Iterator[tuple[Path, Path]]:
    """What ``replaced_together`` left in ``folder``: the file beside, and the one whose place it was to take."""
    for beside in sorted(folder.glob(f".?*{_WAITING}")):
        yield beside, folder / beside.name[1 : -len(_WAITING)]


def write_lightly(path: Path, content: bytes, *, by: Path | None = None) -> None:
    """The same for what can be made again: whole or not at all, without waiting for the disk; half-made in the folder
    ``by`` (of the same disk), or beside it."""
    private_folder(path.parent)
    with temporary_sibling(path if by is None else private_folder(by) / path.name) as temporary:
        _write_private(temporary, content, sync=False)
        temporary.replace(path)


def open_plain(path: Path) -> BufferedReader:
    """A plain file, open for reading. Never follows a link and never waits for a pipe: raises ``OSError`` there."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return os.fdopen(descriptor, "rb")


def read_plain(path: Path) -> bytes:
    """The bytes of a plain file; raises ``OSError`` where it is none (see ``open_plain``)."""
    with open_plain(path) as file:
        return file.read()


def printable(name: str) -> str:
    """A name that a stranger wrote, safe to print: control codes and the like are shown escaped."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def digest_of(path: Path) -> str:
    """SHA-256 of a plain file; empty where it cannot be read, or is something else."""
    import hashlib

    try:
        with open_plain(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def append_durably(path: Path, content: bytes) -> None:
    """Add ``content`` to the end of ``path`` and only return when it is on the disk."""
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
    with os.fdopen(descriptor, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folder(path.parent)


@contextlib.contextmanager
def temporary_sibling(path: Path) -> Iterator[Path]:
    """A name beside ``path`` that nobody else uses; whatever is left under it is taken away again."""
    temporary = path.with_name(f".{path.name[:40]}.{os.urandom(6).hex()}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def syncing(descriptor: int) -> Callable[[], None]:
    """Begin to wait for the disk beside other work; the file may be closed meanwhile. What is returned waits until its
    bytes are there, and raises ``OSError`` where they never came."""
    import threading

    own, trouble = os.dup(descriptor), list[OSError]()

    def wait() -> None:
        try:
            os.fsync(own)
        except OSError as error:
            trouble.append(error)
        finally:
            os.close(own)

    waiting = threading.Thread(target=wait)
    try:
        waiting.start()
    except RuntimeError:  # no thread to be had: at once, then
        wait()

    def synced() -> None:
        if waiting.ident is not None:
            waiting.join()
        if trouble:
            raise trouble[0]

    return synced


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable. Windows has no such call: its renames are journalled."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchanged(one: Path, other: Path) -> bool:
    """Give two files or folders each other's name, at one instant. False where the system or the disk cannot; nothing
    is changed then."""
    import ctypes  # needed where an export replaces an older one

    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if _SYSTEM == "linux":
            here = -100  # AT_FDCWD; 2 is RENAME_EXCHANGE
            return bool(library.renameat2(here, names[0], here, names[1], 2) == 0)
        if _SYSTEM == "darwin":
            return bool(library.renamex_np(*names, 2) == 0)  # RENAME_SWAP
    except (OSError, AttributeError, TypeError):
        pass
    return False


def sync_tree(root: Path) -> None:
    """Make all files and names below ``root`` durable; several at once, for the disk takes them together."""
    from concurrent.futures import ThreadPoolExecutor  # needed by exports alone

    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(_sync_file, files))
        list(threads.map(sync_folder, folders))


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _write_private(path: Path, content: bytes | Iterable[bytes], *, sync: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)
        if sync:
            file.flush()
            os.fsync(file.fileno())
