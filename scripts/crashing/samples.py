"""What the scenarios begin with: a folder of small invented files, and archives made of it by the program itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crashing.warm import Warm

_RECORD = """\
# A remark of the author that must survive.
title = "Partial tear of the rectus femoris"
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run works: all of it is watched, but for the two files that take what is told."""

    folder: Path
    stick: Path

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def out(self) -> Path:
        """Where exports go."""
        return self.folder / "out"

    @property
    def copy(self) -> Path:
        """Where backups go."""
        return self.folder / "copy"

    @property
    def roots(self) -> tuple[Path, ...]:
        return self.archive, self.out, self.copy

    @property
    def report(self) -> Path:
        return self.folder / "report.jsonl"

    @property
    def said(self) -> Path:
        """What the program says on standard output."""
        return self.folder / "said"

    @property
    def told(self) -> tuple[Path, ...]:
        return self.report, self.said

    def fresh(self, master: Place | None) -> Place:
        """The same place with what ``master`` holds, and nothing else."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if master is None:
            self.folder.mkdir(parents=True)
        else:
            shutil.copytree(master.folder, self.folder, symlinks=True)
        return self


def stick(folder: Path) -> Path:
    """Six files to take: two loose images, a photo, a text that is none, and a case with a clip of three frames."""
    import numpy as np
    from PIL import Image

    (folder / "tear").mkdir(parents=True)
    _dicom(folder / "IM1", seed=1)
    _dicom(folder / "IM2", seed=2)
    pixels = np.random.default_rng(7).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    (folder / "notes.txt").write_text("nothing to see here\n")
    _dicom(folder / "tear" / "loop.dcm", seed=3, frames=3)
    (folder / "tear" / "case.toml").write_text(_RECORD, "utf-8")
    return folder


def _dicom(path: Path, *, seed: int, frames: int = 1) -> None:
    import numpy as np
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    rows, columns = 32, 40
    data = Dataset()
    data.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.{'3' if frames > 1 else '6'}.1"
    data.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{seed}.3"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.3.{seed}.1", f"1.2.3.{seed}.2"
    data.PatientName, data.PatientID, data.PatientBirthDate = (
        "Quillfeather^Orsino",
        "SE-4711-0815",
        "19620229",
    )
    data.PatientSex, data.StudyDate, data.StudyDescription = "F", "20240102", "Thigh"
    data.Modality, data.Manufacturer = "US", "Acme"
    data.Rows, data.Columns, data.SamplesPerPixel = rows, columns, 1
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    if frames > 1:
        data.NumberOfFrames, data.FrameTime = frames, 40.0
    pixels = np.random.default_rng(seed).integers(0, 255, (frames, rows, columns), dtype=np.uint8)
    data.PixelData = pixels.tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)


class Masters:
    """Archives to begin with, each made once, by the program."""

    def __init__(self, folder: Path, warm: Warm) -> None:
        self._folder, self._warm = folder, warm
        self.stick = stick(folder / "stick")
        self._made: dict[str, Place | None] = {"": None}
        self._recipes: dict[str, tuple[str, Callable[[Place], Sequence[Sequence[str]]]]] = {
            "empty": ("", lambda p: [["init", str(p.archive)]]),
            "full": ("empty", _filled),
            "exported": (
                "full",
                lambda p: [[*on(p), "export", "thigh", "--as", "csv,folder", "--to", str(p.out)]],
            ),
            "backed-up": ("full", _backed_up),
            "damaged": ("full", lambda p: [[*on(p), "backup", str(p.copy)]]),
        }

    def get(self, name: str) -> Place | None:
        if name not in self._made:
            before, words = self._recipes[name]
            place = Place(self._folder / "masters" / name, self.stick).fresh(self.get(before))
            for line in words(place):
                ended = self._warm.run(line)
                if ended.code != 0:
                    raise RuntimeError(f"{' '.join(line)} ended with {ended.code}: {ended.err}")
            if name == "damaged":
                _damage(place.archive)
            self._made[name] = place
        return self._made[name]


def on(place: Place) -> list[str]:
    return ["--archive", str(place.archive)]


def _filled(place: Place) -> list[list[str]]:
    archive = on(place)
    return [
        [*archive, "ingest", str(place.stick), "--workers", "0"],
        [*archive, "edit", "tear", "--set", "difficulty=advanced"],
        [*archive, "set", "create", "thigh", "--title", "Thigh", "tear"],
        [*archive, "review", "approve", "tear:M1", "--whole", "--because", "grey noise"],
    ]


def _backed_up(place: Place) -> list[list[str]]:
    return [
        [*on(place), "backup", str(place.copy)],
        [*on(place), "edit", "tear", "--set", "difficulty=primary"],
    ]


def _damage(archive: Path) -> None:
    """An original with a turned bit, a record that is gone, and a ledger with a turned bit."""
    original = next(p for p in sorted((archive / "objects").glob("??/*")))
    _turn(original, 4000)
    _turn(archive / "ledger.jsonl", 900)
    (archive / "cases" / "tear.toml").unlink()


def _turn(path: Path, bit: int) -> None:
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[bit >> 3] ^= 1 << (bit & 7)
    path.write_bytes(content)
