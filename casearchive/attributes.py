"""The one table of DICOM attributes: what is read, where it is kept, how it is asked for, whether it identifies.

The reader fills the model from it, the index stores its columns, the query language offers its fields, and the
leak scan knows from it what must never leave. A test holds every row against pydicom's dictionary, the model
and the schema.
"""

from __future__ import annotations

from casearchive.frozen import dataclass


@dataclass(frozen=True)
class Attribute:
    """``level`` names the dataclass of ``model`` and the table (``subject`` … ``instance``); ``column`` is the
    field of both. ``kind`` is text, int, real, date (ISO 8601), time or age. ``field`` is the query word."""

    keyword: str
    level: str
    column: str
    kind: str = "text"
    field: str = ""


TABLE: tuple[Attribute, ...] = (
    Attribute("PatientSex", "subject", "patient_sex", field="sex"),
    Attribute("PatientSpeciesDescription", "subject", "patient_species"),
    Attribute("StudyInstanceUID", "study", "study_instance_uid", field="study"),
    Attribute("StudyDate", "study", "study_date", "date", field="date"),
    Attribute("StudyTime", "study", "study_time", "time"),
    Attribute("StudyDescription", "study", "study_description", field="description"),
    Attribute("PatientAge", "study", "patient_age", "age", field="age"),
    Attribute("SeriesInstanceUID", "series", "series_instance_uid", field="series"),
    Attribute("SeriesNumber", "series", "series_number", "int"),
    Attribute("Modality", "series", "modality"),
    Attribute("SeriesDescription", "series", "series_description", field="series_description"),
    Attribute("ProtocolName", "series", "protocol_name", field="protocol"),
    Attribute("BodyPartExamined", "series", "body_part_examined", field="body_part"),
    Attribute("Laterality", "series", "laterality"),
    Attribute("Manufacturer", "series", "manufacturer", field="manufacturer"),
    Attribute("ManufacturerModelName", "series", "manufacturer_model_name", field="model"),
    Attribute("SoftwareVersions", "series", "software_versions", field="software"),
    Attribute("SOPInstanceUID", "instance", "sop_instance_uid", field="uid"),
    Attribute("SOPClassUID", "instance", "sop_class_uid", field="sop_class"),
    Attribute("InstanceNumber", "instance", "instance_number", "int"),
    Attribute("ImageType", "instance", "image_type", field="image_type"),
    Attribute("PhotometricInterpretation", "instance", "photometric_interpretation", field="photometric"),
    Attribute("SamplesPerPixel", "instance", "samples_per_pixel", "int"),
    Attribute("BitsStored", "instance", "bits_stored", "int"),
    Attribute("Rows", "instance", "rows", "int", field="rows"),
    Attribute("Columns", "instance", "columns", "int", field="columns"),
    Attribute("NumberOfFrames", "instance", "frames", "int", field="frames"),
    Attribute("ContentDate", "instance", "content_date", "date"),
    Attribute("ImageLaterality", "instance", "image_laterality"),
    Attribute("ViewName", "instance", "view_name", field="view"),
    Attribute("ViewNumber", "instance", "view_number", "int"),
    Attribute("StageName", "instance", "stage_name", field="stage"),
    Attribute("StageNumber", "instance", "stage_number", "int"),
    Attribute("TransducerType", "instance", "transducer_type", field="transducer"),
    Attribute("TransducerData", "instance", "transducer_data", field="probe"),
    Attribute("DepthOfScanField", "instance", "depth_of_scan_field", "real", field="depth"),
    Attribute("MechanicalIndex", "instance", "mechanical_index", "real", field="mi"),
    Attribute("SoftTissueThermalIndex", "instance", "thermal_index", "real", field="ti"),
    Attribute("HeartRate", "instance", "heart_rate", "int", field="heart_rate"),
    Attribute("BurnedInAnnotation", "instance", "burned_in_annotation"),
    Attribute("PatientIdentityRemoved", "instance", "patient_identity_removed"),
    Attribute("LossyImageCompression", "instance", "lossy_image_compression"),
)


@dataclass(frozen=True)
class PrivateAttribute:
    """``element`` is its last byte: the first says which block its creator took (PS3.5 7.8.1). ``many`` where it may
    hold several values."""

    creator: str
    group: int
    element: int
    vr: str
    meaning: str
    many: bool = False


_SC2000 = "SIEMENS Ultrasound SC2000"
#: Private attributes of ultrasound that are read: of those that PS3.15 Table E.3.10-1 thinks safe, the numbers that
#: mean something without the raw data (offsets and lengths do not) and that are no times.
SAFE_PRIVATE: tuple[PrivateAttribute, ...] = (
    PrivateAttribute(_SC2000, 0x0119, 0x09, "SS", "Acoustic Stream Number"),
    PrivateAttribute(_SC2000, 0x0119, 0x13, "IS", "Volume Rate"),
    PrivateAttribute(_SC2000, 0x0139, 0x01, "SL", "Physio Capture ROI"),
    PrivateAttribute(_SC2000, 0x0149, 0x01, "FD", "Vector of BROI Points", many=True),
)

#: Attributes whose values identify a person or a place. They go to ``identifiers`` and nowhere else; the leak
#: scan looks for every one of them in what leaves (PS3.15 Table E.1-1, action D, Z or X, and UIDs).
IDENTIFYING: tuple[str, ...] = (
    "PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName",
    "PatientBirthDate", "PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers",
    "MilitaryRank", "MedicalRecordLocator", "ResponsiblePerson", "ResponsibleOrganization",
    "AccessionNumber", "StudyID", "AdmissionID", "PerformedProcedureStepID", "RequestedProcedureID",
    "ReferringPhysicianName", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers",
    "ConsultingPhysicianName", "PerformingPhysicianName", "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy", "OperatorsName", "RequestingPhysician", "RequestingService",
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName",
    "DeviceSerialNumber", "DeviceUID", "PatientComments", "AdditionalPatientHistory", "Occupation",
    "CountryOfResidence", "RegionOfResidence", "PersonName", "VerifyingObserverName",
    "ScheduledPerformingPhysicianName",
    "PatientInsurancePlanCodeSequence", "IssuerOfAdmissionID", "FillerOrderNumberImagingServiceRequest",
    "PlacerOrderNumberImagingServiceRequest", "PerformedStationName", "PerformedLocation", "CurrentPatientLocation",
    "PatientInstitutionResidence", "ContentCreatorName", "ReviewerName", "TransducerIdentificationSequence",
)  # fmt: skip

#: Written freely: its words may name somebody, but most do not. ``deid.needles`` looks for those that nothing explains.
FREE_TEXT = ("StudyDescription", "SeriesDescription", "ImageComments")


def by_level(level: str) -> tuple[Attribute, ...]:
    return tuple(a for a in TABLE if a.level == level)
