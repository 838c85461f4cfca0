"""DICOM files of the phantom: Ultrasound Image and Ultrasound Multi-frame Image, in several codings.

Every UID is ``2.25.`` and a hash of the picture's name, so the same picture is the same object. Region corners
are inclusive pixel positions and deltas centimetres per pixel (PS3.3 C.8.5.5).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)
from pydicom.uid import ExplicitVRLittleEndian as ExplicitLE

from phantom.probe import Curved
from phantom.screen import HOSPITAL, MODEL, Area, Pixels, Screen, to_grey

#: Body Part Examined and the SNOMED CT concept that goes with it (PS3.16 Annex L).
REGIONS = {
    "ANKLE": ("70258002", "Ankle"),
    "BUTTOCK": ("46862004", "Buttock"),
    "CALF": ("53840002", "Calf"),
    "KNEE": ("72696002", "Knee"),
    "LSPINE": ("122496007", "Lumbar spine"),
    "SIJOINT": ("39723000", "Sacroiliac joint"),
    "THIGH": ("68367000", "Thigh"),
}

CODINGS = (
    "raw-rgb",
    "raw-mono",
    "palette",
    "rle-rgb",
    "rle-mono",
    "jpeg",
    "jpeg-mono",
    "j2k-rgb",
    "j2k-mono",
)


@dataclass(frozen=True)
class Person:
    """A fictional patient and visit; one per case."""

    name: str  # DICOM PN
    patient_id: str
    birth: str  # YYYYMMDD
    sex: str
    age: str  # 024Y
    accession: str
    referrer: str
    date: str  # YYYYMMDD
    time: str  # HHMMSS
    study: str  # Study Description


@dataclass(frozen=True)
class Series:
    """What the header says of one picture beyond the screen."""

    case: str
    name: str  # of the file, without suffix
    number: int
    description: str
    body_part: str
    side: str  # "L" | "R" | "B"
    fps: float
    mode_bits: str = "0001"


def uid(name: str) -> UID:
    """A UID out of a name."""
    return UID("2.25." + str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")))


def _j2k(frame: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(
        buffer, "JPEG2000", no_jp2=True, irreversible=False, mct=1 if frame.ndim == 3 else 0
    )
    return buffer.getvalue()


def _jpeg(frame: Pixels, quality: int) -> bytes:
    buffer = io.BytesIO()
    options = {"subsampling": "4:2:2"} if frame.ndim == 3 else {}
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, optimize=True, **options)
    return buffer.getvalue()


def _palette() -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """256 colours of 16 bits: 200 greys with a warm tint, then a coarse colour cube."""
    ramp = np.linspace(0, 1, 200)
    warm = np.stack([ramp**0.92, ramp**0.98, ramp**1.12], 1)
    levels = [(r / 5, g / 2, b / 2) for r in range(6) for g in range(3) for b in range(3)]
    table = np.concatenate([warm, np.array(levels), np.ones((2, 3))])
    return np.asarray(np.round(table * 65535), dtype=np.uint16)


def _to_palette(rgb: Pixels) -> Pixels:
    a = rgb.astype(np.int32)
    spread = a.max(2) - a.min(2)
    grey = np.round(a.mean(2) * 199 / 255)
    cube = 200 + np.round(a[..., 0] / 51) * 9 + np.round(a[..., 1] / 127.5) * 3 + np.round(a[..., 2] / 127.5)
    return np.where(spread < 48, grey, cube).astype(np.uint8)


def _region(area: Area, frequency_khz: int) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionDataType = area.data_type
    item.RegionFlags = 0
    item.RegionLocationMinX0 = area.x0
    item.RegionLocationMinY0 = area.y0
    item.RegionLocationMaxX1 = area.x1
    item.RegionLocationMaxY1 = area.y1
    item.ReferencePixelX0, item.ReferencePixelY0 = area.probe.apex
    item.PhysicalUnitsXDirection = 3
    item.PhysicalUnitsYDirection = 3
    item.ReferencePixelPhysicalValueX = 0.0
    item.ReferencePixelPhysicalValueY = 0.0
    item.PhysicalDeltaX = round(area.probe.mm / 10, 9)
    item.PhysicalDeltaY = round(area.probe.mm / 10, 9)
    item.TransducerFrequency = frequency_khz
    return item


def dataset(screen: Screen, person: Person, series: Series, frames: int) -> Dataset:
    """The header, all but the pixels."""
    cine = frames > 1
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    kind = "MUSCULOSKELETAL"
    ds.ImageType = ["ORIGINAL", "PRIMARY", kind, series.mode_bits]
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage if cine else UltrasoundImageStorage
    ds.SOPInstanceUID = uid(f"{series.case}/{series.name}/instance")
    minutes = int(person.time[2:4]) + 2 * series.number
    moment = f"{int(person.time[:2]) + minutes // 60:02d}{minutes % 60:02d}{person.time[4:]}"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = person.date
    ds.AcquisitionDateTime = person.date + moment
    ds.StudyTime = person.time
    ds.SeriesTime = ds.ContentTime = moment
    ds.AccessionNumber = person.accession
    ds.Modality = "US"
    ds.Manufacturer = "Fictional Imaging"
    ds.InstitutionName = HOSPITAL
    ds.ReferringPhysicianName = person.referrer
    ds.StationName = "SCAN9-01"
    ds.StudyDescription = person.study
    ds.SeriesDescription = series.description
    ds.ManufacturerModelName = MODEL
    anatomic = Dataset()
    anatomic.CodeValue, anatomic.CodeMeaning = REGIONS[series.body_part]
    anatomic.CodingSchemeDesignator = "SCT"
    ds.AnatomicRegionSequence = Sequence([anatomic])
    ds.PatientName = person.name
    ds.PatientID = person.patient_id
    ds.PatientBirthDate = person.birth
    ds.PatientSex = person.sex
    ds.PatientAge = person.age
    ds.BodyPartExamined = series.body_part
    if cine:
        ds.CineRate = round(series.fps)
        ds.FrameTime = round(1000 / series.fps, 4)
        ds.StartTrim, ds.StopTrim = 1, frames
        ds.RecommendedDisplayFrameRate = round(series.fps)
        ds.FrameIncrementPointer = 0x00181063
        ds.NumberOfFrames = frames
        ds.EffectiveDuration = round(frames / series.fps, 4)
        ds.RepresentativeFrameNumber = frames // 2
    ds.DeviceSerialNumber = "PS9-00417"
    ds.SoftwareVersions = "9.0.1"
    ds.DepthOfScanField = round(max(a.probe.depth_mm for a in screen.areas))
    ds.TransducerData = [screen.banner.probe, "", ""]
    ds.TransducerType = _transducer(screen)
    ds.MechanicalIndex = round(screen.mi, 2)
    ds.SoftTissueThermalIndex = round(screen.tis, 2)
    ds.BoneThermalIndex = round(screen.tis + 0.1, 2)
    megahertz = float(screen.frequency.split()[0])
    ds.SequenceOfUltrasoundRegions = Sequence([_region(a, int(megahertz * 1000)) for a in screen.areas])
    ds.StudyInstanceUID = uid(f"{series.case}/study")
    ds.SeriesInstanceUID = uid(f"{series.case}/{series.side}/{series.body_part}/series")
    ds.StudyID = person.accession[-4:]
    ds.SeriesNumber = {"L": 1, "R": 2, "B": 3}[series.side]
    ds.InstanceNumber = series.number
    ds.PatientOrientation = None
    if series.side != "B" and series.body_part not in ("LSPINE", "THIGH"):
        ds.Laterality = series.side  # one or the other, never both (PS3.3 C.7.3.1, C.7.6.1)
    else:
        ds.ImageLaterality = series.side
    ds.BurnedInAnnotation = "YES"
    ds.LossyImageCompression = "00"
    return ds


def _transducer(screen: Screen) -> str:
    return "CURVED LINEAR" if isinstance(screen.areas[0].probe, Curved) else "LINEAR"


def _describe_pixels(ds: Dataset, photometric: str, shape: tuple[int, ...]) -> None:
    colour = photometric in ("RGB", "YBR_FULL_422", "YBR_RCT")
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = photometric
    if colour:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = shape[1], shape[2]
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0


def write(
    path: Path, screen: Screen, person: Person, series: Series, frames: Pixels, coding: str, quality: int = 76
) -> None:
    """Write ``frames`` (n, rows, columns, 3) as one DICOM file in one of ``CODINGS``."""
    if coding not in CODINGS:
        raise ValueError(f"no such coding: {coding}")
    ds = dataset(screen, person, series, len(frames))
    method, _, colour = coding.partition("-")
    mono = colour == "mono"
    pixels = np.stack([to_grey(f) for f in frames]) if mono else frames
    syntax = ExplicitLE
    if method == "raw":
        _describe_pixels(ds, "MONOCHROME2" if mono else "RGB", pixels.shape)
        ds.PixelData = pixels.tobytes()
        ds["PixelData"].VR = "OB"
    elif method == "palette":
        index = np.stack([_to_palette(f) for f in frames])
        _describe_pixels(ds, "PALETTE COLOR", index.shape)
        table = _palette()
        for i, name in enumerate(("Red", "Green", "Blue")):
            setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(ds, f"{name}PaletteColorLookupTableData", table[:, i].astype("<u2").tobytes())
        ds.PixelData = index.tobytes()
        ds["PixelData"].VR = "OB"
    elif method == "rle":
        _describe_pixels(ds, "MONOCHROME2" if mono else "RGB", pixels.shape)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitLE
        ds.compress(
            RLELossless,
            pixels.squeeze(0) if len(pixels) == 1 else pixels,
            encoding_plugin="pydicom",
            generate_instance_uid=False,
        )
        syntax = RLELossless
    elif method == "j2k":
        _describe_pixels(ds, "MONOCHROME2" if mono else "YBR_RCT", pixels.shape)
        ds.PixelData = encapsulate([_j2k(f) for f in pixels])
        syntax = JPEG2000Lossless
    else:
        _describe_pixels(ds, "MONOCHROME2" if mono else "YBR_FULL_422", pixels.shape)
        encoded = [_jpeg(f, quality) for f in pixels]
        ds.PixelData = encapsulate(encoded)
        ds.LossyImageCompression = "01"
        ds.LossyImageCompressionRatio = round(pixels.nbytes / sum(map(len, encoded)), 2)
        ds.LossyImageCompressionMethod = "ISO_10918_1"
        syntax = JPEGBaseline8Bit
    if syntax != ExplicitLE:
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = uid(MODEL)
    meta.ImplementationVersionName = "PHANTOMSCAN_9"
    ds.file_meta = meta
    ds.save_as(path, enforce_file_format=True)
