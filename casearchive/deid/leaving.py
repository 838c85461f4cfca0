"""The images that leave in a set, by what their sources call them: the only ones that a document may point to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.model import Pointer

REFERENCE_KEYWORDS = frozenset(("ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "ReferencedFrameNumber"))


@dataclass(frozen=True, slots=True)
class Image:
    """One that leaves: the UIDs of its source's study and series, and its size as it leaves (which is the source's)."""

    study: str
    series: str
    frames: int
    rows: int
    columns: int

    @property
    def sop_class(self) -> UID:
        return class_of(self.frames)


def together(some: Iterable[Images]) -> dict[str, Image]:
    """The images of several cases; not those that two sources call the same and that differ."""
    found: dict[str, Image] = {}
    unclear: set[str] = set()
    for images in some:
        for uid, image in images.items():
            if found.setdefault(uid, image) != image:
                unclear.add(uid)
    return {uid: image for uid, image in found.items() if uid not in unclear}


def class_of(frames: int) -> UID:
    """What an image leaves as."""
    return UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage


Images = Mapping[str, Image]
"""By the SOP Instance UID of the source."""


def kept(pointers: Iterable[Pointer], images: Images) -> tuple[Pointer, ...]:
    """Those that point to an image that leaves, each once, with the frames that there are; not one of which no named
    frame is there."""
    found: dict[Pointer, None] = {}
    for pointer in pointers:
        image = images.get(pointer.sop_instance_uid)
        if image is None:
            continue
        frames = tuple(dict.fromkeys(n for n in pointer.frames if 1 <= n <= image.frames))
        if pointer.frames and not frames:
            continue
        # PS3.3 10.3: of an image with one frame, none is named
        found[Pointer(pointer.sop_instance_uid, frames if image.frames > 1 else ())] = None
    return tuple(found)


def reference(pointer: Pointer, images: Images, pseudonyms: Pseudonyms) -> Dataset:
    """An item that points to the image as it leaves (PS3.3 10.3)."""
    item = Dataset()
    item.ReferencedSOPClassUID = images[pointer.sop_instance_uid].sop_class
    item.ReferencedSOPInstanceUID = pseudonyms.uid(pointer.sop_instance_uid)
    if pointer.frames:
        item.ReferencedFrameNumber = list(pointer.frames)
    return item


def references(pointers: Iterable[Pointer], images: Images, pseudonyms: Pseudonyms) -> Sequence:
    return Sequence([reference(pointer, images, pseudonyms) for pointer in pointers])


def by_series(pointers: Iterable[Pointer], images: Images) -> dict[str, list[Pointer]]:
    """By the Series Instance UID of the source; an image once, with all frames that any pointer names."""
    together: dict[str, tuple[int, ...] | None] = {}
    for pointer in pointers:
        uid = pointer.sop_instance_uid
        before = together.get(uid, ())
        whole = not pointer.frames or before is None
        together[uid] = None if whole else tuple(sorted({*(before or ()), *pointer.frames}))
    found: dict[str, list[Pointer]] = {}
    for uid, frames in together.items():
        found.setdefault(images[uid].series, []).append(Pointer(uid, frames or ()))
    return found


def evidence(pointers: Iterable[Pointer], images: Images, pseudonyms: Pseudonyms) -> Sequence:
    """Every image pointed to, once, under its series and study (PS3.3 C.17.2.1)."""
    studies: dict[str, list[Dataset]] = {}
    for series, some in by_series(pointers, images).items():
        item = Dataset()
        item.SeriesInstanceUID = pseudonyms.uid(series)
        item.ReferencedSOPSequence = references(
            [Pointer(pointer.sop_instance_uid) for pointer in some], images, pseudonyms
        )
        studies.setdefault(images[some[0].sop_instance_uid].study, []).append(item)
    items = []
    for study, inner in studies.items():
        item = Dataset()
        item.StudyInstanceUID = pseudonyms.uid(study)
        item.ReferencedSeriesSequence = Sequence(inner)
        items.append(item)
    return Sequence(items)
