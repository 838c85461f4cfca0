"""A case as ``show`` tells it: as a colleague would want to read it, or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._show_file import file_json, speed
from casearchive.cli._talk import Inline, emit, fields, safe

if TYPE_CHECKING:
    from casearchive.archive import CaseView, FileView
    from casearchive.measurements import Checked
    from casearchive.mined import Mined
    from casearchive.model import Case, Finding, Measurement


def json_case(view: CaseView) -> None:
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
            "read_in_text": [
                {**asdict(m.finding), "origin": "text", "source": m.source, "quote": m.quote}
                for m in view.mined
            ],
            "doubts": [{"field": p.field, "line": p.line, "message": p.message} for p in view.doubts],
        }
    )


def tell_case(view: CaseView, inline: Inline) -> None:
    case = view.case
    _title(case)
    _paragraph("History", case.story.history)
    _paragraph("Technique", case.story.technique)
    present = [f for f in case.findings if f.certainty not in ("absent", "not_assessed")]
    _list("Findings", [_finding(f) for f in present])
    _list("Not there", [_where(f) for f in case.findings if f.certainty == "absent"])
    _list("Not assessed", [_where(f) for f in case.findings if f.certainty == "not_assessed"])
    _list("Read in the text, not reviewed", [_read(m) for m in view.mined])
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


def _read(mined: Mined) -> str:
    """What the words say, with the words: nobody has looked at it."""
    finding = mined.finding
    text = f"{_where(finding)}, {fields(finding.certainty)}"
    for word in (finding.severity, finding.temporality):
        text += f", {word}" if word else ""
    if finding.modality != "us":
        text += f", seen on {_words(finding.modality)}"
    return f"{text} ({mined.source}: “{mined.quote}”)"


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
    rate = f", {speed(timing)}" if instance.frames > 1 else ""
    by_hand = view.detail.key_frame_source == "person" and instance.frames > 1
    key = f", key frame {view.detail.key_frame}, chosen by hand" if by_hand else ""
    return f"{media}: {caption} ({kind}{rate}{key}, {view.detail.held.sha256[:12]})"
