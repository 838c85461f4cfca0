"""What a record says, as a colleague would say it: findings, evidence and measurements in plain sentences."""

from __future__ import annotations

import re

from casearchive.model import Case, Diagnosis, Evidence, Finding, Grade, Measurement, Prior
from casearchive.terms import lexicon
from casearchive.units import printed

#: The closed vocabularies of ``model`` where the bare word would read badly.
_CODES = {
    "us": "ultrasound",
    "mri": "MRI",
    "xray": "X-ray",
    "ct": "CT",
    "emg": "EMG",
    "ncs": "nerve conduction study",
    "clinical_exam": "clinical examination",
    "undergraded": "graded too low",
    "overgraded": "graded too high",
    "agreement": "agreed",
    "discordant": "something else was found",
    "technique_limited": "limited by technique",
    "prior_study": "the study before",
    "contralateral": "the other side",
    "normative": "normal values",
    "none": "",
    "unknown": "",
}
_SCALES = {"bamic": "BAMIC", "pd": "power Doppler", "odonoghue": "O'Donoghue", "cuff_size": "cuff tear size"}


def name(term: str) -> str:
    """The words for a concept id or a code; an author's own words come back as they are."""
    if term in _CODES:
        return _CODES[term]
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", term):
        return term
    concept = lexicon().concept(term)
    return concept.preferred if concept is not None else term.replace("_", " ")


def sentence(text: str) -> str:
    """``text`` with a capital first letter."""
    return text[:1].upper() + text[1:]


def place(structure: str, side: str, site: str = "") -> str:
    """``the right rectus femoris muscle, mid-belly``; empty where nothing is named."""
    where = name(structure)
    if where:
        where = f"the {f'{side} ' if side in ('left', 'right') else ''}{where}"
        where += {"bilateral": " on both sides", "midline": " in the midline"}.get(side, "")
    elif side in ("left", "right"):
        where = f"the {side} side"
    return ", ".join(part for part in (where, name(site)) if part)


def _what_and_where(finding: Finding) -> tuple[str, str]:
    """The words for both; where the first name the structure (``deep vein thrombosis``) it is not said again."""
    what, structure = name(finding.abnormality), name(finding.structure)
    found = re.search(rf"\b{re.escape(structure)}\b", what, re.IGNORECASE) if structure else None
    if found is None or finding.site or finding.side in ("bilateral", "midline"):
        return what, place(finding.structure, finding.side, finding.site)
    side = f"{finding.side} " if finding.side in ("left", "right") else ""
    return f"{what[: found.start()]}{side}{what[found.start() :]}", ""


def title(finding: Finding) -> str:
    """What and where, in one phrase: ``complete tear of the right rectus femoris muscle, mid-belly``."""
    what, where = _what_and_where(finding)
    if finding.certainty == "absent":
        what = f"no abnormality (not {what})" if finding.abnormality == "normal" else f"no {what}"
    elif finding.certainty in ("possible", "probable"):
        what = f"{finding.certainty} {what}"
    if finding.abnormality == "normal" and finding.certainty != "absent":
        what = f"{where.removeprefix('the ') or 'appearance'}: {what}"
        return f"{what}, not assessed" if finding.certainty == "not_assessed" else what
    text = f"{what} of {where}" if where else what
    return f"{text}: not assessed" if finding.certainty == "not_assessed" else text


def qualities(finding: Finding) -> str:
    """How sure, how severe, how old, how it looks, its grades, who saw it; empty where nothing is said."""
    said = [finding.certainty] if finding.certainty == "definite" else []
    said += [w for w in (finding.severity, finding.temporality) if w]
    if finding.echogenicity:
        said.append(_listed([name(e) for e in finding.echogenicity]))
    said += [grade(g) for g in finding.grades]
    if finding.doppler and finding.doppler.value is not None:
        said.append(grade(Grade(finding.doppler.scale, f"{finding.doppler.value:g}")))
    if finding.comparison:
        said.append(f"compared with {name(finding.comparison)}")
    if finding.modality != "us":
        said.append(f"seen on {name(finding.modality)}")
    said += [f"{r.kind.replace('_', ' ')} {name(r.structure)}" for r in finding.relations]
    if finding.confirmed_by:
        said.append(f"confirmed by {name(finding.confirmed_by)}")
    return ", ".join(said)


