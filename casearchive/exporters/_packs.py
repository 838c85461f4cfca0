"""What outputs share that pack other outputs: the files of a folder, and the case folders where there is no other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from casearchive.errors import CaseArchiveError
from casearchive.exporters import folder
from casearchive.teaching import TeachingSet

Pack = Callable[[Sequence[Path], Path, Mapping[str, str]], None]


def alone(teaching: TeachingSet, target: Path, options: Mapping[str, str], pack: Pack) -> None:
    """Pack the case folders, which nobody asked for by name: made for this and gone afterwards. They stand beside the
    target while they are made, where the export that failed is thrown away as a whole."""
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=target.parent) as temporary:
        made = Path(temporary) / folder.NAME
        made.mkdir()
        folder.export(teaching, made, options)
        pack([made], target, options)


def files(output: Path) -> list[tuple[str, Path]]:
    """(path in the folder, with slashes, and the file) of every file below ``output``, sorted by the former.

    Raises ``CaseArchiveError`` for what is neither a file nor a folder: nobody could say what was packed.
    """
    found = []
    for path in output.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise CaseArchiveError("a link or special file cannot be packed", where=path.name)
        if path.is_file():
            found.append((path.relative_to(output).as_posix(), path))
    return sorted(found)
