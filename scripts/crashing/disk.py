"""What a disk may hold after the power went: from the log of a run, by what was synced and what was not.

A file holds what it held when it was last synced; of what was written since, anything may be there or not, in whole or
in sectors. A name is as it was when its folder was last synced; of what was done to names since, any part may be there
(a rename is one thing). That is what POSIX leaves open, and more than most disks do.
"""

from __future__ import annotations

import enum
import hashlib
import random
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crashing.control import Call, Kind

_SECTOR = 512


@dataclass(eq=False, slots=True)
class Node:
    """A file or folder, whatever it is called. ``content`` is what a file held before the run."""

    folder: bool
    mode: int
    content: bytes = b""
    entries: dict[str, Node] = field(default_factory=dict)  # as the running program sees them


class Did(enum.Enum):
    NAME = "name"  # a name came, went or moved
    BYTES = "bytes"
    SYNC = "sync"
    TOLD = "told"


@dataclass(eq=False, slots=True)
class Step:
    """One thing that was done. ``node`` is whose bytes or names; of a name, ``before`` is where it left and ``after``
    where it came, each a folder with a name."""

    did: Did
    node: Node
    order: int
    begun: int
    before: tuple[Node, str] | None = None
    after: tuple[Node, str] | None = None
    other: Node | None = None  # in an exchange: what goes the other way
    offset: int = 0
    size: int | None = None
    data: bytes = b""
    path: str = ""
    durable: int | None = None  # the step from which it is sure to stay


