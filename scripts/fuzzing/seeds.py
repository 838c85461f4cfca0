"""Sound content of every kind to begin from: pydicom's examples, the suite's builders, the sample cases."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from casearchive.model import Case

ROOT = Path(__file__).resolve().parent.parent.parent
_LARGEST = 160_000
_PLAIN = (
    "rectus femoris tear", "side:left finding:tear", '"partial tear" -effusion', "tear > 3 mm", "year:2020..2024 tear",
    "(tear or effusion) and not muscle", "no effusion", "like:normal-sciatic-nerve-reference", "status:ready",
    "women over 40 with a swollen nerve", "Riss der Wade links", "frames>10 mode:b_mode", "grade:3b",
)  # fmt: skip


def dicom() -> list[bytes]:
    import matrix

    found = list(_examples())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row in matrix.rows():
            with contextlib.suppress(Exception):  # what needs a tool that is not here is left out
                found.append(row.make(folder))
        found += list(_built(folder))
    return _small(found)


def _examples() -> Iterator[bytes]:
    place = importlib.util.find_spec("pydicom")
    assert place and place.origin
    for path in sorted((Path(place.origin).parent / "data").rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc", ".txt", ".json", ".md"):
            yield path.read_bytes()


def _built(folder: Path) -> Iterator[bytes]:
    import helpers
    import papers

    yield helpers.dicom(folder / "a.dcm").read_bytes()
    yield helpers.dicom(folder / "b.dcm", frames=3).read_bytes()
    yield helpers.dicom(folder / "c.dcm", preamble=False).read_bytes()
    yield helpers.dicomdir(folder / "DICOMDIR", ("IM1",), ("A", "B")).read_bytes()
    makers: tuple[Callable[[], Path], ...] = (
        lambda: papers.report(folder / "report.dcm"),
        lambda: papers.state(folder / "state.dcm"),
        lambda: papers.annotation(folder / "note.dcm"),
    )
    for make in makers:
        with contextlib.suppress(TypeError):
            yield make().read_bytes()


def stills() -> list[bytes]:
    import helpers
    from PIL import Image

    found = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a"
        for form in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "AVIF", "JPEG2000"):
            with contextlib.suppress(Exception):
                found.append(helpers.picture(path, form=form).read_bytes())
    pictures = [Image.new("RGB", (40, 30), (n * 60, 90, 20)) for n in range(4)]
    exif = Image.Exif()
    exif[0x010E], exif[0x0132], exif[0x0112] = "Long axis", "2024:01:02 03:04:05", 6
    for form, more in (
        ("GIF", {"save_all": True, "append_images": pictures[1:], "duration": 40}),
        ("PNG", {"save_all": True, "append_images": pictures[1:], "duration": 40}),
        ("WEBP", {"save_all": True, "append_images": pictures[1:], "duration": 40}),
        ("TIFF", {"save_all": True, "append_images": pictures[1:], "compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate", "exif": exif}),
        ("JPEG", {"exif": exif, "progressive": True}),
        ("PNG", {"exif": exif}),
    ):
        out = io.BytesIO()
        with contextlib.suppress(Exception):
            pictures[0].save(out, form, **more)
            found.append(out.getvalue())
    for mode, form in (
        ("1", "TIFF"),
        ("I;16", "TIFF"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("I;16", "PNG"),
        ("CMYK", "JPEG"),
    ):
        out = io.BytesIO()
        with contextlib.suppress(Exception):
            Image.new(mode, (33, 17)).save(out, form)
            found.append(out.getvalue())
    with contextlib.suppress(Exception):
        import pi_heif

        out = io.BytesIO()
        pi_heif.register_heif_opener()
        pictures[0].save(out, "HEIF")
        found.append(out.getvalue())
    return _small(found)


def clips() -> list[bytes]:
    import av
    import helpers
    import numpy as np

    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found.append(helpers.movie(folder / "a.mp4").read_bytes())
        found.append(helpers.talking(folder / "b.mov").read_bytes())
        for form, codec, pixels in (
            ("mp4", "libx264", "yuv420p"), ("avi", "mjpeg", "yuvj420p"), ("avi", "mpeg4", "yuv420p"),
            ("matroska", "libx264", "yuv420p"), ("webm", "libvpx-vp9", "yuv420p"), ("mpeg", "mpeg2video", "yuv420p"),
            ("mpegts", "libx264", "yuv420p"), ("asf", "wmv2", "yuv420p"), ("mov", "libx265", "yuv420p"),
            ("avi", "rawvideo", "bgr24"), ("matroska", "ffv1", "yuv420p"),
        ):  # fmt: skip
            path = folder / f"{form}-{codec}"
            with contextlib.suppress(Exception):
                with av.open(str(path), "w", format=form) as out:
                    stream = out.add_stream(codec, rate=25)
                    stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
                    for n in range(6):
                        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * n, np.uint8), "rgb24")
                        out.mux(stream.encode(frame))
                    out.mux(stream.encode())
                found.append(path.read_bytes())
    return _small(found)


def records() -> list[bytes]:
    import helpers

    return [helpers.RECORD.encode(), *(p.read_bytes() for p in sorted((ROOT / "cases").glob("*/case.toml")))]


def documents() -> list[bytes]:
    """MIRC teaching files: in the style of others, and as casearchive writes them."""
    from teachingsets import full_case
    from test_import_mirc import FOREIGN, written

    with tempfile.TemporaryDirectory() as name:
        ours = [written(case, Path(name) / str(n)) for n, case in enumerate((full_case(), _cases()[0]))]
    return [FOREIGN.encode(), *(held["MIRCdocument.xml"] for held in ours)]


def tables() -> list[bytes]:
    from casearchive.record import findings_file

    return [b"T" + findings_file.to_csv(some).encode() for some in (_cases(), _cases()[:1])]


def lines() -> list[bytes]:
    from casearchive.record import findings_file

    return [b"J" + findings_file.to_json_lines(_cases()[n : n + 2]).encode() for n in (0, 3, 5)]


def _cases() -> list[Case]:
    from casearchive import record

    paths = sorted((ROOT / "cases").glob("*/case.toml"))
    return [record.loads(p.read_text("utf-8"), slug=p.parent.name, file="case.toml") for p in paths]


def queries() -> list[bytes]:
    return [text.encode() for text in _PLAIN]


def zips(members: list[bytes]) -> list[bytes]:
    found = []
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packing) as made:
            for n, member in enumerate(members[:4]):
                made.writestr(f"data/IM{n}", member)
            made.writestr("case.toml", records()[0])
            if packing != zipfile.ZIP_STORED:  # the others are bags as well
                made.writestr("bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
                sums = "".join(
                    f"{hashlib.sha256(m).hexdigest()}  data/IM{n}\n" for n, m in enumerate(members[:4])
                )
                made.writestr("manifest-sha256.txt", sums)
        found.append(out.getvalue())
    return found


def _small(found: list[bytes]) -> list[bytes]:
    return [f for f in dict.fromkeys(found) if 16 <= len(f) <= _LARGEST]


def reach_the_suite() -> None:
    """The builders of the tests, and this checkout, can be imported from here on."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
