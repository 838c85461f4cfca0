"""What the DICOMDIR of a disc names: only to tell which of its files are missing, never to find them."""

from __future__ import annotations

from pathlib import Path

from casearchive.readers._headers import _quiet
from casearchive.readers._structure import DEFLATED, transfer_syntax

#: A larger one is not read: a disc of ten thousand files needs about five megabytes.
_LARGEST = 64 << 20
_MOST_RECORDS = 100_000


def file_ids(path: Path) -> tuple[tuple[str, ...], ...]:
    """The Referenced File IDs (PS3.3 F.3.2.2.2) of a DICOMDIR, each as the parts of a path below its folder.

    The records are read in the order in which they lie; their offsets are never followed. Parts that are no plain
    name (``..``, separators, drives) are given as they stand: it is for the caller not to walk there. Empty where
    the DICOMDIR cannot be understood: the files of the disc are taken one by one anyway.
    """
    import pydicom

    if path.stat().st_size > _LARGEST:
        return ()
    _quiet()
    try:
        if transfer_syntax(path) == DEFLATED:  # no disc has that, and pydicom would inflate it without an end
            return ()
        dataset = pydicom.dcmread(path, specific_tags=["DirectoryRecordSequence"])
        records = list(dataset.get("DirectoryRecordSequence") or ())[:_MOST_RECORDS]
        found = [_parts(record.get("ReferencedFileID")) for record in records]
    except Exception:  # noqa: BLE001 - what a damaged index makes of a parser is no news to anybody
        return ()
    return tuple(dict.fromkeys(parts for parts in found if parts))


def _parts(value: object) -> tuple[str, ...]:
    if not value:
        return ()
    several = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []
    if not several and hasattr(value, "__iter__"):
        several = list(value)
    return tuple(str(part).strip() for part in several)
