"""What is fuzzed, and the contract of each: an outcome of the closed list, nothing outside, nothing half."""

from __future__ import annotations

import contextlib
import re
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from fuzzing import dicom, media, seeds, words
from fuzzing.numbers import LENGTHS, smudged

if TYPE_CHECKING:
    from casearchive import Archive
    from casearchive.model import Outcome

Mutator = Callable[[bytes, Random, list[bytes]], bytes]


class Broken(Exception):
    """The contract was not held."""


@dataclass(frozen=True)
class Target:
    """``run`` takes one mutant and a folder of its own and says in a few words what became of it."""

    seeds: Callable[[], list[bytes]]
    mutate: Mutator
    run: Callable[[bytes, Path], str]


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _plain(text: str) -> str:
    """What is said to a person holds nothing that moves a terminal."""
    if _CONTROL.search(text):
        raise Broken(f"control characters are said: {text[:200]!a}")
    return re.sub(r"\d+", "#", text)


# ----------------------------------------------------------------------------------------- files to a clip


def opened(content: bytes, folder: Path) -> str:
    """``open_clip`` and a look at some frames, as ingest, ``show`` and the airlock do it."""
    from casearchive.choices import REASONS
    from casearchive.errors import PictureUnavailable, UnreadableFile
    from casearchive.readers import open_clip
    from casearchive.readers._medium import file_ids
    from casearchive.readers._paper import paper

    path = folder / "mutant"
    path.write_bytes(content)
    try:
        clip = open_clip(path, "0" * 64)
    except MemoryError:
        return "damaged: it asks for more memory than there is"  # as a worker says, held to the same limit
    except UnreadableFile as refusal:
        if refusal.reason not in REASONS:
            raise Broken(f"no reason of the list: {refusal.reason}") from None
        if refusal.reason == "dicomdir":
            file_ids(path)
        return f"{refusal.reason}: {_plain(refusal.what)}"
    said = ["a paper"] if paper(path) is not None else []  # the program itself reads these, not a worker
    try:
        frames = clip.facts.instance.frames
        for number in sorted(n for n in {1, 2, frames // 2, frames} if 1 <= n <= frames):
            for look in (lambda n=number: clip.glimpse(n, 160), lambda n=number: clip.frame(n)):
                try:
                    shape = look().shape
                except PictureUnavailable as trouble:
                    said.append(_plain(trouble.what))
                else:
                    if len(shape) not in (2, 3) or shape[-1] < 1:
                        raise Broken(f"no picture: {shape}")
        for note in clip.facts.notes:
            said.append(_plain(note))
    finally:
        clip.close()
    return "opened; " + "; ".join(sorted(set(said)))


# --------------------------------------------------------------------------------------------------- words


def read_record(content: bytes, _: Path) -> str:
    from casearchive import record
    from casearchive.errors import RecordError

    text = content.decode("utf-8", "surrogateescape")
    try:
        case = record.loads(text, slug="a-case", file="case.toml")
    except RecordError as error:
        return "refused: " + ", ".join(
            sorted({re.sub(r'[“"].*?[”"]|\d+', "…", p.message) for p in error.problems})[:5]
        )
    again = record.loads(record.dumps(case), slug="a-case", file="case.toml")
    if again != case:
        raise Broken("what was written is not what was read")
    record.completeness(case, text=text)
    record.unknown_words(case)
    kept = record.update(text, case)
    if record.loads(kept, slug="a-case", file="case.toml") != case:
        raise Broken("writing it again changed it")
    return "read"


def teaching_file(content: bytes, _: Path) -> str:
    """A MIRC document, of which a case is made that can be written and read again."""
    from casearchive import record
    from casearchive.importers import mirc

    beside = ("a.jpg", "b.png", "img1.dcm")
    try:
        told = mirc.read(content, lambda name: name if name.lower() in beside else None).told
    except mirc.Refused as refusal:
        return "refused: " + re.sub(r"“.*?”|\d+", "…", str(refusal))[:80]
    case = replace(told.case, slug=told.case.slug or "a-case")
    if record.loads(record.dumps(case), slug=case.slug, file="case.toml") != case:
        raise Broken("what was written is not what was read")
    return "read; " + ", ".join(sorted({re.sub(r"“.*?”|\d+", "…", note)[:40] for note in told.notes})[:5])


class _Held:
    """An archive of the sample cases, made once a process, for questions and findings."""

    archive: Archive | None = None

    @classmethod
    def get(cls, folder: Path) -> Archive:
        if cls.archive is None:
            from casearchive import Archive

            place = folder / "held"
            shutil.rmtree(place, ignore_errors=True)
            (place / "in").mkdir(parents=True)
            for case in sorted((seeds.ROOT / "cases").iterdir())[:6]:
                shutil.copytree(case, place / "in" / case.name)
            cls.archive = Archive.create(place / "archive")
            cls.archive.ingest([place / "in"], workers=0)
        return cls.archive


def findings(content: bytes, folder: Path) -> str:
    """The first letter says whether it is a table or JSON lines."""
    from casearchive.errors import CaseArchiveError

    archive = _Held.get(folder)
    if content[:1] not in (b"T", b"J"):
        content = b"T" + content
    try:
        told = archive.import_findings(
            content[1:], json_lines=content[:1] == b"J", partial=True, as_written=True, dry_run=True
        )
    except CaseArchiveError as refusal:
        return "refused: " + re.sub(r'[“"].*?[”"]|\d+', "…", refusal.what)[:80]
    for complaint in told.complaints:
        str(complaint)
    return "read; " + ", ".join(
        sorted({re.sub(r'[“"].*?[”"]|\d+', "…", c.why)[:60] for c in told.complaints})[:4]
    )


def asked(content: bytes, folder: Path) -> str:
    from casearchive.errors import QueryError, UsageError

    archive = _Held.get(folder)
    text = content.decode("utf-8", "surrogateescape")
    try:
        found = archive.search(text, limit=5)
        archive.vocabulary(text)
    except QueryError as refusal:
        return "refused: " + re.sub(r"“.*?”|\d+", "…", refusal.args[0].splitlines()[0])[:60]
    except UsageError as refusal:
        return "refused: " + re.sub(r"“.*?”|\d+", "…", refusal.what)[:60]
    return f"{min(len(found.hits), 3)} hits {'loosened' if found.loosened else ''}"


# --------------------------------------------------------------------------------------- whole ingests, out again

_EACH = 24


def _batch_seeds() -> list[bytes]:
    return [struct.pack("<I", n) for n in range(64)]


def _batch(content: bytes, rng: Random, _: list[bytes]) -> bytes:
    """A batch is made from a number alone, so that it can be made again."""
    return struct.pack("<I", rng.getrandbits(32)) if content else content


class _Stock:
    parts: tuple[tuple[list[bytes], Mutator], ...] = ()

    @classmethod
    def get(cls) -> tuple[tuple[list[bytes], Mutator], ...]:
        if not cls.parts:
            objects = seeds.dicom()
            zips = seeds.zips(sorted(objects, key=len)[:6])
            cls.parts = (
                (objects, dicom.mutate),
                (seeds.stills(), media.mutate),
                (seeds.clips(), media.mutate),
                (seeds.records(), words.toml),
                (zips, zip_mutate),
            )
        return cls.parts


_NAMES = (b"../../../x", b"/tmp/xxxxx", b"C:\\xxxxxxx", b"folder/\0IM", b"\xff\xfe\x1b[2Jab", b"folder/../IM")


def zip_mutate(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    """Headers of members and the directory of a zip, its names, its packed bytes."""
    for _ in range(rng.choice((1, 2, 4))):
        places = [
            m.start() for m in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06|\x06\x06|\x06\x07)", content)
        ]
        if not places or rng.random() < 0.3:
            content = smudged(content, rng)
            continue
        at = rng.choice(places) + rng.randrange(4, 46)
        way = rng.randrange(4)
        if way == 0:
            width = rng.choice((2, 4))
            raw = (rng.choice(LENGTHS) & ((1 << 8 * width) - 1)).to_bytes(width, "little")
            content = content[:at] + raw + content[at + width :]
        elif way == 1:
            name = rng.choice((b"data/IM0", b"data/IM1"))
            content = content.replace(name, rng.choice(_NAMES)[:8].ljust(8, b"x"))
        elif way == 2:
            content = content[:at]
        else:
            content = content + rng.choice(others)
    return content


def _filled(content: bytes, folder: Path) -> int:
    """A folder of mutants, for the number in ``content``."""
    rng = Random(content)
    stock = _Stock.get()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = (
        "IM{}",
        "a{}.dcm",
        "ä {}.png",
        "x{}\n.mp4",
        "=1+{}.jpg",
        "<b>{}.tif",
        "{}" + "n" * 200,
        "DIR{}/IM",
        "-{}",
    )
    for n in range(_EACH):
        found, mutator = rng.choices(stock, (10, 5, 4, 0, 2))[0]
        path = folder / rng.choice(names).format(n)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(mutator(rng.choice(found), rng, found))
    case = folder / "case-folder"
    case.mkdir()
    found, mutator = stock[3]
    (case / "case.toml").write_bytes(mutator(rng.choice(found), rng, found))
    (case / "loop.dcm").write_bytes(dicom.mutate(rng.choice(stock[0][0]), rng, stock[0][0]))
    return sum(1 for p in folder.rglob("*") if p.is_file())


def _taken(content: bytes, folder: Path) -> tuple[Archive, list[Outcome]]:
    from casearchive import Archive
    from casearchive.choices import REASONS

    place = folder / "run"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    count = _filled(content, place / "in")
    before = sorted((p, p.lstat().st_mtime_ns) for p in (place / "in").rglob("*"))
    outcomes: list[Outcome] = []
    archive = Archive.create(place / "archive")
    archive.ingest([place / "in"], workers=1, report=outcomes.append)
    if before != sorted((p, p.lstat().st_mtime_ns) for p in (place / "in").rglob("*")):
        raise Broken("the source was changed")
    for outcome in outcomes:
        if outcome.reason is not None and outcome.reason not in REASONS:
            raise Broken(f"no reason of the list: {outcome.reason}")
        if outcome.reason in ("internal-error", "timed-out") or "without a word" in outcome.message:
            _kept(outcome.path, place, folder)
            raise Broken(f"{outcome.reason}: {outcome.message}")
        for text in (outcome.path, outcome.message, *outcome.notes):
            _plain(text.replace("\n", " "))
    if len({o.path.partition("!")[0] for o in outcomes}) < count:
        raise Broken(f"{count} files, but outcomes for {len({o.path for o in outcomes})}")
    faults = archive.verify(full=True).faults
    if faults:
        raise Broken(f"verify: {faults[0].code} {faults[0].meaning}")
    _nothing_outside(place, folder)
    return archive, outcomes


def _kept(shown: str, place: Path, folder: Path) -> None:
    """The one file that broke it, beside the batch, for whoever looks at the finding."""
    with contextlib.suppress(OSError):
        shutil.copy(shown, folder / "culprit")


def _nothing_outside(place: Path, folder: Path) -> None:
    strangers = {p.name for p in place.iterdir()} - {"in", "archive", "out"}
    strangers |= {p.name for n in ("home", "tmp") for p in (folder / n).rglob("*") if p.is_file()}
    if strangers:
        raise Broken(f"written outside the archive: {sorted(strangers)[:5]}")
    left = [p.name for p in (place / "archive" / "tmp").glob("*")]
    if left:
        raise Broken(f"left in tmp: {left[:5]}")


def ingested(content: bytes, folder: Path) -> str:
    archive, outcomes = _taken(content, folder)
    for outcome in outcomes:
        if outcome.outcome == "added" and outcome.kind != "case" and outcome.sha256:
            archive.show(outcome.sha256)
    archive.search("", limit=100)
    return f"{sum(o.outcome == 'added' for o in outcomes)} added"


def let_out(content: bytes, folder: Path) -> str:
    """What was taken is shown, drawn and exported: the ways on which the main process looks at pixels again."""
    from casearchive.errors import CaseArchiveError

    archive, outcomes = _taken(content, folder)
    hashes = [o.sha256 for o in outcomes if o.outcome == "added" and o.kind != "case" and o.sha256]
    said = set()
    for sha256 in hashes:
        for ask in (archive.frames, lambda h: archive.show(h, make=("preview", "poster"))):
            try:
                ask(sha256)
            except CaseArchiveError as refusal:
                said.add(_plain(refusal.what))
    if hashes:
        archive.new("drawn", media=tuple(dict.fromkeys(hashes))[:12])
        archive.edit("drawn", {"status": "ready", "title": "A title", "author.name": "A. Teacher"})
        for number in range(1, 13):
            try:  # a person who lets a corner of every clip leave, so that there is something to let out
                archive.review([f"drawn:M{number}"], "mask", keep=["box 0,0,11,11"], because="a corner")
            except CaseArchiveError as refusal:
                said.add(_plain(refusal.what)[:60])
        try:
            archive.export(["drawn"], formats=("folder", "html", "dicom", "csv"), to=folder / "run" / "out")
        except CaseArchiveError as refusal:
            said.add(type(refusal).__name__)
        else:
            said.add("exported")
        _nothing_outside(folder / "run", folder)
    return ", ".join(sorted(said))[:300]


TARGETS = {
    "dicom": Target(seeds.dicom, dicom.mutate, opened),
    "still": Target(seeds.stills, media.mutate, opened),
    "clip": Target(seeds.clips, media.mutate, opened),
    "record": Target(seeds.records, words.toml, read_record),
    "document": Target(seeds.documents, words.xml, teaching_file),
    "table": Target(seeds.tables, words.csv, findings),
    "lines": Target(seeds.lines, words.json, findings),
    "query": Target(seeds.queries, words.query, asked),
    "ingest": Target(_batch_seeds, _batch, ingested),
    "export": Target(_batch_seeds, _batch, let_out),
}
