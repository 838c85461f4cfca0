"""Promises of the readers: any medium becomes a clip with true facts, or is refused with the true reason."""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, features
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from casearchive import readers
from casearchive.choices import REASONS
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.readers import _structure

SHA = "ab" * 32
BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
ROWS, COLUMNS = 48, 64


# ------------------------------------------------------------------------------------- files made on the spot


def scene(frame: int = 0) -> np.ndarray:
    """An RGB picture like an ultrasound screen: black border, grey speckle, a coloured box that moves."""
    noise = np.random.default_rng(frame).integers(10, 120, (ROWS, COLUMNS))
    noise[:8], noise[:, :12] = 0, 0
    picture = np.repeat(noise[..., None], 3, axis=2).astype(np.uint8)
    picture[20:28, 20 + frame : 30 + frame] = (220, 40, 30)
    return picture


def header(**changes: Any) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = US_MULTIFRAME, "1.2.3.4.5"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Doe^Jane", "4711", "19700203"
    ds.StudyDate, ds.StudyTime, ds.Modality = "20240131", "101112.5", "US"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def with_pixels(
    ds: Dataset, frames: list[np.ndarray], photometric: str, data: bytes | None = None
) -> Dataset:
    first = frames[0]
    ds.Rows, ds.Columns = first.shape[:2]
    ds.SamplesPerPixel = 1 if first.ndim == 2 else 3
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = ds.BitsStored = 8 * first.dtype.itemsize
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    if first.ndim == 3:
        ds.PlanarConfiguration = 0
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    raw = b"".join(frame.tobytes() for frame in frames) if data is None else data
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OB" if first.dtype.itemsize == 1 else "OW"
    return ds


def written(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", US_MULTIFRAME)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3.4.5")
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def cine(frames: int = 3, syntax: str = ExplicitVRLittleEndian, **changes: Any) -> bytes:
    return written(with_pixels(header(**changes), [scene(n) for n in range(frames)], "RGB"), syntax)


def encoded(picture: np.ndarray, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, kind, **options)
    return out.getvalue()


def still(kind: str, **options: Any) -> bytes:
    return encoded(scene(), kind, **options)


