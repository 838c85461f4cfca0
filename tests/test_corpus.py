"""Promises about everything that ever broke one: each mutant a fuzzer found is answered in the closed list of ways.

A file in ``corpus/TARGET/`` is a mutant of that target of ``scripts/fuzz.py``, made small; its name says what is in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fuzzing.targets import TARGETS  # noqa: E402

CORPUS = sorted((ROOT / "tests" / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_what_once_broke_a_promise_is_answered_as_promised(path: Path, tmp_path: Path) -> None:
    assert TARGETS[path.parent.name].run(path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_sound_and_damaged_content_keep_the_promises(name: str, tmp_path: Path) -> None:
    """A few mutants of each kind, always the same ones: that the fuzzer itself goes on working."""
    from random import Random

    target = TARGETS[name]
    sound = target.seeds()
    assert len(sound) > 1
    few = 2 if name in ("ingest", "export") else 25
    mutants = {target.mutate(Random(n).choice(sound), Random(n), sound) for n in range(few)}
    assert len(mutants) > few // 2
    for mutant in mutants:
        assert target.run(mutant, tmp_path)
