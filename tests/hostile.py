"""Files that mean harm, made on the spot and always the same, each with the one thing that may become of it."""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import helpers
import numpy as np
from PIL import Image

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
DEFLATED, RLE, JPEG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50"
J2K, JPEG_LS, MPEG = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.102"
_LONG = ("OB", "OW", "OF", "SQ", "UC", "UN", "UR", "UT")
FOREVER = 0xFFFFFFFF


@dataclass(frozen=True)
class Hostile:
    """``make`` writes one file or folder at the path that it is given; its main line of the report is ``outcome``,
    with ``reason``. ``said`` is part of its message or of one of its notes. ``lines`` are what a container's other
    lines must be, by what stands behind its ``!``. ``suffix`` is that of the file."""

    name: str
    make: Callable[[Path], object]
    outcome: str
    reason: str | None = None
    said: str = ""
    suffix: str = ".dcm"
    lines: tuple[tuple[str, str, str | None], ...] = ()


# ------------------------------------------------------------------------------------------------- bytes of DICOM


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One element in explicit VR little endian, which may lie about its length."""
    value += b"\0" * (len(value) & 1)
    said = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return head + (struct.pack("<HI", 0, said) if vr in _LONG else struct.pack("<H", said)) + value


def dicom(
    *changed: tuple[int, str, bytes],
    syntax: str = EXPLICIT,
    pixels: bytes | None = None,
    before: bytes = b"",
    after: bytes = b"",
    preamble: bytes = b"",
) -> bytes:
    """A still of 32 rows and 40 columns; ``changed`` elements take the place of its own, ``before`` stands before its
    pixel data, which ``pixels`` replaces as a whole element."""
    number = zlib.crc32(repr((changed, syntax, pixels, before, after, preamble)).encode())
    uid = f"1.2.826.0.1.3680043.8.498.7.{number}".encode()
    values = {
        0x00080016: ("UI", b"1.2.840.10008.5.1.4.1.1.6.1"), 0x00080018: ("UI", uid), 0x00080020: ("DA", b"20240102"),
        0x00080060: ("CS", b"US"), 0x00100010: ("PN", b"Quillfeather^Orsino"), 0x00100020: ("LO", b"SE-4711"),
        0x0020000D: ("UI", b"1.2.3.7.1"), 0x0020000E: ("UI", b"1.2.3.7.2"), 0x00280002: ("US", b"\1\0"),
        0x00280004: ("CS", b"MONOCHROME2"), 0x00280010: ("US", b"\x20\0"), 0x00280011: ("US", b"\x28\0"),
        0x00280100: ("US", b"\x08\0"), 0x00280101: ("US", b"\x08\0"), 0x00280102: ("US", b"\x07\0"),
        0x00280103: ("US", b"\0\0"),
    }  # fmt: skip
    values |= {tag: (vr, value) for tag, vr, value in changed}
    body = b"".join(element(tag, vr, value) for tag, (vr, value) in sorted(values.items()))
    grey = np.random.default_rng(number).integers(0, 255, 32 * 40, dtype=np.uint8).tobytes()
    body += before + (element(0x7FE00010, "OW", grey) if pixels is None else pixels) + after
    if syntax == DEFLATED:
        packer = zlib.compressobj(9, wbits=-15)
        body = packer.compress(body) + packer.flush()
    return _meta(syntax, preamble, values[0x00080016][1]) + body


def _meta(syntax: str, preamble: bytes, class_uid: bytes) -> bytes:
    meta = element(0x00020002, "UI", class_uid) + element(0x00020010, "UI", syntax.encode())
    return (
        preamble.ljust(128, b"\0")[:128]
        + b"DICM"
        + element(0x00020000, "UL", struct.pack("<I", len(meta)))
        + meta
    )


def frames(*fragments: bytes, table: bytes = b"") -> bytes:
    """Encapsulated pixel data (PS3.5 A.4)."""
    items = b"".join(
        b"\xfe\xff\x00\xe0" + struct.pack("<I", len(f) + (len(f) & 1)) + f + b"\0" * (len(f) & 1)
        for f in (table, *fragments)
    )
    return element(0x7FE00010, "OB", b"", FOREVER) + items + b"\xfe\xff\xdd\xe0\0\0\0\0"


def _short(value: int) -> bytes:
    return struct.pack("<H", value)


def _nested(depth: int, *, closed: bool) -> bytes:
    opening = element(0x0040A730, "SQ", b"", FOREVER) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" if closed else b""
    return opening * depth + closing * depth


def _nested_with_lengths(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = element(0x0040A730, "SQ", b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner)
    return inner


def _size(rows: int, columns: int) -> tuple[tuple[int, str, bytes], ...]:
    return (0x00280010, "US", _short(rows)), (0x00280011, "US", _short(columns))


def _many(count: bytes) -> tuple[tuple[int, str, bytes], ...]:
    moving = (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.3.1")
    return moving, (0x00280008, "IS", count), (0x00181063, "DS", b"40")


def _jpeg(rows: int, columns: int) -> bytes:
    """A sound grey JPEG whose frame header then claims another size."""
    out = io.BytesIO()
    Image.new("L", (40, 32), 90).save(out, "JPEG")
    whole = bytearray(out.getvalue())
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", rows, columns)
    return bytes(whole)


def _region(delta: float) -> bytes:
    """A region of ultrasound calibration with an impossible scale."""
    inside = element(0x00186012, "US", b"\1\0") + element(0x00186014, "US", b"\1\0")
    corners = ((0x00186018, 0), (0x0018601A, 0), (0x0018601C, 39), (0x0018601E, 31))
    inside += b"".join(element(tag, "UL", struct.pack("<I", value)) for tag, value in corners)
    inside += element(0x00186024, "US", b"\3\0") + element(0x00186026, "US", b"\3\0")
    inside += element(0x0018602C, "FD", struct.pack("<d", delta)) + element(
        0x0018602E, "FD", struct.pack("<d", delta)
    )
    return element(0x00186011, "SQ", b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inside)) + inside)


def _written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _dicom(name: str, content: bytes, outcome: str, reason: str | None = None, said: str = "") -> Hostile:
    return Hostile(name, _written(content), outcome, reason, said)


def _structures() -> list[Hostile]:
    zeros = bytes(40 << 20)
    return [
        _dicom("nested-3000-never-closed", dicom(before=_nested(3000, closed=False)), "failed", "damaged"),
        _dicom("nested-3000-closed", dicom(before=_nested(3000, closed=True)), "failed", "damaged"),
        _dicom("nested-400-with-lengths", dicom(before=_nested_with_lengths(100)), "failed", "damaged"),
        _dicom("nested-30", dicom(before=_nested(30, closed=True)), "added"),
        _dicom("sequence-never-closed", dicom(before=_nested(1, closed=False)), "failed", "truncated"),
        _dicom(
            "sequence-never-closed-at-all",
            dicom(pixels=b"", after=_nested(1, closed=False)),
            "failed",
            "truncated",
        ),
        _dicom(
            "element-of-4-gigabytes",
            dicom(before=element(0x00091010, "UN", b"x", 0xFFFFFFFE)),
            "failed",
            "truncated",
        ),
        _dicom(
            "pixels-of-4-gigabytes",
            dicom(pixels=element(0x7FE00010, "OW", bytes(1280), 0xFFFFFFFE)),
            "added",
            said="the file ends early",
        ),
        _dicom("pixels-never-closed", dicom(syntax=JPEG, pixels=frames(_jpeg(32, 40))[:-8]), "added"),
        _dicom(
            "fragment-of-4-gigabytes",
            dicom(
                syntax=JPEG,
                pixels=element(0x7FE00010, "OB", b"", FOREVER)
                + b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\xfe\xff\xff\xff"
                + _jpeg(32, 40),
            ),
            "added",
            said="ends early",
        ),
        _dicom(
            "meta-of-4-gigabytes",
            b"\0" * 128 + b"DICM" + element(0x00020002, "OB", b"", 0xFFFFFFF0),
            "failed",
            "truncated",
        ),
        _dicom("a-vr-of-nothing", dicom(before=b"\x09\0\x10\x10\0\0\0\0\0\0\0\0"), "failed", "damaged"),
        _dicom(
            "deflate-bomb",
            dicom(syntax=DEFLATED, before=element(0x00091010, "UN", zeros)),
            "failed",
            "damaged",
        ),
        _dicom(
            "deflate-noise",
            _meta(DEFLATED, b"", b"1.2.840.10008.5.1.4.1.1.6.1") + bytes(range(256)) * 40,
            "failed",
            "damaged",
        ),
        _dicom("only-a-preamble", b"MZ".ljust(128, b"\0") + b"DICM", "failed", "truncated"),
    ]


def _claims() -> list[Hostile]:
    return [
        _dicom("65535-squared-native", dicom(*_size(65535, 65535)), "failed", "truncated"),
        _dicom(
            "65535-squared-jpeg",
            dicom(*_size(65535, 65535), syntax=JPEG, pixels=frames(_jpeg(65500, 65500))),
            "added",
            said="million pixels",
        ),
        _dicom(
            "jpeg-inside-claims-more",
            dicom(syntax=JPEG, pixels=frames(_jpeg(65500, 65500))),
            "added",
            said="million",
        ),
        _dicom(
            "run-length-65535-squared",
            dicom(
                *_size(65535, 65535),
                syntax=RLE,
                pixels=frames(struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\0" * 50),
            ),
            "added",
            said="million pixels",
        ),
        _dicom(
            "run-length-64-million",
            dicom(
                *_size(8000, 7999),
                syntax=RLE,
                pixels=frames(struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x40" * 400_000),
            ),
            "added",
        ),
        _dicom(
            "run-length-of-a-thousand-million-segments",
            dicom(syntax=RLE, pixels=frames(b"\xff" * 64)),
            "added",
            said="no picture",
        ),
        _dicom(
            "jpeg-2000-of-thousands-of-millions",
            dicom(*_size(65535, 65535), syntax=J2K, pixels=frames(_j2k())),
            "added",
            said="million pixels",
        ),
        _dicom(
            "jpeg-ls-without-end",
            dicom(
                syntax=JPEG_LS,
                pixels=frames(
                    b"\xff\xd8\xff\xf7\0\x0b\x08\0\x20\0\x28\1\1\x11\0"
                    b"\xff\xda\0\x08\1\1\0\0\0\0" + b"\0" * 2000
                ),
            ),
            "added",
        ),
        _dicom("thousands-of-millions-of-frames", dicom(*_many(b"2147483647")), "added", said="frames"),
        _dicom(
            "thousands-of-millions-of-frames-compressed",
            dicom(*_many(b"2147483647"), syntax=JPEG, pixels=frames(_jpeg(32, 40))),
            "added",
            said="frames",
        ),
        _dicom("frames-of-400-digits", dicom(*_many(b"9" * 400)), "added", said="NumberOfFrames"),
        _dicom("frames-not-a-number", dicom(*_many(b"nan")), "added"),
        _dicom("frames-below-zero", dicom(*_many(b"-5")), "added"),
        _dicom(
            "video-that-is-none",
            dicom(*_many(b"2147483647"), syntax=MPEG, pixels=frames(b"\0\0\1\xba" * 600)),
            "added",
        ),
        _dicom(
            "offsets-of-nonsense",
            dicom(
                *_many(b"3"),
                syntax=JPEG,
                pixels=frames(*[_jpeg(32, 40)] * 3, table=struct.pack("<3I", 0, 0xFFFFFFFF, 4)),
            ),
            "added",
        ),
        _dicom(
            "a-window-of-infinity", dicom((0x00281050, "DS", b"inf"), (0x00281051, "DS", b"nan")), "added"
        ),
        _dicom(
            "a-slope-beyond-numbers",
            dicom((0x00281052, "DS", b"1e400"), (0x00281053, "DS", b"-1e400")),
            "added",
        ),
        _dicom("a-scale-of-nothing", dicom(before=_region(float("nan"))), "added"),
        _dicom("a-scale-of-infinity", dicom(before=_region(float("inf"))), "added"),
        _dicom("a-scale-below-all-numbers", dicom(before=_region(5e-324)), "added"),
        _dicom(
            "64-bits-a-sample",
            dicom((0x00280100, "US", _short(64)), (0x00280101, "US", _short(65))),
            "failed",
            "damaged",
        ),
    ]


def _j2k() -> bytes:
    siz = struct.pack(">HIIIIIIIIH", 0, 0xFFFFFFF0, 0xFFFFFFF0, 0, 0, 1, 1, 0, 0, 1) + b"\x07\1\1"
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(siz) + 2) + siz + b"\xff\x93" + bytes(64) + b"\xff\xd9"


def _values() -> list[Hostile]:
    long_name = b"Brambletye^" + b"x" * 64000
    return [
        _dicom("uid-is-a-path", dicom((0x00080018, "UI", b"../../../../tmp/casearchive-was-here")), "added"),
        _dicom("uid-is-an-absolute-path", dicom((0x0020000D, "UI", b"/tmp/casearchive-was-here")), "added"),
        _dicom("uid-of-10-kilobytes", dicom((0x00080018, "UI", b"1." * 5000 + b"1")), "added"),
        _dicom("uid-is-empty", dicom((0x00080018, "UI", b""), (0x0020000D, "UI", b"")), "added"),
        _dicom("uid-with-a-line-end", dicom((0x00080018, "UI", b"1.2.3\n4.5\x1b[2J")), "added"),
        _dicom("number-is-a-path", dicom((0x00100020, "LO", b"..\\..\\..\\windows\\system32")), "added"),
        _dicom(
            "dates-of-zeros",
            dicom(
                (0x00080020, "DA", b"00000000"),
                (0x00080030, "TM", b"999999"),
                (0x00100030, "DA", b"99999999"),
            ),
            "added",
            said="StudyDate holds no usable value",
        ),
        _dicom(
            "a-codec-as-character-set",
            dicom((0x00080005, "CS", b"unicode_escape"), (0x00081030, "LO", rb"\x3cscript\x3e")),
            "added",
        ),
        _dicom(
            "utf-7-as-character-set",
            dicom((0x00080005, "CS", b"utf_7"), (0x00081030, "LO", b"+ADw-script+AD4-")),
            "added",
        ),
        _dicom(
            "escapes-of-another-character-set",
            dicom(
                (0x00080005, "CS", b"\\ISO 2022 IR 87"),
                (0x00081030, "LO", b"\x1b$B\xff\xfe\x1b(J\x1b$)C\x80"),
            ),
            "added",
        ),
        _dicom("a-name-of-64-kilobytes", dicom((0x00100010, "PN", long_name)), "added"),
        _dicom("a-name-of-a-thousand-groups", dicom((0x00100010, "PN", b"^=" * 5000)), "added"),
        _dicom("a-description-of-100-kilobytes", dicom((0x00204000, "UT", b"tear " * 20000)), "added"),
        _dicom("a-thousand-backslashes", dicom((0x00081030, "LO", b"\\" * 1000)), "added"),
        _dicom(
            "escapes-for-a-terminal", dicom((0x00081030, "LO", b"\x1b]0;gone\x07\x1b[2J\x9b31m")), "added"
        ),
        _dicom(
            "a-script-as-a-name",
            dicom((0x00081030, "LO", b"<script>alert(1)</script>"), (0x00080070, "LO", b"=cmd|'/c calc'!A1")),
            "added",
        ),
        _dicom(
            "text-turned-round",
            dicom((0x00080005, "CS", b"ISO_IR 192"), (0x00081030, "LO", "\u202egnp.exe\u2066".encode())),
            "added",
        ),
        _dicom(
            "a-pointer-that-is-text",
            dicom(
                *_many(b"2"),
                (0x00280009, "LO", b"'; drop table cases; --"),
                pixels=element(0x7FE00010, "OW", bytes(2560)),
            ),
            "added",
        ),
        _dicom(
            "every-number-is-text", dicom((0x00280002, "LO", b"one"), (0x00280100, "LO", b"eight")), "added"
        ),
        _dicom("rows-are-text", dicom((0x00280010, "LO", b"many")), "failed", "damaged"),
    ]


def _preambles() -> list[Hostile]:
    marks = {
        "program-for-windows": b"MZ\x90\0",
        "program-for-linux": b"\x7fELF\2\1\1",
        "web-page": b"<html><script>alert(1)",
        "document": b"%PDF-1.7\n",
        "shell-script": b"#!/bin/sh\nrm -rf ~\n",
        "tiff": b"II*\0\x84\0\0\0",
        "java-class": b"\xca\xfe\xba\xbe\0\0\0\x34",
    }
    found = [
        _dicom(f"a-preamble-that-is-a-{name}", dicom(preamble=mark), "added", said="preamble is not empty")
        for name, mark in marks.items()
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("hidden.txt", "Quillfeather")
    tail = dicom(after=packed.getvalue())
    return [*found, _dicom("a-zip-behind-the-picture", tail, "added", said="follow the data set")]


# ----------------------------------------------------------------------------------------------- pictures, clips


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    made = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        made += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return made


def _header(width: int, height: int, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)


def _rows(width: int, height: int, samples: int) -> bytes:
    """Packed rows of nothing, made without holding them all."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * samples)
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