def moving(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    images = [Image.fromarray(scene(n)) for n in range(4)]
    images[0].save(out, kind, save_all=True, append_images=images[1:], **options)
    return out.getvalue()


def video(tmp_path: Path, kind: str = "mp4", codec: str = "libx264", frames: int = 30, **tags: str) -> bytes:
    """A clip of 30 frames (unless told) whose frame n (from 1) has the grey level 8 n."""
    av = pytest.importorskip("av")
    path = tmp_path / f"made.{kind}"
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = 12
        for number in range(frames):
            level = np.full((48, 64, 3), 8 * (number + 1), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(level, "rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[bytes], Clip]]:
    """Opens bytes through the front door; the name on disk says nothing about them."""
    clips: list[Clip] = []

    def opener(content: bytes) -> Clip:
        path = tmp_path / f"file{len(clips)}"
        path.write_bytes(content)
        clips.append(readers.open_clip(path, SHA))
        return clips[-1]

    yield opener
    for clip in clips:
        clip.close()


def refusal(path: Path, content: bytes) -> UnreadableFile:
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        readers.open_clip(path, SHA).close()
    assert caught.value.reason in REASONS
    return caught.value


# ------------------------------------------------------------------------------------------------- the door


def test_every_reader_keeps_the_contract_of_a_plug() -> None:
    found = readers.readers()
    assert [reader.NAME for reader in found] == ["dicom", "still", "movie"]
    assert [reader.PRIORITY for reader in found] == sorted(reader.PRIORITY for reader in found)
    for reader in found:
        assert not reader.sniff(b"", 0)
        assert not reader.sniff(b"\0" * 4096, 4096)


@given(st.binary(max_size=700))
def test_no_reader_stumbles_over_any_first_bytes(head: bytes) -> None:
    for reader in readers.readers():
        assert reader.sniff(head, len(head)) in (True, False)


@pytest.mark.parametrize(
    ("content", "reason", "word"),
    [
        (b"", "empty", "no bytes"),
        (b"hello, this is a letter", "not-an-image", "text"),
        (b"<!DOCTYPE html><html></html>", "not-an-image", "web page"),
        (b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n", "not-an-image", "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not-an-image", "playlist"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not-an-image", "PostScript"),
        (b"%PDF-1.7\n", "not-an-image", "PDF"),
        (b"\0" * 5000, "not-an-image", "zeros"),
        (b"\x7fELF" + b"\1" * 100, "not-an-image", "program"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 100, "damaged", "contradicts"),
        (b"\0\0\0\x18ftypcrx " + b"\0" * 100, "not-an-image", "camera"),
        (b"\x89PNG\r\n\x1a\n", "truncated", "too early"),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x04ABCD" + b"x" * 40, "damaged", "contradicts"),
        (b"\xff\xd8\xff\xe0", "truncated", "too early"),
        (b"GIF89a", "truncated", "too early"),
        (b"\0" * 128 + b"DICM", "truncated", "before its data set"),
    ],
)
def test_what_is_no_picture_is_refused_and_the_message_says_what_it_is(
    tmp_path: Path, content: bytes, reason: str, word: str
) -> None:
    error = refusal(tmp_path / "picture.dcm", content)
    assert error.reason == reason
    assert word in str(error)


def test_a_zip_called_dcm_is_refused_as_a_zip(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.dcm", b"x")
    assert "zip" in str(refusal(tmp_path / "a.dcm", out.getvalue()))


def test_content_decides_and_the_suffix_does_not(tmp_path: Path) -> None:
    for name in ("clip.mp4", "letter.txt", "noname"):
        path = tmp_path / name
        path.write_bytes(cine())
        clip = readers.open_clip(path, SHA)
        assert clip.facts.kind == "dicom"
        clip.close()


def test_a_folder_and_a_missing_file_are_refused_with_a_reason(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "special-file"), (tmp_path / "gone", "unreadable")):
        with pytest.raises(UnreadableFile) as caught:
            readers.open_clip(path, SHA)
        assert caught.value.reason == reason


def test_messages_never_quote_what_a_file_holds(tmp_path: Path) -> None:
    content = cine()
    for cut in range(200, len(content), 997):
        (tmp_path / "f").write_bytes(content[:cut])
        try:
            clip = readers.open_clip(tmp_path / "f", SHA)
        except UnreadableFile as error:
            said = str(error)
        else:
            said = "\n".join(clip.facts.notes)
            clip.close()
        assert "Doe" not in said
        assert "4711" not in said


# ------------------------------------------------------------------------------------------------ truncation


@cache
def dicom_kinds() -> dict[str, bytes]:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 7, 7
    ds = header(SequenceOfUltrasoundRegions=Sequence([region]))
    open_ended = header(SequenceOfUltrasoundRegions=Sequence([region]))
    open_ended["SequenceOfUltrasoundRegions"].is_undefined_length = True
    region_copy = open_ended.SequenceOfUltrasoundRegions[0]
    region_copy.is_undefined_length_sequence_item = True
    grey = [np.full((8, 8), level, np.uint8) for level in (20, 90)]
    jpeg = [encoded(frame, "JPEG") for frame in grey]
    report = header(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    report.ContentSequence = Sequence([region])
    return {
        "explicit": written(with_pixels(ds, grey, "MONOCHROME2")),
        "undefined lengths": written(with_pixels(open_ended, grey, "MONOCHROME2")),
        "implicit": written(with_pixels(header(), grey, "MONOCHROME2"), ImplicitVRLittleEndian),
        "big endian": written(with_pixels(header(), grey, "MONOCHROME2"), ExplicitVRBigEndian),
        "deflated": written(with_pixels(header(), grey, "MONOCHROME2"), DeflatedExplicitVRLittleEndian),
        "jpeg": written(with_pixels(header(), grey, "MONOCHROME2", encapsulate(jpeg)), JPEGBaseline8Bit),
        "report": written(report),
    }


@pytest.mark.parametrize("kind", list(dicom_kinds()))
def test_dicom_cut_at_any_byte_is_refused_or_shown_as_far_as_it_goes_and_said(
    tmp_path: Path, kind: str
) -> None:
    whole = dicom_kinds()[kind]
    path = tmp_path / "f"
    path.write_bytes(whole)
    readers.open_clip(path, SHA).close()
    # The deflated file ends with a pad byte, which nobody needs.
    last = len(whole) - 1 if kind == "deflated" else len(whole)
    taken = []
    for cut in range(132, last):
        path.write_bytes(whole[:cut])
        try:
            clip = readers.open_clip(path, SHA)
        except UnreadableFile as error:
            assert error.reason == "truncated", (cut, str(error))
            assert not taken, cut  # what is longer is no worse
            continue
        taken.append(clip.facts.instance.frames)
        assert any("the file ends early" in note for note in clip.facts.notes), cut
        for number in range(1, clip.facts.instance.frames + 1):
            assert clip.frame(number).shape == (8, 8)
        clip.close()
    assert taken == sorted(taken)
    if kind == "report":
        assert not taken
    else:
        assert taken[0] == 1
        assert set(taken) <= {1, 2}


@cache
def still_kinds() -> dict[str, bytes]:
    return {
        "png": still("PNG"),
        "apng": moving("PNG", duration=50),
        "jpeg": still("JPEG"),
        "progressive": still("JPEG", progressive=True),
        "gif": moving("GIF", duration=50),
        "webp": still("WEBP"),
        "animated webp": moving("WEBP", duration=50),
        "bmp": still("BMP"),
        "tiff": still("TIFF"),
        "packed tiff": still("TIFF", compression="tiff_lzw"),
        "multi-page tiff": moving("TIFF"),
    }


@pytest.mark.parametrize("kind", list(still_kinds()))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_picture_cut_anywhere_is_refused_or_shown_with_a_note(
    tmp_path: Path, kind: str, share: float
) -> None:
    whole = still_kinds()[kind]
    # Pillow ends a multi-page TIFF with up to 16 bytes of padding, which nobody needs.
    last = len(whole) - (16 if kind == "multi-page tiff" else 0)
    cut = max(12, int(share * last))
    path = tmp_path / "f"
    path.write_bytes(whole[:cut])
    try:
        clip = readers.open_clip(path, SHA)
    except UnreadableFile as refused:
        assert refused.reason in ("truncated", "damaged", "not-an-image")
        return
    assert any("the file ends early" in note for note in clip.facts.notes)
    clip.frame(1)
    clip.close()


@pytest.mark.parametrize("kind", ["mp4", "mov", "avi", "mkv"])
def test_a_video_cut_short_is_refused_or_shown_with_a_note(tmp_path: Path, kind: str) -> None:
    codec = "mpeg4" if kind == "avi" else "libx264"
    whole = video(tmp_path, kind, codec)
    path = tmp_path / "cut"
    for share in (0.3, 0.6, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            clip = readers.open_clip(path, SHA)
        except UnreadableFile as refused:
            assert refused.reason == "truncated"
            assert kind in ("mp4", "mov") or share < 0.8  # the directory of the former stands at the end
            continue
        assert any("the file ends early" in note for note in clip.facts.notes)
        assert 1 <= clip.facts.instance.frames <= 30
        clip.frame(1)
        clip.close()


def test_a_video_format_that_cannot_tell_says_that_it_may_be_cut(
    tmp_path: Path, opened: Callable[[bytes], Clip]
) -> None:
    whole = video(tmp_path, "mpg", "mpeg1video")
    clip = opened(whole[: len(whole) // 2])
    assert any("may have been cut" in note for note in clip.facts.notes)


# --------------------------------------------------------------------------------------- hostile structures


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    if vr in (b"SQ", b"OB", b"UN"):
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def bare(body: bytes, syntax: str = ExplicitVRLittleEndian) -> bytes:
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    return b"\0" * 128 + b"DICM" + element(0x0002, 0x0010, b"UI", uid) + body


def test_nesting_beyond_all_reason_is_refused_without_recursion(tmp_path: Path) -> None:
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    error = refusal(tmp_path / "f", bare(opening * 5000 + closing * 5000))
    assert error.reason == "damaged"
    assert "nested" in str(error)


def test_more_elements_than_any_sound_file_are_refused(tmp_path: Path) -> None:
    flood = element(0x0008, 0x0060, b"CS", b"US") * (_structure.MAX_ELEMENTS + 1)
    assert "more elements" in str(refusal(tmp_path / "f", bare(flood)))


def test_more_items_than_any_sound_file_are_refused(tmp_path: Path) -> None:
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * (_structure.MAX_ITEMS + 1)
    assert "more sequence items" in str(refusal(tmp_path / "f", bare(element(0x0040, 0xA730, b"SQ", items))))


def test_a_deflated_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(b"\0" * 40_000_000) + packer.flush()
    error = refusal(tmp_path / "f", bare(bomb, DeflatedExplicitVRLittleEndian))
    assert "grows beyond" in str(error)


def test_an_element_that_claims_gigabytes_is_truncated(tmp_path: Path) -> None:
    claim = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFF0) + b"few"
    assert refusal(tmp_path / "f", bare(claim)).reason == "truncated"


def test_stray_delimiters_do_not_kill_a_sound_file(opened: Callable[[bytes], Clip]) -> None:
    stray = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    content = cine()
    place = content.index(struct.pack("<HH", 0x0028, 0x0002))
    clip = opened(content[:place] + stray + content[place:])
    assert np.array_equal(clip.frame(2), scene(1))
    assert any("stray" in note for note in clip.facts.notes)


def test_bytes_after_the_data_set_are_noted_and_not_read(opened: Callable[[bytes], Clip]) -> None:
    clip = opened(cine() + b"PK\x03\x04 a second file glued on")
    assert any("follow the data set" in note for note in clip.facts.notes)
    assert clip.facts.instance.frames == 3


def test_a_codec_named_as_character_set_is_not_obeyed(opened: Callable[[bytes], Clip]) -> None:
    content = written(with_pixels(header(StudyDescription="x"), [scene()], "RGB"))
    evil = element(0x0008, 0x0005, b"CS", b"unicode_escape")
    place = content.index(struct.pack("<HH", 0x0008, 0x0016))
    text = element(0x0008, 0x1030, b"LO", b"\\x3cscript\\x3e")
    content = content.replace(element(0x0008, 0x1030, b"LO", b"x "), text)
    assert text in content
    clip = opened(content[:place] + evil + content[place:])
    assert "<" not in (clip.facts.study.study_description or "")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_dicom_without_a_preamble_is_read_and_said_so(opened: Callable[[bytes], Clip], syntax: str) -> None:
    content = cine(syntax=syntax)
    place = content.index(struct.pack("<HH", 0x0008, 0x0016))
    clip = opened(content[place:])
    assert np.array_equal(clip.frame(3), scene(2))
    assert any("preamble" in note for note in clip.facts.notes)


def test_a_file_that_says_explicit_and_is_implicit_is_read_as_written(
    opened: Callable[[bytes], Clip],
) -> None:
    content = cine(syntax=ImplicitVRLittleEndian)
    lie = content.replace(b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.1\0", 1)
    lie = lie.replace(struct.pack("<HH2sH", 2, 0x10, b"UI", 18), struct.pack("<HH2sH", 2, 0x10, b"UI", 20), 1)
    clip = opened(lie)
    assert np.array_equal(clip.frame(1), scene(0))
    assert any("written as implicit" in note for note in clip.facts.notes)


def test_a_disc_index_is_refused_as_a_disc_index() -> None:
    path = BUNDLED / "dicomdirtests" / "DICOMDIR"
    with pytest.raises(UnreadableFile) as caught:
        readers.open_clip(path, SHA)
    assert caught.value.reason == "dicomdir"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), kind=st.sampled_from(["explicit", "implicit", "big endian", "jpeg", "report"]))
def test_any_damage_ends_in_a_clip_a_refusal_or_a_missing_picture(
    tmp_path: Path, data: st.DataObject, kind: str
) -> None:
    content = bytearray(dicom_kinds()[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "f"
    path.write_bytes(bytes(content))
    try:
        clip = readers.open_clip(path, SHA)
    except UnreadableFile as error:
        assert error.reason in REASONS
        return
    try:
        for number in range(1, min(3, clip.facts.instance.frames) + 1):
            assert clip.frame(number).dtype == np.uint8
    except PictureUnavailable as error:
        assert error.what
    finally:
        clip.close()


# ------------------------------------------------------------------------------------------- DICOM pictures

_NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("syntax", _NATIVE)
def test_every_native_coding_gives_the_same_pixels(opened: Callable[[bytes], Clip], syntax: str) -> None:
    clip = opened(cine(syntax=syntax))
    for number in (3, 1, 2):
        assert np.array_equal(clip.frame(number), scene(number - 1))


def test_colour_by_plane_is_the_same_picture_as_colour_by_pixel(opened: Callable[[bytes], Clip]) -> None:
    planes = np.moveaxis(scene(), -1, 0).tobytes()
    ds = with_pixels(header(), [scene()], "RGB", planes)
    ds.PlanarConfiguration = 1
    assert np.array_equal(opened(written(ds)).frame(1), scene())


def test_run_length_frames_are_exact(opened: Callable[[bytes], Clip]) -> None:
    ds = with_pixels(header(), [scene(n) for n in range(3)], "RGB")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.compress(RLELossless, generate_instance_uid=False)
    clip = opened(written(ds, RLELossless))
    for number in (2, 3, 1):
        assert np.array_equal(clip.frame(number), scene(number - 1))


def test_lossless_jpeg_2000_is_exact_and_a_glimpse_of_it_is_smaller(opened: Callable[[bytes], Clip]) -> None:
    large = np.kron(scene(), np.ones((8, 8, 1), np.uint8))
    data = encoded(large, "JPEG2000", no_jp2=True, irreversible=False, mct=1)
    content = written(with_pixels(header(), [large], "YBR_RCT", encapsulate([data])), JPEG2000Lossless)
    assert np.array_equal(opened(content).frame(1), large)
    glimpse = opened(content).glimpse(1, 100)
    assert glimpse.shape == (96, 128, 3)
    assert abs(float(glimpse.mean()) - float(large.mean())) < 3


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_baseline_jpeg_has_the_colours_pillow_sees(opened: Callable[[bytes], Clip], subsampling: int) -> None:
    frames = [encoded(scene(n), "JPEG", quality=95, subsampling=subsampling) for n in range(3)]
    ds = with_pixels(header(), [scene(n) for n in range(3)], "YBR_FULL_422", encapsulate(frames))
    clip = opened(written(ds, JPEGBaseline8Bit))
    assert clip.facts.instance.frames == 3
    for number in (3, 1):
        assert np.array_equal(clip.frame(number), np.asarray(Image.open(io.BytesIO(frames[number - 1]))))


def unmarked(jpeg: bytes) -> bytes:
    """The stream without its JFIF marker, as scanners write it."""
    from casearchive.readers._jpeg import without_markers

    return without_markers(jpeg)


def test_rgb_jpeg_called_ybr_is_shown_as_it_is_stored_and_noted(opened: Callable[[bytes], Clip]) -> None:
    # The three samples are R, G and B, but the stream lacks any marker and the label says luma and chroma.
    out = io.BytesIO()
    planes = Image.merge("YCbCr", [Image.fromarray(scene()[..., n]) for n in range(3)])
    planes.save(out, "JPEG", quality=98, subsampling=0)
    data = unmarked(out.getvalue())
    clip = opened(
        written(with_pixels(header(), [scene()], "YBR_FULL", encapsulate([data])), JPEGBaseline8Bit)
    )
    assert np.abs(clip.frame(1).astype(int) - scene()).mean() < 4
    assert any("shown as it is stored" in note for note in clip.facts.notes)


def test_ybr_jpeg_called_rgb_is_shown_as_it_is_stored_and_noted(opened: Callable[[bytes], Clip]) -> None:
    data = unmarked(encoded(scene(), "JPEG", quality=98, subsampling=0))
    clip = opened(written(with_pixels(header(), [scene()], "RGB", encapsulate([data])), JPEGBaseline8Bit))
    assert np.abs(clip.frame(1).astype(int) - scene()).mean() < 4
    assert any("shown as it is stored" in note for note in clip.facts.notes)


def test_native_rgb_called_ybr_is_shown_as_rgb_and_noted(opened: Callable[[bytes], Clip]) -> None:
    clip = opened(written(with_pixels(header(), [scene()], "YBR_FULL")))
    assert np.array_equal(clip.frame(1), scene())
    assert any("stored as RGB" in note for note in clip.facts.notes)


def test_true_native_ybr_is_converted_without_a_note(opened: Callable[[bytes], Clip]) -> None:
    ybr = np.asarray(Image.fromarray(scene()).convert("YCbCr"))
    clip = opened(written(with_pixels(header(), [ybr], "YBR_FULL")))
    assert np.abs(clip.frame(1).astype(int) - scene()).max() <= 2
    assert clip.facts.notes == ()


def test_a_large_jpeg_is_glimpsed_at_a_reduced_size(opened: Callable[[bytes], Clip]) -> None:
    large = np.kron(scene(), np.ones((12, 12, 1), np.uint8))
    data = encoded(large, "JPEG", quality=90)
    ds = with_pixels(header(), [large], "YBR_FULL_422", encapsulate([data]))
    clip = opened(written(ds, JPEGBaseline8Bit))
    glimpse = clip.glimpse(1, 150)
    assert 150 <= max(glimpse.shape) < 768
    assert clip.frame(1).shape == large.shape
    assert abs(float(glimpse.mean()) - float(large.mean())) < 4


def test_a_jpeg_frame_without_end_marker_is_still_shown(opened: Callable[[bytes], Clip]) -> None:
    grey = scene()[..., 1].copy()
    data = encoded(grey, "JPEG").removesuffix(b"\xff\xd9")
    clip = opened(
        written(with_pixels(header(), [grey], "MONOCHROME2", encapsulate([data])), JPEGBaseline8Bit)
    )
    assert clip.frame(1).shape == grey.shape


def test_frames_in_several_fragments_are_put_together(opened: Callable[[bytes], Clip]) -> None:
    frames = [encoded(scene(n), "JPEG", quality=95) for n in range(3)]
    for packed in (
        encapsulate(frames, fragments_per_frame=3, has_bot=True),
        encapsulate(frames, fragments_per_frame=3, has_bot=False),
        encapsulate_extended(frames)[0],
    ):
        ds = with_pixels(header(), [scene(n) for n in range(3)], "YBR_FULL_422", packed)
        clip = opened(written(ds, JPEGBaseline8Bit))
        assert clip.facts.instance.frames == 3
        assert np.array_equal(clip.frame(2), np.asarray(Image.open(io.BytesIO(frames[1]))))


def test_one_frame_is_read_and_not_the_loop(opened: Callable[[bytes], Clip], tmp_path: Path) -> None:
    frames = [encoded(scene(n), "JPEG") for n in range(40)]
    ds = with_pixels(header(), [scene(n) for n in range(40)], "YBR_FULL_422", encapsulate(frames))
    clip = opened(written(ds, JPEGBaseline8Bit))
    read: list[int] = []
    source: Any = clip._file.source  # type: ignore[attr-defined]
    original = source.read

    def counting(position: int, count: int) -> bytes:
        read.append(count)
        return original(position, count)

    source.read = counting
    clip.frame(20)
    assert sum(read) < 3 * len(frames[19])


def palette_file(depth: int, syntax: str) -> bytes:
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    ds = with_pixels(header(), [indices], "PALETTE COLOR")
    for channel, name in enumerate(("Red", "Green", "Blue")):
        table = ((np.arange(256) * (channel + 1)) % 256).astype(np.uint16)
        table = table * 257 if depth == 16 else table
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        raw = table.astype(order + "u2").tobytes()
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, depth])
        setattr(ds, f"{name}PaletteColorLookupTableData", raw)
        for part in ("Descriptor", "Data"):
            ds[f"{name}PaletteColorLookupTable{part}"].VR = "US" if part == "Descriptor" else "OW"
    return written(ds, syntax)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_palette_shows_its_colours_in_every_byte_order(
    opened: Callable[[bytes], Clip], depth: int, syntax: str
) -> None:
    picture = opened(palette_file(depth, syntax)).frame(1).reshape(256, 3)
    for channel in range(3):
        assert np.array_equal(picture[:, channel], (np.arange(256) * (channel + 1)) % 256)


def test_a_window_is_applied_and_monochrome1_is_inverted(opened: Callable[[bytes], Clip]) -> None:
    values = np.array([[0, 100], [150, 1000]], np.uint16)
    ds = header(WindowCenter="100.5", WindowWidth="101")
    first = opened(written(with_pixels(ds, [values], "MONOCHROME2"))).frame(1)
    assert first.tolist() == [[0, 128], [255, 255]]
    ds = header(WindowCenter="100.5", WindowWidth="101")
    assert opened(written(with_pixels(ds, [values], "MONOCHROME1"))).frame(1).tolist() == [[255, 127], [0, 0]]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("vr", ["US", "OW"])
def test_a_voi_table_is_applied_in_every_byte_order(
    opened: Callable[[bytes], Clip], syntax: str, vr: str
) -> None:
    table = Dataset()
    table.LUTDescriptor = [4, 100, 16]
    table["LUTDescriptor"].VR = "US"
    values = np.array([0, 1000, 30000, 65535], np.uint16)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    table.add_new("LUTData", vr, values.tolist() if vr == "US" else values.astype(order + "u2").tobytes())
    stored = np.array([[0, 100, 101, 102, 103, 999]], np.uint16)
    raw = stored.astype(order + "u2").tobytes()
    ds = with_pixels(header(VOILUTSequence=Sequence([table])), [stored], "MONOCHROME2", raw)
    assert opened(written(ds, syntax)).frame(1).tolist() == [[0, 0, 4, 117, 255, 255]]


def test_the_colour_of_a_clip_does_not_depend_on_which_frame_is_asked_first(
    opened: Callable[[bytes], Clip],
) -> None:
    black = np.zeros_like(scene())
    content = written(with_pixels(header(), [scene(), black, scene(2)], "YBR_FULL"))
    one, two = opened(content), opened(content)
    backwards = [two.frame(number) for number in (3, 2, 1)][::-1]
    for number in (1, 2, 3):
        assert np.array_equal(one.frame(number), backwards[number - 1])
    assert np.array_equal(one.frame(2), black)


def test_a_damaged_first_frame_does_not_hide_the_others(opened: Callable[[bytes], Clip]) -> None:
    frames = [unmarked(encoded(scene(n), "JPEG", quality=95, subsampling=0)) for n in range(3)]
    frames[0] = frames[0][:100]
    ds = with_pixels(header(), [scene(n) for n in range(3)], "RGB", encapsulate(frames))
    clip = opened(written(ds, JPEGBaseline8Bit))
    with pytest.raises(PictureUnavailable):
        clip.frame(1)
    assert np.abs(clip.frame(2).astype(int) - scene(1)).mean() < 5


def test_a_window_that_shows_nothing_is_not_believed(opened: Callable[[bytes], Clip]) -> None:
    ds = header(WindowCenter="30000", WindowWidth="10")
    clip = opened(written(with_pixels(ds, [scene()[..., 0].copy()], "MONOCHROME2")))
    assert clip.frame(1).std() > 10
    assert any("window shows nothing" in note for note in clip.facts.notes)


def test_sixteen_bit_frames_without_a_window_are_all_stretched_alike(opened: Callable[[bytes], Clip]) -> None:
    frames = [np.full((4, 4), level, np.uint16) for level in (0, 500, 1000)]
    clip = opened(written(with_pixels(header(), frames, "MONOCHROME2")))
    assert [int(clip.frame(n)[0, 0]) for n in (1, 2, 3)] == [0, 128, 255]


def test_signed_samples_keep_their_order(opened: Callable[[bytes], Clip]) -> None:
    values = np.array([[-100, 0, 100]], np.int16)
    ds = with_pixels(header(), [values.view(np.uint16)], "MONOCHROME2")
    ds.PixelRepresentation = 1
    assert opened(written(ds)).frame(1).tolist() in ([[0, 127, 255]], [[0, 128, 255]])


@pytest.mark.skipif(
    int((features.version("libjpeg_turbo") or "0").split(".")[0]) < 3, reason="libjpeg-turbo < 3"
)
def test_bundled_jpeg_lossless_is_decoded_and_agrees_with_its_native_twin(
    opened: Callable[[bytes], Clip],
) -> None:
    lossless = opened((BUNDLED / "SC_rgb_jpeg_gdcm.dcm").read_bytes())
    native = opened((BUNDLED / "SC_rgb_rle.dcm").read_bytes())
    assert lossless.facts.instance.transfer_syntax_uid == JPEGLosslessSV1
    assert np.array_equal(lossless.frame(1), native.frame(1))


def test_a_missing_codec_costs_the_picture_and_not_the_file(
    opened: Callable[[bytes], Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    from casearchive.readers import _codecs

    monkeypatch.setattr(_codecs, "available", lambda: False)
    data = b"\xff\xd8\xff\xf7\0\x0b\x08\0\x02\0\x02\x01\x01\x11\0\xff\xda" + b"\0" * 20
    ds = with_pixels(header(), [np.zeros((2, 2), np.uint8)], "MONOCHROME2", encapsulate([data]))
    clip = opened(written(ds, JPEGLSLossless))
    assert clip.facts.instance.rows == 2
    with pytest.raises(PictureUnavailable, match="JPEG-LS") as caught:
        clip.frame(1)
    assert "pip install 'casearchive[codecs]'" in caught.value.hint


def test_a_report_has_facts_and_no_picture(opened: Callable[[bytes], Clip]) -> None:
    clip = opened(dicom_kinds()["report"])
    assert (clip.facts.kind, clip.facts.instance.frames) == ("dicom", 0)
    assert "this DICOM object holds no picture" in clip.facts.notes
    for picture in (lambda: clip.frame(1), lambda: clip.glimpse(1, 100)):
        with pytest.raises(PictureUnavailable):
            picture()


def test_fewer_frames_than_promised_are_counted_and_said(opened: Callable[[bytes], Clip]) -> None:
    ds = with_pixels(header(), [scene(n) for n in range(2)], "RGB")
    ds.NumberOfFrames = 5
    clip = opened(written(ds))
    assert clip.facts.instance.frames == 2
    assert "it promises 5 frames and holds 2" in clip.facts.notes
    with pytest.raises(PictureUnavailable, match="no frame 3"):
        clip.frame(3)


def test_less_than_one_frame_is_truncated(tmp_path: Path) -> None:
    ds = with_pixels(header(), [scene()], "RGB", scene().tobytes()[:1000])
    assert refusal(tmp_path / "f", written(ds)).reason == "truncated"


@pytest.mark.parametrize("number", [0, -1, 4])
def test_frames_count_from_one(opened: Callable[[bytes], Clip], number: int) -> None:
    with pytest.raises(PictureUnavailable, match="no frame"):
        opened(cine()).frame(number)


def test_video_inside_dicom_is_decoded_frame_by_frame(
    tmp_path: Path, opened: Callable[[bytes], Clip]
) -> None:
    av = pytest.importorskip("av")
    stream = video(tmp_path, "h264", "libx264", frames=20)
    ds = with_pixels(header(FrameTime="50"), [np.zeros((48, 64, 3), np.uint8)], "YBR_PARTIAL_420")
    ds.NumberOfFrames = 20
    ds.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
    ds["PixelData"].VR = "OB"
    clip = opened(written(ds, "1.2.840.10008.1.2.4.102"))
    assert av is not None
    for number in (20, 3, 4, 1):
        assert abs(float(clip.frame(number).mean()) - 8 * number) < 4
    assert clip.facts.timing.source == "FrameTime"


def test_video_in_several_fragments_is_one_stream_and_is_not_copied(
    tmp_path: Path, opened: Callable[[bytes], Clip]
) -> None:
    pytest.importorskip("av")
    stream = video(tmp_path, "mp4", "libx264", frames=20)
    ds = with_pixels(header(FrameTime="40"), [np.zeros((48, 64, 3), np.uint8)], "YBR_PARTIAL_420")
    ds.NumberOfFrames = 20
    ds.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)], fragments_per_frame=7)
    ds["PixelData"].VR = "OB"
    clip = opened(written(ds, "1.2.840.10008.1.2.4.102"))
    for number in (20, 3, 4, 1):
        assert abs(float(clip.frame(number).mean()) - 8 * number) < 4


def test_video_of_another_shape_is_brought_to_the_size_of_the_header(
    tmp_path: Path, opened: Callable[[bytes], Clip]
) -> None:
    pytest.importorskip("av")
    stream = video(tmp_path, "h264", "libx264", frames=4)
    ds = with_pixels(header(FrameTime="40"), [np.zeros((48, 80, 3), np.uint8)], "YBR_PARTIAL_420")
    ds.NumberOfFrames = 4
    ds.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
    ds["PixelData"].VR = "OB"
    assert opened(written(ds, "1.2.840.10008.1.2.4.102")).frame(2).shape == (48, 80, 3)


# --------------------------------------------------------------------------------------------- DICOM facts


def test_header_values_arrive_in_the_model_with_iso_dates(opened: Callable[[bytes], Clip]) -> None:
    facts = opened(
        cine(
            PatientSex="F",
            PatientAge="042Y",
            StudyDescription="Knee right",
            ManufacturerModelName="EPIQ",
            ImageType=["ORIGINAL", "PRIMARY", "", "0011"],
            HeartRate="61",
            MechanicalIndex="1.1",
            TransducerFrequency=7500,
            TransducerData=["L12-3", "x", ""],
        )
    ).facts
    assert (facts.study.study_date, facts.study.study_time) == ("2024-01-31", "10:11:12.5")
    assert (facts.study.patient_age, facts.subject.patient_sex) == ("042Y", "F")
    assert facts.series.manufacturer_model_name == "EPIQ"
    assert facts.instance.heart_rate == 61
    assert facts.instance.mechanical_index == 1.1
    assert facts.instance.transducer_frequency == 7.5
    assert (facts.instance.rows, facts.instance.columns, facts.instance.frames) == (ROWS, COLUMNS, 3)
    assert facts.instance.transducer_data == "L12-3\\x\\"
    assert facts.modes == ("b_mode", "color_doppler")
    assert facts.notes == ()


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("StudyDate", b"DA", b"20240231"),
        ("StudyTime", b"TM", b"990000"),
        ("PatientAge", b"AS", b"aged"),
        ("SeriesNumber", b"IS", b"seven "),
        ("HeartRate", b"IS", b"1e999 "),
        ("MechanicalIndex", b"DS", b"nan "),
    ],
)
def test_a_bad_value_becomes_none_and_a_note_that_does_not_quote_it(
    opened: Callable[[bytes], Clip], keyword: str, vr: bytes, value: bytes
) -> None:
    from pydicom.datadict import tag_for_keyword

    ds = header()
    if keyword in ds:
        delattr(ds, keyword)
    content = written(with_pixels(ds, [scene()], "RGB"))
    tag = tag_for_keyword(keyword) or 0
    place = content.index(struct.pack("<HH", 0x0028, 0x0002))
    bad = element(tag >> 16, tag & 0xFFFF, vr, value)
    facts = opened(content[:place] + bad + content[place:]).facts
    assert f"{keyword} holds no usable value" in facts.notes
    assert not any(value.decode().strip() in note for note in facts.notes)
    assert facts.instance.rows == ROWS


def test_every_identity_is_kept_apart_at_any_depth(opened: Callable[[bytes], Clip]) -> None:
    inner = Dataset()
    inner.OperatorsName = "Hidden^Olga"
    inner.ReferencedSOPInstanceUID = "1.9.9.9"
    outer = Dataset()
    outer.RequestAttributesSequence = Sequence([inner])
    outer.AccessionNumber = "ACC77"
    probe = Dataset()
    probe.DeviceSerialNumber = "SER-123"
    clip = opened(
        cine(
            RequestAttributesSequence=Sequence([outer]),
            InstitutionName="St. Elsewhere",
            FrameOfReferenceUID="1.8.8",
            TransducerIdentificationSequence=Sequence([probe]),
        )
    )
    found = {(each.keyword, each.value) for each in clip.facts.identifiers}
    assert {
        ("PatientName", "Doe^Jane"),
        ("PatientID", "4711"),
        ("PatientBirthDate", "19700203"),
        ("StudyDate", "20240131"),
        ("InstitutionName", "St. Elsewhere"),
        ("OperatorsName", "Hidden^Olga"),
        ("AccessionNumber", "ACC77"),
        ("StudyInstanceUID", "1.2.3"),
        ("SOPInstanceUID", "1.2.3.4.5"),
        ("FrameOfReferenceUID", "1.8.8"),
        ("ReferencedSOPInstanceUID", "1.9.9.9"),
        ("TransducerIdentificationSequence", "SER-123"),
    } <= found
    assert not any(each.value.startswith("1.2.840.10008.") for each in clip.facts.identifiers)
    assert not any("Doe" in note or "4711" in note for note in clip.facts.notes)


def test_patients_are_told_apart_by_number_then_name_then_study_then_file(
    opened: Callable[[bytes], Clip],
) -> None:
    def identity(**changes: Any) -> str:
        return opened(cine(1, **changes)).facts.subject.identity

    assert identity(IssuerOfPatientID="A") == "4711|A"
    assert identity(PatientID="") == "Doe^Jane|19700203"
    assert identity(PatientID="", PatientName="") == "1.2.3"
    assert identity(PatientID="", PatientName="", StudyInstanceUID="") == f"sha256:{SHA}"


def test_missing_uids_follow_from_the_content(opened: Callable[[bytes], Clip]) -> None:
    one = opened(cine(StudyInstanceUID="", SeriesInstanceUID="")).facts
    two = opened(cine(StudyInstanceUID="", SeriesInstanceUID="")).facts
    assert one.study.study_instance_uid.startswith("2.25.")
    assert one.study == two.study
    assert (
        len({one.study.study_instance_uid, one.series.series_instance_uid, one.instance.sop_instance_uid})
        == 3
    )


@pytest.mark.parametrize(
    ("changes", "fps", "source"),
    [
        ({"FrameTime": "40", "FrameIncrementPointer": 0x00181063, "CineRate": "10"}, 25.0, "FrameTime"),
        (
            {"FrameTimeVector": ["0", "20", "20"], "FrameIncrementPointer": 0x00181065},
            50.0,
            "FrameTimeVector",
        ),
        ({"FrameTimeVector": ["0", "20", "20"], "FrameTime": "40"}, 50.0, "FrameTimeVector"),
        (
            {"FrameTimeVector": ["0", "20", "20"], "FrameTime": "40", "FrameIncrementPointer": 0x00181063},
            25.0,
            "FrameTime",
        ),
        ({"FrameTime": "0", "CineRate": "30"}, 30.0, "CineRate"),
        ({"CineRate": "0", "RecommendedDisplayFrameRate": "12"}, 12.0, "RecommendedDisplayFrameRate"),
        ({"FrameTime": "0.001"}, None, "unknown"),
        ({"FrameTime": "-33"}, None, "unknown"),
        ({}, None, "unknown"),
    ],
)
def test_speed_comes_from_what_the_header_points_to_and_is_never_guessed(
    opened: Callable[[bytes], Clip], changes: dict[str, Any], fps: float | None, source: str
) -> None:
    facts = opened(cine(3, **changes)).facts
    assert (facts.timing.fps, facts.timing.source) == (fps, source)
    if fps:
        assert facts.timing.duration_s == pytest.approx(3 / fps)
    if changes.get("FrameTime") in ("0", "0.001", "-33"):
        assert any("FrameTime gives no possible frame rate" in note for note in facts.notes)


def test_a_single_frame_has_no_speed(opened: Callable[[bytes], Clip]) -> None:
    assert opened(cine(1, FrameTime="40")).facts.timing.fps is None


def test_regions_keep_the_standards_numbers_and_impossible_ones_are_noted(
    opened: Callable[[bytes], Clip],
) -> None:
    def item(x0: int, y0: int, x1: int, y1: int, spatial: int, data: int) -> Dataset:
        region = Dataset()
        region.RegionLocationMinX0, region.RegionLocationMinY0 = x0, y0
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = x1, y1
        region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = spatial, data, 2
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX, region.PhysicalDeltaY = 0.0125, -0.0125
        return region

    items = [
        item(0, 0, 30, 40, 1, 2),
        item(32, 0, 63, 47, 3, 3),
        item(9, 9, 3, 3, 1, 1),
        item(900, 0, 950, 10, 1, 1),
        item(0, 0, 64, 48, 2, 1),
        item(0, 0, 70, 48, 2, 1),
    ]
    facts = opened(cine(SequenceOfUltrasoundRegions=Sequence(items))).facts
    assert [(r.min_x0, r.max_x1, r.spatial_format) for r in facts.regions] == [
        (0, 30, 1),
        (32, 63, 3),
        (0, 64, 2),
        (0, 70, 2),
    ]
    assert (facts.regions[0].units_x, facts.regions[0].delta_x, facts.regions[0].delta_y) == (
        3,
        0.0125,
        -0.0125,
    )
    assert facts.modes == ("b_mode", "m_mode", "color_doppler", "pulsed_doppler")
    assert "item 3 of the ultrasound regions has no usable corners and was left out" in facts.notes
    assert "item 4 of the ultrasound regions lies outside the picture and was left out" in facts.notes
    assert [n.split(",")[0] for n in facts.notes if "beyond" in n] == [
        "ultrasound region 4 (M-mode) reaches beyond the picture"  # numbered as kept; one pixel is forgiven
    ]


def bundled_ultrasound() -> list[Path]:
    found = []
    for path in sorted(BUNDLED.glob("*.dcm")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ds = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality", "Rows"])
        except Exception:  # noqa: BLE001 - some of pydicom's examples are broken on purpose
            continue
        if ds.get("Modality") == "US" and "Rows" in ds:
            found.append(path)
    return found


@pytest.mark.parametrize("path", bundled_ultrasound(), ids=lambda path: path.stem)
def test_every_bundled_ultrasound_example_opens_and_shows_its_first_and_last_frame(path: Path) -> None:
    clip = readers.open_clip(path, SHA)
    facts = clip.facts
    assert facts.series.modality == "US"
    for number in {1, facts.instance.frames}:
        picture = clip.frame(number)
        assert picture.shape[:2] == (facts.instance.rows, facts.instance.columns)
        assert picture.std() > 3
        glimpse = clip.glimpse(number, 128)
        assert max(glimpse.shape) >= min(128, max(picture.shape))
        assert abs(float(glimpse.mean()) - float(picture.mean())) < 5
    clip.close()


def every_bundled_file() -> list[Path]:
    return sorted(path for path in BUNDLED.rglob("*") if path.is_file() and "TINY_ALPHA" not in path.parts)


@pytest.mark.parametrize("path", every_bundled_file(), ids=lambda path: path.name)
def test_every_bundled_example_is_read_or_refused_and_never_crashes(path: Path) -> None:
    try:
        clip = readers.open_clip(path, SHA)
    except UnreadableFile as error:
        assert error.reason in ("not-an-image", "truncated", "damaged", "dicomdir")
        return
    try:
        for number in range(1, min(2, clip.facts.instance.frames) + 1):
            assert clip.frame(number).dtype == np.uint8
    except PictureUnavailable as error:
        assert error.what
    clip.close()


# --------------------------------------------------------------------------------------------------- stills


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_pictures_are_exact(opened: Callable[[bytes], Clip], kind: str) -> None:
    clip = opened(still(kind))
    assert clip.facts.kind == "image"
    assert (clip.facts.instance.rows, clip.facts.instance.columns, clip.facts.instance.frames) == (
        ROWS,
        COLUMNS,
        1,
    )
    assert np.array_equal(clip.frame(1), scene())


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("bmp", "image/bmp"),
    ],
)
def test_the_media_type_is_what_the_content_is(
    opened: Callable[[bytes], Clip], kind: str, media_type: str
) -> None:
    assert opened(still_kinds()[kind]).facts.media_type == media_type


def test_a_picture_is_an_instance_whose_uids_follow_from_its_hash(opened: Callable[[bytes], Clip]) -> None:
    one, two = opened(still("PNG")).facts, opened(still("JPEG")).facts
    assert one.instance.sop_instance_uid == two.instance.sop_instance_uid  # the same hash was given
    assert one.instance.sop_instance_uid.startswith("2.25.")
    assert len(one.instance.sop_instance_uid) <= 64
    assert one.subject.identity == f"sha256:{SHA}"


@pytest.mark.parametrize("kind", ["gif", "apng", "animated webp"])
def test_a_moving_picture_is_a_clip_with_its_own_speed(opened: Callable[[bytes], Clip], kind: str) -> None:
    clip = opened(still_kinds()[kind])
    assert (clip.facts.kind, clip.facts.instance.frames) == ("clip", 4)
    assert (clip.facts.timing.fps, clip.facts.timing.source) == (20.0, "container")
    assert clip.facts.timing.duration_s == pytest.approx(0.2)
    tolerance = 12 if kind != "apng" else 0.01
    for number in (4, 1, 3):
        assert np.abs(clip.frame(number).astype(int) - scene(number - 1)).mean() < tolerance


def test_the_pages_of_a_tiff_are_frames_without_a_speed(opened: Callable[[bytes], Clip]) -> None:
    clip = opened(moving("TIFF"))
    assert (clip.facts.kind, clip.facts.instance.frames, clip.facts.timing.fps) == ("clip", 4, None)
    assert np.array_equal(clip.frame(4), scene(3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(
    opened: Callable[[bytes], Clip], kind: str, orientation: int
) -> None:
    picture = np.zeros((40, 64, 3), np.uint8)
    picture[:20, :32] = (250, 0, 0)
    picture[20:, 32:] = (0, 0, 250)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    clip = opened(encoded(picture, kind, exif=exif, **options))
    upright = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture, 1),
    }[orientation]
    assert (clip.facts.instance.rows, clip.facts.instance.columns) == upright.shape[:2]
    assert clip.frame(1).shape == upright.shape
    assert np.abs(clip.frame(1).astype(int) - upright).mean() < 8
    assert clip.glimpse(1, 30).shape[0] * upright.shape[1] == clip.glimpse(1, 30).shape[1] * upright.shape[0]


def test_what_is_transparent_lies_over_black(opened: Callable[[bytes], Clip]) -> None:
    rgba = np.full((4, 4, 4), 255, np.uint8)
    rgba[:, 2:, 3] = 0
    shown = opened(encoded(rgba, "PNG")).frame(1)
    assert shown[:, :2].min() == 255
    assert shown[:, 2:].max() == 0


@pytest.mark.parametrize("top", [65535, 4095, 1023])
def test_deep_grey_is_scaled_to_what_a_person_can_see(opened: Callable[[bytes], Clip], top: int) -> None:
    deep = np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8)
    clip = opened(encoded(deep, "PNG"))
    assert clip.facts.instance.bits_stored == 16
    assert clip.frame(1).shape == (8, 8)
    assert clip.frame(1).max() == 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA"])
