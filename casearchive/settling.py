"""What a run that was cut off had begun (killed, out of room, without power): the next writer finishes what the ledger
has a line of, and takes back what it has none of.

The line of the ledger is the moment from which something counts. Before it: bytes under their hash, new records beside
the old ones. After it: names, rows, the bytes of what was removed. An original without a line stays: nobody said that
it was taken, the run it came with takes it when it is run again, and nothing is thrown away here.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence, Set

from casearchive import index, removing, repair, teachingsets, truth
from casearchive.errors import CaseArchiveError, Damaged
from casearchive.files import digest_of, open_plain, sync_folder, waiting, write_durably
from casearchive.index import read, write
from casearchive.ingest import filing
from casearchive.ingest.crew import Crew
from casearchive.ingest.gather import Gathered, Task
from casearchive.rooms import Rooms


@contextlib.contextmanager
def writer(
    rooms: Rooms, say: Callable[[str], None] = lambda _: None, wait: float | None = None
) -> Iterator[Rooms]:
    """Be the one writer, of an archive in which nothing is half done. Raises ``ArchiveBusy``."""
    with rooms.writer(say, wait) as cut_off:
        if cut_off:
            settle_and_say(rooms, say)
        yield rooms


def settle_if_alone(rooms: Rooms) -> None:
    """For whoever only reads: settled where nobody writes, and where it can be written to; and what is new is noted."""
    with contextlib.suppress(CaseArchiveError, OSError), writer(rooms, wait=0.0):
        truth.note_new(rooms)


def settle_and_say(rooms: Rooms, say: Callable[[str], None]) -> None:
    if settle(rooms):
        say("The last run was cut off or failed; what it had begun is settled.")


def settle(rooms: Rooms) -> bool:
    """Whether there was anything to settle. The caller is the writer. An index or a ledger that is damaged is left to
    ``verify``."""
    found = [rooms.sweep()]
    with contextlib.suppress(Damaged):
        told = truth.Told(rooms.told())
        found += [_cut_torn_end(rooms), _name(rooms, told.noted)]
        with index.writing(rooms.layout.index) as connection:
            found.append(_catch_up(rooms, connection, told.gone))
        found.append(_finish_removals(rooms, told))
    return any(found)


def _cut_torn_end(rooms: Rooms) -> bool:
    """Lines that do not fit the chain, kept in ``quarantine/``. One that was only begun is cut off by the next one."""
    size = rooms.ledger.sound()
    with open_plain(rooms.layout.ledger) as file:
        file.seek(size)
        end = file.read()
    torn = b"\n" in end
    if torn:
        write_durably(repair.free_place(rooms.layout, rooms.layout.ledger), end)
        rooms.ledger.cut(size)
    return torn


def _name(rooms: Rooms, noted: Mapping[str, str]) -> bool:
    """Small files that wait beside the old ones: what the ledger noted takes its place, the rest goes."""
    found = False
    for folder in truth.folders(rooms.layout):
        for beside, place in waiting(folder):
            found = True
            if noted.get(place.relative_to(rooms.layout.root).as_posix()) == digest_of(beside):
                beside.replace(place)
            else:
                beside.unlink()
            sync_folder(folder)
    return found


def _catch_up(rooms: Rooms, connection: sqlite3.Connection, gone: Set[str]) -> bool:
    """Tell the index, in one transaction, what the ledger says and it never heard."""
    missed = rooms.ledger.after(read.behind(connection))
    if not missed:
        return False
    names = {e.subject: str(e.details.get("name", "")) for e in missed if e.event == "ingested"}
    lacking = [s for s in names if s not in gone and read.kind_and_uid(connection, s) is None]
    found = _looked_at(rooms, [s for s in lacking if rooms.store.has(s)])
    with index.transaction(connection):
        sound = [(gathered, names[gathered.sha256]) for gathered in found if gathered.facts is not None]
        filing.put_files(rooms, connection, [(filing.with_claims(g, name), name) for g, name in sound])
        changed = []
        for slug in {e.subject for e in missed if "record_sha256" in e.details} - gone:
            with contextlib.suppress(CaseArchiveError, OSError, UnicodeDecodeError):  # verify tells of it
                changed.append(filing.recorded(rooms, slug))
        write.put_cases(connection, changed)
        for slug in {e.subject for e in missed if "set_sha256" in e.details or e.event == truth.GONE}:
            _put_set(rooms, connection, slug)
        write.add_events(connection, missed)
    return True


def _looked_at(rooms: Rooms, hashes: Sequence[str]) -> list[Gathered]:
    crew = Crew(min(2, len(hashes)))
    try:
        for sha256 in hashes:
            crew.submit(Task(rooms.layout.root, None, sha256))
        return [crew.next() for _ in hashes]
    finally:
        crew.close()


def _put_set(rooms: Rooms, connection: sqlite3.Connection, slug: str) -> None:
    path = rooms.layout.teaching_set(slug)
    if not path.is_file():
        write.remove_set(connection, slug)
        return
    with contextlib.suppress(CaseArchiveError):
        write.put_set(connection, teachingsets.load(path))


def _finish_removals(rooms: Rooms, told: truth.Told) -> bool:
    """Where the ledger ends with removals, nobody knows how far they came: they are done again from there. A record
    that is not what was removed is somebody's own, and stays."""
    cases = [
        slug
        for slug, event in told.last.items()
        if event == truth.CASE_REMOVED
        and digest_of(rooms.layout.record(slug)) in ("", told.before.get(f"cases/{slug}.toml"))
    ]
    files = [sha256 for sha256, event in told.last.items() if event == truth.FILE_REMOVED]
    if cases or files:
        removing.finish(rooms, cases, files)
    return bool(cases or files)