def _gif(width: int, height: int, count: int) -> bytes:
    image = b"\x21\xf9\4\0\4\0\0\0\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    return (
        b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff" + image * count + b";"
    )


def _tiff(
    width: int, height: int, *, more: tuple[tuple[int, int, int, int], ...] = (), tail: bytes = b""
) -> bytes:
    """Grey, one strip, packed as Adobe deflate, behind the directory."""
    entries = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 1), 273: (4, 1, 0),
        277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, len(tail)),
    }  # fmt: skip
    entries |= {tag: (kind, count, value) for tag, kind, count, value in more}
    entries[273] = (4, 1, 8 + 2 + 12 * len(entries) + 4)
    body = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in sorted(entries.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4) + tail


def _pictures() -> list[Hostile]:
    end = (b"IEND", b"")
    text = zlib.compress(bytes(60_000_000), 9)
    small = (b"IDAT", _rows(40, 32, 3))

    def still(name: str, content: bytes, outcome: str, reason: str | None = None, said: str = "",
              suffix: str = ".png") -> Hostile:  # fmt: skip
        return Hostile(name, _written(content), outcome, reason, said, suffix)

    return [
        still(
            "png-of-2-thousand-millions-squared",
            png(_header(2**31 - 1, 2**31 - 1), small, end),
            "added",
            said="million pixels",
        ),
        still("png-of-60000-squared", png(_header(60000, 60000), small, end), "added", said="million pixels"),
        still(
            "png-of-63-million-with-alpha",
            png(_header(7900, 7900, 6), (b"IDAT", _rows(7900, 7900, 4)), end),
            "added",
        ),
        still(
            "png-with-a-text-bomb",
            png(_header(40, 32), (b"zTXt", b"a\0\0" + text), small, end),
            "failed",
            "damaged",
        ),
        still(
            "png-with-a-bomb-in-its-profile",
            png(_header(40, 32), (b"iCCP", b"a\0\0" + text), small, end),
            "failed",
            "damaged",
        ),
        still(
            "png-with-an-international-bomb",
            png(_header(40, 32), (b"iTXt", b"a\0\1\0\0\0" + text), small, end),
            "failed",
            "damaged",
        ),
        still("png-with-more-rows-than-it-has", png(_header(40, 32), (b"IDAT", text), end), "added"),
        still("png-of-no-width", png(_header(0, 32), small, end), "failed", "damaged"),
        still("gif-of-65535-squared", _gif(65535, 65535, 1), "added", said="million pixels", suffix=".gif"),
        still(
            "gif-of-a-hundred-thousand-frames",
            _gif(1, 1, 100_000),
            "added",
            said="100000 frames",
            suffix=".gif",
        ),
        still(
            "gif-of-frames-too-large-to-move",
            _gif(8000, 7900, 2000),
            "added",
            said="million pixels",
            suffix=".gif",
        ),
        still(
            "tiff-bomb", _tiff(7900, 7900, tail=zlib.compress(bytes(7900 * 7900), 9)), "added", suffix=".tif"
        ),
        still(
            "tiff-of-65535-squared",
            _tiff(65535, 65535, tail=zlib.compress(bytes(9))),
            "added",
            said="million",
            suffix=".tif",
        ),
        still(
            "tiff-of-a-thousand-million-strips",
            _tiff(40, 32, more=((279, 4, 1_000_000_000, 8),)),
            "failed",
            "truncated",
            suffix=".tif",
        ),
        still(
            "tiff-that-names-itself", _tiff(40, 32)[:-4] + b"\x08\0\0\0", "failed", "damaged", suffix=".tif"
        ),
        still(
            "bmp-of-no-end",
            b"BM"
            + struct.pack("<IIIIiiHHIIiiII", 70, 0, 54, 40, -(2**31), 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0)
            + bytes(16),
            "failed",
            "truncated",
            suffix=".bmp",
        ),
        still("jpeg-of-65500-squared", _jpeg(65500, 65500), "added", said="million pixels", suffix=".jpg"),
        still(
            "webp-of-63-million-that-moves", _webp(8000, 7900), "added", said="million pixels", suffix=".webp"
        ),
        still(
            "postscript-called-png",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print\n",
            "failed",
            "not-an-image",
        ),
        still(
            "svg-called-png",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            "failed",
            "not-an-image",
        ),
        still(
            "xml-of-a-thousand-million-laughs",
            b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'lol'>]><l>&a;</l>",
            "failed",
            "not-an-image",
        ),
        still("pdf-called-png", b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>", "failed", "not-an-image"),
        still("program-called-png", b"MZ\x90\0" + bytes(500), "failed", "not-an-image"),
        still("zeros-called-png", bytes(5000), "failed", "not-an-image"),
    ]


