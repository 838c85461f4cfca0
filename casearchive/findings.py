"""Writing down what was found: annotations into a record, saved like any change of it; findings in and out of files.

Ids are never given twice: the ledger keeps those of findings that were removed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from casearchive import index, record
from casearchive.errors import CaseArchiveError, UsageError
from casearchive.index import read
from casearchive.ingest import drafts
from casearchive.measurements import checked
from casearchive.model import Case, Facts
from casearchive.record.annotating import Annotation, Refused, Revision, revised
from casearchive.record.checking import contradictions, guessed
from casearchive.record.chosen import chosen
from casearchive.record.findings_reading import Complaint, Given
from casearchive.record.importing import as_given, imported, is_there, lost
from casearchive.record.table import FINDING
from casearchive.rooms import Rooms
from casearchive.terms import lexicon

EVENT = "case-annotated"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A case with its annotations: the text of its record, and what was done to it.

    ``left_aside`` are words that nothing was made of; the whole line is kept as the finding's note then.
    ``saved`` tells whether the archive holds it, ``changed`` whether it says anything that the record did not.
    """

    revision: Revision
    text: str
    saved: bool
    changed: bool
    left_aside: tuple[str, ...] = ()

    @property
    def case(self) -> Case:
        return self.revision.case


def annotate(
    rooms: Rooms,
    slug: str,
    before_text: str,
    annotations: Sequence[Annotation],
    *,
    words: Sequence[str] = (),
    remove: Sequence[str] = (),
    as_written: bool = False,
    dry_run: bool = False,
) -> Annotated:
    """Write ``annotations``, and what ``words`` say, into the record of a case, whose text is ``before_text``.

    The caller holds the writer's lock. Raises ``RecordError`` where the record cannot be read, and ``Refused``
    with everything that cannot be written; nothing is written then.
    """
    from casearchive.record.plain_words import understood

    before = record.loads(before_text, slug=slug, file=f"cases/{slug}.toml")
    wanted = _together(
        annotations,
        [u for line in words for u in understood(line, [m.id for m in before.media], _target(annotations))],
    )
    with index.writing(rooms.layout.index) as connection:
        revision = revised(
            before,
            wanted,
            remove=remove,
            files=facts(connection, before),
            used=used_ids(connection, slug),
            as_written=as_written,
        )
        text = record.update(before_text, revision.case)
        if not dry_run and text != before_text:
            save(rooms, connection, before, revision.case, text, EVENT, {"findings": list(revision.findings)})
    left = tuple(word for annotation in wanted for word in annotation.left_aside)
    return Annotated(revision, text, not dry_run, text != before_text, tuple(dict.fromkeys(left)))


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file of findings.

    ``cases`` are those that changed (or would, in a dry run), ``findings`` how many rows were taken into them;
    ``complaints`` is everything that was not understood; ``saved`` tells whether the archive holds the rest.
    ``notes`` are what a person should know: what a case loses by it, values that differ from their points.
    """

    cases: tuple[str, ...]
    findings: int
    complaints: tuple[Complaint, ...]
    saved: bool
    notes: tuple[str, ...] = ()


def take(
    rooms: Rooms,
    texts: Callable[[str], str],
    given: Sequence[Given],
    complaints: Sequence[Complaint],
    *,
    partial: bool = False,
    as_written: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Put the findings of a file into their cases; ``texts`` gives the record of a case, ``complaints`` are the
    file's own. The caller holds the writer's lock.

    Where anything is not understood nothing is written, unless ``partial``: then all findings but those.
    """
    bad = {c.cell.line for c in complaints}
    good = [g for g in given if not bad & {g.line, *(cell.line for cell in g.cells.values())}]
    told = list(complaints)
    ready: list[tuple[Case, Case, str, int]] = []
    notes: list[str] = []
    with index.writing(rooms.layout.index) as connection:
        for slug in dict.fromkeys(g.case for g in good):
            own = [g for g in good if g.case == slug]
            try:
                text = texts(slug)
                before = record.loads(text, slug=slug, file=f"cases/{slug}.toml")
            except CaseArchiveError as error:
                told += [Complaint(g.cell(("case",)), error.what or str(error)) for g in own]
                continue
            files, used = facts(connection, before), used_ids(connection, slug)
            after, refused = imported(before, own, files=files, used=used, as_written=as_written)
            if refused:
                told += dict.fromkeys(c for _, c in refused)
                own = [g for g in own if not any(g is owner for owner, _ in refused)]
                after, refused = imported(before, own, files=files, used=used, as_written=as_written)
                told += dict.fromkeys(c for _, c in refused)
            if own and not refused and after != before:
                ready.append((before, after, text, len(own)))
                said = (
                    *lost(before, after),
                    *_apart(before, after, files),
                    *_odd(before, after),
                    *_taken_for(own),
                )
                notes += [f"{slug}: {line}" for line in said]
        writes = not dry_run and (partial or not told)
        for before, after, text, count in ready if writes else ():
            new = record.update(text, after)
            save(rooms, connection, before, after, new, EVENT, {"findings": count})
    told.sort(key=lambda c: c.cell.line)
    return Imported(
        tuple(after.slug for _, after, _, _ in ready),
        sum(n for *_, n in ready),
        tuple(told),
        writes,
        tuple(notes),
    )


