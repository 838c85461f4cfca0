"""Running something in its own process and saying what it cost; printing tables; showing the time left."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent.parent / "bench.py"


@dataclass(frozen=True)
class Cost:
    """``cpu_s`` is user plus system time and ``peak_mb`` the resident memory of the process and all its children
    at their common peak; each is None where the system does not tell. Shared pages are counted in each process."""

    seconds: float
    cpu_s: float | None
    peak_mb: float | None
    said: str


def run(words: Sequence[str], **environment: str) -> Cost:
    """Run a command to its end, with byte code kept as on a user's machine. Raises ``RuntimeError`` where it fails."""
    before = _children_cpu()
    started = time.perf_counter()
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**kept, **environment}
    )
    watch = _Watch(child.pid)
    said, complaint = child.communicate()
    seconds = time.perf_counter() - started
    peak = watch.stop()
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {child.returncode}: {complaint[-2000:]}")
    after = _children_cpu()
    cpu = after - before if before is not None and after is not None else None
    return Cost(seconds, cpu, peak, said)


def again(*words: str) -> list[str]:
    """The command that runs this program with other words, in a process of its own."""
    return [sys.executable, str(BENCH), *words]


def _children_cpu() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Watch:
    """Looks every 20 ms at the resident memory of a process and all below it (Linux; elsewhere None)."""

    def __init__(self, root: int) -> None:
        self._root, self._peak, self._end = root, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._able = Path("/proc/self/status").exists()
        if self._able:
            self._thread.start()

    def stop(self) -> float | None:
        self._end.set()
        if not self._able:
            return None
        self._thread.join()
        return round(self._peak / 1024, 1) or None

    def _look(self) -> None:
        while not self._end.wait(0.02):
            self._peak = max(self._peak, sum(_resident_kb(p) for p in _family(self._root)))


def _family(root: int) -> list[int]:
    found = [root]
    for process in found:
        try:
            for task in list(Path(f"/proc/{process}/task").iterdir()):
                found += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue  # it ended while we looked
    return found


def _resident_kb(process: int) -> int:
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def machine() -> dict[str, Any]:
    """What the numbers were taken on; no names of hosts or users."""
    libraries = {}
    for name in ("pydicom", "numpy", "pillow", "sqlite-utils", "av"):
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            libraries[name] = "absent"
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": libraries,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


class Progress:
    """Says on stderr how far a run is and about how long it still takes."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._started = total, 0, time.monotonic()
        self._last = 0.0

    def step(self, what: str, by: int = 1) -> None:
        self._done += by
        now = time.monotonic()
        if now - self._last < 1 and self._done < self._total:
            return
        self._last = now
        left = (now - self._started) / self._done * (self._total - self._done)
        print(f"[{self._done}/{self._total}] {what}, about {left:.0f} s left", file=sys.stderr, flush=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, ready for the documents."""
    cells = [list(heads), *([_shown(c) for c in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(heads))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * w for w in widths) + " |")
    return "\n".join(lines)


def _shown(cell: object) -> str:
    if cell is None:
        return "not known"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)


def median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least ``part`` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1)]


def finish(kind: str, result: dict[str, Any], text: str, target: Path | None) -> None:
    """Print the table; write everything as JSON where asked."""
    print(text)
    if target is not None:
        whole = {"benchmark": kind, "machine": machine(), **result}
        target.write_text(json.dumps(whole, indent=2, default=asdict) + "\n", "utf-8")
