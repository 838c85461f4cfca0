"""A sample still as a case of one finding, in an archive of its own: the smallest set that can be let out."""

from __future__ import annotations

import shutil
from pathlib import Path

from casearchive import Archive

SLUG = "thigh"
_STILL = Path(__file__).parent.parent / "cases" / "rectus-femoris-complete-tear" / "short-axis-rest.dcm"
_RECORD = """\
title = "Short axis of a thigh at rest"
quiz_title = "A footballer with a sore thigh"
status = "ready"
[author]
name = "A. Teacher"
[[media]]
id = "M1"
file = "short-axis-rest.dcm"
[[finding]]
id = "F1"
structure = "rectus_femoris"
abnormality = "partial_tear"
side = "right"
evidence = [{ media = "M1", box = [[265, 98], [511, 185]] }]
"""


def archive(folder: Path) -> Archive:
    """A new archive in ``folder/archive`` that holds the case ``thigh``."""
    case = folder / SLUG
    case.mkdir()
    shutil.copy(_STILL, case)
    (case / "case.toml").write_text(_RECORD, "utf-8")
    made = Archive.create(folder / "archive")
    assert made.ingest([case], workers=0).failed == 0
    return made
