"""Damages pictures and clips by what they are made of: chunks, markers, directories, blocks, boxes."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from random import Random

from fuzzing.numbers import LENGTHS, smudged

_INNER = frozenset((
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"moof", b"traf", b"mvex", b"iprp",
    b"ipco", b"LIST", b"RIFF",
))  # fmt: skip
_EBML_INNER = frozenset((
    0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0xA0, 0x114D9B74, 0x4DBB, 0x1C53BB6B,
    0xBB, 0xB7, 0x1254C367,
))  # fmt: skip


@dataclass(frozen=True)
class Part:
    """``start`` to ``end``; its length or another number that tells stands at ``at``, ``width`` bytes wide."""

    start: int
    end: int
    at: int
    width: int
    big: bool = True
    body: int = 0


def mutate(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        content = _once(content, rng, others)[:3_000_000]
    return content


def _once(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    found = parts(content)
    if not found or rng.random() < 0.15:
        return smudged(content, rng)
    one = rng.choice(found)
    way = rng.randrange(12)
    if way < 3:
        old = int.from_bytes(content[one.at : one.at + one.width], "big" if one.big else "little")
        number = rng.choice((*LENGTHS, old + 1, old - 1, old * 2, len(content))) & ((1 << 8 * one.width) - 1)
        raw = number.to_bytes(one.width, "big" if one.big else "little")
        changed = content[: one.at] + raw + content[one.at + one.width :]
    elif way < 6 and one.end > one.body:
        changed = (
            content[: one.body] + smudged(content[one.body : one.end], rng, same=True) + content[one.end :]
        )
    elif way == 6:
        changed = content[: one.start] + content[one.end :]
    elif way == 7:
        changed = (
            content[: one.end] + content[one.start : one.end] * rng.choice((1, 3, 200)) + content[one.end :]
        )
    elif way == 8:
        return content[: rng.choice((one.start, one.body, one.end, rng.randrange(len(content) + 1)))]
    elif way == 9:
        other = rng.choice(others)
        theirs = parts(other)
        piece = rng.choice(theirs) if theirs else Part(0, 0, 0, 0)
        place = rng.choice((one.start, one.end))
        changed = content[:place] + other[piece.start : piece.end] + content[place:]
    elif way == 10 and content[:4] == b"\x89PNG":
        return _bomb(content, rng)
    else:
        other_part = rng.choice(found)
        first, second = sorted((one, other_part), key=lambda p: p.start)
        if first.end > second.start:
            return smudged(content, rng)
        changed = (
            content[: first.start] + content[second.start : second.end] + content[first.end : second.start]
            + content[first.start : first.end] + content[second.end :]
        )  # fmt: skip
    if content[:4] == b"\x89PNG" and rng.random() < 0.85:
        changed = _sums(changed)
    return changed


def parts(content: bytes) -> list[Part]:
    """What the content is made of, as far as it can be walked."""
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(content)
    if content[:2] == b"\xff\xd8":
        return _jpeg(content)
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0"):
        return _tiff(content)
    if content[:4] == b"RIFF":
        return _riff(content, 0, len(content), 0)
    if content[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return _boxes(content, 0, len(content), 0)
    if content[:4] == b"\x1aE\xdf\xa3":
        return _ebml(content, 0, len(content), 0)
    if content[:3] == b"GIF":
        return _gif(content)
    if content[:2] == b"BM":
        return [
            Part(at, at + width, at, width, big=False, body=at)
            for at, width in _BMP
            if at + width <= len(content)
        ]
    if content[:4] in (b"\0\0\1\xba", b"\0\0\1\xb3"):
        return _starts(content)
    if content[:1] == b"\x47" and content[188:189] == b"\x47":
        return [Part(n, n + 188, n + 1, 2, body=n + 4) for n in range(0, len(content) - 187, 188)]
    return []


_BMP = ((2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (34, 4), (46, 4))


def _png(content: bytes) -> list[Part]:
    found, at = [], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        end = min(len(content), at + 12 + length)
        found.append(Part(at, end, at, 4, body=at + 8))
        if content[at + 4 : at + 8] == b"IHDR":
            found += [
                Part(at, end, at + 8 + n, w, body=at + 8)
                for n, w in ((0, 4), (4, 4), (8, 1), (9, 1), (12, 1))
            ]
        at = end
    return found


def _sums(content: bytes) -> bytes:
    """Checksums made right again, so that damage gets past the first door."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if at + 12 + length > len(content):
            break
        body = content[at + 4 : at + 8 + length]
        out += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out) + content[at:]


