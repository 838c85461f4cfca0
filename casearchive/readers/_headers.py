"""From the header of a DICOM file to values of ``model``: tolerant of bad values, silent about identities.

pydicom stays inside this folder. A value that cannot be what its attribute says becomes None and a note that
names the attribute, never the value.
"""

from __future__ import annotations

import logging
import math
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from casearchive.attributes import FREE_TEXT, IDENTIFYING, SAFE_PRIVATE, Attribute, by_level
from casearchive.errors import UnreadableFile
from casearchive.model import Identifier, PrivateNumbers, Reference, Timing, UltrasoundRegion
from casearchive.readers import _timing
from casearchive.readers._shared import clean, ranges
from casearchive.readers._structure import Structure
from casearchive.scale import SAME_SCALE, calibrated, doubts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

_DICOM_ROOT = "1.2.840.10008."
_UNKNOWN = Timing()
#: More ultrasound regions than any scanner draws: what follows is damage.
_MAX_REGIONS = 256


@cache
def _quiet() -> None:
    """Keep pydicom from speaking: its warnings and log lines quote values, and a value may be a name."""
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"pydicom\..*")


def read_header(structure: Structure) -> Dataset:
    """The elements before the pixel data. Raises ``UnreadableFile`` (``damaged``)."""
    from pydicom.filereader import read_dataset

    _quiet()
    content = structure.header(blank=_strange_character_sets(structure))
    encoding = structure.encoding
    try:
        return read_dataset(BytesIO(content), encoding.implicit, not encoding.big_endian)
    except Exception as error:  # pydicom raises two dozen kinds on damaged headers
        raise UnreadableFile(
            "damaged",
            f"its header contradicts itself ({type(error).__name__})",
            hint="copy the file again from the scanner or the archive it came from",
        ) from error


def _strange_character_sets(structure: Structure) -> tuple[tuple[int, int], ...]:
    """Character sets that DICOM does not know; pydicom would obey any Python codec a file names."""
    from pydicom.charset import python_encoding

    strange = []
    for position, length in structure.character_sets:
        names = structure.source.read(position, length).decode("ascii", "replace").rstrip("\0 ").split("\\")
        if any(name.strip() not in python_encoding for name in names):
            strange.append((position, length))
    return tuple(strange)


# --------------------------------------------------------------------------------------------------- values


@cache
def _tag_of(keyword: str) -> BaseTag:
    """Raises ``ValueError`` for what is no keyword of the standard."""
    from pydicom.tag import Tag

    return Tag(keyword)


