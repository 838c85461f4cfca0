"""Builds the header of what leaves: a new dataset, filled from typed facts along the profile only."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from casearchive import __version__
from casearchive.attributes import TABLE
from casearchive.deid.needles import build as needles_of
from casearchive.deid.needles import fold
from casearchive.deid.pixels import Area
from casearchive.deid.profile import Profile, Rule, profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import NOBODY, Refusal
from casearchive.deid.words import find
from casearchive.model import Case, Facts, Identifier, UltrasoundRegion

#: Ultrasound image classes that can be read; the last two are the retired ones (PS3.6).
ULTRASOUND_CLASSES = frozenset(
    (
        UltrasoundImageStorage,
        UltrasoundMultiFrameImageStorage,
        "1.2.840.10008.5.1.4.1.1.6",
        "1.2.840.10008.5.1.4.1.1.3",
    )
)
IMPLEMENTATION_CLASS_UID = "2.25.313049261187364120187427158342938190321"
IMPLEMENTATION_VERSION = f"CASEARCHIVE_{__version__}"[:16]
TRANSFER_SYNTAX = JPEG2000Lossless

#: CID 7050; each is written only when it was earned.
_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
#: Lossy transfer syntaxes and the defined terms of PS3.3 C.7.6.1.1.5.1.
_LOSSY = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
    **{f"1.2.840.10008.1.2.4.{n}": "ISO_13818_2" for n in ("100", "100.1", "101", "101.1")},
    **{f"1.2.840.10008.1.2.4.{n}{f}": "ISO_14496_10" for n in (102, 103, 104, 105, 106) for f in ("", ".1")},
    **{f"1.2.840.10008.1.2.4.{n}": "ISO_23008_2" for n in ("107", "108")},
}
OLDEST = 89
REGION_KEYWORDS = (
    "RegionSpatialFormat",
    "RegionDataType",
    "RegionFlags",
    "RegionLocationMinX0",
    "RegionLocationMinY0",
    "RegionLocationMaxX1",
    "RegionLocationMaxY1",
    "ReferencePixelX0",
    "ReferencePixelY0",
    "PhysicalUnitsXDirection",
    "PhysicalUnitsYDirection",
    "ReferencePixelPhysicalValueX",
    "ReferencePixelPhysicalValueY",
    "PhysicalDeltaX",
    "PhysicalDeltaY",
)
CODE_KEYWORDS = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")


@dataclass(frozen=True, slots=True)
class Picture:
    """What the new pixels are: ``frames`` counted by decoding them, ``colour`` True for RGB."""

    area: Area
    frames: int
    colour: bool


@dataclass(frozen=True, slots=True)
class _Context:
    facts: Facts
    identity: str
    pseudonyms: Pseudonyms
    picture: Picture
    identifiers: Collection[Identifier]
    profile: Profile


def build(
    facts: Facts,
    case: Case,
    pseudonyms: Pseudonyms,
    picture: Picture,
    identifiers: Collection[Identifier],
) -> Dataset | Refusal:
    """A complete US or US Multi-frame image (PS3.3 A.6, A.7) but for its Pixel Data.

    Every value comes from ``facts`` through a rule of the profile, or is this program's own; the source
    dataset is not at hand here. A patient without identity is told apart by the case. Refused when a date
    cannot be read or a UID is missing: an unreadable date must not pass, nor be dropped in silence.
    """
    if not facts.study.study_instance_uid or not facts.instance.sop_instance_uid:
        return Refusal("a UID is missing, the file cannot be told apart from others", NOBODY)
    if facts.study.study_date and _date(facts.study.study_date) is None:
        return Refusal("its study date cannot be read, so it cannot be moved", NOBODY)
    context = _Context(
        facts=facts,
        identity=facts.subject.identity or f"case {case.slug}",
        pseudonyms=pseudonyms,
        picture=picture,
        identifiers=identifiers,
        profile=profile(),
    )
    dataset = Dataset()
    for rule in context.profile.rules:
        value = _ACTIONS[rule.action](rule, context)
        if value is not None and value != "":
            setattr(dataset, rule.keyword, value)
        elif rule.empty or rule.action == "empty":
            setattr(dataset, rule.keyword, None)
    _mark(dataset)
    dataset.file_meta = _meta(dataset)
    dataset.preamble = b"\0" * 128
    return dataset


def allowed(dataset: Dataset) -> list[str]:
    """What of a finished dataset the profile does not allow; empty when it holds allowed attributes only."""
    known = profile().keywords | {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"}
    inner = {
        "SequenceOfUltrasoundRegions": set(REGION_KEYWORDS),
        "DeidentificationMethodCodeSequence": set(CODE_KEYWORDS),
    }
    wrong = [e.keyword or str(e.tag) for e in dataset if e.keyword not in known or e.tag.is_private]
    for keyword, names in inner.items():
        for item in dataset.get(keyword, ()):
            wrong += [e.keyword or str(e.tag) for e in item if e.keyword not in names]
    return wrong


# --------------------------------------------------------------------------------------- rules of the profile


def _source(rule: Rule, context: _Context) -> object:
    row = next(row for row in TABLE if row.keyword == rule.keyword)
    return getattr(getattr(context.facts, row.level), row.column)


def _keep(rule: Rule, context: _Context) -> object:
    value = _source(rule, context)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if rule.low is None or rule.high is None or not rule.low <= value <= rule.high:
        return None
    return round(value) if dictionary_VR(rule.keyword) == "IS" else f"{value:.8g}"


def _terms(rule: Rule, context: _Context) -> str | None:
    value = str(_source(rule, context) or "").strip().upper()
    return value if value in rule.terms else None


def _patient(rule: Rule, context: _Context) -> str:
    return context.pseudonyms.patient(context.identity)


def _uid(rule: Rule, context: _Context) -> str:
    return context.pseudonyms.uid(str(_source(rule, context)))


def _shift(rule: Rule, context: _Context) -> str | None:
    date = _date(str(_source(rule, context) or ""))
    if date is None:
        return None
    moved = date.toordinal() + context.pseudonyms.day_shift(context.identity)
    if moved < datetime.date(1900, 1, 1).toordinal():
        return None
    text = datetime.date.fromordinal(moved).strftime("%Y%m%d")
    # By chance it may be another date of the same patient: then no date is better.
    own = {re.sub(r"\D", "", i.value)[:8] for i in context.identifiers if "Date" in i.keyword}
    return None if text in own else text


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def band(age: str) -> str | None:
    """``024Y`` or ``24 Y`` as the first year of its five-year band, ``020Y``; over 89 ``090Y``; months
    000Y."""
    match = re.fullmatch(r"\s*(\d{1,3})\s*([DWMY])\s*", age.upper())
    if match is None:
        return None
    number, unit = int(match.group(1)), match.group(2)
    years = {"D": number // 365, "W": number // 52, "M": number // 12, "Y": number}[unit]
    return "090Y" if years > OLDEST else f"{years // 5 * 5:03d}Y"


def _band(rule: Rule, context: _Context) -> str | None:
    return band(str(_source(rule, context) or ""))


def _plain_text(rule: Rule, context: _Context) -> str:
    """The source's text, unless an identity known for the patient, the place or the staff stands in it."""
    text = " ".join(str(_source(rule, context) or "").replace("\\", " ").split())
    if not text or len(text) > 64 or not text.isascii():
        return ""
    folded = fold(text)
    for identifier in context.identifiers:
        value = fold(identifier.value).strip()
        if value and len(value) >= 3 and (value in folded or folded in value):
            return ""
    return "" if any(find(text, needles_of(context.identifiers))) else text


