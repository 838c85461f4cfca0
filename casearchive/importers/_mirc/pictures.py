"""The pictures that a document names: their forms, the best one that is there, and what lies beyond the folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree as ET

#: What moves; a link of a picture to anything else is a link.
_FILM = re.compile(r"\.(mp4|m4v|mov|avi|mpe?g|wmv|mkv|webm|webp|gif)$", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")
#: What a name in a record may not hold.
_UNFIT = re.compile(r"[\\:*?\"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff]|^~")

#: A name as a document writes it to that of the file beside it, or None; never asked for a name that leads elsewhere.
Beside = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a document. ``forms`` are those of its files that are there, the best first; ``chosen`` is the
    first that can be taken (empty: none), ``best`` whether that is the original, of which places in a picture are told.
    ``original`` is the original's name as it is written, ``named`` every good form that was looked for, ``odd``
    sentences on what a person would not expect."""

    element: ET.Element
    number: int
    chosen: str
    best: bool
    forms: tuple[str, ...]
    original: str
    named: tuple[str, ...]
    odd: tuple[str, ...]


def elements(root: ET.Element) -> Iterator[ET.Element]:
    """Pictures in the order of the document; one that only holds another is a link round it."""
    line = [root]
    while line:
        element = line.pop()
        if element.tag in ("svg", "phi"):
            continue
        if element.tag in ("image", "img") and (
            element.get("src") or element.find("alternative-image") is not None
        ):
            yield element
        line += reversed(element)


def picture(
    element: ET.Element, number: int, there: Beside, beside: Beside, more: tuple[str, ...] = ()
) -> Picture:
    """``there`` finds the files that are there, ``beside`` those of them that can be taken; ``more`` are names of
    further forms that only we know of."""
    roles = [(a.get("role", ""), a.get("src", "")) for a in element.iter("alternative-image")]
    source, link = element.get("src", ""), element.get("href", "")
    film = [name for name in (link, source) if _FILM.search(name)]
    original = [name for role, name in roles if role == "original-format"]
    best_first = [
        *original, *film, *(name for role, name in roles if role == "original-dimensions"), source,
    ]  # fmt: skip
    side = [(role, name) for role, name in roles if role not in ("original-format", "original-dimensions")]
    last = [*more, *(name for _, name in sorted(side, key=lambda one: one[0] == "icon"))]
    odd: list[str] = []
    good = _found_of(best_first, there, number, odd)
    forms = tuple(dict.fromkeys((*good, *_found_of(last, there, number, odd))))
    if link and link not in film:
        odd.append(f"image {number}: what it links to was not followed")
    chosen = next((form for form in forms if beside(form) is not None), "")
    if chosen and (untaken := forms[: forms.index(chosen)]):
        which = " and ".join(f"“{name[:60]}”" for name in untaken[:3])
        odd.append(f"image {number}: {which} could not be taken; “{chosen[:60]}” was taken instead")
    elif chosen and chosen not in good:
        odd.append(f"image {number}: only “{chosen[:60]}” is there, which is small or drawn on")
    best = bool(original) and chosen == _found(original[0], there, number, [])
    named = tuple(dict.fromkeys(name for name in best_first if name))
    return Picture(
        element,
        number,
        chosen,
        best,
        forms,
        original[0] if original else "",
        named,
        tuple(dict.fromkeys(odd)),
    )


def _found_of(names: Iterable[str], there: Beside, number: int, odd: list[str]) -> list[str]:
    return [found for name in names if (found := _found(name, there, number, odd))]


def _found(name: str, beside: Beside, number: int, odd: list[str]) -> str | None:
    """The file of this name below the document's folder; a name that leads elsewhere is told and never looked at."""
    name = name.strip()
    if not name:
        return None
    if _ADDRESS.match(name):
        odd.append(
            f"image {number} names an address (“{name[:60]}”): nothing was fetched; put the file beside it"
        )
        return None
    for tried in dict.fromkeys((name, unquote(name))):
        parts = [part for part in tried.replace("\\", "/").split("/") if part != "."]
        if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:", tried):
            odd.append(
                f"image {number} names a place outside its folder (“{tried[:60]}”): nobody looked there"
            )
            return None
        if "\0" in tried or "" in parts:
            continue
        found = beside("/".join(parts))
        if found is not None and not _UNFIT.search(found) and all(p == p.strip() for p in found.split("/")):
            return found
    return None