@dataclass
class Header:
    """A header with a memory for what was wrong with it."""

    dataset: Dataset
    notes: list[str] = field(default_factory=list)

    def value(self, keyword: str, within: Dataset | None = None) -> Any:
        """The value as pydicom gives it, or None where it is absent, empty or cannot be converted."""
        source = self.dataset if within is None else within
        tag = _tag_of(keyword)
        if tag not in source:  # most attributes are absent from most files: asking pydicom by name costs more
            return None
        try:
            found = source[tag].value
        except Exception:  # noqa: BLE001 - conversion of a bad value raises whatever it likes
            self._unusable(keyword)
            return None
        return None if found is None or found == "" else found

    def text(self, keyword: str, within: Dataset | None = None) -> str | None:
        found = self.value(keyword, within)
        if found is None or isinstance(found, bytes):
            return None
        parts = _as_list(found)
        return clean("\\".join("" if part is None else str(part) for part in parts)) or None

    def number(self, keyword: str, within: Dataset | None = None) -> float | None:
        """The first value as a finite number."""
        found = self.value(keyword, within)
        if found is None:
            return None
        parts = _as_list(found)
        try:
            result = float(str(parts[0]).strip()) if parts else math.nan
        except ValueError:
            result = math.nan
        if not math.isfinite(result):
            self._unusable(keyword)
            return None
        return result

    def second(self, keyword: str) -> float | None:
        """The second value as a finite number, or None."""
        parts = _as_list(self.value(keyword))
        try:
            result = float(str(parts[1]).strip()) if len(parts) > 1 else math.nan
        except ValueError:
            result = math.nan
        return result if math.isfinite(result) else None

    def integer(self, keyword: str, within: Dataset | None = None) -> int | None:
        result = self.number(keyword, within)
        if result is None:
            return None
        if result != int(result) or abs(result) >= 2**63:
            self._unusable(keyword)
            return None
        return int(result)

    def integers(self, keyword: str, within: Dataset, *, big_endian: bool = False) -> list[int]:
        """All values as integers; bytes are 16-bit words in the order of the file."""
        found = self.value(keyword, within)
        if isinstance(found, bytes):
            order = ">" if big_endian else "<"
            return list(struct.unpack(f"{order}{len(found) // 2}H", found[: len(found) // 2 * 2]))
        try:
            return [int(part) for part in _as_list(found)] if found is not None else []
        except (TypeError, ValueError):
            self._unusable(keyword)
            return []

    def items(self, keyword: str, within: Dataset | None = None) -> list[Dataset]:
        """The items of a sequence, at the top level or within another item."""
        from pydicom.dataset import Dataset as PydicomDataset

        found = self.value(keyword, within)
        try:
            return [item for item in found if isinstance(item, PydicomDataset)] if found is not None else []
        except Exception:  # noqa: BLE001 - items are parsed when they are touched, and may be anything
            self._unusable(keyword)
            return []

    def level(self, name: str) -> dict[str, Any]:
        """The columns of one level of ``attributes.TABLE``, by name."""
        return {attribute.column: self._column(attribute) for attribute in by_level(name)}

    def _column(self, attribute: Attribute) -> Any:
        if attribute.kind == "int":
            return self.integer(attribute.keyword)
        if attribute.kind == "real":
            return self.number(attribute.keyword)
        found = self.text(attribute.keyword)
        if found is None or attribute.kind == "text":
            return found
        result = _SHAPES[attribute.kind](found)
        if result is None:
            self._unusable(attribute.keyword)
        return result

    def _unusable(self, keyword: str) -> None:
        note = f"{keyword} holds no usable value"
        if note not in self.notes:
            self.notes.append(note)


def _as_list(value: Any) -> list[Any]:
    from pydicom.multival import MultiValue

    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def iso_date(text: str) -> str | None:
    """DA (``20040119``, also the old ``2004.01.19``) as ISO 8601, or None."""
    match = re.fullmatch(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", text.strip())
    if not match:
        return None
    try:
        return date(*map(int, match.groups())).isoformat()
    except ValueError:
        return None


def _iso_time(text: str) -> str | None:
    """TM (``143015.25``, also ``14:30``) as ISO 8601, or None."""
    match = re.fullmatch(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d{1,6})?", text.strip())
    if not match:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return f"{hours:02}:{minutes:02}:{seconds:02}{match.group(4) or ''}"


def _age(text: str) -> str | None:
    """AS as written: three digits and D, W, M or Y (PS3.5 6.2)."""
    match = re.fullmatch(r"(\d{1,3})([DWMY])", text.strip().upper())
    return f"{int(match.group(1)):03}{match.group(2)}" if match else None


_SHAPES = {"date": iso_date, "time": _iso_time, "age": _age}


# ---------------------------------------------------------------------------------------------- identifiers


@cache
def _identifying_tags() -> dict[int, str]:
    from pydicom.datadict import tag_for_keyword

    found = ((tag_for_keyword(keyword), keyword) for keyword in (*IDENTIFYING, *FREE_TEXT))
    return {int(tag): keyword for tag, keyword in found if tag is not None}


def identifiers(dataset: Dataset) -> tuple[Identifier, ...]:
    """Everything that must never leave, at any depth: what ``IDENTIFYING`` and ``FREE_TEXT`` name, all names, UIDs
    and dates.

    UIDs of the standard itself (classes, codings) identify nobody and are left out.
    """
    found: dict[Identifier, None] = {}
    pending: list[tuple[Dataset, str]] = [(dataset, "")]
    while pending:
        holder, inherited = pending.pop()
        for keyword, vr, value in _telling_elements(holder, inherited):
            if vr == "SQ":
                pending.extend((item, keyword if keyword in IDENTIFYING else inherited) for item in value)
                continue
            for part in _as_list(value):
                text = clean(str(part)) if part is not None and not isinstance(part, bytes) else ""
                if text and not (vr == "UI" and text.startswith(_DICOM_ROOT)):
                    found[Identifier(inherited or keyword, text)] = None
    return tuple(sorted(found, key=lambda each: (each.keyword, each.value)))


_TEXT_VRS = frozenset(("AE", "AS", "CS", "IS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"))
_ALWAYS_TELLING = frozenset(("UI", "PN", "DA", "DT", "SQ"))


def _telling_elements(holder: Dataset, inherited: str) -> Iterator[tuple[str, str, Any]]:
    """(keyword, VR, value) of what can identify; other elements are not even converted."""
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    for tag in list(holder.keys()):
        try:
            raw = holder.get_item(tag)
            vr = (getattr(raw, "VR", None) or "UN") if raw is not None else "UN"
            if vr == "UN" and not tag.is_private:
                vr = dictionary_VR(tag)
            named = _identifying_tags().get(int(tag), "")
            if not (named or vr in _ALWAYS_TELLING or (inherited and vr in _TEXT_VRS)):
                continue
            element = holder[tag]
            keyword = named or keyword_for_tag(tag) or f"({tag.group:04X},{tag.element:04X})"
            if element.value is not None:
                yield keyword, element.VR, element.value
        except Exception:  # noqa: BLE001, S112 - one element that cannot be converted hides no other
            continue


def private_numbers(dataset: Dataset) -> tuple[PrivateNumbers, ...]:
    """The safe private elements of the data set that are numbers of the kind they should be, at its top level only."""
    found = []
    groups = {tag.group for tag in list(dataset.keys())}
    for known in SAFE_PRIVATE:
        if known.group not in groups:
            continue
        try:
            element = dataset.private_block(known.group, known.creator)[known.element]
            values = tuple(float(part) for part in _as_list(element.value))
        except Exception:  # noqa: BLE001, S112 - absent, or its value is no number
            continue
        few = known.many or len(values) == 1
        if known.vr == element.VR and values and few and all(map(math.isfinite, values)):
            found.append(PrivateNumbers(known.creator, known.group, known.element, values))
    return tuple(found)


def pixel_aspect(dataset: Dataset) -> tuple[int, int]:
    """Height and width of a pixel as Pixel Aspect Ratio says; 1 and 1 where it says nothing that can be true."""
    try:
        high, wide = (int(part) for part in dataset.get("PixelAspectRatio") or (1, 1))
    except Exception:  # noqa: BLE001 - conversion of a bad value raises whatever it likes
        return 1, 1
    sound = 0 < high < 10_000 and 0 < wide < 10_000 and 0.1 <= high / wide <= 10
    return (high, wide) if sound else (1, 1)


def references(dataset: Dataset) -> tuple[Reference, ...]:
    """The images that the data set itself points to, at its top level only, each once."""
    found = []
    for keyword in ("ReferencedImageSequence", "SourceImageSequence"):
        try:
            uids = [str(item.ReferencedSOPInstanceUID) for item in dataset.get(keyword) or ()]
        except Exception:  # noqa: BLE001, S112 - no sequence, or an item that cannot be read
            continue
        found += [Reference(keyword, uid) for uid in uids if uid]
    return tuple(dict.fromkeys(found))


def subject_identity(header: Header, study_uid: str | None, sha256: str) -> str:
    """What tells patients apart: number and issuer, else name and birth date, else study, else file."""
    number, name = header.text("PatientID"), header.text("PatientName")
    if number:
        return f"{number}|{header.text('IssuerOfPatientID') or ''}"
    if name:
        return f"{name}|{header.text('PatientBirthDate') or ''}"
    return study_uid or f"sha256:{sha256}"


# --------------------------------------------------------------------------------------------------- timing

#: What says how fast a clip was, the most trusted first; what Frame Increment Pointer names goes before all.
_SPEEDS = ("FrameTimeVector", "FrameTime", "CineRate", "RecommendedDisplayFrameRate")


def timing(header: Header, frames: int, stream: Timing = _UNKNOWN) -> Timing:
    """How fast the clip was (PS3.3 C.7.6.5): what Frame Increment Pointer names first, then what else is there.

    ``stream`` is what a video inside says of itself; it is asked last. Not asked at all: Frame Delay and Actual
    Frame Duration, which tell when and how long a frame was taken and not when the next one came; Effective
    Duration, which may have gaps; Start Trim and Stop Trim, which only suggest what to show.
    """
    if frames <= 1:
        return _UNKNOWN
    _say_how_it_wants_to_be_played(header, frames)
    for keyword in dict.fromkeys((*_pointed_at(header), *_SPEEDS)):
        found = _by(header, keyword, frames)
        if found is None:
            continue
        if found.fps is not None:
            _say_who_disagrees(header, found, frames)
            return found
        header.notes.append(f"{keyword} gives no possible frame rate and was not believed")
    return stream


def _pointed_at(header: Header) -> list[str]:
    """The speeds that Frame Increment Pointer names, of those that are there; a note for what it should not name."""
    from pydicom.datadict import keyword_for_tag

    pointer = header.value("FrameIncrementPointer")
    found = []
    for part in _as_list(pointer) if pointer is not None else []:
        # of another VR than AT it may be anything, which pydicom would take for the name of an attribute
        keyword = keyword_for_tag(part) if isinstance(part, int) else ""
        keyword = keyword or "a private attribute"
        if keyword not in ("FrameTime", "FrameTimeVector"):
            header.notes.append(f"its frames are ordered by {keyword}, not by time")
        elif header.value(keyword) is None:
            header.notes.append(f"its Frame Increment Pointer names {keyword}, which is not there")
        else:
            found.append(keyword)
    return found


def _by(header: Header, keyword: str, frames: int) -> Timing | None:
    """What one attribute says: None where it is absent, a timing without ``fps`` where it cannot be true."""
    if keyword == "FrameTimeVector":
        return _by_vector(header, frames)
    number = header.number(keyword)
    if number is None:
        return None
    fps = (1000.0 / number if number > 0 else 0.0) if keyword == "FrameTime" else number
    return _timing.steady(fps, frames, keyword) if _timing.possible(fps) else _UNKNOWN


def _by_vector(header: Header, frames: int) -> Timing | None:
    """The steps of Frame Time Vector in milliseconds; its first entry, before the first frame, is always 0."""
    found = header.value("FrameTimeVector")
    if found is None:
        return None
    try:
        steps = [float(part) for part in _as_list(found)]
    except (TypeError, ValueError):
        header.notes.append("FrameTimeVector holds no usable value")
        return None
    if len(steps) < 2 or not all(math.isfinite(step) and step >= 0 for step in steps):
        return _UNKNOWN
    if len(steps) != frames:
        header.notes.append(f"FrameTimeVector times {len(steps)} frames, and there are {frames}")
    times = [0.0, *accumulate(step / 1000.0 for step in steps[1:frames])]
    timing = _timing.from_times(times, "FrameTimeVector")
    if timing is None or timing.fps is None:
        return _UNKNOWN
    if len(times) != frames:  # the mean is the best that is known of the others
        return _timing.steady(timing.fps, frames, "FrameTimeVector")
    if timing.times:
        header.notes.append(_timing.UNEVEN)
    return timing


def _say_who_disagrees(header: Header, taken: Timing, frames: int) -> None:
    """Name the attributes whose speed is another by more than a quarter, and what they say."""
    for keyword in _SPEEDS[2:]:
        other = _by(header, keyword, frames) if keyword != taken.source else None
        if (
            other is not None
            and other.fps
            and taken.fps
            and abs(math.log(other.fps / taken.fps)) > math.log(1.25)
        ):
            header.notes.append(
                f"{taken.source} says {taken.fps:g} frames a second and {keyword} {other.fps:g}; "
                f"{taken.source} is used"
            )


def _say_how_it_wants_to_be_played(header: Header, frames: int) -> None:
    """Start Trim, Stop Trim and Preferred Playback Sequencing are wishes of the sender: told, and all frames kept."""
    start, stop = header.integer("StartTrim"), header.integer("StopTrim")
    if (start or 1, stop or frames) != (1, frames) and 1 <= (start or 1) <= (stop or frames) <= frames:
        header.notes.append(
            f"its sender would show only frames {start or 1} to {stop or frames}; all are kept"
        )
    if header.integer("PreferredPlaybackSequencing") == 1:
        header.notes.append("its sender would play it forwards and backwards in turn")


# ------------------------------------------------------------------------------------------------- regions


def regions(header: Header, rows: int, columns: int) -> tuple[UltrasoundRegion, ...]:
    """Sequence of Ultrasound Regions (PS3.3 C.8.5.5), in file order; a note for whatever is doubtful.

    Regions are numbered as they are kept; those left out are named by their place in the header.
    """
    found = []
    items = header.items("SequenceOfUltrasoundRegions")
    left_out: dict[str, list[int]] = {}
    if len(items) > _MAX_REGIONS:
        header.notes.append(f"{len(items)} ultrasound regions: only the first {_MAX_REGIONS} were read")
    for number, item in enumerate(items[:_MAX_REGIONS], start=1):
        region = _region(header, item)
        if region is None or not (region.min_x0 <= region.max_x1 and region.min_y0 <= region.max_y1):
            left_out.setdefault("no usable corners", []).append(number)
        elif not (
            region.min_x0 < columns and region.min_y0 < rows and region.max_x1 >= 0 and region.max_y1 >= 0
        ):
            left_out.setdefault("outside", []).append(number)
        else:
            found.append(region)
    header.notes.extend(_left_out(left_out))
    header.notes.extend(doubts(found, rows, columns))
    if not calibrated(found):
        _say_spacing(header, bool(items))
    return tuple(found)


def _left_out(numbers: dict[str, list[int]]) -> Iterator[str]:
    """A line for each reason why regions were left out, naming them by their places in the header."""
    for reason, places in numbers.items():
        one = len(places) == 1
        name = f"item{'' if one else 's'} {ranges(places)} of the ultrasound regions"
        said = (
            f"{'lies' if one else 'lie'} outside the picture"
            if reason == "outside"
            else f"{'has' if one else 'have'} {reason}"
        )
        yield f"{name} {said} and {'was' if one else 'were'} left out"


def _say_spacing(header: Header, has_regions: bool) -> None:
    """A note where only Pixel Spacing tells a size: nothing says that it holds for the whole of the screen.

    Its first value is the distance of rows, its second that of columns (PS3.3 10.7.1.1).
    """
    region = "ultrasound region that can be used" if has_regions else "ultrasound region"
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        down = header.number(keyword)
        if down is None or down <= 0:
            continue
        across = header.second(keyword)
        said = f"{down:.3g} mm a pixel"
        if across is None or across <= 0:
            said += " down and nothing that can be used across"
        elif not math.isclose(down, across, rel_tol=SAME_SCALE):
            said = f"{across:.3g} mm a pixel across and {down:.3g} mm down"
        header.notes.append(
            f"{keyword} says {said}, but no {region} says where that holds: lengths are in pixels"
        )
        return


def _region(header: Header, item: Dataset) -> UltrasoundRegion | None:
    corners = [
        header.integer(keyword, item)
        for keyword in (
            "RegionLocationMinX0",
            "RegionLocationMinY0",
            "RegionLocationMaxX1",
            "RegionLocationMaxY1",
        )
    ]
    left, top, right, bottom = corners
    if left is None or top is None or right is None or bottom is None:
        return None
    return UltrasoundRegion(
        min_x0=left,
        min_y0=top,
        max_x1=right,
        max_y1=bottom,
        spatial_format=header.integer("RegionSpatialFormat", item),
        data_type=header.integer("RegionDataType", item),
        flags=header.integer("RegionFlags", item),
        units_x=header.integer("PhysicalUnitsXDirection", item),
        units_y=header.integer("PhysicalUnitsYDirection", item),
        delta_x=header.number("PhysicalDeltaX", item),
        delta_y=header.number("PhysicalDeltaY", item),
        ref_pixel_x0=header.integer("ReferencePixelX0", item),
        ref_pixel_y0=header.integer("ReferencePixelY0", item),
        ref_value_x=header.number("ReferencePixelPhysicalValueX", item),
        ref_value_y=header.number("ReferencePixelPhysicalValueY", item),
    )
