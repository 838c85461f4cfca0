"""verify-export looks at the objects in packed files as at those that lie open."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import helpers
import pytest
import thigh
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from casearchive import Archive
from casearchive.deid import certificate, codec, encode, packed

FORMATS = ["folder", "dicom", "mirc", "zip", "bagit"]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    made = thigh.archive(folder).export([thigh.SLUG], formats=FORMATS, to=folder / "out")
    assert made.folder is not None
    return made.folder


@pytest.fixture
def copy(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released, tmp_path / "copy"))


def objects(path: Path, scratch: Path) -> list[str]:
    scratch.mkdir(exist_ok=True)
    return [name for name, _ in packed.objects(path, scratch)]


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """The zip at ``path`` with one member changed; ``name`` leads through zips within it by ``!``."""
    first, _, rest = name.partition("!")

    def inner(content: bytes) -> bytes:
        copy = path.with_name(f"{path.name}.inner")
        copy.write_bytes(content)
        rewritten(copy, rest, change)
        changed = copy.read_bytes()
        copy.unlink()
        return changed

    with zipfile.ZipFile(path) as old:
        members = {n: old.read(n) for n in old.namelist()}
    members[first] = inner(members[first]) if rest else change(members[first])
    helpers.zipped(path, members)


def signed(folder: Path, *, clips: dict[str, bytes] | None = None) -> list[str]:
    """What is said after somebody made the certificate fit the bytes: of the files, and of ``clips`` by reference."""
    paper = json.loads((folder / "certificate.json").read_text("utf-8"))
    for entry in paper["files"]:
        path = folder / entry["path"]
        entry["sha256"], entry["bytes"] = encode.file_hash(path), path.stat().st_size
    for clip in paper["clips"]:
        if clips and clip["ref"] in clips:
            (folder / "x").write_bytes(clips[clip["ref"]])
            clip["sha256"] = encode.file_hash(folder / "x")
            (folder / "x").unlink()
    paper["seal"] = certificate.seal(paper)
    (folder / "certificate.json").write_text(json.dumps(paper), "utf-8")
    return certificate.check(folder)


def blackened(content: bytes) -> bytes:
    """An object of the airlock with another picture in it."""
    data = dcmread(BytesIO(content))
    (frame,) = generate_frames(data.PixelData, number_of_frames=1)
    picture = codec.decoded(frame).copy()
    picture[200:210, 300:310] = 0
    data.PixelData = encapsulate([codec.codestream(picture)])
    out = BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def talkative(content: bytes) -> bytes:
    """An object with a header that the profile does not allow."""
    data = dcmread(BytesIO(content))
    data.InstitutionName = "St. Imaginary"
    out = BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------- what is found


def test_packed_objects_are_those_of_the_outputs_in_zips_within_zips_too(
    released: Path, tmp_path: Path
) -> None:
    assert Archive.verify_export(released) == ()
    assert objects(released / "zip/folder.zip", tmp_path) == ["folder/thigh/M1.dcm"]
    (name,) = objects(released / "zip/mirc.zip", tmp_path)
    assert name.startswith("mirc/") and ".zip!" in name
    assert len(objects(released / "zip/dicom.zip", tmp_path)) == sum(
        p.read_bytes()[128:132] == b"DICM" for p in (released / "dicom").rglob("*") if p.is_file()
    )


@pytest.mark.parametrize("where", ["zip/folder.zip", "zip/mirc.zip", "mirc/*.zip", "bagit/data/mirc/*.zip"])
def test_another_object_in_a_zip_is_found_although_the_hash_of_the_zip_was_changed_with_it(
    copy: Path, tmp_path: Path, where: str
) -> None:
    (path,) = copy.glob(where)
    (name,) = objects(path, tmp_path / "scratch")
    rewritten(path, name, blackened)
    shown = path.relative_to(copy).as_posix()
    assert signed(copy) == [f"{shown}!{name}: a DICOM object that the certificate does not name"]


def test_the_pixels_of_a_packed_object_are_looked_at_although_its_own_hash_was_changed_too(
    released: Path, tmp_path: Path
) -> None:
    for change, said in (
        (blackened, "kept pixels of frame 1"),
        (talkative, "InstitutionName is not allowed"),
    ):
        copy = Path(shutil.copytree(released, tmp_path / change.__name__))
        path = copy / "zip/folder.zip"
        content = change(zipfile.ZipFile(path).read("folder/thigh/M1.dcm"))
        rewritten(path, "folder/thigh/M1.dcm", lambda _, new=content: new)
        found = signed(copy, clips={"M1": content})
        assert [f for f in found if f.startswith("zip/folder.zip!folder/thigh/M1.dcm: ") and said in f], found


def test_a_payload_of_a_bag_is_looked_at_as_any_file(copy: Path) -> None:
    path = copy / "bagit/data/folder/thigh/M1.dcm"
    path.write_bytes(talkative(path.read_bytes()))
    assert "bagit/data/folder/thigh/M1.dcm: InstitutionName is not allowed by the profile" in signed(copy)


# ------------------------------------------------------------------------------------- what cannot be looked into


def locked(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


@pytest.mark.parametrize("change", [lambda content: content[:200], locked], ids=["cut", "locked"])
def test_a_zip_that_cannot_be_looked_into_is_a_fault(copy: Path, change: Callable[[bytes], bytes]) -> None:
    path = copy / "zip/folder.zip"
    path.write_bytes(change(path.read_bytes()))
    assert signed(copy) == ["zip/folder.zip: it cannot be unpacked, so that nobody looked at what is in it"]


def test_zips_within_zips_end_somewhere(tmp_path: Path) -> None:
    path = helpers.zipped(tmp_path / "0.zip", {"a": b"\0" * 128 + b"DICM"})
    for number in range(1, 3):
        path = helpers.zipped(tmp_path / f"{number}.zip", {"in.zip": path.read_bytes(), "b": b"words"})
    assert objects(path, tmp_path / "scratch") == ["in.zip!in.zip!a"]
    path = helpers.zipped(tmp_path / "3.zip", {"in.zip": path.read_bytes()})
    with pytest.raises(packed.PackedError, match="too deep") as refusal:
        objects(path, tmp_path / "scratch")
    assert refusal.value.where == "in.zip!in.zip!in.zip"


def test_a_trap_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_BYTES", 1000)
    path = helpers.zipped(tmp_path / "large.zip", {"a": b"\0" * 128 + b"DICM" + b"\0" * 900})
    with pytest.raises(packed.PackedError, match="more than is looked at"):
        objects(path, tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []
