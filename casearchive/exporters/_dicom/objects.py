"""The images that the airlock made, and new objects beside them in the same study: what all of these share.

New objects are named by what they say and where they belong: the same set gives the same objects, and a changed word
another one, which an archive that holds the old one will not take for it. As they hang on UIDs that the airlock made
for one set, objects of two sets cannot be linked by theirs.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1

from casearchive.exporters._dicom.codes import IHE, Coded
from casearchive.exporters._dicom.items import code, filled, referring
from casearchive.exporters._dicom.lossless import encoded
from casearchive.model import Case
from casearchive.teaching import UNSAID, Frames, TeachingClip
from casearchive.terms import lexicon
from casearchive.terms.coding import LOCAL

#: Where the study has no date, objects that must have one say this, which tells nothing.
NO_DATE, NO_TIME = UNSAID["StudyDate"], UNSAID["StudyTime"]
_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_OB_UNDEFINED = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
    "StudyDescription", "PatientAge",
)  # fmt: skip
#: What was done to the identity: said again, for the words of these objects passed the same airlock.
_REMOVED = ("PatientIdentityRemoved", "DeidentificationMethod", "LongitudinalTemporalInformationModified")


@dataclass(frozen=True)
class Picture:
    """One image object as it leaves: ``header`` is all of it but the pixels, ``ref`` its id in the case. ``pixels``
    are to be written anew; None where the file stays as the airlock made it, which stands at ``path``."""

    ref: str
    path: Path
    header: Dataset
    frames: int
    pixels: Frames | None = None

    @property
    def rows(self) -> int:
        return int(self.header.Rows)

    @property
    def columns(self) -> int:
        return int(self.header.Columns)


@dataclass(frozen=True)
class Bundle:
    """The pictures of one case that show one patient; documents of several studies stand in the first one.

    ``first`` says that it is the case's first: findings without a picture are told there.
    """

    case: Case
    pictures: tuple[Picture, ...]
    first: bool

    def picture(self, ref: str) -> Picture | None:
        return next((picture for picture in self.pictures if picture.ref == ref), None)

    @property
    def home(self) -> Dataset:
        return self.pictures[0].header

    def studies(self) -> dict[str, Dataset]:
        """One header of each study, the first study first."""
        found: dict[str, Dataset] = {}
        for picture in self.pictures:
            found.setdefault(str(picture.header.StudyInstanceUID), picture.header)
        return found


def opened(clip: TeachingClip, place: int, *, anew: bool) -> Picture:
    """The object of a clip, the one at this 1-based ``place`` of its case; ``anew`` for media."""
    header = dcmread(clip.dicom, stop_before_pixels=True)
    count = int(header.get("NumberOfFrames") or 1)
    if not anew:
        return Picture(clip.ref, clip.dicom, header, count)
    for keyword, value in {**UNSAID, "SeriesNumber": 1, "InstanceNumber": place}.items():
        if header.get(keyword) in (None, ""):
            setattr(header, keyword, value)
    if int(header.SamplesPerPixel) == 3:
        header.PhotometricInterpretation = "RGB"  # the transform of JPEG 2000 is undone
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in header:
            del header[keyword]
    header.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    return Picture(clip.ref, clip.dicom, header, count, clip.frames)


def copied(picture: Picture, target: Path) -> None:
    """Write the image: the airlock's file as it is, or the same pixels as lossless JPEG under the same UID, for which
    a change of the coding without loss makes no new object (PS3.3 C.12.1.1.2)."""
    if picture.pixels is None:
        shutil.copyfile(picture.path, target)
        return
    dcmwrite(target, picture.header, enforce_file_format=True)
    with target.open("r+b") as file:
        file.seek(0, 2)
        file.write(_OB_UNDEFINED + _ITEM + struct.pack("<I", 4 * picture.frames))
        table, places = file.tell(), []
        file.write(bytes(4 * picture.frames))
        start = file.tell()
        for number in range(1, picture.frames + 1):
            data = encoded(picture.pixels.frame(number))
            places.append(file.tell() - start)
            file.write(_ITEM + struct.pack("<I", len(data)) + data)
        file.write(_END)
        if places[-1] < 1 << 32:
            file.seek(table)
            file.write(struct.pack(f"<{len(places)}I", *places))


def derived(purpose: str, *parts: str | bytes) -> str:
    """A UID from what it is for and what it is made of: ``2.25.`` and the decimal of a version 8 UUID (PS3.5 B.2)."""
    told = hashlib.sha256()
    for part in (b"casearchive", purpose, *parts):
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        told.update(len(data).to_bytes(8, "big") + data)
    raw = bytearray(told.digest()[:16])
    raw[6], raw[8] = (raw[6] & 0x0F) | 0x80, (raw[8] & 0x3F) | 0x80
    return f"2.25.{int.from_bytes(raw, 'big')}"


def begun(beside: Dataset, case: Case, sop_class: str, modality: str, purpose: str, series: int) -> Dataset:
    """A new object of the patient and study of ``beside``, without a name and content yet."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    for keyword in (*_PATIENT, *_STUDY, *_REMOVED):
        if keyword in beside:
            dataset[keyword] = beside[keyword]
    dataset.Modality = modality
    dataset.SeriesInstanceUID = derived("series", purpose, str(beside.StudyInstanceUID), case.slug)
    dataset.SeriesNumber = series
    dataset.InstanceNumber = 1
    dataset.Manufacturer = "casearchive"
    return dataset


