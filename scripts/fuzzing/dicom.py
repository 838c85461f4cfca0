"""Damages DICOM where it hurts: element by element, lengths, sequences, offset tables, fragments, coding."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fuzzing.numbers import HOSTILE_TEXT, LENGTHS, smudged

_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_VRS = tuple(sorted(_LONG)) + (
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL",
    b"SS", b"ST", b"TM", b"UI", b"UL", b"US", b"??", b"\0\0", b"  ",
)  # fmt: skip
_SYNTAXES = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5", *(f"1.2.840.10008.1.2.4.{n}" for n in (
        50, 51, 57, 70, 80, 81, 90, 91, 94, 95, 100, 102, 103, 104, 107, 110, 111, 112, 201, 202, 203)),
    "1.2.840.10008.1.2.7.1", "1.2.3", "", "../../etc", "1.2.840.10008.1.2.4.50\0",
)  # fmt: skip
#: Elements by which sizes, coding, text and times are told: worth changing more often than others.
_TELLING = frozenset({
    0x00020010, 0x00020000, 0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00280002, 0x00280004,
    0x00280006, 0x00280008, 0x00280009, 0x00280010, 0x00280011, 0x00280014, 0x00280034, 0x00280100, 0x00280101,
    0x00280102, 0x00280103, 0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281101, 0x00281102, 0x00281103,
    0x00281201, 0x00283000, 0x00283002, 0x00283006, 0x00181063, 0x00181065, 0x00180040, 0x00186011, 0x00186012,
    0x00186018, 0x0018602C, 0x60000010, 0x60000011, 0x60000050, 0x60000100, 0x60003000, 0x7FE00001, 0x7FE00002,
    0x7FE00010, 0x00041220, 0x00041500, 0x0040A730, 0x52009229, 0x52009230, 0x00203000,
})  # fmt: skip
_CHARSETS = (
    b"unicode_escape", b"utf_7", b"idna", b"undefined", b"punycode", b"rot_13", b"ISO 2022 IR 87", b"\\ISO 2022 IR 149",
    b"ISO_IR 192", b"GB18030", b"zlib_codec", b"hex", b"ISO_IR 999", b"\\\\\\\\", b"ISO 2022 IR 58\\ISO 2022 IR 87",
)  # fmt: skip
_NUMBERS = (
    b"nan", b"inf", b"-inf", b"1e400", b"-1e400", b"1e-400", b"9" * 400, b"-", b"", b"0", b"-1", b"1\\2\\3", b"0x10",
    b"1_000", b"4294967296", b"2147483648", b"1e9", b"\xff\xfe", b" ", b"1.5.2", b"--1", b"\\" * 500,
)  # fmt: skip
_DATES = (
    b"00000000", b"99999999", b"20240231", b"000000", b"246060.999999", b"20240101-20250101", b"", b"-", b"2024",
    b"20240101000000.000000+9999", b"1" * 64,
)  # fmt: skip
_UIDS = (
    b"../../../../tmp/out", b"/etc/passwd", b"1." * 5000, b"", b"1.2.3\0", b"1..2", b"C:\\x", b"1.2.3\n1.2.4",
    b"1.2.840.10008.5.1.4.1.1.88.33", b"1.2.840.10008.5.1.4.1.1.11.1", b"1.2.840.10008.1.3.10",
    b"1.2.840.10008.5.1.4.1.1.6.1", b"1.2.840.10008.5.1.4.1.1.3.1", b"1.2.840.10008.5.1.4.1.1.104.1",
)  # fmt: skip
_WORDS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 32, 63, 64, 255, 256, 4096, 32767, 32768, 65534, 65535)


@dataclass(frozen=True)
class Element:
    """Where one data element or item lies: ``start`` its tag, ``value`` its value, ``end`` behind it.

    ``vr`` is empty in implicit VR and for items; ``width`` is the number of bytes of its length field.
    """

    tag: int
    vr: bytes
    start: int
    at: int
    width: int
    value: int
    end: int
    length: int
    big: bool = False


def elements(content: bytes, most: int = 3000) -> list[Element]:
    """Every element and item that can be walked, inner ones too; the walk is tolerant and ends where it is lost."""
    start = 132 if content[128:132] == b"DICM" else 0
    found: list[Element] = []
    position, big, explicit, syntax = start, False, True, b""
    main = start == 0
    while position + 8 <= len(content) and len(found) < most:
        if not main and content[position : position + 2] != b"\x02\x00":
            main = True
            syntax = syntax.rstrip(b"\0 ")
            big, explicit = syntax == b"1.2.840.10008.1.2.2", syntax != b"1.2.840.10008.1.2"
        one = _one(content, position, big, explicit)
        found.append(one)
        if one.tag == 0x00020010:
            syntax = content[one.value : one.end]
        inner = one.vr == b"SQ" or one.tag >> 16 == 0xFFFE or one.length == 0xFFFFFFFF
        if inner and not (one.tag == 0xFFFEE000 and found[0].tag == 0x7FE00010):
            fragments = one.tag == 0xFFFEE000 and _in_pixels(found)
            position = one.end if fragments else one.value
        else:
            position = one.end
    return found


def _in_pixels(found: list[Element]) -> bool:
    for one in reversed(found):
        if one.tag >> 16 != 0xFFFE:
            return one.tag == 0x7FE00010
    return False


def _one(content: bytes, position: int, big: bool, explicit: bool) -> Element:
    end = ">" if big else "<"
    group, number = struct.unpack_from(f"{end}HH", content, position)
    tag = group << 16 | number
    vr = content[position + 4 : position + 6]
    if group == 0xFFFE or not explicit or not vr.isalpha():
        vr, at, width = b"", position + 4, 4
    elif vr in _LONG:
        at, width = position + 8, 4
    else:
        at, width = position + 6, 2
    raw = content[at : at + width].ljust(width, b"\0")
    length = int.from_bytes(raw, "big" if big else "little")
    value = at + width
    stop = value if length == 0xFFFFFFFF else min(len(content), value + length)
    return Element(tag, vr, position, at, width, value, stop, length, big)


def _number(one: Element, value: int) -> bytes:
    value &= (1 << 8 * one.width) - 1
    return value.to_bytes(one.width, "big" if one.big else "little")


def _chosen(rng: Random, found: list[Element]) -> Element:
    telling = [e for e in found if e.tag in _TELLING]
    return rng.choice(telling) if telling and rng.random() < 0.6 else rng.choice(found)


def mutate(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    """One to five wounds; ``others`` are seeds to take parts from."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        found = elements(content)
        if not found:
            return smudged(content, rng)
        content = rng.choices(_WAYS, _WEIGHTS)[0](content, rng, found, others)
        if len(content) > 3_000_000:
            content = content[:3_000_000]
    return content


