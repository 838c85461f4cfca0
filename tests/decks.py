"""Teaching sets made by hand and decks read back, for the tests of what leaves as cards and tables."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from casearchive.model import (
    Case,
    Diagnosis,
    Doppler,
    Dynamic,
    Evidence,
    Finding,
    Grade,
    Measurement,
    Media,
    Patient,
    Quiz,
    QuizPoint,
    Relation,
    Story,
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingSet

#: Words of the case that no front may hold.
SECRETS = ("complete tear", "rupture", "Achilles", "haematoma", "gate", "sutures")


class Frames:
    """Dark frames with a bright bar that moves with every frame."""

    def __init__(self, count: int = 1, rows: int = 90, columns: int = 120) -> None:
        self.count, self.rows, self.columns = count, rows, columns

    def __len__(self) -> int:
        return self.count

    def frame(self, number: int) -> NDArray[np.uint8]:
        assert 1 <= number <= self.count, "frames count from 1"
        picture = np.full((self.rows, self.columns), 40, np.uint8)
        picture[:, 4 * number : 4 * number + 4] = 200
        return picture


@dataclass
class Film:
    made: Path | None

    def path(self) -> Path | None:
        return self.made


def clip(
    ref: str, count: int = 1, *, film: Path | None = None, dicom: Path = Path("staged.dcm")
) -> TeachingClip:
    shown = Film(film) if count > 1 else None
    return TeachingClip(ref, 90, 120, Frames(count), 20.0, "FrameTime", min(2, count), (), dicom, film=shown)


def a_case(slug: str = "sore-heel") -> Case:
    """A still, a clip, two findings that are there (one with shapes on both) and one that is not."""
    shape = ((20.0, 20.0), (80.0, 20.0), (80.0, 60.0), (20.0, 60.0))
    return Case(
        slug=slug,
        title="Complete rupture of the Achilles tendon",
        quiz_title="Sore heel after a barn dance",
        status="ready",
        difficulty="advanced",
        fictional=True,
        patient=Patient("41 Y", "M", "fiddler"),
        story=Story(
            diagnosis=(Diagnosis("complete_tear", "achilles_tendon", "right", "definite", "surgery"),),
            treatment="Brass sutures.",
            points=("Opens like a gate.",),
            pitfalls=("Looking at rest only.",),
        ),
        media=(
            Media("M1", caption="The gate", quiz_caption="Long axis", side="right", plane="long_axis"),
            Media("M2", side="right", plane="short_axis"),
        ),
        findings=(
            Finding(
                "F1",
                "complete_tear",
                "achilles_tendon",
                site="insertion",
                side="right",
                severity="severe",
                echogenicity=("hypoechoic", "a | b"),
                grades=(Grade("peetrons", "3"), Grade("bamic", "2b")),
                doppler=Doppler("pd", 1.0),
                dynamic=Dynamic("dorsiflexion", "8 mm", "22 mm"),
                relations=(Relation("compressed_by", "piriformis"),),
                evidence=(
                    Evidence("M1", (2, 4), "polygon", shape, best=True),
                    Evidence("M2", None, "point", ((30.5, 31.0),)),
                ),
            ),
            Finding("F2", "retraction", "achilles_tendon", side="right", evidence=(Evidence("M1", (3, 3)),)),
            Finding("F3", "hematoma", "achilles_tendon", side="right", certainty="absent", note="=2+2"),
        ),
        measurements=(
            Measurement("gap", 22.0, "mm", "F1", "dorsiflexion", "right", "M1", 3, ((1.0, 2.0), (3.5, 4.0)), "-x"),
            Measurement("csa", 52.25, "mm2"),
        ),
        quiz=(Quiz("Where do the ends part?", ask_point=QuizPoint("M1", 3, "F1")),),
    )  # fmt: skip


def a_set(*cases: TeachingCase, title: str = "Sore feet", slug: str = "feet") -> TeachingSet:
    return TeachingSet(slug, title, "", cases or (taught(),))


def taught(
    case: Case | None = None, *, film: Path | None = None, edition: int = 0, key: str = "K"
) -> TeachingCase:
    return TeachingCase(case or a_case(), (clip("M1", 6, film=film), clip("M2")), key=key, edition=edition)


@dataclass
class Read:
    """A deck read back: notes by guid with their fields by name, all tables, the media by name."""

    notes: dict[str, dict[str, Any]]
    tables: dict[str, list[tuple[Any, ...]]]
    models: dict[str, Any]
    decks: dict[str, Any]
    media: dict[str, bytes]


def read(path: Path, folder: Path) -> Read:
    with zipfile.ZipFile(path) as packed:
        names = json.loads(packed.read("media"))
        assert set(packed.namelist()) == {"collection.anki2", "media", *names}
        media = {name: packed.read(number) for number, name in names.items()}
        base = folder / f"{path.stem}.sqlite"
        base.write_bytes(packed.read("collection.anki2"))
    connection = sqlite3.connect(base)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    tables = {
        name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
        for name in ("col", "notes", "cards", "revlog", "graves")
    }
    connection.close()
    models, decks = json.loads(tables["col"][0][9]), json.loads(tables["col"][0][10])
    due = {card[1]: card[8] for card in tables["cards"]}
    notes = {}
    for number, guid, kind, mod, _, tags, fields, *_ in tables["notes"]:
        named = [field["name"] for field in models[str(kind)]["flds"]]
        values = dict(zip(named, fields.split("\x1f"), strict=True))
        notes[guid] = {**values, "mod": mod, "tags": tags.split(), "due": due[number]}
    return Read(notes, tables, models, decks, media)
