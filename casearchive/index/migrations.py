"""The schema of ``index.db``, as an append-only list of steps; each imports nothing of today's code.

A step that has been released is never edited: a later one changes what it made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

#: How many steps this program knows; ``PRAGMA user_version`` of an index holds how many it has had.
LATEST = 3

_FIRST = """
CREATE TABLE subjects (
  id INTEGER PRIMARY KEY,
  subject_key TEXT NOT NULL UNIQUE CHECK (length(subject_key) = 64),
  patient_sex TEXT,
  patient_species TEXT
) STRICT;
CREATE TABLE studies (
  id INTEGER PRIMARY KEY,
  subject_id INTEGER NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
  study_instance_uid TEXT NOT NULL,
  study_date TEXT CHECK (study_date IS NULL OR study_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  study_time TEXT,
  study_description TEXT,
  patient_age TEXT,
  UNIQUE (subject_id, study_instance_uid)
) STRICT;
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  study_id INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  series_instance_uid TEXT NOT NULL,
  series_number INTEGER,
  modality TEXT,
  series_description TEXT,
  protocol_name TEXT,
  body_part_examined TEXT,
  laterality TEXT,
  manufacturer TEXT,
  manufacturer_model_name TEXT,
  software_versions TEXT,
  UNIQUE (study_id, series_instance_uid)
) STRICT;
CREATE TABLE instances (
  id INTEGER PRIMARY KEY,
  series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
  kind TEXT NOT NULL CHECK (kind IN ('dicom', 'image', 'clip', 'other')),
  name TEXT NOT NULL DEFAULT '',
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  media_type TEXT NOT NULL DEFAULT '',
  sop_instance_uid TEXT NOT NULL,
  sop_class_uid TEXT,
  transfer_syntax_uid TEXT,
  instance_number INTEGER,
  image_type TEXT,
  photometric_interpretation TEXT,
  samples_per_pixel INTEGER,
  bits_stored INTEGER,
  rows INTEGER CHECK (rows IS NULL OR rows >= 0),
  columns INTEGER CHECK (columns IS NULL OR columns >= 0),
  frames INTEGER NOT NULL DEFAULT 0 CHECK (frames >= 0),
  content_date TEXT,
  image_laterality TEXT,
  view_name TEXT,
  view_number INTEGER,
  stage_name TEXT,
  stage_number INTEGER,
  anatomic_region TEXT,
  transducer_type TEXT,
  transducer_data TEXT,
  transducer_frequency REAL,
  depth_of_scan_field REAL,
  mechanical_index REAL,
  thermal_index REAL,
  heart_rate INTEGER,
  burned_in_annotation TEXT,
  patient_identity_removed TEXT,
  lossy_image_compression TEXT,
  fps REAL CHECK (fps IS NULL OR fps > 0),
  fps_source TEXT NOT NULL DEFAULT 'unknown',
  duration_s REAL CHECK (duration_s IS NULL OR duration_s >= 0),
  frame_times TEXT NOT NULL DEFAULT '[]',
  key_frame INTEGER CHECK (key_frame IS NULL OR key_frame >= 1),
  key_frame_why TEXT NOT NULL DEFAULT '',
  pictured INTEGER NOT NULL DEFAULT 0 CHECK (pictured IN (0, 1)),
  side TEXT NOT NULL DEFAULT 'unknown',
  notes TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX instances_sop ON instances (sop_instance_uid);
CREATE INDEX instances_series ON instances (series_id);
CREATE TABLE ultrasound_regions (
  instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  min_x0 INTEGER NOT NULL, min_y0 INTEGER NOT NULL, max_x1 INTEGER NOT NULL, max_y1 INTEGER NOT NULL,
  spatial_format INTEGER, data_type INTEGER, flags INTEGER,
  units_x INTEGER, units_y INTEGER, delta_x REAL, delta_y REAL,
  ref_pixel_x0 INTEGER, ref_pixel_y0 INTEGER, ref_value_x REAL, ref_value_y REAL,
  source TEXT NOT NULL DEFAULT 'header',
  PRIMARY KEY (instance_id, position)
) STRICT;
-- What one source says of a file; sources that disagree are all kept.
CREATE TABLE claims (
  instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  what TEXT NOT NULL,
  source TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (instance_id, what, source, value)
) STRICT, WITHOUT ROWID;
-- What must never leave. Search never reads it; the leak scan does.
CREATE TABLE identifiers (
  instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  keyword TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (instance_id, keyword, value)
) STRICT, WITHOUT ROWID;

-- The number of a case is the number of its document.
CREATE TABLE cases (
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE CHECK (slug <> '' AND slug NOT GLOB '*[^a-z0-9-]*'),
  title TEXT NOT NULL,
  quiz_title TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL CHECK (status IN ('draft', 'ready', 'held', 'retired')),
  hold TEXT NOT NULL DEFAULT '',
  difficulty TEXT NOT NULL DEFAULT '',
  fictional INTEGER NOT NULL DEFAULT 0 CHECK (fictional IN (0, 1)),
  author TEXT NOT NULL DEFAULT '',
  consent_scope TEXT NOT NULL DEFAULT '',
  consent_until TEXT NOT NULL DEFAULT '',
  age_years REAL,
  sex TEXT NOT NULL DEFAULT '',
  activity TEXT NOT NULL DEFAULT '',
  completeness INTEGER NOT NULL DEFAULT 0 CHECK (completeness BETWEEN 0 AND 100),
  record_sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE media (
  id INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  media_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  instance_id INTEGER REFERENCES instances (id) ON DELETE SET NULL,
  caption TEXT NOT NULL DEFAULT '',
  quiz_caption TEXT NOT NULL DEFAULT '',
  structure TEXT NOT NULL DEFAULT '',
  side TEXT NOT NULL DEFAULT 'unknown',
  plane TEXT NOT NULL DEFAULT '',
  mode TEXT NOT NULL DEFAULT '',
  maneuver TEXT NOT NULL DEFAULT '',
  patient_position TEXT NOT NULL DEFAULT '',
  day INTEGER,
  key_frame INTEGER,
  pair TEXT NOT NULL DEFAULT '',
  UNIQUE (case_id, media_id)
) STRICT;
CREATE INDEX media_sha ON media (sha256);
CREATE INDEX media_instance ON media (instance_id);
-- What search looks through: one row a case, and one a file that belongs to no case.
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id INTEGER UNIQUE REFERENCES cases (id) ON DELETE CASCADE,
  instance_id INTEGER UNIQUE REFERENCES instances (id) ON DELETE CASCADE,
  CHECK ((case_id IS NULL) <> (instance_id IS NULL)),
  CHECK (case_id IS NULL OR case_id = id)
) STRICT;
-- ``key`` is the case's id, or minus the id of a file outside any case. ``origin`` tells an author's finding from
-- one that was read in the text (``source`` says where, ``quote`` what it said); the latter is never reviewed.
CREATE TABLE findings (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  key INTEGER NOT NULL CHECK (key <> 0),
  position INTEGER NOT NULL,
  finding_id TEXT NOT NULL,
  abnormality TEXT NOT NULL,
  structure TEXT NOT NULL DEFAULT '',
  site TEXT NOT NULL DEFAULT '',
  side TEXT NOT NULL DEFAULT 'unknown'
    CHECK (side IN ('left', 'right', 'bilateral', 'midline', 'none', 'unknown')),
  certainty TEXT NOT NULL
    CHECK (certainty IN ('definite', 'probable', 'possible', 'absent', 'not_assessed')),
  severity TEXT NOT NULL DEFAULT '',
  temporality TEXT NOT NULL DEFAULT '',
  modality TEXT NOT NULL DEFAULT 'us',
  comparison TEXT NOT NULL DEFAULT '',
  maneuver TEXT NOT NULL DEFAULT '',
  at_rest TEXT NOT NULL DEFAULT '',
  during TEXT NOT NULL DEFAULT '',
  doppler_scale TEXT NOT NULL DEFAULT '',
  doppler_value REAL,
  confirmed_by TEXT NOT NULL DEFAULT '',
  echogenicity TEXT NOT NULL DEFAULT '[]',
  note TEXT NOT NULL DEFAULT '',
  reviewed INTEGER NOT NULL DEFAULT 1 CHECK (reviewed IN (0, 1)),
  origin TEXT NOT NULL DEFAULT 'record' CHECK (origin IN ('record', 'text', 'report')),
  source TEXT NOT NULL DEFAULT '',
  quote TEXT NOT NULL DEFAULT '',
  UNIQUE (document, finding_id),
  CHECK (origin = 'record' OR reviewed = 0)
) STRICT;
CREATE INDEX findings_abnormality ON findings (abnormality);
CREATE INDEX findings_structure ON findings (structure);
-- Holds what the facets count, so that they need not visit the rows.
CREATE INDEX findings_document ON findings (document, certainty, structure, abnormality, side);
CREATE TABLE evidence (
  finding INTEGER NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  media_id TEXT NOT NULL,
  frame_from INTEGER CHECK (frame_from IS NULL OR frame_from >= 1),
  frame_to INTEGER CHECK (frame_to IS NULL OR frame_to >= frame_from),
  shape TEXT NOT NULL DEFAULT '',
  points TEXT NOT NULL DEFAULT '[]',
  best INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (finding, position)
) STRICT;
CREATE TABLE grades (
  finding INTEGER NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
  scale TEXT NOT NULL,
  value TEXT NOT NULL,
  ordinal REAL,
  PRIMARY KEY (finding, scale)
) STRICT;
CREATE TABLE relations (
  finding INTEGER NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  structure TEXT NOT NULL,
  PRIMARY KEY (finding, kind, structure)
) STRICT, WITHOUT ROWID;
CREATE TABLE measurements (
  id INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  finding_id TEXT NOT NULL DEFAULT '',
  what TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT '',
  side TEXT NOT NULL DEFAULT '',
  value REAL NOT NULL,
  unit TEXT NOT NULL DEFAULT '',
  base_value REAL,
  base_unit TEXT NOT NULL DEFAULT '',
  media_id TEXT NOT NULL DEFAULT '',
  frame INTEGER,
  UNIQUE (case_id, position)
) STRICT;
CREATE TABLE priors (
  id INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  day INTEGER,
  modality TEXT NOT NULL DEFAULT '',
  impression TEXT NOT NULL DEFAULT '',
  discordance TEXT NOT NULL DEFAULT '',
  says TEXT NOT NULL DEFAULT '[]',
  missed TEXT NOT NULL DEFAULT '[]',
  UNIQUE (case_id, position)
) STRICT;
-- Everything a case names once: role is diagnosis, differential, symptom, mechanism, category or tag.
CREATE TABLE case_terms (
  case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  term TEXT NOT NULL,
  structure TEXT NOT NULL DEFAULT '',
  side TEXT NOT NULL DEFAULT '',
  certainty TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (case_id, role, term, structure, side)
) STRICT, WITHOUT ROWID;

CREATE INDEX case_terms_term ON case_terms (role, term, case_id);
-- The first six columns leave out what the text denies ("no tear"); ``verbatim`` holds every word, for phrases.
CREATE VIRTUAL TABLE case_search USING fts5 (
  title, diagnosis, findings, captions, story, meta, verbatim,
  tokenize = "porter unicode61 remove_diacritics 2"
);

-- What every document, finding, clip and term of a case is, as sets of bits (``index.shelf``).
CREATE TABLE facts (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  block INTEGER NOT NULL,
  dense INTEGER NOT NULL CHECK (dense IN (0, 1)),
  bits BLOB NOT NULL,
  UNIQUE (name, block)
) STRICT;

CREATE TABLE sets (
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL DEFAULT '',
  query TEXT NOT NULL DEFAULT '',
  living INTEGER NOT NULL DEFAULT 0 CHECK (living IN (0, 1))
) STRICT;
CREATE TABLE set_cases (
  set_id INTEGER NOT NULL REFERENCES sets (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  slug TEXT NOT NULL,
  PRIMARY KEY (set_id, position),
  UNIQUE (set_id, slug)
) STRICT;
-- Told by the ledger, kept here so that they can be asked for.
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  event TEXT NOT NULL,
  subject TEXT NOT NULL DEFAULT '',
  details TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX events_subject ON events (subject);
-- What the index was made with: ``vocabulary`` is the fingerprint of its lexicon.
CREATE TABLE about (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Where bytes were seen, so that an unchanged tree need not be read again.
CREATE TABLE sources (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


_REPORTS = """
-- What a structured report says. Only the miner reads it: it may name people.
CREATE TABLE reports (
  instance_id INTEGER PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
  text TEXT NOT NULL
) STRICT;
"""


_SEALS = """
-- A digest of what each case, file, document … says (``index.seals``).
CREATE TABLE seals (
  kind TEXT NOT NULL,
  number INTEGER NOT NULL,
  digest BLOB NOT NULL,
  PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
"""


def migrations() -> Migrations:
    """The list, built on demand: sqlite-utils is heavy and only writers need it."""
    from sqlite_utils import Migrations

    steps = Migrations("casearchive.index")

    @steps()
    def m001_first(db: Database) -> None:
        for statement in _statements(_FIRST):
            db.conn.execute(statement)

    @steps()
    def m002_reports(db: Database) -> None:
        for statement in _statements(_REPORTS):
            db.conn.execute(statement)

    @steps()
    def m003_seals(db: Database) -> None:
        for statement in _statements(_SEALS):
            db.conn.execute(statement)

    return steps


def _statements(script: str) -> list[str]:
    """Split a script at the semicolons that end a line, so that it runs inside one transaction."""
    found: list[str] = []
    current: list[str] = []
    for line in script.splitlines():
        if line.strip().startswith("--") or not line.strip():
            continue
        current.append(line)
        if line.rstrip().endswith(";"):
            found.append("\n".join(current))
            current = []
    return found
