"""What decides what passes, as one hash: the text of this program and the versions of the libraries that decode.

Whatever was kept of an earlier pass is kept under it, so that nobody has to remember to count a number up.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

from casearchive import __version__

_PACKAGE = Path(__file__).resolve().parents[1]
#: Rooms without a part in it: what they do happens before a clip is opened or after it passed. All others count.
_APART = frozenset({"cli", "exporters", "importers", "index", "query", "stores"})
_KINDS = (".py", ".toml", ".txt", ".json")
_LIBRARIES = ("pydicom", "numpy", "pillow", "av", "imagecodecs", "onnxruntime", "pi-heif")


@cache
def digest() -> str:
    """SHA-256 of the sources and versions; some 20 ms, once a process."""
    return digest_of(_PACKAGE)


def digest_of(package: Path) -> str:
    """The same of a package of that layout, read from the disk each time."""
    told = hashlib.sha256(repr((__version__, *map(_version, _LIBRARIES))).encode())
    for path in sorted(p for p in package.rglob("*") if p.suffix in _KINDS and p.is_file()):
        parts = path.relative_to(package).parts
        if parts[0] not in _APART:
            told.update(repr(("/".join(parts), hashlib.sha256(path.read_bytes()).hexdigest())).encode())
    return told.hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
