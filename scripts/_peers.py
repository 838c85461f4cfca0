"""Other de-identifiers, each run as its documentation says and at its strongest, where it can be had.

Those of PyPI get a virtual environment each, made for the run and gone after it: nothing of theirs comes near the
project's own dependencies. Those of Debian are run where they are installed. Nothing but loopback is used.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword

DRIVER = Path(__file__).with_name("_peer_driver.py")


@dataclass
class Run:
    """What a program made of a folder. ``troubles`` names the files it did not write, with its own words."""

    name: str
    version: str
    setting: str
    outputs: dict[str, Path] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)  # kept for a person's eyes
    seconds: float = 0.0


class Absent(Exception):
    """A program that cannot be run here, and why."""


@dataclass(frozen=True)
class Peer:
    """One other program: its setting in words, and what runs it over a folder (source, target, workplace)."""

    name: str
    setting: str
    run: Callable[[Run, Path, Path, Path], None]


def run(peer: Peer, source: Path, target: Path, place: Path) -> Run:
    """Run ``peer`` over ``source/*.dcm``. Raises ``Absent``."""
    target.mkdir(parents=True, exist_ok=True)
    made = Run(peer.name, "", peer.setting)
    peer.run(made, source, target, place)
    for path in sorted(source.glob("*.dcm")):
        if (target / path.name).is_file():
            made.outputs[path.stem] = target / path.name
        else:
            made.troubles.setdefault(path.stem, "nothing was written")
    return made


# ------------------------------------------------------------------------------------------------ from PyPI


def _python(*wanted: str) -> Callable[[Run, Path, Path, Path], None]:
    def go(made: Run, source: Path, target: Path, place: Path) -> None:
        python = _environment(place / f"env-{made.name.replace(' ', '-')}", *wanted)
        started = time.perf_counter()
        done = subprocess.run(
            [str(python), str(DRIVER), made.name, str(source), str(target)],
            capture_output=True, text=True, timeout=1800,
        )  # fmt: skip
        made.seconds = time.perf_counter() - started
        if done.returncode != 0:
            raise Absent(f"it does not run here: {done.stderr.strip().splitlines()[-1:]}")
        head, *files = json.loads(done.stdout.strip().splitlines()[-1])
        made.version = head["version"]
        made.troubles = {f["file"]: f["trouble"] for f in files if f["trouble"]}

    return go


def _environment(folder: Path, *wanted: str) -> Path:
    """A fresh environment, and each of ``wanted`` (words for pip install) in it. Raises ``Absent``."""
    python = folder / "bin" / "python"
    if python.exists():
        return python
    venv.EnvBuilder(with_pip=True).create(folder)
    for words in wanted:
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words.split()],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise Absent(f"pip cannot install {words}")
    return python


# ------------------------------------------------------------------------------------------------ from Debian


def _tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise Absent(f"{name} is not installed (Debian's package {package})")
    return found


def _gdcmanon(made: Run, source: Path, target: Path, place: Path) -> None:
    tool, openssl = _tool("gdcmanon", "libgdcm-tools"), _tool("openssl", "openssl")
    made.version = _debian("libgdcm-tools")
    key, certificate = place / "key.pem", place / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=benchmark",
         "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    _each(
        made,
        source,
        target,
        lambda one, to: [tool, "-e", "-c", str(certificate), "-i", str(one), "-o", str(to)],
    )


#: DCMTK has no profile: the attributes that name somebody, as its manual's examples erase them.
_ERASED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientAddress", "OtherPatientIDs", "OtherPatientNames",
    "PatientTelephoneNumbers", "InstitutionName", "InstitutionAddress", "ReferringPhysicianName", "OperatorsName",
    "PerformingPhysicianName", "AccessionNumber", "StudyID", "StationName", "DeviceSerialNumber", "PatientComments",
    "StudyDescription", "SeriesDescription", "ImageComments",
)  # fmt: skip


def _dcmodify(made: Run, source: Path, target: Path, place: Path) -> None:
    tool = _tool("dcmodify", "dcmtk")
    made.version = _debian("dcmtk")
    # by number, for its dictionary knows retired attributes by other names
    tags = [tag for name in _ERASED if (tag := tag_for_keyword(name)) is not None]
    erase = [word for tag in tags for word in ("-ea", f"({tag >> 16:04x},{tag & 0xFFFF:04x})")]

    def command(one: Path, to: Path) -> list[str]:
        shutil.copyfile(one, to)
        return [tool, "-nb", "-ep", "-imt", *erase, "-gst", "-gse", "-gin", str(to)]

    _each(made, source, target, command)


def _each(made: Run, source: Path, target: Path, command: Callable[[Path, Path], list[str]]) -> None:
    started = time.perf_counter()
    for path in sorted(source.glob("*.dcm")):
        to = target / path.name
        done = subprocess.run(
            command(path, to), capture_output=True, text=True, errors="replace", timeout=120
        )
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines()
            made.troubles[path.stem] = words[-1][:200] if words else f"it ended with {done.returncode}"
            to.unlink(missing_ok=True)
    made.seconds = time.perf_counter() - started


def _debian(package: str) -> str:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return done.stdout.strip().split("+")[0].split("-")[0]


# ------------------------------------------------------------------------------------------------ Orthanc


def _orthanc(made: Run, source: Path, target: Path, place: Path) -> None:
    """A server on loopback for as long as this takes; a patient is anonymised as a whole, so that references hold."""
    tool = _tool("Orthanc", "orthanc")
    made.version = _debian("orthanc")
    with _server(tool, place / "orthanc") as ask:
        started = time.perf_counter()
        known, patients = {}, []
        for path in sorted(source.glob("*.dcm")):
            try:
                said = ask("/instances", path.read_bytes())
            except urllib.error.HTTPError as error:
                made.troubles[path.stem] = f"not taken: {error.code}"
                continue
            known[said["ID"]] = path.stem
            patients.append(said["ParentPatient"])
        for patient in dict.fromkeys(patients):
            try:
                new = ask(f"/patients/{patient}/anonymize", b'{"Synchronous": true}')["ID"]
            except urllib.error.HTTPError as error:
                for one in ask(f"/patients/{patient}/instances"):
                    made.troubles[known[one["ID"]]] = f"not anonymised: {error.code}"
                continue
            for one in ask(f"/patients/{new}/instances"):
                origin = ask(f"/instances/{one['ID']}/metadata/AnonymizedFrom")
                (target / f"{known[origin]}.dcm").write_bytes(ask(f"/instances/{one['ID']}/file"))
        made.seconds = time.perf_counter() - started


@contextlib.contextmanager
def _server(tool: str, place: Path) -> Iterator[Callable[..., Any]]:
    place.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (place / "orthanc.json").write_text(
        json.dumps(
            {
                "Name": "benchmark", "HttpPort": port, "DicomServerEnabled": False, "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False, "StorageDirectory": str(place / "store"), "Plugins": [],
                "IndexDirectory": str(place / "store"), "HttpBindAddresses": ["127.0.0.1"],
            }
        )
    )  # fmt: skip

    def ask(path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
        with _DIRECT.open(request, timeout=120) as answer:
            content = answer.read()
        if path.endswith("/file"):
            return content
        return content.decode() if "/metadata/" in path else json.loads(content)

    with (place / "log.txt").open("wb") as log:
        process = subprocess.Popen([tool, str(place / "orthanc.json")], stdout=log, stderr=log)
    try:
        _wait(ask, process)
        yield ask
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


#: Whatever proxy the environment names is not asked: this is a server of our own, here.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _wait(ask: Callable[..., Any], process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        try:
            ask("/system")
            return
        except OSError:
            time.sleep(0.2)
    raise Absent("its server does not answer")


#: What its headers need; the rest of what it asks for is its window and its neural networks.
_RSNA = "pydicom>=2.4,<2.5 numpy<2 sqlalchemy dataclasses-json pynetdicom<3 openpyxl pillow toml psutil"

PEERS: tuple[Peer, ...] = (
    Peer("dicognito", "one seed for all files; what says BurnedInAnnotation YES is refused", _python("dicognito")),
    Peer("dicom-anonymizer", "table 2026c, private tags deleted", _python("dicom-anonymizer")),
    Peer(
        "deid", "recipe dicom.ultrasound: all but the regions black; private tags and sequences removed",
        _python("deid pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"),
    ),
    Peer("idiscore", "Basic Profile alone", _python("idiscore")),
    Peer(
        "RSNA Anonymizer", "its default script; its pixel step needs models from a network and did not run",
        _python("--no-deps rsna-anonymizer", _RSNA),
    ),
    Peer(
        "gdcmanon", "-e, Basic Application Level Confidentiality Profile, AES-256; file by file, for a crash ends it",
        _gdcmanon,
    ),
    Peer(
        "dcmodify", "20 attributes of our choice erased (it has no profile), private tags, new UIDs; file by file",
        _dcmodify,
    ),
    Peer("Orthanc", "anonymize by patient, its default profile (PS3.15 2021b)", _orthanc),
)  # fmt: skip


if __name__ == "__main__":
    sys.exit("start bench_deid.py instead")