def test_every_usual_mode_is_shown(opened: Callable[[bytes], Clip], mode: str) -> None:
    out = io.BytesIO()
    Image.fromarray(scene()).convert("L" if mode == "LA" else "RGB").convert(mode).save(
        out, "TIFF" if mode == "CMYK" else "PNG"
    )
    shown = opened(out.getvalue()).frame(1)
    assert shown.dtype == np.uint8
    assert abs(float(shown.mean()) - float(scene().mean())) < 25


def test_what_a_camera_wrote_is_kept_as_identifiers(opened: Callable[[bytes], Clip]) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Dr. Jane Roe"
    exif[0x9C9D] = "Jane Roe".encode("utf-16-le") + b"\0\0"
    exif.get_ifd(0x8769)[0xA431] = "SN-998877"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 33.0, 12.5)})
    found = {
        i.keyword: i.value for i in opened(still("JPEG", exif=exif, comment=b"for Jane")).facts.identifiers
    }
    assert found["exif:Artist"] == "Dr. Jane Roe"
    assert found["exif:XPAuthor"] == "Jane Roe"
    assert found["exif:BodySerialNumber"] == "SN-998877"
    assert found["exif:GPSLatitude"] == "47.0 33.0 12.5"
    assert found["exif:comment"] == "for Jane"


