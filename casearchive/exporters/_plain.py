"""An author's text as every file can hold it: without control characters and halves of characters."""

from __future__ import annotations

import re

#: What XML 1.0 (2.2) does not know or discourages and DICOM text does not hold (PS3.5 6.1.3): controls but tab and new
#: line, halves of surrogate pairs, and what Unicode says is no character.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BEYOND = re.compile(
    "[" + "".join(chr((n << 16) + 0xFFFE) + chr((n << 16) + 0xFFFF) for n in range(1, 17)) + "]"
)


def plain(text: str) -> str:
    """``text`` with new lines as ``\\n`` and nothing in it that a file cannot hold; blanks at the ends are gone."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BEYOND.sub("", _UNFIT.sub("", text)).strip()


def one_line(text: str) -> str:
    """``plain`` text in one line, each run of blanks as one."""
    return " ".join(plain(text).split())
