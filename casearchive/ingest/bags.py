"""Bags (BagIt, RFC 8493): what the tag files of one promise of its files, so that ingest can hold them to it."""

from __future__ import annotations

import codecs
import hashlib
import lzma
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from casearchive.files import printable
from casearchive.model import Outcome

#: The file that makes a folder a bag (2.1.1).
DECLARATION = "bagit.txt"
#: Of several manifests the first of these that names a file is asked. SHA-256 costs nothing: ingest makes it anyway.
ALGORITHMS = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")
_FREE = "sha256"
_MANIFEST = re.compile(r"(tag)?manifest-([A-Za-z0-9-]+)\.txt")
#: What stands beside ``data/`` to describe it, by the standard or by an export's habit.
_TAGS = re.compile(
    r"bagit\.txt|bag-info\.txt|fetch\.txt|(tag)?manifest-[A-Za-z0-9-]+\.txt|certificate\.(json|html)"
)
_VERSIONS = frozenset({"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"})
#: Encodings that are of text and of nothing else, as Python calls them.
_ENCODINGS = re.compile(
    r"utf-(8|16|32)(-[a-z]+)?|ascii|(iso8859|koi8|mac)-\w+|cp\d+|shift_jis|euc_\w+|gb\w+|big5"
)
#: A manifest of two hundred thousand files is not larger; reading it takes some thirty times as much memory.
_LARGEST_TAG = 16 << 20
#: So many files that an index lists and that are not there have a line of their own; the rest are counted.
MOST_NAMED = 1000
_TROUBLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)
_LINE = re.compile(r"([0-9A-Fa-f]+)[ \t]+\*?(.+)", re.DOTALL)
_ESCAPES = {"%25": "%", "%0A": "\n", "%0a": "\n", "%0D": "\r", "%0d": "\r"}
_UNLISTED = "no manifest of its bag lists it: whoever made the bag did not vouch for it"


@dataclass(frozen=True, slots=True)
class Claim:
    """A line of a manifest: what the file's checksum must be. ``manifest`` is the name of the manifest."""

    manifest: str
    algorithm: str
    digest: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the bags round one file say of it; ``bagged`` is False where it lies in none."""

    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    bagged: bool = False

    @property
    def free(self) -> bool:
        """Whether the SHA-256 that ingest makes of every file is enough to judge it."""
        return all(claim.algorithm == _FREE for claim in self.claims)


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Bag:
    """One bag, as its tag files describe it. ``root`` is its folder, ``shown`` what the report puts before the path of
    a file in it. ``payload`` and ``tags`` hold the claims by path from ``root``, as it is in the manifest once it is
    decoded; ``troubles`` say by name of a tag file what is wrong with it. ``checked`` is False where no manifest could
    be read."""

    root: PurePath
    shown: str
    payload: Mapping[str, tuple[Claim, ...]]
    tags: Mapping[str, tuple[Claim, ...]]
    fetched: frozenset[str]
    troubles: Mapping[str, Outcome]
    checked: bool

    def says(self, path: PurePath) -> Said:
        """What the bag says of the file ``path``, which lies below ``root``."""
        name = path.relative_to(self.root).as_posix()
        if name.partition("/")[0] != "data":
            return Said(_looked_up(self.tags, name))
        claims = _looked_up(self.payload, name)
        return Said(claims, () if claims or not self.checked else (_UNLISTED,))


# ----------------------------------------------------------------------------------------------- finding bags


def of_folder(folder: Path, shown: str) -> Bag:
    """The bag in ``folder``, which holds a ``bagit.txt``. Never raises: what cannot be read is one of its troubles."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if _plain(entry))
    except OSError:
        names = [DECLARATION]

    def read(name: str) -> bytes:
        with (folder / name).open("rb") as file:
            return file.read(_LARGEST_TAG + 1)

    return _opened(folder, f"{shown}/", names, read)


