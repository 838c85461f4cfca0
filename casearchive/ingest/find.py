"""Finding what there is to take: walks folders, looks into zips, and never follows a link or waits for a pipe."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import secrets
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from casearchive.files import printable, private_folder
from casearchive.ingest import bags, teachingfiles
from casearchive.ingest.teachingfiles import Documents
from casearchive.model import Outcome
from casearchive.settings import MARKER

CASE_FILE = "case.toml"
_OWN = frozenset({"objects", "cache", "tmp", "quarantine"})
_HOUSEKEEPING = re.compile(r"(\.ds_store|thumbs\.db|desktop\.ini|\._.*|\.directory|__macosx)", re.IGNORECASE)
_ZIP_MEMBERS, _ZIP_BYTES, _ZIP_RATIO = 50_000, 16 << 30, 500
_SMALL = 64 << 20
_DEEPEST = 100
#: Zips inside, documents to their owners: the pictures in them are illustrations, not clips.
_ZIPPED_DOCUMENTS = frozenset({
    ".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".odt", ".ods",
    ".odp", ".odg", ".epub", ".jar", ".apk", ".key", ".pages", ".numbers",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One file to look at. ``shown`` is what the report calls it (``disc.zip!IM1`` inside a zip), ``folder`` the
    shown folder it lies in, ``name`` its own name, ``bag`` what the bag says of it in which it lies."""

    path: Path
    shown: str
    folder: str
    name: str
    in_zip: bool = False
    bag: bags.Said = bags.NOTHING
    state: os.stat_result | None = None  # when it was found, where it was looked at


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """A ``case.toml``: comes after every file in and below its folder."""

    record: Found
    members: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class TeachingFile:
    """A document of another system that tells a case: comes after every file in and below its folder. ``alone``: no
    other lies in its folder. ``forms`` are the names of each of its pictures, the best first; ``spare`` are those that
    wait in case a better one cannot be read. Names are relative to the document."""

    record: Found
    members: tuple[Found, ...]
    alone: bool
    forms: tuple[tuple[str, ...], ...]
    spare: Mapping[str, Found]


@dataclass(frozen=True, slots=True)
class Spare:
    """A form of a picture that a document shows in a better one: comes after that document."""

    found: Found


@dataclass(frozen=True, slots=True)
class Drain:
    """Finish everything found so far before asking for the next: its temporary files go away then."""


Item = Found | CaseFolder | TeachingFile | Spare | Outcome | Drain


def count(paths: Iterable[Path]) -> tuple[int, int]:
    """Roughly how many files ``find`` will come upon (a zip counts as one) and their bytes: for telling the time left
    and whether there is room."""
    files = size = 0
    for path in paths:
        if not path.is_dir() or path.is_symlink():
            files, size = files + 1, size + _size(path)
            continue
        for folder, _, names in os.walk(path):
            files += len(names)
            size += sum(_size(f"{folder}{os.sep}{name}") for name in names)
    return files, size


def _size(path: Path | str) -> int:
    try:
        return os.lstat(path).st_size
    except (OSError, ValueError):
        return 0


@dataclass(frozen=True, slots=True)
class _Walk:
    """What holds for all of it: see ``find``. ``seen`` are the folders that were gone through."""

    archive: Path
    unpack: Path
    known: Callable[[Path, os.stat_result], bool]
    seen: set[tuple[int, int]] = field(default_factory=set)


def find(
    paths: Iterable[Path],
    *,
    archive: Path,
    unpack: Path,
    known: Callable[[Path, os.stat_result], bool] = lambda _path, _state: False,
) -> Iterator[Item]:
    """Everything at and below ``paths``, sorted, each folder's case file after its files.

    What cannot be taken comes as an ``Outcome``. Members of zips are unpacked below ``unpack``, one zip at a time;
    they are gone when the next item after the zip is asked for. A file of which ``known`` says that it was taken as it
    is, with this size and time, is not opened.
    """
    walk = _Walk(archive, unpack, known)
    for path in paths:
        if _is_own(path, archive):
            why = "this is a part of the archive itself"
            yield Outcome(_printable(path), "skipped", reason="part-of-archive", message=why)
        else:
            yield from _at(path, walk)


def _is_own(path: Path, archive: Path) -> bool:
    """Whether it lies where the archive keeps bytes of its own, however it is called."""
    try:
        parts = path.resolve().relative_to(archive.resolve()).parts
    except (OSError, ValueError, RuntimeError):  # elsewhere; no name of a file; links in a circle
        return False
    return bool(parts) and parts[0] in _OWN


