"""A folder of ultrasound files like a department's: the same files, byte for byte, for the same number and seed."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from benchmarks.measure import Progress

Pixels = npt.NDArray[np.uint8]
#: Of every twenty files: ten RGB stills, four JPEG loops, and one each of the rest.
PLAN = ("rgb",) * 10 + ("cine",) * 4 + ("mono", "palette", "rle", "j2k", "lossless", "film")
_LOSSLESS, _FILMS = ("jpeg-ls", "jpeg-lossless"), ("mp4", "gif", "avi", "png")  # by turns
#: What pydicom decodes only with other packages.
BEYOND_PYDICOM = frozenset(_LOSSLESS)
_MAKERS = (("Sonic One", "S8"), ("Echoworks", "E-300"), ("Waveline", "Portable 2"))
_STUDIES = ("US thigh", "US ankle left", "MSK ultrasound knee", "US shoulder right", "US calf")


def make(folder: Path, files: int, seed: int, *, tiny: bool = False, dicom: bool = False) -> dict[str, int]:
    """Write ``files`` files below ``folder``; ``tiny`` ones are 64x48 stills, with ``dicom`` all are DICOM. Returns how
    many of each kind. A kind whose encoder is missing here is another one."""
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    progress = Progress(files)
    for number in range(files):
        kind = "rgb" if tiny else _kind(number, dicom)
        place = folder / f"study-{number // 25:04d}"
        place.mkdir(exist_ok=True)
        suffix = kind if kind in _FILMS else "dcm"
        _write(place / f"{number:06d}.{suffix}", kind, number, seed, tiny)
        counts[kind] = counts.get(kind, 0) + 1
        progress.step("making files")
    return counts


def _kind(number: int, dicom: bool) -> str:
    kind = PLAN[number * 7 % 20]  # seven: kinds take turns, the shares stay
    if kind == "lossless":
        return _LOSSLESS[number // 20 % 2] if _have("imagecodecs") else "j2k"
    if kind == "film":
        film = _FILMS[number // 20 % 4]
        return "mono" if dicom else "png" if film in ("mp4", "avi") and not _have("av") else film
    return kind


# ------------------------------------------------------------------------------------- one file of a kind


def one(path: Path, kind: str, seed: int = 1) -> Path:
    """A single file of a kind of ``PLAN``, or a ``gif`` or ``png``."""
    _write(path, kind, 1, seed, tiny=False)
    return path


def speckled(path: Path, frames: int, key: str) -> Path:
    """A JPEG loop of 1024x768 whose speckle, another for each ``key``, nobody takes for writing."""
    from _screens import Box, Scan, draw

    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
    film, _ = draw(rng, (768, 1024), [Scan(Box(64, 48, 959, 719), "fan")], frames, [])
    return _loop(path, "YBR_FULL_422", JPEGBaseline8Bit, [_saved(one, "JPEG", quality=85) for one in film])


def cine(path: Path, frames: int) -> Path:
    """A JPEG loop of 1024x768 in colour; twelve frames by turns, so that a long one is soon made."""
    rgb = _colour(_scan("long", 1024, 768), 0)
    few = [_saved(np.roll(rgb, 3 * n, axis=1), "JPEG", quality=85) for n in range(min(12, frames))]
    return _loop(path, "YBR_FULL_422", JPEGBaseline8Bit, [few[n % len(few)] for n in range(frames)])


def raw_cine(path: Path, frames: int) -> Path:
    """An uncompressed RGB loop of 1024x768: 2.4 MB a frame."""
    rgb = _colour(_scan("raw", 1024, 768), 0)
    content = b"".join(np.roll(rgb, 3 * n, axis=1).tobytes() for n in range(frames))
    return _loop(path, "RGB", ExplicitVRLittleEndian, content)


def j2k_cine(path: Path, frames: int) -> Path:
    """A JPEG 2000 loop of 800x600, lossy."""
    rgb = _colour(_scan("j2k", 800, 600), 0)
    options = {
        "no_jp2": True,
        "irreversible": True,
        "quality_layers": [20],
        "mct": 1,
    }  # ICT, as the label says
    coded = [_saved(np.roll(rgb, 3 * n, axis=1), "JPEG2000", **options) for n in range(frames)]
    return _loop(path, "YBR_ICT", JPEG2000, coded, (800, 600))


def rle_cine(path: Path, frames: int) -> Path:
    """A run-length loop of 800x600 in colour."""
    rgb = _colour(_scan("rle", 800, 600), 0)
    content = b"".join(np.roll(rgb, 3 * n, axis=1).tobytes() for n in range(frames))
    _loop(path, "RGB", ExplicitVRLittleEndian, content, (800, 600))
    image = dcmread(path)
    image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(path, enforce_file_format=True)
    return path


def film(path: Path, codec: str, frames: int) -> Path | None:
    """A video of 800x600, or None without PyAV."""
    if not _have("av"):
        return None
    _movie(path, _scan(codec, 800, 600), codec, frames)
    return path


def _loop(
    path: Path,
    photometric: str,
    syntax: UID,
    content: bytes | list[bytes],
    size: tuple[int, int] = (1024, 768),
) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.SOPClassUID = UltrasoundMultiFrameImageStorage
    image.SOPInstanceUID = _uid(path.name)
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    _header(image, 0, 1, random.Random(path.name))
    image.Columns, image.Rows = size
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    _three(image, photometric)
    if isinstance(content, bytes):
        image.NumberOfFrames = len(content) // (size[0] * size[1] * 3)
        _native(image, content)
    else:
        image.NumberOfFrames = len(content)
        _coded(image, syntax, content)
    image.FrameTime, image.FrameIncrementPointer = "40", 0x00181063
    image.save_as(path, enforce_file_format=True)
    return path


def _have(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _write(path: Path, kind: str, number: int, seed: int, tiny: bool) -> None:
    key = f"{seed}-{number}"
    chance = random.Random(key)
    wide, high = (64, 48) if tiny else (1024, 768) if kind == "cine" else (800, 600)
    scan = _scan(key, wide, high)
    if kind in ("mp4", "avi"):
        _movie(path, scan, "mjpeg" if kind == "avi" else "mpeg4")
    elif kind == "png":
        Image.fromarray(_colour(scan, number)).save(path, compress_level=1)
    elif kind == "gif":
        moving = [Image.fromarray(np.roll(scan, 4 * n, axis=1)) for n in range(8)]
        moving[0].save(path, save_all=True, append_images=moving[1:], duration=50)
    else:
        _object(kind, scan, number, seed, chance).save_as(path, enforce_file_format=True)


def _scan(key: str, wide: int, high: int) -> Pixels:
    """Speckle in a sector on black, rows by columns: compresses about as a real frame does."""
    noise = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
    coarse = noise.rayleigh(40, (high // 4 + 1, wide // 4 + 1)).clip(0, 255).astype(np.uint8)
    tissue = np.asarray(Image.fromarray(coarse).resize((wide, high), Image.Resampling.BICUBIC))
    y, x = np.mgrid[0:high, 0:wide]
    inside = (np.hypot(x - wide / 2, y + high / 6) < high * 1.1) & (abs(x - wide / 2) < (y + high / 6) * 0.8)
    return np.where(inside, tissue, 0).astype(np.uint8)


def _colour(scan: Pixels, number: int) -> Pixels:
    """Grey as RGB, with a patch of Doppler colour in every third."""
    rgb = np.stack([scan] * 3, axis=-1)
    if number % 3 == 0:
        high, wide = scan.shape
        patch = (slice(high // 3, high // 2), slice(wide // 3, wide // 2))
        rgb[(*patch, 0)], rgb[(*patch, 2)] = 200, 20
    return rgb


def _movie(path: Path, scan: Pixels, codec: str = "mpeg4", frames: int = 75) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = scan.shape
        stream.pix_fmt, stream.bit_rate = "yuvj420p" if codec == "mjpeg" else "yuv420p", 4_000_000
        for n in range(frames):
            moved = np.stack([np.roll(scan, n, axis=1)] * 3, axis=-1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode())


def _object(kind: str, scan: Pixels, number: int, seed: int, chance: random.Random) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.SOPClassUID = UltrasoundMultiFrameImageStorage if kind == "cine" else UltrasoundImageStorage
    image.SOPInstanceUID = _uid(f"{seed}/image/{number}")
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    _header(image, number, seed, chance)
    image.Rows, image.Columns = scan.shape
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    _CODED[kind](image, scan, number, chance)
    return image


def _header(image: Dataset, number: int, seed: int, chance: random.Random) -> None:
    study = number // 25
    patient = study // 2
    image.PatientName, image.PatientID = f"Invented^Person {patient}", f"B{seed}-{patient:05d}"
    image.PatientBirthDate, image.PatientSex = f"19{50 + patient % 50}0101", "MFO"[patient % 3]
    image.PatientAge = f"0{20 + patient % 60}Y"
    image.StudyInstanceUID = _uid(f"{seed}/study/{study}")
    image.SeriesInstanceUID = _uid(f"{seed}/series/{study}/{number % 25 // 9}")
    image.StudyDate = f"20{10 + study % 15}{1 + study % 12:02d}{1 + study % 28:02d}"
    image.StudyTime, image.StudyDescription = "101500", _STUDIES[study % len(_STUDIES)]
    image.AccessionNumber, image.StudyID = f"A{study:06d}", str(study)
    image.Modality, image.SeriesNumber, image.InstanceNumber = "US", number % 25 // 9 + 1, number + 1
    image.Manufacturer, image.ManufacturerModelName = _MAKERS[study % len(_MAKERS)]
    image.InstitutionName = "Invented Hospital"
    image.ContentDate, image.ContentTime = image.StudyDate, f"1016{number % 60:02d}"
    image.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    image.BodyPartExamined = chance.choice(("THIGH", "ANKLE", "KNEE", "SHOULDER", "CALF"))
    if chance.random() < 0.5:
        image.ImageLaterality = chance.choice("LR")
    if chance.random() < 0.7:
        image.TransducerType = "LINEAR"
        image.DepthOfScanField = chance.randrange(20, 90)
    if chance.random() < 0.6:
        image.HeartRate = chance.randrange(50, 110)


def _uid(name: str) -> UID:
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(name.encode()).digest()[:15], 'big')}")


def _grey(image: Dataset) -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"


def _three(image: Dataset, photometric: str) -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation = 3, photometric
    image.PlanarConfiguration = 0


def _native(image: Dataset, content: bytes) -> None:
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.PixelData = content + b"\0" * (len(content) % 2)
    image["PixelData"].VR = "OB"
    _region(image)


def _coded(image: Dataset, syntax: UID, frames: list[bytes]) -> None:
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = encapsulate(frames)
    image["PixelData"].VR = "OB"
    _region(image)


def _region(image: Dataset) -> None:
    """One two-dimensional tissue region in centimetres a pixel (PS3.3 C.8.5.5)."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = image.Columns // 16, image.Rows // 16
    region.RegionLocationMaxX1 = image.Columns * 15 // 16
    region.RegionLocationMaxY1 = image.Rows * 15 // 16
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.0075
    image.SequenceOfUltrasoundRegions = [region]