def test_text_chunks_of_a_png_are_identifiers_packed_or_not(opened: Callable[[bytes], Clip]) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Author", "Jane Roe")
    info.add_text("Title", "Knie Müller", zip=True)
    info.add_itxt("Comment", "ward 7", "de", "Kommentar", zip=True)
    found = {i.keyword: i.value for i in opened(still("PNG", pnginfo=info)).facts.identifiers}
    assert found == {"exif:Author": "Jane Roe", "exif:Title": "Knie Müller", "exif:Comment": "ward 7"}


def test_a_picture_beyond_the_pixel_budget_is_kept_and_not_decoded(opened: Callable[[bytes], Clip]) -> None:
    wide = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", wide)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9))
        + chunk(b"IEND", b"")
    )
    clip = opened(bomb)
    with pytest.raises(PictureUnavailable, match="64 million"):
        clip.frame(1)
    with pytest.raises(PictureUnavailable):
        clip.glimpse(1, 64)


def test_a_flipped_bit_in_a_png_is_damage(tmp_path: Path) -> None:
    content = bytearray(still("PNG"))
    content[len(content) // 2] ^= 1
    assert refusal(tmp_path / "f", bytes(content)).reason == "damaged"


# ---------------------------------------------------------------------------------------------------- video


@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("mp4", "libx264"),
        ("mov", "libx264"),
        ("mkv", "libx264"),
        ("avi", "mpeg4"),
        ("avi", "mjpeg"),
        ("mpg", "mpeg1video"),
        ("webm", "libvpx"),
        ("ts", "libx264"),
        ("wmv", "wmv2"),
    ],
)
def test_every_frame_of_a_video_is_found_by_its_number(
    tmp_path: Path, opened: Callable[[bytes], Clip], kind: str, codec: str
) -> None:
    av = pytest.importorskip("av")
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    clip = opened(video(tmp_path, kind, codec))
    assert clip.facts.kind == "clip"
    assert clip.facts.instance.frames == 30
    assert (clip.facts.instance.rows, clip.facts.instance.columns) == (48, 64)
    assert clip.facts.timing.fps == pytest.approx(25, abs=0.1)
    assert clip.facts.timing.source == "container"
    for number in (30, 1, 17, 18, 19, 5, 30, 29, 2):
        assert abs(float(clip.frame(number).mean()) - 8 * number) < 4, number