def _at(
    path: Path,
    walk: _Walk,
    depth: int = 0,
    around: tuple[bags.Bag, ...] = (),
) -> Iterator[Item]:
    try:
        state = path.lstat()
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte, from standard input
        why = getattr(error, "strerror", None) or "this cannot be the name of a file"
        why = f"{why}: check the name and the medium"
        yield Outcome(_printable(path), "failed", reason="unreadable", message=why)
        return
    if stat.S_ISREG(state.st_mode):
        yield from _file(path, state, walk, around) if depth else _named(path, state, walk)
    elif stat.S_ISDIR(state.st_mode):
        if depth > _DEEPEST:
            why = f"folders nested more than {_DEEPEST} deep: name this one by itself"
            yield Outcome(_printable(path), "failed", reason="unreadable", message=why)
            return
        yield from _in_folder(path, walk, depth, around)
    elif stat.S_ISLNK(state.st_mode):
        there = path.exists()
        why = (
            "a link; name the file it points to instead" if there else "a link to something that is not there"
        )
        yield Outcome(_printable(path), "skipped", reason="link", message=why)
    else:
        why = "not a file: a pipe, socket or device"
        yield Outcome(_printable(path), "skipped", reason="special-file", message=why)


def _in_folder(
    folder: Path,
    walk: _Walk,
    depth: int,
    around: tuple[bags.Bag, ...] = (),
) -> Iterator[Item]:
    try:
        state = folder.stat()
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield Outcome(_printable(folder), "failed", reason="unreadable", message=f"the folder: {why}")
        return
    if (state.st_dev, state.st_ino) in walk.seen and state.st_ino:
        return
    walk.seen.add((state.st_dev, state.st_ino))
    if folder.absolute() == walk.archive.absolute() or _same(folder, walk.archive):
        yield Outcome(
            _printable(folder), "skipped", reason="part-of-archive", message="this is the archive itself"
        )
        return
    if MARKER in names and "ledger.jsonl" in names:
        why = "another archive: its cases come in as an export from there (casearchive export … --as folder)"
        yield Outcome(_printable(folder), "skipped", reason="part-of-archive", message=why)
        return
    bag = None
    if bags.DECLARATION in names and _is_plain(folder / bags.DECLARATION):
        bag = bags.of_folder(folder, _printable(folder))
        around = (bag, *around)
    members: list[Found] = []
    has_record = CASE_FILE in names and _is_plain(folder / CASE_FILE)
    documents = teachingfiles.in_folder(folder, names)
    told_of = has_record or bool(documents.forms)  # else nobody asks what lies beside
    passed = {_printable(folder / name): name for name in documents.passed}
    spare: dict[str, Found] = {}
    for name in names:
        if (name == CASE_FILE and has_record) or name in documents.forms:
            continue
        if _HOUSEKEEPING.fullmatch(name):
            yield Outcome(
                _printable(folder / name), "skipped", reason="ignored", message="housekeeping of the system"
            )
            continue
        if around and _is_plain(folder / name) and (tag := bags.tag(around, folder / name, folder / name)):
            yield tag
            continue
        for item in _at(folder / name, walk, depth + 1, around):
            if isinstance(item, Found) and item.shown in passed:
                spare[passed[item.shown]] = item
                continue
            if told_of and isinstance(item, Found) and not item.in_zip:
                members.append(item)
            yield item
    if bag:
        yield from bags.missing(bag, bags.in_folder(bag))
    if has_record:
        yield CaseFolder(_found(folder / CASE_FILE, around), tuple(members))
    beside = tuple(members)
    for name, forms in documents.forms.items():
        yield TeachingFile(_found(folder / name, around), beside, documents.alone(name), forms, spare)
    yield from map(Spare, spare.values())


def _named(path: Path, state: os.stat_result, walk: _Walk) -> Iterator[Item]:
    """A file that somebody named by itself: what it tells of comes with it."""
    if path.name.upper() == "DICOMDIR":  # the index stands for its disc
        yield from _in_folder(path.parent, walk, 0)
    elif path.name == CASE_FILE:
        siblings = [p for p in sorted(path.parent.iterdir()) if p.name != path.name and _is_plain(p)]
        members = tuple(_found(p) for p in siblings if not _HOUSEKEEPING.fullmatch(p.name))
        yield from members
        yield CaseFolder(_found(path), members)
    elif (document := teachingfiles.in_folder(path.parent, [path.name])).forms:
        members = tuple(_found(path.parent / name) for name in sorted(document.chosen))
        yield from members
        spare = {name: _found(path.parent / name) for name in sorted(document.passed)}
        yield TeachingFile(_found(path), members, document.alone(path.name), document.forms[path.name], spare)
    else:
        yield from _file(path, state, walk, ())


