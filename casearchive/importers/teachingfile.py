"""A teaching file in DICOM (IHE Radiology, Teaching File and Clinical Trial Export) as a case.

The manifest, a Key Object Selection, names the objects; Additional Teaching File Information has the words. Codes are
IHE's or those that DICOM took over later (PS3.16 CID 7010, 7014 to 7018). What a case has no field for is kept in its
discussion, under its name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from casearchive.importers import Told, drawn, measurements
from casearchive.importers import _items as i
from casearchive.importers._places import Pictured
from casearchive.importers._values import case_of
from casearchive.importers.measurements import Found
from casearchive.model import Author, Case, ContentItem, Diagnosis, Finding, Media, Paper, Patient, Story
from casearchive.record import dumps
from casearchive.record.table import AGE, FINDINGS, ID, MANEUVERS, STRUCTURES
from casearchive.terms import STRUCTURE_KINDS

_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
_EXPORTS = i.code("IHERADTF", "TCE001", "TCE002", "TCE007") | i.code(
    "DCM", "128710", "128711", "128713", "128714"
)
_INFORMATION = i.code("IHERADTF", "TCE006") | i.code("DCM", "128712")
_DELAY = i.code("DCM", "113011")
_AUTHOR, _AFFILIATION, _CONTACT, _ABSTRACT, _KEYWORDS, _DISCUSSION, _DIAGNOSIS, _SYSTEM = (
    i.code("IHERADTF", f"TCE{number}") for number in (101, 102, 103, 104, 105, 106, 107, 108)
)
_CATEGORY = i.code("IHERADTF", "TCE109") | i.code("DCM", "128723")
_LEVEL = i.code("IHERADTF", "TCE110") | i.code("DCM", "128724")
_CONFIRMED = i.code("IHERADTF", "TCE111")
_HISTORY, _DIFFERENTIAL, _ANATOMY, _PATHOLOGY, _MODALITY = (
    i.code("DCM", value) for value in ("121060", "111023", "112005", "111042", "121139")
)
_TITLE, _REFERENCE, _AGE, _SEX = (i.code("AGFAIMPAXEE", v) for v in ("TF001", "TF005", "TF101", "TF102"))
_LEVELS = {
    **{("IHERADTF", f"TCE20{n}"): word for n, word in enumerate(("primary", "intermediate", "advanced"), 1)},
    **{("DCM", f"12872{n}"): word for n, word in enumerate(("primary", "intermediate", "advanced"), 5)},
}
_SUBJECTS = (
    "musculoskeletal", "pulmonary", "cardiovascular", "gastrointestinal", "genitourinary", "neuro",
    "vascular and interventional", "nuclear", "ultrasound", "pediatric", "breast",
)  # fmt: skip
_CATEGORIES = {
    **{("IHERADTF", f"TCE{n}"): word for n, word in enumerate(_SUBJECTS, 301)},
    **{("DCM", str(n)): word for n, word in enumerate(_SUBJECTS, 128728)},
}
_FICTIONAL = " (fictional)"
#: A longer abstract is no title.
_LONGEST_TITLE = 160
#: Parts of our own discussion and history, each behind its head (``exporters/_dicom/teachingfile.py`` writes them).
_HEADS = (
    "Technique",
    "Treatment",
    "Outcome",
    "Teaching points",
    "Pitfalls",
    "References",
    "Earlier assessments",
)
_STORY_HEADS = ("Symptoms", "Mechanism")


def is_manifest(paper: Paper) -> bool:
    return paper.sop_class_uid == _SELECTION and paper.content is not None and i.is_(paper.content, _EXPORTS)


def is_information(paper: Paper) -> bool:
    return paper.content is not None and i.is_(paper.content, _INFORMATION)


def tells(paper: Paper) -> bool:
    """Whether an object is part of a teaching file, or could be one by itself."""
    return is_manifest(paper) or is_information(paper) or measurements.is_report(paper) or drawn.draws(paper)


def names(paper: Paper) -> tuple[str, ...]:
    """The SOP Instance UIDs that an object points to, in its order, then the rest of its evidence."""
    pointed = measurements.shown_in(paper) if paper.content is not None else drawn.shown_in(paper)
    rest = paper.evidence if is_manifest(paper) else ()
    return tuple(dict.fromkeys((*pointed, *rest)))


def order(papers: Sequence[Paper]) -> tuple[str, ...]:
    """What the case is made of, by SOP Instance UID: pictures first in the order of the words, then of the manifest.

    Without a manifest it is what reports and presentation states point to. Objects that are no pictures are among them.
    """
    manifests = [paper for paper in papers if is_manifest(paper)]
    words = [paper for paper in papers if is_information(paper)]
    chosen = [*words, *manifests] if manifests else papers
    return tuple(dict.fromkeys(uid for paper in chosen for uid in names(paper)))


def told(papers: Sequence[Paper], pictures: Mapping[str, Pictured], slug: str) -> Told:
    """The case that ``papers`` tell of; ``pictures`` are those that are here, by SOP Instance UID, in their order.

    A draft, unless our own export says otherwise. Notes quote nothing of the papers, in which anybody may be named.
    """
    manifests = [paper for paper in papers if is_manifest(paper)]
    words = [paper for paper in papers if is_information(paper)]
    reports = [paper for paper in papers if measurements.is_report(paper)]
    shown = _viewed(pictures, [*words, *reports])
    found = measurements.read(reports, shown)
    drawn.add(found, [paper for paper in papers if drawn.draws(paper)], shown)
    telling = _Telling(found, ours=any(i.is_ours(paper.maker) for paper in words))
    for paper in manifests[:1]:
        telling.manifest(paper)
    for paper in words[:1]:
        telling.information(paper)
    if len(words) > 1:
        found.notes.append("the words of only the first of its Teaching File Informations were taken")
    case = telling.case(slug, next((p.observer for p in (*words, *manifests, *reports) if p.observer), ""))
    case = replace(
        case,
        media=tuple(picture.media for picture in shown.values()),
        findings=tuple(found.findings),
        measurements=tuple(found.measurements),
    )
    case, left_out = case_of(tomllib.loads(dumps(case)), slug)
    unquoted = (
        ": ".join(note.split(": ")[:2]) for note in left_out
    )  # why it was left out may quote what it says
    return Told(case, tuple(dict.fromkeys((*found.notes, *unquoted))))


# --------------------------------------------------------------------------------------------------------- pictures


def _viewed(pictures: Mapping[str, Pictured], papers: Iterable[Paper]) -> dict[str, Pictured]:
    """``pictures`` with what the documents say of each (PS3.16 TID 1601 and our own export)."""
    shown = dict(pictures)
    used: set[str] = set()
    seen: set[str] = set()
    for paper in papers:
        for item in i.walk(paper.content) if paper.content else ():
            uid = item.pointers[0].sop_instance_uid if item.kind == "IMAGE" and item.pointers else ""
            if uid not in shown or uid in seen or not item.items:
                continue
            seen.add(uid)
            media = _view(shown[uid].media, item)
            if media.id in used:
                media = replace(media, id=shown[uid].media.id)
            used.add(media.id)
            shown[uid] = replace(shown[uid], media=media)
    if len({picture.media.id for picture in shown.values()}) < len(shown):
        shown = {
            uid: replace(picture, media=replace(picture.media, id=f"M{number}"))
            for number, (uid, picture) in enumerate(shown.items(), start=1)
        }
    return shown


def _view(media: Media, item: ContentItem) -> Media:
    for below in item.items:
        words = i.plain(below.text)
        if i.is_(below, i.SHORT_LABEL) and re.fullmatch(ID, words):
            media = replace(media, id=words)
        elif i.is_(below, i.LATERALITY) and i.side(below):
            media = replace(media, side=i.side(below))
        elif i.is_(below, i.TARGET):
            media = replace(media, structure=i.term(below, STRUCTURES))
        elif i.is_(below, i.VIEW) and (plane := i.concept(below, {"plane"})):
            media = replace(media, plane=plane[0].id)
        elif i.is_(below, i.MODE) and (mode := i.concept(below, {"mode"})):
            media = replace(media, mode=mode[0].id)
        elif i.is_(below, i.MANEUVER):
            media = replace(media, maneuver=i.term(below, MANEUVERS))
        elif i.is_(below, i.POSITION):
            media = replace(media, position=i.term(below, {"position"}))
        elif i.is_(below, i.CAPTION):
            media = replace(media, caption=words)
        elif i.is_(below, i.QUIZ_CAPTION):
            media = replace(media, quiz_caption=words)
    return media


# ------------------------------------------------------------------------------------------------------------ words


class _Telling:
    """Fills a case item by item."""

    def __init__(self, found: Found, *, ours: bool) -> None:
        self.found, self.ours = found, ours
        self.lines: dict[str, list[str]] = {}
        self.diagnoses: list[Diagnosis] = []
        self.anatomy: list[str] = []
        self.pathology: list[str] = []
        self.rest: list[str] = []
        self.made = Case(slug="", title="")

    def manifest(self, paper: Paper) -> None:
        for item in paper.content.items if paper.content else ():
            if i.is_(item, i.DESCRIPTION):
                self._add("description", item)
            elif i.is_(item, _DELAY) and (reason := i.meaning(item.code)):
                self.made = replace(self.made, status="held", hold=reason)

    def information(self, paper: Paper) -> None:
        left = [*reversed(paper.content.items)] if paper.content else []
        while left:
            item = left.pop()
            if item.kind == "CONTAINER":
                left += reversed(item.items)
            elif item.kind in ("TEXT", "CODE", "NUM") and item.relation != "HAS OBS CONTEXT":
                self._item(item)

    def _item(self, item: ContentItem) -> None:
        texts = {
            "author": _AUTHOR, "affiliation": _AFFILIATION, "contact": _CONTACT, "abstract": _ABSTRACT,
            "keywords": _KEYWORDS, "history": _HISTORY, "discussion": _DISCUSSION, "differential": _DIFFERENTIAL,
            "system": _SYSTEM, "title": _TITLE, "references": _REFERENCE, "quiz": i.QUIZ_TITLE,
        }  # fmt: skip
        coded = (item.code.scheme, item.code.value) if item.code else ("", "")
        name = next((name for name, code in texts.items() if i.is_(item, code)), "")
        if name:
            self._add(name, item)
        elif i.is_(item, _DIAGNOSIS):
            self.diagnoses.append(_diagnosis(item))
        elif i.is_(item, i.FINDING):
            self._finding(item)
        elif i.is_(item, _ANATOMY):
            self.anatomy.append(i.term(item, STRUCTURE_KINDS))
        elif i.is_(item, _PATHOLOGY):
            self.pathology.append(i.term(item, FINDINGS))
        elif i.is_(item, _CATEGORY):
            self.lines.setdefault("category", []).append(_CATEGORIES.get(coded) or i.said(item).lower())
        elif i.is_(item, _LEVEL) and coded in _LEVELS:
            self.made = replace(self.made, difficulty=_LEVELS[coded])
        elif i.is_(item, i.STATUS) and self.ours and item.code and item.code.value in ("ready", "held"):
            self.made = replace(self.made, status=item.code.value)
        elif i.is_(item, _AGE, _SEX):
            self._patient(item)
        elif i.is_(item, _MODALITY) or (self.ours and i.is_(item, _CONFIRMED)):
            return
        elif text := i.told(item):
            self.rest.append(text)

    def _add(self, name: str, item: ContentItem) -> None:
        if text := i.said(item):
            self.lines.setdefault(name, []).append(text)

    def _finding(self, item: ContentItem) -> None:
        """Prose; a code that the vocabulary knows is a finding where no report has any."""
        known = i.concept(item, FINDINGS)
        if known is not None and not self.found.findings:
            self.found.findings.append(
                Finding(f"F{len(self.found.findings) + 1}", known[0].id, side=known[1] or "unknown")
            )
        elif not (self.ours and self.found.findings):
            self._add("findings", item)

    def _patient(self, item: ContentItem) -> None:
        words = i.line(i.said(item))
        if i.is_(item, _AGE) and re.fullmatch(AGE, words):
            self.made = replace(self.made, patient=replace(self.made.patient, age=words))
        elif i.is_(item, _SEX) and words[:1].upper() in ("M", "F", "O"):
            self.made = replace(self.made, patient=replace(self.made.patient, sex=words[:1].upper()))
        else:
            self.rest.append(i.told(item))

    def _first(self, name: str) -> str:
        return next(iter(self.lines.get(name, ())), "")

    def case(self, slug: str, observer: str) -> Case:
        title, fictional, over = self._title()
        author = ", ".join(self.lines.get("author", ())).replace("\n", ", ")
        history, story = self._parted("\n\n".join(self.lines.get("history", ())), _STORY_HEADS)
        discussion, parts = self._parted("\n\n".join(self.lines.get("discussion", ())), _HEADS)
        diagnoses = self._diagnoses()
        earlier = f"Earlier assessments: {text}" if (text := parts.get("Earlier assessments")) else ""
        kept = [*over, *(f"Findings: {text}" for text in self.lines.get("findings", ())), *self.rest]
        if kept:
            self.found.notes.append("words that a case has no field for are kept in its discussion")
        return replace(
            self.made,
            slug=slug,
            title=title,
            quiz_title=i.line(self._first("quiz")),
            fictional=fictional,
            author=Author(
                "" if author == "not stated" else i.line(author) or observer,
                i.line(", ".join(self.lines.get("affiliation", ()))),
                i.line(", ".join(self.lines.get("contact", ()))),
            ),
            category=tuple(self._words("system", "category")),
            tags=tuple(self._listed("keywords")),
            patient=self.made.patient or Patient(),
            story=Story(
                history=history,
                symptoms=_several(story.get("Symptoms", "")),
                mechanism=_several(story.get("Mechanism", "")),
                technique=parts.get("Technique", ""),
                diagnosis=tuple(diagnoses),
                differential=tuple(self._listed("differential", commas=False)),
                discussion="\n\n".join(part for part in (discussion, earlier, *kept) if part),
                treatment=parts.get("Treatment", ""),
                outcome=parts.get("Outcome", ""),
                points=_entries(parts.get("Teaching points", "")),
                pitfalls=_entries(parts.get("Pitfalls", "")),
                references=(*_entries(parts.get("References", "")), *self.lines.get("references", ())),
            ),
        )

    def _title(self) -> tuple[str, bool, list[str]]:
        """The title, whether the case is said to be invented, and what was no title."""
        description, abstract, given = (
            self._first("description"),
            self._first("abstract"),
            self._first("title"),
        )
        if description and abstract in (description, description + _FICTIONAL):
            return i.line(description), abstract != description, []
        asked = [("", given), ("Abstract", abstract), ("Notes", description)]
        short = [text for _, text in asked if text and "\n" not in text and len(text) <= _LONGEST_TITLE]
        title = (
            next(iter(short), "") or next((d.what for d in self.diagnoses if d.what), "") or "Teaching file"
        )
        fictional = self.ours and title.endswith(_FICTIONAL)
        over = [f"{head}: {text}" if head else text for head, text in asked if text and text != title]
        return i.line(title.removesuffix(_FICTIONAL) if fictional else title), fictional, over

    def _parted(self, text: str, heads: Sequence[str]) -> tuple[str, dict[str, str]]:
        """Our own discussion and history in their parts; a stranger's stay whole."""
        if not self.ours:
            return text, {}
        found: dict[str, list[str]] = {"": []}
        now = ""
        for paragraph in text.split("\n\n"):
            head, colon, rest = paragraph.partition(":")
            if colon and head in heads and head not in found:
                now, paragraph = head, rest.removeprefix(" ").removeprefix("\n")
            found.setdefault(now, []).append(paragraph)
        whole = {head: "\n\n".join(part).strip() for head, part in found.items()}
        return whole.pop(""), whole

    def _diagnoses(self) -> list[Diagnosis]:
        made = [one for one in self.diagnoses if one.what]
        anatomy, pathology = (list(dict.fromkeys(filter(None, p))) for p in (self.anatomy, self.pathology))
        if self.ours:
            return made
        if not made:
            made, pathology = [Diagnosis(what) for what in pathology], []
        if len(made) == 1 and len(anatomy) == 1 and not made[0].structure:
            made, anatomy = [replace(made[0], structure=anatomy[0])], []
        shown = {one.what for one in made}
        for head, words in (("Anatomy", anatomy), ("Pathology", [w for w in pathology if w not in shown])):
            if words:
                self.rest.append(f"{head}: {', '.join(words)}")
        return made

    def _words(self, *names_: str) -> Iterator[str]:
        """The words under several names, each once. Our own category is told by the first of them."""
        found = {name: [i.line(text) for text in self.lines.get(name, ())] for name in names_}
        if self.ours:
            found = {name: words for name, words in found.items() if name != "category"}
        yield from dict.fromkeys(word for words in found.values() for word in words if word)

    def _listed(self, name: str, *, commas: bool = True) -> Iterator[str]:
        """Entries one by one; strangers write several into one, a line each or with signs between."""
        parting = r"[\n;,]" if commas else r"[\n;]"
        for text in self.lines.get(name, ()):
            parts = [text] if self.ours else re.split(parting, text)
            yield from (line for part in parts if (line := i.plain(part)))


