"""Bags are held to what they promise: whole ones come in as they are, and whatever differs is named and not taken."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helpers
import pytest
import thigh
from hypothesis import given, settings
from hypothesis import strategies as st

from casearchive import Archive
from casearchive.choices import REASONS
from casearchive.exporters import bagit as our_own
from casearchive.ingest import bags
from casearchive.ingest.run import Summary
from casearchive.model import Outcome

POSIX = pytest.mark.skipif(os.name != "posix", reason="such a name cannot be here")
DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.create(tmp_path / "archive")


@pytest.fixture
def judge() -> Any:
    return pytest.importorskip("bagit", reason="bagit is not installed")


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A bag with a case folder and a loose picture in it, made by hand, with SHA-256."""
    root = tmp_path / "bag"
    helpers.case_folder(root / "data" / "thigh-tear")
    helpers.picture(root / "data" / "photo.png", seed=7)
    return seal(root)


def seal(root: Path, *algorithms: str, declaration: str = DECLARATION) -> Path:
    """Write the tag files for what lies in ``data/``."""
    names = sorted(p.relative_to(root).as_posix() for p in (root / "data").rglob("*") if p.is_file())
    for algorithm in algorithms or ("sha256",):
        lines = [
            f"{hashlib.new(algorithm, (root / name).read_bytes()).hexdigest()}  {our_own.written(name)}\n"
            for name in names
        ]
        (root / f"manifest-{algorithm}.txt").write_text("".join(lines), "utf-8")
    (root / "bagit.txt").write_text(declaration, "utf-8")
    return root


def take(archive: Archive, *paths: Path, **more: Any) -> tuple[Summary, dict[str, Outcome]]:
    """The summary, and the outcomes by their path below the bag (or in the zip); every path is told once."""
    found: list[Outcome] = []
    summary = archive.ingest(paths, report=found.append, **{"workers": 0, **more})
    assert len({o.path for o in found}) == len(found)
    for outcome in found:
        if outcome.outcome in ("skipped", "failed"):
            assert outcome.reason in REASONS
            assert outcome.message
    told = {o.path.replace("\\", "/"): o for o in found}
    start = os.path.commonpath([p.as_posix() for p in paths]) if len(paths) == 1 else ""
    return summary, {name.removeprefix(start).lstrip("/!"): o for name, o in told.items()}


def words(found: dict[str, Outcome]) -> dict[str, tuple[str, str | None]]:
    return {name: (o.outcome, o.reason) for name, o in found.items()}


def zipped(root: Path, target: Path, below: str = "") -> Path:
    files = [p for p in root.rglob("*") if p.is_file()]
    return helpers.zipped(target, {below + p.relative_to(root).as_posix(): p.read_bytes() for p in files})


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


WHOLE = {
    "bagit.txt": ("skipped", "bag-tag"),
    "manifest-sha256.txt": ("skipped", "bag-tag"),
    "data/photo.png": ("added", None),
    "data/thigh-tear/loop.dcm": ("added", None),
    "data/thigh-tear/case.toml": ("added", None),
}


