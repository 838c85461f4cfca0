"""Coded concepts of the objects that go with the images: of the standard, of IHE's teaching files, of the lexicon."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from casearchive.exporters._codes import standard_code
from casearchive.exporters._plain import one_line
from casearchive.terms import lexicon
from casearchive.terms.coding import LOCAL

IHE = "IHERADTF"


class Coded(NamedTuple):
    """A code as a code sequence writes it (PS3.3 8.8)."""

    scheme: str
    value: str
    meaning: str


def dcm(value: str, meaning: str) -> Coded:
    return Coded("DCM", value, meaning)


def sct(value: str, meaning: str) -> Coded:
    return Coded("SCT", value, meaning)


def local(value: str, meaning: str) -> Coded:
    return Coded(LOCAL, value, meaning)


IMAGING_MEASUREMENT_REPORT = dcm("126000", "Imaging Measurement Report")
IMAGING_MEASUREMENTS = dcm("126010", "Imaging Measurements")
MEASUREMENT_GROUP = dcm("125007", "Measurement Group")
TRACKING_ID = dcm("112039", "Tracking Identifier")
TRACKING_UID = dcm("112040", "Tracking Unique Identifier")
FINDING = dcm("121071", "Finding")
FINDING_SITE = sct("363698007", "Finding Site")
LATERALITY = sct("272741003", "Laterality")
TOPOGRAPHY = sct("106233006", "Topographical modifier")
IMAGE_REGION = dcm("111030", "Image Region")
PATH = dcm("121055", "Path")
SOURCE = sct("260753009", "Source")
SOURCE_IMAGE = dcm("121324", "Source Image")
SOURCE_OF_MEASUREMENT = dcm("121112", "Source of Measurement")
IMAGE_LIBRARY = dcm("111028", "Image Library")
IMAGE_LIBRARY_GROUP = dcm("126200", "Image Library Group")
MODALITY = dcm("121139", "Modality")
ULTRASOUND = dcm("US", "Ultrasound")
PROCEDURE_REPORTED = dcm("121058", "Procedure reported")
ULTRASOUND_STUDY = sct("16310003", "Diagnostic ultrasonography")
OBSERVER_TYPE = dcm("121005", "Observer Type")
PERSON = dcm("121006", "Person")
DEVICE = dcm("121007", "Device")
PERSON_NAME = dcm("121008", "Person Observer Name")
DEVICE_UID = dcm("121012", "Device Observer UID")
DEVICE_NAME = dcm("121013", "Device Observer Name")
COMMENT = dcm("121106", "Comment")
SHORT_LABEL = dcm("125309", "Short Label")
SEVERITY = sct("246112005", "Severity")
ECHOGENICITY = dcm("110849", "Echogenicity")
DESCRIPTION = dcm("113012", "Key Object Description")
PRESENT = dcm("121053", "Present")
ABSENT = dcm("121054", "Absent")
CERTAINTY = local("certainty", "Certainty")
#: A reader that takes every Finding for something seen must not meet what was excluded under that name.
EXCLUDED = local("excluded_finding", "Finding that was looked for and is absent")
NOT_ASSESSED = local("unjudged_finding", "Finding that was not assessed")
TEMPORALITY = local("temporality", "Temporality")
MOVED = local("on_manoeuvre", "At rest and on manoeuvre")
CONFIRMED = local("confirmed_by", "Confirmed by")
GRADE = local("grade", "Grade")
MANEUVER = local("maneuver", "Manoeuvre")
AT_REST, DURING = local("at_rest", "At rest"), local("during", "During the manoeuvre")
STATE = local("state", "State while it was measured")
COMPARED, SEEN_ON = local("comparison", "Compared with"), local("modality", "Seen on")
RELATION = local("relation", "Relation to another structure")
BEST = local("best", "Best illustration of the finding")
IMAGE_LATERALITY, IMAGE_VIEW = dcm("111027", "Image Laterality"), dcm("111031", "Image View")
TARGET_REGION = dcm("123014", "Target Region")
MODE, POSITION = local("mode", "Image mode"), local("position", "Position of the patient")
CAPTION, QUIZ_CAPTION = local("caption", "Caption"), local("quiz_caption", "Caption without the answer")
QUIZ_TITLE, STATUS = local("quiz_title", "Title without the answer"), local("status", "Status of the case")
YES = sct("373066001", "Yes")
NO_UNITS = Coded("UCUM", "1", "no units")

SIDES = {
    "left": sct("7771000", "Left"),
    "right": sct("24028007", "Right"),
    "bilateral": sct("51440002", "Bilateral"),
    "midline": sct("261129000", "Midline"),
}
CERTAINTIES = {
    "definite": PRESENT,
    "absent": ABSENT,
    "probable": local("probable", "Probable"),
    "possible": local("possible", "Possible"),
    "not_assessed": local("not_assessed", "Not assessed"),
}


def of_term(term: str, kinds: Collection[str] = ()) -> Coded | None:
    """The code of what a record names: the standard's where the lexicon has exactly one that means it, else the
    lexicon's own. None where it is in the author's own words."""
    concept = lexicon().concept(term) or (lexicon().resolve(term, kinds) if kinds else None)
    if concept is None or (kinds and concept.kind not in kinds):
        return None
    chosen = standard_code(concept.codes)
    if chosen is not None:
        return Coded(chosen.scheme, chosen.value, one_line(chosen.meaning)[:64])
    return local(concept.id, one_line(concept.preferred)[:64])
