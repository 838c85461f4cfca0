"""The files of the de-identification benchmark: invented ultrasound, and in each of them what must never leave.

The same number of files and the same seed give the same bytes. Every planted identifier (a *canary*) is an invented
word, number, date or UID that belongs to one invented patient, with the place where it was planted; a name in the
pixels comes with the mask of its glyphs, so that nobody has to read to know whether it is still there.
"""

from __future__ import annotations

import base64
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from _coded import LOSSY, Hidden, encode
from _invented import SCRIPTS, Inventor, Person, writable
from _screens import BLUE, CYAN, DIM, GREEN, WHITE, YELLOW, Box, Colour, Glyphs, Pixels, Scan, Text, draw
from _screens import write as write_words
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

PIXELS, GRAPHICS = "pixels", "graphics"
#: The kinds of hiding places, in the order of the table.
KINDS = (
    "header", "nested", "private", "unknown", "file meta", "around", GRAPHICS, "documents", "in frames", PIXELS,
)  # fmt: skip


@dataclass(frozen=True)
class Canary:
    """One planted identifier. ``needles`` are the texts of which none may be found; ``glyphs`` where it is drawn
    instead, in ``layer`` (pixels, surplus, icon, overlay); ``tag`` is where a plain date stands."""

    value: str
    kind: str
    place: str
    needles: tuple[str, ...] = ()
    tag: int | None = None
    glyphs: Glyphs | None = None
    layer: str = ""


@dataclass(frozen=True)
class Spec:
    """What kind of file to make: its coding, how its screen is laid out, and where names hide."""

    coding: str
    layout: str = "fan"
    frames: int = 1
    words: tuple[str, ...] = ("banner", "beside")
    extras: tuple[str, ...] = ()
    measured: bool = False
    calipers: bool = False
    charset: str = "latin"
    small: bool = False

    @property
    def in_scan(self) -> bool:
        """Whether words stand inside the scan area."""
        return any(w.startswith("scan") for w in self.words)

    @property
    def ordinary(self) -> bool:
        """A file as departments have them: right regions, no words in the scan, nothing broken."""
        return self.layout in _RIGHT and not self.in_scan and not set(self.extras) & {"after", "surplus"}


@dataclass
class Planted:
    """A file and the truth about it."""

    name: str
    path: Path
    spec: Spec
    patient: int
    study: str
    uid: str
    study_date: date
    study_time: str
    frames: int
    frame_ms: float | None
    scans: tuple[Box, ...]
    regions: tuple[Scan, ...]
    canaries: list[Canary] = field(default_factory=list)
    scan_words: list[Box] = field(default_factory=list)
    measured: list[Glyphs] = field(default_factory=list)
    refers_to: str = ""  # SOP Instance UID of another file, in Referenced Image Sequence


_RIGHT = frozenset({"fan", "linear", "dual", "duplex", "one too far"})
#: One file each, in this order; more files begin again, with another seed.
PLAN: tuple[Spec, ...] = (
    Spec("rgb", "fan", measured=True),
    Spec("jpeg", "fan", 8, extras=("com", "references"), measured=True),
    Spec("rgb", "linear", charset="accents", extras=("overlay",), calipers=True),
    Spec("mono2", "fan", measured=True, extras=("waveform",)),
    Spec("jpeg", "linear", charset="cyrillic", extras=("com", "references", "icon")),
    Spec("rgb planar", "dual", words=("banner", "bottom"), measured=True),
    Spec("palette", "fan", charset="greek"),
    Spec("jpeg", "duplex", extras=("references", "document"), measured=True),
    Spec("rle", "fan", 3, charset="chinese", extras=("frame padding",), small=True),
    Spec("j2k", "linear", extras=("com",), measured=True),
    Spec("rgb", "one too far", extras=("references", "curve")),
    Spec("ybr_full", "fan", charset="japanese"),
    Spec("j2k lossy", "fan", 4, extras=("com", "frame padding"), small=True),
    Spec("deflated", "linear", words=("banner", "upright"), extras=("references",), measured=True),
    Spec("big endian", "fan", charset="korean"),
    Spec("jpegls", "fan", words=("banner", "bottom"), extras=("com",)),
    Spec("jpeg lossless", "linear", extras=("references", "com"), measured=True),
    Spec("mono1", "fan", words=("banner", "beside"), charset="arabic"),
    Spec("ybr_422", "fan", measured=True),
    Spec("implicit", "fan", 6, extras=("references", "vector"), calipers=True, small=True),
    Spec("rle mono", "dual", words=("banner", "bottom", "upright")),
    Spec("rgb", "fan", words=("banner light", "beside"), measured=True),
    Spec("jpeg mono", "linear", 5, extras=("references", "com"), small=True),
    Spec("rgb", "fan", words=("banner", "beside"), extras=("signature", "trailing")),
    # with names inside the scan
    Spec("rgb", "fan", words=("banner", "scan")),
    Spec("jpeg", "linear", 12, words=("banner", "scan one frame"), extras=("references", "com"), small=True),
    Spec("mono2", "fan", words=("banner", "scan upright")),
    Spec("rgb", "linear", words=("banner", "scan"), charset="cyrillic"),
    Spec("j2k", "fan", words=("banner", "scan"), charset="chinese", extras=("references",)),
    Spec("rgb", "fan", words=("banner", "scan"), charset="arabic"),
    Spec("rle", "linear", words=("scan light",), small=True),
    Spec("rgb", "fan", words=("banner", "scan turned"), extras=("references",)),
    Spec("jpegls mono", "linear", words=("banner", "scan mirrored")),
    Spec("rgb", "fan", 6, words=("banner one frame", "scan faint"), small=True),
    Spec("jpeg", "fan", words=("banner", "scan small"), charset="accents", extras=("references",)),
    Spec("palette", "linear", words=("banner", "scan"), charset="greek"),
    # with regions that say nothing, too much or something wrong
    Spec("rgb", "none", words=("banner", "bottom"), measured=True),
    Spec("jpeg", "none", 4, words=("banner", "beside"), extras=("references", "com"), small=True),
    Spec("rgb", "whole", words=("banner", "bottom"), charset="japanese"),
    Spec("mono2", "whole", words=("banner", "beside")),
    Spec("rgb", "outside", words=("banner", "beside"), extras=("references",)),
    Spec("j2k lossy", "whole", words=("banner", "upright")),
    Spec("rgb", "top", words=("banner", "bottom")),
    Spec("jpeg", "whole", words=("banner", "bottom"), charset="korean", extras=("references",)),
    # with more bytes than they should have
    Spec("rgb", "fan", 3, extras=("surplus",), small=True),
    Spec("jpeg", "fan", 3, extras=("surplus", "com", "frame padding"), small=True),
    Spec("rgb", "linear", extras=("after", "references", "trailing")),
    Spec("mono2", "linear", 10, words=("banner", "banner one frame"), extras=("surplus",), small=True),
    # and ordinary ones again, other sizes and places
    Spec("rgb", "duplex", words=("banner", "bottom"), charset="chinese", measured=True),
    Spec("jpeg", "one too far", 6, extras=("references", "com"), measured=True, small=True),
    Spec("rgb planar", "linear", 4, words=("banner",), extras=("graphics",), small=True),
    Spec("j2k", "fan", 5, words=("banner", "beside"), extras=("overlay", "icon"), measured=True, small=True),
    Spec("jpeg", "fan", extras=("references", "zipped", "colour"), measured=True, charset="cyrillic"),
    Spec("implicit", "linear", words=("banner", "bottom"), measured=True, charset="accents"),
)  # fmt: skip


