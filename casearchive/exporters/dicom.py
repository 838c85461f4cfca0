"""A teaching set as DICOM media: files with a DICOMDIR for PACS and viewers, and the findings beside them.

The images are the objects that the airlock made, pixel for pixel in the lossless coding of general media (PS3.11), or
byte for byte. Beside them stand, per case and patient, what makes findings travel: a measurement report, presentation
states that draw the evidence, and words and manifest of an IHE teaching file. Everything here tells the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from casearchive.errors import UsageError
from casearchive.teaching import TeachingSet

NAME = "dicom"
SUMMARY = "DICOM files with a DICOMDIR, findings and measurements as reports, evidence as presentation states"
HIDES_ANSWERS = False
OPTIONS: Mapping[str, str] = {
    "coding": "of pixels: jpeg, lossless, which media are made of (this), or jpeg2000, the files as they were checked",
    "codes": "the codes of a teaching file: ihe, which most such systems know (this), or dcm, DICOM's own",
}


def check(options: Mapping[str, str]) -> None:
    """Raises ``UsageError`` for a value that is not known."""
    _asked(options)


def export(teaching: TeachingSet, target: Path, options: Mapping[str, str]) -> None:
    """Fill the existing, empty folder ``target``. The same set gives the same bytes.

    ``options``: ``codes`` is ``ihe`` (default) or ``dcm``, ``coding`` is ``jpeg`` (default) or ``jpeg2000``. An image
    of two cases is written once. Raises ``UsageError`` for other values.
    """
    from casearchive.exporters._dicom import media  # only whoever writes DICOM waits for pydicom

    dicom_codes, anew = _asked(options)
    media.write(teaching, target, dicom_codes=dicom_codes, anew=anew)


def _asked(options: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether DICOM's own codes are wanted, and whether pixels are coded anew."""
    dicom_codes = _one_of(options, "codes", ("ihe", "dcm")) == "dcm"
    return dicom_codes, _one_of(options, "coding", ("jpeg", "jpeg2000")) == "jpeg"


def _one_of(options: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    """The value of an option, the first where it is not given."""
    wanted = options.get(name, values[0])
    if wanted not in values:
        allowed = " or ".join(f"{name}={value}" for value in values)
        raise UsageError(f"{wanted!r} is not known", where=f"option {name}", hint=f"Write {allowed}.")
    return wanted
