"""MIRC teaching files as cases: RSNA's MIRCdocument, whoever wrote it.

Foreign documents: what a record has a field for goes there; prose goes to the story, with its heading where the story
has no field for it, so that it is found and read for findings; nothing becomes a finding of the record. Elements nobody
knows are kept as text and told. Who the patient is (``pt-name``, ``pt-mrn`` ...) is never taken.

Our own documents (they hold ``ca:case``): prose, title, author, level and references are what the standard elements
say, also where somebody changed them elsewhere. Everything else is what ``ca:case`` says, as long as the words that
tell a fact stand unchanged in the document: where they were changed or taken out, the fact goes, the words are kept as
those of a foreign document, and the case is a draft until somebody has looked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

from casearchive import choices
from casearchive.importers import Told
from casearchive.importers._mirc import parsing, pictures, quizzes
from casearchive.importers._mirc.parsing import MOST_BYTES, Refused, is_document
from casearchive.importers._mirc.pictures import Beside, Picture
from casearchive.importers._mirc.standing import Standing
from casearchive.importers._mirc.wording import SILENT, Block, Page, Place, one_line, prose, says_who, words
from casearchive.importers._values import case_of, take_out
from casearchive.record.layout import Path
from casearchive.record.reading import dotted
from casearchive.record.table import AGE
from casearchive.terms import lexicon
from casearchive.terms.understanding import understand

__all__ = ["MOST_BYTES", "Beside", "Document", "Refused", "is_document", "read"]

DISCUSSION, HISTORY = Place("discussion"), Place("history")
FINDINGS = Place("discussion", "Findings")
#: Where the words of an element go, wherever it stands.
_ELEMENTS = {
    "history": HISTORY, "findings": FINDINGS, "diagnosis": Place("diagnosis"),
    "differential-diagnosis": Place("differential"), "discussion": DISCUSSION, "references": Place("references"),
    "reference": Place("references"), "abstract": Place("discussion", "Abstract"),
    "alternative-abstract": Place("discussion", "Alternative abstract"), "rights": Place("discussion", "Rights"),
    "publication-date": Place("discussion", "Published"), "metadata-refs": Place("discussion", "Files"),
}  # fmt: skip
#: Where the words of a section go, by its heading in small letters.
_HEADINGS = {
    **dict.fromkeys(
        ("history", "clinical history", "case history", "patient history", "presentation", "clinical presentation",
         "clinical information", "indication", "chief complaint", "patient", "case"), HISTORY),
    **dict.fromkeys(("findings", "imaging findings", "image findings", "ultrasound findings"), FINDINGS),
    **dict.fromkeys(("diagnosis", "final diagnosis"), Place("diagnosis")),
    **dict.fromkeys(("ddx", "differential", "differential diagnosis"), Place("differential")),
    **dict.fromkeys(("discussion", "comment", "comments"), DISCUSSION),
    **dict.fromkeys(("technique", "examination technique", "imaging technique"), Place("technique")),
    **dict.fromkeys(("treatment", "therapy", "management"), Place("treatment")),
    **dict.fromkeys(("outcome", "follow-up", "follow up", "followup"), Place("outcome")),
    **dict.fromkeys(("teaching points", "key points", "learning points", "pearls"), Place("points")),
    **dict.fromkeys(("pitfalls",), Place("pitfalls")),
    **dict.fromkeys(("references", "bibliography", "literature"), Place("references")),
}  # fmt: skip
_PROSE = ("history", "technique", "discussion", "treatment", "outcome")
_LISTS = ("differential", "points", "pitfalls", "references")
#: What only the system it comes from has a use for.
_OFFICE = frozenset({
    "authorization", "access", "document-id", "document-type", "creator", "language", "peer-review", "order-by",
    "revision-history", "format", "compression", "lexicon", "threadblock", "insert-megasave", "insert-image",
    "insert-note", "insert-user", "insert-date", "insert-time", "insert-kin", "insert-document-reference", "block",
})  # fmt: skip
_INDEXED = frozenset({"anatomy", "pathology", "organ-system", "modality", "term", "code"})
_AGES = {"years": "Y", "months": "M", "weeks": "W", "days": "D"}
_LONG_TAG, _LONG_DIAGNOSIS, _MOST_NOTES = 60, 200, 40


@dataclass(frozen=True, slots=True)
class Document:
    """``told.case`` names files beside the document (``media[].file``); its slug is empty in documents of others.
    ``forms`` are the files that show each of its pictures, the best first."""

    told: Told
    forms: tuple[tuple[str, ...], ...] = ()

    @property
    def passed(self) -> tuple[str, ...]:
        """Names of files that are other forms of pictures that are taken."""
        taken = {media.file for media in self.told.case.media}
        return tuple(sorted({name for forms in self.forms for name in forms} - taken))


def read(content: bytes, beside: Beside, there: Beside | None = None) -> Document:
    """The case of a document. ``beside`` maps a name as the document writes it to the name of the file that is there;
    where some of them could not be taken, ``there`` is asked for all, ``beside`` for those that could.

    Of each picture the first form that is there is taken: the original (``original-format``, which a DICOM object is),
    the film, the picture in its original dimensions, the picture that pages show; at the last one that is drawn on or
    small. A picture of which none is there is left out; its caption stays in the discussion. Raises ``Refused``.
    """
    return _Reading(parsing.parsed(content), beside, there or beside).document()


class _Reading:
    def __init__(self, root: ET.Element, beside: Beside, there: Beside) -> None:
        self.root, self.beside, self.there = root, beside, there
        self.ours = Standing(root)
        self.values: dict[str, Any] = self.ours.values
        self.notes: list[str] = []
        self.left: dict[str, list[str]] = {"identity": [], "office": [], "silent": [], "unknown": []}
        self.authors: list[dict[str, str]] = []
        self.confirmed: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.page = Page(self._special, lambda tag: self._leave("unknown", tag), self.ours.known)
        self.pictures: list[Picture] = []
        self.lost: list[str] = []

    def document(self) -> Document:
        own = self.ours.facts
        if own is None:
            self.values["status"] = "draft"
        self._take_pictures()
        for child in self.root:
            if child not in self.ours.known:
                self._top(child)
        self._say_changes()
        self._compose()
        case, odd = case_of(self.values, "x")
        slug = own.slug if own and re.fullmatch(r"[a-z0-9-]{1,100}", own.slug) else ""
        notes = tuple(dict.fromkeys((*self._left_out(), *self.notes, *odd)))
        if len(notes) > _MOST_NOTES:
            notes = (*notes[:_MOST_NOTES], f"and {len(notes) - _MOST_NOTES} more of this kind")
        return Document(Told(replace(case, slug=slug), notes), tuple(p.forms for p in self.pictures))

    # --------------------------------------------------------------------------------------------- elements

    def _top(self, child: ET.Element) -> None:
        """A child of the root: words that no field is for stand in the discussion under the element's name."""
        if child.tag in SILENT:
            self._leave("silent", child.tag)
            return
        if not self._special(child, DISCUSSION):
            known = child.tag in ("p", "div", "center", "ul", "ol", "table")
            if not known:
                self._leave("unknown", child.tag)
            self._walk(child, DISCUSSION if known else Place("discussion", _heading_of(child.tag)))

    def _walk(self, element: ET.Element, place: Place) -> None:
        self.page.end(place)
        self.page.walk(element, place)
        self.page.end(place)

    def _special(self, child: ET.Element, place: Place) -> bool:
        """Whether ``child`` is an element of the schema that says more than words; it is taken then."""
        tag = child.tag
        if tag.startswith("{"):
            return True
        if says_who(child):
            self._leave("identity", tag)
        elif tag in _OFFICE or tag.startswith("ATFI-"):
            if tag != "document-type" and any(text.strip() for text in child.itertext()):
                self._leave("office", tag)
        elif tag in ("image", "img"):
            for inner in child:
                if inner.tag in ("image", "img"):
                    self._special(inner, place)
        elif tag in _INDEXED:
            self._index(child)
        elif (take := self._takers().get(tag)) is not None:
            take(child)
        elif tag in _ELEMENTS:
            self._walk(child, _ELEMENTS[tag])
        elif tag in ("section", "image-section"):
            self._section(child)
        else:
            return False
        return True

    def _takers(self) -> dict[str, Callable[[ET.Element], None]]:
        return {
            "title": lambda e: self._once("title", e),
            "alternative-title": lambda e: self._once("quiz_title", e),
            "author": self._author,
            "keywords": lambda e: self._tag(re.split(r"[,;\n]", " ".join(e.itertext()))),
            "category": lambda e: self._category(words(e)),
            "level": lambda e: self._level(words(e)),
            "confirmation": lambda e: self.confirmed.append(words(e)),
            "patient": self._patient,
            "quiz": self._quiz,
        }

    def _once(self, key: str, element: ET.Element) -> None:
        if not self.values.get(key):
            self.values[key] = words(element)
        else:
            self._keep(DISCUSSION, words(element))

    def _keep(self, place: Place, text: str) -> None:
        """Words as a paragraph of their own."""
        element = ET.Element("p")
        element.text = text
        self._walk(element, place)

    def _section(self, section: ET.Element) -> None:
        heading = one_line(section.get("heading", ""))
        if section.tag == "image-section":
            place = DISCUSSION
        else:
            place = _HEADINGS.get(heading.rstrip(":.").casefold(), Place("discussion", heading.rstrip(":")))
        self._walk(section, place)

    def _author(self, element: ET.Element) -> None:
        made = {
            key: words(part)
            for key in ("name", "affiliation", "contact")
            if (part := element.find(key)) is not None
        }
        if not made and words(element):
            made = {"name": words(element)}
        if made.get("name") == "not stated" and self.ours.facts is not None:
            del made["name"]
        self.authors.append(made)

    def _tag(self, tags: list[str]) -> None:
        for tag in map(one_line, tags):
            if len(tag) > _LONG_TAG:
                self._keep(Place("discussion", "Keywords"), tag)
            elif tag and tag not in self.values.setdefault("tags", []):
                self.values["tags"].append(tag)

    def _index(self, element: ET.Element) -> None:
        """Index terms are tags: they say what a case is about, not that something was found."""
        meaning = element.find("meaning")
        text = words(meaning if meaning is not None else element)
        if element.tag == "code" and meaning is None:
            text = one_line(f"{element.get('coding-system', '')} {text}")
        if len(text) > _LONG_TAG:
            self._keep(Place("discussion", _heading_of(element.tag)), text)
        else:
            self._tag([text] if element.tag in ("code", "term") else re.split(r"[,;]", text))

    def _category(self, text: str) -> None:
        for name in filter(None, (one_line(part).lower() for part in re.split(r"[,;]", text))):
            if name not in self.values.setdefault("category", []):
                self.values["category"].append(name)

    def _level(self, text: str) -> None:
        if text.lower() in choices.DIFFICULTIES:
            self.values["difficulty"] = text.lower()
        elif text:
            self.notes.append(
                f"the level “{text[:40]}” is none of a record's ({', '.join(choices.DIFFICULTIES)}): a tag"
            )
            self._tag([text])

    def _patient(self, patient: ET.Element) -> None:
        made: dict[str, str] = self.values.setdefault("patient", {})
        for child in patient:
            text = words(child)
            if says_who(child):
                self._leave("identity", child.tag)
            elif child.tag == "pt-age":
                self._age(made, child, text)
            elif child.tag == "pt-sex" and text[:1].upper() in ("M", "F", "O"):
                made.setdefault("sex", text[:1].upper())
            elif text:
                if child.tag not in ("pt-sex", "pt-species", "pt-breed"):
                    self._leave("unknown", child.tag)
                self._keep(HISTORY, f"{_heading_of(child.tag.removeprefix('pt-'))}: {text}")
        if not made:
            del self.values["patient"]

    def _age(self, made: dict[str, str], element: ET.Element, text: str) -> None:
        told = [
            f"{number} {_AGES[part.tag]}"
            for part in element
            if part.tag in _AGES and (number := words(part)).strip()
        ]
        plain = re.fullmatch(
            r"0*(\d{1,3})\s*(y|yr|yrs|year|m|month|w|week|d|day)?s?(?:[ -]?olds?)?", text.lower()
        )
        if not told and plain:
            told = [f"{plain[1]} {(plain[2] or 'y')[0].upper()}"]
        if told and re.fullmatch(AGE, told[0]):
            made.setdefault("age", told[0])
        elif text:
            self._keep(HISTORY, f"Age: {text}")

    def _quiz(self, quiz: ET.Element) -> None:
        context = quiz.find("quiz-context")
        for element in quiz.iter("question"):
            if element not in self.ours.known and not says_who(element):
                self.asked.append(quizzes.question(element))
        if context is not None and context not in self.ours.known and words(context):
            self._keep(Place("discussion", "Quiz"), words(context))

    # --------------------------------------------------------------------------------------------- pictures

    def _take_pictures(self) -> None:
        """Rows for pictures, in their order; what the facts say of places in one holds for the original alone."""
        views = {row.get("id"): row for row in self.values.pop("media", ())}
        own = self.ours.facts
        rows: list[dict[str, Any]] = []
        inexact: set[str] = set()
        for number, element in enumerate(pictures.elements(self.root), 1):
            found = pictures.picture(element, number, self.there, self.beside, self._further(element))
            self.pictures.append(found)
            self.notes += found.odd
            ref = own.pictures.get(found.original, "") if own and found.original else ""
            caption = self._caption(element, ref)
            twin = next((row for row in rows if row["file"] == found.chosen), None)
            if not found.chosen or twin is not None:
                self._without_picture(found, caption, twin)
                continue
            row = {**views.get(ref, {}), "file": found.chosen}
            if ref not in self.ours.captions and caption:
                row["caption"] = caption
            rows.append(row)
            if ref and not found.best:
                inexact.add(ref)
        taken = {row.get("id") for row in rows}
        if rows:
            self.values["media"] = _numbered(rows)
        self._forget({str(ref) for ref in views if ref not in taken}, inexact)

    def _further(self, element: ET.Element) -> tuple[str, ...]:
        """Files of our own documents that only our own part names."""
        own = self.root.find("{*}case")
        original = next((a.get("src") for a in element if a.get("role") == "original-format"), None)
        if own is None or not original:
            return ()
        return tuple(view.get("annotated-file", "") for view in own if view.get("file") == original)

    def _caption(self, element: ET.Element, ref: str) -> str:
        told = [words(e) for e in element.findall("image-caption") if not says_who(e)]
        text = "\n".join(dict.fromkeys(filter(None, told))) or one_line(element.get("alt", ""))
        if ref:
            text = re.sub(r"^\d+\.\s*|\s*\(frame \d+ of \d+\)$", "", text)
        return text

    def _without_picture(self, found: Picture, caption: str, twin: dict[str, Any] | None) -> None:
        if twin is not None:
            if caption and caption not in twin.get("caption", ""):
                twin["caption"] = "\n".join(filter(None, (twin.get("caption", ""), caption)))
            return
        self.lost.append(found.chosen)
        named = ", ".join(f"“{name[:60]}”" for name in found.named[:3]) or "nothing"
        kept = "; its caption stands in the discussion" if caption else ""
        self.notes.append(f"image {found.number} is left out: {named} is not there or was not taken{kept}")
        if caption:
            self._keep(Place("discussion", "Pictures that are not there"), caption)

    def _forget(self, gone: set[str], inexact: set[str]) -> None:
        """Take out what points to clips that are gone, and places in clips of another form than they were told of."""
        out: list[Path] = []
        for n, row in enumerate(self.values.get("media", ())):
            out += [("media", n, "pair")] if row.get("pair") in gone else []
            if row.get("id") in inexact:
                out += [("media", n, key) for key in ("key_frame", "calibration") if key in row]
        for n, finding in enumerate(self.values.get("finding", ())):
            for e, seen in enumerate(finding.get("evidence", ())):
                if seen.get("media") in gone | inexact or "media" not in seen:
                    out.append(("finding", n, "evidence", e))
        for n, row in enumerate(self.values.get("measurement", ())):
            if row.get("media") in gone | inexact:
                out += [("measurement", n, key) for key in ("media", "frame", "points") if key in row]
        for n, row in enumerate(self.values.get("quiz", ())):
            point = row.get("ask_point")
            if point is not None and (point.get("media") in gone | inexact or "media" not in point):
                out.append(("quiz", n, "ask_point"))
        if out:
            take_out(self.values, out)
            which = ", ".join(sorted(gone | inexact))
            self.notes.append(f"what the record points to in {which} was left out: the original is not there")
            self.values["status"] = "draft"

    # ------------------------------------------------------------------------------------------- the whole

    def _say_changes(self) -> None:
        if not self.ours.changed:
            return
        self.values["status"] = "draft"
        for path in self.ours.changed:
            self.notes.append(
                f"{dotted(path)} was left out: the words that tell it were changed elsewhere; what stands there now is "
                "kept as words"
            )

    def _compose(self) -> None:
        story: dict[str, Any] = self.values.setdefault("story", {})
        for block in [b for b in self.page.blocks if b.place.field == "diagnosis"]:
            self._diagnose(story, block)
        blocks = [b for b in self.page.blocks if b.place.field != "diagnosis"]
        for key in _PROSE:
            if text := prose(b for b in blocks if b.place.field == key):
                story[key] = "\n\n".join(filter(None, (story.get(key, ""), text)))
        for key in _LISTS:
            found = [b.text for b in blocks if b.place.field == key]
            if key == "differential" and len(found) == 1:
                found = [part for part in map(str.strip, found[0].split(";")) if part]
            if found:
                story[key] = [*story.get(key, ()), *found]
        if any(b.place == FINDINGS for b in blocks):
            self.notes.append(
                "its findings are prose: they stand in the discussion, where a search reads them; "
                "none was made a finding of the record"
            )
        self._confirm(story)
        if self.asked:
            self.values["quiz"] = [*self.values.get("quiz", ()), *self.asked]
        self._authors()
        if not self.values.get("title"):
            self.values["title"] = next(
                (d["what"] for d in story.get("diagnosis", ()) if d.get("what")), "Untitled"
            )
        if not story:
            del self.values["story"]

    def _diagnose(self, story: dict[str, Any], block: Block) -> None:
        """A line that says one thing is a diagnosis, with the doubt in its words; anything else stays prose."""
        said = {statement.presence for statement in understand(block.text, lexicon())}
        certainty = "definite" if said <= {"definite"} else said.pop() if len(said) == 1 else ""
        if len(block.text) > _LONG_DIAGNOSIS or certainty not in ("definite", "probable", "possible"):
            self.notes.append("the words on the diagnosis are more than a name: they stand in the discussion")
            self._keep(Place("discussion", "Diagnosis"), block.text)
            return
        story.setdefault("diagnosis", []).append({"what": block.text.rstrip(". "), "certainty": certainty})

    def _confirm(self, story: dict[str, Any]) -> None:
        text = "; ".join(dict.fromkeys(filter(None, self.confirmed)))
        if not text:
            return
        rows = [row for row in story.get("diagnosis", ()) if not row.get("confirmed_by")]
        if rows and len(text) <= _LONG_DIAGNOSIS:
            for row in rows:
                row["confirmed_by"] = text
        else:
            story["discussion"] = "\n\n".join(
                filter(None, (story.get("discussion", ""), f"Confirmation:\n{text}"))
            )

    def _authors(self) -> None:
        made = {
            key: "; ".join(dict.fromkeys(a[key] for a in self.authors if a.get(key)))
            for key in ("name", "affiliation", "contact")
        }
        if kept := {key: value for key, value in made.items() if value}:
            self.values["author"] = kept

    def _leave(self, why: str, tag: str) -> None:
        if tag not in self.left[why]:
            self.left[why].append(tag[:40])

    def _left_out(self) -> list[str]:
        said = {
            "identity": "not taken, since it says who the patient is: {}",
            "office": "not taken, since it is for the system that the document comes from: {}",
            "silent": "not taken, since it is no text: {}",
            "unknown": "unknown here, kept as text: {}",
        }
        return [
            told.format(", ".join(sorted(self.left[why]))) for why, told in said.items() if self.left[why]
        ]


def _heading_of(tag: str) -> str:
    return re.sub(r"[-_]+", " ", tag).strip().capitalize()


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without an id get one that is free."""
    taken = {row.get("id") for row in rows}
    free = (made for n in range(1, 2 * len(rows) + 2) if (made := f"M{n}") not in taken)
    return [row if row.get("id") else {"id": next(free), **row} for row in rows]
