"""One clip on its way out: its frames cleaned, its object built anew, read back and searched, its proof written.

What passed is kept in the archive's cache, under the hash of all that decided it: the same file, on the same terms, is
not cleaned twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from casearchive.cache import Cache
from casearchive.clip import Clip, Sounding
from casearchive.deid import encode, headers, leaks, looking, own, shapes, sources, words
from casearchive.deid.choice import Choice
from casearchive.deid.decisions import Decision, Heard
from casearchive.deid.keeping import NOT_ABLE, Kept, doubt_of, safe_area
from casearchive.deid.looking import Looked, Memory, doubts, look, waits
from casearchive.deid.needles import Needle
from casearchive.deid.needles import build as needles_of
from casearchive.deid.profile import profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import NOBODY, Refusal
from casearchive.deid.scanners import Scanner
from casearchive.deid.staging import Cleaned, StagedFilm, Terms, clean_frames, text_in
from casearchive.deid.things import boxed, digest
from casearchive.model import Case, Facts, Identifier, Media, Timing, UltrasoundRegion
from casearchive.teaching import Frames

_SUFFIXES = (".frames", ".dcm", ".proof.json", ".m4a")


@dataclass(frozen=True, slots=True)
class Way:
    """All that decides about the clips of one case, beside the clips: ``known`` identifies the people of the set,
    ``folder`` is where they are staged, ``heard`` whose sound, by media id, a person let out."""

    case: Case
    known: frozenset[Identifier]
    pseudonyms: Pseudonyms
    folder: Path
    scanners: Collection[Scanner]
    memory: Memory | None
    choice: Choice
    cache: Cache
    heard: Mapping[str, Heard]


@dataclass(frozen=True, slots=True)
class Passed:
    """What passed, as values: see ``teaching.TeachingClip``. ``liveliest`` is a frame, from 1."""

    ref: str
    rows: int
    columns: int
    count: int
    fps: float | None
    fps_source: str
    times: tuple[float, ...]
    duration: float | None
    liveliest: int
    regions: tuple[UltrasoundRegion, ...]
    notes: tuple[str, ...]
    sounds: bool
    digest: str
    dicom: Path
    frames: Frames
    film: StagedFilm | None

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it, but for the files."""
        told = {name: getattr(self, name) for name in _PLAIN}
        return {**told, "regions": [asdict(region) for region in self.regions]}


_PLAIN = (
    "ref", "rows", "columns", "count", "fps", "fps_source", "times", "duration", "liveliest", "notes", "sounds",
    "digest",
)  # fmt: skip


def pass_clip(media: Media, clip: Clip, decision: Decision | None, way: Way) -> Passed | Refusal:
    """The clip as it may leave, staged in ``way.folder``; or why it stays in."""
    kept = safe_area(clip.facts, decision, way.scanners)
    if isinstance(kept, Refusal):
        return kept
    if not kept.approved and not looking.able():
        return NOT_ABLE
    key = _key(media, clip.facts, kept, way)
    before = _recalled(key, media.id, way)
    if before is not None:
        return before
    seen = way.memory.recall(media.sha256, kept.area) if way.memory is not None and media.sha256 else None
    if seen is not None and not kept.approved:
        refusal = _seen_before(seen, kept, needles_of(way.known))
        if refusal is not None:
            return refusal
    way.folder.mkdir(parents=True, exist_ok=True)
    staged = [way.folder / f"{media.id}{suffix}" for suffix in _SUFFIXES]
    made: Passed | Refusal = Refusal("it was not finished", NOBODY)
    try:
        made = _make(media, clip, kept, staged, way)
    finally:
        if isinstance(made, Refusal):
            for path in staged:
                path.unlink(missing_ok=True)
    if isinstance(made, Passed):
        _keep(key, made, way)
    return made


def _seen_before(seen: Looked, kept: Kept, needles: tuple[Needle, ...]) -> Refusal | None:
    """The refusal that looking would come to again."""
    outline = seen.outline if kept.plain else None
    found = [n for n, one in sorted(seen.frames.items()) if waits(one, outline, kept.area, needles)]
    return text_in(found[0]) if found else None


# ------------------------------------------------------------------------------------------- what passed before


