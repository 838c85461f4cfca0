"""A whole set on media: images, what goes with them, the directory and a note for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset

from casearchive.exporters._dicom import directory, objects
from casearchive.exporters._dicom.objects import Bundle, Picture
from casearchive.exporters._dicom.presentation import presentation
from casearchive.exporters._dicom.report import report
from casearchive.exporters._dicom.teachingfile import information, manifests
from casearchive.exporters._plain import one_line
from casearchive.teaching import TeachingCase, TeachingSet


def write(teaching: TeachingSet, target: Path, *, dicom_codes: bool, anew: bool) -> None:
    """Fill ``target``. ``dicom_codes`` writes DICOM's codes instead of IHE's, ``anew`` the pixels as lossless JPEG."""
    scheme = int(dicom_codes)
    shelves, filed = directory.Shelves(), list[directory.Filed]()
    held: dict[str, Picture] = {}
    for taught in teaching.cases:
        for bundle in _bundles(taught, held, anew=anew):
            for picture in bundle.pictures:
                if not any(one.dataset is picture.header for one in filed):
                    filed.append(_filed(shelves, picture.header, target))
                    objects.copied(picture, target.joinpath(*filed[-1].parts))
            for made in _made(bundle, scheme):
                filed.append(_filed(shelves, made, target))
                objects.written(made, bundle.home, target.joinpath(*filed[-1].parts))
    if filed:
        directory.write(filed, target / "DICOMDIR")
    (target / "README.TXT").write_bytes(_readme(teaching).encode("utf-8"))


def _bundles(taught: TeachingCase, held: dict[str, Picture], *, anew: bool) -> Iterator[Bundle]:
    """The pictures of a case by patient, in the order of the record. An image that another case has brought is that
    image: DICOM knows it by its UID, whatever the case calls it."""
    order = {media.id: place for place, media in enumerate(taught.case.media)}
    by_patient: dict[str, list[Picture]] = {}
    clips = sorted(taught.clips, key=lambda clip: order.get(clip.ref, len(order)))
    for place, clip in enumerate(clips, start=1):
        picture = objects.opened(clip, place, anew=anew)
        known = held.setdefault(str(picture.header.SOPInstanceUID), picture)
        picture = replace(known, ref=clip.ref)
        by_patient.setdefault(str(picture.header.PatientID), []).append(picture)
    for pictures in by_patient.values():
        yield Bundle(taught.case, tuple(pictures), first=pictures[0].ref == clips[0].ref)


def _made(bundle: Bundle, scheme: int) -> Iterator[Dataset]:
    """The new objects of one patient of a case, each after what it refers to."""
    shown_by: dict[str, Dataset] = {}
    for picture in bundle.pictures:
        state = presentation(bundle, picture, len(shown_by) + 1)
        if state is not None:
            shown_by[str(picture.header.SOPInstanceUID)] = state
    documents = [found for found in (report(bundle), information(bundle, scheme)) if found is not None]
    made = [*shown_by.values(), *documents]
    yield from made
    yield from manifests(bundle, made, shown_by, scheme)


def _filed(shelves: directory.Shelves, dataset: Dataset, target: Path) -> directory.Filed:
    parts = shelves.place(dataset)
    target.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
    return directory.Filed(dataset, parts)


def _readme(teaching: TeachingSet) -> str:
    title = one_line(teaching.title) or teaching.slug
    without = [taught.case.slug for taught in teaching.cases if not taught.clips]
    return (
        f"{title}\n\n"
        "Ultrasound teaching cases as DICOM media: open the DICOMDIR, or send all files to a PACS.\n"
        "Beside the images stand reports with the findings, presentation states that draw them,\n"
        "and a manifest of each case (Key Object Selection, For Teaching File Export).\n"
        + (f"Without pictures, and so not here: {', '.join(without)}.\n" if without else "")
        + (f"De-identified with {teaching.profile}.\n" if teaching.profile else "")
        + "Made by casearchive. For teaching, not for diagnosis.\n"
    )
