"""What a record says of one of its pictures, as the acquisition context of the image (PS3.16 TID 1601 and more)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from casearchive.exporters._dicom import codes, items
from casearchive.model import Case
from casearchive.record.table import MANEUVERS, STRUCTURES

_CONTEXT = "HAS ACQ CONTEXT"


def view(case: Case, ref: str) -> Iterator[Dataset]:
    """Name, side, structure, plane, mode, manoeuvre, position and captions, as far as the record says them."""
    media = next((media for media in case.media if media.id == ref), None)
    if media is None:
        return
    yield from items.text(codes.SHORT_LABEL, media.id, _CONTEXT)
    if media.side in codes.SIDES:
        yield items.coded(codes.IMAGE_LATERALITY, codes.SIDES[media.side], _CONTEXT)
    for name, term, kinds in (
        (codes.TARGET_REGION, media.structure, STRUCTURES),
        (codes.IMAGE_VIEW, media.plane, ("plane",)),
        (codes.MODE, media.mode, ("mode",)),
        (codes.MANEUVER, media.maneuver, MANEUVERS),
        (codes.POSITION, media.position, ("position",)),
    ):
        yield from items.said(name, term, kinds, _CONTEXT)
    yield from items.text(codes.CAPTION, media.caption, _CONTEXT)
    yield from items.text(codes.QUIZ_CAPTION, media.quiz_caption, _CONTEXT)