def _key(media: Media, facts: Facts, kept: Kept, way: Way) -> str:
    """SHA-256 of all that decides how this clip passes; empty where nobody says which bytes it is made of."""
    if not media.sha256:
        return ""
    who = facts.subject.identity
    told = (
        sources.digest(), looking.version(),
        profile().under(way.choice.names).choice_digest,
        media.sha256, media.id, way.case.slug, facts, kept.told, kept.area.digest, kept.area.regions, kept.decision,
        sorted((i.keyword, i.value) for i in way.known), way.pseudonyms.uid(media.sha256),
        way.choice.first_days.get(who), sorted((r.sop_instance_uid, way.choice.frames.get(r.sop_instance_uid))
        for r in facts.references), way.heard.get(media.id),
    )  # fmt: skip
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


def _keep(key: str, made: Passed, way: Way) -> None:
    """Copies what passed to the cache; a full disk there is no reason to refuse anything."""
    if not key:
        return

    def filled(folder: Path) -> None:
        folder.mkdir()
        for suffix in _SUFFIXES[1:]:
            source = made.dicom.with_suffix(suffix)
            if source.is_file():
                shutil.copyfile(source, folder / f"clip{suffix}")
        (folder / "clip.json").write_text(json.dumps(made.plain()), "utf-8")

    way.cache.try_made(key, "passed", filled, again=True)  # what is there was not whole


