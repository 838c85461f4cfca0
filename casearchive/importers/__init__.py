"""Documents of other systems that tell of a case, turned into a case of ours: one kind of document, one file.

They see words and values, never the store, the index or a DICOM object: which pictures a document names is said in its
own words (names of files beside it, or UIDs), and ``ingest`` says which of them the archive holds. What a document says
that a case has no place for is kept as text, and told.
"""

from __future__ import annotations

from dataclasses import dataclass

from casearchive.model import Case


@dataclass(frozen=True, slots=True)
class Told:
    """A case as a document tells it. ``notes`` are sentences for whoever takes it in: what was not understood and where
    it was kept, what was left out and why."""

    case: Case
    notes: tuple[str, ...] = ()
