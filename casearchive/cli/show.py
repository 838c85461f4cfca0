"""``show``: everything about a case or a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._talk import (
    Inline,
    State,
    complete_case,
    emit,
    example,
    fields,
    megabytes,
    private,
    safe,
    verb,
)
from casearchive.errors import UsageError
from casearchive.model import ASSUMED_FPS
from casearchive.scale import by_hand, calibrated, mm_per_pixel, scale_words, shows, units

if TYPE_CHECKING:
    from casearchive.archive import CaseView, FileView
    from casearchive.measurements import Checked
    from casearchive.model import Case, Finding, Measurement, Timing, UltrasoundRegion


@click.command(epilog=example("casearchive show rectus-femoris-complete-tear --frames sheet.png"))
@click.argument("what", metavar="CASE|SHA256|UID", shell_complete=complete_case)
@click.option("--frames", metavar="FILE.png", help="Write a contact sheet of the clips.")
@click.option(
    "--preview", is_flag=True, help="Make the moving preview of each clip, at true speed, and name it."
)
@click.option("--poster", is_flag=True, help="Make a large picture of each key frame, and name it.")
@click.option(
    "--pictures/--no-pictures",
    default=None,
    help="Show thumbnails in the terminal; unasked where it draws real pictures.",
)
@verb
def command(
    state: State, what: str, frames: str | None, preview: bool, poster: bool, pictures: bool | None
) -> None:
    """Show a case as a colleague would want to read it, or everything known about a file.

    Names, numbers and birth dates of patients are never shown. A preview is an animated WebP file, made once and
    kept in the cache; --json names it (and makes it, for a file), the poster, the thumbnail and the filmstrip. Set
    CASEARCHIVE_PICTURES to kitty, iterm, sixel, blocks or off where the terminal is misjudged.
    """
    from casearchive.archive import CaseView

    if frames is not None and not frames.lower().endswith(".png"):
        raise UsageError("a contact sheet is a PNG picture", hint="Give it a name that ends in .png.")
    archive = state.open()
    make = [n for n, on in (("preview", preview), ("poster", poster)) if on]
    view = archive.show(what, make=make)
    if state.json and not preview and not isinstance(view, CaseView):
        view = archive.show(what, make=[*make, "preview"])  # --json names it, so it must be there
    if frames is not None:
        sheet = archive.frames(what)
        with private(frames) as file:
            file.buffer.write(sheet)
        state.say(
            f"Wrote {frames}. It shows what the clips show, names burnt into them too: keep it private."
        )

    if isinstance(view, CaseView):
        _json_case(view) if state.json else _tell_case(view, Inline(state, pictures))
        clips = [(media, clip) for media, clip in view.clips if clip]
    else:
        emit(file_json(view)) if state.json else _tell_file(view, Inline(state, pictures))
        clips = [("", view)]
    for media, clip in clips:
        if clip.trouble:
            state.say(f"{media}: {clip.trouble}" if media else clip.trouble)


# -------------------------------------------------------------------------------------------------- files


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


#: What is told in lines of its own, after the rest.
_TOLD_APART = frozenset(
    {"claims", "regions", "calibrated", "calibration", "cases", "transducer", "notes"}
    | {"fps", "fps_source", "fps_assumed", "frame_times"}
)


def _tell_file(view: FileView, inline: Inline) -> None:
    inline.draw(view.thumbnail)
    data = file_json(view)
    for key, value in data.items():
        if value in (None, "", [], {}) or key in _TOLD_APART:
            continue
        shown = (
            megabytes(int(value))
            if key == "bytes"
            else ", ".join(value)
            if isinstance(value, list)
            else value
        )
        click.echo(safe(f"{fields(key):26}  {shown}"))
    if data["frames"] > 1:
        click.echo(f"{'speed':26}  {_speed(view.detail.facts.timing)}")
    for key, value in data["transducer"].items():
        if value:
            click.echo(safe(f"{'transducer ' + fields(key):26}  {value}"))
    for number, region in enumerate(view.detail.facts.regions, 1):
        click.echo(f"{'region ' + str(number):26}  {_region_words(region)}")
    if view.detail.facts.instance.rows and not data["calibrated"]:
        click.echo(f"{'scale':26}  {_set_by_hand(view)}")
    for what in dict.fromkeys(c["what"] for c in data["claims"]):
        sources: dict[str, list[str]] = {}
        for claim in data["claims"]:
            if claim["what"] == what:
                sources.setdefault(fields(claim["value"]), []).append(claim["source"])
        told = "; ".join(f"{value} ({', '.join(names)})" for value, names in sources.items())
        click.echo(safe(f"{fields(what):26}  {told}"))
    for owner in data["cases"]:
        click.echo(f"{'in case':26}  {owner['case']} as {owner['media']}")
    for note in data["notes"]:
        click.echo(safe(f"{'note':26}  {note}"))


_SPEED_SOURCES = {
    "FrameTime": "from Frame Time in the header",
    "FrameTimeVector": "from Frame Time Vector in the header",
    "CineRate": "from Cine Rate in the header",
    "RecommendedDisplayFrameRate": "from Recommended Display Frame Rate in the header",
    "container": "from the times in the file",
}


def _speed(timing: Timing) -> str:
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


# -------------------------------------------------------------------------------------------------- cases


def _json_case(view: CaseView) -> None:
    emit(
        {
            **asdict(view.case),
            "case": view.case.slug,
            "by_points": [
                {"value": c.value, "agrees": c.agrees, "note": c.note or None} for c in view.checked
            ],
            "clips": {media: file_json(clip) if clip else None for media, clip in view.clips},
            "completeness": view.score,
            "missing": [{"field": p.field, "line": p.line, "message": p.message} for p in view.missing],
            "doubts": [{"field": p.field, "line": p.line, "message": p.message} for p in view.doubts],
        }
    )


def _tell_case(view: CaseView, inline: Inline) -> None:
    case = view.case
    _title(case)
    _paragraph("History", case.story.history)
    _paragraph("Technique", case.story.technique)
    present = [f for f in case.findings if f.certainty not in ("absent", "not_assessed")]
    _list("Findings", [_finding(f) for f in present])
    _list("Not there", [_where(f) for f in case.findings if f.certainty == "absent"])
    _list("Not assessed", [_where(f) for f in case.findings if f.certainty == "not_assessed"])
    _list("Measurements", [_measured(*m) for m in zip(case.measurements, view.checked, strict=True)])
    _list(
        "Diagnosis", [f"{_words(d.side, d.structure, d.what)} ({d.certainty})" for d in case.story.diagnosis]
    )
    _list(
        "Thought before",
        [f"{_words(p.modality)}: {p.impression} ({fields(p.discordance)})" for p in case.priors],
    )
    _paragraph("Discussion", case.story.discussion)
    _list("Teaching points", case.story.points)
    _list("Pitfalls", case.story.pitfalls)
    clips = dict(view.clips)
    if case.media:
        click.echo(f"\n{click.style('Clips', bold=True)}")
    for media in case.media:
        clip = clips.get(media.id)
        click.echo(click.wrap_text(safe(_clip(media.id, media.caption, clip)), 90, "  - ", "    "))
        for name, path in (("preview", clip.preview), ("poster", clip.poster)) if clip else ():
            if path is not None:
                click.echo(f"    {name}: {path}")
        if clip is not None:
            inline.draw(clip.thumbnail)
    _list("To be settled", [f"{p.field}: {p.message}" for p in view.doubts])
    click.echo(
        f"\nComplete: {view.score} of 100" + (f" (casearchive lint {case.slug})" if view.missing else "")
    )


def _title(case: Case) -> None:
    click.echo(click.style(safe(case.title), bold=True))
    who = [case.slug, case.status, case.difficulty, case.patient.age, case.patient.sex, case.patient.activity]
    click.echo(safe(" · ".join(w for w in who if w) + (" · FICTIONAL" if case.fictional else "")))


def _paragraph(head: str, text: str) -> None:
    if text.strip():
        click.echo(
            f"\n{click.style(head, bold=True)}\n" + click.wrap_text(safe(text.strip()), 90, "  ", "  ")
        )


def _list(head: str, lines: Any) -> None:
    if lines:
        click.echo(f"\n{click.style(head, bold=True)}")
        for line in lines:
            click.echo(click.wrap_text(safe(line), 90, "  - ", "    "))


def _words(*parts: str) -> str:
    return " ".join(fields(p) for p in parts if p and p not in ("unknown", "none"))


def _where(finding: Finding) -> str:
    return _words(finding.side, finding.structure, finding.site, finding.abnormality)


def _finding(finding: Finding) -> str:
    text = f"{finding.id}: {_where(finding)}, {fields(finding.certainty)}"
    for word in (finding.severity, finding.temporality):
        text += f", {word}" if word else ""
    if finding.modality != "us":
        text += f", seen on {_words(finding.modality)}"
    for grade in finding.grades:
        text += f", {fields(grade.scale)} {grade.value}"
    if finding.dynamic:
        text += f"; at rest {finding.dynamic.at_rest or '-'}, on {fields(finding.dynamic.maneuver) or 'movement'} "
        text += finding.dynamic.during
    for evidence in finding.evidence:
        frames = f" frames {evidence.frames[0]}-{evidence.frames[1]}" if evidence.frames else ""
        text += f" [{evidence.media}{frames}]"
    return text + ("" if finding.reviewed else " (unreviewed)")


def _measured(measurement: Measurement, checked: Checked) -> str:
    state = (
        f" ({_words(measurement.state, measurement.side)})"
        if _words(measurement.state, measurement.side)
        else ""
    )
    where = (
        f" [{measurement.media}{f' frame {measurement.frame}' if measurement.frame else ''}]"
        if measurement.media
        else ""
    )
    text = f"{fields(measurement.what)}{state}: {measurement.value:g} {measurement.unit}{where}"
    return f"{text} ({checked.note})" if checked.note else text


def _clip(media: str, caption: str, view: FileView | None) -> str:
    if view is None:
        return f"{media}: {caption} (its file is missing)"
    instance, timing = view.detail.facts.instance, view.detail.facts.timing
    kind = f"{instance.frames} frames" if instance.frames > 1 else "still"
    speed = "" if instance.frames <= 1 else f", {_speed(timing)}"
    by_hand = view.detail.key_frame_source == "person" and instance.frames > 1
    key = f", key frame {view.detail.key_frame}, chosen by hand" if by_hand else ""
    return f"{media}: {caption} ({kind}{speed}{key}, {view.detail.held.sha256[:12]})"