def take_report(
    rooms: Rooms,
    texts: Callable[[str], str],
    file: Path,
    slug: str,
    *,
    partial: bool = False,
    as_written: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Put the findings of a DICOM measurement report into a case, as ``take`` does with those of a table.

    Raises ``UsageError`` where ``file`` is no such report, or points to none of the case's pictures.
    """
    from casearchive.importers import measurements
    from casearchive.importers._places import Pictured
    from casearchive.readers._paper import paper

    report = paper(file) if file.is_file() else None
    if report is None or not measurements.is_report(report):
        raise UsageError(
            "this is no DICOM measurement report",
            where=str(file),
            hint="It takes reports of PS3.16 TID 1500.",
        )
    case = record.loads(texts(slug), slug=slug, file=f"cases/{slug}.toml")
    with index.writing(rooms.layout.index) as connection:
        known = facts(connection, case)
    pictures = {
        (i := known[media.id].instance).sop_instance_uid: Pictured(media, i.frames, i.columns, i.rows)
        for media in reversed(case.media)
        if media.id in known
    }
    if not set(measurements.shown_in(report)) & set(pictures):
        raise UsageError(
            f"the report points to no picture of {slug}",
            where=str(file),
            hint="See which pictures a case has with: casearchive show CASE",
        )
    found = measurements.read([report], pictures)
    told = replace(case, findings=tuple(found.findings), measurements=tuple(found.measurements))
    given = [one for one in as_given(told) if not is_there(case, one)]
    done = take(rooms, texts, given, (), partial=partial, as_written=as_written, dry_run=dry_run)
    return replace(done, notes=(*found.notes, *done.notes))


def _apart(before: Case, after: Case, files: Mapping[str, Facts]) -> Iterator[str]:
    """New values that their points contradict."""
    kept = set(before.measurements)
    for row, found in zip(after.measurements, checked(after, files), strict=True):
        if found.agrees is False and row not in kept:
            yield f"{row.finding + ' ' if row.finding else ''}{row.what}: {found.note}"


def _odd(before: Case, after: Case) -> Iterator[str]:
    """Contradictions in what is new."""
    known = {*contradictions(before, [f.id for f in before.findings])}
    return (line for line in contradictions(after, [f.id for f in after.findings]) if line not in known)


def _taken_for(given: Sequence[Given]) -> Iterator[str]:
    for one in given:
        for written, meant in guessed(FINDING, one.facts):
            yield f"line {one.line}: “{written}” is taken for {meant}"


def _target(annotations: Sequence[Annotation]) -> str:
    """The finding that a lone annotation changes: what words tell is told of it too."""
    target = annotations[0].target if len(annotations) == 1 else ""
    return "" if ":" in target else target


def _together(annotations: Sequence[Annotation], told: Sequence[Annotation]) -> list[Annotation]:
    """What options say beside one finding in words is said of that finding; it must not contradict the words."""
    more = annotations[0] if len(annotations) == 1 else None
    if (
        not told
        or more is None
        or more.finding.get("abnormality")
        or not (more.finding or more.evidence or more.measurements)
    ):
        return [*told, *annotations] if not _target(annotations) else [*annotations, *told]
    if len(told) > 1:
        raise Refused((("options", f"the words tell {len(told)} findings: of which one are the options?"),))
    words = told[0]
    for key, value in more.finding.items():
        if (
            key in ("side", "structure")
            and words.finding.get(key, value) != chosen(FINDING, {key: value})[key]
        ):
            said, other = more.said.get(key, key), words.said.get(key, key)
            if key == "side" or not _same(str(value), str(words.finding[key])):
                raise Refused(((said, f"contradicts the words, which say {other}"),), "Nothing was written.")
    return [
        replace(
            more,
            finding={**words.finding, **more.finding},
            evidence={**words.evidence, **more.evidence},
            measurements=(*words.measurements, *more.measurements),
            said={
                **{k: v for k, v in words.said.items() if not k.startswith("measure")},
                **{f"measure {n}": words.said[f"measure {n}"] for n in range(len(words.measurements))},
                **{k: v for k, v in more.said.items() if not k.startswith("measure")},
                **{
                    f"measure {len(words.measurements) + n}": more.said[f"measure {n}"]
                    for n in range(len(more.measurements))
                },
            },
            left_aside=words.left_aside,
        )
    ]


def _same(one: str, other: str) -> bool:
    found = lexicon().resolve(one)
    return found is not None and found.id == other


def save(
    rooms: Rooms,
    connection: sqlite3.Connection,
    before: Case | None,
    after: Case,
    text: str,
    event: str,
    details: dict[str, object],
) -> None:
    """Save a changed record; the ledger line names the findings that are gone."""
    removed = sorted({f.id for f in before.findings} - {f.id for f in after.findings}) if before else []
    drafts.save(
        rooms, connection, after, text, event, {**details, **({"removed": removed} if removed else {})}
    )


def used_ids(connection: sqlite3.Connection, slug: str) -> set[str]:
    """The ids that findings of this case once had, as the ledger tells."""
    return {
        str(i) for event in read.events(connection, subject=slug) for i in event.details.get("removed", ())
    }


def facts(connection: sqlite3.Connection, case: Case) -> dict[str, Facts]:
    """The facts of the clips of a case, by media id; a clip whose file is missing is left out."""
    found = {m.id: read.detail(connection, m.sha256) for m in case.media if m.sha256}
    return {media: detail.facts for media, detail in found.items() if detail is not None}
