"""The one table of the case file: every key, what may stand there, and the value it becomes.

Reading, writing and the JSON Schema walk this table; nothing else knows the keys. The order here is the order
in which a new case file is written.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from casearchive import choices, model
from casearchive.frozen import dataclass
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS

#: Kinds of concept a field's value may name.
STRUCTURES = STRUCTURE_KINDS | {"site"}
FINDINGS = ABNORMALITY_KINDS | {"symptom"}
MANEUVERS = frozenset({"maneuver", "maneuver_state"})

#: How many points each shape takes: (fewest, most), None for no limit. An ellipse is the two corners of the
#: box around it, or the four ends of its axes, major axis first (PS3.3 C.10.5.1.2).
SHAPES: dict[str, tuple[int, int | None]] = {
    "point": (1, 1),
    "line": (2, None),
    "polygon": (3, None),
    "box": (2, 2),
    "ellipse": (2, 4),
}


@dataclass(frozen=True)
class Field:
    """One key of the case file.

    ``kind`` names the reader in ``record.reading``: ``line`` is text without line breaks, ``text`` is prose,
    ``concept`` becomes a concept id of ``concepts`` where the word is known, ``word`` the short word of a scale
    or measurement. ``attr`` is the model's attribute where it is called otherwise. ``low`` is the
    least number allowed, ``pattern`` must match the whole text, ``refers`` says whose id the text must be.
    """

    key: str
    kind: str
    doc: str
    attr: str = ""
    choices: tuple[str, ...] = ()
    concepts: frozenset[str] = frozenset()
    table: Table | None = None
    required: bool = False
    low: int | None = None
    pattern: str = ""
    refers: str = ""

    @property
    def name(self) -> str:
        return self.attr or self.key


@dataclass(frozen=True)
class Table:
    """A TOML table and the dataclass it becomes. ``inline`` tables are written on one line."""

    made: type[Any]
    fields: tuple[Field, ...]
    inline: bool = False

    def field(self, key: str) -> Field | None:
        return next((f for f in self.fields if f.key == key), None)

    def default(self, field: Field) -> Any:
        """What the model holds when the key is not there ('', 0 or () where the model insists on a value)."""
        known = _defaults(self.made)
        if field.name in known:
            return known[field.name]
        return () if field.kind in _LISTS else 0.0 if field.kind == "number" else ""


_known_defaults: dict[type[Any], dict[str, Any]] = {}


def _defaults(made: type[Any]) -> dict[str, Any]:
    if made not in _known_defaults:  # a record asks a hundred times
        kept = {f.name: f.default for f in dataclasses.fields(made) if f.default is not dataclasses.MISSING}
        _known_defaults[made] = kept
    return _known_defaults[made]


_LISTS = {"texts", "concepts", "tables", "grades", "points"}

ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
AGE = r"[<>]?\d{1,3}( ?[-–] ?\d{1,3})?\+? ?[YMWDymwd]"

AUTHOR = Table(
    model.Author,
    (
        Field("name", "line", "who wrote the case, as it is shown"),
        Field("affiliation", "line", "department or institution"),
        Field("contact", "line", "how to reach the author"),
    ),
)

CONSENT = Table(
    model.Consent,
    (
        Field("scope", "line", "what the patient agreed to, such as teaching"),
        Field("until", "date", "the last day of the consent"),
        Field("reference", "line", "where the consent is filed; never a name or number of the patient"),
    ),
)

PATIENT = Table(
    model.Patient,
    (
        Field("age", "line", 'age at the study, such as "24 Y"; never a birth date', pattern=AGE),
        Field("sex", "choice", "sex as in DICOM Patient's Sex", choices=("M", "F", "O")),
        Field("activity", "line", "work or sport that matters to the case"),
    ),
)

DIAGNOSIS = Table(
    model.Diagnosis,
    (
        Field("what", "concept", "the diagnosis", concepts=FINDINGS, required=True),
        Field("structure", "concept", "where", concepts=STRUCTURES),
        Field("side", "choice", "which side", choices=choices.SIDES),
        Field("certainty", "choice", "how sure", choices=choices.CERTAINTIES),
        Field("confirmed_by", "line", "surgery, mri, follow-up, histology …"),
    ),
    inline=True,
)

STORY = Table(
    model.Story,
    (
        Field("history", "text", "what happened and what brought the patient, without identity"),
        Field("symptoms", "texts", "symptoms, a word or a phrase each"),
        Field("mechanism", "texts", "how it came about"),
        Field("technique", "text", "probe, position, manoeuvres, comparison"),
        Field("diagnosis", "tables", "final diagnosis", table=DIAGNOSIS),
        Field("differential", "texts", "what else was considered"),
        Field("discussion", "text", "what the case teaches, at length"),
        Field("treatment", "text", "what was done"),
        Field("outcome", "text", "how it ended"),
        Field("points", "texts", "teaching points, a sentence each"),
        Field("pitfalls", "texts", "traps, a sentence each"),
        Field("references", "texts", "literature"),
    ),
)

PRIOR = Table(
    model.Prior,
    (
        Field("day", "int", "days from the index study (day 0); before it is negative"),
        Field("modality", "choice", "who saw it", choices=choices.MODALITIES),
        Field("impression", "text", "what was thought, in the words of then"),
        Field("says", "concepts", "the abnormalities it claimed", concepts=FINDINGS),
        Field("discordance", "choice", "how it compares with what was found", choices=choices.DISCORDANCES),
        Field("missed", "concepts", "the abnormalities it missed", concepts=FINDINGS),
        Field("note", "text", "why it differed"),
    ),
)

TEST = Table(
    model.ClinicalTest,
    (
        Field("test", "line", "the clinical test", required=True),
        Field("result", "line", "positive, negative, painful …"),
        Field("side", "choice", "which side", choices=choices.SIDES),
        Field("note", "text", "anything else"),
    ),
)

CALIBRATION = Table(
    model.Calibration,
    (
        Field("points", "pair", "two points (x, y) in stored pixels", required=True),
        Field("mm", "number", "the true distance between them", required=True, low=0),
    ),
    inline=True,
)

MEDIA = Table(
    model.Media,
    (
        Field("id", "line", "what findings call this clip, such as M2", pattern=ID),
        Field("file", "path", "the file beside this case file"),
        Field("sha256", "line", "the original's hash, once it is in an archive", pattern=r"[0-9a-f]{64}"),
        Field("name", "line", "the file name the original came with"),
        Field("caption", "text", "what the picture shows"),
        Field("quiz_caption", "text", "the caption while the answer is hidden"),
        Field("structure", "concept", "what is pictured", concepts=STRUCTURES),
        Field("side", "choice", "which side", choices=choices.SIDES),
        Field("plane", "concept", "plane of the section (CID 6)", concepts=frozenset({"plane"})),
        Field("mode", "concept", "B-mode, Doppler …", concepts=frozenset({"mode"})),
        Field("maneuver", "concept", "what the patient or the probe did (CID 91-94)", concepts=MANEUVERS),
        Field("position", "concept", "position of the patient (CID 20)", concepts=frozenset({"position"})),
        Field("day", "int", "days from the index study (day 0)"),
        Field("key_frame", "int", "the frame that shows it best, counted from 1", low=1),
        Field("pair", "line", "id of the other side of a comparison", refers="media"),
        Field("calibration", "table", "for clips without ultrasound regions", table=CALIBRATION),
    ),
)

DYNAMIC = Table(
    model.Dynamic,
    (
        Field("maneuver", "concept", "the manoeuvre", concepts=MANEUVERS),
        Field("at_rest", "line", "what is seen at rest"),
        Field("during", "line", "what is seen during the manoeuvre"),
    ),
    inline=True,
)

DOPPLER = Table(
    model.Doppler,
    (
        Field("scale", "word", "the scale", concepts=frozenset({"scale"})),
        Field("value", "number", "the grade on that scale", low=0),
    ),
    inline=True,
)

RELATION = Table(
    model.Relation,
    (
        Field("kind", "line", "compressed_by, adjacent_to, involves, spares …", required=True),
        Field(
            "structure",
            "concept",
            "the other structure, or what presses",
            concepts=STRUCTURES | FINDINGS,
            required=True,
        ),
    ),
    inline=True,
)

EVIDENCE = Table(
    model.Evidence,
    (
        Field("media", "line", "id of the clip", required=True, refers="media"),
        Field("frames", "frames", "first and last frame, counted from 1"),
        Field("shape", "shape", "one of point, line, polygon, box, ellipse, in stored pixels"),
        Field("best", "bool", "the best illustration of the finding"),
    ),
    inline=True,
)

FINDING = Table(
    model.Finding,
    (
        Field("id", "line", "what measurements and quiz call this finding, such as F1", pattern=ID),
        Field("structure", "concept", "the structure, as precisely as known", concepts=STRUCTURES),
        Field("site", "concept", "where in the structure", concepts=frozenset({"site"}) | STRUCTURE_KINDS),
        Field("side", "choice", "which side", choices=choices.SIDES),
        Field("abnormality", "concept", "what is wrong, or normal", concepts=FINDINGS),
        Field("certainty", "choice", "how sure", choices=choices.CERTAINTIES),
        Field("severity", "choice", "how severe", choices=choices.SEVERITIES),
        Field("temporality", "choice", "how old", choices=choices.TEMPORALITIES),
        Field(
            "echogenicity",
            "concepts",
            "how it looks",
            concepts=frozenset({"echogenicity", "artifact", "flow"}),
        ),
        Field("grades", "grades", 'a grade for each scale, such as { peetrons = "3" }'),
        Field("doppler", "table", "Doppler grade", table=DOPPLER),
        Field("dynamic", "table", "at rest and during a manoeuvre", table=DYNAMIC),
        Field("comparison", "line", "contralateral, prior_study, normative"),
        Field("modality", "choice", "who saw it", choices=choices.MODALITIES),
        Field("relation", "tables", "relation to another structure", attr="relations", table=RELATION),
        Field("confirmed_by", "line", "surgery, mri, follow-up, histology …"),
        Field("note", "text", "anything else"),
        Field("evidence", "tables", "where it can be seen", table=EVIDENCE),
        Field("reviewed", "bool", "false while nobody has looked at a finding mined from text"),
    ),
)

MEASUREMENT = Table(
    model.Measurement,
    (
        Field("finding", "line", "id of the finding", refers="finding"),
        Field("what", "word", "gap, csa, thickness …", concepts=frozenset({"measurement"}), required=True),
        Field("state", "concept", "rest or the manoeuvre", concepts=MANEUVERS),
        Field("side", "choice", "which side", choices=choices.SIDES),
        Field("value", "number", "the value as measured", required=True),
        Field("unit", "line", "UCUM unit: mm, mm2, mL, deg, % …"),
        Field("media", "line", "id of the clip", refers="media"),
        Field("frame", "int", "the frame, counted from 1", low=1),
        Field("points", "points", "the points measured, in stored pixels"),
        Field("note", "text", "how it was measured"),
    ),
)

ASK_POINT = Table(
    model.QuizPoint,
    (
        Field("media", "line", "id of the clip", required=True, refers="media"),
        Field("frame", "int", "the frame, counted from 1", low=1),
        Field("finding", "line", "id of the finding to mark", refers="finding"),
    ),
    inline=True,
)

QUIZ = Table(
    model.Quiz,
    (
        Field("question", "text", "the question", required=True),
        Field("options", "texts", "the answers to choose from"),
        Field("answer", "int", "the right option, counted from 1", low=1),
        Field("why", "text", "why it is right"),
        Field("reasons", "texts", "of each option, in their order, why it is right or wrong"),
        Field("ask_point", "table", "a mark-the-finding question", table=ASK_POINT),
    ),
)

CASE = Table(
    model.Case,
    (
        Field("title", "line", "diagnosis and special point", required=True),
        Field("quiz_title", "line", "the title while the answer is hidden"),
        Field("status", "choice", "draft until it is ready", choices=choices.STATUSES),
        Field("hold", "line", "why it is held (CID 7015)"),
        Field("difficulty", "choice", "level (CID 7016)", choices=choices.DIFFICULTIES),
        Field("category", "texts", "subject (CID 7017)"),
        Field("tags", "texts", "free tags"),
        Field("fictional", "bool", "true for an invented case"),
        Field("author", "table", "the author", table=AUTHOR),
        Field("consent", "table", "the patient's consent", table=CONSENT),
        Field("patient", "table", "never a name, number or birth date", table=PATIENT),
        Field("story", "table", "the case in words", table=STORY),
        Field("prior", "tables", "what was thought before; never a finding", attr="priors", table=PRIOR),
        Field("test", "tables", "clinical tests", attr="tests", table=TEST),
        Field("media", "tables", "clips and pictures", table=MEDIA),
        Field(
            "finding", "tables", "what was found, and what was found absent", attr="findings", table=FINDING
        ),
        Field(
            "measurement",
            "tables",
            "measurements, a row for each state",
            attr="measurements",
            table=MEASUREMENT,
        ),
        Field("quiz", "tables", "questions", table=QUIZ),
    ),
)
