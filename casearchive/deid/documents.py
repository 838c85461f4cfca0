"""Objects of a case that are no pictures: which may leave under which option, made anew, and checked from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, KeyObjectSelectionDocumentStorage

from casearchive.deid import content, drawings, headers, leaving, numbers
from casearchive.deid.choice import Choice
from casearchive.deid.leaving import Images
from casearchive.deid.profile import profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import NOBODY, Refusal
from casearchive.model import Case, Facts, Identifier

REPORT, DRAWING = "report", "drawing"
#: Where a date must stand and there is none: a day that means nothing, and a time that never means anything.
NO_DAY, NO_TIME = "19000101", "000000"
NOTHING_LEFT = "nothing of it may leave"
_KEY_OBJECTS = KeyObjectSelectionDocumentStorage
_LARGEST = {"SeriesNumber": 9999, "InstanceNumber": 99999}
_DATES = {"ContentDate": "ContentTime", "PresentationCreationDate": "PresentationCreationTime"}


def kind_of(sop_class: str | None) -> str:
    """``report`` or ``drawing``, of what an option lets out; nothing of all else."""
    if sop_class in content.RELATIONS:
        return REPORT
    return DRAWING if sop_class in drawings.CLASSES else ""


def refusal_without_option(facts: Facts) -> Refusal | None:
    """Why a document stays in where nobody chose its option; None of what is no such document."""
    kind = kind_of(facts.instance.sop_class_uid)
    if not kind:
        return None
    option = profile().option_of(kind)
    name = UID(facts.instance.sop_class_uid or "").name.removesuffix(" Storage")
    return Refusal(
        f"not a picture ({name}): what can be told of it leaves with the option {option} only",
        f"who exports: casearchive export --option {option}",
    )


@dataclass(frozen=True, slots=True)
class Made:
    """A finished document, still in memory, and what became of what was in it, by kind."""

    kind: str
    dataset: Dataset
    kept: Counter[str]
    dropped: Counter[str]


def build(
    facts: Facts,
    case: Case,
    pseudonyms: Pseudonyms,
    images: Images,
    identifiers: Collection[Identifier],
    choice: Choice,
) -> Made | Refusal:
    """A new document (PS3.3 A.33.1, A.33.2, A.35) of what may be told of one; patient, study and series by the same
    rules and pseudonyms as the images of the set.

    ``images`` are those that leave in this set. Refused where nothing is left, or where its content could not be read
    whole.
    """
    kind = kind_of(facts.instance.sop_class_uid)
    current = profile().under(choice.names).of(kind)
    words = current.words
    made: dict[str, object] | None = None
    if kind == REPORT and facts.content is not None:
        report = content.Cleaner(str(facts.instance.sop_class_uid), images, pseudonyms, identifiers, words)
        made = _report(facts, report, images, pseudonyms)
        kept, dropped = report.kept, report.dropped
    elif kind == DRAWING and facts.presentation is not None:
        colour = facts.instance.sop_class_uid == drawings.COLOUR
        # its study has all that it is for (PS3.3 C.11.11)
        here = {uid: i for uid, i in images.items() if i.study == facts.study.study_instance_uid}
        drawing = drawings.Cleaner(here, pseudonyms, identifiers, words, colour)
        made = drawing.made(facts.presentation)
        kept, dropped = drawing.kept, drawing.dropped
    else:
        return Refusal("its content cannot be read whole", NOBODY)
    if made is None:
        return Refusal(f"{NOTHING_LEFT}: no code, number, word or image of the set that may be told", NOBODY)
    digits = numbers.digits_of(identifiers)
    made |= {
        "SOPClassUID": UID(str(facts.instance.sop_class_uid)),
        "Modality": _modality(str(facts.instance.sop_class_uid)),
        "SeriesNumber": _number(facts.series.series_number, "SeriesNumber", digits),
        "InstanceNumber": _number(facts.instance.instance_number, "InstanceNumber", digits),
        **dict.fromkeys(_DATES, NO_DAY),
        **dict.fromkeys(_DATES.values(), NO_TIME),
    }
    dataset = headers.rebuilt(facts, case, pseudonyms, identifiers, choice, current, made=made)
    if isinstance(dataset, Refusal):
        return dataset
    for keyword in _DATES:
        if keyword in dataset and dataset.StudyDate:
            setattr(dataset, keyword, dataset.StudyDate)
    dataset.file_meta = headers.meta(dataset, ExplicitVRLittleEndian)
    return Made(kind, dataset, +kept, +dropped)


def _report(
    facts: Facts, cleaner: content.Cleaner, images: Images, pseudonyms: Pseudonyms
) -> dict[str, object] | None:
    assert facts.content is not None
    root = cleaner.root(facts.content)
    if root is None:
        return None
    written = content.write(root, images, pseudonyms)
    proofs = leaving.evidence(content.pointers(root), images, pseudonyms)
    key_objects = cleaner.sop_class == _KEY_OBJECTS
    return {
        **{keyword: written.get(keyword) for keyword in content.ROOT if keyword != "ValueType"},
        "CompletionFlag": None if key_objects else "PARTIAL",
        "VerificationFlag": None if key_objects else "UNVERIFIED",
        "PerformedProcedureCodeSequence": None if key_objects else Sequence(),
        "CurrentRequestedProcedureEvidenceSequence": proofs if proofs else None,
        "ContentTemplateSequence": Sequence([_template()]) if key_objects else None,
    }


def _template() -> Dataset:
    item = Dataset()
    item.MappingResource, item.TemplateIdentifier = "DCMR", "2010"
    return item


def _modality(sop_class: str) -> str:
    if sop_class in drawings.CLASSES:
        return "PR"
    return "KO" if sop_class == _KEY_OBJECTS else "SR"


def _number(value: int | None, keyword: str, digits: Collection[str]) -> int:
    """The source's within limits, else 1: it must be there."""
    sound = value is not None and 0 <= value <= _LARGEST[keyword] and not numbers.tells(value, digits)
    return value if value is not None and sound else 1


