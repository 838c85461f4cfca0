"""Promises about words and surroundings that mean harm: questions, variables, streams, and text on its way out."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import helpers
import pytest
import thigh

from casearchive import Archive
from casearchive.errors import EXIT_CODES, QueryError

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive ``archive`` of one case, whose title is not ASCII."""
    place = tmp_path_factory.mktemp("doors")
    text = helpers.RECORD.replace("Partial tear", "Teilriß – tear")
    helpers.case_folder(place / "in" / "tear", text=text)
    assert Archive.create(place / "archive").ingest([place / "in"], workers=0).failed == 0
    return place


def run(
    home: Path, *words: str, shell: str = "", cwd: Path | None = None, **more: str | None
) -> tuple[int, str]:
    """The exit code and what was said on both streams; ``more`` are variables, None takes one away."""
    environment = {**os.environ, "CASEARCHIVE_HOME": str(home / "archive"), "LC_ALL": "C.UTF-8"}
    for name, value in more.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    command = [sys.executable, "-m", "casearchive", *words]
    if shell:
        command = ["/bin/sh", "-c", f'exec "$0" "$@" {shell}', *command]
    done = subprocess.run(command, cwd=cwd or home, env=environment, capture_output=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "backslashreplace")


def in_order(code: int, said: str) -> bool:
    return code in EXIT_CODES and "Traceback" not in said and "Exception ignored" not in said


@POSIX
@pytest.mark.parametrize(
    "where",
    ["", " ", "/", "/dev/null", "/nonexistent/deep", "..", "~", "a\nb", "\x1b[2J", "x" * 5000, "\udcff\udcfe",
     "archive/index.db", "archive/cases", "//", "-", "--help"],
    ids=lambda w: ascii(w)[:20],
)  # fmt: skip
def test_an_odd_home_is_an_archive_or_one_clear_line(home: Path, where: str) -> None:
    code, said = run(home, "search", "tear", CASEARCHIVE_HOME=where)
    assert in_order(code, said), said
    assert "\x1b" not in said


@POSIX
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("HOME", v) for v in (None, "/nonexistent", "")), *(("LC_ALL", v) for v in ("C", "xx_XX.nonsense")),
        *(("PYTHONIOENCODING", v) for v in ("ascii", "utf-16")), ("PYTHONUTF8", "0"), ("LANG", None),
        *(("TERM", v) for v in ("\x1b[2J", None)), *(("COLUMNS", v) for v in ("0", "-7", "many", "99999999999")),
        *(("PATH", v) for v in (None, "/nonexistent")), ("TMPDIR", "/nonexistent"), ("TZ", "Nowhere/At_All"),
        ("XDG_CACHE_HOME", "/dev/null"), ("SOURCE_DATE_EPOCH", "never"), ("NO_COLOR", "x"), ("PAGER", "/nonexistent"),
    ],
    ids=lambda v: ascii(v)[:16],
)  # fmt: skip
def test_odd_surroundings_change_nothing_that_matters(home: Path, name: str, value: str | None) -> None:
    code, said = run(home, "search", "tear", **{name: value})
    assert in_order(code, said), said
    assert code == 0
    assert "tear" in said.replace("\0", "")


@POSIX
@pytest.mark.parametrize(
    "shell", [">&-", "<&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>&1"]
)
@pytest.mark.parametrize(
    "words", [("search", "tear"), ("list", "--json"), ("show", "nothing-of-that-name")], ids=" ".join
)
def test_closed_and_full_streams_end_without_a_traceback(
    home: Path, words: tuple[str, ...], shell: str
) -> None:
    code, said = run(home, *words, shell=shell)
    assert in_order(code, said), said


@POSIX
def test_a_working_folder_that_is_gone_is_one_clear_line(home: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$0" -m casearchive search tear'
    environment = {k: v for k, v in os.environ.items() if k != "CASEARCHIVE_HOME"}
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable], env=environment, capture_output=True, text=True
    )
    assert in_order(done.returncode, done.stdout + done.stderr), done.stderr
    assert done.returncode != 0


