"""Coloured patches as DICOM files, encoded by others than the decoders under test."""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

FRAMES = 3
ROWS, COLUMNS = 96, 128
PATCH = 32
#: Red, green, blue, yellow, cyan, magenta, white, black, three greys, the orange of power Doppler.
COLOURS = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
    (40, 40, 40),
    (128, 128, 128),
    (200, 200, 200),
    (240, 120, 20),
)


def scene(frame: int, size: tuple[int, int] = (ROWS, COLUMNS)) -> np.ndarray:
    """RGB patches in 3 rows of 4; every frame begins one colour later, so that frames cannot be mixed up."""
    picture = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    for n in range(12):
        top, left = n // 4 * PATCH, n % 4 * PATCH
        picture[top : top + PATCH, left : left + PATCH] = COLOURS[(n + frame) % 12]
    return picture[: size[0], : size[1]]


def screen(frame: int) -> np.ndarray:
    """What an ultrasound screen looks like: black, grey speckle, a little colour flow. For wrong labels."""
    speckle = np.random.default_rng(frame).rayleigh(40, (ROWS, COLUMNS)).clip(0, 255).astype(np.uint8)
    speckle[:, : 20 + frame], speckle[:12] = 0, 0
    picture = np.repeat(speckle[..., None], 3, axis=2)
    picture[40:56, 60:76], picture[56:64, 60:76] = (230, 60, 10), (20, 60, 230)
    return picture


def greys(frame: int) -> np.ndarray:
    return np.asarray(Image.fromarray(scene(frame)).convert("L"))


# ----------------------------------------------------------------------------------------------- DICOM files


def dataset(first: np.ndarray, photometric: str, frames: int, **more: Any) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4.5", "1.2.3", "1.2.3.4"
    ds.PatientName, ds.PatientID, ds.StudyDate, ds.Modality = "Doe^Jane", "4711", "20240131", "US"
    ds.Rows, ds.Columns = first.shape[:2]
    ds.SamplesPerPixel = 1 if first.ndim == 2 else 3
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = ds.BitsStored = 8 * first.dtype.itemsize
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    if first.ndim == 3:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames, ds.FrameTime = frames, "40"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


def written(ds: Dataset, syntax: str, data: bytes) -> bytes:
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 or syntax not in UNCOMPRESSED else "OW"
    ds["PixelData"].is_undefined_length = syntax not in UNCOMPRESSED
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if UID(syntax).is_transfer_syntax:
            pydicom.dcmwrite(out, ds, enforce_file_format=True)
        else:  # newer than pydicom's dictionary
            ds.preamble = b"\0" * 128
            pydicom.dcmwrite(out, ds, implicit_vr=False, little_endian=True, force_encoding=True)
    return out.getvalue()


IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
UNCOMPRESSED = (IMPLICIT, EXPLICIT, BIG, DEFLATED)


def jpeg_family(number: int | str) -> str:
    return f"1.2.840.10008.1.2.4.{number}"


Pixels = Callable[[int], np.ndarray]


def native(
    syntax: str,
    photometric: str,
    frame: Pixels,
    *,
    packed: Callable[[np.ndarray], np.ndarray] = lambda frame: frame,
    frames: int = FRAMES,
    **more: Any,
) -> Callable[[Path], bytes]:
    """Frames as they are, or ``packed`` in the way the label says."""

    def make(_: Path) -> bytes:
        order = ">" if syntax == BIG else "<"
        several = [frame(n) for n in range(frames)]
        parts = [packed(each) for each in several]
        raw = b"".join(each.astype(each.dtype.newbyteorder(order)).tobytes() for each in parts)
        return written(dataset(several[0], photometric, frames, **more), syntax, raw)

    return make


def compressed(
    syntax: str,
    photometric: str,
    encode: Callable[[np.ndarray], bytes],
    frame: Pixels = scene,
    frames: int = FRAMES,
    **more: Any,
) -> Callable[[Path], bytes]:
    """Every frame through ``encode``, one fragment each."""

    def make(_: Path) -> bytes:
        several = [frame(n) for n in range(frames)]
        data = encapsulate([encode(each) for each in several])
        return written(dataset(several[0], photometric, frames, **more), syntax, data)

    return make


def by_tool(*command: str, source: Callable[[Path], bytes]) -> Callable[[Path], bytes]:
    """A native file through a program that knows DICOM: ``{in}`` and ``{out}`` stand for the files."""

    def make(work: Path) -> bytes:
        before, after = work / "before.dcm", work / "after.dcm"
        before.write_bytes(source(work))
        words = [word.replace("{in}", str(before)).replace("{out}", str(after)) for word in command]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
        return after.read_bytes()

    return make


# -------------------------------------------------------------------------------------------------- encoders


def pillow(kind: str, **options: Any) -> Callable[[np.ndarray], bytes]:
    def encode(frame: np.ndarray) -> bytes:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, kind, **options)
        return out.getvalue()

    return encode


def bare_jpeg(components: np.ndarray, **options: Any) -> bytes:
    """Three components as they are, as a JPEG without any marker that tells their colour."""
    out = io.BytesIO()
    planes = Image.merge(
        "YCbCr", [Image.fromarray(np.ascontiguousarray(components[..., n])) for n in range(3)]
    )
    planes.save(out, "JPEG", quality=98, subsampling=0, **options)
    data = out.getvalue()
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]


def imagecodecs(name: str, **options: Any) -> Callable[[np.ndarray], bytes]:
    def encode(frame: np.ndarray) -> bytes:
        import imagecodecs as codecs

        return bytes(getattr(codecs, f"{name}_encode")(np.ascontiguousarray(frame), **options))

    return encode


def packbits(frame: np.ndarray) -> bytes:
    """RLE Lossless with the PackBits encoder of pydicom."""
    from pydicom.pixels.encoders.native import _encode_segment

    samples = frame.reshape(-1, 1 if frame.ndim == 2 else 3)
    byte_planes = [
        (samples[:, n] >> (8 * shift) & 255).astype(np.uint8).tobytes()
        for n in range(samples.shape[1])
        for shift in reversed(range(frame.dtype.itemsize))
    ]
    segments = [bytes(_encode_segment(plane, frame.shape[1])) for plane in byte_planes]
    starts = [64 + sum(len(s) for s in segments[:n]) for n in range(len(segments))]
    head = np.array([len(segments), *starts, *[0] * (15 - len(segments))], "<u4").tobytes()
    return head + b"".join(segments)


def as_ybr(frame: np.ndarray) -> np.ndarray:
    """RGB to YBR_FULL as PS3.3 C.7.6.3.1.2 writes it out."""
    red, green, blue = (frame[..., n].astype(float) for n in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    cb = -0.168736 * red - 0.331264 * green + 0.5 * blue + 128
    cr = 0.5 * red - 0.418688 * green - 0.081312 * blue + 128
    return np.clip(np.rint(np.stack([y, cb, cr], -1)), 0, 255).astype(np.uint8)


def as_partial(frame: np.ndarray) -> np.ndarray:
    """RGB to YBR_PARTIAL_422 before its chroma is shared: luma 16-235, chroma 16-240."""
    red, green, blue = (frame[..., n].astype(float) for n in range(3))
    y = 0.2568 * red + 0.5041 * green + 0.0979 * blue + 16
    cb = -0.1482 * red - 0.2910 * green + 0.4392 * blue + 128
    cr = 0.4392 * red - 0.3678 * green - 0.0714 * blue + 128
    return np.clip(np.rint(np.stack([y, cb, cr], -1)), 0, 255).astype(np.uint8)


def shared(ybr: np.ndarray) -> np.ndarray:
    """Two pixels of a row as Y Y Cb Cr; an odd row ends in half a pair."""
    if ybr.shape[1] % 2:
        ybr = np.concatenate([ybr, ybr[:, -1:]], axis=1)
    left, right = ybr[:, 0::2], ybr[:, 1::2]
    return np.stack([left[..., 0], right[..., 0], left[..., 1], left[..., 2]], axis=-1)


def planes(frame: np.ndarray) -> np.ndarray:
    return np.moveaxis(frame, -1, 0)


def deep(frame: int) -> np.ndarray:
    """Grey of 12 bits in 16."""
    return greys(frame).astype(np.uint16) * 16


def odd(frame: int) -> np.ndarray:
    return scene(frame, (95, 127))


def video(codec: str, kind: str, pix_fmt: str = "yuv420p", **options: str) -> Callable[[Path], bytes]:
    def make(work: Path) -> bytes:
        import av

        path = work / f"made.{kind}"
        with av.open(str(path), "w", format=kind) as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, pix_fmt
            stream.bit_rate = 8_000_000
            for n in range(FRAMES):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(n), "rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()

    return make


def video_inside(syntax: str, stream: Callable[[Path], bytes]) -> Callable[[Path], bytes]:
    def make(work: Path) -> bytes:
        data = stream(work)
        ds = dataset(scene(0), "YBR_PARTIAL_420", FRAMES)
        return written(ds, syntax, encapsulate([data + b"\0" * (len(data) % 2)]))

    return make


# -------------------------------------------------------------------------------------------------- palettes


def indices(frame: int) -> np.ndarray:
    """The number of each patch's colour."""
    numbers = np.zeros((ROWS, COLUMNS), np.uint8)
    for n in range(12):
        top, left = n // 4 * PATCH, n % 4 * PATCH
        numbers[top : top + PATCH, left : left + PATCH] = (n + frame) % 12
    return numbers


def with_tables(
    syntax: str, depth: int, *, form: str, first: int = 0, wide: bool = False
) -> Callable[[Path], bytes]:
    """PALETTE COLOR in which entry n is colour n; ``form`` is words, bytes or segments."""

    def make(_: Path) -> bytes:
        order = ">" if syntax == BIG else "<"
        several = [indices(n).astype(np.uint16 if wide else np.uint8) + first for n in range(FRAMES)]
        ds = dataset(several[0], "PALETTE COLOR", FRAMES)
        for channel, name in enumerate(("Red", "Green", "Blue")):
            table = np.array([colour[channel] for colour in COLOURS], np.uint16)
            if depth == 16:
                table = table * 257
            prefix = f"{name}PaletteColorLookupTable"
            setattr(ds, f"{prefix}Descriptor", [12, first, depth])
            ds[f"{prefix}Descriptor"].VR = "US"
            keyword = f"Segmented{prefix}Data" if form == "segments" else f"{prefix}Data"
            setattr(ds, keyword, _table(table, form, order))
            ds[keyword].VR = "OW"
        raw = b"".join(each.astype(each.dtype.newbyteorder(order)).tobytes() for each in several)
        return written(ds, syntax, raw)

    return make


def _table(values: np.ndarray, form: str, order: str) -> bytes:
    if form == "words":
        return values.astype(order + "u2").tobytes()
    if form == "bytes":  # two entries in a word, the first in its lower half
        return np.frombuffer(values.astype(np.uint8).tobytes(), "<u2").astype(order + "u2").tobytes()
    # A discrete segment of two, then a linear segment of one for every other entry.
    words = [0, 2, *values[:2], *(word for value in values[2:] for word in (1, 1, value))]
    return np.array(words, order + "u2").tobytes()
