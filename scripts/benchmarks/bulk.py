"""A long run through ``casearchive ingest`` as somebody at a terminal sees it: is the time left true, does it slow
down, and what becomes of it when it is stopped in the middle and started again?"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.measure import Progress, table

#: How far the time left may be from the true one, as a part of the true one, and from when on.
AIM, FIRST_S = 0.25, 60.0
#: Nearer to the end the time left is not judged: it is told in whole seconds.
LAST_S = 5.0

_SHOWN = re.compile(
    r"Taking files: (?:\[[= ]*\] )?(?P<done>\d+)(?: of (?P<total>\d+))?(?:, [\d.]+ (?:bytes|[kMG]B))?"
    r"(?:, (?P<rate>[\d.]+) a (?P<each>second|minute))?(?:, about (?P<left>.+) left)?"
)
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_STOPS = {"Ctrl-C": signal.SIGINT, "killed": getattr(signal, "SIGKILL", signal.SIGTERM)}


@dataclass(frozen=True)
class Shown:
    """One state of the progress line, ``at`` seconds after the start."""

    at: float
    done: int
    total: int
    per_s: float | None
    left_s: float | None


@dataclass
class Run:
    """What was seen of one run; ``first_s`` is when the first new file was reported as durable."""

    shown: list[Shown] = field(default_factory=list)
    seconds: float = 0.0
    code: int = 0
    first_s: float | None = None


def measure(files: int, workers: int) -> tuple[dict[str, Any], str]:
    """A run of ``files`` tiny files to its end, and one for each way to be stopped halfway, each gone on with. Raises
    ``RuntimeError`` where a file was lost or taken twice, or an archive is not sound."""
    progress = Progress(1 + 2 * len(_STOPS))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        corpus.make(work / "files", files, 1, tiny=True)
        whole = _run(work, "whole", workers)
        _check(work, "whole", whole)
        progress.step("run through")
        stops: dict[str, Any] = {}
        for how, number in _STOPS.items():
            stops[how] = _stopped(work, how, number, files, workers, progress)
    result = {
        "files": files,
        "workers": workers,
        "seconds": whole.seconds,
        "files_per_s_by_tenth": by_tenth(whole.shown, files, whole.seconds),
        "time_left": truth_of(whole),
        "stopped": stops,
    }
    return result, _told(result)


def _told(result: dict[str, Any]) -> str:
    rates = result["files_per_s_by_tenth"]
    judged = {"run through": result["time_left"]}
    judged |= {f"gone on with ({how})": told["time_left"] for how, told in result["stopped"].items()}
    heads = ("time left", "from s", "lines", "median error", "largest error", "lines within a quarter")
    keys = ("from_s", "lines", "median_error", "largest_error", "within")
    stop_heads = (
        "stopped",
        "after s",
        "files by then",
        "ended in s",
        "first new file after s",
        "the rest in s",
    )
    stop_keys = ("after_s", "by_then", "ended_in_s", "first_new_s", "rest_s")
    return "\n\n".join((
        f"{result['files']} tiny files, {result['workers']} workers: {result['seconds']:.1f} s",
        table(("tenth", "files/s"), [(n, rate) for n, rate in enumerate(rates, 1)]),
        f"second half against first half: {sum(rates[5:]) / sum(rates[:5]):.2f}",
        table(heads, [(what, *(row[key] for key in keys)) for what, row in judged.items()]),
        table(stop_heads, [(how, *(row[key] for key in stop_keys)) for how, row in result["stopped"].items()]),
        "nothing was lost, nothing taken twice, every archive is sound",
    ))  # fmt: skip


def _stopped(
    work: Path, how: str, number: signal.Signals, files: int, workers: int, progress: Progress
) -> dict[str, Any]:
    first = _run(work, how, workers, stop=(files // 2, number))
    if first.code == 0:
        raise RuntimeError(f"{files} files were taken before the run could be stopped ({how})")
    progress.step(f"{how}: stopped")
    ledger = work / how / "ledger.jsonl"
    before = ledger.read_bytes()
    before = before[: before.rfind(b"\n") + 1]  # a line that was being written when it ended says nothing yet
    taken = before.count(b'"event":"ingested"')
    again = _run(work, how, workers)
    if not ledger.read_bytes().startswith(before):
        raise RuntimeError(f"{how}: the ledger does not go on from where it was")
    _check(work, how, again)
    progress.step(f"{how}: gone on with")
    stopped_at = next(shown.at for shown in first.shown if shown.done >= files // 2)
    return {
        "after_s": stopped_at,
        "by_then": taken,
        "ended_in_s": first.seconds - stopped_at,
        "first_new_s": again.first_s,
        "rest_s": again.seconds,
        "time_left": truth_of(again),
    }


def _check(work: Path, name: str, run: Run) -> None:
    """Every file of the folder was taken once: by the ledger, by the originals, and by ``verify``."""
    if run.code != 0:
        raise RuntimeError(f"{name}: the run ended with {run.code}")
    wanted = sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in (work / "files").rglob("*.dcm"))
    lines = [json.loads(line) for line in (work / name / "ledger.jsonl").read_bytes().splitlines()]
    told = sorted(line["subject"] for line in lines if line["event"] == "ingested")
    held = sorted(path.name for path in (work / name / "objects").glob("??/*"))
    if told != wanted or held != wanted:
        raise RuntimeError(f"{name}: {len(told)} lines and {len(held)} originals of {len(wanted)} files")
    words = [*_PROGRAM, "--archive", str(work / name), "verify", "--json"]
    verdict = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    if not verdict["sound"] or verdict["objects"] != len(wanted):
        raise RuntimeError(f"{name}: the archive is not sound: {verdict['faults'][:3]}")


# ------------------------------------------------------------------------------------------------ what is judged


def truth_of(run: Run) -> dict[str, Any]:
    """The time left as it was shown against what was really left, after the first minute (the first tenth, where that
    is sooner) and until the last seconds."""
    start = min(FIRST_S, run.seconds / 10)
    judged = [s for s in run.shown if start <= s.at <= run.seconds - LAST_S and s.left_s is not None]
    errors = [abs((s.left_s or 0) - (run.seconds - s.at)) / (run.seconds - s.at) for s in judged]
    return {
        "from_s": start,
        "lines": len(errors),
        "median_error": statistics.median(errors) if errors else None,
        "largest_error": max(errors, default=None),
        "within": sum(e <= AIM for e in errors) / len(errors) if errors else None,
    }


def by_tenth(shown: list[Shown], files: int, seconds: float) -> list[float]:
    """Files a second in each tenth of the files, between the states of the line that are nearest."""
    known = [(0.0, 0), *((s.at, s.done) for s in shown), (seconds, files)]
    at = [_when(known, files * n / 10) for n in range(11)]
    return [files / 10 / max(after - before, 1e-9) for before, after in itertools.pairwise(at)]


def _when(known: list[tuple[float, int]], done: float) -> float:
    for (before, low), (after, high) in itertools.pairwise(known):
        if high >= done and high > low:
            return before + (after - before) * max(0.0, done - low) / (high - low)
    return known[-1][0]


def read_line(text: str, at: float) -> Shown | None:
    """What a state of the progress line says; None for any other line."""
    match = _SHOWN.fullmatch(text.strip())
    if match is None:
        return None
    rate = float(match["rate"]) / (60 if match["each"] == "minute" else 1) if match["rate"] else None
    left = None
    if match["left"]:
        words = match["left"].split()
        left = sum(float(n) * _UNITS[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    return Shown(at, int(match["done"]), int(match["total"] or 0), rate, left)


# ------------------------------------------------------------------------------------------------ one run

_PROGRAM = (sys.executable, "-m", "casearchive")


def _run(work: Path, name: str, workers: int, *, stop: tuple[int, signal.Signals] | None = None) -> Run:
    """``casearchive ingest`` into the archive ``name``, watched; stopped as soon as so many files are shown as done."""
    archive, report = work / name, work / f"{name}.jsonl"
    if not archive.exists():
        subprocess.run([*_PROGRAM, "init", str(archive)], check=True, capture_output=True)
    report.unlink(missing_ok=True)
    words = [*_PROGRAM, "--archive", str(archive), "ingest", str(work / "files"), "--report", str(report)]
    # whoever runs this in the background may ignore Ctrl-C, and a child inherits that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run, lines, started = Run(), _Report(report), time.perf_counter()
    child, source = _on_a_terminal([*words, "--workers", str(workers)])
    try:
        for text in _pieces(source):
            at = time.perf_counter() - started
            if run.first_s is None and lines.has_new():
                run.first_s = at
            seen = read_line(text, at) if text else None
            if seen is not None:
                run.shown.append(seen)
                if stop is not None and seen.done >= stop[0]:
                    child.send_signal(stop[1])
                    stop = None
        run.code = child.wait()
    finally:
        child.kill()
        child.wait()
        os.close(source)
    run.seconds = time.perf_counter() - started
    if not run.shown:
        raise RuntimeError("no progress was shown, or it is not written as it was")
    return run


class _Report:
    """The lines of ``--report``, each read once."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def has_new(self) -> bool:
        """Whether a file was added, by the lines that came since the last time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                whole = file.read()
        except FileNotFoundError:
            return False
        whole = whole[: whole.rfind(b"\n") + 1]
        self._read += len(whole)
        return b'"outcome": "added"' in whole


def _on_a_terminal(words: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """The program, and what shows what it writes on its standard error: a terminal, or a pipe where there are none."""
    if sys.platform == "win32":
        source, target = os.pipe()
    else:
        source, target = os.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "PYTHONDONTWRITEBYTECODE")}
    try:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=target,
            env={**environment, "TERM": "xterm"},
        )  # fmt: skip
    finally:
        os.close(target)
    return child, source


def _pieces(source: int) -> Iterator[str]:
    """Each state of each line as soon as it is whole, and an empty one now and then; ends with the program."""
    rest = ""
    while True:
        if sys.platform != "win32" and not select.select([source], [], [], 0.05)[0]:
            if rest:
                yield rest
                rest = ""
            yield ""
            continue
        try:
            block = os.read(source, 65536)
        except OSError:  # Linux: nobody is on the other side of the terminal any more
            block = b""
        if not block:
            break
        *whole, rest = re.split(r"\r\n|\r\x1b\[K|\n", rest + block.decode("utf-8", "replace"))
        yield from whole
    yield rest
