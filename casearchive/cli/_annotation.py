"""The options of ``annotate`` as what they ask for, in the keys of the case file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from casearchive.errors import UsageError

if TYPE_CHECKING:
    from casearchive.record.annotating import Annotation

FINDING = (
    ("finding", "WORDS", "What was seen: “complete tear”, haematoma, normal …"),
    ("structure", "WORDS", "Where: “rectus femoris”, RF, “Achilles tendon” …"),
    ("site", "WORDS", "Where in it: insertion, mid-belly, proximal third …"),
    ("side", "SIDE", "left, right, bilateral, midline, none (unpaired)."),
    ("certainty", "HOW", "definite (if nothing is said), probable, possible, absent, not_assessed."),
    ("severity", "HOW", "trace, mild, moderate, severe."),
    ("temporality", "HOW", "acute, subacute, chronic, historical."),
    ("at-rest", "TEXT", "What is seen at rest, such as “6 mm defect” …"),
    ("during", "TEXT", "… and during the manoeuvre that --state names."),
    ("seen-on", "BY", "us (if nothing is said), mri, xray, ct, emg, ncs, clinical_exam, surgery."),
    ("compared-with", "TEXT", "contralateral, prior_study, normative."),
    ("confirmed-by", "TEXT", "surgery, mri, follow-up, histology …"),
    ("note", "TEXT", "Anything else."),
)
SHAPES = ("point", "line", "polygon", "box", "ellipse")
#: The options under the headings of the help, by their names in Python.
GROUPS: dict[str, tuple[str, ...]] = {
    "What was seen": (*(name.replace("-", "_") for name, _, _ in FINDING), "echo", "grades"),
    "Where it is seen": ("media", "frames", *SHAPES, "best", "another"),
    "What it measures": ("measures", "states", "points", "frame", "measured_side"),
    "What was thought before": ("prior", "discordance", "day", "missed"),
    "What it teaches": ("points_", "pitfalls"),
    "What is there already": ("target", "remove"),
    "Files": ("target_file", "source", "partial"),
}
_KEYS = {"finding": "abnormality", "seen_on": "modality", "compared_with": "comparison"}


def annotation_of(options: dict[str, Any], *, words: bool) -> Annotation | None:
    """What the options ask for, in the keys of the case file; None where none was given."""
    from casearchive.record.annotating import Annotation

    said: dict[str, str] = {}
    prior = _prior(options, said)
    finding = _finding(options, said, prior=bool(prior) or options["target"].startswith("prior:"))
    evidence = _evidence(options, said)
    measurements = _measurements(options, said, evidence)
    made = Annotation(
        target=options["target"],
        finding=finding,
        evidence=evidence,
        more=options["another"],
        measurements=measurements,
        prior=prior,
        points=options["points_"],
        pitfalls=options["pitfalls"],
        said=said,
    )
    if not any((finding, evidence, measurements, prior, made.points, made.pitfalls)):
        if made.target and words:
            return made
        if made.target:
            raise UsageError(
                f"--change {made.target}: to what?", hint="Say what shall be different, such as --side left."
            )
        return None
    return made


def _finding(options: dict[str, Any], said: dict[str, str], *, prior: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, _, _ in FINDING:
        option = name.replace("-", "_")
        value = options[option]
        if value is None or (prior and option in ("seen_on", "note")) or option in ("at_rest", "during"):
            continue
        key = _KEYS.get(option, option)
        made[key], said[key] = value, f"--{name} {value}"
    if options["echo"]:
        made["echogenicity"], said["echogenicity"] = (
            list(options["echo"]),
            "--echo " + " ".join(options["echo"]),
        )
    for text in options["grades"]:
        scale, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise UsageError(f"--grade {text}: a grade is SCALE=N", hint="Such as peetrons=2.")
        _grade(made, said, scale.strip(), value.strip(), text)
    if options["at_rest"] or options["during"]:
        state = next((s for s in options["states"] if s != "rest"), "")
        dynamic = {"at_rest": options["at_rest"], "during": options["during"], "maneuver": state}
        made["dynamic"] = {k: v for k, v in dynamic.items() if v}
        said["dynamic"], said["maneuver"] = "--during", f"--state {state}"
    return made


def _grade(made: dict[str, Any], said: dict[str, str], scale: str, value: str, text: str) -> None:
    from casearchive.terms import lexicon

    concept = lexicon().resolve(scale, {"scale"})
    said[scale] = f"--grade {text}"
    if concept is not None:
        from casearchive.terms.grades import called

        scale = called(concept.id, lexicon())
        said[scale] = f"--grade {text}"
        value = next((v for v in concept.values if v.lower() == value.lower()), value)
    if scale in ("pd", "ohberg"):
        try:
            made["doppler"] = {"scale": scale, "value": float(value)}
        except ValueError:
            raise UsageError(f"--grade {text}: a Doppler grade is a number", hint="Such as pd=1.") from None
        said["doppler"] = f"--grade {text}"
    else:
        made.setdefault("grades", {})[scale] = value


def _evidence(options: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    shapes = [name for name in SHAPES if options[name] is not None]
    if len(shapes) > 1:
        raise UsageError(
            f"--{shapes[0]} and --{shapes[1]}: one shape for one piece of evidence", hint="Use --another."
        )
    where = bool(shapes) or options["frames"] is not None or options["best"]
    if options["media"] is None:
        if where:
            raise UsageError("of which clip? Name it with --media", hint="casearchive show CASE lists them.")
        return {}
    said["media"] = f"--media {options['media']}"
    if options["measures"] and not where and not options["finding"]:
        return {}  # the clip is that of the measurement
    made: dict[str, Any] = {"media": options["media"]}
    if options["frames"] is not None:
        said["frames"] = f"--frames {options['frames']}"
        made["frames"] = _frames(options["frames"])
    for name in shapes:
        said["shape"] = f"--{name} {options[name]}"
        points = _points(options[name], f"--{name}")
        made[name] = points[0] if name == "point" and len(points) == 1 else points
    if options["best"]:
        made["best"] = True
    return made


def _measurements(
    options: dict[str, Any], said: dict[str, str], evidence: dict[str, Any]
) -> tuple[dict[str, Any], ...]:
    measures, states = options["measures"], options["states"]
    if not measures:
        if options["points"] or options["frame"] is not None:
            raise UsageError(
                "--points and --frame belong to a measurement", hint="Say which: --measure gap --points …"
            )
        if states and not options["during"]:
            raise UsageError(
                "--state belongs to a measurement, or to --during",
                hint="--measure gap=31mm --state contraction",
            )
        return ()
    if len(states) not in (0, 1, len(measures)):
        raise UsageError(
            f"{len(measures)} measurements, {len(states)} states", hint="Give one for all, or one each."
        )
    if options["points"] and len(measures) > 1:
        raise UsageError("--points belong to one measurement", hint="Write the others in a second call.")
    found = []
    for number, text in enumerate(measures):
        row = _measure(text)
        said[f"measure {number}"] = f"--measure {text}"
        if "state" not in row and states:
            row["state"] = states[number if len(states) > 1 else 0]
        if options["measured_side"]:
            row["side"] = options["measured_side"]
        if options["media"]:
            row["media"] = options["media"]
        if options["points"]:
            row["points"] = _points(options["points"], "--points")
            said["points"] = f"--points {options['points']}"
        if options["frame"] is not None:
            row["frame"] = options["frame"]
            said["frame"] = f"--frame {options['frame']}"
        found.append(row)
    return tuple(found)


def _measure(text: str) -> dict[str, Any]:
    """``gap=31mm``, ``gap@contraction=31 mm``, or ``gap`` alone."""
    name, equals, amount = text.partition("=")
    what, _, state = name.strip().partition("@")
    made: dict[str, Any] = {"what": what.strip()}
    if state:
        made["state"] = state.strip()
    if not equals:
        return made
    match = re.fullmatch(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(.*?)\s*", amount)
    if match is None:
        raise UsageError(
            f"--measure {text}: a measurement is WHAT=VALUE with its unit", hint="Such as gap=31mm."
        )
    made["value"], made["unit"] = float(match[1].replace(",", ".")), match[2]
    return made


def _prior(options: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if options["prior"] is not None:
        made["impression"], said["impression"] = options["prior"], "--prior"
        made["says"] = _claimed(options["prior"])
    for key in ("discordance", "day"):
        if options[key] is not None:
            made[key], said[key] = options[key], f"--{key} {options[key]}"
    if options["missed"]:
        made["missed"], said["missed"] = list(options["missed"]), "--missed " + " ".join(options["missed"])
    changed = options["target"].startswith("prior:")
    if made and options["prior"] is None and not changed:
        raise UsageError(
            "--discordance, --day and --missed tell of what was thought before",
            hint="Say what it was: --prior “minor strain”, or change one: --change prior:1.",
        )
    if made or changed:
        for option, key in (("seen_on", "modality"), ("note", "note")):
            if options[option] is not None:
                made[key], said[key] = options[option], f"--{option.replace('_', '-')} {options[option]}"
    return made


def _claimed(impression: str) -> list[str]:
    """The abnormalities that an impression claims, so that it is found as one; what it denies is none."""
    from casearchive.choices import PRESENT
    from casearchive.terms.understanding import understand

    claimed = [s.abnormality for s in understand(impression) if s.presence in PRESENT and not s.inferred]
    return list(dict.fromkeys(c for c in claimed if c and c != "normal"))


def _frames(text: str) -> list[int]:
    match = re.fullmatch(r"\s*(\d{1,7})\s*(?:[-–]\s*(\d{1,7}))?\s*", text)
    if match is None:
        raise UsageError(f"--frames {text[:40]}: frames are A-B", hint="Such as 39-98, counted from 1.")
    return [int(match[1]), int(match[2] or match[1])]


def _points(text: str, option: str) -> list[list[float]]:
    try:
        numbers = [float(n) for n in text.replace(";", ",").replace(" ", ",").split(",") if n]
    except ValueError:
        numbers = []
    if not numbers or len(numbers) % 2:
        raise UsageError(f"{option} {text[:60]}: points are X,Y pairs", hint="Such as 350,180,430,314.")
    return [[x, y] for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
