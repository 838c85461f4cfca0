"""What is cut off: a command of casearchive each, what it begins with, and what may have become of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crashing.samples import Place, on


@dataclass(frozen=True, slots=True)
class Scenario:
    """``words`` are run on a copy of the archive called ``start``.

    ``atomic`` commands have happened or not, whatever comes in between; others go on when they are run again.
    ``codes`` are what the same words may end with when they were done already.
    """

    name: str
    start: str
    words: Callable[[Place], list[str]]
    atomic: bool = True
    codes: tuple[int, ...] = (0,)


def _verb(*words: str) -> Callable[[Place], list[str]]:
    return lambda place: [*on(place), *words]


SCENARIOS = {
    s.name: s
    for s in (
        Scenario("init", "", lambda p: ["init", str(p.archive)], atomic=False, codes=(0, 1)),
        Scenario(
            "ingest",
            "empty",
            lambda p: [*on(p), "ingest", str(p.stick), "--report", str(p.report), "--workers", "1"],
            atomic=False,
        ),
        Scenario(
            "annotate", "full", _verb("annotate", "tear", "haematoma of the left rectus femoris", "--yes")
        ),
        Scenario("edit", "full", _verb("edit", "tear", "--set", "difficulty=primary")),
        Scenario("set-create", "full", _verb("set", "create", "knee", "--title", "Knee", "tear"), codes=(0, 1, 2)),
        Scenario("set-edit", "full", _verb("set", "edit", "thigh", "--title", "The painful thigh")),
        Scenario("export", "full", lambda p: [*on(p), "export", "thigh", "--as", "csv,folder", "--to", str(p.out)]),
        Scenario(
            "export-again",
            "exported",
            lambda p: [*on(p), "export", "thigh", "--as", "csv", "--to", str(p.out)],
        ),
        Scenario("reindex", "full", _verb("reindex", "--workers", "1"), atomic=False),
        Scenario("remove", "full", _verb("remove", "tear", "--media", "--yes"), atomic=False, codes=(0, 1)),
        Scenario("backup", "full", lambda p: [*on(p), "backup", str(p.copy)], atomic=False),
        Scenario("backup-again", "backed-up", lambda p: [*on(p), "backup", str(p.copy)], atomic=False),
        Scenario(
            "repair",
            "damaged",
            lambda p: [*on(p), "verify", "--full", "--repair", "--from", str(p.copy), "--yes"],
            atomic=False,
        ),
    )
}  # fmt: skip
