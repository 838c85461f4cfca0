"""Reads DICOM of any coding: structure first, then the header, then one frame when it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.model import (
    TOO_FEW,
    Facts,
    Identifier,
    Instance,
    Series,
    Study,
    Subject,
    Timing,
    UltrasoundRegion,
)
from casearchive.readers import (
    _codecs,
    _content,
    _dicom_video,
    _frames,
    _headers,
    _presentation,
    _report,
    _shared,
    _structure,
    _ultrasound,
    _video,
    _videotime,
)
from casearchive.readers._decoding import MONOCHROME
from casearchive.readers._frames import Layout
from casearchive.readers._headers import Header
from casearchive.readers._pictures import DicomClip
from casearchive.readers._structure import Structure

NAME = "dicom"
PRIORITY = 10

#: What a class of object must hold; where it does not, the file was cut between two elements.
_MUST_HOLD = (
    ("1.2.840.10008.5.1.4.1.1.88.", 0x0040A730),  # Content Sequence of a structured report
    ("1.2.840.10008.5.1.4.1.1.104.", 0x00420011),  # Encapsulated Document
    ("1.2.840.10008.5.1.4.1.1.9.", 0x54000100),  # Waveform Sequence
)
#: Pixel Data Provider URL: JPIP referenced pixel data (PS3.5 A.6).
_PROVIDER_URL = 0x00287FE0
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")
_NAMES = frozenset((*_COLOUR, *MONOCHROME, "PALETTE COLOR", "XYB", "HSV", "ARGB", "CMYK"))


def sniff(head: bytes, size: int) -> bool:
    """The DICM mark, or data elements from the first byte on."""
    return _structure.looks_like_dicom(head)


def open(path: Path, sha256: str) -> Clip:
    """Raises ``UnreadableFile``: ``truncated``, ``damaged`` or ``dicomdir``."""
    structure = _structure.scan(path)
    _codecs.begin()
    try:
        header = Header(_headers.read_header(structure), list(structure.notes))
        layout = _layout(structure, header)
        structure = _without_half_a_frame(structure, header)
        video = _video_of(structure, header, layout)
        frames = _frame_count(structure, header, layout, video)
        facts = _facts(structure, header, layout, frames, sha256, video)
        clip = DicomClip(structure, header, layout, frames, facts, _video=video)
        if structure.cut:
            _refuse_where_nothing_can_be_shown(structure, clip)
        return clip
    except BaseException:
        structure.source.close()
        raise


def _without_half_a_frame(structure: Structure, header: Header) -> Structure:
    """Of compressed frames in a file that was cut, those that are whole, or the only one as far as it goes."""
    found = structure.pixels
    if found is None or not found.cut or found.native is not None or _dicom_video.is_video(structure):
        return structure
    promised = max(0, header.integer("NumberOfFrames") or 0)
    frames = _frames.frame_fragments(found, structure.source, promised)
    whole = len(frames) == promised and not found.partial
    if len(frames) < 2 or (whole or not _last_is_half(structure, frames, promised)):
        return structure
    kept = len(found.fragments) - len(frames[-1])
    found = replace(found, fragments=found.fragments[:kept], item_starts=found.item_starts[:kept])
    return replace(structure, pixels=found)


def _last_is_half(
    structure: Structure, frames: tuple[tuple[tuple[int, int], ...], ...], promised: int
) -> bool:
    """Whether the last frame misses something: part of its fragment, or a fragment that others of its kind have."""
    assert structure.pixels is not None
    return structure.pixels.partial or (len(frames) < promised and len(frames[-1]) < len(frames[0]))


def _refuse_where_nothing_can_be_shown(structure: Structure, clip: DicomClip) -> None:
    """Of a file that was cut before the end of its only frame, at least a part must be seen; else it is refused.

    Where a codec is missing nobody can tell, and the file is kept.
    """
    found = structure.pixels
    if found is None or not found.cut or clip.facts.instance.frames != 1:
        return
    try:
        clip.glimpse(1, 64)
    except PictureUnavailable as trouble:
        if not trouble.hint:
            _refuse("truncated", "the file ends before anything of its picture can be shown")


# ------------------------------------------------------------------------------------------------------ facts


def _layout(structure: Structure, header: Header) -> Layout | None:
    """How the samples lie, or None where the object is no picture; raises where it should be one."""
    rows, columns = header.integer("Rows"), header.integer("Columns")
    if structure.pixels is None:
        if structure.has(_PROVIDER_URL):
            header.notes.append("its pixels lie on a server that its header names; they are not fetched")
            return None
        _refuse_half_an_object(structure, header, bool(rows and columns))
        return None
    if not rows or not columns or rows < 0 or columns < 0:
        _refuse(
            "truncated" if structure.cut else "damaged",
            "it holds pixel data without saying how many rows and columns",
        )
    samples = header.integer("SamplesPerPixel") or 1
    allocated = header.integer("BitsAllocated") or 8
    stored = header.integer("BitsStored") or allocated
    high_bit = header.integer("HighBit")
    photometric = (header.text("PhotometricInterpretation") or "").upper()
    if not photometric:
        photometric = "RGB" if samples == 3 else "MONOCHROME2"
        header.notes.append(f"the photometric interpretation is not stated; {photometric} was taken")
    elif photometric not in _NAMES:  # its name is not repeated in a note: any text can stand there
        photometric = (
            "YBR_FULL" if photometric.startswith("YBR") else "RGB" if samples == 3 else "MONOCHROME2"
        )
        header.notes.append(
            f"its photometric interpretation is none of the standard's; {photometric} was taken"
        )
    if samples == 1 and photometric in _COLOUR:
        header.notes.append(f"called {photometric} but has one sample a pixel; shown as grey")
        photometric = "MONOCHROME2"
    if samples == 3 and photometric in (*MONOCHROME, "PALETTE COLOR"):
        header.notes.append(f"called {photometric} but has three samples a pixel; shown as RGB")
        photometric = "RGB"
    if samples not in (1, 3, 4) or not 1 <= allocated <= 64 or not 1 <= stored <= allocated:
        _refuse("damaged", "what it says about its samples cannot be true")
    layout = Layout(
        rows=rows,
        columns=columns,
        samples=samples,
        allocated=allocated,
        stored=stored,
        high_bit=stored - 1 if high_bit is None or not stored - 1 <= high_bit < allocated else high_bit,
        signed=header.integer("PixelRepresentation") == 1,
        planar=header.integer("PlanarConfiguration") == 1,
        photometric=photometric,
    )
    return replace(layout, pairs=_pairs(structure, header, layout))


def _pairs(structure: Structure, header: Header, layout: Layout) -> str:
    """How the pixels of native data share their chroma; its length tells where the label does not.

    Tools that decompress often leave ``YBR_FULL_422`` on data in which every pixel has its own chroma.
    """
    called_shared = layout.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422")
    if structure.pixels is None or structure.pixels.native is None or layout.allocated not in (8, 16):
        return ""
    if layout.samples != 3 or not (called_shared or layout.photometric == "YBR_FULL"):
        return ""
    frames = max(1, header.integer("NumberOfFrames") or 1)
    length = structure.pixels.native[1]

    def size(pairs: str) -> int:
        return _frames.native_samples(layout.rows, layout.columns, 3, pairs) * layout.allocated // 8

    def fits(pairs: str) -> bool:
        return frames * size(pairs) <= length <= frames * size(pairs) + 1

    kind = "run" if length % size("run") <= 1 and length % size("rows") > 1 else "rows"
    told = _told_by_content(structure, layout)
    if called_shared:
        # A file that is cut says nothing by its length; padding and wrong counts of frames leave it in doubt.
        long_enough = fits("") or (length >= frames * size("") and not fits("rows"))
        if told == "own" or (told != "shared" and long_enough and not structure.cut):
            header.notes.append(
                f"called {layout.photometric} but every pixel has its own colour; shown as it is stored"
            )
            return ""
        return kind
    if fits("rows") or (told == "shared" and not fits("")):
        header.notes.append("called YBR_FULL but two pixels share their colour; shown as it is stored")
        return kind
    return ""


def _told_by_content(structure: Structure, layout: Layout) -> str:
    """Whether the pixels ``own`` or ``shared`` their chroma, or nothing where 8-bit samples do not tell.

    Like samples lie three apart where every pixel has its own, four apart (Y Y Cb Cr) where two share them.
    """
    found = structure.pixels
    if found is None or found.native is None or layout.allocated != 8 or layout.planar:
        return ""
    parts = []
    for eighth in (1, 3, 5, 7):  # the middle of a screen has more to tell than its edges
        start = found.native[1] * eighth // 8
        size = min(1 << 15, found.native[1] // 8)
        raw = _frames.native_bytes(structure.source, found, start, size, 8, structure.encoding)
        parts.append(np.frombuffer(raw, np.uint8).astype(np.int16))
    three = sum(float(np.abs(part[3:] - part[:-3]).sum()) for part in parts)
    four = sum(float(np.abs(part[4:] - part[:-4]).sum()) for part in parts)
    if three < 0.5 * four:
        return "own"
    return "shared" if four < 0.5 * three else ""


def _refuse_half_an_object(structure: Structure, header: Header, has_size: bool) -> None:
    class_uid = header.text("SOPClassUID") or ""
    if has_size or _is_image_class(class_uid):
        _refuse("truncated", "it is an image but ends before its pixel data")
    if not class_uid:
        _refuse("damaged", "it says neither what it is nor holds a picture")
    for prefix, tag in _MUST_HOLD:
        if class_uid.startswith(prefix) and not structure.has(tag):
            _refuse("truncated", "it ends before its content")
    if not header.text("SOPInstanceUID"):
        _refuse("truncated", "it ends before its own UID")


def _is_image_class(class_uid: str) -> bool:
    from pydicom.uid import UID

    return bool(class_uid) and "Image Storage" in UID(class_uid).name


def _video_of(structure: Structure, header: Header, layout: Layout | None) -> _video.Video | None:
    """The video stream inside, where there is one and it can be opened here; a note where it cannot."""
    if layout is None or not _dicom_video.is_video(structure):
        return None
    if not _video.available():
        header.notes.append(
            "its video is not shown: PyAV is not installed (pip install 'casearchive[video]')"
        )
        return None
    try:
        return _dicom_video.opened(structure)
    except _video.VideoError as trouble:
        header.notes.append(f"its video cannot be shown: {trouble}")
        return None


def _frame_count(
    structure: Structure, header: Header, layout: Layout | None, video: _video.Video | None
) -> int:
    """How many frames there really are; what differs from what is promised becomes a note."""
    if layout is None or structure.pixels is None:
        return 0
    stated = header.integer("NumberOfFrames")
    promised = stated if stated is not None and stated >= 1 else None
    if _dicom_video.is_video(structure):
        if structure.cut:
            header.notes.append("the file ends early: the end of its video may be missing")
            if video is None and _video.available():
                _refuse("truncated", "the file ends before anything of its video can be shown")
        if video is None or not video.facts.counted:
            return promised or 1
        if promised != video.facts.frames:
            header.notes.append(f"{TOO_FEW} {promised or 1} frames and its video holds {video.facts.frames}")
        return video.facts.frames
    held = _frames_held(structure, header, layout, promised)
    if structure.cut:
        header.notes.append(_how_much_is_there(held, promised))
        return min(held, promised or held)
    if promised is None:
        if held > 1:
            header.notes.append(f"it does not say how many frames it holds; {held} were found")
        return held
    if held < promised:
        header.notes.append(f"{TOO_FEW} {promised} frames and holds {held}")
    elif held > promised:
        header.notes.append(f"it holds {held} frames and speaks of {promised}; the others are not shown")
    return min(held, promised)


def _how_much_is_there(held: int, promised: int | None) -> str:
    if promised is None or promised == 1 == held:
        return "the file ends early: some of its picture may be missing"
    if held >= promised:
        return f"the file ends early, but all of its {promised} frames are there"
    return f"the file ends early: {held} of {promised} frames {'is' if held == 1 else 'are'} there"


def _frames_held(structure: Structure, header: Header, layout: Layout, promised: int | None) -> int:
    """How many frames the pixel data holds. Half a frame is a picture where there is no other."""
    assert structure.pixels is not None
    if structure.pixels.native is None:
        found = _frames.frame_fragments(structure.pixels, structure.source, promised or 0)
        if not found:
            _refuse("truncated", "its pixel data holds no frame")
        if promised == 1:
            return max(1, sum(_frames.begins_picture(structure.source.read(f[0], 12)) for f in found[0]))
        return len(found)
    held = _frames.native_frames(structure.pixels, layout)
    if held:
        return held
    share = structure.pixels.native[1] * 8 / max(1, layout.native_bits)
    if share < 0.5:
        _refuse("truncated", "its pixel data is shorter than one frame")
    header.notes.append(f"its pixel data holds only {int(share * 100)} % of a frame")
    return 1


def _facts(
    structure: Structure,
    header: Header,
    layout: Layout | None,
    frames: int,
    sha256: str,
    video: _video.Video | None,
) -> Facts:
    study = header.level("study")
    series = header.level("series")
    instance = header.level("instance")
    found: tuple[UltrasoundRegion, ...] = ()
    if layout is not None:
        found = _headers.regions(header, layout.rows, layout.columns)
        instance |= {"rows": layout.rows, "columns": layout.columns}
    else:
        header.notes.append("this DICOM object holds no picture")
    instance["frames"] = frames
    instance["transfer_syntax_uid"] = structure.transfer_syntax
    instance |= _ultrasound.technique(header, found)
    identity = _headers.subject_identity(header, study["study_instance_uid"], sha256)
    _settle_uids(structure, header, study, series, instance, sha256)
    stream, remarks = _videotime.timing(video.facts) if video else (Timing(), ())
    timing = _headers.timing(header, frames, stream)
    if video is not None:
        told = _videotime.remarks(video.facts)
        header.notes += [*told, *(remarks if timing is stream else ())]
    return Facts(
        kind="dicom",
        subject=Subject(identity=identity, **header.level("subject")),
        study=Study(**study),
        series=Series(**series),
        instance=Instance(**instance),
        timing=timing,
        regions=found,
        identifiers=_identifiers(structure, header),
        notes=tuple(header.notes),
        media_type="application/dicom",
        claims=_ultrasound.claims(header, found),
        private=_headers.private_numbers(header.dataset),
        references=_headers.references(header.dataset),
        pixel_aspect=_headers.pixel_aspect(header.dataset),
        report=_report.words(header) if layout is None else "",
        content=_content.tree(header) if layout is None else None,
        presentation=_presentation.state(header) if layout is None else None,
    )


def _settle_uids(
    structure: Structure,
    header: Header,
    study: dict[str, Any],
    series: dict[str, Any],
    instance: dict[str, Any],
    sha256: str,
) -> None:
    """Every level has a UID: its own, that of the file meta information, or one derived from the content."""
    in_meta = _shared.clean(structure.meta.get(0x00020003, b"").rstrip(b"\0 ").decode("ascii", "replace"))
    own = instance["sop_instance_uid"]
    if own and in_meta and own != in_meta:
        header.notes.append(
            "its file meta information names another SOP Instance UID; the data set's is used"
        )
    if not own:
        instance["sop_instance_uid"] = in_meta or _shared.derived_uid(sha256)
        header.notes.append("it has no SOP Instance UID of its own")
    for values, column, level in (
        (study, "study_instance_uid", "/study"),
        (series, "series_instance_uid", "/series"),
    ):
        if not values[column]:
            values[column] = _shared.derived_uid(sha256, level)
            header.notes.append(f"it has no {column.removesuffix('_instance_uid')} instance UID")


def _identifiers(structure: Structure, header: Header) -> tuple[Identifier, ...]:
    found = dict.fromkeys(_headers.identifiers(header.dataset))
    in_meta = structure.meta.get(0x00020003, b"").rstrip(b"\0 ").decode("ascii", "replace")
    if in_meta:
        found[Identifier("MediaStorageSOPInstanceUID", _shared.clean(in_meta))] = None
    return tuple(found)


def _refuse(reason: str, what: str) -> NoReturn:
    raise UnreadableFile(
        reason, what, hint="copy the file again from the scanner or the archive it came from"
    )
