"""What the archive shows: a case or a file with its pictures, a contact sheet, a measurement.

Reading only, but for pictures that are made when somebody asks and kept in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casearchive.cache import Cache
from casearchive.errors import CaseArchiveError, NotFound, Problem, UsageError
from casearchive.frozen import dataclass
from casearchive.settings import Layout

if TYPE_CHECKING:
    from casearchive.evidence import Drawn
    from casearchive.index.hits import Hit
    from casearchive.index.read import Detail
    from casearchive.measure import Measured, Unmeasurable
    from casearchive.measurements import Checked
    from casearchive.mined import Mined
    from casearchive.model import Calibration, Case, Facts, Media
    from casearchive.record import Places
    from casearchive.sheet import Sheeted
    from casearchive.stores.folder import FolderStore

SLUG = re.compile(r"[a-z0-9-]{1,80}")


@dataclass(frozen=True)
class FileView:
    """A file as ``show`` tells it; the paths are None where there is no such picture (yet).

    ``thumbnail`` and ``poster`` show the key frame. ``preview`` and ``poster`` are made when ``show`` is asked to;
    ``trouble`` says why one that was asked for could not be made. ``calibration`` is the scale that a person set
    for it in a case.
    """

    detail: Detail
    thumbnail: Path | None
    filmstrip: Path | None
    preview: Path | None = None
    poster: Path | None = None
    trouble: str = ""
    calibration: Calibration | None = None


@dataclass(frozen=True)
class CaseView:
    """A case as ``show`` tells it, with what is missing for teaching."""

    case: Case
    clips: tuple[tuple[str, FileView | None], ...]  # (media id, file)
    score: int
    missing: tuple[Problem, ...]
    doubts: tuple[Problem, ...]  # where the record and its clips contradict each other
    checked: tuple[Checked, ...] = ()  # each measurement beside its points
    mined: tuple[Mined, ...] = ()  # read in its words, reviewed by nobody


class Views:
    """Looks at the archive that ``layout`` lays out. What a method needs is loaded when it is called."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def _store(self) -> FolderStore:
        from casearchive.stores.folder import FolderStore

        return FolderStore(self._layout.objects, self._layout.temporary)

    def show(self, what: str, *, make: Sequence[str] = ()) -> CaseView | FileView:
        """See ``Archive.show``."""
        from casearchive import index

        with index.reading(self._layout.index) as connection:
            if SLUG.fullmatch(what) and self._layout.record(what).is_file():
                view = self._case_view(connection, what)
                clips = tuple((media, clip and self._developed(clip, make)) for media, clip in view.clips)
                return replace(view, clips=clips)
            if "/" in what:
                return self._clip_of_case(connection, what, make)
            found: FileView = self._file_view(connection, self.one_file(connection, what))
            return self._developed(replace(found, calibration=self._calibration(found.detail)), make)

    def picture_of(self, hit: Hit) -> Path | None:
        """The thumbnail for a search hit: of the clip that shows what was looked for, else the case's first clip
        that has one; None where there is none."""
        from casearchive import index
        from casearchive.index import read

        if hit.case is None:
            wanted = [hit.instance.sha256] if hit.instance else []
        else:
            wanted = [media.sha256 for media in hit.media]
        with index.reading(self._layout.index) as connection:
            if hit.case is not None:
                wanted += read.media_of(connection, hit.case)
            for sha256 in dict.fromkeys(wanted):
                view = self._file_view(connection, sha256, case=hit.case or "", may_miss=True)
                if view is not None and (found := self._developed(view, ()).thumbnail):
                    return found
        return None

    def frames(self, what: str) -> bytes:
        """A contact sheet (PNG) of the clips of a case, or of one file: up to 12 frames of each, numbered."""
        from casearchive.sheet import Sheeted, contact_sheet

        view = self.show(what)

        def sheeted(label: str, clip: FileView) -> Sheeted:
            sha256 = clip.detail.held.sha256
            return Sheeted(label, self._store.path(sha256), sha256, clip.detail.key_frame or 0)

        if isinstance(view, FileView):  # its name may name the patient
            return contact_sheet("", [sheeted(f"file {view.detail.held.sha256[:16]}", view)])
        captions = {m.id: m.caption for m in view.case.media}
        clips = [
            sheeted(": ".join(w for w in (media, captions.get(media, "")) if w), clip)
            for media, clip in view.clips
            if clip
        ]
        if not clips:
            raise NotFound("the case has no clips", where=what)
        return contact_sheet(view.case.title, clips)

    def draw(self, what: str) -> Iterator[Drawn]:
        """See ``Archive.draw``."""
        from casearchive.evidence import Source, pictures

        slug, _, only = what.partition("/")
        view = self.show(slug)
        if not isinstance(view, CaseView):
            raise UsageError("a file has no findings: name a case", where=what[:80])
        sources = {
            media: Source(
                self._store.path(clip.detail.held.sha256),
                clip.detail.held.sha256,
                clip.detail.held.frames,
                clip.detail.key_frame or 0,
            )
            for media, clip in view.clips
            if clip is not None and clip.detail.held.frames
        }
        if only and only not in sources:
            raise self._no_such_clip(slug, only, [m.id for m in view.case.media])
        return pictures(view.case, sources, only=only)

    def measure(
        self,
        what: str,
        points: Sequence[tuple[float, float]],
        *,
        frame: int = 1,
        kind: str = "length",
        region: int | None = None,
    ) -> Measured | Unmeasurable:
        """See ``Archive.measure``."""
        from casearchive.choices import MEASURES
        from casearchive.measure import measure

        if kind not in MEASURES:
            raise UsageError(
                f"there is no measurement called {kind[:40]}", hint="There are: " + ", ".join(MEASURES)
            )
        facts, calibration = self._scaled(what)
        if not 1 <= frame <= max(facts.instance.frames, 1):
            raise UsageError(f"there is no frame {frame}: it has {facts.instance.frames}", where=what[:120])
        return measure(kind, points, facts, region=region, calibration=calibration)

    # ------------------------------------------------------------------------------------ parts

    def record_text(self, slug: str) -> str:
        """The record of a case, as its author wrote it. Raises ``NotFound``."""
        path = self._layout.record(slug)
        if not SLUG.fullmatch(slug) or not path.is_file():
            raise NotFound(
                "there is no such case", where=slug[:80], hint="See what there is with: casearchive search"
            )
        return path.read_text("utf-8")

    def one_file(self, connection: Any, word: str) -> str:
        from casearchive.index import read

        found = read.find_instances(connection, word)
        if not found:
            raise NotFound(
                "there is no such case or file",
                where=word[:80],
                hint="Name a case, a SHA-256 (8 digits are enough) or a SOP Instance UID: casearchive list shows them.",
            )
        if len(found) > 1:
            raise UsageError(
                f"{len(found)} files are called that",
                hint="Name one of: " + ", ".join(f[:16] for f in found[:5]),
            )
        return found[0]

    def _case_view(self, connection: Any, slug: str) -> CaseView:
        from casearchive import record

        text = self.record_text(slug)
        file = f"cases/{slug}.toml"
        case = record.loads(text, slug=slug, file=file)
        complete = record.completeness(case, text=text, file=file)
        from casearchive.doubts import doubts
        from casearchive.measurements import checked
        from casearchive.understood import understood

        found = [(m, self._file_view(connection, m.sha256, case=slug, may_miss=True)) for m in case.media]
        clips = tuple((m.id, view and replace(view, calibration=m.calibration)) for m, view in found)
        files = {media: clip.detail.facts for media, clip in clips if clip is not None}
        told = understood(self._layout, case, [facts.report for facts in files.values() if facts.report])
        doubted = tuple(doubts(connection, case, record.Places(text, file), told.disputes))
        return CaseView(
            case, clips, complete.score, complete.missing, doubted, checked(case, files), told.findings
        )

    def _clip_of_case(self, connection: Any, what: str, make: Sequence[str]) -> FileView:
        """``CASE/M4``: one clip of a case, as the case shows it."""
        slug, _, media = what.partition("/")
        clips = self._media(slug)
        if media not in clips:
            raise self._no_such_clip(slug, media, clips)
        found: FileView = self._file_view(connection, clips[media].sha256, case=slug)
        return self._developed(replace(found, calibration=clips[media].calibration), make)

    @staticmethod
    def _no_such_clip(slug: str, media: str, clips: Iterable[str]) -> NotFound:
        there = ", ".join(f"{slug}/{m}" for m in clips) or "none"
        return NotFound("the case has no such clip", where=f"{slug}/{media}"[:120], hint=f"It has: {there}")

    def _scaled(self, what: str) -> tuple[Facts, Calibration | None]:
        """The facts of a file or of a case's clip, and the scale that a person set for it."""
        from casearchive import index
        from casearchive.index import read

        slug, _, media = what.rpartition("/")
        with index.reading(self._layout.index) as connection:
            if slug or (SLUG.fullmatch(what) and self._layout.record(what).is_file()):
                clips = self._media(slug or what)
                if slug and media not in clips:
                    raise self._no_such_clip(slug, media, clips)
                if media not in clips:
                    raise NotFound(
                        "a case is no picture: name one of its clips",
                        where=what[:120],
                        hint="It has: " + ", ".join(f"{what}/{m}" for m in clips),
                    )
                detail = read.detail(connection, clips[media].sha256)
                if detail is None:
                    raise NotFound("the file of the clip is missing", where=what[:120])
                return detail.facts, clips[media].calibration
            detail = read.detail(connection, self.one_file(connection, what))
        assert detail is not None
        return detail.facts, self._calibration(detail)

    def _media(self, slug: str) -> dict[str, Media]:
        """The clips of a case by id."""
        from casearchive import record

        case = record.loads(self.record_text(slug), slug=slug, file=f"cases/{slug}.toml")
        return {media.id: media for media in case.media}

    def _calibration(self, detail: Detail) -> Calibration | None:
        """The scale set by hand for a file; where its cases differ about it, none of them is preferred."""
        found = {self._media(slug)[media].calibration for slug, media in detail.cases} - {None}
        return found.pop() if len(found) == 1 else None

    def _file_view(self, connection: Any, sha256: str, *, case: str = "", may_miss: bool = False) -> Any:
        from casearchive.index import read

        detail = read.detail(connection, sha256, case=case)
        if detail is None:
            if may_miss:
                return None
            raise NotFound("there is no such file", where=sha256)
        key, made = detail.key_frame or 0, Cache(self._layout.darkroom)
        return FileView(
            detail,
            thumbnail=_there(self._layout.picture(sha256, "thumbnail")),
            filmstrip=_there(self._layout.picture(sha256, "filmstrip")),
            preview=_there(made.place(sha256, "preview.webp")),
            poster=_there(made.place(sha256, f"poster-{key}.png")),
        )

    def _developed(self, view: FileView, make: Sequence[str]) -> FileView:
        """The view with the pictures of a key frame chosen by hand, and with those that were asked for."""
        detail = view.detail
        sha256, key, frames = detail.held.sha256, detail.key_frame, detail.held.frames
        wanted = [name for name in ("preview", "poster") if name in make]  # also what is there: it is in use
        if frames < 2 and "preview" in wanted:
            wanted.remove("preview")
        if detail.key_frame_source == "person":
            wanted.append("thumbnail")
        if not wanted or frames < 1:
            return view
        from casearchive import darkroom

        original = self._layout.original(sha256)
        for name in wanted:
            try:
                if name == "preview":
                    view = replace(view, preview=darkroom.preview(self._layout, original, sha256))
                elif name == "poster":
                    view = replace(view, poster=darkroom.poster(self._layout, original, sha256, key or 1))
                else:
                    made = darkroom.thumbnail(self._layout, original, sha256, key or 1)
                    view = replace(view, thumbnail=made)
            except CaseArchiveError as error:
                view = replace(view, trouble=f"no {name}: {error.what}")
            except OSError as error:  # a cache that cannot be written to costs the picture only
                view = replace(view, trouble=f"no {name}: {error.strerror or type(error).__name__}")
        return view

    def doubts(self, case: Case, places: Places) -> tuple[Problem, ...]:
        from casearchive import index
        from casearchive.doubts import doubts
        from casearchive.mining import of_case

        with index.reading(self._layout.index) as connection:
            return tuple(doubts(connection, case, places, of_case(case).disputes))


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None
