"""A virtual environment of the scripts' own, made once and used again while pyproject.toml stays the same.

Standard library only: this runs on a machine that has nothing but Python and pip.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST = (3, 11)


def say(text: str) -> None:
    print(text, flush=True)


def check_python() -> None:
    if sys.version_info < LEAST:
        sys.exit(f"Python {LEAST[0]}.{LEAST[1]} or newer is needed; this is {sys.version.split()[0]}.")


def environment(name: str, extras: str) -> Path:
    """The Python of the environment ``ROOT/name``, with the checkout and ``extras`` installed in it."""
    check_python()
    folder = ROOT / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "made-from"
    wanted = hashlib.sha256(
        f"{sys.version}\n{extras}\n{ROOT}\n".encode() + (ROOT / "pyproject.toml").read_bytes()
    ).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        say(f"Using the environment in {folder}")
        return python
    say(f"Making an environment in {folder} (about half a minute)")
    stamp.unlink(missing_ok=True)
    venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    say("Installing casearchive and what it needs (about a minute; longer the first time)")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--prefer-binary"]
    done = subprocess.run([*pip, "--editable", f"{ROOT}[{extras}]"], cwd=ROOT, env=clean())
    if done.returncode != 0:
        sys.exit(
            "pip could not install what is needed (its words are above). Without a network it needs a warm cache:\n"
            "run this once with a network, or set PIP_FIND_LINKS to a folder of wheels."
        )
    stamp.write_text(wanted)
    return python


def clean() -> dict[str, str]:
    """This environment without what would lead another Python astray."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


class Steps:
    """Says which step is running and, from how long each took last time, how long is left."""

    def __init__(self, memory: Path, names: Sequence[str]) -> None:
        self._memory, self._names = memory, list(names)
        try:
            self._last: dict[str, float] = json.loads(memory.read_text())
        except (OSError, ValueError):
            self._last = {}
        self._taken: dict[str, float] = {}

    def start(self, name: str) -> float:
        number = self._names.index(name) + 1
        left = sum(self._last.get(n, 0.0) for n in self._names[number - 1 :])
        known = f", about {left:.0f} s left" if left >= 1 and name in self._last else ""
        say(f"\n[{number}/{len(self._names)}] {name}{known}")
        return time.monotonic()

    def end(self, name: str, started: float) -> None:
        self._taken[name] = round(time.monotonic() - started, 1)
        self._memory.write_text(json.dumps({**self._last, **self._taken}))