def _bomb(content: bytes, rng: Random) -> bytes:
    """Text or pixels that unpack to far more than they should."""
    kind = rng.choice((b"IDAT", b"zTXt", b"iCCP", b"iTXt"))
    head = {b"zTXt": b"a\0\0", b"iCCP": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}.get(kind, b"")
    body = kind + head + zlib.compress(bytes(rng.choice((10**5, 10**7, 6 * 10**7))), 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    place = rng.choice([p.end for p in _png(content)] or [8])
    return content[:place] + chunk + content[place:]


def _jpeg(content: bytes) -> list[Part]:
    found, at = [], 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        mark = content[at + 1]
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        end = min(len(content), at + 2 + length)
        found.append(Part(at, end, at + 2, 2, body=at + 4))
        if mark in (0xC0, 0xC1, 0xC2, 0xC3, 0xF7):
            found += [Part(at, end, at + n, w, body=at + 4) for n, w in ((4, 1), (5, 2), (7, 2), (9, 1))]
        if mark == 0xDA:
            after = content.find(b"\xff\xd9", end)
            after = len(content) if after < 0 else after
            found.append(Part(end, after, end, 2, body=end))
            at = after + 2 if content[after + 2 : after + 3] == b"\xff" else len(content)
        else:
            at = end
    return found


#: Where tag, type, count and value stand in an entry of a TIFF directory, and how wide they are.
_ENTRY = ((0, 2), (2, 2), (4, 4), (8, 4))
_TABLES = frozenset((
    b"stsd", b"stts", b"stsz", b"stsc", b"stco", b"iloc", b"iinf", b"ispe", b"tkhd", b"mvhd", b"elst",
))  # fmt: skip


def _tiff(content: bytes) -> list[Part]:
    big = content[:2] == b"MM"
    order = "big" if big else "little"

    def number(at: int, width: int) -> int:
        return int.from_bytes(content[at : at + width], order)

    found = [Part(4, 8, 4, 4, big, 4)]
    at, seen = number(4, 4), set()
    while 8 <= at < len(content) - 2 and at not in seen and len(found) < 2000:
        seen.add(at)
        count = number(at, 2)
        found.append(Part(at, at + 2, at, 2, big, at))
        for n in range(min(count, 200)):
            entry = at + 2 + 12 * n
            if entry + 12 > len(content):
                break
            found += [Part(entry, entry + 12, entry + o, w, big, entry + 8) for o, w in _ENTRY]
            if number(entry, 2) in (0x8769, 0x8825, 0x14A) and len(seen) < 20:
                inner = number(entry + 8, 4)
                if 8 <= inner < len(content) - 2:
                    found += [Part(inner, min(len(content), inner + 14), inner + o, w, big, inner + 10)
                              for o, w in ((0, 2), (2, 2), (4, 2), (6, 4), (10, 4))]  # fmt: skip
        at = number(at + 2 + 12 * count, 4)
    return found


def _riff(content: bytes, start: int, stop: int, depth: int) -> list[Part]:
    found, at = [], start
    while at + 8 <= stop and len(found) < 500:
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        end = min(stop, at + 8 + length + (length & 1))
        found.append(Part(at, end, at + 4, 4, False, at + 8))
        if content[at : at + 4] in _INNER and depth < 6:
            found += _riff(content, at + 12, end, depth + 1)
        at = end
    return found


def _boxes(content: bytes, start: int, stop: int, depth: int) -> list[Part]:
    found, at = [], start
    while at + 8 <= stop and len(found) < 500:
        length = int.from_bytes(content[at : at + 4], "big")
        end = stop if length < 8 else min(stop, at + length)
        kind = content[at + 4 : at + 8]
        found.append(Part(at, end, at, 4, body=at + 8))
        if kind in _INNER and depth < 8:
            found += _boxes(content, at + 8, end, depth + 1)
        elif kind == b"meta" and depth < 8:
            found += _boxes(content, at + 12, end, depth + 1)
        elif kind in _TABLES:
            found += [Part(at, end, o, 4, body=at + 8) for o in range(at + 8, min(end - 3, at + 48), 4)]
        at = end
    return found


def _ebml(content: bytes, start: int, stop: int, depth: int) -> list[Part]:
    found, at = [], start
    while at + 2 <= stop and len(found) < 500 and content[at]:
        width = 9 - content[at].bit_length()
        name = int.from_bytes(content[at : at + width], "big")
        place = at + width
        if place >= stop or not content[place]:
            break
        size = 9 - content[place].bit_length()
        length = int.from_bytes(content[place : place + size], "big") & ((1 << 7 * size) - 1)
        body = place + size
        end = stop if length == (1 << 7 * size) - 1 else min(stop, body + length)
        found.append(Part(at, end, place, size, body=body))
        if name in _EBML_INNER and depth < 8:
            found += _ebml(content, body, end, depth + 1)
        at = end
    return found


def _gif(content: bytes) -> list[Part]:
    found = [Part(6, 8, 6, 2, False, 6), Part(8, 10, 8, 2, False, 8), Part(10, 11, 10, 1, False, 10)]
    at = 13 + (3 << (content[10] & 7) + 1 if len(content) > 12 and content[10] & 0x80 else 0)
    while at < len(content) and len(found) < 300:
        start = at
        if content[at] == 0x21:
            at += 2
        elif content[at] == 0x2C and at + 10 < len(content):
            found += [Part(at, at + 10, at + o, 2, False, at) for o in (1, 3, 5, 7)]
            at += 10 + (3 << (content[at + 9] & 7) + 1 if content[at + 9] & 0x80 else 0) + 1
        else:
            break
        while at < len(content) and content[at]:
            at += content[at] + 1
        at += 1
        found.append(Part(start, min(at, len(content)), start + 2, 1, False, start + 3))
    return found


def _starts(content: bytes) -> list[Part]:
    places = []
    at = content.find(b"\0\0\1")
    while at >= 0 and len(places) < 400:
        places.append(at)
        at = content.find(b"\0\0\1", at + 3)
    ends = [*places[1:], len(content)]
    return [Part(a, b, a + 4, 2, body=min(a + 6, b)) for a, b in zip(places, ends, strict=True)]
