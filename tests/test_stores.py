"""One contract for every store plug, and what the folder promises besides."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from casearchive import stores
from casearchive.errors import NotFound, UnreadableFile
from casearchive.plugs import plugs
from casearchive.stores import Store
from casearchive.stores.folder import FolderStore
from casearchive.stores.memory import MemoryStore

KINDS = [module.NAME for module in plugs(stores)]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        (tmp_path / "objects").mkdir()
        return FolderStore(tmp_path / "objects", tmp_path / "tmp")
    assert request.param == "memory", f"say here how a store of kind {request.param} is made"
    return MemoryStore(tmp_path / "tmp")


def _file(folder: Path, content: bytes = b"bytes", name: str = "file") -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_what_is_put_is_held_under_its_own_hash_and_comes_back_bit_for_bit(
    store: Store, tmp_path: Path
) -> None:
    source, name = _file(tmp_path)
    incoming = store.take(source)
    assert (incoming.sha256, incoming.size) == (name, 5)
    assert not store.has(name)
    assert store.put(incoming) is True
    assert store.has(name)
    assert list(store.names()) == [name]
    assert store.path(name).read_bytes() == b"bytes"
    with store.open(name) as file:
        assert file.read() == b"bytes"
    assert source.read_bytes() == b"bytes"
    assert not incoming.path.exists()


def test_the_same_bytes_are_held_once(store: Store, tmp_path: Path) -> None:
    source, name = _file(tmp_path)
    store.put(store.take(source))
    again = store.take(source)
    assert store.put(again) is False
    assert list(store.names()) == [name]
    assert not again.path.exists()


def test_what_is_dropped_was_never_there(store: Store, tmp_path: Path) -> None:
    incoming = store.take(_file(tmp_path)[0])
    store.drop(incoming)
    store.drop(incoming)
    assert list(store.names()) == []
    assert not incoming.path.exists()


def test_names_are_sorted_and_removal_can_be_repeated(store: Store, tmp_path: Path) -> None:
    names = []
    for number in range(5):
        source, name = _file(tmp_path, bytes([number]))
        store.put(store.take(source))
        names.append(name)
    assert list(store.names()) == sorted(names)
    store.remove(names[0])
    store.remove(names[0])
    assert not store.has(names[0])
    assert list(store.names()) == sorted(names[1:])


def test_unknown_bytes_are_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.open("0" * 64)


# ------------------------------------------------------------------------------------------- the folder


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects", tmp_path / "tmp")


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", ""])
def test_only_a_hash_is_ever_a_path(folder: FolderStore, name: str) -> None:
    with pytest.raises(NotFound):
        folder.path(name)


@pytest.mark.parametrize("damage", ["bytes", "link", "gone", "folder"])
def test_putting_the_original_again_heals_a_damaged_copy(
    folder: FolderStore, tmp_path: Path, damage: str
) -> None:
    source, name = _file(tmp_path)
    folder.put(folder.take(source))
    held = folder.path(name)
    held.unlink()
    if damage == "bytes":
        held.write_bytes(b"bytez")
    if damage == "folder":
        held.mkdir()
    if damage == "link":
        held.symlink_to(source)
        assert not folder.has(name)
    assert folder.put(folder.take(source)) is True
    assert held.read_bytes() == b"bytes"
    assert not held.is_symlink()


def test_bytes_that_the_disk_refuses_late_never_have_a_name(
    folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, name = _file(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    folder.drop(folder.take(source))
    monkeypatch.setattr(os, "fsync", full)
    incoming = folder.take(source)
    with pytest.raises(OSError, match="No space"):
        folder.put(incoming)
    assert not folder.has(name)
    folder.drop(incoming)
    assert not incoming.path.exists()


def test_where_no_thread_can_wait_for_the_disk_it_is_waited_for_at_once(
    folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    source, name = _file(tmp_path)
    assert folder.put(folder.take(source)) is True
    assert folder.has(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows copies")
def test_a_source_that_is_linked_is_kept_itself_and_read_only_from_then_on(
    folder: FolderStore, tmp_path: Path
) -> None:
    source, name = _file(tmp_path)
    incoming = folder.take(source, link=True)
    assert incoming.linked
    assert incoming.sha256 == name
    assert stat.S_IMODE(source.stat().st_mode) & stat.S_IWUSR, "until it is kept it is the owner's alone"
    assert folder.put(incoming) is True
    assert folder.path(name).samefile(source)
    assert stat.S_IMODE(source.stat().st_mode) == stat.S_IRUSR
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows copies")
def test_a_linked_source_that_is_not_kept_is_as_it_was(folder: FolderStore, tmp_path: Path) -> None:
    source, name = _file(tmp_path)
    before = source.stat()
    folder.drop(folder.take(source, link=True))
    folder.put(folder.take(source))
    assert folder.put(folder.take(source, link=True)) is False, "these bytes are held already"
    after = source.stat()
    assert (after.st_mode, after.st_nlink, after.st_mtime_ns) == (before.st_mode, 1, before.st_mtime_ns)
    assert not folder.path(name).samefile(source)


def test_what_cannot_be_linked_is_copied(
    folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refused)
    source, name = _file(tmp_path)
    incoming = folder.take(source, link=True)
    assert not incoming.linked
    folder.put(incoming)
    assert folder.path(name).read_bytes() == b"bytes"
    assert not folder.path(name).samefile(source)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows copies")
def test_a_file_of_another_owner_is_copied(
    folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not folder.take(_file(tmp_path)[0], link=True).linked


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_objects_are_private_and_read_only_whatever_the_umask(folder: FolderStore, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        source, name = _file(tmp_path)
        folder.put(folder.take(source))
    finally:
        os.umask(before)
    assert folder.path(name).stat().st_mode & 0o777 == 0o400
    assert folder.path(name).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_is_never_waited_for_and_a_link_never_followed(folder: FolderStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFile) as refusal:
        folder.take(tmp_path / "pipe")
    assert refusal.value.reason == "special-file"
    (tmp_path / "link").symlink_to(_file(tmp_path)[0])
    with pytest.raises(UnreadableFile) as refusal:
        folder.take(tmp_path / "link")
    assert refusal.value.reason == "unreadable"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_refused(
    folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive.stores import folder as module

    source, _ = _file(tmp_path)
    honest = module._copy

    def growing(file: object, copy: Path) -> tuple[str, int]:
        with source.open("ab") as more:
            more.write(b"!")
        return honest(file, copy)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_copy", growing)
    with pytest.raises(UnreadableFile) as refusal:
        folder.take(source)
    assert refusal.value.reason == "changed-while-reading"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_bytes_are_on_the_disk_before_they_have_their_name(
    folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    for name in ("fsync", "replace", "rename"):
        real = getattr(os, name)

        def spy(*args: object, name: str = name, real: object = real, **more: object) -> object:
            did.append(name)
            return real(*args, **more)  # type: ignore[operator]

        monkeypatch.setattr(os, name, spy)
    taken = folder.take(_file(tmp_path)[0])
    folder.put(taken)
    folder.confirm(taken.sha256)
    last = max(i for i, what in enumerate(did) if what in ("replace", "rename"))
    assert "fsync" in did[:last], "the content before its name"
    assert "fsync" in did[last:], "the name itself"
