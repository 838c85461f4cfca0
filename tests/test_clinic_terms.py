"""A clinic's own terms: understood everywhere in its archive, refused with their line where they are wrong."""

from __future__ import annotations

from pathlib import Path

import helpers
import pytest
from click.testing import CliRunner

from casearchive import Archive
from casearchive.cli import cli
from casearchive.errors import RecordError
from casearchive.terms import lexicon, packaged
from casearchive.terms.clinic import extended

OWN = """\
[soleus]
synonyms = ["second calf muscle"]

[hamburg_sign]
kind = "abnormality"
name = "Hamburg sign"
synonyms = ["harbour sign"]
is_a = ["tear"]
codes = [["99CLINIC", "H1", "Hamburg sign"]]
"""
RECORD = """\
title = "A calf"
status = "ready"
[[finding]]
id = "F1"
structure = "second calf muscle"
abnormality = "Hamburg sign"
side = "left"
"""


def archive_with(tmp_path: Path, terms: str) -> Archive:
    archive = Archive.create(tmp_path / "archive")
    (archive.path / "terms.toml").write_text(terms, "utf-8")
    return archive


def put(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "calf").mkdir()
    (tmp_path / "calf" / "case.toml").write_text(RECORD, "utf-8")
    assert archive.ingest([tmp_path / "calf"], workers=0).failed == 0


def slugs(archive: Archive, query: str) -> list[str | None]:
    return [hit.case for hit in archive.search(query).hits]


def test_own_terms_are_understood_in_records_and_questions_with_what_they_belong_to(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, OWN)
    put(archive, tmp_path)
    assert slugs(archive, "harbour sign") == ["calf"]
    assert slugs(archive, "soleus tear left") == ["calf"]
    assert slugs(archive, "finding:hamburg_sign structure:triceps_surae") == ["calf"]
    (entry,) = archive.vocabulary("Hamburg sign")
    assert entry.cases == 1


def test_two_archives_in_one_process_do_not_mix(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, OWN)
    put(archive, tmp_path)
    other = Archive.create(tmp_path / "other")
    assert slugs(archive, "Hamburg sign") == ["calf"]
    assert other.vocabulary("Hamburg sign") == ()
    assert lexicon() is packaged() and "hamburg_sign" not in packaged()


@pytest.mark.parametrize("workers", [0, 2])
def test_the_words_of_files_are_read_in_own_terms_too(tmp_path: Path, workers: int) -> None:
    archive = archive_with(tmp_path, "[left]\nsynonyms = ['lnks']\n")
    helpers.dicom(tmp_path / "files" / "thigh_lnks.dcm")
    archive.ingest([tmp_path / "files"], workers=workers)
    (hit,) = archive.search("side:left").hits
    assert hit.case is None
    archive.reindex(workers=workers)
    assert len(archive.search("side:left").hits) == 1


def test_what_is_told_piece_by_piece_is_told_in_own_terms_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_with(tmp_path, OWN)
    monkeypatch.setattr("casearchive.views.Views.draw", lambda *_: (lexicon() for _ in range(2)))
    for spoken in archive.draw("calf"):
        assert "hamburg_sign" in spoken
        assert "hamburg_sign" not in lexicon()


def test_an_index_made_in_other_words_is_noticed_and_made_again(tmp_path: Path) -> None:
    said: list[str] = []
    archive_with(tmp_path, OWN)
    archive = Archive.open(tmp_path / "archive", said.append)
    archive.search("tear")
    assert any("casearchive reindex" in line for line in said)
    archive.reindex()
    said.clear()
    archive.search("tear")
    assert said == []


