"""Runs one other de-identifier over a folder, in that program's own environment; started by ``_peers`` only.

    python _peer_driver.py NAME IN OUT

Prints one line of JSON for each file: its name and what went wrong, or nothing. Imports nothing of this project.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

One = Callable[[Path, Path], None]
#: What must be called at the end: a program with threads of its own would never end otherwise.
CLOSE: list[Callable[[], object]] = []


def dicognito() -> One:
    """``--seed X --on-burned-in-annotation fail``: consistent over all files, none that owns up to burnt-in text.

    Its stricter ``--assume-burned-in-annotation unless-no`` would let hardly any ultrasound through.
    """
    from dicognito.anonymizer import Anonymizer
    from dicognito.filters import BurnedInAnnotationGuard
    from pydicom import dcmread

    anonymizer = Anonymizer(seed="benchmark")
    guard = BurnedInAnnotationGuard("if-yes", "fail")

    def one(source: Path, target: Path) -> None:
        data = dcmread(source, force=False)
        guard.before_each(data)
        anonymizer.anonymize(data)
        data.save_as(target)

    return one


def dicom_anonymizer() -> One:
    """Its newest table (2026c, which is not its default), private tags deleted."""
    from dicomanonymizer import simpledicomanonymizer as its

    def one(source: Path, target: Path) -> None:
        its.anonymize_dicom_file(
            str(source),
            str(target),
            None,
            True,
            base_rules_gen=lambda: its.initialize_actions("dicomfields_2026c"),
        )

    return one


def deid() -> One:
    """Its ultrasound recipe for pixels and header, private tags removed."""
    from deid.config import DeidRecipe
    from deid.config.utils import get_deid
    from deid.dicom import DicomCleaner, get_identifiers, replace_identifiers

    recipe = get_deid("dicom.ultrasound")

    def one(source: Path, target: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            cleaner = DicomCleaner(deid=recipe, output_folder=place)
            cleaner.detect(str(source))
            pixels = str(source)
            if cleaner.clean() is not None:
                pixels = str(cleaner.save_dicom(output_folder=place))
            ids = get_identifiers([pixels])
            for values in ids.values():
                values.update(
                    entity_id="P1",
                    item_id="A1",
                    entity_timestamp="19000101",
                    item_timestamp="20000101",
                    jitter=-30,
                )
            made = replace_identifiers(
                dicom_files=[pixels], deid=DeidRecipe(deid=recipe), ids=ids, save=True, overwrite=True,
                output_folder=place, remove_private=True, strip_sequences=True,
            )  # fmt: skip
            target.write_bytes(Path(str(made[0])).read_bytes())

    return one


def idiscore() -> One:
    """Its core with the Basic Profile alone: the other rule sets keep more."""
    from idiscore.core import Profile
    from idiscore.defaults import create_core, get_dicom_rule_sets
    from pydicom import dcmread

    sets = get_dicom_rule_sets()
    core = create_core(Profile(name="basic", rule_sets=[sets.basic_profile]))

    def one(source: Path, target: Path) -> None:
        core.deidentify(dcmread(source)).save_as(target)

    return one


def rsna() -> One:
    """Its own controller and default script for ultrasound. Its pixel step wants models from a network: left out."""
    import anonymizer
    from anonymizer.controller.anonymizer import AnonymizerController
    from anonymizer.model.project import ProjectModel

    script = next(Path(anonymizer.__file__).parent.rglob("default-anonymizer.script"))
    place = Path(tempfile.mkdtemp(prefix="rsna-"))
    project = ProjectModel(
        site_id="123456",
        project_name="benchmark",
        storage_dir=place,
        modalities=["US"],
        anonymizer_script_path=script,
    )
    for folder in (project.images_dir(), project.private_dir()):
        folder.mkdir(parents=True, exist_ok=True)
    controller = AnonymizerController(project)
    CLOSE.extend((controller.stop, lambda: shutil.rmtree(place, ignore_errors=True)))

    def one(source: Path, target: Path) -> None:
        before = set(project.images_dir().rglob("*.dcm"))
        trouble, _ = controller.anonymize_file(Path(shutil.copy(source, place / source.name)))
        if trouble:
            raise RuntimeError(trouble)
        made = set(project.images_dir().rglob("*.dcm")) - before
        shutil.copy(made.pop(), target)

    return one


RUN: dict[str, tuple[str, Callable[[], One]]] = {
    "dicognito": ("dicognito", dicognito),
    "dicom-anonymizer": ("dicom-anonymizer", dicom_anonymizer),
    "deid": ("deid", deid),
    "idiscore": ("idiscore", idiscore),
    "RSNA Anonymizer": ("rsna-anonymizer", rsna),
}


def main(argv: list[str]) -> int:
    name, source, target = argv[0], Path(argv[1]), Path(argv[2])
    warnings.simplefilter("ignore")
    package, maker = RUN[name]
    one = maker()
    say: list[dict[str, Any]] = [{"version": metadata.version(package)}]
    for path in sorted(source.glob("*.dcm")):
        trouble = ""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                one(path, target / path.name)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever happens in there is its answer for this file
                trouble = f"{type(error).__name__}: {error}"[:200]
                (target / path.name).unlink(missing_ok=True)
        say.append({"file": path.stem, "trouble": trouble})
    for close in CLOSE:
        close()
    print(json.dumps(say))
    return 0


if __name__ == "__main__":
    os.environ["MESSAGELEVEL"] = "QUIET"  # deid
    raise SystemExit(main(sys.argv[1:]))