@POSIX
def test_everything_can_be_taken_and_let_out_without_a_home_and_in_plain_ascii(
    home: Path, tmp_path: Path
) -> None:
    helpers.case_folder(tmp_path / "in" / "another", seed=51)
    for words in (
        ("init", str(tmp_path / "new")),
        ("ingest", str(tmp_path / "in")),
        ("search", "tear"),
        ("show", "another"),
    ):
        code, said = run(
            home,
            *words,
            HOME=None,
            LC_ALL="C",
            LANG=None,
            PYTHONUTF8="0",
            CASEARCHIVE_HOME=str(tmp_path / "new"),
        )
        assert code == 0, said


# ------------------------------------------------------------------------------------------------ questions

_PIECES = (
    *"()\"'*-+:<>=%_\\/,;.!?^~#$|&{}[]@`",
    "and", "or", "not", "AND", "OR", "NOT", "NEAR(", "NEAR/3", "side:", "year:", "grade:", "set:", "like:", "case:",
    "tear", "biceps", "left", "no", "right", "effusion", "nerve", "old", "acute", "without", "5 mm", ">3", "2020..2024",
    "..", "nan", "inf", "1e999", "9" * 60,
    "\0", "\n", "\t", "\x1b[2J", "\u202e", "\ud800", "\uffff", "é", "ﬁ", "🦵", "ß", "\u0301" * 30, "a" * 300,
    "'; drop table cases; --", "' or 1=1 --", "%s%n", "{{7*7}}", "<script>", "select * from sqlite_master",
)  # fmt: skip


def test_a_thousand_questions_of_odd_text_are_answered_or_refused(home: Path) -> None:
    archive = Archive.open(home / "archive")
    before = list(archive.dump())
    rng = random.Random(7)
    for _ in range(1000):
        asked = rng.choice((" ", "", " ")).join(rng.choice(_PIECES) for _ in range(rng.randint(1, 4)))
        try:
            found = archive.search(asked, limit=3)
        except QueryError as refusal:
            assert refusal.what
        else:
            assert found.total >= 0
    assert list(archive.dump()) == before


@pytest.mark.parametrize(
    "asked",
    ["tear " * 4000, "a" * 100_000, "(" * 5000, "not " * 3000, '"' + "tear " * 5000 + '"', "side:left " * 1000,
     "(" * 300 + "tear" + ")" * 300, "tear or " * 2000 + "tear", "-" * 10_000, "9" * 10_000 + " mm"],
    ids=lambda a: f"{a[:8]}-{len(a)}",
)  # fmt: skip
def test_a_question_without_end_is_refused_or_answered(home: Path, asked: str) -> None:
    archive = Archive.open(home / "archive")
    try:
        archive.search(asked, limit=3)
    except QueryError as refusal:
        assert refusal.what


