"""casearchive: an archive for ultrasound teaching cases.

``from casearchive import Archive`` is the whole public face; it is loaded on first use, so that
``import casearchive`` stays cheap for programs that only want the version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Archive", "__version__"]

if TYPE_CHECKING:
    from casearchive.archive import Archive


def __getattr__(name: str) -> Any:
    if name == "Archive":
        from casearchive.archive import Archive

        return Archive
    raise AttributeError(f"module 'casearchive' has no attribute {name!r}")
