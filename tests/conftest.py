"""No test measures time: a busy machine is no fault of the code."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an archive with something of everything stands (``archives.made``); to be copied, never changed."""
    import archives

    return archives.made(tmp_path_factory.mktemp("master"))


@pytest.fixture
def root(master: Path, tmp_path: Path) -> Path:
    """Where a copy of it stands, for one test."""
    shutil.copytree(master, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    """The index of the cases that searches are tried on; to be asked, never changed."""
    import test_search

    return test_search.filled()
