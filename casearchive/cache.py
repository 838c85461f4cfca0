"""Derived files, kept by the hash of what they are made of.

Pictures that a person asked for, what passed the airlock, films, pictures of pages, which finished files were searched.
Nothing here is truth: it can be thrown away, and what was not asked for in two months is.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from casearchive.files import PRIVATE_FILE, PRIVATE_FOLDER, private_folder, temporary_sibling
from casearchive.frozen import dataclass

_UNUSED, _HALF_MADE = 60 * 86_400, 86_400  # seconds


@dataclass(frozen=True)
class Cache:
    """A folder of files and folders ``<ab>/<hash>.<name>``; each lands whole or not at all."""

    folder: Path
    learning: bool = True  # a dry run keeps nothing
    half: Path | None = None  # where things lie while they are made; beside their place where it is not said

    def place(self, digest: str, name: str) -> Path:
        """Where it is or will be."""
        return self.folder / digest[:2] / f"{digest}.{name}"

    def there(self, digest: str, name: str) -> Path | None:
        """What was made before; it counts as used now."""
        path = self.place(digest, name)
        with contextlib.suppress(OSError):  # read only, or somebody else's: it is there all the same
            os.utime(path)
        return path if path.exists() else None

    def made(self, digest: str, name: str, make: Callable[[Path], object], *, again: bool = False) -> Path:
        """What ``make`` fills, a file or a folder that does not exist yet, made once; ``again`` puts it in the place of
        what is there. Raises what ``make`` raises."""
        path = self.place(digest, name)
        if again:
            _throw_away(path)
        if self.there(digest, name) is None:
            private_folder(path.parent)
            with temporary_sibling(self.half / path.name if self.half else path) as unfinished:
                try:
                    make(unfinished)
                    unfinished.chmod(PRIVATE_FOLDER if unfinished.is_dir() else PRIVATE_FILE)
                    try:
                        unfinished.replace(path)
                    except OSError:
                        if (
                            not path.exists()
                        ):  # else somebody made the same meanwhile: no folder replaces another
                            raise
                finally:
                    if unfinished.is_dir():
                        with contextlib.suppress(OSError):
                            _throw_away(unfinished)
        return path

    def try_made(
        self, digest: str, name: str, make: Callable[[Path], object], *, again: bool = False
    ) -> None:
        """The same, where it does not matter whether there is room for it."""
        if not self.learning:
            return
        with contextlib.suppress(OSError):
            self.made(digest, name, make, again=again)

    def sweep(self) -> None:
        """Throw away what nobody asked for in two months, and what was half made a day ago."""
        if not self.learning or not self.folder.is_dir():
            return
        now = time.time()
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < now - (_HALF_MADE if path.suffix == ".tmp" else _UNUSED):
                    _throw_away(path)


def _throw_away(path: Path) -> None:
    import shutil  # a search comes by this room, and throws nothing away

    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
