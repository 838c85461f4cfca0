"""Synthetic files for the tests: small, made on the spot, with invented names where a name is needed."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from casearchive.deid import ocr

needs_detector = pytest.mark.skipif(not ocr.installed(), reason="casearchive[text] is not installed")
#: Planted in headers: must never be printed.
NAME, NUMBER, BIRTH = "Quillfeather^Orsino", "SE-4711-0815", "19620229"
MULTI_FRAME, STILL = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.1"


def dicom(
    path: Path,
    *,
    seed: int = 1,
    frames: int = 1,
    uid: str = "",
    preamble: bool = True,
    size: tuple[int, int] = (32, 40),
    **more: Any,
) -> Path:
    """A small grey ultrasound object at ``path``; ``seed`` makes pixels and UIDs, ``size`` is (rows, columns)."""
    rows, columns = size
    data = Dataset()
    data.SOPClassUID = MULTI_FRAME if frames > 1 else STILL
    data.SOPInstanceUID = uid or f"1.2.826.0.1.3680043.8.498.{seed}.3"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.3.{seed}.1", f"1.2.3.{seed}.2"
    data.PatientName, data.PatientID, data.PatientBirthDate = NAME, NUMBER, BIRTH
    data.PatientSex, data.PatientAge = "F", "034Y"
    data.StudyDate, data.StudyDescription, data.Modality = "20240102", "Thigh", "US"
    data.Manufacturer = "Acme"
    data.Rows, data.Columns, data.SamplesPerPixel = rows, columns, 1
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    if frames > 1:
        data.NumberOfFrames, data.FrameTime = frames, 40.0
    pixels = np.random.default_rng(seed).integers(0, 255, (frames, rows, columns), dtype=np.uint8)
    data.PixelData = pixels.tobytes()
    for keyword, value in more.items():
        setattr(data, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not preamble:
        data.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        return path
    data.file_meta = _meta(data.SOPClassUID, data.SOPInstanceUID, ExplicitVRLittleEndian)
    data.save_as(path, enforce_file_format=True)
    return path


def _meta(class_uid: str, uid: str, syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = class_uid, uid
    meta.TransferSyntaxUID = syntax
    return meta


def dicomdir(path: Path, *named: tuple[str, ...]) -> Path:
    """The index of a disc that names ``named``; its offsets point into the blue and must not be followed."""
    records = []
    for parts in named:
        record = Dataset()
        record.OffsetOfTheNextDirectoryRecord = 0xFFFFFFF0
        record.RecordInUseFlag = 0xFFFF
        record.OffsetOfReferencedLowerLevelDirectoryEntity = 4
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = list(parts)
        records.append(record)
    class_uid = "1.2.840.10008.1.3.10"
    data = FileDataset(str(path), {}, preamble=b"\0" * 128)
    data.file_meta = _meta(class_uid, "1.2.3.99", ExplicitVRLittleEndian)
    data.FileSetID = "DISC"
    data.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    data.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    data.FileSetConsistencyFlag = 0
    data.DirectoryRecordSequence = Sequence(records)
    data.save_as(path, enforce_file_format=True)
    return path


def picture(path: Path, *, seed: int = 1, form: str = "PNG", size: tuple[int, int] = (48, 36)) -> Path:
    """A picture of ``size`` (width, height); ``form`` need not agree with the suffix."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with io.BytesIO() as out:
        Image.fromarray(pixels).save(out, form)
        path.write_bytes(out.getvalue())
    return path


def movie(path: Path, *, seed: int = 1, frames: int = 6) -> Path:
    """A small MP4 clip, 25 frames a second."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            pixels = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        out.mux(stream.encode())
    return path


def talking(path: Path, *, stereo: bool = False) -> Path:
    """A clip of two seconds with a tone in it, and a name in its tags."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mov") as out:
        out.metadata["comment"] = NAME
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="stereo" if stereo else "mono")
        for picture in _shades(20):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(video.encode())
        tone = (8000 * np.sin(np.arange(32_000) / 16_000 * 2 * np.pi * 440)).astype(np.int16)
        wide = np.repeat(tone, 2)[None] if stereo else tone[None]
        frame = av.AudioFrame.from_ndarray(wide, "s16", "stereo" if stereo else "mono")
        frame.rate = 16_000
        out.mux(sound.encode(frame))
        out.mux(sound.encode())
    return path


def _shades(count: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), 40 + 12 * n % 200, np.uint8) for n in range(count)]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


RECORD = """\
# A remark of the author that must survive.
title  = "Partial tear of the rectus femoris"   # and one beside it
status = "ready"
fictional = true

[author]
name = "A. Teacher"

[[media]]
id = "M1"
file = "loop.dcm"
caption = "Long axis"

[[finding]]
id = "F1"
structure = "rectus_femoris"
abnormality = "partial_tear"
side = "right"
evidence = [{ media = "M1", frames = [1, 2], polygon = [[2, 2], [9, 2], [9, 9]] }]
"""


def case_folder(path: Path, *, seed: int = 50, text: str = RECORD) -> Path:
    """A case with one clip of three frames, 32 rows, 40 columns."""
    dicom(path / "loop.dcm", seed=seed, frames=3)
    (path / "case.toml").write_text(text, "utf-8")
    return path


def tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file and folder below ``root``: mode, time of change, content."""
    found = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
        found[os.fsdecode(path.relative_to(root))] = (state.st_mode, state.st_mtime_ns, content)
    return found


__all__ = [
    "BIRTH", "NAME", "NUMBER", "RECORD", "case_folder", "dicom", "dicomdir", "movie",
    "picture", "tree", "zipped",
]  # fmt: skip


def on_a_terminal(
    home: Path, *words: str, typed: bytes = b"", code: int | None = None, **environment: str
) -> bytes:
    """What ``casearchive`` says on a pseudo-terminal, ``typed`` being typed there; it must end with ``code``."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "casearchive", *words], stdin=theirs, stdout=theirs, stderr=theirs, cwd=home,
        env={**os.environ, "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, typed)
    said = b""
    try:
        while block := os.read(ours, 65536):
            said += block
    except OSError:
        pass  # Linux says EIO where the other end is closed
    finally:
        os.close(ours)
        status = process.wait()
    assert code in (None, status)
    return said
