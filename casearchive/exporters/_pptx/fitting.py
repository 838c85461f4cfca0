"""How much room a text needs on a slide, and how it is parted where there is too little: pure numbers, no fonts.

Lengths are points (72 an inch). Widths are those of Arial and its metric twins (Helvetica, Liberation Sans), wide
signs of Chinese, Japanese and Korean as squares, all others as wide letters; so that a text seldom needs more room
than is reckoned here, whichever font there is in the end.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

#: Thousandths of the size for the signs from the space to the tilde.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778,
    722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278,
    278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_BOLD = 1.08
_LETTER, _SQUARE = 640, 1050
#: Lines of one size, from one to the next; scripts with tall signs need more.
_LEADING, _TALL = 1.2, 1.45
#: Nothing on a slide is smaller.
SMALLEST = 14
#: Left of the text that belongs to a badge, and of the text after a bullet.
BADGE = 30.0
BULLET = 16.0


@dataclass(frozen=True, slots=True)
class Para:
    """One paragraph. ``kind`` is body, head (of a section), strong or bullet; ``label`` is said before the text, in
    bold; ``mark`` is what its badge says, in the ``colour`` of a finding (a class from 1); ``under`` says that it
    belongs to the badge above it; ``case`` is the number of the case that it leads to, 0 for none."""

    text: str
    kind: str = "body"
    label: str = ""
    mark: str = ""
    colour: int = 1
    under: bool = False
    case: int = 0

    @property
    def said(self) -> str:
        return f"{self.label} {self.text}" if self.label else self.text

    @property
    def bold(self) -> bool:
        return self.kind in ("head", "strong")

    def size(self, body: int) -> int:
        return max(SMALLEST, body - 2) if self.kind == "head" else body

    def indent(self) -> float:
        return (BADGE if self.mark or self.under else 0.0) + (BULLET if self.kind == "bullet" else 0.0)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How long ``text`` is in one line, in points."""
    return sum(map(_width, text)) * size / 1000 * (_BOLD if bold else 1.0)


@lru_cache(maxsize=4096)
def _width(sign: str) -> int:
    if " " <= sign <= "~":
        return _WIDTHS[ord(sign) - 32]
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return _SQUARE if unicodedata.east_asian_width(sign) in "WF" else _LETTER


def leading(text: str) -> float:
    """From one line to the next, as a multiple of the size."""
    return _LEADING if all(sign < "\u0590" or "\u2000" <= sign < "\u2c00" for sign in text) else _TALL


