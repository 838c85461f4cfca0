"""The last look: searches the finished bytes of everything that is about to leave for what must not.

Decisions. A value of fewer than four characters (three for a component of a name) cannot be looked for inside
other text without finding it everywhere; it is compared with whole values of DICOM text elements and whole file
names, and the rebuilt headers cannot carry it otherwise. So are plain numbers of four and five digits, for sizes
and coordinates are such numbers; in the words of a case ``words`` looks for them. Values that name nobody
(``ANONYMOUS``, ``M``, a row of zeros) are not looked for. A component that is an everyday word (``Long``,
``Head``) counts only together with the rest of the name. In bytes that are not text only values of six characters
and more are looked for, and shorter ones in printable runs of twelve: chance finds anything shorter in compressed
pixels. Phrases that the program itself writes are blanked first (``own``). Dates are not compared with the moved
dates (VR DA) of DICOM files: by chance a moved date is another's true one; the airlock has compared each with its
own. What cannot be opened is reported as ``unsearchable``: could not look is not nothing found.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import contextlib
import gzip
import hashlib
import html
import io
import itertools
import re
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, MutableSet
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from casearchive.deid import databases
from casearchive.deid.needles import LONG, Needle, build, fold
from casearchive.deid.own import blanked
from casearchive.deid.words import find
from casearchive.model import Facts, Identifier

UNSEARCHABLE = "unsearchable"
LONG_RUN = 12  # printable characters in a row: chance seldom writes so many
_PIECE, _OVERLAP = 4_000_000, 1024  # bytes
_DEEPEST = 5
_HEADER = 1 << 16  # bytes: a header and the beginning of the first picture
_MOST_UNPACKED = 1 << 31
_TEXT_VRS = {
    "AE",
    "AS",
    "CS",
    "LO",
    "LT",
    "PN",
    "SH",
    "ST",
    "UC",
    "UI",
    "UR",
    "UT",
    "DT",
    "DA",
    "TM",
    "DS",
    "IS",
}
_WHOLE_VRS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}
_OFFICE = b"://schemas.openxmlformats.org/"
#: ``</a:t``, `` kern="`` and `` xmlns:a="http://schemas.openxmlformats.org/…"``.
_XML_NAMES = re.compile(
    rb"""\sxmlns(?::\w+)?=["']https?://(?:schemas\.openxmlformats|schemas\.microsoft|purl|www\.w3)\.(?:org|com)/"""
    rb"""[\w/.-]*["']|</?[A-Za-z][\w:.-]*|\s[A-Za-z][\w:.-]*=(?=["'])"""
)
_SEALED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
}


@dataclass(frozen=True, slots=True)
class Leak:
    """One find. ``file`` is the path in the output (``a.zip!member``), or a number where the path itself
    tells; ``keyword`` says what was found, ``place`` and ``offset`` where. The identity itself is never in
    it."""

    file: str
    keyword: str
    place: str
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.file}: {self.keyword} in {self.place} at {self.offset}"


def scan(
    folder: Path,
    identifiers: Collection[Identifier],
    allowed_words: Collection[str] = (),
    own: tuple[bytes, ...] = (),
    clean: MutableSet[str] | None = None,
) -> tuple[Leak, ...]:
    """Every place under ``folder`` where one of ``identifiers`` stands; empty when none was found.

    ``folder`` may be one file. ``allowed_words`` are single words that the output may hold although they are
    a part of a name; ``own`` are the phrases that the program itself writes (``deid.own``). Names of files
    and folders, text (also escaped), DICOM elements at any depth, members of zip files, tables of SQLite files,
    picture metadata and embedded base64 are searched, and all bytes as they are.

    ``clean`` are SHA-256s of contents in which nothing was found before with the same identifiers, words and phrases:
    only their names are searched again. It grows by those in which nothing is found now.
    """
    wanted = _Wanted.of(build(identifiers, allowed_words))
    paths = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*"))
    base = folder.parent if folder.is_file() else folder
    found: list[Leak] = []
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(base).as_posix()
        search = _Search(wanted, name, number, own)
        search.name(name)
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            search.add(UNSEARCHABLE, "a link or special file", 0)
        elif path.is_file():
            search.file(path.read_bytes(), clean)
        found += search.found
    return tuple(dict.fromkeys(found))