def _recalled(key: str, ref: str, way: Way) -> Passed | None:
    """What passed before on the same terms, staged again; None where nothing did, or it is not whole."""
    folder = way.cache.there(key, "passed") if key else None
    if folder is None:
        return None
    try:
        told = json.loads((folder / "clip.json").read_text("utf-8"))
        proof = json.loads((folder / "clip.proof.json").read_text("utf-8"))
        if told["ref"] != ref or encode.file_hash(folder / "clip.dcm") != proof["sha256"]:
            return None
        if told["sounds"] and encode.file_hash(folder / "clip.m4a") != proof["sound"]["sha256"]:
            return None
        way.folder.mkdir(parents=True, exist_ok=True)
        for suffix in _SUFFIXES[1:]:
            if (folder / f"clip{suffix}").is_file():
                shutil.copyfile(folder / f"clip{suffix}", way.folder / f"{ref}{suffix}")
        values = {name: told[name] for name in _PLAIN}
        regions = tuple(UltrasoundRegion(**region) for region in told["regions"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    dicom = way.folder / f"{ref}.dcm"
    frames = encode.EncodedFrames(dicom, int(values["count"]))
    for name in ("times", "notes"):
        values[name] = tuple(values[name])
    timing = Timing(values["fps"], values["fps_source"], values["duration"], values["times"])
    return Passed(
        **values,
        regions=regions,
        dicom=dicom,
        frames=frames,
        film=_film(frames, timing, values["digest"], way.cache, dicom if values["sounds"] else None),
    )


def _film(
    frames: Frames, timing: Timing, shown: str, cache: Cache, sounding: Path | None
) -> StagedFilm | None:
    if len(frames) < 2:
        return None
    sound = sounding.with_suffix(".m4a") if sounding else None
    return StagedFilm(frames, timing.lasting(len(frames)), cache, shown, sound)


# --------------------------------------------------------------------------------------------------- making it


def _make(media: Media, clip: Clip, kept: Kept, staged: list[Path], way: Way) -> Passed | Refusal:
    frames_path, dicom, proof, sound = staged
    area = kept.area
    found = Looked()
    looked = look(clip, area, sha256=media.sha256, memory=way.memory, found=found)
    needles = needles_of(way.known)
    terms = Terms(needles, kept.approved, kept.drawn, kept.plain)
    cleaned = clean_frames(looked, found, clip.facts.instance.frames, area, terms, frames_path)
    if isinstance(cleaned, Refusal):
        return cleaned
    doubt = doubt_of(doubts(clip), kept)
    if doubt is not None:
        return doubt
    area = cleaned.area
    facts, frames = clip.facts, cleaned.frames
    picture = headers.Picture(area, len(frames), cleaned.colour)
    dataset = headers.build(facts, way.case, way.pseudonyms, picture, way.known, way.choice)
    if isinstance(dataset, Refusal):
        return dataset
    encode.write(dataset, (frames.frame(n) for n in range(1, len(frames) + 1)), dicom)
    mask = area.mask()
    around = boxed((t.box for t in cleaned.beside), area.rows, area.columns)
    faults = encode.faults(dicom, mask, cleaned.hashes, around, way.choice.names)
    if faults:
        return Refusal(f"the rebuilt file failed its own check: {faults[0]}", NOBODY)
    if leaks.scan(dicom, leaks.uids_of(facts).union(way.known), own=own.phrases(own.AIRLOCK)):
        return Refusal("an identity was found in the rebuilt file", NOBODY)
    allowed = way.heard.get(media.id)
    heard = allowed is not None and isinstance(clip, Sounding) and len(frames) > 1 and clip.write_sound(sound)
    beside = _beside_of(cleaned)
    proved = {
        **_proof(media, kept, cleaned, dicom, needles),
        **beside,
        "attributes": headers.told(dataset, profile().under(way.choice.names)),
        **(_heard(allowed, sound, needles) if allowed is not None and heard else {}),
    }
    proof.write_text(json.dumps(proved, indent=1), encoding="utf-8")
    missing = tuple(
        note for note in facts.notes if note.startswith(("the file ends early", "a frame is cut short"))
    )
    shown = _shown(cleaned, beside, facts.timing, sound if heard else None)
    uncalibrated = len(area.regions) - len(dataset.get("SequenceOfUltrasoundRegions") or ())
    return Passed(
        ref=media.id,
        rows=area.rows,
        columns=area.columns,
        count=len(frames),
        fps=facts.timing.fps,
        fps_source=facts.timing.source,
        times=facts.timing.times,
        duration=facts.timing.duration_s,
        liveliest=cleaned.liveliest,
        regions=area.regions,
        notes=(
            *missing,
            *(["a region without a complete calibration was not written"] if uncalibrated else []),
        ),
        sounds=heard,
        digest=shown,
        dicom=dicom,
        frames=frames,
        film=_film(frames, facts.timing, shown, way.cache, dicom if heard else None),
    )


def _shown(cleaned: Cleaned, beside: Mapping[str, object], timing: Timing, sound: Path | None) -> str:
    """SHA-256 of what is seen and heard, when: nothing of whose it is or which set it is in."""
    told = (
        cleaned.hashes,
        cleaned.area.digest,
        beside.get("beside_sha256", ""),
        timing.lasting(len(cleaned.hashes)),
        encode.file_hash(sound) if sound else "",
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _heard(allowed: Heard, sound: Path, needles: tuple[Needle, ...]) -> dict[str, object]:
    """What the certificate says of the sound."""
    who = _reviewer(allowed.who, needles)
    return {
        "sound": {
            "sha256": encode.file_hash(sound), "by": who, "at": allowed.at, "because": allowed.because
        }
    }  # fmt: skip


def _reviewer(who: str, needles: tuple[Needle, ...]) -> str:
    """Who decided, unless the files know them as the staff of this very patient."""
    return "one of the staff that the files name" if any(words.find(who, needles)) else who


def _proof(
    media: Media, kept: Kept, cleaned: Cleaned, dicom: Path, needles: tuple[Needle, ...]
) -> dict[str, object]:
    """What the certificate says of this clip; the rebuilt file was read back and agreed before this is
    written."""
    area, decision = cleaned.area, kept.decision
    drawn: dict[str, object] = {
        name: [shapes.written(shape) for shape in some]
        for name, some in (("kept_shapes", area.drawn), ("removed_shapes", area.struck))
        if some
    }
    if area.within is not None:
        drawn["kept_within"] = shapes.written(area.within)
    if decision is not None:
        drawn["reviewed"] = {
            "decision": decision.kind,
            "by": _reviewer(decision.who, needles),
            "at": decision.at,
            "because": decision.because,
            "frames_with_text": list(cleaned.texts),
        }
    return {
        "ref": media.id,
        "sha256": encode.file_hash(dicom),
        "area": kept.told,
        **drawn,
        "frames": len(cleaned.hashes),
        "rows": area.rows,
        "columns": area.columns,
        "kept_boxes": [list(box) for box in area.boxes],
        "kept_percent": round(100 * area.fraction, 2),
        "kept_pixels": [
            {"frame": n, "before": digest, "after": digest} for n, digest in enumerate(cleaned.hashes, 1)
        ],
        "frames_searched_for_text": len(cleaned.hashes),
    }


def _beside_of(cleaned: Cleaned) -> dict[str, object]:
    """What was kept beside the area: its kind, where, how it reads, and the pixels of all frames there as one hash."""
    if not cleaned.beside:
        return {}
    frames = cleaned.frames
    where = boxed((t.box for t in cleaned.beside), cleaned.area.rows, cleaned.area.columns)
    return {
        "kept_beside": [{"kind": t.kind, "box": list(t.box), "text": t.text} for t in cleaned.beside],
        "beside_sha256": digest((frames.frame(n) for n in range(1, len(frames) + 1)), where),
    }
