"""What the index of a disc (DICOMDIR) names: whether it is there, and the line for what is not."""

from __future__ import annotations

import re
from pathlib import Path

from casearchive.model import Outcome


def missing(shown: str) -> Outcome:
    why = "the disc's index names it, but it is not there: was the disc copied whole?"
    return Outcome(shown, "failed", reason="missing-on-medium", message=why)


def plain_name(part: str) -> bool:
    """Whether a part of a path leads nowhere else."""
    return part not in ("", ".", "..") and not re.search(r"[/\\:\0]", part)


class Looked:
    """What lies in the folders of a disc; each is looked through once, however many files the index names."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, list[Path]]] = {}

    def is_there(self, folder: Path, parts: tuple[str, ...]) -> bool:
        """Below ``folder``, whatever the case of its letters; a link is not looked through."""
        here = [folder]
        for part in parts:
            wanted = {part.casefold(), f"{part}.dcm".casefold(), f"{part};1".casefold()}
            here = [e for f in here for name in wanted for e in self._in(f).get(name, ())]
        return bool(here)

    def _in(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._folders:
            found: dict[str, list[Path]] = {}
            try:
                if folder.is_dir() and not folder.is_symlink():
                    for entry in folder.iterdir():
                        found.setdefault(entry.name.casefold(), []).append(entry)
            except (OSError, ValueError):
                found = {}
            self._folders[folder] = found
        return self._folders[folder]