def _file(path: Path, state: os.stat_result, walk: _Walk, around: tuple[bags.Bag, ...]) -> Iterator[Item]:
    if path.name.upper() == "DICOMDIR" or walk.known(path, state):
        yield _found(path, around, state)
    elif path.suffix.lower() not in _ZIPPED_DOCUMENTS and _is_zip(path):
        refused = _bagged_zip(_found(path, around))
        yield from (refused,) if refused else _in_zip(path, walk.unpack)
    else:
        yield _found(path, around, state)


def another_form(found: Found) -> Outcome:
    """The line for a form of a picture that is taken in another one; a bag is held to its promise of it, too."""
    try:
        wrong = bags.differs(found.bag, found.path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Outcome(found.shown, "failed", reason="unreadable", message=f"{why}: check the medium")
    if wrong:
        return Outcome(found.shown, "failed", reason="bag-differs", message=wrong)
    return Outcome(found.shown, "skipped", reason="other-form", message=teachingfiles.PASSED)


def _found(path: Path, around: tuple[bags.Bag, ...] = (), state: os.stat_result | None = None) -> Found:
    folder, name = os.path.split(path)
    said = bags.said(around, path) if around else bags.NOTHING
    return Found(path, _printable(path), _printable(folder or "."), _printable(name), bag=said, state=state)


def _bagged_zip(zipped: Found) -> Outcome | None:
    """The line for a zip that is not what its bag promises: it is not opened. Others are judged as they are copied."""
    try:
        wrong = bags.differs(zipped.bag, zipped.path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Outcome(zipped.shown, "failed", reason="unreadable", message=f"{why}: check the medium")
    return Outcome(zipped.shown, "failed", reason="bag-differs", message=wrong) if wrong else None


def _is_plain(path: Path) -> bool:
    """A file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _printable(path: Path | str) -> str:
    """The path as text that is safe to print and to encode: odd bytes and control codes are shown escaped."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


# -------------------------------------------------------------------------------------------------- zips


_ZIP_TROUBLE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError,
    zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def _in_zip(path: Path, unpack: Path) -> Iterator[Item]:
    """The members of a zip, unpacked under neutral names; refused whole where it cannot be read safely."""
    shown = _printable(path)
    made: list[Path] = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda m: m.filename)
            trouble = _unsafe(members, path.stat().st_size)
            if trouble:
                yield Outcome(shown, "failed", reason="archive-refused", message=trouble)
                return
            if not all(m.filename for m in members):  # zipfile itself stumbles over those
                why = "it has no name; it was not taken"
                yield Outcome(f"{shown}!", "failed", reason="unsafe-name", message=why)
                members = [m for m in members if m.filename]
            elif all(m.is_dir() for m in members):
                yield Outcome(shown, "skipped", reason="empty", message="the zip holds no files")
            yield from _members(archive, members, shown, unpack, made)
            yield Drain()
    except (OSError, *_ZIP_TROUBLE) as error:
        # zipfile's own errors for damaged, encrypted or exotic archives
        why = f"the zip cannot be read ({_zip_trouble(error)}): make it again or unpack it first"
        yield Outcome(shown, "failed", reason="archive-refused", message=why)
    finally:
        for file in made:
            file.unlink(missing_ok=True)


def _zip_trouble(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it could not be read"
    if isinstance(error, NotImplementedError):
        return "its way of packing is not known here"
    if isinstance(error, RuntimeError):
        return "it is encrypted"
    return "it is damaged"


def _unsafe(members: list[zipfile.ZipInfo], held: int) -> str:
    """The complaint about a zip of ``held`` bytes as a whole, or nothing."""
    if len(members) > _ZIP_MEMBERS:
        return f"the zip has more than {_ZIP_MEMBERS} members: unpack it first"
    size = sum(m.file_size for m in members)
    packed = sum(m.compress_size for m in members)
    if packed > held:  # a few megabytes could unpack to terabytes, each member looking innocent
        return "members of the zip are the same piece of it: make it again from its files"
    if size > _ZIP_BYTES or (size > _SMALL and size > _ZIP_RATIO * max(packed, 1)):
        return "the zip unpacks to far more than it should: unpack it by hand if you trust it"
    return ""


def _members(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], shown: str, unpack: Path, made: list[Path]
) -> Iterator[Item]:
    private_folder(unpack)
    files: list[Found] = []
    records: list[Found] = []
    spare: dict[str, Found] = {}
    packed_bags = bags.of_zip(archive, members, shown)
    documents, papers = _documents_of(archive, members), {}
    for number, member in enumerate(members):
        name = member.filename.replace("\\", "/")
        label = f"{shown}!{printable(name)}"
        if member.is_dir():
            continue
        trouble = _member_trouble(member, name)
        if trouble:
            reason, outcome, message = trouble
            yield Outcome(label, outcome, reason=reason, message=message)
            continue
        copy = unpack / f"member-{secrets.token_hex(6)}-{number}"
        made.append(copy)
        problem = _unpacked(archive, member, copy)
        if problem:
            yield Outcome(label, "failed", reason="archive-refused", message=problem)
            continue
        inside = PurePosixPath(name)
        around = bags.around(packed_bags, inside)
        if tag := bags.tag(around, inside, copy):
            yield tag
            continue
        folder, told = f"{shown}!{printable(str(inside.parent))}", bags.said(around, inside)
        found = Found(copy, label, folder, printable(inside.name), in_zip=True, bag=told)
        if name in documents.passed:
            spare[name] = found
        elif inside.name == CASE_FILE:
            records.append(found)
        elif name in documents.forms:
            papers[name] = found
        elif inside.suffix.lower() not in _ZIPPED_DOCUMENTS and _is_zip(copy):
            yield Outcome(
                label,
                "failed",
                reason="archive-refused",
                message="a zip inside a zip: unpack the outer one first",
            )
        else:
            files.append(found)
            yield found
    held = {PurePosixPath(m.filename.replace("\\", "/")) for m in members if not m.is_dir()}
    for bag in packed_bags.values():
        yield from bags.missing(bag, bags.in_zip(bag, held))
    for record in records:
        yield CaseFolder(record, _beside(record, files))
    beside: dict[str, tuple[Found, ...]] = {}
    for name, paper in papers.items():
        prefix, forms = name.removesuffix(PurePosixPath(name).name), documents.forms[name]
        if paper.folder not in beside:
            beside[paper.folder] = _beside(paper, files)
        near = {form: spare[prefix + form] for each in forms for form in each if prefix + form in spare}
        yield TeachingFile(paper, beside[paper.folder], documents.alone(name), forms, near)
    yield from map(Spare, spare.values())


def _documents_of(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Documents:
    names = ((member.filename.replace("\\", "/"), member) for member in members if not member.is_dir())
    sound = {name: member for name, member in names if _member_trouble(member, name) is None}
    return teachingfiles.in_zip(archive, sound, _ZIP_TROUBLE)


def _beside(record: Found, files: list[Found]) -> tuple[Found, ...]:
    """The files of a zip in and below the folder of ``record``."""
    below = record.folder if record.folder.endswith("/") else record.folder + "/"
    everything = record.folder.endswith("!.")
    return tuple(f for f in files if everything or f.folder == record.folder or f.folder.startswith(below))


def _member_trouble(member: zipfile.ZipInfo, name: str) -> tuple[str, str, str] | None:
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        return "unsafe-name", "failed", "its name points outside the zip; it was not taken"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "link", "skipped", "a link inside the zip"
    if any(_HOUSEKEEPING.fullmatch(p) for p in parts):
        return "ignored", "skipped", "housekeeping of the system"
    if member.flag_bits & 1:
        return "archive-refused", "failed", "it is encrypted: unpack the zip with its password first"
    return None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, copy: Path) -> str:
    """Write one member to ``copy``, never more than it promises; the complaint, or nothing."""
    left = member.file_size
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with archive.open(member) as source, os.fdopen(os.open(copy, flags, 0o600), "wb") as out:
            while block := source.read(min(1 << 20, left + 1)):
                left -= len(block)
                if left < 0:
                    return "it holds more than it says: not taken"
                out.write(block)
    except _ZIP_TROUBLE as error:
        return f"it is damaged inside the zip ({_zip_trouble(error)})"
    except OSError:
        with contextlib.suppress(OSError):
            copy.unlink()
        raise
    return ""
