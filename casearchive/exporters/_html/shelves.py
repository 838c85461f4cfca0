"""Where the pictures and films of a page go: files beside it, or into the page itself as ``data:`` addresses."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Protocol

from casearchive.errors import CaseArchiveError

#: More than this, and browsers begin to fail: they keep a page in memory as one text.
LARGEST_PAGE = 400_000_000
_KINDS = {".webp": "image/webp", ".mp4": "video/mp4"}


class Shelf(Protocol):
    """Takes a picture or a film under a name with ``/`` and tells the address a page shows it by."""

    inside: bool

    def put(self, name: str, data: bytes) -> str: ...

    def put_file(self, name: str, path: Path) -> str: ...


class Beside:
    """Files in a folder; their address is their name, relative to the folder."""

    inside = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, data: bytes) -> str:
        self._place(name).write_bytes(data)
        return name

    def put_file(self, name: str, path: Path) -> str:
        shutil.copyfile(path, self._place(name))
        return name

    def _place(self, name: str) -> Path:
        place = self._folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


class Inside:
    """Nothing beside the page. Raises ``CaseArchiveError`` once there is more than a browser opens."""

    inside = True

    def __init__(self) -> None:
        self._size = 0

    def put(self, name: str, data: bytes) -> str:
        kind = _KINDS[name[name.rindex(".") :]]
        text = base64.b64encode(data).decode("ascii")
        self._size += len(text)
        if self._size > LARGEST_PAGE:
            raise CaseArchiveError(
                f"the pictures are more than a single file can hold ({LARGEST_PAGE // 1_000_000} MB)",
                where="option single-file",
                hint="Leave it out: the page is then a folder. Or export fewer cases, or smaller: --option edge=640.",
            )
        return f"data:{kind};base64,{text}"

    def put_file(self, name: str, path: Path) -> str:
        return self.put(name, path.read_bytes())
