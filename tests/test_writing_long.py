"""A run of any length writes through connections that are renewed: nothing of it is lost, nothing stays open."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from casearchive import index
from casearchive.errors import Damaged


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_RENEWED", 3)


def test_the_connection_is_another_one_from_time_to_time_and_all_is_written(tmp_path: Path) -> None:
    used: list[sqlite3.Connection] = []
    with index.writing_long(tmp_path / "index.db", create=True) as connection:
        for n in range(6):
            used.append(connection())
            with index.transaction(used[-1]) as now:
                now.execute("INSERT INTO about VALUES (?, '')", (f"line {n}",))
    assert len(set(map(id, used))) == 2, "another one after three lines"
    for each in used:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            each.execute("SELECT 1")
    with index.reading(tmp_path / "index.db") as read:
        assert read.execute("SELECT count(*) FROM about WHERE name LIKE 'line %'").fetchone() == (6,)


def test_what_a_later_connection_complains_of_is_said_as_by_the_first(tmp_path: Path) -> None:
    with (
        pytest.raises(Damaged, match="cannot be used"),
        index.writing_long(tmp_path / "index.db", create=True) as connection,
    ):
        for _ in range(4):
            now = connection()
        now.execute("INSERT INTO about VALUES ('vocabulary', '')")
