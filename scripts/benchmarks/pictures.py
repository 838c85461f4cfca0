"""Small pictures beside what one would write in an afternoon: CPU, memory, and that both show the same."""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from benchmarks import corpus
from benchmarks.measure import Progress, again, run, table

EDGE = 256
#: How far two thumbnails of the same frame may differ on average, in grey levels: decoders that scale while they
#: decode and scalers of different families round differently.
_SAME = 5.0
_TARGETS = {
    "JPEG baseline cine": 8.0,
    "JPEG 2000 still": 5.0,
    "JPEG 2000 cine": 5.0,
    "uncompressed cine": 5.0,
}

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """One kind of file; ``naive`` gives the middle frame the plain way, None where there is no plain way."""

    name: str
    path: Path
    naive: Callable[[Path, int], Pixels] | None


def measure(repeats: int, frames: int) -> tuple[dict[str, Any], str]:
    """Medians of interleaved runs. ``frames`` is the length of the long clip whose memory is looked at.

    Raises ``RuntimeError`` where the two sides made different pictures.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        cases = make(Path(name), long=min(60, frames))
        found = {"thumbnails": _thumbnails(cases, repeats), "previews": _previews(cases, repeats)}
        long = Path(name) / "long.dcm"
        corpus.cine(long, frames)
        found["memory"] = _memory(long, frames)
    return found, _told(found)


# -------------------------------------------------------------------------------------------------- the files


def make(folder: Path, *, long: int) -> list[Case]:
    """A file of each kind that can be made here; a kind whose encoder is missing is left out."""
    found: list[Case] = []

    def add(name: str, path: Path | None, naive: Callable[[Path, int], Pixels] | None = _by_pydicom) -> None:
        if path is not None:
            found.append(Case(name, path, naive))

    for kind, name in (
        ("rgb", "uncompressed still"),
        ("mono", "uncompressed grey still"),
        ("palette", "palette still"),
        ("rle", "RLE still"),
        ("j2k", "JPEG 2000 still"),
        ("cine", "JPEG baseline cine"),
    ):
        path = folder / f"{kind}.dcm"
        corpus.one(path, kind)
        add(name, path)
    still, grey = folder / "rgb.dcm", folder / "mono.dcm"
    add("deflated still", _deflated(still, folder / "deflated.dcm"))
    add("big endian still", _by_dcmtk("dcmconv", ("+tb",), grey, folder / "big.dcm"))
    add("uncompressed cine", corpus.raw_cine(folder / "raw.dcm", long))
    add("JPEG 2000 cine", corpus.j2k_cine(folder / "j2k-cine.dcm", max(2, long // 6)))
    add("RLE cine", corpus.rle_cine(folder / "rle-cine.dcm", max(2, long // 12)))
    add("JPEG lossless still", _by_dcmtk("dcmcjpeg", ("+e1",), still, folder / "lossless.dcm"))
    # pydicom alone decodes no JPEG-LS
    add("JPEG-LS still", _by_dcmtk("dcmcjpls", (), still, folder / "ls.dcm"))
    add("MP4", corpus.film(folder / "film.mp4", "mpeg4", 75), _by_av)
    add("AVI (Motion JPEG)", corpus.film(folder / "film.avi", "mjpeg", 75), _by_av)
    for kind, suffix in (("gif", "gif"), ("png", "png")):
        path = folder / f"picture.{suffix}"
        corpus.one(path, kind)
        add(suffix.upper(), path, _by_pillow)
    return [case for case in found if _can_be_shown(case)]


def _can_be_shown(case: Case) -> bool:
    """Whether the decoders installed here show it; what they do not show is named and left out."""
    from casearchive.errors import PictureUnavailable

    try:
        _ours(case, 1)
    except PictureUnavailable as error:
        print(f"left out: {case.name}: {error.what}", file=sys.stderr)
        return False
    return True


def _deflated(source: Path, target: Path) -> Path:
    data = dcmread(source)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(target)
    return target


def _by_dcmtk(program: str, options: tuple[str, ...], source: Path, target: Path) -> Path | None:
    """Encoded by a program of DCMTK, or None where it is not installed."""
    if shutil.which(program) is None:
        return None
    subprocess.run([program, *options, str(source), str(target)], check=True, capture_output=True)
    return target


# ------------------------------------------------------------------------------------------------ the plain way


def _by_pydicom(path: Path, number: int) -> Pixels:
    data = dcmread(path)
    pixels = data.pixel_array
    frames = int(data.get("NumberOfFrames", 1) or 1)
    frame = pixels[number - 1] if frames > 1 else pixels
    if data.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        frame = (apply_color_lut(frame, data) >> 8).astype(np.uint8)
    return _cropped(np.asarray(frame), data)


def _cropped(frame: Pixels, data: Dataset) -> Pixels:
    region = data.SequenceOfUltrasoundRegions[0]
    rows = slice(region.RegionLocationMinY0, region.RegionLocationMaxY1 + 1)
    return frame[rows, region.RegionLocationMinX0 : region.RegionLocationMaxX1 + 1]


def _by_av(path: Path, number: int) -> Pixels:
    import av

    with av.open(str(path)) as container:
        for position, frame in enumerate(container.decode(video=0), 1):
            if position == number:
                return frame.to_ndarray(format="rgb24")
    raise RuntimeError(f"{path.name} has no frame {number}")


def _by_pillow(path: Path, number: int) -> Pixels:
    with Image.open(path) as image:
        image.seek(number - 1)
        return np.asarray(image.convert("RGB"))


def _plain(case: Case, number: int) -> Image.Image:
    assert case.naive is not None
    image = Image.fromarray(np.ascontiguousarray(case.naive(case.path, number)))
    image.thumbnail((EDGE, EDGE))
    return image


def _ours(case: Case, number: int) -> Image.Image:
    from casearchive import render
    from casearchive.readers import open_clip

    clip = open_clip(case.path, "0" * 64)
    try:
        return render.small(clip, number)
    finally:
        clip.close()


# ------------------------------------------------------------------------------------------------- measurements


def _thumbnails(cases: list[Case], repeats: int) -> dict[str, Any]:
    """One thumbnail of one frame, from opening the file to the small image, not written; then all that ingest
    makes of the file (six glimpses, a choice, two JPEG files)."""
    found: dict[str, Any] = {}
    progress = Progress(len(cases))
    for case in cases:
        number = _middle(case)
        ours, plain, whole, opening = [], [], [], []
        decodable = case.naive is not None
        for _ in range(repeats + 1):  # the first run loads modules and is thrown away
            spent, mine = _cpu(_ours, case, number)
            ours.append(spent)
            if decodable:
                try:
                    spent, theirs = _cpu(_plain, case, number)
                except (NotImplementedError, RuntimeError) as error:
                    if case.naive is not _by_pydicom:
                        raise
                    print(f"the plain way has no decoder: {case.name}: {error}"[:200], file=sys.stderr)
                    decodable = False
                else:
                    plain.append(spent)
                    _same(case.name, mine, theirs)
            whole.append(_cpu(_everything, case)[0])
            opening.append(_cpu(_opened, case)[0])
        row = {
            "ours_ms": statistics.median(ours[1:]),
            "opening_ms": statistics.median(opening[1:]),
            "plain_ms": statistics.median(plain[1:]) if decodable else None,
            "ingest_ms": statistics.median(whole[1:]),
        }
        row["times"] = row["plain_ms"] / row["ours_ms"] if decodable else None
        row["target"] = _TARGETS.get(case.name, 1.0)
        found[case.name] = row
        progress.step("pictures")
    return found


def _middle(case: Case) -> int:
    from casearchive.readers import open_clip

    clip = open_clip(case.path, "0" * 64)
    frames = clip.facts.instance.frames
    clip.close()
    return (frames + 1) // 2


def _opened(case: Case) -> None:
    """What we do before the first pixel and the plain way does not: every fact of the header is read."""
    from casearchive.readers import open_clip

    open_clip(case.path, "0" * 64).close()


def _everything(case: Case) -> None:
    from casearchive import render
    from casearchive.readers import open_clip

    clip = open_clip(case.path, "0" * 64)
    render.pictures_of(clip)
    clip.close()


def _same(name: str, mine: Image.Image, theirs: Image.Image) -> None:
    if mine.size != theirs.size and max(abs(a - b) for a, b in zip(mine.size, theirs.size, strict=True)) > 1:
        raise RuntimeError(f"{name}: one thumbnail is {mine.size}, the other {theirs.size}")
    a, b = (np.asarray(image.convert("RGB").resize(mine.size)).astype(float) for image in (mine, theirs))
    apart = float(np.abs(a - b).mean())
    if apart > _SAME:
        raise RuntimeError(f"{name}: the two thumbnails differ by {apart:.1f} grey levels")


def _previews(cases: list[Case], repeats: int) -> dict[str, Any]:
    """One moving preview against decoding every frame once at full size, and against ``pixel_array``."""
    found: dict[str, Any] = {}
    for case in cases:
        if _middle(case) < 2:
            continue
        preview, once, plain = [], [], []
        for _ in range(repeats):
            preview.append(_cpu(_moving, case)[0])
            once.append(_cpu(_decoded, case)[0])
            if case.naive is _by_pydicom:
                plain.append(_cpu(_all_pixels, case)[0])
        found[case.name] = {
            "preview_ms": statistics.median(preview),
            "decoding_once_ms": statistics.median(once),
            "pixel_array_ms": statistics.median(plain) if plain else None,
            "kB": _moving(case) / 1000,
        }
    return found


def _moving(case: Case) -> int:
    from casearchive.preview import preview_of
    from casearchive.readers import open_clip

    clip = open_clip(case.path, "0" * 64)
    try:
        return len(preview_of(clip).data)
    finally:
        clip.close()


def _decoded(case: Case) -> None:
    from casearchive.readers import open_clip

    clip = open_clip(case.path, "0" * 64)
    for number in range(1, clip.facts.instance.frames + 1):
        clip.frame(number)
    clip.close()


def _all_pixels(case: Case) -> None:
    dcmread(case.path).pixel_array  # noqa: B018 a property that decodes


def everything_of(path: Path) -> dict[str, Any]:
    """Thumbnail, filmstrip and preview of one file, in this process: what the memory is looked at of."""
    from casearchive import render
    from casearchive.preview import preview_of
    from casearchive.readers import open_clip

    clip = open_clip(path, "0" * 64)
    small, moving = render.pictures_of(clip), preview_of(clip)
    clip.close()
    return {"thumbnail": len(small.thumbnail), "filmstrip": len(small.filmstrip), "preview": len(moving.data)}


def _memory(path: Path, frames: int) -> dict[str, Any]:
    cost = run(again("_pictures", str(path)))
    return {"frames": frames, "seconds": cost.seconds, "peak_mb": cost.peak_mb}


def _cpu(work: Callable[..., Any], *words: Any) -> tuple[float, Any]:
    started = time.process_time()
    result = work(*words)
    return 1000 * (time.process_time() - started), result


# ------------------------------------------------------------------------------------------------------ telling


def _told(found: dict[str, Any]) -> str:
    out = io.StringIO()
    rows = [
        (
            name,
            f"{row['ours_ms']:.1f}",
            f"{row['opening_ms']:.1f}",
            _number(row["plain_ms"]),
            _number(row["times"]),
            f"{row['target']:g}" + ("" if (row["times"] or 99) >= row["target"] else " missed"),
            f"{row['ingest_ms']:.0f}",
        )
        for name, row in found["thumbnails"].items()
    ]
    heads = (
        "one thumbnail",
        "ours, CPU ms",
        "of that opening",
        "plain, CPU ms",
        "times",
        "aim",
        "all that ingest makes, CPU ms",
    )
    print(table(heads, rows), file=out)
    moving = [
        (
            name,
            f"{row['preview_ms']:.0f}",
            f"{row['decoding_once_ms']:.0f}",
            _number(row["pixel_array_ms"]),
            f"{row['kB']:.0f}",
        )
        for name, row in found["previews"].items()
    ]
    heads = ("one preview", "CPU ms", "decoding its frames once", "pixel_array", "kB")
    print(f"\n{table(heads, moving)}", file=out)
    memory = found["memory"]
    peak = "not told by this system" if memory["peak_mb"] is None else f"{memory['peak_mb']:.0f} MB"
    print(
        f"\nThumbnail, filmstrip and preview of a {memory['frames']}-frame 1024x768 colour clip: peak {peak}, "
        f"{memory['seconds']:.1f} s",
        file=out,
    )
    return out.getvalue().rstrip()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