def _maker(rule: Rule, context: _Context) -> str | None:
    text = _plain_text(rule, context)
    words = [w for w in re.split(r"[\s,&/]+", text.casefold()) if w]
    return text if words and all(w in context.profile.makers for w in words) else None


_SHORT_CODE = re.compile(r"(?=.*\d)[A-Za-z]{0,5}-?\d{1,4}[A-Za-z]{0,3}\Z")
_VERSION = re.compile(r"[A-Za-z]{0,5}[-_]?\d{1,4}[A-Za-z]?(?:[._-][A-Za-z]?\d{1,4}[a-z]?){0,5}\Z")


def _model(rule: Rule, context: _Context) -> str | None:
    text = _plain_text(rule, context)
    words = text.split()
    known = context.profile.models
    if words and len(words) <= 4 and all(w.casefold() in known or _SHORT_CODE.match(w) for w in words):
        return text
    return None


def _version(rule: Rule, context: _Context) -> str | None:
    text = _plain_text(rule, context)
    words = text.split()
    known = context.profile.models
    if words and len(words) <= 4 and all(w.casefold() in known or _VERSION.match(w) for w in words):
        return text
    return None


def _constant(rule: Rule, context: _Context) -> object:
    return rule.value[0] if len(rule.value) == 1 else list(rule.value)


