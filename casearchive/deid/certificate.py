"""The certificate of a set: what left, what was removed, what stayed in, and how to check it again."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from casearchive import __version__, record
from casearchive.deid import documents, packed, shapes
from casearchive.deid.encode import file_hash, frames_of, hash_of
from casearchive.deid.headers import allowed
from casearchive.deid.pixels import Area, Box
from casearchive.deid.profile import Option, choice_hash, profile
from casearchive.deid.things import boxed
from casearchive.errors import CaseArchiveError, UsageError
from casearchive.teaching import UNSAID, TeachingClip, TeachingDocument, TeachingSet

NAME, PAGE = "certificate.json", "certificate.html"
FORMAT = 2
#: What a certificate looks like, for whoever reads one with another program (JSON Schema 2020-12).
SCHEMA = "certificate.schema.json"

_REMOVED = (
    "every attribute that the profile with its options does not name, at every level, private ones included",
    "names, numbers, addresses, times, comments, overlays, icons, curves, audio and signatures",
    "free text, but for single words known to be safe where that option was chosen",
    "of documents, where an option lets them out: who observed and verified, when and where, names, dates, codes and"
    " meanings of somebody's own, and what points to anything that is not here",
    "the file meta information and the preamble of the source",
    "all pixels outside the kept area, in every frame",
    "metadata inside the compressed frames of the source: the frames are encoded anew",
    "file names of the sources",
)
_RISKS = (
    "The search for text inside the scan area misses some: one or two letters alone, very small"
    " or blurred text, or text nearly as bright as what lies behind it.",
    "A rare disease, an unusual picture or a known story can tell who the patient is; so can an exact"
    " age, an uncommon occupation or a small place that the author wrote.",
    "A face, a tattoo, jewellery or handwriting in a photograph was not looked for.",
    "Words were searched for the identities known from the files and for patterns such as dates and numbers;"
    " a first name in running text that no file knows cannot be found.",
    "Whoever holds the secret of the archive can tell which patient a pseudonym stands for.",
    "Anatomy itself, such as a face in a three-dimensional picture, was not judged.",
)


class CertificateError(CaseArchiveError):
    """A certificate that cannot be made or read."""


def certificate(
    folder: Path,
    teaching: TeachingSet,
    *,
    formats: Sequence[str] = (),
    chosen: Collection[str] = (),
    options: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The certificate of the finished output in ``folder``, as JSON-able values without any identity.

    ``chosen`` are the options of the profile, ``options`` those of the output formats.
    Call it when every file stands and staging still exists: the proofs that the airlock wrote beside each
    staged object are read from there. Files named ``certificate.json`` and ``certificate.html`` are left out.
    """
    current = profile().under(chosen)
    clips = [_clip(case.case.slug, clip) for case in teaching.cases for clip in case.clips]
    papers = [_clip(case.case.slug, one) for case in teaching.cases for one in case.documents]
    known = {one["sha256"]: ("clip", f"{one['case']}/{one['ref']}") for one in clips}
    known |= {one["sha256"]: ("document", f"{one['case']}/{one['ref']}") for one in papers}
    by_uid = {
        _uid(clip.dicom): ("clip", f"{case.case.slug}/{clip.ref}")
        for case in teaching.cases
        for clip in case.clips
    }
    files = []
    for path in _files(folder):
        digest = file_hash(path)
        entry: dict[str, Any] = {
            "path": path.relative_to(folder).as_posix(),
            "sha256": digest,
            "bytes": path.stat().st_size,
        }
        what = known.get(digest) or by_uid.get(_uid(path))
        if what:
            kind, name = what
            entry[kind] = name
        files.append(entry)
    standing = {entry["sha256"] for entry in files}  # not every output writes documents
    papers = [paper for paper in papers if paper["sha256"] in standing]
    told: dict[str, Any] = {
        "certificate": FORMAT,
        "program": f"casearchive {__version__}",
        "set": teaching.slug,
        "profile": {
            "title": current.title,
            "version": current.version,
            "sha256": current.digest,
            "options": list(current.chosen),
            "options_sha256": current.choice_digest,
        },
        "formats": list(formats),
        "options": dict(options or {}),
        "cases": [case.case.slug for case in teaching.cases],
        "words": {
            case.case.slug: hashlib.sha256(record.dumps(case.case).encode()).hexdigest()
            for case in teaching.cases
        },
        "clips": clips,
        "documents": papers,
        "files": files,
        "removed": list(_REMOVED),
        "withheld": [
            {"case": w.case, "media": w.media, "reason": w.reason, "decide": w.decide}
            for w in teaching.withheld
        ],
        "residual_risks": list(_RISKS),
    }
    told["page_sha256"] = hashlib.sha256(certificate_page(told).encode()).hexdigest()
    return {**told, "seal": seal(told)}