def uids_of(facts: Facts) -> frozenset[Identifier]:
    """The UIDs of the source, as identifiers."""
    return frozenset(
        Identifier(keyword, uid)
        for keyword, uid in (
            ("SOPInstanceUID", facts.instance.sop_instance_uid),
            ("SeriesInstanceUID", facts.series.series_instance_uid),
            ("StudyInstanceUID", facts.study.study_instance_uid),
        )
        if uid
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked for: ``sure`` in whole values, ``inside`` anywhere in text, ``raw`` in bytes (keyword, form)."""

    sure: tuple[Needle, ...]
    inside: tuple[Needle, ...]
    raw: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, needles: tuple[Needle, ...]) -> _Wanted:
        # An everyday word proves nothing in a finished file: only with the rest of the name.
        # A short plain number proves something only where it is a whole value; sentences are searched by ``words``.
        sure = tuple(replace(n, whole=n.whole or n.weak) for n in needles if not n.alone)
        return cls(sure, tuple(n for n in sure if not n.whole), _raw_forms(sure))


class _Search:
    """The search of one file; ``found`` grows."""

    def __init__(self, wanted: _Wanted, name: str, number: int, own: tuple[bytes, ...] = ()) -> None:
        self._sure, self._inside, self._raw = wanted.sure, wanted.inside, wanted.raw
        self._file, self._number, self._own = name, number, own
        self._unpacked = 0
        self.found: list[Leak] = []

    def add(self, keyword: str, place: str, offset: int) -> None:
        self.found.append(Leak(self._file, keyword, place, offset))

    def name(self, name: str) -> None:
        """A path: each part and its stem."""
        telling = False
        for part in name.replace("!", "/").split("/"):
            for text in (part, part.rsplit(".", 1)[0]):
                for keyword, offset in find(text, self._sure):
                    self.add(keyword, "the name of a file or folder", offset)
                    telling = True
        if telling:
            self._file = f"file {self._number} in the sorted list"
            self.found = [Leak(self._file, f.keyword, f.place, f.offset) for f in self.found]

    def file(self, data: bytes, clean: MutableSet[str] | None) -> None:
        """The content of a whole file, unless it is known to be clean."""
        if clean is None:
            self.content(data, 0)
            return
        digest = hashlib.sha256(data).hexdigest()
        if digest in clean:
            return
        before = len(self.found)
        self.content(data, 0)
        if len(self.found) == before:
            clean.add(digest)

    def content(self, data: bytes, depth: int) -> None:
        """Any bytes: by what they are, and all of them as bytes."""
        if depth > _DEEPEST:
            self.add(UNSEARCHABLE, "packed too deep", 0)
            return
        if data[128:132] == b"DICM":
            data = blanked(data, self._own, _HEADER)
            self._dicom(data)
        elif data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            data = self._zip(data, depth)
        elif data.startswith(b"\x89PNG\r\n\x1a\n"):
            self._png(data)
        elif data.startswith(b"\xff\xd8"):
            self._jpeg(data)
        elif data.startswith(b"\x1f\x8b"):
            self._unpack(lambda: gzip.GzipFile(fileobj=io.BytesIO(data)).read(_MOST_UNPACKED), depth)
        elif data.startswith(b"%PDF"):
            for stream in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.S):
                if stream.group(1).startswith(b"x"):
                    self._unpack(partial(_inflate, stream.group(1)), depth)
        elif data.startswith(databases.MAGIC):
            self._database(data, depth)
            data = blanked(data, self._own, len(data))
        elif any(data.startswith(magic) for magic in _SEALED):
            kind = next(name for magic, name in _SEALED.items() if data.startswith(magic))
            self.add(UNSEARCHABLE, f"{kind} data", 0)
        else:
            if _as_text(data) is not None:
                office = data.startswith(b"<?xml") and _OFFICE in data[:2000]
                data = blanked(data, self._own, len(data))
                data = _without_names(data) if office else data
            text = _as_text(data)
            if text is not None:
                self.text(text, "text", depth)
        self._bytes(data)

    def text(self, text: str, place: str, depth: int) -> None:
        """Running text: as it is, with its escapes undone, and what is embedded in it as base64."""
        plain = self._embedded(text, depth)
        variants = {plain}
        if "&" in plain:
            variants.add(html.unescape(plain))
        if "\\u" in plain:
            variants.add(re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m.group(1), 16)), plain))
        if "%" in plain:
            variants.add(urllib.parse.unquote(plain))
        if "<" in plain:
            variants.add(re.sub(r"<[^<>]{1,200}>", "", html.unescape(plain)))  # a name split by tags
        for variant in sorted(variants, key=lambda v: v != plain):
            for keyword, offset in find(variant, self._sure):
                self.add(keyword, place, offset)

    def _embedded(self, text: str, depth: int) -> str:
        """``text`` with its base64 parts blanked out; what they hold is searched on its own."""

        def open_it(match: re.Match[str]) -> str:
            run = match.group()
            try:
                packed = re.sub(r"[\r\n=]", "", run)
                data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
            except (binascii.Error, ValueError):
                return run
            self.content(data, depth + 1)
            printable = sum(32 <= b < 127 for b in data[:64])
            return " " * len(run) if len(run) > 200 and printable < 60 else run

        return re.sub(
            r"[A-Za-z0-9+/]{24,}(?:\r?\n[A-Za-z0-9+/]{24,})*(?:\r?\n[A-Za-z0-9+/]+)?={0,2}", open_it, text
        )

    # -- containers

    def _unpack(self, opener: Callable[[], bytes], depth: int) -> None:
        try:
            content = opener()
        except (OSError, EOFError, zlib.error):
            self.add(UNSEARCHABLE, "compressed data", 0)
            return
        self.content(content, depth + 1)

    def _zip(self, data: bytes, depth: int) -> bytes:
        """Each member by what it is. Comes back without the members that are stored as they are: what stands in
        them need not be found twice, and our own words were passed over there."""
        rest = bytearray(data)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                if packed.comment:
                    self._runs(packed.comment, "the comment of a zip", 1)
                outer = self._file
                for info in packed.infolist():
                    self._file = f"{outer}!{info.filename}"
                    self.name(info.filename)
                    self._unpacked += info.file_size
                    if info.flag_bits & 1 or self._unpacked > _MOST_UNPACKED:
                        self.add(UNSEARCHABLE, "an encrypted or too large member", 0)
                        continue
                    self._runs(info.extra + b"\0" + info.comment, "the header of a zip member", 4)
                    self.content(packed.read(info), depth + 1)
                    if info.compress_type == zipfile.ZIP_STORED:
                        begin = _content_at(data, info.header_offset)
                        rest[begin : begin + info.compress_size] = bytes(info.compress_size)
                self._file = outer
        except (zipfile.BadZipFile, OSError, NotImplementedError, zlib.error, RuntimeError):
            self.add(UNSEARCHABLE, "a zip that cannot be opened", 0)
        return bytes(rest)

    def _database(self, data: bytes, depth: int) -> None:
        """The values of its tables; names of tables and what lies between them are searched as bytes."""
        try:
            for place, value in databases.values(data):
                if isinstance(value, bytes):
                    self.content(value, depth + 1)
                else:
                    plain = blanked(value.encode("utf-8"), self._own, len(value) * 4)
                    self.text(plain.decode("utf-8"), f"table {place}", depth)
        except ValueError:
            self.add(UNSEARCHABLE, "a database that cannot be opened", 0)

    def _dicom(self, data: bytes) -> None:
        try:
            dataset = dcmread(io.BytesIO(data))
            if not ({"SOPClassUID", "DirectoryRecordSequence"} & set(dataset.dir())):
                self.add(UNSEARCHABLE, "DICOM that cannot be read", 0)
            self._runs(data[:128], "the preamble", 3)
            for element, path in _elements(dataset.file_meta, "file meta "):
                self._element(element, path)
            for element, path in _elements(dataset, ""):
                self._element(element, path)
        except Exception:  # noqa: BLE001 - pydicom raises two dozen kinds on what it cannot read
            self.add(UNSEARCHABLE, "DICOM that cannot be read", 0)

    def _element(self, element: DataElement, path: str) -> None:
        value = element.value
        if isinstance(value, bytes):
            if element.keyword != "PixelData":
                self._runs(value, path, 3)
                text = _as_text(value)
                if text:
                    self._find_in(text, path)
            return
        if element.VR not in _TEXT_VRS:
            return
        parts = [str(part) for part in value] if isinstance(value, MultiValue) else [str(value)]
        needles = self._sure if element.VR in _WHOLE_VRS else self._inside
        for part in dict.fromkeys([*parts, "\\".join(parts)]):
            for needle_keyword, offset in find(part, needles):
                if element.VR == "DA" and "Date" in needle_keyword:
                    continue
                self.add(needle_keyword, f"element {path}", offset)

    def _find_in(self, text: str, place: str) -> None:
        for keyword, offset in find(text, self._sure):
            self.add(keyword, place, offset)

    def _png(self, data: bytes) -> None:
        at = 8
        while at + 12 <= len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
            if kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"fdAT"):
                self._runs(body, f"the {kind.decode('latin-1')} part of a PNG", 3)
                for start in (m.start() for m in re.finditer(rb"x[\x01\x5e\x9c\xda]", body)):
                    try:
                        inner = _inflate(body[start:])
                    except zlib.error:
                        continue
                    self._runs(inner, f"the {kind.decode('latin-1')} part of a PNG", 3)
            at += 12 + size
        if at < len(data):
            self._runs(data[at:], "bytes after the end of a PNG", 3)

    def _jpeg(self, data: bytes) -> None:
        at = 2
        while at + 4 <= len(data) and data[at] == 0xFF:
            marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xDA:
                break
            if marker == 0xFE or 0xE0 <= marker <= 0xEF:
                self._runs(data[at + 4 : at + 2 + size], "the comment or application part of a JPEG", 3)
            at += 2 + size
        end = data.rfind(b"\xff\xd9")
        if 0 < end < len(data) - 2:
            self._runs(data[end + 2 :], "bytes after the end of a JPEG", 3)

    # -- bytes

    def _runs(self, data: bytes, place: str, shortest: int) -> None:
        """Printable runs of at least ``shortest`` characters, in one byte or two a character."""
        for text, offset in _printable(data, shortest):
            for keyword, inner in find(text, self._sure):
                self.add(keyword, place, offset + inner)

    def _bytes(self, data: bytes) -> None:
        """All bytes as they are: printable runs, then spellings that no printable run can hold."""
        runs = list(_printable(data, LONG))
        joined = "\n".join(fold(text) if text.isascii() else text.lower() for text, _ in runs)
        starts = list(itertools.accumulate((len(text) + 1 for text, _ in runs), initial=0))
        for keyword, form in self._raw:
            for match in re.finditer(re.escape(form), joined) if form in joined else ():
                if _stands_alone(joined, match.start(), match.end()):
                    run = bisect.bisect_right(starts, match.start()) - 1
                    self.add(keyword, "bytes", runs[run][1] + match.start() - starts[run])
                    break
        moved_dates = data[128:132] == b"DICM"
        for text, offset in runs:
            if len(text) >= LONG_RUN:
                for keyword, inner in find(text, self._inside):
                    if not (moved_dates and "Date" in keyword):
                        self.add(keyword, "bytes", offset + inner)
        self._eight_bit(data)

    def _eight_bit(self, data: bytes) -> None:
        """Spellings with accents as Latin-1 writes them."""
        for keyword, form in self._raw:
            for spelled in () if form.isascii() else {form, form.upper(), form.title()}:
                with contextlib.suppress(UnicodeEncodeError):
                    at = data.find(spelled.encode("latin-1"))
                    if at >= 0:
                        self.add(keyword, "bytes", at)


def _content_at(data: bytes, header: int) -> int:
    """Where a member's content begins: behind the local header at ``header``, its name and extra (APPNOTE 4.3.7)."""
    name, extra = (int.from_bytes(data[header + at : header + at + 2], "little") for at in (26, 28))
    return header + 30 + name + extra


def _without_names(data: bytes) -> bytes:
    """A part of an Office file without the names of its elements, attributes and vocabularies: they are the format's
    (ECMA-376), and a patient may be called Kern. What stands in them stays."""
    return _XML_NAMES.sub(lambda found: b" " * len(found.group()), data)


def _elements(dataset: Dataset, path: str) -> Iterator[tuple[DataElement, str]]:
    for element in dataset:
        name = f"{path}{element.keyword or element.tag}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value, start=1):
                yield from _elements(item, f"{name}[{number}].")
        else:
            yield element, name


def _inflate(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _MOST_UNPACKED)


def _as_text(data: bytes) -> str | None:
    """``data`` as text, or None where it is none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        few = sum(byte < 9 or 13 < byte < 32 for byte in data[:4096])
        return data.decode("latin-1") if few == 0 else None


def _printable(data: bytes, shortest: int) -> Iterator[tuple[str, int]]:
    """(text, offset) of printable runs of at least ``shortest`` characters, piece by piece.

    Pieces overlap, so that what is shorter than the overlap is whole in one of them.
    """
    for begin in range(0, len(data), _PIECE):
        for text, offset in _printable_piece(data[begin : begin + _PIECE + _OVERLAP], shortest):
            yield text, begin + offset


def _printable_piece(data: bytes, shortest: int) -> Iterator[tuple[str, int]]:
    """UTF-8, then two bytes a character."""
    raw = np.frombuffer(data, np.uint8)
    plain = (raw >= 0x20) & (raw < 0x7F)
    for start, stop in _true_runs(plain | _multibyte(raw), shortest):
        yield data[start:stop].decode("utf-8", "replace"), start
    zero = raw == 0
    letter = plain | (raw >= 0xC0)
    for first, second, coding in ((letter, zero, "utf-16-le"), (zero, letter, "utf-16-be")):
        for phase in (0, 1):
            count = (len(raw) - phase) // 2
            both = first[phase:][0 : 2 * count : 2] & second[phase:][1 : 2 * count : 2]
            for start, stop in _true_runs(both, max(3, shortest // 2)):
                begin, end = 2 * start + phase, 2 * stop + phase
                yield data[begin:end].decode(coding, "replace"), begin


def _multibyte(raw: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """True for bytes of two- and three-byte UTF-8 sequences."""
    follows = (raw & 0xC0) == 0x80
    found = np.zeros(len(raw), np.bool_)
    for low, high, more in ((0xC2, 0xDF, 1), (0xE0, 0xEF, 2)):
        lead = (raw >= low) & (raw <= high)
        for step in range(1, more + 1):
            lead[: len(raw) - step] &= follows[step:]
            lead[max(0, len(raw) - step) :] = False
        found |= lead
        for step in range(1, more + 1):
            found[step:] |= lead[: len(raw) - step]
    return found


def _true_runs(flags: NDArray[np.bool_], shortest: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the runs of True of at least ``shortest``."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    starts, stops = edges[0::2], edges[1::2]
    long = stops - starts >= shortest
    yield from zip(starts[long].tolist(), stops[long].tolist(), strict=True)


def _raw_forms(needles: tuple[Needle, ...]) -> tuple[tuple[str, str], ...]:
    """(keyword, folded spelling) of what is long enough to be looked for in any bytes."""
    return tuple(
        dict.fromkeys(
            (needle.keyword, form)
            for needle in needles
            if not needle.whole
            for form in needle.forms
            if len(form) >= LONG
        )
    )


def _stands_alone(text: str, start: int, stop: int) -> bool:
    """Not in the middle of a longer word or number."""
    return not (text[start - 1 : start].isalnum() or text[stop : stop + 1].isalnum())
