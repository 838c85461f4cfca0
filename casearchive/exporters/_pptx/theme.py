"""The theme of the slides: our own, put together from the XML files of ``theme/``, or a clinic's template.

A template gives its master, its layouts, fonts, colours and logos; its slides, notes, comments, author and whatever
else it holds are left out. The part of a slide that may be written on is where its layout "title and content" has
its content.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casearchive.errors import UsageError

if TYPE_CHECKING:
    from pptx.presentation import Presentation
    from pptx.slide import SlideLayout

_FILES = {
    "[Content_Types].xml": "content-types.xml",
    "_rels/.rels": "_rels/package.xml",
    "ppt/presentation.xml": "presentation.xml",
    "ppt/_rels/presentation.xml.rels": "_rels/presentation.xml",
    "ppt/tableStyles.xml": "tableStyles.xml",
    "ppt/theme/theme1.xml": "theme.xml",
    "ppt/slideMasters/slideMaster1.xml": "master.xml",
    "ppt/slideMasters/_rels/slideMaster1.xml.rels": "_rels/master.xml",
    **{f"ppt/slideLayouts/slideLayout{n}.xml": f"layout{n}.xml" for n in (1, 2, 3)},
    **{f"ppt/slideLayouts/_rels/slideLayout{n}.xml.rels": "_rels/layout.xml" for n in (1, 2, 3)},
}
_TEMPLATE = "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml"
_PLAIN = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MOST_BYTES = 200_000_000
_HINT = "Give a .pptx or .potx file, such as PowerPoint or LibreOffice saves it."
#: What of a presentation belongs to its theme; everything else is somebody's.
_KEPT_PARTS = {"slideMaster", "theme", "tableStyles", "font"}
_KEPT_ELEMENTS = {"sldMasterIdLst", "sldSz", "notesSz", "embeddedFontLst", "defaultTextStyle"}
#: What text of ours is reckoned to need in a font that may be wider than Arial.
_OTHER_FONT = 1.2
_NARROW_FONTS = {"arial", "helvetica", "helvetica neue", "liberation sans", "calibri", "carlito", "aptos"}


@dataclass(frozen=True, slots=True)
class Box:
    """A place on a slide, in EMU (914400 an inch)."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Theme:
    """An empty presentation with its three layouts. ``content`` is what may be written on below the title, ``title``
    and ``first`` the places of the titles, ``subtitle`` that of the lines below the first; ``wider`` is by how much
    its letters may be wider than Arial."""

    presentation: Presentation
    opening: SlideLayout
    text: SlideLayout
    bare: SlideLayout
    content: Box
    title: Box
    first: Box
    subtitle: Box
    title_size: int
    first_size: int
    wider: float
    own: bool


def load(path: str) -> Theme:
    """The theme of the file ``path``, or our own where it is empty. Raises ``UsageError`` for what is no theme."""
    from pptx import Presentation

    if not path:
        return _settled(Presentation(_own()), "", own=True)
    name = Path(path).name
    try:
        presentation = _opened(Path(path))
        _emptied(presentation, name)
        return _settled(presentation, name, own=False)
    except OSError as error:
        raise UsageError("the theme cannot be read", where=name, hint=_HINT) from error
    except UsageError:
        raise
    except (
        Exception
    ) as error:  # python-pptx reads parts when they are asked for, and raises what damage makes of them
        raise UsageError("the theme is no presentation that can be used", where=name, hint=_HINT) from error


def _settled(presentation: Presentation, name: str, *, own: bool) -> Theme:
    _settings(presentation)
    return _theme(presentation, name, own=own)


def _own() -> io.BytesIO:
    folder = resources.files("casearchive.exporters._pptx") / "theme"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, source in _FILES.items():
            packed.writestr(name, (folder / source).read_bytes())
    out.seek(0)
    return out


def _settings(presentation: Any) -> None:
    """How a presentation is shown and edited: nothing special, but PowerPoint misses the parts where they are not."""
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI

    folder = resources.files("casearchive.exporters._pptx") / "theme"
    part = presentation.part
    for name in ("presProps", "viewProps"):
        kind = f"application/vnd.openxmlformats-officedocument.presentationml.{name}+xml"
        blob = (folder / f"{name}.xml").read_bytes()
        made = Part(PackURI(f"/ppt/{name}.xml"), kind, part.package, blob)
        part.relate_to(made, f"{_RELATION}/{name}")
    _notes(part, folder)