def of_zip(packed: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], shown: str) -> dict[PurePath, Bag]:
    """The bags in a zip by their folder inside it."""
    beside: dict[PurePosixPath, dict[str, zipfile.ZipInfo]] = {}
    for member in members:
        if not member.is_dir() and not member.flag_bits & 1:
            path = PurePosixPath(member.filename.replace("\\", "/"))
            beside.setdefault(path.parent, {})[path.name] = member
    found: dict[PurePath, Bag] = {}
    for root, files in beside.items():
        if DECLARATION not in files:
            continue

        def read(name: str, files: Mapping[str, zipfile.ZipInfo] = files) -> bytes:
            with packed.open(files[name]) as file:
                return file.read(_LARGEST_TAG + 1)

        before = "" if root == PurePosixPath(".") else f"{printable(str(root))}/"
        found[root] = _opened(root, f"{shown}!{before}", sorted(files), read)
    return found


def around(bags: Mapping[PurePath, Bag], path: PurePath) -> tuple[Bag, ...]:
    """Those of ``bags`` in which ``path`` lies, the innermost first."""
    return tuple(bags[folder] for folder in path.parents if folder in bags)


def _plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


# ------------------------------------------------------------------------------------------------- what is said


def said(bags: Iterable[Bag], path: PurePath) -> Said:
    """What ``bags``, in all of which ``path`` lies, say of it: a bag may lie in another one's payload."""
    each = [bag.says(path) for bag in bags]
    return Said(
        tuple(claim for one in each for claim in one.claims),
        tuple(dict.fromkeys(note for one in each for note in one.notes)),
        bool(each),
    )


def tag(bags: Iterable[Bag], path: PurePath, content: Path) -> Outcome | None:
    """The line for ``path``, whose bytes lie at ``content``, where it is a tag file at the top of one of ``bags``."""
    bags = tuple(bags)
    bag = next((b for b in bags if b.root == path.parent and _TAGS.fullmatch(path.name)), None)
    if bag is None:
        return None
    if path.name in bag.troubles:
        return bag.troubles[path.name]
    shown = bag.shown + printable(path.name)
    try:
        wrong = differs(said(bags, path), content)
    except OSError as error:
        why = f"{error.strerror or type(error).__name__}: the bag cannot be checked by it"
        return Outcome(shown, "failed", reason="unreadable", message=why)
    if wrong:
        return Outcome(shown, "failed", reason="bag-differs", message=wrong)
    why = "it describes the bag and is no part of its content"
    return Outcome(shown, "skipped", reason="bag-tag", message=why)


def differs(told: Said, content: Path | bytes, sha256: str = "") -> str:
    """The complaint where the bytes are not those that the bag promises, or nothing.

    ``sha256`` is theirs where it is known already; the file is read only for what that does not answer. Raises
    ``OSError``.
    """
    for claim in told.claims:
        known = sha256 if claim.algorithm == _FREE else ""
        if (known or _hash(content, claim.algorithm)) != claim.digest:
            return (
                f"not taken: its bytes are not those that {claim.manifest} of its bag names ({claim.algorithm}); "
                "it was damaged or changed since: ask for it again"
            )
    return ""


def _hash(content: Path | bytes, algorithm: str) -> str:
    if isinstance(content, bytes):
        return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def missing(bag: Bag, there: Callable[[str], bool]) -> Iterator[Outcome]:
    """A line for each file that the bag lists and that is not there; ``there`` is asked for paths from its root."""
    gone = [n for n in sorted({*bag.payload, *bag.fetched}) if not any(there(form) for form in _forms(n))]
    for name in gone[:MOST_NAMED]:
        if name in bag.fetched:
            reason = "bag-fetch"
            why = (
                "fetch.txt of its bag says where it could be fetched from; nothing is ever fetched here: "
                "complete the bag, then ingest it again"
            )
        else:
            reason = "bag-missing"
            why = "its bag's manifest lists it, but it is not there: was the bag copied whole?"
        yield Outcome(bag.shown + printable(name), "failed", reason=reason, message=why)
    if (more := len(gone) - MOST_NAMED) > 0:
        why = f"{more} more files that its manifest lists are not there"
        yield Outcome(f"{bag.shown}data …", "failed", reason="bag-missing", message=why)


def in_folder(bag: Bag) -> Callable[[str], bool]:
    """For ``missing``: whether a path is there, be it a link."""
    return lambda name: "\0" not in name and os.path.lexists(Path(bag.root) / name)


