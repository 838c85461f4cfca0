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
#: What pip needs to install the checkout itself.
BUILDERS = ("hatchling>=1.27", "editables")


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
    try:
        venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    except subprocess.CalledProcessError:
        sys.exit("Python could not make a virtual environment with pip (on Debian: install python3-venv).")
    _install(python, extras)
    stamp.write_text(wanted)
    return python


def _install(python: Path, extras: str) -> None:
    """Fetch wheels into pip's own cache folder, then install from there: offline, the wheels of last time do."""
    pip = [str(python), "-m", "pip"]
    quiet = ["--disable-pip-version-check", "-qq", "--prefer-binary"]
    cache = subprocess.run([*pip, "cache", "dir"], capture_output=True, text=True, env=clean())
    place = Path(cache.stdout.strip() or ROOT / ".venv-wheels")
    wheels = place / "casearchive-wheels" / f"{sys.version_info[0]}.{sys.version_info[1]}"
    say("Fetching what casearchive needs (about a minute the first time)")
    patience = ["--retries", "1", "--timeout", "15"] if any(wheels.glob("*.whl")) else []
    fetched = subprocess.run(
        [*pip, "download", *quiet, *patience, "--dest", str(wheels), *BUILDERS, f"{ROOT}[{extras}]"],
        cwd=ROOT,
        env=clean(),
        capture_output=bool(patience),
    )
    if fetched.returncode != 0 and patience:
        say("No network: using the wheels that were fetched before.")
    say("Installing (about half a minute)")
    links = ["--no-index", "--find-links", str(wheels)]
    done = subprocess.run(
        [*pip, "install", *quiet, *links, "--editable", f"{ROOT}[{extras}]"], cwd=ROOT, env=clean()
    )
    if done.returncode != 0:
        sys.exit(
            "pip could not install what is needed (its words are above).\n"
            "Run this once with a network; after that it works without one."
        )


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
