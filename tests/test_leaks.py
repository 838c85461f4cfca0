"""What the last look promises: an identity in the finished bytes is found, wherever it hides, and never repeated."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

from casearchive.deid import leaks, own
from casearchive.deid.needles import build, is_generic
from casearchive.model import Identifier

NAME = Identifier("PatientName", "Quillfeather^Isolde")
SHORT = Identifier("PatientName", "Lee^Bo")
NUMBER = Identifier("PatientID", "KH4711823")
BIRTH = Identifier("PatientBirthDate", "19710312")
UID = Identifier("StudyInstanceUID", "1.2.826.0.1.77.1")
PLACE = Identifier("InstitutionName", "St. Eloria Hospital")
ALL = (NAME, SHORT, NUMBER, BIRTH, UID, PLACE)


def dicom(**elements: object) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "2.25.1"
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    target = io.BytesIO()
    ds.save_as(target, enforce_file_format=True)
    return target.getvalue()


def nested() -> bytes:
    inner = Dataset()
    inner.CodeMeaning = "seen by Bo Lee"
    outer = Dataset()
    outer.ConceptNameCodeSequence = Sequence([inner])
    return dicom(ContentSequence=Sequence([outer]))


def zipped(data: bytes, name: str = "a.txt") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, data)
    return target.getvalue()


def png(text: str, packed: bool) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text, zip=packed)
    target = io.BytesIO()
    Image.new("L", (8, 8)).save(target, "PNG", pnginfo=info)
    return target.getvalue()


def jpeg(comment: str) -> bytes:
    target = io.BytesIO()
    Image.new("L", (8, 8)).save(target, "JPEG", comment=comment.encode())
    return target.getvalue()


def noise(size: int = 200_000, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()


HIDDEN: list[tuple[str, bytes | str]] = [
    ("a.txt", "the patient Quillfeather came"),
    ("a.txt", "ISOLDE"),
    ("a.txt", "lee, bo"),
    ("a.txt", "Bo Lee"),
    ("a.txt", "record kh-4711823"),
    ("a.txt", "12.03.1971"),
    ("a.txt", "March 12, 1971"),
    ("a.txt", "19710312"),
    ("a.txt", "uid 1.2.826.0.1.77.1."),
    ("a.txt", "in the eloria team"),
    ("a.txt", "Quillfeather".encode("utf-16")),
    ("a.html", "<b>Quill</b>feather"),
    ("a.html", "Quillf&#101;ather"),
    ("a.json", json.dumps("Quillfeäther").replace("\\u00e4", "\\u0061")),
    ("a.html", f'<img src="data:image/png;base64,{base64.b64encode(png("by Bo Lee", True)).decode()}">'),
    ("a.html", f'<a href="data:;base64,{base64.b64encode(dicom(PatientComments="Isolde")).decode()}">x</a>'),
    ("a.js", f'x="{base64.b64encode(b"the name is Isolde Quillfeather, please").decode()}"'),
    ("a.url", "q=Quill%66eather"),
    ("a.dcm", dicom(PatientName="Quillfeather")),
    ("a.dcm", dicom(PatientComments="by Lee today")),
    ("a.dcm", nested()),
    ("a.dcm", dicom(StudyInstanceUID="1.2.826.0.1.77.1")),
    ("a.zip", zipped(b"Isolde")),
    ("a.pptx", zipped(zipped(dicom(PatientID="KH4711823"), "b.dcm"), "c.zip")),
    ("a.zip", zipped(b"nothing", "Lee.txt")),
    ("a.gz", gzip.compress(b"Isolde")),
    ("a.png", png("Bo Lee", False)),
    ("a.png", png("Bo Lee", True)),
    ("a.jpg", jpeg("Lee")),
    ("a.jpg", jpeg("x") + b"Lee"),
    ("a.bin", noise() + b"Isolde^Quillfeather" + noise(seed=2)),
    ("a.bin", noise() + "isolde".upper().encode("utf-16-be") + noise(seed=2)),
    ("a.bin", noise() + b"\x00Lee^Bo was here\x00" + noise(seed=2)),
    ("a.bin", noise() + b"1.2.826.0.1.77.1\x00" + noise(seed=2)),
    ("a.pdf", b"%PDF-1.7\nstream\n" + zlib.compress(b"(Isolde) Tj") + b"\nendstream"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content"), HIDDEN, ids=[f"{n}-{i}" for i, (n, _) in enumerate(HIDDEN)])
def test_an_identity_is_found_wherever_it_hides_and_never_repeated(
    tmp_path: Path, name: str, content: bytes | str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = leaks.scan(tmp_path, ALL)
    assert found
    told = " ".join(map(str, found)).casefold()
    assert not any(t in told for t in ("quillfeather", "isolde", "4711823", "eloria", "1971", ".77.1"))
    assert {f.keyword for f in found} <= {i.keyword for i in ALL}


@pytest.mark.parametrize("path", ["Quillfeather/a.txt", "x/isolde.dcm", "KH4711823.png", "Lee.txt"])
def test_names_of_files_and_folders_are_searched_and_not_repeated(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("nothing")
    found = leaks.scan(tmp_path, ALL)
    assert found
    assert not any(t in str(found).casefold() for t in ("quillfeather", "isolde", "kh4711823", "lee.txt"))


def test_clean_output_is_clean(tmp_path: Path) -> None:
    (tmp_path / "M2.dcm").write_bytes(
        dicom(PatientName="CA-ABCDEFGH", StudyDate="19710312", InstanceNumber=42)
    )
    (tmp_path / "index.html").write_text(
        "<head><body><p>Long head of the biceps, 31 mm, 5-14 MHz, page 42</p>"
    )
    (tmp_path / "noise.bin").write_bytes(noise(2_000_000))
    (tmp_path / "a.zip").write_bytes(zipped(noise(50_000)))
    (tmp_path / "f.png").write_bytes(png("a caption", True))
    known = (
        *ALL,
        Identifier("PatientName", "Head^Long"),
        Identifier("PatientID", "42"),
        Identifier("PatientSex", "M"),
    )
    assert leaks.scan(tmp_path, known) == ()


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDescription", "Knee Quillfeather"),
        ("ImageComments", "QUILLFEATHER"),
        ("file name", "Quillfeather_knee.mp4"),
    ],
)
def test_a_name_in_free_text_is_found_in_what_leaves(tmp_path: Path, keyword: str, value: str) -> None:
    (tmp_path / "a.html").write_text("<p>The knee of Quillfeather</p>")
    assert leaks.scan(tmp_path, [Identifier(keyword, value)])
    (tmp_path / "a.html").write_text("<p>The knee of a rider</p>")
    assert leaks.scan(tmp_path, [Identifier(keyword, value)]) == ()


OWN = own.phrases("casearchive.deid", "casearchive.exporters", "casearchive.record")
OURS = (
    b'<footer class="foot">\n  <p>Made by casearchive <span class="dot">',
    b'<p><button type="button" class="look" data-figure="1">Look at Clip 1</button>',
    b"To take them into an archive: casearchive ingest THIS-FOLDER\n",
    b'{"marks": [], "priors":2}\n[[prior]]\nwhat = 1',
    base64.b64encode(
        b'{"sections":{"priors":"<p class=\\"verdict\\" dir=\\"auto\\" lang=\\"en\\">31 mm</p>"}}'
    ),
)
CALLED = [
    Identifier("PatientName", f"{n}^Zyx")
    for n in ("Made", "Look", "Take", "Marks", "Prior", "Verdict", "Noto")
]


def test_a_patient_called_like_a_word_of_our_own_pages_is_looked_for_in_every_other_place(
    tmp_path: Path,
) -> None:
    script = Path(own.__file__).parents[1].joinpath("exporters/_html/static/teaching.css").read_bytes()
    (tmp_path / "teaching.css").write_bytes(script)
    for number, text in enumerate(OURS):
        (tmp_path / f"{number}.html").write_bytes(text)
    assert leaks.scan(tmp_path, CALLED)
    assert leaks.scan(tmp_path, CALLED, own=OWN) == ()
    for number, text in enumerate((*OURS, script)):
        for called in (
            "Made",
            "Look",
            "Take",
            "Marks",
            "Prior",
            "Verdict",
            "Noto",
            "LOOK",
            "made",
            "Prior, Zyx",
        ):
            for content in (text + f" seen was {called}".encode(), f"<p>{called}</p>".encode() + text):
                (tmp_path / f"{number}.html").write_bytes(content)
                assert leaks.scan(tmp_path / f"{number}.html", CALLED, own=OWN), (called, content)


def test_a_patient_called_like_a_word_of_our_own_headers_is_found_in_theirs(tmp_path: Path) -> None:
    known = [Identifier("PatientName", "Kept^Created")]
    ours = next(p for p in OWN if p.startswith(b"Pixels outside the kept area")).decode()
    (tmp_path / "a.dcm").write_bytes(dicom(DerivationDescription=ours) + b"\0Created by OpenJPEG version 2")
    assert leaks.scan(tmp_path, known)
    assert leaks.scan(tmp_path, known, own=OWN) == ()
    (tmp_path / "a.dcm").write_bytes(dicom(DerivationDescription=ours, StudyDescription="knee Kept"))
    assert leaks.scan(tmp_path, known, own=OWN)


@given(st.binary(max_size=4000))
@settings(max_examples=60, deadline=None)
def test_any_bytes_can_be_searched(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.bin").write_bytes(data)
        assert all(isinstance(leak, leaks.Leak) for leak in leaks.scan(Path(folder), ALL))
        (Path(folder) / "x.bin").write_bytes(data + b"\n Isolde Quillfeather \n")
        assert leaks.scan(Path(folder), ALL)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"PK\x03\x04 not really a zip",
        lambda: b"\0" * 128 + b"DICM" + b"\x08\x00\x05\x00CS\xff\xff",
        lambda: b"\x1f\x8bbroken",
        lambda: b"7z\xbc\xaf\x27\x1c" + noise(100),
        lambda: b"\x28\xb5\x2f\xfd" + noise(100),
    ],
)
def test_what_cannot_be_searched_is_not_called_clean(tmp_path: Path, make: Callable[[], bytes]) -> None:
    (tmp_path / "x").write_bytes(make())
    assert any(leak.keyword == leaks.UNSEARCHABLE for leak in leaks.scan(tmp_path, ALL))


def test_an_encrypted_member_or_a_link_is_not_called_clean(tmp_path: Path) -> None:
    data = bytearray(zipped(b"secret"))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = data.find(mark) + (6 if mark == b"PK\x03\x04" else 8)
        data[at : at + 2] = struct.pack("<H", 1)
    (tmp_path / "x.zip").write_bytes(bytes(data))
    (tmp_path / "link").symlink_to(tmp_path / "x.zip")
    assert [leak.file for leak in leaks.scan(tmp_path, ALL) if leak.keyword == leaks.UNSEARCHABLE] == [
        "link",
        "x.zip!a.txt",
    ]


def test_short_values_are_compared_with_whole_values_only(tmp_path: Path) -> None:
    known = (Identifier("PatientID", "42"),)
    (tmp_path / "a.dcm").write_bytes(dicom(PatientComments="frame 42 of 42"))
    assert not leaks.scan(tmp_path, known)
    (tmp_path / "b.dcm").write_bytes(dicom(PatientID="42"))
    assert [leak.file for leak in leaks.scan(tmp_path, known)] == ["b.dcm"]
    (tmp_path / "b.dcm").rename(tmp_path / "42.txt")
    assert leaks.scan(tmp_path, known)


def test_values_that_name_nobody_are_not_looked_for() -> None:
    for value in ("", " ", "ANONYMOUS", "M", "00000000", "^^", "N/A", "unknown"):
        assert is_generic(value)
        assert build([Identifier("PatientID", value)]) == ()
    assert not is_generic("KH4711823")


def test_allowed_words_are_allowed_alone_but_not_with_the_rest_of_the_name(tmp_path: Path) -> None:
    known = (Identifier("PatientName", "Supraspinatus^Zoltan"),)
    (tmp_path / "a.txt").write_text("a tear of the supraspinatus")
    assert leaks.scan(tmp_path, known)
    assert not leaks.scan(tmp_path, known, allowed_words=("supraspinatus",))
    (tmp_path / "a.txt").write_text("zoltan supraspinatus")
    assert leaks.scan(tmp_path, known, allowed_words=("supraspinatus", "zoltan"))


def test_a_name_with_umlauts_is_found_in_every_spelling(tmp_path: Path) -> None:
    for name in ("Müller^Jörg", "MUELLER^JOERG", "Mu\u0308ller^Jo\u0308rg"):
        for text in ("Müller", "Mueller", "MULLER", "M&uuml;ller", "Mu\u0308ller", "jörg"):
            (tmp_path / "a.html").write_text(text, encoding="utf-8")
            assert leaks.scan(tmp_path, [Identifier("PatientName", name)]), (name, text)


@given(
    st.text(alphabet="bcdfghjklmnpqrstvwxz", min_size=5, max_size=12),
    st.text(alphabet="aeiou", min_size=3, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_any_name_is_found_in_any_order(family: str, given_name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for text in (
            f"{family}, {given_name}",
            f"{given_name.title()} {family.upper()}",
            f"{family}^{given_name}",
        ):
            if len(set(family)) < 2 or len(set(given_name)) < 2:
                continue
            (Path(folder) / "a.txt").write_text(f"seen: {text}.")
            assert leaks.scan(Path(folder), [Identifier("PatientName", f"{family}^{given_name}")]), text


def test_a_file_name_that_says_nothing_may_be_the_name_of_what_leaves(tmp_path: Path) -> None:
    (tmp_path / "M10.dcm").write_bytes(dicom(PatientID="CA-X"))
    (tmp_path / "case.toml").write_text('structure = "rectus_femoris"')
    for name in ("M10.dcm", "clip.mp4", "rectus_femoris.dcm", "case.dcm"):
        assert not leaks.scan(tmp_path, [Identifier("file name", name)]), name
    (tmp_path / "notes.txt").write_text("made from hand_quillfeather_4711823.mp4")
    assert leaks.scan(tmp_path, [Identifier("file name", "hand_quillfeather_4711823.mp4")])


def test_a_short_plain_number_tells_in_a_sentence_but_not_among_sizes(tmp_path: Path) -> None:
    from casearchive.deid import words
    from casearchive.model import Case

    known = (Identifier("StudyID", "0539"), Identifier("PatientID", "1024"))
    (tmp_path / "a.html").write_text('<svg width="1024"><path d="M12.0539 1024"/>')
    assert not leaks.scan(tmp_path, known)
    assert words.search(Case(slug="a", title="study 0539 of the knee"), known)
    assert not words.search(Case(slug="a", title="a gap of 12.0539 mm"), known)


def test_a_part_of_an_office_file_is_searched_without_the_names_of_its_format(tmp_path: Path) -> None:
    """A patient may be called Kern, and every line of a slide says ``kern="1200"``."""
    head = (
        b"<?xml version='1.0'?><p:sld xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\">"
    )
    called = [Identifier("PatientName", "Kern^Zyx")]
    part = tmp_path / "a.xml"
    part.write_bytes(head + b'<a:t kern="1200">The knee</a:t><a:kern/></p:sld>')
    assert leaks.scan(tmp_path, called) == ()
    for told in (
        b"<a:t>Kern</a:t>",
        b'<a:t descr="knee of Kern"/>',
        b'<a:t xmlns:k="http://kern.org/"/>',
        b"<!--Kern-->",
    ):
        part.write_bytes(head + told + b"</p:sld>")
        assert leaks.scan(tmp_path, called), told
    part.write_bytes(b'<page><a kern="1200"/></page>')
    assert leaks.scan(tmp_path, called)