def in_zip(bag: Bag, held: Set[PurePath]) -> Callable[[str], bool]:
    """For ``missing``, in a zip that holds the files ``held``."""
    return lambda name: bag.root / name in held


def named(folder: str) -> str:
    """The folder that a case in a bag has its name from: a bagged case folder is called ``data`` by everybody."""
    return re.sub(r"(?<=[^/\\!])[/\\]data$|(?<=!)data$", "", folder)


# ------------------------------------------------------------------------------------------------- tag files


def _opened(root: PurePath, shown: str, names: Sequence[str], read: Callable[[str], bytes]) -> Bag:
    desk = _Desk(names, read)
    declared = desk.text(DECLARATION)
    if declared is not None:
        desk.encoding, odd = _declared(declared)
        if odd:
            desk.odd(DECLARATION, f"{odd}; its files are taken and checked all the same", harmless=True)
    claims: dict[bool, dict[str, tuple[Claim, ...]]] = {False: {}, True: {}}
    checked = False
    for of_tags, algorithm, name in _manifests(names):
        if algorithm not in ALGORITHMS:
            why = f"checksums of the kind “{algorithm}” are not known here; it was not used"
            desk.odd(name, why, harmless=True)
            continue
        written = desk.text(name)
        if written is None:
            continue
        checked |= not of_tags
        for path, each in _read(desk, name, algorithm, written, of_tags=of_tags).items():
            claims[of_tags].setdefault(path, each)  # a stronger manifest has spoken already
    if not checked:
        why = "the bag has no manifest that can be used here: its files are taken unchecked"
        desk.odd(DECLARATION, why, harmless=True)
    fetched = _to_fetch(desk) if "fetch.txt" in names else frozenset()
    return Bag(root, shown, claims[False], claims[True], fetched, desk.told(shown), checked)


class _Desk:
    """Where the tag files of one bag are read; it remembers what is wrong with each."""

    def __init__(self, names: Sequence[str], read: Callable[[str], bytes]) -> None:
        self.names, self.read, self.encoding = names, read, "utf-8"
        self.complaints: dict[str, list[tuple[str, str, bool]]] = {}
        self.lines: dict[tuple[str, str, str], list[int]] = {}

    def odd(self, name: str, why: str, *, harmless: bool = False) -> None:
        self.complaints.setdefault(name, []).append(("bag-odd", why, harmless))

    def line(self, name: str, number: int, why: str, reason: str = "bag-odd") -> None:
        self.lines.setdefault((name, reason, why), []).append(number)

    def text(self, name: str) -> str | None:
        try:
            raw = self.read(name)
        except _TROUBLE as error:
            self.odd(name, f"it cannot be read ({getattr(error, 'strerror', None) or 'it is damaged'})")
            return None
        if len(raw) > _LARGEST_TAG:
            self.odd(name, f"it is larger than {_LARGEST_TAG >> 20} MiB; it was not read")
            return None
        try:
            return raw.decode(self.encoding).removeprefix("\ufeff")
        except ValueError:
            self.odd(name, f"it is not text in {self.encoding}; it was not read")
            return None

    def told(self, shown: str) -> dict[str, Outcome]:
        """One line for each file with which something is wrong."""
        found = {name: list(each) for name, each in self.complaints.items()}
        for (name, reason, why), numbers in self.lines.items():
            which = ", ".join(map(str, numbers[:3]))
            more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
            said = f"{'lines' if len(numbers) > 1 else 'line'} {which}{more}: {why}"
            found.setdefault(name, []).append((reason, said, False))
        return {name: _outcome(shown + printable(name), each) for name, each in found.items()}


def _outcome(shown: str, complaints: Sequence[tuple[str, str, bool]]) -> Outcome:
    word = "skipped" if all(harmless for *_, harmless in complaints) else "failed"
    reason = next((reason for reason, _, harmless in complaints if not harmless), "bag-odd")
    return Outcome(shown, word, reason=reason, message="; ".join(why for _, why, _ in complaints))


