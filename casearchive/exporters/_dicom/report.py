"""The findings of a case as an imaging measurement report (PS3.16 TID 1500) in a Comprehensive SR.

Each finding is a measurement group with one tracking UID: what it is, where, on which side, how sure; its
measurements; and its evidence, a planar region (TID 1410) where it encloses one, else a path or frames (TID 1501).
Evidence in several places makes several groups of the same tracking UID, as a group has one region.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage

from casearchive.exporters._dicom import codes, items, shapes
from casearchive.exporters._dicom.codes import Coded, of_term
from casearchive.exporters._dicom.objects import Bundle, Picture, derived, document, named
from casearchive.exporters._dicom.views import view
from casearchive.exporters._plain import one_line
from casearchive.model import Author, Evidence, Finding, Measurement
from casearchive.record import sentences
from casearchive.record.table import FINDINGS, MANEUVERS, STRUCTURES
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS
from casearchive.units import printed, ucum

SERIES = 9002
_MODIFIES, _ABOUT, _HAS = "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS PROPERTIES"
_NAMES = {"absent": codes.EXCLUDED, "not_assessed": codes.NOT_ASSESSED}


def report(bundle: Bundle) -> Dataset | None:
    """The report of one patient of a case; None where nothing was found and nothing measured."""
    groups = [*_groups(bundle), *_loose(bundle)]
    if not groups:
        return None
    children = [
        *observer(bundle.case.author, bundle.home),
        items.coded(codes.PROCEDURE_REPORTED, codes.ULTRASOUND_STUDY, _MODIFIES),
        _library(bundle),
        items.container(codes.IMAGING_MEASUREMENTS, groups),
    ]
    headers = [picture.header for picture in bundle.pictures]
    dataset = document(
        bundle.home, bundle.case, ComprehensiveSRStorage, "SR", "measurement report", SERIES,
        codes.IMAGING_MEASUREMENT_REPORT, children, headers, "1500",
    )  # fmt: skip
    return named(dataset, "measurement report")


def observer(author: Author, beside: Dataset) -> list[Dataset]:
    """Who says so (PS3.16 TID 1002): the author where one is named, else the program."""
    name = items.person_name(author.name)
    if name:
        return [
            items.coded(codes.OBSERVER_TYPE, codes.PERSON, _ABOUT),
            items.person(codes.PERSON_NAME, name, _ABOUT),
        ]
    return [
        items.coded(codes.OBSERVER_TYPE, codes.DEVICE, _ABOUT),
        items.uid(codes.DEVICE_UID, str(beside.file_meta.ImplementationClassUID), _ABOUT),
        *items.text(codes.DEVICE_NAME, "casearchive", _ABOUT),
    ]


def _library(bundle: Bundle) -> Dataset:
    """Every picture of the patient in this case (PS3.16 TID 1600)."""
    about = items.coded(codes.MODALITY, codes.ULTRASOUND, "HAS ACQ CONTEXT")
    images = [
        items.image(picture.header, "CONTAINS", children=[about, *view(bundle.case, picture.ref)])
        for picture in bundle.pictures
    ]
    return items.container(
        codes.IMAGE_LIBRARY, [items.container(codes.IMAGE_LIBRARY_GROUP, images)], template="1600"
    )


# ------------------------------------------------------------------------------------------------------ findings


def _groups(bundle: Bundle) -> Iterator[Dataset]:
    for finding in bundle.case.findings:
        seen = sorted(
            (one for one in finding.evidence if bundle.picture(one.media)), key=lambda one: not one.best
        )
        mine = bool(seen) or (bundle.first and not finding.evidence)
        measured = [
            m for m in bundle.case.measurements if m.finding == finding.id and _is_here(m, bundle, mine)
        ]
        if not (mine or measured):
            continue
        told = [
            *_qualities(finding),
            *(item for one in measured for item in _measured(one, bundle)),
        ]
        places: list[Evidence | None] = [*seen] or [None]
        for number, place in enumerate(places):
            yield _group(bundle, finding, place, [] if number else told)


def _is_here(measured: Measurement, bundle: Bundle, otherwise: bool) -> bool:
    return bundle.picture(measured.media) is not None if measured.media else otherwise


def _group(bundle: Bundle, finding: Finding, seen: Evidence | None, told: Iterable[Dataset]) -> Dataset:
    template, places = "1501", []
    picture = bundle.picture(seen.media) if seen else None
    frames = shapes.frames_of(seen.frames, picture.frames) if seen and picture else None
    if seen and picture and frames is not None:
        shape = shapes.of_evidence(seen, picture.columns, picture.rows)
        if shape is None:
            places = [items.image(picture.header, "CONTAINS", name=codes.SOURCE, frames=frames)]
        else:
            whole = shape.closed or shape.kind in ("ELLIPSE", "POINT")
            template = "1410" if whole else "1501"
            name = codes.IMAGE_REGION if whole else codes.PATH
            places = [items.region(name, shape.kind, shape.points, picture.header, frames, "CONTAINS")]
    study = str(bundle.home.StudyInstanceUID)
    return items.container(
        codes.MEASUREMENT_GROUP,
        [
            *_tracked(one_line(finding.id), derived("finding", study, bundle.case.slug, finding.id)),
            *_what(finding),
            *_where(finding.structure, finding.side, finding.site),
            *places,
            *([items.coded(codes.BEST, codes.YES)] if seen and seen.best and places else []),
            *told,
        ],
        template=template,
    )


def _tracked(name: str, uid: str) -> list[Dataset]:
    return [
        *items.text(codes.TRACKING_ID, name or "finding", _ABOUT),
        items.uid(codes.TRACKING_UID, uid, _ABOUT),
    ]


def _what(finding: Finding) -> list[Dataset]:
    name = _NAMES.get(finding.certainty, codes.FINDING)
    value = of_term(finding.abnormality, ABNORMALITY_KINDS)
    if value is None:
        return items.text(name, finding.abnormality)
    return [items.coded(name, value)]


def _where(structure: str, side: str, site: str = "") -> list[Dataset]:
    """The finding site with its side and topography; the side alone where no structure is named."""
    below = [items.coded(codes.LATERALITY, codes.SIDES[side], _MODIFIES)] if side in codes.SIDES else []
    if site:
        topography = of_term(site, ("site",))
        below += (
            [items.coded(codes.TOPOGRAPHY, topography, _MODIFIES)]
            if topography
            else items.text(codes.TOPOGRAPHY, site, _MODIFIES)
        )
    if not structure:
        return below
    value = of_term(structure, STRUCTURE_KINDS)
    if value is not None:
        return [items.coded(codes.FINDING_SITE, value, _MODIFIES, below)]
    return [
        items.with_children(item, below) for item in items.text(codes.FINDING_SITE, structure, _MODIFIES)
    ] or below


def _qualities(finding: Finding) -> Iterator[Dataset]:
    """How sure, how severe, how old, how it looks, its grades, and all of it as a sentence."""
    if finding.certainty in codes.CERTAINTIES:
        yield items.coded(codes.CERTAINTY, codes.CERTAINTIES[finding.certainty])
    yield from _quality(codes.SEVERITY, finding.severity, ("severity",))
    yield from _quality(codes.TEMPORALITY, finding.temporality, ("temporality",))
    for look in finding.echogenicity:
        yield from _quality(codes.ECHOGENICITY, look, ("echogenicity",))
    for grade in finding.grades:
        yield from items.text(of_term(grade.scale, ("scale",)) or codes.GRADE, sentences.grade(grade))
    if finding.doppler and finding.doppler.value is not None:
        value = f"{sentences.name(finding.doppler.scale)} {finding.doppler.value:g}"
        yield from items.text(of_term(finding.doppler.scale, ("scale",)) or codes.GRADE, value)
    yield from _moved(finding)
    yield from items.text(codes.CONFIRMED, sentences.name(finding.confirmed_by))
    yield from items.text(codes.COMPARED, sentences.name(finding.comparison))
    if finding.modality != "us":
        yield from items.text(codes.SEEN_ON, finding.modality)
    for relation in finding.relations:
        other = items.said(codes.FINDING_SITE, relation.structure, STRUCTURES | FINDINGS, _HAS)
        for item in items.text(codes.RELATION, relation.kind.replace("_", " ")):
            yield items.with_children(item, other)
    told = (sentences.sentence(sentences.title(finding)), sentences.qualities(finding))
    yield from items.text(codes.COMMENT, ": ".join(part for part in told if part))
    yield from items.text(codes.COMMENT, finding.note)


def _moved(finding: Finding) -> Iterator[Dataset]:
    """The sentence, and below it the manoeuvre and what was seen without and with it."""
    dynamic = finding.dynamic
    for item in items.text(codes.MOVED, sentences.states(finding)) if dynamic else ():
        assert dynamic is not None
        yield items.with_children(
            item,
            [
                *items.said(codes.MANEUVER, dynamic.maneuver, MANEUVERS, _HAS),
                *items.text(codes.AT_REST, dynamic.at_rest, _HAS),
                *items.text(codes.DURING, dynamic.during, _HAS),
            ],
        )


def _quality(name: Coded, term: str, kinds: Sequence[str]) -> list[Dataset]:
    return items.said(name, term, kinds, words=sentences.name)


# -------------------------------------------------------------------------------------------------- measurements


def _loose(bundle: Bundle) -> Iterator[Dataset]:
    """Measurements that belong to no finding."""
    known = {finding.id for finding in bundle.case.findings}
    study = str(bundle.home.StudyInstanceUID)
    for place, measured in enumerate(bundle.case.measurements, start=1):
        if measured.finding in known or not _is_here(measured, bundle, bundle.first):
            continue
        uid = derived("measurement", study, bundle.case.slug, str(place))
        yield items.container(
            codes.MEASUREMENT_GROUP,
            [*_tracked(f"measurement {place}", uid), *_measured(measured, bundle)],
            template="1501",
        )


def _measured(measured: Measurement, bundle: Bundle) -> list[Dataset]:
    """One measurement (PS3.16 TID 300) and the points it was taken from; in words where it is no plain number."""
    kind = of_term(measured.what, ("measurement",)) or of_term(measured.what)
    said = sentences.measured(measured)
    if kind is None or not math.isfinite(measured.value):
        return items.text(codes.COMMENT, f"{said}. {measured.note}" if measured.note else said)
    below = [*items.text(codes.SHORT_LABEL, one_line(said), _ABOUT)]
    if measured.side in codes.SIDES:
        below.append(items.coded(codes.LATERALITY, codes.SIDES[measured.side], _MODIFIES))
    below += items.said(codes.STATE, measured.state, MANEUVERS, _MODIFIES)
    picture = bundle.picture(measured.media)
    if picture is not None:
        below += _taken_from(measured, picture)
    below += [*items.text(codes.COMMENT, measured.note, "HAS PROPERTIES")]
    return [items.number(kind, measured.value, _unit(measured.unit), below)]


def _taken_from(measured: Measurement, picture: Picture) -> list[Dataset]:
    """Where it was measured; nothing where the image has no such frame."""
    frame = (measured.frame, measured.frame) if measured.frame else None
    frames = shapes.frames_of(frame, picture.frames)
    if frames is None:
        return []
    shape = shapes.of_measurement(measured, picture.columns, picture.rows)
    if shape is None:
        name = codes.SOURCE_OF_MEASUREMENT
        return [items.image(picture.header, "INFERRED FROM", name=name, frames=frames)]
    return [items.region(codes.PATH, shape.kind, shape.points, picture.header, frames, "INFERRED FROM")]


def _unit(unit: str) -> Coded:
    """The unit as UCUM writes it; one that UCUM does not know by the author's word, of a private scheme."""
    known = ucum(unit) if unit.strip() else "1"
    if known == "1":
        return codes.NO_UNITS
    if known is not None:
        return Coded("UCUM", known, printed(known) or known)
    word = items.line(unit) or "unit"
    return codes.local(word, word)
