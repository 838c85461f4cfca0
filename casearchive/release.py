"""Release: select, airlock, export, leak scan, certificate, ledger. Whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from casearchive import abreast, film, focus, index, rereading, settings
from casearchive.cache import Cache
from casearchive.clip import Clip
from casearchive.deid import airlock, certificate, words
from casearchive.deid.changes import changes
from casearchive.deid.choice import Choice
from casearchive.deid.decisions import Decision
from casearchive.deid.leaving import Image, together
from casearchive.deid.needles import build as needles_of
from casearchive.deid.profile import profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import AUTHOR
from casearchive.errors import CaseArchiveError, IdentityFound, ReviewNeeded, UsageError
from casearchive.exporters import Exporter, checks, exporter, exporters, films, packs
from casearchive.files import exchanged, private_folder, sync_folder, sync_tree
from casearchive.index import read
from casearchive.model import Case, Facts, Identifier, TeachingSetRecord
from casearchive.record.reading import dotted
from casearchive.record.spoilers import spoilers
from casearchive.reviewing import Remembered, decided, heard, profiles
from casearchive.rooms import Rooms
from casearchive.teaching import TeachingCase, TeachingSet, Withheld

#: The keys of cases are made for no set: their slugs, which are the same in every set, leave anyway.
_EVERY_SET = "every set"
_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True)
class Release:
    """What went out and what stayed in. ``folder`` and ``certificate`` are None after a dry run."""

    set: str
    formats: tuple[str, ...]
    cases: int
    clips: int
    withheld: tuple[Withheld, ...]
    documents: int = 0
    files: tuple[str, ...] = ()
    folder: Path | None = None
    certificate: Path | None = None
    replaced: tuple[str, ...] = ()  # formats of an earlier export of this set that are gone now
    changes: tuple[str, ...] = ()  # what is different from that one, a line each
    again: bool = False  # there was one
    install: str = ""  # what would make films of clips that became animated pictures


def release(
    rooms: Rooms,
    wanted: TeachingSetRecord,
    *,
    formats: Sequence[str],
    to: Path,
    require_all: bool = False,
    dry_run: bool = False,
    options: Sequence[str] = (),
    inside: bool = False,
    tell: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Release:
    """Export the cases of ``wanted`` to ``to/<set>/<format>/``.

    ``options`` are names of options of the profile (``deid.profile``) and of the outputs, which may have a value after
    ``=``: ``edge=600``. Those of the set itself hold where none of the same name is given, and where they belong to one
    of these outputs. ``inside``: made in the archive's own cache, to be looked at; nothing leaves.
    ``tell(what, done, total)`` hears of each case that is done (from 1), and of each later step (done is 0).
    The caller is the writer (the ledger is written at the end).
    Raises ``ReviewNeeded`` where nothing may leave (or, with ``require_all``, where anything may not), ``UsageError``
    for options that there are not, and ``IdentityFound`` where the finished bytes hold an identity; nothing is left
    behind then.
    """
    if not formats:
        raise UsageError(
            "no format was named", hint="See what can be made with: casearchive export --formats"
        )
    if not wanted.cases:
        raise UsageError("there are no cases in it to export", where=wanted.slug)
    plugs = [exporter(name) for name in formats]
    chosen, settings_of = _sorted_out([*_of_set(wanted, plugs), *options], plugs)
    _check(plugs, settings_of)
    shown = focus.read(settings_of[focus.OPTION]) if focus.OPTION in settings_of else None
    if shown is not None:
        _check_shown(rooms, wanted, shown)
    target = Path(os.path.normpath(to.absolute() / wanted.slug))
    earlier = _check_target(target, rooms, inside)
    with contextlib.ExitStack() as stack:
        with index.writing(rooms.layout.index) as behind:
            rooms.catch_up(behind)  # a decision that only the ledger knows yet is a decision
        connection = stack.enter_context(index.reading(rooms.layout.index))
        staging = Path(
            stack.enter_context(tempfile.TemporaryDirectory(dir=private_folder(rooms.layout.temporary)))
        )
        memory = Remembered(rooms, learning=not dry_run)
        cache = Cache(rooms.layout.darkroom, learning=not dry_run, half=rooms.layout.temporary)
        cache.sweep()
        teaching, identifiers, waiting = _pass_all(
            rooms, connection, wanted, staging, chosen, memory, cache, tell
        )
        _plain_words(teaching, identifiers)
        if shown is not None:
            cases = (replace(taught, case=focus.focused(taught.case, shown)) for taught in teaching.cases)
            teaching = replace(teaching, cases=tuple(cases))
        if any(plug.HIDES_ANSWERS for plug in plugs):
            teaching = _without_spoilt(teaching)
        pseudonyms = Pseudonyms(rooms.secret, _scope(rooms, wanted))
        teaching = _with_documents(teaching, waiting, identifiers, pseudonyms, staging)
        made = Release(
            wanted.slug,
            tuple(formats),
            len(teaching.cases),
            sum(len(c.clips) for c in teaching.cases),
            teaching.withheld,
            sum(len(c.documents) for c in teaching.cases),
        )
        if not teaching.cases or (require_all and teaching.withheld):
            raise ReviewNeeded(
                "nothing was released" if not teaching.cases else "not everything may leave, so nothing did",
                where=wanted.slug,
                hint="\n  ".join(withheld_lines(teaching.withheld)),
                withheld=teaching.withheld,
            )
        if dry_run:
            return made
        building = Path(stack.enter_context(_building(target)))
        _write(plugs, teaching, building, settings_of, tell)
        paper = certificate.certificate(
            building, teaching, formats=formats, chosen=chosen, options=_without_folders(settings_of)
        )
        (building / "certificate.json").write_text(
            json.dumps(paper, indent=1, sort_keys=True) + "\n", "utf-8"
        )
        (building / "certificate.html").write_bytes(certificate.certificate_page(paper).encode())
        tell("looking for identities in the finished files", 0, 0)
        _scan(building, identifiers, wanted.slug, cache)
        files = tuple(sorted(p.relative_to(building).as_posix() for p in building.rglob("*") if p.is_file()))
        earlier_said = certificate.said_in(target)
        written = {(d["case"], d["ref"]) for d in paper["documents"]}  # not every output writes them
        if inside:
            _land(building, target)
        else:
            details = _details(rooms, wanted, teaching, formats, chosen, target, written)
            rooms.note([("exporting", wanted.slug, details)])
            _land(building, target, lambda: rooms.ledger.append([("exported", wanted.slug, details)]))
    if not inside:
        with index.writing(rooms.layout.index) as behind:
            rooms.catch_up(behind)
    return Release(
        made.set,
        made.formats,
        made.cases,
        made.clips,
        made.withheld,
        len(written),
        files,
        target,
        target / "certificate.json",
        tuple(f for f in earlier if f not in formats),
        changes(earlier_said, paper),
        bool(earlier_said),
        _lacking(plugs, teaching),
    )


def _lacking(plugs: Sequence[Exporter], teaching: TeachingSet) -> str:
    """What to install where clips are animated pictures for want of an encoder; empty where nothing is lacking."""
    moves = any(len(clip.frames) > 1 for taught in teaching.cases for clip in taught.clips)
    return film.EXTRA if moves and any(map(films, plugs)) and not film.encoder() else ""


def known_options(options: Sequence[str]) -> None:
    """Raises ``UsageError`` for what is no option of the rules nor of any output, or a value that no output of that
    option takes."""
    _, settings = _sorted_out(options, exporters())
    if focus.OPTION in settings:
        focus.read(settings[focus.OPTION])
    _check([plug for plug in exporters() if settings.keys() & plug.OPTIONS.keys()], settings)


def _check_shown(rooms: Rooms, wanted: TeachingSetRecord, shown: focus.Focus) -> None:
    """Raises ``UsageError`` where the cases have findings and none of them would be shown."""
    findings = [finding for slug in wanted.cases for finding in rooms.case(slug).findings]
    if findings and not any(map(shown.shows, findings)):
        raise UsageError(
            "no finding of these cases would be shown",
            where=f"option {focus.OPTION}",
            hint="Leave the option out to show all.",
        )


def _check(plugs: Sequence[Exporter], settings: Mapping[str, str]) -> None:
    """Raises ``UsageError`` where an output knows already that it will not do."""
    for plug in plugs:
        if checks(plug):
            plug.check(settings)


def _of_set(wanted: TeachingSetRecord, plugs: Sequence[Exporter]) -> list[str]:
    """The options that a set has, as far as they are about its rules or one of these outputs."""
    about = {focus.OPTION, *(o.name for o in profile().options)}.union(*(plug.OPTIONS for plug in plugs))
    return [f"{name}={value}" if value else name for name, value in wanted.options if name in about]


def _write(
    plugs: Sequence[Exporter],
    teaching: TeachingSet,
    building: Path,
    options: Mapping[str, str],
    tell: Callable[[str, int, int], None],
) -> None:
    """Each output in a folder of its own; those that pack others come last and find them finished."""
    plain = [plug for plug in plugs if not packs(plug)]
    for plug in (*plain, *(plug for plug in plugs if packs(plug))):
        tell(f"writing {plug.NAME}", 0, 0)
        target = building / plug.NAME
        target.mkdir()
        if packs(plug) and plain:
            plug.pack([building / other.NAME for other in plain], target, options)
        else:
            plug.export(teaching, target, options)


def _sorted_out(options: Sequence[str], plugs: Sequence[Exporter]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The options of the profile, and those of these outputs with their values. Raises ``UsageError``."""
    of_outputs: dict[str, list[str]] = {}
    for plug in plugs:
        for name in plug.OPTIONS:
            of_outputs.setdefault(name, []).append(plug.NAME)
    own = {o.name for o in profile().options}
    given = {name.strip(): value.strip() for name, _, value in (o.partition("=") for o in options)}
    for name in given:
        if name not in own and name not in of_outputs and name != focus.OPTION:
            there = [
                *sorted((*own, focus.OPTION)),
                *(f"{option} ({', '.join(those)})" for option, those in sorted(of_outputs.items())),
            ]
            others = [plug.NAME for plug in exporters() if name in plug.OPTIONS]
            why = f" here: it belongs to {' and '.join(others)}" if others else ""
            raise UsageError(
                f"there is no option {name!r}{why}", hint=f"The options are: {', '.join(there)}."
            )
        if name in own and given[name]:
            raise UsageError(f"the option {name!r} has no value", hint=f"Write: --option {name}")
    chosen = profile().under([name for name in given if name in own]).chosen
    return chosen, {name: value for name, value in given.items() if name not in own}