def test_a_glimpse_of_a_video_is_smaller(tmp_path: Path, opened: Callable[[bytes], Clip]) -> None:
    clip = opened(video(tmp_path))
    assert clip.glimpse(4, 32).shape == (24, 32, 3)
    assert clip.frame(4).shape == (48, 64, 3)


def test_tags_of_a_video_are_identifiers_and_its_coding_is_not(
    tmp_path: Path, opened: Callable[[bytes], Clip]
) -> None:
    clip = opened(video(tmp_path, title="Jane Roe knee", artist="Dr. Roe"))
    found = {i.keyword: i.value for i in clip.facts.identifiers}
    assert found["container:title"] == "Jane Roe knee"
    assert found["container:artist"] == "Dr. Roe"
    assert not {"container:encoder", "container:major_brand"} & set(found)


def test_a_sound_track_is_pointed_out(tmp_path: Path, opened: Callable[[bytes], Clip]) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=20)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000)
        for _ in range(5):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(scene(), "rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 2000), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence))
        container.mux([*picture.encode(), *sound.encode()])
    assert "it holds sound: voices identify" in opened(path.read_bytes()).facts.notes


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path, opened: Callable[[bytes], Clip]) -> None:
    av = pytest.importorskip("av")
    from fractions import Fraction

    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for number in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(number), "rgb24")))
        container.mux(stream.encode())
    clip = opened(path.read_bytes())
    assert (clip.facts.instance.rows, clip.facts.instance.columns) == (48, 128)
    assert clip.frame(2).shape == (48, 128, 3)
    assert any("square pixels" in note for note in clip.facts.notes)


