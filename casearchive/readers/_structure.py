"""Walks the bare structure of a DICOM file, bounded and without recursion, before anything else trusts it.

pydicom reads a file that was cut short without a word, so this walk is what tells a whole file from half
of one: cut inside or behind the pixel data it says so, cut before them it is refused.
It knows tags, lengths, items and fragments (PS3.5 sections 7 and A.4, PS3.10 section 7), no more.
Positions are byte offsets from 0 in ``Structure.source``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NoReturn

from casearchive.errors import UnreadableFile
from casearchive.readers._source import BytesSource, FileSource, Source

MAX_DEPTH = 64
MAX_ELEMENTS = 200_000
MAX_ITEMS = 50_000
MAX_FRAGMENTS = 200_000
MAX_INFLATED = 512 * 1024 * 1024
MAX_RATIO = 200
#: A black picture deflates better than 200:1; below this size the ratio says nothing.
_RATIO_COUNTS_FROM = 16 * 1024 * 1024
#: A single element this long is no fact for the index; it is stepped over.
_LONGEST_HEADER_VALUE = 1024 * 1024
_LONGEST_HEADER = 64 * 1024 * 1024

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"

PIXEL_DATA = 0x7FE00010
CHARACTER_SET = 0x00080005
_FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_KNOWN_VRS = _LONG_VRS | _SHORT_VRS


@dataclass(frozen=True, slots=True)
class Encoding:
    implicit: bool = False
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """One top-level element: ``start`` of its tag, ``value`` of its content, ``end`` one past its end."""

    tag: int
    vr: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where the pixel data lies: one native run, or fragments (offset, length) after the offset table.

    ``offsets`` are the entries of the Basic Offset Table, counted from the first fragment's item tag.
    ``item_starts`` are the fragments' item tags, counted in the same way. ``cut`` is True where the file ends before
    the pixel data does, ``partial`` where it ends inside the last fragment.
    """

    vr: str
    native: tuple[int, int] | None = None
    fragments: tuple[tuple[int, int], ...] = ()
    item_starts: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    is_float: bool = False
    cut: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Structure:
    """A file whose structure is whole up to its pixel data; ``cut`` is True where it ends early in or behind that.

    ``meta`` holds the raw values of group 0002 by tag.
    """

    source: Source
    encoding: Encoding
    transfer_syntax: str
    meta: dict[int, bytes]
    elements: tuple[Element, ...]
    pixels: Pixels | None
    character_sets: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    cut: bool = False

    def has(self, tag: int) -> bool:
        return any(element.tag == tag for element in self.elements)

    def raw(self, tag: int) -> bytes:
        """The raw value of a top-level element, or nothing."""
        for element in self.elements:
            if element.tag == tag:
                return self.source.read(element.value, element.end - element.value)
        return b""

    def header(self, blank: tuple[tuple[int, int], ...] = ()) -> bytes:
        """All top-level elements but the pixel data, put together again without stray delimiters.

        The (offset, length) runs in ``blank`` are filled with spaces; very long values are left out.
        """
        parts: list[bytes] = []
        total = 0
        for element in self.elements:
            size = element.end - element.start
            if size > _LONGEST_HEADER_VALUE and element.vr != "SQ":
                continue
            total += size
            if total > _LONGEST_HEADER:
                _damaged("its header is longer than 64 MiB")
            part = bytearray(self.source.read(element.start, size))
            for offset, length in blank:
                if element.start <= offset < element.end:
                    part[offset - element.start : offset - element.start + length] = b" " * length
            parts.append(bytes(part))
        return b"".join(parts)


def looks_like_dicom(head: bytes) -> bool:
    """DICOM by content: the mark after the preamble, or, without one, two plausible elements in a row."""
    if head[128:132] == b"DICM":
        return True
    encoding = _guess_encoding(head)
    if encoding is None:
        return False
    first = _plausible_element(head, 0, encoding)
    if first is None:
        return False
    second = _plausible_element(head, first[1], encoding)
    return second is not None and second[0] > first[0]


