"""The one door out: makes a TeachingCase of what is plainly safe, and says of the rest why it stays in."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydicom.uid import UID

from casearchive import film
from casearchive.clip import Clip, Sounding
from casearchive.deid import documents, encode, headers, leaks, leaving, own, shapes, words
from casearchive.deid.choice import NOTHING_CHOSEN, Choice
from casearchive.deid.decisions import APPROVE, REFUSE, Decision, Heard
from casearchive.deid.looking import EXTRA, Looked, Memory, able, doubts, look
from casearchive.deid.needles import Needle
from casearchive.deid.needles import build as needles_of
from casearchive.deid.pixels import (
    MOST_OF_THE_FRAME,
    Area,
    drawn_area,
    scan_area,
    struck_out,
)
from casearchive.deid.profile import profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import AUTHOR, NOBODY, REVIEW, Refusal
from casearchive.deid.scanners import Scanner, fitting
from casearchive.deid.staging import Cleaned, StagedFilm, StagedFrames, Terms, clean_frames
from casearchive.deid.things import boxed, digest
from casearchive.model import (
    GUESSED_LAYOUT,
    TOO_FEW,
    Author,
    Case,
    Consent,
    Evidence,
    Facts,
    Finding,
    Identifier,
    Measurement,
    Media,
    Quiz,
    Timing,
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingDocument, Withheld

_PLAIN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\Z", re.I)  # names Windows will not have
NOT_ABLE = Refusal(f"text in its pictures cannot be looked for here: {EXTRA} is not installed")
_REFUSED_BY_A_PERSON = Refusal(
    "a person decided that it does not leave", "whoever refused it: casearchive review reopen"
)
READY = "set status=ready when the case may leave"


def pass_case(
    case: Case,
    clips: Mapping[str, Clip],
    identifiers: Collection[Identifier],
    pseudonyms: Pseudonyms,
    staging: Path,
    *,
    decisions: Mapping[str, Decision] | None = None,
    scanners: Collection[Scanner] = (),
    consent_required: bool = False,
    memory: Memory | None = None,
    choice: Choice = NOTHING_CHOSEN,
    films: Films | None = None,
    today: datetime.date | None = None,
) -> tuple[TeachingCase | None, tuple[Withheld, ...]]:
    """Let out what is plainly safe of one case; list everything that stays in, with who can decide.

    ``clips`` are opened clips by media id; ``identifiers`` all that is known to identify the people of this
    case (those of the clips' own facts are added). ``decisions`` are what people decided, by media id; ``scanners``
    the profiles that may tell what of a screen is the scan; with ``consent_required`` a case without a consent for
    teaching stays in. ``memory`` knows what was seen in a file before, ``choice`` the options of the profile, ``films``
    where films of what passes are kept.
    Each clip that passes is written to ``staging/<slug>/``: the rebuilt DICOM object ``<id>.dcm``, its cleaned frames
    ``<id>.npy`` and, for the certificate, ``<id>.proof.json``. Nothing is left in staging of a case that is withheld.
    Documents whose option is chosen are not judged here: ``pass_documents`` does, when it is known which images of the
    whole set leave. Raises what the disk raises, ``NoSecretError`` and ``ProfileError``.
    """
    known = frozenset(identifiers).union(*(clip.facts.identifiers for clip in clips.values()))
    case = choice.of_record(case)
    name = _neutral_name(case, known, pseudonyms)
    day = today or datetime.datetime.now(datetime.UTC).date()
    refusal = _may_leave(case, day, consent_required) or _plain_ids(case)
    if refusal:
        return None, (Withheld(name, "", refusal.reason, refusal.decide),)
    author, left_out = _author(case, known)
    words_only = _rebuilt(case, {media.id for media in case.media}, author)
    hits = words.search(words_only, known)
    if hits or name != case.slug:
        return None, tuple(
            dict.fromkeys(Withheld(name, "", r, AUTHOR) for r in _told(hits, name != case.slug))
        )

    withheld = [Withheld(name, "", reason, AUTHOR) for reason in left_out]
    folder = staging / case.slug
    passed: list[TeachingClip] = []
    try:
        for media in case.media:
            clip = clips.get(media.id)
            if clip is not None and waits_for_images(clip.facts, choice):
                continue
            result = (
                Refusal("its file is not at hand", "whoever keeps the archive (verify)")
                if clip is None
                else _pass_clip(
                    media,
                    clip,
                    case,
                    known,
                    pseudonyms,
                    folder,
                    (decisions or {}).get(media.id),
                    scanners,
                    memory,
                    choice,
                    films or Films(folder),
                )
            )
            if isinstance(result, Refusal):
                withheld.append(Withheld(name, media.id, result.reason, result.decide))
            else:
                passed.append(result)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not passed:
        shutil.rmtree(folder, ignore_errors=True)
        withheld.append(Withheld(name, "", "no picture could be released", REVIEW))
        return None, tuple(withheld)
    clean_case = _rebuilt(case, {clip.ref for clip in passed}, author)
    return TeachingCase(clean_case, tuple(passed)), tuple(withheld)


# ------------------------------------------------------------------------------------------------- documents


def waits_for_images(facts: Facts, choice: Choice) -> bool:
    """Whether a file is a document that the options let out, and so comes after all images of the set."""
    kind = documents.kind_of(facts.instance.sop_class_uid) if facts.kind == "dicom" else ""
    return bool(kind) and profile().option_of(kind) in choice.names


def images_of(taught: TeachingCase, facts: Mapping[str, Facts]) -> dict[str, leaving.Image]:
    """The images of a case that leave, by the SOP Instance UIDs of their sources; ``facts`` are by media id."""
    found = {}
    for clip in taught.clips:
        its = facts[clip.ref]
        found[its.instance.sop_instance_uid] = leaving.Image(
            its.study.study_instance_uid,
            its.series.series_instance_uid,
            len(clip.frames),
            clip.rows,
            clip.columns,
        )
    return found


def pass_documents(
    taught: TeachingCase,
    case: Case,
    facts: Mapping[str, Facts],
    images: leaving.Images,
    identifiers: Collection[Identifier],
    pseudonyms: Pseudonyms,
    staging: Path,
    choice: Choice,
    decisions: Mapping[str, Decision] | None = None,
) -> tuple[TeachingCase, tuple[Withheld, ...]]:
    """The same case with its documents that may leave, and those that stay in.

    ``taught`` is what ``pass_case`` made of ``case``; ``facts`` are those of its documents by media id, ``images`` all
    that leave in the set, by the SOP Instance UIDs of their sources. Each document that passes is written to
    ``staging/<slug>/``: the new object ``<id>.dcm`` and, for the certificate, ``<id>.proof.json``.
    """
    known = frozenset(identifiers).union(*(its.identifiers for its in facts.values()))
    folder = staging / case.slug
    passed: list[TeachingDocument] = []
    withheld: list[Withheld] = []
    for media in case.media:
        if media.id not in facts:
            continue
        decision = (decisions or {}).get(media.id)
        result = (
            _REFUSED_BY_A_PERSON
            if decision is not None and decision.kind == REFUSE
            else _make_document(media, facts[media.id], case, known, pseudonyms, images, folder, choice)
        )
        if isinstance(result, Refusal):
            withheld.append(Withheld(case.slug, media.id, result.reason, result.decide))
        else:
            passed.append(result)
    if not passed:
        return taught, tuple(withheld)
    refs = {clip.ref for clip in taught.clips} | {one.ref for one in passed}
    clean = _rebuilt(choice.of_record(case), refs, taught.case.author)
    return replace(taught, case=clean, documents=tuple(passed)), tuple(withheld)


def _make_document(
    media: Media,
    facts: Facts,
    case: Case,
    known: Collection[Identifier],
    pseudonyms: Pseudonyms,
    images: leaving.Images,
    folder: Path,
    choice: Choice,
) -> TeachingDocument | Refusal:
    made = documents.build(facts, case, pseudonyms, images, known, choice)
    if isinstance(made, Refusal):
        return made
    dicom, proof = folder / f"{media.id}.dcm", folder / f"{media.id}.proof.json"
    result: TeachingDocument | Refusal = Refusal("it was not finished", NOBODY)
    try:
        documents.write(made.dataset, dicom)
        result = _proven(media, facts, known, made, dicom, proof, choice)
        return result
    finally:
        if isinstance(result, Refusal):
            dicom.unlink(missing_ok=True)
            proof.unlink(missing_ok=True)


def _proven(
    media: Media,
    facts: Facts,
    known: Collection[Identifier],
    made: documents.Made,
    dicom: Path,
    proof: Path,
    choice: Choice,
) -> TeachingDocument | Refusal:
    """The staged document, read back, held against the profile and searched; then its proof is written."""
    finished = documents.read(dicom)
    faults = documents.allowed(finished, choice.names)
    if faults or documents.counted(finished) != made.kept:
        return Refusal(f"the rebuilt document failed its own check: {[*faults, 'its items'][0]}", NOBODY)
    if leaks.scan(dicom, _source_uids(facts).union(known), own=own.phrases("casearchive.deid")):
        return Refusal("an identity was found in the rebuilt document", NOBODY)
    name = UID(finished.SOPClassUID).name.removesuffix(" Storage")
    proved = {
        "ref": media.id,
        "sha256": encode.file_hash(dicom),
        "kind": name,
        "kept": dict(sorted(made.kept.items())),
        "dropped": dict(sorted(made.dropped.items())),
        "attributes": headers.told(finished, profile().under(choice.names).of(made.kind)),
    }
    proof.write_text(json.dumps(proved, indent=1), encoding="utf-8")
    return TeachingDocument(ref=media.id, kind=name, dicom=dicom)


# --------------------------------------------------------------------------------------------------- the case


def _neutral_name(case: Case, known: Collection[Identifier], pseudonyms: Pseudonyms) -> str:
    """The slug, or a pseudonym for it when the slug itself tells who it is about."""
    slug = Case(slug=case.slug, title="")
    return f"case {pseudonyms.patient('slug ' + case.slug)}" if words.search(slug, known) else case.slug


def _may_leave(case: Case, today: datetime.date, consent_required: bool) -> Refusal | None:
    """Status and consent (an end date in the past, or one that cannot be read, is no consent)."""
    if case.status == "draft":
        return Refusal("draft", READY)
    if case.status == "held":
        return Refusal("held: the record says why", READY)
    if case.status != "ready":
        return Refusal(case.status if case.status == "retired" else "its status is not known", READY)
    if consent_required and not case.consent.scope.strip():
        return Refusal(
            "its record names no consent, and this archive demands one",
            "the patient, through the author of the case; write consent.scope = “teaching”",
        )
    if case.consent.scope.strip() and not _for_teaching(case.consent.scope):
        return Refusal(
            "the consent is not plainly for teaching",
            "the patient, through the author of the case; write consent.scope as a list such as “teaching, research”",
        )
    if case.consent.until:
        try:
            until = datetime.date.fromisoformat(case.consent.until)
        except ValueError:
            return Refusal("the end of the consent cannot be read", AUTHOR)
        if until < today:
            return Refusal("the consent has ended", "the patient, through the author of the case")
    return None


#: What people agree to, one word or two each; anything else in a scope (“not”, “only for …”) is no plain yes.
_SCOPES = frozenset({
    "teaching", "education", "medical education", "research", "publication", "conference", "conferences",
    "presentation", "treatment", "diagnosis", "quality assurance", "anonymous use",
})  # fmt: skip


def _for_teaching(scope: str) -> bool:
    """A plain list of purposes with teaching among them; a sentence is for a person to read."""
    purposes = {" ".join(p.split()) for p in re.split(r"[,;/+&]|\band\b", scope.casefold()) if p.strip()}
    return purposes <= _SCOPES and bool(purposes & {"teaching", "education", "medical education"})


def _plain_ids(case: Case) -> Refusal | None:
    """Media ids become file names: they must be plain and differ by more than case."""
    ids = [media.id for media in case.media]
    if any(not _PLAIN_ID.match(i) or _RESERVED.match(i) for i in ids):
        return Refusal("a media id is not a plain short word", AUTHOR)
    if len({i.casefold() for i in ids}) != len(ids):
        return Refusal("two media have the same id", AUTHOR)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", case.slug):
        return Refusal("the slug is not made of a-z, 0-9 and hyphens", AUTHOR)
    return None


def _told(hits: Collection[words.WordHit], slug: bool) -> Iterator[str]:
    if slug:
        yield "slug: an identity known from the files; rename the case"
    for hit in hits:
        if hit.field != "slug":
            yield f"words: {hit}"


def _author(case: Case, known: Collection[Identifier]) -> tuple[Author, list[str]]:
    """The teacher's name and affiliation, unless the files know them as the patient's staff or hospital.

    The contact never leaves: a set travels further than its author expects.
    """
    needles = needles_of(known)
    kept = {"name": case.author.name, "affiliation": case.author.affiliation}
    left_out = []
    for part, text in kept.items():
        if text and any(words.find(text, needles)):
            kept[part] = ""
            left_out.append(f"author.{part} was left out: the files of this case name the same")
    return Author(**kept), left_out


def _rebuilt(case: Case, media: Collection[str], author: Author) -> Case:
    """A new record of what may leave: words as written, media by neutral name, nothing that points
    elsewhere."""
    return replace(
        case,
        hold="",
        author=author,
        consent=Consent(scope=case.consent.scope),  # the day on which it ends is a day of somebody's life
        media=tuple(_media(m, media) for m in case.media if m.id in media),
        findings=tuple(_finding(f, media) for f in case.findings),
        measurements=tuple(_measurement(m, media) for m in case.measurements),
        quiz=tuple(_quiz(q, media) for q in case.quiz),
    )


def _media(media: Media, kept: Collection[str]) -> Media:
    pair = media.pair if media.pair in kept else ""
    return replace(media, file=f"{media.id}.dcm", sha256="", name="", pair=pair)


def _finding(finding: Finding, kept: Collection[str]) -> Finding:
    evidence: tuple[Evidence, ...] = tuple(e for e in finding.evidence if e.media in kept)
    return replace(finding, evidence=evidence)


def _measurement(measurement: Measurement, kept: Collection[str]) -> Measurement:
    """The value stays, it is the author's word; where it was taken stays only with the picture."""
    if not measurement.media or measurement.media in kept:
        return measurement
    return replace(measurement, media="", frame=None, points=())


def _quiz(quiz: Quiz, kept: Collection[str]) -> Quiz:
    return quiz if quiz.ask_point is None or quiz.ask_point.media in kept else replace(quiz, ask_point=None)


# --------------------------------------------------------------------------------------------------- one clip


@dataclass(frozen=True, slots=True)
class Films:
    """Where films are kept, by what they show, and whose sound, by media id, a person let out."""

    folder: Path
    heard: Mapping[str, Heard] = field(default_factory=dict)


def _pass_clip(
    media: Media,
    clip: Clip,
    case: Case,
    known: Collection[Identifier],
    pseudonyms: Pseudonyms,
    folder: Path,
    decision: Decision | None,
    scanners: Collection[Scanner],
    memory: Memory | None,
    choice: Choice,
    films: Films,
) -> TeachingClip | Refusal:
    kept = safe_area(clip.facts, decision, scanners)
    if isinstance(kept, Refusal):
        return kept
    if not kept.approved and not able():
        return NOT_ABLE
    folder.mkdir(parents=True, exist_ok=True)
    staged = [folder / f"{media.id}{suffix}" for suffix in (".npy", ".dcm", ".proof.json", ".m4a")]
    made: TeachingClip | Refusal = Refusal("it was not finished", NOBODY)
    try:
        made = _make(media, clip, case, known, pseudonyms, kept, staged, memory, choice, films)
        return made
    finally:
        if isinstance(made, Refusal):
            for path in staged:
                path.unlink(missing_ok=True)


_REGIONS = "the ultrasound regions"


@dataclass(frozen=True, slots=True)
class Kept:
    """The pixels that may stay, who says so, and what a person decided of this very file."""

    area: Area
    told: str  # "the ultrasound regions", "a person", "the scanner profile …"
    decision: Decision | None = None

    @property
    def drawn(self) -> bool:
        """A person drew what stays of this very file, or took a part out of it: nothing stays beside that."""
        return bool(self.area.struck) or (self.decision is not None and bool(self.decision.keep))

    @property
    def plain(self) -> bool:
        """Its regions alone say what stays."""
        return self.decision is None and self.told == _REGIONS

    @property
    def approved(self) -> bool:
        """A person has said that no text in these pixels tells who it is."""
        return self.decision is not None and self.decision.kind == APPROVE


def safe_area(facts: Facts, decision: Decision | None, scanners: Collection[Scanner]) -> Kept | Refusal:
    """Which pixels of a file may stay: what a person keeps, else its regions where they can be trusted, else the
    profile of this very scanner; else nobody knows, and a person must look."""
    refusal = _no_rule(facts)
    if refusal is not None:
        return refusal
    if decision is not None and decision.kind == REFUSE:
        return _REFUSED_BY_A_PERSON
    told, area = _told_area(facts, decision, scanners)
    if isinstance(area, Area) and decision is not None:
        if decision.area and decision.area != area.digest:
            return Refusal("what would be kept of it is not what a person looked at any more")
        area = struck_out(area, decision.remove)
    return area if isinstance(area, Refusal) else Kept(area, told, decision)


def _no_rule(facts: Facts) -> Refusal | None:
    """A refusal of what no rule lets out as a picture: all but ultrasound, and pictures that may show it."""
    uid = facts.instance.sop_class_uid or ""
    if facts.kind == "dicom" and not (uid in headers.ULTRASOUND_CLASSES or _captured(facts)):
        document = documents.refusal_without_option(facts)
        if document is not None:
            return document
        kind = UID(uid).name if UID(uid).name != uid else "a kind of object that is not known here"
        return Refusal(f"not an ultrasound image object ({kind}): no rule lets it out", NOBODY)
    if facts.kind not in ("dicom", "image", "clip") or facts.instance.frames < 1:
        return Refusal("not a picture: reports and other objects do not leave", NOBODY)
    return None


def _captured(facts: Facts) -> bool:
    """A screen that somebody captured as a DICOM object of its own, and called ultrasound."""
    return facts.instance.sop_class_uid in headers.CAPTURE_CLASSES and facts.series.modality == "US"


def doubt_of(doubts: Collection[str], kept: Kept) -> Refusal | None:
    """A refusal where decoding showed that the header may not hold, unless a person saw what stays: a wrong guess would
    move the banner into the scan."""
    decision = kept.decision
    if not doubts or (decision is not None and (decision.kind == APPROVE or decision.keep)):
        return None
    if any(doubt.startswith(GUESSED_LAYOUT) for doubt in doubts):
        what = "how its colours lie had to be guessed"
    elif any(doubt.startswith(TOO_FEW) for doubt in doubts):
        what = "it holds fewer frames than it says, as frames of another size would be"
    else:
        what = "its frames have another size than it says"
    return Refusal(f"{what}, so its regions may not hold")


def _told_area(
    facts: Facts, decision: Decision | None, scanners: Collection[Scanner]
) -> tuple[str, Area | Refusal]:
    if decision is not None and decision.keep:
        return "a person", drawn_area(facts, decision.keep)
    if facts.kind != "dicom" or _captured(facts):  # whatever a photo says of itself proves nothing
        return "", Refusal("no ultrasound regions: nothing says which pixels are safe")
    area = scan_area(facts)
    if isinstance(area, Area):
        return _REGIONS, area
    scanner = fitting(scanners, facts)
    if scanner is not None:
        drawn = drawn_area(facts, scanner.keep)
        if isinstance(drawn, Area):
            drawn = struck_out(drawn, scanner.remove)
        if isinstance(drawn, Area) and drawn.fraction > MOST_OF_THE_FRAME:
            share = f"{drawn.fraction:.0%} of the picture"
            drawn = Refusal(f"the profile of its scanner cannot be trusted: it keeps {share}")
        return f"the scanner profile “{scanner.name}”", drawn
    return "", area


def _make(
    media: Media,
    clip: Clip,
    case: Case,
    known: Collection[Identifier],
    pseudonyms: Pseudonyms,
    kept: Kept,
    staged: list[Path],
    memory: Memory | None,
    choice: Choice,
    films: Films,
) -> TeachingClip | Refusal:
    frames_path, dicom, proof, sound = staged
    area = kept.area
    found = Looked()
    looked = look(clip, area, sha256=media.sha256, memory=memory, found=found)
    needles = needles_of(known)
    terms = Terms(needles, kept.approved, kept.drawn, kept.plain)
    cleaned = clean_frames(looked, found, clip.facts.instance.frames, area, terms, frames_path)
    if isinstance(cleaned, Refusal):
        return cleaned
    doubt = doubt_of(doubts(clip), kept)
    if doubt is not None:
        return doubt
    area = cleaned.area
    facts, frames = clip.facts, StagedFrames(cleaned.path)
    picture = headers.Picture(area, len(frames), cleaned.colour)
    dataset = headers.build(facts, case, pseudonyms, picture, known, choice)
    if isinstance(dataset, Refusal):
        return dataset
    encode.write(dataset, (frames.frame(n) for n in range(1, len(frames) + 1)), dicom)
    mask = area.mask()
    around = boxed((t.box for t in cleaned.beside), area.rows, area.columns)
    faults = encode.faults(dicom, mask, cleaned.hashes, around, choice.names)
    if faults:
        return Refusal(f"the rebuilt file failed its own check: {faults[0]}", NOBODY)
    if leaks.scan(dicom, _source_uids(facts).union(known), own=own.phrases("casearchive.deid")):
        return Refusal("an identity was found in the rebuilt file", NOBODY)
    allowed = films.heard.get(media.id)
    heard = allowed is not None and isinstance(clip, Sounding) and len(frames) > 1 and clip.write_sound(sound)
    proved = {
        **_proof(media, kept, cleaned, dicom, needles),
        "attributes": headers.told(dataset, profile().under(choice.names)),
        **(_heard(allowed, sound, needles) if allowed is not None and heard else {}),
    }
    proof.write_text(json.dumps(proved, indent=1), encoding="utf-8")
    chosen = media.key_frame if media.key_frame and 1 <= media.key_frame <= len(frames) else cleaned.liveliest
    missing = tuple(
        note for note in facts.notes if note.startswith(("the file ends early", "a frame is cut short"))
    )
    shown = _shown(cleaned, facts.timing, sound if heard else None)
    moving = StagedFilm(
        frames,
        facts.timing.lasting(len(frames)),
        films.folder / shown[:2] / f"{shown}.film-{film.VERSION}.mp4",
        sound if heard else None,
    )
    uncalibrated = len(area.regions) - len(dataset.get("SequenceOfUltrasoundRegions") or ())
    return TeachingClip(
        ref=media.id,
        rows=area.rows,
        columns=area.columns,
        frames=frames,
        fps=facts.timing.fps,
        fps_source=facts.timing.source,
        key_frame=chosen,
        regions=area.regions,
        dicom=dicom,
        notes=(
            *missing,
            *(["a region without a complete calibration was not written"] if uncalibrated else []),
        ),
        times=facts.timing.times,
        film=moving if len(frames) > 1 else None,
        sounds=heard,
        digest=shown,
    )


def _shown(cleaned: Cleaned, timing: Timing, sound: Path | None) -> str:
    """SHA-256 of what is seen and heard, when: nothing of whose it is or which set it is in."""
    told = (
        cleaned.hashes,
        cleaned.area.digest,
        _beside_of(cleaned).get("beside_sha256", ""),
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


def _source_uids(facts: Facts) -> frozenset[Identifier]:
    return frozenset(
        Identifier(keyword, uid)
        for keyword, uid in (
            ("SOPInstanceUID", facts.instance.sop_instance_uid),
            ("SeriesInstanceUID", facts.series.series_instance_uid),
            ("StudyInstanceUID", facts.study.study_instance_uid),
        )
        if uid
    )


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
        **_beside_of(cleaned),
    }


def _beside_of(cleaned: Cleaned) -> dict[str, object]:
    """What was kept beside the area: its kind, where, how it reads, and the pixels of all frames there as one hash."""
    if not cleaned.beside:
        return {}
    frames = StagedFrames(cleaned.path)
    where = boxed((t.box for t in cleaned.beside), cleaned.area.rows, cleaned.area.columns)
    return {
        "kept_beside": [{"kind": t.kind, "box": list(t.box), "text": t.text} for t in cleaned.beside],
        "beside_sha256": digest((frames.frame(n) for n in range(1, len(frames) + 1)), where),
    }
