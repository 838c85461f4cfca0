"""Teaching files of other systems among what is found: which files are their documents, which are pictures shown twice.

A MIRC document names each picture in several forms. The best one is taken; the others would be the same picture again,
and wait in case it cannot be read.
"""

from __future__ import annotations

import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from casearchive.importers import mirc

_HEAD = 4096
#: What is said of a form that is not taken.
PASSED = "another form of a picture that is taken"


@dataclass
class Documents:
    """``forms`` has every document by name, with those forms of each of its pictures that has several, the best first,
    relative to it. ``passed`` and ``chosen`` are names of forms of their pictures. Names are relative to where was
    looked, with ``/``. What documents say is not kept: a zip may hold more of them than there is memory."""

    forms: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    chosen: set[str] = field(default_factory=set)
    _folders: Counter[PurePosixPath] = field(default_factory=Counter)

    def alone(self, name: str) -> bool:
        """Whether no other document lies in the folder of this one."""
        return self._folders[PurePosixPath(name).parent] == 1

    def add(self, name: str, content: bytes, beside: mirc.Beside) -> None:
        folder = PurePosixPath(name).parent
        self.forms[name] = ()
        self._folders[folder] += 1
        try:
            document = mirc.read(content, beside)
        except mirc.Refused:  # said when it is its turn; its pictures are then treated as any
            return
        self.forms[name] = tuple(dict.fromkeys(forms for forms in document.forms if len(forms) > 1))
        self.chosen |= {str(folder / media.file) for media in document.told.case.media}
        self.passed |= {str(folder / other) for other in document.passed}
        self.passed -= self.chosen


def in_folder(folder: Path, names: Iterable[str]) -> Documents:
    """The documents that lie in ``folder`` itself; what cannot be read is none."""
    found = Documents()
    below = _Below(folder)
    for name in names:
        content = content_of(folder / name) if name.lower().endswith(".xml") else None
        if content is not None and mirc.is_document(content[:_HEAD]):
            found.add(name, content, below)
    return found


def content_of(path: Path) -> bytes | None:
    """What a document says, or what another file begins with; None where it cannot be read or is no plain file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return head + (file.read(mirc.MOST_BYTES + 1 - len(head)) if mirc.is_document(head) else b"")
    except OSError:
        return None


class _Below:
    """The name of the file below ``folder`` that somebody asks for, whatever the case of its letters; no link is looked
    through. Each folder is listed once, however many documents lie there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[Path, Callable[[str], str | None]] = {}

    def __call__(self, asked: str) -> str | None:
        here, parts = self._folder, []
        try:
            for part in asked.split("/"):
                if here not in self._listed:
                    self._listed[here] = among(entry.name for entry in here.iterdir())
                name = self._listed[here](part)
                if name is None or (here / name).is_symlink():
                    return None
                here = here / name
                parts.append(name)
            return "/".join(parts) if here.is_file() else None
        except OSError:
            return None


def among(names: Iterable[str]) -> Callable[[str], str | None]:
    """Finds a name among ``names``: itself, else the first that differs only in the case of its letters, or in how
    their accents are composed (macOS decomposes them)."""
    known = tuple(names)
    exact, loose = set(known), {_loosely(name): name for name in reversed(known)}
    return lambda asked: asked if asked in exact else loose.get(_loosely(asked))


def _loosely(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _below(anywhere: Callable[[str], str | None], prefix: str, asked: str) -> str | None:
    """What ``asked`` means below the folder ``prefix`` of a zip."""
    name = anywhere(prefix + asked)
    return name.removeprefix(prefix) if name is not None and name.startswith(prefix) else None


def in_zip(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], trouble: tuple[type[Exception], ...]
) -> Documents:
    """The documents of a zip. ``members`` are those that may be opened, by their names; ``trouble`` is what opening a
    damaged one raises: it is told when it is unpacked."""
    found = Documents()
    anywhere = among(members)
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
        found.add(name, content, partial(_below, anywhere, name.removesuffix(PurePosixPath(name).name)))
    return found
