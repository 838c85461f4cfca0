"""The words that may stand before a colon, what each asks for and what values it takes.

Fields of files come from the attribute table (``attributes.TABLE``); the rest are listed here. ``FIELDS`` is
what help texts, completion and error messages are made from.
"""

from __future__ import annotations

from collections.abc import Mapping

from casearchive import attributes, choices
from casearchive.frozen import dataclass
from casearchive.terms import ABNORMALITY_KINDS as _ABNORMALITIES
from casearchive.terms import STRUCTURE_KINDS as _STRUCTURES
from casearchive.terms import Lexicon
from casearchive.terms.grades import called

#: Where a field is asked: in one finding, one clip or file, or the case as a whole.
FINDING, MEDIA, CASE = "finding", "media", "case"

HAS = {
    "cine": "a clip with more than one frame",
    "still": "a picture with one frame",
    "doppler": "a Doppler clip or a Doppler grade",
    "quiz": "a quiz question",
    "measurement": "a measurement",
    "grade": "a grade on any scale",
    "prior": "an earlier impression",
    "evidence": "a finding that points at a clip",
    "roi": "a finding with a shape drawn",
    "thumbnail": "a picture that could be decoded",
    "case": "belongs to a case",
    "conflict": "sources that disagree about the side",
    "finding": "a finding",
    "absent": "a documented absence",
    "dynamic": "a finding with values at rest and during a manoeuvre",
    "followup": "a clip of a later day",
    "bilateral": "clips of both sides",
}
_HAS_TOO = {
    "clip": "cine",
    "video": "cine",
    "image": "still",
    "measurements": "measurement",
    "grades": "grade",
    "findings": "finding",
    "absence": "absent",
    "follow-up": "followup",
    "contralateral": "bilateral",
    "comparison": "bilateral",
}

#: Units that may follow a number of these fields, as a factor to what the field counts in.
NUMBER_UNITS: dict[str, dict[str, float]] = {
    "age": {"y": 1.0, "yr": 1.0, "yrs": 1.0, "years": 1.0, "m": 1 / 12, "mo": 1 / 12, "months": 1 / 12},
    "duration": {"s": 1.0, "sec": 1.0, "ms": 0.001, "min": 60.0},
    "fps": {"fps": 1.0, "hz": 1.0},
    "frequency": {"mhz": 1.0, "khz": 0.001},
    "depth": {"mm": 1.0, "cm": 10.0},
    "heart_rate": {"bpm": 1.0},
    "completeness": {"%": 1.0},
}


@dataclass(frozen=True)
class Field:
    """``takes`` is concept, choice, number, date, text, same (an exact value or a start ending in ``*``),
    grade, measure, has or no. ``kinds`` are the concept kinds of a concept field."""

    name: str
    level: str
    takes: str
    help: str
    kinds: frozenset[str] = frozenset()
    choices: tuple[str, ...] = ()
    ordered: bool = False


def _concept(name: str, level: str, help_text: str, *kinds: str) -> Field:
    return Field(name, level, "concept", help_text, frozenset(kinds))


def _choice(name: str, level: str, help_text: str, choices: tuple[str, ...], ordered: bool = False) -> Field:
    return Field(name, level, "choice", help_text, choices=choices, ordered=ordered)