@pytest.mark.parametrize(
    ("terms", "line", "words"),
    [
        ("[a]\nkind = 'abnormality'\nname = 'Aaa'\nis_a = ['nothing_such']\n", 1, "does not exist"),
        ("\n[soleus]\nname = 'mine'\n", 2, "the package has this concept"),
        ("[a]\nkind = 'wonder'\nname = 'Aaa'\n", 1, "there is no kind"),
        ("[a]\nkind = 'abnormality'\n", 1, "name is missing"),
        ("[a]\nkind = 'abnormality'\nname = 'Aaa'\ncolour = 'red'\n", 1, "unknown key colour"),
        ("[a]\nkind = 'abnormality'\nname = 'Aaa'\ncodes = [['SCT', '1', 'x']]\n", 1, "cannot be verified"),
        ("[a]\nkind = 'abnormality'\nname = 'Aaa'\nis_a = ['b']\n"
         "[b]\nkind = 'abnormality'\nname = 'Bbb'\nis_a = ['a']\n", 1, "circle"),
        ("[a]\nkind = 'muscle'\nname = 'soleus muscle'\nis_a = ['muscle']\n", 1, "means several concepts"),
        ("[a]\nname = \n", 2, "TOML"),
        ("[a]\nkind = 'abnormality'\nname = 3\n", 1, "name must be a text"),
        ("[a]\nkind = ['x']\nname = 'Aaa'\n", 1, "kind must be a text"),
        ("[a]\nkind = 'scale'\nname = 'Aaa'\nvalues = 3\n", 1, "values must be a list"),
        ("[a]\nkind = 'abnormality'\nname = 'Aaa'\ndefined_as = 'x'\n", 1, "defined_as must be a table"),
        ("[a]\nkind = 'abnormality'\nname = '???'\n", 1, "no letter or digit"),
        ("[soleus]\nsynonyms = ['?']\n", 1, "no letter or digit"),
        ("a = 3\n", 1, "must be a table"),
        ("[a]\nkind = 'abnormality'\nname = 'tear'\n", 1, "“tear” is a name of tear already"),
        ("[soleus]\nsynonyms = ['rupture']\n", 1, "is a name of tear already"),
        ("[soleus]\nsynonyms = ['no']\n", 1, "is a small word"),
        ("[a]\nkind = 'abnormality'\nname = 'Aaa'\nabbreviations = ['With']\n", 1, "is a small word"),
        ("[a]\nkind = 'symptom'\nname = 'Left'\n", 1, "is a name of left already"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, terms: str, line: int, words: str) -> None:
    path = tmp_path / "terms.toml"
    path.write_text(terms, "utf-8")
    with pytest.raises(RecordError) as caught:
        extended(path)
    assert words in str(caught.value)
    assert f"terms.toml:{line}:" in str(caught.value)


def test_names_alone_are_terms_of_ones_own_too(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, "[soleus]\nsynonyms = ['second calf muscle', 'soleus muscle']\n")
    told = CliRunner().invoke(cli, ["--archive", str(archive.path), "vocabulary", "--check"])
    assert told.exit_code == 0 and "1 term of your own" in told.output
    (archive.path / "terms.toml").write_text("", "utf-8")
    assert (
        "no terms of its own"
        in CliRunner().invoke(cli, ["--archive", str(archive.path), "vocabulary", "--check"]).output
    )


def test_wrong_terms_are_said_and_the_archive_goes_on_without_them(tmp_path: Path) -> None:
    said: list[str] = []
    archive = archive_with(tmp_path, "[a]\nkind = 'wonder'\nname = 'Aaa'\n")
    archive = Archive.open(archive.path, said.append)
    assert archive.search("tear").total == 0
    assert any("there is no kind" in line for line in said)
    checked = CliRunner().invoke(cli, ["--archive", str(archive.path), "vocabulary", "--check"])
    assert checked.exit_code == 1 and "terms.toml:1" in checked.output


def test_the_compiled_terms_are_kept_and_made_again_after_a_change(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, OWN)
    archive.search("tear")
    (kept,) = archive.path.joinpath("cache").glob("terms-*.json")
    (archive.path / "terms.toml").write_text(OWN.replace("harbour", "port"), "utf-8")
    again = Archive.open(archive.path)
    assert again.vocabulary("port sign")
    assert not kept.exists()


def test_the_command_line_speaks_in_the_clinics_words(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, OWN)
    put(archive, tmp_path)
    told = CliRunner().invoke(cli, ["--archive", str(archive.path), "vocabulary", "harbour", "sign"])
    assert "Hamburg sign" in told.output and "the clinic's own" in told.output
    sound = CliRunner().invoke(cli, ["--archive", str(archive.path), "vocabulary", "--check"])
    assert sound.exit_code == 0 and "2 terms of your own" in sound.output
    assert "Hamburg sign" in CliRunner().invoke(cli, ["--archive", str(archive.path), "show", "calf"]).output
