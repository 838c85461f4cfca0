"""A picture as the text that makes a terminal draw it: kitty, iTerm2, sixel, or coloured half blocks.

Loaded only when a picture is printed: it needs Pillow and numpy.
"""

from __future__ import annotations

from base64 import standard_b64encode
from io import BytesIO
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ESC = "\x1b"
#: How many columns of text a picture takes at most.
WIDTH = 40
_CHUNK = 4096
Levels = NDArray[np.uint8]


def drawn(path: Path, kind: str, columns: int) -> str:
    """The picture for a terminal of ``columns`` columns, ending in a new line; ``kind`` as in ``_terminals``.

    Nothing where the file cannot be read as a picture: a damaged cache must not stop a search.
    """
    wide = max(4, min(WIDTH, columns - 1))
    try:
        with Image.open(path) as stored:
            image = stored.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return ""
    if kind == "kitty":
        return _kitty(_png(image), _columns_of(image, wide))
    if kind == "iterm":
        return _iterm(_png(image), _columns_of(image, wide))
    if kind == "sixel":
        return _sixel(image)
    return _blocks(image, wide, all_colours=kind == "blocks")


def _columns_of(image: Image.Image, wide: int) -> int:
    """A portrait picture takes fewer columns, so that it is not a screen high (a cell is twice as high as wide)."""
    return max(1, min(wide, round(wide * image.width / image.height * 0.75)))


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _kitty(png: bytes, wide: int) -> str:
    """The terminal graphics protocol: a PNG in base64, in pieces of 4096, told to answer nothing (q=2)."""
    text = standard_b64encode(png).decode("ascii")
    pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    parts = []
    for number, piece in enumerate(pieces, 1):
        head = f"a=T,f=100,q=2,c={wide}," if number == 1 else ""
        parts.append(f"{_ESC}_G{head}m={int(number < len(pieces))};{piece}{_ESC}\\")
    return "".join(parts) + "\n"


def _iterm(png: bytes, wide: int) -> str:
    """iTerm2's inline image (OSC 1337), which WezTerm understands too."""
    text = standard_b64encode(png).decode("ascii")
    head = f"File=inline=1;size={len(png)};width={wide};height=auto;preserveAspectRatio=1"
    return f"{_ESC}]1337;{head}:{text}\a\n"


def _sixel(image: Image.Image) -> str:
    """DEC sixel: up to 255 colours, bands of six rows, runs of the same six counted (!)."""
    reduced = image.quantize(255, dither=Image.Dither.NONE)
    indices = np.asarray(reduced)
    palette = np.array((reduced.getpalette() or [])[: 3 * (int(indices.max()) + 1)]).reshape(-1, 3)
    rows, columns = indices.shape
    colours = "".join(
        f"#{n};2;{round(r / 2.55)};{round(g / 2.55)};{round(b / 2.55)}" for n, (r, g, b) in enumerate(palette)
    )
    bands = [_band(indices[top : top + 6]) for top in range(0, rows, 6)]
    return f'{_ESC}P0;1;0q"1;1;{columns};{rows}{colours}' + "-".join(bands) + f"{_ESC}\\\n"


def _band(indices: Levels) -> str:
    """Six rows: for each colour one pass over the columns, each a character for the pixels of that colour."""
    weights = (1 << np.arange(len(indices)))[:, None]
    passes = []
    for colour in np.unique(indices):
        sixes = ((indices == colour) * weights).sum(axis=0)
        last = int(np.flatnonzero(sixes)[-1]) + 1
        runs = ((chr(63 + int(six)), sum(1 for _ in run)) for six, run in groupby(sixes[:last].tolist()))
        passes.append(f"#{colour}" + "".join(f"!{n}{c}" if n > 3 else c * n for c, n in runs))
    return "$".join(passes)


def _blocks(image: Image.Image, wide: int, *, all_colours: bool) -> str:
    """Two pixels a character: the upper half of ▀ in one colour, what is below it in the other."""
    width = _columns_of(image, wide)
    rows = max(1, round(width * image.height / image.width / 2))
    small = np.asarray(image.resize((width, 2 * rows), Image.Resampling.BOX))
    lines = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        line, last = "", ""
        for above, below in zip(upper, lower, strict=True):
            colour = _colour(3, above, all_colours) + _colour(4, below, all_colours)
            line += ("" if colour == last else colour) + "▀"
            last = colour
        lines.append(f"{line}{_ESC}[0m\n")
    return "".join(lines)


def _colour(ground: int, rgb: Levels, all_colours: bool) -> str:
    red, green, blue = (int(level) for level in rgb)
    if all_colours:
        return f"{_ESC}[{ground}8;2;{red};{green};{blue}m"
    return f"{_ESC}[{ground}8;5;{_of_256(red, green, blue)}m"


def _of_256(red: int, green: int, blue: int) -> int:
    """The nearest of xterm's 256 colours: 24 greys (8, 18 … 238) where it is nearly grey, else the 6x6x6 cube."""
    if max(red, green, blue) - min(red, green, blue) < 16:
        level = (red + green + blue) / 3
        if level < 4:
            return 16
        return 231 if level > 246 else 232 + min(23, max(0, round((level - 8) / 10)))
    steps = [0 if v < 48 else 1 if v < 115 else (v - 35) // 40 for v in (red, green, blue)]
    return 16 + 36 * steps[0] + 6 * steps[1] + steps[2]