Way = Callable[[bytes, Random, list[Element], list[bytes]], bytes]


def _length(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = _chosen(rng, found)
    value = rng.choice((*LENGTHS, one.length + 1, one.length - 1, one.length * 2, rng.choice(found).length))
    return content[: one.at] + _number(one, value) + content[one.value :]


def _vr(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = _chosen(rng, [e for e in found if e.vr] or found)
    return content[: one.start + 4] + rng.choice(_VRS) + content[one.start + 6 :]


def _tag(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = rng.choice(found)
    tag = rng.choice((*_TELLING, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0, 0xFFFFFFFF, rng.getrandbits(32)))
    raw = struct.pack(">HH" if one.big else "<HH", tag >> 16, tag & 0xFFFF)
    return content[: one.start] + raw + content[one.start + 4 :]


def _value(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = _chosen(rng, found)
    return _put(content, one, _new_value(content, rng, one))


def _put(content: bytes, one: Element, value: bytes) -> bytes:
    value += b"\0" * (len(value) & 1)
    if one.width == 2:
        value = value[:65534]
    return content[: one.at] + _number(one, len(value)) + value + content[one.end :]


def _new_value(content: bytes, rng: Random, one: Element) -> bytes:
    old = content[one.value : one.end]
    if one.tag == 0x00020010:
        return rng.choice(_SYNTAXES).encode()
    if one.tag == 0x00080005:
        return rng.choice(_CHARSETS)
    if one.vr in (b"US", b"SS", b"") and len(old) == 2:
        return struct.pack(">H" if one.big else "<H", rng.choice(_WORDS))
    if one.vr in (b"UL", b"SL", b"OL", b"AT") or (not one.vr and len(old) == 4):
        return struct.pack(">I" if one.big else "<I", rng.choice(LENGTHS) & 0xFFFFFFFF)
    if one.vr in (b"FD", b"FL", b"OF", b"OD"):
        odd = rng.choice((float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e-310, 1e38, 1e308))
        kind = "f" if one.vr in (b"FL", b"OF") and abs(odd) < 1e39 else "d"
        return struct.pack((">" if one.big else "<") + kind, odd) * rng.choice((1, 1, 2, 100))
    if one.vr in (b"DS", b"IS"):
        return rng.choice(_NUMBERS)
    if one.vr in (b"DA", b"TM", b"DT", b"AS"):
        return rng.choice(_DATES)
    if one.vr == b"UI":
        return rng.choice(_UIDS)
    if one.vr in (b"OB", b"OW", b"UN") or len(old) > 200:
        return smudged(old, rng)
    return rng.choice((*HOSTILE_TEXT, old * 50, old[: len(old) // 2], b"\\".join([old] * 20)))


def _drop(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = _chosen(rng, found)
    return content[: one.start] + content[one.end :]


def _again(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = _chosen(rng, found)
    return content[: one.end] + content[one.start : one.end] * rng.choice((1, 1, 2, 50)) + content[one.end :]


def _swap(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one, other = sorted(rng.sample(found, 2), key=lambda e: e.start) if len(found) > 1 else (found[0],) * 2
    if one.end > other.start:
        return content
    return b"".join((
        content[: one.start], content[other.start : other.end], content[one.end : other.start],
        content[one.start : one.end], content[other.end :],
    ))  # fmt: skip


def _cut(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = rng.choice(found)
    return content[: rng.choice((one.start, one.at, one.value, one.end, rng.randrange(len(content))))]


def _graft(content: bytes, rng: Random, found: list[Element], others: list[bytes]) -> bytes:
    other = rng.choice(others)
    theirs = elements(other)
    if not theirs:
        return content
    piece = _chosen(rng, theirs)
    place = rng.choice(found)
    same = [e for e in found if e.tag == piece.tag]
    if same and rng.random() < 0.6:
        place = same[0]
        return content[: place.start] + other[piece.start : piece.end] + content[place.end :]
    return content[: place.start] + other[piece.start : piece.end] + content[place.start :]


def _nest(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    """An element within sequences within sequences, closed or never closed."""
    one = rng.choice(found)
    depth = rng.choice((1, 2, 10, 63, 65, 300, 3000))
    opening = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    if not one.vr:
        opening = b"\x40\x00\x30\xa7\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * rng.choice((0, 1, depth, depth))
    inside = content[one.start : one.end] if rng.random() < 0.7 else b""
    return content[: one.start] + opening * depth + inside + closing + content[one.end :]


def _bits(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    one = rng.choice([e for e in found if e.end > e.value] or found)
    if one.end <= one.value:
        return smudged(content, rng)
    return content[: one.value] + smudged(content[one.value : one.end], rng, same=True) + content[one.end :]


def _items(found: list[Element]) -> list[Element]:
    places = [n for n, e in enumerate(found) if e.tag == 0x7FE00010]
    return [e for e in found[places[0] + 1 :] if e.tag == 0xFFFEE000] if places else []


def _fragment(content: bytes, rng: Random, found: list[Element], others: list[bytes]) -> bytes:
    """Offset table and fragments: torn, doubled, exchanged, lied about; the streams within them damaged."""
    items = _items(found)
    if not items:
        return _value(content, rng, [e for e in found if e.tag == 0x7FE00010] or found, others)
    one = rng.choice(items)
    way = rng.randrange(8)
    if way == 0:  # a lying offset table
        table = b"".join(
            struct.pack("<I", rng.choice(LENGTHS) & 0xFFFFFFFF) for _ in range(rng.choice((1, 3, 40)))
        )
        return _put(content, items[0], table)
    if way == 1:
        return _drop(content, rng, [one], others)
    if way == 2:
        return _again(content, rng, [one], others)
    if way == 3:  # in two
        middle = rng.randrange(one.length // 2 + 1) * 2
        head, tail = content[one.value : one.value + middle], content[one.value + middle : one.end]
        parts = [b"\xfe\xff\x00\xe0" + struct.pack("<I", len(p)) + p for p in (head, tail)]
        return content[: one.start] + b"".join(parts) + content[one.end :]
    if way == 4:
        return _put(content, one, b"")
    body = content[one.value : one.end]
    if way == 5 and body:  # its head: markers, tables and sizes of the stream
        size = min(len(body), rng.choice((16, 64, 200, 700)))
        return _put(content, one, smudged(body[:size], rng, same=rng.random() < 0.7) + body[size:])
    if way == 6:  # run lengths: the header says how many segments there are and where
        return _put(content, one, struct.pack("<I", rng.choice(LENGTHS) & 0xFFFFFFFF) + body[4:])
    return _put(content, one, smudged(body, rng))


def _syntax(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    for one in found:
        if one.tag == 0x00020010:
            return _put(content, one, rng.choice(_SYNTAXES).encode())
    return content


def _deflate(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    """The data set deflated as PS3.5 A.5 wants, perhaps followed by far more than fits."""
    body = next((e.start for e in found if e.tag >> 16 != 2), None)
    if body is None or content[128:132] != b"DICM":
        return content
    packer = zlib.compressobj(wbits=-15)
    extra = bytes(rng.choice((0, 0, 1000, 40_000_000)))
    packed = packer.compress(content[body:] + extra) + packer.flush()
    packed = smudged(packed, rng, same=True) if rng.random() < 0.3 else packed
    head = content[:body]
    for one in elements(head):
        if one.tag == 0x00020010:
            head = _put(head, one, b"1.2.840.10008.1.2.1.99")
    return head + packed


def _insert(content: bytes, rng: Random, found: list[Element], _: list[bytes]) -> bytes:
    """An element that was not there: private, overlay, palette, or one out of order."""
    one = rng.choice(found)
    tag = rng.choice(
        (*_TELLING, 0x00091010, 0x00090010, 0x0009FFFF, 0x60020010, 0x50000005, 0x00880200, 0xFFFCFFFC)
    )
    vr = rng.choice(_VRS)
    made = Element(tag, vr, 0, 0, 4 if vr in _LONG else 2, 0, 0, 0)
    value = _new_value(b"\1\0", rng, Element(tag, vr, 0, 0, made.width, 0, 2, 2))
    value = value[:60000] + b"\0" * (len(value[:60000]) & 1)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + (b"\0\0" if made.width == 4 else b"")
    return content[: one.start] + head + _number(made, len(value)) + value + content[one.start :]


_MARKS = (
    b"MZ\x90\0", b"%PDF-1.4\n", b"<html><script>alert(1)</script>", b"\x7fELF\2", b"II*\0\x84\0\0\0", b"GIF89a",
    b"#!/bin/sh\n",
)  # fmt: skip


def _front(content: bytes, rng: Random, _: list[Element], __: list[bytes]) -> bytes:
    """What stands before the data: another preamble, none, or no file meta information at all."""
    way = rng.randrange(4)
    if content[128:132] != b"DICM" or way == 0:
        return rng.choice(_MARKS) + content
    if way == 1:
        return rng.choice(_MARKS).ljust(128, b"\0") + content[128:]
    return content[132:] if way == 2 else content[:128] + content[132:]


_WAYS: tuple[Way, ...] = (
    _length, _vr, _tag, _value, _drop, _again, _swap, _cut, _graft, _nest, _bits, _fragment, _syntax, _deflate,
    _insert, _front,
)  # fmt: skip
_WEIGHTS = (14, 6, 4, 24, 5, 4, 2, 4, 8, 3, 7, 14, 4, 2, 5, 1)
