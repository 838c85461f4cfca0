"""Teaching files of other systems among what is found: which files are their documents, which are pictures shown twice.

A MIRC document names each picture in several forms. The best one is taken; the others would be the same picture again,
and wait in case it cannot be read.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from casearchive.importers import mirc

_HEAD = 4096
#: What is said of a form that is not taken.
PASSED = "another form of a picture that is taken"


@dataclass
class Documents:
    """``contents`` are the documents by name, ``passed`` and ``chosen`` names of forms of their pictures; all relative
    to where was looked, with ``/``. ``forms`` has those of each picture by document, the best first, relative to it."""

    contents: dict[str, bytes] = field(default_factory=dict)
    forms: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    chosen: set[str] = field(default_factory=set)

    def alone(self, name: str) -> bool:
        """Whether no other document lies in the folder of this one."""
        folder = PurePosixPath(name).parent
        return [PurePosixPath(other).parent for other in self.contents].count(folder) == 1

    def add(self, name: str, content: bytes, beside: mirc.Beside) -> None:
        self.contents[name] = content
        try:
            document = mirc.read(content, beside)
        except mirc.Refused:  # said when it is its turn; its pictures are then treated as any
            return
        self.forms[name] = document.forms
        folder = PurePosixPath(name).parent
        self.chosen |= {str(folder / media.file) for media in document.told.case.media}
        self.passed |= {str(folder / other) for other in document.passed}
        self.passed -= self.chosen


def in_folder(folder: Path, names: Iterable[str]) -> Documents:
    """The documents that lie in ``folder`` itself; what cannot be read is none."""
    found = Documents()
    for name in names:
        content = _content(folder / name) if name.lower().endswith(".xml") else None
        if content is not None:
            found.add(name, content, lambda asked: below(folder, asked))
    return found


def _content(path: Path) -> bytes | None:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return head + file.read(mirc.MOST_BYTES + 1 - len(head)) if mirc.is_document(head) else None
    except OSError:
        return None


def below(folder: Path, asked: str) -> str | None:
    """The name of the file that ``asked`` means, whatever the case of its letters; no link is looked through."""
    here, parts = folder, []
    try:
        for part in asked.split("/"):
            names = [entry.name for entry in here.iterdir()]
            name = among(names)(part)
            if name is None or (here / name).is_symlink():
                return None
            here = here / name
            parts.append(name)
        return "/".join(parts) if here.is_file() else None
    except OSError:
        return None


def among(names: Iterable[str]) -> Callable[[str], str | None]:
    """Finds a name among ``names``: itself, else the first that differs in the case of its letters only."""
    known = tuple(names)
    exact, loose = set(known), {name.casefold(): name for name in reversed(known)}
    return lambda asked: asked if asked in exact else loose.get(asked.casefold())


def in_zip(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], trouble: tuple[type[Exception], ...]
) -> Documents:
    """The documents of a zip. ``members`` are those that may be opened, by their names; ``trouble`` is what opening a
    damaged one raises: it is told when it is unpacked."""
    found = Documents()
    for name, member in members.items():
        if not name.lower().endswith(".xml"):
            continue
        try:
            with archive.open(member) as file:
                head = file.read(_HEAD)
                if not mirc.is_document(head):
                    continue
                content = head + file.read(mirc.MOST_BYTES + 1 - len(head))
        except trouble:
            continue
        folder = PurePosixPath(name).parent
        prefix = "" if str(folder) == "." else f"{folder}/"
        mine = among(other.removeprefix(prefix) for other in members if other.startswith(prefix))
        found.add(name, content, mine)
    return found
