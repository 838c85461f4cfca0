"""A whole set on media: images, what goes with them, the directory and a note for people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from casearchive.exporters import _figures
from casearchive.exporters._dicom import directory, objects
from casearchive.exporters._dicom.objects import Bundle, Picture
from casearchive.exporters._dicom.presentation import presentation
from casearchive.exporters._dicom.report import report
from casearchive.exporters._dicom.teachingfile import information, manifests
from casearchive.exporters._plain import one_line
from casearchive.teaching import TeachingCase, TeachingSet


def write(teaching: TeachingSet, target: Path, *, dicom_codes: bool, anew: bool) -> None:
    """Fill ``target``. ``dicom_codes`` writes DICOM's codes instead of IHE's, ``anew`` the pixels as lossless JPEG."""
    filing = _Filing(target)
    held: dict[str, Picture] = {}
    for taught in teaching.cases:
        papers = [(dcmread(one.dicom), one.dicom) for one in taught.documents]
        for bundle in _bundles(taught, held, anew=anew):
            for picture in bundle.pictures:
                filing.add(picture.header, partial(objects.copied, picture))
            others = [paper for paper, _ in papers if paper.PatientID == bundle.home.PatientID]
            for made in _made(bundle, others, int(dicom_codes)):
                filing.add(made, partial(objects.written, made, bundle.home))
        for paper, path in papers:
            filing.add(paper, partial(shutil.copyfile, path))
    if filing.filed:
        directory.write(filing.filed, target / "DICOMDIR")
    (target / "README.TXT").write_bytes(_readme(teaching).encode("utf-8"))


class _Filing:
    """Puts each object in its place below ``target``, one that several cases have once; ``filed`` grows."""

    def __init__(self, target: Path) -> None:
        self._target, self._shelves = target, directory.Shelves()
        self._known: set[str] = set()
        self.filed: list[directory.Filed] = []

    def add(self, dataset: Dataset, write_to: Callable[[Path], object]) -> None:
        uid = str(dataset.SOPInstanceUID)
        if uid in self._known:
            return
        self._known.add(uid)
        parts = self._shelves.place(dataset)
        self._target.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
        write_to(self._target.joinpath(*parts))
        self.filed.append(directory.Filed(dataset, parts))


def _bundles(taught: TeachingCase, held: dict[str, Picture], *, anew: bool) -> Iterator[Bundle]:
    """The pictures of a case by patient, in the order of the record. An image that another case has brought is that
    image: DICOM knows it by its UID, whatever the case calls it."""
    by_patient: dict[str, list[Picture]] = {}
    clips = list(_figures.numbered(taught))
    for place, clip, _ in clips:
        picture = objects.opened(clip, place, anew=anew)
        known = held.setdefault(str(picture.header.SOPInstanceUID), picture)
        picture = replace(known, ref=clip.ref)
        by_patient.setdefault(str(picture.header.PatientID), []).append(picture)
    for pictures in by_patient.values():
        yield Bundle(taught.case, tuple(pictures), first=pictures[0].ref == clips[0][1].ref)


def _made(bundle: Bundle, others: Sequence[Dataset], scheme: int) -> Iterator[Dataset]:
    """The new objects of one patient of a case, each after what it refers to. ``others`` are the documents that came
    with the images: the manifest names them, too."""
    states: list[Dataset] = []
    shown_by: dict[str, Dataset] = {}
    for picture in bundle.pictures:
        state = presentation(bundle, picture, len(states) + 1)
        if state is not None:
            states.append(state)
            shown_by.setdefault(str(picture.header.SOPInstanceUID), state)
    told = report(bundle)
    made = [*states, *([told] if told is not None else []), information(bundle, scheme)]
    yield from made
    yield from manifests(bundle, [*made, *others], shown_by, scheme)


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
