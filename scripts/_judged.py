"""What an output of any de-identifier still holds and what it kept, judged from its bytes against the planted truth."""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from _coded import Film, decode, same_kind
from _planted import Canary, Planted
from _screens import Pixels, readable
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

WRITTEN, HELD, REFUSED, FAILED = "written", "held", "refused", "failed"
READABLE = 0.25  # of the letters of a planted name
#: How a needle may be spelled in bytes.
_CODECS = (
    "utf-8", "utf-16-le", "utf-16-be", "latin-1", "iso8859_5", "iso8859_6", "iso8859_7", "gb18030", "iso2022_jp",
    "euc_kr", "shift_jis",
)  # fmt: skip
_ESCAPE = re.compile(rb"\x1b[\x20-\x2f]*[\x30-\x7e]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_MOST_UNPACKED = 1 << 24


@dataclass
class Verdict:
    """What became of one file. Where a question does not arise for it, the answer is None."""

    name: str
    state: str
    reason: str = ""
    left: list[Canary] = field(default_factory=list)
    broken: str = ""  # why the output cannot be read or decoded
    equal: bool | None = None
    worst: int | None = None
    colour: bool | None = None
    frames: bool | None = None
    timing: bool | None = None
    regions: bool | None = None
    measured: bool | None = None
    new_errors: int | None = None
    marked: bool | None = None  # Patient Identity Removed says so
    uid: str = ""
    study: str = ""
    patient: str = ""
    day: date | None = None
    clock: str = ""  # Study Time
    refers_to: str | None = None


class Found:
    """Everything in a file that could be read: bytes, what is packed in them, and decoded values."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        self.data: Dataset | None = None
        self.trouble = ""
        try:
            self.data = dcmread(path, force=True)
            values = list(_values(self.data)) + list(
                _values(getattr(self.data, "file_meta", None) or Dataset())
            )
        except Exception as error:  # noqa: BLE001 - an output may be damaged in any way; its bytes are searched all the same
            values, self.trouble = [], f"{type(error).__name__}: {error}"
        chunks = [raw]
        if self.data is not None and _deflated(self.data):
            chunks.append(_inflated(raw, _after_meta(raw), -zlib.MAX_WBITS))
        for _, _, value in values:
            if isinstance(value, bytes) and len(value) < 1 << 20:
                chunks += _unpacked(value)
        chunks += _unpacked(raw[:132])
        self._bytes = [c for c in chunks if c]
        self._lower = [c.lower() for c in self._bytes]
        texts = [value for _, _, value in values if isinstance(value, str)]
        self._text = "\n".join(texts).casefold()
        self._dates = {
            (tag, value[:8]) for tag, vr, value in values if vr in ("DA", "DT") and isinstance(value, str)
        }

    def holds(self, canary: Canary) -> bool:
        """Whether any needle of it is still there. A plain date counts where it was planted, for a moved date may by
        chance be another one."""
        if canary.tag is not None and self.data is not None and not self.trouble:
            return (canary.tag, canary.value) in self._dates
        return any(self._has(needle) for needle in canary.needles)

    def _has(self, needle: str) -> bool:
        if needle.casefold() in self._text:
            return True
        for codec in _CODECS:
            try:
                spelled = _ESCAPE.sub(b"", needle.encode(codec))
                lower = _ESCAPE.sub(b"", needle.lower().encode(codec))
            except UnicodeEncodeError:
                continue
            if any(spelled in chunk for chunk in self._bytes) or any(lower in chunk for chunk in self._lower):
                return True
        return False


def _values(data: Dataset) -> Iterator[tuple[int, str, str | bytes]]:
    """(tag, VR, value) of every element at every depth, but for the pixels themselves."""
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                yield from _values(item)
        elif isinstance(element.value, bytes):
            if element.tag != 0x7FE00010:
                yield int(element.tag), element.VR, element.value
                yield int(element.tag), element.VR, element.value.decode("utf-8", "replace")
        elif element.value is not None:
            value = element.value
            several = value if isinstance(value, list) or hasattr(value, "append") else [value]
            for one in several:
                yield int(element.tag), element.VR, str(one)


def _deflated(data: Dataset) -> bool:
    meta = getattr(data, "file_meta", None)
    return meta is not None and meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def _after_meta(raw: bytes) -> int:
    """Where the data set begins: behind the group length that (0002,0000) gives."""
    return 144 + int.from_bytes(raw[140:144], "little")


def _inflated(raw: bytes, at: int, bits: int = zlib.MAX_WBITS) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(raw[at:], _MOST_UNPACKED)
    except zlib.error:
        return b""


def _unpacked(value: bytes) -> list[bytes]:
    """What is deflated or in base64 inside a value."""
    found = [_inflated(value, m.start()) for m in re.finditer(rb"x[\x01\x5e\x9c\xda]", value)]
    for match in _BASE64.finditer(value):
        text = match.group()
        try:
            found.append(base64.b64decode(text + b"=" * (-len(text) % 4)))
        except binascii.Error:
            continue
    return found


# ------------------------------------------------------------------------------------------------ judging


def judge(planted: Planted, output: Path | None, *, tool: bool = True) -> Verdict:
    """Compare one output with its source; ``tool`` asks dciodvfy, too. Without an output nothing is left."""
    verdict = Verdict(planted.name, WRITTEN)
    if output is None or not output.exists() or output.stat().st_size == 0:
        verdict.state = FAILED
        return verdict
    found = Found(output)
    source = decode(planted.path)
    film: Film | None = None
    if found.data is None:
        verdict.broken = found.trouble
    else:
        try:
            film = decode(output)
        except Exception as error:  # noqa: BLE001 - any damage means that nobody can look at it
            verdict.broken = f"{type(error).__name__}: {error}"[:120]
        if not found.trouble:
            _read(verdict, found.data)
    verdict.left = [c for c in planted.canaries if _left(c, found, film, source)]
    if film is not None:
        _compare(verdict, planted, film, source)
    if found.data is not None and not found.trouble:
        _calibration(verdict, planted, found.data)
        _timing(verdict, planted, found.data)
    if tool and shutil.which("dciodvfy"):
        before, after = _errors(planted.path), _errors(output)
        verdict.new_errors = len((after or set()) - before) if before is not None else None
    return verdict


def _left(canary: Canary, found: Found, film: Film | None, source: Film) -> bool:
    if canary.glyphs is None:
        return found.holds(canary)
    if canary.layer in ("icon", "overlay"):
        planes = _planes(found.data, canary.layer) if found.data is not None else []
        return any(readable(canary.glyphs, plane) >= READABLE for plane in planes)
    if film is None:
        return False
    number = canary.glyphs.frame or 0
    before = source.surplus[0] if canary.layer == "surplus" else source.frames[number]
    return any(readable(canary.glyphs, frame, before) >= READABLE for frame in (*film.frames, *film.surplus))


def _planes(data: Dataset, layer: str) -> list[Pixels]:
    """Icons or overlays of a data set as pictures."""
    found: list[Pixels] = []
    if layer == "icon":
        for icon in data.get("IconImageSequence") or ():
            raw, size = icon.get("PixelData"), int(icon.get("Rows") or 0) * int(icon.get("Columns") or 0)
            if raw and size and len(raw) >= size:
                found.append(np.frombuffer(raw[:size], np.uint8).reshape(icon.Rows, icon.Columns))
        return found
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x3000) in data:
            rows, columns = int(data[group, 0x0010].value), int(data[group, 0x0011].value)
            bits = np.unpackbits(np.frombuffer(data[group, 0x3000].value, np.uint8), bitorder="little")
            found.append(bits[: rows * columns].reshape(rows, columns) * np.uint8(255))
    return found


def _read(verdict: Verdict, data: Dataset) -> None:
    verdict.uid, verdict.study = str(data.get("SOPInstanceUID", "")), str(data.get("StudyInstanceUID", ""))
    verdict.patient = str(data.get("PatientID", ""))
    verdict.clock = str(data.get("StudyTime") or "")
    verdict.marked = data.get("PatientIdentityRemoved") == "YES"
    text = str(data.get("StudyDate") or "")
    try:
        verdict.day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        verdict.day = None
    for item in data.get("ReferencedImageSequence") or ():
        verdict.refers_to = str(item.get("ReferencedSOPInstanceUID", "")) or None


def inside(planted: Planted) -> NDArray[np.bool_]:
    """The pixels of the scan, less the words planted in it."""
    rows, columns = decode(planted.path).frames[0].shape[:2]
    mask = np.zeros((rows, columns), bool)
    for box in planted.scans:
        mask[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = True
    for box in planted.scan_words:
        mask[max(0, box.y0 - 3) : box.y1 + 4, max(0, box.x0 - 3) : box.x1 + 4] = False
    return mask


def _compare(verdict: Verdict, planted: Planted, film: Film, source: Film) -> None:
    verdict.frames = len(film.frames) == planted.frames and not film.surplus
    ours, theirs = same_kind(source.frames), same_kind(film.frames)
    mask = inside(planted)
    if len(theirs) < len(ours) or theirs[0].shape != ours[0].shape:
        verdict.equal, verdict.colour = False, False
    else:
        apart = [np.abs(a.astype(int) - b)[mask] for a, b in zip(ours, theirs, strict=False)]
        verdict.worst = max(int(d.max()) for d in apart)
        verdict.equal = verdict.worst == 0
        verdict.colour = max(float(d.mean(axis=0).max()) for d in apart) < 2
    if planted.measured:
        verdict.measured = verdict.worst is not None and all(
            readable(glyphs, theirs[0], ours[0]) > 0.5 for glyphs in planted.measured
        )


def _calibration(verdict: Verdict, planted: Planted, data: Dataset) -> None:
    """Every right region must be there with its place and scale; a corner one too far may have been set right."""
    if not planted.spec.ordinary:
        return
    said = list(data.get("SequenceOfUltrasoundRegions") or ())
    source = dcmread(planted.path, force=True).SequenceOfUltrasoundRegions
    verdict.regions = len(said) == len(source) and all(
        all(
            abs(float(one.get(k, -1)) - float(other[k].value)) <= (1 if "Max" in k else 1e-6)
            for k in (
                "RegionSpatialFormat", "RegionDataType", "RegionLocationMinX0", "RegionLocationMinY0",
                "RegionLocationMaxX1", "RegionLocationMaxY1", "PhysicalDeltaX", "PhysicalDeltaY",
                "PhysicalUnitsXDirection", "PhysicalUnitsYDirection",
            )
        )
        for one, other in zip(said, source, strict=True)
    )  # fmt: skip


def _timing(verdict: Verdict, planted: Planted, data: Dataset) -> None:
    if planted.frame_ms is None:
        return
    vector = [float(v) for v in data.get("FrameTimeVector") or () if float(v) > 0]
    told = float(data.get("FrameTime") or 0) or (float(np.mean(vector)) if vector else 0.0)
    verdict.timing = abs(told - planted.frame_ms) < 0.01 * planted.frame_ms


def _errors(path: Path) -> set[str] | None:
    """The errors of dciodvfy, without the values in them; None for what it cannot read, such as deflated files."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, timeout=120)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    if any("read failed" in line for line in lines):
        return None
    return {
        re.sub(r"(= <.*|<[^<>]*\d{6}[^<>]*>)", "", line).strip() for line in lines if line.startswith("Error")
    }
