"""A file as ``show`` tells it: for a person in groups, for a program as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._layout import wrapped
from casearchive.cli._talk import Inline, fields, megabytes
from casearchive.model import ASSUMED_FPS, Timing, UltrasoundRegion
from casearchive.scale import by_hand, calibrated, mm_per_pixel, scale_words, shows, units

if TYPE_CHECKING:
    from casearchive.archive import FileView


def file_json(view: FileView) -> dict[str, Any]:
    held, facts = view.detail.held, view.detail.facts
    instance, series, study = facts.instance, facts.series, facts.study
    return {
        "sha256": held.sha256,
        "kind": held.kind,
        "name": held.name,
        "bytes": held.bytes,
        "media_type": facts.media_type,
        "sop_instance_uid": instance.sop_instance_uid,
        "sop_class_uid": instance.sop_class_uid,
        "series_instance_uid": series.series_instance_uid,
        "study_instance_uid": study.study_instance_uid,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "photometric_interpretation": instance.photometric_interpretation,
        "rows": instance.rows,
        "columns": instance.columns,
        "frames": instance.frames,
        "fps": facts.timing.fps,
        "fps_source": facts.timing.source,
        "fps_assumed": ASSUMED_FPS if facts.timing.fps is None and instance.frames > 1 else None,
        "frame_times": list(facts.timing.times),
        "duration_s": facts.timing.duration_s,
        "key_frame": view.detail.key_frame,
        "key_frame_why": view.detail.key_frame_why,
        "key_frame_source": view.detail.key_frame_source if view.detail.key_frame else None,
        "regions": [_region_json(r) for r in facts.regions],
        "calibrated": calibrated(facts.regions),
        "calibration": asdict(view.calibration) if view.calibration else None,
        "transducer": {
            "type": instance.transducer_type,
            "name": (instance.transducer_data or "").split("\\")[0].strip() or None,
            "data": instance.transducer_data,
            "frequency_mhz": instance.transducer_frequency,
        },
        "modes": list(facts.modes),
        "depth_mm": instance.depth_of_scan_field,
        "mechanical_index": instance.mechanical_index,
        "thermal_index": instance.thermal_index,
        "heart_rate": instance.heart_rate,
        "modality": series.modality,
        "study_date": study.study_date,
        "study_description": study.study_description,
        "series_description": series.series_description,
        "body_part_examined": series.body_part_examined,
        "laterality": instance.image_laterality or series.laterality,
        "patient_sex": facts.subject.patient_sex,
        "patient_age": study.patient_age,
        "manufacturer": series.manufacturer,
        "model": series.manufacturer_model_name,
        "software": series.software_versions,
        "burned_in_annotation": instance.burned_in_annotation,
        "claims": [asdict(c) for c in (*facts.claims, *view.detail.said)],
        "notes": list(facts.notes),
        "cases": [{"case": slug, "media": media} for slug, media in view.detail.cases],
        "thumbnail": str(view.thumbnail) if view.thumbnail else None,
        "filmstrip": str(view.filmstrip) if view.filmstrip else None,
        "preview": str(view.preview) if view.preview else None,
        "poster": str(view.poster) if view.poster else None,
    }


def tell_file(view: FileView, inline: Inline) -> None:
    """What a colleague would ask of a clip first, and its numbers last."""
    held, facts = view.detail.held, view.detail.facts
    instance, series, study = facts.instance, facts.series, facts.study
    click.echo(click.style(wrapped(held.name or held.sha256[:16]), bold=True))
    size = f"{instance.columns} × {instance.rows}" if instance.rows else ""
    click.echo(wrapped(" · ".join(w for w in (_kind(view), _length(view), size, megabytes(held.bytes)) if w)))
    inline.draw(view.thumbnail)
    _group("", (("in case", f"{slug} as {media}") for slug, media in view.detail.cases))
    _group("Ultrasound", (*_claimed(view), *_technique(view)))
    _group("Scale", _scales(view))
    _group("Study", (
        ("date", study.study_date),
        ("study", study.study_description),
        ("series", series.series_description),
        ("body part", series.body_part_examined),
        ("anatomy", instance.anatomic_region),
        ("view", instance.view_name),
        ("stage", instance.stage_name),
        ("patient", _joined(study.patient_age, facts.subject.patient_sex)),
        ("scanner", _joined(series.manufacturer, series.manufacturer_model_name)),
        ("software", _short(", ".join(filter(None, (series.software_versions or "").split("\\"))))),
    ))  # fmt: skip
    _group("Pictures", (
        ("key frame", _key_frame(view)),
        ("thumbnail", view.thumbnail),
        ("filmstrip", view.filmstrip),
        ("preview", view.preview),
        ("poster", view.poster),
    ))  # fmt: skip
    _group("File", (
        ("sha256", held.sha256),
        ("uid", instance.sop_instance_uid),
        ("transfer syntax", instance.transfer_syntax_uid),
        ("photometric", instance.photometric_interpretation),
    ))  # fmt: skip
    _group("Notes", (("", note) for note in facts.notes))


def _group(head: str, rows: Iterable[tuple[str, object]]) -> None:
    told = [(label, str(value)) for label, value in rows if value not in (None, "")]
    if not told:
        return
    if head:
        click.echo(f"\n{click.style(head, bold=True)}")
    for label, value in told:
        first = f"  {label:16} " if label else "  - "
        click.echo(wrapped(value, first, " " * len(first)))


def _kind(view: FileView) -> str:
    kind = view.detail.held.kind
    what = {"dicom": "DICOM", "image": "picture", "clip": "clip"}.get(kind, kind)
    return f"{what} {view.detail.facts.media_type.partition('/')[2]}" if kind != "dicom" else what


def _length(view: FileView) -> str:
    facts = view.detail.facts
    if facts.instance.frames <= 1:
        return "still" if facts.instance.frames else "no picture"
    duration = f", {facts.timing.duration_s:.3g} s" if facts.timing.duration_s else ""
    return f"{facts.instance.frames} frames{duration}, {speed(facts.timing)}"


def _key_frame(view: FileView) -> str:
    number = view.detail.key_frame
    if not number or view.detail.facts.instance.frames <= 1:
        return ""
    return f"{number}: {view.detail.key_frame_why}"


def _claimed(view: FileView) -> Iterable[tuple[str, str]]:
    """Every value with who says so; values that differ stand side by side."""
    told = (*view.detail.facts.claims, *view.detail.said)
    for what in dict.fromkeys(claim.what for claim in told):
        sources: dict[str, list[str]] = {}
        for claim in told:
            if claim.what == what:
                sources.setdefault(fields(claim.value), []).append(claim.source)
        label = {"depth_mm": "depth, mm", "frequency_mhz": "frequency, MHz"}.get(what, fields(what))
        yield label, "; ".join(f"{value} ({', '.join(names)})" for value, names in sources.items())


def _technique(view: FileView) -> Iterable[tuple[str, object]]:
    instance = view.detail.facts.instance
    name = (instance.transducer_data or "").split("\\")[0].strip()
    yield "transducer", _joined(name, instance.transducer_type)
    yield "mechanical index", instance.mechanical_index
    yield "heart rate", instance.heart_rate or None


def _scales(view: FileView) -> Iterable[tuple[str, str]]:
    facts = view.detail.facts
    for number, region in enumerate(facts.regions, 1):
        yield f"region {number}", _region_words(region)
    if facts.instance.rows and not calibrated(facts.regions):
        yield "scale", _set_by_hand(view)


def _short(text: str) -> str:
    return (
        text if len(text) <= 60 else text[:59].rstrip() + "…"
    )  # some scanners list every part they are made of


def _joined(*parts: str | None) -> str:
    return ", ".join(p for p in parts if p)


_SPEED_SOURCES = {
    "FrameTime": "from Frame Time in the header",
    "FrameTimeVector": "from Frame Time Vector in the header",
    "CineRate": "from Cine Rate in the header",
    "RecommendedDisplayFrameRate": "from Recommended Display Frame Rate in the header",
    "container": "from the times in the file",
}


def speed(timing: Timing) -> str:
    """How fast a clip is and who says so; a guess is called one."""
    if timing.fps is None:
        return f"speed unknown, shown at {ASSUMED_FPS:g} a second"
    source = _SPEED_SOURCES.get(timing.source, f"from {timing.source}")
    return f"{timing.fps:g} a second{' on the mean, unevenly' if timing.times else ''}, {source}"


def _region_json(region: UltrasoundRegion) -> dict[str, Any]:
    """The standard's numbers, and what they mean."""
    across, down = units(region)
    return {
        **asdict(region),
        "kind": shows(region),
        "units": [across, down],
        "mm_per_pixel": mm_per_pixel(region),
        "priority": "low" if (region.flags or 0) & 1 else "high",
    }


def _set_by_hand(view: FileView) -> str:
    """The scale of a picture without a region that has one."""
    instance = view.detail.facts.instance
    if view.calibration is None:
        return "no scale: lengths are in pixels"
    return f"{scale_words(by_hand(view.calibration, instance.rows or 0, instance.columns or 0))}, set by hand"


def _region_words(region: UltrasoundRegion) -> str:
    corners = f"({region.min_x0}, {region.min_y0}) to ({region.max_x1}, {region.max_y1})"
    return f"{shows(region)}, {corners}, {scale_words(region)}, from the {region.source}"