def scan(path: Path) -> Structure:
    """Walk the whole file. Raises ``UnreadableFile``: ``truncated``, ``damaged`` or ``dicomdir``."""
    source: Source = FileSource(path)
    try:
        return _scan(source)
    except BaseException:
        source.close()
        raise


def _scan(source: Source) -> Structure:
    notes: list[str] = []
    meta, position = _read_meta(source, notes)
    if _text(meta.get(0x00020002, b"")) == DICOMDIR_CLASS:
        raise UnreadableFile(
            "dicomdir",
            "this is the index of a disc, not a picture",
            hint="the files it lists are taken one by one when the disc's folder is ingested",
        )
    if position >= source.size:
        _truncated("the file ends before its data set begins")
    syntax = _text(meta.get(0x00020010, b""))
    ended = True
    if syntax == DEFLATED:
        source, ended = _inflated(source, position)
        position = 0
        encoding = Encoding()
    else:
        encoding, syntax = _encoding(source.read(position, 16), syntax, notes)
    walk = _Walk(source, position, encoding)
    walk.run()
    if not ended and walk.pixels is None:
        _truncated("the file ends inside its deflated data set")
    return Structure(
        source=source,
        encoding=encoding,
        transfer_syntax=syntax,
        meta=meta,
        elements=tuple(walk.elements),
        pixels=walk.pixels,
        character_sets=tuple(walk.character_sets),
        notes=tuple(notes + walk.notes),
        cut=walk.cut or not ended,
    )


def transfer_syntax(path: Path) -> str:
    """What the file meta information names, or nothing. Raises ``UnreadableFile``."""
    source = FileSource(path)
    try:
        return _text(_read_meta(source, [])[0].get(0x00020010, b""))
    finally:
        source.close()


def _read_meta(source: Source, notes: list[str]) -> tuple[dict[int, bytes], int]:
    """Group 0002, always explicit little endian (PS3.10 7.1); the position after it."""
    position = 0
    if source.read(128, 4) == b"DICM":
        position = 132
        if source.read(0, 128).strip(b"\0"):
            notes.append("the 128-byte preamble is not empty; it may hold a second file format")
    else:
        notes.append("there is no DICOM preamble; the coding was worked out from the content")
    values: dict[int, bytes] = {}
    while source.read(position, 2) == b"\x02\x00" and len(values) < 100:
        tag, _, length, value = _element_header(source, position, Encoding())
        if length == _UNDEFINED:
            _damaged("the file meta information holds a length that is not one")
        if value + length > source.size:
            _truncated("the file ends inside its file meta information")
        values[tag] = source.read(value, min(length, 1024))
        position = value + length
    return values, position


def _encoding(head: bytes, syntax: str, notes: list[str]) -> tuple[Encoding, str]:
    """What the transfer syntax says, held against the first element: some say one and do the other."""
    if syntax == EXPLICIT_BIG:
        return Encoding(implicit=False, big_endian=True), syntax
    has_vr = head[4:6] in _KNOWN_VRS
    if not syntax:
        guess = _guess_encoding(head) or Encoding(implicit=not has_vr)
        notes.append("the transfer syntax is not stated; it was worked out from the content")
        named = EXPLICIT_BIG if guess.big_endian else IMPLICIT_LITTLE if guess.implicit else EXPLICIT_LITTLE
        return guess, named
    if syntax == IMPLICIT_LITTLE and has_vr:
        notes.append("stated as implicit VR but written as explicit VR; read as written")
        return Encoding(), EXPLICIT_LITTLE
    if syntax == IMPLICIT_LITTLE:
        return Encoding(implicit=True), syntax
    if not has_vr and not (head[4:6].isalpha() and head[4:6].isupper()):
        notes.append("stated as explicit VR but written as implicit VR; read as written")
        return Encoding(implicit=True), IMPLICIT_LITTLE if syntax == EXPLICIT_LITTLE else syntax
    return Encoding(), syntax