class Disk:
    """The steps of a run on the tree at ``root``, which must be looked at before the run (``Disk(root)``) and told of
    afterwards (``heard``)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._top = _tree(root)
        self._inodes: dict[int, Node] = {}
        self._index(root, self._top)
        self._start = {id(n): dict(n.entries) for n in _all(self._top)}
        self.steps: list[Step] = []

    def heard(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if not call.failed:
                self._hear(call)
        for number, step in enumerate(self.steps):
            if step.did is Did.SYNC:
                for earlier in self.steps[:number]:
                    if (
                        earlier.durable is None
                        and earlier.order <= step.begun
                        and _covers(step.node, earlier)
                    ):
                        earlier.durable = number

    def _hear(self, call: Call) -> None:
        step = Step(Did.NAME, self._top, call.order, call.begun, path=call.path)
        if call.aside:
            step.did, step.data = Did.TOLD, call.data
            if call.kind is Kind.WRITE:
                self.steps.append(step)
            return
        match call.kind:
            case Kind.OPEN if call.created:
                step.node = self._inodes[call.inode] = Node(False, call.size)
                self._comes(step, call.path)
            case Kind.OPEN if call.emptied:
                step.did, step.size = Did.BYTES, 0
                step.node = self._at(call.path)
            case Kind.WRITE:
                step.did, step.offset, step.data = Did.BYTES, call.offset, call.data
                step.node = self._inodes[call.inode]
            case Kind.TRUNCATE:
                step.did, step.size = Did.BYTES, call.size
                step.node = self._inodes[call.inode]
            case Kind.FSYNC:
                step.did = Did.SYNC
                step.node = self._at(call.path) if call.folder else self._inodes[call.inode]
            case Kind.MKDIR:
                step.node = self._inodes[call.inode] = Node(True, call.size)
                self._comes(step, call.path)
            case Kind.UNLINK | Kind.RMDIR:
                step.node = self._at(call.path)
                self._goes(step, call.path)
            case Kind.RENAME:
                step.node = self._at(call.path)
                if call.offset & 2:  # RENAME_EXCHANGE
                    step.other = self._at(call.other)
                self._goes(step, call.path)
                self._comes(step, call.other)
                if step.other is not None and step.before is not None:
                    step.before[0].entries[step.before[1]] = step.other
            case Kind.LINK:
                step.node = self._inodes[call.inode]
                self._comes(step, call.other)
            case Kind.CHMOD:
                self._at(call.path).mode = call.size
                return
            case _:
                return
        self.steps.append(step)

    def _at(self, path: str) -> Node:
        node = self._top
        for part in Path(path).relative_to(self.root).parts:
            node = node.entries[part]
        return node

    def _comes(self, step: Step, path: str) -> None:
        folder, name = self._at(str(Path(path).parent)), Path(path).name
        folder.entries[name] = step.node
        step.after = (folder, name)

    def _goes(self, step: Step, path: str) -> None:
        folder, name = self._at(str(Path(path).parent)), Path(path).name
        folder.entries.pop(name, None)
        step.before = (folder, name)

    def _index(self, path: Path, node: Node) -> None:
        self._inodes[path.lstat().st_ino] = node
        for name, inner in node.entries.items():
            self._index(path / name, inner)

    # -------------------------------------------------------------------------------------------- states

    def cuts(self) -> list[int]:
        """After how many steps the power may go: around every sync and all that was told, where most hangs on it."""
        at = {0, len(self.steps)}
        for number, step in enumerate(self.steps):
            if step.did in (Did.SYNC, Did.TOLD):
                at |= {number, number + 1}
            elif step.did is Did.NAME:
                at.add(number + 1)
        return sorted(at)

    def told(self, cut: int) -> dict[str, bytes]:
        """By path, what was told until then."""
        found: dict[str, bytes] = {}
        for step in self.steps[:cut]:
            if step.did is Did.TOLD:
                found[step.path] = found.get(step.path, b"") + step.data
        return found

    def state(self, cut: int, kept: Callable[[Step], Iterable[tuple[int, bytes]] | bool]) -> State:
        """The disk where the power goes after ``cut`` steps. Of what was not durable, ``kept`` says whether it is
        there, or which pieces of it are."""
        names = {key: dict(entries) for key, entries in self._start.items()}
        content: dict[int, bytearray] = {}
        for step in self.steps[:cut]:
            if step.did not in (Did.NAME, Did.BYTES):
                continue
            sure = step.durable is not None and step.durable < cut
            how = True if sure else kept(step)
            if step.did is Did.NAME:
                if how:
                    _name(names, step)
            elif how is True:
                _put(content, step, [(step.offset, step.data)])
            elif how is not False:
                _put(content, step, how)
        return State(self._top, names, content)


@dataclass(slots=True)
class State:
    top: Node
    names: dict[int, dict[str, Node]]
    content: dict[int, bytearray]

    def files(self) -> dict[str, tuple[int, bytes | None]]:
        """Mode and bytes by path; of folders no bytes."""
        found: dict[str, tuple[int, bytes | None]] = {}
        self._walk("", self.top, found)
        return found

    def _walk(self, path: str, node: Node, found: dict[str, tuple[int, bytes | None]]) -> None:
        if not node.folder:
            found[path] = (node.mode, bytes(self.content.get(id(node), node.content)))
            return
        found[path] = (node.mode, None)
        for name, inner in self.names.get(id(node), {}).items():
            self._walk(f"{path}/{name}", inner, found)

    def digest(self) -> str:
        whole = hashlib.sha256()
        for path, (_, data) in sorted(self.files().items()):
            whole.update(f"{path}\0{-1 if data is None else len(data)}\0".encode())
            whole.update(data or b"")
        return whole.hexdigest()

    def lay_out(self, root: Path) -> None:
        """Make it under ``root``, a new folder."""
        for path, (mode, data) in self.files().items():
            here = root / path.lstrip("/")
            if data is None:
                here.mkdir(parents=True, exist_ok=True)
                here.chmod(0o700)
            else:
                here.write_bytes(data)
                here.chmod(mode)
        for path, (mode, data) in self.files().items():
            if data is None and path:
                (root / path.lstrip("/")).chmod(mode)


# ------------------------------------------------------------------------------------------------ what may be there


def nothing(_: Step) -> bool:
    """Only what was synced."""
    return False


def everything(_: Step) -> bool:
    """All that was done, as after a kill."""
    return True


def names_alone(step: Step) -> bool:
    """Names are there, bytes are not: files are empty, or as they were."""
    return step.did is Did.NAME


def bytes_alone(step: Step) -> bool:
    return step.did is Did.BYTES


def zeros(step: Step) -> Iterable[tuple[int, bytes]] | bool:
    """Files have their size, and nothing in them."""
    return True if step.did is Did.NAME or step.size is not None else [(step.offset, bytes(len(step.data)))]


def by_chance(seed: str) -> Callable[[Step], Iterable[tuple[int, bytes]] | bool]:
    """A mixture: some names, some files to some point, some sectors of some writes."""
    rng = random.Random(seed)
    likely = rng.choice((0.2, 0.5, 0.8))
    habits: dict[int, str] = {}

    def kept(step: Step) -> Iterable[tuple[int, bytes]] | bool:
        if step.did is Did.NAME:
            return rng.random() < likely
        habit = habits.setdefault(id(step.node), rng.choice(("none", "all", "some", "torn", "until")))
        if habit == "until":
            if rng.random() < 0.3:
                habits[id(step.node)] = "none"
            return True
        if habit == "torn" and step.size is None:
            return [piece for piece in _sectors(step) if rng.random() < likely]
        return {"none": False, "all": True}.get(habit, rng.random() < likely)

    return kept


def _sectors(step: Step) -> list[tuple[int, bytes]]:
    """A write in pieces as a disk takes them."""
    pieces, at, end = [], step.offset, step.offset + len(step.data)
    while at < end:
        until = min(end, (at // _SECTOR + 1) * _SECTOR)
        pieces.append((at, step.data[at - step.offset : until - step.offset]))
        at = until
    return pieces


def _name(names: dict[int, dict[str, Node]], step: Step) -> None:
    if step.before is not None:
        folder, name = step.before
        entries = names.setdefault(id(folder), {})
        if step.after is not None or entries.get(name) is step.node:
            entries.pop(name, None)
        if step.other is not None:
            entries[name] = step.other
    if step.after is not None:
        folder, name = step.after
        names.setdefault(id(folder), {})[name] = step.node


def _put(content: dict[int, bytearray], step: Step, pieces: Iterable[tuple[int, bytes]]) -> None:
    held = content.setdefault(id(step.node), bytearray(step.node.content))
    if step.size is not None:
        del held[step.size :]
        held.extend(bytes(step.size - len(held)))
        return
    for offset, data in pieces:
        if len(held) < offset:
            held.extend(bytes(offset - len(held)))
        held[offset : offset + len(data)] = data


def _covers(node: Node, earlier: Step) -> bool:
    """Whether a sync of ``node`` makes an earlier step durable: its bytes, or names in it."""
    if earlier.did is Did.BYTES:
        return earlier.node is node
    if earlier.did is not Did.NAME:
        return False
    place = earlier.after or earlier.before
    return place is not None and place[0] is node


def _tree(path: Path) -> Node:
    state = path.lstat()
    if stat.S_ISDIR(state.st_mode):
        entries = {inner.name: _tree(inner) for inner in sorted(path.iterdir())}
        return Node(True, stat.S_IMODE(state.st_mode), entries=entries)
    return Node(False, stat.S_IMODE(state.st_mode), path.read_bytes())


def _all(node: Node) -> Iterable[Node]:
    yield node
    for inner in node.entries.values():
        yield from _all(inner)