def _empty(rule: Rule, context: _Context) -> None:
    return None


def _made(rule: Rule, context: _Context) -> object:
    return _MADE[rule.keyword](context)


_ACTIONS: Mapping[str, Callable[[Rule, _Context], object]] = {
    "keep": _keep,
    "terms": _terms,
    "patient": _patient,
    "uid": _uid,
    "shift": _shift,
    "band": _band,
    "maker": _maker,
    "model": _model,
    "version": _version,
    "constant": _constant,
    "empty": _empty,
    "made": _made,
}

# ------------------------------------------------------------------------------------- what casearchive makes


def _method(context: _Context) -> str:
    return f"casearchive {__version__} profile {context.profile.version} {context.profile.digest[:12]}"


def _lossy(context: _Context) -> str:
    instance = context.facts.instance
    lossy = instance.lossy_image_compression == "01" or (instance.transfer_syntax_uid or "") in _LOSSY
    return "01" if lossy else "00"


def _lossy_method(context: _Context) -> str | None:
    return _LOSSY.get(context.facts.instance.transfer_syntax_uid or "") if _lossy(context) == "01" else None


def _region_items(context: _Context) -> Sequence | None:
    items = [item for region in context.picture.area.regions if (item := _region(region)) is not None]
    return Sequence(items) if items else None


def _region(region: UltrasoundRegion) -> Dataset | None:
    """One item with all that is Type 1 (PS3.3 Table C.8-17), or None when its calibration is incomplete."""
    values = {
        "RegionSpatialFormat": region.spatial_format,
        "RegionDataType": region.data_type,
        "RegionFlags": region.flags,
        "RegionLocationMinX0": region.min_x0,
        "RegionLocationMinY0": region.min_y0,
        "RegionLocationMaxX1": region.max_x1,
        "RegionLocationMaxY1": region.max_y1,
        "PhysicalUnitsXDirection": region.units_x,
        "PhysicalUnitsYDirection": region.units_y,
        "PhysicalDeltaX": region.delta_x,
        "PhysicalDeltaY": region.delta_y,
    }
    if any(value is None for value in values.values()):
        return None
    optional = {
        "ReferencePixelX0": region.ref_pixel_x0,
        "ReferencePixelY0": region.ref_pixel_y0,
        "ReferencePixelPhysicalValueX": region.ref_value_x,
        "ReferencePixelPhysicalValueY": region.ref_value_y,
    }
    item = Dataset()
    for keyword, value in {**values, **{k: v for k, v in optional.items() if v is not None}}.items():
        setattr(item, keyword, value)
    return item


def _multi(context: _Context) -> bool:
    return context.picture.frames > 1


def _fps(context: _Context) -> float | None:
    fps = context.facts.timing.fps
    return fps if _multi(context) and fps and 0 < fps < 10000 else None


def _uneven(context: _Context) -> bool:
    return _fps(context) is not None and len(context.facts.timing.times) == context.picture.frames


def _frame_time(context: _Context) -> str | None:
    """Milliseconds a frame, in the six digits that the facts are good for."""
    fps = _fps(context)
    return f"{1000 / fps:.6g}" if fps and not _uneven(context) else None


def _frame_time_vector(context: _Context) -> list[str] | None:
    """Milliseconds from the frame before to each one, 0 before the first (PS3.3 C.7.6.5.1.2)."""
    if not _uneven(context):
        return None
    steps = (after - before for before, after in pairwise(context.facts.timing.times))
    return ["0", *(f"{1000 * step:.6g}" for step in steps)]


def _cine_rate(context: _Context) -> int | None:
    fps = _fps(context)
    return round(fps) if fps and fps >= 1 else None


def _pointer(context: _Context) -> BaseTag | None:
    """To the timing, or to the bare order of frames: a rate is never invented (PS3.3 C.7.6.6.1.2)."""
    if not _multi(context):
        return None
    if _uneven(context):
        return Tag("FrameTimeVector")
    return Tag("FrameTime") if _fps(context) else Tag("PageNumberVector")


_MADE: Mapping[str, Callable[[_Context], object]] = {
    "DeidentificationMethod": _method,
    "DeidentificationMethodCodeSequence": lambda c: Sequence(),
    "LongitudinalTemporalInformationModified": lambda c: "REMOVED",
    "SOPClassUID": lambda c: UltrasoundMultiFrameImageStorage if _multi(c) else UltrasoundImageStorage,
    "BurnedInAnnotation": lambda c: "NO",
    "LossyImageCompression": _lossy,
    "LossyImageCompressionMethod": _lossy_method,
    "SequenceOfUltrasoundRegions": _region_items,
    "UltrasoundColorDataPresent": lambda c: 1 if c.picture.colour else 0,
    "NumberOfFrames": lambda c: c.picture.frames if _multi(c) else None,
    "FrameIncrementPointer": _pointer,
    "FrameTime": _frame_time,
    "FrameTimeVector": _frame_time_vector,
    "CineRate": _cine_rate,
    "PageNumberVector": lambda c: list(range(1, c.picture.frames + 1)) if _multi(c) and not _fps(c) else None,
    "SamplesPerPixel": lambda c: 3 if c.picture.colour else 1,
    "PhotometricInterpretation": lambda c: "YBR_RCT" if c.picture.colour else "MONOCHROME2",
    "PlanarConfiguration": lambda c: 0 if c.picture.colour else None,
    "Rows": lambda c: c.picture.area.rows,
    "Columns": lambda c: c.picture.area.columns,
    "BitsAllocated": lambda c: 8,
    "BitsStored": lambda c: 8,
    "HighBit": lambda c: 7,
    "PixelRepresentation": lambda c: 0,
    "PixelData": lambda c: None,  # written frame by frame when the file is staged
}


def _mark(dataset: Dataset) -> None:
    """Says what was done (PS3.15 E.1.1): only the options whose conditions this very dataset meets."""
    earned = ["113100", "113101"]
    if dataset.StudyDate:
        dataset.LongitudinalTemporalInformationModified = "MODIFIED"
        earned.append("113107")
    if dataset.get("PatientSex") or dataset.get("PatientAge"):
        earned.append("113108")
    items = []
    for code in earned:
        item = Dataset()
        item.CodeValue = code
        item.CodingSchemeDesignator = "DCM"
        item.CodeMeaning = _CODES[code]
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(items)


def _meta(dataset: Dataset) -> FileMetaDataset:
    """File meta information made anew: nothing of the source's group 0002 or preamble (PS3.15 E.1.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = TRANSFER_SYNTAX
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta
