"""Reads photographs and moving pictures without a video codec: PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF and HEIC."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from casearchive.clip import Clip, Picture
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import Facts, Instance, Timing
from casearchive.readers import _calibration, _exif, _leaves, _shared, _shown, _stills, _timing, _ultrasound
from casearchive.readers._source import FileSource
from casearchive.scale import doubts

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "still"
PRIORITY = 20
#: What a frame without a duration is shown for beside others that have one: players agree on it.
_UNSTATED_S = 0.1
_TOO_LARGE = PictureUnavailable(
    f"the picture {_shared.TOO_MANY_PIXELS}", hint="the original is kept; export a smaller copy"
)
_MOVES_TOO_LARGE = f"have more than {_shared.MAX_MOVING_PIXELS // 1_000_000} million pixels each"
_MOVING_TOO_LARGE = PictureUnavailable(
    f"the frames of the moving picture {_MOVES_TOO_LARGE}",
    hint="the original is kept; export a smaller copy",
)
_NEEDS_HEIC = PictureUnavailable(
    "showing HEIC photos needs pi-heif, which is not installed",
    hint="the original is kept; to see it: pip install 'casearchive[heic]'",
)


def sniff(head: bytes, size: int) -> bool:
    """The mark of one of the formats in ``_stills``."""
    return _stills.format_of(head) is not None


def open(path: Path, sha256: str) -> Clip:
    """Raises ``UnreadableFile``: ``truncated`` or ``damaged``."""
    source = FileSource(path)
    cut: UnreadableFile | None = None
    try:
        kind = _stills.format_of(source.read(0, 4096))
        if kind is None:
            raise UnreadableFile("not-an-image", "this is not a picture file")
        walked = kind.walk(source)
    except struct.error:
        cut = UnreadableFile("truncated", "the picture file ends too early", hint=_shared.AGAIN)
        walked = _stills.Walked()
    except UnreadableFile as refusal:
        if refusal.reason != "truncated":
            raise
        cut = refusal
        walked = refusal.walked if isinstance(refusal, _stills.Cut) else _stills.Walked()
    finally:
        source.close()
    assert kind is not None
    if cut is None:
        return _opened(path, sha256, kind, walked)
    try:
        return _shared.shown_or(_opened(path, sha256, kind, walked, cut=True), cut)
    except UnreadableFile:
        raise cut from None


def _opened(
    path: Path, sha256: str, kind: _stills.Format, walked: _stills.Walked, *, cut: bool = False
) -> Clip:
    from PIL import Image as PillowImage

    bare = _bare_facts(sha256, kind, walked)
    if cut:
        bare = replace(
            bare, notes=(*bare.notes, "the file ends early: what is there of the picture is shown")
        )
    if kind is _stills.HEIC and not _heic_ready():
        note = "its picture is not shown: pi-heif is not installed (pip install 'casearchive[heic]')"
        return _Unseen(replace(bare, notes=(*bare.notes, note)), _NEEDS_HEIC)
    try:
        image = PillowImage.open(path, formats=(kind.pillow,))
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning):
        return _Unseen(_too_large(bare), _TOO_LARGE)
    except Exception as error:  # Pillow raises whatever damaged data makes of it
        raise UnreadableFile(
            "damaged",
            f"the picture file contradicts itself ({type(error).__name__})",
            hint=_shared.AGAIN,
        ) from error
    try:
        facts = _facts(bare, walked, image)
    except BaseException:
        image.close()
        raise
    size = image.width * image.height
    if size > _shared.MAX_PIXELS:
        image.close()
        return _Unseen(_too_large(facts), _TOO_LARGE)
    if facts.instance.frames > 1 and kind is not _stills.TIFF and size > _shared.MAX_MOVING_PIXELS:
        image.close()
        moves = f"its frames {_MOVES_TOO_LARGE} and are not shown"
        return _Unseen(replace(facts, notes=(*facts.notes, moves)), _MOVING_TOO_LARGE)
    leaves = _leaves.Leaves(path, kind.pillow, image, facts.instance.frames, walked.pages, cut=cut)
    return StillClip(leaves, facts, _turn_of(image))


def _heic_ready() -> bool:
    """Teach Pillow HEIC, where a library for it is installed."""
    try:
        from pi_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


# ------------------------------------------------------------------------------------------------------ facts


def _bare_facts(sha256: str, kind: _stills.Format, walked: _stills.Walked) -> Facts:
    notes: list[str] = []
    frames = walked.frames
    if frames > _stills.MAX_FRAMES:
        notes.append(f"it has {frames} frames; the first {_stills.MAX_FRAMES} are used")
        frames = _stills.MAX_FRAMES
    if walked.broken:
        several = "frames" if len(walked.broken) > 1 else "frame"
        notes.append(
            f"{several} {', '.join(map(str, walked.broken[:10]))} of it cannot be whole: a checksum is wrong"
        )
    subject, study, series = _shared.standing_alone(sha256)
    return Facts(
        kind="clip" if frames > 1 else "image",
        subject=subject,
        study=study,
        series=series,
        instance=Instance(sop_instance_uid=_shared.derived_uid(sha256), frames=frames),
        timing=_timing_of(walked.durations, walked.tick, notes),
        notes=tuple(notes),
        media_type=kind.media_type,
    )


def _too_large(facts: Facts) -> Facts:
    return replace(facts, notes=(*facts.notes, f"it {_shared.TOO_MANY_PIXELS} and is not shown"))


def _facts(bare: Facts, walked: _stills.Walked, image: Image) -> Facts:
    """With size and depth, and with what the file says of its scale and, for ImageJ, of its speed."""
    columns, rows = image.size
    turn = _turn_of(image)
    told = _calibration.read(
        _exif.description(image), _exif.resolution(image), rows, columns, upright=turn == _shown.Turn()
    )
    scanned = tuple(region for region in told.regions if region.source == "exif")
    notes = [*bare.notes, *told.notes, *doubts(scanned, rows, columns)]
    frames, timing = bare.instance.frames, bare.timing
    if image.format in ("AVIF", "HEIF"):
        held = min(max(1, int(getattr(image, "n_frames", 1))), _stills.MAX_FRAMES)
        timing = timing if held == frames else Timing()
        frames = held
    if told.promised_frames > frames:
        notes.append(f"it promises {told.promised_frames} frames and holds {frames}")
    if told.frame_interval and frames > 1 and _timing.possible(1 / told.frame_interval):
        timing = _timing.steady(1 / told.frame_interval, frames, "container")
    if turn.turns % 2:
        rows, columns = columns, rows
    return replace(
        bare,
        kind="clip" if frames > 1 else "image",
        instance=replace(
            bare.instance,
            rows=rows,
            columns=columns,
            frames=frames,
            samples_per_pixel=1 if image.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "F") else 3,
            bits_stored=_depth(image.mode),
        ),
        timing=timing,
        regions=told.regions,
        claims=tuple(dict.fromkeys(_ultrasound.modes_of(scanned, "ImageDescription"))),
        identifiers=_exif.identifiers(image, walked.texts),
        notes=tuple(notes),
    )


def _depth(mode: str) -> int:
    return {"1": 1, "I": 32, "F": 32}.get(mode, 16 if mode.startswith("I;16") else 8)


def _timing_of(durations: tuple[float, ...], tick: float, notes: list[str]) -> Timing:
    """The speed of what moves. Where no frame states a duration the speed is unknown, whatever players do."""
    if len(durations) < 2:
        return Timing()
    if not any(durations):
        notes.append("its frames state no duration: how fast it was is not known")
        return Timing()
    if not all(durations):
        notes.append("some of its frames state no duration; a tenth of a second is taken, as players do")
        durations = tuple(duration or _UNSTATED_S for duration in durations)
    found = _timing.from_durations(durations, "container", tick=tick)
    if found is None:
        notes.append("its frame durations are not possible and were not believed")
        return Timing()
    if found.times:
        notes.append(_timing.UNEVEN)
    return found


def _turn_of(image: Image) -> _shown.Turn:
    """What the EXIF orientation leaves to do; TIFF, AVIF and HEIC are turned while they are decoded."""
    if image.format not in ("JPEG", "PNG", "WEBP", "MPO"):
        return _shown.Turn()
    try:
        found = image.getexif().get(274, 1)
    except Exception:  # noqa: BLE001 - EXIF is free text to many programs
        return _shown.Turn()
    return _shown.ORIENTATIONS.get(found, _shown.Turn()) if isinstance(found, int) else _shown.Turn()


# ----------------------------------------------------------------------------------------------------- frames


@dataclass
class _Unseen:
    """A picture that is kept and never decoded, with the reason."""

    facts: Facts
    _why: PictureUnavailable

    def frame(self, number: int) -> Picture:
        raise PictureUnavailable(self._why.what, hint=self._why.hint)

    def glimpse(self, number: int, edge: int) -> Picture:
        return self.frame(number)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class StillClip:
    """A picture file, decoded when a frame is asked for. Its facts gain a note when a frame proves damaged."""

    _leaves: _leaves.Leaves
    facts: Facts
    _turn: _shown.Turn

    def frame(self, number: int) -> Picture:
        return self._show(number, None)

    def glimpse(self, number: int, edge: int) -> Picture:
        return self._show(number, edge)

    def close(self) -> None:
        self._leaves.close()

    def _show(self, number: int, edge: int | None) -> Picture:
        instance = self.facts.instance
        if not 1 <= number <= instance.frames:
            raise PictureUnavailable(f"there is no frame {number}; it has {instance.frames}")
        try:
            picture = _shown.turned(self._leaves.picture(number, edge), self._turn)
        except PictureUnavailable:
            raise
        except Exception as error:  # Pillow raises whatever damaged data makes of it
            raise PictureUnavailable(f"frame {number} cannot be decoded ({type(error).__name__})") from error
        finally:
            fresh = tuple(note for note in self._leaves.remarks if note not in self.facts.notes)
            if fresh:
                self.facts = replace(self.facts, notes=(*self.facts.notes, *fresh))
        if edge is None and instance.frames > 1 and picture.shape[:2] != (instance.rows, instance.columns):
            return _shown.fitted(picture, instance.rows or 1, instance.columns or 1)
        return picture
