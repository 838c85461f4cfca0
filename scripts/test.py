"""Run everything that must hold: style, types, layers, tests. Makes its own environment; needs only Python and pip.

    python3 scripts/test.py [arguments for pytest]

What this machine cannot run is listed as skipped with the reason. With CI=true a missing tool is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from _environment import ROOT, Steps, clean, environment, say

#: Independent judges that the suite asks where they are installed, and the Debian package of each.
JUDGES = {
    "chromium": "chromium",
    "dciodvfy": "dicom3tools",
    "dcmj2pnm": "dcmtk",
    "gdcmconv": "libgdcm-tools",
    "ffmpeg": "ffmpeg",
    "sixel2png": "libsixel-bin",
    "Orthanc": "orthanc",
    "xmllint": "libxml2-utils",
    "cc": "gcc",
    "strace": "strace",
}


def main() -> int:
    missing = sorted(tool for tool in JUDGES if not _found(tool))
    in_ci = os.environ.get("CI", "").lower() in ("1", "true", "yes")
    for tool in missing:
        say(f"Not here: {tool} (Debian's package {JUDGES[tool]}); the tests that ask it are skipped.")
    if missing and in_ci:
        say("CI must not skip for a missing tool: install the above.")
        return 1
    python = environment(".venv-test", "dev")
    checks = {
        "style (ruff)": ["-m", "ruff", "check", "."],
        "format (ruff)": ["-m", "ruff", "format", "--check", "--quiet", "."],
        "types (mypy)": ["-m", "mypy"],
        "layers (import-linter)": ["-c", "from importlinter.cli import lint_imports_command as m; m()"],
        "tests (pytest)": ["-m", "pytest", "-n", str(max(2, os.cpu_count() or 2)), "-q", *sys.argv[1:]],
    }
    steps = Steps(ROOT / ".venv-test" / "last-times.json", list(checks))
    failed = []
    for name, words in checks.items():
        started = steps.start(name)
        if subprocess.run([str(python), *words], cwd=ROOT, env=clean()).returncode != 0:
            failed.append(name)
        steps.end(name, started)
    if failed:
        say(f"\nFailed: {', '.join(failed)}")
        return 1
    say("\nAll of it holds." + (f" Not asked: {', '.join(missing)}." if missing else ""))
    return 0


def _found(tool: str) -> bool:
    others = {"chromium": ("chromium-browser", "google-chrome", "chrome"), "dcmj2pnm": ("dcm2pnm",)}
    where = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))  # Debian puts Orthanc there
    return any(shutil.which(name, path=where) for name in (tool, *others.get(tool, ())))


if __name__ == "__main__":
    sys.exit(main())