def day_of(dataset: Dataset) -> str:
    """The day that the airlock gave the study."""
    return str(dataset.get("StudyDate") or NO_DATE)


def document(
    beside: Dataset,
    case: Case,
    sop_class: str,
    modality: str,
    purpose: str,
    series: int,
    title: Coded,
    children: Iterable[Dataset],
    evidence: Iterable[Dataset],
    template: str = "",
) -> Dataset:
    """A structured report or key object selection (PS3.3 C.17.2, C.17.3, C.17.6.2) with its root container."""
    dataset = begun(beside, case, sop_class, modality, purpose, series)
    dataset.ContentDate, dataset.ContentTime = day_of(beside), NO_TIME
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    if modality == "SR":
        dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
        dataset.PerformedProcedureCodeSequence = Sequence()
    dataset.CurrentRequestedProcedureEvidenceSequence = listed(evidence)
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = [code(title)]
    filled(dataset, children, template)
    schemes = _schemes(dataset)
    if schemes:
        dataset.CodingSchemeIdentificationSequence = schemes
    return dataset


def listed(objects: Iterable[Dataset]) -> list[Dataset]:
    """Study, series and instances of ``objects``, each once (PS3.3 C.17.2.1)."""
    tree: dict[str, dict[str, dict[str, Dataset]]] = {}
    for one in objects:
        series = tree.setdefault(str(one.StudyInstanceUID), {}).setdefault(str(one.SeriesInstanceUID), {})
        series.setdefault(str(one.SOPInstanceUID), one)
    return [_study_item(study, series) for study, series in tree.items()]


def _study_item(study: str, series: dict[str, dict[str, Dataset]]) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = study
    item.ReferencedSeriesSequence = [_series_item(uid, found.values()) for uid, found in series.items()]
    return item


def _series_item(series: str, objects: Iterable[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series
    item.ReferencedSOPSequence = [referring(one) for one in objects]
    return item


def named(dataset: Dataset, purpose: str) -> Dataset:
    """``dataset`` with its SOP Instance UID, made of all that it says."""
    dataset.SOPInstanceUID = ""
    with BytesIO() as out:
        dcmwrite(out, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False)
        dataset.SOPInstanceUID = derived(purpose, out.getvalue())
    return dataset


def written(dataset: Dataset, like: Dataset, path: Path) -> None:
    """Write a new object (PS3.10); ``like`` is an image of the set: its file meta says who implements this."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = like.file_meta.ImplementationClassUID
    meta.ImplementationVersionName = like.file_meta.get("ImplementationVersionName", "CASEARCHIVE")
    dataset.file_meta, dataset.preamble = meta, b"\0" * 128
    dcmwrite(path, dataset, enforce_file_format=True)


def _schemes(dataset: Dataset) -> list[Dataset]:
    """What the schemes are that are not the standard's own, where they are used (PS3.3 C.12.1.1.7)."""
    used = {
        str(element.value)
        for element in dataset.iterall()
        if element.keyword == "CodingSchemeDesignator" and element.value in (LOCAL, IHE)
    }
    about = {
        LOCAL: ("casearchive lexicon", lexicon().version),
        IHE: ("IHE Radiology Teaching File and Clinical Trial Export", ""),
    }
    items = []
    for scheme in sorted(used):
        name, version = about[scheme]
        item = Dataset()
        item.CodingSchemeDesignator, item.CodingSchemeName = scheme, name
        if version:
            item.CodingSchemeVersion = version[:16]
        items.append(item)
    return items
