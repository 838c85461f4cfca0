"""The DICOMDIR of a set (PS3.3 F, PS3.10): patients, studies, series, and one record a file.

What a record must have and an image leaves empty is said in the record alone (a day that tells nothing, midnight, a
number in order): the files stay as they are. Of a report only its title is told, nothing of what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from casearchive.exporters._dicom.objects import NO_DATE, NO_TIME, derived

_PRESENTATION = (
    "PresentationCreationDate", "PresentationCreationTime", "ContentLabel", "ContentDescription",
    "ContentCreatorName", "ReferencedSeriesSequence",
)  # fmt: skip
_DOCUMENT = ("ContentDate", "ContentTime", "ConceptNameCodeSequence")
_KINDS = {
    "PR": ("PRESENTATION", _PRESENTATION),
    "SR": ("SR DOCUMENT", ("CompletionFlag", "VerificationFlag", *_DOCUMENT)),
    "KO": ("KEY OBJECT DOC", _DOCUMENT),
}


@dataclass(frozen=True)
class Filed:
    """An object and the components of its file's path, upper case, at most eight characters each."""

    dataset: Dataset
    parts: tuple[str, ...]


@dataclass
class _Node:
    record: Dataset
    below: dict[str, _Node] = field(default_factory=dict)


class Shelves:
    """Where each object of a set is filed: ``PT000001/ST000001/SE000001/IM000001``, in the order they come."""

    def __init__(self) -> None:
        self._tree: dict[str, dict[str, dict[str, list[str]]]] = {}

    def place(self, dataset: Dataset) -> tuple[str, ...]:
        studies = self._tree.setdefault(str(dataset.PatientID), {})
        all_series = studies.setdefault(str(dataset.StudyInstanceUID), {})
        held = all_series.setdefault(str(dataset.SeriesInstanceUID), [])
        held.append(str(dataset.SOPInstanceUID))
        ranks = (
            [*self._tree].index(str(dataset.PatientID)),
            [*studies].index(str(dataset.StudyInstanceUID)),
            [*all_series].index(str(dataset.SeriesInstanceUID)),
            len(held) - 1,
        )
        kind = {"PR": "PR", "SR": "SR", "KO": "KO"}.get(str(dataset.Modality), "IM")
        return tuple(
            f"{name}{rank + 1:06}" for name, rank in zip(("PT", "ST", "SE", kind), ranks, strict=True)
        )


def write(filed: Iterable[Filed], target: Path) -> None:
    """Write ``target`` (``DICOMDIR``) for the objects that stand beside it. Explicit VR little endian."""
    filed = list(filed)
    roots = _tree(filed)
    uid = derived("file set", *(str(one.dataset.SOPInstanceUID) for one in filed))
    directory = _directory(list(_flat(roots)), filed[0].dataset, uid)
    with (
        BytesIO() as out
    ):  # offsets have a fixed length, so where records stand is known before what is in them
        dcmwrite(out, directory, enforce_file_format=True)
        out.seek(0)
        places = [item.seq_item_tell for item in dcmread(out).DirectoryRecordSequence]
    records = [node.record for node in _flat(roots)]
    where = {id(record): place for record, place in zip(records, places, strict=True)}
    _link(roots, where)
    first, last = where[id(roots[0].record)], where[id(roots[-1].record)]
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = first
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = last
    dcmwrite(target, directory, enforce_file_format=True)


def _tree(filed: Iterable[Filed]) -> list[_Node]:
    top: dict[str, _Node] = {}
    for one in filed:
        dataset = one.dataset
        level = top
        for keyword, make in (
            ("PatientID", _patient),
            ("StudyInstanceUID", _study),
            ("SeriesInstanceUID", _series),
        ):
            key = str(dataset.get(keyword))
            if key not in level:
                level[key] = _Node(make(dataset, len(level) + 1))
            level = level[key].below
        level["/".join(one.parts)] = _Node(_leaf(one, len(level) + 1))
    return [*top.values()]


def _patient(dataset: Dataset, _: int) -> Dataset:
    record = _record("PATIENT", dataset)
    _take(record, dataset, ("PatientName", "PatientID"))
    return record


def _study(dataset: Dataset, number: int) -> Dataset:
    record = _record("STUDY", dataset)
    record.StudyDate = dataset.get("StudyDate") or NO_DATE
    record.StudyTime = dataset.get("StudyTime") or NO_TIME
    record.StudyID = dataset.get("StudyID") or str(number)
    _take(record, dataset, ("StudyDescription", "StudyInstanceUID", "AccessionNumber"))
    return record


def _series(dataset: Dataset, number: int) -> Dataset:
    record = _record("SERIES", dataset)
    record.SeriesNumber = number if dataset.get("SeriesNumber") is None else dataset.SeriesNumber
    _take(record, dataset, ("Modality", "SeriesInstanceUID"))
    return record


def _leaf(one: Filed, number: int) -> Dataset:
    dataset = one.dataset
    kind, keywords = _KINDS.get(str(dataset.Modality), ("IMAGE", ()))
    record = _record(kind, dataset)
    record.InstanceNumber = number if dataset.get("InstanceNumber") is None else dataset.InstanceNumber
    _take(record, dataset, keywords)
    record.ReferencedFileID = list(one.parts)
    record.ReferencedSOPClassUIDInFile = dataset.SOPClassUID
    record.ReferencedSOPInstanceUIDInFile = dataset.SOPInstanceUID
    record.ReferencedTransferSyntaxUIDInFile = dataset.file_meta.TransferSyntaxUID
    return record


def _record(kind: str, dataset: Dataset) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    record.SpecificCharacterSet = dataset.get("SpecificCharacterSet", "ISO_IR 192")
    return record


def _take(record: Dataset, dataset: Dataset, keywords: Iterable[str]) -> None:
    """The attributes as they are; without a value where the object has none (they are Type 2 then)."""
    for keyword in keywords:
        setattr(record, keyword, dataset.get(keyword))


def _flat(nodes: Iterable[_Node]) -> Iterator[_Node]:
    """Each record before those below it."""
    for node in nodes:
        yield node
        yield from _flat(node.below.values())


def _link(nodes: Iterable[_Node], where: dict[int, int]) -> None:
    """Each record says where the next of its level and the first of the level below stand, counted in bytes."""
    level = list(nodes)
    for node, later in zip_longest(level, level[1:]):
        node.record.OffsetOfTheNextDirectoryRecord = where[id(later.record)] if later else 0
        below = next(iter(node.below.values()), None)
        node.record.OffsetOfReferencedLowerLevelDirectoryEntity = where[id(below.record)] if below else 0
        _link(node.below.values(), where)


def _directory(nodes: list[_Node], like: Dataset, uid: str) -> Dataset:
    directory = Dataset()
    directory.FileSetID = "CASEARCHIVE"
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.FileSetConsistencyFlag = 0
    directory.DirectoryRecordSequence = [node.record for node in nodes]
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = like.file_meta.ImplementationClassUID
    meta.ImplementationVersionName = like.file_meta.get("ImplementationVersionName", "CASEARCHIVE")
    directory.file_meta, directory.preamble = meta, b"\0" * 128
    return directory
