"""Frozen values in the standard's own words: what casearchive knows about pictures and about cases.

Frames count from 1. Pixel coordinates are stored-pixel coordinates (column, row), origin at the top left
corner. Sides, certainties and the like are the closed lists of ``choices``; anatomy and abnormality are concept
ids of the lexicon where known, otherwise the author's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from itertools import pairwise
from typing import Any, Protocol

from casearchive.choices import MODES
from casearchive.frozen import dataclass

# ---------------------------------------------------------------------------------------------- pictures


@dataclass(frozen=True)
class UltrasoundRegion:
    """One item of Sequence of Ultrasound Regions (PS3.3 C.8.5.5); corners are inclusive pixel positions.

    ``delta_x``/``delta_y`` are physical units per pixel (signed), in the units that ``units_x``/``units_y``
    name (PS3.3 C.8.5.5.1.15: 3 = cm, 4 = seconds, 7 = cm/s …).
    """

    min_x0: int
    min_y0: int
    max_x1: int
    max_y1: int
    spatial_format: int | None = None
    data_type: int | None = None
    flags: int | None = None
    units_x: int | None = None
    units_y: int | None = None
    delta_x: float | None = None
    delta_y: float | None = None
    ref_pixel_x0: int | None = None
    ref_pixel_y0: int | None = None
    ref_value_x: float | None = None
    ref_value_y: float | None = None
    source: str = "header"


#: How notes begin that say how a picture is laid out had to be guessed, or that it is not of the size its regions are
#: for, or has fewer frames than its header promises, as one of another size has: such a clip never leaves by itself.
GUESSED_LAYOUT = "said to hold its colours by"
ANOTHER_SIZE = "its frames measure"
TOO_FEW = "it promises"
DOUBTS = (GUESSED_LAYOUT, ANOTHER_SIZE, TOO_FEW)
#: What a clip is played at where nothing says how fast it was; whoever shows it says that it is a guess.
ASSUMED_FPS = 20.0


@dataclass(frozen=True)
class Timing:
    """Frames a second and where that number comes from (``FrameTime``, ``CineRate``, ``container`` …).

    ``fps`` is None where nothing says how fast the clip was; it is never guessed silently. Where the frames are
    not evenly spaced, ``times`` holds the seconds from the first frame to each one, and ``fps`` is the mean.
    """

    fps: float | None = None
    source: str = "unknown"
    duration_s: float | None = None
    times: tuple[float, ...] = ()

    def lasting(self, frames: int) -> tuple[float, ...]:
        """Seconds for which each of ``frames`` frames is shown; at ``ASSUMED_FPS`` where the speed is unknown."""
        even = 1.0 / (self.fps or ASSUMED_FPS)
        if len(self.times) != frames or frames < 2:
            return (even,) * frames
        steps = [after - before for before, after in pairwise(self.times)]
        last = (self.duration_s or 0.0) - self.times[-1]
        return (*steps, last if last > 0 else even)


@dataclass(frozen=True)
class Identifier:
    """Something that must never leave: a DICOM keyword (or ``file name``, ``exif:…``) and its text."""

    keyword: str
    value: str


@dataclass(frozen=True)
class Reference:
    """Another image that a file points to, with the keyword of the sequence that holds it (PS3.3 C.12.1.1.9)."""

    keyword: str
    sop_instance_uid: str


@dataclass(frozen=True)
class PrivateNumbers:
    """The numbers of one private element that ``attributes.SAFE_PRIVATE`` names; ``element`` is its last byte."""

    creator: str
    group: int
    element: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class Coded:
    """A code and its scheme as a file writes them (PS3.3 8.8).

    The ``meaning`` beside it is free text, in which anything may stand: only a ``Paper`` holds it, never ``Facts``, of
    which the airlock makes what leaves. Two codes are the same whatever their meanings say.
    """

    value: str
    scheme: str
    meaning: str = field(default="", compare=False)


@dataclass(frozen=True)
class Pointer:
    """An object that another one points to, and the frames that are meant (from 1; none named: all of them)."""

    sop_instance_uid: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class ContentItem:
    """One item of the content tree of a structured document, with all below it (PS3.3 C.17.3).

    ``kind`` and ``relation`` are Value Type and Relationship Type as written; a reference to another item of the tree
    has no kind. ``points`` are columns and rows (SCOORD, the first pixel's outer corner at 0) or offsets in seconds
    (TCOORD), ``shape`` Graphic Type or Temporal Range Type.
    """

    kind: str
    relation: str = ""
    name: Coded | None = None
    text: str = ""
    code: Coded | None = None
    number: float | None = None
    unit: Coded | None = None
    uid: str = ""
    shape: str = ""
    points: tuple[float, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    continuity: str = ""
    items: tuple[ContentItem, ...] = ()


@dataclass(frozen=True)
class DrawnGraphic:
    """One graphic object (PS3.3 C.10.5): ``points`` are pairs of column and row in ``units`` (PIXEL, the first pixel's
    centre at 1, or DISPLAY, from 0 to 1)."""

    shape: str
    units: str
    points: tuple[float, ...]
    filled: bool = False


@dataclass(frozen=True)
class DrawnText:
    """One text object (PS3.3 C.10.5): a ``box`` (left, top, right, bottom) or an ``anchor``, in their own units."""

    text: str
    box_units: str = ""
    box: tuple[float, ...] = ()
    justified: str = ""
    anchor_units: str = ""
    anchor: tuple[float, ...] = ()
    anchor_visible: bool = False


@dataclass(frozen=True)
class DrawnLayer:
    """What is drawn in one layer over ``pointers`` (none: over every image of the presentation)."""

    layer: str
    pointers: tuple[Pointer, ...] = ()
    graphics: tuple[DrawnGraphic, ...] = ()
    texts: tuple[DrawnText, ...] = ()


@dataclass(frozen=True)
class DisplayedArea:
    """Which part of an image is shown, and how large (PS3.3 C.10.4): corners are (column, row) from 1."""

    pointers: tuple[Pointer, ...]
    corners: tuple[int, ...]
    mode: str
    spacing: tuple[float, ...] = ()
    aspect: tuple[int, ...] = ()
    magnified: float | None = None


@dataclass(frozen=True)
class Presentation:
    """What a softcopy presentation state says of the images it is for (PS3.3 A.33.1, A.33.2), without its tables."""

    pointers: tuple[Pointer, ...]
    areas: tuple[DisplayedArea, ...] = ()
    drawn: tuple[DrawnLayer, ...] = ()
    layers: tuple[str, ...] = ()  # by their order
    rotation: int | None = None  # degrees, clockwise
    flipped: bool = False
    inverse: bool = False


@dataclass(frozen=True)
class Paper:
    """A DICOM object that is no picture and may tell of a case, with the meanings of its codes; made when it is asked
    for, stored nowhere.

    ``maker`` is Manufacturer, ``observer`` the person who says so (PS3.16 TID 1003). ``evidence`` are the SOP Instance
    UIDs of its evidence (PS3.3 C.17.2.1), ``identical`` those of the documents that say the same (PS3.3 C.17.2.2).
    """

    sop_instance_uid: str
    sop_class_uid: str = ""
    study_instance_uid: str = ""
    maker: str = ""
    observer: str = ""
    content: ContentItem | None = None
    presentation: Presentation | None = None
    evidence: tuple[str, ...] = ()
    identical: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One thing that one source says of a file: ``side`` is ``left``, says ``SeriesDescription``.

    Sources that disagree are all kept: a person decides. ``source`` is a DICOM keyword, ``file name``,
    ``pixels`` (a guess) or ``person``.
    """

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Subject:
    """Patient level; ``identity`` is whatever tells patients apart, before it is keyed (never shown)."""

    identity: str = ""
    patient_sex: str | None = None
    patient_species: str | None = None


@dataclass(frozen=True)
class Study:
    study_instance_uid: str
    study_date: str | None = None  # ISO 8601
    study_time: str | None = None
    study_description: str | None = None
    patient_age: str | None = None


@dataclass(frozen=True)
class Series:
    series_instance_uid: str
    series_number: int | None = None
    modality: str | None = None
    series_description: str | None = None
    protocol_name: str | None = None
    body_part_examined: str | None = None
    laterality: str | None = None
    manufacturer: str | None = None
    manufacturer_model_name: str | None = None
    software_versions: str | None = None


@dataclass(frozen=True)
class Instance:
    """One file's picture facts. A photo or an MP4 is an instance too (UID ``2.25.`` + UUID5 of its hash)."""

    sop_instance_uid: str
    sop_class_uid: str | None = None
    transfer_syntax_uid: str | None = None
    instance_number: int | None = None
    image_type: str | None = None
    photometric_interpretation: str | None = None
    samples_per_pixel: int | None = None
    bits_stored: int | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int = 0
    content_date: str | None = None
    image_laterality: str | None = None
    view_name: str | None = None
    view_number: int | None = None
    stage_name: str | None = None
    stage_number: int | None = None
    anatomic_region: str | None = None
    transducer_type: str | None = None
    transducer_data: str | None = None
    transducer_frequency: float | None = None  # MHz
    depth_of_scan_field: float | None = None  # mm
    mechanical_index: float | None = None
    thermal_index: float | None = None
    heart_rate: int | None = None
    burned_in_annotation: str | None = None
    patient_identity_removed: str | None = None
    lossy_image_compression: str | None = None


@dataclass(frozen=True)
class Facts:
    """All that is known of one file before its pixels are looked at."""

    kind: str  # dicom | image | clip | other
    subject: Subject
    study: Study
    series: Series
    instance: Instance
    timing: Timing = Timing()
    regions: tuple[UltrasoundRegion, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    notes: tuple[str, ...] = ()
    media_type: str = "application/octet-stream"
    claims: tuple[Claim, ...] = ()
    private: tuple[PrivateNumbers, ...] = ()  # read, never stored: only the airlock asks
    references: tuple[Reference, ...] = ()  # as private
    content: ContentItem | None = (
        None  # the root of a structured document that could be read whole; as private
    )
    presentation: Presentation | None = None  # as private
    pixel_aspect: tuple[int, int] = (1, 1)  # height : width of a pixel (PS3.3 C.7.6.3.1.7); as private
    report: str = (
        ""  # what a structured report says, a line a sentence; may name people, so it is never shown
    )

    @property
    def modes(self) -> tuple[str, ...]:
        """How the picture was made, whoever says so, in the order of ``choices.MODES``."""
        said = {claim.value for claim in self.claims if claim.what == "mode"}
        return tuple(mode for mode in MODES if mode in said)


# ------------------------------------------------------------------------------------------------- cases


@dataclass(frozen=True)
class Author:
    name: str = ""
    affiliation: str = ""
    contact: str = ""


@dataclass(frozen=True)
class Consent:
    scope: str = ""
    until: str = ""  # ISO date
    reference: str = ""


@dataclass(frozen=True)
class Patient:
    """Never a name, a number or a birth date."""

    age: str = ""  # "24 Y"
    sex: str = ""
    activity: str = ""


@dataclass(frozen=True)
class Diagnosis:
    what: str
    structure: str = ""
    side: str = "unknown"
    certainty: str = "definite"
    confirmed_by: str = ""


@dataclass(frozen=True)
class Story:
    history: str = ""
    symptoms: tuple[str, ...] = ()
    mechanism: tuple[str, ...] = ()
    technique: str = ""
    diagnosis: tuple[Diagnosis, ...] = ()
    differential: tuple[str, ...] = ()
    discussion: str = ""
    treatment: str = ""
    outcome: str = ""
    points: tuple[str, ...] = ()
    pitfalls: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prior:
    """What was thought before; never a finding. ``day`` is relative to the index study (day 0)."""

    day: int | None = None
    modality: str = ""
    impression: str = ""
    says: tuple[str, ...] = ()
    discordance: str = ""
    missed: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class ClinicalTest:
    test: str
    result: str = ""
    side: str = "unknown"
    note: str = ""


@dataclass(frozen=True)
class Calibration:
    """Two points, (x, y) in pixels, and the true distance between them: for clips without regions."""

    points: tuple[tuple[float, float], tuple[float, float]]
    mm: float


@dataclass(frozen=True)
class Media:
    """One clip of a case. ``file`` stands beside a case file; ``sha256`` and ``name`` in the archive."""

    id: str
    file: str = ""
    sha256: str = ""
    name: str = ""
    caption: str = ""
    quiz_caption: str = ""
    structure: str = ""
    side: str = "unknown"
    plane: str = ""
    mode: str = ""
    maneuver: str = ""
    position: str = ""
    day: int | None = None
    key_frame: int | None = None
    pair: str = ""
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Evidence:
    """Where a finding can be seen: a clip, a 1-based inclusive frame range, and at most one shape."""

    media: str
    frames: tuple[int, int] | None = None
    shape: str = ""  # point | line | polygon | box | ellipse
    points: tuple[tuple[float, float], ...] = ()
    best: bool = False


@dataclass(frozen=True)
class Dynamic:
    maneuver: str = ""
    at_rest: str = ""
    during: str = ""


@dataclass(frozen=True)
class Doppler:
    scale: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Relation:
    kind: str
    structure: str


@dataclass(frozen=True)
class Grade:
    """A grade belongs to its scale; scales never mix. ``value`` keeps the author's spelling (``2b``)."""

    scale: str
    value: str


@dataclass(frozen=True)
class Finding:
    id: str
    abnormality: str
    structure: str = ""
    site: str = ""
    side: str = "unknown"
    certainty: str = "definite"
    severity: str = ""
    temporality: str = ""
    echogenicity: tuple[str, ...] = ()
    grades: tuple[Grade, ...] = ()
    doppler: Doppler | None = None
    dynamic: Dynamic | None = None
    comparison: str = ""
    modality: str = "us"
    relations: tuple[Relation, ...] = ()
    confirmed_by: str = ""
    note: str = ""
    evidence: tuple[Evidence, ...] = ()
    reviewed: bool = True


@dataclass(frozen=True)
class Measurement:
    """``value`` in ``unit`` (UCUM), as typed by the author; ``points`` in stored pixels where given."""

    what: str
    value: float
    unit: str = ""
    finding: str = ""
    state: str = ""
    side: str = ""
    media: str = ""
    frame: int | None = None
    points: tuple[tuple[float, float], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class QuizPoint:
    media: str
    frame: int | None = None
    finding: str = ""


@dataclass(frozen=True)
class Quiz:
    """``answer`` counts from 1, as a person counts options; ``reasons`` say of each option, in their order, why it is
    right or wrong ("" where there is nothing to say)."""

    question: str
    options: tuple[str, ...] = ()
    answer: int | None = None
    why: str = ""
    ask_point: QuizPoint | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One teaching case: everything a ``case.toml`` can say."""

    slug: str
    title: str
    quiz_title: str = ""
    status: str = "draft"
    hold: str = ""
    difficulty: str = ""
    category: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    fictional: bool = False
    author: Author = Author()
    consent: Consent = Consent()
    patient: Patient = Patient()
    story: Story = Story()
    priors: tuple[Prior, ...] = ()
    tests: tuple[ClinicalTest, ...] = ()
    media: tuple[Media, ...] = ()
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    quiz: tuple[Quiz, ...] = ()


# ---------------------------------------------------------------------------------------------- outcomes


@dataclass(frozen=True)
class Outcome:
    """What became of one path: exactly one line of ``ingest --report``. The case that a DICOM document tells of has a
    line besides that of the file: ``path!case``."""

    path: str
    outcome: str  # added | known | skipped | failed
    kind: str = "other"  # dicom | image | clip | case | other
    sha256: str | None = None
    case: str | None = None
    sop_instance_uid: str | None = None
    reason: str | None = None
    message: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TeachingSetRecord:
    """A set as the archive keeps it (``sets/<slug>.toml``): an ordered choice of cases.

    ``query`` is the search it was saved from. A ``living`` set holds whatever that search finds when somebody
    asks; its file names no cases. ``lexicon`` is the version of the vocabulary it was saved with.
    """

    slug: str
    title: str = ""
    description: str = ""
    cases: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = field(default=())
    query: str = ""
    living: bool = False
    lexicon: str = ""


# ------------------------------------------------------------------------------------------------ ledger


class Line(Protocol):
    """A line of the ledger without its hashes, from the ledger itself or as the index heard it."""

    @property
    def position(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def who(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def details(self) -> Mapping[str, Any]: ...
    @property
    def aside(self) -> Mapping[str, str]: ...