def _without_folders(settings: Mapping[str, str]) -> dict[str, str]:
    """Options as the certificate may name them: where a file of ours lies is nobody's business."""
    return {name: re.split(r"[/\\]", value)[-1] for name, value in settings.items()}


def withheld_lines(withheld: Sequence[Withheld]) -> list[str]:
    """What stayed in and who can decide: one line a case and reason, naming its clips."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for one in withheld:
        together.setdefault((one.case, one.reason, one.decide), []).append(one.media)
    return [
        f"{case}{' ' if any(media) else ''}{', '.join(filter(None, media))}: {reason} ({decide})"
        for (case, reason, decide), media in together.items()
    ]


def _without_spoilt(teaching: TeachingSet) -> TeachingSet:
    """The set without cases whose quiz title or quiz captions tell the answer that a page hides."""
    told = {c.case.slug: tuple(spoilers(c.case)) for c in teaching.cases}
    spoilt = tuple(
        Withheld(slug, s.media, f"{dotted(s.path)}: {s.message}", AUTHOR)
        for slug, some in told.items()
        for s in some
    )
    return replace(
        teaching,
        cases=tuple(c for c in teaching.cases if not told[c.case.slug]),
        withheld=(*teaching.withheld, *spoilt),
    )


# ------------------------------------------------------------------------------------------------ airlock


def _plain_words(teaching: TeachingSet, identifiers: frozenset[Identifier]) -> None:
    """What the set is called leaves, too. Raises ``IdentityFound`` where it tells who somebody is."""
    told = {
        "name": teaching.slug.replace("-", " "),
        "title": teaching.title,
        "description": teaching.description,
    }
    needles = needles_of(identifiers)
    hits = [hit for part, text in told.items() for hit in words.hits(f"set.{part}", text, needles)]
    if hits:
        raise IdentityFound(
            "what the set is called tells who somebody is; nothing was released",
            hint="\n  ".join(str(hit) for hit in hits[:10]),
        )


def _pass_all(
    rooms: Rooms,
    connection: sqlite3.Connection,
    wanted: TeachingSetRecord,
    staging: Path,
    chosen: tuple[str, ...],
    memory: Remembered,
    cache: Cache,
    tell: Callable[[str, int, int], None],
) -> tuple[TeachingSet, frozenset[Identifier], dict[str, _Waiting]]:
    """The set without its documents; those wait, by slug, until it is known which pictures of the set leave."""
    pseudonyms = Pseudonyms(rooms.secret, _scope(rooms, wanted))
    keys = Pseudonyms(rooms.secret, _EVERY_SET)
    passed: list[TeachingCase] = []
    withheld: list[Withheld] = []
    everyone: set[Identifier] = set()
    cases = [rooms.case(slug) for slug in wanted.cases]
    known = {c.slug: read.identifiers(connection, (m.sha256 for m in c.media)) for c in cases}
    everyone.update(*known.values())
    # of the whole set, also of what will stay in, before the first file is written
    hashes = {m.sha256 for c in cases for m in c.media if m.sha256}
    first_days, frames = read.first_days(connection, hashes), read.frames_of(connection, hashes)
    decisions, sounds = decided(connection, hashes), heard(connection, hashes)
    scanners, consent_required = profiles(rooms), settings.read(rooms.layout).consent_required
    waiting: dict[str, _Waiting] = {}
    airlock.prepare()

    def ready(case: Case) -> _Ready:
        """In the caller's thread, one after the other: everybody who is known by then is looked for."""
        stack = around.enter_context(contextlib.ExitStack())
        clips = _clips(rooms, case, stack)
        # an index that an older casearchive made may not know all that they say
        everyone.update(*(clip.facts.identifiers for clip in clips.values()))
        choice = Choice(chosen, _by_identity(rooms, first_days, clips), frames)
        return _Ready(case, clips, choice, frozenset(everyone), stack)

    def through(one: _Ready) -> tuple[_Ready, TeachingCase | None, tuple[Withheld, ...]]:
        with one.stack:
            # every patient of the set is looked for in every case: cards of two cases may have been mixed up
            taught, kept_in = airlock.pass_case(
                one.case,
                one.clips,
                one.everyone,
                pseudonyms,
                staging,
                decisions=_of_media(one.case, decisions),
                scanners=scanners,
                consent_required=consent_required,
                memory=memory,
                choice=one.choice,
                cache=cache,
                heard=_of_media(one.case, sounds),
            )
        return one, taught, kept_in

    with (
        contextlib.ExitStack() as around,
        contextlib.closing(abreast.in_order(through, map(ready, cases), abreast.few())) as results,
    ):
        for number, (one, taught, kept_in) in enumerate(results, 1):
            case = one.case
            tell(case.slug, number, len(cases))
            withheld += _by_hash(case, kept_in)
            if taught:
                facts = {media: clip.facts for media, clip in one.clips.items()}
                passed.append(replace(taught, key=keys.key(case.slug), edition=_edition(connection, case)))
                waiting[case.slug] = _Waiting(
                    case,
                    {m: its for m, its in facts.items() if airlock.waits_for_images(its, one.choice)},
                    airlock.images_of(taught, facts),
                    one.choice,
                    _of_media(case, decisions),
                )
    teaching = TeachingSet(
        wanted.slug,
        wanted.title or wanted.slug.replace("-", " ").capitalize(),
        wanted.description,
        tuple(passed),
        tuple(withheld),
        profile().title,
    )
    return teaching, frozenset(everyone), waiting


