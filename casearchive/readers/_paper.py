"""A DICOM object that may tell of a teaching case, as a value: manifests, reports, presentation states.

Unlike the facts of a file it holds the meanings beside codes and the name of its observer, for it is only asked for
when a case is made of it inside the archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from casearchive.errors import UnreadableFile
from casearchive.model import Paper
from casearchive.readers import _content, _headers, _presentation, _structure
from casearchive.readers._headers import Header
from casearchive.readers._shared import clean

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Key Object Selection, the reports that may be read, softcopy presentation states. Reports of dose, of procedures and
#: of what a computer detected are none that a case is made of.
SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
_CLASSES = frozenset(
    (
        SELECTION,
        *(f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in ("11", "22", "33", "34")),
        *(f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in ("1", "2")),
    )
)
_MOST = 20_000


def may_tell(sop_class_uid: str | None) -> bool:
    """Whether objects of this class may tell of a case."""
    return sop_class_uid in _CLASSES


def paper(path: Path) -> Paper | None:
    """What the object at ``path`` says; None where it is of another class or cannot be read."""
    try:
        structure = _structure.scan(path)
    except UnreadableFile:
        return None
    try:
        header = Header(_headers.read_header(structure))
    except UnreadableFile:
        return None
    finally:
        structure.source.close()
    if not may_tell(header.text("SOPClassUID")):
        return None
    return Paper(
        sop_instance_uid=header.text("SOPInstanceUID") or "",
        sop_class_uid=header.text("SOPClassUID") or "",
        study_instance_uid=header.text("StudyInstanceUID") or "",
        maker=header.text("Manufacturer") or "",
        observer=_observer(header),
        content=_content.tree(header, words=True),
        presentation=_presentation.state(header),
        evidence=tuple(dict.fromkeys(_listed(header, "CurrentRequestedProcedureEvidenceSequence"))),
        identical=tuple(dict.fromkeys(_listed(header, "IdenticalDocumentsSequence"))),
    )


def _listed(header: Header, keyword: str) -> Iterator[str]:
    """The instances of a list by study and series (PS3.3 C.17.2.1), as many as people ever name."""
    left = _MOST
    for study in header.items(keyword):
        for series in header.items("ReferencedSeriesSequence", study):
            for item in header.items("ReferencedSOPSequence", series):
                left -= 1
                if left < 0:
                    return
                if uid := header.text("ReferencedSOPInstanceUID", item):
                    yield uid


def _observer(header: Header) -> str:
    """The person who says so, as it is read aloud; of several the first."""
    for item in header.items("ContentSequence"):
        if header.text("ValueType", item) == "PNAME" and _is_observer(header, item):
            return _spoken(header.text("PersonName", item) or "")
    return ""


def _is_observer(header: Header, item: Dataset) -> bool:
    return any(
        (header.text("CodeValue", code), header.text("CodingSchemeDesignator", code)) == ("121008", "DCM")
        for code in header.items("ConceptNameCodeSequence", item)
    )


def _spoken(name: str) -> str:
    """Family, given, middle, prefix, suffix (PS3.5 6.2.1.1) in the order of speech."""
    family, given, middle, prefix, suffix, *_ = (*name.split("=")[0].split("^"), *[""] * 5)
    return clean(" ".join(part.strip() for part in (prefix, given, middle, family, suffix) if part.strip()))
