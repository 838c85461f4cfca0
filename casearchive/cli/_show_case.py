"""A case as ``show`` tells it: as a colleague would want to read it, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from casearchive.cli._layout import table, wrapped
from casearchive.cli._show_file import file_json, speed
from casearchive.cli._talk import Inline, emit
from casearchive.record import sentences
from casearchive.record.sentences import name, sentence

if TYPE_CHECKING:
    from casearchive.archive import CaseView, FileView
    from casearchive.measurements import Checked
    from casearchive.mined import Mined
    from casearchive.model import Case, Finding, Measurement, Media

_SEXES = {"M": "male", "F": "female", "O": "other"}
_AGES = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}


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
                {**asdict(m.finding), "origin": m.origin, "source": m.source, "quote": m.quote}
                for m in view.mined
            ],
            "doubts": [{"field": p.field, "line": p.line, "message": p.message} for p in view.doubts],
        }
    )


def tell_case(view: CaseView, inline: Inline) -> None:
    """Who, why, what was seen, what it measured, what was thought before, what it was, what it teaches."""
    case, story = view.case, view.case.story
    _title(case)
    _paragraph("History", story.history)
    _list("Symptoms", [", ".join(name(s) for s in story.symptoms)] if story.symptoms else [])
    _paragraph("Technique", story.technique)
    _findings(case)
    _list("Read in the words, not reviewed", [_read(m) for m in view.mined])
    _measurements(view)
    _list("Tests", [_joined(name(t.test), t.side, t.result, t.note) for t in case.tests])
    _list("Thought before", [sentence(sentences.prior(p)) for p in case.priors])
    _list("Diagnosis", [sentence(sentences.diagnosis(d)) for d in story.diagnosis])
    _list("Differential", [", ".join(name(d) for d in story.differential)] if story.differential else [])
    _paragraph("Discussion", story.discussion)
    _paragraph("Treatment", story.treatment)
    _paragraph("Outcome", story.outcome)
    _list("Teaching points", story.points)
    _list("Pitfalls", story.pitfalls)
    _list("References", story.references)
    _clips(view, inline)
    _list("To be settled", [f"{p.field}: {p.message}" for p in view.doubts])
    _list("Still missing for teaching", [p.message for p in view.missing])
    more = f" (where to write it: casearchive lint {case.slug})" if view.missing else ""
    click.echo("\n" + wrapped(f"Complete: {view.score} of 100{more}"))


# -------------------------------------------------------------------------------------------------- parts


def _title(case: Case) -> None:
    for line in wrapped(case.title).splitlines():
        click.echo(click.style(line, bold=True))
    age, _, unit = case.patient.age.partition(" ")
    patient = [_SEXES.get(case.patient.sex, case.patient.sex), f"{age} {_AGES.get(unit, unit)}".strip()]
    if any((*patient, case.patient.activity)):
        click.echo(wrapped(sentence(", ".join(p for p in (*patient, case.patient.activity) if p))))
    what = [case.slug, case.status + (f" ({case.hold})" if case.hold else ""), case.difficulty]
    if case.fictional:
        what.append("FICTIONAL")
    click.echo(wrapped(" · ".join(w for w in what if w)))
    if case.tags:
        click.echo(wrapped(f"Tags: {', '.join(case.tags)}"))


def _findings(case: Case) -> None:
    present = [f for f in case.findings if f.certainty not in ("absent", "not_assessed")]
    groups = (
        ("Findings", present),
        ("Looked for and not there", [f for f in case.findings if f.certainty == "absent"]),
        ("Not assessed", [f for f in case.findings if f.certainty == "not_assessed"]),
    )
    for head, findings in groups:
        if findings:
            _head(head)
        for finding in findings:
            _finding(finding)


def _finding(finding: Finding) -> None:
    label = f"{finding.id}  "
    indent = " " * (2 + len(label))
    review = "" if finding.reviewed else " (mined from text, unreviewed)"
    click.echo(wrapped(f"{sentence(sentences.title(finding))}{review}", f"  {label}", indent))
    for line in (sentences.qualities(finding), sentence(sentences.states(finding)), finding.note):
        if line.strip():
            click.echo(wrapped(line, indent))
    shown = "; ".join(sentences.evidence(e) for e in finding.evidence)
    if shown:
        click.echo(wrapped(f"Shown: {shown}", indent, indent + "  "))


def _measurements(view: CaseView) -> None:
    if not view.case.measurements:
        return
    _head("Measurements")
    pairs = list(zip(view.case.measurements, view.checked, strict=True))
    rows = [_measured(*pair) for pair in pairs]
    for line, (measurement, checked) in zip(table(rows, right=(3,)), pairs, strict=True):
        click.echo(f"  {line}")
        for note in (measurement.note, checked.note):
            if note.strip():
                click.echo(wrapped(note, "      "))


def _measured(measurement: Measurement, checked: Checked) -> Sequence[str]:
    side = measurement.side if measurement.side not in ("unknown", "none") else ""
    where = measurement.media + (f" frame {measurement.frame}" if measurement.frame else "")
    state = measurement.state.replace("_", " ")
    value = sentences.quantity(measurement.value, measurement.unit)
    agrees = "points agree" if checked.agrees else ""
    return (
        measurement.finding,
        sentences.measure(measurement.what),
        _joined(side, state),
        value,
        where,
        agrees,
    )


def _clips(view: CaseView, inline: Inline) -> None:
    clips = dict(view.clips)
    if view.case.media:
        _head("Clips")
    for media in view.case.media:
        clip = clips.get(media.id)
        indent = " " * (4 + len(media.id))
        lines = [line for line in (media.caption, _technique(media), _file(clip)) if line]
        for number, line in enumerate(lines):
            click.echo(wrapped(line, indent if number else f"  {media.id}  ", indent))
        for kind, path in (("preview", clip.preview), ("poster", clip.poster)) if clip else ():
            if path is not None:
                click.echo(f"{indent}{kind}: {path}")
        if clip is not None:
            inline.draw(clip.thumbnail)


def _technique(media: Media) -> str:
    """What the clip shows, how, and during what: the words of the record."""
    side = media.side if media.side in ("left", "right") else ""
    what = " ".join(w for w in (side, name(media.structure)) if w)
    what = _joined(what, "both sides" if media.side == "bilateral" else "")
    pair = f"the other side is {media.pair}" if media.pair else ""
    rest = (name(media.plane), name(media.mode), media.maneuver.replace("_", " "), name(media.position), pair)
    return sentence(_joined(what, *rest))


def _file(view: FileView | None) -> str:
    if view is None:
        return "Its file is missing."
    instance, timing = view.detail.facts.instance, view.detail.facts.timing
    if instance.frames <= 1:
        return f"Still, file {view.detail.held.sha256[:12]}" if instance.frames else "No picture"
    by_hand = view.detail.key_frame_source == "person"
    key = f"key frame {view.detail.key_frame}, chosen by hand" if by_hand else ""
    return _joined(f"{instance.frames} frames", speed(timing), key, f"file {view.detail.held.sha256[:12]}")


# ------------------------------------------------------------------------------------------------- layout


def _head(text: str) -> None:
    click.echo(f"\n{click.style(text, bold=True)}")


def _paragraph(head: str, text: str) -> None:
    if text.strip():
        _head(head)
        for part in text.strip().split("\n\n"):
            click.echo(wrapped(part, "  "))


def _list(head: str, lines: Iterable[str]) -> None:
    told = [line for line in lines if line.strip()]
    if told:
        _head(head)
        mark = "- " if len(told) > 1 else ""
        for line in told:
            click.echo(wrapped(line, f"  {mark}", "  " + " " * len(mark)))


def _joined(*parts: str) -> str:
    return ", ".join(p for p in parts if p and p not in ("unknown", "none"))


def _read(mined: Mined) -> str:
    """What the words say, with the words: nobody has looked at it."""
    finding = mined.finding
    said = _joined(sentences.title(finding), sentences.qualities(finding))
    quoted = f": “{mined.quote}”" if mined.quote else ""
    return f"{sentence(said)} ({mined.source}{quoted})"