@dataclass(frozen=True, slots=True)
class _Ready:
    """A case with its clips, by media id, opened; ``stack`` closes them."""

    case: Case
    clips: Mapping[str, Clip]
    choice: Choice
    everyone: frozenset[Identifier]
    stack: contextlib.ExitStack


def _of_media(case: Case, by_hash: Mapping[str, _Said]) -> dict[str, _Said]:
    """What is known of the files of a case, by media id."""
    return {m.id: by_hash[m.sha256] for m in case.media if m.sha256 in by_hash}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What of a case whose pictures passed is needed for its ``documents`` (facts by media id); ``images`` are those
    that leave of it."""

    case: Case
    documents: Mapping[str, Facts]
    images: Mapping[str, Image]
    choice: Choice
    decisions: Mapping[str, Decision]


def _with_documents(
    teaching: TeachingSet,
    waiting: Mapping[str, _Waiting],
    identifiers: frozenset[Identifier],
    pseudonyms: Pseudonyms,
    staging: Path,
) -> TeachingSet:
    """The set with its documents, which may point to the pictures of every case that is still in it."""
    images = together(waiting[taught.case.slug].images for taught in teaching.cases)
    cases, withheld = [], list(teaching.withheld)
    for taught in teaching.cases:
        one = waiting[taught.case.slug]
        whole, kept_in = airlock.pass_documents(
            taught,
            one.case,
            one.documents,
            images,
            identifiers,
            pseudonyms,
            staging,
            one.choice,
            one.decisions,
        )
        cases.append(whole)
        withheld += _by_hash(one.case, kept_in)
    return replace(teaching, cases=tuple(cases), withheld=tuple(withheld))


def _by_hash(case: Case, kept_in: Sequence[Withheld]) -> list[Withheld]:
    """The same, with the originals that they are about."""
    originals = {m.id: m.sha256 for m in case.media}
    return [replace(w, sha256=originals.get(w.media, "")) for w in kept_in]


def _edition(connection: sqlite3.Connection, case: Case) -> int:
    """Seconds from 1970 to the month (UTC) in which the record or a decision about its clips last changed, plus how
    many changes there were. It grows with every change; the day, which may be that of the examination, is not in it.
    """
    subjects = {case.slug, *(media.sha256 for media in case.media if media.sha256)}
    changes = [
        event
        for subject in sorted(subjects)
        for event in read.events(connection, subject=subject)
        if event.event not in ("exporting", "exported")
        and not event.event.startswith("set-")  # a set may be called like a case
    ]
    if not changes:
        return 0
    last = datetime.fromisoformat(max(event.at for event in changes))
    return int(datetime(last.year, last.month, 1, tzinfo=UTC).timestamp()) + len(changes)


def _by_identity(rooms: Rooms, days: Mapping[str, str], clips: Mapping[str, Clip]) -> dict[str, str]:
    """``days`` by subject key, for the subjects of these clips by what tells them apart."""
    identities = {clip.facts.subject.identity for clip in clips.values()}
    keys = {identity: rooms.subject_key(identity) for identity in identities}
    return {identity: days[key] for identity, key in keys.items() if key in days}


def _clips(rooms: Rooms, case: Case, stack: contextlib.ExitStack) -> dict[str, Clip]:
    """The case's clips, opened; one that cannot be opened is left out and so withheld."""
    found: dict[str, Clip] = {}
    for media in case.media:
        clip = stack.enter_context(rooms.opened(media.sha256))
        if clip is not None:
            found[media.id] = clip
    return found


