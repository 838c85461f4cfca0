"""Reading the invented cases and the graded questions of ``scripts/eval_search/``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casearchive.terms import lexicon

FOLDER = Path(__file__).resolve().parent.parent / "eval_search"
TRACKS = ("annotated", "text only")

_GRADES = {"best": 3, "good": 2, "some": 1}


@dataclass(frozen=True)
class Question:
    """``grades`` are relevances (3, 2, 1) by case; ``never`` must not be shown; ``tracks`` that can answer it."""

    text: str
    category: str
    grades: dict[str, int]
    never: frozenset[str]
    tracks: tuple[str, ...]

    @property
    def answerable(self) -> bool:
        return bool(self.grades)


def cases(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The cases of all ``cases_*.toml`` as they are written there, in the order of their names."""
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("cases_*.toml")):
        found.extend(tomllib.loads(path.read_text("utf-8"))["case"])
    return sorted(found, key=lambda case: str(case["id"]))


def questions(folder: Path = FOLDER) -> list[Question]:
    """The questions, category by category, as they are written."""
    table = tomllib.loads((folder / "queries.toml").read_text("utf-8"))
    return [
        Question(
            text=row["q"],
            category=category,
            grades={case: grade for key, grade in _GRADES.items() for case in row.get(key, ())},
            never=frozenset(row.get("never", ())),
            tracks=(row["only"],) if "only" in row else TRACKS,
        )
        for category, content in table.items()
        for row in content["queries"]
    ]


def expected_new(folder: Path = FOLDER) -> frozenset[str]:
    """Concept ids that the cases may use although the lexicon does not have them yet."""
    table: dict[str, list[str]] = tomllib.loads((folder / "expected_new.toml").read_text("utf-8"))
    return frozenset(name for names in table.values() for name in names)


def known(name: str) -> bool:
    """Whether the lexicon has a concept of this id or name."""
    return lexicon().concept(name) is not None or lexicon().resolve(name) is not None


def concept_ids(case: dict[str, Any]) -> set[str]:
    """Every concept id that the structured part of a case names."""
    named: set[str] = set()
    for finding in case.get("finding", ()):
        named |= {finding[key] for key in ("structure", "site", "abnormality") if key in finding}
        named |= set(finding.get("echogenicity", ()))
        named |= {relation["structure"] for relation in finding.get("relation", ())}
        named |= {finding["dynamic"]["maneuver"]} if "dynamic" in finding else set()
    for media in case.get("media", ()):
        named |= {
            media[key] for key in ("structure", "plane", "mode", "maneuver", "position") if key in media
        }
    for prior in case.get("prior", ()):
        named |= {*prior.get("says", ()), *prior.get("missed", ())}
    for diagnosis in case.get("diagnosis", ()):
        named |= {diagnosis[key] for key in ("what", "structure") if key in diagnosis}
    named |= {measurement["state"] for measurement in case.get("measurement", ()) if "state" in measurement}
    return (
        named
        | set(case.get("differential", ()))
        | set(case.get("symptoms", ()))
        | set(case.get("mechanism", ()))
    )
