"""What waits for a person's eyes before it may leave, and what they decided.

A decision is a line of the ledger about the bytes of one file. Clips whose screens are laid out alike have one
*layout*: fifty clips of one scanner are one look and one decision. Nothing here lets anything out: ``release`` does,
and asks the airlock, which asks what was decided.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from casearchive import abreast, index
from casearchive.clip import Clip, Sounding
from casearchive.deid import decisions as deciding
from casearchive.deid import looking, scanners
from casearchive.deid.decisions import Decision, Heard
from casearchive.deid.keeping import NOT_ABLE, Kept, doubt_of, safe_area
from casearchive.deid.looking import Looked
from casearchive.deid.needles import Needle
from casearchive.deid.needles import build as needles_of
from casearchive.deid.pixels import MOST_OF_THE_FRAME, Area, Box, whole
from casearchive.deid.refusal import REVIEW, Refusal
from casearchive.deid.scanners import Scanner
from casearchive.deid.shapes import Shape
from casearchive.deid.words import find, hits
from casearchive.errors import NotFound, PictureUnavailable, UsageError
from casearchive.files import private_folder, write_lightly
from casearchive.index import read, write
from casearchive.model import Case, Facts, Identifier, Media
from casearchive.rooms import Rooms

WAITS, PASSES, DECIDED, CANNOT = "waits", "passes", "decided", "cannot leave"
LEARNT = "scanner-learnt"

_Said = TypeVar("_Said")
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reviewable:
    """One clip of one case, as the airlock would judge its pixels. ``state`` is waits, passes, decided or cannot
    leave; ``texts`` are the frames (from 1) with what looks like text inside the kept area, and where."""

    case: str
    media: str
    sha256: str
    layout: str
    scanner: str
    state: str
    reason: str
    frames: int
    texts: tuple[tuple[int, tuple[Box, ...]], ...] = ()
    decision: Decision | None = None

    @property
    def ref(self) -> str:
        return f"{self.case}:{self.media}"


# ------------------------------------------------------------------------------------------------ judging


def decided(connection: sqlite3.Connection, hashes: Iterable[str]) -> dict[str, Decision]:
    """The last decision about each of these files, where there is one that stands."""
    return _last(connection, hashes, deciding.REVIEWED, deciding.read)


def heard(connection: sqlite3.Connection, hashes: Iterable[str]) -> dict[str, Heard]:
    """Whose sound a person lets out, by file."""
    return _last(connection, hashes, deciding.LISTENED, deciding.heard)


def _last(
    connection: sqlite3.Connection,
    hashes: Iterable[str],
    event: str,
    understood: Callable[[Mapping[str, Any], str, str], _Said | None],
) -> dict[str, _Said]:
    """Of each file what its last line of this kind says, where that stands."""
    found = {}
    for sha256 in hashes:
        lines = [e for e in read.events(connection, subject=sha256) if e.event == event]
        last = understood(lines[-1].details, lines[-1].who, lines[-1].at) if lines else None
        if last is not None:
            found[sha256] = last
    return found


def profiles(rooms: Rooms) -> tuple[Scanner, ...]:
    """The archive's scanner profiles. Raises ``ScannerError``."""
    return scanners.read_folder(rooms.layout.scanners)


def reviewables(
    rooms: Rooms, cases: Sequence[Case], tell: Tell = lambda _what, _done, _total: None
) -> tuple[Reviewable, ...]:
    """Every clip of these cases that is in the archive. ``tell(clip, done, total)`` hears of each clip that is done:
    every frame of it is looked at once, and what was seen is kept in the cache."""
    known = profiles(rooms)
    found: list[Reviewable] = []
    with index.reading(rooms.layout.index) as connection:
        decisions = decided(connection, {m.sha256 for case in cases for m in case.media if m.sha256})
        people = {c.slug: read.identifiers(connection, (m.sha256 for m in c.media)) for c in cases}
    needles = {slug: needles_of(some) for slug, some in people.items()}

    def judged(one: tuple[Case, Media]) -> Reviewable | None:
        case, media = one
        with rooms.opened(media.sha256) as clip:
            if clip is None:
                return None
            decision = decisions.get(media.sha256)
            told = _judged(rooms, clip, media.sha256, decision, known, needles[case.slug])
            return replace(told, case=case.slug, media=media.id)

    clips = [(case, media) for case in cases for media in case.media]
    with contextlib.closing(abreast.in_order(judged, clips, abreast.few())) as results:
        for number, ((case, media), told) in enumerate(zip(clips, results, strict=True), 1):
            tell(f"{case.slug}:{media.id}", number, len(clips))
            found += [told] if told is not None else []
    return tuple(found)