def _read(
    desk: _Desk, name: str, algorithm: str, written: str, *, of_tags: bool
) -> dict[str, tuple[Claim, ...]]:
    """The lines of one manifest (2.1.3); a path that is listed twice must keep both promises."""
    length = 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
    found: dict[str, tuple[Claim, ...]] = {}
    for number, line in _lines(written):
        parts = _LINE.fullmatch(line)
        if not parts or len(parts[1]) != length:
            desk.line(name, number, "not a checksum and a path; passed over")
            continue
        path = _path(parts[2])
        if not _is_safe(path, of_tags=of_tags):
            where = "outside the bag" if of_tags else "outside data/"
            desk.line(name, number, f"a place {where}; nobody looked there", "unsafe-name")
            continue
        claim = Claim(name, algorithm, parts[1].lower())
        if claim not in found.get(path, ()):
            found[path] = (*found.get(path, ()), claim)
    return found


def _to_fetch(desk: _Desk) -> frozenset[str]:
    """The paths of ``fetch.txt``: a URL, a length, a path on each line (2.2.3). The URLs are not even looked at."""
    found = set()
    for number, line in _lines(desk.text("fetch.txt") or ""):
        parts = line.split(None, 2)
        path = _path(parts[2]) if len(parts) == 3 else ""
        if _is_safe(path):
            found.add(path)
        else:
            desk.line("fetch.txt", number, "no place in data/; nothing was fetched", "unsafe-name")
    return frozenset(found)


def _declared(text: str) -> tuple[str, str]:
    """The encoding of the other tag files, and what is odd about ``bagit.txt`` (2.1.1)."""
    said = {}
    for _, line in _lines(text):
        key, colon, value = line.partition(":")
        if colon:
            said[key.strip().casefold()] = value.strip()
    version = said.get("bagit-version", "")
    named = said.get("tag-file-character-encoding", "")
    if not version:
        odd = "it does not say which version of BagIt this is"
    elif version not in _VERSIONS:
        odd = f"it names a version of BagIt that is not known here ({printable(version[:20])})"
    elif not named:
        odd = "it does not say how the other tag files are encoded; UTF-8 was assumed"
    else:
        odd = ""
    try:
        codec = codecs.lookup(named or "utf-8").name
    except (LookupError, ValueError):
        codec = ""
    if _ENCODINGS.fullmatch(codec):
        return codec, odd
    unknown = f"it names an encoding that is not known here ({printable(named[:20])}); UTF-8 was assumed"
    return "utf-8", odd or unknown


def _manifests(names: Iterable[str]) -> list[tuple[bool, str, str]]:
    """(of tag files, algorithm, name) of each manifest, the one that is asked first before the others."""
    found = []
    for name in names:
        if match := _MANIFEST.fullmatch(name):
            found.append((bool(match[1]), match[2].lower().replace("-", ""), name))
    order = {algorithm: number for number, algorithm in enumerate(ALGORITHMS)}
    return sorted(found, key=lambda one: (one[0], order.get(one[1], len(order)), one[2]))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with their numbers; they end in LF, CR or both (2.1.3), nothing else."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            yield number, line


def _path(written: str) -> str:
    """A path as a manifest writes it, read one sign at a time (2.1.3)."""
    plain = written.removeprefix("./")
    return re.sub(r"%(?:25|0[AaDd])", lambda found: _ESCAPES[found[0]], plain)


def _is_safe(path: str, *, of_tags: bool = False) -> bool:
    """Below ``data/`` (for tag files: below the bag), by whatever system's idea of a path."""
    parts = path.replace("\\", "/").split("/")
    if "\0" in path or re.match(r"[A-Za-z]:|~", path) or {"", ".", ".."} & set(parts):
        return False
    return of_tags or (parts[0] == "data" and len(parts) > 1)


def _looked_up(claims: Mapping[str, tuple[Claim, ...]], name: str) -> tuple[Claim, ...]:
    """By any form of the name: some tools leave ``%25`` as it is, some systems compose accents otherwise (5.2)."""
    if name in claims:
        return claims[name]
    for form in (_path(name), *(unicodedata.normalize(kind, name) for kind in ("NFC", "NFD"))):
        if form in claims:
            return claims[form]
    return ()


def _forms(name: str) -> Iterator[str]:
    yield name
    yield unicodedata.normalize("NFC", name)
    yield unicodedata.normalize("NFD", name)
    yield name.replace("%", "%25")