_OWN: tuple[Field, ...] = (
    _concept("structure", FINDING, "anatomy, with its parts", *_STRUCTURES),
    _concept("finding", FINDING, "what is wrong, with its kinds; never what is absent", *_ABNORMALITIES),
    Field("no", FINDING, "no", "a documented absence: no:tear", kinds=_ABNORMALITIES),
    _choice("side", FINDING, "left and right also match bilateral", choices.SIDES),
    _choice(
        "certainty",
        FINDING,
        "definite > probable > possible; absent; not_assessed",
        ("possible", "probable", "definite", "absent", "not_assessed"),
        True,
    ),
    _choice("severity", FINDING, "trace < mild < moderate < severe", choices.SEVERITIES, True),
    _choice("temporality", FINDING, "acute, subacute, chronic or historical", choices.TEMPORALITIES),
    _choice("modality", FINDING, "who saw it; for files their Modality", choices.MODALITIES),
    _concept("site", FINDING, "where in the structure", "site", *_STRUCTURES),
    _concept("maneuver", FINDING, "what the patient or probe did", "maneuver", "maneuver_state"),
    Field("echogenicity", FINDING, "text", "hypoechoic, heterogeneous …"),
    Field("confirmed", FINDING, "text", "confirmed by surgery, follow-up …"),
    Field("grade", FINDING, "grade", "grade:peetrons>=2; a scale by itself works too: peetrons:2..3"),
    Field("doppler", FINDING, "number", "the Doppler value of a finding"),
    _choice("quality", FINDING, "whether a person has looked at the finding", ("reviewed", "unreviewed")),
    _concept("prior", CASE, "what was thought before", *_ABNORMALITIES),
    _choice("prior.modality", CASE, "who thought so before", choices.MODALITIES),
    _choice("discordance", CASE, "how an earlier impression differed", choices.DISCORDANCES),
    _concept("missed", CASE, "what an earlier impression missed", *_ABNORMALITIES),
    _concept("dx", CASE, "the final diagnosis", *_ABNORMALITIES),
    _concept("ddx", CASE, "the differential diagnosis", *_ABNORMALITIES),
    _concept("symptom", CASE, "what the patient noticed", "symptom"),
    _concept("mechanism", CASE, "how it happened", "mechanism"),
    _concept("region", FINDING, "a region with everything in it", "region"),
    Field("tag", CASE, "same", "a tag of the case"),
    Field("category", CASE, "same", "subject matter (CID 7017)"),
    _choice("difficulty", CASE, "primary, intermediate or advanced (CID 7016)", choices.DIFFICULTIES, True),
    _choice("status", CASE, "draft, ready, held or retired", choices.STATUSES),
    Field("set", CASE, "same", "member of a teaching set"),
    Field("case", CASE, "same", "slug of a case; knee-* for all that start so"),
    Field("similar", CASE, "same", "cases like this one, by its slug"),
    Field("author", CASE, "text", "who wrote the case"),
    Field("activity", CASE, "text", "work or sport of the patient"),
    Field("title", CASE, "text", "words of the title"),
    Field("completeness", CASE, "number", "0 to 100"),
    _choice("fictional", CASE, "yes or no", ("yes", "no")),
    Field("has", CASE, "has", "presence of material: " + ", ".join(HAS), choices=tuple(HAS)),
    _choice("calibrated", MEDIA, "whether the file has a scale", ("yes", "no")),
    _choice("kind", MEDIA, "dicom, image, clip; or case", ("dicom", "image", "clip", "other", "case")),
    _concept("mode", MEDIA, "b_mode, power_doppler …", "mode"),
    _concept("plane", MEDIA, "long_axis, short_axis …", "plane"),
    _concept("position", MEDIA, "how the patient lay", "position"),
    Field("fps", MEDIA, "number", "frames a second, where known"),
    Field("duration", MEDIA, "number", "seconds"),
    Field("frequency", MEDIA, "number", "of the transducer, in MHz"),
    Field("anatomic_region", MEDIA, "text", "the anatomy that the file itself names"),
    Field("name", MEDIA, "text", "the file name it was taken from"),
    Field("sha256", MEDIA, "same", "the file itself; its first letters with * are enough"),
    Field("age", CASE, "number", "years"),
    _choice("sex", CASE, "F, M or O", ("F", "M", "O")),
    Field("date", MEDIA, "date", "of the study: 2024, 2024-05, 2024-05-17, and ranges of them"),
)

_SAME = frozenset({"study", "series", "uid", "sop_class"})
_NUMBERS = frozenset({"int", "real"})


def _from_table() -> dict[str, Field]:
    found: dict[str, Field] = {}
    for row in attributes.TABLE:
        if not row.field:
            continue
        takes = "number" if row.kind in _NUMBERS else "same" if row.field in _SAME else "text"
        found[row.field] = Field(row.field, MEDIA, takes, f"{row.keyword} of the file")
    return found


#: Every field of the query language by its name.
FIELDS: Mapping[str, Field] = {**_from_table(), **{f.name: f for f in _OWN}}

#: Other words for a field.
ALIASES: Mapping[str, str] = {
    "anatomy": "structure",
    "abnormality": "finding",
    "without": "no",
    "laterality": "side",
    "manoeuvre": "maneuver",
    "diagnosis": "dx",
    "differential": "ddx",
    "symptoms": "symptom",
    "tags": "tag",
    "confirmed_by": "confirmed",
    "filename": "name",
    "file": "name",
    "slug": "case",
    "frame_rate": "fps",
    "gender": "sex",
    "level": "difficulty",
    "sport": "activity",
    "is": "status",
}

#: The column of each field that is asked of a file (alias ``i``, ``s``, ``t`` or ``p`` in ``query.sql``).
COLUMNS: Mapping[str, tuple[str, str]] = {
    **{row.field: (row.level, row.column) for row in attributes.TABLE if row.field},
    "fps": ("instance", "fps"),
    "frequency": ("instance", "transducer_frequency"),
    "anatomic_region": ("instance", "anatomic_region"),
    "duration": ("instance", "duration_s"),
    "name": ("instance", "name"),
    "sha256": ("instance", "sha256"),
    "kind": ("instance", "kind"),
}


def field_names(fields: Mapping[str, Field], lexicon: Lexicon) -> tuple[str, ...]:
    """Every word that may stand before a colon, but for measurements."""
    return (*fields, *ALIASES, *scales(lexicon))


def scale(name: str, lexicon: Lexicon) -> str | None:
    """What the case file calls the scale of this name, or None where there is none: a scale is a field too."""
    found = lexicon.resolve(name.replace("_", " "), ("scale",))
    return called(found.id, lexicon) if found is not None else None


def scales(lexicon: Lexicon) -> tuple[str, ...]:
    """Every scale, as the case file calls it."""
    return tuple(called(concept_id, lexicon) for concept_id in lexicon.ids(("scale",)))


def has_value(text: str) -> str | None:
    word = text.lower().strip()
    word = _HAS_TOO.get(word, word)
    return word if word in HAS else None