def lines(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """``text`` broken to lines of at most ``room`` points: at spaces, between wide signs, and anywhere in a word that
    is longer than a line. Joined, they are the text, but for the spaces at which it was broken."""
    found: list[str] = [""]
    length = 0.0
    for piece in _pieces(text):
        long = width(piece, size, bold=bold)
        if length + width(piece.rstrip(), size, bold=bold) <= room:
            found[-1] += piece
            length += long
            continue
        if found[-1]:
            found.append("")
            length = 0.0
        for sign in piece:
            step = width(sign, size, bold=bold)
            if found[-1] and not sign.isspace() and length + step > room:
                found.append("")
                length = 0.0
            found[-1] += sign
            length += step
    return [line.strip() for line in found if line.strip()] or [""]


def _pieces(text: str) -> Iterator[str]:
    """Words with the space after them; of wide signs, each."""
    word = ""
    for sign in text:
        if unicodedata.east_asian_width(sign) in "WF":
            if word:
                yield word
            word = ""
            yield sign
        elif sign.isspace():
            yield word + " "
            word = ""
        else:
            word += sign
    if word:
        yield word


def before(para: Para, body: int) -> float:
    """Room above a paragraph that is not the first."""
    return body * {"head": 0.9, "bullet": 0.35}.get(para.kind, 0.1 if para.under else 0.5)


def height(para: Para, room: float, body: int) -> float:
    """How high a paragraph is, without the room above it."""
    size = para.size(body)
    bold = para.bold or bool(para.label)
    count = len(lines(para.said, room - para.indent(), size, bold=bold))
    return count * size * leading(para.said)


def total(paras: Sequence[Para], room: float, body: int) -> float:
    """How high these paragraphs are together."""
    above = sum(before(para, body) for para in paras[1:])
    return above + sum(height(para, room, body) for para in paras)


def fitted(
    paras: Sequence[Para], room: float, high: float, sizes: Sequence[int], parted: int
) -> tuple[int, list[list[Para]]]:
    """The largest of ``sizes`` at which all fits one page, ``room`` by ``high``; else pages in the size ``parted``."""
    for body in sizes:
        if total(paras, room, body) <= high:
            return body, [list(paras)]
    return parted, pages(paras, room, high, parted)


def pages(paras: Sequence[Para], room: float, high: float, body: int) -> list[list[Para]]:
    """``paras`` in pages of at most ``high`` points. What belongs to one badge stays together where it has room on a
    page, long paragraphs are parted between lines, and no head stands last."""
    found: list[list[Para]] = [[]]
    used = 0.0
    waiting = list(reversed(paras))
    while waiting:
        para = waiting.pop()
        above = before(para, body) if found[-1] else 0.0
        need = height(para, room, body)
        together = total(_together(para, waiting), room, body)
        if used + above + (together if together <= high else need) <= high or (
            not found[-1] and need <= high
        ):
            found[-1].append(para)
            used += above + need
            continue
        headed = bool(found[-1]) and found[-1][-1].kind == "head"
        whole = together <= high and not headed  # on the next page; but a head is not left behind
        first, rest = (None, para) if whole else _parted(para, room, high - used - above, body)
        if first and para.kind != "head":
            found[-1].append(first)
        elif not found[-1]:  # not even one line has room: better too much than for ever
            found[-1].append(para)
            rest = None
        else:
            rest = para
        if rest:
            waiting.append(rest)
            if headed and first is None and len(found[-1]) > 1:
                waiting.append(found[-1].pop())
        if waiting:
            found.append([])
            used = 0.0
    return found


def _together(para: Para, waiting: Sequence[Para]) -> list[Para]:
    """``para`` and what should stand on its page: after a head what follows, after a badge what belongs to it.
    ``waiting`` are those that come, the next one last."""
    found = [para]
    if para.kind == "head" and waiting:
        return found + _together(waiting[-1], waiting[:-1])
    for following in reversed(waiting) if para.mark else ():
        if not following.under or following.mark:
            break
        found.append(following)
    return found


def _parted(para: Para, room: float, high: float, body: int) -> tuple[Para | None, Para | None]:
    """As many lines as have room, and the others; never a single line of several."""
    size = para.size(body)
    count = int(high // (size * leading(para.said)))
    broken = lines(para.said, room - para.indent(), size, bold=para.bold or bool(para.label))
    if count < min(2, len(broken)) or (para.label and count < 2):
        return None, para
    if count >= len(broken):
        return para, None
    text = para.text
    kept = sum(len(_bare(line)) for line in broken[:count]) - len(_bare(para.label))
    if kept <= 0:
        return None, para
    cut = _place(text, kept)
    follows = replace(para, text=text[cut:].lstrip(), label="", mark="", under=para.under or bool(para.mark))
    if para.kind == "bullet":
        follows = replace(follows, kind="body", under=True)
    return replace(para, text=text[:cut].rstrip()), follows


def _bare(text: str) -> str:
    return "".join(text.split())


def shortened(text: str, room: float, size: float, count: int, *, bold: bool = False) -> str:
    """``text`` in at most ``count`` lines, with … where something was left out."""
    broken = lines(text, room, size, bold=bold)
    if len(broken) <= count:
        return text
    kept = broken[count - 1]
    while kept and width(kept + "…", size, bold=bold) > room:
        kept = kept[:-1]
    joined = " ".join((*broken[: count - 1], kept)).rstrip()
    whole = text[: _place(text, len(_bare(joined)))].rstrip(" .,;:…")
    return f"{whole}…"


def _place(text: str, signs: int) -> int:
    """Where in ``text`` so many signs that are no spaces have been read."""
    for place, sign in enumerate(text):
        if signs == 0:
            return place
        signs -= not sign.isspace()
    return len(text)
