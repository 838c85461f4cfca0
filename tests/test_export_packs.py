"""Bags and zips round other outputs: nothing is lost, the same set gives the same bytes, other tools agree."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import thigh
from decks import a_case, a_set, clip
from hypothesis import given, settings
from hypothesis import strategies as st

from casearchive import Archive
from casearchive.deid import leaks, own
from casearchive.errors import CaseArchiveError
from casearchive.exporters import _zip, bagit, exporters, packs
from casearchive.exporters import zip as zips
from casearchive.model import Identifier
from casearchive.rereading import Reread
from casearchive.teaching import TeachingCase, TeachingSet

OWN = own.phrases("casearchive.deid", "casearchive.exporters", "casearchive.record")
PACKERS: list[Any] = [bagit, zips]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture
def outputs(tmp_path: Path) -> list[Path]:
    """Two finished outputs, one with names that a manifest must write otherwise."""
    one, two = tmp_path / "run/html", tmp_path / "run/odd"
    (one / "cases").mkdir(parents=True)
    two.mkdir()
    (one / "index.html").write_bytes(b"<p>page</p>")
    (one / "cases/case-01.html").write_bytes(b"")
    (two / "100 % naïve.txt").write_bytes(b"percent")
    if os.name == "posix":
        (two / "line\nbreak\r.txt").write_bytes(b"break")
    return [one, two]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "run/packed").mkdir(parents=True)
    return tmp_path / "run/packed"


def staged_set(folder: Path) -> TeachingSet:
    staged = folder / "clip.staged"
    staged.write_bytes(b"DICM")
    case = a_case()
    return a_set(TeachingCase(case, (clip("M1", 6, dicom=staged), clip("M2", dicom=staged))))


# ------------------------------------------------------------------------------------------------------ bag


def test_a_bag_holds_every_file_of_the_outputs_and_its_manifest_names_each(
    outputs: list[Path], target: Path
) -> None:
    bagit.pack(outputs, target, {})
    for output in outputs:
        assert tree(target / "data" / output.name) == tree(output)
    assert (target / "bagit.txt").read_bytes() == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    payload = {f"data/{name}": content for name, content in tree(target / "data").items()}
    assert manifest(target / "manifest-sha256.txt") == {n: sha(c) for n, c in payload.items()}
    tags = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
    assert manifest(target / "tagmanifest-sha256.txt") == {n: sha((target / n).read_bytes()) for n in tags}
    oxum = f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}\n"
    assert oxum in (target / "bag-info.txt").read_text("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="a name cannot hold a line break here")
def test_line_breaks_and_percent_signs_in_names_are_written_as_the_standard_says(
    outputs: list[Path], target: Path
) -> None:
    bagit.pack(outputs, target, {})
    text = (target / "manifest-sha256.txt").read_bytes().decode("utf-8")
    assert "  data/odd/100 %25 naïve.txt\n" in text
    assert "  data/odd/line%0Abreak%0D.txt\n" in text


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_written_path_is_one_line_and_means_one_path(name: str) -> None:
    written = bagit.written(name)
    assert not {"\r", "\n"} & set(written)
    assert read_back(written) == name


def test_another_tool_calls_the_bag_valid_until_a_bit_changes(outputs: list[Path], target: Path) -> None:
    judge = pytest.importorskip("bagit", reason="bagit is not installed")
    # it knows %0D and %0A but not %25, which the standard asks for as well; no output has such a name
    (outputs[1] / "100 % naïve.txt").rename(outputs[1] / "naïve.txt")
    bagit.pack(outputs, target, {})
    assert judge.Bag(str(target)).is_valid()
    (target / "data/html/index.html").write_bytes(b"<p>Page</p>")
    assert not judge.Bag(str(target)).is_valid()


def test_another_tool_calls_a_bag_of_nothing_valid(target: Path) -> None:
    judge = pytest.importorskip("bagit", reason="bagit is not installed")
    bagit.pack([], target, {})
    assert judge.Bag(str(target)).is_valid()


# ------------------------------------------------------------------------------------------------------ zip


def test_each_output_becomes_a_zip_with_its_files_below_its_name(outputs: list[Path], target: Path) -> None:
    zips.pack(outputs, target, {})
    assert sorted(path.name for path in target.iterdir()) == ["html.zip", "odd.zip"]
    with zipfile.ZipFile(target / "html.zip") as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["html/cases/case-01.html", "html/index.html"]
        assert packed.read("html/index.html") == b"<p>page</p>"


#: Any name that a file can have; a zip ends one at a zero byte.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\\/"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, st.binary()))
def test_any_members_come_back_from_a_zip_and_their_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    _zip.write(folder / "one.zip", members.items())
    _zip.write(folder / "two.zip", reversed(list(members.items())))
    assert (folder / "one.zip").read_bytes() == (folder / "two.zip").read_bytes()
    with zipfile.ZipFile(folder / "one.zip") as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == members
        for info in packed.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert (info.create_system, info.external_attr >> 16) == (3, 0o100644)


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../x", "a//b", "a\\b", "a/"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name inside"):
        _zip.write(tmp_path / "a.zip", {name: b""})


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one name"):
        _zip.write(tmp_path / "a.zip", [("a", b""), ("a", b"x")])


# ----------------------------------------------------------------------------------------------------- both


@pytest.mark.parametrize("packer", PACKERS, ids=lambda p: p.NAME)
def test_times_and_rights_of_files_do_not_change_the_bytes(
    packer: Any, outputs: list[Path], tmp_path: Path
) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        packer.pack(outputs, tmp_path / name, {})
        made.append(tree(tmp_path / name))
        for path in outputs[0].rglob("*.html"):
            os.utime(path, (10**9, 10**9))
            path.chmod(0o600)
    assert made[0] == made[1]


@pytest.mark.parametrize("packer", PACKERS, ids=lambda p: p.NAME)
def test_alone_it_packs_the_case_folders_and_leaves_nothing_beside(
    packer: Any, target: Path, tmp_path: Path
) -> None:
    packer.export(staged_set(tmp_path), target, {})
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    if packer is zips:
        with zipfile.ZipFile(target / "folder.zip") as packed:
            names = set(packed.namelist())
    else:
        names = set(tree(target / "data"))
    expected = {"README.txt", "sore-heel/case.toml", "sore-heel/M1.dcm", "sore-heel/M2.dcm"}
    assert names == {f"folder/{name}" for name in expected}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("packer", PACKERS, ids=lambda p: p.NAME)
def test_a_link_is_refused(packer: Any, outputs: list[Path], target: Path) -> None:
    (outputs[0] / "elsewhere").symlink_to("/etc/hostname")
    with pytest.raises(CaseArchiveError, match="link"):
        packer.pack(outputs, target, {})


@pytest.mark.parametrize("packer", PACKERS, ids=lambda p: p.NAME)
def test_a_name_in_what_is_packed_is_found_and_our_own_words_are_not(
    packer: Any, outputs: list[Path], target: Path, tmp_path: Path
) -> None:
    (outputs[0] / "index.html").write_text("Made by casearchive. For teaching, not for diagnosis.\n", "utf-8")
    packer.pack(outputs, target, {})
    assert leaks.scan(target, [Identifier("PatientName", "Made")], own=OWN) == ()
    (outputs[0] / "index.html").write_text("seen with Orsino Quillfeather", "utf-8")
    shutil.rmtree(target)
    target.mkdir()
    packer.pack(outputs, target, {})
    found = leaks.scan(target, [Identifier("PatientName", "Quillfeather^Orsino")], own=OWN)
    assert found and all("index.html" in leak.file for leak in found)


def test_only_bags_and_zips_pack() -> None:
    assert {plug.NAME for plug in exporters() if packs(plug)} == {"bagit", "zip"}


# --------------------------------------------------------------------------------------------------- release


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return thigh.archive(tmp_path_factory.mktemp("packs"))


def test_a_run_packs_what_else_it_makes_whatever_the_order(taken: Archive, tmp_path: Path) -> None:
    for name, formats in (
        ("one", ["zip", "csv", "bagit", "folder"]),
        ("two", ["folder", "csv", "bagit", "zip"]),
    ):
        taken.export(["thigh"], formats=formats, to=tmp_path / name)
        assert Archive.verify_export(tmp_path / name / "thigh") == ()
    made = tmp_path / "one/thigh"
    assert tree(made / "bagit/data/folder") == tree(made / "folder")
    assert tree(made / "bagit/data/csv") == tree(made / "csv")
    assert sorted(tree(made / "bagit/data")) == sorted(
        [*(f"csv/{n}" for n in tree(made / "csv")), *(f"folder/{n}" for n in tree(made / "folder"))]
    )
    assert sorted(path.name for path in (made / "zip").iterdir()) == ["csv.zip", "folder.zip"]
    for name in ("bagit", "zip", "csv", "folder"):
        assert tree(made / name) == tree(tmp_path / "two/thigh" / name)


def test_the_certificate_knows_the_clips_in_a_bag_and_checks_their_pixels(
    taken: Archive, tmp_path: Path
) -> None:
    taken.export(["thigh"], formats=["bagit"], to=tmp_path)
    made = tmp_path / "thigh"
    paper = json.loads((made / "certificate.json").read_text("utf-8"))
    clips = {entry["path"]: entry["clip"] for entry in paper["files"] if "clip" in entry}
    assert clips == {"bagit/data/folder/thigh/M1.dcm": "thigh/M1"}
    judge = pytest.importorskip("bagit", reason="bagit is not installed")
    assert judge.Bag(str(made / "bagit")).is_valid()


def test_what_was_packed_comes_back_in(taken: Archive, tmp_path: Path) -> None:
    taken.export(["thigh"], formats=["zip"], to=tmp_path / "out")
    other = Archive.create(tmp_path / "other")
    summary = other.ingest([tmp_path / "out/thigh/zip/folder.zip"], workers=0)
    assert summary.failed == 0


def test_every_format_leaves_with_a_certificate_that_holds(taken: Archive, tmp_path: Path) -> None:
    formats = ["anki", "csv", "jsonl", "bagit", "zip"]
    made = taken.export(["thigh"], formats=formats, to=tmp_path)
    assert {name.split("/")[0] for name in made.files if "/" in name} == set(formats)
    assert Archive.verify_export(tmp_path / "thigh") == ()
    assert taken.search_export(tmp_path / "thigh") == Reread(1)


# --------------------------------------------------------------------------------------------------- helpers


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(path: Path) -> dict[str, str]:
    lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    parted = (line.split("  ", 1) for line in lines)
    return {read_back(name): digest for digest, name in parted}


def read_back(written: str) -> str:
    """As 2.1.3 says, one sign at a time."""
    out, at = "", 0
    codes = {"%0D": "\r", "%0A": "\n", "%25": "%"}
    while at < len(written):
        code = codes.get(written[at : at + 3])
        out, at = (out + code, at + 3) if code else (out + written[at], at + 1)
    return out
