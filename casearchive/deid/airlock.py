"""The one door out: makes a TeachingCase of what is plainly safe, and says of the rest why it stays in."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydicom.uid import UID

from casearchive import abreast
from casearchive.cache import Cache
from casearchive.clip import Clip
from casearchive.deid import documents, encode, headers, leaks, leaving, own, words
from casearchive.deid.choice import NOTHING_CHOSEN, Choice
from casearchive.deid.clips import Passed, Way, pass_clip
from casearchive.deid.decisions import REFUSE, Decision, Heard
from casearchive.deid.keeping import REFUSED_BY_A_PERSON
from casearchive.deid.looking import Memory
from casearchive.deid.needles import build as needles_of
from casearchive.deid.profile import profile
from casearchive.deid.pseudonyms import Pseudonyms
from casearchive.deid.refusal import AUTHOR, NOBODY, REVIEW, Refusal
from casearchive.deid.scanners import Scanner
from casearchive.model import (
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
)
from casearchive.teaching import TeachingCase, TeachingClip, TeachingDocument, Withheld

_PLAIN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\Z", re.I)  # names Windows will not have
READY = "set status=ready when the case may leave"


def prepare() -> None:
    """What parses Python as it is loaded, loaded by whoever calls this, before cases pass side by side.

    Python before 3.11.5 fails where two threads parse at once (``AST constructor recursion depth mismatch``).
    """
    importlib.import_module("numpy.ma")  # numpy loads it when it is first asked for unique values
    own.phrases(own.AIRLOCK)


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
    cache: Cache | None = None,
    heard: Mapping[str, Heard] | None = None,
    today: datetime.date | None = None,
) -> tuple[TeachingCase | None, tuple[Withheld, ...]]:
    """Let out what is plainly safe of one case; list everything that stays in, with who can decide.

    ``clips`` are opened clips by media id; ``identifiers`` all that is known to identify the people of this
    case (those of the clips' own facts are added). ``decisions`` are what people decided, by media id; ``scanners``
    the profiles that may tell what of a screen is the scan; with ``consent_required`` a case without a consent for
    teaching stays in. ``memory`` knows what was seen in a file before, ``choice`` the options of the profile, ``cache``
    is where what passed is kept for the next time, ``heard`` whose sound, by media id, a person let out.
    Each clip that passes is written to ``staging/<slug>/``: the rebuilt DICOM object ``<id>.dcm``, its cleaned frames
    ``<id>.frames`` and, for the certificate, ``<id>.proof.json``. Nothing is left in staging of a withheld case.
    Documents whose option is chosen are not judged here: ``pass_documents`` does, when it is known which images of the
    whole set leave. Raises what the disk raises, ``NoSecretError`` and ``ProfileError``.
    """
    prepare()
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
    way = Way(
        case,
        known,
        pseudonyms,
        folder,
        scanners,
        memory,
        choice,
        cache or Cache(folder / "kept", learning=False),
        heard or {},
    )
    passed: list[TeachingClip] = []

    def through(media: Media) -> tuple[Media, Passed | Refusal]:
        clip = clips.get(media.id)
        if clip is None:
            return media, Refusal("its file is not at hand", "whoever keeps the archive (verify)")
        return media, pass_clip(media, clip, (decisions or {}).get(media.id), way)

    now = [m for m in case.media if m.id not in clips or not waits_for_images(clips[m.id].facts, choice)]
    try:
        with contextlib.closing(abreast.in_order(through, now, abreast.few())) as results:
            for media, result in results:
                if isinstance(result, Refusal):
                    withheld.append(Withheld(name, media.id, result.reason, result.decide))
                else:
                    passed.append(_teaching_clip(media, result, way.cache))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not passed:
        shutil.rmtree(folder, ignore_errors=True)
        withheld.append(
            Withheld(name, "", "no picture could be released", REVIEW)
            if case.media
            else Withheld(name, "", "it has no pictures or clips, and these are what is taught with", AUTHOR)
        )
        return None, tuple(withheld)
    clean_case = _rebuilt(case, {clip.ref for clip in passed}, author)
    return TeachingCase(clean_case, tuple(passed)), tuple(withheld)


def _teaching_clip(media: Media, passed: Passed, cache: Cache) -> TeachingClip:
    chosen = media.key_frame or 0
    return TeachingClip(
        ref=passed.ref,
        rows=passed.rows,
        columns=passed.columns,
        frames=passed.frames,
        fps=passed.fps,
        fps_source=passed.fps_source,
        key_frame=chosen if 1 <= chosen <= passed.count else passed.liveliest,
        regions=passed.regions,
        dicom=passed.dicom,
        notes=passed.notes,
        times=passed.times,
        film=passed.film,
        sounds=passed.sounds,
        digest=passed.digest,
        cache=cache,
    )


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
            REFUSED_BY_A_PERSON
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
    if leaks.scan(dicom, leaks.uids_of(facts).union(known), own=own.phrases(own.AIRLOCK)):
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