def _guess_encoding(head: bytes) -> Encoding | None:
    if len(head) < 8:
        return None
    little, big = (struct.unpack_from(order + "H", head, 0)[0] for order in "<>")
    starts = (0x0002, 0x0008)
    if little not in starts and big not in starts:
        return None
    return Encoding(implicit=head[4:6] not in _KNOWN_VRS, big_endian=little not in starts)


def _plausible_element(head: bytes, position: int, encoding: Encoding) -> tuple[int, int] | None:
    """(tag, end) of a short element of a low group lying within ``head``, else None."""
    if position + 12 > len(head):
        return None
    source = BytesSource(head)
    tag, vr, length, value = _element_header(source, position, encoding)
    if tag >> 16 not in (0x0002, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028) or length > 1024:
        return None
    if not encoding.implicit and vr.encode() not in _KNOWN_VRS:
        return None
    return tag, value + length


def _inflated(source: Source, position: int) -> tuple[BytesSource, bool]:
    """The deflated data set (PS3.5 A.5), inflated within bounds, and whether it came to its end."""
    packed = source.read(position, min(source.size - position, MAX_INFLATED))
    bound = min(MAX_INFLATED, max(_RATIO_COUNTS_FROM, MAX_RATIO * len(packed)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(packed, bound)
    except zlib.error as error:
        raise UnreadableFile(
            "damaged",
            "its deflated data set cannot be inflated",
            hint="copy the file again from the scanner or the archive it came from",
        ) from error
    source.close()
    if inflater.unconsumed_tail:
        _damaged("its deflated data set grows beyond any sound size")
    return BytesSource(content), inflater.eof


def _element_header(source: Source, position: int, encoding: Encoding) -> tuple[int, str, int, int]:
    """(tag, VR or nothing, length, position of the value) of the element at ``position``."""
    order = ">" if encoding.big_endian else "<"
    head = source.read(position, 12)
    if len(head) < 8:
        _truncated("the file ends inside the head of an element")
    group, number = struct.unpack_from(order + "HH", head, 0)
    tag = group << 16 | number
    vr = head[4:6]
    # A VR that is not two capital letters was never written: some writers drop into implicit VR half way.
    if encoding.implicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
        return tag, "", struct.unpack_from(order + "I", head, 4)[0], position + 8
    if vr in _LONG_VRS:
        if len(head) < 12:
            _truncated("the file ends inside the head of an element")
        return tag, vr.decode("ascii"), struct.unpack_from(order + "I", head, 8)[0], position + 12
    return tag, vr.decode("ascii", "replace"), struct.unpack_from(order + "H", head, 6)[0], position + 8


@dataclass(slots=True)
class _Scope:
    """What is being walked: the elements of a data set or item, or the items of a sequence.

    ``end`` is None where a delimiter ends it.
    """

    of_items: bool
    end: int | None
    encoding: Encoding


@dataclass
class _Walk:
    source: Source
    position: int
    encoding: Encoding
    elements: list[Element] = field(default_factory=list)
    pixels: Pixels | None = None
    character_sets: list[tuple[int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cut: bool = False
    _counted: int = 0
    _items: int = 0
    _strays: int = 0
    _open: tuple[int, int, int] = (0, 0, 0)  # tag, start and value of the top-level sequence being walked
    _stack: list[_Scope] = field(default_factory=list)

    def run(self) -> None:
        try:
            self._walk()
        except UnreadableFile as trouble:
            if trouble.reason != "truncated" or self.pixels is None:
                raise
            self.cut = True  # the pixel data is there: what comes behind it is missed by nobody

    def _walk(self) -> None:
        size = self.source.size
        self._stack = [_Scope(of_items=False, end=size, encoding=self.encoding)]
        while self._stack:
            scope = self._stack[-1]
            if scope.end is not None and self.position >= scope.end:
                self._leave(scope)
            elif self.position >= size:
                _truncated("the file ends inside a sequence that is still open")
            elif len(self._stack) == 1 and self.pixels is not None and not self._goes_on():
                self._stack.pop()
            elif scope.of_items:
                self._item(scope)
            else:
                self._element(scope)
        if self._strays:
            self.notes.append(f"{self._strays} stray sequence delimiter(s) were stepped over")

    def _leave(self, scope: _Scope) -> None:
        if scope.end is not None and self.position > scope.end:
            _damaged("an element runs over the end of the sequence that holds it")
        self._close()

    def _close(self) -> None:
        self._stack.pop()
        if len(self._stack) == 1:
            tag, start, value = self._open
            self.elements.append(Element(tag, "SQ", start, value, self.position))

    def _item(self, scope: _Scope) -> None:
        tag, _, length, value = _element_header(self.source, self.position, scope.encoding)
        if tag == _ITEM:
            self._items += 1
            if self._items > MAX_ITEMS:
                _damaged("it holds more sequence items than any sound file")
            self.position = value
            self._enter(False, length, scope.encoding)
        elif tag == _SEQUENCE_END:
            self.position = value
            if scope.end is None:
                self._close()
            else:
                self._strays += 1
        elif tag == _ITEM_END:
            self.position = value
            self._strays += 1
        else:
            _damaged("a sequence holds something that is not an item")

    def _element(self, scope: _Scope) -> None:
        start = self.position
        tag, vr, length, value = _element_header(self.source, start, scope.encoding)
        self._counted += 1
        if self._counted > MAX_ELEMENTS:
            _damaged("it holds more elements than any sound file")
        if tag >> 16 == 0xFFFE:
            self._delimiter(scope, tag, value)
        elif tag == 0:
            _damaged("there are zeros where an element should be")
        elif tag == PIXEL_DATA and self._ends_in(value, length):
            self.cut, self.position = True, self.source.size
            self._keep(tag, vr, start, value, Pixels(vr=vr, native=(value, self.position - value), cut=True))
        elif length != _UNDEFINED and value + length > self.source.size:
            missing = value + length - self.source.size
            _truncated(f"the file ends {missing} bytes before what an element promises")
        elif _is_sequence(tag, vr, length):
            if len(self._stack) == 1:
                self._open = (tag, start, value)
            self.position = value
            # An unknown VR of undefined length is implicit VR little endian inside (PS3.5 6.2.2).
            inner = Encoding(implicit=True) if vr == "UN" else scope.encoding
            self._enter(True, length, inner)
        elif length == _UNDEFINED:
            pixels = self._fragments(value, tag, vr)
            self._keep(tag, vr, start, value, pixels)
        else:
            self.position = value + length
            if tag == CHARACTER_SET:
                self.character_sets.append((value, length))
            native = Pixels(vr=vr, native=(value, length), is_float=tag in _FLOAT_PIXELS)
            self._keep(tag, vr, start, value, native)

    def _ends_in(self, value: int, length: int) -> bool:
        """Whether the file ends inside the native pixel data of the object itself."""
        size = self.source.size
        return len(self._stack) == 1 and length != _UNDEFINED and value < size < value + length

    def _keep(self, tag: int, vr: str, start: int, value: int, pixels: Pixels) -> None:
        if len(self._stack) != 1:
            return
        if tag == PIXEL_DATA or tag in _FLOAT_PIXELS:
            self.pixels = pixels
        else:
            self.elements.append(Element(tag, vr, start, value, self.position))

    def _enter(self, of_items: bool, length: int, encoding: Encoding) -> None:
        if len(self._stack) > 2 * MAX_DEPTH:
            _damaged(f"its sequences are nested more than {MAX_DEPTH} deep")
        end = None if length == _UNDEFINED else self.position + length
        if end is not None and end > self.source.size:
            _truncated(f"the file ends {end - self.source.size} bytes before what a sequence promises")
        self._stack.append(_Scope(of_items, end, encoding))

    def _delimiter(self, scope: _Scope, tag: int, value: int) -> None:
        self.position = value
        open_ended = len(self._stack) > 1 and scope.end is None
        if tag == _ITEM_END and open_ended:
            self._close()
        elif tag == _SEQUENCE_END and open_ended:
            # The item's own delimiter was left out: its sequence ends here, and the item with it.
            self._strays += 1
            self._close()
            if self._stack[-1].of_items and self._stack[-1].end is None:
                self._close()
        elif tag == _ITEM:
            _damaged("an item stands outside any sequence")
        else:
            self._strays += 1

    def _fragments(self, position: int, holder: int, vr: str) -> Pixels:
        """Encapsulated pixel data (PS3.5 A.4): offset table, fragments, delimiter; always little endian."""
        found: list[tuple[int, int]] = []
        cut = partial = False
        for tag, value, length in self._fragment_items(position):
            if tag == _SEQUENCE_END:
                self.position = value
                break
            held = max(0, min(length, self.source.size - value))
            if held < length:
                if not found:
                    _truncated("the file ends inside the offset table of its pixel data")
                cut = partial = True
            found.append((value, held))
            if len(found) > MAX_FRAGMENTS:
                _damaged("its pixel data is split into more fragments than any sound file")
        else:
            cut = True
            self.position = self.source.size
        if found and partial and not found[-1][1]:
            found.pop()
            partial = False
        if cut and (len(found) < 2 or holder != PIXEL_DATA or len(self._stack) != 1):
            _truncated("the file ends inside its compressed pixel data")
        self.cut = self.cut or cut
        if not found:
            _damaged("its compressed pixel data has no offset table and no fragments")
        (table, table_length), *fragments = found
        base = table + table_length
        raw = self.source.read(table, table_length)
        offsets = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
        starts = tuple(value - 8 - base for value, _ in fragments)
        return Pixels(
            vr=vr, fragments=tuple(fragments), item_starts=starts, offsets=offsets, cut=cut, partial=partial
        )

    def _fragment_items(self, position: int) -> Iterator[tuple[int, int, int]]:
        """(tag, value, length) of each item up to the delimiter, or to the end of a file that was cut."""
        while position + 8 <= self.source.size:
            tag, _, length, value = _element_header(self.source, position, Encoding())
            if tag not in (_ITEM, _SEQUENCE_END):
                _damaged("its compressed pixel data holds something that is not a fragment")
            if tag == _ITEM and length == _UNDEFINED:
                _damaged("a fragment of its pixel data has no length")
            yield tag, value, length
            position = value + length

    def _goes_on(self) -> bool:
        """Whether another element follows the pixel data; padding or a second file glued on is not one."""
        rest = self.source.size - self.position
        head = self.source.read(self.position, 12)
        if len(head) >= 8:
            tag, vr, _, _ = _element_header(self.source, self.position, self.encoding)
            if tag > PIXEL_DATA and (self.encoding.implicit or vr.encode() in _KNOWN_VRS):
                return True
            if tag in (_ITEM_END, _SEQUENCE_END):
                return True
        self.notes.append(f"{rest} bytes follow the data set; they were not read")
        return False


@cache
def _is_known_sequence(tag: int) -> bool:
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:  # a private element: what it holds is not ours to follow
        return False


def _is_sequence(tag: int, vr: str, length: int) -> bool:
    if vr == "SQ":
        return True
    if length == _UNDEFINED:
        return tag != PIXEL_DATA and vr not in ("OB", "OW", "OD", "OF", "OL", "OV")
    return vr in ("", "UN") and length > 0 and _is_known_sequence(tag)


def _text(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("ascii", "replace").strip()


def _truncated(what: str) -> NoReturn:
    raise UnreadableFile(
        "truncated", what, hint="copy the file again from the scanner or the archive it came from"
    )


def _damaged(what: str) -> NoReturn:
    raise UnreadableFile(
        "damaged", what, hint="copy the file again from the scanner or the archive it came from"
    )