def _diagnosis(item: ContentItem) -> Diagnosis:
    """The sentence, or what our own export says of it in codes."""
    what = i.child(item, i.FINDING)
    known = i.concept(item, FINDINGS)
    made = Diagnosis(
        i.term(what, FINDINGS) if what else i.term(item, FINDINGS),
        side=known[1] if known and known[1] else "unknown",
    )
    for below in item.items:
        if i.is_(below, i.SITE):
            found = i.concept(below, STRUCTURE_KINDS)
            made = replace(made, structure=i.term(below, STRUCTURES))
            if found and found[1]:
                made = replace(made, side=found[1])
            made = _sided(made, below.items)
        elif i.is_(below, i.CERTAINTY) and below.code:
            made = replace(made, certainty=measurements.certainty(below.code) or made.certainty)
        elif i.is_(below, i.CONFIRMED):
            made = replace(made, confirmed_by=i.line(below.text))
    return _sided(made, item.items)


def _sided(made: Diagnosis, items: Iterable[ContentItem]) -> Diagnosis:
    side = next((i.side(one) for one in items if i.is_(one, i.LATERALITY) and i.side(one)), "")
    return replace(made, side=side) if side else made


def _several(text: str) -> tuple[str, ...]:
    return tuple(part for entry in text.split(";") if (part := entry.strip()))


def _entries(text: str) -> tuple[str, ...]:
    """A list of ours: each entry on a line that begins with a hyphen; lines without one go on."""
    found: list[str] = []
    for line in text.split("\n"):
        if line.startswith("- ") or not found:
            found.append(line.removeprefix("- "))
        else:
            found[-1] += f"\n{line}"
    return tuple(entry for part in found if (entry := part.strip()))