def _clip(case: str, clip: TeachingClip | TeachingDocument) -> dict[str, Any]:
    path = clip.dicom.with_suffix(".proof.json")
    try:
        proof = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise CertificateError(
            "the proof of a clip or document is missing, its certificate cannot be made",
            where=path.name,
            hint="export again",
        ) from error
    return {"case": case, **proof}


def _uid(path: Path) -> str | None:
    """The SOP Instance UID of a DICOM object, by which a copy in another lossless coding is known; None for others."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
        file.seek(0)
        uid = dcmread(file, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]).get("SOPInstanceUID")
    return str(uid) if uid else None


def _files(folder: Path) -> list[Path]:
    own = (folder / NAME, folder / PAGE)
    return sorted(p for p in folder.rglob("*") if (p.is_file() or p.is_symlink()) and p not in own)


def _empty_folders(folder: Path) -> Iterator[Path]:
    """Folders that hold no file: a name can stand there, too."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink() and not any(p.is_file() for p in path.rglob("*")):
            yield path


def seal(said: Mapping[str, Any]) -> str:
    """SHA-256 over what a certificate says, but for the seal itself: a slip of one bit in it is found."""
    plain = {key: value for key, value in said.items() if key != "seal"}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------ check


def strangers(folder: Path) -> tuple[str, ...]:
    """Files in an exported folder that its certificate does not name; everything, where it has none."""
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        named = {str(entry["path"]) for entry in said["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        if not folder.is_dir():
            return (".",)
        return tuple(p.relative_to(folder).as_posix() for p in _files(folder)) or (".",)
    return tuple(p for path in _files(folder) if (p := path.relative_to(folder).as_posix()) not in named)


def formats_of(folder: Path) -> tuple[str, ...]:
    """The formats of an exported folder, as its certificate names them; nothing where it cannot be read."""
    return _names_in(folder, "formats")


def said_in(folder: Path) -> dict[str, Any]:
    """What the certificate of an export says; nothing where it cannot be read."""
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def cases_of(folder: Path) -> tuple[str, ...]:
    """What a certificate calls its cases; nothing where it cannot be read."""
    return _names_in(folder, "cases")


def _names_in(folder: Path, part: str) -> tuple[str, ...]:
    names = said_in(folder).get(part)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def check(folder: Path) -> list[str]:
    """What in ``folder`` disagrees with its ``certificate.json``; empty when all agrees.

    From the output alone: every file is hashed again, none may be missing or too many, and in every DICOM
    object the kept pixels are hashed again, all others must be zero, and the profile with the options that the
    certificate names must allow every attribute. Documents must hold as many items as it says, and point only to
    images that are there. Objects in zips, and in zips within them, are held to the same.
    """
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        files = {str(entry["path"]): entry for entry in said["files"]}
        clips = {f"{clip['case']}/{clip['ref']}": clip for clip in said["clips"]}
        papers = {f"{one['case']}/{one['ref']}": one for one in said.get("documents", ())}
        form = said["certificate"]
        if form == FORMAT:
            chosen, faults = _options(said["profile"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{NAME}: it is damaged and cannot be read"]
    except OSError as error:
        raise CertificateError(
            "the certificate cannot be read",
            where=str(folder / NAME),
            hint="Name the folder that holds it.",
        ) from error
    if form != FORMAT:
        raise CertificateError(
            f"the certificate has form {form}, and this program checks form {FORMAT}",
            where=NAME,
            hint="check it with the version that wrote it, which it names, or export again",
        )
    found = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    wrong = [*faults] if said.get("seal") == seal(said) else [*faults, f"{NAME}: it is not what was written"]
    wrong += _wrong_page(folder, said)
    wrong += [f"{p.relative_to(folder).as_posix()}: an empty folder" for p in _empty_folders(folder)]
    wrong += [f"{path}: missing" for path in sorted(files.keys() - found.keys())]
    wrong += [f"{path}: not in the certificate" for path in sorted(found.keys() - files.keys())]
    checker = _Checker(folder, files, clips, papers, chosen)
    for path in sorted(files.keys() & found.keys()):
        if found[path].is_symlink() or not found[path].is_file():
            wrong.append(f"{path}: it is a link, not a file")
        elif file_hash(found[path]) != files[path].get("sha256") or found[path].stat().st_size != files[
            path
        ].get("bytes"):
            wrong.append(f"{path}: its bytes are not those of the certificate")
        else:
            wrong += [f"{path}{fault}" for fault in checker.faults(path, found[path])]
    return wrong


class _Checker:
    """Holds the objects of one export against its certificate; the same bytes once, however often they are packed."""

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, Any],
        clips: Mapping[str, Any],
        papers: Mapping[str, Any],
        chosen: Collection[str],
    ) -> None:
        self.folder, self.files, self.clips, self.papers, self.chosen = folder, files, clips, papers, chosen
        self.seen: dict[tuple[str, str], list[str]] = {}  # by hash and clip
        self.beside: dict[str, dict[str, tuple[str, int]]] = {}
        #: What the bytes of an object are by the certificate; empty for what is named, but neither clip nor document.
        self.known: dict[str, tuple[str, str]] = {str(e.get("sha256")): ("", "") for e in files.values()}
        for kind, each in (("clip", clips), ("document", papers)):
            self.known |= {str(one.get("sha256")): (kind, name) for name, one in each.items()}
            self.known |= {str(e.get("sha256")): (kind, str(e[kind])) for e in files.values() if e.get(kind)}

    def faults(self, name: str, path: Path) -> list[str]:
        """Of a file whose bytes are those of the certificate; each begins with a colon, or with where in a zip."""
        entry = self.files[name]
        if entry.get("clip"):
            return self._clip(path, str(entry["sha256"]), str(entry["clip"]))
        if entry.get("document"):
            form = name.split("/")[0]
            if form not in self.beside:
                self.beside[form] = _images(
                    self.folder / n
                    for n, e in self.files.items()
                    if e.get("clip") and n.split("/")[0] == form
                )
            return self._document(path, str(entry["document"]), self.beside[form])
        if not packed.is_zip(path):
            return []
        with tempfile.TemporaryDirectory() as scratch:
            return self._zip(path, Path(scratch))

    def _zip(self, path: Path, scratch: Path) -> list[str]:
        """Documents come after all pictures, for they may point to those of the same zip."""
        wrong: list[str] = []
        beside: dict[str, tuple[str, int]] = {}
        papers = False
        try:
            for name, copy in packed.objects(path, scratch):
                digest = file_hash(copy)
                if digest not in self.known:
                    wrong.append(f"!{name}: a DICOM object that the certificate does not name")
                    continue
                kind, what = self.known[digest]
                papers |= kind == "document"
                if kind == "clip":
                    wrong += [f"!{name}{fault}" for fault in self._clip(copy, digest, what)]
                    beside |= _images([copy])
            for name, copy in packed.objects(path, scratch) if papers else ():
                kind, what = self.known.get(file_hash(copy), ("", ""))
                if kind == "document":
                    wrong += [f"!{name}{fault}" for fault in self._document(copy, what, beside)]
        except packed.PackedError as error:
            wrong.append(f"{'!' if error.where else ''}{error.where}: {error.what}")
        return wrong

    def _clip(self, path: Path, digest: str, name: str) -> list[str]:
        if (digest, name) not in self.seen:
            try:
                found = [f": {fault}" for fault in _recheck(path, self.clips.get(name, {}), self.chosen)]
            except (KeyError, TypeError, ValueError, UsageError):
                found = [": what the certificate says of its clip cannot be read"]
            self.seen[digest, name] = found
        return self.seen[digest, name]

    def _document(self, path: Path, name: str, beside: Mapping[str, tuple[str, int]]) -> list[str]:
        try:
            paper = self.papers.get(name, {})
            return [f": {fault}" for fault in _recheck_document(path, paper, self.chosen, beside)]
        except (KeyError, TypeError, ValueError, AttributeError, InvalidDicomError, UsageError):
            return [": what the certificate says of its document cannot be read"]


def _options(said: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """The options of the profile that a certificate names, and what is wrong with them."""
    chosen = tuple(str(name) for name in said.get("options", ()))
    try:
        profile().under(chosen)
    except UsageError as error:
        return (), [f"{NAME}: {error.what}"]
    if chosen and said.get("options_sha256") != choice_hash(str(said["sha256"]), chosen):
        return chosen, [f"{NAME}: its options are not those that their hash was made of"]
    return chosen, []


def _wrong_page(folder: Path, said: Mapping[str, Any]) -> list[str]:
    """The page for people is the one that was made of this certificate, by whatever version."""
    try:
        same = file_hash(folder / PAGE) == said.get("page_sha256")
    except OSError:
        return [f"{PAGE}: missing"]
    return [] if same else [f"{PAGE}: it is not the page of this certificate"]


def _recheck(path: Path, clip: Mapping[str, Any], chosen: Collection[str]) -> list[str]:
    boxes = tuple(Box(*map(int, box)) for box in clip["kept_boxes"])
    drawn, struck = (
        tuple(shapes.read(str(shape)) for shape in clip.get(name, ()))
        for name in ("kept_shapes", "removed_shapes")
    )
    within = shapes.read(str(clip["kept_within"])) if "kept_within" in clip else None
    mask = Area(int(clip["rows"]), int(clip["columns"]), boxes, (), drawn, struck, within).mask()
    hashes = [str(entry["after"]) for entry in clip["kept_pixels"]]
    beside = boxed((Box(*map(int, entry["box"])) for entry in clip.get("kept_beside", ())), *mask.shape)
    dataset = dcmread(path, stop_before_pixels=True)
    for keyword, nothing in UNSAID.items():  # what media say where the object says nothing
        if dataset.get(keyword) == nothing:
            setattr(dataset, keyword, None)
    wrong = [f"{keyword} is not allowed by the profile" for keyword in allowed(dataset, chosen)]
    count, told = 0, hashlib.sha256()
    for frame in frames_of(path):
        if frame.shape[:2] != mask.shape:
            return [*wrong, f"frame {count + 1} has another size"]
        if count >= len(hashes) or hash_of(frame, mask) != hashes[count]:
            wrong.append(f"the kept pixels of frame {count + 1} are not those of the certificate")
        if np.any(frame[~(mask | beside)]):
            wrong.append(f"frame {count + 1} is not empty outside the kept area")
        told.update(frame[beside].tobytes())
        count += 1
    if beside.any() and told.hexdigest() != clip.get("beside_sha256"):
        wrong.append("what stands beside the kept area is not what the certificate says")
    if count != len(hashes):
        wrong.append(f"{count} frames instead of {len(hashes)}")
    return wrong


def _images(paths: Iterable[Path]) -> dict[str, tuple[str, int]]:
    """Class and frames of images by SOP Instance UID."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError, InvalidDicomError, AttributeError):  # said of that file itself
            data = dcmread(path, stop_before_pixels=True)
            frames = int(data.get("NumberOfFrames") or 1)
            found[str(data.SOPInstanceUID)] = (str(data.SOPClassUID), frames)
    return found


def _recheck_document(
    path: Path, paper: Mapping[str, Any], chosen: Collection[str], beside: Mapping[str, tuple[str, int]]
) -> list[str]:
    """What in a document the profile does not allow at any level, what differs from what is said of it, and where it
    points to what is not there."""
    data = documents.read(path)
    wrong = [f"{keyword} is not allowed by the profile" for keyword in documents.allowed(data, chosen)]
    if dict(documents.counted(data)) != paper["kept"]:
        wrong.append("it does not hold what the certificate says")
    return wrong + documents.astray(data, beside)


# ------------------------------------------------------------------------------------------------------- page


def certificate_page(said: Mapping[str, Any]) -> str:
    """The certificate for people: one HTML page without scripts or anything from elsewhere, every text
    escaped."""
    clips = "".join(
        _row(
            c["case"],
            c["ref"],
            str(c["frames"]),
            f"{c['kept_percent']} %",
            _area_in_words(c),
            _review_in_words(c.get("reviewed")) + _sound_in_words(c.get("sound")),
        )
        for c in said["clips"]
    )
    papers = "".join(
        _row(d["case"], d["ref"], d["kind"], _counts(d["kept"]), _counts(d["dropped"]))
        for d in said["documents"]
    )
    withheld = "".join(
        _row(w["case"], w["media"] or "the case", w["reason"], w["decide"]) for w in said["withheld"]
    )
    files = "".join(_row(f["path"], str(f["bytes"]), f["sha256"]) for f in said["files"])
    current = said["profile"]
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy"',
            " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>Certificate: {html.escape(said['set'])}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Certificate of de-identification: {html.escape(said['set'])}</h1>",
            f"<p>{html.escape(said['program'])}; {html.escape(current['title'])}, version",
            f" {html.escape(current['version'])},",
            f" SHA-256 <code>{html.escape(current['sha256'])}</code>.</p>",
            _options_in_words(current.get("options", ())),
            _asked_in_words(said.get("options", {})),
            "<p>Everything listed here was built new from an allow-list; no original was edited. In the DICOM",
            " objects each frame is, inside the kept area, pixel for pixel what the source shows, in 8 bits a",
            " sample; outside it is zero but for what is named beside it. Pictures in pages are made of these",
            " objects and compressed. Check it again with <code>casearchive verify-export</code>.</p>",
            _section("What was removed", _list(said["removed"])),
            _section("Clips", _table(("Case", "Clip", "Frames", "Kept", "Kept area", "Reviewed"), clips)),
            _section("Documents", _table(("Case", "Document", "Kind", "Holds", "Left out"), papers))
            if papers
            else "",
            _section(
                "What stayed in the archive", _table(("Case", "Clip", "Why", "Who can decide"), withheld)
            )
            if withheld
            else "<h2>What stayed in the archive</h2><p>Nothing.</p>",
            _section("What risk remains", _list(said["residual_risks"])),
            _section("Files", _table(("File", "Bytes", "SHA-256"), files)),
            "</body></html>\n",
        )
    )


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;"
    "border-bottom:1px solid #767676;vertical-align:top;overflow-wrap:break-word}"
    "th{white-space:nowrap}td:last-child,code{overflow-wrap:anywhere}"
)


def _area_in_words(clip: Mapping[str, Any]) -> str:
    boxes = ["x {0}–{2}, y {1}–{3}".format(*box) for box in clip["kept_boxes"]]
    without = [f"without {shape}" for shape in clip.get("removed_shapes", ())]
    beside = [f"beside it {entry['kind']}: {entry['text']}" for entry in clip.get("kept_beside", ())]
    fan = ["of these the fan alone"] if "kept_within" in clip else []
    parts = (*boxes, *fan, *clip.get("kept_shapes", ()), *without, *beside)
    return f"{clip.get('area', '')}: " + "; ".join(parts)


def _counts(items: Mapping[str, int]) -> str:
    """``3 CODE, 1 NUM``."""
    return ", ".join(f"{count} {kind}" for kind, count in items.items()) or "nothing"


def _options_in_words(chosen: Collection[str]) -> str:
    """Each option, what it changes and what it costs; nothing where none was chosen."""
    options: list[Option] = [option for option in profile().options if option.name in chosen]
    items = [f"{o.name}: {o.title}. Standard: {o.standard}. It costs: {o.costs}." for o in options]
    return _section("Options", _list(items)) if items else ""


def _asked_in_words(options: Mapping[str, str]) -> str:
    """What was asked of the outputs: which findings they show, in which language …; nothing where nothing was."""
    items = [f"{name}: {value}" if value else name for name, value in sorted(options.items())]
    return _section("What was asked of the outputs", _list(items)) if items else ""


def _review_in_words(reviewed: Mapping[str, Any] | None) -> str:
    """Who looked, and what they decided; nobody had to where everything was plainly safe."""
    if not reviewed:
        return "no"
    texts = reviewed.get("frames_with_text") or ()
    seen = f"; something like text in {len(texts)} frames, looked at" if texts else ""
    because = f": {reviewed['because']}" if reviewed.get("because") else ""
    return f"{reviewed['decision']} by {reviewed['by']}, {str(reviewed['at'])[:10]}{because}{seen}"


def _sound_in_words(sound: Mapping[str, Any] | None) -> str:
    if not sound:
        return ""
    because = f": {sound['because']}" if sound.get("because") else ""
    return f"; its sound leaves with films, {sound['by']} listened, {str(sound['at'])[:10]}{because}"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _table(heads: Sequence[str], rows: str) -> str:
    top = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table>"


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"


def _section(title: str, body: str) -> str:
    return f"<h2>{html.escape(title)}</h2>{body}"
