"""What people use instead of an ingest, and what the machine can do: each is one function, run in its own process.

None of them does all that an ingest does. Orthanc keeps, indexes and shows on request; the loop and dcmtk make one
small picture a file; GDCM reads headers; the copies keep bytes, and nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ORTHANC = shutil.which("Orthanc", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
_CONNECTIONS = 4


def files_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def all_dicom(folder: Path) -> bool:
    """Some of the others take nothing else."""
    return all(path.suffix == ".dcm" for path in files_of(folder))


# ------------------------------------------------------------------------------------------------- the loop


def loop(files: Path, target: Path) -> dict[str, Any]:
    """One row and one thumbnail of the first frame a file; nothing is copied or hashed, and of what is written only the
    rows are durable."""
    return _loop(files, target, looked_at=False)


def loop_of_six(files: Path, target: Path) -> dict[str, Any]:
    """The same with as many frames of a clip as an ingest looks at."""
    return _loop(files, target, looked_at=True)


def _loop(files: Path, target: Path, *, looked_at: bool) -> dict[str, Any]:
    import pydicom
    from pydicom.pixels import pixel_array

    target.mkdir(parents=True)
    base = sqlite3.connect(target / "index.db")
    base.execute("CREATE TABLE images (path TEXT, uid TEXT, description TEXT, frames INTEGER)")
    without = 0
    for number, path in enumerate(files_of(files)):
        uid = description = ""
        images = []
        if path.suffix == ".dcm":
            header = pydicom.dcmread(path, stop_before_pixels=True)
            uid, description = str(header.SOPInstanceUID), str(header.get("StudyDescription", ""))
            frames = int(header.get("NumberOfFrames", 1))
            with contextlib.suppress(RuntimeError, NotImplementedError):  # JPEG-LS, JPEG lossless
                images = [_image(pixel_array(path, index=frame - 1)) for frame in _wanted(frames, looked_at)]
        else:
            frames, image = _picture(path)
            images = [image]
        without += not images
        for frame, image in enumerate(images):
            image.thumbnail((256, 256))
            image.convert("RGB").save(target / f"thumbnail-{number}-{frame}.jpg")
        with base:
            base.execute("INSERT INTO images VALUES (?, ?, ?, ?)", (str(path), uid, description, frames))
    rows, frames = base.execute("SELECT count(*), sum(frames) FROM images").fetchone()
    base.close()
    made = sum(1 for _ in target.glob("*-0.jpg"))
    return {"rows": rows, "frames": frames, "thumbnails": made, "without_picture": without}


def _wanted(frames: int, looked_at: bool) -> tuple[int, ...]:
    """The first frame of a clip, or those that an ingest looks at (counted from 1)."""
    from casearchive.render import MOST_SHOWN, spread

    return spread(frames, MOST_SHOWN) if looked_at else (1,)


def _image(pixels: Any) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


def _picture(path: Path) -> tuple[int, Any]:
    from PIL import Image, ImageSequence

    if path.suffix in (".mp4", ".avi"):
        import av

        with av.open(str(path)) as film:
            return film.streams.video[0].frames, next(film.decode(video=0)).to_image()
    with Image.open(path) as opened:
        frames = sum(1 for _ in ImageSequence.Iterator(opened))
        opened.seek(0)
        return frames, opened.convert("RGB")


# ------------------------------------------------------------------------------------------------- Orthanc


def orthanc(files: Path, target: Path) -> dict[str, Any]:
    """Every file sent over four connections, then a preview of the first frame of each as JPEG, which it writes
    far quicker than PNG; the server's start is not counted. Orthanc waits for no disk."""
    return _orthanc(files, target, looked_at=False)


def orthanc_of_six(files: Path, target: Path) -> dict[str, Any]:
    """The same with as many frames of a clip as an ingest looks at; how many frames it has its sender knows."""
    return _orthanc(files, target, looked_at=True)