def _webp(width: int, height: int) -> bytes:
    out = io.BytesIO()
    pictures = [Image.new("RGB", (40, 32), (90 * n, 9, 9)) for n in range(2)]
    pictures[0].save(out, "WEBP", save_all=True, append_images=pictures[1:], duration=40)
    whole = bytearray(out.getvalue())
    whole[24:27], whole[27:30] = (width - 1).to_bytes(3, "little"), (height - 1).to_bytes(3, "little")
    return bytes(whole)


def _box(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">I", len(body) + 8 if length is None else length) + kind + body


def _clips() -> list[Hostile]:
    brand = _box(b"ftyp", b"isom\0\0\0\0isom")

    def clip(name: str, make: Callable[[Path], object] | bytes, outcome: str, reason: str | None = None,
             said: str = "", suffix: str = ".mp4") -> Hostile:  # fmt: skip
        return Hostile(
            name, _written(make) if isinstance(make, bytes) else make, outcome, reason, said, suffix
        )

    return [
        clip("a-playlist-of-secrets", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "failed", "not-an-image"),
        clip("a-list-of-files", b"ffconcat version 1.0\nfile /etc/passwd\n", "failed", "not-an-image"),
        clip(
            "a-film-elsewhere",
            brand + _box(b"moov", _box(b"dref", b"\0\0\0\0\0\0\0\1" + _box(b"url ", b"\0\0\0\0http://x/"))),
            "failed",
            "damaged",
        ),
        clip("boxes-in-boxes", brand + _box(b"moov", _box(b"trak", b"") * 20000), "failed", "damaged"),
        clip("boxes-without-end", brand + _box(b"moov", b"\0" * 64, 0x7FFFFFFF), "failed", "truncated"),
        clip("tables-of-thousands-of-millions", _lying_tables, "failed", "damaged"),
        clip("pictures-of-65535-squared", _lying_size, "added"),
        clip(
            "a-riff-of-4-gigabytes",
            b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl" + bytes(200),
            "failed",
            "truncated",
            suffix=".avi",
        ),
        clip(
            "a-matroska-of-nothing",
            b"\x1aE\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 2,
            "failed",
            "damaged",
            suffix=".mkv",
        ),
    ]