def _listed(words: list[str]) -> str:
    return " and ".join(p for p in (", ".join(words[:-1]), words[-1]) if p)


def diagnosis(made: Diagnosis) -> str:
    """``complete tear of the right Achilles tendon, definite, confirmed by surgery``."""
    where, what = place(made.structure, made.side), name(made.what)
    if made.what == "normal":
        told = f"{where.removeprefix('the ')}: {what}" if where else what
    else:
        told = f"{what} of {where}" if where else what
    confirmed = f"confirmed by {name(made.confirmed_by)}" if made.confirmed_by else ""
    return ", ".join(part for part in (told, made.certainty.replace("_", " "), confirmed) if part)


def grade(given: Grade) -> str:
    """``Peetrons 3``."""
    scale = _SCALES.get(given.scale, sentence(given.scale.replace("_", " ")))
    return f"{scale} {given.value}"


def states(finding: Finding) -> str:
    """``at rest 6 mm defect -> on contraction 31 mm gap``; empty where no manoeuvre is told."""
    dynamic = finding.dynamic
    if dynamic is None:
        return ""
    before = f"at rest {dynamic.at_rest}" if dynamic.at_rest else ""
    after = ""
    if dynamic.during or dynamic.maneuver:
        after = f"on {dynamic.maneuver.replace('_', ' ') or 'movement'}" + (
            f" {dynamic.during}" if dynamic.during else ""
        )
    return " -> ".join(part for part in (before, after) if part)


def evidence(shown: Evidence) -> str:
    """``M2 frames 12-27, polygon, best``."""
    text = shown.media
    if shown.frames:
        first, last = shown.frames
        text += f" frame {first}" if first == last else f" frames {first}-{last}"
    return ", ".join(part for part in (text, shown.shape, "best" if shown.best else "") if part)


def quantity(value: float, unit: str) -> str:
    """``31 mm``, ``52.5 mm²``."""
    written = printed(unit)
    number = repr(value).removesuffix(".0") if abs(value) < 1e15 else f"{value:g}"
    return f"{number}{'' if written in ('', '°') else ' '}{written}"


def measure(what: str) -> str:
    """A kind of measurement as a person reads it: ``gap``, but ``cross-sectional area`` for ``csa``."""
    concept = lexicon().resolve(what, ("measurement",))
    letters = concept is not None and what.lower() in {a.lower() for a in concept.abbreviations}
    return concept.preferred if concept is not None and letters else what.replace("_", " ")


def measured(row: Measurement) -> str:
    """``gap on contraction: 31 mm``."""
    state = {"": "", "rest": " at rest"}.get(row.state, f" on {row.state.replace('_', ' ')}")
    side = f" ({row.side})" if row.side not in ("", "unknown", "none") else ""
    return f"{measure(row.what)}{state}{side}: {quantity(row.value, row.unit)}"


def prior(thought: Prior) -> str:
    """``MRI, 20 days before: small focal defect …; graded too low, missed complete tear``."""
    who = [sentence(name(thought.modality))] if thought.modality else []
    if thought.day is not None:
        days = f"{abs(thought.day)} day{'' if abs(thought.day) == 1 else 's'}"
        who.append(
            "the same day" if not thought.day else f"{days} {'before' if thought.day < 0 else 'later'}"
        )
    text = ", ".join(who)
    text = f"{text}: {thought.impression}" if text and thought.impression else text or thought.impression
    judged = [name(thought.discordance)] if thought.discordance else []
    if thought.missed:
        judged = [j for j in judged if j != "missed"]
        judged.append("missed " + ", ".join(name(m) for m in thought.missed))
    if thought.note:
        judged.append(thought.note)
    return f"{text} [{'; '.join(judged)}]" if judged else text


def finding(case: Case, one: Finding) -> str:
    """All that a case says of one of its findings: what it is, how it looks, its states, measurements and the note."""
    measurements = (measured(m) for m in case.measurements if m.finding == one.id)
    return "; ".join(
        filter(None, (sentence(title(one)), qualities(one), states(one), *measurements, one.note))
    )
