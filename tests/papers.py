"""Structured reports, key object selections and presentation states for tests, with identities in every corner."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    ColorSoftcopyPresentationStateStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
)

BASIC, ENHANCED, COMPREHENSIVE, THREE_D, KEYS, GREY, COLOUR = (
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
)
REPORTS = (BASIC, ENHANCED, COMPREHENSIVE, THREE_D)
#: Planted everywhere, each word once for one place so that what survives tells from where.
WHO = "Quillfeather^Isolde"
PLANTED = (
    "Quillfeather", "Isolde", "KH4711823", "Brambletye", "Oxenhope", "Zephyrine", "Wexcombe", "Thistlewood",
    "Gillingham", "Farthingale", "Marchbanks", "19710312", "20240506", "101112", "1.2.3.4.5001", "1.2.3.4.66", "Eloria",
)  # fmt: skip
FINDING, SITE, LENGTH, SECTION, COMMENT = (
    ("121071", "DCM", "Finding"),
    ("363698007", "SCT", "Finding Site"),
    ("410668003", "SCT", "Length"),
    ("121070", "DCM", "Findings"),
    ("121106", "DCM", "Comment"),
)
TITLE, LIVER, MILLIMETRE = (
    ("126000", "DCM", "Imaging Measurement Report"),
    ("10200004", "SCT", "Liver"),
    ("mm", "UCUM", "millimeter"),
)


def code(value: str, scheme: str, meaning: str = "Brambletye's own meaning") -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    made.CodingSchemeVersion = "Oxenhope 1"
    return made


def item(
    kind: str,
    relation: str = "CONTAINS",
    name: tuple[str, ...] | None = None,
    below: Iterable[Dataset] = (),
    **values: Any,
) -> Dataset:
    """One content item; ``value`` and ``unit`` are codes as tuples, ``image`` a UID or (UID, frames)."""
    made = Dataset()
    made.RelationshipType, made.ValueType = relation, kind
    made.ObservationDateTime = "20240506101112"
    made.ObservationUID = "1.2.3.4.66"
    if name:
        made.ConceptNameCodeSequence = Sequence([code(*name)])
    if "value" in values:
        made.ConceptCodeSequence = Sequence([code(*values.pop("value"))])
    if "number" in values:
        measured = Dataset()
        measured.NumericValue = values.pop("number")
        measured.MeasurementUnitsCodeSequence = Sequence([code(*values.pop("unit", MILLIMETRE))])
        made.MeasuredValueSequence = Sequence([measured])
    if "image" in values:
        image = values.pop("image")
        uid, frames = image if isinstance(image, tuple) else (image, ())
        made.ReferencedSOPSequence = Sequence([reference(uid, frames)])
    for keyword, value in values.items():
        setattr(made, keyword, value)
    inner = list(below)
    if inner:
        made.ContentSequence = Sequence(inner)
    if kind == "CONTAINER":
        made.ContinuityOfContent = "SEPARATE"
        template = Dataset()
        template.MappingResource, template.TemplateIdentifier = "Oxenhope", "1500"
        made.ContentTemplateSequence = Sequence([template])
    return made


def reference(uid: str, frames: Iterable[int] = ()) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.ReferencedSOPInstanceUID = uid
    if list(frames):
        made.ReferencedFrameNumber = list(frames)
    return made


def _head(sop_class: UID, uid: str) -> Dataset:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = sop_class, uid
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3.4.5001", f"{uid}.1"
    data.StudyDate, data.StudyTime, data.ContentDate, data.ContentTime = (
        "20240506",
        "101112",
        "20240506",
        "101112",
    )
    data.PatientName, data.PatientID, data.PatientBirthDate = WHO, "KH4711823", "19710312"
    data.PatientSex, data.PatientAge, data.PatientComments = "F", "053Y", "Farthingale"
    data.AccessionNumber, data.StudyID, data.ReferringPhysicianName = "KH4711823", "KH4711823", "Oxenhope^Ada"
    data.InstitutionName, data.StationName = "St. Eloria Hospital", "Wexcombe"
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = (
        "GE Healthcare",
        "LOGIQ E9",
        "R6.2.4",
    )
    data.DeviceSerialNumber = "SN88421"
    data.SeriesNumber, data.InstanceNumber = 4, 2
    data.StudyDescription = "Liver of Isolde"
    block = data.private_block(0x0071, "MARCHBANKS", create=True)
    block.add_new(1, "LO", "Quillfeather")
    block.add_new(2, "UN", b"Isolde Quillfeather KH4711823")
    data.add_new(0x00099999, "UN", b"Quillfeather")
    return data


def _write(data: Dataset, path: Path) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.SourceApplicationEntityTitle = "MARCHBANKS"
    file = FileDataset(str(path), data, file_meta=meta, preamble=b"Quillfeather".ljust(128, b"\0"))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def report(
    path: Path,
    content: Iterable[Dataset],
    *,
    sop_class: UID = COMPREHENSIVE,
    uid: str = "1.2.3.4.7001",
    title: tuple[str, ...] = TITLE,
    context: bool = True,
) -> Path:
    """A document at ``path`` with this content; ``context`` adds who observed whom."""
    data = _head(sop_class, uid)
    data.Modality = "KO" if sop_class == KEYS else "SR"
    data.ValueType, data.ContinuityOfContent = "CONTAINER", "SEPARATE"
    data.ConceptNameCodeSequence = Sequence([code(*title)])
    data.CompletionFlag, data.VerificationFlag = "COMPLETE", "VERIFIED"
    data.CompletionFlagDescription = "Thistlewood"
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerifyingOrganization = "Thistlewood^Odo", "Gillingham"
    observer.VerificationDateTime = "20240506101112"
    observer.VerifyingObserverIdentificationCodeSequence = Sequence([code("4711823", "99ELORIA")])
    data.VerifyingObserverSequence = Sequence([observer])
    data.PredecessorDocumentsSequence = Sequence([_evidence("1.2.3.4.66.9")])
    data.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence("1.2.3.4.66.8")])
    data.IdenticalDocumentsSequence = Sequence([_evidence("1.2.3.4.66.7")])
    data.PerformedProcedureCodeSequence = Sequence([code("4711823", "99ELORIA")])
    data.ReferencedPerformedProcedureStepSequence = Sequence([reference("1.2.3.4.66.6")])
    data.ContentSequence = Sequence([*(_observers() if context else ()), *content])
    return _write(data, path)


def _evidence(uid: str) -> Dataset:
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = f"{uid}.2", Sequence([reference(uid)])
    study.StudyInstanceUID, study.ReferencedSeriesSequence = f"{uid}.1", Sequence([series])
    return study


def _observers() -> list[Dataset]:
    context = "HAS OBS CONTEXT"
    person = item("PNAME", context, ("121008", "DCM", "Person Observer Name"), PersonName="Zephyrine^Ottilie")
    organization = item("TEXT", context, ("121009", "DCM", "Organization"), TextValue="St. Eloria Hospital")
    device = item("UIDREF", context, ("121012", "DCM", "Device Observer UID"), UID="1.2.3.4.66.1")
    return [
        item(
            "CODE",
            context,
            ("121005", "DCM", "Observer Type"),
            [organization],
            value=("121006", "DCM", "Person"),
        ),
        person,
        device,
        item("TEXT", context, ("121029", "DCM", "Subject Name"), TextValue="Isolde Quillfeather"),
        item("DATE", context, ("121031", "DCM", "Subject Birth Date"), Date="19710312"),
        item("NUM", context, ("121033", "DCM", "Subject Age"), number="53", unit=("a", "UCUM", "year")),
        item("TEXT", "HAS ACQ CONTEXT", ("121106", "DCM", "Comment"), TextValue="Farthingale"),
    ]


def state(
    path: Path,
    images: Iterable[Dataset],
    *,
    sop_class: UID = GREY,
    uid: str = "1.2.3.4.8001",
    series: str = "1.2.3.4.5002",
    drawn: Iterable[Dataset] = (),
    **more: Any,
) -> Path:
    """A presentation state at ``path``."""
    data = _head(sop_class, uid)
    data.Modality = "PR"
    data.ContentLabel, data.ContentDescription = "WEXCOMBE", "Isolde's knee"
    data.ContentCreatorName = "Zephyrine^Ottilie"
    data.PresentationCreationDate, data.PresentationCreationTime = "20240506", "101112"
    one = Dataset()
    one.SeriesInstanceUID, one.ReferencedImageSequence = series, Sequence(list(images))
    one.RetrieveAETitle = "MARCHBANKS"
    data.ReferencedSeriesSequence = Sequence([one])
    layers = []
    for order, name in enumerate(("QUILLFEATHER", "WEXCOMBE"), start=1):
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerOrder = name, order
        layer.GraphicLayerDescription = "drawn by Thistlewood"
        layers.append(layer)
    data.GraphicLayerSequence = Sequence(layers)
    data.GraphicAnnotationSequence = Sequence(list(drawn))
    if sop_class == COLOUR:
        data.ICCProfile = b"Quillfeather ICC" * 8
    else:
        data.PresentationLUTShape = "IDENTITY"
    for keyword, value in more.items():
        setattr(data, keyword, value)
    return _write(data, path)


def annotation(
    graphics: Iterable[tuple[str, Iterable[float]]] = (),
    texts: Iterable[str] = (),
    *,
    layer: str = "QUILLFEATHER",
    images: Iterable[Dataset] = (),
    units: str = "PIXEL",
) -> Dataset:
    """One item of Graphic Annotation Sequence."""
    made = Dataset()
    made.GraphicLayer = layer
    if list(images):
        made.ReferencedImageSequence = Sequence(list(images))
    objects = []
    for shape, points in graphics:
        each = Dataset()
        each.GraphicAnnotationUnits, each.GraphicDimensions = units, 2
        places = list(points)
        each.GraphicData, each.NumberOfGraphicPoints, each.GraphicType = places, len(places) // 2, shape
        each.GraphicFilled = "N"
        each.GraphicGroupID = 7
        objects.append(each)
    words = []
    for text in texts:
        each = Dataset()
        each.UnformattedTextValue = text
        each.AnchorPointAnnotationUnits, each.AnchorPoint, each.AnchorPointVisibility = (
            units,
            [40.0, 50.0],
            "Y",
        )
        words.append(each)
    if objects:
        made.GraphicObjectSequence = Sequence(objects)
    if words:
        made.TextObjectSequence = Sequence(words)
    return made