def turned_mp4(content: bytes) -> bytes:
    """The same MP4 with a display matrix that turns it by a quarter (ISO/IEC 14496-12 8.3.2)."""
    identity = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    quarter = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    track = content.index(b"tkhd")
    place = content.index(identity, track)
    return content[:place] + quarter + content[place + len(identity) :]


def test_a_video_that_asks_to_be_turned_is_turned(tmp_path: Path, opened: Callable[[bytes], Clip]) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "half.mp4"
    half = np.zeros((48, 64, 3), np.uint8)
    half[:24] = 200  # bright at the top
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(half, "rgb24")))
        container.mux(stream.encode())
    clip = opened(turned_mp4(path.read_bytes()))
    assert (clip.facts.instance.rows, clip.facts.instance.columns) == (64, 48)
    picture = clip.frame(2)
    # A quarter turn clockwise brings the top to the right.
    assert picture[:, 30:].mean() > 150
    assert picture[:, :18].mean() < 50


def test_without_pyav_a_video_is_kept_and_the_missing_part_is_named(
    tmp_path: Path, opened: Callable[[bytes], Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = video(tmp_path)
    monkeypatch.setitem(sys.modules, "av", None)
    clip = opened(content)
    assert (clip.facts.kind, clip.facts.media_type) == ("clip", "video/mp4")
    assert any("casearchive[video]" in note for note in clip.facts.notes)
    with pytest.raises(PictureUnavailable) as caught:
        clip.frame(1)
    assert "casearchive[video]" in caught.value.hint


def test_a_playlist_dressed_as_video_is_never_opened(tmp_path: Path) -> None:
    for content in (b"#EXTM3U\n/etc/passwd", b"\xef\xbb\xbf#EXTM3U\n/etc/passwd", b"ffconcat version 1.0\n"):
        assert refusal(tmp_path / "clip.mp4", content).reason == "not-an-image"
    smuggled = b"\0\0\0\x10ftypisom\0\0\0\0" + b"#EXTM3U\nfile:///etc/passwd\n"
    assert refusal(tmp_path / "clip.mp4", smuggled).reason in ("damaged", "truncated")


def test_opening_a_reader_imports_no_decoder_before_it_is_needed() -> None:
    import subprocess

    code = (
        "import sys, casearchive.readers as r; [x.sniff(b'abc', 3) for x in r.readers()];"
        "print(sorted({'pydicom', 'av', 'PIL.Image'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (["6", "5"], (6, 5)),
        (["0", "1"], (1, 1)),
        (["6"], (1, 1)),
        (["1000", "1"], (1, 1)),
    ],
)
def test_a_pixel_aspect_ratio_is_read_where_it_can_be_true(said: list[str], read: tuple[int, int]) -> None:
    from pydicom.dataset import Dataset

    from casearchive.readers import _headers

    data = Dataset()
    data.PixelAspectRatio = said
    assert _headers.pixel_aspect(data) == read
    assert _headers.pixel_aspect(Dataset()) == (1, 1)
