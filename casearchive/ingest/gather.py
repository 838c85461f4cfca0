"""The work on one file: copy and hash, read, make the small pictures, give the bytes their name.

Runs in a worker, away from the archive's records: a decoder that crashes or hangs costs this file only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from casearchive import render
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.files import write_lightly
from casearchive.ingest import bags
from casearchive.model import Facts, Paper
from casearchive.readers import open_clip
from casearchive.readers._medium import file_ids
from casearchive.readers._paper import may_tell, paper
from casearchive.settings import Layout
from casearchive.stores import Incoming
from casearchive.stores.folder import FolderStore


@dataclass(frozen=True, slots=True)
class Task:
    """``source`` is a file to take, or None for an object that the store holds already (``sha256``). What ``bag``
    promises of its bytes is asked before they are kept; with ``link`` they need not be copied."""

    root: Path
    source: Path | None
    sha256: str = ""
    dry_run: bool = False
    link: bool = False
    bag: bags.Said = bags.NOTHING

    def kept(self) -> Path:
        """Where the store holds the object."""
        layout = Layout(self.root)
        return FolderStore(layout.objects, layout.temporary).path(self.sha256)


@dataclass(frozen=True, slots=True)
class Gathered:
    """``facts`` is what the file itself tells, without what its words claim (``claims.completed``).

    It is None where the file was refused (``reason``, ``message``) or was held already.
    """

    sha256: str
    size: int
    facts: Facts | None = None
    key_frame: int | None = None
    key_frame_why: str = ""
    held: bool = False
    linked: bool = False  # the source itself, under a second name
    reason: str = ""
    message: str = ""
    disk: OSError | None = None  # what the archive's own disk refused
    on_medium: tuple[tuple[str, ...], ...] = ()  # the files that a DICOMDIR names, as parts of a path
    paper: Paper | None = None  # of a dry run, after which nobody can open the file again


def gather(task: Task) -> Gathered:
    """Never raises for what a file may hold. When facts come back, the bytes are on the disk and have their name, which
    the caller confirms."""
    layout = Layout(task.root)
    store = FolderStore(layout.objects, layout.temporary)
    if task.source is None:
        path = task.kept()
        return _looked_at(path, task.sha256, path.stat().st_size, layout, task)
    try:
        incoming = (
            store.take(task.source, link=True) if task.link and not task.dry_run else store.take(task.source)
        )
    except UnreadableFile as refusal:
        return Gathered("", 0, reason=refusal.reason, message=_said(refusal))
    except OSError as error:
        return Gathered("", 0, disk=error)
    try:
        if wrong := bags.differs(task.bag, incoming.path, incoming.sha256):
            return Gathered(incoming.sha256, incoming.size, reason="bag-differs", message=wrong)
        if store.has(incoming.sha256):
            if task.dry_run:
                return Gathered(incoming.sha256, incoming.size, held=True)
            # reads the copy that is held and heals it where it is damaged
            refused = _put(store, incoming, held=True)
            return Gathered(incoming.sha256, incoming.size, held=True, disk=refused)
        found = _looked_at(incoming.path, incoming.sha256, incoming.size, layout, task)
        if found.facts is not None and not task.dry_run:
            found = replace(found, disk=found.disk or _put(store, incoming), linked=incoming.linked)
        return found
    finally:
        store.drop(incoming)


def _put(store: FolderStore, incoming: Incoming, *, held: bool = False) -> OSError | None:
    """What is ``held`` already is known: no line will tell of it, so that nobody else confirms what was healed."""
    try:
        if store.put(incoming) and held:
            store.confirm(incoming.sha256)
    except OSError as error:
        return error
    return None


def _looked_at(path: Path, sha256: str, size: int, layout: Layout, task: Task) -> Gathered:
    try:
        clip = open_clip(path, sha256)
    except UnreadableFile as refusal:
        named = file_ids(path) if refusal.reason == "dicomdir" else ()
        return Gathered(sha256, size, reason=refusal.reason, message=_said(refusal), on_medium=named)
    try:
        found = Gathered(sha256, size, clip.facts)
        if not task.dry_run:
            found = _pictured(clip, layout, found)
        elif may_tell(clip.facts.instance.sop_class_uid):
            found = replace(found, paper=paper(path))
    finally:
        clip.close()
    return found


def _pictured(clip: Clip, layout: Layout, bare: Gathered) -> Gathered:
    """Make thumbnail and filmstrip. A picture that cannot be shown costs the picture, never the file."""
    sha256 = bare.sha256
    if clip.facts.instance.frames < 1:
        return bare
    try:
        pictures = render.pictures_of(clip)
    except PictureUnavailable as trouble:
        notes = (*clip.facts.notes, f"no picture: {trouble.what}")
        return replace(bare, facts=replace(clip.facts, notes=notes))
    try:
        write_lightly(layout.picture(sha256, "thumbnail"), pictures.thumbnail, by=layout.temporary)
        write_lightly(layout.picture(sha256, "filmstrip"), pictures.filmstrip, by=layout.temporary)
    except OSError as error:
        return replace(bare, disk=error)
    # facts are read after decoding: what the pixels told is noted by then
    facts = clip.facts
    if pictures.unseen and not any("cannot be decoded" in note for note in facts.notes):
        numbers = ", ".join(str(number) for number, _ in pictures.unseen)
        several = "frames" if len(pictures.unseen) > 1 else "frame"
        note = f"{several} {numbers} of those looked at cannot be shown: {pictures.unseen[0][1]}"
        facts = replace(facts, notes=(*facts.notes, note))
    return replace(bare, facts=facts, key_frame=pictures.key_frame, key_frame_why=pictures.why)


def _said(refusal: UnreadableFile) -> str:
    return f"{refusal.what}. {refusal.hint}" if refusal.hint else refusal.what