def make(folder: Path, files: int = len(PLAN), seed: int = 1) -> list[Planted]:
    """Write ``files`` files into ``folder``: ``f001.dcm`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    inventor = Inventor(random.Random(f"names {seed}"))
    made: list[Planted] = []
    for number in range(files):
        if number % 3 == 0:
            person = Person(inventor, number // 3, PLAN[number % len(PLAN)].charset)
        made.append(_make(folder, number, seed, inventor, person, made))
    return made


# ------------------------------------------------------------------------------------------------ one file


class _Planter:
    """Puts invented values into datasets and remembers each."""

    def __init__(self, inventor: Inventor) -> None:
        self.invent = inventor
        self.canaries: list[Canary] = []

    def note(self, value: str, kind: str, place: str, *needles: str, tag: int | None = None) -> None:
        self.canaries.append(Canary(value, kind, place, needles or (value,), tag))

    def say(self, vr: str, script: str = "latin") -> tuple[str, tuple[str, ...]]:
        """A value of that VR, and what of it must not be found again."""
        invent = self.invent
        if vr == "PN":
            one, two = invent.word(script), invent.word(script)
            return f"{one}^{two}", (one, two)
        if vr == "DA":
            value = invent.day().strftime("%Y%m%d")
        elif vr == "TM":
            value = invent.clock()
        elif vr == "DT":
            value = invent.day().strftime("%Y%m%d") + invent.clock()
        elif vr == "UI":
            value = invent.uid()
        elif vr == "AE":
            value = invent.title()
        elif vr == "UR":
            word = invent.word()
            return f"http://{word.lower()}.example/{invent.number(7)}", (word,)
        elif vr in ("SH", "CS"):
            value = invent.word(script) if invent.dice.random() < 0.5 else "N" + invent.number(10)
            value = value.upper() if vr == "CS" else value
        elif vr == "LO":
            word, number = invent.word(script), invent.number(8)
            return invent.dice.choice(
                [(word, (word,)), (f"KH-{number}", (number,)), (f"US of {word} {number}", (word, number))]
            )
        else:
            word, number = invent.word(), invent.number(8)
            return f"Seen with {word}, tel. {number}; call back.", (word, number)
        return value, (value,)

    def home(self) -> tuple[str, tuple[str, ...]]:
        """Where somebody lives or works."""
        street, town = self.invent.word(), self.invent.word()
        return f"{self.invent.dice.randrange(2, 90)} {street} Street, {town}", (street, town)

    def put(self, where: Dataset, keyword: str, kind: str, above: str = "", script: str = "latin") -> None:
        """Plant a fresh value under ``keyword``."""
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        vr = dictionary_VR(tag)
        value, needles = self.home() if keyword.endswith("Address") else self.say(vr, script)
        setattr(where, keyword, value)
        place = f"{above}{keyword} ({vr})"
        self.note(value, kind, place, *needles, tag=tag if vr == "DA" else None)

    def raw(
        self, where: Dataset, tag: int, vr: str, kind: str, place: str, wrap: Callable[[bytes], bytes] = bytes
    ) -> None:
        """Plant a fresh text under a tag that no dictionary has to know."""
        text_vr = vr if vr not in ("OB", "UN", "OW") else "LT"
        value, needles = self.say(text_vr)
        if vr in ("OB", "UN", "OW"):
            data = wrap(value.encode())
            where.add_new(tag, vr, data + b" " * (len(data) % 2))
        else:
            where.add_new(tag, vr, value)
        self.note(value, kind, place, *needles)


def _make(
    folder: Path, number: int, seed: int, inventor: Inventor, person: Person, before: Sequence[Planted]
) -> Planted:
    spec = PLAN[number % len(PLAN)]
    rng = np.random.default_rng([seed, number])
    planter = _Planter(inventor)
    data = Dataset()
    data.SpecificCharacterSet = SCRIPTS[spec.charset][0] if spec.charset == person.script else "ISO_IR 192"
    later = number % 3 == 2
    _identity(data, planter, person, number, later)
    _headers(data, planter, number)
    _nested(data, planter, number)
    _private(data, planter, number)
    made = Planted(
        f"f{number + 1:03d}", folder / f"f{number + 1:03d}.dcm", spec, person.number,
        person.studies[later], str(data.SOPInstanceUID), person.days[later], str(data.StudyTime),
        spec.frames, None, (), (),
    )  # fmt: skip
    if "references" in spec.extras and before:
        _refer(data, planter, before[-1], made)
    _timing(data, spec, made)
    film, hidden = _screen(rng, spec, data, planter, person, made)
    _extras(data, spec, planter, hidden)
    _write(data, spec, planter, film, hidden, made, number)
    made.canaries = planter.canaries
    return made


def _identity(data: Dataset, planter: _Planter, person: Person, number: int, later: bool) -> None:
    """Who, when and what: the attributes that every file has."""
    note = planter.note
    data.PatientName, data.PatientID = person.name, person.id
    note(person.name, "header", "PatientName (PN)", *person.name.replace("=", "^").split("^"))
    note(person.id, "header", "PatientID (LO)")
    if person.issuer:
        data.IssuerOfPatientID = person.issuer
        note(person.issuer, "header", "IssuerOfPatientID (LO)")
    data.PatientBirthDate = birth = person.birth.strftime("%Y%m%d")
    note(birth, "header", "PatientBirthDate (DA)", tag=0x00100030)
    data.PatientSex, data.PatientAge = "FM"[number % 2], f"{20 + number * 7 % 60:03d}Y"
    data.StudyDate = day = person.days[later].strftime("%Y%m%d")
    note(day, "header", "StudyDate (DA)", tag=0x00080020)
    data.StudyInstanceUID = person.studies[later]
    note(person.studies[later], "header", "StudyInstanceUID (UI)")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyTime", "AccessionNumber", "StudyID"):
        planter.put(data, keyword, "header")
    for keyword in ("ReferringPhysicianName", "InstitutionName", "StudyDescription"):
        planter.put(data, keyword, "header", script=person.script)
    data.Modality, data.Manufacturer, data.ManufacturerModelName = "US", "Philips Medical Systems", "EPIQ 5G"
    data.SoftwareVersions = "1.5.2"
    data.SeriesNumber, data.InstanceNumber = 1 + number % 3, 1 + number
    data.ImageType = ["ORIGINAL", "PRIMARY", "SMALL PARTS", "0001"]
    data.PatientOrientation = None
    data.BurnedInAnnotation = "NO" if number % 4 == 1 else "YES" if number % 4 == 3 else None
    if data.BurnedInAnnotation is None:
        del data.BurnedInAnnotation


#: Top-level attributes in which scanners, worklists and archives have been seen to write about people and places.
_POOL = (
    "PerformingPhysicianName", "OperatorsName", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy",
    "RequestingPhysician", "PatientBirthName", "PatientMotherBirthName", "OtherPatientNames", "ResponsiblePerson",
    "ConsultingPhysicianName", "ScheduledPerformingPhysicianName", "ReviewerName", "ContentCreatorName",
    "NamesOfIntendedRecipientsOfResults", "InterpretationAuthor", "DistributionName", "VerifyingObserverName",
    "InstitutionalDepartmentName", "SeriesDescription", "ProtocolName", "DeviceSerialNumber", "TransducerData",
    "PerformedProcedureStepDescription", "RequestedProcedureDescription", "OtherPatientIDs",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
    "ResponsibleOrganization", "CurrentPatientLocation", "MedicalRecordLocator", "PatientReligiousPreference",
    "CountryOfResidence", "RegionOfResidence", "PatientAddress", "AdmissionID", "ServiceEpisodeID",
    "ServiceEpisodeDescription", "InsurancePlanIdentification", "MilitaryRank", "BranchOfService", "RequestingService",
    "ReasonForStudy", "AdmittingDiagnosesDescription", "MedicalAlerts", "Allergies", "SpecialNeeds", "PatientState",
    "GantryID", "DetectorID", "CassetteID", "AcquisitionDeviceProcessingDescription", "ContrastBolusAgent",
    "FillerOrderNumberImagingServiceRequest", "PlacerOrderNumberImagingServiceRequest", "OrderEntererLocation",
    "StationName", "PatientTelephoneNumbers", "PerformedProcedureStepID", "RequestedProcedureID", "PerformedLocation",
    "ScheduledProcedureStepID", "ReferringPhysicianTelephoneNumbers", "EthnicGroup", "Occupation", "PlateID",
    "PerformedStationName", "ScheduledStudyLocation", "OrderCallbackPhoneNumber",
    "InstitutionAddress", "ReferringPhysicianAddress", "CommentsOnThePerformedProcedureStep", "DerivationDescription",
    "ImageComments", "PatientComments", "AdditionalPatientHistory", "RequestedProcedureComments", "AcquisitionComments",
    "IdentifyingComments", "StudyComments", "VisitComments", "FrameComments", "ImagingServiceRequestComments",
    "InterpretationText", "DocumentTitle", "TextComments", "IssueTimeOfImagingServiceRequest",
    "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate", "PerformedProcedureStepStartDate",
    "AdmittingDate", "LastMenstrualDate", "DateOfSecondaryCapture", "ScheduledProcedureStepStartDate",
    "DateOfLastCalibration", "IssueDateOfImagingServiceRequest", "PatientDeathDateInAlternativeCalendar",
    "SeriesTime", "AcquisitionTime", "ContentTime", "InstanceCreationTime", "PatientBirthTime", "AdmittingTime",
    "AcquisitionDateTime", "PerformedProcedureStepStartDateTime", "FrameReferenceDateTime", "InstanceCoercionDateTime",
    "FrameOfReferenceUID", "SynchronizationFrameOfReferenceUID", "InstanceCreatorUID", "DeviceUID", "ConcatenationUID",
    "IrradiationEventUID", "StorageMediaFileSetUID", "TransactionUID", "RetrieveURL", "RetrieveAETitle",
    "PerformedStationAETitle", "ScheduledStationAETitle", "TextValue", "BodyPartExamined", "FilterMaterial",
)  # fmt: skip
_EACH = 22


def _headers(data: Dataset, planter: _Planter, number: int) -> None:
    """A part of the pool, another one in each file."""
    pool = [k for k in _POOL if tag_for_keyword(k) is not None]
    for step in range(_EACH):
        planter.put(data, pool[(number * _EACH + step * 11 + number) % len(pool)], "header")


def _item(planter: _Planter, above: str, *keywords: str) -> Dataset:
    made = Dataset()
    for keyword in keywords:
        planter.put(made, keyword, "nested", above)
    return made


def _nested(data: Dataset, planter: _Planter, number: int) -> None:
    """Sequences within sequences; each file has all of one half."""
    if number % 2:
        request = _item(
            planter, "RequestAttributesSequence.", "RequestedProcedureID", "ScheduledProcedureStepDescription",
            "RequestedProcedureDescription", "AccessionNumber",
        )  # fmt: skip
        code = _item(
            planter, "RequestAttributesSequence.ScheduledProtocolCodeSequence.", "CodeMeaning", "CodeValue"
        )
        code.CodingSchemeDesignator = "99LOCAL"
        request.ScheduledProtocolCodeSequence = Items([code])
        data.RequestAttributesSequence = Items([request])
        other = _item(planter, "OtherPatientIDsSequence.", "PatientID", "IssuerOfPatientID")
        other.TypeOfPatientID = "TEXT"
        data.OtherPatientIDsSequence = Items([other])
        equipment = _item(
            planter, "ContributingEquipmentSequence.", "InstitutionName", "OperatorsName", "StationName",
            "DeviceSerialNumber", "ContributionDescription", "ContributionDateTime",
        )  # fmt: skip
        equipment.Manufacturer = "Philips Medical Systems"
        data.ContributingEquipmentSequence = Items([equipment])
    else:
        changed = _item(
            planter, "OriginalAttributesSequence.ModifiedAttributesSequence.", "PatientName", "PatientID",
            "OtherPatientNames",
        )  # fmt: skip
        original = _item(
            planter, "OriginalAttributesSequence.", "AttributeModificationDateTime", "ModifyingSystem",
            "SourceOfPreviousValues",
        )  # fmt: skip
        original.ModifiedAttributesSequence = Items([changed])
        data.OriginalAttributesSequence = Items([original])
        person = Dataset()
        person.PersonIdentificationCodeSequence = Items(
            [
                _item(
                    planter, "OperatorIdentificationSequence.PersonIdentificationCodeSequence.", "CodeMeaning"
                )
            ]
        )
        person.InstitutionName, needles = planter.say("LO")
        planter.note(
            person.InstitutionName, "nested", "OperatorIdentificationSequence.InstitutionName", *needles
        )
        data.OperatorIdentificationSequence = Items([person])
        issuer = _item(planter, "IssuerOfAccessionNumberSequence.", "UniversalEntityID")
        data.IssuerOfAccessionNumberSequence = Items([issuer])
    data.ContentSequence = Items([_deep(planter, 5, "")])


def _deep(planter: _Planter, levels: int, above: str) -> Dataset:
    """A tree of content items with something at every level, unlike keywords in turn."""
    above += "ContentSequence."
    keyword = ("PersonName", "TextValue", "DateTime", "UID", "Date")[levels % 5]
    item = _item(planter, above, keyword)
    concept = _item(planter, f"{above}ConceptNameCodeSequence.", "CodeMeaning") if levels % 2 else None
    if concept is not None:
        concept.CodeValue, concept.CodingSchemeDesignator = "121106", "DCM"
        item.ConceptNameCodeSequence = Items([concept])
    if levels > 1:
        item.ContentSequence = Items([_deep(planter, levels - 1, above)])
    return item


def _private(data: Dataset, planter: _Planter, number: int) -> None:
    """Private blocks, with and without a creator; attributes that no dictionary knows; text that came as UN."""
    creator = ("ACME 1.0", "GEMS_Ultrasound_ImageGroup_001", "PHILIPS US IMAGING 60", "VENDOR PRIVATE")[
        number % 4
    ]
    data.add_new(0x00090010, "LO", creator)
    planter.raw(data, 0x00091001, "LO", "private", f"private LO ({creator})")
    planter.raw(data, 0x00091002, "OB", "private", f"private OB ({creator})")
    planter.raw(data, 0x00091003, "UN", "private", f"private UN ({creator})")
    planter.raw(data, 0x00091004, "DA", "private", f"private DA ({creator})")
    inner = Dataset()
    inner.add_new(0x00090010, "LO", creator)
    planter.raw(inner, 0x00091010, "PN", "private", "private SQ, private PN")
    planter.put(inner, "PatientName", "private", "private SQ, ")
    data.add_new(0x00091005, "SQ", Items([inner]))
    planter.raw(data, 0x00111001, "LT", "private", "private LT without a creator")
    wrap = (base64.b64encode, zlib.compress, lambda b: b.decode().encode("utf-16-le"))[number % 3]
    planter.raw(
        data, 0x00091020, "OB", "private", f"private OB, {('base64', 'deflated', 'UTF-16')[number % 3]}", wrap
    )
    planter.raw(data, 0x00189F10 + 2 * (number % 9), "LO", "unknown", "unknown even group 0018, LO")
    planter.raw(data, 0x00229F20 + 2 * (number % 9), "UT", "unknown", "unknown even group 0022, UT")
    planter.raw(data, 0x00189F60 + 2 * (number % 9), "UN", "unknown", "unknown even group 0018, UN")
    for tag, name in ((0x001021B2, "ConfidentialityConstraint"), (0x00104008, "a patient attribute")):
        planter.raw(data, tag + 2 * (number % 4), "UN", "unknown", f"{name} or near it, as UN")


def _refer(data: Dataset, planter: _Planter, other: Planted, made: Planted) -> None:
    """To the file before this one, and to something that is not here."""
    item = Dataset()
    item.ReferencedSOPClassUID = _class(other.spec)
    item.ReferencedSOPInstanceUID = made.refers_to = other.uid
    planter.note(other.uid, "nested", "ReferencedImageSequence.ReferencedSOPInstanceUID")
    data.ReferencedImageSequence = Items([item])
    study = _item(planter, "ReferencedStudySequence.", "ReferencedSOPInstanceUID")
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    data.ReferencedStudySequence = Items([study])


def _class(spec: Spec) -> UID:
    return UltrasoundMultiFrameImageStorage if spec.frames > 1 else UltrasoundImageStorage


def _timing(data: Dataset, spec: Spec, made: Planted) -> None:
    data.SOPClassUID = _class(spec)
    if spec.frames == 1:
        return
    data.NumberOfFrames = spec.frames
    made.frame_ms = 33.3 if spec.frames % 2 else 41.7
    if "vector" in spec.extras:
        data.FrameTimeVector = [0.0, *[made.frame_ms] * (spec.frames - 1)]
        data.FrameIncrementPointer = 0x00181065
    else:
        data.FrameTime = made.frame_ms
        data.FrameIncrementPointer = 0x00181063


# ------------------------------------------------------------------------------------------------ the screen


def _layout(spec: Spec, size: tuple[int, int]) -> tuple[Scan, ...]:
    """The scan areas of a screen, as they truly are."""
    rows, columns = size
    top, bottom, left, right = rows // 8, rows - rows // 6, columns // 8, columns - columns // 6
    doppler = "colour" in spec.extras
    if spec.layout == "dual":
        middle = (left + right) // 2
        return Scan(Box(left, top, middle - 6, bottom)), Scan(Box(middle + 6, top, right, bottom))
    if spec.layout == "duplex":
        half = (top + bottom) // 2
        fan = Scan(Box(left, top, right, half - 4), "fan", doppler=True)
        return fan, Scan(Box(left, half + 4, right, bottom), "spectral")
    if spec.layout == "one too far":
        return (Scan(Box(left, top, columns - 1, bottom)),)
    kind = "linear" if spec.layout == "linear" else "fan"
    return (Scan(Box(left, top, right, bottom), kind, doppler),)


def _regions(spec: Spec, scans: Sequence[Scan], size: tuple[int, int]) -> tuple[Scan, ...]:
    """What the file says of them."""
    rows, columns = size
    if spec.layout == "none":
        return ()
    first = scans[0].box
    said = {
        "whole": Box(0, 0, columns - 1, rows - 1),
        "outside": Box(first.x0, first.y0, columns + 40, first.y1),
        "top": Box(0, 0, columns - 1, first.y1),
        "one too far": Box(first.x0, first.y0, columns, first.y1),
    }.get(spec.layout)
    return (Scan(said, scans[0].kind),) if said is not None else tuple(scans)


def _screen(
    rng: np.random.Generator, spec: Spec, data: Dataset, planter: _Planter, person: Person, made: Planted
) -> tuple[Pixels, Hidden]:
    """Draw the screen, plant what stands in it and declare the regions."""
    size = (288, 384) if spec.small else (480, 640)
    scans = _layout(spec, size)
    told = _regions(spec, scans, size)
    texts: list[tuple[str, Text]] = []
    light = any("light" in w and w.startswith("banner") for w in spec.words)
    for where in spec.words:
        texts += _words(where, spec, planter, person, scans, size)
    if spec.measured:
        texts += [("measured", t) for t in _measured(rng, size, scans[-1].box, BLUE if light else YELLOW)]
    texts += [("scale", t) for t in _scale(size, scans[0].box)]
    film, drawn = draw(
        rng, size, scans, spec.frames, [t for _, t in texts],
        ground=(205, 208, 210) if light else (0, 0, 0), calipers=spec.calipers,
    )  # fmt: skip
    for (where, text), glyphs in zip(texts, drawn, strict=True):
        if glyphs is None:
            raise ValueError(f"{made.name}: “{text.words}” does not fit ({where})")
        if where == "measured":
            made.measured.append(glyphs)
        elif where != "scale":
            planter.canaries.append(
                Canary(
                    text.words, PIXELS, f"burnt in, {where}, {_script_of(spec)[0]}", (), None, glyphs, PIXELS
                )
            )
            if where.startswith("scan"):
                made.scan_words.append(glyphs.box)
    made.scans, made.regions = tuple(s.box for s in scans), told
    _declare(data, told)
    surplus = None
    if "surplus" in spec.extras:
        surplus = np.zeros((1, *film.shape[1:]), np.uint8)
        words = planter.invent.word()
        glyphs = write_words(surplus, Text(words.upper(), 40, 60, 18))
        planter.canaries.append(
            Canary(words, PIXELS, "a frame behind NumberOfFrames", (), None, glyphs, "surplus")
        )
    return film, Hidden(surplus=surplus)


def _script_of(spec: Spec) -> tuple[str, str]:
    """(script, font) in which names are burnt in: the file's own, where a font for it is installed."""
    return (spec.charset, SCRIPTS[spec.charset][1]) if writable(spec.charset) else ("latin", "latin")