def _judged(
    rooms: Rooms,
    clip: Clip,
    sha256: str,
    decision: Decision | None,
    known: Sequence[Scanner],
    needles: tuple[Needle, ...],
) -> Reviewable:
    facts = clip.facts
    kept = safe_area(facts, decision, known)
    one = Reviewable(
        "", "", sha256, layout_of(facts), _scanner(facts), PASSES, "", facts.instance.frames, (), decision
    )
    if isinstance(kept, Refusal):
        if decision is not None and decision.kind == deciding.REFUSE:
            return replace(one, state=DECIDED, reason=kept.reason)
        return replace(one, state=WAITS if kept.decide == REVIEW else CANNOT, reason=kept.reason)
    try:
        looked = looking.looked(clip, kept.area, sha256=sha256, memory=Remembered(rooms))
    except PictureUnavailable as error:
        return replace(one, state=CANNOT, reason=error.what)
    outline = looked.outline if kept.plain else None
    texts = tuple(
        (n, looking.in_the_way(seen, outline, kept.area))
        for n, seen in sorted(looked.frames.items())
        if looking.waits(seen, outline, kept.area, needles)
    )
    one = replace(one, texts=texts)
    doubt = doubt_of(looked.doubts, kept)
    if doubt is not None:
        return replace(one, state=WAITS, reason=doubt.reason)
    if texts and not kept.approved:
        where = looking.numbered([n for n, _ in texts])
        return replace(one, state=WAITS, reason=f"something like text inside the scan area, frame {where}")
    if not kept.approved and not looking.able():
        return replace(one, state=WAITS, reason=NOT_ABLE.reason)
    return one if decision is None else replace(one, state=DECIDED)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was seen of text in a file, kept in the archive's cache: every picture is looked at once. A dry run writes
    nothing and is not ``learning``."""

    rooms: Rooms
    learning: bool = True

    def recall(self, sha256: str, area: Area) -> Looked | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(self.rooms.layout.looked(sha256).read_text("utf-8"))
            if said["key"] == self._key(area):
                return Looked.read(said)
        return None

    def keep(self, sha256: str, area: Area, looked: Looked) -> None:
        if not self.learning:
            return
        said = {"key": self._key(area), **looked.plain()}
        write_lightly(self.rooms.layout.looked(sha256), json.dumps(said).encode())

    def _key(self, area: Area) -> str:
        return f"{looking.version()} {area.digest}"


def layout_of(facts: Facts) -> str:
    """Six letters and digits for all screens that are laid out like this one: kind, scanner, size and regions."""
    regions = sorted((r.min_x0, r.min_y0, r.max_x1, r.max_y1, r.data_type or 0) for r in facts.regions)
    size = (facts.instance.rows, facts.instance.columns)
    told = repr((facts.kind, scanners.machine(facts), size, regions))
    return hashlib.sha256(told.encode()).hexdigest()[:6]


def _scanner(facts: Facts) -> str:
    maker, model, _ = scanners.machine(facts)
    named = " ".join(filter(None, (maker, model))) or {"image": "a still", "clip": "a clip"}.get(
        facts.kind, "an unnamed scanner"
    )
    return f"{named}, {facts.instance.columns} x {facts.instance.rows}"


# ------------------------------------------------------------------------------------------------ deciding


def chosen(among: Sequence[Reviewable], words: Sequence[str]) -> tuple[Reviewable, ...]:
    """Those that any of ``words`` names: a layout, a case, ``case:M2`` or the beginning of a SHA-256.

    Raises ``NotFound`` for a word that names none.
    """
    found: dict[str, Reviewable] = {}
    for word in words:
        named = [r for r in among if word in (r.layout, r.case, r.ref)]
        if not named and len(word) >= 8:
            named = [r for r in among if r.sha256.startswith(word.lower())]
        if not named:
            raise NotFound(
                "no clip of a case is called that",
                where=word[:80],
                hint="Name a layout, a case, or a clip as CASE:M2; see them with: casearchive review list --all",
            )
        found.update({r.ref: r for r in named})
    return tuple(found.values())


def decide(
    rooms: Rooms,
    clips: Sequence[Reviewable],
    kind: str,
    *,
    keep: tuple[Shape, ...] = (),
    remove: tuple[Shape, ...] = (),
    entire: bool = False,
    because: str = "",
    dry_run: bool = False,
) -> None:
    """Write one decision about each of these clips to the ledger; all of them, or none.

    ``entire`` approves the whole picture, to its edges. Raises ``UsageError`` where a clip cannot be decided so: the
    shapes lie outside it, or nothing says which part of it is the scan. The caller is the writer.
    """
    known = profiles(rooms)
    with index.writing(rooms.layout.index) as connection:
        rooms.catch_up(connection)
        standing = decided(connection, {c.sha256 for c in clips})
        people = read.identifiers(connection, (c.sha256 for c in clips))
    _plain_words("--because", because, people)
    lines = []
    for one in {c.sha256: c for c in clips}.values():
        its_keep, its_remove = keep, remove
        with rooms.opened(one.sha256) as clip:
            if clip is None:
                raise NotFound("its file is not at hand", where=one.ref)
            before = standing.get(one.sha256)
            if (
                kind == deciding.APPROVE
                and not entire
                and before is not None
                and before.kind != deciding.REFUSE
            ):
                its_keep, its_remove = before.keep, before.remove  # what was masked is what is approved
            if entire:
                its_keep = whole(clip.facts)
            area = "" if its_keep else _kept_now(clip.facts, known)
            decision = Decision(kind, because=because, keep=its_keep, remove=its_remove, area=area)
            if kind in (deciding.APPROVE, deciding.MASK):
                kept = safe_area(clip.facts, decision, known)
                if isinstance(kept, Refusal):
                    raise UsageError(kept.reason, where=one.ref, hint=_how(one.layout))
        lines.append((deciding.REVIEWED, one.sha256, {**decision.details(), "case": one.case}))
    if not dry_run:
        rooms.note(lines)


def listened(
    rooms: Rooms,
    clips: Sequence[Reviewable],
    *,
    leaves: bool = True,
    because: str = "",
    dry_run: bool = False,
) -> None:
    """Write to the ledger that somebody listened to these clips and lets their sound out with them, or takes that back.

    Raises ``UsageError`` where a clip has no sound; nothing is written then. The caller is the writer.
    """
    with index.writing(rooms.layout.index) as connection:
        rooms.catch_up(connection)
        people = read.identifiers(connection, (c.sha256 for c in clips))
    _plain_words("--because", because, people)
    for one in clips if leaves else ():
        with rooms.opened(one.sha256) as clip:
            if not _sounds(clip):
                raise UsageError("there is no sound in it that could leave", where=one.ref)
    if not dry_run:
        files = {c.sha256: c for c in clips}.values()
        rooms.note(
            [
                (deciding.LISTENED, c.sha256, {"leaves": leaves, "because": because, "case": c.case})
                for c in files
            ]
        )


def _sounds(clip: object) -> bool:
    return isinstance(clip, Sounding) and clip.sounds


def note_drawn(rooms: Rooms, layout: str, hashes: Iterable[str]) -> None:
    """Remember which files stood on a contact sheet of this layout."""
    private_folder(rooms.layout.sheets)
    known = _drawn(rooms, layout).union(hashes)
    write_lightly(rooms.layout.sheets / f"{layout}.json", json.dumps(sorted(known)).encode())


def _drawn(rooms: Rooms, layout: str) -> frozenset[str]:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return frozenset(map(str, json.loads((rooms.layout.sheets / f"{layout}.json").read_text("utf-8"))))
    return frozenset()


def must_be_seen(rooms: Rooms, clips: Sequence[Reviewable], words: Collection[str]) -> None:
    """A whole layout is approved by what was on its sheet; a clip that came later must be looked at, or named.

    Raises ``UsageError`` naming the clips that were on none.
    """
    for layout in dict.fromkeys(c.layout for c in clips if c.layout in words):
        drawn = _drawn(rooms, layout)
        unseen = [c.ref for c in clips if c.layout == layout and c.sha256 not in drawn]
        if unseen:
            more = f" and {len(unseen) - 3} more" if len(unseen) > 3 else ""
            raise UsageError(
                f"nobody was shown these clips of layout {layout}: {', '.join(unseen[:3])}{more}",
                hint=f"Look first: casearchive review show {layout}",
            )


def _plain_words(where: str, text: str, people: Collection[Identifier]) -> None:
    """What goes into a certificate tells of nobody. Raises ``UsageError``."""
    hit = next(iter(hits(where, text, needles_of(people))), None)
    if hit is not None:
        raise UsageError("these words leave with the clip, and they tell who somebody is", where=str(hit))


def _kept_now(facts: Facts, known: Sequence[Scanner]) -> str:
    """The digest of what is kept without a person's shapes; empty where nothing says what."""
    kept = safe_area(facts, None, known)
    return kept.area.digest if isinstance(kept, Kept) else ""


