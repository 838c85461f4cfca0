"""A measurement report (PS3.16 TID 1500) as findings and measurements of a case.

A measurement group is a finding, groups of one tracking UID are the same; a group that names no finding and only
measures is measurements without one. What has no place in a finding is kept as a line of its note.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from casearchive.choices import MODALITIES, SEVERITIES, TEMPORALITIES
from casearchive.importers import _items as i
from casearchive.importers._places import Drawn, Pictured, drawn, evidence
from casearchive.model import (
    Coded,
    ContentItem,
    Doppler,
    Dynamic,
    Evidence,
    Finding,
    Grade,
    Measurement,
    Paper,
    Pointer,
    Relation,
)
from casearchive.record import sentences
from casearchive.record.table import FINDINGS, ID, MANEUVERS, STRUCTURES
from casearchive.terms import STRUCTURE_KINDS, lexicon
from casearchive.terms.grades import called
from casearchive.units import ucum

TITLE = i.code("DCM", "126000")
_LOOKS = frozenset({"echogenicity", "artifact", "flow"})
_DOPPLER = ("pd", "ohberg")
_COMPARED = ("contralateral", "prior_study", "normative")
_CERTAINTIES = {
    ("DCM", "121053"): "definite", ("DCM", "121054"): "absent",
    ("99USCASE", "probable"): "probable", ("99USCASE", "possible"): "possible",
    ("99USCASE", "not_assessed"): "not_assessed",
}  # fmt: skip


@dataclass
class Found:
    """What the reports of a case say. ``notes`` are for whoever takes them in, and quote nothing of a report."""

    findings: list[Finding] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_report(paper: Paper) -> bool:
    """Whether the object is such a report and groups anything in it."""
    root = paper.content
    return root is not None and i.is_(root, TITLE) and any(i.is_(item, i.GROUP) for item in i.walk(root))


def shown_in(paper: Paper) -> tuple[str, ...]:
    """The SOP Instance UIDs that the report points to, in its order."""
    if paper.content is None:
        return ()
    pointers = (p.sop_instance_uid for item in i.walk(paper.content) for p in item.pointers)
    return tuple(dict.fromkeys(pointers))


def certainty(coded: Coded) -> str:
    """The word of a case file for a code of certainty; empty where it is none."""
    return _CERTAINTIES.get((coded.scheme, coded.value), "")


def read(papers: list[Paper], pictures: Mapping[str, Pictured]) -> Found:
    """The findings of several reports; ``pictures`` are those of the case by their SOP Instance UIDs."""
    found = Found()
    for paper in papers:
        if paper.content is not None:
            _Reader(found, pictures, ours=i.is_ours(paper.maker)).read(paper.content)
    return found


@dataclass
class _Group:
    """One finding while its groups are read."""

    finding: Finding
    named: bool = False  # whether a group said what it is
    commented: bool = False
    notes: list[str] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)


class _Reader:
    def __init__(self, found: Found, pictures: Mapping[str, Pictured], *, ours: bool) -> None:
        self.found, self.pictures, self.ours = found, pictures, ours
        self.groups: dict[str, _Group] = {}
        self.lost: set[str] = set()  # kinds of trouble, each told once
        self.used = {finding.id for finding in found.findings}

    def read(self, root: ContentItem) -> None:
        containers = [one for one in i.walk(root) if one.kind == "CONTAINER" and i.is_(one, i.GROUP)]
        for number, container in enumerate(containers):
            self._group(container, number)
        for group in self.groups.values():
            self._finish(group)
        self.found.notes += [note for note in sorted(self.lost) if note not in self.found.notes]

    # ------------------------------------------------------------------------------------------------ groups

    def _group(self, container: ContentItem, number: int) -> None:
        items = _flat(container)
        uid = next((one.uid for one in items if i.is_(one, i.TRACKING_UID) and one.uid), f"group {number}")
        group = self.groups.get(uid)
        again = group is not None
        if group is None:
            label = next((i.line(one.text) for one in items if i.is_(one, i.TRACKING_ID)), "")
            group = self.groups[uid] = _Group(Finding(id=label, abnormality=""))
        where = self._evidence(items)
        for one in items:
            if one.kind == "NUM":
                self._number(group, one, where)
            elif not again or i.is_(one, i.COMMENT):
                self._say(group, one)
        known = group.finding.evidence
        more = tuple(seen for seen in where if seen not in known)
        group.finding = replace(group.finding, evidence=(*known, *more))
        self._only_one_best(group)

    def _only_one_best(self, group: _Group) -> None:
        seen, best = [], False
        for one in group.finding.evidence:
            seen.append(replace(one, best=one.best and not best))
            best = best or one.best
        group.finding = replace(group.finding, evidence=tuple(seen))

    def _evidence(self, items: tuple[ContentItem, ...]) -> list[Evidence]:
        best = any(i.is_(one, i.BEST) for one in items)
        found: list[Evidence] = []
        for one in items:
            if one.kind == "SCOORD":
                found += self._region(one, best=best and not found)
        if any(one.kind == "SCOORD" for one in items):
            return found
        for one in items:
            if one.kind == "IMAGE":
                for pointer in one.pointers:
                    picture = self._picture(pointer)
                    if picture is not None:
                        seen = evidence(picture, pointer.frames, None, best=best and not found)
                        found += self._seen(seen)
        return found

    def _region(self, item: ContentItem, *, best: bool) -> list[Evidence]:
        pointer = _selected_from(item)
        picture = self._picture(pointer)
        if pointer is None or picture is None:
            return []
        one = drawn(item.shape, item.points, picture)
        if one is None:
            self.lost.add(
                "a region of a report lies outside its picture, or has no shape: only its frames were taken"
            )
        return self._seen(evidence(picture, pointer.frames, one, best=best))

    def _seen(self, seen: list[Evidence]) -> list[Evidence]:
        if not seen:
            self.lost.add("a report names frames that a clip does not have: that evidence was left out")
        return seen

    def _picture(self, pointer: Pointer | None) -> Pictured | None:
        """The picture of the case that is pointed to; None, and told, where it is none of them."""
        if pointer is None:
            self.lost.add("a report draws on a picture that it does not name: that evidence was left out")
            return None
        picture = self.pictures.get(pointer.sop_instance_uid)
        if picture is None:
            self.lost.add(
                "a report points to pictures that are not of this case, or not here: they were left out"
            )
        return picture

    # ------------------------------------------------------------------------------------------ what is said

    def _say(self, group: _Group, item: ContentItem) -> None:
        """One item of a group into the finding, or into its note."""
        finding = group.finding
        if item.kind in ("SCOORD", "IMAGE", "UIDREF", "CONTAINER", "COMPOSITE", "") or i.is_(
            item, i.TRACKING_ID, i.BEST
        ):
            return
        if i.is_(item, i.FINDING, i.EXCLUDED, i.UNJUDGED) and not group.named:
            self._what(group, item)
        elif i.is_(item, i.SITE) and not finding.structure:
            self._where(group, item)
        elif i.is_(item, i.LATERALITY) and i.side(item):
            group.finding = replace(finding, side=i.side(item))
        elif i.is_(item, i.TOPOGRAPHY) and not finding.site:
            group.finding = replace(finding, site=i.term(item, STRUCTURES))
        elif i.is_(item, i.CERTAINTY) and item.code and (sure := certainty(item.code)):
            group.finding = replace(finding, certainty=sure)
        elif i.is_(item, i.SEVERITY) and (word := i.choice(item, {"severity"}, SEVERITIES)):
            group.finding = replace(finding, severity=word)
        elif i.is_(item, i.TEMPORALITY) and (word := i.choice(item, {"temporality"}, TEMPORALITIES)):
            group.finding = replace(finding, temporality=word)
        elif i.is_(item, i.ECHOGENICITY):
            if look := i.term(item, _LOOKS):
                group.finding = replace(finding, echogenicity=(*finding.echogenicity, look))
        elif i.is_(item, i.COMMENT):
            self._comment(group, item)
        elif not (self._graded(group, item) or self._more(group, item)):
            self._note(group, item)

    def _what(self, group: _Group, item: ContentItem) -> None:
        found = i.concept(item, FINDINGS)
        if found is None and item.kind == "CODE":
            self.lost.add(
                "a report has findings whose codes the vocabulary does not know: they are kept as its words"
            )
        sure = group.finding.certainty
        if i.is_(item, i.EXCLUDED):
            sure = "absent"
        elif i.is_(item, i.UNJUDGED):
            sure = "not_assessed"
        group.finding = replace(group.finding, abnormality=i.term(item, FINDINGS), certainty=sure)
        group.named = bool(group.finding.abnormality)

    def _where(self, group: _Group, item: ContentItem) -> None:
        found = i.concept(item, STRUCTURE_KINDS)
        if found is None and item.kind == "CODE":
            self.lost.add(
                "a report has sites whose codes the vocabulary does not know: they are kept as its words"
            )
        side = next((i.side(one) for one in item.items if i.is_(one, i.LATERALITY) and i.side(one)), "")
        side = side or (found[1] if found else "") or group.finding.side
        group.finding = replace(group.finding, structure=i.term(item, STRUCTURE_KINDS), side=side)
        for below in item.items:
            if i.is_(below, i.TOPOGRAPHY) and not group.finding.site:
                group.finding = replace(group.finding, site=i.term(below, STRUCTURES))
            elif not i.is_(below, i.LATERALITY):
                self._note(group, below)

    def _graded(self, group: _Group, item: ContentItem) -> bool:
        """A grade under the name of its scale, such as ``Peetrons 3``."""
        found = i.known(item.name, {"scale"})
        value = i.line(item.text)
        if item.kind != "TEXT" or not value or not (found or i.is_(item, i.GRADE)):
            return False
        scale = called(found[0].id, lexicon()) if found else ""
        spoken = sentences.grade(Grade(scale, "")).strip() if scale else ""
        long = sentences.name(scale) if scale else ""
        for beginning in (spoken, long):
            if beginning and value.startswith(f"{beginning} "):
                value = value.removeprefix(beginning).strip()
        if not scale:
            words, _, value = value.rpartition(" ")
            scale = words.lower().replace(" ", "_")
        if not scale or not value or scale in (grade.scale for grade in group.finding.grades):
            return False
        number = _number_of(value)
        if scale in _DOPPLER and number is not None and group.finding.doppler is None:
            group.finding = replace(group.finding, doppler=Doppler(scale, number))
        else:
            group.finding = replace(group.finding, grades=(*group.finding.grades, Grade(scale, value)))
        return True

    def _more(self, group: _Group, item: ContentItem) -> bool:
        """What only our own export tells; True where it was taken."""
        finding, words = group.finding, i.line(item.text)
        if i.is_(item, i.MOVED):
            told = {name: i.child(item, name) for name in (i.MANEUVER, i.AT_REST, i.DURING)}
            if not any(told.values()):
                return False
            maneuver, rest, during = told.values()
            dynamic = Dynamic(
                i.term(maneuver, MANEUVERS) if maneuver else "",
                i.line(rest.text) if rest else "",
                i.line(during.text) if during else "",
            )
            group.finding = replace(finding, dynamic=dynamic)
        elif i.is_(item, i.CONFIRMED) and words:
            group.finding = replace(finding, confirmed_by=_short(words))
        elif i.is_(item, i.COMPARED) and words:
            group.finding = replace(finding, comparison=_short(words, _COMPARED))
        elif i.is_(item, i.SEEN_ON) and words in MODALITIES:
            group.finding = replace(finding, modality=words)
        elif i.is_(item, i.RELATION) and words and (other := i.child(item, i.SITE)):
            relation = Relation(words.replace(" ", "_"), i.term(other, STRUCTURES | FINDINGS))
            group.finding = replace(finding, relations=(*finding.relations, relation))
        else:
            return False
        return True

    def _comment(self, group: _Group, item: ContentItem) -> None:
        text = i.plain(item.text)
        summary = self.ours and not group.commented  # our first comment says the finding again, as a sentence
        group.commented = True
        if text and not summary and text not in group.notes:
            group.notes.append(text)

    def _note(self, group: _Group, item: ContentItem) -> None:
        text = i.told(item)
        if text and text not in group.notes:
            group.notes.append(text)
            self.lost.add("parts of findings that a case has no place for are kept in their notes")

    # -------------------------------------------------------------------------------------------- measurements

    def _number(self, group: _Group, item: ContentItem, where: list[Evidence]) -> None:
        found = i.known(item.name, {"measurement"}) or i.known(item.name, ())
        if item.number is None or not math.isfinite(item.number) or item.name is None:
            self.lost.add("a measurement without a number was left out")
            return
        what = called(found[0].id, lexicon()) if found else i.meaning(item.name)
        if not what:
            self._note(group, item)
            return
        made = Measurement(what, item.number, _unit(item), media=where[0].media if len(where) == 1 else "")
        if made.media and where[0].frames and where[0].frames[0] == where[0].frames[1]:
            made = replace(made, frame=where[0].frames[0])
        more = []
        for below in item.items:
            if below.kind in ("SCOORD", "IMAGE"):
                made = self._measured_on(made, below)
            elif i.is_(below, i.LATERALITY) and i.side(below):
                made = replace(made, side=i.side(below))
            elif i.is_(below, i.STATE):
                made = replace(made, state=i.term(below, MANEUVERS))
            elif i.is_(below, i.COMMENT):
                more.append(i.plain(below.text))
            elif not i.is_(below, i.SHORT_LABEL):
                more.append(i.told(below))
        note = "\n".join(dict.fromkeys(part for part in more if part))
        group.measurements.append(replace(made, note=note))

    def _measured_on(self, made: Measurement, item: ContentItem) -> Measurement:
        pointer = _selected_from(item) if item.kind == "SCOORD" else next(iter(item.pointers), None)
        picture = self._picture(pointer)
        if pointer is None or picture is None:
            return made
        frame = pointer.frames[0] if pointer.frames and picture.frames > 1 else None
        if frame is not None and not 1 <= frame <= picture.frames:
            self.lost.add("a report measures on frames that a clip does not have: the place was left out")
            return made
        one: Drawn | None = None
        if item.kind == "SCOORD":
            one = drawn(item.shape, item.points, picture)
            if one is None:
                self.lost.add("points of a measurement lie outside its picture: they were left out")
        return replace(made, media=picture.media.id, frame=frame, points=one.points if one else ())

    # ------------------------------------------------------------------------------------------------ the end

    def _finish(self, group: _Group) -> None:
        finding = group.finding
        facts = replace(finding, id="", evidence=(), note="")
        said = facts != Finding(id="", abnormality="") or bool(group.notes)
        if not group.named and not said and (group.measurements or not finding.evidence):
            self.found.measurements += [replace(m, finding="") for m in group.measurements]
            return
        if not group.named:
            words = i.line(finding.id)
            finding = replace(finding, abnormality=words or "marked place")
            self.lost.add("groups of a report that say no finding are named as the report labels them")
        name = finding.id if re.fullmatch(ID, finding.id) and finding.id not in self.used else self._new_id()
        self.used.add(name)
        note = "\n".join(group.notes)
        self.found.findings.append(replace(finding, id=name, note=note))
        own = [m for n, m in enumerate(group.measurements) if m not in group.measurements[:n]]
        self.found.measurements += [replace(m, finding=name) for m in own]

    def _new_id(self) -> str:
        number = len(self.used) + 1
        while f"F{number}" in self.used or any(g.finding.id == f"F{number}" for g in self.groups.values()):
            number += 1
        return f"F{number}"


def _flat(container: ContentItem) -> tuple[ContentItem, ...]:
    """The items of a group and of the containers in it (qualitative evaluations), but not of groups within."""
    found: list[ContentItem] = []
    left = [*reversed(container.items)]
    while left:
        item = left.pop()
        found.append(item)
        if item.kind == "CONTAINER" and not i.is_(item, i.GROUP):
            left += reversed(item.items)
    return tuple(found)


def _selected_from(item: ContentItem) -> Pointer | None:
    return next((p for below in item.items if below.kind == "IMAGE" for p in below.pointers), None)


def _unit(item: ContentItem) -> str:
    if item.unit is None:
        return ""
    known = ucum(item.unit.value)
    return known if known is not None else i.line(item.unit.value)[:16]


def _number_of(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _short(words: str, known: Iterable[str] = MODALITIES) -> str:
    """``mri`` for ``MRI``: the short word of what was said in full."""
    return next((short for short in known if sentences.name(short) == words), words)