# ------------------------------------------------------------------------------------------------ landing


def _check_target(target: Path, rooms: Rooms, inside: bool) -> tuple[str, ...]:
    """Formats of an earlier export that stands there. Raises where anything else does."""
    root = rooms.layout.root.resolve()
    if not inside and root in (target.resolve(), *target.resolve().parents):
        raise CaseArchiveError(
            "an export cannot go into the archive itself",
            where=str(target),
            hint="Choose a folder outside it.",
        )
    taken = next((folder for folder in target.parents if folder.exists() and not folder.is_dir()), None)
    if taken is not None or (target.exists() and not target.is_dir()):
        raise CaseArchiveError(
            "this is a file, no folder",
            where=str(taken or target),
            hint="Name a folder with --to; it is made where there is none.",
        )
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return ()
    strangers = certificate.strangers(target)
    if strangers:
        raise CaseArchiveError(
            "there is something here that casearchive did not make",
            where=str(target / strangers[0]),
            hint="Choose another folder with --to, or move it away.",
        )
    return certificate.formats_of(target)


@contextlib.contextmanager
def _building(target: Path) -> Any:
    """A private temporary sibling of ``target``, gone at the end whatever happens; what an export that was killed left
    there goes first, for it was not searched yet."""
    private_folder(target.parent)
    _after_a_kill(target)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".unfinished", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _after_a_kill(target: Path) -> None:
    """The earlier export is back in its place, if it had been moved aside, and nothing half made lies beside it."""
    for old in sorted(target.parent.glob(f".{glob.escape(target.name)}-????????.replaced")):
        if not target.exists():
            old.rename(target)
        else:
            shutil.rmtree(old, ignore_errors=True)
    for half in target.parent.glob(f".{glob.escape(target.name)}-????????.unfinished"):
        shutil.rmtree(half, ignore_errors=True)


