"""Values that break things, and plain damage to bytes: what every way of mutating shares."""

from __future__ import annotations

from random import Random

#: Lengths, counts and offsets: around the borders of every width of number.
LENGTHS = (
    0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 1000, 4095, 4096, 32767, 32768, 65535, 65536, 1 << 20, 1 << 24,
    0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 32, 1 << 48, (1 << 63) - 1,
    (1 << 64) - 1,
)  # fmt: skip

#: Text on its way to a page, a table, a terminal, a path or a query.
HOSTILE_TEXT = (
    b"<script>alert(1)</script>", b"=cmd|'/c calc'!A1", b"@SUM(1)", b"+1+1", b"-2+3", b"\x1b[2J\x1b]0;x\x07",
    b"\x9b31m", b"../../../../etc/passwd", b"\r\nline", b"a\0b", b"\xff\xfe\xfd", b"\xe2\x80\xaegnp", b"{{7*7}}",
    b"%s%n%x", b"'; drop table cases; --", b"\\\\", b"^^^^^^^", b"=" * 200, b"A" * 70000, b"\xed\xa0\x80",
    b"\x1b$B\x30\x21", b"\x1b$)C\xff", b"\x00" * 64, b"\xf4\x8f\xbf\xbf", "‮﷽".encode(), b"con", b"",
)  # fmt: skip


def smudged(content: bytes, rng: Random, *, same: bool = False) -> bytes:
    """Bytes changed, or (unless the length must stay the ``same``) added, taken out, moved, cut."""
    if not content:
        return rng.randbytes(rng.choice((1, 4, 64)))
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(changed))
        way = rng.randrange(3 if same else 8)
        if way == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif way == 2:
            width = rng.choice((1, 2, 4, 8))
            raw = (rng.choice(LENGTHS) & ((1 << 8 * width) - 1)).to_bytes(
                width, rng.choice(("big", "little"))
            )
            raw = raw[: len(changed) - at]
            changed[at : at + len(raw)] = raw
        elif way == 3:
            del changed[at : at + rng.choice((1, 2, 8, 100))]
        elif way == 4:
            changed[at:at] = rng.randbytes(rng.choice((1, 2, 8, 100)))
        elif way == 5:
            piece = changed[at : at + rng.choice((2, 16, 256))]
            changed[at:at] = piece * rng.choice((1, 2, 30))
        elif way == 6:
            del changed[at:]
        else:
            size, to = rng.choice((2, 16, 256)), rng.randrange(len(changed))
            changed[to : to + size] = changed[at : at + size]
        if not changed:
            break
    return bytes(changed)