def _rgb(image: Dataset, scan: Pixels, number: int, _: random.Random) -> None:
    _three(image, "RGB")
    _native(image, _colour(scan, number).tobytes())


def _mono(image: Dataset, scan: Pixels, _: int, __: random.Random) -> None:
    _grey(image)
    _native(image, scan.tobytes())


def _palette(image: Dataset, scan: Pixels, _: int, __: random.Random) -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "PALETTE COLOR"
    steps = np.arange(256, dtype="<u2") * 257
    for colour in ("Red", "Green", "Blue"):
        setattr(image, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(image, f"{colour}PaletteColorLookupTableData", steps.tobytes())
    _native(image, scan.tobytes())


def _rle(image: Dataset, scan: Pixels, number: int, _: random.Random) -> None:
    _three(image, "RGB")
    _native(image, _colour(scan, number).tobytes())
    image.compress(RLELossless, generate_instance_uid=False)


def _j2k(image: Dataset, scan: Pixels, number: int, _: random.Random) -> None:
    _three(image, "YBR_RCT")
    options = {"no_jp2": True, "irreversible": False, "mct": 1}  # RCT, as the label says
    _coded(image, JPEG2000Lossless, [_saved(_colour(scan, number), "JPEG2000", **options)])


def _jpeg_ls(image: Dataset, scan: Pixels, _: int, __: random.Random) -> None:
    import imagecodecs

    _grey(image)
    _coded(image, JPEGLSLossless, [bytes(imagecodecs.jpegls_encode(scan))])


def _jpeg_lossless(image: Dataset, scan: Pixels, _: int, __: random.Random) -> None:
    import imagecodecs

    _grey(image)
    coded = imagecodecs.jpeg8_encode(scan, lossless=True, predictor=1, colorspace="grayscale")
    _coded(image, JPEGLosslessSV1, [bytes(coded)])


def _cine(image: Dataset, scan: Pixels, number: int, chance: random.Random) -> None:
    frames = chance.randrange(30, 61)
    rgb = _colour(scan, number)
    _three(image, "YBR_FULL_422")
    image.NumberOfFrames, image.FrameTime = frames, f"{1000 / chance.choice((20, 25, 30)):.2f}"
    image.FrameIncrementPointer = 0x00181063
    image.LossyImageCompression, image.LossyImageCompressionRatio = "01", "10"
    coded = [_saved(np.roll(rgb, 3 * n, axis=1), "JPEG", quality=85) for n in range(frames)]
    _coded(image, JPEGBaseline8Bit, coded)


def _saved(pixels: Pixels, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


_CODED: dict[str, Callable[[Dataset, Pixels, int, random.Random], None]] = {
    "rgb": _rgb,
    "mono": _mono,
    "palette": _palette,
    "rle": _rle,
    "j2k": _j2k,
    "jpeg-ls": _jpeg_ls,
    "jpeg-lossless": _jpeg_lossless,
    "cine": _cine,
}