def _notes(part: Any, folder: Any) -> None:
    """The master of the notes with a theme of its own, as PowerPoint wants it: black on white, for paper."""
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI
    from pptx.oxml import parse_xml
    from pptx.parts.slide import NotesMasterPart

    theme = Part(
        PackURI("/ppt/theme/theme9.xml"),
        "application/vnd.openxmlformats-officedocument.theme+xml",
        part.package,
        (folder / "theme.xml").read_bytes(),
    )
    kind = "application/vnd.openxmlformats-officedocument.presentationml.notesMaster+xml"
    element: Any = parse_xml((folder / "notesMaster.xml").read_bytes())
    master = NotesMasterPart(PackURI("/ppt/notesMasters/notesMaster1.xml"), kind, part.package, element)
    master.relate_to(theme, f"{_RELATION}/theme")
    key = part.relate_to(master, f"{_RELATION}/notesMaster")
    root = part._element
    names = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    names += 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    listed = parse_xml(f'<p:notesMasterIdLst {names}><p:notesMasterId r:id="{key}"/></p:notesMasterIdLst>')
    root.xpath("./p:sldMasterIdLst")[0].addnext(listed)


# ---------------------------------------------------------------------------------------- a clinic's template


def _opened(path: Path) -> Presentation:
    from pptx import Presentation

    if path.stat().st_size > _MOST_BYTES:
        raise UsageError("the theme has more than 200 MB", where=path.name, hint=_HINT)
    return Presentation(io.BytesIO(_as_presentation(path.read_bytes(), path.name)))