@pytest.fixture(params=["folder", "zip", "zip with a folder"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def as_(form: str, root: Path) -> Path:
    """The bag as a folder or as a zip; what is said of it is the same."""
    if form == "folder":
        return root
    return zipped(root, root.parent / "sent.zip", "" if form == "zip" else "bag/")


def below_bag(found: dict[str, Outcome]) -> dict[str, Outcome]:
    return {name.removeprefix("bag/"): o for name, o in found.items()}


# ------------------------------------------------------------------------------------------------ whole bags


def test_a_whole_bag_comes_in_and_its_tag_files_are_passed_over(
    archive: Archive, bag: Path, form: str
) -> None:
    summary, found = take(archive, as_(form, bag))
    assert words(below_bag(found)) == WHOLE
    assert not any(o.notes for o in found.values() if o.kind != "case")
    assert (summary.failed, summary.cases) == (0, 1)
    assert archive.verify(full=True).faults == ()


def test_a_bag_that_came_in_once_is_known(archive: Archive, bag: Path, form: str) -> None:
    sent = as_(form, bag)
    take(archive, sent)
    again, found = take(archive, sent)
    assert (again.added, again.known, again.failed) == (0, 3, 0)
    assert {o.outcome for n, o in below_bag(found).items() if n.startswith("data/")} == {"known"}


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_bags_of_another_tool_come_in_and_a_changed_bit_does_not(
    archive: Archive, tmp_path: Path, judge: Any, algorithm: str
) -> None:
    root = tmp_path / "sent"
    helpers.case_folder(root / "thigh-tear")
    helpers.picture(root / "photo.png", seed=7)
    judge.make_bag(str(root), {"Contact-Name": "A. Librarian"}, checksums=[algorithm])
    summary, found = take(archive, root)
    assert (summary.failed, summary.cases, found["data/photo.png"].outcome) == (0, 1, "added")
    assert (
        words(found)["bag-info.txt"] == words(found)[f"tagmanifest-{algorithm}.txt"] == ("skipped", "bag-tag")
    )
    again, _ = take(archive, root)
    assert (again.added, again.known, again.failed) == (0, 3, 0)
    flip(root / "data/photo.png")
    assert not judge.Bag(str(root)).is_valid()
    summary, found = take(archive, root)
    assert (summary.added, summary.failed) == (0, 1)
    assert words(found)["data/photo.png"] == ("failed", "bag-differs")
    assert algorithm in found["data/photo.png"].message


def test_a_case_folder_that_somebody_bagged_keeps_its_name(
    archive: Archive, tmp_path: Path, judge: Any
) -> None:
    root = helpers.case_folder(tmp_path / "velvet-tear")
    judge.make_bag(str(root))
    take(archive, root)
    assert [p.stem for p in (archive.path / "cases").iterdir()] == ["velvet-tear"]
    other = Archive.create(tmp_path / "other")
    take(other, zipped(root, tmp_path / "barn-tear.zip"), zipped(root, tmp_path / "any.zip", "hay-tear/"))
    assert sorted(p.stem for p in (other.path / "cases").iterdir()) == ["barn-tear", "hay-tear"]


@pytest.mark.parametrize("formats", [["folder", "bagit"], ["dicom", "bagit"], ["bagit"]])
def test_our_own_bags_come_back_in(tmp_path: Path, formats: list[str]) -> None:
    source = thigh.archive(tmp_path)
    source.export([thigh.SLUG], formats=formats, to=tmp_path / "out")
    made = tmp_path / "out" / thigh.SLUG / "bagit"
    other = Archive.create(tmp_path / "other")
    summary, found = take(other, made)
    assert (summary.failed, summary.added > 0) == (0, True), words(found)
    picture = next(made.rglob("*M1.dcm"), None) or next(made.rglob("IM*"))
    flip(picture)
    summary, found = take(Archive.create(tmp_path / "third"), made)
    assert words(found)[picture.relative_to(made).as_posix()] == ("failed", "bag-differs")


def test_a_zip_in_a_bag_is_opened_only_where_it_is_what_was_promised(
    archive: Archive, tmp_path: Path
) -> None:
    root, image = tmp_path / "bag", helpers.picture(tmp_path / "one.png").read_bytes()
    (root / "data").mkdir(parents=True)
    helpers.zipped(root / "data" / "case.zip", {"IM1": image})
    seal(root)
    _, found = take(archive, root)
    assert words(found)["data/case.zip!IM1"] == ("added", None)
    with zipfile.ZipFile(root / "data" / "case.zip", "a") as packed:
        packed.writestr("IM2", image + b"\0")
    _, found = take(archive, root)
    assert {n: w for n, w in words(found).items() if n.startswith("data/")} == {
        "data/case.zip": ("failed", "bag-differs")
    }


def test_a_zip_in_a_bag_in_a_zip_is_refused_as_any_other(archive: Archive, tmp_path: Path) -> None:
    root = tmp_path / "bag"
    (root / "data").mkdir(parents=True)
    helpers.zipped(root / "data" / "case.zip", {"IM1": helpers.picture(tmp_path / "one.png").read_bytes()})
    _, found = take(archive, zipped(seal(root), tmp_path / "sent.zip"))
    assert words(found)["data/case.zip"] == ("failed", "archive-refused")
    assert "unpack the outer one first" in found["data/case.zip"].message


# ----------------------------------------------------------------------------------------- what is not whole


def test_what_differs_from_the_manifest_is_refused_and_not_kept(
    archive: Archive, bag: Path, form: str
) -> None:
    flip(bag / "data/photo.png")
    _, found = take(archive, as_(form, bag))
    told = below_bag(found)
    assert words(told) == {**WHOLE, "data/photo.png": ("failed", "bag-differs")}
    said = told["data/photo.png"].message
    assert all(part in said for part in ("not taken", "manifest-sha256.txt", "ask for it again"))
    assert archive.verify(full=True).faults == ()
    assert len(list((archive.path / "objects").rglob("?" * 64))) == 1


def test_a_case_whose_words_differ_is_refused(archive: Archive, bag: Path, form: str) -> None:
    record = bag / "data/thigh-tear/case.toml"
    record.write_text(record.read_text("utf-8").replace("Partial", "Healed "), "utf-8")
    summary, found = take(archive, as_(form, bag))
    assert words(below_bag(found))["data/thigh-tear/case.toml"] == ("failed", "bag-differs")
    assert summary.cases == 0


def test_a_file_that_was_known_before_is_still_compared(archive: Archive, bag: Path) -> None:
    take(archive, bag)
    manifest = bag / "manifest-sha256.txt"
    manifest.write_text(manifest.read_text("utf-8").replace("  data/photo", "  data/photo", 1), "utf-8")
    digest = hashlib.sha256((bag / "data/photo.png").read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text("utf-8").replace(digest, "0" * 64), "utf-8")
    _, found = take(archive, bag)
    assert words(found)["data/photo.png"] == ("failed", "bag-differs")


def test_workers_and_dry_runs_compare_too(archive: Archive, bag: Path) -> None:
    flip(bag / "data/photo.png")
    for more in ({"dry_run": True}, {"workers": 1}):
        _, found = take(archive, bag, **more)
        assert words(found)["data/photo.png"] == ("failed", "bag-differs")


def test_the_strongest_manifest_that_names_a_file_is_asked(archive: Archive, bag: Path) -> None:
    seal(bag, "md5", "sha256")
    (bag / "manifest-sha1.txt").write_text(f"{'0' * 40}  data/photo.png\n", "utf-8")
    _, found = take(archive, bag)
    assert words(found)["data/photo.png"] == ("added", None)
    sha256 = (bag / "manifest-sha256.txt").read_text("utf-8").splitlines(keepends=True)
    (bag / "manifest-sha256.txt").write_text("".join(x for x in sha256 if "photo" not in x), "utf-8")
    _, found = take(archive, bag)
    assert "sha1" in found["data/photo.png"].message


def test_what_is_listed_and_not_there_is_reported(archive: Archive, bag: Path, form: str) -> None:
    (bag / "data/photo.png").unlink()
    _, found = take(archive, as_(form, bag))
    assert words(below_bag(found)) == {**WHOLE, "data/photo.png": ("failed", "bag-missing")}


def test_what_is_there_and_not_listed_is_taken_with_a_note(archive: Archive, bag: Path, form: str) -> None:
    helpers.picture(bag / "data/extra.png", seed=9)
    sent = as_(form, bag)
    for word in ("added", "known"):
        _, found = take(archive, sent)
        told = below_bag(found)
        assert told["data/extra.png"].outcome == word
        assert any("no manifest of its bag lists it" in note for note in told["data/extra.png"].notes)
        assert told["data/photo.png"].notes == ()


def test_nothing_is_ever_fetched(
    archive: Archive, bag: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a network connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    url = "http://192.0.2.1/secret-place/photo.png"
    (bag / "fetch.txt").write_text(f"{url} - data/photo.png\n{url} 12 data/thigh-tear/loop.dcm\n", "utf-8")
    (bag / "data/photo.png").unlink()
    _, found = take(archive, as_(form, bag))
    told = below_bag(found)
    assert words(told) == {
        **WHOLE,
        "data/photo.png": ("failed", "bag-fetch"),
        "fetch.txt": ("skipped", "bag-tag"),
    }
    assert "nothing is ever fetched" in told["data/photo.png"].message
    assert not any("secret-place" in o.message for o in found.values())


def test_a_disc_in_a_bag_names_what_is_missing_once(archive: Archive, tmp_path: Path) -> None:
    root = tmp_path / "bag"
    helpers.dicom(root / "data" / "IM1", seed=1)
    helpers.dicom(root / "data" / "IM2", seed=2)
    helpers.dicomdir(root / "data" / "DICOMDIR", ("IM1",), ("IM2",))
    seal(root)
    (root / "data" / "IM2").unlink()
    for sent in (root, zipped(root, tmp_path / "sent.zip")):
        _, found = take(archive, sent)
        assert found["data/IM2"].outcome == "failed"


# ------------------------------------------------------------------------------------------------ odd bags


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("", "which version"),
        ("BagIt-Version: 9.9\nTag-File-Character-Encoding: UTF-8\n", "not known here (9.9)"),
        ("BagIt-Version: 1.0\n", "encoded"),
        ("BagIt-Version: 1.0\nTag-File-Character-Encoding: rot13\n", "encoding that is not known"),
        ("BagIt-Version: 1.0\nTag-File-Character-Encoding: wingdings\n", "encoding that is not known"),
    ],
)
def test_an_odd_declaration_is_told_and_the_files_are_checked_all_the_same(
    archive: Archive, bag: Path, declaration: str, said: str
) -> None:
    (bag / "bagit.txt").write_text(declaration, "utf-8")
    flip(bag / "data/photo.png")
    _, found = take(archive, bag)
    assert words(found)["bagit.txt"] == ("skipped", "bag-odd")
    assert said in found["bagit.txt"].message
    assert words(found)["data/photo.png"] == ("failed", "bag-differs")
    assert words(found)["data/thigh-tear/loop.dcm"] == ("added", None)


def test_a_bag_without_a_manifest_is_taken_unchecked_and_that_is_told(archive: Archive, bag: Path) -> None:
    (bag / "manifest-sha256.txt").rename(bag / "manifest-crc32.txt")
    summary, found = take(archive, bag)
    assert summary.failed == 0
    assert "taken unchecked" in found["bagit.txt"].message
    assert "crc32" in found["manifest-crc32.txt"].message
    assert not any("its bag" in note for o in found.values() for note in o.notes)


def test_tag_files_in_another_encoding_are_read(archive: Archive, tmp_path: Path) -> None:
    root = tmp_path / "bag"
    helpers.picture(root / "data" / "Fußgelenk.png")
    seal(root, declaration="BagIt-Version: 0.97\nTag-File-Character-Encoding: ISO-8859-1\n")
    manifest = root / "manifest-sha256.txt"
    manifest.write_bytes(manifest.read_text("utf-8").encode("latin-1"))
    _, found = take(archive, root)
    assert words(found)["data/Fußgelenk.png"] == ("added", None)
    assert found["data/Fußgelenk.png"].notes == ()
    (root / "bagit.txt").write_text(DECLARATION, "utf-8")
    _, found = take(archive, root)
    assert words(found)["manifest-sha256.txt"] == ("failed", "bag-odd")


def test_lines_that_lead_elsewhere_or_are_no_lines_are_named(archive: Archive, bag: Path) -> None:
    outside = helpers.picture(bag.parent / "outside.png")
    digest = hashlib.sha256(outside.read_bytes()).hexdigest()
    with (bag / "manifest-sha256.txt").open("a", encoding="utf-8") as manifest:
        for name in (
            "../outside.png",
            "data/../../outside.png",
            "/etc/passwd",
            "bagit.txt",
            "C:\\x.png",
            "~/x",
        ):
            manifest.write(f"{digest}  {name}\n")
        manifest.write("one word\n")
    _, found = take(archive, bag)
    assert words(found) == {**WHOLE, "manifest-sha256.txt": ("failed", "unsafe-name")}
    assert "lines 4, 5, 6 and 3 more: a place outside data/" in found["manifest-sha256.txt"].message
    assert "line 10: not a checksum" in found["manifest-sha256.txt"].message


def test_a_tag_file_that_was_changed_is_told(archive: Archive, tmp_path: Path, judge: Any) -> None:
    root = tmp_path / "sent"
    helpers.picture(root / "photo.png")
    judge.make_bag(str(root))
    (root / "bag-info.txt").write_text("Contact-Name: somebody else\n", "utf-8")
    _, found = take(archive, root)
    assert words(found)["bag-info.txt"] == ("failed", "bag-differs")
    assert words(found)["data/photo.png"] == ("added", None)


def test_a_picture_beside_the_payload_is_taken_like_any_other(archive: Archive, bag: Path, form: str) -> None:
    helpers.picture(bag / "extra" / "label.png", seed=11)
    (bag / "certificate.json").write_text("{}", "utf-8")
    _, found = take(archive, as_(form, bag))
    assert words(below_bag(found)) == {
        **WHOLE, "extra/label.png": ("added", None), "certificate.json": ("skipped", "bag-tag"),
    }  # fmt: skip


def test_a_bag_in_a_bag_keeps_the_promises_of_both(
    archive: Archive, bag: Path, tmp_path: Path, form: str
) -> None:
    outer = tmp_path / "outer"
    (outer / "data").mkdir(parents=True)
    shutil.move(bag, outer / "data" / "inner")
    seal(outer)
    flip(outer / "data/inner/data/photo.png")
    seal(outer / "data/inner")  # the inner one was made anew, the outer one knows nothing of it
    _, found = take(archive, as_(form, outer))
    told = below_bag(found)
    assert words(told)["data/inner/data/photo.png"] == ("failed", "bag-differs")
    assert words(told)["data/inner/manifest-sha256.txt"] == ("failed", "bag-differs")
    assert words(told)["data/inner/data/thigh-tear/loop.dcm"] == ("added", None)


# ---------------------------------------------------------------------------------------------------- names


@POSIX
@pytest.mark.parametrize(
    "name", ["a%b.png", "a%25b.png", "a%0Ab.png", "a\nb.png", "a\r\nb.png", "100 % x.png", "%.png"]
)
def test_names_are_read_as_the_standard_writes_them(archive: Archive, tmp_path: Path, name: str) -> None:
    root = tmp_path / "bag"
    helpers.picture(root / "data" / name)
    summary, found = take(archive, seal(root))
    assert (summary.added, summary.failed) == (1, 0)
    assert not any(o.notes for o in found.values())


@POSIX
def test_a_percent_sign_that_another_tool_left_as_it_is_still_finds_its_file(
    archive: Archive, tmp_path: Path, judge: Any
) -> None:
    root = tmp_path / "sent"
    for number, name in enumerate(("100 % x.png", "a%25b.png", "line\nbreak.png")):
        helpers.picture(root / name, seed=number)
    judge.make_bag(str(root), checksums=["sha256"])
    summary, found = take(archive, root)
    assert (summary.added, summary.failed) == (3, 0)
    assert not any(o.notes for o in found.values())


@pytest.mark.parametrize(("here", "listed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_composed_otherwise(archive: Archive, tmp_path: Path, here: str, listed: str) -> None:
    root = tmp_path / "bag"
    helpers.picture(root / "data" / unicodedata.normalize(here, "é-ü.png"))  # type: ignore[arg-type]
    manifest = seal(root) / "manifest-sha256.txt"
    manifest.write_text(unicodedata.normalize(listed, manifest.read_text("utf-8")), "utf-8")  # type: ignore[arg-type]
    summary, found = take(archive, root)
    assert (summary.added, summary.failed) == (1, 0)
    assert not any(o.notes for o in found.values())


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=("Cs",))).filter(lambda t: not t.startswith("./")))
def test_any_path_is_read_back_as_it_was_written(name: str) -> None:
    assert bags._path(our_own.written(name)) == name