def _words(
    where: str, spec: Spec, planter: _Planter, person: Person, scans: Sequence[Scan], size: tuple[int, int]
) -> list[tuple[str, Text]]:
    rows, columns = size
    scan, small = scans[0].box, rows < 400
    script, font = _script_of(spec)
    name = planter.invent.word(script)
    if script in ("latin", "accents"):
        name = f"{name.upper()}, {planter.invent.word().upper()[:5]}"
    number, letter = planter.invent.number(8), 11 if small else 14
    middle, centre = scan.x0 + scan.width // 2, scan.y0 + scan.height // 2
    wide = 70 if small else 96  # about half of a word, for what stands in the middle
    if where == "banner":
        same = person.burnt if script == person.script else name
        texts = [
            Text(same, 8, 4, letter, WHITE, font),
            Text(number, columns - (90 if small else 110), 4, letter, DIM),
        ]
        return [(where, t) for t in texts]
    if where == "banner light":
        return [
            (where, Text(name, 10, 6, letter, (250, 250, 250), font)),
            (where, Text(number, columns - 120, 6, letter, (120, 122, 124))),
        ]
    if where == "banner one frame":
        return [(where, Text(name, 8, rows // 16, letter, YELLOW, font, frame=spec.frames // 2))]
    if where == "beside":
        # in the column that the depth scale leaves free; left of the scan where that reaches the right edge
        short = planter.invent.word(script)[: 5 if small else 7]
        x = 4 if scan.x1 + 30 > columns else columns - columns // 6 + 22
        return [(where, Text(short, x, rows // 3, letter - 2, GREEN, font))]
    if where == "bottom":
        place = (8, rows - rows // 14)
        return [(where, Text(name, *place, letter, CYAN, font, ground=BLUE))]
    if where == "upright":
        return [(where, Text(name, 8, rows // 5, letter, WHITE, font, turned=90))]
    drawn = {
        "scan": Text(name, middle - wide, centre, letter + 2, WHITE, font),
        "scan one frame": Text(name, middle - wide, centre, letter + 2, CYAN, font, frame=spec.frames // 3),
        "scan upright": Text(name, middle, scan.y0 + scan.height // 3, letter + 2, WHITE, font, turned=90),
        "scan turned": Text(name, middle - wide, centre, letter + 2, YELLOW, font, turned=180),
        "scan mirrored": Text(name, middle - wide, centre, letter + 2, WHITE, font, mirrored=True),
        "scan faint": Text(
            name, middle - wide, centre, letter + 2, (150, 150, 150), font, ground=(90, 90, 90)
        ),
        "scan small": Text(name, middle - wide // 2, centre, 10, WHITE, font),
        "scan light": Text(name, middle - wide, centre, letter + 2, WHITE, font, ground=(190, 190, 190)),
    }[where]
    return [(where, drawn)]


def _measured(rng: np.random.Generator, size: tuple[int, int], scan: Box, ink: Colour) -> list[Text]:
    """Results as scanners print them, below the scan."""
    rows, columns = size
    letter = 11 if rows < 400 else 13
    first, second = rng.uniform(0.4, 4.9, 2)
    lines = (f"1 Dist {first:.2f} cm", f"2 Dist {second:.2f} cm")
    return [
        Text(line, columns // 2, scan.y1 + 12 + n * (letter + 6), letter, ink, "bold")
        for n, line in enumerate(lines)
    ]


def _scale(size: tuple[int, int], scan: Box) -> list[Text]:
    """The numbers of the depth scale, right of the scan where there is room."""
    if scan.x1 + 30 > size[1]:
        return []
    step = scan.height // 4
    return [Text(str(n), scan.x1 + 12, scan.y0 + n * step - 5, 10, DIM) for n in range(1, 4)]


def _declare(data: Dataset, regions: Sequence[Scan]) -> None:
    """Sequence of Ultrasound Regions (PS3.3 C.8.5.5): corners inclusive, centimetres a pixel."""
    items = []
    for region in regions:
        item, box, spectral = Dataset(), region.box, region.kind == "spectral"
        item.RegionSpatialFormat, item.RegionDataType = (3, 3) if spectral else (1, 1)
        item.RegionFlags = 2
        item.RegionLocationMinX0, item.RegionLocationMinY0 = box.x0, box.y0
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box.x1, box.y1
        item.ReferencePixelX0, item.ReferencePixelY0 = box.width // 2, 0
        item.ReferencePixelPhysicalValueX = item.ReferencePixelPhysicalValueY = 0.0
        item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = (4, 7) if spectral else (3, 3)
        item.PhysicalDeltaX = 0.011 if spectral else 0.0125
        item.PhysicalDeltaY = 0.83 if spectral else 0.0125
        items.append(item)
    if items:
        data.SequenceOfUltrasoundRegions = Items(items)


# ------------------------------------------------------------------------------------------------ hiding places


def _extras(data: Dataset, spec: Spec, planter: _Planter, hidden: Hidden) -> None:
    for extra in spec.extras:
        if extra in _HIDE:
            _HIDE[extra](data, planter)
    if "com" in spec.extras:
        for place in ("a comment", "an application segment"):
            value, needles = planter.say("LT")
            planter.note(value, "in frames", f"{place} inside a compressed frame", *needles)
            hidden.segments.append(value.encode())
    if "frame padding" in spec.extras:
        value, needles = planter.say("LT")
        planter.note(value, "in frames", "behind the end of a compressed frame, in its fragment", *needles)
        hidden.padding = value.encode()
    if "trailing" in spec.extras:
        planter.raw(data, 0xFFFCFFFC, "OB", "around", "DataSetTrailingPadding")


def _overlay(data: Dataset, planter: _Planter) -> None:
    rows, columns = 480, 640
    plane = np.zeros((1, rows, columns, 3), np.uint8)
    word = planter.invent.word()
    glyphs = write_words(plane, Text(word, 60, 200, 20))
    bits = np.packbits((plane[0, ..., 0] > 0).ravel(), bitorder="little").tobytes()
    data.add_new(0x60000010, "US", rows)
    data.add_new(0x60000011, "US", columns)
    data.add_new(0x60000040, "CS", "G")
    data.add_new(0x60000050, "SS", [1, 1])
    data.add_new(0x60000100, "US", 1)
    data.add_new(0x60000102, "US", 0)
    data.add_new(0x60003000, "OW", bits)
    planter.canaries.append(Canary(word, GRAPHICS, "drawn in an overlay", (), None, glyphs, "overlay"))
    planter.raw(data, 0x60000022, "LO", GRAPHICS, "OverlayDescription")
    planter.raw(data, 0x60001500, "LO", GRAPHICS, "OverlayLabel")


def _curve(data: Dataset, planter: _Planter) -> None:
    data.add_new(0x50000005, "US", 2)
    data.add_new(0x50000010, "US", 8)
    data.add_new(0x50000020, "CS", "POLY")
    data.add_new(0x50000103, "US", 0)
    planter.raw(data, 0x50000022, "LO", GRAPHICS, "CurveDescription")
    planter.raw(data, 0x50002500, "LO", GRAPHICS, "CurveLabel")
    planter.raw(data, 0x50003000, "OW", GRAPHICS, "CurveData")


def _icon(data: Dataset, planter: _Planter) -> None:
    picture = np.zeros((1, 48, 96, 3), np.uint8)
    word = planter.invent.word()
    glyphs = write_words(picture, Text(word, 4, 14, 12))
    icon = Dataset()
    icon.Rows, icon.Columns, icon.SamplesPerPixel, icon.PhotometricInterpretation = 48, 96, 1, "MONOCHROME2"
    icon.BitsAllocated = icon.BitsStored = 8
    icon.HighBit, icon.PixelRepresentation = 7, 0
    icon.PixelData = picture[0, ..., 0].tobytes()
    icon["PixelData"].VR = "OB"
    data.IconImageSequence = Items([icon])
    planter.canaries.append(Canary(word, GRAPHICS, "drawn in an icon", (), None, glyphs, "icon"))


def _waveform(data: Dataset, planter: _Planter) -> None:
    above = "WaveformAnnotationSequence."
    note = Dataset()
    planter.put(note, "UnformattedTextValue", GRAPHICS, above)
    data.WaveformAnnotationSequence = Items([note])
    channel = Dataset()
    planter.put(channel, "ChannelLabel", GRAPHICS, "WaveformSequence.ChannelDefinitionSequence.")
    wave = Dataset()
    planter.put(wave, "MultiplexGroupLabel", GRAPHICS, "WaveformSequence.")
    wave.ChannelDefinitionSequence = Items([channel])
    planter.raw(wave, 0x54001010, "OW", GRAPHICS, "WaveformSequence.WaveformData")
    data.WaveformSequence = Items([wave])


def _graphics(data: Dataset, planter: _Planter) -> None:
    text = Dataset()
    planter.put(text, "UnformattedTextValue", GRAPHICS, "GraphicAnnotationSequence.TextObjectSequence.")
    layer = Dataset()
    planter.put(layer, "GraphicLayerDescription", GRAPHICS, "GraphicLayerSequence.")
    annotation = Dataset()
    annotation.TextObjectSequence = Items([text])
    data.GraphicAnnotationSequence, data.GraphicLayerSequence = Items([annotation]), Items([layer])


def _signature(data: Dataset, planter: _Planter) -> None:
    sign = Dataset()
    sign.MACIDNumber, sign.CertificateType = 1, "X509_1993_SIG"
    planter.put(sign, "DigitalSignatureUID", "documents", "DigitalSignaturesSequence.")
    planter.put(sign, "DigitalSignatureDateTime", "documents", "DigitalSignaturesSequence.")
    planter.raw(
        sign, 0x04000115, "OB", "documents", "DigitalSignaturesSequence.CertificateOfSigner",
        lambda b: b"0\x82\x01\x00CN=" + b,
    )  # fmt: skip
    planter.raw(sign, 0x04000120, "OB", "documents", "DigitalSignaturesSequence.Signature")
    data.DigitalSignaturesSequence = Items([sign])


def _document(data: Dataset, planter: _Planter) -> None:
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"

    def pdf(words: bytes) -> bytes:
        stream = zlib.compress(b"BT /F1 12 Tf (" + words + b") Tj ET")
        return b"%PDF-1.4\n1 0 obj<</Filter/FlateDecode>>stream\n" + stream + b"\nendstream endobj\n%%EOF\n"

    planter.raw(data, 0x00420011, "OB", "documents", "EncapsulatedDocument, a deflated PDF", pdf)
    planter.put(data, "DocumentTitle", "documents")


def _zipped(data: Dataset, planter: _Planter) -> None:
    planter.raw(data, 0x00420011, "OB", "documents", "EncapsulatedDocument, deflated", zlib.compress)
    planter.raw(data, 0x04000520, "OB", "documents", "EncryptedContent that is not encrypted")


_HIDE: dict[str, Callable[[Dataset, _Planter], None]] = {
    "overlay": _overlay, "curve": _curve, "icon": _icon, "waveform": _waveform, "graphics": _graphics,
    "signature": _signature, "document": _document, "zipped": _zipped,
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ writing


def _write(
    data: Dataset, spec: Spec, planter: _Planter, film: Pixels, hidden: Hidden, made: Planted, number: int
) -> None:
    """Encode the pixels and write the file, with what hides around the data set."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.ImplementationClassUID = UID("2.25.80302813137786398554742050926734630921")
    planter.put(meta, "SourceApplicationEntityTitle", "file meta")
    if number % 2:
        planter.put(meta, "SendingApplicationEntityTitle", "file meta")
        planter.put(meta, "ReceivingApplicationEntityTitle", "file meta")
    else:
        planter.put(meta, "PrivateInformationCreatorUID", "file meta")
        planter.raw(meta, 0x00020102, "OB", "file meta", "PrivateInformation")
        planter.put(meta, "ImplementationVersionName", "file meta")
    meta.TransferSyntaxUID = encode(data, spec.coding, film, hidden)
    data.file_meta = meta
    data.LossyImageCompression = "01" if spec.coding in LOSSY else "00"
    word, code = planter.invent.word(), planter.invent.number(8)
    data.preamble = f"{word} {code}".encode().ljust(128, b"\0")
    planter.note(f"{word} {code}", "around", "the preamble", word, code)
    order = {"implicit_vr": spec.coding == "implicit", "little_endian": spec.coding != "big endian"}
    data.save_as(made.path, enforce_file_format=True, **order)
    if "after" in spec.extras:
        value, needles = planter.say("LT")
        planter.note(value, "around", "bytes after the data set", *needles)
        with made.path.open("ab") as out:
            out.write(value.encode())
