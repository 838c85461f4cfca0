"""Builds the header of what leaves: a new dataset, filled from typed facts along the profile only."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from casearchive import __version__
from casearchive.attributes import FREE_TEXT, TABLE
from casearchive.deid import descriptors, leaving, numbers
from casearchive.deid.choice import NOTHING_CHOSEN, Choice
from casearchive.deid.needles import build as needles_of
from casearchive.deid.needles import fold, squeeze
from casearchive.deid.pixels import Area
from casearchive.deid.profile import CODES, PrivateRule, Profile, Rule, profile
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
#: Screens that somebody captured: as good as photographs of them, where the file says that they are ultrasound.
CAPTURE_CLASSES = frozenset(
    (
        SecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
    )
)
IMPLEMENTATION_CLASS_UID = "2.25.313049261187364120187427158342938190321"
IMPLEMENTATION_VERSION = f"CASEARCHIVE_{__version__}"[:16]
TRANSFER_SYNTAX = JPEG2000Lossless

#: How an option stands in De-identification Method.
_OPTION = "option "
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
#: Pictures that are no DICOM objects.
_LOSSY_MEDIA = {"image/jpeg": "ISO_10918_1", "image/heic": "ISO_23008_2", "image/webp": "", "image/avif": ""}
OLDEST = numbers.OLDEST
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
REFERENCE_KEYWORDS = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")
CODE_KEYWORDS = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")


@dataclass(frozen=True, slots=True)
class Picture:
    """What the new pixels are: ``frames`` counted by decoding them, ``colour`` True for RGB."""

    area: Area
    frames: int
    colour: bool


_NO_PICTURE = Picture(Area(0, 0, (), ()), 0, False)


@dataclass(frozen=True, slots=True)
class _Context:
    """``made`` are values of attributes that somebody else makes, in the place of this module's."""

    facts: Facts
    identity: str
    pseudonyms: Pseudonyms
    picture: Picture
    identifiers: Collection[Identifier]
    profile: Profile
    choice: Choice
    made: Mapping[str, object] = field(default_factory=dict)


def build(
    facts: Facts,
    case: Case,
    pseudonyms: Pseudonyms,
    picture: Picture,
    identifiers: Collection[Identifier],
    choice: Choice = NOTHING_CHOSEN,
) -> Dataset | Refusal:
    """A complete US or US Multi-frame image (PS3.3 A.6, A.7) but for its Pixel Data.

    Every value comes from ``facts`` through a rule of the profile, or is this program's own; the source
    dataset is not at hand here. A patient without identity is told apart by the case. Refused when a date
    cannot be read or a UID is missing: an unreadable date must not pass, nor be dropped in silence.
    """
    made = rebuilt(facts, case, pseudonyms, identifiers, choice, profile().under(choice.names), picture)
    if isinstance(made, Refusal):
        return made
    if "ImageLaterality" not in made and "Laterality" not in made:
        made.Laterality = None  # Type 2C: the body part may be a paired one (PS3.3 C.7.3.1)
    made.file_meta = meta(made, TRANSFER_SYNTAX)
    return made


def rebuilt(
    facts: Facts,
    case: Case,
    pseudonyms: Pseudonyms,
    identifiers: Collection[Identifier],
    choice: Choice,
    current: Profile,
    picture: Picture | None = None,
    made: Mapping[str, object] | None = None,
) -> Dataset | Refusal:
    """A new dataset along ``current``, still without file meta information; ``made`` are values of attributes that the
    profile leaves to the caller, the only ones where there is no ``picture``. Refused as ``build`` says."""
    if not facts.study.study_instance_uid or not facts.instance.sop_instance_uid:
        return Refusal("a UID is missing, the file cannot be told apart from others", NOBODY)
    if facts.study.study_date and _date(facts.study.study_date) is None:
        return Refusal("its study date cannot be read, so it cannot be moved", NOBODY)
    context = _Context(
        facts=facts,
        identity=facts.subject.identity or f"case {case.slug}",
        pseudonyms=pseudonyms,
        picture=picture or _NO_PICTURE,
        identifiers=identifiers,
        profile=current,
        choice=choice,
        made=made or {},
    )
    dataset = Dataset()
    for rule in context.profile.rules:
        value = _ACTIONS[rule.action](rule, context)
        if value is not None and value != "":
            setattr(dataset, rule.keyword, value)
        elif rule.empty or rule.action == "empty":
            setattr(dataset, rule.keyword, None)
    _add_private(dataset, context)
    _mark(dataset, context.profile)
    dataset.preamble = b"\0" * 128
    return dataset