def _how(layout: str) -> str:
    return (
        f"Look at it with: casearchive review show {layout}\n"
        f'  Keep its scan only: casearchive review mask {layout} --keep "box X0,Y0,X1,Y1"'
    )


def learn(rooms: Rooms, clip: Reviewable, name: str) -> Path:
    """A scanner profile of what a person keeps of this clip: files of the same scanner, software and size need no
    decision of their own from now on. The caller is the writer.

    Raises ``UsageError`` where there is nothing to learn, or where the profile could fit too much or tell too much.
    """
    from casearchive.ingest.run import slugified

    decision = clip.decision
    if decision is None or decision.kind == deciding.REFUSE or not decision.keep:
        raise UsageError(
            "nobody decided yet which part of it is the scan",
            where=clip.ref,
            hint=f'Decide with: casearchive review mask {clip.ref} --keep "box X0,Y0,X1,Y1"',
        )
    with rooms.opened(clip.sha256) as its:
        if its is None:
            raise NotFound("its file is not at hand", where=clip.ref)
        facts = its.facts
    _plain_words("--name", name, facts.identifiers)
    maker, model, software = scanners.machine(facts)
    if facts.kind != "dicom" or not maker or not model:
        raise UsageError(
            "it does not say which scanner made it, so that a profile would fit too much", where=clip.ref
        )
    if any(find(" ".join((maker, model, software)), needles_of(facts.identifiers))):
        raise UsageError("the name of its scanner holds an identity, and a profile is shared", where=clip.ref)
    kept = safe_area(facts, decision, ())
    if isinstance(kept, Refusal) or kept.area.fraction > MOST_OF_THE_FRAME:
        raise UsageError(
            "its mask keeps nearly the whole screen: that is no profile of a scan", where=clip.ref
        )
    learnt = Scanner(
        name or f"layout {clip.layout}, {facts.instance.columns} x {facts.instance.rows}",
        maker, model, software, facts.instance.rows or 0, facts.instance.columns or 0,
        decision.keep, decision.remove, f"{decision.at[:10]} by {decision.who}",
    )  # fmt: skip
    private_folder(rooms.layout.scanners)
    path = rooms.layout.scanners / f"{slugified(learnt.name)[:60]}-{clip.layout}.toml"
    content = scanners.written(learnt).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    line = (LEARNT, path.stem, {"file": path.name, "from": clip.sha256, "sha256": sha256})
    events = rooms.put({path: content}, [line])
    with index.writing(rooms.layout.index) as connection, index.transaction(connection):
        write.add_events(connection, events)
    return path
