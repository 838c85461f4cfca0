"""What a presentation state draws (PS3.3 C.10.5) as evidence, where no report says where a finding can be seen.

A drawing is no finding by itself: what is written beside it is kept as its name, and a person has to look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from casearchive.importers import _items as i
from casearchive.importers._places import Pictured, drawn, evidence
from casearchive.importers.measurements import Found
from casearchive.model import DrawnLayer, Evidence, Finding, Paper, Pointer
from casearchive.record import sentences
from casearchive.record.table import FINDINGS
from casearchive.terms import lexicon

#: Drawings of one case that are taken; more are no teaching.
_MOST = 200
_NUMBER = re.compile(r"^\d{1,3}[.):]?\s+")
_UNNAMED = "marked place"


def draws(paper: Paper) -> bool:
    """Whether the object draws or writes anything over its pictures."""
    state = paper.presentation
    return state is not None and any(layer.graphics or layer.texts for layer in state.drawn)


def shown_in(paper: Paper) -> tuple[str, ...]:
    if paper.presentation is None:
        return ()
    return tuple(dict.fromkeys(p.sop_instance_uid for p in paper.presentation.pointers))


def add(found: Found, papers: Sequence[Paper], pictures: Mapping[str, Pictured]) -> None:
    """Give ``found`` the evidence that ``papers`` draw: that of findings whose name stands beside it, or findings to be
    looked at where the reports say none."""
    if any(finding.evidence for finding in found.findings):
        return
    none = not found.findings
    for label, places in list(_all(found, papers, pictures))[:_MOST]:
        words = _NUMBER.sub("", label)
        same = [n for n, f in enumerate(found.findings) if not none and _is_named(f, words)]
        if len(same) == 1:
            finding = found.findings[same[0]]
            found.findings[same[0]] = replace(finding, evidence=(*finding.evidence, *places))
        elif none:
            known = lexicon().resolve(words, FINDINGS) if words else None
            found.findings.append(
                Finding(
                    f"F{len(found.findings) + 1}",
                    known.id if known else words or _UNNAMED,
                    evidence=tuple(places),
                    reviewed=False,
                )
            )
            _once(found, "drawings of presentation states became findings that a person has to look at")
        else:
            _once(found, "drawings of presentation states that name no finding were left out")


def _is_named(finding: Finding, words: str) -> bool:
    return bool(words) and words.casefold() in (
        finding.id.casefold(), sentences.name(finding.abnormality).casefold(),
        sentences.title(finding).casefold(),
    )  # fmt: skip


def _all(
    found: Found, papers: Sequence[Paper], pictures: Mapping[str, Pictured]
) -> Iterator[tuple[str, list[Evidence]]]:
    for paper in papers:
        if paper.presentation is None:
            continue
        for layer in paper.presentation.drawn:
            places = _places(found, layer, layer.pointers or paper.presentation.pointers, pictures)
            label = next((words for text in layer.texts if (words := i.line(text.text))), "")
            if places:
                yield label, places


def _places(
    found: Found, layer: DrawnLayer, pointers: Sequence[Pointer], pictures: Mapping[str, Pictured]
) -> list[Evidence]:
    places: list[Evidence] = []
    for pointer in pointers:
        picture = pictures.get(pointer.sop_instance_uid)
        if picture is None:
            continue
        for graphic in layer.graphics:
            one = None
            if graphic.units == "PIXEL":
                one = drawn(graphic.shape, graphic.points, picture, filled=graphic.filled)
            if one is None:
                _once(
                    found,
                    "drawings that are not in pixels of their picture, or lie outside it, were left out",
                )
            else:
                places += evidence(picture, pointer.frames, one, best=False)
        for text in layer.texts if not layer.graphics else ():
            anchored = text.anchor_units == "PIXEL" and len(text.anchor) == 2
            one = drawn("POINT", text.anchor, picture) if anchored else None
            if one is not None:
                places += evidence(picture, pointer.frames, one, best=False)
    return [place for n, place in enumerate(places) if place not in places[:n]]


def _once(found: Found, note: str) -> None:
    if note not in found.notes:
        found.notes.append(note)
