"""Whom a pseudonym stands for: asked only where the archive's secret is, and written to the ledger each time.

Nothing is kept for it. The pseudonyms of everything that was ever exported are made again from the originals and
compared, so that there is no list to lose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from casearchive.deid import headers
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.errors import NotFound, UsageError
from casearchive.ledger import Event
from casearchive.model import Facts
from casearchive.rooms import Rooms

#: The ledger's word for an answered or unanswered question.
ASKED = "asked-who"
_FORM = re.compile(r"C[AD]-[A-Z2-7]{16}|2\.25\.\d{1,39}")
#: What is told of the person, in this order.
_TOLD = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber")
_TOLD_OF_A_MACHINE = ("DeviceSerialNumber", "StationName", "InstitutionName")


@dataclass(frozen=True, slots=True)
class Known:
    """One clip that left under the pseudonym. ``what`` is patient, study, series, instance or device; ``identity`` are
    DICOM keywords and values of the original, as far as it has them."""

    what: str
    set: str
    case: str
    media: str
    sha256: str
    identity: tuple[tuple[str, str], ...]


def who(rooms: Rooms, pseudonym: str) -> tuple[Known, ...]:
    """Every exported clip of which this is the patient's number, the machine's or a UID. The caller is the writer.

    Raises ``UsageError`` where it is no pseudonym of casearchive and ``NotFound`` where this archive made none such.
    """
    asked = pseudonym.strip()
    asked = asked.upper() if asked[:3].upper() in ("CA-", "CD-") else asked
    if not _FORM.fullmatch(asked):
        raise UsageError(
            "that is no pseudonym of casearchive",
            where=asked[:80],
            hint="A patient is CA- and 16 letters or digits, a machine CD- and as many, a UID begins with 2.25.",
        )
    found = tuple(_found(rooms, asked))
    rooms.note([(ASKED, asked, {"clips": len(found)})])
    if not found:
        raise NotFound(
            "nothing that this archive exported carries it",
            where=asked,
            hint="Pseudonyms are made by each archive for each set: ask the archive that made the set.",
        )
    return found


def _found(rooms: Rooms, asked: str) -> Iterator[Known]:
    facts: dict[str, Facts | None] = {}
    for name, scope, case, media, sha256 in dict.fromkeys(_exported(rooms.ledger.events())):
        if sha256 not in facts:
            with rooms.opened(sha256) as clip:
                facts[sha256] = clip.facts if clip is not None else None
        its = facts[sha256]
        if its is None:
            continue
        made = Pseudonyms(rooms.secret, scope)
        carried = {
            "patient": made.patient(its.subject.identity or f"case {case}"),
            "study": made.uid(its.study.study_instance_uid),
            "series": made.uid(its.series.series_instance_uid),
            "instance": made.uid(its.instance.sop_instance_uid),
            "device": headers.device_of(its, made),
        }
        what = next((what for what, value in carried.items() if value == asked), "")
        if what:
            known = {i.keyword: i.value for i in its.identifiers}
            told = _TOLD_OF_A_MACHINE if what == "device" else _TOLD
            identity = tuple((keyword, known[keyword]) for keyword in told if known.get(keyword))
            yield Known(what, name, case, media, sha256, identity)


def _exported(events: Iterator[Event]) -> Iterator[tuple[str, str, str, str, str]]:
    """(set, what its pseudonyms are made for, case, media, SHA-256) of every clip that ever left, or may have left
    before a program was killed, by the ledger."""
    for event in events:
        if event.event in ("exporting", "exported"):
            for case, clips in dict(event.details.get("clips", {})).items():
                scope = str(event.details.get("scope") or f"set {event.subject}")
                for media, sha256 in dict(clips).items():
                    yield event.subject, scope, str(case), str(media), str(sha256)
