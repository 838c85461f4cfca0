"""What the documents say is what the program does."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from casearchive.cli import VERBS
from casearchive.errors import EXIT_CODES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def _sessions(text: str) -> list[tuple[str, list[str]]]:
    """Commands of all ``console`` blocks in order, each with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip():
                found[-1][1].append(line.rstrip())
    return found


def test_the_tour_of_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cases", tmp_path / "cases")
    here = tmp_path
    sessions = _sessions(README)
    assert len(sessions) >= 8
    for command, expected in sessions:
        words = shlex.split(command)
        if words[0] == "cd":
            here = here / words[1]
            continue
        assert words[0] == "casearchive"
        done = subprocess.run(
            [sys.executable, "-m", "casearchive", *words[1:]],
            cwd=here,
            capture_output=True,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "CASEARCHIVE_HOME"},
        )
        assert done.returncode in (0, 3), done.stderr
        printed = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
        for line in expected:
            pattern = line.replace("[", "[[]").replace("…", "*").replace("my-archive", "*my-archive")
            pattern = pattern.replace("../teaching", "*teaching")
            assert fnmatch.filter(printed, pattern), f"{command}: {line!r} is not among {printed}"
    assert (here / "sheet.png").is_file()


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "docs").glob("*.md")) + ["README.md"])
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    path = ROOT / name if name == "README.md" else ROOT / "docs" / name
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_plan_of_the_house_names_every_room() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for path in sorted((ROOT / "casearchive").iterdir()):
        if path.name.startswith(("_", ".")) or path.suffix not in ("", ".py"):
            continue
        assert re.search(rf"\b{re.escape(path.stem)}\b", plan), path.name


def test_the_readme_names_only_verbs_that_exist() -> None:
    for block in re.findall(r"```(?:console)?\n(.*?)```", README, re.DOTALL):
        for word in re.findall(r"^(?:\$ )?casearchive ([a-z]+)", block, re.MULTILINE):
            assert word in VERBS, word


def test_the_exit_codes_that_the_documents_mention_are_promised() -> None:
    for name in ("README.md", "docs/privacy.md"):
        for code in re.findall(r"exit code (\d+)", (ROOT / name).read_text("utf-8")):
            assert int(code) in EXIT_CODES


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["codecs"],
        *project["optional-dependencies"]["video"],
    ]
    names = {re.match(r"[A-Za-z0-9_-]+", w)[0] for w in wanted}  # type: ignore[index]
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", text, re.MULTILINE)) - {"package", "extra", "---"}
    assert listed | {"av", "imagecodecs"} == names
    assert "| `codecs` | imagecodecs |" in text
    assert "| `video` | av |" in text