def test_a_question_of_many_fields_is_refused_before_they_are_looked_up(home: Path) -> None:
    asked = " ".join(f"finding:tearside{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(65))
    with pytest.raises(QueryError, match="too many parts"):
        Archive.open(home / "archive").search(asked)


@POSIX
def test_with_its_streams_closed_nothing_that_is_said_lands_in_a_file_of_the_archive(tmp_path: Path) -> None:
    helpers.case_folder(tmp_path / "in" / "tear")
    Archive.create(tmp_path / "archive")
    for shell in ("<&- >&- 2>&-", "2>&-", ">&-"):
        code, _ = run(tmp_path, "--verbose", "ingest", str(tmp_path / "in"), "--rehash", shell=shell)
        assert code == 0
    archive = Archive.open(tmp_path / "archive")
    assert archive.verify(full=True).faults == ()
    assert archive.search("tear").total == 1


# ----------------------------------------------------------------------------------------------- on its way out

#: One of these stands in every field of a record that takes free text; what the record itself refuses is left out.
_PAYLOADS = (
    "=cmd|'/c calc'!A1", "@SUM(1+1)", "+1+cmd", "-2+3", "<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>",
    "{{ 7 * 7 }}", "]]>&lt;", "javascript:alert(3)", "'; drop table cases; --", "%s%n", "${jndi:ldap://x}",
)  # fmt: skip


_HOSTILE_RECORD = """
title = TEXT
quiz_title = TEXT
status = "ready"
tags = [TEXT, TEXT, TEXT]
[author]
name = TEXT
[story]
history = TEXT
technique = TEXT
discussion = TEXT
treatment = TEXT
outcome = TEXT
symptoms = [TEXT, TEXT]
differential = [TEXT, TEXT]
points = [TEXT, TEXT, TEXT]
pitfalls = [TEXT, TEXT]
references = [TEXT, TEXT]
[[media]]
id = "M1"
file = "short-axis-rest.dcm"
caption = TEXT
quiz_caption = TEXT
[[finding]]
id = "F1"
structure = "rectus_femoris"
abnormality = "partial_tear"
side = "right"
note = TEXT
evidence = [{ media = "M1", box = [[265, 98], [511, 185]] }]
[[quiz]]
question = TEXT
options = [TEXT, TEXT]
answer = 1
why = TEXT
"""


@pytest.fixture(scope="module")
def let_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A case whose clip has a preamble that is a program and whose every text is hostile, and all its exports."""
    place = tmp_path_factory.mktemp("out")
    archive = thigh.archive(place)
    still = next(iter((archive.path / "objects").rglob("?" * 64)))
    content = still.read_bytes()
    (place / "again").mkdir()
    (place / "again" / "short-axis-rest.dcm").write_bytes(
        b"MZ\x90\0<html><script>".ljust(128, b"\0") + content[128:]
    )
    one = (json.dumps(text) for text in itertools.cycle(_PAYLOADS))
    text = re.sub("TEXT", lambda _: next(one), _HOSTILE_RECORD)
    (place / "again" / "case.toml").write_text(text, "utf-8")
    second = Archive.create(place / "second")
    told: list[Any] = []
    second.ingest([place / "again"], workers=0, report=told.append)
    assert [o.outcome for o in told] == ["added", "added"], told
    assert any("preamble is not empty" in n for o in told for n in o.notes)
    formats = ("folder", "html", "csv", "jsonl", "pptx", "dicom", "mirc", "anki")
    second.export(["again"], formats=formats, to=place / "out")
    return place / "second", place / "out"


def test_a_preamble_that_is_a_program_never_leaves(let_out: tuple[Path, Path]) -> None:
    files = [p for p in let_out[1].rglob("*") if p.is_file()]
    objects = [p for p in files if p.read_bytes()[128:132] == b"DICM"]
    assert objects
    assert all(p.read_bytes()[:128] == bytes(128) for p in objects)
    assert not [p for p in files if p.read_bytes()[:2] == b"MZ"]


def test_no_cell_of_a_table_that_leaves_is_a_formula(let_out: tuple[Path, Path]) -> None:
    tables = list(let_out[1].rglob("*.csv"))
    assert tables
    for path in tables:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    number = cell.replace(".", "", 1).lstrip("-").isdigit()
                    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (path, cell)


def test_no_text_of_a_case_is_markup_in_a_page_or_a_document_that_leaves(let_out: tuple[Path, Path]) -> None:
    from xml.etree import ElementTree

    pages = [p for p in let_out[1].rglob("*") if p.suffix in (".html", ".htm")]
    assert pages
    for path in pages:
        text = path.read_text("utf-8")
        assert "<script>alert(1)" not in text
        assert "<img src=x" not in text
        assert "49" not in [part.strip() for part in text.split(">")]  # 7 * 7, had somebody reckoned it
    for path in (p for p in let_out[1].rglob("*.xml")):
        ElementTree.parse(path)
    for path in let_out[1].rglob("*.pptx"):
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                if name.endswith((".xml", ".rels")):
                    content = packed.read(name)
                    ElementTree.fromstring(content)
                    assert b"<script>" not in content
                    assert b'Target="javascript:' not in content


@pytest.mark.parametrize(
    "words", [("show", "again"), ("list",), ("search", "tear"), ("lint",), ("log",), ("stats",)], ids=" ".join
)
def test_what_is_shown_of_hostile_text_moves_no_terminal(
    let_out: tuple[Path, Path], words: tuple[str, ...]
) -> None:
    code, said = run(let_out[0].parent, *words, CASEARCHIVE_HOME=str(let_out[0]))
    assert code in (0, 3), said
    assert all(c == "\n" or c.isprintable() for c in said), ascii(said)
