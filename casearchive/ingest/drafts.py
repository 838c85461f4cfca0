"""Cases that begin with files instead of words: a draft prefilled from the headers, or more media for a case."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from casearchive import index, record
from casearchive.claims import side
from casearchive.errors import NotFound, RecordError, UsageError
from casearchive.index import read, write
from casearchive.ingest.records import Taken, check_places
from casearchive.model import Case, Media, Patient
from casearchive.rooms import Rooms
from casearchive.understood import keep

_SLUG = re.compile(r"[a-z0-9-]+")
_MODES = ("power_doppler", "color_doppler", "pulsed_doppler", "m_mode", "elastography", "panoramic", "b_mode")


def check_slug(slug: str) -> str:
    """Raises ``UsageError`` for what is no slug."""
    if not _SLUG.fullmatch(slug) or len(slug) > 80:
        raise UsageError(
            f"“{slug[:80]}” cannot be the name of a case or a set",
            hint="Use small letters, digits and hyphens, such as rectus-femoris-tear.",
        )
    return slug


def draft(connection: sqlite3.Connection, slug: str, hashes: Sequence[str]) -> Case:
    """A draft whose patient, technique and media come from the headers; never a name, number or date."""
    details = [_detail(connection, h) for h in hashes]
    title = slug.replace("-", " ").capitalize()
    return Case(
        slug=slug,
        title=title,
        status="draft",
        patient=patient_of(details),
        media=tuple(media_of(d, f"M{n}") for n, d in enumerate(details, 1)),
    )


def patient_of(details: Iterable[read.Detail]) -> Patient:
    """Age and sex as the headers tell them; where files differ (two patients, two studies) nothing is guessed."""
    facts = [d.facts for d in details]
    ages = {f.study.patient_age for f in facts if f.study.patient_age}
    sexes = {f.subject.patient_sex for f in facts if f.subject.patient_sex in ("M", "F", "O")}
    return Patient(
        age=_age(ages.pop()) if len(ages) == 1 else "", sex=(sexes.pop() or "") if len(sexes) == 1 else ""
    )


def save(
    rooms: Rooms,
    connection: sqlite3.Connection,
    case: Case,
    text: str,
    event: str,
    details: dict[str, object],
) -> None:
    """The record with its line in the ledger, then the index; what was read in its words is kept for who shows it."""
    content = text.encode()
    digest = hashlib.sha256(content).hexdigest()
    lines = [(event, case.slug, {"record_sha256": digest, **details})]
    events = rooms.put({rooms.layout.record(case.slug): content}, lines)
    score = record.completeness(case, text=text).score
    with index.transaction(connection):
        mined = write.put_case(connection, case, record_sha256=digest, completeness=score)
        write.add_events(connection, events)
    reports = read.reports_of(connection, (m.sha256 for m in case.media))
    keep(rooms.layout, case, reports, mined)


def check_against_clips(connection: sqlite3.Connection, case: Case, places: record.Places) -> None:
    """Raises ``RecordError`` where the record names frames or points that its clips do not have."""
    known = {}
    for sha256 in {m.sha256 for m in case.media if m.sha256}:
        detail = read.detail(connection, sha256)
        if detail is not None:
            instance = detail.facts.instance
            known[sha256] = Taken(sha256, detail.held.name, instance.frames, instance.columns, instance.rows)
    problems = tuple(check_places(case, known, places))
    if problems:
        raise RecordError(problems)


def add_media(rooms: Rooms, connection: sqlite3.Connection, slug: str, hashes: Iterable[str]) -> bool:
    """Put files into a case, making it as a draft where it does not exist. True where anything changed."""
    check_slug(slug)
    path = rooms.layout.record(slug)
    wanted = list(hashes)
    if not path.exists():
        if not wanted:
            return False
        case = draft(connection, slug, wanted)
        save(rooms, connection, case, record.dumps(case), "case-drafted", {"media": len(wanted)})
        return True
    text = path.read_text("utf-8")
    case = record.loads(text, slug=slug, file=str(path.name))
    new = [h for h in wanted if h not in {m.sha256 for m in case.media}]
    if not new:
        return False
    used = {m.id for m in case.media}
    numbers = (f"M{n}" for n in range(1, len(used) + len(new) + 1) if f"M{n}" not in used)
    more = tuple(media_of(_detail(connection, h), next(numbers)) for h in new)
    grown = replace(case, media=(*case.media, *more))
    save(rooms, connection, grown, record.update(text, grown), "case-grew", {"media": len(new)})
    return True


def media_of(detail: read.Detail, media_id: str) -> Media:
    """A clip of a case with what its header claims."""
    facts = detail.facts
    return Media(
        id=media_id,
        sha256=detail.held.sha256,
        name=detail.held.name,
        side=side(facts.claims),
        mode=next((m for m in _MODES if m in facts.modes), ""),
        key_frame=detail.key_frame if detail.key_frame_source == "person" else None,
    )


def _detail(connection: sqlite3.Connection, sha256: str) -> read.Detail:
    found = read.detail(connection, sha256)
    if found is None:
        raise NotFound("the archive holds no such file", where=sha256)
    return found


def _age(dicom: str) -> str:
    """``024Y`` as ``24 Y``."""
    match = re.fullmatch(r"0*([1-9]\d*)([YMWD])", dicom.strip())  # 000Y is a scanner's way to say nothing
    return f"{match[1]} {match[2]}" if match else ""