def _orthanc(files: Path, target: Path, *, looked_at: bool) -> dict[str, Any]:
    import pydicom

    target.mkdir(parents=True)
    paths = files_of(files)
    wanted = dict.fromkeys(paths, _wanted(1, looked_at))
    for path in paths if looked_at else ():
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames"])
        wanted[path] = _wanted(int(header.get("NumberOfFrames", 1)), looked_at)
    with _server(target) as port, ThreadPoolExecutor(_CONNECTIONS) as pool:
        parts = [paths[n::_CONNECTIONS] for n in range(_CONNECTIONS)]
        started = time.perf_counter()
        sent = list(pool.map(lambda some: _sent(port, some), parts))
        upload = time.perf_counter() - started
        started = time.perf_counter()
        asked = [
            list(zip(ids, map(wanted.get, some), strict=True)) for ids, some in zip(sent, parts, strict=True)
        ]
        shown = sum(pool.map(lambda some: _shown(port, some), asked))
        previews = time.perf_counter() - started
        counts = json.loads(_asked(http.client.HTTPConnection("127.0.0.1", port), "GET", "/statistics"))
    return {
        "instances": counts["CountInstances"],
        "upload_s": upload,
        "previews_s": previews,
        "previews": shown,
        "without_picture": len(paths) - shown,
    }


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[int]:
    """Orthanc with its database in ``folder``, answering to this machine alone, without plug-ins."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = {
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "HttpPort": port, "Plugins": [],
        "DicomServerEnabled": False, "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "KeepAlive": True,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), "utf-8")
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen([str(ORTHANC), str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            while True:
                with contextlib.suppress(OSError):
                    _asked(http.client.HTTPConnection("127.0.0.1", port), "GET", "/system")
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
                if process.poll() is not None:
                    raise RuntimeError(f"Orthanc ended: {(folder / 'orthanc.log').read_text()[-1000:]}")
            yield port
        finally:
            process.terminate()
            process.wait()


def _sent(port: int, paths: list[Path]) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    return [
        str(json.loads(_asked(connection, "POST", "/instances", path.read_bytes()))["ID"]) for path in paths
    ]


def _shown(port: int, instances: list[tuple[str, list[int]]]) -> int:
    """Of how many instances all that was asked for is shown."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    shown = 0
    for name, frames in instances:
        made = [
            _asked(connection, "GET", f"/instances/{name}/frames/{frame - 1}/preview", kind="image/jpeg")
            for frame in frames
        ]
        shown += all(made)
    return shown


def _asked(
    connection: http.client.HTTPConnection, how: str, what: str, body: bytes | None = None, kind: str = "*/*"
) -> bytes:
    """The answer, or nothing where the server cannot."""
    connection.request(how, what, body, {"Accept": kind})
    answer = connection.getresponse()
    content = answer.read()
    return content if answer.status == 200 else b""


# ---------------------------------------------------------------------------------------- dcmtk and GDCM


def dcmtk(files: Path, target: Path) -> dict[str, Any]:
    """``dcmj2pnm`` for each file, as in a shell: the first frame, 256 pixels wide; one program after the other."""
    target.mkdir(parents=True)
    paths = files_of(files)
    for number, path in enumerate(paths):
        words = ["dcmj2pnm", "+Sxv", "256", "+oj", str(path), str(target / f"{number}.jpg")]
        subprocess.run(words, capture_output=True, check=False)
    made = sum(1 for p in target.glob("*.jpg") if p.stat().st_size)
    return {"thumbnails": made, "without_picture": len(paths) - made}


def gdcm(files: Path, target: Path) -> dict[str, Any]:
    """``gdcmscanner``: eight attributes of every header, and nothing else."""
    tags = (
        "0008,0018",
        "0020,000d",
        "0020,000e",
        "0010,0010",
        "0010,0020",
        "0008,0020",
        "0008,1030",
        "0028,0008",
    )
    words = ["gdcmscanner", "-d", str(files), "-r", "-p", *(part for tag in tags for part in ("-t", tag))]
    said = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    return {"headers": sum(1 for path in files_of(files) if str(path) in said)}


# ------------------------------------------------------------------------------------------------- floors


def copy(files: Path, target: Path) -> dict[str, Any]:
    """``cp -r`` and ``sync``: the bytes are on the disk when it returns."""
    if shutil.which("cp"):
        subprocess.run(["cp", "-r", str(files), str(target)], check=True)
    else:
        shutil.copytree(files, target, copy_function=shutil.copyfile)
    sync: Callable[[], None] | None = getattr(os, "sync", None)
    if sync is not None:
        sync()
    return {"bytes": sum(p.stat().st_size for p in files_of(target))}


def copy_and_hash(files: Path, target: Path) -> dict[str, Any]:
    """The same, then ``sha256sum`` of every copy."""
    told = copy(files, target)
    copies = [str(path) for path in files_of(target)]
    for some in range(0, len(copies), 500):
        subprocess.run(["sha256sum", *copies[some : some + 500]], check=True, capture_output=True)
    return told


def hashing(files: Path, _: Path) -> dict[str, Any]:
    """SHA-256 of every file by Python, one after the other."""
    size = 0
    for path in files_of(files):
        content = path.read_bytes()
        hashlib.sha256(content).digest()
        size += len(content)
    return {"bytes": size}


#: What needs a program that may not be there.
_NEEDS = {
    "orthanc": ORTHANC, "orthanc_of_six": ORTHANC, "dcmtk": shutil.which("dcmj2pnm"),
    "gdcm": shutil.which("gdcmscanner"), "copy_and_hash": shutil.which("sha256sum"),
}  # fmt: skip
_DICOM_ALONE = ("orthanc", "orthanc_of_six", "dcmtk", "gdcm")
RUNS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    run.__name__: run
    for run in (loop, loop_of_six, orthanc, orthanc_of_six, dcmtk, gdcm, copy, copy_and_hash, hashing)
}


def able(name: str, files: Path) -> bool:
    """Whether it is installed here and takes these files."""
    return _NEEDS.get(name, "here") is not None and (name not in _DICOM_ALONE or all_dicom(files))
