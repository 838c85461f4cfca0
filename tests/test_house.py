"""The laws of the house that import contracts cannot see."""

from __future__ import annotations

import ast
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from casearchive import attributes, exporters, index, model, readers, stores
from casearchive.plugs import plugs

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "casearchive"
FILES = sorted(PACKAGE.rglob("*.py"))
LEVELS = {
    "subject": model.Subject,
    "study": model.Study,
    "series": model.Series,
    "instance": model.Instance,
}
TABLES = {"subject": "subjects", "study": "studies", "series": "series", "instance": "instances"}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module, and whether it is only for the type checker."""
    tree = _tree(path)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, id(node) in guarded) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) in guarded


def test_the_top_of_the_project_is_what_was_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: what is committed cannot be told")
    top = {name.split("/")[0] for name in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == {
        "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
        "casearchive", "cases", "tests", "scripts", "docs",
    }  # fmt: skip
    assert ".ci" in top


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_opens_with_a_sentence_on_what_it_is_for(path: Path) -> None:
    said = ast.get_docstring(_tree(path))
    assert said and len(said.split()) >= 3, path
    assert "\n" in said or said.endswith((".", "?")), path


def test_nothing_opens_a_network_connection() -> None:
    networks = {
        "urllib.request",
        "http",
        "requests",
        "httpx",
        "ftplib",
        "smtplib",
        "socketserver",
        "asyncio",
        "ssl",
    }
    for path in FILES:
        names = {name for name, _ in _imports(path)}
        assert not {n for n in names if n in networks or n.split(".")[0] in networks}, path
        if "socket" in {name for name, _ in _imports(path)}:
            uses = set(re.findall(r"socket\.(\w+)", path.read_text("utf-8")))
            assert uses == {"gethostname"}, path


#: Files that are SQLite files for somebody else: a deck for Anki is written, and searched for names.
FOREIGN_DATABASES = ("exporters/_anki.py", "deid/databases.py")


def test_only_the_index_runs_sql() -> None:
    """On the archive. Two more speak it of files that are no archive's, and never open one of its own."""
    for path in FILES:
        if _room(path) == "index":
            continue
        if path.relative_to(PACKAGE).as_posix() in FOREIGN_DATABASES:
            assert not {"layout", "index"} & {part for n, _ in _imports(path) for part in n.split(".")}, path
            continue
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Attribute) and node.attr in ("executemany", "executescript"):
                raise AssertionError(f"{path} runs SQL")
            if isinstance(node, ast.Attribute) and node.attr == "connect":
                raise AssertionError(f"{path} opens a database")
        if _room(path) != "query":  # a query is parameterised SQL text; it is the index that runs it
            texts = [
                n.value
                for n in ast.walk(_tree(path))
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            ]
            assert not [
                t for t in texts if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\s+\S+\s+(FROM|INTO|SET)", t)
            ], path


def test_what_may_leave_is_made_in_one_place() -> None:
    for path in FILES:
        made = {
            node.func.id
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if path.name != "airlock.py":
            assert not {"TeachingCase", "TeachingClip", "TeachingDocument"} & made, path


def test_exporters_have_no_word_for_an_identity() -> None:
    """No name in their code; the texts of the standard may hold the word (Tracking Identifier)."""
    for path in sorted((PACKAGE / "exporters").rglob("*.py")):
        code = {
            word
            for node in ast.walk(_tree(path))
            for word in (getattr(node, key, None) for key in ("id", "attr", "name", "arg", "asname"))
        }
        assert not {"identifiers", "Identifier", "IDENTIFYING"} & code, path


@pytest.mark.parametrize("row", attributes.TABLE, ids=lambda row: row.keyword)
def test_an_attribute_is_the_standards_the_models_and_the_schemas(row: attributes.Attribute) -> None:
    tag = tag_for_keyword(row.keyword)
    assert tag is not None
    numbers = {
        "int": {"IS", "US", "UL", "SS", "SL"},
        "real": {"DS", "FD", "FL", "IS"},
        "date": {"DA"},
        "time": {"TM"},
    }
    if row.kind in numbers:
        assert dictionary_VR(tag) in numbers[row.kind]
    assert row.column in {f.name for f in fields(LEVELS[row.level])}
    assert row.column in _columns(TABLES[row.level])


def _columns(table: str) -> set[str]:
    from casearchive.index.migrations import _FIRST, _statements

    connection = sqlite3.connect(":memory:")
    for statement in _statements(_FIRST):
        connection.execute(statement)
    found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    connection.close()
    return found


def test_identifying_attributes_are_in_the_dictionary_and_never_a_column() -> None:
    for keyword in attributes.IDENTIFYING:
        assert tag_for_keyword(keyword) is not None, keyword
    assert not set(attributes.IDENTIFYING) & {row.keyword for row in attributes.TABLE}


def test_every_plug_is_what_its_folder_promises() -> None:
    for reader in plugs(readers):
        assert isinstance(reader.NAME, str) and isinstance(reader.PRIORITY, int)
        assert callable(reader.sniff) and callable(reader.open)
    for exporter in plugs(exporters):
        assert re.fullmatch(r"[a-z]+", exporter.NAME) and exporter.SUMMARY and callable(exporter.export)
        assert isinstance(exporter.HIDES_ANSWERS, bool)
    assert {store.NAME for store in plugs(stores)} == {"folder", "memory"}


def test_the_schema_knows_how_many_steps_there_are() -> None:
    steps = index.migrations.migrations()
    assert len(steps._migrations) == index.LATEST
