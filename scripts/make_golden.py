#!/usr/bin/env python3
"""Make a golden archive: a small one, with something of everything, as the casearchive that is imported writes it.

    python scripts/make_golden.py tests/golden/index-3.zip

One is kept of every form that the index ever had; ``tests/test_upgrade.py`` opens them all. It is made once, by the
last commit of its form, and never again: what a program of that time wrote is the point. To make one of an older form,
run this file with that program first on ``PYTHONPATH``.

What goes in is always the same, to the bit; ids, keys and times are not. All of it is invented.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

STILL, CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
REPORT = "1.2.840.10008.5.1.4.1.1.88.11"
#: Where the scan begins in a picture: what scanners print stands above and beside it.
TOP, LEFT = 16, 12
#: A name of a patient, in headers and names of files: it must be nowhere once its file was removed.
REMOVED = "Ptarmigan"
TERMS = '[glorp_sign]\nkind = "abnormality"\nname = "Glorp sign"\n'
TEAR = """\
# A remark of the author that must survive.
title = "Partial tear of the rectus femoris"
quiz_title = "Pain at the front of the thigh"
status = "ready"
difficulty = "primary"
fictional = true
tags = ["sport"]

[author]
name = "A. Teacher"

[consent]
scope = "teaching"
reference = "fictional"

[patient]
age = "24 Y"
sex = "M"

[story]
history = "Sudden pain while sprinting. The Glorp sign was seen."
symptoms = ["weakness"]
diagnosis = [{ what = "partial_tear", structure = "rectus_femoris", side = "right", certainty = "definite" }]
points = ["Always ask for a contraction."]

[[prior]]
day = -20
modality = "mri"
impression = "minor strain"
says = ["strain"]
missed = ["partial_tear"]

[[media]]
id = "M1"
file = "loop.dcm"
caption = "Long axis during contraction"
quiz_caption = "Long axis"
structure = "rectus_femoris"
side = "right"

[[finding]]
id = "F1"
structure = "rectus_femoris"
abnormality = "partial_tear"
side = "right"
certainty = "definite"
grades = { peetrons = "2" }
evidence = [{ media = "M1", frames = [2, 4], polygon = [[20, 20], [60, 20], [60, 50]], best = true }]

[[finding]]
id = "F2"
structure = "rectus_femoris"
abnormality = "hematoma"
side = "right"
certainty = "absent"

[[measurement]]
finding = "F1"
what = "gap"
state = "contraction"
side = "right"
value = 8
unit = "mm"
media = "M1"
frame = 3
points = [[20, 30], [60, 30]]

[[quiz]]
question = "What is the next step?"
options = ["Report a strain", "Image during contraction"]
answer = 2
why = "The ends part on contraction."
"""
NERVE = """\
title = "Normal sciatic nerve"
status = "ready"
fictional = true

[author]
name = "A. Teacher"

[[media]]
id = "M1"
file = "still.dcm"
caption = "Short axis"

[[finding]]
id = "F1"
structure = "sciatic_nerve"
abnormality = "normal"
side = "left"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a golden archive.")
    parser.add_argument("to", type=Path, metavar="FILE.zip")
    to = parser.parse_args().to.absolute()
    os.environ["LOGNAME"] = os.environ["USER"] = os.environ["USERNAME"] = "golden"
    os.umask(0o077)
    # one place for all, so that the index of none tells where it was made
    work = Path(tempfile.gettempdir()) / "casearchive-golden"
    work.mkdir()
    try:
        sources(work / "stick")
        pack(archive(work), to)
    finally:
        shutil.rmtree(work)


def sources(stick: Path) -> None:
    """A case with a clip, a case with a still, and loose: a still, a picture, a report, what will be removed."""
    dicom(stick / "tear" / "loop.dcm", 1, frames=5)
    (stick / "tear" / "case.toml").write_text(TEAR, "utf-8")
    dicom(stick / "nerve" / "still.dcm", 2)
    (stick / "nerve" / "case.toml").write_text(NERVE, "utf-8")
    dicom(stick / "IM3.dcm", 3, StudyDescription="Shoulder", SeriesDescription="Baker cyst left")
    Image.fromarray(shades(4, 1)[0]).save(stick / "haematoma.png")
    report(stick / "report.dcm")
    dicom(stick / f"{REMOVED}.dcm", 5, PatientName=f"{REMOVED}^Ann", StudyDescription=f"Thigh of {REMOVED}")


