"""Looking for text in the pixels that may stay, in every frame: who sees it, and what of it is harmless.

Two look: a sieve for marks that stand like letters (``marks``), and where it is installed a text detector that also
reads (``ocr``). What was read surely and is what scanners write of the picture itself (``screen``) is harmless; one
sign alone is, too. All else is text that a person must see. Where no detector is installed nobody has looked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from casearchive import abreast
from casearchive.clip import Clip
from casearchive.deid import marks, ocr, screen
from casearchive.deid.needles import Needle, fold
from casearchive.deid.outline import Outline, Watch
from casearchive.deid.pixels import Area, Box, struck_out
from casearchive.deid.shapes import Rectangle
from casearchive.deid.words import find
from casearchive.errors import PictureUnavailable
from casearchive.model import DOUBTS
from casearchive.terms.spelling import distance

EXTRA = ocr.EXTRA
VERSION = 8
#: How sure the reader is, 0 to 1. Text of any script reads as signs of some kind, turned the right way; echoes
#: read as nothing, or as one sign.
_READ, _FINE = 0.25, 0.5
_SURE, _SURE_SIGN = 0.8, 0.5  # of a harmless line, all in all and every sign of it
_LETTER = 0.8
_LARGE = 0.6  # of what is higher than print on a screen is: whole organs are taken for letters, too
_TALL, _TALL_PART = 40, 1 / 15  # pixels, and of all rows
_LONG = 5  # signs of a word of which one may be misread
_FEW = 2  # single letters of a frame that are no text: the mark of the probe's side
_PARTS = 4  # of one line
_MOST_READ, _HIGHEST = 24, 90  # places of one frame that are read again, and pixels of a line
_CROSSES = frozenset("+×xX*十土七✕")  # calipers, as the reader sees them

Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands in one frame: ``texts`` are for a person to look at, ``harmless`` was read sign by sign."""

    texts: tuple[Box, ...] = ()
    harmless: tuple[str, ...] = ()

    def tells(self, needles: tuple[Needle, ...]) -> bool:
        """Whether there is text to look at, or a harmless line is somebody's name, too: a patient can be called
        Long."""
        return bool(self.texts) or any(
            any(find(line, [replace(needle, alone=False) for needle in needles])) for line in self.harmless
        )


@dataclass(slots=True)
class Looked:
    """What was seen in the frames of one clip that hold anything, from 1. ``doubts`` are what showed, when its frames
    were decoded, that they may not be what their header says; ``outline`` is the shape of the fan, where it is plain.
    """

    frames: dict[int, Seen] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    outline: Outline | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        frames = [[n, [list(b) for b in s.texts], list(s.harmless)] for n, s in sorted(self.frames.items())]
        shape = self.outline.plain() if self.outline else None
        return {"frames": frames, "doubts": list(self.doubts), "outline": shape}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Looked:
        """Raises ``KeyError``, ``ValueError`` or ``TypeError`` for what ``plain`` did not write."""
        return cls(
            {int(n): Seen(tuple(Box(*map(int, b)) for b in boxes), tuple(map(str, lines)))
             for n, boxes, lines in plain["frames"]},
            tuple(map(str, plain["doubts"])),
            Outline.read(plain["outline"]) if plain["outline"] else None,
        )  # fmt: skip


class Memory(Protocol):
    """Where it is kept what was seen in a file, so that every picture is looked at once."""

    def recall(self, sha256: str, area: Area) -> Looked | None: ...

    def keep(self, sha256: str, area: Area, looked: Looked) -> None: ...


def in_the_way(seen: Seen, outline: Outline | None, area: Area) -> tuple[Box, ...]:
    """What looks like text in the fan of ``area``, not in its corners, where the outline of the fan is known."""
    if outline is None:
        return seen.texts
    return tuple(box for box in seen.texts if not outline.beside(box, area.rows, area.columns))


def waits(seen: Seen, outline: Outline | None, area: Area, needles: tuple[Needle, ...]) -> bool:
    """Whether a person must look at a frame: for text in the fan, or a harmless line that is somebody's name."""
    return Seen(in_the_way(seen, outline, area), seen.harmless).tells(needles)


def able() -> bool:
    """Whether there is anything here that finds text, of any kind and on every ground; the sieve alone does not."""
    return ocr.installed()


def version() -> str:
    """Changes with everything that decides what is seen."""
    return f"{VERSION} {marks.VERSION} {ocr.version()} {screen.version()}"