def write(dataset: Dataset, path: Path) -> None:
    """Write a finished document to ``path`` (PS3.10)."""
    dcmwrite(path, dataset, enforce_file_format=True)


# ------------------------------------------------------------------------------------------------- checking


def read(path: Path) -> Dataset:
    """A document that ``write`` wrote. Raises what pydicom raises."""
    return dcmread(path)


def allowed(dataset: Dataset, options: Collection[str]) -> list[str]:
    """What of a finished document the profile with these options does not allow, at every level; empty when all is
    allowed. Raises ``UsageError`` for options that there are not."""
    kind = kind_of(dataset.get("SOPClassUID"))
    current = profile().under(options)
    if not kind or current.option_of(kind) not in current.chosen:
        return ["SOPClassUID"]
    current = current.of(kind)
    wrong = headers.not_allowed(dataset, current)
    if dataset.get("Modality") != _modality(str(dataset.SOPClassUID)):
        wrong.append("Modality")
    for date, time in _DATES.items():
        if dataset.get(date, NO_DAY) not in (NO_DAY, dataset.get("StudyDate")):
            wrong.append(date)
        if dataset.get(time, NO_TIME) != NO_TIME:
            wrong.append(time)
    if kind == DRAWING:
        return wrong + drawings.faults(dataset, current.words)
    if dataset.get("CompletionFlag", "PARTIAL") != "PARTIAL":
        wrong.append("CompletionFlag")
    if dataset.get("VerificationFlag", "UNVERIFIED") != "UNVERIFIED":
        wrong.append("VerificationFlag")
    for template in dataset.get("ContentTemplateSequence", ()):
        wrong += [] if template == _template() else ["ContentTemplateSequence"]
    wrong += _evidence_faults(dataset)
    return wrong + content.faults(dataset, current.words)


def _evidence_faults(dataset: Dataset) -> list[str]:
    """The evidence names what the content points to, and nothing else."""
    wrong, named = [], set()
    for study in dataset.get("CurrentRequestedProcedureEvidenceSequence", ()):
        wrong += [
            e.keyword for e in study if e.keyword not in ("StudyInstanceUID", "ReferencedSeriesSequence")
        ]
        for series in study.ReferencedSeriesSequence:
            wrong += [
                e.keyword for e in series if e.keyword not in ("SeriesInstanceUID", "ReferencedSOPSequence")
            ]
            uids = (study.StudyInstanceUID, series.SeriesInstanceUID)
            wrong += ["ReferencedSeriesSequence" for uid in uids if not numbers.NEW_UID.fullmatch(str(uid))]
            for reference in series.ReferencedSOPSequence:
                wrong += content.reference_faults(reference)
                named.add(str(reference.ReferencedSOPInstanceUID))
    if named != {uid for uid, _, _ in pointed_at(dataset, evidence=False)}:
        wrong.append("CurrentRequestedProcedureEvidenceSequence")
    return wrong


def pointed_at(dataset: Dataset, *, evidence: bool = True) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Every reference to an image in a finished document: its SOP Instance UID, class and frames, at any depth."""
    for element in dataset:
        if element.VR != "SQ" or (
            element.keyword == "CurrentRequestedProcedureEvidenceSequence" and not evidence
        ):
            continue
        for item in element.value:
            if "ReferencedSOPInstanceUID" in item:
                frames = item.get("ReferencedFrameNumber") or ()
                some = tuple(int(n) for n in frames) if not isinstance(frames, int) else (int(frames),)
                yield str(item.ReferencedSOPInstanceUID), str(item.ReferencedSOPClassUID), some
            yield from pointed_at(item)


def counted(dataset: Dataset) -> Counter[str]:
    """What a finished document holds, by kind; what it holds none of is not there."""
    count = content.counted if kind_of(dataset.get("SOPClassUID")) == REPORT else drawings.counted
    return +count(dataset)


def astray(dataset: Dataset, images: Mapping[str, tuple[str, int]]) -> list[str]:
    """References that do not fit what is there: ``images`` are the objects beside it, class and frames by UID."""
    wrong = []
    for uid, sop_class, frames in pointed_at(dataset):
        there = images.get(uid)
        if there is None:
            wrong.append("it points to an image that is not there")
        elif there[0] != sop_class or any(not 1 <= n <= there[1] for n in frames):
            wrong.append("it calls an image what it is not, or names a frame that is not there")
    return list(dict.fromkeys(wrong))