def allowed(dataset: Dataset, options: Collection[str] = ()) -> list[str]:
    """What of a finished dataset the profile with these options does not allow; empty when all is allowed.

    An attribute that no rule names, a value where a rule wants none, other options than these, and codes of CID 7050
    that this very dataset did not earn. Raises ``UsageError`` for options that there are not.
    """
    current = profile().under(options)
    inner = {
        "SequenceOfUltrasoundRegions": set(REGION_KEYWORDS),
        "ReferencedImageSequence": set(REFERENCE_KEYWORDS),
        "SourceImageSequence": set(REFERENCE_KEYWORDS),
    }
    wrong = not_allowed(dataset, current, {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"})
    for keyword, names in inner.items():
        for item in dataset.get(keyword, ()):
            wrong += [e.keyword or str(e.tag) for e in item if e.keyword not in names]
            if not _FORMS["uid"].fullmatch(item.get("ReferencedSOPInstanceUID", "2.25.0")):
                wrong.append(keyword)
    return wrong


def not_allowed(dataset: Dataset, current: Profile, more: Collection[str] = ()) -> list[str]:
    """What of a finished dataset, apart from what stands inside sequences, this profile does not allow; ``more`` are
    attributes without a rule that may be there."""
    known = current.keywords.union(more)
    private = {*_private_tags(dataset, current.private)}
    wrong = [
        e.keyword or str(e.tag)
        for e in dataset
        if (e.tag not in private if e.tag.is_private else e.keyword not in known)
    ]
    wrong += [rule.keyword for rule in current.rules if not _has_form(rule, dataset.get(rule.keyword))]
    for item in dataset.get("DeidentificationMethodCodeSequence", ()):
        wrong += [e.keyword or str(e.tag) for e in item if e.keyword not in CODE_KEYWORDS]
    if [part for part in _values(dataset.get("DeidentificationMethod")) if part.startswith(_OPTION)] != [
        _OPTION + name for name in current.chosen
    ]:
        wrong.append("DeidentificationMethod")
    said = [item.get("CodeValue") for item in dataset.get("DeidentificationMethodCodeSequence", ())]
    if said != earned(dataset, current):
        wrong.append("DeidentificationMethodCodeSequence")
    return wrong


#: What the values of these actions look like, whatever they were made from.
_FORMS = {
    "empty": re.compile(r""),
    "patient": re.compile(r"CA-[A-Z2-7]{16}"),
    "uid": re.compile(r"2\.25\.\d{1,39}"),
    "device": re.compile(r"CD-[A-Z2-7]{16}"),
    "band": re.compile(r"(?:0\d[05]Y)?"),
    "shift": re.compile(r"(?:\d{8})?"),
    "relative": re.compile(r"(?:\d{8})?"),
}


def _has_form(rule: Rule, value: object) -> bool:
    """Whether the value of an attribute can have come from its rule, seen from the outside."""
    told = _values(value)
    if told == [""]:
        return True
    if rule.action == "constant":
        return told == [str(part) for part in rule.value]
    if rule.action == "terms":
        return all(part in rule.terms for part in told)
    form = _FORMS.get(rule.action)
    return form is None or all(form.fullmatch(part) is not None for part in told)


def _values(value: object) -> list[str]:
    return (
        [str(part) for part in value] if isinstance(value, MultiValue | list | tuple) else [str(value or "")]
    )


#: What became of an attribute by the action of its rule; all others were made here.
_BECAME = {
    **dict.fromkeys(("keep", "terms", "maker", "model", "version", "pattern", "words"), "kept"),
    **dict.fromkeys(("patient", "uid", "band", "device"), "replaced"),
    **dict.fromkeys(("shift", "relative"), "moved"),
}


def told(dataset: Dataset, current: Profile) -> dict[str, list[str]]:
    """The attributes of a finished dataset by what became of them: kept, replaced, moved, made here."""
    became = {rule.keyword: _BECAME.get(rule.action, "made") for rule in current.rules}
    result: dict[str, list[str]] = {"kept": [], "replaced": [], "moved": [], "made": []}
    for element in dataset:
        private = element.tag.is_private and not element.tag.is_private_creator
        empty = not private and element.is_empty
        name = element.keyword or str(element.tag)
        result["made" if empty else "kept" if private else became.get(name, "made")].append(name)
    return result


def earned(dataset: Dataset, current: Profile) -> list[str]:
    """The codes of CID 7050 whose conditions this very dataset meets, in order (PS3.15 E.1.1)."""
    by_rules = {rule.code for rule in current.rules if rule.code and dataset.get(rule.keyword)}
    by_private = {rule.code for rule in current.private if _private_element(dataset, rule) is not None}
    return sorted(by_rules.union(by_private, current.always))


# -------------------------------------------------------------------------------------------- private numbers


def _add_private(dataset: Dataset, context: _Context) -> None:
    """Numbers of private attributes that the profile names, together with who defines them (PS3.15 E.3.10)."""
    given = {(p.creator, p.group, p.element): p.values for p in context.facts.private}
    for rule in context.profile.private:
        its = rule.attribute
        values = given.get((its.creator, its.group, its.element), ())
        if values and _within(rule, values):
            whole = its.vr in ("IS", "SS", "SL")
            told = [int(value) if whole else value for value in values]
            block = dataset.private_block(its.group, its.creator, create=True)
            block.add_new(its.element, its.vr, told[0] if len(told) == 1 else told)


def _within(rule: PrivateRule, values: Collection[float]) -> bool:
    return len(values) <= rule.most and all(rule.low <= value <= rule.high for value in values)


def _private_element(dataset: Dataset, rule: PrivateRule) -> DataElement | None:
    """The element that this rule allows, where it stands as it may."""
    try:
        element = dataset.private_block(rule.attribute.group, rule.attribute.creator)[rule.attribute.element]
        values = [float(part) for part in _values(element.value)]
    except (KeyError, ValueError):
        return None
    return element if rule.attribute.vr == element.VR and _within(rule, values) else None


def _private_tags(dataset: Dataset, rules: Collection[PrivateRule]) -> Iterator[BaseTag]:
    """The private elements that these rules allow, and the element of each block that names its creator."""
    for rule in rules:
        element = _private_element(dataset, rule)
        if element is not None:
            yield element.tag
            yield Tag(element.tag.group, element.tag.element >> 8)


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
    if _tells(value, context):
        return None
    return round(value) if dictionary_VR(rule.keyword) == "IS" else f"{value:.8g}"


def _tells(value: float, context: _Context) -> bool:
    long = len(numbers.digits(value)) >= numbers.SHORTEST
    return long and numbers.tells(value, numbers.digits_of(context.identifiers))


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
    text = _written(moved)
    # By chance it may be another date of the same patient: then no date is better.
    own = {re.sub(r"\D", "", i.value)[:8] for i in context.facts.identifiers if "Date" in i.keyword}
    return None if text in own else text


def _relative(rule: Rule, context: _Context) -> str | None:
    """Days since the patient's first study, added to a day that is the same for everybody: of the true date nothing
    is left, so it does not matter which dates it meets by chance."""
    date = _date(str(_source(rule, context) or ""))
    first = _date(context.choice.first_days.get(context.facts.subject.identity, ""))
    if date is None or first is None or date < first:
        return None
    return _written(datetime.date.fromisoformat(rule.value[0]).toordinal() + (date - first).days)


def _written(ordinal: int) -> str:
    """DA, with the four digits of the year that PS3.5 6.2 wants."""
    date = datetime.date.fromordinal(ordinal)
    return f"{date.year:04}{date.month:02}{date.day:02}"


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
        if identifier.keyword not in FREE_TEXT and len(value) >= 3 and (value in folded or folded in value):
            return ""
    needles = needles_of(context.identifiers)
    packed = squeeze(folded)  # a part of a name or a number may be stuck to others: SMITH1957
    stuck = any(
        len(n.probe) >= 3 and n.probe in packed for n in needles if n.keyword in _TELLING and not n.alone
    )
    return "" if stuck or any(find(text, needles)) else text


#: Identifiers of which no part may stand in a text of the machine, however it is stuck to others.
_TELLING = (
    "PatientName",
    "PatientID",
    "OtherPatientNames",
    "OtherPatientIDs",
    "AccessionNumber",
    "PatientBirthName",
)


def _maker(rule: Rule, context: _Context) -> str | None:
    text = _plain_text(rule, context)
    words = [w for w in re.split(r"[\s,&/]+", text.casefold()) if w]
    return text if words and all(w in context.profile.makers for w in words) else None


_SHORT_CODE = re.compile(r"(?=.*\d)[A-Za-z]{0,3}-?\d{1,4}[A-Za-z]{0,3}\Z")
_VERSION = re.compile(
    r"(?:[A-Za-z]|ver|rev|rel|sw|sp|build)?[-_.]?\d{1,4}[A-Za-z]?(?:[._-][A-Za-z]?\d{1,4}[a-z]?){0,5}\Z"
)


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


def _device(rule: Rule, context: _Context) -> str | None:
    return device_of(context.facts, context.pseudonyms)


def device_of(facts: Facts, pseudonyms: Pseudonyms) -> str | None:
    """The pseudonym of the one serial number that the file names. Where it names several (its parts have their own, or
    a program that kept it) nobody can say which is the scanner's."""
    numbers = {i.value.strip() for i in facts.identifiers if i.keyword == "DeviceSerialNumber"}
    return pseudonyms.device(numbers.pop()) if len(numbers) == 1 else None


def _pattern(rule: Rule, context: _Context) -> str | None:
    parts = re.split(r"[\s,;]+", _plain_text(rule, context))
    return parts[0] if re.fullmatch(rule.pattern, parts[0]) else None


def _words(rule: Rule, context: _Context) -> str | None:
    text = str(_source(rule, context) or "")
    return descriptors.clean(text, context.profile.words, context.identifiers) or None


def _constant(rule: Rule, context: _Context) -> object:
    return rule.value[0] if len(rule.value) == 1 else list(rule.value)


def _empty(rule: Rule, context: _Context) -> None:
    return None


def _made(rule: Rule, context: _Context) -> object:
    if rule.keyword in context.made:
        return context.made[rule.keyword]
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
    "relative": _relative,
    "device": _device,
    "pattern": _pattern,
    "words": _words,
}

# ------------------------------------------------------------------------------------- what casearchive makes


def _method(context: _Context) -> list[str]:
    """Program, profile and each option, a value of its own."""
    current = context.profile
    base = f"casearchive {__version__} profile {current.version} {current.digest[:12]}"
    return [base, *(_OPTION + name for name in current.chosen)]


def _lossy(context: _Context) -> str | None:
    """01 once lossy, 00 where the source says that it never was; what nobody says is not said (PS3.3 C.7.6.1.1.5)."""
    instance = context.facts.instance
    if instance.lossy_image_compression == "01" or _how_lossy(context) is not None:
        return "01"
    return "00" if instance.lossy_image_compression == "00" else None


def _how_lossy(context: _Context) -> str | None:
    """The defined term of how it was compressed; empty where it was, in a way that has none."""
    facts = context.facts
    if facts.kind == "clip" or facts.media_type in _LOSSY_MEDIA:
        return _LOSSY_MEDIA.get(facts.media_type, "")
    return _LOSSY.get(facts.instance.transfer_syntax_uid or "")


def _lossy_method(context: _Context) -> str | None:
    return _how_lossy(context) if _lossy(context) == "01" else None


def _region_items(context: _Context) -> Sequence | None:
    items = [item for each in context.picture.area.regions if (item := _region(each, context)) is not None]
    return Sequence(items) if items else None


#: Region Flags has five bits that mean something (PS3.3 C.8.5.5.1.3).
_FLAGS = 0b11111
_FARTHEST = 10_000  # pixels, cm, ms or cm/s: no reference point is farther away, and records are longer
_NEAR = 4  # times the picture: where the tip of a fan can lie outside it


def _region(region: UltrasoundRegion, context: _Context) -> Dataset | None:
    """One item with all that is Type 1 (PS3.3 Table C.8-17), or None when its calibration is incomplete. A reference
    pixel far from the picture, or a number that is an identifier's, is none."""
    values = {
        "RegionSpatialFormat": region.spatial_format,
        "RegionDataType": region.data_type,
        "RegionFlags": None if region.flags is None else region.flags & _FLAGS,
        "RegionLocationMinX0": region.min_x0,
        "RegionLocationMinY0": region.min_y0,
        "RegionLocationMaxX1": region.max_x1,
        "RegionLocationMaxY1": region.max_y1,
        "PhysicalUnitsXDirection": region.units_x,
        "PhysicalUnitsYDirection": region.units_y,
        "PhysicalDeltaX": region.delta_x,
        "PhysicalDeltaY": region.delta_y,
    }
    if any(value is None for value in values.values()) or any(
        _tells(delta, context) for delta in (region.delta_x, region.delta_y) if delta
    ):
        return None
    optional = {
        "ReferencePixelX0": region.ref_pixel_x0,
        "ReferencePixelY0": region.ref_pixel_y0,
        "ReferencePixelPhysicalValueX": region.ref_value_x,
        "ReferencePixelPhysicalValueY": region.ref_value_y,
    }
    area = context.picture.area
    far = (region.ref_pixel_x0, area.columns), (region.ref_pixel_y0, area.rows)
    if any(place is not None and abs(place) > _NEAR * size for place, size in far) or any(
        value is not None and (abs(value) > _FARTHEST or _tells(value, context))
        for value in optional.values()
    ):
        optional = {}
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


def _references(keyword: str, context: _Context) -> Sequence | None:
    """Images of the set that the source points to, by their new UIDs and the class that they leave as."""
    frames = context.choice.frames
    items = []
    for reference in context.facts.references:
        if reference.keyword == keyword and reference.sop_instance_uid in frames:
            item = Dataset()
            item.ReferencedSOPClassUID = leaving.class_of(frames[reference.sop_instance_uid])
            item.ReferencedSOPInstanceUID = context.pseudonyms.uid(reference.sop_instance_uid)
            items.append(item)
    return Sequence(items) if items else None


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
    "SOPClassUID": lambda c: leaving.class_of(c.picture.frames),
    "ReferencedImageSequence": lambda c: _references("ReferencedImageSequence", c),
    "SourceImageSequence": lambda c: _references("SourceImageSequence", c),
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
    "PixelAspectRatio": lambda c: None if len(set(c.facts.pixel_aspect)) == 1 else list(c.facts.pixel_aspect),
    "BitsAllocated": lambda c: 8,
    "BitsStored": lambda c: 8,
    "HighBit": lambda c: 7,
    "PixelRepresentation": lambda c: 0,
    "PixelData": lambda c: None,  # written frame by frame when the file is staged
}


def _mark(dataset: Dataset, current: Profile) -> None:
    """Says what was done (PS3.15 E.1.1): only the options whose conditions this very dataset meets."""
    if dataset.StudyDate:
        dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    items = []
    for code in earned(dataset, current):
        item = Dataset()
        item.CodeValue = code
        item.CodingSchemeDesignator = "DCM"
        item.CodeMeaning = CODES[code]
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(items)


def meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    """File meta information made anew: nothing of the source's group 0002 or preamble (PS3.15 E.1.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta
