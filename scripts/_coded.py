"""Pixels into DICOM codings and back, without the program that is judged: what the benchmark itself sees."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from _screens import Pixels
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.pixels import get_encoder
from pydicom.uid import (
    JPEG2000,
    UID,
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

LOSSY = frozenset({"jpeg", "jpeg mono", "j2k lossy"})
_GREY = frozenset({"mono1", "mono2", "rle mono", "jpeg mono", "jpegls mono"})
_SYNTAX = {
    "deflated": DeflatedExplicitVRLittleEndian, "big endian": ExplicitVRBigEndian, "implicit": ImplicitVRLittleEndian,
    "rle": RLELossless, "rle mono": RLELossless, "jpeg": JPEGBaseline8Bit, "jpeg mono": JPEGBaseline8Bit,
    "j2k": JPEG2000Lossless, "j2k lossy": JPEG2000, "jpegls": JPEGLSLossless, "jpegls mono": JPEGLSLossless,
    "jpeg lossless": JPEGLosslessSV1,
}  # fmt: skip
_INKS = ((250, 220, 90), (90, 220, 230), (100, 230, 120), (20, 30, 90), (160, 40, 40))


@dataclass
class Hidden:
    """What goes into a file beside its frames: one frame too many, texts in the first compressed frame, a text behind
    the end of the last one."""

    surplus: Pixels | None = None
    segments: list[bytes] = field(default_factory=list)
    padding: bytes = b""


# ------------------------------------------------------------------------------------------------ encoding


def encode(data: Dataset, coding: str, film: Pixels, hidden: Hidden) -> UID:
    """Put ``film`` (frames, rows, columns, 3) into ``data`` in this coding; returns the transfer syntax."""
    frames = list(film) + ([hidden.surplus[0]] if hidden.surplus is not None else [])
    if coding in _GREY:
        frames = [_grey(f) for f in frames]
    data.Rows, data.Columns = film.shape[1:3]
    data.SamplesPerPixel = 1 if coding in _GREY or coding == "palette" else 3
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PhotometricInterpretation = {
        "mono1": "MONOCHROME1", "palette": "PALETTE COLOR", "ybr_full": "YBR_FULL", "ybr_422": "YBR_FULL_422",
        "jpeg": "YBR_FULL_422", "j2k": "YBR_RCT", "j2k lossy": "YBR_ICT",
    }.get(coding, "MONOCHROME2" if coding in _GREY else "RGB")  # fmt: skip
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 1 if coding == "rgb planar" else 0
    syntax = UID(_SYNTAX.get(coding, ExplicitVRLittleEndian))
    if coding == "palette":
        frames = [_indexed(f) for f in frames]
        _tables(data)
    if syntax.is_encapsulated:
        coded = [_compressed(f, coding) for f in frames]
        _hide(coded, coding, hidden)
        data.PixelData = encapsulate(coded)
    else:
        raw = b"".join(_native(f, coding) for f in frames)
        data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OB"
    return syntax


def _native(frame: Pixels, coding: str) -> bytes:
    if coding == "mono1":
        return bytes(255 - frame)
    if coding == "rgb planar":
        return np.ascontiguousarray(np.moveaxis(frame, -1, 0)).tobytes()
    if coding == "ybr_full":
        return to_ybr(frame).tobytes()
    if coding == "ybr_422":
        ybr = to_ybr(frame)
        pairs = ybr[:, 0::2], ybr[:, 1::2]
        shared = [pairs[0][..., 0], pairs[1][..., 0], pairs[0][..., 1], pairs[0][..., 2]]
        return np.stack(shared, axis=-1).tobytes()
    return frame.tobytes()


def _grey(frame: Pixels) -> Pixels:
    return np.asarray(np.rint(frame @ np.array([0.299, 0.587, 0.114])), np.uint8)


def to_ybr(frame: Pixels) -> Pixels:
    """RGB to YBR_FULL (PS3.3 C.7.6.3.1.2)."""
    red, green, blue = (frame[..., n].astype(float) for n in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    cb = -0.168736 * red - 0.331264 * green + 0.5 * blue + 128
    cr = 0.5 * red - 0.418688 * green - 0.081312 * blue + 128
    return np.clip(np.rint(np.stack([y, cb, cr], -1)), 0, 255).astype(np.uint8)


def _indexed(frame: Pixels) -> Pixels:
    """Greys as the first 240 entries, then the few colours of the screen."""
    levels = frame.astype(int)
    index = np.rint(levels.mean(-1) * 239 / 255)
    coloured = levels.max(-1) - levels.min(-1) > 40
    inks = np.array(_INKS)
    nearest = np.abs(levels[coloured][:, None, :] - inks[None]).sum(-1).argmin(-1)
    index[coloured] = 240 + nearest
    return np.asarray(index, np.uint8)


def _tables(data: Dataset) -> None:
    greys = np.rint(np.arange(240) * 255 / 239) * 257
    inks = np.array(_INKS) * 257
    for channel, name in enumerate(("Red", "Green", "Blue")):
        table = np.concatenate([greys, inks[:, channel], np.zeros(16 - len(inks))]).astype("<u2")
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        data[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(data, f"{name}PaletteColorLookupTableData", table.tobytes())
        data[f"{name}PaletteColorLookupTableData"].VR = "OW"


def _compressed(frame: Pixels, coding: str) -> bytes:
    if coding.startswith("rle"):
        samples = 1 if frame.ndim == 2 else 3
        return get_encoder(RLELossless).encode(
            frame, rows=frame.shape[0], columns=frame.shape[1], number_of_frames=1, samples_per_pixel=samples,
            bits_allocated=8, bits_stored=8, pixel_representation=0, planar_configuration=0,
            photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
        )  # fmt: skip
    if coding.startswith("jpegls"):
        return bytes(_codecs().jpegls_encode(np.ascontiguousarray(frame)))
    if coding == "jpeg lossless":
        return bytes(_codecs().jpeg8_encode(np.ascontiguousarray(frame), lossless=True))
    out = io.BytesIO()
    picture = Image.fromarray(frame)
    if coding.startswith("jpeg"):
        picture.save(out, "JPEG", quality=88, **({"subsampling": "4:2:2"} if frame.ndim == 3 else {}))
    elif coding == "j2k":
        picture.save(out, "JPEG2000", no_jp2=True, irreversible=False, mct=1)
    else:
        picture.save(out, "JPEG2000", no_jp2=True, irreversible=True, quality_layers=[12], mct=1)
    return out.getvalue()


def _codecs() -> Any:
    """JPEG-LS and JPEG lossless: the extra ``codecs``."""
    import imagecodecs

    return imagecodecs


def _hide(coded: list[bytes], coding: str, hidden: Hidden) -> None:
    """Texts into the first frame's header, and behind the end of the last frame."""
    for number, text in enumerate(hidden.segments):
        first = coded[0]
        if coding.startswith("j2k"):
            at = _before_tiles(first)
            segment = b"\xff\x64" + (4 + len(text)).to_bytes(2, "big") + b"\0\1" + text
        else:
            at = 2
            marker = b"\xff\xfe" if number == 0 else b"\xff\xec"
            segment = marker + (2 + len(text)).to_bytes(2, "big") + text
        coded[0] = first[:at] + segment + first[at:]
    if hidden.padding:
        coded[-1] += hidden.padding


def _before_tiles(stream: bytes) -> int:
    """Where the first tile-part of a JPEG 2000 codestream begins."""
    at = 2
    while stream[at : at + 2] != b"\xff\x90":
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return at


# ------------------------------------------------------------------------------------------------ decoding


@dataclass(frozen=True)
class Film:
    """What a file shows by its own labels: ``frames`` and, behind NumberOfFrames, ``surplus``; RGB or grey."""

    frames: tuple[Pixels, ...]
    surplus: tuple[Pixels, ...] = ()


def decode(path: Path) -> Film:
    """All that is stored as pixels of a file. Raises where it cannot be decoded."""
    data = dcmread(path, force=True)
    said = int(data.get("NumberOfFrames") or 1)
    syntax = UID(data.file_meta.TransferSyntaxUID)
    if syntax.is_encapsulated:
        stored = [_decompressed(part, data, syntax) for part in _parts(data.PixelData)]
    else:
        stored = _natives(data)
    shown = [_shown(frame, data, syntax) for frame in stored]
    return Film(tuple(shown[:said]), tuple(shown[said:]))


def _parts(pixels: bytes) -> list[bytes]:
    """Frames of one fragment each, as all files here have them; a frame of several fragments is put together."""
    found: list[bytes] = []
    for fragment in islice(generate_fragments(pixels), 1, None):  # the first item is the offset table
        begins = fragment[:2] in (b"\xff\xd8", b"\xff\x4f") or fragment[:1] in (b"\1", b"\3") or not found
        if begins:
            found.append(fragment)
        else:
            found[-1] += fragment
    return found


def _natives(data: Dataset) -> list[Pixels]:
    rows, columns, samples = int(data.Rows), int(data.Columns), int(data.SamplesPerPixel)
    if int(data.BitsAllocated) != 8:
        raise ValueError("only 8 bits a sample are expected here")
    shared = samples == 3 and data.PhotometricInterpretation == "YBR_FULL_422"
    size = rows * columns * (2 if shared else samples)
    raw = np.frombuffer(data.PixelData, np.uint8)
    frames = []
    for start in range(0, len(raw) - size + 1, size):
        part = raw[start : start + size]
        if shared:
            pairs = part.reshape(rows, columns // 2, 4)
            chroma = np.repeat(pairs[..., 2:], 2, axis=1)
            frames.append(np.concatenate([pairs[..., :2].reshape(rows, columns, 1), chroma], axis=-1))
        elif samples == 3 and data.get("PlanarConfiguration") == 1:
            frames.append(np.moveaxis(part.reshape(3, rows, columns), 0, -1))
        else:
            frames.append(part.reshape((rows, columns) if samples == 1 else (rows, columns, samples)))
    return frames


def _decompressed(part: bytes, data: Dataset, syntax: UID) -> Pixels:
    if syntax == RLELossless:
        return _rle(part, data)
    if syntax in (JPEGLSLossless, JPEGLosslessSV1):
        codecs = _codecs()
        decoder = codecs.jpegls_decode if syntax == JPEGLSLossless else codecs.jpeg8_decode
        return np.asarray(decoder(part), np.uint8)
    picture = Image.open(io.BytesIO(part))
    return np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"), np.uint8)


def _rle(part: bytes, data: Dataset) -> Pixels:
    """RLE Lossless (PS3.5 Annex G): a segment of PackBits for each sample."""
    rows, columns, samples = int(data.Rows), int(data.Columns), int(data.SamplesPerPixel)
    count, *starts = np.frombuffer(part[:64], "<u4").tolist()
    ends = [*starts[1:count], len(part)]
    planes = [_unpacked(part[at:end], rows * columns) for at, end in zip(starts[:count], ends, strict=True)]
    if count != samples or any(len(p) != rows * columns for p in planes):
        raise ValueError("an RLE frame is not of the size its header says")
    stacked = np.stack([np.frombuffer(p, np.uint8).reshape(rows, columns) for p in planes], axis=-1)
    return stacked[..., 0] if samples == 1 else stacked


def _unpacked(segment: bytes, size: int) -> bytes:
    out, at = bytearray(), 0
    while at < len(segment) and len(out) < size:
        head = segment[at]
        if head < 128:
            out += segment[at + 1 : at + 2 + head]
            at += 2 + head
        else:
            out += segment[at + 1 : at + 2] * (257 - head if head > 128 else 0)
            at += 2 if head > 128 else 1
    return bytes(out)


def _shown(frame: Pixels, data: Dataset, syntax: UID) -> Pixels:
    """As a viewer shows it: by the photometric interpretation, whether that is right or not."""
    photometric = str(data.PhotometricInterpretation)
    if frame.ndim == 2:
        if photometric == "PALETTE COLOR":
            return _looked_up(frame, data)
        return 255 - frame if photometric == "MONOCHROME1" else frame
    inside = syntax in (JPEGBaseline8Bit, JPEG2000, JPEG2000Lossless)  # the codec has undone it already
    return _to_rgb(frame) if photometric.startswith("YBR") and not inside else frame


def _looked_up(frame: Pixels, data: Dataset) -> Pixels:
    channels = []
    for name in ("Red", "Green", "Blue"):
        order = "<" if UID(data.file_meta.TransferSyntaxUID).is_little_endian else ">"
        table = np.frombuffer(data[f"{name}PaletteColorLookupTableData"].value, f"{order}u2")
        channels.append((table[frame] >> 8).astype(np.uint8))
    return np.stack(channels, axis=-1)


def _to_rgb(frame: NDArray[Any]) -> Pixels:
    y, cb, cr = (frame[..., n].astype(float) - (0, 128, 128)[n] for n in range(3))
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def same_kind(frames: Sequence[Pixels]) -> list[Pixels]:
    """Frames as RGB, whatever they were: grey becomes three equal channels."""
    return [f if f.ndim == 3 else np.repeat(f[..., None], 3, axis=-1) for f in frames]
