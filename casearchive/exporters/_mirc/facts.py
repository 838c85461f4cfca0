"""What MIRC has no element for, in a namespace of its own: side, certainty, measurements, and where each is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from casearchive.exporters._mirc.pictures import Figure
from casearchive.exporters._plain import one_line
from casearchive.model import Case, Evidence, Finding, Measurement, Media

NAMESPACE = "urn:x-casearchive:teaching:1"
_POINTS = tuple[tuple[float, float], ...]


def add(root: ET.Element, case: Case, figures: Sequence[Figure]) -> None:
    """Add ``ca:case``: ids and words as a case file has them (docs/formats.md); ``image`` counts the document's images
    from 1, frames count from 1, points are ``x,y`` in pixels of the original picture."""
    ET.register_namespace("ca", NAMESPACE)
    numbers = {figure.ref: figure.number for figure in figures}
    ours = _element(root, "case", id=case.slug, fictional="yes" if case.fictional else "no")
    for media in case.media:
        if media.id in numbers:
            _media(ours, media, numbers[media.id], next(f for f in figures if f.ref == media.id))
    for finding in case.findings:
        _finding(ours, finding, numbers)
    for measured in case.measurements:
        _measurement(ours, measured, numbers)
    for made in case.story.diagnosis:
        _element(
            ours, "diagnosis", what=made.what, structure=made.structure, side=made.side, certainty=made.certainty,
            confirmed_by=made.confirmed_by,
        )  # fmt: skip


def _media(ours: ET.Element, media: Media, number: int, figure: Figure) -> None:
    _element(
        ours, "view", image=str(number), structure=media.structure, side=media.side, plane=media.plane,
        mode=media.mode, maneuver=media.maneuver, position=media.position,
        day="" if media.day is None else str(media.day), frames=str(figure.frames), frame=str(figure.shown),
        annotated_frame=str(figure.drawn or ""),
    )  # fmt: skip


def _finding(ours: ET.Element, finding: Finding, numbers: dict[str, int]) -> None:
    element = _element(
        ours, "finding", id=finding.id, abnormality=finding.abnormality, structure=finding.structure,
        site=finding.site, side=finding.side, certainty=finding.certainty, severity=finding.severity,
        temporality=finding.temporality, echogenicity=" ".join(finding.echogenicity), seen_on=finding.modality,
        confirmed_by=finding.confirmed_by,
    )  # fmt: skip
    for grade in finding.grades:
        _element(element, "grade", scale=grade.scale, value=grade.value)
    if finding.doppler and finding.doppler.value is not None:
        _element(element, "doppler", scale=finding.doppler.scale, value=_number(finding.doppler.value))
    if finding.dynamic:
        moved = finding.dynamic
        _element(element, "dynamic", maneuver=moved.maneuver, at_rest=moved.at_rest, during=moved.during)
    for seen in finding.evidence:
        if seen.media in numbers:
            _evidence(element, seen, numbers[seen.media])


def _evidence(element: ET.Element, seen: Evidence, number: int) -> None:
    first, last = seen.frames or ("", "")
    _element(
        element, "evidence", image=str(number), first_frame=str(first), last_frame=str(last), shape=seen.shape,
        points=_points(seen.points), best="yes" if seen.best else "",
    )  # fmt: skip


def _measurement(ours: ET.Element, measured: Measurement, numbers: dict[str, int]) -> None:
    _element(
        ours, "measurement", finding=measured.finding, what=measured.what, value=_number(measured.value),
        unit=measured.unit, state=measured.state, side=measured.side,
        image=str(numbers.get(measured.media, "")), frame=str(measured.frame or ""), points=_points(measured.points),
    )  # fmt: skip


def _points(points: _POINTS) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0") if math.isfinite(value) else str(value)


def _element(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    """An element of ours; attributes without a value are left out, ``_`` is written ``-``."""
    told = {key.replace("_", "-"): one_line(value) for key, value in attributes.items()}
    return ET.SubElement(
        parent, f"{{{NAMESPACE}}}{name}", {key: value for key, value in told.items() if value}
    )