def _lying_tables(path: Path) -> None:
    """Each table of the film's directory claims as many entries as can be written."""
    whole = bytearray(helpers.movie(path).read_bytes())
    for kind in (b"stts", b"stsc", b"stsz", b"stco"):
        at = whole.index(kind) + (12 if kind == b"stsz" else 8)
        whole[at : at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(whole)


def _lying_size(path: Path) -> None:
    whole = bytearray(helpers.movie(path).read_bytes())
    at = whole.index(b"mp4v", whole.index(b"stsd"))
    whole[at + 28 : at + 32] = b"\xff\xff\xff\xff"
    path.write_bytes(whole)


# ------------------------------------------------------------------------------------------- packed, named, written


def _zip(*members: tuple[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made:
        for name, content in members:
            made.writestr(zipfile.ZipInfo(name), content, packing)
    return out.getvalue()


def _overlapping(members: int) -> bytes:
    """Many members of the directory that are one and the same piece of the file: small, and endless when unpacked."""
    one = _zip(("a.dcm", (b"\0" * 300 + bytes(range(256))) * 4000))
    start = one.index(b"PK\1\2")
    end = one.index(b"PK\5\6")
    entry = one[start:end]
    directory = entry * members
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, members, members, len(directory), start, 0)
    return one[:start] + directory + tail


def _renamed(old: str, new: bytes) -> bytes:
    """A zip with a name that Python would not write."""
    assert len(old) == len(new)
    return _zip((old, dicom(preamble=b"renamed" + new[:4]))).replace(old.encode(), new)


def _packed() -> list[Hostile]:
    good = dicom(preamble=b"packed")

    def packed(name: str, content: bytes, outcome: str, reason: str | None = None, said: str = "",
               lines: tuple[tuple[str, str, str | None], ...] = ()) -> Hostile:  # fmt: skip
        return Hostile(name, _written(content), outcome, reason, said, ".zip", lines)

    def member(name: str, shown: str, reason: str = "unsafe-name") -> Hostile:
        content = _zip((name, good))
        return packed(f"zip-{len(shown)}-{reason}-{shown[:3].encode().hex()}", content, "failed", reason,
                      lines=((shown, "failed", reason),))  # fmt: skip

    return [
        member("../../../tmp/casearchive-was-here.dcm", "../../../tmp/casearchive-was-here.dcm"),
        member("/tmp/casearchive-was-here.dcm", "/tmp/casearchive-was-here.dcm"),
        member("C:\\casearchive-was-here.dcm", "C:/casearchive-was-here.dcm"),
        member("..\\..\\casearchive-was-here.dcm", "../../casearchive-was-here.dcm"),
        packed(
            "zip-in-zip",
            _zip(("inner.zip", _zip(("IM", good)))),
            "failed",
            "archive-refused",
            lines=(("inner.zip", "failed", "archive-refused"),),
        ),
        packed("zip-bomb", _zip(("zeros.dcm", bytes(70 << 20))), "failed", "archive-refused"),
        packed(
            "zip-of-one-piece-a-thousand-times",
            _overlapping(1000),
            "failed",
            "archive-refused",
            said="same piece",
        ),
        packed("zip-of-60000-members", _overlapping(60000), "failed", "archive-refused"),
        packed(
            "zip-with-a-nameless-member",
            _nameless(good),
            "failed",
            "unsafe-name",
            lines=(("", "failed", "unsafe-name"),),
        ),
        packed(
            "zip-with-a-colour-as-a-name",
            _renamed("abcdefg.dcm", b"\x1b[31m\r\n.dcm"),
            "added",
            lines=(("\\x1b[31m\\r\\n.dcm", "added", None),),
        ),
        packed("zip-with-one-name-twice", _twice(good), "added"),
        packed("zip-that-ends-early", _zip(("a.dcm", good))[:-10], "failed", "archive-refused"),
        packed(
            "zip-with-a-false-sum",
            _zip(("a.dcm", good), packing=zipfile.ZIP_STORED).replace(good[600:640], bytes(40)),
            "failed",
            "archive-refused",
            lines=(("a.dcm", "failed", "archive-refused"),),
        ),
    ]


def _nameless(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        one = zipfile.ZipInfo("x")
        one.filename = ""
        made.writestr(one, content)
    return out.getvalue()


def _twice(content: bytes) -> bytes:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _zip(("a.dcm", content), ("a.dcm", dicom(preamble=b"twice")))


def _case(text: bytes) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        path.mkdir()
        (path / "case.toml").write_bytes(text)

    return make


def _records() -> list[Hostile]:
    def case(name: str, text: bytes, outcome: str, reason: str | None = None, said: str = "") -> Hostile:
        return Hostile(name, _case(text), outcome, reason, said, "")

    media = b'title = "A tear"\n[[media]]\nid = "M1"\nfile = "%s"\n'
    return [
        case("record-of-absurd-depth", b"title = " + b"[" * 100_000, "failed", "record-invalid"),
        case("record-of-absurd-tables", b"[" + b"a." * 50_000 + b"b]\n", "failed", "record-invalid"),
        case("record-of-2-megabytes", b'title = "' + b"x" * (2 << 20) + b'"', "failed", "record-invalid"),
        case("record-of-bytes", bytes(range(256)), "failed", "record-invalid"),
        case("record-in-utf-16", 'title = "A tear"'.encode("utf-16"), "failed", "record-invalid"),
        case(
            "record-of-no-number",
            b'title = "A"\n[[measurement]]\nwhat = "gap"\nvalue = nan\nunit = "mm"\n',
            "failed",
            "record-invalid",
        ),
        case(
            "record-of-infinity",
            b'title = "A"\n[[measurement]]\nwhat = "gap"\nvalue = inf\nunit = "mm"\n',
            "failed",
            "record-invalid",
        ),
        case(
            "record-of-4000-digits",
            b'title = "A"\n[[measurement]]\nwhat = "gap"\nvalue = ' + b"9" * 4000 + b'\nunit = "mm"\n',
            "failed",
            "record-invalid",
        ),
        case(
            "record-of-5000-digits",
            b'title = "A"\n[patient]\nage = ' + b"9" * 5000,
            "failed",
            "record-invalid",
        ),
        case("record-names-a-way-out", media % b"../../../../etc/passwd", "failed", "record-invalid"),
        case("record-names-an-absolute-path", media % b"/etc/passwd", "failed", "record-invalid"),
        case("record-names-a-drive", media % b"C:\\\\Users\\\\x.dcm", "failed", "record-invalid"),
        case("record-names-nothing", media % b"", "failed", "media-missing"),
        case("record-with-escapes", b'title = "\\u001b[2J\\u202egnp"\n', "failed", "record-invalid"),
    ]


def _names() -> list[Hostile]:
    """Files that are sound, under names that are not; what the report shows is printable."""

    def named(name: str, count: int) -> Hostile:
        def make(path: Path) -> None:
            path.mkdir()
            for n, each in enumerate(_ODD_NAMES[name]):
                raw = os.fsencode(path) + b"/" + each
                Path(os.fsdecode(raw)).write_bytes(dicom(preamble=name.encode()[:90] + b"%d" % n))

        return Hostile(name, make, "added", suffix="", lines=(("*", "added", None),) * count)

    usable = [
        n
        for n in _ODD_NAMES
        if sys.platform == "linux" or n in ("names-for-the-command-line", "names-of-devices")
    ]
    return [named(name, len(_ODD_NAMES[name])) for name in usable]


_BAG = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def _bag(manifest: bytes, *, packed: bool = False) -> Callable[[Path], object]:
    """A bag of one sound file with this manifest, as a folder or in a zip."""

    def make(path: Path) -> None:
        content = dicom(preamble=b"in a bag, %d %d" % (zlib.crc32(manifest), packed))
        names = (("bagit.txt", _BAG), ("manifest-sha256.txt", manifest), ("data/it.dcm", content))
        if packed:
            path.write_bytes(_zip(*names))
            return
        for name, written in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(written)

    return make


def _indexes() -> list[Hostile]:
    """Bags and discs whose lists of files mean harm; what they list is looked for nowhere else."""
    sound = ("bagit.txt", "skipped", "bag-tag")
    taken, listed = ("data/it.dcm", "added", None), ("manifest-sha256.txt", "skipped", "bag-tag")
    odd, unsafe = (
        ("manifest-sha256.txt", "failed", "bag-odd"),
        ("manifest-sha256.txt", "failed", "unsafe-name"),
    )
    unread = ("bagit.txt", "skipped", "bag-odd")
    ways = (b"../../../etc/passwd", b"/etc/passwd", b"data/../../x", b"C:\\x")
    many = b"".join(b"%064x  data/%d\n" % (0, n) for n in range(3000))
    gone = [(f"data/{n}", "failed", "bag-missing") for n in sorted(map(str, range(3000)))[:1000]]

    def bag(name: str, manifest: bytes, *lines: tuple[str, str, str | None]) -> list[Hostile]:
        return [
            Hostile(f"bag-{name}", _bag(manifest), "added", suffix="", lines=lines),
            Hostile(f"bag-{name}-packed", _bag(manifest, packed=True), "added", suffix=".zip", lines=lines),
        ]

    def disc(name: str, named: dict[tuple[str, ...], str], *more: tuple[str, str, str]) -> Hostile:
        lines = [("/".join(parts), "failed", reason) for parts, reason in named.items()][:1000]
        index = ("DICOMDIR", "skipped", "dicomdir")
        return Hostile(name, _disc(*named), "skipped", suffix="", lines=(index, *lines, *more))

    return [
        *bag("that-leads-out", b"".join(b"%064x  %s\n" % (0, p) for p in ways), sound, unsafe, taken),
        *bag("of-17-million-empty-lines", b"\n" * (17 << 20), unread, odd, taken),
        *bag("of-bytes", bytes(range(256)) * 40, unread, odd, taken),
        *bag(
            "of-thousands-that-never-were",
            many,
            sound,
            listed,
            taken,
            *gone,
            ("data …", "failed", "bag-missing"),
        ),
        disc("disc-that-leads-out", _WAYS_OUT),
        disc(
            "disc-of-thousands-that-never-were",
            {(f"IM{n:05}",): "missing-on-medium" for n in range(3000)},
            ("DICOMDIR …", "failed", "missing-on-medium"),
        ),
    ]


_WAYS_OUT = {
    ("..", "..", "etc", "passwd"): "unsafe-name", ("/etc/passwd",): "unsafe-name", ("C:", "WINDOWS"): "unsafe-name",
    (".",): "unsafe-name", ("A" * 300,): "missing-on-medium", ("A",) * 150: "missing-on-medium",
}  # fmt: skip


def _disc(*named: tuple[str, ...]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        path.mkdir()
        helpers.dicomdir(path / "DICOMDIR", *named)

    return make


_ODD_NAMES = {
    "names-of-255-bytes": (b"n" * 251 + b".dcm", "ß".encode() * 125 + b".dcm"),
    "names-that-differ-in-case": (b"im1.dcm", b"IM1.dcm", b"Im1.DCM"),
    "names-composed-and-not": ("é.dcm".encode(), "e\u0301.dcm".encode()),
    "names-for-the-command-line": (b"-rf", b"--help.dcm", b"$(id).dcm", b"%s%n.dcm", b"~.dcm"),
    "names-of-devices": (b"con.dcm", b"aux", b"nul.dcm", b"com1.dcm"),
    "names-of-formulas-and-scripts": (b"=cmd|calc.dcm", b"<script>alert(1)<.dcm", b"';drop table x;--.dcm"),
    "names-not-of-this-world": (b"\xff\xfe\x80.dcm", b"\n\r\t.dcm", b"\x1b[2J\x07.dcm", "\u202egnp.dcm".encode(), b" "),
    "names-like-zips-and-urls": (b"http:--x.dcm", b"a!b.dcm", b"a.zip!b.dcm", b"..dcm", b"..."),
}  # fmt: skip


ALL = [
    *_structures(),
    *_claims(),
    *_values(),
    *_preambles(),
    *_pictures(),
    *_clips(),
    *_packed(),
    *_records(),
    *_names(),
    *_indexes(),
]


def make_all(folder: Path) -> None:
    """Each in a folder of its own name below ``folder``, beside a sound file that must be taken whatever else is."""
    for one in ALL:
        place = folder / one.name
        place.mkdir(parents=True)
        one.make(place / f"it{one.suffix}")
    helpers.dicom(folder / "zz-sound" / "good.dcm", seed=4711, frames=3)