def _land(building: Path, target: Path, note: Callable[[], object] = lambda: None) -> None:
    """Put the finished folder in place and ``note`` it; an earlier export of the same set is replaced.

    Where it cannot be noted, it is taken back, and the earlier one is there again: nothing leaves without a line.
    Raises what the disk or ``note`` raises.
    """
    old = building.with_suffix(".replaced") if target.exists() else None
    sync_tree(building)
    with contextlib.ExitStack() as undo:
        if old is not None and exchanged(building, target):
            undo.callback(exchanged, building, target)
            old = building  # under this name the older one lies now
        else:
            if old is not None:
                target.rename(old)
                undo.callback(old.rename, target)
                sync_folder(target.parent)
            building.rename(target)
            undo.callback(target.rename, building)
        sync_folder(target.parent)
        note()
        undo.pop_all()
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _scan(building: Path, identifiers: frozenset[Identifier], where: str, cache: Cache) -> None:
    found = rereading.found(building, identifiers, cache)
    if found:
        raise IdentityFound(
            f"an identity was found in the output in {len(found)} places; nothing was released",
            where=where,
            hint="\n  ".join(str(leak) for leak in found[:10]),
        )


def _details(
    rooms: Rooms,
    wanted: TeachingSetRecord,
    teaching: TeachingSet,
    formats: Sequence[str],
    chosen: Sequence[str],
    target: Path,
    written: Collection[tuple[str, str]],
) -> dict[str, Any]:
    """What the ledger says of an export: once when it is about to land (``exporting``) and once when it has. A program
    that is killed between the two leaves the first alone: it may have left."""
    return {
        "formats": list(formats),
        "to": str(target),
        "cases": [c.case.slug for c in teaching.cases],
        "clips": {
            c.case.slug: {
                one.ref: _source(rooms, c.case.slug, one.ref)
                for one in c.objects
                if one in c.clips or (c.case.slug, one.ref) in written
            }
            for c in teaching.cases
        },
        "withheld": len(teaching.withheld),
        "profile": profile().digest,
        "options": list(chosen),
        "scope": _scope(rooms, wanted),
    }


def _scope(rooms: Rooms, wanted: TeachingSetRecord) -> str:
    """What pseudonyms are made for: a set that was saved, by its name; else exactly these cases, so that two choices
    that nobody named cannot be linked."""
    if rooms.layout.teaching_set(wanted.slug).is_file():
        return f"set {wanted.slug}"
    return f"cases {' '.join(sorted(wanted.cases))}"


def _source(rooms: Rooms, slug: str, ref: str) -> str:
    return next((m.sha256 for m in rooms.case(slug).media if m.id == ref), "")