# ---------------------------------------------------------------------------------------------- any tag files


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["bagit.txt", "manifest-sha256.txt", "manifest-md5.txt", "tagmanifest-sha1.txt", "fetch.txt"]),
        st.one_of(
            st.binary(max_size=200),
            st.lists(
                st.sampled_from([
                    "0" * 64 + "  data/x", "0" * 32 + " *data/x", "BagIt-Version: 1.0", "http://a 1 data/x",
                    "Tag-File-Character-Encoding: utf-16", "Tag-File-Character-Encoding: idna", "\ufeff", "%0A" * 40,
                    "0" * 64 + "  data/\0", "0" * 64 + "  data/" + "x" * 5000,
                ]),
            ).map(lambda lines: "\r".join(lines).encode()),
        ),
    )
)  # fmt: skip
def test_no_tag_file_whatever_it_holds_ends_a_run(
    tmp_path_factory: pytest.TempPathFactory, tags: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("bag")
    for name, content in {"bagit.txt": b"", **tags}.items():
        (root / name).write_bytes(content)
    for bag in (bags.of_folder(root, str(root)), *_zipped_bags(root)):
        told = [*bag.troubles.values(), *bags.missing(bag, bags.in_folder(bag))]
        assert all(o.reason in REASONS and o.message and o.path.isprintable() for o in told)
        assert all(path.startswith("data/") for path in bag.payload)


def _zipped_bags(root: Path) -> Iterator[bags.Bag]:
    packed = zipped(root, root.parent / f"{root.name}.zip")
    with zipfile.ZipFile(packed) as opened:
        yield from bags.of_zip(opened, opened.infolist(), packed.name).values()