def look(
    clip: Clip,
    area: Area,
    *,
    sha256: str = "",
    memory: Memory | None = None,
    found: Looked | None = None,
) -> Iterator[tuple[int, Frame, Seen]]:
    """Every frame once, in order: its number, itself, and what was seen of text in ``area``; a few in memory at a time.

    What ``memory`` knows of the file ``sha256`` is not looked for again. ``found`` holds all of it after the last
    frame.

    Raises ``PictureUnavailable`` with the reason at the first frame that cannot be looked at.
    """
    before = memory.recall(sha256, area) if memory is not None and sha256 else None
    found, same, watch = found if found is not None else Looked(), _Same(), Watch(area)
    count = clip.facts.instance.frames
    thorough = (1, (count + 1) // 2, count)  # what stands still stands there, too

    def seen(one: tuple[int, Frame]) -> tuple[int, Frame, Seen]:
        number, frame = one
        if before is not None:
            return number, frame, before.frames.get(number, Seen())
        return number, frame, same.seen(frame, area, number in thorough)

    for number, frame, told in abreast.in_order(seen, _frames(clip, area), 1 if before is not None else None):
        if before is None:
            watch.see(frame)
        if told != Seen():
            found.frames[number] = told
        yield number, frame, told
    found.doubts = doubts(clip)
    found.outline = before.outline if before is not None else watch.outline()
    if before is None and memory is not None and sha256:
        memory.keep(sha256, area, found)


def _frames(clip: Clip, area: Area) -> Iterator[tuple[int, Frame]]:
    """Each with its number; raises ``PictureUnavailable`` at one that is not as its header says."""
    first: tuple[int, ...] = ()
    for number in range(1, clip.facts.instance.frames + 1):
        abreast.go_on()
        try:
            frame = clip.frame(number)
        except PictureUnavailable as error:
            raise PictureUnavailable(
                f"frame {number} cannot be decoded here, so it cannot be looked at"
            ) from error
        shape = (area.rows, area.columns, *((3,) if frame.ndim == 3 else ()))
        if frame.dtype != np.uint8 or frame.shape != shape:
            raise PictureUnavailable(f"frame {number} is not of the size its header says")
        if shape != (first := first or shape):
            raise PictureUnavailable(f"frame {number} is of another kind than the first")
        yield number, frame


def looked(clip: Clip, area: Area, *, sha256: str, memory: Memory) -> Looked:
    """What ``look`` sees; a file that is remembered is not decoded again."""
    before = memory.recall(sha256, area)
    if before is not None:
        return before
    found = Looked()
    for _ in look(clip, area, sha256=sha256, memory=memory, found=found):
        pass
    return found


def doubts(clip: Clip) -> tuple[str, ...]:
    """What is known against the header of a clip whose frames were decoded."""
    return tuple(note for note in clip.facts.notes if note.startswith(DOUBTS))


class _Same:
    """Looks at each distinct picture of a clip once, whichever thread has it first."""

    def __init__(self) -> None:
        self._lock, self._seen = Lock(), dict[tuple[bytes, bool], Future[Seen]]()

    def seen(self, frame: Frame, area: Area, closely: bool) -> Seen:
        key = (hashlib.sha256(frame.tobytes()).digest(), closely)
        with self._lock:
            mine = key not in self._seen
            waiting = self._seen.setdefault(key, Future())
        if mine:
            try:
                waiting.set_result(seen_in(frame, area, closely=closely))
            except BaseException as error:
                waiting.set_exception(error)
                raise
        return waiting.result()


def seen_in(frame: Frame, area: Area, *, closely: bool = False) -> Seen:
    """What of text is in one frame; ``closely`` looks for fine print, too."""
    sieved = marks.suspicious_text(frame, area)
    if not ocr.installed():
        return Seen(sieved)
    patches = [(patch, _READ) for patch in ocr.find(frame, area)]
    if closely:
        fine = ocr.find(frame, area, scale=2)
        patches += [(p, _FINE) for p in fine if not any(_meet(p.box, other.box) for other, _ in patches)]
    harmless: dict[Box, str] = {}
    letters: dict[Box, str] = {}
    read: list[Box] = []
    for patch, least in patches:
        line = ocr.read(frame, patch.box)
        if _sure(line) and screen.harmless(line.text):
            harmless[patch.box] = line.text.strip()
            continue
        apart = _apart(frame, patch)
        if apart is not None:
            harmless |= apart[0]
            letters |= apart[1]
            continue
        ways = [line, *ocr.read_turned(frame, patch)]
        least = max(least, _LARGE) if _thick(patch) > max(_TALL, area.rows * _TALL_PART) else least
        if any(len(one.text.strip()) > 1 and one.mean >= least for one in ways):
            read.append(patch.box)
        elif not any(one.text.strip() in _CROSSES and one.mean >= least for one in ways):
            best = max(ways, key=lambda one: one.mean)
            if best.text.strip().isalnum() and best.mean >= _LETTER:
                letters[patch.box] = best.text.strip()
    if len(letters) > _FEW:  # one letter here, the next there: a name can be written like that
        read += letters
        letters = {}
    if sieved and (harmless or letters):
        sieved = _sieved_beside([*harmless, *letters], frame, area)
    return Seen(tuple(sorted({*read, *sieved})), (*harmless.values(), *letters.values()))


def _apart(frame: Frame, patch: ocr.Patch) -> tuple[dict[Box, str], dict[Box, str]] | None:
    """The parts of a line between its gaps, as harmless words and single signs, where that is all they are: two numbers
    that were read as one, a mark beside a number. Two letters are initials, and for a person to look at."""
    parts = () if patch.slant else ocr.parts(frame, patch.box)
    if not 2 <= len(parts) <= _PARTS:
        return None
    words: dict[Box, str] = {}
    letters: dict[Box, str] = {}
    for box in parts:
        line = ocr.read(frame, box)
        text = line.text.strip()
        if len(text) > 1:
            if not (_sure(line) and screen.harmless(text)):
                return None
            words[box] = text
        else:
            letters[box] = text
    if len(letters) > 1 or not screen.harmless(" ".join(words.values())):  # two letters are initials
        return None
    return words, letters


def _sieved_beside(spared: Iterable[Box], frame: Frame, area: Area) -> tuple[Box, ...]:
    """What the sieve sees when it does not see these boxes."""
    rest = struck_out(area, tuple(Rectangle(*box) for box in spared))
    return marks.suspicious_text(frame, rest) if isinstance(rest, Area) else ()


def _thick(patch: ocr.Patch) -> float:
    """Pixels across the line."""
    box = patch.box
    return patch.thick or min(box.x1 - box.x0, box.y1 - box.y0) + 1


def _sure(line: ocr.Line) -> bool:
    return line.mean >= _SURE and line.least >= _SURE_SIGN


def _meet(one: Box, other: Box) -> bool:
    return one.x0 <= other.x1 and other.x0 <= one.x1 and one.y0 <= other.y1 and other.y0 <= one.y1


def reads_as(frame: Frame, area: Area, boxes: Sequence[Box], needles: tuple[Needle, ...]) -> bool:
    """Whether what stands in ``boxes`` of a frame reads, some way round and but for one sign, like somebody that is
    known. It is read line by line where the detector sees text, and in ``boxes`` together, where these are few."""
    if not ocr.installed():
        return False
    beside = [box for box in together(boxes) if box.y1 - box.y0 <= _HIGHEST]
    lines = [patch.box for patch in ocr.find(frame, area)]
    for box in (*lines, *(beside if len(beside) <= _MOST_READ else ())):
        ways = [ocr.read(frame, box), *ocr.read_turned(frame, ocr.Patch(box))]
        if any(_like(line.text, needles) for line in ways if line.mean >= _READ):
            return True
    return False


def together(boxes: Sequence[Box]) -> list[Box]:
    """Boxes that overlap, or nearly, as one."""
    merged: list[Box] = []
    for box in boxes:
        new = box
        for old in [
            b
            for b in merged
            if b.x0 <= new.x1 + 8 and new.x0 <= b.x1 + 8 and b.y0 <= new.y1 + 4 and new.y0 <= b.y1 + 4
        ]:
            merged.remove(old)
            new = Box(min(old.x0, new.x0), min(old.y0, new.y0), max(old.x1, new.x1), max(old.y1, new.y1))
        merged.append(new)
    return merged


def _like(text: str, needles: tuple[Needle, ...]) -> bool:
    needles = tuple(needle for needle in needles if not needle.guessed)  # a person knows better than a guess
    if any(find(text, [replace(needle, alone=False) for needle in needles])):
        return True
    words = [word for word in re.findall(r"[^\W_]+", fold(text)) if len(word) >= _LONG]
    names = {needle.probe for needle in needles if len(needle.probe) >= _LONG and not needle.whole}
    return any(distance(word, name, 1) <= 1 for word in words for name in names)


def numbered(numbers: Sequence[int]) -> str:
    """The numbers of frames for a person: ``1, 2, 3 …``."""
    return ", ".join(map(str, numbers[:6])) + (" …" if len(numbers) > 6 else "")
