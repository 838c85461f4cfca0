"""All that may leave: values the airlock makes and the exporters turn into files.

Only ``deid.airlock`` constructs these (an import contract and a test of conduct hold that). Nothing here knows
which patient, file or archive it came from; ``ref`` of a clip is a neutral id such as ``M2``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from casearchive.model import Case, Timing, UltrasoundRegion

#: What media want to be said and an object of the airlock may leave empty (PS3.3 F.5): values that tell nothing, by
#: which whoever checks an export knows that nothing was told.
UNSAID = {"StudyDate": "19000101", "StudyTime": "000000", "StudyID": "1"}


class Film(Protocol):
    """The frames of one clip as an H.264 film in an MP4 file, with nothing else in it; made when the first output asks
    for it, once for all of them. None where a film cannot be made here: outputs then show pictures."""

    def path(self) -> Path | None: ...


class Cache(Protocol):
    """Where an output keeps what it makes of a clip, so that the next export need not make it again."""

    def made(self, digest: str, name: str, make: Callable[[Path], object]) -> Path: ...


class Frames(Protocol):
    """The cleaned frames of one clip, decoded on demand; frames count from 1."""

    def __len__(self) -> int: ...

    def frame(self, number: int) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class TeachingClip:
    """One clip, already clean. ``dicom`` is the rebuilt object, staged on disk until the export is finished.

    ``fps`` is None where the true rate is unknown; where frames are unevenly spaced it is the mean, and ``times``
    holds the seconds from the first frame to each one. ``key_frame`` counts from 1. ``film`` is None for a single
    picture; ``sounds`` says that the film has the sound of the source, which a person let out. ``digest`` is the same
    for the same pictures shown for the same times, in every export.
    """

    ref: str
    rows: int
    columns: int
    frames: Frames
    fps: float | None
    fps_source: str
    key_frame: int
    regions: tuple[UltrasoundRegion, ...]
    dicom: Path
    notes: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    film: Film | None = None
    sounds: bool = False
    digest: str = ""
    cache: Cache | None = None

    def once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What ``make`` gives of the pictures and times of this clip, and of nothing else; ``name`` says what it is and
        how it was made. Kept for the next export, where there is a place for it."""
        if self.cache is None or not self.digest:
            return make()
        return self.cache.made(self.digest, name, lambda path: path.write_bytes(make())).read_bytes()

    def lasting(self) -> tuple[float, ...]:
        """Seconds for which each frame is shown; a guess where the speed is unknown."""
        return Timing(self.fps, self.fps_source, times=self.times).lasting(len(self.frames))


@dataclass(frozen=True)
class TeachingDocument:
    """A structured report, key object selection or presentation state, already clean. ``dicom`` is the rebuilt object,
    staged on disk until the export is finished; ``kind`` is what the standard calls it."""

    ref: str
    kind: str
    dicom: Path


@dataclass(frozen=True)
class TeachingCase:
    """A case whose words, pictures and documents passed the airlock.

    ``case`` is a new record: media carry only ``id``, ``file`` (a neutral name) and the author's words;
    media that were withheld are not in it, nor evidence that points at them. ``key`` is the same for this case in
    every export of its archive, and no other archive's case has it; ``edition`` is larger whenever the record or what
    was decided about its clips has changed since (``release`` sets both; empty and 0 where nobody knows).
    """

    case: Case
    clips: tuple[TeachingClip, ...]
    documents: tuple[TeachingDocument, ...] = ()
    key: str = ""
    edition: int = 0

    @property
    def objects(self) -> tuple[TeachingClip | TeachingDocument, ...]:
        """All that has a DICOM object of its own, the clips first."""
        return (*self.clips, *self.documents)

    def clip(self, ref: str) -> TeachingClip | None:
        return next((c for c in self.clips if c.ref == ref), None)


@dataclass(frozen=True)
class Withheld:
    """What stayed out, why, and who can decide. ``sha256`` names the original to the archive's owner; it never
    goes into what is exported."""

    case: str
    media: str
    reason: str
    decide: str
    sha256: str = ""


@dataclass(frozen=True)
class TeachingSet:
    slug: str
    title: str
    description: str
    cases: tuple[TeachingCase, ...]
    withheld: tuple[Withheld, ...] = ()
    profile: str = ""