def archive(work: Path) -> Path:
    """The archive that the casearchive of this time makes of the sources; what it cannot do yet is left out."""
    from casearchive import Archive

    made: Any = Archive.create(work / "archive")
    (made.path / "terms.toml").write_text(TERMS, "utf-8")
    assert made.ingest([work / "stick"], workers=0).failed == 0
    made.edit("nerve", {"difficulty": "primary"})
    made.set_create("thigh", title="Thigh", cases=["tear", "nerve"])
    made.set_save("torn", "tear")
    made.export(["thigh"], formats=["folder"], to=work / "out")
    removed = next(held.sha256 for held in made.list() if REMOVED in held.name)
    if hasattr(made, "remove"):
        made.remove(made.plan_removal(removed))
    assert not made.verify().faults
    return Path(made.path)


def pack(root: Path, to: Path) -> None:
    """Everything but pictures that can be made again."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            name = path.relative_to(root).as_posix()
            if not name.startswith("cache/") and name != "writer.lock":
                out.writestr(zipfile.ZipInfo(f"archive/{name}"), path.read_bytes(), zipfile.ZIP_DEFLATED)


# ---------------------------------------------------------------------------------------------- files


def shades(seed: int, frames: int) -> np.ndarray:
    """Frames of 72 rows and 96 columns that pack well and differ: bands, and a spot that moves."""
    rows, columns = np.mgrid[0:72, 0:96]
    found = []
    for number in range(frames):
        spot = (rows - 36) ** 2 + (columns - 20 - 8 * number - seed) ** 2 < 90
        scan = np.where(spot, 30, 80 + 16 * ((rows // 8 + seed) % 8))
        found.append(np.where((rows < TOP) | (columns < LEFT) | (columns >= 96 - LEFT), 0, scan))
    return np.stack(found).astype(np.uint8)


def dicom(path: Path, seed: int, *, frames: int = 1, **more: Any) -> None:
    data = patient(CINE if frames > 1 else STILL, seed)
    data.Modality, data.StudyDate, data.StudyDescription = "US", "20240102", "Thigh"
    data.Manufacturer, data.PatientSex, data.PatientAge = "Acme", "F", "034Y"
    film = shades(seed, frames)
    data.Rows, data.Columns, data.SamplesPerPixel = film.shape[1], film.shape[2], 1
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    data.BurnedInAnnotation = "NO"
    if frames > 1:
        data.NumberOfFrames, data.FrameTime = frames, 40.0
        data.FrameIncrementPointer = 0x00181063
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = LEFT, TOP
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 95 - LEFT, 71
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.02
    data.SequenceOfUltrasoundRegions = Sequence([region])
    data.PixelData = film.tobytes()
    for keyword, value in more.items():
        setattr(data, keyword, value)
    save(data, path)


def report(path: Path) -> None:
    """A structured report of one finding; it belongs to no case."""
    data = patient(REPORT, 6)
    data.Modality, data.ValueType = "SR", "CONTAINER"
    data.ConceptNameCodeSequence = code("Ultrasound report")
    said = Dataset()
    said.RelationshipType, said.ValueType = "CONTAINS", "TEXT"
    said.ConceptNameCodeSequence, said.TextValue = code("Findings"), "Full-thickness supraspinatus tear."
    data.ContentSequence = Sequence([said])
    save(data, path)


def code(meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99TEST", meaning
    return Sequence([item])


def patient(class_uid: str, seed: int) -> Dataset:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = class_uid, f"1.2.826.0.1.3680043.8.498.{seed}.3"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.3.{seed}.1", f"1.2.3.{seed}.2"
    data.PatientName, data.PatientID, data.PatientBirthDate = "Quillfeather^Orsino", f"SE-{seed}", "19620229"
    data.SpecificCharacterSet = "ISO_IR 192"
    return data


def save(data: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


if __name__ == "__main__":
    main()