def _as_presentation(data: bytes, name: str) -> bytes:
    """A template differs from a presentation by the type of its main part alone."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(info.file_size for info in packed.infolist()) > _MOST_BYTES:
                raise UsageError("the theme has more than 200 MB", where=name, hint=_HINT)
            types = packed.read("[Content_Types].xml").decode("utf-8", "replace")
            if "macroEnabled" in types or any("vbaProject" in n for n in packed.namelist()):
                raise UsageError(
                    "the theme holds macros, which would travel with every set",
                    where=name,
                    hint="Save it without macros, as .pptx or .potx.",
                )
            if _TEMPLATE not in types:
                return data
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as made:
                for info in packed.infolist():
                    content = packed.read(info)
                    if info.filename == "[Content_Types].xml":
                        content = types.replace(_TEMPLATE, _PLAIN).encode()
                    made.writestr(info.filename, content)
            return out.getvalue()
    except (zipfile.BadZipFile, KeyError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise UsageError("the theme is no presentation", where=name, hint=_HINT) from error


def _emptied(presentation: Presentation, name: str) -> None:
    """Nothing is left but masters, layouts, themes and fonts, whose XML can be read: it is handed on."""
    from pptx.oxml import parse_xml

    part: Any = presentation.part
    root: Any = part._element
    for child in list(root):
        if child.tag.rpartition("}")[2] not in _KEPT_ELEMENTS:
            root.remove(child)
    _forget(part, _KEPT_PARTS)
    _forget(part.package, {"officeDocument"})
    for attribute in set(root.attrib) - {"saveSubsetFonts", "embedTrueTypeFonts", "firstSlideNum", "rtl"}:
        del root.attrib[attribute]
    for inner in part.package.iter_parts():
        if inner.content_type.endswith("xml"):
            parse_xml(inner.blob)
        for relation in list(inner.rels.values()):
            kind = posixpath.basename(relation.reltype)
            if relation.is_external and kind != "hyperlink":
                raise UsageError(
                    "the theme shows something that lies outside it",
                    where=f"{name}, {inner.partname}",
                    hint="Put the picture into the file instead of linking to it.",
                )


def _forget(holder: Any, kept: set[str]) -> None:
    relations = holder._rels
    for key in [k for k, r in relations.items() if posixpath.basename(r.reltype) not in kept]:
        relations.pop(key)


# ------------------------------------------------------------------------------------------------ layouts


def _theme(presentation: Presentation, name: str, *, own: bool) -> Theme:
    layouts = list(presentation.slide_layouts)
    titled = [layout for layout in layouts if _holder(layout, "title", "ctrTitle") is not None]
    if not titled:
        raise UsageError(
            "the theme has no layout with a title", where=name, hint="Add one, such as “Title only”."
        )
    opening = _first(titled, "title", lambda one: _holder(one, "subTitle") is not None)
    text = _first(titled, "obj", lambda one: _holder(one, "body", "obj") is not None)
    bare = _first(titled, "titleOnly", lambda one: len(_holders(one)) == 1)
    size = Box(0, 0, int(presentation.slide_width or 0), int(presentation.slide_height or 0))
    if min(size.width, size.height) < 3_000_000:
        raise UsageError(
            "the slides of the theme are too small", where=name, hint="Give it slides of at least 4 inches."
        )
    title = _box(_holder(bare, "title", "ctrTitle"), size)
    held = _holder(text, "body", "obj")
    return Theme(
        presentation,
        opening,
        text,
        bare,
        _content(_box(held, size) if held is not None else None, title, size),
        title,
        _box(_holder(opening, "ctrTitle", "title"), size),
        _box(_holder(opening, "subTitle") or _holder(opening, "body", "obj") or held, size),
        _size(bare, "title"),
        _size(opening, "ctrTitle"),
        1.0 if own or _font_of(presentation) in _NARROW_FONTS else _OTHER_FONT,
        own,
    )


def _first(layouts: list[Any], kind: str, fits: Any) -> Any:
    by_type = [layout for layout in layouts if layout._element.get("type") == kind]
    return next(iter([*by_type, *filter(fits, layouts), *layouts]))


def _holders(layout: Any) -> list[Any]:
    """The placeholders that a slide takes over."""
    return [ph for ph in layout.placeholders if _kind(ph) not in ("dt", "ftr", "sldNum")]


def _kind(holder: Any) -> str:
    found = holder._element.xpath(".//p:nvPr/p:ph")
    return str(found[0].get("type") or "obj") if found else ""


def _holder(layout: Any, *kinds: str) -> Any:
    return next((ph for kind in kinds for ph in layout.placeholders if _kind(ph) == kind), None)


def _box(holder: Any, size: Box) -> Box:
    """Where a placeholder stands, kept on the slide; the middle of it where that is not said."""
    left, top, width, height = (
        int(getattr(holder, side, None) or 0) for side in ("left", "top", "width", "height")
    )
    if width <= 0 or height <= 0:
        return Box(size.width // 12, size.height // 4, size.width * 5 // 6, size.height // 2)
    left, top = max(0, min(left, size.width - 1)), max(0, min(top, size.height - 1))
    return Box(left, top, min(width, size.width - left), min(height, size.height - top))


def _content(held: Box | None, title: Box, size: Box) -> Box:
    """What a template gives to content, if that is enough to write on; else what is free below its title."""
    if held and held.width > size.width * 0.5 and held.height > size.height * 0.45:
        return held
    margin = size.width // 20
    top = min(title.bottom, size.height // 3) + margin // 4
    return Box(margin, top, size.width - 2 * margin, size.height - top - margin)


def _size(layout: Any, kind: str) -> int:
    """The size of a title in points, as its layout or master says."""
    said = layout._element.xpath(f".//p:sp[.//p:ph[@type='{kind}' or @type='title']]//a:lvl1pPr/a:defRPr/@sz")
    said += layout.slide_master._element.xpath("./p:txStyles/p:titleStyle/a:lvl1pPr/a:defRPr/@sz")
    return int(said[0]) // 100 if said else 32


def _font_of(presentation: Any) -> str:
    for relation in presentation.slide_masters[0].part.rels.values():
        if relation.reltype.endswith("/theme"):
            found = re.search(rb"minorFont>.*?latin typeface=\"([^\"]*)\"", relation.target_part.blob, re.S)
            return found[1].decode("utf-8", "replace").lower() if found else ""
    return ""
